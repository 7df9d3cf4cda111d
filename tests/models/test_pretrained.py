"""PreTrainedModel: loading options, saving, parts under the reference's names, resizing, training."""

import json
import logging
import pickle

import pytest
import torch
from torch import nn

import bearhug
import tiny
from bearhug import AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification, GPT2Config, GPT2LMHeadModel

SIZES = {"n_embd": 32, "n_head": 4, "n_layer": 2, "vocab_size": 99, "n_positions": 32}


@pytest.fixture
def folder(tmp_path):
    """A small GPT-2, saved."""
    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config(**SIZES)).save_pretrained(tmp_path / "gpt2")
    return tmp_path / "gpt2"


@pytest.fixture
def model(folder):
    return AutoModelForCausalLM.from_pretrained(folder)


# loading


def test_a_loaded_model_evaluates_and_a_new_one_trains(folder):
    assert not AutoModelForCausalLM.from_pretrained(folder).training
    assert GPT2LMHeadModel(GPT2Config(**SIZES)).training


@pytest.mark.parametrize("name", ["dtype", "torch_dtype"])
@pytest.mark.parametrize("value", [torch.bfloat16, "bfloat16", "torch.bfloat16"])
def test_a_dtype_can_be_asked_for(name, value, folder):
    model = AutoModelForCausalLM.from_pretrained(folder, **{name: value})

    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert model.dtype == model.config.dtype == torch.bfloat16


@pytest.mark.parametrize("value", [None, "auto"])
@pytest.mark.parametrize("said", [True, False], ids=["said by the config", "only in the file"])
def test_without_one_the_checkpoints_dtype_is_kept(value, said, model, tmp_path):
    model.half().save_pretrained(tmp_path / "half")
    if not said:
        config = json.loads((tmp_path / "half/config.json").read_text())
        (tmp_path / "half/config.json").write_text(json.dumps({k: v for k, v in config.items() if k != "dtype"}))

    assert AutoModelForCausalLM.from_pretrained(tmp_path / "half", dtype=value).dtype == torch.float16


@pytest.mark.parametrize("place", [None, "cpu", "auto", torch.device("cpu"), {"": "cpu"},
                                   {"lm_head": "cpu", "transformer": "disk"}, "meta"], ids=str)  # fmt: skip
def test_a_device_can_be_asked_for(place, folder):
    model = AutoModelForCausalLM.from_pretrained(folder, device_map=place)

    expected = "meta" if place == "meta" else "cuda" if place == "auto" and torch.cuda.is_available() else "cpu"
    assert model.device.type == expected


def test_loading_maps_the_file_instead_of_reading_it(tmp_path):
    """The memory of this process grows by much less than the weights."""
    psutil = pytest.importorskip("psutil")
    config = GPT2Config(**{**SIZES, "vocab_size": 200_000, "n_embd": 64})
    GPT2LMHeadModel(config).save_pretrained(tmp_path)  # 51 MB
    before = psutil.Process().memory_full_info().uss
    model = AutoModelForCausalLM.from_pretrained(tmp_path)

    assert psutil.Process().memory_full_info().uss - before < 8e6
    assert model.get_memory_footprint() > 51e6


def test_a_map_of_a_file_that_is_written_over_keeps_its_values(model, folder):
    """Saving to where one was loaded from, after training in place."""
    ids = tiny.ids()
    before = model(ids).logits
    with torch.no_grad():
        for parameter in AutoModelForCausalLM.from_pretrained(folder).parameters():
            parameter.zero_()

    assert torch.equal(AutoModelForCausalLM.from_pretrained(folder)(ids).logits, before)
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(2)
    model.save_pretrained(folder)
    assert torch.equal(AutoModelForCausalLM.from_pretrained(folder)(ids).logits, model(ids).logits)


def test_a_config_may_be_given_or_changed(folder):
    config = GPT2Config.from_pretrained(folder, attn_pdrop=0.3)

    assert AutoModelForCausalLM.from_pretrained(folder, config=config).config.attn_pdrop == 0.3
    assert AutoModelForCausalLM.from_pretrained(folder, config=config, resid_pdrop=0.4).config.resid_pdrop == 0.4
    assert AutoModelForCausalLM.from_pretrained(folder, attn_pdrop=0.2, use_cache=False).config.use_cache is False
    assert "past_key_values" not in AutoModelForCausalLM.from_pretrained(folder, use_cache=False)(tiny.ids())


