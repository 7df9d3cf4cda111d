"""A model over several devices, on disk, or both computes what it computes on one."""

import re
from pathlib import Path

import pytest
import torch

import bearhug
import elsewhere
import tiny
from bearhug import AutoModel, AutoModelForCausalLM
from bearhug.checkpoints.devices import Sizes, layers_of, placed, plan, read_map, spelled_out
from bearhug.checkpoints.weight_map import rules
from bearhug.models import recipes
from bearhug.models.auto import model_class

LM = {
    name: "seq2seq-lm" if name in tiny.SEQ2SEQ else "causal-lm" if name in tiny.CAUSAL else "masked-lm"
    for name in tiny.RECIPES
}


def loaded(recipe: str, task: str, folder: Path, **options):
    """Our model of a folder that the reference wrote."""
    return model_class(tiny.CONFIGS[recipe][0], task).from_pretrained(folder, **options)


def flat(value: torch.Tensor | tuple) -> tuple:
    """One tensor, or several."""
    return value if isinstance(value, tuple) else (value,)


def apart(model) -> dict[str, str]:
    """A map of each weight: the first layers on one device, the others on a second, the end on disk."""
    known = rules(model.recipe.table(model.task, model.config), dict(model.named_parameters(remove_duplicate=False)))
    places = {}
    for theirs, rule in known.items():
        layer = re.search(r"layers\.([0-9]+)", rule.parts[0])
        behind = rule.parts[0].startswith(("head", "model.norm", "model.project_out"))
        places[theirs] = "disk" if behind else "cpu:2" if layer and int(layer[1]) else "cpu:1"
    return places


@pytest.mark.reference
@pytest.mark.parametrize("recipe", tiny.RECIPES)
def test_every_architecture_computes_the_same_over_several_devices(recipe, tmp_path):
    """Logits and generated tokens, greedy and by beams, are those of the model on one device, bit for bit."""
    task = LM[recipe] if LM[recipe] in recipes.find(tiny.CONFIGS[recipe][0]).heads else "base"
    tiny.reference_model(recipe, task, tmp_path)
    here = loaded(recipe, task, tmp_path)
    batch = tiny.for_decoder(recipe, task, tiny.batch([7, 3]))
    with torch.no_grad():
        expected = here(**batch)[0]
    with elsewhere.devices(), torch.no_grad():
        spread = loaded(recipe, task, tmp_path, device_map=apart(here), offload_folder=tmp_path / "off")
        at = {name: one.to(spread.device) for name, one in batch.items()} if recipe == "albert" else batch
        given = spread(**at)[0]
        places = {str(parameter.device) for parameter in spread.parameters()}

        assert len(places) > (recipe != "albert")  # it has one layer, and its end shares the first table
        assert given.device == at["input_ids"].device
        assert torch.equal(given.to("cpu"), expected)
        if here.can_generate():
            prompt = {name: batch[name] for name in ("input_ids", "attention_mask")}
            for options in ({}, {"num_beams": 2}):
                options |= {"max_new_tokens": 4, "do_sample": False}
                tokens = spread.generate(**{name: one.to(spread.device) for name, one in prompt.items()}, **options)
                assert torch.equal(tokens.to("cpu"), here.generate(**prompt, **options))


@pytest.mark.reference
@pytest.mark.parametrize("way", ["auto", "balanced", "balanced_low_0", "sequential"])
@pytest.mark.parametrize("recipe", ["llama", "llama-tied", "gpt2", "qwen2", "mistral", "gemma2"])
@pytest.mark.parametrize(
    "limits", [{0: 0.5, 1: 0.5, "cpu": 9}, {0: 0.7, "cpu": 0.6}, {"cpu": 0.5}, {0: 5, 1: 5, 2: 5}], ids=str
)
def test_a_map_is_made_as_the_reference_makes_it(recipe, way, limits):
    """Every module goes where the reference puts it, whatever the memory; limits are shares of the model's size."""
    from transformers.integrations.accelerate import _get_device_map

    theirs = tiny.reference_model(recipe, "causal-lm")
    kind = model_class(tiny.CONFIGS[recipe][0], "causal-lm")
    limits = {place: int(share * theirs.get_memory_footprint(False)) for place, share in limits.items()}
    expected = _get_device_map(theirs, way, dict(limits), None)
    with torch.device("meta"):
        ours = kind(kind.config_class.from_dict(theirs.config.to_dict()))
    placed(ours, way, limits, torch.float32)

    names = [name for name, _ in theirs.named_parameters()]
    assert spelled_out(ours.hf_device_map, names) == spelled_out(expected, names)


