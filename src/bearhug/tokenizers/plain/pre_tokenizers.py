"""Pre-tokenizers: Text -> pieces, which the model sees one at a time: no token crosses their borders."""

import unicodedata
from collections.abc import Callable
from functools import cache
from itertools import pairwise

import regex

from bearhug.tokenizers.patterns import GPT2
from bearhug.tokenizers.plain.normalizers import as_bytes, replace
from bearhug.tokenizers.plain.text import WORD, Char, Json, Pattern, Text, is_blank, matches, string


def split(part: Json | None, pieces: list[Text]) -> list[Text]:
    """A tokenizer.json's pre-tokenizer, done to each piece."""
    if part is None:
        return pieces
    return [new for piece in pieces for new in PRE_TOKENIZERS[part["type"]](part, piece) if new]


def cut(text: Text, found: Pattern | list[tuple[int, int]], behavior: str, invert: bool = False) -> list[Text]:
    """A text cut at the matches of a pattern; the behavior says what becomes of them.

    Args:
        found: a pattern, or (start, end) of its matches.
        behavior: Removed; Isolated; MergedWithPrevious; MergedWithNext; Contiguous: neighbouring matches are one piece.
        invert: the matches are what stays between, and the rest is cut at.
    """
    parts, done = [], 0
    for start, end in found if isinstance(found, list) else matches(found, string(text)):
        if start > done:
            parts.append((done, start, invert))
        parts.append((start, end, not invert))
        done = end
    if done < len(text):
        parts.append((done, len(text), invert))
    if behavior == "Removed":
        return [text[start:end] for start, end, match in parts if not match]
    merged: list[tuple[int, int]] = []
    before = False
    for start, end, match in reversed(parts) if behavior == "MergedWithNext" else parts:
        joins = match == before if behavior == "Contiguous" else match and not before and behavior != "Isolated"
        if joins and merged:
            other = merged.pop()
            start, end = min(start, other[0]), max(end, other[1])
        merged.append((start, end))
        before = match
    return [text[start:end] for start, end in sorted(merged)]


def _byte_level(part: Json, text: Text) -> list[Text]:
    if part.get("add_prefix_space", True) and text[0].char != " ":
        text = [Char(" ", *text[0][1:]), *text]
    pieces = cut(text, {"Regex": GPT2}, "Isolated") if part.get("use_regex", True) else [text]
    return [as_bytes(piece) for piece in pieces]


def _metaspace(part: Json, text: Text) -> list[Text]:
    """Blanks become a visible mark, which stands at the start of each word."""
    mark = part.get("replacement", "▁")
    scheme = part.get("prepend_scheme") or ("always" if part.get("add_prefix_space", True) else "never")
    text = replace({"pattern": {"String": " "}, "content": mark}, text)
    if text[0].char != mark and (scheme == "always" or (scheme == "first" and text[0].start == 0)):
        text = [Char(mark, *text[0][1:]), *text]
    return cut(text, {"String": mark}, "MergedWithNext") if part.get("split", True) else [text]


def _is_punctuation(char: str) -> bool:
    return unicodedata.category(char)[0] == "P" or char in "$+<=>^`|~"


def _is_number(char: str) -> bool:
    return unicodedata.category(char)[0] == "N"


def _bert(_: Json, text: Text) -> list[Text]:
    words = [word for word in cut(text, is_blank, "Removed") if word]
    return [piece for word in words for piece in cut(word, _is_punctuation, "Isolated")]


def _whitespace(_: Json, text: Text) -> list[Text]:
    found = [match.span() for match in regex.finditer(rf"{WORD}+|[^{WORD[1:-1]}\s]+", string(text))]
    return [text[start:end] for start, end in found]


def _digits(part: Json, text: Text) -> list[Text]:
    return cut(text, _is_number, "Isolated" if part.get("individual_digits") else "Contiguous")


def _fixed_length(part: Json, text: Text) -> list[Text]:
    size = part.get("length", 5)
    return [text[at : at + size] for at in range(0, len(text), size)]


# Scripts of Unicode 16 (annex 24) but for Hiragana and Katakana, which go with Han.
SCRIPTS = (
    "Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki "
    "Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee "
    "Common Coptic Cuneiform Cypriot Cyrillic Deseret Devanagari Duployan Egyptian_Hieroglyphs Elbasan Ethiopic "
    "Georgian Glagolitic Gothic Grantha Greek Gujarati Gurmukhi Hangul Hanunoo Hatran Hebrew Imperial_Aramaic "
    "Inherited Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Kayah_Li Kharoshthi Khmer "
    "Khojki Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Malayalam Mandaic "
    "Manichaean Marchen Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro "
    "Multani Myanmar Nabataean New_Tai_Lue Newa Nko Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian "
    "Old_Permic Old_Persian Old_South_Arabian Old_Turkic Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau "
    "Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting "
    "Sinhala Sora_Sompeng Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil "
    "Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Ugaritic Vai Warang_Citi Yi"
).split()


@cache
def _script(char: str) -> str | None:
    """The script of a character; None for a blank, and what has none: they go with what stands before them."""
    if char == " ":
        return None
    if char == "\u30fc" or regex.match(r"[\p{Han}\p{Hiragana}\p{Katakana}]", char):
        return "Han"
    return next((script for script in SCRIPTS if regex.match(rf"\p{{Script={script}}}", char)), None)


def _unicode_scripts(_: Json, text: Text) -> list[Text]:
    """A border where the script changes; blanks before the first letter are lost, as in the reference."""
    borders, before = [], None
    for at, char in enumerate(text):
        script = _script(char.char)
        if script is not None and script != before:
            borders.append(at)
        before = script or before
    return [text[start:end] for start, end in pairwise([*borders, len(text)])]


PRE_TOKENIZERS: dict[str, Callable[[Json, Text], list[Text]]] = {
    "ByteLevel": _byte_level,
    "BertPreTokenizer": _bert,
    "Whitespace": _whitespace,
    "WhitespaceSplit": lambda _, text: cut(text, is_blank, "Removed"),
    "Punctuation": lambda part, text: cut(text, _is_punctuation, part.get("behavior", "Isolated")),
    "Digits": _digits,
    "FixedLength": _fixed_length,
    "UnicodeScripts": _unicode_scripts,
    "CharDelimiterSplit": lambda part, text: cut(text, {"String": part["delimiter"]}, "Removed"),
    "Metaspace": _metaspace,
    "Split": lambda part, text: cut(text, part["pattern"], part["behavior"], part.get("invert", False)),
    "Sequence": lambda part, text: _sequence(part, text),
}


def _sequence(part: Json, text: Text) -> list[Text]:
    pieces = [text]
    for inner in part["pretokenizers"]:
        pieces = split(inner, pieces)
    return pieces
