"""Rows through a buffer in random order; what waits in the buffer is part of the place, so none is lost or given twice.

The order is the reference's: the buffer is filled from up to `inputs` shards in turns; when it is full it is
shuffled, one half is given and the other waits. A place holds the half that waits.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np

from bearhug.datasets.streams.node import Chunk, Node, Reader, Step, joined, part, picked, size, unpacked


class Shuffled(Step):
    """A buffer of `length` rows, filled from `inputs` shards in turns."""

    def __init__(self, child: Node, length: int, generator: np.random.Generator, inputs: int):
        super().__init__(child)
        self.length, self.generator, self.inputs = length, generator, inputs

    def shifted(self, by: int) -> Node:
        """Another order, here and below."""
        out = self.over([self.child.shifted(by)])
        out.generator = shifted(self.generator, by)  # pyright: ignore[reportAttributeAccessIssue]
        return out

    def dealt(self, parts: int, part: int) -> Node:
        """Dealt below: each worker shuffles its own rows."""
        return self.over([self.child.dealt(parts, part)])

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """Half a buffer at a time; the whole of it at the end."""
        generator = copy.deepcopy(self.generator)
        if memo:
            generator.bit_generator.state = copy.deepcopy(memo["generator"])
        turns = Turns(self._inputs(), self._unit(), memo.get("turns"))
        held = unpacked(memo.get("waiting"))
        waiting: list[Chunk] = [held] if held is not None else []
        count = sum(map(size, waiting))
        for piece in turns:
            waiting.append(piece)
            count += size(piece)
            if count >= self.length:
                whole = self._mixed(waiting, count, generator)
                kept = self.length // 2
                given = part(whole, 0, count - kept)
                left = part(whole, count - kept, count)
                self._note(memo, generator, turns, left)
                yield given
                waiting, count = [left], kept
        if count:
            whole = self._mixed(waiting, count, generator)
            self._note(memo, generator, turns, None)
            yield whole

    def _mixed(self, waiting: list[Chunk], count: int, generator: np.random.Generator) -> Chunk:
        return picked(joined([one for one in waiting if size(one)]), generator.permutation(count))

    def _note(self, memo: dict, generator: np.random.Generator, turns: Turns, left: Chunk | None) -> None:
        memo["generator"] = copy.deepcopy(generator.bit_generator.state)
        memo["turns"] = turns.state()
        memo["waiting"] = tuple(left) if isinstance(left, list) else left

    def _inputs(self) -> list[Node]:
        count = min(self.child.num_shards, self.inputs)
        if self.inputs <= 1 or count <= 1:
            return [self.child]
        return [self.child.shards(count, i) for i in range(count)]

    def _unit(self) -> int:
        return max(1, self.length // max(1, self.inputs)) if self.child.arrow else 1


class Turns:
    """Nodes in turns, `unit` rows of each, until all have ended."""

    def __init__(self, nodes: list[Node], unit: int, memo: dict | None):
        memo = memo or {"readers": [None] * len(nodes), "next": 0}
        self.readers = [Reader(node, place) for node, place in zip(nodes, memo["readers"], strict=True)]
        self.unit, self.next = unit, memo["next"]

    def __iter__(self) -> Iterator[Chunk]:
        waiting = set(range(len(self.readers)))
        while waiting:
            i = self.next
            self.next = (i + 1) % len(self.readers)
            pieces = self.readers[i].piece(self.unit) if i in waiting else []
            if pieces:
                yield joined(pieces)
            else:
                waiting.discard(i)

    def state(self) -> dict:
        """Where the turns go on."""
        return {"readers": [one.state() for one in self.readers], "next": self.next}


def shifted(generator: np.random.Generator, by: int) -> np.random.Generator:
    """The generator of an epoch or of a worker."""
    return np.random.default_rng(copy.deepcopy(generator).integers(0, 1 << 63) - by)
