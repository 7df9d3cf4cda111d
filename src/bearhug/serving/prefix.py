"""What was read before: a prompt that begins like an earlier one goes on from that one's keys and values."""

from __future__ import annotations

from typing import Any

from bearhug.serving.slots import taken


class PrefixCache:
    """The keys and values of the texts that were read last.

    Args:
        model: the model whose they are.
        tokens: how many tokens are kept at the most; 0: none. The text that was not used for longest goes first.
    """

    def __init__(self, model: Any, tokens: int):
        self.model, self.tokens = model, tokens
        self.texts: dict[tuple[int, ...], Any] = {}  # the one used last stands last
        self.hits = self.reused = 0  # prompts that went on from here, and their tokens that were not read again

    @property
    def held(self) -> int:
        """Tokens that are kept now."""
        return sum(map(len, self.texts))

    def find(self, ids: tuple[int, ...]) -> Any:
        """A cache with the longest beginning of `ids` that is known, short of the last token; None: none is."""
        best, length = None, 0
        for text, cache in self.texts.items():
            same = _same(text, ids[:-1])
            if same < len(text) and any(not hasattr(layer, "length") for layer in cache.layers):
                continue  # a state of all that was read cannot go back
            if same > length:
                best, length = text, same
        if best is None:
            return None
        self.hits, self.reused = self.hits + 1, self.reused + length
        self.texts[best] = cache = self.texts.pop(best)
        return taken(self.model, cache, 0, 0, length)

    def add(self, ids: tuple[int, ...], cache: Any) -> None:
        """Keep a cache of one row that holds exactly `ids`; texts that it begins with need not be kept any more."""
        if not ids or len(ids) > self.tokens:
            return
        for text in [text for text in self.texts if text == ids[: len(text)]]:
            del self.texts[text]
        self.texts[ids] = cache
        while self.held > self.tokens:
            del self.texts[next(iter(self.texts))]


def _same(text: tuple[int, ...], other: tuple[int, ...]) -> int:
    """How many ids two texts have in common at their beginning."""
    most = min(len(text), len(other))
    if text[:most] == other[:most]:
        return most
    return next(place for place in range(most) if text[place] != other[place])
