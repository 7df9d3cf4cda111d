"""The recipes as a table: short, complete, and nobody asks for a name."""

import ast
import re
import statistics
from pathlib import Path

import pytest
import torch

import bearhug
import tiny
from bearhug.models import recipes
from bearhug.models.auto import SUFFIXES
from bearhug.models.config import Config
from bearhug.models.heads import TASKS
from bearhug.models.seq2seq import SEQ2SEQ_TASKS

FOLDER = Path(recipes.__file__).parent


def test_every_recipe_is_tested():
    """One that is listed has a tiny checkpoint, and so takes every test of the laws."""
    assert {kind for kind, _ in tiny.CONFIGS.values()} == set(recipes.RECIPES) - {"encoder-decoder"}  # test_joined.py


@pytest.mark.parametrize("model_type", sorted(recipes.RECIPES))
def test_a_recipe_is_found_and_whole(model_type):
    recipe = recipes.find(model_type)

    assert recipe.model_type == model_type
    assert recipe.heads.keys() <= {**TASKS, **SEQ2SEQ_TASKS}.keys() == SUFFIXES.keys()
    assert isinstance(recipe.config(recipes.config_class(model_type)()), Config)


def test_recipes_are_short():
    """At the median at most 60 lines an architecture."""
    lines = {file: len((FOLDER / f"{file}.py").read_text().splitlines()) for _, file in recipes.RECIPES.values()}
    shared = [file for _, file in recipes.RECIPES.values()]

    assert statistics.median(lines[file] / shared.count(file) for file in shared) <= 60


def test_models_are_small():
    """Every architecture with its parts, in at most 8,000 lines."""
    assert sum(len(path.read_text().splitlines()) for path in FOLDER.parent.rglob("*.py")) <= 8000


def test_no_shared_line_asks_for_a_models_name():
    """Names of architectures stand in recipes and in the one list of them."""
    names = {name for name, _ in recipes.RECIPES.items()}
    for path in FOLDER.parent.glob("*.py"):
        strings = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}

        assert not names & {string for string in strings if isinstance(string, str)}, path


def test_an_unknown_architecture_names_the_near_ones_and_all():
    with pytest.raises(
        ValueError, match=r"'lama' has no recipe. Did you mean 'llama'\?\nThere are: \w+, .*llama, .*, "
    ):
        bearhug.AutoConfig.for_model("lama")


def test_a_recipe_of_ones_own_is_registered(tmp_path, monkeypatch):
    """From then on it loads, saves and trains like any other."""
    from dataclasses import replace

    monkeypatch.setattr(recipes, "RECIPES", dict(recipes.RECIPES))
    llama, kept = recipes.find("llama"), recipes.config_class("llama")
    recipes.register(
        replace(llama, model_type="lama2", name="Lama2", config=lambda hf: replace(llama.config(hf), activation="relu"))
    )
    config = bearhug.AutoConfig.for_model(
        "lama2", hidden_size=16, num_attention_heads=2, num_hidden_layers=1, vocab_size=20
    )
    model = bearhug.AutoModelForCausalLM.from_config(config).eval()
    model.save_pretrained(tmp_path)
    again = bearhug.AutoModelForCausalLM.from_pretrained(tmp_path)

    assert type(again).__name__ == "Lama2ForCausalLM"
    assert recipes.config_class("llama") is kept
    assert again.model.layers[0].mlp.activation is torch.nn.functional.relu
    assert torch.equal(again(tiny.ids() % 20).logits, model(tiny.ids() % 20).logits)
    recipes.find.cache_clear()


NAMES = """
GPT2Model GPT2LMHeadModel GPT2ForCausalLM GPT2Config GPT2ForSequenceClassification GPT2Tokenizer GPT2TokenizerFast
BertModel BertForMaskedLM BertLMHeadModel BertForQuestionAnswering BertConfig BertTokenizer BertTokenizerFast
DistilBertForTokenClassification DistilBertTokenizerFast RobertaForMaskedLM RobertaForCausalLM RobertaTokenizer
LlamaForCausalLM LlamaConfig MistralForCausalLM Qwen2ForCausalLM Qwen3ForCausalLM Qwen3Config""".split()


@pytest.mark.parametrize("name", NAMES)
def test_names_per_architecture_are_there(name):
    kind = getattr(bearhug, name)

    assert getattr(bearhug, name) is kind
    assert (
        re.sub("Fast$", "", kind.__name__) == re.sub("Fast$", "", name)
        or name in ("GPT2ForCausalLM",)
        or "Tokenizer" in name
    )


@pytest.mark.parametrize("name", ["GPT2ForMaskedLM", "GPT3Model", "BertFor", "Llama", "GPT2LMHeadModell"])
def test_names_that_are_none_are_attribute_errors(name):
    with pytest.raises(AttributeError, match=name):
        getattr(bearhug, name)
