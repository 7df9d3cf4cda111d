"""Columns of a data set renamed, added, cast, encoded, flattened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bearhug.datasets.arrow import cast as cast_array
from bearhug.datasets.arrow import cast_table, to_list
from bearhug.datasets.arrow import column as column_of
from bearhug.datasets.features import ClassLabel, Feature, Features, List, Value, decode, feature_type, is_null

if TYPE_CHECKING:
    from bearhug.datasets.dataset import Dataset

CAST_IN_MEMORY = 256 << 20  # bytes of columns that a cast may hold in memory; more goes through a file


def rename_columns(ds: Dataset, column_mapping: dict[str, str], new_fingerprint: str | None) -> Dataset:
    """See `Dataset.rename_columns`."""
    ds._known(column_mapping)
    if len(set(column_mapping.values())) < len(column_mapping):
        raise ValueError(
            f"New column names must all be different, but this column mapping has duplicates: {column_mapping}"
        )
    if not all(column_mapping.values()):
        raise ValueError(f"New column names {[new for new in column_mapping.values() if not new]} are empty.")
    names = [column_mapping.get(name, name) for name in ds.column_names]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"the columns {twice} would be there twice; there are already {ds.column_names}.")
    assert ds._info.features is not None
    features = Features({column_mapping.get(name, name): one for name, one in ds._info.features.items()})
    shown = ds._format_columns and [column_mapping.get(name, name) for name in ds._format_columns]
    step = f"rename_columns({column_mapping})"
    return ds._with_table(
        step, ds._data.rename_columns(names), features, column_mapping, key=new_fingerprint, _format_columns=shown
    )


def add_column(ds: Dataset, name: str, column: Any, new_fingerprint: str | None, feature: Feature) -> Dataset:
    """See `Dataset.add_column`."""
    if name in ds.column_names:
        raise ValueError(f"The table can't have duplicated columns but columns {[name]} are duplicated.")
    array, made = column_of(column, feature, name=name)
    if ds.num_columns and len(array) != len(ds):
        raise ValueError(f"the column {name!r} has {len(array)} values, the dataset {len(ds)} rows.")
    base = ds if ds._order is None else ds.flatten_indices()
    assert base._info.features is not None
    features = Features({**base._info.features, name: made})
    table = base._data.append_column(pa.field(name, array.type), array) if ds.num_columns else pa.table({name: array})
    shown = None if ds._format_columns is None else sorted({*ds._format_columns, name})
    return base._with_table(
        f"add_column({name!r})", table, features, name, array, key=new_fingerprint, _format_columns=shown, _indexes={}
    )


def add_item(ds: Dataset, item: dict, new_fingerprint: str | None) -> Dataset:
    """See `Dataset.add_item`."""
    assert ds._info.features is not None
    old = ds._info.features
    new = {}
    for name in dict.fromkeys([*old, *item]):
        wanted = old[name] if name in old and not is_null(old[name]) else None
        new[name] = column_of([item.get(name)], wanted, name=name)
    features = Features({name: made for name, (_, made) in new.items()})
    base = [
        cast_array(ds._data[name], feature) if name in old else pa.nulls(ds._data.num_rows, feature_type(feature))
        for name, feature in features.items()
    ]
    schema = features.arrow_schema
    row = pa.table([array for array, _ in new.values()], schema=schema)
    table = pa.concat_tables([pa.table(base, schema=schema), row])
    places = None if ds._order is None else np.append(ds._order, ds._data.num_rows)
    shown = None if ds._format_columns is None else [*ds._format_columns, *(name for name in item if name not in old)]
    return ds._with_table(
        "add_item(...)", table, features, item, key=new_fingerprint, _order=places, _format_columns=shown, _indexes={}
    )


def cast(
    ds: Dataset,
    features: Features,
    batch_size: int | None,
    keep_in_memory: bool,
    load_from_cache_file: bool | None,
    cache_file_name: str | None,
    writer_batch_size: int | None,
    num_proc: int | None,
) -> Dataset:
    """See `Dataset.cast`."""
    if sorted(features) != sorted(ds.column_names):
        raise ValueError(
            f"The columns in features ({list(features)}) must be identical as the columns in the dataset: "
            f"{ds.column_names}"
        )
    features = Features(features)
    old = ds._info.features
    assert old is not None
    changed = [name for name in features if features[name] != old[name]]
    size = sum(ds._data.column(name).nbytes for name in changed)
    if ds._order is None and cache_file_name is None and not (ds._mapped and size > CAST_IN_MEMORY):
        table = cast_table(ds._data, features)
        return ds._with_table(f"cast({changed})", table, features, features.to_dict())
    kept = ds.format
    out = ds.with_format("arrow").map(
        _Cast(features),
        batched=True,
        batch_size=batch_size,
        keep_in_memory=keep_in_memory,
        load_from_cache_file=load_from_cache_file,
        cache_file_name=cache_file_name,
        writer_batch_size=writer_batch_size,
        num_proc=num_proc,
        features=features,
        desc="Casting the dataset",
    )
    return out.with_format(**kept)


def class_encode_column(ds: Dataset, column: str, include_nulls: bool) -> Dataset:
    """See `Dataset.class_encode_column`."""
    ds._known([column])
    assert ds._info.features is not None
    feature = ds._info.features[column]
    if not isinstance(feature, Value):
        raise ValueError(
            f"Class encoding is only supported for Value column, and column {column} is {type(feature).__name__}."
        )
    base = ds if ds._order is None else ds.flatten_indices()
    values = to_list(base._data.column(column))
    texts = [None if value is None and not include_nulls else str(value) for value in values]
    label = ClassLabel(names=sorted({text for text in texts if text is not None}))
    known = label._str2int
    numbers = pa.array([None if text is None else known[text] for text in texts], pa.int64())
    features = Features({**base.features, column: label})
    place = base.column_names.index(column)
    table = base._data.set_column(place, pa.field(column, pa.int64()), numbers)
    return base._with_table(f"class_encode_column({column!r})", table, features, column, include_nulls)


def align_labels_with_mapping(ds: Dataset, label2id: dict, label_column: str) -> Dataset:
    """See `Dataset.align_labels_with_mapping`."""
    ds._known([label_column])
    feature = ds.features[label_column]
    inner = feature.feature if isinstance(feature, List) else feature
    if not isinstance(inner, ClassLabel):
        raise ValueError(
            f"Aligning labels with a mapping is only supported for ClassLabel columns; {label_column} is {feature}."
        )
    names = [name for name, _ in sorted(label2id.items(), key=lambda pair: pair[1])]
    ids = {name.lower(): number for name, number in label2id.items()}
    places = [ids[name.lower()] for name in inner._int2str]

    def renumber(value: Any) -> Any:
        if isinstance(value, list):
            return [renumber(one) for one in value]
        return None if value is None else places[value]

    base = ds if ds._order is None else ds.flatten_indices()
    label = ClassLabel(names=names)
    new = List(label) if isinstance(feature, List) else label
    array, _ = column_of(
        [renumber(value) for value in to_list(base._data.column(label_column))], new, name=label_column
    )
    features = Features({**base.features, label_column: new})
    table = base._data.set_column(base.column_names.index(label_column), pa.field(label_column, array.type), array)
    return base._with_table(f"align_labels_with_mapping({label_column!r})", table, features, label2id, label_column)


def flatten(ds: Dataset, new_fingerprint: str | None, max_depth: int) -> Dataset:
    """See `Dataset.flatten`."""
    assert ds._info.features is not None
    flat = ds._info.features.flatten(max_depth)
    table = ds._data
    for _ in range(1, max_depth):
        structs = [one.name for one in table.schema if pa.types.is_struct(one.type) and one.name not in flat]
        if not structs:
            break
        parts = [table.select([name]) for name in table.column_names]
        parts = [part.flatten() if part.column_names[0] in structs else part for part in parts]
        columns = [(name, part.column(name)) for part in parts for name in part.column_names]
        table = pa.table([array for _, array in columns], names=[name for name, _ in columns])
    features = Features({name: flat[name] for name in table.column_names})
    return ds._with_table("flatten()", table, features, max_depth, key=new_fingerprint)


def unique(ds: Dataset, column: str) -> list:
    """See `Dataset.unique`."""
    ds._known([column])
    table = ds._data
    if ds._order is not None and len(ds._order) != ds._data.num_rows:
        table = ds.select_columns(column)._table_of(range(len(ds)))
    assert ds._info.features is not None
    feature = ds._info.features[column]
    array = table.column(column)
    if pa.types.is_nested(array.type):
        raise TypeError(f"unique needs a column of single values; {column!r} is {feature}.")
    return [decode(feature, value) for value in array.unique().to_pylist()]


class _Cast:
    """A cast as a function for `map`."""

    def __init__(self, features: Features):
        self.features = features

    def __call__(self, table: pa.Table) -> pa.Table:
        return cast_table(table, self.features)
