"""Phi and Phi 3."""

from tiny_configs.sizes import DECODER

_PHI3 = {**DECODER, "pad_token_id": 0}
CONFIGS = {
    "phi": ("phi", {**DECODER, "resid_pdrop": 0.1, "embd_pdrop": 0.1}),
    "phi-norms": ("phi", {**DECODER, "qk_layernorm": True, "num_key_value_heads": None, "pad_token_id": 0,
                          "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 100.0,
                                              "partial_rotary_factor": 0.25}}),
    "phi3": ("phi3", {**_PHI3, "sliding_window": 4, "resid_pdrop": 0.1}),
    "phi3-longrope": ("phi3", {
        **_PHI3, "original_max_position_embeddings": 24, "tie_word_embeddings": True, "rope_parameters": {
            "rope_type": "longrope", "short_factor": [1.0, 1.1], "long_factor": [2.0, 3.0],
            "partial_rotary_factor": 0.5, "rope_theta": 100.0}}),
}  # fmt: skip
DROPOUT = {"phi": ("resid_pdrop", "embd_pdrop"), "phi3": ("resid_pdrop",)}
