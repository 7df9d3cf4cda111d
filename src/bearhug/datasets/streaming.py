"""IterableDataset: rows as they are read, never all at once; steps over shards (files, or pieces of a table).

A shard is a function that gives its tables anew each time. A stream is its shards and a list of steps; iterating
opens the shards and sends chunks of rows through the steps. In a torch DataLoader each worker takes its own shards,
or every so-many-th row where there are fewer shards than workers. The state of a stream is the number of rows that
it has given.
"""

from __future__ import annotations

import copy
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from bearhug._lib.errors import near
from bearhug.datasets.arrow import cast, column, infer, to_list
from bearhug.datasets.errors import UnknownNameError
from bearhug.datasets.features import Features, List, decode, encode, needs_decoding
from bearhug.datasets.info import DatasetInfo
from bearhug.datasets.rows import Row
from bearhug.datasets.splits import NamedSplit
from bearhug.datasets.table import Batches
from bearhug.datasets.views import NumpyView, TorchView, format_name, make_view

ROWS = 1000
Chunk = list  # of rows (dicts)
Step = Callable[[Iterator[Chunk], "Place"], Iterator[Chunk]]


@dataclass(frozen=True)
class Place:
    """Who iterates: the epoch, and which part of how many (workers and nodes together)."""

    epoch: int = 0
    part: int = 0
    parts: int = 1


@dataclass(frozen=True)
class Source:
    """The shards of a stream, each a function that gives its tables; and a seed in whose order they come."""

    shards: tuple[Callable[[], Iterator[pa.Table]], ...]
    seed: Any = None  # a generator at the state in which it shuffles the shards

    def chunks(self, place: Place, features: Features | None) -> Iterator[Chunk]:
        """The rows of this place's shards."""
        order = list(range(len(self.shards)))
        if self.seed is not None and len(order) > 1:
            order = _shifted(self.seed, place.epoch).permutation(len(order)).tolist()
        elif place.epoch and len(order) > 1:
            order = np.random.default_rng(place.epoch).permutation(len(order)).tolist()
        by_row = len(order) < place.parts
        if not by_row:
            order = order[place.part :: place.parts]
        count = 0
        for i in order:
            for table in self.shards[i]():
                for start in range(0, table.num_rows, ROWS):
                    rows = _rows(table.slice(start, ROWS), features)
                    if by_row:
                        first = (place.part - count) % place.parts
                        count += len(rows)
                        rows = rows[first :: place.parts]
                    if rows:
                        yield rows


def _shifted(generator: np.random.Generator, by: int) -> np.random.Generator:
    generator = copy.deepcopy(generator)
    return np.random.default_rng(int(generator.integers(0, 1 << 63)) - by) if by else generator


def _rows(table: pa.Table, features: Features | None) -> Chunk:
    columns = []
    for name in table.column_names:
        array = table.column(name)
        feature = (features or {}).get(name)
        values = to_list(cast(array, feature) if feature is not None else array)
        columns.append(
            [decode(feature, one) for one in values] if feature is not None and needs_decoding(feature) else values
        )
    return [dict(zip(table.column_names, values, strict=True)) for values in zip(*columns, strict=True)]


