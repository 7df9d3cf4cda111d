"""Law 1, row independence: what a model gives for a row does not depend on the batch it is in, nor on its padding."""

import pytest
import torch

import bearhug
import tiny

pytestmark = pytest.mark.reference  # the checkpoints are made by it
CLOSE = {"atol": 1e-5, "rtol": 1e-5}
LENGTHS = [9, 4, 1, 6, 9, 2, 5]


def load(recipe, task, folder, **values):
    tiny.reference_model(recipe, task, folder, **values)
    return getattr(bearhug, tiny.TASKS[task]).from_pretrained(folder)


def assert_rows_are_alone(model, batch):
    """Each row's results at its real tokens equal those of the row without padding, mask or company."""
    with torch.no_grad():
        together = model(**batch)
        for row, mask in enumerate(batch["attention_mask"].bool()):
            more = {name: ids[row][None] for name, ids in batch.items() if name == "decoder_input_ids"}
            alone = model(batch["input_ids"][row, mask][None], **more)
            for name in together.keys() & {"router_logits"}:
                for got, expected in zip(together[name], alone[name], strict=True):
                    torch.testing.assert_close(got.unflatten(0, (-1, len(mask)))[row, mask], expected, **CLOSE)
            batchs = {"past_key_values", "cache_params", "router_logits", "aux_loss"}  # of all rows together
            for name in together.keys() - batchs:
                got, expected = together[name][row], alone[name][0]
                got = got[mask] if got.shape[0] == mask.shape[0] and expected.shape[0] == mask.sum() else got

                torch.testing.assert_close(got, expected, **CLOSE, msg=lambda text, row=row: f"row {row}: {text}")


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("recipe", "task"), tiny.PAIRS)
def test_a_padded_row_equals_the_row_alone(recipe, task, side, tmp_path):
    model = load(recipe, task, tmp_path)

    assert_rows_are_alone(model, tiny.for_decoder(recipe, task, tiny.batch(LENGTHS, side)))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("pad", [0, 50, 98])
def test_the_padding_id_makes_no_difference(pad, attention, tmp_path):
    """Padding is what the mask says, whatever id stands there."""
    model = load("mistral", "sequence-classification", tmp_path)
    model.set_attn_implementation(attention)

    assert_rows_are_alone(model, tiny.batch(LENGTHS, "left", pad))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("scaling", tiny.ROPES)
def test_a_scaling_by_length_follows_each_rows_own_length(scaling, side, tmp_path):
    """dynamic and longrope: the longest row of a batch does not decide for the others."""
    model = load("llama", "causal-lm", tmp_path, rope_parameters={"rope_theta": 100.0, **tiny.ROPES[scaling]})

    assert_rows_are_alone(model, tiny.batch([40, 5, 13, 33], side))


@pytest.mark.parametrize("recipe", tiny.CAUSAL)
@pytest.mark.parametrize("side", ["left", "right"])
def test_decoding_a_padded_batch_equals_each_row_alone(recipe, side, tmp_path):
    """Prompts of different lengths in one cache, then token by token, holes in the middle included."""
    model = load(recipe, "causal-lm", tmp_path)
    batch, new = tiny.batch([7, 3, 1, 5], side), tiny.ids(4, 6, seed=9)
    mask, cache = batch["attention_mask"], model.new_cache(4, 13)
    with torch.no_grad():
        model(**batch, past_key_values=cache)
        for step in range(6):
            mask = torch.cat((mask, torch.ones(4, 1, dtype=torch.long)), 1)
            logits = model(new[:, step : step + 1], attention_mask=mask, past_key_values=cache).logits
            for row in range(4):
                prompt = batch["input_ids"][row, batch["attention_mask"][row].bool()]
                alone = model(torch.cat((prompt, new[row, : step + 1]))[None]).logits

                torch.testing.assert_close(logits[row, 0], alone[0, -1], **CLOSE)


@pytest.mark.parametrize(
    ("recipe", "task"), [("gpt2", "causal-lm"), ("bert", "masked-lm"), ("llama", "token-classification")]
)
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_row_of_nothing_but_padding_gives_no_nan(recipe, task, attention, tmp_path):
    """Forward and backward, in the row itself and in the others."""
    model = load(recipe, task, tmp_path)
    model.set_attn_implementation(attention)
    batch = tiny.batch([5, 3])
    batch["attention_mask"][1] = 0
    labels = torch.where(batch["attention_mask"] == 1, batch["input_ids"] % 2, -100)
    output = model(**batch, labels=labels)
    output.loss.backward()

    assert output.logits.isfinite().all()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_a_mask_of_ones_is_no_mask(tmp_path):
    model = load("qwen3-window", "causal-lm", tmp_path)
    ids = tiny.ids(3, 9)

    assert torch.equal(model(ids, torch.ones_like(ids)).logits, model(ids).logits)
    assert torch.equal(model(ids, torch.ones_like(ids, dtype=torch.float)).logits, model(ids).logits)


def test_a_row_that_decodes_beside_a_longer_one_keeps_its_positions(tmp_path):
    """GPT-2 reads 32 positions: a padded row of a batch that is wider than that still has its own."""
    model = load("gpt2", "causal-lm", tmp_path)
    batch = tiny.batch([30, 4], "left")
    batch = {name: torch.cat((torch.zeros(2, 6, dtype=torch.long), value), 1) for name, value in batch.items()}

    assert_rows_are_alone(model, batch)
