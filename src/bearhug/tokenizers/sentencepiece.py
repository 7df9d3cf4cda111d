"""SentencePiece's `.model` files: their one protobuf message, read here, and the merges of those that are BPE.

A model holds pieces with scores and types, and says how text is normalized before it is cut (Kudo and Richardson 2018,
arXiv:1808.06226). https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto names the fields.
"""

from __future__ import annotations

import base64
import os
import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Piece = tuple[str, float]

# types of pieces
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
UNIGRAM, BPE, WORD, CHAR = 1, 2, 3, 4  # types of models
LONGEST_PIECE = 1 << 16  # bytes; real ones have a few dozen


@dataclass
class SentencePieceModel:
    """What a `.model` says. The defaults are those of the message."""

    pieces: list[Piece] = field(default_factory=list)
    types: list[int] = field(default_factory=list)
    model_type: int = UNIGRAM
    byte_fallback: bool = False
    treat_whitespace_as_suffix: bool = False
    unk_id: int = 0
    bos_id: int = 1
    eos_id: int = 2
    pad_id: int = -1
    unk_piece: str = "<unk>"
    bos_piece: str = "<s>"
    eos_piece: str = "</s>"
    pad_piece: str = "<pad>"
    unk_surface: str = " \u2047 "
    precompiled_charsmap: bytes = b""
    add_dummy_prefix: bool = True
    remove_extra_whitespaces: bool = True
    escape_whitespaces: bool = True
    denormalizer_charsmap: bytes = b""

    @property
    def charsmap(self) -> str | None:
        """The normalization table as tokenizer.json has it, in base64."""
        return base64.b64encode(self.precompiled_charsmap).decode() or None


def read(path: str | os.PathLike) -> SentencePieceModel:
    """A `.model` or `.spm` file.

    Raises:
        ValueError: the file is no SentencePiece model.
    """
    try:
        return parse(Path(path).read_bytes())
    except ValueError as problem:
        raise ValueError(
            f"{str(path)!r} is no SentencePiece model: {problem}. It may have been cut short; fetch it again."
        ) from None


def parse(data: bytes) -> SentencePieceModel:
    """The message from its bytes.

    Raises:
        ValueError: these bytes are no such message.
    """
    model = SentencePieceModel()
    view = memoryview(data)
    for number, value in _fields(view):
        if number == 1:
            text, score, kind = _piece(_message(value, "a piece"))
            model.pieces.append((text, score))
            model.types.append(kind)
        elif number == 2:
            _take(model, TRAINER, _message(value, "trainer_spec"))
        elif number == 3:
            _take(model, NORMALIZER, _message(value, "normalizer_spec"))
        elif number == 5:
            _take(model, DENORMALIZER, _message(value, "denormalizer_spec"))
    if not model.pieces:
        raise ValueError("it holds no pieces")
    if not -1 <= model.unk_id < len(model.pieces):
        raise ValueError(f"its unknown piece is number {model.unk_id} of {len(model.pieces)}")
    return model


# field number -> (attribute, how its value is read)
TRAINER = {
    3: ("model_type", int),
    24: ("treat_whitespace_as_suffix", bool),
    35: ("byte_fallback", bool),
    40: ("unk_id", int),
    41: ("bos_id", int),
    42: ("eos_id", int),
    43: ("pad_id", int),
    44: ("unk_surface", str),
    45: ("unk_piece", str),
    46: ("bos_piece", str),
    47: ("eos_piece", str),
    48: ("pad_piece", str),
}
NORMALIZER = {
    2: ("precompiled_charsmap", bytes),
    3: ("add_dummy_prefix", bool),
    4: ("remove_extra_whitespaces", bool),
    5: ("escape_whitespaces", bool),
}
DENORMALIZER = {2: ("denormalizer_charsmap", bytes)}


def _take(model: SentencePieceModel, known: Mapping[int, tuple[str, type]], message: memoryview) -> None:
    for number, value in _fields(message):
        if number not in known:
            continue
        name, kind = known[number]
        if kind in (str, bytes):
            data = bytes(_message(value, name))
            setattr(model, name, _text(data, name) if kind is str else data)
        elif isinstance(value, int):
            setattr(model, name, bool(value) if kind is bool else _int32(value))
        else:
            raise ValueError(f"{name} is no number")


def _piece(message: memoryview) -> tuple[str, float, int]:
    text, score, kind = "", 0.0, NORMAL
    for number, value in _fields(message):
        if number == 1:
            text = _text(bytes(_message(value, "a piece's text")), "a piece")
        elif number == 2 and isinstance(value, memoryview) and len(value) == 4:
            score = struct.unpack("<f", value)[0]
        elif number == 3 and isinstance(value, int):
            kind = value
    if len(text) > LONGEST_PIECE:
        raise ValueError(f"a piece has {len(text):,} characters")
    if score != score:
        raise ValueError(f"the score of the piece {text!r:.40} is no number")
    return text, score, kind


