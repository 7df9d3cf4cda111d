"""Small SentencePiece models of every kind, trained on the spot."""

import io
from pathlib import Path

from tokenizer_folders import WORDS

LINES = [f"{a} {b} {c}, {a}." for a, b, c in zip(WORDS, WORDS[5:], WORDS[11:], strict=False)] * 4
LINES += ["日本語のテキストです。", "Ünïcödé ñ (yes) 1,000"] * 3
MODELS = {
    "unigram": {"model_type": "unigram"},
    "t5": {"model_type": "unigram", "pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1},
    "albert": {"model_type": "unigram", "pad_id": 0, "unk_id": 1, "eos_id": -1, "bos_id": -1}
    | {"control_symbols": ["[CLS]", "[SEP]"], "user_defined_symbols": ["[MASK]", "(", ")"]},
    "xlnet": {"model_type": "unigram", "unk_id": 0, "bos_id": 1, "eos_id": 2}
    | {"control_symbols": ["<cls>", "<sep>", "<pad>", "<mask>", "<eod>"], "user_defined_symbols": ["<eop>"]},
    "bpe": {"model_type": "bpe"},
    "llama": {"model_type": "bpe", "byte_fallback": True, "remove_extra_whitespaces": False},
    "gemma": {"model_type": "bpe", "byte_fallback": True, "add_dummy_prefix": False, "pad_id": 0, "eos_id": 1}
    | {"bos_id": 2, "unk_id": 3, "user_defined_symbols": ["<mask>", "<start_of_turn>", "\n", "▁▁"]}
    | {"bos_piece": "<bos>", "eos_piece": "<eos>"},
    "char": {"model_type": "char", "vocab_size": 90},
    "nmt": {"model_type": "unigram", "normalization_rule_name": "nmt_nfkc"},
}


def train(folder: Path) -> dict[str, Path]:
    """name -> the file of a model."""
    import sentencepiece

    for name, options in MODELS.items():
        written = io.BytesIO()
        plain = {"vocab_size": 420 if "byte_fallback" in options else 150, "hard_vocab_limit": False}
        plain |= {"normalization_rule_name": "identity"} | options
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(LINES), model_writer=written, minloglevel=2, **plain
        )
        (folder / f"{name}.model").write_bytes(written.getvalue())
    return {name: folder / f"{name}.model" for name in MODELS}
