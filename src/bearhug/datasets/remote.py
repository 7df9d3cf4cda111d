"""Files that lie elsewhere: https://, hf://, memory://, s3:// and whatever else fsspec reaches, also inside archives
(`zip://*.csv::https://...`). Their names are listed, their bytes read as they come, or fetched once into the cache.
"""

from __future__ import annotations

import hashlib
import io
import os
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from bearhug._lib.files import replacing

HTTP = ("http://", "https://")
BLOCK = 1 << 20
TRIES = 5  # how often a broken connection is taken up again


def is_remote(path: str | os.PathLike) -> bool:
    """Whether a path is an address (`scheme://...`) and not a file of this machine."""
    text = os.fspath(path)
    return "://" in text and not text.startswith("file://")


def expand(pattern: str, options: dict | None = None, token: Any = None) -> list[str]:
    """The addresses that one address with wildcards stands for.

    Raises:
        FileNotFoundError: there is none.
        OSError: the place cannot be reached.
    """
    if pattern.startswith(HTTP):
        return [pattern]
    if pattern.startswith("hf://"):
        return _of_the_hub(pattern, token)
    filesystem, place = _filesystem(pattern, options, token)
    first, _, rest = pattern.partition("::")
    scheme = first.split("://")[0]
    found = filesystem.glob(place) if any(mark in place for mark in "*?[") else [place]
    kept = [one for one in sorted(found) if not filesystem.isdir(one)] if len(found) != 1 or found[0] != place else None
    if kept is None:
        kept = (
            sorted(filesystem.find(place)) if filesystem.isdir(place) else [place] if filesystem.exists(place) else []
        )
    if not kept:
        raise FileNotFoundError(f"Unable to find '{pattern}'.")
    return [f"{scheme}://{one.lstrip('/') if scheme == 'zip' else one}" + (f"::{rest}" if rest else "") for one in kept]


def below(folder: str, options: dict | None = None) -> list[str]:
    """All files below a remote folder, relative, sorted."""
    filesystem, place = _filesystem(folder, options)
    place = place.rstrip("/")
    return sorted(one[len(place) :].lstrip("/") for one in filesystem.find(place))


def stamp(address: str, options: dict | None = None, token: Any = None) -> str:
    """What tells one version of a remote file from another: its ETag, its time and size.

    Raises:
        OSError: the file cannot be reached.
    """
    if not address.startswith(HTTP):
        filesystem, place = _filesystem(address, options, token)
        return str(filesystem.checksum(place))
    with _request(address, token, method="HEAD") as answer:
        known = [answer.headers.get(name) for name in ("ETag", "Last-Modified", "Content-Length")]
    return "|".join(one or "" for one in known)


def fetch(address: str, cache: Path, options: dict | None = None, token: Any = None, *, fresh: bool = False) -> Path:
    """A remote file in the cache: fetched where it is not there yet, or has changed.

    Without a network the copy that was fetched last is taken.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be reached, and was never fetched.
    """
    from bearhug.hub.reach import offline

    home = cache / "downloads" / _digest(address)
    latest = home / "latest"
    name = Path(urllib.parse.urlparse(address.split("::")[0]).path).name or "data"
    old = home / latest.read_text("utf-8") / name if latest.is_file() else None
    old = old if old is not None and old.is_file() else None
    local = address.startswith(("memory://", "file://"))
    try:
        if offline() and not local:
            raise ConnectionError("the network is switched off (HF_HUB_OFFLINE)")
        version = _digest(stamp(address, options, token))
    except urllib.error.HTTPError as error:
        raise _http(address, error) from None
    except FileNotFoundError:
        raise
    except OSError as error:
        if old is not None and not fresh:
            return old
        raise ConnectionError(f"Couldn't reach {address!r}, and it is not in the cache: {error}") from None
    path = home / version / name
    if fresh or not path.is_file():
        with open_remote(address, options, token) as source, replacing(path) as file:
            while block := source.read(BLOCK):
                file.write(block)
    if old != path:
        with replacing(latest, "w", encoding="utf-8") as file:
            file.write(version)
    return path


def open_remote(address: str, options: dict | None = None, token: Any = None) -> io.BufferedReader:
    """A remote file, read as it comes; it can be sought in, and a broken connection is taken up again.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be reached.
    """
    if address.startswith(HTTP):
        return io.BufferedReader(_Web(address, token), BLOCK)
    filesystem, place = _filesystem(address, options, token)
    return io.BufferedReader(_Raw(filesystem.open(place, "rb"), filesystem), BLOCK)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _filesystem(address: str, options: dict | None, token: Any = None) -> tuple[Any, str]:
    """The fsspec file system of an address, and the place in it; each scheme takes its own options, or all."""
    import fsspec.core

    *outer, last = address.split("::")
    if outer and last.startswith(HTTP):  # fsspec's own way there needs one more library
        from bearhug.datasets.prepare import cache_folder

        last = str(fetch(last, cache_folder(), options, token))
    given = options or {}
    schemes = {hop.split("://")[0] for hop in (*outer, last) if "://" in hop}
    named = {scheme: given[scheme] for scheme in schemes if isinstance(given.get(scheme), dict)}
    common = {key: value for key, value in given.items() if not isinstance(value, dict)}
    hops = "::".join((*outer, last))
    if outer:
        return fsspec.core.url_to_fs(hops, **named)
    scheme = next(iter(schemes), "")
    return fsspec.core.url_to_fs(hops, **named.get(scheme, common))


