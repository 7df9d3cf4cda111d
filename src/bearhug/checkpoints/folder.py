"""What a model folder holds: its weights, in one file or several, and how they are written back."""

from __future__ import annotations

import json
import pickle
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bearhug._lib.files import inside, replacing
from bearhug.checkpoints.safetensors import SafetensorsFile, Stored, shards, write
from bearhug.hub.client import Repo

SAFETENSORS, PICKLE = "model.safetensors", "pytorch_model.bin"
UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


class Weights(Mapping[str, Tensor]):
    """All tensors of a checkpoint, name -> tensor, whatever files they are in; read when asked for."""

    mapped = True  # they are views of the files' maps

    def __init__(self, files: list[Mapping[str, Tensor]]):
        self._where: dict[str, Mapping[str, Tensor]] = {name: file for file in files for name in file}

    def __getitem__(self, name: str) -> Tensor:
        return self._where[name][name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._where)

    def __len__(self) -> int:
        return len(self._where)


class Renamed(Mapping[str, Tensor]):
    """The same tensors by other names: each of the patterns {regular expression: replacement} is applied, in order."""

    def __init__(self, weights: Mapping[str, Tensor], patterns: Mapping[str, str]):
        self.weights, self.mapped = weights, getattr(weights, "mapped", False)
        self.names: dict[str, str] = {}
        for theirs in weights:
            name = theirs
            for pattern, replacement in patterns.items():
                name = re.sub(pattern, replacement, name)
            self.names[name] = theirs

    def __getitem__(self, name: str) -> Tensor:
        return self.weights[self.names[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def read_weights(repo: Repo, *, use_safetensors: bool | None = None, variant: str | None = None) -> Weights:
    """The weights of a repository: safetensors where it has them, else .bin (read as data, nothing in it is run).

    Args:
        use_safetensors: True or False allows only that kind.
        variant: the word before the ending, `model.fp16.safetensors`.

    Raises:
        OSError: there are none, one is missing or cut short, or a .bin holds more than tensors.
        ValueError: an index names a file outside of the folder.
    """
    kinds = {SAFETENSORS: use_safetensors is not False, PICKLE: use_safetensors is not True}
    names = [_variant(name, variant) for name, allowed in kinds.items() if allowed]
    for name in names:
        if (path := repo.path(name)) is not None:
            return Weights([_read(path)])
        if (index := repo.path(f"{name}.index.json")) is not None:
            return _read_sharded(repo, index)
    raise OSError(_no_weights(repo, names))


def _variant(name: str, variant: str | None) -> str:
    stem, ending = name.rsplit(".", 1)
    return f"{stem}.{variant}.{ending}" if variant else name


def _read(path: Path) -> Mapping[str, Tensor]:
    return SafetensorsFile(path) if path.suffix == ".safetensors" else read_pickle(path)


def _read_sharded(repo: Repo, index: Path) -> Weights:
    try:
        where = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        shard_names = sorted(set(where.values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise OSError(f"{index} is no index of weights: it has no table 'weight_map' of names and files.") from None
    files = []
    for name in shard_names:
        inside(index.parent, name)
        path = repo.path(name)
        if path is None:
            raise OSError(f"{index.name} names {name!r}, but {repo.name!r} has no such file. Fetch the folder again.")
        files.append(_read(path))
    weights = Weights(files)
    absent = [name for name in where if name not in weights]
    if absent:
        raise OSError(f"{index.name} places {absent[0]!r} in {where[absent[0]]!r}, which does not hold it.")
    return weights


def read_pickle(path: Path) -> dict[str, Tensor]:
    """The tensors of a .bin file; only tensors and plain containers are unpickled.

    Raises:
        OSError: the file is cut short, or holds something else.
    """
    try:
        loaded = _loaded(path)
    except (RuntimeError, EOFError, ValueError, OSError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "weights only" in str(error).lower().replace("_", " "):
            raise OSError(
                f"{path} holds more than tensors, and reading it would run code out of it, which bearhug never does.\n"
                "Ask its author for a safetensors file."
            ) from None
        raise OSError(f"{path} ({path.stat().st_size} bytes) is no whole .bin file: {reason}") from None
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict):
        raise OSError(f"{path} holds a {type(loaded).__name__}, expected names and tensors.")
    return {name: value for name, value in loaded.items() if isinstance(value, Tensor)}


def _loaded(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the age of the pickle's format
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError:  # the format before zip cannot be mapped
            return torch.load(path, map_location="cpu", weights_only=True)


def _no_weights(repo: Repo, names: list[str]) -> str:
    others = [name for name in repo.files() if re.search(r"\.(safetensors|bin|gguf|h5|msgpack|ckpt|pth?|onnx)$", name)]
    found = f"It has {', '.join(others[:5])}." if others else "It has no file of weights at all."
    return f"{repo.name!r} has neither {' nor '.join(names)}. {found}"


def write_weights(
    folder: Path, tensors: Mapping[str, Stored], max_shard_size: int | str, variant: str | None = None
) -> None:
    """Write model.safetensors, or shards and their index where it would be larger than `max_shard_size`.

    Each file is whole before it is seen, the index comes last, and files of an earlier save that no longer count go.

    Raises:
        ValueError: a size that is no number of bytes, such as "5GB".
    """
    stem, ending = _variant(SAFETENSORS, variant).rsplit(".", 1)
    groups = list(shards(tensors, size_bytes(max_shard_size)))
    if len(groups) == 1:
        written = {f"{stem}.{ending}"}
        write(folder / f"{stem}.{ending}", groups[0])
    else:
        places: dict[str, str] = {}
        for number, group in enumerate(groups, 1):
            name = f"{stem}-{number:05d}-of-{len(groups):05d}.{ending}"
            write(folder / name, group)
            places |= dict.fromkeys(group, name)
        total = {"total_size": sum(tensor.size_bytes for tensor in tensors.values())}
        index = {"metadata": total, "weight_map": dict(sorted(places.items()))}
        with replacing(folder / f"{stem}.{ending}.index.json", "w", encoding="utf-8") as file:
            file.write(json.dumps(index, indent=2) + "\n")
        written = {*places.values(), f"{stem}.{ending}.index.json"}
    stale = re.compile(rf"{re.escape(stem)}(-\d{{5}}-of-\d{{5}})?\.{ending}(\.index\.json)?")
    for path in folder.iterdir():
        if stale.fullmatch(path.name) and path.name not in written:
            path.unlink()


def size_bytes(size: Any) -> int:
    """A number of bytes, also written "5GB", "500MB", "1GiB".

    Raises:
        ValueError: it is none.
    """
    if isinstance(size, int):
        return size
    match = re.fullmatch(r"([0-9.]+)\s*([A-Za-z]*)", str(size).strip())
    if match is None or match[2].upper() not in UNITS:
        raise ValueError(f"{size!r} is no size; write a number of bytes, or '5GB', '500MB', '1GiB'.")
    return int(float(match[1]) * UNITS[match[2].upper()])
