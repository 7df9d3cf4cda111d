"""Folders of a commit: find, list, and change them."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection

from bearhug.hub.server import git
from bearhug.hub.server.errors import EntryNotFound, Refused
from bearhug.hub.server.git import Commit, Entry
from bearhug.hub.server.queries import objects
from bearhug.hub.server.queries.objects import Blob

T = TypeVar("T", bound="Entry | _Folder")


@dataclass(frozen=True)
class Item:
    """A file or a folder at a path; `blob` is None for a folder."""

    path: str
    entry: Entry
    blob: Blob | None

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.blob is None


def find(db: Connection, repo: str, commit: Commit, path: str) -> Entry | None:
    """The entry at a path ('' is the root), or None."""
    here = Entry.of(git.FOLDER, "", commit.tree)
    for part in filter(None, path.split("/")):
        if not here.is_folder:
            return None
        found = objects.tree(db, repo, here.sha1).get(part)
        if found is None:
            return None
        here = found
    return here


def file(db: Connection, repo: str, commit: Commit, path: str) -> Blob:
    """The file at a path.

    Raises:
        EntryNotFound: none, or a folder.
    """
    entry = find(db, repo, commit, path) if not git.path_fault(path) else None
    if entry is None or entry.mode in (git.FOLDER, git.MODULE):
        raise EntryNotFound(commit=commit.sha1)
    return objects.blobs(db, repo, [entry.sha1])[entry.sha1]


def text(db: Connection, repo: str, commit: Commit, path: str, most: int) -> str:
    """A small text file's content; '' where there is none, or it is large."""
    entry = find(db, repo, commit, path)
    if entry is None or entry.is_folder:
        return ""
    blob = objects.blobs(db, repo, [entry.sha1]).get(entry.sha1)
    if blob is None or blob.sha256 or blob.size_bytes > most:
        return ""
    return (objects.body(db, repo, entry.sha1) or b"").decode(errors="replace")


def listing(
    db: Connection,
    repo: str,
    commit: Commit,
    folder: str = "",
    *,
    recursive: bool = False,
    after: str = "",
    limit: int = 0,
) -> list[Item]:
    """What a folder holds, by path, byte-wise; folders before what is in them.

    Args:
        after: only paths behind this one.
        limit: so many at most; 0: all.

    Raises:
        EntryNotFound: no such folder.
    """
    top = find(db, repo, commit, folder)
    if top is None or not top.is_folder:
        raise EntryNotFound(commit=commit.sha1)
    prefix = folder.strip("/") + "/" if folder.strip("/") else ""
    pairs = _walk(db, repo, top.sha1, prefix) if recursive else _level(db, repo, top.sha1, prefix)
    chosen = sorted(
        (pair for pair in pairs if pair[0] > after), key=lambda pair: pair[0].encode(errors="surrogateescape")
    )
    return items(db, repo, chosen[:limit] if limit else chosen)


def paths(db: Connection, repo: str, commit: Commit) -> list[str]:
    """The paths of all files of a commit."""
    return [path for path, entry in _walk(db, repo, commit.tree, "") if not entry.is_folder]


def items(db: Connection, repo: str, pairs: Iterable[tuple[str, Entry]]) -> list[Item]:
    """Entries with what a listing says of their blobs."""
    pairs = list(pairs)
    blobs = objects.blobs(db, repo, [entry.sha1 for _, entry in pairs if entry.mode not in (git.FOLDER, git.MODULE)])
    return [
        Item(path, entry, blobs.get(entry.sha1) if not entry.is_folder else None)
        for path, entry in pairs
        if entry.mode != git.MODULE
    ]


def _level(db: Connection, repo: str, sha1: str, prefix: str) -> Iterator[tuple[str, Entry]]:
    for name, entry in objects.tree(db, repo, sha1).items():
        yield prefix + name, entry


def _walk(db: Connection, repo: str, sha1: str, prefix: str) -> list[tuple[str, Entry]]:
    """Everything below a folder: one query a level."""
    found: list[tuple[str, Entry]] = []
    level = [(prefix, sha1)]
    while level:
        bodies = objects.trees(db, repo, [sha1 for _, sha1 in level])
        here = [(prefix + name, entry) for prefix, sha1 in level for name, entry in bodies[sha1].items()]
        found += here
        level = [(path + "/", entry.sha1) for path, entry in here if entry.is_folder]
    return found


def last_changes(db: Connection, repo: str, commit: Commit, paths: list[str], most: int = 2000) -> dict[str, Commit]:
    """For each path the commit that made it what it is, along first parents, at most so many commits back."""
    missing = {path: find(db, repo, commit, path) for path in paths}
    found, here = {}, commit
    for _ in range(most):
        if not missing:
            break
        if not here.parents:
            found |= dict.fromkeys(missing, here)
            break
        before = objects.commit(db, repo, here.parents[0])
        if before.tree != here.tree:
            for path, entry in list(missing.items()):
                if (old := find(db, repo, before, path)) is None or entry is None or old.sha1 != entry.sha1:
                    found[path] = here
                    del missing[path]
        here = before
    return found


