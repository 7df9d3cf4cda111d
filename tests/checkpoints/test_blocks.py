"""Blocks of GGUF files, against the gguf package."""

import numpy as np
import pytest
import torch

from bearhug.checkpoints import blocks

reference = pytest.mark.reference


def _random_blocks(kind, count):
    """Bytes of any pattern, but for scales that are ordinary numbers."""
    _values, size = blocks.SIZES[kind]
    raw = torch.randint(0, 256, (count, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(len(kind)))
    halves = {"Q2_K": (80, 82), "Q3_K": (108,), "Q4_1": (0, 2), "Q5_1": (0, 2), "Q4_K": (0, 2), "Q5_K": (0, 2),
              "Q6_K": (208,), "MXFP4": ()}.get(kind, (0,))  # fmt: skip
    for place in halves:
        scale = torch.randn(count, 1, generator=torch.Generator().manual_seed(place)).half()
        raw[:, place : place + 2] = scale.view(torch.uint8)
    if kind == "MXFP4":
        raw[:, 0] = raw[:, 0].clamp(max=250)  # larger ones are infinite
    return raw


@reference
@pytest.mark.parametrize("kind", blocks.READERS)
@pytest.mark.parametrize("count", [1, 700])
def test_every_block_is_read_as_the_reference_reads_it(kind, count):
    gguf = pytest.importorskip("gguf")
    raw = _random_blocks(kind, count)
    expected = gguf.dequantize(raw.numpy(), gguf.GGMLQuantizationType[kind])
    given = blocks.dequantize(raw.view(-1), kind, tuple(expected.shape))

    np.testing.assert_array_equal(given.numpy(), expected)


@pytest.mark.parametrize("kind", blocks.READERS)
def test_values_are_the_same_however_many_are_unpacked_at_once(kind, monkeypatch):
    raw = _random_blocks(kind, 9).view(-1)
    shape = (3, 3 * blocks.SIZES[kind][0])
    whole = blocks.dequantize(raw, kind, shape)
    monkeypatch.setattr(blocks, "AT_ONCE", 2 * blocks.SIZES[kind][0])

    assert torch.equal(blocks.dequantize(raw, kind, shape), whole)
    assert torch.equal(blocks.dequantize(raw, kind, shape, torch.bfloat16), whole.bfloat16())


@reference
@pytest.mark.parametrize("kind", ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "F16", "BF16", "F32"])
def test_bytes_are_those_that_the_reference_writes(kind):
    gguf = pytest.importorskip("gguf")
    values = torch.randn(6, 512, generator=torch.Generator().manual_seed(0))
    values[2, :64] = 0.0
    values[3, :64] = 1.5
    expected = gguf.quantize(values.numpy(), gguf.GGMLQuantizationType[kind]).view(np.uint8).reshape(-1)

    np.testing.assert_array_equal(blocks.quantize(values, kind).numpy(), expected)


@pytest.mark.parametrize(("kind", "most"), [("Q4_K", 0.09), ("Q5_K", 0.045), ("Q6_K", 0.025), ("Q8_0", 0.008),
                                        ("Q4_0", 0.12), ("Q5_1", 0.05)])  # fmt: skip
def test_what_is_written_is_read_again(kind, most):
    values = torch.randn(8, 1024, generator=torch.Generator().manual_seed(1))
    values[1] += 2
    values[2] = 0.0
    again = blocks.dequantize(blocks.quantize(values, kind), kind, (8, 1024))

    assert ((again - values).square().mean() / values.square().mean()).sqrt() < most
    assert not again[2].any()
    step = (values.amax() - values.amin()) / 2 ** (int(kind[1]) - 1)
    assert (again - values).abs().max() < step


def test_a_type_that_cannot_be_written_is_an_error_with_the_near_ones():
    with pytest.raises(ValueError, match=r"'q4_2' is no type that can be written.*Did you mean"):
        blocks.writable("q4_2")
    with pytest.raises(ValueError, match="IQ1_S cannot be read; those that can are Q4_0"):
        blocks.dequantize(torch.zeros(50, dtype=torch.uint8), "IQ1_S", (256,))
