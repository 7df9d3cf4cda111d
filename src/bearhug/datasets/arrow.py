"""Python values <-> Arrow arrays: inference, encoding, casts to a feature, and lists back out of arrays.

All arrays inside of this package are plain: `unwrap` takes extensions and dictionaries off as soon as data comes in.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from bearhug.datasets.features import (
    Feature,
    Features,
    Json,
    LargeList,
    List,
    Value,
    feature_of,
    feature_type,
    field_of,
    json_text,
    leaves,
    plain_type,
)
from bearhug.datasets.media import MediaFile, media_of

# columns that a tokenizer makes, in the smallest integers that hold them
SMALL = {
    "input_ids": pa.int32(),
    "attention_mask": pa.int8(),
    "token_type_ids": pa.int8(),
    "special_tokens_mask": pa.int8(),
}
SCALARS = (str, int, float, bool, bytes)


class CastError(ValueError):
    """A table does not fit the features asked for."""


# ---- in


def plain(value: Any) -> Any:
    """Tensors, arrays, series and their like as numpy arrays or Python values, at any depth."""
    if value is None or isinstance(value, SCALARS):
        return value
    if isinstance(value, np.ndarray):
        return value[()] if value.ndim == 0 else value
    if isinstance(value, np.generic):
        return value.item() if value.dtype.kind not in "mM" else value
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        first = next((one for one in value if one is not None), None)
        if first is None or (isinstance(first, SCALARS) and {type(one) for one in value} <= {*SCALARS, type(None)}):
            return value
        return [plain(inner) for inner in value]
    if torch := sys.modules.get("torch"):
        if isinstance(value, torch.Tensor):
            value = value.detach().cpu()
            value = value.float() if value.dtype == torch.bfloat16 else value
            return value.numpy() if value.ndim else value.item()
    if pandas := sys.modules.get("pandas"):
        if isinstance(value, pandas.Series):
            return [plain(inner) for inner in value.tolist()]
        if isinstance(value, pandas.DataFrame):
            return {key: plain(column.tolist()) for key, column in value.items()}
        if isinstance(value, pandas.Timestamp | pandas.Timedelta):
            return value.to_pydatetime() if isinstance(value, pandas.Timestamp) else value.to_pytimedelta()
    if isinstance(value, pa.Array | pa.ChunkedArray | pa.Scalar):
        return to_list(value) if not isinstance(value, pa.Scalar) else value.as_py()
    if hasattr(value, "__array__") and not hasattr(value, "__arrow_array__"):
        return plain(np.asarray(value))
    if isinstance(value, Iterable) and hasattr(value, "__len__") and hasattr(value, "__getitem__"):
        return [plain(inner) for inner in value]
    return value


def from_numpy(values: np.ndarray) -> pa.Array:
    """An array (N, ...) -> N values, or N (nested) lists of one length; without a copy where Arrow allows it."""
    flat = pa.array(values.reshape(-1))
    for axis in range(values.ndim - 1, 0, -1):
        count = int(np.prod(values.shape[:axis], dtype=np.int64))
        flat = pa.ListArray.from_arrays(
            pa.array(np.arange(count + 1, dtype=np.int64) * values.shape[axis], pa.int32()), flat
        )
    return flat


def from_flat(values: np.ndarray, starts: np.ndarray, name: str = "") -> pa.Array:
    """Rows of a flat array (N, ...) as lists, row r from starts[r] to starts[r + 1]; a tokenizer's stay small."""
    flat = from_numpy(values) if values.ndim > 1 else pa.array(values, SMALL.get(name, pa.int64()))
    flat = flat.cast(pa.list_(pa.int64())) if values.ndim > 1 else flat
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), flat)


