"""Media of a stream: decoded or left as they are, and decoded ahead by threads."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bearhug.datasets.features import Features, decode, visit
from bearhug.datasets.streams.node import Chunk, Node, Reader, Step, rows_of


def with_decoding(features: Features, enable: bool) -> Features:
    """The same features with all media decoded, or none."""

    def change(feature: Any) -> Any:
        if not hasattr(feature, "decode") or not hasattr(type(feature), "__dataclass_fields__"):
            return feature
        if "decode" not in type(feature).__dataclass_fields__:
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
        """As many rows at a time as there are threads, twice."""
        reader = Reader(self.child, memo.get("reader"))
        with ThreadPoolExecutor(self.threads, thread_name_prefix="bearhug-decode") as pool:
            while reader.ready():
                rows = list(pool.map(self._decoded, rows_of(reader.take(2 * self.threads))))
                memo["reader"] = reader.state()
                yield rows

    def _decoded(self, row: dict) -> dict:
        return {name: decode(one, row[name]) for name, one in (self.features or {}).items()}
