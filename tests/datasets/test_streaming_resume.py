"""A stream goes on exactly where it stood: at any row, behind any step, in any worker, for any number of workers."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import bearhug.datasets as D

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")


def numbers(shards):
    for shard in shards:
        for i in range(7):
            yield {"i": 100 * shard + i}


def tables(rows=37, shards=3):
    return D.Dataset.from_dict({"i": list(range(rows))}).to_iterable_dataset(num_shards=shards)


def rows(shards=3):
    return D.IterableDataset.from_generator(numbers, gen_kwargs={"shards": list(range(shards))})


async def later(row):
    return {"j": row["i"] + 1}


def double(batch):
    return {"i": [i for i in batch["i"] for _ in range(2)]}


STEPS = {
    "nothing": lambda s: s,
    "map": lambda s: s.map(lambda r: {"j": r["i"]}),
    "map with indices": lambda s: s.map(lambda r, k: {"k": k}, with_indices=True),
    "batched map": lambda s: s.map(double, batched=True, batch_size=4, remove_columns=["i"]),
    "map of all rows": lambda s: s.map(double, batched=True, batch_size=None),
    "dropped last batch": lambda s: s.map(double, batched=True, batch_size=4, drop_last_batch=True),
    "async map": lambda s: s.map(later),
    "arrow map": lambda s: s.with_format("arrow").map(lambda t: t, batched=True, batch_size=5).with_format(None),
    "filter": lambda s: s.filter(lambda r: r["i"] % 3 == 1),
    "batched filter": lambda s: s.filter(lambda b: [i % 3 == 1 for i in b["i"]], batched=True, batch_size=4),
    "shuffle": lambda s: s.shuffle(seed=3, buffer_size=6),
    "shuffle with few inputs": lambda s: s.shuffle(seed=3, buffer_size=10, max_buffer_input_shards=2),
    "large shuffle": lambda s: s.shuffle(seed=3),
    "shuffle twice": lambda s: s.shuffle(seed=3, buffer_size=5).map(lambda r: r).shuffle(seed=4, buffer_size=8),
    "skip and take": lambda s: s.skip(3).take(11),
    "take after shuffle": lambda s: s.shuffle(seed=1, buffer_size=9).skip(2).take(10),
    "batch": lambda s: s.batch(4),
    "batch by column": lambda s: s.map(lambda r: {"g": r["i"] // 5}).batch(by_column="g"),
    "repeat": lambda s: s.repeat(2),
    "repeat for ever": lambda s: s.repeat(None).take(50),
    "columns": lambda s: s.rename_column("i", "k").add_column("x", list(range(50))).select_columns(["x"]),
    "chain": lambda s: D.concatenate_datasets([s, s.map(lambda r: {"i": -r["i"]})]),
    "beside": lambda s: D.concatenate_datasets([s, s.rename_column("i", "k").skip(4)], axis=1),
    "in turns": lambda s: D.interleave_datasets([s, s.skip(5)]),
    "in turns, all": lambda s: D.interleave_datasets([s, s.take(4)], stopping_strategy="all_exhausted"),
    "in turns, each once": lambda s: D.interleave_datasets(
        [s, s.take(4)], stopping_strategy="all_exhausted_without_replacement"
    ),
    "drawn": lambda s: D.interleave_datasets([s, s.shuffle(seed=2, buffer_size=4)], probabilities=[0.3, 0.7], seed=1),
    "everything": lambda s: D.interleave_datasets(
        [s.map(lambda r: {"i": r["i"]}).shuffle(seed=1, buffer_size=7), s.filter(lambda r: r["i"] % 2 == 0).repeat(2)],
        stopping_strategy="all_exhausted",
    ).batch(3),
}  # fmt: skip


@pytest.mark.parametrize(("source", "epoch"), [(tables, 0), (rows, 2)])
@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_stream_goes_on_at_every_row(source, step, epoch):
    """Stop after n rows, for each n; another process's stream goes on with the very next one, twice in a row."""
    stream = STEPS[step](source())
    stream.set_epoch(epoch)
    whole = list(stream)
    assert whole

    places = [pickle.loads(pickle.dumps(stream.state_dict())) for _ in stream]
    for n, place in enumerate(places, start=1):
        other = STEPS[step](source())
        other.set_epoch(epoch)
        other.load_state_dict(place)
        again = []
        for row in other:
            again.append(row)
            if len(again) == 2:
                second = copy.deepcopy(other.state_dict())
        assert again == whole[n:]
        if len(again) >= 2:
            third = STEPS[step](source())
            third.set_epoch(epoch)
            third.load_state_dict(second)
            assert list(third) == whole[n + 2 :]


def test_a_state_of_another_epoch_starts_anew():
    stream = tables().shuffle(seed=1)
    iterator = iter(stream)
    next(iterator)
    place = stream.state_dict()
    stream.set_epoch(1)
    stream.load_state_dict(place)

    assert len(list(stream)) == 37


def test_batches_go_on_in_the_middle():
    stream = tables().shuffle(seed=1, buffer_size=8)
    whole = list(stream.iter(5))
    places = [copy.deepcopy(stream.state_dict()) for _ in stream.iter(5)]
    for n, place in enumerate(places, start=1):
        stream.load_state_dict(place)
        assert list(stream.iter(5)) == whole[n:]


def test_a_pickled_stream_goes_on():
    stream = rows().shuffle(seed=0, buffer_size=5)
    whole = list(stream)
    iterator = iter(stream)
    first = [next(iterator) for _ in range(6)]

    assert first + list(pickle.loads(pickle.dumps(stream))) == whole


