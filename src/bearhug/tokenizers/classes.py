"""The tokenizer classes, as data: `BertTokenizer`, `GPT2Tokenizer`, ... differ in their defaults and in their parts.

Where a folder names one of these classes, the parts of its tokenizer.json are not taken as they stand, except for
vocabulary, merges and post-processor: the class makes them from the options in tokenizer_config.json (`do_lower_case`,
`add_prefix_space`, ...), as the reference does, so that changing an option there has its effect. Every other class
takes tokenizer.json as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bearhug.tokenizers import patterns

Json = dict[str, Any]


@dataclass(frozen=True)
class TokenizerClass:
    """What is particular to one class.

    Args:
        parts: options -> the tokenizer.json entries normalizer, pre_tokenizer, decoder and model (without vocabulary
            and merges). None: tokenizer.json as it is.
        options: the special tokens and options that `parts` and `post_processor` read, with their defaults.
        post_processor: (options, token -> id) -> the post-processor, where the class insists on its own.
        bos_eos: the post-processor is always that of `add_bos_token` and `add_eos_token`.
        inputs: what a model of this kind reads.
        files: the vocabulary files of folders without a tokenizer.json.
    """

    name: str
    parts: Callable[[Json], Json] | None = None
    options: Json = field(default_factory=dict)
    post_processor: Callable[[Json, Callable[[str], int | None]], Json] | None = None
    bos_eos: bool = False
    inputs: tuple[str, ...] = ("input_ids", "attention_mask")
    padding_side: str = "right"
    files: tuple[str, ...] = ()


BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}


def _bpe(**settings: Any) -> Json:
    """The settings of a BPE model, as tokenizer.json has them."""
    plain = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": ""}
    plain |= {"end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False}
    return plain | settings


def _wordpiece(options: Json) -> Json:
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
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
    }


def _byte_level(options: Json) -> Json:
    """GPT-2's parts, and RoBERTa's."""
    return {
        "model": _bpe(),
        "normalizer": None,
        "pre_tokenizer": BYTE_LEVEL | {"add_prefix_space": bool(options["add_prefix_space"])},
        "decoder": BYTE_LEVEL,
    }


def _gpt_neox(options: Json) -> Json:
    parts = _byte_level(options) | {"normalizer": {"type": "NFC"}}
    parts["pre_tokenizer"] = parts["pre_tokenizer"] | {"trim_offsets": bool(options["trim_offsets"])}
    return parts


QWEN3_5_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _qwen(split: str) -> Callable[[Json], Json]:
    def parts(options: Json) -> Json:
        pieces = {"type": "Split", "pattern": {"Regex": split}, "behavior": "Isolated", "invert": False}
        as_bytes = BYTE_LEVEL | {"add_prefix_space": bool(options["add_prefix_space"]), "use_regex": False}
        return {
            "model": _bpe(),
            "normalizer": {"type": "NFC"},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [pieces, as_bytes]},
            "decoder": BYTE_LEVEL,
        }

    return parts


def _llama(options: Json) -> Json:
    """Spaces become U+2581, one goes before the text (after each special token too in the `legacy` way)."""
    prefix = options["add_prefix_space"] in (None, True)
    scheme = ("always" if options["legacy"] else "first") if prefix else "never"
    decoders: list[Json] = [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    if prefix:
        decoders.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return {
        "model": _bpe(continuing_subword_prefix=None, end_of_word_suffix=None, fuse_unk=True, byte_fallback=True),
        "normalizer": None,
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": False},
        "decoder": {"type": "Sequence", "decoders": decoders},
    }


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


def _bert_processor(options: Json, id_of: Callable[[str], int | None]) -> Json:
    cls, sep = text(options["cls_token"]), text(options["sep_token"])
    ids = {cls: _or(id_of(cls), 2), sep: _or(id_of(sep), 3)}
    return template([cls, "$A", sep], [cls, "$A", sep, "$B", sep], [0, 0, 0, 1, 1], ids)


def template(single: list[str], pair: list[str], pair_types: list[int], ids: dict[str, int]) -> Json:
    """A TemplateProcessing from lists, for tokens that may hold blanks or colons."""

    def piece(name: str, type_id: int) -> Json:
        kind = {"$A": "A", "$B": "B"}.get(name)
        return {"Sequence" if kind else "SpecialToken": {"id": kind or name, "type_id": type_id}}

    special = {token: {"id": token, "ids": [id], "tokens": [token]} for token, id in ids.items()}
    return {
        "type": "TemplateProcessing",
        "single": [piece(name, 0) for name in single],
        "pair": [piece(name, type_id) for name, type_id in zip(pair, pair_types, strict=True)],
        "special_tokens": special,
    }


def _roberta_processor(options: Json, id_of: Callable[[str], int | None]) -> Json:
    cls, sep = text(options["cls_token"]), text(options["sep_token"])
    return {
        "type": "RobertaProcessing",
        "sep": [sep, id_of(sep)],
        "cls": [cls, id_of(cls)],
        "trim_offsets": bool(options["trim_offsets"]),
        "add_prefix_space": bool(options["add_prefix_space"]),
    }


def _or(value: int | None, other: int) -> int:
    return other if value is None else value


def text(token: Any) -> str:
    """A special token's text, whether it is given as text or as AddedToken."""
    return token if isinstance(token, str) else token.content


