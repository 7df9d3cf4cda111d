"""SentencePiece's BPE tokenizers: Llama, Gemma, NLLB and those like them."""

from __future__ import annotations

from typing import Any

from bearhug.tokenizers._native import AddedToken
from bearhug.tokenizers.classes.byte_level import split
from bearhug.tokenizers.classes.kind import (
    IdOf,
    Json,
    TokenizerClass,
    bpe,
    byte_fallback_decoder,
    charsmap,
    metaspace,
    replace,
    sequence,
    template,
    text,
    words_and_metaspace,
)
from bearhug.tokenizers.classes.languages import NLLB

ONE_BLANK = replace(r" {2,}", " ", regex=True)


def _llama(options: Json, vocab: Any) -> Json:
    """Spaces become U+2581, one goes before the text (after each special token too in the `legacy` way)."""
    prefix = options["add_prefix_space"] in (None, True)
    scheme = ("always" if options["legacy"] else "first") if prefix else "never"
    return {
        "model": bpe(fuse_unk=True, byte_fallback=True),
        "normalizer": None,
        "pre_tokenizer": metaspace(scheme, split=False),
        "decoder": byte_fallback_decoder(strip=prefix),
    }


def _code_llama(options: Json, vocab: Any) -> Json:
    prefix = options["add_prefix_space"] in (None, True)
    return {
        "model": bpe(fuse_unk=True, byte_fallback=True, unk_token=text(options["unk_token"])),
        "normalizer": None,
        "pre_tokenizer": metaspace("first" if prefix else "never", split=False),
        "decoder": byte_fallback_decoder(strip=True),
    }


def _gemma(options: Json, vocab: Any) -> Json:
    return {
        "model": bpe(fuse_unk=True, byte_fallback=True, unk_token=text(options["unk_token"])),
        "normalizer": replace(" ", "▁"),
        "pre_tokenizer": split(" ", "MergedWithPrevious", regex=False),
        "decoder": byte_fallback_decoder(strip=False),
    }


def _siglip2(options: Json, vocab: Any) -> Json:
    return _gemma(options, vocab) | {"normalizer": sequence({"type": "Lowercase"}, replace(" ", "▁"))}


def _one_blank(options: Json, vocab: Any) -> Json:
    """NLLB's parts, and Reformer's."""
    table = charsmap(options)
    return {
        "model": bpe(fuse_unk=True, unk_token=text(options["unk_token"])),
        "normalizer": sequence(*table, ONE_BLANK) if table else None,
        "pre_tokenizer": metaspace("always"),
        "decoder": metaspace("always"),
    }


def _seamless(options: Json, vocab: Any) -> Json:
    normalizers = [
        replace(r"[\n\r\t]", " ", regex=True),
        {"type": "NFKC"},
        {"type": "Strip", "strip_left": False, "strip_right": True},
        replace(r" +▁", "▁", regex=True),
        replace(r"^▁+$", "", regex=True),
        replace(r" {2,}", "▁", regex=True),
    ]
    return {
        "model": bpe(fuse_unk=True, unk_token=text(options["unk_token"])),
        "normalizer": sequence(*normalizers),
        "pre_tokenizer": metaspace("first"),
        "decoder": metaspace("first"),
    }


def _tipsv2(options: Json, vocab: Any) -> Json:
    lower = [{"type": "Lowercase"}] if options["do_lower_case"] else []
    decoders = [metaspace("always"), {"type": "ByteFallback"}, {"type": "Fuse"}]
    return {
        "model": bpe(fuse_unk=True, byte_fallback=True),
        "normalizer": sequence(*lower, *charsmap(options)),
        "pre_tokenizer": words_and_metaspace(),
        "decoder": {"type": "Sequence", "decoders": decoders},
    }


def _esmc(options: Json, vocab: Any) -> Json:
    model = bpe(unk_token=text(options["unk_token"]))
    return {"model": model, "normalizer": None, "pre_tokenizer": None, "decoder": None}


def _esmc_processor(options: Json, id_of: IdOf) -> Json:
    cls, eos = text(options["cls_token"]), text(options["eos_token"])
    return template([cls, "$A", eos], ["$A", "$B"], {cls: id_of(cls), eos: id_of(eos)}, "000|01")


def _esmc_tokens(options: Json) -> None:
    if options.get("bos_token") is None:
        options["bos_token"] = options["cls_token"]


INFILLING = ("prefix_token", "middle_token", "suffix_token", "eot_token", "fill_token")


def _code_llama_tokens(options: Json) -> None:
    if "extra_special_tokens" not in options:
        given = list(options.get("additional_special_tokens") or [])
        own = [options[name] for name in INFILLING if options.get(name) is not None]
        options["additional_special_tokens"] = given + own


