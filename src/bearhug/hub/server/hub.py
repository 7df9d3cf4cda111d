"""What every handler works with: one hub's settings, database and object folder."""

from dataclasses import dataclass, field
from threading import Lock

from bearhug.hub.server.database import Database
from bearhug.hub.server.objects import ObjectFolder
from bearhug.hub.server.settings import Settings


@dataclass
class Hub:
    """One hub in one process. What is not in the database is lost with the process, and may be."""

    settings: Settings
    db: Database
    objects: ObjectFolder
    secret: bytes  # what addresses, Xet tokens and forms are signed with
    lock: Lock = field(default_factory=Lock)  # for the two below
    downloads: dict[str, int] = field(default_factory=dict)  # counted, not yet kept
    failed_logins: dict[str, list[float]] = field(default_factory=dict)
