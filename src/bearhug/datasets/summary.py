"""ds.stats(): what each column holds, in numbers: nulls, different values, extremes, quantiles, lengths, labels.

Everything is counted in Arrow; pictures and sound are not decoded, their bytes are only measured.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from bearhug.datasets.arrow import to_list
from bearhug.datasets.errors import UnknownNameError
from bearhug.datasets.features import ClassLabel, Feature, Features, Json, feature_type

pc: Any = pyarrow.compute  # its functions are made at run time

if TYPE_CHECKING:
    from bearhug.datasets.dataset import Dataset
    from bearhug.datasets.streaming import IterableDataset

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
COUNTED = 1 << 30  # bytes of a column up to which its different values are counted
BINS = 20
UNITS = {"text": "characters", "json": "characters", "list": "values", "bytes": "bytes", "media": "bytes"}  # of lengths
SHOWN = 60  # characters of a value in a printed table


@dataclass
class Part:
    """The statistics of one split."""

    name: str
    rows: int
    columns: dict[str, dict[str, Any]]
    sampled: bool = False  # a stream's first rows, or some rows of many
    examples: pa.Table = field(default_factory=lambda: pa.table({}))
    features: Features = field(default_factory=Features)

    def to_dict(self) -> dict[str, Any]:
        """All of it as values that JSON knows."""
        rows = [{name: shortened(value) for name, value in row.items()} for row in _rows(self.examples)]
        return {"rows": self.rows, "sampled": self.sampled, "columns": self.columns, "examples": rows}


class Stats:
    """What the columns of a data set hold; prints as a table, and shows itself as a page in a notebook.

    `stats["text"]` is one column's figures (of several splits: `stats["train"]["text"]`).
    """

    def __init__(self, parts: Mapping[str, Part], several: bool):
        self._parts, self._several = dict(parts), several

    def to_dict(self) -> dict[str, Any]:
        """{"rows", "sampled", "columns": {name: figures}, "examples"}; of several splits a dict of these."""
        made = {name: part.to_dict() for name, part in self._parts.items()}
        return made if self._several else next(iter(made.values()))

    def to_html(self, path: str | os.PathLike | None = None) -> str:
        """One page with histograms and examples, which needs nothing else; also written to `path` where given."""
        from bearhug._lib.files import replacing
        from bearhug.datasets.summary_page import page

        text = page(self._parts)
        if path is not None:
            with replacing(path, "w", encoding="utf-8") as file:
                file.write(text)
        return text

    def _repr_html_(self) -> str:
        from bearhug.datasets.summary_page import fragment

        return fragment(self._parts)

    def __getitem__(self, name: str) -> dict[str, Any]:
        known: dict[str, Any] = {one: part.columns for one, part in self._parts.items()}
        if not self._several:
            (known,) = known.values()
        if name not in known:
            raise UnknownNameError(f"there are no statistics of {name!r}; there are those of {', '.join(known)}.")
        return dict(known[name])

    def __repr__(self) -> str:
        return "\n\n".join(_printed(part) for part in self._parts.values())


def stats_of(dataset: Dataset, columns: list[str] | None, sample: int | None, examples: int) -> Stats:
    """The statistics of a data set, or of `sample` rows of it that stand at equal distances."""
    _positive(sample, examples)
    names = _chosen(dataset.column_names, columns)
    features = Features({name: dataset.features[name] for name in names})
    some = sample is not None and sample < len(dataset)
    rows = np.linspace(0, len(dataset) - 1, sample or 0).astype(np.int64) if some else range(len(dataset))
    base = dataset.select_columns(names)
    part = part_of(base._table_of(rows), features, examples, str(dataset._split or ""))
    part.sampled = some
    return Stats({part.name: part}, several=False)


def stats_of_stream(stream: IterableDataset, columns: list[str] | None, sample: int, examples: int) -> Stats:
    """The statistics of a stream's first rows; the stream itself stays where it is."""
    from bearhug.datasets.streams.node import ROWS, table_of

    _positive(sample, examples)
    tables, reader = [], stream.take(sample)._reader()
    while reader.ready():
        tables.append(table_of(reader.take(ROWS), stream.features))
    table = pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})
    features = stream.features or Features.from_arrow_schema(table.schema)
    if not tables:
        table = features.arrow_schema.empty_table()
    names = _chosen(list(features), columns)
    features = Features({name: features[name] for name in names})
    part = part_of(table.select(names), features, examples, str(stream._split or ""))
    part.sampled = table.num_rows == sample
    return Stats({part.name: part}, several=False)


