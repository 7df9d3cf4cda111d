"""map and filter: a function over rows or batches, in one process or several, kept under a key that can be trusted.

The rows pass in pieces: a piece comes out of Arrow, the function sees it, and what changed goes back to Arrow;
columns that were not touched are handed on as they are. The result of a data set that rests on files is a file
beside them, named by the key of the data set and of the function (see fingerprint.py); the file appears whole or
not at all, so processes that compute the same thing do not disturb each other.
"""

from __future__ import annotations

import asyncio
import atexit
import inspect
import logging
import operator
import os
import shutil
import string
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bearhug._lib.progress import progress
from bearhug.datasets.arrow import cast, column, from_flat, unwrap
from bearhug.datasets.errors import UnknownNameError
from bearhug.datasets.features import Features, List, needs_decoding
from bearhug.datasets.fingerprint import Unkeyable, is_caching_enabled, key_of
from bearhug.datasets.rows import Lazy, Row
from bearhug.datasets.table import read_arrow
from bearhug.datasets.views import make_view
from bearhug.datasets.workers import Workers
from bearhug.datasets.writer import ArrowWriter, widened

if TYPE_CHECKING:
    from bearhug.datasets.dataset import Dataset

log = logging.getLogger("bearhug.datasets")
ROWS = 1000  # rows that a row function's results are gathered for, before they become Arrow
ASYNC = 1000  # coroutines that run at once
INDICES = Features.from_arrow_schema(pa.schema([("indices", pa.uint64())]))
Made = tuple[pa.Table, Features]


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
        inner: Any = self.function
        while hasattr(inner, "func"):
            inner = inner.func
        return f"{getattr(inner, '__name__', type(inner).__name__)}()"

    def run(self, rows: range, rank: int | None) -> Iterator[tuple[int, list[Made] | None, str]]:
        """Apply the function to these rows: how many were done, the tables that came of it (or None), which rows."""
        base = self.dataset
        options = (base._format_type, base._format_columns, base._output_all_columns, base._format_kwargs)
        view = make_view(base._batches, base.features, *options)
        known: Features | None = None  # the result's features so far
        writes: bool | None = None
        size = self.batch_size if self.batched else ROWS
        end = rows.start + len(rows) // size * size if self.batched and self.drop_last_batch else rows.stop
        for start in range(rows.start, end, size):
            stop = min(start + size, end)
            table = base._table_of(range(start, stop))
            where = f"rows {start} to {stop - 1}"
            if self.kind == "filter":
                kept = pa.table({"indices": pa.array(self._kept(view, table, start, rank), pa.uint64())})
                yield stop - start, [(kept, INDICES)], where
                continue
            given: Any
            originals: dict[str, list] = {}
            if self.batched:
                given = self._batch(view, table)
                outs = self._apply([given], start, rank, table.num_rows)
            else:
                given, originals = self._rows(view, table)
                outs = self._apply(given, start, rank)
            writes = outs[0] is not None if writes is None else writes
            self._check(outs, writes, start)
            if not writes:
                yield stop - start, None, where
                continue
            if not isinstance(outs[0], Mapping):
                made = [_as_table(out) for out in outs]
            elif self.batched:
                made = [self._encoded(self._columns_of_batch(table, given, outs[0]), known, start, stop - start)]
            else:
                made = [
                    self._encoded(
                        self._columns_of_rows(table, given, originals, outs, start), known, start, stop - start
                    )
                ]
            for _, features in made:
                known = Features({**(known or {}), **features})
            yield stop - start, made, where

    # ---- calling

    def _apply(self, given: list, start: int, rank: int | None, batch: int = 0) -> list:
        """What the function returns for each of the rows, or for the one batch of so many rows."""
        function, named, names = self.function, self.fn_kwargs, self.input_columns
        if inspect.iscoroutinefunction(function):
            return asyncio.run(self._gathered(given, start, rank, batch))
        outs: list = []
        try:
            if names is None and not (self.with_indices or self.with_rank):
                for one in given:
                    outs.append(function(one, **named))
            else:
                for i, one in enumerate(given):
                    outs.append(function(*self._arguments(one, start + i, rank, batch), **named))
        except Exception as error:
            where = f"rows {start} to {start + batch - 1}" if self.batched else f"row {start + len(outs)}"
            error.add_note(f"{self.kind}: {self.name} failed at {where} of the data set.")
            raise
        return outs

    def _arguments(self, one: Any, at: int, rank: int | None, batch: int) -> list:
        arguments = [one] if self.input_columns is None else [one[name] for name in self.input_columns]
        if self.with_indices:
            arguments.append(list(range(at, at + batch)) if self.batched else at)
        if self.with_rank:
            arguments.append(rank)
        return arguments

    async def _gathered(self, given: list, start: int, rank: int | None, batch: int) -> list:
        gate = asyncio.Semaphore(ASYNC)

        async def call(i: int, one: Any) -> Any:
            async with gate:
                return await self.function(*self._arguments(one, start + i, rank, batch), **self.fn_kwargs)

        return await asyncio.gather(*[call(i, one) for i, one in enumerate(given)])

    def _shown(self, table: pa.Table) -> list[str]:
        shown = self.dataset._format_columns
        return [name for name in table.column_names if shown is None or name in shown]

    def _batch(self, view: Any, table: pa.Table) -> Any:
        """What a function of batches is given."""
        if self.dataset._format_type is not None:
            return view.batch(table)
        return Lazy(self._shown(table), lambda name: view.python_column(table.column(name), name))

    def _rows(self, view: Any, table: pa.Table) -> tuple[list, dict[str, list]]:
        """What a function of rows is given, and the single values by column, to see later what stayed the same."""
        if self.dataset._format_type is not None:
            return list(view.rows(iter([table]))), {}
        names, features = self._shown(table), self.dataset.features
        slow = [n for n in names if pa.types.is_nested(table.schema.field(n).type) or needs_decoding(features[n])]
        quick = {name: view.python_column(table.column(name), name) for name in names if name not in slow}
        if not slow and names:
            make = (
                Row if self.remove_columns else dict
            )  # whether the row itself was returned matters only for what is removed
            return [make(zip(names, values, strict=True)) for values in zip(*quick.values(), strict=True)], quick
        loaded: dict[str, list] = {}

        def load(name: str, i: int) -> Any:
            if name not in loaded:
                loaded[name] = view.python_column(table.column(name), name)
            return loaded[name][i]

        rows = []
        for i in range(table.num_rows):
            row = Lazy(names, lambda name, i=i: load(name, i))
            for name, values in quick.items():
                row[name] = values[i]
            rows.append(row)
        return rows, quick

    def _kept(self, view: Any, table: pa.Table, start: int, rank: int | None) -> np.ndarray:
        """The positions among a piece's rows for which the function says yes."""
        if self.batched:
            (mask,) = self._apply([self._batch(view, table)], start, rank, table.num_rows)
            mask = mask.to_pylist() if isinstance(mask, pa.Array | pa.ChunkedArray) else mask
            if not hasattr(mask, "__len__") or len(mask) != table.num_rows:
                raise ValueError(
                    f"{self.name} is batched, so it must return {table.num_rows} answers, one for each row; it "
                    "returned "
                    f"{mask!r:.80}."
                )
        else:
            mask = self._apply(self._rows(view, table)[0], start, rank)
        return start + np.flatnonzero([bool(one) for one in mask])

    def _check(self, outs: list, writes: bool, start: int) -> None:
        """Raises TypeError where the function returned something that is no row, or forgot to return."""
        if not {type(out) for out in outs} <= (_ROWS if writes else {type(None)}):
            for i, out in enumerate(outs):
                good = isinstance(out, Mapping | pa.Table) or _is_frame(out)
                if good and not writes:
                    raise TypeError(
                        f"{self.name} returned None before, but {type(out).__name__} at row {start + i}; return "
                        "one or the "
                        f"other always."
                    )
                if not good and (writes or out is not None):
                    raise TypeError(
                        f"{self.name} returned {out!r:.60} (a {type(out).__name__}) at row {start + i}; it must "
                        "return a dict "
                        "(or a pyarrow table, or a data frame) with the new columns, or always None when it is "
                        "called for "
                        f"its side effects."
                    )
        out = outs[0]
        if self.batched and isinstance(out, Mapping) and not isinstance(out, Lazy):
            wrong = [name for name in out if _flat(out, name) is None and not _is_column(out[name])]
            if wrong:
                raise TypeError(
                    f"{self.name} is batched, so it must return a dict of lists, but {wrong[0]!r} is "
                    f"{out[wrong[0]]!r:.60} (a {type(out[wrong[0]]).__name__}).\n"
                    f"Return one value for each row of the batch, or leave batched=True out."
                )

    # ---- results back to Arrow

    def _columns_of_batch(self, table: pa.Table, given: Any, out: Mapping) -> dict[str, Any]:
        """The result's columns: the input's, overlaid with those returned; untouched ones as they are in Arrow."""
        columns: dict[str, Any] = {}
        if isinstance(given, Lazy) and self.input_columns is None:
            for name in table.column_names:
                if name in given:
                    columns[name] = table.column(name) if name in given.unread else given[name]
                elif name not in self._shown(table):
                    columns[name] = table.column(name)
            columns |= {name: given[name] for name in given if name not in columns}
        elif isinstance(given, Mapping):
            columns = dict(zip(table.column_names, table.columns, strict=True))
        for name in self.remove_columns:
            columns.pop(name, None)
        for name in out:
            if isinstance(out, Row) and (name in self.remove_columns or (isinstance(out, Lazy) and name in out.unread)):
                continue
            flat = _flat(out, name)
            columns[name] = out[name] if flat is None else from_flat(flat[0], flat[1], name)
        return columns

    def _columns_of_rows(
        self, table: pa.Table, given: list, originals: dict[str, list], outs: list, start: int
    ) -> dict[str, Any]:
        """The same for rows, whose values become columns here."""
        first_in, first = given[0], outs[0]
        in_place = isinstance(first_in, dict) and self.dataset._format_type is None and self.input_columns is None
        base: list[str] = []
        if isinstance(first_in, Mapping):
            shown = self._shown(table)
            base = [n for n in table.column_names if not in_place or n in first_in or n not in shown]
            base += [n for n in first_in if in_place and n not in base]
        new = [name for name in first if not (isinstance(first, Row) and name in self.remove_columns)]
        sizes = {len(out) for out in outs}
        if len(sizes) > 1 or any(out.keys() != first.keys() for out in outs):
            i, out = next((i, out) for i, out in enumerate(outs) if set(out) != set(first))
            differ = sorted(set(out) ^ set(first))
            raise UnknownNameError(
                f"{self.name} returned the columns {differ} either for row {start} or for row {start + i}, but not "
                "for both; "
                f"return every column for every row."
            )
        columns: dict[str, Any] = {}
        for name in dict.fromkeys([*(n for n in base if n not in self.remove_columns), *new]):
            if name in new:
                source = outs
            elif in_place and name in first_in:
                source = given
            else:
                columns[name] = table.column(name)
                continue
            if isinstance(source[0], Lazy) and all(type(row) is Lazy and name in row.unread for row in source):
                columns[name] = table.column(name)
                continue
            values = [row[name] for row in source]
            same = name in originals and all(map(operator.is_, values, originals[name]))
            columns[name] = table.column(name) if same else values
        return columns

    def _encoded(self, columns: dict[str, Any], known: Features | None, start: int, rows: int) -> Made:
        """Columns of values as a table; a column that was there keeps its type where the values allow."""
        base = self.dataset.features
        if self.features is not None:
            if extra := [name for name in columns if name not in self.features]:
                raise UnknownNameError(
                    f"the result has the columns {extra}, which features= does not name: {list(self.features)}."
                )
            columns = {name: columns[name] for name in self.features if name in columns}
        else:
            columns = {
                **{n: columns[n] for n in base if n in columns},
                **{n: v for n, v in columns.items() if n not in base},
            }
        arrays, features = {}, Features()
        for name, values in columns.items():
            wish = (known or {}).get(name) or (base.get(name) if self.try_original_type else None)
            wanted = self.features[name] if self.features is not None else None
            if isinstance(values, pa.ChunkedArray) and wanted is None and name in base:  # untouched
                features[name] = known[name] if known and name in known else base[name]
                arrays[name] = cast(values, features[name])
                continue
            try:
                arrays[name], features[name] = column(values, wanted, wish=wish, name=name, mixed=self.mixed)
            except Exception as error:
                error.add_note(f"{self.kind}: {self.name} returned this for rows {start} to {start + rows - 1}.")
                raise
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) > 1:
            old = [name for name in lengths if name in base and lengths[name] == rows] or self.dataset.column_names
            raise pa.ArrowInvalid(
                f"{self.name} returned columns of different lengths for rows {start} to {start + rows - 1}: "
                f"{lengths}.\n"
                f"A function that changes the number of rows must drop the old columns: remove_columns={old}."
            )
        return pa.table(list(arrays.values()), schema=features.arrow_schema), features


