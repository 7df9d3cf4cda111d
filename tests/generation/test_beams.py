"""Beam search and the reference's, on the same weights: sequences, their scores, and where each token came from."""

import pytest
import torch

from bearhug import TextStreamer
from bearhug.generation import GenerateBeamDecoderOnlyOutput, compute_transition_scores

ENDS = [2, 11, 40, 41, 60, 61]
OPTIONS = {
    "plain": {},
    "stops when full": {"early_stopping": True},
    "stops when hopeless": {"early_stopping": "never"},
    "never, short": {"early_stopping": "never", "length_penalty": -1.0},
    "long": {"length_penalty": 2.0},
    "short": {"length_penalty": -2.0},
    "no length": {"length_penalty": 0.0},
    "no end": {"eos_token_id": None},
    "one end": {"eos_token_id": 2},
    "pad": {"pad_token_id": 0},
    "other pad": {"pad_token_id": 5},
    "penalties": {"repetition_penalty": 1.4, "no_repeat_ngram_size": 3, "bad_words_ids": [[7], [8, 9]]},
    "least": {"min_new_tokens": 6},
    "forced": {"forced_eos_token_id": 9},
    "no cache": {"use_cache": False},
    "normalized": {"renormalize_logits": True},
    "sampled": {"do_sample": True},
    "sampled, few": {"do_sample": True, "top_k": 4, "temperature": 0.7, "eos_token_id": [2, 11]},
    "sampled, all options": {
        "do_sample": True, "top_p": 0.9, "min_p": 0.01, "typical_p": 0.95, "epsilon_cutoff": 1e-3, "eta_cutoff": 1e-3,
    },
}  # fmt: skip


@pytest.mark.reference
@pytest.mark.parametrize("beams", [(2, 1), (4, 3), (5, 5)], ids=str)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_beams_are_the_references(model, theirs, padded, options, beams):
    options = {
        "num_beams": beams[0], "num_return_sequences": beams[1], "max_new_tokens": 12, "eos_token_id": ENDS,
        "return_dict_in_generate": True, "output_scores": True, "output_logits": True, **options,
    }  # fmt: skip

    torch.manual_seed(1)
    ours = model.generate(**padded["left"], **options)
    torch.manual_seed(1)
    expected = theirs.generate(**padded["left"], **options)

    assert type(ours).__name__ == type(expected).__name__
    assert list(ours.keys()) == list(expected.keys())
    assert ours.sequences.tolist() == expected.sequences.tolist()
    assert ours.beam_indices.dtype == expected.beam_indices.dtype
    assert ours.beam_indices.tolist() == expected.beam_indices.tolist()
    torch.testing.assert_close(ours.sequences_scores, expected.sequences_scores, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ours.scores, expected.scores, atol=2e-4, rtol=1e-4)
    torch.testing.assert_close(ours.logits, expected.logits, atol=2e-4, rtol=1e-4)


@pytest.mark.reference
def test_transition_scores_are_the_references(model, theirs, prompt):
    options = {
        "num_beams": 4, "num_return_sequences": 4, "max_new_tokens": 8, "eos_token_id": ENDS, "length_penalty": 1.5,
        "return_dict_in_generate": True, "output_scores": True,
    }  # fmt: skip
    ours = model.generate(prompt, **options)
    expected = theirs.generate(prompt, attention_mask=torch.ones_like(prompt), **options)

    steps = compute_transition_scores(ours.sequences, ours.scores, ours.beam_indices)

    torch.testing.assert_close(
        steps,
        theirs.compute_transition_scores(expected.sequences, expected.scores, expected.beam_indices),
        atol=2e-4,
        rtol=1e-4,
    )
    lengths = (ours.beam_indices >= 0).sum(1)
    torch.testing.assert_close(steps.sum(1) / lengths**1.5, ours.sequences_scores, atol=1e-4, rtol=1e-4)


@pytest.mark.reference
def test_attentions_and_hidden_states_have_the_references_shapes(model, folder, prompt):
    from transformers import AutoModelForCausalLM as Theirs

    theirs = Theirs.from_pretrained(folder, attn_implementation="eager")
    options = {
        "num_beams": 3, "max_new_tokens": 4, "return_dict_in_generate": True, "output_attentions": True,
        "output_hidden_states": True,
    }  # fmt: skip

    ours, expected = model.generate(prompt, **options), theirs.generate(prompt, **options)

    for name in ("attentions", "hidden_states"):
        torch.testing.assert_close(ours[name], expected[name], atol=2e-4, rtol=1e-4)
    assert isinstance(ours, GenerateBeamDecoderOnlyOutput)


@pytest.mark.parametrize("options", [{}, {"do_sample": True, "seed": 5}], ids=["search", "sample"])
def test_a_row_does_not_depend_on_its_batch(model, padded, options):
    options = {"num_beams": 3, "max_new_tokens": 10, "eos_token_id": ENDS, "pad_token_id": 0, **options}
    together = model.generate(**padded["left"], **options)[:, 7:]

    for row, ids in enumerate(padded["rows"]):
        own = {**options, "seed": [(5, row)]} if "seed" in options else options
        alone = model.generate(ids[None], **own)[0, len(ids) :].tolist()

        assert together[row, : len(alone)].tolist() == alone


def test_beams_do_not_stream(model, prompt, letters):
    for way in ({"stream": True}, {"streamer": TextStreamer(letters)}):
        with pytest.raises(ValueError, match="num_beams=1"):
            model.generate(prompt, num_beams=2, **way)
