"""Batches of like lengths: every row once, little padding, no more tokens than are fast."""

import random

import pytest

from bearhug import pipeline
from bearhug.pipelines.batches import ANEW, MOST, cut

TEXTS = ["A bear.", "Bears hug " * 40, "A long way home, in the rain.", "x", "Bears hug " * 39, "A bear."] * 4


def padding(lengths, batches):
    return sum(max(lengths[row] for row in batch) * len(batch) for batch in batches) - sum(lengths)


@pytest.mark.parametrize("seed", range(5))
def test_every_row_is_in_one_batch_of_rows_of_like_lengths(seed):
    draw = random.Random(seed)
    lengths = [min(300, 1 + int(draw.lognormvariate(3, 1))) for _ in range(draw.choice((1, 7, 256)))]
    batches = cut(lengths)

    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or max(lengths[row] for row in batch) * len(batch) <= MOST for batch in batches)
    assert padding(lengths, batches) <= ANEW * len(set(lengths))
    longest = [max(lengths[row] for row in batch) for batch in batches]
    assert longest == sorted(longest, reverse=True)


def test_equal_lengths_have_no_padding_and_very_different_ones_do_not_meet():
    assert cut([]) == []
    assert cut([4] * 5) == [[0, 1, 2, 3, 4]]
    assert cut([4, 400, 4]) == [[1], [0, 2]]
    assert cut([2 * MOST, 2 * MOST]) == [[0], [1]]


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_a_list_goes_through_the_model_in_few_batches_whatever_size_is_asked(batch_size, monkeypatch):
    """And each text's answer is the one it has alone, in the order of the texts."""
    pipe, sizes = pipeline("text-classification", model="bearhug/sentiment-en"), []
    alone = [pipe(text)[0] for text in TEXTS]
    forward = pipe.model.forward
    monkeypatch.setattr(pipe.model, "forward", lambda *a, **k: sizes.append(k["input_ids"].shape) or forward(*a, **k))

    answers = pipe(TEXTS, batch_size=batch_size)
    assert [answer["label"] for answer in answers] == [answer["label"] for answer in alone]
    assert [answer["score"] for answer in answers] == pytest.approx([answer["score"] for answer in alone], abs=1e-6)
    assert len(sizes) <= 3
    assert sum(rows for rows, _ in sizes) == len(TEXTS)


def test_an_iterator_is_read_no_further_than_batch_size_asks():
    """Texts may come from a person, or never end."""
    pipe, taken = pipeline("text-classification", model="bearhug/sentiment-en"), []
    answers = pipe(taken.append(text) or text for text in TEXTS)

    next(answers)
    assert len(taken) == 1
