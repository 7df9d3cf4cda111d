"""A layer with adapters beside it. I inputs, O outputs, r the rank."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Lora(nn.Module):
    """What one adapter adds to one of our matrices."""

    def __init__(
        self, a: nn.Parameter, b: nn.Parameter, scale: float, dropout: float, bias: nn.Parameter | None = None
    ):
        super().__init__()
        self.a, self.b, self.bias, self.scale = a, b, bias, scale  # a (r, I), b (O, r)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.magnitude: nn.Parameter | None = None  # (O,), of DoRA

    def delta(self, dtype: torch.dtype) -> Tensor:
        """The change of the matrix (O, I)."""
        return (self.b.float() @ self.a.float() * self.scale).to(dtype)

    def lengths(self, weight: Tensor) -> Tensor:
        """What DoRA multiplies the rows of the sum with (O,)."""
        assert self.magnitude is not None
        return self.magnitude / (weight.float() + self.delta(torch.float32)).norm(dim=1).detach()

    def added(self, x: Tensor, weight: Tensor) -> Tensor:
        """What is added to W x: x (..., I) -> (..., O)."""
        x = self.dropout(x.to(self.a.dtype))
        y = F.linear(F.linear(x, self.a), self.b, self.bias) * self.scale
        if self.magnitude is None:
            return y
        lengths = self.lengths(weight)
        return (lengths - 1) * F.linear(x, weight.to(x.dtype)) + lengths * y

    def looked_up(self, ids: Tensor) -> Tensor:
        """What is added to the rows of a table: ids (...) -> (..., O)."""
        return F.linear(F.embedding(ids, self.a.t()), self.b) * self.scale


class Adapted(nn.Module):
    """A layer with adapters beside it; mixed into the layer's own class, so that its weights keep their names."""

    weight: Any
    adapters: nn.ModuleDict
    active: list[str]
    merged: list[str]

    def forward(self, x: Tensor) -> Tensor:
        """The layer, or an adapter's own copy of it, with what the active adapters add."""
        own: list[Any] = [self.adapters[name] for name in self.active if name not in self.merged]
        whole = [module for module in own if not isinstance(module, Lora)]
        if whole:
            return whole[-1](x)
        y = super().forward(x)  # type: ignore[misc]
        for module in own:
            added = module.added(x, self.weight) if x.is_floating_point() else module.looked_up(x)
            y = y + added.to(y.dtype)
        return y


def adapt(module: nn.Module) -> Adapted:
    """Make room for adapters in a layer."""
    if not isinstance(module, Adapted):
        kind = type(module)
        module.__class__ = type(f"Adapted{kind.__name__}", (Adapted, kind), {"__module__": __name__, "plain": kind})
        module.adapters, module.active, module.merged = nn.ModuleDict(), [], []  # type: ignore[assignment]
    return module  # type: ignore[return-value]


def restore(module: Adapted) -> None:
    """Take the room away; the weights stay as they are."""
    del module.adapters, module.active, module.merged
    module.__class__ = module.plain  # type: ignore[attr-defined]


def is_own(name: str) -> bool:
    """Whether a parameter's name is that of an adapter's."""
    return ".adapters." in name


def merged_weight(layer: Any, lora: Any, back: bool = False) -> Tensor:
    """A layer's matrix with an adapter's change in it; `back`: without it again."""
    weight, delta = layer.weight, lora.delta(torch.float32)
    if isinstance(layer, nn.Embedding):
        delta = delta.t()
    if lora.magnitude is None:
        return (weight.float() - delta if back else weight.float() + delta).to(weight.dtype)
    if not back:
        lora.factor = lora.lengths(weight)[:, None]
        return (lora.factor * (weight.float() + delta)).to(weight.dtype)
    return (weight.float() / lora.factor - delta).to(weight.dtype)
