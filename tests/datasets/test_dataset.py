"""Dataset: what rows come out, which rows are chosen, what columns there are; equal to the reference."""

import datetime
import decimal
import pickle

import numpy as np
import pytest
import torch

import bearhug.datasets as ours
from dataset_parity import check

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

COLUMNS = {
    "text": ["héllo", None, "日本語 🤗", "", "a\nb"],
    "number": [1, -2, 3, 2**40, 0],
    "fraction": [0.5, float("inf"), -1e30, 0.1, 2.0],
    "flag": [True, False, True, True, False],
    "ids": [[1, 2], [], [3], [4, 5, 6], [7]],
    "words": [["a", "b"], [], ["c"], ["", "é"], ["d"]],
    "same": [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]],
    "nested": [
        {"a": 1, "b": {"c": "x"}},
        {"a": 2, "b": {"c": "y"}},
        None,
        {"a": None, "b": None},
        {"a": 5, "b": {"c": None}},
    ],
    "pairs": [[{"k": 1}, {"k": 2}], [], [{"k": 3}], [{"k": None}], []],
    "bytes": [b"\x00\xff", b"", b"abc", None, b"z"],
    "none": [None] * 5,
    "maybe": [1, None, 3, None, 5],
    "grid": [[[1, 2], [3, 4]], [[5, 6], [7, 8]], [[9, 10], [11, 12]], [[1, 1], [1, 1]], [[0, 0], [0, 0]]],
}
TIMES = {
    "date": [datetime.date(2020, 1, 2), None, datetime.date(1999, 12, 31)],
    "stamp": [datetime.datetime(2020, 1, 2, 3, 4, 5, 678), None, datetime.datetime(1970, 1, 1)],
    "zoned": [datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC), None, datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)],  # noqa: E501
    "time": [datetime.time(1, 2, 3), None, datetime.time(23, 59)],
    "span": [datetime.timedelta(days=1, seconds=2), None, datetime.timedelta(0)],
    "money": [decimal.Decimal("1.50"), None, decimal.Decimal("-3.25")],
}  # fmt: skip


def make(D, names=None):
    return D.Dataset.from_dict({name: COLUMNS[name] for name in names or COLUMNS})


@pytest.mark.reference
@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_keeps_its_values_and_type(name):
    check(lambda D: make(D, [name]))


@pytest.mark.reference
@pytest.mark.parametrize("name", TIMES)
def test_times_and_decimals(name):
    check(lambda D: D.Dataset.from_dict({name: TIMES[name]}))


@pytest.mark.reference
@pytest.mark.parametrize(
    "values",
    [
        [],
        [[]],
        [{}],
        [2**63],
        [2**64],
        [1, "a"],
        [1, 2.5],
        [True, 1],
        [[1], 2],
        [{"a": 1}, {"b": 2}],
        [np.int8(1), np.int8(2)],
        [np.arange(3), np.arange(2)],
        [np.arange(4).reshape(2, 2), np.arange(4).reshape(2, 2)],
        [np.float32(0.1)],
        np.arange(3, dtype=np.uint16),
        np.arange(6).reshape(3, 2),
        np.array(["a", "b"]),
        [torch.tensor([1, 2]), torch.tensor([3])],
        torch.arange(3),
        (1, 2, 3),
        [None, [None, 1]],
        [[[1], []], [[2, 3]]],
        [(1, 2), (3, 4)],
        range(3),
        [{"a": [1, None]}, {"a": None}],
        ["\ud800"],
    ],
    ids=lambda v: repr(v)[:40],
)
def test_values_of_every_kind_become_a_column(values):
    check(lambda D: D.Dataset.from_dict({"x": values}))


@pytest.mark.reference
@pytest.mark.parametrize("name", ["input_ids", "attention_mask", "token_type_ids", "special_tokens_mask"])
@pytest.mark.parametrize("values", [[[1, 0], [1]], [1, 2], [[300]], [[2**33]]], ids=str)
def test_a_tokenizers_columns_are_small(name, values):
    check(lambda D: D.Dataset.from_dict({name: values}))


