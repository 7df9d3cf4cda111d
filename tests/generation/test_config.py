"""GenerationConfig: the reference's options and defaults, one check, no option without effect, files both ways."""

import copy
import json
import re
import warnings
from pathlib import Path

import pytest
import torch

from bearhug import GenerationConfig
from bearhug.generation.config import NAMES, OPTIONS, REFUSED, SAMPLING, resolved

reference = pytest.mark.reference

# a right value for each option that is not the default, so that all pairs can be tried
SET = {
    "max_length": 12, "max_new_tokens": 4, "min_length": 8, "min_new_tokens": 2, "early_stopping": True,
    "max_time": 60.0, "do_sample": True, "num_beams": 2, "num_return_sequences": 2, "use_cache": False,
    "cache_implementation": "static", "max_cache_len": 40, "prefill_chunk_size": 3, "temperature": 0.7, "top_k": 10,
    "top_p": 0.8, "min_p": 0.05, "top_h": 0.5, "typical_p": 0.9, "epsilon_cutoff": 0.001, "eta_cutoff": 0.001,
    "repetition_penalty": 1.2, "encoder_repetition_penalty": 1.1, "length_penalty": 0.5, "no_repeat_ngram_size": 3,
    "encoder_no_repeat_ngram_size": 3, "bad_words_ids": [[9], [10, 11]], "renormalize_logits": True,
    "forced_bos_token_id": 4, "forced_eos_token_id": [5], "remove_invalid_values": True,
    "exponential_decay_length_penalty": (2, 1.1), "suppress_tokens": [12], "begin_suppress_tokens": [13],
    "sequence_bias": {(14,): 2.0}, "output_attentions": True, "output_hidden_states": True, "output_scores": True,
    "output_logits": True, "return_dict_in_generate": True, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": [2, 3], "decoder_start_token_id": 1, "disable_compile": True,
}  # fmt: skip
WRONG = {
    "max_length": [0, -1, 2.5, True, "20"], "max_new_tokens": [0, -3, 1.5], "min_length": [-1],
    "min_new_tokens": [-1], "early_stopping": ["maybe", 3], "max_time": [-1], "do_sample": ["yes"],
    "num_beams": [0, 1.5], "top_k": [-1, 2.5], "num_return_sequences": [0], "temperature": [-0.1, "hot"],
    "top_p": [-0.1, 1.1, 90], "min_p": [-1, 2], "top_h": [0, 1.5], "typical_p": [0, 1.5], "epsilon_cutoff": [-1, 1],
    "eta_cutoff": [1.5], "repetition_penalty": [0, -1], "encoder_repetition_penalty": [0],
    "length_penalty": ["long"], "no_repeat_ngram_size": [-1, 1.5],
    "bad_words_ids": [[], [[]], [1, 2], "word", [[-1]]], "sequence_bias": [{}, {(1,): "x"}, {(): 1.0}],
    "suppress_tokens": ["the"], "stop_strings": [[], [""], 5], "eos_token_id": ["</s>"], "pad_token_id": ["<pad>"],
    "exponential_decay_length_penalty": [3, (1,)], "cache_implementation": ["fast"],
    "prefill_chunk_size": [0],
}  # fmt: skip


@reference
def test_every_option_of_the_reference_is_there_and_none_until_set():
    from transformers import GenerationConfig as Theirs

    ours = GenerationConfig()

    for name, value in Theirs().to_dict().items():
        if name not in ("transformers_version", "_from_model_config"):
            assert getattr(ours, name) == value, name


@reference
def test_unset_options_stand_for_the_references_defaults():
    from transformers import GenerationConfig as Theirs

    ours, _ = resolved(None, None, {})

    for name, value in Theirs._get_default_generation_params().items():
        assert getattr(ours, name) == value, name


@reference
def test_modes_are_the_references():
    from transformers import GenerationConfig as Theirs

    for options in ({}, {"do_sample": True}, {"num_beams": 2}, {"num_beams": 3, "do_sample": True}):
        assert GenerationConfig(**options).get_generation_mode() == Theirs(**options).get_generation_mode()


def test_every_option_is_explained():
    for name in OPTIONS:
        assert re.search(rf"\b{name}\b", GenerationConfig.__doc__), name


def test_an_unknown_option_is_an_error_that_names_the_near_one():
    with pytest.raises(TypeError, match="'max_new_tokens'"):
        GenerationConfig(max_new_token=5)
    with pytest.raises(AttributeError, match="'temperature'"):
        GenerationConfig().temprature = 0.5
    with pytest.raises(TypeError, match="'top_k'"):
        GenerationConfig.from_dict({}, topk=5)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values], ids=str
)
def test_a_wrong_value_is_named_with_the_values_that_are_right(name, value):
    with pytest.raises(ValueError, match=name):
        GenerationConfig(**{name: value})
    config = GenerationConfig()
    setattr(config, name, value)
    with pytest.raises(ValueError, match=name):
        resolved(config, None, {})


