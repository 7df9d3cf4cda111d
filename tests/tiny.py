"""Random tiny checkpoints of the reference, made on the spot: one or two configs for every recipe, every head of each.

theirs = tiny.reference_model("gpt2", "causal-lm", tmp_path)   # saved in tmp_path, loaded, in evaluation mode
batch = tiny.batch(lengths=[7, 3])
"""

from pathlib import Path
from typing import Any

import torch

VOCABULARY = 99
TASKS = {  # our task: the reference's Auto class
    "base": "AutoModel",
    "causal-lm": "AutoModelForCausalLM",
    "masked-lm": "AutoModelForMaskedLM",
    "sequence-classification": "AutoModelForSequenceClassification",
    "token-classification": "AutoModelForTokenClassification",
    "question-answering": "AutoModelForQuestionAnswering",
}
_WIDE = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
_SMALL = {"vocab_size": VOCABULARY, "initializer_range": 0.3}
_ENCODER = {**_SMALL, **_WIDE, "max_position_embeddings": 40}
_DECODER = {
    **_SMALL,
    **_WIDE,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_GPT2 = {**_SMALL, "n_positions": 32, "n_embd": 32, "n_layer": 2, "n_head": 4, "bos_token_id": 97, "eos_token_id": 98}
# name: (model_type, the config's values); the first of a model_type is its plain one
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("gpt2", _GPT2),
    "gpt2-scaled": ("gpt2", {**_GPT2, "n_inner": 40, "scale_attn_by_inverse_layer_idx": True, "pad_token_id": 0,
                             "activation_function": "relu"}),
    "llama": ("llama", _DECODER),
    "llama-tied": ("llama", {**_DECODER, "tie_word_embeddings": True, "attention_bias": True, "mlp_bias": True,
                             "head_dim": 12, "pad_token_id": 0, "rope_theta": 500.0}),
    "mistral": ("mistral", {**_DECODER, "sliding_window": 4}),
    "mistral-full": ("mistral", {**_DECODER, "sliding_window": None, "head_dim": 16, "pad_token_id": 0}),
    "qwen2": ("qwen2", {**_DECODER, "tie_word_embeddings": True}),
    "qwen2-window": ("qwen2", {**_DECODER, "use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1,
                               "pad_token_id": 0}),
    "qwen3": ("qwen3", {**_DECODER, "head_dim": 16}),
    "qwen3-window": ("qwen3", {**_DECODER, "head_dim": 8, "attention_bias": True, "use_sliding_window": True,
                               "sliding_window": 4, "max_window_layers": 1, "pad_token_id": 0}),
    "bert": ("bert", _ENCODER),
    "bert-untied": ("bert", {**_ENCODER, "tie_word_embeddings": False, "hidden_act": "gelu_new", "type_vocab_size": 3,
                             "layer_norm_eps": 1e-5}),
    "roberta": ("roberta", {**_ENCODER, "type_vocab_size": 1}),
    "roberta-pad": ("roberta", {**_ENCODER, "pad_token_id": 3, "type_vocab_size": 2, "hidden_act": "relu"}),
    "distilbert": ("distilbert", {**_SMALL, "dim": 32, "hidden_dim": 48, "n_layers": 2, "n_heads": 4,
                                  "max_position_embeddings": 40}),
    "distilbert-relu": ("distilbert", {**_SMALL, "dim": 24, "hidden_dim": 20, "n_layers": 3, "n_heads": 2,
                                       "max_position_embeddings": 40, "activation": "relu",
                                       "tie_word_embeddings": False}),
}  # fmt: skip
ROPES: dict[str, dict[str, Any]] = {  # every scaling of rotary positions, for a model trained on 32 positions
    "linear": {"rope_type": "linear", "factor": 3.0},
    "dynamic": {"rope_type": "dynamic", "factor": 2.0},
    "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8},
    "yarn-options": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 16.0,
                     "beta_slow": 2.0, "mscale": 0.7, "mscale_all_dim": 0.4, "truncate": False},
    "longrope": {"rope_type": "longrope", "short_factor": [1.0, 1.1, 1.2, 1.3], "long_factor": [2.0, 3.0, 4.0, 5.0],
                 "original_max_position_embeddings": 12},
    "llama3": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 16},
}  # fmt: skip
_ENCODERS = ("bert", "roberta", "distilbert")
RECIPES = list(CONFIGS)
CAUSAL = [name for name, (kind, _) in CONFIGS.items() if kind not in _ENCODERS]


def tasks(recipe: str) -> list[str]:
    """The heads that a recipe's architecture has."""
    encoder = CONFIGS[recipe][0] in _ENCODERS
    return [task for task in TASKS if task != ("causal-lm" if encoder else "masked-lm")]


PAIRS = [(recipe, task) for recipe in RECIPES for task in tasks(recipe)]  # every recipe with every head


def reference_config(recipe: str, **values: Any) -> Any:
    """The reference's config of a recipe."""
    import transformers

    model_type, known = CONFIGS[recipe]
    return transformers.AutoConfig.for_model(model_type, **{**known, **values})


def reference_model(recipe: str, task: str, folder: Path | None = None, seed: int = 0, **values: Any) -> Any:
    """A random model of the reference, saved in `folder` where one is given; biases and norms are random too."""
    import transformers

    torch.manual_seed(seed)
    model = getattr(transformers, TASKS[task]).from_config(reference_config(recipe, **values)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    if folder is not None:
        model.save_pretrained(folder)
    return model


def ids(rows: int = 2, tokens: int = 7, seed: int = 1) -> torch.Tensor:
    """Random ids (rows, tokens) that are no special tokens."""
    return torch.randint(5, VOCABULARY - 5, (rows, tokens), generator=torch.Generator().manual_seed(seed))


def batch(lengths: list[int], side: str = "right", pad: int = 0, seed: int = 1) -> dict[str, torch.Tensor]:
    """Random ids of these lengths, padded on one side, with their attention mask."""
    longest = max(lengths)
    rows, mask = torch.full((len(lengths), longest), pad), torch.zeros(len(lengths), longest, dtype=torch.long)
    for row, length in enumerate(lengths):
        place = slice(0, length) if side == "right" else slice(longest - length, longest)
        rows[row, place] = ids(1, length, seed + row)[0]
        mask[row, place] = 1
    return {"input_ids": rows, "attention_mask": mask}