def test_weights_may_be_given(model, folder):
    weights = {name: value.clone() for name, value in _file(folder).items()}
    weights["transformer.wte.weight"] = torch.zeros_like(weights["transformer.wte.weight"])
    other = AutoModelForCausalLM.from_pretrained(None, config=model.config, state_dict=weights)

    assert other(tiny.ids()).logits.eq(0).all()


def _file(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def test_options_that_need_nothing_here_are_accepted(folder, caplog):
    options = {"low_cpu_mem_usage": True, "trust_remote_code": True, "resume_download": True, "revision": "main"}
    with caplog.at_level(logging.WARNING, "bearhug"):
        AutoModelForCausalLM.from_pretrained(folder, **options)

    assert [record.getMessage() for record in caplog.records] == [
        "bearhug runs no code out of a repository; trust_remote_code=True is not needed and does nothing."
    ]


def test_a_subfolder_is_read(folder):
    assert AutoModelForCausalLM.from_pretrained(folder.parent, subfolder="gpt2").config.n_layer == 2


def test_generation_options_are_the_checkpoints(model, folder):
    assert model.generation_config.eos_token_id == 50256
    (folder / "generation_config.json").write_text('{"eos_token_id": 7, "max_new_tokens": 3}')

    assert AutoModelForCausalLM.from_pretrained(folder).generation_config.max_new_tokens == 3
    assert AutoModelForCausalLM.from_pretrained(folder).generation_config.eos_token_id == 7


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"num_label": 3}, TypeError, r"'num_label', which is neither .* Did you mean 'num_labels'"),
        ({"dtype": "float17"}, ValueError, "dtype='float17' is none; write torch.bfloat16"),
        ({"attn_implementation": "flash"}, ValueError, "'flash' is not known.*flex_attention, sdpa"),
        ({"device_map": {"a": "cpu", "b": "meta"}}, ValueError, "gives no place for transformer.wte"),
        ({"quantization_config": {"bits": 3}}, ValueError, "is none that can be computed"),
        ({"variant": "fp16"}, OSError, r"neither model\.fp16\.safetensors nor pytorch_model\.fp16\.bin"),
    ],
)
def test_a_wrong_option_says_what_is_right(options, error, says, folder):
    with pytest.raises(error, match=says):
        AutoModelForCausalLM.from_pretrained(folder, **options)


def test_a_name_that_is_nowhere_is_an_os_error():
    with pytest.raises(OSError, match=r"no folder here and no name on a hub|is no folder"):
        AutoModelForCausalLM.from_pretrained("./nowhere")


# heads that are not there


def test_an_architecture_without_a_head_says_which_it_has(folder):
    with pytest.raises(
        ValueError, match=r"GPT2 has no head for masked-lm. Load it with AutoModel, AutoModelForCausalLM"
    ):
        bearhug.AutoModelForMaskedLM.from_pretrained(folder)


def test_labels_of_another_task_are_refused(folder):
    ids = tiny.ids()
    with pytest.raises(TypeError, match=r"GPT2Model .* unexpected keyword argument 'labels'"):
        AutoModel.from_pretrained(folder)(ids, labels=ids)
    with pytest.raises(TypeError, match=r"start_positions.*It takes: labels"):
        AutoModelForCausalLM.from_pretrained(folder)(ids, start_positions=torch.tensor([1, 1]))


