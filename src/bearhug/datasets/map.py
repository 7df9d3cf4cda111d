"""map and filter: a function over rows or batches, in one process or several, kept under a key that can be trusted.

The rows pass in pieces: a piece comes out of Arrow, the function sees it, and what changed goes back to Arrow; columns that
were not touched are handed on as they are. The result of a data set that rests on files is a file beside them, named by the
key of the data set and of the function (see fingerprint.py); the file appears whole or not at all, so processes that compute
the same thing do not disturb each other.
"""

from __future__ import annotations

import atexit
import inspect
import logging
import multiprocessing
import multiprocessing.connection
import operator
import os
import pickle
import shutil
import signal
import string
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bearhug._lib.progress import progress
from bearhug.datasets.arrow import SCALARS, cast, column, unwrap
from bearhug.datasets.errors import UnknownNameError
from bearhug.datasets.features import Features, List, needs_decoding
from bearhug.datasets.fingerprint import Unkeyable, is_caching_enabled, key_of
from bearhug.datasets.table import read_arrow
from bearhug.datasets.views import make_view
from bearhug.datasets.writer import ArrowWriter, widened

if TYPE_CHECKING:
    from bearhug.datasets.dataset import Dataset

log = logging.getLogger("bearhug.datasets")
UNREAD = object()
ROWS = 1000  # rows that a row function's results are gathered for, before they become Arrow
ASYNC = 1000  # coroutines that run at once


class Row(dict):
    """What a function is given: a dict that knows it came from the data set (returned as it is, it stands for the row)."""

    def __or__(self, other: Any) -> Any:
        return type(self).__ior__(self.copy(), other) if isinstance(other, Mapping) else NotImplemented

    def __ror__(self, other: Any) -> Any:
        return Row({**other, **self}) if isinstance(other, Mapping) else NotImplemented

    def __ior__(self, other: Any) -> Any:
        self.update(other)
        return self

    def copy(self) -> Any:
        """A shallow copy that still counts as the row."""
        return Row(dict(self))

    __copy__ = copy

    def __reduce__(self) -> tuple:
        return dict, (dict(self),)


