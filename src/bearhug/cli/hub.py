"""`bearhug hub`: a hub on this machine."""

from pathlib import Path
from typing import Annotated

import typer


def hub(
    host: Annotated[str, typer.Option(help="The address to listen at; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.")] = 7860,
    data: Annotated[
        Path,
        typer.Option(envvar="BEARHUG_HUB_DATA", help="The folder that holds everything; made where it is missing."),
    ] = Path("~/.bearhug/hub"),
    apply: Annotated[
        Path | None, typer.Option(help="A JSON file of users, tokens, organizations and aliases to bring into being.")
    ] = None,
    public_url: Annotated[str, typer.Option(help="What links begin with, where a proxy stands before the hub.")] = "",
) -> None:
    """Start a hub on this machine: repositories, large files and pages, for every Hugging Face client.

    The first start makes a user and a token that may write, and prints them once. Point clients at it with
    HF_ENDPOINT=http://127.0.0.1:7860
    """
    try:
        from bearhug.hub.server.running import serve
        from bearhug.hub.server.settings import Settings
    except ModuleNotFoundError as error:
        typer.echo(
            f"the hub needs {error.name}, which is not installed. Install it: pip install 'bearhug[hub]'", err=True
        )
        raise typer.Exit(1) from None
    try:
        serve(Settings(data=data.expanduser(), host=host, port=port, public_url=public_url), apply)
    except (OSError, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
