"""Keys and values in pages: memory of a fixed size, from which every row takes a page when it needs one.

A page holds P tokens of every layer. Texts that begin alike read the same pages, as far as these are full; a page that
nobody reads any more is kept for texts to come, until its room is needed. Layers that keep a state of all that was read
(Mamba, gated delta) have it for each row besides. B rows, S columns of the longest row, G heads, K head size.

A step shows the model one column a row. Rows end at the same column, so that what stands left of a shorter one is
padding, which the mask hides.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bearhug.caches.kv import KVCache, StateCache


class Exhausted(RuntimeError):
    """No page is left: some row has to give its own back."""


class PagedLayer:
    """One layer's keys and values (pages * P, G, K), as the model appends to them and reads them."""

    def __init__(self, pages: Pages):
        self.pages, self.held = pages, []

    def append(self, *new: Tensor) -> list[Tensor]:
        """Add a token a row to keys and values, each (B, G, 1, K): all that the rows hold, (B, G, S, K)."""
        found, pages = [], self.pages
        for which, (pool, one) in enumerate(zip(self.held, new, strict=True)):
            pool.index_copy_(0, pages.ends, one[:, :, 0])
            room = pages.room(which, pool)
            torch.index_select(pool, 0, pages.places, out=room)
            found.append(room.view(len(one), -1, *room.shape[1:]).transpose(1, 2))
        return found

    def write(self, places: Tensor, *new: Tensor) -> None:
        """Put T tokens (G, T, K) of one row where `places` (T,) says."""
        if not self.held:
            tokens = self.pages.count * self.pages.size
            self.held = [one.new_empty(tokens, one.shape[0], one.shape[2]) for one in new]
        for pool, one in zip(self.held, new, strict=True):
            pool.index_copy_(0, places, one.transpose(0, 1))


