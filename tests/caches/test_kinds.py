"""Caches in few bits and in the CPU's memory: the model's own tokens, within what the bits can say, and the bytes."""

import pytest
import torch

from bearhug import GPT2Config, GPT2LMHeadModel
from bearhug.caches.kinds import OffloadedLayer, Packed, QuantizedLayer

KINDS = ["offloaded", "offloaded_static", "quantized"]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    sizes = {"vocab_size": 97, "n_positions": 64, "n_embd": 32, "n_layer": 2, "n_head": 4, "initializer_range": 0.5}
    return GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=1, eos_token_id=2)).eval()


@pytest.fixture(scope="module")
def prompt():
    return torch.randint(3, 97, (3, 7), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("group", [4, 16, 5])
def test_packed_numbers_are_as_near_as_their_bits_allow(bits, group):
    x = torch.randn(2, 3, 5, 16, generator=torch.Generator().manual_seed(bits))
    packed = Packed.of(x, bits, group)
    size = group if 16 % group == 0 else 16
    span = x.unflatten(-1, (-1, size))
    allowed = (span.amax(-1) - span.amin(-1)) / (2**bits - 1) / 2

    assert packed.codes.shape[-1] == 16 * bits // 8
    off = (packed.numbers() - x).abs().unflatten(-1, (-1, size)).amax(-1)
    assert bool((off <= allowed * 1.001).all())
    torch.testing.assert_close(packed.take(torch.tensor([1, 1])).first(2).numbers(), packed.numbers()[[1, 1], :, :2])


@pytest.mark.parametrize("make", [lambda: QuantizedLayer(8, 8, 4), lambda: OffloadedLayer()], ids=["bits", "cpu"])
def test_layers_hold_crop_and_reorder(make):
    generator = torch.Generator().manual_seed(0)
    k, v = (torch.rand(2, 3, 11, 8, generator=generator) for _ in range(2))
    layer = make()
    for start, end in ((0, 3), (3, 4), (4, 9), (9, 11)):
        keys, values = layer.append(k[:, :, start:end], v[:, :, start:end])
        torch.testing.assert_close(keys, k[:, :, :end], atol=3e-3, rtol=0)
        torch.testing.assert_close(values, v[:, :, :end], atol=3e-3, rtol=0)
    assert layer.rows == 2
    layer.crop(6)
    layer.take(torch.tensor([1, 0, 1]))
    more = torch.rand(3, 3, 1, 8, generator=generator)
    keys, values = layer.append(more, more)
    torch.testing.assert_close(keys, torch.cat((k[[1, 0, 1], :, :6], more), 2), atol=3e-3, rtol=0)
    torch.testing.assert_close(values[:, :, :6], v[[1, 0, 1], :, :6], atol=3e-3, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "way", [{}, {"num_beams": 3}, {"do_sample": True, "seed": 3}, {"prefill_chunk_size": 3}], ids=str
)
def test_what_is_generated_is_the_same(model, prompt, kind, way):
    """Of the quantized cache as long as its tokens wait as they are."""
    options = {"max_new_tokens": 20, **way}

    assert (
        model.generate(prompt, cache_implementation=kind, **options).tolist()
        == model.generate(prompt, **options).tolist()
    )


@pytest.mark.parametrize("way", [{}, {"num_beams": 3}, {"penalty_alpha": 0.5, "top_k": 3}], ids=str)
def test_eight_bits_change_scores_little_and_take_a_quarter(model, prompt, way):
    config = {"nbits": 8, "q_group_size": 8, "residual_length": 4}
    asked = {"return_dict_in_generate": True, "output_logits": True, "max_new_tokens": 6, "eos_token_id": None, **way}
    packed = model.generate(prompt, cache_implementation="quantized", cache_config=config, **asked)
    plain = model.generate(prompt, **asked)

    for ours, exact in zip(packed.logits[:3], plain.logits[:3], strict=True):
        assert float((ours - exact).abs().max()) < 0.05 * float(exact.abs().max())
    layer = packed.past_key_values[0]
    assert layer.packed
    codes = sum(keys.codes.numel() for keys, _ in layer.packed)
    assert codes == layer.packed_length * layer.rows * 32  # a byte a number


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cache_config": {"nbits": 4}}, r"cache_config=.*quantized"),
        ({"cache_implementation": "quantized", "cache_config": {"nbits": 3}}, r"'nbits': 3.*2, 4, 8"),
        ({"cache_implementation": "quantized", "cache_config": {"bits": 4}}, r"'bits'.*nbits"),
        ({"cache_implementation": "quantized", "cache_config": {"residual_length": 0}}, "residual_length"),
        ({"cache_implementation": "paper"}, "cache_implementation='paper'"),
    ],
)
def test_wrong_settings_are_named(model, prompt, options, message):
    with pytest.raises(ValueError, match=message):
        model.generate(prompt, max_new_tokens=3, **options)


def test_a_cache_of_ones_own_and_a_kind_are_two_caches(model, prompt):
    with pytest.raises(ValueError, match="past_key_values"):
        model.generate(prompt, past_key_values=model.new_cache(3, 9), cache_implementation="static")
