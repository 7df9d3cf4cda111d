"""git's own objects as bytes: blobs, trees, commits, tags and LFS pointers. Pure functions, no storage.

The format is that of git's documentation: an object's id is the SHA-1 of `kind SP length NUL body`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

FILE, EXECUTABLE, LINK, FOLDER, MODULE = "100644", "100755", "120000", "40000", "160000"
NOTHING = "0" * 40


class Entry(NamedTuple):
    """One line of a tree: the mode as git writes it, the name, the id of what it names, and the line's bytes."""

    mode: str
    name: str
    sha1: str
    line: bytes

    @classmethod
    def of(cls, mode: str, name: str, sha1: str) -> Entry:
        """An entry with its line."""
        return cls(mode, name, sha1, b"%s %s\0%s" % (mode.encode(), name.encode(), bytes.fromhex(sha1)))

    @property
    def is_folder(self) -> bool:
        """Whether it names another tree."""
        return self.mode == FOLDER

    @property
    def order(self) -> bytes:
        """What git sorts by: the name, a folder's as if it ended in a slash."""
        return self.name.encode(errors="surrogateescape") + (b"/" if self.is_folder else b"")


class Pointer(NamedTuple):
    """What an LFS pointer file says of the large file it stands for."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Commit:
    """A commit, read."""

    sha1: str
    tree: str
    parents: tuple[str, ...]
    author: str
    date: datetime
    message: str

    @property
    def title(self) -> str:
        """The message's first line."""
        return self.message.split("\n", 1)[0]

    @property
    def description(self) -> str:
        """The message after its first line."""
        return self.message.partition("\n")[2].strip("\n")


def object_id(kind: str, body: bytes) -> str:
    """The 40 hex digits that git gives an object."""
    digest = hashlib.sha1(b"%s %d\0" % (kind.encode(), len(body)), usedforsecurity=False)
    digest.update(body)
    return digest.hexdigest()


def tree_bytes(entries: Iterable[Entry]) -> bytes:
    """A tree's body."""
    return b"".join(entry.line for entry in sorted(entries, key=lambda entry: entry.order))


def read_tree(body: bytes) -> dict[str, Entry]:
    """name -> entry of a tree's body, in its order."""
    entries, at = {}, 0
    while at < len(body):
        space = body.index(b" ", at)
        end = body.index(b"\0", space)
        name = body[space + 1 : end].decode(errors="surrogateescape")
        last = end + 21
        entries[name] = Entry(body[at:space].decode(), name, body[end + 1 : last].hex(), body[at:last])
        at = last
    return entries


def commit_bytes(tree: str, parents: Iterable[str], author: str, email: str, when: datetime, message: str) -> bytes:
    """A commit's body; author and committer are one, the time zone is UTC."""
    who = _person(author, email, when)
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents), f"author {who}", f"committer {who}"]
    return ("\n".join(lines) + "\n\n" + message.replace("\0", "").rstrip("\n") + "\n").encode()


def read_commit(sha1: str, body: bytes) -> Commit:
    """Read a commit's body."""
    head, _, message = body.decode(errors="replace").partition("\n\n")
    fields: dict[str, list[str]] = {}
    for line in head.split("\n"):
        key, _, value = line.partition(" ")
        fields.setdefault(key, []).append(value)
    author = re.match(r"(.*?) ?<[^>]*> (-?\d+)", fields.get("author", [""])[0])
    name, seconds = (author[1], int(author[2])) if author else ("", 0)
    when = datetime.fromtimestamp(seconds, UTC)
    return Commit(sha1, fields["tree"][0], tuple(fields.get("parent", ())), name, when, message.rstrip("\n"))


def tag_bytes(target: str, name: str, tagger: str, email: str, when: datetime, message: str) -> bytes:
    """An annotated tag's body, for a commit."""
    head = f"object {target}\ntype commit\ntag {name}\ntagger {_person(tagger, email, when)}\n\n"
    return (head + message.replace("\0", "").rstrip("\n") + "\n").encode()


def tag_target(body: bytes) -> str:
    """The id of what an annotated tag stands on."""
    return body[len("object ") : len("object ") + 40].decode()


def _person(name: str, email: str, when: datetime) -> str:
    plain = re.sub(r"[<>\x00-\x1f]", "", name)  # neither a line of its own nor another address
    return f"{plain} <{email}> {int(when.timestamp())} +0000"


POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize (\d{1,15})\n"
)


def pointer_bytes(sha256: str, size_bytes: int) -> bytes:
    """The file that stands in a tree for a large file."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size_bytes}\n".encode()


def read_pointer(body: bytes) -> Pointer | None:
    """What a blob points to, or None where it is no LFS pointer."""
    match = POINTER.fullmatch(body) if len(body) < 1024 else None
    return Pointer(match[1].decode(), int(match[2])) if match else None


def path_fault(path: str) -> str | None:
    """Why a path may not stand in a repository, or None where it may."""
    if not isinstance(path, str) or not path:
        return "a path is empty"
    if len(path.encode(errors="surrogatepass")) > 4096:
        return "a path is longer than 4096 bytes"
    if any(
        ord(letter) < 32 or ord(letter) == 127 or letter == "\\" or 0xD800 <= ord(letter) < 0xE000 for letter in path
    ):
        return f"the path {path!r} holds a backslash or a control character"
    for part in path.split("/"):
        if part in ("", ".", "..") or part.lower() == ".git":
            return f"the path {path!r} holds the segment {part!r}"
        if len(part.encode()) > 255:
            return f"a segment of the path {path[:80]!r}... is longer than 255 bytes"
    return None


REF = re.compile(r"[^\x00-\x20\x7f~^:?*\[\\]+")


def ref_fault(name: str) -> str | None:
    """Why a branch or tag may not be called this, by git's own rules; None where it may."""
    bad = (
        not REF.fullmatch(name)
        or len(name.encode()) > 250
        or name.startswith(("/", "-", "refs/"))
        or name.endswith(("/", "."))
        or any(piece in name for piece in ("..", "//", "@{"))
        or name in ("@", "HEAD")
        or any(part.startswith(".") or part.endswith(".lock") for part in name.split("/"))
        or re.fullmatch(r"[0-9a-f]{40}", name)
    )
    return f"{name!r} is no name for a branch or a tag" if bad else None
