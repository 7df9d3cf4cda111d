"""save_to_disk in every way: shards, processes, sizes, formats, positions, stores; either side reads the other's."""

import datetime
import decimal
import itertools

import numpy as np
import pytest

import bearhug.datasets as ours
from dataset_parity import check

pytestmark = [
    pytest.mark.reference,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning"),
]
BOTH = ("ours", "theirs")


def libraries():
    import datasets as theirs

    return {"ours": ours, "theirs": theirs}


def rows(D, n=11):
    features = D.Features({"n": D.Value("int32"), "text": D.Value("string"), "y": D.ClassLabel(names=["a", "b"])})
    values = {"n": range(n), "text": [f"row {i}" * (i % 3) for i in range(n)], "y": [i % 2 for i in range(n)]}
    return D.Dataset.from_dict(values, features=features, split="train")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


OPTIONS = [
    {},
    {"num_shards": 3},
    {"max_shard_size": 100},
    {"max_shard_size": "1KB"},
    {"num_proc": 1},
    {"num_proc": 2, "num_shards": 5},
    {"num_proc": 2},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_same_files_with_the_same_rows(options, tmp_path):
    for name, D in libraries().items():
        if name == "theirs" and "num_proc" in options:
            options = {**options, "num_shards": options.get("num_shards", options["num_proc"])}
            del options["num_proc"]  # its processes are slow to start, and change nothing but the number
        rows(D).save_to_disk(tmp_path / name, **options)

    assert names(tmp_path / "ours") == names(tmp_path / "theirs")
    for name in BOTH:
        check(lambda D, name=name: D.load_from_disk(str(tmp_path / name)))
    files = [one for one in names(tmp_path / "ours") if one.endswith(".arrow")]
    sizes = {name: [ours.Dataset.from_file(str(tmp_path / name / file)).num_rows for file in files] for name in BOTH}
    assert sizes["ours"] == sizes["theirs"]


NOON = datetime.datetime(2024, 1, 1, 12, tzinfo=datetime.UTC)
STRUCT = {"a": {"b": 1}, "c": [{"d": "x"}]}


def test_more_files_than_rows_are_as_many_as_rows(tmp_path):
    rows(ours).save_to_disk(tmp_path / "one", num_shards=20)

    assert len(names(tmp_path / "one")) == 11 + 2
    check(lambda D: D.load_from_disk(str(tmp_path / "one")))


FEATURES = {
    "bool": (lambda D: D.Value("bool"), [True, None, False]),
    "uint64": (lambda D: D.Value("uint64"), [2**62, 0, None]),
    "float16": (lambda D: D.Value("float16"), [1.5, None, 0.0]),
    "decimal": (lambda D: D.Value("decimal128(10, 2)"), [decimal.Decimal("1.25"), None, decimal.Decimal("0.00")]),
    "time": (lambda D: D.Value("timestamp[us, tz=UTC]"), [None, NOON, NOON]),
    "date": (lambda D: D.Value("date32"), [datetime.date(2024, 2, 29), None, datetime.date(1, 1, 1)]),
    "duration": (lambda D: D.Value("duration[ms]"), [datetime.timedelta(seconds=1), None, datetime.timedelta(0)]),
    "large": (lambda D: D.Value("large_string"), ["é", None, ""]),
    "binary": (lambda D: D.Value("large_binary"), [b"\0", None, b""]),
    "null": (lambda D: D.Value("null"), [None] * 3),
    "label": (lambda D: D.ClassLabel(num_classes=3), [2, None, 0]),
    "list": (lambda D: D.List(D.List(D.Value("int8"))), [[[1], []], None, []]),
    "long list": (lambda D: D.LargeList(D.Value("string")), [["a"], None, []]),
    "fixed": (lambda D: D.List(D.Value("float32"), length=2), [[1, 2], [3, 4], [5, 6]]),
    "struct": (lambda D: {"a": {"b": D.Value("int8")}, "c": [{"d": D.Value("string")}]}, [STRUCT] * 3),
    "array2": (lambda D: D.Array2D((None, 2), "int32"), [np.ones((2, 2), np.int32)] * 3),
    "array3": (lambda D: D.Array3D((1, 2, 2), "float32"), [np.ones((1, 2, 2), np.float32)] * 3),
    "translation": (lambda D: D.Translation(["de", "en"]), [{"de": "ja", "en": "yes"}] * 3),
    "many": (lambda D: D.TranslationVariableLanguages(["de", "fr"]), [{"de": "ja", "fr": ["oui", "si"]}] * 3),
    "json": (lambda D: D.Json(), [{"a": 1}, 5, None]),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "writer"), list(itertools.product(FEATURES, BOTH)))
