"""Drafts: greedy search and sampling are the reference's, draw for draw; no draft changes what the model says."""

import pytest
import torch

from bearhug import AutoModelForCausalLM
from bearhug.generation.assisted import _threshold

from .conftest import VOCAB, tiny_gpt2

reference = pytest.mark.reference

WAYS = {
    "greedy": {},
    "penalties": {"repetition_penalty": 1.3, "no_repeat_ngram_size": 3, "min_new_tokens": 5},
    "ends": {"eos_token_id": [5, 6, 69, 70]},
    "one": {"max_new_tokens": 1},
    "sample": {"do_sample": True},
    "cold": {"do_sample": True, "temperature": 0.6, "top_k": 5},
    "sampled ends": {"do_sample": True, "top_p": 0.8, "eos_token_id": [3, 4, 5, 6, 40]},
}


@pytest.fixture(scope="module")
def drafts(tmp_path_factory):
    """An assistant of one layer: theirs and ours."""
    folder = tmp_path_factory.mktemp("assistant")
    return tiny_gpt2(folder, n_layer=1), AutoModelForCausalLM.from_pretrained(folder)


def both(model, theirs, ids, ours, expected, **options):
    options = {"max_new_tokens": 20, "attention_mask": torch.ones_like(ids), **options}
    torch.manual_seed(3)
    found = model.generate(ids, **options, **ours)
    torch.manual_seed(3)
    return found, theirs.generate(ids, **options, **expected)


@reference
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize("weight", [None, 0.5])
def test_an_assistants_tokens_are_the_references(model, theirs, drafts, prompt, options, row, weight):
    extra = {} if weight is None else {"assistant_ensemble_weight": weight}
    ours, expected = both(
        model, theirs, prompt[row : row + 1], {"assistant_model": drafts[1]}, {"assistant_model": drafts[0]},
        **options, **extra,
    )  # fmt: skip

    assert ours.tolist() == expected.tolist()


@reference
@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("size", [None, 1, 3])
def test_what_is_looked_up_in_the_prompt_is_the_references(model, theirs, prompt, options, size):
    ids = prompt[:1].repeat(1, 2)
    lookup = {"prompt_lookup_num_tokens": 4, "max_matching_ngram_size": size}
    ours, expected = both(model, theirs, ids, lookup, lookup, **options)

    assert ours.tolist() == expected.tolist()


