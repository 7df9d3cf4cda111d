"""Streams made of what is at hand: generators, dicts, data frames, files. Each function is a static method."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from bearhug.datasets.features import Features
from bearhug.datasets.info import DatasetInfo
from bearhug.datasets.splits import NamedSplit
from bearhug.datasets.streams.node import ROWS
from bearhug.datasets.streams.source import Generated, Tables

if TYPE_CHECKING:
    from bearhug.datasets.streaming import IterableDataset


def _stream(node: Any, info: DatasetInfo | None, split: Any) -> IterableDataset:
    from bearhug.datasets.streaming import IterableDataset

    return IterableDataset(node, info, split)


def from_generator(
    generator: Callable[..., Iterator[dict]],
    features: Features | None = None,
    gen_kwargs: dict | None = None,
    split: NamedSplit | str = "train",
) -> IterableDataset:
    """The rows that a generator function yields, as it yields them.

    Args:
        gen_kwargs: its arguments; a list stands for shards, and the function is called with a list of one of them.
    """
    info = DatasetInfo(features=Features(features) if features is not None else None)
    return _stream(Generated(generator, dict(gen_kwargs or {})), info, split)


def from_dict(
    mapping: dict,
    features: Features | None = None,
    info: DatasetInfo | None = None,
    split: NamedSplit | str | None = None,
    num_shards: int | None = 1,
) -> IterableDataset:
    """Columns as lists; see `Dataset.from_dict`."""
    from bearhug.datasets.dataset import Dataset

    return Dataset.from_dict(mapping, features=features, info=info, split=split).to_iterable_dataset(num_shards)


def from_list(
    mapping: list[dict],
    features: Features | None = None,
    info: DatasetInfo | None = None,
    split: NamedSplit | str | None = None,
    num_shards: int | None = 1,
) -> IterableDataset:
    """Rows as dicts; see `Dataset.from_list`."""
    from bearhug.datasets.dataset import Dataset

    return Dataset.from_list(mapping, features=features, info=info, split=split).to_iterable_dataset(num_shards)


def from_pandas(
    df: Any,
    features: Features | None = None,
    info: DatasetInfo | None = None,
    split: NamedSplit | str | None = None,
    preserve_index: bool | None = None,
    num_shards: int | None = 1,
) -> IterableDataset:
    """A pandas DataFrame; see `Dataset.from_pandas`."""
    from bearhug.datasets.dataset import Dataset

    made = Dataset.from_pandas(df, features=features, info=info, split=split, preserve_index=preserve_index)
    return made.to_iterable_dataset(num_shards)


def from_polars(
    df: Any,
    features: Features | None = None,
    info: DatasetInfo | None = None,
    split: NamedSplit | str | None = None,
) -> IterableDataset:
    """A polars DataFrame, or a LazyFrame, which is read in batches."""
    info = info.copy() if info is not None else DatasetInfo()
    if features is None:
        schema = df.collect_schema() if hasattr(df, "collect_schema") else df.schema
        features = Features.from_arrow_schema(schema.to_frame().to_arrow().schema)
    info.features = Features(features)
    return _stream(Tables((functools.partial(_polars_tables, df),)), info, split)


def _polars_tables(df: Any) -> Iterator[pa.Table]:
    pieces = df.collect_batches() if hasattr(df, "collect_batches") else df.iter_slices()
    for piece in pieces:
        yield piece.to_arrow()


def from_file(filename: str | os.PathLike) -> IterableDataset:
    """An Arrow file, memory-mapped."""
    from bearhug.datasets.table import read_arrow

    table, _ = read_arrow(filename)
    info = DatasetInfo(features=Features.from_arrow_schema(table.schema))
    return _stream(Tables((functools.partial(_arrow_tables, os.fspath(filename)),)), info, None)


def _arrow_tables(filename: str) -> Iterator[pa.Table]:
    from bearhug.datasets.table import read_arrow

    yield from (pa.Table.from_batches([one]) for one in read_arrow(filename)[0].to_batches(ROWS))


def _load(kind: str, paths: Any, split: Any, features: Features | None, options: dict) -> IterableDataset:
    from bearhug.datasets.load import load_dataset

    options.pop("keep_in_memory", None)
    name = str(split) if split is not None else "train"
    files = paths if isinstance(paths, dict) else {name: paths}
    return load_dataset(kind, data_files=files, split=name, features=features, streaming=True, **options)


def from_csv(
    path_or_paths: Any,
    split: Any = None,
    features: Features | None = None,
    keep_in_memory: bool = False,
    **options: Any,
) -> IterableDataset:
    """One or several csv files; see `load_dataset`."""
    return _load("csv", path_or_paths, split, features, options)


def from_json(
    path_or_paths: Any,
    split: Any = None,
    features: Features | None = None,
    keep_in_memory: bool = False,
    field: str | None = None,
    **options: Any,
) -> IterableDataset:
    """One or several json or jsonl files; see `load_dataset`."""
    return _load("json", path_or_paths, split, features, {"field": field, **options} if field else options)


def from_parquet(
    path_or_paths: Any,
    split: Any = None,
    features: Features | None = None,
    keep_in_memory: bool = False,
    **options: Any,
) -> IterableDataset:
    """One or several parquet files; see `load_dataset`."""
    return _load("parquet", path_or_paths, split, features, options)


def from_text(
    path_or_paths: Any,
    split: Any = None,
    features: Features | None = None,
    keep_in_memory: bool = False,
    **options: Any,
) -> IterableDataset:
    """One or several text files; see `load_dataset`."""
    return _load("text", path_or_paths, split, features, options)


class Piece:
    """A data set, or a piece of one, as a shard."""

    def __init__(self, dataset: Any):
        self.dataset = dataset

    def __call__(self) -> Iterator[pa.Table]:
        """Its tables."""
        return self.dataset._tables(ROWS)


def stream_of(dataset: Any, num_shards: int) -> IterableDataset:
    """A data set as a stream. `Dataset.to_iterable_dataset` is this."""
    if num_shards > len(dataset):
        raise ValueError(
            f"Unable to shard a dataset of size {len(dataset)} into {num_shards} shards (the number of shards "
            "exceeds the number of samples)."
        )
    plain = dataset.with_format(None)
    shards = [plain.shard(num_shards, i, contiguous=True) for i in range(num_shards)] if num_shards > 1 else [plain]
    out = _stream(Tables(tuple(map(Piece, shards))), DatasetInfo(features=dataset.features), dataset._split)
    return out.with_format(dataset._format_type) if dataset._format_type else out


def from_tables(
    shards: list[Callable[[], Iterator[pa.Table]]], features: Features | None, info: DatasetInfo | None, split: Any
) -> IterableDataset:
    """Functions that give tables as a stream; the features are those given, or those of the first table."""
    info = info.copy() if info is not None else DatasetInfo()
    if features is None:
        first = next(iter(shards[0]()), None) if shards else None
        features = Features.from_arrow_schema(first.schema) if first is not None else None
    info.features = features
    return _stream(Tables(tuple(shards)), info, split)
