"""GPT-2's tokenizer and those like it: BPE over bytes, each written as a character (Radford et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bearhug.tokenizers import patterns
from bearhug.tokenizers._native import AddedToken
from bearhug.tokenizers.classes.kind import (
    BYTE_LEVEL,
    IdOf,
    Json,
    TokenizerClass,
    around,
    bpe,
    mask_takes_blank,
    replace,
    sequence,
    template,
    text,
)


def _bytes(options: Json) -> Json:
    return BYTE_LEVEL | {"add_prefix_space": bool(options["add_prefix_space"])}


def _parts(options: Json, vocab: Any) -> Json:
    """GPT-2's parts, and RoBERTa's."""
    model = bpe(continuing_subword_prefix="", end_of_word_suffix="")
    return {"model": model, "normalizer": None, "pre_tokenizer": _bytes(options), "decoder": BYTE_LEVEL}


def _gpt_neox(options: Json, vocab: Any) -> Json:
    parts = _parts(options, vocab) | {"normalizer": {"type": "NFC"}}
    return parts | {"pre_tokenizer": _bytes(options) | {"trim_offsets": bool(options["trim_offsets"])}}


def _cohere(options: Json, vocab: Any) -> Json:
    digits = {"type": "Digits", "individual_digits": True}
    parts = _parts(options, vocab) | {"normalizer": {"type": "NFC"}}
    return parts | {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [digits, _bytes(options)]}}


QWEN3_5_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CLIP_SPLIT = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def split(pattern: str, behavior: str = "Isolated", invert: bool = False, regex: bool = True) -> Json:
    """A pre-tokenizer that cuts at a pattern."""
    kind = "Regex" if regex else "String"
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def _qwen(pattern: str) -> Callable[[Json, Any], Json]:
    def parts(options: Json, vocab: Any) -> Json:
        pre = {"type": "Sequence", "pretokenizers": [split(pattern), _bytes(options) | {"use_regex": False}]}
        return _parts(options, vocab) | {"normalizer": {"type": "NFC"}, "pre_tokenizer": pre}

    return parts


def _clip(options: Json, vocab: Any) -> Json:
    unknown = text(options["unk_token"])
    cut = [split(CLIP_SPLIT, "Removed", invert=True), BYTE_LEVEL | {"add_prefix_space": False}]
    return {
        "model": bpe(continuing_subword_prefix="", end_of_word_suffix="</w>", unk_token=unknown),
        "normalizer": sequence({"type": "NFC"}, replace(r"\s+", " ", regex=True), {"type": "Lowercase"}),
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": cut},
        "decoder": BYTE_LEVEL,
    }


# This one is a text, as the reference has it, not an expression: it is found nowhere.
NOUGAT_PUNCTUATION = r"[\(\)\[\]\{\}]|([!\"#\$%\&'\*\+,\-\./:;<=>\?\\\^_`\|\~])\1*"


def _nougat(options: Json, vocab: Any) -> Json:
    cut = [
        split("SPL1T-TH1S-Pl3A5E", "Removed", regex=False),
        {"type": "Digits", "individual_digits": True},
        split(NOUGAT_PUNCTUATION, regex=False),
        split("\n", regex=False),
        BYTE_LEVEL | {"add_prefix_space": False},
    ]
    parts = _parts({"add_prefix_space": False}, vocab) | {"normalizer": {"type": "NFKC"}}
    return parts | {"pre_tokenizer": {"type": "Sequence", "pretokenizers": cut}}


def _suffixed_words(options: Json, vocab: Any) -> Json:
    """BERT's way to cut words, then BPE whose last piece of a word ends in </w>: the first GPT's, and HerBERT's."""
    herbert = "cls_token" in options
    model = bpe(end_of_word_suffix="</w>", unk_token=text(options["unk_token"]))
    normalizer = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True}
    return {
        "model": model if herbert else model | {"continuing_subword_prefix": ""},
        "normalizer": normalizer | {"strip_accents": False if herbert else None, "lowercase": not herbert},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "decoder": {"type": "BPEDecoder", "suffix": "</w>"},
    }


def _roberta_processor(options: Json, id_of: IdOf) -> Json:
    cls, sep = text(options["cls_token"]), text(options["sep_token"])
    ends = {"sep": [sep, id_of(sep)], "cls": [cls, id_of(cls)]}
    trim = {"trim_offsets": bool(options.get("trim_offsets", True))}
    return {"type": "RobertaProcessing", **ends, **trim, "add_prefix_space": bool(options["add_prefix_space"])}


