"""git's objects and refs of a repository in SQL: read, write, walk."""

from __future__ import annotations

import heapq
import re
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from threading import Lock

from sqlalchemy import Connection

from bearhug.hub.server import git
from bearhug.hub.server.database import run, run_many
from bearhug.hub.server.errors import BadInput, RevisionNotFound
from bearhug.hub.server.git import Commit


@dataclass(frozen=True)
class Blob:
    """What a listing says of a blob; the sizes are of the content, a large file's being that of the file itself."""

    sha1: str
    size_bytes: int
    sha256: str | None = None
    pointer_bytes: int | None = None
    xet_hash: str | None = None

    @property
    def etag(self) -> str:
        """What names the content: SHA-256 of a large file, git's SHA-1 else."""
        return self.sha256 or self.sha1


def body(db: Connection, repo: str, sha1: str) -> bytes | None:
    """An object's bytes."""
    found = run(db, "SELECT body FROM objects WHERE repo = :repo AND sha1 = :sha1", repo=repo, sha1=sha1).scalar()
    return None if found is None else bytes(found)


class Trees:
    """Folders that were read lately, at most so many entries in all. What is under an id never changes."""

    def __init__(self, most: int):
        self.most, self.entries, self.lock = most, 0, Lock()
        self.kept: OrderedDict[tuple[str, str], dict[str, git.Entry]] = OrderedDict()

    def get(self, repo: str, sha1: str) -> dict[str, git.Entry] | None:
        """A folder, where it is kept. It is shared: do not change it."""
        with self.lock:
            found = self.kept.get((repo, sha1))
            if found is not None:
                self.kept.move_to_end((repo, sha1))
            return found

    def keep(self, repo: str, sha1: str, folder: dict[str, git.Entry]) -> dict[str, git.Entry]:
        """Keep a folder in the place of those that were not asked for in the longest time."""
        with self.lock:
            if (repo, sha1) not in self.kept:
                self.kept[repo, sha1] = folder
                self.entries += len(folder) + 1
            while self.entries > self.most:
                _, dropped = self.kept.popitem(last=False)
                self.entries -= len(dropped) + 1
        return folder


TREES = Trees(most=200_000)  # some 60 MB


def tree(db: Connection, repo: str, sha1: str) -> dict[str, git.Entry]:
    """A folder's entries by name, in git's order. It is shared: do not change it."""
    if (kept := TREES.get(repo, sha1)) is not None:
        return kept
    found = body(db, repo, sha1)
    assert found is not None, f"tree {sha1} is missing"
    return TREES.keep(repo, sha1, git.read_tree(found))


def trees(db: Connection, repo: str, ids: Collection[str]) -> dict[str, dict[str, git.Entry]]:
    """Several folders' entries."""
    found = {sha1: kept for sha1 in ids if (kept := TREES.get(repo, sha1)) is not None}
    for part in _parts(sha1 for sha1 in ids if sha1 not in found):
        rows = run(db, "SELECT sha1, body FROM objects WHERE repo = :repo AND sha1 IN :ids", repo=repo, ids=part)
        found |= {sha1: TREES.keep(repo, sha1, git.read_tree(bytes(body))) for sha1, body in rows}
    return found


def blobs(db: Connection, repo: str, ids: Iterable[str]) -> dict[str, Blob]:
    """What listings say of several blobs."""
    found = {}
    for part in _parts(ids):
        rows = run(
            db,
            """SELECT sha1, objects.size_bytes, large_sha256, large_bytes, xet_hash
               FROM objects LEFT JOIN files ON sha256 = large_sha256 WHERE repo = :repo AND sha1 IN :ids""",
            repo=repo, ids=part,
        )  # fmt: skip
        for sha1, size, sha256, large, xet_hash in rows:
            found[sha1] = Blob(sha1, large, sha256, size, xet_hash) if sha256 else Blob(sha1, size)
    return found


def commit(db: Connection, repo: str, sha1: str) -> Commit:
    """A commit, read."""
    found = body(db, repo, sha1)
    assert found is not None, f"commit {sha1} is missing"
    return git.read_commit(sha1, found)


def add(db: Connection, repo: str, kind: str, content: bytes) -> str:
    """Keep an object; its id. One that is there already stays as it is."""
    return add_many(db, repo, kind, [content])[0]


def add_many(db: Connection, repo: str, kind: str, contents: Iterable[bytes]) -> list[str]:
    """Keep objects of a kind; their ids."""
    ids, rows = [], []
    for content in contents:
        ids.append(git.object_id(kind, content))
        large = git.read_pointer(content) if kind == "blob" else None
        rows.append(
            {"repo": repo, "sha1": ids[-1], "kind": kind, "size": len(content), "body": content,
             "sha256": large.sha256 if large else None, "large": large.size_bytes if large else None}
        )  # fmt: skip
    run_many(
        db,
        """INSERT INTO objects (repo, sha1, kind, size_bytes, large_sha256, large_bytes, body)
           VALUES (:repo, :sha1, :kind, :size, :sha256, :large, :body) ON CONFLICT (repo, sha1) DO NOTHING""",
        rows,
    )
    return ids


