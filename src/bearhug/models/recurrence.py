"""What mixers that read a text in order share: padding that is passed over, a short convolution, a gated norm.

B rows, T new tokens, D width. What such a mixer has read is a state of fixed size (`caches.kv.StateCache`), so that
a token costs as much after a long text as after a short one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bearhug.caches.kv import StateCache
from bearhug.models.attention import Sight
from bearhug.models.positions import Rotate

LONG_CHUNK = 64  # tokens that are read at once, by matrix products


class Recurrent(nn.Module):
    """Reads each row's real tokens as if no padding stood among them; a subclass says how, in `read`."""

    def new_cache(self, batch: int, length: int, like: Tensor) -> StateCache:
        """An empty state; it waits for its first tokens."""
        return StateCache()

    def read(self, x: Tensor, cache: StateCache | None, text: Tensor | None) -> Tensor:
        """X (B, T, D) -> (B, T, D). text (B, T): each row's real tokens stand first; None: all are real."""
        raise TypeError(f"{type(self).__name__} does not say how it reads")

    def draw(self) -> Iterator[tuple[str, Tensor]]:
        """Fresh values of the parameters that do not start as others do: name, value."""
        yield from ()

    def forward(
        self,
        x: Tensor,
        rotate: Rotate | None,
        sight: Sight,
        cache: StateCache | None = None,
        seen: list[Tensor] | None = None,
    ) -> Tensor:
        """X (B, T, D) -> (B, T, D). Padding is moved behind the real tokens, and back."""
        if sight.real is None:
            return self.read(x, cache, None)
        order = sight.real.logical_not().long().argsort(dim=1, stable=True)  # (B, T)
        text = sight.real.gather(1, order)
        x = x.gather(1, order[..., None].expand_as(x)).masked_fill(~text[..., None], 0.0)
        y = self.read(x, cache, text)
        return y.gather(1, order.argsort(dim=1)[..., None].expand_as(y))


class ShortConv(nn.Module):
    """Each channel's last few inputs, weighed."""

    constants: ClassVar[tuple[str, ...]] = ("taps",)

    def __init__(self, width: int, kernel: int, bias: bool):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width, 1, kernel))
        self.bias = nn.Parameter(torch.empty(width)) if bias else None

    def taps(self) -> Tensor:
        """The weights by distance (kernel, width)."""
        return self.weight[:, 0].t().contiguous()

    def forward(self, x: Tensor, cache: StateCache | None, text: Tensor | None) -> Tensor:
        """X (B, T, width) -> (B, T, width). The cache's window holds the last inputs, (B, kernel - 1, width)."""
        taps, new = self.taps(), x.shape[1]
        before = None if cache is None else cache.window
        if before is None:
            before = x.new_zeros(x.shape[0], len(taps) - 1, x.shape[2])
        whole = torch.cat((before, x), 1)
        if cache is not None:
            cache.window = whole[:, 1:] if new == 1 and text is None else _last(whole, new, len(taps) - 1, text)
        if new == 1:
            y = (whole * taps).sum(1, keepdim=True)
            return y if self.bias is None else y + self.bias
        y = whole[:, :new] * taps[0] if self.bias is None else torch.addcmul(self.bias, whole[:, :new], taps[0])
        for place in range(1, len(taps)):
            y = torch.addcmul(y, whole[:, place : place + new], taps[place])
        return y


def _last(whole: Tensor, new: int, keep: int, text: Tensor | None) -> Tensor:
    """The last `keep` inputs of each row that are no padding."""
    if text is None:
        return whole[:, new:].clone()  # a view would hold the whole text
    places = text.sum(1, keepdim=True) + torch.arange(keep, device=whole.device)  # (B, keep)
    return whole.gather(1, places[..., None].expand(-1, -1, whole.shape[2]))


class GatedNorm(nn.Module):
    """RMSNorm of what a gate lets through (over each group of channels), or a gate on the norm of it."""

    def __init__(self, width: int, eps: float, groups: int = 1, gate_first: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps, self.groups, self.gate_first = eps, groups, gate_first

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        """X and gate (..., width) -> (..., width), in x's dtype."""
        dtype, gate = x.dtype, F.silu(wide(gate))
        x = x.to(gate.dtype)
        if self.gate_first:
            x = x * gate
        if self.groups > 1:
            x = x.unflatten(-1, (self.groups, -1))
        x = F.rms_norm(x, x.shape[-1:], None, self.eps)
        if self.groups > 1:
            x = x.flatten(-2)
        x = self.weight * x.to(dtype)
        return x if self.gate_first else (x * gate).to(dtype)


def decays(log_keep: Tensor) -> tuple[Tensor, Tensor]:
    """How much of what a token wrote is left when another reads: log_keep (..., T), the logarithm of each one's share.

    Returns:
        its running sum (..., T), and the shares (..., T, T), zero above the diagonal.
    """
    total = log_keep.cumsum(-1)
    between = total[..., :, None] - total[..., None, :]
    later = torch.ones(between.shape[-2:], dtype=torch.bool, device=between.device).triu(1)
    return total, between.masked_fill(later, -math.inf).exp()


def chunks(length: int, size: int = LONG_CHUNK) -> list[slice]:
    """A text of this length in pieces."""
    return [slice(start, start + size) for start in range(0, length, size)]


def wide(x: Tensor) -> Tensor:
    """In float32 at the least."""
    return x.float() if x.dtype.itemsize < 4 else x


def uniform(like: Tensor, bound: float) -> Tensor:
    """Random numbers between -bound and bound."""
    return torch.empty_like(like).uniform_(-bound, bound)
