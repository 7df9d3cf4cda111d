"""What groups of beams cost one another."""

import torch
from torch import Tensor


class Diversity:
    """Lowers the scores of tokens that beams of groups before took at this step, for each time."""

    def __init__(self, penalty: float, beams: int):
        self.penalty, self.beams = penalty, beams
        self.taken: Tensor | None = None  # (B, so far)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """input_ids (B * K, T), scores (B * K, V) -> scores."""
        if self.taken is None or not self.taken.shape[1]:
            return scores
        counts = scores.new_zeros((len(self.taken), scores.shape[1]))
        counts.scatter_add_(1, self.taken, torch.ones_like(self.taken, dtype=scores.dtype))
        return scores - self.penalty * counts.repeat_interleave(self.beams, 0)
