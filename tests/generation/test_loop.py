"""generate() and the reference's, on the same weights: the same tokens, the same scores, the same shapes."""

import pytest
import torch

from bearhug import AutoModelForCausalLM, GenerationConfig
from bearhug.generation import GenerateDecoderOnlyOutput

reference = pytest.mark.reference

GREEDY = {
    "plain": {},
    "max_length": {"max_length": 12},
    "eos list": {"eos_token_id": [2, 11, 40, 41, 42, 43]},
    "no eos": {"eos_token_id": None},
    "pad": {"eos_token_id": [11, 40, 41, 42], "pad_token_id": 0},
    "repetition": {"repetition_penalty": 1.7},
    "reward repetition": {"repetition_penalty": 0.6},
    "encoder repetition": {"encoder_repetition_penalty": 1.5},
    "bigrams once": {"no_repeat_ngram_size": 2},
    "tokens once": {"no_repeat_ngram_size": 1},
    "no ngram of the prompt": {"encoder_no_repeat_ngram_size": 1},
    "bad words": {"bad_words_ids": [[11], [40], [2], [5, 6, 7]]},
    "bias": {"sequence_bias": {(11,): -5.0, (40,): 3.5, (40, 41): 20.0, (7, 8, 9): -9.0}},
    "bias as lists": {"sequence_bias": [[[11], -5.0], [[40, 41], 7.0]]},
    "suppress": {"suppress_tokens": [11, 40, 41]},
    "begin suppress": {"begin_suppress_tokens": [11, 40, 41, 60]},
    "forced eos": {"forced_eos_token_id": 9},
    "forced eos list": {"forced_eos_token_id": [9, 10]},
    "min length": {"min_length": 15, "eos_token_id": [11, 40, 41, 42]},
    "min new": {"min_new_tokens": 9, "eos_token_id": [11, 40, 41, 42]},
    "decay": {"exponential_decay_length_penalty": (3, 1.6), "eos_token_id": [2, 3]},
    "finite": {"remove_invalid_values": True},
    "normalized": {"renormalize_logits": True},
    "no cache": {"use_cache": False},
    "prefill in parts": {"prefill_chunk_size": 3},
    "static cache": {"cache_implementation": "dynamic"},
    "all at once": {"repetition_penalty": 1.3, "no_repeat_ngram_size": 3, "bad_words_ids": [[4]], "min_new_tokens": 4},
}
SAMPLED = {
    "plain": {},
    "all tokens": {"top_k": 0},
    "cold": {"temperature": 0.3},
    "hot": {"temperature": 3.0},
    "top k": {"top_k": 5},
    "top p": {"top_p": 0.7},
    "top p 0": {"top_p": 0.0},
    "min p": {"min_p": 0.1},
    "top h": {"top_h": 0.4},
    "typical": {"typical_p": 0.6},
    "epsilon": {"epsilon_cutoff": 0.02},
    "eta": {"eta_cutoff": 0.05},
    "three each": {"num_return_sequences": 3},
    "everything": {
        "temperature": 1.4, "top_k": 30, "top_p": 0.95, "min_p": 0.01, "typical_p": 0.97, "epsilon_cutoff": 1e-4,
        "eta_cutoff": 1e-4, "renormalize_logits": True, "repetition_penalty": 1.2, "num_return_sequences": 2,
    },
}  # fmt: skip


def ones(ids):
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


@reference
@pytest.mark.parametrize("options", GREEDY.values(), ids=GREEDY.keys())
def test_greedy_tokens_are_the_references(model, theirs, prompt, options):
    options = {"max_new_tokens": 20, **options} if "max_length" not in options else options

    ours, expected = model.generate(**ones(prompt), **options), theirs.generate(**ones(prompt), **options)

    assert ours.dtype == expected.dtype
    assert ours.tolist() == expected.tolist()


@reference
@pytest.mark.parametrize("options", SAMPLED.values(), ids=SAMPLED.keys())
def test_sampled_tokens_are_the_references_under_one_global_seed(model, theirs, prompt, options):
    options = {"do_sample": True, "max_new_tokens": 20, "eos_token_id": [2, 11, 40], **options}

    torch.manual_seed(3)
    ours = model.generate(**ones(prompt), **options)
    torch.manual_seed(3)
    expected = theirs.generate(**ones(prompt), **options)

    assert ours.tolist() == expected.tolist()


