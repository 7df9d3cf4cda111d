"""A stranger's Markdown as HTML that is safe to show: rendered, then reduced to a list of known tags."""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt

TAGS = nh3.ALLOWED_TAGS | {"details", "summary", "input", "section", "figure", "figcaption", "picture", "source", "kbd"}
ATTRIBUTES = {
    "*": {"align", "title", "id"},
    "a": {"href", "hreflang"},
    "img": {"src", "alt", "width", "height", "loading"},
    "source": {"srcset", "media"},
    "code": {"class"},
    "th": {"align", "colspan", "rowspan", "style"},
    "td": {"align", "colspan", "rowspan", "style"},
    "ol": {"start"},
    "details": {"open"},
    "input": {"type", "checked", "disabled"},
    "blockquote": {"cite"},
}
MOST = 500_000  # characters that are rendered


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    return MarkdownIt("gfm-like", {"html": True, "linkify": False}).disable("linkify")


def render(text: str, folder: str) -> str:
    """Markdown to HTML.

    Args:
        folder: the address of the folder that the file lies in (`/owner/name/{}/main/docs`), with {} where `blob` goes
            for links and `resolve` for images.
    """
    html = re.sub(r"<li>(<p>)?\[([ xX])\] ", _checkbox, _parser().render(text[:MOST]))

    def address(tag: str, name: str, value: str) -> str | None:
        if name in ("href", "src"):
            return _address(value, folder.format("blob" if name == "href" else "resolve"))
        if name == "srcset":
            return None
        if name == "style":
            return value if re.fullmatch(r"text-align:(left|right|center);?", value) else None
        if name == "id":
            return f"card-{value}"  # none of the page's own
        if name == "class":
            return value if value.startswith("language-") else None
        return value

    return nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=address,
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener noreferrer",
        set_tag_attribute_values={"input": {"type": "checkbox", "disabled": ""}, "img": {"loading": "lazy"}},
    )


def _checkbox(match: re.Match[str]) -> str:
    checked = " checked" if match[2] in "xX" else ""
    return f'<li>{match[1] or ""}<input type="checkbox"{checked} disabled> '


def _address(value: str, folder: str) -> str | None:
    """A link of a card: to other sites as it is, within the repository to its page."""
    try:
        parts = urlsplit(value.strip())
    except ValueError:
        return None
    if parts.scheme or parts.netloc or value.startswith("/"):
        return value
    if not parts.path:
        return f"#card-{parts.fragment}" if parts.fragment else None
    path = posixpath.normpath(posixpath.join(folder, parts.path))
    root = "/".join(folder.split("/")[:3])
    return (path if path.startswith(root) else folder) + (f"#{parts.fragment}" if parts.fragment else "")
