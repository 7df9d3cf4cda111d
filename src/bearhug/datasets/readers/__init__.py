"""Formats: each module's `read(file, features, **options)` yields Arrow tables; here is which module reads which file.

A reader gets an open binary file (decompressed already) with its name, and yields tables of bounded size. Its
keyword arguments are the options that `load_dataset` takes for the format.
"""

from __future__ import annotations

import inspect
import io
import os
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from bearhug._lib.errors import near, unexpected_keyword

# an ending -> its format, and options that go with it
ENDINGS: dict[str, tuple[str, dict]] = {
    ".csv": ("csv", {}),
    ".tsv": ("csv", {"sep": "\t"}),
    ".json": ("json", {}),
    ".jsonl": ("json", {}),
    ".ndjson": ("json", {}),
    ".parquet": ("parquet", {}),
    ".arrow": ("arrow", {}),
    ".txt": ("text", {}),
}
FORMATS = ("csv", "json", "parquet", "text", "arrow")
MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip"}


def reader(kind: str) -> Callable[..., Iterator[Any]]:
    """The `read` of a format.

    Raises:
        ValueError: there is no such format.
    """
    if kind not in FORMATS:
        raise ValueError(f"there is no format {kind!r}.{near(kind, FORMATS)} There are: {', '.join(FORMATS)}.")
    return import_module(f"{__name__}.{kind}").read


def check_options(kind: str, options: dict) -> None:
    """Raises TypeError for an option that the format does not take."""
    known = [name for name in inspect.signature(reader(kind)).parameters if name not in ("file", "name", "features")]
    for name in options:
        if name not in known:
            raise unexpected_keyword(f"load_dataset({kind!r})", name, known)


def open_files(path: Path) -> Iterator[tuple[str, Any]]:
    """A file, decompressed as its first bytes say (gz, bz2, xz, zst); of a zip archive each file in it."""
    with open(path, "rb") as file:
        head = file.read(6)
        kind = next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), None)
        file.seek(0)
        if kind is None:
            yield str(path), file
        elif kind == "zip":
            import zipfile

            with zipfile.ZipFile(file) as archive:
                for one in sorted(archive.namelist()):
                    if not one.endswith("/") and not Path(one).name.startswith((".", "__")):
                        with archive.open(one) as inner:
                            yield f"{path}/{one}", inner
        elif kind == "zstd":
            import pyarrow as pa

            with pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd") as inner:
                yield str(path), _Buffered(inner)
        else:
            module = import_module({"gzip": "gzip", "bz2": "bz2", "xz": "lzma"}[kind])
            with module.open(file, "rb") as inner:
                yield str(path), inner


def native(file: Any) -> Any:
    """What Arrow reads best: a map of the file where it is a plain one, else the file as it is."""
    if isinstance(file, io.BufferedReader) and isinstance(file.name, str | os.PathLike) and os.path.getsize(file.name):
        import pyarrow as pa

        return pa.memory_map(os.fspath(file.name))
    return file


class _Buffered:
    """An Arrow stream with `readline`, which it lacks."""

    def __init__(self, stream: Any):
        self.stream, self.rest = stream, b""

    def read(self, size: int = -1) -> bytes:
        if size is None or size < 0:
            out, self.rest = self.rest + self.stream.read(), b""
            return out
        while len(self.rest) < size and (more := self.stream.read(max(size, 1 << 20))):
            self.rest += more
        out, self.rest = self.rest[:size], self.rest[size:]
        return out

    def readline(self) -> bytes:
        while b"\n" not in self.rest and (more := self.stream.read(1 << 20)):
            self.rest += more
        end = self.rest.find(b"\n") + 1 or len(self.rest)
        out, self.rest = self.rest[:end], self.rest[end:]
        return out

    def readable(self) -> bool:
        return True

    @property
    def closed(self) -> bool:
        return self.stream.closed
