"""kill -9 at random moments: no half-made file is taken for whole, and the work goes on where it stopped.

BEARHUG_KILLS says how often each kind of work is killed (5 where it is not set).
"""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import pytest

import bearhug.datasets as ours
from bearhug.datasets.table import read_arrow

KILLS = int(os.environ.get("BEARHUG_KILLS", "5"))
ROWS, PIECE = 600, 20
SCRIPT = textwrap.dedent(
    """
    import os, sys, time
    import bearhug.datasets as D
    from bearhug.datasets import writer
    folder, work = sys.argv[1:]
    writer.NOTE_EVERY = 0.01
    ds = D.load_from_disk(folder + "/data")

    def called(row):
        with open(folder + "/calls", "ab", buffering=0) as file:
            file.write(b"x")
        time.sleep(0.0005)

    def double(row):
        called(row)
        return {"m": row["n"] * 2 if row["n"] > 250 else None}

    def odd(row):
        called(row)
        return row["n"] % 2 == 1

    print("ready", flush=True)
    if work == "map":
        out = ds.map(double, writer_batch_size=20)
    if work == "processes":
        out = ds.map(double, writer_batch_size=20, num_proc=2)
    if work == "filter":
        out = ds.filter(odd, writer_batch_size=20)
    if work == "save":
        for i in range(30):
            ds.save_to_disk(folder + "/saved", num_shards=10)
    elif work == "push":
        for i in range(30):
            ds.map(lambda row: {"round": i}).push_to_hub("bear/killed", num_shards=4)
    else:
        print(out.cache_files[-1]["filename"], flush=True)
    """
)


def run(folder, work, seconds=None):
    """The script to its end, or killed so long after it began; whether it ended by itself."""
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder), work], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"ready\n"
        if seconds is not None:
            time.sleep(seconds)
            process.kill()
        code = process.wait(60)
        assert code in (0, -signal.SIGKILL)
        return code == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def folder(tmp_path):
    ours.Dataset.from_dict({"n": list(range(ROWS))}).save_to_disk(tmp_path / "data")
    (tmp_path / "calls").touch()
    return tmp_path


@pytest.mark.parametrize("work", ["map", "processes", "filter"])
def test_work_goes_on_where_it_was_killed(folder, work):
    """Each kill costs at most the pieces that no note was made of, in each process."""
    rng = random.Random(work)
    killed, visible = 0, {"data-00000-of-00001.arrow", "dataset_info.json", "state.json"}
    for _ in range(KILLS):
        killed += not run(folder, work, rng.uniform(0.02, 0.25))
        for path in (folder / "data").iterdir():
            if path.name not in visible and not path.name.startswith("."):
                read_arrow(path)  # what has its name is whole
    assert run(folder, work)
    calls = (folder / "calls").stat().st_size

    ds = ours.load_from_disk(folder / "data")
    if work == "filter":
        out = read_arrow(next((folder / "data").glob("cache-*.arrow")))[0]
        assert out.column(0).to_pylist() == list(range(1, ROWS, 2))
    else:
        parts = [ours.Dataset.from_file(str(path)) for path in sorted((folder / "data").glob("cache-*.arrow"))]
        joined = [value for part in parts for value in part["m"][:]]
        assert joined == [n * 2 if n > 250 else None for n in range(ROWS)]
    assert ds["n"][:] == list(range(ROWS))
    assert not [path.name for path in (folder / "data").iterdir() if path.name.startswith(".cache")]
    assert ROWS <= calls <= ROWS + killed * 6 * PIECE


def test_a_saved_folder_is_whole_or_not_there(folder):
    rng = random.Random(0)
    for _ in range(KILLS):
        run(folder, "save", rng.uniform(0.02, 0.4))
        if (folder / "saved").exists():
            assert ours.load_from_disk(folder / "saved")["n"][:] == list(range(ROWS))
    assert run(folder, "save")

    assert ours.load_from_disk(folder / "saved")["n"][:] == list(range(ROWS))
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".saved.half")]


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_pushed_data_set_is_one_push_or_another(folder, monkeypatch):
    """What the hub shows is whole at any time: all files of one commit."""
    from bearhug.hub.server import local

    rng = random.Random(0)
    with local() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_TOKEN", hub.token)
        monkeypatch.setenv("HF_DATASETS_CACHE", str(folder / "cache"))
        ours.load_from_disk(folder / "data").add_column("round", [-1] * ROWS).push_to_hub("bear/killed")
        for _ in range(KILLS):
            run(folder, "push", rng.uniform(0.1, 1.5))
            seen = ours.load_dataset("bear/killed", split="train")

            assert seen["n"][:] == list(range(ROWS))
            assert len(set(seen["round"][:])) == 1
