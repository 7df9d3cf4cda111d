"""Naming, adding and setting special tokens: every way, after every way of loading, as in the reference."""

import pytest

from bearhug import AutoTokenizer
from bearhug.tokenizers import AddedToken

OPERATIONS = {
    "name one": lambda t, A: t.add_special_tokens({"pad_token": "<p>"}),
    "extra": lambda t, A: t.add_special_tokens({"extra_special_tokens": ["<a>", "<b>"]}),
    "extra, earlier": lambda t, A: t.add_special_tokens({"additional_special_tokens": ["<a>", "<b>"]}),
    "extra twice": lambda t, A: (
        t.add_special_tokens({"extra_special_tokens": ["<a>", "<b>"]}),
        t.add_special_tokens({"extra_special_tokens": ["<c>"]}),
    ),
    "extra, more": lambda t, A: (
        t.add_special_tokens({"extra_special_tokens": ["<a>", "<b>"]}),
        t.add_special_tokens({"extra_special_tokens": ["<c>", "<a>"]}, replace_extra_special_tokens=False),
    ),
    "extra, then none": lambda t, A: (
        t.add_special_tokens({"extra_special_tokens": ["<a>"]}),
        t.add_special_tokens({"extra_special_tokens": []}),
    ),
    "nothing": lambda t, A: t.add_special_tokens({}),
    "a flag": lambda t, A: t.add_special_tokens({"mask_token": A("<m>", lstrip=True)}),
    "a name of a model's": lambda t, A: t.add_special_tokens({"image_token": "<img>"}),
    "a number": lambda t, A: t.add_special_tokens({"pad_token": 3}),
    "one of the vocabulary": lambda t, A: t.add_special_tokens({"pad_token": "the"}),
    "extra, one text": lambda t, A: t.add_special_tokens({"extra_special_tokens": "<a>"}),
    "add one": lambda t, A: t.add_tokens("<x>"),
    "add again": lambda t, A: t.add_tokens(["<x>", "<x>", "the", "<y>"]),
    "add with flags": lambda t, A: t.add_tokens([A("<x>", single_word=True), A("<z>", normalized=False)]),
    "add special": lambda t, A: t.add_tokens(["<x>"], special_tokens=True),
    "add special, a token": lambda t, A: t.add_tokens([A("<x>")], special_tokens=True),
    "add none": lambda t, A: t.add_tokens([]),
    "add the empty text": lambda t, A: t.add_tokens([""]),
    "set": lambda t, A: setattr(t, "pad_token", "<q>"),
    "set a token": lambda t, A: setattr(t, "pad_token", A("<q>")),
    "set one of the vocabulary": lambda t, A: setattr(t, "pad_token", "the"),
    "unset": lambda t, A: setattr(t, "pad_token", None),
    "set by id": lambda t, A: setattr(t, "pad_token_id", 3),
    "set extra": lambda t, A: setattr(t, "extra_special_tokens", ["<q>", "<r>"]),
    "set to the empty text": lambda t, A: setattr(t, "mask_token", ""),
}
LOADED_WITH = {
    "nothing": {},
    "a list": {"extra_special_tokens": ["<e1>", "<e2>"]},
    "a dict": {"extra_special_tokens": {"image_token": "<img>", "boi": "<boi>"}},
    "an earlier name": {"additional_special_tokens": ["<e>"]},
    "a model's names": {"model_specific_special_tokens": {"image_token": "<img>"}},
    "keywords": {"pad_token": "<P>", "image_token": "<I>"},
}
ATTRIBUTES = """special_tokens_map all_special_tokens all_special_ids extra_special_tokens extra_special_tokens_ids
pad_token pad_token_id mask_token mask_token_id image_token image_token_id boi boi_id vocab_size added_tokens_encoder
SPECIAL_TOKENS_ATTRIBUTES unk_token_id""".split()
FLAGS = ("content", "lstrip", "rstrip", "single_word", "normalized", "special")
TEXT = "the <a><b> <x> x<x>x <q>the <p> <m>  <m> <img> <y>the<z>"


def outcome(function, *args):
    try:
        return function(*args)
    except (ValueError, TypeError, AttributeError) as problem:
        return type(problem)


def state(tokenizer, result) -> dict:
    """Everything that can be told of it."""
    told = {name: outcome(getattr, tokenizer, name) for name in ATTRIBUTES}
    decoder = tokenizer.added_tokens_decoder
    told["decoder"] = {id: [getattr(token, flag) for flag in FLAGS] for id, token in decoder.items()}
    return told | {"result": result, "ids": tokenizer(TEXT)["input_ids"], "size": len(tokenizer)}


@pytest.mark.reference
@pytest.mark.parametrize("name", ["bert", "llama3", "qwen2"])
@pytest.mark.parametrize("loaded", LOADED_WITH)
def test_special_tokens_are_the_references(name, loaded, folders):
    from transformers import AddedToken as TheirToken
    from transformers import AutoTokenizer as Theirs

    for said, operation in OPERATIONS.items():
        states = []
        for auto, token_class in ((AutoTokenizer, AddedToken), (Theirs, TheirToken)):
            tokenizer = auto.from_pretrained(folders[name], **LOADED_WITH[loaded])
            states.append(state(tokenizer, outcome(operation, tokenizer, token_class)))
        assert states[0] == states[1], said


def test_no_start_is_put_where_there_is_no_such_token(folder_of):
    """add_bos_token=True without a bos_token stays False, and the texts stay as they are."""
    tokenizer = AutoTokenizer.from_pretrained(folder_of("bert-real"), bos_token=None)
    tokenizer.add_bos_token = True

    assert tokenizer.add_bos_token is False


def test_languages_of_an_earlier_call_are_taken_by_tokenizers_without_languages(folder_of):
    tokenizer = AutoTokenizer.from_pretrained(folder_of("bert-real"))
    batch = tokenizer.prepare_seq2seq_batch(["a text"], ["another"], src_lang="en_XX", return_tensors="np")

    assert batch["labels"].tolist() == tokenizer(["another"])["input_ids"]
