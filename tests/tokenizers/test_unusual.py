"""Tokenizers that work in Python give what the reference's give: ids, tokens, masks, padding, text."""

import json
import random

import pytest

from bearhug import AutoTokenizer
from bearhug.tokenizers.auto import tokenizer_class
from python_tokenizer_sameness import assert_kept, assert_same, find
from tokenizer_folders import write
from vocabulary_folders import ctc

REFERENCE = pytest.mark.reference
TEXTS = [
    "Hello world, it's Élan 日本 1234!",
    "<s> would</s>  <pad>[MASK] <unk>x",
    " two  blanks\n",
    "",
    "A </s>b",
    "😀",
]


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
