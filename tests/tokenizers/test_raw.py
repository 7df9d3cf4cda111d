"""The raw tokenizer of parts does what `tokenizers` does, field by field; and what it does better is said here."""

import asyncio
import copy
import itertools
import json
import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

import tokenizer_parity as parity
from bearhug import AutoTokenizer, PreTrainedTokenizerFast
from bearhug import tokenizers as ours
from bearhug.tokenizers import (
    Encoding,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)
from bearhug.tokenizers.stream import TextPieces

TEXTS = [
    "Hello, world! Ünïcode 123",
    "the cat  sat",
    "",
    " leading and trailing ",
    "日本語 text 😀!",
    "a",
    *parity.TEXTS[:12],
]
WORDS = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "hello": 3, "world": 4, "the": 5, "cat": 6, "sat": 7, ",": 8, "!": 9}

# Each part in an expression that both libraries read: N, P, O, D, M, R are the families, Regex the class.
NORMALIZERS = [
    "N.NFC()",
    "N.NFD()",
    "N.NFKC()",
    "N.NFKD()",
    "N.Lowercase()",
    "N.StripAccents()",
    "N.Strip()",
    "N.Strip(left=False)",
    "N.Strip(True, False)",
    "N.Replace('l', 'XY')",
    "N.Replace(Regex('[lo]+'), '_')",
    "N.Prepend('▁')",
    "N.ByteLevel()",
    "N.Nmt()",
    "N.BertNormalizer()",
    "N.BertNormalizer(strip_accents=True, lowercase=False)",
    "N.BertNormalizer(False, False)",
    "N.Sequence([N.NFD(), N.StripAccents(), N.Lowercase()])",
    "N.Sequence([N.Sequence([N.NFC()]), N.Strip()])",
    "N.Sequence([])",
]
PRE_TOKENIZERS = [
    "P.BertPreTokenizer()",
    "P.ByteLevel()",
    "P.ByteLevel(False)",
    "P.ByteLevel(add_prefix_space=False, use_regex=False)",
    "P.CharDelimiterSplit('l')",
    "P.Digits()",
    "P.FixedLength()",
    "P.FixedLength(3)",
    "P.UnicodeScripts()",
    "P.Digits(True)",
    "P.Metaspace()",
    "P.Metaspace('_', 'never')",
    "P.Metaspace(prepend_scheme='first', split=False)",
    "P.Punctuation()",
    "P.Punctuation('contiguous')",
    "P.Split(' ', 'removed')",
    "P.Split(Regex(r'\\s+'), 'merged_with_previous')",
    "P.Split(Regex(r'\\w+'), 'isolated', invert=True)",
    "P.Whitespace()",
    "P.WhitespaceSplit()",
    "P.Sequence([P.WhitespaceSplit(), P.Punctuation()])",
    "P.Sequence([P.Sequence([P.Digits()]), P.ByteLevel()])",
]
PROCESSORS = [
    "O.BertProcessing(('[SEP]', 2), ('[CLS]', 1))",
    "O.RobertaProcessing(('[SEP]', 2), ('[CLS]', 1))",
    "O.RobertaProcessing(('[SEP]', 2), ('[CLS]', 1), False, False)",
    "O.ByteLevel()",
    "O.ByteLevel(trim_offsets=False)",
    "O.TemplateProcessing(single='[CLS] $0 [SEP]', pair='[CLS] $A [SEP] $B:1 [SEP]:1',"
    " special_tokens=[('[CLS]', 1), ('[SEP]', 2)])",
    "O.TemplateProcessing(single=['[CLS]', '$A:3'],"
    " special_tokens=[{'id': '[CLS]', 'ids': [1, 2], 'tokens': ['x', 'y']}])",
    "O.TemplateProcessing(single='$ [SEP]:2', special_tokens=[(2, '[SEP]')])",
    "O.TemplateProcessing()",
    "O.Sequence([O.ByteLevel(), O.BertProcessing(('[SEP]', 2), ('[CLS]', 1))])",
    "O.Sequence([])",
]
DECODERS = [
    "D.ByteLevel()",
    "D.Replace('▁', ' ')",
    "D.Replace(Regex('l+'), 'L')",
    "D.WordPiece()",
    "D.WordPiece('@@', False)",
    "D.ByteFallback()",
    "D.Fuse()",
    "D.Strip('▁', 1, 0)",
    "D.Strip()",
    "D.Metaspace()",
    "D.Metaspace('_', 'never', False)",
    "D.BPEDecoder()",
    "D.BPEDecoder('@')",
    "D.CTC()",
    "D.CTC('_', '|', False)",
    "D.Sequence([D.Replace('▁', ' '), D.ByteFallback(), D.Fuse(), D.Strip(' ', 1)])",
    "D.Sequence([D.Sequence([D.Fuse()])])",
]
MODELS = [
    "M.BPE()",
    "M.BPE({'a': 0, 'b': 1, 'ab': 2}, [('a', 'b')])",
    "M.BPE({'a': 0, 'b': 1, '<u>': 2}, [], unk_token='<u>')",
    "M.BPE({'a': 0, 'b</w>': 1, 'ab</w>': 2}, [('a', 'b</w>')], end_of_word_suffix='</w>', fuse_unk=True)",
    "M.BPE({'a': 0, '##b': 1}, [], continuing_subword_prefix='##', byte_fallback=True, ignore_merges=True)",
    "M.BPE({str(i): i for i in range(150)}, [], dropout=0.1)",
    "M.WordPiece()",
    "M.WordPiece({'a': 0, '##b': 1}, unk_token='[U]', max_input_chars_per_word=3)",
    "M.WordLevel()",
    "M.WordLevel({'a': 0, 'u': 1}, 'u')",
    "M.Unigram()",
    "M.Unigram([('<u>', 0.0), ('a', -1.5)], 0)",
    "M.Unigram([('a', -1 / 3), ('b', -2e-9)], None, True)",
]
TRAINERS = [
    "R.BpeTrainer()",
    "R.BpeTrainer(vocab_size=100, min_frequency=2, show_progress=False, limit_alphabet=5,"
    " special_tokens=['a', AddedToken('b', rstrip=True)])",
    "R.BpeTrainer(initial_alphabet=['xyz'], max_token_length=4, end_of_word_suffix='</w>')",
    "R.WordPieceTrainer()",
    "R.WordPieceTrainer(vocab_size=10, special_tokens=['[UNK]'], limit_alphabet=3, continuing_subword_prefix='@@')",
    "R.WordLevelTrainer()",
    "R.WordLevelTrainer(vocab_size=10, min_frequency=1, special_tokens=['[UNK]'])",
    "R.ParityBpeTrainer()",
    "R.ParityBpeTrainer(num_merges=5, variant='window', alpha=1.5, total_symbols=True, special_tokens=['a'])",
    "R.UnigramTrainer()",
    "R.UnigramTrainer(vocab_size=10, show_progress=False, special_tokens=['a'], unk_token='a')",
]
PARTS = NORMALIZERS + PRE_TOKENIZERS + PROCESSORS + DECODERS + MODELS


