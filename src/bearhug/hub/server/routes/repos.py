"""Repositories: create, delete, move, settings; their refs, branches, tags and log."""

from __future__ import annotations

import html
from datetime import UTC, datetime

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from bearhug.hub.server import git
from bearhug.hub.server.database import stamp
from bearhug.hub.server.errors import BadInput, Conflict, Forbidden, NotFound, RevisionNotFound
from bearhug.hub.server.hub import Hub
from bearhug.hub.server.patterns import default_attributes
from bearhug.hub.server.queries import accounts, objects, repos
from bearhug.hub.server.queries.accounts import Caller
from bearhug.hub.server.queries.repos import Repo
from bearhug.hub.server.routes.commits import refresh
from bearhug.hub.server.routes.request import (
    RepoPath,
    caller_of,
    flag,
    hub_of,
    next_link,
    number,
    ok,
    public_url,
    truth,
    wanted,
)


def create(request: Request, data: dict) -> Response:
    """POST /api/repos/create: a repository with `main` and its first commit."""
    kind = wanted(data, "type", str, "model")
    name = wanted(data, "name", str)
    if kind not in repos.KINDS:
        raise BadInput(f'"type" must be one of {", ".join(repos.KINDS)}, not {kind[:40]!r}')
    owner_name, _, short = name.rpartition("/")
    hub = hub_of(request)
    with hub.db.write() as db:
        caller = caller_of(request, db)
        owner = repos.namespace(db, caller, data.get("organization") or owner_name or None)
        private = asks_private(data)
        private = owner.private_by_default if private is None else private
        url = public_url(request)
        repo = make(hub, db, caller, owner, kind, short, private=private, sdk=data.get("sdk"), url=url)
    return ok({"url": public_url(request) + repo.path, "name": repo.full_name, "id": repo.id})


def make(
    hub: Hub,
    db: Connection,
    caller: Caller,
    owner: accounts.Account,
    kind: str,
    name: str,
    *,
    private: bool,
    sdk: str | None,
    url: str,
) -> Repo:
    """A repository with its first commit, which holds .gitattributes.

    Raises:
        BadInput, Conflict: no possible name; there already.
    """
    if kind == "space" and (not isinstance(sdk, str) or sdk not in ("gradio", "streamlit", "docker", "static")):
        raise BadInput('"sdk" must be one of gradio, streamlit, docker, static for a space')
    try:
        repo = repos.create(db, caller, owner, kind, name, private=private, sdk=sdk if kind == "space" else None)
    except Conflict as error:
        taken = repos.find(db, kind, error.fields["name"])
        raise Conflict(error.message, url=url + (taken.path if taken else "")) from None
    content = {".gitattributes": default_attributes(kind)}
    if kind == "space":
        content["README.md"] = f"---\ntitle: {name}\nsdk: {sdk}\n---\n"
    entries = [
        git.Entry.of(git.FILE, path, objects.add(db, repo.id, "blob", text.encode())) for path, text in content.items()
    ]
    tree = objects.add(db, repo.id, "tree", git.tree_bytes(entries))
    assert caller.account is not None
    body = git.commit_bytes(
        tree, [], caller.account.name, email(caller.account.name), datetime.now(UTC), "initial commit"
    )
    objects.set_ref(db, repo.id, "refs/heads/main", objects.add_commit(db, repo.id, body))
    refresh(hub, db, repo)
    return repo


def email(name: str) -> str:
    """The address that commits carry: nobody's real one."""
    return f"{name}@users.noreply.bearhug.invalid"


def asks_private(data: dict) -> bool | None:
    """Whether a body asks for a hidden repository; None where it does not say."""
    if isinstance(visibility := data.get("visibility"), str):
        if visibility not in ("public", "private", "protected"):
            raise BadInput('"visibility" must be public, private or protected')
        return visibility != "public"
    return None if data.get("private") is None else truth(data["private"])


