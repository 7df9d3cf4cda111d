"""Where the rows of a stream come from: functions that give tables, one a shard, or a generator of rows."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from bearhug.datasets.streams.node import ROWS, Chunk, Node, ahead

Shard = Callable[[], Iterator[pa.Table]]  # may have `.pieces()`: the same rows as several shards


def spread(total: int, count: int, index: int, contiguous: bool) -> range:
    """Which of `total` shards are part `index` of `count`."""
    if not contiguous:
        return range(index, total, count)
    each, rest = divmod(total, count)
    start = each * index + min(index, rest)
    return range(start, start + each + (index < rest))


class Tables(Node):
    """Shards of tables: files, or pieces of a data set."""

    def __init__(self, shards: tuple[Shard, ...], arrow: bool = True):
        self._shards, self.arrow = shards, arrow

    @property
    def num_shards(self) -> int:
        """Files, or pieces."""
        return len(self._shards)

    def _with(self, shards: Any) -> Tables:
        out = copy.copy(self)
        out._shards = tuple(shards)
        return out

    def shards(self, count: int, index: int, contiguous: bool = True) -> Node:
        """Some of the shards."""
        return self._with(self._shards[i] for i in spread(len(self._shards), count, index, contiguous))

    def shuffled(self, generator: np.random.Generator) -> Node:
        """The shards in another order."""
        return self._with(_in_random_order(self._shards, generator))

    def resharded(self) -> Node:
        """Each shard in its pieces, where it has any (a parquet file's row groups)."""
        return self._with(
            piece for shard in self._shards for piece in (getattr(shard, "pieces", lambda: None)() or [shard])
        )

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """At most 1,000 rows at a time."""
        memo.setdefault("shard", 0)
        memo.setdefault("row", 0)
        for shard in self._shards[memo["shard"] :]:
            start, count = memo["row"], 0  # the row of the shard to begin with; the rows before the current table
            for table in shard():
                if count + table.num_rows <= start:
                    count += table.num_rows
                    continue
                for at in range(max(0, start - count), table.num_rows, ROWS):
                    piece = table.slice(at, ROWS)
                    memo["row"] = count + at + piece.num_rows
                    yield piece
                count += table.num_rows
            memo["shard"], memo["row"] = memo["shard"] + 1, 0


class Generated(Node):
    """What a generator function yields; lists among its arguments are shards."""

    def __init__(self, function: Callable[..., Iterator[dict]], arguments: dict):
        self.function, self.arguments = function, arguments
        lengths = {name: len(value) for name, value in arguments.items() if isinstance(value, list)}
        if len(set(lengths.values())) > 1:
            raise RuntimeError(
                f"Sharding is ambiguous for this dataset: we found several data sources lists of different lengths, "
                f"and we don't know over which list we should parallelize: {lengths}\nGive lists of one length, or "
                "tuples for what is no list of shards."
            )

    @property
    def num_shards(self) -> int:
        """The length of the lists among the arguments, or 1."""
        return max([1, *(len(value) for value in self.arguments.values() if isinstance(value, list))])

    def _with(self, arguments: dict) -> Generated:
        return Generated(self.function, arguments)

    def shards(self, count: int, index: int, contiguous: bool = True) -> Node:
        """Some of the shards."""
        kept = spread(self.num_shards, count, index, contiguous)
        if not len(kept):
            return Tables(())
        return self._with(
            {
                name: [value[i] for i in kept] if isinstance(value, list) else value
                for name, value in self.arguments.items()
            }
        )

    def shuffled(self, generator: np.random.Generator) -> Node:
        """The lists in another order, all the same way."""
        order = _in_random_order(range(self.num_shards), generator)
        return self._with(
            {
                name: [value[i] for i in order] if isinstance(value, list) else value
                for name, value in self.arguments.items()
            }
        )

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """A row at a time first, then more: a slow generator's rows are not waited for."""
        memo.setdefault("shard", 0)
        memo.setdefault("row", 0)
        for i in range(memo["shard"], self.num_shards):
            arguments = {
                name: [value[i]] if isinstance(value, list) and value else value
                for name, value in self.arguments.items()
            }
            rows = itertools.islice(self.function(**arguments), memo["row"], None)
            while True:
                chunk: list = []
                try:
                    chunk.extend(itertools.islice(rows, ahead(memo["row"])))
                except Exception:
                    if chunk:
                        memo["row"] += len(chunk)
                        yield chunk
                    raise
                if not chunk:
                    break
                memo["row"] += len(chunk)
                yield chunk
            memo["shard"], memo["row"] = i + 1, 0


def _in_random_order(values: Any, generator: np.random.Generator) -> list:
    order = list(range(len(values)))
    copy.deepcopy(generator).shuffle(order)
    return [values[i] for i in order]
