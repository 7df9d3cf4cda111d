"""Models: a piece of text -> its tokens. Each function takes a tokenizer.json's model and gives the one that cuts."""

import random
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from bearhug.tokenizers.plain.text import Json


class Cut(NamedTuple):
    """A token of a piece, and the characters of the piece that it covers."""

    id: int
    text: str
    start: int
    end: int


Cutter = Callable[[str], list[Cut]]


def cutter(model: Json) -> Cutter:
    """piece -> its tokens, by this model. Old files do not say the model's type."""
    return MODELS[model.get("type") or kind(model)](model)


def kind(model: Json) -> str:
    """The type of a model that does not say it."""
    if "merges" in model:
        return "BPE"
    if isinstance(model["vocab"], list):
        return "Unigram"
    return "WordPiece" if "max_input_chars_per_word" in model else "WordLevel"


def vocabulary(model: Json) -> dict[str, int]:
    """token -> id; a Unigram model lists (token, score) in the order of ids."""
    vocab = model["vocab"]
    return vocab if isinstance(vocab, dict) else {token: id for id, (token, _) in enumerate(vocab)}


def bytes_of(text: str) -> list[str]:
    """The tokens that stand for a text's bytes, where a vocabulary has them."""
    return [f"<0x{byte:02X}>" for byte in text.encode()]


def bpe(model: Json) -> Cutter:
    """Byte-pair encoding (Sennrich et al. 2016): the pair of the best rank is merged until no pair has one."""
    vocab = model["vocab"]
    pairs = (merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"])
    ranks = {(left, right): rank for rank, (left, right) in enumerate(pairs)}
    prefix, suffix = model.get("continuing_subword_prefix") or "", model.get("end_of_word_suffix") or ""
    dropout, unknown = model.get("dropout") or 0.0, model.get("unk_token")

    def letters(piece: str) -> list[tuple[str, int, int]]:
        """The piece as tokens of one character, in bytes where the vocabulary does not have it."""
        symbols: list[tuple[str, int, int]] = []
        for at, char in enumerate(piece):
            written = (prefix if at else "") + char + (suffix if at + 1 == len(piece) else "")
            in_bytes = bytes_of(written)
            if written in vocab:
                symbols.append((written, at, at + 1))
            elif model.get("byte_fallback") and all(byte in vocab for byte in in_bytes):
                symbols += [(byte, at, at + 1) for byte in in_bytes]
            elif unknown is not None:
                fused = model.get("fuse_unk") and symbols and symbols[-1][0] == unknown
                symbols.append((unknown, symbols.pop()[1] if fused else at, at + 1))
        return symbols

    def cut(piece: str) -> list[Cut]:
        if model.get("ignore_merges") and not dropout and piece in vocab:
            return [Cut(vocab[piece], piece, 0, len(piece))]
        symbols = letters(piece)
        while len(symbols) > 1:
            # a merge may be left out by chance, anew at every step (Provilkov et al. 2020, arXiv:1910.13267)
            kept = [
                (ranks[left[0], right[0]], at)
                for at, (left, right) in enumerate(pairwise(symbols))
                if (left[0], right[0]) in ranks and not (dropout and random.random() < dropout)
            ]
            if not kept:
                break
            _, best = min(kept)
            (left, start, _), (right, _, end) = symbols[best : best + 2]
            symbols[best : best + 2] = [(left + right[len(prefix) :], start, end)]
        return [Cut(vocab[token], token, start, end) for token, start, end in symbols]

    return cut


def unigram(model: Json) -> Cutter:
    """The likeliest way to cut (Kudo 2018, arXiv:1804.10959), found by Viterbi's algorithm from left to right."""
    scores: dict[str, float] = dict(model["vocab"])
    vocab, unknown = vocabulary(model), model.get("unk_id")
    worst = min(scores.values(), default=0.0) - 10.0  # of one unknown character
    longest = max(map(len, scores), default=0)

    def cut(piece: str) -> list[Cut]:
        best: list[tuple[float, int, bool]] = [(0.0, 0, True)]  # up to each place: (score, last token's start, known)
        for _ in piece:
            best.append((float("-inf"), 0, False))
        for start in range(len(piece)):
            alone = False
            for end in range(start + 1, min(start + longest, len(piece)) + 1):
                token = piece[start:end]
                if token in scores:
                    alone |= end == start + 1
                    if (score := best[start][0] + scores[token]) > best[end][0]:
                        best[end] = score, start, vocab[token] != unknown
            if not alone and (score := best[start][0] + worst) > best[start + 1][0]:
                best[start + 1] = score, start, False
        spans: list[tuple[int, int, bool]] = []
        end = len(piece)
        while end:
            _, start, known = best[end]
            if not known and spans and not spans[-1][2]:
                spans[-1] = start, spans[-1][1], False  # neighbouring unknown characters are one token
            else:
                spans.append((start, end, known))
            end = start
        return [token for start, end, _ in reversed(spans) for token in tokens(piece[start:end], start, end)]

    def tokens(text: str, start: int, end: int) -> list[Cut]:
        in_bytes = bytes_of(text)
        if text in vocab:
            return [Cut(vocab[text], text, start, end)]
        if model.get("byte_fallback") and all(byte in vocab for byte in in_bytes):
            return [Cut(vocab[byte], byte, start, end) for byte in in_bytes]
        if unknown is None:
            raise ValueError(f"{text!r} is unknown to the vocabulary, and the model has no unk_id.")
        return [Cut(unknown, text, start, end)]

    return cut


def wordpiece(model: Json) -> Cutter:
    """The longest token that the rest starts with, again and again (Devlin et al. 2019); one gap: all is unknown."""
    vocab, unknown = model["vocab"], model.get("unk_token", "[UNK]")
    continuing, most = model.get("continuing_subword_prefix", "##"), model.get("max_input_chars_per_word", 100)

    def cut(piece: str) -> list[Cut]:
        tokens, done = [], 0
        while done < len(piece):
            prefix = continuing if done else ""
            end = next((end for end in range(len(piece), done, -1) if prefix + piece[done:end] in vocab), None)
            if end is None or len(piece) > most:
                return [Cut(vocab[unknown], unknown, 0, len(piece))]
            token = prefix + piece[done:end]
            tokens.append(Cut(vocab[token], token, done, end))
            done = end
        return tokens

    return cut


def wordlevel(model: Json) -> Cutter:
    """A piece is a token, or unknown."""
    vocab, unknown = model["vocab"], model.get("unk_token", "<unk>")

    def cut(piece: str) -> list[Cut]:
        token = piece if piece in vocab else unknown
        return [Cut(vocab[token], token, 0, len(piece))]

    return cut


MODELS: dict[str, Callable[[Json], Cutter]] = {
    "BPE": bpe,
    "Unigram": unigram,
    "WordPiece": wordpiece,
    "WordLevel": wordlevel,
}
