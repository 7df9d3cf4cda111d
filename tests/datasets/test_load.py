"""load_dataset: which files are which split, what their rows are, slices, configurations, the cache; equal to the
reference."""

import bz2
import datetime
import gzip
import json
import lzma
import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bearhug.datasets as ours
from dataset_parity import check

pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning"
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "our-cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "our-cache"


def load(D, tmp_path, *arguments, **options):
    if D is not ours:
        options["cache_dir"] = str(tmp_path / "their-cache")
    return D.load_dataset(*arguments, **options)


def write(folder: Path, files: dict) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


CSV = {
    "plain": ("a,b,c\n1,x,1.5\n2,,2\n", {}),
    "missing": ("a,b\n1,NA\n,foo\n", {}),
    "bools": ("a,b\nTrue,x\nfalse,y\n,z\n", {}),
    "zeros and signs": ("a,b\n007,+5\n 8, 9\n", {}),
    "unsigned": ("a\n18446744073709551615\n1\n", {}),
    "mixed signs": ("a\n18446744073709551615\n-1\n", {}),
    "hex": ("a,b\n0x10,1e5\n0x11,inf\n", {}),
    "dates stay text": ("a,b\n2020-01-01,10:00\n", {}),
    "doubled header": ("a,a,\n1,2,3\n", {}),
    "no header": ("1,2\n3,4\n", {"header": None}),
    "names": ("1,2\n3,4\n", {"names": ["x", "y"]}),
    "names replace": ("h,i\n3,4\n", {"column_names": ["x", "y"], "header": 0}),
    "short row": ("a,b\n1\n2,3\n", {}),
    "long row": ("a,b\n1,2\n4,5,6\n", {}),
    "long row skipped": ("a,b\n1,2\n4,5,6\n7,8\n", {"on_bad_lines": "skip"}),
    "decimal comma": ("a;b\n1,5;2\n", {"sep": ";", "decimal": ","}),
    "tab": ("a\tb\n1\t2\n", {"delimiter": "\t"}),
    "quotes": ('a,b\n"x\ny","q""r"\n', {}),
    "initial space": ("a,b\n x , y\n", {"skipinitialspace": True}),
    "skip rows": ("# c\na,b\n1,2\n", {"skiprows": 1}),
    "skip rows listed": ("a,b\n1,2\n3,4\n5,6\n", {"skiprows": [2]}),
    "blank lines": ("a,b\n\n1,2\n  \n3,4\n", {}),
    "usecols": ("a,b\n1,2\n", {"usecols": ["b"]}),
    "usecols by number": ("a,b\n1,2\n", {"usecols": [0]}),
    "na values": ("a,b\n-,2\n1,3\n", {"na_values": "-"}),
    "no default na": ("a,b\nNA,2\n", {"keep_default_na": False}),
    "no na": ("a,b\n,2\n", {"na_filter": False}),
    "index column": ("a,b\n1,2\n", {"index_col": 0}),
    "empty": ("", {}),
    "only a header": ("a,b\n", {}),
    "utf-8": ("a,b\n1,é🤗\n", {}),
    "latin-1 unannounced": ("a,b\n1,é\n".encode("latin1"), {}),
    "latin-1": ("a,b\n1,é\n".encode("latin1"), {"encoding": "latin-1"}),
    "byte order mark": ("\ufeffa,b\n1,2\n", {}),
    "windows lines": ("a,b\r\n1,2\r\n", {}),
    "old mac lines": ("a,b\r1,2\r", {}),
    "open quote": ('a,b\n1,"x', {}),
    "thousands": ("a;b\n1,000;x\n", {"thousands": ",", "sep": ";"}),
    "comment": ("a,b\n1,2#x\n#y\n3,4\n", {"comment": "#"}),
    "nrows": ("a,b\n1,2\n3,4\n", {"nrows": 1}),
    "spaces": ("a  b\n1   2\n", {"sep": r"\s+"}),
    "two characters": ("a||b\n1||2\n", {"sep": r"\|\|", "engine": "python"}),
    "other quote": ("a,b\n'x,y',2\n", {"quotechar": "'"}),
    "no quotes": ('a,b\n"x",2\n', {"quoting": 3}),
    "yes and no": ("a,b\nyes,2\nno,3\n", {"true_values": ["yes"], "false_values": ["no"]}),
    "fractions": ("a\n0.1\n123456.789\n1e-5\n-0.0\n", {}),
    "no newline at the end": ("a,b\n1,2\n3,4", {}),
    "escape": ("a,b\nx\\,y,2\n", {"escapechar": "\\"}),
    "one column": ("a\n1\n\n2\n", {}),
    "all missing": ("a,b\n,1\n,2\n", {}),
    "whole after 10,000": ("a\n" + "1\n" * 10_001 + "2.0\n", {}),
    "missing after 10,000": ("a\n" + "1\n" * 10_001 + "NA\n", {}),
}


