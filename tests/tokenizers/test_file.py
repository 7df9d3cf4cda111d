"""tokenizer.json <-> the core: what is written loads in the reference, what cannot be read is refused."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokenizer_makes as makes
import tokenizer_parity as parity
from bearhug.tokenizers import convert, file, patterns, raw
from bearhug.tokenizers._native import Padding, Truncation

BERT = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "a": 5, "b": 6, "##b": 7, "ab": 8, "!": 9, "é": 10}


ONLY_FIRST = [{"Sequence": {"id": "A", "type_id": 0}}]


def bert() -> dict:
    return convert.like("bert", BERT)


def bpe(**changes) -> dict:
    model = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}
    return {"model": model | changes}


def test_what_is_written_is_what_was_read(tmp_path):
    """Known fields come in the reference's order, those that nobody here knows stay behind them; the text is stable."""
    description = bert()
    description["normalizer"] = {"type": "BertNormalizer", "lowercase": True, "of_tomorrow": [1, {"x": None}]} | {
        "clean_text": True,
        "handle_chinese_chars": True,
        "strip_accents": None,
    }
    core = file.build(description)
    file.save(core, tmp_path / "tokenizer.json")
    written = (tmp_path / "tokenizer.json").read_text(encoding="utf-8")

    again = file.load(tmp_path / "tokenizer.json")

    assert file.to_json(again).decode() == written
    known = ["type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"]
    assert list(json.loads(written)["normalizer"]) == [*known, "of_tomorrow"]
    assert json.loads(written)["model"]["vocab"] == BERT
    assert file.describe(file.loads(file.dumps(core))) == json.loads(written)


@pytest.mark.reference
def test_the_reference_loads_what_is_written():
    reference = pytest.importorskip("tokenizers")
    descriptions = [
        bert(),
        convert.like("distilbert", BERT, do_lower_case=False),
        convert.byte_level(patterns.LLAMA3, {"a": 0, "b": 1, "ab": 2, "Ġ": 3}, [("a", "b")], ignore_merges=True),
        {"model": {"type": "WordLevel", "vocab": {"a": 0, "<unk>": 1}, "unk_token": "<unk>"}},
    ]
    for description in descriptions:
        core = file.build(description)
        theirs = reference.Tokenizer.from_str(file.to_json(core).decode())
        for text in ["a b ab! é", "ab", "", "[MASK]a"]:
            parity.assert_same(core, theirs, text)


@pytest.mark.reference
def test_old_forms_of_the_file_are_read():
    """Merges as lines, a model without a type, Metaspace with add_prefix_space."""
    reference = pytest.importorskip("tokenizers")
    old = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "str_rep": "▁", "add_prefix_space": True},
        "post_processor": None,
        "decoder": {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True},
        "model": {
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "vocab": {"<unk>": 0, "▁": 1, "a": 2, "▁a": 3},
            "merges": ["▁ a"],
        },
    }
    theirs = reference.Tokenizer.from_str(json.dumps(old))
    ours = file.build(old)
    for text in ["a aa", " a  b", ""]:
        parity.assert_same(ours, theirs, text)
        assert ours.decode(theirs.encode(text).ids) == theirs.decode(theirs.encode(text).ids)


