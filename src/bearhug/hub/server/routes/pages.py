"""The pages that people see: lists, cards, files, history. They need no JavaScript and load nothing from elsewhere."""

from __future__ import annotations

import difflib
from typing import Any
from urllib.parse import quote, urlencode

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from bearhug.hub.server import facts, markdown
from bearhug.hub.server.content import content, safetensors_header
from bearhug.hub.server.errors import BadInput, NotFound
from bearhug.hub.server.git import Commit
from bearhug.hub.server.queries import accounts, discussions, objects, repos, trees
from bearhug.hub.server.queries import files as stored
from bearhug.hub.server.queries.accounts import Caller
from bearhug.hub.server.queries.repos import Repo
from bearhug.hub.server.routes.commits import MOST_CARD, describe, is_binary
from bearhug.hub.server.routes.rendering import page
from bearhug.hub.server.routes.request import RepoPath, caller_of, cursor, encode_cursor, hub_of, number, public_url

PER_PAGE = 30
MOST_SHOWN = 400_000  # bytes of a text file on its page
MOST_DIFF = 200_000
PICTURES = ("png", "jpg", "jpeg", "gif", "webp", "bmp", "ico", "svg")
KIND_NAMES = {"model": "Models", "dataset": "Datasets", "space": "Spaces", "kernel": "Kernels"}


# lists


def front(request: Request) -> Response:
    """GET /: what is here, with a search."""
    words = request.query_params.get("search", "").split()
    with hub_of(request).db.read() as db:
        caller = caller_of(request, db)
        found = {kind: repos.search(db, kind, caller, words=words, limit=9) for kind in ("model", "dataset", "space")}
    return page(request, caller, "front.html", found=found, search=" ".join(words), names=KIND_NAMES)


def listed(request: Request) -> Response:
    """GET /models, /datasets, /spaces: a list with search, tags and sorting, a page at a time."""
    kind, query = request.path_params["kind"], request.query_params
    sort = query.get("sort") if query.get("sort") in repos.SORTS else "lastModified"
    tags, after = query.getlist("filter"), cursor(request)
    if after is not None and not (isinstance(after, list) and len(after) == 2):
        raise BadInput("This address leads to no page of the list.")
    with hub_of(request).db.read() as db:
        caller = caller_of(request, db)
        found = repos.search(
            db,
            kind,
            caller,
            words=query.get("search", "").split(),
            tags=tags,
            author=query.get("author") or None,
            sort=sort or "lastModified",
            after=tuple(after) if after else None,
            limit=PER_PAGE + 1,
        )
    more = None
    if len(found) > PER_PAGE:
        last = found[PER_PAGE - 1]
        mark = encode_cursor([repos.sort_value(last, sort or "lastModified"), last.id])
        kept = [(name, value) for name, value in query.multi_items() if name != "cursor"]
        more = f"?{urlencode([*kept, ('cursor', mark)])}"
    values = {"found": found[:PER_PAGE], "more": more, "tags": tags, "sort": sort, "search": query.get("search", "")}
    return page(request, caller, "list.html", kind=kind, title=KIND_NAMES[kind], **values)


def account(request: Request) -> Response:
    """GET /{name}: a user or an organisation, and what they have."""
    with hub_of(request).db.read() as db:
        caller = caller_of(request, db)
        who = accounts.find(db, request.path_params["name"])
        if who is None:
            raise NotFound(f"There is nobody called {request.path_params['name']!r} here.")
        found = {
            kind: repos.search(db, kind, caller, author=who.name, limit=100) for kind in ("model", "dataset", "space")
        }
        people = accounts.members(db, who.id) if who.kind == "org" else accounts.organizations(db, who.id)
    return page(request, caller, "account.html", who=who, found=found, people=people, names=KIND_NAMES)


# a repository


def card(request: Request) -> Response:
    """GET /{repo}: its card, and beside it the facts."""
    where, hub = RepoPath.parse(request), hub_of(request)
    with hub.db.read() as db:
        caller, repo, commit = _opened(request, db, where)
        text = trees.text(db, repo.id, commit, "README.md", MOST_CARD)
        said = repo.facts if where.revision == "main" else describe(hub, db, repo, commit)
        names = [item.path for item in trees.listing(db, repo.id, commit)]
        used = stored.used_bytes(db, repo.id)
    html = markdown.render(facts.split_card(text)[1], f"{repo.path}/{{}}/{quote(where.revision, safe='')}")
    values = {"card": html, "said": said, "facts": _shown_facts(said), "is_empty": len(names) <= 1, "used": used}
    values |= {"snippet": _snippet(repo, said, names), "endpoint": public_url(request)}
    return page(request, caller, "repo.html", repo=repo, rev=where.revision, commit=commit, tab="card", **values)


