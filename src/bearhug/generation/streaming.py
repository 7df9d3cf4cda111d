"""Text while it is being written: streamers that generate() pushes ids into."""

import asyncio
from abc import ABC, abstractmethod
from queue import Queue
from typing import Any

from bearhug.tokenizers.stream import TextPieces


class BaseStreamer(ABC):
    """What generate(streamer=) takes: anything with these two methods."""

    @abstractmethod
    def put(self, value: Any) -> None:
        """Takes the prompt's ids (B, T) first, then the new ids (B,) of each step, on the CPU."""

    @abstractmethod
    def end(self) -> None:
        """No more ids come."""


class UntilStop:
    """Pieces of a text up to a stop string, of which nothing is shown: what may be its beginning waits."""

    def __init__(self, stops: list[str]):
        self.stops, self.held, self.over = stops, "", False

    def piece(self, text: str) -> str:
        """What is safe to show with this text added."""
        if self.over:
            return ""
        self.held += text
        places = [place for stop in self.stops if (place := self.held.find(stop)) >= 0]
        if places:
            self.over = True
            return self.held[: min(places)]
        waits = max(
            (n for stop in self.stops for n in range(1, len(stop)) if self.held.endswith(stop[:n])),
            default=0,
        )
        shown = len(self.held) - waits
        text, self.held = self.held[:shown], self.held[shown:]
        return text

    def rest(self, text: str) -> str:
        """The end of the text, where no stop string came."""
        return "" if self.over else self.piece(text) + ("" if self.over else self.held)


class TextStreamer(BaseStreamer):
    """Prints the text of one sequence word by word while it is generated.

    Args:
        tokenizer: what decodes the ids.
        skip_prompt: whether to leave the prompt out.
        decode_kwargs: for `tokenizer.decode`, such as `skip_special_tokens=True`.

    Override `on_finalized_text(text, stream_end)` to do something else with the text than to print it.
    """

    def __init__(self, tokenizer: Any, skip_prompt: bool = False, **decode_kwargs: Any):
        self.tokenizer, self.skip_prompt, self.decode_kwargs = tokenizer, skip_prompt, decode_kwargs
        self._start()

    def _start(self) -> None:
        self.pieces, self.held, self.next_tokens_are_prompt = TextPieces(self.tokenizer, **self.decode_kwargs), "", True

    def put(self, value: Any) -> None:
        """Ids (T,) or (1, T): prints the words that are now whole.

        Raises:
            ValueError: more than one row.
        """
        if value.ndim > 1:
            if value.shape[0] > 1:
                raise ValueError(
                    f"{type(self).__name__} got a batch of {value.shape[0]} rows; it shows one.\n"
                    f"Generate one prompt at a time, or use generate(..., stream=True), which gives every row's tokens."
                )
            value = value[0]
        if self.skip_prompt and self.next_tokens_are_prompt:
            self.next_tokens_are_prompt = False
            return
        self.next_tokens_are_prompt = False
        self.held += self.pieces.piece(value.tolist())
        if self.held.endswith("\n") or (self.held and _is_cjk(self.held[-1])):
            whole = len(self.held)
        else:
            whole = self.held.rfind(" ") + 1  # what follows may still belong to the same word
        text, self.held = self.held[:whole], self.held[whole:]
        self.on_finalized_text(text)

    def end(self) -> None:
        """Prints what is left, and a line's end."""
        text = self.held + self.pieces.rest()
        self._start()
        self.on_finalized_text(text, stream_end=True)

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Prints the text; the last one with a line's end."""
        print(text, flush=True, end="\n" if stream_end else "")


class TextIteratorStreamer(TextStreamer):
    """A TextStreamer to loop over, while generate runs in another thread: `for text in streamer: ...`.

    `for text in model.generate(**inputs, tokenizer=tokenizer, stream=True)` does the same without a thread.

    Args:
        timeout: seconds to wait for the next text; None: as long as it takes.

    Raises:
        queue.Empty: no text came in time.
    """

    def __init__(self, tokenizer: Any, skip_prompt: bool = False, timeout: float | None = None, **decode_kwargs: Any):
        super().__init__(tokenizer, skip_prompt, **decode_kwargs)
        self.text_queue: Queue[str | None] = Queue()
        self.stop_signal, self.timeout = None, timeout

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Puts the text into the queue, and the signal to stop after the last one."""
        self.text_queue.put(text, timeout=self.timeout)
        if stream_end:
            self.text_queue.put(self.stop_signal, timeout=self.timeout)

    def __iter__(self) -> "TextIteratorStreamer":
        return self

    def __next__(self) -> str:
        value = self.text_queue.get(timeout=self.timeout)
        if value is None:
            raise StopIteration
        return value


class AsyncTextIteratorStreamer(TextStreamer):
    """A TextStreamer for `async for text in streamer`, while generate runs in another thread. Made inside a coroutine.

    Args:
        timeout: seconds to wait for the next text; None: as long as it takes.

    Raises:
        TimeoutError: no text came in time.
    """

    def __init__(self, tokenizer: Any, skip_prompt: bool = False, timeout: float | None = None, **decode_kwargs: Any):
        super().__init__(tokenizer, skip_prompt, **decode_kwargs)
        self.text_queue: asyncio.Queue[str | None] = asyncio.Queue()
        self.stop_signal, self.timeout, self.loop = None, timeout, asyncio.get_running_loop()

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Puts the text into the queue, and the signal to stop after the last one."""
        self.loop.call_soon_threadsafe(self.text_queue.put_nowait, text)
        if stream_end:
            self.loop.call_soon_threadsafe(self.text_queue.put_nowait, self.stop_signal)

    def __aiter__(self) -> "AsyncTextIteratorStreamer":
        return self

    async def __anext__(self) -> str:
        async with asyncio.timeout(self.timeout):
            value = await self.text_queue.get()
        if value is None:
            raise StopAsyncIteration
        return value


def _is_cjk(character: str) -> bool:
    """Whether it is of a script that writes no spaces: each character is a word to show."""
    code = ord(character)
    return (
        0x3400 <= code <= 0x4DBF or 0x4E00 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x2FA1F
    )
