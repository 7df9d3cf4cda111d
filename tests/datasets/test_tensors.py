"""jax and tensorflow formats: the reference's arrays, row by row and batch by batch."""

import pytest

from bearhug.datasets import Dataset

ROWS = {
    "i": [1, 2, 3], "n": [1, None, 3], "f": [1.5, 2.5, 3.5], "t": ["x", "y", "z"], "b": [True, False, True],
    "l": [[1, 2], [3], []], "e": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "s": [{"u": 1}, {"u": 2}, {"u": 3}],
    "lt": [["p"], ["q", "r"], []], "u": ["ä", "", "\U0001f600"],
}  # fmt: skip
KEYS = [0, -1, slice(0, 3), slice(1, 1), [2, 0]]


@pytest.mark.reference
@pytest.mark.parametrize("kind", ["jax", "tensorflow"])
def test_rows_and_batches_are_the_references(kind):
    pytest.importorskip(kind)
    theirs = pytest.importorskip("datasets").Dataset.from_dict(ROWS).with_format(kind)
    ours = Dataset.from_dict(ROWS).with_format(kind)
    for key in KEYS:
        assert {name: repr(value) for name, value in ours[key].items()} == {
            name: repr(value) for name, value in theirs[key].items()
        }
    assert [repr(row) for row in ours] == [repr(row) for row in theirs]
    assert [repr(one) for one in ours.iter(2)] == [repr(one) for one in theirs.iter(2)]


def test_jax_takes_a_dtype_and_a_device():
    jax = pytest.importorskip("jax")
    ds = Dataset.from_dict({"i": [1, 2]}).with_format("jax", dtype="float32", device=str(jax.devices()[0]))

    assert ds[0]["i"].dtype == "float32"
    with pytest.raises(ValueError, match="device is given as text"):
        Dataset.from_dict({"i": [1, 2]}).with_format("jax", device=jax.devices()[0])[0]


def test_a_library_that_is_absent_is_named(monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tensorflow" else real(name))
    monkeypatch.setitem(__import__("sys").modules, "tensorflow", None)
    ds = Dataset.from_dict({"i": [1]})
    with pytest.raises(ValueError, match="pip install tensorflow"):
        ds.with_format("tf")
    with pytest.raises(ImportError, match="pip install tensorflow"):
        ds.to_tf_dataset(batch_size=1)


@pytest.mark.reference
@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 2}, {"columns": "i"}, {"batch_size": 2, "columns": ["i", "e"], "label_cols": "f"},
        {"batch_size": 2, "columns": "e", "label_cols": "i", "drop_remainder": True},
        {"batch_size": 2, "columns": ["e", "t"], "label_cols": ["f", "i"]},
    ],
    ids=str,
)  # fmt: skip
def test_tf_datasets_are_the_references(options):
    pytest.importorskip("tensorflow")
    plain = {name: ROWS[name] for name in ("i", "f", "e", "t")}
    theirs = pytest.importorskip("datasets").Dataset.from_dict(plain).to_tf_dataset(**options)
    ours = Dataset.from_dict(plain).to_tf_dataset(**options)

    assert repr(ours.element_spec) == repr(theirs.element_spec)
    assert [repr(one) for one in ours] == [repr(one) for one in theirs]
