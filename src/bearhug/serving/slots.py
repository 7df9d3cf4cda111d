"""The rows that are decoded together: caches of several texts joined into one, and taken apart.

Rows end at the same column, so a step writes one column for all of them; what stands left of a shorter row is padding,
which the mask hides. Columns that are padding in every row are dropped. B rows, S columns.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Slots:
    """A cache of B rows that come and go, and how long each is."""

    def __init__(self, model: Any):
        self.model = model
        self.cache: Any = None
        self.lengths: list[int] = []  # of the B rows

    def read(self, ids: Tensor) -> Tensor:
        """Read one more token a row (B, 1): the scores (B, V) of the next."""
        self.lengths = [length + 1 for length in self.lengths]
        total = self.cache.length + 1
        mask = None
        if min(self.lengths) < total:
            mask = torch.arange(total) >= total - torch.tensor(self.lengths)[:, None]
            mask = mask.to(ids.device)
        output = self.model(ids, attention_mask=mask, past_key_values=self.cache, use_cache=True, return_dict=True)
        return output.logits[:, -1]

    def add(self, cache: Any, rows: int) -> None:
        """Let the `rows` rows of another cache go on beside these; that cache is given up."""
        self.lengths += [cache.length] * rows
        if self.cache is None:
            self.cache = cache
            return
        total = max(self.cache.length, cache.length)
        for mine, other in zip(self.cache.layers, cache.layers, strict=True):
            for name, value in _tensors(mine).items():
                parts = [value, getattr(other, name)]
                if hasattr(mine, "length"):
                    parts = [_right(part, held.length, total) for part, held in zip(parts, (mine, other), strict=True)]
                setattr(mine, name, torch.cat(parts))
            if hasattr(mine, "length"):
                mine.length = total
        self.cache.length = total
        self.cache.bare = None

    def keep(self, rows: list[int]) -> None:
        """Leave only these rows."""
        self.lengths = [self.lengths[row] for row in rows]
        if not rows:
            self.cache = None
            return
        self.cache.reorder(torch.tensor(rows, device=self.model.device))
        total, longest = self.cache.length, max(self.lengths)
        if longest == total:
            return
        for layer in self.cache.layers:
            if hasattr(layer, "length"):
                for name, value in _tensors(layer).items():
                    setattr(layer, name, value.narrow(2, total - longest, longest).contiguous())
                layer.length = longest
        self.cache.length = longest

    def row(self, row: int) -> Any:
        """A copy of one row, as a cache of its own without padding."""
        return taken(self.model, self.cache, row, self.cache.length - self.lengths[row], self.lengths[row])


def taken(model: Any, cache: Any, row: int, start: int, length: int) -> Any:
    """A copy of `length` columns of one row, from column `start`."""
    copy = model.new_cache(0, 0)
    for mine, other in zip(copy.layers, cache.layers, strict=True):
        for name, value in _tensors(other).items():
            part = value[row : row + 1]
            setattr(mine, name, (part.narrow(2, start, length) if hasattr(other, "length") else part).clone())
        if hasattr(mine, "length"):
            mine.length = length
    copy.length = length
    return copy


def _tensors(layer: Any) -> dict[str, Tensor]:
    """What a layer holds for each row."""
    names = ("keys", "values", "window", "state")
    return {name: value for name in names if (value := getattr(layer, name, None)) is not None}


def _right(part: Tensor, length: int, total: int) -> Tensor:
    """The `length` columns that are filled, at the right end of `total`."""
    part = part.narrow(2, 0, length)
    if length == total:
        return part
    return torch.cat((part.new_zeros(*part.shape[:2], total - length, part.shape[3]), part), 2)