class Lazy(Row):
    """A row or batch whose values are read from Arrow when they are asked for; `unread` names those that were not."""

    __slots__ = ("_load", "unread")

    def __init__(self, names: Any, load: Callable[[str], Any]):
        super().__init__(dict.fromkeys(names, UNREAD))
        self._load = load
        self.unread = set(names)

    def _read(self, name: Any) -> Any:
        value = self._load(name)
        self.unread.discard(name)
        dict.__setitem__(self, name, value)
        return value

    def _all(self) -> Lazy:
        for name in list(self.unread):
            self._read(name)
        return self

    def __getitem__(self, name: Any) -> Any:
        value = dict.__getitem__(self, name)
        return self._read(name) if value is UNREAD else value

    def __setitem__(self, name: Any, value: Any) -> None:
        self.unread.discard(name)
        dict.__setitem__(self, name, value)

    def __delitem__(self, name: Any) -> None:
        dict.__delitem__(self, name)
        self.unread.discard(name)

    def __iter__(
        self,
    ) -> Iterator:  # overridden so that dict(x), {**x} and dict.update(x) ask for the values one by one
        return dict.__iter__(self)

    def keys(self) -> Any:
        """The columns' names."""
        return dict.keys(self)

    def get(self, name: Any, default: Any = None) -> Any:
        """A column's value(s), or the default."""
        return self[name] if name in self else default

    def pop(self, name: Any, *default: Any) -> Any:
        """Take a column out."""
        if name not in self:
            return dict.pop(self, name, *default)
        value = self[name]
        del self[name]
        return value

    def popitem(self) -> tuple:
        """Take the last column out."""
        return dict.popitem(self._all())

    def setdefault(self, name: Any, default: Any = None) -> Any:
        """A column's value(s), set to the default where there is none."""
        if name not in self:
            self[name] = default
        return self[name]

    def update(self, *others: Any, **more: Any) -> None:
        """Set several columns."""
        for name, value in dict(*others, **more).items():
            self[name] = value

    def values(self) -> Any:
        """All columns' values."""
        return dict.values(self._all())

    def items(self) -> Any:
        """All columns with their values."""
        return dict.items(self._all())

    def copy(self) -> Any:
        return Row({name: self[name] for name in self})

    __copy__ = copy

    def __eq__(self, other: object) -> bool:
        return dict.__eq__(self._all(), other._all() if isinstance(other, Lazy) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        return dict.__repr__(self._all())


@dataclass
class Job:
    """One call of map or filter: the data set, the function, and how they meet."""

    dataset: Dataset
    function: Callable
    kind: str = "map"
    with_indices: bool = False
    with_rank: bool = False
    input_columns: list[str] | None = None
    batched: bool = False
    batch_size: int = ROWS
    drop_last_batch: bool = False
    remove_columns: list[str] = field(default_factory=list)
    features: Features | None = None
    fn_kwargs: dict = field(default_factory=dict)
    try_original_type: bool = True
    mixed: str | None = "use_json"

    @property
    def name(self) -> str:
        """The function's name, for people."""
        inner = self.function
        while hasattr(inner, "func"):
            inner = inner.func
        return f"{getattr(inner, '__name__', type(inner).__name__)}()"

    def run(self, rows: range, rank: int | None, write: Callable | None) -> Iterator[int]:
        """Apply the function to these rows; hands tables to `write`, yields how many rows were done.

        `write` is called with (table, features, where); the first call decides whether there is something to write at all.
        """
        base = self.dataset
        view = make_view(
            base._batches,
            base.features,
            base._format_type,
            base._format_columns,
            base._output_all_columns,
            base._format_kwargs,
        )
        known: Features | None = None  # the result's features so far
        writes: bool | None = None
        for start, stop in self._pieces(rows):
            table = base._table_of(range(start, stop))
            given, outs = self._call(view, table, start, rank)
            for i, out in enumerate(outs):
                if writes is None:
                    writes = out is not None
                self._check(out, writes, start + i)
            if not writes:
                yield stop - start
                continue
            if self.batched:
                made = self._batch_table(table, given[0], outs[0], known, start)
                made = [made]
            else:
                made = self._row_tables(table, given, outs, known, start)
            for one, features in made:
                known = Features({**(known or {}), **features})
                if write is not None:
                    write(one, features, f"rows {start} to {stop - 1}")
            yield stop - start

    def _pieces(self, rows: range) -> Iterator[tuple[int, int]]:
        size = self.batch_size if self.batched else ROWS
        stop = rows.start + len(rows) // size * size if self.batched and self.drop_last_batch else rows.stop
        for start in range(rows.start, stop, size):
            yield start, min(start + size, stop)

    # ---- calling

    def _call(self, view: Any, table: pa.Table, start: int, rank: int | None) -> tuple[list, list]:
        """The inputs that the function was given, and what it returned: of one batch, or of each row."""
        extra: tuple = ()
        if self.batched:
            inputs = self._batch_inputs(view, table)
            if self.with_indices:
                extra += (list(range(start, start + table.num_rows)),)
            if self.with_rank:
                extra += (rank,)
            calls = [(inputs, extra)]
        else:
            calls = []
            for i, inputs in enumerate(self._row_inputs(view, table)):
                extra = (start + i,) if self.with_indices else ()
                calls.append((inputs, (*extra, rank) if self.with_rank else extra))
        function, named, columns = self.function, self.fn_kwargs, self.input_columns
        if inspect.iscoroutinefunction(function):
            return [inputs for inputs, _ in calls], self._gathered(calls)
        outs, i = [], 0
        try:
            if columns is None:
                for i, (inputs, extra) in enumerate(calls):  # noqa: B007: i is read where an error is explained
                    outs.append(function(inputs, *extra, **named))
            else:
                for i, (inputs, extra) in enumerate(calls):  # noqa: B007
                    outs.append(function(*[inputs[name] for name in columns], *extra, **named))
        except Exception as error:
            where = f"rows {start} to {start + table.num_rows - 1}" if self.batched else f"row {start + i}"
            error.add_note(f"{self.kind}: {self.name} failed at {where} of the data set.")
            raise
        return [inputs for inputs, _ in calls], outs

    def _gathered(self, calls: list) -> list:
        import asyncio

        async def all_of() -> list:
            gate = asyncio.Semaphore(ASYNC)

            async def one(inputs: Any, extra: tuple) -> Any:
                given = [inputs] if self.input_columns is None else [inputs[name] for name in self.input_columns]
                async with gate:
                    return await self.function(*given, *extra, **self.fn_kwargs)

            return await asyncio.gather(*[one(*call) for call in calls])

        return asyncio.run(all_of())

    def _batch_inputs(self, view: Any, table: pa.Table) -> Any:
        if self.dataset._format_type is not None:
            return view.batch(table)
        return Lazy(self._shown(table), lambda name: view.python_column(table.column(name), name))

    def _row_inputs(self, view: Any, table: pa.Table) -> Iterator[Any]:
        if self.dataset._format_type is not None:
            yield from view.rows(iter([table]))
            return
        names = self._shown(table)
        features = self.dataset.features
        slow = [n for n in names if pa.types.is_nested(table.schema.field(n).type) or needs_decoding(features[n])]
        if not slow:
            for values in zip(*[view.python_column(table.column(name), name) for name in names], strict=True):
                yield Row(zip(names, values, strict=True))
            return
        quick = {name: view.python_column(table.column(name), name) for name in names if name not in slow}
        loaded: dict[str, list] = {}

        def load(name: str, i: int) -> Any:
            if name not in loaded:
                loaded[name] = view.python_column(table.column(name), name)
            return loaded[name][i]

        for i in range(table.num_rows):
            row = Lazy(names, lambda name, i=i: load(name, i))
            for name, values in quick.items():
                row[name] = values[i]
            yield row

    def _shown(self, table: pa.Table) -> list[str]:
        shown = self.dataset._format_columns
        return [name for name in table.column_names if shown is None or name in shown]

    def _check(self, out: Any, writes: bool, at: int) -> None:
        """Raises TypeError where the function returned something that is no row, or forgot to return."""
        if self.kind == "filter":
            return
        if isinstance(out, Mapping | pa.Table) or _is_frame(out):
            if not writes:
                raise TypeError(
                    f"{self.name} returned None before, but at row {at} {type(out).__name__}; return one or the other always."
                )
            if self.batched and isinstance(out, Mapping):
                wrong = (
                    {name: type(one).__name__ for name, one in out.items() if not _is_column(one)}
                    if type(out) is not Lazy
                    else {}
                )
                if wrong:
                    raise TypeError(
                        f"{self.name} is batched, so it must return a dict of lists, but it returned {wrong}.\n"
                        f"Return one value for each row of the batch, or leave batched=True out."
                    )
            return
        if out is None and not writes:
            return
        raise TypeError(
            f"{self.name} returned {out!r:.60} (a {type(out).__name__}) at row {at}; it must return a dict (or a pyarrow table, or a "
            f"data frame) with the new columns, or always None when it is called for its side effects."
        )

    # ---- results back to Arrow

    def _batch_table(
        self, table: pa.Table, given: Any, out: Any, known: Features | None, start: int
    ) -> tuple[pa.Table, Features]:
        if not isinstance(out, Mapping):
            return _as_table(out)
        columns: dict[str, Any] = {}
        if isinstance(given, Lazy) and self.input_columns is None:
            columns = {name: table.column(name) if name in given.unread else given[name] for name in given}
            for name in table.column_names:  # columns that the format hides stay
                if name not in columns and self.dataset._format_columns and name not in self.dataset._format_columns:
                    columns[name] = table.column(name)
        elif isinstance(given, Mapping):
            columns = dict(zip(table.column_names, table.columns, strict=True))
        for name in self.remove_columns:
            columns.pop(name, None)
        if out is given:
            if not isinstance(given, Lazy):
                columns |= {name: values for name, values in out.items() if name not in self.remove_columns}
        elif isinstance(out, Row):
            columns |= {name: out[name] for name in out if name not in self.remove_columns}
        else:
            columns |= {name: out[name] for name in out}
        columns = {name: self._unchanged(table, name, values) for name, values in columns.items()}
        return self._table(columns, known, start, table.num_rows)

    def _unchanged(self, table: pa.Table, name: str, values: Any) -> Any:
        """The Arrow column itself where a list of single values is still the column's (text that was only read)."""
        if type(values) is not list or name not in table.column_names or len(values) != table.num_rows:
            return values
        kind = table.schema.field(name).type
        if not (pa.types.is_string(kind) or pa.types.is_binary(kind)) or needs_decoding(self.dataset.features[name]):
            return values
        fresh = pa.array(values) if all(type(one) in (str, bytes, type(None)) for one in values) else None
        return values if fresh is None else fresh

    def _row_tables(self, table: pa.Table, given: list, outs: list, known: Features | None, start: int) -> list:
        """The results of a piece's rows as tables: one, or one a row where the function returned tables."""
        if not isinstance(outs[0], Mapping):
            return [_as_table(out) for out in outs]
        first_in, first = given[0], outs[0]
        merges = isinstance(first_in, Mapping)
        raw = not merges or self.dataset._format_type is not None or self.input_columns is not None
        names: list[str] = []
        if merges:
            names = [n for n in (table.column_names if raw else first_in) if n not in self.remove_columns]
            hidden = self.dataset._format_columns
            if not raw and hidden is not None:
                names += [
                    n for n in table.column_names if n not in hidden and n not in names and n not in self.remove_columns
                ]
        returned = isinstance(first, Row)
        new = [name for name in first if not (returned and name in self.remove_columns)]
        columns: dict[str, Any] = {}
        for name in dict.fromkeys([*names, *new]):
            if name in first and name in new:
                if isinstance(first, Lazy) and all(type(out) is Lazy and name in out.unread for out in outs):
                    columns[name] = table.column(name)
                    continue
                try:
                    values = [out[name] for out in outs]
                except KeyError:
                    i = next(i for i, out in enumerate(outs) if name not in out)
                    raise UnknownNameError(
                        f"{self.name} returned no {name!r} for row {start + i}, but it did for row {start}; return every column for every row."
                    ) from None
            elif raw or name not in first_in:
                columns[name] = table.column(name)
                continue
            elif isinstance(first_in, Lazy) and all(name in one.unread for one in given):
                columns[name] = table.column(name)
                continue
            else:
                values = [row[name] for row in given]
            columns[name] = values
        if (
            extra := {name for out in outs for name in out} - {name for name in first}
            if len({len(out) for out in outs}) > 1
            else None
        ):
            i = next(i for i, out in enumerate(outs) if extra & set(out))
            raise UnknownNameError(
                f"{self.name} returned {sorted(extra)} for row {start + i}, but not for row {start}; return every column for every row."
            )
        return [self._table(columns, known, start, len(outs))]

    def _table(
        self, columns: dict[str, Any], known: Features | None, start: int, rows: int
    ) -> tuple[pa.Table, Features]:
        base = self.dataset.features
        if self.features is not None:
            if extra := [name for name in columns if name not in self.features]:
                raise UnknownNameError(
                    f"the result has the columns {extra}, which features= does not name: {list(self.features)}."
                )
            columns = {name: columns[name] for name in self.features if name in columns}
        else:
            columns = {name: columns[name] for name in sorted(columns, key=lambda n: n not in base)}
            columns = {
                **{n: columns[n] for n in base if n in columns},
                **{n: v for n, v in columns.items() if n not in base},
            }
        arrays, features = {}, Features()
        for name, values in columns.items():
            wish = (known or {}).get(name) or (base.get(name) if self.try_original_type else None)
            wanted = self.features[name] if self.features is not None else None
            if isinstance(values, pa.ChunkedArray | pa.Array) and wanted is None and name in base:
                kept = known[name] if known and name in known else base[name]
                arrays[name], features[name] = cast(values, base[name]), base[name]
                if kept != base[name]:
                    arrays[name], features[name] = cast(values, kept), kept
                continue
            try:
                arrays[name], features[name] = column(values, wanted, wish=wish, name=name, mixed=self.mixed)
            except Exception as error:
                error.add_note(f"{self.kind}: {self.name} returned this for rows {start} to {start + rows - 1}.")
                raise
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) > 1:
            old = [name for name in lengths if name in base and lengths[name] == rows]
            raise pa.ArrowInvalid(
                f"{self.name} returned columns of different lengths for rows {start} to {start + rows - 1}: {lengths}.\n"
                f"A function that changes the number of rows must drop the old columns: remove_columns={old or self.dataset.column_names}."
            )
        return pa.table(list(arrays.values()), schema=features.arrow_schema), features


