"""EncoderDecoderModel: two architectures as one, with the reference's numbers, files and ways to make it."""

import pytest
import torch

import tiny
from bearhug import AutoModel, AutoModelForSeq2SeqLM
from bearhug.models.auto import model_class

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("ignore:Version v4.12.0:FutureWarning")]
PARTS = [("bert", "bert"), ("roberta", "gpt2"), ("bert", "gpt2-scaled"), ("xlm-roberta", "roberta")]


def reference(encoder, decoder, folder, **values):
    """The reference's model, saved; both parts of one width."""
    import transformers

    torch.manual_seed(0)
    parts = [tiny.reference_config(name) for name in (encoder, decoder)]
    if parts[0].hidden_size != parts[1].hidden_size:
        parts[1].hidden_size = parts[0].hidden_size
    config = transformers.EncoderDecoderConfig.from_encoder_decoder_configs(
        *parts, pad_token_id=0, decoder_start_token_id=2, **values
    )
    model = transformers.EncoderDecoderModel(config=config).eval()
    with torch.no_grad():
        for one in model.parameters():
            if one.ndim == 1:
                one.add_(torch.randn_like(one) * 0.1)
    model.generation_config.pad_token_id, model.generation_config.decoder_start_token_id = 0, 2
    model.save_pretrained(folder)
    return transformers.EncoderDecoderModel.from_pretrained(folder).eval()


@pytest.mark.parametrize(("encoder", "decoder"), PARTS)
def test_numbers_and_tokens_are_the_references(encoder, decoder, tmp_path):
    """Logits, loss, gradients and generated tokens; saved, the reference reads it again."""
    theirs = reference(encoder, decoder, tmp_path)
    ours = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    assert type(ours).__name__ == "EncoderDecoderModel"
    batch = {**tiny.batch([7, 4]), "labels": tiny.ids(2, 5)}
    given, expected = ours(**batch), theirs(**batch)
    torch.testing.assert_close(given.logits, expected.logits, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(given.loss, expected.loss, atol=1e-5, rtol=1e-5)
    given.loss.backward()
    expected.loss.backward()
    grads = [model.get_input_embeddings().weight.grad for model in (ours, theirs)]
    torch.testing.assert_close(*grads, atol=1e-5, rtol=1e-4)
    del batch["labels"]
    for options in ({}, {"num_beams": 3}):
        options |= {"max_new_tokens": 6, "do_sample": False}
        assert torch.equal(ours.generate(**batch, **options), theirs.generate(**batch, **options))
    ours.save_pretrained(tmp_path / "again")
    back = type(theirs).from_pretrained(tmp_path / "again").eval()
    ids = {**batch, "decoder_input_ids": tiny.ids(2, 3)}
    torch.testing.assert_close(back(**ids).logits, theirs(**ids).logits)


def test_two_checkpoints_become_one(tmp_path):
    """The parts' weights are taken, cross attention is new, and the config holds both."""
    tiny.reference_model("bert", "base", tmp_path / "a", seed=1)
    tiny.reference_model("bert", "masked-lm", tmp_path / "b", seed=2)
    kind = model_class("encoder-decoder", "seq2seq-lm")
    model = kind.from_encoder_decoder_pretrained(tmp_path / "a", tmp_path / "b", pad_token_id=0)
    assert model.config.decoder.add_cross_attention
    assert not model.config.encoder.is_decoder
    encoder = AutoModel.from_pretrained(tmp_path / "a")
    ids = tiny.ids(2, 5)
    assert torch.equal(model.get_encoder()(ids).last_hidden_state, encoder(ids).last_hidden_state)
    assert model(ids, decoder_input_ids=ids).logits.isfinite().all()
    model.save_pretrained(tmp_path / "c")
    again = kind.from_pretrained(tmp_path / "c")
    again.resize_token_embeddings(110)
    again.resize_decoder_token_embeddings(120)
    again.save_pretrained(tmp_path / "d")
    again = kind.from_pretrained(tmp_path / "d")
    assert again(ids, decoder_input_ids=ids).logits.shape[-1] == 120
    again.resize_decoder_token_embeddings(model.config.decoder.vocab_size)
    assert torch.equal(again(ids, decoder_input_ids=ids).logits, model(ids, decoder_input_ids=ids).logits)
    with pytest.raises(ValueError, match="needs the decoder"):
        kind.from_encoder_decoder_pretrained(tmp_path / "a")
    with pytest.raises(ValueError, match="config="):
        kind()
