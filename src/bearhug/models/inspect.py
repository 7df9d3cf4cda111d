"""A checkpoint as a tree: `inspect(name)`; what stands behind `bearhug inspect`. Nothing is loaded but the names."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from bearhug.checkpoints.folder import read_weights
from bearhug.hub.client import open_repo
from bearhug.models.auto_config import WHERE, config_from, repo_config, where

TRAINED = 16  # bytes a parameter while AdamW trains in float32: weight, gradient, two averages


@dataclass
class Branch:
    """A part of a checkpoint: its own tensor, or what stands below it."""

    below: dict[str, Branch] = field(default_factory=dict)
    tensor: Tensor | None = None
    count: int = 1  # so many alike, side by side

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        own = self.tensor.numel() if self.tensor is not None else 0
        return self.count * (own + sum(branch.numbers for branch in self.below.values()))

    @property
    def bytes(self) -> int:
        """How many bytes they take."""
        own = self.tensor.numel() * self.tensor.element_size() if self.tensor is not None else 0
        return self.count * (own + sum(branch.bytes for branch in self.below.values()))

    def form(self) -> tuple:
        """Equal for parts that look alike."""
        tensor = None if self.tensor is None else (self.tensor.dtype, tuple(self.tensor.shape))
        return tensor, tuple((name, branch.form()) for name, branch in self.below.items())


def inspect(name: str | os.PathLike, **options: Any) -> str:
    """The tree of a checkpoint's weights, with shapes, dtypes and sizes, and what it asks of the machine.

    Args:
        name: a folder, or a name.
        options: where to look (revision, token, cache_dir, subfolder, local_files_only, force_download).

    Raises:
        OSError: the name cannot be found, or has no weights.
        TypeError: an unknown option.
    """
    wrong = options.keys() - set(WHERE)
    if wrong:
        raise TypeError(f"inspect() takes {', '.join(WHERE)}, not {sorted(wrong)[0]!r}.")
    repo = open_repo(name, **where(options))
    weights = read_weights(repo)
    tree = grown(weights)
    values = repo_config(repo) if repo.path("config.json") is not None else {}
    made_for = ", ".join(values.get("architectures") or ()) or values.get("model_type") or "no config.json"
    lines = [f"{repo.name}  ({made_for})", *drawn(tree), ""]
    return "\n".join([*lines, *facts(tree, weights, cache_bytes(values, repo.name))])


def grown(weights: Mapping[str, Tensor]) -> Branch:
    """The tree of the names; parts with numbers for names that look alike are one."""
    root = Branch()
    for name in sorted(weights, key=_in_order):
        place = root
        for word in name.split("."):
            place = place.below.setdefault(word, Branch())
        place.tensor = weights[name]
    _join(root)
    return root


def _in_order(name: str) -> list[tuple[int, int, str]]:
    return [(0, int(word), "") if word.isdigit() else (1, 0, word) for word in name.split(".")]


def _join(branch: Branch) -> None:
    for part in branch.below.values():
        _join(part)
    joined: dict[str, Branch] = {}
    first = last = ""
    for name, part in branch.below.items():
        alike = name.isdigit() and first and last and int(name) == int(last) + 1
        if alike and joined[_span(first, last)].form() == part.form():
            whole = joined.pop(_span(first, last))
            last, whole.count = name, whole.count + 1
            joined[_span(first, last)] = whole
        else:
            joined[name] = part
            first = last = name if name.isdigit() else ""
    branch.below = joined


def _span(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"


def drawn(branch: Branch, before: str = "") -> list[str]:
    """The lines of the tree."""
    lines = []
    parts = list(branch.below.items())
    for place, (name, part) in enumerate(parts):
        final = place == len(parts) - 1
        while len(part.below) == 1 and part.tensor is None and part.count == 1:  # a path without forks is one line
            ((word, part),) = part.below.items()
            name = f"{name}.{word}"
        head = f"{before}{'└─ ' if final else '├─ '}{name}"
        size = f"{numbered(part.numbers):>8}  {sized(part.bytes):>9}"
        if part.tensor is not None:
            kind = str(part.tensor.dtype).removeprefix("torch.")
            size += f"  {kind}  {' x '.join(map(str, part.tensor.shape)) or 'one number'}"
        elif part.count > 1:
            size += f"  {part.count} alike"
        lines.append(f"{head:<52} {size}")
        lines += drawn(part, before + ("   " if final else "│  "))
    return lines


def facts(tree: Branch, weights: Mapping[str, Tensor], cache: int | None) -> list[str]:
    """What the whole asks for, in memory and in time."""
    speed, products = measured()
    kinds: dict[str, int] = {}
    for tensor in weights.values():
        kind = str(tensor.dtype).removeprefix("torch.")
        kinds[kind] = kinds.get(kind, 0) + tensor.numel()
    words = ", ".join(f"{numbered(count)} {kind}" for kind, count in sorted(kinds.items(), key=lambda one: -one[1]))
    lines = [
        f"parameters     {tree.numbers:,} ({words}), {len(weights)} tensors",
        f"memory         {sized(tree.bytes)} to load, {sized(tree.numbers * TRAINED)} to train with AdamW in float32",
    ]
    if cache is not None:
        lines.append(f"               {sized(cache)} for each token in the cache of keys and values")
    lines += [
        f"time           {timed(tree.bytes / speed)} a token at best (this machine reads {speed / 1e9:.1f} GB/s)",
        f"               {timed(2 * tree.numbers * 512 / products)} for a prompt of 512 tokens at best "
        f"({products / 1e9:.0f} GFLOP/s in float32)",
    ]
    return lines


def cache_bytes(values: dict[str, Any], source: str) -> int | None:
    """How many bytes of keys and values a token takes; None: no decoder with a recipe."""
    try:
        hf = config_from(dict(values), source, None, False, {})
        from bearhug.models.recipes import find

        config = find(hf.model_type).config(hf)
    except (ValueError, TypeError, AttributeError):
        return None
    if not config.causal or config.num_key_value_heads == 0:
        return None
    size = 4 if hf.dtype is None else hf.dtype.itemsize
    return 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * size


def measured() -> tuple[float, float]:
    """How fast this machine reads (bytes a second) and multiplies (float32 operations a second): a quick look."""
    block = torch.ones(32 << 20)  # 128 MB, more than the processor's caches hold
    square = torch.ones(768, 768)
    read = min(_seconds(lambda: block.sum()) for _ in range(3))
    multiplied = min(_seconds(lambda: square @ square) for _ in range(5))
    return block.numel() * 4 / read, 2 * 768**3 / multiplied


def _seconds(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def numbered(count: int) -> str:
    """1,234,567 -> "1.23 M"."""
    for size, letter in ((10**9, " B"), (10**6, " M"), (10**3, " k")):
        if count >= size:
            return f"{count / size:.3g}{letter}" if count < 1000 * size else f"{count / size:,.0f}{letter}"
    return str(count)


def sized(count: int) -> str:
    """1,234,567 -> "1.23 MB"."""
    text = numbered(count).replace(" B", " GB").replace(" M", " MB").replace(" k", " kB")
    return text if re.search("B$", text) else f"{text} B"


def timed(seconds: float) -> str:
    """0.00123 -> "1.2 ms"."""
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1e3:.2g} ms" if seconds >= 1e-3 else "under 1 ms"
