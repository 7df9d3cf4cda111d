"""ds.stats(): figures against plain numpy, the printed table, the page."""

import datetime
import json
import re
import statistics
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pytest

from bearhug import ClassLabel, Dataset, DatasetDict, Features, Value, load_dataset
from bearhug.datasets import List
from bearhug.datasets.summary import Stats, part_of

EVIL = '"><img src=x onerror=alert(1)><script>alert(2)</script>'


@pytest.fixture
def ds():
    draw = np.random.default_rng(3)
    n = 500
    return Dataset.from_dict(
        {
            "text": [None if i % 50 == 0 else "ab" * (i % 7) for i in range(n)],
            "label": [i % 3 - 1 if i % 4 else None for i in range(n)],
            "f": [float("nan") if i % 10 == 0 else float("inf") if i == 1 else float(draw.normal()) for i in range(n)],
            "i": draw.integers(-5, 1000, n).tolist(),
            "tags": [["x", "y"][: i % 3] for i in range(n)],
            "day": [datetime.date(2024, 1, 1 + i % 28) for i in range(n)],
            "when": [datetime.datetime(2024, 1, 1) + datetime.timedelta(hours=i) for i in range(n)],
            "ok": [i % 5 == 0 for i in range(n)],
            "s": [{"a": i, "b": {"c": str(i)}} for i in range(n)],
            "nothing": [None] * n,
            "raw": [b"x" * (i % 4) for i in range(n)],
        },
        features=Features(
            {
                "text": Value("string"), "label": ClassLabel(names=["no", "yes"]), "f": Value("float64"),
                "i": Value("int32"), "tags": List(Value("string")), "day": Value("date32"),
                "when": Value("timestamp[s]"), "ok": Value("bool"),
                "s": {"a": Value("int64"), "b": {"c": Value("string")}}, "nothing": Value("null"),
                "raw": Value("binary"),
            }
        ),
        split="train",
    )  # fmt: skip


def test_numbers_are_numpys(ds):
    one = ds.stats()["f"]
    values = np.array(ds["f"][:])
    values = values[np.isfinite(values)]

    assert (one["nan"], one["infinite"], one["nulls"]) == (50, 1, 0)
    assert (one["min"], one["max"]) == (values.min(), values.max())
    assert one["mean"] == pytest.approx(values.mean())
    assert one["std"] == pytest.approx(values.std())
    assert list(one["quantiles"].values()) == pytest.approx(np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95]).tolist())
    assert one["histogram"]["counts"] == np.histogram(values, bins=20)[0].tolist()


def test_whole_numbers(ds):
    one = ds.stats()["i"]
    values = ds["i"][:]

    assert one["unique"] == len(set(values))
    assert one["quantiles"]["50%"] == statistics.median(values)
    assert sum(one["histogram"]["counts"]) == len(values)
    assert one["histogram"]["edges"][0] < min(values)
    assert one["histogram"]["edges"][-1] > max(values)


def test_texts_labels_lists_times(ds):
    stats = ds.stats()
    texts = [one for one in ds["text"][:] if one is not None]

    assert stats["text"]["nulls"] == 10
    assert stats["text"]["unique"] == 7
    assert stats["text"]["lengths"]["mean"] == pytest.approx(statistics.mean(map(len, texts)))
    assert stats["text"]["most_common"] == [list(pair) for pair in Counter(texts).most_common(5)]
    labels = Counter(one for one in ds["label"][:] if one is not None)
    assert stats["label"]["counts"] == {"no": labels[0], "yes": labels[1]}
    assert stats["label"]["unlabelled"] == labels[-1]
    assert stats["tags"]["lengths"]["histogram"]["counts"] == [167, 167, 166]
    assert stats["tags"]["values"]["most_common"] == [["x", 333], ["y", 166]]
    assert (stats["day"]["min"], stats["day"]["max"], stats["day"]["unique"]) == ("2024-01-01", "2024-01-28", 28)
    assert sum(stats["when"]["histogram"]["counts"]) == 500
    assert stats["ok"]["most_common"] == [[False, 400], [True, 100]]
    assert stats["s.b.c"]["unique"] == 500
    assert stats["nothing"]["nulls"] == 500
    assert stats["raw"]["lengths"]["max"] == 3


def test_the_dict_is_json(ds):
    made = ds.stats(examples=3).to_dict()

    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert made["rows"] == 500
    assert len(made["examples"]) == 3


def test_only_chosen_rows_and_columns_count(ds):
    view = ds.select([5, 3, 3])

    assert view.stats(["i"]).to_dict()["rows"] == 3
    assert list(view.stats("i").to_dict()["columns"]) == ["i"]
    assert view.stats()["i"]["unique"] == len(set(view["i"][:]))
    assert "(a sample)" in repr(ds.stats(sample=10))
    assert ds.stats(sample=10).to_dict()["rows"] == 10


