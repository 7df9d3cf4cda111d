"""BatchEncoding: a dictionary that knows rows, tokens, words and characters, and becomes tensors."""

import copy
import pickle
import random
from collections import UserDict
from itertools import pairwise

import numpy as np
import pytest
import torch

from bearhug import AutoTokenizer, BatchEncoding
from bearhug.tokenizers import CharSpan, Tokenizer, TokenSpan, models, pre_tokenizers

TEXTS = ["Hello world, it's water", "über  the\tsound of 日本", "people"]
PAIRS = ["find the way", "", "so long"]
NAMES = ("roberta", "llama3", "llama2", "bert")


@pytest.fixture(scope="module")
def bert(folders):
    return AutoTokenizer.from_pretrained(folders["bert"])


@pytest.mark.reference
@pytest.mark.parametrize("name", NAMES)
def test_every_way_between_tokens_words_and_characters_is_the_references(name, pair_of):
    ours, theirs = pair_of(name)
    for given in ((TEXTS,), (TEXTS, PAIRS)):
        a, b = ours(*given, padding=True), theirs(*given, padding=True)
        assert a.n_sequences == b.n_sequences
        for row in range(len(TEXTS)):
            tokens = len(a["input_ids"][row])
            for token in range(tokens + 1):
                for method in ("token_to_sequence", "token_to_word", "token_to_chars"):
                    assert getattr(a, method)(row, token) == getattr(b, method)(row, token), (method, row, token)
            for sequence in range(len(given)):
                for char in range(len(given[sequence][row]) + 2):
                    for method in ("char_to_token", "char_to_word"):
                        ask = (row, char, sequence)
                        assert getattr(a, method)(*ask) == getattr(b, method)(*ask), (method, ask)
                for word in range(9):
                    ask = (row, word, sequence)
                    assert a.word_to_tokens(*ask) == b.word_to_tokens(*ask), ask
                    if b.word_to_tokens(*ask) is not None:
                        assert a.word_to_chars(*ask) == b.word_to_chars(*ask), ask
        assert a.char_to_token(1) == b.char_to_token(1)
        assert a.token_to_chars(1) == b.token_to_chars(1)


@pytest.mark.reference
@pytest.mark.parametrize("name", NAMES)
def test_rows_are_the_references(name, pair_of):
    ours, theirs = pair_of(name)
    options = {"truncation": True, "max_length": 8, "stride": 1, "padding": True}
    for overflow in (True, False):
        a, b = (
            ours(TEXTS, PAIRS, return_overflowing_tokens=overflow, **options),
            theirs(TEXTS, PAIRS, return_overflowing_tokens=overflow, **options),
        )
        assert len(a.encodings) == len(b.encodings)
        for mine, other in zip(a.encodings, b.encodings, strict=True):
            for field in ("ids", "tokens", "type_ids", "attention_mask", "special_tokens_mask", "offsets", "word_ids"):
                assert getattr(mine, field) == getattr(other, field), field
            assert mine.sequence_ids == other.sequence_ids
            assert len(mine) == len(other)
            assert mine.n_sequences == other.n_sequences
    single, other = ours(TEXTS[1], truncation=True, max_length=4), theirs(TEXTS[1], truncation=True, max_length=4)
    assert [row.ids for row in single[0].overflowing] == [row.ids for row in other[0].overflowing]


def test_values_are_plain_lists_of_int(bert):
    one, many = bert("people"), bert(TEXTS)

    assert type(one["input_ids"]) is list
    assert type(one["input_ids"][0]) is int
    assert type(many["input_ids"][1]) is list
    assert type(many["input_ids"][1][0]) is int
    assert one["input_ids"] == many["input_ids"][2]


def test_it_is_a_dictionary(bert):
    encoding = bert(TEXTS)

    assert isinstance(encoding, UserDict)
    assert list(encoding) == list(encoding.keys()) == ["input_ids", "token_type_ids", "attention_mask"]
    assert len(encoding) == 3
    assert "input_ids" in encoding
    assert encoding.input_ids is encoding["input_ids"]
    assert dict(encoding) == encoding.data == {**encoding} == dict(encoding.items())
    assert encoding.get("labels") is None
    assert encoding.pop("token_type_ids") == [[0] * len(row) for row in encoding["input_ids"]]
    encoding["labels"] = [1, 2, 3]
    encoding.update(more=1)
    del encoding["attention_mask"]
    assert list(encoding) == ["input_ids", "labels", "more"]
    assert encoding.labels == [1, 2, 3]


def test_a_wrong_name_names_the_near_ones(bert):
    encoding = bert("people")

    with pytest.raises(KeyError, match="Did you mean 'input_ids'"):
        encoding["input_id"]
    with pytest.raises(AttributeError, match="attention_mask"):
        _ = encoding.attention_masks
    with pytest.raises(KeyError, match="a name"):
        encoding[1.5]


