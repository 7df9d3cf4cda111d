"""How rows come out of a table: python, numpy, torch, pandas, polars or arrow, or through a function of one's own.

A view is made once for a data set's format. For a single row it keeps one reader a column and record batch: a
function from a position to a value that goes straight to Arrow's buffers. Batches of numbers and of lists of one
length are converted as one array; everything else goes the general way, whose results are those of the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from bearhug._lib.errors import near
from bearhug.datasets.arrow import _list_parts, to_list
from bearhug.datasets.features import Feature, Features, _Array, decode, has_media, needs_decoding
from bearhug.datasets.media import is_decoded
from bearhug.datasets.media.image import is_picture, picture_array
from bearhug.datasets.table import Batches

ALIASES = {
    None: None, "python": None, "numpy": "numpy", "np": "numpy", "torch": "torch", "pt": "torch", "pytorch": "torch",
    "pandas": "pandas", "pd": "pandas", "arrow": "arrow", "pa": "arrow", "pyarrow": "arrow", "custom": "custom",
    "polars": "polars", "pl": "polars", "jax": "jax", "tensorflow": "tensorflow", "tf": "tensorflow",
}  # fmt: skip
KEPT = 1024  # record batches whose readers are kept
BLOCK = 1000  # rows that iteration converts at once
Read = Callable[[int], Any]  # from a position in a record batch
Pick = Callable[[Any], Any]  # from a slice or an array of positions in a record batch


def format_name(kind: str | None) -> str | None:
    """The canonical name of a format.

    Raises:
        ValueError: there is no such format, or what it needs is not installed.
    """
    if kind not in ALIASES:
        known = [name for name in ALIASES if name]
        raise ValueError(f"there is no format {kind!r}.{near(str(kind), known)} There are: python, {', '.join(known)}.")
    name = ALIASES[kind]
    if name in ("torch", "pandas", "polars", "jax", "tensorflow"):
        from importlib.util import find_spec

        if find_spec(name) is None:
            raise ValueError(f"the format {name!r} needs {name}, which is not installed: pip install {name}")
    return name


def make_view(
    batches: Batches,
    features: Features,
    kind: str | None = None,
    columns: list[str] | None = None,
    output_all_columns: bool = False,
    options: dict | None = None,
) -> View:
    """The view of a table in a format; `columns` are those that it formats, the others are left out or stay Python."""
    shown = [name for name in features if columns is None or name in columns]
    rest = [name for name in features if name not in shown] if output_all_columns else []
    return view_class(kind)(batches, features, shown, rest, options or {})


def view_class(kind: str | None) -> type[View]:
    """The view of a format, by its canonical name."""
    if kind in ("jax", "tensorflow"):
        from bearhug.datasets import tensors

        return tensors.JaxView if kind == "jax" else tensors.TensorflowView
    return KINDS[kind]


class View:
    """Rows and batches as plain Python."""

    def __init__(self, batches: Batches, features: Features, shown: list[str], rest: list[str], options: dict):
        self.batches, self.features, self.shown, self.rest, self.options = batches, features, shown, rest, options
        self._readers: dict[int, list[tuple[str, Read]]] = {}
        self._decoded = {name for name in features if needs_decoding(features[name])}

    def row(self, i: int) -> Any:
        """One row, by its position in the table."""
        home, place = self.batches.find(i)
        readers = self._readers.get(home)
        if readers is None:
            readers = self._open(home)
        return {name: read(place) for name, read in readers}

    def _open(self, home: int) -> list[tuple[str, Read]]:
        if len(self._readers) >= KEPT:
            self._readers.clear()
        batch = self.batches.batches[home]
        readers = [(name, self.reader(batch.column(name), name)) for name in self.shown]
        readers += [(name, self.python_reader(batch.column(name), name)) for name in self.rest]
        self._readers[home] = readers
        return readers

    def reader(self, array: pa.Array, name: str) -> Read:
        """A function from a position in a record batch's column to the value in this format."""
        return self.python_reader(array, name)

    def python_reader(self, array: pa.Array, name: str) -> Read:
        """The same in plain Python."""
        if name in self._decoded:
            feature = self.features[name]
            return lambda i: decode(feature, to_list(array.slice(i, 1))[0])
        return reader(array)

    def picked(self, rows: range | np.ndarray) -> Any:
        """Rows, by their positions in the table, as columns; None where a table must be made of them first."""
        return None

    def batch(self, table: pa.Table) -> Any:
        """The rows of a table as columns."""
        out = {name: self.column(table.column(name), name) for name in self.shown}
        out |= {name: self.python_column(table.column(name), name) for name in self.rest}
        return out

    def column(self, array: pa.ChunkedArray, name: str) -> Any:
        """One column in this format."""
        return self.python_column(array, name)

    def python_column(self, array: pa.ChunkedArray, name: str) -> list:
        """One column in plain Python."""
        values = to_list(array)
        return [decode(self.features[name], value) for value in values] if name in self._decoded else values

    def rows(self, tables: Iterator[pa.Table]) -> Iterator[Any]:
        """The rows of tables, one after the other."""
        names = [*self.shown, *self.rest]
        for table in tables:
            columns = [self._column_by_row(table.column(name), name) for name in names]
            if not names:
                yield from ({} for _ in range(table.num_rows))
            for values in zip(*columns, strict=True):
                yield dict(zip(names, values, strict=True))

    def _column_by_row(self, array: pa.ChunkedArray, name: str) -> Iterable:
        """One column for iteration: files are opened one row at a time, the rest is converted at once."""
        if name in self._decoded and has_media(self.features[name]):
            return (self.python_column(array.slice(i, 1), name)[0] for i in range(len(array)))
        return self.python_column(array, name)


