"""Regular expressions of tokenizer.json: the well-known ones are compiled by hand in the core, the others to tables;
what a table cannot say (references, conditions, long look-ahead) runs in `regex`.

tokenizer.json means Oniguruma's expressions in Ruby's syntax, which oniguruma.py rewrites for `regex`.
"""

import re
from collections.abc import Callable
from typing import Any

from bearhug.tokenizers._native import Expression
from bearhug.tokenizers.oniguruma import translated

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
QWEN3_5 = _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + _BLANKS
TEKKEN = _CASED.replace(_CONTRACTIONS + "?", "") + r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + _BLANKS
SCANNERS = {
    GPT2: "gpt2",
    GPT2.replace("'s|'t|'re|'ve|'m|'ll|'d", "'(?:[sdmt]|ll|ve|re)"): "gpt2",
    LLAMA3: "cl100k",
    LLAMA3.replace(_CONTRACTIONS, "'(?i:[sdmt]|ll|ve|re)"): "cl100k",
    QWEN2: "qwen2",
    QWEN2.replace(_CONTRACTIONS, "'(?i:[sdmt]|ll|ve|re)"): "qwen2",
    QWEN3_5: "qwen3_5",
    O200K: "o200k",
    TEKKEN: "tekken",
}


class Regex:
    """A regular expression in Oniguruma's syntax (Ruby's), for `Split`, `Replace` and the methods of strings.

    Raises:
        ValueError: the expression is not well-formed.
    """

    def __init__(self, pattern: str) -> None:
        if not isinstance(pattern, str):
            raise TypeError(f"a regular expression is a str; this is a {type(pattern).__name__}.")
        self.pattern, self.find = pattern, finder(pattern)

    def __repr__(self) -> str:
        return f"Regex({self.pattern!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Regex) and self.pattern == other.pattern

    def __hash__(self) -> int:
        return hash(self.pattern)

    def __reduce__(self) -> tuple:
        return Regex, (self.pattern,)


def searched(pattern: str) -> Expression | Callable[[str], list[int]] | tuple[str, int]:
    """What the core searches for an expression: a table, a function, or for a run of one character that and the least
    count.
    """
    if run := re.fullmatch(r"([ -#%-'/-Z\]_-z~])(?:\+|\{([1-9]\d{0,5}),\})", pattern):
        return run[1], int(run[2] or 1)
    return Expression.compile(pattern) or finder(pattern)


def finder(pattern: str) -> Callable[[str], list[int]]:
    """text -> [start, end, start, end, ...] of the matches, in code points, as Oniguruma finds them.

    Raises:
        ValueError: the expression is not well-formed.
    """
    import regex

    newer = regex.compile(f"[{_newer_points()}]")
    try:
        compiled = regex.compile(translated(pattern), regex.VERSION1 | regex.MULTILINE | regex.FULLCASE)
    except (regex.error, ValueError, RecursionError) as problem:
        raise ValueError(f"the regular expression {pattern!r} of the tokenizer cannot be read: {problem}.") from None

    def find(text: str) -> list[int]:
        found: list[int] = []
        if not text.isascii():
            text = newer.sub("\u0378", text)
        empty = -1  # where an empty match was: Oniguruma goes on behind it, `regex` may find another that begins there
        for match in compiled.finditer(text):
            start, end = match.span()
            if start == empty:
                return _searched(compiled, text, found, empty + 1)
            empty = start if start == end else -1
            if start != end or not found or found[-1] != end:  # an empty match behind another match is none
                found += (start, end)
        return found

    return find


def _searched(compiled: Any, text: str, found: list[int], at: int) -> list[int]:
    """What was found, and the rest of the matches, each searched for by itself."""
    while at <= len(text) and (match := compiled.search(text, at)):
        start, end = match.span()
        if start != end or found[-1] != end:
            found += (start, end)
        at = end + (start == end)
    return found


# Code points that Unicode got after version 16, which is Oniguruma's: they are no letters, digits or marks there.
_NEWER = (
    "558 58b-58c 5c8-5c9 88f b53-b54 c5c cdc 1acf-1af0 208f 209d-209f 20c1-20c4 2b96 2e60-2e63 a7ce-a7cf a7d2 "
    "a7d4 a7dd a7e2 a7f1 ab6c-ab6d fbc3-fbd2 fd90-fd91 fdc8-fdce 107bb-107bf 10940-10959 10ec5-10ec7 "
    "10ec9-10eee 10ef0-10efb 11b0a 11b60-11b67 11db0-11ddb 11de0-11de9 11df0-11df1 1246f 12475-1247f "
    "12550-12686 16ea0-16eb8 16ebb-16ed3 16ff2-16ff6 187f8-187ff 18cd6-18cda 18d09-18d20 18d80-18df2 "
    "18e00-19191 191a0-191d2 1b123-1b128 1b168 1ccfa-1ccfc 1ceba-1ced0 1ced2-1ced4 1cedd-1cefd 1d127-1d128 "
    "1d1eb-1d1ff 1d250-1d281 1d6a6 1db00-1db1c 1df1f-1df24 1df2b-1df81 1df90-1df96 1dfcd-1dfff 1e6c0-1e6de "
    "1e6e0-1e6f5 1e6fe-1e6ff 1f1ae 1f6d8-1f6d9 1f777-1f77a 1f7da-1f7db 1f7f1-1f7ff 1f8d0-1f8d8 1fa54-1fa57 "
    "1fa8a-1fa8e 1fac8 1facc-1facd 1fadd 1faea-1faeb 1faef 1faf9-1fafa 1fbfa 2b73a-2b73f 2b81e 2cea2-2cead "
    "323b0-33479 3d000-3fc3f"
)


def _newer_points() -> str:
    """The ranges as a set of characters; U+0378, which is in no version, stands for each of them."""
    ranges = [[chr(int(point, 16)) for point in word.split("-")] for word in _NEWER.split()]
    return "".join("-".join(ends) for ends in ranges)
