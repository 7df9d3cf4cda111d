"""Discussions and pull requests: one sequence of numbers a repository."""

from sqlalchemy import Connection

from bearhug.hub.server.database import now, run


def open_pull(db: Connection, repo: str, title: str, description: str, author: str, *, base: str) -> int:
    """A new pull request; its number."""
    num = 1 + run(db, "SELECT coalesce(max(num), 0) FROM discussions WHERE repo = :repo", repo=repo).scalar_one()
    run(
        db,
        """INSERT INTO discussions (repo, num, title, description, is_pull_request, status, author, base, created_at)
           VALUES (:repo, :num, :title, :description, TRUE, 'open', :author, :base, :now)""",
        repo=repo, num=num, title=title, description=description, author=author, base=base, now=now(),
    )  # fmt: skip
    return num


def is_author(db: Connection, repo: str, ref: str, account: str) -> bool:
    """Whether `refs/pr/N` is this account's own."""
    num = ref.removeprefix("refs/pr/")
    if not num.isdigit():
        return False
    found = run(
        db, "SELECT author FROM discussions WHERE repo = :repo AND num = :num", repo=repo, num=int(num)
    ).scalar()
    return found is not None and found == account


def find(db: Connection, repo: str, num: int) -> dict | None:
    """A discussion by its number, with its author's name."""
    row = run(
        db,
        """SELECT num, title, description, is_pull_request, status, accounts.name AS author, base,
                  discussions.created_at
           FROM discussions LEFT JOIN accounts ON accounts.id = author WHERE repo = :repo AND num = :num""",
        repo=repo, num=num,
    ).mappings()  # fmt: skip
    found = row.first()
    return dict(found) if found else None
