"""A job in several processes: each takes its rows, writes its own file, and tells how far it is.

The processes are forked where the system can (Linux), so that any function can be sent; elsewhere, and where
`multiprocessing.set_start_method` says so, they are spawned, and the function is pickled. Nobody waits for a process
that has died, and none outlives the one that started it.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bearhug.datasets.job import Job


class Workers:
    """Processes that each run a job over their rows; the first error in one ends all and is raised here.

    Args:
        todo: (rank, rows, path) of each part.
        at_once: so many processes live at a time.
        key: what the parts are written under.
        resume: whether a part that was cut off is taken up.
    """

    def __init__(self, job: Job, todo: list, at_once: int, key: str | None, resume: bool):
        kind = multiprocessing.get_start_method(allow_none=True) or ("fork" if sys.platform == "linux" else "spawn")
        self.context: Any = multiprocessing.get_context(kind)
        self.processes: dict[Any, Any] = {}  # a pipe's end -> its process
        self.todo, self.at_once = todo, at_once
        self.job, self.key, self.resume = job, key, resume
        self.sent: Any = job if kind == "fork" else _packed(job)

    def run(self, done: Callable[[int], Any]) -> bool:
        """Wait for all; whether they wrote something."""
        job = self.job
        _ = job.dataset._batches, job.dataset._view  # made once, before the fork
        wrote = False
        todo = list(reversed(self.todo))
        try:
            while todo or self.processes:
                while todo and len(self.processes) < self.at_once:
                    self._start(*todo.pop())
                ready: Any = multiprocessing.connection.wait(list(self.processes))
                for pipe in ready:
                    process, rank, rows = self.processes[pipe]
                    try:
                        kind, value = pipe.recv()
                    except (EOFError, OSError):
                        process.join()
                        raise RuntimeError(_death(job, rank, rows, process)) from None
                    if kind == "rows":
                        done(value)
                    elif kind == "error":
                        raise revived(*value)
                    else:
                        wrote = wrote or value[0]
                        job.note_fit(value[1])
                        process.join()
                        pipe.close()
                        del self.processes[pipe]
            return wrote
        finally:
            for process, _, _ in self.processes.values():
                process.terminate()
            for pipe, (process, _, _) in self.processes.items():
                process.join(5)
                if process.is_alive():
                    process.kill()
                    process.join()
                pipe.close()

    def _start(self, rank: int, rows: range, path: str) -> None:
        ours, theirs = self.context.Pipe(duplex=False)
        arguments = (theirs, self.sent, rows, rank, path, self.key, self.resume, os.getpid())
        process = self.context.Process(target=_work, args=arguments, daemon=True)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
            warnings.filterwarnings("ignore", message=".*fork.*", category=RuntimeWarning)  # jax's: no array is used
            process.start()
        theirs.close()
        self.processes[ours] = (process, rank, rows)


def _packed(job: Job) -> bytes:
    """A job as bytes, for a process that shares no memory: functions of a module by name, others by content."""
    try:
        return pickle.dumps(job)
    except Exception as error:
        try:
            import cloudpickle

            return cloudpickle.dumps(job)
        except ImportError:
            said: Any = error
        except Exception as deeper:
            said = deeper
        raise TypeError(
            f"{job.name} cannot be sent to other processes ({said}).\n"
            "Define it at the top of a module, or `pip install cloudpickle`, or leave num_proc out."
        ) from None


def _death(job: Job, rank: int, rows: range, process: Any) -> str:
    return (
        f"One of the subprocesses has abruptly died during map operation: process {rank} of {job.name} ({job.kind}, "
        f"rows {rows.start} to {rows.stop - 1}) ended with code {process.exitcode} before it was done; -9 is often the "
        "system's answer to too little memory.\n"
        "To debug the error, disable multiprocessing. The same call again goes on with what was done."
    )


def _work(
    pipe: Any, sent: Job | bytes, rows: range, rank: int, path: str, key: str | None, resume: bool, parent: int
) -> None:
    """What one process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    signal.signal(signal.SIGTERM, _end)  # by this, so that what was begun is cleared away
    _end_with(parent)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)  # thread pools do not survive a fork
    try:
        job: Any = pickle.loads(sent) if isinstance(sent, bytes) else sent
        from bearhug.datasets.map import write_result

        wrote = write_result(job, rows, rank, path, key, lambda count: pipe.send(("rows", count)), resume=resume)
        pipe.send(("done", (wrote is not None, job.fitted)))
    except _Ended:
        pass
    except BaseException as error:
        pipe.send(("error", sendable(error)))
    finally:
        pipe.close()


class _Ended(BaseException):
    """The parent wants no more."""


def _end(*_: Any) -> None:
    raise _Ended


def sendable(error: BaseException) -> tuple[bytes, str, list[str]]:
    """An exception as bytes, with its traceback and notes."""
    text = "".join(traceback.format_exception(error))
    try:
        raw = pickle.dumps(error)
        pickle.loads(raw)
    except Exception:
        raw = pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    return raw, text, getattr(error, "__notes__", [])


def _end_with(parent: int) -> None:
    """Let this process end when its parent does, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)


def revived(raw: bytes, text: str, notes: list[str]) -> BaseException:
    """An exception of another process, with its traceback as a note."""
    error = pickle.loads(raw)
    error.__notes__ = []
    for note in [*notes, f"In the process that failed:\n{text}"]:
        error.add_note(note)
    return error
