"""Writing: which way a file goes up, the commit itself, and the check of a card."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bearhug.hub.server import facts, git, patterns
from bearhug.hub.server.content import safetensors_header
from bearhug.hub.server.errors import (
    BadInput,
    EntryNotFound,
    HubError,
    Refused,
    RevisionNotFound,
    TooLarge,
    Unauthorized,
)
from bearhug.hub.server.git import Commit
from bearhug.hub.server.hub import Hub
from bearhug.hub.server.objects import Incoming
from bearhug.hub.server.queries import discussions, files, objects, repos, trees
from bearhug.hub.server.queries.accounts import Caller
from bearhug.hub.server.queries.repos import Repo
from bearhug.hub.server.queries.trees import Draft
from bearhug.hub.server.routes.request import RepoPath, caller_of, flag, hub_of, ok, public_url, wanted

STALE = "The branch was updated since you opened this page. Please refresh and try again."
MOST_IN_MEMORY = 32 * 2**20
MOST_CARD = 2 * 2**20


def writer(db: Connection, where: RepoPath, caller: Caller, *, create_pr: bool) -> Repo:
    """The repository that a caller may commit to: a writer, or for a pull request anyone who is logged in and reads it.

    Raises:
        RepoNotFound, Unauthorized, Forbidden.
    """
    repo = repos.visible(db, where.kind, where.name, caller)
    if caller.is_anonymous:
        raise Unauthorized("Invalid username or password. Log in to write: bearhug login, or pass token=.")
    proposes = create_pr or where.revision.startswith("refs/pr/")
    if not repos.may_write(db, repo, caller):
        own = not where.revision.startswith("refs/pr/") or discussions.is_author(db, repo.id, where.revision, caller.id)
        if not (proposes and own and caller.may_write and not repo.disabled):
            raise repos.denied(caller, repo.full_name)
    return repo


def preupload(request: Request, data: dict) -> Response:
    """POST /api/{kind}s/{repo}/preupload/{rev}: for each file, whether it goes up as a large file or in the commit."""
    where, hub = RepoPath.parse(request), hub_of(request)
    asked = wanted(data, "files", list)
    if len(asked) > 1000:
        raise BadInput("At most 1000 files at a time.")
    with hub.db.read() as db:
        repo = writer(db, where, caller_of(request, db), create_pr=flag(request, "create_pr"))
        commit = objects.resolve(db, repo.id, where.revision)
        attributes = trees.text(db, repo.id, commit, ".gitattributes", MOST_CARD)
        ignore = data.get("gitIgnore")
        ignore = ignore if isinstance(ignore, str) else trees.text(db, repo.id, commit, ".gitignore", MOST_CARD)
        answer = []
        for file in asked:
            if not isinstance(file, dict) or not isinstance(file.get("path"), str):
                raise BadInput('Each of "files" must be {"path", "sample", "size"}.')
            path = file["path"]
            entry = None if git.path_fault(path) else trees.find(db, repo.id, commit, path)
            blob = None
            if entry is not None and not entry.is_folder:
                blob = objects.blobs(db, repo.id, [entry.sha1]).get(entry.sha1)
            answer.append(
                {
                    "path": path,
                    "uploadMode": "lfs" if _goes_large(hub, attributes, file) else "regular",
                    "shouldIgnore": patterns.is_ignored(ignore, path),
                    "oid": blob.etag if blob else None,
                }
            )
    return ok({"files": answer, "commitOid": commit.sha1})


def _goes_large(hub: Hub, attributes: str, file: dict) -> bool:
    size = file.get("size")
    if isinstance(size, int) and size > hub.settings.most_regular_file:
        return True
    named = patterns.is_large(attributes, file["path"])
    if named is not None:
        return named
    try:
        sample = base64.b64decode(file.get("sample") or "")
    except (ValueError, TypeError):
        raise BadInput('"sample" must be base64') from None
    return is_binary(sample)


def is_binary(sample: bytes) -> bool:
    """Whether the beginning of a file is no text: a NUL, or bytes that are no UTF-8 (a cut last letter may be)."""
    if b"\0" in sample:
        return True
    try:
        sample.decode()
    except UnicodeDecodeError as error:
        return error.end < len(sample) or error.reason != "unexpected end of data"
    return False


# the commit


@dataclass
class Operation:
    """One line of a commit's body. The content of a regular file lies at start..start+size of a temporary file."""

    key: str
    path: str
    blob: str = ""
    start: int = 0
    size: int = -1  # of a large file: -1 where a copy does not say
    sha256: str = ""
    source: tuple[str, str] = ("", "")  # revision, path of a copy


@dataclass
class Asked:
    """A commit's body, read."""

    summary: str
    description: str
    parent: str | None
    operations: list[Operation]


def may_commit(request: Request) -> None:
    """Refuse before any of the body is read."""
    where = RepoPath.parse(request)
    with hub_of(request).db.read() as db:
        writer(db, where, caller_of(request, db), create_pr=flag(request, "create_pr"))


