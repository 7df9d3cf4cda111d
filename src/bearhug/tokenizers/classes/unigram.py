"""SentencePiece's Unigram tokenizers: T5, XLM-RoBERTa, ALBERT, mBART, Pegasus and those like them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bearhug.tokenizers._native import AddedToken
from bearhug.tokenizers.classes.byte_level import ENTITIES, entity_tokens
from bearhug.tokenizers.classes.kind import (
    Json,
    TokenizerClass,
    add_extra,
    around,
    behind,
    charsmap,
    default_extra,
    mask_takes_blank,
    metaspace,
    replace,
    sequence,
    template,
    text,
    unigram,
    unk_index,
    words_and_metaspace,
)
from bearhug.tokenizers.classes.languages import MBART, MBART50

Pieces = list[tuple[str, float]]


def _scheme(options: Json) -> str:
    return "always" if options.get("add_prefix_space", True) else "never"


def _words(unk_id: int | Callable[[Json, Any], int], use_charsmap: bool = True) -> Callable[[Json, Any], Json]:
    """Words, each behind a U+2581: T5's parts, and XLM-RoBERTa's."""

    def parts(options: Json, vocab: Any) -> Json:
        scheme = _scheme(options)
        table = charsmap(options) if use_charsmap else []
        return {
            "model": unigram(unk_id if isinstance(unk_id, int) else unk_id(options, vocab)),
            "normalizer": table[0] if table else None,
            "pre_tokenizer": words_and_metaspace(scheme),
            "decoder": metaspace(scheme),
        }

    return parts


def _accents(options: Json, strip: bool) -> list[Json]:
    found = [replace("``", '"'), replace("''", '"')]
    if strip:
        found += [{"type": "NFKD"}, {"type": "StripAccents"}]
    if options["do_lower_case"]:
        found.append({"type": "Lowercase"})
    return [*found, *charsmap(options)]


def _albert(options: Json, vocab: Any) -> Json:
    normalizer = sequence(*_accents(options, strip=not options["keep_accents"]))
    return _words(1)(options | {"_spm_precompiled_charsmap": None}, vocab) | {"normalizer": normalizer}


def _xlnet(options: Json, vocab: Any) -> Json:
    parts = _words(options["unk_id"])({"add_prefix_space": True}, vocab)
    return parts | {"normalizer": sequence(*_accents(options, strip=True))}


ONE_BLANK = replace(r" {2,}", " ", regex=True)
FLAT = [replace(r"\s{2,}|[\n\r\t]", " ", regex=True), {"type": "NFC"}]
RIGHT = {"type": "Strip", "strip_left": False, "strip_right": True}


def _rembert(options: Json, vocab: Any) -> Json:
    normalizers = _accents(options, strip=not options["keep_accents"])
    normalizers.insert(2, ONE_BLANK)
    return _line(2, lambda _: normalizers)(options, vocab)


def _line(
    unk_id: int | Callable[[Json, Any], int], normalizers: Callable[[Json], list[Json]]
) -> Callable[[Json, Any], Json]:
    """White space counts: the whole text behind one U+2581."""

    def parts(options: Json, vocab: Any) -> Json:
        scheme = _scheme(options)
        return {
            "model": unigram(unk_id if isinstance(unk_id, int) else unk_id(options, vocab)),
            "normalizer": sequence(*normalizers(options)),
            "pre_tokenizer": metaspace(scheme),
            "decoder": metaspace(scheme),
        }

    return parts


def _layout_xlm(options: Json, vocab: Any) -> Json:
    return _line(3, lambda _: [RIGHT, replace(" {2,}", "▁", regex=True)])(options, vocab)


def _deberta(options: Json, vocab: Any) -> Json:
    scheme = "always" if options["add_prefix_space"] else "first"
    lower = [{"type": "Lowercase"}] if options["do_lower_case"] else []
    marks = [{"type": "Punctuation", "behavior": "Isolated"}] if options["split_by_punct"] else []
    return {
        "model": unigram(unk_index(vocab, options, options["unk_id"])),
        "normalizer": sequence(*lower, *FLAT, RIGHT),
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [*marks, metaspace(scheme)]},
        "decoder": metaspace(scheme),
    }


def _pegasus_normalizers(options: Json) -> list[Json]:
    return [*(charsmap(options) or [replace(r"\n", " ", regex=True)]), ONE_BLANK]


# -- special tokens


def extra_ids(options: Json) -> None:
    """T5's <extra_id_0> and so on.

    Raises:
        ValueError: some of them are named, but not as many as there are.
    """
    count, given = options["extra_ids"], options.get("additional_special_tokens")
    if given is None:
        given = []
    named = [token for token in given if "<extra_id_" in text(token)]
    if not named:
        given = [*given, *(f"<extra_id_{i}>" for i in range(count))]
    elif count > 0 and count != len(named):
        raise ValueError(
            f"extra_ids={count}, and additional_special_tokens names {len(named)} of them.\nName all of them, or none."
        )
    if "extra_special_tokens" not in options:
        options["additional_special_tokens"] = given


def _camembert_tokens(options: Json) -> None:
    if isinstance(options["mask_token"], str):
        options["mask_token"] = AddedToken(options["mask_token"], lstrip=True, special=True)
    default_extra(options, ["<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"])


def _xlnet_tokens(options: Json) -> None:
    mask_takes_blank(options)
    default_extra(options, ["<eop>", "<eod>"])


def _mbart_tokens(options: Json) -> None:
    mask_takes_blank(options)
    if "extra_special_tokens" not in options:
        given = options.get("additional_special_tokens") or []
        options["additional_special_tokens"] = [*MBART, *(token for token in given if text(token) not in MBART)]


def _mbart50_tokens(options: Json) -> None:
    mask_takes_blank(options)
    key = "extra_special_tokens" if "extra_special_tokens" in options else "additional_special_tokens"
    given = list(options.get(key) or [])
    known = {text(token) for token in given}
    options.pop("additional_special_tokens", None)
    options[key] = [*given, *(AddedToken(code, special=True) for code in MBART50 if code not in known)]


def _pegasus_tokens(options: Json) -> None:
    given, sentence = options.get("additional_special_tokens"), options.get("mask_token_sent")
    first = [sentence] if sentence is not None and (given is None or sentence not in given) else []
    if "extra_special_tokens" not in options:
        options["additional_special_tokens"] = [*first, *(f"<unk_{i}>" for i in range(2, options["offset"]))]


def _xglm_tokens(options: Json) -> None:
    options["num_madeup_words"] = 7
    add_extra(options, [f"<madeupword{i}>" for i in range(7)])


# -- a .model's pieces in the class's order


def _fairseq(pieces: Pieces, options: Json, begin: str = "bos_token", behind: tuple[str, ...] = ()) -> Pieces:
    """fairseq's order: <s> <pad> </s> <unk>, the pieces without their first three, more tokens."""
    first = [text(options[name]) for name in (begin, "pad_token", "eos_token", "unk_token")]
    return [(token, 0.0) for token in first] + pieces[3:] + [(token, 0.0) for token in behind]


