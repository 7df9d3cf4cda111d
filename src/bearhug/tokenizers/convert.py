"""Vocabularies in other files -> the tokenizer.json that means the same (`file.build` makes the core of it).

    >>> from bearhug.tokenizers import convert
    >>> description = convert.like("bert", {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "hello": 3})
    >>> description["model"]["type"]
    'WordPiece'

One function a kind of file; what the kinds share is in `classes` (the parts of each tokenizer class).
"""

import base64
import gzip
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from bearhug._lib.errors import either
from bearhug.tokenizers import classes, patterns
from bearhug.tokenizers.file import Json, read_merges, read_vocab

# The settings of a BPE model, as tokenizer.json has them.
PLAIN_BPE: Json = {
    "type": "BPE",
    "dropout": None,
    "unk_token": None,
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "fuse_unk": False,
    "byte_fallback": False,
    "ignore_merges": False,
}
STYLES = {
    "gpt2": "GPT2Tokenizer",
    "roberta": "RobertaTokenizer",
    "bert": "BertTokenizer",
    "distilbert": "DistilBertTokenizer",
    "qwen2": "Qwen2Tokenizer",
}


def like(style: str, vocab: Any, merges: Any = None, **options: Any) -> Json:
    """The tokenizer.json of a well-known kind for another vocabulary.

    Args:
        style: gpt2, roberta, bert, distilbert, qwen2 or llama3.
        vocab: token -> id, or a vocab.json or vocab.txt.
        merges: pairs, or a merges.txt.
        options: those of the tokenizer class (`do_lower_case`, `add_prefix_space`, ...); for llama3, `bos_token`.

    Raises:
        ValueError: the style is not known, or the vocabulary lacks a special token that it puts around texts.
    """
    vocab = read_vocab(vocab)
    if style == "llama3":
        bos = options.get("bos_token", "<|begin_of_text|>")
        around = classes.bos_eos_template((bos, _id_of(vocab, bos, style)), None)
        trimmed = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
        description = byte_level(patterns.LLAMA3, vocab, read_merges(merges), ignore_merges=True)
        description["added_tokens"] = [_special(bos, vocab[bos])]
        return description | {"post_processor": {"type": "Sequence", "processors": [trimmed, around]}}
    if style not in STYLES:
        raise ValueError(
            f"no kind of tokenizer is called {style!r}; expected {either([*map(repr, STYLES), repr('llama3')])}."
        )
    kind = classes.CLASSES[STYLES[style]]
    settings = dict(kind.options) | options
    assert kind.parts is not None
    parts = kind.parts(settings)
    parts["model"] |= {"vocab": vocab}
    if parts["model"]["type"] == "BPE":
        parts["model"] |= {"merges": read_merges(merges)}
    processor = None
    if kind.post_processor is not None:
        processor = kind.post_processor(settings, lambda token: _id_of(vocab, token, style))
    elif style == "gpt2":
        processor = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
    return _file(parts | {"post_processor": processor}, vocab, settings)


def byte_level(split: str, vocab: Mapping[str, int], merges: Any, **settings: Any) -> Json:
    """A byte-level BPE that cuts with the regular expression `split`; `settings` are those of the model."""
    as_bytes = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    pieces = {"type": "Split", "pattern": {"Regex": split}, "behavior": "Isolated", "invert": False}
    parts = {
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [pieces, as_bytes]},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": PLAIN_BPE | settings | {"vocab": dict(vocab), "merges": list(merges)},
    }
    return _file(parts, vocab, {})


def read_tiktoken(path: str | os.PathLike) -> dict[bytes, int]:
    """Token's bytes -> rank, from a .tiktoken file (base64 and rank on a line), plain or gzip.

    Raises:
        ValueError: a line is not of that form.
    """
    data = Path(path).read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    ranks = {}
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        except ValueError:
            raise ValueError(
                f"line {number} of {str(path)!r} is {line[:60]!r}; it must be a token in base64 and its rank."
            ) from None
    return ranks


def from_tiktoken(
    ranks: Mapping[bytes, int], split: str = patterns.LLAMA3, special_tokens: Mapping[str, int] | None = None
) -> Json:
    """Ranks of bytes -> a byte-level BPE: each way in which two tokens make a third is a merge, ranked as the third."""
    characters = byte_characters()
    spelled = {token: "".join(characters[byte] for byte in token) for token in ranks}
    merges: list[tuple[int, int, int, str, str]] = []
    for token, rank in ranks.items():
        for at in range(1, len(token)):
            left, right = token[:at], token[at:]
            if left in ranks and right in ranks:
                merges.append((rank, ranks[left], ranks[right], spelled[left], spelled[right]))
    merges.sort()
    vocab = {spelled[token]: rank for token, rank in ranks.items()}
    description = byte_level(split, vocab, [list(merge[3:]) for merge in merges], ignore_merges=True)
    return description | {"added_tokens": [_special(token, id) for token, id in (special_tokens or {}).items()]}


@cache
def byte_characters() -> dict[int, str]:
    """byte -> the character that stands for it in a byte-level vocabulary (Radford et al. 2019)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    characters = {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}
    return {byte: characters[byte] for byte in range(256)}


def _id_of(vocab: Mapping[str, int], token: str, style: str) -> int:
    if token not in vocab:
        raise ValueError(
            f"a tokenizer like {style!r} puts {token!r} around texts, and the vocabulary does not have it."
        )
    return vocab[token]


def _special(token: str, id: int) -> Json:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": id, "content": token, **flags, "special": True}


def _file(parts: Json, vocab: Mapping[str, int], settings: Json) -> Json:
    """The whole tokenizer.json; special tokens that the settings name and the vocabulary has are added tokens."""
    named = {classes.text(value) for key, value in settings.items() if key.endswith("_token") and value is not None}
    added = [_special(token, id) for token, id in sorted(vocab.items(), key=lambda item: item[1]) if token in named]
    order = ("normalizer", "pre_tokenizer", "post_processor", "decoder", "model")
    head = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added}
    return head | {key: parts.get(key) for key in order}
