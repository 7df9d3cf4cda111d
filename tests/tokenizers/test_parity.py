"""Parity-aware BPE gives the reference's vocabulary and merges."""

import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bearhug.tokenizers import file, parity

# Each language has a word: without one the reference's trainer runs for ever where ratios are given.
TEXTS = st.lists(st.text("aab-é漢 ", min_size=1, max_size=15).filter(str.strip), min_size=1, max_size=6)
DESCRIPTION = {"model": {"type": "BPE", "vocab": {}, "merges": []}, "pre_tokenizer": {"type": "WhitespaceSplit"}}
OPTIONS = st.fixed_dictionaries(
    {"num_merges": st.integers(0, 12)},
    optional={
        "variant": st.sampled_from(["base", "window"]),
        "window_size": st.integers(1, 4),
        "alpha": st.sampled_from([0.5, 1.0, 2.0]),
        "global_merges": st.integers(0, 4),
        "total_symbols": st.booleans(),
        "min_frequency": st.integers(0, 3),
        "special_tokens": st.lists(st.sampled_from(["ab", "a", "<s>"]), max_size=2, unique=True),
        "initial_alphabet": st.lists(st.sampled_from(["z", "a"]), max_size=2),
        "max_token_length": st.integers(0, 4),
    },
)


@pytest.mark.reference
@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    languages=st.lists(TEXTS, min_size=1, max_size=3), options=OPTIONS, by=st.sampled_from(["", "dev", "ratio", "both"])
)
def test_any_languages_are_the_references(languages, options, by):
    tokenizers = pytest.importorskip("tokenizers")
    dev = [texts[::-1][:2] for texts in languages] if by in ("dev", "both") else None
    ratio = [1.0 + i / 2 for i in range(len(languages))] if by in ("ratio", "both") else None
    ours = file.build(DESCRIPTION)
    parity.retrain(ours, languages, dev, ratio, **options)
    described = file.describe(ours)
    if options.get("variant") == "window":
        # the reference's trainer may ask a language that has no pair left for ever: here each has one at the end
        assume(options.get("min_frequency", 0) < 2 and "max_token_length" not in options)
        learned = tokenizers.Tokenizer.from_str(json.dumps(described))
        for texts in languages:
            assume(any(len(learned.encode(word).tokens) > 1 for text in texts for word in text.split()))
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE())
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    trainer = tokenizers.trainers.ParityBpeTrainer(show_progress=False, **options)
    trainer.train_from_iterator(theirs, languages, dev, ratio)

    wanted = json.loads(theirs.to_str())
    assert described["model"]["vocab"] == wanted["model"]["vocab"]
    assert described["model"]["merges"] == wanted["model"]["merges"]
    assert described["added_tokens"] == wanted["added_tokens"]


def test_a_window_passes_over_a_language_without_pairs():
    core = file.build(DESCRIPTION)
    parity.retrain(core, [["abab abab cd cd"], ["x"]], variant="window", window_size=3, alpha=1.0, num_merges=3)

    assert {"ab", "abab", "cd"} <= core.vocab().keys()


def test_the_language_that_is_worst_off_has_the_turn():
    core = file.build(DESCRIPTION)
    parity.retrain(core, [["abab"] * 100, ["cdcd"]], [["ab"], ["cdcdcd"]], num_merges=1)

    assert "cd" in core.vocab()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"languages": []}, "there is no language to learn"),
        ({"languages": [["a"]], "ratio": [1.0, 2.0]}, "ratio is for 2 languages, and texts are there for 1"),
        ({"languages": [["a"]], "development": []}, "development is for 0 languages"),
        ({"languages": [["a"]], "ratio": [0.0]}, "expected positive numbers"),
        ({"languages": [["a"]], "variant": "windows"}, "variant is 'windows'; it is 'base' or 'window'"),
        ({"languages": [["a"]], "variant": "window", "window_size": 0}, "window_size=0 and alpha=2.0"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(given, said):
    with pytest.raises(ValueError, match=said):
        parity.retrain(file.build(DESCRIPTION), **given)
