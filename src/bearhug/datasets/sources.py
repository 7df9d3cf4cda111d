"""Data sets made of what is at hand: dicts, rows, data frames, generators, files, databases."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from bearhug.datasets.arrow import cast_table, unwrap
from bearhug.datasets.arrow import column as column_of
from bearhug.datasets.features import Features
from bearhug.datasets.fingerprint import Fingerprint, key_of
from bearhug.datasets.info import DatasetInfo
from bearhug.datasets.splits import NamedSplit, Split
from bearhug.datasets.table import read_arrow

if TYPE_CHECKING:
    from bearhug.datasets.dataset import Dataset


class Sources:
    """The ways to make a data set."""

    @classmethod
    def from_dict(
        cls: Any,
        mapping: Mapping,
        features: Features | None = None,
        info: DatasetInfo | None = None,
        split: str | NamedSplit | None = None,
        on_mixed_types: str | None = None,
    ) -> Dataset:
        """Columns of values, in memory.

        Args:
            features: the columns' features; class names become labels, and so on.
            on_mixed_types: "use_json" stores values of mixed types as Json.

        Raises:
            ValueError, TypeError: columns of different lengths, or values without a common type; the message names
            them.
        """
        features = _agreed(features, info)
        arrays, made = {}, Features()
        for name, values in mapping.items():
            if features is not None and name not in features:
                raise KeyError(f"the column {name!r} is not among the features {list(features)}.")
            wanted = features[name] if features is not None else None
            arrays[name], made[name] = column_of(values, wanted, name=name, mixed=on_mixed_types)
        if len({len(array) for array in arrays.values()}) > 1:
            counts = ", ".join(f"{name}: {len(array)}" for name, array in arrays.items())
            raise pa.ArrowInvalid(f"the columns have different numbers of values: {counts}.")
        if features is not None and (missing := [name for name in features if name not in arrays]):
            raise ValueError(f"the features name the columns {missing}, for which no values are given.")
        info = info.copy() if info is not None else DatasetInfo()
        info.features = made
        return cls(pa.table(list(arrays.values()), schema=made.arrow_schema), info=info, split=split)

    @classmethod
    def from_list(
        cls,
        mapping: list[dict],
        features: Features | None = None,
        info: DatasetInfo | None = None,
        split: str | NamedSplit | None = None,
        on_mixed_types: str | None = None,
    ) -> Dataset:
        """Rows as dicts, in memory; the first row's keys are the columns."""
        columns = {name: [row.get(name) for row in mapping] for name in mapping[0]} if mapping else {}
        return cls.from_dict(columns, features, info, split, on_mixed_types)

    @classmethod
    def from_pandas(
        cls: Any,
        df: Any,
        features: Features | None = None,
        info: DatasetInfo | None = None,
        split: str | NamedSplit | None = None,
        preserve_index: bool | None = None,
    ) -> Dataset:
        """A pandas DataFrame, in memory; an index that is not a plain range becomes a column unless told otherwise."""
        features = _agreed(features, info)
        table = unwrap(pa.Table.from_pandas(df, preserve_index=preserve_index))
        table = cast_table(table, features) if features is not None else table.replace_schema_metadata(None)
        info = info.copy() if info is not None else DatasetInfo()
        info.features = features
        return cls(table, info, split)

    @classmethod
    def from_polars(
        cls: Any,
        df: Any,
        features: Features | None = None,
        info: DatasetInfo | None = None,
        split: str | NamedSplit | None = None,
    ) -> Dataset:
        """A polars DataFrame, in memory."""
        features = _agreed(features, info)
        table = unwrap((df.collect() if hasattr(df, "collect") else df).to_arrow())
        table = cast_table(table, features) if features is not None else table
        return cls(table, info, split)

    @classmethod
    def from_file(
        cls: Any,
        filename: str | os.PathLike,
        info: DatasetInfo | None = None,
        split: str | NamedSplit | None = None,
        indices_filename: str | os.PathLike | None = None,
        in_memory: bool = False,
    ) -> Dataset:
        """An Arrow file, memory-mapped; optionally the positions in another."""
        table, mapped = read_arrow(filename, in_memory=in_memory)
        out = cls(table, info, split, fingerprint=_file_key(table))
        out._mapped = (mapped,) if mapped else ()
        if indices_filename is not None:
            for name, value in out._positions(indices_filename).items():
                setattr(out, name, value)
        return out

    @classmethod
    def from_buffer(
        cls: Any,
        buffer: pa.Buffer,
        info: DatasetInfo | None = None,
        split: str | NamedSplit | None = None,
        indices_buffer: pa.Buffer | None = None,
    ) -> Dataset:
        """An Arrow stream in memory."""
        rows = None if indices_buffer is None else pa.ipc.open_stream(indices_buffer).read_all()
        return cls(pa.ipc.open_stream(buffer).read_all(), info, split, rows)

    @staticmethod
    def from_generator(
        generator: Callable,
        features: Features | None = None,
        cache_dir: str | None = None,
        keep_in_memory: bool = False,
        gen_kwargs: dict | None = None,
        num_proc: int | None = None,
        split: str | NamedSplit = Split.TRAIN,
        fingerprint: str | None = None,
        **kwargs: Any,
    ) -> Dataset:
        """The rows (dicts) that a generator function yields; kept, so that the same function is not run again.

        Args:
            gen_kwargs: arguments of the function; with `num_proc` its lists are shared out among the processes.
            fingerprint: the result's key, in place of one made from the function.

        Raises:
            TypeError: the generator cannot be called.
            RuntimeError: lists of different lengths, so that it is not clear how to share them out.
        """
        from bearhug.datasets.generated import from_generator

        return from_generator(
            generator, features, cache_dir, keep_in_memory, gen_kwargs, num_proc, split, fingerprint, kwargs
        )

    @staticmethod
    def from_csv(
        path_or_paths: Any,
        split: str | NamedSplit | None = None,
        features: Features | None = None,
        cache_dir: str | None = None,
        keep_in_memory: bool = False,
        num_proc: int | None = None,
        **kwargs: Any,
    ) -> Dataset:
        """One or several csv files; see `load_dataset`."""
        return _loaded("csv", path_or_paths, split, features, cache_dir, keep_in_memory, num_proc, kwargs)

    @staticmethod
    def from_json(
        path_or_paths: Any,
        split: str | NamedSplit | None = None,
        features: Features | None = None,
        cache_dir: str | None = None,
        keep_in_memory: bool = False,
        field: str | None = None,
        num_proc: int | None = None,
        **kwargs: Any,
    ) -> Dataset:
        """One or several json or jsonl files, or (`field`) a list within; see `load_dataset`."""
        kwargs = {**kwargs, **({"field": field} if field is not None else {})}
        return _loaded("json", path_or_paths, split, features, cache_dir, keep_in_memory, num_proc, kwargs)

    @staticmethod
    def from_parquet(
        path_or_paths: Any,
        split: str | NamedSplit | None = None,
        features: Features | None = None,
        cache_dir: str | None = None,
        keep_in_memory: bool = False,
        columns: list[str] | None = None,
        num_proc: int | None = None,
        filters: Any = None,
        fragment_scan_options: Any = None,
        on_bad_files: str = "error",
        **kwargs: Any,
    ) -> Dataset:
        """One or several parquet files: these columns, the rows that fulfil the filters; see `load_dataset`."""
        more = {"columns": columns, "filters": filters, "fragment_scan_options": fragment_scan_options}
        kwargs |= {name: value for name, value in more.items() if value is not None}
        kwargs |= {"on_bad_files": on_bad_files} if on_bad_files != "error" else {}
        return _loaded("parquet", path_or_paths, split, features, cache_dir, keep_in_memory, num_proc, kwargs)

    @staticmethod
    def from_text(
        path_or_paths: Any,
        split: str | NamedSplit | None = None,
        features: Features | None = None,
        cache_dir: str | None = None,
        keep_in_memory: bool = False,
        num_proc: int | None = None,
        keep_linebreaks: bool = False,
        sample_by: str = "line",
        **kwargs: Any,
    ) -> Dataset:
        """One or several text files, a line (a paragraph, a document) a row; see `load_dataset`."""
        kwargs = {**kwargs, "keep_linebreaks": keep_linebreaks, "sample_by": sample_by}
        return _loaded("text", path_or_paths, split, features, cache_dir, keep_in_memory, num_proc, kwargs)

    @staticmethod
    def load_from_disk(
        dataset_path: str | os.PathLike, keep_in_memory: bool | None = None, storage_options: dict | None = None
    ) -> Dataset:
        """Open a folder that `save_to_disk` wrote."""
        from bearhug.datasets.disk import load

        return load(dataset_path, keep_in_memory, storage_options)

    @staticmethod
    def from_sql(
        sql: Any,
        con: Any,
        features: Features | None = None,
        cache_dir: str | None = None,
        keep_in_memory: bool = False,
        **kwargs: Any,
    ) -> Dataset:
        """A table of a database, or what a query gives.

        Args:
            sql: a table's name, a query, or a selectable of SQLAlchemy.
            con: the database's URL ("sqlite:///my.db"), or a connection or engine of SQLAlchemy or sqlite3.
            kwargs: as in `pandas.read_sql`: params, parse_dates, index_col, columns, coerce_float, chunksize.

        Raises:
            ImportError: pandas (for a URL, sqlalchemy) is not installed.
        """
        from bearhug.datasets.database import from_sql

        return from_sql(sql, con, features, cache_dir, keep_in_memory, kwargs)

    @staticmethod
    def from_spark(
        df: Any,
        split: str | NamedSplit | None = None,
        features: Features | None = None,
        keep_in_memory: bool = False,
        cache_dir: str | None = None,
        working_dir: str | None = None,
        load_from_cache_file: bool = True,
        **kwargs: Any,
    ) -> Dataset:
        """A DataFrame of pyspark, gathered here."""
        from bearhug.datasets.generated import from_spark

        return from_spark(df, split, features, keep_in_memory, cache_dir)


