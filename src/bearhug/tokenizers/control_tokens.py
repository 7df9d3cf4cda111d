"""Control tokens that a user writes: read as text, so that nobody can end a turn or begin the system's from inside a
message.

A template writes `<|im_end|>` to end a turn; a user who writes it too would speak with the template's voice. What comes
from outside is marked before the template renders it, and the marked places are encoded as if the vocabulary had no
such token.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bearhug.tokenizers.conversation import Conversations

START, END = "\U000f0000", "\U000f0001"  # private characters around a marked token; taken out of what users write


def control_tokens(tokenizer: Conversations, template: str) -> list[str]:
    """The special tokens, and the added ones that the template writes itself (or those that the files name)."""
    from bearhug.tokenizers.sandbox import literal_text

    named = tokenizer.init_kwargs.get("chat_control_tokens")
    written = literal_text(template)
    found = []
    for token in tokenizer.added_tokens_decoder.values():
        text = token.content
        own = text in named if named is not None else text in written and not text.isspace()
        if token.special or own:
            found.append(text)
    return found


def _pattern(tokens: list[str]) -> str:
    return "|".join(re.escape(token) for token in sorted(tokens, key=len, reverse=True)) or "(?!)"


def mark(value: Any, tokens: list[str]) -> Any:
    """The value with each control token in its texts marked; keys of dicts stay."""
    return _mark(value, re.compile(_pattern(tokens)))


def _mark(value: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return pattern.sub(f"{START}\\g<0>{END}", value.replace(START, "").replace(END, ""))
    if isinstance(value, dict):
        return {key: _mark(item, pattern) for key, item in value.items()}
    return [_mark(item, pattern) for item in value] if isinstance(value, list | tuple) else value


def encode(tokenizer: Conversations, text: str) -> list[int]:
    """The ids of a rendered text in which the marked tokens are ordinary text.

    Raises:
        ValueError: the vocabulary gives such a token even to plain text.
    """
    core = tokenizer._core
    plain = core.copy()  # finds no added token at all
    plain.remove_added_tokens([token.content for token in core.added_tokens().values()])
    marked = re.compile(f"{START}({_pattern(list(tokenizer.added_tokens_encoder))}){END}|[{START}{END}]")
    newline = core.encode_batch(["\n"], add_special_tokens=False).row(0, "ids")

    def inside(piece: str, as_text: bool) -> list[int]:
        """A piece's ids where it does not begin the text: some vocabularies put a blank before what begins one."""
        encoder = plain if as_text else core
        ids = encoder.encode_batch(["\n" + piece], add_special_tokens=False).row(0, "ids")
        if ids[: len(newline)] == newline:
            return ids[len(newline) :]
        return encoder.encode_batch([piece], add_special_tokens=False).row(0, "ids")

    pieces = marked.split(text)
    ids = core.encode_batch([pieces[0]], add_special_tokens=False).row(0, "ids")
    for i, piece in enumerate(pieces[1:], start=1):
        if not piece:
            continue
        as_text = i % 2 == 1
        more = inside(piece, as_text)
        if as_text and core.token_to_id(piece) in more:
            raise ValueError(
                f"{piece!r} cannot be read as text: this vocabulary has no other way to write it.\n"
                "Take it out of the messages, or refuse them."
            )
        ids += more
    return ids
