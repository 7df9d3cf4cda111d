"""map and filter: find the result of a function over a data set, or compute it, in one process or several.

The result of a data set that rests on files is a file beside them, named by the key of the data set and of the
function (see fingerprint.py); the file appears whole or not at all, so processes that compute the same thing do not
disturb each other. How the function meets the rows stands in job.py; how work that was cut off goes on, in writer.py.
"""

from __future__ import annotations

import atexit
import logging
import os
import re
import shutil
import string
import tempfile
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bearhug._lib.progress import progress
from bearhug.datasets.arrow import cast
from bearhug.datasets.features import Features, List
from bearhug.datasets.fingerprint import Unkeyable, is_caching_enabled, key_of
from bearhug.datasets.job import Job
from bearhug.datasets.table import read_arrow
from bearhug.datasets.workers import Workers
from bearhug.datasets.writer import ArrowWriter, widened

if TYPE_CHECKING:
    from bearhug.datasets.dataset import Dataset

log = logging.getLogger("bearhug.datasets")


def batch_rows(dataset: Dataset, batch_size: int | None, by_column: str | list[str] | None, drop_last: bool) -> Dataset:
    """Rows grouped into rows of lists. `Dataset.batch` is this."""
    if batch_size is None and by_column is None:
        raise ValueError("batch needs batch_size or by_column: ds.batch(8), or ds.batch(by_column='document').")
    features = Features({name: List(feature) for name, feature in dataset.features.items()})
    base = dataset.with_format("arrow")
    if by_column is None:
        assert batch_size is not None
        out = base.map(_grouped, batched=True, batch_size=batch_size, drop_last_batch=drop_last, features=features)
        return out.with_format(**dataset.format) if dataset._format_type else out.with_format(None)
    names = [by_column] if isinstance(by_column, str) else list(by_column)
    dataset._known(names)
    values = dataset.select_columns(names).with_format(None)[:]
    keys = list(zip(*[values[name] for name in names], strict=True))
    cuts = [0, *(i for i in range(1, len(keys)) if keys[i] != keys[i - 1]), len(keys)]
    table = dataset._table_of(range(len(dataset))).combine_chunks()
    arrays = []
    for name in table.column_names:
        one = table.column(name).combine_chunks()
        one = one.chunk(0) if isinstance(one, pa.ChunkedArray) else one
        arrays.append(pa.ListArray.from_arrays(pa.array(cuts, pa.int32()), one))
    out = dataset._with_table(
        f"batch(by_column={names})", pa.table(arrays, names=table.column_names), features, names, _order=None
    )
    return out


def _grouped(table: pa.Table) -> pa.Table:
    arrays = []
    for one in table.columns:
        values = one.combine_chunks()
        values = values.chunk(0) if isinstance(values, pa.ChunkedArray) else values
        arrays.append(pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values))
    return pa.table(arrays, names=table.column_names)


def same(row: Any, *extra: Any) -> Any:
    """The function that hands rows on."""
    return row


def yes(row: Any, *extra: Any) -> bool:
    """The function that keeps every row."""
    return True