class IterableDataset:
    """A stream of rows; made by `load_dataset(..., streaming=True)` or `ds.to_iterable_dataset()`."""

    def __init__(
        self,
        source: Source,
        steps: tuple[Step, ...] = (),
        info: DatasetInfo | None = None,
        split: str | NamedSplit | None = None,
    ):
        self._source, self._steps = source, steps
        self._info = info or DatasetInfo()
        self._split = NamedSplit(split) if isinstance(split, str) else split
        self._format: tuple[str | None, dict] = (None, {})
        self._node = (0, 1)
        self._epoch = _shared(0)
        self._given, self._from = 0, 0
        self._arrow_rows = not steps  # whether rows still come in the source's chunks
        _tell_torch()

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        _tell_torch()

    def _then(self, *steps: Step, features: Features | None = None, arrow: bool = False) -> IterableDataset:
        out = copy.copy(self)
        out._steps = (*self._steps, *steps)
        out._info = copy.copy(self._info)
        out._info.features = features
        out._arrow_rows = self._arrow_rows and arrow
        out._given = out._from = 0
        return out

    # ---- what it is

    @property
    def info(self) -> DatasetInfo:
        """Description, features, ..."""
        return self._info

    @property
    def split(self) -> NamedSplit | None:
        """The split's name."""
        return self._split

    @property
    def features(self) -> Features | None:
        """The columns' features; None where a function may have changed them."""
        return self._info.features

    @property
    def column_names(self) -> list[str] | None:
        """The columns' names; None where they are not known."""
        return None if self.features is None else list(self.features)

    @property
    def num_columns(self) -> int | None:
        """The number of columns; None where it is not known."""
        return None if self.features is None else len(self.features)

    @property
    def num_shards(self) -> int:
        """The number of shards: files, or pieces of a table."""
        return len(self._source.shards)

    n_shards = num_shards

    @property
    def epoch(self) -> int:
        """The epoch that `set_epoch` set."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Another order of shuffled rows for each epoch; reaches workers that are alive."""
        self._epoch += epoch - self._epoch

    def __repr__(self) -> str:
        names = self.column_names if self.features is not None else "Unknown"
        return f"IterableDataset({{\n    features: {names},\n    num_shards: {self.num_shards}\n}})"

    def state_dict(self) -> dict:
        """Where the stream is: `load_state_dict` of it goes on with the next row, shuffled or not."""
        return {"epoch": self.epoch, "rows": self._given}

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on from a state at the next iteration."""
        self.set_epoch(state_dict["epoch"])
        self._from = state_dict["rows"]

    # ---- rows out

    def _chunks(self, place: Place) -> Iterator[Chunk]:
        features = None if self._steps else self._info.features
        chunks = self._source.chunks(place, features)
        for step in self._steps:
            chunks = step(chunks, place)
        return chunks

    def _place(self) -> Place:
        part, parts = self._node
        torch = sys.modules.get("torch")
        worker = torch.utils.data.get_worker_info() if torch is not None and hasattr(torch.utils, "data") else None
        if worker is not None:
            part, parts = part * worker.num_workers + worker.id, parts * worker.num_workers
        return Place(self.epoch, part, parts)

    def _plain_rows(self) -> Iterator[dict]:
        rows = itertools.chain.from_iterable(self._chunks(self._place()))
        start, self._given = self._from, self._from
        self._from = 0
        for row in itertools.islice(rows, start, None):
            self._given += 1
            yield row

    def __iter__(self) -> Iterator[Any]:
        kind, options = self._format
        if kind is None:
            yield from self._plain_rows()
            return
        if kind in ("arrow", "pandas", "polars"):
            yield from self.iter(1)
            return
        convert = _converter(kind, options)
        for row in self._plain_rows():
            yield convert(row)

    def iter(self, batch_size: int, drop_last_batch: bool = False) -> Iterator[Any]:
        """The rows in batches, in the stream's format."""
        kind, options = self._format
        rows = self._plain_rows()
        while piece := list(itertools.islice(rows, batch_size)):
            if drop_last_batch and len(piece) < batch_size:
                return
            batch = {name: [row.get(name) for row in piece] for name in piece[0]}
            if kind in ("arrow", "pandas", "polars"):
                table, features = _as_table(batch, self.features)
                yield make_view(Batches(table), features, kind).batch(table)
            else:
                yield _converter(kind, options)(batch) if kind else batch

    def __getitem__(self, column_name: str) -> IterableColumn:
        return IterableColumn(self, column_name)

    def to_dict(self) -> dict:
        """All rows as a dict of lists."""
        rows = list(self._plain_rows())
        return {name: [row[name] for row in rows] for name in (rows[0] if rows else self.column_names or [])}

    def to_list(self) -> list[dict]:
        """All rows as a list of dicts."""
        return list(self._plain_rows())

    def to_pandas(self) -> Any:
        """All rows as a pandas DataFrame."""
        return self._whole().to_pandas()

    def to_csv(self, path_or_buf: Any, **options: Any) -> int:
        """Write csv; see `Dataset.to_csv`."""
        return self._whole().to_csv(path_or_buf, **options)

    def to_json(self, path_or_buf: Any, **options: Any) -> int:
        """Write JSON lines; see `Dataset.to_json`."""
        return self._whole().to_json(path_or_buf, **options)

    def to_parquet(self, path_or_buf: Any, **options: Any) -> int:
        """Write parquet; see `Dataset.to_parquet`."""
        return self._whole().to_parquet(path_or_buf, **options)

    def _whole(self) -> Any:
        from bearhug.datasets.dataset import Dataset

        return Dataset.from_dict(self.to_dict(), features=self.features)

    # ---- steps

    def _known(self, names: Sequence[str]) -> None:
        if self.features is None:
            return
        for name in names:
            if name not in self.features:
                raise UnknownNameError(
                    f"Column {name!r} not in the dataset.{near(name, self.features)} Columns: {list(self.features)}"
                )

    def with_format(self, type: str | None = None, **format_kwargs: Any) -> IterableDataset:
        """Rows as "numpy", "torch", "arrow", "pandas", or (None) Python."""
        out = copy.copy(self)
        out._format = (format_name(type), format_kwargs)
        _tell_torch()
        return out

    def map(
        self,
        function: Callable | None = None,
        with_indices: bool = False,
        input_columns: str | list[str] | None = None,
        batched: bool = False,
        batch_size: int | None = 1000,
        drop_last_batch: bool = False,
        remove_columns: str | list[str] | None = None,
        features: Features | None = None,
        fn_kwargs: dict | None = None,
    ) -> IterableDataset:
        """Apply a function to each row, or to each batch, as the rows come; see `Dataset.map`."""
        names = [input_columns] if isinstance(input_columns, str) else input_columns
        removed = [remove_columns] if isinstance(remove_columns, str) else list(remove_columns or [])
        self._known([*(names or []), *removed])
        if function is None:
            return self._then(_Keep(None, removed), features=features)
        kind, options = self._format
        made = Features(features) if features is not None else None
        step = _Map(
            function, with_indices, names, batched, batch_size or 0, drop_last_batch, removed, fn_kwargs or {},
            (kind, options) if kind in ("numpy", "torch") else (None, {}), made,
        )  # fmt: skip
        return self._then(step, features=made)

    def filter(
        self,
        function: Callable | None = None,
        with_indices: bool = False,
        input_columns: str | list[str] | None = None,
        batched: bool = False,
        batch_size: int | None = 1000,
        fn_kwargs: dict | None = None,
    ) -> IterableDataset:
        """The rows for which a function says yes, as they come."""
        names = [input_columns] if isinstance(input_columns, str) else input_columns
        self._known(names or [])
        if function is None:
            return self
        step = _Filter(function, with_indices, names, batched, batch_size or 0, fn_kwargs or {})
        return self._then(step, features=self.features)

    def shuffle(
        self,
        seed: int | None = None,
        generator: np.random.Generator | None = None,
        buffer_size: int = 1000,
        max_buffer_input_shards: int = 10,
    ) -> IterableDataset:
        """Shards in random order, and rows through a buffer; one shard comes in the reference's order."""
        generator = copy.deepcopy(generator) if generator is not None else np.random.default_rng(seed)
        step = _Shuffle(
            generator, buffer_size, buffer_size // max(1, max_buffer_input_shards) if self._arrow_rows else 1
        )
        out = self._then(step, features=self.features)
        out._source = replace(self._source, seed=copy.deepcopy(generator))
        return out

    def skip(self, n: int) -> IterableDataset:
        """All but the first n rows."""
        return self._then(_Slice(n, None), features=self.features, arrow=True)

    def take(self, n: int) -> IterableDataset:
        """The first n rows."""
        return self._then(_Slice(0, n), features=self.features, arrow=True)

    def repeat(self, num_times: int | None) -> IterableDataset:
        """The rows several times over, or (None) for ever."""
        out = IterableDataset(Source((_Again(self, num_times),)), (), copy.copy(self._info), self._split)
        out._format = self._format
        return out

    def shard(self, num_shards: int, index: int, contiguous: bool = True) -> IterableDataset:
        """One of `num_shards` parts of the shards."""
        size, rest = divmod(self.num_shards, num_shards)
        start = size * index + min(index, rest)
        picked = (
            self._source.shards[start : start + size + (index < rest)]
            if contiguous
            else self._source.shards[index::num_shards]
        )
        out = copy.copy(self)
        out._source = replace(self._source, shards=tuple(picked))
        return out

    def batch(
        self, batch_size: int | None = None, by_column: Any = None, drop_last_batch: bool = False
    ) -> IterableDataset:
        """Rows grouped: each new row holds lists of `batch_size` old ones, or neighbours that agree in `by_column`."""
        if batch_size is None and by_column is None:
            raise ValueError("batch needs batch_size or by_column.")
        features = None if self.features is None else Features({name: List(one) for name, one in self.features.items()})
        keys = [by_column] if isinstance(by_column, str) else by_column
        return self._then(_Batch(batch_size, keys, drop_last_batch), features=features)

    def select_columns(self, column_names: str | list[str]) -> IterableDataset:
        """Only these columns."""
        names = [column_names] if isinstance(column_names, str) else list(column_names)
        self._known(names)
        features = None if self.features is None else Features({name: self.features[name] for name in names})
        return self._then(_Keep(names, []), features=features, arrow=True)

    def remove_columns(self, column_names: str | list[str]) -> IterableDataset:
        """Without these columns."""
        names = [column_names] if isinstance(column_names, str) else list(column_names)
        self._known(names)
        features = (
            None if self.features is None else Features({n: one for n, one in self.features.items() if n not in names})
        )
        return self._then(_Keep(None, names), features=features)

    def rename_column(self, original_column_name: str, new_column_name: str) -> IterableDataset:
        """One column under another name."""
        return self.rename_columns({original_column_name: new_column_name})

    def rename_columns(self, column_mapping: dict[str, str]) -> IterableDataset:
        """Columns under other names."""
        self._known(list(column_mapping))
        features = None
        if self.features is not None:
            features = Features({column_mapping.get(name, name): one for name, one in self.features.items()})
        return self._then(_Rename(dict(column_mapping)), features=features)

    def add_column(self, name: str, column: Sequence) -> IterableDataset:
        """With one more column, a value for each row."""
        features = None
        if self.features is not None:
            made = _column(list(column), name=name)[1]
            features = Features({**self.features, name: made})
        return self._then(_Add(name, column), features=features)

    def cast(self, features: Features) -> IterableDataset:
        """With other features for the same columns."""
        features = Features(features)
        if self.features is not None and sorted(features) != sorted(self.features):
            raise ValueError(
                f"The columns in features ({list(features)}) must be those of the dataset: {list(self.features)}"
            )
        return self._then(_CastRows(features), features=features)

    def cast_column(self, column: str, feature: Any) -> IterableDataset:
        """With another feature for one column."""
        self._known([column])
        known = self.features if self.features is not None else Features()
        features = Features({**known, column: feature})
        return self._then(
            _CastRows(Features({column: feature})), features=features if self.features is not None else None
        )