@pytest.mark.parametrize("name", REFUSED)
def test_what_generate_does_not_do_is_refused_by_name_unless_it_asks_for_nothing(name):
    with pytest.raises(ValueError, match=f"^{name}=.* does not do that"):
        resolved(None, None, {name: 0.37})
    resolved(None, None, {name: None})
    for nothing in REFUSED[name][0]:
        resolved(None, None, {name: nothing})


@pytest.mark.parametrize("name", [name for name, option in OPTIONS.items() if option.needs == SAMPLING])
def test_a_sampling_option_without_sampling_is_an_error_or_was_turned_off_in_so_many_words(name):
    with pytest.raises(ValueError, match=f"{name}=.*do_sample=True"):
        resolved(None, None, {name: SET[name]})
    resolved(None, None, {name: SET[name], "do_sample": True})
    resolved(None, None, {name: SET[name], "do_sample": False})
    resolved(None, GenerationConfig.from_dict({name: SET[name]}), {})  # only a checkpoint's default


def test_other_options_without_their_mode():
    with pytest.raises(ValueError, match=r"length_penalty=0\.5.*num_beams"):
        resolved(None, None, {"length_penalty": 0.5})
    with pytest.raises(ValueError, match=r"early_stopping=True.*num_beams"):
        resolved(GenerationConfig(early_stopping=True), None, {})
    with pytest.raises(ValueError, match=r"output_scores=True.*return_dict_in_generate=True"):
        resolved(None, None, {"output_scores": True})
    with pytest.raises(ValueError, match=r"num_assistant_tokens=5.*assistant_model"):
        resolved(None, None, {"num_assistant_tokens": 5})
    model_config = GenerationConfig()
    model_config.temperature = 0.5
    with pytest.raises(ValueError, match=r"temperature=0\.5.*do_sample"):
        resolved(None, model_config, {})


def test_several_sequences_need_sampling_or_as_many_beams():
    with pytest.raises(ValueError, match="do_sample=True, or num_beams=3"):
        GenerationConfig(num_return_sequences=3)
    with pytest.raises(ValueError, match="num_beams=3"):
        GenerationConfig(num_return_sequences=3, num_beams=2)
    with pytest.raises(ValueError, match="greedy"):
        GenerationConfig(num_return_sequences=3, do_sample=True, temperature=0.0)
    GenerationConfig(num_return_sequences=3, num_beams=3)


def test_a_token_cannot_be_forced_and_suppressed():
    with pytest.raises(ValueError, match=r"forced_eos_token_id.*suppress_tokens"):
        GenerationConfig(forced_eos_token_id=5, suppress_tokens=[4, 5])


def test_none_as_a_keyword_turns_an_option_off():
    model_config = GenerationConfig.from_dict({"top_k": 7, "temperature": 0.3, "max_length": 9, "eos_token_id": 2})

    config, unset = resolved(
        None,
        model_config,
        {"top_k": None, "temperature": None, "max_length": None, "eos_token_id": None, "do_sample": True},
    )

    assert (config.top_k, config.temperature, config.eos_token_id) == (0, 1.0, None)
    assert "max_length" in unset


def test_order_of_precedence():
    model_config = GenerationConfig.from_dict({"top_k": 7, "top_p": 0.3, "eos_token_id": 2})
    config, unset = resolved(GenerationConfig(top_k=8, top_p=None), model_config, {"do_sample": True, "min_p": 0.1})

    assert (config.top_k, config.top_p, config.min_p, config.eos_token_id, config.num_beams) == (8, 0.3, 0.1, 2, 1)
    assert "num_beams" in unset
    assert "top_k" not in unset


@pytest.mark.parametrize("first", SET)
def test_all_pairs_of_options_are_an_error_or_run_without_a_warning(model, prompt, first):
    """A3: no option is ignored with a warning."""
    ran, refused = 0, []
    for second in SET:
        options = {first: SET[first], second: SET[second]}
        if not options.keys() & {"max_length", "max_new_tokens"}:
            options["max_new_tokens"] = 4
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                torch.manual_seed(0)
                model.generate(prompt, **options)
                ran += 1
            except ValueError as error:
                refused.append(str(error))

    assert all(any(f"{name}=" in message for name in SET) for message in refused), refused
    if OPTIONS[first].needs is None and first != "num_return_sequences":
        assert ran > len(SET) / 2


