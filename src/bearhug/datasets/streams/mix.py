"""Several streams as one: one after the other, side by side, in turns or drawn."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from bearhug.datasets.features import Features
from bearhug.datasets.streams.node import ROWS, Chunk, Node, Reader, ahead, joined, picked, rows_of
from bearhug.datasets.streams.shuffle import shifted
from bearhug.datasets.streams.source import Tables, spread


class _Several(Node):
    """A node over several others."""

    def __init__(self, nodes: list[Node]):
        self.nodes = nodes
        self.arrow = all(one.arrow for one in nodes)
        self.features: Features | None = nodes[0].features if nodes else None

    def children(self) -> list[Node]:
        """The nodes below."""
        return self.nodes

    def over(self, children: list[Node]) -> Node:
        """The same over other nodes."""
        out = copy.copy(self)
        out.nodes = list(children)
        return out


class Chain(_Several):
    """One after the other."""

    @property
    def num_shards(self) -> int:
        """All shards of all."""
        return sum(one.num_shards for one in self.nodes)

    def _single(self) -> list[Node]:
        return [one.shards(one.num_shards, i) for one in self.nodes for i in range(one.num_shards)]

    def shards(self, count: int, index: int, contiguous: bool = True) -> Node:
        """Some of all the shards."""
        single = self._single()
        return self.over([single[i] for i in spread(len(single), count, index, contiguous)])

    def shuffled(self, generator: np.random.Generator) -> Node:
        """All shards of all in another order."""
        single = self._single()
        order = list(range(len(single)))
        copy.deepcopy(generator).shuffle(order)
        return self.over([single[i] for i in order])

    def dealt(self, parts: int, part: int) -> Node:
        """Dealt below, each."""
        return self.over([one.dealt(parts, part) for one in self.nodes])

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """The rows of each."""
        memo.setdefault("at", 0)
        for node in self.nodes[memo["at"] :]:
            yield from node.chunks(memo.setdefault("child", {}))
            memo["at"], memo["child"] = memo["at"] + 1, {}


class Beside(_Several):
    """Side by side: a row has the columns of all that still have one."""

    @property
    def num_shards(self) -> int:
        """One: the rows must stay beside each other."""
        return 1

    def shards(self, count: int, index: int, contiguous: bool = True) -> Node:
        """Everything is the first part."""
        return self if index == 0 else Tables(())

    def shuffled(self, generator: np.random.Generator) -> Node:
        """As it is: the rows must stay beside each other."""
        return self

    def resharded(self) -> Node:
        """As it is."""
        return self

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """Rows, or tables where all give tables."""
        places = memo.get("readers") or [None] * len(self.nodes)
        readers = [Reader(node, place) for node, place in zip(self.nodes, places, strict=True)]
        checked = False
        while live := [one for one in readers if one.ready()]:
            count = min([ROWS, *(one.left for one in live)])
            pieces = [one.take(count) for one in live]
            memo["readers"] = [one.state() for one in readers]
            if not checked:
                check_names([name for piece in pieces for name in _names(piece)])
                checked = True
            if all(isinstance(one, pa.Table) for one in pieces):
                yield pa.table(
                    [column for one in pieces for column in one.columns],
                    names=[name for one in pieces for name in one.column_names],
                )
            else:
                rows = zip(*[rows_of(one) for one in pieces], strict=True)
                yield [{name: value for row in several for name, value in row.items()} for several in rows]


def _names(chunk: Chunk) -> list[str]:
    return chunk.column_names if isinstance(chunk, pa.Table) else list(chunk[0])


def check_names(names: list[str]) -> None:
    """Raises ValueError where a name comes twice."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(
            f"The examples iterables can't have duplicated columns but columns {twice} are duplicated. "
            "Rename or remove them in one of the streams first."
        )


