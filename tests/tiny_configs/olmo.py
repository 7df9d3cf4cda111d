"""OLMo, 1 to 3, and EXAONE 4."""

from tiny_configs.sizes import DECODER

_OLMO = {**DECODER, "pad_token_id": 1}
_YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8, "rope_theta": 100.0}
CONFIGS = {
    "olmo": ("olmo", _OLMO),
    "olmo-clipped": ("olmo", {**_OLMO, "clip_qkv": 0.5, "attention_bias": True, "tie_word_embeddings": True}),
    "olmo2": ("olmo2", _OLMO),
    "olmo2-bias": ("olmo2", {**_OLMO, "attention_bias": True, "num_key_value_heads": 4, "rms_norm_eps": 1e-3}),
    "olmo3": ("olmo3", {**_OLMO, "num_hidden_layers": 4, "sliding_window": 4}),
    "olmo3-ropes": ("olmo3", {
        **_OLMO, "sliding_window": 3, "layer_types": ["full_attention", "sliding_attention"], "rope_parameters": {
            "full_attention": _YARN, "sliding_attention": {"rope_type": "default", "rope_theta": 50.0}}}),
    "exaone4": ("exaone4", {**DECODER, "num_hidden_layers": 4, "sliding_window": 4}),
    "exaone4-full": ("exaone4", {**DECODER, "sliding_window": None, "layer_types": ["full_attention"] * 2,
                                 "pad_token_id": 0, "tie_word_embeddings": True}),
}  # fmt: skip
