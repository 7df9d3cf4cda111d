"""Data sets made of what is at hand: dicts, data frames, Arrow files and buffers."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from bearhug.datasets.arrow import cast_table, unwrap
from bearhug.datasets.arrow import column as column_of
from bearhug.datasets.features import Features
from bearhug.datasets.fingerprint import Fingerprint, key_of
from bearhug.datasets.info import DatasetInfo
from bearhug.datasets.splits import NamedSplit
from bearhug.datasets.table import read_arrow

if TYPE_CHECKING:
    from bearhug.datasets.dataset import Dataset


def from_dict(
    cls: type[Dataset],
    mapping: Mapping,
    features: Features | None,
    info: DatasetInfo | None,
    split: str | NamedSplit | None,
    on_mixed_types: str | None,
) -> Dataset:
    """See `Dataset.from_dict`."""
    if info is not None and features is not None and info.features is not None and info.features != features:
        raise ValueError(
            f"Features specified in `features` and `info.features` can't be different:\n{features}\n{info.features}"
        )
    features = features if features is not None else info.features if info is not None else None
    features = Features(features) if features is not None else None
    arrays, made = {}, Features()
    for name, values in mapping.items():
        if features is not None and name not in features:
            raise KeyError(f"the column {name!r} is not among the features {list(features)}.")
        wanted = features[name] if features is not None else None
        arrays[name], made[name] = column_of(values, wanted, name=name, mixed=on_mixed_types)
    if len({len(array) for array in arrays.values()}) > 1:
        raise pa.ArrowInvalid(
            f"the columns have different numbers of values: {', '.join(f'{n}: {len(a)}' for n, a in arrays.items())}."
        )
    if features is not None and (missing := [name for name in features if name not in arrays]):
        raise ValueError(f"the features name the columns {missing}, for which no values are given.")
    info = info.copy() if info is not None else DatasetInfo()
    info.features = made
    return cls(pa.table(list(arrays.values()), schema=made.arrow_schema), info=info, split=split)


def from_pandas(
    cls: type[Dataset],
    df: Any,
    features: Features | None,
    info: DatasetInfo | None,
    split: str | NamedSplit | None,
    preserve_index: bool | None,
) -> Dataset:
    """See `Dataset.from_pandas`."""
    table = unwrap(pa.Table.from_pandas(df, preserve_index=preserve_index))
    if features is not None:
        table = cast_table(table, Features(features))
    info = info.copy() if info is not None else DatasetInfo()
    info.features = Features(features) if features is not None else None
    return cls(table.replace_schema_metadata(table.schema.metadata if features is not None else None), info, split)


def from_polars(
    cls: type[Dataset], df: Any, features: Features | None, info: DatasetInfo | None, split: str | NamedSplit | None
) -> Dataset:
    """See `Dataset.from_polars`."""
    table = unwrap((df.collect() if hasattr(df, "collect") else df).to_arrow())
    table = cast_table(table, Features(features)) if features is not None else table
    return cls(table, info, split)


def from_file(
    cls: type[Dataset],
    filename: str | os.PathLike,
    info: DatasetInfo | None,
    split: str | NamedSplit | None,
    indices_filename: str | os.PathLike | None,
    in_memory: bool,
) -> Dataset:
    """See `Dataset.from_file`."""
    table, mapped = read_arrow(filename, in_memory=in_memory)
    out = cls(table, info, split, fingerprint=_file_key(table))
    out._mapped = (mapped,) if mapped else ()
    if indices_filename is not None:
        for name, value in out._positions(indices_filename).items():
            setattr(out, name, value)
    return out


def from_buffer(
    cls: type[Dataset],
    buffer: pa.Buffer,
    info: DatasetInfo | None,
    split: str | NamedSplit | None,
    indices_buffer: pa.Buffer | None,
) -> Dataset:
    """See `Dataset.from_buffer`."""
    rows = None if indices_buffer is None else pa.ipc.open_stream(indices_buffer).read_all()
    return cls(pa.ipc.open_stream(buffer).read_all(), info, split, rows)


def load(kind: str, paths: Any, split: Any, features: Features | None, options: dict) -> Dataset:
    """One or several files of a kind as one split; see `Dataset.from_csv` and its like."""
    from bearhug.datasets.load import load_dataset

    files = paths if isinstance(paths, dict) else {str(split) if split is not None else "train": paths}
    return load_dataset(
        kind, data_files=files, split=str(split) if split is not None else "train", features=features, **options
    )  # pyright: ignore[reportReturnType]


def _file_key(table: pa.Table) -> str | Fingerprint:
    """The key that an Arrow file carries, else one made of its content."""
    metadata = table.schema.metadata or {}
    known = json.loads(metadata.get(b"huggingface", b"{}")).get("fingerprint")
    return known or Fingerprint(make=lambda: key_of(table))
