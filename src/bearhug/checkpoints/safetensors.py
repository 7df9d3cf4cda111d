"""Safetensors files: tensors as a memory map of the file, and writing them one at a time, all or nothing.

The format: eight bytes with the header's length, the header (JSON: name -> dtype, shape, offsets), the values. Reading
touches only the pages that are used; a tensor that is changed in place changes in memory, never in the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from bearhug._lib.files import replacing

DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


class SafetensorsFile(Mapping[str, Tensor]):
    """One file as a mapping, name -> tensor; opening it reads the header only.

    Raises:
        OSError: the file is cut short, or its header does not describe it.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        try:
            self._file = safe_open(self.path, framework="pt", device="cpu")
            self._names = dict.fromkeys(self._file.keys())
        except (SafetensorError, ValueError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise OSError(
                f"{self.path} ({self.path.stat().st_size} bytes) is no whole safetensors file: {reason}.\n"
                "It may be cut short: fetch it again, with force_download=True."
            ) from None

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._names:
            raise KeyError(name)
        return self._file.get_tensor(name)

    def __iter__(self):
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True)
class Stored:
    """A tensor to be written; `make` is called when its turn comes."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    make: Callable[[], Tensor]

    @property
    def size_bytes(self) -> int:
        """The bytes of its values."""
        return self.dtype.itemsize * torch.Size(self.shape).numel()


def write(path: str | os.PathLike, tensors: Mapping[str, Stored]) -> None:
    """Write a file under a temporary name, then give it its own. The same tensors give the same bytes.

    Raises:
        OSError: the folder cannot be written.
        ValueError: a dtype that the format does not have.
    """
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name in order:
        tensor = tensors[name]
        if tensor.dtype not in DTYPES:
            raise ValueError(f"{name} is of dtype {tensor.dtype}, which safetensors files do not hold.")
        start, end = end, end + tensor.size_bytes
        header[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with replacing(path) as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for name in order:
            file.write(_values(tensors[name].make()))


def _values(tensor: Tensor) -> memoryview:
    flat = tensor.detach().to("cpu").contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data


def shards(tensors: Mapping[str, Stored], limit: int) -> Iterable[dict[str, Stored]]:
    """The tensors in order, in groups of at most `limit` bytes (a larger tensor is alone)."""
    group: dict[str, Stored] = {}
    held = 0
    for name, tensor in tensors.items():
        if group and held + tensor.size_bytes > limit:
            yield group
            group, held = {}, 0
        group[name] = tensor
        held += tensor.size_bytes
    yield group
