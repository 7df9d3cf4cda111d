"""Every option of the reference's GenerationConfig, in every way of searching: decoders, encoders, states."""

import pytest
import torch

import bearhug
import tiny
from bearhug.generation.config import NAMES, OPTIONS, REFUSED

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("ignore")]
MODELS = ["llama", "gemma2", "t5", "bart", "mamba", "qwen3_next"]
GREEDY, SAMPLE, BEAMS = {"do_sample": False}, {"do_sample": True}, {"do_sample": False, "num_beams": 4}
DRAWN = {"do_sample": True, "num_beams": 3, "num_return_sequences": 2}
ALL, DRAWING, SEARCHING = (GREEDY, SAMPLE, BEAMS, DRAWN), (SAMPLE, DRAWN), (BEAMS, DRAWN)
RESULTS = {"return_dict_in_generate": True}
EQUAL: dict[str, tuple[tuple, list]] = {  # option: the ways that it is compared in, and its values
    "max_length": (ALL, [9, 15]),
    "max_new_tokens": (ALL, [7]),
    "min_length": (ALL, [8]),
    "min_new_tokens": (ALL, [6]),
    "early_stopping": (SEARCHING, [True, False, "never"]),
    "max_time": (ALL, [100.0]),
    "do_sample": (({},), [True]),
    "num_beams": (({},), [3]),
    "num_return_sequences": ((SAMPLE, BEAMS), [2]),
    "use_cache": (ALL, [False]),
    "cache_implementation": (ALL, ["dynamic", "static"]),
    "max_cache_len": (ALL, [64]),
    "prefill_chunk_size": ((GREEDY, SAMPLE), [3]),
    "temperature": (DRAWING, [0.6, 1.7]),
    "top_k": (DRAWING, [3, 1]),
    "top_p": (DRAWING, [0.5]),
    "min_p": (DRAWING, [0.2]),
    "top_h": (DRAWING, [0.5]),
    "typical_p": (DRAWING, [0.6]),
    "epsilon_cutoff": (DRAWING, [0.02]),
    "eta_cutoff": (DRAWING, [0.02]),
    "repetition_penalty": (ALL, [1.5, 0.7]),
    "encoder_repetition_penalty": (ALL, [1.5, 0.7]),
    "length_penalty": (SEARCHING, [2.0, -1.0]),
    "no_repeat_ngram_size": (ALL, [1, 2]),
    "encoder_no_repeat_ngram_size": (ALL, [2]),
    "bad_words_ids": (ALL, [[[5], [7, 8], [20, 21, 22]]]),
    "renormalize_logits": (ALL, [True]),
    "forced_bos_token_id": (ALL, [11]),
    "forced_eos_token_id": (ALL, [12, [12, 13]]),
    "remove_invalid_values": (ALL, [True]),
    "exponential_decay_length_penalty": (ALL, [(2, 1.5)]),
    "suppress_tokens": (ALL, [[5, 6, 7, 20]]),
    "begin_suppress_tokens": (ALL, [[5, 6, 7, 20, 30]]),
    "sequence_bias": (ALL, [{(5,): 6.0, (7, 8): 4.0}, [[[5], 6.0]]]),
    "output_attentions": ((RESULTS, {**RESULTS, **BEAMS}, {**RESULTS, **DRAWN}), [True]),
    "output_hidden_states": ((RESULTS, {**RESULTS, **BEAMS}), [True]),
    "output_scores": ((RESULTS, {**RESULTS, **BEAMS}), [True]),
    "output_logits": ((RESULTS, {**RESULTS, **BEAMS}), [True]),
    "return_dict_in_generate": (ALL, [True]),
    "pad_token_id": (ALL, [9]),
    "bos_token_id": (ALL, [4]),
    "eos_token_id": (ALL, [[20, 30, 40], 33]),
    "decoder_start_token_id": (ALL, [6]),
    "guidance_scale": ((GREEDY, SAMPLE), [1.5]),
    "watermarking_config": (ALL, ["mark"]),
    "is_assistant": (({**RESULTS, "output_scores": True},), [True]),
    "prompt_lookup_num_tokens": ((GREEDY, SAMPLE), [3]),
    "max_matching_ngram_size": (({"prompt_lookup_num_tokens": 3}, {"prompt_lookup_num_tokens": 3, **SAMPLE}), [3]),
    "disable_compile": ((GREEDY,), [True]),
}
ELSEWHERE = {  # option: what holds it to the reference, or where it is right on purpose where the reference is not
    "stop_strings": "tests/generation/test_stopping.py",
    "cache_config": "tests/generation/test_ways.py: another quantization than the reference's optional packages",
    "token_healing": "tests/generation/test_healing.py",
    "compile_config": "nothing is compiled unasked; tests/generation/test_config.py",
    **dict.fromkeys(
        ("penalty_alpha", "low_memory", "dola_layers", "num_beam_groups", "diversity_penalty", "force_words_ids",
         "constraints"),
        "tests/generation/test_ways.py: the reference 5.x fetches these ways as code from the hub",
    ),
    **dict.fromkeys(
        ("assistant_early_exit", "num_assistant_tokens", "num_assistant_tokens_schedule", "assistant_lookbehind",
         "assistant_confidence_threshold", "assistant_ensemble_weight", "target_lookbehind"),
        "tests/generation/test_assisted.py: as keywords they count here; the reference reads the assistant's config",
    ),
}  # fmt: skip
OURS_ALONE = {  # (option, model): the reference refuses it, or gives something wrong
    ("prefill_chunk_size", "mamba"): "it finds no cache",
    ("output_attentions", "mamba"): "there is no attention",
    ("output_attentions", "qwen3_next"): "it has a None for each layer without attention, here is none",
    ("guidance_scale", "mamba"): "it reads the second text without its state",
    ("guidance_scale", "t5"): "both refuse",
    ("guidance_scale", "bart"): "its encoder reads the second text",
    **{(name, model): "both refuse" for name in ("prompt_lookup_num_tokens", "max_matching_ngram_size")
       for model in ("mamba", "qwen3_next")},
}  # fmt: skip


