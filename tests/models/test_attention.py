"""What a token may look at, in as few words as torch needs."""

from dataclasses import replace

import pytest
import torch

from bearhug import GPT2Config
from bearhug.models.attention import ATTEND, EVERYTHING, sight
from bearhug.models.config import Kind
from bearhug.models.recipes import find

CAUSAL = find("gpt2").config(GPT2Config(n_embd=16, n_head=2))
WINDOW = replace(CAUSAL, kinds={"sliding_attention": Kind(window=3)})
ENCODER = replace(CAUSAL, causal=False)
CPU = torch.device("cpu")


def real(*rows):
    return torch.tensor([[int(cell) for cell in row] for row in rows]).bool()


def rows(mask):
    return ["".join(str(int(cell)) for cell in row) for row in mask[0, 0]]


def test_what_needs_no_mask_gets_none():
    assert sight(CAUSAL, "full_attention", None, 5, 1, CPU) is EVERYTHING
    assert sight(ENCODER, "full_attention", None, 0, 5, CPU) is EVERYTHING
    assert sight(CAUSAL, "full_attention", None, 0, 5, CPU).causal
    assert sight(WINDOW, "sliding_attention", None, 9, 1, CPU).last == 3
    assert sight(WINDOW, "sliding_attention", None, 1, 1, CPU) is EVERYTHING


def test_several_tokens_after_a_cache_see_it_and_themselves():
    assert rows(sight(CAUSAL, "full_attention", None, 2, 3, CPU).mask) == ["11100", "11110", "11111"]


def test_a_window_is_measured_in_real_tokens():
    assert rows(sight(WINDOW, "sliding_attention", None, 0, 5, CPU).mask) == [
        "10000",
        "11000",
        "11100",
        "01110",
        "00111",
    ]
    assert rows(sight(WINDOW, "sliding_attention", real("110011"), 4, 2, CPU).mask) == ["110010", "010011"]
    assert rows(sight(WINDOW, "full_attention", real("110011"), 4, 2, CPU).mask) == ["110010", "110011"]


def test_padding_is_seen_by_nobody():
    assert rows(sight(CAUSAL, "full_attention", real("0111"), 0, 4, CPU).mask) == ["0000", "0100", "0110", "0111"]
    assert rows(sight(ENCODER, "full_attention", real("0110"), 0, 4, CPU).mask) == ["0110"]
    assert rows(sight(CAUSAL, "full_attention", real("0111"), 3, 1, CPU).mask) == ["0111"]


@pytest.mark.parametrize("way", ATTEND)
@pytest.mark.parametrize("groups", [4, 2, 1])
@pytest.mark.parametrize(("start", "new"), [(0, 5), (3, 2), (4, 1)])
def test_the_ways_agree_and_empty_rows_are_zero(way, groups, start, new):
    torch.manual_seed(0)
    q, k, v = torch.randn(2, 4, new, 8), torch.randn(2, groups, start + new, 8), torch.randn(2, groups, start + new, 8)
    seen = sight(CAUSAL, "full_attention", real("00111", "00000"), start, new, CPU)
    y, _ = ATTEND[way](q, k, v, seen, 8**-0.5, 0.0)
    expected, weights = ATTEND["eager"](q, k, v, seen, 8**-0.5, 0.0)

    torch.testing.assert_close(y, expected, atol=1e-6, rtol=1e-5)
    assert y[1].eq(0).all()
    assert weights.shape == (2, 4, new, start + new)
    assert weights[0, :, -1].sum(-1).allclose(torch.ones(4))


def test_heads_that_do_not_divide_are_refused():
    from bearhug import LlamaConfig, LlamaModel

    with pytest.raises(ValueError, match="4 attention heads do not divide into 3 groups"):
        LlamaModel(LlamaConfig(hidden_size=16, num_attention_heads=4, num_key_value_heads=3, num_hidden_layers=1))