class IterableColumn:
    """One column of a stream."""

    def __init__(self, source: IterableDataset | IterableColumn, column_name: str):
        self.source, self.column_name = source, column_name

    def __iter__(self) -> Iterator[Any]:
        for row in self.source:
            yield row[self.column_name]

    def __getitem__(self, column_name: str) -> IterableColumn:
        return IterableColumn(self, column_name)


_column = column


def _as_table(batch: dict, features: Features | None) -> tuple[pa.Table, Features]:
    arrays, made = [], Features()
    for name, values in batch.items():
        array, made[name] = _column(values, (features or {}).get(name), name=name, mixed="use_json")
        arrays.append(array)
    return pa.table(arrays, schema=made.arrow_schema), made


def _converter(kind: str | None, options: dict) -> Callable[[Any], Any]:
    """From a row or batch of Python values to numpy or torch."""
    view = {"numpy": NumpyView, "torch": TorchView}[kind or "numpy"](Batches(pa.table({})), Features(), [], [], options)

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


def _tell_torch() -> None:
    """Let torch's DataLoader see that this is a stream, once torch is there."""
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "utils"):
        import torch.utils.data as data

        if not issubclass(IterableDataset, data.IterableDataset):
            data.IterableDataset.register(IterableDataset)  # pyright: ignore[reportAttributeAccessIssue]


