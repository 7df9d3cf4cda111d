"""XML: a row a document, its text as it is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from bearhug.datasets.features import Features


def read(
    file: Any,
    name: str,
    features: Features | None = None,
    *,
    encoding: str = "utf-8",
    encoding_errors: str | None = None,
) -> Iterator[pa.Table]:
    """XML -> one row, in the column `xml` (or the features' one name)."""
    column = next(iter(features)) if features else "xml"
    stream = io.TextIOWrapper(file, encoding=encoding, errors=encoding_errors)  # reads \r\n and \r as \n
    try:
        yield pa.table({column: pa.array([stream.read()], pa.string())})
    finally:
        stream.detach()
