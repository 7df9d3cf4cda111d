"""Expressions as tables find what the reference finds: classes, the patterns of well-known models, random ones."""

import json
import random
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import split_patterns
import tokenizer_parity
from bearhug.tokenizers import convert, file
from bearhug.tokenizers._native import Expression

PRE_TOKENIZERS = split_patterns.PRE_TOKENIZERS
WORDS = [
    *(
        "don't",
        "I'LL",
        "HELLO",
        "camelCase",
        "foo/bar",
        "\n\n",
        "   ",
        "    if (x == 12345) {\n",
        "''",
        "naïve",
        "1234",
    ),
    *(
        "Straße",
        "Привет",
        "日本語です",
        "カタカナー",
        "漢字",
        "12,345.67",
        "…",
        "’s",
        "“quoted”",
        " \n \n",
        "\r\n",
        "\t\tx",
    ),
    *(
        "<sentinel:12>",
        "IMGIMGABZ",
        "[START_REF]",
        "٣٤٥٦",
        "½",
        "a\u0301",
        "한국어",
        "نص",
        "हिन्दी",
        "😀😀",
        "$x^2$",
        "、。",
    ),
]


def regexes(part) -> list[str]:
    """The regular expressions somewhere in a description."""
    if isinstance(part, list):
        return [regex for item in part for regex in regexes(item)]
    if not isinstance(part, dict):
        return []
    return [part["Regex"]] if "Regex" in part else regexes(list(part.values()))


def long_texts(count: int, seed: int) -> list[str]:
    dice = random.Random(seed)
    return [
        "".join(dice.choice(WORDS) + dice.choice(["", " ", "  ", "\n"]) for _ in range(dice.randrange(1, 60)))
        for _ in range(count)
    ]


@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_the_expressions_of_well_known_models_are_tables(name):
    for regex in regexes(PRE_TOKENIZERS[name]):
        assert Expression.compile(regex) is not None


@pytest.mark.reference
@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_well_known_models_cut_as_in_the_reference(name, shared):
    """Ids and every other field, over GPT-2's vocabulary."""
    tokenizers = pytest.importorskip("tokenizers")
    folder = shared / "vocab" / "gpt2"
    described = convert.like("gpt2", folder / "encoder.json", folder / "vocab.bpe")
    text = json.dumps(described | {"pre_tokenizer": PRE_TOKENIZERS[name]})
    theirs, ours = tokenizers.Tokenizer.from_str(text), file.loads(text)
    texts = [*tokenizer_parity.TEXTS, *tokenizer_parity.texts(40, seed=len(name)), *long_texts(15, seed=len(name))]

    for text in texts:
        tokenizer_parity.assert_same(ours, theirs, text)
    for text, pair in zip(texts[:10], texts[40:], strict=False):
        tokenizer_parity.assert_same(ours, theirs, text, pair)


@pytest.mark.reference
@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_code_points_of_all_kinds_are_cut_as_in_the_reference(name):
    """Some thousand code points of all kinds, between others."""
    tokenizers = pytest.importorskip("tokenizers")
    ours: Any = file.pre_tokenizer(PRE_TOKENIZERS[name])
    described = {"model": {"type": "BPE", "vocab": {}, "merges": []}, "pre_tokenizer": PRE_TOKENIZERS[name]}
    theirs = tokenizers.Tokenizer.from_str(json.dumps(described)).pre_tokenizer
    points = [chr(point) for point in tokenizer_parity.every_point()][len(name) :: 211]

    for start in range(0, len(points), 512):
        text = "".join(f"{c}\na{c} {c}bA{c}a1'{c}" for c in points[start : start + 512])
        assert ours.split(text) == theirs.pre_tokenize_str(text)


NAMES = (
    "L M N P S Z C Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cn Co Letter Mark "
    "Number Punctuation Symbol Separator Other Alphabetic Uppercase Lowercase Alpha Upper Lower Digit Alnum Space "
    "Emoji Arabic Armenian Bengali Cyrillic Devanagari Ethiopic Georgian Greek Gujarati Han Hangul Hebrew Hiragana "
    "Katakana Khmer Lao Latin Malayalam Myanmar Tamil Telugu Thai"
).split()
CLASSES = [
    *(rf"\p{{{name}}}" for name in NAMES),
    *(r"\w \W \d \D \s \S \h \H . [\w] [^\w] [[:alpha:]] [[:digit:]] [[:space:]] [[:upper:]] [[:lower:]]").split(),
    *(r"[[:punct:]] [[:alnum:]] [^\p{L}\p{N}\s] [\p{L}&&\p{Latin}] (?i:k) (?i:[a-z]) \R \b. ^. .$").split(),
]


