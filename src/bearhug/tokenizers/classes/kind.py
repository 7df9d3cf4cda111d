"""What is particular to one tokenizer class, as data, and the pieces that several classes' parts are put together from.

A part is described as tokenizer.json describes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bearhug.tokenizers._native import AddedToken

Json = dict[str, Any]
IdOf = Callable[[str], int | None]


@dataclass(frozen=True)
class TokenizerClass:
    """What is particular to one class.

    Args:
        parts: (options, vocabulary) -> the tokenizer.json entries normalizer, pre_tokenizer, decoder and model (without
            vocabulary and merges). None: tokenizer.json as it is.
        options: the special tokens and options that `parts` and `post_processor` read, with their defaults.
        post_processor: (options, token -> id) -> the post-processor, where the class insists on its own.
        default_processor: the same, where no file gives a post-processor.
        bos_eos: the post-processor is always that of `add_bos_token` and `add_eos_token`.
        inputs: what a model of this kind reads.
        files: the vocabulary files of folders without a tokenizer.json.
        other_files: option -> the file of a folder that it is the path of, where the folder has it.
        model: the type of the model, where a SentencePiece file does not decide.
        prepare: changes the options before anything is made of them (the flags of a mask token, language codes, ...).
        from_sentencepiece: (the pieces of a `.model` with their scores, or token -> id for BPE; options) -> the
            vocabulary, where the class numbers its tokens otherwise.
        python: the class works in Python (`unusual`), with vocabulary files of its own.
        as_file: a tokenizer.json is taken as it is; `parts` are for folders without one.
        behaviour: "module:Class" of what its tokenizers can do beyond the others, a base of the class.
    """

    name: str
    parts: Callable[[Json, Any], Json] | None = None
    options: Json = field(default_factory=dict)
    post_processor: Callable[[Json, IdOf], Json] | None = None
    default_processor: Callable[[Json, IdOf], Json] | None = None
    bos_eos: bool = False
    inputs: tuple[str, ...] = ("input_ids", "attention_mask")
    padding_side: str = "right"
    files: tuple[str, ...] = ()
    other_files: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None
    prepare: Callable[[Json], None] | None = None
    from_sentencepiece: Callable[[Any, Json], Any] | None = None
    python: bool = False
    as_file: bool = False
    behaviour: str | None = None


# -- parts

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}


def bpe(**settings: Any) -> Json:
    """The settings of a BPE model, as tokenizer.json has them."""
    plain = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None}
    plain |= {"end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False}
    return plain | settings


def unigram(unk_id: int | None) -> Json:
    """The settings of a Unigram model."""
    return {"type": "Unigram", "unk_id": unk_id, "byte_fallback": False}


def metaspace(scheme: str, split: bool = True) -> Json:
    """Blanks become U+2581; one goes before the text: "always", "never", or "first": not behind special tokens."""
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}


def words_and_metaspace(scheme: str = "always") -> Json:
    """White space is taken out before `metaspace`."""
    return {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace(scheme)]}


def replace(pattern: str, content: str, regex: bool = False) -> Json:
    """A normalizer or decoder."""
    return {"type": "Replace", "pattern": {"Regex" if regex else "String": pattern}, "content": content}


def sequence(*normalizers: Json) -> Json:
    """Normalizers, one after the other."""
    return {"type": "Sequence", "normalizers": list(normalizers)}


def charsmap(options: Json) -> list[Json]:
    """The normalization table of a SentencePiece model, where there is one."""
    table = options.get("_spm_precompiled_charsmap")
    return [{"type": "Precompiled", "precompiled_charsmap": table}] if table else []


def byte_fallback_decoder(strip: bool) -> Json:
    """Blanks come back, <0x0A> becomes its byte; `strip`: without the blank that went before the text."""
    decoders: list[Json] = [replace("▁", " "), {"type": "ByteFallback"}, {"type": "Fuse"}]
    if strip:
        decoders.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return {"type": "Sequence", "decoders": decoders}


# -- post-processors


def bos_eos_template(bos: tuple[str, int] | None, eos: tuple[str, int] | None) -> Json:
    """The post-processor of `add_bos_token` and `add_eos_token`: those of the two that are given, around each text."""

    def around(sequence: str, type_id: int) -> list[Json]:
        pieces = [{"Sequence": {"id": sequence, "type_id": type_id}}]
        if bos is not None:
            pieces.insert(0, {"SpecialToken": {"id": bos[0], "type_id": type_id}})
        if eos is not None:
            pieces.append({"SpecialToken": {"id": eos[0], "type_id": type_id}})
        return pieces

    tokens = {token: {"id": token, "ids": [id], "tokens": [token]} for token, id in filter(None, (bos, eos))}
    pair = around("A", 0) + around("B", 1)
    return {"type": "TemplateProcessing", "single": around("A", 0), "pair": pair, "special_tokens": tokens}


def template(single: list[str], pair: list[str], ids: Mapping[str, int | None], types: str = "") -> Json:
    """A TemplateProcessing from lists of tokens, "$A" and "$B".

    Args:
        types: the type ids of the pieces, a digit each, of the single text and of the pair ("000|00011"). Empty: 0.
    """

    def piece(name: str, type_id: int) -> Json:
        kind = {"$A": "A", "$B": "B"}.get(name)
        return {"Sequence" if kind else "SpecialToken": {"id": kind or name, "type_id": type_id}}

    alone, both = (
        [int(digit) for digit in digits] for digits in (types or f"{'0' * len(single)}|{'0' * len(pair)}").split("|")
    )
    special = {token: {"id": token, "ids": [id], "tokens": [token]} for token, id in ids.items()}
    return {
        "type": "TemplateProcessing",
        "single": [piece(name, number) for name, number in zip(single, alone, strict=True)],
        "pair": [piece(name, number) for name, number in zip(pair, both, strict=True)],
        "special_tokens": special,
    }


def around(first: str, last: str, between: int = 1, types: str = "") -> Callable[[Json, IdOf], Json]:
    """first $A last, and first $A last [last] $B last for a pair; `first` and `last` are names of special tokens."""

    def processor(options: Json, id_of: IdOf) -> Json:
        begin, end = text(options[first]), text(options[last])
        pair = [begin, "$A", *[end] * between, "$B", end]
        return template([begin, "$A", end], pair, {begin: id_of(begin), end: id_of(end)}, types)

    return processor


def behind(token: str, pair: str = "$A {} $B {}") -> Callable[[Json, IdOf], Json]:
    """$A token; for a pair as `pair` says."""

    def processor(options: Json, id_of: IdOf) -> Json:
        end = text(options[token])
        pieces = [end if piece == "{}" else piece for piece in pair.split()]
        return template(["$A", end], pieces, {end: id_of(end)})

    return processor


# -- options


def text(token: Any) -> str:
    """A special token's text, whether it is given as text or as AddedToken."""
    return token if isinstance(token, str) else token.content


def unk_index(vocab: Any, options: Json, otherwise: int) -> int:
    """Where the unknown token stands in a Unigram vocabulary with the score 0."""
    unknown = text(options["unk_token"])
    return next((i for i, (token, score) in enumerate(vocab) if token == unknown and score == 0.0), otherwise)


def mask_takes_blank(options: Json) -> None:
    """The mask token takes the blanks before it."""
    if isinstance(options.get("mask_token"), str):
        options["mask_token"] = AddedToken(options["mask_token"], lstrip=True, special=True)


def add_extra(options: Json, tokens: list[str]) -> None:
    """More special tokens, unless the files name their own."""
    if "extra_special_tokens" not in options:
        given = options.get("additional_special_tokens") or []
        known = {text(token) for token in given}
        options["additional_special_tokens"] = [*given, *(token for token in tokens if token not in known)]


def default_extra(options: Json, tokens: list[str]) -> None:
    """These special tokens where nobody names any."""
    if options.get("additional_special_tokens") is None and "extra_special_tokens" not in options:
        options["additional_special_tokens"] = list(tokens)
