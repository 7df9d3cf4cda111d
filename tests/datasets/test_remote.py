"""Files that lie elsewhere: an http server, fsspec's memory, addresses inside archives; fetched once, found offline."""

import functools
import gzip
import http.server
import threading
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bearhug.datasets as ours

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))


class Handler(http.server.SimpleHTTPRequestHandler):
    asked: list[tuple[str, str]] = []  # noqa: RUF012
    break_after = 0  # bytes of the next answer before the connection is cut

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        Handler.asked.append(("GET", self.path))
        path = self.translate_path(self.path)
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError:
            self.send_error(404)
            return
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        cut, Handler.break_after = Handler.break_after, 0
        self.wfile.write(data[start : start + cut] if cut else data[start:])
        if cut:
            self.close_connection = True

    def do_HEAD(self):
        Handler.asked.append(("HEAD", self.path))
        super().do_HEAD()


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    Handler.asked.clear()
    yield f"http://127.0.0.1:{made.server_port}", folder
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "parquet", "zip"])
def test_http(server, ending, streaming):
    address, folder = server
    path = folder / f"x.{ending}"
    if ending == "parquet":
        pq.write_table(pa.table({"a": [1, 2]}), path)
    elif ending == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.csv", "a\n1\n2\n")
    else:
        data = b"a\n1\n2\n" if "csv" in ending else b'{"a": 1}\n{"a": 2}\n'
        path.write_bytes(gzip.compress(data) if ending.endswith("gz") else data)
    kind = {"jsonl": "json", "parquet": "parquet"}.get(ending, "csv")

    got = ours.load_dataset(kind, data_files=f"{address}/x.{ending}", split="train", streaming=streaming)
    assert [row["a"] for row in got] == [1, 2]


def test_a_file_is_fetched_once_and_found_offline(server, monkeypatch):
    address, folder = server
    (folder / "x.csv").write_text("a\n1\n")
    for _ in range(2):
        assert ours.load_dataset("csv", data_files=f"{address}/x.csv", split="train")["a"][:] == [1]
    assert [what for what, _ in Handler.asked].count("GET") == 1

    Handler.asked.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert ours.load_dataset("csv", data_files=f"{address}/x.csv", split="train")["a"][:] == [1]
    assert Handler.asked == []

    monkeypatch.delenv("HF_HUB_OFFLINE")
    (folder / "x.csv").write_text("a\n12\n")
    assert ours.load_dataset("csv", data_files=f"{address}/x.csv", split="train")["a"][:] == [12]


def test_a_broken_connection_is_taken_up_again(server):
    address, folder = server
    (folder / "x.txt").write_text("".join(f"{i}\n" for i in range(1_000_000)))
    Handler.break_after = 2_000_000

    got = ours.load_dataset("text", data_files=f"{address}/x.txt", split="train", streaming=True)
    assert sum(1 for _ in got) == 1_000_000
    assert len(Handler.asked) >= 2


def test_what_is_not_there(server):
    address, _ = server

    with pytest.raises(FileNotFoundError, match="404"):
        ours.load_dataset("csv", data_files=f"{address}/none.csv")
    with pytest.raises(ConnectionError, match="not in the cache"):
        ours.load_dataset("csv", data_files="http://127.0.0.1:9/x.csv")


@pytest.mark.parametrize("streaming", [False, True])
def test_fsspec(streaming):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for i in range(3):
        memory.pipe(f"/place/{i}.csv", f"a\n{i}\n".encode())

    for files in ("memory://place/*.csv", [f"memory://place/{i}.csv" for i in range(3)]):
        got = ours.load_dataset("csv", data_files=files, split="train", streaming=streaming)
        assert [row["a"] for row in got] == [0, 1, 2]
    with pytest.raises(FileNotFoundError):
        ours.load_dataset("csv", data_files="memory://place/*.tsv")


@pytest.mark.parametrize("streaming", [False, True])
def test_inside_an_archive(tmp_path, server, streaming):
    address, folder = server
    with zipfile.ZipFile(folder / "x.zip", "w") as archive:
        archive.writestr("a/1.csv", "a\n1\n")
        archive.writestr("a/2.csv", "a\n2\n")
        archive.writestr("b/3.csv", "a\n3\n")

    for place in (str(folder / "x.zip"), f"{address}/x.zip"):
        got = ours.load_dataset("csv", data_files=f"zip://a/*.csv::{place}", split="train", streaming=streaming)
        assert [row["a"] for row in got] == [1, 2]


def test_a_managers_files(tmp_path, server):
    address, folder = server
    (folder / "x.txt.gz").write_bytes(gzip.compress(b"hello"))
    with zipfile.ZipFile(folder / "x.zip", "w") as archive:
        archive.writestr("in/a.txt", "a")
    manager = ours.DownloadManager()
    got = manager.download_and_extract({"one": f"{address}/x.txt.gz", "two": [f"{address}/x.zip"]})

    with open(got["one"]) as file:
        assert file.read() == "hello"
    assert [path.rsplit("/", 2)[-2:] for path in manager.iter_files(got["two"])] == [["in", "a.txt"]]
    assert [name for name, _ in manager.iter_archive(str(folder / "x.zip"))] == ["in/a.txt"]
    assert manager.downloaded_size == sum((folder / name).stat().st_size for name in ("x.txt.gz", "x.zip"))
