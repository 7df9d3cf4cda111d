"""Progress bars on long work: one look everywhere, silent where there is no terminal."""

import os
import sys
from collections.abc import Iterable
from typing import Any


def progress(
    items: Iterable | None = None, *, total: int | None = None, desc: str = "", unit: str = "it", **options: Any
):
    """A tqdm bar over `items`, or one to `update` by hand.

    Quiet when standard error is no terminal, and when BEARHUG_PROGRESS or HF_DATASETS_DISABLE_PROGRESS_BARS says so.
    """
    from tqdm.auto import tqdm

    shown = not options.pop("disable", False) and wanted()
    return tqdm(items, total=total, desc=desc, unit=unit, disable=not shown, leave=False, **options)


hidden = False  # what a program asked for; see bearhug.datasets.disable_progress_bars


def wanted() -> bool:
    """Whether bars are shown: not where a program said no; BEARHUG_PROGRESS=1 or 0, else whether a person sees them."""
    if hidden:
        return False
    setting = os.environ.get("BEARHUG_PROGRESS", "")
    if setting:
        return setting not in ("0", "false")
    if os.environ.get("HF_DATASETS_DISABLE_PROGRESS_BARS") or os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS"):
        return False
    return sys.stderr is not None and sys.stderr.isatty()