class _ArrayView(View):
    """What numpy and torch share: which columns can be converted as one array."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._pickers: dict[int, list[tuple[str, Pick]] | None] = {}

    def rows(self, tables: Iterator[pa.Table]) -> Iterator[Any]:
        for table in tables:
            view = type(self)(Batches(table), self.features, self.shown, self.rest, self.options)
            for i in range(table.num_rows):
                yield view.row(i)

    def picked(self, rows: range | np.ndarray) -> Any:
        """Rows of one record batch as columns, without a table between; None where the general way must be taken."""
        if not len(rows) or self.rest or self.options:
            return None
        low, high = (rows[0], rows[-1]) if isinstance(rows, range) else (int(rows.min()), int(rows.max()))
        home, place = self.batches.find(min(low, high))
        if place + abs(high - low) >= self.batches.batches[home].num_rows:
            return None
        if home not in self._pickers:
            if len(self._pickers) >= KEPT:
                self._pickers.clear()
            batch = self.batches.batches[home]
            pickers = [(name, self.picker(batch.column(name), name)) for name in self.shown]
            self._pickers[home] = [(n, p) for n, p in pickers if p] if all(p for _, p in pickers) else None
        pickers = self._pickers[home]
        if pickers is None:
            return None
        start = low - place if isinstance(rows, range) else int(self.batches.starts[home])
        if isinstance(rows, range) and rows.step == 1:
            at: Any = slice(low - start, high + 1 - start)
        else:
            at = np.asarray(rows) - int(self.batches.starts[home])
        return {name: pick(at) for name, pick in pickers}

    def picker(self, array: pa.Array, name: str) -> Pick | None:
        """A function from a slice or an array of positions in a record batch's column to the values there."""
        kind = array.type
        if array.null_count or name in self._decoded:
            return None
        if is_number(kind) and not pa.types.is_uint64(kind):
            values = array.to_numpy()
            return lambda at: self.made(widened(values[at]))
        if not is_list(kind):
            return None
        whole = as_one(array)
        if whole is not None and whole.dtype != np.uint64:
            return lambda at: self.made(widened(whole[at]))
        if is_number(kind.value_type) and not pa.types.is_uint64(kind.value_type) and not has_nulls_inside(array):
            offsets, inner, _ = _list_parts(array)
            flat = inner.to_numpy()
            return lambda at: self.lists(flat, offsets, at)
        return None

    def lists(self, flat: np.ndarray, offsets: np.ndarray, at: Any) -> Any:
        """Rows of lists of numbers: one array where they have one length, else an array each."""
        starts, stops = offsets[:-1][at], offsets[1:][at]
        size = int(stops[0] - starts[0])
        if bool(np.all(stops - starts == size)):
            if isinstance(at, slice):
                return self.made(widened(flat[int(starts[0]) : int(stops[-1])]).reshape(len(starts), size))
            return self.made(widened(flat[starts[:, None] + np.arange(size)]))
        pairs = zip(starts.tolist(), stops.tolist(), strict=True)
        return self.joined([self.made(widened(flat[a:b])) for a, b in pairs])

    def made(self, array: np.ndarray) -> Any:
        """An array of its own as this format's."""
        return array

    def reader(self, array: pa.Array, name: str) -> Read:
        kind, feature = array.type, self.features[name]
        if not self.options and name not in self._decoded and not array.null_count:
            if is_number(kind) and not pa.types.is_uint64(kind):
                return self.number_reader(array)
            if is_text(kind):
                return self.text_reader(array)
            if is_list(kind):
                is_numbers = is_number(kind.value_type) and not pa.types.is_uint64(kind.value_type)
                if is_numbers and not has_nulls_inside(array):
                    offsets, inner, _ = _list_parts(array)
                    flat, place, made = inner.to_numpy(), offsets.item, self.made
                    if flat.dtype.kind == "f":
                        return lambda i: made(widened(flat[place(i) : place(i + 1)]))
                    return lambda i: made(flat[place(i) : place(i + 1)].astype(np.int64))
                if isinstance(feature, _Array) and (whole := as_one(array)) is not None and whole.dtype != np.uint64:
                    return lambda i: self.made(widened(whole[i]))
        return lambda i: self.general(pa.chunked_array([array.slice(i, 1)]), name, row=True)

    def number_reader(self, array: pa.Array) -> Read:
        """Single numbers."""
        raise AssertionError

    def text_reader(self, array: pa.Array) -> Read:
        """Single texts."""
        return reader(array)

    def column(self, array: pa.ChunkedArray, name: str) -> Any:
        if len(array) and not self.options and name not in self._decoded:
            one: Any = array.combine_chunks() if array.num_chunks > 1 else array.chunk(0)
            pick = self.picker(one, name) if isinstance(one, pa.Array) else None
            if pick is not None:
                return pick(slice(0, len(array)))
            whole = as_one(one) if isinstance(one, pa.Array) and pa.types.is_boolean(one.type) else None
            if whole is not None:
                return self.made(whole.copy())
        return self.general(array, name, row=False)

    def general(self, array: pa.ChunkedArray, name: str, *, row: bool) -> Any:
        """Arrow -> numpy -> this format, value by value where it must be."""
        feature = self.features[name]
        if name in self._decoded:
            values: Any = self.python_column(array, name)
        else:
            values = stacked([one for chunk in array.chunks for one in numpy_rows(chunk, feature)])
        if row:
            return self.convert(values[0])
        return self.joined(self.convert(values))

    def convert(self, value: Any) -> Any:
        """A numpy or Python value in this format, at any depth."""
        raise AssertionError

    def joined(self, values: Any) -> Any:
        """A list of equal arrays as one."""
        raise AssertionError


