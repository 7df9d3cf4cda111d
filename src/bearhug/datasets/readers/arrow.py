"""Arrow files, in stream or file format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from bearhug.datasets.features import Features
from bearhug.datasets.readers import native


def read(file: Any, name: str, features: Features | None = None) -> Iterator[pa.Table]:
    """Arrow -> a table for each record batch."""
    file = native(file)
    head = file.read(6)
    file.seek(0)
    if head == b"ARROW1":
        opened = pa.ipc.open_file(file)
        batches: Any = (opened.get_batch(i) for i in range(opened.num_record_batches))
    else:
        opened = batches = pa.ipc.open_stream(file)
    count = 0
    for batch in batches:
        batch.validate(full=True)
        count += 1
        yield pa.Table.from_batches([batch])
    if not count:
        yield opened.schema.empty_table()
