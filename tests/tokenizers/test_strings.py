"""Texts on their way through parts in Python: rewritten, cut and measured as `tokenizers` does it."""

import copy

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bearhug import tokenizers as ours
from bearhug.tokenizers import NormalizedString, OffsetReferential, OffsetType, PreTokenizedString, Regex, Token

tokenizers = pytest.importorskip("tokenizers")
pytestmark = pytest.mark.reference

CHARACTERS = "aAbé\u0301\u0327ßſﬁİǆ \t\u00a0日本か\u3099가각😀👨\u200d👩ñ_1\u0130Åⅷ²"
TEXTS = st.text(st.sampled_from(CHARACTERS) | st.characters(codec="utf-8"), max_size=12)
WORDS = st.text(st.sampled_from("aAé \u0301ß日"), min_size=1, max_size=3)
BEHAVIORS = ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous")


def run(library, text, steps):
    """A text after some steps."""
    one = library.NormalizedString(text)
    for step in steps:
        step(library, one)
    return one


def drops(letters):
    return lambda library, text: text.filter(lambda char: char not in letters)


def maps(letters):
    return lambda library, text: text.map(lambda char: letters[ord(char) % len(letters)])


def calls(name, *arguments):
    return lambda library, text: getattr(text, name)(*arguments)


def appends(word):
    """Not to an empty text: what theirs does with it afterwards is double, or a panic."""
    return lambda library, text: text.append(word) if text.normalized else None


def replaces(pattern, content):
    return lambda library, text: text.replace(library.Regex(pattern), content)


STEPS = st.one_of(
    st.sampled_from(["nfc", "nfd", "nfkc", "nfkd", "lowercase", "uppercase", "strip", "lstrip", "rstrip", "clear"]).map(
        calls
    ),
    WORDS.map(drops),
    WORDS.map(maps),
    WORDS.map(lambda word: calls("prepend", word)),
    WORDS.map(appends),
    st.tuples(WORDS, st.just("") | WORDS).map(lambda pair: calls("replace", *pair)),
    st.tuples(st.sampled_from([r"\s+", "[aé]", r"\w+$", "^.", "(a|ab)"]), st.just("") | WORDS).map(
        lambda pair: replaces(*pair)
    ),
)


def places(text):
    """A text, its original, and the original of each of its characters and of some longer parts."""
    length = len(text.normalized)
    ranges = [(start, start + size) for size in (1, 2, 5) for start in range(length)]
    return text.normalized, text.original, [repr(text.slice(part)) for part in ranges], str(text)


@given(TEXTS, st.lists(STEPS, max_size=5))
@settings(max_examples=300, deadline=None)
@example("e\u0301a\u0327\u0301", [calls("nfc"), drops("a"), calls("nfd"), calls("uppercase")])
def test_every_change_is_theirs(text, steps):
    assert places(run(ours, text, steps)) == places(run(tokenizers, text, steps))


@given(
    TEXTS, st.lists(STEPS, max_size=3), st.sampled_from(["a", "é", " ", "aé", r"\s+", "[aA]+", "日|a"]), st.booleans()
)
@settings(max_examples=200, deadline=None)
def test_every_split_is_theirs(text, steps, pattern, as_regex):
    both = []
    for library in (ours, tokenizers):
        one = run(library, text, steps)
        wanted = library.Regex(pattern) if as_regex else pattern
        both.append([[places(piece) for piece in one.split(wanted, behavior)] for behavior in BEHAVIORS])

    assert both[0] == both[1]


