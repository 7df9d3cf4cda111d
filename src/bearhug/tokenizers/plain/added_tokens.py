"""Added tokens, which are looked for before anything else happens to a text.

Those with `normalized: false` are looked for in the text itself, the others in the normalized text.
"""

from collections.abc import Iterator
from typing import NamedTuple

from bearhug.tokenizers.plain.normalizers import normalize
from bearhug.tokenizers.plain.text import Char, Json, Text, is_blank, is_word, string


class Segment(NamedTuple):
    """A part of a text: an added token, by its id, or what stands between two of them."""

    text: Text
    id: int | None
    normalized: bool  # whether the normalizer has been there


def segments(description: Json, text: str, split_special_tokens: bool = False) -> Iterator[Segment]:
    """The parts of a text between added tokens, and those tokens.

    Args:
        split_special_tokens: special tokens are not looked for: they are ordinary text.
    """
    normalizer = description.get("normalizer")
    raw, later = {}, {}
    for token in description.get("added_tokens") or []:
        if split_special_tokens and token.get("special"):
            continue
        if token.get("normalized", not token.get("special", False)):
            content = [Char(char, 0, 0) for char in token["content"]]
            later[string(normalize(normalizer, content))] = token
        else:
            raw[token["content"]] = token
    for segment in _find([Char(char, at, at + 1) for at, char in enumerate(text)], raw, False):
        if segment.id is not None or not later:
            yield segment
        else:
            yield from _find(normalize(normalizer, segment.text), later, True)


def _find(text: Text, tokens: dict[str, Json], normalized: bool) -> Iterator[Segment]:
    """The longest token at the leftmost place, again and again."""
    characters, done, at = string(text), 0, 0
    while at < len(text):
        found = max(
            (content for content in tokens if content and characters.startswith(content, at)), key=len, default=None
        )
        if found is None:
            at += 1
            continue
        token, start, end = tokens[found], at, at + len(found)
        at = end
        if token.get("single_word") and (is_word(characters[start - 1 : start]) or is_word(characters[end : end + 1])):
            continue
        while token.get("lstrip") and start > done and is_blank(characters[start - 1]):
            start -= 1
        while token.get("rstrip") and end < len(text) and is_blank(characters[end]):
            end += 1
        if start > done:
            yield Segment(text[done:start], None, normalized)
        yield Segment(text[start:end], token["id"], normalized)
        done = end
    if done < len(text):
        yield Segment(text[done:], None, normalized)
