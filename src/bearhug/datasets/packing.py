"""tokenize_and_pack: documents become rows of exactly `length` tokens that say where each document begins.

The tokenizer's flat arrays go to Arrow as they are; no Python list of tokens is made. `Packer` is given the tokens of
some documents at a time and gives the rows that are full; what is left over waits for the next documents.
"""

from __future__ import annotations

import logging
import os
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bearhug._lib.errors import near
from bearhug._lib.progress import progress
from bearhug.datasets.arrow import to_list
from bearhug.datasets.features import Features, List, Value
from bearhug.datasets.fingerprint import Unkeyable, is_caching_enabled, key_of
from bearhug.datasets.streams.node import Chunk, Node, Reader, Step, joined
from bearhug.datasets.table import read_arrow
from bearhug.datasets.writer import ArrowWriter

if TYPE_CHECKING:
    from bearhug.datasets.dataset import Dataset

log = logging.getLogger("bearhug.datasets")
OF_LENGTH = ("input_ids", "position_ids", "segment_ids", "attention_mask", "labels")
RAGGED = ("seq_lengths", "cu_seqlens", "documents")
DEFAULT = ("input_ids", "position_ids", "segment_ids")
IGNORED = -100


@dataclass(frozen=True)
class Plan:
    """How documents become rows; checked when it is made."""

    tokenizer: Any
    length: int
    column: str = "text"
    fields: tuple[str, ...] | None = None
    strategy: str = "wrap"
    tail: str = "drop"
    add_special_tokens: bool = True
    add_eos: bool = True
    pad_token_id: int | None = None
    batch_size: int = 1000

    def __post_init__(self) -> None:
        if not callable(self.tokenizer):
            raise TypeError(
                f"tokenize_and_pack needs a tokenizer, not {type(self.tokenizer).__name__}: "
                "ds.tokenize_and_pack(AutoTokenizer.from_pretrained(name), 1024)."
            )
        if isinstance(self.length, bool) or not isinstance(self.length, int) or self.length < 1:
            raise ValueError(f"length={self.length!r} is no number of tokens; give a whole number, 1 or more.")
        if self.batch_size < 1:
            raise ValueError(f"batch_size={self.batch_size} is no number of documents; give 1 or more.")
        for name, value, known in (
            ("strategy", self.strategy, ("wrap", "fit")),
            ("tail", self.tail, ("drop", "pad", "keep")),
        ):
            if value not in known:
                raise ValueError(f"{name}={value!r} is none of {', '.join(map(repr, known))}.{near(str(value), known)}")
        if self.fields is None:
            object.__setattr__(self, "fields", DEFAULT + (("attention_mask",) if self.pads else ()))
        given = (self.fields,) if isinstance(self.fields, str) else tuple(self.fields or ())
        object.__setattr__(self, "fields", given)
        if not given:
            raise ValueError(f"fields is empty; there are {', '.join([*OF_LENGTH, *RAGGED])}.")
        for one in given:
            if one not in OF_LENGTH + RAGGED:
                raise ValueError(
                    f"fields has {one!r}, which a packed row does not have.{near(one, OF_LENGTH + RAGGED)} "
                    f"There are {', '.join([*OF_LENGTH, *RAGGED])}."
                )
        if self.pads and self.pad is None:
            raise ValueError(
                "rows are filled up, and the tokenizer has no pad token; give pad_token_id=, or set "
                "tokenizer.pad_token = tokenizer.eos_token."
            )

    @property
    def pads(self) -> bool:
        """Whether rows may be filled up."""
        return self.strategy == "fit" or self.tail == "pad"

    @property
    def pad(self) -> int | None:
        """The token that fills rows up."""
        return self.pad_token_id if self.pad_token_id is not None else getattr(self.tokenizer, "pad_token_id", None)

    @property
    def eos(self) -> int | None:
        """The token that ends a document, where one is to be added."""
        return getattr(self.tokenizer, "eos_token_id", None) if self.add_eos else None

    @property
    def features(self) -> Features:
        """What a packed row holds."""
        small = "int16" if self.length < 1 << 15 else "int32"
        kinds = {"position_ids": small, "segment_ids": small, "attention_mask": "int8", "documents": "int64"}
        size = -1 if self.tail == "keep" and self.strategy == "wrap" else self.length
        return Features(
            {
                name: List(Value(kinds.get(name, "int32")), length=size if name in OF_LENGTH else -1)
                for name in self.fields or ()
            }
        )

    def key(self) -> list:
        """What the rows depend on, besides the documents."""
        names = [name for name in self.__dataclass_fields__ if name != "tokenizer"]
        return [self.tokenizer, *[[name, getattr(self, name)] for name in names]]

    def tokens(self, texts: Sequence[str | None]) -> tuple[np.ndarray, np.ndarray]:
        """Texts -> (ids of all, length of each), each with its end token; an empty text has none at all."""
        there = [text for text in texts if text]
        lengths = np.zeros(len(texts), dtype=np.int64)
        if not there:
            return np.zeros(0, dtype=np.int32), lengths
        wrong = next((text for text in there if not isinstance(text, str)), None)
        if wrong is not None:
            raise TypeError(
                f"the column {self.column!r} holds {type(wrong).__name__}, and tokenize_and_pack reads text; "
                "choose the column with column=."
            )
        ids, starts = _flat(self.tokenizer, there, self.add_special_tokens)
        counts = np.diff(starts)
        if self.eos is not None:
            ends = np.zeros(len(counts), dtype=bool)
            full = counts > 0
            ends[full] = ids[starts[1:][full] - 1] == self.eos
            ids = np.insert(ids, starts[1:][~ends], self.eos)
            counts = counts + ~ends
        lengths[[bool(text) for text in texts]] = counts
        return ids, lengths


