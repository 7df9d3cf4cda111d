"""Normalizers: Text -> Text. Accents off, letters small, one form of what Unicode can write in several."""

import base64
import unicodedata
from collections.abc import Callable
from functools import cache
from struct import unpack

import regex

from bearhug.tokenizers.convert import byte_characters
from bearhug.tokenizers.plain.text import BLANKS, Char, Json, Text, is_blank, matches, string


def normalize(part: Json | None, text: Text) -> Text:
    """A tokenizer.json's normalizer, done to a text."""
    return text if part is None else NORMALIZERS[part["type"]](part, text)


def each(change: Callable[[str], str]) -> Callable[[Json, Text], Text]:
    """A normalizer that changes one character at a time, into any number of them."""
    return lambda _, text: [Char(new, start, end) for char, start, end in text for new in change(char)]


def _sequence(part: Json, text: Text) -> Text:
    for inner in part["normalizers"]:
        text = normalize(inner, text)
    return text


def _bert(part: Json, text: Text) -> Text:
    if part.get("clean_text", True):
        text = [char for char in text if not _is_control(char.char)]
        text = [Char(" ", *char[1:]) if is_blank(char.char) else char for char in text]
    if part.get("handle_chinese_chars", True):
        text = each(lambda char: f" {char} " if _is_chinese(char) else char)(part, text)
    lowercase, strip_accents = part.get("lowercase", True), part.get("strip_accents")
    if lowercase if strip_accents is None else strip_accents:
        text = [char for char in _normal_form("NFD", text) if unicodedata.category(char.char) != "Mn"]
    return each(str.lower)(part, text) if lowercase else text


def _is_control(char: str) -> bool:
    return char in "\0\ufffd" or (char not in "\t\n\r" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co"))


def _is_chinese(char: str) -> bool:
    blocks = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B81F), (0x2B920, 0x2CEAF))
    return any(low <= ord(char) <= high for low, high in (*blocks, (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)))


# Unicode's normal forms (Unicode standard annex 15).


def _normal_form(form: str, text: Text) -> Text:
    """A new character has the origin of the old one at its place; one too many shares that of the one before."""
    decomposed = "NFKD" if "K" in form else "NFD"
    # (character, is it the first of what an old character became?), marks in canonical order behind their base
    atoms: list[tuple[str, bool]] = []
    for char in text:
        parts = unicodedata.normalize(decomposed, char.char)  # pyright: ignore[reportArgumentType]
        atoms += [(part, i == 0) for i, part in enumerate(parts)]
    ordered: list[tuple[str, bool]] = []
    for atom in atoms:
        at = len(ordered)
        while unicodedata.combining(atom[0]) and at > 0 and _class(ordered[at - 1]) > _class(atom):
            at -= 1
        ordered.insert(at, atom)
    result, done, used = [], 0, 0
    for char in unicodedata.normalize(form, string(text)):  # pyright: ignore[reportArgumentType]
        size = len(unicodedata.normalize(decomposed, char))  # pyright: ignore[reportArgumentType]
        taken = sum(first for _, first in ordered[done : done + size])
        result.append(Char(char, *text[used if taken else used - 1][1:]))
        done, used = done + size, used + taken
    return result


def _class(atom: tuple[str, bool]) -> int:
    return unicodedata.combining(atom[0])


# SentencePiece's own: a table of replacements, and two fixed lists.


def _nmt(_: Json, text: Text) -> Text:
    """Control characters go, odd white space becomes a blank."""
    gone = {*range(0x01, 0x09), 0x0B, *range(0x0E, 0x20), 0x7F, 0x8F, 0x9F}
    blank = {0x09, 0x0A, 0x0C, 0x0D, 0x1680, *range(0x200B, 0x2010), 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD}
    kept = (char for char in text if ord(char.char) not in gone)
    return [Char(" ", *char[1:]) if ord(char.char) in blank else char for char in kept]


