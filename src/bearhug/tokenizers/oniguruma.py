r"""Oniguruma's regular expressions, in Ruby's syntax, as expressions of `regex` (VERSION1, MULTILINE, FULLCASE).

The expression is read once from left to right; what the two libraries write or mean differently is written anew.

    >>> translated(r"\h{2}+|(?m:.)")
    '(?:[0-9a-fA-F]{2})+|(?s:.)'
"""

import re
from typing import NoReturn

# Oniguruma counts no joiners as word characters; outside of a set it counts six fractions and powers.
WORD, WORD_IN_SET = r"[[\w²³¹¼½¾]--[\u200c\u200d]]", r"[\w--[\u200c\u200d]]"
HEX = "0-9a-fA-F"
# A grapheme cluster (Unicode Standard Annex 29) before version 15.1, which joined Indic conjuncts.
CLUSTER = (
    r"(?>(?!\Z)(?:\r\n|[\p{GCB=Control}\r\n]|[\p{GCB=Prepend}\U00011a3a]*"
    r"(?>\p{GCB=L}*(?:\p{GCB=LV}\p{GCB=V}*|\p{GCB=LVT}|\p{GCB=V}+)\p{GCB=T}*|\p{GCB=L}+|\p{GCB=T}+|\p{RI}{2}"
    r"|\p{ExtPict}(?:\p{GCB=Extend}*\u200d\p{ExtPict})*|[^\p{GCB=Control}\r\n])?+"
    r"[\p{GCB=Extend}\u200d\p{GCB=SpacingMark}]*))"
)
_EDGE = f"(?:(?<={WORD})(?!{WORD})|(?<!{WORD})(?={WORD}))"
_INNER = f"(?:(?<={WORD})(?={WORD})|(?<!{WORD})(?!{WORD}))"
OUTSIDE = {"b": _EDGE, "B": _INNER, "w": WORD, "W": f"[^{WORD}]", "h": f"[{HEX}]", "H": f"[^{HEX}]"}
OUTSIDE |= {"z": r"\Z", "Z": r"(?=\n?\Z)", "O": "(?s:.)", "N": r"[^\n]"}
OUTSIDE |= {letter: "\\" + letter for letter in "AGKRdDsS"} | {"X": CLUSTER}
INSIDE = {"w": WORD_IN_SET, "W": f"[^{WORD_IN_SET}]", "h": HEX, "H": f"[^{HEX}]"}
INSIDE |= {letter: "\\" + letter for letter in "dDsS"}
CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b"}
PROPERTIES = {"word": (WORD, WORD_IN_SET), "xdigit": (f"[{HEX}]", f"[{HEX}]")}  # outside and inside of a set
POSIX_SETS = {"word": WORD_IN_SET, "xdigit": f"[{HEX}]", "punct": r"[\p{P}\p{S}]"}
POSIX = "alnum alpha ascii blank cntrl digit graph lower print punct space upper xdigit word".split()
INTERVAL = r"\{(\d+)(?:(,)(\d*))?\}|\{,(\d+)\}"
# A line that would begin at the end of the text is none.
LINE_START = r"(?:\A|(?<=\n)(?!\Z))"
DOTLESS = "[İı]"  # which `regex` takes for kinds of i where case does not count


def translated(pattern: str) -> str:
    """An expression in Ruby's syntax -> the same for `regex`.

    Raises:
        ValueError: it is not well-formed, or holds what `regex` cannot do (absent operators, text segments).
    """
    return _Reader(pattern).read()