def differences(
    db: Connection, repo: str, old: str | None, new: str, prefix: str = ""
) -> Iterator[tuple[str, Entry | None, Entry | None]]:
    """The files that differ between two trees: (path, before, after)."""
    before = objects.tree(db, repo, old) if old else {}
    after = objects.tree(db, repo, new) if new else {}
    for name in sorted({*before, *after}):
        a, b = before.get(name), after.get(name)
        if a == b:
            continue
        below_a, below_b = (a.sha1 if a and a.is_folder else None), (b.sha1 if b and b.is_folder else None)
        if below_a or below_b:
            yield from differences(db, repo, below_a, below_b or "", f"{prefix}{name}/")
        a, b = (a if a and not a.is_folder else None), (b if b and not b.is_folder else None)
        if a or b:
            yield f"{prefix}{name}", a, b


class Draft:
    """A commit's tree that is being changed. Only folders on the way are read, only changed ones are written."""

    def __init__(self, db: Connection, repo: str, tree: str | None):
        self.db, self.repo, self.root = db, repo, _Folder(tree)

    def put(self, path: str, sha1: str) -> None:
        """Set a file.

        Raises:
            Refused: a folder stands there, or a file stands where a folder must be.
        """
        parts = path.split("/")
        folder = self.root
        for depth, part in enumerate(parts[:-1], 1):
            entries = self._entries(folder)
            below = entries.get(part)
            if below is None:
                below = folder.add(part, _Folder(None))
            elif isinstance(below, Entry) and not below.is_folder:
                raise Refused(f"{path!r} would lie below the file {'/'.join(parts[:depth])!r}")
            elif isinstance(below, Entry):
                below = entries[part] = _Folder(below.sha1)
            folder.changed = True
            folder = below
        entries = self._entries(folder)
        old = entries.get(parts[-1])
        if isinstance(old, _Folder) or (old is not None and old.is_folder):
            raise Refused(f"{path!r} is a folder; a file cannot take its place")
        mode = old.mode if old is not None and old.mode == git.EXECUTABLE else git.FILE
        folder.add(parts[-1], Entry.of(mode, parts[-1], sha1))
        folder.changed = True

    def remove(self, path: str, *, folder: bool) -> None:
        """Take out a file, or a folder with all that is in it. A folder that is left empty goes too.

        Raises:
            EntryNotFound: there is none.
        """
        fault = EntryNotFound(
            "A file with this name doesn't exist" if not folder else "A folder with this name doesn't exist"
        )
        parts = path.strip("/").split("/")
        way = [self.root]
        for part in parts[:-1]:
            entries = self._entries(way[-1])
            below = entries.get(part)
            if isinstance(below, Entry) and below.is_folder:
                below = entries[part] = _Folder(below.sha1)
            if not isinstance(below, _Folder):
                raise fault
            way.append(below)
        entries = self._entries(way[-1])
        found = entries.get(parts[-1])
        if found is None or (isinstance(found, _Folder) or found.is_folder) != folder:
            raise fault
        del entries[parts[-1]]
        for step in way:
            step.changed = True
        for depth in range(len(way) - 1, 0, -1):
            if not self._entries(way[depth]):
                del self._entries(way[depth - 1])[parts[depth - 1]]

    def find(self, path: str) -> Entry | None:
        """The file at a path, as changed so far."""
        here: _Folder | Entry | None = self.root
        for part in path.split("/"):
            if isinstance(here, Entry):
                here = _Folder(here.sha1) if here.is_folder else None
            if here is None:
                return None
            here = self._entries(here).get(part)
        return here if isinstance(here, Entry) and not here.is_folder else None

    def write(self) -> str:
        """Keep the changed folders as trees; the root's id."""
        made: list[bytes] = []
        root = self._write(self.root, made)
        objects.add_many(self.db, self.repo, "tree", made)
        return root

    def _write(self, folder: _Folder, made: list[bytes]) -> str:
        if folder.sha1 is not None and not folder.changed:
            return folder.sha1
        entries = {}
        for name, entry in self._entries(folder).items():
            if isinstance(entry, _Folder):
                if not self._entries(entry):
                    continue
                entry = Entry.of(git.FOLDER, name, self._write(entry, made))
            entries[name] = entry
        # all but the new ones stand in git's order already, and a folder may have ten thousand
        ordered = [entry for name, entry in entries.items() if name not in folder.new]
        if len(folder.new) > 100:
            ordered = sorted(entries.values(), key=lambda entry: entry.order)
        else:
            for name in folder.new & entries.keys():
                insort(ordered, entries[name], key=lambda entry: entry.order)
        made.append(b"".join(entry.line for entry in ordered))
        sha1 = git.object_id("tree", made[-1])
        objects.TREES.keep(self.repo, sha1, {entry.name: entry for entry in ordered})
        return sha1

    def _entries(self, folder: _Folder) -> dict[str, Entry | _Folder]:
        if folder.entries is None:
            folder.entries = dict(objects.tree(self.db, self.repo, folder.sha1)) if folder.sha1 else {}
        return folder.entries


class _Folder:
    """A folder of a draft: `entries` is None until it is looked into, `new` are the names that were added since."""

    def __init__(self, sha1: str | None):
        self.sha1, self.changed = sha1, sha1 is None
        self.entries: dict[str, Entry | _Folder] | None = None if sha1 else {}
        self.new: set[str] = set()

    def add(self, name: str, entry: T) -> T:
        """Set an entry; its folder has been looked into."""
        assert self.entries is not None
        if name not in self.entries:
            self.new.add(name)
        self.entries[name] = entry
        return entry
