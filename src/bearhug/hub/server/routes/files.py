"""Reading: resolve with ranges and tags, listings, and what a repository says of itself."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from bearhug.hub.server.content import content
from bearhug.hub.server.database import stamp
from bearhug.hub.server.errors import BadInput, HubError
from bearhug.hub.server.git import Commit, pointer_bytes
from bearhug.hub.server.queries import files, objects, repos, trees
from bearhug.hub.server.queries.accounts import Caller
from bearhug.hub.server.queries.objects import Blob
from bearhug.hub.server.queries.repos import Repo
from bearhug.hub.server.queries.trees import Item
from bearhug.hub.server.routes.commits import describe
from bearhug.hub.server.routes.request import (
    RepoPath,
    caller_of,
    cursor,
    flag,
    hub_of,
    next_page,
    number,
    ok,
    public_url,
    truth,
)

FOR_EVER = "public, max-age=31536000, immutable"


def resolve(request: Request) -> Response:
    """GET, HEAD /{repo}/resolve/{rev}/{path}: a file's content."""
    where, hub = RepoPath.parse(request), hub_of(request)
    with hub.db.read() as db:
        repo, commit, blob = _file(db, where, caller_of(request, db))
    if "x-hf-download-counter" in request.headers:
        with hub.lock:
            hub.downloads[repo.id] = hub.downloads.get(repo.id, 0) + 1
    headers = _headers(request, repo, commit, where, blob)
    return ranged(request, headers, blob.size_bytes, lambda start, end: content(hub, repo.id, blob, start, end))


def raw(request: Request) -> Response:
    """GET /{repo}/raw/{rev}/{path}: a file as git keeps it, a large one as its pointer."""
    where, hub = RepoPath.parse(request), hub_of(request)
    with hub.db.read() as db:
        repo, commit, blob = _file(db, where, caller_of(request, db))
    if blob.sha256 is None:
        headers = _headers(request, repo, commit, where, blob)
        return ranged(request, headers, blob.size_bytes, lambda start, end: content(hub, repo.id, blob, start, end))
    pointer = pointer_bytes(blob.sha256, blob.size_bytes)
    plain = Blob(blob.sha1, len(pointer))
    headers = _headers(request, repo, commit, where, plain)
    return ranged(request, headers, len(pointer), lambda start, end: iter([pointer[start:end]]))


def _file(db: Connection, where: RepoPath, caller: Caller) -> tuple[Repo, Commit, Blob]:
    open_to_all = where.path in ("README.md", ".gitattributes")
    find = repos.visible if open_to_all else repos.readable
    repo = find(db, where.kind, where.name, caller)
    commit = objects.resolve(db, repo.id, where.revision)
    return repo, commit, trees.file(db, repo.id, commit, where.path)


def _headers(request: Request, repo: Repo, commit: Commit, where: RepoPath, blob: Blob) -> dict[str, str]:
    name = where.path.rsplit("/", 1)[-1]
    plain = re.sub(r'[^\x20-\x7e]|["\\]', "_", name)
    way = "attachment" if flag(request, "download") else "inline"
    headers = {
        "X-Repo-Commit": commit.sha1,
        "ETag": f'"{blob.etag}"',
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"{way}; filename*=UTF-8''{quote(name, safe='')}; filename=\"{plain}\";",
        "Content-Type": content_type(name),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-store"
        if repo.private
        else FOR_EVER
        if where.revision == commit.sha1
        else "no-cache",
    }
    if blob.sha256:
        headers |= {"X-Linked-Size": str(blob.size_bytes), "X-Linked-Etag": f'"{blob.etag}"'}
    if blob.xet_hash:
        token = f"{public_url(request)}/api/{repo.kind}s/{repo.full_name}/xet-read-token/{commit.sha1}"
        headers |= {"X-Xet-Hash": blob.xet_hash, "X-Xet-Refresh-Route": token, "Link": f'<{token}>; rel="xet-auth"'}
    return headers


def content_type(name: str) -> str:
    """The media type under which a stranger's file is safe to show: anything that a browser would run is plain text."""
    guess = mimetypes.guess_type(name)[0] or "application/octet-stream"
    kind = guess.split("/")[0]
    if guess == "image/svg+xml":
        return guess  # in the sandbox that comes with it no script of it runs
    if kind == "text" or "html" in guess or "xml" in guess or "script" in guess or guess == "application/json":
        return "text/plain; charset=utf-8"
    if "." not in name or name.rsplit(".", 1)[-1].lower() in (
        "md",
        "jsonl",
        "yaml",
        "yml",
        "toml",
        "lock",
        "gitattributes",
    ):
        return "text/plain; charset=utf-8"
    return guess


def ranged(request: Request, headers: dict[str, str], size: int, read) -> Response:
    """A file, or the range of it that was asked for."""
    tag = headers["ETag"]
    if _matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers={k: v for k, v in headers.items() if k != "Content-Type"})
    wanted = request.headers.get("range")
    if_range = request.headers.get("if-range")
    if if_range and if_range != tag:
        wanted = None
    start, end, status = 0, size, 200
    if wanted and (found := parse_range(wanted, size)):
        start, end = found
        if start >= end:
            raise HubError(
                "Range not satisfiable",
                status=416,
                headers={**_without_type(headers), "Content-Range": f"bytes */{size}"},
            )
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(_exactly(read(start, end), end - start), status_code=status, headers=headers)


