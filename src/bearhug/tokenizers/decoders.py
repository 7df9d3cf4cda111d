"""Decoders: the tokens' texts -> text; as `tokenizers.decoders`."""

from collections.abc import Sequence as Listing
from typing import Any

from bearhug.tokenizers import _native, file
from bearhug.tokenizers.part import Json, Part, Setting, Several, call_python, pattern_read, pattern_written, text_of
from bearhug.tokenizers.patterns import Regex
from bearhug.tokenizers.pre_tokenizers import Scheme, one_character, scheme
from bearhug.tokenizers.stream import DecodeStream as DecodeStream


class Decoder(Part):
    """Tokens' texts -> text. Made as one of its kinds, or from a Python object with `Decoder.custom`."""

    _table = file.DECODERS
    _core_class = _native.Decoder

    @staticmethod
    def custom(decoder: Any) -> "Decoder":
        """A decoder written in Python: an object whose `decode_chain(tokens)` gives texts that are then joined."""
        return Decoder._called(
            _native.called_decoder, lambda tokens: call_python(decoder.decode_chain, tokens), decoder
        )

    def decode(self, tokens: Listing[str]) -> str:
        """The text of tokens."""
        if isinstance(tokens, str):
            raise TypeError(f"decode() takes a list of tokens; this is the str {tokens!r:.40}. Write [token].")
        return self._core.decode([text_of(token, "decode") for token in tokens])


class ByteLevel(Decoder):
    """Characters that stand for bytes (`pre_tokenizers.ByteLevel`) become text. The settings of that one are accepted
    and change nothing."""

    def __init__(self, **kwargs: Any) -> None:
        self._change({"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True})

    @classmethod
    def _read(cls, description: Json) -> "ByteLevel":
        part = cls()
        part._change(description)
        return part


class Replace(Decoder):
    """What a text or a `Regex` finds in a token is replaced."""

    pattern = Setting[str | Regex](str, Regex, written=pattern_written, read=pattern_read)
    content = Setting[str](str)

    def __init__(self, pattern: str | Regex, content: str) -> None:
        self._set(pattern=pattern, content=content)


class WordPiece(Decoder):
    """Words are joined by spaces, pieces that begin with `prefix` are joined to the word before.

    Args:
        cleanup: spaces before punctuation and in contractions go.
    """

    prefix = Setting[str](str)
    cleanup = Setting[bool](bool)

    def __init__(self, prefix: str = "##", cleanup: bool = True) -> None:
        self._set(prefix=prefix, cleanup=cleanup)


class ByteFallback(Decoder):
    """Tokens like <0x61> become the bytes that they name."""

    def __init__(self) -> None:
        self._set()


class Fuse(Decoder):
    """All tokens become one."""

    def __init__(self) -> None:
        self._set()


class Strip(Decoder):
    """Up to `left` and `right` times the character `content` at the ends of each token goes."""

    content = Setting[str](str, written=one_character)
    start = Setting[int](int, argument="left")
    stop = Setting[int](int, argument="right")

    def __init__(self, content: str = " ", left: int = 0, right: int = 0) -> None:
        self._set(content=content, start=left, stop=right)


class Metaspace(Decoder):
    """The reverse of `pre_tokenizers.Metaspace`."""

    replacement = Setting[str](str, written=one_character)
    prepend_scheme = Setting[Scheme](str, written=scheme)
    split = Setting[bool](bool)

    def __init__(self, replacement: str = "▁", prepend_scheme: Scheme = "always", split: bool = True) -> None:
        self._set(replacement=replacement, prepend_scheme=prepend_scheme, split=split)


class BPEDecoder(Decoder):
    """`suffix`, which ends a word, becomes a space."""

    suffix = Setting[str](str)

    def __init__(self, suffix: str = "</w>") -> None:
        self._set(suffix=suffix)


class CTC(Decoder):
    """Connectionist temporal classification (Graves et al. 2006): repeats count once, `pad_token` not at all.

    Args:
        word_delimiter_token: what stands between words.
        cleanup: spaces before punctuation and in contractions go, and word delimiters become spaces.
    """

    pad_token = Setting[str](str)
    word_delimiter_token = Setting[str](str)
    cleanup = Setting[bool](bool)

    def __init__(self, pad_token: str = "<pad>", word_delimiter_token: str = "|", cleanup: bool = True) -> None:
        self._set(pad_token=pad_token, word_delimiter_token=word_delimiter_token, cleanup=cleanup)


class Sequence(Several, Decoder):
    """Several decoders, one after another; `sequence[0]` is the first."""

    _key = "decoders"
    _flat = False

    def __init__(self, decoders: list[Decoder]) -> None:
        self._take(decoders)
