"""Rows of different lengths -> rows of one length: `tokenizer.pad`, which the collators call for each batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bearhug._lib.errors import near
from bearhug.tokenizers.encoding import BatchEncoding, as_tensor

# What stands on padding in each field; the ids' own comes from the tokenizer.
FILL = {"attention_mask": 0, "token_type_ids": 0, "special_tokens_mask": 1}


def padded(
    given: Any,
    *,
    name: str,
    fill: str,
    length: int | None,
    multiple: int | None,
    side: str,
    pad_id: int,
    fills: Mapping[str, Any],
    with_mask: bool,
    kind: str | None,
) -> BatchEncoding:
    """The batch with rows of one length; fields that are none of FILL stay as they are.

    Args:
        given: a list of dicts (rows) or a dict of lists or tensors.
        name: the field that says how long a row is ("input_ids").
        fill: "longest", "max_length" or "do_not_pad".
        fills: what stands on padding in fields beyond those of FILL, or in place of them.
        kind: "pt" or "np": make tensors; None: as the values came.

    Raises:
        ValueError: no such field, or fields of different numbers of rows.
    """
    columns = _columns(given, name)
    rows = columns[name]
    if rows is None or len(rows) == 0:
        return BatchEncoding(columns | ({"attention_mask": []} if with_mask else {}))
    kind = kind or _kind_of(rows)
    columns = {key: _plain(value, key) for key, value in columns.items()}
    rows = columns[name]
    single = not isinstance(rows[0], list | tuple)
    if single:
        if not isinstance(rows[0], int):
            raise ValueError(f"{name!r} holds {type(rows[0]).__name__} {str(rows[0])[:40]!r}; expected ids (int).")
        rows = columns[name] = [rows]
        columns = {key: value if key == name else [value] for key, value in columns.items()}
    for key, value in columns.items():
        if not hasattr(value, "__len__") or len(value) != len(rows):
            many = len(value) if hasattr(value, "__len__") else type(value).__name__
            raise ValueError(f"{name!r} has {len(rows)} rows, and {key!r} has {many}; each field needs as many.")
    if with_mask and "attention_mask" not in columns:
        columns["attention_mask"] = [[1] * len(row) for row in rows]
    if fill != "do_not_pad":
        if fill == "longest" or length is None:
            length = max(map(len, rows))
        if multiple:
            length = -(-length // multiple) * multiple
        lengths = [len(row) for row in rows]
        fills = FILL | dict(fills) | {name: pad_id}
        for key in columns:
            if key in fills and not _is_matrix(columns[key][0]):
                columns[key] = _filled(columns[key], lengths, length, fills[key], side, None if single else kind)
    if single:
        columns = {key: value[0] for key, value in columns.items()}
    return _as_encoding(columns, kind, name, side)


def _as_encoding(columns: dict[str, Any], kind: str | None, name: str, side: str) -> BatchEncoding:
    if kind is None:
        return BatchEncoding(columns)
    out = BatchEncoding({key: as_tensor(key, value, kind) for key, value in columns.items()})
    if kind == "pt":
        out.remember_padding()
    return out


def _columns(given: Any, name: str) -> dict[str, Any]:
    if isinstance(given, list | tuple) and given and isinstance(given[0], Mapping):
        for i, row in enumerate(given):
            if missing := next((key for key in given[0] if key not in row), None):
                raise ValueError(f"row {i} has no {missing!r}, and row 0 has; it has {', '.join(row)}.")
        columns = {key: [row[key] for row in given] for key in given[0]}
    elif isinstance(given, Mapping):
        columns = dict(given)
    else:
        raise ValueError(
            f"pad takes encodings, a list of dicts or a dict of lists with {name!r}; got {type(given).__name__} "
            f"{str(given)[:40]!r}.\nWrite tokenizer.pad([tokenizer(text) for text in texts])."
        )
    if name not in columns:
        raise ValueError(
            f"pad needs {name!r} to know how long a row is; given are {', '.join(map(str, columns)) or 'no fields'}."
            f"{near(name, map(str, columns))}"
        )
    return columns


def _kind_of(rows: Any) -> str | None:
    """ "pt" or "np" where the values are tensors."""
    first = rows[0] if isinstance(rows, list | tuple) else rows
    if isinstance(first, int | list | tuple):
        return None
    if hasattr(first, "detach"):
        return "pt"
    if hasattr(first, "dtype"):
        return "np"
    raise ValueError(f"{type(first).__name__} {str(first)[:40]!r} is no row of ids; expected lists or tensors of int.")


def _plain(value: Any, key: str) -> Any:
    """Tensors as lists; a list of masks of two dimensions stays."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, list | tuple) and value and hasattr(value[0], "tolist"):
        if key == "attention_mask" and getattr(value[0], "ndim", 0) > 1:
            return value
        return [row.tolist() for row in value]
    return value


def _is_matrix(row: Any) -> bool:
    return getattr(row, "ndim", 0) > 1


def _filled(rows: list, lengths: list[int], length: int, fill: Any, side: str, kind: str | None) -> Any:
    """Each row with `fill` on that side up to `length`; longer rows stay."""
    if kind is not None and isinstance(fill, int) and max(lengths) <= length and [len(row) for row in rows] == lengths:
        import numpy as np

        columns, ends = np.arange(length), np.array(lengths)[:, None]
        out = np.full((len(rows), length), fill, dtype=np.int64)
        out[columns < ends if side == "right" else columns >= length - ends] = [id for row in rows for id in row]
        if kind == "np":
            return out
        import torch

        return torch.from_numpy(out)
    if side == "right":
        return [list(row) + [fill] * (length - n) for row, n in zip(rows, lengths, strict=True)]
    return [[fill] * (length - n) + list(row) for row, n in zip(rows, lengths, strict=True)]