def made(expression, library):
    names = {letter: getattr(library, family) for letter, family in FAMILIES.items()}
    return eval(expression, names | {"Regex": library.Regex, "AddedToken": library.AddedToken})


FAMILIES = {
    "N": "normalizers",
    "P": "pre_tokenizers",
    "O": "processors",
    "D": "decoders",
    "M": "models",
    "R": "trainers",
}


@pytest.fixture(scope="module")
def theirs():
    return pytest.importorskip("tokenizers")


def fields(encoding, overflowing=True, sequences=True):
    """All of an encoding, and of what overflowed; there theirs holds pieces of pairs once more, one within another."""
    names = ("ids", "type_ids", "tokens", "offsets", "attention_mask", "special_tokens_mask", "word_ids")
    names += ("sequence_ids", "n_sequences") if sequences else ()
    whole = {name: getattr(encoding, name) for name in names} | {"length": len(encoding)}
    if not overflowing:
        return whole
    return whole | {"overflowing": [fields(one, False, sequences) for one in encoding.overflowing]}


def word_level(library, **parts):
    tokenizer = library.Tokenizer(library.models.WordLevel(WORDS, "[UNK]"))
    tokenizer.normalizer = library.normalizers.Lowercase()
    tokenizer.pre_tokenizer = library.pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(["[CLS]", "[SEP]"])
    for name, expression in parts.items():
        setattr(tokenizer, name, made(expression, library))
    return tokenizer


# -- parts


@pytest.mark.reference
@pytest.mark.parametrize("expression", PARTS + TRAINERS)
def test_a_part_prints_as_theirs(expression, theirs):
    mine, other = made(expression, ours), made(expression, theirs)

    assert (repr(mine), str(mine)) == (repr(other), str(other))
    assert repr(pickle.loads(pickle.dumps(mine))) == repr(other)
    assert repr(copy.deepcopy(mine)) == repr(copy.copy(mine)) == repr(other)


@pytest.mark.reference
@pytest.mark.parametrize("expression", NORMALIZERS)
def test_a_normalizer_gives_theirs(expression, theirs):
    mine, other = made(expression, ours), made(expression, theirs)

    assert [mine.normalize_str(text) for text in TEXTS] == [other.normalize_str(text) for text in TEXTS]


@pytest.mark.reference
@pytest.mark.parametrize("expression", PRE_TOKENIZERS)
def test_a_pre_tokenizer_gives_theirs(expression, theirs):
    mine, other = made(expression, ours), made(expression, theirs)

    assert [mine.pre_tokenize_str(text) for text in TEXTS] == [other.pre_tokenize_str(text) for text in TEXTS]


@pytest.mark.reference
@pytest.mark.parametrize("expression", DECODERS)
def test_a_decoder_gives_theirs(expression, theirs):
    mine, other = made(expression, ours), made(expression, theirs)
    rows = [
        ["▁Hello", "▁wor", "##ld", "!"],
        ["Ġa", "b</w>", "<0xE2>", "<0x82>", "<0xAC>", "|", "<pad>"],
        [],
        ["l", "l", "o"],
    ]

    assert [mine.decode(row) for row in rows] == [other.decode(row) for row in rows]


@pytest.mark.reference
@pytest.mark.parametrize(
    "expression", [*MODELS[1:5], "M.WordPiece({'a': 0, '##b': 1, '[U]': 2}, unk_token='[U]')", MODELS[9], MODELS[11]]
)
def test_a_model_gives_theirs(expression, theirs, tmp_path):
    mine, other = made(expression, ours), made(expression, theirs)
    for piece in ("ab", "a", "abab", "aé", "b", "A"):
        assert outcome(lambda piece=piece: [t.as_tuple() for t in mine.tokenize(piece)]) == outcome(
            lambda piece=piece: [t.as_tuple() for t in other.tokenize(piece)]
        )
    for token in ("a", "zz"):
        assert mine.token_to_id(token) == other.token_to_id(token)
    assert [mine.id_to_token(i) for i in range(4)] == [other.id_to_token(i) for i in range(4)]
    assert repr(mine.get_trainer()) == repr(other.get_trainer())
    for folder, model in (("ours", mine), ("theirs", other)):
        (tmp_path / folder).mkdir()
        names = [os.path.basename(path) for path in model.save(str(tmp_path / folder), "x")]
        assert sorted(names) == sorted(os.listdir(tmp_path / folder))
    for name in os.listdir(tmp_path / "theirs"):
        assert (tmp_path / "ours" / name).read_text() == (tmp_path / "theirs" / name).read_text()


def outcome(call):
    """What a call gives, or that it raises."""
    try:
        return call()
    except BaseException as problem:  # theirs panics
        if isinstance(problem, KeyboardInterrupt):
            raise
        return "an error"


@pytest.mark.reference
def test_models_read_the_files_that_theirs_write(theirs, tmp_path):
    made("M.BPE({'a': 0, 'b': 1, 'ab': 2}, [('a', 'b')])", theirs).save(str(tmp_path))
    made("M.WordPiece({'a': 0, '##b': 1})", theirs).save(str(tmp_path))
    vocab, merges, words = (str(tmp_path / name) for name in ("vocab.json", "merges.txt", "vocab.txt"))

    for library in (ours, theirs):
        BPE, WordPiece, WordLevel = library.models.BPE, library.models.WordPiece, library.models.WordLevel
        assert BPE.read_file(vocab, merges) == ({"a": 0, "b": 1, "ab": 2}, [("a", "b")])
        assert BPE.from_file(vocab, merges, unk_token="a").unk_token == "a"
        assert WordPiece.read_file(words) == {"a": 0, "##b": 1}
        assert WordPiece.from_file(words, max_input_chars_per_word=3).max_input_chars_per_word == 3
        assert WordLevel.from_file(vocab, unk_token="a").tokenize("zz")[0].as_tuple() == (0, "a", (0, 2))


