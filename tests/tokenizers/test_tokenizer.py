"""A call gives what the reference's fast tokenizers give: every field and argument, lists and tensors, and back."""

import copy
import itertools
import json
import pickle

import numpy as np
import pytest

from bearhug import AutoTokenizer, BatchEncoding, PreTrainedTokenizerFast
from bearhug.tokenizers import AddedToken

NAMES = ("gpt2", "roberta", "llama3", "qwen2", "llama2", "bert", "gpt2-real", "bert-real", "stories260K")
TEXTS = [
    "Hello world",
    "",
    "The number of people by the water is 1,234; it's theirs.",
    "  two  spaces\tand\nlines  ",
    "café naïve é ÉCOLE",
    "日本語 and 🙂👩‍👩‍👧 \u200b mixed",
    "<s>special</s> [MASK] <mask>[SEP]<|endoftext|> <|eot_id|><think>",
    "could would " * 12,
]
WORDS = [text.split() or [""] for text in TEXTS]
FIELDS = {
    "return_token_type_ids": True,
    "return_attention_mask": True,
    "return_special_tokens_mask": True,
    "return_offsets_mapping": True,
    "return_length": True,
}

PADS = (
    {},
    {"padding": "max_length", "max_length": 70},
    {"pad_to_multiple_of": 16},
    {"padding": False},
    {"padding_side": "left"},
    {"return_attention_mask": False},
)


def plain(value):
    """Tensors and arrays as lists with their types' names, so that all can be compared."""
    if hasattr(value, "detach"):
        return ("pt", str(value.dtype), tuple(value.shape), value.tolist())
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return ("np", "object", [plain(row) for row in value])
        return ("np", str(value.dtype), value.shape, value.tolist())
    return value


def outcome(function):
    """What it returns, or the kind of error."""
    try:
        return function()
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        return error
    except BaseException as error:  # the reference's core raises plain Exception, and may panic
        return error


def compare(ours, theirs, note=""):
    if isinstance(theirs, BaseException):
        assert isinstance(ours, BaseException), f"{note}: the reference raises {theirs!r}, ours gives {ours}"
        return
    if isinstance(ours, BaseException):
        raise AssertionError(f"{note}: ours raises, the reference gives {theirs}") from ours
    assert list(ours) == list(theirs), note
    for key in theirs:
        assert plain(ours[key]) == plain(theirs[key]), f"{note}: {key}"


def same(pair, *args, **kwargs):
    ours, theirs = pair
    note = f"{args!r:.80} {kwargs}"
    a, b = outcome(lambda: ours(*args, **kwargs)), outcome(lambda: theirs(*args, **kwargs))
    compare(a, b, note)
    if isinstance(a, BatchEncoding):
        assert len(a.encodings) == len(b.encodings), note
        for row in range(len(a.encodings)):
            assert a.tokens(row) == b.tokens(row), note
            assert a.word_ids(row) == b.word_ids(row), note
            assert a.sequence_ids(row) == b.sequence_ids(row), note
    return a


pytestmark = pytest.mark.filterwarnings("ignore:`max_length` is ignored")


