"""Another number of tokens: what grows, what shrinks, and where new rows start, as the reference has it."""

import pytest
import torch
from safetensors.torch import load_file

import tiny
from bearhug.models.auto import model_class

TASKS = ("causal-lm", "seq2seq-lm", "masked-lm")
CASES = [pair for pair in tiny.PAIRS if pair[1] in TASKS]
# The reference throws the encoder's and the decoder's tables away, and lets both share a third; here each keeps its own
APART = "bart-untied"
BROKEN = {
    "marian": {"final_logits_bias"},
    "mpnet": {"lm_head.bias"},
    "xlm-roberta-act": {"lm_head.bias"},
}  # the reference leaves them at another size


def written(model, folder):
    """The tensors that a model writes."""
    model.save_pretrained(folder)
    return load_file(folder / "model.safetensors")


@pytest.mark.reference
@pytest.mark.parametrize(("recipe", "task"), CASES)
def test_every_architecture_is_resized_as_the_reference_resizes_it(recipe, task, tmp_path):
    """Every tensor has the same shape, old rows stay, new ones start at the mean, and the folder loads again."""
    theirs = tiny.reference_model(recipe, task, tmp_path / "theirs")
    kind = model_class(tiny.CONFIGS[recipe][0], task)
    for size, options in ((130, {}), (55, {"pad_to_multiple_of": 20})):
        ours = kind.from_pretrained(tmp_path / "theirs")
        before = written(ours, tmp_path / "before")
        table = ours.resize_token_embeddings(size, **options)
        assert table is ours.get_input_embeddings()
        assert table.num_embeddings == ours.config.vocab_size
        after = written(ours, tmp_path / "ours")
        for name, tensor in before.items():
            rows = min(len(tensor), len(after[name]))
            assert torch.equal(tensor[:rows], after[name][:rows]) or tensor.shape[0] == 1
        if (ours.config.pad_token_id or 0) < table.num_embeddings:
            assert kind.from_pretrained(tmp_path / "ours").config.vocab_size == table.num_embeddings
        if recipe == APART and task != "causal-lm":
            continue
        theirs = type(theirs).from_pretrained(tmp_path / "theirs")
        theirs.resize_token_embeddings(size, **options)
        expected = written(theirs, tmp_path / "again")
        broken = next((names for start, names in BROKEN.items() if recipe.startswith(start)), set())
        again = {name for name in {*after, *expected} if name.endswith("decoder.bias")}  # the same bias once more
        assert after.keys() - again == expected.keys() - again
        for name in expected.keys() - broken - again:
            torch.testing.assert_close(after[name], expected[name], atol=1e-3, rtol=1e-3)


@pytest.mark.reference
def test_rows_are_drawn_anew_without_the_mean(tmp_path):
    """mean_resizing=False gives new rows the spread of a new model's, and the output's bias zeros."""
    tiny.reference_model("bert", "masked-lm", tmp_path)
    model = model_class("bert", "masked-lm").from_pretrained(tmp_path)
    model.resize_token_embeddings(1000, mean_resizing=False)
    fresh = model.get_input_embeddings().weight[-500:]
    assert abs(fresh.std().item() - model.config.initializer_range) < 0.002
    assert model.get_output_embeddings().bias[-500:].abs().max() == 0
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


@pytest.mark.reference
def test_a_decoder_has_words_of_its_own(tmp_path):
    """Marian with two vocabularies: each is resized by itself, and the output goes with the decoder's."""
    theirs = tiny.reference_model("marian-two", "seq2seq-lm", tmp_path)
    ours = model_class("marian", "seq2seq-lm").from_pretrained(tmp_path)
    for model in (theirs, ours):
        model.resize_token_embeddings(120)
        model.resize_decoder_token_embeddings(111)
    assert ours.config.vocab_size == 120
    assert ours.config.decoder_vocab_size == 111
    expected = written(theirs, tmp_path / "theirs")
    given = written(ours, tmp_path / "ours")
    assert {name: one.shape for name, one in given.items()} == {name: one.shape for name, one in expected.items()}
    batch = {**tiny.batch([5, 3]), "decoder_input_ids": tiny.ids(2, 4)}
    assert ours(**batch).logits.shape == (2, 4, 111)
    with pytest.raises(ValueError, match="one vocabulary"):
        model_class("bert", "masked-lm")(tiny_bert()).resize_decoder_token_embeddings(5)


def tiny_bert():
    """A config."""
    from bearhug import AutoConfig

    return AutoConfig.for_model("bert", **tiny.CONFIGS["bert"][1])


@pytest.mark.parametrize("multiple", ["8", 2.5])
def test_a_multiple_is_a_whole_number(multiple):
    """Anything else is refused, as by the reference."""
    model = model_class("bert", "base")(tiny_bert())
    with pytest.raises(ValueError, match="whole number"):
        model.resize_token_embeddings(10, pad_to_multiple_of=multiple)
