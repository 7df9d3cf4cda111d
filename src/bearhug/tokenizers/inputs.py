"""What people pass to a tokenizer, in all its forms -> what the core takes; errors say which form was meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from bearhug._lib.errors import either, near
from bearhug.tokenizers.chat import ChatText

LARGE = int(1e20)  # beyond it, a length is no limit
PADDINGS = ("longest", "max_length", "do_not_pad")
TRUNCATIONS = ("longest_first", "only_first", "only_second", "do_not_truncate")
FORMS = "a text, a list of texts, or, with is_split_into_words=True, a list of words or a list of such lists"


class Texts(NamedTuple):
    """A batch for the core, and whether it came as one."""

    texts: list
    pairs: list | None
    batched: bool
    hold_special_tokens: bool


def texts_of(text: Any, pair: Any, is_split_into_words: bool) -> Texts:
    """Texts (or lists of words) and the second texts of pairs, in lists of one length.

    Raises:
        ValueError: no text where texts are expected, or lists of different lengths.
        TypeError: a row of a batch of another kind than text.
    """
    if isinstance(text, str) and not is_split_into_words:
        return Texts([text], [_one(pair)] if pair else None, False, isinstance(text, ChatText))
    text, pair = _as_list(text), _as_list(pair)
    _refuse(text)
    if pair is not None:
        _refuse(pair)
    if is_split_into_words and not (isinstance(text, list) and text and isinstance(text[0], list | tuple)):
        return Texts([_words(text)], [_words(pair)] if pair else None, False, False)
    if pair is not None:
        if isinstance(pair, str):
            raise TypeError(
                f"text is a list of {len(text)}, but text_pair is one text, {pair[:40]!r}; it needs as many.\n"
                "Write text_pair=[text_pair] * len(text)."
            )
        if len(text) != len(pair):
            raise ValueError(f"text has {len(text)} rows and text_pair has {len(pair)}; each text needs its own pair.")
    return _rows(text, pair, is_split_into_words)


def _one(pair: Any) -> str:
    if not isinstance(pair, str):
        raise TypeError(f"text is one text, but text_pair is {_shown(pair)}; pass one text there too.")
    return pair


def _as_list(value: Any) -> Any:
    """Lists stay; other sequences of texts (a data set's column, an array, a Series) become lists."""
    if value is None or isinstance(value, str | list | bytes | dict):
        return value
    if isinstance(value, tuple | Sequence):
        return list(value)
    return value.tolist() if hasattr(value, "tolist") and getattr(value, "ndim", 0) > 0 else value


def _refuse(text: Any) -> None:
    """What cannot be text, seen at its first element."""
    if isinstance(text, str):
        return
    first = text
    while isinstance(first, list | tuple) and first:
        first = first[0]
    if isinstance(first, str | list | tuple) and isinstance(text, list):
        return
    if isinstance(first, int) and isinstance(text, list):
        raise ValueError(
            f"{_shown(text)} holds token ids, not text; expected {FORMS}.\n"
            "Ids need no tokenizer: tokenizer.decode(ids) makes text of them, tokenizer.pad({'input_ids': ids}) a "
            "batch."
        )
    raise ValueError(f"{_shown(text)} is no text; expected {FORMS}.")


def _rows(text: list, pair: list | None, split: bool) -> Texts:
    kinds = set(map(type, text)) if not split else set()
    if kinds == {str} or (not kinds and not split):
        texts, pairs = text, pair
    else:
        texts, pairs = [], []
        for row in text:
            first, second = _row(row, len(texts), split)
            texts.append(first)
            pairs.append(second)
        if pair is not None:
            pairs = pair
        elif all(second is None for second in pairs):
            pairs = None
    if pairs is pair and pair is not None:
        for i, second in enumerate(pair):
            _words(second, i) if split else _text(second, i, "text_pair")
    marked = sum(isinstance(one, ChatText) for one in texts) if kinds != {str} else 0
    if 0 < marked < len(texts):
        raise ValueError(
            f"{marked} of these {len(texts)} texts went through a chat template and hold their special tokens, the "
            "others do not.\nEncode the two kinds in two calls, or say it for all: add_special_tokens=False."
        )
    return Texts(texts, pairs, True, marked > 0)


def _row(row: Any, i: int, split: bool) -> tuple[Any, Any]:
    """One row of a batch as (text, pair or None)."""
    if split:
        if isinstance(row, list | tuple) and len(row) == 2 and all(isinstance(part, list | tuple) for part in row):
            return _words(row[0], i), _words(row[1], i)
        return _words(row, i), None
    if isinstance(row, list | tuple) and len(row) == 2:
        return _text(row[0], i, "text"), _text(row[1], i, "text")
    return _text(row, i, "text"), None


def _text(value: Any, i: int, where: str) -> str:
    if isinstance(value, str):
        return value
    hint = ""
    if isinstance(value, list | tuple) and all(isinstance(word, str) for word in value):
        hint = "\nFor texts that are split into words already, pass is_split_into_words=True."
    elif value is None:
        hint = "\nLeave empty rows out, or make them '': [t or '' for t in texts]."
    raise TypeError(f"row {i} of {where} is {_shown(value)}; expected a text.{hint}")


def _words(value: Any, i: int = 0) -> list[str]:
    if isinstance(value, str):
        raise TypeError(
            f"is_split_into_words=True, but row {i} is one text, {value[:40]!r}; expected a list of words.\n"
            "Write text.split(), or leave is_split_into_words away."
        )
    value = list(value)
    for word in value:
        if not isinstance(word, str):
            raise TypeError(f"row {i} holds {_shown(word)} among its words; expected only texts.")
    return value


def _shown(value: Any) -> str:
    return "None" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"


def padding_strategy(padding: Any) -> str:
    """One of PADDINGS, from what people pass.

    Raises:
        ValueError: none of them.
    """
    if padding is True:
        return "longest"
    if padding is False or padding is None:
        return "do_not_pad"
    return _named(padding, PADDINGS, "padding")


def truncation_strategy(truncation: Any) -> str:
    """One of TRUNCATIONS, from what people pass.

    Raises:
        ValueError: none of them.
    """
    if truncation is True:
        return "longest_first"
    if truncation is False or truncation is None:
        return "do_not_truncate"
    return _named(truncation, TRUNCATIONS, "truncation")


def _named(given: Any, known: tuple[str, ...], what: str) -> str:
    name = getattr(given, "value", given)
    if name in known:
        return name
    hint = near(name, known) if isinstance(name, str) else ""
    raise ValueError(f"{what}={given!r}: expected True, False, {either(repr(name) for name in known)}.{hint}")


def is_in_bytes(offsets: Any) -> bool:
    """Whether `return_offsets_mapping` asks for bytes.

    Raises:
        ValueError: another text than "bytes".
    """
    if isinstance(offsets, str) and offsets != "bytes":
        raise ValueError(f'return_offsets_mapping={offsets!r}: expected True (characters), "bytes" or False.')
    return offsets == "bytes"


def side(given: Any, what: str) -> str:
    """ "left" or "right".

    Raises:
        ValueError: neither.
    """
    if given not in ("left", "right"):
        raise ValueError(f"{what}={given!r}: expected 'left' or 'right'.")
    return given
