"""Several data sets as one, and the dict of splits; equal to the reference."""

import pytest

import bearhug.datasets as ours
from dataset_parity import check

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


def trio(D):
    sizes = (3, 4, 5)
    return [
        D.Dataset.from_dict({"i": [10 * k + i for i in range(size)], "s": [str(k)] * size})
        for k, size in enumerate(sizes)
    ]


@pytest.mark.reference
@pytest.mark.parametrize(
    "do",
    [
        lambda D, a, b, c: D.concatenate_datasets([a, b, c]),
        lambda D, a, b, c: D.concatenate_datasets([a, b.select([3, 0]), c.shuffle(seed=1)]),
        lambda D, a, b, c: D.concatenate_datasets([a, a]),
        lambda D, a, b, c: D.concatenate_datasets([a.select([]), b]),
        lambda D, a, b, c: D.concatenate_datasets([a, a.rename_columns({"i": "j", "s": "t"})], axis=1),
        lambda D, a, b, c: D.concatenate_datasets(
            [a.select([2, 0]), b.select([1, 1]).rename_columns({"i": "j", "s": "t"})], axis=1
        ),
        lambda D, a, b, c: D.concatenate_datasets([a, b], axis=1),
        lambda D, a, b, c: D.concatenate_datasets([a, a], axis=1),
        lambda D, a, b, c: D.concatenate_datasets([]),
        lambda D, a, b, c: D.concatenate_datasets([a, {"i": 1}]),
        lambda D, a, b, c: D.concatenate_datasets([a, D.DatasetDict({"train": b})]),
        lambda D, a, b, c: D.concatenate_datasets([a, b.cast_column("i", D.Value("string"))]),
        lambda D, a, b, c: D.concatenate_datasets([a, b.remove_columns("s")]),
        lambda D, a, b, c: D.concatenate_datasets([a, D.Dataset.from_dict({"i": [1], "s": [None]})]),
        lambda D, a, b, c: D.concatenate_datasets([D.Dataset.from_dict({"i": [None], "s": [None]}), a]),
        lambda D, a, b, c: D.concatenate_datasets([a.with_format("numpy"), b.with_format("numpy")]).format,
        lambda D, a, b, c: D.concatenate_datasets([a.with_format("numpy"), b]).format,
        lambda D, a, b, c: D.concatenate_datasets([a, b]).shuffle(seed=3).select(range(4)),
        lambda D, a, b, c: D.interleave_datasets([a, b, c]),
        lambda D, a, b, c: D.interleave_datasets([a, b, c], stopping_strategy="all_exhausted"),
        lambda D, a, b, c: D.interleave_datasets([a, b, c], stopping_strategy="all_exhausted_without_replacement"),
        lambda D, a, b, c: D.interleave_datasets([a, b, c], probabilities=[0.2, 0.3, 0.5], seed=1),
        lambda D, a, b, c: D.interleave_datasets(
            [a, b, c], probabilities=[0.2, 0.3, 0.5], seed=7, stopping_strategy="all_exhausted"
        ),
        lambda D, a, b, c: D.interleave_datasets(
            [a, b, c], probabilities=[0.2, 0.3, 0.5], seed=7, stopping_strategy="all_exhausted_without_replacement"
        ),
        lambda D, a, b, c: D.interleave_datasets([a, b], probabilities=[1.0, 0.0], seed=7),
        lambda D, a, b, c: D.interleave_datasets(
            [a, b], probabilities=[1.0, 0.0], seed=7, stopping_strategy="all_exhausted"
        ),
        lambda D, a, b, c: D.interleave_datasets([a, b], stopping_strategy="first"),
        lambda D, a, b, c: D.interleave_datasets([]),
        lambda D, a, b, c: D.interleave_datasets([a.shuffle(seed=2), b]),
    ],
)
def test_combining(do):
    check(lambda D: do(D, *trio(D)))


def splits(D):
    a, b, _ = trio(D)
    return D.DatasetDict({"train": a, "test": b})


@pytest.mark.reference
@pytest.mark.parametrize(
    "do",
    [
        lambda D, dd: dd,
        lambda D, dd: repr(dd),
        lambda D, dd: [dd.column_names, dd.num_rows, dd.num_columns, dd.shape, dd.cache_files],
        lambda D, dd: dd["train"],
        lambda D, dd: dd[D.Split.TRAIN],
        lambda D, dd: dd["trian"],
        lambda D, dd: dd[0],
        lambda D, dd: dd.map(lambda r: {"i": r["i"] + 1}),
        lambda D, dd: dd.map(
            lambda b: {"n": [len(b["i"])] * len(b["i"])}, batched=True, batch_size=2, remove_columns=["s"]
        ),
        lambda D, dd: dd.filter(lambda r: r["i"] % 2 == 0),
        lambda D, dd: dd.shuffle(seed=4),
        lambda D, dd: dd.shuffle(seeds={"train": 1, "test": 2}),
        lambda D, dd: dd.sort("i", reverse=True),
        lambda D, dd: dd.remove_columns("s"),
        lambda D, dd: dd.select_columns("s"),
        lambda D, dd: dd.rename_column("s", "t"),
        lambda D, dd: dd.rename_columns({"s": "t"}),
        lambda D, dd: dd.cast_column("i", D.Value("string")),
        lambda D, dd: dd.class_encode_column("s"),
        lambda D, dd: dd.unique("s"),
        lambda D, dd: dd.flatten(),
        lambda D, dd: dd.with_format("numpy")["test"][0],
        lambda D, dd: dd.with_format("torch").map(lambda r: {"x": r["i"] * 2}),
        lambda D, dd: {name: one.num_rows for name, one in dd.items()},
        lambda D, dd: dd.map(lambda r, split: {"split": split}, with_split=True),
        lambda D, dd: D.DatasetDict({"train": 5}).map(lambda r: r),
        lambda D, dd: dd.nope,
    ],
)
def test_a_dict_of_splits(do):
    check(lambda D: do(D, splits(D)))


def test_an_unknown_split_names_the_near_one():
    with pytest.raises(KeyError, match="'train'"):
        splits(ours)["trian"]