_ROWS = {dict, Row, Lazy}


def _flat(out: Any, name: str) -> Any:
    """A tokenizer's flat arrays of a column, (values, starts), where the output has them."""
    flat = getattr(out, "flat", None) if not isinstance(out, dict) else None
    return flat(name) if callable(flat) else None


def _is_frame(value: Any) -> bool:
    for name in ("pandas", "polars"):
        library = sys.modules.get(name)
        if library is not None and hasattr(library, "DataFrame") and isinstance(value, library.DataFrame):
            return True
    return False


def _is_column(value: Any) -> bool:
    if isinstance(value, list | np.ndarray | pa.Array | pa.ChunkedArray) or hasattr(value, "__arrow_array__"):
        return True
    library = type(value).__module__.partition(".")[0]
    return library in ("torch", "pandas", "polars", "jax", "jaxlib") and hasattr(value, "__len__")


def _as_table(out: Any) -> Made:
    if not isinstance(out, pa.Table):
        out = out.to_arrow() if hasattr(out, "to_arrow") else pa.Table.from_pandas(out)
        out = out.replace_schema_metadata(None)
    return unwrap(out), Features.from_arrow_schema(out.schema)


# ---- the results


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


def same(row: Any, *extra: Any) -> Any:
    """The function that hands rows on."""
    return row