def _shared(value: int) -> Any:
    """A number that a DataLoader's living workers see change."""
    torch = sys.modules.get("torch")
    return torch.tensor(value).share_memory_() if torch is not None and hasattr(torch, "tensor") else value


# ---- the steps: callables that can be pickled


@dataclass
class _Map:
    function: Callable
    with_indices: bool
    columns: list[str] | None
    batched: bool
    size: int
    drop_last: bool
    removed: list[str]
    options: dict
    shown: tuple[str | None, dict]
    features: Features | None

    def __call__(self, chunks: Iterator[Chunk], place: Place) -> Iterator[Chunk]:
        convert = _converter(*self.shown) if self.shown[0] else None
        start = 0
        if self.batched:
            for piece in _sized(chunks, self.size, self.drop_last):
                batch: Any = {name: [row[name] for row in piece] for name in piece[0]}
                extra = (list(range(start, start + len(piece))),) if self.with_indices else ()
                out = self._call(convert(batch) if convert else Row(batch), extra, start)
                start += len(piece)
                merged = self._merge(batch, out)
                lengths = {name: len(values) for name, values in merged.items()}
                if len(set(lengths.values())) > 1:
                    raise ValueError(
                        f"the function returned columns of different lengths: {lengths}; drop the old ones with "
                        "remove_columns=."
                    )
                rows = [dict(zip(merged, values, strict=True)) for values in zip(*merged.values(), strict=True)]
                if rows:
                    yield self._encoded(rows)
            return
        for chunk in chunks:
            rows = []
            for row in chunk:
                extra = (start,) if self.with_indices else ()
                rows.append(self._merge(row, self._call(convert(row) if convert else Row(row), extra, start)))
                start += 1
            yield self._encoded(rows)

    def _call(self, row: Any, extra: tuple, at: int) -> Any:
        given = [row] if self.columns is None else [row[name] for name in self.columns]
        try:
            out = self.function(*given, *extra, **self.options)
        except Exception as error:
            error.add_note(
                f"map: {getattr(self.function, '__name__', self.function)}() failed at row {at} of the stream."
            )
            raise
        if out is None:
            return {}
        if isinstance(out, pa.Table):
            return {name: to_list(out.column(name)) for name in out.column_names}
        if not isinstance(out, Mapping):
            raise TypeError(f"the function must return a dict (or None), not {type(out).__name__}.")
        return out

    def _merge(self, row: dict, out: Mapping) -> dict:
        kept = {name: value for name, value in row.items() if name not in self.removed}
        mine = isinstance(out, Row)
        return {**kept, **{name: out[name] for name in out if not (mine and name in self.removed)}}

    def _encoded(self, rows: Chunk) -> Chunk:
        if self.features is None:
            return rows
        return [{name: decode(one, encode(one, row.get(name))) for name, one in self.features.items()} for row in rows]


