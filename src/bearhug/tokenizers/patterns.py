"""Regular expressions of tokenizer.json: the well-known ones are compiled by hand in the core, the others run in
`regex`.

tokenizer.json means Oniguruma's expressions in Ruby's syntax; where that and `regex` differ, the expression is
rewritten.
"""

import re
from collections.abc import Callable

_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_BLANKS = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_CASED = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + _CONTRACTIONS + "?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + _CONTRACTIONS + "?|"
)

# The expressions that the core has a scanner for.
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + _BLANKS
QWEN2 = _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + _BLANKS
O200K = _CASED + r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + _BLANKS
SCANNERS = {
    GPT2: "gpt2",
    GPT2.replace("'s|'t|'re|'ve|'m|'ll|'d", "'(?:[sdmt]|ll|ve|re)"): "gpt2",
    LLAMA3: "cl100k",
    LLAMA3.replace(_CONTRACTIONS, "'(?i:[sdmt]|ll|ve|re)"): "cl100k",
    QWEN2: "qwen2",
    QWEN2.replace(_CONTRACTIONS, "'(?i:[sdmt]|ll|ve|re)"): "qwen2",
    O200K: "o200k",
}


def finder(pattern: str) -> Callable[[str], list[int]]:
    """text -> [start, end, start, end, ...] of the matches, in code points, as Oniguruma finds them.

    Raises:
        ValueError: the expression is not well-formed.
    """
    import regex

    try:
        compiled = regex.compile(translated(pattern), regex.VERSION1 | regex.MULTILINE)
    except regex.error as problem:
        raise ValueError(f"the regular expression {pattern!r} of the tokenizer cannot be read: {problem}.") from None

    def find(text: str) -> list[int]:
        found: list[int] = []
        for match in compiled.finditer(text):
            start, end = match.span()
            if start == end and found and found[-1] == end:
                continue  # an empty match behind another match is none
            found += (start, end)
        return found

    return find


# Escapes that mean something else, outside of a set and inside of one.
_OUTSIDE = {
    "h": "[0-9a-fA-F]",
    "H": "[^0-9a-fA-F]",
    "w": r"[\w\p{N}]",
    "W": r"[^\w\p{N}]",
    "z": r"\Z",
    "Z": r"(?=\n?\Z)",
}
_INSIDE = {"h": "0-9a-fA-F", "H": "[^0-9a-fA-F]", "w": r"\w\p{N}", "W": r"[^\w\p{N}]"}
_ATOM = r"(\\[pP]\{[^}]*\}|\\.|\[(?:\\.|[^\]\\])*\]|\((?:\\.|[^()\\])*\)|[^\\])"


def translated(pattern: str) -> str:
    """An expression in Ruby's syntax -> the same in that of `regex` (VERSION1 and MULTILINE)."""
    # In Ruby a{1,3}+ is (a{1,3})+, not a possessive count.
    pattern = re.sub(_ATOM + r"(\{\d*,?\d*\})\+", r"(?:\1\2)+", pattern)
    out, at, depth = [], 0, 0
    while at < len(pattern):
        if pattern[at] == "\\" and at + 1 < len(pattern):
            escapes = _INSIDE if depth else _OUTSIDE
            out.append(escapes.get(pattern[at + 1], pattern[at : at + 2]))
            at += 2
            continue
        if pattern.startswith("(?", at) and not depth and (flags := re.match(r"\(\?([imx-]+)([:)])", pattern[at:])):
            out.append(f"(?{flags[1].replace('m', 's')}{flags[2]}")  # Ruby's m lets a dot match line ends
            at += flags.end()
            continue
        depth += {"[": 1, "]": -1}.get(pattern[at], 0) if depth or pattern[at] == "[" else 0
        out.append(pattern[at])
        at += 1
    return "".join(out)
