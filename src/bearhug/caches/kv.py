"""The key/value cache of a decoder: what its layers have seen, so that a new token costs one step.

B rows, G key/value heads, S tokens held, T new tokens, K head size. A cache that was given a length keeps one block of
memory per layer and writes each step into it; without one, it keeps the first tensors as they are and makes room in
blocks when more come.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

BLOCK = 128  # tokens by which a full cache grows at the least


class LayerCache:
    """Keys and values of one layer, (B, G, capacity, K); the first `length` tokens of them are filled."""

    __slots__ = ("keys", "length", "source", "values")

    def __init__(self, keys: Tensor | None = None, values: Tensor | None = None):
        self.keys, self.values, self.length = keys, values, 0
        self.source: tuple[Tensor, Tensor] | None = None  # keys and values of the text that cross attention looks at

    def append(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Add T tokens (B, G, T, K); returns all that are held, (B, G, S, K)."""
        start, new = self.length, k.shape[2]
        end = self.length = start + new
        if k.requires_grad:  # writing in place would cut the gradient
            if start > 0:
                k = torch.cat((self.keys.narrow(2, 0, start), k), 2)  # type: ignore[union-attr]
                v = torch.cat((self.values.narrow(2, 0, start), v), 2)  # type: ignore[union-attr]
            self.keys, self.values = k, v
            return k, v
        if self.keys is None:
            self.keys, self.values = k, v
            return k, v
        if end > self.keys.shape[2]:
            self._grow(end)
        keys, values = self.keys.narrow(2, 0, end), self.values.narrow(2, 0, end)  # type: ignore[union-attr]
        keys.narrow(2, start, new).copy_(k)
        values.narrow(2, start, new).copy_(v)
        return keys, values

    def _grow(self, needed: int) -> None:
        """Move to a block with room for `needed` tokens and a half of it more."""
        capacity = needed + max(BLOCK, needed // 2)
        for name in ("keys", "values"):
            old = getattr(self, name)
            new = old.new_empty(*old.shape[:2], capacity, old.shape[3])
            new.narrow(2, 0, old.shape[2]).copy_(old.detach())
            setattr(self, name, new)

    @property
    def rows(self) -> int | None:
        """B, once there are keys or room for them."""
        return None if self.keys is None else self.keys.shape[0]

    def crop(self, length: int) -> None:
        """Keep the first `length` tokens."""
        self.length = length

    def take(self, rows: Tensor) -> None:
        """Row i becomes what row rows[i] was (B',); the room for more tokens stays."""
        for name in ("keys", "values"):
            old = getattr(self, name)
            if old is None or old.requires_grad:  # what is written in place has no gradient
                new = old if old is None else old.index_select(0, rows.to(old.device))
            else:
                rows = rows.to(old.device)  # layers may be on several devices
                new = old.new_empty(len(rows), *old.shape[1:])
                torch.index_select(old.narrow(2, 0, self.length), 0, rows, out=new.narrow(2, 0, self.length))
            setattr(self, name, new)
        if self.source is not None:
            rows = rows.to(self.source[0].device)
            self.source = (self.source[0].index_select(0, rows), self.source[1].index_select(0, rows))


class StateCache:
    """What a layer that reads in order keeps: its last few inputs, and a state that is as large after any text."""

    __slots__ = ("state", "window")

    def __init__(self):
        self.window: Tensor | None = None  # (B, kernel - 1, channels)
        self.state: Tensor | None = None  # (B, ...)

    @property
    def rows(self) -> int | None:
        """B, once there are tokens."""
        return None if self.window is None else self.window.shape[0]

    def take(self, rows: Tensor) -> None:
        """Row i becomes what row rows[i] was (B',)."""
        if self.window is not None and self.state is not None:
            rows = rows.to(self.window.device)
            self.window, self.state = self.window.index_select(0, rows), self.state.index_select(0, rows)

    def crop(self, length: int) -> None:
        """Forget everything; a part cannot be forgotten, see `KVCache.crop`."""
        if length == 0:
            self.window = self.state = None


class KVCache:
    """Keys and values of every layer. `cache[i]` is layer i's; `length` tokens are held.

    Args:
        layers: each layer's own, or how many layers; then each waits for its first tensors and keeps those.
    """

    __slots__ = ("bare", "layers", "length")

    def __init__(self, layers: int | list[LayerCache] | list[LayerCache | StateCache]):
        self.layers: list[Any] = [LayerCache() for _ in range(layers)] if isinstance(layers, int) else layers
        self.length = 0
        self.bare: Any = None  # the model's computation for one token at a time, made at the prompt (bare.py)

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        """A copy, or a pickle, holds tokens and no model."""
        return None, {"layers": self.layers, "length": self.length, "bare": None}

    def __getitem__(self, layer: int) -> Any:
        return self.layers[layer]

    def __len__(self) -> int:
        return len(self.layers)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """How many tokens are held."""
        return self.length

    def reorder(self, rows: Tensor) -> None:
        """Take the rows in this order (B',), as beam search does; rows may repeat."""
        for layer in self.layers:
            layer.take(rows)

    def repeat(self, n: int) -> None:
        """Every row n times, side by side: B -> B * n."""
        for layer in self.layers:
            held = layer.window if isinstance(layer, StateCache) else layer.keys
            if layer.rows is not None:
                device = None if held is None else held.device
                layer.take(torch.arange(layer.rows, device=device).repeat_interleave(n))

    def crop(self, length: int) -> None:
        """Keep the first `length` tokens; negative: drop that many at the end.

        Raises:
            ValueError: a layer that reads in order would have to go back to what it no longer has.
        """
        length = max(0, self.length + length) if length < 0 else min(length, self.length)
        if 0 < length < self.length and any(isinstance(layer, StateCache) for layer in self.layers):
            raise ValueError(
                f"the cache holds {self.length} tokens and cannot go back to {length}: some layers keep one state of "
                "all that was read, not of each token.\n"
                "Keep a copy where you may want to go on from: kept = copy.deepcopy(cache)."
            )
        self.length = length
        for layer in self.layers:
            layer.crop(length)

    def __repr__(self) -> str:
        first = next((layer for layer in self.layers if isinstance(layer, LayerCache)), *self.layers[:1])
        rows = "" if first is None or first.rows is None else f", rows={first.rows}"
        if isinstance(first, LayerCache) and first.keys is not None:
            rows += f", capacity={first.keys.shape[2]}"
        return f"KVCache(layers={len(self.layers)}, length={self.length}{rows})"