def joined(parts: Mapping[Any, Stats]) -> Stats:
    """The statistics of several splits."""
    out = {}
    for name, one in parts.items():
        (part,) = one._parts.values()
        part.name = str(name)
        out[str(name)] = part
    return Stats(out, several=True)


def _positive(sample: int | None, examples: int) -> None:
    if sample is not None and sample < 1:
        raise ValueError(f"sample={sample} is no number of rows; give 1 or more, or None for all.")
    if examples < 0:
        raise ValueError(f"examples={examples} is no number of rows; give 0 or more.")


def _chosen(known: list[str], columns: list[str] | str | None) -> list[str]:
    names = known if columns is None else [columns] if isinstance(columns, str) else list(columns)
    missing = [name for name in names if name not in known]
    if missing:
        raise UnknownNameError(f"Columns {missing} not in the dataset. Current columns in the dataset: {known}")
    return names


def part_of(table: pa.Table, features: Features, examples: int, name: str) -> Part:
    """The statistics of a table."""
    columns: dict[str, dict[str, Any]] = {}
    for column, feature in features.items():
        _add(columns, column, table.column(column), feature)
    some = np.unique(np.linspace(0, table.num_rows - 1, min(examples, table.num_rows)).astype(np.int64))
    shown = table.take(pa.array(some)) if len(some) else table.slice(0, 0)
    return Part(name, table.num_rows, columns, examples=shown, features=features)


# ---- one column


def _add(columns: dict, name: str, array: pa.ChunkedArray, feature: Feature) -> None:
    """A column's figures; of a struct, those of each field."""
    if isinstance(feature, dict):
        columns[name] = _first(array, "struct")
        for field_name, inner in feature.items():
            _add(columns, f"{name}.{field_name}", pc.struct_field(array, field_name), inner)
        return
    columns[name] = figures(array, feature)


def figures(array: pa.ChunkedArray, feature: Feature) -> dict[str, Any]:
    """What a column holds: "type", "kind", "nulls", "unique", and what fits the kind."""
    kind = array.type
    if isinstance(feature, ClassLabel):
        return _labels(array, feature)
    if pa.types.is_boolean(kind):
        return _first(array, feature, "truth") | _common(array)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _first(array, feature, "number") | _unique(array) | _numbers(array)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        lengths = pc.utf8_length(array)
        what = "json" if isinstance(feature, Json) else "text"
        return _first(array, feature, what) | _unique(array) | {"lengths": _numbers(lengths)} | _common(array)
    if pa.types.is_temporal(kind):
        return _first(array, feature, "time") | _unique(array) | _times(array)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _first(array, feature, "list") | _lists(array)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _first(array, feature, "bytes") | {"lengths": _numbers(pc.binary_length(array))}
    if pa.types.is_struct(kind) and {"bytes", "path"} <= {one.name for one in kind}:
        return _media(array, feature)
    return _first(array, feature, "other")


def _first(array: pa.ChunkedArray, feature: Any, kind: str = "struct") -> dict[str, Any]:
    return {"type": type_name(feature), "kind": kind, "nulls": array.null_count}


def type_name(feature: Feature) -> str:
    """A feature in a word or two."""
    if isinstance(feature, str):
        return feature
    if isinstance(feature, ClassLabel):
        return f"label of {feature.num_classes}"
    if isinstance(feature, dict):
        return "struct"
    inner = getattr(feature, "feature", None)
    if inner is not None:
        size = getattr(feature, "length", -1)
        return f"list[{type_name(inner)}{f', {size}' if size and size > 0 else ''}]"
    shape = getattr(feature, "shape", None)
    if shape is not None:
        return f"{getattr(feature, 'dtype', '')}[{' x '.join(map(str, shape))}]"
    name = type(feature).__name__
    return str(getattr(feature, "dtype", feature_type(feature))) if name == "Value" else name.lower()


