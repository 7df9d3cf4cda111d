"""feature-extraction: the reference's vectors, and none for padding."""

import pytest

from bearhug import AutoModelForSequenceClassification, AutoTokenizer, pipeline

TEXTS = ["a bear hug is very warm", "the cat", "Anna likes the big bears, and hugs it softly!"]


@pytest.mark.reference
@pytest.mark.parametrize(
    "options",
    [{}, {"return_tensors": True}, {"truncation": True}, {"tokenize_kwargs": {"max_length": 6, "truncation": True}}],
)
def test_answers_are_the_references(pipes, same, options):
    ours, theirs = pipes("feature-extraction", "bert-base")
    for inputs in (TEXTS[0], TEXTS, TEXTS[:1]):
        same(ours(inputs, **options), theirs(inputs, **options))


def test_a_batch_gives_each_text_its_own_tokens(pipes, same):
    """Law 1: the reference hands out vectors of padding."""
    ours, _ = pipes("feature-extraction", "bert-base")

    same(ours(TEXTS, batch_size=3), ours(TEXTS))


def test_a_model_with_a_head_gives_its_hidden_states(folder):
    model = AutoModelForSequenceClassification.from_pretrained(folder("bert-classifier"))
    pipe = pipeline(
        "feature-extraction", model=model, tokenizer=AutoTokenizer.from_pretrained(folder("bert-classifier"))
    )

    assert pipe(TEXTS[1], return_tensors=True).shape == (1, 4, 32)


def test_an_option_given_twice_is_refused(pipes):
    ours, _ = pipes("feature-extraction", "bert-base")
    with pytest.raises(ValueError, match="given twice"):
        ours(TEXTS[0], truncation=True, tokenize_kwargs={"truncation": False})
