"""Every architecture that generates, with every way of generating: the reference's tokens.

In float64, because among many beams two are as likely to within float32's rounding now and then. Where the reference
computes attention step by step, in float32: its softmax there is float32's, and float64's mask makes NaN of padding.
"""

import pytest
import torch

import tiny
from bearhug import AutoModelForCausalLM

pytestmark = pytest.mark.reference
WAYS = {
    "greedy": {"repetition_penalty": 1.2},
    "sample": {"do_sample": True, "top_p": 0.9, "temperature": 1.3, "num_return_sequences": 2},
    "beams": {"num_beams": 3, "num_return_sequences": 2, "length_penalty": 0.7},
    "beam sample": {"num_beams": 2, "do_sample": True, "top_k": 20},
    "no cache": {"use_cache": False},
}


@pytest.fixture(scope="module", params=tiny.CAUSAL)
def pair(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    theirs = tiny.reference_model(request.param, "causal-lm", folder)
    dtype = torch.float32 if theirs.config._attn_implementation == "eager" else torch.float64
    return AutoModelForCausalLM.from_pretrained(folder).to(dtype), theirs.to(dtype)


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("lengths", [[6, 6], [8, 3, 5]], ids=["full", "left padded"])
def test_tokens_are_the_references(pair, lengths, options):
    model, theirs = pair
    batch = tiny.batch(lengths, side="left")
    options = {"max_new_tokens": 14, "eos_token_id": [2, 20, 30, 40], "pad_token_id": 3, **options}

    torch.manual_seed(7)
    ours = model.generate(**batch, **options)
    torch.manual_seed(7)
    expected = theirs.generate(**batch, **options)

    assert ours.tolist() == expected.tolist()
