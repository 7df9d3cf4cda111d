"""CoNLL: a token a line with its tags beside it, an empty line after each sentence; a row a sentence."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from bearhug.datasets.features import Features

ROWS = 10_000


def read(
    file: Any,
    name: str,
    features: Features | None = None,
    *,
    column_names: list[str] | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    encoding_errors: str | None = None,
    skip_docstart: bool = True,
    comment_prefix: str | None = None,
) -> Iterator[pa.Table]:
    """CoNLL -> a list of strings for each of `column_names` (["tokens"]); short lines are filled with "".

    Raises:
        ValueError: `column_names` is empty.
    """
    names = ["tokens"] if column_names is None else list(column_names)
    if not names:
        raise ValueError(
            "column_names is empty; name at least the tokens' column: column_names=['tokens', 'ner_tags']."
        )
    stream = io.TextIOWrapper(file, encoding=encoding, errors=encoding_errors)
    try:
        sentences: list[list[list[str]]] = []
        tokens: list[list[str]] = []
        for line in stream:
            if not line.strip():
                if tokens:
                    sentences.append(tokens)
                    tokens = []
                if len(sentences) == ROWS:
                    yield _table(sentences, names)
                    sentences = []
            elif not (skip_docstart and line.startswith("-DOCSTART-")) and not (
                comment_prefix is not None and line.startswith(comment_prefix)
            ):
                fields = line.rstrip("\r\n").split(delimiter)
                tokens.append([*fields[: len(names)], *[""] * (len(names) - len(fields))])
        if tokens:
            sentences.append(tokens)
        if sentences:
            yield _table(sentences, names)
    finally:
        stream.detach()


def _table(sentences: list, names: list[str]) -> pa.Table:
    kind = pa.list_(pa.string())
    return pa.table(
        {one: pa.array([[token[i] for token in tokens] for tokens in sentences], kind) for i, one in enumerate(names)}
    )