def add_commit(db: Connection, repo: str, content: bytes) -> str:
    """Keep a commit, and its parents to walk by."""
    sha1 = add(db, repo, "commit", content)
    run_many(
        db,
        """INSERT INTO parents (repo, child, place, parent) VALUES (:repo, :child, :place, :parent)
           ON CONFLICT DO NOTHING""",
        [
            {"repo": repo, "child": sha1, "place": place, "parent": parent}
            for place, parent in enumerate(git.read_commit(sha1, content).parents)
        ],
    )
    return sha1


# refs


def refs(db: Connection, repo: str) -> dict[str, str]:
    """Every ref and what it names, in order."""
    rows = run(db, "SELECT name, target FROM refs WHERE repo = :repo ORDER BY name", repo=repo)
    return {row.name: row.target for row in rows}


def ref(db: Connection, repo: str, name: str) -> str | None:
    """What a ref names."""
    return run(db, "SELECT target FROM refs WHERE repo = :repo AND name = :name", repo=repo, name=name).scalar()


def set_ref(db: Connection, repo: str, name: str, target: str) -> None:
    """Let a ref name another object."""
    run(
        db,
        """INSERT INTO refs (repo, name, target) VALUES (:repo, :name, :target)
           ON CONFLICT (repo, name) DO UPDATE SET target = excluded.target""",
        repo=repo, name=name, target=target,
    )  # fmt: skip


def drop_ref(db: Connection, repo: str, name: str) -> None:
    """Forget a ref."""
    run(db, "DELETE FROM refs WHERE repo = :repo AND name = :name", repo=repo, name=name)


def ref_name(db: Connection, repo: str, revision: str) -> str | None:
    """The ref that a revision's name means: a branch before a tag; None where it is none."""
    if revision.startswith("refs/"):
        return revision if ref(db, repo, revision) else None
    for folder in ("refs/heads/", "refs/tags/"):
        if ref(db, repo, folder + revision):
            return folder + revision
    return None


def resolve(db: Connection, repo: str, revision: str) -> Commit:
    """The commit that a branch, a tag, a ref or a commit's id (whole, or a beginning that fits one) stands for.

    Raises:
        RevisionNotFound: none.
    """
    if name := ref_name(db, repo, revision):
        target = ref(db, repo, name)
        assert target is not None
        return commit(db, repo, peeled(db, repo, target))
    if re.fullmatch(r"[0-9a-f]{4,40}", revision):
        found = run(
            db,
            """SELECT sha1 FROM objects WHERE repo = :repo AND kind = 'commit' AND sha1 >= :low AND sha1 <= :high
               LIMIT 2""",
            repo=repo, low=revision, high=revision + "g",
        ).all()  # fmt: skip
        if len(found) == 1:
            return commit(db, repo, found[0][0])
    raise RevisionNotFound(revision)


def peeled(db: Connection, repo: str, sha1: str) -> str:
    """The commit under an annotated tag, or the commit itself."""
    kind, content = run(
        db, "SELECT kind, body FROM objects WHERE repo = :repo AND sha1 = :sha1", repo=repo, sha1=sha1
    ).one()
    return peeled(db, repo, git.tag_target(bytes(content))) if kind == "tag" else sha1


# history


def log(db: Connection, repo: str, start: str) -> Iterator[Commit]:
    """A commit and those before it, newest first, a child always before its parents' age says otherwise."""
    first = commit(db, repo, start)
    waiting, seen = [(-first.date.timestamp(), 0, first)], {start}
    while waiting:
        _, _, one = heapq.heappop(waiting)
        yield one
        for parent in one.parents:
            if parent not in seen:
                seen.add(parent)
                older = commit(db, repo, parent)
                heapq.heappush(waiting, (-older.date.timestamp(), len(seen), older))


def log_length(db: Connection, repo: str, start: str) -> int:
    """How many commits `log` gives."""
    return run(
        db,
        """WITH RECURSIVE reached (sha1) AS (SELECT CAST(:start AS TEXT) UNION
           SELECT parent FROM parents JOIN reached ON child = reached.sha1 WHERE repo = :repo)
           SELECT count(*) FROM reached""",
        start=start, repo=repo,
    ).scalar_one()  # fmt: skip


def require_ref_name(name: object) -> str:
    """A branch's or tag's name that git allows.

    Raises:
        BadInput: it does not.
    """
    fault = git.ref_fault(name) if isinstance(name, str) else f"{name!r} is no name"
    if fault or not isinstance(name, str):
        raise BadInput(f"Invalid reference for a branch: {fault}")
    return name


def _parts(ids: Iterable[str], most: int = 500) -> Iterator[list[str]]:
    ids = list(dict.fromkeys(ids))
    for start in range(0, len(ids), most):
        yield ids[start : start + most]
