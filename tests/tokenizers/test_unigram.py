"""The Unigram model, against the reference's."""

import json
import math
import random
from collections import Counter

import pytest

import tokenizer_parity
from bearhug.tokenizers import file
from bearhug.tokenizers._native import Model, Tokenizer

LETTERS = "abcdeé中▁ 👍"
BYTES = [(f"<0x{byte:02X}>", -5.0) for byte in range(256)]


def vocabulary(dice: random.Random) -> list[tuple[str, float]]:
    """Short pieces, some of them twice, empty, or with the same score."""
    pieces = [("<unk>", 0.0)]
    for _ in range(dice.randrange(1, 40)):
        text = "".join(dice.choice(LETTERS) for _ in range(dice.randrange(5)))
        pieces.append((text, dice.choice([-1.0, -2.0, -3.0, dice.uniform(-9, 0), 0.0, 1.5])))
    return pieces + (BYTES if dice.random() < 0.5 else [])


@pytest.mark.reference
@pytest.mark.parametrize("seed", range(60))
def test_every_cut_is_the_references(seed):
    """Any vocabulary: the same tokens, also where scores are equal, characters unknown, pieces double or empty."""
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers

    dice = random.Random(seed)
    vocab = vocabulary(dice)
    unk_id = dice.choice([0, 0, None, dice.randrange(len(vocab))])
    theirs = tokenizers.Tokenizer(models.Unigram(vocab, unk_id, byte_fallback=dice.random() < 0.5))
    if dice.random() < 0.5:
        theirs.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=dice.choice(["first", "always", "never"]))
    theirs.decoder = dice.choice([decoders.Metaspace(), decoders.ByteFallback()])
    ours = tokenizer_parity.ours_like(theirs)

    assert json.loads(file.dumps(ours)) == json.loads(theirs.to_str())
    assert ours.vocab(with_added_tokens=False) == theirs.get_vocab(with_added_tokens=False)
    for _ in range(20):
        text = "".join(dice.choice(LETTERS + "xyzé") for _ in range(dice.randrange(30)))
        text += dice.choice(["", "", "", "<unk>" + text])
        try:
            expected = theirs.encode(text)
        except Exception:
            with pytest.raises(ValueError, match="has no unk_id"):
                ours.encode_batch([text])
            continue
        tokenizer_parity.assert_same(ours, theirs, text)
        assert ours.decode(expected.ids) == theirs.decode(expected.ids)


@pytest.mark.reference
def test_an_unknown_character_within_a_token_needs_no_unknown_token():
    """Without unk_id, a character that no way needs is no error."""
    import tokenizers
    from tokenizers import models

    theirs = tokenizers.Tokenizer(models.Unigram([("a", -1.0), ("ab", -2.0)], None, False))
    ours = tokenizer_parity.ours_like(theirs)

    tokenizer_parity.assert_same(ours, theirs, "aab")
    with pytest.raises(ValueError, match="'b' is not in the vocabulary"):
        ours.encode_batch(["b"])


PIECES = [("<unk>", 0.0), ("a", -1.0), ("b", -1.5), ("ab", -2.0), ("abc", -3.0), ("c", -1.2), ("bc", -2.5)]


@pytest.mark.parametrize(("alpha", "nbest_size"), [(0.5, None), (1.0, None), (1.0, 3), (0.1, 2), (-1.0, 0)])
def test_sampled_ways_come_as_often_as_they_are_likely(alpha, nbest_size):
    """Each way in proportion to its probability to the power of alpha, among all or the likeliest few."""
    scores = dict(PIECES)
    ways = [["abc"], ["ab", "c"], ["a", "bc"], ["a", "b", "c"]]
    ways = sorted(ways, key=lambda way: -sum(map(scores.get, way)))[: nbest_size or None]
    weights = [math.exp(alpha * sum(map(scores.get, way))) for way in ways]
    model = Model.unigram("{}", PIECES, 0, False, alpha, nbest_size)
    encoded = Tokenizer(model).encode_batch(["abc"] * 8000)

    seen = Counter(tuple(encoded.tokens(row)) for row in range(8000))

    assert set(seen) == set(map(tuple, ways))
    for way, weight in zip(ways, weights, strict=True):
        assert seen[tuple(way)] / 8000 == pytest.approx(weight / sum(weights), abs=0.04)


@pytest.mark.parametrize(("alpha", "nbest_size"), [(None, None), (0.0, None), (1.0, 1), (None, 3)])
def test_without_chance_the_likeliest_way_is_taken(alpha, nbest_size):
    """As in the reference where alpha is none, or one way is left."""
    model = Model.unigram("{}", PIECES, 0, False, alpha, nbest_size)

    assert Tokenizer(model).encode_batch(["abc"] * 50).lists("ids") == [[4]] * 50


@pytest.mark.reference
def test_scores_are_written_as_the_reference_writes_them():
    """Small, large and whole scores give the reference's bytes."""
    import tokenizers
    from tokenizers import models

    scores = [0.0, -1.5e-5, 1e-5, -1e-6, 2.5e-7, -1e-10, -1e16, -123456.7, -0.1, 1e15, 3.0]
    vocab = [(f"p{i}e-05", score) for i, score in enumerate(scores)]
    theirs = tokenizers.Tokenizer(models.Unigram(vocab, 0, False)).to_str()
    ours = file.dumps(file.loads(theirs))

    start = theirs.index('"vocab":')
    assert '"vocab":' + theirs[start + 8 :].split("]]")[0] in ours.replace(", ", ",").replace(": ", ":")


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ({"vocab": [], "unk_id": 0}, "is empty"),
        ({"vocab": [["a", -1.0]], "unk_id": 1}, "unk_id is 1, but the vocabulary of the Unigram model has 1 token"),
        ({"vocab": [["a", float("nan")]], "unk_id": 0}, "not a number"),
        ({"vocab": [["a"]], "unk_id": 0}, "a pair of its text and its score"),
        ({"vocab": [["a", "b"]], "unk_id": 0}, "a pair of its text and its score"),
        ({"vocab": {"a": 1}, "unk_id": 0}, "a pair of its text and its score"),
        ({"unk_id": 0}, "it lacks 'vocab'"),
    ],
)
def test_a_model_that_does_not_hold_together_is_refused(model, says):
    """A ValueError says what is wrong."""
    with pytest.raises(ValueError, match=says):
        file.build({"model": {"type": "Unigram"} | model})
