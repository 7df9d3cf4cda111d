"""Text: a row a line, a paragraph or a document."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from bearhug._lib.errors import near
from bearhug.datasets.features import Features

KINDS = ("line", "paragraph", "document")


def read(
    file: Any,
    name: str,
    features: Features | None = None,
    *,
    encoding: str = "utf-8",
    encoding_errors: str | None = None,
    chunksize: int = 10 << 20,
    keep_linebreaks: bool = False,
    sample_by: str = "line",
) -> Iterator[pa.Table]:
    """Text -> tables of one column of strings (`text`, or the features' one name)."""
    if sample_by not in KINDS:
        raise ValueError(f"sample_by is one of {', '.join(KINDS)}, not {sample_by!r}.{near(sample_by, KINDS)}")
    column = next(iter(features)) if features else "text"
    stream = io.TextIOWrapper(file, encoding=encoding, errors=encoding_errors)  # reads \r\n and \r as \n
    try:
        for rows in _rows(stream, sample_by, chunksize, keep_linebreaks):
            yield pa.table({column: pa.array(rows, pa.string())})
    finally:
        stream.detach()


def _rows(stream: io.TextIOWrapper, sample_by: str, size: int, keep: bool) -> Iterator[list[str]]:
    if sample_by == "document":
        yield [stream.read()]
        return
    rest = ""
    while text := stream.read(size):
        text = rest + text + stream.readline()
        if sample_by == "paragraph":
            *whole, rest = text.split("\n\n")
            yield [one for one in whole if one]
            continue
        lines = text.split("\n")
        if lines[-1] == "":
            lines.pop()
        elif keep:
            lines[-1] = lines[-1] if not text.endswith("\n") else lines[-1] + "\n"
        yield [line + "\n" for line in lines[:-1]] + [lines[-1] + "\n" * text.endswith("\n")] if keep else lines
    if rest:
        yield [rest]
