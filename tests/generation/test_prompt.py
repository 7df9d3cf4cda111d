"""What can be given to generate(): where padding stands does not matter, and what is wrong is said."""

import pytest
import torch

from bearhug import AutoModelForCausalLM, AutoModelForSequenceClassification

LONG = {"max_new_tokens": 8, "pad_token_id": 0, "eos_token_id": [2, 11, 40]}


@pytest.mark.parametrize(
    "options", [{}, {"repetition_penalty": 1.5, "no_repeat_ngram_size": 1}, {"use_cache": False}], ids=str
)
def test_left_right_and_no_padding_give_equal_tokens(model, padded, options):
    left = model.generate(**padded["left"], **LONG, **options)
    right = model.generate(**padded["right"], **LONG, **options)

    assert left[:, 7:].tolist() == right[:, 7:].tolist()
    assert right[:, :7].tolist() == padded["right"]["input_ids"].tolist()
    for row, ids in enumerate(padded["rows"]):
        alone = model.generate(ids[None], **LONG, **options)[0, len(ids) :].tolist()
        assert left[row, 7 : 7 + len(alone)].tolist() == alone


def test_columns_of_padding_in_every_row_are_not_read(model, padded):
    wide = {name: torch.nn.functional.pad(values, (40, 10)) for name, values in padded["left"].items()}

    result = model.generate(**wide, **LONG)

    assert result[:, 57:].tolist() == model.generate(**padded["left"], **LONG)[:, 7:].tolist()


def test_a_hole_in_the_mask_is_no_token(model, prompt):
    mask = torch.ones_like(prompt)
    mask[0, 3] = 0
    kept = torch.cat((prompt[:1, :3], prompt[:1, 4:]), 1)

    result = model.generate(prompt, attention_mask=mask, **LONG)

    assert result[0, 7:].tolist() == model.generate(kept, **LONG)[0, 6:].tolist()


def test_the_mask_is_never_guessed_from_the_ids(model, prompt):
    ids = prompt.clone()
    ids[0, :2] = 0

    with_pad = model.generate(ids, **LONG)

    assert with_pad.tolist() == model.generate(ids, attention_mask=torch.ones_like(ids), **LONG).tolist()


@pytest.mark.parametrize("side", ["left", "right"])
def test_lengths_that_a_tokenizer_left_on_the_ids_stand_for_the_mask(model, padded, side):
    ids = padded[side]["input_ids"].clone()
    ids._bearhug_lengths, ids._bearhug_padding_side = torch.tensor([7, 3, 5]), side

    assert model.generate(ids, **LONG).tolist() == model.generate(**padded[side], **LONG).tolist()


def test_masks_of_any_number_type(model, padded):
    expected = model.generate(**padded["left"], **LONG).tolist()
    ids, mask = padded["left"].values()
    for given in (mask.bool(), mask.float(), mask.to(torch.uint8)):
        assert model.generate(ids, attention_mask=given, **LONG).tolist() == expected


@pytest.mark.reference
def test_token_types_and_positions_go_along(model, theirs, padded, prompt):
    types = torch.randint(0, 50, prompt.shape, generator=torch.Generator().manual_seed(3))
    for more in ({"token_type_ids": types}, {"position_ids": torch.arange(7)[None].repeat(3, 1) + 4}):
        for given in ({"input_ids": prompt, "attention_mask": torch.ones_like(prompt)}, padded["left"]):
            ours = model.generate(**given, **more, **LONG)

            assert ours.tolist() == theirs.generate(**given, **more, **LONG).tolist()


def test_they_move_with_the_padding(model, padded):
    types = {side: padded[side]["input_ids"] % 5 for side in ("left", "right")}

    results = [
        model.generate(**padded[side], token_type_ids=types[side], **LONG)[:, 7:].tolist() for side in ("left", "right")
    ]

    assert results[0] == results[1]


