"""Builders: classes of the user's own as the reference runs them, and the one behind load_dataset."""

import json
import os
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bearhug.datasets as ours
from dataset_parity import check

pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning"
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "our-cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path


def squares(D):
    class Squares(D.GeneratorBasedBuilder):
        def _info(self):
            label = D.ClassLabel(names=["even", "odd"])
            return D.DatasetInfo(
                features=D.Features({"n": D.Value("int32"), "square": D.Value("int64"), "kind": label})
            )

        def _split_generators(self, dl_manager):
            return [
                D.SplitGenerator(name=D.Split.TRAIN, gen_kwargs={"numbers": [0, 1, 2, 3]}),
                D.SplitGenerator(name="extra", gen_kwargs={"numbers": [9]}),
            ]

        def _generate_examples(self, numbers):
            for n in numbers:
                yield n, {"n": n, "square": n * n, "kind": "odd" if n % 2 else "even"}

    return Squares


def tables(D):
    @dataclass
    class Config(D.BuilderConfig):
        times: int = 1

    class Tables(D.ArrowBasedBuilder):
        BUILDER_CONFIG_CLASS = Config
        BUILDER_CONFIGS = [Config(name="one"), Config(name="two", times=2)]  # noqa: RUF012

        def _info(self):
            return D.DatasetInfo()

        def _split_generators(self, dl_manager):
            return [D.SplitGenerator(name="train", gen_kwargs={"names": ["x", "y"]})]

        def _generate_tables(self, names):
            for i, name in enumerate(names):
                yield (0, i), pa.table({"name": [name] * self.config.times, "i": [i] * self.config.times})

    return Tables


def build(D, make, cache, **options):
    return make(D)(cache_dir=str(cache / ("ours" if D is ours else "theirs")), **options)


@pytest.mark.reference
@pytest.mark.parametrize("split", [None, "train", "train[1:3]", "extra+train", ["train", "extra"], "wrong"], ids=str)
def test_rows_of_a_generator(cache, split):
    def do(D):
        builder = build(D, squares, cache)
        builder.download_and_prepare()
        return builder.as_dataset(split=split)

    check(do)


@pytest.mark.reference
@pytest.mark.parametrize("name", ["one", "two", "three", None])
def test_tables_of_configurations(cache, name):
    def do(D):
        builder = build(D, tables, cache, config_name=name)
        builder.download_and_prepare()
        return builder.config.name, builder.config.times, builder.as_dataset("train")

    check(do)


@pytest.mark.reference
@pytest.mark.parametrize("make", [squares, tables])
def test_streams_of_builders(cache, make):
    def do(D):
        builder = build(D, make, cache, **({"config_name": "two"} if make is tables else {}))
        made = builder.as_streaming_dataset(split="train")
        return list(made), sorted(builder.as_streaming_dataset())

    check(do)


@pytest.mark.reference
def test_what_a_builder_says(cache):
    def do(D):
        builder = build(D, squares, cache)
        builder.download_and_prepare()
        info = builder.info
        return (
            builder.name, builder.dataset_name, builder.config.name, str(builder.config.version), list(info.splits),
            info.splits["train"].num_examples, info.features, os.path.isdir(builder.cache_dir),
        )  # fmt: skip

    check(do)


@pytest.mark.reference
def test_rows_before_preparing(cache):
    check(lambda D: build(D, squares, cache).as_dataset("train"))


@pytest.mark.reference
def test_a_row_that_does_not_fit(cache):
    def do(D):
        class Wrong(squares(D)):
            def _generate_examples(self, numbers):
                yield 0, {"n": "no number", "square": 1, "kind": "odd"}

        Wrong(cache_dir=str(cache / "x")).download_and_prepare()

    error = check(do)
    assert "Wrong" in str(error) or "'n'" in str(error)


@pytest.mark.reference
@pytest.mark.parametrize("file_format", ["parquet", "arrow", "csv"])
def test_written_elsewhere(cache, file_format):
    def do(D):
        out = cache / ("out-ours" if D is ours else "out-theirs")
        builder = build(D, squares, cache)
        builder.download_and_prepare(str(out), file_format=file_format)
        names = sorted(path.name for path in out.iterdir())
        info = json.loads((out / "dataset_info.json").read_text())
        if file_format == "parquet":
            return names, list(info["splits"]), pq.read_table(out / f"{builder.dataset_name}-train.parquet").to_pylist()
        return names, list(info["splits"])

    check(do)


def test_written_in_shards_to_an_address(cache):
    fsspec = pytest.importorskip("fsspec")
    builder = build(ours, squares, cache)
    builder.download_and_prepare("memory://out", file_format="parquet", max_shard_size=60)
    names = sorted(path.rsplit("/", 1)[-1] for path in fsspec.filesystem("memory").ls("/out", detail=False))

    assert names[0] == "dataset_info.json"
    assert [name for name in names if "-train-00000-of-" in name]


