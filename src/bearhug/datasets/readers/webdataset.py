"""WebDataset: tar archives in which the files of one name, with different endings, are one row."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from bearhug.datasets.arrow import column
from bearhug.datasets.features import Features
from bearhug.datasets.readers import decompressed, media, safe_member

ARCHIVES = False  # the tar archive itself is the format: its members are not files of their own
ROWS = 100
SEEN = 5  # the first rows, which say what the columns are
NAME = re.compile(r"((?:.*/|)[^.]+)[.]([^/]*)")


def _arrays(data: bytes) -> Any:
    import numpy

    found = numpy.load(io.BytesIO(data), allow_pickle=False)
    return dict(found) if hasattr(found, "files") else found


def _package(name: str, how: str) -> Callable[[bytes], Any]:
    def decode(data: bytes) -> Any:
        from importlib import import_module

        try:
            module = import_module(name)
        except ImportError:
            raise ImportError(f"Fields of this kind need {name}: pip install {name}") from None
        return getattr(module, how)(data)

    return decode


def _tensors(data: bytes) -> Any:
    import torch  # the one kind of field that holds tensors

    return torch.load(io.BytesIO(data), weights_only=True)


def _text(data: bytes) -> str:
    return data.decode("utf-8")


DECODERS: dict[str, Callable[[bytes], Any]] = {
    **dict.fromkeys(("txt", "text", "transcript"), _text),
    **dict.fromkeys(("cls", "cls2", "index", "inx", "id"), int),
    **dict.fromkeys(("json", "jsn"), json.loads),
    **dict.fromkeys(("mp", "msg"), _package("msgpack", "unpackb")),
    **dict.fromkeys(("npy", "npz"), _arrays),
    "cbor": _package("cbor", "loads"),
    "pth": _tensors,
}


def read(file: Any, name: str, features: Features | None = None) -> Iterator[pa.Table]:
    """A tar archive -> tables of 100 rows: a column for each ending, then `__key__` and `__url__`.

    Text, numbers, JSON and arrays are decoded; pictures, sounds and films become media features; the rest is bytes.

    Raises:
        ValueError: the archive's files do not share names and endings as WebDataset's do, or one comes twice.
    """
    rows = _rows(file, name)
    first = [row for _, row in zip(range(SEEN), rows, strict=False)]
    if not first:
        return
    if features is None:
        if any(row.keys() != first[0].keys() for row in first):
            raise ValueError(
                f"{name!r} is not in the WebDataset format: the files in the archive don't share the same prefix or "
                f"the same types. The first rows have {', '.join(sorted({str(list(row)) for row in first}))}."
            )
        media_features = {
            one: feature for one in first[0] if (feature := media.by_ending(one.rsplit(".", 1)[-1].lower()))
        }
        names = list(first[0])
    else:
        media_features = {one: feature for one, feature in features.items() if media.is_media(feature)}
        names = list(features)
    waiting = first
    while waiting:
        arrays, made = {}, {}
        for one in names:
            values = [row.get(one) for row in waiting]
            if one in media_features:
                values = [
                    None if value is None else {"path": f"{row['__key__']}.{one}", "bytes": value}
                    for value, row in zip(values, waiting, strict=True)
                ]
                made[one] = media_features[one]
                arrays[one] = pa.array(values, media.STORAGE)
            else:
                arrays[one], made[one] = column(values, (features or {}).get(one), name=one, mixed="use_json")
        yield pa.table(list(arrays.values()), schema=Features(made).arrow_schema)
        waiting = [row for _, row in zip(range(ROWS), rows, strict=False)]


def _rows(file: Any, name: str) -> Iterator[dict]:
    current: dict = {}
    with tarfile.open(fileobj=file, mode="r|") as archive:
        for member in archive:
            if not member.isfile():
                continue
            safe_member(member.name, name)
            match = NAME.fullmatch(member.name)
            if not match or any(part.startswith((".", "__")) for part in member.name.split("/")):
                continue
            key, field = match.groups()
            if current and current["__key__"] != key:
                yield _ordered(current)
                current = {}
            if field in current:
                raise ValueError(f"Duplicate field {field!r} for sample {key!r} in TAR archive {name!r}")
            current.update({"__key__": key, "__url__": name})
            opened = archive.extractfile(member)
            assert opened is not None
            data = opened.read()
            kind = field.lower()
            if kind.rsplit(".", 1)[-1] in ("gz", "bz2", "xz", "zst", "lz4"):
                data = decompressed(data) if not kind.endswith("gz") else gzip.decompress(data)
                kind = kind.rsplit(".", 1)[0]
            decode = DECODERS.get(kind.rsplit(".", 1)[-1])
            try:
                current[field] = decode(data) if decode else data
            except ImportError:
                raise
            except (ValueError, EOFError, KeyError) as error:
                raise ValueError(f"{name!r}: {member.name!r} cannot be read as {kind!r}: {error}") from None
    if current:
        yield _ordered(current)


def _ordered(row: dict) -> dict:
    """The row with its key and archive last."""
    return {**{one: row[one] for one in row if not one.startswith("__")}, **{o: row[o] for o in ("__key__", "__url__")}}