WRONG = {
    "a text": ({"inputs": "Hello"}, TypeError, "text was given: 'Hello'"),
    "texts": ({"inputs": ["Hello", "you"]}, TypeError, r"tokenizer\(text, return_tensors=\"pt\"\)"),
    "ragged": ({"inputs": [[1, 2], [3]]}, TypeError, "padding=True"),
    "one dimension": ({"inputs": torch.tensor([1, 2])}, ValueError, r"shape \(2,\).*\n.*unsqueeze\(0\)"),
    "three": ({"inputs": torch.zeros(1, 2, 3).long()}, ValueError, r"\(rows, tokens\)"),
    "floats": ({"inputs": torch.zeros(1, 2)}, TypeError, "inputs_embeds"),
    "empty": ({"inputs": torch.zeros(1, 0).long()}, ValueError, "no tokens"),
    "empty row": (
        {"inputs": torch.ones(2, 3).long(), "attention_mask": torch.tensor([[1, 1, 1], [0, 0, 0]])}, ValueError,
        "row 1 of the prompt has no tokens",
    ),
    "twice": ({"inputs": torch.ones(1, 3).long(), "input_ids": torch.ones(1, 3).long()}, ValueError, "same thing"),
    "mask": (
        {"inputs": torch.ones(1, 3).long(), "attention_mask": torch.ones(1, 4)}, ValueError,
        r"\(1, 4\).*1 rows of 3 tokens",
    ),
    "mask of four": (
        {"inputs": torch.ones(1, 3).long(), "attention_mask": torch.ones(1, 1, 3, 3)}, ValueError, "attention_mask",
    ),
    "an id beyond": ({"inputs": torch.tensor([[5, 97]])}, IndexError, "97"),
    "a negative id": ({"inputs": torch.tensor([[5, -1]])}, IndexError, "-1"),
    "a typo": ({"max_new_token": 5}, ValueError, "'max_new_token'.*'max_new_tokens'"),
    "another typo": ({"straemer": 5}, ValueError, "'streamer'"),
    "no start": ({"bos_token_id": None}, ValueError, "no bos_token_id"),
    "max_length": ({"inputs": torch.ones(1, 9).long(), "max_length": 9}, ValueError, r"9 tokens.*max_length=9.*\n.*29"),
    "min beyond max": (
        {"inputs": torch.ones(1, 9).long(), "min_new_tokens": 9, "max_new_tokens": 4}, ValueError,
        r"min_new_tokens=9.*4 are made.*\n.*max_new_tokens=9",
    ),
    "min beyond default": (
        {"inputs": torch.ones(1, 9).long(), "min_length": 50}, ValueError, "min_length=50 asks for 41",
    ),
    "positions": (
        {"inputs": torch.ones(1, 60).long(), "max_new_tokens": 20}, ValueError,
        r"60 tokens and max_new_tokens=20, but .* reads 64 .*\nPass max_new_tokens=4, or shorten .*max_length=44\)",
    ),
    "length beyond positions": (
        {"inputs": torch.ones(1, 60).long(), "max_length": 100}, ValueError, "reads 64 positions",
    ),
    "both beyond": (
        {"inputs": torch.ones(1, 80).long(), "max_new_tokens": 64}, ValueError,
        r"Shorten .*max_length=32\), and pass max_new_tokens=32",
    ),
    "prompt beyond positions": (
        {"inputs": torch.ones(1, 80).long()}, ValueError, "80 tokens, but .* reads 64 positions",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "error", "says"), WRONG.values(), ids=WRONG.keys())
def test_wrong_input(model, given, error, says):
    with pytest.raises(error, match=says):
        model.generate(**given)


def test_no_bos_token(folder):
    model = AutoModelForCausalLM.from_pretrained(folder)
    model.generation_config.bos_token_id = None

    with pytest.raises(ValueError, match="no bos_token_id"):
        model.generate()


def test_a_length_that_a_checkpoint_says_is_shortened_to_the_positions(folder):
    model = AutoModelForCausalLM.from_pretrained(folder)
    model.generation_config.__dict__.update(max_new_tokens=500, eos_token_id=None)

    assert model.generate(torch.ones(1, 60).long()).shape == (1, 64)


def test_a_model_without_a_head_for_tokens(folder):
    model = AutoModelForSequenceClassification.from_pretrained(folder, new_head=True, num_labels=2)

    with pytest.raises(TypeError, match="AutoModelForCausalLM"):
        model.generate(torch.ones(1, 3).long())
