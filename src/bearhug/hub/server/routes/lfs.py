"""Large files by Git LFS: the batch, the upload itself, its check, and the download."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bearhug.hub.server.content import content
from bearhug.hub.server.credentials import sign, signed
from bearhug.hub.server.database import later
from bearhug.hub.server.errors import BadInput, Forbidden, HubError, NotFound, Refused
from bearhug.hub.server.objects import Incoming
from bearhug.hub.server.queries import files, repos
from bearhug.hub.server.queries.accounts import Caller
from bearhug.hub.server.queries.objects import Blob
from bearhug.hub.server.routes.commits import writer
from bearhug.hub.server.routes.files import ranged
from bearhug.hub.server.routes.request import RepoPath, caller_of, hub_of, ok, public_url, wanted

MEDIA = "application/vnd.git-lfs+json"
MOST_OBJECTS = 1000


def batch(request: Request, data: dict) -> Response:
    """POST /{repo}.git/info/lfs/objects/batch: for each object, where to send it or get it."""
    where, hub = RepoPath.parse(request), hub_of(request)
    operation, asked = data.get("operation"), wanted(data, "objects", list)
    if operation not in ("upload", "download"):
        raise Refused('"operation" must be upload or download')
    if len(asked) > MOST_OBJECTS:
        raise HubError(f"At most {MOST_OBJECTS} objects at a time.", status=413)
    if data.get("hash_algo", "sha256") != "sha256":
        raise HubError('"hash_algo" must be sha256', status=409)
    try:
        with hub.db.read() as db:
            caller = caller_of(request, db)
            if operation == "upload":
                repo = writer(db, where, caller, create_pr=True)
            else:
                repo = repos.readable(db, where.kind, where.name, caller)
            answers = [_answer(request, db, repo, caller, operation, one) for one in asked]
    except HubError as error:
        if error.status == 401:
            error.headers["LFS-Authenticate"] = 'Basic realm="hub"'
        error.fields["message"] = error.message
        raise
    return JSONResponse({"transfer": "basic", "objects": answers, "hash_algo": "sha256"}, media_type=MEDIA)


def _answer(request: Request, db, repo: repos.Repo, caller: Caller, operation: str, one: object) -> dict:
    oid, size = (one.get("oid"), one.get("size")) if isinstance(one, dict) else (None, None)
    answer: dict = {"oid": oid, "size": size, "authenticated": True}
    if not _is_oid(oid) or not isinstance(size, int) or isinstance(size, bool) or size < 0:
        return {**answer, "error": {"code": 422, "message": "An object needs a SHA-256 of 64 hex digits and a size."}}
    hub, url = hub_of(request), public_url(request)
    assert isinstance(oid, str)
    if operation == "download":
        large = files.find(db, oid) if files.holds(db, repo.id, oid) else None
        if large is None:
            return {**answer, "error": {"code": 404, "message": "Object does not exist on the server"}}
        token = sign(hub.secret, {"get": oid}, hub.settings.seconds_download)
        return {**answer, "actions": {"download": _action(hub, f"{url}/lfs-objects/{oid}?sign={token}")}}
    if size > hub.settings.most_large_file:
        return {**answer, "error": {"code": 413, "message": f"A file may have {hub.settings.most_large_file} bytes."}}
    if size > hub.objects.free_bytes():
        return {**answer, "error": {"code": 507, "message": "The hub's disk is full."}}
    known = files.within_reach(db, oid, caller.id)
    if known is not None and known.size_bytes == size:
        return answer
    claim = {"put": oid, "size": size, "account": caller.id}
    href = f"{url}/lfs-objects/{oid}?sign={sign(hub.secret, claim, hub.settings.seconds_upload)}"
    verify = f"{url}{repo.path}.git/info/lfs/verify"
    header = {"Authorization": request.headers["authorization"]} if "authorization" in request.headers else {}
    return {**answer, "actions": {"upload": _action(hub, href), "verify": {"href": verify, "header": header}}}


def _action(hub, href: str) -> dict:
    return {"href": href, "header": {}, "expires_at": later(hub.settings.seconds_upload)}


def may_upload(request: Request) -> dict:
    """What a signed address allows.

    Raises:
        Forbidden: it is not signed for this object, or its time is over.
    """
    claim = signed(hub_of(request).secret, request.query_params.get("sign", ""))
    if claim is None or claim.get("put") != request.path_params["oid"]:
        raise Forbidden("This upload address is not valid, or its time is over. Ask for a new one.")
    return claim


def announced_size(request: Request) -> int:
    """The size that the signed address was made for."""
    return may_upload(request)["size"]


def upload(request: Request, incoming: Incoming) -> Response:
    """PUT /lfs-objects/{oid}?sign=...: the bytes, with no header of the client's own."""
    hub, claim = hub_of(request), may_upload(request)
    oid = claim["put"]
    if incoming.size_bytes != claim["size"] or incoming.sha256 != oid:
        raise BadInput(
            f"{incoming.size_bytes} bytes with SHA-256 {incoming.sha256} came, not the {claim['size']} with {oid}."
        )
    hub.objects.keep(incoming, "files", oid)
    with hub.db.write() as db:
        files.add_whole(db, oid, incoming.size_bytes, claim["account"])
    return ok(ETag=f'"{oid}"')


def verify(request: Request, data: dict) -> Response:
    """POST /{repo}.git/info/lfs/verify: did it arrive?"""
    where = RepoPath.parse(request)
    with hub_of(request).db.read() as db:
        caller = caller_of(request, db)
        writer(db, where, caller, create_pr=True)
        oid = data.get("oid")
        large = files.within_reach(db, oid, caller.id) if _is_oid(oid) and isinstance(oid, str) else None
    if large is None:
        raise NotFound("Object does not exist on the server")
    if large.size_bytes != data.get("size"):
        raise Refused(f"The object has {large.size_bytes} bytes.")
    return ok()


def download(request: Request) -> Response:
    """GET /lfs-objects/{oid}?sign=...: a large file's bytes, with ranges."""
    hub, oid = hub_of(request), request.path_params["oid"]
    claim = signed(hub.secret, request.query_params.get("sign", ""))
    if claim is None or claim.get("get") != oid:
        raise Forbidden("This download address is not valid, or its time is over. Ask for a new one.")
    with hub.db.read() as db:
        large = files.find(db, oid)
    if large is None:
        raise NotFound("Object does not exist on the server")
    blob = Blob("", large.size_bytes, oid)
    headers = {"ETag": f'"{oid}"', "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    return ranged(request, headers, large.size_bytes, lambda start, end: content(hub, "", blob, start, end))


def _is_oid(text: object) -> bool:
    return isinstance(text, str) and len(text) == 64 and set(text) <= set("0123456789abcdef")
