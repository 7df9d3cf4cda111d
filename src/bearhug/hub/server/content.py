"""A file's bytes, wherever they are: in git's objects, whole in the object folder, or as chunks of xorbs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

from sqlalchemy import Connection

from bearhug.hub.server import xet
from bearhug.hub.server.git import Commit
from bearhug.hub.server.hub import Hub
from bearhug.hub.server.objects import ObjectFolder
from bearhug.hub.server.queries import files, objects, trees
from bearhug.hub.server.queries.objects import Blob

PIECE = 2**20
MOST_HEADER = 16 * 2**20


def content(
    hub: Hub, repo: str, blob: Blob, start: int = 0, end: int | None = None, *, within: Connection | None = None
) -> Iterator[bytes]:
    """The bytes start..end (exclusive) of a file, in pieces. `within`: a transaction that may have made it."""
    end = blob.size_bytes if end is None else min(end, blob.size_bytes)
    if start >= end:
        return
    if blob.sha256 is None:
        with _looking(hub, within) as db:
            body = objects.body(db, repo, blob.sha1) or b""
        yield body[start:end]
        return
    with _looking(hub, within) as db:
        large = files.find(db, blob.sha256)
        assert large is not None, f"large file {blob.sha256} is missing"
        terms = files.terms(db, large.xet_hash) if large.xet_hash and not large.is_whole else []
    if large.is_whole:
        yield from _whole(hub.objects, large.sha256, start, end)
    else:
        yield from rebuilt(hub, terms, start, end)


def _looking(hub: Hub, within: Connection | None) -> AbstractContextManager[Connection]:
    return nullcontext(within) if within is not None else hub.db.read()


def rebuilt(hub: Hub, terms: list[xet.Term], start: int, end: int) -> Iterator[bytes]:
    """The bytes start..end of a file that is kept as chunks."""
    at, tables = 0, {}
    for term in terms:
        if at >= end:
            return
        if at + term.unpacked_bytes > start:
            if term.xorb not in tables:
                tables = dict(list(tables.items())[-3:])  # a table may be 320 KB; neighbours often share one
                with hub.db.read() as db:
                    tables[term.xorb] = files.chunks(db, term.xorb)
            yield from _unpacked(hub.objects, term, tables[term.xorb], at, start, end)
        at += term.unpacked_bytes


def _unpacked(
    store: ObjectFolder, term: xet.Term, chunks: list[xet.Chunk], at: int, start: int, end: int
) -> Iterator[bytes]:
    """What of start..end lies in a term that begins at `at`."""
    with open(store.path("xorbs", term.xorb), "rb") as file:
        for number in range(term.start, term.end):
            before = chunks[number - 1] if number else xet.Chunk(b"", 0, 0)
            length = chunks[number].unpacked_end - before.unpacked_end
            if at >= end:
                return
            if at + length > start:
                file.seek(before.stored_end)
                record = file.read(chunks[number].stored_end - before.stored_end)
                data = xet.unpack(record[8:], record[4], length)
                yield data[max(0, start - at) : end - at]
            at += length


def _whole(store: ObjectFolder, sha256: str, start: int, end: int) -> Iterator[bytes]:
    with open(store.path("files", sha256), "rb") as file:
        file.seek(start)
        while start < end and (piece := file.read(min(PIECE, end - start))):
            start += len(piece)
            yield piece


def safetensors_header(hub: Hub, db: Connection, repo: str, commit: Commit, path: str) -> dict | None:
    """The header of a safetensors file, or None where it is no such file."""
    entry = trees.find(db, repo, commit, path)
    blob = objects.blobs(db, repo, [entry.sha1]).get(entry.sha1) if entry and not entry.is_folder else None
    if blob is None or blob.size_bytes < 8:
        return None
    length = int.from_bytes(b"".join(content(hub, repo, blob, 0, 8, within=db)), "little")
    if not 2 <= length <= min(MOST_HEADER, blob.size_bytes - 8):
        return None
    try:
        header = json.loads(b"".join(content(hub, repo, blob, 8, 8 + length, within=db)))
    except (ValueError, RecursionError):
        return None
    return header if isinstance(header, dict) else None