def test_it_prints_as_a_table(ds):
    text = repr(ds.select_columns(["text", "label", "i"]).stats())

    assert text.splitlines()[0] == "train: 500 rows, 3 columns"
    assert re.search(r"^text +string +10 +7 +0 +\S+ +6 +12 +characters", text, re.M)
    assert re.search(r"^label +label of 2 .*no 125, yes 125|yes \d+, no \d+", text, re.M)


def test_splits_and_streams(ds):
    both = DatasetDict({"train": ds, "test": ds.select(range(7))}).stats()
    stream = ds.to_iterable_dataset().stats()

    assert both.to_dict()["test"]["rows"] == 7
    assert both["train"] == ds.stats().to_dict()["columns"]
    assert repr(both).count(" rows, ") == 2
    assert stream.to_dict()["columns"] == ds.stats().to_dict()["columns"]
    assert ds.to_iterable_dataset().stats(sample=20).to_dict()["rows"] == 20
    assert ds.to_iterable_dataset().map(lambda row: {"n": 1}).stats(["n"])["n"]["max"] == 1
    begun = ds.to_iterable_dataset()
    begun.stats()
    assert next(iter(begun))["i"] == ds[0]["i"]


class Page(HTMLParser):
    """Tags, their sources, and whether each that opens is closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.sources, self.open, self.handlers = Counter(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_nothing_of_the_data_is_markup(tmp_path):
    ds = Dataset.from_dict({EVIL: [EVIL, "b", EVIL], "list": [[EVIL], [], []], "n": [1, 2, 3]})
    ds = ds.add_column("label", [0, 0, 1]).cast_column("label", ClassLabel(names=[EVIL, "fine"]))
    text = DatasetDict({"train": ds}).stats().to_html(tmp_path / "page.html")
    page = Page(text)

    assert (tmp_path / "page.html").read_text("utf-8") == text
    assert not page.open
    assert not page.handlers
    assert page.sources == []
    assert page.tags["script"] == page.tags["img"] == page.tags["link"] == 0
    assert page.tags["svg"] >= 3
    assert "http" not in text
    assert ds.stats()._repr_html_() in ds.stats().to_html()


class Picture:
    """What is stored for pictures and sounds."""

    def __call__(self):
        return pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def test_pictures_are_measured_and_shown_as_they_lie():
    png, huge = b"\x89PNG\r\n\x1a\n" + b"x" * 10, b"\x89PNG" + b"x" * (1 << 20)
    rows = [
        {"bytes": png, "path": "a/one.png"}, {"bytes": huge, "path": "b.PNG"},
        {"bytes": b"<svg onload=x>", "path": "c.svg"},
        {"bytes": b"RIFF0000WAVEfmt", "path": f"{EVIL}.wav"}, {"bytes": None, "path": "far.jpg"}, None,
    ]  # fmt: skip
    table = pa.table({"media": pa.array(rows, Picture()())})
    stats = Stats({"": part_of(table, Features({"media": Picture()}), 9, "")}, several=False)
    page = Page(stats.to_html())

    assert stats["media"]["embedded"] == 4
    assert stats["media"]["nulls"] == 1
    assert stats["media"]["lengths"]["max"] == len(huge)
    assert dict(stats["media"]["most_common"])[".png"] == 2
    assert [one.partition(";")[0] for one in page.sources] == ["data:image/png", "data:audio/wav"]
    assert not page.handlers


def test_empty_and_wrong(ds):
    empty = ds.select([]).stats()

    assert empty.to_dict()["rows"] == 0
    assert "<svg" not in empty.to_html()
    assert "0 rows" in repr(Dataset.from_dict({}).stats())
    with pytest.raises(ValueError, match="Current columns"):
        ds.stats(["txt"])
    with pytest.raises(ValueError, match="no statistics of 'txt'"):
        ds.stats()["txt"]
    with pytest.raises(ValueError, match="sample=0"):
        ds.stats(sample=0)
    with pytest.raises(ValueError, match="examples=-1"):
        ds.stats(examples=-1)


def test_real_files(shared):
    ds = load_dataset("csv", data_files=str(shared / "sst2" / "dev.tsv"), sep="\t", split="train")

    assert ds.stats()["sentence"]["lengths"]["max"] == max(map(len, ds["sentence"][:]))


def test_pictures_and_sounds_stay_as_they_lie(shared, monkeypatch):
    """Neither statistics nor SQL decode; the feature comes through a query."""
    from bearhug.datasets import Audio, Image

    files = {"image": ["images/chelsea.png", None], "sound": ["audio/digit_3_jackson.wav"] * 2}
    values = {name: [one and str(shared / one) for one in those] for name, those in files.items()}
    ds = Dataset.from_dict(values, features=Features({"image": Image(), "sound": Audio()}))
    monkeypatch.setattr(Image, "decode_example", None)
    monkeypatch.setattr(Audio, "decode_example", None)
    stats = ds.stats()
    assert stats["image"]["nulls"] == 1
    assert stats["sound"]["most_common"] == [[".wav", 2]]
    assert "digit_3_jackson.wav" in stats.to_html()
    pytest.importorskip("duckdb")
    asked = ds.sql("select sound, image as picture from self")
    assert asked.features == Features({"sound": Audio(), "picture": Image()})