@pytest.mark.reference
@pytest.mark.parametrize("name", CSV)
def test_csv(name, tmp_path):
    content, options = CSV[name]
    write(tmp_path, {"x.csv": content})
    check(lambda D: load(D, tmp_path, "csv", data_files=str(tmp_path / "x.csv"), **options))


@pytest.mark.reference
@pytest.mark.parametrize(
    "features",
    [
        lambda D: {"a": D.Value("string"), "b": D.Value("float32")},
        lambda D: {"a": D.Value("int8"), "b": D.Value("string")},
        lambda D: {"b": D.Value("int64")},
        lambda D: {"a": D.ClassLabel(names=["zero", "one", "two"]), "b": D.Value("int32")},
    ],
)
def test_csv_with_features(features, tmp_path):
    write(tmp_path, {"x.csv": "a,b\n1,2\n2,3\n"})
    check(lambda D: load(D, tmp_path, "csv", data_files=str(tmp_path / "x.csv"), features=D.Features(features(D))))


def test_csv_types_that_meet_late_are_widened_or_named(tmp_path):
    write(tmp_path, {"a.csv": "x,y\n" + ",1\n" * 10_001 + "late,1.5\n", "b.csv": "x\n" + "1\n" * 10_001 + "word\n"})

    wide = ours.load_dataset("csv", data_files=str(tmp_path / "a.csv"), split="train")
    assert wide[-1] == {"x": "late", "y": 1.5}
    assert wide[0] == {"x": None, "y": 1.0}

    with pytest.raises(ours.DatasetGenerationError, match=r"'x' \(b.csv, rows from 10000\) holds .*string.*int64"):
        ours.load_dataset("csv", data_files=str(tmp_path / "b.csv"))


JSON = {
    "lines": ('{"a": 1, "b": "x"}\n{"a": 2, "b": null}\n', {}),
    "no newline": ('{"a": 1}\n{"a": 2}', {}),
    "missing keys": ('{"a": 1}\n{"b": "x"}\n', {}),
    "nested": ('{"a": {"b": [1, 2], "c": "x"}}\n{"a": {"b": [], "c": null}}\n', {}),
    "list of objects": ('[{"a": 1, "b": [1]}, {"a": 2, "b": []}]', {}),
    "list of strings": ('["x", "y"]', {}),
    "pretty list": ('[\n {"a": 1},\n {"a": 2}\n]', {}),
    "field": ('{"version": 1, "data": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]}', {"field": "data"}),
    "field of columns": ('{"data": {"a": [1, 2], "b": ["x", "y"]}}', {"field": "data"}),
    "object of columns": ('{\n"a": [1, 2],\n"b": ["x", "y"]\n}', {}),
    "mixed": ('{"a": 1}\n{"a": "x"}\n', {}),
    "mixed lists": ('{"a": [1, "x"]}\n', {}),
    "differing structs": ('{"a": {"x": 1}}\n{"a": {"y": 2}}\n', {}),
    "differing structs in lists": ('{"a": [{"x": 1}, {"y": 2}]}\n', {}),
    "struct and text": ('{"a": {"x": 1}}\n{"a": "t"}\n', {}),
    "bool and number": ('{"a": true}\n{"a": 1}\n', {}),
    "whole and fraction": ('{"a": 1}\n{"a": 1.5}\n', {}),
    "times": ('{"a": "2020-01-01T10:00:00"}\n{"a": "2021-01-01T10:00:00"}\n', {}),
    "dates": ('{"a": "2020-01-01"}\n', {}),
    "unicode": ('{"a": "\\u00e9\\ud83e\\udd17", "é": "日本"}\n', {}),
    "nulls": ('{"a": null}\n{"a": null}\n', {}),
    "empty lists": ('{"a": []}\n', {}),
    "big numbers": ('{"a": 9007199254740993}\n', {}),
    "broken": ('{"a": 1}\n{"a": \n', {}),
    "not json": ("hello\n", {}),
    "byte order mark": ('\ufeff{"a": 1}\n', {}),
    "latin-1": ('{"a": "é"}\n'.encode("latin-1"), {"encoding": "latin-1"}),
    "blank lines": ('{"a": 1}\n\n{"a": 2}\n', {}),
    "squad": (
        json.dumps({"data": [{"title": "t", "paragraphs": [{"qas": [{"id": "1", "answers": [{"text": "x", "start":
        3}]}], "context": "c"}]}]}), {"field": "data"},
    ),
}  # fmt: skip


