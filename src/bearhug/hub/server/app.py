"""The hub as one ASGI application: every route in one list."""

from __future__ import annotations

import logging
import re
import secrets
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, unquote

import anyio
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Match, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from bearhug.hub.server import xet as xet_format
from bearhug.hub.server.database import Database, run
from bearhug.hub.server.errors import HubError, NotFound, RepoNotFound
from bearhug.hub.server.hub import Hub
from bearhug.hub.server.objects import ObjectFolder
from bearhug.hub.server.queries import repos as repo_queries
from bearhug.hub.server.queries.accounts import RESERVED
from bearhug.hub.server.routes import accounts, auth, commits, files, forms, lfs, pages, rendering, repos, search, xet
from bearhug.hub.server.routes.request import SLASH, caller_of, takes_file, takes_form, takes_json
from bearhug.hub.server.settings import Settings

HERE = Path(__file__).parent
logger = logging.getLogger("bearhug.hub")


def routes() -> list[Route | Mount]:
    """Every address of the hub. {kind} is in a request's path parameters wherever an address is a repository's."""
    most_commit = lambda request: request.app.state.hub.settings.most_commit  # noqa: E731
    most_xorb, most_shard = (lambda request: xet_format.MOST_XORB_BODY), (lambda request: xet_format.MOST_SHARD)
    found: list[Route | Mount] = [
        Route("/api/whoami-v2", accounts.whoami),
        Route("/api/users/{name}/overview", accounts.user),
        Route("/api/organizations/{name}/overview", accounts.organization),
        Route("/api/organizations/{name}/members", accounts.organization_members),
        Route("/oauth/device", takes_form(auth.device), methods=["POST"]),
        Route("/oauth/token", takes_form(auth.token), methods=["POST"]),
        Route("/api/repos/create", takes_json(repos.create), methods=["POST"]),
        Route("/api/repos/delete", takes_json(repos.delete), methods=["DELETE"]),
        Route("/api/repos/move", takes_json(repos.move), methods=["POST"]),
        Route("/api/validate-yaml", takes_json(commits.validate_yaml), methods=["POST"]),
        Route("/lfs-objects/{oid}", takes_file(lfs.upload, lfs.announced_size, lfs.may_upload), methods=["PUT"]),
        Route("/lfs-objects/{oid}", lfs.download),
        Route("/cas/v1/xorbs/{prefix}/{hash}", takes_file(xet.upload_xorb, most_xorb, xet.may_write), methods=["POST"]),
        Route("/cas/v1/shards", takes_file(xet.upload_shard, most_shard, xet.may_write), methods=["POST"]),
        Route(
            "/cas/v2/shards", takes_file(xet.upload_shard_with_progress, most_shard, xet.may_write), methods=["POST"]
        ),
        Route("/cas/v1/reconstructions/{hash}", xet.reconstruction),
        Route("/cas/xorbs/{hash}", xet.download_xorb),
        Route("/cas/v1/telemetry", xet.telemetry, methods=["POST"]),
    ]
    for kind in ("dataset", "space", "kernel", "model"):  # models last: their pages have no prefix
        api, page = f"/api/{kind}s/{{owner}}/{{name}}", f"/{'' if kind == 'model' else kind + 's/'}{{owner}}/{{name}}"
        found += [
            KindRoute(kind, f"/api/{kind}s", search.listed),
            KindRoute(kind, api, files.info),
            KindRoute(kind, f"{api}/revision/{{rev}}", files.info),
            KindRoute(kind, f"{api}/tree/{{rev}}", files.tree),
            KindRoute(kind, f"{api}/tree/{{rev}}/{{path:path}}", files.tree),
            KindRoute(kind, f"{api}/treesize/{{rev}}", files.treesize),
            KindRoute(kind, f"{api}/treesize/{{rev}}/{{path:path}}", files.treesize),
            KindRoute(kind, f"{api}/paths-info/{{rev}}", takes_form(files.paths_info), "POST"),
            KindRoute(kind, f"{api}/auth-check", repos.auth_check),
            KindRoute(kind, f"{api}/auth-check/write", repos.auth_check_write),
            KindRoute(kind, f"{api}/settings", takes_json(repos.settings), "PUT"),
            KindRoute(kind, f"{api}/refs", repos.refs),
            KindRoute(kind, f"{api}/branch/{{rev}}", takes_json(repos.create_branch), "POST"),
            KindRoute(kind, f"{api}/branch/{{rev}}", repos.delete_branch, "DELETE"),
            KindRoute(kind, f"{api}/tag/{{rev}}", takes_json(repos.create_tag), "POST"),
            KindRoute(kind, f"{api}/tag/{{rev}}", repos.delete_tag, "DELETE"),
            KindRoute(kind, f"{api}/commits/{{rev}}", repos.log),
            KindRoute(kind, f"{api}/preupload/{{rev}}", takes_json(commits.preupload), "POST"),
            KindRoute(
                kind, f"{api}/commit/{{rev}}", takes_file(commits.commit, most_commit, commits.may_commit), "POST"
            ),
            KindRoute(kind, f"{api}/xet-read-token/{{rev}}", xet.read_token),
            KindRoute(kind, f"{api}/xet-write-token/{{rev}}", xet.write_token),
            KindRoute(kind, f"{page}.git/info/lfs/objects/batch", takes_json(lfs.batch), "POST"),
            KindRoute(kind, f"{page}.git/info/lfs/verify", takes_json(lfs.verify), "POST"),
            KindRoute(kind, f"{page}/resolve/{{rev}}/{{path:path}}", files.resolve),
            KindRoute(kind, f"{page}/raw/{{rev}}/{{path:path}}", files.raw),
        ]
    found += [
        Mount("/static", StaticFiles(directory=HERE / "static")),
        Route("/", pages.front),
        Route("/login", forms.login_page),
        Route("/login", takes_form(forms.login), methods=["POST"]),
        Route("/logout", takes_form(forms.logout), methods=["POST"]),
        Route("/settings/tokens", forms.tokens_page),
        Route("/settings/tokens", takes_form(forms.tokens), methods=["POST"]),
        Route("/new", forms.new_page),
        Route("/new-dataset", forms.new_page),
        Route("/new", takes_form(forms.new), methods=["POST"]),
        Route("/oauth/device", forms.device_page),
        Route("/oauth/device/answer", takes_form(forms.device), methods=["POST"]),
    ]
    for kind in ("dataset", "space", "kernel", "model"):
        page = f"/{'' if kind == 'model' else kind + 's/'}{{owner}}/{{name}}"
        found += [
            KindRoute(kind, f"/{kind}s", pages.listed),
            KindRoute(kind, page, pages.card),
            KindRoute(kind, f"{page}/tree/{{rev}}", pages.files),
            KindRoute(kind, f"{page}/tree/{{rev}}/{{path:path}}", pages.files),
            KindRoute(kind, f"{page}/blob/{{rev}}/{{path:path}}", pages.file),
            KindRoute(kind, f"{page}/commits/{{rev}}", pages.history),
            KindRoute(kind, f"{page}/commit/{{rev}}", pages.commit),
            KindRoute(kind, f"{page}/discussions/{{num:int}}", pages.discussion),
        ]
    return [*found, Route("/{name}", pages.account)]


