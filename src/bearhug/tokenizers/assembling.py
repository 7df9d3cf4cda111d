"""From the encodings of sequences to one row, on `Encoding` objects: cut to a length, put special tokens around, pad.

The core does all of this at once while it encodes; this is for encodings that somebody holds in the hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bearhug.tokenizers._native import Padding, Truncation
from bearhug.tokenizers.encoding import Encoding

Json = dict[str, Any]
BLANKS = "Ġ \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
BLANKS += "\u2028\u2029\u202f\u205f\u3000"


def process(processor: Json | None, first: Encoding, second: Encoding | None, special: bool = True) -> Encoding:
    """One row of one sequence or two, as a post-processor (its description in tokenizer.json) puts it together."""
    for given in (first, second):
        if not isinstance(given, Encoding | None):
            raise TypeError(f"an Encoding is put together with others; this is a {type(given).__name__}.")
    if not isinstance(special, bool):
        raise TypeError(f"add_special_tokens={special!r} is of the type {type(special).__name__}; expected bool.")
    sequences = [one.copy() for one in (first, second) if one is not None]
    if processor is None:
        for i, sequence in enumerate(sequences if second is not None else ()):
            sequence.set_sequence_id(i)
        return Encoding.merge(sequences, growing_offsets=False)
    for i, sequence in enumerate(sequences):
        for one in [sequence, *sequence._own["overflowing"]]:
            one.set_sequence_id(i)
        sequence._own["type_ids"] = [i] * len(sequence)
    layout: list[Json] | None = None
    led: set[int] = set()  # the sequences that a special token stands before already
    for part in _flat(processor):
        if part["type"] in ("ByteLevel", "RobertaProcessing") and part.get("trim_offsets", True):
            for i, sequence in enumerate(sequences):
                for one in [sequence, *sequence._own["overflowing"]]:
                    _trim(one, part.get("add_prefix_space", True), i not in led)
        if special and part["type"] in ("BertProcessing", "RobertaProcessing"):
            led |= {0} if part["type"] == "BertProcessing" else {0, 1}
        layout = _layout(part, len(sequences) == 2) or layout
    if layout is None:
        return Encoding.merge(sequences, growing_offsets=False)
    row = []
    for item in layout:
        if "sequence" in item:
            sequence = sequences[item["sequence"]]
            sequence._own["type_ids"] = [item["type_id"]] * len(sequence)
            row.append(sequence.copy())
        elif special:
            ids, count = item["ids"], len(item["ids"])
            types, tokens = [item["type_id"]] * count, item["tokens"]
            row.append(Encoding.made(ids=ids, type_ids=types, tokens=tokens, special_tokens_mask=[1] * count))
    return Encoding.merge(row, growing_offsets=False)


def _flat(processor: Json) -> list[Json]:
    parts = processor.get("processors", [processor])
    return [one for part in parts for one in (_flat(part) if "processors" in part else [part])]


def _layout(part: Json, is_pair: bool) -> list[Json] | None:
    """Which special tokens and sequences follow one another; None where the processor does not say."""
    kind = part["type"]
    if kind in ("BertProcessing", "RobertaProcessing"):
        cls, sep = ({"ids": [part[key][1]], "tokens": [part[key][0]], "type_id": 0} for key in ("cls", "sep"))
        single = [cls, {"sequence": 0, "type_id": 0}, sep]
        if not is_pair:
            return single
        if kind == "RobertaProcessing":
            return [*single, sep, {"sequence": 1, "type_id": 0}, sep]
        return [*single, {"sequence": 1, "type_id": 1}, sep | {"type_id": 1}]
    if kind != "TemplateProcessing":
        return None
    items = []
    for piece in part["pair" if is_pair else "single"]:
        ((which, content),) = piece.items()
        if which == "Sequence":
            items.append({"sequence": int(content["id"] == "B"), "type_id": content["type_id"]})
        else:
            items.append(part["special_tokens"][content["id"]] | {"type_id": content["type_id"]})
    return items


def _trim(encoding: Encoding, add_prefix_space: bool, leads: bool) -> None:
    """Take the white space at tokens' ends out of their offsets; leads: nothing stands before the encoding."""
    own = encoding._own
    trimmed = []
    for i, (token, (start, end)) in enumerate(zip(own["tokens"], own["offsets"], strict=True)):
        leading = len(token) - len(token.lstrip(BLANKS))
        trailing = len(token) - len(token.rstrip(BLANKS))
        if add_prefix_space and leading == 1 and ((leads and i == 0) or start == 0):
            leading = 0  # this blank was added, it takes no room in the text
        start = min(start + leading, end)
        trimmed.append((start, max(end - trailing, start) if end >= trailing else end))
    own["offsets"] = trimmed


def truncate(
    first: Encoding, second: Encoding | None, truncation: Truncation, added: int
) -> tuple[Encoding, Encoding | None]:
    """One sequence or two, cut so that they leave room for `added` special tokens; what is cut off overflows.

    Raises:
        ValueError: the strategy cannot reach the length.
    """
    if truncation.max_length < added:
        raise ValueError(
            f"max_length={truncation.max_length} leaves no room for the {added} special tokens; use "
            f"max_length={added + 1} or more."
        )
    lengths = truncation.share(len(first), None if second is None else len(second), truncation.max_length - added)
    first, second = first.copy(), second and second.copy()
    for sequence, length in zip((first, second), lengths, strict=True):
        if sequence is not None:
            sequence.truncate(length, truncation.stride if length else 0, truncation.direction)
    return first, second


def pad(rows: Sequence[Encoding], padding: Padding) -> None:
    """Pad rows in place, to the longest or to a fixed length."""
    length = padding.length if padding.length is not None else max((len(row) for row in rows), default=0)
    if padding.pad_to_multiple_of:
        length = -(-length // padding.pad_to_multiple_of) * padding.pad_to_multiple_of
    for row in rows:
        row.pad(length, padding.direction, padding.pad_id, padding.pad_type_id, padding.pad_token)