def _flat(tokenizer: Any, texts: list[str], special: bool) -> tuple[np.ndarray, np.ndarray]:
    """A tokenizer's ids of all texts, and where each begins."""
    options: dict[str, Any] = {"add_special_tokens": special, "truncation": False, "padding": False}
    if hasattr(tokenizer, "model_max_length"):  # a row's length is ours to choose: no warning
        options |= {"return_attention_mask": False, "verbose": False}
    encoded = tokenizer(texts, **options)
    flat = encoded.flat("input_ids") if hasattr(encoded, "flat") else None
    if flat is not None:
        return flat[0].astype(np.int32), flat[1]
    rows = [np.asarray(one, dtype=np.int32) for one in encoded["input_ids"]]
    starts = np.concatenate([[0], np.cumsum([len(one) for one in rows])]).astype(np.int64)
    return np.concatenate(rows), starts


@dataclass
class Segments:
    """Runs of tokens that stand together, in the order of the rows that they fill: S runs, R rows, N tokens."""

    ids: np.ndarray  # (N,)
    lengths: np.ndarray  # (S,)
    rows: np.ndarray  # (S,), rising
    documents: np.ndarray  # (S,)
    width: int  # of a row
    pad: int = 0

    def table(self, features: Features) -> pa.Table:
        """The rows as Arrow."""
        rows = int(self.rows[-1]) + 1 if len(self.rows) else 0
        first = np.searchsorted(self.rows, np.arange(rows + 1))  # the first run of each row
        before = np.concatenate([[0], np.cumsum(self.lengths)])
        offsets = before[:-1] - before[first[self.rows]]  # of each run in its row
        inside = np.arange(len(self.ids)) - np.repeat(before[:-1], self.lengths)
        full = len(self.ids) == rows * self.width
        places = None if full else np.repeat(self.rows * self.width + offsets, self.lengths) + inside

        def spread(values: np.ndarray, empty: int) -> np.ndarray:
            if places is None:
                return values
            out = np.full(rows * self.width, empty, dtype=values.dtype)
            out[places] = values
            return out

        arrays = []
        for name in features:
            kind = features.arrow_schema.field(name).type
            if name in RAGGED:
                arrays.append(_ragged(name, self.lengths, self.documents, first, kind))
                continue
            if name == "input_ids":
                values = spread(self.ids, self.pad)
            elif name == "position_ids":
                values = spread(inside, 0)
            elif name == "segment_ids":
                values = spread(np.repeat(np.arange(len(self.rows)) - first[self.rows] + 1, self.lengths), 0)
            elif name == "attention_mask":
                values = spread(np.ones(len(self.ids), np.int8), 0)
            else:  # labels: nothing foretells the first token of a document
                values = spread(np.where(inside == 0, IGNORED, self.ids), IGNORED)
            flat = pa.array(values.astype(kind.value_type.to_pandas_dtype(), copy=False))
            if pa.types.is_fixed_size_list(kind):
                arrays.append(pa.FixedSizeListArray.from_arrays(flat, self.width))
            else:
                starts = pa.array(np.arange(rows + 1) * self.width, pa.int32())
                arrays.append(pa.ListArray.from_arrays(starts, flat))
        return pa.table(arrays, schema=features.arrow_schema)