@pytest.mark.reference
@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("pre_tokenizer", {"type": "Metaspace", "replacement": "_", "str_rep": "_", "add_prefix_space": True}),
        (
            "pre_tokenizer",
            {"type": "Metaspace", "replacement": "_", "add_prefix_space": False, "prepend_scheme": "never"},
        ),
        ("pre_tokenizer", {"type": "Metaspace", "replacement": "_", "split": None}),
        ("pre_tokenizer", {"type": "Sequence", "pretokenizers": [{"type": "Punctuation"}, {"type": "FixedLength"}]}),
        ("pre_tokenizer", {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False}),
        (
            "normalizer",
            {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": False, "lowercase": True},
        ),
        ("decoder", {"type": "Metaspace", "replacement": "_", "add_prefix_space": True}),
        ("post_processor", {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False}),
        ("model", {"type": "BPE", "vocab": {"a": 0}, "merges": [], "fuse_unk": None}),
        ("model", {"vocab": [["a", -1.0]], "unk_id": None}),
    ],
)
def test_missing_and_old_settings_are_written_as_the_reference_writes_them(name, part):
    """The same defaults, also where a setting is null or has an older name."""
    whole = {"version": "1.0", "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}, name: part}
    from tokenizers import Tokenizer

    theirs = json.loads(Tokenizer.from_str(json.dumps(whole)).to_str())

    assert json.loads(file.dumps(file.build(whole)))[name] == theirs[name]


@pytest.mark.parametrize("part", ["truncation", "padding"])
@pytest.mark.parametrize(
    "wrong", [{"direction": 1}, {"strategy": "x"}, {"strategy": []}, {"max_length": "x", "pad_id": "x"}]
)
def test_wrong_truncation_and_padding_are_refused(part, wrong):
    """A ValueError names the block."""
    right = {"max_length": 5, "stride": 0, "strategy": "LongestFirst" if part == "truncation" else "BatchLongest"}
    with pytest.raises(ValueError, match=f"the {part} of the tokenizer.json does not hold together"):
        getattr(file, part)(right | wrong)


def test_truncation_and_padding_of_a_file_are_settings_of_a_call():
    cut = file.truncation({"direction": "Left", "max_length": 7, "strategy": "OnlySecond", "stride": 2})
    assert isinstance(cut, Truncation)
    assert (cut.max_length, cut.stride, cut.strategy, cut.direction) == (7, 2, "only_second", "left")
    fill = {"strategy": {"Fixed": 9}, "direction": "Left", "pad_to_multiple_of": 4}
    pad = file.padding(fill | {"pad_id": 3, "pad_type_id": 1, "pad_token": "<p>"})
    assert isinstance(pad, Padding)
    assert (pad.length, pad.direction, pad.pad_to_multiple_of) == (9, "left", 4)
    assert (pad.pad_id, pad.pad_type_id, pad.pad_token) == (3, 1, "<p>")
    longest = file.padding(fill | {"strategy": "BatchLongest"})
    assert longest is not None
    assert longest.length is None
    assert file.truncation(None) is None
    assert file.padding(None) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": None}, "the tokenizer.json has no model"),
        ({"model": {"type": "Bpe", "vocab": {}, "merges": []}}, r"model of the type 'Bpe'.* Did you mean 'BPE'"),
        ({"normalizer": {"type": "Nmtt"}}, r"normalizer of the type 'Nmtt', which bearhug does not have.*Nmt"),
        ({"pre_tokenizer": {"type": "Splitt"}}, r"Did you mean 'Split'"),
        ({"pre_tokenizer": 5}, r"pre_tokenizer of the tokenizer.json must be an object with a 'type'; it is 5"),
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{}]}}, "must be an object with a 'type'"),
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [None]}}, "one of its pretokenizers is null"),
        (
            {"pre_tokenizer": {"type": "Digits", "individual_digits": []}},
            "pre_tokenizer 'Digits' of the tokenizer.json does not hold together",
        ),
        ({"pre_tokenizer": {"type": "Split"}}, r"pre_tokenizer 'Split' .* it lacks '"),
        (
            {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated"}},
            r"regular expression '\(' .* cannot be read",
        ),
        (
            {"pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "Gone"}},
            r"behavior is 'gone'; it is one of 'removed', 'isolated'",
        ),
        ({"post_processor": {"type": "BertProcessing", "sep": ["a"], "cls": ["b", 1]}}, "does not hold together"),
        (
            {"post_processor": {"type": "TemplateProcessing", "single": [], "pair": ONLY_FIRST, "special_tokens": {}}},
            "must hold both sequences",
        ),
        (
            {
                "post_processor": {
                    "type": "TemplateProcessing",
                    "single": [{"SpecialToken": {"id": "<x>", "type_id": 0}}],
                    "pair": [],
                    "special_tokens": {},
                }
            },
            r"Missing SpecialToken\(s\) with id\(s\) '<x>'",
        ),
        ({"added_tokens": [{"content": "x"}]}, "needs 'id' and 'content'"),
        ({"added_tokens": [{"id": 0, "content": "x"}]}, r"'x' wants the id 0, which belongs to 'a'.*from 3 on"),
        ({"decoder": {"type": "Strip", "content": "ab", "start": 0, "stop": 0}}, "it is one character"),
    ],
)
def test_a_file_that_does_not_hold_together_is_refused(change, says):
    with pytest.raises(ValueError, match=r"(?s)" + says):
        file.build(bpe() | change)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ({"vocab": {"a": -1}}, "'a' has the id -1; an id is a whole number from 0"),
        ({"vocab": {"a": 2**40}}, "'a' has the id 1099511627776"),
        ({"vocab": {"a": "0"}}, "'a' has the id '0'"),
        ({"vocab": ["a"]}, "does not hold together"),
        ({"merges": [["a", "c"]]}, "merge 0 of the BPE model needs the token 'c'"),
        ({"merges": [["b", "a"]]}, "needs the token 'ba'"),
        ({"merges": ["ab"]}, "merge 0 is 'ab'; a merge is a pair of tokens"),
        ({"merges": [["a"]]}, r"merge 0 is \['a'\]"),
        ({"merges": [[1, 2]]}, r"merge 0 is \[1, 2\]"),
        ({"merges": 5}, "merges is of the type int"),
        ({"dropout": 2.0}, "dropout is 2.0.*; it is a chance, from 0 to 1"),
        ({"continuing_subword_prefix": "######"}, "is shorter than continuing_subword_prefix"),
    ],
)
def test_a_model_that_does_not_hold_together_is_refused(model, says):
    with pytest.raises(ValueError, match=says):
        file.build(bpe(**model))


