"""A text -> tensors that fit the model: what the text tasks share."""

import inspect
from collections.abc import Iterable
from functools import lru_cache
from typing import Any


def encode(pipe: Any, *texts: Any, **options: Any) -> dict[str, Any]:
    """The tokenizer's output for one text (or a pair), as tensors (1, T).

    Raises:
        ValueError: no tokens, or more than the model has positions.
    """
    encoded = dict(pipe.tokenizer(*texts, **{"return_tensors": "pt", **options}))
    count, most = encoded["input_ids"].shape[-1], getattr(pipe.model, "position_limit", None)
    if count == 0:
        raise ValueError(
            f"the text {texts[0] if texts else options.get('text')!r} has no tokens; give at least a word."
        )
    if most is not None and count > most:
        raise ValueError(
            f"the text has {count} tokens, and the model reads {most} at most.\n"
            f"Cut it with pipe(text, truncation=True, max_length={most}), or give it piece by piece."
        )
    return encoded


def decode(tokenizer: Any, ids: Iterable[int], **options: Any) -> str:
    """Ids -> text. An id beyond the vocabulary, of a row that only fills up the model's table, has none."""
    return tokenizer.decode([token for token in ids if token < len(tokenizer)], **options)


def tokenizer_options(tokenizer: Any) -> Iterable[str]:
    """The keywords of a tokenizer's call, without its texts."""
    return _call_options(type(tokenizer))


@lru_cache
def _call_options(kind: type) -> tuple[str, ...]:
    parameters = inspect.signature(kind.__call__).parameters.values()
    texts = ("self", "text", "text_pair", "text_target", "text_pair_target")
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return tuple(one.name for one in parameters if one.name not in texts and one.kind not in kinds)
