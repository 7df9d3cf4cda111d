"""`bearhug docs [TOPIC]`: the pages of the documentation, and the docstring of a name, in the terminal."""

import inspect
import re
from pathlib import Path

import typer

import bearhug
from bearhug._lib.errors import near

INSTALLED = Path(__file__).parent.parent / "docs"
REPOSITORY = Path(__file__).parents[3] / "docs"
ORDER = ("index", "learn/", "guides/install", "guides/", "map", "design/", "reference/")


def docs(
    topic: str = typer.Argument("", help="A page, such as tutorial, or a name, such as pipeline.", show_default=False),
    plain: bool = typer.Option(False, "--plain", help="Print the text as it is."),
) -> None:
    """Read the documentation here; no network is needed."""
    known = pages()
    names = {**{name.lower(): name for name in bearhug.NAMES}, **{name: name for name in bearhug.NAMES}}
    wanted = topic.lower().removesuffix(".md")
    if not topic:
        for name, page in known.items():
            typer.echo(f"  {name:<22} {title(page)}")
        typer.echo("\nRead one with: bearhug docs TOPIC, or look up a name: bearhug docs AutoTokenizer")
    elif wanted in known:
        show(known[wanted].read_text(), plain=plain)
    elif topic in names or wanted in names:
        show(described(names.get(topic) or names[wanted]), plain=plain)
    else:
        raise typer.BadParameter(
            f"no page and no name is called {topic!r}.{near(topic, [*known, *bearhug.NAMES])} "
            f"The pages: {', '.join(known)}.",
            param_hint="TOPIC",
        )


def folder() -> Path:
    """Where the pages lie: in the installed package, or in the repository that it is built from."""
    for place in (INSTALLED, REPOSITORY):
        if (place / "index.md").exists():
            return place
    raise FileNotFoundError(f"the documentation's pages are not in {INSTALLED}; install bearhug again.")


def pages() -> dict[str, Path]:
    """Topic -> page, in reading order; a page of the reference has its folder in its topic."""
    top = folder()
    found = [
        path.relative_to(top).with_suffix("").as_posix() for path in top.rglob("*.md") if "_build" not in path.parts
    ]

    def rank(name: str) -> tuple[int, str]:
        return next((i for i, start in enumerate(ORDER) if name.startswith(start)), len(ORDER)), name

    topics = {}
    for name in sorted(found, key=rank):
        topics[name if name.startswith("reference/") else name.rsplit("/", 1)[-1]] = top / f"{name}.md"
    return topics


def title(page: Path) -> str:
    """The page's first heading."""
    match = re.search(r"^# (.+)$", page.read_text(), re.MULTILINE)
    return match[1] if match else page.stem


def described(name: str) -> str:
    """A public name's signature and docstring, as Markdown."""
    value = getattr(bearhug, name)
    try:
        signature = str(inspect.signature(value))
    except (TypeError, ValueError):
        signature = ""
    text = inspect.getdoc(value) or ""
    text = re.sub(r"^(Args|Returns|Raises|Example|Yields):$", r"**\1**\n", text, flags=re.MULTILINE)
    lines = [f"- {line.strip()}" if re.match(r" {4}[\w, *]+: ", line) else line for line in text.split("\n")]
    return f"# {name}\n\n```\nbearhug.{name}{signature}\n```\n\n" + "\n".join(lines)


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
