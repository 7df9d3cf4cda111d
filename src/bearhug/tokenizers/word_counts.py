"""Counting the words of texts, as a tokenizer's normalizer and pre-tokenizer cut them: the first half of training.

Words are counted by several threads while this one fetches the next texts. With `max_memory` the table of words goes to
sorted files when it is full; with `checkpoint` those files are kept, and counting goes on where it was stopped.
"""

import json
import os
import shutil
import tempfile
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from bearhug._lib.files import replacing
from bearhug._lib.progress import progress
from bearhug.tokenizers._native import Tokenizer, WordCounts, digest_texts

Texts = Iterable[str] | Iterable[Iterable[str]]

BATCH = 1 << 19  # characters that are counted at once
CHECKPOINT_SECONDS = 30.0  # between two writes


def count(
    texts: Texts,
    splitter: Tokenizer | None,
    *,
    length: int | None = None,
    show_progress: bool = True,
    threads: int = 0,
    max_memory: int | None = None,
    checkpoint: str | os.PathLike | None = None,
) -> WordCounts:
    """The words of all texts and how often each is there, as `splitter` cuts them; None: a text is a word.

    Arguments and errors are those of `train.retrain`.
    """
    if isinstance(texts, str):
        raise TypeError(f"the texts to learn from are {texts!r:.60}, a str; expected texts: [text], or lines(file).")
    saved = _Saved(Path(checkpoint), splitter) if checkpoint is not None else None
    folder = "" if checkpoint is None else str(checkpoint)
    if max_memory and not saved:
        folder = tempfile.mkdtemp(prefix="bearhug-words-")
    counts = WordCounts(splitter, folder, (max_memory or 0) // 2)
    if folder and not saved:
        weakref.finalize(counts, shutil.rmtree, folder, ignore_errors=True)
    threads = threads or _processors()
    with progress(desc="words", total=length, unit="text", disable=not show_progress) as bar, _Pool(threads) as pool:
        if saved:
            counts.resume(saved.runs)
        for batch in _batches(texts):
            new = saved.new(batch) if saved else batch
            if new:
                pool.run(counts.feed, new, 1)
            bar.update(len(batch))
            if saved and new and saved.is_due():
                pool.wait()
                saved.save(counts)
        pool.wait()
        if saved:
            saved.check()
        counts.merge_runs()
        if saved:
            saved.save(counts)
        counts.remove_merged()
    return counts


class _Pool:
    """Counting in other threads while this one fetches the next texts."""

    def __init__(self, threads: int):
        self.threads = threads
        self.pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self.under_way: deque[Future] = deque()

    def run(self, work: Callable, *arguments: Any) -> None:
        if self.pool is None:
            work(*arguments)
            return
        while len(self.under_way) > self.threads:
            self.under_way.popleft().result()
        self.under_way.append(self.pool.submit(work, *arguments))

    def wait(self) -> None:
        while self.under_way:
            self.under_way.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.pool is not None:
            self.pool.shutdown(cancel_futures=True)


class _Saved:
    """What a checkpoint folder knows: how many texts have been counted, which they were, and the files of words.

    The files of words come first, then counts.json that names them takes its place in one rename; what it does not name
    is removed when the work goes on.
    """

    def __init__(self, folder: Path, splitter: Tokenizer | None):
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "counts.json"
        self.seen, self.digest = 0, 0
        parts = [splitter.normalizer, splitter.pre_tokenizer] if splitter else []
        self.parts = [part and json.loads(part.json) for part in parts]
        state = json.loads(self.file.read_text(encoding="utf-8")) if self.file.exists() else {}
        self.texts, self.wanted, self.runs = state.get("texts", 0), state.get("digest", 0), state.get("runs", [])
        if state and state["parts"] != self.parts:
            raise self._differ("with another normalizer or pre-tokenizer")
        self.time = time.monotonic()

    def new(self, batch: Sequence[str]) -> Sequence[str]:
        """The texts of a batch that have not been counted yet."""
        known = batch[: max(0, self.texts - self.seen)]
        for texts in (known, batch[len(known) :]):
            if texts:
                self.digest = digest_texts(texts, self.digest)
                self.seen += len(texts)
            if self.seen == self.texts:
                self.check()
        return batch[len(known) :]

    def check(self) -> None:
        if self.seen < self.texts or (self.seen == self.texts and self.digest != self.wanted):
            raise self._differ("of other texts")

    def _differ(self, how: str) -> ValueError:
        folder = str(self.file.parent)
        return ValueError(
            f"{folder!r} holds counts {how}; it can only go on with the same.\n"
            f"Name another folder as checkpoint=, or remove this one: shutil.rmtree({folder!r})."
        )

    def is_due(self) -> bool:
        return time.monotonic() - self.time > CHECKPOINT_SECONDS

    def save(self, counts: WordCounts) -> None:
        counts.spill()
        state = {"parts": self.parts, "texts": self.seen, "digest": self.digest, "runs": counts.runs}
        with replacing(self.file, "w", encoding="utf-8") as out:
            json.dump(state, out)
        counts.remove_merged()
        self.time = time.monotonic()


def lines(files: str | os.PathLike | Iterable[str | os.PathLike]) -> Iterator[list[str]]:
    """The lines of text files, with their line ends, as the reference's `Tokenizer.train` reads them; in batches.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file is not UTF-8.
    """
    for path in [files] if isinstance(files, str | os.PathLike) else files:
        with open(path, encoding="utf-8", newline="\n") as text:
            try:
                while batch := text.readlines(BATCH):
                    yield batch
            except UnicodeDecodeError:
                raise _not_utf8(Path(path)) from None


def _not_utf8(path: Path) -> ValueError:
    start = 0
    with open(path, "rb") as source:
        for line in source:
            try:
                line.decode()
            except UnicodeDecodeError as problem:
                byte = start + problem.start
                return ValueError(
                    f"{str(path)!r} is not UTF-8: byte {byte} is 0x{line[problem.start]:02x} ({problem.reason}).\n"
                    "Read it with the encoding that it has: train on open(path, encoding='latin-1')."
                )
            start += len(line)
    return ValueError(f"{str(path)!r} is not UTF-8.")


def _batches(texts: Texts) -> Iterator[list[str]]:
    """Texts, or batches of texts -> batches of about a million characters."""
    batch: list[str] = []
    size = 0
    for item in texts:
        if isinstance(item, str):
            batch.append(item)
            size += len(item)
        elif isinstance(item, Iterable) and not isinstance(item, bytes):
            before = len(batch)
            batch.extend(item)
            size += sum(len(text) for text in batch[before:] if isinstance(text, str))
        else:
            raise TypeError(f"a text to learn from is {item!r:.60}; expected str, or a list of str.")
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _processors() -> int:
    """The threads that counting takes, as encoding does."""
    if os.environ.get("TOKENIZERS_PARALLELISM", "").lower() in ("false", "0", "off", "no", "n", "f"):
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