def test_the_list_is_the_references():
    """Each option is compared here, is held elsewhere, or is refused in words; and there is none that it lacks."""
    from transformers import GenerationConfig

    theirs = {name for name in GenerationConfig().to_dict() if name[0] != "_"} - {"transformers_version"}

    assert theirs <= set(NAMES)
    assert set(OPTIONS) == EQUAL.keys() | ELSEWHERE.keys()
    assert not EQUAL.keys() & ELSEWHERE.keys()
    assert set(NAMES) == OPTIONS.keys() | REFUSED.keys()


@pytest.fixture(scope="module", params=MODELS)
def pair(request, tmp_path_factory):
    name = next(key for key in tiny.CONFIGS if key.startswith(request.param))
    with_encoder, folder = name in tiny.SEQ2SEQ, tmp_path_factory.mktemp(request.param)
    theirs = tiny.reference_model(name, "seq2seq-lm" if with_encoder else "causal-lm", folder)
    loader = bearhug.AutoModelForSeq2SeqLM if with_encoder else bearhug.AutoModelForCausalLM
    ours = loader.from_pretrained(folder)
    if request.param != "qwen3_next":  # the reference multiplies its experts in float32 alone
        ours, theirs = ours.double(), theirs.double()
    return request.param, ours, theirs


def written(model, module, options):
    torch.manual_seed(3)
    if options.get("watermarking_config") == "mark":
        options = {**options, "watermarking_config": module.WatermarkingConfig(bias=3.0)}
    return model.generate(tiny.ids(1, 6), **options)


def leaves(value):
    return [value] if isinstance(value, torch.Tensor) else [leaf for item in value for leaf in leaves(item)]


@pytest.mark.parametrize("option", EQUAL)
def test_an_option_gives_what_the_reference_gives(pair, option):
    import transformers

    name, ours, theirs = pair
    ways, values = EQUAL[option]
    if option == "output_attentions" and name not in ("mamba", "qwen3_next"):
        theirs.set_attn_implementation("eager")  # the reference's default records none
    for way in ways:
        for value in values:
            options = {"max_new_tokens": 9, **way, option: value}
            if option == "max_length":
                del options["max_new_tokens"]
            if (option, name) in OURS_ALONE:
                if OURS_ALONE[option, name] == "both refuse":
                    for model, module in ((ours, bearhug), (theirs, transformers)):
                        with pytest.raises(ValueError):
                            written(model, module, options)
                continue
            mine, other = written(ours, bearhug, options), written(theirs, transformers, options)
            if isinstance(other, torch.Tensor):
                assert mine.tolist() == other.tolist(), (way, value)
                continue
            for key in set(other) - {"past_key_values"}:
                pairs = list(zip(leaves(mine[key]), leaves(other[key]), strict=True))
                assert pairs, key
                for one, two in pairs:
                    torch.testing.assert_close(one.double(), two.double(), atol=1e-4, rtol=1e-4)


def test_guidance_needs_a_prompt_of_the_decoder(pair):
    name, ours, _ = pair
    if name in ("t5", "bart"):
        with pytest.raises(ValueError, match="is its encoder's"):
            ours.generate(tiny.ids(1, 6), guidance_scale=1.5)
    else:
        assert ours.generate(tiny.ids(1, 6), guidance_scale=1.5, max_new_tokens=2).shape[1] > 6


@pytest.mark.parametrize(
    "options",
    [
        {"num_beams": 2, "is_assistant": True, "return_dict_in_generate": True, "output_scores": True},
        {"num_beams": 2, "prompt_lookup_num_tokens": 3},
        {"assistant_lookbehind": 3},
        {"num_assistant_tokens": 3},
        {"min_new_tokens": 20},
        {"top_p": 0.5},
        {"length_penalty": 2.0},
    ],
    ids=str,
)
def test_what_would_do_nothing_is_an_error(pair, options):
    """The reference goes on, with a warning or without."""
    _, ours, _ = pair
    with pytest.raises(ValueError):
        ours.generate(tiny.ids(1, 6), **{"max_new_tokens": 9, **options})
