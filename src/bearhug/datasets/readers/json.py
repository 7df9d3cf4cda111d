"""JSON: lines of objects, a list of objects or strings, or an object of lists; also what lies under one key of an
object."""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.json as pa_json

from bearhug._lib.errors import near
from bearhug.datasets.arrow import column, differing_structs, jsoned, merged, mixed_kinds, with_json
from bearhug.datasets.features import Features, Json, LargeList, List


def read(
    file: Any,
    name: str,
    features: Features | None = None,
    *,
    field: str | None = None,
    encoding: str = "utf-8",
    encoding_errors: str | None = None,
    chunksize: int = 10 << 20,
    on_mixed_types: str | None = "use_json",
    use_threads: bool = True,
    block_size: int | None = None,
) -> Iterator[pa.Table]:
    """JSON -> tables of about `chunksize` bytes.

    Args:
        field: the key whose value holds the rows, for a file that is one object.
        on_mixed_types: "use_json" stores a field whose values are of different kinds as Json; None makes it an error.
    """
    if field is not None:
        yield _under(json.loads(_text(file.read(), encoding, encoding_errors)), field, name, features)
        return
    paths: list[tuple] = []  # fields that are stored as Json
    if features is not None:
        paths = [path for key, one in features.items() for path in _json_paths(one, (key,))]
    first, decided = True, features is not None or on_mixed_types != "use_json"
    while batch := file.read(block_size or chunksize):
        batch = batch.removeprefix(codecs.BOM_UTF8) if first else batch
        if first and batch.lstrip().startswith(b"["):
            values = json.loads(_text(batch + file.read(), encoding, encoding_errors))
            rows = values if values and isinstance(values[0], dict) else [{_one(features): value} for value in values]
            batch = _lines(rows)
        else:
            batch += file.readline()
            if encoding != "utf-8":
                batch = _text(batch, encoding, encoding_errors).encode()
        try:
            table, paths = _table(batch, paths, decided, on_mixed_types)
        except (pa.ArrowInvalid, ValueError) as error:
            if not first:
                raise _where(error, batch, name) from None
            try:
                whole = json.loads(
                    _text(batch + file.read(), "utf-8" if encoding == "utf-8" else encoding, encoding_errors)
                )
            except ValueError:
                raise _where(error, batch, name) from None
            yield _object(whole, name, features)
            return
        first, decided = False, True
        yield table


def _one(features: Features | None) -> str:
    return next(iter(features)) if features else "text"


def _text(data: bytes, encoding: str, errors: str | None) -> str:
    return data.removeprefix(codecs.BOM_UTF8).decode(encoding, errors or "strict")


def _lines(rows: list) -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode("utf-8", "surrogatepass")


def _table(batch: bytes, paths: list[tuple], decided: bool, mixed: str | None) -> tuple[pa.Table, list[tuple]]:
    """Lines -> a table; fields of mixed types are found here, and joined to `paths`."""
    if paths:
        return _encoded([json.loads(line) for line in batch.splitlines() if line.strip()], paths), paths
    try:
        table = _parse(batch)
    except pa.ArrowInvalid as error:
        if mixed != "use_json" or ") changed from" not in str(error):
            raise
        rows = [json.loads(line) for line in batch.splitlines() if line.strip()]
        paths = merged(differing_structs(rows, root=False) + mixed_kinds(rows))
        return _encoded(rows, paths), paths
    if not decided and any(_holds_struct(one.type) for one in table.schema):
        rows = [json.loads(line) for line in batch.splitlines() if line.strip()]
        if found := merged(differing_structs(rows, root=False)):
            return _encoded(rows, found), found
    return table, paths


