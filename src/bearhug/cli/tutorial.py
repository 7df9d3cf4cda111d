"""`bearhug tutorial`: walk through docs/learn/tutorial.md, step by step, with every block's real result.

The page is the one source: a step is a heading `## 1. ...`, its text, and its Python blocks, which run in order in one
namespace, in a folder of their own with a home of its own. What the page shows as results (```text) was printed once;
here the blocks run and print again.
"""

import ast
import builtins
import os
import re
import shutil
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import typer

from bearhug.cli import docs

FENCE = re.compile(r"^```(\w+)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
# A script's beginning: a folder and a home of its own, so that logins and caches of the person stay as they are; no hub
# to ask before the step that starts one; and threads that sleep while they wait: on a machine that others use too, a
# story is told five times as fast (35 s -> 7 s, two cores with a load of 11).
ALONE = """import os, tempfile
os.chdir(tempfile.mkdtemp(prefix="bearhug-tutorial-"))
os.environ["HF_HOME"] = os.path.join(os.getcwd(), "home")
os.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
"""
# What the page's blocks measure, and how the summary says it.
MEASURED = {
    "losses": lambda losses: (
        f"training loss, {len(losses)} steps: {losses[0]:.3f} at first, "
        f"{sum(losses[-10:]) / len(losses[-10:]):.3f} at last"
    ),
    "accuracy": lambda accuracy: f"accuracy on rows not trained on: {accuracy:.3f}",
    "model_equal": lambda equal: f"model pushed and loaded back: {'equal' if equal else 'NOT equal'}",
    "data_equal": lambda equal: f"data set pushed and loaded back: {'equal' if equal else 'NOT equal'}",
}


@dataclass
class Step:
    """A step of the page: its number, title, and parts in order, (kind, text, line), of kind "prose" or a language."""

    number: int
    title: str
    parts: list[tuple[str, str, int]] = field(default_factory=list)

    def code(self) -> str:
        """All its Python blocks."""
        return "\n".join(text for kind, text, _ in self.parts if kind == "python")


def tutorial(
    step: int = typer.Option(
        0, "--step", help="Only this step (and, quietly, the ones it builds on).", show_default=False
    ),
    code: bool = typer.Option(False, "--code", help="Print the whole as one script that runs by itself."),
    keep: bool = typer.Option(False, "--keep", help="Keep the folder with everything that was made."),
) -> None:
    """Walk through everything, with real results, in less than a minute; no network is needed."""
    steps = read(docs.folder() / "learn" / "tutorial.md")
    if step and step not in [one.number for one in steps]:
        numbers = ", ".join(str(one.number) for one in steps)
        raise typer.BadParameter(f"there is no step {step}; there are {numbers}.", param_hint="--step")
    if code:
        typer.echo(script(steps))
        return
    chosen = [one for one in steps if one.number == step] if step else steps
    quiet = needed(steps, step) if step else []
    with alone(keep) as folder:
        done = walk(chosen, quiet)
    if keep:
        typer.echo(f"\nEverything is kept in {folder}")
    raise typer.Exit(0 if done else 1)


def read(page: Path) -> list[Step]:
    """The steps of the page."""
    text, steps = page.read_text(), []
    for match in re.finditer(r"^## (\d+)\. ([^\n]+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL):
        own, at = Step(int(match[1]), match[2]), 0
        for fence in FENCE.finditer(match[3]):
            own.parts.append(("prose", match[3][at : fence.start()].strip(), 0))
            line = text[: match.start(3) + fence.start(2)].count("\n") + 1
            own.parts.append((fence[1], fence[2], line))
            at = fence.end()
        own.parts.append(("prose", match[3][at:].strip(), 0))
        own.parts = [part for part in own.parts if part[1]]
        steps.append(own)
    return steps


def script(steps: list[Step]) -> str:
    """One script of all blocks."""
    parts = [f"# {one.number}. {one.title}\n{one.code()}" for one in steps]
    return "\n".join(['"""The bearhug tutorial."""', ALONE, *parts])


def needed(steps: list[Step], number: int) -> list[Step]:
    """The earlier steps whose names a step uses, and those that they use."""
    (wanted,) = [one for one in steps if one.number == number]
    names, before = _names(wanted)[0], []
    for one in reversed([one for one in steps if one.number < number]):
        uses, makes = _names(one)
        if names & makes:
            before.insert(0, one)
            names = (names - makes) | uses
    return before


def _names(step: Step) -> tuple[set[str], set[str]]:
    """The names that a step takes from outside, and those that it makes."""
    uses: set[str] = set()
    makes: set[str] = set()
    for statement in ast.parse(step.code()).body:
        nodes = list(ast.walk(statement))
        read = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        made = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        made |= {alias.asname or alias.name for node in nodes for alias in getattr(node, "names", [])}
        made |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
        # What a function, a comprehension or a block makes and reads itself comes from no other step.
        inner = {node.arg for node in nodes if isinstance(node, ast.arg)}
        targets = [node.target for node in nodes if isinstance(node, ast.comprehension)]
        inner |= {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
        if isinstance(statement, ast.FunctionDef | ast.For | ast.With):
            inner |= made
        uses |= read - makes - inner - set(dir(builtins))
        makes |= made
    return uses, makes


def walk(steps: list[Step], quiet: list[Step]) -> bool:
    """Show and run the steps, after the quiet ones; a summary at the end. Whether all went well."""
    names: dict[str, Any] = {"__name__": "__main__"}
    with redirect_stdout(StringIO()):
        for one in quiet:
            exec(compile(one.code(), "tutorial.md", "exec"), names)
    begun, took = time.perf_counter(), []
    for one in steps:
        started = time.perf_counter()
        if not _run(one, names):
            _heading(f"Step {one.number} failed. What went wrong stands above.")
            return False
        took.append((one, time.perf_counter() - started))
    _heading("What was measured")
    for one, seconds in took:
        print(f"  {seconds:5.1f} s  {one.number}. {one.title}")
    print(f"  {time.perf_counter() - begun:5.1f} s  all of it\n")
    for name, say in MEASURED.items():
        if name in names:
            print(f"  {say(names[name])}")
    return True


def _run(step: Step, names: dict[str, Any]) -> bool:
    """Show a step and run its blocks; False, with its traceback, where one fails."""
    _heading(f"{step.number}. {step.title}")
    for kind, text, line in step.parts:
        if kind == "prose":
            docs.show(text)
        elif kind == "python":
            _code(text)
            try:
                exec(compile("\n" * (line - 1) + text, "tutorial.md", "exec"), names)
            except Exception:
                traceback.print_exc()
                return False
            print(flush=True)
    return True


@contextmanager
def alone(keep: bool) -> Iterator[str]:
    """A folder and a home of their own for the blocks, gone afterwards unless kept; then the person's again."""
    here, environment = Path.cwd(), dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("HF_", "BEARHUG_ENDPOINT"))]:
        del os.environ[name]
    exec(ALONE, {})
    folder = os.getcwd()
    try:
        yield folder
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(environment)
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _heading(text: str) -> None:
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        console.rule(f"[bold]{text}", align="left")
    else:
        print(f"\n== {text}\n")


def _code(text: str) -> None:
    from rich.console import Console
    from rich.syntax import Syntax

    console = Console()
    if console.is_terminal:
        console.print(Syntax(text.rstrip(), "python", theme="ansi_dark"))
    else:
        print("\n".join(f"    {line}" for line in text.rstrip().split("\n")), "\n")
