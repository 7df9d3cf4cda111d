"""Tables -> one Arrow file, in bounded memory; the file appears whole or not at all.

The first table decides the types. A later one is cast to them; where it cannot be (a column that was null so far,
integers followed by fractions), a new part is begun with the wider type, and the parts are joined when the file is
finished.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa

from bearhug._lib.files import sync_folder
from bearhug.datasets.arrow import cast, unwrap
from bearhug.datasets.features import Feature, Features, LargeList, List, Value, is_null

BATCH_BYTES = 16 << 20  # how much waits before it is written
SMALL_BATCH = 1 << 20  # smaller record batches are joined


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

    def __enter__(self) -> ArrowWriter:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self.finish()
        else:
            self.drop()

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
        if self.path is None:
            self._sink = pa.BufferOutputStream()
            self._temporary = None
        else:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, self._temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
            self._sink = os.fdopen(handle, "wb")
        info: dict = {"info": {"features": self.features.to_dict()}}
        if self.fingerprint:
            info["fingerprint"] = self.fingerprint
        schema = self.features.arrow_schema.with_metadata({"huggingface": json.dumps(info)})
        self._stream = pa.ipc.new_stream(self._sink, schema)

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
        except BaseException:
            self.drop()
            raise

    def _join(self) -> None:
        """One part with the widest types out of several."""
        parts, self._parts = self._parts, []
        assert self.features is not None
        try:
            for part, features in parts:
                source = pa.BufferReader(part) if self.path is None else pa.memory_map(part)
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
            self._end_part()
        finally:
            if self.path is not None:
                for part, _ in parts:
                    Path(part).unlink(missing_ok=True)

    def drop(self) -> None:
        """Leave nothing behind."""
        if self._stream is not None and self.path is not None:
            self._sink.close()
            Path(self._temporary or "").unlink(missing_ok=True)
        if self.path is not None:
            for part, _ in self._parts:
                Path(part).unlink(missing_ok=True)

    def table(self) -> pa.Table:
        """What was written to memory."""
        assert self._result is not None
        return unwrap(pa.ipc.open_stream(self._result).read_all())


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
