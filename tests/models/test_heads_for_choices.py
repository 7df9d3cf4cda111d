"""Heads that read several texts a row, and the walk over every head that the reference has for our architectures."""

import pytest
import torch
from safetensors.torch import load_file

import bearhug
import tiny
from bearhug.models import recipes
from bearhug.models.auto import model_class
from tiny_configs import CONFIGS

pytestmark = pytest.mark.reference
CLOSE = {"atol": 1e-5, "rtol": 1e-5}
CHOOSING = [name for name in CONFIGS if "multiple-choice" in recipes.find(CONFIGS[name][0]).heads]
MAPPINGS = {  # the reference's tables: our tasks
    "PRETRAINING": "pretraining",
    "CAUSAL_LM": "causal-lm",
    "MASKED_LM": "masked-lm",
    "SEQ_TO_SEQ_CAUSAL_LM": "seq2seq-lm",
    "SEQUENCE_CLASSIFICATION": "sequence-classification",
    "TOKEN_CLASSIFICATION": "token-classification",
    "QUESTION_ANSWERING": "question-answering",
    "MULTIPLE_CHOICE": "multiple-choice",
    "NEXT_SENTENCE_PREDICTION": "next-sentence",
    "TEXT_ENCODING": "text-encoding",
}


@pytest.mark.parametrize("model_type", sorted(recipes.RECIPES))
def test_every_head_that_the_reference_has_is_there_under_its_name(model_type):
    """Its tables of Auto classes are walked; the classes are attributes of the package, too."""
    from transformers.models.auto import modeling_auto

    for mapping, task in MAPPINGS.items():
        name = getattr(modeling_auto, f"MODEL_FOR_{mapping}_MAPPING_NAMES").get(model_type)
        if name is not None:
            assert model_class(model_type, task).__name__ == name
            if name != "LlamaForCausalLM" or model_type == "llama":  # which another config has for its class, too
                assert getattr(bearhug, name) is model_class(model_type, task)


def batch(lengths, choices, side="right", pad=0):
    """A batch of rows with several texts each."""
    flat = tiny.batch(lengths, side, pad=pad)
    return {name: value.unflatten(0, (-1, choices)) for name, value in flat.items()}


def pair(recipe, folder, **values):
    """The reference's model and ours, of the same checkpoint."""
    import transformers

    torch.manual_seed(0)
    config = tiny.reference_config(recipe, **values)
    theirs = transformers.AutoModelForMultipleChoice.from_config(config).eval()
    theirs.save_pretrained(folder)
    return theirs, bearhug.AutoModelForMultipleChoice.from_pretrained(folder)


@pytest.mark.parametrize("recipe", CHOOSING)
def test_scores_of_choices_are_the_references(recipe, tmp_path):
    """Logits, loss and gradients; the same bytes when saved; one row alone gives what it gives in the batch."""
    theirs, ours = pair(recipe, tmp_path / "theirs")
    inputs = batch([9, 4, 6, 9, 5, 7], 3, pad=theirs.config.pad_token_id)
    expected, got = (model(**inputs, labels=torch.tensor([2, 0])) for model in (theirs, ours))
    expected.loss.backward()
    got.loss.backward()
    ours.save_pretrained(tmp_path / "once")

    assert list(got.keys()) == list(expected.keys())
    assert got.logits.shape == (2, 3)
    torch.testing.assert_close(got.logits, expected.logits, **CLOSE)
    torch.testing.assert_close(got.loss, expected.loss, **CLOSE)
    word = theirs.get_input_embeddings().weight.grad
    torch.testing.assert_close(ours.get_input_embeddings().weight.grad, word, **CLOSE)
    before, after = (load_file(tmp_path / name / "model.safetensors") for name in ("theirs", "once"))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    left = batch([9, 4, 6, 9, 5, 7], 3, "left")
    torch.testing.assert_close(ours(**left).logits, got.logits, **CLOSE)
    alone = {name: value[1:] for name, value in inputs.items()}
    torch.testing.assert_close(ours(**alone).logits, got.logits[1:], **CLOSE)
    assert torch.equal(ours(**inputs, return_dict=False)[0], got.logits)


def test_choices_may_be_given_as_vectors(tmp_path):
    theirs, ours = pair("bert", tmp_path)
    vectors = torch.randn(2, 3, 5, 32)

    torch.testing.assert_close(ours(inputs_embeds=vectors).logits, theirs(inputs_embeds=vectors).logits, **CLOSE)


def test_a_batch_without_choices_is_an_error_that_names_the_shape(tmp_path):
    _, ours = pair("bert", tmp_path)

    with pytest.raises(ValueError, match=r"\(rows, choices, tokens\), and was given the shape \(2, 7\)"):
        ours(tiny.ids())
    with pytest.raises(ValueError, match="was given nothing"):
        ours()


@pytest.mark.parametrize("values", [{}, {"summary_proj_to_labels": False}, {"summary_activation": "tanh"}], ids=str)
@pytest.mark.parametrize("shape", [(2, 3), (4,)], ids=str)
def test_two_heads_of_gpt2_are_the_references(values, shape, tmp_path):
    """The next tokens' scores and the choices', with their losses."""
    import transformers

    torch.manual_seed(0)
    theirs = transformers.GPT2DoubleHeadsModel(tiny.reference_config("gpt2", **values)).eval()
    theirs.save_pretrained(tmp_path)
    ids = tiny.ids(torch.tensor(shape).prod().item(), 6).unflatten(0, shape)
    given = {"labels": ids}
    if len(shape) == 2:
        rows = 2 if values.get("summary_proj_to_labels", True) else 6  # which then has a number for each of the width
        given["mc_labels"] = torch.arange(rows) % 3
    ours = bearhug.GPT2DoubleHeadsModel.from_pretrained(tmp_path)
    for places in ({}, {"mc_token_ids": torch.full(shape, 3)}):
        expected, got = theirs(ids, **given, **places), ours(ids, **given, **places)

        assert list(got.keys()) == list(expected.keys())
        for name in expected.keys() - {"past_key_values"}:
            torch.testing.assert_close(got[name], expected[name], **CLOSE)


def test_labels_of_another_task_are_named(tmp_path):
    tiny.reference_model("bert", "pretraining", tmp_path)
    model = bearhug.AutoModelForPreTraining.from_pretrained(tmp_path)
    with pytest.raises(TypeError, match=r"next_sentence_lable.*next_sentence_label"):
        model(tiny.ids(), next_sentence_lable=torch.tensor([0, 1]))

    assert "loss" not in model(tiny.ids(), labels=tiny.ids())