def test_weights_on_disk_stay_maps_of_their_file(tmp_path):
    """What the file holds as it is needed is used in place; what is converted goes to offload_folder, or is refused."""
    AutoModelForCausalLM.from_config(
        bearhug.AutoConfig.for_model("gpt2", n_layer=2, n_embd=16, n_head=2)
    ).save_pretrained(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path, device_map="disk")
    assert model.hf_device_map == {"": "disk"}
    with pytest.raises(ValueError, match="offload_folder="):
        AutoModelForCausalLM.from_pretrained(tmp_path, device_map="disk", dtype=torch.bfloat16)
    assert not (tmp_path / "off").exists()
    half = AutoModelForCausalLM.from_pretrained(
        tmp_path, device_map="disk", dtype=torch.bfloat16, offload_folder=tmp_path / "off"
    )
    assert half.dtype == torch.bfloat16
    assert len(list((tmp_path / "off").glob("*.safetensors"))) == len(list(half.parameters()))
    assert torch.equal(half.state_dict()["model.norm.weight"], model.state_dict()["model.norm.weight"].bfloat16())


@pytest.mark.parametrize(
    ("given", "says"), [(-1, "is no GPU"), ("cudda", "none"), ({"": "dsik"}, "Did you mean 'disk'")]
)
def test_a_place_that_there_is_not_is_refused(given, says):
    """The message names the places that there are."""
    with pytest.raises(ValueError, match=says):
        read_map(given)


def test_a_map_that_leaves_a_module_out_is_refused(tmp_path, caplog):
    """And one that names a module too many says so."""
    sizes = Sizes({"a.b.weight": 4, "a.c.weight": 4}, layers_of([]), {})
    assert plan(sizes, "sequential", {"cpu": "1KB"}) == {"a": "cpu"}
    with pytest.raises(ValueError, match=r"gives no place for a\.c"):
        spelled_out({"a.b": "cpu"}, ["a.b.weight", "a.c.weight"])
    spelled_out({"a": "cpu", "z": 0}, ["a.b.weight"])
    assert "z" in caplog.text


@pytest.mark.parametrize("task", ["base", "sequence-classification", "token-classification"])
def test_other_heads_compute_the_same_over_several_devices(task, tmp_path):
    """Losses, hidden states and attentions included, with the inputs on another device than the model."""
    kind = model_class("bert", task)
    sizes = {
        "hidden_size": 16,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "vocab_size": 120,
    }
    kind(bearhug.AutoConfig.for_model("bert", **sizes)).save_pretrained(tmp_path)
    here = kind.from_pretrained(tmp_path)
    batch = tiny.batch([7, 3])
    batch |= {"labels": torch.tensor([1, 0])} if task.startswith("seq") else {}
    options = {"output_hidden_states": True, "output_attentions": True}
    with torch.no_grad(), elsewhere.devices():
        expected = here(**batch, **options)
        given = kind.from_pretrained(tmp_path, device_map=apart(here))(**batch, **options)
        assert given.keys() == expected.keys()
        for name, value in expected.items():
            assert all(torch.equal(*pair) for pair in zip(flat(value), flat(given[name]), strict=True))


def test_the_same_devices_may_be_named_by_auto(tmp_path):
    """Without a GPU, everything fits on the CPU, and a model without a map has none."""
    kind = model_class("gpt2", "base")
    kind(bearhug.AutoConfig.for_model("gpt2", n_layer=1, n_embd=16, n_head=2, vocab_size=20)).save_pretrained(tmp_path)
    model = AutoModel.from_pretrained(tmp_path, device_map="auto")
    assert set(model.hf_device_map.values()) == {0 if torch.cuda.is_available() else "cpu"}
    assert not hasattr(AutoModel.from_pretrained(tmp_path), "hf_device_map")
