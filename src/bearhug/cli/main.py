"""`bearhug`: the commands. One file a group beside this one; each imports what it needs when it runs."""

import typer

from bearhug import __version__
from bearhug.cli.docs import docs
from bearhug.cli.hub import hub
from bearhug.cli.inspect import inspect
from bearhug.cli.login import auth, login, logout, whoami
from bearhug.cli.serve import chat, serve
from bearhug.cli.tokenize import tokenize
from bearhug.cli.tutorial import tutorial

app = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bearhug {__version__}")
        raise typer.Exit


@app.callback()
def start(
    version: bool = typer.Option(False, "--version", is_eager=True, callback=_version, help="Print the version."),
) -> None:
    """Pipelines, tokenizers, models, data sets, training and the hub that stores them, on your own machine.

    Start with: bearhug tutorial
    """


for command in (tutorial, docs, tokenize, inspect, hub, login, logout, whoami, serve, chat):
    app.command()(command)
app.add_typer(auth, name="auth")


def main() -> None:
    """What the `bearhug` command runs."""
    app()
