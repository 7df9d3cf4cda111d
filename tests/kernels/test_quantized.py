"""Matrices of 8 and 4 bits: the stated bounds, the same numbers by every way of computing, and loading so."""

import pytest
import torch
from torch import nn

import tiny
from bearhug import AutoModelForCausalLM, quantize
from bearhug.kernels.bare import bare
from bearhug.kernels.quantized import GROUP, QuantizedLinear

BOUNDS = {torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 2e-3}


def layer(out, inner, dtype=torch.float32):
    torch.manual_seed(out + inner)
    return nn.Linear(inner, out).to(dtype).requires_grad_(False)


def test_eight_bits_are_off_by_half_a_step_at_most():
    linear = layer(50, 128)
    off = (QuantizedLinear(linear, 8).weight - linear.weight).abs()

    assert (off <= linear.weight.abs().amax(1, keepdim=True) / 254 * 1.0001).all()


def test_four_bits_are_off_by_a_step_at_most():
    linear = layer(50, 256)
    off = (QuantizedLinear(linear, 4).weight - linear.weight).abs().view(50, -1, GROUP)
    largest = linear.weight.abs().view(50, -1, GROUP).amax(2, keepdim=True)

    assert (off <= largest / 7.9).all()
    assert (off <= largest / 15.9).float().mean() > 0.95


@pytest.mark.parametrize("bits", [8, 4])
def test_zeros_and_single_weights_are_exact(bits):
    linear = layer(3, 64)
    linear.weight.zero_()
    linear.weight[1, 5], linear.weight[2, 7] = 2.0, -4.0

    torch.testing.assert_close(QuantizedLinear(linear, bits).weight, linear.weight)


@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize(("out", "inner"), [(37, 64), (100, 192)])
def test_few_rows_and_many_are_multiplied_by_the_same_numbers(dtype, bits, out, inner):
    module, rows = QuantizedLinear(layer(out, inner, dtype), bits), torch.randn(40, inner, dtype=dtype)
    exact = nn.functional.linear(rows.double(), module.weight.double(), module.bias.double())
    alone = module(rows[:1])

    for count in range(1, 41):
        given = module(rows[:count])
        torch.testing.assert_close(given.double(), exact[:count], atol=BOUNDS[dtype], rtol=BOUNDS[dtype])
        assert count > 32 or torch.equal(given[:1], alone)


@pytest.mark.parametrize("bits", [8, 4])
def test_rows_of_very_different_sizes_do_not_disturb_each_other(bits):
    """Each row has a scale of its own; what is not finite stays so, and nothing is made of nothing."""
    module = QuantizedLinear(layer(33, 128), bits)
    rows = torch.randn(6, 128) * torch.tensor([1e-20, 1.0, 1e20, 0.0, 1.0, 1.0])[:, None]
    rows[4, 3], rows[5, 9] = torch.inf, torch.nan
    exact = nn.functional.linear(rows[:4].double(), module.weight.double(), module.bias.double())

    for given in (module(rows), torch.cat([module(row[None]) for row in rows])):
        torch.testing.assert_close(given[:4].double(), exact, atol=1e-5, rtol=1e-5)
        assert not given[4:].isfinite().any()


@pytest.mark.parametrize(("out", "inner"), [(40, 192), (16, 100 * 16)])
def test_eight_bits_by_very_many_rows(out, inner):
    """More rows than are written at once, more outputs than a tile has."""
    module, rows = QuantizedLinear(layer(out, inner), 8), torch.randn(600, inner)
    exact = nn.functional.linear(rows.double(), module.weight.double(), module.bias.double())

    torch.testing.assert_close(module(rows).double(), exact, atol=2e-5, rtol=2e-5)


def test_gradients_reach_the_input():
    module, x = QuantizedLinear(layer(20, 64), 8), torch.randn(3, 64, requires_grad=True)
    module(x).sum().backward()

    assert x.grad is not None
    torch.testing.assert_close(x.grad, module.weight.sum(0).expand(3, -1))


@pytest.mark.reference
@pytest.mark.parametrize("recipe", ["gpt2", "llama"])
@pytest.mark.parametrize(
    ("options", "bits"),
    [
        ({"load_in_8bit": True}, 8),
        ({"load_in_4bit": True}, 4),
        ({"quantization_config": {"bits": 4}}, 4),
        ({"quantization_config": {"load_in_8bit": True}}, 8),
    ],
)
def test_a_model_is_loaded_rounded(recipe, options, bits, tmp_path):
    tiny.reference_model(recipe, "causal-lm", tmp_path)
    whole = AutoModelForCausalLM.from_pretrained(tmp_path)
    rounded, again = AutoModelForCausalLM.from_pretrained(tmp_path, **options), quantize(whole, bits)
    ids = tiny.ids(2, 9)

    assert any(isinstance(module, QuantizedLinear) for module in rounded.modules())
    assert torch.equal(rounded(ids).logits, again(ids).logits)
    with torch.no_grad():
        torch.testing.assert_close(
            bare(rounded.model)(ids).last_hidden_state, rounded.model(ids).last_hidden_state, atol=1e-5, rtol=1e-5
        )
    assert rounded.generate(ids, max_new_tokens=4, do_sample=False).shape == (2, 13)


@pytest.mark.reference
def test_eight_bits_stay_near_the_whole_model(tmp_path):
    tiny.reference_model("llama", "causal-lm", tmp_path)
    whole, ids = AutoModelForCausalLM.from_pretrained(tmp_path), tiny.ids(2, 9)
    expected = whole(ids).logits
    given = quantize(whole, 8)(ids).logits

    assert (given - expected).norm() < 0.03 * expected.norm()


@pytest.mark.reference
def test_what_cannot_be(tmp_path):
    tiny.reference_model("llama", "causal-lm", tmp_path)
    with pytest.raises(ValueError, match="both 8 and 4 bits"):
        AutoModelForCausalLM.from_pretrained(tmp_path, load_in_8bit=True, load_in_4bit=True)
    model = AutoModelForCausalLM.from_pretrained(tmp_path, load_in_8bit=True)
    with pytest.raises(ValueError, match="expected 8 or 4"):
        quantize(model, 2)
    with pytest.raises(ValueError, match="round it again after loading"):
        model.save_pretrained(tmp_path / "rounded")
