"""Products of rows with a matrix, on the CPU: by the compiled core (native/linear.cpp), where it is faster.

For a few rows torch reads float32 weights at a third of the speed of memory and half precision at a half; the core
reads each number once, where it lies, so there is no second copy of the weights. Many rows of float32 go through the
processor's matrix unit, where it has one, with no less precision (native/linear_amx.cpp). A row's result does not
depend on the rows beside it. What computes is a matter of dtype, rows and processor alone, never of a measurement:
equal calls give equal bits.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bearhug.tokenizers import _native

KINDS = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}  # as in native/linear.hpp
# Up to how many rows the core is the faster one (benchmarks/decode.py); with bfloat16 instructions torch wins earlier.
ROWS = {torch.float32: 32, torch.bfloat16: 16, torch.float16: 16}
ROWS_BY_INSTRUCTION = {**ROWS, torch.bfloat16: 8}
MANY, MANY_TURNED = 33, 64  # rows from which on the matrix unit is the faster one


def usable() -> bool:
    """Whether results may be computed behind torch's back: nobody records what it does, for gradients or a graph."""
    return not (
        torch.is_grad_enabled()
        or torch.compiler.is_compiling()
        or torch._C._get_tracing_state() is not None
        or torch._C._len_torch_dispatch_stack()
    )


def product(module: nn.Linear) -> Callable[[Tensor], Tensor] | None:
    """What `module` computes, by the core where it is the faster one; None where it never is, or cannot."""
    weight, bias = module.weight.detach(), None if module.bias is None else module.bias.detach()
    out, inner = weight.shape
    turned = out > 1 and weight.stride() == (1, out)  # GPT-2's matrices, as they lie in its files
    plain = type(module.weight) is nn.Parameter and inner > 0 and inner % 16 == 0
    plain = plain and (out % 16 == 0 if turned else weight.is_contiguous())
    if weight.device.type != "cpu" or weight.dtype not in KINDS or not plain:
        return None
    if not available() or torch.is_autocast_enabled("cpu"):
        return None
    if bias is not None and (bias.dtype != weight.dtype or not bias.is_contiguous()):
        return None
    kind, dtype, linear = KINDS[weight.dtype], weight.dtype, F.linear
    address = 0 if bias is None else bias.data_ptr()
    matrix = _native.Matrix(weight.data_ptr(), 0, address, out, inner, kind, kind, turned)
    multiply, threads, most = matrix.multiply, torch.get_num_threads(), limits()[dtype]
    many, wide = MANY_TURNED if turned else MANY, matrix.multiply_many
    if dtype is not torch.float32 or not _native.can_multiply_many():
        many = sys.maxsize

    def multiplied(x: Tensor) -> Tensor:
        rows = x.numel() // inner
        few = rows <= most
        if not (few or rows >= many) or x.dtype is not dtype or x.shape[-1] != inner:
            return linear(x, weight, bias)
        if not x.is_contiguous():
            x = x.contiguous()
        y = x.new_empty((*x.shape[:-1], out))
        (multiply if few else wide)(x.data_ptr(), rows, y.data_ptr(), threads)
        return y

    return multiplied


@cache
def limits() -> dict[torch.dtype, int]:
    """Up to how many rows of a dtype the core computes."""
    return ROWS_BY_INSTRUCTION if torch.backends.mkldnn.is_available() and _bfloat16_instructions() else ROWS


def _bfloat16_instructions() -> bool:
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())


@cache
def available() -> bool:
    """Whether the core can compute here; the first call gives it torch's own threads."""
    if not _native.can_multiply() or torch.compiler.is_compiling():
        return False
    for path in sorted(Path(torch.__file__).parent.glob("lib/libgomp*.so*")):
        pool = ctypes.CDLL(str(path)).GOMP_parallel
        _native.multiply_in_threads_of(ctypes.cast(pool, ctypes.c_void_p).value or 0)
        return True
    return torch.get_num_threads() == 1