def _clip_processor(options: Json, id_of: IdOf) -> Json:
    bos, eos = text(options["bos_token"]), text(options["eos_token"])
    ends = {"sep": [eos, id_of(eos)], "cls": [bos, id_of(bos)]}
    return {"type": "RobertaProcessing", **ends, "trim_offsets": False, "add_prefix_space": False}


def _herbert_processor(options: Json, id_of: IdOf) -> Json:
    return {"type": "BertProcessing", "sep": [text(options["sep_token"]), 2], "cls": [text(options["cls_token"]), 0]}


def _nougat_processor(options: Json, id_of: IdOf) -> Json:
    bos, eos = text(options["bos_token"]), text(options["eos_token"])
    return template([bos, "$A", eos], ["$A", "$B"], {eos: id_of(eos), bos: id_of(bos)}, "000|01")


UNTRIMMED = BYTE_LEVEL | {"trim_offsets": False}


def _untrimmed(options: Json, id_of: IdOf) -> Json:
    return UNTRIMMED


def _blenderbot_tokens(options: Json) -> None:
    if isinstance(options.get("mask_token"), str):
        options["mask_token"] = AddedToken(options["mask_token"], lstrip=True, normalized=False)


def _codegen_tokens(options: Json) -> None:
    if options.get("return_token_type_ids"):
        options["model_input_names"] = ["input_ids", "attention_mask", "token_type_ids"]


def _whisper_tokens(options: Json) -> None:
    for name in ("bos_token", "eos_token", "unk_token"):
        if isinstance(options.get(name), str):
            options[name] = AddedToken(options[name], normalized=False, special=True)


def entity_tokens(options: Json) -> None:
    """See `methods.entities`, which is loaded when it is needed."""
    from bearhug.tokenizers.methods import entities

    entities.entity_tokens(options)


# What LUKE and mLUKE have beyond their words.
ENTITIES: Json = {"task": None, "max_entity_length": 32, "max_mention_length": 30}
ENTITIES |= {"entity_1_token": "<ent>", "entity_2_token": "<ent2>", "entity_unk_token": "[UNK]"}
ENTITIES |= {"entity_pad_token": "[PAD]", "entity_mask_token": "[MASK]", "entity_mask2_token": "[MASK2]"}
END = "<|endoftext|>"
BPE_FILES = ("vocab.json", "merges.txt")
ENDS: Json = {"unk_token": END, "bos_token": END, "eos_token": END}
ROBERTA_TOKENS: Json = {"bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>"}
ROBERTA_TOKENS |= {"unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>"}
QWEN_OPTIONS: Json = {"unk_token": END, "bos_token": None, "eos_token": END, "pad_token": END, "add_prefix_space": None}


def _class(name: str, parts: Callable[[Json, Any], Json], options: Json, processor: Any = None, **more: Any) -> Any:
    more.setdefault("files", BPE_FILES)
    return TokenizerClass(name, parts, options, processor, model="BPE", **more)


