"""LoRA adapters, against the reference both ways: it reads ours, we read its, the numbers are the same."""

import json

import pytest
import torch

import bearhug
import tiny

reference = pytest.mark.reference
CASES = {
    "llama": ("llama", {"target_modules": ["q_proj", "v_proj"]}),
    "llama-all": ("llama", {"target_modules": "all-linear", "use_rslora": True, "lora_alpha": 3}),
    "llama-regex": ("llama", {"target_modules": r".*layers\.1\..*(up|down)_proj"}),
    "llama-layers": ("llama", {"target_modules": ["k_proj"], "layers_to_transform": [1]}),
    "llama-patterns": ("llama", {"target_modules": ["q_proj", "o_proj"], "rank_pattern": {"o_proj": 2},
                                 "alpha_pattern": {r"layers.0.self_attn.q_proj": 32}}),
    "llama-save": ("llama", {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}),
    "llama-dora": ("llama", {"target_modules": ["q_proj", "down_proj"], "use_dora": True}),
    "llama-words": ("llama", {"target_modules": ["embed_tokens", "q_proj"]}),
    "llama-exclude": ("llama", {"target_modules": "all-linear", "exclude_modules": ["gate_proj"]}),
    "llama-usual": ("llama", {}),
    "gpt2": ("gpt2", {"target_modules": ["c_attn", "c_proj", "c_fc"], "fan_in_fan_out": True}),
    "gpt2-dora": ("gpt2", {"target_modules": ["c_attn"], "fan_in_fan_out": True, "use_dora": True}),
    "gpt_neox": ("gpt_neox", {"target_modules": ["query_key_value", "dense"]}),
    "phi3": ("phi3", {"target_modules": ["qkv_proj", "gate_up_proj"]}),
    "qwen2-bias": ("qwen2", {"target_modules": ["q_proj", "o_proj"], "bias": "lora_only"}),
}  # fmt: skip


def _reference(name, folder, seed=0, **more):
    """A model of the reference with a random adapter, both saved; gives it in evaluation mode."""
    peft = pytest.importorskip("peft")
    recipe, options = CASES[name]
    model = tiny.reference_model(recipe, "causal-lm", folder / "base")
    model = peft.get_peft_model(model, peft.LoraConfig(r=4, **{**options, **more}))
    torch.manual_seed(seed)
    with torch.no_grad():
        for _key, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    model.save_pretrained(folder / "adapter")
    return model.eval()


def _logits(model):
    with torch.no_grad():
        return model(input_ids=tiny.ids()).logits


@reference
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_the_references_adapters_are_read(name, tmp_path):
    theirs = _reference(name, tmp_path)
    ours = bearhug.AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    before = _logits(ours)
    ours.load_adapter(tmp_path / "adapter")

    torch.testing.assert_close(_logits(ours), _logits(theirs), atol=2e-5, rtol=2e-5)
    assert not torch.allclose(before, _logits(ours), atol=1e-3)
    expected = theirs.generate(input_ids=tiny.ids(), max_new_tokens=6, do_sample=False, pad_token_id=0)
    assert torch.equal(ours.generate(tiny.ids(), max_new_tokens=6, do_sample=False, pad_token_id=0), expected)
    if "bias" not in name:
        with ours.disable_adapter():
            assert torch.equal(_logits(ours), before)
    merged = ours.merge_and_unload()
    torch.testing.assert_close(_logits(merged), _logits(theirs), atol=5e-5, rtol=5e-5)
    merged.save_pretrained(tmp_path / "merged")
    again = bearhug.AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    torch.testing.assert_close(_logits(again), _logits(merged), atol=0, rtol=0)