@pytest.mark.reference
@pytest.mark.parametrize("name", NAMES)
class TestEveryArgument:
    """The parametrised comparison: all outputs of all combinations."""

    def test_one_text(self, name, pair_of):
        for text in TEXTS:
            same(pair_of(name), text)
            same(pair_of(name), text, **FIELDS)

    def test_a_batch_with_all_fields(self, name, pair_of):
        for special, split in itertools.product((True, False), repeat=2):
            same(pair_of(name), TEXTS, add_special_tokens=special, split_special_tokens=split, **FIELDS)

    def test_pairs(self, name, pair_of):
        pair = pair_of(name)
        same(pair, TEXTS, TEXTS[::-1], **FIELDS)
        same(pair, list(zip(TEXTS, TEXTS[::-1], strict=True)), **FIELDS)
        same(pair, TEXTS[0], TEXTS[2], **FIELDS)
        same(pair, TEXTS[0], "", **FIELDS)
        same(pair, TEXTS[2], text_pair=TEXTS[0], add_special_tokens=False)

    def test_words(self, name, pair_of):
        pair = pair_of(name)
        same(pair, WORDS, is_split_into_words=True, **FIELDS)
        same(pair, WORDS[2], is_split_into_words=True, **FIELDS)
        same(pair, WORDS, WORDS[::-1], is_split_into_words=True, **FIELDS)
        same(pair, WORDS[2], WORDS[0], is_split_into_words=True, **FIELDS)
        same(pair, [(WORDS[0], WORDS[2]), (WORDS[2], WORDS[3])], is_split_into_words=True, **FIELDS)
        same(pair, [], is_split_into_words=True)

    @pytest.mark.parametrize("tensors", [None, "pt", "np"])
    def test_padding_and_truncation(self, name, tensors, pair_of):
        pair = pair_of(name)
        paddings = (False, True, "longest", "max_length", "do_not_pad")
        truncations = (None, False, True, "longest_first", "only_first", "only_second", "do_not_truncate")
        for padding, truncation, length in itertools.product(paddings, truncations, (None, 8)):
            for side in (None,) if padding in (False, "do_not_pad") else (None, "left"):
                options = {"padding": padding, "truncation": truncation, "max_length": length, "padding_side": side}
                same(pair, TEXTS[:3] + TEXTS[-1:], return_tensors=tensors, **options)
            same(
                pair,
                TEXTS[-1],
                TEXTS[2],
                padding=padding,
                truncation=truncation,
                max_length=length,
                return_tensors=tensors,
            )

    @pytest.mark.parametrize("strategy", ["longest_first", "only_first", "only_second"])
    def test_overflowing_rows(self, name, strategy, pair_of):
        pair = pair_of(name)
        for stride, tensors in itertools.product((0, 3), (None, "np", "pt")):
            options = {"truncation": strategy, "max_length": 12, "stride": stride, "return_overflowing_tokens": True}
            options |= {"return_tensors": tensors, "padding": "max_length", **FIELDS}
            same(pair, TEXTS, **options)
            same(pair, TEXTS[-1], **options)
            same(pair, TEXTS[2:4], [TEXTS[-1]] * 2, **options)
            same(pair, WORDS[-1], WORDS[0], is_split_into_words=True, **options)

    def test_truncation_from_the_left(self, name, pair_of):
        pair = tuple(copy.deepcopy(tokenizer) for tokenizer in pair_of(name))
        for tokenizer in pair:
            tokenizer.truncation_side = tokenizer.padding_side = "left"
        for overflow in (False, True):
            same(pair, TEXTS, truncation=True, max_length=9, stride=2, return_overflowing_tokens=overflow, **FIELDS)
            same(pair, TEXTS, TEXTS, truncation=True, max_length=9, return_overflowing_tokens=overflow, padding=True)

    def test_multiples_and_targets(self, name, pair_of):
        pair = pair_of(name)
        same(pair, TEXTS, padding=True, pad_to_multiple_of=8)
        same(
            pair, TEXTS, padding="max_length", truncation=True, max_length=16, pad_to_multiple_of=8, return_tensors="pt"
        )
        same(pair, TEXTS, padding="max_length", truncation=True, max_length=15, pad_to_multiple_of=8)
        same(pair, TEXTS[:2], text_target=TEXTS[2:4])
        same(pair, text_target=TEXTS[0], max_length=6, truncation=True)
        same(pair, TEXTS[:2], text_target=TEXTS[2:4], max_length=6, truncation=True, max_target_length=3)
        same(pair, TEXTS[0], tokenizer_kwargs={"add_special_tokens": False})

    def test_without_some_fields(self, name, pair_of):
        for ids, mask in itertools.product((None, False, True), repeat=2):
            same(pair_of(name), TEXTS[:2], return_token_type_ids=ids, return_attention_mask=mask, padding=True)

    def test_wrong_inputs_are_errors_there_too(self, name, pair_of):
        pair = pair_of(name)
        for text in (None, 3, [3], [None], [[3]], {"a": 1}, b"bytes", ["a", None], ["a", 3], [["a", "b", "c"]]):
            same(pair, text)
        same(pair, ["a", "b"], "c")
        same(pair, ["a", "b"], ["c"])
        same(pair, "a b", is_split_into_words=True)
        same(pair, "a", padding="longst")
        same(pair, "a", truncation="only_third")
        same(pair, "a", return_tensors="tf")
        same(pair, TEXTS, return_tensors="pt")

    def test_encode_and_tokenize(self, name, pair_of):
        ours, theirs = pair_of(name)
        for text in TEXTS:
            assert ours.encode(text) == theirs.encode(text)
            assert ours.encode(text, text, add_special_tokens=False) == theirs.encode(
                text, text, add_special_tokens=False
            )
            assert ours.tokenize(text) == theirs.tokenize(text)
            assert ours.tokenize(text, add_special_tokens=True) == theirs.tokenize(text, add_special_tokens=True)
            assert plain(ours.encode(text, return_tensors="pt")) == plain(theirs.encode(text, return_tensors="pt"))
        assert ours.encode(TEXTS[0], max_length=3, truncation=True) == theirs.encode(
            TEXTS[0], max_length=3, truncation=True
        )

    def test_decode(self, name, pair_of):
        ours, theirs = pair_of(name)
        for skip, clean in itertools.product((False, True), (None, False, True)):
            options = {"skip_special_tokens": skip, "clean_up_tokenization_spaces": clean}
            rows = [theirs.encode(text) for text in TEXTS]
            for ids in rows:
                assert ours.decode(ids, **options) == theirs.decode(ids, **options)
                assert ours.decode(np.array(ids, dtype=np.int64), **options) == theirs.decode(ids, **options)
            assert ours.batch_decode(rows, **options) == theirs.batch_decode(rows, **options)
            assert ours.decode(rows, **options) == theirs.decode(rows, **options)
        batch = ours(TEXTS, padding=True, return_tensors="pt")["input_ids"]
        assert ours.batch_decode(batch) == theirs.batch_decode(batch)
        assert ours.decode(batch[0]) == theirs.decode(batch[0])
        assert ours.decode(5) == theirs.decode(5)
        assert ours.decode(batch[0][0]) == theirs.decode(batch[0][0])
        assert ours.batch_decode(rows[2]) == theirs.batch_decode(rows[2])
        assert ours.decode([]) == theirs.decode([])
        tokens = theirs.tokenize(TEXTS[2])
        assert ours.convert_tokens_to_string(tokens) == theirs.convert_tokens_to_string(tokens)

    def test_vocabulary_and_special_tokens(self, name, pair_of):
        ours, theirs = pair_of(name)
        assert len(ours) == len(theirs)
        assert ours.vocab_size == theirs.vocab_size
        assert ours.get_vocab() == theirs.get_vocab()
        assert ours.special_tokens_map == theirs.special_tokens_map
        assert ours.all_special_tokens == theirs.all_special_tokens
        assert ours.all_special_ids == theirs.all_special_ids
        assert ours.extra_special_tokens == theirs.extra_special_tokens
        assert ours.get_added_vocab() == theirs.get_added_vocab()
        assert ours.added_tokens_encoder == theirs.added_tokens_encoder
        flags = ("content", "single_word", "lstrip", "rstrip", "normalized", "special")
        for id, token in theirs.added_tokens_decoder.items():
            assert [getattr(ours.added_tokens_decoder[id], f) for f in flags] == [getattr(token, f) for f in flags]
        for kind in ("bos", "eos", "unk", "sep", "pad", "cls", "mask"):
            assert getattr(ours, f"{kind}_token") == getattr(theirs, f"{kind}_token")
            assert getattr(ours, f"{kind}_token_id") == getattr(theirs, f"{kind}_token_id")
        for key in ("model_max_length", "padding_side", "truncation_side", "model_input_names", "is_fast"):
            assert getattr(ours, key) == getattr(theirs, key), key
        for pair in (False, True):
            assert ours.num_special_tokens_to_add(pair) == theirs.num_special_tokens_to_add(pair)
        assert ours.max_len_single_sentence == theirs.max_len_single_sentence
        assert ours.convert_ids_to_tokens([0, 7, 9]) == theirs.convert_ids_to_tokens([0, 7, 9])
        assert ours.convert_ids_to_tokens(7) == theirs.convert_ids_to_tokens(7)
        ids = theirs.encode(TEXTS[0])
        assert ours.convert_ids_to_tokens(ids, True) == theirs.convert_ids_to_tokens(ids, True)
        tokens = [*theirs.convert_ids_to_tokens(ids), "no such token"]
        assert ours.convert_tokens_to_ids(tokens) == theirs.convert_tokens_to_ids(tokens)
        assert ours.convert_tokens_to_ids("no such token") == theirs.convert_tokens_to_ids("no such token")

    def test_pad(self, name, pair_of):
        ours, theirs = pair_of(name)
        rows = [theirs(text) for text in TEXTS]
        labelled = [{**row, "labels": [1, 2]} for row in rows]
        columns = {key: [row[key] for row in rows] for key in rows[0]}
        for given, tensors in itertools.product((rows, labelled, columns, dict(rows[0])), (None, "pt", "np")):
            for options in PADS:
                a = outcome(lambda: ours.pad(copy.deepcopy(given), return_tensors=tensors, **options))  # noqa: B023
                b = outcome(lambda: theirs.pad(copy.deepcopy(given), return_tensors=tensors, **options))  # noqa: B023
                if options.get("return_attention_mask") is False and not isinstance(b, BaseException):
                    assert plain(a["input_ids"]) == plain(b["input_ids"])
                elif options.get("return_attention_mask") is not False:
                    compare(a, b, f"{options} {tensors}")

    def test_added_tokens(self, name, pair_of):
        ours, theirs = (copy.deepcopy(tokenizer) for tokenizer in pair_of(name))
        from tokenizers import AddedToken as TheirToken

        assert ours.add_tokens(["newtok", "could", "Neu"]) == theirs.add_tokens(["newtok", "could", "Neu"])
        assert ours.add_tokens("one more") == theirs.add_tokens("one more")
        strip = {"lstrip": True, "rstrip": True, "single_word": True}
        assert ours.add_tokens(AddedToken("<x>", **strip)) == theirs.add_tokens(TheirToken("<x>", **strip))
        assert ours.add_tokens(["<y>"], special_tokens=True) == theirs.add_tokens(["<y>"], special_tokens=True)
        named = {"cls_token": "<CLS>", "extra_special_tokens": ["<e1>", "<e2>"]}
        assert ours.add_special_tokens(named) == theirs.add_special_tokens(named)
        more = {"additional_special_tokens": ["<e3>"]}
        kwargs = {"replace_extra_special_tokens": False}
        assert ours.add_special_tokens(dict(more), **kwargs) == theirs.add_special_tokens(dict(more), **kwargs)
        ours.sep_token = theirs.sep_token = "<y>"
        ours.mask_token_id = theirs.mask_token_id = 7
        text = "a newtokNeu Neu <x>  <y> <CLS>could <e1><e2> newtok one more <e3>."
        same((ours, theirs), text, **FIELDS)
        ids = theirs.encode(text)
        assert ours.decode(ids, skip_special_tokens=True) == theirs.decode(ids, skip_special_tokens=True)
        self.test_vocabulary_and_special_tokens(name, lambda _: (ours, theirs))

    def test_what_ours_saves_loads_equal_in_both(self, name, pair_of, tmp_path):
        from transformers import AutoTokenizer as Theirs

        ours, theirs = (copy.deepcopy(tokenizer) for tokenizer in pair_of(name))
        for tokenizer in (ours, theirs):
            tokenizer.add_tokens(["newtok"])
            tokenizer.add_special_tokens({"extra_special_tokens": ["<e1>"]})
            tokenizer.padding_side = "left"
        ours.save_pretrained(tmp_path / "ours")
        theirs.save_pretrained(tmp_path / "theirs")
        again, in_theirs = AutoTokenizer.from_pretrained(tmp_path / "ours"), Theirs.from_pretrained(tmp_path / "ours")
        of_theirs = AutoTokenizer.from_pretrained(tmp_path / "theirs")
        text = [*TEXTS, "newtok <e1> a"]
        for tokenizer in (again, in_theirs):
            compare(tokenizer(text, padding=True, **FIELDS), theirs(text, padding=True, **FIELDS))
            assert tokenizer.chat_template == theirs.chat_template
        compare(of_theirs(text, **FIELDS), Theirs.from_pretrained(tmp_path / "theirs")(text, **FIELDS))
        again.save_pretrained(tmp_path / "again")
        files = sorted(path.relative_to(tmp_path / "ours") for path in (tmp_path / "ours").rglob("*") if path.is_file())
        for file in files:
            assert (tmp_path / "again" / file).read_bytes() == (tmp_path / "ours" / file).read_bytes(), file