def test_rows_by_number_and_slice(bert):
    encoding = bert(TEXTS)

    assert encoding[0].tokens == encoding.tokens(0)
    assert encoding[-1].ids == encoding["input_ids"][2]
    assert [row.ids for row in encoding[0:2]] == encoding["input_ids"][0:2]
    assert repr(encoding[2]).startswith("Encoding(num_tokens=3, attributes=[ids, ")
    with pytest.raises(IndexError, match="3 rows"):
        encoding.tokens(3)


def test_without_a_tokenizer_it_is_only_a_dictionary():
    encoding = BatchEncoding({"input_ids": [[1, 2], [3, 4]]})

    assert not encoding.is_fast
    assert encoding.encodings is None
    assert encoding.n_sequences is None
    assert encoding[0:1] == {"input_ids": [[1, 2]]}
    with pytest.raises(ValueError, match="Call the tokenizer itself"):
        encoding.tokens()
    with pytest.raises(KeyError):
        encoding[0]


def test_spans_have_names(bert):
    encoding = bert("people find water")

    assert encoding.token_to_chars(2) == CharSpan(start=7, end=11)
    assert encoding.word_to_tokens(2) == TokenSpan(start=3, end=4)
    assert encoding.word_to_chars(9) is None
    assert encoding.words() == encoding.word_ids() == [None, 0, 1, 2, None]
    assert encoding.token_to_sequence(-1) is None
    assert encoding.token_to_word(-2) == 2


def test_tensors(bert):
    encoding = bert(TEXTS, padding=True)
    lists = copy.deepcopy(dict(encoding))
    array = bert(TEXTS, padding=True, return_tensors="np")
    tensor = encoding.convert_to_tensors("pt")

    assert tensor is encoding
    assert tensor["input_ids"].dtype == torch.int64
    assert array["input_ids"].dtype == np.int64
    for name in lists:
        assert tensor[name].tolist() == array[name].tolist() == lists[name]
    one = BatchEncoding({"input_ids": [1, 2]}, tensor_type="pt", prepend_batch_axis=True)
    assert one["input_ids"].shape == (1, 2)
    assert bert("people", return_tensors=True)["input_ids"].shape == (1, 3)
    assert BatchEncoding({"score": [0.5, 1.0]}, tensor_type="pt")["score"].dtype == torch.float32
    assert BatchEncoding({"x": [np.ones(2), np.ones(2)]}, tensor_type="pt")["x"].shape == (2, 2)
    assert BatchEncoding({"x": []}, tensor_type="pt")["x"].dtype == torch.int64
    assert BatchEncoding({"x": torch.ones(2)}, tensor_type="np")["x"].tolist() == [1, 1]


def test_rows_of_different_lengths_say_their_lengths(bert):
    with pytest.raises(ValueError, match=r"(?s)different lengths \(3, 8, 5\).*padding=True"):
        bert(["people", "people find water and sound now", "people find water"], return_tensors="pt")
    ragged = bert(TEXTS, return_tensors="np")["input_ids"]
    assert ragged.dtype == object
    assert ragged[2].tolist() == bert("people")["input_ids"]


def test_what_is_no_number_says_so():
    with pytest.raises(ValueError, match="'words' cannot become a tensor"):
        BatchEncoding({"words": ["a", "b"]}, tensor_type="pt")
    with pytest.raises(ValueError, match=r"'pt' .torch. and 'np'"):
        BatchEncoding({"input_ids": [1]}, tensor_type="tf")


def test_to_moves_and_casts(bert):
    encoding = bert(TEXTS, padding=True, return_tensors="pt")
    encoding["score"] = torch.ones(3)
    encoding["note"] = "text"

    assert encoding.to("meta") is encoding
    assert encoding["input_ids"].device.type == "meta"
    encoding = bert(TEXTS, padding=True, return_tensors="pt")
    encoding["score"] = torch.ones(3)
    encoding.to(torch.float16)
    assert encoding["input_ids"].dtype == torch.int64
    assert encoding["score"].dtype == torch.float16


@pytest.mark.parametrize("side", ["left", "right"])
def test_padded_ids_carry_their_lengths(side, bert):
    """Law 1: generate can tell padding from text though the mask got lost."""
    encoding = bert(TEXTS, padding=True, padding_side=side, return_tensors="pt")
    without = bert(TEXTS, padding=True, padding_side=side, return_tensors="pt", return_attention_mask=False)
    padded = bert.pad([bert(text) for text in TEXTS], padding_side=side, return_tensors="pt")
    lengths = [len(bert(text)["input_ids"]) for text in TEXTS]

    for one in (encoding, without, padded, encoding.to("cpu")):
        assert one["input_ids"]._bearhug_lengths.tolist() == lengths
        assert one["input_ids"]._bearhug_padding_side == side
    assert not hasattr(bert(TEXTS[0], return_tensors="pt")["input_ids"], "_bearhug_lengths")


