"""Mixtures of experts."""

from tiny_configs.sizes import DECODER

_FEW = {"num_local_experts": 4, "num_experts_per_tok": 2}
_QWEN = {**DECODER, "initializer_range": 0.2, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 20}
_PAD = {"pad_token_id": 0}
_OLMOE = {**DECODER, **_PAD, "num_experts": 4, "num_experts_per_tok": 2}
_LONG = {"rope_type": "longrope", "short_factor": [1.0, 1.1, 1.2, 1.3], "long_factor": [2.0, 3.0, 4.0, 5.0],
         "original_max_position_embeddings": 32, "rope_theta": 100.0, "short_mscale": 1.1,
         "long_mscale": 1.3}  # fmt: skip
_YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8, "rope_theta": 100.0,
         "truncate": False}  # fmt: skip
_ERNIE = {**DECODER, **_PAD, "moe_num_experts": 4, "moe_k": 2, "moe_intermediate_size": 20}
CONFIGS = {
    "mixtral": ("mixtral", {**DECODER, **_FEW}),
    "mixtral-window": ("mixtral", {**DECODER, **_FEW, **_PAD, "sliding_window": 4, "head_dim": 12,
                                   "num_experts_per_tok": 3, "tie_word_embeddings": True,
                                   "output_router_logits": True, "router_aux_loss_coef": 0.5}),
    "qwen2_moe": ("qwen2_moe", {**_QWEN, "shared_expert_intermediate_size": 24}),
    "qwen2_moe-steps": ("qwen2_moe", {**_QWEN, **_PAD, "shared_expert_intermediate_size": 24, "num_hidden_layers": 3,
                                      "mlp_only_layers": [1], "norm_topk_prob": True,
                                      "qkv_bias": False, "use_sliding_window": True, "sliding_window": 4,
                                      "max_window_layers": 2, "output_router_logits": True}),
    "qwen3_moe": ("qwen3_moe", {**_QWEN, "head_dim": 8, "norm_topk_prob": True}),
    "qwen3_moe-window": ("qwen3_moe", {**_QWEN, **_PAD, "head_dim": 12, "use_sliding_window": True, "num_experts": 3,
                                       "sliding_window": 4, "attention_bias": True, "decoder_sparse_step": 2}),
    "olmoe": ("olmoe", _OLMOE),
    "olmoe-clipped": ("olmoe", {**_OLMOE, "clip_qkv": 0.5, "norm_topk_prob": True, "attention_bias": True,
                                "num_key_value_heads": 4, "output_router_logits": True}),
    "phimoe": ("phimoe", {**DECODER, **_FEW, "router_jitter_noise": 0.3}),
    "phimoe-bias": ("phimoe", {**DECODER, **_FEW, **_PAD, "lm_head_bias": True, "attention_bias": True,
                               "sliding_window": 4, "rope_parameters": _LONG, "output_router_logits": True}),
    "granitemoe": ("granitemoe", {**DECODER, **_FEW, "embedding_multiplier": 3.0, "logits_scaling": 2.0,
                                  "residual_multiplier": 0.3, "attention_multiplier": 0.2}),
    "granitemoe-bias": ("granitemoe", {**DECODER, **_FEW, **_PAD, "attention_bias": True, "num_experts_per_tok": 3,
                                       "tie_word_embeddings": True, "output_router_logits": True}),
    "ernie4_5_moe": ("ernie4_5_moe", _ERNIE),
    "ernie4_5_moe-bias": ("ernie4_5_moe", {**_ERNIE, "num_hidden_layers": 4, "use_bias": True, "moe_layer_interval": 2,
                                           "moe_num_shared_experts": 0, "tie_word_embeddings": False,
                                           "moe_norm_min": 0.9, "output_router_logits": True}),
    "gpt_oss": ("gpt_oss", {**DECODER, **_FEW, "head_dim": 8, "sliding_window": 4, "rope_parameters": _YARN}),
    "gpt_oss-bare": ("gpt_oss", {**DECODER, **_FEW, **_PAD, "head_dim": 12, "attention_bias": False,
                                 "swiglu_limit": 0.5, "swiglu_alpha": 1.1, "sliding_window": 3, "rope_theta": 500.0,
                                 "layer_types": ["full_attention", "sliding_attention"],
                                 "output_router_logits": True}),
    "minimax_m2": ("minimax_m2", {**DECODER, **_FEW, "head_dim": 8}),
    "minimax_m2-part": ("minimax_m2", {**DECODER, **_FEW, **_PAD, "head_dim": 12, "num_experts_per_tok": 3,
                                       "rope_parameters": {"rope_type": "default", "rope_theta": 100.0,
                                                           "partial_rotary_factor": 0.5},
                                       "output_router_logits": True}),
    "minimax_m2-old": ("minimax_m2", {**DECODER, **_FEW, "head_dim": 8, "rotary_dim": 4}),
}  # fmt: skip
