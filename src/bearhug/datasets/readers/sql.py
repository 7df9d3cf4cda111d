"""SQL: the rows of a query or a table, by a database's address, an SQLAlchemy connection, or one of sqlite3."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from bearhug.datasets.features import Features

FILES = False  # reads no files


def read(
    file: Any,
    name: str,
    features: Features | None = None,
    *,
    sql: Any = None,
    con: Any = None,
    index_col: str | list[str] | None = None,
    coerce_float: bool = True,
    params: list | tuple | dict | None = None,
    parse_dates: list | dict | None = None,
    columns: list[str] | None = None,
    chunksize: int | None = 10_000,
) -> Iterator[pa.Table]:
    """A query (or a table's name) -> tables of `chunksize` rows; the arguments are those of pandas' `read_sql`.

    Raises:
        ValueError: `sql` or `con` is missing.
        ImportError: pandas, or for an address SQLAlchemy, is not installed.
    """
    if sql is None:
        raise ValueError("sql must be specified: load_dataset('sql', sql='SELECT * FROM rows', con='sqlite:///my.db').")
    if con is None:
        raise ValueError("con must be specified: the database's address, as con='sqlite:///my.db', or a connection.")
    try:
        import pandas

        if isinstance(con, str):
            import sqlalchemy  # noqa: F401  (pandas asks for it in words that do not say which line mends it)
    except ImportError as error:
        raise ImportError(f"Reading from a database needs {error.name}: pip install pandas sqlalchemy") from None
    options = {
        "index_col": index_col, "columns": columns, "params": params, "coerce_float": coerce_float,
        "parse_dates": parse_dates,
    }  # fmt: skip
    frames = pandas.read_sql(sql, con, chunksize=chunksize, **options)
    for frame in [frames] if chunksize is None else frames:
        table = pa.Table.from_pandas(frame).replace_schema_metadata(None)
        yield table.select([one for one in features if one in table.column_names]) if features is not None else table


def key(options: dict) -> dict:
    """The options in a form of which a key can be made: a query as text; a connection has none."""
    out = dict(options)
    if out.get("sql") is not None and not isinstance(out["sql"], str):
        out["sql"] = str(out["sql"])
    if out.get("con") is not None and not isinstance(out["con"], str):
        out["con"] = os.urandom(8).hex()  # an open connection says nothing of what it holds: read each time
    return out