# -- what is ours


@pytest.fixture
def bert(folders):
    return AutoTokenizer.from_pretrained(folders["bert"])


@pytest.fixture
def llama3(folders):
    return AutoTokenizer.from_pretrained(folders["llama3"])


def test_an_empty_batch_is_an_empty_encoding(bert):
    assert dict(bert([])) == {"input_ids": [], "token_type_ids": [], "attention_mask": []}
    assert bert([], padding=True, return_tensors="pt")["input_ids"].shape[0] == 0
    assert bert.batch_decode([]) == []


def test_earlier_names_of_the_call(bert):
    texts = ["people find", "water"]

    assert bert.encode_plus("people", "find").data == bert("people", "find").data
    assert bert.batch_encode_plus(texts, padding=True).data == bert(texts, padding=True).data
    assert bert.batch_encode_plus([("people", "find")]).data == bert([("people", "find")]).data


def test_columns_and_arrays_of_texts_are_lists_of_texts(bert):
    from collections.abc import Sequence

    class Column(Sequence):
        def __init__(self, values):
            self.values = values

        def __len__(self):
            return len(self.values)

        def __getitem__(self, i):
            return self.values[i]

    texts = ["people find", "water"]

    assert bert(Column(texts)).data == bert(np.array(texts)).data == bert(tuple(texts)).data == bert(texts).data