def files(request: Request) -> Response:
    """GET /{repo}/tree/{rev}/{path}: a folder's files."""
    where = RepoPath.parse(request)
    with hub_of(request).db.read() as db:
        caller, repo, commit = _opened(request, db, where)
        found = trees.listing(db, repo.id, commit, where.path, limit=2000)
        found.sort(key=lambda item: (not item.is_folder, item.path.lower()))
        changes = trees.last_changes(db, repo.id, commit, [item.path for item in found[:200]], most=200)
        refs = _ref_names(db, repo)
        total = objects.log_length(db, repo.id, commit.sha1)
    values = {"items": found, "changes": changes, "refs": refs, "total": total}
    return page(
        request,
        caller,
        "tree.html",
        repo=repo,
        rev=where.revision,
        commit=commit,
        tab="files",
        path=where.path,
        **values,
    )


def file(request: Request) -> Response:
    """GET /{repo}/blob/{rev}/{path}: one file: its text, its picture, or what is in it."""
    where, hub = RepoPath.parse(request), hub_of(request)
    with hub.db.read() as db:
        caller, repo, commit = _opened(request, db, where)
        blob = trees.file(db, repo.id, commit, where.path)
        repos.readable(db, where.kind, where.name, caller)
        ending = where.path.rsplit(".", 1)[-1].lower()
        header = safetensors_header(hub, db, repo.id, commit, where.path) if ending == "safetensors" else None
    values: dict[str, Any] = {"blob": blob, "path": where.path, "text": None, "html": None, "tensors": None}
    values["is_picture"] = ending in PICTURES
    if header is not None:
        values["tensors"] = [
            (name, tensor.get("dtype"), tensor.get("shape"))
            for name, tensor in sorted(header.items())
            if name != "__metadata__" and isinstance(tensor, dict)
        ]
    elif blob.size_bytes <= MOST_SHOWN and not values["is_picture"]:
        body = b"".join(content(hub, repo.id, blob))
        if not is_binary(body):
            values["text"] = body.decode(errors="replace")
            if ending == "md":
                folder = "/".join([repo.path, "{}", quote(where.revision, safe=""), *where.path.split("/")[:-1]])
                values["html"] = markdown.render(facts.split_card(values["text"])[1], folder)
    return page(request, caller, "blob.html", repo=repo, rev=where.revision, commit=commit, tab="files", **values)


def history(request: Request) -> Response:
    """GET /{repo}/commits/{rev}: the log."""
    where, number_ = RepoPath.parse(request), number(request, "p", 0, 10**6)
    with hub_of(request).db.read() as db:
        caller, repo, commit = _opened(request, db, where)
        total = objects.log_length(db, repo.id, commit.sha1)
        found: list[Commit] = []
        for place, one in enumerate(objects.log(db, repo.id, commit.sha1)):
            if place >= (number_ + 1) * 50:
                break
            if place >= number_ * 50:
                found.append(one)
    values = {"commits": found, "total": total, "number": number_, "more": (number_ + 1) * 50 < total}
    return page(request, caller, "commits.html", repo=repo, rev=where.revision, commit=commit, tab="history", **values)


def commit(request: Request) -> Response:
    """GET /{repo}/commit/{oid}: what a commit changed."""
    where = RepoPath.parse(request)
    with hub_of(request).db.read() as db:
        caller, repo, one = _opened(request, db, where)
        repos.readable(db, where.kind, where.name, caller)
        changes = _changes(db, repo, one)
    return page(request, caller, "commit.html", repo=repo, rev="main", commit=one, tab="history", changes=changes)


def discussion(request: Request) -> Response:
    """GET /{repo}/discussions/{num}: a pull request and what it would change."""
    where = RepoPath.parse(request)
    with hub_of(request).db.read() as db:
        caller = caller_of(request, db)
        repo = repos.readable(db, where.kind, where.name, caller)
        found = discussions.find(db, repo.id, request.path_params["num"])
        if found is None:
            raise NotFound("There is no such discussion.")
        one = objects.resolve(db, repo.id, f"refs/pr/{found['num']}") if found["is_pull_request"] else None
        changes = _changes(db, repo, one) if one else []
    values = {"found": found, "changes": changes}
    return page(request, caller, "discussion.html", repo=repo, rev="main", commit=one, tab="history", **values)


