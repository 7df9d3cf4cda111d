"""The tokenizer inside a GGUF file: its metadata (`tokenizer.ggml.*`) -> a tokenizer.json and the options beside it.

A file says of what kind its vocabulary is ("llama": SentencePiece's BPE, "gpt2": byte-level BPE, "t5": Unigram, "bert":
WordPiece), the tokens with their types, and by name how the text is cut.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Mapping
from typing import Any

from bearhug._lib.errors import either
from bearhug.checkpoints.gguf.file import GGUF
from bearhug.tokenizers import classes, convert, patterns, sentencepiece
from bearhug.tokenizers.classes.byte_level import QWEN3_5_SPLIT, split
from bearhug.tokenizers.classes.kind import BYTE_LEVEL, replace, sequence
from bearhug.tokenizers.file import Json

CONTROL, USER_DEFINED, UNUSED, BYTE = 3, 4, 5, 6
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# tokenizer.ggml.pre -> how text is cut; every other name: as GPT-2 does
_SPLITS = {
    patterns.LLAMA3: ("llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano dbrx smaug-bpe"),
    TEKKEN: "tekken",
    patterns.QWEN2: "qwen2 deepseek-r1-qwen kormo f2llmv2 megrez",
    QWEN3_5_SPLIT: "qwen35",
    patterns.O200K: "gpt-4o llama4 kanana2 talkie minimax-m2",
}
SPLITS = {name: pattern for pattern, names in _SPLITS.items() for name in names.split()}
NAMED = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}
GEMMAS = ("gemma", "gemma2", "gemma3")


def read(path: str | os.PathLike) -> tuple[Json, Json]:
    """A file's tokenizer: tokenizer.json, and options (special tokens, chat_template, add_bos_token, ...).

    Raises:
        ValueError: the file is no GGUF, or has no tokenizer of a known kind.
    """
    with GGUF(path) as opened:
        metadata, architecture = opened.metadata, opened.architecture
    try:
        return _tokenizer(metadata, architecture)
    except (KeyError, TypeError, AttributeError, IndexError) as problem:
        said = f"it lacks {problem}" if isinstance(problem, KeyError) else str(problem)
        raise ValueError(f"the tokenizer in {str(path)!r} does not hold together: {said}.") from problem


def _tokenizer(metadata: Mapping[str, Any], architecture: str) -> tuple[Json, Json]:
    about = {key.removeprefix("tokenizer.ggml."): value for key, value in metadata.items()}
    kind = about.get("model")
    if kind not in KINDS:
        raise ValueError(
            f"the tokenizer of the GGUF file is of the kind {kind!r}; expected {either(map(repr, KINDS))}."
        )
    tokens = about["tokens"]
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise ValueError("tokenizer.ggml.tokens is no list of texts.")
    for key in ("scores", "token_type"):
        if len(about.get(key, tokens)) != len(tokens):
            raise ValueError(f"tokenizer.ggml.{key} has {len(about[key]):,} values for {len(tokens):,} tokens.")
    options = _options(metadata, about, tokens, kind)
    made = KINDS[kind](about, tokens, architecture)
    added = [] if kind == "bert" else _added(about, made, kind)
    named = [token for name in NAMED if (token := options.get(name)) is not None]
    known = {token["content"] for token in added}
    ids = _ids(made)
    added += [
        convert.special(token, ids[token]) for token in dict.fromkeys(named) if token in ids and token not in known
    ]
    made["added_tokens"] = sorted(added, key=lambda token: token["id"])
    pattern = SPLITS.get(str(about.get("pre")))
    if kind == "gpt2" and pattern is not None:
        as_bytes = BYTE_LEVEL | {"add_prefix_space": False, "use_regex": False}
        made["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split(pattern), as_bytes]}
    return made, options


def _options(metadata: Mapping[str, Any], about: Mapping[str, Any], tokens: list[str], kind: str) -> Json:
    options: Json = {}
    for name, key in NAMED.items():
        id = about.get(f"{key}_token_id")
        if id is not None and not 0 <= id < len(tokens):
            raise ValueError(f"tokenizer.ggml.{key}_token_id is {id}, and there are {len(tokens):,} tokens.")
        options[name] = None if id is None else tokens[id]
    if kind == "bert":
        for name, key in (("cls_token", "cls"), ("sep_token", "seperator"), ("mask_token", "mask")):
            id = about.get(f"{key}_token_id")
            options[name] = tokens[id] if id is not None and 0 <= id < len(tokens) else None
    for name in ("add_bos_token", "add_eos_token"):
        if name in about:
            options[name] = bool(about[name])
    if kind == "llama":
        options.setdefault("add_bos_token", True)  # as llama.cpp does where a file does not say
    if kind == "gemma4":
        options["add_bos_token"] = False  # its chat template writes it
    if isinstance(metadata.get("tokenizer.chat_template"), str):
        options["chat_template"] = metadata["tokenizer.chat_template"]
    return options


def _ids(made: Json) -> dict[str, int]:
    vocab = made["model"]["vocab"]
    return vocab if isinstance(vocab, dict) else {piece: id for id, (piece, _) in enumerate(vocab)}


def _added(about: Mapping[str, Any], made: Json, kind: str) -> list[Json]:
    """Control tokens are special, user-defined ones are found whole in a text; both as the vocabulary spells them."""
    alphabet = set(convert.byte_characters().values())
    ids, added = _ids(made), {}
    for token, type in zip(about["tokens"], about.get("token_type") or (), strict=False):
        # In a byte-level vocabulary each real token is written in the bytes' characters.
        real = kind != "gpt2" or set(token) <= alphabet
        if token in ids and ((type == CONTROL and real) or type == USER_DEFINED):
            added.setdefault(token, convert.special(token, ids[token]) | {"special": type == CONTROL})
    return list(added.values())


def _merges(about: Mapping[str, Any], tokens: list[str], scores: Mapping[str, float] | None = None) -> list:
    if "merges" in about:
        return [tuple(merge.split(" ")) for merge in about["merges"]]
    if scores is None:
        scores = dict(zip(tokens, about["scores"], strict=True))
    return sentencepiece.merges_of({token: id for id, token in enumerate(tokens)}, scores)


def _file(kind: classes.TokenizerClass, vocab: Any, **options: Any) -> Json:
    """The tokenizer.json that a class makes of a vocabulary."""
    assert kind.parts is not None
    parts = kind.parts(dict(kind.options) | options, vocab)
    parts["model"] |= {"vocab": vocab}
    head = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "post_processor": None}
    return head | parts


def _llama(about: Mapping[str, Any], tokens: list[str], architecture: str) -> Json:
    if architecture in GEMMAS:
        return _gemma(about, tokens)
    made = _file(classes.CLASSES["LlamaTokenizer"], {token: id for id, token in enumerate(tokens)})
    made["model"]["merges"] = _merges(about, tokens)
    if architecture == "phi3":  # the blank before a text is put there whatever the text begins with
        made["normalizer"] = sequence({"type": "Prepend", "prepend": "▁"}, replace(" ", "▁"))
        made["pre_tokenizer"] = None
    return made


def _gemma(about: Mapping[str, Any], tokens: list[str]) -> Json:
    """Several blanks stand there as blanks; merges follow the order of tokens, not their scores."""
    spelled = ["▁" * len(token) if " " in token and not token.strip() else token for token in tokens]
    made = _file(classes.CLASSES["GemmaTokenizer"], {token: id for id, token in enumerate(spelled)})
    made["model"]["merges"] = _merges(about, spelled, {token: -id for id, token in enumerate(spelled)})
    return made


def _gemma4(about: Mapping[str, Any], tokens: list[str], architecture: str) -> Json:
    made = _file(classes.CLASSES["GemmaTokenizer"], {token: id for id, token in enumerate(tokens)})
    made["model"]["merges"] = _merges(about, tokens)
    return made


def _gpt2(about: Mapping[str, Any], tokens: list[str], architecture: str) -> Json:
    spelling = convert.byte_characters()
    alphabet = set(spelling.values())
    vocab = {
        token if set(token) <= alphabet else "".join(spelling[byte] for byte in token.encode()): id
        for id, token in enumerate(tokens)
    }
    made = _file(classes.CLASSES["GPT2Tokenizer"], vocab)
    made["model"]["merges"] = _merges(about, tokens)
    return made


def _t5(about: Mapping[str, Any], tokens: list[str], architecture: str) -> Json:
    """[PAD32000] and so on are the sentinels."""
    spelled = list(tokens)
    for place, id in enumerate([i for i, token in enumerate(tokens) if re.fullmatch(r"\[PAD\d+\]", token)][:100]):
        spelled[id] = f"<extra_id_{99 - place}>"
    charsmap = about.get("precompiled_charsmap")
    table = base64.b64encode(bytes(byte & 255 for byte in charsmap)).decode() if charsmap else None
    vocab = [list(piece) for piece in zip(spelled, about["scores"], strict=True)]
    kind = classes.CLASSES["T5Tokenizer"]
    made = _file(kind, vocab, _spm_precompiled_charsmap=table)
    ids = {piece: id for id, (piece, _) in enumerate(vocab)}
    extra = [f"<extra_id_{i}>" for i in range(100) if f"<extra_id_{i}>" in ids]
    if "</s>" in ids and kind.post_processor is not None:
        made["post_processor"] = kind.post_processor(dict(kind.options), ids.get)
    return made | {"added_tokens": [convert.special(token, ids[token]) for token in extra]}


def _bert(about: Mapping[str, Any], tokens: list[str], architecture: str) -> Json:
    """llama.cpp writes a word's first piece behind U+2581, and the others without ##."""
    plain = {CONTROL, 2}
    types = about.get("token_type") or [1] * len(tokens)
    vocab: dict[str, int] = {}
    for id, (token, type) in enumerate(zip(tokens, types, strict=True)):
        if type in plain or re.fullmatch(r"\[[^\]]+\]", token):
            vocab[token] = id
        elif token.startswith("▁"):
            vocab[token[1:]] = id
        else:
            vocab[f"##{token}"] = id
    kind = classes.CLASSES["BertTokenizer"]
    made = _file(kind, vocab)
    if kind.post_processor is not None:
        made["post_processor"] = kind.post_processor(dict(kind.options), vocab.get)
    return made


