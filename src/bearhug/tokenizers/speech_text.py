"""Transcripts in the spelling in which word error rates are counted: Whisper's (Radford et al. 2022, arXiv:2212.04356,
appendix C).

`basic` for any language, `english` with contractions written out, numbers as digits and American spelling.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from fractions import Fraction

# Letters that decomposition leaves whole.
_WHOLE = {"œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "AE", "ß": "ss", "ẞ": "SS", "đ": "d", "Đ": "D"}
_WHOLE |= {"ð": "d", "Ð": "D", "þ": "th", "Þ": "th", "ł": "l", "Ł": "L"}


def basic(text: str, remove_diacritics: bool = False) -> str:
    """Lower case, nothing in brackets, no punctuation, one blank between words."""
    text = _without_brackets(text.lower())
    clean = _without_marks(text) if remove_diacritics else _without_symbols(text)
    return re.sub(r"\s+", " ", clean.lower())


def english(text: str, spelling: Mapping[str, str]) -> str:
    """English; `spelling` maps British words to American ones."""
    text = _without_brackets(text.lower())
    text = re.sub(r"\b(hmm|mm|mhm|mmm|uh|um)\b", "", text)
    text = re.sub(r"\s+'", "'", text)
    for pattern, words in _WRITTEN_OUT:
        text = pattern.sub(words, text)
    text = re.sub(r"(\d),(\d)", r"\1\2", text)
    text = re.sub(r"\.([^0-9]|$)", r" \1", text)
    text = _without_marks(text, keep=".%$¢€£")
    text = _numbers(text)
    text = " ".join(spelling.get(word, word) for word in text.split())
    text = re.sub(r"[.$¢€£]([^0-9])", r" \1", text)
    text = re.sub(r"([^0-9])%", r"\1 ", text)
    return re.sub(r"\s+", " ", text)


def _without_brackets(text: str) -> str:
    return re.sub(r"\(([^)]+?)\)", "", re.sub(r"[<\[][^>\]]*[>\]]", "", text))


def _without_symbols(text: str) -> str:
    """Marks, symbols and punctuation become blanks."""
    return "".join(" " if unicodedata.category(c)[0] in "MSP" else c for c in unicodedata.normalize("NFKC", text))


def _without_marks(text: str, keep: str = "") -> str:
    """Accents go, symbols and punctuation become blanks."""
    out = []
    for c in unicodedata.normalize("NFKD", text):
        kind = unicodedata.category(c)
        if c in keep:
            out.append(c)
        elif c in _WHOLE:
            out.append(_WHOLE[c])
        elif kind != "Mn":
            out.append(" " if kind[0] in "MSP" else c)
    return "".join(out)


def _compiled(table: str, pattern: str) -> list[tuple[re.Pattern[str], str]]:
    pairs = (line.strip().split("=") for line in table.strip().splitlines())
    return [(re.compile(pattern.format(short)), words) for short, words in pairs]


_WRITTEN_OUT = _compiled(
    """won't=will not
    can't=can not
    let's=let us
    ain't=aint
    y'all=you all
    wanna=want to
    gotta=got to
    gonna=going to
    i'ma=i am going to
    imma=i am going to
    woulda=would have
    coulda=could have
    shoulda=should have
    ma'am=madam""",
    r"\b{}\b",
)
_TITLES = (
    "mr=mister mrs=missus st=saint dr=doctor prof=professor capt=captain gov=governor ald=alderman gen=general "
    "sen=senator rep=representative pres=president rev=reverend hon=honorable asst=assistant assoc=associate "
    "lt=lieutenant col=colonel jr=junior sr=senior esq=esquire"
)
_WRITTEN_OUT += [(pattern, f"{words} ") for pattern, words in _compiled(_TITLES.replace(" ", "\n"), r"\b{}\b")]
_WRITTEN_OUT += _compiled(
    """'d been= had been
    's been= has been
    'd gone= had gone
    's gone= has gone
    'd done= had done
    's got= has got
    n't= not
    're= are
    's= is
    'd= would
    'll= will
    't= not
    've= have
    'm= am""",
    r"{}\b",
)

# -- numbers

