"""What is exported exists, says what it is, and stands in the reference pages; and nothing else stands there."""

import inspect
from pathlib import Path

import pytest

import bearhug

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize("name", sorted(bearhug.NAMES))
def test_a_public_name_exists_and_has_a_docstring(name):
    value = getattr(bearhug, name)

    assert inspect.getdoc(value), f"bearhug.{name} has no docstring"


def test_the_public_surface_stays_small():
    """Complaint A4: at most 400 names besides the thin aliases."""
    assert len(bearhug.NAMES) <= 400
    assert set(bearhug.NAMES) <= set(dir(bearhug))


def test_a_wrong_name_is_an_attribute_error_that_names_the_near_ones():
    with pytest.raises(AttributeError, match="Did you mean 'AutoTokenizer'"):
        _ = bearhug.AutoTokeniser


def test_every_public_name_stands_in_the_reference_pages():
    pages = "\n".join(path.read_text() for path in sorted((DOCS / "reference").glob("*.md")))
    missing = [name for name in bearhug.NAMES if name not in pages]

    assert not missing
