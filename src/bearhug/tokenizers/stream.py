"""The text of ids as they arrive, never half a character."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

HALF = "\ufffd"  # what decodes from the first bytes of a character


class Stream:
    """Ids as they arrive, and how much of their text has been given out.

    Only the last few ids are kept and decoded again, because what a token says may depend on the one before (a leading
    space, a joined word piece), not on all of them.
    """

    def __init__(self, ids: Iterable[int] = ()) -> None:
        self.ids = list(ids)
        self.given = len(self.ids)  # the text of ids[:given] is out

    def step(self, decode: Callable[[list[int]], str], ids: Iterable[int]) -> str:
        """The text that these ids complete."""
        self.ids.extend(ids)
        before, whole, text = self._texts(decode)
        if len(text) <= len(whole) or text.endswith(HALF):
            return ""
        kept = self.given if whole == before else 0
        self.ids, self.given = self.ids[kept:], len(self.ids) - kept
        return text[len(whole) :]

    def rest(self, decode: Callable[[list[int]], str]) -> str:
        """What is left when no more ids come; half a character at the end is dropped."""
        _, whole, text = self._texts(decode)
        self.ids, self.given = [], 0
        return text[len(whole) :].rstrip(HALF)

    def _texts(self, decode: Callable[[list[int]], str]) -> tuple[str, str, str]:
        """The text of what is out, the same without the half of a character that it may end within, and all text."""
        before = decode(self.ids[: self.given]) if self.given else ""
        text = decode(self.ids) if self.ids else ""
        return before, before if text.startswith(before) else before.rstrip(HALF), text


class TextPieces:
    """The text of one row of ids as they arrive, for one tokenizer: `piece(ids)` gives what is new and whole.

    Args:
        tokenizer: what decodes.
        after: the ids before the first new one, whose text is not given.
        decode_kwargs: for `tokenizer.decode`.
    """

    def __init__(self, tokenizer: Any, after: Iterable[int] = (), **decode_kwargs: Any):
        self.tokenizer, self.decode_kwargs = tokenizer, decode_kwargs
        self._stream = Stream(after)

    def piece(self, ids: Iterable[int]) -> str:
        """The text that these ids complete; empty where they complete none."""
        return self._stream.step(self._decode, ids)

    def rest(self) -> str:
        """What is left when no more ids come; half a character at the end is dropped."""
        return self._stream.rest(self._decode)

    def _decode(self, ids: list[int]) -> str:
        return self.tokenizer.decode(ids, **self.decode_kwargs)


class DecodeStream:
    """The text of ids as they arrive, as `tokenizers.decoders.DecodeStream` gives it: None where nothing is whole yet.

    Args:
        ids: what came before, whose text is not given; all of it is, where it ends within a character, as in the
            reference (`TextPieces` gives only the rest).
        skip_special_tokens: special tokens are left out.
    """

    def __init__(self, ids: list[int] | None = None, skip_special_tokens: bool = False) -> None:
        if isinstance(ids, bool | str):
            raise TypeError(f"ids={ids!r} is of the type {type(ids).__name__}; expected a list of ids.")
        self.skip_special_tokens = skip_special_tokens
        self._stream, self._started = Stream(ids or ()), False

    def step(self, tokenizer: Any, id: int | list[int]) -> str | None:
        """The text that an id, or several, complete; None: none yet.

        Raises:
            TypeError: something that is no id.
        """
        ids = [id] if isinstance(id, int) else id
        if not isinstance(ids, list | tuple) or not all(isinstance(one, int) and one >= 0 for one in ids):
            raise TypeError(f"step() takes an id or a list of ids; this is {id!r:.40}.")
        if not hasattr(tokenizer, "decode"):
            raise TypeError(f"step() takes a tokenizer first; this is a {type(tokenizer).__name__}.")

        def decode(ids: list[int]) -> str:
            return tokenizer.decode(ids, skip_special_tokens=self.skip_special_tokens)

        if not self._started and self._stream.ids and decode(self._stream.ids).endswith(HALF):
            self._stream.given = 0
        self._started = True
        return self._stream.step(decode, ids) or None

    def __copy__(self) -> DecodeStream:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict) -> DecodeStream:
        copied = DecodeStream(skip_special_tokens=self.skip_special_tokens)
        copied._stream, copied._started = copy.deepcopy(self._stream, memo), self._started
        return copied
