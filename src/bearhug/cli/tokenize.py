"""`bearhug tokenize`: the pieces of a text or a file in the terminal, or as one HTML page."""

import os
import sys
from pathlib import Path

import typer


def tokenize(
    text_or_file: str = typer.Argument(help="A text, a file, or - for what comes in."),
    model: str = typer.Option("bearhug/storyteller", "--model", "-m", help="A folder or a name with a tokenizer."),
    html: bool = typer.Option(False, "--html", help="Write one HTML page of coloured pieces."),
    out: str = typer.Option(None, "--out", "-o", help="Where the page goes.", show_default="FILE.html, tokens.html"),
    explain: bool = typer.Option(False, "--explain", help="Every station's result, as tokenizer.explain prints it."),
    ids: bool = typer.Option(False, "--ids", help="Only the ids."),
    special: bool = typer.Option(True, "--special/--no-special", help="With the tokens that go around a text."),
) -> None:
    """Show the tokens of a text or a file: pieces, ids and counts."""
    from bearhug.tokenizers import AutoTokenizer, pieces

    try:
        text, source = _read(text_or_file)
        tokenizer = AutoTokenizer.from_pretrained(model)
        if explain:
            typer.echo(repr(tokenizer.explain(text, special)))
            return
        found = pieces.pieces_of(tokenizer, text, special)
        if html:
            target = Path(out or (f"{source.name}.html" if source else "tokens.html"))
            page = pieces.as_html(text, found, model, source.name if source else "Tokens")
            target.write_text(page, encoding="utf-8")
            typer.echo(f"{target}: {pieces.counts(text, found)}")
        elif ids:
            typer.echo(" ".join(str(piece.id) for piece in found))
        else:
            colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
            typer.echo(pieces.as_terminal(text, found, colour), color=colour)
    except (OSError, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _read(text_or_file: str) -> tuple[str, Path | None]:
    """The text, and the file that it comes from.

    Raises:
        ValueError: the file is no text.
    """
    if text_or_file == "-":
        return sys.stdin.read(), None
    path = Path(text_or_file)
    if len(text_or_file) > 4096 or "\n" in text_or_file or not path.is_file():
        return text_or_file, None
    try:
        return path.read_text(encoding="utf-8"), path
    except UnicodeDecodeError as error:
        raise ValueError(f"{text_or_file!r} is no text in UTF-8: {error}.") from None
