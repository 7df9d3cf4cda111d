"""Caches that take less memory where the model computes: in few bits, or in the memory of the CPU.

B rows, G key/value heads, T tokens, K head size, g the numbers that share a scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bearhug._lib.errors import near
from bearhug.caches.kv import KVCache, LayerCache

SETTINGS = {  # name -> values that are right
    "nbits": (2, 4, 8),
    "q_group_size": None,
    "residual_length": None,
    "backend": ("quanto", "hqq", "HQQ"),  # of the reference; there is one way here
    "axis_key": (0, -1, 1),
    "axis_value": (0, -1, 1),
}


@dataclass
class Packed:
    """Numbers (B, G, T, K) as whole ones of few bits: each group of g has its least and the step between two."""

    codes: Tensor  # (B, G, T, K * bits / 8) uint8
    least: Tensor  # (B, G, T, K / g)
    step: Tensor
    bits: int

    @classmethod
    def of(cls, x: Tensor, bits: int, group: int) -> Packed:
        """Round to the nearest of 2**bits numbers between a group's least and its greatest."""
        size = group if x.shape[-1] % group == 0 else x.shape[-1]
        groups = x.unflatten(-1, (-1, size)).float()
        least, most = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
        step = ((most - least) / (2**bits - 1)).clamp(min=1e-8)
        codes = ((groups - least) / step).round().to(torch.uint8).flatten(-2)
        return cls(_pack(codes, bits), least[..., 0].to(x.dtype), step[..., 0].to(x.dtype), bits)

    def numbers(self) -> Tensor:
        """(B, G, T, K) again, in the dtype that they had."""
        codes = _unpack(self.codes, self.bits).unflatten(-1, (self.least.shape[-1], -1))
        return (codes.to(self.step.dtype) * self.step[..., None] + self.least[..., None]).flatten(-2)

    def take(self, rows: Tensor) -> Packed:
        """Rows (B',) of these."""
        codes, least, step = (part.index_select(0, rows) for part in (self.codes, self.least, self.step))
        return Packed(codes, least, step, self.bits)

    def first(self, tokens: int) -> Packed:
        """The first tokens."""
        return Packed(self.codes[:, :, :tokens], self.least[:, :, :tokens], self.step[:, :, :tokens], self.bits)


def _pack(codes: Tensor, bits: int) -> Tensor:
    """(..., K) -> (..., K * bits / 8): the first of several numbers in a byte has its lowest bits."""
    each = 8 // bits
    if codes.shape[-1] % each:
        raise ValueError(
            f"heads of {codes.shape[-1]} numbers do not fill bytes of {each}.\nPass cache_config={{'nbits': 8}}."
        )
    parts = codes.unflatten(-1, (-1, each)).unbind(-1)
    packed = parts[0].clone()
    for place, part in enumerate(parts[1:], 1):
        packed |= part << (place * bits)
    return packed


def _unpack(packed: Tensor, bits: int) -> Tensor:
    return torch.stack([packed >> shift & 2**bits - 1 for shift in range(0, 8, bits)], -1).flatten(-2)


class QuantizedLayer(LayerCache):
    """Old keys and values in few bits, the last ones as they are (Liu et al. 2024, arXiv:2402.02750).

    Args:
        nbits: 2, 4 or 8.
        q_group_size: numbers of a head that share a scale.
        residual_length: so many tokens wait as they are, and are packed together.
    """

    __slots__ = ("group", "nbits", "packed", "packed_length", "residual")

    def __init__(self, nbits: int = 4, q_group_size: int = 64, residual_length: int = 128, **_: Any):
        super().__init__()
        self.nbits, self.group, self.residual = nbits, q_group_size, residual_length
        self.packed: list[tuple[Packed, Packed]] = []
        self.packed_length = 0

    @property
    def rows(self) -> int | None:
        """B, once there are tokens."""
        return self.packed[0][0].codes.shape[0] if self.packed else super().rows

    def append(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Add T tokens (B, G, T, K); returns all that are held, (B, G, S, K)."""
        old = [(keys.numbers(), values.numbers()) for keys, values in self.packed]
        waiting = self.length - self.packed_length
        if waiting:
            old.append((self.keys[:, :, :waiting], self.values[:, :, :waiting]))  # type: ignore[index]
        keys, values = (torch.cat(parts, 2) for parts in zip(*old, (k, v), strict=True))
        self.length += k.shape[2]
        waiting += k.shape[2]
        self.keys, self.values = keys[:, :, -waiting:], values[:, :, -waiting:]
        if waiting >= self.residual:
            pair = (Packed.of(self.keys, self.nbits, self.group), Packed.of(self.values, self.nbits, self.group))
            self.packed.append(pair)
            self.packed_length, self.keys, self.values = self.length, None, None
        else:
            self.keys, self.values = self.keys.clone(), self.values.clone()  # not all that came before
        return keys, values

    def crop(self, length: int) -> None:
        """Keep the first `length` tokens."""
        self.length = length
        kept, tokens = [], 0
        for keys, values in self.packed:
            size = min(keys.codes.shape[2], length - tokens)
            if size > 0:
                kept.append((keys.first(size), values.first(size)))
                tokens += size
        self.packed, self.packed_length = kept, tokens

    def take(self, rows: Tensor) -> None:
        """Row i becomes what row rows[i] was (B',)."""
        rows = rows.to(self.packed[0][0].codes.device if self.packed else rows.device)
        self.packed = [(keys.take(rows), values.take(rows)) for keys, values in self.packed]
        if self.keys is not None and self.values is not None:
            self.keys, self.values = self.keys.index_select(0, rows), self.values.index_select(0, rows)
        if self.source is not None:
            self.source = (self.source[0].index_select(0, rows), self.source[1].index_select(0, rows))


class OffloadedLayer(LayerCache):
    """Keys and values in the memory of the CPU; each layer's come to the device while it computes."""

    __slots__ = ()

    def append(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Add T tokens (B, G, T, K); returns all that are held, (B, G, S, K), where k is."""
        keys, values = super().append(k.cpu(), v.cpu())
        return keys.to(k.device, non_blocking=True), values.to(k.device, non_blocking=True)

    def take(self, rows: Tensor) -> None:
        """Row i becomes what row rows[i] was (B',)."""
        source, self.source = self.source, None
        super().take(rows.cpu())
        if source is not None:
            self.source = (source[0].index_select(0, rows), source[1].index_select(0, rows))


def kept(cache: KVCache, kind: str, settings: Mapping[str, Any]) -> KVCache:
    """The same cache, still empty, with layers of this kind; what reads in order keeps little, and stays.

    Args:
        kind: "quantized" or "offloaded".
        settings: of the quantized one.

    Raises:
        ValueError: a setting that does not exist, or a value that it cannot have.
    """
    for name, value in settings.items():
        if name not in SETTINGS:
            raise ValueError(f"cache_config has no setting {name!r}.{near(name, tuple(SETTINGS))}")
        right = SETTINGS[name]
        if value not in right if right else not isinstance(value, int) or value < 1:
            words = "one of " + ", ".join(map(repr, right)) if right else "a whole number of at least 1"
            raise ValueError(f"cache_config={{{name!r}: {value!r}}} was given; {name} is {words}.")
    make = QuantizedLayer if kind == "quantized" else OffloadedLayer
    layers: list[Any] = [make(**settings) if isinstance(layer, LayerCache) else layer for layer in cache.layers]
    return KVCache(layers)
