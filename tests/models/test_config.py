"""Configs: the reference's names and defaults, old keys and new ones, what a config.json holds."""

import json

import pytest
import torch

import bearhug
import tiny
from bearhug import AutoConfig, GPT2Config, LlamaConfig
from bearhug.models.recipes import RECIPES

MODEL_TYPES = sorted(set(RECIPES) - {"encoder-decoder"})  # two configs in one: test_joined.py


@pytest.mark.reference
@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_defaults_are_the_references(model_type):
    """A config made without values, as a dict and as JSON."""
    import transformers

    theirs, ours = transformers.AutoConfig.for_model(model_type), AutoConfig.for_model(model_type)
    version = {"transformers_version", "_name_or_path"}
    expected = {name: value for name, value in theirs.to_dict().items() if name not in version}
    written = {name: value for name, value in json.loads(theirs.to_json_string()).items() if name not in version}

    assert {name: value for name, value in ours.to_dict().items() if name not in version} == expected
    assert json.loads(ours.to_json_string()) == written
    assert type(ours).__name__ == type(theirs).__name__
    assert ours == type(ours)()


@pytest.mark.reference
@pytest.mark.parametrize("recipe", tiny.RECIPES)
def test_a_config_goes_to_the_reference_and_back(recipe, tmp_path):
    """What either writes the other reads."""
    import transformers

    theirs = tiny.reference_config(recipe, num_labels=5, problem_type="regression")
    theirs.save_pretrained(tmp_path / "theirs")
    ours = AutoConfig.from_pretrained(tmp_path / "theirs")
    ours.save_pretrained(tmp_path / "ours")
    back = transformers.AutoConfig.from_pretrained(tmp_path / "ours")

    assert back.to_dict() == theirs.to_dict() | {"_name_or_path": back._name_or_path}
    assert AutoConfig.from_pretrained(tmp_path / "ours").to_json_string() == ours.to_json_string()


def test_the_common_names_and_the_familys_own_are_one():
    """For construction, reading and writing, both ways."""
    config = GPT2Config(hidden_size=32, n_layer=2)

    assert (config.n_embd, config.hidden_size, config.num_hidden_layers) == (32, 32, 2)
    config.num_attention_heads = 4
    assert config.n_head == 4
    assert "hidden_size" not in config.to_dict()


@pytest.mark.parametrize(
    "old",
    [
        {"rope_theta": 500000.0, "rope_scaling": {"type": "linear", "factor": 2.0}},
        {"rope_theta": 500000.0, "rope_scaling": {"rope_type": "linear", "factor": 2.0}},
        {"rope_parameters": {"rope_theta": 500000.0, "rope_type": "linear", "factor": 2.0}},
    ],
    ids=["4.30", "4.50", "5"],
)
def test_rotary_parameters_are_read_in_every_form(old):
    config = LlamaConfig(**old)

    assert config.rope_parameters == {"rope_theta": 500000.0, "rope_type": "linear", "factor": 2.0}
    assert config.rope_theta == 500000.0
    assert config.rope_scaling == config.rope_parameters


@pytest.mark.parametrize("name", ["dtype", "torch_dtype"])
@pytest.mark.parametrize("value", ["bfloat16", "torch.bfloat16", torch.bfloat16])
def test_dtypes_are_read_under_both_names(name, value):
    config = GPT2Config(**{name: value})

    assert config.dtype == config.torch_dtype == torch.bfloat16
    assert json.loads(config.to_json_string())["dtype"] == "bfloat16"


