"""Numbers in blocks, as GGUF files hold them: 32 or 256 values of a few bits, with the scales that they share.

The layouts are ggml's (https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h): `d` is a block's scale,
float16; `m` its least value; K-blocks of 256 have parts of 16 or 32 values, whose scales are small integers times `d`.
Bytes are (N, bytes of a block), values (N, values of a block).
"""

from __future__ import annotations

import torch
from torch import Tensor

from bearhug._lib.errors import near
from bearhug.checkpoints.gguf.file import TYPES

SIZES = {name: (values, size) for name, values, size in TYPES.values()}
PLAIN = {
    "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64,
    "I8": torch.int8, "I16": torch.int16, "I32": torch.int32, "I64": torch.int64,
}  # fmt: skip
AT_ONCE = 1 << 20  # values that are unpacked at a time: what stands in memory besides the result
FP4 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0)  # e2m1, OCP MX v1.0
NONLINEAR = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)  # the sixteen values of IQ4


def _half(raw: Tensor) -> Tensor:
    """Two bytes (N, 2) -> a float (N, 1)."""
    return raw.contiguous().view(torch.float16).float()


def _nibbles(raw: Tensor) -> Tensor:
    """Bytes (..., n) -> (..., 2n): all low halves, then all high ones."""
    return torch.cat((raw & 15, raw >> 4), -1)


def _bits(raw: Tensor, width: int) -> Tensor:
    """Bytes (N, n) -> (N, n * 8 / width): the lowest bits of all, then the next of all, ..."""
    shifts = torch.arange(0, 8, width, dtype=torch.uint8)[:, None]
    return ((raw[:, None, :] >> shifts) & ((1 << width) - 1)).flatten(1)


def _fifth(raw: Tensor) -> Tensor:
    """Four bytes (N, 4), a bit for each value -> (N, 32), 0 or 16."""
    shifts = torch.arange(8, dtype=torch.uint8)
    return ((raw[..., None] >> shifts) & 1).flatten(1) << 4


def _q4_0(raw: Tensor) -> Tensor:
    return _half(raw[:, :2]) * (_nibbles(raw[:, 2:]).float() - 8)


def _q4_1(raw: Tensor) -> Tensor:
    return _half(raw[:, :2]) * _nibbles(raw[:, 4:]).float() + _half(raw[:, 2:4])


def _q5_0(raw: Tensor) -> Tensor:
    return _half(raw[:, :2]) * ((_nibbles(raw[:, 6:]) | _fifth(raw[:, 2:6])).float() - 16)


def _q5_1(raw: Tensor) -> Tensor:
    return _half(raw[:, :2]) * (_nibbles(raw[:, 8:]) | _fifth(raw[:, 4:8])).float() + _half(raw[:, 2:4])


def _q8_0(raw: Tensor) -> Tensor:
    return raw[:, 2:].view(torch.int8).float() * _half(raw[:, :2])


def _parts(raw: Tensor) -> tuple[Tensor, Tensor]:
    """The scales and least values of eight parts, six bits each in twelve bytes: (N, 8), (N, 8)."""
    low, least, high = raw[:, 0:4], raw[:, 4:8], raw[:, 8:12]
    scale = torch.cat((low & 63, (high & 15) | ((low >> 2) & 48)), 1)
    return scale.float(), torch.cat((least & 63, (high >> 4) | ((least >> 2) & 48)), 1).float()


def _scaled(raw: Tensor, values: Tensor) -> Tensor:
    """What Q4_K and Q5_K share: values (N, 256), eight parts; d, dmin and the parts' scales begin the block."""
    scale, least = _parts(raw[:, 4:16])
    scale, least = _half(raw[:, :2]) * scale, _half(raw[:, 2:4]) * least
    return (scale[..., None] * values.unflatten(1, (8, 32)).float() - least[..., None]).flatten(1)


def _q4_k(raw: Tensor) -> Tensor:
    return _scaled(raw, _nibbles(raw[:, 16:].unflatten(1, (4, 32))).flatten(1))


def _q5_k(raw: Tensor) -> Tensor:
    low = _nibbles(raw[:, 48:].unflatten(1, (4, 32))).flatten(1)
    return _scaled(raw, low | (_bits(raw[:, 16:48], 1) << 4))


def _q6_k(raw: Tensor) -> Tensor:
    low = _nibbles(raw[:, :128].unflatten(1, (2, 64))).flatten(1)
    high = torch.cat([_bits(half, 2) for half in raw[:, 128:192].split(32, 1)], 1)
    scale = _half(raw[:, 208:]) * raw[:, 192:208].view(torch.int8).float()
    return (scale[..., None] * ((low | (high << 4)).float() - 32).unflatten(1, (16, 16))).flatten(1)


def _twos(raw: Tensor) -> Tensor:
    """64 bytes -> 256 values of two bits: in each half, the lowest bits of 32 bytes, then the next."""
    return torch.cat([_bits(half, 2) for half in raw.split(32, 1)], 1)


