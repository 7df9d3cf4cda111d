"""A file that is being written, and how far it is: kept when its process dies, and taken up by the next one.

Beside `name` lie `.name.0.part`, ... (the bytes), `.name.journal` (how many of them are sound, and what they hold)
and `.name.lock`. The lock belongs to one living process at a time and goes with it, however it ends; who does not
get it writes elsewhere. A journal counts only for the key it was written under.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from bearhug._lib.files import replacing

try:
    import fcntl
except ImportError:  # no such locks here: work that was cut off begins anew
    fcntl = None


class Journal:
    """How far a file is; made by `take`."""

    def __init__(self, path: Path, key: str, lock: int):
        self.path, self.key, self._lock = path, key, lock

    @classmethod
    def take(cls, path: Path, key: str) -> Journal | None:
        """The journal of a file, for this process alone; None where another has it, or the folder has no locks."""
        if fcntl is None:
            return None
        name = path.with_name(f".{path.name}.lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            while True:
                lock = os.open(name, os.O_RDWR | os.O_CREAT, 0o666)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if os.path.samestat(os.fstat(lock), os.stat(name)):
                        return cls(path, key, lock)
                except FileNotFoundError:
                    pass  # who had it removed it just now
                except OSError:
                    os.close(lock)
                    return None
                os.close(lock)
        except OSError:
            return None

    def part(self, number: int) -> Path:
        """The file that a part of the bytes is written to."""
        return self.path.with_name(f".{self.path.name}.{number}.part")

    @property
    def _file(self) -> Path:
        return self.path.with_name(f".{self.path.name}.journal")

    def read(self) -> dict | None:
        """What an earlier process noted; None where there is nothing, or its bytes are not there."""
        try:
            state = json.loads(self._file.read_text(encoding="utf-8"))
            sound = state["key"] == self.key and all(
                self.part(i).stat().st_size >= one["bytes"] for i, one in enumerate(state["parts"])
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return state if sound else None

    def save(self, state: dict) -> None:
        """Note how far it is; the bytes must lie on the disk by then."""
        with replacing(self._file, "w", encoding="utf-8") as file:
            json.dump({**state, "key": self.key}, file)

    def release(self, *, keep: bool) -> None:
        """Give the file up: with what was noted, or leaving nothing."""
        if not keep:
            for file in leftovers(self.path):
                with contextlib.suppress(FileNotFoundError):
                    file.unlink()
        with contextlib.suppress(FileNotFoundError):
            self.path.with_name(f".{self.path.name}.lock").unlink()
        os.close(self._lock)


def leftovers(path: Path) -> list[Path]:
    """The parts and the journal of a file that was not finished."""
    start = f".{path.name}."
    return [
        one
        for one in path.parent.iterdir()
        if one.name.startswith(start) and one.name.removeprefix(start).endswith(("part", "journal"))
    ]


def cut_off(folder: str | os.PathLike) -> list[Path]:
    """All parts and journals in a folder whose process is gone."""
    found = []
    for one in Path(folder).glob(".cache-*.arrow.*"):
        name, _, end = one.name[1:].rpartition(".arrow.")
        if end == "journal" or end.endswith(".part"):
            journal = Journal.take(one.with_name(f"{name}.arrow"), "")
            if journal is not None:
                found.append(one)
                journal.release(keep=True)
    return found
