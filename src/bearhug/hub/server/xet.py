"""Xet's formats: hashes, xorbs (chunks packed together) and shards (which chunks make which file). Pure functions.

A file is a list of chunks, cut where its content says; chunks travel and are kept in xorbs. A hash as text is its 32
bytes as four little-endian numbers of 16 hex digits each. Everything here reads bytes from strangers: nothing is
allocated for what a body merely claims.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, NamedTuple

import blake3
import lz4.frame

CHUNK_KEY = bytes.fromhex("6697f5775b9550de3135cbaca597181c9de421109beb2b58b4d0b04b93adf229")
NODE_KEY = bytes.fromhex("017ec5c7a5472996fd946666b48a02e65ddd536f37c76dd2f86352e64a53713f")
RANGE_KEY = bytes.fromhex("7f1857d6ce56ed66127ff913e7a5c3f3a4cd26d5b5db49e64124987f28fb94c3")
MOST_CHUNK, MOST_PACKED_CHUNK, MOST_CHUNKS = 131072, 262144, 8192
MOST_XORB = 64 * 2**20  # unpacked
MOST_XORB_BODY = MOST_XORB + MOST_CHUNKS * (8 + 64) + 2**20  # records with their headers, and a footer
MOST_SHARD = 80 * 2**20
EMPTY_FILE = "0" * 64


class Chunk(NamedTuple):
    """A chunk of a xorb: its hash, and where it ends in the unpacked data and in the stored records."""

    hash: bytes
    unpacked_end: int
    stored_end: int


class Term(NamedTuple):
    """A piece of a file: the chunks start..end (exclusive) of a xorb."""

    xorb: str
    unpacked_bytes: int
    start: int
    end: int


@dataclass
class FileRecord:
    """What a shard says of one file."""

    hash: str
    terms: list[Term]
    range_hashes: list[bytes] = field(default_factory=list)
    sha256: str | None = None

    @property
    def size_bytes(self) -> int:
        """The whole file's length."""
        return sum(term.unpacked_bytes for term in self.terms)


# hashes


def hash_text(raw: bytes) -> str:
    """32 bytes as Xet writes them."""
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", raw))


def hash_bytes(text: str) -> bytes:
    """The reverse of `hash_text`.

    Raises:
        ValueError: not 64 hex digits.
    """
    if len(text) != 64 or not text.isascii() or not text.isalnum():
        raise ValueError(f"{text[:80]!r} is no hash of 64 hex digits")
    return struct.pack("<4Q", *(int(text[i : i + 16], 16) for i in range(0, 64, 16)))


def chunk_hash(data: bytes) -> bytes:
    """The hash of one chunk's content."""
    return blake3.blake3(data, key=CHUNK_KEY).digest()


def tree_hash(leaves: list[tuple[bytes, int]]) -> bytes:
    """The root over (hash, length) of chunks, in order."""
    if not leaves:
        return bytes(32)
    while len(leaves) > 1:
        leaves = [_node(group) for group in _groups(leaves)]
    return leaves[0][0]


def _groups(nodes: list[tuple[bytes, int]]) -> Iterator[list[tuple[bytes, int]]]:
    """Cut a level: 2 to 9 children, from the third on ending after a hash whose last number divides by 4."""
    start = 0
    while start < len(nodes):
        end = min(start + 9, len(nodes))
        for at in range(start + 2, end):
            if nodes[at][0][24] % 4 == 0:
                end = at + 1
                break
        yield nodes[start:end]
        start = end


def _node(children: list[tuple[bytes, int]]) -> tuple[bytes, int]:
    lines = "".join(f"{hash_text(child)} : {size}\n" for child, size in children)
    return blake3.blake3(lines.encode(), key=NODE_KEY).digest(), sum(size for _, size in children)


def file_hash(leaves: list[tuple[bytes, int]]) -> str:
    """The hash text of a file made of these chunks."""
    return hash_text(blake3.blake3(tree_hash(leaves), key=bytes(32)).digest()) if leaves else EMPTY_FILE


def range_hash(hashes: list[bytes]) -> bytes:
    """What proves that the sender of a term knows its chunks."""
    return blake3.blake3(b"".join(hashes), key=RANGE_KEY).digest()


# xorbs


def unpack(record: bytes, scheme: int, length: int) -> bytes:
    """A chunk's content out of its stored form.

    Raises:
        ValueError: an unknown scheme, broken data, or another length than said.
    """
    if scheme == 0:
        data = record
    elif scheme in (1, 2):
        try:
            data = lz4.frame.LZ4FrameDecompressor().decompress(record, max_length=length + 1)
        except (RuntimeError, EOFError) as error:
            raise ValueError(f"a chunk does not decompress: {error}") from None
    else:
        raise ValueError(f"compression scheme {scheme} is not known; 0, 1 and 2 are")
    if len(data) != length:
        raise ValueError(f"a chunk says {length} bytes and holds {len(data)}")
    return _ungrouped(data) if scheme == 2 else data


