"""`bearhug inspect`: a checkpoint as a tree."""

import typer


def inspect(
    name: str = typer.Argument(help="A folder with weights, a bundled name, or a name on the hub."),
    revision: str = typer.Option(None, "--revision", help="A branch, tag or commit."),
) -> None:
    """Show a checkpoint as a tree: shapes, dtypes, parameters; the memory and the time that it takes."""
    from bearhug.inspect.report import inspect as inspected

    try:
        typer.echo(inspected(name, **({} if revision is None else {"revision": revision})))
    except (OSError, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
