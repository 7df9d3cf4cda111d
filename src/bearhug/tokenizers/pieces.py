"""The pieces that a text is cut into, to be looked at: in a terminal, or as one HTML page of coloured pieces."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bearhug.tokenizers.convert import byte_characters

if TYPE_CHECKING:
    from bearhug.tokenizers.tokenizer import PreTrainedTokenizerFast

PAGE = Path(__file__).with_name("pieces.html")
SHOWN = 50_000  # pieces on a page; a browser takes a second for as many
COLOURS = 6
REST = "▪"  # stands where a token is the rest of a character, or nothing that can be seen
# Control characters and those that turn the direction of writing: shown by their code point, never as they are.
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\uffff]")


class Piece(NamedTuple):
    """A token, what it stands for in the text, and what kind of token it is."""

    id: int
    token: str  # as the vocabulary writes it
    start: int  # its characters; an added one has none
    end: int
    data: bytes  # its own bytes: of a character that is cut into several tokens, only a part
    kind: str  # "": of the vocabulary; "special": put around the text; "added": found in the text; "unknown"


def pieces_of(tokenizer: PreTrainedTokenizerFast, text: str, add_special_tokens: bool = True) -> list[Piece]:
    """The tokens of a text, in order."""
    encoding = tokenizer(text, add_special_tokens=add_special_tokens, return_special_tokens_mask=True, verbose=False)
    added, unknown = tokenizer.added_tokens_decoder, tokenizer.unk_token_id
    if encoding.encodings is None:  # a tokenizer that works in Python, and knows no offsets
        ids, special = encoding["input_ids"], encoding["special_tokens_mask"]
        tokens = tokenizer.convert_ids_to_tokens(ids)
        places = _places(text, tokens, special)
    else:
        row = encoding.encodings[0]
        ids, tokens, places, special = row.ids, row.tokens, row.offsets, row.special_tokens_mask
        unknown = tokenizer._core.unk_id
    bytes_of = _Bytes(tokenizer)
    pieces = []
    for id, token, (start, end), around in zip(ids, tokens, places, special, strict=True):
        if around:
            pieces.append(Piece(id, token, start, end, token.encode(), "special"))
            continue
        kind = "unknown" if id == unknown else "added" if id in added else ""
        data = text[start:end].encode() if kind else bytes_of.token(token, text[start:end])
        pieces.append(Piece(id, token, start, end, data, kind))
    return pieces


def _places(text: str, tokens: Sequence[str], special: Sequence[int]) -> list[tuple[int, int]]:
    """Where tokens stand in a text, told from what they are written with: characters, marks for blanks, or bytes.

    A token that is found nowhere (the text was changed before it was cut) has no width.
    """
    inner = [token for token, around in zip(tokens, special, strict=True) if not around]
    if "".join(inner).encode("latin-1", "ignore") == text.encode():
        places = iter([(at, at + 1) for at, char in enumerate(text) for _ in char.encode()])
    else:
        places = iter(_written(text, inner))
    return [(0, 0) if around else next(places) for around in special]


def _written(text: str, tokens: Sequence[str]) -> list[tuple[int, int]]:
    places, at = [], 0
    for token in tokens:
        form = token.replace("▁", " ")
        word = form.strip()
        start = at + len(text[at:]) - len(text[at:].lstrip()) if word else at  # behind the blanks before a word
        if text.startswith(form, at):
            end = at + len(form)
        elif word and text.startswith(word, start):
            end = start + len(word)
        else:
            start = end = at
        places.append((at if form.startswith(" ") and end > at else min(start, end), end))
        at = end
    return places


class _Bytes:
    """The bytes that tokens of a vocabulary stand for."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast):
        core = tokenizer._core
        parts = (core.decoder, core.pre_tokenizer, core.normalizer)
        is_byte_level = any(part is not None and '"ByteLevel"' in part.json for part in parts)
        self.byte_of = {char: byte for byte, char in byte_characters().items()} if is_byte_level else {}
        if not tokenizer.is_fast and tokenizer.tokenize("é") == ["Ã", "©"]:
            self.byte_of = {chr(byte): byte for byte in range(256)}

    def token(self, token: str, text: str) -> bytes:
        """Of one token, which stands for this part of a text."""
        if self.byte_of and all(char in self.byte_of for char in token):
            return bytes(self.byte_of[char] for char in token)
        if not self.byte_of and re.fullmatch("<0x[0-9A-F]{2}>", token):
            return bytes([int(token[3:5], 16)])
        return text.encode()


class Shown(NamedTuple):
    """A part of the text: what a piece shows of it, or what stands between two pieces (piece None)."""

    text: str
    piece: Piece | None


def shown(text: str, pieces: Sequence[Piece]) -> Iterator[Shown]:
    """The whole text in order. Of a character that is cut into several tokens, the first shows it, the others ""."""
    done = 0
    for piece in pieces:
        if piece.kind == "special":
            yield Shown(piece.token, piece)
            continue
        start, end = max(piece.start, done), max(piece.end, done)
        if start > done:
            yield Shown(text[done:start], None)
        yield Shown(text[start:end], piece)
        done = end
    if done < len(text):
        yield Shown(text[done:], None)


def visible(text: str) -> str:
    """The text with `‹U+202E›` for what has no look of its own, or would turn the direction of writing."""
    return HIDDEN.sub(lambda match: f"‹U+{ord(match[0]):04X}›", text)


