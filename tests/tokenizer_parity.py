"""Strings of every kind, tokenizers of every kind, and the comparison of all fields with the reference's."""

import random
import sys

from bearhug.tokenizers import file
from bearhug.tokenizers._native import Padding, Tokenizer, Truncation

FIELDS = {
    "ids": "ids",
    "type_ids": "type_ids",
    "attention_mask": "attention_mask",
    "special_tokens_mask": "special_tokens_mask",
    "offsets": "offsets",
    "word_ids": "word_ids",
    "sequence_ids": "sequence_ids",
}

BLANKS = "".join(chr(c) for c in range(0x3001) if chr(c).isspace()) + "\u200b\u180e\ufeff\u2060"
TEXTS = [
    "",
    " ",
    "   ",
    "a",
    "Hello, world!",
    "I'll don't we've IT'S you'Re he'd 'tis I'M 'LL 'ſ o'clock ''s",
    " leading and trailing  \n",
    "tabs\tand\nnew\r\nlines\n\n\n  x \n y\u2028z\u0085w",
    "12345 3.14159 1,000,000 ١٢٣ Ⅷ ½ ² 10th x86_64",
    "CamelCaseWORDSandHTTPServer XMLHttpRequest iPhone",
    "Ünïcödé naïve café CAFÉ cafe\u0301 A\u030a Å ﬁ ﬃ Ⅳ ℌ ǆ ẞ ß İ ı ſ K",
    "中文字符和English混合，标点。「引号」日本語テキスト 한국어 텍스트 각 각",
    "नमस्ते दुनिया ภาษาไทย עברית العربية \u202bRTL\u202c ქართული Ελληνικά Русский",
    "👍🏽 👨\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈 🇩🇪 e\u0301\u0323\u0323\u0301 \u0301lone 🤦🏼\u200d♂️",
    "\u0300\u0301\u0323 \u0f73\u0344 q\u0307\u0323 \u1e0b\u0323 \u1100\u1161\u11a8 \uac00\u11a8",
    "control\x00\x01\x1f\x7f\x80\x9f\ufffd\ufffe chars \u00ad soft",
    "a" * 300 + " " + "!" * 100 + "\n" * 50 + "中" * 60,
    "snake_case __init__ a+b=c; if (x<y) {z[0]} $100 #tag @user `code` ^ ~ | \\ /",
    "[CLS] hello [SEP] <s>x</s> <|endoftext|> <mask>  <mask>[MASK] ",
    "𝔾𝕠𝕠𝕕 𐍈 \U0001f600 \U000e0001 \U0010ffff 𒀀 ꙮ",
    "▁under ▁ ▁▁ score▁ <0x41> <unk>",
    "the quick brown fox jumps over the lazy dog. " * 5,
    BLANKS,
    "x".join(BLANKS),
]

ALPHABETS = [
    (32, 127),
    (0, 0x250),
    (0x250, 0x700),
    (0x700, 0x1200),
    (0x1100, 0x1200),
    (0x1E00, 0x2C00),
    (0x3000, 0x3400),
    (0x4E00, 0x4F00),
    (0xA000, 0xB000),
    (0xAC00, 0xAD00),
    (0xF900, 0x10000),
    (0x10000, 0x12000),
    (0x1D100, 0x1D800),
    (0x1F300, 0x1FA00),
    (0x20000, 0x2FA20),
    (0xE0000, 0xE0200),
    (0, 0x110000),
]
COMMON = " \n\t'.,!?0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\u0301\u0323\u00e9é中"
FRAGMENTS = [
    "'s",
    "'LL",
    " the",
    "  ",
    "\r\n",
    "[MASK]",
    "<mask>",
    "<s>",
    "</s>",
    "<|x|>",
    "don't",
    "é",
    "e\u0301",
    "ab",
    "12",
]


def random_text(seed: int, longest: int = 40) -> str:
    """A text out of a few alphabets, common characters and fragments."""
    dice = random.Random(seed)
    ranges = dice.sample(ALPHABETS, 2)
    pieces = []
    for _ in range(dice.randrange(longest)):
        kind = dice.random()
        if kind < 0.15:
            pieces.append(dice.choice(FRAGMENTS))
        elif kind < 0.3:
            pieces.append(dice.choice(BLANKS))
        elif kind < 0.6:
            pieces.append(dice.choice(COMMON))
        else:
            point = dice.randrange(*dice.choice(ranges))
            pieces.append(chr(point) if not 0xD800 <= point < 0xE000 else "\ud7ff")
    return "".join(pieces)


def texts(count: int, seed: int = 0) -> list[str]:
    return TEXTS + [random_text(seed * 1_000_003 + i) for i in range(count)]


def ours_like(theirs) -> Tokenizer:
    """The same tokenizer, by way of tokenizer.json."""
    return file.loads(theirs.to_str())


def rows_of(encoded) -> list:
    return [encoded, *encoded.overflowing]


def assert_rows_equal(ours, theirs, said: str) -> None:
    """Every field of every row; `theirs` is a list of the reference's encodings."""
    assert len(ours) == len(theirs), f"{said}: {len(ours)} rows, the reference has {len(theirs)}"
    for row, expected in enumerate(theirs):
        for name, attribute in FIELDS.items():
            got, want = ours.row(row, name), getattr(expected, attribute)
            assert got == want, f"{said}, row {row}, {name}:\n ours   {got}\n theirs {want}\n tokens {expected.tokens}"
        assert ours.tokens(row) == expected.tokens, f"{said}, row {row}: tokens {ours.tokens(row)}, {expected.tokens}"


def assert_same(ours: Tokenizer, theirs, text, pair=None, *, pretokenized: bool = False, special: bool = True) -> None:
    """One text, encoded by both, in every field; with ids alone first, so that both ways of the core are compared."""
    expected = theirs.encode(text, pair, is_pretokenized=pretokenized, add_special_tokens=special)
    settings = {"is_split_into_words": pretokenized, "add_special_tokens": special}
    if (told := theirs.truncation) is not None:
        settings["truncation"] = Truncation(told["max_length"], told["stride"], told["strategy"], told["direction"])
    if (told := theirs.padding) is not None:
        told = dict(told)
        settings["padding"] = Padding(**told)
    pairs = None if pair is None else [pair]
    encoded = ours.encode_batch([text], pairs, **settings)
    quick = [encoded.row(row, "ids") for row in range(len(encoded))]
    assert quick == [row.ids for row in rows_of(expected)], f"{text!r}: ids {quick}, {expected.ids} {expected.tokens}"
    assert_rows_equal(encoded, rows_of(expected), repr(text))


def every_point() -> list[int]:
    return [point for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000]
