"""Vocabularies that are made smaller, and tokens that are taken away."""

import json
import random

import pytest
import torch

import tokenizer_parity as parity
from bearhug import AutoTokenizer
from bearhug.tokenizers import AddedToken, PreTrainedTokenizerFast, convert
from tokenizer_folders import MAKES
from tokenizer_makes import MAKES as PLAIN_MAKES
from tokenizer_makes import whole

NAMES = [*MAKES, "bert-real", "gpt2-real", "stories260K"]
TEXTS = ["the world of words, and so on", "He did find 3 numbers;", *parity.TEXTS[3:12]]
OTHERS = [parity.random_text(i) for i in range(30)]


def load(name, folder_of):
    if name in PLAIN_MAKES:
        return PreTrainedTokenizerFast(tokenizer_object=whole(PLAIN_MAKES[name]()))
    return AutoTokenizer.from_pretrained(folder_of(name))


def renumbered(ids, new_ids):
    return [new_ids[id] for id in ids]


PLAIN = ["bpe", "bpe suffix", "bpe prefix", "bpe whole", "sentencepiece-like", "unigram", "unigram bytes", "word level"]


@pytest.mark.parametrize("name", [*NAMES, *PLAIN])
def test_the_texts_are_cut_as_before(name, folder_of):
    """The same tokens at the same places; ids are the old ones renumbered; without gaps, in the old order."""
    tokenizer = load(name, folder_of)
    small = tokenizer.shrink(texts=TEXTS)
    new = small.tokenizer
    for text in TEXTS:
        before, after = (t(text, return_offsets_mapping=True, verbose=False) for t in (tokenizer, new))

        assert after.tokens() == before.tokens(), text
        assert after["offset_mapping"] == before["offset_mapping"]
        assert after["input_ids"] == renumbered(before["input_ids"], small.new_ids)
        assert new.decode(after["input_ids"]) == tokenizer.decode(before["input_ids"])
    assert small.kept == sorted(small.kept)
    assert len(new) == len(small.kept) <= len(tokenizer)
    assert sorted(new.get_vocab().values()) == list(range(len(new)))
    assert new.convert_ids_to_tokens(list(range(len(new)))) == tokenizer.convert_ids_to_tokens(small.kept)
    assert new.special_tokens_map == tokenizer.special_tokens_map
    assert type(new) is type(tokenizer)


@pytest.mark.parametrize("name", [*NAMES, *PLAIN])
def test_a_smaller_vocabulary_still_spells_everything_it_had_letters_for(name, folder_of):
    """With half of what the texts use, no text of theirs gets a new unknown token, and decodes to the same."""
    tokenizer = load(name, folder_of)
    full = tokenizer.shrink(texts=TEXTS)
    with pytest.raises(ValueError, match=r"is too small: .*\nTake vocab_size=\d+ or more") as refused:
        tokenizer.shrink(texts=TEXTS, vocab_size=0)
    least = int(str(refused.value).rsplit("=", 1)[1].split()[0])
    size = (least + len(full.kept)) // 2
    small = tokenizer.shrink(texts=TEXTS, vocab_size=size).tokenizer

    assert least <= len(small) <= size
    for text in TEXTS:
        old, new = (t(text, add_special_tokens=False, verbose=False)["input_ids"] for t in (tokenizer, small))
        if tokenizer._core.model.kind != "WordLevel":
            unknown = [t._core.unk_id for t in (tokenizer, small)]
            assert (unknown[1] in new) == (unknown[0] in old), text
        if tokenizer._core.model.kind == "BPE" and name in MAKES:
            assert small.decode(new) == tokenizer.decode(old)