def test_a_keyword_that_nothing_reads_names_the_near_ones(bert):
    with pytest.raises(TypeError, match=r"'truncate'. Did you mean 'truncation'"):
        bert("a", truncate=True)
    with pytest.raises(TypeError, match="Did you mean 'skip_special_tokens'"):
        bert.decode([1], skip_special=True)
    with pytest.raises(TypeError, match="maxlen"):
        bert.encode("a", maxlen=3)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda t: t(None), ValueError, "text is None"),
        (lambda t: t(3), ValueError, "int '3' is no text"),
        (lambda t: t([101, 7, 102]), ValueError, "holds token ids, not text"),
        (lambda t: t(["a", None]), TypeError, r"row 1 of text is None(.|\n)*Leave empty rows out"),
        (lambda t: t([["a", "b", "c"]]), TypeError, "is_split_into_words=True"),
        (lambda t: t("a b", is_split_into_words=True), TypeError, "expected a list of words"),
        (lambda t: t([["a", 3]], is_split_into_words=True), TypeError, "row 0 holds int '3'"),
        (lambda t: t(["a", "b"], "c"), TypeError, "text_pair is one text"),
        (lambda t: t(["a", "b"], ["c"]), ValueError, "text has 2 rows and text_pair has 1"),
        (lambda t: t("a", padding="longst"), ValueError, "Did you mean 'longest'"),
        (lambda t: t("a", truncation="first"), ValueError, "Did you mean 'only_first'"),
        (lambda t: t("a", padding=True, padding_side="top"), ValueError, "'left' or 'right'"),
        (lambda t: t("a", return_tensors="tf"), ValueError, "'pt' .torch. and 'np'"),
        (lambda t: t("a", padding=True, truncation=True, max_length=9, pad_to_multiple_of=8), ValueError, "length=16"),
        (lambda t: t.decode([5, 10**6]), ValueError, r"none of them: \[1000000\]"),
        (lambda t: t.decode([5, -100]), ValueError, r"(?s)\[-100\].*if i >= 0"),
        (lambda t: t.decode("people"), TypeError, "decode takes token ids"),
        (lambda t: t.decode(["people"]), TypeError, "convert_tokens_to_string"),
        (lambda t: t.decode(None), TypeError, "decode takes token ids"),
        (lambda t: t.decode([1.5]), TypeError, "float"),
        (lambda t: t.pad([{"ids": [1]}]), ValueError, "pad needs 'input_ids'"),
        (lambda t: t.pad("text"), ValueError, "pad takes encodings"),
        (lambda t: t.pad({"input_ids": [[1], [2]], "labels": [1]}), ValueError, "'labels' has 1"),
        (lambda t: t.pad([{"input_ids": [1], "labels": 1}, {"input_ids": [2]}]), ValueError, "row 1 has no 'labels'"),
        (lambda t: t.add_special_tokens({"pad": "[PAD]"}), ValueError, "Did you mean 'pad_token'"),
        (lambda t: t.add_special_tokens({"pad_token": 3}), ValueError, "expected a text"),
        (lambda t: t.add_tokens([3]), ValueError, "cannot be 3"),
        (lambda t: setattr(t, "pad_token", 0), ValueError, "set pad_token_id"),
        (lambda t: setattr(t, "extra_special_tokens", "<x>"), ValueError, "is a list of tokens"),
        (lambda t: t.pad_tokn, AttributeError, "Did you mean 'pad_token'"),
        (lambda t: PreTrainedTokenizerFast(), ValueError, "from_pretrained"),
        (lambda t: type(t)(vocab={"[UNK]": 0}, padding_side="up"), ValueError, "'left' or 'right'"),
        (lambda t: type(t)(vocab={"[UNK]": 0}, decode=3), AttributeError, "method"),
        (lambda t: t.get_special_tokens_mask([1], [2], already_has_special_tokens=True), ValueError, "one sequence"),
    ],
)  # fmt: skip
def test_errors_say_what_was_given_and_the_line_that_mends_it(call, error, words, bert):
    with pytest.raises(error, match=words):
        call(bert)