def test_every_feature(kind, writer, tmp_path):
    D = libraries()[writer]
    make, values = FEATURES[kind]
    D.Dataset.from_dict({"x": values}, features=D.Features({"x": make(D)})).save_to_disk(tmp_path / "one")

    check(lambda D: D.load_from_disk(str(tmp_path / "one")))
    check(lambda D: D.load_from_disk(str(tmp_path / "one"), keep_in_memory=True)[1])


FORMATS = [("numpy", {}), ("torch", {"columns": ["n"]}), ("pandas", {}), ("arrow", {}),
           ("numpy", {"columns": ["n", "y"], "output_all_columns": True}), (None, {})]  # fmt: skip


@pytest.mark.parametrize("writer", BOTH)
@pytest.mark.parametrize(("kind", "options"), FORMATS, ids=str)
def test_formats(kind, options, writer, tmp_path):
    rows(libraries()[writer]).with_format(kind, **options).save_to_disk(tmp_path / "one")

    check(lambda D: [D.load_from_disk(str(tmp_path / "one")).format, D.load_from_disk(str(tmp_path / "one"))[1]])


VIEWS = {
    "chosen": lambda ds: ds.select([5, 0, 0]),
    "shuffled": lambda ds: ds.shuffle(seed=7),
    "sorted": lambda ds: ds.sort("text"),
    "filtered": lambda ds: ds.filter(lambda row: row["n"] % 2),
    "renamed": lambda ds: ds.rename_column("n", "m").remove_columns("y"),
    "two": lambda ds: ds.train_test_split(0.5, seed=3),
}


@pytest.mark.parametrize("writer", BOTH)
@pytest.mark.parametrize("view", VIEWS)
def test_views(view, writer, tmp_path):
    VIEWS[view](rows(libraries()[writer])).save_to_disk(tmp_path / "one")

    check(lambda D: D.load_from_disk(str(tmp_path / "one")))


@pytest.mark.parametrize("writer", BOTH)
def test_stores(writer, tmp_path):
    """A store by its URL; one on this machine is written as if by its path."""
    D = libraries()[writer]
    rows(D).save_to_disk(f"memory://{writer}/one", num_shards=2)
    D.DatasetDict({"a": rows(D), "b": rows(D, 3)}).save_to_disk(f"memory://{writer}/two")
    rows(D).save_to_disk(f"file://{tmp_path}/three")

    check(lambda D: D.load_from_disk(f"memory://{writer}/one", storage_options={}))
    check(lambda D: D.load_from_disk(f"memory://{writer}/two"))
    check(lambda D: D.Dataset.load_from_disk(f"memory://{writer}/two/b"))
    check(lambda D: D.load_from_disk(f"file://{tmp_path}/three"))
    check(lambda D: D.load_from_disk(f"memory://{writer}/nothing"))
    assert names(tmp_path / "three")[-1] == "state.json"


@pytest.mark.parametrize("writer", BOTH)
def test_splits_with_shards_of_their_own(writer, tmp_path):
    D = libraries()[writer]
    both = D.DatasetDict({"train": rows(D), "test": rows(D, 4)})
    both.save_to_disk(tmp_path / "one", num_shards={"train": 3, "test": 1})

    assert names(tmp_path / "one") == ["dataset_dict.json", "test", "train"]
    assert len(names(tmp_path / "one" / "train")) == 5
    check(lambda D: D.load_from_disk(str(tmp_path / "one")))


def test_info_travels(tmp_path):
    for name, D in libraries().items():
        info = D.DatasetInfo(description="d", citation="c", homepage="h", license="l", features=rows(D).features)
        ds = D.Dataset.from_dict({"n": [1], "text": ["a"], "y": [0]}, features=rows(D).features, info=info)
        ds.save_to_disk(tmp_path / name)
    for name in BOTH:
        check(lambda D, name=name: [getattr(D.load_from_disk(str(tmp_path / name)).info, one)
                                    for one in ("description", "citation", "homepage", "license")])  # fmt: skip

    first, second = ((tmp_path / name / "dataset_info.json").read_text() for name in BOTH)
    assert first == second


def test_a_key_survives_the_disk(tmp_path):
    ds = rows(ours)
    ds.save_to_disk(tmp_path / "one")

    assert ours.load_from_disk(tmp_path / "one")._fingerprint == ds._fingerprint
