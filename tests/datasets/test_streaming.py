"""Streams: the same rows as the reference, in a DataLoader too, and a state that resumes exactly."""

import pickle

import numpy as np
import pytest
import torch

import bearhug.datasets as ours
from dataset_parity import check

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")


def stream(D, rows=30, shards=1):
    ds = D.Dataset.from_dict(
        {"i": list(range(rows)), "text": [f"row {i}" for i in range(rows)], "v": [[i, i + 1] for i in range(rows)]}
    )
    return ds.to_iterable_dataset(num_shards=shards)


@pytest.mark.reference
@pytest.mark.parametrize(
    "do",
    [
        lambda s: s,
        lambda s: s.map(lambda r: {"m": r["i"] * 2}),
        lambda s: s.map(lambda r: {"i": r["i"] + 1, "x": None}),
        lambda s: s.map(lambda r, k: {"k": k}, with_indices=True),
        lambda s: s.map(lambda i: {"m": i}, input_columns="i"),
        lambda s: s.map(lambda b: {"m": [len(b["i"])] * len(b["i"])}, batched=True, batch_size=7),
        lambda s: s.map(lambda b: {"m": [len(b["i"])] * len(b["i"])}, batched=True, batch_size=7, drop_last_batch=True),
        lambda s: s.map(lambda b: {"m": [1]}, batched=True, batch_size=7, remove_columns=["i", "text", "v"]),
        lambda s: s.map(lambda r: {"m": 1}, remove_columns=["text", "v"]),
        lambda s: s.filter(lambda r: r["i"] % 3 == 0),
        lambda s: s.filter(lambda b: [i > 20 for i in b["i"]], batched=True, batch_size=4),
        lambda s: s.filter(lambda r, k: k > 25, with_indices=True),
        lambda s: s.take(5),
        lambda s: s.skip(25),
        lambda s: s.skip(5).take(3),
        lambda s: s.shuffle(seed=1),
        lambda s: s.shuffle(seed=1, buffer_size=8),
        lambda s: s.shuffle(seed=42, buffer_size=1),
        lambda s: s.map(lambda r: {"m": 1}).shuffle(seed=3, buffer_size=10),
        lambda s: s.filter(lambda r: r["i"] > 4).shuffle(seed=3, buffer_size=10).take(6),
        lambda s: s.select_columns(["i"]),
        lambda s: s.remove_columns(["v", "text"]),
        lambda s: s.rename_column("i", "j"),
        lambda s: s.rename_columns({"i": "j", "text": "t"}),
        lambda s: s.add_column("n", list(range(30))),
        lambda s: s.batch(4),
        lambda s: s.batch(4, drop_last_batch=True),
        lambda s: s.repeat(2),
        lambda s: s.with_format("torch"),
        lambda s: s.select_columns(["i", "v"]).with_format("numpy"),
        lambda s: s.with_format("torch").map(lambda r: {"m": r["i"] + 1}),
        lambda s: s["text"],
        lambda s: s.iter(8),
        lambda s: s.iter(8, drop_last_batch=True),
        lambda s: s.with_format("torch").iter(8),
        lambda s: s.with_format("arrow").iter(8),
    ],
)  # fmt: skip
def test_rows_of_a_stream(do):
    check(lambda D: list(do(stream(D))))


@pytest.mark.reference
@pytest.mark.parametrize(
    "do",
    [
        lambda s: [repr(s), s.column_names, repr(s.features), s.num_shards],
        lambda s: [repr(s.take(3)), repr(s.features)],
        lambda s: repr(s.map(lambda r: r)),
        lambda s: list(s.map(lambda r: 5)),
        lambda s: list(s.map(lambda r: 1 / 0)),
        lambda s: s.batch(),
        lambda s: s.to_dict(),
        lambda s: s.to_list(),
    ],
)
def test_facts_and_errors_of_a_stream(do):
    check(lambda D: do(stream(D)))


@pytest.mark.reference
def test_more_shards_than_there_are_rows():
    check(lambda D: stream(D, rows=2, shards=3))


@pytest.mark.reference
def test_casts():
    def do(D):
        s = stream(D).cast_column("i", D.Value("string"))
        return [list(s)[:3], repr(s.features["i"])]

    check(do)


@pytest.mark.reference
def test_joining_streams():
    check(lambda D: list(D.concatenate_datasets([stream(D, 3), stream(D, 4)])))
    check(
        lambda D: list(
            D.concatenate_datasets(
                [stream(D, 3), stream(D, 3).rename_columns({"i": "a", "text": "b", "v": "c"})], axis=1
            )
        )
    )
    check(
        lambda D: list(
            D.interleave_datasets([stream(D, 3).map(lambda r: {"k": 0}), stream(D, 5).map(lambda r: {"k": 1})])
        )
    )
    check(lambda D: list(D.interleave_datasets([stream(D, 3), stream(D, 5)], probabilities=[0.3, 0.7], seed=1)))
    check(lambda D: list(D.interleave_datasets([stream(D, 3), stream(D, 5)], stopping_strategy="all_exhausted")))