def _from_arrays(values: list) -> pa.Array:
    """Rows that are numpy arrays, lists of them, or None."""
    if all(isinstance(one, np.ndarray) for one in values) and len({one.shape for one in values}) == 1:
        stacked = np.stack(values)
        if stacked.dtype != object:
            return from_numpy(stacked)
    inner = [from_numpy(one) if isinstance(one, np.ndarray) else _from_arrays(one) for one in values if one is not None]
    lengths = np.array([0 if one is None else len(one) for one in values], dtype=np.int64)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    kinds = [one.type for one in inner if not pa.types.is_null(one.type) and len(one)] or [one.type for one in inner]
    if len(set(kinds)) > 1:
        raise pa.ArrowInvalid(f"rows of different types: {', '.join(map(str, sorted(set(map(str, kinds)))))}")
    joined = pa.concat_arrays([one.cast(kinds[0]) for one in inner]) if inner else pa.nulls(0)
    nulls = [one is None for one in values]
    return pa.ListArray.from_arrays(offsets, joined, mask=pa.array(nulls) if any(nulls) else None)


def _first(values: Any) -> Any:
    """The first value that is neither None nor an empty list, looked for at any depth of first elements."""
    for one in values:
        if one is None or (isinstance(one, list | tuple) and len(one) == 0):
            continue
        if isinstance(one, list | tuple):
            deeper = _first(one)
            if deeper is None:
                continue
            return deeper
        return one
    return None


def infer(values: Any) -> pa.Array:
    """Values -> an Arrow array of the type that Arrow infers; None is null."""
    if hasattr(values, "__arrow_array__"):
        return unwrap(pa.array(values))
    if torch := sys.modules.get("torch"):
        values = plain(values) if isinstance(values, torch.Tensor) else values
    if isinstance(values, np.ndarray):
        return from_numpy(values) if values.dtype != object else infer(list(values))
    if not isinstance(values, list):
        values = list(plain(values) if not isinstance(values, tuple) else values)
    first = _first(values)
    if first is None or isinstance(first, (*SCALARS, np.generic)):
        try:
            return pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            converted = [plain(one) for one in values]
    else:
        converted = [plain(one) for one in values]
    if isinstance(_first(converted), np.ndarray):
        return _from_arrays(converted)
    return pa.array(_lists(converted))


def _lists(value: Any) -> Any:
    """Arrays of more than one axis as nested lists: Arrow takes only flat ones inside of lists."""
    if isinstance(value, np.ndarray) and value.ndim > 1:
        return value.tolist()
    if isinstance(value, list | tuple) and value and not isinstance(value[0], SCALARS):
        return [_lists(one) for one in value]
    if isinstance(value, dict):
        return {key: _lists(one) for key, one in value.items()}
    return value


def column(
    values: Any, feature: Feature = None, *, wish: Feature = None, name: str = "", mixed: str | None = None
) -> tuple[pa.Array | pa.ChunkedArray, Feature]:
    """Values of one column -> an Arrow array and its feature.

    Args:
        feature: the feature that it must have; strings become class labels, and so on.
        wish: the feature that it keeps if the values allow it (`map` rewriting a column).
        name: the column's name, for errors; what a tokenizer makes (`input_ids`, ...) is stored in small integers.
        mixed: "use_json" stores values of mixed types, or structs with different fields, as Json.

    Raises:
        TypeError, ValueError: the values have no common type, or do not fit `feature`.
    """
    if isinstance(values, pa.Array | pa.ChunkedArray):
        if feature is not None:
            return cast(values, feature), feature
        if wish is not None:
            try:
                return cast(values, wish, strict=True), wish
            except (TypeError, ValueError, pa.ArrowException):
                pass
        return unwrap(values), feature_of(pa.field("item", values.type))
    if feature is not None:
        return _typed(values, feature, name), feature
    if wish is not None:
        try:
            encoded = any(isinstance(leaf, Json | MediaFile) for leaf in leaves(wish))
            array = _typed(values, wish, name) if encoded else cast(infer(values), wish, strict=True)
            return array, wish
        except (TypeError, ValueError, pa.ArrowException, OverflowError):
            pass
    return _inferred(values, name, mixed)


