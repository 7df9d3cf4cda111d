"""Decoding without torch's module bookkeeping computes the same, and steps back where someone listens."""

import pytest
import torch
from torch import nn

import tiny
from bearhug import AutoModelForCausalLM
from bearhug.kernels.bare import bare

pytestmark = pytest.mark.reference


@pytest.fixture(params=tiny.CAUSAL)
def model(request, tmp_path):
    tiny.reference_model(request.param, "causal-lm", tmp_path)
    return AutoModelForCausalLM.from_pretrained(tmp_path)


@torch.no_grad()
def test_the_bare_computation_is_the_modules(model):
    ids = tiny.ids(2, 9)

    bared, whole = bare(model.model)(ids).last_hidden_state, model.model(ids).last_hidden_state

    torch.testing.assert_close(bared, whole, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_bare_computation_makes_the_cache_that_a_call_leaves_out(model):
    ids = tiny.ids(2, 9)
    first = bare(model.model)(ids[:, :8], use_cache=True)
    last = bare(model.model)(ids[:, 8:], past_key_values=first.past_key_values).last_hidden_state

    torch.testing.assert_close(last, model.model(ids).last_hidden_state[:, 8:], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_hook_hears_every_step(tmp_path):
    tiny.reference_model("gpt2", "causal-lm", tmp_path)
    model, heard = AutoModelForCausalLM.from_pretrained(tmp_path), []
    model.model.layers[1].mlp.register_forward_hook(lambda module, given, output: heard.append(output.shape[1]))
    cache = model.new_cache(1, 8)
    for length in (4, 1, 1):
        model(tiny.ids(1, length), past_key_values=cache)

    assert heard == [4, 1, 1]


@torch.no_grad()
def test_a_part_that_is_replaced_between_prompts_counts(tmp_path):
    """As adapters do it: a linear layer of someone else's class."""

    class Adapter(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(x) + 1

    tiny.reference_model("llama", "causal-lm", tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    cache, ids = model.new_cache(1, 20), tiny.ids(1, 5)
    model(ids, past_key_values=cache)
    model(ids[:, :1], past_key_values=cache)
    model.model.layers[0].mlp.up_proj = Adapter(model.model.layers[0].mlp.up_proj)
    cache = model.new_cache(1, 20)
    pieces = [model(ids[:, n : n + 1], past_key_values=cache).logits for n in range(5)]

    torch.testing.assert_close(torch.cat(pieces, 1), model(ids, use_cache=False).logits, atol=1e-5, rtol=1e-5)


def test_training_and_gradients_use_the_modules(tmp_path):
    tiny.reference_model("gpt2", "causal-lm", tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    cache = model.new_cache(1, 8)
    model(tiny.ids(1, 4), past_key_values=cache)

    assert cache.bare is None
    assert model(tiny.ids(1, 1), past_key_values=cache).logits.requires_grad