def test_no_padding_token_says_how_to_get_one(llama3):
    with pytest.raises(ValueError, match=r"tokenizer.pad_token = tokenizer.eos_token"):
        llama3(["a", "b"], padding=True)
    with pytest.raises(ValueError, match="no padding token"):
        llama3.pad([llama3("a")])
    llama3.pad_token = "[PAD]"
    with pytest.raises(ValueError, match=r"the vocabulary has no padding token '\[PAD\]'"):
        llama3(["a", "b"], padding=True)
    llama3.pad_token = llama3.eos_token
    assert llama3.pad_token_id == llama3.eos_token_id
    assert llama3(["a", "a b c"], padding=True)["input_ids"][0][-1] == llama3.eos_token_id


def test_without_a_limit_nothing_is_cut_in_one_line_that_says_so(folders, caplog):
    tokenizer = AutoTokenizer.from_pretrained(folders["llama3"], model_max_length=None, pad_token="<|eot_id|>")
    for _ in range(2):
        assert len(tokenizer("water " * 99, truncation=True, padding="max_length")["input_ids"]) > 99

    assert [record.message for record in caplog.records if "no max_length" in record.message] == [
        "rows are not cut or filled up to a length: there is no max_length, and this tokenizer knows no limit of its "
        "model. Pass max_length=..., or set tokenizer.model_max_length."
    ]


def test_a_row_too_long_for_the_model_is_said_once(bert, caplog):
    for _ in range(2):
        bert("water " * 99)
        bert(["water", "water " * 99])
    bert("water " * 99, verbose=False)

    assert len(caplog.records) == 1
    assert "maximum sequence length for this model (101 > 32)" in caplog.text


