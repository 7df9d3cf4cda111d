"""A data set as something else: Python, data frames, csv, JSON lines, parquet, a database's table."""

from __future__ import annotations

import contextlib
import csv
import datetime
import io
import json
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bearhug._lib.errors import near, unexpected_keyword
from bearhug._lib.files import replacing
from bearhug._lib.progress import progress
from bearhug.datasets.arrow import to_list
from bearhug.datasets.features import Features, has_media, with_media_decoded

if TYPE_CHECKING:
    from bearhug.datasets.dataset import Dataset

ROWS = 1000
CSV = {
    "sep", "na_rep", "columns", "header", "index", "quoting", "quotechar", "lineterminator", "doublequote",
    "escapechar", "float_format", "encoding", "compression",
}  # fmt: skip
JSON = {
    "orient",
    "lines",
    "force_ascii",
    "indent",
    "compression",
    "index",
    "date_format",
}
ORIENTS = ("records", "split", "index", "columns", "values", "table")
BY_PANDAS = {  # options that pandas alone knows: the rows go through a data frame, all at once
    "to_csv": {"date_format", "decimal", "errors", "index_label"},
    "to_json": {"double_precision", "date_unit", "default_handler"},
}
BLOCK = 1000  # rows that an iterator gives at once
PACKERS = {"gzip": ("gzip", ".gz"), "bz2": ("bz2", ".bz2"), "xz": ("lzma", ".xz")}


