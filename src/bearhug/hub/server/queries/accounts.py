"""Users, organisations, tokens, sessions: who is who, and who may do what in whose name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Connection

from bearhug.hub.server.credentials import token_hash
from bearhug.hub.server.database import later, new_id, now, run
from bearhug.hub.server.errors import BadInput

RESERVED = """api datasets spaces models settings login logout oauth collections buckets kernels papers docs join new
organizations uploads static cas .well-known resolve tree blob raw commits commit git metrics admin health""".split()
NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.\-]{0,94}[A-Za-z0-9_])?")


@dataclass(frozen=True)
class Account:
    """A user or an organisation."""

    id: str
    kind: str
    name: str
    fullname: str
    email: str | None
    private_by_default: bool
    created_at: str


@dataclass(frozen=True)
class Caller:
    """Who asks, and what the token or session lets them do."""

    account: Account | None = None
    may_write: bool = False
    token: dict | None = None  # name, role, created_at; None for a session

    @property
    def id(self) -> str:
        """The account's id, or an empty string for a stranger."""
        return self.account.id if self.account else ""

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody is logged in."""
        return self.account is None


COLUMNS = "accounts.id, accounts.kind, accounts.name, fullname, email, private_by_default, accounts.created_at"


def name_fault(name: object) -> str | None:
    """Why a namespace or a repository may not be called this; None where it may."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return (
            f"{str(name)[:100]!r} is no name: 1 to 96 letters, digits, '-', '_' or '.', with no '-' or '.' at the ends"
        )
    if "--" in name or ".." in name or name.lower().endswith((".git", ".ipynb")):
        return f"{name!r} is no name: '--', '..' and the endings .git and .ipynb are not allowed"
    return None


def find(db: Connection, name: str) -> Account | None:
    """An account by its name, whatever its case."""
    row = run(db, f"SELECT {COLUMNS} FROM accounts WHERE lower(name) = lower(:name)", name=name).first()
    return _account(row) if row else None


def by_id(db: Connection, account: str) -> Account | None:
    """An account by its id."""
    row = run(db, f"SELECT {COLUMNS} FROM accounts WHERE id = :account", account=account).first()
    return _account(row) if row else None


def users(db: Connection) -> list[str]:
    """The names of all users."""
    return [name for (name,) in run(db, "SELECT name FROM accounts WHERE kind = 'user' ORDER BY created_at")]


def save(db: Connection, kind: str, name: str, **values) -> Account:
    """Make an account, or change the values given of one that is there.

    Raises:
        BadInput: the name is reserved, not possible, or that of an account of the other kind.
    """
    fault = name_fault(name) or (f"{name!r} is reserved" if name.lower() in RESERVED else None)
    account = find(db, name)
    if account and account.kind != kind:
        fault = f"{name!r} is the name of {'a user' if account.kind == 'user' else 'an organization'} already"
    if fault:
        raise BadInput(fault)
    if account is None:
        run(
            db,
            """INSERT INTO accounts (id, kind, name, fullname, created_at)
               VALUES (:id, :kind, :name, :name, :now)""",
            id=new_id(), kind=kind, name=name, now=now(),
        )  # fmt: skip
    for column in ("fullname", "email", "password_hash", "private_by_default"):
        if values.get(column) is not None:
            run(
                db,
                f"UPDATE accounts SET {column} = :value WHERE lower(name) = lower(:name)",
                value=values[column],
                name=name,
            )
    account = find(db, name)
    assert account is not None
    return account


def kept_password(db: Connection, account: str) -> str | None:
    """The password's hash, where the account has one."""
    return run(db, "SELECT password_hash FROM accounts WHERE id = :account", account=account).scalar()


def organizations(db: Connection, account: str) -> list[tuple[Account, str]]:
    """The organisations of a user, each with the user's role."""
    rows = run(
        db,
        f"""SELECT {COLUMNS}, role FROM accounts JOIN members ON organization = accounts.id
            WHERE member = :account ORDER BY lower(name)""",
        account=account,
    )
    return [(_account(row[:-1]), row[-1]) for row in rows]


def members(db: Connection, organization: str) -> list[tuple[Account, str]]:
    """The members of an organisation, each with a role."""
    rows = run(
        db,
        f"""SELECT {COLUMNS}, role FROM accounts JOIN members ON member = accounts.id
            WHERE organization = :organization ORDER BY lower(name)""",
        organization=organization,
    )
    return [(_account(row[:-1]), row[-1]) for row in rows]


def set_member(db: Connection, organization: str, member: str, role: str) -> None:
    """Give a user a role in an organisation."""
    run(
        db,
        """INSERT INTO members (organization, member, role) VALUES (:organization, :member, :role)
           ON CONFLICT (organization, member) DO UPDATE SET role = excluded.role""",
        organization=organization, member=member, role=role,
    )  # fmt: skip


def role_in(db: Connection, caller: Caller, owner: str) -> str | None:
    """The caller's role in a namespace: their own is theirs to administer."""
    if caller.account is None:
        return None
    if caller.id == owner:
        return "admin"
    return run(
        db, "SELECT role FROM members WHERE organization = :owner AND member = :id", owner=owner, id=caller.id
    ).scalar()