@pytest.mark.parametrize("name", ["llama3", "bert", "roberta", "qwen2", "stories260K", "unigram"])
def test_only_a_number_keeps_the_first_or_likeliest(name, folder_of):
    tokenizer = load(name, folder_of)
    size = int(len(tokenizer) * 0.8)
    small = tokenizer.shrink(vocab_size=size)

    assert size * 0.95 <= len(small.tokenizer) <= size
    same = 0
    for text in OTHERS:
        before = tokenizer(text, verbose=False).tokens()
        if set(before) <= small.tokenizer.get_vocab().keys():
            assert small.tokenizer(text, verbose=False).tokens() == before
            same += 1
    assert same
    assert small.tokenizer.all_special_tokens == tokenizer.all_special_tokens


@pytest.mark.parametrize("name", ["llama3", "stories260K", "bpe", "bert"])
def test_what_is_kept_can_be_reached(name, folder_of):
    """A token of a BPE is kept with the merges that lead to it."""
    tokenizer = load(name, folder_of)
    vocab = tokenizer.get_vocab()
    long = sorted((t for t in vocab if t not in tokenizer.added_tokens_encoder), key=len)[-5:]
    for token in long:
        small = tokenizer.shrink([token, vocab[token]])
        old, new = (t._core.model for t in (tokenizer, small.tokenizer))
        assert token in small.tokenizer.get_vocab()
        if old.kind == "BPE":
            assert set(new.merges()) <= set(old.merges())
            assert any(left + right == token for left, right in new.merges()) or token not in {
                left + right for left, right in old.merges()
            }


def test_it_saves_and_loads(folders, tmp_path):
    from transformers import AutoTokenizer as Theirs

    for name in MAKES:
        small = AutoTokenizer.from_pretrained(folders[name]).shrink(texts=TEXTS).tokenizer
        small.save_pretrained(tmp_path / name)
        again, theirs = (auto.from_pretrained(tmp_path / name) for auto in (AutoTokenizer, Theirs))
        for text in (*TEXTS, *OTHERS):
            ids = small(text, verbose=False)["input_ids"]
            assert again(text, verbose=False)["input_ids"] == ids
            assert theirs(text, verbose=False)["input_ids"] == ids, (name, text)


def test_settings_are_those_of_the_first(folders):
    tokenizer = AutoTokenizer.from_pretrained(folders["llama3"])
    tokenizer.padding_side, tokenizer.model_max_length, tokenizer.chat_template = "left", 17, "{{ 1 }}"
    tokenizer.add_tokens([AddedToken("<new>", lstrip=True), "more"])
    tokenizer.pad_token = "<new>"
    new = tokenizer.shrink(texts=TEXTS).tokenizer

    assert (new.padding_side, new.model_max_length, new.chat_template, new.pad_token) == (
        "left",
        17,
        "{{ 1 }}",
        "<new>",
    )
    assert list(new.added_tokens_encoder) == list(tokenizer.added_tokens_encoder)
    assert new("find  <new> more").tokens()[-2:] == ["  <new>", "more"] or new("find  <new>").tokens()[-1] == "  <new>"