@pytest.mark.reference
@pytest.mark.parametrize("name", JSON)
def test_json(name, tmp_path):
    content, options = JSON[name]
    write(tmp_path, {"x.json": content})
    check(lambda D: load(D, tmp_path, "json", data_files=str(tmp_path / "x.json"), **options))


@pytest.mark.reference
@pytest.mark.parametrize(
    "features",
    [
        lambda D: {"a": D.Value("string"), "b": D.Value("int8")},
        lambda D: {"a": D.Value("float64")},
        lambda D: {"b": D.Value("int64"), "a": D.Value("int64"), "c": D.Value("string")},
    ],
)
def test_json_with_features(features, tmp_path):
    write(tmp_path, {"x.jsonl": '{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n'})
    check(lambda D: load(D, tmp_path, "json", data_files=str(tmp_path / "x.jsonl"), features=D.Features(features(D))))


def test_json_keys_that_come_late_are_null_before(tmp_path):
    write(tmp_path, {"x.jsonl": '{"a": 1}\n' * 3 + '{"a": null, "b": {"c": "x"}}\n'})

    out = ours.load_dataset("json", data_files=str(tmp_path / "x.jsonl"), split="train", chunksize=10)

    assert out[:] == {"a": [1, 1, 1, None], "b": [None, None, None, {"c": "x"}]}


@pytest.mark.reference
@pytest.mark.parametrize(
    "options",
    [{}, {"keep_linebreaks": True}, {"sample_by": "paragraph"}, {"sample_by": "document"}, {"sample_by": "x"}],
    ids=str,
)
@pytest.mark.parametrize(
    "content", ["one\ntwo\n", "one\n\ntwo", "a\r\nb\rc\n", "", "\n\n", "é\n\n\nx\ny\n\nz"], ids=repr
)
def test_text(options, content, tmp_path):
    if options.get("sample_by") == "x":
        write(tmp_path, {"x.txt": content})
        with pytest.raises(ours.DatasetGenerationError, match="sample_by is one of"):
            ours.load_dataset("text", data_files=str(tmp_path / "x.txt"), **options)
        return
    write(tmp_path, {"x.txt": content})
    check(lambda D: load(D, tmp_path, "text", data_files=str(tmp_path / "x.txt"), **options))


TABLE = pa.table(
    {
        "i": pa.array([1, None, 3], pa.int32()),
        "s": ["a", "é", None],
        "l": [[1.5], [], None],
        "t": pa.array([datetime.datetime(2020, 1, 1)] * 3, pa.timestamp("ms")),
        "d": pa.array(["x", "y", "x"]).dictionary_encode(),
        "f": pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.int8(), 2)),
        "m": [{"a": 1}, None, {"a": 3}],
    }
)


@pytest.mark.reference
def test_parquet_and_arrow(tmp_path):
    pq.write_table(TABLE, tmp_path / "x.parquet")
    with pa.ipc.new_stream(tmp_path / "x.arrow", TABLE.schema) as out:
        out.write_table(TABLE)
    with pa.ipc.new_file(tmp_path / "y.arrow", TABLE.schema) as out:
        out.write_table(TABLE)
    check(lambda D: load(D, tmp_path, "parquet", data_files=str(tmp_path / "x.parquet")))
    check(lambda D: load(D, tmp_path, "parquet", data_files=str(tmp_path / "x.parquet"), columns=["s", "i"]))
    check(lambda D: load(D, tmp_path, "parquet", data_files=str(tmp_path / "x.parquet"), filters=[("i", ">", 1)]))
    check(lambda D: load(D, tmp_path, "arrow", data_files=[str(tmp_path / "x.arrow"), str(tmp_path / "y.arrow")]))


