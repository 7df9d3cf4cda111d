"""Texts on their way through a tokenizer, for parts that are written in Python: a `NormalizedString` is rewritten, a
`PreTokenizedString` is cut, and both remember where in the original text everything stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from functools import cache
from operator import index
from typing import Any, NoReturn

from bearhug.tokenizers import _native
from bearhug.tokenizers.encoding import Encoding
from bearhug.tokenizers.part import text_of
from bearhug.tokenizers.patterns import Regex

# What tokenizer.json calls what becomes of a match -> what Python does.
BEHAVIORS: dict[str, Any] = {
    "Removed": "removed",
    "Isolated": "isolated",
    "MergedWithPrevious": "merged_with_previous",
    "MergedWithNext": "merged_with_next",
    "Contiguous": "contiguous",
}


class OffsetReferential(Enum):
    """What offsets count: the original text, or the normalized one."""

    ORIGINAL = "original"
    NORMALIZED = "normalized"


class OffsetType(Enum):
    """What offsets count in."""

    BYTE = "byte"
    CHAR = "char"


class SplitDelimiterBehavior(Enum):
    """What becomes of what a split finds."""

    REMOVED = "removed"
    ISOLATED = "isolated"
    MERGED_WITH_PREVIOUS = "merged_with_previous"
    MERGED_WITH_NEXT = "merged_with_next"
    CONTIGUOUS = "contiguous"


def behavior_name(behavior: str) -> str:
    """The name that tokenizer.json has for a behavior.

    Raises:
        ValueError: there is no such behavior.
    """
    for name, known in BEHAVIORS.items():
        if behavior == known:
            return name
    raise ValueError(f"behavior={behavior!r}; it is one of {', '.join(map(repr, BEHAVIORS.values()))}.")


def _choice(value: Any, kind: type[Enum], name: str) -> str:
    value = value.value if isinstance(value, kind) else value
    known = [one.value for one in kind]
    if value not in known:
        raise ValueError(f"{name}={value!r}; it is {' or '.join(map(repr, known))}.")
    return value


@cache
def _form(name: str) -> _native.Normalizer:
    """The core's normalizer for a method without arguments."""
    if name == "lowercase":
        return _native.Normalizer.lowercase("")
    if name in ("strip", "lstrip", "rstrip"):
        return _native.Normalizer.strip("", name != "rstrip", name != "lstrip")
    return _native.Normalizer.unicode("", name)  # pyright: ignore[reportArgumentType]


@cache
def _newer_capitals() -> dict[str, str]:
    """The capitals that are younger than Python's tables may be: what the core makes small, the other way round."""
    ranges = ((0x1C89, 0x1C89), (0xA7CB, 0xA7DC), (0x10D50, 0x10D65), (0x16EA0, 0x16EB8))
    capitals = "".join(chr(point) for start, end in ranges for point in range(start, end + 1))
    small = _form("lowercase").normalize(capitals)
    return {one: capital for one, capital in zip(small, capitals, strict=True) if one != capital}


class Gone:
    """Stands in for what was lent for one call, when that is over: a change would change nothing."""

    def __init__(self, kind: str, method: str):
        self.says = f"Cannot use a {kind}RefMut outside `{method}`: it is lent for the time of the call."

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError(self.says)

    def __iter__(self) -> NoReturn:
        raise RuntimeError(self.says)


