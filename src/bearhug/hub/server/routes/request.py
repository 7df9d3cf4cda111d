"""What a request asks for: its repository and path, its flags and page, its body, who sends it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bearhug.hub.server.errors import BadInput, TooLarge, Unauthorized
from bearhug.hub.server.hub import Hub
from bearhug.hub.server.objects import Incoming
from bearhug.hub.server.queries import accounts
from bearhug.hub.server.queries.accounts import Caller

SLASH = "\x1f"  # a slash within one segment of the address (%2F), as the app hands it to the router
SESSION = "bearhug_session"


def hub_of(request: Request) -> Hub:
    """The hub that serves this request."""
    return request.app.state.hub


@dataclass(frozen=True)
class RepoPath:
    """The repository, revision and path that an address names."""

    kind: str
    name: str
    revision: str
    path: str

    @classmethod
    def parse(cls, request: Request) -> RepoPath:
        """From the router's parts; the revision is `main` where there is none."""
        parts = request.path_params
        revision = parts.get("rev", "main").replace(SLASH, "/")
        path = parts.get("path", "").replace(SLASH, "/")
        return cls(parts["kind"], f"{parts['owner']}/{parts['name']}", revision, path)


def public_url(request: Request) -> str:
    """What absolute links begin with."""
    configured = hub_of(request).settings.public_url
    return configured.rstrip("/") or f"{request.url.scheme}://{request.headers.get('host') or request.url.netloc}"


# who


def caller_of(request: Request, db: Connection, *, session_may_write: bool = False) -> Caller:
    """Who sends this request: by a token, or for pages and reading by a session.

    Raises:
        Unauthorized: a token is given and is none that is valid.
    """
    header = request.headers.get("authorization", "")
    scheme, _, value = header.partition(" ")
    if header:
        candidates = (
            [value.strip()] if scheme.lower() == "bearer" else _basic(value) if scheme.lower() == "basic" else []
        )
        for token in candidates:
            if caller := accounts.by_token(db, token):
                return caller
        raise Unauthorized("Invalid credentials in Authorization header")
    session = request.cookies.get(SESSION)
    if session and (session_may_write or request.method in ("GET", "HEAD")):
        return accounts.by_session(db, session) or Caller()
    return Caller()


def _basic(value: str) -> list[str]:
    """Basic credentials: the token is the password, or the user name with an empty password."""
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return []
    return [password] if password else [user]


# flags and pages


def flag(request: Request, name: str) -> bool:
    """`true`, `True`, `1`, ... in the query."""
    return truth(request.query_params.get(name))


def truth(value: Any) -> bool:
    """Whether a value of a query, form or JSON says yes."""
    return value is True or (isinstance(value, str) and value.lower() in ("true", "1", "yes", "on"))


def number(request: Request, name: str, default: int, most: int) -> int:
    """A whole number in the query, at least 0 and at most so much.

    Raises:
        BadInput: no number.
    """
    text = request.query_params.get(name)
    if text is None or text == "":
        return default
    if not re.fullmatch(r"\d{1,9}", text):
        raise BadInput(f'"{name}" must be a whole number, not {text[:40]!r}')
    return min(int(text), most)


def cursor(request: Request) -> Any:
    """Where a page begins, as `next_page` put it into the address; None at the start."""
    text = request.query_params.get("cursor")
    if not text:
        return None
    try:
        return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        raise BadInput('"cursor" must be one that an answer\'s Link header gave') from None


def next_page(request: Request, after: Any) -> dict[str, str]:
    """The Link header that leads to what comes after."""
    return next_link(request, cursor=encode_cursor(after))


def encode_cursor(after: Any) -> str:
    """Where a page begins, as an address can hold it."""
    return base64.urlsafe_b64encode(json.dumps(after).encode()).decode().rstrip("=")


def next_link(request: Request, **query: Any) -> dict[str, str]:
    """A Link header to this address with some of the query changed."""
    path = request.scope["raw_path"].decode("latin-1")
    url = request.url.include_query_params(**query)
    return {"Link": f'<{public_url(request)}{path}?{url.query}>; rel="next"'}


# bodies


def takes_json(handler: Callable[[Request, dict], Response]) -> Callable:
    """A handler whose request's body is a JSON object; an empty body is an empty one."""

    async def endpoint(request: Request) -> Response:
        body = await read_body(request, hub_of(request).settings.most_json)
        return await run_in_threadpool(lambda: handler(request, _object(body)))

    return endpoint


def takes_form(handler: Callable[[Request, dict[str, list[str]]], Response]) -> Callable:
    """A handler whose request's body is a form, or JSON of the same names: name -> values."""

    async def endpoint(request: Request) -> Response:
        body = await read_body(request, hub_of(request).settings.most_json)
        return await run_in_threadpool(lambda: handler(request, _fields(request, body)))

    return endpoint


def _object(body: bytes) -> dict:
    try:
        data = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise BadInput("The body is not valid JSON.") from None
    if not isinstance(data, dict):
        raise BadInput("The body must be a JSON object.")
    return data


def _fields(request: Request, body: bytes) -> dict[str, list[str]]:
    if "json" in request.headers.get("content-type", ""):
        return {name: value if isinstance(value, list) else [value] for name, value in _object(body).items()}
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=20_000)
    except ValueError:
        raise BadInput("The body is not a valid form.") from None


def takes_file(
    handler: Callable[[Request, Incoming], Response], most: Callable[[Request], int], before: Callable[[Request], Any]
) -> Callable:
    """A handler whose request's body goes to a temporary file as it comes.

    Args:
        most: the largest body that is taken.
        before: run before any of the body is read; raises where the request may not be made at all.
    """

    async def endpoint(request: Request) -> Response:
        hub = hub_of(request)
        await run_in_threadpool(before, request)
        limit = most(request)
        if _announced(request) > limit:
            raise TooLarge(f"The body is larger than {limit} bytes.")
        if _announced(request) > hub.objects.free_bytes():
            raise TooLarge("The hub's disk is full.", status=507)
        incoming = hub.objects.receive(limit)
        try:
            buffer = bytearray()
            async for piece in request.stream():
                buffer += piece
                if len(buffer) >= 2**20:
                    await run_in_threadpool(incoming.write, bytes(buffer))
                    buffer.clear()
            await run_in_threadpool(incoming.write, bytes(buffer))
            return await run_in_threadpool(handler, request, incoming)
        finally:
            await run_in_threadpool(incoming.close)

    return endpoint


async def read_body(request: Request, most: int) -> bytes:
    """A small body, whole.

    Raises:
        TooLarge: it is not small.
    """
    if _announced(request) > most:
        raise TooLarge(f"The body is larger than {most} bytes.")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise TooLarge(f"The body is larger than {most} bytes.")
    return bytes(body)


def _announced(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    return int(text) if text.isdigit() else 0


def wanted(data: dict, name: str, kind: type, default: Any = None) -> Any:
    """A field of a JSON body, of the right type.

    Raises:
        BadInput: another type, or absent where there is no default.
    """
    value = data.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise BadInput(f'"{name}" must be {"a text" if kind is str else "a list" if kind is list else kind.__name__}')
    return value


def ok(data: Any = None, **headers: str) -> JSONResponse:
    """A JSON answer."""
    return JSONResponse({} if data is None else data, headers={k.replace("_", "-"): v for k, v in headers.items()})