@pytest.mark.reference
def test_a_table_written_by_either_side_keeps_its_features(tmp_path):
    import datasets as theirs

    for D, name in ((ours, "ours"), (theirs, "theirs")):
        features = D.Features(
            {"y": D.ClassLabel(names=["n", "p"]), "a": D.Array2D((1, 2), "int8"), "j": D.Json(), "v": D.Value("string")}
        )
        rows = {"y": ["p", "n"], "a": [[[1, 2]], [[3, 4]]], "j": [{"a": 1}, [1]], "v": ["x", None]}
        D.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / f"{name}.parquet")
    for name in ("ours", "theirs"):
        check(lambda D, name=name: load(D, tmp_path, "parquet", data_files=str(tmp_path / f"{name}.parquet")))


@pytest.mark.reference
@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst", "zip"])
def test_compressed_files(kind, tmp_path):
    data = b'{"a": 1}\n{"a": 2}\n'
    path = tmp_path / f"x.jsonl.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.jsonl", data)
    elif kind == "zst":
        path.write_bytes(pa.compress(data, "zstd", asbytes=True))
    else:
        path.write_bytes({"gz": gzip, "bz2": bz2, "xz": lzma}[kind].compress(data))
    if kind == "zst":
        assert ours.load_dataset("json", data_files=str(path), split="train")["a"][:] == [1, 2]
    else:
        check(lambda D: load(D, tmp_path, "json", data_files=str(path)))


# ---- which files


FOLDERS = {
    "one file": ["data.csv"],
    "by file name": ["train.csv", "test.csv"],
    "with gaps": ["my-train-file.csv", "my_test.csv", "dev.csv"],
    "numbered": ["train_0.csv", "train_1.csv", "test_0.csv"],
    "words": ["training.csv", "valid.csv", "evaluation.csv"],
    "val": ["train.csv", "val.csv", "eval.csv"],
    "by folder": ["train/a.csv", "train/b.csv", "test/a.csv"],
    "deep": ["data/train/a.csv", "data/dev/a.csv"],
    "sharded": ["data/train-00000-of-00002.csv", "data/train-00001-of-00002.csv", "data/random-00000-of-00001.csv"],
    "no words": ["trainer.csv", "latest.csv"],
    "hidden": ["train.csv", ".test.csv", "__x__/test.csv"],
    "beside others": ["train.csv", "README.txt", "LICENSE"],
    "folders win": ["train/data.csv", "test.csv"],
    "mixed formats": ["a.csv", "b.csv", "c.json"],
    "tsv": ["train.tsv"],
    "nothing": ["LICENSE"],
}


@pytest.mark.reference
@pytest.mark.parametrize("name", FOLDERS)
def test_folders(name, tmp_path):
    folder = tmp_path / "folder"
    for i, file in enumerate(FOLDERS[name]):
        write(folder, {file: f"a,b\n{i},{file}\n".replace(",", "\t" if file.endswith("tsv") else ",")})
    check(lambda D: load(D, tmp_path, str(folder)))