# tokens


def add_token(
    db: Connection,
    account: str,
    token: str,
    *,
    name: str,
    role: str,
    refresh: str | None = None,
    seconds: int | None = None,
) -> None:
    """Keep a token's hash. The same token again changes its name and role."""
    run(
        db,
        """INSERT INTO tokens (id, hash, account, name, role, refresh_hash, created_at, expires_at)
           VALUES (:id, :hash, :account, :name, :role, :refresh, :now, :expires)
           ON CONFLICT (hash) DO UPDATE SET name = excluded.name, role = excluded.role""",
        id=new_id(), hash=token_hash(token), account=account, name=name, role=role, now=now(),
        refresh=token_hash(refresh) if refresh else None, expires=later(seconds) if seconds else None,
    )  # fmt: skip


def by_token(db: Connection, token: str) -> Caller | None:
    """Who a token stands for; None where it is unknown or its time is over."""
    row = run(
        db,
        f"""SELECT {COLUMNS}, tokens.name, role, tokens.created_at FROM accounts JOIN tokens ON account = accounts.id
            WHERE hash = :hash AND (expires_at IS NULL OR expires_at > :now)""",
        hash=token_hash(token), now=now(),
    ).first()  # fmt: skip
    if row is None:
        return None
    name, role, created_at = row[-3:]
    return Caller(_account(row[:-3]), role == "write", {"displayName": name, "role": role, "createdAt": created_at})


def tokens(db: Connection, account: str) -> list[dict]:
    """The tokens of a user: id, name, role, created_at, expires_at."""
    rows = run(
        db,
        "SELECT id, name, role, created_at, expires_at FROM tokens WHERE account = :account ORDER BY created_at",
        account=account,
    )
    return [dict(row) for row in rows.mappings()]


def drop_token(db: Connection, account: str, token: str) -> None:
    """Revoke one of a user's tokens, by its id."""
    run(db, "DELETE FROM tokens WHERE account = :account AND id = :token", account=account, token=token)


def refreshed(db: Connection, refresh: str) -> tuple[str, str] | None:
    """Take a refresh token out of use: (account, token's name), or None where it is unknown."""
    row = run(
        db, "DELETE FROM tokens WHERE refresh_hash = :hash RETURNING account, name", hash=token_hash(refresh)
    ).first()
    return (row[0], row[1]) if row else None


# sessions


def add_session(db: Connection, account: str, session: str, seconds: int) -> None:
    """Keep a browser's session; those whose time is over go."""
    run(db, "DELETE FROM sessions WHERE expires_at < :now", now=now())
    run(
        db,
        "INSERT INTO sessions (hash, account, expires_at) VALUES (:hash, :account, :expires)",
        hash=token_hash(session), account=account, expires=later(seconds),
    )  # fmt: skip


def by_session(db: Connection, session: str) -> Caller | None:
    """Who a session stands for."""
    row = run(
        db,
        f"""SELECT {COLUMNS} FROM accounts JOIN sessions ON account = accounts.id
            WHERE hash = :hash AND expires_at > :now""",
        hash=token_hash(session), now=now(),
    ).first()  # fmt: skip
    return Caller(_account(row), True) if row else None


def drop_session(db: Connection, session: str) -> None:
    """End a session."""
    run(db, "DELETE FROM sessions WHERE hash = :hash", hash=token_hash(session))


# the device flow


def add_device(db: Connection, device_code: str, user_code: str, seconds: int) -> None:
    """A device asks to be let in."""
    run(db, "DELETE FROM devices WHERE expires_at < :now", now=now())
    run(
        db,
        "INSERT INTO devices (hash, user_code, state, expires_at) VALUES (:hash, :user_code, 'pending', :expires)",
        hash=token_hash(device_code), user_code=user_code, expires=later(seconds),
    )  # fmt: skip


def device(db: Connection, device_code: str) -> dict | None:
    """The state of a device's request: state, account, polled_at, expires_at."""
    row = run(
        db, "SELECT state, account, polled_at, expires_at FROM devices WHERE hash = :hash", hash=token_hash(device_code)
    ).mappings()
    found = row.first()
    return dict(found) if found else None


def polled(db: Connection, device_code: str) -> None:
    """Note that a device asked."""
    run(db, "UPDATE devices SET polled_at = :now WHERE hash = :hash", now=now(), hash=token_hash(device_code))


def drop_device(db: Connection, device_code: str) -> None:
    """A device's request is over."""
    run(db, "DELETE FROM devices WHERE hash = :hash", hash=token_hash(device_code))


def decide_device(db: Connection, user_code: str, account: str, state: str) -> bool:
    """A user grants or denies a pending request; False where there is none with that code."""
    done = run(
        db,
        """UPDATE devices SET state = :state, account = :account
           WHERE user_code = :user_code AND state = 'pending' AND expires_at > :now""",
        state=state, account=account, user_code=user_code, now=now(),
    )  # fmt: skip
    return done.rowcount == 1


def _account(row) -> Account:
    values = list(row)
    values[5] = bool(values[5])
    return Account(*values)
