"""A job on a Ray cluster: the rows travel to the tasks and the results back, so no disk needs to be shared.

The pieces come back in order and are written here, as those of one process are: the file, its key, and where it goes
on after it was cut off are the same.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bearhug.datasets.disk import estimate_bytes
from bearhug.datasets.job import Job
from bearhug.datasets.workers import revived, sendable

PIECE_BYTES = 64 << 20  # the most that a task is sent


def run(job: Job, rows: range, tasks: int | None) -> Iterator[tuple[int, list | None, str]]:
    """What `job.run(rows)` gives, computed by so many tasks at a time (default: all CPUs of the cluster).

    Connects to the cluster that `ray.init` or RAY_ADDRESS names; where there is none, Ray starts one on this machine.

    Raises:
        ImportError: Ray is not installed.
        RuntimeError: a task was lost more often than Ray tries again; the message names its rows.
    """
    try:
        import ray
        from ray.exceptions import RayError
    except ImportError:
        raise ImportError("engine='ray' needs Ray: pip install 'bearhug[ray]'.") from None
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    tasks = tasks or max(1, int(ray.cluster_resources().get("CPU", 1)))
    task: Any = ray.remote(num_cpus=1, max_retries=2)(_task)
    function = ray.put(replace(job, dataset=None))  # pyright: ignore[reportArgumentType] - it comes with each task
    waiting: deque[tuple[range, Any]] = deque()
    pieces = enumerate(_pieces(job, rows, tasks))
    try:
        while True:
            while len(waiting) < 2 * tasks and (piece := next(pieces, None)) is not None:
                number, part = piece
                waiting.append(
                    (part, task.remote(function, _shipped(job, part), part.start, len(part), number % tasks))
                )
            if not waiting:
                return
            part, result = waiting[0]
            try:
                kind, value = ray.get(result)
            except RayError as error:
                raise RuntimeError(
                    f"{job.kind}: the Ray task of {job.name} for rows {part.start} to {part.stop - 1} was lost: {error}"
                ) from None
            if kind == "error":
                raise revived(*value)
            waiting.popleft()
            job.note_fit(value[1])
            yield from value[0]
    finally:
        for _, result in waiting:
            ray.cancel(result, force=True)


def _pieces(job: Job, rows: range, tasks: int) -> Iterator[range]:
    """Rows for one task each: whole batches, a few tasks for each CPU, none too large to send."""
    unit = job.batch_size if job.batched else job.gathered
    each = max(1, estimate_bytes(job.dataset) // max(1, len(job.dataset)))
    most = max(1, min(len(rows) // (4 * tasks), PIECE_BYTES // each))
    size = max(1, most // unit) * unit
    for start in range(rows.start, rows.stop, size):
        yield range(start, min(start + size, rows.stop))


def _shipped(job: Job, rows: range) -> Any:
    """A data set of these rows that rests on no file."""
    piece = copy.copy(job.dataset)
    piece._data, piece._order, piece._mapped = job.dataset._table_of(rows), None, ()
    piece._forget()
    return piece


def _task(job: Job, piece: Any, start: int, count: int, rank: int) -> tuple[str, Any]:
    """What one task does."""
    try:
        here = replace(job, dataset=piece, offset=start, fitted={})
        return "made", (list(here.run(range(count), rank)), here.fitted)
    except Exception as error:
        return "error", sendable(error)
