"""The classes that work in Python, with vocabulary files of their own: `bearhug.tokenizers.unusual`."""

from __future__ import annotations

from typing import Any

from bearhug.tokenizers.classes.kind import Json, TokenizerClass


def _tokens(names: str, **more: Any) -> Json:
    pairs = (pair.split("=") for pair in names.split())
    return {f"{name}_token": token for name, token in pairs} | more


def _class(name: str, where: str, options: Json, **more: Any) -> TokenizerClass:
    return TokenizerClass(name, options=options, python=True, behaviour=f"bearhug.tokenizers.unusual.{where}", **more)


def _byt5_tokens(options: Json) -> None:
    from bearhug.tokenizers.unusual.characters import byt5_tokens

    byt5_tokens(options)


CLS, SEP, MASK, PAD = (chr(point) for point in (0xE000, 0xE001, 0xE003, 0))
ALL = [
    _class(
        "ByT5Tokenizer",
        "characters:ByT5",
        _tokens("eos=</s> unk=<unk> pad=<pad>", extra_ids=125),
        prepare=_byt5_tokens,
    ),
    _class(
        "CanineTokenizer",
        "characters:Canine",
        {"bos_token": CLS, "eos_token": SEP, "sep_token": SEP, "cls_token": CLS, "pad_token": PAD, "mask_token": MASK}
        | {"add_prefix_space": False, "model_max_length": 2048},
        inputs=("input_ids", "attention_mask", "token_type_ids"),
    ),
    _class(
        "PerceiverTokenizer",
        "characters:Perceiver",
        _tokens("pad=[PAD] bos=[BOS] eos=[EOS] mask=[MASK] cls=[CLS] sep=[SEP]", model_max_length=2048),
    ),
    _class("DiaTokenizer", "characters:Dia", _tokens("pad=<pad> unk=<pad>", max_length=1024, offset=0)),
    _class(
        "Wav2Vec2CTCTokenizer",
        "ctc:Wav2Vec2CTC",
        _tokens("bos=<s> eos=</s> unk=<unk> pad=<pad> word_delimiter=|")
        | {"replace_word_delimiter_char": " ", "do_lower_case": False, "target_lang": None},
        files=("vocab.json",),
    ),
]
