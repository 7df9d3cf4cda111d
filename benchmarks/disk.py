"""How fast is a data set saved, and opened again? Limit of saving: pyarrow writing the same table into one file."""

import shutil
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa

import bearhug
import datasets
from paired import paired


def bare(table: pa.Table, path: Path) -> float:
    """MB of CPU time's second that pyarrow itself writes."""
    start = time.process_time()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return table.nbytes / 1e6 / (time.process_time() - start)


def main(megabytes: int = 50) -> None:
    datasets.disable_progress_bars()
    rows = megabytes * 3000
    columns = {
        "text": [f"{i:>6} " + "words and words " * 19 for i in range(rows)],
        "label": [i % 5 for i in range(rows)],
        "vector": [[float(i), 1.0] for i in range(rows)],
    }
    folder = Path(tempfile.mkdtemp(prefix="bearhug-bench-"))
    try:
        sides = {"ours": bearhug.Dataset.from_dict(columns), "theirs": datasets.Dataset.from_dict(columns)}
        for name, one in sides.items():
            one.save_to_disk(folder / name)
        own, other = bearhug.load_from_disk(folder / "ours"), datasets.load_from_disk(str(folder / "theirs"))
        size = own.data.nbytes / 1e6
        for what, mine, yours in (
            ("save", own, other),
            ("save, shuffled", own.shuffle(seed=1), other.shuffle(seed=1)),
        ):
            paired(
                f"{what} {size:.0f} MB",
                unit="MB/s",
                work=size,
                ours=lambda mine=mine: mine.save_to_disk(folder / "again-ours"),
                theirs=lambda yours=yours: yours.save_to_disk(str(folder / "again-theirs")),
                limit=bare(own.with_format("arrow")[:], folder / "bare.arrow"),
                rounds=5,
                clock="cpu",
            )
        paired(
            "load",
            unit="ms",
            work=50,
            ours=lambda: [bearhug.load_from_disk(folder / "ours") for _ in range(50)],
            theirs=lambda: [datasets.load_from_disk(str(folder / "theirs")) for _ in range(50)],
            rounds=5,
            clock="cpu",
        )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
