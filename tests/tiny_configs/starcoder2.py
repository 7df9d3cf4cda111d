"""Llama's siblings with LayerNorm."""

from tiny_configs.sizes import DECODER

_PAD = {"pad_token_id": 0}
CONFIGS = {
    "starcoder2": ("starcoder2", {**DECODER, "residual_dropout": 0.1, "embedding_dropout": 0.1}),
    "starcoder2-window": ("starcoder2", {**DECODER, **_PAD, "sliding_window": 4, "use_bias": False,
                                         "tie_word_embeddings": False, "norm_epsilon": 1e-3}),
    "stablelm": ("stablelm", {**DECODER, "hidden_dropout": 0.1}),
    "stablelm-parallel": ("stablelm", {**DECODER, **_PAD, "use_parallel_residual": True, "qk_layernorm": True,
                                       "use_qkv_bias": True, "rope_parameters": {
                                           "rope_type": "default", "rope_theta": 99.0, "partial_rotary_factor": 0.5}}),
    "nemotron": ("nemotron", {**DECODER, "initializer_range": 0.15}),
    "nemotron-bias": ("nemotron", {**DECODER, **_PAD, "initializer_range": 0.15, "attention_bias": True,
                                   "mlp_bias": True, "head_dim": 12}),
    "jais2": ("jais2", DECODER),
    "jais2-plain": ("jais2", {**DECODER, **_PAD, "attention_bias": False, "mlp_bias": False, "head_dim": 12,
                              "tie_word_embeddings": True}),
}  # fmt: skip
DROPOUT = {
    "starcoder2": ("residual_dropout", "embedding_dropout", "attention_dropout"),
    "stablelm": ("hidden_dropout",),
}
