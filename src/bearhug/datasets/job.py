"""One call of map or filter: how the function and the rows meet.

The rows pass in pieces: a piece comes out of Arrow, the function sees it, and what changed goes back to Arrow;
columns that were not touched are handed on as they are.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import compress
from operator import is_, itemgetter, length_hint, methodcaller
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bearhug.datasets import provenance
from bearhug.datasets.arrow import cast, column, from_flat, unwrap
from bearhug.datasets.errors import UnknownNameError
from bearhug.datasets.features import Features, needs_decoding
from bearhug.datasets.rows import Lazy, Row, dicts
from bearhug.datasets.views import make_view

if TYPE_CHECKING:
    from bearhug.datasets.dataset import Dataset

ROWS = 1000  # rows of a batch or a piece
ASYNC = 1000  # coroutines that run at once
BATCHES = 32  # batches that coroutines are given at once
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
    gathered: int = ROWS  # rows whose results of a row function become Arrow together
    fitted: dict[str, int] = field(default_factory=dict)  # how a tokenizer's texts fitted, over all batches
    offset: int = 0  # the first row's number, where the data set is a piece of a larger one

    @property
    def name(self) -> str:
        """The function's name, for people."""
        inner: Any = self.function
        while hasattr(inner, "func"):
            inner = inner.func
        return f"{getattr(inner, '__name__', type(inner).__name__)}()"

    @property
    def _waits(self) -> bool:
        """Whether the function is a coroutine's."""
        return any(map(inspect.iscoroutinefunction, (self.function, getattr(self.function, "__call__", None))))  # noqa: B004

    def run(
        self, rows: range, rank: int | None, known: Features | None = None
    ) -> Iterator[tuple[int, list[Made] | None, str]]:
        """Apply the function to these rows: how many were done, the tables that came of it (or None), which rows.

        Args:
            known: the result's features, where a part of it was made before.
        """
        base = self.dataset
        options = (base._format_type, base._format_columns, base._output_all_columns, base._format_kwargs)
        view = make_view(base._batches, base.features, *options)
        writes: bool | None = None
        size = self.batch_size if self.batched else self.gathered
        end = rows.start + len(rows) // size * size if self.batched and self.drop_last_batch else rows.stop
        at_once = BATCHES if self.batched and self._waits else 1
        for first in range(rows.start, end, size * at_once):
            starts = range(first, min(first + size * at_once, end), size)
            tables = [base._table_of(range(start, min(start + size, end))) for start in starts]
            start, stop = first, min(first + size * at_once, end)
            where = f"rows {start + self.offset} to {stop + self.offset - 1}"
            if self.kind == "filter":
                kept = [
                    self._kept(table, one, answers)
                    for one, table, answers in zip(
                        starts, tables, self._answers(view, tables, start, rank), strict=True
                    )
                ]
                yield (
                    stop - start,
                    [(pa.table({"indices": pa.array(np.concatenate(kept), pa.uint64())}), INDICES)],
                    where,
                )
                continue
            given: Any
            originals: dict[str, list] = {}
            if self.batched:
                given = [self._batch(view, table) for table in tables]
                outs = self._apply(given, start, rank, [table.num_rows for table in tables])
            else:
                given, originals = self._rows(view, tables[0])
                outs = self._apply(given, start, rank)
            writes = outs[0] is not None if writes is None else writes
            self._check(outs, writes, start + self.offset)
            if not writes:
                yield stop - start, None, where
                continue
            made: list[Made] = []
            if not isinstance(outs[0], Mapping):
                made = [self._as_table(out, start + self.offset + i) for i, out in enumerate(outs)]
            elif self.batched:
                for one, table, batch, out in zip(starts, tables, given, outs, strict=True):
                    self.note_fit(out.fit() if hasattr(out, "fit") else {})
                    made.append(self._encoded(self._columns_of_batch(table, batch, out), known, one, table))
                    known = Features({**(known or {}), **made[-1][1]})
            else:
                columns = self._columns_of_rows(tables[0], given, originals, outs, start)
                made = [self._encoded(columns, known, start, tables[0])]
            for _, features in made:
                known = Features({**(known or {}), **features})
            yield stop - start, made, where

    # ---- calling

    def _apply(self, given: list, start: int, rank: int | None, batches: list[int] | None = None) -> list:
        """What the function returns for each of the rows, or for each of the batches of so many rows."""
        function, named, names = self.function, self.fn_kwargs, self.input_columns
        if self._waits:
            return _wait(self._gathered(given, start, rank, batches))
        rest = iter(given)
        try:
            if names is None and not (self.with_indices or self.with_rank):
                outs = list(map(partial(function, **named) if named else function, rest))
                if len(outs) < len(given):  # it would end the rows without a word
                    raise RuntimeError(f"{self.name} raised StopIteration.")
                return outs
            return [function(*self._arguments(one, start, i, rank, batches), **named) for i, one in enumerate(rest)]
        except Exception as error:
            self._say_where(error, start, len(given) - length_hint(rest) - 1, batches)
            raise

    def _say_where(self, error: Exception, start: int, i: int, batches: list[int] | None) -> None:
        """Note at an error which rows the function had."""
        if batches is None:
            where = f"row {start + self.offset + i}"
        else:
            first = start + self.offset + sum(batches[:i])
            where = f"rows {first} to {first + batches[i] - 1}"
        error.add_note(f"{self.kind}: {self.name} failed at {where} of the data set.")

    def _arguments(self, one: Any, start: int, i: int, rank: int | None, batches: list[int] | None) -> list:
        arguments = [one] if self.input_columns is None else [one[name] for name in self.input_columns]
        if self.with_indices:
            at = start + self.offset
            if batches is None:
                arguments.append(at + i)
            else:
                at += sum(batches[:i])
                arguments.append(list(range(at, at + batches[i])))
        if self.with_rank:
            arguments.append(rank)
        return arguments

    async def _gathered(self, given: list, start: int, rank: int | None, batches: list[int] | None) -> list:
        gate = asyncio.Semaphore(ASYNC)

        async def call(i: int, one: Any) -> Any:
            async with gate:
                try:
                    return await self.function(*self._arguments(one, start, i, rank, batches), **self.fn_kwargs)
                except Exception as error:
                    self._say_where(error, start, i, batches)
                    raise

        tasks = [asyncio.ensure_future(call(i, one)) for i, one in enumerate(given)]
        try:
            return await asyncio.gather(*tasks)
        except BaseException:  # nothing goes on behind an error
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

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
            rows = dicts(tuple(names), list(quick.values()))
            # whether the row itself was returned matters only for what is removed
            return list(map(Row, rows)) if self.remove_columns else rows, quick
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

    def _answers(self, view: Any, tables: list[pa.Table], start: int, rank: int | None) -> list:
        """What the function answers for each batch, or for the rows of the one piece."""
        if not self.batched:
            return [self._apply(self._rows(view, tables[0])[0], start, rank)]
        batches = [self._batch(view, table) for table in tables]
        return self._apply(batches, start, rank, [table.num_rows for table in tables])

    def _kept(self, table: pa.Table, start: int, mask: Any) -> np.ndarray:
        """The positions among a piece's rows for which the function said yes."""
        if self.batched:
            mask = mask.to_pylist() if isinstance(mask, pa.Array | pa.ChunkedArray) else mask
            if not hasattr(mask, "__len__") or len(mask) != table.num_rows:
                raise ValueError(
                    f"{self.name} is batched, so it must return {table.num_rows} answers, one for each row; it "
                    f"returned {mask!r:.80}."
                )
        if isinstance(mask, np.ndarray) and mask.dtype == bool:
            return start + self.offset + np.flatnonzero(mask)
        first = start + self.offset
        return np.fromiter(compress(range(first, first + len(mask)), mask), np.int64)

    def _check(self, outs: list, writes: bool, start: int) -> None:
        """Raises TypeError where the function returned something that is no row, or forgot to return."""
        if not set(map(type, outs)) <= (_ROWS if writes else {type(None)}):
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
        if provenance.NAME in columns and provenance.NAME not in out and self._carries:
            count = next((len(columns[name]) for name in out if name in columns), table.num_rows)
            if count != table.num_rows:
                columns[provenance.NAME] = provenance.spread(table.column(provenance.NAME), count, out)
        return columns

    def note_fit(self, fit: dict[str, int]) -> None:
        """Add what a batch, or another process, says."""
        for name, count in fit.items():
            before = self.fitted.get(name, 0)
            self.fitted[name] = max(before, count) if name == "longest" else before + count

    @property
    def _carries(self) -> bool:
        return provenance.is_there(self.dataset.features)

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
        names = first.keys()
        uneven = len(set(map(len, outs))) > 1 or not all(map(names.__eq__, map(_KEYS, outs)))
        if uneven and in_place:
            outs = self._completed(given, outs)
            first = outs[0]
            new = list(first)
            uneven = any(out.keys() != first.keys() for out in outs)
        if uneven:
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
            values = list(map(itemgetter(name), source))
            same = name in originals and all(map(is_, values, originals[name]))
            columns[name] = table.column(name) if same else values
        return columns

    def _completed(self, given: list, outs: list) -> list[dict]:
        """Results that name different columns, each with those that others name, as its row has them."""
        own = [
            {name: out[name] for name in out if not (isinstance(out, Row) and name in self.remove_columns)}
            for out in outs
        ]
        new = dict.fromkeys(name for out in own for name in out)
        kept = [name for name in new if name not in self.remove_columns]
        return [
            {**{name: row[name] for name in kept if name in row}, **out} for row, out in zip(given, own, strict=True)
        ]

    def _encoded(self, columns: dict[str, Any], known: Features | None, start: int, table: pa.Table) -> Made:
        """Columns of values as a table; a column that was there keeps its type where the values allow."""
        base, rows = self.dataset.features, table.num_rows
        where = f"rows {start + self.offset} to {start + self.offset + rows - 1}"
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
                error.add_note(f"{self.kind}: {self.name} returned this for {where}.")
                raise
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) > 1:
            old = [name for name in lengths if name in base and lengths[name] == rows] or self.dataset.column_names
            raise pa.ArrowInvalid(
                f"{self.name} returned columns of different lengths for {where}: {lengths}.\n"
                f"A function that changes the number of rows must drop the old columns: remove_columns={old}."
            )
        return pa.table(list(arrays.values()), schema=features.arrow_schema), features

    def _as_table(self, out: Any, at: int) -> Made:
        """A table or data frame that the function returned."""
        if not isinstance(out, pa.Table):
            out = out.to_arrow() if hasattr(out, "to_arrow") else pa.Table.from_pandas(out)
            out = out.replace_schema_metadata(None)
        if not self.batched and out.num_rows > 1:
            raise ValueError(
                f"{self.name} returned {out.num_rows} rows for row {at}, but a function of a row returns one.\n"
                "Let it return several with map(..., batched=True, batch_size=1)."
            )
        return unwrap(out), Features.from_arrow_schema(out.schema)


_ROWS = {dict, Row, Lazy}
_KEYS = methodcaller("keys")


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


def _wait(work: Any) -> Any:
    """The result of a coroutine, also where a loop runs already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