@dataclass
class _Filter:
    function: Callable
    with_indices: bool
    columns: list[str] | None
    batched: bool
    size: int
    options: dict

    def __call__(self, chunks: Iterator[Chunk], place: Place) -> Iterator[Chunk]:
        start = 0
        for chunk in _sized(chunks, self.size) if self.batched else chunks:
            if self.batched:
                batch = {name: [row[name] for row in chunk] for name in chunk[0]}
                given = [batch] if self.columns is None else [batch[name] for name in self.columns]
                extra = (list(range(start, start + len(chunk))),) if self.with_indices else ()
                mask = list(self.function(*given, *extra, **self.options))
            else:
                mask = []
                for i, row in enumerate(chunk):
                    given = [row] if self.columns is None else [row[name] for name in self.columns]
                    mask.append(self.function(*given, *((start + i,) if self.with_indices else ()), **self.options))
            start += len(chunk)
            if kept := [row for row, yes in zip(chunk, mask, strict=True) if yes]:
                yield kept


@dataclass
class _Shuffle:
    generator: np.random.Generator
    size: int
    piece: int

    def __call__(self, chunks: Iterator[Chunk], place: Place) -> Iterator[Chunk]:
        rng = copy.deepcopy(self.generator)
        for shift in (place.epoch, place.part):
            rng = _shifted(rng, shift)
        waiting: Chunk = []
        for chunk in _sized(chunks, max(1, self.piece)):
            waiting += chunk
            if len(waiting) >= self.size:
                order = rng.permutation(len(waiting)).tolist()
                kept = self.size // 2
                yield [waiting[i] for i in order[: len(order) - kept]]
                waiting = [waiting[i] for i in order[len(order) - kept :]]
        if waiting:
            yield [waiting[i] for i in rng.permutation(len(waiting)).tolist()]


@dataclass
class _Slice:
    start: int
    count: int | None

    def __call__(self, chunks: Iterator[Chunk], place: Place) -> Iterator[Chunk]:
        # each part skips and takes its share
        start, count = self.start, self.count
        if place.parts > 1:
            start = _share(start, place)
            count = None if count is None else _share(count, place)
        left = count
        if left == 0:
            return
        for chunk in chunks:
            if start >= len(chunk):
                start -= len(chunk)
                continue
            chunk, start = chunk[start:], 0
            if left is not None:
                chunk = chunk[:left]
                left -= len(chunk)
            yield chunk
            if left == 0:
                return