def _mluke(options: Json, vocab: Any) -> Json:
    """The model's own numbers, with its unknown token first, and no table of normalizations."""
    blanks = metaspace("always")
    quotes = sequence(replace("``", '"'), replace("''", '"'))
    return {"model": unigram(0), "normalizer": quotes, "pre_tokenizer": blanks, "decoder": blanks}


def _mluke_tokens(options: Json) -> None:
    """Entities' tokens stand behind a blank; the tokens of the entity vocabulary are words' tokens too."""
    for name in ("entity_1_token", "entity_2_token"):
        if isinstance(options[name], str) and not options[name].startswith("▁"):
            options[name] = f"▁{options[name]}"
    mask_takes_blank(options)
    entity_tokens(options)
    key = "extra_special_tokens" if options.get("extra_special_tokens") else "additional_special_tokens"
    known = {text(token) for token in options[key]}
    names = [text(options[f"entity_{name}_token"]) for name in ("unk", "pad", "mask", "mask2")]
    options[key] += [AddedToken(name, normalized=False, special=True) for name in names if name not in known]


def _with_mask(pieces: Pieces, options: Json) -> Pieces:
    return _fairseq(pieces, options, behind=(text(options["mask_token"]),))


def _mbart(pieces: Pieces, options: Json) -> Pieces:
    return _fairseq(pieces, options, behind=(*MBART, text(options["mask_token"])))


def _mbart50(pieces: Pieces, options: Json) -> Pieces:
    return _fairseq(pieces, options, "cls_token", (*MBART50, text(options["mask_token"])))


def _camembert(pieces: Pieces, options: Json) -> Pieces:
    names = ["<s>NOTUSED", text(options["pad_token"]), "</s>NOTUSED", text(options["unk_token"])]
    first = [(token, 0.0) for token in names] + [("<unk>NOTUSED", -100.0)]
    return first + pieces[1:] + [(text(options["mask_token"]), 0.0)]


def _t5(pieces: Pieces, options: Json) -> Pieces:
    return pieces + [(f"<extra_id_{i}>", 0.0) for i in range(options["extra_ids"] - 1, -1, -1)]


def _pegasus(pieces: Pieces, options: Json) -> Pieces:
    names = ("pad_token", "eos_token", "mask_token_sent", "mask_token")
    first = [(text(options[name]), 0.0) for name in names if options.get(name) is not None]
    return first + [(f"<unk_{i}>", -100.0) for i in range(2, options["offset"])] + pieces[2:]