def _precompiled(part: Json, text: Text) -> Text:
    """A table of replacements as SentencePiece compiles it: of a short grapheme as a whole, else of its characters.

    New characters have the origins of the old ones in turn. The last one takes the origin of the one before where
    there are more new ones, and where there are fewer, the old ones left over are skipped behind it.
    """
    table = _charsmap(part["precompiled_charsmap"])
    changes: list[list] = []  # [new character, how many old ones it stands for beyond its own, or -1: none]
    for grapheme in regex.findall(r"\X", string(text)):
        whole = table.replacement(grapheme) if len(grapheme.encode()) < 6 else None
        for old in [grapheme] if whole is not None else grapheme:
            new = whole if whole is not None else table.replacement(old)
            if new is None:
                changes.append([old, 0])
                continue
            changes += [[char, 0 if at < len(old) else -1] for at, char in enumerate(new)]
            if len(new) < len(old) and changes:
                changes[-1][1] += len(old) - len(new)
    result, at = [], 0
    for char, more in changes:
        if more < 0:
            result.append(Char(char, *(text[at - 1][1:] if at else (0, 0))))
            continue
        result.append(Char(char, *text[at][1:]))
        at += 1 + more
    return result


class _Charsmap:
    """SentencePiece's table: a trie in a double array (Aoe 1989) from bytes to places in a block of texts."""

    def __init__(self, encoded: str):
        data = base64.b64decode(encoded)
        (size,) = unpack("<I", data[:4])
        self.units = unpack(f"<{size // 4}I", data[4 : 4 + size])
        self.texts = data[4 + size :]

    def replacement(self, old: str) -> str | None:
        """What stands for the shortest start of `old` that the table has."""
        at = self._child(0)
        for byte in old.encode():
            at ^= byte
            unit = self.units[at]
            if byte == 0 or unit & 0x800000FF != byte:
                return None
            at ^= self._offset(unit)
            if unit >> 8 & 1:  # a word of the trie ends here
                start = self.units[at] & 0x7FFFFFFF
                return self.texts[start : self.texts.index(0, start)].decode()
        return None

    def _child(self, at: int) -> int:
        return at ^ self._offset(self.units[at])

    def _offset(self, unit: int) -> int:
        return (unit >> 10) << ((unit & 0x200) >> 6)


_charsmap = cache(_Charsmap)  # decoded once


def replace(part: Json, text: Text) -> Text:
    """What a pattern matches becomes `content`, with the origin of the match's last character."""
    result, done = [], 0
    for start, end in matches(part["pattern"], string(text)):
        result += text[done:start]
        result += [Char(char, *text[max(0, end - 1)][1:]) for char in part["content"]]
        done = end
    return result + text[done:]


def _strip(part: Json, text: Text) -> Text:
    kept = string(text)
    kept = kept.lstrip(BLANKS) if part.get("strip_left", True) else kept
    start = len(text) - len(kept)
    kept = kept.rstrip(BLANKS) if part.get("strip_right", True) else kept
    return text[start : start + len(kept)]


def _prepend(part: Json, text: Text) -> Text:
    return [Char(char, *text[0][1:]) for char in part["prepend"]] + text if text else text


def as_bytes(text: Text) -> Text:
    """Each character as its UTF-8 bytes, each of which has a printable character (`byte_characters`)."""
    table = byte_characters()
    return each(lambda char: "".join(table[byte] for byte in char.encode()))({}, text)


NORMALIZERS: dict[str, Callable[[Json, Text], Text]] = {
    "BertNormalizer": _bert,
    "NFC": lambda _, text: _normal_form("NFC", text),
    "NFD": lambda _, text: _normal_form("NFD", text),
    "NFKC": lambda _, text: _normal_form("NFKC", text),
    "NFKD": lambda _, text: _normal_form("NFKD", text),
    "Nmt": _nmt,
    "Precompiled": _precompiled,
    "Lowercase": each(str.lower),
    "StripAccents": each(lambda char: "" if unicodedata.category(char)[0] == "M" else char),
    "Strip": _strip,
    "Replace": replace,
    "Prepend": _prepend,
    "ByteLevel": lambda _, text: as_bytes(text),
    "Sequence": _sequence,
}
