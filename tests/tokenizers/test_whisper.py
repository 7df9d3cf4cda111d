"""Whisper: prefixes, prompts, times, and the spelling in which word error rates are counted."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bearhug.tokenizers import speech_text
from bearhug.tokenizers.auto import tokenizer_class
from bearhug.tokenizers.classes.languages import WHISPER
from tokenizer_folders import byte_bpe, write
from tokenizer_sameness import assert_same

SPECIAL = ["<|startoftranscript|>", *(f"<|{code}|>" for code in WHISPER), "<|translate|>", "<|transcribe|>"]
SPECIAL += ["<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
TEXTS = ["Hello world", "", " what some<|en|> water", "日本 1234<|2.40|>"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    vocab, merges = byte_bpe()
    vocab["<|endoftext|>"] = len(vocab)
    for token in SPECIAL:
        vocab[token] = len(vocab)
    times = {f"<|{i * 0.02:.2f}|>": len(vocab) + i for i in range(1501)}
    return write(
        tmp_path_factory.mktemp("whisper"),
        vocab__json=vocab,
        merges__txt="#version: 0.2\n" + "\n".join(merges),
        normalizer__json={"colour": "color"},
        added_tokens__json=times,
        tokenizer_config__json={"additional_special_tokens": ["<|endoftext|>", *SPECIAL], "model_max_length": 448},
    )


@pytest.fixture(scope="module")
def pair(folder):
    transformers = pytest.importorskip("transformers")
    return tokenizer_class("WhisperTokenizer").from_pretrained(folder), transformers.WhisperTokenizer.from_pretrained(
        folder
    )


@pytest.mark.reference
def test_the_tokenizer_is_the_references(pair, tmp_path):
    ours, theirs = pair
    assert_same(ours, theirs, TEXTS)
    ours.save_pretrained(tmp_path)
    again = tokenizer_class("WhisperTokenizer").from_pretrained(tmp_path)
    assert_same(again, type(theirs).from_pretrained(tmp_path), TEXTS)
    assert ours.timestamp_ids() == theirs.timestamp_ids()
    assert [len(path) > 0 for path in ours.save_vocabulary(tmp_path)] == [True] * 3


@pytest.mark.reference
@pytest.mark.parametrize(
    "said",
    [
        {},
        {"language": "german"},
        {"language": "DE", "task": "translate"},
        {"task": "transcribe", "predict_timestamps": True},
        {"language": "valencian", "predict_timestamps": False},
    ],
)
def test_prefixes(said, folder):
    import transformers

    ours, theirs = tokenizer_class("WhisperTokenizer"), transformers.WhisperTokenizer
    a, b = ours.from_pretrained(folder, **said), theirs.from_pretrained(folder, **said)
    assert a("water", "hot").data == dict(b("water", "hot"))
    for tokenizer in (a, b):
        tokenizer.set_prefix_tokens(language="french", task="transcribe")
    assert a.prefix_tokens == b.prefix_tokens
    assert a("water").data == dict(b("water"))
    assert a.get_decoder_prompt_ids(task="translate", language="es") == b.get_decoder_prompt_ids(
        task="translate", language="es"
    )
    assert a("water").data == dict(b("water"))
    assert a.build_inputs_with_special_tokens([5, 6]) == b.build_inputs_with_special_tokens([5, 6])
    assert a.get_prompt_ids("the hot").tolist() == b.get_prompt_ids("the hot").tolist()


def test_wrong_languages_tasks_and_prompts(folder):
    tokenizer = tokenizer_class("WhisperTokenizer").from_pretrained(folder)

    with pytest.raises(ValueError, match="Did you mean 'german'"):
        tokenizer.set_prefix_tokens(language="germn")
    tokenizer.language = None
    with pytest.raises(ValueError, match="expected 'transcribe' or 'translate'"):
        tokenizer.set_prefix_tokens(task="summarize")
    tokenizer.task = None
    with pytest.raises(ValueError, match=r"'<\|en\|>'"):
        tokenizer.get_prompt_ids("a <|en|>")


def rows(tokenizer, seed):
    """Ids as a model writes them: texts between times, windows that begin anew, a prompt."""
    chance = random.Random(seed)
    first, words = tokenizer.convert_tokens_to_ids("<|0.00|>"), tokenizer("hello world what some")["input_ids"][2:-1]
    start = tokenizer.convert_tokens_to_ids(["<|startoftranscript|>", "<|en|>", "<|transcribe|>"])
    for _ in range(40):
        ids, time = list(start) if chance.random() < 0.7 else [], 0
        if chance.random() < 0.3:
            ids = [tokenizer.convert_tokens_to_ids("<|startofprev|>"), *words[:2], *ids]
        for _ in range(chance.randint(0, 5)):
            if chance.random() < 0.2:
                time = 0
            ids.append(first + time)
            ids += chance.sample(words, chance.randint(0, 3))
            time = min(1500, time + chance.randint(0, 500))
            if chance.random() < 0.8:
                ids.append(first + time)
        yield ids + [tokenizer.eos_token_id] * chance.randint(0, 1)


@pytest.mark.reference
@pytest.mark.parametrize("seed", range(5))
def test_decoding(seed, pair):
    ours, theirs = pair
    options = [{}, {"skip_special_tokens": True}, {"decode_with_timestamps": True}, {"output_offsets": True}]
    options += [{"decode_with_timestamps": True, "skip_special_tokens": True}, {"normalize": True}]
    options += [
        {"basic_normalize": True, "skip_special_tokens": True},
        {"output_offsets": True, "time_precision": 0.04},
    ]
    for ids in rows(ours, seed):
        for said in options:
            assert ours.decode(ids, **said) == theirs.decode(ids, **said), (ids, said)
        assert ours.batch_decode([ids, ids]) == theirs.batch_decode([ids, ids])


@pytest.mark.reference
def test_a_spelling_for_word_error_rates():
    from transformers.models.whisper.english_normalizer import BasicTextNormalizer, EnglishTextNormalizer

    english = EnglishTextNormalizer({"colour": "color"})
    words = sorted(speech_text._WORDS)
    words += [
        "3",
        "2.5",
        "$4",
        "£1.5",
        "the",
        "and a half",
        "1.2.3",
        "colour",
        "Mr.",
        "won't",
        "he's been",
        "(x)",
        "[y]",
    ]
    words += [
        "ça",
        "naïve",
        "7th",
        "12s",
        "a1b",
        "¢7",
        "$0.07",
        "$2 and ¢7",
        "per cent",
        "1,234",
        "uh",
        ".",
        "½",
        "Œuvre",
    ]
    chance = random.Random(1)
    for _ in range(4000):
        text = " ".join(chance.choices(words, k=chance.randint(0, 8)))
        assert speech_text.english(text, {"colour": "color"}) == english(text), text
        for remove in (False, True):
            assert speech_text.basic(text, remove) == BasicTextNormalizer(remove)(text), text


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text_is_spelled(text):
    for spelled in (speech_text.english(text, {}), speech_text.basic(text, True)):
        assert "  " not in spelled


def test_normalizer_json_is_read_and_written(folder, tmp_path):
    tokenizer = tokenizer_class("WhisperTokenizer").from_pretrained(folder, normalizer_file=folder / "normalizer.json")

    assert tokenizer.normalize("Colour twenty-one") == "color 21"
    paths = tokenizer.save_vocabulary(tmp_path)
    assert json.loads((tmp_path / "normalizer.json").read_text()) == {"colour": "color"}
    assert len(paths) == 3
