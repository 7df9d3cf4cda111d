"""How the rows of a stream come out: formats for single rows and batches, whether they are tables or Python rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from bearhug.datasets.features import Features
from bearhug.datasets.streams.node import ROWS, Chunk, batch_of, rows_of, table_of
from bearhug.datasets.table import Batches
from bearhug.datasets.views import make_view, view_class

FRAMES = ("arrow", "pandas", "polars")


def as_tables(kind: str | None) -> bool:
    """Whether a format's rows are tables or data frames."""
    return kind in FRAMES


def converter(kind: str | None, options: dict, features: Features | None) -> Callable[[Any], Any]:
    """From a row or batch of Python values to a format's; the same row where there is none."""
    if kind is None or as_tables(kind):
        from bearhug.datasets.rows import Row

        return Row
    view: Any = view_class(kind)(Batches(pa.table({})), Features(), [], [], options)
    if not hasattr(view, "convert"):
        return lambda row: row

    def value(one: Any) -> Any:
        if isinstance(one, list) and one and isinstance(one[0], int | float | list):
            try:
                array = np.asarray(one)
            except ValueError:  # lists of different lengths
                array = None
            if array is not None and array.dtype.kind in "iufb":
                return view.convert(array)
        if isinstance(one, int | float) and not isinstance(one, bool):
            return view.convert(np.asarray(one)[()])
        return view.joined(view.convert(one)) if isinstance(one, list) else view.convert(one)

    return lambda row: {name: value(one) for name, one in row.items()}


def frame_of(table: pa.Table, features: Features | None, kind: str | None) -> Any:
    """A table in a format of tables."""
    known = features if features is not None else Features.from_arrow_schema(table.schema)
    return make_view(Batches(table), known, kind).batch(table)


def from_frame(value: Any) -> Any:
    """The table of a data frame or column; other values as they are."""
    if isinstance(value, pa.Table):
        return value
    home = type(value).__module__.partition(".")[0]
    if home == "pandas":
        import pandas

        frame = value.to_frame() if isinstance(value, pandas.Series) else value
        if isinstance(frame, pandas.DataFrame):
            return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    if home == "polars":
        import polars  # pyright: ignore[reportMissingImports]

        if isinstance(value, polars.Series):
            value = value.to_frame()
        return value.to_arrow()
    return value


def shown_rows(chunk: Chunk, features: Features | None, kind: str | None, options: dict) -> Iterator[Any]:
    """The rows of a chunk in a format."""
    if as_tables(kind):
        table = table_of(chunk, features)
        return (frame_of(table.slice(i, 1), features, kind) for i in range(table.num_rows))
    if isinstance(chunk, pa.Table) and features is not None and chunk.num_rows:
        return iter(make_view(Batches(chunk), features, kind, options=options).rows(iter([chunk])))
    rows = rows_of(chunk, features)
    return iter(rows) if kind is None else map(converter(kind, options, features), rows)


def shown_batch(chunk: Chunk, features: Features | None, kind: str | None, options: dict) -> Any:
    """The rows of a chunk as one batch in a format."""
    if as_tables(kind):
        return frame_of(table_of(chunk, features), features, kind)
    if isinstance(chunk, pa.Table) and features is not None:
        return make_view(Batches(chunk), features, kind, options=options).batch(chunk)
    batch = batch_of(rows_of(chunk, features))
    return batch if kind is None else converter(kind, options, features)(batch)


__all__ = ["FRAMES", "ROWS", "as_tables", "converter", "frame_of", "from_frame", "shown_batch", "shown_rows"]
