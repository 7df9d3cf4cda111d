"""Large bytes in a folder, each under the hash of its content: `files/ab/cd/<sha256>`, `xorbs/ab/cd/<hash>`.

A thing is written under a temporary name in `incoming/`, synced, then renamed: under its hash it is whole or not there.
"""

import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path

from bearhug._lib.files import sync_folder
from bearhug.hub.server.errors import TooLarge

DAY = 24 * 3600


class Incoming:
    """Bytes that arrive: counted, hashed, bounded, and gone on `close` unless they were kept."""

    def __init__(self, folder: Path, most: int):
        self.most, self.size_bytes, self.digest = most, 0, hashlib.sha256()
        handle, name = tempfile.mkstemp(dir=folder)
        self.path, self.file = Path(name), os.fdopen(handle, "w+b", buffering=2**20)

    def write(self, data: bytes) -> None:
        """Add bytes.

        Raises:
            TooLarge: more than was allowed.
        """
        self.size_bytes += len(data)
        if self.size_bytes > self.most:
            raise TooLarge(f"The body is larger than {self.most} bytes.")
        self.digest.update(data)
        self.file.write(data)

    @property
    def sha256(self) -> str:
        """The hash of what came so far."""
        return self.digest.hexdigest()

    def close(self) -> None:
        """Close, and remove what was not kept."""
        self.file.close()
        self.path.unlink(missing_ok=True)


class ObjectFolder:
    """A folder of bytes by hash."""

    def __init__(self, folder: Path):
        self.folder, self.incoming = folder, folder / "incoming"
        self.incoming.mkdir(parents=True, exist_ok=True)
        for left in self.incoming.iterdir():  # of uploads that a kill cut off
            if left.stat().st_mtime < time.time() - DAY:
                left.unlink(missing_ok=True)

    def receive(self, most: int) -> Incoming:
        """A place for bytes that arrive, at most so many."""
        return Incoming(self.incoming, most)

    def path(self, kind: str, digest: str) -> Path:
        """Where a thing lies, or would."""
        if not (len(digest) == 64 and set(digest) <= set("0123456789abcdef")):
            raise ValueError(f"{digest[:80]!r} is no hash of 64 hex digits")
        return self.folder / kind / digest[:2] / digest[2:4] / digest

    def has(self, kind: str, digest: str) -> bool:
        """Whether a thing is here, whole."""
        return self.path(kind, digest).exists()

    def keep(self, incoming: Incoming, kind: str, digest: str) -> None:
        """Give what arrived its name. It is on the disk when this returns."""
        incoming.file.flush()
        os.fsync(incoming.file.fileno())
        path = self.path(kind, digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.chmod(incoming.path, 0o644)
        os.replace(incoming.path, path)
        for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
            sync_folder(folder)

    def free_bytes(self) -> int:
        """What the disk can still take."""
        return shutil.disk_usage(self.folder).free
