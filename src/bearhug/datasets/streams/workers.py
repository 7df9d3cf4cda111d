"""Who reads which part of a stream: nodes share its shards or its rows, a DataLoader's workers share what a node has.

Where there are fewer shards than workers, those that share a shard deal its rows among them, so that none is idle.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from bearhug.datasets.streams.node import FixedOrder, Node
from bearhug.datasets.streams.steps import Dealt, Elastic, Started

STRATEGIES = ("auto", "shards", "examples")


@dataclass(frozen=True)
class Split:
    """This node among others, and whether they share shards or rows."""

    rank: int
    world_size: int
    strategy: str = "auto"

    def by_shards(self, num_shards: int) -> bool:
        """Whether each node reads shards of its own."""
        return self.strategy == "shards" or (self.strategy == "auto" and num_shards % self.world_size == 0)


def split_by_node(dataset: Any, rank: int, world_size: int, strategy: str = "auto") -> Any:
    """The part of a stream for one of several nodes; see `split_dataset_by_node`."""
    old: Split | None = dataset._nodes
    if old is not None:
        if strategy not in ("auto", old.strategy):
            raise ValueError(
                "Cannot change the strategy when splitting an already distributed iterable dataset. "
                f"The existing strategy is {old.strategy!r} and the new strategy is {strategy!r}."
            )
        strategy = old.strategy
        rank, world_size = world_size * old.rank + rank, world_size * old.world_size
    shards = dataset._node.num_shards
    if strategy == "shards" and shards < world_size:
        raise ValueError(
            f"Cannot split an iterable dataset with num_shards={shards} across world_size={world_size} nodes with "
            "strategy='shards' because some nodes would not be assigned any shard. Use strategy='examples'."
        )
    return dataset._with(dataset._node, nodes=Split(rank, world_size, strategy))


def this_worker() -> tuple[int, int]:
    """(number, count) of this process among a DataLoader's workers; (0, 1) outside of one."""
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "utils"):
        return 0, 1
    from torch.utils.data import get_worker_info

    info = get_worker_info()
    return (0, 1) if info is None else (info.id, info.num_workers)


def check_shards(node: Node, split: Split | None) -> None:
    """Raises ValueError where nodes that share shards are more than there are shards."""
    if split is not None and split.strategy == "shards" and node.num_shards < split.world_size:
        raise ValueError(
            f"Cannot iterate with strategy='shards': the dataset now has num_shards={node.num_shards}, which is "
            f"lower than world_size={split.world_size}, so some nodes would not be assigned any shard."
        )


def placed(node: Node, epoch: int, split: Split | None) -> Node:
    """The part of a stream that this node and this worker read in an epoch."""
    if epoch:
        try:
            node = node.shuffled(np.random.default_rng(epoch))
        except FixedOrder:
            pass
        node = node.shifted(epoch)
    worker, workers = this_worker()
    rank, world = (split.rank, split.world_size) if split else (0, 1)
    elastic = node.elastic(rank, world, worker, workers)
    if elastic is not None:
        return elastic
    if split is not None:
        check_shards(node, split)
        if split.by_shards(node.num_shards):
            node = node.shards(world, rank, contiguous=False)
        else:
            node = Dealt(node, world, rank)
    return _for_worker(node, worker, workers) if workers > 1 else node


def _for_worker(node: Node, worker: int, workers: int) -> Node:
    shards = node.num_shards
    if shards >= workers:
        node = node.shards(workers, worker, contiguous=False)
    elif shards:
        shard = worker % shards
        sharing = len(range(shard, workers, shards))
        if shards > 1:
            node = node.shards(shards, shard, contiguous=False)
        node = node.dealt(sharing, worker // shards) if sharing > 1 else node
    return node.shifted(worker)


def started(node: Node, rows: int) -> Node | None:
    """An elastic stream without the first rows of all its workers; None where the stream is not elastic."""
    if isinstance(node, Elastic):
        return node.over([Started(node.child, rows)])
    children = node.children()
    below = started(children[0], rows) if len(children) == 1 else None
    return None if below is None else node.over([below])
