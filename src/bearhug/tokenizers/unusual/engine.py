"""SentencePiece's own way from text to pieces and back, for classes that are built upon it (Kudo and Richardson 2018).

The compiled core finds the pieces; what goes before (the model's table of normalizations, blanks) and what comes behind
(unknown pieces in one, bytes) follows the engine, not tokenizer.json, which differs in both.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterable, Sequence

from bearhug.tokenizers import file, sentencepiece
from bearhug.tokenizers.sentencepiece import (
    BPE,
    BYTE,
    CHAR,
    CONTROL,
    NORMAL,
    UNIGRAM,
    USER_DEFINED,
    WORD,
    SentencePieceModel,
    merges_of,
    ranks_of,
)

BLANK = "▁"
HIDDEN = "\U0010ffff"  # around pieces that no text is cut into; no text has this noncharacter


class Charsmap:
    """The model's table of normalizations: a double-array trie of texts, and what each becomes.

    Raises:
        ValueError: the table does not hold together.
    """

    def __init__(self, data: bytes):
        self.units: tuple[int, ...] = ()
        self.texts = b""
        if data:
            size = struct.unpack_from("<I", data)[0] if len(data) >= 4 else 0
            if size % 4 or not 0 < size <= len(data) - 4:
                raise ValueError(f"its precompiled_charsmap says {size:,} bytes of trie, and has {len(data):,} in all")
            self.units = struct.unpack_from(f"<{size // 4}I", data, 4)
            self.texts = data[4 + size :]

    def longest(self, data: bytes, at: int) -> tuple[int, str] | None:
        """The longest text of the table that begins here: its length in bytes, and what it becomes."""
        if not self.units:
            return None
        units, found = self.units, None
        position = _offset(units[0])
        for end in range(at, min(len(data), at + 256)):
            position ^= data[end]
            if position >= len(units):
                break
            unit = units[position]
            if unit & 0x800000FF != data[end]:
                break
            position ^= _offset(unit)
            if unit >> 8 & 1:
                if position >= len(units):
                    break
                found = end + 1 - at, units[position] & 0x7FFFFFFF
        if found is None:
            return None
        length, start = found
        stop = self.texts.find(b"\0", start)
        return length, self.texts[start : stop if stop >= 0 else None].decode(errors="replace")


def _offset(unit: int) -> int:
    return unit >> 10 << ((unit & 1 << 9) >> 6)


class Engine:
    """A model that cuts texts.

    Raises:
        ValueError: the model does not hold together.
    """

    def __init__(self, model: SentencePieceModel, add_dummy_prefix: bool | None = None):
        self.model = model
        self.prefix = model.add_dummy_prefix if add_dummy_prefix is None else add_dummy_prefix
        self.charsmap = Charsmap(model.precompiled_charsmap)
        self.denormalizer = Charsmap(model.denormalizer_charsmap)
        self.ids = {piece: id for id, (piece, _) in reversed(list(enumerate(model.pieces)))}
        own = [
            piece for (piece, _), kind in zip(model.pieces, model.types, strict=True) if kind == USER_DEFINED and piece
        ]
        own.sort(key=len, reverse=True)
        self.own = re.compile(f"({'|'.join(map(re.escape, own))})") if own else None
        self.bytes = [self.ids.get(f"<0x{byte:02X}>", model.unk_id) for byte in range(256)]
        self.core = None
        if model.model_type in (UNIGRAM, BPE):
            self.core = file.build(self._description())

    def _description(self) -> file.Json:
        """Pieces that the engine never cuts a text into are hidden: control, unknown, unused and byte pieces."""
        model = self.model
        pairs = zip(model.pieces, model.types, strict=True)
        seen: set[str] = set()
        names = []
        for id, ((piece, _), kind) in enumerate(pairs):
            plain = kind in (NORMAL, USER_DEFINED) and piece and piece not in seen
            names.append(piece if plain else f"{HIDDEN}{id}{HIDDEN}")
            seen.add(piece)
        if model.model_type == UNIGRAM:
            vocab = [[name, score] for name, (_, score) in zip(names, model.pieces, strict=True)]
            return {"model": {"type": "Unigram", "unk_id": model.unk_id, "vocab": vocab, "byte_fallback": False}}
        ids = {name: id for id, name in enumerate(names)}
        merges = merges_of(ids, ranks=ranks_of(model) | {name: id for name, id in ids.items() if name[:1] == HIDDEN})
        core = {"type": "BPE", "vocab": ids, "merges": merges, "unk_token": names[model.unk_id], "fuse_unk": True}
        return {"model": core}

    # -- text to pieces

    def normalize(self, text: str) -> str:
        """A text as it is cut: by the model's table, blanks as U+2581, as many as the model keeps."""
        model = self.model
        if not text:
            return ""
        chunks = list(self._chunks(text))
        if model.remove_extra_whitespaces:
            start = next((i for i, chunk in enumerate(chunks) if chunk != " "), len(chunks))
            chunks = chunks[start:]
            if not chunks:
                return ""
        blank = BLANK if model.escape_whitespaces else " "
        out = [blank] if self.prefix and not model.treat_whitespace_as_suffix else []
        after_blank = model.remove_extra_whitespaces
        for chunk in chunks:
            if after_blank:
                chunk = chunk.lstrip(" ")
            if chunk:
                out.append(chunk.replace(" ", blank))
                after_blank = chunk[-1] == " "
            if not model.remove_extra_whitespaces:
                after_blank = False
        normalized = "".join(out)
        if model.remove_extra_whitespaces:
            normalized = normalized.rstrip(blank)
        if model.treat_whitespace_as_suffix and self.prefix:
            normalized += blank
        return normalized

    def _chunks(self, text: str) -> Iterable[str]:
        for i, part in enumerate(self.own.split(text) if self.own else [text]):
            if i % 2:
                yield part  # the user's own pieces stay as they are
            elif not self.charsmap.units:
                yield from part
            else:
                yield from _mapped(self.charsmap, part)

    def cut(self, text: str) -> list[tuple[str, int]]:
        """(piece, id): an unknown piece is the text itself, unless it becomes bytes."""
        normalized = self.normalize(text)
        if not normalized:
            return []
        out: list[tuple[str, int]] = []
        for i, part in enumerate(self.own.split(normalized) if self.own else [normalized]):
            if part:
                out += [(part, self.ids[part])] if i % 2 else self._cut(part)
        if self.model.byte_fallback:
            return [piece for pair in out for piece in self._as_bytes(*pair)]
        return _joined(out, self.model.unk_id)

    def _cut(self, text: str) -> list[tuple[str, int]]:
        if self.core is not None:
            encoded = self.core.encode_batch([text], add_special_tokens=False, offsets=True)
            spans = zip(encoded.row(0, "ids"), encoded.row(0, "offsets"), strict=True)
            return [(text[start:end], id) for id, (start, end) in spans]
        words = list(text) if self.model.model_type == CHAR else re.findall(f"{BLANK}?[^{BLANK}]+|{BLANK}", text)
        known = {NORMAL, USER_DEFINED}
        unknown = self.model.unk_id
        found = [(word, self.ids.get(word, unknown)) for word in words]
        return [(word, id if self.model.types[id] in known else unknown) for word, id in found]

    def _as_bytes(self, piece: str, id: int) -> list[tuple[str, int]]:
        if id != self.model.unk_id:
            return [(piece, id)]
        return [(f"<0x{byte:02X}>", self.bytes[byte]) for byte in piece.encode()]

    def pieces(self, text: str) -> list[str]:
        """A text's pieces."""
        return [piece for piece, _ in self.cut(text)]

    def encode(self, text: str) -> list[int]:
        """A text's ids."""
        return [id for _, id in self.cut(text)]

    def __len__(self) -> int:
        return len(self.model.pieces)

    def piece_to_id(self, piece: str) -> int:
        """A piece's id, or that of the unknown piece."""
        return self.ids.get(piece, self.model.unk_id)

    def id_to_piece(self, id: int) -> str | None:
        """An id's piece."""
        return self.model.pieces[id][0] if 0 <= id < len(self.model.pieces) else None

    # -- pieces to text

    def decode(self, pieces: Sequence[str]) -> str:
        """Pieces -> text; unknown ones stay as they are written."""
        model, out = self.model, []
        begins = True  # where the blank that was put before the text is taken away
        at = 0
        while at < len(pieces):
            piece = pieces[at]
            id = self.piece_to_id(piece)
            if model.types[id] == BYTE and piece in self.ids:
                data = bytearray()
                while at < len(pieces) and model.types[self.piece_to_id(pieces[at])] == BYTE and pieces[at] in self.ids:
                    data.append(int(pieces[at][3:5], 16))
                    at += 1
                out.append(_utf8(bytes(data)))
                begins = False
                continue
            at += 1
            if model.types[id] == CONTROL and piece in self.ids:
                continue
            if id == model.unk_id:
                text, taken = (model.unk_surface if piece == model.pieces[id][0] else piece), False
            else:
                taken = begins and (self.prefix or model.remove_extra_whitespaces) and piece.startswith(BLANK)
                text = (piece[1:] if taken else piece).replace(BLANK, " ")
                taken = taken and not model.remove_extra_whitespaces
            out.append(text)
            begins = begins and not (taken or text)
        joined = "".join(out)
        return "".join(_mapped(self.denormalizer, joined)) if self.denormalizer.units else joined


