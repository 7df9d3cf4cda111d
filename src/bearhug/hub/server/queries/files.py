"""Large files: which are here, who may name them; xorbs, and which of their chunks make which file."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from bearhug.hub.server import xet
from bearhug.hub.server.database import now, run, run_many
from bearhug.hub.server.queries.repos import SEEN

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # always here, nobody sends it


@dataclass(frozen=True)
class LargeFile:
    """A large file by its SHA-256."""

    sha256: str
    size_bytes: int
    is_whole: bool
    xet_hash: str | None


def find(db: Connection, sha256: str) -> LargeFile | None:
    """A large file that is here."""
    row = run(
        db, "SELECT sha256, size_bytes, is_whole, xet_hash FROM files WHERE sha256 = :sha256", sha256=sha256
    ).first()
    return LargeFile(row[0], row[1], bool(row[2]), row[3]) if row else None


def add_whole(db: Connection, sha256: str, size_bytes: int, account: str) -> None:
    """A file lies whole in the object folder now, uploaded by this account."""
    run(
        db,
        """INSERT INTO files (sha256, size_bytes, is_whole) VALUES (:sha256, :size, TRUE)
           ON CONFLICT (sha256) DO UPDATE SET is_whole = TRUE""",
        sha256=sha256, size=size_bytes,
    )  # fmt: skip
    _uploaded(db, sha256, account)


def add_chunked(db: Connection, sha256: str, xet_hash: str, size_bytes: int, account: str) -> None:
    """A file can be made from chunks now, uploaded by this account."""
    run(
        db,
        """INSERT INTO files (sha256, size_bytes, is_whole, xet_hash) VALUES (:sha256, :size, FALSE, :xet_hash)
           ON CONFLICT (sha256) DO UPDATE SET xet_hash = excluded.xet_hash""",
        sha256=sha256, size=size_bytes, xet_hash=xet_hash,
    )  # fmt: skip
    _uploaded(db, sha256, account)


def _uploaded(db: Connection, sha256: str, account: str) -> None:
    run(
        db,
        "INSERT INTO uploads (sha256, account) VALUES (:sha256, :account) ON CONFLICT DO NOTHING",
        sha256=sha256, account=account,
    )  # fmt: skip


def within_reach(db: Connection, sha256: str, account: str) -> LargeFile | None:
    """A large file that the account uploaded, or can read in some repository: knowing its hash is not enough."""
    reached = sha256 == EMPTY or run(
        db,
        f"""SELECT 1 WHERE EXISTS (SELECT 1 FROM uploads WHERE sha256 = :sha256 AND account = :caller) OR EXISTS
            (SELECT 1 FROM repo_files JOIN repos ON repos.id = repo
             WHERE sha256 = :sha256 AND {SEEN} AND (gated IS NULL OR repos.owner = :caller))""",
        sha256=sha256, caller=account,
    ).first()  # fmt: skip
    return find(db, sha256) if reached else None


def link(db: Connection, repo: str, sha256s: list[str]) -> None:
    """A commit of this repository names these files."""
    run_many(
        db,
        "INSERT INTO repo_files (repo, sha256) VALUES (:repo, :sha256) ON CONFLICT DO NOTHING",
        [{"repo": repo, "sha256": sha256} for sha256 in sha256s],
    )


def holds(db: Connection, repo: str, sha256: str) -> bool:
    """Whether a commit of the repository names this file."""
    return (
        run(db, "SELECT 1 FROM repo_files WHERE repo = :repo AND sha256 = :sha256", repo=repo, sha256=sha256).first()
        is not None
    )


def may_rebuild(db: Connection, repo: str, account: str, xet_hash: str) -> int | None:
    """The size of a file that this repository holds or this account uploaded, by its Xet hash; None where neither."""
    return run(
        db,
        """SELECT size_bytes FROM files WHERE xet_hash = :xet_hash AND
           (sha256 IN (SELECT sha256 FROM repo_files WHERE repo = :repo) OR
            sha256 IN (SELECT sha256 FROM uploads WHERE account = :account)) LIMIT 1""",
        xet_hash=xet_hash, repo=repo, account=account,
    ).scalar()  # fmt: skip


def used_bytes(db: Connection, repo: str) -> int:
    """The size of all large files that a repository names."""
    return run(
        db,
        """SELECT coalesce(sum(size_bytes), 0) FROM files JOIN repo_files ON repo_files.sha256 = files.sha256
           WHERE repo = :repo""",
        repo=repo,
    ).scalar_one()


# xorbs


def add_xorb(db: Connection, xorb: str, stored_bytes: int, chunks: list[xet.Chunk], account: str) -> bool:
    """A checked xorb lies in the object folder; whether it is new."""
    new = run(
        db,
        """INSERT INTO xorbs (hash, stored_bytes, chunks, created_at) VALUES (:xorb, :stored, :chunks, :now)
           ON CONFLICT (hash) DO NOTHING""",
        xorb=xorb, stored=stored_bytes, chunks=xet.chunks_bytes(chunks), now=now(),
    )  # fmt: skip
    run(
        db,
        "INSERT INTO xorb_uploads (xorb, account) VALUES (:xorb, :account) ON CONFLICT DO NOTHING",
        xorb=xorb, account=account,
    )  # fmt: skip
    return new.rowcount == 1


def chunks(db: Connection, xorb: str) -> list[xet.Chunk] | None:
    """A xorb's chunks; None where it is not here."""
    table = run(db, "SELECT chunks FROM xorbs WHERE hash = :xorb", xorb=xorb).scalar()
    return xet.read_chunks(bytes(table)) if table is not None else None


def xorb_within_reach(db: Connection, xorb: str, account: str) -> bool:
    """Whether the account uploaded a xorb, or can read a file made from it."""
    return (
        run(
            db,
            f"""SELECT 1 WHERE EXISTS (SELECT 1 FROM xorb_uploads WHERE xorb = :xorb AND account = :caller) OR EXISTS
                (SELECT 1 FROM terms JOIN files ON files.xet_hash = terms.xet_hash
                 JOIN repo_files ON repo_files.sha256 = files.sha256 JOIN repos ON repos.id = repo_files.repo
                 WHERE terms.xorb = :xorb AND {SEEN} AND (gated IS NULL OR repos.owner = :caller))""",
            xorb=xorb, caller=account,
        ).first()
        is not None
    )  # fmt: skip


def terms(db: Connection, xet_hash: str) -> list[xet.Term]:
    """The pieces of a file, in order."""
    rows = run(
        db,
        """SELECT xorb, unpacked_bytes, first_chunk, end_chunk FROM terms WHERE xet_hash = :xet_hash ORDER BY place""",
        xet_hash=xet_hash,
    )
    return [xet.Term(*row) for row in rows]


def add_terms(db: Connection, xet_hash: str, pieces: list[xet.Term]) -> bool:
    """Keep which chunks make a file; whether that is new."""
    if run(db, "SELECT 1 FROM terms WHERE xet_hash = :xet_hash LIMIT 1", xet_hash=xet_hash).first():
        return False
    run_many(
        db,
        """INSERT INTO terms (xet_hash, place, xorb, unpacked_bytes, first_chunk, end_chunk)
           VALUES (:xet_hash, :place, :xorb, :bytes, :start, :end)""",
        [
            {"xet_hash": xet_hash, "place": place, "xorb": term.xorb, "bytes": term.unpacked_bytes,
             "start": term.start, "end": term.end}
            for place, term in enumerate(pieces)
        ],
    )  # fmt: skip
    return True