# calling


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ((), ValueError, "neither input_ids nor inputs_embeds was given"),
        (("a text",), TypeError, "a model reads token ids, not text"),
        ((["a text"],), TypeError, "a model reads token ids, not text"),
        (({"input_ids": 1},), TypeError, r"Unpack it: model\(\*\*inputs\)"),
        (([[1, 2]],), TypeError, "is a list, expected a torch tensor"),
        ((torch.tensor([1, 2]),), ValueError, r"expected \(rows, tokens\): give input_ids.unsqueeze\(0\)"),
        ((torch.ones(1, 3),), TypeError, "float32, expected integers"),
        ((torch.tensor([[1, 99]]),), IndexError, r"input_ids holds 99, but the model's vocab_size is 99 \(0 to 98\)"),
        ((torch.tensor([[-1, 5]]),), IndexError, "input_ids holds -1"),
        ((torch.ones(1, 33, dtype=torch.long),), ValueError, "has 33 tokens, but this model reads 32 positions"),
        ((torch.ones(1, 4, dtype=torch.long), torch.ones(1, 3)), ValueError, r"\(1, 3\), expected \(1, 4\): one"),
        ((torch.ones(1, 4, dtype=torch.long), torch.ones(1, 4, 4)), ValueError, r"\(1, 4, 4\), expected \(1, 4\)"),
    ],
)  # fmt: skip
def test_a_wrong_input_says_what_is_right(arguments, error, says, model):
    with pytest.raises(error, match=says):
        model(*arguments)


def test_a_short_mask_beside_a_cache_counts_both(model):
    ids, cache = tiny.ids(1, 4), model.new_cache(1, 8)
    model(ids, past_key_values=cache)
    with pytest.raises(ValueError, match=r"expected \(1, 6\): one number for each token \(4 in the cache and 2 new\)"):
        model(ids[:, :2], torch.ones(1, 2), past_key_values=cache)


def test_results_come_as_a_tuple_when_asked_for(model):
    ids = tiny.ids()
    loss, logits = model(ids, labels=ids, return_dict=False, use_cache=False)
    output = model(ids, labels=ids)

    assert torch.equal(loss, output.loss)
    assert torch.equal(logits, output[1])
    assert output[:2][1] is output.logits
    model.config.return_dict = False
    assert isinstance(model(ids), tuple)


def test_the_configs_switches_are_the_default(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, output_hidden_states=True, output_attentions=True)

    assert len(model(tiny.ids()).hidden_states) == 3
    assert len(model(tiny.ids()).attentions) == 2
    assert "hidden_states" not in model(tiny.ids(), output_hidden_states=False)


def test_output_prints_as_shapes(model):
    assert repr(model(tiny.ids(), labels=tiny.ids(), use_cache=False)).splitlines()[2] == "  logits: (2, 7, 99) float32"


# saving


def test_large_models_are_saved_in_shards(model, tmp_path):
    model.save_pretrained(tmp_path, max_shard_size="30KB")
    names = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    again = AutoModelForCausalLM.from_pretrained(tmp_path)

    assert len(names) > 2
    assert names[0] == f"model-00001-of-{len(names):05d}.safetensors"
    assert sorted(set(index["weight_map"].values())) == names
    assert index["metadata"]["total_size"] == model.get_memory_footprint()
    assert torch.equal(again(tiny.ids()).logits, model(tiny.ids()).logits)
    model.save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("model*")) == ["model.safetensors"]


@pytest.mark.reference
def test_the_reference_reads_our_shards_and_our_options(model, tmp_path):
    import transformers

    model.generation_config.max_new_tokens = 3
    model.save_pretrained(tmp_path, max_shard_size=30_000)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)

    assert theirs.generation_config.max_new_tokens == 3
    torch.testing.assert_close(theirs(tiny.ids()).logits, model(tiny.ids()).logits, atol=1e-5, rtol=1e-5)


def test_a_save_that_fails_leaves_what_was_there(model, folder, monkeypatch):
    """The first file that is written is replaced whole or not at all."""
    from bearhug.checkpoints import safetensors

    before = (folder / "model.safetensors").read_bytes()
    monkeypatch.setattr(safetensors, "_values", lambda tensor: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match=r"disk full"):
        model.save_pretrained(folder)

    assert (folder / "model.safetensors").read_bytes() == before
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_a_file_in_the_place_of_a_folder_is_refused(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match=r"is a file; save_pretrained writes a folder"):
        model.save_pretrained(tmp_path / "file")


def test_an_unknown_option_of_saving_is_refused(model, tmp_path):
    with pytest.raises(TypeError, match=r"'max_shard'.* Did you mean 'max_shard_size'"):
        model.save_pretrained(tmp_path, max_shard="1GB")