@pytest.mark.reference
@pytest.mark.parametrize(
    "key",
    [0, -1, 4, 5, -6, slice(1, 3), slice(None, None, 2), slice(3, 1), slice(-2, None), [0, 2], [2, 0, 0], (1,), [-1,
    0], [], [9], range(2),
     range(3, 0, -1), np.array([1, 2]), np.int64(1), torch.tensor([0, 1]), [True, False, True, False, True],
     np.array([True, False]), "text", "nope", 1.5, None],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("shuffled", [False, True])
def test_indexing(key, shuffled):
    if shuffled and isinstance(key, list) and key == [-1, 0]:
        key = [4, 0]  # the reference fails at negative positions of chosen rows
    check(lambda D: (make(D).select([3, 1, 4, 0, 2]) if shuffled else make(D))[key])


@pytest.mark.reference
@pytest.mark.parametrize("kind", ["numpy", "torch", "pandas", "arrow", "python", None])
@pytest.mark.parametrize("name", [name for name in COLUMNS if name != "none"])
@pytest.mark.parametrize("key", [0, 1, slice(0, 5), slice(0, 1), [1, 0], slice(0, 0)], ids=str)
def test_formats(kind, name, key):
    check(lambda D: make(D, [name]).with_format(kind)[key])


@pytest.mark.reference
@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("dtype", ["int32", "float64"])
def test_format_options(kind, dtype):
    options = {"dtype": getattr(torch, dtype) if kind == "torch" else getattr(np, dtype)}
    check(lambda D: make(D, ["number", "same"]).with_format(kind, **options)[0:2])
    check(lambda D: make(D, ["number", "same"]).with_format(kind, **options)[0])


@pytest.mark.reference
@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("kind", ["torch", "numpy", None])
def test_format_columns(kind, everything):
    def do(D):
        ds = make(D, ["text", "number", "same"])
        ds.set_format(kind, columns=["number"], output_all_columns=everything)
        return [ds[0], ds[:2], ds.format, list(ds["number"])]

    check(do)


@pytest.mark.reference
@pytest.mark.parametrize("wrong", ["tensorflowish", "torhc", 3])
def test_an_unknown_format_is_named(wrong):
    error = check(lambda D: make(D).with_format(wrong))

    assert repr(wrong) in str(error)


@pytest.mark.reference
def test_transforms():
    def up(batch):
        return {"loud": [text and text.upper() for text in batch["text"]]}

    check(lambda D: make(D).with_transform(up)[:2])
    check(lambda D: make(D).with_transform(up)[0])
    check(lambda D: make(D).with_transform(up, columns=["text"], output_all_columns=True)[0])
    check(lambda D: list(make(D, ["text"]).with_transform(lambda b: {"text": [1] * len(b["text"])})["text"]))
    check(lambda D: make(D).with_transform(lambda b: 5)[0])


@pytest.mark.reference
@pytest.mark.parametrize("kind", [None, "numpy", "torch", "arrow", "pandas"])
@pytest.mark.parametrize("chosen", [False, True])
def test_iteration(kind, chosen):
    def do(D):
        ds = make(D, ["text", "number", "ids", "same"]).with_format(kind)
        ds = ds.select([4, 0, 2]) if chosen else ds
        return [list(ds), list(ds.iter(2)), list(ds.iter(2, drop_last_batch=True))]

    check(do)


@pytest.mark.reference
@pytest.mark.parametrize(
    "do",
    [
        lambda ds: ds["text"] == ds["text"][:],
        lambda ds: ds["number"][1:3],
        lambda ds: ds["number"][[0, 2]],
        lambda ds: ds["nested"]["a"] and next(iter(ds["pairs"])),
        lambda ds: (len(ds["text"]), repr(ds["number"]), "héllo" in ds["text"], ds["number"].index(3)),
        lambda ds: ds["nope"],
        lambda ds: np.asarray(ds["number"]).tolist(),
        lambda ds: list(reversed(ds["number"])),
    ],
)
def test_columns(do):
    check(lambda D: do(make(D)))


@pytest.mark.reference
@pytest.mark.parametrize(
    "do",
    [
        lambda ds: ds.select([0, 2, 4]),
        lambda ds: ds.select(range(1, 3)),
        lambda ds: ds.select([]),
        lambda ds: ds.select(i for i in [1, 0]),
        lambda ds: ds.select([5]),
        lambda ds: ds.select(np.array([1, 1])),
        lambda ds: ds.select([0, 2, 4]).select([2, 0]),
        lambda ds: ds.take(2),
        lambda ds: ds.take(99),
        lambda ds: ds.skip(3),
        lambda ds: ds.repeat(2),
        lambda ds: ds.repeat(0),
        lambda ds: ds.repeat(None),
        lambda ds: [ds.shard(2, i) for i in range(2)],
        lambda ds: [ds.shard(3, i, contiguous=False) for i in range(3)],
        lambda ds: ds.shard(2, 2),
        lambda ds: ds.sort("number"),
        lambda ds: ds.sort("number", reverse=True),
        lambda ds: ds.sort(["flag", "number"], reverse=[True, False]),
        lambda ds: ds.sort("maybe"),
        lambda ds: ds.sort("maybe", null_placement="first"),
        lambda ds: ds.sort("text"),
        lambda ds: ds.sort("nope"),
        lambda ds: ds.sort("number", null_placement="middle"),
        lambda ds: ds.sort(["number"], reverse=[True, False]),
        lambda ds: ds.select([3, 1, 0]).sort("number"),
        lambda ds: ds.flatten_indices(),
        lambda ds: ds.select([3, 1]).flatten_indices(),
    ],
)
def test_choosing_rows(do):
    check(lambda D: do(make(D, ["text", "number", "flag", "maybe", "ids"])))


@pytest.mark.reference
@pytest.mark.parametrize("seed", [0, 1, 42, 12345])
@pytest.mark.parametrize("rows", [1, 2, 10, 1001])
def test_shuffle_and_split_give_the_references_order(seed, rows):
    def do(D):
        ds = D.Dataset.from_dict({"i": list(range(rows))})
        shuffled = ds.shuffle(seed=seed)
        out = [
            shuffled["i"][:],
            shuffled.shuffle(seed=seed)["i"][:],
            ds.shuffle(generator=np.random.default_rng(seed))["i"][:],
        ]
        if rows > 1:
            for options in (
                {},
                {"test_size": 0.3},
                {"train_size": 0.5},
                {"test_size": 1},
                {"shuffle": False, "test_size": 0.5},
            ):
                parts = ds.train_test_split(seed=seed, **options)
                out += [parts["train"]["i"][:], parts["test"]["i"][:]]
        return out

    check(do)


@pytest.mark.reference
def test_without_a_seed_numpys_state_decides():
    def do(D):
        np.random.seed(7)
        ds = D.Dataset.from_dict({"i": list(range(20))})
        return [ds.shuffle()["i"][:], ds.shuffle()["i"][:], ds.train_test_split(0.5)["test"]["i"][:]]

    check(do)


@pytest.mark.reference
@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize("sizes", [{}, {"test_size": 0.2}, {"train_size": 10, "test_size": 7}])
def test_stratified_split(seed, sizes):
    def do(D):
        labels = [i % 3 if i % 5 else 0 for i in range(60)]
        ds = D.Dataset.from_dict({"i": list(range(60)), "y": labels}).cast_column(
            "y", D.ClassLabel(names=["a", "b", "c"])
        )
        parts = ds.train_test_split(stratify_by_column="y", seed=seed, **sizes)
        return [parts["train"]["i"][:], parts["test"]["i"][:]]

    check(do)


@pytest.mark.reference
@pytest.mark.parametrize(
    "options",
    [
        {"test_size": 0}, {"test_size": 1.5}, {"test_size": 10}, {"train_size": -1}, {"test_size": 0.9,
        "train_size": 0.9}, {"test_size": 4, "train_size": 4}, {"test_size": "a"}, {"stratify_by_column": "number"},
        {"stratify_by_column": "nope"}, {"shuffle": False, "stratify_by_column": "number"}, {"test_size": 0.99},
        {"seed": 1, "generator": np.random.default_rng(1)},
    ],
    ids=lambda options: " ".join(options),
)  # fmt: skip
def test_split_errors(options):
    if "generator" in options:
        with pytest.raises(ValueError, match="just one"):
            make(ours, ["number"]).train_test_split(**options)
    else:
        check(lambda D: make(D, ["number"]).train_test_split(**options))


@pytest.mark.reference
@pytest.mark.parametrize(
    "do",
    [
        lambda D, ds: ds.select_columns("text"),
        lambda D, ds: ds.select_columns(["number", "text"]),
        lambda D, ds: ds.select_columns("nope"),
        lambda D, ds: ds.remove_columns(["text", "ids"]),
        lambda D, ds: ds.remove_columns("txet"),
        lambda D, ds: ds.rename_column("text", "t"),
        lambda D, ds: ds.rename_column("text", "number"),
        lambda D, ds: ds.rename_column("text", ""),
        lambda D, ds: ds.rename_column("nope", "x"),
        lambda D, ds: ds.rename_columns({"text": "number", "number": "text"}),
        lambda D, ds: ds.rename_columns({"text": "a", "number": "a"}),
        lambda D, ds: ds.rename_columns({"nope": "a"}),
        lambda D, ds: ds.add_column("new", [1, 2, 3, 4, 5]),
        lambda D, ds: ds.add_column("new", ["a", None, "c", "d", "e"]),
        lambda D, ds: ds.add_column("new", np.arange(5, dtype=np.int32)),
        lambda D, ds: ds.add_column("text", [1, 2, 3, 4, 5]),
        lambda D, ds: ds.add_column("new", [1]),
        lambda D, ds: ds.add_column("new", [1, 2, 3, 4, 5], feature=D.Value("int8")),
        lambda D, ds: ds.select([4, 0]).add_column("new", [1, 2]),
        lambda D, ds: ds.add_item({"text": "more", "number": 9, "flag": True, "maybe": None, "ids": [1]}),
        lambda D, ds: ds.select([1, 0]).add_item({"text": "more", "number": 9, "flag": True, "maybe": 2, "ids": [1]}),
        lambda D, ds: ds.cast_column("number", D.Value("int64")),
        lambda D, ds: ds.cast_column("number", D.Value("string")),
        lambda D, ds: ds.cast_column("number", D.Value("float64")),
        lambda D, ds: ds.cast_column("number", D.Value("int8")),
        lambda D, ds: ds.cast_column("flag", D.Value("int32")),
        lambda D, ds: ds.cast_column("ids", D.List(D.Value("int8"))),
        lambda D, ds: ds.cast_column("ids", D.LargeList(D.Value("int64"))),
        lambda D, ds: ds.cast_column("text", D.Value("int64")),
        lambda D, ds: ds.cast(D.Features({"text": D.Value("string")})),
        lambda D, ds: ds.class_encode_column("text"),
        lambda D, ds: ds.class_encode_column("text", include_nulls=True),
        lambda D, ds: ds.class_encode_column("flag"),
        lambda D, ds: ds.class_encode_column("number"),
        lambda D, ds: ds.class_encode_column("maybe"),
        lambda D, ds: ds.class_encode_column("ids"),
        lambda D, ds: ds.class_encode_column("nope"),
        lambda D, ds: ds.select([0, 2]).class_encode_column("number"),
        lambda D, ds: ds.unique("flag"),
        lambda D, ds: ds.unique("maybe"),
        lambda D, ds: ds.select([1, 0]).unique("number"),
        lambda D, ds: ds.unique("nope"),
        lambda D, ds: [ds.num_rows, ds.num_columns, ds.shape, ds.column_names, len(ds), repr(ds), repr(ds.split),
        ds.cache_files], lambda D, ds: ds.to_dict(),
        lambda D, ds: list(ds.to_dict(batched=True, batch_size=2)),
        lambda D, ds: ds.to_list(),
        lambda D, ds: ds.to_pandas(),
        lambda D, ds: [ds.batch(2), ds.batch(2, drop_last_batch=True)],
        lambda D, ds: ds.batch(by_column="flag"),
        lambda D, ds: ds.batch(),
        lambda D, ds: ds.nope,
    ],
)  # fmt: skip
def test_columns_change(do):
    check(lambda D: do(D, make(D, ["text", "number", "flag", "maybe", "ids"])))


@pytest.mark.reference
def test_structs_flatten():
    check(lambda D: make(D, ["nested", "number"]).flatten())
    check(lambda D: make(D, ["nested", "number"]).flatten(max_depth=2))


@pytest.mark.reference
def test_labels_align():
    def do(D):
        features = D.Features({"y": D.ClassLabel(names=["neg", "pos"])})
        ds = D.Dataset.from_dict({"y": ["pos", "neg", None]}, features=features)
        return ds.align_labels_with_mapping({"POS": 0, "NEG": 1}, "y")

    check(do)


@pytest.mark.reference
@pytest.mark.parametrize(
    ("features", "values"),
    [
        (lambda D: D.ClassLabel(names=["neg", "pos"]), ["neg", "pos", None, "neg"]),
        (lambda D: D.ClassLabel(names=["neg", "pos"]), [0, 1, -1, 1]),
        (lambda D: D.ClassLabel(names=["neg", "pos"]), ["bad"]),
        (lambda D: D.ClassLabel(names=["neg", "pos"]), [7]),
        (lambda D: D.ClassLabel(num_classes=3), ["2", 1]),
        (lambda D: D.List(D.ClassLabel(names=["O", "B"])), [["O", "B"], []]),
        (lambda D: D.Sequence(D.Value("int16")), [[1, 2], None, [3]]),
        (lambda D: D.Sequence(D.Value("int16"), length=2), [[1, 2], [3, 4]]),
        (lambda D: D.Sequence(D.Value("int16"), length=2), [[1, 2], None]),
        (lambda D: D.Sequence(D.Value("int16"), length=2), [[1]]),
        (lambda D: D.Value("int8"), [1, 300]),
        (lambda D: D.Value("string"), [1, 2.5, None]),
        (lambda D: D.Value("float16"), [0.5, 1.0]),
        (lambda D: D.Value("bool"), [0, 1, None]),
        (lambda D: D.Value("binary"), [b"a", None]),
        (lambda D: D.Value("large_string"), ["a", None]),
        (lambda D: D.Value("timestamp[s]"), [datetime.datetime(2020, 1, 1), None]),
        (lambda D: D.Value("date32"), [datetime.date(2020, 1, 1)]),
        (lambda D: D.Value("decimal128(5, 2)"), [decimal.Decimal("1.25")]),
        (lambda D: {"a": D.Value("int32"), "b": [D.Value("string")]}, [{"a": 1, "b": ["x"]}, None, {"a": 2, "b": []}]),
        (lambda D: [{"a": D.Value("int32")}], [[{"a": 1}], []]),
        (lambda D: D.Sequence({"a": D.Value("int32"), "b": D.Value("string")}), [{"a": [1, 2], "b": ["x", "y"]}]),
        (lambda D: D.LargeList(D.Value("int32")), [[1], None]),
        (lambda D: D.Array2D((2, 2), "int32"), [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]),
        (lambda D: D.Array2D((2, 2), "int32"), [np.eye(2, dtype=np.int32), np.ones((2, 2), dtype=np.int32)]),
        (lambda D: D.Array2D((None, 2), "float32"), [[[1.0, 2.0]], [[5.0, 6.0], [7.0, 8.0]]]),
        (lambda D: D.Array3D((1, 2, 2), "float64"), [np.zeros((1, 2, 2)), np.ones((1, 2, 2))]),
        (lambda D: D.Translation(["de", "en"]), [{"de": "ja", "en": "yes"}, {"de": "nein", "en": "no"}]),
        (lambda D: D.TranslationVariableLanguages(["de", "en"]), [{"de": "ja", "en": ["yes", "yeah"]}, {"en": "no"}]),
        (lambda D: D.Json(), [{"a": 1}, [1, 2], "text", None, 5]),
        (lambda D: D.List(D.Json()), [[{"a": 1}, {"b": 2}], []]),
    ],
)  # fmt: skip
def test_features_encode(features, values):
    check(lambda D: D.Dataset.from_dict({"x": values}, features=D.Features({"x": features(D)})))


@pytest.mark.reference
@pytest.mark.parametrize("kind", ["numpy", "torch", None])
@pytest.mark.parametrize("key", [0, slice(0, 2)], ids=str)
def test_array_features_come_out_as_arrays(kind, key):
    def do(D):
        features = D.Features(
            {"a": D.Array2D((2, 2), "float64"), "b": D.Array2D((None, 2), "int32"), "y": D.ClassLabel(names=["n", "p"])}
        )
        data = {"a": [np.eye(2), np.ones((2, 2))], "b": [[[1, 2]], [[3, 4], [5, 6]]], "y": ["p", "n"]}
        return D.Dataset.from_dict(data, features=features).with_format(kind)[key]

    check(do)


@pytest.mark.reference
@pytest.mark.parametrize(
    "values",
    [[1, "a", None], [[1, "a"]], [{"a": 1}, {"b": "x"}], [[{"a": 1}, {"b": 2}]], [{"a": {"x": 1}}, {"a": {"y": 2}}]],
    ids=str,
)
def test_mixed_types_as_json(values):
    check(lambda D: D.Dataset.from_dict({"x": values}, on_mixed_types="use_json"))


@pytest.mark.reference
@pytest.mark.parametrize(
    "rows",
    [
        [{"a": 1, "b": "x"}, {"a": 2, "b": None}],
        [{"a": 1}, {"b": 2}],
        [],
        [{"a": [1]}, {}],
        [{"a": {"b": 1}}, {"a": {"b": 2}}],
    ],
    ids=str,
)
def test_from_list(rows):
    check(lambda D: D.Dataset.from_list(rows))


@pytest.mark.reference
def test_from_pandas():
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [0.5, None], "d": pd.to_datetime(["2020-01-01", None])})
    check(lambda D: D.Dataset.from_pandas(frame))
    check(lambda D: D.Dataset.from_pandas(frame.set_index("a")))
    check(lambda D: D.Dataset.from_pandas(frame.iloc[1:]))
    check(lambda D: D.Dataset.from_pandas(frame.set_index("a"), preserve_index=False))
    check(lambda D: D.Dataset.from_pandas(frame[["a"]], features=D.Features({"a": D.Value("int8")})))


