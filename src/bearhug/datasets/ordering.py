"""Which rows a data set shows, and in which order: sorted, shuffled, split in two at random."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from bearhug.datasets.features import ClassLabel

if TYPE_CHECKING:
    from bearhug.datasets.dataset import Dataset
    from bearhug.datasets.dataset_dict import DatasetDict

pc: Any = pyarrow.compute  # its functions are made at run time


def sort(
    ds: Dataset,
    column_names: str | Sequence[str],
    reverse: bool | Sequence[bool],
    null_placement: str,
    indices_cache_file_name: str | None,
    new_fingerprint: str | None,
) -> Dataset:
    """See `Dataset.sort`."""
    names = [column_names] if isinstance(column_names, str) else list(column_names)
    backwards = [reverse] * len(names) if isinstance(reverse, bool) else list(reverse)
    ds._check_no_index("sort")
    if len(ds) == 0:
        return ds
    if len(backwards) != len(names):
        raise ValueError(
            "Parameter 'reverse' should be either a boolean or a list of booleans with the same length as "
            "'column_names'."
        )
    ds._known(names)
    places = {"at_start": "at_start", "first": "at_start", "at_end": "at_end", "last": "at_end"}
    if null_placement not in places:
        raise ValueError(
            f"null_placement '{null_placement}' is an invalid parameter value. Must be either 'last', "
            "'at_end', 'first' or 'at_start'."
        )
    table = ds.select_columns(names)._table_of(range(len(ds)))
    nulls = places[null_placement]
    keys: list = [(name, "descending" if back else "ascending") for name, back in zip(names, backwards, strict=True)]
    try:
        if int(pa.__version__.partition(".")[0]) >= 25:  # from there on each key says where its nulls go
            rows = pc.sort_indices(table, sort_keys=[(*key, nulls) for key in keys])
        else:
            rows = pc.sort_indices(table, sort_keys=keys, null_placement=nulls)
    except pa.ArrowTypeError as error:
        raise TypeError(f"the columns {names} cannot be sorted: {error}") from None
    step = f"sort({', '.join(names)})"
    return ds._select(
        rows.to_numpy().astype(np.int64), step, names, backwards, null_placement, key=new_fingerprint,
        file=indices_cache_file_name
    )  # fmt: skip


def shuffle(
    ds: Dataset,
    seed: int | None,
    generator: np.random.Generator | None,
    keep_in_memory: bool,
    indices_cache_file_name: str | None,
    new_fingerprint: str | None,
) -> Dataset:
    """See `Dataset.shuffle`."""
    ds._check_no_index("shuffle")
    if len(ds) == 0:
        return ds
    if keep_in_memory and indices_cache_file_name is not None:
        raise ValueError("Please use either `keep_in_memory` or `indices_cache_file_name` but not both.")
    rows = _random(seed, generator).permutation(len(ds))
    step = f"shuffle({'' if seed is None else f'seed={seed}'})"
    arguments = (seed,) if seed is not None else ()
    return ds._select(rows, step, *arguments, key=new_fingerprint, file=indices_cache_file_name)


def train_test_split(
    ds: Dataset,
    test_size: float | int | None,
    train_size: float | int | None,
    shuffle: bool,
    stratify_by_column: str | None,
    seed: int | None,
    generator: np.random.Generator | None,
    train_indices_cache_file_name: str | None,
    test_indices_cache_file_name: str | None,
    train_new_fingerprint: str | None,
    test_new_fingerprint: str | None,
) -> DatasetDict:
    """See `Dataset.train_test_split`."""
    from bearhug.datasets.dataset_dict import DatasetDict

    ds._check_no_index("train_test_split")
    if len(ds) == 0:
        return DatasetDict({"train": ds, "test": ds})
    train, test = _sizes(len(ds), train_size, test_size)
    if not shuffle:
        if stratify_by_column is not None:
            raise ValueError("Stratified train/test split is not implemented for `shuffle=False`")
        rows: dict[str, Any] = {"train": np.arange(train), "test": np.arange(train, train + test)}
    elif stratify_by_column is not None:
        ds._known([stratify_by_column])
        assert ds._info.features is not None
        feature = ds._info.features[stratify_by_column]
        if not isinstance(feature, ClassLabel):
            raise ValueError(
                "Stratifying by column is only supported for ClassLabel column, and column "
                f"{stratify_by_column} is "
                f"{type(feature).__name__}.\nMake it one with ds.class_encode_column({stratify_by_column!r})."
            )
        labels = np.asarray(ds.select_columns(stratify_by_column).to_dict()[stratify_by_column])
        rows = _stratified(labels, stratify_by_column, train, test, _random(seed, generator))
    else:
        order = _random(seed, generator).permutation(len(ds))
        rows = {"train": order[test : test + train], "test": order[:test]}
    keys = {"train": train_new_fingerprint, "test": test_new_fingerprint}
    files = {"train": train_indices_cache_file_name, "test": test_indices_cache_file_name}
    return DatasetDict(
        {
            name: ds._select(one, f"train_test_split(...)[{name!r}]", name, one, key=keys[name], file=files[name])
            for name, one in rows.items()
        }
    )


def _random(seed: int | None, generator: np.random.Generator | None) -> np.random.Generator:
    """The generator that is given, or one from the seed, or one from the state of numpy's global generator."""
    if generator is not None:
        if seed is not None:
            raise ValueError("Both `seed` and `generator` were provided. Please specify just one of them.")
        if not isinstance(generator, np.random.Generator):
            raise ValueError("The provided generator must be an instance of numpy.random.Generator")
        return generator
    if seed is None:
        _, words, place, *_ = np.random.get_state()  # noqa: NPY002: the reference draws from here too
        seed = int(words[place] if place < 624 else words[0])  # pyright: ignore[reportIndexIssue, reportOperatorIssue, reportCallIssue, reportArgumentType]
        np.random.random()  # noqa: NPY002: one step on, so that the next call differs
    return np.random.default_rng(seed)


