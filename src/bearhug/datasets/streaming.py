"""IterableDataset: rows as they are read, never all at once.

A stream is a tree of nodes (`bearhug.datasets.streams`): a source of rows, and steps over it. Iterating asks the top
for chunks of rows; the state of a stream is the place of the chunk that is being given, and how many of its rows have
been.
"""

from __future__ import annotations

import copy
import functools
import operator
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from bearhug._lib.errors import near
from bearhug.datasets.errors import UnknownNameError
from bearhug.datasets.features import Features, List, align
from bearhug.datasets.info import DatasetInfo, Described
from bearhug.datasets.splits import NamedSplit
from bearhug.datasets.streams import export, make, workers
from bearhug.datasets.streams.decode import Decoded, with_decoding
from bearhug.datasets.streams.make import from_tables, stream_of
from bearhug.datasets.streams.mapping import Batched, ByColumn, Call, Filtered, Mapped
from bearhug.datasets.streams.mix import Beside, Chain, InTurns, check_names
from bearhug.datasets.streams.node import ROWS, FixedOrder, Node, Reader, heavy, joined, packed, size
from bearhug.datasets.streams.show import as_tables, shown_batch, shown_rows
from bearhug.datasets.streams.shuffle import Shuffled
from bearhug.datasets.streams.steps import Columns, Elastic, Repeated, Skipped, Taken, Typed
from bearhug.datasets.views import format_name


