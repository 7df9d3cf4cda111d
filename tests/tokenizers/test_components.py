"""Every component of tokenizer.json in every setting, against the reference: all fields, pairs, words, decoding."""

import base64
import json

import pytest

import tokenizer_parity
from bearhug.tokenizers import file
from bearhug.tokenizers._native import Padding, Truncation
from tokenizer_random import Maker, charsmap

pytestmark = pytest.mark.reference
TEXTS = tokenizer_parity.texts(200, seed=5)


def crashed(problem: BaseException) -> bool:
    """Whether the reference did not refuse but broke down; bearhug's answer is its own then."""
    return type(problem).__name__ == "PanicException"


@pytest.mark.parametrize("seed", range(120))
def test_a_random_file_gives_the_references_rows_and_texts(seed):
    """The same file is written, and encodes and decodes in all fields as the reference has it."""
    from tokenizers import Tokenizer

    maker = Maker(seed)
    for _ in range(4):
        description = maker.tokenizer()
        theirs = Tokenizer.from_str(json.dumps(description))
        ours = file.build(description)
        # An empty affix is none, which is how the reference writes it down as well.
        assert json.loads(file.dumps(ours)) == json.loads(theirs.to_str())
        for text in maker.dice.sample(TEXTS, 12):
            compare(maker, ours, theirs, text)


def compare(maker: Maker, ours, theirs, text: str) -> None:
    """One text, a pair, or words, as the dice say."""
    special, pretokenized = maker.flag(), maker.dice.random() < 0.2
    pair = maker.dice.choice([None, None, maker.dice.choice(TEXTS)])
    if pretokenized:
        text = text.split(" ") if maker.flag() else [text[at : at + 3] for at in range(0, len(text), 3)]
        pair = None if pair is None else pair.split()
    try:
        expected = theirs.encode(text, pair, is_pretokenized=pretokenized, add_special_tokens=special)
    except BaseException as problem:
        if not crashed(problem):
            with pytest.raises(ValueError):
                ours.encode_batch(
                    [text],
                    None if pair is None else [pair],
                    is_split_into_words=pretokenized,
                    add_special_tokens=special,
                )
        return
    tokenizer_parity.assert_same(ours, theirs, text, pair, pretokenized=pretokenized, special=special)
    ids = maker.dice.choice([expected.ids, maker.dice.choices(list(theirs.get_vocab().values()), k=8)])
    skip = maker.flag()
    try:
        decoded = theirs.decode(ids, skip_special_tokens=skip)
    except BaseException as problem:
        if not crashed(problem):
            raise
        return
    assert ours.decode(ids, skip_special_tokens=skip) == decoded, [theirs.id_to_token(id) for id in ids]


@pytest.mark.parametrize("seed", range(40))
def test_truncated_and_padded_rows_are_the_references(seed):
    """A random file again, with a length, a stride and padding."""
    from tokenizers import Tokenizer

    maker = Maker(1000 + seed)
    description = maker.tokenizer()
    theirs = Tokenizer.from_str(json.dumps(description))
    ours = file.build(description)
    number = maker.dice.randrange
    for text in maker.dice.sample(TEXTS, 12):
        pair = maker.dice.choice([None, maker.dice.choice(TEXTS)])
        length, stride = number(3, 30), number(4)
        strategy = maker.dice.choice(["longest_first", "only_first"])
        side = maker.dice.choice(["left", "right"])
        padding = {"direction": side, "pad_id": number(3), "pad_type_id": number(2), "pad_token": "[CLS]"}
        padding |= {"length": maker.dice.choice([None, 40]), "pad_to_multiple_of": maker.dice.choice([None, 8])}
        theirs.enable_padding(**padding)
        settings = {
            "truncation": Truncation(length, stride, strategy, side),
            "padding": Padding(
                padding["length"],
                padding["pad_to_multiple_of"],
                side,
                padding["pad_id"],
                padding["pad_type_id"],
                "[CLS]",
            ),
        }
        special = ours.post_processor.added_tokens(pair is not None) if ours.post_processor else 0
        if stride >= length - special:
            continue  # the reference refuses some of these, and counts below zero with others
        try:
            theirs.enable_truncation(length, stride=stride, strategy=strategy, direction=side)
            expected = theirs.encode(text, pair)
        except BaseException as problem:
            if not crashed(problem):
                with pytest.raises(ValueError):
                    ours.encode_batch([text], None if pair is None else [pair], **settings)
            continue
        tokenizer_parity.assert_rows_equal(
            ours.encode_batch([text], None if pair is None else [pair], **settings),
            tokenizer_parity.rows_of(expected),
            repr(text),
        )


