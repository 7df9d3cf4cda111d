"""Dataset: rows in an Arrow table, with an optional list of positions (which rows, in which order) and a format.

No method changes the rows of a data set: each gives a new one that shares the table. Here is what a data set is, and
how its rows and columns are chosen; how it is made stands in sources.py, what becomes of it in export.py, its format
in formatting.py, its search indexes in search.py.
"""

from __future__ import annotations

import copy
import operator
import os
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Sequence as SequenceABC
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from bearhug._lib.errors import near
from bearhug.datasets import columns, ordering
from bearhug.datasets.arrow import unwrap
from bearhug.datasets.column import Column
from bearhug.datasets.errors import UnknownNameError
from bearhug.datasets.export import Exports
from bearhug.datasets.features import Feature, Features, feature_type
from bearhug.datasets.fingerprint import Fingerprint, Unkeyable, key_of
from bearhug.datasets.formatting import Formatted
from bearhug.datasets.info import DatasetInfo, Described
from bearhug.datasets.search import Searchable
from bearhug.datasets.sources import Sources
from bearhug.datasets.splits import NamedSplit
from bearhug.datasets.table import ArrowTable, Batches, Mapped, arrow_of, dump_table, load_table, read_arrow
from bearhug.datasets.views import BLOCK, View, make_view

pc: Any = pyarrow.compute  # its functions are made at run time

if TYPE_CHECKING:
    from bearhug.datasets.dataset_dict import DatasetDict
    from bearhug.datasets.streaming import IterableDataset
    from bearhug.datasets.summary import Stats