def _message(value: int | memoryview, name: str) -> memoryview:
    if isinstance(value, int):
        raise ValueError(f"{name} is a number")
    return value


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{name} is no UTF-8: {data[:40]!r}") from None


def _int32(value: int) -> int:
    """Protobuf writes a negative int32 as the 64 bits of its two's complement."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(number, value) of a message's fields: an int, or the bytes of what is longer."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(data, at)
        elif wire in (1, 2, 5):
            size = {1: 8, 5: 4}.get(wire)
            if size is None:
                size, at = _varint(data, at)
            if size > end - at:
                raise ValueError(f"field {number} at byte {at} says {size:,} bytes, and {end - at:,} are left")
            value = data[at : at + size]
            at += size
        else:
            raise ValueError(f"byte {at} begins no field")
        if number == 0:
            raise ValueError(f"byte {at} begins no field")
        yield number, value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ValueError("it ends inside a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise ValueError(f"the number before byte {at} is too long")


def ranks_of(model: SentencePieceModel) -> dict[str, int]:
    """Piece -> rank among the merges of a BPE model, the best first: the ids, where scores fall with them.

    Some models were given pieces later, with scores that no other piece undercuts ("▁▁" in Llama's and Mistral's);
    taken by their ids, as transformers 5 does, they would be merged first, against the engine and against the published
    tokenizer.json.
    """
    ranks = {piece: id for id, (piece, _) in enumerate(model.pieces)}
    normal = [id for id, kind in enumerate(model.types) if kind == NORMAL]
    best_first = sorted(normal, key=lambda id: (-model.pieces[id][1], id))
    return ranks | {model.pieces[id][0]: rank for id, rank in zip(best_first, normal, strict=True)}


def merges_of(
    vocab: Mapping[str, int],
    scores: Mapping[str, float] | None = None,
    skip: Collection[str] = (),
    ranks: Mapping[str, int] | None = None,
) -> list[tuple[str, str]]:
    """The merges that a BPE vocabulary implies: each way in which two of its tokens make a third, in order.

    Args:
        vocab: token -> id.
        scores: token -> score, the best merge first; None: tokens with the lowest ids first.
        skip: tokens that take no part.
        ranks: token -> its place instead of its id.
    """
    skip = set(skip)
    lengths = sorted({len(token) for token in vocab})
    known = set(lengths)
    found: list[tuple[float, int, int, str, str]] = []
    for token, rank in (scores or ranks or vocab).items():
        if token in skip:
            continue
        size, ways = len(token), []
        for at in lengths:
            if at >= size:
                break
            if at and size - at in known:
                left, right = token[:at], token[at:]
                if left in vocab and right in vocab and left not in skip and right not in skip:
                    ways.append((vocab[left], vocab[right], left, right))
        found += [(rank, len(left), len(right), left, right) for _, _, left, right in sorted(ways)]
    found.sort(key=lambda merge: merge[:3], reverse=bool(scores))
    return [merge[3:] for merge in found]


def added_tokens(model: SentencePieceModel) -> list[tuple[str, bool]]:
    """(text, whether special) of the control and user-defined pieces, in the order of ids."""
    pairs = zip(model.pieces, model.types, strict=True)
    return [(piece, kind == CONTROL) for (piece, _), kind in pairs if kind in (CONTROL, USER_DEFINED)]


def description(model: SentencePieceModel, renamed: Mapping[int, str] | None = None) -> Json:
    """The tokenizer.json of a model of which no more is known than its file.

    Args:
        renamed: id -> the text of tokens that a tokenizer_config.json calls otherwise.
    """
    charsmap = [{"type": "Precompiled", "precompiled_charsmap": model.charsmap}] if model.charsmap else []
    blanks = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    back: list[Json] = [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}]
    if model.byte_fallback:
        back += [{"type": "ByteFallback"}, {"type": "Fuse"}]
    core: Json
    if model.model_type == UNIGRAM:
        vocab: Any = [list(piece) for piece in model.pieces]
        core = {"type": "Unigram", "unk_id": model.unk_id, "vocab": vocab, "byte_fallback": model.byte_fallback}
    else:
        ids = {piece: id for id, (piece, _) in enumerate(model.pieces)}
        merges = merges_of(ids, ranks=ranks_of(model))
        for id, text in (renamed or {}).items():
            if 0 <= id < len(model.pieces) and text not in ids and model.pieces[id][0] in ids:
                ids[text] = ids.pop(model.pieces[id][0])
        core = {"type": "BPE", "dropout": None, "unk_token": model.unk_piece, "continuing_subword_prefix": None}
        core |= {"end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": model.byte_fallback}
        core |= {"ignore_merges": False, "vocab": ids, "merges": merges}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Sequence", "normalizers": [*charsmap, blanks]},
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": back},
        "model": core,
    }
