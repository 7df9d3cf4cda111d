"""Tokenizers that work in Python give what the reference's give: ids, tokens, masks, padding, text."""

import json
import pickle
import random

import pytest

from bearhug import AutoTokenizer
from bearhug.tokenizers.auto import tokenizer_class
from tokenizer_folders import write

REFERENCE = pytest.mark.reference
TEXTS = [
    "Hello world, it's Élan 日本 1234!",
    "<s> would</s>  <pad>[MASK] <unk>x",
    " two  blanks\n",
    "",
    "A </s>b",
    "😀",
]


def find(name):
    from transformers.models.auto.tokenization_auto import tokenizer_class_from_name

    return tokenizer_class_from_name(name)


def outcome(call):
    """What a call gives, or that it fails."""
    try:
        return call()
    except Exception as error:
        return "fails" if not isinstance(error, AssertionError) else error


CALLS = [
    {},
    {"add_special_tokens": False},
    {"return_special_tokens_mask": True, "return_token_type_ids": True},
    {"return_attention_mask": False, "return_length": True},
    {"truncation": True, "max_length": 7},
    {"truncation": "only_first", "max_length": 9, "stride": 2, "return_overflowing_tokens": True},
    {"padding": "max_length", "max_length": 12, "truncation": True},
]
BATCHES = [{"padding": True}, {"padding": True, "padding_side": "left", "pad_to_multiple_of": 8}]
BATCHES += [{"padding": "max_length", "max_length": 40}, {"padding": True, "return_tensors": "np"}]
ATTRIBUTES = ("model_input_names", "padding_side", "special_tokens_map", "all_special_tokens", "all_special_ids")
ATTRIBUTES += ("extra_special_tokens", "model_max_length", "vocab_size", "is_fast", "added_tokens_encoder")


def assert_same(ours, theirs, texts=TEXTS, vocabulary=True, attributes=ATTRIBUTES):
    for name in attributes:
        assert getattr(ours, name) == getattr(theirs, name), name
    assert len(ours) == len(theirs)
    if vocabulary:
        assert ours.get_vocab() == theirs.get_vocab()
    for text in texts:
        assert ours.tokenize(text) == theirs.tokenize(text), text
        for pair in (None, "a pair"):
            for said in CALLS:
                if said.get("padding") and not theirs(text, pair)["input_ids"]:
                    continue  # the reference leaves an empty row empty
                mine = outcome(lambda: dict(ours(text, pair, **said)))  # noqa: B023 - called at once
                assert mine == outcome(lambda: dict(theirs(text, pair, **said))), (text, pair, said)  # noqa: B023
        ids = theirs(text)["input_ids"]
        assert ours.convert_ids_to_tokens(ids) == theirs.convert_ids_to_tokens(ids)
        for skip in (False, True):
            for clean in (False, True):
                said = {"skip_special_tokens": skip, "clean_up_tokenization_spaces": clean}
                assert ours.decode(ids, **said) == theirs.decode(ids, **said), text
    for said in BATCHES:
        a, b = (tokenizer([text for text in texts if text], **said) for tokenizer in (ours, theirs))
        assert list(a) == list(b)
        for key in a:
            assert [list(row) for row in a[key]] == [list(row) for row in b[key]]
    words = ["Hello", "new", "world"]
    assert outcome(lambda: ours(words, is_split_into_words=True)["input_ids"]) == outcome(
        lambda: theirs(words, is_split_into_words=True)["input_ids"]
    )


def assert_kept(ours, theirs, folder, texts=TEXTS):
    """Saved, it loads as the same in both libraries; it can be pickled; tokens can be added."""
    name = type(ours).__name__
    ours.save_pretrained(folder / "ours")
    theirs.save_pretrained(folder / "theirs")
    for saved in ("ours", "theirs"):
        again, their_own = (
            tokenizer_class(name).from_pretrained(folder / saved),
            type(theirs).from_pretrained(folder / saved),
        )
        for text in texts:
            assert dict(again(text)) == dict(ours(text)) == dict(their_own(text)), text
        assert again.added_tokens_encoder == their_own.added_tokens_encoder
    assert AutoTokenizer.from_pretrained(folder / "ours")(texts[0]).data == ours(texts[0]).data
    assert dict(pickle.loads(pickle.dumps(ours))(texts[0])) == dict(ours(texts[0]))
    for tokenizer in (ours, theirs):
        assert tokenizer.add_tokens(["<new>", "word"]) == 2
        assert tokenizer.add_special_tokens({"mask_token": "<m>"}) == 1
    for text in ("a<new>b word<m> x", *texts):
        assert dict(ours(text)) == dict(theirs(text)), text


@REFERENCE
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ByT5Tokenizer", {}),
        ("ByT5Tokenizer", {"extra_ids": 3}),
        ("PerceiverTokenizer", {}),
        ("CanineTokenizer", {}),
        ("DiaTokenizer", {}),
    ],
)
def test_bytes_and_characters(name, options, tmp_path):
    ours, theirs = tokenizer_class(name)(**options), find(name)(**options)
    texts = [*TEXTS, "a<extra_id_1> b", "[S1] hi [S2]"]
    if name == "CanineTokenizer":
        assert_same(ours, theirs, texts, vocabulary=False)
        assert ours.add_tokens(["<new>"]) == theirs.add_tokens(["<new>"]) == 1
        assert ours("a<new>b")["input_ids"] == theirs("a<new>b")["input_ids"]
    else:
        assert_same(ours, theirs, texts)
        assert_kept(ours, theirs, tmp_path, texts)
    assert ours.build_inputs_with_special_tokens([5, 6], [7]) == theirs.build_inputs_with_special_tokens([5, 6], [7])