def test_special_tokens_around_ids_are_those_of_a_call(folders):
    for name in ("bert", "roberta", "llama3", "llama2", "gpt2", "qwen2"):
        tokenizer = AutoTokenizer.from_pretrained(folders[name])
        a, b = (tokenizer.encode(text, add_special_tokens=False) for text in ("people find", "water"))
        options = {"return_token_type_ids": True, "return_special_tokens_mask": True}
        one, two = tokenizer("people find", **options), tokenizer("people find", "water", **options)

        for encoding, ids in ((one, (a,)), (two, (a, b))):
            assert tokenizer.build_inputs_with_special_tokens(*ids) == encoding["input_ids"]
            assert tokenizer.create_token_type_ids_from_sequences(*ids) == encoding["token_type_ids"]
            assert tokenizer.get_special_tokens_mask(*ids) == encoding["special_tokens_mask"]
        marked = tokenizer.get_special_tokens_mask(one["input_ids"], already_has_special_tokens=True)
        assert marked == [int(id in tokenizer.all_special_ids) for id in one["input_ids"]]


def test_prepare_for_model_is_a_call_on_ids(folders):
    for name in ("bert", "roberta", "llama2"):
        tokenizer = AutoTokenizer.from_pretrained(folders[name])
        texts = ("people find the water", "so long a way")
        a, b = (tokenizer.encode(text, add_special_tokens=False) for text in texts)
        for options in (
            {},
            {"truncation": True, "max_length": 8},
            {"truncation": "only_first", "max_length": 12},
            {"padding": "max_length", "max_length": 16},
            {"add_special_tokens": False},
            {"return_special_tokens_mask": True, "return_tensors": "np", "prepend_batch_axis": True},
        ):
            call = {key: value for key, value in options.items() if key != "prepend_batch_axis"}
            for ids, given in (((a,), texts[:1]), ((a, b), texts)):
                if name == "llama2" and options.get("padding"):
                    continue
                prepared, encoded = tokenizer.prepare_for_model(*ids, **options), tokenizer(*given, **call)
                for key in encoded:
                    assert plain(prepared[key]) == plain(encoded[key]), (name, options, key)
        cut = tokenizer.prepare_for_model(
            a, truncation=True, max_length=4, stride=1, return_overflowing_tokens=True, return_length=True
        )
        assert cut["num_truncated_tokens"] == len(a) + tokenizer.num_special_tokens_to_add() - 4
        assert len(cut["overflowing_tokens"]) == cut["num_truncated_tokens"] + 1
        assert cut["length"] == 4
    with pytest.raises(ValueError, match="there is none"):
        tokenizer.prepare_for_model(a, truncation="only_second", max_length=3)
    with pytest.raises(ValueError, match="Take truncation=True"):
        tokenizer.prepare_for_model([5], a, truncation="only_first", max_length=3)


def test_pad_leaves_what_it_was_given(bert):
    rows = [bert("people"), bert("people find water")]
    before = [dict(row) for row in rows]
    bert.pad(rows, return_tensors="pt")
    columns = {"input_ids": [[1], [2, 3]]}
    bert.pad(columns)

    assert [dict(row) for row in rows] == before
    assert columns == {"input_ids": [[1], [2, 3]]}


def test_pad_keeps_tensors_tensors_and_masks_of_two_dimensions(bert):
    import torch

    out = bert.pad([{"input_ids": torch.tensor([1, 2])}, {"input_ids": torch.tensor([3])}])
    assert out["input_ids"].tolist() == [[1, 2], [3, 0]]
    assert out["attention_mask"].tolist() == [[1, 1], [1, 0]]
    assert bert.pad({"input_ids": np.array([[1, 2], [3, 4]])})["input_ids"].shape == (2, 2)
    square = [
        {"input_ids": [1, 2], "attention_mask": torch.ones(2, 2)},
        {"input_ids": [3, 4], "attention_mask": torch.ones(2, 2)},
    ]
    assert bert.pad(square, return_tensors="pt")["attention_mask"].shape == (2, 2, 2)
    assert dict(bert.pad({"input_ids": []})) == {"input_ids": [], "attention_mask": []}


def test_special_tokens_can_be_set_and_unset(bert):
    bert.eos_token = "[SEP]"
    bert.bos_token_id = bert.cls_token_id
    bert.pad_token = AddedToken("[MASK]", lstrip=True)
    bert.mask_token = None
    bert.extra_special_tokens = ["people"]

    assert (bert.eos_token_id, bert.bos_token, bert.pad_token) == (bert.sep_token_id, "[CLS]", "[MASK]")
    assert bert.mask_token is None
    assert bert.mask_token_id is None
    assert "people" in bert.all_special_tokens
    assert bert.additional_special_tokens_ids == bert.extra_special_tokens_ids == bert.convert_tokens_to_ids(["people"])
    bert.extra_special_tokens_ids = [5]
    assert bert.extra_special_tokens == bert.convert_ids_to_tokens([5])