def test_pickles_and_copies(bert):
    for encoding in (bert(TEXTS), bert(TEXTS, padding=True, return_tensors="pt"), bert("people")):
        for again in (pickle.loads(pickle.dumps(encoding)), copy.deepcopy(encoding), copy.copy(encoding)):
            assert list(again) == list(encoding)
            assert again.tokens() == encoding.tokens()
            assert str(again["input_ids"]) == str(encoding["input_ids"])
    encoding = bert("people")
    other = copy.copy(encoding)
    other["labels"] = 1
    assert "labels" not in encoding


def test_goes_into_a_model_and_a_loader(bert):
    def forward(input_ids, attention_mask, token_type_ids):
        return input_ids.shape

    rows = [bert(text, padding="max_length", return_tensors="pt") for text in TEXTS]

    assert forward(**bert(TEXTS, padding=True, return_tensors="pt"))[0] == 3
    batch = next(iter(torch.utils.data.DataLoader([{k: v[0] for k, v in row.items()} for row in rows], batch_size=3)))
    assert batch["input_ids"].shape == (3, 32)


def test_prints_shapes_and_facts(bert):
    assert repr(bert("people")) == (
        "BatchEncoding(\n  input_ids: list of 3\n  token_type_ids: list of 3\n  attention_mask: list of 3\n)"
    )
    assert "input_ids: 3 lists of 3 to 10" in repr(bert(TEXTS))
    assert "input_ids: (3, 10) int64" in repr(bert(TEXTS, padding=True, return_tensors="pt"))
    assert "input_ids: 1 list of 3" in repr(bert(["people"]))


def test_flat_arrays_without_python_numbers(bert):
    encoding = bert(TEXTS)
    values, starts = encoding.flat("input_ids")

    assert [values[a:b].tolist() for a, b in pairwise(starts)] == bert(TEXTS)["input_ids"]
    assert encoding.flat("labels") is None
    _ = encoding["input_ids"]
    assert encoding.flat("input_ids") is None, "the list may have been changed"


@pytest.mark.parametrize("name", NAMES)
def test_offsets_in_bytes_are_those_in_characters(name, folders):
    """Cut and padded on both sides, rows that overflow, pairs, words: bytes of the UTF-8 before each character."""
    tokenizer = AutoTokenizer.from_pretrained(folders[name])
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    for side in ("left", "right"):
        tokenizer.truncation_side = side
        cut = {"truncation": True, "max_length": 13, "stride": 2, "padding": True, "return_overflowing_tokens": True}
        words = {"is_split_into_words": True}
        for texts, pairs, options in (
            (TEXTS, None, {}),
            (TEXTS, PAIRS, {}),
            (TEXTS, PAIRS, cut | {"padding_side": side}),
            ([text.split() for text in TEXTS], None, words),
        ):
            chars = tokenizer(texts, pairs, return_offsets_mapping=True, **options)
            bytes_ = tokenizer(texts, pairs, return_offsets_mapping="bytes", **options)
            assert bytes_["input_ids"] == chars["input_ids"]
            of = chars.get("overflow_to_sample_mapping", range(len(texts)))
            for row, sample in enumerate(of):
                sequences, numbers = chars.sequence_ids(row), chars.word_ids(row)
                expected = []
                for i, (start, end) in enumerate(chars["offset_mapping"][row]):
                    text = "" if sequences[i] is None else (texts, pairs)[sequences[i]][sample]
                    if options is words and sequences[i] is not None:
                        text = text[numbers[i]]
                    expected.append((len(text[:start].encode()), len(text[:end].encode())))
                assert bytes_["offset_mapping"][row] == expected
                assert bytes_[row].offsets == chars[row].offsets
    one = tokenizer("über", return_offsets_mapping="bytes", return_tensors="np")
    assert one["offset_mapping"].max() == 5
    assert pickle.loads(pickle.dumps(tokenizer("über", return_offsets_mapping="bytes")))["offset_mapping"][-1][-1] in (
        0,
        5,
    )


def test_offsets_are_in_characters_or_bytes(bert):
    with pytest.raises(ValueError, match='expected True \\(characters\\), "bytes" or False'):
        bert("text", return_offsets_mapping="byte")
    with pytest.raises(ValueError, match="encode it with byte_offsets=True"):
        _ = bert("text", return_offsets_mapping=True)._encoded.byte_offsets


MIXED = [
    "Hello world, it's water. ",
    "über den Fluß, déjà vu ",
    "日本語 and 한국어 — 🤗👩‍👩‍👧 ",
    "  two  blanks\n\n\ttabs\r\n",
    "Ünïcödé\u0301 ﬁnd ＦＵＬＬ ½ ",
    "<s> [SEP] <|endoftext|> \x00\x7f\u200d\ufeff ",
    "x" * 40 + " 1234567 ",
    "नमस्ते دنیا שלום ",
]