@pytest.mark.parametrize("schedule", ["constant", "heuristic", "heuristic_transient"])
@pytest.mark.parametrize("threshold", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("count", [1, 3, 20])
def test_greedy_search_with_any_draft_is_plain_greedy_search(model, drafts, prompt, schedule, threshold, count):
    for draft in (
        {"assistant_model": drafts[1]},
        {"assistant_model": model},
        {"assistant_early_exit": 1},
    ):
        for way in ({}, {"repetition_penalty": 1.3}, {"eos_token_id": [69, 5]}):
            options = {"max_new_tokens": 20, **way}
            found = model.generate(
                prompt[:1], **options, **draft, num_assistant_tokens=count, assistant_confidence_threshold=threshold,
                num_assistant_tokens_schedule=schedule,
            )  # fmt: skip
            assert found.tolist() == model.generate(prompt[:1], **options).tolist()


@reference
@pytest.mark.parametrize("draft", ["assistant", "lookup"])
def test_all_that_can_be_returned_is_that_of_plain_search(model, drafts, prompt, draft):
    how = {"assistant_model": drafts[1]} if draft == "assistant" else {"prompt_lookup_num_tokens": 3}
    ids = prompt[:1].repeat(1, 2)
    options = {
        "max_new_tokens": 9, "return_dict_in_generate": True, "output_scores": True, "output_logits": True,
        "output_attentions": True, "output_hidden_states": True, "eos_token_id": [5, 6],
    }  # fmt: skip
    plain, found = model.generate(ids, **options), model.generate(ids, **options, **how)

    assert found.sequences.tolist() == plain.sequences.tolist()
    assert type(found) is type(plain)
    for name in ("scores", "logits"):
        torch.testing.assert_close(found[name], plain[name])
    for name in ("attentions", "hidden_states"):
        assert [[tuple(t.shape) for t in layers] for layers in found[name]] == [
            [tuple(t.shape) for t in layers] for layers in plain[name]
        ]
        torch.testing.assert_close(found[name], plain[name], atol=1e-5, rtol=1e-4)
    assert found.past_key_values.get_seq_length() == plain.past_key_values.get_seq_length()


def test_the_distribution_is_the_models_own(model, drafts, prompt):
    """The second new token over many seeds, drafted and not: the counts differ by no more than chance."""
    ids, tries = prompt[:1], 600
    for how in ({"assistant_model": drafts[1]}, {"prompt_lookup_num_tokens": 3}):
        counts = []
        for given in ({}, how):
            torch.manual_seed(11)
            found = [
                model.generate(ids, do_sample=True, top_k=4, max_new_tokens=2, **given)[0, -1] for _ in range(tries)
            ]
            counts.append(torch.bincount(torch.stack(found), minlength=VOCAB).double() / tries)
        assert (counts[0] - counts[1]).abs().max() < 4 * (0.5 / tries**0.5) * 1.5


def test_a_seed_decides_what_is_sampled(model, drafts, prompt):
    for how in ({"assistant_model": drafts[1]}, {"prompt_lookup_num_tokens": 3}, {"assistant_early_exit": 1}):
        options = {"do_sample": True, "max_new_tokens": 12, **how}
        first, same, other = (model.generate(prompt[:1], **options, seed=seed).tolist() for seed in (1, 1, 2))
        assert first == same != other


def test_the_heuristic_schedule_is_remembered_by_the_assistant_alone(model, folder, prompt):
    assistant = AutoModelForCausalLM.from_pretrained(folder)  # always right: two more after each of three drafts
    assistant.generation_config.num_assistant_tokens = 3
    assistant.generation_config.assistant_confidence_threshold = 0.0
    options = {"max_new_tokens": 18, "assistant_model": assistant}

    model.generate(prompt[:1], **options, num_assistant_tokens_schedule="heuristic_transient")
    assert assistant.generation_config.num_assistant_tokens == 3
    model.generate(prompt[:1], **options, num_assistant_tokens_schedule="heuristic")
    assert assistant.generation_config.num_assistant_tokens == 9
    assistant.generate(prompt[:1], max_new_tokens=2)  # what it was told as an assistant is no error without


@reference
def test_the_threshold_follows_the_references_curve():
    roc = pytest.importorskip("sklearn.metrics").roc_curve
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        chances = (torch.rand(9, generator=generator) * 10).round().div(10).tolist()
        rights = (torch.rand(9, generator=generator) < 0.6).tolist()
        if len(set(rights)) == 1:
            continue
        false, true, thresholds = roc(rights, chances)
        best = thresholds[(false + 3 * (1 - true)).argmin()]
        assert _threshold(chances, rights) == best


@reference
def test_early_exit_is_the_references_on_a_llama(tmp_path):
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4}
    theirs = LlamaForCausalLM(LlamaConfig(**sizes, vocab_size=VOCAB, initializer_range=0.3)).eval()
    theirs.save_pretrained(tmp_path)
    ours = AutoModelForCausalLM.from_pretrained(tmp_path)
    ids = torch.tensor([[5, 6, 7]])
    for way in ({}, {"do_sample": True, "top_k": 20}):
        found, expected = both(ours, theirs, ids, {"assistant_early_exit": 2}, {"assistant_early_exit": 2}, **way)
        assert found.tolist() == expected.tolist()


class Words:
    """A tokenizer of characters; `shift` moves the ids, so that two of them have nothing in common."""

    def __init__(self, shift, size):
        self.shift, self.size = shift, size

    def __call__(self, text, add_special_tokens=True):
        return {"input_ids": [(ord(c) - 60 + self.shift) % self.size for c in text]}

    def decode(self, ids, skip_special_tokens=False, clean_up_tokenization_spaces=None):
        return "".join(chr(int(i) + 60 - self.shift) for i in ids)


