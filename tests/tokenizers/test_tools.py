"""EncodingVisualizer: the page of a text's pieces, with annotations, as text or in a notebook."""

import html
import inspect
import re
import sys
from types import ModuleType

import pytest

from bearhug import AutoTokenizer
from bearhug.tokenizers.tools import Annotation, EncodingVisualizer
from tokenizer_folders import bert, gpt2

TEXT = "Hello water <b> 🤗 the end"


@pytest.fixture
def tokenizer(tmp_path):
    return AutoTokenizer.from_pretrained(gpt2(tmp_path / "gpt2"))


def read(page):
    """The text that a page shows."""
    body = re.search(r'<pre id="text"[^>]*>(.*?)</pre>', page, re.DOTALL)[1]
    return html.unescape(re.sub("<[^>]*>", "", body)), body


def test_the_page_shows_the_text(tokenizer):
    show = EncodingVisualizer(tokenizer, default_to_notebook=False)
    for made in (show, EncodingVisualizer(tokenizer.backend_tokenizer, default_to_notebook=False)):
        text, body = read(made(TEXT))
        assert text == TEXT
        assert body.count("<b ") == len(tokenizer(TEXT)["input_ids"])
    assert read(show(""))[0] == ""


def test_special_tokens_stand_around(tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(bert(tmp_path))
    assert read(EncodingVisualizer(tokenizer, False)("hot", [Annotation(0, 3, "x")]))[0] == "[CLS]hot[SEP]"


def test_annotations_underline(tokenizer):
    show = EncodingVisualizer(tokenizer, default_to_notebook=False)
    marked = [Annotation(0, 5, "greeting"), Annotation(8, 13, 'w"<'), Annotation(16, 17, "sign")]
    text, body = read(show(TEXT, marked))
    assert text == TEXT
    found = re.findall(r'<mark class="m(\d)" data-label="([^"]*)">(.*?)</mark>', body)
    words = [(label, html.unescape(re.sub("<[^>]*>", "", inside))) for _, label, inside in found]
    assert words == [("greeting", "Hello"), ("w&quot;&lt;", "ter <"), ("sign", "🤗")]
    assert 'class="' in body
    assert re.search(r'<b class="c\d r"', body)  # "water" is cut by a mark, and shows its id once
    overlapping = read(show("Hello", [Annotation(0, 5, "a"), Annotation(2, 3, "b")]))[1]
    assert re.findall('data-label="(.)"', overlapping) == ["a", "b", "a"]


def test_a_converter_makes_annotations(tokenizer):
    show = EncodingVisualizer(
        tokenizer,
        default_to_notebook=False,
        annotation_converter=lambda row: Annotation(row["from"], row["to"], row["is"]),
    )
    assert 'data-label="noun"' in show(TEXT, annotations=[{"from": 6, "to": 11, "is": "noun"}])


def test_an_annotation_beyond_the_text(tokenizer):
    with pytest.raises(ValueError, match="covers characters 0 to 99, and the text has 3"):
        EncodingVisualizer(tokenizer, default_to_notebook=False)("the", [Annotation(0, 99, "x")])


def test_a_notebook_shows_it(tokenizer, monkeypatch):
    seen = []
    display = ModuleType("IPython.display")
    display.HTML, display.display = str, seen.append
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    assert EncodingVisualizer(tokenizer)(TEXT) is None
    frame = re.search('srcdoc="([^"]*)"', seen[0])[1]
    assert read(html.unescape(frame))[0] == TEXT
    assert EncodingVisualizer(tokenizer)(TEXT, default_to_notebook=False)
    assert len(seen) == 1


def test_without_a_notebook(tokenizer, monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    with pytest.raises(ImportError, match="default_to_notebook=False"):
        EncodingVisualizer(tokenizer)


@pytest.mark.reference
def test_names_and_colours_are_the_references():
    import tokenizers.tools as theirs

    for mine, other in ((EncodingVisualizer, theirs.EncodingVisualizer), (Annotation, theirs.Annotation)):
        assert [*inspect.signature(mine).parameters] == [*inspect.signature(other).parameters]
    labels = [Annotation(0, 1, label) for label in "cabad"]
    assert EncodingVisualizer.calculate_label_colors(labels) == theirs.EncodingVisualizer.calculate_label_colors(labels)
    assert EncodingVisualizer.calculate_label_colors([]) == {}
    many = [Annotation(0, 1, str(i)) for i in range(30)]
    assert EncodingVisualizer.calculate_label_colors(many) == theirs.EncodingVisualizer.calculate_label_colors(many)
