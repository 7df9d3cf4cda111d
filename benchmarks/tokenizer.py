"""How fast does a tokenizer read a book, one thread, CPU time?

    python benchmarks/tokenizer.py [gpt2] [cl100k] [bert]

Ours and the reference's (tokenizers 0.23) run interleaved on the same lines: ids alone, ids as lists of Python numbers,
every field, a short text at a time, decoding, loading. The text is read anew each round, so ours answers from
its cache of pieces as it would on more text of the same kind; the first call of a new engine is shown beside it. Limit:
one pass over the bytes at memory bandwidth.
Data: BEARHUG_SHARED_DATA (see tests/conftest.py).
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import tokenizers
from bearhug.tokenizers import convert, file, tiktoken
from paired import bandwidth, paired

SHARED = Path(os.environ.get("BEARHUG_SHARED_DATA") or Path(__file__).parent.parent.parent / "shared" / "data")
BOOKS = ("wikitext2_valid.txt", "tiny_shakespeare.txt", "botchan.txt")
CPU = {"clock": "cpu", "rounds": 5}


def description(name: str) -> dict:
    """A tokenizer.json of a well-known vocabulary."""
    if name == "gpt2":
        return convert.like("gpt2", SHARED / "vocab/gpt2/encoder.json", SHARED / "vocab/gpt2/vocab.bpe")
    if name == "cl100k":
        return tiktoken.description(tiktoken.read(SHARED / "vocab/tiktoken/cl100k_base.tiktoken.gz"))
    plain = {"truncation": None, "padding": None}
    return file.read(SHARED / "vocab/bert-base-uncased/tokenizer.json") | plain


def lines() -> list[str]:
    """The books' lines that are not empty."""
    books = [(SHARED / "text" / book).read_text(encoding="utf-8") for book in BOOKS]
    return [line for book in books for line in book.split("\n") if line]


def vocabulary(name: str) -> None:
    """All questions about one vocabulary."""
    text = json.dumps(description(name), ensure_ascii=False)
    theirs, ours = tokenizers.Tokenizer.from_str(text), file.loads(text)
    texts = lines()
    megabytes = sum(len(line.encode()) for line in texts) / 1e6
    rate = CPU | {"unit": "MB/s", "work": megabytes, "limit": bandwidth() / 1e6}

    fresh = file.loads(text)
    start = time.process_time()
    ids = fresh.encode_batch(texts, threads=1).lists("ids")
    print(
        f"\n{name}: {megabytes:.1f} MB; first call of a new engine {megabytes / (time.process_time() - start):.3g} MB/s"
    )
    assert ids == [encoded.ids for encoded in theirs.encode_batch(texts)], f"{name}: the ids differ"

    def every_field():
        encoded = ours.encode_batch(texts, offsets=True, threads=1)
        return encoded.ids, encoded.offsets, encoded.word_ids, encoded.type_ids, encoded.attention_mask

    fast = theirs.encode_batch_fast
    paired("ids, as arrays", ours=lambda: ours.encode_batch(texts, threads=1).ids, theirs=lambda: fast(texts), **rate)
    paired(
        "ids, as lists",
        ours=lambda: ours.encode_batch(texts, threads=1).lists("ids"),
        theirs=lambda: [encoded.ids for encoded in fast(texts)],
        **rate,
    )
    paired("every field", ours=every_field, theirs=lambda: theirs.encode_batch(texts), **rate)
    paired("two threads", ours=lambda: ours.encode_batch(texts, threads=2).ids, unit="MB/s", work=megabytes, rounds=5)
    short = [line[:100] for line in texts if len(line) >= 100][:2000]
    paired(
        "100 characters a call, ids",
        ours=lambda: [ours.encode_batch([line]).row(0, "ids") for line in short],
        theirs=lambda: [theirs.encode(line).ids for line in short],
        unit="us",
        work=len(short),
        **CPU,
    )
    paired("decode", ours=lambda: ours.decode_batch(ids, threads=1), theirs=lambda: theirs.decode_batch(ids), **rate)
    paired(
        "load", ours=lambda: file.loads(text), theirs=lambda: tokenizers.Tokenizer.from_str(text), **CPU | {"rounds": 3}
    )


if __name__ == "__main__":
    for name in sys.argv[1:] or ["gpt2", "cl100k", "bert"]:
        vocabulary(name)