@pytest.mark.reference
@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("P.ByteLevel()", {"add_prefix_space": False, "trim_offsets": False, "use_regex": False}),
        ("P.Metaspace()", {"replacement": "_", "prepend_scheme": "first", "split": False}),
        ("P.Digits()", {"individual_digits": True}),
        ("P.Punctuation()", {"behavior": "removed"}),
        ("P.FixedLength()", {"length": 2}),
        ("P.Split('a', 'removed')", {"behavior": "isolated", "invert": True}),
        ("P.CharDelimiterSplit('x')", {"delimiter": "y"}),
        ("N.BertNormalizer()", {"clean_text": False, "strip_accents": True, "lowercase": False}),
        ("N.Strip()", {"left": False, "right": False}),
        ("N.Prepend('x')", {"prepend": "y"}),
        ("N.Replace('a', 'b')", {"content": "c"}),
        ("O.RobertaProcessing(('a', 1), ('b', 2))", {"sep": ("c", 3), "cls": ("d", 4), "trim_offsets": False}),
        ("O.ByteLevel()", {"add_prefix_space": False, "trim_offsets": False, "use_regex": False}),
        ("O.TemplateProcessing(special_tokens=[('s', 1)])", {"single": "s $A"}),
        ("D.WordPiece()", {"prefix": "@", "cleanup": False}),
        ("D.Strip()", {"content": "x", "start": 1, "stop": 2}),
        ("D.CTC()", {"pad_token": "x", "word_delimiter_token": "y", "cleanup": False}),
        ("D.BPEDecoder()", {"suffix": "x"}),
        ("M.BPE({'a': 0}, [])", {"dropout": 0.5, "unk_token": "a", "fuse_unk": True, "ignore_merges": True}),
        ("M.WordPiece({'a': 0})", {"unk_token": "a", "max_input_chars_per_word": 5, "continuing_subword_prefix": "@"}),
        ("M.WordLevel({'a': 0})", {"unk_token": "a"}),
        ("R.BpeTrainer()", {"vocab_size": 5, "min_frequency": 2, "show_progress": False, "special_tokens": ["q"]}),
    ],
)
def test_settings_can_be_changed(expression, values, theirs):
    mine, other = made(expression, ours), made(expression, theirs)
    for name, value in values.items():
        if type(getattr(mine, name)) is not list and name != "single":
            assert getattr(mine, name) == getattr(other, name)
        setattr(mine, name, value)
        setattr(other, name, value)

        assert repr(mine) == repr(other)


@pytest.mark.reference
@pytest.mark.parametrize(
    "wrong",
    [
        "P.Metaspace('xx')",
        "P.Metaspace(prepend_scheme='x')",
        "P.Punctuation('x')",
        "P.Split('a', 'x')",
        "P.Split(3, 'removed')",
        "P.CharDelimiterSplit('')",
        "P.FixedLength(-1)",
        "N.Precompiled(b'')",
        "N.Precompiled('x')",
        "P.Digits(3)",
        "P.Sequence([1])",
        "N.Sequence(3)",
        "N.Strip(left='x')",
        "N.Replace('a', 3)",
        "N.Normalizer()",
        "D.Strip('xx')",
        "D.Sequence(['x'])",
        "P.PreTokenizer()",
        "O.TemplateProcessing(single='[CLS] $A')",
        "O.TemplateProcessing(single='$X')",
        "O.TemplateProcessing(pair='$A')",
        "O.TemplateProcessing(single='$A:x')",
        "O.TemplateProcessing(single=3)",
        "M.BPE({'a': 0}, None)",
        "M.BPE({'a': 0}, [('a', 'b')])",
        "M.BPE({'a': 'x'}, [])",
        "M.BPE(dropout=2.0)",
        "M.Unigram([('a', -1.0)], 5)",
        "M.WordLevel('/no/such/file')",
        "D.ByteLevel().decode('a')",
        "D.ByteLevel().decode([3])",
        "N.NFC().normalize_str(3)",
        "N.NFC().normalize('a')",
        "P.Digits().pre_tokenize_str(3)",
        "Regex('(')",
        "M.BPE().token_to_id(3)",
    ],
)
def test_what_theirs_refuses_is_refused(wrong, theirs):
    with pytest.raises(Exception) as other:
        made(wrong, theirs)
    kinds = [kind for kind in (ValueError, TypeError, OverflowError) if isinstance(other.value, kind)]

    with pytest.raises(kinds[0] if kinds else (ValueError, OSError)) as mine:
        made(wrong, ours)
    assert "incompatible function" not in str(mine.value)


@pytest.mark.reference
def test_sentencepieces_model_is_read_as_theirs_is_made(shared, theirs):
    path = shared / "vocab" / "spm-unigram-ja" / "test_ja_model.model"
    tokenizer = ours.SentencePieceUnigramTokenizer.from_spm(path)
    other = theirs.Tokenizer.from_str(tokenizer.to_str())
    charsmap = tokenizer.normalizer[0].precompiled_charsmap

    assert theirs.normalizers.Precompiled(charsmap).normalize_str("ﾊﾝｶｸ㍿") == normalizers.Precompiled(
        charsmap
    ).normalize_str("ﾊﾝｶｸ㍿")
    for text in ("こんにちは　世界", "ﾊﾝｶｸ", *TEXTS):
        assert fields(tokenizer.encode(text)) == fields(other.encode(text))
    assert repr(tokenizer._tokenizer) == repr(other)