def _typed(values: Any, feature: Feature, name: str) -> pa.Array:
    from bearhug.datasets.features import encode_all

    try:
        if (
            isinstance(values, np.ndarray)
            and values.dtype != object
            and not any(isinstance(x, Json | MediaFile) for x in leaves(feature))
        ):
            return cast(from_numpy(values), feature)
        if any(hasattr(leaf, "encode_example") and not isinstance(leaf, Value) for leaf in leaves(feature)):
            values = encode_all(feature, [plain(one) for one in values])
        if isinstance(feature, MediaFile):
            return pa.array(values, feature.pa_type)
        return cast(infer(values), feature)
    except (pa.ArrowException, OverflowError) as error:
        raise _explained(error, values, name, feature) from None


def _inferred(values: Any, name: str, mixed: str | None) -> tuple[pa.Array, Feature]:
    paths: list[tuple] = []
    media = _media_at(values) if isinstance(values, list | tuple) else {}
    for path, feature in media.items():
        values = [changed(one, path, feature.encode_example) for one in values]
    if mixed == "use_json" and not isinstance(values, np.ndarray):
        values = values if isinstance(values, list) else list(plain(values))
        if isinstance(_first(values), Mapping):
            values = [plain(one) for one in values]
            paths = differing_structs(values)
    try:
        array = infer(_at_paths(list(values), paths) if paths else values)
    except (pa.ArrowException, OverflowError, TypeError) as error:
        if mixed != "use_json":
            raise _explained(error, values, name) from None
        paths = merged(paths + mixed_kinds([plain(one) for one in values]))
        if not paths:
            raise _explained(error, values, name) from None
        array = infer(_at_paths([plain(one) for one in values], paths))
    feature = feature_of(pa.field("item", array.type))
    for path in paths:
        feature = with_feature(feature, path, Json())
    if media:
        for path, kind in media.items():
            feature = with_feature(feature, path, kind)
        array = cast(array, feature)
    if name in SMALL and not paths:
        array = _smaller(array, SMALL[name])
        feature = feature_of(pa.field("item", array.type))
    return array, feature


def _smaller(array: pa.Array, target: pa.DataType) -> pa.Array:
    def shrunk(kind: pa.DataType) -> pa.DataType:
        if pa.types.is_list(kind):
            return pa.list_(shrunk(kind.value_type))
        return target if pa.types.is_int64(kind) else kind

    try:
        return array.cast(shrunk(array.type))
    except pa.ArrowInvalid:  # an id beyond the small type
        return array


def _explained(error: Exception, values: Any, name: str, feature: Feature = None) -> Exception:
    """The error of values that have no common type, with the column, the row and the two kinds."""
    where = f"the column {name!r}" if name else "the values"
    if "overflow" in str(error) and isinstance(error, pa.ArrowException):
        return OverflowError(f"{where} holds more than 2 GB in one batch; make it smaller with writer_batch_size=100.")
    if feature is not None:
        return type(error)(f"{where} cannot be stored as {feature}: {error}")
    text = f"{where} has no common type: {error}"
    try:
        first = next((i, one) for i, one in enumerate(values) if one is not None)
        other = next((i, one) for i, one in enumerate(values) if one is not None and type(one) is not type(first[1]))
        text = (
            f"{where} mixes types: row {first[0]} is {type(first[1]).__name__} {first[1]!r:.60}, row {other[0]} is "
            f"{type(other[1]).__name__} {other[1]!r:.60}.\nMake them one type, or store them as JSON with "
            f"on_mixed_types='use_json'."
        )
    except StopIteration:
        pass
    if isinstance(error, pa.ArrowTypeError):
        return pa.ArrowTypeError(text)
    return pa.ArrowInvalid(text) if isinstance(error, pa.ArrowException) else type(error)(text)


# ---- values of mixed types