def test_byt5_reads_a_folder_with_a_config_alone(tmp_path):
    write(tmp_path, tokenizer_config__json={"tokenizer_class": "ByT5Tokenizer", "extra_ids": 0})
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)

    assert tokenizer("é")["input_ids"] == [0xC3 + 3, 0xA9 + 3, 1]
    assert tokenizer.decode(tokenizer("日本")["input_ids"], skip_special_tokens=True) == "日本"
    with pytest.raises(ValueError, match="extra_ids=5, and additional_special_tokens names 1"):
        tokenizer_class("ByT5Tokenizer")(extra_ids=5, additional_special_tokens=["<extra_id_0>"])
    with pytest.raises(ValueError, match="knows no offsets"):
        tokenizer("a", return_offsets_mapping=True)


# -- CTC


def ctc(folder, **config):
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ", "é", "CH"]
    return write(folder, vocab__json={t: i for i, t in enumerate(letters)}, tokenizer_config__json=config)


@REFERENCE
@pytest.mark.parametrize("config", [{}, {"do_lower_case": True}], ids=str)
def test_wav2vec2(config, tmp_path):
    folder = ctc(tmp_path / "f", **config)
    ours = tokenizer_class("Wav2Vec2CTCTokenizer").from_pretrained(folder)
    theirs = find("Wav2Vec2CTCTokenizer").from_pretrained(folder)
    texts = ["HELLO WORLD", "hello chain", "A </s>CH B<pad>", "", " X  Y ", "é"]
    assert_same(ours, theirs, texts)
    assert ours.word_delimiter_token_id == theirs.word_delimiter_token_id
    chance = random.Random(3)
    options = [{}, {"skip_special_tokens": True}, {"group_tokens": False}, {"output_char_offsets": True}]
    options += [{"output_word_offsets": True}, {"output_word_offsets": True, "output_char_offsets": True}]
    options += [{"spaces_between_special_tokens": True}]
    rows = [[], *([chance.choice([0, 0, 4, 4, *range(32)]) for _ in range(chance.randint(1, 30))] for _ in range(60))]
    for ids in rows:
        for said in options:
            mine, their = ours.decode(ids, **said), theirs.decode(ids, **said)
            assert (mine if isinstance(mine, str) else dict(mine)) == (
                their if isinstance(their, str) else dict(their)
            ), ids
    both = {"output_word_offsets": True, "output_char_offsets": True}
    assert dict(ours.batch_decode(rows[1:], **both)) == dict(theirs.batch_decode(rows[1:], **both))
    assert ours.batch_decode(rows) == theirs.batch_decode(rows)
    assert_kept(ours, theirs, tmp_path, texts)


@REFERENCE
def test_wav2vec2s_word_delimiter(tmp_path):
    """From a file, the reference takes "|" whatever the file says."""
    folder = ctc(tmp_path, word_delimiter_token="E", replace_word_delimiter_char="_")
    said = {"word_delimiter_token": "E", "replace_word_delimiter_char": "_"}
    theirs = find("Wav2Vec2CTCTokenizer")(str(folder / "vocab.json"), **said)
    for ours in (
        tokenizer_class("Wav2Vec2CTCTokenizer")(folder / "vocab.json", **said),
        AutoTokenizer.from_pretrained(folder, tokenizer_type="wav2vec2"),
    ):
        assert dict(ours("A B")) == dict(theirs("A B"))
        assert (
            ours.decode([5, 5, 0, 6, 7], output_word_offsets=True)["word_offsets"]
            == theirs.decode([5, 5, 0, 6, 7], output_word_offsets=True)["word_offsets"]
        )


@REFERENCE
def test_wav2vec2_of_several_languages(tmp_path):
    vocab = {
        "eng": {"<pad>": 0, "<unk>": 1, "|": 2, "A": 3, "B": 4},
        "fra": {"<pad>": 0, "<unk>": 1, "|": 2, "É": 3, "CH": 4},
    }
    folder = write(tmp_path / "f", vocab__json=vocab, tokenizer_config__json={"target_lang": "eng"})
    ours = tokenizer_class("Wav2Vec2CTCTokenizer").from_pretrained(folder)
    theirs = find("Wav2Vec2CTCTokenizer").from_pretrained(folder)
    assert dict(ours("A B")) == dict(theirs("A B"))
    for tokenizer in (ours, theirs):
        tokenizer.set_target_lang("fra")
    assert dict(ours("É CHA")) == dict(theirs("É CHA"))
    assert ours.target_lang == "fra"
    with pytest.raises(ValueError, match="Did you mean 'fra'"):
        ours.set_target_lang("fr")


def test_a_class_without_its_files_is_an_error(tmp_path):
    write(tmp_path, tokenizer_config__json={"tokenizer_class": "Wav2Vec2CTCTokenizer"})
    with pytest.raises(OSError, match=r"(?s)vocab.json was expected.*tokenizer_config.json"):
        AutoTokenizer.from_pretrained(tmp_path)
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())
