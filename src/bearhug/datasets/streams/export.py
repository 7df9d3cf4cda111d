"""Streams written out: dicts, lists, data frames, csv, JSON, parquet, SQL, and a hub. Each function is a method."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from bearhug.datasets.features import Features
from bearhug.datasets.info import DatasetInfo
from bearhug.datasets.streams.node import ROWS

if TYPE_CHECKING:
    from bearhug.datasets.dataset import Dataset
    from bearhug.datasets.streaming import IterableDataset


def tables(stream: IterableDataset, batch_size: int | None = None) -> Iterator[pa.Table]:
    """The rows as tables; their features are those that are known."""
    return stream.with_format("arrow").iter(batch_size or ROWS)


def whole(stream: IterableDataset) -> Dataset:
    """All rows in memory."""
    found = list(tables(stream))
    if not found:
        return _dataset((stream.features or Features()).arrow_schema.empty_table(), stream.features)
    return _dataset(pa.concat_tables(found, promote_options="permissive"), stream.features)


def _dataset(table: pa.Table, features: Features | None) -> Dataset:
    from bearhug.datasets.dataset import Dataset

    return Dataset(table, info=DatasetInfo(features=features))


def _all_or_batched(self: IterableDataset, batch_size: int | None, batched: bool, make: Callable) -> Any:
    if batched:
        return (make(_dataset(table, self.features)) for table in tables(self, batch_size))
    return make(whole(self))


def to_dict(self: IterableDataset, batch_size: int | None = None, batched: bool = False) -> Any:
    """All rows as a dict of lists; with `batched` an iterator over dicts of `batch_size` rows."""
    return _all_or_batched(self, batch_size, batched, lambda ds: ds.to_dict())


def to_list(self: IterableDataset) -> list[dict]:
    """All rows as a list of dicts."""
    return whole(self).to_list()


def to_pandas(self: IterableDataset, batch_size: int | None = None, batched: bool = False) -> Any:
    """All rows as a pandas DataFrame; with `batched` an iterator over frames of `batch_size` rows."""
    return _all_or_batched(self, batch_size, batched, lambda ds: ds.to_pandas())


def to_polars(
    self: IterableDataset,
    batch_size: int | None = None,
    batched: bool = False,
    schema_overrides: dict | None = None,
    rechunk: bool = True,
) -> Any:
    """All rows as a polars DataFrame; with `batched` an iterator over frames of `batch_size` rows."""
    import polars  # pyright: ignore[reportMissingImports]

    def make(ds: Dataset) -> Any:
        return polars.from_arrow(ds.with_format("arrow")[:], schema_overrides=schema_overrides, rechunk=rechunk)

    return _all_or_batched(self, batch_size, batched, make)


def to_csv(
    self: IterableDataset,
    path_or_buf: Any,
    batch_size: int | None = None,
    storage_options: dict | None = None,
    **to_csv_kwargs: Any,
) -> int:
    """Write csv; see `Dataset.to_csv`."""
    return whole(self).to_csv(path_or_buf, batch_size=batch_size, storage_options=storage_options, **to_csv_kwargs)


def to_json(
    self: IterableDataset,
    path_or_buf: Any,
    batch_size: int | None = None,
    storage_options: dict | None = None,
    **to_json_kwargs: Any,
) -> int:
    """Write JSON lines; see `Dataset.to_json`."""
    return whole(self).to_json(path_or_buf, batch_size=batch_size, storage_options=storage_options, **to_json_kwargs)


def to_sql(self: IterableDataset, name: str, con: Any, batch_size: int | None = None, **sql_writer_kwargs: Any) -> int:
    """Write a table of a SQL database; see `Dataset.to_sql`."""
    return whole(self).to_sql(name, con, batch_size=batch_size, **sql_writer_kwargs)  # pyright: ignore[reportAttributeAccessIssue]


def to_parquet(
    self: IterableDataset,
    path_or_buf: Any,
    batch_size: int | None = None,
    storage_options: dict | None = None,
    **parquet_writer_kwargs: Any,
) -> int:
    """Write parquet; see `Dataset.to_parquet`."""
    more = parquet_writer_kwargs
    return whole(self).to_parquet(path_or_buf, batch_size=batch_size, storage_options=storage_options, **more)


def push_to_hub(
    self: IterableDataset,
    repo_id: str,
    config_name: str = "default",
    set_default: bool | None = None,
    split: str | None = None,
    data_dir: str | None = None,
    commit_message: str | None = None,
    commit_description: str | None = None,
    private: bool | None = None,
    token: str | None = None,
    revision: str | None = None,
    create_pr: bool | None = False,
    max_shard_size: int | str | None = None,
    num_shards: int | None = None,
    embed_external_files: bool = True,
    num_proc: int | None = None,
) -> Any:
    """Upload the rows as parquet files, as many as the stream has shards; see `Dataset.push_to_hub`."""
    name = split or (str(self.split) if self.split is not None else "train")
    return push_streams(
        {name: self}, repo_id, config_name, set_default=set_default, data_dir=data_dir, commit_message=commit_message,
        commit_description=commit_description, private=private, token=token, revision=revision,
        create_pr=bool(create_pr), max_shard_size=max_shard_size, num_shards=num_shards,
        embed_external_files=embed_external_files, num_proc=num_proc,
    )  # fmt: skip


def push_streams(
    streams: dict[str, IterableDataset], repo_id: str, config_name: str = "default", **options: Any
) -> Any:
    """Streams, one a split, through files in a temporary folder to a hub: memory stays flat."""
    from bearhug.datasets.dataset import Dataset
    from bearhug.datasets.push import push
    from bearhug.datasets.writer import ArrowWriter

    if options.get("max_shard_size") is not None and options.get("num_shards") is not None:
        raise ValueError("Failed to push_to_hub: please specify either max_shard_size or num_shards, but not both.")
    if config_name == "data":
        raise ValueError("`config_name` cannot be 'data'. Please, choose another name for configuration.")
    splits = {}
    with tempfile.TemporaryDirectory(prefix="bearhug-push-") as folder:
        for name, stream in streams.items():
            known = stream._resolve_features()
            path = Path(folder, f"{name}.arrow")
            with ArrowWriter(path) as writer:
                for table in tables(known):
                    writer.write(table, known.features)
            splits[name] = Dataset.from_file(str(path))
        if options.get("max_shard_size") is None and options.get("num_shards") is None:
            options["num_shards"] = {
                name: max(1, min(stream.num_shards, len(splits[name]))) for name, stream in streams.items()
            }
        return push(splits, repo_id, config_name, **options)