def test_a_changed_part_is_changed_wherever_it_is():
    shared = pre_tokenizers.ByteLevel(add_prefix_space=False)
    first, second = Tokenizer(models.BPE()), Tokenizer(models.BPE())
    first.pre_tokenizer = shared
    second.pre_tokenizer = pre_tokenizers.Sequence([shared])
    shared.add_prefix_space = True

    assert first.pre_tokenizer is shared
    assert first.pre_tokenizer.pre_tokenize_str("a") == second.pre_tokenizer.pre_tokenize_str("a") == [("Ġa", (0, 1))]
    second.pre_tokenizer[0].add_prefix_space = False
    assert "add_prefix_space=False" in repr(first)
    first.pre_tokenizer = None
    shared.add_prefix_space = True
    assert first.pre_tokenizer is None


def test_a_sequence_is_a_list():
    parts = normalizers.Sequence([normalizers.NFC(), normalizers.Strip()])
    parts[0] = normalizers.Lowercase()

    assert len(parts) == 2
    assert [repr(part) for part in parts] == ["Lowercase()", "Strip(strip_left=True, strip_right=True)"]
    assert parts.normalize_str(" A ") == "a"
    del parts[1]
    assert parts.normalize_str(" A ") == " a "
    with pytest.raises(IndexError):
        parts[5]
    with pytest.raises(TypeError, match="expected Normalizer"):
        parts[0] = pre_tokenizers.Digits()


# -- the tokenizer


@pytest.mark.reference
@pytest.mark.parametrize("expression", [None, *PROCESSORS])
@pytest.mark.parametrize("special", [True, False])
def test_every_field_is_theirs(expression, special, theirs):
    mine, other = (word_level(lib, **({"post_processor": expression} if expression else {})) for lib in (ours, theirs))
    assert [mine.num_special_tokens_to_add(pair) for pair in (False, True)] == [
        other.num_special_tokens_to_add(pair) for pair in (False, True)
    ]
    for text in TEXTS:
        for args in ((text,), (text, "the cat"), (text, "")):
            one, two = (tok.encode(*args, add_special_tokens=special) for tok in (mine, other))
            assert fields(one) == fields(two)
            assert lookups(one) == lookups(two)
    batch = [TEXTS[0], (TEXTS[1], TEXTS[2]), [TEXTS[3], "x"]]
    assert [fields(e) for e in mine.encode_batch(batch, add_special_tokens=special)] == [
        fields(e) for e in other.encode_batch(batch, add_special_tokens=special)
    ]
    words = [["hello", "the cat"], (["sat"], ["world", "!"]), ("a", "b"), []]
    assert [fields(e) for e in mine.encode_batch(words, True, special)] == [
        fields(e) for e in other.encode_batch(words, True, special)
    ]
    assert [e.ids for e in mine.encode_batch_fast(batch)] == [e.ids for e in other.encode_batch_fast(batch)]


def lookups(encoding):
    span = range(len(encoding) + 2)
    found = [(encoding.token_to_chars(i), encoding.token_to_word(i), encoding.token_to_sequence(i)) for i in span]
    for sequence in (0, 1, 2):
        found += [(encoding.char_to_token(i, sequence), encoding.char_to_word(i, sequence)) for i in range(12)]
        found += [(encoding.word_to_tokens(i, sequence), encoding.word_to_chars(i, sequence)) for i in range(5)]
    return found


@pytest.mark.reference
@pytest.mark.parametrize("expression", [None, *PROCESSORS])
@pytest.mark.parametrize(
    "options",
    [
        {"max_length": 6},
        {"max_length": 5, "stride": 1},
        {"max_length": 6, "direction": "left"},
        {"max_length": 7, "strategy": "only_first"},
        {"max_length": 7, "stride": 2, "strategy": "only_second"},
    ],
    ids=str,
)
def test_truncated_and_padded_fields_are_theirs(expression, options, theirs):
    mine, other = (word_level(lib, **({"post_processor": expression} if expression else {})) for lib in (ours, theirs))
    for padding in ({"length": 9}, {"direction": "left", "pad_to_multiple_of": 4, "pad_id": 1, "pad_token": "[CLS]"}):
        for tokenizer in (mine, other):
            tokenizer.enable_truncation(**options)
            tokenizer.enable_padding(**padding)
        assert (mine.truncation, mine.padding) == (other.truncation, other.padding)
        for args in (("hello the cat sat hello the cat",), ("hello world the", "cat sat world hello"), ("a", "b")):
            marked = expression is not None  # else theirs forgets which sequence a piece that overflowed is of
            got, wanted = (
                outcome(lambda t=t, a=args, m=marked: fields(t.encode(*a), sequences=m)) for t in (mine, other)
            )
            assert got == wanted
            plain = word_level(ours), word_level(theirs)
            rows = [[one.encode(text) for text in args] for one in plain]
            got, wanted = (
                outcome(lambda t=t, r=r: fields(t.post_process(*r))) for t, r in zip((mine, other), rows, strict=True)
            )
            assert got == wanted
    for tokenizer in (mine, other):
        tokenizer.no_truncation()
        tokenizer.no_padding()
    assert fields(mine.encode("hello the cat sat")) == fields(other.encode("hello the cat sat"))
    assert mine.truncation is mine.padding is None


@pytest.mark.reference
@pytest.mark.parametrize("expression", PROCESSORS)
def test_a_processor_gives_theirs(expression, theirs):
    mine, other = made(expression, ours), made(expression, theirs)
    for special in (True, False):
        for cut in (None, 2):
            rows = []
            for library in (ours, theirs):
                pair = [word_level(library).encode(text) for text in (" hello  world the", "cat sat")]
                if cut:
                    pair[0].truncate(cut, 1)
                rows.append(pair)
            got = [fields(mine.process(rows[0][0], None, special)), fields(mine.process(*rows[0], special))]
            wanted = [fields(other.process(rows[1][0], None, special)), fields(other.process(*rows[1], special))]
            assert got == wanted
    assert mine.num_special_tokens_to_add(True) == other.num_special_tokens_to_add(True)


