"""How fast are files turned into rows on disk, and opened again? CPU time; limit: copying the file's bytes."""

import csv
import json
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pyarrow as pa
import pyarrow.parquet as pq

import bearhug.datasets as ours
import datasets as reference
from paired import bandwidth, paired

MEGABYTES = int(sys.argv[1]) if len(sys.argv) > 1 else 50


def write(folder: Path) -> dict[str, Path]:
    rng = random.Random(0)
    words = [f"word{i}" for i in range(2000)]
    count = MEGABYTES * 1_000_000 // 300
    rows = [
        {
            "id": i,
            "text": " ".join(rng.choices(words, k=32)),
            "score": round(rng.random(), 6),
            "label": rng.randint(0, 3),
        }
        for i in range(count)
    ]
    files = {kind: folder / f"data.{kind}" for kind in ("csv", "jsonl", "parquet", "txt")}
    with open(files["csv"], "w", newline="") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    files["jsonl"].write_text("".join(json.dumps(row) + "\n" for row in rows))
    files["txt"].write_text("".join(row["text"] + "\n" for row in rows))
    pq.write_table(pa.Table.from_pylist(rows), files["parquet"])
    return files


def load(library, kind, path, cache, fresh):
    if fresh:
        shutil.rmtree(cache, ignore_errors=True)
    return library.load_dataset(kind, data_files=str(path), cache_dir=str(cache), split="train")


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    limit = bandwidth() / 1e6
    for ending, path in write(folder).items():
        kind = {"jsonl": "json", "txt": "text"}.get(ending, ending)
        size = path.stat().st_size / 1e6
        for clock in ("cpu", "wall"):
            paired(
                f"{ending}, cold",
                unit="MB/s",
                work=size,
                limit=limit,
                rounds=3,
                clock=clock,
                ours=lambda kind=kind, path=path: load(ours, kind, path, folder / "ours", True),
                theirs=lambda kind=kind, path=path: load(reference, kind, path, folder / "theirs", True),
            )
        paired(
            f"{ending}, cached",
            unit="ms",
            ours=lambda kind=kind, path=path: load(ours, kind, path, folder / "ours", False),
            theirs=lambda kind=kind, path=path: load(reference, kind, path, folder / "theirs", False),
        )
    dataset = {
        side: load(lib, "csv", folder / "data.csv", folder / side, False)
        for side, lib in (("ours", ours), ("theirs", reference))
    }
    for side in dataset:
        dataset[side].save_to_disk(folder / f"saved-{side}")
    size = sum(path.stat().st_size for path in (folder / "saved-ours").iterdir()) / 1e6
    paired(
        "save_to_disk",
        unit="MB/s",
        work=size,
        limit=limit,
        rounds=3,
        ours=lambda: dataset["ours"].save_to_disk(folder / "again-ours"),
        theirs=lambda: dataset["theirs"].save_to_disk(folder / "again-theirs"),
    )
    paired(
        "load_from_disk",
        unit="ms",
        ours=lambda: ours.load_from_disk(folder / "saved-ours"),
        theirs=lambda: reference.load_from_disk(folder / "saved-theirs"),
    )