def perform(
    job: Job,
    keep_in_memory: bool,
    load_from_cache_file: bool | None,
    cache_file_name: str | os.PathLike | None,
    num_proc: int | None,
    suffix: str,
    new_fingerprint: str | None,
    desc: str | None,
    engine: str | None = None,
) -> Dataset:
    """Find the result of a job, or compute it."""
    if {name for _, name, _, _ in string.Formatter().parse(suffix) if name} != {"rank", "num_proc"}:
        raise ValueError(f"suffix_template must contain exactly the fields 'rank' and 'num_proc', got: {suffix!r}")
    if engine not in (None, "ray"):
        raise ValueError(f"engine={engine!r} is none that map knows; give engine='ray', or num_proc= for this machine.")
    base = job.dataset
    if num_proc and num_proc > len(base) and engine is None:
        log.warning("num_proc=%d is more than there are rows; %d processes are used.", num_proc, len(base))
        num_proc = len(base)
    reuse = is_caching_enabled() if load_from_cache_file is None else load_from_cache_file
    key, path = new_fingerprint, None if cache_file_name is None else os.fspath(cache_file_name)
    if key is not None and not (0 < len(key) <= 64 and _BAD.isdisjoint(key)):
        raise ValueError(
            f"new_fingerprint={key!r} becomes part of a file's name, so it has 1 to 64 characters and none of "
            f"{' '.join(sorted(_BAD))}."
        )
    if path is not None and not os.path.splitext(path)[1]:
        raise ValueError(f"Expected cache_file_name to have an extension, but got: {path}; write {path + '.arrow'!r}.")
    if not keep_in_memory and (path is not None or base._mapped):
        if key is None:
            key = _key(job)
        if path is None:
            folder = os.path.dirname(base._mapped[0].path) if key and is_caching_enabled() else _temporary_folder()
            if not os.access(folder, os.W_OK):
                folder = _temporary_folder()
            path = os.path.join(folder, f"cache-{key or os.urandom(8).hex()}.arrow")
    step = f"{job.kind}({job.name}{', batched' if job.batched else ''})"
    reuse = reuse and path is not None and bool(key or cache_file_name)
    count = (num_proc or 1) if engine is None else 1
    if reuse:
        count = _earlier(str(path), suffix, count)
    ranges = _shards(len(base), count)
    paths: list[str | None] = [path] * count
    if path is not None and count > 1:
        stem, end = os.path.splitext(path)
        paths = [stem + suffix.format(rank=i, num_proc=count) + end for i in range(count)]
    todo = [i for i, one in enumerate(paths) if not (reuse and os.path.exists(str(one)))]
    if not todo:
        log.info("Loading cached processed dataset at %s", paths[0])
        return _result(job, paths, step, key, in_memory=False)
    with progress(total=len(base), desc=desc or job.kind.capitalize(), unit=" examples") as bar:
        if len(todo) < count:
            log.info("Reprocessing %d/%d shards because some were missing from the cache.", len(todo), count)
            bar.update(len(base) - sum(len(ranges[i]) for i in todo))
        if num_proc and engine is None:
            return _in_processes(job, [(i, ranges[i], paths[i]) for i in todo], paths, num_proc, reuse, step, key, bar)
        parts: list[Any] = list(paths)
        for i in todo:
            rank = i if count > 1 else None
            writer = write_result(
                job, ranges[i], rank, paths[i], key, bar.update, resume=reuse, engine=engine, tasks=num_proc
            )
            if writer is None:
                return base
            if path is None:
                parts[i] = writer
    _say_fit(job)
    return _result(job, parts, step, key, in_memory=path is None)


_BAD = frozenset('<>:/\\|?*"')


def _earlier(path: str, suffix: str, count: int) -> int:
    """How many files the result is in: as an earlier run left them, or else one for each process.

    Most whole counts first, then what is nearest to the processes wanted.
    """
    stem, end = os.path.splitext(path)
    found: dict[int, int] = {1: 1} if os.path.exists(path) else {}
    pattern = re.compile(
        re.escape(os.path.basename(stem))
        + "".join(
            re.escape(text) + (f"(?P<{name}>[0-9]+)" if name else "")
            for text, name, _, _ in string.Formatter().parse(suffix)
        )
        + re.escape(end)
    )
    folder = os.path.dirname(path) or "."
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        match = pattern.fullmatch(name)
        if match is not None and 0 <= int(match["rank"]) < int(match["num_proc"]):
            found[int(match["num_proc"])] = found.get(int(match["num_proc"]), 0) + 1
    if not found:
        return count
    return min(found, key=lambda of: ((of - found[of]) / of, abs(of - count), of))


def _say_fit(job: Job) -> None:
    """One line on what a tokenizer cut off, and how much it padded."""
    fit = job.fitted
    share = f"{fit['padding'] / fit['tokens']:.0%} of the tokens are padding" if fit.get("padding") else ""
    if fit.get("cut"):
        said = f"cut {fit['cut']:,} of {fit['texts']:,} texts to {fit['longest']:,} tokens"
        log.warning("%s: %s %s.", job.kind, job.name, f"{said}; {share}" if share else said)
    elif share:
        log.info("%s: %s padded: %s.", job.kind, job.name, share)


def _key(job: Job) -> str | None:
    """The key of a job, or None, said in one line, where it cannot be made."""
    apart = ("dataset", "function", "features", "gathered", "fitted", "offset")
    options = {name: getattr(job, name) for name in vars(job) if name not in apart}
    features = job.features.to_dict() if job.features is not None else None
    shown = job.dataset.format
    try:
        return key_of(job.dataset._key.value, job.kind, job.function, options, features, shown)
    except Unkeyable as error:
        log.warning("%s: the result is computed each time, because %s: no key can be made of that.", job.kind, error)
        return None


_folder: str | None = None


def _temporary_folder() -> str:
    """A folder that goes when the process ends."""
    global _folder
    if _folder is None:
        _folder = tempfile.mkdtemp(prefix="bearhug-datasets-")
        atexit.register(shutil.rmtree, _folder, ignore_errors=True)
    return _folder