class IterableDataset(Described):
    """A stream of rows; made by `load_dataset(..., streaming=True)`, `from_generator` or `ds.to_iterable_dataset()`."""

    def __init__(self, node: Node, info: DatasetInfo | None = None, split: str | NamedSplit | None = None):
        self._node = node
        self._info = info.copy() if info is not None else DatasetInfo()
        self._split = NamedSplit(split) if isinstance(split, str) else split
        self._format: tuple[str | None, dict] = (None, {})
        self._nodes: workers.Split | None = None
        self._epoch = _shared(0)
        self._start: dict | None = None  # a state to go on from
        self._now: Callable[[], dict] | None = None  # gives the place of the row that was given last
        _tell_torch()

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_now": None, "_start": self._start or (self._now and self.state_dict())}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._epoch = _shared(self._epoch)
        _tell_torch()

    def _with(
        self,
        node: Node,
        features: Features | bool | None = True,
        shown: tuple[str | None, dict] | None = None,
        nodes: workers.Split | None = None,
    ) -> IterableDataset:
        """Another stream with this one's facts; `features=True` keeps the features."""
        out = IterableDataset(node, self._info, self._split)
        if not isinstance(features, bool):
            out._info.features = features
        out._format = shown or self._format
        out._nodes = nodes or self._nodes
        workers.check_shards(node, out._nodes)
        return out

    def _typed(self) -> Node:
        """The node, with the features that are known where its rows do not have them."""
        features = self.features
        return self._node if features is None or self._node.features == features else Typed(self._node, features)

    # ---- what it is

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
        """The number of shards: files, pieces of a table, or what a generator was given as lists."""
        total, split = self._node.num_shards, self._nodes
        if split is not None and split.by_shards(total):
            return len(range(split.rank, total, split.world_size))
        return total

    n_shards = num_shards

    @property
    def epoch(self) -> int:
        """The epoch that `set_epoch` set."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Another order of shuffled rows for each epoch; reaches workers that are alive."""
        self._epoch += epoch - self._epoch

    def __getattr__(self, name: str) -> Any:
        hint = "" if name.startswith("_") else near(name, dir(type(self)))
        raise AttributeError(f"'IterableDataset' object has no attribute {name!r}.{hint}")

    def __repr__(self) -> str:
        names = self.column_names if self.features is not None else "Unknown"
        return f"IterableDataset({{\n    features: {names},\n    num_shards: {self.num_shards}\n}})"

    def state_dict(self) -> dict:
        """Where the stream is: `load_state_dict` of it goes on with the next row.

        It holds the rows that wait in a shuffle buffer, so that none is lost or given twice. It belongs to this
        number of workers and nodes; for one that does not, see `elastic`.
        """
        if self._now is None:
            return copy.deepcopy(self._start) if self._start else {"epoch": self.epoch, "examples_iterable": {}}
        return {"epoch": self.epoch, "examples_iterable": packed(self._now())}

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on from a state at the next iteration.

        `{"epoch": e, "rows": n}` skips n rows; of an elastic stream n counts the rows of all workers and nodes.
        """
        self._start, self._now = state_dict, None

    # ---- rows out

    def _reader(self) -> Reader:
        """The rows of this node and worker, from the state that was loaded."""
        start, self._start = self._start, None
        start = start if start and start["epoch"] == self.epoch else {}
        node, rows = self._typed(), start.get("rows", 0)
        memo = start.get("examples_iterable")
        if rows and (begun := workers.started(node, rows)) is not None:
            node = begun
        elif rows:
            memo = {"skip": rows}
        reader = Reader(workers.placed(node, self.epoch, self._nodes), memo)
        self._now = reader.state
        return reader

    def __iter__(self) -> Iterator[Any]:
        kind, options = self._format
        reader, features = self._reader(), self.features
        most = 1 if heavy(features) else ROWS
        while reader.ready():
            chunk = reader.take(most)
            count = size(chunk)
            rows = shown_rows(chunk, features, kind, options)
            if operator.length_hint(rows, -1) == count:  # it knows how many are left: nothing to count
                self._now = functools.partial(_place, reader, rows)
                yield from rows
            else:
                left = [count]
                self._now = functools.partial(_counted, reader, left)
                for row in rows:
                    left[0] -= 1
                    yield row
        self._now = reader.state

    def iter(self, batch_size: int, drop_last_batch: bool = False) -> Iterator[Any]:
        """The rows in batches, in the stream's format."""
        kind, options = self._format
        reader = self._reader()
        while pieces := reader.piece(batch_size):
            whole = joined(pieces)
            if drop_last_batch and size(whole) < batch_size:
                return
            yield shown_batch(whole, self.features, kind, options)

    def __getitem__(self, column_name: str) -> IterableColumn:
        return IterableColumn(self, column_name)

    def _head(self, n: int = 5) -> Any:
        return next(iter(self._with(self._node).iter(n)), {})

    # ---- steps

    def _known(self, names: Sequence[str]) -> None:
        for name in names if self.features is not None else ():
            if name not in self.features:  # pyright: ignore[reportOperatorIssue]
                raise UnknownNameError(
                    f"Column name [{name!r}] not in the dataset.{near(name, list(self.features or ()))} "
                    f"Columns in the dataset: {self.column_names}."
                )

    def with_format(self, type: str | None = None, **format_kwargs: Any) -> IterableDataset:
        """Rows as "numpy", "torch", "arrow", "pandas", "polars", or (None) Python."""
        return self._with(self._node, shown=(format_name(type), format_kwargs))

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
        """Apply a function, which may be async, to each row, or to each batch, as the rows come; see `Dataset.map`."""
        names = [input_columns] if isinstance(input_columns, str) else input_columns
        removed = [remove_columns] if isinstance(remove_columns, str) else list(remove_columns or [])
        self._known([*(names or []), *removed])
        made = Features(features) if features is not None else None
        kind, options = self._format
        if function is None and not as_tables(kind):
            return self._with(Columns(self._typed(), removed=removed), made)
        call = Call(
            function or _same, with_indices, names, batched, max(0, batch_size or 0), drop_last_batch, fn_kwargs or {},
            kind, options,
        )  # fmt: skip
        return self._with(Mapped(self._typed(), call, removed, made), made)

    def filter(
        self,
        function: Callable | None = None,
        with_indices: bool = False,
        input_columns: str | list[str] | None = None,
        batched: bool = False,
        batch_size: int | None = 1000,
        fn_kwargs: dict | None = None,
    ) -> IterableDataset:
        """The rows for which a function, which may be async, says yes, as they come."""
        names = [input_columns] if isinstance(input_columns, str) else input_columns
        self._known(names or [])
        if function is None:
            return self._with(self._node)
        kind, options = self._format
        call = Call(
            function, with_indices, names, batched, max(0, batch_size or 0), False, fn_kwargs or {}, kind, options,
            "filter",
        )  # fmt: skip
        return self._with(Filtered(self._typed(), call))

    def shuffle(
        self,
        seed: int | None = None,
        generator: np.random.Generator | None = None,
        buffer_size: int = 1000,
        max_buffer_input_shards: int = 10,
    ) -> IterableDataset:
        """Shards in random order, and rows through a buffer that up to `max_buffer_input_shards` shards fill."""
        generator = copy.deepcopy(generator) if generator is not None else np.random.default_rng(seed)
        node, inputs = self._node, max_buffer_input_shards
        try:
            node = node.shuffled(generator)
        except FixedOrder:
            inputs = 1
        return self._with(Shuffled(node, buffer_size, generator, inputs))

    def skip(self, n: int) -> IterableDataset:
        """All but the first n rows."""
        return self._with(Skipped(self._node, n, self._nodes is None))

    def take(self, n: int) -> IterableDataset:
        """The first n rows."""
        return self._with(Taken(self._node, n, self._nodes is None))

    def repeat(self, num_times: int | None) -> IterableDataset:
        """The rows several times over, or (None) for ever."""
        return self._with(Repeated(self._node, num_times))

    def shard(self, num_shards: int, index: int, contiguous: bool = True) -> IterableDataset:
        """One of `num_shards` parts of the shards."""
        return self._with(self._node.shards(num_shards, index, contiguous))

    def reshard(self) -> IterableDataset:
        """More and smaller shards: a parquet file's row groups."""
        return self._with(self._node.resharded())

    def elastic(self, batch_size: int = 1) -> IterableDataset:
        """The same order of rows whatever the number of nodes and workers.

        From here on rows are dealt in blocks of `batch_size` to the nodes and, within each, to the workers of a
        DataLoader with that batch size: the batches of all nodes, in turns, are those of one process. Steps before
        this are done by every worker, steps after it only on a worker's own rows, so `ds.shuffle(seed).elastic(8)
        .map(f)` is the way. To go on with other numbers of workers or nodes:
        `load_state_dict({"epoch": e, "rows": n})` with the rows that all of them have seen.
        """
        return self._with(Elastic(self._typed(), batch_size))

    def batch(
        self,
        batch_size: int | None = None,
        by_column: str | list[str] | None = None,
        drop_last_batch: bool = False,
    ) -> IterableDataset:
        """Rows grouped: each new row holds lists of `batch_size` old ones, or neighbours that agree in `by_column`."""
        if batch_size is None and by_column is None:
            raise ValueError("IterableDataset.batch() misses `batch_size` or `by_column` argument.")
        features = None if self.features is None else Features({name: List(one) for name, one in self.features.items()})
        if by_column is not None:
            keys = [by_column] if isinstance(by_column, str) else list(by_column)
            return self._with(ByColumn(self._typed(), keys, drop_last_batch), features)
        arrow = self._format[0] is not None and (self._node.arrow or as_tables(self._format[0]))
        return self._with(Batched(self._typed(), max(0, batch_size or 0), drop_last_batch, arrow), features)

    def stats(self, columns: list[str] | None = None, sample: int = 10_000, examples: int = 5) -> Any:
        """What each column holds in the first `sample` rows; see `Dataset.stats`. The stream stays where it is."""
        from bearhug.datasets.summary import stats_of_stream

        return stats_of_stream(self, columns, sample, examples)

    def tokenize_and_pack(
        self,
        tokenizer: Any,
        length: int,
        column: str = "text",
        fields: Any = None,
        strategy: str = "wrap",
        tail: str = "drop",
        add_special_tokens: bool = True,
        add_eos: bool = True,
        pad_token_id: int | None = None,
        batch_size: int = 1000,
    ) -> IterableDataset:
        """Documents as rows of exactly `length` tokens, as they come; see `Dataset.tokenize_and_pack`.

        The state holds the tokens that wait for the next documents. Each worker packs its own documents.
        """
        from bearhug.datasets.packing import Packed, Plan

        self._known([column])
        plan = Plan(
            tokenizer, length, column, fields, strategy, tail, add_special_tokens, add_eos, pad_token_id, batch_size
        )
        return self._with(Packed(self._typed(), plan), plan.features)

    def select_columns(self, column_names: str | list[str]) -> IterableDataset:
        """Only these columns."""
        names = [column_names] if isinstance(column_names, str) else list(column_names)
        self._known(names)
        features = None if self.features is None else Features({name: self.features[name] for name in names})
        return self._with(Columns(self._typed(), kept=names), features)

    def remove_columns(self, column_names: str | list[str]) -> IterableDataset:
        """Without these columns."""
        names = [column_names] if isinstance(column_names, str) else list(column_names)
        self._known(names)
        features = None
        if self.features is not None:
            features = Features({name: one for name, one in self.features.items() if name not in names})
        return self._with(Columns(self._typed(), removed=names), features)

    def rename_column(self, original_column_name: str, new_column_name: str) -> IterableDataset:
        """One column under another name."""
        return self.rename_columns({original_column_name: new_column_name})

    def rename_columns(self, column_mapping: dict[str, str]) -> IterableDataset:
        """Columns under other names."""
        self._known(list(column_mapping))
        features = None
        if self.features is not None:
            features = Features({column_mapping.get(name, name): one for name, one in self.features.items()})
        return self._with(Columns(self._typed(), renamed=dict(column_mapping)), features)

    def add_column(self, name: str, column: Sequence) -> IterableDataset:
        """With one more column, a value for each row."""
        return self.map(functools.partial(_added, name=name, column=column), with_indices=True)

    def cast(self, features: Features) -> IterableDataset:
        """With other features for the same columns."""
        return self._with(self._node, Features(features))

    def cast_column(self, column: str, feature: Any) -> IterableDataset:
        """With another feature for one column."""
        self._known([column])
        return self._with(self._node, Features({**(self.features or {}), column: feature}))

    def decode(self, enable: bool = True, num_threads: int | None = None) -> IterableDataset:
        """Decode media (images, sound, video) or leave them as bytes and paths; `num_threads` decodes ahead."""
        if not self.features:
            raise ValueError(
                "Features decoding is only available for datasets with known features, but features are Unknown. "
                "Please set the datasets features with `ds = ds.cast(features)`."
            )
        node = self._node.child if isinstance(self._node, Decoded) else self._node
        features = with_decoding(self.features, enable)
        threads = num_threads if num_threads is not None else 32 if heavy(self.features) else 0
        if enable and threads:
            return self._with(Decoded(Typed(node, with_decoding(features, False)), features, threads), features)
        return self._with(node, features)

    def _resolve_features(self) -> IterableDataset:
        """With the features that its first rows have, where none are known."""
        if self.features is not None:
            return self
        if self._node.features is not None:
            return self._with(self._node, self._node.features)
        head = self.with_format("arrow")._head()
        schema = head.schema if isinstance(head, pa.Table) else pa.schema([])
        return self._with(self._node, Features.from_arrow_schema(schema))

    # ---- made of, and written as

    from_generator = staticmethod(make.from_generator)
    from_dict = staticmethod(make.from_dict)
    from_list = staticmethod(make.from_list)
    from_pandas = staticmethod(make.from_pandas)
    from_polars = staticmethod(make.from_polars)
    from_file = staticmethod(make.from_file)
    from_csv = staticmethod(make.from_csv)
    from_json = staticmethod(make.from_json)
    from_parquet = staticmethod(make.from_parquet)
    from_text = staticmethod(make.from_text)
    to_dict = export.to_dict
    to_list = export.to_list
    to_pandas = export.to_pandas
    to_polars = export.to_polars
    to_csv = export.to_csv
    to_json = export.to_json
    to_sql = export.to_sql
    to_parquet = export.to_parquet
    push_to_hub = export.push_to_hub


