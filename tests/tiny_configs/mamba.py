"""Mamba and its siblings."""

from tiny_configs.sizes import SMALL

_MAMBA = {**SMALL, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 6, "bos_token_id": 1, "eos_token_id": 2}
_MAMBA2 = {**_MAMBA, "num_heads": 8, "head_dim": 8, "n_groups": 2, "pad_token_id": 0}
CONFIGS = {
    "mamba": ("mamba", _MAMBA),
    "mamba-bias": ("mamba", {**_MAMBA, "use_bias": True, "use_conv_bias": False, "expand": 3, "conv_kernel": 3,
                             "time_step_rank": 5, "hidden_act": "gelu", "tie_word_embeddings": False}),
    "falcon_mamba": ("falcon_mamba", _MAMBA),
    "falcon_mamba-bias": ("falcon_mamba", {**_MAMBA, "use_bias": True, "mixer_rms_eps": 0.1, "conv_kernel": 2,
                                           "residual_in_fp32": False}),
    "mamba2": ("mamba2", {**_MAMBA2, "chunk_size": 4}),
    "mamba2-bias": ("mamba2", {**_MAMBA2, "use_bias": True, "use_conv_bias": False, "n_groups": 1, "conv_kernel": 3,
                               "num_heads": 4, "head_dim": 16, "tie_word_embeddings": True,
                               "time_step_limit": [0.01, 0.9]}),
}  # fmt: skip