def _shards(rows: int, count: int) -> list[range]:
    size, rest = divmod(rows, count)
    starts = [size * i + min(i, rest) for i in range(count + 1)]
    return [range(a, b) for a, b in pairwise(starts)]


def write_result(
    job: Job,
    rows: range,
    rank: int | None,
    path: str | None,
    key: str | None,
    done: Callable[[int], Any],
    *,
    resume: bool = True,
    engine: str | None = None,
    tasks: int | None = None,
) -> ArrowWriter | None:
    """Run a job over rows into a writer, from where it was cut off before; None where the function gave nothing."""
    features = Features(job.features) if job.features is not None else None
    writer = ArrowWriter(path, features, key, resume=resume)
    try:
        wrote, before = writer.done > 0, writer.done
        if before:
            log.info("%s goes on at row %d, where it was cut off.", job.kind, rows.start + before)
            done(before)
        left = range(rows.start + before, rows.stop)
        if engine is None:
            pieces = job.run(left, rank, writer.features if wrote else None)
        else:
            from bearhug.datasets import cluster

            pieces = cluster.run(job, left, tasks)
        for count, made, where in pieces:
            for table, features in made or ():
                wrote = True
                if table.num_rows or job.kind == "filter" or not table.num_columns:
                    writer.write(table, features, where=where)
            done(count)
            before += count
            writer.note(before)
        if not wrote:
            writer.drop()
            return None
        if writer.features is None:  # no row is left
            writer.features = job.dataset.features
        writer.finish()
    except BaseException:
        writer.drop()
        raise
    return writer


def _result(job: Job, parts: list, step: str, key: str | None, *, in_memory: bool) -> Dataset:
    """The data set over what was written."""
    from bearhug.datasets.dataset import Dataset

    base = job.dataset
    tables, mapped = [], []
    for part in parts:
        if isinstance(part, ArrowWriter):
            tables.append(part.table())
            continue
        table, file = read_arrow(part, in_memory=in_memory)
        tables.append(table)
        if file is not None:
            mapped.append(file)
    if job.kind == "filter":
        rows = np.concatenate([np.asarray(table.column(0)) for table in tables]).astype(np.int64)
        out = base._select(rows, step, key=key) if len(rows) else base._select(range(0), step, key=key)
        out._positions_files = tuple(file.path for file in mapped)
        return out
    features = [Features.from_arrow_schema(table.schema) for table in tables]
    joined = features[0]
    for one in features[1:]:
        if list(one) != list(joined):
            raise ValueError(
                f"the processes returned different columns: {list(joined)} and {list(one)}; return every column "
                "for every row."
            )
        for name in joined:
            wide = widened(joined[name], one[name])
            if wide is None:
                raise TypeError(
                    f"the column {name!r} is {joined[name]} in one process and {one[name]} in another; give features=."
                )
            joined[name] = wide
    schema = joined.arrow_schema
    tables = [
        table
        if one == joined
        else pa.table([cast(table[name], feature) for name, feature in joined.items()], schema=schema)
        for table, one in zip(tables, features, strict=True)
    ]
    table = (
        tables[0]
        if len(tables) == 1
        else pa.concat_tables([one.replace_schema_metadata(schema.metadata) for one in tables])
    )
    info = base._info.copy()
    info.features = joined
    out = Dataset(table, info=info, split=base._split, fingerprint=key)
    out._mapped = tuple(mapped)
    out._steps = (*base._steps, (step + (f" -> {parts[0]}" if mapped else ""), out._key))
    out._format_type, out._format_kwargs = base._format_type, dict(base._format_kwargs)
    out._output_all_columns = base._output_all_columns
    if base._format_columns is not None:
        new = [name for name in out.column_names if name not in base.column_names]
        out._format_columns = [name for name in [*base._format_columns, *new] if name in out.column_names]
    return out


# ---- several processes


def _in_processes(
    job: Job, todo: list, paths: list, num_proc: int, resume: bool, step: str, key: str | None, bar: Any
) -> Dataset:
    """Run what is to do of a job in so many processes at once."""
    in_memory = paths[0] is None
    folder = tempfile.mkdtemp(prefix="bearhug-map-") if in_memory else None
    if folder is not None:
        paths = [os.path.join(folder, f"{i}.arrow") for i in range(len(paths))]
        todo = [(rank, rows, paths[rank]) for rank, rows, _ in todo]
    try:
        log.info("Spawning %d processes", min(num_proc, len(todo)))
        if not Workers(job, todo, num_proc, key, resume).run(bar.update):
            return job.dataset
        _say_fit(job)
        return _result(job, list(paths), step, key, in_memory=in_memory)
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
