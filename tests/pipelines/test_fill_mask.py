"""fill-mask: the reference's answers, in its shapes."""

import pytest

from bearhug.pipelines import PipelineException

MASKED = ["a bear hug is [MASK] warm", "the [MASK] sat on [MASK]", "[MASK]"]
OPTIONS = [
    {},
    {"top_k": 1},
    {"top_k": 3},
    {"targets": "bear"},
    {"targets": ["bear", "zebra", "cat"], "top_k": 2},
    {"batch_size": 3},
    {"tokenizer_kwargs": {"truncation": True}},
]


@pytest.mark.reference
@pytest.mark.parametrize("name", ["bert-mask", "distilbert-mask"])
def test_answers_are_the_references(pipes, same, name):
    """Also the inner list alone for a list of one, and a list for each mask of several."""
    ours, theirs = pipes("fill-mask", name)
    for inputs in (*MASKED, MASKED, MASKED[:1], MASKED[1:2]):
        for options in OPTIONS:
            same(ours(inputs, **options), theirs(inputs, **options))


@pytest.mark.reference
def test_options_of_the_construction_are_the_references(pipes, same):
    ours, theirs = pipes("fill-mask", "bert-mask", top_k=2, targets=["bear", "cat", "mat"])
    same(ours(MASKED), theirs(MASKED))
    same(ours(MASKED, top_k=1), theirs(MASKED, top_k=1))


def test_one_record_a_row(pipes):
    """`run` gives a flat one, whatever the number of masks and rows."""
    ours, _ = pipes("fill-mask", "bert-mask")

    for rows in (MASKED, MASKED[:1]):
        records = ours.run(rows)
        assert len(records) == len(rows)
        assert all(list(record) == ["score", "token", "token_str", "sequence"] for record in records)


def test_what_cannot_be_filled_is_explained(pipes):
    ours, _ = pipes("fill-mask", "bert-mask")
    with pytest.raises(PipelineException, match=r"has no \[MASK\] in it"):
        ours("the cat sat")
    with pytest.raises(ValueError, match="targets names no word"):
        ours(MASKED[0], targets=[])


def test_a_tokenizer_without_a_mask_is_refused(folder):
    from bearhug import AutoModelForMaskedLM, AutoTokenizer, pipeline

    tokenizer = AutoTokenizer.from_pretrained(folder("gpt2"))
    model = AutoModelForMaskedLM.from_pretrained(folder("bert-mask"))
    with pytest.raises(PipelineException, match="this tokenizer has none"):
        pipeline("fill-mask", model=model, tokenizer=tokenizer)