class Exports:
    """The ways out of a data set."""

    def to_dict(self: Any, batch_size: int | None = None, batched: bool = False) -> Any:
        """All rows as a dict of lists; with `batched` an iterator over dicts of `batch_size` rows."""

        features = with_media_decoded(self._info.features, False)

        def plain(table: pa.Table) -> dict:
            return {name: features.decode_column(to_list(table.column(name)), name) for name in table.column_names}

        if batched:
            return (plain(table) for table in self._tables(batch_size or BLOCK))
        return plain(self._table_of(range(self.num_rows)))

    def to_list(self: Any) -> list[dict]:
        """All rows as a list of dicts."""
        columns = self.to_dict()
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def to_pandas(self: Any, batch_size: int | None = None, batched: bool = False) -> Any:
        """All rows as a pandas DataFrame; with `batched` an iterator over frames of `batch_size` rows."""
        return self._frames("pandas", batch_size, batched, {})

    def to_polars(
        self: Any,
        batch_size: int | None = None,
        batched: bool = False,
        schema_overrides: dict | None = None,
        rechunk: bool = True,
    ) -> Any:
        """All rows as a polars DataFrame; with `batched` an iterator over frames of `batch_size` rows.

        Args:
            schema_overrides: column -> polars type.
            rechunk: each column in one piece of memory.
        """
        return self._frames("polars", batch_size, batched, {"schema_overrides": schema_overrides, "rechunk": rechunk})

    def _frames(self: Any, kind: str, batch_size: int | None, batched: bool, options: dict) -> Any:
        view = self.with_format(kind, **options)._view
        view._decoded = {name for name in view._decoded if not has_media(view.features[name])}  # files as stored
        if batched:
            return (view.batch(table) for table in self._tables(batch_size or BLOCK))
        return view.batch(self._table_of(range(self.num_rows)))

    def to_csv(
        self: Any,
        path_or_buf: Any,
        batch_size: int | None = None,
        num_proc: int | None = None,
        storage_options: dict | None = None,
        **to_csv_kwargs: Any,
    ) -> int:
        """Write csv; the number of bytes. Options: sep, header, index, na_rep, columns, quoting, ..."""
        return to_csv(self, path_or_buf, batch_size, num_proc, storage_options, **to_csv_kwargs)

    def to_json(
        self: Any,
        path_or_buf: Any,
        batch_size: int | None = None,
        num_proc: int | None = None,
        storage_options: dict | None = None,
        **to_json_kwargs: Any,
    ) -> int:
        """Write JSON lines; the number of bytes. Options: lines, orient, force_ascii, indent, compression."""
        return to_json(self, path_or_buf, batch_size, num_proc, storage_options, **to_json_kwargs)

    def to_parquet(
        self: Any,
        path_or_buf: Any,
        batch_size: int | None = None,
        storage_options: dict | None = None,
        **parquet_writer_kwargs: Any,
    ) -> int:
        """Write parquet; the number of bytes of the rows. Options go to `pyarrow.parquet.ParquetWriter`.

        Pictures and other files are written as their bytes (`embed_external_files=False` keeps their paths).
        """
        return to_parquet(self, path_or_buf, batch_size, storage_options, **parquet_writer_kwargs)

    def to_sql(
        self: Any,
        name: str,
        con: Any,
        batch_size: int | None = None,
        num_proc: int | None = None,
        **sql_writer_kwargs: Any,
    ) -> int:
        """Write a database's table; the number of rows.

        Args:
            con: the database's URL ("sqlite:///my.db"), or a connection or engine of SQLAlchemy or sqlite3.
            sql_writer_kwargs: as in `pandas.DataFrame.to_sql`: if_exists, index, dtype, schema, method.
        """
        from bearhug.datasets.database import to_sql

        return to_sql(self, name, con, batch_size, num_proc, sql_writer_kwargs)

    def to_tf_dataset(
        self: Any,
        batch_size: int | None = None,
        columns: str | list[str] | None = None,
        shuffle: bool = False,
        collate_fn: Any = None,
        drop_remainder: bool = False,
        collate_fn_args: dict[str, Any] | None = None,
        label_cols: str | list[str] | None = None,
        prefetch: bool = True,
        num_workers: int = 0,
        num_test_batches: int = 20,
    ) -> Any:
        """A `tf.data.Dataset` of the rows, or of batches: dicts of tensors, or (inputs, labels) with `label_cols`.

        Args:
            collate_fn: rows (a list of dicts) -> a batch, as `DataCollatorWithPadding`; None stacks equal shapes.
            num_test_batches: how many batches are looked at to learn the types and shapes.

        Raises:
            ImportError: tensorflow is not installed.
        """
        from bearhug.datasets.tensorflow import to_tf_dataset

        return to_tf_dataset(
            self,
            batch_size,
            columns,
            shuffle,
            collate_fn,
            drop_remainder,
            collate_fn_args or {},
            label_cols,
            prefetch,
            num_test_batches,
        )

    def save_to_disk(
        self: Any,
        dataset_path: str | os.PathLike,
        max_shard_size: str | int | None = None,
        num_shards: int | None = None,
        num_proc: int | None = None,
        storage_options: dict | None = None,
    ) -> None:
        """Write a folder of Arrow files that `load_from_disk` opens again."""
        from bearhug.datasets.disk import save

        save(self, dataset_path, max_shard_size, num_shards, num_proc, storage_options)

    def push_to_hub(
        self: Any,
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
        """Upload as parquet, with a README that says how to load it; see `bearhug.datasets.push.push`."""
        from bearhug.datasets.push import push

        name = split or (str(self._split) if self._split is not None else "train")
        return push(
            {name: self},
            repo_id,
            config_name,
            set_default,
            data_dir,
            commit_message,
            commit_description,
            private,
            token,
            revision,
            bool(create_pr),
            max_shard_size,
            num_shards,
            embed_external_files,
            num_proc,
            only_these_splits=False,
        )


@contextlib.contextmanager
def _sink(path_or_buf: Any, compression: str | None, storage_options: dict | None) -> Iterator[Callable[[bytes], int]]:
    """A function that writes bytes to a file (all or nothing, compressed as its name says) or to an open one."""
    if not isinstance(path_or_buf, str | os.PathLike):
        if compression not in (None, "infer"):
            raise NotImplementedError(
                f"compression={compression!r} needs a path; to an open file it is yours to compress."
            )
        yield path_or_buf.write
        return
    if compression == "infer":
        name = os.fspath(path_or_buf)
        compression = next((kind for kind, (_, end) in PACKERS.items() if name.endswith(end)), None)
    if compression is not None and compression not in PACKERS:
        raise NotImplementedError(f"compression is one of {', '.join(PACKERS)}, not {compression!r}.")
    with opened(path_or_buf, storage_options) as file:
        if compression is None:
            yield file.write
            return
        from importlib import import_module

        with import_module(PACKERS[compression][0]).open(file, "wb") as packed:
            yield packed.write


def opened(path: str | os.PathLike, storage_options: dict | None) -> Any:
    """A file to write, in a `with`: here all or nothing, at an fsspec URL as it comes."""
    if storage_options or "://" in os.fspath(path):
        import fsspec

        return fsspec.open(os.fspath(path), "wb", **(storage_options or {}))
    return replacing(path)


def _checked(num_proc: int | None) -> None:
    if num_proc is not None and num_proc <= 0:
        raise ValueError(f"num_proc {num_proc} must be an integer > 0.")


def _frame(dataset: Dataset) -> Any:
    """The rows as they are stored, integers among nulls as integers."""
    return dataset._table_of(range(len(dataset))).to_pandas(integer_object_nulls=True)


def to_csv(
    dataset: Dataset,
    path_or_buf: Any,
    batch_size: int | None = None,
    num_proc: int | None = None,
    storage_options: dict | None = None,
    **options: Any,
) -> int:
    """Write csv as pandas does: None is empty, lists as numpy prints them; the number of bytes."""
    _checked(num_proc)
    for name in options:
        if name not in CSV | BY_PANDAS["to_csv"]:
            raise unexpected_keyword("to_csv", name, CSV | BY_PANDAS["to_csv"])
    if BY_PANDAS["to_csv"] & set(options):
        encoding, compression = options.pop("encoding", None) or "utf-8", options.pop("compression", "infer")
        text = _frame(dataset).to_csv(None, **{"index": False, **options})
        with _sink(path_or_buf, compression, storage_options) as write:
            return write(text.encode(encoding))
    header, index = options.pop("header", True), options.pop("index", False)
    columns = options.pop("columns", None) or dataset.column_names
    dataset._known(columns)
    encoding, none = options.pop("encoding", None) or "utf-8", options.pop("na_rep", "")
    digits, compression = options.pop("float_format", None), options.pop("compression", "infer")
    layout = {
        "delimiter": options.pop("sep", ","),
        "lineterminator": options.pop("lineterminator", None) or os.linesep,
        **{name: options[name] for name in ("quoting", "quotechar", "doublequote", "escapechar") if name in options},
    }
    size, written, row = batch_size or ROWS, 0, 0
    names = list(header) if isinstance(header, list | tuple) else list(columns)
    with (
        _sink(path_or_buf, compression, storage_options) as write,
        progress(total=len(dataset), desc="Creating CSV", unit=" examples") as bar,
    ):
        text = io.StringIO(newline="")
        out = csv.writer(text, **layout)
        if header is not False and header is not None:
            out.writerow([*([""] if index else []), *names])
        for table in dataset.select_columns(columns)._tables(size):
            values = [_csv_column(table.column(name), none, digits) for name in columns]
            rows = zip(*values, strict=True) if values else ()
            out.writerows([[row + i, *one] for i, one in enumerate(rows)] if index else rows)
            row += table.num_rows
            bar.update(table.num_rows)
            written += write(text.getvalue().encode(encoding))
            text.seek(0)
            text.truncate()
        written += write(text.getvalue().encode(encoding)) if text.tell() else 0
    return written


def _csv_column(array: pa.ChunkedArray, none: str, digits: Any) -> list:
    kind = array.type
    if pa.types.is_timestamp(kind):
        values = [None if one is None else str(one) for one in array.to_pylist()]
        if all(one is None or one.endswith(" 00:00:00") for one in values):
            values = [one and one.removesuffix(" 00:00:00") for one in values]
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        values = [
            None if one is None else str(one) for chunk in array.chunks for one in chunk.to_numpy(zero_copy_only=False)
        ]
    elif pa.types.is_floating(kind):
        values = [None if one is None or one != one else _digits(one, digits) for one in to_list(array)]
    else:
        values = [one if one is None or isinstance(one, str) else str(one) for one in to_list(array)]
    return [none if one is None else one for one in values]


def _digits(value: float, digits: Any) -> str:
    if digits is None:
        return repr(value)
    if callable(digits):
        return str(digits(value))
    return digits % value if "%" in digits else digits.format(value)


def to_json(
    dataset: Dataset,
    path_or_buf: Any,
    batch_size: int | None = None,
    num_proc: int | None = None,
    storage_options: dict | None = None,
    **options: Any,
) -> int:
    """Write JSON, one object a line unless `lines=False`; numbers in full, dates in ISO 8601; the number of bytes."""
    _checked(num_proc)
    for name in options:
        if name not in JSON | BY_PANDAS["to_json"]:
            raise unexpected_keyword("to_json", name, JSON | BY_PANDAS["to_json"])
    orient = options.get("orient", "records")
    lines = options.get("lines", orient == "records")
    if orient not in ORIENTS:
        raise ValueError(
            f"to_json knows no orient {orient!r}.{near(str(orient), ORIENTS)} There are: {', '.join(ORIENTS)}."
        )
    default = "infer" if isinstance(path_or_buf, str | os.PathLike) else None
    compression = options.pop("compression", default)
    if orient != "records" or BY_PANDAS["to_json"] & set(options):
        more = {"index": False} if orient in ("split", "table") else {}
        text = _frame(dataset).to_json(None, **{**more, **options, "orient": orient, "lines": lines})
        with _sink(path_or_buf, compression, storage_options) as write:
            return write((text if text.endswith("\n") else text + "\n").encode())
    size = batch_size or ROWS
    plain = json.JSONEncoder(
        ensure_ascii=options.get("force_ascii", True),
        indent=options.get("indent") or None,
        separators=(",", ":") if not options.get("indent") else None,
        default=_jsonable,
    )
    rows_out, written, first = dataset.with_format(None), 0, True
    with (
        _sink(path_or_buf, compression, storage_options) as write,
        progress(total=len(dataset), desc="Creating JSON", unit=" examples") as bar,
    ):
        if not lines:
            written += write(b"[")
        for table in rows_out._tables(size):
            rows = [plain.encode(_finite(row)) for row in rows_out._view.rows(iter([table]))]
            text = "".join(row + "\n" for row in rows) if lines else ("" if first else ",") + ",".join(rows)
            first = False
            written += write(text.encode())
            bar.update(len(rows))
        if not lines:
            written += write(b"]\n")
    return written


def _finite(value: Any) -> Any:
    """NaN and infinity, for which JSON has no word, as null."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list) else value


def _jsonable(value: Any) -> Any:
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return str(value)


def _parquet_columns(features: Features, schema: pa.Schema) -> dict:
    """How each column's values are packed: those with files not again, for pictures and sounds are packed already."""
    packed, plain = {}, []

    def places(name: str, kind: pa.DataType) -> list[str]:
        if pa.types.is_struct(kind):
            return [place for one in kind for place in places(f"{name}.{one.name}", one.type)]
        if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
            return places(f"{name}.list.element", kind.value_type)
        return [name]

    for one in schema:
        inside = has_media(features[one.name])
        for place in places(one.name, one.type):
            packed[place] = "none" if inside else "snappy"
            plain += [] if inside else [place]
    if len(plain) == len(packed):
        return {"compression": "snappy"}
    return {"compression": packed, "use_dictionary": plain}


def to_parquet(
    dataset: Dataset,
    path_or_buf: Any,
    batch_size: int | None = None,
    storage_options: dict | None = None,
    embed_external_files: bool = True,
    **options: Any,
) -> int:
    """Write parquet with the features in its metadata; the number of bytes of the rows in Arrow."""
    import pyarrow.parquet as pq

    schema = dataset.features.arrow_schema
    from bearhug.datasets.disk import estimate_bytes
    from bearhug.datasets.media.embed import embed_table

    size = batch_size or max(1, (100 << 20) * max(len(dataset), 1) // max(estimate_bytes(dataset), 1))
    options = {**_parquet_columns(dataset.features, schema), **options}
    written = 0

    def write_to(file: Any) -> int:
        total = 0
        with pq.ParquetWriter(file, schema, **options) as writer:
            with progress(total=len(dataset), desc="Creating parquet", unit=" examples") as bar:
                for table in dataset._tables(min(size, 1_000_000)):
                    if embed_external_files:
                        table = embed_table(table, dataset.features)
                    writer.write_table(table.cast(schema) if table.schema != schema else table, row_group_size=size)
                    total += table.nbytes
                    bar.update(table.num_rows)
        return total

    if isinstance(path_or_buf, str | os.PathLike):
        with opened(path_or_buf, storage_options) as file:
            written = write_to(file)
    else:
        written = write_to(path_or_buf)
    return written
