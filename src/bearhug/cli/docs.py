"""`bearhug docs [TOPIC]`: the pages of the documentation, in the terminal."""

import re
from pathlib import Path

import typer

from bearhug._lib.errors import near

INSTALLED = Path(__file__).parent.parent / "docs"
REPOSITORY = Path(__file__).parents[3] / "docs"


def docs(
    topic: str = typer.Argument("", help="A page, such as tutorial; without one, the list of all.", show_default=False),
    plain: bool = typer.Option(False, "--plain", help="Print the Markdown as it is."),
) -> None:
    """Read the documentation here; no network is needed."""
    known = pages()
    if not topic:
        for name, page in known.items():
            typer.echo(f"  {name:<22} {title(page)}")
        typer.echo("\nRead one with: bearhug docs TOPIC")
        return
    page = known.get(topic.lower().removesuffix(".md"))
    if page is None:
        raise typer.BadParameter(
            f"no page is called {topic!r}.{near(topic, known)} There are: {', '.join(known)}.", param_hint="TOPIC"
        )
    show(page.read_text(), plain=plain)


def folder() -> Path:
    """Where the pages lie: in the installed package, or in the repository that it is built from."""
    for place in (INSTALLED, REPOSITORY):
        if (place / "index.md").exists():
            return place
    raise FileNotFoundError(f"the documentation's pages are not in {INSTALLED}; install bearhug again.")


def pages() -> dict[str, Path]:
    """Topic -> page, in reading order: the first chapters, the guides, then all else."""
    top = folder()
    order = ("index", "learn/", "map", "guides/", "reference/", "design/")
    found = [
        path.relative_to(top).with_suffix("").as_posix() for path in top.rglob("*.md") if "_build" not in path.parts
    ]

    def rank(name: str) -> tuple[int, str]:
        return next((i for i, start in enumerate(order) if name.startswith(start)), len(order)), name

    topics: dict[str, Path] = {}
    for name in sorted(found, key=rank):
        short = name.rsplit("/", 1)[-1]
        topics[short if (short not in topics and short != "index") or name == "index" else name] = top / f"{name}.md"
    return topics


def title(page: Path) -> str:
    """The page's first heading."""
    match = re.search(r"^# (.+)$", page.read_text(), re.MULTILINE)
    return match[1] if match else page.stem


def show(markdown: str, *, plain: bool = False) -> None:
    """Markdown, laid out for the terminal; as it is where nobody watches."""
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    if plain or not console.is_terminal:
        typer.echo(markdown)
        return
    # Sphinx's own notes, ```{toctree} and the like, are no text to read here.
    markdown = re.sub(r"^```\{(\w+)\}.*?^```\n?", "", markdown, flags=re.MULTILINE | re.DOTALL)
    console.print(Markdown(markdown, code_theme="ansi_dark"), width=min(console.width, 100))