def test_bos_and_eos_can_be_switched(llama3):
    ids = llama3.encode("water", add_special_tokens=False)
    llama3.add_bos_token, llama3.add_eos_token = False, True

    assert llama3.encode("water") == [*ids, llama3.eos_token_id]
    assert not llama3.add_bos_token
    llama3.add_bos_token = True
    assert llama3.encode("water") == [llama3.bos_token_id, *ids, llama3.eos_token_id]


def test_pickles_copies_and_compares_by_content(folders):
    for name in ("bert", "llama3"):
        tokenizer = AutoTokenizer.from_pretrained(folders[name], sep_token="<sep>")
        tokenizer.fingerprint()
        for again in (pickle.loads(pickle.dumps(tokenizer)), copy.deepcopy(tokenizer)):
            assert again("people <sep> find").data == tokenizer("people <sep> find").data
            assert again.fingerprint() == tokenizer.fingerprint()
            assert again.sep_token_id == tokenizer.sep_token_id
            again.add_tokens(["water!"])
            assert again.fingerprint() != tokenizer.fingerprint()
            assert "water!" not in tokenizer.get_vocab()


def test_the_fingerprint_is_of_what_decides_a_call(folders, tmp_path):
    def load(**options):
        return AutoTokenizer.from_pretrained(folders["bert"], **options)

    same = load()
    same.save_pretrained(tmp_path)
    same("people", padding="max_length")
    differing = [
        load(padding_side="left"),
        load(do_lower_case=False),
        load(model_max_length=9),
        load(pad_token="[SEP]"),
    ]
    differing += [load(truncation_side="left"), load(chat_template="x"), AutoTokenizer.from_pretrained(folders["gpt2"])]

    assert same.fingerprint() == load().fingerprint() == AutoTokenizer.from_pretrained(tmp_path).fingerprint()
    assert len({tokenizer.fingerprint() for tokenizer in [same, *differing]}) == len(differing) + 1


def test_prints_shapes_and_facts(bert):
    text = repr(bert)

    assert text.startswith("BertTokenizer(\n")
    for line in ("model: WordPiece", "model_max_length: 32", "pad_token: '[PAD]'", "padding_side: right"):
        assert f"  {line}\n" in text


def test_saving_writes_each_file_whole_and_says_which(bert, tmp_path):
    bert.chat_template = {"default": "a", "rag": "b"}
    names = [path.removeprefix(f"{tmp_path}/") for path in bert.save_pretrained(tmp_path)]

    assert names == [
        "tokenizer_config.json",
        "chat_template.jinja",
        "additional_chat_templates/rag.jinja",
        "tokenizer.json",
    ]
    assert AutoTokenizer.from_pretrained(tmp_path).chat_template == {"default": "a", "rag": "b"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "additional_chat_templates",
        "chat_template.jinja",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    bert.save_pretrained(tmp_path / "one", save_jinja_files=False)
    config = json.loads((tmp_path / "one" / "tokenizer_config.json").read_text())
    assert config["chat_template"] == [{"name": "default", "template": "a"}, {"name": "rag", "template": "b"}]
    assert AutoTokenizer.from_pretrained(tmp_path / "one").chat_template == {"default": "a", "rag": "b"}
    bert.save_pretrained(tmp_path / "two", filename_prefix="my")
    assert (tmp_path / "two" / "my-tokenizer.json").exists()
    with pytest.raises(ValueError, match="is a file"):
        bert.save_pretrained(tmp_path / "tokenizer.json")
    bert.chat_template = {"../../evil": "x"}
    with pytest.raises(ValueError, match="leads out of its folder"):
        bert.save_pretrained(tmp_path / "three")


def test_the_vocabulary_alone_can_be_saved(bert, llama3, folders, tmp_path):
    assert bert.save_vocabulary(tmp_path) == (str(tmp_path / "vocab.txt"),)
    assert (tmp_path / "vocab.txt").read_text() == (folders["bert"] / "vocab.txt").read_text()
    llama3.save_vocabulary(tmp_path, "x")
    assert (tmp_path / "x-merges.txt").read_text() == (folders["gpt2"] / "merges.txt").read_text()


def test_a_tokenizer_from_anothers_core_is_its_own(bert):
    again = PreTrainedTokenizerFast(tokenizer_object=bert.backend_tokenizer, pad_token="[PAD]")

    assert again("people find").input_ids == bert("people find").input_ids
    again.add_tokens(["Moore"])
    assert "Moore" not in bert.get_vocab()


@pytest.mark.reference
def test_a_tokenizer_object_of_the_tokenizers_library(folders):
    from tokenizers import Tokenizer

    theirs = Tokenizer.from_file(str(folders["llama3"] / "tokenizer.json"))
    ours = PreTrainedTokenizerFast(tokenizer_object=theirs, eos_token="<|eot_id|>")

    assert ours("people find")["input_ids"] == theirs.encode("people find").ids


CORPUS = ["the water finds its way", "people find the sound of water", "Écoles, naïve 1,234 waters!"] * 20


@pytest.mark.reference
@pytest.mark.parametrize("name", ["gpt2", "roberta", "llama3", "qwen2", "bert"])
def test_training_gives_the_references_tokenizer(name, folders, tmp_path):
    from transformers import AutoTokenizer as Theirs

    ours, theirs = AutoTokenizer.from_pretrained(folders[name]), Theirs.from_pretrained(folders[name])
    texts = [CORPUS[i : i + 7] for i in range(0, len(CORPUS), 7)]
    eos = theirs.special_tokens_map.get("eos_token")
    for options in (
        {},
        {"new_special_tokens": ["<new>"], "min_frequency": 2},
        *([{"special_tokens_map": {eos: "<fin>"}}] if name == "gpt2" else []),
    ):
        a, b = (t.train_new_from_iterator(texts, vocab_size=330, length=len(CORPUS), **options) for t in (ours, theirs))
        assert type(a) is type(ours)
        assert len(a) == len(b)
        assert a.special_tokens_map == b.special_tokens_map
        assert a.all_special_tokens == b.all_special_tokens
        assert a.model_max_length == b.model_max_length
        if name != "bert":  # the ids of ##letters, and with them the order of equal merges, are left to chance there
            assert a.get_vocab() == b.get_vocab()
            own = name != "llama3"  # there, a post-processor inside another one keeps the old ids
            same((a, b), [*TEXTS, "<new> the waters"], add_special_tokens=own, **FIELDS)
        assert a.chat_template == b.chat_template
    first = a.bos_token_id if name == "llama3" else a.cls_token_id
    assert first is None or a("water")["input_ids"][0] == first or name == "qwen2"
    a.save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path).fingerprint() == a.fingerprint()