class NumpyView(_ArrayView):
    """numpy: integers as int64, fractions as float32; a single number keeps its own type."""

    def number_reader(self, array: pa.Array) -> Read:
        """Single numbers."""
        values = array.to_numpy()
        return lambda i: values[i]

    def text_reader(self, array: pa.Array) -> Read:
        """Single texts."""
        text = reader(array)
        return lambda i: np.str_(text(i))

    def convert(self, value: Any) -> Any:
        """A numpy or Python value in this format, at any depth."""
        if isinstance(value, dict):
            return {key: self.convert(inner) for key, inner in value.items()}
        if hasattr(value, "__array__") and not isinstance(value, np.ndarray | np.character | np.number):
            value = value.__array__()
        if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object):
            return self.joined([self.convert(inner) for inner in value])
        if isinstance(value, str | bytes | None) or isinstance(value, np.number):
            return value
        if isinstance(value, np.character | np.ndarray) and np.issubdtype(value.dtype, np.character):
            return value
        if is_picture(value):
            return np.asarray(picture_array(value), **self.options)
        if is_decoded(value):
            return value
        default: dict[str, Any] = {}
        if isinstance(value, np.ndarray) and value.dtype.kind in "iuf":
            default = {"dtype": wide(value.dtype)}
        with np.errstate(over="ignore"):
            return np.asarray(value, **{**default, **self.options})

    def joined(self, values: Any) -> Any:
        """A list of equal arrays as one."""
        if not isinstance(values, list):
            return values
        if values and all(
            isinstance(one, np.ndarray | np.number | np.bool_)
            and one.shape == values[0].shape
            and one.dtype == values[0].dtype
            for one in values
        ):
            return np.stack(values)
        out = np.empty(len(values), dtype=object)
        for i, one in enumerate(values):  # out[:] = values would look into what has a length
            out[i] = one
        return out