def _is_frame(value: Any) -> bool:
    for name in ("pandas", "polars"):
        library = sys.modules.get(name)
        if library is not None and hasattr(library, "DataFrame") and isinstance(value, library.DataFrame):
            return True
    return False


def _is_column(value: Any) -> bool:
    if isinstance(value, list | np.ndarray | pa.Array | pa.ChunkedArray) or hasattr(value, "__arrow_array__"):
        return True
    kind = type(value)
    return kind.__module__.partition(".")[0] in ("torch", "pandas", "polars", "jax", "jaxlib") and hasattr(
        value, "__len__"
    )


def _as_table(out: Any) -> tuple[pa.Table, Features]:
    if not isinstance(out, pa.Table):
        out = out.to_arrow() if hasattr(out, "to_arrow") else pa.Table.from_pandas(out)
        out = out.replace_schema_metadata(None)
    table = unwrap(out)
    return table, Features.from_arrow_schema(out.schema)


# ---- map


def map_rows(
    dataset: Dataset,
    function: Callable | None = None,
    with_indices: bool = False,
    with_rank: bool = False,
    input_columns: str | list[str] | None = None,
    batched: bool = False,
    batch_size: int | None = 1000,
    drop_last_batch: bool = False,
    remove_columns: str | list[str] | None = None,
    keep_in_memory: bool = False,
    load_from_cache_file: bool | None = None,
    cache_file_name: str | os.PathLike | None = None,
    writer_batch_size: int | None = 1000,
    features: Features | None = None,
    disable_nullable: bool = False,
    fn_kwargs: dict | None = None,
    num_proc: int | None = None,
    suffix_template: str = "_{rank:05d}_of_{num_proc:05d}",
    new_fingerprint: str | None = None,
    desc: str | None = None,
    try_original_type: bool | None = True,
    on_mixed_types: str | None = "use_json",
) -> Dataset:
    """Apply a function to each row, or to each batch, and keep the columns that it returns. `Dataset.map` is this.

    The function returns a dict of the new or changed columns (batched: of lists, of any one length), a pyarrow table or a data
    frame, or None where it is called for its side effects. A column that keeps its name keeps its type where the values allow.

    Args:
        function: `f(row)`, or `f(batch)` with `batched`; None hands the rows on.
        with_indices, with_rank: the row's position (batched: a list), and the process's number, come after the row.
        input_columns: the function is given these columns' values in place of the row.
        batch_size: rows a batch; None or 0 is all of them.
        drop_last_batch: leave out a last batch that is not full.
        remove_columns: columns that go, unless the function returns them.
        keep_in_memory: no file; else a data set that rests on files has its result in a file beside them.
        load_from_cache_file: False computes anew although the result is there.
        cache_file_name: the result's file, in place of one named by the key.
        features: the result's features.
        fn_kwargs: keyword arguments of the function.
        num_proc: processes; order is kept, an error in one is raised here, finished parts are found again.
        new_fingerprint: the result's key, in place of the one made from the function.

    Raises:
        ValueError, UnknownNameError: an argument or column that does not exist.
        TypeError: the function returned something else.
        Whatever the function raises, with a note that names the function and the row.
    """
    if keep_in_memory and cache_file_name is not None:
        raise ValueError("Please use either `keep_in_memory` or `cache_file_name` but not both.")
    if num_proc is not None and num_proc < 0:
        raise ValueError("num_proc must be >= 0 or None.")
    if {name for _, name, _, _ in string.Formatter().parse(suffix_template) if name} != {"rank", "num_proc"}:
        raise ValueError(
            f"suffix_template must contain exactly the fields 'rank' and 'num_proc', got: {suffix_template!r}"
        )
    inputs = [input_columns] if isinstance(input_columns, str) else input_columns
    removed = [remove_columns] if isinstance(remove_columns, str) else list(remove_columns or [])
    if len(dataset) == 0:
        empty = dataset if dataset._indices is None else dataset._select(range(0), "map()")
        return empty.remove_columns(removed) if removed else empty
    for what, names in (("Input column", inputs), ("Column to remove", removed)):
        if missing := [name for name in names or [] if name not in dataset.column_names]:
            try:
                dataset._known(missing)
            except UnknownNameError as error:
                raise UnknownNameError(str(error).replace("Column ", f"{what} ", 1)) from None
    job = Job(
        dataset,
        function or _same,
        with_indices=with_indices,
        with_rank=with_rank,
        input_columns=inputs,
        batched=batched,
        batch_size=batch_size if batch_size and batch_size > 0 else len(dataset),
        drop_last_batch=drop_last_batch,
        remove_columns=removed,
        features=Features(features) if features is not None else None,
        fn_kwargs=fn_kwargs or {},
        try_original_type=bool(try_original_type),
        mixed=on_mixed_types,
    )
    return _perform(
        job, keep_in_memory, load_from_cache_file, cache_file_name, num_proc, suffix_template, new_fingerprint, desc
    )


