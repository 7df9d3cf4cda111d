"""What do all fields of an Encoding cost, against the reference, as people write it: one thread, CPU time?

    python benchmarks/tokenizer_fields.py [gpt2] [llama3] [bert] [t5] [xlm-r]

Many short texts (20 to 200 characters) and few long ones (200 lines each). Every round reads a part of them that has
not been read before, ours and the reference's (tokenizers 0.23, transformers 5.23) in turn. The goal of issue 3: at
least 10 times the reference when all fields are read, and `encode_batch` alone no slower than ids (the last column:
its time over that of ids as an array). What limits it is what Python makes: an int that is ready costs 3 ns in a list,
a new one 19, a pair of them 13 ready and 37 to 65 new, for each token and field.
"""

import gc
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import transformers

import bearhug
import tokenizers
from bearhug.tokenizers import Tokenizer
from tokenizer_peers import description as byte_level
from tokenizer_words import description as by_words

SHARED = Path(os.environ.get("BEARHUG_SHARED_DATA") or Path(__file__).parent.parent.parent / "shared" / "data")
ROUNDS = 5
FIELDS = ("ids", "tokens", "offsets", "type_ids", "attention_mask", "special_tokens_mask", "word_ids", "sequence_ids")
AROUND = {"llama3": ("<|begin_of_text|>", None), "t5": (None, "</s>"), "xlm-r": ("<s>", "</s>")}


def description(name: str) -> dict:
    """A tokenizer.json with the tokens that its model expects around a text."""
    made = byte_level(name) if name in ("gpt2", "llama3") else by_words(name)
    tokens = [token for token in AROUND.get(name, ()) if token]
    if not tokens:
        return made
    core = tokenizers.Tokenizer.from_str(json.dumps(made))
    core.add_special_tokens(tokens)
    before, behind = AROUND[name]
    template = " ".join(part for part in (before, "$A", behind) if part)
    core.post_processor = tokenizers.processors.TemplateProcessing(
        single=template,
        pair=f"{template} {template.replace('$A', '$B')}",
        special_tokens=[(token, core.token_to_id(token)) for token in tokens],
    )
    return json.loads(core.to_str())


def corpora() -> dict[str, list[list[str]]]:
    """Short texts and long ones, in a part for each round and one to warm up."""
    books = ("wikitext2_valid.txt", "tiny_shakespeare.txt", "botchan.txt")
    lines = [line for book in books for line in (SHARED / "text" / book).read_text(encoding="utf-8").split("\n")]
    long = ["\n".join(lines[at : at + 200]) for at in range(0, len(lines), 200)]
    short = [line[:200].strip() for line in lines if len(line) >= 20]
    parts = range(ROUNDS + 1)
    return {"short": [short[i :: len(parts)] for i in parts], "long": [long[i :: len(parts)] for i in parts]}


def all_fields(rows):
    """Every field of every Encoding, as lists."""
    return [[getattr(row, field) for field in FIELDS] + [row.overflowing] for row in rows]


def compare(name: str, folder: Path) -> None:
    """Each question to both."""
    text = json.dumps(description(name), ensure_ascii=False)
    (folder / "tokenizer.json").write_text(text, encoding="utf-8")
    raw = [Tokenizer.from_str(text), tokenizers.Tokenizer.from_str(text)]
    fast = [
        library.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
        for library in (bearhug, transformers)
    ]
    for tokenizer in fast:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
    wanted = dict.fromkeys(
        ("return_offsets_mapping", "return_special_tokens_mask", "return_token_type_ids", "return_attention_mask"), True
    )
    cut = {"padding": True, "truncation": True, "max_length": 64, "stride": 16}

    def rows(made):
        return all_fields(made.encodings)

    questions = {
        "encode_batch": (raw, lambda t, texts: t.encode_batch(texts)),
        "encode_batch, ids": (raw, lambda t, texts: [row.ids for row in t.encode_batch(texts)]),
        "encode_batch, all fields": (raw, lambda t, texts: all_fields(t.encode_batch(texts))),
        "encode, all fields": (raw, lambda t, texts: all_fields(t.encode(text) for text in texts)),
        "call": (fast, lambda t, texts: dict(t(texts))),
        "call, all fields": (fast, lambda t, texts: dict(t(texts, **wanted))),
        "call, all fields of its rows": (fast, lambda t, texts: rows(t(texts, **wanted))),
        "call, padded, np": (fast, lambda t, texts: dict(t(texts, padding=True, return_tensors="np", **wanted))),
        "call, padded, pt": (fast, lambda t, texts: dict(t(texts, padding=True, return_tensors="pt", **wanted))),
        "call, cut with overflow": (
            fast,
            lambda t, texts: dict(t(texts, **cut, **wanted, return_overflowing_tokens=True)),
        ),
        "call, cut with overflow, pt": (
            fast,
            lambda t, texts: dict(t(texts, **cut, **wanted, return_overflowing_tokens=True, return_tensors="pt")),
        ),
    }
    core = raw[0]._core
    for kind, parts in corpora().items():
        for question, (pair, ask) in questions.items():
            seconds: list[list[float]] = [[], []]
            alone: list[float] = []
            for number, texts in enumerate(parts):
                sides = [0, 1] if number % 2 == 0 else [1, 0]
                for side in sides:
                    gc.collect()  # what the calls before have left is nobody's here
                    start = time.process_time()
                    made = ask(pair[side], texts)
                    seconds[side].append(time.process_time() - start)
                    del made
                start = time.process_time()
                len(core.encode_batch(texts, threads=1).ids)
                alone.append(time.process_time() - start)
            ours, theirs, ids = (statistics.median(times[1:]) for times in (*seconds, alone))
            megabytes = sum(len(one.encode()) for part in parts[1:] for one in part) / ROUNDS / 1e6
            print(
                f"{name:6} {kind:5} {question:30} {megabytes / ours:7.1f} MB/s  reference {megabytes / theirs:5.2f}"
                f"  ratio {theirs / ours:6.1f}{' ' if theirs / ours >= 10 else '!'}  of ids {ours / ids:5.2f}",
                flush=True,
            )


if __name__ == "__main__":
    if not SHARED.exists():
        sys.exit("the shared data is absent (BEARHUG_SHARED_DATA)")
    with tempfile.TemporaryDirectory() as top:
        for name in sys.argv[1:] or ["gpt2", "llama3", "bert", "t5", "xlm-r"]:
            compare(name, Path(top))