# Every code point stands alone on a line; those of planes with characters also among others.
LINES = [chr(point) for point in tokenizer_parity.every_point()]
CLOSE = [char for char in LINES if ord(char) < 0x20000 or 0xE0000 <= ord(char) < 0xE0200 or ord(char) % 89 == 0]
LINES += [f"{c} a{c}b1{c}.{c}{c} \u4e2d{c}\u0301\u0915\u094d{c}\u0301" for c in CLOSE]
CHUNKS = [LINES[at : at + 256] for at in range(0, len(LINES), 256)]


def assert_all_equal(ours, theirs) -> None:
    """Two functions agree on every code point; where not, on which lines."""
    for lines in CHUNKS:
        text = "\n".join(lines)
        if ours(text) != theirs(text):
            different = [line for line in lines if ours(line) != theirs(line)]
            raise AssertionError(f"{len(different)} lines, {different[:5]!a}, ours {[*map(ours, different[:2])]!a}")


ALL_POINTS = charsmap({chr(point): f"{point:x}" for point in [*range(1, 0x1100, 3), *range(0x1F00, 0x2200), 0xFB01]})
NORMALIZERS = [
    *({"type": name} for name in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "ByteLevel", "Nmt")),
    {"type": "Strip", "strip_left": True, "strip_right": True},
    {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(ALL_POINTS).decode()},
    *(
        {
            "type": "BertNormalizer",
            "clean_text": clean,
            "handle_chinese_chars": chinese,
            "strip_accents": strip,
            "lowercase": low,
        }
        for clean, chinese, strip, low in [
            (True, False, False, False),
            (False, True, False, False),
            (False, False, True, False),
            (False, False, False, True),
            (True, True, None, True),
        ]
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("description", NORMALIZERS, ids=lambda part: "-".join(str(v)[:16] for v in part.values()))
def test_every_code_point_is_normalized_as_in_the_reference(description):
    """In every context."""
    theirs = part_of("normalizer", description)
    assert_all_equal(file.normalizer(description).normalize, theirs.normalize_str)


def part_of(name: str, description: dict):
    """A part of the reference, by way of a whole tokenizer: it reads no part alone."""
    from tokenizers import Tokenizer

    whole = {"version": "1.0", "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}, name: description}
    return getattr(Tokenizer.from_str(json.dumps(whole)), name)


@pytest.mark.parametrize("before", ["Metaspace", "ByteLevel"])
def test_a_piece_is_the_first_by_its_place_in_the_input(before):
    """Where a part before has rewritten the text, also when only ids are asked for."""
    from tokenizers import Tokenizer

    first = {"type": "Metaspace", "replacement": "a", "prepend_scheme": "first", "split": True}
    first = {"ByteLevel": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}}.get(
        before, first
    )
    parts = [first, {"type": "Digits", "individual_digits": True}, {**METASPACE, "prepend_scheme": "first"}]
    description = Maker(0).tokenizer() | {"normalizer": None, "post_processor": None, "added_tokens": []}
    description["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": parts}
    description["model"] = {"type": "WordLevel", "unk_token": "a", "vocab": {c: i for i, c in enumerate("a3_4")}}
    theirs, ours = Tokenizer.from_str(json.dumps(description)), file.build(description)

    for text in ("3", "a3 4", "\u20033", "é34"):
        tokenizer_parity.assert_same(ours, theirs, text)


METASPACE = {"type": "Metaspace", "replacement": "_", "split": True}


@pytest.mark.parametrize("parts", [[], [{"type": "Sequence", "pretokenizers": []}], [{"type": "WhitespaceSplit"}]])
def test_an_empty_text_is_a_piece_where_nothing_cuts(parts):
    """As in the reference; it is none as soon as a part looks at it."""
    description = {"type": "Sequence", "pretokenizers": parts}
    assert file.pre_tokenizer(description).split("") == part_of("pre_tokenizer", description).pre_tokenize_str("")


PRE_TOKENIZERS = [
    *({"type": name} for name in ("BertPreTokenizer", "Whitespace", "WhitespaceSplit", "UnicodeScripts")),
    {"type": "Punctuation", "behavior": "Isolated"},
    {"type": "Digits", "individual_digits": True},
    {"type": "FixedLength", "length": 2},
    {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    *(
        {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}
        for regex in (
            r"\w+",
            r"\d+",
            r"\s",
            r"\p{L}+",
            r"[[:punct:]]",
            r"[\W]",
            r"\p{Lu}",
            r"\p{M}+",
            r"\p{Han}+",
            r"\b",
        )
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("description", PRE_TOKENIZERS, ids=lambda part: "-".join(str(v)[:30] for v in part.values()))
def test_every_code_point_is_cut_as_in_the_reference(description):
    """In every context, with the offsets."""
    theirs = part_of("pre_tokenizer", description)
    assert_all_equal(file.pre_tokenizer(description).split, theirs.pre_tokenize_str)


ENDS = {"cls": ["[CLS]", 1], "sep": ["[SEP]", 2]}
BERT = {"type": "BertProcessing", **ENDS}
ROBERTA = {"type": "RobertaProcessing", **ENDS, "trim_offsets": True, "add_prefix_space": True}
TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "B", "type_id": 1}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}},
}