def _unique(array: pa.ChunkedArray) -> dict[str, Any]:
    """How many values differ; None where the column is too large to count them in memory."""
    return {"unique": int(pc.count_distinct(array, mode="only_valid").as_py()) if array.nbytes <= COUNTED else None}


def _common(array: pa.ChunkedArray, most: int = 5) -> dict[str, Any]:
    """The values that come most often, and how often."""
    if array.nbytes > COUNTED:
        return {"most_common": None}
    found = pc.value_counts(array.drop_null())
    counts = np.asarray(found.field("counts"))
    best = np.argsort(-counts, kind="stable")[:most]
    if len(counts) > most and counts[best[0]] == 1:
        best = best[:0]  # no value comes twice
    values = to_list(found.field("values").take(pa.array(best)))
    return {"most_common": [[_plain(one), int(count)] for one, count in zip(values, counts[best], strict=True)]}


def _labels(array: pa.ChunkedArray, feature: ClassLabel) -> dict[str, Any]:
    found = pc.value_counts(array.drop_null())
    counts = {one["values"]: one["counts"] for one in found.to_pylist()}
    named = {str(name): counts.pop(number, 0) for number, name in enumerate(feature.names or [])}
    out = _first(array, feature, "label") | {"unique": sum(count > 0 for count in named.values()), "counts": named}
    return out | ({"unlabelled": sum(counts.values())} if counts else {})


def _numbers(array: pa.ChunkedArray) -> dict[str, Any]:
    """Extremes, mean, spread, quantiles and a histogram of numbers; NaN and infinities are counted apart."""
    whole = pa.types.is_integer(array.type)
    if not whole:
        array = pc.cast(array, pa.float64())
    array = array.drop_null()
    out: dict[str, Any] = {}
    if not whole:
        finite = pc.is_finite(array)
        if not pc.all(finite).as_py():
            out["nan"] = int(pc.sum(pc.is_nan(array)).as_py() or 0)
            out["infinite"] = len(array) - int(pc.sum(finite).as_py() or 0) - out["nan"]
            array = array.filter(finite)
    if not len(array):
        return out
    low, high = pc.min_max(array).as_py().values()
    out |= {"min": low, "max": high, "mean": pc.mean(array).as_py(), "std": pc.stddev(array).as_py()}
    quantiles = pc.quantile(array, q=list(QUANTILES)).to_pylist()
    out["quantiles"] = {f"{100 * at:g}%": value for at, value in zip(QUANTILES, quantiles, strict=True)}
    out["histogram"] = _histogram(array, low, high, whole)
    return out


