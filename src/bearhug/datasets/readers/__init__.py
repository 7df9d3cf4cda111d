"""Formats: each module's `read(file, features, **options)` yields Arrow tables; here is which module reads which file.

A reader gets an open binary file (decompressed already) with its name, and yields tables of bounded size. Its
keyword arguments are the options that `load_dataset` takes for the format.
"""

from __future__ import annotations

import inspect
import io
import os
from collections.abc import Callable, Iterator
from functools import cache
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
    ".geoparquet": ("parquet", {}),
    ".gpq": ("parquet", {}),
    ".arrow": ("arrow", {}),
    ".txt": ("text", {}),
    ".conll": ("conll", {}),
    ".conllu": ("conll", {"comment_prefix": "#"}),
    ".tar": ("webdataset", {}),
    ".xml": ("xml", {}),
    ".hdf5": ("hdf5", {}),
    ".h5": ("hdf5", {}),
    ".lance": ("lance", {}),
}
# folders of files, by the files' endings; where two share one, the last has it
FOLDERS: dict[str, list[str]] = {
    kind: [f".{one}" for one in endings.split()]
    for kind, endings in {
        "imagefolder": """blp bmp dib bufr cur pcx dcx dds ps eps fit fits fli flc ftc ftu gbr gif grib h5 hdf png apng
        jp2 j2k jpc jpf jpx j2c icns ico im iim tif tiff jfif jpe jpg jpeg mpg mpeg msp pcd pxr pbm pgm ppm pnm
        psd bw rgb rgba sgi ras tga icb vda vst webp wmf emf xbm xpm""",
        "audiofolder": """aiff au avr caf flac htk svx mat4 mat5 mpc2k ogg paf pvf raw rf64 sd2 sds ircam voc w64 wav
        nist wavex wve xi mp3 opus 3gp 3g2 avi asf flv mp4 mov m4v mkv mpg webm f4v wmv wma ogm mxf nut""",
        "videofolder": "mkv mp4 avi mpeg mov",
        "pdffolder": "pdf",
    }.items()
}
OTHERS = dict(ENDINGS)
ENDINGS.update({ending: (kind, {}) for kind, endings in FOLDERS.items() for ending in endings})
ENDINGS.update(OTHERS)
METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
BESIDE = (".manifest", ".txn", ".idx")  # files that belong to a format's folders, and say nothing of the format
FORMATS = ("csv", "json", "parquet", "text", "arrow", "xml", "conll", "sql", "webdataset", "hdf5", "lance", *FOLDERS)
MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip"}


def module_of(kind: str) -> Any:
    """The module that reads a format.

    Raises:
        ValueError: there is no such format.
    """
    if kind not in FORMATS:
        raise ValueError(f"there is no format {kind!r}.{near(kind, FORMATS)} There are: {', '.join(FORMATS)}.")
    if kind in FOLDERS:
        return import_module(f"{__name__}.folder").Folder(kind)
    return import_module(f"{__name__}.{kind}")


def reader(kind: str) -> Callable[..., Iterator[Any]]:
    """The `read` of a format."""
    return module_of(kind).read


@cache
def options_of(kind: str) -> dict[str, Any]:
    """The options that a format takes, with their defaults."""
    known = inspect.signature(reader(kind)).parameters
    return {name: one.default for name, one in known.items() if name not in ("file", "name", "features")}


def check_options(kind: str, options: dict) -> None:
    """Raises TypeError for an option that the format does not take."""
    known = options_of(kind)
    for name in options:
        if name not in known:
            raise unexpected_keyword(f"load_dataset({kind!r})", name, known)


def endings_of(kind: str) -> list[str]:
    """The endings (or whole names) of a format's files, and of archives that may hold them."""
    if kind in FOLDERS:
        return [*FOLDERS[kind], ".zip", *METADATA]
    return [ending for ending, (one, _) in ENDINGS.items() if one == kind] + [".zip", *BESIDE * (kind == "lance")]


def open_files(path: Path | str, kind: str, opened: Any = None) -> Iterator[tuple[str, Any]]:
    """A file, decompressed as its first bytes say (gz, bz2, xz, zst); of a zip or tar archive each file in it.

    Args:
        opened: the open file, where it does not lie on this machine.

    Raises:
        ValueError: an archive names a file outside of itself.
    """
    with opened if opened is not None else open(path, "rb") as file:
        yield from _unpacked(str(path), file, kind)