def commit(request: Request, incoming: Incoming) -> Response:
    """POST /api/{kind}s/{repo}/commit/{rev}: all of it or nothing, on the head as it is when its turn comes."""
    where, hub, create_pr = RepoPath.parse(request), hub_of(request), flag(request, "create_pr")
    with tempfile.SpooledTemporaryFile(MOST_IN_MEMORY, dir=str(hub.objects.incoming)) as contents:
        asked = _read(hub, incoming, contents)
        with hub.db.write() as db:
            caller = caller_of(request, db)
            repo = writer(db, where, caller, create_pr=create_pr)
            made, pull = change(hub, db, repo, caller, where.revision, asked, contents, create_pr=create_pr)
    url = public_url(request) + repo.path
    answer = {"success": True, "commitOid": made, "commitUrl": f"{url}/commit/{made}", "hookOutput": ""}
    if pull is not None:
        answer["pullRequestUrl"] = f"{url}/discussions/{pull}"
    return ok(answer)


def change(
    hub: Hub,
    db: Connection,
    repo: Repo,
    caller: Caller,
    revision: str,
    asked: Asked,
    contents: IO[bytes],
    *,
    create_pr: bool,
) -> tuple[str, int | None]:
    """Apply what was asked to the head of a branch: (the new commit, the number of the pull request it opened)."""
    name = revision if revision.startswith("refs/") else f"refs/heads/{revision}"
    head = objects.ref(db, repo.id, name)
    if head is None:
        raise RevisionNotFound(revision)
    if asked.parent and create_pr:
        head = objects.resolve(db, repo.id, asked.parent).sha1
    elif asked.parent and not head.startswith(asked.parent):
        raise HubError(STALE, status=412)
    before = objects.commit(db, repo.id, head)
    draft = Draft(db, repo.id, before.tree)
    large: list[str] = []
    _add_blobs(db, repo, asked.operations, contents)
    for operation in asked.operations:
        _apply(db, repo, caller, before, draft, operation, large)
    files.link(db, repo.id, large)
    tree = draft.write()
    made = head
    if tree != before.tree:
        assert caller.account is not None
        me = caller.account.name
        message = asked.summary + (f"\n\n{asked.description}" if asked.description else "")
        body = git.commit_bytes(tree, [head], me, f"{me}@users.noreply.bearhug.invalid", datetime.now(UTC), message)
        made = objects.add_commit(db, repo.id, body)
    pull = None
    if create_pr:
        pull = discussions.open_pull(db, repo.id, asked.summary, asked.description, caller.id, base=name)
        name = f"refs/pr/{pull}"
    objects.set_ref(db, repo.id, name, made)
    if name == "refs/heads/main" and made != head:
        if all(facts.say_nothing_new(o.path) and o.key in ("file", "lfsFile", "copyFile") for o in asked.operations):
            repos.touch(db, repo.id)
        else:
            refresh(hub, db, repo)
    return made, pull


def refresh(hub: Hub, db: Connection, repo: Repo) -> None:
    """Read anew what main says of itself."""
    described = describe(hub, db, repo, objects.resolve(db, repo.id, "refs/heads/main"))
    repos.describe(db, repo.id, described, described["tags"])


def describe(hub: Hub, db: Connection, repo: Repo, commit: Commit) -> dict:
    """What a commit says of itself."""
    return facts.describe(
        repo.kind,
        trees.paths(db, repo.id, commit),
        read=lambda path: trees.text(db, repo.id, commit, path, MOST_CARD),
        header=lambda path: safetensors_header(hub, db, repo.id, commit, path),
    )


def _add_blobs(db: Connection, repo: Repo, operations: list[Operation], contents: IO[bytes]) -> None:
    """Keep the regular files' contents, several at a time, and note each one's blob."""
    part: list[tuple[Operation, bytes]] = []

    def keep() -> None:
        ids = objects.add_many(db, repo.id, "blob", [body for _, body in part])
        for (operation, _), sha1 in zip(part, ids, strict=True):
            operation.blob = sha1
        part.clear()

    for operation in operations:
        if operation.key != "file":
            continue
        contents.seek(operation.start)
        part.append((operation, contents.read(operation.size)))
        if operation.path == "README.md":
            _check_card(part[-1][1])
        if len(part) == 500 or sum(len(body) for _, body in part) > MOST_IN_MEMORY:
            keep()
    keep()


def _apply(
    db: Connection, repo: Repo, caller: Caller, before: Commit, draft: Draft, operation: Operation, large: list[str]
) -> None:
    match operation.key:
        case "file":
            draft.put(operation.path, operation.blob)
        case "lfsFile":
            draft.put(operation.path, _large_blob(db, repo, caller, operation, large))
        case "deletedFile":
            draft.remove(operation.path, folder=False)
        case "deletedFolder":
            draft.remove(operation.path, folder=True)
        case "copyFile":
            revision, path = operation.source
            source = objects.resolve(db, repo.id, revision) if revision else before
            entry = trees.find(db, repo.id, source, path)
            if entry is None or entry.is_folder:
                raise EntryNotFound(f"Nothing to copy at {path!r}.")
            draft.put(operation.path, entry.sha1)


