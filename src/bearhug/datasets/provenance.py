"""Which file and row each row comes from: a column that is made when it is asked for, and travels like any other.

`Dataset.with_provenance` adds it. Selecting, sorting, shuffling, filtering, joining and saving carry it as they carry
every column; `map` keeps it too, also where `remove_columns` names all columns, and says how far it can be sure where
a function of batches makes another number of rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bearhug.datasets.features import Features, Value
from bearhug.datasets.table import Mapped

if TYPE_CHECKING:
    from bearhug.datasets.dataset import Dataset

NAME = "provenance"
FEATURE = {"file": Value("string"), "row": Value("int64"), "rows": Value("int64")}


def with_provenance(ds: Dataset) -> Dataset:
    """See `Dataset.with_provenance`."""
    if is_there(ds.features):
        return ds
    if NAME in ds.column_names:
        raise ValueError(f"there is a column {NAME!r} already; rename it: ds.rename_column({NAME!r}, 'my_{NAME}').")
    files, rows = _places(ds._data, ds._mapped)
    if ds._order is not None:
        files, rows = files.take(pa.array(ds._order)), rows[ds._order]
    ones = np.ones(len(ds), np.int64)
    column = pa.StructArray.from_arrays([files, pa.array(rows), pa.array(ones)], names=list(FEATURE))
    return ds.add_column(NAME, column, feature=FEATURE)  # pyright: ignore[reportArgumentType]


def is_there(features: Features) -> bool:
    """Whether a data set has the column."""
    return features.get(NAME) == FEATURE


def _places(table: pa.Table, mapped: tuple[Mapped, ...]) -> tuple[pa.Array, np.ndarray]:
    """The file of each row of a table (null where it is in memory alone), and its number in there.

    What lies in a file is known by where its buffers are: they stay there through slices and joins.
    """
    homes: dict[int, tuple[int, int]] = {}  # a buffer's address -> its file, the first row of its batch
    for number, file in enumerate(mapped):
        if not file.buffer.size:
            continue
        whole = bytes(file.buffer.slice(0, 6)) == b"ARROW1"
        reader: Any = (pa.ipc.open_file if whole else pa.ipc.open_stream)(pa.BufferReader(file.buffer))
        first = 0
        for batch in _batches(reader):
            for buffer in (one for column in batch.columns for one in column.buffers() if one is not None):
                if buffer.size:
                    homes[buffer.address] = (number, first)
            first += batch.num_rows
    names = pa.array([file.path for file in mapped], pa.string())
    files = np.full(table.num_rows, -1, np.int64)
    rows = np.arange(table.num_rows)
    for column in table.columns:
        start = 0
        for chunk in column.chunks:
            stop = start + len(chunk)
            found = next((homes[one.address] for one in chunk.buffers() if one and one.address in homes), None)
            if found is not None and len(chunk) and files[start] < 0:
                files[start:stop] = found[0]
                rows[start:stop] = np.arange(found[1] + chunk.offset, found[1] + chunk.offset + len(chunk))
            start = stop
    return names.take(pa.array(files, mask=files < 0)), rows


def _batches(reader: Any) -> Any:
    return (reader.get_batch(i) for i in range(reader.num_record_batches)) if hasattr(reader, "get_batch") else reader


def spread(column: pa.ChunkedArray, count: int, out: Mapping) -> pa.Array | pa.ChunkedArray:
    """The column for a batch that became `count` rows.

    A tokenizer's `overflow_to_sample_mapping` says which row each is from; else each is from somewhere in the batch:
    its first row, and how many follow it, where those stand next to each other in one file, and null where they do not.
    """
    mapping = out["overflow_to_sample_mapping"] if "overflow_to_sample_mapping" in out else None
    if mapping is not None and len(mapping) == count:
        return column.take(pa.array(np.asarray(mapping)))
    values = column.to_pylist()
    one = values[0]
    if len(values) > 1:
        begun = [(row["file"], row["row"] - i) for i, row in enumerate(values) if row is not None and row["rows"] == 1]
        same = len(begun) == len(values) and len(set(begun)) == 1
        one = {"file": one["file"], "row": one["row"], "rows": len(values)} if same else None
    return pa.array([one] * count, column.type)