def _nllb_tokens(options: Json) -> None:
    if isinstance(options["mask_token"], str):
        options["mask_token"] = AddedToken(options["mask_token"], lstrip=True, normalized=True, special=True)
    if options.get("extra_special_tokens") is None:
        given = options.pop("additional_special_tokens", None)
        options["extra_special_tokens"] = list(NLLB) if given is None else given


def _seamless_tokens(options: Json) -> None:
    for name in ("src_lang", "tgt_lang"):
        if "__" not in options[name]:
            options[name] = f"__{options[name]}__"


def _nllb_order(vocab: dict[str, int], options: Json) -> dict[str, int]:
    first = [text(options[name]) for name in ("bos_token", "pad_token", "eos_token", "unk_token")]
    return {token: id for id, token in enumerate(dict.fromkeys([*first, *vocab]))}


def _seamless_order(vocab: dict[str, int], options: Json) -> dict[str, int]:
    """<pad> <unk> <s> </s>, then each piece one later than in the file."""
    return {"<pad>": 0, "<unk>": 1, "<s>": 2, "</s>": 3} | {token: i + 1 for i, token in enumerate(vocab)}


def _class(name: str, parts: Any, options: Json, processor: Any = None, **more: Any) -> TokenizerClass:
    more = {"files": ("tokenizer.model",), "model": "BPE"} | more
    return TokenizerClass(name, parts, options, processor, **more)


LLAMA_TOKENS: Json = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
LLAMA = _class(
    "LlamaTokenizer",
    _llama,
    {"clean_up_tokenization_spaces": False, **LLAMA_TOKENS, "use_default_system_prompt": False, "legacy": False}
    | {"add_prefix_space": None},
    padding_side="left",
)
CODE_LLAMA = _class(
    "CodeLlamaTokenizer",
    _code_llama,
    {"clean_up_tokenization_spaces": False, **LLAMA_TOKENS, "prefix_token": "▁<PRE>", "middle_token": "▁<MID>"}
    | {"suffix_token": "▁<SUF>", "eot_token": "▁<EOT>", "fill_token": "<FILL_ME>"}
    | {"use_default_system_prompt": False, "add_prefix_space": True, "add_bos_token": True},
    padding_side="left",
    prepare=_code_llama_tokens,
    behaviour="bearhug.tokenizers.methods.infilling:Infilling",
)
GEMMA_TOKENS: Json = {"unk_token": "<unk>", "bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>"}
GEMMA_TOKENS |= {"mask_token": "<mask>"}
GEMMA = _class("GemmaTokenizer", _gemma, GEMMA_TOKENS, padding_side="left")
SIGLIP2 = _class("Siglip2Tokenizer", _siglip2, GEMMA_TOKENS, padding_side="left")
NLLB_OPTIONS: Json = {"bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>"}
NLLB_OPTIONS |= {"unk_token": "<unk>", "pad_token": "<pad>"}
NLLB_CLASS = _class(
    "NllbTokenizer",
    _one_blank,
    NLLB_OPTIONS | {"mask_token": "<mask>", "src_lang": None, "tgt_lang": None, "legacy_behaviour": False},
    files=("sentencepiece.bpe.model",),
    prepare=_nllb_tokens,
    from_sentencepiece=_nllb_order,
    behaviour="bearhug.tokenizers.methods.translation:NllbLanguages",
)
REFORMER = _class("ReformerTokenizer", _one_blank, {"eos_token": "</s>", "unk_token": "<unk>"}, files=("spiece.model",))
SEAMLESS = _class(
    "SeamlessM4TTokenizer",
    _seamless,
    NLLB_OPTIONS | {"src_lang": "eng", "tgt_lang": "fra", "keep_accents": None},
    files=("sentencepiece.bpe.model",),
    prepare=_seamless_tokens,
    from_sentencepiece=_seamless_order,
    behaviour="bearhug.tokenizers.methods.translation:SeamlessLanguages",
)
TIPSV2 = _class(
    "Tipsv2Tokenizer",
    _tipsv2,
    {"unk_token": "<unk>", "pad_token": "<pad>", "bos_token": None, "eos_token": None, "model_max_length": 64}
    | {"do_lower_case": True, "token_type_ids_pattern": "all_zeros"},
)
ESMC = _class(
    "EsmcTokenizer",
    _esmc,
    {"unk_token": "<unk>", "cls_token": "<cls>", "pad_token": "<pad>", "mask_token": "<mask>", "eos_token": "<eos>"}
    | {"bos_token": None, "chain_break_token": "|"},
    _esmc_processor,
    files=(),
    prepare=_esmc_tokens,
)
ALL = (LLAMA, CODE_LLAMA, GEMMA, SIGLIP2, NLLB_CLASS, REFORMER, SEAMLESS, TIPSV2, ESMC)
