"""Data sets whose rows a program makes: a generator function, in one process or several, or a Spark session."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from bearhug._lib.errors import unexpected_keyword
from bearhug.datasets.arrow import cast_table, unwrap
from bearhug.datasets.features import Features
from bearhug.datasets.fingerprint import Unkeyable, key_of
from bearhug.datasets.table import read_arrow
from bearhug.datasets.writer import ArrowWriter, widened

if TYPE_CHECKING:
    from bearhug.datasets.dataset import Dataset

log = logging.getLogger("bearhug.datasets")
ROWS = 1000
BUILDER = {"streaming", "data_dir", "data_files", "name", "version", "description", "token"}


def from_generator(
    generator: Callable,
    features: Features | None,
    cache_dir: str | os.PathLike | None,
    keep_in_memory: bool,
    gen_kwargs: dict | None,
    num_proc: int | None,
    split: Any,
    fingerprint: str | None,
    options: dict,
) -> Dataset:
    """See `Dataset.from_generator`."""
    from bearhug.datasets.dataset import Dataset
    from bearhug.datasets.prepare import LAYOUT, cache_folder

    if not callable(generator):
        raise TypeError(
            f"generator must be callable, but it is a {type(generator).__name__}: {generator!r:.60}.\n"
            "Give the function itself, not what it returns: from_generator(rows), not from_generator(rows())."
        )
    for name in options:
        if name not in BUILDER:
            raise unexpected_keyword("from_generator", name, BUILDER)
    given, features = gen_kwargs or {}, Features(features) if features is not None else None
    parts = _parts(given, num_proc or 1)
    key = fingerprint
    if key is None:
        try:
            key = key_of(LAYOUT, generator, given, features.to_dict() if features is not None else None, len(parts))
        except Unkeyable as error:
            log.warning(
                "from_generator: the rows are generated each time, because %s: no key can be made of that.", error
            )
    folder = cache_folder(cache_dir) / "bearhug" / f"generator-{(key or os.urandom(8).hex())[:32]}"
    names = (
        [f"{split}.arrow"]
        if len(parts) == 1
        else [f"{split}-{i:05d}-of-{len(parts):05d}.arrow" for i in range(len(parts))]
    )
    paths = [folder / name for name in names]
    todo = [
        (generator, one, features, path) for one, path in zip(parts, paths, strict=True) if not (key and path.is_file())
    ]
    if len(parts) > 1 and todo:
        with ProcessPoolExecutor(len(parts), mp_context=multiprocessing.get_context("fork")) as pool:
            list(pool.map(_generate, todo))
    else:
        for one in todo:
            _generate(one)
    opened = [read_arrow(path, in_memory=keep_in_memory) for path in paths]
    table = joined([table for table, _ in opened])
    if not table.num_rows and features is None:
        for path in paths:
            path.unlink()
        raise ValueError("the generator yielded no rows; give features= for a data set without any.")
    out = Dataset(table, None, str(split), fingerprint=key)
    out._mapped = tuple(mapped for _, mapped in opened if mapped is not None)
    out._steps = ((f"from_generator({getattr(generator, '__name__', generator)!s})", out._key),)
    return out


def _parts(given: dict, count: int) -> list[dict]:
    """The arguments of each process: a list among them is shared out in order."""
    lengths = {name: len(value) for name, value in given.items() if isinstance(value, list)}
    if count > 1 and len(set(lengths.values())) > 1:
        raise RuntimeError(
            f"Sharding is ambiguous for this dataset: the lists among gen_kwargs have different lengths {lengths}, so "
            "that it is not clear how to share them out. Make those that are no lists of sources tuples."
        )
    size = max(lengths.values(), default=1)
    if count > 1 and size < count:
        log.warning(
            "num_proc=%d is more than the %d parts that gen_kwargs has; %d processes are used.", count, size, size
        )
    count = max(1, min(count, size))
    if count == 1:
        return [given]
    small, rest = divmod(size, count)
    ends = [small * i + min(i, rest) for i in range(count + 1)]
    return [
        {name: value[ends[i] : ends[i + 1]] if name in lengths else value for name, value in given.items()}
        for i in range(count)
    ]


def _generate(job: tuple[Callable, dict, Features | None, Path]) -> None:
    """Write what a generator yields into a file."""
    from bearhug.datasets.dataset import Dataset

    generator, given, features, path = job
    rows: list[dict] = []
    with ArrowWriter(path, features, loose=True) as writer:

        def flush() -> None:
            names = list(dict.fromkeys(name for row in rows for name in row)) if features is None else list(features)
            columns = {name: [row.get(name) for row in rows] for name in names}
            made = Dataset.from_dict(columns, features)
            writer.write(made._data, made.features, where=f"rows {writer.rows} to {writer.rows + len(rows) - 1}")
            rows.clear()

        for row in generator(**given):
            rows.append(row)
            if len(rows) >= ROWS:
                flush()
        if rows:
            flush()


def joined(tables: list[pa.Table]) -> pa.Table:
    """Tables one after the other; a column that is null in some, or a smaller number, takes the wider type."""
    filled = [table for table in tables if table.num_columns] or tables[:1]
    features = Features.from_arrow_schema(filled[0].schema)
    for table in filled[1:]:
        for name, feature in Features.from_arrow_schema(table.schema).items():
            wide = widened(features[name], feature) if name in features else feature
            if wide is None:
                raise TypeError(f"the column {name!r} is {features[name]} in one part and {feature} in another.")
            features[name] = wide
    fitted = []
    for table in filled:
        for name in features:
            if name not in table.column_names:
                table = table.append_column(name, pa.nulls(table.num_rows))
        fitted.append(cast_table(table.select(list(features)), features))
    return fitted[0] if len(fitted) == 1 else pa.concat_tables(fitted)


def from_spark(
    df: Any, split: Any, features: Features | None, keep_in_memory: bool, cache_dir: str | os.PathLike | None
) -> Dataset:
    """See `Dataset.from_spark`."""
    from bearhug.datasets.dataset import Dataset
    from bearhug.datasets.prepare import cache_folder

    if hasattr(df, "toArrow"):
        table = df.toArrow()
    else:
        table = pa.Table.from_pandas(df.toPandas(), preserve_index=False)
    table = unwrap(table)
    if features is not None:
        table = cast_table(table.select(list(features)), Features(features))
    if keep_in_memory:
        return Dataset(table, None, split)
    path = cache_folder(cache_dir) / "bearhug" / f"spark-{key_of(table)[:32]}.arrow"
    if not path.is_file():
        with ArrowWriter(path) as writer:
            writer.write(table)
    return Dataset.from_file(path, split=split)
