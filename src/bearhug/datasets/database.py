"""Rows from a database, and into one: pandas speaks to it, through SQLAlchemy or sqlite3."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from bearhug._lib.errors import unexpected_keyword
from bearhug._lib.progress import progress
from bearhug.datasets.arrow import cast_table, unwrap
from bearhug.datasets.features import Features
from bearhug.datasets.fingerprint import key_of
from bearhug.datasets.writer import ArrowWriter

if TYPE_CHECKING:
    from bearhug.datasets.dataset import Dataset

log = logging.getLogger("bearhug.datasets")
ROWS = 10_000
OPTIONS = {"index_col", "columns", "params", "coerce_float", "parse_dates", "chunksize"}


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise ImportError("databases are read and written through pandas: pip install pandas sqlalchemy") from None
    return pandas


def from_sql(
    sql: Any, con: Any, features: Features | None, cache_dir: Any, keep_in_memory: bool, options: dict
) -> Dataset:
    """See `Dataset.from_sql`: the query runs each time, so that the rows are those of today."""
    from bearhug.datasets.dataset import Dataset
    from bearhug.datasets.map import _temporary_folder
    from bearhug.datasets.prepare import cache_folder

    pandas = _pandas()
    for name in options:
        if name not in OPTIONS:
            raise unexpected_keyword("from_sql", name, OPTIONS)
    if not isinstance(sql, str) and not hasattr(sql, "compile"):
        raise TypeError(
            f"sql is a table's name, a query, or a selectable of SQLAlchemy; not {type(sql).__name__}: {sql!r:.60}"
        )
    if keep_in_memory:
        path = None
    elif isinstance(con, str):
        path = (
            cache_folder(cache_dir)
            / "bearhug"
            / f"sql-{key_of(str(sql), con, repr(sorted(options.items())))[:32]}.arrow"
        )
    else:
        log.info("from_sql: the connection couldn't be hashed properly, so the rows are not kept; give it as a URL.")
        path = os.path.join(_temporary_folder(), f"sql-{os.urandom(8).hex()}.arrow")
    chunk = options.pop("chunksize", ROWS)
    frames = pandas.read_sql(sql, con, chunksize=chunk, **options)
    with ArrowWriter(path, Features(features) if features is not None else None) as writer:
        for frame in [frames] if chunk is None else frames:
            table = unwrap(pa.Table.from_pandas(frame)).replace_schema_metadata(None)
            if features is not None:
                table = cast_table(table.select(list(features)), Features(features))
            writer.write(table, where=f"rows from {writer.rows}")
    if path is None:
        return Dataset(writer.table(), split="train")
    out = Dataset.from_file(path, split="train")
    out._steps = ((f"from_sql({str(sql)!r:.60})", out._key),)
    return out


def to_sql(dataset: Dataset, name: str, con: Any, batch_size: int | None, num_proc: int | None, options: dict) -> int:
    """See `Dataset.to_sql`."""
    if num_proc is not None and num_proc <= 0:
        raise ValueError(f"num_proc {num_proc} must be an integer > 0.")
    _pandas()
    for given in ("sql", "con"):
        options.pop(given, None)
    index, written = options.pop("index", False), 0
    plain = dataset.with_format("arrow")
    with progress(total=len(dataset), desc="Writing SQL", unit=" examples") as bar:
        for table in plain._tables(batch_size or 1000):
            frame = table.to_pandas(integer_object_nulls=True)
            if written:
                options["if_exists"] = "append"
            written += frame.to_sql(name, con, index=index, **options) or len(frame)
            bar.update(len(frame))
    return written
