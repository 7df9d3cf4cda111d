"""Tiny random models, ours and the reference's, from the same folder; made once for the whole room."""

import pytest
import torch

VOCAB = 97


def tiny_gpt2(folder, **changes):
    """A GPT-2 whose scores are far apart, so that rounding does not decide a token."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"vocab_size": VOCAB, "n_positions": 64, "n_embd": 32, "n_layer": 2, "n_head": 4}
    config = transformers.GPT2Config(
        **{**sizes, "bos_token_id": 1, "eos_token_id": 2, "initializer_range": 0.5, **changes}
    )
    model = transformers.GPT2LMHeadModel(config).eval()
    model.save_pretrained(folder)
    return model


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("gpt2")


@pytest.fixture(scope="session")
def theirs(folder):
    return tiny_gpt2(folder)


@pytest.fixture(scope="session")
def model(theirs, folder):
    from bearhug import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder)


@pytest.fixture(scope="session")
def prompt():
    return torch.randint(3, VOCAB, (3, 7), generator=torch.Generator().manual_seed(5))


@pytest.fixture(scope="session")
def padded():
    """The same three texts (lengths 7, 3, 5) padded left and right, and their masks."""
    generator = torch.Generator().manual_seed(6)
    rows = [torch.randint(3, VOCAB, (length,), generator=generator) for length in (7, 3, 5)]
    sides = {}
    for side in ("left", "right"):
        ids, mask = torch.zeros(3, 7, dtype=torch.long), torch.zeros(3, 7, dtype=torch.long)
        for i, row in enumerate(rows):
            where = slice(7 - len(row), 7) if side == "left" else slice(0, len(row))
            ids[i, where], mask[i, where] = row, 1
        sides[side] = {"input_ids": ids, "attention_mask": mask}
    return {"rows": rows, **sides}