@pytest.mark.parametrize("kind", ["torch", "numpy", "arrow", "pandas"])
def test_a_formatted_stream_goes_on(kind):
    stream = tables().shuffle(seed=1, buffer_size=8).with_format(kind)
    whole = [int(row["i"] if kind in ("torch", "numpy") else row["i"][0].as_py() if kind == "arrow" else row["i"][0])
             for row in stream]  # fmt: skip
    places = [copy.deepcopy(stream.state_dict()) for _ in stream]
    for n, place in enumerate(places, start=1):
        plain = stream.with_format(None)
        plain.load_state_dict(place)
        assert [row["i"] for row in plain] == whole[n:]


def test_going_on_reads_no_row_again():
    """What was read before the place is not mapped again, but for the rows of one chunk."""
    calls = []

    def slow(row):
        calls.append(row["i"])
        return {"j": row["i"]}

    stream = tables(20_000, 1).map(slow)
    iterator = iter(stream)
    for _ in range(15_000):
        next(iterator)
    place = stream.state_dict()
    calls.clear()
    stream.load_state_dict(place)

    assert next(iter(stream))["j"] == 15_000
    assert len(calls) <= 2_000


def test_first_rows_do_not_wait_for_later_ones():
    calls = []
    stream = rows().map(lambda r: calls.append(r["i"]) or {})
    iterator = iter(stream)
    next(iterator)
    next(iterator)

    assert calls == [0, 1]


def test_rows_before_an_error_are_given():
    stream = tables(50, 1).map(lambda r: {"x": 1 / (r["i"] - 30)})
    got = []

    def read():
        for row in stream:
            got.append(row["i"])

    with pytest.raises(ZeroDivisionError) as error:
        read()
    assert "row 30 of the stream" in error.value.__notes__[0]
    assert got == list(range(30))


@pytest.mark.parametrize("shards", [1, 2, 5])
@pytest.mark.parametrize("workers", [0, 1, 2, 4])
def test_every_worker_has_rows(shards, workers):
    stream = tables(40, shards).map(with_worker)
    got = list(DataLoader(stream, batch_size=None, num_workers=workers))

    assert sorted(row["i"] for row in got) == list(range(40))
    assert {row["worker"] for row in got} == (set(range(workers)) if workers else {-1})


def with_worker(row):
    info = torch.utils.data.get_worker_info()
    return {"worker": -1 if info is None else info.id}


@pytest.mark.parametrize("do", ["shuffle", "take", "batch", "in turns", "filter", "beside", "repeat"])
def test_workers_that_share_a_shard_share_its_rows(do):
    stream = {**STEPS, "take": lambda s: s.take(13)}[do](tables(37, 1))
    alone = [str(row) for row in stream]
    together = [str(row) for row in DataLoader(stream, batch_size=None, num_workers=3)]

    if do == "batch":
        assert len(together) >= len(alone)
    else:
        assert sorted(together) == sorted(alone)


@pytest.mark.parametrize(("nodes", "workers"), [(1, 0), (1, 1), (1, 3), (2, 0), (2, 2), (3, 0), (3, 1)])
def test_an_elastic_stream_has_one_order(nodes, workers):
    stream = rows(4).shuffle(seed=5, buffer_size=9).elastic(batch_size=4).map(lambda r: {"j": r["i"]})
    alone = [row["j"] for row in stream]
    parts = [
        [batch["j"].tolist() for batch in DataLoader(part, batch_size=4, num_workers=workers)]
        for part in (D.split_dataset_by_node(stream, n, nodes) for n in range(nodes))
    ]
    turns = [parts[n][k] for k in range(max(map(len, parts))) for n in range(nodes) if k < len(parts[n])]

    assert [i for batch in turns for i in batch] == alone


@pytest.mark.parametrize("workers", [0, 2, 3])
def test_an_elastic_stream_goes_on_with_other_numbers_of_workers(workers):
    def stream():
        return rows(4).shuffle(seed=5, buffer_size=9).elastic(batch_size=2).map(lambda r: {"j": r["i"]})

    alone = [row["j"] for row in stream()]
    again = stream()
    again.load_state_dict({"epoch": 0, "rows": 8})
    got = [i for batch in DataLoader(again, batch_size=2, num_workers=workers) for i in batch["j"].tolist()]

    assert got == alone[8:]


@pytest.mark.parametrize(("workers", "shards"), [(0, 1), (1, 4), (2, 1), (2, 4)])
def test_torchdata_resumes(workers, shards):
    stateful = pytest.importorskip("torchdata.stateful_dataloader").StatefulDataLoader

    def loader():
        stream = tables(41, shards).shuffle(seed=1, buffer_size=6).map(lambda r: {"i": r["i"]})
        return stateful(stream, batch_size=3, num_workers=workers)

    whole = [batch["i"].tolist() for batch in loader()]
    first = loader()
    iterator = iter(first)
    for n in range(1, 4):
        next(iterator)
        place = pickle.loads(pickle.dumps(first.state_dict()))
        second = loader()
        second.load_state_dict(place)

        assert [batch["i"].tolist() for batch in second] == whole[n:]


def test_a_shuffled_worker_order_differs_from_another():
    stream = tables(40, 4).shuffle(seed=1)
    got = [row["i"].item() for row in DataLoader(stream.with_format("torch"), batch_size=None, num_workers=2)]

    assert sorted(got) == list(range(40))
    assert not np.array_equal(got, sorted(got))


def test_a_state_is_made_of_plain_values(tmp_path):
    """It can be saved as a checkpoint's weights are, without unpickling anything else."""
    stream = tables().shuffle(seed=1, buffer_size=8)
    iterator = iter(stream)
    first = [next(iterator) for _ in range(10)]
    torch.save(stream.state_dict(), tmp_path / "state.pt")
    other = tables().shuffle(seed=1, buffer_size=8)
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))

    assert first + list(other) == list(tables().shuffle(seed=1, buffer_size=8))
