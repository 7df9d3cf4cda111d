"""Llama and its siblings."""

from tiny_configs.sizes import DECODER

CONFIGS = {
    "llama": ("llama", DECODER),
    "llama-tied": ("llama", {**DECODER, "tie_word_embeddings": True, "attention_bias": True, "mlp_bias": True,
                             "head_dim": 12, "pad_token_id": 0, "rope_theta": 500.0}),
    "mistral": ("mistral", {**DECODER, "sliding_window": 4}),
    "mistral-full": ("mistral", {**DECODER, "sliding_window": None, "head_dim": 16, "pad_token_id": 0}),
    "qwen2": ("qwen2", {**DECODER, "tie_word_embeddings": True}),
    "qwen2-window": ("qwen2", {**DECODER, "use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1,
                               "pad_token_id": 0}),
    "qwen3": ("qwen3", {**DECODER, "head_dim": 16}),
    "qwen3-window": ("qwen3", {**DECODER, "head_dim": 8, "attention_bias": True, "use_sliding_window": True,
                               "sliding_window": 4, "max_window_layers": 1, "pad_token_id": 0}),
}  # fmt: skip
