"""Which files are which split: patterns over a folder's files, and the split names that folders and files suggest."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from bearhug._lib.errors import near
from bearhug.datasets.errors import DataFilesNotFoundError, EmptyDatasetError
from bearhug.datasets.readers import BESIDE, ENDINGS, METADATA
from bearhug.datasets.splits import NAME

WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
GAP = "-._ 0-9"  # what may stand beside a split's word in a name
NOT_DATA = {
    "README.md",
    "config.json",
    "dataset_info.json",
    "dataset_infos.json",
    "dummy_data.zip",
    "dataset_dict.json",
    "latest_version_hint.json",  # of Lance
}
SHARD = re.compile(r"data/(?P<split>[^/]+)-\d{5}-of-\d{5}[^/]*\.[^/]*")


@cache
def _compiled(pattern: str) -> re.Pattern:
    """A glob as a regular expression: `*` stays in one folder, `**` crosses folders, `[...]` and `?` as usual."""
    out, i = "", 0
    while i < len(pattern):
        if pattern.startswith("**/", i):
            out, i = out + "(?:[^/]+/)*", i + 3
        elif pattern.startswith("**", i):
            out, i = out + ".*", i + 2
        elif pattern[i] == "*":
            out, i = out + "[^/]*", i + 1
        elif pattern[i] == "?":
            out, i = out + "[^/]", i + 1
        elif pattern[i] == "[" and (end := pattern.find("]", i + 2)) > 0:
            inner = pattern[i + 1 : end].replace("\\", "\\\\")
            inner = "^" + inner[1:] if inner[0] in "!^" else inner
            out, i = out + f"[{inner}]", end + 1
        else:
            out, i = out + re.escape(pattern[i]), i + 1
    return re.compile(out)


def is_glob(pattern: str) -> bool:
    """Whether a path has wildcards."""
    return any(mark in pattern for mark in "*?[")


def matching(pattern: str, files: Iterable[str]) -> list[str]:
    """The files (relative, with /) that a pattern names; hidden ones and `__x__` folders only when it says so."""
    wanted = _compiled(pattern.removeprefix("./"))
    out = []
    parts = PurePosixPath(pattern).parts
    dots, unders = sum(p.startswith(".") for p in parts), sum(p.startswith("__") for p in parts[:-1])
    for file in files:
        if not wanted.fullmatch(file):
            continue
        path = PurePosixPath(file)
        if path.name in NOT_DATA and path.name != PurePosixPath(pattern).name:
            continue
        if (
            sum(p.startswith(".") for p in path.parts) != dots
            or sum(p.startswith("__") for p in path.parts[:-1]) != unders
        ):
            continue
        out.append(file)
    return out


def has_ending(file: str, endings: Iterable[str]) -> bool:
    """Whether one of a name's endings (`.jsonl` in `a.jsonl.gz`), or the whole name, is among these."""
    known = set(endings)
    return PurePosixPath(file).name in known or any(
        "." + part.lower() in known for part in PurePosixPath(file).name.split(".")[1:]
    )


def splits_of(files: list[str]) -> dict[str, list[str]]:
    """The splits that names suggest: `data/train-00000-of-00003...`, then folders, then files, else all is train."""
    shards: dict[str, list[str]] = {}
    for file in files:
        if match := SHARD.fullmatch(file):
            shards.setdefault(match["split"], []).append(file)
    if shards:
        for name in shards:
            if not re.fullmatch(NAME, name):
                raise ValueError(
                    f"the files data/{name}-... name no split: {name!r} has other characters than letters, digits, "
                    "_ and dots."
                )
        order = [one for one in WORDS if one in shards] + sorted(set(shards) - set(WORDS))
        return {name: shards[name] for name in order}
    for places in (_in_folders, _in_names):
        found = {}
        for split, words in WORDS.items():
            # a file counts once for each pattern that it matches, in the patterns' order
            hits = [file for pattern in places(words) for file in matching(pattern, files)]
            if hits:
                found[split] = list(dict.fromkeys(hits))
        if found:
            return found
    everything = matching("**", files)
    return {"train": everything} if everything else {}


def _in_folders(words: Iterable[str]) -> list[str]:
    return [
        pattern
        for word in words
        for pattern in (
            f"**/{word}/**",
            f"**/{word}[{GAP}]*/**",
            f"**/*[{GAP}]{word}/**",
            f"**/*[{GAP}]{word}[{GAP}]*/**",
        )
    ]


