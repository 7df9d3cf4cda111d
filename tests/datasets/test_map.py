"""map and filter: what functions are given, what becomes of what they return, how errors speak, processes, caching."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pyarrow as pa
import pytest
import torch

import bearhug.datasets as ours
from dataset_parity import check

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


NAMES = ["text", "n", "ids", "meta"]


def make(D, rows=5):
    return D.Dataset.from_dict(
        {
            "text": [f"row {i}" for i in range(rows)],
            "n": list(range(rows)),
            "ids": [list(range(i)) for i in range(rows)],
            "meta": [{"a": i, "b": str(i)} for i in range(rows)],
        }
    )


def change_in_place(row):
    row["n"] = row["n"] + 1
    return row


def drop_in_place(row):
    del row["ids"]
    return row


def change_inside(row):
    row["ids"].append(7)
    return row


def change_inside_and_return_other(row):
    row["ids"].append(7)
    return {"z": 1}


@pytest.mark.reference
@pytest.mark.parametrize(
    "do",
    [
        lambda ds: ds.map(lambda r: {"m": r["n"] * 2}),
        lambda ds: ds.map(change_in_place),
        lambda ds: ds.map(drop_in_place),
        lambda ds: ds.map(change_inside),
        lambda ds: ds.map(change_inside_and_return_other),
        lambda ds: ds.map(lambda r: {**r, "m": 1}),
        lambda ds: ds.map(lambda r: dict(r)),
        lambda ds: ds.map(lambda r: r | {"m": 1}),
        lambda ds: ds.map(lambda r: {"text": r["text"].upper()}),
        lambda ds: ds.map(lambda r: {"n": str(r["n"])}),
        lambda ds: ds.map(lambda r: {"n": "x" + str(r["n"])}),
        lambda ds: ds.map(lambda r: {"n": r["n"] + 0.5}),
        lambda ds: ds.map(lambda r: {"n": None}),
        lambda ds: ds.map(lambda r: {"n": None if r["n"] == 0 else r["n"]}),
        lambda ds: ds.map(lambda r: {"new": None}),
        lambda ds: ds.map(lambda r: {"n": [r["n"]]}),
        lambda ds: ds.map(lambda r: {"m": {"x": r["n"], "y": [r["text"]]}}),
        lambda ds: ds.map(lambda r: {"meta": {"a": 5}}),
        lambda ds: ds.map(lambda r: {"m": np.arange(r["n"])}),
        lambda ds: ds.map(lambda r: {"m": np.ones((2, 2))}),
        lambda ds: ds.map(lambda r: {"m": torch.tensor([r["n"]])}),
        lambda ds: ds.map(lambda r: {"m": np.int8(r["n"])}),
        lambda ds: ds.map(lambda r: {"m": (1, 2)}),
        lambda ds: ds.map(lambda r: None),
        lambda ds: ds.map(lambda r: {}),
        lambda ds: ds.map(None),
        lambda ds: ds.map(lambda r: 5),
        lambda ds: ds.map(lambda r: [1]),
        lambda ds: ds.map(lambda r, i: {"i": i}, with_indices=True),
        lambda ds: ds.map(lambda r, i, k: {"i": i, "k": k}, with_indices=True, with_rank=True),
        lambda ds: ds.map(lambda r, k: {"k": k}, with_rank=True),
        lambda ds: ds.map(lambda n, t: {"m": f"{n}{t}"}, input_columns=["n", "text"]),
        lambda ds: ds.map(lambda n: {"n": n + 1}, input_columns="n"),
        lambda ds: ds.map(lambda n: {"n": n + 1}, input_columns="nope"),
        lambda ds: ds.map(lambda r: {"m": 1}, remove_columns=["text", "n"]),
        lambda ds: ds.map(lambda r: {"n": 1}, remove_columns="n"),
        lambda ds: ds.map(change_in_place, remove_columns="n"),
        lambda ds: ds.map(lambda r: {"m": 1}, remove_columns=["nope"]),
        lambda ds: ds.map(lambda r: {"m": 1}, remove_columns=ds.column_names),
        lambda ds: ds.map(lambda r, add: {"n": r["n"] + add}, fn_kwargs={"add": 10}),
        lambda ds: ds.map(lambda r: {"m": r["n"]}, keep_in_memory=True),
        lambda ds: ds.select([3, 1]).map(lambda r, i: {"i": i}, with_indices=True),
        lambda ds: ds.map(lambda r: {"n": r["n"]}, try_original_type=False),
        lambda ds: ds.map(lambda r: {"input_ids": [r["n"]], "attention_mask": [1]}),
        lambda ds: ds.map(lambda r: {"m": 1 if r["n"] < 2 else "x"}),
        lambda ds: ds.map(lambda r: {"m": {"a": 1} if r["n"] < 2 else {"b": 2}}),
        lambda ds: ds.map(lambda r: pa.table({"n": [1], "q": [2]})),
        lambda ds: ds.map(lambda r: 1 / 0),
        lambda ds: ds.map(lambda r: r["nope"]),
        lambda ds: ds.map(lambda r: r, num_proc=-1),
        lambda ds: ds.map(lambda r: r, suffix_template="x"),
        lambda ds: ds.map(lambda r: r, keep_in_memory=True, cache_file_name="x"),
    ],
)  # fmt: skip
def test_a_function_of_a_row(do):
    check(lambda D: do(make(D)))


@pytest.mark.reference
@pytest.mark.parametrize(
    "do",
    [
        lambda ds: ds.map(lambda b: {"m": [n * 2 for n in b["n"]]}, batched=True),
        lambda ds: ds.map(lambda b: {"m": [n * 2 for n in b["n"]]}, batched=True, batch_size=2),
        lambda ds: ds.map(lambda b: {"m": [len(b["n"])] * len(b["n"])}, batched=True, batch_size=2,
        drop_last_batch=True), lambda ds: ds.map(lambda b: {"m": [len(b["n"])] * len(b["n"])}, batched=True,
        batch_size=None), lambda ds: ds.map(lambda b: {"m": [len(b["n"])] * len(b["n"])}, batched=True, batch_size=0),
        lambda ds: ds.map(lambda b, i: {"i": i}, batched=True, batch_size=2, with_indices=True),
        lambda ds: ds.map(lambda b: {"n": [1, 2, 3]}, batched=True, remove_columns=ds.column_names),
        lambda ds: ds.map(lambda b: {"n": []}, batched=True, remove_columns=ds.column_names),
        lambda ds: ds.map(lambda b: {"m": [1, 2, 3]}, batched=True),
        lambda ds: ds.map(lambda b: {"m": [1, 2], "q": [1]}, batched=True, remove_columns=ds.column_names),
        lambda ds: ds.map(lambda b: {"m": 5}, batched=True),
        lambda ds: ds.map(lambda b: {"m": "abcde"}, batched=True),
        lambda ds: ds.map(lambda b: {"m": np.array(b["n"])}, batched=True),
        lambda ds: ds.map(lambda b: {"m": np.ones((len(b["n"]), 2))}, batched=True),
        lambda ds: ds.map(lambda b: {"m": torch.tensor(b["n"])}, batched=True),
        lambda ds: ds.map(lambda b: {"m": torch.ones(len(b["n"]), 2)}, batched=True),
        lambda ds: ds.map(lambda b: {"n": [str(n) for n in b["n"]]}, batched=True),
        lambda ds: ds.map(lambda b: b, batched=True),
        lambda ds: ds.map(lambda b: None, batched=True),
        lambda ds: ds.map(lambda b: {k: v[:] for k, v in b.items()}, batched=True),
        lambda ds: ds.map(lambda b: {**b}, batched=True),
        lambda ds: ds.map(lambda b: dict(b), batched=True),
        lambda ds: ds.map(lambda b: {"keys": [list(b), list(b.keys())] + [None] * (len(b["n"]) - 2)}, batched=True),
        lambda ds: ds.map(lambda b: {"m": [b.get("nope", 3)] * len(b["n"])}, batched=True),
        lambda ds: ds.map(lambda n, t: {"m": [*map(str, n)], "k": t}, batched=True, input_columns=["n", "text"]),
        lambda ds: ds.map(lambda b: pa.table({"z": [1, 2]}), batched=True),
        lambda ds: ds.map(lambda b: [1], batched=True),
        lambda ds: ds.map(lambda b: {"text": b["text"], "n": b["n"]}, batched=True, remove_columns=["text", "ids"]),
        lambda ds: ds.map(lambda b: b, batched=True, remove_columns=["text", "ids"]),
        lambda ds: ds.map(lambda b: {"ids": [x[:1] for x in b["ids"]]}, batched=True, batch_size=2),
    ],
)  # fmt: skip
def test_a_function_of_a_batch(do):
    check(lambda D: do(make(D)))


@pytest.mark.reference
@pytest.mark.parametrize("kind", ["numpy", "torch", "pandas", "arrow"])
def test_a_function_is_given_the_data_sets_format(kind):
    def seen(row):
        return {"seen": type(row["n"]).__name__}

    def batch(table):
        return {"count": [len(table["n"])] * len(table["n"])}

    names = ["text", "n", "ids"]
    if kind in ("numpy", "torch"):
        check(lambda D: make(D).select_columns(names).with_format(kind).map(seen))
    check(lambda D: make(D).select_columns(names).with_format(kind).map(batch, batched=True))
    check(lambda D: make(D).select_columns(names).with_format(kind).map(batch, batched=True).format)


@pytest.mark.reference
@pytest.mark.parametrize(
    "what",
    [
        lambda D: (lambda r: {"n": r["n"]}, {"n": D.Value("int8")}, []),
        lambda D: (lambda r: {"y": "b"}, {"y": D.ClassLabel(names=["a", "b"])}, []),
        lambda D: (lambda r: {"y": 1}, {"y": D.Value("string")}, NAMES),
        lambda D: (lambda r: {"y": "x"}, {"y": D.Value("int32")}, NAMES),
        lambda D: (lambda r: {"y": 1}, {"z": D.Value("int32")}, NAMES),
        lambda D: (lambda r: {"y": [[1.0]]}, {"y": D.Array2D((1, 1), "float32")}, NAMES),
    ],
)
def test_features_of_the_result(what):
    def do(D):
        function, features, removed = what(D)
        ds = make(D)
        kept = {name: one for name, one in ds.features.items() if name not in removed}
        return ds.map(function, features=D.Features({**kept, **features}), remove_columns=removed)

    check(do)


@pytest.mark.reference
@pytest.mark.parametrize(
    "do",
    [
        lambda ds: ds.filter(lambda r: r["n"] % 2 == 0),
        lambda ds: ds.filter(lambda r: True),
        lambda ds: ds.filter(lambda r: False),
        lambda ds: ds.filter(lambda r: r["n"]),
        lambda ds: ds.filter(lambda r: None),
        lambda ds: ds.filter(lambda r, i: i > 2, with_indices=True),
        lambda ds: ds.filter(lambda b: [n > 1 for n in b["n"]], batched=True),
        lambda ds: ds.filter(lambda b: np.array(b["n"]) > 1, batched=True, batch_size=2),
        lambda ds: ds.filter(lambda n: n > 1, input_columns="n"),
        lambda ds: ds.filter(lambda n, t: n > 1 and t, input_columns=["n", "text"]),
        lambda ds: ds.filter(lambda r, low: r["n"] > low, fn_kwargs={"low": 2}),
        lambda ds: ds.filter(None),
        lambda ds: ds.filter(lambda r: 1 / 0),
        lambda ds: ds.filter(lambda r: r["nope"]),
        lambda ds: ds.select([4, 2, 0]).filter(lambda r: r["n"] > 1),
        lambda ds: ds.select([4, 2, 0]).filter(lambda r, i: i > 0, with_indices=True),
        lambda ds: ds.filter(lambda r: r["n"] > 1).filter(lambda r: r["n"] < 4).map(change_in_place),
        lambda ds: ds.with_format("numpy").filter(lambda r: r["n"] > 2),
        lambda ds: ds.with_format("numpy").filter(lambda b: b["n"] > 2, batched=True),
    ],
)
def test_filter(do):
    check(lambda D: do(make(D)))


def test_a_column_that_was_null_takes_the_type_that_comes_later():
    ds = make(ours, 3000)

    out = ds.map(lambda r: {"m": None if r["n"] < 2500 else "x", "f": 1 if r["n"] < 1500 else 1.5})

    assert out.features["m"] == ours.Value("string")
    assert out.features["f"] == ours.Value("float64")
    assert out["m"][2499:2501] == [None, "x"]
    assert out["f"][1499:1501] == [1.0, 1.5]


def test_types_that_do_not_meet_are_named():
    ds = make(ours, 3000)

    with pytest.raises(TypeError, match=r"'m' \(rows 2000 to 2999\) holds .*string.*int64"):
        ds.map(lambda r: {"m": 1 if r["n"] < 2000 else "x"}, on_mixed_types=None)


@pytest.mark.parametrize("first", [True, False])
def test_rows_with_different_columns_are_named(first):
    with pytest.raises(KeyError, match=r"'m'.* row 2"):
        make(ours).map(lambda r: {"m": 1} if (r["n"] < 2) == first else {})


def test_an_error_names_the_function_and_the_row():
    def tokenize(row):
        return {"m": 1 / (row["n"] - 3)}

    with pytest.raises(ZeroDivisionError) as caught:
        make(ours).map(tokenize)

    assert "tokenize() failed at row 3" in caught.value.__notes__[0]


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_processes_keep_order_and_count(processes):
    ds = make(ours, 100)

    out = ds.map(lambda r, i, k: {"i": i, "k": k}, with_indices=True, with_rank=True, num_proc=processes)

    assert out["i"][:] == list(range(100))
    assert out["text"][:] == ds["text"][:]
    assert sorted(set(out["k"])) == list(range(processes))
    assert ds.filter(lambda r: r["n"] % 7 == 0, num_proc=processes)["n"][:] == list(range(0, 100, 7))


@pytest.mark.reference
def test_processes_give_the_references_result():
    check(lambda D: make(D, 10).map(change_in_place, num_proc=2))
    check(lambda D: make(D, 10).filter(lambda r: r["n"] > 3, num_proc=2))
    check(
        lambda D: make(D, 10).map(lambda b: {"m": [len(b["n"])] * len(b["n"])}, batched=True, batch_size=3, num_proc=2)
    )


def test_an_error_in_a_process_is_raised_here_with_its_row():
    def bad(row):
        return {"m": 1 / (row["n"] - 77)}

    with pytest.raises(ZeroDivisionError) as caught:
        make(ours, 100).map(bad, num_proc=2)

    assert any("bad() failed at row 77" in note for note in caught.value.__notes__)


def test_a_process_that_dies_is_reported_and_nothing_hangs():
    def die(row):
        os._exit(9) if row["n"] == 60 else None
        return {"m": 1}

    with pytest.raises(RuntimeError, match=r"rows 50 to 99.*code 9"):
        make(ours, 100).map(die, num_proc=2)


def test_an_unpicklable_error_still_arrives():
    class Odd(Exception):
        def __init__(self, a, b):
            super().__init__(f"{a}{b}")

    def bad(row):
        raise Odd(1, 2)

    with pytest.raises(RuntimeError, match="Odd: 12"):
        make(ours, 10).map(bad, num_proc=2)


@pytest.fixture
def stored(tmp_path):
    make(ours, 50).save_to_disk(tmp_path / "data")
    return ours.load_from_disk(tmp_path / "data")


def counting(calls):
    """A function whose calls can be counted although it closes over nothing but a path."""

    def double(row):
        with open(calls, "a") as file:
            file.write("x")
        return {"m": row["n"] * 2}

    return double


def test_the_same_function_is_not_run_again(stored, tmp_path):
    calls = tmp_path / "calls"
    first = stored.map(counting(str(calls)))
    again = ours.load_from_disk(tmp_path / "data").map(counting(str(calls)))

    assert calls.read_text() == "x" * 50
    assert again.to_dict() == first.to_dict()
    assert again.cache_files == first.cache_files
    assert again._fingerprint == first._fingerprint

    stored.map(counting(str(calls)), load_from_cache_file=False)
    assert calls.read_text() == "x" * 100


def test_filter_sort_and_processes_find_their_results(stored, tmp_path):
    calls = tmp_path / "calls"
    double = counting(str(calls))
    for _ in range(2):
        assert stored.map(double, num_proc=2)["m"][:] == list(range(0, 100, 2))
        assert stored.filter(lambda r: double(r)["m"] > 50)["n"][:] == list(range(26, 50))

    assert calls.read_text() == "x" * 100


def test_another_function_has_another_result(stored):
    def scaled(by):
        return lambda row: {"m": row["n"] * by}

    assert stored.map(scaled(2))["m"][3] == 6
    assert stored.map(scaled(3))["m"][3] == 9
    assert stored.map(lambda row: {"m": row["n"] + 1})["m"][3] == 4
    assert stored.map(lambda row: {"m": row["n"] + 2})["m"][3] == 5
    assert stored.select(range(10)).map(scaled(2))["m"][:] == list(range(0, 20, 2))


def test_a_result_without_a_key_is_computed_each_time_and_that_is_said(stored, tmp_path, caplog):
    import threading

    lock, calls = threading.Lock(), tmp_path / "calls"
    double = counting(str(calls))

    def locked(row):
        with lock:
            return double(row)

    first = stored.map(locked)
    stored.map(locked)

    assert calls.read_text() == "x" * 100
    assert first["m"][2] == 4
    (said,) = {record.getMessage() for record in caplog.records}
    assert "locked() closes over 'lock'" in said
    assert "\n" not in said


def test_a_broken_map_leaves_nothing(stored, tmp_path):
    before = sorted(path.name for path in (tmp_path / "data").iterdir())

    def bad(row):
        return {"m": 1 / (row["n"] - 40)}

    for processes in (None, 2):
        with pytest.raises(ZeroDivisionError):
            stored.map(bad, num_proc=processes)
    left = [path.name for path in (tmp_path / "data").iterdir() if "_00000_of_" not in path.name]

    assert sorted(left) == before


def test_finished_parts_of_a_broken_map_are_used_again(stored, tmp_path):
    flag, calls = tmp_path / "flag", tmp_path / "calls"

    def bad(row):
        if row["n"] == 40 and not os.path.exists(flag):
            import time

            time.sleep(0.5)  # the other process is done by then
            raise ValueError("power cut")
        with open(calls, "a") as file:
            file.write("x")
        return {"m": row["n"]}

    with pytest.raises(ValueError, match="power cut"):
        stored.map(bad, num_proc=2)
    flag.touch()
    done = len(calls.read_text())
    out = stored.map(bad, num_proc=2)

    assert out["m"][:] == list(range(50))
    assert len(calls.read_text()) - done == 25


def test_a_killed_map_leaves_no_half_made_file(stored, tmp_path):
    script = textwrap.dedent(
        """
        import os, sys
        import bearhug.datasets as D
        ds = D.load_from_disk(sys.argv[1])
        def slow(row):
            if row["n"] == 30:
                os.kill(os.getpid(), 9)
            return {"m": row["n"]}
        ds.map(slow)
        """
    )
    code = subprocess.run([sys.executable, "-c", script, str(tmp_path / "data")], check=False).returncode
    visible = [path.name for path in (tmp_path / "data").iterdir() if not path.name.startswith(".")]

    assert code == -9
    assert sorted(visible) == ["data-00000-of-00001.arrow", "dataset_info.json", "state.json"]


def test_caching_can_be_turned_off(stored, tmp_path):
    calls = tmp_path / "calls"
    ours.disable_caching()
    try:
        out = stored.map(counting(str(calls)))
        stored.map(counting(str(calls)))
    finally:
        ours.enable_caching()

    assert calls.read_text() == "x" * 100
    assert not out.cache_files[0]["filename"].startswith(str(tmp_path))


def test_cleaning_up_keeps_what_is_in_use(stored):
    kept = stored.map(lambda row: {"m": 1})
    stored.map(lambda row: {"m": 2})

    assert kept.cleanup_cache_files() == 1
    assert kept["m"][0] == 1


def test_explain_prints_the_steps(stored, capsys):
    def tokenize(row):
        return {"m": 1}

    stored.map(tokenize).shuffle(seed=3).remove_columns("m").explain()
    printed = capsys.readouterr().out

    assert "load_from_disk(" in printed
    assert "map(tokenize())" in printed
    assert "shuffle(seed=3)" in printed
    assert printed.count("key ") == 4


def test_coroutines_run_side_by_side():
    import asyncio

    async def slow(row):
        await asyncio.sleep(0.01)
        return {"m": row["n"] + 1}

    assert make(ours, 20).map(slow)["m"][:] == list(range(1, 21))


def test_bounded_memory_in_big_steps():
    ds = ours.Dataset.from_dict({"n": list(range(10_000))})

    out = ds.map(lambda b: {"v": np.ones((len(b["n"]), 64), dtype=np.float32)}, batched=True)

    assert out.with_format("numpy")[9_999]["v"].shape == (64,)


def test_a_tokenizers_arrays_become_what_its_lists_would():
    from bearhug.tokenizers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained("bearhug/sentiment-en")
    ds = ours.Dataset.from_dict({"text": ["a fine day", "no", "", "rain again and again and again"]})
    options = {"truncation": True, "max_length": 6, "return_offsets_mapping": True, "return_special_tokens_mask": True}

    flat = ds.map(lambda batch: tokenizer(batch["text"], **options), batched=True)
    lists = ds.map(lambda batch: dict(tokenizer(batch["text"], **options)), batched=True)
    rows = ds.map(lambda row: tokenizer(row["text"], **options))

    assert flat.features["input_ids"] == ours.List(ours.Value("int32"))
    assert flat.features == lists.features
    assert flat.to_dict() == lists.to_dict() == rows.to_dict()


@pytest.mark.parametrize("asked", [(1, 2), (2, 1), (4, None), (None, 3)])
def test_a_result_is_found_whatever_the_number_of_processes(stored, tmp_path, asked):
    calls = tmp_path / "calls"
    first, second = (stored.map(counting(str(calls)), num_proc=count) for count in asked)

    assert second.cache_files == first.cache_files
    assert calls.read_text() == "x" * 50


def test_missing_parts_alone_are_made_again(stored, tmp_path):
    calls = tmp_path / "calls"
    double = counting(str(calls))
    first = stored.map(double, num_proc=5)
    for count in (None, 1, 2):
        calls.write_text("")
        for file in first.cache_files[3:]:
            os.remove(file["filename"])
        again = stored.map(double, num_proc=count)

        assert again.cache_files == first.cache_files
        assert calls.read_text() == "x" * 20
        assert again["m"][:] == list(range(0, 100, 2))


def test_a_filters_file_is_named_and_kept(stored):
    kept = stored.filter(lambda row: row["n"] > 40)

    assert len(kept.cache_files) == len(stored.cache_files) + 1
    assert kept.cleanup_cache_files() == 0
    assert len(kept.select([1]).cache_files) == len(stored.cache_files)


@pytest.mark.reference
@pytest.mark.parametrize("returned", ["row", "dict", "either"])
@pytest.mark.parametrize("removed", [[], ["n"]])
def test_rows_that_return_different_columns(returned, removed):
    """A column that a row's result leaves out is the row's own."""

    def change(row):
        if row["n"] < 2:
            row["n"] = -1
            return dict(row) if returned == "dict" else row
        return row if returned == "row" else {"n": row["n"]} if removed else {}

    check(lambda D: make(D).select_columns(["n"]).map(change, remove_columns=removed))


@pytest.mark.reference
@pytest.mark.parametrize(
    "do",
    [
        lambda ds: ds.map(lambda r: pa.table({"z": [1, 2]})),
        lambda ds: ds.map(lambda r: r, new_fingerprint="a/b"),
        lambda ds: ds.map(lambda r: r, cache_file_name="noend"),
        lambda ds: ds.map(lambda r: r, num_proc=-1),
        lambda ds: ds.map(lambda r: r, suffix_template="_{rank}"),
        lambda ds: ds.select([]).map(lambda r: r, remove_columns="n"),
        lambda ds: ds.filter(lambda r: False).map(lambda r: {"z": 1}),
    ],
)
def test_odd_calls(do, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(lambda D: do(make(D)))


def test_coroutines_of_batches_run_side_by_side_and_an_error_names_its_row():
    import asyncio

    at_once = []

    async def slow(batch):
        at_once.append(1)
        await asyncio.sleep(0.01)
        at_once.append(-1)
        return {"m": [n + 1 for n in batch["n"]]}

    async def bad(row, i):
        await asyncio.sleep(0)
        return {"m": 1 / (i - 13)}

    async def kept(batch):
        await asyncio.sleep(0)
        return [n % 2 == 0 for n in batch["n"]]

    assert make(ours, 20).map(slow, batched=True, batch_size=2)["m"][:] == list(range(1, 21))
    assert max(np.cumsum(at_once)) == 10
    assert make(ours, 20).filter(kept, batched=True, batch_size=3)["n"][:] == list(range(0, 20, 2))
    with pytest.raises(ZeroDivisionError) as caught:
        make(ours, 20).map(bad, with_indices=True)
    assert "bad() failed at row 13" in caught.value.__notes__[0]


def test_coroutines_in_a_notebook_whose_loop_runs():
    import asyncio

    async def plus(row):
        await asyncio.sleep(0)
        return {"m": row["n"] + 1}

    async def cell():
        return make(ours, 5).map(plus)["m"][:]

    assert asyncio.run(cell()) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("kind", ["fork", "spawn"])
def test_forked_and_spawned_processes(kind, stored, tmp_path):
    """Forked after torch used its threads, and spawned with a function of no module: both end, with the same rows."""
    script = textwrap.dedent(
        """
        import multiprocessing, sys
        import bearhug.datasets as D

        if __name__ == "__main__":
            multiprocessing.set_start_method(sys.argv[2])
            k = 3
            work = lambda: 300
            if sys.argv[2] == "fork":
                import torch
                torch.set_num_threads(2)
                ones = torch.ones(300, 300)
                work = lambda: int((ones @ ones)[0, 0])
                work()
            out = D.load_from_disk(sys.argv[1]).map(lambda r: {"m": work() + r["n"] * k}, num_proc=2)
            print(out["m"][:] == [300 + 3 * n for n in range(50)])
        """
    )
    (tmp_path / "script.py").write_text(script)
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "data"), kind]

    assert subprocess.run(command, capture_output=True, check=True, timeout=120).stdout == b"True\n"


def test_an_interrupted_map_goes_on_inside(stored, tmp_path, monkeypatch):
    from bearhug.datasets import writer

    monkeypatch.setattr(writer, "NOTE_EVERY", 0)
    monkeypatch.setattr(writer, "NOTE_PAUSE", 0)
    flag, calls = tmp_path / "flag", tmp_path / "calls"

    def bad(row):
        if row["n"] == 33 and not os.path.exists(str(flag)):
            raise ConnectionError("gone")
        with open(calls, "a") as file:
            file.write("x")
        return {"m": row["n"] if row["n"] > 12 else None, "s": row["text"]}

    for _ in range(2):
        with pytest.raises(ConnectionError):
            stored.map(bad, writer_batch_size=5)
    assert len(calls.read_text()) == 33 + 3
    flag.touch()
    out = stored.map(bad, writer_batch_size=5)

    assert len(calls.read_text()) == 36 + 50 - 30
    assert out["m"][:] == [None] * 13 + list(range(13, 50))
    assert out["s"][:] == stored["text"][:]
    assert not [path for path in (tmp_path / "data").iterdir() if path.name.startswith(".")]


def test_what_was_cut_off_is_cleaned_up(stored, tmp_path, monkeypatch):
    from bearhug.datasets import writer

    monkeypatch.setattr(writer, "NOTE_EVERY", 0)
    monkeypatch.setattr(writer, "NOTE_PAUSE", 0)
    with pytest.raises(ZeroDivisionError):
        stored.map(lambda row: {"m": 1 / (row["n"] - 30)}, writer_batch_size=5)
    assert [path for path in (tmp_path / "data").iterdir() if path.name.startswith(".")]
    stored.cleanup_cache_files()

    assert not [path for path in (tmp_path / "data").iterdir() if path.name.startswith(".")]


def test_a_function_that_raises_stop_iteration_loses_no_rows():
    def take(row):
        return {"m": next(iter([]))} if row["n"] == 7 else {"m": 1}

    with pytest.raises(RuntimeError, match="StopIteration") as caught:
        make(ours, 20).map(take)

    assert "take() failed at row 7" in caught.value.__notes__[0]


@pytest.mark.parametrize("name", ["'", '"', "a b", "lambda", "{x}", "\\", "\n", "é", "a'b\"c"])
def test_columns_of_any_name(name):
    ds = ours.Dataset.from_dict({name: [1, 2], "other": ["x", "y"]})

    assert ds.map(lambda row: {"m": row[name] + 1})["m"][:] == [2, 3]
    assert ds.filter(lambda row: list(row) == [name, "other"] and row[name] > 1).num_rows == 1


@pytest.mark.parametrize("processes", [None, 2])
def test_what_a_tokenizer_cut_and_padded_is_said_in_one_line(processes, caplog):
    from bearhug.tokenizers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained("bearhug/sentiment-en")
    ds = ours.Dataset.from_dict({"text": ["a fine day and more of it", "no"] * 10})
    options = {"batched": True, "batch_size": 4, "num_proc": processes}

    def tokenize(batch):
        return tokenizer(batch["text"], truncation=True, max_length=4, padding="max_length")

    ds.map(tokenize, **options)
    (said,) = [record.getMessage() for record in caplog.records]
    assert said == "map: tokenize() cut 10 of 20 texts to 4 tokens; 12% of the tokens are padding."

    caplog.clear()
    ds.map(lambda batch: tokenizer(batch["text"]), **options)
    kept = {"truncation": True, "max_length": 4, "return_overflowing_tokens": True}
    ds.map(lambda batch: tokenizer(batch["text"], **kept), remove_columns=["text"], **options)
    assert not caplog.records
