"""Law 2, a load that cannot lie: every tensor is used or reported, every parameter is set or the load fails."""

import hashlib
import json
import logging

import pytest
import torch
from safetensors.torch import load_file, save_file

import bearhug
import tiny
from bearhug.models import recipes

pytestmark = pytest.mark.reference  # the checkpoints are made by it
LANGUAGE = ("base", "causal-lm", "masked-lm", "seq2seq-lm", "text-encoding")
SENTENCES = ("next-sentence", "pretraining", "sentence-order")  # whose sizes no config changes
HEADED = [(recipe, task) for recipe, task in tiny.PAIRS if task not in (*LANGUAGE, *SENTENCES)]


def auto(task):
    return getattr(bearhug, tiny.TASKS[task])


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def needless(recipe, tensors):
    """The names of a checkpoint that it can do without."""
    twice = ({"lm_head.bias", "lm_head.decoder.bias"}, {"predictions.bias", "predictions.decoder.bias"},
             {"cls.predictions.bias", "cls.predictions.decoder.bias"},
             {"model.shared.weight", "model.decoder.embed_tokens.weight"},
             {"shared.weight", "decoder.embed_tokens.weight"})  # fmt: skip
    constants = {"final_logits_bias"}
    model_type, values = tiny.CONFIGS[recipe]
    if (
        recipes.find(model_type).config(recipes.config_class(model_type).from_dict(values)).positions
        == "sinusoidal_table"
    ):
        constants |= {name for name in tensors if name.endswith("embed_positions.weight")}
    return constants.union(*(names for names in twice if names <= tensors.keys()))


def rewrite(folder, change):
    """Change a checkpoint's tensors on disk."""
    tensors = load_file(folder / "model.safetensors")
    save_file({name: tensor.contiguous() for name, tensor in change(tensors).items()}, folder / "model.safetensors")


@pytest.mark.parametrize(("recipe", "task"), tiny.PAIRS)
def test_save_load_save_gives_the_same_bytes_and_the_reference_reads_them(recipe, task, tmp_path):
    """All files, and a load of them in transformers gives equal results with nothing missing and nothing left over."""
    import transformers

    theirs = tiny.reference_model(recipe, task, tmp_path / "theirs")
    auto(task).from_pretrained(tmp_path / "theirs").save_pretrained(tmp_path / "once")
    auto(task).from_pretrained(tmp_path / "once").save_pretrained(tmp_path / "twice")
    back, info = getattr(transformers, tiny.TASKS[task]).from_pretrained(tmp_path / "once", output_loading_info=True)

    assert digests(tmp_path / "once") == digests(tmp_path / "twice")
    assert (
        load_file(tmp_path / "once/model.safetensors").keys() == load_file(tmp_path / "theirs/model.safetensors").keys()
    )
    assert not any(info.values())
    batch = tiny.for_decoder(recipe, task, tiny.batch([6]))
    assert torch.equal(back(**batch)[0], theirs(**batch)[0])


