"""A node of a stream: it gives chunks of rows, and says at each chunk where it stands.

A chunk is an Arrow table, or a list of rows (dicts). `Node.chunks(memo)` goes on from what `memo` holds ({} is the
start) and keeps `memo` at the place right after the chunk that it gave last. Where chunks end means nothing: another
run may cut the same rows otherwise. `Reader` reads a node row by row and remembers the place of each.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from bearhug.datasets.arrow import cast, cast_table, column, to_list
from bearhug.datasets.features import Features, decode, encode, is_null, needs_decoding

ROWS = 1000  # of a chunk, at most
Row = dict[str, Any]
Chunk = Any  # pa.Table | list[Row]


class FixedOrder(Exception):
    """The shards below `skip` and `take` stay in their order."""


class Node:
    """One step of a stream, or a source. Nodes are never changed: what alters one gives another."""

    arrow = False  # whether the reference would read it in tables: this decides in which order rows are shuffled
    features: Features | None = None  # where all rows have them already

    def children(self) -> list[Node]:
        """The nodes that this one reads."""
        return []

    def over(self, children: list[Node]) -> Node:
        """The same step over other nodes."""
        return self

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """The rows from the place that `memo` holds."""
        raise AssertionError

    @property
    def num_shards(self) -> int:
        """How many parts can be read apart from one another."""
        return self.children()[0].num_shards

    def shards(self, count: int, index: int, contiguous: bool = True) -> Node:
        """One of `count` parts of the shards."""
        return self.over([one.shards(count, index, contiguous) for one in self.children()])

    def shuffled(self, generator: np.random.Generator) -> Node:
        """With the shards in a random order.

        Raises:
            FixedOrder: the order of the shards cannot change.
        """
        return self.over([one.shuffled(generator) for one in self.children()])

    def shifted(self, by: int) -> Node:
        """With other random numbers, for an epoch or a worker."""
        return self.over([one.shifted(by) for one in self.children()])

    def resharded(self) -> Node:
        """With more and smaller shards, where the files allow it."""
        return self.over([one.resharded() for one in self.children()])

    def dealt(self, parts: int, part: int) -> Node:
        """Every `parts`-th row, for workers that share a shard."""
        from bearhug.datasets.streams.steps import Dealt

        return Dealt(self, parts, part)

    def elastic(self, node: int, nodes: int, worker: int, workers: int) -> Node | None:
        """The part of one worker where the stream is dealt in blocks; None where it is not."""
        children = self.children()
        below = children[0].elastic(node, nodes, worker, workers) if len(children) == 1 else None
        return None if below is None else self.over([below])


class Step(Node):
    """A node over one other."""

    def __init__(self, child: Node):
        self.child = child
        self.arrow, self.features = child.arrow, child.features

    def children(self) -> list[Node]:
        """The node below."""
        return [self.child]

    def over(self, children: list[Node]) -> Node:
        """The same step over another node."""
        out = copy.copy(self)
        out.child = children[0]
        return out


class Reader:
    """Reads a node's rows in pieces of any size; `state` is the place after the last row that was taken."""

    def __init__(self, node: Node, memo: dict | None):
        memo = memo or {}
        self._live: dict = remembered(memo.get("child") or {})
        self._skip: int = memo.get("skip", 0)
        self._before: dict = memo.get("child") or {}
        self._at = 0
        self._chunk: Chunk = []
        self._length = 0
        self._rest = node.chunks(self._live)

    def ready(self) -> bool:
        """Whether there is another row."""
        while self._at >= self._length:
            before = remembered(self._live)
            chunk = next(self._rest, None)
            if chunk is None:
                self._chunk, self._length, self._at, self._before = [], 0, 0, remembered(self._live)
                return False
            length = size(chunk)
            if self._skip >= length:
                self._skip -= length
                continue
            self._chunk, self._length, self._before = chunk, length, before
            self._at, self._skip = self._skip, 0
        return True

    @property
    def left(self) -> int:
        """How many rows of the current chunk are left."""
        return self._length - self._at

    def take(self, count: int) -> Chunk:
        """At most `count` rows of the current chunk."""
        start, self._at = self._at, min(self._length, self._at + count)
        if start == 0 and self._at == self._length:
            return self._chunk
        return part(self._chunk, start, self._at)

    def peek(self, count: int) -> Chunk:
        """At most `count` rows of the current chunk, which are not taken yet."""
        return part(self._chunk, self._at, min(self._length, self._at + count))

    def piece(self, count: int) -> list[Chunk]:
        """Exactly `count` rows, or all that are left (count 0: always all)."""
        pieces, missing = [], count
        while (missing or not count) and self.ready():
            pieces.append(self.take(missing if count else self.left))
            missing -= size(pieces[-1]) if count else 0
        return pieces

    def state(self, unread: int = 0) -> dict:
        """Where the next row is found again; `unread` of the rows that were taken count as not taken."""
        at = self._at - unread
        if at >= self._length and self._length:
            return {"child": remembered(self._live), "skip": 0}
        return {"child": self._before, "skip": at if self._length else self._skip}