def _agreed(features: Features | None, info: DatasetInfo | None) -> Features | None:
    """The features that are asked for, by themselves or in an info."""
    if info is not None and features is not None and info.features is not None and info.features != features:
        raise ValueError(
            f"Features specified in `features` and `info.features` can't be different:\n{features}\n{info.features}"
        )
    found = features if features is not None else info.features if info is not None else None
    return Features(found) if found is not None else None


def _loaded(
    kind: str,
    paths: Any,
    split: Any,
    features: Any,
    cache_dir: Any,
    in_memory: bool,
    num_proc: int | None,
    options: dict,
) -> Dataset:
    """One or several files of a kind as one split."""
    from bearhug.datasets.load import load_dataset

    name = str(split) if split is not None else "train"
    return load_dataset(
        kind,
        data_files=paths if isinstance(paths, dict) else {name: paths},
        split=name,
        features=features,
        cache_dir=cache_dir,
        keep_in_memory=in_memory,
        num_proc=num_proc,
        **options,
    )


def _file_key(table: pa.Table) -> str | Fingerprint:
    """The key that an Arrow file carries, else one made of its content."""
    metadata = table.schema.metadata or {}
    known = json.loads(metadata.get(b"huggingface", b"{}")).get("fingerprint")
    return known or Fingerprint(make=lambda: key_of(table))
