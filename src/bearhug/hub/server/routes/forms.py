"""Pages with a form: login, tokens, a new repository, a device that asks to be let in.

A form is believed only with the page's own mark: signed from a cookie that other sites can neither read nor set.
"""

from __future__ import annotations

import hmac
import secrets
import time
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bearhug.hub.server.credentials import new_token, password_is
from bearhug.hub.server.errors import BadInput, Forbidden, HubError
from bearhug.hub.server.queries import accounts, repos
from bearhug.hub.server.queries.accounts import Caller
from bearhug.hub.server.routes.rendering import CSRF, csrf_token, page
from bearhug.hub.server.routes.repos import make
from bearhug.hub.server.routes.request import SESSION, caller_of, hub_of, public_url

FIVE_MINUTES = 300

Form = dict[str, list[str]]


def checked(request: Request, form: Form) -> None:
    """Make sure that a form comes from one of the hub's own pages.

    Raises:
        Forbidden: it does not.
    """
    cookie, given = request.cookies.get(CSRF), _one(form, "csrf")
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != urlsplit(public_url(request)).netloc
    if not cookie or foreign or not hmac.compare_digest(csrf_token(request, cookie).encode(), given.encode()):
        raise Forbidden("This form is too old, or comes from another site. Open the page again.")


def _one(form: Form, name: str) -> str:
    return (form.get(name) or [""])[0]


def _must_log_in(request: Request) -> Response:
    here = request.scope["raw_path"].decode("latin-1") + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?next={quote(here, safe='')}", status_code=303)


# login


def login_page(request: Request) -> Response:
    """GET /login."""
    with hub_of(request).db.read() as db:
        caller = caller_of(request, db)
    return page(request, caller, "login.html", next=_local(request.query_params.get("next", "/")), fault=None, name="")


def login(request: Request, form: Form) -> Response:
    """POST /login: a session for who knows the password."""
    checked(request, form)
    hub, name, password, then = hub_of(request), _one(form, "name"), _one(form, "password"), _local(_one(form, "next"))
    address = request.client.host if request.client else ""
    if _too_many(hub, address, name):
        raise HubError("Too many wrong passwords. Wait five minutes.", status=429, headers={"Retry-After": "300"})
    with hub.db.read() as db:
        who = accounts.find(db, name)
        kept = accounts.kept_password(db, who.id) if who else None
    if not password_is(password, kept) or who is None:
        _count_failure(hub, address, name)
        fault = "This name and password do not fit."
        return page(request, Caller(), "login.html", next=then, fault=fault, name=name, status=401)
    session = secrets.token_urlsafe(32)
    with hub.db.write() as db:
        accounts.add_session(db, who.id, session, hub.settings.seconds_session)
    response = RedirectResponse(then, status_code=303)
    secure = public_url(request).startswith("https")
    response.set_cookie(
        SESSION, session, max_age=hub.settings.seconds_session, httponly=True, samesite="lax", secure=secure
    )
    return response


def logout(request: Request, form: Form) -> Response:
    """POST /logout."""
    checked(request, form)
    if session := request.cookies.get(SESSION):
        with hub_of(request).db.write() as db:
            accounts.drop_session(db, session)
    response = RedirectResponse("/", status_code=303)
    response.delete_cookie(SESSION)
    return response


def _local(path: str) -> str:
    """An address on this hub; anything else leads to the front page."""
    good = path.startswith("/") and not path.startswith(("//", "/\\")) and all(" " < letter <= "~" for letter in path)
    return path if good else "/"


def _too_many(hub, *keys: str) -> bool:
    with hub.lock:
        recent = time.time() - FIVE_MINUTES
        for key, times in list(hub.failed_logins.items()):
            hub.failed_logins[key] = [moment for moment in times if moment > recent]
            if not hub.failed_logins[key]:
                del hub.failed_logins[key]
        return any(len(hub.failed_logins.get(key.lower(), ())) >= hub.settings.most_failed_logins for key in keys)