def test_training_takes_texts_one_by_one_and_says_what_it_does_not_know(bert):
    learnt = bert.train_new_from_iterator(iter(CORPUS), vocab_size=60)

    assert learnt.tokenize("the water") == ["the", "water"]
    assert learnt.pad_token == "[PAD]"
    assert bert.tokenize("naïve") != ["naive"]
    with pytest.raises(TypeError, match="Did you mean 'min_frequency'"):
        bert.train_new_from_iterator(CORPUS, vocab_size=60, min_freq=2)


def test_a_push_is_one_folder_with_the_tokenizers_files(bert, monkeypatch):
    import os

    from bearhug.hub import client

    pushed = {}

    def push_folder(folder, repo_id, **options):
        pushed.update(options, repo_id=repo_id, files=sorted(os.listdir(folder)))
        return "commit"

    monkeypatch.setattr(client, "push_folder", push_folder)

    assert bert.push_to_hub("me/words", private=True, commit_message="Words") == "commit"
    assert pushed["repo_id"] == "me/words"
    assert pushed["files"] == ["tokenizer.json", "tokenizer_config.json"]
    assert (pushed["private"], pushed["commit_message"]) == (True, "Words")


def test_earlier_names_of_special_tokens(bert):
    bert.pad_token = AddedToken("[PAD]", lstrip=True)

    assert bert.special_tokens_map_extended["pad_token"].lstrip
    assert [str(token) for token in bert.all_special_tokens_extended] == bert.all_special_tokens
    assert bert.deprecation_warnings == {}


@pytest.mark.reference
def test_normalized_is_the_opposite_of_special_until_somebody_says_it(bert, folders):
    from transformers import AddedToken as TheirToken
    from transformers import AutoTokenizer as Theirs

    found = []
    for auto, token_class in ((AutoTokenizer, AddedToken), (Theirs, TheirToken)):
        tokenizer = auto.from_pretrained(folders["bert"])
        tokenizer.add_special_tokens({"mask_token": token_class("<M>", lstrip=True)})
        tokenizer.add_tokens([token_class("<N>")], special_tokens=True)
        tokenizer.add_tokens([token_class("<O>", normalized=True)], special_tokens=True)
        added = {token.content: token.normalized for token in tokenizer.added_tokens_decoder.values()}
        found.append(tokenizer.tokenize("<M> <m> <N> <n> <O> <o>"))

        assert (added["<M>"], added["<N>"], added["<O>"]) == (False, False, True)
    assert found[0] == found[1]
    token = pickle.loads(pickle.dumps(AddedToken("<x>")))
    token.special = True
    assert token == AddedToken("<x>", special=True)
    token.normalized = True
    token.special = False
    assert token.normalized
