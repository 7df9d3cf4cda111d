"""Tiny random models, ours and the reference's, from the same folder; made once for the whole room."""

import json

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


class Letters:
    """A tokenizer of UTF-8 bytes: id i is the byte i - 5; ids below 5 are special and decode to `<i>`."""

    def decode(self, ids, skip_special_tokens=False, clean_up_tokenization_spaces=None):
        text, run = "", b""
        for i in [*ids, None]:
            if i is not None and i >= 5:
                run += bytes([i - 5])
                continue
            text, run = text + run.decode(errors="replace"), b""
            text += "" if i is None or skip_special_tokens else f"<{i}>"
        return text

    def encode(self, text):
        return [byte + 5 for byte in text.encode()]


@pytest.fixture(scope="session")
def writer(tmp_path_factory):
    """A model with an id for every byte."""
    from bearhug import AutoModelForCausalLM

    tiny_gpt2(folder := tmp_path_factory.mktemp("writer"), vocab_size=300, n_positions=256)
    return AutoModelForCausalLM.from_pretrained(folder)


@pytest.fixture(scope="session")
def gpt2_vocabulary(shared):
    """GPT-2's own vocabulary, as the reference's tokenizer."""
    from transformers import GPT2TokenizerFast

    folder = shared / "vocab" / "gpt2"
    merges = (folder / "vocab.bpe").read_text().splitlines()[1:]
    vocabulary = json.loads((folder / "encoder.json").read_text())
    return GPT2TokenizerFast(vocab=vocabulary, merges=[tuple(merge.split()) for merge in merges if merge])


@pytest.fixture(scope="session", params=["models/stories260K", "vocab/gpt2", "vocab/bert-base-uncased"])
def tokenizer(request, shared):
    """Real vocabularies of each kind, as the reference's tokenizer."""
    from transformers import AutoTokenizer

    if request.param == "vocab/gpt2":
        return request.getfixturevalue("gpt2_vocabulary")
    return AutoTokenizer.from_pretrained(shared / request.param)


@pytest.fixture(scope="session")
def letters():
    return Letters()


@pytest.fixture
def speaker():
    """What makes the model say a given text, row by row: a logits_processor."""

    def speaker(*texts, prompt=0, eos=2):
        rows = [[*Letters().encode(text), eos] for text in texts]

        def process(input_ids, scores):
            wanted = torch.full((len(scores), 300), -torch.inf)
            step = input_ids.shape[1] - prompt
            for row, ids in enumerate(rows):
                wanted[row, ids[min(step, len(ids) - 1)]] = 0.0
            return wanted

        return process

    return speaker
