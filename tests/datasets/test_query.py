"""ds.sql: one select over data sets, features kept where columns are handed on."""

import sys

import numpy as np
import pytest

from bearhug import ClassLabel, Dataset, DatasetDict, Features, Value, load_dataset
from bearhug.datasets import List

pytest.importorskip("duckdb")
FEATURES = Features(
    {
        "text": Value("string"),
        "label": ClassLabel(names=["neg", "pos"]),
        "v": List(Value("float32")),
        "n": Value("int8"),
    }
)


@pytest.fixture
def ds():
    rows = {
        "text": ["good", "bad", None, "fine"],
        "label": [1, 0, None, 1],
        "v": [[1.0], [], None, [2.0, 3.0]],
        "n": [1, 2, 3, 4],
    }
    return Dataset.from_dict(rows, features=FEATURES, split="train")


def test_all_columns_come_back_as_they_were(ds):
    out = ds.sql("select * from self")

    assert out.features == FEATURES
    assert out.to_dict() == ds.to_dict()
    assert str(out.split) == "train"


@pytest.mark.parametrize(
    ("query", "features"),
    [
        ("select label from self", {"label": FEATURES["label"]}),
        ("select label as y, text from self", {"y": FEATURES["label"], "text": Value("string")}),
        ("select y as z from (select label as y from self)", {"z": FEATURES["label"]}),
        ("with c as (select * from train) select label, v from c", {"label": FEATURES["label"], "v": FEATURES["v"]}),
        ("select label + 1 as label from self", {"label": Value("int64")}),
        ("select * replace (label + 0 as label) from self", {**FEATURES, "label": Value("int64")}),
        ("select label from self union all select label from self", {"label": FEATURES["label"]}),
        ("select label from self union all select 7", {"label": Value("int64")}),
        ("select a.label from self a join self b using (n)", {"label": FEATURES["label"]}),
        ("select label, count(*) as n, avg(n) m, sum(n) s from self group by all",
         {"label": FEATURES["label"], "n": Value("int64"), "m": Value("float64"), "s": Value("int64")}),
        ("select label as text from self", {"text": FEATURES["label"]}),
        ("select * exclude (v, n) from self", {"text": Value("string"), "label": FEATURES["label"]}),
        ("select upper(text) as text, {'a': n} as d, v[1] as f from self",
         {"text": Value("string"), "d": {"a": Value("int8")}, "f": Value("float32")}),
    ],
)  # fmt: skip
def test_features_stay_where_a_column_is_handed_on(ds, query, features):
    assert ds.sql(query).features == Features(features)


def test_rows_are_those_of_the_view_in_its_order(ds):
    assert ds.select([3, 0, 1]).sql("select n from self where n > 1")["n"][:] == [4, 2]
    assert ds.filter(lambda row: row["n"] != 2).sql("select sum(n) as s from train")[0] == {"s": 8}


def test_splits_are_tables_and_more_tables_are_keywords(ds):
    both = DatasetDict({"train": ds, "test": ds.select([0])})

    assert both.sql("select train.n from train join test using (text)")["n"][:] == [1]
    assert ds.sql("select o.w from self join o using (n)", o=Dataset.from_dict({"n": [4], "w": ["x"]}))[0] == {"w": "x"}


def test_parameters(ds):
    assert ds.sql("select n from self where text = ?", ["bad"])["n"][:] == [2]
    assert ds.sql("select n from self where n > $low", {"low": 2})["n"][:] == [3, 4]


def test_files_are_read_where_they_lie(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,x\n2,y\n")
    ds = load_dataset("csv", data_files=str(tmp_path / "a.csv"), split="train", cache_dir=str(tmp_path / "cache"))

    assert ds.sql("select b from train where a = 2")[0] == {"b": "y"}


def test_half_floats_and_empty_answers():
    ds = Dataset.from_dict({"h": np.array([1.5, 2.5], np.float16)})

    assert ds.sql("select * from self").features == Features({"h": Value("float16")})
    empty = ds.sql("select * from self where h > 9")
    assert len(empty) == 0
    assert empty.features == ds.features


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("selec * from self", "LINE 1"),
        ("select nope from self", "nope.*\n.*\n*LINE 1"),
        ("select * from slef", "The table self has the columns text, label, v, n"),
        ("select text::int as i from self", "Could not convert"),
        ("drop table self", "one select"),
        ("select 1; select 2", "2 statements"),
        ("", "0 statements"),
        ("select interval 1 day as i", "::varchar"),
    ],
)
def test_what_is_wrong_is_said_with_the_place(ds, query, said):
    with pytest.raises(ValueError, match=said):
        ds.sql(query)


def test_variables_of_the_caller_are_no_tables(ds):
    other = ds.data

    assert len(other) == 4
    with pytest.raises(ValueError, match="other"):
        ds.sql("select * from other")


def test_wrong_types_and_missing_library(ds, monkeypatch):
    with pytest.raises(TypeError, match="query as text"):
        ds.sql(3)
    with pytest.raises(TypeError, match="the table 'o' is a list"):
        ds.sql("select 1", o=[1])
    with pytest.raises(ValueError, match="two tables"):
        DatasetDict({"a": ds, "A": ds.select([0])}).sql("select 1")
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(ImportError, match=r"pip install 'bearhug\[sql\]'"):
        ds.sql("select 1")


def test_the_key_is_the_querys(ds):
    first, again, other = (
        ds.sql(q)._fingerprint for q in ["select n from self", "select n from self", "select v from self"]
    )

    assert first == again != other