# parts


@pytest.mark.reference
@pytest.mark.parametrize(("recipe", "task"), tiny.PAIRS)
def test_classes_and_parts_have_the_references_names(recipe, task):
    theirs = tiny.reference_model(recipe, task)
    ours = getattr(bearhug, tiny.TASKS[task]).from_config(bearhug.AutoConfig.for_model(**theirs.config.to_dict()))

    if recipe != "iquestcoder":  # which the reference loads by Llama's classes
        assert type(ours).__name__ == type(theirs).__name__
        assert isinstance(ours, getattr(bearhug, type(theirs).__name__))
    own = dict(theirs.named_parameters())
    twice = any(f"{name.removesuffix('bias')}decoder.bias" in own for name in own if name.endswith(".bias"))
    unused = 99 if twice else 0  # the reference's bias beside its decoder's, where it ties nothing
    spare = 99 * 32 if recipe == "bart-untied" and task != "causal-lm" else 0  # and its model.shared
    assert ours.num_parameters() == theirs.num_parameters() - unused - spare
    if any(theirs.get_input_embeddings().weight is p for name, p in own.items() if "lm_head" not in name):
        # else the reference knows the tied matrix by its other name, and counts it
        rest = theirs.num_parameters(exclude_embeddings=True) - unused
        assert ours.num_parameters(exclude_embeddings=True) == rest
    assert ours.base_model_prefix == theirs.base_model_prefix
    assert (ours.get_output_embeddings() is None) == (theirs.get_output_embeddings() is None)
    assert ours.base_model is (ours if task == "base" else getattr(ours, ours.base_model_prefix))
    for name, _ in theirs.named_children():
        if task != "base" and name not in ("dropout", "drop", "activation", "mlm_loss_fct"):
            assert isinstance(getattr(ours, name), nn.Module)


@pytest.mark.reference
@pytest.mark.parametrize(
    "recipe", [name for name in tiny.RECIPES if "nomic" not in name]
)  # whose parameters the reference stores under other names than it has in memory
def test_fresh_weights_spread_as_the_references(recipe):
    """Standard deviations by parameter; zeros and ones exactly."""
    import transformers

    known = bearhug.AutoConfig.for_model(tiny.CONFIGS[recipe][0])
    spread = {name: 0.02 for name in ("initializer_range", "init_std") if name in known}
    config = tiny.reference_config(recipe, **spread, vocab_size=500)
    torch.manual_seed(0)
    theirs = transformers.AutoModel.from_config(config).state_dict()
    ours = AutoModel.from_config(bearhug.AutoConfig.for_model(**config.to_dict()))
    from bearhug.checkpoints.weight_map import rules

    parameters, found = dict(ours.named_parameters()), set()
    for name, rule in rules(ours.recipe.table("base", ours.config), parameters).items():
        if name not in theirs:
            continue  # as it is stored, not as the reference calls it in memory
        found |= set(rule.parts)
        tensor = rule.join([parameters[part].detach() for part in rule.parts])
        if "position" in name and torch.equal(tensor, theirs[name]):
            continue  # waves
        expected, got = theirs[name].std(), tensor.std()
        few = theirs[name].numel() ** -0.5 if theirs[name].numel() < 500 or expected > 0.1 else 0.0
        assert abs(got - expected) <= (0.2 + 3 * few) * max(expected, got), name
        assert abs(tensor.mean() - theirs[name].mean()) < 0.01 + 5 * expected * few, name
    assert found >= {name for name, parameter in parameters.items() if parameter.requires_grad}


def test_a_class_can_be_pickled(model):
    again = pickle.loads(pickle.dumps(model))

    assert type(again) is GPT2LMHeadModel
    assert torch.equal(again(tiny.ids()).logits, model(tiny.ids()).logits)


def test_the_base_class_cannot_be_constructed():
    with pytest.raises(TypeError, match=r"stands for every architecture"):
        bearhug.PreTrainedModel(GPT2Config())
    with pytest.raises(OSError, match=r"is made by AutoModel.from_pretrained"):
        AutoModel(GPT2Config())


