"""`bearhug docs`: pages and names in the terminal; the reference pages are those that the list of names makes."""

import importlib.util
from pathlib import Path

import pytest
from typer.testing import CliRunner

import bearhug
from bearhug.cli import docs
from bearhug.cli.main import app

ROOT = Path(__file__).parents[2]


def run(*arguments):
    return CliRunner().invoke(app, ["docs", *arguments])


def test_all_pages_are_listed_in_reading_order():
    listed = [line.split()[0] for line in run().stdout.splitlines() if line.startswith("  ")]

    assert listed[:3] == ["index", "tutorial", "install"]
    assert set(listed) == set(docs.pages())
    assert {"pipelines", "training", "errors", "map", "why", "reference/training"} <= set(listed)


@pytest.mark.parametrize("topic", sorted(docs.pages()))
def test_each_page_can_be_read(topic):
    assert run(topic).stdout.strip() == docs.pages()[topic].read_text().strip()
    assert docs.title(docs.pages()[topic]) in run().stdout


def test_a_name_shows_its_docstring():
    text = run("get_scheduler").stdout

    assert "bearhug.get_scheduler(name: str" in text
    assert "- num_warmup_steps: steps over which" in text
    assert run("autotokenizer").stdout.startswith("# AutoTokenizer")
    assert run("pipeline").stdout.startswith("# pipeline")
    assert run("Pipeline").stdout.startswith("# Pipeline")


def test_a_typo_names_the_near_ones():
    result = run("pipelnes")

    assert result.exit_code == 2
    assert "Did you mean 'pipelines'" in " ".join(result.stderr.replace("│", "").split())


def test_the_reference_pages_are_those_of_the_list_of_names():
    """After a change of bearhug.NAMES: python docs/reference/pages.py"""
    spec = importlib.util.spec_from_file_location("pages", ROOT / "docs" / "reference" / "pages.py")
    pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pages)

    for path, text in pages.texts().items():
        assert path.read_text() == text, f"{path.name} is old; run: python docs/reference/pages.py"
    assert sum(map(len, pages.parts().values())) == len(bearhug.NAMES)