@reference
@pytest.mark.parametrize(
    "options", [{}, {"do_sample": True, "top_k": 9, "num_return_sequences": 2}], ids=["greedy", "sample"]
)
@pytest.mark.parametrize("penalty", [{}, {"repetition_penalty": 1.4}], ids=["", "penalty"])
def test_left_padded_rows_are_the_references(model, theirs, padded, options, penalty):
    options = {"max_new_tokens": 12, "pad_token_id": 0, "eos_token_id": [2, 11, 40], **options, **penalty}

    torch.manual_seed(3)
    ours = model.generate(**padded["left"], **options)
    torch.manual_seed(3)
    expected = theirs.generate(**padded["left"], **options)

    assert ours.tolist() == expected.tolist()


@reference
def test_everything_that_can_be_returned_is_the_references(model, prompt, folder):
    from transformers import AutoModelForCausalLM as Theirs

    theirs = Theirs.from_pretrained(folder, attn_implementation="eager")
    options = {
        "max_new_tokens": 6, "do_sample": True, "top_k": 7, "num_return_sequences": 2, "return_dict_in_generate": True,
        "output_scores": True, "output_logits": True, "output_attentions": True, "output_hidden_states": True,
    }  # fmt: skip

    torch.manual_seed(3)
    ours = model.generate(**ones(prompt), **options)
    torch.manual_seed(3)
    expected = theirs.generate(**ones(prompt), **options)

    assert type(ours).__name__ == type(expected).__name__
    assert list(ours.keys()) == list(expected.keys())
    assert ours.sequences.tolist() == expected.sequences.tolist()
    for name in ("scores", "logits", "attentions", "hidden_states"):
        torch.testing.assert_close(ours[name], expected[name], atol=2e-4, rtol=1e-4)
    assert ours.past_key_values.get_seq_length() == expected.past_key_values.get_seq_length()
    assert len(repr(ours)) < 500
    for normalize in (False, True):
        torch.testing.assert_close(
            model.compute_transition_scores(ours.sequences, ours.scores, normalize_logits=normalize),
            theirs.compute_transition_scores(expected.sequences, expected.scores, normalize_logits=normalize),
            atol=2e-4, rtol=1e-4,
        )  # fmt: skip


@reference
def test_the_default_is_twenty_tokens_and_never_a_warning(model, theirs, prompt):
    ours = model.generate(prompt)

    assert ours.shape == (3, 27)
    assert ours.tolist() == theirs.generate(**ones(prompt), max_new_tokens=20).tolist()


@reference
def test_a_prompt_near_the_last_position_gets_fewer_by_default(model, theirs):
    ids = torch.arange(55)[None] + 3

    assert model.generate(ids, eos_token_id=None).shape == (1, 64)
    assert model.generate(ids, max_new_tokens=10, eos_token_id=None).shape == (1, 65)  # the last one is not read


@reference
def test_no_input_starts_from_bos(model, theirs):
    torch.manual_seed(0)
    ours = model.generate(do_sample=True, num_return_sequences=4, max_new_tokens=5)
    torch.manual_seed(0)
    expected = theirs.generate(do_sample=True, num_return_sequences=4, max_new_tokens=5)

    assert ours.tolist() == expected.tolist()
    assert set(ours[:, 0].tolist()) == {1}


@reference
def test_embeddings_as_input_give_the_new_tokens_alone(model, theirs, prompt, padded):
    embed = theirs.get_input_embeddings().weight.detach()
    for given in (ones(prompt), padded["left"]):
        inputs = {"inputs_embeds": embed[given["input_ids"]], "attention_mask": given["attention_mask"]}

        ours = model.generate(**inputs, max_new_tokens=9)

        assert ours.tolist() == theirs.generate(**inputs, max_new_tokens=9, pad_token_id=0).tolist()
        assert ours.tolist() == model.generate(**given, max_new_tokens=9)[:, 7:].tolist()
    both = {"inputs_embeds": embed[prompt], "input_ids": prompt}
    assert model.generate(**both, max_new_tokens=5).tolist() == theirs.generate(**both, max_new_tokens=5).tolist()


