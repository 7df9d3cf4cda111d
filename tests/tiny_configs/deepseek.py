"""DeepSeek and those with its experts."""

from tiny_configs.sizes import DECODER

_SOME = {**DECODER, "n_routed_experts": 8, "num_experts_per_tok": 3, "moe_intermediate_size": 20, "n_shared_experts": 2,
         "first_k_dense_replace": 1}  # fmt: skip
_LATENT = {**_SOME, "num_key_value_heads": 4, "kv_lora_rank": 16, "q_lora_rank": 12, "qk_rope_head_dim": 8,
           "qk_nope_head_dim": 12, "v_head_dim": 10}  # fmt: skip
_YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8, "rope_theta": 100.0,
         "mscale": 0.7, "mscale_all_dim": 1.0}  # fmt: skip
_PAD = {"pad_token_id": 0}
_GROUPS = {"n_group": 4, "topk_group": 2}
CONFIGS = {
    "deepseek_v2": ("deepseek_v2", _LATENT),
    "deepseek_v2-groups": ("deepseek_v2", {**_LATENT, **_PAD, **_GROUPS, "topk_method": "group_limited_greedy",
                                           "q_lora_rank": None, "attention_bias": True, "mlp_bias": True,
                                           "first_k_dense_replace": 0, "routed_scaling_factor": 1.7,
                                           "rope_parameters": _YARN, "tie_word_embeddings": True}),
    "deepseek_v3": ("deepseek_v3", {**_LATENT, **_GROUPS}),
    "deepseek_v3-halves": ("deepseek_v3", {**_LATENT, **_PAD, **_GROUPS, "rope_interleave": False, "v_head_dim": 24,
                                           "q_lora_rank": None, "attention_bias": True, "norm_topk_prob": False,
                                           "rope_parameters": _YARN, "output_router_logits": True}),
    "dots1": ("dots1", _SOME),
    "dots1-window": ("dots1", {**_SOME, **_PAD, **_GROUPS, "sliding_window": 4, "max_window_layers": 1,
                               "attention_bias": True, "norm_topk_prob": True, "first_k_dense_replace": 0}),
    "glm4_moe": ("glm4_moe", _SOME),
    "glm4_moe-norms": ("glm4_moe", {**_SOME, **_PAD, **_GROUPS, "use_qk_norm": True, "attention_bias": True,
                                    "tie_word_embeddings": True, "routed_scaling_factor": 2.0}),
}  # fmt: skip