@pytest.mark.reference
def test_encodings_change_as_theirs(theirs):
    def change(library, step):
        tokenizer = word_level(library, post_processor=PROCESSORS[0])
        one, two = tokenizer.encode("hello world the", "cat"), tokenizer.encode("sat the cat")
        one = step(library, one, two) or one
        return fields(one), lookups(one)

    steps = [
        lambda lib, a, b: a.pad(12),
        lambda lib, a, b: a.pad(12, direction="left", pad_id=9, pad_type_id=7, pad_token="P"),
        lambda lib, a, b: a.truncate(3),
        lambda lib, a, b: a.truncate(4, stride=2),
        lambda lib, a, b: a.truncate(4, stride=1, direction="left"),
        lambda lib, a, b: (a.truncate(3), a.pad(5))[0],
        lambda lib, a, b: (a.pad(11, direction="left"), a.truncate(4))[0],
        lambda lib, a, b: a.truncate(0),
        lambda lib, a, b: (a.truncate(4), a.truncate(2))[0],
        lambda lib, a, b: (b.set_sequence_id(0), b)[1],
        lambda lib, a, b: lib.Encoding.merge([a, b]),
        lambda lib, a, b: lib.Encoding.merge([a, b], growing_offsets=False),
        lambda lib, a, b: (a.truncate(4), b.truncate(2), lib.Encoding.merge([a, b, b]))[2],
        lambda lib, a, b: lib.Encoding.merge([]),
        lambda lib, a, b: lib.Encoding(),
        lambda lib, a, b: pickle.loads(pickle.dumps(a)),
        lambda lib, a, b: copy.deepcopy(a),
    ]
    for step in steps:
        assert change(ours, step) == change(theirs, step)


@pytest.mark.reference
@pytest.mark.parametrize("name", list(parity.MAKES) if hasattr(parity, "MAKES") else ["gpt2-real", "bert-real"])
def test_files_are_read_and_written_as_theirs(name, folder_of, theirs, tmp_path):
    path = folder_of(name) / "tokenizer.json"
    if not path.exists():
        AutoTokenizer.from_pretrained(folder_of(name)).save_pretrained(tmp_path)
        path = tmp_path / "tokenizer.json"
    mine, other = Tokenizer.from_file(str(path)), theirs.Tokenizer.from_file(str(path))

    assert mine.to_str() == other.to_str()
    assert mine.to_str(pretty=True) == other.to_str(pretty=True)
    assert (repr(mine), str(mine)) == (repr(other), str(other))
    assert [fields(e) for e in mine.encode_batch(TEXTS)] == [fields(e) for e in other.encode_batch(TEXTS)]
    assert mine.get_vocab() == other.get_vocab()
    assert mine.get_vocab_size(False) == other.get_vocab_size(False)
    mine.save(str(tmp_path / "ours.json"))
    other.save(str(tmp_path / "theirs.json"))
    assert (tmp_path / "ours.json").read_text() == (tmp_path / "theirs.json").read_text()
    again = theirs.Tokenizer.from_str(mine.to_str())
    assert again.encode(TEXTS[0]).ids == Tokenizer.from_buffer(other.to_str().encode()).encode(TEXTS[0]).ids


@pytest.mark.reference
def test_added_tokens_are_theirs(theirs):
    def run(library):
        tokenizer = word_level(library)
        Added = library.AddedToken
        counts = [
            tokenizer.add_tokens(["new", Added("strip", lstrip=True, rstrip=True), "hello"]),
            tokenizer.add_special_tokens(["<s>", Added("<mask>", lstrip=True), Added("keep", normalized=True)]),
            tokenizer.add_tokens([Added("word", single_word=True), "new", Added("q", special=True)]),
        ]
        found = {
            id: [getattr(token, name) for name in FLAGS] for id, token in tokenizer.get_added_tokens_decoder().items()
        }
        texts = ["a new  strip  day", "NEW <s> <mask>words word q", "<S> keep Keep"]
        ids = [fields(tokenizer.encode(text)) for text in texts]
        tokenizer.encode_special_tokens = True
        plain = [fields(tokenizer.encode(text)) for text in texts]
        decoded = [tokenizer.decode(e["ids"], skip) for e in ids for skip in (True, False)]
        batch = tokenizer.decode_batch([e["ids"] for e in ids])
        lookup = [
            tokenizer.token_to_id("<s>"),
            tokenizer.id_to_token(10),
            tokenizer.id_to_token(99),
            tokenizer.token_to_id("zz"),
        ]
        return counts, found, ids, plain, decoded, batch, lookup, tokenizer.get_vocab(), tokenizer.encode_special_tokens

    assert run(ours) == run(theirs)


FLAGS = ("content", "single_word", "lstrip", "rstrip", "normalized", "special")


@pytest.mark.reference
def test_added_token_is_theirs(theirs):
    def run(library):
        one = library.AddedToken("x", lstrip=True)
        told = library.AddedToken("x", normalized=True, special=True)
        seen = [
            repr(one),
            repr(told),
            str(one),
            one == library.AddedToken("x"),
            one == library.AddedToken("x", lstrip=True),
        ]
        one.special, told.special = True, False
        one.content = "y"
        return [*seen, repr(one), repr(told), repr(pickle.loads(pickle.dumps(one))), repr(library.AddedToken())]

    assert run(ours) == run(theirs)


def test_wrong_inputs_are_told_what_was_expected():
    tokenizer = word_level(ours)
    for call, error in [
        (lambda: tokenizer.encode(None), TypeError),
        (lambda: tokenizer.encode(["a"]), TypeError),
        (lambda: tokenizer.encode("a", is_pretokenized=True), TypeError),
        (lambda: tokenizer.encode_batch("abc"), TypeError),
        (lambda: tokenizer.encode_batch([("a",)]), TypeError),
        (lambda: tokenizer.encode_batch([(["a"], "b")], is_pretokenized=True), TypeError),
        (lambda: tokenizer.decode([99]), ValueError),
        (lambda: tokenizer.decode("a"), TypeError),
        (lambda: tokenizer.add_tokens([3]), TypeError),
        (lambda: tokenizer.add_tokens("xy"), TypeError),
        (lambda: tokenizer.enable_truncation(5, strategy="x"), ValueError),
        (lambda: tokenizer.enable_padding(direction="x"), ValueError),
        (lambda: tokenizer.enable_padding(foo=1), TypeError),
        (lambda: tokenizer.id_to_token(-1), OverflowError),
        (lambda: setattr(tokenizer, "normalizer", pre_tokenizers.ByteLevel()), TypeError),
        (lambda: setattr(tokenizer, "model", None), TypeError),
        (lambda: Tokenizer(3), TypeError),
        (lambda: Tokenizer.from_str("{}"), ValueError),
        (lambda: Tokenizer.from_str("x"), ValueError),
        (lambda: Tokenizer.from_buffer(b"{"), ValueError),
        (lambda: Tokenizer.from_buffer("x"), TypeError),
        (lambda: Tokenizer.from_file("/no/such/file"), OSError),
        (lambda: tokenizer.save("/no/such/folder/tokenizer.json"), OSError),
        (lambda: tokenizer.model.save("/no/such/folder"), OSError),
        (lambda: tokenizer.train_from_iterator(["x"], trainers.WordPieceTrainer()), ValueError),
        (lambda: tokenizer.train_from_iterator([3], trainers.WordLevelTrainer()), TypeError),
        (lambda: tokenizer.train(["/no/such/file"]), OSError),
        (lambda: Encoding.merge("x"), TypeError),
        (lambda: tokenizer.encode("a").pad(3, direction="x"), ValueError),
        (lambda: tokenizer.encode("a b c").truncate(2, stride=2), ValueError),
    ]:
        with pytest.raises(error) as problem:
            call()
        assert "incompatible function" not in str(problem.value)


