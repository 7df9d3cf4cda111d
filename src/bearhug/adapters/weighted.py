"""A new adapter out of several: their low-rank parts put together."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Parts = list[tuple[Tensor, Tensor, float]]


def _linear(parts: Parts, rank: int) -> tuple[Tensor, Tensor]:
    a = sum(math.sqrt(abs(w)) * math.copysign(1, w) * a for a, _, w in parts)
    return a, sum(math.sqrt(abs(w)) * b for _, b, w in parts)  # type: ignore[return-value]


def _cat(parts: Parts, rank: int) -> tuple[Tensor, Tensor]:
    return torch.cat([a * w for a, _, w in parts]), torch.cat([b for _, b, _ in parts], 1)


def _svd(parts: Parts, rank: int) -> tuple[Tensor, Tensor]:
    u, s, v = torch.linalg.svd(sum(w * (b.float() @ a.float()) for a, b, w in parts), full_matrices=False)  # type: ignore[arg-type]
    return v[:rank], u[:, :rank] * s[:rank]


COMBINATIONS: dict[str, Callable[[Parts, int], tuple[Tensor, Tensor]]] = {"linear": _linear, "cat": _cat, "svd": _svd}
