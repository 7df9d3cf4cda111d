"""The classes that work in Python, with vocabulary files of their own: `bearhug.tokenizers.unusual`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from bearhug.tokenizers.classes.kind import Json, TokenizerClass, mask_takes_blank


def _tokens(names: str, **more: Any) -> Json:
    pairs = (pair.split("=") for pair in names.split())
    return {f"{name}_token": token for name, token in pairs} | more


def _class(name: str, where: str, options: Json, **more: Any) -> TokenizerClass:
    return TokenizerClass(name, options=options, python=True, behaviour=f"bearhug.tokenizers.unusual.{where}", **more)


def _prepare(where: str) -> Callable[[Json], None]:
    """A function of a module that is loaded when it is needed."""

    def prepare(options: Json) -> None:
        module, _, name = where.partition(":")
        getattr(importlib.import_module(f"bearhug.tokenizers.unusual.{module}"), name)(options)

    return prepare


ROBERTA = "bos=<s> eos=</s> sep=</s> cls=<s> unk=<unk> pad=<pad> mask=<mask>"
BPE = ("vocab.json", "merges.txt")
SPM, SPIECE = "bos=<s> eos=</s> unk=<unk> pad=<pad>", ("spiece.model",)
CLS, SEP, MASK, PAD = (chr(point) for point in (0xE000, 0xE001, 0xE003, 0))
ALL = [
    _class(
        "ByT5Tokenizer",
        "characters:ByT5",
        _tokens("eos=</s> unk=<unk> pad=<pad>", extra_ids=125),
        prepare=_prepare("characters:byt5_tokens"),
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
    _class("BertGenerationTokenizer", "sentencepieces:BertGeneration", _tokens(f"{SPM} sep=<::::>"), files=SPIECE),
    _class(
        "GPTSw3Tokenizer",
        "sentencepieces:GPTSw3",
        {"do_lower_case": False, "remove_space": False, "keep_accents": False, "pad_token": None, "unk_token": None}
        | {"eos_token": None, "bos_token": None},
        files=SPIECE,
        prepare=_prepare("sentencepieces:gpt_sw3_tokens"),
    ),
    _class(
        "SiglipTokenizer",
        "sentencepieces:Siglip",
        _tokens("eos=</s> unk=<unk> pad=</s>") | {"model_max_length": 64, "do_lower_case": True},
        files=SPIECE,
        prepare=_prepare("sentencepieces:siglip_tokens"),
    ),
    _class(
        "SpeechT5Tokenizer", "sentencepieces:SpeechT5", _tokens(SPM) | {"normalize": False}, files=("spm_char.model",)
    ),
    _class(
        "MarianTokenizer",
        "translation:Marian",
        {"source_lang": None, "target_lang": None, "unk_token": "<unk>", "eos_token": "</s>", "pad_token": "<pad>"}
        | {"model_max_length": 512, "separate_vocabs": False},
        files=("vocab.json",),
        other_files={"source_spm": "source.spm", "target_spm": "target.spm", "target_vocab_file": "target_vocab.json"},
    ),
    _class(
        "M2M100Tokenizer",
        "translation:M2M100Tokens",
        {"src_lang": None, "tgt_lang": None, "bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>"}
        | {"pad_token": "<pad>", "unk_token": "<unk>", "language_codes": "m2m100", "num_madeup_words": 8},
        files=("vocab.json",),
        other_files={"spm_file": "sentencepiece.bpe.model"},
    ),
    _class(
        "Speech2TextTokenizer",
        "translation:Speech2Text",
        _tokens(SPM) | {"do_upper_case": False, "do_lower_case": False, "tgt_lang": None, "lang_codes": None},
        files=("vocab.json",),
        other_files={"spm_file": "sentencepiece.bpe.model"},
        prepare=_prepare("translation:speech2text_tokens"),
    ),
    _class(
        "PLBartTokenizer",
        "translation:PLBart",
        _tokens("bos=<s> eos=</s> sep=</s> cls=<s> unk=<unk> pad=<pad> mask=<mask>")
        | {"language_codes": "base", "src_lang": None, "tgt_lang": None, "clean_up_tokenization_spaces": True},
        files=("sentencepiece.bpe.model",),
        prepare=_prepare("translation:plbart_tokens"),
    ),
    _class("CTRLTokenizer", "word_bpe:CTRL", {"unk_token": "<unk>"}, files=BPE),
    _class(
        "BlenderbotSmallTokenizer",
        "word_bpe:BlenderbotSmall",
        _tokens("bos=__start__ eos=__end__ unk=__unk__ pad=__null__"),
        files=BPE,
    ),
    _class("PhobertTokenizer", "word_bpe:PhoBert", _tokens(ROBERTA), files=("vocab.txt", "bpe.codes")),
    _class(
        "BertweetTokenizer",
        "word_bpe:Bertweet",
        _tokens(ROBERTA) | {"normalization": False},
        files=("vocab.txt", "bpe.codes"),
    ),
    _class("BioGptTokenizer", "moses:BioGpt", _tokens("unk=<unk> bos=<s> eos=</s> sep=</s> pad=<pad>"), files=BPE),
    _class(
        "ProphetNetTokenizer",
        "wordpieces:ProphetNet",
        _tokens("unk=[UNK] sep=[SEP] x_sep=[X_SEP] pad=[PAD] mask=[MASK]")
        | {"do_lower_case": True, "do_basic_tokenize": True, "never_split": None, "tokenize_chinese_chars": True}
        | {"strip_accents": None, "clean_up_tokenization_spaces": True},
        files=("prophetnet.tokenizer",),
    ),
    _class(
        "EsmTokenizer",
        "wordpieces:Esm",
        _tokens("unk=<unk> cls=<cls> pad=<pad> mask=<mask> eos=<eos>"),
        files=("vocab.txt",),
    ),
    _class(
        "BertJapaneseTokenizer",
        "wordpieces:BertJapanese",
        _tokens("unk=[UNK] sep=[SEP] pad=[PAD] cls=[CLS] mask=[MASK]")
        | {"do_lower_case": False, "do_word_tokenize": True, "do_subword_tokenize": True, "never_split": None}
        | {"word_tokenizer_type": "basic", "subword_tokenizer_type": "wordpiece", "mecab_kwargs": None}
        | {"sudachi_kwargs": None, "jumanpp_kwargs": None},
        other_files={"words_file": "vocab.txt", "spm_file": "spiece.model"},
    ),
    _class(
        "XLMTokenizer",
        "moses:XLM",
        _tokens("unk=<unk> bos=<s> sep=</s> pad=<pad> cls=</s> mask=<special1>")
        | {"lang2id": None, "id2lang": None, "do_lowercase_and_remove_accent": True},
        files=BPE,
        prepare=_prepare("moses:xlm_tokens"),
    ),
    _class(
        "FlaubertTokenizer",
        "moses:Flaubert",
        _tokens("unk=<unk> bos=<s> sep=</s> pad=<pad> cls=</s> mask=<special1>")
        | {"do_lowercase": False, "lang2id": None, "id2lang": None},
        files=BPE,
        prepare=_prepare("moses:flaubert_tokens"),
    ),
    _class(
        "FSMTTokenizer",
        "moses:FSMT",
        _tokens("unk=<unk> bos=<s> sep=</s> pad=<pad>") | {"langs": None, "do_lower_case": False},
        files=("vocab-src.json", "merges.txt"),
        other_files={"tgt_vocab_file": "vocab-tgt.json"},
    ),
    _class(
        "MgpstrTokenizer",
        "characters:Mgpstr",
        _tokens("unk=[GO] bos=[GO] eos=[s] pad=[GO]"),
        files=("vocab.json",),
    ),
    _class(
        "MyT5Tokenizer",
        "characters:MyT5",
        _tokens("eos=</s> unk=<unk> pad=<pad>", extra_ids=125),
        files=("byte_maps.json",),
        prepare=_prepare("characters:byt5_tokens"),
    ),
    _class(
        "ClvpTokenizer",
        "voices:Clvp",
        _tokens("unk=[UNK] bos=<|endoftext|> eos=[STOP] pad=[STOP]") | {"errors": "replace", "add_prefix_space": False},
        files=BPE,
    ),
    _class(
        "VitsTokenizer",
        "voices:Vits",
        _tokens("pad=<pad> unk=<unk>")
        | {"language": None, "add_blank": True, "normalize": True, "phonemize": True, "is_uroman": False},
        files=("vocab.json",),
    ),
    _class(
        "Wav2Vec2PhonemeCTCTokenizer",
        "voices:Wav2Vec2Phoneme",
        _tokens("bos=<s> eos=</s> unk=<unk> pad=<pad>")
        | {"phone_delimiter_token": " ", "word_delimiter_token": None, "do_phonemize": True}
        | {"phonemizer_lang": "en-us", "phonemizer_backend": "espeak"},
        files=("vocab.json",),
    ),
    _class(
        "CpmTokenizer",
        "sentencepieces:Cpm",
        _tokens("bos=<s> eos=</s> unk=<unk> sep=<sep> pad=<pad> cls=<cls> mask=<mask>")
        | {"do_lower_case": False, "remove_space": True, "keep_accents": False},
        files=SPIECE,
        prepare=_prepare("sentencepieces:cpm_tokens"),
    ),
    _class(
        "BartphoTokenizer",
        "sentencepieces:Bartpho",
        _tokens("bos=<s> eos=</s> sep=</s> cls=<s> unk=<unk> pad=<pad> mask=<mask>"),
        files=("sentencepiece.bpe.model",),
        other_files={"monolingual_vocab_file": "dict.txt"},
        prepare=mask_takes_blank,
    ),
    _class(
        "CpmAntTokenizer",
        "chinese:CpmAnt",
        _tokens("bod=<d> eod=</d> bos=<s> eos=</s> pad=<pad> unk=<unk> line=</n> space=</_>", padding_side="left"),
        files=("vocab.txt",),
    ),
    _class(
        "RoCBertTokenizer",
        "chinese:RoCBert",
        _tokens("unk=[UNK] sep=[SEP] pad=[PAD] cls=[CLS] mask=[MASK]")
        | {"do_lower_case": True, "do_basic_tokenize": True, "never_split": None, "tokenize_chinese_chars": True}
        | {"strip_accents": None},
        files=("vocab.txt",),
        other_files={
            "word_shape_file": "word_shape.json",
            "word_pronunciation_file": "word_pronunciation.json",
        },
    ),
    _class(
        "GPTNeoXJapaneseTokenizer",
        "japanese:GPTNeoXJapanese",
        _tokens("unk=<|endoftext|> pad=<|endoftext|> bos=<|startoftext|> eos=<|endoftext|>") | {"do_clean_text": False},
        files=("vocab.txt",),
        other_files={"emoji_file": "emoji.json"},
    ),
    _class(
        "TapasTokenizer",
        "tapas:Tapas",
        _tokens("unk=[UNK] sep=[SEP] pad=[PAD] cls=[CLS] mask=[MASK] empty=[EMPTY]")
        | {"do_lower_case": True, "do_basic_tokenize": True, "never_split": None, "tokenize_chinese_chars": True}
        | {"strip_accents": None, "cell_trim_length": -1, "max_column_id": None, "max_row_id": None}
        | {"strip_column_names": False, "update_answer_coordinates": False, "min_question_length": None}
        | {"max_question_length": None, "model_max_length": 512, "clean_up_tokenization_spaces": True},
        files=("vocab.txt",),
        inputs=("input_ids", "attention_mask", "token_type_ids"),
        prepare=_prepare("tapas:tapas_tokens"),
    ),
]