@reference
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_the_reference_reads_ours(name, tmp_path):
    peft = pytest.importorskip("peft")
    recipe, options = CASES[name]
    theirs = tiny.reference_model(recipe, "causal-lm", tmp_path / "base")
    ours = bearhug.AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    ours.add_adapter(bearhug.LoraConfig(r=4, **options))
    with torch.no_grad():
        for _key, parameter in ours.named_parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    ours.save_pretrained(tmp_path / "adapter")
    theirs = peft.PeftModel.from_pretrained(theirs, tmp_path / "adapter").eval()

    torch.testing.assert_close(_logits(theirs), _logits(ours), atol=2e-5, rtol=2e-5)
    assert sorted(path.name for path in (tmp_path / "adapter").iterdir()) == [
        "adapter_config.json", "adapter_model.safetensors"]  # fmt: skip
    again = bearhug.AutoModelForCausalLM.from_pretrained(tmp_path / "adapter")  # names its base
    torch.testing.assert_close(_logits(again), _logits(ours), atol=0, rtol=0)
    assert again.active_adapters() == ["default"]


@reference
@pytest.mark.filterwarnings("ignore")
def test_training_gives_the_references_gradients(tmp_path):
    theirs = _reference("gpt2", tmp_path)
    ours = bearhug.AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    ours.load_adapter(tmp_path / "adapter", is_trainable=True)
    batch = {"input_ids": tiny.ids(), "labels": tiny.ids()}
    ours(**batch).loss.backward()
    theirs(**batch).loss.backward()

    trained = [name for name, parameter in ours.named_parameters() if parameter.requires_grad]
    assert trained
    assert all(".adapters.default." in name for name in trained)
    assert all(parameter.grad is None for parameter in ours.parameters() if not parameter.requires_grad)
    expected = theirs.base_model.model.transformer.h[0].attn.c_attn
    attention = ours.model.layers[0].attention
    torch.testing.assert_close(attention.q_proj.adapters["default"].a.grad, expected.lora_A["default"].weight.grad,
                               atol=1e-5, rtol=1e-4)  # fmt: skip
    parts = [attention.get_submodule(f"{word}_proj").adapters["default"].b.grad for word in "qkv"]
    torch.testing.assert_close(torch.cat(parts), expected.lora_B["default"].weight.grad, atol=1e-5, rtol=1e-4)
    assert ours.get_nb_trainable_parameters()[0] == theirs.get_nb_trainable_parameters()[0]


@reference
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", ["cat", "linear", "svd"])
def test_several_adapters_at_once(way, tmp_path):
    theirs = _reference("llama-exclude", tmp_path / "a", seed=1)
    _reference("llama-exclude", tmp_path / "b", seed=2, lora_alpha=9)
    theirs.load_adapter(tmp_path / "b" / "adapter", "other")
    ours = bearhug.AutoModelForCausalLM.from_pretrained(tmp_path / "a" / "base")
    ours.load_adapter(tmp_path / "a" / "adapter")
    ours.load_adapter(tmp_path / "b" / "adapter", "other")

    for name in ("default", "other"):
        ours.set_adapter(name)
        theirs.set_adapter(name)
        assert ours.active_adapters() == [name]
        torch.testing.assert_close(_logits(ours), _logits(theirs), atol=2e-5, rtol=2e-5)
    ours.set_adapter(["default", "other"])
    theirs.base_model.set_adapter(["default", "other"])
    both = _logits(ours)
    torch.testing.assert_close(both, _logits(theirs), atol=2e-5, rtol=2e-5)
    with pytest.raises(ValueError, match=r"default, other are active, and a folder holds one"):
        ours.save_pretrained(tmp_path / "c")
    base = ours.get_submodule("model.layers.0.attention.q_proj").weight.clone()
    ours.merge_adapter()
    torch.testing.assert_close(_logits(ours), both, atol=5e-5, rtol=5e-5)
    ours.unmerge_adapter()
    torch.testing.assert_close(ours.get_submodule("model.layers.0.attention.q_proj").weight, base, atol=1e-6, rtol=1e-6)
    for model in (ours, theirs):
        model.add_weighted_adapter(["default", "other"], [0.7, 0.4], "sum", combination_type=way)
        model.set_adapter("sum")
    torch.testing.assert_close(_logits(ours), _logits(theirs), atol=1e-4, rtol=1e-4)
    ours.delete_adapter(["sum", "default"])
    assert ours.active_adapters() == ["other"]
    ours.unload()
    plain = bearhug.AutoModelForCausalLM.from_pretrained(tmp_path / "a" / "base")
    torch.testing.assert_close(_logits(ours), _logits(plain), atol=2e-5, rtol=2e-5)