def test_labels_have_integer_keys_and_follow_each_other():
    config = bearhug.BertConfig.from_dict({"id2label": {"0": "no", "1": "yes", "2": "perhaps"}})

    assert config.id2label == {0: "no", 1: "yes", 2: "perhaps"}
    assert config.label2id == {"no": 0, "yes": 1, "perhaps": 2}
    assert config.num_labels == 3
    config.num_labels = 2
    assert config.id2label == {0: "LABEL_0", 1: "LABEL_1"}
    assert bearhug.BertConfig(label2id={"a": 0, "b": 1}).id2label == {0: "a", 1: "b"}


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ({}, {0: "no", 1: "yes"}),
        ({"num_labels": 2}, {0: "no", 1: "yes"}),
        ({"num_labels": 3}, {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}),
        ({"id2label": {0: "x"}}, {0: "x"}),
        ({"label2id": {"p": 0, "q": 1}}, {0: "p", 1: "q"}),
        ({"num_labels": 1, "id2label": {"0": "x"}}, {0: "x"}),
    ],
    ids=str,
)
def test_labels_can_be_replaced_on_loading(override, expected, tmp_path):
    bearhug.BertConfig(id2label={0: "no", 1: "yes"}).save_pretrained(tmp_path)

    assert AutoConfig.from_pretrained(tmp_path, **override).id2label == expected


def test_unknown_names_of_a_file_are_kept_and_those_of_a_person_are_errors(tmp_path):
    """A config.json may hold anything; a typo in a call may not pass."""
    (tmp_path / "config.json").write_text('{"model_type": "gpt2", "task_specific_params": {"a": 1}, "n_ctx": 1024}')
    config = AutoConfig.from_pretrained(tmp_path, n_ctx=5)

    assert (config.n_ctx, config.task_specific_params) == (5, {"a": 1})
    assert json.loads(config.to_json_string())["n_ctx"] == 5
    with pytest.raises(TypeError, match=r"n_layers.*'n_layer'"):
        AutoConfig.from_pretrained(tmp_path, n_layers=3)
    with pytest.raises(TypeError, match=r"n_layers.*'n_layer'"):
        GPT2Config(n_layers=3)
    assert GPT2Config(colour_of_the_cover="green").colour_of_the_cover == "green"
    assert AutoConfig.from_pretrained(tmp_path, zebra=1, return_unused_kwargs=True)[1] == {"zebra": 1}


def test_a_file_can_be_read_as_well_as_a_folder(tmp_path):
    GPT2Config(n_layer=3).save_pretrained(tmp_path)

    assert AutoConfig.from_pretrained(tmp_path / "config.json").n_layer == 3
    assert GPT2Config.from_json_file(tmp_path / "config.json").n_layer == 3
    assert GPT2Config.from_pretrained(str(tmp_path)).name_or_path == str(tmp_path)


def test_reading_a_config_needs_no_torch():
    """AutoConfig is for looking, too."""
    import subprocess
    import sys

    code = "import sys; from bearhug import AutoConfig; "
    code += "AutoConfig.for_model('llama'); sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("{", ValueError, "is no JSON"),
        ("[1]", ValueError, "holds a JSON list, expected an object"),
        ('{"n_layer": 2}', ValueError, "has no model_type"),
        ('{"model_type": "gpt3"}', ValueError, "'gpt3' has no recipe. Did you mean .*'gpt2'"),
        ('{"model_type": "bert", "problem_type": "single_label"}', ValueError, "single_label_classification"),
    ],
)
def test_a_config_that_cannot_be_read_says_why(text, error, says, tmp_path):
    (tmp_path / "config.json").write_text(text)

    with pytest.raises(error, match=says):
        AutoConfig.from_pretrained(tmp_path)


def test_a_folder_without_a_config_is_no_model(tmp_path):
    with pytest.raises(OSError, match=r"has no config\.json, so it is no model"):
        AutoConfig.from_pretrained(tmp_path)


def test_a_config_prints_as_its_file():
    assert repr(GPT2Config()).startswith("GPT2Config {\n")
    assert repr(GPT2Config()).endswith(GPT2Config().to_json_string())


