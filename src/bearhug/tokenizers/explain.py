"""What happens to a text, station by station, for a person to read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bearhug.tokenizers.pieces import Piece, pieces_of
from bearhug.tokenizers.plain.added_tokens import segments
from bearhug.tokenizers.plain.text import string
from bearhug.tokenizers.plain.tokenizer import normalized, pieces
from bearhug.tokenizers.special_tokens import FLAGS

if TYPE_CHECKING:
    from bearhug.tokenizers.tokenizer import PreTrainedTokenizerFast

LINES = 60  # tokens of the table that is printed; the fields hold all
WIDTH = 100


@dataclass(frozen=True)
class Explanation:
    """What each station of a tokenizer made of a text; prints as a table.

    Attributes:
        text: what was given.
        parts: the text between added tokens, and those tokens.
        normalized: those parts behind the normalizer.
        pieces: what the model saw, one at a time.
        tokens: each token as the vocabulary writes it.
        ids: their ids.
        offsets: (start, end) characters of each; (0, 0) of those put around the text.
        words: the number of each token's piece; None for those put around the text.
        special: whether each was put around the text.
        stations: station -> the kind of part that stands there, or None.
    """

    text: str
    parts: list[str]
    normalized: list[str]
    pieces: list[str]
    tokens: list[str]
    ids: list[int]
    offsets: list[tuple[int, int]]
    words: list[int | None]
    special: list[bool]
    stations: dict[str, str | None]
    rows: list[Piece]

    def __repr__(self) -> str:
        lines = [_line("text", "", [self.text])]
        if self.parts != [self.text]:
            lines.append(_line("added tokens", "", self.parts))
        if self.stations["normalizer"] is not None:
            lines.append(_line("normalized", self.stations["normalizer"], self.normalized))
        lines.append(_line("pieces", self.stations["pre-tokenizer"] or "not cut", self.pieces))
        around = " ".join(map(_shown, (row.token for row in self.rows if row.kind == "special")))
        ends = f"; {self.stations['post-processor'] or self.stations['model']} adds {around}" if around else ""
        lines.append(f"{'tokens':<14}{len(self.ids)} by {self.stations['model']}{ends}")
        return "\n".join([*lines, *self._table()])

    def _table(self) -> list[str]:
        cells = [("id", "token", "text", "characters", "piece")]
        for i, row in enumerate(self.rows[:LINES]):
            if row.kind == "special":
                cells.append((str(row.id), _shown(row.token), "around the text", "", ""))
                continue
            shown = repr(self.text[row.start : row.end])
            if b"\xef\xbf\xbd" in row.data.decode(errors="replace").encode():
                shown = f"part of {shown}: {row.data.hex(' ')}"
            shown += {"unknown": ", unknown", "added": ", an added token"}.get(row.kind, "")
            cells.append((str(row.id), _shown(row.token), shown, f"{row.start}-{row.end}", str(self.words[i])))
        widths = [max(len(row[column]) for row in cells) for column in range(4)]
        table = [
            f"  {id:>{widths[0]}}  {token:<{widths[1]}}  {text:<{widths[2]}}  {place:<{widths[3]}}  {word}".rstrip()
            for id, token, text, place, word in cells
        ]
        more = len(self.rows) - LINES
        return table + ([f"  and {more:,} more"] if more > 0 else [])


def _shown(token: str) -> str:
    """A token as it is, where it can be seen."""
    return token if token.isprintable() and token.strip() else repr(token)


def _line(name: str, by: str, texts: list[str]) -> str:
    shown = " ".join(map(repr, texts[:WIDTH]))
    if len(shown) > WIDTH or len(texts) > WIDTH:
        shown = shown[: WIDTH - 4] + " ..."
    return f"{name:<14}{shown}{f'  by {by}' if by and by != 'not cut' else ''}"


def explain(tokenizer: PreTrainedTokenizerFast, text: str, add_special_tokens: bool = True) -> Explanation:
    """The stations' results. Tokens, ids and offsets are the compiled core's, the parts and pieces the plain twin's.

    Raises:
        TypeError: no text.
    """
    if not isinstance(text, str):
        raise TypeError(f"explain takes one text; got {type(text).__name__} {str(text)[:40]!r}.")
    rows = pieces_of(tokenizer, text, add_special_tokens)
    core, found = tokenizer._core, {row.id for row in rows}
    inner = [row for row in rows if row.kind != "special"]
    parts, made, seen, words = [text], [], [row.token for row in inner], list(range(len(inner)))
    if tokenizer.is_fast:
        added = [
            {"id": id} | {flag: getattr(token, flag) for flag in FLAGS}
            for id, token in core.added_tokens().items()
            if id in found
        ]
        description = {"added_tokens": added}
        description |= {"normalizer": _said(core.normalizer), "pre_tokenizer": _said(core.pre_tokenizer)}
        parts, made, seen = _stages(description, text, tokenizer.split_special_tokens)
        every = tokenizer(text, add_special_tokens=add_special_tokens, verbose=False).word_ids()
    else:
        numbers = iter(words)
        every = [None if row.kind == "special" else next(numbers) for row in rows]
    return Explanation(
        text=text,
        parts=parts,
        normalized=made,
        pieces=seen,
        tokens=[row.token for row in rows],
        ids=[row.id for row in rows],
        offsets=[(row.start, row.end) for row in rows],
        words=every,
        special=[row.kind == "special" for row in rows],
        stations={
            "normalizer": _kind(core.normalizer),
            "pre-tokenizer": _kind(core.pre_tokenizer),
            "model": core.model.kind,
            "post-processor": _kind(core.post_processor),
        },
        rows=rows,
    )


def _stages(
    description: dict[str, Any], text: str, split_special_tokens: bool
) -> tuple[list[str], list[str], list[str]]:
    """The text's parts, the same normalized, and the pieces that the model sees."""
    parts, made, seen = [], [], []
    for segment in segments(description, text, split_special_tokens):
        parts.append(string(segment.text))
        if segment.id is not None:
            seen.append(parts[-1])
            continue
        made.append(string(normalized(description, segment)))
        seen += map(string, pieces(description, segment))
    return parts, made, seen


def _said(part: Any) -> Any:
    return None if part is None else json.loads(part.json)


def _kind(part: Any) -> str | None:
    """The type of a part, or those of a sequence of them."""
    description = _said(part)
    if description is None:
        return None
    inner = next(
        (description[key] for key in ("normalizers", "pretokenizers", "processors") if key in description), None
    )
    return description["type"] if inner is None else ", ".join(one["type"] for one in inner)
