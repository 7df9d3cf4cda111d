"""Small tokenizer folders, and the references that read the same folders."""

from pathlib import Path

import pytest

import sentencepiece_models
from tokenizer_folders import MAKES, write


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """name -> the folder of a small tokenizer of that make; each test that writes takes a copy."""
    top = tmp_path_factory.mktemp("tokenizers")
    return {name: make(top / name) for name, make in MAKES.items()}


@pytest.fixture(scope="session")
def folder_of(folders, request):
    """name -> folder, real vocabularies included; skips where the shared data is absent."""

    def find(name: str) -> Path:
        if name in folders:
            return folders[name]
        shared = request.getfixturevalue("shared")
        if name == "bert-real":
            return shared / "vocab" / "bert-base-uncased"
        if name == "stories260K":
            return shared / "models" / "stories260K"
        folder = next(iter(folders.values())).parent / "gpt2-real"
        texts = {"vocab__json": "encoder.json", "merges__txt": "vocab.bpe"}
        files = {key: (shared / "vocab" / "gpt2" / name).read_text(encoding="utf-8") for key, name in texts.items()}
        return write(folder, **files, config__json={"model_type": "gpt2"})

    return find


@pytest.fixture(scope="session")
def pair_of(folder_of):
    """name -> (ours, theirs): the same folder, loaded by both, with a padding token where it has none."""
    made = {}

    def load(name: str):
        if name not in made:
            from transformers import AutoTokenizer as Theirs

            from bearhug import AutoTokenizer

            ours, theirs = AutoTokenizer.from_pretrained(folder_of(name)), Theirs.from_pretrained(folder_of(name))
            for tokenizer in (ours, theirs):
                if tokenizer.pad_token is None:
                    tokenizer.pad_token = tokenizer.eos_token
            made[name] = ours, theirs
        return made[name]

    return load


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """name -> a small SentencePiece model trained on the spot."""
    pytest.importorskip("sentencepiece", reason="the reference extra is not installed")
    return sentencepiece_models.train(tmp_path_factory.mktemp("models"))
