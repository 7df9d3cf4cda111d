"""text-classification: the reference's answers, in its shapes."""

import pytest

TEXTS = ["a bear hug is very warm", "Hugo lives in Berlin now", "the cat sat", "Anna likes big bears, and hugs softly!"]
PAIR = {"text": "the cat", "text_pair": "sat on"}
INPUTS = {
    "a text": TEXTS[0],
    "texts": TEXTS,
    "a list of one": TEXTS[:1],
    "a pair": PAIR,
    "pairs": [PAIR, PAIR],
    "a pair in lists, as of old": [[["a cat", "sat"]]],
}
OPTIONS = [
    {},
    {"top_k": 1},
    {"top_k": 2},
    {"top_k": None},
    {"function_to_apply": "sigmoid"},
    {"function_to_apply": "none", "top_k": None},
    {"batch_size": 3},
]
CLASSIFIERS = [
    "bert-classifier",
    "bert-regression",
    "bert-one",
    "bert-multi",
    "distilbert-classifier",
    "gpt2-classifier",
]


@pytest.mark.reference
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_answers_are_the_references(pipes, same, name):
    """Every kind of input with every option, for each kind of head."""
    ours, theirs = pipes("text-classification", name)
    for inputs in INPUTS.values():
        for options in OPTIONS:
            same(ours(inputs, **options), theirs(inputs, **options))


@pytest.mark.reference
@pytest.mark.parametrize("options", [{"top_k": None}, {"top_k": 2}, {"function_to_apply": "sigmoid", "batch_size": 2}])
def test_options_of_the_construction_are_the_references(pipes, same, options):
    """top_k=None at construction wraps once more than in the call; so it is kept."""
    ours, theirs = pipes("sentiment-analysis", "bert-classifier", **options)
    for inputs in (TEXTS[0], TEXTS):
        same(ours(inputs), theirs(inputs))
        same(ours(inputs, top_k=1), theirs(inputs, top_k=1))


@pytest.mark.reference
def test_truncation_is_the_tokenizers(pipes, same):
    ours, theirs = pipes("text-classification", "bert-classifier")
    for options in ({}, {"max_length": 9}, {"padding": "max_length", "max_length": 20}):
        same(
            ours(" ".join(TEXTS * 3), truncation=True, **options),
            theirs(" ".join(TEXTS * 3), truncation=True, **options),
        )


def test_all_scores_of_version_four(folder):
    from bearhug import pipeline

    pipe = pipeline(model=folder("bert-classifier"), return_all_scores=True)
    scores = pipe(TEXTS[0])

    assert [one["label"] for one in scores[0]] == ["bad", "fair", "good"]
    assert pipe(TEXTS[0], return_all_scores=False) == [max(scores[0], key=lambda one: one["score"])]


def test_a_text_that_is_too_long_says_how_to_cut_it(pipes):
    ours, _ = pipes("text-classification", "bert-classifier")
    with pytest.raises(ValueError, match=r"reads 40 at most(.|\n)*truncation=True"):
        ours("the cat sat " * 30)


@pytest.mark.parametrize(
    ("inputs", "options", "says"),
    [
        ({"text": "a", "label": 1}, {}, "'label' beside its text"),
        ([["a", "b"]], {}, "a pair: pipe"),
        ([3], {}, "reads a text, and got int 3"),
        (TEXTS[0], {"function_to_apply": "sofmax"}, "Did you mean 'softmax'"),
        (TEXTS[0], {"top_k": "two"}, "how many labels"),
    ],
)
def test_wrong_inputs_and_options_are_explained(pipes, inputs, options, says):
    ours, _ = pipes("text-classification", "bert-classifier")
    with pytest.raises(ValueError, match=says):
        ours(inputs, **options)
