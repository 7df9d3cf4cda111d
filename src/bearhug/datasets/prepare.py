"""Files -> Arrow on disk, once: the cache's folders, each whole or not there; and the splits cut out of them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

import pyarrow as pa

from bearhug._lib.files import replacing, replacing_folder
from bearhug._lib.progress import progress
from bearhug.datasets import remote
from bearhug.datasets.arrow import CastError, cast, unwrap
from bearhug.datasets.dataset import Dataset
from bearhug.datasets.dataset_dict import DatasetDict
from bearhug.datasets.errors import (
    DatasetGenerationCastError,
    DatasetGenerationError,
    ExpectedMoreSplitsError,
    NonMatchingSplitsSizesError,
    UnexpectedSplitsError,
)
from bearhug.datasets.features import Features, is_null
from bearhug.datasets.find import File, RepositoryFile, Source
from bearhug.datasets.fingerprint import Fingerprint, Unkeyable, key_of
from bearhug.datasets.info import DatasetInfo
from bearhug.datasets.readers import module_of, open_files
from bearhug.datasets.splits import ReadInstruction, SplitDict, SplitInfo
from bearhug.datasets.table import Mapped, read_arrow
from bearhug.datasets.writer import ArrowWriter

T = TypeVar("T")
Tables = Iterator[tuple[pa.Table, str]]  # with what an error calls them
LAYOUT = "2"  # counts up when a reader gives other tables than before
WAITING = 4  # tables that may be read ahead of each file
FAILURES = (UnicodeDecodeError, ValueError, TypeError, KeyError, EOFError, OSError, pa.ArrowException)


def cache_folder(cache_dir: str | os.PathLike | None = None) -> Path:
    """Where converted data sets lie: `cache_dir`, HF_DATASETS_CACHE, or HF_HOME/datasets."""
    if cache_dir is not None:
        return Path(cache_dir).expanduser()
    if given := os.environ.get("HF_DATASETS_CACHE"):
        return Path(given).expanduser()
    home = os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    return Path(home).expanduser() / "datasets"


# ---- converting


@dataclass
class Prepared:
    """A converted data set: its folder, what is known of it, and what `explain` calls its splits."""

    folder: Path
    info: DatasetInfo
    label: Callable[[str], str] = str

    def key(self, split: str) -> Fingerprint:
        """The key of a split's content: the same rows and types give the same, wherever they were read from."""
        return Fingerprint(make=lambda: _content_key(self.folder / f"{split}.arrow"))


def _content_key(path: Path) -> str:
    """A digest of a file's bytes, kept beside it once somebody has asked."""
    beside = path.with_suffix(".key")
    if beside.is_file():
        return beside.read_text("utf-8")
    key = hashlib.sha256(memoryview(Mapped(path).buffer)).hexdigest()[:32]
    with contextlib.suppress(OSError), replacing(beside, "w", encoding="utf-8") as file:
        file.write(key)
    return key


def is_prepared(folder: Path) -> bool:
    """Whether a converted data set lies in this folder; a folder appears whole or not at all."""
    return (folder / "prepared.json").is_file()


def open_prepared(folder: Path) -> Prepared:
    """The converted data set in a folder."""
    return Prepared(folder, DatasetInfo.from_dict(json.loads((folder / "prepared.json").read_text("utf-8"))))


def prepare(
    folder: Path, splits: dict[str, Callable[[ArrowWriter], Tables]], info: DatasetInfo, features: Features | None, *,
    fresh: bool = False,
) -> Prepared:  # fmt: skip
    """Write the tables of each split into a new folder.

    Raises:
        DatasetGenerationError: they cannot be read or joined; the message names the file.
    """
    made = SplitDict()
    with contextlib.suppress(_AlreadyThere), replacing_folder(folder) as temporary:
        for split, tables in splits.items():
            with ArrowWriter(temporary / f"{split}.arrow", features, loose=True, sync=False) as writer:
                for table, where in tables(writer):
                    try:
                        writer.write(table, where=where)
                    except FAILURES as error:
                        raise failed(error) from None
                if writer.features is None:
                    raise DatasetGenerationError(
                        f"An error occurred while generating the dataset: there are no rows in the split {split!r}."
                    )
            features = writer.features if features is None else features
            size = (temporary / f"{split}.arrow").stat().st_size
            made[split] = SplitInfo(split, size, writer.rows, dataset_name=info.dataset_name)
            info.features = writer.features
        info.splits = made
        info.dataset_size = sum(one.num_bytes for one in made.values())
        info.size_in_bytes = (info.download_size or 0) + info.dataset_size
        with open(temporary / "prepared.json", "w", encoding="utf-8") as out:
            json.dump(info.to_dict(), out)
        if not fresh and is_prepared(folder):
            raise _AlreadyThere  # another process was faster; its files may be open
    return open_prepared(folder)


