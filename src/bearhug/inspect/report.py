"""A checkpoint as a tree: `inspect(name)`; what stands behind `bearhug inspect`. Nothing is loaded but the names."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from bearhug.checkpoints.config import repo_config
from bearhug.checkpoints.folder import read_weights
from bearhug.checkpoints.where import WHERE, where
from bearhug.hub.client import open_repo
from bearhug.inspect.tree import Branch, drawn, grown, numbered, sized
from bearhug.models.auto_config import config_from
from bearhug.models.recipes import find

TRAINED = 16  # bytes a parameter while AdamW trains in float32: weight, gradient, two averages


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


def timed(seconds: float) -> str:
    """0.00123 -> "1.2 ms"."""
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1e3:.2g} ms" if seconds >= 1e-3 else "under 1 ms"
