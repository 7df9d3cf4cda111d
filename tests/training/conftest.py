"""One small WordPiece folder, read by both libraries."""

import json

import pytest

WORDS = "a bear hug is warm and soft the cat sat on mat".split()
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "##s", "##ly", "##er"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A BERT-like tokenizer of 20 tokens; written as JSON, so that neither library has a part in it."""
    folder = tmp_path_factory.mktemp("tokenizer")
    special = {name: {"id": name, "ids": [PIECES.index(name)], "tokens": [name]} for name in ("[CLS]", "[SEP]")}
    first, second = {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}
    cls, sep = ({"SpecialToken": {"id": name, "type_id": 0}} for name in special)
    file = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": i, "content": PIECES[i], "special": True}
            | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
            for i in range(5)
        ],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [cls, first, sep],
            "pair": [cls, first, sep, second, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
            "special_tokens": special,
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {piece: i for i, piece in enumerate(PIECES)},
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(file))
    names = {"pad_token": 0, "unk_token": 1, "cls_token": 2, "sep_token": 3, "mask_token": 4}
    settings = {name: PIECES[i] for name, i in names.items()}
    settings |= {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 64}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture
def ours(folder):
    from bearhug import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


@pytest.fixture
def theirs(folder):
    transformers = pytest.importorskip("transformers")
    return transformers.AutoTokenizer.from_pretrained(folder)