@pytest.mark.parametrize(("recipe", "task"), tiny.PAIRS)
def test_any_tensor_that_is_gone_fails_the_load_and_is_named(recipe, task, tmp_path):
    """One at a time, each of the checkpoint's (but not one of two names that mean the same, nor a constant)."""
    tiny.reference_model(recipe, task, tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    for name in tensors.keys() - needless(recipe, tensors):
        rest = {other: tensor for other, tensor in tensors.items() if other != name}
        with pytest.raises(ValueError, match=r"lacks|has no weights for the head") as caught:
            auto(task).from_pretrained(tmp_path, state_dict=rest)

        assert name in str(caught.value)


@pytest.mark.parametrize(("recipe", "task"), HEADED)
def test_a_fresh_head_needs_consent(recipe, task, tmp_path):
    """Without new_head=True the error names the weights and the way; with it they are reported."""
    first = "seq2seq-lm" if recipe in tiny.SEQ2SEQ else "causal-lm" if recipe in tiny.CAUSAL else "masked-lm"
    tiny.reference_model(recipe, first, tmp_path)
    with pytest.raises(ValueError, match=r"has no weights for the head of .*\n.*new_head=True"):
        auto(task).from_pretrained(tmp_path)
    torch.manual_seed(0)
    model, info = auto(task).from_pretrained(tmp_path, new_head=True, num_labels=4, output_loading_info=True)

    assert info["missing_keys"]
    shared = ("head.dense.", "head.norm.") if recipe.startswith("modernbert") else ()  # by all of its heads
    heads = {name for name, _ in model.named_parameters() if name.startswith("head.") and not name.startswith(shared)}
    assert set(model.fresh_weights) == heads
    assert all(parameter.device.type == "cpu" and parameter.isfinite().all() for parameter in model.parameters())
    batch = tiny.for_decoder(recipe, task, tiny.batch([5, 5]))
    assert model(**batch)[0].shape[-1] in (4, 5)


def test_a_model_from_a_checkpoint_has_no_fresh_weights(tmp_path):
    tiny.reference_model("bert", "sequence-classification", tmp_path)

    assert auto("sequence-classification").from_pretrained(tmp_path).fresh_weights == []


def test_a_missing_transformer_is_never_made_up(tmp_path):
    """new_head=True allows a head, nothing else."""
    tiny.reference_model("gpt2", "causal-lm", tmp_path)
    rewrite(tmp_path, lambda tensors: {n: t for n, t in tensors.items() if "h.1.ln_1" not in n})

    with pytest.raises(ValueError, match=r"lacks 2 weights of GPT2ForSequenceClassification.*h\.1\.ln_1"):
        auto("sequence-classification").from_pretrained(tmp_path, new_head=True)


def test_tensors_without_a_place_are_reported_in_one_line(tmp_path, caplog):
    tiny.reference_model("bert", "masked-lm", tmp_path)
    with caplog.at_level(logging.INFO, "bearhug"):
        model, info = auto("base").from_pretrained(tmp_path, output_loading_info=True)

    left = [name for name in load_file(tmp_path / "model.safetensors") if name.startswith("cls.")]
    assert sorted(info["unexpected_keys"]) == sorted(left)
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == 1
    assert "5 tensors have no place in BertModel" in lines[0]
    assert model.head is None
    assert "pooler_output" not in model(tiny.ids())


def test_an_invented_tensor_is_reported(tmp_path):
    tiny.reference_model("llama", "causal-lm", tmp_path)
    rewrite(tmp_path, lambda tensors: tensors | {"model.layers.7.self_attn.q_proj.weight": torch.ones(2)})
    _, info = auto("causal-lm").from_pretrained(tmp_path, output_loading_info=True)

    assert info["unexpected_keys"] == ["model.layers.7.self_attn.q_proj.weight"]


@pytest.mark.parametrize("task", ["causal-lm", "sequence-classification", "base"])
def test_another_shape_fails_the_load_unless_it_may_be_made_anew(task, tmp_path):
    tiny.reference_model("gpt2", "causal-lm" if task == "base" else task, tmp_path)
    rewrite(tmp_path, lambda tensors: tensors | {"transformer.h.0.attn.c_attn.weight": torch.ones(32, 90)})
    with pytest.raises(ValueError, match=r"c_attn\.weight has the shape \(32, 90\).*\n.*ignore_mismatched_sizes=True"):
        auto(task).from_pretrained(tmp_path)
    model, info = auto(task).from_pretrained(tmp_path, ignore_mismatched_sizes=True, output_loading_info=True)

    assert [name for name, _, _ in info["mismatched_keys"]][:1] == ["transformer.h.0.attn.c_attn.weight"]
    assert len(model.fresh_weights) == 3
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_another_number_of_labels_names_both(tmp_path):
    tiny.reference_model("bert", "sequence-classification", tmp_path)
    with pytest.raises(
        ValueError,
        match=r"classifier\.weight has the shape \(2, 32\), but the model expects \(7, 32\).*\n.*new_head=True",
    ):
        auto("sequence-classification").from_pretrained(tmp_path, num_labels=7)
    for consent in ({"ignore_mismatched_sizes": True}, {"new_head": True}):
        model = auto("sequence-classification").from_pretrained(tmp_path, num_labels=7, **consent)

        assert model(tiny.ids()).logits.shape == (2, 7)
        assert model.fresh_weights == ["head.out.weight", "head.out.bias"]


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: f"module.{name}",
        lambda name: f"_orig_mod.module.{name}",
        lambda name: name.removeprefix("bert."),
        lambda name: name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"),
    ],
    ids=["DataParallel", "compiled", "no prefix", "TensorFlow's norms"],
)
def test_names_as_older_tools_wrote_them_are_read(rename, tmp_path):
    theirs = tiny.reference_model("bert", "masked-lm", tmp_path)
    rewrite(tmp_path, lambda tensors: {rename(name): tensor for name, tensor in tensors.items()})
    model, info = auto("masked-lm").from_pretrained(tmp_path, output_loading_info=True)

    assert not any(info.values())
    torch.testing.assert_close(model(tiny.ids()).logits, theirs(tiny.ids()).logits, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("recipe", "task", "constants"),
    [
        ("gpt2", "causal-lm", ["transformer.h.0.attn.bias", "h.1.attn.masked_bias"]),
        ("bert", "masked-lm", ["bert.embeddings.position_ids", "embeddings.token_type_ids"]),
        ("llama", "causal-lm", ["model.layers.0.self_attn.rotary_emb.inv_freq", "model.rotary_emb.inv_freq"]),
        ("roberta", "base", ["embeddings.position_ids"]),
    ],
)
def test_constants_that_old_checkpoints_carry_are_dropped(recipe, task, constants, tmp_path):
    tiny.reference_model(recipe, task, tmp_path)
    rewrite(tmp_path, lambda tensors: tensors | {name: torch.ones(1, 1, 4, 4) for name in constants})
    _, info = auto(task).from_pretrained(tmp_path, output_loading_info=True)

    assert not any(info.values())