@pytest.mark.reference
@pytest.mark.parametrize("name", [*NAMES, "gpt2-real", "bert-real"])
def test_rows_of_long_texts_are_the_references(name, pair_of):
    """Offsets of many pieces are worked out at once when enough text has been met; unknown ones among them."""
    ours, theirs = (copy.deepcopy(tokenizer.backend_tokenizer) for tokenizer in pair_of(name))
    theirs.no_truncation(), theirs.no_padding()  # what an earlier call has set
    draw = random.Random(0)
    long = "".join(draw.choices(MIXED, k=2000))
    ours.encode(long).offsets  # noqa: B018 - from here on it has met enough
    texts = [
        long,
        "".join(draw.choices(MIXED[:1], k=300)),
        *MIXED,
        *("".join(draw.choices(MIXED, k=9)) for _ in "123456"),
    ]
    texts += [text[cut:-cut] for text in texts[-6:] for cut in (1, 2, 3)]
    for a, b in zip(ours.encode_batch(texts), theirs.encode_batch(texts), strict=True):
        for field in ("ids", "tokens", "offsets", "word_ids", "special_tokens_mask", "sequence_ids"):
            assert getattr(a, field) == getattr(b, field), (field, b.tokens[:20])


def test_rows_are_read_as_often_as_one_likes():
    """Each reading makes a list of its own; overflowing rows are those of the text alone."""
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1}))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_truncation(2)
    rows = tokenizer.encode_batch(["a b a", "b", "b b b b b"])
    rows[0].ids.append(5)

    assert [row.ids for row in rows] == [[0, 1], [1], [1, 1]]
    assert [[part.ids for part in row.overflowing] for row in rows] == [[[0]], [], [[1, 1], [1]]]
    assert [type(part) for part in rows[0].overflowing] == [type(rows[0])]


def test_an_attribute_that_is_set_is_not_a_value(bert):
    encoding = bert("water")
    values = list(encoding["input_ids"])
    encoding.input_ids = None

    assert encoding.input_ids is None
    assert encoding["input_ids"] == values
    assert pickle.loads(pickle.dumps(encoding))["input_ids"] == values


def test_values_nobody_has_read_survive_a_pickle(bert):
    encoding = pickle.loads(pickle.dumps(bert(["water", "people"])))

    assert copy.deepcopy(encoding)["input_ids"] == bert(["water", "people"])["input_ids"]


def test_a_token_that_is_added_late_has_its_own_offsets():
    """What has been worked out from the vocabulary before is forgotten."""
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "ab": 2}))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    assert tokenizer.encode("a b " * 50).offsets[-1] == (198, 199)
    tokenizer.add_tokens(["a b"])

    late = tokenizer.encode("ab a b b")
    assert (late.tokens, late.offsets) == (["ab", "a b", "b"], [(0, 2), (3, 6), (7, 8)])


LETTERS = {letter: id for id, letter in enumerate("abcdefgh")}
LATER = {
    "unknown letters are dropped": models.BPE(LETTERS | {"ab": 8, "abc": 9}, [("a", "b"), ("ab", "c")]),
    "unknown letters are a token": models.BPE(LETTERS | {"ab": 8, "[U]": 9}, [("a", "b")], unk_token="[U]"),
    "unknown words are a token": models.WordPiece(LETTERS | {"##b": 8, "##c": 9, "[UNK]": 10}, unk_token="[UNK]"),
    "unknown runs are a token": models.Unigram(
        [("[U]", 0.0), ("a", -2.0), ("ab", -1.0), ("c", -3.0)], unk_id=0, byte_fallback=False
    ),
}


@pytest.mark.parametrize("model", LATER.values(), ids=LATER)
def test_fields_asked_for_later_are_those_worked_out_at_once(model):
    """Tokens that say how much of a text they take are placed from their ids; those that do not are looked up again."""
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(["<s>"])
    letters = random.Random(0)
    texts = ["".join(letters.choices(["a", "b", "c", "x", "é", " ", "<s>", "中"], k=60)) for _ in range(50)]
    core = tokenizer._core

    at_once = core.encode_batch(texts, offsets=True)
    later = core.encode_batch(texts)

    assert later.offsets.tolist() == at_once.offsets.tolist()
    assert later.word_ids.tolist() == at_once.word_ids.tolist()
    for row, text in enumerate(texts):
        assert later.tokens(row) == at_once.tokens(row)
        alone = tokenizer.encode(text)
        assert alone.tokens == at_once.tokens(row)
        assert alone.offsets == at_once.row(row, "offsets")
