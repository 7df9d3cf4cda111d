"""Folders of pictures, sounds, videos and documents: labels, metadata, splits and archives, as in the reference."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bearhug.datasets as ours
from dataset_parity import check

reference = pytest.mark.reference
# the reference leaves the metadata files that it reads with pandas open
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def put(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    PIL.Image.fromarray(array).save(path)


def metadata(path, rows):
    """A metadata file of the format that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        lines = [
            ",".join(rows[0]),
            *[",".join("" if one is None else str(one) for one in row.values()) for row in rows],
        ]
        path.write_text("\n".join(lines) + "\n")
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)


TREES = {
    "labels": ["cat/a.png", "cat/b.jpg", "dog/c.png", "dog/notes.txt"],
    "one label": ["cat/a.png", "cat/b.png"],
    "flat": ["a.png", "b.PNG", "c.webp"],
    "uneven": ["cat/a.png", "dog/deep/b.png", "c.png"],
    "splits": ["train/cat/a.png", "train/dog/b.png", "test/cat/c.png", "test/dog/d.png"],
    "names": ["train_a.png", "test_b.png", "test_c.png"],
    "hidden": ["cat/a.png", "dog/b.png", ".hidden/c.png", "cat/.d.png"],
}


def tree(tmp_path, name):
    root = tmp_path / "data"
    for i, one in enumerate(TREES[name]):
        path = root / one
        if path.suffix == ".txt":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
        else:
            put(path, i)
    return root


def rows_of(ds):
    """The rows with the files' places, and with their pictures."""
    return {
        str(name): [list(one.decode(False) if hasattr(one, "decode") else off(one)), list(one)]
        for name, one in ds.items()
    }


def off(ds):
    for name, feature in ds.features.items():
        if hasattr(feature, "decode"):
            ds = ds.cast_column(name, type(feature)(decode=False))
    return ds


@pytest.fixture
def load(tmp_path):
    """load_dataset of either library with a cache of its own."""

    def do(D, *arguments, **options):
        return D.load_dataset(*arguments, cache_dir=str(tmp_path / f"cache-{D.__name__}"), **options)

    return do


OPTIONS = [{}, {"drop_labels": True}, {"drop_labels": False}, {"drop_metadata": True, "drop_labels": True}]


@reference
@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize(("options", "streaming"), [*((one, False) for one in OPTIONS), ({}, True)], ids=str)
def test_labels_come_from_folders(name, options, streaming, tmp_path, load):
    root = tree(tmp_path, name)

    def do(D):
        ds = load(D, "imagefolder", data_dir=str(root), streaming=streaming, **options)
        return [rows_of(ds), {str(key): repr(one.features) for key, one in ds.items()}]

    check(do)


def test_a_folder_a_split_is_no_label(tmp_path):
    """The reference takes the splits' names as labels, and leaves them out in the first split."""
    put(tmp_path / "data" / "train" / "a.png")
    put(tmp_path / "data" / "validation" / "b.png")
    ds = ours.load_dataset(str(tmp_path / "data"), cache_dir=tmp_path / "c")

    assert {str(name): list(one.features) for name, one in ds.items()} == {"train": ["image"], "validation": ["image"]}


@reference
@pytest.mark.parametrize("name", ["labels", "splits", "flat"])
def test_a_folder_is_recognised(name, tmp_path, load):
    root = tree(tmp_path, name)

    def do(D):
        ds = load(D, str(root))
        return [rows_of(ds), {str(key): repr(one.features) for key, one in ds.items()}]

    check(do)


@reference
def test_files_are_named(tmp_path, load):
    root = tree(tmp_path, "splits")

    def do(D, **given):
        ds = load(D, "imagefolder", **given)
        return [rows_of(ds), {str(key): repr(one.features) for key, one in ds.items()}]

    for given in (
        {"data_files": str(root / "train" / "cat" / "*.png")},
        {"data_files": {"a": str(root / "train" / "**"), "b": [str(root / "test" / "cat" / "c.png")]}},
        {"data_files": [str(root / "train" / "cat" / "a.png")], "drop_labels": False},
        {"data_dir": str(root), "data_files": {"x": "test/**"}},
    ):
        check(lambda D, given=given: do(D, **given))


KINDS = [".csv", ".jsonl", ".parquet"]


