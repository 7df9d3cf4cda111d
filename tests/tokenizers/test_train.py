"""Training gives the reference's vocabulary and merges, wherever the reference leaves nothing to chance."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bearhug
import tokenizer_parity as parity
from bearhug.tokenizers import file, train, word_counts
from bearhug.tokenizers._native import AddedToken, WordCounts

SENTENCES = [
    "the quick brown fox jumps over the lazy dog while the quicker foxes jumped over lazier dogs",
    "it was the best of times, it was the worst of times, it was the age of wisdom",
    "counting characters, counting words, counting pairs of characters in words",
    "low lower lowest new newer newest wide wider widest",
]
TEXTS = SENTENCES * 2 + parity.TEXTS


def theirs_and_ours(texts, pre_tokenizer, normalizer=None, model="BPE", **options):
    tokenizers = pytest.importorskip("tokenizers")
    unknown = "[UNK]" if model == "WordPiece" else "<unk>"
    kind = getattr(tokenizers.models, model)
    theirs = tokenizers.Tokenizer(kind() if model == "Unigram" else kind(unk_token=unknown))
    theirs.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        theirs.normalizer = normalizer
    description = json.loads(theirs.to_str())
    trainer = getattr(tokenizers.trainers, model.replace("BPE", "Bpe") + "Trainer")
    theirs.train_from_iterator(texts, trainer(show_progress=False, **options))
    return json.loads(theirs.to_str()), file.describe(train.train(description, texts, **options))


@pytest.mark.reference
@pytest.mark.parametrize(
    "options",
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
def test_bpe_is_the_references(options):
    """Same tokens in the same order, same merges, same file."""
    pre_tokenizers = pytest.importorskip("tokenizers").pre_tokenizers
    for cut in (pre_tokenizers.Whitespace(), pre_tokenizers.Metaspace()):
        texts = ["a" * 9 + "b" * 8 + "c" * 7 + " dd e f g"] if "limit_alphabet" in options else TEXTS
        theirs, ours = theirs_and_ours(texts, cut, **options)
        assert list(ours["model"]["vocab"].items()) == list(theirs["model"]["vocab"].items())
        assert ours["model"]["merges"] == theirs["model"]["merges"]
        assert ours == theirs


@pytest.mark.reference
def test_byte_level_bpe_is_the_references():
    tokenizers = pytest.importorskip("tokenizers")
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    options: Any = {"vocab_size": 500, "special_tokens": ["<|endoftext|>"]}
    theirs, _ = theirs_and_ours(
        TEXTS, tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False), initial_alphabet=alphabet, **options
    )

    ours = train.byte_level_bpe(TEXTS, **options)

    assert ours.vocab(False) == theirs["model"]["vocab"]
    assert [list(merge) for merge in ours.model.merges()] == theirs["model"]["merges"]
    assert ours.decode(ours.encode_batch(["naïve 👍"]).ids) == "naïve 👍"


@pytest.mark.reference
def test_wordpiece_is_the_references():
    """One word that holds every character behind another makes the order of the ids certain."""
    tokenizers = pytest.importorskip("tokenizers")
    options: Any = {"vocab_size": 60, "special_tokens": ["[UNK]"], "min_frequency": 2}
    words = ["abcabcabdabe"]
    theirs, ours = theirs_and_ours(words * 4, tokenizers.pre_tokenizers.Whitespace(), model="WordPiece", **options)
    assert ours == theirs

    theirs, ours = theirs_and_ours(SENTENCES, tokenizers.pre_tokenizers.Whitespace(), model="WordPiece", **options)
    single = [
        {token for token in made["model"]["vocab"] if len(token.removeprefix("##")) == 1} for made in (ours, theirs)
    ]
    assert single[0] == single[1]
    assert len(ours["model"]["vocab"]) == len(theirs["model"]["vocab"])


@pytest.mark.reference
@pytest.mark.parametrize(
    "options", [{}, {"vocab_size": 9}, {"min_frequency": 4}, {"special_tokens": ["the", "<s>", "the"]}]
)
def test_wordlevel_is_the_references(options):
    cut = pytest.importorskip("tokenizers").pre_tokenizers.Whitespace()
    theirs, ours = theirs_and_ours(TEXTS, cut, model="WordLevel", **options)

    assert ours == theirs


# Few characters, so that pairs tie and the same token comes about in two ways.
WORDS = st.lists(st.text("aab-é漢👍", min_size=1, max_size=12), min_size=1, max_size=12)
MERGING = st.fixed_dictionaries(
    {"vocab_size": st.integers(0, 60)},
    optional={
        "min_frequency": st.integers(0, 4),
        "special_tokens": st.lists(st.sampled_from(["ab", "a", "<s>", "--", "é"]), max_size=3),
        "initial_alphabet": st.lists(st.sampled_from(["z", "xy", "a", ""]), max_size=2),
        "max_token_length": st.integers(0, 5),
    },
)


@pytest.mark.reference
@settings(max_examples=300, deadline=None, derandomize=True)
@given(words=WORDS, repeats=st.lists(st.integers(1, 5), min_size=12, max_size=12), options=MERGING)
def test_any_bpe_is_the_references(words, repeats, options):
    """Vocabulary, ids and merges, whatever ties."""
    cut = pytest.importorskip("tokenizers").pre_tokenizers.WhitespaceSplit()
    texts = [word for word, times in zip(words, repeats, strict=False) for _ in range(times)]
    theirs, ours = theirs_and_ours(texts, cut, **options)

    assert ours == theirs


@pytest.mark.reference
@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    word=st.text("aab-é漢👍", min_size=1, max_size=40),
    times=st.integers(1, 5),
    options=MERGING,
    affixes=st.fixed_dictionaries(
        {},
        optional={"continuing_subword_prefix": st.sampled_from(["#", "@@", ""]), "end_of_word_suffix": st.just("</w>")},
    ),
    model=st.sampled_from(["BPE", "WordPiece"]),
)
def test_any_affixes_are_the_references_where_its_order_is_certain(word, times, options, affixes, model):
    """In one word; with more, the order of the ids of characters with a prefix or suffix is chance in the reference."""
    cut = pytest.importorskip("tokenizers").pre_tokenizers.WhitespaceSplit()
    if model == "WordPiece":
        options = {key: value for key, value in options.items() if key != "max_token_length"}
    theirs, ours = theirs_and_ours([word] * times, cut, model=model, **options, **affixes)

    assert ours == theirs


@pytest.mark.reference
@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    words=WORDS,
    options=st.fixed_dictionaries(
        {"vocab_size": st.integers(0, 12)},
        optional={
            "min_frequency": st.integers(0, 3),
            "special_tokens": st.lists(st.sampled_from(["ab", "a", "<s>"]), max_size=3),
        },
    ),
)
def test_any_wordlevel_is_the_references(words, options):
    cut = pytest.importorskip("tokenizers").pre_tokenizers.WhitespaceSplit()
    theirs, ours = theirs_and_ours(words, cut, model="WordLevel", **options)

    assert ours == theirs


def same_pieces(ours, theirs):
    """The same pieces with the same scores; the order of nearly equal ones, and which of the characters that are left
    over gets which score, is chance in the reference."""
    assert ours | {"vocab": None} == theirs | {"vocab": None}
    scores = [dict(map(tuple, model["vocab"])) for model in (ours, theirs)]
    assert scores[0].keys() == scores[1].keys()
    assert len(ours["vocab"]) == len(theirs["vocab"])
    for piece, score in scores[0].items():
        assert score == pytest.approx(scores[1][piece], abs=1e-6 if len(piece) > 1 else 2e-2)
    ordered = [score for _, score in ours["vocab"]]
    special = ordered.index(max(ordered[ordered.count(0.0) :], default=0.0)) if ordered else 0
    assert ordered[special:] == sorted(ordered[special:], reverse=True)


@pytest.mark.reference
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    words=WORDS,
    repeats=st.lists(st.integers(1, 5), min_size=12, max_size=12),
    options=st.fixed_dictionaries(
        {"vocab_size": st.integers(8, 40)},
        optional={
            "special_tokens": st.lists(st.sampled_from(["ab", "a", "<s>", "<unk>"]), max_size=3),
            "unk_token": st.sampled_from(["<unk>", "a"]),
            "initial_alphabet": st.lists(st.sampled_from(["z", "xy", "a"]), max_size=2),
            "max_piece_length": st.sampled_from([1, 3, 16]),
            "n_sub_iterations": st.integers(0, 3),
            "shrinking_factor": st.sampled_from([0.25, 0.75, 0.9]),
            "seed_size": st.sampled_from([3, 10]),
        },
    ),
    join=st.sampled_from(["", " "]),
)
def test_any_unigram_is_the_references(words, repeats, options, join):
    cut = pytest.importorskip("tokenizers").pre_tokenizers.Metaspace(split=join == " ")
    texts = [join.join(words), *(word for word, times in zip(words, repeats, strict=False) for _ in range(times))]
    try:
        theirs, ours = theirs_and_ours(texts, cut, model="Unigram", **options)
    except Exception as problem:
        if isinstance(problem, AssertionError):
            raise
        with pytest.raises(ValueError, match="The vocabulary is not large enough to contain all chars"):
            train.train(
                {"model": {"type": "Unigram"}, "pre_tokenizer": json.loads(cut.__getstate__())}, texts, **options
            )
        return

    same_pieces(ours["model"], theirs["model"])
    added = [[token["content"] for token in made["added_tokens"]] for made in (ours, theirs)]
    assert sorted(added[0]) == sorted(added[1])  # where one is a piece, too, its id is that of the piece


@pytest.mark.reference
def test_unigram_of_a_book_is_the_references(shared):
    """Many rounds of pruning."""
    cut = pytest.importorskip("tokenizers").pre_tokenizers.Metaspace()
    texts = (shared / "text" / "botchan.txt").read_text(encoding="utf-8").split("\n")[:2000]
    theirs, ours = theirs_and_ours(texts, cut, model="Unigram", vocab_size=600, unk_token="<unk>")

    same_pieces(ours["model"], theirs["model"])


@pytest.mark.reference
def test_bpe_of_books_is_the_references(shared):
    """So many merges that rare pairs, which are not kept at first, come to be merged."""
    cut = pytest.importorskip("tokenizers").pre_tokenizers.Whitespace()
    texts = (shared / "text" / "botchan.txt").read_text(encoding="utf-8").split("\n")
    texts += (shared / "translation_en_de" / "train.de").read_text(encoding="utf-8").split("\n")[:2000]
    for size in (3000, 100_000):
        theirs, ours = theirs_and_ours(texts, cut, vocab_size=size, min_frequency=2)
        assert ours == theirs


@pytest.mark.parametrize("kind", ["BPE", "WordPiece", "Unigram", "WordLevel"])
def test_threads_memory_and_order_change_nothing(kind, monkeypatch, tmp_path):
    """One thread or three, in memory or through files, forwards or backwards: the same file."""
    monkeypatch.setattr(word_counts, "BATCH", 2000)
    words = ["".join(random.Random(i).choices("abcdefghijkäöü漢", k=1 + i % 9)) for i in range(1500)]
    texts = [" ".join(random.Random(i).choices(words, k=40)) for i in range(600)]
    description = {"model": {"type": kind}, "pre_tokenizer": {"type": "WhitespaceSplit"}}
    ways = [
        {"threads": 1},
        {"threads": 3},
        {"max_memory": 2_000_000, "threads": 2},
        {"checkpoint": tmp_path / "counts"},
        {"checkpoint": tmp_path / "counts"},
    ]
    made = [file.dumps(train.train(description, texts, vocab_size=300, **way)) for way in ways]
    made.append(file.dumps(train.train(description, texts[::-1], vocab_size=300)))

    assert len(set(made)) == 1


def test_what_memory_does_not_hold_is_left_out_with_a_warning():
    texts = ["often seen"] * 50 + [f"once{i:05d}" for i in range(20_000)]
    description = {"model": {"type": "BPE"}, "pre_tokenizer": {"type": "WhitespaceSplit"}}
    with pytest.warns(UserWarning, match="words that were seen 2 times or more: max_memory=1000000 holds no others"):
        core = train.train(description, texts, vocab_size=60, max_memory=1_000_000)

    assert {"often", "seen", "7"} <= core.vocab().keys()
    assert not any(token.startswith("on") for token in core.vocab())


def test_no_text_is_said():
    for kind in train.SETTINGS:
        with pytest.warns(UserWarning, match="there was no text to learn from"):
            assert train.train({"model": {"type": kind}}, [], special_tokens=["<s>"]).vocab() == {"<s>": 0}


def test_an_old_vocabulary_goes_and_added_tokens_stay():
    core = train.train({"model": {"type": "BPE"}}, ["abab"], special_tokens=["<s>"])
    core.add_tokens([AddedToken("<mask>", lstrip=True, special=True), "ba"])
    words = train.retrain(core, ["baba", "baba", "c"], special_tokens=["<p>"], vocab_size=5)

    assert words == 2
    assert core.vocab() == {"<p>": 0, "a": 1, "b": 2, "c": 3, "ba": 4, "<s>": 5, "<mask>": 6}
    assert core.added_tokens()[6] == AddedToken("<mask>", lstrip=True, special=True)
    assert not core.added_tokens()[4].special


@pytest.mark.parametrize(
    ("kind", "setting", "error", "said"),
    [
        ("BPE", {"vocab_size": "many"}, TypeError, "vocab_size is 'many'; expected a whole number"),
        ("BPE", {"vocab_size": None}, TypeError, "vocab_size is None; expected a whole number"),
        ("BPE", {"min_frequency": -1}, OverflowError, "min_frequency is -1; expected a whole number from 0"),
        ("BPE", {"limit_alphabet": 2.5}, TypeError, "limit_alphabet is 2.5; expected a whole number"),
        ("BPE", {"initial_alphabet": "abc"}, TypeError, "initial_alphabet is 'abc'; expected a list of str"),
        ("BPE", {"initial_alphabet": [1]}, TypeError, "initial_alphabet is .1.; expected a list of str"),
        ("WordPiece", {"continuing_subword_prefix": 1}, TypeError, "prefix is 1; expected str or None"),
        ("WordLevel", {"limit_alphabet": 3}, TypeError, "the WordLevel trainer got an unexpected keyword"),
        (
            "Unigram",
            {"shrinking_factor": 1.0},
            ValueError,
            "shrinking_factor is 1.0; expected a number from 0 to below 1",
        ),
        ("Unigram", {"shrinking_factor": "x"}, TypeError, "shrinking_factor is 'x'; expected a number"),
        ("Unigram", {"unk_token": 3}, TypeError, "unk_token is 3; expected str or None"),
        ("Unigram", {"special_tokens": "<s>"}, TypeError, "special_tokens is '<s>', a str; expected a list"),
        ("Unigram", {"vocab_size": 3}, ValueError, r"there are 4 different ones.*\nTake vocab_size=4 or more"),
    ],
    ids=str,
)
def test_wrong_settings_are_refused(kind, setting, error, said):
    with pytest.raises(error, match=said):
        train.train({"model": {"type": kind}}, ["abcd"], **setting)


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


def old_tokenizer(kind, tokenizers):
    """A tokenizer of theirs to learn another vocabulary like it, and its special tokens' names."""
    models, cuts, processors = tokenizers.models, tokenizers.pre_tokenizers, tokenizers.processors
    if kind == "Unigram":
        special, names = ["<pad>", "</s>", "<unk>"], {"unk_token": "<unk>", "pad_token": "<pad>", "eos_token": "</s>"}
        made = tokenizers.Tokenizer(models.Unigram())
        made.normalizer, made.pre_tokenizer = tokenizers.normalizers.NFKC(), cuts.Metaspace()
        made.decoder = tokenizers.decoders.Metaspace()
        trainer = tokenizers.trainers.UnigramTrainer(vocab_size=90, unk_token="<unk>", special_tokens=special)
        ends = {"single": "$A </s>", "pair": "$A </s> $B </s>", "special_tokens": [("</s>", 1)]}
        made.post_processor = processors.TemplateProcessing(**ends)
    elif kind == "BPE":
        special = ["<unk>", "<s>", *(f"<0x{byte:02X}>" for byte in range(256))]
        names = {"unk_token": "<unk>", "bos_token": "<s>"}
        made = tokenizers.Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
        made.pre_tokenizer = cuts.Metaspace()
        trainer = tokenizers.trainers.BpeTrainer(vocab_size=300, special_tokens=special)
    elif kind == "byte-level BPE":
        special, names = ["<e>"], {"bos_token": "<e>", "eos_token": "<e>"}
        made = tokenizers.Tokenizer(models.BPE())
        made.pre_tokenizer = cuts.Sequence([cuts.Digits(True), cuts.ByteLevel(False)])
        made.decoder, made.post_processor = tokenizers.decoders.ByteLevel(), processors.ByteLevel(trim_offsets=False)
        trainer = tokenizers.trainers.BpeTrainer(vocab_size=100, special_tokens=special)
    else:
        special, names = ["[U]", "[PAD]"], {"unk_token": "[U]", "pad_token": "[PAD]"}
        made = tokenizers.Tokenizer(models.WordLevel(unk_token="[U]"))
        made.pre_tokenizer = cuts.Whitespace()
        trainer = tokenizers.trainers.WordLevelTrainer(vocab_size=20, special_tokens=special)
    trainer.show_progress = False
    made.train_from_iterator(SENTENCES, trainer)
    made.add_tokens(["plain", tokenizers.AddedToken("<x>", lstrip=True, special=True)])
    return made, names


