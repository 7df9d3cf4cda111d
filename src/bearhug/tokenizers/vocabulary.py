"""A class's vocabulary files -> what the class is made from: token -> id and merges, pieces with scores, or a whole
tokenizer.json.

What a file is shows in its name and in its bytes: vocab.txt, vocab.json with merges.txt, SentencePiece's `.model`,
tiktoken's ranks (which Llama 3 calls tokenizer.model too), Mistral's tekken.json.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bearhug.tokenizers import file, sentencepiece, tekken, tiktoken
from bearhug.tokenizers._native import AddedToken, Words
from bearhug.tokenizers.classes.kind import TokenizerClass, text
from bearhug.tokenizers.special_tokens import NAMED

Json = dict[str, Any]


def read(kind: TokenizerClass, path: str | os.PathLike, merges: Any, options: Mapping[str, Any]) -> Json:
    """`vocab` and `merges`, or `tokenizer_object`, and the options that the file itself decides.

    Raises:
        ValueError: the file is none of those that the class reads.
    """
    path = Path(path)
    if tekken.is_tekken(path):
        made = tekken.description(path)
        return {"tokenizer_object": made, "vocab": None}
    if path.suffix in (".model", ".spm") or path.name.startswith("tokenizer.model"):
        if path.name == "tiktoken.model":
            return _from_ranks(tiktoken.read(path), options)
        try:
            model = sentencepiece.read(path)
        except ValueError as problem:
            try:
                ranks = tiktoken.read(path)
            except ValueError:
                raise problem from None
            return _from_ranks(ranks, options)
        return _from_sentencepiece(kind, model, options)
    if path.suffix in (".tiktoken", ".gz"):
        return _from_ranks(tiktoken.read(path), options)
    if kind.model == "Unigram":
        raise ValueError(
            f"{kind.name} is made from a SentencePiece model ({' or '.join(kind.files) or 'spiece.model'}), or from a "
            f"list of (piece, score); {str(path)!r} is neither."
        )
    return {"vocab": file.read_lean_vocab(path), "merges": merges}


def _from_ranks(ranks: Mapping[bytes, int], options: Mapping[str, Any]) -> Json:
    added = {int(id): text(token) for id, token in (options.get("added_tokens_decoder") or {}).items()}
    extra = options.get("extra_special_tokens") or []
    made, _ = tiktoken.with_special_tokens(ranks, added, [text(token) for token in extra])
    return {"tokenizer_object": made, "vocab": None}


def _from_sentencepiece(
    kind: TokenizerClass, model: sentencepiece.SentencePieceModel, options: Mapping[str, Any]
) -> Json:
    flags = [
        AddedToken(token, normalized=False, special=special) for token, special in sentencepiece.added_tokens(model)
    ]
    found: Json = {"additional_special_tokens": flags}
    if kind.parts is None:
        added = options.get("added_tokens_decoder") or {}
        renamed = {int(id): text(token) for id, token in added.items()}
        found["tokenizer_object"] = sentencepiece.description(model, renamed)
        names = (("bos", model.bos_id, model.bos_piece), ("eos", model.eos_id, model.eos_piece))
        for name, id, piece in (*names, ("unk", model.unk_id, model.unk_piece)):
            if id >= 0 and f"{name}_token" not in options:
                found[f"{name}_token"] = piece or {"bos": "<s>", "eos": "</s>", "unk": "<unk>"}[name]
        return found | {"vocab": None}
    found["_spm_precompiled_charsmap"] = model.charsmap
    wanted = kind.model or ("Unigram" if model.model_type == sentencepiece.UNIGRAM else "BPE")
    if wanted == "Unigram":
        found |= {"unk_id": model.unk_id, "vocab": list(model.pieces)}
    else:
        ids = {piece: id for id, (piece, _) in enumerate(model.pieces)}
        found |= {"vocab": ids, "merges": sentencepiece.merges_of(ids, ranks=sentencepiece.ranks_of(model))}
    if kind.from_sentencepiece is not None:
        found["vocab"] = kind.from_sentencepiece(found["vocab"], dict(options))
    return found


def merges_for(vocab: Any, options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The merges that a BPE vocabulary implies, where no file gives any; special tokens take no part."""
    vocab = vocab.to_dict() if isinstance(vocab, Words) else vocab
    extra = [*(options.get("additional_special_tokens") or []), *(options.get("extra_special_tokens") or [])]
    named = [options[name] for name in NAMED if options.get(name) is not None]
    return sentencepiece.merges_of(vocab, skip={text(token) for token in [*named, *extra]})
