"""`bearhug login | logout | whoami`, also spelled `bearhug auth login | logout | whoami | list | switch`."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

auth = typer.Typer(no_args_is_help=True, help="Log in and out of a hub; the same as bearhug login, logout, whoami.")


@contextmanager
def _said() -> Iterator[None]:
    """An error is its text and exit code 1, not a traceback."""
    try:
        yield
    except (OSError, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


@auth.command()
def login(
    token: str = typer.Option(None, help="A token of the hub's; without it you are asked, or log in by browser."),
    add_to_git_credential: bool = typer.Option(False, "--add-to-git-credential", help="Give it to git, too."),
    force: bool = typer.Option(False, "--force", help="Ask even where somebody is logged in."),
) -> None:
    """Log in at the hub (HF_ENDPOINT). The token is kept where `hf auth login` keeps it."""
    from bearhug.hub import account

    with _said():
        account.login(token, add_to_git_credential=add_to_git_credential, force=force)


@auth.command()
def logout(token_name: str = typer.Option(None, help="Forget only this token; see bearhug auth list.")) -> None:
    """Forget the tokens of this machine."""
    from bearhug.hub import account

    with _said():
        account.logout(token_name)
    typer.echo("Logged out.")


@auth.command()
def whoami() -> None:
    """Say who is logged in, where, and in which organizations."""
    from bearhug.hub import account, reach

    with _said():
        me = account.whoami()
    token = me.get("auth", {}).get("accessToken", {})
    orgs = ", ".join(f"{org['name']} ({org['roleInOrg']})" for org in me["orgs"])
    typer.echo(f"{me['name']} at {reach.endpoint()}, by the token {token.get('displayName')!r} ({token.get('role')})")
    if orgs:
        typer.echo(f"organizations: {orgs}")


@auth.command("list")
def list_() -> None:
    """List the tokens that this machine keeps; a star marks the one in use."""
    from bearhug.hub import account

    current = account.current_token()
    for name, token in account.stored_tokens().items():
        typer.echo(f"{'*' if token == current else ' '} {name}  {token[:3]}...{token[-4:]}")


@auth.command()
def switch(token_name: str = typer.Argument(help="The token to use from now on; see bearhug auth list.")) -> None:
    """Use another of the tokens that this machine keeps."""
    from bearhug.hub import account

    with _said():
        account.switch(token_name)
    typer.echo(f"The token in use is {token_name!r}.")