def delete(request: Request, data: dict) -> Response:
    """DELETE /api/repos/delete."""
    kind = wanted(data, "type", str, "model")
    with hub_of(request).db.write() as db:
        caller = caller_of(request, db)
        own = caller.account.name if caller.account else ""
        name = wanted(data, "name", str)
        repo = administered(db, kind, name if "/" in name else f"{data.get('organization') or own}/{name}", caller)
        repos.delete(db, repo.id)
    return ok()


def administered(db: Connection, kind: str, name: str, caller: Caller) -> Repo:
    """A repository that the caller may change as a whole.

    Raises:
        RepoNotFound, Unauthorized, Forbidden.
    """
    repo = repos.writable(db, kind, name, caller)
    if accounts.role_in(db, caller, repo.owner_id) != "admin" and repo.creator != caller.id:
        raise Forbidden(f"Forbidden: only an admin of {repo.owner} or the creator may do this to {repo.full_name}.")
    return repo


def move(request: Request, data: dict) -> Response:
    """POST /api/repos/move: another name; the old one leads to it."""
    kind = wanted(data, "type", str, "model")
    with hub_of(request).db.write() as db:
        caller = caller_of(request, db)
        repo = administered(db, kind, wanted(data, "fromRepo", str), caller)
        owner_name, _, name = wanted(data, "toRepo", str).partition("/")
        if accounts.find(db, owner_name) is None:
            raise NotFound(f"There is no user or organization {owner_name!r}.")
        repos.move(db, repo, repos.namespace(db, caller, owner_name), name)
    return ok()


def settings(request: Request, data: dict) -> Response:
    """PUT /api/{kind}s/{repo}/settings: visibility and gate."""
    where = RepoPath.parse(request)
    with hub_of(request).db.write() as db:
        caller = caller_of(request, db)
        repo = administered(db, where.kind, where.name, caller)
        answer = {}
        private = asks_private(data)
        if private is not None:
            repos.change(db, repo.id, private=private)
            answer |= {"private": private, "visibility": "private" if private else "public"}
        if "gated" in data:
            if data["gated"] not in (False, "auto", "manual"):
                raise BadInput('"gated" must be false, "auto" or "manual"')
            repos.change(db, repo.id, gated=data["gated"] or None)
            answer["gated"] = data["gated"]
    return ok(answer)


def auth_check(request: Request) -> Response:
    """GET /api/{kind}s/{repo}/auth-check: may the caller read it?"""
    where = RepoPath.parse(request)
    with hub_of(request).db.read() as db:
        repos.readable(db, where.kind, where.name, caller_of(request, db))
    return ok()


def auth_check_write(request: Request) -> Response:
    """GET /api/{kind}s/{repo}/auth-check/write: may the caller write to it?"""
    where = RepoPath.parse(request)
    with hub_of(request).db.read() as db:
        repos.writable(db, where.kind, where.name, caller_of(request, db))
    return ok()


# refs


def refs(request: Request) -> Response:
    """GET /api/{kind}s/{repo}/refs."""
    where = RepoPath.parse(request)
    with hub_of(request).db.read() as db:
        repo = repos.visible(db, where.kind, where.name, caller_of(request, db))
        every = objects.refs(db, repo.id)
        targets = {name: objects.peeled(db, repo.id, target) for name, target in every.items()}

    def below(folder: str) -> list[dict]:
        return [
            {"name": name.removeprefix(folder), "ref": name, "targetCommit": target}
            for name, target in targets.items()
            if name.startswith(folder)
        ]

    answer = {"branches": below("refs/heads/"), "converts": below("refs/convert/"), "tags": below("refs/tags/")}
    if flag(request, "include_prs"):
        answer["pullRequests"] = sorted(below("refs/pr/"), key=lambda ref: int(ref["name"]))
    return ok(answer)


