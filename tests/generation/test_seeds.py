"""A seed for everything, and a stream for each row."""

import random

import numpy as np
import pytest
import torch

from bearhug import set_seed
from bearhug.generation.seeds import Streams

SAMPLE = {"do_sample": True, "max_new_tokens": 12, "eos_token_id": None, "top_k": 0}


def test_set_seed_seeds_python_numpy_and_torch():
    def draw():
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    set_seed(5)
    first = draw()
    set_seed(5)

    assert draw() == first


@pytest.mark.reference
def test_set_seed_is_the_references():
    import transformers

    transformers.set_seed(11)
    expected = random.random(), float(np.random.rand()), float(torch.rand(()))
    set_seed(11)

    assert (random.random(), float(np.random.rand()), float(torch.rand(()))) == expected


def test_a_row_draws_the_same_alone_and_in_any_batch(model, prompt):
    together = model.generate(prompt, seed=7, **SAMPLE)

    for row in range(3):
        assert (
            model.generate(prompt[row : row + 1], seed=[(7, row)], **SAMPLE).tolist()
            == together[row : row + 1].tolist()
        )
    assert model.generate(prompt[:1], seed=7, **SAMPLE).tolist() == together[:1].tolist()
    assert model.generate(prompt[:2], seed=7, **SAMPLE).tolist() == together[:2].tolist()


def test_a_seed_for_each_row(model, prompt):
    same = prompt[:1].repeat(3, 1)
    rows = model.generate(same, seed=[4, 5, 4], **SAMPLE).tolist()

    assert rows[0] == rows[2]
    assert rows[0] != rows[1]
    assert rows[1] == model.generate(same[:1], seed=5, **SAMPLE)[0].tolist()


def test_rows_and_seeds_and_sequences_differ(model, prompt):
    rows = model.generate(prompt[:1].repeat(2, 1), seed=1, num_return_sequences=2, **SAMPLE).tolist()
    rows += model.generate(prompt[:1], seed=2, **SAMPLE).tolist()

    assert len({tuple(row) for row in rows}) == 5


def test_the_first_sequence_does_not_depend_on_how_many_there_are(model, prompt):
    one = model.generate(prompt, seed=1, **SAMPLE).tolist()

    assert model.generate(prompt, seed=1, num_return_sequences=3, **SAMPLE)[::3].tolist() == one


def test_a_seed_leaves_the_global_random_numbers_alone(model, prompt):
    torch.manual_seed(0)
    expected = torch.rand(3).tolist()
    torch.manual_seed(0)
    model.generate(prompt, seed=7, **SAMPLE)

    assert torch.rand(3).tolist() == expected


def test_draws_follow_the_probabilities():
    scores = torch.tensor([[0.0, 1.0, -torch.inf, 2.0]]).repeat(20_000, 1)
    chosen = Streams(0, 1).choose(scores, Streams(3, 1).uniform(20_000)[0])

    shares = torch.bincount(chosen, minlength=4) / 20_000

    torch.testing.assert_close(shares.float(), scores[0].softmax(-1), atol=0.01, rtol=0)
    assert shares[2] == 0


def test_the_last_possible_draw_is_a_possible_token():
    scores = torch.full((1, 50_000), -torch.inf)
    scores[0, :40_000] = torch.randn(40_000)

    assert Streams(0, 1).choose(scores, torch.tensor([1 - 2.0**-24], dtype=torch.float64)).item() < 40_000


def test_several_draws_are_different_and_never_impossible():
    scores = torch.tensor([[0.0, 1.0, -torch.inf, 2.0]])
    for seed in range(30):
        assert sorted(Streams(seed, 1).choose_many(scores, 3)[0].tolist()) == [0, 1, 3]


def test_wrong_seeds():
    with pytest.raises(ValueError, match="2 items for 3 rows"):
        Streams([1, 2], 3)
    with pytest.raises(TypeError, match="whole number"):
        Streams(["a"], 1)
    with pytest.raises(TypeError, match="whole number"):
        Streams(1.5, 1)
