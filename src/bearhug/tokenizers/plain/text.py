"""What the stations hand on: characters that know where they come from, tokens, and where a pattern is found."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import regex

from bearhug.tokenizers.patterns import finder

Json = dict[str, Any]


class Char(NamedTuple):
    """A character and the part of the input that it stands for."""

    char: str
    start: int
    end: int


Text = list[Char]


class Token(NamedTuple):
    """A token, where it stands in its text, and what the model is told of it beside the id."""

    id: int
    text: str
    offsets: tuple[int, int]
    word: int | None  # the number of its piece, or of its word where words were given; None: added around the text
    sequence: int | None  # 0, or 1 in a pair's second text; None: added around the text
    type_id: int = 0
    attention: int = 1  # 0 on padding

    @property
    def special(self) -> int:
        """1 on what was added around the text."""
        return int(self.sequence is None)


def string(text: Text) -> str:
    """Only the characters."""
    return "".join(char.char for char in text)


def offsets(text: Text) -> tuple[int, int]:
    """From the first character's origin to the last one's."""
    return text[0].start, text[-1].end


# Pattern: {"String": ...} or {"Regex": ...} as tokenizer.json has them, or a test of single characters.
Pattern = Json | Callable[[str], bool]
_finder = cache(finder)


def matches(pattern: Pattern, text: str) -> list[tuple[int, int]]:
    """Where a text, a regular expression, or single characters are found: (start, end), one behind the other."""
    if callable(pattern):
        return [(at, at + 1) for at, char in enumerate(text) if pattern(char)]
    if "Regex" in pattern:
        flat = _finder(pattern["Regex"])(text)
        return list(zip(flat[::2], flat[1::2], strict=True))
    found, size = [], len(pattern["String"])
    at = text.find(pattern["String"]) if size else -1
    while at >= 0:
        found.append((at, at + size))
        at = text.find(pattern["String"], at + size)
    return found


# White space as Unicode has it (Python's isspace counts four control characters more).
BLANKS = "".join(char for char in map(chr, range(0x3001)) if char.isspace() and char not in "\x1c\x1d\x1e\x1f")
# What words are made of (Unicode technical standard 18), which is more than Python's isalnum.
WORD = r"[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d]"


def is_blank(char: str) -> bool:
    """Whether it is white space."""
    return char in BLANKS


def is_word(char: str) -> bool:
    """Whether it can be part of a word; not so for no character at all."""
    return regex.match(WORD, char) is not None