@pytest.mark.reference
@pytest.mark.parametrize(
    "files",
    ["train.csv", "*.csv", ["train.csv", "test.csv"], {"train": "train.csv", "test": ["test.csv"]}, {"a": "t*.csv"},
    "nope.csv", "n*.csv",
     {"train": "sub/*"}, "sub/**", [], {}, {"a b": "train.csv"}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("by", ["format", "folder"])
def test_data_files(files, by, tmp_path, monkeypatch):
    by = "folder" if files == "n*.csv" else by  # by format, the reference goes on without files
    folder = write(tmp_path / "folder", {"train.csv": "a\n1\n", "test.csv": "a\n2\n", "sub/x.csv": "a\n3\n"})
    monkeypatch.chdir(folder)
    check(lambda D: load(D, tmp_path, "csv" if by == "format" else str(folder), data_files=files))


@pytest.mark.reference
def test_data_dir(tmp_path):
    folder = write(tmp_path / "folder", {"one/train.csv": "a\n1\n", "one/test.csv": "a\n2\n", "two/x.csv": "a\n3\n"})
    for data_dir in ("one", "two", "three"):
        check(lambda D, data_dir=data_dir: load(D, tmp_path, str(folder), data_dir=data_dir))
    check(lambda D: load(D, tmp_path, "csv", data_dir=str(folder / "one")))
    with pytest.raises(ValueError, match="data_files="):  # the reference reads whatever lies in the current folder
        ours.load_dataset("csv")


README = """---
configs:
- config_name: big
  data_files:
  - split: train
    path: "big/*.csv"
  - split: extra
    path:
    - small/a.csv
    - big/a.csv
- config_name: small
  data_dir: small
  sep: ";"
dataset_info:
- config_name: big
  features:
  - name: a
    dtype: int32
  - name: y
    dtype:
      class_label:
        names:
          '0': neg
          '1': pos
  splits:
  - name: train
    num_bytes: 10
    num_examples: 2
---
# Title
"""


@pytest.mark.reference
@pytest.mark.parametrize("name", [None, "big", "small", "bigg"])
def test_configurations_of_a_readme(name, tmp_path):
    folder = write(
        tmp_path / "folder",
        {"README.md": README, "big/a.csv": "a,y\n1,0\n", "big/b.csv": "a,y\n2,1\n", "small/a.csv": "a,y\n3,1\n"},
    )
    options = {"verification_mode": "no_checks"}
    check(lambda D: load(D, tmp_path, str(folder), name, **options))


@pytest.mark.reference
def test_the_default_configuration(tmp_path):
    configs = "- config_name: a\n  data_files: a.csv\n- config_name: b\n  data_files: b.csv\n  default: true\n"
    readme = f"---\nconfigs:\n{configs}---\n"
    folder = write(tmp_path / "folder", {"README.md": readme, "a.csv": "x\n1\n", "b.csv": "x\n2\n"})
    check(lambda D: load(D, tmp_path, str(folder)))
    check(lambda D: load(D, tmp_path, str(folder), split="train"))
    assert ours.get_dataset_config_names(str(folder)) == ["a", "b"]
    assert ours.get_dataset_split_names(str(folder), "a") == ["train"]


# ---- splits


@pytest.mark.reference
@pytest.mark.parametrize(
    "split",
    ["train", "test", "train[:10%]", "train[10%:20%]", "train[-5:]", "train[:3]", "train[2:4]", "train[50%:]",
    "train+test",
     "train[:2]+test[-1:]", "train[:33%](pct1_dropremainder)", "train[:35%]", "train[0:0]", "train[:200]", "all",
     "validation", "trian", "train[", "train[a:b]", "train[:101%]", ["train", "test[:1]"], "train[-10%:]",
     "train[:-50%]"],
    ids=str,
)  # fmt: skip
def test_split_slices(split, tmp_path):
    write(tmp_path, {"train.txt": "".join(f"{i}\n" for i in range(37)), "test.txt": "x\ny\nz\n"})
    files = {"train": str(tmp_path / "train.txt"), "test": str(tmp_path / "test.txt")}
    check(lambda D: load(D, tmp_path, "text", data_files=files, split=split))


@pytest.mark.reference
def test_read_instructions(tmp_path):
    write(tmp_path, {"train.txt": "".join(f"{i}\n" for i in range(150))})

    def do(D):
        one = D.ReadInstruction("train", from_=10, to=20, unit="%") + D.ReadInstruction("train", to=3, unit="abs")
        pct = D.ReadInstruction("train", to=33, unit="%", rounding="pct1_dropremainder")
        folds = [D.ReadInstruction("train", from_=k, to=k + 25, unit="%") for k in range(0, 100, 25)]
        return [
            load(D, tmp_path, "text", data_files=str(tmp_path / "train.txt"), split=split)
            for split in (one, pct, folds)
        ]

    check(do)
    check(lambda D: D.ReadInstruction("train", unit="x"))
    check(lambda D: D.ReadInstruction("train", rounding="closest", unit="abs"))
    check(lambda D: str(D.ReadInstruction.from_spec("train[:10%]+test[5:]")))


@pytest.mark.reference
def test_the_split_and_info_of_what_was_loaded(tmp_path):
    write(tmp_path, {"x.csv": "a\n1\n2\n"})

    def do(D):
        ds = load(D, tmp_path, "csv", data_files=str(tmp_path / "x.csv"), split="train")
        info = ds.info
        return [
            repr(ds.split),
            ds.builder_name,
            info.builder_name,
            list(info.splits),
            info.splits["train"].num_examples,
            ds.split == "train",
        ]

    check(do)


# ---- the cache


def test_a_second_load_reads_no_file(tmp_path, monkeypatch):
    path = write(tmp_path, {"x.csv": "a\n1\n"}) / "x.csv"
    first = ours.load_dataset("csv", data_files=str(path), split="train")
    monkeypatch.setattr("bearhug.datasets.prepare.read_file", None)
    again = ours.load_dataset("csv", data_files=str(path), split="train")

    assert again.to_dict() == first.to_dict()
    assert again.cache_files == first.cache_files
    assert again._fingerprint == first._fingerprint


def test_changed_files_and_options_are_read_anew(tmp_path):
    path = write(tmp_path, {"x.csv": "a,b\n1,2\n"}) / "x.csv"
    assert ours.load_dataset("csv", data_files=str(path), split="train")[0] == {"a": 1, "b": 2}
    assert ours.load_dataset("csv", data_files=str(path), split="train", header=None)[0] == {"0": "a", "1": "b"}

    path.write_text("a,b\n3,4\n")
    os.utime(path, ns=(1, 1))
    assert ours.load_dataset("csv", data_files=str(path), split="train")[0] == {"a": 3, "b": 4}


def test_the_same_content_has_the_same_fingerprint_in_another_folder(tmp_path):
    for name in ("one", "two"):
        write(tmp_path / name, {"x.csv": "a,b\n1,2\n"})
    one, two = (
        ours.load_dataset("csv", data_files=str(tmp_path / name / "x.csv"), split="train") for name in ("one", "two")
    )

    assert one._fingerprint == two._fingerprint
    assert one.cache_files != two.cache_files


def test_a_failed_conversion_leaves_nothing(tmp_path, cache):
    path = write(tmp_path, {"x.json": '{"a": 1}\n' * 5 + "{{{\n"}) / "x.json"
    with pytest.raises(ours.DatasetGenerationError, match=r"x.json.*line 6"):
        ours.load_dataset("json", data_files=str(path))

    assert not any(cache.rglob("*.arrow"))


def test_force_redownload_converts_anew(tmp_path):
    path = write(tmp_path, {"x.txt": "a\n"}) / "x.txt"
    first = ours.load_dataset("text", data_files=str(path), split="train")
    stamp = os.stat(first.cache_files[0]["filename"]).st_mtime_ns
    again = ours.load_dataset("text", data_files=str(path), split="train", download_mode="force_redownload")

    assert os.stat(again.cache_files[0]["filename"]).st_mtime_ns > stamp
    with pytest.raises(ValueError, match="force_redownload"):
        ours.load_dataset("text", data_files=str(path), download_mode="force_redownlod")


def test_processes_that_convert_at_once_do_not_disturb_each_other(tmp_path):
    write(tmp_path, {"x.csv": "a,b\n" + "1,2\n" * 20_000})
    script = textwrap.dedent(
        """
        import sys
        from bearhug import load_dataset
        ds = load_dataset("csv", data_files=sys.argv[1], split="train")
        print(sum(ds["a"]))
        """
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "x.csv")], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]

    assert [process.communicate()[0].strip() for process in running] == ["20000"] * 2


