"""Files' bytes put in place of their paths, so that a table can leave this machine."""

from __future__ import annotations

import os
from typing import Any

import pyarrow as pa

from bearhug.datasets.arrow import _list_from, _list_parts
from bearhug.datasets.features import Feature, Features, LargeList, List, has_media
from bearhug.datasets.media.file import MediaFile, is_remote

SAMPLE = 1000  # rows whose files are looked at for an estimate


def embed_table(table: pa.Table, features: Features, **which: bool) -> pa.Table:
    """The table with the bytes of all files in it; `which` goes to `MediaFile.embed_storage`."""
    for place, name in enumerate(table.column_names):
        feature = features.get(name)
        if feature is not None and has_media(feature):
            chunks = [_embedded(chunk, feature, which) for chunk in table.column(name).chunks]
            table = table.set_column(
                place, table.schema.field(name), pa.chunked_array(chunks, table.schema.types[place])
            )
    return table


def _embedded(array: pa.Array, feature: Feature, which: dict) -> pa.Array:
    if isinstance(feature, MediaFile):
        return feature.embed_storage(array, **which)
    if not has_media(feature):
        return array
    if isinstance(feature, dict):
        children = dict(zip([one.name for one in array.type], array.flatten(), strict=True))
        arrays = [_embedded(children[name], one, which) for name, one in feature.items()]
        mask = array.is_null() if array.null_count else None
        return pa.StructArray.from_arrays(arrays, fields=[array.type.field(name) for name in feature], mask=mask)
    assert isinstance(feature, List | LargeList)
    offsets, values, nulls = _list_parts(array)
    return _list_from(array.type, offsets, _embedded(values, feature.feature, which), nulls)


def outside_bytes(table: pa.Table, features: Features) -> int:
    """About how many bytes the local files that a table names hold."""
    rows = table.slice(0, SAMPLE)
    total = sum(
        _sizes(row.as_py(), features[name])
        for name in rows.column_names
        if has_media(features[name])
        for row in rows.column(name)
    )
    return total * table.num_rows // max(rows.num_rows, 1)


def _sizes(value: Any, feature: Feature) -> int:
    if value is None or not has_media(feature):
        return 0
    if isinstance(feature, dict):
        return sum(_sizes(value[name], one) for name, one in feature.items())
    if isinstance(feature, List | LargeList):
        return sum(_sizes(one, feature.feature) for one in value)
    path = value["path"]
    if value["bytes"] is not None or path is None or is_remote(path):
        return 0
    return os.path.getsize(path) if os.path.isfile(path) else 0
