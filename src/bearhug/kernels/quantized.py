"""Matrices of 8 or 4 bits a weight, multiplied as they are: a half to an eighth of what a token has to read.

Only weights are rounded, and sums are float32; where the processor multiplies bytes, a row is written as whole numbers
of 24 bits for it, each within a part in 16 million of the row's largest, and the sums of those are exact. 8 bits: each
output has a scale, a weight is off by at most 1/254 of the largest of its row. 4 bits: each group of 64 has a scale, a
weight is off by at most 1/7.9 of the largest of its group, and usually by less than 1/16.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bearhug.kernels.products import KINDS, available
from bearhug.tokenizers import _native

GROUP = 64  # weights of 4 bits that share a scale, as in native/linear.hpp
ROWS = 32  # up to how many rows the core computes; for more the matrix is made whole for the time of the product


class QuantizedLinear(nn.Module):
    """A matrix and bias in place of an nn.Linear, of the same numbers rounded; it is not trained, but its bias is."""

    values: Tensor  # 8 bits: (out, in); 4 bits: (out, in / 4), each of 16 bits: see native/linear.hpp
    scales: Tensor  # 8 bits: (out,) float32; 4 bits: (out, in / GROUP) bfloat16

    def __init__(self, linear: nn.Linear, bits: int):
        super().__init__()
        self.bits, self.out_features, self.in_features = bits, linear.out_features, linear.in_features
        values, scales = (eight_bits if bits == 8 else four_bits)(linear.weight.detach())
        self.register_buffer("values", values)
        self.register_buffer("scales", scales)
        self.bias = linear.bias

    @property
    def weight(self) -> Tensor:
        """The matrix (out, in) that is computed with, in float32."""
        if self.bits == 8:
            return self.values * self.scales.float()[:, None]
        words = self.values.int().view(self.out_features, -1, 1, GROUP // 4)
        levels = torch.cat([(words >> shift & 15) - 8 for shift in (0, 4, 8, 12)], 2)  # (out, groups, 4, GROUP / 4)
        return (levels.flatten(2) * self.scales.float()[..., None]).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """X (..., in) -> (..., out)."""
        if x.numel() // self.in_features <= self.most() and not (torch.is_grad_enabled() and x.requires_grad):
            return bare_quantized(self)(x)
        return F.linear(x, self.weight.to(x.dtype), self.bias)

    def most(self) -> int:
        """Up to how many rows the core computes: any number of them where the processor has a unit for it."""
        return sys.maxsize if self.bits == 8 and self.in_features % 64 == 0 and _native.can_multiply_many() else ROWS

    def extra_repr(self) -> str:
        """Sizes and bits."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bits={self.bits}"


def bare_quantized(module: QuantizedLinear) -> Callable[[Tensor], Tensor]:
    """What `module` computes without gradients, by the core for few rows."""
    values, inner, out, threads = module.values, module.in_features, module.out_features, torch.get_num_threads()
    scales = module.scales.to(torch.float32 if module.bits == 8 else torch.bfloat16)
    bias = None if module.bias is None else module.bias.detach()
    most, able = module.most(), values.device.type == "cpu" and available()
    matrices: dict[torch.dtype, tuple[Any, Tensor | None]] = {}

    def product(x: Tensor) -> Tensor:
        rows = x.numel() // inner
        if not able or rows > most or x.dtype not in KINDS:
            return F.linear(x, module.weight.to(x.dtype), bias)
        made = matrices.get(x.dtype)
        if made is None:
            own = None if bias is None else bias.to(x.dtype)
            places = (values.data_ptr(), scales.data_ptr(), 0 if own is None else own.data_ptr())
            matrix = _native.Matrix(*places, out, inner, 3 if module.bits == 8 else 4, KINDS[x.dtype])
            made = matrices[x.dtype] = (matrix, own)
        if not x.is_contiguous():
            x = x.contiguous()
        y = x.new_empty((*x.shape[:-1], out))
        made[0].multiply(x.data_ptr(), rows, y.data_ptr(), threads)
        return y

    return product


def eight_bits(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (out, in) -> int8 of the same shape, and each output's scale."""
    weight = weight.float()
    scales = weight.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / 127
    return (weight / scales[:, None]).round().to(torch.int8).contiguous(), scales


def four_bits(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (out, in) -> levels of -8 to 7, four in 16 bits, and each group's scale: its largest weight is -8."""
    groups = weight.float().reshape(weight.shape[0], -1, GROUP)
    largest = groups.gather(2, groups.abs().argmax(2, keepdim=True))
    scales = (largest / -8).bfloat16()
    scales = torch.where(scales == 0, 1.0, scales)
    levels = (groups / scales.float()).round().clamp(-8, 7).int() + 8
    first, second, third, fourth = levels.unflatten(2, (4, GROUP // 4)).unbind(2)
    words = first | second << 4 | third << 8 | fourth << 12
    return torch.where(words > 32767, words - 65536, words).to(torch.int16).flatten(1), scales.squeeze(2)


def quantize(model: Any, bits: int = 8) -> Any:
    """Round a model's matrices to 8 or 4 bits a weight, in place, and give it back.

    The transformer's matrices are rounded, and that of a language model's output, to 8 bits in both cases; tables,
    norms and other heads stay. Matrices whose rows do not divide into groups of 64 get 8 bits, those that do not divide
    into 16 stay as they are.

    Args:
        model: a `PreTrainedModel`.
        bits: 8 or 4.

    Raises:
        ValueError: another number of bits.
    """
    if bits not in (4, 8):
        raise ValueError(f"bits={bits!r}, expected 8 or 4: quantize(model, 8).")
    output, inside = model.get_output_embeddings(), set(model.base_model.modules())
    for module in list(model.modules()):
        for name, part in list(module.named_children()):
            if type(part) is nn.Linear and part.in_features % 16 == 0 and (part is output or part in inside):
                wanted = 8 if part is output or part.in_features % GROUP else bits
                setattr(module, name, QuantizedLinear(part, wanted))
    return model


def is_quantized(model: nn.Module) -> bool:
    """Whether some of its matrices are rounded."""
    return any(isinstance(module, QuantizedLinear) for module in model.modules())


def wanted_bits(options: dict[str, Any]) -> int | None:
    """Take load_in_8bit, load_in_4bit and quantization_config out of options: 8, 4, or None for none of them.

    Raises:
        ValueError: a quantization_config that asks for something else.
    """
    given = options.pop("quantization_config", None)
    named = {"load_in_8bit": 8, "load_in_4bit": 4}
    asked = {bits for name, bits in named.items() if options.pop(name, None)}
    if given is not None:
        fields = given if isinstance(given, dict) else vars(given)
        bits = fields.get("bits")
        found = {bits} if bits is not None else {named[name] for name in named if _is_on(fields, name)}
        if not found or not found <= {4, 8}:
            raise ValueError(
                f"quantization_config={given!r} is none that can be computed. "
                'Write quantization_config={"bits": 8} or {"bits": 4}.'
            )
        asked |= found
    if len(asked) > 1:
        raise ValueError("both 8 and 4 bits were asked for: give one of load_in_8bit=True and load_in_4bit=True.")
    return next(iter(asked), None)


def _is_on(fields: Any, name: str) -> bool:
    return bool(fields.get(name) or fields.get(f"_{name}"))
