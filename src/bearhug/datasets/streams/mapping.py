"""map, filter and batch on a stream: a function over rows or batches as they come, also an async one."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from bearhug.datasets import rows as given_rows
from bearhug.datasets.arrow import to_list
from bearhug.datasets.features import Features
from bearhug.datasets.streams.node import (
    ROWS,
    Chunk,
    Node,
    Reader,
    Step,
    ahead,
    batch_of,
    heavy,
    joined,
    picked,
    rows_of,
    size,
    table_of,
)
from bearhug.datasets.streams.show import as_tables, converter, frame_of, from_frame

PATIENCE = 0.01  # seconds after which the rows that are ready are given, though more could be made


@dataclass
class Call:
    """A function, and what of a row or batch it is given."""

    function: Callable
    with_indices: bool = False
    columns: list[str] | None = None
    batched: bool = False
    size: int = ROWS  # of a batch; 0 is all rows
    drop_last: bool = False
    options: dict = field(default_factory=dict)
    kind: str | None = None  # the format in which rows are given
    format_options: dict = field(default_factory=dict)
    name: str = "map"

    @property
    def waits(self) -> bool:
        """Whether it is an async function."""
        return inspect.iscoroutinefunction(self.function)

    def arguments(self, rows: Any, index: Any) -> list:
        """What the function is given, but for its options."""
        out = [rows] if self.columns is None else [rows[name] for name in self.columns]
        return [*out, index] if self.with_indices else out

    def __call__(self, rows: Any, index: Any) -> Any:
        """The function's result; an error says at which row."""
        try:
            return self.function(*self.arguments(rows, index), **self.options)
        except Exception as error:
            self.blame(error, index)
            raise

    def blame(self, error: Exception, index: Any) -> None:
        """Say in an error at which row the function failed."""
        at = index if isinstance(index, int) else f"{index[0]} to {index[-1]}"
        error.add_note(
            f"{self.name}: {getattr(self.function, '__name__', self.function)}() failed at row {at} of the stream."
        )

    def together(self, inputs: list[tuple[Any, Any]]) -> list:
        """An async function on several inputs at once; the results in their order."""

        async def gather() -> list:
            calls = [self.function(*self.arguments(rows, index), **self.options) for rows, index in inputs]
            return await asyncio.gather(*calls)

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(gather())
        with ThreadPoolExecutor(1) as elsewhere:  # a notebook's loop runs in this thread
            return elsewhere.submit(asyncio.run, gather()).result()


class _Over(Step):
    """What map and filter share: the rows below in pieces for the function, and the number of the next row."""

    def __init__(self, child: Node, call: Call):
        super().__init__(child)
        self.call = call
        self.arrow = as_tables(call.kind)

    def dealt(self, parts: int, part: int) -> Node:
        """Dealt below: each worker calls the function on its own rows; numbered rows are dealt afterwards."""
        return super().dealt(parts, part) if self.call.with_indices else self.over([self.child.dealt(parts, part)])

    def _batches(self, memo: dict) -> Iterator[tuple[Chunk, int, Callable[[], None]]]:
        """Batches, the number of their first row, and a function that notes the place after them."""
        reader = Reader(self.child, memo.get("reader"))
        start = memo.get("index", 0)
        while pieces := reader.piece(self.call.size):
            batch = joined(pieces)
            if self.call.drop_last and self.call.size and size(batch) < self.call.size:
                memo.update(reader=reader.state(), index=start)
                return
            index = start
            start += size(batch)
            yield batch, index, lambda at=start: memo.update(reader=reader.state(), index=at)

    def _rows(self, memo: dict) -> Iterator[tuple[list, list]]:
        """Rows and results, in lists: what is ready is given soon, and before an error is raised."""
        reader = Reader(self.child, memo.get("reader"))
        index = memo.get("index", 0)
        convert = converter(self.call.kind, self.call.format_options, self.child.features)
        call, clock = self.call, time.perf_counter
        alone = call.function if call.columns is None and not call.with_indices and not call.options else None
        given, limit = 0, 1 if heavy(self.child.features) else ROWS
        most = limit
        while reader.ready():
            if self.call.waits:
                rows = [convert(row) for row in rows_of(reader.take(ROWS), self.child.features)]
                results = self.call.together([(row, index + i) for i, row in enumerate(rows)])
                index += len(rows)
                memo.update(reader=reader.state(), index=index)
                yield rows, results
                continue
            ready: list = []
            until = clock() + PATIENCE
            failed = None
            pending = rows_of(reader.peek(min(most, ahead(given))), self.child.features)
            for row in pending:
                shown = convert(row)
                try:
                    out = alone(shown) if alone else call.function(*call.arguments(shown, index), **call.options)
                except Exception as error:
                    call.blame(error, index)
                    failed = error
                    break
                ready.append(out)
                index += 1
                if clock() > until:
                    break
            if ready:
                reader.take(len(ready))
                memo.update(reader=reader.state(), index=index)
                yield pending[: len(ready)], ready
            if failed is not None:
                raise failed
            given += len(ready)
            most = min(limit, 2 * most) if len(ready) == len(pending) else max(1, len(ready))


