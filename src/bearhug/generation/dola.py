"""DoLa (Chuang et al. 2023, arXiv:2309.03883): the scores, less what an earlier layer says already.

B rows, L layers to choose from, V vocabulary.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from bearhug.generation.reader import Reader

SHARE = 0.1  # of the likeliest token's probability: what is below it cannot come


class Contrasted:
    """scores of the last layer -> scores against the earlier layer that differs most, for each row its own."""

    def __init__(self, model: Any, reader: Reader, layers: Any):
        self.reader, self.layers = reader, early_layers(model, layers)
        self.out = model.get_output_embeddings()
        reader.watch_states()

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """input_ids (B, T), scores (B, V) -> scores (B, V)."""
        states = self.reader.states()
        early = torch.stack([self.out(states[layer][:, -1]).float() for layer in self.layers], 1)  # (B, L, V)
        early = early.repeat_interleave(len(scores) // len(early), 0)
        return contrasted(scores, early)


def contrasted(scores: Tensor, early: Tensor) -> Tensor:
    """scores (B, V) of the last layer, early (B, L, V) -> log-probabilities less those of the most different one."""
    late, early = scores.log_softmax(-1), early.log_softmax(-1)
    mean = (late.exp()[:, None] + early.exp()) / 2
    apart = _divergence(mean, late[:, None]) + _divergence(mean, early)  # (B, L)
    base = early[torch.arange(len(early), device=early.device), apart.argmax(-1)]
    unlikely = late < late.amax(-1, keepdim=True) + math.log(SHARE)
    return (late - base).masked_fill(unlikely, -torch.inf)


def _divergence(chance: Tensor, logs: Tensor) -> Tensor:
    return (torch.xlogy(chance, chance) - chance * logs).mean(-1)


def early_layers(model: Any, asked: str | Sequence[int]) -> list[int]:
    """The layers to choose from: 0 is the embedding, which a model that scores by the same table leaves out.

    Raises:
        ValueError: none of the layers asked for comes before the last one.
    """
    last = len(model.model.layers)
    first = (2 if last > 2 else last - 1) if getattr(model.config, "tie_word_embeddings", False) else 0
    if asked == "low":
        found = list(range(first, last // 2 if last <= 40 else 20, 2)) or [first]
    elif asked == "high":
        found = list(range(last // 2 if last <= 40 else last - 20, last, 2))
    else:
        found = [int(layer) for layer in asked if layer < last]  # type: ignore[operator]
    if not found:
        raise ValueError(f"dola_layers={asked!r} names no layer before the last one: 0 to {last - 1} can be named.")
    return found