def filter_rows(
    dataset: Dataset,
    function: Callable | None = None,
    with_indices: bool = False,
    with_rank: bool = False,
    input_columns: str | list[str] | None = None,
    batched: bool = False,
    batch_size: int | None = 1000,
    keep_in_memory: bool = False,
    load_from_cache_file: bool | None = None,
    cache_file_name: str | os.PathLike | None = None,
    writer_batch_size: int | None = 1000,
    fn_kwargs: dict | None = None,
    num_proc: int | None = None,
    suffix_template: str = "_{rank:05d}_of_{num_proc:05d}",
    new_fingerprint: str | None = None,
    desc: str | None = None,
) -> Dataset:
    """The rows for which a function returns something true (batched: a list of them). `Dataset.filter` is this.

    Arguments as in `map_rows`; the result shares the data set's table and keeps a list of positions.
    """
    if len(dataset) == 0:
        return dataset
    inputs = [input_columns] if isinstance(input_columns, str) else input_columns
    dataset._known(inputs or [])
    job = Job(
        dataset,
        function or _yes,
        kind="filter",
        with_indices=with_indices,
        with_rank=with_rank,
        input_columns=inputs,
        batched=batched and function is not None,
        batch_size=batch_size if batch_size and batch_size > 0 else len(dataset),
        fn_kwargs=fn_kwargs or {},
    )
    return _perform(
        job, keep_in_memory, load_from_cache_file, cache_file_name, num_proc, suffix_template, new_fingerprint, desc
    )


