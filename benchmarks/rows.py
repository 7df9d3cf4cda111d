"""How fast do rows of a data set come out, as tensors and as Python? Limit: copying a row's bytes out of numpy."""

import os
import tempfile

os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")

import numpy as np
import torch

import bearhug.datasets as ours
import datasets as reference
from paired import paired

ROWS, TOKENS = 20_000, 64
COLUMNS = ["input_ids", "attention_mask", "label"]


def make(library, folder):
    rng = np.random.default_rng(0)
    data = {
        "input_ids": rng.integers(0, 30_000, size=(ROWS, TOKENS)).tolist(),
        "attention_mask": [[1] * TOKENS] * ROWS,
        "label": rng.integers(0, 2, size=ROWS).tolist(),
        "text": [f"row {i} " * 10 for i in range(ROWS)],
    }
    library.Dataset.from_dict(data).save_to_disk(folder)
    return library.load_from_disk(folder)


with tempfile.TemporaryDirectory() as folder:
    sides = {"ours": make(ours, f"{folder}/ours"), "theirs": make(reference, f"{folder}/theirs")}
    tensors = {name: ds.with_format("torch", columns=COLUMNS) for name, ds in sides.items()}
    plain = {name: ds.select_columns(["label", "text"]) for name, ds in sides.items()}
    shuffled = {name: ds.shuffle(seed=0) for name, ds in plain.items()}
    some = np.random.default_rng(1).permutation(ROWS)[:1000].tolist()

    flat = np.random.default_rng(0).integers(0, 30_000, size=(ROWS, TOKENS)).astype(np.int32)

    def limit(calls=2000):
        from time import perf_counter

        start = perf_counter()
        for i in range(calls):
            flat[i].astype(np.int64)
            flat[i].astype(np.int64)
        return (perf_counter() - start) / calls * 1e6

    def compare(question, sides, call, *, unit="us", work=1000, limit=None, rounds=5):
        ours, theirs = (lambda side=side: call(side) for side in (sides["ours"], sides["theirs"]))
        paired(question, unit=unit, work=work, limit=limit, rounds=rounds, ours=ours, theirs=theirs)

    compare("a row as torch tensors", tensors, lambda ds: [ds[i] for i in some], limit=limit())
    compare(
        "a row of a slice of 16, torch", tensors, lambda ds: [ds[i : i + 16] for i in range(0, 1600, 16)], work=1600
    )
    compare(
        "a row of 16 at random, torch", tensors, lambda ds: [ds[some[i : i + 16]] for i in range(0, 992, 16)], work=992
    )
    compare("a row in Python", plain, lambda ds: [ds[i] for i in some])
    compare("1,000 rows by a list", plain, lambda ds: ds[some], unit="rows/s")
    compare("iterating", plain, lambda ds: sum(1 for _ in ds), unit="rows/s", work=ROWS, rounds=3)
    compare(
        "iterating shuffled",
        shuffled,
        lambda ds: sum(1 for _ in ds.select(range(2000))),
        unit="rows/s",
        work=2000,
        rounds=3,
    )
    for workers in (0, 2):
        compare(
            f"a DataLoader with {workers} workers",
            tensors,
            lambda ds, workers=workers: sum(
                1 for _ in torch.utils.data.DataLoader(ds, batch_size=16, num_workers=workers)
            ),
            unit="rows/s",
            work=ROWS,
            rounds=3,
        )