@pytest.mark.parametrize("special", [True, False])
@pytest.mark.parametrize("prefix", [True, False])
@pytest.mark.parametrize(
    "around", [BERT, ROBERTA, ROBERTA | {"trim_offsets": False}, TEMPLATE], ids=lambda p: p["type"]
)
@pytest.mark.parametrize("order", ["before", "behind", "both"])
def test_offsets_are_trimmed_before_or_behind_the_special_tokens(around, order, prefix, special):
    """A row's first blank is one that was added only where no special token stands before it yet."""
    from bearhug.tokenizers.raw import Tokenizer as Raw
    from tokenizers import Tokenizer

    trim = {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": True}
    description = {
        "version": "1.0",
        "model": {"type": "BPE", "vocab": {"Ġ": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "Ġa": 4}, "merges": [["Ġ", "a"]]},
        "pre_tokenizer": trim | {"add_prefix_space": False},
        "post_processor": {
            "type": "Sequence",
            "processors": {"before": [trim, around], "behind": [around, trim], "both": [trim, around, trim]}[order],
        },
    }
    made = [library.from_str(json.dumps(description)) for library in (Tokenizer, Raw)]
    plain = [library.from_str(json.dumps(description | {"post_processor": None})) for library in (Tokenizer, Raw)]
    found = []
    for tokenizer, bare in zip(made, plain, strict=True):
        rows = []
        for options in ({"max_length": 6}, {"max_length": 7, "direction": "left"}):
            tokenizer.enable_truncation(**options)
            for pair in ((" a  a a a a",), ("a a a a", " a a  a a")):
                for row in (
                    tokenizer.encode(*pair, add_special_tokens=special),
                    tokenizer.post_process(*[bare.encode(text) for text in pair], add_special_tokens=special),
                ):
                    rows.append([one.offsets for one in [row, *row.overflowing]])
        found.append(rows)

    assert found[1] == found[0]
