"""save_to_disk, load_from_disk and files: what either side writes the other reads."""

import datetime
import gzip
import json

import numpy as np
import pyarrow as pa
import pytest

import bearhug.datasets as ours
from dataset_parity import check, plain

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


def make(D):
    features = D.Features(
        {
            "text": D.Value("string"),
            "y": D.ClassLabel(names=["n", "p"]),
            "ids": D.List(D.Value("int32")),
            "fixed": D.List(D.Value("float32"), length=2),
            "meta": {"a": D.Value("int8"), "b": [D.Value("string")]},
            "grid": D.Array2D((2, 2), "int16"),
            "any": D.Json(),
            "raw": D.Value("binary"),
            "when": D.Value("timestamp[ms]"),
        }
    )
    rows = {
        "text": ["é", None, "c"],
        "y": ["p", "n", None],
        "ids": [[1], [], None],
        "fixed": [[1, 2], [3, 4], [5, 6]],
        "meta": [{"a": 1, "b": ["x"]}, {"a": None, "b": []}, None],
        "grid": [np.eye(2, dtype=np.int16)] * 3,
        "any": [{"k": [1]}, 5, None],
        "raw": [b"\x00", b"", None],
        "when": [0, 1, None],
    }
    return D.Dataset.from_dict(rows, features=features)


@pytest.mark.reference
@pytest.mark.parametrize("writer", ["ours", "theirs"])
@pytest.mark.parametrize("shards", [None, 2])
def test_either_side_reads_what_the_other_wrote(writer, shards, tmp_path):
    import datasets as theirs

    write = {"ours": ours, "theirs": theirs}[writer]
    ds = make(write).with_format("numpy", columns=["ids"], output_all_columns=True)
    ds.save_to_disk(tmp_path / "one", num_shards=shards)
    write.DatasetDict({"train": make(write), "test": make(write).select([2, 0])}).save_to_disk(tmp_path / "dict")

    check(lambda D: [D.load_from_disk(str(tmp_path / "one")), D.load_from_disk(str(tmp_path / "one")).format])
    check(lambda D: D.load_from_disk(str(tmp_path / "dict")))
    check(lambda D: D.Dataset.load_from_disk(str(tmp_path / "dict" / "test")))
    check(lambda D: D.DatasetDict.load_from_disk(str(tmp_path / "dict")))


@pytest.mark.reference
def test_the_folders_files_are_the_same(tmp_path):
    import datasets as theirs

    for D, name in ((ours, "ours"), (theirs, "theirs")):
        ds = D.Dataset.from_dict({"a": ["x"], "b": [1]}, split="train")
        ds.save_to_disk(tmp_path / name)
        D.DatasetDict({"train": ds}).save_to_disk(tmp_path / f"{name}-dict")
    read = lambda path: json.loads((tmp_path / path).read_text())  # noqa: E731
    states = [read(f"{name}/state.json") for name in ("ours", "theirs")]
    for state in states:
        assert state.pop("_fingerprint")

    assert states[0] == states[1]
    assert (tmp_path / "ours/dataset_info.json").read_text() == (tmp_path / "theirs/dataset_info.json").read_text()
    assert read("ours-dict/dataset_dict.json") == read("theirs-dict/dataset_dict.json")
    assert sorted(p.name for p in (tmp_path / "ours").iterdir()) == sorted(
        p.name for p in (tmp_path / "theirs").iterdir()
    )
    schemas = [pa.ipc.open_stream(tmp_path / name / "data-00000-of-00001.arrow").schema for name in ("ours", "theirs")]
    assert schemas[0].equals(schemas[1])
    one, two = (json.loads(schema.metadata[b"huggingface"])["info"] for schema in schemas)
    assert one == two


@pytest.mark.reference
def test_errors(tmp_path):
    make(ours).save_to_disk(tmp_path / "data")
    check(lambda D: D.load_from_disk(str(tmp_path / "nope")))
    check(lambda D: D.load_from_disk(str(tmp_path)))
    check(lambda D: D.load_from_disk(str(tmp_path / "data")).save_to_disk(str(tmp_path / "data")))
    check(lambda D: make(D).with_format("numpy", dtype=np.int8).save_to_disk(str(tmp_path / D.__name__)))
    check(lambda D: make(D).save_to_disk(str(tmp_path / D.__name__), num_shards=2, max_shard_size="1MB"))


def test_a_cut_file_is_named(tmp_path):
    make(ours).save_to_disk(tmp_path / "data")
    path = tmp_path / "data" / "data-00000-of-00001.arrow"
    path.write_bytes(path.read_bytes()[:-200])

    with pytest.raises(ValueError, match=r"data-00000-of-00001.arrow.*is no whole Arrow file"):
        ours.load_from_disk(tmp_path / "data")