def _parse(batch: bytes) -> pa.Table:
    size = max(len(batch) // 16, 1 << 16)
    while True:
        try:
            options = pa_json.ReadOptions(block_size=min(size, len(batch) + 1), use_threads=size < len(batch))
            return pa_json.read_json(io.BytesIO(batch), read_options=options)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            if size > len(batch) or not any(word in str(error) for word in ("straddling", "JSON conversion to")):
                raise pa.ArrowInvalid(str(error)) from None
            size *= 4


def _encoded(rows: list, paths: list[tuple]) -> pa.Table:
    for path in paths:
        rows = [jsoned(row, path) if path[0] in row else row for row in rows]
    table = _parse(_lines(rows))
    plain = Features.from_arrow_schema(table.schema)
    features = with_json(plain, [path for path in paths if path[0] in plain and not _unseen(plain, path)])
    arrays = []
    for key, one in features.items():
        array = table[key]
        if isinstance(one, Json) and not pa.types.is_string(array.type):  # texts that all look like dates
            array = pa.chunked_array([pa.array([row.get(key) for row in rows], pa.string())])
        arrays.append(array)
    return pa.table(arrays, schema=features.arrow_schema)


def _unseen(feature: Any, path: tuple) -> bool:
    """Whether a path leads through a field of which this chunk has nothing but nulls."""
    for step in path:
        if isinstance(feature, dict) and step in feature:
            feature = feature[step]
        elif step == 0 and isinstance(feature, List | LargeList):
            feature = feature.feature
        else:
            return True
    return False


def _holds_struct(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind):
        return _holds_struct(kind.value_type)
    return pa.types.is_struct(kind)


def _json_paths(feature: Any, path: tuple) -> Iterator[tuple]:
    if isinstance(feature, Json):
        yield path
    elif isinstance(feature, dict):
        for key, inner in feature.items():
            yield from _json_paths(inner, (*path, key))
    elif hasattr(feature, "feature"):
        yield from _json_paths(feature.feature, (*path, 0))


def _under(whole: Any, field: str, name: str, features: Features | None) -> pa.Table:
    if not isinstance(whole, dict):
        raise ValueError(f"{name!r} holds a {type(whole).__name__}, so there is no field {field!r}; leave field= out.")
    if field not in whole:
        raise KeyError(f"{name!r} has no field {field!r}.{near(field, whole)} There are: {', '.join(map(repr, whole))}")
    return _object(whole[field], name, features)


def _object(whole: Any, name: str, features: Features | None) -> pa.Table:
    """What one JSON value holds, as a table: a list of rows, an object of columns, or one row."""
    if isinstance(whole, list):
        rows = whole if whole and isinstance(whole[0], dict) else [{_one(features): value} for value in whole]
    elif isinstance(whole, dict):
        lists = {key: len(value) for key, value in whole.items() if isinstance(value, list)}
        if whole and all(isinstance(value, dict) for value in whole.values()):  # column -> {row's name: value}
            index = list(dict.fromkeys(key for value in whole.values() for key in value))
            rows = [{key: value.get(one) for key, value in whole.items()} for one in index]
        elif len(set(lists.values())) == 1:
            size = next(iter(lists.values()))
            columns = {key: value if key in lists else [value] * size for key, value in whole.items()}
            rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        elif lists:
            best = max(lists, key=lambda key: lists[key])
            raise ValueError(
                f"{name!r} is one object whose lists have different lengths: {lists}.\nSay where the rows are: "
                f"field={best!r}."
            )
        else:
            rows = [whole]
    else:
        raise ValueError(f"{name!r} holds a {type(whole).__name__}; rows are a list of objects, or one object a line.")
    arrays, made = [], Features()
    for key in dict.fromkeys(key for row in rows for key in row):
        values = [row.get(key) for row in rows]
        array, made[key] = column(values, (features or {}).get(key), name=key, mixed="use_json")
        arrays.append(array)
    return pa.table(arrays, schema=made.arrow_schema)


def _where(error: Exception, batch: bytes, name: str) -> ValueError:
    """The error of a line that is no JSON, with its number."""
    for i, line in enumerate(batch.splitlines(), 1):
        if line.strip():
            try:
                json.loads(line)
            except ValueError as wrong:
                shown = line[:80].decode("utf-8", "replace")
                return ValueError(f"{name!r}: line {i} of this part is no JSON ({wrong}): {shown}")
    return ValueError(f"{name!r}: {error}")
