"""How an error speaks: what was given, what was expected, and the line that mends it.

Exceptions are Python's own (ValueError, TypeError, KeyError, OSError, ...) or huggingface_hub's, because those are what
people's scripts catch. Here stand the pieces of their messages that several parts share.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

Part = TypeVar("Part")


def near(given: str, known: Iterable[str], most: int = 3) -> str:
    """` Did you mean 'a', 'b' or 'c'?` for what was given, or an empty string where nothing is near."""
    folded: dict[str, list[str]] = {}
    for name in dict.fromkeys(known):  # each once
        folded.setdefault(name.lower(), []).append(name)
    alike = get_close_matches(given.lower(), folded, n=most, cutoff=0.6)
    # among names that differ in case alone, the one written like what was given comes first
    matches = [name for match in alike for name in get_close_matches(given, folded[match], n=2, cutoff=0.0)][:most]
    if not matches:
        return ""
    return f" Did you mean {either(repr(match) for match in matches)}?"


def either(words: Iterable[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    words = list(words)
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]


def unexpected_keyword(where: str, given: str, known: Iterable[str]) -> TypeError:
    """The TypeError for a keyword that nothing reads: names the near ones, or all of them."""
    known = sorted(known)
    hint = near(given, known) or f" It takes: {', '.join(known)}."
    return TypeError(f"{where} got an unexpected keyword argument {given!r}.{hint}")


def part(table: Mapping[str, Part], name: str, kind: str) -> Part:
    """The part of this name.

    Raises:
        ValueError: the table has none; the message lists what it has.
    """
    try:
        return table[name]
    except KeyError:
        raise ValueError(
            f"{kind} {name!r} is not known.{near(str(name), table)} There are: {', '.join(sorted(table))}."
        ) from None
