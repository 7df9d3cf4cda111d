"""Law 1, row independence, of generate: a row gets the same tokens alone, in any batch, padded on any side (D1, D9)."""

import pytest
import torch

import tiny
from bearhug import AutoModelForCausalLM

LENGTHS = [5, 1, 8, 3, 8, 2, 6]
NEW, PAD = 9, 4
WAYS = {
    "greedy": {},
    "penalties": {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
    "sample": {"do_sample": True, "top_k": 20, "temperature": 1.5, "seed": 11},
    "several samples": {"do_sample": True, "num_return_sequences": 2, "seed": 11},
    "beams": {"num_beams": 3, "num_return_sequences": 2},
    "beam sample": {"num_beams": 2, "do_sample": True, "seed": 11},
    "no cache": {"use_cache": False},
}


@pytest.fixture(scope="module", params=["gpt2", "llama", "mistral", "qwen3-window"])
def model(request, tmp_path_factory):
    """In float64: what is tested is the rows' independence, not which of two near-ties rounding prefers."""
    pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp(request.param)
    tiny.reference_model(request.param, "causal-lm", folder)
    return AutoModelForCausalLM.from_pretrained(folder).double()


def new_tokens(model, batch, options):
    """The new tokens of each row of a batch, as lists, one for each returned sequence."""
    options = {"max_new_tokens": NEW, "eos_token_id": [2, 10, 20, 30, 40, 50], "pad_token_id": PAD, **options}
    width = batch["input_ids"].shape[1]
    each = options.get("num_return_sequences", 1)
    rows = model.generate(**batch, **options)[:, width:]
    return torch.nn.functional.pad(rows, (0, NEW - rows.shape[1]), value=PAD).unflatten(0, (-1, each)).tolist()


def alone(model, row, options):
    if "seed" in options:
        options = {**options, "seed": [(options["seed"], row)]}
    return new_tokens(model, {"input_ids": tiny.ids(1, LENGTHS[row], 1 + row)}, options)[0]


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS.keys())
def test_law_1_a_row_gets_the_same_tokens_alone_and_in_any_batch(model, options):
    expected = [alone(model, row, options) for row in range(7)]

    for size in range(1, 8):
        for side in ("left", "right"):
            batch = tiny.batch(LENGTHS[:size], side=side)
            assert new_tokens(model, batch, options) == expected[:size], (size, side)

            lengths = batch.pop("attention_mask").sum(1)  # as a bearhug tokenizer leaves them on its tensors
            batch["input_ids"]._bearhug_lengths, batch["input_ids"]._bearhug_padding_side = lengths, side
            assert new_tokens(model, batch, options) == expected[:size], (size, side, "without a mask")


@pytest.mark.parametrize("pad", [0, 2, 33], ids=["pad", "pad is eos", "pad is a word"])
def test_law_1_the_id_that_pads_does_not_matter(model, pad):
    """No padding in the mask, whatever the ids; and padding by the mask, whatever the ids."""
    expected = [alone(model, row, {}) for row in range(7)]

    for side in ("left", "right"):
        assert new_tokens(model, tiny.batch(LENGTHS, side=side, pad=pad), {}) == expected


@pytest.mark.parametrize("side", ["left", "right"])
def test_law_1_the_order_of_rows_does_not_matter(model, side):
    batch = tiny.batch(LENGTHS, side=side)
    order = [3, 0, 6, 2, 5, 1, 4]
    options = {"do_sample": True, "seed": [100 + row for row in range(7)]}
    shuffled = {name: values[order] for name, values in batch.items()}

    expected = new_tokens(model, batch, options)
    found = new_tokens(model, shuffled, {**options, "seed": [100 + row for row in order]})

    assert found == [expected[row] for row in order]
