"""Media of a stream: decoded or left as they are, and decoded ahead by threads."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from bearhug.datasets.features import Features, decode, visit
from bearhug.datasets.streams.node import Chunk, Node, Reader, Step, rows_of


def with_decoding(features: Features, enable: bool) -> Features:
    """The same features with all media decoded, or none."""

    def change(feature: Any) -> Any:
        if not isinstance(getattr(feature, "decode", None), bool):
            return feature
        feature = copy.copy(feature)
        feature.decode = enable
        return feature

    return Features({name: visit(one, change) for name, one in features.items()})


class Decoded(Step):
    """Rows whose media are decoded by several threads, a few rows ahead."""

    def __init__(self, child: Node, features: Features, threads: int):
        super().__init__(child)
        self.features, self.threads, self.arrow = features, threads, False

    def dealt(self, parts: int, part: int) -> Node:
        """Dealt below: a row is decoded once."""
        return self.over([self.child.dealt(parts, part)])

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """Row by row, in order; twice as many rows as there are threads are under way."""
        reader = Reader(self.child, memo.get("reader"))
        under_way: deque[tuple[Future, dict]] = deque()
        pool = ThreadPoolExecutor(self.threads, thread_name_prefix="bearhug-decode")
        try:
            while True:
                while len(under_way) < 2 * self.threads and reader.ready():
                    row = rows_of(reader.take(1))[0]
                    under_way.append((pool.submit(self._decoded, row), reader.state()))
                if not under_way:
                    return
                future, place = under_way.popleft()
                row = future.result()
                memo["reader"] = place
                yield [row]
        finally:
            pool.shutdown(cancel_futures=True)

    def _decoded(self, row: dict) -> dict:
        return {name: decode(one, row[name]) for name, one in (self.features or {}).items()}
