"""Cohere's Command R and R7B."""

from tiny_configs.sizes import DECODER

_COHERE = {**DECODER, "pad_token_id": 0, "logit_scale": 0.3}
CONFIGS = {
    "cohere": ("cohere", _COHERE),
    "cohere-norms": ("cohere", {**_COHERE, "use_qk_norm": True, "attention_bias": True, "tie_word_embeddings": False}),
    "cohere2": ("cohere2", {**_COHERE, "num_hidden_layers": 4, "sliding_window": 4}),
    "cohere2-full": ("cohere2", {**_COHERE, "sliding_window": 3, "attention_bias": True,
                                 "layer_types": ["full_attention", "sliding_attention"]}),
}  # fmt: skip
