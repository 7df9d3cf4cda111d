"""HDF5: the first axis of each data set is the rows; groups and compound types are structs, complex numbers pairs.

Links and storage outside of the file are refused: they would read any file of this machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from bearhug.datasets import features as kinds
from bearhug.datasets.arrow import cast_table, from_numpy
from bearhug.datasets.features import Feature, Features, List, Value

ROWS = 1000


def read(
    file: Any, name: str, features: Features | None = None, *, batch_size: int | None = None
) -> Iterator[pa.Table]:
    """HDF5 -> tables of `batch_size` (1,000) rows; a data set of shape (N, 3) is List(length=3), (N, 3, 4) Array2D.

    Raises:
        ValueError: the data sets have different lengths, or one lies outside of the file.
        TypeError: more than five axes behind the first.
        ImportError: h5py is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise ImportError("Reading HDF5 needs h5py: pip install h5py") from None
    with h5py.File(file, "r") as opened:
        found = _features(opened, name)
        wanted = Features(found) if features is None else features
        flat = [one for one in _leaves(opened, name) if one.name.strip("/").split("/")[0] in wanted]
        if not flat:
            return
        lengths = {one.name.strip("/"): one.shape[0] for one in flat}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"{name!r}: the data sets have different lengths: {lengths}")
        total = next(iter(lengths.values()))
        for start in range(0, total, batch_size or ROWS):
            stop = min(start + (batch_size or ROWS), total)
            arrays = {one: _array(opened[one], start, stop) for one in found if one in wanted}
            yield cast_table(pa.table(arrays), wanted)


def _members(group: Any, name: str) -> Iterator[tuple[str, Any]]:
    import h5py

    for one in group:
        link = group.get(one, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            raise ValueError(f"{name!r}: {one!r} is an ExternalLink to {link.filename!r}; it is not followed.")
        member = group.get(one)
        if isinstance(member, h5py.Dataset):
            layout = member.id.get_create_plist().get_layout()
            if member.external or layout not in (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED):
                raise ValueError(f"{name!r}: {one!r} keeps its values in EXTERNAL storage; they are not read.")
            if not member.shape:
                raise ValueError(f"{name!r}: {one!r} is a single value, and has no rows.")
        yield one, member


def _leaves(group: Any, name: str) -> Iterator[Any]:
    for _, member in _members(group, name):
        if hasattr(member, "dtype"):
            yield member
        else:
            yield from _leaves(member, name)


def _features(group: Any, name: str) -> dict[str, Feature]:
    out: dict[str, Feature] = {}
    for one, member in _members(group, name):
        if hasattr(member, "dtype"):
            out[one] = _feature(member.dtype, member.shape[1:], f"{name}: {one}")
        elif inner := _features(member, name):
            out[one] = inner
    return out


def _feature(dtype: np.dtype, shape: tuple, name: str) -> Feature:
    if dtype.subdtype is not None:
        inner, more = dtype.subdtype
        return _feature(inner, (*shape, *more), name)
    if dtype.kind == "c":
        half = Value("float32" if dtype == np.complex64 else "float64")
        return {"real": _shaped(half, shape, name), "imag": _shaped(half, shape, name)}
    if dtype.names:
        return {one: _feature(dtype[one], (), f"{name}.{one}") for one in dtype.names}
    vlen = (dtype.metadata or {}).get("vlen")
    if vlen is not None:
        return Value("string") if vlen in (str, bytes) else List(Value(_dtype(np.dtype(vlen), name)))
    if dtype.kind == "O":
        raise ValueError(f"{name!r} holds objects; write it with h5py.vlen_dtype(...).")
    return _shaped(Value(_dtype(dtype, name)), shape, name)


def _dtype(dtype: np.dtype, name: str) -> str:
    return kinds.dtype_name(pa.from_numpy_dtype(dtype))


def _shaped(value: Value, shape: tuple, name: str) -> Feature:
    if not shape:
        return value
    if 0 in shape:
        return List(value)
    if len(shape) == 1:
        return List(value, length=shape[0])
    if len(shape) > 5:
        raise TypeError(f"{name!r} has {len(shape)} axes behind the rows; Array5D is the largest there is.")
    return getattr(kinds, f"Array{len(shape)}D")(shape=shape, dtype=value.dtype)


def _array(member: Any, start: int, stop: int) -> Any:
    if not hasattr(member, "dtype"):  # a group
        children = {one: _array(member[one], start, stop) for one in member}
        children = {one: array for one, array in children.items() if array is not None}
        return pa.StructArray.from_arrays(list(children.values()), names=list(children)) if children else None
    return _from(member[start:stop], member.dtype)


def _from(values: np.ndarray, dtype: np.dtype) -> pa.Array:
    if dtype.subdtype is not None:
        return _from(values, dtype.subdtype[0])
    if dtype.kind == "c":
        halves = [from_numpy(np.ascontiguousarray(one)) for one in (np.real(values), np.imag(values))]
        return pa.StructArray.from_arrays(halves, names=["real", "imag"])
    if dtype.names:
        fields = [_from(np.ascontiguousarray(values[one]), dtype[one]) for one in dtype.names]
        return pa.StructArray.from_arrays(fields, names=list(dtype.names))
    if 0 in values.shape[1:]:
        return pa.array([[] for _ in values], pa.list_(pa.from_numpy_dtype(dtype)))
    if values.dtype == object:
        if values.ndim > 1:
            return pa.array(values.tolist())
        return pa.array([one.decode("utf-8") if isinstance(one, bytes) else one for one in values])
    return from_numpy(np.ascontiguousarray(values))