def differing_structs(examples: list, root: bool = True) -> list[tuple]:
    """The paths at which dicts have different keys (or none): 0 stands for a list's elements."""
    found: list[tuple] = []
    todo: list[tuple[tuple, list]] = [((), [one for one in examples if one is not None])]
    while todo:
        path, content = todo.pop(0)
        if not content:
            continue
        if all(isinstance(one, dict) for one in content):
            keys = content[0].keys()
            if (root or path) and (not keys or any(one.keys() != keys for one in content)):
                found.append(path)
            else:
                for key in {key: None for one in content for key in one}:
                    todo.append(((*path, key), [one[key] for one in content if one.get(key) is not None]))
        elif all(isinstance(one, list | tuple) for one in content):
            if not isinstance(content[0][0] if content[0] else None, SCALARS):
                todo.append(((*path, 0), [inner for one in content for inner in one if inner is not None]))
        elif any(isinstance(one, dict | list) for one in content):
            found.append(path)
    return found


def mixed_kinds(examples: list, path: tuple = ()) -> list[tuple]:
    """The paths at which values of kinds without a common Arrow type meet."""
    content = [one for one in examples if one is not None]
    kinds = {_kind(one) for one in content}
    if len(kinds) > 1:
        return [path]
    if kinds == {"dict"}:
        keys = {key: None for one in content for key in one}
        return [hit for key in keys for hit in mixed_kinds([one.get(key) for one in content], (*path, key))]
    if kinds == {"list"}:
        return mixed_kinds([inner for one in content for inner in one], (*path, 0))
    return []