class TorchView(_ArrayView):
    """torch: integers as int64, fractions as float32, text as Python; every tensor owns its memory."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        import torch

        self.torch = torch

    def made(self, array: np.ndarray) -> Any:
        """An array of its own as a tensor, which shares its memory."""
        return self.torch.from_numpy(array)

    def number_reader(self, array: pa.Array) -> Read:
        """Single numbers."""
        item, tensor = array.to_numpy().item, self.torch.tensor
        if pa.types.is_floating(array.type):
            float32 = self.torch.float32
            return lambda i: tensor(item(i), dtype=float32)
        return lambda i: tensor(item(i))

    def picker(self, array: pa.Array, name: str) -> Pick | None:
        """Text as a list; the rest as arrays."""
        if is_text(array.type) and not array.null_count:
            text = reader(array)
            return lambda at: [text(i) for i in (range(at.start, at.stop) if isinstance(at, slice) else at.tolist())]
        return super().picker(array, name)

    def convert(self, value: Any) -> Any:
        """A numpy or Python value in this format, at any depth."""
        torch = self.torch
        if isinstance(value, dict):
            return {key: self.convert(inner) for key, inner in value.items()}
        if hasattr(value, "__array__") and not isinstance(value, torch.Tensor):
            value = value.__array__()
        if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object):
            return self.joined([self.convert(inner) for inner in value])
        if isinstance(value, str | bytes | None):
            return value
        if isinstance(value, np.character | np.ndarray) and np.issubdtype(value.dtype, np.character):
            return value.tolist()
        if is_picture(value):
            return torch.tensor(picture_array(value, channels_first=True), **self.options)
        if is_decoded(value):
            return value
        default: dict[str, Any] = {}
        if isinstance(value, np.number | np.ndarray) and value.dtype.kind in "iu":
            default = {"dtype": torch.int64}
            value = value.astype(np.int64) if value.dtype in (np.uint16, np.uint32) else value
        elif isinstance(value, np.number | np.ndarray) and value.dtype.kind == "f":
            default = {"dtype": torch.float32}
        return torch.tensor(value, **{**default, **self.options})

    def joined(self, values: Any) -> Any:
        """A list of equal arrays as one."""
        if isinstance(values, list) and values:
            first = values[0]
            if all(
                isinstance(one, self.torch.Tensor) and one.shape == first.shape and one.dtype == first.dtype
                for one in values
            ):
                return self.torch.stack(values)
        return values


class ArrowView(View):
    """Arrow: a row or a batch is a table, a column a chunked array."""

    def row(self, i: int) -> Any:
        """One row, by its position in the table."""
        home, place = self.batches.find(i)
        return self.batch(pa.Table.from_batches([self.batches.batches[home].slice(place, 1)]))

    def batch(self, table: pa.Table) -> Any:
        """The rows of a table."""
        return table.select(self.shown)

    def column(self, array: pa.ChunkedArray, name: str) -> Any:
        """One column."""
        return array

    def rows(self, tables: Iterator[pa.Table]) -> Iterator[Any]:
        """The rows of tables, one after the other."""
        for table in tables:
            for i in range(table.num_rows):
                yield self.batch(table.slice(i, 1))


class PandasView(ArrowView):
    """pandas: a row or a batch is a DataFrame, a column a Series."""

    def batch(self, table: pa.Table) -> Any:
        """The rows of a table."""
        frame = table.select(self.shown).to_pandas()
        for name in self._decoded.intersection(self.shown):
            frame[name] = [decode(self.features[name], value) for value in to_list(table.column(name))]
        return frame

    def column(self, array: pa.ChunkedArray, name: str) -> Any:
        """One column."""
        return self.batch(pa.table({name: array}))[name]


class PolarsView(ArrowView):
    """polars: a row or a batch is a DataFrame, a column a Series."""

    def batch(self, table: pa.Table) -> Any:
        """The rows of a table."""
        import polars  # pyright: ignore[reportMissingImports]

        frame: Any = polars.from_arrow(table.select(self.shown))
        for name in self.shown:
            if name in self._decoded and has_media(self.features[name]):
                values = self.python_column(table.column(name), name)
                frame = frame.with_columns(polars.Series(name, values, dtype=polars.Object))
        return frame

    def column(self, array: pa.ChunkedArray, name: str) -> Any:
        """One column."""
        return self.batch(pa.table({name: array}))[name]


class CustomView(View):
    """A function of one's own: from a batch in Python to a batch."""

    def row(self, i: int) -> Any:
        """One row, by its position in the table."""
        home, place = self.batches.find(i)
        batch = self.batch(pa.Table.from_batches([self.batches.batches[home].slice(place, 1)]))
        try:
            return {name: values[0] for name, values in batch.items()}
        except Exception:
            raise TypeError(
                f"the transform must return a dict of lists, from which a row can be taken; it returned {batch!r:.100}."
            ) from None

    def batch(self, table: pa.Table) -> Any:
        """The rows of a table."""
        out = self.options["transform"]({name: self.python_column(table.column(name), name) for name in self.shown})
        if self.rest:
            if not isinstance(out, Mapping):
                raise TypeError(
                    f"with output_all_columns=True the transform must return a dict; it returned {out!r:.100}."
                )
            out = {**out, **{name: self.python_column(table.column(name), name) for name in self.rest}}
        return out

    def rows(self, tables: Iterator[pa.Table]) -> Iterator[Any]:
        """The rows of tables, one after the other."""
        for table in tables:
            view = type(self)(Batches(table), self.features, self.shown, self.rest, self.options)
            for i in range(table.num_rows):
                yield view.row(i)


