"""GGUF files: a header, metadata by name, a table of tensors, and their data behind it, aligned.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The file is mapped, not read: metadata are parsed, each value
checked against the file's end; what a tensor holds is a slice of the map.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

from bearhug._lib.files import replacing

MAGIC = b"GGUF"
VERSIONS = (2, 3)
# type of a value -> its format; 8 is a text, 9 a list
FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
TEXT, LIST = 8, 9
MOST_DIMENSIONS = 8
LARGEST_HEADER = 1 << 30  # bytes of metadata and tensor table together

# number -> (name, values of a block, bytes of a block)
TYPES = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
}


@dataclass(frozen=True)
class Tensor:
    """Where a tensor stands, and how it is stored.

    Args:
        shape: in torch's order, the slowest dimension first (the file has the fastest first).
        type: "F32", "Q4_K", ...
        start, size_bytes: its data in the file.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    start: int
    size_bytes: int


class GGUF:
    """An opened file: `metadata`, `tensors`, and `data(name)`.

    Raises:
        ValueError: the file is no GGUF, or is cut short.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        size = self.path.stat().st_size
        if size < 24:
            raise ValueError(f"{str(path)!r} is no GGUF file: it has {size} bytes.")
        with self.path.open("rb") as handle:
            self._map = mmap.mmap(
                handle.fileno(), 0, access=mmap.ACCESS_COPY
            )  # what is changed is changed in memory only
        try:
            self.metadata, self.tensors = self._read()
        except ValueError as problem:
            self.close()
            raise ValueError(
                f"{str(path)!r} is no GGUF file: {problem}. It may have been cut short; fetch it again."
            ) from None

    def __enter__(self) -> GGUF:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Unmap the file."""
        self._map.close()

    @cached_property
    def architecture(self) -> str:
        """The name that llama.cpp gives the model: "llama", "qwen2", ..."""
        return str(self.metadata.get("general.architecture", ""))

    def data(self, name: str) -> memoryview:
        """A tensor's bytes as the file has them; the map stays open as long as they are used.

        Raises:
            KeyError: no such tensor.
        """
        tensor = self.tensors[name]
        return memoryview(self._map)[tensor.start : tensor.start + tensor.size_bytes]

    def _read(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        data = _Bytes(self._map)
        if data.take(4) != MAGIC:
            raise ValueError(f"it begins with {bytes(self._map[:4])!r}, not {MAGIC!r}")
        version, tensor_count, count = data.numbers("IQQ")
        if version not in VERSIONS:
            raise ValueError(f"it is of version {version}, and 2 and 3 are known")
        metadata: dict[str, Any] = {}
        for _ in range(data.count(count, 12)):
            key = data.text()
            metadata[key] = data.value(data.numbers("I")[0])
        table = [self._entry(data) for _ in range(data.count(tensor_count, 24))]
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20:
            raise ValueError(f"its general.alignment is {alignment!r}")
        base = -(-data.at // alignment) * alignment
        tensors: dict[str, Tensor] = {}
        for name, shape, number, offset in table:
            if number not in TYPES:
                raise ValueError(f"the tensor {name!r} is of the type {number}, which is not known")
            kind, values, size = TYPES[number]
            if shape and shape[-1] % values:
                raise ValueError(f"the tensor {name!r} has rows of {shape[-1]} values, not of whole blocks of {values}")
            size_bytes, start = prod(shape) // values * size, base + offset
            if start + size_bytes > len(self._map):
                raise ValueError(f"the tensor {name!r} ends at byte {start + size_bytes:,} of {len(self._map):,}")
            if name in tensors:
                raise ValueError(f"the tensor {name!r} stands there twice")
            tensors[name] = Tensor(name, shape, kind, start, size_bytes)
        return metadata, tensors

    @staticmethod
    def _entry(data: _Bytes) -> tuple[str, tuple[int, ...], int, int]:
        name = data.text()
        (dimensions,) = data.numbers("I")
        if dimensions > MOST_DIMENSIONS:
            raise ValueError(f"the tensor {name!r} has {dimensions} dimensions")
        shape = tuple(reversed(data.numbers(f"{dimensions}Q")))
        number, offset = data.numbers("IQ")
        return name, shape, number, offset


class _Bytes:
    """A place in the file that moves on with what is read."""

    def __init__(self, data: mmap.mmap):
        self.data, self.at, self.end = data, 0, min(len(data), LARGEST_HEADER)

    def take(self, size: int) -> bytes:
        if size > self.end - self.at:
            raise ValueError(f"byte {self.at:,} begins {size:,} bytes, and {self.end - self.at:,} are left")
        self.at += size
        return self.data[self.at - size : self.at]

    def numbers(self, formats: str) -> tuple:
        return struct.unpack(f"<{formats}", self.take(struct.calcsize(f"<{formats}")))

    def count(self, given: int, least: int) -> int:
        """A number of things, each of at least so many bytes."""
        if given > (self.end - self.at) // least:
            raise ValueError(f"it says {given:,} entries before byte {self.at:,}, more than it has room for")
        return given

    def text(self) -> str:
        (size,) = self.numbers("Q")
        raw = self.take(size)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise ValueError(f"the text before byte {self.at:,} is no UTF-8: {raw[:40]!r}") from None

    def value(self, kind: int, depth: int = 0) -> Any:
        if kind in FORMATS:
            return self.numbers(FORMATS[kind])[0]
        if kind == TEXT:
            return self.text()
        if kind == LIST and depth < 4:
            inner, count = self.numbers("IQ")
            if inner in FORMATS:
                return list(self.numbers(f"{self.count(count, struct.calcsize(FORMATS[inner]))}{FORMATS[inner]}"))
            return [self.value(inner, depth + 1) for _ in range(self.count(count, 8))]
        raise ValueError(f"byte {self.at:,} begins a value of the type {kind}, which is not known")


def write(path: str | os.PathLike, metadata: Mapping[str, Any], tensors: Mapping[str, tuple]) -> None:
    """Write a file of version 3, all or nothing.

    Args:
        metadata: texts, numbers, truths, and lists of one of these.
        tensors: name -> (type, shape in torch's order, a function that gives the bytes when their turn comes).
    """
    numbers = {kind: (number, values, size) for number, (kind, values, size) in TYPES.items()}
    head = [MAGIC, struct.pack("<IQQ", VERSIONS[-1], len(tensors), len(metadata))]
    head += [_text(key) + _value(value) for key, value in metadata.items()]
    offset, makers = 0, []
    for name, (kind, shape, make) in tensors.items():
        number, values, size = numbers[kind]
        head.append(_text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *reversed(shape), number, offset))
        size_bytes = prod(shape) // values * size
        makers.append((name, make, size_bytes))
        offset += -(-size_bytes // ALIGNMENT) * ALIGNMENT
    with replacing(path) as file:
        written = b"".join(head)
        file.write(written + bytes(-len(written) % ALIGNMENT))
        for name, make, size_bytes in makers:
            data = make()
            if len(data) != size_bytes:
                raise ValueError(f"the tensor {name!r} has {len(data):,} bytes, expected {size_bytes:,}.")
            file.write(data)
            file.write(bytes(-size_bytes % ALIGNMENT))


ALIGNMENT = 32


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def _kind(value: Any) -> int:
    """The number of a value's type."""
    if isinstance(value, str):
        return TEXT
    if isinstance(value, bool):
        return 7
    if isinstance(value, int):
        return 4 if value >= 0 else 5
    return 6 if isinstance(value, float) else LIST


def _value(value: Any) -> bytes:
    kind = _kind(value)
    if kind == TEXT:
        return struct.pack("<I", kind) + _text(value)
    if kind != LIST:
        return struct.pack(f"<I{FORMATS[kind]}", kind, value)
    inner = max((_kind(item) for item in value), default=4)
    head = struct.pack("<IIQ", LIST, inner, len(value))
    return head + (
        b"".join(map(_text, value)) if inner == TEXT else struct.pack(f"<{len(value)}{FORMATS[inner]}", *value)
    )
