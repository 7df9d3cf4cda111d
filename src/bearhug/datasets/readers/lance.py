"""Lance: a table's folder (`x.lance/`), or single Lance files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from bearhug.datasets.features import Features
from bearhug.datasets.readers import media

PATHS = True  # its library opens paths itself
PARTS = {"_transactions", "_indices", "_versions", "data", "_deletions"}
ENDS = (".lance", ".manifest", ".txn", ".idx")


def together(files: list[Path]) -> list[Path]:
    """The files of a table's folder as the one folder; other files as they are."""
    out: dict[Path, None] = {}
    roots = {one.parent.parent for one in files if one.parent.name == "_versions"}
    for one in files:
        root = next((up for up in one.parents if up in roots), None)
        if root is not None:
            out[root] = None
        elif one.suffix == ".lance":
            out[one] = None
    return list(out)


def read(
    file: Any,
    name: str,
    features: Features | None = None,
    *,
    columns: list[str] | None = None,
    batch_size: int | None = 256,
    token: str | None = None,
) -> Iterator[pa.Table]:
    """Lance -> tables of `batch_size` rows; bytes that begin as pictures or sounds do get their features.

    Raises:
        ImportError: pylance is not installed.
    """
    try:
        import lance
        import lance.file
    except ImportError:
        raise ImportError("Reading Lance needs pylance: pip install pylance") from None
    if Path(file).is_dir():
        opened = lance.dataset(str(file))
        batches: Iterator[pa.RecordBatch] = opened.to_batches(
            columns=columns, batch_size=batch_size, blob_handling="all_binary"
        )
    else:
        reader = lance.file.LanceFileReader(str(file), columns=columns)
        batches = iter(reader.read_all(batch_size=batch_size or 256).to_batches())
    known: dict | None = None
    for batch in batches:
        table = pa.Table.from_batches([batch])
        if known is None:
            known = {}
            for one in table.schema:
                if pa.types.is_binary(one.type) or pa.types.is_large_binary(one.type):
                    first = table[one.name][0].as_py() if table.num_rows else None
                    if first and (feature := media.by_first_bytes(first)):
                        known[one.name] = feature
        yield media.with_features(table, known) if features is None else table