def _share(count: int, place: Place) -> int:
    return count // place.parts + (place.part < count % place.parts)


@dataclass
class _Batch:
    size: int | None
    keys: list[str] | None
    drop_last: bool

    def __call__(self, chunks: Iterator[Chunk], place: Place) -> Iterator[Chunk]:
        if self.keys:
            rows = itertools.chain.from_iterable(chunks)
            groups: Any = (
                list(group) for _, group in itertools.groupby(rows, lambda row: [row[key] for key in self.keys or []])
            )
        else:
            groups = _sized(chunks, self.size or 1, self.drop_last)
        for piece in groups:
            yield [{name: [row[name] for row in piece] for name in piece[0]}]


@dataclass
class _Keep:
    kept: list[str] | None
    removed: list[str]

    def __call__(self, chunks: Iterator[Chunk], place: Place) -> Iterator[Chunk]:
        for chunk in chunks:
            if self.kept is not None:
                yield [{name: row[name] for name in self.kept} for row in chunk]
            else:
                yield [{name: value for name, value in row.items() if name not in self.removed} for row in chunk]


@dataclass
class _Rename:
    names: dict[str, str]

    def __call__(self, chunks: Iterator[Chunk], place: Place) -> Iterator[Chunk]:
        for chunk in chunks:
            yield [{self.names.get(name, name): value for name, value in row.items()} for row in chunk]


@dataclass
class _Add:
    name: str
    values: Sequence

    def __call__(self, chunks: Iterator[Chunk], place: Place) -> Iterator[Chunk]:
        if place.parts > 1:
            raise ValueError(
                "add_column knows no positions when several workers share a stream; use map(..., "
                "with_indices=True) before."
            )
        count = 0
        for chunk in chunks:
            yield [{**row, self.name: self.values[count + i]} for i, row in enumerate(chunk)]
            count += len(chunk)


@dataclass
class _CastRows:
    features: Features
    made: dict = field(default_factory=dict)

    def __call__(self, chunks: Iterator[Chunk], place: Place) -> Iterator[Chunk]:
        for chunk in chunks:
            columns = {}
            for name, feature in self.features.items():
                values = to_list(cast(infer([row.get(name) for row in chunk]), feature))
                columns[name] = [decode(feature, one) for one in values]
            yield [{**row, **{name: columns[name][i] for name in columns}} for i, row in enumerate(chunk)]


def _sized(chunks: Iterator[Chunk], size: int, drop_last: bool = False) -> Iterator[Chunk]:
    """The same rows in chunks of `size`; 0 is all of them."""
    waiting: Chunk = []
    for chunk in chunks:
        if size == 1:
            yield from ([row] for row in chunk)
            continue
        waiting += chunk
        start = 0
        while size and len(waiting) - start >= size:
            yield waiting[start : start + size]
            start += size
        waiting = waiting[start:] if start else waiting
    if waiting and not (drop_last and len(waiting) < size):
        yield waiting


# ---- making streams


class _TableShard:
    """A data set, or a piece of one, as a shard."""

    def __init__(self, dataset: Any):
        self.dataset = dataset

    def __call__(self) -> Iterator[pa.Table]:
        return self.dataset._tables(ROWS)


class _Again:
    """A stream, several times over, as a shard."""

    def __init__(self, stream: IterableDataset, times: int | None):
        self.stream, self.times = stream, times

    def __call__(self) -> Iterator[pa.Table]:
        for _ in itertools.count() if self.times is None else range(self.times):
            for chunk in self.stream._chunks(Place(self.stream.epoch)):
                yield _as_table({name: [row.get(name) for row in chunk] for name in chunk[0]}, self.stream.features)[0]


def stream_of(dataset: Any, num_shards: int) -> IterableDataset:
    """A data set as a stream. `Dataset.to_iterable_dataset` is this."""
    if num_shards > len(dataset):
        raise ValueError(
            f"Unable to shard a dataset of size {len(dataset)} into {num_shards} shards (the number of shards "
            "exceeds the number of samples)."
        )
    plain = dataset.with_format(None)
    shards = [plain.shard(num_shards, i, contiguous=True) for i in range(num_shards)] if num_shards > 1 else [plain]
    info = DatasetInfo(features=dataset.features)
    out = IterableDataset(Source(tuple(_TableShard(one) for one in shards)), (), info, dataset._split)
    return out.with_format(dataset._format_type) if dataset._format_type else out


