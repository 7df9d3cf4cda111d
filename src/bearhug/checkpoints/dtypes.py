"""The dtype that a checkpoint's weights are loaded in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def wanted_dtype(given: Any, config: Any, weights: Mapping[str, Tensor]) -> torch.dtype | None:
    """The dtype to load in: given, the config's, or that of the first floating tensor."""
    if given is not None and given != "auto":
        return named_dtype(given)
    if config.dtype is not None:
        return config.dtype
    return next((weights[name].dtype for name in weights if weights[name].is_floating_point()), None)


def named_dtype(given: Any) -> torch.dtype:
    """A floating dtype from its name."""
    found = getattr(torch, given.removeprefix("torch."), None) if isinstance(given, str) else given
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ValueError(f"dtype={given!r} is none; write torch.bfloat16, torch.float16, torch.float32 or 'auto'.")
    return found
