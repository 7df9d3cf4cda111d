"""How fast do functions run over a data set: a row at a time, in batches, filtering, tokenizing?

Each side tokenizes with its own tokenizer. Results go to files; nothing is taken from the cache.
"""

import os
import tempfile

os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import bearhug.datasets as ours
import datasets as reference
from bearhug.hub.client import open_repo
from bearhug.tokenizers import AutoTokenizer
from paired import paired

ROWS = 20_000
TEXT = "Once upon a time there was a little bear who lived near the edge of a big dark forest . "


def make(library, folder):
    data = {"text": [f"{i} " + TEXT * (1 + i % 3) for i in range(ROWS)], "label": [i % 2 for i in range(ROWS)]}
    library.Dataset.from_dict(data).save_to_disk(folder)
    return library.load_from_disk(folder)


def length(row):
    return {"length": len(row["text"])}


def lengths(batch):
    return {"length": [len(text) for text in batch["text"]]}


def is_positive(row):
    return row["label"] == 1


with tempfile.TemporaryDirectory() as folder:
    sides = {"ours": make(ours, f"{folder}/ours"), "theirs": make(reference, f"{folder}/theirs")}

    def compare(question, call, rounds=3, clock="cpu"):
        mine, other = (lambda name=name: call(sides[name], name) for name in ("ours", "theirs"))
        paired(question, unit="rows/s", work=ROWS, rounds=rounds, clock=clock, ours=mine, theirs=other)

    compare("map, a Python function a row", lambda ds, _: ds.map(length, load_from_cache_file=False))
    compare("map in batches", lambda ds, _: ds.map(lengths, batched=True, load_from_cache_file=False))
    compare("filter", lambda ds, _: ds.filter(is_positive, load_from_cache_file=False))
    compare("sort", lambda ds, _: ds.sort("label", load_from_cache_file=False))
    compare("map in two processes", lambda ds, _: ds.map(length, num_proc=2, load_from_cache_file=False), clock="wall")
    sides["ours"].map(length)
    sides["theirs"].map(length)
    paired(
        "map, found in the cache",
        unit="ms",
        ours=lambda: sides["ours"].map(length),
        theirs=lambda: sides["theirs"].map(length),
    )

    from transformers import PreTrainedTokenizerFast

    repo = open_repo("bearhug/storyteller")
    tokenizers = {
        "ours": AutoTokenizer.from_pretrained("bearhug/storyteller"),
        "theirs": PreTrainedTokenizerFast(tokenizer_file=str(repo.path("tokenizer.json"))),
    }
    for cut in ({}, {"truncation": True, "max_length": 32}):
        compare(
            f"map, tokenizing in batches {cut or ''}",
            lambda ds, name, cut=cut: ds.map(
                lambda batch: tokenizers[name](batch["text"], **cut), batched=True, load_from_cache_file=False
            ),
        )
