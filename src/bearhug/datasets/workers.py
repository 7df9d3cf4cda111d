"""A job in several processes: each takes its rows, writes its own file, and tells how far it is.

The processes are forked where the system can (Linux), so that any function can be sent; elsewhere they are spawned,
and the function must be one that pickles. Nobody waits for a process that has died.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import pickle
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bearhug.datasets.map import Job


class Workers:
    """Processes that each run a job over their rows; the first error in one ends all and is raised here."""

    def __init__(self, job: Job, todo: list, key: str | None):
        kind = "fork" if sys.platform == "linux" else "spawn"
        self.context: Any = multiprocessing.get_context(kind)
        self.processes: dict[Any, Any] = {}  # a pipe's end -> its process
        self.job, self.todo, self.key = job, todo, key
        if kind == "spawn":
            try:
                pickle.dumps(job.function)
            except Exception as error:
                raise TypeError(
                    f"{job.name} cannot be sent to other processes ({error}); define it at the top of a module, or "
                    "leave num_proc out."
                ) from None

    def run(self, done: Callable[[int], Any]) -> bool:
        """Wait for all; whether they wrote something."""
        job = self.job
        _ = job.dataset._batches, job.dataset._view  # made once, before the fork
        wrote = False
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
                for rank, rows, path in self.todo:
                    ours, theirs = self.context.Pipe(duplex=False)
                    process = self.context.Process(
                        target=_work, args=(theirs, job, rows, rank, path, self.key), daemon=True
                    )
                    process.start()
                    theirs.close()
                    self.processes[ours] = (process, rank, rows)
            waiting = set(self.processes)
            while waiting:
                ready: Any = multiprocessing.connection.wait(list(waiting))
                for pipe in ready:
                    process, rank, rows = self.processes[pipe]
                    try:
                        kind, value = pipe.recv()
                    except EOFError:
                        process.join()
                        raise RuntimeError(
                            f"{job.kind}: process {rank} of {job.name} (rows {rows.start} to {rows.stop - 1}) "
                            "ended with code "
                            f"{process.exitcode} before it was done; -9 is often the system's answer to too little "
                            "memory."
                        ) from None
                    if kind == "rows":
                        done(value)
                    elif kind == "error":
                        raise _revived(*value)
                    else:
                        wrote = wrote or value
                        waiting.discard(pipe)
            for process, _, _ in self.processes.values():
                process.join()
            return wrote
        finally:
            for pipe, (process, _, _) in self.processes.items():
                if process.is_alive():
                    process.terminate()
                process.join(5)
                pipe.close()


def _work(pipe: Any, job: Job, rows: range, rank: int, path: str, key: str | None) -> None:
    """What one process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)  # thread pools do not survive a fork
    try:
        from bearhug.datasets.map import write_result

        wrote = write_result(job, rows, rank, path, key, lambda count: pipe.send(("rows", count)))
        pipe.send(("done", wrote is not None))
    except BaseException as error:
        text = "".join(traceback.format_exception(error))
        try:
            raw = pickle.dumps(error)
            pickle.loads(raw)
        except Exception:
            raw = pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
        pipe.send(("error", (raw, text, getattr(error, "__notes__", []))))
    finally:
        pipe.close()


def _revived(raw: bytes, text: str, notes: list[str]) -> BaseException:
    """An exception of another process, with its traceback as a note."""
    error = pickle.loads(raw)
    error.__notes__ = []
    for note in [*notes, f"In the process that failed:\n{text}"]:
        error.add_note(note)
    return error
