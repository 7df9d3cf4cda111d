"""The table below a data set: Arrow files memory-mapped, pickled by path, rows gathered by position.

`Mapped` is one file that is open; a data set keeps those its table rests on. A pickled table names the file and the
place of each buffer that lies in one, and carries only the others.
"""

from __future__ import annotations

import os
import pickle
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from bearhug.datasets.arrow import unwrap


class ArrowTable:
    """A data set's Arrow table as the field hands it out: `.table` is pyarrow's, whose methods are here too."""

    def __init__(self, table: pa.Table):
        self.table = table

    def __getattr__(self, name: str) -> Any:
        if name == "table":  # while it is unpickled
            raise AttributeError(name)
        return getattr(self.table, name)

    @property
    def blocks(self) -> list[list]:
        """The tables side by side and one below the other that make it up: here always one."""
        return [[self]]

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return self.table.num_rows

    def __getitem__(self, key: Any) -> Any:
        return self.table[key]

    def __eq__(self, other: object) -> bool:
        return self.table.equals(getattr(other, "table", other))

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        return repr(self.table)


def arrow_of(table: Any) -> pa.Table:
    """A pyarrow table, or the one in something that has it as `.table`.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(table, pa.Table):
        return table
    inner = getattr(table, "table", None)
    if isinstance(inner, pa.Table):
        return inner
    raise TypeError(f"a Dataset holds a pyarrow.Table, not {type(table).__name__}; see Dataset.from_dict.")


class Mapped:
    """An Arrow file in memory-mapped form: its path, and a buffer over the whole of it."""

    __slots__ = ("buffer", "path")

    def __init__(self, path: str | os.PathLike):
        self.path = os.fspath(path)
        if os.path.getsize(self.path):
            with pa.memory_map(self.path) as file:
                self.buffer = file.read_buffer()
        else:
            self.buffer = pa.py_buffer(b"")

    def place(self, buffer: pa.Buffer) -> int | None:
        """Where in the file a buffer begins, or None where it lies elsewhere."""
        start = buffer.address - self.buffer.address
        return start if 0 <= start and start + buffer.size <= self.buffer.size else None


def read_arrow(path: str | os.PathLike, *, in_memory: bool = False) -> tuple[pa.Table, Mapped | None]:
    """An Arrow file (stream or file format) as a table; memory-mapped unless asked otherwise.

    Raises:
        ValueError: the file is no Arrow file, or is cut short.
        FileNotFoundError: there is no such file.
    """
    mapped = None
    if in_memory:
        with pa.OSFile(os.fspath(path)) as file:
            buffer = file.read_buffer()
    else:
        mapped = Mapped(path)
        buffer = mapped.buffer
    try:
        if buffer.size >= 6 and bytes(buffer.slice(0, 6)) == b"ARROW1":
            table = pa.ipc.open_file(pa.BufferReader(buffer)).read_all()
        else:
            table = pa.ipc.open_stream(pa.BufferReader(buffer)).read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(
            f"{os.fspath(path)!r} ({buffer.size} bytes) is no whole Arrow file: {error}\nDelete it and make it again."
        ) from None
    return unwrap(table), mapped


_open: dict[str, Any] = {}  # files that unpickled tables rest on, while one of them lives


def dump_table(table: pa.Table, mapped: tuple[Mapped, ...]) -> tuple[bytes, list]:
    """A table as bytes and buffers; those in memory-mapped files by (path, start, size)."""
    if not mapped:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return sink.getvalue().to_pybytes(), []
    outside: list[pickle.PickleBuffer] = []
    head = pickle.dumps(table, protocol=5, buffer_callback=outside.append)
    buffers: list[Any] = []
    for view in outside:
        buffer = pa.py_buffer(view)
        for file in mapped:
            start = file.place(buffer)
            if start is not None:
                buffers.append((file.path, start, buffer.size))
                break
        else:
            buffers.append(buffer.to_pybytes())
    return head, [True, *buffers]


def load_table(head: bytes, buffers: list) -> tuple[pa.Table, tuple[Mapped, ...]]:
    """The inverse of `dump_table`: opens the files again."""
    if not buffers:
        return pa.ipc.open_stream(pa.py_buffer(head)).read_all(), ()
    files: dict[str, Mapped] = {}
    given = []
    for one in buffers[1:]:
        if isinstance(one, bytes):
            given.append(pa.py_buffer(one))
            continue
        path, start, size = one
        file = files.setdefault(path, Mapped(path)) if path not in files else files[path]
        given.append(file.buffer.slice(start, size))
    return pickle.loads(head, buffers=given), tuple(files.values())


class Batches:
    """A table as its record batches, and which of them holds a row."""

    def __init__(self, table: pa.Table):
        self.schema = table.schema
        self.batches = table.to_batches()
        self.starts = np.cumsum([0, *(batch.num_rows for batch in self.batches)])

    def find(self, row: int) -> tuple[int, int]:
        """A row's batch, and its place in there."""
        if len(self.batches) == 1:
            return 0, row
        i = int(np.searchsorted(self.starts, row, side="right")) - 1
        return i, row - int(self.starts[i])

    def gather(self, rows: np.ndarray) -> pa.Table:
        """The rows at these positions (all valid, none negative), in this order."""
        if len(rows) == 0 or not self.batches:
            return pa.Table.from_batches([], self.schema)
        if len(self.batches) == 1:
            return pa.Table.from_batches([self.batches[0].take(pa.array(rows))])
        homes = np.searchsorted(self.starts, rows, side="right") - 1
        order = np.argsort(homes, kind="stable")
        ordered = homes[order]
        cuts = [0, *(np.flatnonzero(np.diff(ordered)) + 1).tolist(), len(rows)]
        pieces = []
        for a, b in pairwise(cuts):
            home = int(ordered[a])
            pieces.append(self.batches[home].take(pa.array(rows[order[a:b]] - self.starts[home])))
        table = pa.Table.from_batches(pieces, self.schema)
        if len(pieces) == 1 or bool(np.all(np.diff(order) > 0)):
            return table
        back = np.empty(len(rows), dtype=np.int64)
        back[order] = np.arange(len(rows))
        return table.combine_chunks().take(pa.array(back))