def batch_rows(dataset: Dataset, batch_size: int | None, by_column: str | list[str] | None, drop_last: bool) -> Dataset:
    """Rows grouped into rows of lists. `Dataset.batch` is this."""
    if batch_size is None and by_column is None:
        raise ValueError("batch needs batch_size or by_column: ds.batch(8), or ds.batch(by_column='document').")
    features = Features({name: List(feature) for name, feature in dataset.features.items()})
    base = dataset.with_format("arrow")
    if by_column is None:
        assert batch_size is not None
        out = base.map(_grouped, batched=True, batch_size=batch_size, drop_last_batch=drop_last, features=features)
        return out.with_format(**dataset.format) if dataset._format_type else out.with_format(None)
    names = [by_column] if isinstance(by_column, str) else list(by_column)
    dataset._known(names)
    values = dataset.select_columns(names).with_format(None)[:]
    keys = list(zip(*[values[name] for name in names], strict=True))
    cuts = [0, *(i for i in range(1, len(keys)) if keys[i] != keys[i - 1]), len(keys)]
    table = dataset._table_of(range(len(dataset))).combine_chunks()
    arrays = []
    for name in table.column_names:
        one = table.column(name).combine_chunks()
        one = one.chunk(0) if isinstance(one, pa.ChunkedArray) else one
        arrays.append(pa.ListArray.from_arrays(pa.array(cuts, pa.int32()), one))
    out = dataset._with_table(
        f"batch(by_column={names})", pa.table(arrays, names=table.column_names), features, names, _indices=None
    )
    return out


