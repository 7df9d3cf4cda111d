"""What uneven use of a mixture's experts adds to a loss."""

from __future__ import annotations

import torch
from torch import Tensor


def unevenness(logits: tuple[Tensor, ...], chosen: int, mask: Tensor | None) -> Tensor:
    """How unevenly experts are used: 1 times k where evenly (Fedus et al. 2021, arXiv:2101.03961, section 2.2).

    Args:
        logits: each layer's scores (B * T, E).
        chosen: k.
        mask: (B, T), 1 for the tokens that count.
    """
    scores = torch.cat([one.to(logits[0].device) for one in logits])
    shares = scores.softmax(-1)
    which = shares.topk(chosen, -1)[1]
    counting = torch.ones(len(scores), device=scores.device)
    if mask is not None:
        counting = mask.reshape(-1).to(counting).repeat(len(logits))
    used = torch.zeros(scores.shape[-1], device=scores.device)
    used = used.scatter_add_(0, which.flatten(), counting.repeat_interleave(chosen)) / counting.sum()
    asked = (shares.float() * counting[:, None]).sum(0) / counting.sum()
    return (used * asked).sum() * scores.shape[-1]