def ahead(given: int) -> int:
    """How many rows may be made before they are asked for: few at first, so that a slow function is not waited for."""
    return min(ROWS, max(1, given // 8))


def heavy(features: Features | None) -> bool:
    """Whether rows hold media, which are decoded one by one."""
    return features is not None and any(needs_decoding(one) for one in features.values())


def remembered(memo: Any) -> Any:
    """A copy of a memo; tuples and tables in it are never changed, and are shared."""
    if type(memo) is dict:
        return {key: remembered(value) if type(value) in (dict, list) else value for key, value in memo.items()}
    if type(memo) is list:
        return [remembered(value) if type(value) in (dict, list) else value for value in memo]
    return memo


def packed(memo: Any) -> Any:
    """A memo of plain values: a table in it as bytes, so that any way to save a state will do."""
    if isinstance(memo, dict):
        return {key: packed(value) for key, value in memo.items()}
    if isinstance(memo, list):
        return [packed(value) for value in memo]
    if isinstance(memo, pa.Table):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, memo.schema) as writer:
            writer.write_table(memo)
        return sink.getvalue().to_pybytes()
    return memo


def unpacked(value: Any) -> Any:
    """What `packed` made of a table, as a table again; other values as they are."""
    return pa.ipc.open_stream(value).read_all() if isinstance(value, bytes) else value


def size(chunk: Chunk) -> int:
    """The number of rows."""
    return chunk.num_rows if isinstance(chunk, pa.Table) else len(chunk)


def part(chunk: Chunk, start: int, stop: int) -> Chunk:
    """Some rows."""
    return chunk.slice(start, stop - start) if isinstance(chunk, pa.Table) else chunk[start:stop]


def picked(chunk: Chunk, rows: np.ndarray) -> Chunk:
    """The rows at these positions."""
    return chunk.take(pa.array(rows)) if isinstance(chunk, pa.Table) else [chunk[i] for i in rows.tolist()]


def joined(pieces: list[Chunk]) -> Chunk:
    """Chunks as one."""
    if len(pieces) == 1:
        return pieces[0]
    if pieces and all(isinstance(one, pa.Table) for one in pieces):
        if all(one.schema.equals(pieces[0].schema) for one in pieces):
            return pa.concat_tables(pieces)
        try:
            return pa.concat_tables(pieces, promote_options="permissive")
        except pa.ArrowInvalid:
            pass
    return [row for one in pieces for row in rows_of(one)]


def rows_of(chunk: Chunk, features: Features | None = None) -> list[Row]:
    """A chunk as rows in plain Python; media are decoded where the features say so."""
    if not isinstance(chunk, pa.Table):
        return chunk
    names = chunk.column_names
    if not names:
        return [{} for _ in range(chunk.num_rows)]
    columns = []
    for name in names:
        values = to_list(chunk.column(name))
        feature = features.get(name) if features is not None else None
        if feature is not None and needs_decoding(feature):
            values = [decode(feature, one) for one in values]
        columns.append(values)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def batch_of(rows: list[Row]) -> dict[str, list]:
    """Rows as columns; what a row lacks is None."""
    first = rows[0]
    if all(row.keys() == first.keys() for row in rows):
        return {name: [row[name] for row in rows] for name in first}
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def table_of(chunk: Chunk, features: Features | None) -> pa.Table:
    """A chunk as a table; of these features where they are known."""
    if isinstance(chunk, pa.Table):
        return typed_table(chunk, features) if features is not None else chunk
    batch = batch_of(chunk) if chunk else {}
    names = list(features) if features is not None else list(batch)
    arrays, made = [], Features()
    for name in names:
        values = batch.get(name, [None] * len(chunk))
        array, made[name] = column(values, (features or {}).get(name), name=name, mixed="use_json")
        arrays.append(array)
    return pa.table(arrays, schema=made.arrow_schema)


def typed_table(table: pa.Table, features: Features) -> pa.Table:
    """A table with exactly these columns, cast; those that it lacks are null."""
    schema = features.arrow_schema
    if table.schema.equals(schema):
        return table
    for name in features:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows, schema.field(name).type))
    if table.schema.equals(schema):
        return table
    if set(table.column_names) == set(features):
        return cast_table(table.select(list(features)), features)
    arrays = [cast(table.column(name), feature) for name, feature in features.items()]
    return pa.table(arrays, schema=schema)


def typed_row(row: Row, features: Features) -> Row:
    """A row with exactly these columns, encoded and decoded."""
    return {
        name: value if is_null(one) else decode(one, encode(one, value))
        for name, one in features.items()
        for value in (row.get(name),)
    }