@pytest.mark.reference
def test_training_is_theirs(theirs, tmp_path):
    """WordPiece and Unigram are not here: of equal pieces, theirs puts any one first."""
    path = tmp_path / "text.txt"
    path.write_text("the cat sat on the mat\nthe dog sat on the log\n" * 3)

    def run(library, kind, trainer, files):
        model = getattr(library.models, kind)()
        tokenizer = library.Tokenizer(model)
        tokenizer.pre_tokenizer = library.pre_tokenizers.Whitespace()
        trainer = made(trainer, library)
        if files:
            tokenizer.train([str(path)], trainer)
        else:
            tokenizer.train_from_iterator([["the cat sat", "on the mat"], "the dog"], trainer, length=3)
        assert repr(model) == repr(tokenizer.model)
        return repr(tokenizer.model), tokenizer.encode("the cats").ids, repr(tokenizer.get_added_tokens_decoder())

    for kind, trainer in [
        (
            "BPE",
            "R.BpeTrainer(vocab_size=25, show_progress=False, special_tokens=['<s>', AddedToken('<p>', lstrip=True)])",
        ),
        ("WordLevel", "R.WordLevelTrainer(show_progress=False, special_tokens=['<unk>'])"),
    ]:
        for files in (True, False):
            assert run(ours, kind, trainer, files) == run(theirs, kind, trainer, files)


@pytest.mark.reference
def test_several_languages_are_learnt_as_theirs(theirs):
    def run(library):
        tokenizer = library.Tokenizer(library.models.BPE())
        tokenizer.pre_tokenizer = library.pre_tokenizers.Whitespace()
        trainer = library.trainers.ParityBpeTrainer(num_merges=12, show_progress=False, special_tokens=["<s>"])
        english, german = ["the cat sat on the mat"] * 5, ["die katze sitzt auf der matte"]
        trainer.train_from_iterator(tokenizer, [english, german], ratio=[1.0, 1.5])
        return repr(tokenizer.model), tokenizer.encode("the katze").tokens

    assert run(ours) == run(theirs)


def test_a_trainer_counts_words_and_none_is_needed(capfd):
    tokenizer = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(show_progress=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(["a b a", "c"], trainer)

    assert trainer.get_word_count() == 3
    tokenizer.train_from_iterator(["xx xx"])
    assert tokenizer.get_vocab() == {"x": 0, "xx": 1}


# -- the easy ones, and the tokenizer above


@pytest.mark.reference
def test_implementations_are_theirs(theirs, tmp_path):
    vocab = {"[UNK]": 0, "[SEP]": 1, "[CLS]": 2, "hello": 3, "##s": 4}
    bpe = ({c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))} | {"he": 256}, [("h", "e")])
    marks = ({"<unk>": 0, "▁": 1, "h": 2, "e": 3, "he": 4, "o</w>": 5}, [("h", "e")])

    def run(library):
        kinds = library.implementations
        made_ones = [
            kinds.BertWordPieceTokenizer(vocab),
            kinds.ByteLevelBPETokenizer(*bpe, add_prefix_space=True, lowercase=True, unicode_normalizer="nfc"),
            kinds.CharBPETokenizer(*marks, lowercase=True),
            kinds.SentencePieceBPETokenizer(*marks),
        ]
        seen = []
        for one in made_ones:
            one.enable_padding(length=8)
            one.enable_truncation(6)
            encoding = one.encode("Hello hellos")
            seen += [
                repr(one),
                fields(encoding),
                one.decode(encoding.ids),
                one.get_vocab_size(),
                one.padding,
                one.truncation,
            ]
            seen += [
                one.to_str(),
                one.token_to_id("he"),
                one.id_to_token(3),
                one.normalize("HÉ"),
                one.num_special_tokens_to_add(True),
            ]
            seen += [[os.path.basename(path) for path in one.save_model(str(tmp_path))]]
        trained = kinds.ByteLevelBPETokenizer()
        trained.train_from_iterator(["the cat sat on the mat"] * 3, vocab_size=262, show_progress=False)
        return [*seen, trained.encode("the cat").tokens]

    assert run(ours) == run(theirs)


@pytest.mark.reference
def test_the_tokenizer_above_is_made_of_the_raw_one(theirs):
    transformers = pytest.importorskip("transformers")

    def run(library, PreTrained):
        raw = word_level(library, post_processor=PROCESSORS[0], decoder="D.WordPiece()")
        raw.enable_truncation(4, direction="left")
        tokenizer = PreTrained(tokenizer_object=raw, unk_token="[UNK]", pad_token="[SEP]")
        seen = [tokenizer("hello world"), tokenizer.truncation_side, tokenizer.decode([3, 4])]
        backend = tokenizer.backend_tokenizer
        backend.normalizer = library.normalizers.Sequence([library.normalizers.Replace("x", "hello")])
        seen += [
            tokenizer("x HELLO")["input_ids"],
            tokenizer.backend_tokenizer.encode("x").ids,
            repr(backend.normalizer),
        ]
        tokenizer._tokenizer.normalizer[0].content = "cat"
        seen += [tokenizer("x")["input_ids"], tokenizer._tokenizer.get_vocab_size(), raw.encode("x").ids]
        return [dict(one) if hasattr(one, "keys") else one for one in seen]

    assert run(ours, PreTrainedTokenizerFast) == run(theirs, transformers.PreTrainedTokenizerFast)