def _mapped(charsmap: Charsmap, text: str) -> Iterable[str]:
    """The text by the table, a piece of it at a time."""
    data, at = text.encode(), 0
    while at < len(data):
        found = charsmap.longest(data, at)
        if found is not None:
            at += found[0]
            yield found[1]
        else:
            size = 1 if data[at] < 0x80 else 2 if data[at] < 0xE0 else 3 if data[at] < 0xF0 else 4
            yield data[at : at + size].decode()
            at += size


def _joined(pieces: list[tuple[str, int]], unknown: int) -> list[tuple[str, int]]:
    """Unknown pieces beside each other are one."""
    out: list[tuple[str, int]] = []
    for piece, id in pieces:
        if id == unknown and out and out[-1][1] == unknown:
            out[-1] = (out[-1][0] + piece, id)
        else:
            out.append((piece, id))
    return out


def _utf8(data: bytes) -> str:
    """Bytes -> text; each byte that begins no character is U+FFFD."""
    out, at = [], 0
    while at < len(data):
        for size in (1, 2, 3, 4):
            try:
                out.append(data[at : at + size].decode())
                break
            except UnicodeDecodeError:
                continue
        else:
            out.append("\ufffd")
            size = 1
        at += size
    return "".join(out)


def load(path: str | os.PathLike, add_dummy_prefix: bool | None = None) -> Engine:
    """The engine of a `.model` or `.spm` file.

    Raises:
        ValueError: the file is no SentencePiece model, or one of a kind that is not known.
    """
    model = sentencepiece.read(path)
    if model.model_type not in (UNIGRAM, BPE, CHAR, WORD):
        raise ValueError(f"{str(path)!r} is a SentencePiece model of the type {model.model_type}, which is not known.")
    if model.unk_id < 0:
        raise ValueError(f"{str(path)!r} is a SentencePiece model without an unknown piece.")
    try:
        return Engine(model, add_dummy_prefix)
    except ValueError as problem:
        raise ValueError(f"{str(path)!r} is no SentencePiece model: {problem}.") from None