# -- the classes


def _tokens(names: str, **more: Any) -> Json:
    pairs = (pair.split("=") for pair in names.split())
    return {f"{name}_token": token for name, token in pairs} | more


XLMR_TOKENS = _tokens("bos=<s> eos=</s> sep=</s> cls=<s> unk=<unk> pad=<pad> mask=<mask>")
ALBERT_TOKENS = _tokens("bos=[CLS] eos=[SEP] unk=<unk> sep=[SEP] pad=<pad> cls=[CLS] mask=[MASK]")
SPIECE, BPE_MODEL = ("spiece.model",), ("sentencepiece.bpe.model",)


def _cls_sep(first: str = "cls_token", last: str = "sep_token") -> Any:
    return around(first, last, types="000|00011")


def _xlnet_processor(options: Json, id_of: Any) -> Json:
    sep, cls = text(options["sep_token"]), text(options["cls_token"])
    pair = ["$A", sep, "$B", sep, cls]
    return template(["$A", sep, cls], pair, {sep: id_of(sep), cls: id_of(cls)}, "002|00112")


def _xglm_processor(options: Json, id_of: Any) -> Json:
    bos, eos = text(options["bos_token"]), text(options["eos_token"])
    return template([eos, "$A"], [eos, "$A", eos, eos, "$B"], {bos: id_of(bos), eos: id_of(eos)})


def _class(name: str, parts: Any, options: Json, processor: Any = None, **more: Any) -> TokenizerClass:
    more = {"files": SPIECE, "model": "Unigram"} | more
    return TokenizerClass(name, parts, options, processor, **more)


T5_OPTIONS = _tokens("eos=</s> unk=<unk> pad=<pad>", extra_ids=100)
T5 = _class(
    "T5Tokenizer",
    _words(2),
    T5_OPTIONS,
    behind("eos_token"),
    prepare=extra_ids,
    from_sentencepiece=_t5,
    behaviour="bearhug.tokenizers.methods.sentinels:SentinelTokens",
)
VIDEO_PRISM = _class(
    "VideoPrismTokenizer",
    _words(2),
    T5_OPTIONS,
    prepare=extra_ids,
    from_sentencepiece=_t5,
    behaviour="bearhug.tokenizers.methods.sentinels:SentinelTokens",
)
LASR = _class(
    "LasrTokenizer",
    _words(3),
    T5_OPTIONS,
    behind("eos_token"),
    prepare=extra_ids,
    behaviour="bearhug.tokenizers.methods.sentinels:LasrTokens",
)
MLUKE = _class(
    "MLukeTokenizer",
    _mluke,
    XLMR_TOKENS | ENTITIES,
    around("cls_token", "sep_token", between=2, types="000|000011"),
    files=BPE_MODEL,
    prepare=_mluke_tokens,
    other_files={"entity_vocab_file": "entity_vocab.json"},
    behaviour="bearhug.tokenizers.methods.entities:WithEntitiesOfManyLanguages",
)
XLM_ROBERTA = _class(
    "XLMRobertaTokenizer",
    _words(3),
    XLMR_TOKENS | {"add_prefix_space": True},
    around("bos_token", "eos_token", between=2),
    files=BPE_MODEL,
    from_sentencepiece=_with_mask,
)
CAMEMBERT = _class(
    "CamembertTokenizer",
    _words(lambda options, vocab: _first(vocab, options)),
    XLMR_TOKENS | {"add_prefix_space": True},
    around("bos_token", "eos_token", between=2),
    files=BPE_MODEL,
    model=None,
    prepare=_camembert_tokens,
    from_sentencepiece=_camembert,
)


def _first(vocab: Any, options: Json) -> int:
    unknown = text(options["unk_token"])
    return next((i for i, (token, _) in enumerate(vocab) if token == unknown), 0)


