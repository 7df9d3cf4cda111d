"""Pre-tokenizers: text -> the pieces that the model sees one at a time, as `tokenizers.pre_tokenizers` cuts them."""

from typing import Any, Literal

from bearhug.tokenizers import _native, file
from bearhug.tokenizers.convert import byte_characters
from bearhug.tokenizers.part import (
    Part,
    Setting,
    Several,
    call_python,
    pattern_read,
    pattern_written,
    same_kind,
    text_of,
)
from bearhug.tokenizers.patterns import Regex
from bearhug.tokenizers.strings import BEHAVIORS, Gone, PreTokenizedString, behavior_name

Behavior = Literal["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
Scheme = Literal["always", "never", "first"]


def one_character(text: str) -> str:
    """The text, which is one character long.

    Raises:
        ValueError: it is longer or empty.
    """
    if len(text) != 1:
        raise ValueError(f"expected a string of length 1; {text!r:.40} has {len(text)} characters.")
    return text


def scheme(name: str) -> str:
    """The name of a prepend_scheme.

    Raises:
        ValueError: there is no such scheme.
    """
    if name not in ("always", "never", "first"):
        raise ValueError(f"prepend_scheme={name!r}; it is 'always', 'never' or 'first'.")
    return name


class PreTokenizer(Part):
    """Text -> pieces. Made as one of its kinds, or from a Python object with `PreTokenizer.custom`."""

    _table = file.PRE_TOKENIZERS
    _core_class = _native.PreTokenizer

    @staticmethod
    def custom(pretok: Any) -> "PreTokenizer":
        """A pre-tokenizer written in Python: an object whose `pre_tokenize(text: PreTokenizedString)` cuts the text.

        Example: `text.split(lambda i, piece: piece.split(" ", "removed"))`.
        """

        def call(pieces: list[_native.AlignedText], original: str, base: int) -> list[_native.AlignedText]:
            lent: Any = PreTokenizedString._of(pieces, original, base)
            try:
                call_python(pretok.pre_tokenize, lent)
                return lent._pieces()
            finally:
                lent._splits = Gone("PreTokenizedString", "pre_tokenize")

        return PreTokenizer._called(_native.called_pre_tokenizer, call, pretok)

    def pre_tokenize(self, pretok: PreTokenizedString) -> None:
        """Cut a `PreTokenizedString` further, in place; pieces that have tokens already stay."""
        if not isinstance(pretok, PreTokenizedString):
            raise TypeError(
                f"pre_tokenize() takes a PreTokenizedString; this is a {type(pretok).__name__}. For a str, use "
                "pre_tokenize_str()."
            )
        pretok._split_by(self._core)

    def pre_tokenize_str(self, sequence: str) -> list[tuple[str, tuple[int, int]]]:
        """[(piece, (start, end))], in characters of the text."""
        return self._core.split(text_of(sequence, "pre_tokenize_str"))


class BertPreTokenizer(PreTokenizer):
    """White space separates words, punctuation stands alone."""

    def __init__(self) -> None:
        self._set()


class ByteLevel(PreTokenizer):
    """Bytes as 256 printable characters, cut by GPT-2's pattern (Radford et al. 2019).

    Args:
        add_prefix_space: a text that begins with no space gets one, so that its first word is like the others.
        trim_offsets: is for the post-processor of that name.
        use_regex: False: the text is not cut.
        type: as a description has it: `ByteLevel(**json.loads(part.__getstate__()))`.
    """

    add_prefix_space = Setting[bool](bool)
    trim_offsets = Setting[bool](bool)
    use_regex = Setting[bool](bool)

    def __init__(
        self,
        add_prefix_space: bool = True,
        trim_offsets: bool = True,
        use_regex: bool = True,
        *,
        type: str = "ByteLevel",
    ) -> None:
        same_kind(self, type)
        self._set(add_prefix_space=add_prefix_space, trim_offsets=trim_offsets, use_regex=use_regex)

    @staticmethod
    def alphabet() -> list[str]:
        """The 256 characters that stand for bytes."""
        return list(byte_characters().values())


class CharDelimiterSplit(PreTokenizer):
    """One character separates pieces, and goes."""

    delimiter = Setting[str](str, written=one_character)

    def __init__(self, delimiter: str) -> None:
        self._set(delimiter=delimiter)


class Digits(PreTokenizer):
    """Numbers stand alone; with `individual_digits`, each digit does."""

    individual_digits = Setting[bool](bool)

    def __init__(self, individual_digits: bool = False) -> None:
        self._set(individual_digits=individual_digits)


class FixedLength(PreTokenizer):
    """Pieces of `length` characters."""

    length = Setting[int](int)

    def __init__(self, length: int = 5) -> None:
        self._set(length=length)


class Metaspace(PreTokenizer):
    """SentencePiece's way: spaces become `replacement`, and each begins a piece.

    Args:
        prepend_scheme: "always": each piece that begins with none gets one; "first": only the text's first; "never".
        split: False: the text is not cut.
    """

    replacement = Setting[str](str, written=one_character)
    prepend_scheme = Setting[Scheme](str, written=scheme)
    split = Setting[bool](bool)

    def __init__(self, replacement: str = "▁", prepend_scheme: Scheme = "always", split: bool = True) -> None:
        self._set(replacement=replacement, prepend_scheme=prepend_scheme, split=split)


class Punctuation(PreTokenizer):
    """Punctuation is cut off, or what `behavior` says."""

    behavior = Setting[Behavior](str, written=behavior_name, read=BEHAVIORS.__getitem__)

    def __init__(self, behavior: Behavior = "isolated") -> None:
        self._set(behavior=behavior)


class Split(PreTokenizer):
    """The text is cut at what a text or a `Regex` finds.

    Args:
        behavior: what becomes of a match: "removed", "isolated", "merged_with_previous", "merged_with_next",
            "contiguous" (matches that touch are one piece).
        invert: what is found is what stays, and the rest are the matches.
    """

    pattern = Setting[str | Regex](str, Regex, written=pattern_written, read=pattern_read)
    behavior = Setting[Behavior](str, written=behavior_name, read=BEHAVIORS.__getitem__)
    invert = Setting[bool](bool)

    def __init__(self, pattern: str | Regex, behavior: Behavior, invert: bool = False) -> None:
        self._set(pattern=pattern, behavior=behavior, invert=invert)


class UnicodeScripts(PreTokenizer):
    """The text is cut where the script changes."""

    def __init__(self) -> None:
        self._set()


class Whitespace(PreTokenizer):
    r"""Words, and runs of what is neither a word nor white space: `\w+|[^\w\s]+`."""

    def __init__(self) -> None:
        self._set()


class WhitespaceSplit(PreTokenizer):
    """White space separates pieces."""

    def __init__(self) -> None:
        self._set()


class Sequence(Several, PreTokenizer):
    """Several pre-tokenizers, one after another; `sequence[0]` is the first."""

    _key = "pretokenizers"

    def __init__(self, pretokenizers: list[PreTokenizer]) -> None:
        self._take(pretokenizers)