def _histogram(array: pa.ChunkedArray, low: float, high: float, whole: bool) -> dict[str, list]:
    """Counts between edges; whole numbers that span few values have a bar each."""
    if whole and high - low < BINS:
        edges = np.arange(low, high + 2) - 0.5
    elif whole:
        step = -(-(int(high) - int(low) + 1) // BINS)
        edges = int(low) - 0.5 + np.arange(-(-(int(high) - int(low) + 1) // step) + 1) * float(step)
    else:
        edges = np.linspace(low, high, BINS + 1) if high > low else np.array([low - 0.5, low + 0.5])
    counts = np.zeros(len(edges) - 1, np.int64)
    for chunk in array.chunks:
        counts += np.histogram(chunk.to_numpy(zero_copy_only=False), bins=edges)[0]
    return {"counts": counts.tolist(), "edges": edges.tolist()}


def _times(array: pa.ChunkedArray) -> dict[str, Any]:
    array = array.drop_null()
    if not len(array):
        return {}
    low, high = pc.min_max(array).as_py().values()
    out: dict[str, Any] = {"min": _plain(low), "max": _plain(high)}
    width = pa.int32() if array.type.bit_width == 32 else pa.int64()
    numbers = pc.cast(array, width) if not pa.types.is_duration(array.type) else pc.cast(array, pa.int64())
    first, last = pc.min_max(numbers).as_py().values()
    counts = _histogram(numbers, first, last, first == last)["counts"]
    return out | {"histogram": {"counts": counts, "edges": [out["min"], out["max"]]}}


def _lists(array: pa.ChunkedArray) -> dict[str, Any]:
    out: dict[str, Any] = {"lengths": _numbers(pc.list_value_length(array))}
    values = pc.list_flatten(array)
    while _is_list(values.type):
        values = pc.list_flatten(values)
    kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        out["values"] = _numbers(values)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        out["values"] = {**_unique(values), **_common(values)}
    return out


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _media(array: pa.ChunkedArray, feature: Feature) -> dict[str, Any]:
    """Pictures, sound, film, pages: how large they are and what their files are called; nothing is decoded."""
    out = _first(array, feature, "media")
    if not pa.types.is_struct(array.type):
        return out
    there = {one.name for one in array.type}
    if "bytes" in there:
        sizes = pc.binary_length(pc.struct_field(array, "bytes"))
        out |= {"embedded": len(sizes) - sizes.null_count}
        if out["embedded"]:
            out["lengths"] = _numbers(sizes)
    if "path" in there:
        ends = [PurePath(path).suffix.lower() for path in to_list(pc.struct_field(array, "path")) if path]
        if ends:
            out["most_common"] = _common(pa.chunked_array([pa.array(ends)]))["most_common"]
    return out


# ---- values to show


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    columns = [to_list(one) for one in table.columns]
    return [dict(zip(table.column_names, values, strict=True)) for values in zip(*columns, strict=True)]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def shortened(value: Any, most: int = 300) -> Any:
    """A value as JSON knows it, long texts and lists cut short."""
    if isinstance(value, str):
        return value if len(value) <= most else value[:most] + "…"
    if isinstance(value, dict):
        return {str(name): shortened(inner, most) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        cut = [shortened(one, most) for one in value[:12]]
        return cut if len(value) <= 12 else [*cut, f"… {len(value) - 12:,} more"]
    if isinstance(value, np.ndarray):
        return shortened(value.tolist(), most)
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return _plain(value)


def number(value: Any) -> str:
    """A number for people."""
    if value is None:
        return ""
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e15:
            return f"{int(value):,}"
        return f"{value:,.1f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"
    return str(value)


def _printed(part: Part) -> str:
    """One split as a table in text."""
    head = ["column", "type", "nulls", "unique", "min", "mean", "median", "max", "of", "most common"]
    lines = [head]
    for name, one in part.columns.items():
        inner = one.get("lengths") or one.get("values") or one
        of = UNITS.get(one["kind"], "") if "lengths" in one else ""
        if "counts" in one:
            best = sorted(one["counts"].items(), key=lambda pair: -pair[1])[:5]
        else:
            best = one.get("most_common") or one.get("values", {}).get("most_common") or []
        common = ", ".join(f"{_cell(value)} {count:,}" for value, count in best)
        common = common if len(common) <= SHOWN else common[: SHOWN - 1] + "…"
        middle = inner.get("quantiles", {}).get("50%")
        cells = [one["nulls"], one.get("unique"), inner.get("min"), inner.get("mean"), middle, inner.get("max")]
        lines.append([name, one["type"], *map(number, cells), of, common])
    used = [i for i in range(len(head)) if i < 3 or any(line[i] for line in lines[1:])]
    widths = [max(len(line[i]) for line in lines) for i in used]
    right = range(2, 8)
    rows = [
        "  ".join(
            line[i].rjust(w) if i in right else line[i].ljust(w) for i, w in zip(used, widths, strict=True)
        ).rstrip()
        for line in lines
    ]
    title = f"{part.name + ': ' if part.name else ''}{part.rows:,} rows{' (a sample)' if part.sampled else ''}"
    return "\n".join([f"{title}, {len(part.features)} columns", *rows])


def _cell(value: Any) -> str:
    text = (
        json.dumps(value, ensure_ascii=False) if isinstance(value, str) and (" " in value or not value) else str(value)
    )
    return " ".join(text.split()) if len(text) <= 24 else " ".join(text.split())[:23] + "…"
