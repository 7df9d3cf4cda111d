"""Words in boxes: LayoutLMv2 and v3, LayoutXLM, UDOP."""

import shutil

import pytest

from bearhug.tokenizers.auto import tokenizer_class
from tokenizer_folders import bert, byte_bpe, write

REFERENCE = pytest.mark.reference
WORDS = ["Hello", "water", "x1234", "the"]
BOXES = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]]
LABELS = [1, 2, 3, 4]


@pytest.fixture
def pair(request, tmp_path, models):
    name = request.param
    from transformers.models.auto.tokenization_auto import tokenizer_class_from_name as find

    if name == "LayoutLMv2Tokenizer":
        bert(tmp_path)
        (tmp_path / "config.json").unlink()
        (tmp_path / "tokenizer_config.json").unlink()
    elif name == "LayoutLMv3Tokenizer":
        vocab, merges = byte_bpe(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
        write(tmp_path, vocab__json=vocab, merges__txt="#version: 0.2\n" + "\n".join(merges))
    else:
        file, model = {"UdopTokenizer": ("spiece.model", "t5")}.get(name, ("sentencepiece.bpe.model", "unigram"))
        shutil.copy(models[model], tmp_path / file)
    return tokenizer_class(name).from_pretrained(tmp_path), find(name).from_pretrained(tmp_path)


CLASSES = ["LayoutLMv2Tokenizer", "LayoutLMv3Tokenizer", "LayoutXLMTokenizer", "UdopTokenizer"]


@REFERENCE
@pytest.mark.parametrize("pair", CLASSES, indirect=True)
class TestBoxes:
    def test_one_page(self, pair):
        ours, theirs = pair
        for said in ({}, {"padding": "max_length", "max_length": 30}, {"truncation": True, "max_length": 5}):
            for labels in (None, LABELS):
                more = {"boxes": BOXES, "word_labels": labels, **said}
                assert dict(ours(WORDS, **more)) == dict(theirs(WORDS, **more))
            assert dict(ours("what is the", WORDS, boxes=BOXES)) == dict(theirs("what is the", WORDS, boxes=BOXES))

    def test_several_pages(self, pair):
        ours, theirs = pair
        pages, boxes, labels = [WORDS, WORDS[:2]], [BOXES, BOXES[:2]], [LABELS, LABELS[:2]]
        for said in (
            {"padding": True},
            {"padding": True, "padding_side": "left"},
            {
                "truncation": True,
                "max_length": 6,
                "stride": 1,
                "return_overflowing_tokens": True,
                "padding": "max_length",
            },
            {"padding": True, "return_tensors": "np"},
        ):
            more = {"boxes": boxes, "word_labels": labels, **said}
            a, b = ours(pages, **more), theirs(pages, **more)
            assert {key: _list(value) for key, value in a.items()} == {key: _list(value) for key, value in b.items()}
        asked = {"boxes": boxes, "padding": True}
        assert dict(ours(["what", "is it"], pages, **asked)) == dict(theirs(["what", "is it"], pages, **asked))

    def test_padding_later(self, pair):
        ours, theirs = pair
        rows = [ours(WORDS, boxes=BOXES, word_labels=LABELS), ours(WORDS[:1], boxes=BOXES[:1], word_labels=LABELS[:1])]
        plain = [dict(row) for row in rows]
        assert dict(ours.pad(plain)) == dict(theirs.pad(plain))

    def test_labels_of_every_piece(self, pair):
        for tokenizer in pair:
            tokenizer.only_label_first_subword = False
        ours, theirs = pair
        more = {"boxes": BOXES, "word_labels": LABELS}
        assert ours(WORDS, **more)["labels"] == theirs(WORDS, **more)["labels"]


def _list(value):
    return value.tolist() if hasattr(value, "tolist") else value


@pytest.mark.parametrize("pair", ["LayoutLMv3Tokenizer"], indirect=True)
@REFERENCE
def test_wrong_pages_are_errors(pair, tmp_path):
    ours, _ = pair
    with pytest.raises(ValueError, match="each word needs its box"):
        ours(WORDS)
    with pytest.raises(ValueError, match="has 4 words and 2 boxes"):
        ours(WORDS, boxes=BOXES[:2])
    with pytest.raises(ValueError, match="words come as a list"):
        ours("Hello water", boxes=BOXES)
    with pytest.raises(ValueError, match="2 pages, and boxes of 1"):
        ours([WORDS, WORDS], boxes=[BOXES])
    ours.save_pretrained(tmp_path / "again")
    again = tokenizer_class("LayoutLMv3Tokenizer").from_pretrained(tmp_path / "again")
    assert again(WORDS, boxes=BOXES).data == ours(WORDS, boxes=BOXES).data
