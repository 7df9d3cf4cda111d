"""Training gives the reference's vocabulary and merges, wherever the reference leaves nothing to chance."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

import tokenizer_parity as parity
from bearhug.tokenizers import file, train
from bearhug.tokenizers._native import AddedToken, WordCounts

SENTENCES = [
    "the quick brown fox jumps over the lazy dog while the quicker foxes jumped over lazier dogs",
    "it was the best of times, it was the worst of times, it was the age of wisdom",
    "counting characters, counting words, counting pairs of characters in words",
    "low lower lowest new newer newest wide wider widest",
]
TEXTS = SENTENCES * 2 + parity.TEXTS


def theirs_and_ours(texts, pre_tokenizer, normalizer=None, model="BPE", **settings):
    tokenizers = pytest.importorskip("tokenizers")
    unknown = "[UNK]" if model == "WordPiece" else "<unk>"
    theirs = tokenizers.Tokenizer(getattr(tokenizers.models, model)(unk_token=unknown))
    theirs.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        theirs.normalizer = normalizer
    description = json.loads(theirs.to_str())
    trainer = getattr(tokenizers.trainers, model.replace("BPE", "Bpe") + "Trainer")
    theirs.train_from_iterator(texts, trainer(show_progress=False, **settings))
    return json.loads(theirs.to_str()), file.describe(train.train(description, texts, **settings))


@pytest.mark.reference
@pytest.mark.parametrize(
    "settings",
    [
        {"vocab_size": 600, "special_tokens": ["<s>", "<unk>"]},
        {"vocab_size": 10_000},
        {"vocab_size": 10_000, "min_frequency": 3},
        {"vocab_size": 500, "limit_alphabet": 4},
        {"vocab_size": 400, "initial_alphabet": ["é", "z", "xy", ""], "special_tokens": ["th", "e"]},
        {"vocab_size": 400, "max_token_length": 4},
        {"vocab_size": 5},
    ],
    ids=str,
)
def test_bpe_is_the_references(settings):
    """Same tokens in the same order, same merges, same file."""
    pre_tokenizers = pytest.importorskip("tokenizers").pre_tokenizers
    for cut in (pre_tokenizers.Whitespace(), pre_tokenizers.Metaspace()):
        texts = ["a" * 9 + "b" * 8 + "c" * 7 + " dd e f g"] if "limit_alphabet" in settings else TEXTS
        theirs, ours = theirs_and_ours(texts, cut, **settings)
        assert list(ours["model"]["vocab"].items()) == list(theirs["model"]["vocab"].items())
        assert ours["model"]["merges"] == theirs["model"]["merges"]
        assert ours == theirs


@pytest.mark.reference
def test_byte_level_bpe_is_the_references():
    tokenizers = pytest.importorskip("tokenizers")
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    settings = {"vocab_size": 500, "special_tokens": ["<|endoftext|>"]}
    theirs, _ = theirs_and_ours(
        TEXTS, tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False), initial_alphabet=alphabet, **settings
    )

    ours = train.byte_level_bpe(TEXTS, **settings)

    assert ours.vocab(False) == theirs["model"]["vocab"]
    assert [list(merge) for merge in ours.model.merges()] == theirs["model"]["merges"]
    assert ours.decode(ours.encode_batch(["naïve 👍"]).ids) == "naïve 👍"


@pytest.mark.reference
def test_wordpiece_is_the_references():
    """One word that holds every character behind another makes the order of the ids certain."""
    tokenizers = pytest.importorskip("tokenizers")
    settings = {"vocab_size": 60, "special_tokens": ["[UNK]"], "min_frequency": 2}
    words = ["abcabcabdabe"]
    theirs, ours = theirs_and_ours(words * 4, tokenizers.pre_tokenizers.Whitespace(), model="WordPiece", **settings)
    assert ours == theirs

    theirs, ours = theirs_and_ours(SENTENCES, tokenizers.pre_tokenizers.Whitespace(), model="WordPiece", **settings)
    single = [
        {token for token in made["model"]["vocab"] if len(token.removeprefix("##")) == 1} for made in (ours, theirs)
    ]
    assert single[0] == single[1]
    assert len(ours["model"]["vocab"]) == len(theirs["model"]["vocab"])


@pytest.mark.reference
@pytest.mark.parametrize(
    "settings", [{}, {"vocab_size": 9}, {"min_frequency": 4}, {"special_tokens": ["the", "<s>", "the"]}]
)
def test_wordlevel_is_the_references(settings):
    cut = pytest.importorskip("tokenizers").pre_tokenizers.Whitespace()
    theirs, ours = theirs_and_ours(TEXTS, cut, model="WordLevel", **settings)

    assert ours == theirs


@pytest.mark.reference
def test_affixes_are_the_references_where_its_order_is_certain():
    tokenizers = pytest.importorskip("tokenizers")
    affixes = {"continuing_subword_prefix": "@", "end_of_word_suffix": "</w>"}
    cut = tokenizers.pre_tokenizers.Whitespace()
    theirs, ours = theirs_and_ours(["abcabcabdabe"] * 3, cut, vocab_size=40, **affixes)

    assert ours == theirs


def test_training_does_not_depend_on_order_or_threads():
    counts = []
    for threads, texts in ((1, TEXTS), (3, TEXTS[::-1])):
        words = WordCounts(file.build({"model": {"type": "BPE", "vocab": {}, "merges": []}}))
        words.feed(texts, threads=threads)
        counts.append(words.items())
    assert counts[0] == counts[1]
    one, two = train.wordpiece(TEXTS, vocab_size=300), train.wordpiece(TEXTS[::-1], vocab_size=300)
    assert file.dumps(one) == file.dumps(two)


def test_wordpiece_has_berts_parts():
    core = train.wordpiece(SENTENCES, vocab_size=200)

    encoded = core.encode_batch(["The QUICK fox"], ["jumps"], offsets=True)

    assert encoded.tokens(0)[0] == "[CLS]"
    assert encoded.tokens(0).count("[SEP]") == 2
    assert [core.token_to_id(token) for token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")] == [0, 1, 2, 3, 4]
    assert core.decode(core.encode_batch(["The quick fox"]).ids) == "the quick fox"


def test_words_can_be_counted_one_by_one():
    words = WordCounts()
    words.feed(["a b", "a b", "c"])
    words.add("c", 5)

    assert words.items() == [("a b", 2), ("c", 6)]
    assert len(words) == 2


@pytest.mark.reference
@pytest.mark.parametrize("make", [train.byte_level_bpe, train.wordpiece])
def test_a_new_vocabulary_for_an_old_tokenizer_is_the_references(make):
    """Special tokens stay, renamed ones are renamed, the post-processor gets the new ids."""
    transformers = pytest.importorskip("transformers")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    old = make(SENTENCES, vocab_size=300, special_tokens=special)
    kind = {"unk_token": "[UNK]"} if make is train.wordpiece else {}
    tokenizers = pytest.importorskip("tokenizers")
    theirs = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.Tokenizer.from_str(file.dumps(old)), cls_token="[CLS]", **kind
    )
    texts = ["abcabcabdabe"] * 3 if make is train.wordpiece else TEXTS
    expected = theirs.train_new_from_iterator(
        texts, 320, new_special_tokens=["<new>"], special_tokens_map={"[CLS]": "[B]"}, show_progress=False
    )

    ours = train.train_like(old, texts, vocab_size=320, new_special_tokens=["<new>"], renamed={"[CLS]": "[B]"})

    described, wanted = file.describe(ours), json.loads(expected.backend_tokenizer.to_str())
    for part in ("model", "post_processor", "added_tokens", "normalizer", "pre_tokenizer", "decoder"):
        assert described[part] == wanted[part], part


def test_unknown_settings_are_refused():
    with pytest.raises(TypeError, match=r"'min_freq'.* Did you mean 'min_frequency'"):
        train.byte_level_bpe(SENTENCES, min_freq=2)
    with pytest.raises(TypeError, match="a special token is 1; expected str or AddedToken"):
        train.byte_level_bpe(SENTENCES, special_tokens=[1])  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="a text to learn from is 1; expected str"):
        train.byte_level_bpe([1, 2])  # pyright: ignore[reportArgumentType]


def test_special_tokens_keep_their_flags():
    core = train.byte_level_bpe(
        SENTENCES, vocab_size=300, special_tokens=[AddedToken("<mask>", lstrip=True, special=True)]
    )

    assert core.added_tokens() == {0: AddedToken("<mask>", lstrip=True, special=True)}


@pytest.mark.skipif(os.name != "posix", reason="sends itself a signal, as a terminal's Ctrl-C does")
def test_ctrl_c_stops_the_training():
    code = """
import random
from bearhug.tokenizers import train
dice = random.Random(0)
words = [" ".join("".join(dice.choices("abcdefghij", k=12)) for _ in range(2000)) for _ in range(100)]
print("ready", flush=True)
try:
    train.byte_level_bpe(words, vocab_size=10_000_000)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    interrupt = threading.Timer(0.5, child.send_signal, [signal.SIGINT])
    interrupt.start()

    assert child.communicate(timeout=60)[0] == "stopped\n"
    assert child.returncode == 0
