"""How fast are WordPiece (bert) and Unigram with SentencePiece's charsmap (t5, albert, xlm-r) on unseen text?

    python benchmarks/tokenizer_words.py [bert] [t5] [albert] [xlm-r]

One thread, CPU time. A new engine reads one half of the books first, so that it is warm, and is measured on the other
half; ours and the reference's take turns. The Unigram vocabulary is trained by the reference on the same books, with
the charsmap of a SentencePiece model.
Data: BEARHUG_SHARED_DATA (see tests/conftest.py).
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import cache

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import tokenizers
from bearhug.tokenizers import file, sentencepiece
from tokenizer import SHARED, lines

ROUNDS = 5
NAMES = ("bert", "t5", "albert", "xlm-r")


@cache
def unigram() -> dict:
    """A Unigram model of up to 32,000 pieces, as T5's are."""
    model = sentencepiece.read(SHARED / "vocab/spm-unigram-1k/test_model.model")
    spaces = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}
    strip = {"type": "Strip", "strip_left": False, "strip_right": True}
    precompiled = {"type": "Precompiled", "precompiled_charsmap": model.charsmap}
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    empty = {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0]], "byte_fallback": False}
    normalizer = {"type": "Sequence", "normalizers": [precompiled, strip, spaces]}
    description = {"version": "1.0", "added_tokens": [], "normalizer": normalizer, "pre_tokenizer": metaspace}
    learner = tokenizers.Tokenizer.from_str(json.dumps(description | {"decoder": metaspace, "model": empty}))
    trainer = tokenizers.trainers.UnigramTrainer(
        vocab_size=32_000, special_tokens=["<unk>", "</s>"], unk_token="<unk>", show_progress=False
    )
    learner.train_from_iterator(lines(), trainer)
    return json.loads(learner.to_str())


def description(name: str) -> dict:
    """A tokenizer.json: bert's, t5's way, albert's, without case, or xlm-r's, which splits at white space first."""
    if name == "bert":
        return file.read(SHARED / "vocab/bert-base-uncased/tokenizer.json") | {"truncation": None, "padding": None}
    t5 = unigram()
    if name == "t5":
        return t5
    if name == "albert":
        first = [{"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}]
        rest = t5["normalizer"]["normalizers"]
        return t5 | {"normalizer": {"type": "Sequence", "normalizers": [*first, *rest]}}
    parts = [{"type": "WhitespaceSplit"}, t5["pre_tokenizer"]]
    return t5 | {"pre_tokenizer": {"type": "Sequence", "pretokenizers": parts}}


def seconds(make: Callable, call: Callable, seen: list[str], unseen: list[str]) -> float:
    """CPU time of a warm engine for the unseen half."""
    engine = make()
    call(engine, seen)
    start = time.process_time()
    call(engine, unseen)
    return time.process_time() - start


def rates(name: str) -> None:
    """Megabytes a second, ours and theirs, for one tokenizer."""
    text = json.dumps(description(name), ensure_ascii=False)
    halves = lines()[::2], lines()[1::2]
    megabytes = sum(len(line.encode()) for line in halves[1]) / 1e6
    ours, theirs = lambda: file.loads(text), lambda: tokenizers.Tokenizer.from_str(text)
    wanted = [encoded.ids for encoded in theirs().encode_batch_fast(halves[1])]
    assert ours().encode_batch(halves[1], threads=1).lists("ids") == wanted, f"{name}: the ids differ"
    calls = {
        "ours, arrays": (ours, lambda engine, texts: engine.encode_batch(texts, threads=1).ids),
        "ours, lists": (ours, lambda engine, texts: engine.encode_batch(texts, threads=1).lists("ids")),
        "theirs": (theirs, lambda engine, texts: [encoded.ids for encoded in engine.encode_batch_fast(texts)]),
    }
    found: dict[str, list[float]] = {side: [] for side in calls}
    for _ in range(ROUNDS):
        for side, (make, call) in calls.items():
            found[side].append(megabytes / seconds(make, call, *halves))
    said = "   ".join(f"{side} {statistics.median(f):.4g} [{min(f):.4g} to {max(f):.4g}]" for side, f in found.items())
    print(f"{name}, {megabytes:.1f} MB unseen (MB/s, cpu): {said}", flush=True)


if __name__ == "__main__":
    for name in sys.argv[1:] or NAMES:
        rates(name)