def test_a_failed_save_leaves_the_old_one(tmp_path, monkeypatch):
    make(ours).save_to_disk(tmp_path / "data")

    def fail(*arguments, **options):
        raise OSError("the disk is full")

    monkeypatch.setattr("bearhug.datasets.writer.ArrowWriter.write", fail)
    with pytest.raises(OSError, match="disk is full"):
        make(ours).select([0]).save_to_disk(tmp_path / "data")

    assert len(ours.load_from_disk(tmp_path / "data")) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_an_empty_data_set_is_saved(tmp_path):
    make(ours).select([]).save_to_disk(tmp_path / "data")

    assert ours.load_from_disk(tmp_path / "data").features == make(ours).features
    assert len(ours.load_from_disk(tmp_path / "data")) == 0


def test_in_memory(tmp_path):
    make(ours).save_to_disk(tmp_path / "data")

    assert ours.load_from_disk(tmp_path / "data", keep_in_memory=True).cache_files == []


# ---- csv, json, parquet out


ROWS = {
    "text": ["plain", 'quo"te', "new\nline", None, "é🤗", ""],
    "n": [1, None, 3, 4, 5, 6],
    "f": [0.5, 1e-5, None, 1e16, -0.0, 123456.789],
    "flag": [True, False, None, True, True, True],
    "ids": [[1, 2], [], [3], None, [4], [5]],
}


@pytest.mark.reference
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sep": ";"},
        {"header": False},
        {"index": True},
        {"na_rep": "NULL"},
        {"columns": ["n", "text"]},
        {"quoting": 1},
    ],
    ids=str,
)
def test_csv_is_pandas_csv(options, tmp_path):
    def do(D):
        written = D.Dataset.from_dict(ROWS).to_csv(str(tmp_path / "x.csv"), **options)
        return [(tmp_path / "x.csv").read_text(), written]

    check(do)


@pytest.mark.reference
@pytest.mark.parametrize(
    "options", [{}, {"lines": False}, {"force_ascii": False}, {"compression": "gzip"}, {"orient": "recrods"}], ids=str
)
def test_json_reads_back_as_the_references(options, tmp_path):
    def do(D):
        path = tmp_path / f"{D.__name__}.json"
        D.Dataset.from_dict({name: values for name, values in ROWS.items() if name != "f"}).to_json(
            str(path), **options
        )
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if options.get("compression") else raw).decode()
        return json.loads(text) if options.get("lines") is False else [json.loads(line) for line in text.splitlines()]

    check(do)


def test_numbers_survive_json(tmp_path):
    values = [0.1234567890123456, 1e300, 2**53 + 1.0]
    ours.Dataset.from_dict({"f": values}).to_json(tmp_path / "x.jsonl")

    assert [json.loads(line)["f"] for line in (tmp_path / "x.jsonl").read_text().splitlines()] == values


@pytest.mark.reference
def test_parquet_of_either_side(tmp_path):
    import pyarrow.parquet as pq

    for D in (ours, __import__("datasets")):
        make(D).to_parquet(str(tmp_path / f"{D.__name__}.parquet"))
    one, two = (pq.read_schema(tmp_path / f"{name}.parquet") for name in ("bearhug.datasets", "datasets"))

    assert one.remove_metadata().equals(two.remove_metadata())
    assert json.loads(one.metadata[b"huggingface"]) == json.loads(two.metadata[b"huggingface"])


def test_writing_to_an_open_file_and_to_a_missing_folder(tmp_path):
    import io

    out = io.BytesIO()
    assert ours.Dataset.from_dict({"a": [1]}).to_csv(out) == len(out.getvalue())
    assert ours.Dataset.from_dict({"a": [1]}).to_json(tmp_path / "new" / "x.jsonl") == 8
    with pytest.raises(TypeError, match="'sep'"):
        ours.Dataset.from_dict({"a": [1]}).to_csv(out, spe=";")


def test_chosen_rows_are_what_is_written(tmp_path):
    ds = make(ours).select([2, 0])
    ds.save_to_disk(tmp_path / "data")
    ds.to_parquet(tmp_path / "x.parquet")

    assert plain(ours.load_from_disk(tmp_path / "data")) == plain(ds)
    assert plain(ours.Dataset.from_parquet(str(tmp_path / "x.parquet"), cache_dir=tmp_path / "c")) == plain(ds)


@pytest.mark.reference
@pytest.mark.parametrize("orient", ["split", "index", "columns", "values", "table"])
def test_json_of_other_shapes_is_the_references(orient, tmp_path):
    rows = {"a": [3, 1, None], "b": ["x", None, "z"], "c": [1.5, 2.0, None]}
    pytest.importorskip("datasets").Dataset.from_dict(rows).to_json(tmp_path / "theirs.json", orient=orient)
    ours.Dataset.from_dict(rows).to_json(tmp_path / "ours.json", orient=orient)

    assert (tmp_path / "ours.json").read_text() == (tmp_path / "theirs.json").read_text()


def test_options_of_pandas_alone_are_passed_on(tmp_path):
    ds = ours.Dataset.from_dict({"t": [datetime.datetime(2020, 3, 1)], "f": [1 / 3]})
    ds.to_csv(tmp_path / "x.csv", date_format="%Y")
    ds.remove_columns("t").to_json(tmp_path / "x.json", double_precision=3)

    assert (tmp_path / "x.csv").read_text().splitlines()[1].startswith("2020,0.33")
    assert (tmp_path / "x.json").read_text() == '{"f":0.333}\n'
