"""map and filter on a Ray cluster give what they give here; the cluster is a local one, started for these tests."""

import os

import pytest

import bearhug.datasets as ours

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'bearhug[ray]'")
pytestmark = pytest.mark.filterwarnings("ignore")  # ray's own


@pytest.fixture(scope="module", autouse=True)
def cluster(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))  # it keeps a token there
        patch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
        yield
        ray.shutdown()


@pytest.fixture
def stored(tmp_path):
    data = {"n": list(range(5000)), "text": [f"row {i}" for i in range(5000)]}
    ours.Dataset.from_dict(data).save_to_disk(tmp_path / "data")
    return ours.load_from_disk(tmp_path / "data")


def test_a_cluster_gives_the_same_rows_and_finds_the_same_file(stored):
    k = 3

    def scaled(row, i):
        return {"m": row["n"] * k, "i": i}

    far = stored.map(scaled, with_indices=True, engine="ray")
    assert far["m"][:] == [3 * n for n in range(5000)]
    assert far["i"][:] == list(range(5000))

    here = stored.map(scaled, with_indices=True)
    assert here.cache_files == far.cache_files


def test_batches_and_filters(stored):
    batched = {"batched": True, "batch_size": 300, "drop_last_batch": True, "remove_columns": ["n", "text"]}
    chosen = stored.select(range(4000, 0, -3))

    far = chosen.map(lambda batch: {"size": [len(batch["n"])]}, engine="ray", num_proc=2, **batched)
    kept = chosen.filter(lambda row, i: row["n"] % 7 == 0 and i > 4, with_indices=True, engine="ray")

    assert far["size"][:] == [300] * 4
    assert kept["n"][:] == [n for i, n in enumerate(range(4000, 0, -3)) if n % 7 == 0 and i > 4]


def test_an_error_names_the_row(stored):
    with pytest.raises(ZeroDivisionError) as caught:
        stored.map(lambda row: {"m": 1 / (row["n"] - 3210)}, engine="ray")

    assert "failed at row 3210" in caught.value.__notes__[0]


def test_a_task_that_dies_names_its_rows(stored):
    with pytest.raises(RuntimeError, match="rows 4000 to 4999 was lost"):
        stored.map(lambda row: os._exit(3) if row["n"] == 4321 else {"m": 1}, engine="ray")


def test_an_engine_that_is_not_known():
    with pytest.raises(ValueError, match="engine='dask'"):
        ours.Dataset.from_dict({"n": [1]}).map(lambda row: row, engine="dask")
