"""Decoders: tokens as the vocabulary writes them -> text. Each takes all tokens and gives what stands for them."""

import re
from collections.abc import Callable
from itertools import groupby

from bearhug.tokenizers.convert import byte_characters
from bearhug.tokenizers.plain.text import Json, matches


def decode(part: Json | None, tokens: list[str]) -> str:
    """A tokenizer.json's decoder, done to tokens; without one they are joined by blanks."""
    return " ".join(tokens) if part is None else "".join(DECODERS[part["type"]](part, tokens))


def _byte_level(_: Json, tokens: list[str]) -> list[str]:
    """The characters that stand for bytes are the bytes again; a token with others is taken as it is."""
    byte_of = {char: byte for byte, char in byte_characters().items()}
    data = b"".join(
        bytes(byte_of[char] for char in token) if all(char in byte_of for char in token) else token.encode()
        for token in tokens
    )
    return [data.decode(errors="replace")]


def _byte_fallback(_: Json, tokens: list[str]) -> list[str]:
    """Tokens <0xE2> <0x82> <0xAC> become their character; U+FFFD for each where they are none."""
    result = []
    for in_bytes, group in groupby(tokens, lambda token: re.fullmatch("<0x[0-9A-Fa-f]{2}>", token) is not None):
        run = list(group)
        if not in_bytes:
            result += run
            continue
        try:
            result.append(bytes(int(token[3:5], 16) for token in run).decode())
        except UnicodeDecodeError:
            result += ["\ufffd"] * len(run)
    return result


def _without_spaces(text: str) -> str:
    """No blank before punctuation and English contractions."""
    for mark in (".", "?", "!", ","):
        text = text.replace(f" {mark}", mark)
    text = text.replace(" ' ", "'").replace(" n't", "n't").replace(" 'm", "'m").replace(" do not", " don't")
    for ending in ("'s", "'ve", "'re"):
        text = text.replace(f" {ending}", ending)
    return text


def _wordpiece(part: Json, tokens: list[str]) -> list[str]:
    prefix, cleanup = part.get("prefix", "##"), part.get("cleanup", True)
    result = []
    for at, token in enumerate(tokens):
        if at:
            token = token[len(prefix) :] if token.startswith(prefix) else f" {token}"
        result.append(_without_spaces(token) if cleanup else token)
    return result


def _bpe(part: Json, tokens: list[str]) -> list[str]:
    suffix, last = part.get("suffix", "</w>"), len(tokens) - 1
    return [token.replace(suffix, "" if at == last else " ") for at, token in enumerate(tokens)]


def _replace(part: Json, tokens: list[str]) -> list[str]:
    result = []
    for token in tokens:
        pieces, done = [], 0
        for start, end in matches(part["pattern"], token):
            pieces += [token[done:start], part["content"]]
            done = end
        result.append("".join([*pieces, token[done:]]))
    return result


def _strip(part: Json, tokens: list[str]) -> list[str]:
    """At most `start` and `stop` of a character go from the ends of each token."""
    result = []
    for token in tokens:
        left = right = 0
        while left < min(part["start"], len(token)) and token[left] == part["content"]:
            left += 1
        while right < min(part["stop"], len(token)) and token[len(token) - 1 - right] == part["content"]:
            right += 1
        result.append(token[left : max(left, len(token) - right)])
    return result


def _metaspace(part: Json, tokens: list[str]) -> list[str]:
    """Marks become blanks again; those of the first token were put there."""
    mark = part.get("replacement", "▁")
    scheme = part.get("prepend_scheme") or ("always" if part.get("add_prefix_space", True) else "never")
    first = " " if scheme == "never" else ""
    return [token.replace(mark, " " if at else first) for at, token in enumerate(tokens)]


def _ctc(part: Json, tokens: list[str]) -> list[str]:
    """One of each run of equal tokens, without padding (Graves et al. 2006)."""
    result = []
    for token, _ in groupby(tokens):
        text = token.replace(part.get("pad_token", "<pad>"), "")
        if part.get("cleanup", True):
            text = _without_spaces(text).replace(part.get("word_delimiter_token", "|"), " ")
        if text:
            result.append(text)
    return result


def _sequence(part: Json, tokens: list[str]) -> list[str]:
    for inner in part["decoders"]:
        tokens = DECODERS[inner["type"]](inner, tokens)
    return tokens


DECODERS: dict[str, Callable[[Json, list[str]], list[str]]] = {
    "ByteLevel": _byte_level,
    "ByteFallback": _byte_fallback,
    "Fuse": lambda _, tokens: ["".join(tokens)],
    "WordPiece": _wordpiece,
    "BPEDecoder": _bpe,
    "Replace": _replace,
    "Strip": _strip,
    "Metaspace": _metaspace,
    "CTC": _ctc,
    "Sequence": _sequence,
}