@reference
def test_a_cache_can_be_continued(model, theirs, prompt):
    first = model.generate(prompt, max_new_tokens=5, return_dict_in_generate=True, eos_token_id=None)
    longer = torch.cat((first.sequences, prompt), 1)
    whole = model.generate(longer, max_new_tokens=6)

    again = model.generate(longer, past_key_values=first.past_key_values, max_new_tokens=6)

    assert again.tolist() == whole.tolist()
    assert first.past_key_values.length == 7 + 5 + 7 + 5


def test_a_cache_that_holds_the_whole_prompt_is_read_once_more_from_its_last_token(model, prompt):
    cache = model.new_cache(3, 32)
    model(prompt, past_key_values=cache)

    assert (
        model.generate(prompt, past_key_values=cache, max_new_tokens=6).tolist()
        == model.generate(prompt, max_new_tokens=6).tolist()
    )


@reference
def test_only_the_new_tokens_beside_a_cache_and_its_whole_mask(model, padded, prompt):
    """The reference's other way to continue: ids of the new tokens, the mask of all of them."""
    whole = {
        "input_ids": torch.cat((padded["left"]["input_ids"], prompt), 1),
        "attention_mask": torch.cat((padded["left"]["attention_mask"], torch.ones_like(prompt)), 1),
    }
    cache = model.new_cache(3, 40)
    model(**padded["left"], past_key_values=cache)

    ours = model.generate(prompt, attention_mask=whole["attention_mask"], past_key_values=cache, max_new_tokens=6)

    assert ours[:, 7:].tolist() == model.generate(**whole, max_new_tokens=6)[:, 14:].tolist()


def test_ways_to_pass_the_prompt(model, prompt):
    expected = model.generate(prompt, max_new_tokens=4).tolist()

    assert model.generate(inputs=prompt, max_new_tokens=4).tolist() == expected
    assert model.generate(input_ids=prompt, max_new_tokens=4).tolist() == expected
    assert model.generate(ones(prompt), max_new_tokens=4).tolist() == expected
    assert model.generate(**ones(prompt), max_new_tokens=4).tolist() == expected
    assert model.generate(prompt.int(), max_new_tokens=4).tolist() == expected
    assert model.generate(prompt.tolist(), max_new_tokens=4).tolist() == expected
    assert model.generate(prompt, GenerationConfig(max_new_tokens=4)).tolist() == expected


def test_a_training_batch_can_be_continued_as_it_is(model, prompt):
    expected = model.generate(prompt, max_new_tokens=4).tolist()

    assert model.generate(**ones(prompt), labels=prompt, max_new_tokens=4).tolist() == expected
    assert model.generate(prompt, logits_to_keep=3, return_dict=False, max_new_tokens=4).tolist() == expected
    model.config.return_dict = False
    assert model.generate(prompt, max_new_tokens=4).tolist() == expected
    model.config.return_dict = True


def test_keywords_go_before_a_config_and_a_config_before_the_models_own(model, prompt):
    config = GenerationConfig(max_new_tokens=4, eos_token_id=50)

    assert model.generate(prompt, config).shape == (3, 11)
    assert model.generate(prompt, config, max_new_tokens=6).shape == (3, 13)
    assert config.max_new_tokens == 4


def test_a_length_that_the_caller_gives_goes_before_one_of_a_file(folder, prompt):
    model = AutoModelForCausalLM.from_pretrained(folder)
    model.generation_config = GenerationConfig.from_dict(
        {"max_new_tokens": 30, "min_new_tokens": 25, "eos_token_id": None}
    )

    assert model.generate(prompt).shape == (3, 37)
    assert model.generate(prompt, max_length=9).shape == (3, 9)
    assert model.generate(prompt, max_length=9, max_new_tokens=5).shape == (3, 12)