class Mapped(_Over):
    """A function that gives new values for each row or batch."""

    def __init__(self, child: Node, call: Call, removed: list[str], features: Features | None):
        super().__init__(child, call)
        self.removed = set(removed)
        self.features = features

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """Rows, as dicts; tables where the format is one of tables."""
        if self.arrow:
            yield from self._of_tables(memo)
        elif self.call.batched:
            yield from self._of_batches(memo)
        else:
            merged, simple = self._merged, not self.removed
            for rows, results in self._rows(memo):
                yield [
                    {**row, **out} if simple and type(out) is dict else merged(row, out)
                    for row, out in zip(rows, results, strict=True)
                ]

    def _of_batches(self, memo: dict) -> Iterator[Chunk]:
        convert = converter(self.call.kind, self.call.format_options, self.child.features)
        for piece, index, note in self._batches(memo):
            batch = batch_of(rows_of(piece, self.child.features))
            given = convert(given_rows.Row(batch)) if self.call.kind else given_rows.Row(batch)
            numbers = list(range(index, index + size(piece)))
            out = self.call.together([(given, numbers)])[0] if self.call.waits else self.call(given, numbers)
            merged = self._merged(batch, out, whole=True)
            note()
            names = list(merged)
            made = [dict(zip(names, values, strict=True)) for values in zip(*merged.values(), strict=True)]
            if made:
                yield made

    def _of_tables(self, memo: dict) -> Iterator[Chunk]:
        call = self.call
        if not call.batched:
            call = Call(**{**call.__dict__, "size": 1, "drop_last": False})
        view = _Over(self.child, call)
        for piece, index, note in view._batches(memo):
            table = table_of(piece, self.child.features)
            given = frame_of(table, self.child.features, call.kind)
            out = call(given, list(range(index, index + table.num_rows)) if call.batched else index)
            made = from_frame(out)
            if not isinstance(made, pa.Table):
                raise TypeError(
                    f"Provided `function` which is applied to {call.kind} tables returns a variable of type "
                    f"{type(out)}. Make sure provided `function` returns a table or data frame to update the dataset."
                )
            made = made.select([name for name in made.column_names if name not in self.removed])
            note()
            if made.num_rows:
                yield made

    def _merged(self, row: dict, out: Any, whole: bool = False) -> dict:
        if out is None:
            out = {}
        elif isinstance(out, pa.Table) or not isinstance(out, Mapping):
            made = from_frame(out)
            if not isinstance(made, pa.Table):
                raise TypeError(f"the function must return a dict (or None), not {type(out).__name__}.")
            out = {name: to_list(made.column(name)) for name in made.column_names}
        if whole and out:
            self._check(row, out)
        removed = self.removed
        if not removed:
            return {**row, **out}
        mine = isinstance(out, given_rows.Row)
        kept = {name: value for name, value in row.items() if name not in removed}
        return {**kept, **{name: out[name] for name in out if not (mine and name in removed)}}

    def _check(self, batch: dict, out: Mapping) -> None:
        lengths = {name: len(values) for name, values in out.items()}
        first = next(iter(lengths))
        lengths |= {name: len(batch[name]) for name in batch if name not in out and name not in self.removed}
        wrong = [name for name, length in lengths.items() if length != lengths[first]]
        if wrong:
            raise ValueError(
                f"Column lengths mismatch: columns {wrong} have length {[lengths[name] for name in wrong]} while "
                f"{first} has length {lengths[first]}. Give all columns one length, or drop the old ones with "
                "remove_columns=."
            )


