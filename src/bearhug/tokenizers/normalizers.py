"""Normalizers: text -> text, before it is cut. The settings and results are those of `tokenizers.normalizers`."""

import base64
from typing import Any

from bearhug.tokenizers import _native, file
from bearhug.tokenizers.part import Part, Setting, Several, call_python, pattern_read, pattern_written, text_of
from bearhug.tokenizers.patterns import Regex
from bearhug.tokenizers.strings import Gone, NormalizedString


class Normalizer(Part):
    """Text -> text, before it is cut. Made as one of its kinds, or from a Python object with `Normalizer.custom`."""

    _table = file.NORMALIZERS
    _core_class = _native.Normalizer

    @staticmethod
    def custom(normalizer: Any) -> "Normalizer":
        """A normalizer written in Python: an object whose `normalize(text: NormalizedString)` changes the text."""

        def call(text: _native.AlignedText) -> None:
            lent: Any = NormalizedString._over(text)
            try:
                call_python(normalizer.normalize, lent)
            finally:
                lent._text = Gone("NormalizedString", "normalize")

        return Normalizer._called(_native.called_normalizer, call, normalizer)

    def normalize(self, normalized: NormalizedString) -> None:
        """Normalize a `NormalizedString`, in place."""
        if not isinstance(normalized, NormalizedString):
            raise TypeError(
                f"normalize() takes a NormalizedString; this is a {type(normalized).__name__}. For a str, use "
                "normalize_str()."
            )
        normalized._text.apply(self._core)

    def normalize_str(self, sequence: str) -> str:
        """The normalized text."""
        return self._core.normalize(text_of(sequence, "normalize_str"))


class BertNormalizer(Normalizer):
    """BERT's cleaning: control characters go, blanks become spaces, Chinese characters stand alone, accents go, large
    letters become small.

    Args:
        strip_accents: None: as `lowercase`.
    """

    clean_text = Setting[bool](bool)
    handle_chinese_chars = Setting[bool](bool)
    strip_accents = Setting[bool | None](bool, type(None))
    lowercase = Setting[bool](bool)

    def __init__(
        self,
        clean_text: bool = True,
        handle_chinese_chars: bool = True,
        strip_accents: bool | None = None,
        lowercase: bool = True,
    ) -> None:
        self._set(
            clean_text=clean_text,
            handle_chinese_chars=handle_chinese_chars,
            strip_accents=strip_accents,
            lowercase=lowercase,
        )


class NFC(Normalizer):
    """Unicode's normal form C: characters are composed."""

    def __init__(self) -> None:
        self._set()


class NFD(Normalizer):
    """Unicode's normal form D: characters are taken apart."""

    def __init__(self) -> None:
        self._set()


class NFKC(Normalizer):
    """Unicode's normal form KC: compatible characters become one, and are composed."""

    def __init__(self) -> None:
        self._set()


class NFKD(Normalizer):
    """Unicode's normal form KD: compatible characters become one, and are taken apart."""

    def __init__(self) -> None:
        self._set()


class Nmt(Normalizer):
    """SentencePiece's cleaning for translation: control characters go, odd blanks become spaces."""

    def __init__(self) -> None:
        self._set()


class Lowercase(Normalizer):
    """Capitals become small."""

    def __init__(self) -> None:
        self._set()


class StripAccents(Normalizer):
    """Combining marks go; behind `NFD`, that is all accents."""

    def __init__(self) -> None:
        self._set()


class Strip(Normalizer):
    """White space at the text's ends goes."""

    left = Setting[bool](bool, key="strip_left")
    right = Setting[bool](bool, key="strip_right")

    def __init__(self, left: bool = True, right: bool = True) -> None:
        self._set(left=left, right=right)


class Replace(Normalizer):
    """What a text or a `Regex` finds is replaced."""

    pattern = Setting[str | Regex](str, Regex, written=pattern_written, read=pattern_read)
    content = Setting[str](str)

    def __init__(self, pattern: str | Regex, content: str) -> None:
        self._set(pattern=pattern, content=content)


class Prepend(Normalizer):
    """A text is put before every text that is not empty."""

    prepend = Setting[str](str)

    def __init__(self, prepend: str) -> None:
        self._set(prepend=prepend)


class ByteLevel(Normalizer):
    """Each byte becomes one of 256 printable characters (Radford et al. 2019)."""

    def __init__(self) -> None:
        self._set()


class Precompiled(Normalizer):
    """SentencePiece's compiled character map.

    Raises:
        ValueError: the bytes are no such map.
    """

    precompiled_charsmap = Setting[bytes](
        bytes, written=lambda raw: base64.b64encode(raw).decode(), read=base64.b64decode
    )

    def __init__(self, precompiled_charsmap: bytes) -> None:
        self._set(precompiled_charsmap=precompiled_charsmap)


class Sequence(Several, Normalizer):
    """Several normalizers, one after another; `sequence[0]` is the first."""

    _key = "normalizers"

    def __init__(self, normalizers: list[Normalizer]) -> None:
        self._take(normalizers)


NORMALIZERS = {"nfc": NFC, "nfd": NFD, "nfkc": NFKC, "nfkd": NFKD}


def unicode_normalizer_from_str(normalizer: str) -> Normalizer:
    """ "nfc", "nfd", "nfkc" or "nfkd" -> the normalizer.

    Raises:
        ValueError: another name.
    """
    if normalizer not in NORMALIZERS:
        raise ValueError(f"{normalizer!r} is no Unicode normal form; they are {', '.join(NORMALIZERS)}.")
    return NORMALIZERS[normalizer]()
