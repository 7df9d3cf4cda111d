"""BPE without a pre-tokenizer: the whole text is one piece, which the core cuts where no merge crosses."""

import json
import random

import pytest

import tokenizer_parity
from bearhug.tokenizers import file, sentencepiece


def model(dice: random.Random) -> dict:
    """A BPE model of random merges and settings."""
    alphabet = dice.sample("ab▁.1é中’ \n", dice.randrange(3, 9))
    tokens, merges = list(alphabet), []
    special = ["<unk>"] * dice.randrange(2) + [f"<0x{byte:02X}>" for byte in range(256)] * dice.randrange(2)
    for _ in range(dice.randrange(0, 25)):
        left, right = dice.choice(tokens), dice.choice(tokens)
        if dice.random() < 0.03 and special:
            right = dice.choice(special)
        if [left, right] not in merges and len(left + right) < 8:
            merges.append([left, right])
            tokens += [left + right] if left + right not in tokens else []
    vocab = {token: place for place, token in enumerate(dict.fromkeys([*special, *tokens]))}
    return {
        "type": "BPE",
        "vocab": vocab,
        "merges": merges,
        "unk_token": "<unk>" if "<unk>" in vocab else None,
        "fuse_unk": dice.random() < 0.5,
        "byte_fallback": dice.random() < 0.5,
        "ignore_merges": dice.random() < 0.2,
    }


@pytest.mark.reference
@pytest.mark.parametrize("seed", range(20))
def test_long_pieces_are_the_references(seed):
    """Every field, of texts that are longer than what is never cut."""
    tokenizers = pytest.importorskip("tokenizers")
    dice = random.Random(seed)
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    for _ in range(8):
        text = json.dumps({"model": model(dice), "normalizer": dice.choice([None, replace])})
        theirs, ours = tokenizers.Tokenizer.from_str(text), file.loads(text)
        for _ in range(4):
            words = (
                "".join(dice.choices("ab▁.1é中’x😀\n", k=dice.randrange(1, 9))) for _ in range(dice.randrange(5, 200))
            )
            tokenizer_parity.assert_same(ours, theirs, " ".join(words))


@pytest.mark.reference
def test_a_book_as_one_piece_is_the_references(shared):
    """Mistral's vocabulary over a book at once, and its lines in every field."""
    tokenizers = pytest.importorskip("tokenizers")

    described = sentencepiece.description(sentencepiece.read(shared / "vocab" / "mistral-v1" / "tokenizer.model"))
    text = json.dumps(described | {"post_processor": None})
    theirs, ours = tokenizers.Tokenizer.from_str(text), file.loads(text)
    book = (shared / "text" / "botchan.txt").read_text(encoding="utf-8")

    assert ours.encode_batch([book]).lists("ids")[0] == theirs.encode(book).ids
    for line in book.split("\n")[:100]:
        tokenizer_parity.assert_same(ours, theirs, line)
