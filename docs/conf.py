"""The site's settings (Sphinx). `make docs` builds it; the reference pages are written by reference/pages.py."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "reference"))

import pages

import bearhug

project = "bearhug"
author = "The bearhug authors"
copyright = author
version = release = bearhug.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "undoc-members": False, "exclude-members": "forward"}
python_maximum_signature_line_length = 100
napoleon_numpy_docstring = False

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["bearhug.css"]
html_title = f"bearhug {release}"
html_show_sourcelink = False
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#8a4b1f", "color-brand-content": "#8a4b1f"},
    "dark_css_variables": {"color-brand-primary": "#e0a674", "color-brand-content": "#e0a674"},
}
pygments_style = "friendly"
pygments_dark_style = "monokai"


def as_rst(app, what, name, obj, options, lines: list[str]) -> None:
    """Docstrings are written as people read them, in Markdown: `code` in single ticks, * and _ as they are."""
    at = 0
    while at < len(lines) - 1:  # names of arguments that go on in the next line are one list of names
        if re.fullmatch(r"\s+(\w+, )*\w+,", lines[at]):
            lines[at : at + 2] = [f"{lines[at]} {lines[at + 1].strip()}"]
        else:
            at += 1
    in_code = False
    for number, line in enumerate(lines):
        in_code = line.lstrip().startswith(">>>") or (in_code and line.strip() != "")
        if in_code:
            continue
        parts = re.split(r"``?([^`]+)``?", line)
        parts[::2] = [
            re.sub(r"(?<![\w\\])(\*+)(?=\w)|\b_(?=\W|$)|\|", lambda m: "\\" + m[0], part) for part in parts[::2]
        ]
        parts[1::2] = [f"``{part}``" for part in parts[1::2]]
        lines[number] = "".join(parts)


def with_summary(app, docname: str, source: list[str]) -> None:
    """A reference page begins with its names and what they are, in one table."""
    part = docname.removeprefix("reference/")
    if part in pages.parts():
        source[0] = source[0].replace("\n\n## ", f"\n\n{pages.summary(pages.parts()[part])}\n\n## ", 1)


def setup(app) -> None:
    """Write the reference pages, then read docstrings our way, before napoleon does."""
    pages.write()
    app.connect("source-read", with_summary)
    app.connect("autodoc-process-docstring", as_rst, priority=100)
