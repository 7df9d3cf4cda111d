"""Repositories: finding those that a caller may see, making, moving, removing and listing them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Connection

from bearhug.hub.server.database import new_id, now, run, run_many
from bearhug.hub.server.errors import BadInput, Conflict, Forbidden, GatedRepo, HubError, RepoNotFound, Unauthorized
from bearhug.hub.server.queries import accounts
from bearhug.hub.server.queries.accounts import Caller

KINDS = ("model", "dataset", "space", "kernel")


@dataclass(frozen=True)
class Repo:
    """A repository. `facts` is what its main branch says of itself (see facts.py)."""

    id: str
    kind: str
    owner: str
    owner_id: str
    name: str
    creator: str | None
    private: bool
    gated: str | None
    disabled: bool
    sdk: str | None
    downloads: int
    facts: dict
    created_at: str
    updated_at: str

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"

    @property
    def path(self) -> str:
        """Where its pages begin: `/owner/name`, `/datasets/owner/name`, ..."""
        return f"/{'' if self.kind == 'model' else self.kind + 's/'}{self.full_name}"


SELECT = """SELECT repos.id, repos.kind, accounts.name AS owner, repos.owner AS owner_id, repos.name, creator, private,
gated, disabled, sdk, downloads, facts, repos.created_at, updated_at
FROM repos JOIN accounts ON accounts.id = repos.owner"""
# true where the caller :caller may see the repository
SEEN = """(NOT private OR repos.owner = :caller OR EXISTS
(SELECT 1 FROM members WHERE organization = repos.owner AND member = :caller))"""


def find(db: Connection, kind: str, full_name: str) -> Repo | None:
    """A repository by `owner/name`, whatever the case, hidden or not."""
    owner, _, name = full_name.partition("/")
    row = run(
        db,
        f"""{SELECT} WHERE repos.kind = :kind AND lower(repos.name) = lower(:name)
            AND repos.owner = (SELECT id FROM accounts WHERE lower(name) = lower(:owner))""",
        kind=kind, owner=owner, name=name,
    ).first()  # fmt: skip
    return _repo(row) if row else None


def by_id(db: Connection, repo: str) -> Repo | None:
    """A repository by its id."""
    row = run(db, f"{SELECT} WHERE repos.id = :repo", repo=repo).first()
    return _repo(row) if row else None


def visible(db: Connection, kind: str, full_name: str, caller: Caller) -> Repo:
    """A repository that the caller may see.

    Raises:
        RepoNotFound: there is none, or it is hidden: the two look alike.
    """
    repo = find(db, kind, full_name)
    if repo is None or (repo.private and accounts.role_in(db, caller, repo.owner_id) is None):
        raise RepoNotFound(kind, full_name, anonymous=caller.is_anonymous)
    return repo


def readable(db: Connection, kind: str, full_name: str, caller: Caller) -> Repo:
    """A repository whose content the caller may read, not only its card.

    Raises:
        RepoNotFound, GatedRepo, Forbidden: hidden; closed by its owner; disabled.
    """
    repo = visible(db, kind, full_name, caller)
    if repo.disabled:
        raise Forbidden("Access to this resource is disabled.")
    if repo.gated and accounts.role_in(db, caller, repo.owner_id) is None:
        if caller.is_anonymous:
            raise GatedRepo(
                f"Access to {kind} {repo.full_name} is restricted. You must have access to it and be authenticated to "
                "access it. Please log in.",
                status=401,
            )
        raise GatedRepo(
            f"Access to {kind} {repo.full_name} is restricted and you are not in the authorized list. "
            "Ask its owner for access."
        )
    return repo


def may_write(db: Connection, repo: Repo, caller: Caller) -> bool:
    """Whether the caller may change a repository."""
    role = accounts.role_in(db, caller, repo.owner_id)
    return caller.may_write and (role in ("admin", "write") or (role == "contributor" and repo.creator == caller.id))


def writable(db: Connection, kind: str, full_name: str, caller: Caller) -> Repo:
    """A repository that the caller may change.

    Raises:
        RepoNotFound, Unauthorized, Forbidden: hidden; nobody is logged in; read only.
    """
    repo = visible(db, kind, full_name, caller)
    if repo.disabled:
        raise Forbidden("Access to this resource is disabled.")
    if not may_write(db, repo, caller):
        raise denied(caller, repo.full_name)
    return repo


def denied(caller: Caller, name: str) -> HubError:
    """Why the caller may not write there."""
    if caller.is_anonymous:
        return Unauthorized("Invalid username or password. Log in to write: bearhug login, or pass token=.")
    if not caller.may_write:
        return Forbidden("Forbidden: you must use a write token to upload to a repository.")
    return Forbidden(f"Forbidden: {caller.account.name if caller.account else ''} may not write to {name}.")


def namespace(db: Connection, caller: Caller, name: str | None) -> accounts.Account:
    """The account under which the caller may make a repository: their own, or an organisation's.

    Raises:
        Unauthorized, Forbidden: nobody is logged in; not the caller's.
    """
    if caller.account is None or not caller.may_write:
        raise denied(caller, name or "a new repository")
    owner = accounts.find(db, name) if name else caller.account
    role = accounts.role_in(db, caller, owner.id) if owner else None
    if owner is None or role not in ("admin", "write", "contributor"):
        raise Forbidden(f"You don't have the rights to create a repository under the namespace {name!r}.")
    return owner


def create(
    db: Connection, caller: Caller, owner: accounts.Account, kind: str, name: str, *, private: bool, sdk: str | None
) -> Repo:
    """A new repository without a commit.

    Raises:
        Conflict: there is one of that name. BadInput: no possible name.
    """
    if fault := accounts.name_fault(name):
        raise BadInput(fault)
    if (taken := find(db, kind, f"{owner.name}/{name}")) is not None:
        raise Conflict(f"You already created this {kind} repo: {taken.full_name}", name=taken.full_name)
    run(db, "DELETE FROM moved WHERE kind = :kind AND old_name = :name", kind=kind, name=f"{owner.name}/{name}".lower())
    repo = new_id()
    run(
        db,
        """INSERT INTO repos (id, kind, owner, name, creator, private, sdk, facts, created_at, updated_at)
           VALUES (:id, :kind, :owner, :name, :creator, :private, :sdk, '{}', :now, :now)""",
        id=repo, kind=kind, owner=owner.id, name=name, creator=caller.id, private=private, sdk=sdk, now=now(),
    )  # fmt: skip
    made = by_id(db, repo)
    assert made is not None
    return made


def delete(db: Connection, repo: str) -> None:
    """Remove a repository and all that hangs on it. Large files stay: others may name them, too."""
    run(db, "DELETE FROM repos WHERE id = :repo", repo=repo)


def move(db: Connection, repo: Repo, owner: accounts.Account, name: str) -> None:
    """Give a repository another name; the old one leads to it from now on.

    Raises:
        Conflict: the new name is taken. BadInput: no possible name.
    """
    if fault := accounts.name_fault(name):
        raise BadInput(fault)
    new = f"{owner.name}/{name}"
    taken = find(db, repo.kind, new)
    if taken is not None and taken.id != repo.id:
        raise Conflict(f"A {repo.kind} repository called {new} already exists")
    run(db, "DELETE FROM moved WHERE kind = :kind AND old_name = :name", kind=repo.kind, name=new.lower())
    run(db, "UPDATE repos SET owner = :owner, name = :name WHERE id = :repo", owner=owner.id, name=name, repo=repo.id)
    if repo.full_name.lower() != new.lower():
        run(
            db,
            """INSERT INTO moved (kind, old_name, repo) VALUES (:kind, :old, :repo)
               ON CONFLICT (kind, old_name) DO UPDATE SET repo = excluded.repo""",
            kind=repo.kind, old=repo.full_name.lower(), repo=repo.id,
        )  # fmt: skip


def change(db: Connection, repo: str, **values) -> None:
    """Set columns: private, gated, disabled, sdk."""
    for column, value in values.items():
        assert column in ("private", "gated", "disabled", "sdk")
        run(db, f"UPDATE repos SET {column} = :value WHERE id = :repo", value=value, repo=repo)


def moved_to(db: Connection, kind: str, old_name: str) -> Repo | None:
    """Where a name leads that was a repository's once."""
    repo = run(
        db, "SELECT repo FROM moved WHERE kind = :kind AND old_name = :name", kind=kind, name=old_name.lower()
    ).scalar()
    return by_id(db, repo) if repo else None