class Filtered(_Over):
    """The rows for which a function says yes."""

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """Those rows, as they came."""
        if not self.call.batched and not self.arrow:
            for rows, answers in self._rows(memo):
                if kept := [row for row, yes in zip(rows, answers, strict=True) if yes]:
                    yield kept
            return
        call = self.call
        if not call.batched:
            call = Call(**{**call.__dict__, "size": 1})
        convert = None if self.arrow else converter(call.kind, call.format_options, self.child.features)
        for piece, index, note in _Over(self.child, call)._batches(memo):
            if convert is None:
                piece = table_of(piece, self.child.features)
                given: Any = frame_of(piece, self.child.features, call.kind)
            else:
                given = convert(given_rows.Row(batch_of(rows_of(piece, self.child.features))))
            numbers = list(range(index, index + size(piece))) if call.batched else index
            out = call.together([(given, numbers)])[0] if call.waits else call(given, numbers)
            mask = _mask(out)
            if len(mask) != size(piece):
                raise ValueError(f"the function gave {len(mask)} answers for {size(piece)} rows.")
            note()
            if mask.any():
                yield picked(piece, np.flatnonzero(mask))


def _mask(out: Any) -> np.ndarray:
    if isinstance(out, pa.Array | pa.ChunkedArray):
        out = out.to_pylist()
    elif isinstance(out, pa.Scalar):
        out = out.as_py()
    return np.atleast_1d(np.asarray(out, dtype=bool))


class Batched(Step):
    """Each row holds lists of `length` old ones."""

    def __init__(self, child: Node, length: int, drop_last: bool, arrow: bool):
        super().__init__(child)
        self.length, self.drop_last, self.arrow = length, drop_last, arrow
        self.features = None

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """A batch a row."""
        reader = Reader(self.child, memo.get("reader"))
        while pieces := reader.piece(self.length):
            whole = joined(pieces)
            memo["reader"] = reader.state()
            if not (self.drop_last and size(whole) < self.length):
                yield grouped(whole, self.child.features)


class ByColumn(Step):
    """Each row holds lists of neighbours that agree in some columns."""

    def __init__(self, child: Node, columns: list[str], drop_last: bool):
        super().__init__(child)
        self.columns, self.drop_last, self.arrow = columns, drop_last, True
        self.features = None

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """A group a row."""
        reader = Reader(self.child, memo.get("reader"))
        waiting, key = [], None
        while reader.ready():
            chunk = reader.peek(ROWS)
            keys = [tuple(_hashable(row[name]) for name in self.columns) for row in rows_of(chunk)]
            if waiting and keys[0] != key:
                memo["reader"] = reader.state()
                yield grouped(joined(waiting), self.child.features)
                waiting = []
            key = keys[0]
            length = next((i for i, one in enumerate(keys) if one != key), len(keys))
            waiting.append(reader.take(length))
        if waiting:
            memo["reader"] = reader.state()
            yield grouped(joined(waiting), self.child.features)


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def grouped(chunk: Chunk, features: Features | None) -> Chunk:
    """A chunk as one row of lists; tables stay tables."""
    if not isinstance(chunk, pa.Table):
        return [batch_of(chunk)]
    arrays = []
    for column in chunk.columns:
        one = column.combine_chunks()
        one = one.chunk(0) if isinstance(one, pa.ChunkedArray) else one
        arrays.append(pa.ListArray.from_arrays(pa.array([0, len(one)], pa.int32()), one))
    return pa.table(arrays, names=chunk.column_names)
