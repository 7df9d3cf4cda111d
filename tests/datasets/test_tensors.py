"""jax and tensorflow formats: the reference's arrays, row by row and batch by batch.

Each runs in a process of its own: both libraries start threads, after which this one could not fork workers any more.
"""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from bearhug.datasets import Dataset

SETUP = """
import datasets
from bearhug.datasets import Dataset
ROWS = {
    "i": [1, 2, 3], "n": [1, None, 3], "f": [1.5, 2.5, 3.5], "t": ["x", "y", "z"], "b": [True, False, True],
    "l": [[1, 2], [3], []], "e": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "s": [{"u": 1}, {"u": 2}, {"u": 3}],
    "lt": [["p"], ["q", "r"], []], "u": ["ä", "", "\\U0001f600"], "o": ["x", None, "z"],
}
"""
SAME = """
ours, theirs = Dataset.from_dict(ROWS).with_format(KIND), datasets.Dataset.from_dict(ROWS).with_format(KIND)
def shown(row):
    return {name: repr(value) for name, value in row.items()}
for key in [0, 1, -1, slice(0, 3), slice(1, 1), [2, 0]]:
    assert shown(ours[key]) == shown(theirs[key]), key
assert [shown(row) for row in ours] == [shown(row) for row in theirs]
assert [shown(one) for one in ours.iter(2)] == [shown(one) for one in theirs.iter(2)]
stream = Dataset.from_dict({"i": [1, 2]}).to_iterable_dataset().with_format(KIND)
assert [int(row["i"]) for row in stream] == [1, 2]
"""
OPTIONS = """
import jax
ds = Dataset.from_dict({"i": [1, 2]})
assert ds.with_format("jax", dtype="float32", device=str(jax.devices()[0]))[0]["i"].dtype == "float32"
try:
    ds.with_format("jax", device=jax.devices()[0])[0]
except ValueError as error:
    assert "device is given as text" in str(error)
else:
    raise AssertionError("a device was taken that cannot be pickled")
"""
TF_DATASET = """
plain = {name: ROWS[name] for name in ("i", "f", "e", "t")}
for options in (
    {"batch_size": 2}, {"columns": "i"}, {"batch_size": 2, "columns": ["i", "e"], "label_cols": "f"},
    {"batch_size": 2, "columns": "e", "label_cols": "i", "drop_remainder": True},
    {"batch_size": 2, "columns": ["e", "t"], "label_cols": ["f", "i"]},
):
    ours = Dataset.from_dict(plain).to_tf_dataset(**options)
    theirs = datasets.Dataset.from_dict(plain).to_tf_dataset(**options)
    assert repr(ours.element_spec) == repr(theirs.element_spec), options
    assert [repr(one) for one in ours] == [repr(one) for one in theirs], options
"""


@pytest.mark.reference
@pytest.mark.parametrize(
    ("kind", "code"), [("jax", SAME), ("jax", OPTIONS), ("tensorflow", SAME), ("tensorflow", TF_DATASET)],
    ids=["jax", "jax options", "tensorflow", "to_tf_dataset"],
)  # fmt: skip
def test_arrays_are_the_references(kind, code):
    if find_spec(kind) is None:
        pytest.skip(f"{kind} is not installed")
    done = subprocess.run(
        [sys.executable, "-c", f"KIND = {kind!r}\n{SETUP}{code}"], capture_output=True, text=True, timeout=300
    )

    assert done.returncode == 0, done.stderr


def test_a_library_that_is_absent_is_named(monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tensorflow" else real(name))
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    ds = Dataset.from_dict({"i": [1]})
    with pytest.raises(ValueError, match="pip install tensorflow"):
        ds.with_format("tf")
    with pytest.raises(ImportError, match="pip install tensorflow"):
        ds.to_tf_dataset(batch_size=1)
