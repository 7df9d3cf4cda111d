"""The names, arguments and options of a model's methods are the reference's; what they do, too."""

import inspect

import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny
from bearhug import AutoConfig, AutoModelForCausalLM
from bearhug.models.pretrained import PreTrainedModel

SIGNATURES = (
    "from_pretrained", "save_pretrained", "push_to_hub", "resize_token_embeddings", "get_input_embeddings",
    "get_output_embeddings", "tie_weights", "gradient_checkpointing_disable", "set_attn_implementation",
    "num_parameters", "get_memory_footprint", "add_model_tags", "set_input_embeddings", "set_output_embeddings",
    "enable_input_require_grads", "disable_input_require_grads", "can_generate", "get_decoder",
    "activation_checkpointing_disable",
)  # fmt: skip


def small(**values):
    """A tiny Llama."""
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4}
    return AutoModelForCausalLM.from_config(
        AutoConfig.for_model("llama", **sizes, num_key_value_heads=2, vocab_size=120, **values)
    ).eval()


@pytest.mark.reference
@pytest.mark.parametrize("name", SIGNATURES)
def test_the_reference_calls_work(name):
    """Each argument of the reference's method is taken, by name and, where it may stand by position, at its place."""
    from transformers import PreTrainedModel as Theirs

    theirs = [p for p in inspect.signature(getattr(Theirs, name)).parameters.values() if p.name not in ("self", "args")]
    ours = [p for p in inspect.signature(getattr(PreTrainedModel, name)).parameters.values() if p.name != "self"]
    names = [p.name for p in ours]
    takes_more = any(p.kind is p.VAR_KEYWORD for p in ours)
    for place, parameter in enumerate(theirs):
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        assert parameter.name in names or takes_more
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.name in names:
            assert names.index(parameter.name) == place


@pytest.mark.parametrize("padded", [False, True])
def test_every_way_to_attend_gives_the_same(padded):
    """eager, sdpa and flex_attention: the same logits, with padding on either side, windows and groups of heads."""
    torch.manual_seed(0)
    for options in ({}, {"model_type": "gemma2"}):
        model = small() if not options else tiny_gemma()
        batch = tiny.batch([7, 3], side="left") if padded else {"input_ids": tiny.ids(2, 7)}
        model.set_attn_implementation("eager")
        with torch.no_grad():
            expected = model(**batch).logits
        for way in ("sdpa", "flex_attention", {"": "sdpa"}):
            model.set_attn_implementation(way)
            with torch.no_grad():
                torch.testing.assert_close(model(**batch).logits, expected, atol=1e-5, rtol=1e-5)
            model(**batch).logits.sum().backward()
        assert model.config.attn_implementation == "sdpa"
    with pytest.raises(ValueError, match="flex"):
        model.set_attn_implementation("flax_attention")


def tiny_gemma():
    """A model with windows."""
    return AutoModelForCausalLM.from_config(AutoConfig.for_model("gemma2", **tiny.CONFIGS["gemma2"][1])).eval()


def test_other_names_of_weights_are_read_by_key_mapping(tmp_path):
    """{regular expression: replacement} is applied to the checkpoint's names."""
    model = small()
    model.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    save_file({name.replace("model.", "backbone.net."): one for name, one in load_file(path).items()}, path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path, key_mapping={r"^backbone\.net": "model"})
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])


def test_checkpoints_of_gradients_may_skip_layers():
    """every_n_layers changes what is kept, not the gradients."""
    model = small().train()
    ids = tiny.ids(2, 6)
    model(ids, labels=ids).loss.backward()
    expected = {name: one.grad.clone() for name, one in model.named_parameters()}
    calls = []
    model.model.layers[1].register_forward_pre_hook(lambda *_: calls.append(1))
    for every, runs in ((1, 2), (2, 1)):
        calls.clear()
        model.zero_grad()
        model.gradient_checkpointing_enable({"use_reentrant": False}, every_n_layers=every)
        assert model.is_gradient_checkpointing
        model(ids, labels=ids).loss.backward()
        assert len(calls) == runs
        for name, one in model.named_parameters():
            torch.testing.assert_close(one.grad, expected[name])
    model.gradient_checkpointing_disable()
    assert not model.is_gradient_checkpointing


def test_tags_gather_and_inputs_take_gradients_back():
    """add_model_tags keeps each once; disable_input_require_grads undoes enable_input_require_grads."""
    model = small()
    model.add_model_tags("one")
    model.add_model_tags(["two", "one"])
    assert model.model_tags == ["one", "two"]
    model.requires_grad_(False)
    model.enable_input_require_grads()
    assert model(tiny.ids(1, 3)).logits.requires_grad
    model.disable_input_require_grads()
    assert not model(tiny.ids(1, 3)).logits.requires_grad


@pytest.mark.reference
def test_sizes_are_the_reference_s(tmp_path):
    """num_parameters in every way, and the bytes."""
    theirs = tiny.reference_model("llama-tied", "causal-lm", tmp_path)
    ours = AutoModelForCausalLM.from_pretrained(tmp_path)
    for model in (theirs, ours):
        model.get_input_embeddings().weight.requires_grad_(False)
    for trained in (False, True):
        for bare in (False, True):
            assert ours.num_parameters(trained, bare) == theirs.num_parameters(trained, bare)
    assert ours.get_memory_footprint(False) == theirs.get_memory_footprint(False)
    half = AutoModelForCausalLM.from_pretrained(tmp_path, dtype="float16")
    assert half.bfloat16().dtype == torch.bfloat16
    assert half.float().half().to(torch.float64).dtype == torch.float64
    half.half().save_pretrained(tmp_path / "half")
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "half", dtype="auto").dtype == torch.float16