@pytest.mark.reference
def test_empty_datasets():
    check(lambda D: D.Dataset.from_dict({}))
    check(lambda D: D.Dataset.from_dict({"a": []}).map(lambda r: {"b": 1}))
    check(lambda D: D.Dataset.from_dict({"a": []}).filter(lambda r: True))
    check(lambda D: D.Dataset.from_dict({"a": []}).shuffle(seed=1))
    check(lambda D: D.Dataset.from_dict({"a": []}).train_test_split())
    check(lambda D: D.Dataset.from_dict({"a": [1]}).filter(lambda r: False))
    check(lambda D: D.Dataset.from_dict({"a": [1]}).select([]).map(lambda r: r))
    check(lambda D: D.Dataset.from_dict({"a": [1]}).select([]).sort("a"))


@pytest.mark.reference
@pytest.mark.parametrize("workers", [0, 2])
def test_it_works_as_it_is_in_a_dataloader(workers):
    def do(D):
        ds = make(D, ["number", "same", "text"]).with_format("torch", columns=["number", "same"])
        loader = torch.utils.data.DataLoader(ds, batch_size=2, num_workers=workers)
        return list(loader)

    check(do)


def test_a_data_set_in_memory_pickles():
    ds = make(ours).shuffle(seed=1).select_columns(["text", "ids"]).with_format("numpy")

    again = pickle.loads(pickle.dumps(ds))

    assert again.to_dict() == ds.to_dict()
    assert again.format == ds.format
    assert again._fingerprint == ds._fingerprint


