"""A tokenizer that works in Python and the reference's give the same: in many calls, saved, with tokens added."""

import pickle

from bearhug import AutoTokenizer
from bearhug.tokenizers.auto import tokenizer_class


def find(name):
    from transformers.models.auto.tokenization_auto import tokenizer_class_from_name

    return tokenizer_class_from_name(name)


def outcome(call):
    """What a call gives, or that it fails."""
    try:
        return call()
    except Exception as error:
        return "fails" if not isinstance(error, AssertionError) else error


CALLS = [
    {},
    {"add_special_tokens": False},
    {"return_special_tokens_mask": True, "return_token_type_ids": True},
    {"return_attention_mask": False, "return_length": True},
    {"truncation": True, "max_length": 7},
    {"truncation": "only_first", "max_length": 9, "stride": 2, "return_overflowing_tokens": True},
    {"padding": "max_length", "max_length": 12, "truncation": True},
]
BATCHES = [{"padding": True}, {"padding": True, "padding_side": "left", "pad_to_multiple_of": 8}]
BATCHES += [{"padding": "max_length", "max_length": 40}, {"padding": True, "return_tensors": "np"}]
ATTRIBUTES = ("model_input_names", "padding_side", "special_tokens_map", "all_special_tokens", "all_special_ids")
ATTRIBUTES += ("extra_special_tokens", "model_max_length", "vocab_size", "is_fast", "added_tokens_encoder")


def assert_same(ours, theirs, texts, vocabulary=True, attributes=ATTRIBUTES):
    for name in attributes:
        assert getattr(ours, name) == getattr(theirs, name), name
    assert len(ours) == len(theirs)
    if vocabulary:
        assert ours.get_vocab() == theirs.get_vocab()
    for text in texts:
        assert ours.tokenize(text) == theirs.tokenize(text), text
        for pair in (None, "a pair"):
            for said in CALLS:
                if said.get("padding") and not theirs(text, pair)["input_ids"]:
                    continue  # the reference leaves an empty row empty
                mine = outcome(lambda: dict(ours(text, pair, **said)))  # noqa: B023 - called at once
                assert mine == outcome(lambda: dict(theirs(text, pair, **said))), (text, pair, said)  # noqa: B023
        ids = theirs(text)["input_ids"]
        assert ours.convert_ids_to_tokens(ids) == theirs.convert_ids_to_tokens(ids)
        for skip in (False, True):
            for clean in (False, True):
                said = {"skip_special_tokens": skip, "clean_up_tokenization_spaces": clean}
                assert ours.decode(ids, **said) == theirs.decode(ids, **said), text
    for said in BATCHES if theirs.pad_token is not None else []:
        a, b = (tokenizer([text for text in texts if text], **said) for tokenizer in (ours, theirs))
        assert list(a) == list(b)
        for key in a:
            assert [list(row) for row in a[key]] == [list(row) for row in b[key]]
    words = ["Hello", "new", "world"]
    assert outcome(lambda: ours(words, is_split_into_words=True)["input_ids"]) == outcome(
        lambda: theirs(words, is_split_into_words=True)["input_ids"]
    )


def assert_kept(ours, theirs, folder, texts):
    """Saved, it loads as the same in both libraries; it can be pickled; tokens can be added."""
    name = type(ours).__name__
    ours.save_pretrained(folder / "ours")
    theirs.save_pretrained(folder / "theirs")
    for saved in ("ours", "theirs"):
        again, their_own = (
            tokenizer_class(name).from_pretrained(folder / saved),
            type(theirs).from_pretrained(folder / saved),
        )
        for text in texts:
            assert dict(again(text)) == dict(ours(text)) == dict(their_own(text)), text
        assert again.added_tokens_encoder == their_own.added_tokens_encoder
    assert AutoTokenizer.from_pretrained(folder / "ours")(texts[0]).data == ours(texts[0]).data
    assert dict(pickle.loads(pickle.dumps(ours))(texts[0])) == dict(ours(texts[0]))
    for tokenizer in (ours, theirs):
        assert tokenizer.add_tokens(["<new>", "wörd"]) == 2
        assert tokenizer.add_special_tokens({"mask_token": "<m>"}) == 1
    for text in ("a<new>b wörd<m> x", *texts):
        assert dict(ours(text)) == dict(theirs(text)), text
