"""How fast do rows stream from files, and into a DataLoader? Limit: pyarrow reads the file and makes Python rows."""

import gzip
import json
import os
import tempfile
from pathlib import Path

os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")

import numpy as np
import pyarrow as pa
import pyarrow.json as pa_json
import pyarrow.parquet as pq
from torch.utils.data import DataLoader

import bearhug.datasets as ours
import datasets as reference
from paired import paired

ROWS = 60_000
WORDS = [f"word{i}" for i in range(3000)]


def more(row):
    return {"length": len(row["text"])}


def count(rows):
    return sum(1 for _ in rows)


def write(folder):
    rng = np.random.default_rng(0)
    texts = [" ".join(WORDS[i] for i in picks) for picks in rng.integers(0, len(WORDS), size=(ROWS, 25))]
    labels = rng.integers(0, 5, size=ROWS).tolist()
    pq.write_table(pa.table({"text": texts, "label": labels}), folder / "a.parquet")
    with gzip.open(folder / "a.jsonl.gz", "wt", compresslevel=5) as file:
        file.writelines(json.dumps({"text": t, "label": n}) + "\n" for t, n in zip(texts, labels, strict=True))
    ids = rng.integers(0, 30_000, size=(ROWS, 32)).tolist()
    pq.write_table(pa.table({"input_ids": ids, "label": labels}), folder / "ids.parquet")


def limit(read):
    from time import process_time

    start = process_time()
    rows = sum(len(batch.to_pylist()) for batch in read())
    return rows / (process_time() - start)


with tempfile.TemporaryDirectory() as temporary:
    folder = Path(temporary)
    write(folder)

    def compare(question, kind, file, use, *, rounds=3, floor=None, clock="cpu"):
        def side(library):
            stream = library.load_dataset(kind, data_files=str(folder / file), split="train", streaming=True)
            return lambda: use(stream)

        paired(
            question, unit="rows/s", work=ROWS, clock=clock, rounds=rounds, limit=floor, ours=side(ours),
            theirs=side(reference),
        )  # fmt: skip

    compare(
        "jsonl.gz",
        "json",
        "a.jsonl.gz",
        count,
        floor=limit(lambda: pa_json.read_json(gzip.open(folder / "a.jsonl.gz")).to_batches(1000)),
    )
    compare("parquet", "parquet", "a.parquet", count, floor=limit(pq.ParquetFile(folder / "a.parquet").iter_batches))
    compare("parquet, map, shuffle", "parquet", "a.parquet", lambda s: count(s.map(more).shuffle(seed=0)))
    compare("parquet, shuffle, map", "parquet", "a.parquet", lambda s: count(s.shuffle(seed=0).map(more)))
    for workers in (0, 2):
        compare(
            f"DataLoader, torch, {workers} workers",
            "parquet",
            "ids.parquet",
            lambda s, workers=workers: count(DataLoader(s.with_format("torch"), batch_size=32, num_workers=workers)),
            clock="cpu" if not workers else "wall",
        )
