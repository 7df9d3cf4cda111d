"""Tables -> one Arrow file, in bounded memory; the file appears whole or not at all.

The first table decides the types. A later one is cast to them; where it cannot be (a column that was null so far,
integers followed by fractions), a new part is begun with the wider type, and the parts are joined when the file is
finished. A writer that resumes notes now and then how far it is (see journal.py), and the next one goes on there.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa

from bearhug._lib.files import sync_folder
from bearhug.datasets.arrow import cast, unwrap
from bearhug.datasets.features import Feature, Features, LargeList, List, Value, is_null
from bearhug.datasets.journal import Journal

BATCH_BYTES = 16 << 20  # how much waits before it is written
SMALL_BATCH = 1 << 20  # smaller record batches are joined
NOTE_EVERY = 2.0  # seconds between two notes of how far a writer is,
NOTE_PAUSE = 20  # and so many times as long as the last one took


class ArrowWriter:
    """Writes tables to `path` (or to memory where it is None); used in a `with`, it takes the name on a clean exit."""

    def __init__(
        self,
        path: str | os.PathLike | None,
        features: Features | None = None,
        fingerprint: str | None = None,
        *,
        loose: bool = False,
        sync: bool = True,
        resume: bool = False,
    ):
        self.path = None if path is None else Path(path)
        self.features = features
        self.fixed = features is not None  # the features are asked for: nothing is widened
        self.sync = sync  # False where the folder around is made whole later
        self.loose = loose  # columns may come and go: what is missing is null
        self.rows = 0
        self.fingerprint = fingerprint
        self._parts: list[tuple[Any, Features]] = []  # finished parts: a temporary path or a buffer
        self._sink: Any = None
        self._stream: Any = None
        self._waiting: list[pa.Table] = []
        self._waiting_bytes = 0
        self._result: pa.Buffer | None = None
        self.done = 0  # what an earlier writer noted in `note`
        self._append: int | None = None  # bytes of the last part that are sound
        self._noted = False
        self._joined = 0  # parts that are being joined
        self._next_note = time.monotonic() + NOTE_EVERY
        self._journal = Journal.take(self.path, fingerprint) if resume and self.path and fingerprint else None
        if self._journal is not None and (state := self._journal.read()) is not None:
            self._go_on(self._journal, state)

    def __enter__(self) -> ArrowWriter:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self.finish()
        else:
            self.drop()

    def _go_on(self, journal: Journal, state: dict) -> None:
        """Begin where another writer was."""
        parts = [(journal.part(i), Features.from_dict(one["features"])) for i, one in enumerate(state["parts"])]
        self._parts, (_, self.features) = list(parts[:-1]), parts[-1]
        self._append = state["parts"][-1]["bytes"]
        self.done, self.rows, self._noted = state["done"], state["rows"], True

    def note(self, done: int) -> None:
        """Note, every few seconds, that so much of the input is done: the next writer finds it in its `done`."""
        if self._journal is None or self.features is None or time.monotonic() < self._next_note:
            return
        began = time.monotonic()
        self._flush()
        self._open()
        self._sink.flush()
        os.fsync(self._sink.fileno())
        parts = [*self._parts, (self._temporary, self.features)]
        noted = [{"bytes": os.path.getsize(part), "features": features.to_dict()} for part, features in parts]
        self._journal.save({"done": done, "rows": self.rows, "parts": noted})
        self._noted = True
        self._next_note = time.monotonic() + max(NOTE_EVERY, NOTE_PAUSE * (time.monotonic() - began))

    def write(self, table: pa.Table, features: Features | None = None, *, where: str = "") -> None:
        """Add a table. `where` says in an error which rows these are.

        Raises:
            TypeError, ValueError: its columns or types do not fit what was written; the message names the column.
        """
        table = unwrap(table)
        features = features or Features.from_arrow_schema(table.schema)
        if self.features is None:
            self.features = features
        if table.column_names != list(self.features) or features != self.features:
            table = self._fitted(table, features, where)
        self._waiting.append(table)
        self._waiting_bytes += table.nbytes
        self.rows += table.num_rows
        if self._waiting_bytes >= BATCH_BYTES:
            self._flush()

    def _fitted(self, table: pa.Table, features: Features, where: str) -> pa.Table:
        assert self.features is not None
        at = f" ({where})" if where else ""
        missing = [name for name in self.features if name not in features]
        extra = [name for name in features if name not in self.features]
        if extra and self.loose and not self.fixed:
            wider = {**self.features, **{name: features[name] for name in extra}}
            self._end_part()
            self.features, extra = Features(wider), []
        if extra or (missing and not self.loose):
            said = f"new columns {extra}" if extra else f"no columns {missing}"
            raise ValueError(
                f"the data{at} has {said}; before it had {list(self.features)}.\n"
                f"All rows need the same columns: load the others apart, or give features=Features({{...}}) with "
                "all of them."
            )
        wider = {}
        arrays = {}
        for name, feature in self.features.items():
            if name not in features:
                arrays[name] = pa.nulls(table.num_rows)
                continue
            given = table[name]
            try:
                if is_null(feature) and not is_null(features[name]):
                    raise TypeError("no value has been seen before")
                arrays[name] = cast(given, feature)
            except (TypeError, ValueError, pa.ArrowException) as error:
                wide = None if self.fixed else widened(feature, features[name])
                if wide is None:
                    raise TypeError(
                        f"the column {name!r}{at} holds {features[name]}, but the rows before it {feature}: {error}\n"
                        f"Say what the column is: features=Features({{{name!r}: Value('string'), ...}})."
                    ) from None
                wider[name] = wide
                arrays[name] = given
        if wider:
            self._end_part()
            self.features = Features({**self.features, **wider})
            arrays = {name: cast(array, self.features[name]) for name, array in arrays.items()}
        arrays = {name: cast(array, self.features[name]) for name, array in arrays.items()}
        return pa.table(list(arrays.values()), schema=self.features.arrow_schema)

    def _flush(self) -> None:
        if not self._waiting:
            return
        assert self.features is not None
        schema = self.features.arrow_schema
        tables = [one.cast(schema) if one.schema != schema else one for one in self._waiting]
        table = tables[0] if len(tables) == 1 else pa.concat_tables(tables)
        if len(tables) > 1 and self._waiting_bytes < len(tables) * SMALL_BATCH:
            table = table.combine_chunks()
        self._waiting, self._waiting_bytes = [], 0
        self._open()
        for batch in table.to_batches():
            self._stream.write_batch(batch)

    def _open(self) -> None:
        if self._stream is not None:
            return
        assert self.features is not None
        sound, self._append = self._append, None
        if self.path is None:
            self._sink = pa.BufferOutputStream()
            self._temporary = None
        elif self._journal is not None:
            self._temporary = self._journal.part(len(self._parts) + self._joined)
            self._sink = open(self._temporary, "r+b" if sound else "wb")
        else:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, self._temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
            self._sink = os.fdopen(handle, "wb")
        info: dict = {"info": {"features": self.features.to_dict()}}
        if self.fingerprint:
            info["fingerprint"] = self.fingerprint
        schema = self.features.arrow_schema.with_metadata({"huggingface": json.dumps(info)})
        target = self._sink
        if sound:
            self._sink.truncate(sound)
            self._sink.seek(sound)
            target = pa.PythonFile(_Behind(self._sink, schema.serialize().size), "w")
        self._stream = pa.ipc.new_stream(target, schema)

    def _end_part(self) -> None:
        self._flush()
        if self._stream is None:
            return
        assert self.features is not None
        self._stream.close()
        if self.path is None:
            self._parts.append((self._sink.getvalue(), self.features))
        else:
            self._sink.flush()
            if self.sync:
                os.fsync(self._sink.fileno())
            self._sink.close()
            self._parts.append((self._temporary, self.features))
        self._stream = self._sink = None

    def finish(self) -> None:
        """Write what waits, join the parts, give the file its name."""
        try:
            if self.features is None:
                self.features = Features()
            self._flush()
            self._open()
            self._end_part()
            if len(self._parts) > 1:
                self._join()
            part = self._parts[0][0]
            if self.path is None:
                self._result = part
            else:
                mask = os.umask(0)
                os.umask(mask)
                os.chmod(part, 0o666 & ~mask)
                os.replace(part, self.path)
                if self.sync:
                    sync_folder(self.path.parent)
                if self._journal is not None:
                    self._journal.release(keep=False)
                    self._journal = None
        except BaseException:
            self.drop()
            raise

    def _join(self) -> None:
        """One part with the widest types out of several."""
        parts, self._parts, self._joined = self._parts, [], len(self._parts)
        assert self.features is not None
        try:
            for part, features in parts:
                source = pa.BufferReader(part) if self.path is None else pa.memory_map(os.fspath(part))
                with source, pa.ipc.open_stream(source) as batches:
                    for batch in batches:
                        table = unwrap(pa.Table.from_batches([batch]))
                        if features != self.features:
                            arrays = [
                                cast(table[name] if name in features else pa.nulls(table.num_rows), feature)
                                for name, feature in self.features.items()
                            ]
                            table = pa.table(arrays, schema=self.features.arrow_schema)
                        self._waiting.append(table)
                        self._flush()
            self._open()  # also where no part has a row
            self._end_part()
        finally:
            if self.path is not None:
                for part, _ in parts:
                    Path(part).unlink(missing_ok=True)

    def drop(self) -> None:
        """Leave nothing behind but what was noted for the next writer."""
        if self._stream is not None and self.path is not None:
            self._sink.close()
            self._stream = None
            if not self._noted:
                Path(self._temporary or "").unlink(missing_ok=True)
        if self.path is not None and not self._noted:
            for part, _ in self._parts:
                Path(part).unlink(missing_ok=True)
        if self._journal is not None:
            self._journal.release(keep=self._noted)
            self._journal = None

    def table(self) -> pa.Table:
        """What was written to memory."""
        assert self._result is not None
        return unwrap(pa.ipc.open_stream(self._result).read_all())


class _Behind:
    """The end of a file, to which a stream is written whose first bytes, the schema, stand there already."""

    closed = False

    def __init__(self, file: Any, skip: int):
        self.file, self.skip = file, skip

    def write(self, raw: Any) -> int:
        view = memoryview(raw).cast("B")
        skipped = min(self.skip, len(view))
        self.skip -= skipped
        self.file.write(view[skipped:])
        return len(view)

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        self.closed = True


def widened(before: Feature, after: Feature) -> Feature | None:
    """The feature that holds the values of both, where one is null or both are numbers; None where there is none."""
    if is_null(before):
        return after
    if is_null(after) or before == after:
        return before
    if isinstance(before, Value) and isinstance(after, Value):
        kinds = {before.dtype.rstrip("0123456789"), after.dtype.rstrip("0123456789")}
        if kinds == {"int", "float"} or kinds == {"float"}:
            return Value("float64")
        if kinds == {"int"}:
            return max(before, after, key=lambda one: int(one.dtype.removeprefix("int")))
        return None
    if type(before) is type(after) and isinstance(before, List | LargeList):
        inner = widened(before.feature, after.feature)
        return None if inner is None else type(before)(inner)
    if isinstance(before, dict) and isinstance(after, dict):
        fields = {}
        for key in {**before, **after}:
            wide = widened(before[key], after[key]) if key in before and key in after else before.get(key) or after[key]
            if wide is None:
                return None
            fields[key] = wide
        return fields
    return None