def test_dropout_is_dead_within_and_alive_after(folder, model, prompt):
    training = AutoModelForCausalLM.from_pretrained(folder, resid_pdrop=0.5, embd_pdrop=0.5).train()
    training.head.eval()
    before = [module.training for module in training.modules()]

    assert training.generate(prompt, max_new_tokens=8).tolist() == model.generate(prompt, max_new_tokens=8).tolist()
    with pytest.raises(RuntimeError, match="on purpose"):
        training.generate(prompt, logits_processor=[_raise])
    assert [module.training for module in training.modules()] == before


def _raise(input_ids, scores):
    raise RuntimeError("on purpose")


def test_nothing_keeps_a_graph_and_what_comes_back_can_be_trained_on(model, prompt):
    result = model.generate(prompt, max_new_tokens=3, return_dict_in_generate=True, output_scores=True)
    loss = model(result.sequences, labels=result.sequences).loss

    loss.backward()

    assert not any(scores.requires_grad for scores in result.scores)
    assert model.model.embed_tokens.weight.grad is not None
    model.zero_grad()


def test_any_callable_is_a_processor_or_a_criterion(model, prompt):
    def only_seven(input_ids, scores):
        return torch.full_like(scores, -torch.inf).index_fill(1, torch.tensor([7]), 0.0)

    def long_enough(input_ids, scores, **kwargs):
        return input_ids.shape[1] >= 10

    def each_row_at_its_own_time(input_ids, scores, **kwargs):
        return torch.tensor([input_ids.shape[1] >= 8 + row for row in range(3)])

    assert set(model.generate(prompt, logits_processor=[only_seven], max_new_tokens=5)[:, 7:].flatten().tolist()) == {7}
    assert model.generate(prompt, logits_processor=only_seven, stopping_criteria=long_enough).shape == (3, 10)
    ended = model.generate(
        prompt, logits_processor=only_seven, stopping_criteria=[each_row_at_its_own_time], pad_token_id=0
    )
    assert ended[:, 7:].tolist() == [[7, 0, 0], [7, 7, 0], [7, 7, 7]]


@reference
def test_the_references_own_processor_and_criterion_objects_work(model, theirs, prompt):
    from transformers import LogitsProcessorList, MaxLengthCriteria, StoppingCriteriaList, TemperatureLogitsWarper

    options = {
        "logits_processor": LogitsProcessorList([TemperatureLogitsWarper(0.5)]),
        "stopping_criteria": StoppingCriteriaList([MaxLengthCriteria(12)]),
        "do_sample": True,
    }

    torch.manual_seed(0)
    ours = model.generate(**ones(prompt), **options)
    torch.manual_seed(0)

    assert ours.tolist() == theirs.generate(**ones(prompt), **options, max_new_tokens=20).tolist()


@reference
def test_prefix_allowed_tokens_are_the_references(model, theirs, prompt):
    def allowed(row, ids):
        return [(int(ids[-1]) + row + step) % 97 for step in (1, 5, 9)]

    for options in ({}, {"num_beams": 3}):
        ours = model.generate(**ones(prompt), prefix_allowed_tokens_fn=allowed, max_new_tokens=8, **options)
        expected = theirs.generate(**ones(prompt), prefix_allowed_tokens_fn=allowed, max_new_tokens=8, **options)

        assert ours.tolist() == expected.tolist()


def test_temperature_zero_is_greedy(model, prompt):
    greedy = model.generate(prompt, max_new_tokens=6).tolist()

    assert model.generate(prompt, max_new_tokens=6, do_sample=True, temperature=0).tolist() == greedy
    assert model.generate(prompt, max_new_tokens=6, do_sample=True, temperature=0.0, top_p=0.5).tolist() == greedy
    assert model.generate(prompt, max_new_tokens=6, temperature=0).tolist() == greedy


def test_max_time_ends_early(model, prompt):
    assert model.generate(prompt, max_time=0, max_new_tokens=50, eos_token_id=None).shape == (3, 8)


def test_the_result_prints_as_shapes(model, prompt):
    result = model.generate(prompt, max_new_tokens=3, return_dict_in_generate=True)

    assert isinstance(result, GenerateDecoderOnlyOutput)
    assert "sequences: (3, 10) int64" in repr(result)