def _grouped(table: pa.Table) -> pa.Table:
    arrays = []
    for one in table.columns:
        values = one.combine_chunks()
        values = values.chunk(0) if isinstance(values, pa.ChunkedArray) else values
        arrays.append(pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values))
    return pa.table(arrays, names=table.column_names)


def _same(row: Any, *extra: Any) -> Any:
    return row


def _yes(row: Any, *extra: Any) -> bool:
    return True


def _perform(
    job: Job,
    keep_in_memory: bool,
    load_from_cache_file: bool | None,
    cache_file_name: str | os.PathLike | None,
    num_proc: int | None,
    suffix: str,
    new_fingerprint: str | None,
    desc: str | None,
) -> Dataset:
    """Find the result of a job, or compute it."""
    base = job.dataset
    if num_proc and num_proc > len(base):
        log.warning("num_proc=%d is more than there are rows; %d processes are used.", num_proc, len(base))
        num_proc = len(base)
    reuse = is_caching_enabled() if load_from_cache_file is None else load_from_cache_file
    on_disk = not keep_in_memory and (cache_file_name is not None or bool(base._mapped))
    key, path = new_fingerprint, None if cache_file_name is None else os.fspath(cache_file_name)
    if on_disk and (key is None or path is None):
        if key is None:
            key = _key(job)
        if path is None:
            folder = os.path.dirname(base._mapped[0].path) if key and is_caching_enabled() else _temporary_folder()
            if not os.access(folder, os.W_OK):
                folder = _temporary_folder()
            path = os.path.join(folder, f"cache-{key or os.urandom(8).hex()}.arrow")
    step = f"{job.kind}({job.name}{', batched' if job.batched else ''})"
    ranges = _shards(len(base), num_proc or 1)
    paths: list[str | None] = [path]
    if path is not None:
        if reuse and os.path.exists(path) and (key or cache_file_name):
            return _result(job, [path], step, key, in_memory=False)
        stem, end = os.path.splitext(path)
        if num_proc and len(ranges) > 1:
            paths = [stem + suffix.format(rank=i, num_proc=len(ranges)) + end for i in range(len(ranges))]
    bar = progress(total=len(base), desc=desc or job.kind.capitalize(), unit=" examples")
    with bar:
        if num_proc and (len(ranges) > 1 or num_proc >= 1):
            return _in_processes(job, ranges, paths, reuse and bool(key or cache_file_name), step, key, bar)
        writer, wrote = _write(job, ranges[0], None, path, key, bar.update)
    if not wrote:
        return base
    return _result(job, [path] if path else [writer], step, key, in_memory=path is None)


