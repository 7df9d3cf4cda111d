"""Tokenizers of every component, as tokenizer.json's by hand.

description = whole(MAKES["unigram"]())
"""

import base64
import json
import struct
from itertools import product

import tokenizer_parity as parity
from bearhug.tokenizers import convert, file, patterns, train

# Without characters that Python's Unicode and the reference's see differently.
TEXTS = [text for text in parity.TEXTS if "\x85" not in text] + [
    "".join(char for char in parity.random_text(seed) if ord(char) < 0x250 or 0x4E00 <= ord(char) < 0x4F00)
    for seed in range(60)
]
LETTERS = sorted({char for text in TEXTS for char in text if char.strip()})


def word_vocabulary() -> dict[str, int]:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words += sorted({*LETTERS, "the", "hello", "fox", "##s", "##e", "##o"})
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
    decoders = [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}]
    decoders += [{"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]
    normalizer = {"type": "Sequence", "normalizers": parts}
    return description | {
        "normalizer": normalizer,
        "pre_tokenizer": None,
        "decoder": {"type": "Sequence", "decoders": decoders},
    }


def added(id: int, content: str, **flags) -> dict:
    plain_flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": id, "content": content} | plain_flags | flags


def roberta() -> dict:
    description = file.describe(train.byte_level_bpe(TEXTS, vocab_size=500, special_tokens=["<s>", "</s>"]))
    size = len(description["model"]["vocab"])
    description["added_tokens"] += [added(size, "<mask>", lstrip=True), added(size + 1, "fox", single_word=True)]
    description["added_tokens"] += [added(size + 2, "dog", normalized=True, special=False, rstrip=True)]
    description["pre_tokenizer"]["add_prefix_space"] = True
    around = {"type": "RobertaProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0]}
    return description | {"post_processor": around | {"trim_offsets": True, "add_prefix_space": True}}


def words(pre_tokenizer: dict | None, normalizer: dict | None = None, **parts) -> dict:
    return convert.like("bert", word_vocabulary()) | {"pre_tokenizer": pre_tokenizer, "normalizer": normalizer} | parts


def sequence(*parts: dict) -> dict:
    return {"type": "Sequence", "normalizers": list(parts), "pretokenizers": list(parts)}


def named(kind: str, **settings) -> dict:
    return {"type": kind} | settings


SPACES = named("WhitespaceSplit")


def bpe(**settings) -> dict:
    """A vocabulary by hand, with what differs from a plain BPE."""
    vocab = {letter: id for id, letter in enumerate(["<unk>", *LETTERS[:90], "th", "the", "ll", "he</w>", "lo</w>"])}
    vocab |= {f"{letter}</w>": len(vocab) + i for i, letter in enumerate(LETTERS[:90])}
    vocab |= {f"##{letter}": len(vocab) + i for i, letter in enumerate(LETTERS[20:90])}
    merges = [pair for pair in (["t", "h"], ["th", "e"], ["l", "l"]) if settings.get("end_of_word_suffix") is None]
    if settings.get("end_of_word_suffix"):
        merges = [["h", "e</w>"], ["l", "o</w>"], ["t", "h"]]
    if settings.get("continuing_subword_prefix"):
        merges = [["t", "##h"], ["th", "##e"], ["l", "##l"]]
        vocab["##lo"] = len(vocab)
    model = convert.PLAIN_BPE | {"vocab": vocab, "merges": merges} | settings
    return {"pre_tokenizer": SPACES, "model": model, "decoder": named("BPEDecoder", suffix="</w>")}


def unigram(**settings) -> dict:
    """Pieces with scores, some of which overlap; all its words begin with the mark."""
    pieces = [["<unk>", 0.0], ["<s>", 0.0], ["</s>", 0.0]]
    pieces += [[f"<0x{byte:02X}>", -12.0] for byte in range(256)]
    pieces += [[letter, -6.0 - i / 97] for i, letter in enumerate(LETTERS[:80])]
    pieces += [["▁", -3.0], ["▁the", -3.5], ["▁t", -4.0], ["he", -4.1], ["▁qui", -5.0], ["ck", -5.2], ["▁quick", -5.5]]
    pieces += [["er", -4.5], ["▁l", -4.6], ["ee", -4.7], ["lo", -4.8], ["中文", -7.0], ["混", -9.0]]
    metaspace = named("Metaspace", replacement="▁", prepend_scheme="always", split=True)
    model = {"type": "Unigram", "unk_id": 0, "vocab": pieces, "byte_fallback": False} | settings
    tokens = [added(0, "<unk>"), added(1, "<s>"), added(2, "</s>")]
    return {"added_tokens": tokens, "pre_tokenizer": metaspace, "decoder": metaspace, "model": model}


def charsmap(replacements: dict[str, str]) -> str:
    """A table of replacements as SentencePiece compiles it; the double array is found by trying places."""
    words = {old.encode(): new for old, new in replacements.items()}
    block, places = b"", {}
    for old, new in words.items():
        places[old] = len(block)
        block += new.encode() + b"\0"
    prefixes = {word[:end] for word in words for end in range(len(word) + 1)}
    children: dict[bytes, list[int]] = {}
    for prefix in sorted(prefixes - {b""}):
        children.setdefault(prefix[:-1], []).append(prefix[-1])
    units, used = {0: 0}, {0}
    at = {b"": 0}
    for prefix in sorted(prefixes, key=lambda prefix: (len(prefix), prefix)):
        labels = children.get(prefix, []) + ([0] if prefix in words else [])
        if not labels:
            continue
        here = at[prefix]
        offset = next(o for o in range(1, 1 << 20) if all((here ^ o ^ label) not in used for label in labels))
        base = here ^ offset
        units[here] |= (offset << 10) | (0x100 if prefix in words else 0)
        for label in labels:
            used.add(base ^ label)
            if label == 0:
                units[base] = 0x80000000 | places[prefix]
            else:
                units[base ^ label] = label
                at[prefix + bytes([label])] = base ^ label
    flat = [units.get(i, 0) for i in range(max(units) + 256)]
    data = struct.pack("<I", 4 * len(flat)) + struct.pack(f"<{len(flat)}I", *flat) + block
    return base64.b64encode(data).decode()


CHARSMAP = {"ﬁ": "fi", "①": "1", "Å": "Å", "e\u0301": "é", "\u0301": "", "\t": " ", "A": "aaa", "全": "", "ab": "X"}
CHARSMAP |= {"ﬃ": "ffi", "\u1100\u1161": "가", "\n": " ", "½": "1/2", "k": "K", "\u200b": "", "😀": ":)"}


def template(**settings) -> dict:
    tokens = {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}}
    tokens |= {"many": {"id": "many", "ids": [3, 4], "tokens": ["[SEP]", "[MASK]"]}}
    single = [{"SpecialToken": {"id": "[CLS]", "type_id": 7}}, {"Sequence": {"id": "A", "type_id": 5}}]
    pair = [{"Sequence": {"id": "B", "type_id": 3}}, {"SpecialToken": {"id": "many", "type_id": 2}}]
    pair += [{"Sequence": {"id": "A", "type_id": 1}}, {"SpecialToken": {"id": "[CLS]", "type_id": 0}}]
    return named("TemplateProcessing", single=single, pair=pair, special_tokens=tokens) | settings


SPLIT = {"type": "Split", "pattern": {"String": "a"}, "invert": False}
BEHAVIORS = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
BYTE_PROCESSOR = named("ByteLevel", add_prefix_space=True, trim_offsets=True, use_regex=True)
MAKES = {
    "bert": lambda: convert.like("bert", word_vocabulary()),
    "bert cased": lambda: convert.like("bert", word_vocabulary(), do_lower_case=False),
    "bert accents": lambda: convert.like("bert", word_vocabulary(), strip_accents=False),
    "roberta": roberta,
    "llama3": lambda: byte_level(patterns.LLAMA3, post_processor=BYTE_PROCESSOR),
    "qwen2": lambda: byte_level(patterns.QWEN2, normalizer={"type": "NFC"}),
    "o200k": lambda: byte_level(patterns.O200K),
    "byte normalizer": lambda: byte_level("x", normalizer=named("ByteLevel"), pre_tokenizer=None),
    "sentencepiece-like": sentencepiece_like,
    "bpe": lambda: bpe(unk_token="<unk>"),
    "bpe fused": lambda: bpe(unk_token="<unk>", fuse_unk=True),
    "bpe no unknown": bpe,
    "bpe suffix": lambda: bpe(unk_token="<unk>", end_of_word_suffix="</w>"),
    "bpe prefix": lambda: bpe(unk_token="<unk>", continuing_subword_prefix="##"),
    "bpe whole": lambda: bpe(unk_token="<unk>", ignore_merges=True),
    "unigram": unigram,
    "unigram bytes": lambda: unigram(byte_fallback=True),
    "unigram charsmap": lambda: (
        unigram() | {"normalizer": named("Precompiled", precompiled_charsmap=charsmap(CHARSMAP))}
    ),
    "unigram nmt": lambda: unigram() | {"normalizer": sequence(named("Nmt"), named("NFKC"))},
    "word level": lambda: {
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "model": {"type": "WordLevel", "vocab": word_vocabulary(), "unk_token": "[UNK]"},
    },
    "whitespace": lambda: words({"type": "Whitespace"}, sequence({"type": "NFD"}, {"type": "StripAccents"})),
    "lowercase": lambda: words({"type": "Punctuation", "behavior": "Contiguous"}, {"type": "Lowercase"}),
    "digits": lambda: words(
        sequence({"type": "CharDelimiterSplit", "delimiter": " "}, {"type": "Digits", "individual_digits": True}),
        {"type": "NFKC"},
    ),
    "digits together": lambda: words(named("Digits", individual_digits=False)),
    "stripped": lambda: words(
        {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first", "split": True},
        {"type": "Strip", "strip_left": True, "strip_right": True},
    ),
    "strip left": lambda: words(named("BertPreTokenizer"), named("Strip", strip_left=True, strip_right=False)),
    "metaspace whole": lambda: (
        unigram() | {"pre_tokenizer": named("Metaspace", replacement="▁", prepend_scheme="never", split=False)}
    ),
    "fixed length": lambda: words(named("FixedLength", length=3)),
    "unicode scripts": lambda: words(named("UnicodeScripts")),
    "replace": lambda: words(None, named("Replace", pattern={"Regex": r"\d+|l+"}, content="<#>")),
    "replaced away": lambda: words(None, named("Replace", pattern={"String": "l"}, content="")),
    "prepend": lambda: words(named("WhitespaceSplit"), named("Prepend", prepend="the ")),
    "template": lambda: words(named("BertPreTokenizer"), post_processor=template()),
    "two processors": lambda: byte_level(
        patterns.LLAMA3, post_processor=named("Sequence", processors=[BYTE_PROCESSOR, template()])
    ),
    "roberta processor untrimmed": lambda: (
        roberta()
        | {
            "post_processor": named(
                "RobertaProcessing", sep=["</s>", 1], cls=["<s>", 0], trim_offsets=False, add_prefix_space=False
            )
        }
    ),
    **{
        f"split {behavior} {invert}": lambda behavior=behavior, invert=invert: words(
            SPLIT | {"behavior": behavior, "invert": invert}, {"type": "NFKD"}
        )
        for behavior, invert in product(BEHAVIORS, (False, True))
    },
    **{
        f"split at a pattern {behavior}": lambda behavior=behavior: words(
            named("Split", pattern={"Regex": r"[aeiou]+|\s"}, behavior=behavior, invert=False)
        )
        for behavior in BEHAVIORS
    },
    **{
        f"punctuation {behavior}": lambda behavior=behavior: words(named("Punctuation", behavior=behavior))
        for behavior in BEHAVIORS
    },
}


def whole(description: dict) -> dict:
    """A tokenizer.json with every key, as the reference wants it."""
    empty = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None}
    empty |= {"pre_tokenizer": None, "post_processor": None, "decoder": None}
    return empty | json.loads(json.dumps(description))
