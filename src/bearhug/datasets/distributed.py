"""A data set for one of several nodes."""

from __future__ import annotations

from typing import Any

from bearhug._lib.errors import near
from bearhug.datasets.dataset import Dataset
from bearhug.datasets.streams.workers import STRATEGIES, split_by_node


def split_dataset_by_node(dataset: Any, rank: int, world_size: int, strategy: str = "auto") -> Any:
    """The part of a data set or stream for one of several nodes.

    Args:
        rank, world_size: which node, of how many.
        strategy: how a stream is shared: "shards" gives each node shards of its own, "examples" every
            `world_size`-th row, "auto" shards where they can be shared evenly. A Dataset has neighbouring rows.

    Raises:
        ValueError: there is no such strategy, or fewer shards than nodes.
    """
    if strategy not in STRATEGIES:
        raise ValueError(
            f"Invalid strategy {strategy!r}. Expected one of 'auto', 'shards', or 'examples'."
            f"{near(strategy, STRATEGIES)}"
        )
    if not isinstance(dataset, Dataset):
        return split_by_node(dataset, rank, world_size, strategy)
    if strategy != "auto":
        raise ValueError(f"Map-style datasets only support strategy='auto', but got strategy={strategy!r}.")
    return dataset.shard(world_size, rank, contiguous=True)
