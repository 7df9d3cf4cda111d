"""Progress bars switched off and on for the whole process, and the bar that obeys the switch."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

from tqdm.auto import tqdm as plain_tqdm

from bearhug._lib import progress

SETTING = "HF_DATASETS_DISABLE_PROGRESS_BARS"


def _setting() -> bool | None:
    """What the environment says; it goes before the program."""
    value = os.environ.get(SETTING)
    return None if value is None else value.upper() in ("1", "ON", "YES", "TRUE")


def disable_progress_bars() -> None:
    """Show no bars, unless the environment says HF_DATASETS_DISABLE_PROGRESS_BARS=0."""
    if _setting() is False:
        warnings.warn(f"Cannot disable progress bars: {SETTING}=0 is set and has priority.", stacklevel=2)
    else:
        progress.hidden = True


def enable_progress_bars() -> None:
    """Show bars again, unless the environment says HF_DATASETS_DISABLE_PROGRESS_BARS=1."""
    if _setting() is True:
        warnings.warn(f"Cannot enable progress bars: {SETTING}=1 is set and has priority.", stacklevel=2)
    else:
        progress.hidden = False


def are_progress_bars_disabled() -> bool:
    """Whether bars were switched off, by the program or the environment."""
    return progress.hidden or _setting() is True


def is_progress_bar_enabled() -> bool:
    """The contrary of `are_progress_bars_disabled`."""
    return not are_progress_bars_disabled()


disable_progress_bar, enable_progress_bar = disable_progress_bars, enable_progress_bars


class tqdm(plain_tqdm):
    """tqdm's bar, silent where bars are switched off."""

    def __init__(self, *args: Any, **kwargs: Any):
        if are_progress_bars_disabled():
            kwargs["disable"] = True
        super().__init__(*args, **kwargs)


def experimental(fn: Callable) -> Callable:
    """A function that says in a warning, when it is called, that it may change."""

    @wraps(fn)
    def said(*args: Any, **kwargs: Any) -> Any:
        warnings.warn(
            f"'{fn.__name__}' is experimental and might be subject to breaking changes in the future.",
            UserWarning,
            stacklevel=2,
        )
        return fn(*args, **kwargs)

    return said
