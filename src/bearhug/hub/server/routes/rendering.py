"""A page from its template: what every page carries, the mark of its forms, and how sizes and times read."""

from __future__ import annotations

import hmac
import re
import secrets
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bearhug.hub.server.queries.accounts import Caller
from bearhug.hub.server.routes.request import SESSION, caller_of, hub_of, public_url

CSRF = "bearhug_form"
TEMPLATES = Path(__file__).parent.parent / "templates"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data: https:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def page(request: Request, caller: Caller, template: str, *, status: int = 200, **values: Any) -> Response:
    """A page from its template."""
    cookie = csrf_cookie(request)
    text = _environment().get_template(template).render(
        me=caller.account, csrf=csrf_token(request, cookie), here=request.scope["raw_path"].decode("latin-1"), **values
    )  # fmt: skip
    headers = {
        "Content-Security-Policy": POLICY,
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    response = HTMLResponse(text, status_code=status, headers=headers)
    if request.cookies.get(CSRF) != cookie:
        secure = public_url(request).startswith("https")
        response.set_cookie(CSRF, cookie, httponly=True, samesite="strict", secure=secure)
    return response


def wants_page(request: Request) -> bool:
    """Whether an error goes to a person's browser, not to a client."""
    path = request.scope["path"]
    is_data = re.match(r"/(api|cas|lfs-objects|oauth/token)(/|$)", path) or re.search(r"/(resolve|raw)/|\.git/", path)
    return "text/html" in request.headers.get("accept", "") and not is_data


def failed(request: Request, status: int, message: str) -> Response:
    """The page of an error."""
    try:
        with hub_of(request).db.read() as db:
            caller = caller_of(request, db)
    except Exception:  # an error's page must not fail in its turn
        caller = Caller()
    return page(request, caller, "error.html", status=status, code=status, message=message)


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    found.filters |= {
        "size": size,
        "ago": ago,
        "url": lambda text: quote(str(text)),
        "segment": lambda t: quote(t, safe=""),
    }
    return found


def size(count: int) -> str:
    """A number of bytes as people read it."""
    if count < 1000:
        return f"{count} B"
    for unit in ("kB", "MB", "GB", "TB"):
        count /= 1000  # pyright: ignore[reportAssignmentType]
        if count < 1000 or unit == "TB":
            break
    return f"{count:.3g} {unit}"  # pyright: ignore[reportPossiblyUnbound]


def ago(moment: str | datetime) -> str:
    """How long ago something was."""
    then = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    seconds = (datetime.now(UTC) - then).total_seconds()
    for length, unit in ((31_557_600, "year"), (2_629_800, "month"), (86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' * (count > 1)} ago"
    return "just now"


def csrf_cookie(request: Request) -> str:
    """The cookie that marks this browser; a new one where it has none."""
    return request.cookies.get(CSRF) or secrets.token_urlsafe(16)


def csrf_token(request: Request, cookie: str) -> str:
    """What a form of this browser and session carries."""
    mark = f"{cookie}|{request.cookies.get(SESSION, '')}".encode()
    return hmac.digest(hub_of(request).secret, b"form|" + mark, "sha256").hex()