def test_a_model_is_trimmed_with_it(tmp_path):
    """The same logits for the tokens that are left, tied embeddings or not; ids in its config are the new ones."""
    from bearhug import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM

    words = [*"abcdefgh", "ab", "abc", "<s>", "</s>"]
    description = convert.byte_level("x+", {w: i for i, w in enumerate(words)}, [("a", "b"), ("ab", "c")])
    description["added_tokens"] = [
        {"id": 10 + i, "content": text, "special": True, "normalized": False}
        | dict.fromkeys(("single_word", "lstrip", "rstrip"), False)
        for i, text in enumerate(["<s>", "</s>"])
    ]
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=description, bos_token="<s>", eos_token="</s>")
    sizes = {"vocab_size": 12, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    sizes |= {"num_attention_heads": 2, "bos_token_id": 10, "eos_token_id": 11, "pad_token_id": None}
    small = tokenizer.shrink(texts=["abc ab"])
    assert small.kept == [0, 1, 2, 8, 9, 10, 11]
    for auto, config in (
        (AutoModelForCausalLM, AutoConfig.for_model("llama", **sizes, tie_word_embeddings=True)),
        (AutoModelForCausalLM, AutoConfig.for_model("llama", **sizes, tie_word_embeddings=False)),
        (AutoModelForMaskedLM, AutoConfig.for_model("bert", **sizes)),
    ):
        torch.manual_seed(0)
        model = auto.from_config(config).eval()
        ids = torch.tensor([[10, 9, 8, 0, 2, 11]])
        expected = model(ids).logits.detach()
        small.trim(model)
        logits = model(torch.tensor([renumbered(ids[0].tolist(), small.new_ids)])).logits

        torch.testing.assert_close(logits, expected[..., small.kept])
        assert (model.config.vocab_size, model.config.bos_token_id, model.config.eos_token_id) == (7, 5, 6)
        model.save_pretrained(tmp_path)
        again = auto.from_pretrained(tmp_path)
        torch.testing.assert_close(again(torch.tensor([[5, 3]])).logits, model(torch.tensor([[5, 3]])).logits)


def test_a_model_of_another_vocabulary_is_refused(folders):
    from bearhug import AutoConfig, AutoModelForCausalLM

    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(
            "llama", vocab_size=3, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
        )
    )
    with pytest.raises(ValueError, match="they do not belong together"):
        AutoTokenizer.from_pretrained(folders["llama3"]).shrink(texts=TEXTS).trim(model)


def test_wrong_asks_say_what_is_wrong(folders):
    tokenizer = AutoTokenizer.from_pretrained(folders["bert"])
    for call, error, words in (
        (lambda: tokenizer.shrink(), ValueError, "needs to know what to keep"),
        (lambda: tokenizer.shrink(["wordl"]), ValueError, "'wordl', which is no token"),
        (lambda: tokenizer.shrink([99999]), ValueError, "the id 99999"),
        (lambda: tokenizer.shrink(texts="one"), TypeError, "texts is one text"),
        (lambda: tokenizer.shrink(texts=[3]), TypeError, "texts holds int"),
        (lambda: tokenizer.remove_tokens("the"), ValueError, "is no added token, but a token of the vocabulary"),
        (lambda: tokenizer.remove_tokens("<nothing>"), ValueError, "and no token at all"),
        (lambda: tokenizer.remove_tokens("[CLS]"), ValueError, "is put around each text"),
    ):
        with pytest.raises(error, match=words):
            call()


def test_added_tokens_can_be_removed(folders, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(folders["llama3"])
    plain = [tokenizer.encode(text) for text in ("a<x>b", "a<y>b")]
    size = len(tokenizer)
    tokenizer.add_tokens(["<x>", "<y>"])
    tokenizer.add_special_tokens({"pad_token": "<pad>", "extra_special_tokens": ["<more>"]})
    y = tokenizer.convert_tokens_to_ids("<y>")

    assert tokenizer.remove_tokens(["<x>", "<pad>", "<more>"]) == 3
    assert tokenizer.encode("a<x>b") == plain[0]
    assert tokenizer.encode("a<y>b")[-2:-1] == [y]
    assert tokenizer.pad_token is None
    assert tokenizer.extra_special_tokens == []
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again.encode("a<x>b") == plain[0]
    assert again.get_added_vocab() == tokenizer.get_added_vocab()
    assert tokenizer.remove_tokens(AddedToken("<y>")) == 1
    assert len(tokenizer) == size
    assert tokenizer.encode("a<y>b") == plain[1]


def test_many_texts_are_counted_in_batches(folders):
    tokenizer = AutoTokenizer.from_pretrained(folders["bert"])
    dice = random.Random(0)
    texts = (" ".join(dice.choices(["the", "word", "said"], k=3)) for _ in range(2500))
    small = tokenizer.shrink(texts=texts)

    assert {"the", "word", "said"} <= set(small.tokenizer.get_vocab())
    assert "people" not in small.tokenizer.get_vocab()
    assert json.loads(small.tokenizer._core.model.json)["type"] == "WordPiece"