def _unpacked(name: str, file: Any, kind: str) -> Iterator[tuple[str, Any]]:
    head = file.peek(6)[:6]
    packed = next((packed for magic, packed in MAGIC.items() if head.startswith(magic)), None)
    if packed == "zip":
        import zipfile

        with zipfile.ZipFile(file) as archive:
            names = [one for one in sorted(archive.namelist()) if not one.endswith("/") and _is_data(one)]
            for one in _of_kind(names, kind):
                safe_member(one, name)
                with archive.open(one) as inner:
                    yield from _unpacked(f"{name}/{one}", io.BufferedReader(inner), kind)  # pyright: ignore[reportArgumentType]
    elif packed == "zstd":
        with io.BufferedReader(_Zstd(file), 1 << 20) as inner:
            yield from _members(name, inner, kind)
    elif packed is not None:
        module = import_module({"gzip": "gzip", "bz2": "bz2", "xz": "lzma"}[packed])
        with module.open(file, "rb") as inner:
            yield from _members(name, inner, kind)
    else:
        yield from _members(name, file, kind)


def _members(name: str, file: Any, kind: str) -> Iterator[tuple[str, Any]]:
    """The files of a tar archive, or the one that this is."""
    stem = Path(name).name.lower()
    if not (".tar" in stem or stem.endswith(".tgz")) or not getattr(module_of(kind), "ARCHIVES", True):
        yield name, file
        return
    import tarfile

    with tarfile.open(fileobj=file, mode="r|") as archive:
        for member in archive:
            if member.isfile() and _is_data(member.name):
                safe_member(member.name, name)
                inner = archive.extractfile(member)
                assert inner is not None
                yield from _unpacked(f"{name}/{member.name}", io.BufferedReader(io.BytesIO(inner.read())), kind)


def members(path: Path) -> list[str]:
    """The names of the data files in a zip archive."""
    import zipfile

    with zipfile.ZipFile(path) as archive:
        return [one for one in sorted(archive.namelist()) if not one.endswith("/") and _is_data(one)]


def _is_data(member: str) -> bool:
    return not any(part.startswith((".", "__")) and part not in (".", "..") for part in member.split("/"))


def _of_kind(names: list[str], kind: str) -> list[str]:
    """The members with an ending of the format; all where none has one."""
    known = set(endings_of(kind))
    return [one for one in names if any("." + part.lower() in known for part in Path(one).name.split(".")[1:])] or names


def safe_member(member: str, archive: str) -> None:
    """Raises ValueError for a name that leads out of its archive."""
    if member.startswith(("/", "\\")) or ".." in Path(member.replace("\\", "/")).parts:
        raise ValueError(f"{archive!r} holds a file named {member!r}, which leads out of the archive; it is not read.")


def decompressed(data: bytes) -> bytes:
    """Bytes without their compression, which their first bytes name."""
    file = io.BytesIO(data)
    return next(inner.read() for _, inner in _unpacked("data", io.BufferedReader(file), "text"))  # pyright: ignore[reportArgumentType]


def native(file: Any) -> Any:
    """What Arrow reads best: a map of the file where it is a plain one, else the file as it is."""
    plain = isinstance(file, io.BufferedReader) and isinstance(file.raw, io.FileIO)
    if plain and isinstance(file.name, str | os.PathLike) and os.path.getsize(file.name):
        import pyarrow as pa

        return pa.memory_map(os.fspath(file.name))
    return file


class _Zstd(io.RawIOBase):
    """What a zstd file holds; going back in it begins anew."""

    def __init__(self, file: Any):
        self.file = file
        self._begin()

    def _begin(self) -> None:
        import pyarrow as pa

        self.file.seek(0) if self.file.seekable() else None
        self.stream = pa.CompressedInputStream(pa.PythonFile(self.file, "r"), "zstd")
        self.place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self.file.seekable()

    def tell(self) -> int:
        return self.place

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence != 0:
            raise OSError("a compressed file can only be sought in from its beginning.")
        if offset < self.place:
            self._begin()
        while self.place < offset and (gone := len(self.stream.read(min(offset - self.place, 1 << 20)))):
            self.place += gone
        return self.place

    def readinto(self, buffer: Any) -> int:
        data = self.stream.read(len(buffer))
        buffer[: len(data)] = data
        self.place += len(data)
        return len(data)
