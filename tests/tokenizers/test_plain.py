"""The short Python twin and the compiled core agree."""

import json

import pytest

import tokenizer_parity as parity
from bearhug.tokenizers import convert, file, patterns, plain, train

# Without characters that Python's Unicode and the reference's see differently.
TEXTS = [text for text in parity.TEXTS if "\x85" not in text] + [
    "".join(char for char in parity.random_text(seed) if ord(char) < 0x250 or 0x4E00 <= ord(char) < 0x4F00)
    for seed in range(60)
]


def word_vocabulary() -> dict[str, int]:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words += sorted(
        {char for text in TEXTS for char in text if char.strip()} | {"the", "hello", "fox", "##s", "##e", "##o"}
    )
    return {word: id for id, word in enumerate(words)}


def byte_level(split: str, **parts) -> dict:
    core = train.byte_level_bpe(TEXTS, vocab_size=500, special_tokens=["<s>", "</s>"])
    model = file.describe(core)["model"]
    return convert.byte_level(split, model["vocab"], model["merges"], ignore_merges=True) | parts


def sentencepiece_like() -> dict:
    cut = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    start = {"normalizer": None, "pre_tokenizer": cut, "decoder": None, "model": {"type": "BPE", "unk_token": "<unk>"}}
    core = train.train(start, [text[:50] for text in TEXTS[:12]], vocab_size=300, special_tokens=["<unk>"])
    description = file.describe(core)
    vocab = description["model"]["vocab"]
    vocab |= {f"<0x{byte:02X}>": len(vocab) + byte for byte in range(256)}
    description["model"] |= {"byte_fallback": True, "fuse_unk": True}
    parts = [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]
    return description | {"normalizer": {"type": "Sequence", "normalizers": parts}, "pre_tokenizer": None}


def added(id: int, content: str, **flags) -> dict:
    plain_flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": id, "content": content} | plain_flags | flags


def roberta() -> dict:
    description = file.describe(train.byte_level_bpe(TEXTS, vocab_size=500, special_tokens=["<s>", "</s>"]))
    description["added_tokens"] += [added(900, "<mask>", lstrip=True), added(901, "fox", single_word=True)]
    description["added_tokens"] += [added(902, "dog", normalized=True, special=False, rstrip=True)]
    description["pre_tokenizer"]["add_prefix_space"] = True
    around = {"type": "RobertaProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0]}
    return description | {"post_processor": around | {"trim_offsets": True, "add_prefix_space": True}}


def words(pre_tokenizer: dict, normalizer: dict | None = None) -> dict:
    return convert.like("bert", word_vocabulary()) | {"pre_tokenizer": pre_tokenizer, "normalizer": normalizer}


def sequence(*parts: dict) -> dict:
    return {"type": "Sequence", "normalizers": list(parts), "pretokenizers": list(parts)}


SPLIT = {"type": "Split", "pattern": {"String": "a"}, "invert": False}
MAKES = {
    "bert": lambda: convert.like("bert", word_vocabulary()),
    "bert cased": lambda: convert.like("bert", word_vocabulary(), do_lower_case=False),
    "roberta": roberta,
    "llama3": lambda: byte_level(
        patterns.LLAMA3, post_processor={"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True}
    ),
    "qwen2": lambda: byte_level(patterns.QWEN2, normalizer={"type": "NFC"}),
    "o200k": lambda: byte_level(patterns.O200K),
    "sentencepiece-like": sentencepiece_like,
    "word level": lambda: {
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "model": {"type": "WordLevel", "vocab": word_vocabulary(), "unk_token": "[UNK]"},
    },
    "whitespace": lambda: words({"type": "Whitespace"}, sequence({"type": "NFD"}, {"type": "StripAccents"})),
    "punctuation": lambda: words({"type": "Punctuation", "behavior": "Contiguous"}, {"type": "Lowercase"}),
    "digits": lambda: words(
        sequence({"type": "CharDelimiterSplit", "delimiter": " "}, {"type": "Digits", "individual_digits": True}),
        {"type": "NFKC"},
    ),
    "stripped": lambda: words(
        {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first", "split": True},
        {"type": "Strip", "strip_left": True, "strip_right": True},
    ),
    **{
        f"split {behavior}": lambda behavior=behavior: words(SPLIT | {"behavior": behavior}, {"type": "NFKD"})
        for behavior in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
    },
}


@pytest.mark.parametrize("name", MAKES)
def test_the_twin_agrees_with_the_core(name):
    """Ids, tokens, offsets and words of texts and pairs, with special tokens and without."""
    description = MAKES[name]()
    core = file.build(json.loads(json.dumps(description)))
    for i, text in enumerate(TEXTS):
        pair = TEXTS[i * 5 % len(TEXTS)] if i % 3 == 0 else None
        twin = plain.encode(description, text, pair, add_special_tokens=i % 4 != 0)
        encoded = core.encode_batch([text], None if pair is None else [pair], add_special_tokens=i % 4 != 0)
        assert [token.id for token in twin] == encoded.row(0, "ids"), repr(text)
        assert [token.text for token in twin] == encoded.tokens(0), repr(text)
        assert [token.offsets for token in twin] == encoded.row(0, "offsets"), repr(text)
        assert [token.word for token in twin] == encoded.row(0, "word_ids"), repr(text)


def test_a_text_is_explained_station_by_station():
    description = convert.like("bert", {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "un": 3, "##do": 4, "!": 5, "[MASK]": 6})

    assert plain.explain(description, "Undo! [MASK]") == (
        "text        'Undo! [MASK]'\n"
        "normalized  'undo! '\n"
        "pieces      'undo' '!' '[MASK]'\n"
        "tokens      'un' '##do' '!' '[MASK]'\n"
        "ids         [1, 3, 4, 5, 6, 2]\n"
        "offsets     [(0, 0), (0, 2), (2, 4), (4, 5), (6, 12), (0, 0)]"
    )
