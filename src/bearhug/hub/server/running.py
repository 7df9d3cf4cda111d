"""Running a hub: in this process until it is told to stop, or beside a script for a while."""

from __future__ import annotations

import json
import secrets
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvicorn

from bearhug.hub.server.app import create_app
from bearhug.hub.server.credentials import new_token, password_hash, password_is
from bearhug.hub.server.database import Database
from bearhug.hub.server.errors import HubError
from bearhug.hub.server.hub import Hub
from bearhug.hub.server.queries import accounts, repos
from bearhug.hub.server.settings import Settings

FIRST_USER = "bear"


@dataclass(frozen=True)
class LocalHub:
    """A hub that runs now: its address, its first user and a token of theirs that writes."""

    endpoint: str
    token: str
    user: str
    password: str
    data: Path


@contextmanager
def local(data: str | Path | None = None, port: int = 0, user: str = FIRST_USER, **settings: Any) -> Iterator[LocalHub]:
    """A hub in a thread of this process, on a free loopback port, with a user and a fresh token that writes.

    Args:
        data: its folder; None: a temporary one that is gone afterwards.
        port: 0 takes a free one.
        settings: any of `Settings`.
    """
    with tempfile.TemporaryDirectory(prefix="bearhug-hub-") as temporary:
        chosen = Settings(data=Path(data or temporary), port=port, **settings)
        app = create_app(chosen)
        token, password = new_token(), secrets.token_urlsafe(9)
        with app.state.hub.db.write() as db:
            account = accounts.save(db, "user", user, password_hash=password_hash(password))
            accounts.add_token(db, account.id, token, name="local", role="write")
        sock = listen(chosen)
        server = uvicorn.Server(_config(app))
        thread = threading.Thread(target=server.run, args=([sock],), name="bearhug-hub", daemon=True)
        thread.start()
        try:
            endpoint = f"http://{chosen.host}:{sock.getsockname()[1]}"
            yield LocalHub(endpoint, token, user, password, chosen.data)
        finally:
            server.should_exit = True
            thread.join(timeout=10)
            sock.close()


def serve(settings: Settings, apply: Path | None = None) -> None:
    """Run a hub until it is interrupted. The first start makes a user and says their token, once.

    Raises:
        OSError: the address is taken.
        ValueError: `apply` is no description of users and organisations.
    """
    sock = listen(settings)
    settings = replace(settings, port=sock.getsockname()[1])
    app = create_app(settings)
    hub: Hub = app.state.hub
    if apply is not None:
        apply_file(hub.db, apply)
    address = settings.public_url or f"http://{settings.host}:{settings.port}"
    print(f"bearhug hub at {address}, data in {settings.data}")
    with hub.db.read() as db:
        known = accounts.users(db)
    if not known:
        token, password = first_user(hub.db)
        print(
            f"\n  first user  {FIRST_USER}\n  password    {password}\n  token       {token}\n"
            "  (the token may write; both are shown only now)\n\n"
            f"  export HF_ENDPOINT={address}\n  bearhug login --token {token}\n"
        )
    print("Stop it with Ctrl-C.", flush=True)
    uvicorn.Server(_config(app)).run([sock])


def listen(settings: Settings) -> socket.socket:
    """A socket that listens where the hub shall be.

    Raises:
        OSError: the address is taken, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # said to be TCP, since asyncio sends answers without delay (TCP_NODELAY) only then
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((settings.host, settings.port))
    except OSError as error:
        sock.close()
        raise OSError(
            f"the hub cannot listen at {settings.host}:{settings.port} ({error.strerror}).\n"
            "Choose another port: bearhug hub --port 0"
        ) from None
    sock.listen(128)
    return sock


def _config(app) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=5,
        server_header=False,
        proxy_headers=False,
    )


def first_user(db: Database) -> tuple[str, str]:
    """Make the first user; their token and password, of which only hashes are kept."""
    token, password = new_token(), secrets.token_urlsafe(12)
    with db.write() as connection:
        account = accounts.save(connection, "user", FIRST_USER, password_hash=password_hash(password))
        accounts.add_token(connection, account.id, token, name="first", role="write")
    return token, password


def apply_file(db: Database, file: Path) -> None:
    """Bring the users, tokens, organisations and aliases of a JSON file into being; again and again without harm.

    Raises:
        OSError: no such file.
        ValueError: it says something that cannot be.
    """
    text = file.read_text(encoding="utf-8")
    try:
        wanted = json.loads(text)
        with db.write() as connection:
            _apply(connection, wanted)
    except (HubError, KeyError, TypeError, AttributeError, ValueError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(
            f"{file} cannot be applied: {what}.\nIt reads "
            '{"users": [{"name": ..., "password": ..., "tokens": [{"token": "hf_...", "role": "write"}]}], '
            '"organizations": [{"name": ..., "members": {"user": "admin"}}], "aliases": {"gpt2": "owner/name"}}.'
        ) from None


def _apply(db, wanted: dict) -> None:
    for user in wanted.get("users", []):
        account = accounts.save(db, "user", user["name"], fullname=user.get("fullname"), email=user.get("email"))
        password = user.get("password")
        if password and not password_is(password, accounts.kept_password(db, account.id)):
            accounts.save(db, "user", user["name"], password_hash=password_hash(password))
        for number, token in enumerate(user.get("tokens", [])):
            role = token.get("role", "write")
            if role not in ("read", "write"):
                raise ValueError(f"the role of a token is read or write, not {role!r}")
            name = token.get("name") or f"applied-{number}"
            accounts.add_token(db, account.id, token["token"], name=name, role=role)
    for org in wanted.get("organizations", []):
        account = accounts.save(
            db, "org", org["name"], fullname=org.get("fullname"), private_by_default=org.get("private_by_default")
        )
        for name, role in org.get("members", {}).items():
            member = accounts.find(db, name)
            if member is None or member.kind != "user":
                raise ValueError(f"{org['name']} has the member {name!r}, who is no user")
            if role not in ("admin", "write", "contributor", "read"):
                raise ValueError(f"the role of a member is admin, write, contributor or read, not {role!r}")
            accounts.set_member(db, account.id, member.id, role)
    for name, target in wanted.get("aliases", {}).items():
        if accounts.name_fault(name) or target.count("/") != 1:
            raise ValueError(f"an alias leads from a bare name to 'owner/name', not from {name!r} to {target!r}")
        repos.set_alias(db, name, target)
