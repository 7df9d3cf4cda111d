"""What does a call of a tokenizer cost: a short text, a batch as lists or tensors, the way back, padding, loading?

The core's own speed on a whole book is another question; here it is the whole call as users write it, CPU time of one
thread. Real vocabularies (BEARHUG_SHARED_DATA), new lines in each round, so that no round profits from words seen in
the last one. Limits measured here: a ready Python int costs 3 ns in a list, a new one 19; a pair of them 50.
"""

import copy
import json
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
SHORT = "Hello world, this is a test of a short text. It has about a hundred characters, as many questions do."
BATCH = 256
CPU = {"clock": "cpu"}


def lines():
    """Batches of lines of the book, each with a few new words."""
    rows = [line for line in (SHARED / "text" / "tiny_shakespeare.txt").read_text().split("\n") if line]
    draw = random.Random(0)
    while True:
        yield [f"{line} {draw.randrange(10**6)}" for line in draw.sample(rows, BATCH)]


LIBRARIES = (bearhug, transformers)


def folders_of(top: Path) -> dict[str, Path]:
    """name -> a folder that both load."""
    gpt2 = top / "gpt2"
    gpt2.mkdir(exist_ok=True)
    for ours, theirs in (("vocab.json", "encoder.json"), ("merges.txt", "vocab.bpe")):
        (gpt2 / ours).write_text((SHARED / "vocab" / "gpt2" / theirs).read_text())
    (gpt2 / "config.json").write_text('{"model_type": "gpt2"}')
    return {"bert-base-uncased": SHARED / "vocab" / "bert-base-uncased", "gpt2": gpt2}


def compare(name: str, folder: Path) -> None:
    """Each question to both."""
    pair = [library.AutoTokenizer.from_pretrained(folder) for library in LIBRARIES]
    for tokenizer in pair:
        tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    ids = pair[1](SHORT)["input_ids"]
    rows = [pair[1](line) for line in next(lines())[:32]]
    tensors = {"padding": True, "truncation": True, "max_length": 64, "return_tensors": "pt"}
    many = range(500)
    questions = {
        "a short text": (lambda t, _: [t(SHORT) for _ in many], 500),
        "a short text, its ids": (lambda t, _: [t.encode(SHORT) for _ in many], 500),
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
        paired(f"{name}: {question}", unit="us", work=work, ours=ours, theirs=theirs, **CPU)
    cores = [pair[0].backend_tokenizer, pair[1].backend_tokenizer]
    paired(
        f"{name}: {len(SHORT)} characters, the core's ids",
        unit="us",
        work=500,
        ours=lambda: [pair[0]._core.encode_ids(SHORT) for _ in many],
        theirs=lambda: [cores[1].encode(SHORT).ids for _ in many],
        **CPU,
    )
    texts = [line for line in (SHARED / "text" / "wikitext2_valid.txt").read_text().split("\n") if line]
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    book = pair[0](texts, add_special_tokens=False)["input_ids"]
    rate = {"unit": "MB/s", "work": megabytes, "rounds": 3} | CPU
    paired(
        f"{name}: decode lists",
        ours=lambda: pair[0].batch_decode(book),
        theirs=lambda: pair[1].batch_decode(book),
        **rate,
    )
    for field in ("offsets", "word_ids"):
        paired(
            f"{name}: {field} of a book, as lists",
            ours=lambda field=field: pair[0]._core.encode_batch(texts, offsets=True, threads=1).lists(field),
            theirs=lambda field=field: [
                getattr(row, field) for row in cores[1].encode_batch(texts, add_special_tokens=False)
            ],
            **rate,
        )


def loading(top: Path) -> None:
    """A folder with tokenizer.json: load, copy; and 400,000 added tokens (20,000 for theirs)."""
    for name in ("gpt2", "bert-base-uncased"):
        folder = top / f"{name}-json"
        bearhug.AutoTokenizer.from_pretrained(folders_of(top)[name]).save_pretrained(folder)
        ours, theirs = (lambda library=library: library.AutoTokenizer.from_pretrained(folder) for library in LIBRARIES)  # noqa: B023
        paired(f"{name}: load", ours=ours, theirs=theirs, rounds=5, **CPU)
        made = [ours(), theirs()]
        paired(
            f"{name}: deepcopy",
            ours=lambda made=made: copy.deepcopy(made[0]),
            theirs=lambda made=made: copy.deepcopy(made[1]),
            rounds=3,
            **CPU,
        )
    description = json.loads((top / "gpt2-json" / "tokenizer.json").read_text())
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "special"), False) | {"normalized": True}
    for count in (20_000, 400_000):
        folder = top / f"added-{count}"
        folder.mkdir()
        description["added_tokens"] = [{"id": 50_257 + i, "content": f"<extra_{i}>"} | flags for i in range(count)]
        (folder / "tokenizer.json").write_text(json.dumps(description))
        ours, theirs = (lambda library=library: library.AutoTokenizer.from_pretrained(folder) for library in LIBRARIES)  # noqa: B023
        both = {"ours": ours} | ({"theirs": theirs} if count == 20_000 else {})
        paired(f"{count:,} added tokens: load", unit="s", rounds=1, **both, **CPU)


if __name__ == "__main__":
    if not SHARED.exists():
        sys.exit("the shared data is absent (BEARHUG_SHARED_DATA)")
    with tempfile.TemporaryDirectory() as top:
        for name, folder in folders_of(Path(top)).items():
            compare(name, folder)
        loading(Path(top))