def test_keep_in_memory(tmp_path):
    write(tmp_path, {"x.txt": "a\nb\n"})
    out = ours.load_dataset("text", data_files=str(tmp_path / "x.txt"), split="train", keep_in_memory=True)

    assert out.cache_files == []
    assert out["text"][:] == ["a", "b"]


def test_no_socket_is_opened(tmp_path, monkeypatch):
    import socket

    monkeypatch.delenv("HF_HUB_OFFLINE")

    def refuse(*arguments):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    folder = write(tmp_path / "folder", {"README.md": README, "big/a.csv": "a,y\n1,0\n", "small/a.csv": "a,y\n3,1\n"})

    assert len(ours.load_dataset(str(folder), "big", split="train", verification_mode="no_checks")) == 1
    assert len(ours.load_dataset("csv", data_files=str(folder / "big" / "a.csv"), split="train")) == 1


# ---- errors


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "said"),
    [
        (("csv",), {"data_files": "x.csv", "seperator": ";"}, TypeError, "seperator"),
        (("csv",), {"data_files": "x.csv", "delimeter": ";"}, TypeError, "'delimiter'"),
        (("json",), {"data_files": "x.json", "sep": ";"}, TypeError, "sep"),
        (("csv",), {}, ValueError, "data_files="),
        (("csv",), {"data_files": "xx.csv"}, FileNotFoundError, "'x.csv'"),
        (("csv",), {"data_files": "x.csv", "split": "trian"}, ValueError, "'train'"),
        (("csv",), {"data_files": "x.csv", "usecols": ["aa"]}, ours.DatasetGenerationError, "'a'"),
        (("json",), {"data_files": "x.json", "field": "dta"}, ours.DatasetGenerationError, "'data'"),
        (("./nope",), {}, FileNotFoundError, "./nope"),
        (("nope/nope",), {}, FileNotFoundError, "nope/nope"),
        (("cvs",), {}, FileNotFoundError, "'csv'"),
        (("bearhug/nope",), {}, FileNotFoundError, "bearhug/nope"),
    ],
)
def test_errors_say_what_to_do(arguments, options, kind, said, tmp_path, monkeypatch):
    monkeypatch.chdir(write(tmp_path, {"x.csv": "a,b\n1,2\n", "x.json": '{"data": [{"a": 1}]}'}))
    with pytest.raises(kind) as caught:
        ours.load_dataset(*arguments, **options)

    assert said in str(caught.value)