@pytest.mark.parametrize("size", [120, 60])
@pytest.mark.parametrize(
    ("recipe", "task"),
    [
        ("gpt2", "causal-lm"),
        ("llama", "causal-lm"),
        ("bert", "masked-lm"),
        ("bert-untied", "masked-lm"),
        ("qwen2", "sequence-classification"),
    ],
)
def test_the_vocabulary_can_be_resized(recipe, task, size, tmp_path):
    """Old tokens keep their scores; new ones start near the mean; the folder loads again."""
    pytest.importorskip("transformers")
    tiny.reference_model(recipe, task, tmp_path)
    model = getattr(bearhug, tiny.TASKS[task]).from_pretrained(tmp_path)
    ids, kept = tiny.ids() % 60, min(size, 99)
    before = model(ids).logits
    assert model.resize_token_embeddings(size) is model.get_input_embeddings()
    after = model(ids).logits
    model.save_pretrained(tmp_path / "resized")
    again = getattr(bearhug, tiny.TASKS[task]).from_pretrained(tmp_path / "resized")

    assert model.config.vocab_size == model.get_input_embeddings().num_embeddings == size
    if task != "sequence-classification":
        assert after.shape[-1] == size
        torch.testing.assert_close(after[..., :kept], before[..., :kept])
    torch.testing.assert_close(again(ids).logits, after)
    if size > 99:
        table = model.get_input_embeddings().weight
        torch.testing.assert_close(table[99], table[:99].mean(0), atol=1e-3, rtol=0)


def test_the_vocabulary_can_be_rounded_up(model):
    assert model.resize_token_embeddings(pad_to_multiple_of=64).num_embeddings == 128
    assert model.resize_token_embeddings().num_embeddings == 128


def test_embeddings_can_be_replaced(model):
    table = nn.Embedding(99, 32)
    model.set_input_embeddings(table)

    assert model.get_output_embeddings().weight is table.weight


# training


def test_gradient_checkpointing_changes_nothing_but_memory(model):
    ids = tiny.ids()
    gradients = []
    for checkpointing in (False, True):
        model.train()
        model.gradient_checkpointing_enable() if checkpointing else model.gradient_checkpointing_disable()
        torch.manual_seed(3)
        model.zero_grad()
        model(ids, labels=ids).loss.backward()
        gradients.append([parameter.grad.clone() for parameter in model.parameters()])

    assert model.is_gradient_checkpointing
    torch.testing.assert_close(*gradients)


def test_training_learns(model):
    """A loop with torch's own optimiser on one batch."""
    ids = tiny.ids(4, 8)
    optimizer = torch.optim.AdamW(model.train().parameters(), lr=1e-2)
    losses = []
    for _ in range(12):
        loss = model(ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())

    assert losses[-1] < losses[0] / 2


def test_a_frozen_table_still_lets_gradients_through_for_adapters(model):
    model.requires_grad_(False)
    model.enable_input_require_grads()

    assert model(tiny.ids()).logits.requires_grad


def test_half_precision_and_devices_are_torchs_own(model):
    assert model.half().dtype == torch.float16
    assert model.to("meta").device.type == "meta"
    assert model.framework == "pt"


def test_a_new_head_is_trained_from_a_language_model(folder):
    """The tutorial's way: load with new_head=True, labels by name, train, save, load without consent."""
    model = AutoModelForSequenceClassification.from_pretrained(folder, new_head=True, id2label={0: "no", 1: "yes"})
    loss = model(tiny.ids(), labels=torch.tensor([0, 1])).loss
    loss.backward()
    model.save_pretrained(folder.parent / "tuned")
    again = AutoModelForSequenceClassification.from_pretrained(folder.parent / "tuned")

    assert again.config.id2label == {0: "no", 1: "yes"}
    assert again.config.architectures == ["GPT2ForSequenceClassification"]
    assert torch.equal(again(tiny.ids()).logits, model.eval()(tiny.ids()).logits)


