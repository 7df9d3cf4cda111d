"""Watermarks and their detector: the reference's tokens and counts."""

import numpy as np
import pytest
import torch

from bearhug import SynthIDTextWatermarkingConfig, WatermarkDetector, WatermarkingConfig
from bearhug.generation import GenerationConfig, SynthIDTextWatermarkLogitsProcessor

reference = pytest.mark.reference

GREEN = [
    {},
    {"bias": 4.0, "greenlist_ratio": 0.5, "hashing_key": 7},
    {"seeding_scheme": "selfhash", "context_width": 3, "bias": 3.0},
]
SYNTHID = [
    {"ngram_len": 3, "keys": [5, 7, 11, 13]},
    {"ngram_len": 3, "keys": [5, 7, 11], "skip_first_ngram_calls": True, "context_history_size": 3},
    {"ngram_len": 2, "keys": [99], "context_history_size": 1, "sampling_table_size": 128, "sampling_table_seed": 3},
    {"ngram_len": 2, "keys": [1, 2], "debug_mode": True},
]


@reference
@pytest.mark.parametrize("kind", ["WatermarkingConfig", "SynthIDTextWatermarkingConfig"])
@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("way", [{}, {"do_sample": True, "top_k": 30}, {"renormalize_logits": True}], ids=str)
def test_marked_tokens_are_the_references(model, theirs, prompt, kind, number, way):
    import transformers

    import bearhug

    settings = (GREEN if kind == "WatermarkingConfig" else SYNTHID)[number]
    options = {"input_ids": prompt, "attention_mask": torch.ones_like(prompt), "max_new_tokens": 15, **way}

    torch.manual_seed(3)
    ours = model.generate(**options, watermarking_config=getattr(bearhug, kind)(**settings))
    torch.manual_seed(3)
    expected = theirs.generate(**options, watermarking_config=getattr(transformers, kind)(**settings))

    assert ours.tolist() == expected.tolist()


@reference
@pytest.mark.parametrize("settings", SYNTHID, ids=str)
def test_synthids_bits_and_masks_are_the_references(prompt, settings):
    from transformers import SynthIDTextWatermarkingConfig as Theirs

    full = {"context_history_size": 1024, "sampling_table_seed": 0, "sampling_table_size": 2**16, **settings}
    ours = SynthIDTextWatermarkLogitsProcessor(**full, device="cpu")
    theirs = Theirs(**settings).construct_processor(97, "cpu")
    ids = prompt.repeat(1, 3)

    assert torch.equal(ours.compute_g_values(ids), theirs.compute_g_values(ids))
    assert torch.equal(ours.compute_context_repetition_mask(ids), theirs.compute_context_repetition_mask(ids))
    assert torch.equal(
        ours.compute_eos_token_mask(ids, int(ids[0, 3])), theirs.compute_eos_token_mask(ids, int(ids[0, 3]))
    )
    assert ours.expected_mean_g_value(97) == theirs.expected_mean_g_value(97)


@reference
@pytest.mark.parametrize("settings", GREEN, ids=str)
@pytest.mark.parametrize("once", [False, True])
def test_the_detector_counts_what_the_references_does(model, theirs, prompt, settings, once):
    from transformers import WatermarkDetector as Theirs
    from transformers import WatermarkingConfig as TheirConfig

    config = WatermarkingConfig(**settings)
    ids = model.generate(prompt, max_new_tokens=40, watermarking_config=config, do_sample=True, top_k=0, seed=1)[:, 7:]
    ours = WatermarkDetector(model.config, "cpu", config, ignore_repeated_ngrams=once)(ids, return_dict=True)
    expected = Theirs(theirs.config, "cpu", TheirConfig(**settings), once)(ids, return_dict=True)

    for name, value in vars(expected).items():
        np.testing.assert_allclose(getattr(ours, name), value, err_msg=name)
    assert WatermarkDetector(model.config, "cpu", config.to_dict())(ids).tolist() == expected.prediction.tolist()


def test_a_marked_text_is_found_and_another_is_not(model, prompt):
    config = WatermarkingConfig(bias=6.0)
    detector = WatermarkDetector(model.config, "cpu", config)
    options = {"max_new_tokens": 50, "do_sample": True, "top_k": 0, "temperature": 4.0, "seed": 2, "eos_token_id": None}

    assert detector(model.generate(prompt, watermarking_config=config, **options)[:, 7:]).all()
    assert not detector(model.generate(prompt, **options)[:, 7:]).any()


def test_rows_and_beams_are_marked_as_alone(model, padded):
    for config in (WatermarkingConfig(), SynthIDTextWatermarkingConfig(**SYNTHID[0])):
        for way in ({"do_sample": True, "seed": [3, 4, 5]}, {}, {"num_beams": 3}):
            options = {"max_new_tokens": 8, "eos_token_id": None, "watermarking_config": config, **way}
            together = model.generate(**padded["right"], **options)[:, 7:]
            for row, ids in enumerate(padded["rows"]):
                own = {**options, "seed": [3 + row]} if "seed" in way else options
                assert model.generate(ids[None], **own)[0, len(ids) :].tolist() == together[row].tolist()


def test_configs_go_through_files_and_refuse_wrong_values(tmp_path):
    for config in (WatermarkingConfig(bias=3.0), SynthIDTextWatermarkingConfig(**SYNTHID[1])):
        GenerationConfig(watermarking_config=config).save_pretrained(tmp_path)
        again = GenerationConfig.from_pretrained(tmp_path).watermarking_config
        assert again == config
    assert GenerationConfig(watermarking_config={"bias": 5.0}).watermarking_config == WatermarkingConfig(bias=5.0)
    with pytest.raises(TypeError, match="bias"):
        WatermarkingConfig.from_dict({"biass": 2.0})
    for wrong in ({"seeding_scheme": "x"}, {"greenlist_ratio": 0.0}, {"context_width": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            WatermarkingConfig(**wrong)
    for wrong in ({"ngram_len": 1, "keys": [1]}, {"ngram_len": 3, "keys": []}):
        with pytest.raises(ValueError, match="ngram_len"):
            SynthIDTextWatermarkingConfig(**wrong)
    with pytest.raises(ValueError, match="sampling_table_size"):
        SynthIDTextWatermarkingConfig(ngram_len=3, keys=[1], sampling_table_size=2**25)
    config = WatermarkingConfig()
    config.update(context_width=0)
    with pytest.raises(ValueError, match="context_width"):
        config.validate()
    with pytest.raises(ValueError, match=r"watermarking_config=3 .*WatermarkingConfig"):
        GenerationConfig(watermarking_config=3)
    detector = WatermarkDetector(type("C", (), {"vocab_size": 9, "bos_token_id": 1}), "cpu", WatermarkingConfig())
    with pytest.raises(ValueError, match="bos token"):
        detector(torch.tensor([[1, 2, 3], [2, 3, 4]]))
    with pytest.raises(ValueError, match="1 tokens"):
        detector(torch.tensor([[1, 2]]))