class InTurns(_Several):
    """In turns, or drawn with probabilities; the reference's order and end."""

    def __init__(
        self,
        nodes: list[Node],
        strategy: str,
        probabilities: list[float] | None = None,
        generator: np.random.Generator | None = None,
    ):
        super().__init__(nodes)
        self.strategy, self.probabilities, self.generator = strategy, probabilities, generator

    @property
    def num_shards(self) -> int:
        """As many as the one with the fewest has: every part takes from each."""
        return min((one.num_shards for one in self.nodes), default=0)

    def shards(self, count: int, index: int, contiguous: bool = True) -> Node:
        """A part of each."""
        count = min(count, self.num_shards)
        if index >= count:
            return self.over([])
        return self.over([one.shards(count, index, contiguous) for one in self.nodes])

    def shuffled(self, generator: np.random.Generator) -> Node:
        """The shards of each in another order, and another draw."""
        out = self.over([one.shuffled(generator) for one in self.nodes])
        if self.generator is not None:
            out.generator = copy.deepcopy(generator)  # pyright: ignore[reportAttributeAccessIssue]
        return out

    def shifted(self, by: int) -> Node:
        """Another draw, here and below."""
        out = self.over([one.shifted(by) for one in self.nodes])
        if self.generator is not None:
            out.generator = shifted(self.generator, by)  # pyright: ignore[reportAttributeAccessIssue]
        return out

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """A row at a time first, then more."""
        count = len(self.nodes)
        if not count:
            return
        ended: list[bool] = list(memo.get("ended") or [False] * count)
        lanes = [_Lane(node, place) for node, place in zip(self.nodes, memo.get("readers") or [None] * count)]  # noqa: B905
        turns = _Turns(count, self.probabilities, self.generator, memo.get("turn"))
        once = self.strategy == "all_exhausted_without_replacement"
        over = any if self.strategy == "first_exhausted" else all
        order: list[tuple[int, int]] = []
        given = 0
        while not over(ended):
            i = turns.next()
            if ended[i] and once:
                continue
            lane = lanes[i]
            if lane.more():
                order.append((i, lane.pick()))
            if not lane.more():
                ended[i] = True
                if not once:
                    lane.again()
            if len(order) >= ahead(given):
                yield self._chunk(lanes, order, memo, ended, turns)
                given, order = given + len(order), []
        if order:
            yield self._chunk(lanes, order, memo, ended, turns)

    def _chunk(
        self, lanes: list[_Lane], order: list[tuple[int, int]], memo: dict, ended: list[bool], turns: _Turns
    ) -> Chunk:
        pieces, starts, total = [], [], 0
        for lane in lanes:
            starts.append(total)
            total += lane.count
            pieces += lane.close()
        memo.update(readers=[lane.reader.state() for lane in lanes], ended=list(ended), turn=turns.state())
        return picked(joined(pieces), np.array([starts[i] + at for i, at in order]))


class _Lane:
    """One of the streams: rows are counted as they are picked, and taken together."""

    def __init__(self, node: Node, place: Any):
        self.node, self.reader = node, Reader(node, place)
        self.pieces: list[Chunk] = []
        self.count, self.pending = 0, 0

    def more(self) -> bool:
        if self.pending < self.reader.left:
            return True
        self._take()
        return self.reader.ready()

    def pick(self) -> int:
        self.pending += 1
        self.count += 1
        return self.count - 1

    def again(self) -> None:
        self._take()
        self.reader = Reader(self.node, None)

    def _take(self) -> None:
        if self.pending:
            self.pieces.append(self.reader.take(self.pending))
            self.pending = 0

    def close(self) -> list[Chunk]:
        self._take()
        out, self.pieces, self.count = self.pieces, [], 0
        return out


class _Turns:
    """Whose turn it is: round and round, or drawn in blocks of 1,000 as the reference draws them."""

    def __init__(self, count: int, probabilities: list[float] | None, generator: Any, memo: dict | None):
        self.count, self.probabilities = count, probabilities
        self.at: int = memo["at"] if memo else 0
        self.generator = copy.deepcopy(generator)
        self.before: dict | None = None
        self.block: list[int] = []
        if generator is not None:
            if memo:
                self.generator.bit_generator.state = copy.deepcopy(memo["generator"])
            self._draw()

    def _draw(self) -> None:
        self.before = copy.deepcopy(self.generator.bit_generator.state)
        if self.probabilities is None:
            self.block = self.generator.integers(0, self.count, size=1000).tolist()
        else:
            self.block = self.generator.choice(self.count, size=1000, p=self.probabilities).tolist()

    def next(self) -> int:
        at, self.at = self.at, self.at + 1
        if self.generator is None:
            self.at %= self.count
            return at
        if at == len(self.block):
            self._draw()
            at, self.at = 0, 1
        return self.block[at]

    def state(self) -> dict:
        return {"at": self.at, "generator": self.before}
