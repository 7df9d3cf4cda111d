"""Formats beyond csv, json and parquet, and files in archives: the reference's rows, loaded and streamed."""

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import tarfile
import zipfile

import numpy as np
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


def both_ways(tmp_path, *arguments, **options):
    """Load and stream with both libraries; the rows and features are equal."""

    def do(D, streaming):
        given = dict(options)
        if D is not ours:
            given["cache_dir"] = str(tmp_path / "their-cache")
        made = D.load_dataset(*arguments, split="train", streaming=streaming, **given)
        rows = [{key: np.asarray(v).tolist() if key == "seg.npy" else v for key, v in row.items()} for row in made]
        return rows, {} if made.features is None else {key: repr(one) for key, one in made.features.items()}

    check(do, False)
    check(do, True)


def zstd(data: bytes) -> bytes:
    return pa.compress(data, codec="zstd", asbytes=True)


PACKED = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd}
TEXTS = {
    "csv": b"a,b\n1,x\n2,\n",
    "jsonl": b'{"a": 1, "b": "x"}\n{"a": 2, "b": null}\n',
    "txt": "one\ntwo\u2028three\r\n".encode(),
    "xml": b"<a>\r\n<b/></a>",
}
KINDS = {"csv": "csv", "jsonl": "json", "txt": "text", "xml": "xml"}


def test_xml(tmp_path):
    """The reference's reader fails outside of streams; the row is the text, each line ended by a line feed."""
    for packing, name in ((bytes, "x.xml"), (gzip.compress, "x.xml.gz")):
        (tmp_path / name).write_bytes(packing(TEXTS["xml"]))
        for streaming in (False, True):
            got = ours.load_dataset("xml", data_files=str(tmp_path / name), split="train", streaming=streaming)
            assert list(got) == [{"xml": "<a>\n<b/></a>"}]


@pytest.mark.reference
@pytest.mark.parametrize("ending", ["csv", "jsonl", "txt"])
@pytest.mark.parametrize("packing", PACKED)
def test_compressed_files(tmp_path, ending, packing):
    path = tmp_path / f"x.{ending}.{packing}"
    path.write_bytes(PACKED[packing](TEXTS[ending]))

    both_ways(tmp_path, KINDS[ending], data_files=str(path))


@pytest.mark.reference
@pytest.mark.parametrize("ending", ["csv", "jsonl", "txt"])
def test_several_files_in_a_zip_archive(tmp_path, ending):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(f"folder/b.{ending}", TEXTS[ending])
        archive.writestr(f"a.{ending}", TEXTS[ending])
        archive.writestr(f"__MACOSX/a.{ending}", b"\x00")

    both_ways(tmp_path, KINDS[ending], data_files=str(tmp_path / "x.zip"))


@pytest.mark.reference
@pytest.mark.parametrize("ending", ["csv", "jsonl", "txt"])
def test_a_folder_of_archives_is_read_as_what_lies_in_them(tmp_path, ending):
    folder = tmp_path / "folder"
    folder.mkdir()
    with zipfile.ZipFile(folder / "train.zip", "w") as archive:
        archive.writestr(f"a.{ending}", TEXTS[ending])

    both_ways(tmp_path, str(folder))


@pytest.mark.parametrize("packing", ["", ".gz"])
def test_files_in_a_tar_archive(tmp_path, packing):
    path = tmp_path / f"x.tar{packing}"
    with tarfile.open(path, f"w:{packing.removeprefix('.')}") as archive:
        for name in ("a.csv", "folder/b.csv"):
            info = tarfile.TarInfo(name)
            info.size = len(TEXTS["csv"])
            archive.addfile(info, io.BytesIO(TEXTS["csv"]))

    for streaming in (False, True):
        rows = ours.load_dataset("csv", data_files=str(path), split="train", streaming=streaming)
        assert [row["a"] for row in rows] == [1, 2, 1, 2]


@pytest.mark.parametrize("name", ["../out.csv", "/out.csv", "a/../../out.csv"])
def test_a_member_that_leads_out_of_its_archive_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(name, TEXTS["csv"])

    with pytest.raises(ours.DatasetGenerationError, match="leads out of the archive"):
        ours.load_dataset("csv", data_files=str(tmp_path / "x.zip"))
    with pytest.raises(ValueError, match="leads out of the archive"):
        ours.DownloadManager().extract(str(tmp_path / "x.zip"))


CONLL = "-DOCSTART- -X- O O\n\nEU B-ORG\nrejects O\n\n# a note\nPeter B-PER\n\n\nlast\n"


@pytest.mark.reference
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"column_names": ["tokens", "ner_tags"]},
        {"column_names": ["tokens", "ner_tags"], "comment_prefix": "#"},
        {"skip_docstart": False, "delimiter": " "},
    ],
    ids=str,
)
def test_conll(tmp_path, options):
    path = tmp_path / "x.conll"
    path.write_text(CONLL)

    both_ways(tmp_path, "conll", data_files=str(path), **options)


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "x.sqlite"
    with sqlite3.connect(path) as con:
        con.execute("CREATE TABLE rows (i INTEGER, f REAL, s TEXT)")
        con.executemany("INSERT INTO rows VALUES (?, ?, ?)", [(1, 0.5, "a"), (2, None, None), (3, 1.0, "c")])
    con.close()
    return f"sqlite:///{path}"


SQL = [
    {"sql": "rows"},
    {"sql": "SELECT s, i FROM rows WHERE i > 1"},
    {"sql": "rows", "columns": ["f"]},
    {"sql": "rows", "index_col": "s"},
    {"sql": "rows", "chunksize": 2},
    {"sql": "SELECT i FROM rows", "chunksize": None},
]


