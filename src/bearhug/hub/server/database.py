"""The SQL database: connections, transactions, the schema's growth.

A change is one `write()` transaction. On SQLite it takes the write lock at its beginning, so a change never fails half
way for want of it, and readers go on reading the state before. With the write-ahead log and full sync, what was
answered survives a power cut.
"""

import re
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Connection, CursorResult, Engine, TextClause, bindparam, create_engine, event, text

SCHEMA = Path(__file__).parent / "schema"


class Database:
    """An engine with two kinds of transaction."""

    def __init__(self, path: Path):
        self.engine = create_engine(f"sqlite:///{path}", pool_size=16, max_overflow=-1)
        self._writing = threading.Lock()  # SQLite's own lock is taken by polling; within a process wait in a queue
        _prepare(self.engine)
        with self.write() as db:
            _grow(db)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One view of the data: nothing changes while it lasts."""
        with self.engine.connect() as db, db.begin():
            yield db

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """All or nothing; durable when it returns."""
        with self._writing, self.engine.connect() as db:
            db = db.execution_options(writes=True)
            with db.begin():
                yield db

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()


def run(db: Connection, sql: str, **values) -> CursorResult:
    """Execute SQL with named values; a list stands for `IN :name`."""
    lists = tuple(sorted(name for name, value in values.items() if isinstance(value, list)))
    return db.execute(_statement(sql, lists), values)


def run_many(db: Connection, sql: str, rows: Iterable[dict]) -> None:
    """Execute SQL once for each row of values."""
    rows = list(rows)
    if rows:
        db.execute(_statement(sql, ()), rows)


def now() -> str:
    """The time as the hub keeps it."""
    return stamp(datetime.now(UTC))


def stamp(moment: datetime) -> str:
    """A time as text, UTC, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def later(seconds: float) -> str:
    """The time so many seconds from now."""
    return stamp(datetime.fromtimestamp(time.time() + seconds, UTC))


def new_id() -> str:
    """24 hex digits that sort by time of making."""
    return f"{int(time.time()):08x}{secrets.token_hex(8)}"


@lru_cache(maxsize=512)
def _statement(sql: str, lists: tuple[str, ...]) -> TextClause:
    return text(sql).bindparams(*(bindparam(name, expanding=True) for name in lists))


def _prepare(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection, _):
        connection.isolation_level = None  # transactions are begun below, not by the driver
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begun(db: Connection):
        db.exec_driver_sql("BEGIN IMMEDIATE" if db.get_execution_options().get("writes") else "BEGIN")


def _grow(db: Connection) -> None:
    """Run the schema's files that this database has not seen, in order."""
    run(db, "CREATE TABLE IF NOT EXISTS schema_files (name TEXT PRIMARY KEY)")
    known = {name for (name,) in run(db, "SELECT name FROM schema_files")}
    for file in sorted(SCHEMA.glob("*.sql")):
        if file.name not in known:
            plain = re.sub(r"--[^\n]*", "", file.read_text(encoding="utf-8"))
            for statement in filter(str.strip, plain.split(";")):
                run(db, statement)
            run(db, "INSERT INTO schema_files (name) VALUES (:name)", name=file.name)