class _AlreadyThere(Exception):
    """Another process has converted the same files meanwhile."""


def failed(error: Exception, where: str = "") -> DatasetGenerationError:
    """The error of a file that cannot be read, or does not fit."""
    kind = DatasetGenerationCastError if isinstance(error, CastError) else DatasetGenerationError
    return kind(f"An error occurred while generating the dataset: {f'{where}: ' if where else ''}{error}")


def verify(expected: SplitDict | None, found: SplitDict | None) -> None:
    """Compare the splits with those that the card announces.

    Raises:
        SplitsVerificationError: they differ.
    """
    if not expected or found is None:
        return
    way = "Load it all the same with verification_mode='no_checks'."
    if missing := [name for name in expected if name not in found]:
        raise ExpectedMoreSplitsError(f"The card announces the splits {missing}, which are not there. {way}")
    if extra := [name for name in found if name not in expected]:
        raise UnexpectedSplitsError(f"The splits {extra} are not announced by the card. {way}")
    wrong = {
        name: {"expected": expected[name].num_examples, "recorded": found[name].num_examples}
        for name in expected
        if expected[name].num_examples != found[name].num_examples
    }
    if wrong:
        raise NonMatchingSplitsSizesError(f"The numbers of rows are not those that the card announces: {wrong}. {way}")


def slug(name: str) -> str:
    """A name as part of a folder's."""
    return "".join(one if one.isalnum() or one in "._-" else "_" for one in name)[-60:] or "data"


# ---- files


def source_folder(source: Source, cache: Path) -> Path:
    """Where the converted files of a source lie; the name says which files, in which state, read how."""
    stamps = [(split, *_stamp(file, source, cache)) for split, files in source.files.items() for file in files]
    features = source.features.to_dict() if source.features is not None else None
    options = getattr(module_of(source.kind), "key", dict)(source.options)
    try:
        key = key_of(LAYOUT, source.kind, source.config, stamps, sorted(options.items()), features)[:16]
    except Unkeyable as error:
        print(f"load_dataset: the data is converted each time, because {error}: no key can be made of that.")
        key = os.urandom(8).hex()
    return cache / "bearhug" / f"{slug(Path(source.name).name)}-{slug(source.config)}-{key}"


def _stamp(file: File, source: Source, cache: Path) -> tuple:
    if isinstance(file, RepositoryFile) and (known := file.version()):
        return file.name, known
    real = local(file, source, cache).resolve()
    if real.is_dir():
        parts = sorted(one for one in real.rglob("*") if one.is_file())
        return str(real), *[(one.name, one.stat().st_size, one.stat().st_mtime_ns) for one in parts]
    stat = real.stat()
    return str(real), stat.st_size, stat.st_mtime_ns


def local(file: File, source: Source, cache: Path, *, fresh: bool = False) -> Path:
    """Where a file lies on this machine; fetched where it has to be."""
    if isinstance(file, RepositoryFile):
        return file.path()
    if isinstance(file, str):
        return remote.fetch(file, cache, source.storage_options, source.token, fresh=fresh)
    return file


def read_split(source: Source, split: str, cache: Path, workers: int, fresh: bool) -> Callable[[ArrowWriter], Tables]:
    """The tables of a split's files, read ahead in threads, in the files' order."""

    def tables(writer: ArrowWriter) -> Tables:
        files = source.files[split]
        if not files:
            yield from ((table, "") for table in read_file(source, ""))
            return
        paths = [local(file, source, cache, fresh=fresh) for file in files]
        together = getattr(module_of(source.kind), "units", None)
        units: list[Any] = together(paths) if together is not None else paths
        parts = [unit if isinstance(unit, list) else [unit] for unit in units]
        sizes = [sum(path.stat().st_size for path in part) for part in parts]
        with progress(total=sum(sizes), desc=f"Generating {split} split", unit="B", unit_scale=True) as bar:
            for i, table in ahead([lambda unit=unit: read_file(source, unit) for unit in units], workers):
                if table is None:
                    bar.update(sizes[i])
                else:
                    yield table, f"{parts[i][0].name}, rows from {writer.rows}"
        if source.kind == "csv" and source.features is None:  # columns without any value are fractions, as in pandas
            unseen = [name for name, feature in (writer.features or {}).items() if is_null(feature)]
            if unseen:
                yield pa.table({name: pa.array([], pa.float64()) for name in unseen}), ""

    return tables