def test_a_saved_folder_is_not_loaded_by_mistake(tmp_path):
    ours.Dataset.from_dict({"a": [1]}).save_to_disk(tmp_path / "saved")
    with pytest.raises(ValueError, match="load_from_disk"):
        ours.load_dataset(str(tmp_path / "saved"))


def test_remote_code_is_not_run(tmp_path, capsys):
    write(tmp_path, {"x.txt": "a\n"})
    ours.load_dataset("text", data_files=str(tmp_path / "x.txt"), trust_remote_code=True)

    assert "does nothing" in capsys.readouterr().out


def test_real_files(shared):
    tweets = ours.load_dataset("json", data_files=str(shared / "tweets_emotion" / "train.jsonl"), split="train")
    news = ours.load_dataset(str(shared / "topics_agnews"))

    assert tweets.column_names == ["text", "label", "label_text"]
    assert {name: len(one) for name, one in news.items()} == {"train": 4000, "validation": 600}


@pytest.mark.reference
@pytest.mark.parametrize("path", ["sst2", "topics_agnews", "german_sentiment", "tweets_emotion"])
def test_real_folders_give_the_references_rows(path, shared, tmp_path):
    check(lambda D: load(D, tmp_path, str(shared / path)))


# ---- from_... and generators


@pytest.mark.reference
def test_from_methods(tmp_path):
    write(tmp_path, {"x.csv": "a\n1\n", "x.jsonl": '{"a": 1}\n', "x.txt": "a\n"})
    pq.write_table(pa.table({"a": [1]}), tmp_path / "x.parquet")
    for name, ending in (("csv", "csv"), ("json", "jsonl"), ("text", "txt"), ("parquet", "parquet")):

        def do(D, name=name, ending=ending):
            options = {"cache_dir": str(tmp_path / D.__name__)}
            path = str(tmp_path / f"x.{ending}")
            return [
                getattr(D.Dataset, f"from_{name}")(path, **options),
                getattr(D.Dataset, f"from_{name}")([path, path], **options),
                getattr(D.DatasetDict, f"from_{name}")({"train": path, "test": path}, **options),
            ]

        check(do)


def count_to(limit, calls=None):
    for i in range(limit):
        yield {"i": i, "text": f"row {i}" if i > 1500 else None}


@pytest.mark.reference
def test_from_generator(tmp_path):
    def do(D):
        ds = D.Dataset.from_generator(
            lambda: ({"i": i, "s": str(i)} for i in range(5)), cache_dir=str(tmp_path / D.__name__)
        )
        return [ds, repr(ds.split)]

    check(do)


def test_a_generators_rows_are_kept(tmp_path):
    first = ours.Dataset.from_generator(count_to, gen_kwargs={"limit": 2000})
    again = ours.Dataset.from_generator(count_to, gen_kwargs={"limit": 2000})

    assert first.cache_files == again.cache_files
    assert first["text"][1500:1502] == [None, "row 1501"]
    assert len(ours.Dataset.from_generator(count_to, gen_kwargs={"limit": 3})) == 3
