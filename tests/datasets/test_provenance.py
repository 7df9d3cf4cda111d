"""Each row says which file and row it comes from, whatever is done with it."""

import os

import pytest

import bearhug.datasets as ours


@pytest.fixture
def stored(tmp_path):
    ours.Dataset.from_dict({"n": list(range(20)), "t": [["x"]] * 20}).save_to_disk(tmp_path / "data", num_shards=2)
    return ours.load_from_disk(tmp_path / "data")


def seen(ds):
    return [row and (os.path.basename(row["file"]), row["row"], row["rows"]) for row in ds["provenance"][:]]


def where(n):
    return (f"data-0000{n // 10}-of-00002.arrow", n % 10, 1)


def test_rows_of_files_that_are_chosen_joined_and_sorted(stored):
    chosen = stored.select(range(5, 18)).shuffle(seed=1)
    joined = ours.concatenate_datasets([stored.select([3]), stored.select(range(12, 14))])

    for ds in (stored, chosen, joined, stored.cast_column("n", ours.Value("int32"))):
        assert seen(ds.with_provenance()) == [where(n) for n in ds["n"][:]]
    assert seen(stored.with_provenance().sort("n", reverse=True).filter(lambda row: row["n"] > 9)) == [
        where(n) for n in range(19, 9, -1)
    ]


@pytest.mark.parametrize("processes", [None, 2])
def test_map_and_filter_carry_it(stored, processes):
    ds = stored.with_provenance()
    removed = {"remove_columns": ds.column_names, "num_proc": processes}

    rows = ds.map(lambda row: {"m": row["n"]}, **removed)
    batches = ds.map(lambda batch: {"m": batch["n"]}, batched=True, batch_size=4, **removed)
    kept = rows.filter(lambda row: row["m"] % 3 == 0, num_proc=processes)

    for one in (rows, batches, kept):
        assert seen(one) == [where(n) for n in one["m"][:]]
    assert kept.num_rows == 7


def test_another_number_of_rows(stored):
    ds = stored.with_provenance().select_columns(["n", "provenance"])

    def twice(batch):
        return {"m": [n for n in batch["n"] for _ in range(2)]}

    def overflow(batch):
        places = [i for i in range(len(batch["n"])) for _ in range(2)]
        return {"m": [batch["n"][i] for i in places], "overflow_to_sample_mapping": places}

    options = {"batched": True, "remove_columns": ds.column_names}
    single = ds.map(twice, batch_size=1, **options)
    mapped = ds.map(overflow, batch_size=7, **options)
    four = ds.map(twice, batch_size=4, **options)

    assert seen(single) == seen(mapped) == [where(n) for n in range(20) for _ in range(2)]
    assert seen(four)[:8] == [("data-00000-of-00002.arrow", 0, 4)] * 8
    assert seen(four)[16:24] == [None] * 8  # rows 8 to 11 stand in two files


def test_rows_in_memory_and_a_column_of_that_name():
    ds = ours.Dataset.from_dict({"n": [5, 6, 7]})

    assert ds.select([2, 0]).with_provenance()["provenance"][:] == [
        {"file": None, "row": 2, "rows": 1},
        {"file": None, "row": 0, "rows": 1},
    ]
    with pytest.raises(ValueError, match="rename_column"):
        ours.Dataset.from_dict({"provenance": [1]}).with_provenance()