def ahead(makers: Sequence[Callable[[], Iterator[T]]], workers: int) -> Iterator[tuple[int, T | None]]:
    """What iterators give, one after the other, with their number; each ends with None. Threads work ahead."""
    stop = threading.Event()
    places = [threading.Semaphore(WAITING) for _ in makers]
    made: list[SimpleQueue] = [SimpleQueue() for _ in makers]

    def work(i: int) -> None:
        try:
            for item in makers[i]():
                places[i].acquire()
                if stop.is_set():
                    return
                made[i].put((item, None))
            made[i].put((None, None))
        except BaseException as error:
            made[i].put((None, error))

    with ThreadPoolExecutor(workers, thread_name_prefix="bearhug-read") as pool:
        jobs = [pool.submit(work, i) for i in range(len(makers))]
        try:
            for i in range(len(makers)):
                while True:
                    item, error = made[i].get()
                    if error is not None:
                        raise error
                    yield i, item
                    if item is None:
                        break
                    places[i].release()
        finally:
            stop.set()
            for job in jobs:
                job.cancel()
            for place in places:
                place.release()


def read_file(source: Source, path: Path | list[Path] | str, opened: Any = None) -> Iterator[pa.Table]:
    """The tables of one file, in the source's features if it has some.

    Raises:
        DatasetGenerationError: the file cannot be read; the message names it.
    """
    module = module_of(source.kind)
    where = str(path[0] if isinstance(path, list) else path) if path else source.kind
    try:
        if getattr(module, "PATHS", False) or not getattr(module, "FILES", True):
            found: Any = [(str(path), path)]
        else:
            assert not isinstance(path, list)
            found = open_files(path, source.kind, opened)
        for name, file in found:
            for table in module.read(file, name, source.features, **source.options):
                yield with_features(unwrap(table), table, source.features)
    except (DatasetGenerationError, ImportError):
        raise
    except FAILURES as error:
        bad = source.options.get("on_bad_files", "error")
        if bad == "error" or not isinstance(error, ValueError | OSError | pa.ArrowException):
            raise failed(error, where) from None
        if bad == "warn":
            from bearhug.datasets.map import log

            log.warning("Skipping bad file %r. %s: %s", where, type(error).__name__, error)


def with_features(table: pa.Table, original: pa.Table, features: Features | None) -> pa.Table:
    """A table with exactly these features; columns that it lacks are null."""
    if features is None:
        if table is original:
            return table
        return pa.table(table.columns, schema=Features.from_arrow_schema(original.schema).arrow_schema)
    extra = [name for name in table.column_names if name not in features]
    if extra:
        raise CastError(f"the columns {extra} are not among the features {list(features)}.")
    arrays = []
    for name, feature in features.items():
        given = table[name] if name in table.column_names else pa.chunked_array([pa.nulls(table.num_rows)])
        try:
            arrays.append(cast(given, feature))
        except (TypeError, ValueError, pa.ArrowException) as error:
            raise CastError(f"the column {name!r} does not become {feature}: {error}") from None
    return pa.table(arrays, schema=features.arrow_schema)


# ---- cutting


def cut(prepared: Prepared, split: Any, in_memory: bool = False) -> Any:
    """The splits as they were asked for: all of them, one, a slice, or a list or dict of those.

    Raises:
        ValueError: there is no such split, or no row in the slice.
    """
    if split is None:
        return DatasetDict({name: _dataset(prepared, name, in_memory) for name in prepared.info.splits or {}})
    if isinstance(split, list | tuple):
        return [cut(prepared, one, in_memory) for one in split]
    if isinstance(split, dict):
        return DatasetDict({name: cut(prepared, one, in_memory) for name, one in split.items()})
    return _dataset(prepared, split, in_memory)


def _dataset(prepared: Prepared, split: Any, in_memory: bool) -> Dataset:
    assert prepared.info.splits is not None
    lengths = {name: one.num_examples for name, one in prepared.info.splits.items()}
    if str(split) == "all":
        split = "+".join(lengths)
    pieces = ReadInstruction.from_spec(split).to_absolute(lengths)
    tables, mapped = [], {}
    for name, start, stop in pieces:
        table, file = read_arrow(prepared.folder / f"{name}.arrow", in_memory=in_memory)
        if file is not None:
            mapped[file.path] = file
        tables.append(table.slice(start, stop - start))
    if not sum(table.num_rows for table in tables):
        raise ValueError(f'Instruction "{split}" corresponds to no data! The splits have {lengths} rows.')
    table = tables[0] if len(tables) == 1 else pa.concat_tables(tables)
    key = prepared.key(pieces[0][0])
    if len(pieces) > 1 or pieces[0][1:] != (0, lengths[pieces[0][0]]):
        parents = tuple(prepared.key(name) for name, _, _ in pieces)
        key = Fingerprint(make=lambda *keys: key_of(keys, pieces), parents=parents)
    info = prepared.info.copy()
    info.features = None
    out = Dataset(table, info, str(split), fingerprint=key)
    out._mapped = tuple(mapped.values())
    out._steps = ((prepared.label(str(split)), key),)
    return out
