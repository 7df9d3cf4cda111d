"""Databases as data sets and back: what the reference reads and writes."""

import sqlite3

import pytest

from bearhug.datasets import Dataset, Features, Value

pytest.importorskip("pandas")
sqlalchemy = pytest.importorskip("sqlalchemy")
ROWS = {"a": [1, 2, 3], "b": ["x", None, "z"], "c": [1.5, 2.0, None], "d": ["2020-01-01", "2021-01-01", "2022-02-02"]}


@pytest.fixture
def url(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    return f"sqlite:///{tmp_path / 'some.db'}"


@pytest.mark.parametrize("batch_size", [None, 2])
def test_a_table_goes_in_and_comes_out(url, batch_size):
    ds = Dataset.from_dict(ROWS)

    assert ds.to_sql("rows", url, batch_size=batch_size) == 3
    assert Dataset.from_sql("rows", url)[:] == ds[:]
    assert Dataset.from_sql("SELECT a FROM rows WHERE a > 1", url)["a"][:] == [2, 3]
    with pytest.raises(ValueError, match="exists"):
        ds.to_sql("rows", url)
    assert ds.shuffle(seed=0).to_sql("rows", url, if_exists="replace") == 3
    assert sorted(Dataset.from_sql("rows", url, keep_in_memory=True)["a"]) == [1, 2, 3]


@pytest.mark.reference
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"parse_dates": ["d"]},
        {"index_col": "a"},
        {"columns": ["b", "a"]},
        {"chunksize": 2},
        {"coerce_float": False},
    ],
    ids=str,
)
def test_rows_and_features_are_the_references(url, options, tmp_path):
    theirs = pytest.importorskip("datasets").Dataset
    Dataset.from_dict(ROWS).to_sql("rows", url)
    ours, other = (
        Dataset.from_sql("rows", url, **options),
        theirs.from_sql("rows", url, cache_dir=str(tmp_path / "theirs"), **options),
    )

    assert ours[:] == other[:]
    assert str(ours.features) == str(other.features)


def test_connections_engines_and_selectables_are_taken(url, tmp_path):
    Dataset.from_dict(ROWS).to_sql("rows", url)
    with sqlite3.connect(tmp_path / "some.db") as connection:
        plain = Dataset.from_sql("SELECT * FROM rows", connection)
        assert plain.to_sql("again", connection) == 3
    connection.close()
    engine = sqlalchemy.create_engine(url)
    table = sqlalchemy.Table("again", sqlalchemy.MetaData(), autoload_with=engine)
    few = Dataset.from_sql(sqlalchemy.select(table.c.a), engine, features=Features({"a": Value("float32")}))

    assert plain["a"][:] == [1, 2, 3]
    assert few.features == Features({"a": Value("float32")})
    engine.dispose()


def test_a_query_is_asked_anew(url):
    Dataset.from_dict({"a": [1]}).to_sql("rows", url)
    first = Dataset.from_sql("rows", url)
    Dataset.from_dict({"a": [2]}).to_sql("rows", url, if_exists="append")

    assert Dataset.from_sql("rows", url)["a"][:] == [1, 2]
    assert first["a"][:] == [1]


def test_wrong_arguments_are_named(url):
    with pytest.raises(TypeError, match="chunk_size"):
        Dataset.from_sql("rows", url, chunk_size=2)
    with pytest.raises(TypeError, match="selectable"):
        Dataset.from_sql(5, url)
    with pytest.raises(ValueError, match="num_proc"):
        Dataset.from_dict(ROWS).to_sql("rows", url, num_proc=0)