def alias(db: Connection, name: str) -> str | None:
    """What a bare name stands for."""
    return run(db, "SELECT target FROM aliases WHERE name = :name", name=name.lower()).scalar()


def set_alias(db: Connection, name: str, target: str) -> None:
    """Let a bare name stand for `owner/name`."""
    run(
        db,
        """INSERT INTO aliases (name, target) VALUES (:name, :target)
           ON CONFLICT (name) DO UPDATE SET target = excluded.target""",
        name=name.lower(), target=target,
    )  # fmt: skip


def describe(db: Connection, repo: str, facts: dict, tags: list[str]) -> None:
    """Keep what main says of itself, and the tags to search it by."""
    run(
        db, "UPDATE repos SET facts = :facts, updated_at = :now WHERE id = :repo",
        facts=json.dumps(facts), now=now(), repo=repo,
    )  # fmt: skip
    run(db, "DELETE FROM repo_tags WHERE repo = :repo", repo=repo)
    run_many(
        db,
        "INSERT INTO repo_tags (repo, tag) VALUES (:repo, :tag)",
        [{"repo": repo, "tag": tag} for tag in dict.fromkeys(tags)],
    )


def touch(db: Connection, repo: str) -> None:
    """A repository was changed just now."""
    run(db, "UPDATE repos SET updated_at = :now WHERE id = :repo", now=now(), repo=repo)