def _sizes(rows: int, train: float | int | None, test: float | int | None) -> tuple[int, int]:
    """The numbers of rows of the two parts."""
    if train is None and test is None:
        test = 0.25
    for name, size in (("test_size", test), ("train_size", train)):
        if size is not None and not isinstance(size, int | float):
            raise ValueError(f"Invalid value for {name}: {size} of type {type(size)}")
        if (isinstance(size, int) and not 0 < size < rows) or (isinstance(size, float) and not 0 < size < 1):
            raise ValueError(
                f"{name}={size} should be either positive and smaller than the number of samples {rows} or a float "
                "in the (0, 1) range"
            )
    if isinstance(train, float) and isinstance(test, float) and train + test > 1:
        raise ValueError(
            f"The sum of test_size and train_size = {train + test}, should be in the (0, 1) range. Reduce "
            "test_size and/or train_size."
        )
    many_test = None if test is None else math.ceil(test * rows) if isinstance(test, float) else test
    many_train = None if train is None else math.floor(train * rows) if isinstance(train, float) else train
    many_train = rows - (many_test or 0) if many_train is None else many_train
    many_test = rows - many_train if many_test is None else many_test
    if many_train + many_test > rows:
        raise ValueError(
            f"The sum of train_size and test_size = {many_train + many_test}, should be smaller than the number of "
            f"samples {rows}. "
            f"Reduce test_size and/or train_size."
        )
    if many_train == 0:
        raise ValueError(
            f"With n_samples={rows}, test_size={test} and train_size={train}, the resulting train set will be "
            "empty. Adjust any of "
            f"the aforementioned parameters."
        )
    return many_train, many_test


def _stratified(
    labels: np.ndarray, name: str, train: int, test: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Positions of two parts in which every class has its share, drawn as scikit-learn draws them."""
    classes, which = np.unique(labels, return_inverse=True)
    counts = np.bincount(which)
    if counts.min() < 2:
        raise ValueError(
            f"The least populated class in {name} column has only 1 member, which is too few. The minimum number "
            "of groups for "
            f"any class cannot be less than 2."
        )
    for part, size in (("train_size", train), ("test_size", test)):
        if size < len(classes):
            raise ValueError(
                f"The {part} = {size} should be greater or equal to the number of classes = {len(classes)}"
            )
    members = np.split(np.argsort(which, kind="mergesort"), np.cumsum(counts)[:-1])
    of_train = _shares(counts, train, rng)
    of_test = _shares(counts - of_train, test, rng)
    parts: tuple[list, list] = ([], [])
    for i, rows in enumerate(members):
        order = rows.take(rng.permutation(counts[i]), mode="clip")
        parts[0].extend(order[: of_train[i]])
        parts[1].extend(order[of_train[i] : of_train[i] + of_test[i]])
    return {"train": rng.permutation(parts[0]), "test": rng.permutation(parts[1])}


def _shares(counts: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """How many of each class, `size` together: in proportion, the largest remainders first, ties drawn."""
    exact = size * counts / counts.sum()
    shares = np.floor(exact)
    missing = int(size - shares.sum())
    if missing > 0:
        rests = exact - shares
        for rest in np.sort(np.unique(rests))[::-1]:
            (tied,) = np.where(rests == rest)
            more = min(len(tied), missing)
            tied = rng.choice(tied, size=more, replace=False)
            shares[tied] += 1
            missing -= more
            if missing == 0:
                break
    return shares.astype(np.int64)
