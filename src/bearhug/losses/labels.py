"""What labels are compared with, whatever model gave the scores. B rows, T tokens, N labels."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

IGNORED = -100  # a label that counts for nothing


def matching(labels: Tensor, shape: torch.Size, name: str) -> Tensor:
    """The labels on one device with what they label.

    Raises:
        ValueError: their shape is another one.
    """
    if labels.shape != shape:
        raise ValueError(
            f"{name} have the shape {tuple(labels.shape)}, expected {tuple(shape)}: one for each logit's place."
        )
    return labels


def cross_entropy(logits: Tensor, labels: Tensor, items: Any = None, ignored: int = IGNORED) -> Tensor:
    """Mean cross entropy over the labels that are not ignored; 0 where there are none (never NaN).

    Args:
        logits: (..., N), taken as float32.
        labels: (...), integers.
        items: divide the sum by this instead of by the number of labels (for gradients over several batches).

    Raises:
        IndexError: a label is not below N.
    """
    flat, labels = logits.float().flatten(0, -2), labels.flatten().to(logits.device).long()
    try:
        total = F.cross_entropy(flat, labels, ignore_index=ignored, reduction="sum")
    except IndexError:
        size = flat.shape[-1]
        wrong = labels[(labels != ignored) & ((labels < 0) | (labels >= size))][0].item()
        raise IndexError(
            f"a label is {wrong}, but the head tells {size} apart (0 to {size - 1}; {ignored} is ignored).\n"
            f"Load the model with num_labels={max(int(labels.max()) + 1, size)}, or mend the labels."
        ) from None
    if items is not None:
        return total / (items.to(total.device) if isinstance(items, Tensor) else items)
    return total / (labels != ignored).sum().clamp(min=1)


def span_loss(
    start: Tensor, end: Tensor, starts: Tensor | None, ends: Tensor | None, items: Any = None
) -> Tensor | None:
    """The loss of where answers start and end: the mean of both cross entropies; places beyond the logits are ignored.

    Args:
        start, end: logits (B, T).
        starts, ends: (B,); None of one of them: no loss.
    """
    if starts is None or ends is None:
        return None
    beyond, losses = start.shape[1], []
    for logits, places in ((start, starts), (end, ends)):
        places = matching(places.reshape(-1), logits.shape[:1], "positions").clamp(0, beyond)
        losses.append(cross_entropy(logits, places, items, ignored=beyond))
    return (losses[0] + losses[1]) / 2


def text_loss(logits: Tensor, labels: Tensor, config: Any, items: Any = None) -> Tensor:
    """The loss of labels of whole texts, logits (B, N), by config.problem_type.

    "regression": mean squared error; "single_label_classification": cross entropy with labels (B,);
    "multi_label_classification": binary cross entropy with labels (B, N) of floats.
    """
    labels = labels.to(logits.device)
    if config.problem_type is None:
        single = labels.dtype in (torch.long, torch.int)
        config.problem_type = (
            "regression"
            if config.num_labels == 1
            else ("single_label_classification" if single else "multi_label_classification")
        )
    if config.problem_type == "single_label_classification":
        return cross_entropy(logits, matching(labels.reshape(-1), logits.shape[:1], "labels"), items)
    if config.problem_type == "regression":
        if config.num_labels == 1:
            logits, labels = logits.reshape(-1), labels.reshape(-1)
        return _mean_over(
            F.mse_loss(logits, matching(labels, logits.shape, "labels").to(logits.dtype), reduction="none"), items
        )
    labels = matching(labels, logits.shape, "labels").to(logits.dtype)
    return _mean_over(F.binary_cross_entropy_with_logits(logits, labels, reduction="none"), items)


def _mean_over(losses: Tensor, items: Any) -> Tensor:
    """The mean of all; where the number of rows is given, the sum over the rows of each one's mean, divided by it."""
    if items is None:
        return losses.mean()
    return losses.flatten(1).mean(-1).sum() / items if losses.ndim > 1 else losses.sum() / items