class KindRoute(Route):
    """A route whose repositories are all of one kind; a handler finds it among the path's parameters."""

    def __init__(self, kind: str, path: str, handler: Callable, method: str = "GET"):
        super().__init__(path, handler, methods=[method])
        self.kind = kind

    def matches(self, scope: Scope):
        """As any route, with `kind` added; a word of the hub's own is nobody's name."""
        match, child = super().matches(scope)
        if child.get("path_params", {}).get("owner", "").lower() in RESERVED:
            return Match.NONE, {}
        if child:
            child["path_params"] = {**child["path_params"], "kind": self.kind}
        return match, child


def create_app(settings: Settings) -> Starlette:
    """A hub over the folder `settings.data`, which is made where it is not there."""
    settings.data.mkdir(parents=True, exist_ok=True)
    db = Database(settings.data / "hub.sqlite")
    hub = Hub(settings, db, ObjectFolder(settings.data / "objects"), _secret(db))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = settings.threads
        stop = threading.Event()
        counter = threading.Thread(target=_keep_downloads, args=(hub, stop), name="downloads", daemon=True)
        counter.start()
        yield
        stop.set()
        await anyio.to_thread.run_sync(counter.join)
        db.close()

    app = Starlette(
        routes=routes(),
        lifespan=lifespan,
        middleware=[Middleware(Addresses), Middleware(AnswerHeaders)],
        exception_handlers={HubError: _failed, HTTPException: _no_route, Exception: _broken},
    )
    app.router.redirect_slashes = False
    app.state.hub = hub
    return app


def _secret(db: Database) -> bytes:
    """What the hub signs with; made once."""
    with db.write() as connection:
        run(
            connection,
            "INSERT INTO settings (key, value) VALUES ('secret', :value) ON CONFLICT (key) DO NOTHING",
            value=secrets.token_hex(32),
        )
        return bytes.fromhex(run(connection, "SELECT value FROM settings WHERE key = 'secret'").scalar_one())