@pytest.mark.reference
@pytest.mark.parametrize("kind", ["Unigram", "BPE", "byte-level BPE", "WordLevel"])
@pytest.mark.parametrize("renames", [False, True])
def test_train_new_from_iterator_is_the_references(kind, renames, tmp_path):
    """Models of every kind; tokens added and renamed; what is special stays so. (A renamed token comes back in theirs
    under its old name, behind the vocabulary; not here.)"""
    tokenizers, transformers = pytest.importorskip("tokenizers"), pytest.importorskip("transformers")
    made, names = old_tokenizer(kind, tokenizers)
    transformers.PreTrainedTokenizerFast(tokenizer_object=made, **names).save_pretrained(tmp_path / "old")
    old = list(names.values())[-1]
    options: Any = {"new_special_tokens": ["<new>"], "special_tokens_map": {old: "<other>"}} if renames else {}
    news = []
    for library, name in ((transformers, "theirs"), (bearhug, "ours")):
        tokenizer = library.PreTrainedTokenizerFast.from_pretrained(tmp_path / "old")
        new = tokenizer.train_new_from_iterator([TEXTS[:9], TEXTS[9:]], 420, length=len(TEXTS), **options)
        new.save_pretrained(tmp_path / name)
        news.append(new)
    theirs, ours = (json.loads((tmp_path / name / "tokenizer.json").read_text()) for name in ("theirs", "ours"))
    if kind == "Unigram":
        same_pieces(ours.pop("model"), theirs.pop("model"))
    if renames:
        theirs["added_tokens"] = [token for token in theirs["added_tokens"] if token["content"] != old]
        for side in (theirs, ours):
            for token in side["added_tokens"]:
                token["id"] = min(token["id"], news[1].vocab_size)  # those behind the vocabulary move up

    assert ours == theirs
    for name in ("bos_token", "eos_token", "unk_token", "pad_token", "all_special_tokens"):
        assert getattr(news[1], name) == getattr(news[0], name), name


@pytest.mark.reference
def test_a_post_processors_token_must_be_there():
    tokenizers = pytest.importorskip("tokenizers")
    made, _ = old_tokenizer("WordLevel", tokenizers)
    ends = {"single": "$A the", "pair": "$A the $B the", "special_tokens": [("the", 2)]}
    made.post_processor = tokenizers.processors.TemplateProcessing(**ends)
    core = file.loads(made.to_str())

    with pytest.raises(ValueError, match=r"adds 'the', which the new vocabulary does not have.\n.*new_special_tokens="):
        train.train_like(core, ["other words"], vocab_size=20)


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
import random, signal
from bearhug.tokenizers import train
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell lets what it started ignore it
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
