"""What ends a sequence: one plain function per option.

Every function is (input_ids (B, T), scores, *, its options) -> (B,) bool, True where the row has ended with its last
token. Any callable of (input_ids, scores) that gives that, or one bool for all rows, may stand beside them in
`stopping_criteria=`. The length has no function: the loop counts.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from bearhug.generation.config import GenerationConfig

Ends = Callable[..., Tensor]


class StoppingCriteria(ABC):
    """A base for those who like classes: `generate(stopping_criteria=...)` takes any callable of the same arguments."""

    @abstractmethod
    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor | bool:
        """input_ids (B, T), scores: those recorded so far with output_scores, else None -> (B,) bool, or one bool."""


class StoppingCriteriaList(list):
    """A list of criteria that is one itself: a row ends where any of them says so."""

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
        """input_ids (B, T) -> (B,) bool."""
        ended = torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)
        for ends in self:
            ended = ended | ends(input_ids, scores, **kwargs)
        return ended

    @property
    def max_length(self) -> int | None:
        """Of the `MaxLengthCriteria` among them."""
        return next((ends.max_length for ends in self if hasattr(ends, "max_length")), None)


def criteria(
    config: GenerationConfig,
    *,
    eos: Tensor | None,
    tokenizer: Any = None,
    start: Tensor | None = None,
    custom: Sequence[Ends] = (),
) -> list[Ends]:
    """The functions that a config asks for.

    Args:
        eos: (E,) the tokens that end a sequence.
        tokenizer: what turns ids into text, for `stop_strings`.
        start: (B, 1) the column of each row's first token; None: no padding.
        custom: the caller's.

    Raises:
        ValueError: stop_strings without a tokenizer.
    """
    found: list[Ends] = []
    if config.max_time is not None:
        found.append(partial(out_of_time, until=time.monotonic() + config.max_time))
    if config.stop_strings is not None:
        if tokenizer is None:
            raise ValueError(
                f"stop_strings={config.stop_strings!r} was given, and it takes a tokenizer to see them in ids.\n"
                f"Add tokenizer=tokenizer to generate()."
            )
        texts = [config.stop_strings] if isinstance(config.stop_strings, str) else list(config.stop_strings)
        found.append(partial(ends_with_text, tokenizer=tokenizer, texts=texts, start=start))
    if eos is not None:
        found.append(partial(ends_with_token, tokens=eos))
    found.extend(custom)
    if config.is_assistant and config.assistant_confidence_threshold:
        found.append(partial(unsure, threshold=config.assistant_confidence_threshold))
    return found


def ends_with_token(input_ids: Tensor, scores: Any = None, *, tokens: Tensor) -> Tensor:
    """The last token is one of `tokens` (E,)."""
    return (input_ids[:, -1:] == tokens).any(-1) if len(tokens) > 1 else input_ids[:, -1] == tokens


def ends_with_text(
    input_ids: Tensor, scores: Any = None, *, tokenizer: Any, texts: Sequence[str], start: Tensor | None = None
) -> Tensor:
    """The last token completes one of `texts`; their beginning may lie in the prompt, more may follow in the token."""
    length = input_ids.shape[1]
    tail = max(len(text.encode()) for text in texts) + 1  # a token is at least a byte; one more keeps its leading space
    ended = []
    for row, ids in enumerate(input_ids[:, -tail:].tolist()):
        if start is not None:
            ids = ids[max(0, int(start[row]) - (length - len(ids))) :]
        whole, before = (
            tokenizer.decode(part, skip_special_tokens=False, clean_up_tokenization_spaces=False)
            for part in (ids, ids[:-1])
        )
        known = len(before.rstrip("\ufffd"))  # the rest may be half a character
        ended.append(any(whole.rfind(text) + len(text) > known for text in texts if text in whole))
    return torch.tensor(ended, device=input_ids.device)


def unsure(input_ids: Tensor, scores: Any, *, threshold: float) -> Tensor:
    """The last token was less probable than `threshold`, by the recorded scores.

    Raises:
        ValueError: no scores are recorded.
    """
    if not scores:
        raise ValueError(
            "a draft's confidence is read from its scores, and none are kept.\n"
            "Add return_dict_in_generate=True and output_scores=True."
        )
    return scores[-1].softmax(-1).gather(1, input_ids[:, -1:])[:, 0] < threshold


def out_of_time(input_ids: Tensor, scores: Any = None, *, until: float) -> Tensor:
    """The clock (time.monotonic) is past `until`: all rows end."""
    return torch.full((input_ids.shape[0],), time.monotonic() > until, device=input_ids.device)
