"""Letting devices in: the flow of `hf auth login` without a token (RFC 8628), and the renewal of its tokens."""

from __future__ import annotations

import secrets
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bearhug.hub.server.credentials import new_token
from bearhug.hub.server.database import now
from bearhug.hub.server.queries import accounts
from bearhug.hub.server.routes.request import hub_of, public_url

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels: no words; nothing that looks like another


def device(request: Request, form: dict[str, list[str]]) -> Response:
    """POST /oauth/device: a device asks for a code to show to its user."""
    settings = hub_of(request).settings
    code, letters = secrets.token_urlsafe(32), [secrets.choice(LETTERS) for _ in range(8)]
    user_code = "".join(letters[:4]) + "-" + "".join(letters[4:])
    with hub_of(request).db.write() as db:
        accounts.add_device(db, code, user_code, settings.seconds_device_code)
    page = f"{public_url(request)}/oauth/device"
    return JSONResponse(
        {
            "device_code": code,
            "user_code": user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={user_code}",
            "expires_in": settings.seconds_device_code,
            "interval": settings.seconds_poll,
        }
    )


def token(request: Request, form: dict[str, list[str]]) -> Response:
    """POST /oauth/token: a device asks whether it was let in, or for a new token in place of one that ends soon."""
    grant = (form.get("grant_type") or [""])[0]
    if grant == DEVICE_GRANT:
        return _poll(request, (form.get("device_code") or [""])[0])
    if grant == "refresh_token":
        return _refresh(request, (form.get("refresh_token") or [""])[0])
    return _refused("unsupported_grant_type", f"Known are {DEVICE_GRANT} and refresh_token.")


def _poll(request: Request, code: str) -> Response:
    hub = hub_of(request)
    with hub.db.write() as db:
        found = accounts.device(db, code)
        if found is None:
            return _refused("invalid_grant", "This device code is not known.")
        if found["expires_at"] < now():
            accounts.drop_device(db, code)
            return _refused("expired_token", "The code's time is over; start again.")
        if found["state"] == "denied":
            accounts.drop_device(db, code)
            return _refused("access_denied", "The user said no.")
        if found["state"] == "pending":
            accounts.polled(db, code)
            if found["polled_at"] and _seconds_since(found["polled_at"]) < hub.settings.seconds_poll - 1:
                return _refused("slow_down", f"Ask every {hub.settings.seconds_poll} seconds.")
            return _refused("authorization_pending", "The user has not answered yet.")
        accounts.drop_device(db, code)
        return _granted(request, db, found["account"])


def _refresh(request: Request, refresh: str) -> Response:
    with hub_of(request).db.write() as db:
        found = accounts.refreshed(db, refresh)
        if found is None:
            return _refused("invalid_grant", "This refresh token is not known.")
        return _granted(request, db, found[0])


def _granted(request: Request, db, account: str) -> Response:
    access, refresh, seconds = new_token("hf_oauth_"), new_token("hfr_"), hub_of(request).settings.seconds_oauth_token
    owner = accounts.by_id(db, account)
    name = f"oauth-{owner.name if owner else 'device'}"
    accounts.add_token(db, account, access, name=name, role="write", refresh=refresh, seconds=seconds)
    return JSONResponse(
        {
            "access_token": access,
            "token_type": "bearer",
            "expires_in": seconds,
            "refresh_token": refresh,
            "scope": "read-repos write-repos",
        },
        headers={"Cache-Control": "no-store"},
    )


def _seconds_since(moment: str) -> float:
    return (datetime.fromisoformat(now()) - datetime.fromisoformat(moment)).total_seconds()


def _refused(error: str, why: str) -> Response:
    return JSONResponse({"error": error, "error_description": why}, status_code=400)