GPT2 = _class("GPT2Tokenizer", _parts, {"errors": "replace", **ENDS, "pad_token": None, "add_prefix_space": False})
CODEGEN = _class(
    "CodeGenTokenizer",
    _parts,
    {**ENDS, "pad_token": None, "add_prefix_space": False, "return_token_type_ids": False},
    prepare=_codegen_tokens,
    default_processor=_untrimmed,
    behaviour="bearhug.tokenizers.methods.codegen:CodeGenDecoding",
)
WHISPER = _class(
    "WhisperTokenizer",
    _parts,
    {"normalizer_file": None, **ENDS, "add_prefix_space": False, "language": None, "task": None}
    | {"predict_timestamps": False},
    prepare=_whisper_tokens,
    other_files={"normalizer_file": "normalizer.json"},
    behaviour="bearhug.tokenizers.methods.whisper:WhisperMethods",
)
ROBERTA = _class(
    "RobertaTokenizer",
    _parts,
    {"errors": "replace", **ROBERTA_TOKENS, "add_prefix_space": False, "trim_offsets": True},
    _roberta_processor,
)
BLENDERBOT = _class(
    "BlenderbotTokenizer", _parts, {**ROBERTA_TOKENS, "add_prefix_space": True}, prepare=_blenderbot_tokens
)
DEBERTA = _class(
    "DebertaTokenizer",
    _parts,
    {"errors": "replace", "bos_token": "[CLS]", "eos_token": "[SEP]", "sep_token": "[SEP]", "cls_token": "[CLS]"}
    | {"unk_token": "[UNK]", "pad_token": "[PAD]", "mask_token": "[MASK]", "add_prefix_space": False},
    around("cls_token", "sep_token", between=2),
    inputs=("input_ids", "attention_mask", "token_type_ids"),
)
GPT_NEOX = _class(
    "GPTNeoXTokenizer",
    _gpt_neox,
    {"errors": "replace", **ENDS, "pad_token": "<|padding|>", "add_prefix_space": False, "trim_offsets": True},
    bos_eos=True,
)
QWEN2 = _class("Qwen2Tokenizer", _qwen(patterns.QWEN2), QWEN_OPTIONS)
QWEN3_5 = _class("Qwen3_5Tokenizer", _qwen(QWEN3_5_SPLIT), QWEN_OPTIONS)
COHERE = _class(
    "CohereTokenizer",
    _cohere,
    {"errors": "replace", "unk_token": "<UNK>", "bos_token": "<BOS_TOKEN>", "eos_token": "<|END_OF_TURN_TOKEN|>"}
    | {"pad_token": "<PAD>", "cls_token": "<CLS>", "sep_token": "<SEP>", "mask_token": "<MASK_TOKEN>"}
    | {"use_default_system_prompt": False, "add_prefix_space": False},
    padding_side="left",
    behaviour="bearhug.tokenizers.methods.cohere:CohereTemplates",
)
CLIP = _class(
    "CLIPTokenizer",
    _clip,
    {"unk_token": END, "bos_token": "<|startoftext|>", "eos_token": END, "pad_token": END},
    _clip_processor,
    behaviour="bearhug.tokenizers.methods.clip:ClipDecoding",
)
NOUGAT = _class(
    "NougatTokenizer",
    _nougat,
    {"errors": "replace", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"},
    _nougat_processor,
)
OPENAI_GPT = _class("OpenAIGPTTokenizer", _suffixed_words, {"unk_token": "<unk>"})
HERBERT = _class(
    "HerbertTokenizer",
    _suffixed_words,
    {"cls_token": "<s>", "unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>", "sep_token": "</s>"},
    _herbert_processor,
)
LAYOUTLM_V3 = _class(
    "LayoutLMv3Tokenizer",
    _parts,
    {"errors": "replace", **ROBERTA_TOKENS, "add_prefix_space": True, "cls_token_box": [0] * 4}
    | {"sep_token_box": [0] * 4, "pad_token_box": [0] * 4, "pad_token_label": -100, "only_label_first_subword": True},
    _roberta_processor,
    inputs=("input_ids", "attention_mask", "bbox"),
    behaviour="bearhug.tokenizers.methods.layouts:ByWords",
)
MARKUPLM = _class(
    "MarkupLMTokenizer",
    _parts,
    {"errors": "replace", **ROBERTA_TOKENS, "add_prefix_space": False, "trim_offsets": False, "tags_dict": None}
    | {"max_depth": 50, "max_width": 1000, "pad_width": 1001, "pad_token_label": -100}
    | {"only_label_first_subword": True},
    around("cls_token", "sep_token"),
    inputs=("input_ids", "token_type_ids", "attention_mask"),
    prepare=mask_takes_blank,
    behaviour="bearhug.tokenizers.methods.markup:WithPaths",
)
LUKE = _class(
    "LukeTokenizer",
    _parts,
    {"errors": "replace", **ROBERTA_TOKENS, "add_prefix_space": False, **ENTITIES},
    lambda options, id_of: _roberta_processor(options | {"add_prefix_space": True}, id_of),
    prepare=entity_tokens,
    other_files={"entity_vocab_file": "entity_vocab.json"},
    behaviour="bearhug.tokenizers.methods.entities:WithEntities",
)
ALL = (
    LAYOUTLM_V3,
    LUKE,
    MARKUPLM,
    GPT2,
    CODEGEN,
    WHISPER,
    ROBERTA,
    BLENDERBOT,
    DEBERTA,
    GPT_NEOX,
    QWEN2,
    QWEN3_5,
    COHERE,
    CLIP,
    NOUGAT,
)
ALL += (OPENAI_GPT, HERBERT)