def _ungrouped(data: bytes) -> bytes:
    """Undo the grouping of every fourth byte: 0,4,8.. then 1,5,9.. and so on."""
    out, at = bytearray(len(data)), 0
    for lane in range(4):
        length = len(range(lane, len(data), 4))
        out[lane::4] = data[at : at + length]
        at += length
    return bytes(out)


def records(file: IO[bytes]) -> Iterator[tuple[bytes, int, int, int]]:
    """The chunk records of a xorb, read as they come: (packed bytes, scheme, unpacked length, where the record ends).

    Raises:
        ValueError: a record is cut short or claims more than a chunk may have.
    """
    at = 0
    while header := file.read(8):
        if header[:7] == b"XETBLOB":
            return  # a footer: everything in it was derived from the records
        if len(header) < 8:
            raise ValueError("a chunk's header is cut short")
        version, scheme = header[0], header[4]
        packed_bytes, length = int.from_bytes(header[1:4], "little"), int.from_bytes(header[5:8], "little")
        if version != 0 or not 0 < length <= MOST_CHUNK or packed_bytes > MOST_PACKED_CHUNK:
            raise ValueError(
                f"a chunk's header (version {version}, {packed_bytes} bytes for {length}) is out of bounds"
            )
        packed = file.read(packed_bytes)
        if len(packed) < packed_bytes:
            raise ValueError("a chunk is cut short")
        at += 8 + packed_bytes
        yield packed, scheme, length, at


def read_xorb(file: IO[bytes]) -> list[Chunk]:
    """Check a xorb's every chunk and say where each lies.

    Raises:
        ValueError: broken, empty or too large.
    """
    chunks: list[Chunk] = []
    unpacked = 0
    for packed, scheme, length, end in records(file):
        unpacked += length
        if len(chunks) == MOST_CHUNKS or unpacked > MOST_XORB:
            raise ValueError(f"a xorb holds at most {MOST_CHUNKS} chunks and {MOST_XORB} bytes")
        chunks.append(Chunk(chunk_hash(unpack(packed, scheme, length)), unpacked, end))
    if not chunks:
        raise ValueError("a xorb without chunks")
    return chunks


def xorb_hash(chunks: list[Chunk]) -> str:
    """The hash text of a xorb with these chunks."""
    return hash_text(tree_hash(leaves(chunks, 0, len(chunks))))


def leaves(chunks: list[Chunk], start: int, end: int) -> list[tuple[bytes, int]]:
    """(hash, length) of the chunks start..end."""
    before = chunks[start - 1].unpacked_end if start else 0
    found = []
    for chunk in chunks[start:end]:
        found.append((chunk.hash, chunk.unpacked_end - before))
        before = chunk.unpacked_end
    return found


_CHUNK = struct.Struct("<32sII")


def chunks_bytes(chunks: list[Chunk]) -> bytes:
    """The table of a xorb's chunks, to keep."""
    return b"".join(_CHUNK.pack(*chunk) for chunk in chunks)


def read_chunks(table: bytes) -> list[Chunk]:
    """The reverse of `chunks_bytes`."""
    return [Chunk(*row) for row in _CHUNK.iter_unpack(table)]


# shards

SHARD_TAG = bytes.fromhex("4846526570 6f4d65746144617461 00 556967456a7b815783a5bdd95ccdd14aa9")
_ENTRY = 48
_END = b"\xff" * 32
_HEADER = struct.Struct("<32sIIQ")
_TERM = struct.Struct("<32sIIII")


def read_shard(body: bytes) -> list[FileRecord]:
    """The files that an uploaded shard describes. Its section of xorbs repeats what the xorbs themselves say.

    Raises:
        ValueError: broken or cut short.
    """
    if len(body) < _ENTRY or body[:32] != SHARD_TAG or struct.unpack_from("<Q", body, 32)[0] != 2:
        raise ValueError("not a shard of version 2")
    files, at = [], _ENTRY

    def entry() -> bytes:
        nonlocal at
        if at + _ENTRY > len(body):
            raise ValueError("a shard is cut short")
        at += _ENTRY
        return body[at - _ENTRY : at]

    while not (head := entry()).startswith(_END):
        raw, flags, count, _ = _HEADER.unpack(head)
        if count * _ENTRY > len(body) - at:
            raise ValueError(f"a shard claims {count} terms and is cut short")
        terms = []
        for _ in range(count):
            xorb, _, length, start, end = _TERM.unpack(entry())
            if not start < end <= MOST_CHUNKS:
                raise ValueError(f"a term of chunks {start}..{end} is empty or too long")
            terms.append(Term(hash_text(xorb), length, start, end))
        ranges = [entry()[:32] for _ in range(count)] if flags & 0x80000000 else []
        sha256 = hash_text(entry()[:32]) if flags & 0x40000000 else None
        files.append(FileRecord(hash_text(raw), terms, ranges, sha256))
    return files