def _keep_downloads(hub: Hub, stop: threading.Event) -> None:
    """Write down what was counted, every few seconds and at the end: a transaction costs more than a download."""
    ended = False
    while not ended:
        ended = stop.wait(5)
        with hub.lock:
            counts, hub.downloads = hub.downloads, {}
        if counts:
            with hub.db.write() as db:
                repo_queries.count_downloads(db, counts)


# addresses and headers

REF = re.compile(r"(?<=/)refs/(pr|heads|tags|convert)/(?=[^/])")


class Addresses:
    """Decode an address segment by segment: a %2F stays within its segment (as SLASH), so that `feature%2Fx` is one."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rewrite the path that the router will see."""
        if scope["type"] == "http":
            raw = scope.get("raw_path") or quote(scope["path"]).encode()
            scope["raw_path"] = raw = raw.split(b"?")[0]
            try:
                parts = [unquote(part.decode("ascii"), errors="strict") for part in raw.split(b"/")]
            except UnicodeDecodeError:
                response = JSONResponse({"error": "The address is not valid UTF-8."}, status_code=400)
                return await response(scope, receive, send)
            if any(SLASH in part or "\0" in part for part in parts):
                response = JSONResponse({"error": "The address holds control characters."}, status_code=400)
                return await response(scope, receive, send)
            path = "/".join(part.replace("/", SLASH) for part in parts)
            # git-minded scripts write refs/pr/1 with bare slashes
            scope["path"] = REF.sub(lambda match: f"refs{SLASH}{match[1]}{SLASH}", path)
        await self.app(scope, receive, send)


class AnswerHeaders:
    """What every answer carries: a request's id, and what keeps browsers from guessing."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers that are not there."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        asked = {name: value.decode("latin-1") for name, value in scope["headers"]}
        request_id = asked.get(b"x-request-id") or asked.get(b"x-amzn-trace-id") or secrets.token_hex(8)

        async def answer(message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Request-Id", re.sub(r"[^\x21-\x7e]", "", request_id)[:128])
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "same-origin")
            await send(message)

        await self.app(scope, receive, answer)


# errors


def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HubError)
    named = (error.kind, error.name) if isinstance(error, RepoNotFound) else _named(request)
    if isinstance(error, RepoNotFound | NotFound) and (moved := _moved(request, *named)):
        return moved
    if rendering.wants_page(request):
        return rendering.failed(request, error.status, error.message)
    headers = {"X-Error-Message": re.sub(r"[^\x20-\xff]", " ", error.message)[:1000], **error.headers}
    if error.code:
        headers["X-Error-Code"] = error.code
    return JSONResponse({"error": error.message, **error.fields}, status_code=error.status, headers=headers)


def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404 and (moved := _moved(request, *_named(request))):
        return moved
    if error.status_code == 404 and re.match(r"/api/(model|dataset|space|kernel)s/[^/]+$", request.scope["path"]):
        kind, name = _named(request)
        return _failed(request, RepoNotFound(kind, name, anonymous="authorization" not in request.headers))
    message = "Not found" if error.status_code == 404 else error.detail
    return _failed(request, HubError(message, status=error.status_code, headers=dict(error.headers or {})))


def _broken(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _failed(request, HubError("The hub failed at this request; its log says why."))


def _named(request: Request) -> tuple[str, str]:
    """The kind and the first name in an address that no route knows: a bare name such as `gpt2`."""
    parts = request.scope["path"].strip("/").split("/")
    parts = parts[1:] if parts[0] == "api" else parts
    kind = next((kind for kind in repo_queries.KINDS if parts[:1] == [f"{kind}s"]), None)
    parts = parts[1:] if kind else parts
    return kind or "model", parts[0].removesuffix(".git") if parts else ""


def _moved(request: Request, kind: str, name: str) -> Response | None:
    """A redirect that keeps method, tail and query, where a name leads elsewhere and the caller may see where."""
    hub: Hub = request.app.state.hub
    bare = _named(request)[1]
    with hub.db.read() as db:
        target, old = None, name
        if "/" in name and (repo := repo_queries.moved_to(db, kind, name)):
            target = repo.full_name
        elif bare and (alias := repo_queries.alias(db, bare)):
            target, old = alias, bare
        if target is None:
            return None
        try:
            caller = caller_of(request, db)
            repo_queries.visible(db, kind, target, caller)
        except HubError:
            return None
    raw = request.scope["raw_path"].decode("latin-1")
    begins = re.match(r"(?:/api)?(?:/(?:models|datasets|spaces|kernels)(?=/))?/", raw)
    head = begins[0] if begins else "/"
    tail = "/".join(raw[len(head) :].split("/")[len(old.split("/")) :])
    git = ".git" if raw[len(head) :].split("/")[len(old.split("/")) - 1].endswith(".git") else ""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{head}{quote(target)}{git}{'/' + tail if tail else ''}{query}", status_code=307)