class IterableColumn:
    """One column of a stream."""

    def __init__(self, source: IterableDataset | IterableColumn, column_name: str):
        self.source, self.column_name = source, column_name

    def __iter__(self) -> Iterator[Any]:
        for row in self.source:
            yield row[self.column_name]

    def __getitem__(self, column_name: str) -> IterableColumn:
        return IterableColumn(self, column_name)


def _place(reader: Reader, rows: Iterator) -> dict:
    return reader.state(operator.length_hint(rows))


def _counted(reader: Reader, left: list[int]) -> dict:
    return reader.state(left[0])


def _same(row: Any, *extra: Any) -> Any:
    return row


def _added(row: Any, index: int, name: str, column: Sequence) -> dict:
    if name in row:
        raise ValueError(f"Error when adding {name}: column {name} is already in the dataset.")
    return {name: column[index]}


def _tell_torch() -> None:
    """Let torch's DataLoader see that this is a stream, once torch is there."""
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "utils"):
        import torch.utils.data as data

        if not issubclass(IterableDataset, data.IterableDataset):
            data.IterableDataset.register(IterableDataset)  # pyright: ignore[reportAttributeAccessIssue]


def _shared(value: Any) -> Any:
    """A number that a DataLoader's living workers see change."""
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "tensor"):
        return value
    return value.share_memory_() if isinstance(value, torch.Tensor) else torch.tensor(value).share_memory_()