def _large_blob(db: Connection, repo: Repo, caller: Caller, operation: Operation, large: list[str]) -> str:
    found = files.within_reach(db, operation.sha256, caller.id)
    if found is None or operation.size not in (-1, found.size_bytes):
        raise BadInput(f"LFS object {operation.sha256} not found")
    large.append(operation.sha256)
    return objects.add(db, repo.id, "blob", git.pointer_bytes(found.sha256, found.size_bytes))


def _check_card(body: bytes) -> None:
    errors, _ = facts.check_card(body.decode(errors="replace"))
    if errors:
        raise HubError("; ".join(errors), status=400, errors=[{"message": error} for error in errors])


def _read(hub: Hub, incoming: Incoming, contents: IO[bytes]) -> Asked:
    """Read a commit's lines; the contents of regular files go to `contents`."""
    lines = _lines(incoming, most=hub.settings.most_regular_file * 4 // 3 + 16 * 1024)
    header = next(lines, None)
    if header is None or header[0] != "header":
        raise BadInput('The first line of a commit must be {"key": "header", "value": {"summary": ...}}.')
    value = header[1]
    summary, description, parent = value.get("summary"), value.get("description") or "", value.get("parentCommit")
    if not isinstance(summary, str) or not summary.strip() or not isinstance(description, str):
        raise BadInput('A commit needs a "summary".')
    if len(summary) + len(description) > hub.settings.most_message:
        raise TooLarge(f"A commit's message may have {hub.settings.most_message} characters.")
    if parent is not None and not (
        isinstance(parent, str) and 5 <= len(parent) <= 40 and set(parent) <= set("0123456789abcdef")
    ):
        raise BadInput('"parentCommit" must be 5 to 40 hex digits')
    operations = []
    for key, value in lines:
        if len(operations) == hub.settings.most_operations:
            raise TooLarge(f"A commit may have {hub.settings.most_operations} operations.")
        operations.append(_operation(hub, key, value, contents))
    return Asked(" ".join(summary.splitlines()), description.strip("\n"), parent, operations)


def _lines(incoming: Incoming, most: int) -> Iterator[tuple[str, dict[str, Any]]]:
    incoming.file.seek(0)
    while line := incoming.file.readline(most + 1):
        if len(line) > most:
            raise TooLarge(f"A line of a commit is longer than {most} bytes; send large files as large files.")
        if not line.strip():
            continue
        try:
            data = json.loads(line)
            key, value = data["key"], data["value"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise BadInput('Each line of a commit must be {"key": ..., "value": {...}}.') from None
        if not isinstance(key, str) or not isinstance(value, dict):
            raise BadInput('Each line of a commit must be {"key": ..., "value": {...}}.')
        yield key, value


def _operation(hub: Hub, key: str, value: dict, contents: IO[bytes]) -> Operation:
    path = value.get("path")
    if not isinstance(path, str):
        raise BadInput(f'A "{key}" needs a "path".')
    if key == "deletedFolder":
        path = path.rstrip("/")
    if fault := git.path_fault(path):
        raise Refused(f"Invalid path: {fault}")
    match key:
        case "file":
            body = _decoded(value)
            if len(body) > hub.settings.most_regular_file:
                raise TooLarge(
                    f"{path!r} has more than {hub.settings.most_regular_file} bytes: send it as a large file."
                )
            start = contents.seek(0, 2)
            contents.write(body)
            return Operation(key, path, start=start, size=len(body))
        case "lfsFile":
            oid, size = value.get("oid"), value.get("size")
            if value.get("algo", "sha256") != "sha256" or not isinstance(oid, str) or not _is_sha256(oid):
                raise BadInput(f'"oid" of {path!r} must be a SHA-256 of 64 hex digits')
            return Operation(key, path, sha256=oid, size=size if isinstance(size, int) else -1)
        case "deletedFile" | "deletedFolder":
            return Operation(key, path)
        case "copyFile":
            return Operation(key, path, source=(value.get("srcRev") or "", wanted(value, "srcPath", str)))
        case _:
            raise BadInput(f"A commit has no {key[:40]!r}; it has file, lfsFile, deletedFile, deletedFolder, copyFile.")


def _decoded(value: dict) -> bytes:
    content, encoding = value.get("content"), value.get("encoding", "utf-8")
    try:
        assert isinstance(content, str)
        return base64.b64decode(content, validate=True) if encoding == "base64" else content.encode()
    except (ValueError, AssertionError):
        raise BadInput(f'The "content" of {value["path"]!r} is not {encoding}.') from None


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def validate_yaml(request: Request, data: dict) -> Response:
    """POST /api/validate-yaml: what is wrong with a card, before it is committed."""
    errors, warnings = facts.check_card(wanted(data, "content", str))
    answer = {
        "errors": [{"message": error} for error in errors],
        "warnings": [{"message": warning} for warning in warnings],
    }
    return JSONResponse({**answer, **({"error": errors} if errors else {})}, status_code=400 if errors else 200)