def counts(text: str, pieces: Sequence[Piece]) -> str:
    """How many tokens, characters and bytes."""
    inner = [piece for piece in pieces if piece.kind != "special"]
    unknown = sum(piece.kind == "unknown" for piece in pieces)
    said = [f"{len(pieces):,} tokens", f"{len(text):,} characters", f"{len(text.encode()):,} bytes"]
    said += [f"{len(text) / len(inner):.2f} characters a token"] if inner else []
    said += [f"{unknown:,} unknown"] if unknown else []
    return ", ".join(said)


# -- in a terminal

BACKGROUNDS = (153, 157, 223, 218, 183, 159)  # of the 256 colours; black on each is well read


def as_terminal(text: str, pieces: Sequence[Piece], colour: bool) -> str:
    """The pieces in order, on coloured ground or with a bar between them, then their ids and counts."""
    out = []
    for at, (part, piece) in enumerate(shown(text, pieces)):
        part = visible(part) or REST
        if not colour:
            out.append(part if piece is None else f"|{part}|")
        elif piece is None:
            out.append(part)
        else:
            ground = f"\x1b[38;5;16;48;5;{BACKGROUNDS[at % len(BACKGROUNDS)]}m"
            mark = {"special": "\x1b[7m", "added": "\x1b[7m", "unknown": "\x1b[37;41m"}.get(piece.kind, ground)
            # colour would run on to the end of the line
            out.append(f"{mark}{part}\x1b[0m".replace("\n", f"↵\x1b[0m\n{mark}"))
    line = "".join(out) if colour else "".join(out).replace("||", "|")
    return f"{line}\n\n{' '.join(str(piece.id) for piece in pieces)}\n\n{counts(text, pieces)}"


# -- as a page


class Mark(NamedTuple):
    """Characters of a text that belong together, and what they are called."""

    start: int
    end: int
    label: str


def as_html(text: str, pieces: Sequence[Piece], model: str, title: str, marks: Sequence[Mark] = ()) -> str:
    """One HTML page that needs nothing else: coloured pieces, and of each its id, bytes and place.

    Of a long text the first 50,000 pieces are shown; the counts are of all. The page's scripts and styles are named by
    their digests in its content security policy, so nothing in the text could run.

    Args:
        marks: parts of the text to be underlined, with their labels; where two meet, the later one is shown.
    """
    page = PAGE.read_text(encoding="utf-8")
    for kind in ("style", "script"):
        content = re.search(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        assert content is not None
        digest = base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()
        page = page.replace(f"{{{{{kind} digest}}}}", f"'sha256-{digest}'")
    first = pieces[:SHOWN]
    end = len(text) if len(first) == len(pieces) else max((piece.end for piece in first), default=0)
    limit = ""
    if len(first) < len(pieces):
        limit = f"The first {SHOWN:,} of {len(pieces):,} tokens are shown: characters 0 to {end:,}."
    fields = {"title": title, "model": model, "counts": counts(text, pieces), "limit": limit}
    fields = {name: html.escape(visible(value)) for name, value in fields.items()}
    fields["pieces"] = "".join(_body(text[:end], first, marks))
    return re.sub(r"\{\{(\w+)\}\}", lambda match: fields[match[1]], page)


def _body(text: str, pieces: Sequence[Piece], marks: Sequence[Mark]) -> Iterator[str]:
    """The text with its pieces in <b>, and its marks in <mark> around them."""
    owner: list[Mark | None] = [None] * len(text) if marks else []
    for mark in marks:
        owner[mark.start : mark.end] = [mark] * (mark.end - mark.start)
    colour = {label: at % COLOURS for at, label in enumerate(sorted({mark.label for mark in marks}))}
    at, inside = 0, None
    for number, (part, piece) in enumerate(shown(text, pieces)):
        details, kind = ("", "") if piece is None else _details(piece, text, bool(part), number)
        special = piece is not None and piece.kind == "special"  # it stands nowhere in the text
        rest = ""
        for run, mark in [(part, inside)] if special or not marks else _runs(part, owner[at : at + len(part)], inside):
            if mark is not inside:
                yield "" if inside is None else "</mark>"
                if mark is not None:
                    yield f'<mark class="m{colour[mark.label]}" data-label="{html.escape(visible(mark.label))}">'
                inside = mark
            words = html.escape(visible(run))
            yield words if piece is None else f'<b class="{kind}{rest}"{details}>{words}</b>'
            rest = " r"  # of a piece that a mark cuts in two, only the first part shows the id
        at += 0 if special else len(part)
    yield "" if inside is None else "</mark>"


def _runs(part: str, owners: Sequence[Mark | None], before: Mark | None) -> Iterator[tuple[str, Mark | None]]:
    """A part of the text, cut where a mark begins or ends."""
    if not part:
        yield "", before
    start = 0
    for _, run in groupby(owners, key=id):
        length = len(list(run))
        yield part[start : start + length], owners[start]
        start += length


def _details(piece: Piece, text: str, has_text: bool, number: int) -> tuple[str, str]:
    """What the page tells of a piece, as attributes, and the class that colours it."""
    details = f' data-i="{piece.id}" data-t="{html.escape(visible(piece.token))}" data-b="{piece.data.hex(" ")}"'
    details += "" if piece.kind == "special" else f' data-o="{piece.start}–{piece.end}"'
    if not has_text:
        details += f' data-p="{html.escape(visible(text[piece.start : piece.end]))}"'
    return details, {"special": "s", "added": "a", "unknown": "u"}.get(piece.kind, f"c{number % COLOURS}")