@pytest.mark.reference
@pytest.mark.parametrize("options", SQL, ids=str)
def test_sql(tmp_path, database, options):
    import datasets

    wanted = datasets.Dataset.from_sql(con=database, cache_dir=str(tmp_path / "their-cache"), **options)
    got = ours.load_dataset("sql", con=database, split="train", **options)

    assert got.to_list() == wanted.to_list()
    assert repr(got.features) == repr(wanted.features)
    assert list(ours.load_dataset("sql", con=database, split="train", streaming=True, **options)) == got.to_list()


def test_an_sqlalchemy_query_with_parameters(database):
    import sqlalchemy

    query = sqlalchemy.text("SELECT * FROM rows WHERE i = :one")
    got = ours.load_dataset("sql", sql=query, con=database, params={"one": 2}, split="train")
    assert list(got["i"]) == [2]


def test_sql_by_an_open_connection_is_read_each_time(tmp_path, database):
    con = sqlite3.connect(database.removeprefix("sqlite:///"), check_same_thread=False)
    first = ours.load_dataset("sql", sql="SELECT i FROM rows", con=con, split="train")
    con.execute("DELETE FROM rows WHERE i = 1")
    again = ours.load_dataset("sql", sql="SELECT i FROM rows", con=con, split="train")
    con.close()

    assert (list(first["i"]), list(again["i"])) == ([1, 2, 3], [2, 3])


@pytest.mark.reference
def test_sql_needs_both(tmp_path):
    with pytest.raises((ValueError, ours.DatasetGenerationError), match="con must be specified"):
        ours.load_dataset("sql", sql="SELECT 1")


@pytest.fixture
def hdf5(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["i"] = np.arange(5, dtype=np.int32)
        file["vector"] = np.arange(15, dtype=np.float32).reshape(5, 3)
        file["matrix"] = np.arange(30, dtype=np.float64).reshape(5, 2, 3)
        file["cube"] = np.zeros((5, 2, 2, 2), np.uint8)
        file["empty"] = np.zeros((5, 0), np.int64)
        file["c"] = np.arange(5) + 1j * np.ones(5)
        file["point"] = np.array([(i, i / 2) for i in range(5)], dtype=[("x", np.int16), ("y", np.float32)])
        file.create_group("group")["inner"] = np.arange(5)[::-1].copy()
        file.create_dataset("text", data=[f"t{i}" for i in range(5)], dtype=h5py.string_dtype())
        ragged = file.create_dataset("ragged", (5,), dtype=h5py.vlen_dtype(np.int64))
        for i in range(5):
            ragged[i] = list(range(i))
    return path


@pytest.mark.reference
@pytest.mark.parametrize("options", [{}, {"batch_size": 2}], ids=str)
def test_hdf5(tmp_path, hdf5, options):
    both_ways(tmp_path, "hdf5", data_files=str(hdf5), **options)


def test_hdf5_links_out_of_the_file_are_refused(tmp_path, hdf5):
    import h5py

    with h5py.File(tmp_path / "bad.h5", "w") as file:
        file["out"] = h5py.ExternalLink(str(hdf5), "/i")

    with pytest.raises(ours.DatasetGenerationError, match="ExternalLink"):
        ours.load_dataset("hdf5", data_files=str(tmp_path / "bad.h5"))


def tar(path, files):
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def npy(array):
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


@pytest.mark.reference
def test_webdataset(tmp_path):
    files = {}
    for i in range(7):
        files[f"folder/{i:03d}.json"] = json.dumps({"n": i, "s": "x" * i}).encode()
        files[f"folder/{i:03d}.txt"] = f"text {i}".encode()
        files[f"folder/{i:03d}.cls"] = str(i % 2).encode()
        files[f"folder/{i:03d}.seg.npy"] = npy(np.arange(3) * i)
        files[f"folder/{i:03d}.bin"] = bytes([i])
    path = tar(tmp_path / "x.tar", files)

    both_ways(tmp_path, "webdataset", data_files=str(path))


@pytest.mark.reference
@pytest.mark.parametrize(
    "files", [{"a.txt": b"1", "b.json": b"{}"}, {"a.txt": b"1", "a.cls": b"no number"}], ids=["prefixes", "value"]
)
def test_tar_archives_that_are_no_webdataset(tmp_path, files):
    path = tar(tmp_path / "x.tar", files)

    with pytest.raises((ValueError, ours.DatasetGenerationError)):
        ours.load_dataset("webdataset", data_files=str(path), split="train")


@pytest.mark.reference
@pytest.mark.parametrize("options", [{}, {"columns": ["b"]}], ids=str)
def test_lance(tmp_path, options):
    lance = pytest.importorskip("lance")
    folder = tmp_path / "folder"
    lance.write_dataset(pa.table({"a": [1, 2, 3], "b": ["x", None, "z"]}), str(folder / "train.lance"))

    got = ours.load_dataset(str(folder), split="train", **options)
    wanted = {"a": [1, 2, 3], "b": ["x", None, "z"]}
    assert got.to_dict() == {key: wanted[key] for key in options.get("columns", wanted)}
    assert list(ours.load_dataset(str(folder), split="train", streaming=True, **options)) == list(got)


@pytest.mark.reference
@pytest.mark.parametrize("mode", ["error", "warn", "skip"])
def test_bad_parquet_files(tmp_path, mode):
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"no parquet")
    files = [str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")]

    def do(D):
        given = {} if D is ours else {"cache_dir": str(tmp_path / "their-cache")}
        return D.load_dataset("parquet", data_files=files, split="train", on_bad_files=mode, **given)

    check(do)
