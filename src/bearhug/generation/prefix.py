"""What was read before: a prompt that begins like an earlier one goes on from that one's keys and values.

B rows, S columns.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

HELD = ("keys", "values", "window", "state")  # what a layer holds for each row; the last two are of all that was read


class PrefixCache:
    """The keys and values of the texts that a model read last, for `generate(..., prefix_cache=)`.

    `generate` begins a row where it leaves an earlier text, and keeps what it has read: a chat that goes on, or prompts
    that begin with the same words, are read from where they are new. The tokens are those of a call without it.

    Args:
        model: the model whose they are. When its weights change, its texts are forgotten.
        tokens: how many tokens are kept at the most; 0: none. The text that was not used for longest goes first.

    Raises:
        ValueError: the model has an encoder, so that what its decoder has read depends on more than its own tokens.
    """

    def __init__(self, model: Any, tokens: int = 8192):
        if getattr(model.config, "is_encoder_decoder", False):
            raise ValueError(
                f"{type(model).__name__} has an encoder, and what its decoder reads depends on the encoder's text.\n"
                f"Leave prefix_cache out; encoder_outputs= saves the encoder's reading."
            )
        self.model, self.tokens = model, tokens
        self.texts: dict[tuple[int, ...], Any] = {}  # the one used last stands last
        self.hits = self.reused = 0  # prompts that went on from here, and their tokens that were not read again
        self.has_states = any(not hasattr(layer, "length") for layer in model.new_cache(0, 0).layers)
        self.stamp = _stamp(model)

    @property
    def held(self) -> int:
        """Tokens that are kept now."""
        return sum(map(len, self.texts))

    def find(self, ids: tuple[int, ...]) -> Any:
        """A cache with the longest beginning of `ids` that is known, short of the last token; None: none is."""
        best, length = self._longest(ids)
        if best is None:
            return None
        self.hits, self.reused = self.hits + 1, self.reused + length
        return taken(self.model, self._used(best), 0, 0, length)

    def add(self, ids: tuple[int, ...], cache: Any) -> None:
        """Keep a cache of one row that holds exactly `ids`; of two texts that begin alike, the longer one is enough."""
        if not ids or len(ids) > self.tokens:
            return
        for text in list(self.texts):
            if text == ids or (not self.has_states and text[: len(ids)] == ids):
                self._used(text)
                return
            if text == ids[: len(text)] and not self.has_states:
                del self.texts[text]
        self.texts[ids] = cache
        while self.held > self.tokens:
            del self.texts[next(iter(self.texts))]

    def clear(self) -> None:
        """Forget every text: after weights were written by hand, `parameter.data[...] = ...`."""
        self.texts = {}

    # for generate

    def begin(self, cache: Any, ids: Tensor, start: Tensor | None) -> None:
        """Fill an empty cache with the columns of ids (B, S) that are known in every row.

        Args:
            start: (B, 1) the column of each row's first token; None: no padding.
        """
        if (stamp := _stamp(self.model)) != self.stamp:
            self.texts, self.stamp = {}, stamp
        starts = _starts(ids, start)
        found = [self._longest(tuple(row[first:])) for row, first in zip(ids.tolist(), starts, strict=True)]
        columns = min(first + length for first, (_, length) in zip(starts, found, strict=True))
        lengths = [max(0, columns - first) for first in starts]  # a row that begins behind them is padding there
        ends = [text is not None and length == len(text) for (text, _), length in zip(found, lengths, strict=True)]
        if not any(lengths) or (self.has_states and not all(ends)):
            return
        self.hits, self.reused = self.hits + sum(map(bool, lengths)), self.reused + sum(lengths)
        rows = [self._used(text) if length else None for (text, _), length in zip(found, lengths, strict=True)]
        for number, mine in enumerate(cache.layers):
            layers = [None if row is None else row.layers[number] for row in rows]
            if hasattr(mine, "length"):
                pair = ([None if layer is None else getattr(layer, name) for layer in layers] for name in HELD[:2])
                mine.append(*(_ending_at(columns, parts, lengths) for parts in pair))
            else:
                for name in HELD[2:]:
                    setattr(mine, name, torch.cat([getattr(layer, name) for layer in layers]))
        cache.length = columns

    def keep(self, ids: Tensor, start: Tensor | None, cache: Any) -> None:
        """Keep what a cache has read of ids (B, S), row by row; it holds no more than they show."""
        for row, first in enumerate(_starts(ids, start)):
            read = tuple(ids[row, first : cache.length].tolist())
            self.add(read, taken(self.model, cache, row, first, len(read)))

    def _longest(self, ids: tuple[int, ...]) -> tuple[tuple[int, ...] | None, int]:
        """The kept text that has most in common with the beginning of `ids`, short of the last token, and how much."""
        best, length = None, 0
        for text in self.texts:
            same = _same(text, ids[:-1])
            if same < len(text) and self.has_states:
                continue  # a state of all that was read cannot go back
            if same > length:
                best, length = text, same
        return best, length

    def _used(self, text: Any) -> Any:
        self.texts[text] = cache = self.texts.pop(text)
        return cache

    def __getstate__(self) -> dict[str, Any]:
        """A copy, or a pickle, holds no text."""
        return {**self.__dict__, "texts": {}}


def kept_texts(model: Any, prefix_cache: Any, config: Any, prompt: Any) -> PrefixCache:
    """The `PrefixCache` of a call; for True the one that the model has itself.

    Raises:
        TypeError: it is neither.
        ValueError: it is another model's, or the call reads its prompt in a way that does not depend on its ids alone,
            or that has to see all of it.
    """
    if prefix_cache is True:
        prefix_cache = model.__dict__.setdefault("_prefix_cache", None) or PrefixCache(model)
        model.__dict__["_prefix_cache"] = prefix_cache
    if not isinstance(prefix_cache, PrefixCache):
        raise TypeError(f"prefix_cache is {type(prefix_cache).__name__}: pass True, or PrefixCache(model).")
    if prefix_cache.model is not model:
        raise ValueError("prefix_cache holds the texts of another model.\nPass PrefixCache(model), one for each model.")
    others = {
        "past_key_values": prompt.cache is not None,
        "inputs_embeds": prompt.embeds is not None,
        **dict.fromkeys(prompt.extra, True),
        "use_cache=False": not config.use_cache,
        f"cache_implementation={config.cache_implementation!r}": (config.cache_implementation or "").split("_")[0]
        in ("quantized", "offloaded"),
        "output_attentions": config.output_attentions,
        "output_hidden_states": config.output_hidden_states,
        "penalty_alpha": config.get_generation_mode() == "contrastive_search",
    }
    for name, wanted in others.items():
        if wanted:
            raise ValueError(
                f"prefix_cache does not read a known beginning again, and {name} needs it to be read in this call.\n"
                f"Leave one of the two out."
            )
    return prefix_cache


def taken(model: Any, cache: Any, row: int, start: int, length: int) -> Any:
    """A copy of `length` columns of one row, from column `start`."""
    copy = model.new_cache(0, 0)
    for mine, other in zip(copy.layers, cache.layers, strict=True):
        for name, value in _tensors(other).items():
            part = value[row : row + 1]
            setattr(mine, name, (part.narrow(2, start, length) if hasattr(other, "length") else part).clone())
        if hasattr(mine, "length"):
            mine.length = length
    copy.length = length
    return copy


def _ending_at(columns: int, parts: list[Tensor | None], lengths: list[int]) -> Tensor:
    """The first `lengths` tokens of each row's (1, G, S, K), padded on the left: (B, G, columns, K)."""
    some = next(part for part in parts if part is not None)
    whole = some.new_zeros(len(parts), some.shape[1], columns, some.shape[3])
    for row, (part, length) in enumerate(zip(parts, lengths, strict=True)):
        if part is not None:
            whole[row, :, columns - length :] = part[0, :, :length]
    return whole


def _starts(ids: Tensor, start: Tensor | None) -> list[int]:
    return [0] * len(ids) if start is None else start[:, 0].tolist()


def _tensors(layer: Any) -> dict[str, Tensor]:
    """What a layer holds for each row."""
    return {name: value for name in HELD if (value := getattr(layer, name, None)) is not None}


def _same(text: tuple[int, ...], other: tuple[int, ...]) -> int:
    """How many ids two texts have in common at their beginning."""
    most = min(len(text), len(other))
    if text[:most] == other[:most]:
        return most
    return next(place for place in range(most) if text[place] != other[place])


def _stamp(model: Any) -> tuple[Any, ...]:
    """What changes when the model's weights do: by a step of training, another dtype or place, an adapter."""
    parameters = list(model.parameters())
    return (
        len(parameters),
        sum(parameter._version for parameter in parameters),
        hash(tuple(parameter.data_ptr() for parameter in parameters)),
        [getattr(part, "active", None) for part in model.modules()] if getattr(model, "peft_config", None) else None,
    )
