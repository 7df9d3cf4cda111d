"""BERT's tokenizer and those like it: WordPiece, with a normalizer that can fold case, accents and Chinese."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bearhug.tokenizers.classes.kind import IdOf, Json, TokenizerClass, mask_takes_blank, template, text


def _parts(options: Json, vocab: Any) -> Json:
    return {
        "model": {
            "type": "WordPiece",
            "unk_token": text(options["unk_token"]),
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
        },
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": options.get("clean_text", True),
            "handle_chinese_chars": options["tokenize_chinese_chars"],
            "strip_accents": options["strip_accents"],
            "lowercase": options["do_lower_case"],
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "decoder": {"type": "WordPiece", "prefix": options.get("wordpieces_prefix", "##"), "cleanup": True},
    }


def _cls_sep(types: str) -> Callable[[Json, IdOf], Json]:
    def processor(options: Json, id_of: IdOf) -> Json:
        cls, sep = text(options["cls_token"]), text(options["sep_token"])
        ids = {cls: _or(id_of(cls), 2), sep: _or(id_of(sep), 3)}
        return template([cls, "$A", sep], [cls, "$A", sep, "$B", sep], ids, types)

    return processor


def _or(value: int | None, other: int) -> int:
    return other if value is None else value


def _mpnet(options: Json, id_of: IdOf) -> Json:
    cls, sep = text(options["cls_token"]), text(options["sep_token"])
    ends = {"sep": [sep, _or(id_of(sep), 2)], "cls": [cls, _or(id_of(cls), 0)]}
    return {"type": "RobertaProcessing", **ends, "trim_offsets": True, "add_prefix_space": False}


def _splinter(options: Json, id_of: IdOf) -> Json:
    """The question goes before the text, or behind it where padding is on the left; a dot ends the question."""
    cls, sep, question = (text(options[f"{name}_token"]) for name in ("cls", "sep", "question"))
    ids = {token: id_of(token) for token in (cls, sep, question, ".")}
    if options.get("padding_side", "right") == "right":
        pair, types = [cls, "$A", question, ".", sep, "$B", sep], "000|0000011"
    else:
        pair, types = [cls, "$A", sep, "$B", question, ".", sep], "000|0001001"
    return template([cls, "$A", sep], pair, ids, types)


def _options(names: str, **more: Any) -> Json:
    pairs = (pair.split("=") for pair in names.split())
    return {f"{name}_token": token for name, token in pairs} | more


FOLDING: Json = {"do_lower_case": True, "tokenize_chinese_chars": True, "strip_accents": None}
BERT_OPTIONS = _options("unk=[UNK] sep=[SEP] pad=[PAD] cls=[CLS] mask=[MASK]", **FOLDING)
BERT_INPUTS = ("input_ids", "token_type_ids", "attention_mask")
TYPED = "000|00011"


def _bert(name: str, inputs: tuple[str, ...] = BERT_INPUTS, **more: Any) -> TokenizerClass:
    return TokenizerClass(
        name, _parts, BERT_OPTIONS, _cls_sep(TYPED), inputs=inputs, files=("vocab.txt",), model="WordPiece", **more
    )


BERT = _bert("BertTokenizer")
DISTILBERT = _bert("DistilBertTokenizer", ("input_ids", "attention_mask"))
FUNNEL = TokenizerClass(
    "FunnelTokenizer",
    _parts,
    _options("unk=<unk> sep=<sep> pad=<pad> cls=<cls> mask=<mask> bos=<s> eos=</s>", **FOLDING)
    | {"clean_text": True, "wordpieces_prefix": "##"},
    _cls_sep("200|20011"),
    files=("vocab.txt",),
    model="WordPiece",
)
MPNET = TokenizerClass(
    "MPNetTokenizer",
    _parts,
    _options("bos=<s> eos=</s> sep=</s> cls=<s> unk=[UNK] pad=<pad> mask=<mask>", **FOLDING),
    _mpnet,
    files=("vocab.txt",),
    model="WordPiece",
    prepare=mask_takes_blank,
)
SPLINTER = TokenizerClass(
    "SplinterTokenizer",
    _parts,
    BERT_OPTIONS | {"question_token": "[QUESTION]"},
    _splinter,
    files=("vocab.txt",),
    model="WordPiece",
)
LAYOUTLM_V2 = TokenizerClass(
    "LayoutLMv2Tokenizer",
    _parts,
    BERT_OPTIONS
    | {"cls_token_box": [0] * 4, "sep_token_box": [1000] * 4, "pad_token_box": [0] * 4, "pad_token_label": -100}
    | {"only_label_first_subword": True, "model_max_length": 512},
    _cls_sep(TYPED),
    inputs=("input_ids", "attention_mask", "token_type_ids"),
    files=("vocab.txt",),
    model="WordPiece",
    behaviour="bearhug.tokenizers.methods.layouts:WithBoxes",
)
ROFORMER = TokenizerClass(
    "RoFormerTokenizer",
    lambda options, vocab: _parts(options | {"tokenize_chinese_chars": False}, vocab),
    BERT_OPTIONS,
    _cls_sep(TYPED),
    files=("vocab.txt",),
    model="WordPiece",
    behaviour="bearhug.tokenizers.methods.jieba:WithJieba",
)
ALL = (LAYOUTLM_V2, ROFORMER, BERT, DISTILBERT, FUNNEL, MPNET, SPLINTER)
