"""Write the reference pages: one a part, every public name of bearhug.NAMES, its text from the docstring.

    python docs/reference/pages.py

`make docs` does it first; the test of the docs says when the pages in the repository are not the ones that this writes.
"""

import inspect
from pathlib import Path

import bearhug

FOLDER = Path(__file__).parent
TITLES = {
    "pipelines": "Pipelines",
    "tokenizers": "Tokenizers",
    "models": "Models",
    "generation": "Generation",
    "datasets": "Data sets",
    "training": "Training",
    "hub": "The hub",
}


def parts() -> dict[str, list[str]]:
    """Part -> its public names, in the order of bearhug.NAMES."""
    found: dict[str, list[str]] = {}
    for name, module in bearhug.NAMES.items():
        found.setdefault(module.split(".")[1], []).append(name)
    return found


def page(part: str, names: list[str]) -> str:
    """One page: the names, each with the directive that brings its docstring."""
    lines = [f"# {TITLES.get(part, part.capitalize())}: the names", ""]
    lines += [f"Import each from `bearhug`. How they work together stands in [the guide](../guides/{part}.md); in the"]
    lines += [f"terminal, `bearhug docs {names[0]}` shows one.", ""]
    for name in names:
        value = getattr(bearhug, name)
        kind = "autoclass" if inspect.isclass(value) else "autofunction" if callable(value) else "autodata"
        lines += [f"## {name}", "", "```{eval-rst}", f".. {kind}:: bearhug.{name}", "```", ""]
    return "\n".join(lines)


def summary(names: list[str]) -> str:
    """The names with their first sentences, as a table."""
    lines = ["| name | |", "| --- | --- |"]
    for name in names:
        first = (inspect.getdoc(getattr(bearhug, name)) or "").split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
        lines.append(f"| [{name}](#{name.lower()}) | {first} |")
    return "\n".join(lines)


def tokenizer_parts() -> str:
    """The page of the raw tokenizer's parts: a family after the other, in the order of `bearhug.tokenizers.NAMES`."""
    from bearhug.tokenizers import NAMES

    lines = ["# Parts of a tokenizer: the names", ""]
    lines += ["Import a family: `from bearhug.tokenizers import models`. How parts work together stands in"]
    lines += ["[the guide](../guides/tokenizers.md).", ""]
    families = [name for name, module in NAMES.items() if module == f"bearhug.tokenizers.{name}"]
    for module in [*families, "strings", "stream", "encoding"]:
        lines += [f"## {module}", "", "```{eval-rst}", f".. automodule:: bearhug.tokenizers.{module}", "   :members:"]
        lines += ["   :no-index:", "```", ""]  # each family has a Sequence
    return "\n".join(lines)


def texts() -> dict[Path, str]:
    """Every page's path and text."""
    pages = {FOLDER / "tokenizer_parts.md": tokenizer_parts()}
    return pages | {FOLDER / f"{part}.md": page(part, names) for part, names in parts().items()}


def write() -> None:
    """Write the pages that have changed."""
    for path, text in texts().items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


if __name__ == "__main__":
    write()