def test_a_view_sees_what_is_set_past_it():
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=word_level(ours), bos_token="[CLS]", unk_token="[UNK]")
    before = tokenizer.backend_tokenizer.post_processor
    tokenizer.add_bos_token = True

    assert repr(tokenizer.backend_tokenizer.post_processor) != repr(before)
    assert tokenizer.backend_tokenizer is tokenizer.backend_tokenizer
    assert tokenizer.backend_tokenizer.encode("hello").tokens == ["[CLS]", "hello"]
    again = pickle.loads(pickle.dumps(tokenizer))
    assert again("hello") == tokenizer("hello")
    again.backend_tokenizer.normalizer = normalizers.Replace("x", "the")
    assert (again("x")["input_ids"], tokenizer("x")["input_ids"]) == ([1, 5], [1, 0])
    assert again.fingerprint() != tokenizer.fingerprint()
    assert copy.deepcopy(again)("x")["input_ids"] == [1, 5]


@pytest.mark.reference
def test_a_stream_gives_theirs(theirs):
    texts = ["hé€😀 \ufffd!", "日本語 naïve", "a\ufffd\ufffdb"]
    pieces = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}

    def run(library):
        tokenizer = library.Tokenizer(library.models.BPE(pieces, []))
        tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = library.decoders.ByteLevel()
        tokenizer.add_special_tokens(["<s>"])
        seen = []
        for text in texts:
            ids = tokenizer.encode(text + "<s>x").ids
            for skip in (True, False):
                stream = library.decoders.DecodeStream(skip_special_tokens=skip)
                seen.append([stream.step(tokenizer, id) for id in ids])
                stream = library.decoders.DecodeStream(skip_special_tokens=skip)
                seen.append([stream.step(tokenizer, ids[i : i + 3]) for i in range(0, len(ids), 3)])
            stream = library.decoders.DecodeStream(ids=ids[:1])
            first = stream.step(tokenizer, ids[1])
            other = copy.copy(stream)
            seen.append([first, stream.step(tokenizer, ids[2]), other.step(tokenizer, ids[2])])
        return seen

    assert run(ours) == run(theirs)


@pytest.mark.reference
def test_a_prompt_that_ends_within_a_character(theirs):
    """The raw stream gives all of it again, as theirs does; TextPieces only the character."""

    def run(library, before):
        alphabet = {c: i for i, c in enumerate(sorted(library.pre_tokenizers.ByteLevel.alphabet()))}
        tokenizer = library.Tokenizer(library.models.BPE(alphabet, []))
        tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(False)
        tokenizer.decoder = library.decoders.ByteLevel()
        ids = tokenizer.encode("hé€!").ids
        stream = library.decoders.DecodeStream(ids=ids[:before])
        copied = copy.copy(stream)
        steps = [[one.step(tokenizer, id) for id in ids[before:]] for one in (stream, copied)]
        return tokenizer, ids, stream, steps

    for before in range(7):
        assert run(ours, before)[3] == run(theirs, before)[3]
    tokenizer, ids, stream, _ = run(ours, 2)
    pieces = TextPieces(tokenizer, ids[:2])
    assert [pieces.piece([id]) for id in ids[2:]] == ["é", "", "", "€", "!"]
    with pytest.raises(TypeError, match="an id or a list of ids"):
        stream.step(tokenizer, "a")


@pytest.mark.reference
def test_a_byte_that_is_whole_behind_another_is_not_given_twice(theirs):
    """A ByteLevel decoder behind one that adds spaces: only the first token's byte is read as one."""
    pieces = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}

    def steps(library):
        tokenizer = library.Tokenizer(library.models.WordLevel(pieces, "a"))
        parts = [library.decoders.WordPiece("##", False), library.decoders.ByteLevel()]
        tokenizer.decoder = library.decoders.Sequence(parts)
        stream = library.decoders.DecodeStream()
        return [stream.step(tokenizer, pieces[piece]) for piece in ("a", "Ì", "Ù", "b", "c")]

    assert steps(ours) == steps(theirs)


@pytest.mark.reference
@pytest.mark.parametrize("special", [0, 2])
def test_a_stride_that_leaves_no_room_is_refused_where_theirs_is(theirs, special):
    def allowed(library):
        tokenizer = word_level(library)
        if special:
            tokenizer.post_processor = library.processors.BertProcessing(("[SEP]", 1), ("[CLS]", 0))
        seen = []
        for length, stride in itertools.product(range(6), range(6)):
            if length >= special:  # a length below the special tokens is no length to theirs
                seen.append(outcome(lambda n=length, s=stride: tokenizer.enable_truncation(n, stride=s)))
        return seen

    assert allowed(ours) == allowed(theirs)


def test_the_tokenizer_above_streams_too():
    tokenizer = AutoTokenizer.from_pretrained("bearhug/storyteller")
    ids = tokenizer("Once upon a time, a naïve 🐻 sat.")["input_ids"]
    pieces = list(tokenizer.decode_stream(iter(ids), skip_special_tokens=True))

    assert "".join(pieces) == tokenizer.decode(ids, skip_special_tokens=True)
    assert not any("\ufffd" in piece for piece in pieces)
    assert len(pieces) > 5


# -- parts in Python


class Shout:
    def normalize(self, text):
        text.lowercase()
        text.replace("world", "hello")
        text.append("!")


class Commas:
    def __init__(self, library=ours):
        self.regex = library.Regex(r"[ ,!]\s*")

    def pre_tokenize(self, text):
        text.split(lambda i, piece: piece.split(self.regex, "merged_with_previous"))
        text.normalize(lambda piece: piece.replace(" ", "_"))


class Loud:
    def decode_chain(self, tokens):
        return [token.upper() for token in tokens]


def custom(library):
    tokenizer = library.Tokenizer(library.models.WordLevel(WORDS, "[UNK]"))
    tokenizer.normalizer = library.normalizers.Normalizer.custom(Shout())
    tokenizer.pre_tokenizer = library.pre_tokenizers.PreTokenizer.custom(Commas(library))
    tokenizer.decoder = library.decoders.Decoder.custom(Loud())
    tokenizer.add_special_tokens(["[SEP]"])
    return tokenizer