def _opened(request: Request, db: Connection, where: RepoPath) -> tuple[Caller, Repo, Commit]:
    caller = caller_of(request, db)
    repo = repos.visible(db, where.kind, where.name, caller)
    return caller, repo, objects.resolve(db, repo.id, where.revision)


def _ref_names(db: Connection, repo: Repo) -> list[str]:
    names = objects.refs(db, repo.id)
    return [name.split("/", 2)[2] for name in names if name.startswith(("refs/heads/", "refs/tags/"))]


def _changes(db: Connection, repo: Repo, one: Commit) -> list[dict]:
    """The files that a commit changed against its first parent, small texts with their lines."""
    before = objects.commit(db, repo.id, one.parents[0]).tree if one.parents else None
    changed = []
    for path, old, new in trees.differences(db, repo.id, before, one.tree):
        if len(changed) == 300:
            break
        blobs = objects.blobs(db, repo.id, [entry.sha1 for entry in (old, new) if entry])
        a, b = blobs.get(old.sha1) if old else None, blobs.get(new.sha1) if new else None
        lines = None
        if all(blob is None or (blob.sha256 is None and blob.size_bytes < MOST_DIFF) for blob in (a, b)):
            texts = [objects.body(db, repo.id, blob.sha1) or b"" if blob else b"" for blob in (a, b)]
            if not any(is_binary(text) for text in texts):
                left, right = (text.decode(errors="replace").splitlines() for text in texts)
                lines = list(difflib.unified_diff(left, right, lineterm="", n=3))[2:1000]
        what = "added" if a is None else "removed" if b is None else "changed"
        changed.append({"path": path, "what": what, "before": a, "after": b, "lines": lines})
    return changed


def _shown_facts(said: dict) -> list[tuple[str, list[tuple[str, str]]]]:
    """What a card's front matter and the files say, as (name, [(text, link)])."""
    known, shown = said.get("cardData") or {}, []

    def add(name: str, values: Any, link: str = "") -> None:
        found = values if isinstance(values, list) else [values]
        texts = [str(value) for value in found if isinstance(value, str | int | float) and str(value)]
        if texts:
            shown.append((name, [(text, link.format(quote(text)) if link else "") for text in texts[:30]]))

    add("task", said.get("pipeline_tag"), "/models?filter={}")
    add("library", said.get("library_name"), "/models?filter={}")
    add("base model", known.get("base_model"), "/{}")
    add("data", known.get("datasets"), "/datasets/{}")
    add("language", known.get("language"))
    add("license", known.get("license"))
    add("tasks", known.get("task_categories"))
    add("size", known.get("size_categories"))
    add("metrics", known.get("metrics"))
    parameters = (said.get("safetensors") or {}).get("total")
    if parameters:
        shown.append(("parameters", [(f"{parameters:,}", "")]))
    kinds = ", ".join((said.get("safetensors") or {}).get("parameters", {}))
    add("tensor types", kinds)
    for name, value, where in _scores(known.get("model-index")):
        add(name, f"{value} on {where}" if where else value)
    return shown


def _scores(index: Any) -> list[tuple[str, str, str]]:
    """The scores of a `model-index`: (metric, value, data set). Whatever has another shape is passed over."""

    def mappings(value: Any, key: str) -> list[dict]:
        found = value.get(key) if isinstance(value, dict) else None
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    scores = []
    for model in index if isinstance(index, list) else []:
        for result in mappings(model, "results"):
            data = result.get("dataset")
            for score in mappings(result, "metrics"):
                value = score.get("value")
                text = f"{value:.4g}" if isinstance(value, float) else str(value)
                name = score.get("name") or score.get("type") or "score"
                scores.append((str(name), text, str(data.get("name", "")) if isinstance(data, dict) else ""))
    return scores[:50]


def _snippet(repo: Repo, said: dict, names: list[str]) -> str:
    """The few lines that use a repository."""
    name = repo.full_name
    if repo.kind == "dataset":
        return f'from bearhug import load_dataset\n\nrows = load_dataset(\n    "{name}",\n)'
    if said.get("pipeline_tag") and "config.json" in names:
        task = said["pipeline_tag"]
        return f'from bearhug import pipeline\n\npipe = pipeline(\n    "{task}",\n    model="{name}",\n)'
    kind = "" if repo.kind == "model" else f'    repo_type="{repo.kind}",\n'
    return f'from bearhug.hub import snapshot_download\n\nfolder = snapshot_download(\n    "{name}",\n{kind})'