KINDS: dict[str | None, type[View]] = {
    None: View, "numpy": NumpyView, "torch": TorchView, "arrow": ArrowView, "pandas": PandasView, "polars": PolarsView,
    "custom": CustomView,
}  # fmt: skip


# ---- one value of a record batch's column


def reader(array: pa.Array) -> Read:
    """A function from a position to the Python value there."""
    kind = array.type
    nulls = array.is_null().to_numpy(zero_copy_only=False).item if array.null_count else None
    read = _value_reader(array, kind)
    if read is None:
        return lambda i: to_list(array.slice(i, 1))[0]
    if nulls is None:
        return read
    return lambda i: None if nulls(i) else read(i)


def _value_reader(array: pa.Array, kind: pa.DataType) -> Read | None:
    if is_number(kind):
        return (array.fill_null(0) if array.null_count else array).to_numpy().item
    if pa.types.is_boolean(kind):
        return (array.fill_null(False) if array.null_count else array).to_numpy(zero_copy_only=False).item
    if is_text(kind) or pa.types.is_binary(kind):
        _, places, data = array.buffers()
        width = np.int64 if pa.types.is_large_string(kind) else np.int32
        if data is None or places is None or places.size == 0:
            return None
        place = np.frombuffer(places, dtype=width)[array.offset : array.offset + len(array) + 1].item
        view = memoryview(data)
        if is_text(kind):
            return lambda i: str(view[place(i) : place(i + 1)], "utf-8")
        return lambda i: bytes(view[place(i) : place(i + 1)])
    if is_list(kind) and is_number(kind.value_type) and not has_nulls_inside(array):
        offsets, inner, _ = _list_parts(array)
        flat, place = inner.to_numpy(), offsets.item
        return lambda i: flat[place(i) : place(i + 1)].tolist()
    return None