def _without_type(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in ("Content-Type", "Content-Disposition")}


def _exactly(pieces: Iterator[bytes], length: int) -> Iterator[bytes]:
    """Pass on pieces; break the connection off where they are fewer than was promised."""
    sent = 0
    for piece in pieces:
        sent += len(piece)
        yield piece
    if sent != length:
        raise OSError(f"a file gave {sent} of {length} bytes")


def _matches(header: str | None, tag: str) -> bool:
    return header is not None and (
        header.strip() == "*" or tag in [part.strip().removeprefix("W/") for part in header.split(",")]
    )


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """`bytes=a-b`, `bytes=a-`, `bytes=-n` -> start, end (exclusive); empty: outside; None: answer the whole."""
    match = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", header.strip())
    if not match or not (match[1] or match[2]):
        return None
    if not match[1]:
        return max(0, size - int(match[2])), size
    start, last = int(match[1]), int(match[2]) if match[2] else size - 1
    if last < start and match[2]:
        return None
    return start, min(last + 1, size)


# listings


def tree(request: Request) -> Response:
    """GET /api/{kind}s/{repo}/tree/{rev}/{path}: a folder's entries, a page at a time."""
    where, expand = RepoPath.parse(request), flag(request, "expand")
    limit = max(1, number(request, "limit", 100 if expand else 1000, 100 if expand else 10_000))
    after = cursor(request) or ""
    if not isinstance(after, str):
        raise BadInput('"cursor" must be one that an answer\'s Link header gave')
    with hub_of(request).db.read() as db:
        repo = repos.visible(db, where.kind, where.name, caller_of(request, db))
        commit = objects.resolve(db, repo.id, where.revision)
        found = trees.listing(
            db, repo.id, commit, where.path, recursive=flag(request, "recursive"), after=after, limit=limit + 1
        )
        page = found[:limit]
        answer = _entries(db, repo, commit, page, expand=expand)
    response = ok(answer, X_Repo_Commit=commit.sha1)
    if len(found) > limit:
        response.headers.update(next_page(request, page[-1].path))
    return response


def paths_info(request: Request, form: dict[str, list]) -> Response:
    """POST /api/{kind}s/{repo}/paths-info/{rev}: the entries at some paths; those that are not there are left out."""
    where = RepoPath.parse(request)
    paths = form.get("paths", [])
    if len(paths) > 2000 or not all(isinstance(path, str) for path in paths):
        raise BadInput('"paths" must be at most 2000 texts')
    with hub_of(request).db.read() as db:
        repo = repos.visible(db, where.kind, where.name, caller_of(request, db))
        commit = objects.resolve(db, repo.id, where.revision)
        pairs = []
        for path in dict.fromkeys(path.rstrip("/") for path in paths):
            if path and (entry := trees.find(db, repo.id, commit, path)):
                pairs.append((path, entry))
        expand = truth((form.get("expand") or [False])[0])
        answer = _entries(db, repo, commit, trees.items(db, repo.id, pairs), expand=expand)
    return ok(answer, X_Repo_Commit=commit.sha1)


def treesize(request: Request) -> Response:
    """GET /api/{kind}s/{repo}/treesize/{rev}/{path}."""
    where = RepoPath.parse(request)
    with hub_of(request).db.read() as db:
        repo = repos.visible(db, where.kind, where.name, caller_of(request, db))
        commit = objects.resolve(db, repo.id, where.revision)
        found = trees.listing(db, repo.id, commit, where.path, recursive=True)
    return ok({"path": where.path or "/", "size": sum(item.blob.size_bytes for item in found if item.blob)})


def _entries(db: Connection, repo: Repo, commit: Commit, page: list[Item], *, expand: bool) -> list[dict]:
    changes = trees.last_changes(db, repo.id, commit, [item.path for item in page]) if expand else {}
    return [_entry(item, changes.get(item.path), expand=expand) for item in page]


def _entry(item: Item, last: Commit | None, *, expand: bool) -> dict:
    blob = item.blob
    entry: dict = {
        "type": "directory" if item.is_folder else "file",
        "oid": item.entry.sha1,
        "size": blob.size_bytes if blob else 0,
        "path": item.path,
    }
    if blob and blob.sha256:
        entry["lfs"] = {"oid": blob.sha256, "size": blob.size_bytes, "pointerSize": blob.pointer_bytes}
    if blob and blob.xet_hash:
        entry["xetHash"] = blob.xet_hash
    if expand:
        entry["lastCommit"] = {"id": last.sha1, "title": last.title, "date": stamp(last.date)} if last else None
        if blob:
            entry["securityFileStatus"] = {"status": "unscanned", "avScan": None, "pickleImportScan": None}
    return entry


# what a repository says of itself

