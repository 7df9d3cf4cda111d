"""Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from bearhug._lib.errors import near
from bearhug.datasets.errors import UnknownNameError
from bearhug.datasets.features import Features
from bearhug.datasets.readers import native


def read(
    file: Any,
    name: str,
    features: Features | None = None,
    *,
    columns: list[str] | None = None,
    filters: Any = None,
    batch_size: int | None = None,
    row_groups: list[int] | None = None,
    fragment_scan_options: Any = None,
    on_bad_files: str = "error",
) -> Iterator[pa.Table]:
    """Parquet -> a table for each row group, or for `batch_size` rows.

    Args:
        columns: only these, in the file's order.
        filters: rows that fulfil them, as in `pyarrow.parquet.read_table`.
        row_groups: only these, by their numbers.
        fragment_scan_options: pyarrow's `ParquetFragmentScanOptions`; where they are given it reads as they say.
        on_bad_files: "warn" and "skip" leave out files that cannot be read.
    """
    import pyarrow.parquet as pq

    if on_bad_files not in ("error", "warn", "skip"):
        raise ValueError(f"on_bad_files is 'error', 'warn' or 'skip', not {on_bad_files!r}.")
    file = native(file)
    opened = pq.ParquetFile(file)
    known = opened.schema_arrow.names
    wanted = columns if columns is not None else list(features) if features is not None else known
    for one in wanted:
        if one not in known:
            raise UnknownNameError(f"{name!r} has no column {one!r}.{near(one, known)} There are: {known}")
    kept = [one for one in known if one in wanted]
    if filters is not None:
        yield pq.read_table(file, columns=kept, filters=filters).replace_schema_metadata(opened.schema_arrow.metadata)
        return
    count = 0
    for batch in opened.iter_batches(batch_size or 50_000, row_groups=row_groups, columns=kept):
        count += 1
        yield pa.Table.from_batches([batch]).replace_schema_metadata(opened.schema_arrow.metadata)
    if not count:
        yield opened.schema_arrow.empty_table().select(kept)


def row_groups(file: Any) -> int:
    """How many row groups a file has."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(native(file)).num_row_groups