def from_tables(
    shards: list[Callable[[], Iterator[pa.Table]]], features: Features | None, info: DatasetInfo | None, split: str
) -> IterableDataset:
    """Functions that give tables as a stream; the features are those given, or those of the first table."""
    info = info.copy() if info is not None else DatasetInfo()
    if features is None:
        first = next(iter(shards[0]()), None)
        features = Features.from_arrow_schema(first.schema) if first is not None else None
    info.features = features
    return IterableDataset(Source(tuple(shards)), (), info, split)


@dataclass
class _Chain:
    streams: list[IterableDataset]

    def __call__(self) -> Iterator[pa.Table]:
        for stream in self.streams:
            for chunk in stream._chunks(Place(stream.epoch)):
                yield _as_table({name: [row.get(name) for row in chunk] for name in chunk[0]}, stream.features)[0]


@dataclass
class _Beside:
    streams: list[IterableDataset]

    def __call__(self) -> Iterator[pa.Table]:
        rows = zip(
            *[itertools.chain.from_iterable(one._chunks(Place(one.epoch))) for one in self.streams], strict=False
        )
        while piece := list(itertools.islice(rows, ROWS)):
            merged = [{name: value for part in row for name, value in part.items()} for row in piece]
            yield _as_table({name: [row.get(name) for row in merged] for name in merged[0]}, None)[0]


def chain(streams: list[IterableDataset], info: DatasetInfo | None, split: Any, axis: int) -> IterableDataset:
    """Streams one after the other (axis=0) or side by side (axis=1)."""
    features: Features | None = None
    if all(one.features is not None for one in streams):
        features = Features({name: feature for one in streams for name, feature in (one.features or {}).items()})
    info = info.copy() if info is not None else DatasetInfo()
    info.features = features
    if axis == 0 and all(not one._steps for one in streams):
        shards = tuple(shard for one in streams for shard in one._source.shards)
        return IterableDataset(Source(shards), (), info, split)
    return IterableDataset(Source((_Chain(streams) if axis == 0 else _Beside(streams),)), (), info, split)


@dataclass
class _InTurns:
    streams: list[IterableDataset]
    probabilities: list[float] | None
    seed: int | None
    strategy: str

    def __call__(self) -> Iterator[pa.Table]:
        rows = self._rows()
        while piece := list(itertools.islice(rows, ROWS)):
            names = list(dict.fromkeys(name for row in piece for name in row))
            yield _as_table({name: [row.get(name) for row in piece] for name in names}, None)[0]

    def _rows(self) -> Iterator[dict]:
        fresh = [lambda one=one: itertools.chain.from_iterable(one._chunks(Place(one.epoch))) for one in self.streams]
        sources = [make() for make in fresh]
        waiting: list[Any] = [
            next(source, None) for source in sources
        ]  # one row ahead: a source's end is known with its last row
        ended = [row is None for row in waiting]
        for i in self._turns():
            if waiting[i] is None:
                if self.strategy == "all_exhausted_without_replacement" or all(ended):
                    if all(row is None for row in waiting):
                        return
                    continue
                return
            row, waiting[i] = waiting[i], next(sources[i], None)
            if waiting[i] is None:
                ended[i] = True
                if self.strategy == "all_exhausted":
                    sources[i] = fresh[i]()
                    waiting[i] = next(sources[i], None)
            yield row
            if self.strategy == "first_exhausted" and ended[i]:
                return
            if (
                self.strategy != "first_exhausted"
                and all(ended)
                and (self.strategy == "all_exhausted" or not any(waiting))
            ):
                return

    def _turns(self) -> Iterator[int]:
        if self.probabilities is None:
            yield from itertools.cycle(range(len(self.streams)))
        rng = np.random.default_rng(self.seed)
        while True:
            yield from rng.choice(len(self.streams), size=1000, p=self.probabilities).tolist()


def interleave(
    streams: list[IterableDataset],
    probabilities: list[float] | None,
    seed: int | None,
    info: Any,
    split: Any,
    strategy: str,
) -> IterableDataset:
    """Streams in turns, or drawn; ends as soon as the last row of one (or of all) has been given."""
    info = info.copy() if info is not None else DatasetInfo()
    if all(one.features is not None for one in streams):
        info.features = Features({name: feature for one in streams for name, feature in (one.features or {}).items()})
    return IterableDataset(Source((_InTurns(streams, probabilities, seed, strategy),)), (), info, split)
