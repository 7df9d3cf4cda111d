"""Every architecture that generates, with every way of generating: the reference's tokens.

In float64, because among many beams two are as likely to within float32's rounding now and then. Where the reference
computes attention step by step, in float32: its softmax there is float32's, and float64's mask makes NaN of padding.
"""

import pytest
import torch

import tiny
from bearhug import AutoModelForCausalLM, AutoModelForSeq2SeqLM

pytestmark = pytest.mark.reference
WAYS = {
    "greedy": {"repetition_penalty": 1.2},
    "sample": {"do_sample": True, "top_p": 0.9, "temperature": 1.3, "num_return_sequences": 2},
    "beams": {"num_beams": 3, "num_return_sequences": 2, "length_penalty": 0.7},
    "beam sample": {"num_beams": 2, "do_sample": True, "top_k": 20},
    "no cache": {"use_cache": False},
}


PAIR_WAYS = WAYS | {
    "encoder options": {"encoder_repetition_penalty": 1.4, "encoder_no_repeat_ngram_size": 2, "num_beams": 2},
    "forced": {"forced_bos_token_id": 17, "forced_eos_token_id": 20, "min_new_tokens": 3},
    "penalties": {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2, "bad_words_ids": [[9], [11, 12]]},
}


ALONE = [
    {},
    {"num_beams": 3},
    {"do_sample": True, "seed": 3},
    {"use_cache": False},
    {"encoder_repetition_penalty": 1.4, "encoder_no_repeat_ngram_size": 2},
]


@pytest.fixture(scope="module", params=tiny.SEQ2SEQ)
def writers(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    theirs = tiny.reference_model(request.param, "seq2seq-lm", folder)
    return AutoModelForSeq2SeqLM.from_pretrained(folder).double(), theirs.double()


def of_encoder(theirs, lengths):
    """A batch as the reference's encoders read it right: padded on the right, by its own id."""
    return tiny.batch(lengths, pad=theirs.config.pad_token_id)


@pytest.mark.parametrize("options", PAIR_WAYS.values(), ids=PAIR_WAYS.keys())
@pytest.mark.parametrize("lengths", [[6, 6], [8, 3, 5]], ids=["full", "padded"])
def test_what_an_encoder_reads_gives_the_references_tokens(writers, lengths, options):
    model, theirs = writers
    batch = of_encoder(theirs, lengths)
    if "encoder_no_repeat_ngram_size" in options:  # the reference takes padding for a part of the text
        batch = of_encoder(theirs, [max(lengths)] * 2)
    options = {"max_new_tokens": 12, "eos_token_id": [2, 20, 30, 40], "decoder_start_token_id": 5, **options}

    torch.manual_seed(7)
    ours = model.generate(**batch, **options)
    torch.manual_seed(7)
    expected = theirs.generate(**batch, **options)

    assert ours.tolist() == expected.tolist()


@pytest.mark.parametrize("beams", [1, 3])
def test_what_is_returned_beside_the_tokens_is_the_references(writers, beams):
    """Names, order and numbers of scores, logits, attentions and hidden states, and a decoder's beginning."""
    model, theirs = writers
    theirs.set_attn_implementation("eager")
    batch = of_encoder(theirs, [7, 7])
    asked = ("output_scores", "output_logits", "output_attentions", "output_hidden_states", "return_dict_in_generate")
    options = {"max_new_tokens": 5, "decoder_start_token_id": 5, "num_beams": beams, "eos_token_id": 20,
               "decoder_input_ids": tiny.ids(2, 3, seed=3), **dict.fromkeys(asked, True)}  # fmt: skip

    ours, expected = model.generate(**batch, **options), theirs.generate(**batch, **options)

    assert list(ours) == list(expected)
    for name in expected.keys() - {"past_key_values", "beam_indices"}:
        torch.testing.assert_close(ours[name], expected[name], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("options", ALONE, ids=str)
def test_law_1_an_encoders_row_gets_the_same_tokens_alone(writers, options, side):
    model, _ = writers
    options = {"max_new_tokens": 8, "eos_token_id": [20, 30], "decoder_start_token_id": 5, "pad_token_id": 3, **options}
    batch = tiny.batch([5, 1, 8, 3], side)
    together = model.generate(**batch, **options)
    for row in range(4):
        if "seed" in options:
            options["seed"] = [(3, row)]
        alone = model.generate(batch["input_ids"][row, batch["attention_mask"][row].bool()][None], **options)[0]

        assert together[row, : len(alone)].tolist() == alone.tolist()
        assert set(together[row, len(alone) :].tolist()) <= {3}


def test_an_encoder_that_has_read_need_not_read_again(writers):
    """encoder_outputs, inputs_embeds, a stream, a beginning: the same tokens as of ids."""
    model, _ = writers
    ids = tiny.ids(2, 6)
    options = {"max_new_tokens": 6, "decoder_start_token_id": 5, "eos_token_id": None}
    expected = model.generate(ids, **options)
    embeds = model.model.encoder.embed_tokens(ids)

    assert torch.equal(model.generate(encoder_outputs=model.get_encoder()(ids), **options), expected)
    assert torch.equal(torch.stack(list(model.generate(ids, stream=True, **options)), 1), expected[:, 1:])
    assert torch.equal(model.generate(ids, decoder_input_ids=expected[:, :3], **options)[:, :7], expected)
    if model.model.encoder.input_scale == 1.0:
        assert torch.equal(model.generate(inputs_embeds=embeds, **options), expected)


# The reference's state spaces take a bias for text where there is padding, and forget their limits while decoding.
LEAKING = ("mamba-bias", "falcon_mamba-bias", "mamba2-bias")
# decoders of an encoder's: the reference counts their positions over padding too
ALONE_ONLY = [name for name in tiny.CAUSAL if name in (*tiny.SEQ2SEQ, *LEAKING)]


@pytest.fixture(scope="module", params=[name for name in tiny.CAUSAL if name not in ALONE_ONLY])
def pair(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    theirs = tiny.reference_model(request.param, "causal-lm", folder)
    theirs.config._experts_implementation = "eager"  # the other ways know no float64
    theirs.config.output_router_logits = False  # whose loss fails with a padded cache
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


@pytest.mark.parametrize("recipe", ALONE_ONLY)
@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS.keys())
def test_a_decoder_alone_gives_the_references_tokens(recipe, options, tmp_path):
    """Each row as the reference continues it without padding; sampling in a batch without padding."""
    dtype = torch.float32 if recipe in LEAKING else torch.float64
    theirs = tiny.reference_model(recipe, "causal-lm", tmp_path).to(dtype)
    model = AutoModelForCausalLM.from_pretrained(tmp_path).to(dtype)
    cached = {"use_cache": False} if recipe in LEAKING else {}
    options = {"max_new_tokens": 14, "eos_token_id": [2, 20, 30, 40], "pad_token_id": 3, **options}
    batch = tiny.batch([6, 6] if options.get("do_sample") else [8, 3, 5], side="left")

    torch.manual_seed(7)
    ours = model.generate(**batch, **options)
    torch.manual_seed(7)
    if options.get("do_sample"):
        assert ours.tolist() == theirs.generate(**batch, **(options | cached)).tolist()
        return
    each = options.get("num_return_sequences", 1)
    for row, mask in enumerate(batch["attention_mask"].bool()):
        expected = theirs.generate(batch["input_ids"][row, mask][None], **(options | cached))
        got = ours[row * each : (row + 1) * each, int((~mask).sum()) :]

        assert got[:, : expected.shape[1]].tolist() == expected.tolist()