def _key(job: Job) -> str | None:
    """The key of a job, or None, said in one line, where it cannot be made."""
    options = {name: getattr(job, name) for name in vars(job) if name not in ("dataset", "function", "features")}
    features = job.features.to_dict() if job.features is not None else None
    shown = job.dataset.format
    try:
        return key_of(job.dataset._fingerprint, job.kind, job.function, options, features, shown)
    except Unkeyable as error:
        log.warning("%s: the result is computed each time, because %s: no key can be made of that.", job.kind, error)
        return None


_folder: str | None = None


def _temporary_folder() -> str:
    """A folder that goes when the process ends."""
    global _folder
    if _folder is None:
        _folder = tempfile.mkdtemp(prefix="bearhug-datasets-")
        atexit.register(shutil.rmtree, _folder, ignore_errors=True)
    return _folder


def _shards(rows: int, count: int) -> list[range]:
    size, rest = divmod(rows, count)
    starts = [size * i + min(i, rest) for i in range(count + 1)]
    return [range(a, b) for a, b in zip(starts, starts[1:], strict=False)]


def _write(
    job: Job, rows: range, rank: int | None, path: str | None, key: str | None, done: Callable[[int], Any]
) -> tuple[ArrowWriter, bool]:
    """Run a job over rows into a writer; whether anything was written."""
    fixed = Features(job.features) if job.features is not None else None
    writer = ArrowWriter(path, fixed, key)
    wrote = False

    def write(table: pa.Table, features: Features, where: str) -> None:
        nonlocal wrote
        wrote = True
        if table.num_rows or fixed is not None:
            writer.write(table, features, where=where)

    try:
        if job.kind == "filter":
            for start, stop in job._pieces(rows):
                kept = _kept(job, start, stop, rank)
                write(pa.table({"indices": pa.array(kept, pa.uint64())}), INDICES, "")
                done(stop - start)
            writer.features = INDICES
        else:
            for count in job.run(rows, rank, write):
                done(count)
            if wrote and writer.features is None:  # no row is left
                writer.features = job.dataset.features
        if wrote:
            writer.finish()
        else:
            writer._drop()
    except BaseException:
        writer._drop()
        raise
    return writer, wrote


INDICES = Features.from_arrow_schema(pa.schema([("indices", pa.uint64())]))


def _kept(job: Job, start: int, stop: int, rank: int | None) -> np.ndarray:
    """The positions among these rows for which the function says yes."""
    base = job.dataset
    table = base._table_of(range(start, stop))
    given, outs = job._call(base._view, table, start, rank)
    mask = outs[0] if job.batched else outs
    if isinstance(mask, pa.Array | pa.ChunkedArray):
        mask = mask.to_pylist()
    if job.batched and (not hasattr(mask, "__len__") or len(mask) != stop - start):
        raise ValueError(
            f"{job.name} is batched, so it must return {stop - start} answers, one for each row; it returned {mask!r:.80}."
        )
    return start + np.flatnonzero([bool(one) for one in mask])


def _result(job: Job, parts: list, step: str, key: str | None, *, in_memory: bool) -> Dataset:
    """The data set over what was written."""
    from bearhug.datasets.dataset import Dataset

    base = job.dataset
    tables, mapped = [], []
    for part in parts:
        if isinstance(part, ArrowWriter):
            tables.append(part.table())
            continue
        table, file = read_arrow(part, in_memory=in_memory)
        tables.append(table)
        if file is not None:
            mapped.append(file)
    if job.kind == "filter":
        rows = np.concatenate([np.asarray(table.column(0)) for table in tables]).astype(np.int64)
        out = base._select(rows, step, key=key) if len(rows) else base._select(range(0), step, key=key)
        return out
    features = [Features.from_arrow_schema(table.schema) for table in tables]
    joined = features[0]
    for one in features[1:]:
        if list(one) != list(joined):
            raise ValueError(
                f"the processes returned different columns: {list(joined)} and {list(one)}; return every column for every row."
            )
        for name in joined:
            wide = widened(joined[name], one[name])
            if wide is None:
                raise TypeError(
                    f"the column {name!r} is {joined[name]} in one process and {one[name]} in another; give features=."
                )
            joined[name] = wide
    schema = joined.arrow_schema
    tables = [
        table
        if one == joined
        else pa.table([cast(table[name], feature) for name, feature in joined.items()], schema=schema)
        for table, one in zip(tables, features, strict=True)
    ]
    table = (
        tables[0]
        if len(tables) == 1
        else pa.concat_tables([one.replace_schema_metadata(schema.metadata) for one in tables])
    )
    info = base._info.copy()
    info.features = joined
    out = Dataset(table, info=info, split=base._split, fingerprint=key)
    out._mapped = tuple(mapped)
    out._steps = (*base._steps, (step + (f" -> {parts[0]}" if mapped else ""), out._key))
    out._format_type, out._format_kwargs = base._format_type, dict(base._format_kwargs)
    out._output_all_columns = base._output_all_columns
    if base._format_columns is not None:
        new = [name for name in out.column_names if name not in base.column_names]
        out._format_columns = [name for name in [*base._format_columns, *new] if name in out.column_names]
    return out