def count_downloads(db: Connection, counts: dict[str, int]) -> None:
    """Add to the repositories' download counts."""
    run_many(
        db,
        "UPDATE repos SET downloads = downloads + :count WHERE id = :repo",
        [{"repo": repo, "count": count} for repo, count in counts.items()],
    )


SORTS = {
    "lastModified": "updated_at",
    "createdAt": "repos.created_at",
    "downloads": "downloads",
    "trendingScore": "downloads",
    "likes": "downloads",
}


def search(
    db: Connection,
    kind: str,
    caller: Caller,
    *,
    words: list[str] = [],  # noqa: B006
    author: str | None = None,
    tags: list[str] = [],  # noqa: B006
    gated: bool | None = None,
    sort: str = "lastModified",
    ascending: bool = False,
    after: tuple | None = None,
    limit: int,
) -> list[Repo]:
    """The repositories of a kind that the caller may see, a page at a time.

    Args:
        words: each stands in `owner/name`, whatever the case.
        tags: the repository has them all.
        after: (value of the sort column, id) of the last one of the page before.
    """
    where, values = ["repos.kind = :kind", SEEN], {"kind": kind, "caller": caller.id, "limit": limit}
    for number, word in enumerate(words):
        escaped = word.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        where.append(f"lower(accounts.name || '/' || repos.name) LIKE :word{number} ESCAPE '\\'")
        values[f"word{number}"] = f"%{escaped}%"
    if author is not None:
        where.append("lower(accounts.name) = lower(:author)")
        values["author"] = author
    for number, tag in enumerate(tags):
        where.append(f"EXISTS (SELECT 1 FROM repo_tags WHERE repo = repos.id AND tag = :tag{number})")
        values[f"tag{number}"] = tag
    if gated is not None:
        where.append("gated IS NOT NULL" if gated else "gated IS NULL")
    column, way, sign = SORTS[sort], "ASC" if ascending else "DESC", ">" if ascending else "<"
    if after is not None:
        where.append(f"({column} {sign} :value OR ({column} = :value AND repos.id {sign} :id))")
        values |= {"value": after[0], "id": after[1]}
    rows = run(
        db,
        f"{SELECT} WHERE {' AND '.join(where)} ORDER BY {column} {way}, repos.id {way} LIMIT :limit",
        **values,
    )
    return [_repo(row) for row in rows]


def sort_value(repo: Repo, sort: str) -> str | int:
    """What a page's cursor remembers of its last repository."""
    return getattr(repo, SORTS[sort].removeprefix("repos."))


def counts(db: Connection, owner: str, caller: Caller) -> dict[str, int]:
    """How many repositories of each kind an account has that the caller may see."""
    rows = run(
        db,
        f"SELECT kind, count(*) FROM repos WHERE owner = :owner AND {SEEN} GROUP BY kind",
        owner=owner, caller=caller.id,
    )  # fmt: skip
    return dict.fromkeys(KINDS, 0) | {row[0]: row[1] for row in rows}


def _repo(row) -> Repo:
    values = list(row)
    values[6], values[8], values[11] = bool(values[6]), bool(values[8]), json.loads(values[11])
    return Repo(*values)