def create_branch(request: Request, data: dict) -> Response:
    """POST /api/{kind}s/{repo}/branch/{branch}."""
    where = RepoPath.parse(request)
    with hub_of(request).db.write() as db:
        caller = caller_of(request, db)
        repo = repos.writable(db, where.kind, where.name, caller)
        name = "refs/heads/" + objects.require_ref_name(where.revision)
        if objects.ref(db, repo.id, name) and not truth(data.get("overwrite")):
            raise Conflict(f"Reference {name} already exists")
        if truth(data.get("emptyBranch")):
            assert caller.account is not None
            me = caller.account.name
            tree = objects.add(db, repo.id, "tree", b"")
            body = git.commit_bytes(tree, [], me, email(me), datetime.now(UTC), "initial commit")
            target = objects.add_commit(db, repo.id, body)
        else:
            target = objects.resolve(db, repo.id, data.get("startingPoint") or "main").sha1
        objects.set_ref(db, repo.id, name, target)
    return ok()


def delete_branch(request: Request) -> Response:
    """DELETE /api/{kind}s/{repo}/branch/{branch}."""
    where = RepoPath.parse(request)
    with hub_of(request).db.write() as db:
        repo = repos.writable(db, where.kind, where.name, caller_of(request, db))
        name = f"refs/heads/{where.revision}"
        if where.revision == "main":
            raise Forbidden("Cannot delete refs/heads/main")
        if objects.ref(db, repo.id, name) is None:
            raise RevisionNotFound(where.revision)
        objects.drop_ref(db, repo.id, name)
    return ok()


def create_tag(request: Request, data: dict) -> Response:
    """POST /api/{kind}s/{repo}/tag/{rev}: annotated where there is a message."""
    where = RepoPath.parse(request)
    with hub_of(request).db.write() as db:
        caller = caller_of(request, db)
        repo = repos.writable(db, where.kind, where.name, caller)
        tag = objects.require_ref_name(data.get("tag"))
        if objects.ref(db, repo.id, f"refs/tags/{tag}"):
            raise Conflict(f"Tag reference exists already: refs/tags/{tag}")
        target = objects.resolve(db, repo.id, where.revision).sha1
        if message := data.get("message"):
            assert caller.account is not None
            me = caller.account.name
            target = objects.add(
                db, repo.id, "tag", git.tag_bytes(target, tag, me, email(me), datetime.now(UTC), str(message))
            )
        objects.set_ref(db, repo.id, f"refs/tags/{tag}", target)
    return ok()


def delete_tag(request: Request) -> Response:
    """DELETE /api/{kind}s/{repo}/tag/{tag}."""
    where = RepoPath.parse(request)
    with hub_of(request).db.write() as db:
        repo = repos.writable(db, where.kind, where.name, caller_of(request, db))
        if objects.ref(db, repo.id, f"refs/tags/{where.revision}") is None:
            raise RevisionNotFound(where.revision)
        objects.drop_ref(db, repo.id, f"refs/tags/{where.revision}")
    return ok()


def log(request: Request) -> Response:
    """GET /api/{kind}s/{repo}/commits/{rev}: newest first, `p` counts pages from 0."""
    where = RepoPath.parse(request)
    page, limit = number(request, "p", 0, 10**6), max(1, number(request, "limit", 50, 1000))
    formatted = "formatted" in request.query_params.getlist("expand") or "formatted" in request.query_params.getlist(
        "expand[]"
    )
    with hub_of(request).db.read() as db:
        repo = repos.visible(db, where.kind, where.name, caller_of(request, db))
        start = objects.resolve(db, repo.id, where.revision).sha1
        total = objects.log_length(db, repo.id, start)
        commits = []
        for number_, commit in enumerate(objects.log(db, repo.id, start)):
            if number_ >= (page + 1) * limit:
                break
            if number_ >= page * limit:
                commits.append(commit)
    answer = [
        {
            "id": commit.sha1,
            "title": commit.title,
            "message": commit.description,
            "date": stamp(commit.date),
            "authors": [{"user": commit.author, "avatar": f"{public_url(request)}/static/avatar.svg"}],
            **(_formatted(commit) if formatted else {}),
        }
        for commit in commits
    ]
    response = ok(answer, X_Total_Count=str(total))
    if (page + 1) * limit < total:
        response.headers.update(next_link(request, p=page + 1))
    return response


def _formatted(commit: git.Commit) -> dict:
    return {"formatted": {"title": html.escape(commit.title), "message": html.escape(commit.description)}}
