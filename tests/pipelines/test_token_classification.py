"""token-classification: the reference's tokens, words, entities and windows."""

import pytest

from bearhug import pipeline
from bearhug.pipelines.token_classification import drop_overlaps, group_entities

TEXTS = [
    "a bear hug is very warm",
    "Hugo lives in Berlin now",
    "the cat",
    "Anna likes the big bears, and hugs it softly!",
]
LONG = "Hugo likes the big bears in Berlin and hugs Anna softly. " * 8
STRATEGIES = ["none", "simple", "first", "average", "max"]
MODELS = ["bert-ner", "roberta-ner"]

pytestmark = pytest.mark.filterwarnings("ignore:Tokenizer does not support real words")  # the reference, for each token


@pytest.mark.reference
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", MODELS)
def test_answers_are_the_references(pipes, same, name, strategy):
    ours, theirs = pipes("ner", name)
    for inputs in (TEXTS[0], TEXTS[3], TEXTS, TEXTS[3:]):
        for more in ({}, {"ignore_labels": []}, {"ignore_labels": ["O", "PER", "B-PER"]}, {"batch_size": 3}):
            options = {"aggregation_strategy": strategy, **more}
            same(ours(inputs, **options), theirs(inputs, **options))


@pytest.mark.reference
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", MODELS)
def test_lists_of_words_are_the_references(pipes, same, name, strategy):
    ours, theirs = pipes("ner", name)
    words = [text.split() for text in TEXTS]
    for inputs, more in ((words, {}), (words[3], {"ignore_labels": []}), (words, {"delimiter": "--", "batch_size": 2})):
        options = {"is_split_into_words": True, "aggregation_strategy": strategy, **more}
        same(ours(inputs, **options), theirs(inputs, **options))


@pytest.mark.reference
@pytest.mark.parametrize("strategy", STRATEGIES[1:])
@pytest.mark.parametrize("name", MODELS)
def test_windows_of_a_long_text_are_the_references(pipes, same, name, strategy):
    ours, theirs = pipes("ner", name)
    for inputs, more in ((LONG, {"stride": 4}), ([LONG, TEXTS[0], LONG[:200]], {"stride": 8, "batch_size": 2})):
        options = {"aggregation_strategy": strategy, "ignore_labels": [], **more}
        same(ours(inputs, **options), theirs(inputs, **options))


@pytest.mark.reference
def test_a_long_text_is_cut_as_in_the_reference_and_that_is_said(pipes, same, caplog):
    ours, theirs = pipes("ner", "bert-ner", ignore_labels=[])

    same(ours(LONG), theirs(LONG))
    assert "Pass stride=8 to read all" in caplog.text


@pytest.mark.reference
def test_offsets_can_be_given(pipes, same):
    ours, theirs = pipes("ner", "bert-ner", ignore_labels=[])
    offsets = [(0, 0), (0, 3), (4, 7), (0, 0)]
    same(ours("the cat", offset_mapping=offsets), theirs("the cat", offset_mapping=offsets))
    with pytest.raises(ValueError, match="4 places, and the text 5 tokens"):
        ours("the cat sat", offset_mapping=offsets)


def test_the_names_of_version_four(folder):
    pipe = pipeline("ner", model=folder("bert-ner"), ignore_labels=[])

    assert pipe(TEXTS[3], grouped_entities=True) == pipe(TEXTS[3], aggregation_strategy="simple")
    both = pipe(TEXTS[3], grouped_entities=True, ignore_subwords=True)
    assert both == pipe(TEXTS[3], aggregation_strategy="first")


def test_one_record_a_row_in_columns(folder):
    pipe = pipeline("ner", model=folder("bert-ner"), ignore_labels=[])
    records = pipe.run(TEXTS)

    assert len(records) == len(TEXTS)
    for record, text in zip(records, TEXTS, strict=True):
        assert list(record) == ["entity", "word", "score", "start", "end"]
        assert next(text[a:b].lower() for a, b in zip(record["start"], record["end"], strict=True)) == record["word"][0]


def test_groups_begin_with_b_and_go_on_with_i():
    class Tokenizer:
        def convert_tokens_to_string(self, tokens):
            return " ".join(tokens)

    labels = ["B-PER", "I-PER", "B-PER", "I-LOC", "O", "O"]
    entities = [
        {"entity": label, "score": 0.5, "word": str(i), "start": i, "end": i + 1} for i, label in enumerate(labels)
    ]

    groups = group_entities(Tokenizer(), entities)
    assert [(group["entity_group"], group["word"]) for group in groups] == [
        ("PER", "0 1"),
        ("PER", "2"),
        ("LOC", "3"),
        ("O", "4 5"),
    ]


def test_of_overlapping_entities_the_longest_stays():
    entities = [
        {"start": 0, "end": 4, "score": 0.9},
        {"start": 2, "end": 8, "score": 0.1},
        {"start": 9, "end": 11, "score": 0.2},
        {"start": 9, "end": 11, "score": 0.4},
    ]

    assert drop_overlaps(entities) == [entities[1], entities[3]]


@pytest.mark.parametrize(
    ("inputs", "options", "says"),
    [
        (TEXTS[0], {"aggregation_strategy": "frist"}, "Did you mean 'first'"),
        (LONG, {"stride": 4, "aggregation_strategy": "none"}, "aggregation_strategy='simple'"),
        (LONG, {"stride": 400, "aggregation_strategy": "simple"}, "a window has 32"),
        ([["a", "cat"]], {}, "is_split_into_words=True"),
        ("a cat", {"is_split_into_words": True}, "a list of words"),
    ],
)
def test_wrong_options_are_explained(folder, inputs, options, says):
    pipe = pipeline("ner", model=folder("bert-ner"))
    with pytest.raises(ValueError, match=says):
        pipe(inputs, **options)