ALBERT = _class(
    "AlbertTokenizer",
    _albert,
    {"do_lower_case": True, "keep_accents": False} | ALBERT_TOKENS | {"add_prefix_space": True, "trim_offsets": True},
    default_processor=_cls_sep(),
)
FNET = _class(
    "FNetTokenizer",
    _albert,
    ALBERT.options,
    default_processor=_cls_sep(),
    inputs=("input_ids", "token_type_ids"),
    as_file=True,
)
XLNET = _class(
    "XLNetTokenizer",
    _xlnet,
    {"unk_id": 0, "do_lower_case": False, "remove_space": True, "keep_accents": False}
    | _tokens("bos=<s> eos=</s> unk=<unk> sep=<sep> pad=<pad> cls=<cls> mask=<mask>"),
    _xlnet_processor,
    padding_side="left",
    prepare=_xlnet_tokens,
)
MBART_CLASS = _class(
    "MBartTokenizer",
    _words(3, use_charsmap=False),
    XLMR_TOKENS | {"src_lang": None, "tgt_lang": None},
    files=BPE_MODEL,
    prepare=_mbart_tokens,
    from_sentencepiece=_mbart,
    behaviour="bearhug.tokenizers.methods.translation:MBartLanguages",
)
MBART50_CLASS = _class(
    "MBart50Tokenizer",
    _line(3, lambda options: [*charsmap(options), ONE_BLANK]),
    {"src_lang": None, "tgt_lang": None} | _tokens("eos=</s> sep=</s> cls=<s> unk=<unk> pad=<pad> mask=<mask>"),
    files=BPE_MODEL,
    prepare=_mbart50_tokens,
    from_sentencepiece=_mbart50,
    behaviour="bearhug.tokenizers.methods.translation:MBart50Languages",
)
BARTHEZ = _class(
    "BarthezTokenizer",
    _line(3, lambda _: [*FLAT, RIGHT]),
    XLMR_TOKENS | {"add_prefix_space": True},
    files=BPE_MODEL,
    model=None,
    prepare=mask_takes_blank,
)
BIG_BIRD = _class(
    "BigBirdTokenizer",
    _line(
        lambda options, vocab: unk_index(vocab, options, 100),
        lambda _: [
            {"type": "Strip", "strip_left": False, "strip_right": False},
            replace(r" {2,}", "▁", regex=True),
        ],
    ),
    _tokens("unk=<unk> bos=<s> eos=</s> pad=<pad> sep=[SEP] mask=[MASK] cls=[CLS]", add_prefix_space=True),
    _cls_sep(),
    prepare=mask_takes_blank,
)
DEBERTA_V2 = _class(
    "DebertaV2Tokenizer",
    _deberta,
    {"do_lower_case": False, "split_by_punct": False}
    | _tokens("bos=[CLS] eos=[SEP] unk=[UNK] sep=[SEP] pad=[PAD] cls=[CLS] mask=[MASK]")
    | {"add_prefix_space": True, "unk_id": 1},
    _cls_sep(),
    inputs=("input_ids", "attention_mask", "token_type_ids"),
    files=("spm.model",),
)
PEGASUS = _class(
    "PegasusTokenizer",
    _line(lambda options, vocab: unk_index(vocab, options, 1), _pegasus_normalizers),
    _tokens("pad=<pad> eos=</s> unk=<unk> mask=<mask_2>") | {"mask_token_sent": "<mask_1>", "offset": 103},
    behind("eos_token", "$A $B {}"),
    prepare=_pegasus_tokens,
    from_sentencepiece=_pegasus,
)
REMBERT = _class(
    "RemBertTokenizer",
    _rembert,
    {"do_lower_case": False, "keep_accents": True} | ALBERT_TOKENS | {"add_prefix_space": True, "remove_space": True},
    _cls_sep(),
    files=("sentencepiece.model",),
)
XGLM = _class(
    "XGLMTokenizer",
    _line(3, lambda options: [*charsmap(options), ONE_BLANK]),
    _tokens("bos=<s> eos=</s> sep=</s> cls=<s> unk=<unk> pad=<pad>", add_prefix_space=True),
    _xglm_processor,
    prepare=_xglm_tokens,
)
UDOP = _class(
    "UdopTokenizer",
    _words(lambda options, vocab: _first(vocab, options), use_charsmap=False),
    _tokens("eos=</s> sep=</s> unk=<unk> pad=<pad>")
    | {"sep_token_box": [1000] * 4, "pad_token_box": [0] * 4, "pad_token_label": -100}
    | {"only_label_first_subword": True},
    behind("eos_token"),
    behaviour="bearhug.tokenizers.methods.layouts:ByFullPieces",
)
LAYOUT_XLM = _class(
    "LayoutXLMTokenizer",
    _layout_xlm,
    XLMR_TOKENS
    | {"cls_token_box": [0] * 4, "sep_token_box": [1000] * 4, "pad_token_box": [0] * 4, "pad_token_label": -100}
    | {"only_label_first_subword": True, "add_prefix_space": True},
    around("cls_token", "sep_token", between=2),
    files=BPE_MODEL,
    prepare=mask_takes_blank,
    from_sentencepiece=_with_mask,
    behaviour="bearhug.tokenizers.methods.layouts:WithBoxes",
)
ALL = (
    MLUKE,
    LAYOUT_XLM,
    UDOP,
    T5,
    VIDEO_PRISM,
    LASR,
    XLM_ROBERTA,
    CAMEMBERT,
    ALBERT,
    FNET,
    XLNET,
    MBART_CLASS,
    MBART50_CLASS,
    BARTHEZ,
)
ALL += (BIG_BIRD, DEBERTA_V2, PEGASUS, REMBERT, XGLM, LAYOUT_XLM, UDOP)
