"""The models that come with bearhug, and a real Llama: the reference answers the same from their files."""

import pytest
import torch

from bearhug import pipeline
from bearhug.hub.client import NURSERY

SENTENCES = [
    "Wow, this notebook is amazing!",
    "I hate self-referential jokes!",
    "The plot is thin, the jokes are old, and yet I laughed from the first minute to the last one.",
    "Meh.",
]
OPENINGS = ["Once upon a time", "The little bear", "One day a dog and a cat"]


@pytest.fixture
def both():
    """Ours and the reference's pipeline for a folder, in float32."""
    import transformers

    def make(task, folder):
        options = {"dtype": torch.float32, "device": "cpu"}
        return pipeline(task, model=folder, **options), transformers.pipeline(task, model=str(folder), **options)

    return make


@pytest.mark.reference
def test_sentiment_is_the_references(both, same):
    ours, theirs = both("text-classification", NURSERY / "sentiment-en")

    same(ours(SENTENCES, top_k=None), theirs(SENTENCES, top_k=None))
    same(ours(SENTENCES, top_k=None, batch_size=4), theirs(SENTENCES, top_k=None))


@pytest.mark.reference
@pytest.mark.parametrize("name", ["storyteller", "stories260K"])
def test_stories_are_the_references(both, shared, name):
    folder = shared / "models" / name if name == "stories260K" else NURSERY / name
    ours, theirs = both("text-generation", folder)
    for options in ({"do_sample": False}, {"temperature": 0.9, "top_p": 0.9}, {"num_beams": 3, "do_sample": False}):
        torch.manual_seed(2)
        expected = theirs(OPENINGS, max_new_tokens=30, **options)
        torch.manual_seed(2)
        assert ours(OPENINGS, max_new_tokens=30, **options) == expected

    assert ours(OPENINGS, max_new_tokens=30, do_sample=False, batch_size=3) == theirs(
        OPENINGS, max_new_tokens=30, do_sample=False
    )


@pytest.mark.reference
def test_hidden_states_are_the_references(both, same):
    ours, theirs = both("feature-extraction", NURSERY / "sentiment-en")

    same(ours(SENTENCES, batch_size=2), theirs(SENTENCES))