@pytest.mark.parametrize("recipe", ["gpt2", "bert", "roberta", "distilbert", "llama-tied"])
def test_a_tied_matrix_may_be_stored_on_either_side_or_on_both(recipe, tmp_path):
    task = "causal-lm" if recipe in tiny.CAUSAL else "masked-lm"
    theirs = tiny.reference_model(recipe, task, tmp_path)
    model = auto(task).from_pretrained(tmp_path)
    names = {"gpt2": ("transformer.wte", "lm_head"), "llama-tied": ("model.embed_tokens", "lm_head"),
             "bert": ("bert.embeddings.word_embeddings", "cls.predictions.decoder"),
             "roberta": ("roberta.embeddings.word_embeddings", "lm_head.decoder"),
             "distilbert": ("distilbert.embeddings.word_embeddings", "vocab_projector")}  # fmt: skip
    table, output = (f"{name}.weight" for name in names[recipe])
    tensors = load_file(tmp_path / "model.safetensors")
    both = tensors | {output: tensors[table].clone()}
    only_output = {name: tensor for name, tensor in both.items() if name != table}
    for weights in (both, only_output):
        other, info = auto(task).from_pretrained(tmp_path, state_dict=weights, output_loading_info=True)

        assert not any(info.values())
        assert other.get_output_embeddings().weight is other.get_input_embeddings().weight
        assert torch.equal(other(tiny.ids())[0], model(tiny.ids())[0])
    assert torch.allclose(model(tiny.ids())[0], theirs(tiny.ids())[0], atol=1e-5)


def test_two_matrices_that_differ_are_both_kept_though_the_config_ties_them(tmp_path, caplog):
    """As the reference does; one line says so, and the config no longer claims it."""
    tiny.reference_model("gpt2", "causal-lm", tmp_path)
    rewrite(tmp_path, lambda tensors: tensors | {"lm_head.weight": torch.ones(99, 32)})
    model = auto("causal-lm").from_pretrained(tmp_path)
    model.save_pretrained(tmp_path / "again")

    assert "both are kept" in caplog.text
    assert model.get_output_embeddings().weight.eq(1).all()
    assert json.loads((tmp_path / "again/config.json").read_text())["tie_word_embeddings"] is False
    assert torch.equal(
        auto("causal-lm").from_pretrained(tmp_path / "again")(tiny.ids()).logits, model(tiny.ids()).logits
    )


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path):
    tiny.reference_model("bert", "base", tmp_path)
    (tmp_path / "config.json").write_text(
        json.dumps(json.loads((tmp_path / "config.json").read_text()) | {"model_type": "roberta"})
    )
    model = auto("base").from_pretrained(tmp_path)  # the same names and shapes: as good as a roberta
    assert type(model).__name__ == "RobertaModel"
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "gpt2", "n_embd": 32, "n_head": 4, "vocab_size": 99})
    )

    with pytest.raises(ValueError, match=r"lacks .* weights of GPT2Model.*\n.*embeddings"):
        auto("base").from_pretrained(tmp_path)
