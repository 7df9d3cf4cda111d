"""Qwen3.5 and Qwen3-Next."""

from tiny_configs.sizes import DECODER

# A wide eps: the first tokens' values are small, and their norms would magnify float32's rounding.
_SIZES = {**DECODER, "initializer_range": 0.2, "rms_norm_eps": 1e-2, "num_hidden_layers": 3, "head_dim": 16,
          "linear_key_head_dim": 16, "linear_value_head_dim": 12, "linear_num_key_heads": 2,
          "linear_num_value_heads": 4}  # fmt: skip
_KINDS = ["linear_attention", "full_attention", "linear_attention"]
_ODD = {"pad_token_id": 0, "attention_bias": True, "linear_num_key_heads": 4, "linear_conv_kernel_dim": 3,
        "tie_word_embeddings": True, "rope_parameters": {"rope_theta": 100.0, "partial_rotary_factor": 0.5},
        }  # fmt: skip
CONFIGS = {
    "qwen3_5_text": ("qwen3_5_text", {**_SIZES, "layer_types": _KINDS}),
    "qwen3_5_text-odd": ("qwen3_5_text", {**_SIZES, **_ODD, "num_hidden_layers": 4}),
}
_MOE = {**_SIZES, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24,
        "shared_expert_intermediate_size": 20}  # fmt: skip
CONFIGS |= {
    "qwen3_next": ("qwen3_next", {**_MOE, "layer_types": _KINDS}),
    "qwen3_next-odd": ("qwen3_next", {**_MOE, **_ODD, "num_hidden_layers": 4, "mlp_only_layers": [1],
                                      "norm_topk_prob": False}),
}  # fmt: skip
