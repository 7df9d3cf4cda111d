"""Writing that is all or nothing (a temporary name, fsync, rename), and paths that stay in their folder."""

import contextlib
import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # no such locks here
    fcntl = None


@contextmanager
def replacing(path: str | os.PathLike, mode: str = "wb", **options) -> Iterator:
    """Open a temporary file beside `path`; on a clean exit it takes the name, on an error nothing is left.

    Raises:
        OSError: the folder cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, mode, **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes private files
        os.replace(temporary, path)
        sync_folder(path.parent)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def replacing_folder(path: str | os.PathLike, *, resume: str | None = None) -> Iterator[Path]:
    """A temporary folder beside `path`; on a clean exit it takes the name (an older folder there is removed).

    Args:
        resume: a key of the content. The temporary folder bears it, and one of the same key that a killed process
            left comes back with what is in there; those of other keys are removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, lock = _taken_up(path, resume) if resume and fcntl is not None else (None, None)
    if temporary is None:
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                with open(file, "rb") as written:
                    os.fsync(written.fileno())
        os.chmod(temporary, 0o777 & ~_umask())
        if path.exists() and _exchange(temporary, path):
            shutil.rmtree(temporary)
        elif path.exists():
            old = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.old."))
            os.replace(path, old / path.name)
            os.replace(temporary, path)
            shutil.rmtree(old)
        else:
            os.replace(temporary, path)
        sync_folder(path.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    finally:
        if lock is not None:
            os.close(lock)


def _taken_up(path: Path, key: str) -> tuple[Path | None, int | None]:
    """The temporary folder of this key, and its lock; (None, None) where another process has it."""
    start = f".{path.name}.half-"
    ours = path.with_name(start + key)
    ours.mkdir(exist_ok=True)
    taken = None
    for one in [one for one in path.parent.iterdir() if one.name.startswith(start)]:
        with contextlib.suppress(OSError):
            lock = os.open(one, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # pyright: ignore[reportOptionalMemberAccess]
                same = os.path.samestat(os.fstat(lock), os.stat(one))
            except OSError:
                same = False
            if same and one == ours:
                taken = lock
                continue
            if same:
                shutil.rmtree(one, ignore_errors=True)
            os.close(lock)
    return (None, None) if taken is None else (ours, taken)


def _exchange(first: Path, second: Path) -> bool:
    """Let two folders change their names at once, where the system can."""
    if sys.platform != "linux":
        return False
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    call = getattr(ctypes.CDLL(None), "renameat2", None)
    return call is not None and call(here, os.fsencode(first), here, os.fsencode(second), swap) == 0


def inside(folder: str | os.PathLike, name: str) -> Path:
    """`folder/name`, refused when it would lie outside of the folder.

    Raises:
        ValueError: the name is absolute or climbs out with `..`.
    """
    folder = Path(folder)
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError(
            f"the file name {name!r} leads out of its folder {str(folder)!r}; names in a repository are relative."
        )
    return folder / name


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder survive a power cut, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