@reference
@pytest.mark.parametrize("ending", KINDS)
@pytest.mark.parametrize("streaming", [False, True])
def test_metadata_names_the_files(ending, streaming, tmp_path, load):
    root = tmp_path / "data"
    for i, name in enumerate(["a.png", "sub/b.png", "c.png", "unused.png"]):
        put(root / name, i)
    rows = [
        {"file_name": "a.png", "caption": "one", "n": 1},
        {"file_name": "sub/b.png", "caption": "two", "n": 2},
        {"file_name": "./sub/../c.png", "caption": "three", "n": 3},
    ]
    metadata(root / f"metadata{ending}", rows)

    def do(D, **options):
        ds = load(D, "imagefolder", data_dir=str(root), streaming=streaming, **options)
        return [rows_of(ds), {str(key): repr(one.features) for key, one in ds.items()}]

    for options in (
        {}, {"drop_metadata": True}, {"drop_labels": False}, {"drop_metadata": True, "drop_labels": False},
        {"filters": [("n", ">", 1)]}, {"filters": pa.compute.field("caption") == "two"},
    ):  # fmt: skip
        check(lambda D, options=options: do(D, **options))
    check(lambda D: [rows_of(load(D, str(root)))])


@reference
@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_metadata_with_several_files_a_row(ending, tmp_path, load):
    root = tmp_path / "data"
    for i in range(4):
        put(root / f"{i}.png", i)
    rows = [
        {"x": 1, "before_file_name": "0.png", "after_file_name": "1.png", "more_file_names": ["2.png", "3.png"],
         "in": {"file_name": "3.png", "k": "v"}, "boxes": [[1, 2]]},
        {"x": 2, "before_file_name": "1.png", "after_file_name": "0.png", "more_file_names": ["3.png"],
         "in": {"file_name": "2.png", "k": "w"}, "boxes": [[3, 4], [5, 6]]},
    ]  # fmt: skip
    metadata(root / f"metadata{ending}", rows)

    def do(D):
        ds = load(D, "imagefolder", data_dir=str(root))
        return [ds["train"].features, list(ds["train"])]

    check(do)
    rows = [{"file_names": ["0.png", "1.png"]}, {"file_names": ["2.png"]}]
    metadata(root / f"metadata{ending}", rows)
    check(do)


@reference
def test_metadata_of_each_split(tmp_path, load):
    root = tmp_path / "data"
    for split in ("train", "test"):
        for i in range(2):
            put(root / split / f"{i}.png", i)
        metadata(root / split / "metadata.csv", [{"file_name": f"{i}.png", "text": f"{split}{i}"} for i in range(2)])

    def do(D):
        ds = load(D, str(root))
        return [rows_of(ds), {str(key): repr(one.features) for key, one in ds.items()}]

    check(do)


@reference
def test_metadata_under_another_name(tmp_path, load):
    root = tmp_path / "data"
    put(root / "a.png")
    metadata(root / "rows.csv", [{"file_name": "a.png", "n": 7}])
    check(lambda D: rows_of(load(D, "imagefolder", data_dir=str(root), metadata_filenames=["rows.csv"])))


@reference
def test_metadata_errors(tmp_path, load):
    cases = {
        "no file_name": {"metadata.csv": [{"name": "a.png"}]},
        "two kinds": {"metadata.csv": [{"file_name": "a.png"}], "sub/metadata.jsonl": [{"file_name": "b.png"}]},
        "other features": {
            "train/metadata.csv": [{"file_name": "a.png", "n": 1}],
            "test/metadata.csv": [{"file_name": "a.png", "m": 1}],
        },
        "above": {"metadata.csv": [{"file_name": "../a.png"}]},
        "absolute": {"metadata.csv": [{"file_name": str(tmp_path / "a.png")}]},
        "address": {"metadata.csv": [{"file_name": "file:///etc/passwd"}]},
    }
    for name, files in cases.items():
        root = tmp_path / name.replace(" ", "_")
        for folder in ("train", "test") if name == "other features" else ("", "sub"):
            put(root / folder / "a.png")
        for file, rows in files.items():
            metadata(root / file, rows)
        check(lambda D, root=root: load(D, "imagefolder", data_dir=str(root)))
    check(lambda D: load(D, "imagefolder"))
    check(lambda D: load(D, "imagefolder", data_dir=str(tmp_path / "empty")))
    check(lambda D: load(D, "imagefolder", data_files="gone.png"))


@reference
def test_a_missing_file_is_named_when_it_is_looked_at(tmp_path, load):
    root = tmp_path / "data"
    put(root / "a.png")
    metadata(root / "metadata.csv", [{"file_name": "gone.png", "n": 1}])

    def do(D):
        return load(D, "imagefolder", data_dir=str(root), split="train")[0]

    assert "gone.png" in str(check(do))


@reference
def test_features_are_given(tmp_path, load):
    root = tmp_path / "data"
    put(root / "a.png")
    metadata(root / "metadata.csv", [{"file_name": "a.png", "n": "007", "other": 1}])

    def do(D):
        features = D.Features({"image": D.Image(mode="L"), "n": D.Value("string")})
        ds = load(D, "imagefolder", data_dir=str(root), features=features, split="train")
        return [ds.features, list(ds)]

    check(do)