class Pages:
    """The pages of one model, and the B rows that read them now.

    Args:
        model: a decoder.
        tokens: that all pages together hold.
        size: P.
        share: whether texts that begin alike read the same pages, and pages are kept for it.
    """

    def __init__(self, model: Any, tokens: int, size: int, share: bool = True):
        self.model, self.count, self.size, self.share = model, max(1, tokens // size), size, share
        kinds = model.new_cache(0, 0).layers
        self.cache = KVCache([StateCache() if isinstance(kind, StateCache) else PagedLayer(self) for kind in kinds])  # type: ignore[arg-type]
        self.has_states = any(isinstance(kind, StateCache) for kind in kinds)
        self.free = list(range(self.count))[::-1]
        self.readers = [0] * self.count  # rows that read a page
        self.known: dict[bytes, int] = {}  # the digest of a text that ends with a page -> that page
        self.names: dict[int, bytes] = {}  # and the reverse
        self.idle: dict[int, None] = {}  # known pages that no row reads; the one used last stands last
        self.tables: list[list[int]] = []  # each row's pages
        self.lengths: list[int] = []  # and its tokens
        self.places = self.ends = self.table = torch.empty(0, dtype=torch.long)
        self.rooms: dict[tuple[int, ...], Tensor] = {}
        self.hits = self.reused = 0  # prompts that went on from pages they found, and their tokens that were not read

    @property
    def left(self) -> int:
        """Pages that a row may still take."""
        return len(self.free) + len(self.idle)

    def pages_of(self, tokens: int) -> int:
        """How many pages so many tokens take."""
        return -(-tokens // self.size)

    # texts

    def find(self, ids: Sequence[int]) -> list[int]:
        """The pages of the longest known beginning of `ids`, short of the last token."""
        found = []
        if self.share and not self.has_states:
            for name in self._digests(ids[:-1]):
                if name not in self.known:
                    break
                found.append(self.known[name])
        return found

    def needed(self, tokens: int, rows: int, shared: Sequence[int], common: int = 0) -> int:
        """How many of the pages that are left a text of so many tokens takes for each of `rows`."""
        own, alike = self.pages_of(tokens), max(len(shared), common // self.size)
        return own - len(shared) + (rows - 1) * (own - alike) + sum(page in self.idle for page in shared)

    def emptied(self) -> Pages:
        """Pages like these that nobody reads."""
        return Pages(self.model, self.count * self.size, self.size, self.share)

    def keep(self, ids: Sequence[int], row: int) -> None:
        """Let others find the full pages of a row that has read `ids`."""
        if self.share and not self.has_states:
            for name, page in zip(self._digests(ids), self.tables[row], strict=False):
                if name not in self.known and page not in self.names:
                    self.known[name], self.names[page] = page, name

    def _digests(self, ids: Sequence[int]) -> Any:
        """Of every beginning of `ids` that fills its pages."""
        digest, values = blake2b(digest_size=16), np.asarray(ids, dtype=np.int64)
        for start in range(0, len(ids) - self.size + 1, self.size):
            digest.update(values[start : start + self.size].tobytes())
            yield digest.digest()

    # rows

    def add(self, cache: Any, rows: int, shared: Sequence[int], common: int) -> None:
        """Copy the rows of a cache into pages of their own.

        Args:
            cache: of `rows` rows without padding; it is not kept.
            shared: pages that hold its first tokens already.
            common: its first tokens that are the same in all rows, of which full pages are written once.

        Raises:
            Exhausted: there are not enough pages; nothing was taken.
        """
        own, alike = self.pages_of(cache.length), max(len(shared), common // self.size)
        if self.needed(cache.length, rows, shared, common) > self.left:
            raise Exhausted("too few pages are left")
        first = self._held(list(shared))
        for row in range(rows):
            start = len(first) if row == 0 else alike
            table = first if row == 0 else self._held(self.tables[-row][:alike])
            table += [self._take() for _ in range(own - start)]
            places = self._places(table, start * self.size, cache.length)
            for mine, other in zip(self.cache.layers, cache.layers, strict=True):
                if isinstance(mine, PagedLayer):
                    span = slice(start * self.size, cache.length)
                    mine.write(places, other.keys[row, :, span], other.values[row, :, span])
            self.tables.append(table)
            self.lengths.append(cache.length)
        for mine, other in zip(self.cache.layers, cache.layers, strict=True):
            if isinstance(mine, StateCache):
                for name in ("window", "state"):
                    parts = [part for part in (getattr(mine, name), getattr(other, name)) if part is not None]
                    setattr(mine, name, torch.cat(parts))
        self._changed()

    def grow(self) -> None:
        """Give every row room for one more token.

        Raises:
            Exhausted: there are not enough pages; nothing was taken.
        """
        full = [row for row, length in enumerate(self.lengths) if length == len(self.tables[row]) * self.size]
        if len(full) > self.left:
            raise Exhausted("too few pages are left")
        for row in full:
            self.tables[row].append(self._take())
        if full:
            self._changed()

    def read(self, ids: Tensor) -> Tensor:
        """Read one more token a row (B, 1), for which there is room: the scores (B, V) of the next."""
        self.lengths = [length + 1 for length in self.lengths]
        total, device = max(self.lengths), ids.device
        short = total - torch.tensor(self.lengths, device=device)[:, None]
        column = torch.arange(total, device=device) - short  # (B, S), negative for padding
        mask = column >= 0 if min(self.lengths) < total else None
        column.clamp_(min=0)
        places = self.table.gather(1, column // self.size) * self.size + column % self.size
        self.ends, self.places = places[:, -1].contiguous(), places.flatten()
        self.cache.length = total - 1
        output = self.model(ids, attention_mask=mask, past_key_values=self.cache, use_cache=True, return_dict=True)
        return output.logits[:, -1]

    def leave(self, rows: list[int]) -> None:
        """Take these rows out."""
        for row in rows:
            for page in reversed(self.tables[row]):  # of what is kept, the end of a text goes first
                self.readers[page] -= 1
                if not self.readers[page] and page in self.names:
                    self.idle[page] = None
                elif not self.readers[page]:
                    self.free.append(page)
        stay = [row for row in range(len(self.tables)) if row not in set(rows)]
        self.tables, self.lengths = [self.tables[row] for row in stay], [self.lengths[row] for row in stay]
        if self.has_states:
            where = torch.tensor(stay, device=self.model.device, dtype=torch.long)
            for layer in self.cache.layers:
                if isinstance(layer, StateCache):
                    layer.take(where)
        self._changed()

    def gather(self, table: Sequence[int], tokens: int, rows: int = 1) -> Any:
        """A copy of what pages hold, as an ordinary cache of so many equal rows."""
        copy, places = self.model.new_cache(0, 0), self._places(table, 0, tokens)
        for mine, other in zip(copy.layers, self.cache.layers, strict=True):
            mine.keys, mine.values = (
                pool.index_select(0, places).transpose(0, 1)[None].repeat(rows, 1, 1, 1) for pool in other.held
            )
            mine.length = tokens
        copy.length = tokens
        return copy

    # pages

    def _held(self, table: list[int]) -> list[int]:
        """The same pages, which one more row reads."""
        for page in table:
            self.readers[page] += 1
            self.idle.pop(page, None)
        return list(table)

    def _take(self) -> int:
        if self.free:
            page = self.free.pop()
        else:
            page = next(iter(self.idle))
            del self.idle[page]
            del self.known[self.names.pop(page)]
        self.readers[page] = 1
        return page

    def _places(self, table: Sequence[int], start: int, end: int) -> Tensor:
        """Where the tokens from `start` to `end` of a row lie (T,)."""
        column = torch.arange(start, end)
        return (torch.tensor(table)[column // self.size] * self.size + column % self.size).to(self.model.device)

    def _changed(self) -> None:
        """The rows' pages as (B, most)."""
        most = max(map(len, self.tables), default=0)
        table = [table + [0] * (most - len(table)) for table in self.tables]
        self.table = torch.tensor(table, dtype=torch.long, device=self.model.device)

    def room(self, which: int, pool: Tensor) -> Tensor:
        """Memory (B * S, G, K) for what a layer reads, the same for every layer: it stays in the processor's cache."""
        needed, key = len(self.places), (which, *pool.shape[1:])
        if key not in self.rooms or len(self.rooms[key]) < needed:
            self.rooms[key] = pool.new_empty(needed + needed // 2, *pool.shape[1:])
        return self.rooms[key][:needed]