KNOWN = {
    "model": """author baseModels cardData childrenModelCount config createdAt disabled downloads downloadsAllTime
evalResults gated gguf inference inferenceProviderMapping lastModified library_name likes mask_token model-index
pipeline_tag private resourceGroup safetensors sha siblings spaces tags transformersInfo trendingScore usedStorage
widgetData""",
    "dataset": """author cardData citation createdAt description disabled downloads downloadsAllTime gated lastModified
likes mainSize paperswithcode_id private resourceGroup sha siblings tags trendingScore usedStorage""",
    "space": """author cardData createdAt datasets disabled lastModified likes models private resourceGroup runtime sdk
sha siblings subdomain tags trendingScore usedStorage""",
    "kernel": "author createdAt downloads gated lastModified likes private sha",
}
SHORT = {
    "model": "author createdAt downloads gated lastModified library_name likes pipeline_tag private tags trendingScore",
    "dataset": "author createdAt description disabled downloads gated lastModified likes private tags trendingScore",
    "space": "author createdAt lastModified likes private sdk tags trendingScore",
    "kernel": KNOWN["kernel"],
}
NOT_BY_DEFAULT = {"childrenModelCount", "downloadsAllTime", "evalResults", "inferenceProviderMapping", "trendingScore"}
NOT_BY_DEFAULT |= {"baseModels", "resourceGroup", "mainSize"}


def info(request: Request) -> Response:
    """GET /api/{kind}s/{repo} and .../revision/{rev}: what a repository says of itself."""
    where, hub = RepoPath.parse(request), hub_of(request)
    names = asked_keys(request, where.kind)
    with hub.db.read() as db:
        repo = repos.visible(db, where.kind, where.name, caller_of(request, db))
        commit = objects.resolve(db, repo.id, where.revision)
        facts = repo.facts
        if objects.ref(db, repo.id, "refs/heads/main") != commit.sha1:
            facts = describe(hub, db, repo, commit)
        chosen = names if names is not None else [key for key in KNOWN[where.kind].split() if key not in NOT_BY_DEFAULT]
        used = files.used_bytes(db, repo.id) if "usedStorage" in chosen else 0
        within = siblings(db, repo, commit, blobs=flag(request, "blobs")) if "siblings" in chosen else []
    facts = {**facts, "usedStorage": used}
    answer = summary(repo, facts, chosen, sha=commit.sha1, siblings=within, every=names is not None)
    if flag(request, "securityStatus"):
        answer["securityRepoStatus"] = {"scansDone": False, "filesWithIssues": []}
    return ok(answer)


def asked_keys(request: Request, kind: str) -> list[str] | None:
    """The names in `expand`; None where there are none.

    Raises:
        BadInput: one is not known.
    """
    asked = [
        name
        for key in ("expand", "expand[]")
        for value in request.query_params.getlist(key)
        for name in value.split(",")
    ]
    known = sorted(KNOWN[kind].split())
    if any(name not in known for name in asked):
        raise BadInput(f'"expand" must be one of [{", ".join(known)}]')
    return asked or None


def summary(
    repo: Repo,
    facts: dict,
    keys: list[str],
    *,
    sha: str | None = None,
    siblings: list[dict] | None = None,
    every: bool = False,
) -> dict:
    """A repository as an info object with the keys given. `every`: also those that are empty."""
    fixed = {
        "author": repo.owner,
        "sha": sha,
        "createdAt": repo.created_at,
        "lastModified": repo.updated_at,
        "private": repo.private,
        "gated": repo.gated or False,
        "disabled": repo.disabled,
        "downloads": repo.downloads,
        "downloadsAllTime": repo.downloads,
        "likes": 0,
        "trendingScore": 0,
        "siblings": siblings,
        "spaces": [],
        "childrenModelCount": {},
        "inferenceProviderMapping": {},
        "runtime": {"stage": "NO_APP_FILE", "hardware": {"current": None, "requested": None}},
        "subdomain": f"{repo.owner}-{repo.name}".lower().replace(".", "-").replace("_", "-"),
    }  # fmt: skip
    answer: dict = {"_id": repo.id, "id": repo.full_name}
    if repo.kind == "model" and not every:
        answer["modelId"] = repo.full_name
    for key in keys:
        value = fixed[key] if key in fixed else facts.get(key)
        if value is not None or (every and key not in ("gguf", "transformersInfo", "safetensors", "inference")):
            answer[key] = value
    return answer


def siblings(db: Connection, repo: Repo, commit: Commit, *, blobs: bool) -> list[dict]:
    """A repository's files as info objects list them. `blobs`: with sizes and ids."""
    found = []
    for item in trees.listing(db, repo.id, commit, recursive=True):
        if item.blob is None:
            continue
        sibling: dict = {"rfilename": item.path}
        if blobs:
            sibling |= {"size": item.blob.size_bytes, "blobId": item.blob.sha1}
            if item.blob.sha256:
                size = item.blob.size_bytes
                sibling["lfs"] = {"sha256": item.blob.sha256, "size": size, "pointerSize": item.blob.pointer_bytes}
        found.append(sibling)
    return found