def test_a_push_is_one_folder_with_weights_tokenizer_and_card(model, monkeypatch):
    """One call of push_folder: config, options, weights, the tokenizer's files, a filled card."""
    from pathlib import Path

    from bearhug.hub import client

    pushed = {}

    def push_folder(folder, repo_id, **options):
        files = {path.name: path.read_text() for path in Path(folder).iterdir() if path.suffix in (".json", ".md")}
        pushed.update(
            repo_id=repo_id, files=files, names=sorted(path.name for path in Path(folder).iterdir()), **options
        )
        return "the commit"

    class Tokenizer:
        def save_pretrained(self, folder):
            Path(folder, "tokenizer.json").write_text("{}")

    monkeypatch.setattr(client, "push_folder", push_folder)
    monkeypatch.setattr(client, "full_name", lambda repo_id, token=None: repo_id)
    made = model.push_to_hub(
        "ada/gpt", Tokenizer(), dataset="ada/texts", metrics={"loss": 1.5}, private=True, token="hf_x"
    )

    assert made == "the commit"
    assert pushed["names"] == [
        "README.md",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    assert (pushed["repo_id"], pushed["private"], pushed["token"]) == ("ada/gpt", True, "hf_x")
    assert "ada/texts" in pushed["files"]["README.md"]
    assert "1.5" in pushed["files"]["README.md"]


def test_saving_can_push_too(model, tmp_path, monkeypatch):
    from bearhug.hub import client

    names = []
    monkeypatch.setattr(client, "push_folder", lambda folder, repo_id, **options: names.append(repo_id))
    monkeypatch.setattr(client, "full_name", lambda repo_id, token=None: repo_id)
    model.save_pretrained(tmp_path / "gpt", push_to_hub=True)
    model.save_pretrained(tmp_path / "gpt", push_to_hub=True, repo_id="ada/other", commit_message="second")

    assert names == ["gpt", "ada/other"]


def test_an_evaluation_without_gradients_does_not_spoil_training(tmp_path):
    """What inference mode computes once, the angles of rotary positions, is used by training too."""
    model = bearhug.LlamaForCausalLM(
        bearhug.LlamaConfig(
            hidden_size=16, num_attention_heads=2, num_hidden_layers=1, intermediate_size=8, vocab_size=20
        )
    )
    ids = tiny.ids() % 20
    with torch.inference_mode():
        model(ids)
    model(ids, labels=ids).loss.backward()

    assert model.get_input_embeddings().weight.grad.isfinite().all()


def test_an_encoder_cannot_predict_what_it_sees():
    with pytest.raises(ValueError, match=r"config has is_decoder=False.\nLoad it with is_decoder=True"):
        bearhug.BertLMHeadModel(bearhug.BertConfig(hidden_size=16, num_attention_heads=2, num_hidden_layers=1))


def test_a_gathered_state_is_saved(model, tmp_path):
    """As training over several processes does it."""
    state = {name: value + 1 for name, value in model.state_dict().items()}
    model.save_pretrained(tmp_path, state_dict=state)

    torch.testing.assert_close(AutoModelForCausalLM.from_pretrained(tmp_path).state_dict(), state)
    with pytest.raises(ValueError, match="writes safetensors, never pickles"):
        model.save_pretrained(tmp_path, safe_serialization=False)


def test_the_underscored_names_of_the_reference_are_read(model, folder):
    assert model.config._name_or_path == model.name_or_path == str(folder)
    assert model.config._attn_implementation == "sdpa"


@torch.no_grad()
def test_a_mask_for_each_head_holds_while_decoding():
    """Grouped queries take a short way for one token only where all heads share a mask."""
    model = bearhug.LlamaModel(
        bearhug.LlamaConfig(
            hidden_size=16,
            num_attention_heads=4,
            num_key_value_heads=2,
            num_hidden_layers=1,
            intermediate_size=8,
            vocab_size=20,
        )
    ).eval()
    ids, mask = tiny.ids(2, 5) % 20, torch.rand(2, 4, 1, 5) > 0.5
    mask[..., -1] = True
    results = []
    for attention in ("sdpa", "eager"):
        model.set_attn_implementation(attention)
        cache = model.new_cache(2, 5)
        model(ids[:, :4], past_key_values=cache)
        results.append(model(ids[:, 4:], mask, past_key_values=cache).last_hidden_state)

    torch.testing.assert_close(*results)
