"""Steps that change no values: columns chosen and renamed, features given, rows skipped, taken, repeated and dealt."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from bearhug.datasets.features import Features
from bearhug.datasets.streams.node import (
    ROWS,
    Chunk,
    FixedOrder,
    Node,
    Reader,
    Step,
    heavy,
    part,
    picked,
    size,
    typed_row,
    typed_table,
)


class EachChunk(Step):
    """A step that turns each chunk into another with the same number of rows."""

    def change(self, chunk: Chunk) -> Chunk:
        """The other chunk."""
        raise AssertionError

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """Chunk by chunk; a place is one of the node below."""
        for chunk in self.child.chunks(memo):
            yield self.change(chunk)

    def dealt(self, parts: int, part: int) -> Node:
        """Dealt below: each row is changed once."""
        return self.over([self.child.dealt(parts, part)])


class Columns(EachChunk):
    """Some columns, some removed, some renamed."""

    def __init__(
        self,
        child: Node,
        kept: list[str] | None = None,
        removed: list[str] | None = None,
        renamed: dict[str, str] | None = None,
    ):
        super().__init__(child)
        self.kept, self.removed, self.renamed = kept, set(removed or ()), renamed or {}
        self.features = None
        self.arrow = child.arrow and kept is not None

    def change(self, chunk: Chunk) -> Chunk:
        """The same rows with other columns."""
        if isinstance(chunk, pa.Table):
            if self.renamed:
                self._check(chunk.column_names)
                old = [name for name in chunk.column_names if name not in self.renamed]
                chunk = chunk.select([*old, *self.renamed])
                return chunk.rename_columns([self.renamed.get(name, name) for name in chunk.column_names])
            if self.kept is not None:
                return chunk.select(self.kept)
            return chunk.select([name for name in chunk.column_names if name not in self.removed])
        if self.renamed:
            out = []
            for row in chunk:
                self._check(row)
                new = {name: value for name, value in row.items() if name not in self.renamed}
                out.append(new | {name: row[old] for old, name in self.renamed.items()})
            return out
        if self.kept is not None:
            return [{name: row[name] for name in self.kept} for row in chunk]
        return [{name: value for name, value in row.items() if name not in self.removed} for row in chunk]

    def _check(self, names: object) -> None:
        missing = [name for name in self.renamed if name not in names]  # pyright: ignore[reportOperatorIssue]
        taken = [name for name in self.renamed.values() if name in names]  # pyright: ignore[reportOperatorIssue]
        if missing or taken:
            there = f"columns {missing} are not in the dataset" if missing else f"columns {taken} are already there"
            raise ValueError(
                f"Error when renaming {list(self.renamed)} to {list(self.renamed.values())}: {there}. "
                f"There are: {list(names)}"  # pyright: ignore[reportArgumentType]
            )


class Typed(EachChunk):
    """Rows with exactly these features: cast, encoded, decoded; columns that are missing are None."""

    def __init__(self, child: Node, features: Features):
        super().__init__(child)
        self.features = features

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """Chunk by chunk; rows with media one by one."""
        if not heavy(self.features):
            yield from super().chunks(memo)
            return
        reader = Reader(self.child, memo.get("reader"))
        while reader.ready():
            chunk = reader.take(1) if isinstance(reader.peek(1), list) else reader.take(ROWS)
            memo["reader"] = reader.state()
            yield self.change(chunk)

    def change(self, chunk: Chunk) -> Chunk:
        """The same rows with these features."""
        if isinstance(chunk, pa.Table):
            return typed_table(chunk, self.features or Features())
        return [typed_row(row, self.features or Features()) for row in chunk]


class Skipped(Step):
    """All but the first n rows."""

    def __init__(self, child: Node, count: int, shared: bool):
        super().__init__(child)
        self.count, self.shared = count, shared

    def shuffled(self, generator: np.random.Generator) -> Node:
        """Never: other rows would be left out."""
        raise FixedOrder

    def shards(self, count: int, index: int, contiguous: bool = True) -> Node:
        """Each part has its share of the n."""
        out = self.over([self.child.shards(count, index, contiguous)])
        if self.shared:
            out.count = _share(self.count, min(count, self.num_shards), index)  # pyright: ignore[reportAttributeAccessIssue]
        return out

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """The rest."""
        memo.setdefault("seen", 0)
        for chunk in self.child.chunks(memo.setdefault("child", {})):
            start = max(0, self.count - memo["seen"])
            memo["seen"] = min(self.count, memo["seen"] + size(chunk))
            if start < size(chunk):
                yield part(chunk, start, size(chunk)) if start else chunk


class Taken(Skipped):
    """The first n rows."""

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """The first ones."""
        memo.setdefault("seen", 0)
        if memo["seen"] >= self.count:
            return
        for chunk in self.child.chunks(memo.setdefault("child", {})):
            left = self.count - memo["seen"]
            memo["seen"] += min(left, size(chunk))
            yield part(chunk, 0, left) if left < size(chunk) else chunk
            if memo["seen"] >= self.count:
                return


def _share(total: int, count: int, index: int) -> int:
    return total // count + (index < total % count) if index < count else 0


class Repeated(Step):
    """The rows several times over, or for ever."""

    def __init__(self, child: Node, times: int | None):
        super().__init__(child)
        self.times = times

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """Time after time; for ever ends where a whole time gives nothing."""
        memo.setdefault("time", 0)
        fresh = not memo.get("child")
        while self.times is None or memo["time"] < self.times:
            given = False
            for chunk in self.child.chunks(memo.setdefault("child", {})):
                given = given or size(chunk) > 0
                yield chunk
            if self.times is None and not given and fresh:
                return
            memo["time"], memo["child"], fresh = memo["time"] + 1, {}, True


class Dealt(Step):
    """Every `parts`-th row (or block of rows), beginning with the `part`-th."""

    def __init__(self, child: Node, parts: int, part: int, block: int = 1):
        super().__init__(child)
        self.parts, self.part, self.block = parts, part, block

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """The rows that are dealt to this part."""
        memo.setdefault("row", 0)
        for chunk in self.child.chunks(memo.setdefault("child", {})):
            rows = np.arange(memo["row"], memo["row"] + size(chunk))
            mine = np.flatnonzero(rows // self.block % self.parts == self.part)
            memo["row"] += size(chunk)
            if len(mine):
                yield picked(chunk, mine)


class Elastic(Step):
    """A place where rows are dealt in blocks, so that their order is the same for any number of workers and nodes."""

    def __init__(self, child: Node, block: int):
        super().__init__(child)
        self.block = block

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """All rows: there is one worker."""
        return self.child.chunks(memo)

    def elastic(self, node: int, nodes: int, worker: int, workers: int) -> Node | None:
        """Block b goes to node b % nodes, and there to worker b // nodes % workers."""
        return Dealt(self.child, nodes * workers, worker * nodes + node, self.block)


class Started(Step):
    """All rows but the first n of an elastic stream, whoever reads them."""

    def __init__(self, child: Node, count: int):
        super().__init__(child)
        self.count = count

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """The rest."""
        reader = Reader(self.child, memo.get("reader") or {"skip": self.count})
        while reader.ready():
            chunk = reader.take(ROWS)
            memo["reader"] = reader.state()
            yield chunk
