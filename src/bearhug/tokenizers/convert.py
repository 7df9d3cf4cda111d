"""Vocabularies -> the tokenizer.json that means the same (`file.build` makes the core of it).

    >>> from bearhug.tokenizers import convert
    >>> description = convert.like("bert", {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "hello": 3})
    >>> description["model"]["type"]
    'WordPiece'

What a kind of tokenizer is made of stands in `classes`; other files are read by `sentencepiece`, `tiktoken`, `tekken`
and `gguf`.
"""

from collections.abc import Mapping
from functools import cache
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
        description["added_tokens"] = [special(bos, vocab[bos])]
        return description | {"post_processor": {"type": "Sequence", "processors": [trimmed, around]}}
    if style not in STYLES:
        raise ValueError(
            f"no kind of tokenizer is called {style!r}; expected {either([*map(repr, STYLES), repr('llama3')])}."
        )
    kind = classes.CLASSES[STYLES[style]]
    settings = dict(kind.options) | options
    assert kind.parts is not None
    parts = kind.parts(settings, vocab)
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


def special(token: str, id: int) -> Json:
    """A special token as tokenizer.json describes it."""
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": id, "content": token, **flags, "special": True}


def _file(parts: Json, vocab: Mapping[str, int], settings: Json) -> Json:
    """The whole tokenizer.json; special tokens that the settings name and the vocabulary has are added tokens."""
    named = {classes.text(value) for key, value in settings.items() if key.endswith("_token") and value is not None}
    added = [special(token, id) for token, id in sorted(vocab.items(), key=lambda item: item[1]) if token in named]
    order = ("normalizer", "pre_tokenizer", "post_processor", "decoder", "model")
    head = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added}
    return head | {key: parts.get(key) for key in order}