BERT_OPTIONS: Json = {
    "do_lower_case": True,
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
    "tokenize_chinese_chars": True,
    "strip_accents": None,
}
BERT_INPUTS = ("input_ids", "token_type_ids", "attention_mask")
END = "<|endoftext|>"
BPE_FILES = ("vocab.json", "merges.txt")

BERT = TokenizerClass(
    "BertTokenizer", _wordpiece, BERT_OPTIONS, _bert_processor, inputs=BERT_INPUTS, files=("vocab.txt",)
)
DISTILBERT = TokenizerClass("DistilBertTokenizer", _wordpiece, BERT_OPTIONS, _bert_processor, files=("vocab.txt",))
GPT2 = TokenizerClass(
    "GPT2Tokenizer",
    _byte_level,
    {"errors": "replace", "unk_token": END, "bos_token": END, "eos_token": END, "pad_token": None}
    | {"add_prefix_space": False},
    files=BPE_FILES,
)
ROBERTA = TokenizerClass(
    "RobertaTokenizer",
    _byte_level,
    {"errors": "replace", "bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>"}
    | {
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "mask_token": "<mask>",
        "add_prefix_space": False,
        "trim_offsets": True,
    },
    _roberta_processor,
    files=BPE_FILES,
)
GPT_NEOX = TokenizerClass(
    "GPTNeoXTokenizer",
    _gpt_neox,
    {"errors": "replace", "unk_token": END, "bos_token": END, "eos_token": END, "pad_token": "<|padding|>"}
    | {"add_prefix_space": False, "trim_offsets": True},
    bos_eos=True,
    files=BPE_FILES,
)
QWEN_OPTIONS: Json = {"unk_token": END, "bos_token": None, "eos_token": END, "pad_token": END, "add_prefix_space": None}
QWEN2 = TokenizerClass("Qwen2Tokenizer", _qwen(patterns.QWEN2), QWEN_OPTIONS, files=BPE_FILES)
QWEN3_5 = TokenizerClass("Qwen3_5Tokenizer", _qwen(QWEN3_5_SPLIT), QWEN_OPTIONS, files=BPE_FILES)
LLAMA = TokenizerClass(
    "LlamaTokenizer",
    _llama,
    {"clean_up_tokenization_spaces": False, "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    | {"use_default_system_prompt": False, "legacy": False, "add_prefix_space": None},
    padding_side="left",
)
PLAIN = TokenizerClass("PreTrainedTokenizerFast")  # tokenizer.json as it is

CLASSES = {known.name: known for known in (BERT, DISTILBERT, GPT2, ROBERTA, GPT_NEOX, QWEN2, QWEN3_5, LLAMA, PLAIN)}
SAME_AS = {
    "BartTokenizer": "RobertaTokenizer",
    "LEDTokenizer": "RobertaTokenizer",
    "LongformerTokenizer": "RobertaTokenizer",
    "ElectraTokenizer": "BertTokenizer",
    "LayoutLMTokenizer": "BertTokenizer",
    "LxmertTokenizer": "BertTokenizer",
    "MobileBertTokenizer": "BertTokenizer",
    "RetriBertTokenizer": "BertTokenizer",
    "SqueezeBertTokenizer": "BertTokenizer",
    "ConvBertTokenizer": "BertTokenizer",
    "TokenizersBackend": "PreTrainedTokenizerFast",
    "PreTrainedTokenizer": "PreTrainedTokenizerFast",
}


def find(name: str) -> TokenizerClass | None:
    """The class of that name, with or without `Fast`; None where tokenizer.json is to be taken as it is."""
    bare = name if name in CLASSES else name.removesuffix("Fast")
    return CLASSES.get(SAME_AS.get(bare, bare))


# model_type of config.json -> the class of its tokenizers, for folders that name none, or a wrong one.
_TYPES = {
    "BertTokenizer": (
        "align bark bert blip bros chinese_clip convbert electra ernie flava git grounding-dino layoutlm lxmert "
        "megatron-bert mm-grounding-dino mobilebert nezha nomic_bert qdqbert realm retribert squeezebert tvp vilt "
        "visual_bert"
    ),
    "DistilBertTokenizer": "distilbert",
    "GPT2Tokenizer": (
        "blip-2 codegen dbrx emu3 gpt2 gpt_neo gptj hyperclovax_vision_v2 instructblip instructblipvideo jais2 "
        "opt phi starcoder2"
    ),
    "RobertaTokenizer": (
        "bart bridgetower clap data2vec-text florence2 ibert led lilt longformer mega mra roberta roberta- prelayernorm"
    ),
    "GPTNeoXTokenizer": "falcon_mamba gpt_neox mamba mamba2 mpt olmo olmoe rwkv xlstm",
    "Qwen2Tokenizer": (
        "audioflamingo3 colqwen2 cosmos3_omni dots3_note fun_asr_nano hunyuan_vl internvl lighton_ocr "
        "moss_transcribe_diarize ovis2 qianfan_ocr qwen2 qwen2_5_omni qwen2_5_vl qwen2_audio qwen2_moe qwen2_vl "
        "qwen3 qwen3_asr qwen3_moe qwen3_next qwen3_omni_moe qwen3_vl qwen3_vl_moe vibevoice"
    ),
    "Qwen3_5Tokenizer": "qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen3_5_text qwen4_exp",
    "LlamaTokenizer": "idefics idefics2",
    "PreTrainedTokenizerFast": (
        "EvollaModel aria beam bigbird_pegasus canary flex_olmo glm glm4 glm4_moe glm4_moe_lite glm4v glm4v_moe "
        "glm_image glmasr got_ocr2 gpt_bigcode gradium_phonon_tts granite granitemoe granitemoehybrid "
        "granitemoeshared kimi_k25 kimi_linear kosmos-2 mimo_v2_flash minicpm_ocr minicpmv4_6 minicpmv4_7 "
        "nemo_speechlm nystromformer olmo2 olmo3 olmo_hybrid pegasus_x persimmon pix2struct pocket_tts stablelm "
        "umt5 xlm-roberta-xl ministral ministral3 mistral mistral3 mistral_large4 mixtral pixtral voxtral "
        "voxtral_realtime arctic chatlm ernie4_5 ernie4_5_moe fuyu h2ovl_chat hyperclovax hyperclovax_vlm "
        "internlm2 internlm3 iquestcoder jamba llava llava_next minicpm3 minicpmv minimax_m2 modernbert "
        "modernbert-decoder molmo molmo2 nemotron nvfp4 opencua openvla paddleocr_vl phi3 phi3_v phimoe step3_vl "
        "vipllava cohere_asr camembertv2-base smolvlm"
    ),
}
OF_MODEL_TYPE = {model_type: name for name, types in _TYPES.items() for model_type in types.split()}
# Model types whose published folders often name a class that does not fit.
OFTEN_WRONG = frozenset("hyperclovax_vision_v2 qwen2 qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen4_exp".split())