def _kind(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "bool"
    if isinstance(value, int | float | np.number):
        return "number"
    if isinstance(value, Mapping):
        return "dict"
    return "list" if isinstance(value, list | tuple | np.ndarray) else type(value).__name__


def merged(paths: list[tuple]) -> list[tuple]:
    """Paths without those that lie below another."""
    return [path for path in dict.fromkeys(paths) if not any(path[: len(up)] == up for up in paths if up != path)]


def _at_paths(values: list, paths: list[tuple]) -> list:
    for path in paths:
        values = [jsoned(one, path) for one in values]
    return values


def jsoned(value: Any, path: tuple) -> Any:
    """The value with what lies at the path as JSON text."""
    return changed(value, path, json_text)


def changed(value: Any, path: tuple, change: Callable[[Any], Any]) -> Any:
    """The value with a function applied to what lies at the path; None stays."""
    if value is None:
        return None
    if not path:
        return change(value)
    if path[0] == 0:
        return [changed(one, path[1:], change) for one in value]
    return {**value, path[0]: changed(value.get(path[0]), path[1:], change)}


def with_feature(feature: Feature, path: tuple, new: Feature) -> Feature:
    """The feature with another one at the path."""
    if not path:
        return new
    if path[0] == 0:
        return type(feature)(with_feature(feature.feature, path[1:], new))
    return {**feature, path[0]: with_feature(feature[path[0]], path[1:], new)}


def with_json(features: Features, paths: list[tuple]) -> Features:
    """The features with Json at the paths."""
    for path in paths:
        features = Features(with_feature(features, path, Json()))
    return features


def _media_at(values: Iterable, path: tuple = ()) -> dict[tuple, MediaFile]:
    """The paths at which pictures, sounds and their like lie, as the first value that is not None says."""
    values = iter(values)
    first = next((one for one in values if one is not None), None)
    if isinstance(first, Mapping):
        rows = itertools.chain([first], (one for one in values if isinstance(one, Mapping)))
        found: dict[tuple, MediaFile] = {}
        for key, rest in zip(first, itertools.tee(rows, len(first)), strict=True):
            found |= _media_at((row.get(key) for row in rest), (*path, key))
        return found
    if isinstance(first, list | tuple):
        if first and isinstance(first[0], SCALARS):
            return {}
        rows = itertools.chain([first], (one for one in values if isinstance(one, list | tuple)))
        return _media_at(itertools.chain.from_iterable(rows), (*path, 0))
    feature = None if first is None or isinstance(first, SCALARS) else media_of(first)
    return {} if feature is None else {path: feature}


# ---- casts


def unwrap(array: Any) -> Any:
    """An array (or chunked array, table) without extensions and dictionaries, at any depth."""
    if isinstance(array, pa.Table):
        if all(plain_type(one.type) == one.type for one in array.schema):
            return array
        features = Features.from_arrow_schema(array.schema)
        columns = [unwrap(one) for one in array.columns]
        return pa.table(columns, schema=pa.schema([field_of(n, f) for n, f in features.items()], array.schema.metadata))
    kind = array.type
    if plain_type(kind) == kind:
        return array
    if isinstance(array, pa.ChunkedArray):
        return pa.chunked_array([unwrap(chunk) for chunk in array.chunks], plain_type(kind))
    if isinstance(array, pa.ExtensionArray):
        return unwrap(array.storage)
    if pa.types.is_dictionary(kind):
        return array.dictionary_decode()
    if pa.types.is_struct(kind):
        children = [unwrap(child) for child in array.flatten()]
        return pa.StructArray.from_arrays(children, names=[one.name for one in kind], mask=array.is_null())
    offsets, values, nulls = _list_parts(array)
    return _list_from(plain_type(kind), offsets, unwrap(values), nulls)


def _list_parts(array: pa.Array) -> tuple[np.ndarray, pa.Array, pa.Array | None]:
    """A list array's offsets from 0, its values from the first offset on, and where it is null."""
    nulls = array.is_null() if array.null_count else None
    if pa.types.is_fixed_size_list(array.type):
        size = array.type.list_size
        values = array.values.slice(array.offset * size, len(array) * size)
        return np.arange(len(array) + 1, dtype=np.int64) * size, values, nulls
    offsets = array.offsets.to_numpy() if len(array) else np.zeros(1, dtype=np.int64)
    values = array.values.slice(int(offsets[0]), int(offsets[-1] - offsets[0]))
    return offsets.astype(np.int64) - int(offsets[0]), values, nulls


def _list_from(kind: pa.DataType, offsets: np.ndarray, values: pa.Array, nulls: pa.Array | None) -> pa.Array:
    if pa.types.is_fixed_size_list(kind):
        size = kind.list_size
        lengths = np.diff(offsets)
        rows = np.zeros(len(lengths), bool) if nulls is None else nulls.to_numpy(zero_copy_only=False)
        if not np.all(lengths[~rows] == size):
            wrong = int(np.flatnonzero((lengths != size) & ~rows)[0])
            raise TypeError(f"Couldn't cast to lists of length {size}: the row {wrong} has {lengths[wrong]} values.")
        if rows.any():
            places = np.where(rows[:, None], 0, offsets[:-1, None] + np.arange(size)).reshape(-1)
            values = values.take(pa.array(places, mask=np.repeat(rows, size)))
            return pa.FixedSizeListArray.from_arrays(values, size, mask=nulls)
        return pa.FixedSizeListArray.from_arrays(values, size)
    make, width = (pa.LargeListArray, pa.int64()) if pa.types.is_large_list(kind) else (pa.ListArray, pa.int32())
    return make.from_arrays(pa.array(offsets, width), values, mask=nulls)


def cast(array: Any, feature: Feature, *, strict: bool = False) -> Any:
    """An Arrow array as a feature stores it: numbers of other widths, text of numbers, names of labels, nested fields.

    Args:
        strict: numbers do not become text.

    Raises:
        TypeError: there is no such cast.
        pyarrow.ArrowInvalid: a value does not fit (1.5 as an integer, 300 as int8).
    """
    if isinstance(array, pa.ChunkedArray):
        return pa.chunked_array([cast(chunk, feature, strict=strict) for chunk in array.chunks], feature_type(feature))
    array = unwrap(array)
    kind, target = array.type, feature_type(feature)
    if hasattr(feature, "cast_storage"):
        return feature.cast_storage(array)
    if kind == target and not any(hasattr(leaf, "cast_storage") for leaf in leaves(feature)):
        return array
    if pa.types.is_null(kind):
        return pa.nulls(len(array), target)
    if pa.types.is_struct(kind):
        names = [one.name for one in kind]
        fields = dict(feature) if isinstance(feature, dict) else None
        if fields is None and pa.types.is_struct(target):  # Translation and its like
            fields = {one.name: feature_of(one) for one in target}
        if fields is not None and set(names) <= set(fields):
            children = dict(zip(names, array.flatten(), strict=True))
            arrays = [cast(children.get(key, pa.nulls(len(array))), one, strict=strict) for key, one in fields.items()]
            mask = array.is_null() if array.null_count else None
            return pa.StructArray.from_arrays(arrays, fields=list(target), mask=mask)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        if isinstance(feature, List | LargeList):
            offsets, values, nulls = _list_parts(array)
            return _list_from(target, offsets, cast(values, feature.feature, strict=strict), nulls)
        if pa.types.is_list(target):
            offsets, values, nulls = _list_parts(array)
            inner = cast(values, feature_of(pa.field("item", target.value_type)), strict=strict)
            return _list_from(target, offsets, inner, nulls)
    elif not pa.types.is_nested(target) and not pa.types.is_null(target):
        is_text = pa.types.is_string(target)
        if not (strict and is_text and (pa.types.is_primitive(kind) or pa.types.is_decimal(kind))):
            return array.cast(target)
    raise TypeError(f"Couldn't cast array of type {_short(kind)} to {_short(feature)}.")


def cast_table(table: pa.Table, features: Features) -> pa.Table:
    """A table with exactly these features' columns, in their order.

    Raises:
        CastError: the names differ.
        TypeError, ValueError: a column cannot be cast; the message names it.
    """
    if sorted(table.column_names) != sorted(features):
        missing = [name for name in features if name not in table.column_names]
        extra = [name for name in table.column_names if name not in features]
        parts = [f"columns {extra} are new" if extra else "", f"columns {missing} are missing" if missing else ""]
        raise CastError(
            f"Couldn't cast {_short(dict(zip(table.column_names, map(str, table.schema.types), strict=True)))} to "
            f"{_short(features)} because the column names don't match: {' and '.join(filter(None, parts))}."
        )
    arrays = []
    for name, feature in features.items():
        try:
            arrays.append(cast(table[name], feature))
        except (TypeError, ValueError, pa.ArrowException) as error:
            kind = (
                TypeError if isinstance(error, TypeError) and not isinstance(error, pa.ArrowException) else type(error)
            )
            raise kind(f"the column {name!r} does not become {_short(feature)}: {error}") from None
    return pa.table(arrays, schema=features.arrow_schema)


def _short(thing: Any) -> str:
    text = str(thing)
    return text if len(text) < 300 else text[:300] + "..."


# ---- out


def to_list(array: pa.Array | pa.ChunkedArray) -> list:
    """An array's values as Python objects: what `to_pylist` gives, several times as fast."""
    if isinstance(array, pa.ChunkedArray):
        if array.num_chunks == 1:
            return to_list(array.chunk(0))
        return [value for chunk in array.chunks for value in to_list(chunk)]
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return to_list(array.storage)
    if (pa.types.is_integer(kind) or pa.types.is_floating(kind)) and len(array):
        if not array.null_count:
            return array.to_numpy().tolist()
        values = array.fill_null(0).to_numpy().tolist()
        return _with_none(values, array)
    if (
        pa.types.is_boolean(kind)
        or pa.types.is_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_string(kind)
    ):
        return array.to_numpy(zero_copy_only=False).tolist()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        offsets, values, nulls = _list_parts(array)
        flat, cuts = to_list(values), offsets.tolist()
        rows = [flat[a:b] for a, b in pairwise(cuts)]
        return rows if nulls is None else _with_none(rows, array)
    if pa.types.is_struct(kind):
        names = [one.name for one in kind]
        if not names:
            return _with_none([{} for _ in range(len(array))], array)
        rows = [
            dict(zip(names, row, strict=True))
            for row in zip(*[to_list(child) for child in array.flatten()], strict=True)
        ]
        return _with_none(rows, array)
    return array.to_pylist()


def _with_none(values: list, array: pa.Array) -> list:
    if array.null_count:
        for i in np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False)).tolist():
            values[i] = None
    return values