_ZEROS = {"o", "oh", "zero"}
_ONES = {
    name: number
    for number, name in enumerate(
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
        "eighteen nineteen".split(),
        start=1,
    )
}
_TENS = {
    name: 10 * number
    for number, name in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)
}
_POWERS = (
    "thousand million billion trillion quadrillion quintillion sextillion septillion octillion nonillion decillion"
)
_MULTIPLIERS = {"hundred": 100} | {name: 1000**power for power, name in enumerate(_POWERS.split(), start=1)}
Suffixed = dict[str, tuple[int, str]]
_ONES_SUFFIXED: Suffixed = {"sixes" if name == "six" else f"{name}s": (value, "s") for name, value in _ONES.items()}
_ONES_SUFFIXED |= {"zeroth": (0, "th"), "first": (1, "st"), "second": (2, "nd"), "third": (3, "rd")}
_ONES_SUFFIXED |= {"fifth": (5, "th"), "twelfth": (12, "th")}
_ONES_SUFFIXED |= {
    f"{name}{'h' if name.endswith('t') else 'th'}": (value, "th")
    for name, value in _ONES.items()
    if value > 3 and value not in (5, 12)
}
_TENS_SUFFIXED: Suffixed = {name.replace("y", "ies"): (value, "s") for name, value in _TENS.items()}
_TENS_SUFFIXED |= {name.replace("y", "ieth"): (value, "th") for name, value in _TENS.items()}
_MULTIPLIERS_SUFFIXED: Suffixed = {f"{name}s": (value, "s") for name, value in _MULTIPLIERS.items()}
_MULTIPLIERS_SUFFIXED |= {f"{name}th": (value, "th") for name, value in _MULTIPLIERS.items()}
_SIGNS = {"minus": "-", "negative": "-", "plus": "+", "positive": "+"}
_CURRENCIES = {"pound": "£", "pounds": "£", "euro": "€", "euros": "€", "dollar": "$", "dollars": "$"}
_CURRENCIES |= {"cent": "¢", "cents": "¢"}
_PREFIXES = {*_SIGNS.values(), *_CURRENCIES.values()}
_DECIMALS = {*_ONES, *_TENS, *_ZEROS}
_SPECIAL = {"and", "double", "triple", "point"}
_WORDS = {*_ZEROS, *_ONES, *_ONES_SUFFIXED, *_TENS, *_TENS_SUFFIXED, *_MULTIPLIERS, *_MULTIPLIERS_SUFFIXED, *_SIGNS}
_WORDS |= {*_CURRENCIES, "per", "percent", *_SPECIAL}
_DIGITS = re.compile(r"^\d+(\.\d+)?$")


def _numbers(text: str) -> str:
    """Numbers in words become digits: "twenty one" 21, "two point five million" 2500000, "five dollars" $5."""
    text = " ".join(_Numbers(_halves(text).split()).read())
    text = re.sub(r"([€£$])([0-9]+) (?:and )?¢([0-9]{1,2})\b", lambda m: f"{m[1]}{m[2]}.{int(m[3]):02d}", text)
    text = re.sub(r"[€£$]0.([0-9]{1,2})\b", lambda m: f"¢{int(m[1])}", text)
    return re.sub(r"\b1(s?)\b", r"one\1", text)


def _halves(text: str) -> str:
    """ "two and a half" is two point five; digits and letters are words of their own, except for endings (21st)."""
    *before, last = re.split(r"\band\s+a\s+half\b", text)
    out = []
    for part in before:
        if part.strip():
            word = part.rsplit(maxsplit=2)[-1]
            out += [part, "point five" if word in _DECIMALS or word in _MULTIPLIERS else "and a half"]
    if last.strip():
        out.append(last)
    text = re.sub(r"([a-z])([0-9])", r"\1 \2", " ".join(out))
    text = re.sub(r"([0-9])([a-z])", r"\1 \2", text)
    return re.sub(r"([0-9])\s+(st|nd|rd|th|s)\b", r"\1\2", text)