class NormalizedString:
    """A text, and the original that it was made of; each character knows where in the original it comes from.

    >>> text = NormalizedString("Héllo  world")
    >>> text.lowercase()
    >>> [str(piece) for piece in text.split(" ", "removed")]
    ['héllo', 'world']
    """

    _text: _native.AlignedText

    def __init__(self, sequence: str) -> None:
        if not isinstance(sequence, str):
            raise TypeError(f"a NormalizedString is made of a str; this is a {type(sequence).__name__}.")
        self._text = _native.AlignedText(sequence)

    @classmethod
    def _over(cls, text: _native.AlignedText) -> NormalizedString:
        self = cls.__new__(cls)
        self._text = text
        return self

    @property
    def original(self) -> str:
        """What the text was made of."""
        return self._text.original

    @property
    def normalized(self) -> str:
        """The text as it is now."""
        return self._text.text

    def nfd(self) -> None:
        """Unicode's normal form D."""
        self._text.apply(_form("NFD"))

    def nfkd(self) -> None:
        """Unicode's normal form KD."""
        self._text.apply(_form("NFKD"))

    def nfc(self) -> None:
        """Unicode's normal form C."""
        self._text.apply(_form("NFC"))

    def nfkc(self) -> None:
        """Unicode's normal form KC."""
        self._text.apply(_form("NFKC"))

    def lowercase(self) -> None:
        """Capitals become small."""
        self._text.apply(_form("lowercase"))

    def uppercase(self) -> None:
        """Small letters become capitals."""
        newer = _newer_capitals()
        self._text.transform(
            [(big, int(i > 0)) for char in self.normalized for i, big in enumerate(newer.get(char) or char.upper())]
        )

    def prepend(self, s: str) -> None:
        """Put a text before this one; it takes the place of the first character."""
        self._text.apply(_native.Normalizer.prepend("", s))

    def append(self, s: str) -> None:
        """Put a text behind this one; it takes the place of the last character."""
        self._text.append(s)

    def lstrip(self) -> None:
        """White space at the start goes."""
        self._text.apply(_form("lstrip"))

    def rstrip(self) -> None:
        """White space at the end goes."""
        self._text.apply(_form("rstrip"))

    def strip(self) -> None:
        """White space at both ends goes."""
        self._text.apply(_form("strip"))

    def clear(self) -> None:
        """All of the text goes; the original stays."""
        self._text.clear()

    def map(self, func: Callable[[str], str]) -> None:
        """Each character becomes the one that `func(character)` gives."""
        self._text.transform([(_one(_called(func, "map")(char), "map"), 0) for char in self.normalized])

    def filter(self, func: Callable[[str], bool]) -> None:
        """Characters of which `func(character)` is False go."""
        kept: list[tuple[str, int]] = []
        skipped = 0
        for char in self.normalized:
            if _called(func, "filter")(char):
                kept.append((char, 0))
            elif kept:
                kept[-1] = (kept[-1][0], kept[-1][1] - 1)
            else:
                skipped += 1
        self._text.transform(kept, skipped if kept else 0)

    def for_each(self, func: Callable[[str], Any]) -> None:
        """Calls `func(character)` for each character."""
        for char in self.normalized:
            _called(func, "for_each")(char)

    def split(self, pattern: str | Regex, behavior: str) -> list[NormalizedString]:
        """The pieces between what a text or a `Regex` finds.

        Args:
            behavior: what becomes of a match: "removed", "isolated", "merged_with_previous", "merged_with_next",
                "contiguous".
        """
        name: Any = BEHAVIORS[behavior_name(behavior.value if isinstance(behavior, Enum) else behavior)]
        if isinstance(pattern, Regex):
            cut = _native.PreTokenizer.split_finder("", pattern.find, name, False)
        else:
            cut = _native.PreTokenizer.split_literal("", pattern, name, False)
        return [self._over(piece) for piece in self._text.split(cut)]

    def replace(self, pattern: str | Regex, content: str) -> None:
        """What a text or a `Regex` finds becomes `content`."""
        found = pattern.find if isinstance(pattern, Regex) else text_of(pattern, "replace")
        self._text.apply(_native.Normalizer.replace("", found, content))

    def slice(self, range: int | tuple[int, int] | slice) -> NormalizedString | None:
        """Some characters of the text, with what they come from; None: there are none.

        Args:
            range: an index, (start, end), or a slice. Negative ones count from the end.
        """
        length = len(self.normalized)
        if isinstance(range, tuple):
            start, end, _ = slice(*range).indices(length)
        elif isinstance(range, slice):
            start, end, _ = range.indices(length)
        else:
            start = range + length if index(range) < 0 else range
            end = start + 1
        if not 0 <= start < length:
            return None
        return self._over(self._text.slice(start, max(start, end)))

    def __getitem__(self, range: int | tuple[int, int] | slice) -> NormalizedString | None:
        return self.slice(range)

    def __iter__(self) -> Iterator[str]:
        return iter(self.normalized)

    def __len__(self) -> int:
        return len(self.normalized)

    def __copy__(self) -> NormalizedString:
        return self._over(self._text.copy())

    def __deepcopy__(self, memo: dict) -> NormalizedString:
        return self._over(self._text.copy())

    def __str__(self) -> str:
        return self.normalized

    def __repr__(self) -> str:
        return f'NormalizedString(original="{self.original}", normalized="{self.normalized}")'


def _called(func: Any, method: str) -> Callable[[str], Any]:
    if not callable(func):
        raise TypeError(f"{method}() takes a function of one character; this is a {type(func).__name__}.")
    return func


def _one(char: Any, method: str) -> str:
    if not isinstance(char, str) or not char:
        raise TypeError(f"the function of {method}() returned {char!r:.40}; expected one character.")
    return char[0]


class Token:
    """A token that a model made of a piece: its id, its text, and which bytes of the piece it covers."""

    __slots__ = ("id", "offsets", "value")

    def __init__(self, id: int, value: str, offsets: tuple[int, int]) -> None:
        self.id, self.value, self.offsets = id, value, tuple(offsets)

    def as_tuple(self) -> tuple[int, str, tuple[int, int]]:
        """(id, value, offsets)."""
        return self.id, self.value, (self.offsets[0], self.offsets[1])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and self.as_tuple() == other.as_tuple()

    def __hash__(self) -> int:
        return hash(self.as_tuple())

    def __repr__(self) -> str:
        return f"Token(id={self.id}, value={self.value!r}, offsets={self.as_tuple()[2]})"