@pytest.mark.reference
def test_files_as_streams(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    for i in range(3):
        (tmp_path / f"{i}.csv").write_text("a,b\n" + "".join(f"{10 * i + k},x{k}\n" for k in range(4)))
        (tmp_path / f"{i}.jsonl").write_text("".join(f'{{"a": {10 * i + k}, "b": [{k}]}}\n' for k in range(4)))
        (tmp_path / f"{i}.txt").write_text("".join(f"{10 * i + k}\n" for k in range(4)))
    for kind, ending in (("csv", "csv"), ("json", "jsonl"), ("text", "txt")):

        def do(D, kind=kind, ending=ending):
            files = {"train": str(tmp_path / f"*.{ending}"), "test": str(tmp_path / f"0.{ending}")}
            both = D.load_dataset(kind, data_files=files, streaming=True)
            one = D.load_dataset(kind, data_files=files, streaming=True, split="train")
            return [
                type(both).__name__,
                list(both["test"]),
                list(one),
                one.num_shards,
                list(one.shuffle(seed=0).take(3)) != [],
            ]

        check(do)
    check(lambda D: D.load_dataset("csv", data_files=str(tmp_path / "0.csv"), streaming=True, split="trian"))
    check(lambda D: D.load_dataset("csv", data_files=str(tmp_path / "0.csv"), streaming=True, num_proc=2))


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
@pytest.mark.parametrize("shards", [1, 2, 5])
def test_every_row_comes_once_in_a_dataloader(workers, shards):
    s = stream(ours, 31, shards).map(lambda r: {"i": r["i"]}, remove_columns=["text", "v"]).with_format("torch")
    assert isinstance(s, torch.utils.data.IterableDataset)
    loader = torch.utils.data.DataLoader(
        s, batch_size=4, num_workers=workers, multiprocessing_context="fork" if workers else None
    )

    seen = [i for batch in loader for i in batch["i"].tolist()]

    assert sorted(seen) == list(range(31))


@pytest.mark.reference
@pytest.mark.parametrize("workers", [0, 2])
def test_a_dataloader_gives_the_references_batches(workers):
    def do(D):
        s = stream(D, 20, 4).select_columns(["i", "v"]).with_format("torch")
        return list(torch.utils.data.DataLoader(s, batch_size=3, num_workers=workers))

    check(do)


@pytest.mark.parametrize("at", [0, 1, 7, 29, 30])
def test_a_state_resumes_exactly(at):
    def make():
        return (
            stream(ours).map(lambda r: {"m": r["i"] * 2}).shuffle(seed=5, buffer_size=9).filter(lambda r: r["i"] != 3)
        )

    s = make()
    rows = iter(s)
    before = [next(rows) for _ in range(min(at, 29))]
    state = s.state_dict()
    rest = list(rows)
    again = make()
    again.load_state_dict(pickle.loads(pickle.dumps(state)))

    assert list(again) == rest
    assert sorted(row["i"] for row in before + rest) == [i for i in range(30) if i != 3]


def test_epochs_differ_and_come_back():
    s = stream(ours).shuffle(seed=5)
    orders = []
    for epoch in (0, 1, 0):
        s.set_epoch(epoch)
        orders.append([row["i"] for row in s])

    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[1]) == list(range(30))


def test_a_stream_pickles():
    s = stream(ours).shuffle(seed=5).with_format("numpy")

    assert [row["i"] for row in pickle.loads(pickle.dumps(s))] == [row["i"] for row in s]


def test_an_unknown_column_is_named():
    with pytest.raises(ValueError, match="'text'"):
        stream(ours).remove_columns("txt")


def test_an_error_names_the_row():
    with pytest.raises(ZeroDivisionError) as caught:
        list(stream(ours).map(lambda r: {"m": 1 / (r["i"] - 4)}))

    assert "at row 4" in caught.value.__notes__[0]


def test_nothing_is_read_before_it_is_asked_for(tmp_path):
    (tmp_path / "a.txt").write_text("x\n" * 10)
    asked = []
    s = ours.load_dataset("text", data_files=str(tmp_path / "a.txt"), streaming=True, split="train").map(
        lambda r: asked.append(1) or {"m": 1}
    )

    assert asked == []
    assert next(iter(s))["m"] == 1
    assert len(asked) <= 10


def test_random_rows_are_the_same_for_the_same_generator():
    one = [row["i"] for row in stream(ours).shuffle(generator=np.random.default_rng(3))]
    two = [row["i"] for row in stream(ours).shuffle(seed=3)]

    assert one == two