@reference
@pytest.mark.filterwarnings("ignore")
def test_a_classifier_is_saved_with_its_adapter(tmp_path):
    peft = pytest.importorskip("peft")
    theirs = tiny.reference_model("bert", "sequence-classification", tmp_path / "base")
    theirs = peft.get_peft_model(theirs, peft.LoraConfig(r=2, task_type="SEQ_CLS"))
    with torch.no_grad():
        for parameter in theirs.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    theirs.save_pretrained(tmp_path / "adapter")
    theirs.eval()
    ours = bearhug.AutoModelForSequenceClassification.from_pretrained(tmp_path / "base")
    ours = bearhug.PeftModel.from_pretrained(ours, tmp_path / "adapter")

    torch.testing.assert_close(_logits(ours), _logits(theirs), atol=2e-5, rtol=2e-5)
    torch.testing.assert_close(_logits(ours.merge_and_unload()), _logits(theirs), atol=2e-5, rtol=2e-5)


@reference
def test_errors(tmp_path):
    tiny.reference_model("llama", "causal-lm", tmp_path / "base")
    model = bearhug.AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    with pytest.raises(ValueError, match=r"the model has no adapter. Load one"):
        model.set_adapter("x")
    with pytest.raises(
        ValueError, match=r"target_modules 'q_prj' are no modules of LlamaForCausalLM. Did you mean 'q_proj'"
    ):
        model.add_adapter(bearhug.LoraConfig(target_modules=["q_prj"]))
    with pytest.raises(TypeError, match="takes a LoraConfig, not dict"):
        model.add_adapter({})
    with pytest.raises(OSError, match=r"has no adapter_config.json, so it is no adapter"):
        model.load_adapter(tmp_path / "base")
    bearhug.get_peft_model(model, bearhug.LoraConfig(r=2))
    assert model.peft_config["default"].target_modules == ["q_proj", "v_proj"]
    with pytest.raises(ValueError, match=r"there is an adapter 'default' already. Delete it"):
        model.add_adapter(bearhug.LoraConfig())
    with pytest.raises(ValueError, match=r"there is no adapter 'defalt'. Did you mean 'default'"):
        model.set_adapter("defalt")
    model.save_pretrained(tmp_path / "adapter")
    tiny.reference_model("llama", "causal-lm", tmp_path / "wide", hidden_size=64)
    wide = bearhug.AutoModelForCausalLM.from_pretrained(tmp_path / "wide")
    with pytest.raises(
        ValueError, match=r"q_proj.lora_A.weight has the shape \(2, 32\), and LlamaForCausalLM expects \(2, 64\)"
    ):
        wide.load_adapter(tmp_path / "adapter")
    assert not wide.peft_config
    assert not any(".adapters." in name for name, _ in wide.named_parameters())
    values = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    for change, said in (({"peft_type": "IA3"}, "of the type 'IA3'"), ({"use_qalora": True}, "use_qalora=True")):
        with pytest.raises(ValueError, match=said):
            bearhug.LoraConfig.from_dict({**values, **change})
    with pytest.raises(ValueError, match="r=0 is no rank"):
        bearhug.LoraConfig(r=0)
    (tmp_path / "adapter" / "adapter_config.json").write_text(json.dumps({**values, "base_model_name_or_path": None}))
    with pytest.raises(ValueError, match="is an adapter, and does not say for which model"):
        bearhug.AutoModelForCausalLM.from_pretrained(tmp_path / "adapter")