@pytest.mark.parametrize("with_metadata", [False, True])
def test_archives_are_read_where_they_lie(with_metadata, tmp_path):
    root = tree(tmp_path, "labels")
    if with_metadata:
        metadata(root / "metadata.csv", [{"file_name": "dog/c.png", "n": 1}, {"file_name": "cat/a.png", "n": 2}])
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for path in sorted(root.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(root).as_posix())
    expected = ours.load_dataset("imagefolder", data_dir=str(root), split="train", cache_dir=tmp_path / "c")
    shutil.rmtree(root)
    for streaming in (False, True):
        ds = ours.load_dataset(
            "imagefolder",
            data_files=str(tmp_path / "x.zip"),
            split="train",
            streaming=streaming,
            cache_dir=tmp_path / "c",
        )
        found = list(ds)

        assert ds.features == expected.features
        assert ds.column_names == (["image", "n"] if with_metadata else ["image", "label"])
        assert [row["image"].size for row in found] == [(4, 3)] * len(expected)
        assert [list(row.values())[1] for row in found] == ([1, 2] if with_metadata else [0, 0, 1])


@reference
@pytest.mark.parametrize("kind", ["audiofolder", "videofolder", "pdffolder"])
def test_other_kinds_of_folders(kind, tmp_path, load):
    ending, column = {"audiofolder": ("wav", "audio"), "videofolder": ("mp4", "video"), "pdffolder": ("pdf", "pdf")}[
        kind
    ]
    for name in ("a", "b"):
        for folder in ("x", "y"):
            path = tmp_path / "data" / folder / f"{name}.{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"not opened here")
    feature = {"audio": ours.Audio(), "video": ours.Video(), "pdf": ours.Pdf()}[column]
    ds = ours.load_dataset(str(tmp_path / "data"), split="train", cache_dir=tmp_path / "c")

    assert ds.features == {column: feature, "label": ours.ClassLabel(names=["x", "y"])}
    places = [Path(row[column]["path"]).relative_to(tmp_path / "data").as_posix() for row in off(ds)]
    assert places == [f"{folder}/{name}.{ending}" for folder in ("x", "y") for name in ("a", "b")]
    assert ds["label"][:] == [0, 0, 1, 1]
    if kind != "audiofolder":  # the reference encodes sounds only with torchcodec
        check(lambda D: [list(off(load(D, kind, data_dir=str(tmp_path / "data"), split="train")))])


def test_many_files_are_read_in_tables_of_many(tmp_path):
    put(tmp_path / "data" / "a" / "0.png")
    for i in range(1, 1203):
        (tmp_path / "data" / ("a" if i < 700 else "b")).mkdir(exist_ok=True)
        shutil.copy(tmp_path / "data" / "a" / "0.png", tmp_path / "data" / ("a" if i < 700 else "b") / f"{i:04d}.png")
    ds = ours.load_dataset("imagefolder", data_dir=str(tmp_path / "data"), split="train", cache_dir=tmp_path / "c")

    assert len(ds) == 1203
    assert sum(ds["label"]) == 503
    assert ds[1202]["image"].size == (4, 3)


@reference
def test_pictures_in_webdataset_and_parquet(tmp_path, load):
    import tarfile

    for i in range(3):
        put(tmp_path / "x" / f"{i}.png", i)
        (tmp_path / "x" / f"{i}.json").write_text(json.dumps({"n": i}))
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for path in sorted((tmp_path / "x").iterdir()):
            archive.add(path, path.name)
    rows = [{"image": {"bytes": (tmp_path / "x" / f"{i}.png").read_bytes(), "path": f"{i}.png"}} for i in range(3)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet")

    def do(D):
        tar = load(D, "webdataset", data_files=str(tmp_path / "x.tar"), split="train")
        features = D.Features({"image": D.Image()})
        parquet = load(D, "parquet", data_files=str(tmp_path / "x.parquet"), split="train", features=features)
        return [
            tar.features, list(tar), list(off(tar)), parquet.features, list(parquet),
            load(D, "parquet", data_files=str(tmp_path / "x.parquet"))["train"].cast_column("image", D.Image())[1],
        ]  # fmt: skip

    check(do)


@reference
def test_paths_in_json_and_csv_become_pictures(tmp_path, load):
    put(tmp_path / "a.png")
    (tmp_path / "x.jsonl").write_text(json.dumps({"image": str(tmp_path / "a.png"), "n": 1}) + "\n")
    (tmp_path / "x.csv").write_text(f"image,n\n{tmp_path / 'a.png'},1\n")

    def do(D):
        features = D.Features({"image": D.Image(), "n": D.Value("int64")})
        return [
            list(
                load(D, kind, data_files=str(tmp_path / f"x.{end}"), features=features, split="train", streaming=stream)
            )
            for kind, end in (("json", "jsonl"), ("csv", "csv"))
            for stream in (False, True)
        ]

    check(do)
