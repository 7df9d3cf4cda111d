"""Ours and theirs, interleaved in one run: the ratio, and the physical limit beside it.

    paired("encode, one thread", unit="MB/s", work=10, ours=..., theirs=..., limit=bandwidth() / 1e6)

Each side runs in turn, `rounds` times after one warm-up; the figure is the median, the spread is in brackets. CPU time
of this process (all its threads) is measured where `clock="cpu"`, so that a busy neighbour does not speak for one side.
"""

import statistics
import time
from collections.abc import Callable

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def paired(
    question: str,
    *,
    ours: Callable[[], object],
    theirs: Callable[[], object] | None = None,
    unit: str = "ms",
    work: float = 1.0,
    limit: float | None = None,
    rounds: int = 7,
    clock: str = "wall",
) -> float | None:
    """Print one line and return the ratio (above 1: ours is faster).

    Args:
        unit: "s", "ms" or "us" for the time of one piece of work; anything else is a rate, work per second.
        work: how many pieces (or MB, tokens, rows) one call does.
        limit: what the machine allows, in `unit`; printed beside the figures.
    """
    sides = {"ours": ours} | ({"theirs": theirs} if theirs else {})
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    now = CLOCKS[clock]
    for call in sides.values():
        call()
    for round_ in range(rounds):
        for name in sides if round_ % 2 == 0 else reversed(sides):
            start = now()
            sides[name]()
            seconds[name].append(now() - start)
    figures = {name: sorted(_figure(value, unit, work) for value in values) for name, values in seconds.items()}
    text = "   ".join(
        f"{name} {statistics.median(values):.4g} [{values[0]:.4g} to {values[-1]:.4g}]"
        for name, values in figures.items()
    )
    ratio = statistics.median(seconds["theirs"]) / statistics.median(seconds["ours"]) if theirs else None
    print(
        f"{question} ({unit}, {clock}): {text}"
        + (f"   ratio {ratio:.2f}" if ratio else "")
        + (f"   limit {limit:.4g}" if limit is not None else ""),
        flush=True,
    )
    return ratio


def _figure(seconds: float, unit: str, work: float) -> float:
    scale = {"s": 1.0, "ms": 1e3, "us": 1e6}.get(unit)
    return work / seconds if scale is None else scale * seconds / work


def bandwidth() -> float:
    """Bytes per second of one pass over memory (a large copy reads and writes: both counted)."""
    import numpy as np

    source = np.ones(64 << 20, dtype=np.uint8)
    target = np.empty_like(source)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - start)
    return 2 * source.nbytes / best
