"""The ways that guess, contrast or keep their cache otherwise, over several architectures, some with an encoder."""

from functools import wraps

import pytest
import torch

import tiny
from bearhug import AutoModelForCausalLM, AutoModelForSeq2SeqLM

pytestmark = pytest.mark.reference
NAMES = ["llama", "gemma2", "gptj", "mistral", "gpt_neox", "t5", "bart"]
EQUAL = {
    "its own draft": {"assistant_model": True},
    "first layers": {"assistant_early_exit": 1, "num_assistant_tokens": 4},
    "looked up": {"prompt_lookup_num_tokens": 3},
    "offloaded": {"cache_implementation": "offloaded"},
    "quantized": {"cache_implementation": "quantized"},
}


@pytest.fixture(scope="module", params=NAMES)
def writers(request, tmp_path_factory):
    name = next((key for key in tiny.CONFIGS if key == request.param or key.startswith(request.param)), None)
    if name is None:
        pytest.skip(f"{request.param} is not listed in tests/tiny_configs")
    folder, pair = tmp_path_factory.mktemp(request.param), name in tiny.SEQ2SEQ
    theirs = tiny.reference_model(name, "seq2seq-lm" if pair else "causal-lm", folder)
    loader = AutoModelForSeq2SeqLM if pair else AutoModelForCausalLM
    return loader.from_pretrained(folder).double(), theirs.double(), pair


@pytest.mark.parametrize("options", EQUAL.values(), ids=EQUAL.keys())
def test_what_is_only_faster_or_smaller_changes_no_token(writers, options):
    model, _, _ = writers
    ids = tiny.ids(1, 6)
    own = {**options, "assistant_model": model} if options.get("assistant_model") else options
    for way in ({}, {"repetition_penalty": 1.3, "eos_token_id": [20, 30]}):
        given = {"max_new_tokens": 12, "do_sample": False, **way}
        assert model.generate(ids, **given, **own).tolist() == model.generate(ids, **given).tolist()


def read_once(theirs):
    """What the reference's forward gets, without the tokens that its cache already holds.

    From its second draft on, an encoder-decoder of the reference reads its whole text again behind what it has read:
    the draft is a guess after another text. Decoders alone do not.
    """
    prepare = theirs.prepare_inputs_for_generation

    @wraps(prepare)
    def prepared(input_ids, next_sequence_length=None, past_key_values=None, **arguments):
        if next_sequence_length is None and past_key_values is not None:
            next_sequence_length = input_ids.shape[1] - past_key_values.get_seq_length()
        return prepare(input_ids, next_sequence_length, past_key_values=past_key_values, **arguments)

    return prepared


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", [{"prompt_lookup_num_tokens": 3}, {"assistant_model": True}], ids=str)
def test_sampled_drafts_are_the_references(writers, options, monkeypatch):
    model, theirs, pair = writers
    ids, found = tiny.ids(1, 6), []
    if pair:
        monkeypatch.setattr(theirs, "prepare_inputs_for_generation", read_once(theirs))
    for one in (model, theirs):
        own = {"assistant_model": one} if options.get("assistant_model") else options
        torch.manual_seed(5)
        found.append(one.generate(ids, do_sample=True, top_k=20, max_new_tokens=12, **own).tolist())
    assert found[0] == found[1]


def test_contrast_groups_and_forced_words_run(writers):
    model, _, pair = writers
    ids = tiny.ids(2, 6)
    slow, fast = (
        model.generate(ids, penalty_alpha=0.6, top_k=4, low_memory=low, max_new_tokens=8, do_sample=False)
        for low in (True, False)
    )
    assert slow.tolist() == fast.tolist()
    found = model.generate(ids, force_words_ids=[[11, 12]], num_beams=3, max_new_tokens=8, do_sample=False)
    assert all("11, 12" in str(row) for row in found.tolist())
    apart = {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 2.0, "num_return_sequences": 4}
    assert model.generate(ids, **apart, max_new_tokens=6, do_sample=False).shape[0] == 8
    if not pair:
        layers = model.generate(ids, dola_layers=[0, 1], max_new_tokens=5, do_sample=False)
        assert layers.shape[1] > 6
