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
from bearhug.models.attention import LOOKING
from bearhug.models.auto_config import config_from
from bearhug.models.config import Config
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
    return "\n".join([*lines, *facts(tree, weights, *built(values, repo.name))])


def facts(tree: Branch, weights: Mapping[str, Tensor], config: Config | None, itemsize: int) -> list[str]:
    """What the whole asks for, in memory and in time."""
    speed, products = measured()
    idle = 0 if config is None else unused(config)
    share = (tree.numbers - idle) / tree.numbers if 0 < idle < tree.numbers else 1.0
    writes = config is None or config.causal
    kinds: dict[str, int] = {}
    for tensor in weights.values():
        kind = str(tensor.dtype).removeprefix("torch.")
        kinds[kind] = kinds.get(kind, 0) + tensor.numel()
    words = ", ".join(f"{numbered(count)} {kind}" for kind, count in sorted(kinds.items(), key=lambda one: -one[1]))
    lines = [
        f"parameters     {tree.numbers:,} ({words}), {len(weights)} tensors",
        f"memory         {sized(tree.bytes)} to load, {sized(tree.numbers * TRAINED)} to train with AdamW in float32",
    ]
    if share < 1:
        lines.insert(1, f"               {numbered(tree.numbers - idle)} of them for a token: the others' experts rest")
    if config is not None and writes and (cache := cache_bytes(config, itemsize)):
        lines.append(f"               {sized(cache)} for each token in the cache of keys and values")
    if config is not None and writes and config.recurrence is not None:
        lines.append("               and a state for each text, which does not grow with it")
    times = []
    if writes:
        each = timed(tree.bytes * share / speed)
        times.append(f"{each} a token at best (this machine reads {speed / 1e9:.1f} GB/s)")
    whole = timed(2 * tree.numbers * share * 512 / products)
    kind = "prompt" if writes else "text"
    times.append(f"{whole} for a {kind} of 512 tokens at best ({products / 1e9:.0f} GFLOP/s in float32)")
    return [*lines, *(f"{'' if place else 'time':<15}{one}" for place, one in enumerate(times))]


def built(values: dict[str, Any], source: str) -> tuple[Config | None, int]:
    """What a config.json's model is built from, and the bytes of its numbers; None: it has no recipe."""
    try:
        hf = config_from(dict(values), source, None, False, {})
        return find(hf.model_type).config(hf), 4 if hf.dtype is None else hf.dtype.itemsize
    except (ValueError, TypeError, AttributeError):
        return None, 4


def cache_bytes(config: Config, itemsize: int) -> int:
    """How many bytes of keys and values a token takes; layers that keep one state of all take none."""
    kinds = [config.kind(config.layer_type(layer)) for layer in range(config.num_hidden_layers)]
    looking = sum(kind.mixer in LOOKING for kind in kinds)
    if (latents := config.latents) is not None:
        each = config.num_attention_heads * (latents.plain + config.head_dim + latents.value)
    else:
        each = 2 * config.num_key_value_heads * config.head_dim
    return looking * each * itemsize


def unused(config: Config) -> int:
    """How many numbers are in experts that a token does not go to."""
    if (experts := config.experts) is None:
        return 0
    layers = range(config.num_hidden_layers)
    mixed = sum((config.kind(config.layer_type(layer)).mlp or config.mlp) == "experts" for layer in layers)
    matrices = 2 if experts.mlp == "plain" else 3
    return mixed * (experts.count - experts.chosen) * matrices * config.hidden_size * experts.size


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
