"""What importing and using data sets loads: nothing before it is needed, never torch unasked; pandas is not needed."""

import subprocess
import sys

import pytest

USE = """
import sys
class NoPandas:  # as if it were not installed; where it is, pyarrow itself loads it
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoPandas())
from bearhug.datasets import Dataset, load_dataset, load_from_disk
Dataset.from_dict({"a": [1, None], "b": ["x", "y"], "c": [[1], []]}).save_to_disk("saved")
ds = load_from_disk("saved")
ds.map(lambda row: {"d": 1}).filter(lambda row: True).shuffle(seed=0).sort("a").with_format("numpy")[:]
ds.to_json("x.jsonl"), ds.remove_columns("c").to_csv("x.csv"), ds.to_parquet("x.parquet")
for kind, name in (("json", "x.jsonl"), ("csv", "x.csv"), ("parquet", "x.parquet"), ("text", "x.csv")):
    load_dataset(kind, data_files=name, cache_dir="cache")
    next(iter(load_dataset(kind, data_files=name, split="train", streaming=True)))
"""


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import bearhug.datasets", ["pyarrow", "numpy", "pandas", "torch", "huggingface_hub"]),
        ("from bearhug import Dataset", ["pandas", "torch", "huggingface_hub", "pyarrow.parquet"]),
        (USE, ["pandas", "torch", "huggingface_hub", "datasets"]),
    ],
    ids=["import", "Dataset", "use"],
)
def test_nothing_is_loaded_unasked(code, absent, tmp_path):
    script = f"{code}\nimport sys\nprint([name for name in {absent} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