KINDS = {"llama": _llama, "gpt2": _gpt2, "t5": _t5, "gemma4": _gemma4, "bert": _bert}


def metadata_of(tokenizer: Any) -> Json:
    """A tokenizer as GGUF's metadata, as `read` reads it.

    Raises:
        ValueError: its model is neither BPE nor WordPiece nor Unigram.
    """
    made = json.loads(tokenizer.backend_tokenizer.to_str())
    model, added = made["model"], {token["id"]: token for token in made["added_tokens"]}
    table = _ids(made) | {token["content"]: id for id, token in added.items()}
    tokens = [f"[PAD{id}]" for id in range(max(table.values()) + 1)]
    types = [UNUSED] * len(tokens)
    for token, id in table.items():
        tokens[id] = token
        types[id] = 1 if id not in added else CONTROL if added[id]["special"] else USER_DEFINED
    kind = _kind_of(model, made)
    about: Json = {"model": kind, "tokens": tokens, "token_type": types}
    if kind == "bert":
        about["tokens"] = [_phantom(token, type) for token, type in zip(tokens, types, strict=True)]
    elif kind == "t5":
        scores = dict(model["vocab"])
        about["scores"] = [float(scores.get(token, 0.0)) for token in tokens]
    else:
        about["merges"] = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    if kind == "llama":
        ranks: dict[str, int] = {}
        for rank, merge in enumerate(about["merges"]):
            ranks.setdefault(merge.replace(" ", ""), rank)
        about["scores"] = [-float(ranks.get(token, id)) for id, token in enumerate(tokens)]
        about["token_type"] = [
            BYTE if re.fullmatch(r"<0x[0-9A-F]{2}>", token) and type == 1 else type
            for token, type in zip(tokens, types, strict=True)
        ]
    if kind == "gpt2":
        about["pre"] = _pre(made)
    for name, key in {**NAMED, "cls_token": "cls", "sep_token": "seperator", "mask_token": "mask"}.items():
        id = table.get(getattr(tokenizer, name, None) or "")
        if id is not None:
            about[f"{key}_token_id"] = id
    found = {f"tokenizer.ggml.{key}": value for key, value in about.items()}
    bos = getattr(tokenizer, "bos_token_id", None)
    if kind != "bert":
        ids = tokenizer("a")["input_ids"]
        found["tokenizer.ggml.add_bos_token"] = bool(bos is not None and ids[0] == bos)
        eos = getattr(tokenizer, "eos_token_id", None)
        found["tokenizer.ggml.add_eos_token"] = bool(eos is not None and len(ids) > 1 and ids[-1] == eos)
    if isinstance(tokenizer.chat_template, str):
        found["tokenizer.chat_template"] = tokenizer.chat_template
    return found


def _kind_of(model: Json, made: Json) -> str:
    kind = {"WordPiece": "bert", "Unigram": "t5", "BPE": "llama"}.get(model["type"])
    if kind is None:
        raise ValueError(f"GGUF files have no kind of tokenizer for the model {model['type']}.")
    return "gpt2" if kind == "llama" and "ByteLevel" in json.dumps(made["pre_tokenizer"]) else kind


def _pre(made: Json) -> str:
    """GGUF's name of the way in which text is cut."""
    text = json.dumps(made["pre_tokenizer"])
    for name, pattern in SPLITS.items():
        if json.dumps(pattern) in text:
            return name
    return "gpt-2"


def _phantom(token: str, type: int) -> str:
    """A WordPiece as llama.cpp spells it: a word's first piece behind U+2581, the others without ##."""
    if type != 1 or re.fullmatch(r"\[[^\]]+\]", token):
        return token
    return token[2:] if token.startswith("##") else f"▁{token}"