def _count_failure(hub, *keys: str) -> None:
    with hub.lock:
        for key in keys:
            hub.failed_logins.setdefault(key.lower()[:100], []).append(time.time())


# tokens


def tokens_page(request: Request) -> Response:
    """GET /settings/tokens."""
    with hub_of(request).db.read() as db:
        caller = caller_of(request, db)
        if caller.is_anonymous:
            return _must_log_in(request)
        found = accounts.tokens(db, caller.id)
    return page(request, caller, "tokens.html", tokens=found, fresh=None)


def tokens(request: Request, form: Form) -> Response:
    """POST /settings/tokens: make a token, shown this once, or revoke one."""
    checked(request, form)
    fresh = None
    with hub_of(request).db.write() as db:
        caller = caller_of(request, db, session_may_write=True)
        if caller.is_anonymous:
            return _must_log_in(request)
        if revoked := _one(form, "revoke"):
            accounts.drop_token(db, caller.id, revoked)
        else:
            role, name = _one(form, "role"), _one(form, "name").strip()
            if role not in ("read", "write") or not 0 < len(name) <= 100:
                raise BadInput("A token needs a name and a role, read or write.")
            fresh = new_token()
            accounts.add_token(db, caller.id, fresh, name=name, role=role)
        found = accounts.tokens(db, caller.id)
    return page(request, caller, "tokens.html", tokens=found, fresh=fresh)


# a new repository


def new_page(request: Request) -> Response:
    """GET /new, /new-dataset."""
    with hub_of(request).db.read() as db:
        caller = caller_of(request, db)
        if caller.account is None:
            return _must_log_in(request)
        owners = _owners(db, caller)
    kind = "dataset" if request.url.path == "/new-dataset" else "model"
    return page(request, caller, "new.html", owners=owners, fault=None, kind=kind, name="")


def new(request: Request, form: Form) -> Response:
    """POST /new: make it, and go to it."""
    checked(request, form)
    hub, name, kind = hub_of(request), _one(form, "name").strip(), _one(form, "kind")
    if kind not in ("model", "dataset"):
        raise BadInput("A repository holds a model or a dataset.")
    owners, caller = [], Caller()
    try:
        with hub.db.write() as db:
            caller = caller_of(request, db, session_may_write=True)
            if caller.account is None:
                return _must_log_in(request)
            owners = _owners(db, caller)
            owner = repos.namespace(db, caller, _one(form, "owner"))
            private = _one(form, "visibility") == "private"
            repo = make(hub, db, caller, owner, kind, name, private=private, sdk=None, url=public_url(request))
    except HubError as error:
        return page(
            request, caller, "new.html", owners=owners, fault=error.message, kind=kind, name=name, status=error.status
        )
    return RedirectResponse(repo.path, status_code=303)


def _owners(db, caller: Caller) -> list[str]:
    assert caller.account is not None
    orgs = [org.name for org, role in accounts.organizations(db, caller.id) if role != "read"]
    return [caller.account.name, *orgs]


# a device


def device_page(request: Request) -> Response:
    """GET /oauth/device: type the code that the device shows."""
    with hub_of(request).db.read() as db:
        caller = caller_of(request, db)
    if caller.is_anonymous:
        return _must_log_in(request)
    return page(request, caller, "device.html", code=request.query_params.get("user_code", ""), said=None)


def device(request: Request, form: Form) -> Response:
    """POST /oauth/device from the page: grant or deny."""
    checked(request, form)
    code = _one(form, "user_code").strip().upper()
    state = "granted" if _one(form, "answer") == "grant" else "denied"
    with hub_of(request).db.write() as db:
        caller = caller_of(request, db, session_may_write=True)
        if caller.is_anonymous:
            return _must_log_in(request)
        found = accounts.decide_device(db, code, caller.id, state)
    said = state if found else "unknown"
    return page(request, caller, "device.html", code="" if found else code, said=said)