class _Numbers:
    """A number is read word by word: `value` is what has come so far, an int while it can be added to, a text of digits
    once digits only follow each other."""

    def __init__(self, words: list[str]):
        self.words = words
        self.value: str | int | None = None
        self.prefix = ""
        self.skip = False

    def read(self) -> Iterator[str]:
        words = [None, *self.words, None]
        for before, word, after in zip(words, words[1:], words[2:], strict=False):
            if self.skip:
                self.skip = False
            elif word is not None:
                yield from self._word(word, before, after)
        yield from self._flush()

    def _flush(self, *more: str) -> Iterator[str]:
        """The number so far, then the texts; the sign or currency goes before the first."""
        parts = [*([] if self.value is None else [str(self.value)]), *more]
        for part in parts:
            yield self.prefix + part
            self.prefix = ""
        self.value = None

    def _word(self, word: str, before: str | None, after: str | None) -> Iterator[str]:
        number_follows = after is not None and _DIGITS.match(after) is not None
        bare = word[1:] if word[0] in _PREFIXES else word
        if _DIGITS.match(bare):
            yield from self._digits(word, bare)
        elif word not in _WORDS:
            yield from self._flush(word)
        elif word in _ZEROS:
            self.value = f"{self.value or ''}0"
        elif word in _ONES:
            self.value = self._with_ones(_ONES[word], before)
        elif word in _ONES_SUFFIXED:
            ones, suffix = _ONES_SUFFIXED[word]
            self.value = f"{self._with_ones(ones, before)}{suffix}"
            yield from self._flush()
        elif word in _TENS:
            self.value = self._with_tens(_TENS[word])
        elif word in _TENS_SUFFIXED:
            tens, suffix = _TENS_SUFFIXED[word]
            self.value = f"{self._with_tens(tens)}{suffix}"
            yield from self._flush()
        elif word in _MULTIPLIERS:
            yield from self._multiply(_MULTIPLIERS[word])
        elif word in _MULTIPLIERS_SUFFIXED:
            yield from self._multiply_suffixed(*_MULTIPLIERS_SUFFIXED[word])
        elif word in _SIGNS:
            yield from self._flush()
            if after in _WORDS or number_follows:
                self.prefix = _SIGNS[word]
            else:
                yield from self._flush(word)
        elif word in _CURRENCIES:
            if self.value is None:
                yield from self._flush(word)
            else:
                self.prefix = _CURRENCIES[word]
                yield from self._flush()
        elif word in ("per", "percent"):
            yield from self._percent(word, after)
        else:
            yield from self._special(word, before, after, number_follows)

    def _digits(self, word: str, bare: str) -> Iterator[str]:
        if isinstance(self.value, str) and self.value.endswith("."):
            self.value += word  # decimals, parts of an address
            return
        yield from self._flush()
        if word != bare:
            self.prefix = word[0]
        number = Fraction(bare)
        self.value = number.numerator if number.denominator == 1 else bare

    def _with_ones(self, ones: int, before: str | None) -> str | int:
        value = self.value
        if value is None:
            return ones
        if isinstance(value, str) or before in _ONES:
            if before in _TENS and ones < 10:
                return f"{str(value)[:-1]}{ones}"
            return f"{value}{ones}"
        return value + ones if value % (10 if ones < 10 else 100) == 0 else f"{value}{ones}"

    def _with_tens(self, tens: int) -> str | int:
        value = self.value
        if value is None:
            return tens
        return value + tens if isinstance(value, int) and value % 100 == 0 else f"{value}{tens}"

    def _multiply(self, multiplier: int) -> Iterator[str]:
        value = self.value
        if value is None:
            self.value = multiplier
        elif isinstance(value, str) or value == 0:
            product = _product(value, multiplier)
            if product is None:
                yield from self._flush()
            self.value = multiplier if product is None else product
        else:
            self.value = value // 1000 * 1000 + value % 1000 * multiplier

    def _multiply_suffixed(self, multiplier: int, suffix: str) -> Iterator[str]:
        value = self.value
        if value is None:
            yield from self._flush(f"{multiplier}{suffix}")
        elif isinstance(value, str):
            product = _product(value, multiplier)
            if product is None:
                yield from self._flush(f"{multiplier}{suffix}")
            else:
                self.value = f"{product}{suffix}"
                yield from self._flush()
        else:
            self.value = f"{value // 1000 * 1000 + value % 1000 * multiplier}{suffix}"
            yield from self._flush()

    def _percent(self, word: str, after: str | None) -> Iterator[str]:
        if self.value is not None and (word == "percent" or after == "cent"):
            self.value = f"{self.value}%"
            self.skip = word == "per"
            yield from self._flush()
        else:
            yield from self._flush(word)

    def _special(self, word: str, before: str | None, after: str | None, number_follows: bool) -> Iterator[str]:
        if after not in _WORDS and not number_follows:
            yield from self._flush(word)
        elif word == "and":
            if before not in _MULTIPLIERS:
                yield from self._flush(word)
        elif word == "point":
            if after in _DECIMALS or number_follows:
                self.value = f"{self.value or ''}."
        elif after in _ONES or after in _ZEROS:  # double, triple
            self.value = f"{self.value or ''}{str(_ONES.get(after, 0)) * (2 if word == 'double' else 3)}"
            self.skip = True
        else:
            yield from self._flush(word)


def _product(value: str | int, multiplier: int) -> int | None:
    """value * multiplier where that is whole."""
    try:
        product = Fraction(value) * multiplier
    except ValueError:  # "1.2.3"
        return None
    return product.numerator if product.denominator == 1 else None