def _q2_k(raw: Tensor) -> Tensor:
    scale, least = _half(raw[:, 80:82]) * (raw[:, :16] & 15).float(), _half(raw[:, 82:]) * (raw[:, :16] >> 4).float()
    return (scale[..., None] * _twos(raw[:, 16:80]).unflatten(1, (16, 16)).float() - least[..., None]).flatten(1)


def _q3_k(raw: Tensor) -> Tensor:
    scale = (_nibbles(raw[:, 96:104]) | (_bits(raw[:, 104:108], 2) << 4)).float() - 32
    values = _twos(raw[:, 32:96]).float() - 4 * (1 - _bits(raw[:, :32], 1).float())
    return ((_half(raw[:, 108:]) * scale)[..., None] * values.unflatten(1, (16, 16))).flatten(1)


def _iq4_nl(raw: Tensor) -> Tensor:
    return _half(raw[:, :2]) * torch.tensor(NONLINEAR, dtype=torch.float32)[_nibbles(raw[:, 2:]).int()]


def _mxfp4(raw: Tensor) -> Tensor:
    return power_of_two(raw[:, :1]) * torch.tensor(FP4)[_nibbles(raw[:, 1:]).int()]


def power_of_two(exponents: Tensor) -> Tensor:
    """Bytes of E8M0 -> 2 ** (byte - 127), float32; exact down to the subnormal one."""
    whole = exponents.int()
    return torch.where(whole == 0, 1 << 22, whole << 23).view(torch.float32)


READERS = {
    "Q4_0": _q4_0, "Q4_1": _q4_1, "Q5_0": _q5_0, "Q5_1": _q5_1, "Q8_0": _q8_0, "Q2_K": _q2_k, "Q3_K": _q3_k,
    "Q4_K": _q4_k, "Q5_K": _q5_k, "Q6_K": _q6_k, "IQ4_NL": _iq4_nl, "MXFP4": _mxfp4,
}  # fmt: skip