class Dataset(Sources, Exports, Formatted, Searchable, Described):
    """Rows with named columns, on disk or in memory; indexed by row, slice, list of rows, or column name.

    Args:
        arrow_table: the rows; its schema's metadata may carry features.
        info: description, features, ... of the data set.
        split: the split's name.
        indices_table: positions in the table (a column of integers), in the order in which rows come.
        fingerprint: the key of the content; made from it where None.
    """

    def __init__(
        self,
        arrow_table: pa.Table,
        info: DatasetInfo | None = None,
        split: str | NamedSplit | None = None,
        indices_table: Any = None,
        fingerprint: str | Fingerprint | None = None,
    ):
        arrow_table = arrow_of(arrow_table)
        names = arrow_table.column_names
        if len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ValueError(f"The table can't have duplicated columns but columns {twice} are duplicated.")
        found = Features.from_arrow_schema(arrow_table.schema)
        info = info.copy() if info is not None else DatasetInfo()
        info.features = found if info.features is None else info.features.reorder_fields_as(found)
        table = unwrap(arrow_table)
        kinds = [feature_type(feature) for feature in info.features.values()]
        if kinds != table.schema.types:
            raise ValueError(
                f"the features do not match the table: {info.features} against "
                f"{dict(zip(names, table.schema.types, strict=True))}."
            )
        self._data = pa.table(table.columns, schema=info.features.arrow_schema) if names else table
        self._info = info
        self._split = NamedSplit(split) if isinstance(split, str) else split
        self._mapped: tuple[Mapped, ...] = ()
        self._order: np.ndarray | None = None
        self._positions_files: tuple[str, ...] = ()  # where a filter's positions are kept
        if indices_table is not None:
            if not isinstance(indices_table, np.ndarray | pa.Array | pa.ChunkedArray):
                indices_table = arrow_of(indices_table).column(0)
            self._order = np.asarray(indices_table).astype(np.int64)
        self._format_type: str | None = None
        self._format_kwargs: dict[str, Any] = {}
        self._format_columns: list[str] | None = None
        self._output_all_columns = False
        self._steps: tuple[tuple[str, Fingerprint], ...] = ()
        self._indexes: dict[str, Any] = {}
        self._set_key(fingerprint)

    def _set_key(self, fingerprint: str | Fingerprint | None) -> None:
        if isinstance(fingerprint, Fingerprint):
            self._key = fingerprint
        elif fingerprint is not None:
            self._key = Fingerprint(fingerprint)
        else:
            table = self._data
            self._key = Fingerprint(make=lambda: key_of(table))
        self._forget()

    def _forget(self) -> None:
        """Drop what was made for the table and the format."""
        self._batches_made: Batches | None = None
        self._view_made: View | None = None

    def __copy__(self) -> Dataset:
        out = Dataset.__new__(Dataset)
        out.__dict__.update(self.__dict__)
        out._format_kwargs = dict(self._format_kwargs)
        out._info = copy.copy(self._info)
        out._indexes = dict(self._indexes)
        return out

    def __deepcopy__(self, memo: dict) -> Dataset:
        return copy.copy(self)  # what is shared never changes

    def _derive(
        self, step: str, *arguments: Any, key: str | None = None, features: Features | None = None, **changes: Any
    ) -> Dataset:
        """A copy with some of the attributes changed, one step further."""
        out = copy.copy(self)
        if "_order" in changes:
            out._positions_files = ()
        for name, value in changes.items():
            setattr(out, name, value)
        if features is not None:
            out._info.features = features
        out._key = Fingerprint(key) if key else self._key.then(step.partition("(")[0], *arguments)
        out._steps = (*self._steps, (step, out._key))
        out._batches_made = self._batches_made if "_data" not in changes else None
        out._view_made = None
        return out

    def _with_table(self, step: str, table: pa.Table, features: Features, *arguments: Any, **changes: Any) -> Dataset:
        """A copy over another table with the same rows."""
        schema = features.arrow_schema
        if features:
            table = pa.table(table.columns, schema=schema)
        else:  # no column: only the metadata changes, so that the number of rows is kept
            table = table.replace_schema_metadata(schema.metadata)
        out = self._derive(step, *arguments, features=features, _data=table, **changes)
        if out._format_columns is not None:
            out._format_columns = [name for name in out._format_columns if name in features]
        return out

    # ---- what it is

    @property
    def features(self) -> Features:
        """The columns: name -> feature (a copy)."""
        assert self._info.features is not None
        return self._info.features.copy()

    @property
    def data(self) -> ArrowTable:
        """The Arrow table below, without regard to which rows are chosen; `.table` is pyarrow's own."""
        return ArrowTable(self._data)

    @property
    def _fingerprint(self) -> str:
        """The key of what is seen: that of the rows, and of a format where one is chosen."""
        if self._format_type is None and self._format_columns is None:
            return self._key.value
        shown = (self._format_type, self._format_columns, self._output_all_columns)
        try:
            return key_of(self._key.value, shown, self._format_kwargs)
        except Unkeyable:  # a transform whose content cannot be read
            return key_of(self._key.value, shown, sorted(self._format_kwargs))

    @_fingerprint.setter
    def _fingerprint(self, value: str) -> None:
        self._key = Fingerprint(value)

    @property
    def _indices(self) -> ArrowTable | None:
        """Which rows of the table are shown, as a table of one column, `indices`; None where all are."""
        return None if self._order is None else ArrowTable(pa.table({"indices": pa.array(self._order, pa.uint64())}))

    @property
    def column_names(self) -> list[str]:
        """The columns' names."""
        return self._data.column_names

    @property
    def num_columns(self) -> int:
        """The number of columns."""
        return self._data.num_columns

    @property
    def num_rows(self) -> int:
        """The number of rows."""
        return self._data.num_rows if self._order is None else len(self._order)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.num_rows, self.num_columns

    @property
    def cache_files(self) -> list[dict]:
        """The files that the rows rest on: [{"filename": ...}]; empty where they are in memory."""
        return [{"filename": path} for path in [*(file.path for file in self._mapped), *self._positions_files]]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"'Dataset' object has no attribute {name!r}")
        raise AttributeError(f"'Dataset' object has no attribute {name!r}.{near(name, dir(type(self)))}")

    def __len__(self) -> int:
        return self.num_rows

    def __repr__(self) -> str:
        return f"Dataset({{\n    features: {self.column_names},\n    num_rows: {self.num_rows}\n}})"

    def explain(self) -> None:
        """Print the steps that made this data set, each with its key: what was loaded, mapped, chosen."""
        lines = [f"{len(self)} rows, columns {', '.join(self.column_names)}"]
        for i, (step, key) in enumerate(self._steps, 1):
            lines.append(f"{i}. {step}\n   key {key.value}")
        if not self._steps:
            lines.append(f"1. from memory\n   key {self._key.value}")
        lines += [f"rests on {file.path}" for file in self._mapped]
        print("\n".join(lines))

    # ---- asked, looked at, packed

    def sql(self, query: str, params: Any = None, **tables: Dataset) -> Dataset:
        """The answer to a `select` in duckdb's SQL, where this data set is the table `self` (and its split's name).

        Columns that the query hands on keep their features. More tables come as keywords:
        `ds.sql("select * from self join names using (id)", names=other)`.

        Args:
            params: values for `?` (a list) or `$name` (a dict) in the query.

        Raises:
            ImportError: duckdb is not installed.
            ValueError: the query is wrong, or no select; the message shows the place.
        """
        from bearhug.datasets.query import named, sql

        own = {"self": self} if self._split is None else {"self": self, str(self._split): self}
        return sql({**named(own), **named(tables)}, query, params)

    def stats(self, columns: list[str] | None = None, sample: int | None = None, examples: int = 5) -> Stats:
        """What each column holds: type, nulls, different values, extremes, quantiles, lengths, labels, most common.

        It prints as a table; `.to_dict()` gives the figures, `.to_html(path)` one page with histograms and examples.
        Pictures and sound are measured, not decoded. Different values of a column over a gigabyte are not counted.

        Args:
            columns: these only.
            sample: so many rows at equal distances, in place of all.
            examples: rows that are shown.

        Raises:
            UnknownNameError: there is no such column.
        """
        from bearhug.datasets.summary import stats_of

        return stats_of(self, columns, sample, examples)

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
        keep_in_memory: bool = False,
        load_from_cache_file: bool | None = None,
        cache_file_name: str | os.PathLike | None = None,
        new_fingerprint: str | None = None,
    ) -> Dataset:
        """Documents as rows of exactly `length` tokens that say where each document begins and ends.

        Fields of a row: `input_ids`; `position_ids`, which begin at 0 with each document; `segment_ids`, the number of
        the document in its row (1, 2, ...; 0 is padding); `attention_mask`; `labels`, -100 at padding and at each
        document's first token; and, of other lengths, `seq_lengths`, `cu_seqlens` (0 and the sums of the lengths,
        padding left out), `documents` (the rows of this data set that they were). One line says what was cut, dropped
        or filled up.

        Args:
            tokenizer: texts -> `input_ids`.
            length: tokens a row.
            column: the column of text; None and "" are left out.
            fields: which of them; by default the first three, and `attention_mask` where rows are filled up.
            strategy: "wrap" cuts documents at a row's end and loses nothing; "fit" keeps documents of up to `length`
                tokens whole, each in the fullest row with room (best fit, the longest first, among `batch_size`
                documents), and fills rows up.
            tail: the last tokens, too few for a row: "drop", "pad" or "keep" (a shorter row).
            add_special_tokens: those that the tokenizer adds to a text.
            add_eos: end each document with the end token, where it does not end with it already.
            pad_token_id: fills rows up; the tokenizer's pad token where None.
            batch_size: documents at a time.
            keep_in_memory, load_from_cache_file, cache_file_name, new_fingerprint: as in `map`.

        Raises:
            ValueError: an option that there is not, or no pad token; UnknownNameError: no such column.
        """
        from bearhug.datasets.packing import Plan, pack

        plan = Plan(
            tokenizer, length, column, fields, strategy, tail, add_special_tokens, add_eos, pad_token_id, batch_size
        )
        return pack(self, plan, keep_in_memory, load_from_cache_file, cache_file_name, new_fingerprint)

    def __getstate__(self) -> dict:
        state = {name: value for name, value in self.__dict__.items() if not name.endswith("_made")}
        del state["_mapped"], state["_key"]
        mapped, table, rows = self._mapped, self._data, self._order
        if not mapped and rows is not None and len(rows) < table.num_rows // 2:
            table, rows = self._batches.gather(rows), None  # only the chosen rows travel
        state["_data"], state["_order"] = dump_table(table, mapped), rows
        state["_steps"] = tuple((step, key.value) for step, key in self._steps)
        state["_fingerprint_value"] = self._key.value if mapped or self._steps else None
        return state

    def __setstate__(self, state: dict) -> None:
        key = state.pop("_fingerprint_value")
        self.__dict__.update(state)
        self._data, self._mapped = load_table(*state["_data"])
        self._steps = tuple((step, Fingerprint(value)) for step, value in state["_steps"])
        self._set_key(key)

    def __enter__(self) -> Dataset:
        return self

    def __exit__(self, *error: Any) -> None:
        self._mapped = ()

    # ---- rows out

    @property
    def _batches(self) -> Batches:
        if self._batches_made is None:
            self._batches_made = Batches(self._data)
        return self._batches_made

    @property
    def _view(self) -> View:
        if self._view_made is None:
            assert self._info.features is not None
            self._view_made = make_view(
                self._batches,
                self._info.features,
                self._format_type,
                self._format_columns,
                self._output_all_columns,
                self._format_kwargs,
            )
        return self._view_made

    def _rows_of(self, key: Any) -> range | np.ndarray:
        """The positions in this data set that a slice, list or array names; all valid."""
        size = self.num_rows
        if isinstance(key, slice):
            return range(*key.indices(size))
        if isinstance(key, range):
            rows: Any = key
            low, high = (min(key), max(key)) if len(key) else (0, -1)
        else:
            rows = np.asarray(key if hasattr(key, "__array__") else list(key))
            if rows.size == 0:
                return range(0)
            if rows.dtype.kind not in "iub" or rows.ndim != 1:
                raise TypeError(
                    f"rows are chosen by a list of integers, not by {key!r:.80}; a column by its name, as in "
                    "ds['text']."
                )
            rows = rows.astype(np.int64)
            low, high = int(rows.min()), int(rows.max())
        if high >= size or low < -size:
            wrong = high if high >= size else low
            raise IndexError(f"Invalid key: {wrong} is out of bounds for size {size}")
        if low >= 0:
            return rows
        return np.asarray(rows) % size

    def _table_of(self, rows: range | np.ndarray) -> pa.Table:
        """The rows at valid positions, as a table."""
        if isinstance(rows, range):
            if rows.step == 1 and self._order is None:
                return self._data.slice(rows.start, len(rows))
            rows = np.arange(rows.start, rows.stop, rows.step)
        return self._batches.gather(rows if self._order is None else self._order[rows])

    def __getitem__(self, key: Any) -> Any:
        if type(key) is not int:
            if isinstance(key, str):
                column = Column(self, key)
                return column[:] if self._format_type in ("arrow", "pandas", "polars") else column
            if not isinstance(key, slice | range | Iterable):
                try:
                    if isinstance(key, bool):
                        raise TypeError
                    key = operator.index(key)
                except TypeError:
                    raise TypeError(
                        f"Wrong key type: '{key}' of type '{type(key)}'. Expected one of int, slice, range, str or "
                        "Iterable."
                    ) from None
            else:
                if hasattr(key, "ndim") and key.ndim == 0:  # pyright: ignore[reportAttributeAccessIssue]
                    return self[operator.index(key)]  # pyright: ignore[reportArgumentType]
                rows = self._rows_of(key)
                places = rows if self._order is None else self._order[np.asarray(rows, dtype=np.int64)]
                picked = self._view.picked(places)
                return self._view.batch(self._table_of(rows)) if picked is None else picked
        size = self.num_rows
        if not -size <= key < size:
            raise IndexError(f"Invalid key: {key} is out of bounds for size {size}")
        if key < 0:
            key += size
        if self._order is not None:
            key = self._order.item(key)
        return self._view.row(key)

    def __getitems__(self, keys: list) -> list:
        """Several rows at once, as a list: what a torch DataLoader asks for."""
        if self._format_type in ("arrow", "pandas", "polars"):
            return [self[key] for key in keys]
        batch = self[keys]
        if not batch:
            return [{} for _ in keys]
        return [dict(zip(batch, values, strict=True)) for values in zip(*batch.values(), strict=True)]

    def _tables(self, size: int, drop_last: bool = False) -> Iterator[pa.Table]:
        """The rows in order, as tables of so many rows."""
        rows = self.num_rows // size * size if drop_last else self.num_rows
        for start in range(0, rows, size):
            yield self._table_of(range(start, min(start + size, rows)))

    def __iter__(self) -> Iterator[Any]:
        return self._view.rows(self._tables(BLOCK))

    def iter(self, batch_size: int, drop_last_batch: bool = False) -> Iterator[Any]:
        """The rows in batches, in the data set's format."""
        view = self._view
        for table in self._tables(batch_size, drop_last_batch):
            yield view.batch(table)

    # ---- choosing rows

    def select(
        self,
        indices: Iterable,
        keep_in_memory: bool = False,
        indices_cache_file_name: str | None = None,
        writer_batch_size: int | None = 1000,
        new_fingerprint: str | None = None,
    ) -> Dataset:
        """The rows at these positions, in this order; a run of positions shares the table, others keep a list.

        Raises:
            IndexError: a position is not below the number of rows.
        """
        if keep_in_memory and indices_cache_file_name is not None:
            raise ValueError("Please use either `keep_in_memory` or `indices_cache_file_name` but not both.")
        self._check_no_index("select")
        if len(self) == 0:
            return self
        if isinstance(indices, pa.Array | pa.ChunkedArray):
            indices = np.asarray(indices)
        if isinstance(indices, range):
            rows: Any = indices
            ends = (indices.start, indices[-1]) if len(indices) else ()
        else:
            rows = np.asarray(indices if isinstance(indices, list | tuple | np.ndarray) else list(indices))
            if rows.size == 0:
                rows = range(0)
            elif rows.dtype.kind not in "iub":
                raise TypeError(f"select takes integers, not {rows.dtype}: {indices!r:.60}")
            else:
                rows = rows.astype(np.int64)
            ends = (int(rows.min()), int(rows.max())) if len(rows) else ()
        for end in ends:
            if not -len(self) <= end < len(self):
                raise IndexError(f"Index {end} out of range for dataset of size {len(self)}.")
        return self._select(rows, f"select({len(rows)} rows)", key=new_fingerprint, file=indices_cache_file_name)

    def _select(
        self, rows: range | np.ndarray, step: str, *arguments: Any, key: str | None = None, file: Any = None
    ) -> Dataset:
        """The rows at valid positions; the arguments of the step are its key, or else the positions."""
        arguments = arguments or (rows,)
        if isinstance(rows, np.ndarray) and rows[0] >= 0 and rows[-1] - rows[0] == len(rows) - 1:
            if bool(np.all(np.diff(rows) == 1)):
                rows = range(int(rows[0]), int(rows[-1]) + 1)
        if isinstance(rows, range) and rows.step == 1 and (not len(rows) or rows.start >= 0):
            start, size = (rows.start, len(rows)) if len(rows) else (0, 0)
            if self._order is None or size == 0:
                return self._derive(step, *arguments, key=key, _data=self._data.slice(start, size), _order=None)
            return self._derive(step, *arguments, key=key, _order=self._order[start : start + size])
        places = np.asarray(rows, dtype=np.int64) % len(self)
        if self._order is not None:
            places = self._order[places]
        if file is not None:
            from bearhug.datasets.writer import ArrowWriter

            with ArrowWriter(file, fingerprint=key) as writer:
                writer.write(pa.table({"indices": pa.array(places, pa.uint64())}))
            return self._derive(step, *arguments, key=key, **self._positions(file))
        return self._derive(step, *arguments, key=key, _order=places)

    def _positions(self, file: str | os.PathLike) -> dict[str, Any]:
        """Positions kept in a file, memory-mapped."""
        table, _ = read_arrow(file)
        values = table.column(0).combine_chunks()
        values = values.chunk(0) if isinstance(values, pa.ChunkedArray) else values
        return {"_order": values.to_numpy().view(np.int64), "_positions_files": (os.fspath(file),)}

    def skip(self, n: int) -> Dataset:
        """All but the first n rows."""
        return self.select(range(n, len(self)))

    def take(self, n: int) -> Dataset:
        """The first n rows."""
        return self.select(range(min(n, len(self))))

    def repeat(self, num_times: int) -> Dataset:
        """The rows several times over."""
        if num_times is None:
            raise ValueError(
                "a Dataset cannot repeat for ever; give a number, or use ds.to_iterable_dataset().repeat(None)."
            )
        if num_times <= 0:
            return self.select([])
        rows = np.tile(np.arange(len(self)), num_times)
        return self._select(rows, f"repeat({num_times})", num_times) if num_times > 1 and len(self) else self

    def shard(
        self,
        num_shards: int,
        index: int,
        contiguous: bool = True,
        keep_in_memory: bool = False,
        indices_cache_file_name: str | None = None,
        writer_batch_size: int | None = 1000,
    ) -> Dataset:
        """One of `num_shards` parts, in one piece, or (not `contiguous`) every `num_shards`-th row."""
        if not 0 <= index < num_shards:
            raise ValueError("index should be in [0, num_shards-1]")
        if contiguous:
            size, rest = divmod(len(self), num_shards)
            start = size * index + min(index, rest)
            rows: Any = range(start, start + size + (index < rest))
        else:
            rows = np.arange(index, len(self), num_shards)
        return self.select(rows, keep_in_memory, indices_cache_file_name, writer_batch_size)

    def sort(
        self,
        column_names: str | SequenceABC[str],
        reverse: bool | SequenceABC[bool] = False,
        null_placement: str = "at_end",
        keep_in_memory: bool = False,
        load_from_cache_file: bool | None = None,
        indices_cache_file_name: str | None = None,
        writer_batch_size: int | None = 1000,
        new_fingerprint: str | None = None,
    ) -> Dataset:
        """The rows in the order of one or several columns, ascending unless `reverse`; equal rows keep their order.

        Args:
            null_placement: where None goes: "at_end" ("last") or "at_start" ("first").
        """
        return ordering.sort(self, column_names, reverse, null_placement, indices_cache_file_name, new_fingerprint)

    def shuffle(
        self,
        seed: int | None = None,
        generator: np.random.Generator | None = None,
        keep_in_memory: bool = False,
        load_from_cache_file: bool | None = None,
        indices_cache_file_name: str | None = None,
        writer_batch_size: int | None = 1000,
        new_fingerprint: str | None = None,
    ) -> Dataset:
        """The rows in random order: that of `numpy.random.default_rng(seed).permutation`.

        Without a seed or generator, the state of numpy's global generator decides.
        """
        return ordering.shuffle(self, seed, generator, keep_in_memory, indices_cache_file_name, new_fingerprint)

    def train_test_split(
        self,
        test_size: float | int | None = None,
        train_size: float | int | None = None,
        shuffle: bool = True,
        stratify_by_column: str | None = None,
        seed: int | None = None,
        generator: np.random.Generator | None = None,
        keep_in_memory: bool = False,
        load_from_cache_file: bool | None = None,
        train_indices_cache_file_name: str | None = None,
        test_indices_cache_file_name: str | None = None,
        writer_batch_size: int | None = 1000,
        train_new_fingerprint: str | None = None,
        test_new_fingerprint: str | None = None,
    ) -> DatasetDict:
        """Two random parts, {"train", "test"}; a size is a number of rows or a fraction (default: test_size=0.25).

        Args:
            shuffle: False takes the first rows for train and the next ones for test.
            stratify_by_column: a ClassLabel column whose classes get the same shares in both parts.
            seed, generator: as in `shuffle`.

        Raises:
            ValueError: a size is out of range, the parts exceed the whole, or a class has a single row.
        """
        return ordering.train_test_split(
            self,
            test_size,
            train_size,
            shuffle,
            stratify_by_column,
            seed,
            generator,
            train_indices_cache_file_name,
            test_indices_cache_file_name,
            train_new_fingerprint,
            test_new_fingerprint,
        )

    def flatten_indices(
        self,
        keep_in_memory: bool = False,
        cache_file_name: str | None = None,
        writer_batch_size: int | None = 1000,
        features: Features | None = None,
        disable_nullable: bool = False,
        num_proc: int | None = None,
        new_fingerprint: str | None = None,
    ) -> Dataset:
        """The chosen rows written out in their order, so that they lie side by side again."""
        return self.map(
            None,
            batched=True,
            keep_in_memory=keep_in_memory,
            cache_file_name=cache_file_name,
            writer_batch_size=writer_batch_size,
            features=features,
            num_proc=num_proc,
            new_fingerprint=new_fingerprint,
            desc="Flattening the indices",
        )

    # ---- columns

    def _known(self, names: Iterable[str], what: str = "Column") -> None:
        """Raises UnknownNameError for the names that are no columns."""
        missing = [name for name in names if name not in self.column_names]
        if missing:
            hint = near(str(missing[0]), self.column_names)
            raise UnknownNameError(
                f"{what} {missing} not in the dataset.{hint} Current columns in the dataset: {self.column_names}"
            )

    def select_columns(self, column_names: str | list[str], new_fingerprint: str | None = None) -> Dataset:
        """Only these columns, in this order."""
        names = [column_names] if isinstance(column_names, str) else list(column_names)
        self._known(names)
        assert self._info.features is not None
        features = Features({name: self._info.features[name] for name in names})
        return self._with_table(
            f"select_columns({names})", self._data.select(names), features, names, key=new_fingerprint
        )

    def remove_columns(self, column_names: str | list[str], new_fingerprint: str | None = None) -> Dataset:
        """Without these columns."""
        names = [column_names] if isinstance(column_names, str) else list(column_names)
        self._known(names)
        kept = [name for name in self.column_names if name not in names]
        assert self._info.features is not None
        features = Features({name: self._info.features[name] for name in kept})
        return self._with_table(
            f"remove_columns({names})", self._data.select(kept), features, names, key=new_fingerprint
        )

    def rename_column(
        self, original_column_name: str, new_column_name: str, new_fingerprint: str | None = None
    ) -> Dataset:
        """One column under another name."""
        self._known([original_column_name])
        if new_column_name in self.column_names:
            raise ValueError(
                f"New column name {new_column_name} already in the dataset. Please choose a column name which is "
                "not already "
                f"in the dataset. Current columns in the dataset: {self.column_names}"
            )
        if not new_column_name:
            raise ValueError("New column name is empty.")
        return self.rename_columns({original_column_name: new_column_name}, new_fingerprint)

    def rename_columns(self, column_mapping: dict[str, str], new_fingerprint: str | None = None) -> Dataset:
        """Columns under other names: {old: new}."""
        return columns.rename_columns(self, column_mapping, new_fingerprint)

    def add_column(
        self, name: str, column: Any, new_fingerprint: str | None = None, feature: Feature = None
    ) -> Dataset:
        """With one more column of as many values as there are rows.

        Raises:
            ValueError: the name is taken, or the number of values differs.
        """
        return columns.add_column(self, name, column, new_fingerprint, feature)

    def add_item(self, item: dict, new_fingerprint: str | None = None) -> Dataset:
        """With one more row at the end."""
        return columns.add_item(self, item, new_fingerprint)

    def cast(
        self,
        features: Features,
        batch_size: int | None = 1000,
        keep_in_memory: bool = False,
        load_from_cache_file: bool | None = None,
        cache_file_name: str | None = None,
        writer_batch_size: int | None = 1000,
        num_proc: int | None = None,
    ) -> Dataset:
        """With other features for the same columns.

        Raises:
            ValueError: the columns' names differ, or a value does not fit.
        """
        return columns.cast(
            self,
            features,
            batch_size,
            keep_in_memory,
            load_from_cache_file,
            cache_file_name,
            writer_batch_size,
            num_proc,
        )

    def cast_column(self, column: str, feature: Feature, new_fingerprint: str | None = None) -> Dataset:
        """With another feature for one column."""
        self._known([column])
        return self.cast(Features({**self.features, column: feature}))

    def class_encode_column(self, column: str, include_nulls: bool = False) -> Dataset:
        """A column of text or numbers as class labels, their names sorted.

        Args:
            include_nulls: None becomes a class of its own, "None".
        """
        return columns.class_encode_column(self, column, include_nulls)

    def align_labels_with_mapping(self, label2id: dict, label_column: str) -> Dataset:
        """Class labels renumbered as a model numbers them; names are compared in lower case."""
        return columns.align_labels_with_mapping(self, label2id, label_column)

    def flatten(self, new_fingerprint: str | None = None, max_depth: int = 16) -> Dataset:
        """Structs as one column a field, named `column.field`."""
        return columns.flatten(self, new_fingerprint, max_depth)

    def unique(self, column: str) -> list:
        """The different values of a column, in the order of the table."""
        return columns.unique(self, column)

    # ---- functions over rows

    def map(
        self,
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
        *,
        engine: str | None = None,
    ) -> Dataset:
        """Apply a function to each row, or to each batch, and keep the columns that it returns.

        The function returns a dict of the new or changed columns (batched: of lists, of any one length), a pyarrow
        table or a data frame, or None where it is called for its side effects. A column that keeps its name keeps its
        type where the values allow. The result of rows on disk is a file beside them, found again for the same call.

        Args:
            function: `f(row)`, or `f(batch)` with `batched`; None hands the rows on.
            with_indices, with_rank: the row's position (batched: a list), and the process's number, come after the row.
            input_columns: the function is given these columns' values in place of the row.
            batch_size: rows a batch; None or 0 is all of them.
            drop_last_batch: leave out a last batch that is not full.
            remove_columns: columns that go, unless the function returns them.
            keep_in_memory: no file.
            load_from_cache_file: False computes anew although the result is there.
            cache_file_name: the result's file, in place of one named by the key.
            writer_batch_size: rows of a row function that are kept together: work that was cut off goes on after them.
            features: the result's features.
            fn_kwargs: keyword arguments of the function.
            num_proc: processes; order is kept, an error in one is raised here, finished parts are found again.
            new_fingerprint: the result's key, in place of the one made from the function.
            try_original_type: False lets types be inferred anew.
            on_mixed_types: "use_json" stores values of mixed types as Json; None makes them an error.
            engine: "ray" runs the function on a Ray cluster, num_proc tasks at a time (default: all its CPUs).

        Raises:
            ValueError, KeyError: an argument or column that does not exist.
            TypeError: the function returned something else.
            Whatever the function raises, with a note that names the function and the row.
        """
        from bearhug.datasets.job import Job
        from bearhug.datasets.map import perform, same
        from bearhug.datasets.provenance import NAME as PROVENANCE
        from bearhug.datasets.provenance import is_there

        if keep_in_memory and cache_file_name is not None:
            raise ValueError("Please use either `keep_in_memory` or `cache_file_name` but not both.")
        if num_proc is not None and num_proc < 0:
            raise ValueError("num_proc must be >= 0 or None.")
        removed = [remove_columns] if isinstance(remove_columns, str) else list(remove_columns or [])
        if len(self) == 0:
            empty = self if self._order is None else self._select(range(0), "map()")
            return empty.remove_columns(removed) if removed else empty
        inputs = [input_columns] if isinstance(input_columns, str) else input_columns
        self._known(inputs or [], "Input column")
        self._known(removed, "Column to remove")
        if is_there(self.features):
            removed = [name for name in removed if name != PROVENANCE]
            if features is not None:
                features = Features({**features, PROVENANCE: self.features[PROVENANCE]})
        job = Job(
            self,
            function or same,
            with_indices=with_indices,
            with_rank=with_rank,
            input_columns=inputs,
            batched=batched,
            batch_size=batch_size if batch_size and batch_size > 0 else len(self),
            drop_last_batch=drop_last_batch,
            remove_columns=removed,
            features=Features(features) if features is not None else None,
            fn_kwargs=fn_kwargs or {},
            gathered=writer_batch_size or 1000,
            try_original_type=bool(try_original_type),
            mixed=on_mixed_types,
        )
        out = perform(
            job,
            keep_in_memory,
            load_from_cache_file,
            cache_file_name,
            num_proc,
            suffix_template,
            new_fingerprint,
            desc,
            engine,
        )
        if len(out) != len(self):
            self._check_no_index("map")
        return out

    def with_provenance(self) -> Dataset:
        """With a column `provenance`, which says where each row comes from: {"file", "row", "rows"}.

        `file` is the Arrow file that the row lies in (None where it is in memory) and `row` its number there. The
        column comes along through all that follows, `map(..., remove_columns=ds.column_names)` too. Where a function
        of batches changes the number of rows, `rows` of them, from `row` on, may be the source; `batch_size=1` makes
        that one, and a tokenizer's `overflow_to_sample_mapping` is followed.
        """
        from bearhug.datasets.provenance import with_provenance

        return with_provenance(self)

    def filter(
        self,
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
        *,
        engine: str | None = None,
    ) -> Dataset:
        """The rows for which a function returns something true (batched: a list of answers).

        Arguments as in `map`; the result shares this data set's table and keeps a list of positions.
        """
        from bearhug.datasets.job import Job
        from bearhug.datasets.map import perform, yes

        self._check_no_index("filter")
        if len(self) == 0:
            return self
        inputs = [input_columns] if isinstance(input_columns, str) else input_columns
        self._known(inputs or [], "Input column")
        job = Job(
            self,
            function or yes,
            kind="filter",
            with_indices=with_indices,
            with_rank=with_rank,
            input_columns=inputs,
            batched=batched and function is not None,
            batch_size=batch_size if batch_size and batch_size > 0 else len(self),
            fn_kwargs=fn_kwargs or {},
            gathered=writer_batch_size or 1000,
        )
        return perform(
            job,
            keep_in_memory,
            load_from_cache_file,
            cache_file_name,
            num_proc,
            suffix_template,
            new_fingerprint,
            desc,
            engine,
        )

    def batch(
        self,
        batch_size: int | None = None,
        by_column: str | list[str] | None = None,
        drop_last_batch: bool = False,
        num_proc: int | None = None,
        new_fingerprint: str | None = None,
    ) -> Dataset:
        """Rows grouped: each new row holds lists of `batch_size` old ones, or those next to each other with one value.

        Args:
            by_column: group neighbours that agree in this column, or in these.
        """
        from bearhug.datasets.map import batch_rows

        return batch_rows(self, batch_size, by_column, drop_last_batch)

    def cleanup_cache_files(self) -> int:
        """Delete the results of `map` and its like beside this data set's files, except those in use; how many."""
        from bearhug.datasets.journal import cut_off

        used = {os.path.abspath(file["filename"]) for file in self.cache_files}
        count = 0
        for folder in {os.path.dirname(path) for path in used}:
            for left in cut_off(folder):
                left.unlink()
            for name in os.listdir(folder):
                path = os.path.join(folder, name)
                if name.startswith("cache-") and name.endswith(".arrow") and path not in used:
                    os.remove(path)
                    count += 1
        return count

    def to_iterable_dataset(self, num_shards: int | None = 1) -> IterableDataset:
        """The same rows as a stream."""
        from bearhug.datasets.streaming import stream_of

        return stream_of(self, num_shards or 1)
