"""The trained detector of SynthID: the reference's probabilities, losses, gradients and files."""

import pytest
import torch

import bearhug
from bearhug import BayesianDetectorConfig, BayesianDetectorModel
from bearhug.generation import SynthIDTextWatermarkLogitsProcessor

MARK = {"ngram_len": 4, "keys": [654, 400, 836, 123, 340], "sampling_table_size": 2**12, "sampling_table_seed": 0,
        "context_history_size": 64}  # fmt: skip


class Ends:
    eos_token_id = 2


@pytest.fixture
def trained(tmp_path):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    theirs = transformers.BayesianDetectorModel(
        transformers.BayesianDetectorConfig(watermarking_depth=5, base_rate=0.3)
    )
    with torch.no_grad():
        for parameter in theirs.likelihood_model_watermarked.parameters():
            parameter.normal_()
    theirs.config.set_detector_information("a/model", {**MARK})
    theirs.save_pretrained(tmp_path / "theirs")
    return theirs, BayesianDetectorModel.from_pretrained(tmp_path / "theirs")


@pytest.mark.reference
def test_probabilities_loss_and_gradients_are_the_references(trained):
    theirs, ours = trained
    bits, mask = torch.randint(0, 2, (3, 7, 5)), torch.randint(0, 2, (3, 7))
    labels = torch.tensor([1.0, 0.0, 1.0])
    outputs = [one(bits, mask, labels, loss_batch_weight=0.1, return_dict=True) for one in (ours, theirs)]
    torch.testing.assert_close(outputs[0].posterior_probabilities, outputs[1].posterior_probabilities)
    torch.testing.assert_close(outputs[0].loss, outputs[1].loss)
    for output in outputs:
        output.loss.backward()
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, theirs.get_parameter(name).grad, msg=name)
    assert len(ours(bits, mask)) == 1
    assert len(ours(bits, mask, labels)) == 2


@pytest.mark.reference
def test_texts_are_judged_as_the_reference_does(trained):
    import transformers

    theirs, ours = trained
    ids = torch.randint(3, 90, (4, 20))
    ids[1, 12:] = 2
    judged = [
        module.SynthIDTextWatermarkDetector(one, kind(**MARK, device="cpu"), Ends)(ids)[0]
        for module, one, kind in (
            (transformers, theirs, transformers.SynthIDTextWatermarkLogitsProcessor),
            (bearhug, ours, SynthIDTextWatermarkLogitsProcessor),
        )
    ]
    torch.testing.assert_close(*judged)


@pytest.mark.reference
def test_files_go_both_ways_and_one_token_is_no_other_rows(trained, tmp_path):
    import transformers

    theirs, ours = trained
    ours.save_pretrained(tmp_path / "ours")
    again, other = (
        one.from_pretrained(tmp_path / "ours") for one in (BayesianDetectorModel, transformers.BayesianDetectorModel)
    )
    bits, mask = torch.randint(0, 2, (3, 6, 5)), torch.ones(3, 6)
    torch.testing.assert_close(again(bits, mask)[0], theirs(bits, mask)[0])
    torch.testing.assert_close(other(bits, mask)[0], theirs(bits, mask)[0])
    assert again.config.model_name == "a/model"
    assert again.config.watermarking_config == MARK
    for row in range(3):  # the reference mixes the rows of texts of one token
        alone = ours(bits[row : row + 1, :1], mask[row : row + 1, :1])[0]
        torch.testing.assert_close(alone, ours(bits[:, :1], mask[:, :1])[0][row : row + 1])


def test_it_learns_to_tell_marked_texts(model):
    """Bits of marked texts are 1 more often; a few steps of training find it."""
    torch.manual_seed(1)
    bits = torch.cat(((torch.rand(32, 40, 5) < 0.62).long(), (torch.rand(32, 40, 5) < 0.5).long()))
    labels, mask = torch.cat((torch.ones(32), torch.zeros(32))), torch.ones(64, 40)
    detector = BayesianDetectorModel(BayesianDetectorConfig(watermarking_depth=5))
    optimizer = torch.optim.Adam(detector.parameters(), lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        detector(bits, mask, labels, loss_batch_weight=0.001, return_dict=True).loss.backward()
        optimizer.step()
    assert ((detector(bits, mask)[0] > 0.5) == labels.bool()).float().mean() > 0.9


def test_what_is_no_detector_is_said(folder, tmp_path):
    with pytest.raises(ValueError, match="watermarking_depth"):
        BayesianDetectorModel.from_pretrained(folder)
    with pytest.raises(OSError, match=r"no config\.json"):
        BayesianDetectorModel.from_pretrained(tmp_path)
    detector = BayesianDetectorModel(BayesianDetectorConfig(watermarking_depth=2))
    detector.save_pretrained(tmp_path)
    detector.config.watermarking_depth = 3
    detector.config.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="detector of this config"):
        BayesianDetectorModel.from_pretrained(tmp_path)
