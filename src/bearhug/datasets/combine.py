"""Several data sets as one: one after the other, side by side, or in turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bearhug._lib.errors import near
from bearhug.datasets.arrow import cast
from bearhug.datasets.dataset import Dataset
from bearhug.datasets.features import Features, align
from bearhug.datasets.fingerprint import Fingerprint, key_of
from bearhug.datasets.info import DatasetInfo

if TYPE_CHECKING:
    from bearhug.datasets.splits import NamedSplit

STRATEGIES = ("first_exhausted", "all_exhausted", "all_exhausted_without_replacement")


def concatenate_datasets(
    dsets: Sequence[Any], info: DatasetInfo | None = None, split: str | NamedSplit | None = None, axis: int = 0
) -> Any:
    """Data sets (or streams) as one: rows after rows (axis=0), or columns beside columns (axis=1).

    Raises:
        ValueError: none are given, they are of different kinds, columns of one name differ in type (axis=0), or the
            numbers of rows differ (axis=1).
    """
    dsets = list(dsets)
    if _same_kind(dsets, "concatenate") is not Dataset:
        from bearhug.datasets.streaming import chain

        return chain(dsets, info, split, axis)
    full = [one for one in dsets if len(one)]
    if not full:
        return dsets[0]
    return _stacked(full, info, split) if axis == 0 else _beside(full, info, split)


def _same_kind(dsets: list, what: str) -> type:
    from bearhug.datasets.dataset_dict import DatasetDict, IterableDatasetDict
    from bearhug.datasets.streaming import IterableDataset

    if not dsets:
        raise ValueError(f"Unable to {what} an empty list of datasets.")
    for i, one in enumerate(dsets):
        if isinstance(one, DatasetDict | IterableDatasetDict):
            raise ValueError(
                f"Expected a list of Dataset objects, but element {i} is a {type(one).__name__} with the splits "
                f"{list(one)}.\n"
                f"Take one of them: datasets[{i}][{next(iter(one), 'train')!r}]."
            )
        if not isinstance(one, Dataset | IterableDataset):
            raise ValueError(
                f"Expected a list of Dataset objects or IterableDataset objects, but element {i} is a "
                f"{type(one).__name__}."
            )
        if isinstance(one, Dataset) != isinstance(dsets[0], Dataset):
            raise ValueError(
                f"Unable to {what} a {type(dsets[0]).__name__} (at position 0) with a {type(one).__name__} (at "
                f"position {i}); "
                f"make them one kind with ds.to_iterable_dataset()."
            )
    return Dataset if isinstance(dsets[0], Dataset) else IterableDataset


def _finish(
    first: Dataset, dsets: list, table: pa.Table, features: Features, info: Any, split: Any, rows: Any, step: str
) -> Dataset:
    info = (info or DatasetInfo.from_merge([one._info for one in dsets])).copy()
    info.features = features
    parents = tuple(one._key for one in dsets)
    key = Fingerprint(make=lambda *keys: key_of(step, *keys), parents=parents)
    out = Dataset(table, info, split, fingerprint=key)
    out._order, out._positions_files = rows, first._positions_files if rows is not None else ()
    out._mapped = tuple({file.path: file for one in dsets for file in one._mapped}.values())
    out._steps = (*first._steps, (f"{step} with {len(dsets) - 1} more", key))
    if all(one.format == first.format for one in dsets):
        out.set_format(**first.format) if first._format_columns is not None else out.set_format(
            first._format_type, output_all_columns=first._output_all_columns, **first._format_kwargs
        )
    return out


def _stacked(dsets: list[Dataset], info: Any, split: Any) -> Dataset:
    aligned = align([one.features for one in dsets])
    features = Features({name: feature for one in aligned for name, feature in one.items()})
    schema = features.arrow_schema
    tables, rows, offset = [], [], 0
    for one in dsets:
        size = one._data.num_rows
        arrays = [
            cast(one._data.column(name), feature)
            if name in one.column_names
            else pa.nulls(size, schema.field(name).type)
            for name, feature in features.items()
        ]
        tables.append(pa.table(arrays, schema=schema))
        rows.append((np.arange(size) if one._order is None else one._order) + offset)
        offset += size
    positions = np.concatenate(rows) if any(one._order is not None for one in dsets) else None
    return _finish(dsets[0], dsets, pa.concat_tables(tables), features, info, split, positions, "concatenate_datasets")


def _beside(dsets: list[Dataset], info: Any, split: Any) -> Dataset:
    if len({len(one) for one in dsets}) > 1:
        raise ValueError(
            f"Number of rows must match for all datasets, but they have {[len(one) for one in dsets]} rows."
        )
    names = [name for one in dsets for name in one.column_names]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"The table can't have duplicated columns but columns {twice} are duplicated.")
    rows = None
    if len(dsets) == 1:
        rows = dsets[0]._order
    else:
        dsets = [one if one._order is None else one.flatten_indices() for one in dsets]
    features = Features({name: feature for one in dsets for name, feature in one.features.items()})
    table = pa.table([array for one in dsets for array in one._data.columns], schema=features.arrow_schema)
    return _finish(dsets[0], dsets, table, features, info, split, rows, "concatenate_datasets side by side")


def interleave_datasets(
    datasets: Sequence[Any],
    probabilities: list[float] | None = None,
    seed: int | None = None,
    info: DatasetInfo | None = None,
    split: str | NamedSplit | None = None,
    stopping_strategy: str = "first_exhausted",
) -> Any:
    """Rows of several data sets (or streams) in turns, or drawn with probabilities.

    Args:
        probabilities: how likely each is to give the next row; None takes them in turns.
        seed: of the draw, `numpy.random.default_rng(seed)`.
        stopping_strategy: "first_exhausted" ends when one has no rows left; "all_exhausted" begins again those that
            end until
            all have ended; "all_exhausted_without_replacement" takes every row once.

    Raises:
        ValueError: none are given, they are of different kinds, or there is no such strategy.
    """
    datasets = list(datasets)
    kind = _same_kind(datasets, "interleave")
    if stopping_strategy not in STRATEGIES:
        raise ValueError(
            f"{stopping_strategy} is not supported. Please enter a valid "
            f"stopping_strategy:{near(stopping_strategy, STRATEGIES)} "
            f"{', '.join(STRATEGIES)}."
        )
    if probabilities is not None and len(probabilities) != len(datasets):
        raise ValueError(f"{len(probabilities)} probabilities are given for {len(datasets)} datasets.")
    if kind is not Dataset:
        from bearhug.datasets.streaming import interleave

        return interleave(datasets, probabilities, seed, info, split, stopping_strategy)
    joined = concatenate_datasets(datasets, info, split)
    lengths = np.array([len(one) for one in datasets])
    offsets = np.cumsum([0, *lengths[:-1]])
    rows = (
        _in_turns(lengths, offsets, stopping_strategy)
        if probabilities is None
        else _drawn(lengths, offsets, probabilities, seed, stopping_strategy)
    )
    return joined.select(rows)


def _in_turns(lengths: np.ndarray, offsets: np.ndarray, strategy: str) -> np.ndarray:
    turns = lengths.min() if strategy == "first_exhausted" else lengths.max()
    places = np.arange(turns)[:, None]  # (turn, 1)
    if strategy == "all_exhausted_without_replacement":
        return (places + offsets)[places < lengths]
    return (places % np.maximum(lengths, 1) + offsets).reshape(-1)


def _drawn(
    lengths: np.ndarray, offsets: np.ndarray, probabilities: list[float], seed: int | None, strategy: str
) -> np.ndarray:
    """Positions drawn source by source, in blocks of 1000 as the reference draws them."""
    possible = np.asarray(probabilities) > 0
    if np.any((lengths == 0) & possible):
        raise ValueError(
            f"datasets {np.flatnonzero((lengths == 0) & possible).tolist()} are empty, but have a probability above 0."
        )
    if strategy != "first_exhausted" and not possible.all():
        never = np.flatnonzero(~possible).tolist()
        raise ValueError(f"datasets {never} have probability 0, so that {strategy!r} would never end; leave them out.")
    rng = np.random.default_rng(seed)
    draws = np.empty(0, dtype=np.int64)
    while True:
        draws = np.concatenate([draws, rng.choice(len(lengths), size=1000, p=probabilities)])
        enough = np.bincount(draws, minlength=len(lengths)) >= lengths
        if enough[possible].any() if strategy == "first_exhausted" else enough[possible].all():
            break
    ends = [np.flatnonzero(draws == i)[size - 1] for i, size in enumerate(lengths) if possible[i] and enough[i]]
    stop = min(ends) if strategy == "first_exhausted" else max(ends)
    draws = draws[: stop + 1]
    rows = np.full(len(draws), -1, dtype=np.int64)
    for i, size in enumerate(lengths):
        places = np.flatnonzero(draws == i)
        turns = np.arange(len(places))
        if strategy == "all_exhausted_without_replacement":
            places, turns = places[:size], turns[:size]
        rows[places] = turns % max(size, 1) + offsets[i]
    return rows[rows >= 0]