def _of_the_hub(pattern: str, token: Any) -> list[str]:
    """hf://datasets/user/name[@revision]/path, also with wildcards -> the local files."""
    from bearhug.datasets.patterns import is_glob, matching
    from bearhug.hub.client import open_repo

    kinds = {"datasets": "dataset", "spaces": "space"}
    first, *parts = pattern.removeprefix("hf://").split("/")
    kind = kinds.get(first, "model")
    parts = parts if first in kinds else [first, *parts]
    if len(parts) < 3:
        raise FileNotFoundError(f"{pattern!r} names no file; write hf://datasets/user/name/folder/file.csv.")
    name, _, revision = parts[1].partition("@")
    repo = open_repo(f"{parts[0]}/{name}", repo_type=kind, revision=urllib.parse.unquote(revision) or None, token=token)
    inner = "/".join(parts[2:])
    names = matching(inner, repo.files()) if is_glob(inner) else [inner]
    paths = [repo.path(one) for one in names]
    if not paths or None in paths:
        raise FileNotFoundError(f"Unable to find '{pattern}'.")
    return [str(one) for one in paths]


def _request(address: str, token: Any, *, method: str = "GET", start: int = 0) -> Any:
    from bearhug.hub.client import _token
    from bearhug.hub.reach import endpoint

    headers = {"User-Agent": "bearhug"}
    if start:
        headers["Range"] = f"bytes={start}-"
    if address.startswith(endpoint() + "/") and (given := _token(token)):
        headers["Authorization"] = f"Bearer {given}"
    return urllib.request.urlopen(urllib.request.Request(address, headers=headers, method=method), timeout=30)


def _http(address: str, error: urllib.error.HTTPError) -> OSError:
    if error.code in (404, 410):
        return FileNotFoundError(f"Couldn't find file at {address} (HTTP {error.code}).")
    return ConnectionError(f"{address} answers {error.code} {error.reason}.")


class _Web(io.RawIOBase):
    """A file at an http address, as bytes from any place on."""

    def __init__(self, address: str, token: Any):
        self.address, self.token = address, token
        self.place, self.length = 0, -1
        self.answer: Any = None
        self._connect()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self.length >= 0

    def tell(self) -> int:
        return self.place

    def seek(self, offset: int, whence: int = 0) -> int:
        place = offset + (0 if whence == 0 else self.place if whence == 1 else self.length)
        if place != self.place:
            self._leave()
            self.place = place
        return place

    def readinto(self, buffer: Any) -> int:
        if 0 <= self.length <= self.place:
            return 0
        for left in reversed(range(TRIES)):
            try:
                count = self._connected().readinto(buffer)
                if not count and 0 <= self.place < self.length:
                    raise ConnectionError("the connection ended in the middle of the file")
                self.place += count
                return count
            except FileNotFoundError:
                raise
            except OSError as error:
                self._leave()
                if not left:
                    raise ConnectionError(f"{self.address}: {error} (at byte {self.place})") from None
        return 0

    def _connected(self) -> Any:
        if self.answer is None:
            self._connect()
        return self.answer

    def _connect(self) -> None:
        try:
            self.answer = _request(self.address, self.token, start=self.place)
        except urllib.error.HTTPError as error:
            raise _http(self.address, error) from None
        length = self.answer.headers.get("Content-Length")
        partly = self.answer.status == 206
        if self.length < 0 and length is not None:
            self.length = int(length) + (self.place if partly else 0)
        skip = 0 if partly else self.place  # a server that does not know of ranges
        while skip and (gone := len(self.answer.read(min(skip, BLOCK)))):
            skip -= gone

    def _leave(self) -> None:
        if self.answer is not None:
            self.answer.close()
        self.answer = None

    def close(self) -> None:
        self._leave()
        super().close()


class _Raw(io.RawIOBase):
    """Any readable object as a raw stream; keeps its file system, whose end would close an archive."""

    def __init__(self, file: Any, filesystem: Any):
        self.file, self.filesystem = file, filesystem

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(getattr(self.file, "seekable", lambda: False)())

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def readinto(self, buffer: Any) -> int:
        data = self.file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self.file.close()
        super().close()