def test_an_assistant_of_another_vocabulary_drafts_text(model, prompt, tmp_path):
    tiny_gpt2(tmp_path, vocab_size=VOCAB + 9, n_layer=1)
    assistant = AutoModelForCausalLM.from_pretrained(tmp_path)
    tokenizers = {"tokenizer": Words(0, VOCAB), "assistant_tokenizer": Words(3, VOCAB + 9)}
    for way in ({}, {"repetition_penalty": 1.2}, {"eos_token_id": [69]}):
        options = {"max_new_tokens": 15, **way}
        found = model.generate(prompt[:1], assistant_model=assistant, **tokenizers, **options)
        assert found.tolist() == model.generate(prompt[:1], **options).tolist()
    sampled = {"do_sample": True, "seed": 4, "max_new_tokens": 9}
    assert model.generate(prompt[:1], assistant_model=assistant, **tokenizers, **sampled).shape == (1, 16)
    with pytest.raises(ValueError, match=r"106 tokens.*97(.|\n)*assistant_tokenizer="):
        model.generate(prompt[:1], assistant_model=assistant)


def test_a_draft_streams_and_stops_where_it_should(model, writer, letters, speaker, drafts, prompt):
    plain = model.generate(prompt[:1], max_new_tokens=12)[0, 7:].tolist()
    steps = list(model.generate(prompt[:1], max_new_tokens=12, assistant_model=drafts[1], stream=True))
    assert [int(token) for token in steps] == plain

    say = speaker("abc STOP abc STOP abc", prompt=1)
    found = writer.generate(
        torch.tensor([[70]]), max_new_tokens=30, prompt_lookup_num_tokens=8, stop_strings=["STOP abc S"],
        tokenizer=letters, logits_processor=say,
    )  # fmt: skip
    assert letters.decode(found[0, 1:].tolist()) == "abc STOP abc S"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"assistant_model": "a", "num_beams": 2}, r"assistant_model=.*num_beams=2"),
        ({"prompt_lookup_num_tokens": 3, "num_beams": 2}, r"prompt_lookup_num_tokens=3.*num_beams=2"),
        ({"prompt_lookup_num_tokens": 3, "use_cache": False}, r"prompt_lookup_num_tokens=3.*use_cache=False"),
        ({"prompt_lookup_num_tokens": 3, "assistant_early_exit": 1}, r"assistant_early_exit=1.*prompt_lookup"),
        ({"prompt_lookup_num_tokens": 3, "do_sample": True, "num_return_sequences": 2}, "num_return_sequences=2"),
        ({"prompt_lookup_num_tokens": 3, "penalty_alpha": 0.5}, r"prompt_lookup_num_tokens=3.*penalty_alpha"),
        ({"prompt_lookup_num_tokens": 0}, "prompt_lookup_num_tokens=0"),
        ({"max_matching_ngram_size": 3}, r"max_matching_ngram_size=3.*prompt_lookup_num_tokens"),
        ({"num_assistant_tokens": 3}, r"num_assistant_tokens=3.*assistant_model"),
        ({"num_assistant_tokens": 3, "prompt_lookup_num_tokens": 3}, r"num_assistant_tokens=3.*assistant_model"),
        ({"assistant_early_exit": 2}, r"assistant_early_exit=2.*2 layers"),
        ({"assistant_ensemble_weight": 1.0}, "assistant_ensemble_weight=1.0"),
        ({"assistant_tokenizer": 1}, "assistant_tokenizer.*assistant_model"),
        ({"num_assistant_tokens_schedule": "sometimes"}, "'heuristic'"),
        ({"use_mtp": True}, "use_mtp=True"),
        ({"speculation_type": "dflash"}, "speculation_type='dflash'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_wrong_combinations_are_named(model, prompt, options, message):
    with pytest.raises(ValueError, match=message):
        model.generate(prompt[:1], max_new_tokens=4, **options)


def test_one_row_at_a_time(model, prompt, drafts):
    with pytest.raises(ValueError, match=r"3 rows.*draft"):
        model.generate(prompt, assistant_model=drafts[1])
    embeds = model.get_input_embeddings()(prompt[:1])
    with pytest.raises(ValueError, match="inputs_embeds"):
        model.generate(inputs_embeds=embeds, assistant_model=drafts[1])
