"""The heads' losses, as the reference computes them, and where it errs, as they should be."""

import pytest
import torch

import bearhug
import tiny
from bearhug import BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel

CLOSE = {"atol": 1e-5, "rtol": 1e-5}
REGRESSION, SINGLE, MULTI = "regression", "single_label_classification", "multi_label_classification"


def pair(recipe, task, folder, **values):
    theirs = tiny.reference_model(recipe, task, folder, **values)
    return theirs, getattr(bearhug, tiny.TASKS[task]).from_pretrained(folder)


@pytest.mark.reference
@pytest.mark.parametrize("recipe", ["bert", "llama", "gpt2", "roberta", "distilbert"])
@pytest.mark.parametrize(
    ("labels", "number", "given", "found"),
    [
        (torch.tensor([0.5, -1.0]), 1, None, REGRESSION),
        (torch.tensor([[0.5], [-1.0]]), 1, None, REGRESSION),
        (torch.tensor([1, 2]), 3, None, SINGLE),
        (torch.tensor([1, 2], dtype=torch.int32), 3, None, SINGLE),
        (torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]), 3, None, MULTI),
        (torch.tensor([[1.0, 0.3, 1.0], [0.0, -2.0, 1.0]]), 3, REGRESSION, REGRESSION),
        (torch.tensor([1, 0]), 2, SINGLE, SINGLE),
        (torch.tensor([[1.0, 0.0], [0.0, 0.0]]), 2, MULTI, MULTI),
    ],
    ids=str,
)
def test_a_texts_loss_is_chosen_as_the_reference_does(recipe, labels, number, given, found, tmp_path):
    values = {"num_labels": number, "problem_type": given, "pad_token_id": 0}
    theirs, ours = pair(recipe, "sequence-classification", tmp_path, **values)
    ids = tiny.ids(2, 6)
    theirs_labels = labels.long() if found == SINGLE else labels
    expected, got = theirs(ids, labels=theirs_labels), ours(ids, labels=labels)

    torch.testing.assert_close(got.loss, expected.loss, **CLOSE)
    assert ours.config.problem_type == theirs.config.problem_type == found


@pytest.mark.reference
@pytest.mark.parametrize("items", [3, torch.tensor(3)], ids=str)
@pytest.mark.parametrize(("recipe", "task"), [("llama", "causal-lm"), ("gpt2", "causal-lm")])
def test_the_sum_can_be_divided_by_a_given_number(recipe, task, items, tmp_path):
    """num_items_in_batch, for gradients over several batches."""
    theirs, ours = pair(recipe, task, tmp_path)
    ids = tiny.ids(2, 6)

    torch.testing.assert_close(
        ours(ids, labels=ids, num_items_in_batch=items).loss,
        theirs(ids, labels=ids, num_items_in_batch=items).loss,
        **CLOSE,
    )


@pytest.mark.parametrize(
    ("recipe", "task"),
    [pair for pair in tiny.PAIRS if pair[0] in ("gpt2", "bert") and pair[1] not in ("base", "pretraining")],
)
def test_the_loss_over_parts_adds_up_to_the_loss_over_all(recipe, task, tmp_path):
    """Whatever the parts' sizes, divided by the number of labels of the whole (D6)."""
    pytest.importorskip("transformers")
    tiny.reference_model(recipe, task, tmp_path)
    model = getattr(bearhug, tiny.TASKS[task]).from_pretrained(tmp_path)
    ids = tiny.ids(5, 6)
    if task == "question-answering":
        labels = {"start_positions": torch.tensor([0, 1, 2, 3, 4]), "end_positions": torch.tensor([1, 5, 2, 5, 4])}
        items = 5
    elif task in ("sequence-classification", "next-sentence"):
        labels, items = {"labels": torch.tensor([0, 1, 1, 0, 1])}, 5
    else:
        values = (ids % 2 if task == "token-classification" else ids).clone()
        values[0, 2:] = values[3, :4] = -100
        labels = {"labels": values}
        items = int((values[:, 1:] if task == "causal-lm" else values).ne(-100).sum())
    whole = model(ids, **labels).loss
    parts = [slice(0, 1), slice(1, 4), slice(4, 5)]
    total = sum(
        model(ids[at], **{name: value[at] for name, value in labels.items()}, num_items_in_batch=items).loss
        for at in parts
    )

    torch.testing.assert_close(total, whole, atol=1e-6, rtol=1e-6)


def test_a_text_of_one_token_has_no_next_and_no_loss():
    """Zero, with gradients, instead of NaN."""
    model = GPT2LMHeadModel(GPT2Config(n_embd=16, n_head=2, n_layer=1, vocab_size=20))
    ids = torch.tensor([[3], [4]])
    loss = model(ids, labels=ids).loss
    loss.backward()

    assert loss.item() == 0
    assert all(parameter.grad.eq(0).all() for parameter in model.parameters() if parameter.grad is not None)
    assert model(tiny.ids() % 20, labels=torch.full((2, 7), -100)).loss.item() == 0


def test_a_label_out_of_range_is_named():
    model = GPT2LMHeadModel(GPT2Config(n_embd=16, n_head=2, n_layer=1, vocab_size=20))
    ids = tiny.ids() % 20
    with pytest.raises(IndexError, match=r"a label is 20, but the head tells 20 apart \(0 to 19; -100 is ignored\)"):
        model(ids, labels=torch.full((2, 7), 20))
    with pytest.raises(IndexError, match="a label is -1, but"):
        model(ids, labels=torch.full((2, 7), -1))


def test_labels_of_another_shape_are_refused():
    model = GPT2LMHeadModel(GPT2Config(n_embd=16, n_head=2, n_layer=1, vocab_size=20))
    with pytest.raises(ValueError, match=r"labels have the shape \(2,\), expected \(2, 7\)"):
        model(tiny.ids() % 20, labels=torch.tensor([1, 2]))
    config = BertConfig(hidden_size=16, num_attention_heads=2, num_hidden_layers=1, intermediate_size=8, vocab_size=20)
    classifier = BertForSequenceClassification(config)
    with pytest.raises(ValueError, match=r"labels have the shape \(3,\), expected \(2,\)"):
        classifier(tiny.ids() % 20, labels=torch.tensor([1, 0, 1]))


def test_a_causal_classifier_reads_the_last_real_token(tmp_path):
    """By the mask, where the id of padding also stands in the text, and where there is no such id at all."""
    config = GPT2Config(n_embd=16, n_head=2, n_layer=1, vocab_size=20, pad_token_id=None)
    model = bearhug.AutoModelForSequenceClassification.from_config(config).eval()
    ids, mask = torch.tensor([[5, 6, 7, 7], [7, 7, 8, 7]]), torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]])
    logits = model(ids, mask).logits

    torch.testing.assert_close(logits[0], model(ids[:1, :3]).logits[0])
    torch.testing.assert_close(logits[1], model(ids[1:]).logits[0])