def test_a_data_set_on_disk_pickles_by_path(tmp_path):
    big = ours.Dataset.from_dict({"text": [f"row {i} " * 20 for i in range(5000)], "n": list(range(5000))})
    big.save_to_disk(tmp_path / "big")
    ds = ours.load_from_disk(tmp_path / "big").shuffle(seed=0).rename_column("n", "m").select(range(10))

    raw = pickle.dumps(ds)
    again = pickle.loads(raw)

    assert len(raw) < 100_000
    assert again.to_dict() == ds.to_dict()
    assert again.cache_files == ds.cache_files
    assert again._fingerprint == ds._fingerprint


def test_rows_that_a_batch_asks_for_come_as_rows():
    ds = make(ours, ["number", "text"])

    assert ds.__getitems__([1, 0]) == [ds[1], ds[0]]


def test_tensors_own_their_memory():
    ds = make(ours, ["same", "number"]).with_format("torch")
    ds[0]["same"][0] = 99
    ds[:2]["same"][0, 0] = 99

    assert ds[0]["same"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("do", "kind", "said"),
    [
        (lambda ds: ds["txt"], KeyError, "'text'"),
        (lambda ds: ds.remove_columns("txt"), ValueError, "'text'"),
        (lambda ds: ds.map(lambda r: r, input_columns="nmber"), ValueError, "'number'"),
        (lambda ds: ds.with_format("numpi"), ValueError, "'numpy'"),
        (lambda ds: ds.shufle(), AttributeError, "'shuffle'"),
        (lambda ds: ds[7], IndexError, "out of bounds for size 5"),
        (lambda ds: ds[["a"]], TypeError, "list of integers"),
        (lambda ds: ours.Dataset.from_dict({"x": [1, "a"]}), ValueError, "row 1 is str 'a'"),
        (lambda ds: ours.Dataset.from_dict({"x": [1], "y": [1, 2]}), ValueError, "x: 1, y: 2"),
        (lambda ds: ours.ClassLabel(names=["neg", "pos"]).str2int("posi"), ValueError, "'pos'"),
        (lambda ds: ours.Value("strin"), ValueError, "'string'"),
    ],
)
def test_errors_name_the_near_and_the_place(do, kind, said):
    with pytest.raises(kind) as caught:
        do(make(ours, ["text", "number"]))

    assert said in str(caught.value)