# ---- several processes


def _in_processes(
    job: Job, ranges: list[range], paths: list, reuse: bool, step: str, key: str | None, bar: Any
) -> Dataset:
    """Run a job in one process a range; finished parts of an earlier run are used again."""
    in_memory = paths[0] is None
    folder = tempfile.mkdtemp(prefix="bearhug-map-") if in_memory else None
    if folder is not None:
        paths = [os.path.join(folder, f"{i}.arrow") for i in range(len(ranges))]
    elif len(paths) < len(ranges):
        paths = paths[:1] * len(ranges)
    try:
        todo = []
        for rank, (rows, path) in enumerate(zip(ranges, paths, strict=True)):
            if reuse and os.path.exists(path):
                bar.update(len(rows))
            else:
                todo.append((rank, rows, path))
        wrote = Workers(job, todo, key).run(bar.update) if todo else True
        if not wrote:
            return job.dataset
        return _result(job, list(paths), step, key, in_memory=in_memory)
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


class Workers:
    """Processes that each run a job over their rows; the first error in one ends all and is raised here."""

    def __init__(self, job: Job, todo: list, key: str | None):
        kind = "fork" if sys.platform == "linux" else "spawn"
        self.context: Any = multiprocessing.get_context(kind)
        self.processes: dict[Any, Any] = {}  # a pipe's end -> its process
        self.job, self.todo, self.key = job, todo, key
        if kind == "spawn":
            try:
                pickle.dumps(job.function)
            except Exception as error:
                raise TypeError(
                    f"{job.name} cannot be sent to other processes ({error}); define it at the top of a module, or leave num_proc out."
                ) from error

    def run(self, done: Callable[[int], Any]) -> bool:
        """Wait for all; whether they wrote something."""
        job = self.job
        _ = job.dataset._batches, job.dataset._view  # made once, before the fork
        wrote = False
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
                for rank, rows, path in self.todo:
                    ours, theirs = self.context.Pipe(duplex=False)
                    process = self.context.Process(
                        target=_work, args=(theirs, job, rows, rank, path, self.key), daemon=True
                    )
                    process.start()
                    theirs.close()
                    self.processes[ours] = (process, rank, rows)
            waiting = set(self.processes)
            while waiting:
                for pipe in multiprocessing.connection.wait(list(waiting)):
                    process, rank, rows = self.processes[pipe]
                    try:
                        kind, value = pipe.recv()  # pyright: ignore[reportAttributeAccessIssue]
                    except EOFError:
                        process.join()
                        raise RuntimeError(
                            f"{job.kind}: process {rank} of {job.name} (rows {rows.start} to {rows.stop - 1}) ended with code "
                            f"{process.exitcode} before it was done; -9 is often the system's answer to too little memory."
                        ) from None
                    if kind == "rows":
                        done(value)
                    elif kind == "error":
                        raise _revived(*value)
                    else:
                        wrote = wrote or value
                        waiting.discard(pipe)
            for process, _, _ in self.processes.values():
                process.join()
            return wrote
        finally:
            for pipe, (process, _, _) in self.processes.items():
                if process.is_alive():
                    process.terminate()
                process.join(5)
                pipe.close()


def _work(pipe: Any, job: Job, rows: range, rank: int, path: str, key: str | None) -> None:
    """What one process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)  # thread pools do not survive a fork
    try:
        _, wrote = _write(job, rows, rank, path, key, lambda count: pipe.send(("rows", count)))
        pipe.send(("done", wrote))
    except BaseException as error:
        import traceback

        text = "".join(traceback.format_exception(error))
        try:
            raw = pickle.dumps(error)
            pickle.loads(raw)
        except Exception:
            raw = pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
        pipe.send(("error", (raw, text, getattr(error, "__notes__", []))))
    finally:
        pipe.close()


def _revived(raw: bytes, text: str, notes: list[str]) -> BaseException:
    """An exception of another process, with its traceback as a note."""
    error = pickle.loads(raw)
    error.__notes__ = []
    for note in [*notes, f"In the process that failed:\n{text}"]:
        error.add_note(note)
    return error


_ = operator, SCALARS
