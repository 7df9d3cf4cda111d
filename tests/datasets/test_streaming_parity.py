"""Streams against the reference: what makes them, what they are written as, the order of every mixture and shuffle."""

import asyncio
import gzip
import importlib
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bearhug.datasets as ours
from dataset_parity import check

pytestmark = [
    pytest.mark.reference,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning"),
]

DATA = {"i": list(range(12)), "t": [f"row {i}" for i in range(12)], "g": [i // 5 for i in range(12)]}


def stream(D, shards=1, rows=12):
    return D.Dataset.from_dict({name: values[:rows] for name, values in DATA.items()}).to_iterable_dataset(shards)


def numbers(shards, size=5):
    for shard in shards:
        for i in range(size):
            yield {"i": 100 * shard + i, "t": str(i)}


def generated(D, shards=4, **more):
    return D.IterableDataset.from_generator(numbers, gen_kwargs={"shards": list(range(shards)), **more})


async def later(row):
    await asyncio.sleep(0)
    return {"j": row["i"] + 1}


async def odd(row):
    return row["i"] % 2 == 1


def split(D):
    return importlib.import_module(f"{D.__name__}.distributed").split_dataset_by_node


@pytest.mark.parametrize("shards", [1, 3, 12])
@pytest.mark.parametrize("size", [1, 4, 7, 25, 1000])
@pytest.mark.parametrize("inputs", [1, 2, 10])
@pytest.mark.parametrize("epoch", [0, 3])
def test_the_order_of_a_shuffle(shards, size, inputs, epoch):
    def do(D):
        out = []
        for s in (stream(D, shards), stream(D, shards).map(lambda r: {"x": r["i"]}), generated(D, shards)):
            shuffled = s.shuffle(seed=7, buffer_size=size, max_buffer_input_shards=inputs)
            shuffled.set_epoch(epoch)
            out.append([row["i"] for row in shuffled])
        return out

    check(do)


@pytest.mark.parametrize(
    "do",
    [
        lambda D: generated(D).shuffle(generator=np.random.default_rng(4), buffer_size=3),
        lambda D: generated(D).shuffle(seed=1).skip(3).take(6),
        lambda D: generated(D).take(6).shuffle(seed=1),
        lambda D: generated(D, 5).shuffle(seed=1, buffer_size=2).shard(2, 1),
        lambda D: generated(D, 5).shard(2, 0, contiguous=False),
        lambda D: generated(D, 5).reshard(),
        lambda D: generated(D).repeat(2),
        lambda D: generated(D).repeat(0),
        lambda D: generated(D, size=0).repeat(None),
        lambda D: generated(D).map(later),
        lambda D: generated(D).filter(odd),
        lambda D: generated(D).map(lambda b: b, batched=True, batch_size=-1),
        lambda D: generated(D).map(lambda b: {"n": [1, 2]}, batched=True),
        lambda D: generated(D).map(lambda r, n: {"i": r["i"] + n}, fn_kwargs={"n": 5}),
        lambda D: generated(D).map(remove_columns="t"),
        lambda D: stream(D).map(lambda i, t: {"x": t * i}, input_columns=["i", "t"], remove_columns=["g"]),
        lambda D: stream(D).map(lambda r: {"i": str(r["i"])}, features=D.Features({"i": D.Value("string")})),
        lambda D: stream(D, 3).batch(by_column="g"),
        lambda D: stream(D, 3).batch(by_column=["g", "i"]),
        lambda D: stream(D, 3).batch(5),
        lambda D: stream(D).with_format("numpy").batch(5),
        lambda D: stream(D).with_format("torch").select_columns("i").batch(4),
        lambda D: stream(D).with_format("pandas"),
        lambda D: stream(D).with_format("polars"),
        lambda D: stream(D).with_format("arrow").map(lambda t: t.slice(0, 1), batched=True, batch_size=5),
        lambda D: stream(D).with_format("pandas").map(lambda f: f.assign(x=1), batched=True, batch_size=5),
        lambda D: stream(D).with_format("pandas").filter(lambda f: f["i"] > 6, batched=True),
        lambda D: stream(D).with_format("arrow").with_format(None),
        lambda D: stream(D).with_format("pandas").iter(5),
        lambda D: stream(D).with_format("numpy").iter(5, drop_last_batch=True),
        lambda D: generated(D).with_format("torch").iter(6),
        lambda D: generated(D).add_column("n", list(range(20))),
        lambda D: stream(D).rename_columns({"i": "a", "t": "b"}),
        lambda D: stream(D).cast_column("i", D.Value("string")),
        lambda D: stream(D).cast(D.Features({"i": D.Value("float32"), "t": D.Value("string"), "g": D.Value("int8")})),
        lambda D: stream(D).cast_column("g", D.ClassLabel(names=["a", "b", "c"])),
        lambda D: generated(D)["t"],
        lambda D: D.concatenate_datasets([stream(D, 2), generated(D, 2)]),
        lambda D: D.concatenate_datasets([stream(D, 2, 4), generated(D, 2)]).shuffle(seed=5, buffer_size=3),
        lambda D: D.concatenate_datasets(
            [stream(D), stream(D, rows=5).rename_columns({name: name * 2 for name in DATA})], axis=1
        ),
        lambda D: split(D)(generated(D, 4), 1, 2),
        lambda D: split(D)(generated(D, 5), 1, 2),
        lambda D: split(D)(generated(D, 5), 1, 2, strategy="shards"),
        lambda D: split(D)(generated(D, 4), 1, 2, strategy="examples"),
        lambda D: split(D)(generated(D, 4), 0, 2).skip(2).take(5),
        lambda D: split(D)(generated(D, 4).skip(3), 0, 2),
        lambda D: split(D)(split(D)(generated(D, 8), 1, 2), 0, 2),
        lambda D: split(D)(D.Dataset.from_dict(DATA), 1, 5),
    ],
)  # fmt: skip
def test_rows(do):
    check(lambda D: [_plain(row) for row in do(D)])


def _plain(row):
    if isinstance(row, pa.Table):
        return row.to_pylist()
    return row.to_dict(orient="list") if isinstance(row, pd.DataFrame) else row


@pytest.mark.parametrize("strategy", ["first_exhausted", "all_exhausted", "all_exhausted_without_replacement"])
@pytest.mark.parametrize("probabilities", [None, [0.2, 0.5, 0.3]])
@pytest.mark.parametrize("make", [stream, generated])
def test_the_order_of_a_mixture(strategy, probabilities, make):
    def do(D):
        several = [make(D).take(n).map(lambda r, n=n: {"n": n}) for n in (2, 5, 3)]
        mixed = D.interleave_datasets(several, probabilities=probabilities, seed=3, stopping_strategy=strategy)
        bare = D.interleave_datasets(
            [make(D), make(D).skip(9), make(D).take(4)], probabilities, 8, stopping_strategy=strategy
        )
        return [list(mixed), list(bare), list(bare.shuffle(seed=2, buffer_size=4)), repr(mixed.features)]

    check(do)


@pytest.mark.parametrize(
    "do",
    [
        lambda D: D.concatenate_datasets([stream(D), stream(D)], axis=1),
        lambda D: D.concatenate_datasets([stream(D), stream(D).cast_column("i", D.Value("string"))]),
        lambda D: D.concatenate_datasets([split(D)(stream(D), 0, 2), stream(D)]),
        lambda D: split(D)(stream(D), 0, 2, strategy="shard"),
        lambda D: split(D)(stream(D), 0, 2, strategy="shards"),
        lambda D: split(D)(split(D)(stream(D, 2), 0, 2, strategy="examples"), 0, 2, strategy="shards"),
        lambda D: split(D)(D.Dataset.from_dict(DATA), 0, 2, strategy="shards"),
        lambda D: stream(D).to_iterable_dataset(),
        lambda D: list(stream(D).map(lambda b: {"x": [1]}, batched=True)),
        lambda D: list(generated(D).add_column("i", [1])),
        lambda D: list(generated(D).rename_column("x", "y")),
        lambda D: stream(D).select_columns(["x"]),
        lambda D: generated(D).decode(False),
        lambda D: D.IterableDataset.from_generator(numbers, gen_kwargs={"shards": [1, 2], "size": [1]}).num_shards,
        lambda D: stream(D).push_to_hub("a/b", max_shard_size="1MB", num_shards=2),
        lambda D: stream(D).push_to_hub("a/b", config_name="data"),
    ],
)
def test_errors(do):
    check(do)


@pytest.mark.parametrize(
    "do",
    [
        lambda D: generated(D),
        lambda D: generated(D, 3).shuffle(seed=1),
        lambda D: D.IterableDataset.from_dict(DATA, num_shards=3),
        lambda D: D.IterableDataset.from_list([{"a": 1}, {"a": None}]),
        lambda D: D.IterableDataset.from_pandas(pd.DataFrame(DATA), num_shards=2),
        lambda D: D.IterableDataset.from_generator(numbers, gen_kwargs={"shards": (1, 2)}),
        lambda D: D.interleave_datasets([generated(D, 3), generated(D, 2)]),
        lambda D: D.concatenate_datasets([generated(D, 3), generated(D, 2)]),
        lambda D: split(D)(generated(D, 6), 1, 4),
        lambda D: split(D)(generated(D, 6), 1, 3),
        lambda D: split(D)(generated(D, 7), 1, 3, strategy="shards"),
        lambda D: D.IterableDatasetDict({"a": generated(D), "b": stream(D)}),
    ],
)
def test_facts(do):
    def facts(D):
        s = do(D)
        one = s if not isinstance(s, dict) else s["a"]
        return [
            repr(s),
            s.column_names,
            s.num_columns,
            repr(one.features),
            str(one.split),
            one.num_shards,
            one.n_shards,
        ]

    check(facts)


@pytest.mark.parametrize(
    "do",
    [
        lambda s, at: s.to_dict(),
        lambda s, at: list(s.to_dict(batch_size=5, batched=True)),
        lambda s, at: s.to_list(),
        lambda s, at: s.to_pandas().to_dict(orient="list"),
        lambda s, at: [one.to_dict(orient="list") for one in s.to_pandas(batch_size=5, batched=True)],
        lambda s, at: s.to_polars().to_dict(as_series=False),
        lambda s, at: [one.to_dict(as_series=False) for one in s.to_polars(batch_size=5, batched=True)],
        lambda s, at: [s.to_csv(at / "a.csv"), (at / "a.csv").read_text()],
        lambda s, at: [s.to_json(at / "a.jsonl"), (at / "a.jsonl").read_text()],
        lambda s, at: [s.to_parquet(at / "a.parquet") > 0, pq.read_table(at / "a.parquet").to_pylist()],
    ],
)
def test_written_out(do, tmp_path):
    check(lambda D: do(stream(D, 3), tmp_path))
    check(lambda D: do(generated(D).filter(lambda r: r["i"] != 3), tmp_path))


def _files(folder):
    rows = [{"a": i, "b": f"text {i}", "c": [i, i + 1]} for i in range(25)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet", row_group_size=10)
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "b.jsonl.gz").write_bytes(gzip.compress((folder / "a.jsonl").read_bytes()))
    (folder / "a.csv").write_text("a,b\n" + "".join(f"{row['a']},{row['b']}\n" for row in rows))
    (folder / "a.txt").write_text("".join(f"line {i}\n" for i in range(25)))
    with pa.ipc.new_stream(str(folder / "a.arrow"), pa.Table.from_pylist(rows).schema) as writer:
        writer.write_table(pa.Table.from_pylist(rows), max_chunksize=7)


FORMATS = [
    ("parquet", "a.parquet"), ("json", "a.jsonl"), ("json", "b.jsonl.gz"), ("csv", "a.csv"), ("text", "a.txt"),
    ("arrow", "a.arrow"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "file"), FORMATS)
def test_a_stream_has_the_rows_of_a_load(kind, file, tmp_path):
    _files(tmp_path)
    options = {"data_files": str(tmp_path / file), "split": "train"}
    loaded = ours.load_dataset(kind, cache_dir=tmp_path / "cache", **options)
    streamed = ours.load_dataset(kind, streaming=True, **options)

    assert list(streamed) == list(loaded)
    assert streamed.features == loaded.features
    check(lambda D: list(D.load_dataset(kind, streaming=True, **options).shuffle(seed=1, buffer_size=10)))


@pytest.mark.parametrize("kind", ["csv", "json", "parquet", "text"])
def test_made_of_files(kind, tmp_path):
    _files(tmp_path)
    path = str(tmp_path / dict(FORMATS[::-1])[kind])
    check(lambda D: list(getattr(D.IterableDataset, f"from_{kind}")(path)))
    check(lambda D: list(getattr(D.IterableDataset, f"from_{kind}")([path, path], split="test").take(30)))


def test_made_of_an_arrow_file(tmp_path):
    _files(tmp_path)
    check(lambda D: list(D.IterableDataset.from_file(str(tmp_path / "a.arrow"))))


def test_row_groups_are_shards(tmp_path):
    _files(tmp_path)

    def do(D):
        s = D.load_dataset("parquet", data_files=str(tmp_path / "a.parquet"), split="train", streaming=True)
        more = s.reshard()
        return [s.num_shards, more.num_shards, list(more), list(more.shard(3, 1)), list(more.shuffle(seed=3))]

    check(do)