def dequantize(raw: Tensor, kind: str, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
    """The values that bytes hold.

    Args:
        raw: (bytes,), uint8.
        kind: "Q4_K", "F16", ...
        shape: the values'.
        dtype: what they are given as; the arithmetic is float32.

    Raises:
        ValueError: a kind that cannot be read.
    """
    if kind in PLAIN:
        return raw.view(PLAIN[kind]).view(shape).to(dtype)
    if kind not in READERS:
        raise ValueError(f"tensors of the type {kind} cannot be read; those that can are {', '.join(READERS)}.")
    values, size = SIZES[kind]
    blocks = raw.view(-1, size)
    result = torch.empty(blocks.shape[0], values, dtype=dtype)
    step = AT_ONCE // values
    for start in range(0, blocks.shape[0], step):
        result[start : start + step] = READERS[kind](blocks[start : start + step])
    return result.view(shape)


def _inverse(scale: Tensor) -> Tensor:
    return torch.where(scale == 0, 0.0, 1 / scale)


def _as_half(scale: Tensor) -> Tensor:
    return scale.half().view(torch.uint8)


def _paired(values: Tensor) -> Tensor:
    """Values (..., 2n) below 16 -> bytes (..., n): the first half in the low bits."""
    low, high = values.to(torch.uint8).chunk(2, -1)
    return low | (high << 4)


def _gathered(values: Tensor, width: int) -> Tensor:
    """The inverse of `_bits`."""
    parts = values.to(torch.uint8).chunk(8 // width, 1)
    return sum(part << (width * place) for place, part in enumerate(parts))  # type: ignore[return-value]


def _fifths(values: Tensor) -> Tensor:
    """The fifth bit of 32 values -> four bytes."""
    bits = (values.to(torch.uint8) >> 4).unflatten(1, (4, 8)) << torch.arange(8, dtype=torch.uint8)
    return bits.sum(-1).to(torch.uint8)


def _around(values: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """The scale that puts the value farthest from 0 at the lowest number; the numbers."""
    lowest = 1 << (bits - 1)
    scale = values.gather(1, values.abs().argmax(1, keepdim=True)) / -lowest
    return scale, (values * _inverse(scale) + (lowest + 0.5)).trunc().clamp(0, 2 * lowest - 1)


def _above(values: Tensor, bits: int) -> tuple[Tensor, Tensor, Tensor]:
    """The scale from the least value to the greatest; the least; the numbers."""
    least, most = values.aminmax(dim=1, keepdim=True)
    scale = (most - least) / ((1 << bits) - 1)
    return scale, least, ((values - least) * _inverse(scale) + 0.5).trunc().clamp(0, (1 << bits) - 1)


def _to_q4_0(values: Tensor) -> Tensor:
    scale, numbers = _around(values, 4)
    return torch.cat((_as_half(scale), _paired(numbers)), 1)


def _to_q4_1(values: Tensor) -> Tensor:
    scale, least, numbers = _above(values, 4)
    return torch.cat((_as_half(scale), _as_half(least), _paired(numbers)), 1)


def _to_q5_0(values: Tensor) -> Tensor:
    scale, numbers = _around(values, 5)
    return torch.cat((_as_half(scale), _fifths(numbers), _paired(numbers % 16)), 1)


def _to_q5_1(values: Tensor) -> Tensor:
    scale, least, numbers = _above(values, 5)
    return torch.cat((_as_half(scale), _as_half(least), _fifths(numbers), _paired(numbers % 16)), 1)


def _to_q8_0(values: Tensor) -> Tensor:
    scale = values.abs().amax(1, keepdim=True) / 127
    numbers = values * _inverse(scale)
    numbers = numbers.sign() * (numbers.abs() + 0.5).floor()  # half a step goes away from 0
    return torch.cat((_as_half(scale), numbers.to(torch.int8).view(torch.uint8)), 1)


def _to_parts(values: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """The first sixteen bytes of Q4_K and Q5_K, and the numbers (N, 256)."""
    parts = values.unflatten(1, (8, 32))
    least = -parts.amin(-1).clamp(max=0)  # (N, 8); it is taken away, so it is at least 0
    scale = (parts.amax(-1) + least) / ((1 << bits) - 1)
    d, dmin = scale.amax(1, keepdim=True) / 63, least.amax(1, keepdim=True) / 63
    scale, least = ((x * _inverse(y)).round().clamp(0, 63).to(torch.uint8) for x, y in ((scale, d), (least, dmin)))
    d, dmin = d.half(), dmin.half()
    packed = torch.cat(
        (
            scale[:, :4] | ((scale[:, 4:] >> 4) << 6),
            least[:, :4] | ((least[:, 4:] >> 4) << 6),
            (scale[:, 4:] & 15) | ((least[:, 4:] & 15) << 4),
        ),
        1,
    )
    step, start = (d.float() * scale)[..., None], (dmin.float() * least)[..., None]
    numbers = ((parts + start) * _inverse(step)).round().clamp(0, (1 << bits) - 1)
    return torch.cat((d.view(torch.uint8), dmin.view(torch.uint8), packed), 1), numbers.flatten(1)


def _to_q4_k(values: Tensor) -> Tensor:
    head, numbers = _to_parts(values, 4)
    return torch.cat((head, _paired(numbers.unflatten(1, (4, 64))).flatten(1)), 1)


def _to_q5_k(values: Tensor) -> Tensor:
    head, numbers = _to_parts(values, 5)
    numbers = numbers.to(torch.uint8)
    low = _paired((numbers & 15).unflatten(1, (4, 64))).flatten(1)
    return torch.cat((head, _gathered(numbers >> 4, 1), low), 1)


def _to_q6_k(values: Tensor) -> Tensor:
    parts = values.unflatten(1, (16, 16))
    far = parts.gather(2, parts.abs().argmax(2, keepdim=True))[..., 0] / -32  # (N, 16)
    d = (far.gather(1, far.abs().argmax(1, keepdim=True)) / -128).half()
    scale = (far * _inverse(d.float())).round().clamp(-128, 127)
    step = (d.float() * scale)[..., None]
    numbers = ((parts * _inverse(step)).round().clamp(-32, 31) + 32).to(torch.uint8).flatten(1)
    low = _paired((numbers & 15).unflatten(1, (2, 128))).flatten(1)
    high = torch.cat([_gathered(half, 2) for half in (numbers >> 4).split(128, 1)], 1)
    return torch.cat((low, high, scale.to(torch.int8).view(torch.uint8), d.view(torch.uint8)), 1)


WRITERS = {
    "Q4_0": _to_q4_0, "Q4_1": _to_q4_1, "Q5_0": _to_q5_0, "Q5_1": _to_q5_1, "Q8_0": _to_q8_0, "Q4_K": _to_q4_k,
    "Q5_K": _to_q5_k, "Q6_K": _to_q6_k,
}  # fmt: skip


def writable(kind: str) -> str:
    """The name of a type that can be written, however it is spelled: "q8_0", "Q4_K", "bf16".

    Raises:
        ValueError: there is none of this name.
    """
    known = ("F32", "F16", "BF16", *WRITERS)
    if str(kind).upper() not in known:
        raise ValueError(
            f"{kind!r} is no type that can be written: {', '.join(known)}.{near(str(kind).upper(), known)}"
        )
    return str(kind).upper()


def quantize(values: Tensor, kind: str) -> Tensor:
    """The bytes (bytes,) of values, rounded to a type of `writable`; rows are whole blocks."""
    if kind in PLAIN:
        return values.to(PLAIN[kind]).contiguous().view(-1).view(torch.uint8)
    count, size = SIZES[kind]
    blocks = values.reshape(-1, count)
    result = torch.empty(blocks.shape[0], size, dtype=torch.uint8)
    step = AT_ONCE // count
    for start in range(0, blocks.shape[0], step):
        result[start : start + step] = WRITERS[kind](blocks[start : start + step].float())
    return result.view(-1)