def _in_names(words: Iterable[str]) -> list[str]:
    return [pattern for word in words for pattern in (f"**/{word}[{GAP}]*", f"**/*[{GAP}]{word}[{GAP}]*")]


def as_splits(data_files: Any) -> dict[str, list[str]]:
    """What people write for `data_files` -> split -> patterns.

    Raises:
        ValueError: a list of dicts that are not {"split": ..., "path": ...}, or a split twice.
    """
    if isinstance(data_files, dict):
        return {str(name): [os.fspath(one) for one in _listed(value)] for name, value in data_files.items()}
    items = _listed(data_files)
    if any(isinstance(one, dict) for one in items):
        out: dict[str, list[str]] = {}
        for one in items:
            if not isinstance(one, dict) or set(one) != {"split", "path"}:
                raise ValueError(
                    f"an entry of data_files reads {{'split': 'train', 'path': 'train*.csv'}}, not {one!r}."
                )
            if str(one["split"]) in out:
                raise ValueError(f"the split {one['split']!r} is there twice in data_files.")
            out[str(one["split"])] = [os.fspath(path) for path in _listed(one["path"])]
        return out
    return {"train": [os.fspath(one) for one in items]}


def _listed(value: Any) -> list:
    return [value] if isinstance(value, str | os.PathLike) else list(value)


def local_files(folder: str | os.PathLike) -> list[str]:
    """All files below a folder, relative, with /, sorted."""
    out = []
    for top, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        out += [Path(top, name).relative_to(folder).as_posix() for name in names]
    return sorted(out)


def find_local(pattern: str, base: str | os.PathLike = ".") -> list[Path]:
    """The local files of one pattern or path, absolute or relative to `base`.

    Raises:
        FileNotFoundError: there is none.
    """
    full = Path(os.path.expanduser(pattern))
    full = full if full.is_absolute() else Path(base) / full
    full = Path(os.path.abspath(full))
    if full.is_file():
        return [full]
    if not is_glob(str(full)):
        if full.is_dir():
            found = matching("**", local_files(full))
            return [full / file for file in found if has_ending(file, [*ENDINGS, ".zip", *BESIDE])]
        siblings = [one.name for one in full.parent.iterdir()] if full.parent.is_dir() else []
        hint = near(full.name, siblings) if siblings else f" The folder {str(full.parent)!r} does not exist either."
        raise FileNotFoundError(f"Unable to find '{full}'.{hint}")
    parts = full.parts
    fixed = next(i for i, part in enumerate(parts) if is_glob(part))
    root = Path(*parts[:fixed])
    found = matching("/".join(parts[fixed:]), local_files(root)) if root.is_dir() else []
    return [root / file for file in found]


def format_of(files: Iterable[str], where: str = "") -> tuple[str, dict]:
    """The format that most of the files are in, and the options that go with their ending.

    Raises:
        DataFilesNotFoundError: none is in a format that can be read.
    """
    counts = Counter(
        ("." + part.lower(), PurePosixPath(file).name in METADATA)
        for file in files
        for part in PurePosixPath(file).name.split(".")[1:]
    )
    order = (".json", ".jsonl", ".arrow", ".parquet")
    ranked = sorted(
        (not is_metadata, count, order.index(ending) if ending in order else -1, ending)
        for (ending, is_metadata), count in counts.items()
        if ending in ENDINGS
    )
    if not ranked:
        raise DataFilesNotFoundError(
            f"No (supported) data files found{f' in {where}' if where else ''}: known endings are "
            f"{', '.join(ENDINGS)}, also with "
            f".gz, .bz2, .xz, .zst."
        )
    return ENDINGS[ranked[-1][-1]]


def only_archives(files: Iterable[str]) -> bool:
    """Whether all files are zip archives, whose names say nothing of the format."""
    endings = ["." + part.lower() for file in files for part in PurePosixPath(file).name.split(".")[1:]]
    return ".zip" in endings and not any(one in ENDINGS for one in endings)


def empty(where: str, others: bool = False) -> EmptyDatasetError | DataFilesNotFoundError:
    """The error of a folder without data, or with files of other formats only."""
    known = f"known endings are {', '.join(ENDINGS)}, also with .gz, .bz2, .xz, .zst."
    if others:
        return DataFilesNotFoundError(f"No (supported) data files found in {where}: {known}")
    return EmptyDatasetError(f"The directory at {where} doesn't contain any data files; {known}")
