"""How many commits a second does the hub take, and how fast do weights go up and down?

One-file commits over HTTP against git's own plumbing in a bare repository on the same disk (no network), into a
small tree and into one of 10,000 files. Limit: how often a second this disk syncs a file. Then 100 MB over Xet.
"""

import json
import os
import random
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path

import httpx2 as httpx
from huggingface_hub import HfApi, hf_hub_download

from bearhug.hub.server import local
from paired import paired

MANY, MB = 10_000, 100


def syncs(folder: Path) -> float:
    """Synced small files a second."""
    start = time.perf_counter()
    for number in range(50):
        with open(folder / str(number), "wb") as file:
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
    return 50 / (time.perf_counter() - start)


class Git:
    """A bare repository, driven by plumbing as a server would."""

    def __init__(self, folder: Path, names: list[str]):
        self.folder = folder
        subprocess.run(["git", "init", "-q", "--bare", folder], check=True)
        subprocess.run(["git", "-C", folder, "config", "core.fsync", "committed"], check=True)
        blob = self.run("hash-object", "-w", "--stdin", data="x")
        self.run("update-index", "--index-info", data="".join(f"100644 {blob}\t{name}\n" for name in names))
        self.parent = self.finish([])

    def run(self, *words: str, data: str = "") -> str:
        done = subprocess.run(
            ["git", "-C", self.folder, *words], input=data, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def finish(self, parents: list[str]) -> str:
        tree = self.run("write-tree")
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        commit = self.run(*identity, "commit-tree", tree, "-m", "s", *[word for one in parents for word in ("-p", one)])
        self.run("update-ref", "refs/heads/main", commit)
        return commit

    def commit(self, name: str) -> None:
        blob = self.run("hash-object", "-w", "--stdin", data=name)
        self.run("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}")
        self.parent = self.finish([self.parent])


def main() -> None:
    """Print the figures."""
    numbers = count()
    with local() as hub, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        api = HfApi(endpoint=hub.endpoint, token=hub.token)
        http = httpx.Client(base_url=hub.endpoint, headers={"Authorization": f"Bearer {hub.token}"}, timeout=60)

        def commit(repo: str, names: list[str]) -> None:
            lines = [{"key": "header", "value": {"summary": "s"}}]
            lines += [{"key": "file", "value": {"path": name, "content": name}} for name in names]
            body = "\n".join(json.dumps(line) for line in lines)
            http.post(f"/api/models/{repo}/commit/main", content=body).raise_for_status()

        limit = syncs(folder)
        for size in (10, MANY):
            names = [f"folder/{number:05}" for number in range(size)]
            repo = api.create_repo(f"size-{size}").repo_id
            commit(repo, names)
            bare = Git(folder / f"bare-{size}", names)
            paired(
                f"one-file commits into {size} files",
                ours=lambda repo=repo: [commit(repo, [f"folder/x{next(numbers)}"]) for _ in range(10)],
                theirs=lambda bare=bare: [bare.commit(f"folder/x{next(numbers)}") for _ in range(10)],
                unit="commits/s",
                work=10,
                limit=limit,
            )
        api.create_repo("weights")
        seed = count()

        def up() -> None:
            (folder / "weights.bin").write_bytes(random.Random(next(seed)).randbytes(MB * 2**20))
            api.upload_file(path_or_fileobj=folder / "weights.bin", path_in_repo="weights.bin", repo_id="bear/weights")

        def down() -> None:
            cache = folder / f"cache-{next(numbers)}"
            hf_hub_download("bear/weights", "weights.bin", endpoint=hub.endpoint, token=hub.token, cache_dir=cache)

        paired("upload over Xet", ours=up, unit="MB/s", work=MB, rounds=3)
        paired("download over Xet", ours=down, unit="MB/s", work=MB, rounds=3)
        http.close()


if __name__ == "__main__":
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    main()
