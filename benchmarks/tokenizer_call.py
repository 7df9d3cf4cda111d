"""What does a call of a tokenizer cost: a short text, a batch as lists or tensors, the way back, padding?

The core's own speed on a whole book is another question; here it is the whole call as users write it, one thread. Real
vocabularies (BEARHUG_SHARED_DATA), new lines in each round, so that no round profits from words seen in the last one.
"""

import os
import random
import sys
import tempfile
from pathlib import Path

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import transformers

import bearhug
from paired import paired

SHARED = Path(os.environ.get("BEARHUG_SHARED_DATA") or Path(__file__).parent.parent.parent / "shared" / "data")
SHORT = "Hello world, this is a test of a short text."
BATCH = 256


def lines():
    """Batches of lines of the book, each with a few new words."""
    rows = [line for line in (SHARED / "text" / "tiny_shakespeare.txt").read_text().split("\n") if line]
    draw = random.Random(0)
    while True:
        yield [f"{line} {draw.randrange(10**6)}" for line in draw.sample(rows, BATCH)]


def folders(top: Path):
    """name -> a folder that both load."""
    gpt2 = top / "gpt2"
    gpt2.mkdir()
    for ours, theirs in (("vocab.json", "encoder.json"), ("merges.txt", "vocab.bpe")):
        (gpt2 / ours).write_text((SHARED / "vocab" / "gpt2" / theirs).read_text())
    (gpt2 / "config.json").write_text('{"model_type": "gpt2"}')
    return {"bert-base-uncased": SHARED / "vocab" / "bert-base-uncased", "gpt2": gpt2}


def compare(name: str, folder: Path) -> None:
    """Each question to both."""
    pair = [library.AutoTokenizer.from_pretrained(folder) for library in (bearhug, transformers)]
    for tokenizer in pair:
        tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    ids = pair[1](SHORT)["input_ids"]
    rows = [pair[1](line) for line in next(lines())[:32]]
    tensors = {"padding": True, "truncation": True, "max_length": 64, "return_tensors": "pt"}
    many = range(500)
    questions = {
        "a short text": (lambda t, _: [t(SHORT) for _ in many], 500),
        "a short text as tensors": (lambda t, _: [t(SHORT, return_tensors="pt") for _ in many], 500),
        "ids to text": (lambda t, _: [t.decode(ids) for _ in many], 500),
        "a line of a batch, as lists": (lambda t, batch: dict(t(batch)), BATCH),
        "a line of a batch, with offsets": (lambda t, batch: dict(t(batch, return_offsets_mapping=True)), BATCH),
        "a line of a batch, as tensors": (lambda t, batch: t(batch, **tensors), BATCH),
        "padding 32 rows": (lambda t, _: t.pad([dict(row) for row in rows], return_tensors="pt"), 1),
    }
    for question, (ask, work) in questions.items():
        batches = [lines() for _ in pair]
        ours, theirs = (lambda t=t, b=b: ask(t, next(b)) for t, b in zip(pair, batches, strict=True))  # noqa: B023
        paired(f"{name}: {question}", unit="us", work=work, ours=ours, theirs=theirs)


if __name__ == "__main__":
    if not SHARED.exists():
        sys.exit("the shared data is absent (BEARHUG_SHARED_DATA)")
    with tempfile.TemporaryDirectory() as top:
        for name, folder in folders(Path(top)).items():
            compare(name, folder)
