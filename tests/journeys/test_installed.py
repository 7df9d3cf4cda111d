"""A wheel holds everything: the compiled core, the nursery, the docs, the hub's pages and its schema."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_the_wheel_holds_the_core_the_nursery_the_docs_and_the_hubs_pages(tmp_path):
    """Built as `pip install .` builds it; at most 20 MB."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    for name in tracked.stdout.splitlines():
        if (ROOT / name).is_file():
            (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "source" / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path / "wheels", tmp_path / "source"],
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "wheels").glob("bearhug-*.whl")
    names = zipfile.ZipFile(wheel).namelist()

    assert wheel.stat().st_size <= 20_000_000
    for part in (
        "bearhug/tokenizers/_native",
        "bearhug/nursery/sentiment-en/model.safetensors",
        "bearhug/nursery/storyteller/tokenizer.json",
        "bearhug/docs/learn/tutorial.md",
        "bearhug/hub/server/schema/0001_start.sql",
        "bearhug/hub/server/templates/",
        "bearhug/hub/server/static/",
    ):
        assert any(name.startswith(part) for name in names), part
    assert not [name for name in names if name.startswith(("tests/", "recipes/", "benchmarks/"))]