@pytest.mark.reference
@pytest.mark.parametrize("regex", CLASSES)
def test_code_points_are_of_the_references_class(regex):
    """One of 61, which ones depends on the class."""
    tokenizers = pytest.importorskip("tokenizers")
    assert Expression.compile(regex) is not None
    ours: Any = file.pre_tokenizer(split_patterns.split(regex))
    theirs = tokenizers.pre_tokenizers.Split(tokenizers.Regex(regex), "isolated")
    points = list(map(chr, tokenizer_parity.every_point()))[len(regex) % 61 :: 61]

    for start in range(0, len(points), 4096):
        text = "a".join(points[start : start + 4096])
        assert ours.split(text) == theirs.pre_tokenize_str(text)


SETS = r"a b aa ab \s \S \d \w \W . [ab] [^a] [a-c1] \p{L} \P{L} \p{N} \p{M} [^\s\p{L}] \r \n ' é 中"
LOOKS = r"\R (?i:a) (?i:s) (?i:'k|ré) (?:) \b \B ^ $ \A \z (?=a) (?!a) (?!\S) (?=\s|$) (?<=a) (?<!\s)"
ATOMS = st.sampled_from([*SETS.split(), *LOOKS.split(), " ", "[a ]"])
COUNTS = st.sampled_from(
    ["", "", "", "*", "+", "?", "*?", "+?", "??", "++", "*+", "?+", "{2}", "{1,3}", "{2,}", "{0,2}?"]
)


def combined(inner):
    return st.one_of(
        st.tuples(inner, COUNTS).map(lambda parts: f"(?:{parts[0]}){parts[1]}"),
        st.lists(inner, min_size=2, max_size=4).map("|".join).map(lambda text: f"({text})"),
        st.lists(inner, min_size=1, max_size=4).map("".join),
    )


EXPRESSIONS = st.recursive(st.tuples(ATOMS, COUNTS).map("".join), combined, max_leaves=10)
TEXTS = st.text(alphabet=st.sampled_from("aabcAksSſKé\u0301中 1½\n\r'.\u00a0\u2028😀"), max_size=20)


@pytest.mark.reference
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(
    expression=st.lists(EXPRESSIONS, min_size=1, max_size=3).map("|".join),
    texts=st.lists(TEXTS, min_size=3, max_size=6),
)
def test_random_expressions_find_what_they_find_in_the_reference(expression, texts):
    tokenizers = pytest.importorskip("tokenizers")
    table = Expression.compile(expression)
    assume(table)
    assert table
    theirs = tokenizers.pre_tokenizers.Split(tokenizers.Regex(expression), "removed", invert=True)
    for text in texts:
        found = table.find(text)
        spans = list(zip(found[::2], found[1::2], strict=True))
        assert spans == [span for _, span in theirs.pre_tokenize_str(text)], (expression, text)


@pytest.mark.reference
@pytest.mark.parametrize("expression", [r"\d+(?=x)", r"(?:\d\d)+(?=x)", r"(?:\d{3})+x|(?<=7)\d", r"\p{L}+?\d*(?=x)|8"])
def test_searches_that_read_far_for_nothing_find_what_they_find_in_the_reference(expression):
    tokenizers = pytest.importorskip("tokenizers")
    table = Expression.compile(expression)
    assert table
    theirs = tokenizers.pre_tokenizers.Split(tokenizers.Regex(expression), "removed", invert=True)
    for text in (
        "1" * 500,
        "1" * 500 + "x",
        "é" * 300 + "1" * 300 + "8x",
        "2" * 200 + "7" * 201 + " " + "3" * 100 + "x8",
    ):
        found = table.find(text)
        spans = list(zip(found[::2], found[1::2], strict=True))
        assert spans == [span for _, span in theirs.pre_tokenize_str(text)], text


def test_searches_that_read_far_for_nothing_take_time_by_the_length():
    """Each digit of a number could start a match that only its end rules out."""
    table = Expression.compile(r"\d+(?=x)|(?:\d\d)+y")
    assert table
    start = time.process_time()
    assert not len(table.find("1" * 200_000))
    assert time.process_time() - start < 10  # one search for each digit: 40 seconds


@pytest.mark.parametrize(
    "regex", [r"(a)\1", "(?>a+)b", "(?=ab)a", "a*", "", "(", r"\p{Nope}", "a{3000}", "(?i:straße)", "(?i:ss)"]
)
def test_what_a_table_cannot_say_is_none(regex):
    assert Expression.compile(regex) is None