@pytest.mark.reference
def test_parts_in_python_give_theirs(theirs):
    def run(library):
        tokenizer = custom(library)
        seen = [fields(tokenizer.encode(text)) for text in ("Hello, World", "the[SEP]cat 日本 sat", "", "ÀB c")]
        seen += [tokenizer.normalizer.normalize_str("The World")] if library is ours else ["the hello!"]
        return [*seen, tokenizer.decode([3, 8, 6]), [e.ids for e in tokenizer.encode_batch(["the cat"] * 40)]]

    assert run(ours) == run(theirs)


def test_parts_in_python_can_be_copied_and_pickled_but_not_written(capfd):
    tokenizer = custom(ours)
    tokenizer.pre_tokenizer = pre_tokenizers.PreTokenizer.custom(Commas())
    tokenizer.encode_special_tokens = True

    for other in (copy.deepcopy(tokenizer), copy.copy(tokenizer), pickle.loads(pickle.dumps(tokenizer))):
        assert fields(other.encode("Hello, World")) == fields(tokenizer.encode("Hello, World"))
        assert other.encode_special_tokens
    with pytest.raises(ValueError, match="cannot be written to a file"):
        tokenizer.to_str()
    above = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]")
    assert (
        above("Hello, World", return_offsets_mapping=True)["offset_mapping"] == tokenizer.encode("Hello, World").offsets
    )
    assert pickle.loads(pickle.dumps(above))("the cat").input_ids == above("the cat").input_ids
    assert above.fingerprint() == above.fingerprint()
    with pytest.raises(ValueError, match="cannot be written to a file"):
        above.save_pretrained("unwritten")


def test_an_error_in_python_comes_through():
    class Broken:
        def normalize(self, text):
            raise KeyError("broken")

        def pre_tokenize(self, text):
            text.tokenize(lambda piece: [])

        def decode_chain(self, tokens):
            return 3

    tokenizer = word_level(ours)
    tokenizer.normalizer = normalizers.Normalizer.custom(Broken())
    with pytest.raises(KeyError, match="broken"):
        tokenizer.encode_batch(["a"] * 50)
    tokenizer.normalizer, tokenizer.pre_tokenizer = None, pre_tokenizers.PreTokenizer.custom(Broken())
    with pytest.raises(ValueError, match="the model's to make"):
        tokenizer.encode("a")
    with pytest.raises(TypeError, match="expected a list"):
        decoders.Decoder.custom(Broken()).decode(["a"])


# -- processes and threads


def test_async_methods_give_the_same():
    tokenizer = word_level(ours, post_processor=PROCESSORS[0])

    async def run():
        one = await tokenizer.async_encode("hello", "world")
        many = await tokenizer.async_encode_batch(["hello", "the cat"])
        fast = await asyncio.gather(
            tokenizer.async_encode_batch_fast(["sat"]), tokenizer.async_decode_batch([[3], [4]])
        )
        return [one.ids, [e.ids for e in many], [e.ids for e in fast[0]], fast[1]]

    assert asyncio.run(run()) == [[1, 3, 2, 4, 2], [[1, 3, 2], [1, 5, 6, 2]], [[1, 7, 2]], ["hello", "world"]]


def test_threads_encode_while_a_part_changes():
    tokenizer = word_level(ours)
    tokenizer.normalizer = normalizers.Replace("x", "hello")
    seen, stop = set(), threading.Event()

    def encode():
        while not stop.is_set():
            seen.add(tuple(tokenizer.encode("x").ids))

    workers = [threading.Thread(target=encode) for _ in range(3)]
    for worker in workers:
        worker.start()
    for content in ["world", "cat", "hello"] * 30:
        tokenizer.normalizer.content = content
    stop.set()
    for worker in workers:
        worker.join(10)

    assert seen <= {(3,), (4,), (6,)}
    assert not any(worker.is_alive() for worker in workers)


def test_a_fork_after_use_encodes_without_a_word():
    code = (
        "import os, sys, pickle\n"
        "from bearhug.tokenizers import Tokenizer, models, pre_tokenizers, normalizers\n"
        "class C:\n"
        "    def normalize(self, text): text.lowercase()\n"
        "t = Tokenizer(models.WordLevel({'a': 0, 'b': 1}, 'a'))\n"
        "t.pre_tokenizer = pre_tokenizers.Whitespace()\n"
        "t.normalizer = normalizers.Normalizer.custom(C())\n"
        "texts = ['A b ' * 50] * 400\n"
        "first = [e.ids for e in t.encode_batch(texts)]\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    os._exit(0 if [e.ids for e in t.encode_batch(texts)] == first else 1)\n"
        "code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n"
        "c = C(); c.kept = t; t.normalizer._custom.kept = t\n"  # a circle, taken apart at the end
        "sys.exit(code)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)

    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_importing_the_parts_is_light():
    code = (
        "import sys, bearhug.tokenizers.raw\n"
        "print([name for name in ('torch', 'numpy', 'pyarrow', 'huggingface_hub') if name in sys.modules])\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)

    assert run.stdout.strip() == "[]"


def test_from_pretrained_reads_a_folder_and_says_what_it_lacks(tmp_path):
    word_level(ours).save(tmp_path / "tokenizer.json")

    assert Tokenizer.from_pretrained(str(tmp_path)).encode("hello").ids == [3]
    assert json.loads((tmp_path / "tokenizer.json").read_text())["version"] == "1.0"
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(OSError, match="has no tokenizer"):
        Tokenizer.from_pretrained(str(tmp_path))


def test_a_batch_may_be_an_array():
    """Texts, pairs and pre-split words as numpy arrays, as the reference takes them."""
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "[UNK]": 2}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()

    def ids(batch, **options):
        return [encoding.ids for encoding in tokenizer.encode_batch(batch, **options)]

    assert ids(np.array(["a b", "b"])) == ids(["a b", "b"])
    assert ids(np.array([["a", "b"], ["b", "a"]])) == ids([("a", "b"), ("b", "a")])
    assert ids(np.array([["a", "b"], ["b", "a"]]), is_pretokenized=True) == ids([["a", "b"], ["b", "a"]])
    assert ids([np.array(["a", "b"])], is_pretokenized=True) == [[0, 1]]