@reference
def test_files_carry_over_in_both_directions(tmp_path):
    from transformers import GenerationConfig as Theirs

    options = {
        "do_sample": True, "temperature": 0.6, "top_p": 0.9, "eos_token_id": [1, 2], "max_new_tokens": 9,
        "bad_words_ids": [[1, 2]],
    }  # fmt: skip
    Theirs(**options).save_pretrained(tmp_path / "theirs")
    ours = GenerationConfig.from_pretrained(tmp_path / "theirs")
    ours.save_pretrained(tmp_path / "ours")
    again = GenerationConfig.from_pretrained(tmp_path / "ours")
    again.save_pretrained(tmp_path / "again")

    assert {name: getattr(ours, name) for name in options} == options
    assert ours == again
    assert (
        Theirs.from_pretrained(tmp_path / "ours").to_diff_dict()
        == Theirs.from_pretrained(tmp_path / "theirs").to_diff_dict()
    )
    assert (tmp_path / "ours/generation_config.json").read_bytes() == (
        tmp_path / "again/generation_config.json"
    ).read_bytes()
    assert (tmp_path / "ours/generation_config.json").read_bytes() == (
        tmp_path / "theirs/generation_config.json"
    ).read_bytes()


def test_what_changes_nothing_is_not_saved_unless_it_was_loaded(tmp_path):
    config = GenerationConfig(temperature=0.5)
    with pytest.raises(ValueError, match=r"temperature=0\.5"):
        config.save_pretrained(tmp_path)
    GenerationConfig.from_dict({"temperature": 0.5}).save_pretrained(tmp_path)

    GenerationConfig.from_pretrained(tmp_path).save_pretrained(tmp_path)


def test_keys_of_a_file_that_are_no_options_are_kept(tmp_path):
    (tmp_path / "generation_config.json").write_text(json.dumps({"top_k": 3, "lang_to_id": {"<|en|>": 7}}))

    config = GenerationConfig.from_pretrained(tmp_path)
    config.save_pretrained(tmp_path / "again")

    assert config.lang_to_id == {"<|en|>": 7}
    assert json.loads((tmp_path / "again/generation_config.json").read_text()) == {
        "top_k": 3,
        "lang_to_id": {"<|en|>": 7},
    }


def test_biases_survive_a_file(tmp_path):
    GenerationConfig(sequence_bias={(1, 2): -3.0, (4,): 2.5}).save_pretrained(tmp_path)

    assert GenerationConfig.from_pretrained(tmp_path).sequence_bias == [[[1, 2], -3.0], [[4], 2.5]]


def test_an_old_checkpoint_keeps_its_options_in_config_json(tmp_path):
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "gpt2", "n_layer": 2, "max_length": 50, "do_sample": True, "eos_token_id": 7})
    )

    config = GenerationConfig.from_pretrained(tmp_path)

    assert (config.max_length, config.do_sample, config.eos_token_id) == (50, True, 7)
    assert not hasattr(config, "n_layer")


@reference
def test_from_model_config_is_the_references():
    from transformers import GenerationConfig as Theirs

    values = {
        "model_type": "x", "eos_token_id": 5, "top_k": 9, "output_hidden_states": True, "num_beams": None,
        "text_config": {"bos_token_id": 3, "temperature": 0.5}, "hidden_size": 4,
    }  # fmt: skip
    ours, expected = GenerationConfig.from_model_config(dict(values)), Theirs.from_model_config(dict(values))

    for name in OPTIONS:
        assert getattr(ours, name) == getattr(expected, name), name


def test_no_such_file_is_an_oserror(tmp_path):
    with pytest.raises(OSError, match=r"generation_config\.json"):
        GenerationConfig.from_pretrained(tmp_path)
    (tmp_path / "generation_config.json").write_text("{")
    with pytest.raises(OSError, match="not JSON"):
        GenerationConfig.from_pretrained(tmp_path)


def test_unused_keywords_can_be_asked_for(tmp_path):
    GenerationConfig(top_k=3, do_sample=True).save_pretrained(tmp_path)
    config, unused = GenerationConfig.from_pretrained(tmp_path, top_k=1, foo=False, return_unused_kwargs=True)

    assert (config.top_k, unused) == (1, {"foo": False})
    assert config.update(top_k=2, bar=1) == {"bar": 1}


def test_it_is_pushed_in_one_commit(monkeypatch):
    from bearhug.hub import client

    def push_folder(folder, repo_id, **options):
        pushed.append((sorted(path.name for path in Path(folder).iterdir()), repo_id, options))

    pushed = []
    monkeypatch.setattr(client, "push_folder", push_folder)
    GenerationConfig(top_k=3, do_sample=True).push_to_hub("me/model", private=True)

    assert pushed == [
        (
            ["generation_config.json"],
            "me/model",
            {"commit_message": "Upload generation_config.json", "private": True},
        )
    ]


def test_copies_compare_and_print_what_is_set():
    config = GenerationConfig(top_k=3)
    other = copy.deepcopy(config)
    other.top_k = 4

    assert config == GenerationConfig(top_k=3)
    assert config != other
    assert hash(config) == hash(GenerationConfig(top_k=3))
    assert repr(config) == 'GenerationConfig {\n  "top_k": 3\n}'
    assert set(NAMES) <= set(config.to_dict())