class PreTokenizedString:
    """A text that is cut into pieces, which are normalized and become tokens; all know their place in the original.

    >>> text = PreTokenizedString("Hello world")
    >>> text.split(lambda i, piece: piece.split(" ", "removed"))
    >>> text.get_splits()
    [('Hello', (0, 5), None), ('world', (6, 11), None)]
    """

    _original: str
    _base = 0  # the byte at which the original starts in a longer one
    _splits: list[tuple[NormalizedString, list[Token] | None]]

    def __init__(self, sequence: str) -> None:
        self._original, self._splits = sequence, [(NormalizedString(sequence), None)]

    @classmethod
    def _of(cls, pieces: list[_native.AlignedText], original: str, base: int) -> PreTokenizedString:
        self = cls.__new__(cls)
        self._splits = [(NormalizedString._over(piece), None) for piece in pieces]
        self._original, self._base = original, base
        return self

    def _pieces(self) -> list[_native.AlignedText]:
        if any(tokens is not None for _, tokens in self._splits):
            raise ValueError("a custom pre-tokenizer cuts the text; the tokens are the model's to make.")
        return [piece._text for piece, _ in self._splits]

    def _split_by(self, pre_tokenizer: _native.PreTokenizer) -> None:
        self.split(lambda _, piece: [NormalizedString._over(cut) for cut in piece._text.split(pre_tokenizer)])

    def split(self, func: Callable[[int, NormalizedString], Sequence[NormalizedString]]) -> None:
        """Cut the pieces that have no tokens yet.

        Args:
            func: `func(index, piece)` gives the pieces that take its place, made by the `split` or `slice` of that
                piece.
        """
        if not callable(func):
            raise TypeError(f"split() takes a function of an index and a piece; this is a {type(func).__name__}.")
        splits: list[tuple[NormalizedString, list[Token] | None]] = []
        for i, (piece, tokens) in enumerate(self._splits):
            if tokens is not None:
                splits.append((piece, tokens))
                continue
            cut = func(i, piece)
            if not isinstance(cut, list | tuple):
                raise TypeError(f"the function of split() returned a {type(cut).__name__}; expected a list of pieces.")
            splits += [(one, None) for one in cut if isinstance(one, NormalizedString) and one.normalized]
        self._splits = splits

    def normalize(self, func: Callable[[NormalizedString], Any]) -> None:
        """Calls `func(piece)` for each piece that has no tokens yet; it changes the piece."""
        if not callable(func):
            raise TypeError(f"normalize() takes a function of a piece; this is a {type(func).__name__}.")
        for piece, tokens in self._splits:
            if tokens is None:
                func(piece)

    def tokenize(self, func: Callable[[str], list[Token]]) -> None:
        """`func(text)` gives the tokens of each piece that has none yet."""
        if not callable(func):
            raise TypeError(f"tokenize() takes a function of a text; this is a {type(func).__name__}.")
        self._splits = [(piece, func(str(piece)) if tokens is None else tokens) for piece, tokens in self._splits]

    def get_splits(
        self, offset_referential: str = "original", offset_type: str = "char"
    ) -> list[tuple[str, tuple[int, int], list[Token] | None]]:
        """[(piece, (start, end), tokens)].

        Args:
            offset_referential: "original", or "normalized": where the pieces stand one after another.
            offset_type: "char" or "byte".
        """
        original = _choice(offset_referential, OffsetReferential, "offset_referential") == "original"
        in_chars = _choice(offset_type, OffsetType, "offset_type") == "char"
        places = _places(self._original)
        splits: list[tuple[str, tuple[int, int], list[Token] | None]] = []
        done = 0
        for piece, tokens in self._splits:
            start, size = done, len(piece.normalized.encode())
            done += size
            if original:
                start, size = piece._text.shift - self._base, len(piece.original.encode())
            span = (start, start + size)
            splits.append((str(piece), (_in_chars(span, places) or span) if in_chars else span, tokens))
        return splits

    def to_encoding(self, type_id: int = 0, word_idx: int | None = None) -> Encoding:
        """The tokens as an `Encoding`.

        Args:
            type_id: of all tokens.
            word_idx: the word of all tokens; None: each piece is a word.

        Raises:
            ValueError: a piece has no tokens yet.
        """
        if any(tokens is None for _, tokens in self._splits):
            raise ValueError("a piece has no tokens yet; call tokenize() first.")
        places = _places(self._original)
        ids: list[int] = []
        values: list[str] = []
        offsets: list[tuple[int, int]] = []
        words: list[int | None] = []
        for i, (piece, tokens) in enumerate(self._splits):
            shift = piece._text.shift - self._base
            for token in tokens or ():
                span = piece._text.origin(*token.offsets)
                span = (shift + span[0], shift + span[1]) if span else token.as_tuple()[2]
                ids.append(token.id)
                values.append(token.value)
                offsets.append(_in_chars(span, places) or token.as_tuple()[2])
                words.append(i if word_idx is None else word_idx)
        return Encoding.made(ids=ids, type_ids=[type_id] * len(ids), tokens=values, offsets=offsets, word_ids=words)


def _places(text: str) -> list[int]:
    """Which character each byte of a text belongs to."""
    return [i for i, char in enumerate(text) for _ in char.encode()]


def _in_chars(span: tuple[int, int], places: list[int]) -> tuple[int, int] | None:
    start, end = span
    if start >= len(places):
        return None
    if end < len(places):
        return places[start], places[end]
    last = places[end - 1] if 0 < end <= len(places) else places[start] + 1
    return places[start], last + 1