# ---- arrays


def is_number(kind: pa.DataType) -> bool:
    """Integers and fractions."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def is_text(kind: pa.DataType) -> bool:
    """Strings with offsets."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def is_list(kind: pa.DataType) -> bool:
    """Lists of any kind of length."""
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def has_nulls_inside(array: pa.Array) -> bool:
    """Whether the values of a list array (those that its rows use) contain nulls."""
    return _list_parts(array)[1].null_count > 0


def wide(dtype: np.dtype) -> np.dtype:
    """The type in which arrays of numbers come out: int64, float32; bool stays."""
    if dtype.kind in "iu":
        return np.dtype(np.int64)
    return np.dtype(np.float32) if dtype.kind == "f" else dtype


def widened(values: np.ndarray) -> np.ndarray:
    """A copy in the type in which numbers come out; what float32 cannot hold is infinite."""
    with np.errstate(over="ignore"):
        return values.astype(wide(values.dtype))


def as_one(array: pa.Array) -> np.ndarray | None:
    """Numbers, or lists of numbers of one length at every depth, as one array (N, ...); None where they are not."""
    kind = array.type
    if array.null_count:
        return None
    if is_number(kind):
        return array.to_numpy()
    if pa.types.is_boolean(kind):
        return array.to_numpy(zero_copy_only=False)
    if not is_list(kind):
        return None
    offsets, inner, _ = _list_parts(array)
    lengths = np.diff(offsets)
    if len(lengths) == 0 or not np.all(lengths == lengths[0]) or pa.types.is_boolean(inner.type):
        return None
    if lengths[0] == 0 and not is_number(inner.type):
        return None
    values = as_one(inner)
    return None if values is None else values.reshape(len(array), int(lengths[0]), *values.shape[1:])


def numpy_rows(array: pa.Array, feature: Feature) -> list:
    """An array's rows as numpy values: numbers, text, arrays of a list's values, dicts of a struct's."""
    if isinstance(feature, _Array):
        return [np.nan if row is None else _shaped(row, feature) for row in to_list(array)]
    return list(array.to_numpy(zero_copy_only=False))


def _shaped(row: list, feature: _Array) -> np.ndarray:
    shape = (len(row), *feature.shape[1:])
    return np.array(row, dtype=feature.dtype).reshape(shape)


def stacked(rows: list) -> Any:
    """Rows as one array where they have one shape and type, else as an array of objects."""
    arrays = [row for row in rows if isinstance(row, np.ndarray)]
    if arrays:
        first = rows[0].shape if isinstance(rows[0], np.ndarray) else None
        if len(arrays) < len(rows) or any(one.dtype == object or one.shape != first for one in arrays):
            out = np.empty(len(rows), dtype=object)
            out[:] = rows
            return out
    return np.asarray(rows)
