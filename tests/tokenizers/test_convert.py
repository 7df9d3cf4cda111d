"""Vocabularies in other files become the tokenizer.json that means the same."""

import base64
import gzip
import json
from itertools import pairwise

import pytest

import tokenizer_parity as parity
from bearhug.tokenizers import convert, file, patterns, tiktoken, train

BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "world", "##s", "!", "é"]


@pytest.mark.reference
@pytest.mark.parametrize(
    ("style", "name", "options"),
    [
        ("bert", "BertTokenizerFast", {}),
        ("bert", "BertTokenizerFast", {"do_lower_case": False}),
        ("distilbert", "DistilBertTokenizerFast", {}),
    ],
)
def test_a_vocab_txt_is_read_as_the_reference_reads_it(style, name, options, tmp_path):
    transformers = pytest.importorskip("transformers")
    (tmp_path / "vocab.txt").write_text("\n".join(BERT) + "\n", encoding="utf-8")
    theirs = getattr(transformers, name)(str(tmp_path / "vocab.txt"), **options)

    ours = file.build(convert.like(style, tmp_path / "vocab.txt", **options))

    for text in ["Hello worlds! É [MASK]", "", "[CLS]x"]:
        for pair in (None, "hello"):
            encoded = ours.encode_batch([text], None if pair is None else [pair])
            expected = theirs(text, pair, return_token_type_ids=True, return_offsets_mapping=True)
            assert encoded.row(0, "ids") == expected["input_ids"]
            assert encoded.row(0, "type_ids") == expected["token_type_ids"]
            assert encoded.row(0, "offsets") == expected["offset_mapping"]


@pytest.mark.reference
@pytest.mark.parametrize("style", ["gpt2", "roberta", "qwen2"])
def test_vocab_json_and_merges_txt_are_read_as_the_reference_reads_them(style, tmp_path):
    transformers = pytest.importorskip("transformers")
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<|endoftext|>"]
    learnt = train.byte_level_bpe(parity.TEXTS, vocab_size=400, special_tokens=special)
    (tmp_path / "vocab.json").write_text(json.dumps(learnt.vocab()), encoding="utf-8")
    lines = [" ".join(merge) for merge in learnt.model.merges()]
    (tmp_path / "merges.txt").write_text("#version: 0.2\n" + "\n".join(lines) + "\n", encoding="utf-8")
    name = {"gpt2": "GPT2TokenizerFast", "roberta": "RobertaTokenizerFast", "qwen2": "Qwen2TokenizerFast"}[style]
    files = str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt")
    theirs = getattr(transformers, name)(*files)

    ours = file.build(convert.like(style, *files))

    for text in parity.TEXTS:
        assert ours.encode_batch([text]).row(0, "ids") == theirs(text)["input_ids"], repr(text)


def test_llama3_puts_its_first_token_before_each_text():
    learnt = train.byte_level_bpe(parity.TEXTS, vocab_size=300, special_tokens=["<|begin_of_text|>"])
    core = file.build(convert.like("llama3", learnt.vocab(), learnt.model.merges()))

    encoded = core.encode_batch(["12345 abc"], offsets=True)

    assert encoded.row(0, "ids")[0] == 0
    assert core.decode(encoded.ids) == "12345 abc"
    assert core.num_special_tokens_to_add(True) == 2


def test_the_style_must_be_known_and_its_special_tokens_there():
    with pytest.raises(ValueError, match=r"no kind of tokenizer is called 'bart'; expected 'gpt2', .* or 'llama3'"):
        convert.like("bart", {"a": 0})
    with pytest.raises(ValueError, match=r"like 'bert' puts '\[CLS\]' around texts"):
        convert.like("bert", {"a": 0})


def test_tiktoken_ranks_merge_as_tiktoken_does(tmp_path):
    """The pair whose token has the lowest rank is merged first, whichever way that token can be made."""
    tokens = [bytes([byte]) for byte in range(256)] + [
        b"ab",
        b"bc",
        b"abc",
        b" a",
        b" abc",
        b"aa",
        b"aaa",
        "é".encode(),
    ]
    lines = [base64.b64encode(token) + b" %d" % rank for rank, token in enumerate(tokens)]
    (tmp_path / "tiny.tiktoken.gz").write_bytes(gzip.compress(b"\n".join(lines)))
    ranks = tiktoken.read(tmp_path / "tiny.tiktoken.gz")
    assert ranks == {token: rank for rank, token in enumerate(tokens)}
    core = file.build(tiktoken.description(ranks, patterns.LLAMA3, {"<|end|>": 300}))

    for text in ["abc abc", "aaaa aaabc", "xé<|end|>bcab", "ababcbc aab"]:
        expected = []
        for i, part in enumerate(text.split("<|end|>")):
            expected += [300] * (i > 0)
            for piece in patterns_pieces(part):
                expected += tiktoken_bytes(ranks, piece.encode())
        assert core.encode_batch([text]).row(0, "ids") == expected
        assert core.decode(expected, skip_special_tokens=False) == text


def patterns_pieces(text: str) -> list[str]:
    flat = patterns.finder(patterns.LLAMA3)(text)
    return [text[a:b] for a, b in zip(flat[::2], flat[1::2], strict=True)]


def tiktoken_bytes(ranks: dict[bytes, int], piece: bytes) -> list[int]:
    if piece in ranks:
        return [ranks[piece]]
    parts = [piece[i : i + 1] for i in range(len(piece))]
    while True:
        joined = [ranks.get(left + right) for left, right in pairwise(parts)]
        known = [rank for rank in joined if rank is not None]
        if not known:
            return [ranks[part] for part in parts]
        at = joined.index(min(known))
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