def yes(row: Any, *extra: Any) -> bool:
    """The function that keeps every row."""
    return True


def perform(
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
    if {name for _, name, _, _ in string.Formatter().parse(suffix) if name} != {"rank", "num_proc"}:
        raise ValueError(f"suffix_template must contain exactly the fields 'rank' and 'num_proc', got: {suffix!r}")
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
        writer = write_result(job, ranges[0], None, path, key, bar.update)
    if writer is None:
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
    return [range(a, b) for a, b in pairwise(starts)]


def write_result(
    job: Job, rows: range, rank: int | None, path: str | None, key: str | None, done: Callable[[int], Any]
) -> ArrowWriter | None:
    """Run a job over rows into a writer; None where the function never returned anything."""
    writer = ArrowWriter(path, Features(job.features) if job.features is not None else None, key)
    wrote = False
    try:
        for count, made, where in job.run(rows, rank):
            for table, features in made or ():
                wrote = True
                if table.num_rows or job.kind == "filter":
                    writer.write(table, features, where=where)
            done(count)
        if not wrote:
            writer.drop()
            return None
        if writer.features is None:  # no row is left
            writer.features = job.dataset.features
        writer.finish()
    except BaseException:
        writer.drop()
        raise
    return writer


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
                f"the processes returned different columns: {list(joined)} and {list(one)}; return every column "
                "for every row."
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
