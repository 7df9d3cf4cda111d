"""Tiny folders of model and tokenizer, made by the reference, loaded by both libraries."""

from pathlib import Path

import numpy as np
import pytest
import torch

import tiny

WORDS = "a bear hug is very warm and soft the cat sat on mat hugo anna berlin lives in big city now he likes it".split()
ENTITIES = {0: "O", 1: "B-PER", 2: "I-PER", 3: "B-LOC", 4: "I-LOC"}
CHAT = (
    "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
TEXTS = [
    "a bear hug is very warm",
    "Hugo lives in Berlin now",
    "the cat sat",
    "Anna likes the big bears, and hugs it softly!",
]


def wordpiece(folder: Path) -> None:
    """A lowercasing BERT tokenizer of about 60 tokens, letters included."""
    import transformers

    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [
        *special,
        *WORDS,
        "##s",
        "##ly",
        "##ged",
        ",",
        "!",
        ".",
        "?",
        *letters[1:],
        *(f"##{one}" for one in letters),
    ]
    core = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(dict.fromkeys(pieces))}, unk_token="[UNK]"))
    core.normalizer = normalizers.BertNormalizer()
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.decoder = decoders.WordPiece()
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    transformers.BertTokenizerFast(
        tokenizer_object=core, model_max_length=32, **dict(zip(names, special, strict=True))
    ).save_pretrained(folder)


def byte_level(folder: Path, chat: bool = False, pad: bool = False) -> None:
    """A byte-level BPE like GPT-2's, trained on a few lines."""
    import transformers

    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<|endoftext|>", *(["<pad>"] if pad else [])]
    core.train_from_iterator(
        [*TEXTS, " ".join(WORDS)] * 4,
        trainers.BpeTrainer(vocab_size=320, special_tokens=special, initial_alphabet=alphabet, show_progress=False),
    )
    end = {"bos_token": special[0], "eos_token": special[0], "unk_token": special[0]}
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, model_max_length=32, **end, **({"pad_token": "<pad>"} if pad else {})
    )
    if chat:
        tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(folder)


MODELS = {
    # name: (recipe of tiny.py, task, tokenizer, config values)
    "bert-classifier": ("bert", "sequence-classification", wordpiece, {"id2label": {0: "bad", 1: "fair", 2: "good"}}),
    "bert-regression": ("bert", "sequence-classification", wordpiece, {"num_labels": 1, "problem_type": "regression"}),
    "bert-one": ("bert", "sequence-classification", wordpiece, {"num_labels": 1}),
    "bert-multi": (
        "bert",
        "sequence-classification",
        wordpiece,
        {"num_labels": 3, "problem_type": "multi_label_classification"},
    ),
    "distilbert-classifier": ("distilbert", "sequence-classification", wordpiece, {}),
    "gpt2-classifier": (
        "gpt2",
        "sequence-classification",
        lambda folder: byte_level(folder, pad=True),
        {"vocab_size": 320, "pad_token_id": 1},
    ),
    "bert-ner": ("bert", "token-classification", wordpiece, {"id2label": ENTITIES}),
    "roberta-ner": (
        "roberta",
        "token-classification",
        lambda folder: byte_level(folder, pad=True),
        {"id2label": ENTITIES, "vocab_size": 320},  # its pad token is id 1
    ),
    "bert-mask": ("bert", "masked-lm", wordpiece, {}),
    "distilbert-mask": ("distilbert", "masked-lm", wordpiece, {}),
    "bert-base": ("bert", "base", wordpiece, {}),
    "gpt2": ("gpt2", "causal-lm", byte_level, {"vocab_size": 320, "bos_token_id": 0, "eos_token_id": 0}),
    "llama-chat": (
        "llama",
        "causal-lm",
        lambda folder: byte_level(folder, chat=True, pad=True),
        {"vocab_size": 320, "bos_token_id": 0, "eos_token_id": 0, "max_position_embeddings": 128},
    ),
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """`folder(name)`: one of MODELS, made when it is first asked for."""
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            recipe, task, tokenizer, values = MODELS[name]
            made[name] = tmp_path_factory.mktemp(name)
            size = {} if "vocab_size" in values else {"vocab_size": 99}
            tiny.reference_model(recipe, task, made[name], **{**size, **values})
            tokenizer(made[name])
        return made[name]

    return make


def assert_same(ours, theirs):
    """The same shapes, names and words; numbers to 1e-5."""
    if isinstance(theirs, float | np.floating):
        assert isinstance(ours, float)
        assert ours == pytest.approx(float(theirs), abs=1e-5)
        return
    assert type(ours) is type(theirs)
    if isinstance(theirs, torch.Tensor):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for name in theirs:
            assert_same(ours[name], theirs[name])
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs, strict=True):
            assert_same(mine, other)
    else:
        assert ours == theirs


@pytest.fixture
def same():
    return assert_same


@pytest.fixture
def pipes(folder):
    """`pipes(task, name, **options)`: ours and the reference's pipeline for the same folder."""
    import transformers

    from bearhug import pipeline

    def make(task: str | None, name: str, **options):
        theirs = transformers.pipeline(task, model=str(folder(name)), device="cpu", **options)
        return pipeline(task, model=folder(name), **options), theirs

    return make