def test_holes_and_far_ids_are_no_harm():
    core = file.build(bpe(vocab={"a": 5, "b": 2_000_000_000, "ab": 7}))

    assert core.encode_batch(["ab", "ba"]).lists("ids") == [[7], [2_000_000_000, 5]]
    assert core.decode([7, 5]) == "ab a"
    assert core.id_to_token(6) is None
    with pytest.raises(ValueError, match="id 6 belongs to no token"):
        core.decode([6])


def test_files_that_are_no_json_are_refused(tmp_path):
    cut = tmp_path / "tokenizer.json"
    cut.write_text(json.dumps(bert())[:50], encoding="utf-8")
    with pytest.raises(ValueError, match="It may have been cut short"):
        file.load(cut)
    cut.write_text("[1]", encoding="utf-8")
    with pytest.raises(ValueError, match="it holds a list, not an object"):
        file.load(cut)


def test_vocabulary_files(tmp_path):
    (tmp_path / "vocab.txt").write_text("[UNK]\na\n\n b\r\n", encoding="utf-8")
    assert file.read_vocab(tmp_path / "vocab.txt") == {"[UNK]": 0, "a": 1, "": 2, " b": 3}
    (tmp_path / "vocab.json").write_text('{"a": 1}', encoding="utf-8")
    assert file.read_vocab(tmp_path / "vocab.json") == {"a": 1}
    (tmp_path / "vocab.json").write_text('{"a"', encoding="utf-8")
    with pytest.raises(ValueError, match="cut short"):
        file.read_vocab(tmp_path / "vocab.json")
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\n# #\n", encoding="utf-8")
    assert file.read_merges(tmp_path / "merges.txt") == [("a", "b"), ("#", "#")]
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b c\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"line 2 of .* is 'a b c'; a merge is two tokens"):
        file.read_merges(tmp_path / "merges.txt")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5) | st.sampled_from(["BPE", "Sequence", "Split", "a", "b", "▁", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "vocab", "merges", "pattern", "String", "Regex", "content", "prepend_scheme", "a", "ab"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
PARTS = ["model", "normalizer", "pre_tokenizer", "post_processor", "decoder", "added_tokens"]


@settings(max_examples=300, deadline=None)
@given(
    part=st.sampled_from(PARTS), content=JSON, kind=st.none() | st.sampled_from([*file.PRE_TOKENIZERS, *file.DECODERS])
)
def test_hostile_files_give_a_value_error_or_a_tokenizer(part, content, kind):
    """Never a crash, never another exception."""
    if kind is not None and isinstance(content, dict):
        content = content | {"type": kind}
    try:
        core = file.build(bpe() | {part: content})
        core.encode_batch(["ab a ▁"], offsets=True)
        core.decode([0, 1])
    except ValueError:
        pass


@pytest.mark.reference
def test_expressions_mean_what_they_mean_in_oniguruma():
    """Every category and class that expressions of tokenizers use, on every code point where categories meet."""
    reference = pytest.importorskip("tokenizers")
    names = r"\w \W \d \s \S \h \p{L} \P{N} \p{M} \p{P} \p{S} \p{Lu} \p{Han} [^\s\p{L}\p{N}] [\w-] [^\W\d_]".split()
    names += r"[^\w\s] [[:digit:]] (?i:k|ſ) \p{N}{1,2}+ ^. .$ (?m:.)a".split()
    points = [point for point in parity.every_point() if point % 37 == 0 or point < 0x3000]
    text = "".join(f"{chr(point)}{'a' if point % 2 else chr(10)}" for point in points)
    for name in names:
        cut = reference.pre_tokenizers.Split(reference.Regex(name), "removed", invert=True)
        flat = patterns.finder(name)(text)
        ours = [(text[a:b], (a, b)) for a, b in zip(flat[::2], flat[1::2], strict=True) if a < b]
        assert ours == cut.pre_tokenize_str(text), name


MODEL = {"type": "WordLevel", "unk_token": "a", "vocab": {"a": 0, "ä": 1, "\u2028": 7, "\0": 3, '"\\/': 4, "𝔾": 5}}


@pytest.mark.parametrize("ensure_ascii", [True, False])
@pytest.mark.parametrize("indent", [None, 0, 2, "\t \r\n"])
def test_a_file_is_read_the_same_in_all_spellings(ensure_ascii, indent):
    """The reader that makes no Python objects gives what Python's gives."""
    merges = [["a", "ä"], ["\0", '"\\/']] * 9
    added = [{"id": 9, "content": "<\t>", "single_word": True}, {"content": "[x]", "id": 10, "special": True}]
    given = {"extra": [1.5e3, {}, [], True, None, '}]"'], "added_tokens": added, "model": MODEL | {"merges": merges}}

    lean = file.lean(json.dumps(given, ensure_ascii=ensure_ascii, indent=indent).encode())

    assert lean is not None
    model = lean["model"]
    assert model["vocab"].to_dict() == MODEL["vocab"]
    assert [list(pair) for pair in model["merges"].to_list()] == merges
    assert [
        (id, token.content, token.single_word, token.special, token.normalized) for id, token in lean["added_tokens"]
    ] == [
        (9, "<\t>", True, False, True),
        (10, "[x]", False, True, False),
    ]
    assert lean["extra"] == given["extra"]
    assert model["unk_token"] == "a"


@pytest.mark.parametrize(
    "vocab",
    [
        '{"a": 0, "a": 1}',
        '{"a": 1.0}',
        '{"a": -1}',
        '{"a": 01}',
        '{"a": 2147483648}',
        '{"a": 99999999999999999999}',
        '{"a": 0,}',
        '{"a" 0}',
        '{"\\ud800": 0}',
        '{"\\udc00\\ud800": 0}',
        '{"\\x": 0}',
        '{"\\u00g0": 0}',
        '{"a\n": 0}',
        '{"a: 0}',
        '{"a": 0',
        '{"a": 0}}',
        '{"a": 0}, "vocab": {"a": 0}',
        '{"a": true}',
        "{1: 0}",
    ],
)
def test_what_is_not_plain_is_left_to_pythons_reader(vocab):
    assert file.lean(f'{{"model": {{"vocab": {vocab}}}}}'.encode()) is None


def test_bytes_that_are_no_utf8_are_refused():
    with pytest.raises(ValueError):
        file.loads(b'{"model": {"type": "WordLevel", "vocab": {"\xff": 0}, "unk_token": "a"}}')


@given(st.text(st.sampled_from('{}[]",:\\ \nab01.u"}]'), max_size=40))
@settings(max_examples=500, deadline=None)
def test_any_text_is_read_or_left(text):
    """What the lean reader takes, Python's takes too, and both see the same."""
    for around in ("%s", '{"model": {"vocab": %s}}', '{"model": {"merges": %s}}', '{"added_tokens": %s}', '{"a": %s}'):
        whole = around % text
        lean = file.lean(whole.encode())
        if lean is not None:
            assert json.loads(whole).keys() == lean.keys()


def test_merge_lines_are_read_as_python_reads_them(tmp_path):
    for text in ("#version: 0.2\na b\r\n\nĠ t\n", "a b\rc d\n", "a b", ""):
        path = tmp_path / "merges.txt"
        path.write_bytes(text.encode())
        lines = [
            line for line in path.read_text(encoding="utf-8").split("\n") if line and not line.startswith("#version")
        ]
        assert file.read_merges(path) == [tuple(line.split(" ")) for line in lines]


@pytest.mark.parametrize("size", range(1, 20))
def test_tokens_of_every_length_are_found_and_merged(size):
    """Short tokens are kept by their bytes, long ones by a hash: those that differ in the last byte are told apart."""
    left, right, zero = "a" * size, "a" * (size - 1) + "b", "a" * size + "\0"
    words = ["a", "b", "\0", *("a" * n for n in range(2, size + 1)), *([right] if size > 1 else []), zero]
    pairs = [["a" * n, "a"] for n in range(1, size)] + ([["a" * (size - 1), "b"]] if size > 1 else [])
    text = json.dumps(bpe(vocab={word: id for id, word in enumerate(words)}, merges=[*pairs, [left, "\0"]]))
    core = file.loads(text)

    assert [core.token_to_id(word) for word in words] == [*range(len(words))]
    assert core.token_to_id("b" * size + "c") is None
    assert core.model.merges() == [*map(tuple, pairs), (left, "\0")]
    assert core.encode_ids(zero) == file.build(json.loads(text)).encode_ids(zero)


def test_merges_mean_tokens_not_ids():
    """Merges that were read beside one vocabulary serve another one, and stand before theirs or behind it."""
    given = bpe(vocab={"a": 0, "b": 1, "ab": 2, '"': 3, 'ab"': 4}, merges=[["a", "b"], ["ab", '"']])
    lean = file.lean(json.dumps(given).encode())
    assert lean is not None
    other = lean["model"] | {"vocab": {'ab"': 0, '"': 1, "ab": 2, "b": 3, "a": 4, "x": 5}}
    turned = {"model": dict(reversed(given["model"].items()))}

    assert file.build({"model": other}).encode_ids('abab"x') == [2, 0, 5]
    assert file.build(lean).encode_ids('abab"') == file.loads(json.dumps(turned)).encode_ids('abab"') == [2, 4]
    assert lean["model"]["merges"].to_list() == [("a", "b"), ("ab", '"')]
    with pytest.raises(ValueError, match="merge 0 of the BPE model needs the token 'b'"):
        file.build({"model": other | {"vocab": {"a": 0}}})


ODD = [
    '"',
    "\\",
    "\n\t\r\b\f",
    "\0\x1f\x7f",
    "a" * 15 + '"',
    "a" * 16 + "\\",
    "a" * 17,
    "é" * 8,
    "\U0001f600",
    "",
    "</x>",
]
SCORES = [0.0, -0.0, -1.5, 1e-05, -1.25e-05, 9.5e-06, -1e-07, 3e-10, 5e-324, 0.0001, 123456789.125, 1e15, 1e16, 1.7e308]


@pytest.mark.parametrize(
    "model",
    [
        bpe()["model"],
        bpe(vocab={}, merges=[])["model"],
        {"type": "WordLevel", "vocab": {word: 3 * (9 - id % 10) for id, word in enumerate(ODD)}, "unk_token": "?"},
        {"type": "WordPiece", "vocab": {word: id for id, word in enumerate(ODD)}, "unk_token": '"vocab": "\0vocab"'},
        {"type": "Unigram", "vocab": [[f"a{score}", score] for score in SCORES], "unk_id": 0},
    ],
    ids=lambda model: model["type"],
)
def test_the_core_writes_words_as_pythons_json_does(model):
    core = file.build({"model": model})
    for written, style in ((file.encoded(core), {}), (file.to_json(core), {"indent": 2})):
        assert json.loads(written) == file.describe(core)
        assert written.decode() == file._as_the_reference_writes(
            json.dumps(file.describe(core), ensure_ascii=False, **style)
        )


@pytest.mark.reference
@pytest.mark.parametrize("name", makes.MAKES)
def test_files_are_written_as_the_reference_writes_them(name):
    tokenizers = pytest.importorskip("tokenizers", reason="the reference extra is not installed")
    text = json.dumps(makes.whole(makes.MAKES[name]()))
    ours, theirs = raw.Tokenizer.from_str(text), tokenizers.Tokenizer.from_str(text)

    assert ours.to_str() == theirs.to_str()
    assert ours.to_str(pretty=True) == theirs.to_str(pretty=True)