# ---- several streams as one


def _joint(streams: list[IterableDataset], info: DatasetInfo | None, what: str) -> tuple[list, DatasetInfo]:
    streams = [one._resolve_features() for one in streams]
    for i, one in enumerate(streams):
        if one._nodes != streams[0]._nodes:
            raise ValueError(
                f"Datasets should be identically split_by_node before {what}, but got "
                f"{streams[0]._nodes}!={one._nodes} at index 0 and {i}"
            )
    info = info.copy() if info is not None else DatasetInfo.from_merge([one.info for one in streams])
    aligned = align([one.features or Features() for one in streams])
    info.features = Features({name: feature for one in aligned for name, feature in one.items()})
    return streams, info


def chain(streams: list[IterableDataset], info: DatasetInfo | None, split: Any, axis: int) -> IterableDataset:
    """Streams one after the other (axis=0) or side by side (axis=1)."""
    if axis:
        streams = [one._resolve_features() for one in streams]
        check_names([name for one in streams for name in one.column_names or ()])
    streams, info = _joint(streams, info, "concatenating")
    node = Beside([one._typed() for one in streams]) if axis else Chain([one._node for one in streams])
    out = IterableDataset(node, info, split)
    out._nodes = streams[0]._nodes
    if all(one._format == streams[0]._format for one in streams):
        out._format = streams[0]._format
    return out


def interleave(
    streams: list[IterableDataset],
    probabilities: list[float] | None,
    seed: int | None,
    info: Any,
    split: Any,
    strategy: str,
) -> IterableDataset:
    """Streams in turns, or drawn; ends as soon as the last row of one (or of all) has been given."""
    streams, info = _joint(streams, info, "interleaving")
    generator = None if probabilities is None else np.random.default_rng(seed)
    out = IterableDataset(InTurns([one._node for one in streams], strategy, probabilities, generator), info, split)
    out._nodes = streams[0]._nodes
    return out


__all__ = ["IterableColumn", "IterableDataset", "chain", "from_tables", "interleave", "stream_of"]