# ---- load_dataset_builder, and what is known without loading


README = """---
configs:
- config_name: small
  data_files: small.csv
- config_name: big
  default: true
  data_files:
  - split: train
    path: big/train*.csv
  - split: dev
    path: big/dev.csv
  sep: ";"
dataset_info:
- config_name: small
  features:
  - name: a
    dtype: int32
  splits:
  - name: train
    num_bytes: 10
    num_examples: 2
---
"""


@pytest.fixture
def folder(cache):
    path = cache / "named"
    (path / "big").mkdir(parents=True)
    (path / "README.md").write_text(README)
    (path / "small.csv").write_text("a\n1\n2\n")
    for name in ("train-1", "train-2", "dev"):
        (path / "big" / f"{name}.csv").write_text("a;b\n1;x\n")
    return path


@pytest.mark.reference
def test_what_is_known_of_configurations(folder):
    def do(D):
        return (
            D.get_dataset_config_names(str(folder)),
            D.get_dataset_default_config_name(str(folder)),
            D.get_dataset_split_names(str(folder), "big"),
            D.get_dataset_split_names(str(folder), "small"),
            D.get_dataset_config_info(str(folder), "small").features,
            sorted(D.get_dataset_infos(str(folder))),
        )

    check(do)


@pytest.mark.reference
@pytest.mark.parametrize("name", ["small", "big", None, "bigg"])
def test_the_builder_of_a_folder(folder, cache, name):
    def do(D):
        builder = D.load_dataset_builder(str(folder), name, cache_dir=str(cache / ("o" if D is ours else "t")))
        files = {split: [os.path.basename(one) for one in found] for split, found in builder.config.data_files.items()}
        before = builder.info.features
        builder.download_and_prepare()
        return builder.name, builder.config.name, builder.config.sep, files, before, builder.as_dataset()

    check(do)


@pytest.mark.reference
@pytest.mark.parametrize("mode", ["basic_checks", "no_checks", "all_checks", "wrong"])
@pytest.mark.parametrize("rows", [1, 2])
def test_announced_splits_are_checked(folder, cache, mode, rows):
    (folder / "small.csv").write_text("a\n" + "7\n" * rows)

    def do(D):
        place = {"cache_dir": str(cache / ("o" if D is ours else "t"))}
        return D.load_dataset(str(folder), "small", split="train", verification_mode=mode, **place)

    check(do)


@pytest.mark.reference
@pytest.mark.parametrize("kind", ["enum", "text", "wrong"])
def test_modes(folder, cache, kind):
    def do(D):
        modes = {"enum": D.DownloadMode.FORCE_REDOWNLOAD, "text": "reuse_cache_if_exists", "wrong": "again"}
        place = {"cache_dir": str(cache / ("o" if D is ours else "t"))}
        for _ in range(2):
            made = D.load_dataset(str(folder), "big", split="dev", download_mode=modes[kind], **place)
        return made

    check(do)


@pytest.mark.reference
@pytest.mark.parametrize("name", ["script.py", "folder/folder.py"])
def test_loading_scripts_are_refused(cache, name, monkeypatch):
    monkeypatch.chdir(cache)
    path = cache / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("raise SystemExit('a script was run')")

    error = check(lambda D: D.load_dataset(name if "/" not in name else "folder"))
    assert path.name in str(error)


def test_a_changed_file_has_another_folder(cache):
    folder = cache / "texts"
    folder.mkdir()
    (folder / "train.txt").write_text("Hello there")
    first = ours.load_dataset_builder(str(folder))
    (folder / "train.txt").write_text("General Kenobi!")
    second = ours.load_dataset_builder(str(folder))

    assert first.cache_dir != second.cache_dir


def test_several_files_at_a_time_are_the_same_rows(cache):
    for i in range(6):
        (cache / f"{i}.csv").write_text("a,b\n" + f"{i},{'' if i < 3 else 'x'}\n" * 3)
    files = [str(cache / f"{i}.csv") for i in range(6)]
    one = ours.load_dataset("csv", data_files=files, split="train")
    many = ours.load_dataset("csv", data_files=files, split="train", num_proc=4, download_mode="reuse_cache_if_exists")

    assert many.to_dict() == one.to_dict()
    assert many.features == one.features


def test_an_error_in_one_of_several_files_ends_all(cache):
    for i in range(8):
        (cache / f"{i}.jsonl").write_text('{"a": 1}\n' * 10 if i != 2 else '{"a": \n')

    with pytest.raises(ours.DatasetGenerationError, match=r"2\.jsonl"):
        ours.load_dataset("json", data_files=str(cache / "*.jsonl"), num_proc=3)
    assert not list((cache / "our-cache").rglob("*.arrow"))