@given(TEXTS, st.lists(st.integers(0, 3), max_size=4), st.booleans())
@settings(max_examples=200, deadline=None)
def test_every_cut_of_a_text_is_theirs(text, cuts, large):
    steps = [
        lambda lib, one: one.split(lambda i, piece: piece.split(lib.Regex(r"[\s_]"), BEHAVIORS[i % 5])),
        lambda lib, one: one.split(lambda i, piece: [piece.slice((0, 2)), piece] if len(str(piece)) > 2 else [piece]),
        lambda lib, one: one.normalize(lambda piece: piece.uppercase() if large else piece.nfkd()),
        lambda lib, one: lib.pre_tokenizers.Whitespace().pre_tokenize(one),
    ]
    both = []
    for library in (ours, tokenizers):
        one = library.PreTokenizedString(text)
        for cut in cuts:
            steps[cut](library, one)
        seen = [one.get_splits(kind, unit) for kind in ("original", "normalized") for unit in ("char", "byte")]
        one.tokenize(lambda piece, Token=library.Token: tokens(piece, Token))
        encodings = [one.to_encoding(), one.to_encoding(type_id=2, word_idx=7)]
        seen += [(e.ids, e.tokens, e.offsets, e.word_ids, e.type_ids, e.n_sequences) for e in encodings]
        seen.append([(piece, span, [token.as_tuple() for token in found]) for piece, span, found in one.get_splits()])
        both.append(seen)

    assert both[0] == both[1]


def tokens(piece, kind):
    """Two tokens of a piece, cut between two characters; offsets count bytes."""
    half = len(piece[: len(piece) // 2].encode())
    return [kind(1, piece[: len(piece) // 2], (0, half)), kind(2, "x", (half, len(piece.encode())))]


def test_every_letters_capital_is_theirs():
    points = [chr(point) for point in range(0x110000) if not 0xD800 <= point <= 0xDFFF]
    mine, other = (library.NormalizedString("\u0378".join(points)) for library in (ours, tokenizers))
    mine.uppercase()
    other.uppercase()

    assert mine.normalized == other.normalized


def test_a_text_is_sliced_as_python_slices():
    """theirs ignores negative numbers"""
    text = NormalizedString("héllo")

    assert [str(text[1]), str(text[-1]), str(text[:-2]), str(text[(1, 3)]), str(text.slice(slice(2, None)))] == [
        "é",
        "o",
        "hél",
        "él",
        "llo",
    ]
    assert [text[9], text[-9], text.slice((7, 9)), NormalizedString("")[0]] == [None] * 4
    assert (list(text), len(text)) == (list("héllo"), 5)
    with pytest.raises(TypeError):
        text["a"]


def test_wrong_functions_are_told():
    text, cut = NormalizedString("ab"), PreTokenizedString("ab")
    for call, match in [
        (lambda: text.map(lambda char: 3), "expected one character"),
        (lambda: text.map(3), "takes a function"),
        (lambda: text.filter(3), "takes a function"),
        (lambda: cut.split(3), "takes a function"),
        (lambda: cut.split(lambda i, piece: 3), "expected a list"),
        (lambda: cut.normalize(3), "takes a function"),
        (lambda: cut.tokenize(3), "takes a function"),
        (lambda: NormalizedString(3), "made of a str"),
    ]:
        with pytest.raises(TypeError, match=match):
            call()
    for call in (
        lambda: text.split("a", "x"),
        lambda: cut.get_splits("x"),
        lambda: cut.get_splits("original", "x"),
        lambda: cut.to_encoding(),
        lambda: Regex("("),
    ):
        with pytest.raises(ValueError):
            call()


def test_small_things():
    seen = []
    NormalizedString("ab").for_each(seen.append)
    text = NormalizedString("Ab")
    other = copy.copy(text)
    other.lowercase()
    cut = PreTokenizedString("a b")
    cut.split(lambda i, piece: piece.split(Regex(" "), ours.SplitDelimiterBehavior.REMOVED))

    assert seen == ["a", "b"]
    assert (repr(text), str(other)) == ('NormalizedString(original="Ab", normalized="Ab")', "ab")
    assert cut.get_splits(OffsetReferential.ORIGINAL, OffsetType.CHAR) == [("a", (0, 1), None), ("b", (2, 3), None)]
    assert Token(1, "a", (0, 1)) == Token(1, "a", (0, 1)) != Token(2, "a", (0, 1))
    assert Regex("a") == Regex("a") != Regex("b")