def test_a_config_can_be_pushed_alone(tmp_path, monkeypatch):
    from pathlib import Path

    from bearhug.checkpoints import config

    pushed = []
    monkeypatch.setattr(
        config,
        "push_folder",
        lambda folder, repo_id, **options: pushed.append(
            (repo_id, options, sorted(p.name for p in Path(folder).iterdir()))
        ),
    )
    GPT2Config().push_to_hub("ada/config", private=True)
    GPT2Config().save_pretrained(tmp_path / "mine", push_to_hub=True)

    assert pushed == [("ada/config", {"private": True}, ["config.json"]), ("mine", {}, ["config.json"])]


def test_the_base_class_reads_any_family(tmp_path):
    GPT2Config(n_layer=3).save_pretrained(tmp_path)

    assert type(bearhug.PretrainedConfig.from_pretrained(tmp_path)) is GPT2Config


_LONG = {"rope_type": "longrope", "short_factor": [1.0] * 48, "long_factor": [2.0] * 48}
_LINEAR = {"rope_type": "linear", "factor": 8.0}
_NESTED = {"full_attention": {**_LINEAR, "rope_theta": 7.0}, "sliding_attention": {"rope_type": "default"}}


@pytest.mark.reference
@pytest.mark.parametrize(
    "values",
    [
        {"model_type": "gemma3_text"},
        {"model_type": "gemma3_text", "rope_theta": 5e5, "rope_local_base_freq": 100.0, "rope_scaling": _LINEAR},
        {"model_type": "gemma3_text", "sliding_window_pattern": 2, "num_hidden_layers": 5},
        {"model_type": "gemma3_text", "rope_parameters": _NESTED},
        {"model_type": "olmo3", "rope_theta": 5e6},
        {"model_type": "olmo3", "rope_scaling": {"rope_type": "yarn", "factor": 8.0}},
        {"model_type": "gemma2", "num_hidden_layers": 3},
        {"model_type": "gpt_neox", "rotary_pct": 0.5, "rotary_emb_base": 500},
        {"model_type": "phi", "partial_rotary_factor": 0.4, "rope_theta": 5.0},
        {"model_type": "phi", "rope_scaling": _LINEAR},
        {"model_type": "phi3", "rope_scaling": _LONG, "original_max_position_embeddings": 512},
        {"model_type": "phi3", "partial_rotary_factor": 0.75},
        {"model_type": "glm4", "eos_token_id": 3},
        {"model_type": "smollm3", "num_hidden_layers": 5, "no_rope_layer_interval": 2},
        {"model_type": "smollm3", "use_sliding_window": True, "sliding_window": 8, "num_hidden_layers": 5},
        {"model_type": "cohere2", "sliding_window_pattern": 3, "num_hidden_layers": 4},
        {"model_type": "exaone4", "num_hidden_layers": 9, "sliding_window_pattern": 3},
        {"model_type": "cwm", "num_hidden_layers": 5},
        {"model_type": "cwm", "rope_parameters": {"rope_type": "default"}},
        {"model_type": "ernie4_5", "rope_theta": 10.0},
        {"model_type": "gpt_neo", "attention_types": [[["global"], 1], [["local"], 2]], "num_layers": 3},
        {"model_type": "falcon", "n_embed": 64, "num_attention_heads": 4},
        {"model_type": "gpt_bigcode", "multi_query": False},
        {"model_type": "opt", "hidden_size": 16},
    ],
    ids=lambda values: " ".join(map(str, values.values()))[:40],
)
def test_older_forms_are_filled_in_as_the_reference_fills_them(values, tmp_path):
    """Of a config.json: rotary positions, kinds of layers, sizes."""
    import transformers

    (tmp_path / "config.json").write_text(json.dumps(values))
    theirs, ours = transformers.AutoConfig.from_pretrained(tmp_path), AutoConfig.from_pretrained(tmp_path)
    passing = {"rope_theta", "rotary_pct", "rotary_emb_base", "partial_rotary_factor", "_name_or_path"}
    expected = {name: value for name, value in theirs.to_dict().items() if name not in passing}

    assert {name: value for name, value in ours.to_dict().items() if name in expected} == {
        name: value for name, value in expected.items() if name != "transformers_version"
    } | {"transformers_version": ours.transformers_version}