def _ragged(
    name: str, lengths: np.ndarray, documents: np.ndarray, first: np.ndarray, kind: pa.DataType
) -> pa.ListArray:
    if name != "cu_seqlens":
        values = lengths if name == "seq_lengths" else documents
        return pa.ListArray.from_arrays(pa.array(first, pa.int32()), pa.array(values, kind.value_type))
    rows = len(first) - 1
    total = np.cumsum(lengths)
    base = np.concatenate([[0], total])[first[:-1]]
    ends = total - np.repeat(base, np.diff(first))
    values = np.insert(ends, first[:-1], 0)  # each row begins with 0
    starts = first + np.arange(rows + 1)
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), pa.array(values, kind.value_type))


@dataclass
class Packer:
    """Takes documents' tokens, gives full rows; counts what was cut, dropped and filled up."""

    plan: Plan
    ids: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))  # what waits
    lengths: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    documents: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    seen: int = 0
    empty: int = 0
    tokens: int = 0
    rows: int = 0
    cut: int = 0
    dropped: int = 0
    padded: int = 0

    def state(self) -> dict:
        """All of it as plain numbers."""
        arrays = {name: tuple(getattr(self, name).tolist()) for name in ("ids", "lengths", "documents")}
        return arrays | {
            name: getattr(self, name) for name in ("seen", "empty", "tokens", "rows", "cut", "dropped", "padded")
        }

    @classmethod
    def of(cls, plan: Plan, state: dict) -> Packer:
        """A packer that goes on from a state."""
        out = cls(plan, **state)
        out.ids = np.array(out.ids, np.int32)
        out.lengths, out.documents = np.array(out.lengths, np.int64), np.array(out.documents, np.int64)
        return out

    def add(self, texts: Sequence[str | None]) -> pa.Table:
        """More documents -> the rows that are full now."""
        ids, lengths = self.plan.tokens(texts)
        numbers = np.flatnonzero(lengths)
        self.empty += len(lengths) - len(numbers)
        self.tokens += len(ids)
        documents = numbers + self.seen
        self.seen += len(lengths)
        lengths = lengths[numbers]
        if self.plan.strategy == "fit":
            return self._fit(ids, lengths, documents)
        return self._wrap(ids, lengths, documents)

    def finish(self) -> pa.Table:
        """What still waits, as the plan says."""
        left = len(self.ids)
        if left and self.plan.tail == "drop":
            self.dropped += left
        if not left or self.plan.tail == "drop":
            return self.plan.features.arrow_schema.empty_table()
        self.rows += 1
        width = self.plan.length if self.plan.tail == "pad" else left
        self.padded += width - left
        one = np.zeros(len(self.lengths), np.int64)
        last = Segments(self.ids, self.lengths, one, self.documents, width, self.plan.pad or 0)
        return last.table(self.plan.features)

    def _wrap(self, ids: np.ndarray, lengths: np.ndarray, documents: np.ndarray) -> pa.Table:
        """Documents one after the other; a row's end cuts through them."""
        width = self.plan.length
        ids = np.concatenate([self.ids, ids])
        lengths, documents = np.concatenate([self.lengths, lengths]), np.concatenate([self.documents, documents])
        rows = len(ids) // width
        end = rows * width
        starts = np.cumsum(lengths) - lengths
        cuts = np.union1d(starts, np.arange(0, end + 1, width)[: rows + (end < len(ids))])
        owner = np.searchsorted(starts, cuts, side="right") - 1
        sizes = np.diff(np.append(cuts, len(ids)))
        head = int(np.searchsorted(cuts, end))
        self.cut += len(cuts) - len(starts)
        self.rows += rows
        self.ids, self.lengths, self.documents = ids[end:].copy(), sizes[head:], documents[owner[head:]]
        return Segments(ids[:end], sizes[:head], cuts[:head] // width, documents[owner[:head]], width).table(
            self.plan.features
        )

    def _fit(self, ids: np.ndarray, lengths: np.ndarray, documents: np.ndarray) -> pa.Table:
        """Whole documents, the longest first, each into the fullest row with room; what is longer than a row is cut."""
        width = self.plan.length
        parts = -(-lengths // width)
        owner = np.repeat(np.arange(len(lengths)), parts)
        nth = np.arange(len(owner)) - np.repeat(np.cumsum(parts) - parts, parts)
        sizes = np.minimum(width, lengths[owner] - nth * width)
        starts = (np.cumsum(lengths) - lengths)[owner] + nth * width
        order = np.argsort(-sizes, kind="stable")
        home = np.empty(len(sizes), np.int64)
        rows = _best_fit(sizes[order], width)
        home[order] = rows
        order = order[np.argsort(rows, kind="stable")]
        sizes, starts = sizes[order], starts[order]
        count = int(rows.max()) + 1 if len(rows) else 0
        self.cut += int((parts - 1).sum())
        self.rows += count
        self.padded += count * width - len(ids)
        places = np.repeat(starts - (np.cumsum(sizes) - sizes), sizes) + np.arange(len(ids))
        segments = Segments(ids[places], sizes, home[order], documents[owner[order]], width, self.plan.pad or 0)
        return segments.table(self.plan.features)

    def said(self) -> str:
        """What happened, in one line."""
        parts = [f"{self.cut:,} times a document was cut at a row's end" if self.cut else "no document was cut"]
        if self.plan.strategy == "fit" and self.cut:
            parts = [f"documents longer than {self.plan.length} tokens were cut {self.cut:,} times"]
        if self.dropped:
            parts.append(f"the last {self.dropped:,} tokens were dropped (tail='pad' keeps them)")
        if self.padded:
            share = self.padded / max(1, self.rows * self.plan.length)
            parts.append(f"{self.padded:,} places were filled up ({share:.1%})")
        if self.empty:
            parts.append(f"{self.empty:,} documents were empty")
        return (
            f"tokenize_and_pack: {self.seen:,} documents, {self.tokens:,} tokens -> {self.rows:,} rows of "
            f"{self.plan.length}; {', '.join(parts)}."
        )


def _best_fit(sizes: np.ndarray, width: int) -> np.ndarray:
    """The row of each piece; pieces come longest first."""
    free: list[tuple[int, int]] = []  # (room, row), rising
    out, rows = np.empty(len(sizes), np.int64), 0
    for i, size in enumerate(sizes.tolist()):
        at = bisect_left(free, (size, 0))
        if at == len(free):
            room, row, rows = width, rows, rows + 1
        else:
            room, row = free.pop(at)
        out[i] = row
        if room > size:
            insort(free, (room - size, row))
    return out


# ---- a data set


def pack(
    dataset: Dataset,
    plan: Plan,
    keep_in_memory: bool = False,
    load_from_cache_file: bool | None = None,
    cache_file_name: str | os.PathLike | None = None,
    new_fingerprint: str | None = None,
) -> Dataset:
    """The packed rows of a data set; found again where the same call has been made on the same content."""
    from bearhug.datasets.map import _temporary_folder

    dataset._known([plan.column])
    key = new_fingerprint or _key(dataset, plan)
    reuse = is_caching_enabled() if load_from_cache_file is None else load_from_cache_file
    path = None
    if not keep_in_memory and (cache_file_name is not None or dataset._mapped):
        folder = os.path.dirname(dataset._mapped[0].path) if dataset._mapped else ""
        if not key or not is_caching_enabled() or not os.access(folder, os.W_OK):
            folder = _temporary_folder()
        path = os.fspath(cache_file_name or os.path.join(folder, f"cache-{key or os.urandom(8).hex()}.arrow"))
        if reuse and os.path.exists(path) and (key or cache_file_name):
            table, mapped = read_arrow(path)
            return _made(dataset, plan, table, mapped, key, f"found again in {path}")
    packer = Packer(plan)
    texts = dataset.select_columns([plan.column]).with_format(None)
    with (
        ArrowWriter(path, plan.features, key) as writer,
        progress(total=len(dataset), desc="Packing", unit=" documents") as bar,
    ):
        for part in texts._tables(plan.batch_size):
            writer.write(packer.add(to_list(part.column(0))), plan.features)
            bar.update(part.num_rows)
        writer.write(packer.finish(), plan.features)
    log.warning("%s", packer.said())
    table, mapped = (writer.table(), None) if path is None else read_arrow(path)
    return _made(dataset, plan, table, mapped, key, packer.said().partition(": ")[2])


def _key(dataset: Dataset, plan: Plan) -> str | None:
    try:
        return key_of(dataset._fingerprint, "tokenize_and_pack", *plan.key())
    except Unkeyable as error:
        log.warning("tokenize_and_pack is computed each time, because %s: no key can be made of that.", error)
        return None


def _made(dataset: Dataset, plan: Plan, table: pa.Table, mapped: Any, key: str | None, said: str) -> Dataset:
    from bearhug.datasets.dataset import Dataset

    info = dataset._info.copy()
    info.features = plan.features
    out = Dataset(table, info, dataset._split, fingerprint=key)
    out._mapped = (mapped,) if mapped is not None else ()
    out._steps = (*dataset._steps, (f"tokenize_and_pack(length={plan.length}): {said}", out._key))
    return out


# ---- a stream


class Packed(Step):
    """Packed rows of a stream; its place holds the tokens that wait, so that none is lost where it goes on."""

    def __init__(self, child: Node, plan: Plan):
        super().__init__(child)
        self.plan = plan
        self.features, self.arrow = plan.features, True

    def dealt(self, parts: int, part: int) -> Node:
        """Dealt below: each worker packs its own documents."""
        return self.over([self.child.dealt(parts, part)])

    def chunks(self, memo: dict) -> Iterator[Chunk]:
        """The full rows of so many documents at a time, at last the tail."""
        if memo.get("done"):
            return
        reader = Reader(self.child, memo.get("reader"))
        packer = Packer.of(self.plan, memo["packer"]) if "packer" in memo else Packer(self.plan)
        while pieces := reader.piece(self.plan.batch_size):
            table = packer.add(_texts(joined(pieces), self.plan.column))
            if table.num_rows:
                memo.update(reader=reader.state(), packer=packer.state())
                yield table
        last = packer.finish()
        memo.update(reader=reader.state(), packer=packer.state(), done=True)
        log.warning("%s", packer.said())
        if last.num_rows:
            yield last


def _texts(chunk: Chunk, column: str) -> list:
    if isinstance(chunk, pa.Table):
        return to_list(chunk.column(column))
    return [row[column] for row in chunk]
