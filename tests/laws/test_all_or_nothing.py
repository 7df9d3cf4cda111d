"""Law 7, all or nothing: killed anywhere, nothing half-made is visible, and what was acknowledged is there."""

import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx2 as httpx
import pytest
from huggingface_hub import HfApi

from bearhug._lib.files import replacing, replacing_folder
from bearhug.hub.server import git

# files


def test_a_file_that_is_not_finished_is_not_there(tmp_path):
    (tmp_path / "a").write_text("old")

    def write() -> None:
        with replacing(tmp_path / "a", "w") as file:
            file.write("new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()

    assert (tmp_path / "a").read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_folder_that_is_not_finished_is_not_there(tmp_path):
    def write() -> None:
        with replacing_folder(tmp_path / "a") as folder:
            (folder / "x").write_text("new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()

    assert os.listdir(tmp_path) == []


# the hub


def start(data) -> tuple[subprocess.Popen, str, str | None]:
    """A hub in a process of its own: (it, its address, the first user's token where it was made now)."""
    code = "import typer; from bearhug.cli.hub import hub; typer.run(hub)"
    command = [sys.executable, "-u", "-c", code, "--port", "0", "--data", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said = ""
    assert process.stdout is not None
    while "Stop it with" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    endpoint, token = re.search(r"hub at (\S+),", said), re.search(r"token +(hf_\w+)", said)
    assert endpoint
    return process, endpoint[1], token[1] if token else None


def kill(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def check_objects(database) -> None:
    """Every object has the hash of its bytes, and all that a ref reaches is there."""
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = db.execute("SELECT sha1, kind, body FROM objects").fetchall()
        waiting = [target for (target,) in db.execute("SELECT target FROM refs")]
    kept = {sha1: (kind, body) for sha1, kind, body in rows}
    assert all(git.object_id(kind, body) == sha1 for sha1, (kind, body) in kept.items())
    seen = set()
    while waiting:
        sha1 = waiting.pop()
        if sha1 in seen:
            continue
        seen.add(sha1)
        kind, body = kept[sha1]
        if kind == "commit":
            commit = git.read_commit(sha1, body)
            waiting += [commit.tree, *commit.parents]
        elif kind == "tree":
            waiting += [entry.sha1 for entry in git.read_tree(body).values()]


def commit(http: httpx.Client, name: str) -> str:
    """One commit of two regular files and a large one, which is uploaded before; the commit's id."""
    large = (name * 500).encode()
    one = {"oid": hashlib.sha256(large).hexdigest(), "size": len(large)}
    batch = {"operation": "upload", "transfers": ["basic"], "objects": [one]}
    offered = http.post("/bear/x.git/info/lfs/objects/batch", json=batch).raise_for_status().json()["objects"][0]
    http.put(offered["actions"]["upload"]["href"], content=large).raise_for_status()
    lines = [
        {"key": "header", "value": {"summary": name}},
        {"key": "file", "value": {"path": f"a/{name}", "content": name}},
        {"key": "file", "value": {"path": f"b/{name}", "content": name}},
        {"key": "lfsFile", "value": {"path": f"w/{name}", "algo": "sha256", **one}},
    ]
    body = "\n".join(json.dumps(line) for line in lines)
    return http.post("/api/models/bear/x/commit/main", content=body).raise_for_status().json()["commitOid"]


@pytest.mark.slow
def test_a_hub_killed_among_commits_keeps_each_that_it_acknowledged(tmp_path):
    """Four writers on one branch; the hub dies in the midst of it, three times."""
    data, acknowledged, token = tmp_path / "data", [], ""
    for round_ in range(3):
        process, endpoint, made = start(data)
        token = made or token
        HfApi(endpoint=endpoint, token=token).create_repo("bear/x", exist_ok=True)

        def write(worker: int, endpoint=endpoint, token=token, round_=round_) -> None:
            with httpx.Client(base_url=endpoint, headers={"Authorization": f"Bearer {token}"}, timeout=30) as http:
                for number in range(1000):
                    name = f"{round_}-{worker}-{number}"
                    acknowledged.append((name, commit(http, name)))

        with ThreadPoolExecutor(4) as pool:
            writers = [pool.submit(write, worker) for worker in range(4)]
            enough = len(acknowledged) + 10 + 7 * round_
            while len(acknowledged) < enough and not all(writer.done() for writer in writers):
                time.sleep(0.005)
            kill(process)
            for writer in writers:
                assert isinstance(writer.exception(), httpx.TransportError)
        check_objects(data / "hub.sqlite")

    process, endpoint, _ = start(data)
    api = HfApi(endpoint=endpoint, token=token)
    titles = {one.commit_id: one.title for one in api.list_repo_commits("bear/x")}
    files = set(api.list_repo_files("bear/x"))
    try:
        assert len(acknowledged) >= 51
        for name, oid in acknowledged:
            assert titles[oid] == name
        for name in titles.values():
            if name != "initial commit":
                assert {f"a/{name}", f"b/{name}", f"w/{name}"} <= files, "a commit is whole, acknowledged or not"
        with httpx.Client(base_url=endpoint) as http:
            for name in titles.values():
                if name != "initial commit":
                    assert http.get(f"/bear/x/resolve/main/w/{name}").text == name * 500
        api.upload_file(path_or_fileobj=b"x", path_in_repo="after", repo_id="bear/x")
    finally:
        kill(process)


def test_an_upload_cut_off_leaves_nothing_under_its_name(tmp_path):
    """Bytes lie under a temporary name until they are whole, checked and synced."""
    from bearhug.hub.server.objects import ObjectFolder

    folder = ObjectFolder(tmp_path)
    incoming = folder.receive(most=100)
    incoming.write(b"half")
    incoming.file.flush()
    again = ObjectFolder(tmp_path)  # after a kill

    assert not again.has("files", incoming.sha256)
    os.utime(incoming.path, (0, 0))
    ObjectFolder(tmp_path)
    assert not incoming.path.exists(), "what a kill left is cleared away in time"
    incoming.close()