class _Reader:
    """One pass over an expression. The methods move `at` over what they have read, and return what to write."""

    def __init__(self, pattern: str):
        self.pattern, self.at = pattern, 0
        self.ignores_case = self.extended = False
        self.groups = 0  # that have been opened
        self.names = bool(re.search(r"\(\?(?:<[^=!]|')", pattern))  # then groups without one capture nothing

    def read(self) -> str:
        text = self.alternatives()
        if self.at < len(self.pattern):
            self.refuse("a ) that closes no group")
        # `regex` looks for a lone text without its full case folding; beside an alternative it does not.
        return f"{text}|(?!)" if "(?i" in text else text

    def refuse(self, what: str) -> NoReturn:
        raise ValueError(f"{what} at character {self.at}")

    def next(self, count: int = 1) -> str:
        return self.pattern[self.at : self.at + count]

    def take(self, expression: str) -> re.Match | None:
        """What the rest begins with, passed over."""
        found = re.compile(expression, re.DOTALL).match(self.pattern, self.at)
        if found:
            self.at = found.end()
        return found

    def alternatives(self) -> str:
        """Up to the end of the group."""
        out: list[str] = []
        flags = self.ignores_case, self.extended
        closing = ""
        while self.at < len(self.pattern) and self.next() != ")":
            if self.take(r"\|"):
                out.append("|")
            elif opened := self.take(r"\(\?([imx]*)(?:-([imx]*))?\)"):
                # From here to the end of the group, its further alternatives too.
                out.append(self.options(opened))
                closing += ")"
            elif not (self.extended and self.take(r"(?:\s|#[^\n]*)+")) and not self.take(r"\(\?#[^)]*\)"):
                out.append(self.quantified())
        self.ignores_case, self.extended = flags
        return "".join(out) + closing

    def options(self, found: re.Match) -> str:
        """The start of a group in which options are on or off."""
        on, off = found[1] or "", found[2] or ""
        on = "".join(letter for letter in dict.fromkeys(on) if letter not in off)
        if "i" in on + off:
            self.ignores_case = "i" in on
        if "x" in on + off:
            self.extended = "x" in on
        written = ["".join(dict.fromkeys(part)).replace("x", "").replace("m", "s") for part in (on, off)]
        return f"(?{written[0]}{'-' if written[1] else ''}{written[1]}:"

    def quantified(self) -> str:
        """An atom, and how often."""
        text, count = self.atom(), 0
        while True:
            if self.extended:
                self.take(r"(?:\s|#[^\n]*)+")
            if simple := self.take(r"([*+?])([+?]?)"):
                written = simple[1] + simple[2]
            elif (interval := self.take(INTERVAL)) is not None:
                least, comma, most = (interval[1], interval[2], interval[3]) if interval[1] else ("0", ",", interval[4])
                written = f"{{{int(least)}{',' if comma else ''}{most or ''}}}"
                if comma and most and int(most) < int(least):
                    self.refuse("a count whose greatest is smaller than its least")
                # {n}? is ({n})?, and {n,m}+ is no possessive count.
                if comma and self.take(r"\?"):
                    written += "?"
            else:
                return text
            text, count = f"(?:{text})" if count else text, count + 1
            text += written

    def atom(self) -> str:
        char = self.next()
        if char == "\\":
            return self.escape()
        if char == "[":
            return self.outer_set()
        if char == "(":
            return self.group()
        if char in "*+?" or re.compile(INTERVAL).match(self.pattern, self.at):
            self.refuse("a count that counts nothing")
        self.at += 1
        if char == "^":
            return LINE_START
        return char if char in ".$" else self.literal(char)

    def literal(self, char: str) -> str:
        if self.ignores_case and char in "iIıİ":
            return "(?-i:[iI])" if char in "iI" else f"(?-i:{char})"
        return re.escape(char)

    def group(self) -> str:
        if self.take(r"\((?!\?)"):
            if not self.names:
                self.groups += 1
            start = "(?:" if self.names else "("
        elif named := self.take(r"\(\?(?:<([^=!>][^>]*)>|'([^']+)')"):
            self.groups += 1
            start = f"(?P<{named[1] or named[2]}>"
        elif plain := self.take(r"\(\?(?::|=|!|>|<=|<!)"):
            start = plain[0]
        elif (condition := self.take(r"\(\?\((?:<([^>]+)>|'([^']+)'|(\d+))\)")) is not None:
            start = f"(?({condition[1] or condition[2] or condition[3]})"
        elif optional := self.take(r"\(\?([imx]*)(?:-([imx]*))?:"):
            flags = self.ignores_case, self.extended
            start = self.options(optional)
            return self.closed(start, flags)
        else:
            self.refuse(f"the group {self.next(4)!r}, which bearhug does not have (absent operators and others),")
        return self.closed(start, (self.ignores_case, self.extended))

    def closed(self, start: str, flags: tuple[bool, bool]) -> str:
        text = start + self.alternatives()
        if not self.take(r"\)"):
            self.refuse("a group that is not closed")
        self.ignores_case, self.extended = flags
        return text + ")"

    def escape(self) -> str:
        if reference := self.take(r"\\([kg])(?:<([^>]+)>|'([^']+)')"):
            return self.reference(reference[1], reference[2] or reference[3])
        if (number := re.compile(r"\\([1-9]\d*)").match(self.pattern, self.at)) and (
            len(number[1]) == 1 or int(number[1]) <= self.groups
        ):
            self.at = number.end()
            return f"(?:\\{number[1]})"
        if text := self.property(0):
            return f"(?-i:{text})" if self.ignores_case else text
        letter = self.next(2)[1:]
        if letter in ("y", "Y"):
            self.refuse(f"the escape \\{letter} (text segments), which bearhug does not have,")
        if letter and letter in OUTSIDE:
            self.at += 2
            return OUTSIDE[letter]
        return self.literal(self.character())

    def reference(self, kind: str, name: str) -> str:
        if re.fullmatch(r"[-+]?\d+", name):
            number = int(name)
            if name[0] in "+-":
                number = self.groups + (number if number > 0 else number + 1)
                if number < 1:
                    self.refuse(f"the group {name!r}, of which there is none before it,")
            if kind == "k":
                return f"(?:\\{number})"
            return f"(?{number})" if number else "(?R)"
        return f"(?P={name})" if kind == "k" else f"(?&{name})"

    def property(self, inside: int) -> str | None:
        r"""A \p{...} or \P{...}."""
        found = self.take(r"\\([pP])\{(\^?)([^}]*)\}")
        if found is None:
            if self.take(r"\\[pP]\{"):
                self.refuse("a property that is not closed")
            return None
        name = re.sub(r"[\s_-]", "", found[3]).lower()
        if not re.fullmatch(r"\w+", name) or name.startswith("is"):
            self.refuse(f"the unknown property {found[3]!r}")
        negated = (found[1] == "P") != bool(found[2])
        if name in PROPERTIES:
            text = PROPERTIES[name][inside]
            return f"[^{text}]" if negated else text
        return f"\\{'P' if negated else 'p'}{{{found[3].strip()}}}"

    def character(self) -> str:
        """An escape that stands for one character."""
        if code := self.take(r"\\x\{([0-9a-fA-F]+)\}|\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{1,2})"):
            point = int(code[1] or code[2] or code[3], 16)
            if point > 0x10FFFF or 0xD800 <= point < 0xE000:
                self.refuse("a code point that is no character")
            return chr(point)
        if octal := self.take(r"\\([0-7]{1,3})"):
            return chr(int(octal[1], 8))
        if control := self.take(r"\\(?:c|C-)(.)"):
            return chr(ord(control[1]) & 0x1F)
        if self.take(r"\\u(?=[0-9a-fA-F{])"):
            self.refuse("a \\u without four digits")
        if not (plain := self.take(r"\\(.)")):
            self.refuse("a \\ with nothing behind it")
        letter = plain[0][1]
        return CONTROLS.get(letter) or letter

    def outer_set(self) -> str:
        text = self.set()
        if not self.ignores_case:
            return text
        if text.startswith("[^"):
            return f"(?:(?-i:{DOTLESS})|{text})"
        return f"(?:(?!(?-i:{DOTLESS})){text})" if not re.search(DOTLESS, text) else text

    def set(self) -> str:
        """A set in brackets, from [ to ]."""
        self.at += 1
        negated = self.take(r"\^") is not None
        operands: list[list[str]] = [[]]
        first = True
        while first or self.next() != "]":
            if self.at >= len(self.pattern):
                self.refuse("a set that is not closed")
            if self.take("&&"):
                operands.append([])
            else:
                operands[-1].append(self.item(first))
            first = False
        self.at += 1
        sets = ["".join(items) or r"[^\x00-\U0010FFFF]" for items in operands]
        inner = sets[0] if len(sets) == 1 else "&&".join(f"[{items}]" for items in sets)
        return f"[{'^' if negated else ''}{inner}]"

    def item(self, first: bool) -> str:
        """One character, range, class or set within a set."""
        if (posix := self.take(r"\[:(\^?)(\w+):\]")) is not None:
            if posix[2] not in POSIX:
                self.refuse(f"the unknown class [:{posix[2]}:]")
            text = POSIX_SETS.get(posix[2], f"\\p{{{posix[2]}}}")
            return f"[^{text}]" if posix[1] else text
        if self.next() == "[":
            return self.set()
        if (several := self.several()) is not None:
            if self.next() == "-" and self.next(2) not in ("-]", "-&"):
                self.refuse("a range that starts with a class")
            return several
        low = self.one()
        if self.next() != "-" or self.next(2) in ("-]", "-[", "-") or self.next(3) == "-&&":
            return self.written(low)
        self.at += 1
        if self.several() is not None:
            self.refuse("a range that ends with a class")
        high = self.one()
        if high < low:
            self.refuse("a range that is empty")
        return f"{self.written(low)}-{self.written(high)}"

    def several(self) -> str | None:
        """An escape that stands for several characters."""
        if text := self.property(1):
            return text
        letter = self.next(2)[1:] if self.next() == "\\" else ""
        if letter and letter in INSIDE:
            self.at += 2
            return INSIDE[letter]
        return None

    def one(self) -> str:
        if self.next(2) == "\\b":
            self.at += 2
            return "\b"
        if self.next() == "\\":
            return self.character()
        self.at += 1
        return self.pattern[self.at - 1]

    @staticmethod
    def written(char: str) -> str:
        return char if char.isalnum() and char.isascii() else re.escape(char) if char != "~" else r"\~"
