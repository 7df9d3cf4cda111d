"""Classifier-free guidance (Sanchez et al. 2023, arXiv:2306.17806): away from what the model says without the prompt.

B rows, T columns, P columns of the prompt, V vocabulary.
"""

from typing import Any

import torch
from torch import Tensor


class Guidance:
    """scores -> without + scale * (scores - without), as log-probabilities; the second text is read beside the first.

    Args:
        ids: (B, N) what stands in place of the prompt; None: its last token.
        mask: (B, N) 1 for tokens of it.
        prompt: P.
    """

    def __init__(self, model: Any, scale: float, ids: Tensor | None, mask: Tensor | None, prompt: int, cached: bool):
        self.model, self.scale, self.prompt, self.cached = model, scale, prompt, cached
        self.ids, self.mask = ids, mask
        self.read: Tensor | None = None  # the input_ids of the call before
        self.cache: Any = None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """input_ids (B, T), scores (B, V) -> scores (B, V)."""
        without = self._without(input_ids).float().log_softmax(-1)
        return self.scale * (scores.log_softmax(-1) - without) + without

    def _without(self, input_ids: Tensor) -> Tensor:
        known = self.read
        one_more = self.cache is not None and known is not None and known.shape[1] + 1 == input_ids.shape[1]
        new = input_ids[:, -1:]
        if not one_more or not torch.equal(known, input_ids[:, :-1]):  # type: ignore[arg-type]
            start = input_ids[:, self.prompt - 1 : self.prompt] if self.ids is None else self.ids
            if len(start) != len(input_ids):
                start = start.repeat_interleave(len(input_ids) // len(start), 0)
            new = torch.cat((start, input_ids[:, self.prompt :]), 1)
            self.cache = self.model.new_cache(len(new), 0) if self.cached else None
        arguments: dict[str, Any] = {}
        if self.mask is not None:
            mask = self.mask.repeat_interleave(len(input_ids) // len(self.mask), 0)
            arguments["attention_mask"] = torch.cat((mask, mask.new_ones(input_ids[:, self.prompt :].shape)), 1)
        self.read = input_ids.clone()
        return self.model(
            new, past_key_values=self.cache, use_cache=self.cached, logits_to_keep=1, return_dict=True, **arguments
        ).logits[:, -1]


def guidance(
    model: Any, scale: float, ids: Any, mask: Any, *, rows: int, prompt: int, cached: bool, device: torch.device
) -> Guidance:
    """The process of one call of generate.

    Raises:
        ValueError: negative_prompt_ids that are not as many rows as the prompt, or a mask of another shape.
    """
    if ids is not None:
        ids = torch.as_tensor(ids, device=device).long()
        if ids.ndim != 2 or len(ids) not in (1, rows) or ids.shape[1] == 0:
            raise ValueError(
                f"negative_prompt_ids has the shape {tuple(ids.shape)}, but the prompt has {rows} rows: give it as "
                f"many rows, or one."
            )
    if mask is not None:
        mask = torch.as_tensor(mask, device=device)
        if ids is None or mask.shape != ids.shape:
            raise ValueError(
                f"negative_prompt_attention_mask has the shape {tuple(mask.shape)}, and negative_prompt_ids "
                f"{'is missing' if ids is None else 'the shape ' + str(tuple(ids.shape))}: they belong together."
            )
        if bool((mask != 0).all()):
            mask = None
    return Guidance(model, scale, ids, mask, prompt, cached)
