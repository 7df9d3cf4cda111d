"""Checkpoints whose weights are packed, as the plain weights that they stand for: fp8, MXFP4, GPTQ and AWQ.

A packed matrix is several tensors with one beginning; which ones tells the form. W is (O, I), outputs and inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from bearhug._lib.errors import either
from bearhug.checkpoints.blocks import FP4, power_of_two

METHODS = ("fp8", "mxfp4", "gptq", "awq", "compressed-tensors", "fbgemm_fp8")
AWQ_ORDER = (0, 4, 1, 5, 2, 6, 3, 7)  # where in a word of 32 bits the column stands


def fp8(parts: Mapping[str, Tensor], about: Mapping[str, Any]) -> Tensor:
    """A float8 matrix (O, I) times the scales of its blocks, of its rows, or of the whole (DeepSeek V3, section 3.3).

    Raises:
        ValueError: the scales do not cover the matrix.
    """
    weight, scale = (
        parts["weight"].float(),
        next(parts[end] for end in ("weight_scale_inv", "weight_scale") if end in parts),
    )
    scale = power_of_two(scale.view(torch.uint8)) if scale.element_size() == 1 else scale.float()
    if scale.numel() == 1:
        return weight * scale.view(())
    if scale.ndim == 1:
        scale = scale[:, None]
    for axis, size in ((-2, weight.shape[-2]), (-1, weight.shape[-1])):
        given = (about.get("weight_block_size") or (None, None))[axis]
        count = scale.shape[axis]
        block = given if given and -(-size // given) == count else -(-size // count)
        if -(-size // block) != count:
            raise ValueError(f"scales of the shape {tuple(scale.shape)} do not cover {tuple(weight.shape)} values")
        scale = scale.repeat_interleave(block, axis).narrow(axis, 0, size)
    return weight * scale


def mxfp4(parts: Mapping[str, Tensor], about: Mapping[str, Any]) -> Tensor:
    """Blocks (E, O, G, 16) of two four-bit floats a byte, scales (E, O, G) -> (E, I, O), as the experts are stored."""
    blocks, scales = parts["blocks"], parts["scales"]
    values = torch.stack((blocks & 15, blocks >> 4), -1).flatten(-2)
    whole = torch.tensor(FP4)[values.int()] * power_of_two(scales)[..., None]
    return whole.flatten(-2).transpose(-1, -2).contiguous()


def _words(packed: Tensor, bits: int) -> Tensor:
    """Words of 32 bits (N, W) -> the numbers in them (N, W * 32 / bits), the lowest bits first."""
    return ((packed[..., None] >> torch.arange(0, 32, bits, dtype=torch.int32)) & ((1 << bits) - 1)).flatten(1)


def gptq(parts: Mapping[str, Tensor], about: Mapping[str, Any]) -> Tensor:
    """qweight (I / 8, O), qzeros (groups, O / 8), scales (groups, O), g_idx (I,): the group of each input.

    Frantar et al. 2022 (arXiv:2210.17323); files before version 2 store a zero less one.
    """
    bits = about.get("bits", 4)
    if 32 % bits:
        raise ValueError(f"{bits} bits do not fill words of 32; those of 2, 4 and 8 can be read")
    values, zeros = _words(parts["qweight"].t(), bits).t(), _words(parts["qzeros"], bits)
    if about.get("checkpoint_format", "gptq") != "gptq_v2":
        zeros = zeros + 1
    if "g_idx" in parts:
        group = parts["g_idx"].long()
    else:
        group = torch.arange(values.shape[0]) // -(-values.shape[0] // parts["scales"].shape[0])
    return ((values - zeros[group]) * parts["scales"].float()[group]).t().contiguous()


def awq(parts: Mapping[str, Tensor], about: Mapping[str, Any]) -> Tensor:
    """qweight (I, O / 8), qzeros (groups, O / 8), scales (groups, O); columns in its own order (arXiv:2306.00978)."""
    if about.get("bits", about.get("w_bit", 4)) != 4 or str(about.get("version", "gemm")).lower() != "gemm":
        raise ValueError("AWQ files of 4 bits in the version 'gemm' can be read")
    values, zeros = (
        _words(parts[name], 4).unflatten(-1, (-1, 8))[..., list(AWQ_ORDER)].flatten(-2)
        for name in ("qweight", "qzeros")
    )
    size = values.shape[0] // zeros.shape[0]
    whole = (values - zeros.repeat_interleave(size, 0)) * parts["scales"].float().repeat_interleave(size, 0)
    return whole.t().contiguous()


# the ends of the names: how they are read, what stands between the beginning and the end, the plain name's end
FORMS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "fp8": (("weight", "weight_scale_inv", "weight_scale"), ".", ".weight"),
    "mxfp4": (("blocks", "scales"), "_", ""),
    "gptq": (("qweight", "qzeros", "scales", "g_idx"), ".", ".weight"),
    "awq": (("qweight", "qzeros", "scales"), ".", ".weight"),
}
READERS: dict[str, Callable[[Mapping[str, Tensor], Mapping[str, Any]], Tensor]] = {
    "fp8": fp8, "mxfp4": mxfp4, "gptq": gptq, "awq": awq,
}  # fmt: skip
MARKS = {".weight_scale_inv": "fp8", ".weight_scale": "fp8", "_blocks": "mxfp4", ".qweight": "gptq"}
NEEDLESS = (".input_scale", ".activation_scale", ".input_scale_ub")  # of activations, which are not rounded here


class Unpacked(Mapping[str, Tensor]):
    """A packed checkpoint under the names of a plain one; a matrix is unpacked when it is asked for.

    Raises:
        ValueError: packed in a way that is not known.
    """

    def __init__(self, weights: Mapping[str, Tensor], about: Mapping[str, Any]):
        method = about.get("quant_method")
        if method not in METHODS:
            raise ValueError(
                f"the checkpoint is quantized by {method!r}; those by {either(map(repr, METHODS))} can be read."
            )
        self.weights, self.about = weights, about
        self.packed: dict[str, tuple[str, dict[str, str]]] = {}
        used = set()
        for name in weights:
            mark = next((mark for mark in MARKS if name.endswith(mark)), None)
            if mark is None:
                continue
            form = "awq" if MARKS[mark] == "gptq" and method == "awq" else MARKS[mark]
            ends, between, plain = FORMS[form]
            start = name.removesuffix(mark)
            parts = {end: f"{start}{between}{end}" for end in ends if f"{start}{between}{end}" in weights}
            self.packed[start + plain] = (form, parts)
            used.update(parts.values())
        plain_names = [name for name in weights if name not in used and not name.endswith(NEEDLESS)]
        self.names = dict.fromkeys((*self.packed, *plain_names))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.packed:
            return self.weights[name]
        form, parts = self.packed[name]
        try:
            return READERS[form]({end: self.weights[part] for end, part in parts.items()}, self.about)
        except (ValueError, RuntimeError, IndexError, KeyError, StopIteration) as problem:
            raise ValueError(f"{name} cannot be unpacked as {form}: {problem}.") from None

    def dtype(self) -> torch.dtype:
        """What the plain weights usually are: the dtype of the floats that are not packed."""
        floats = (torch.bfloat16, torch.float16, torch.float32)
        kept = (self.weights[name].dtype for name in self.names if name not in self.packed)
        return next((dtype for dtype in kept if dtype in floats), torch.bfloat16)
