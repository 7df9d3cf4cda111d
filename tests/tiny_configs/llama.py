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
_PAD = {"pad_token_id": 0}
_LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "rope_theta": 100.0,
           "original_max_position_embeddings": 16}  # fmt: skip
CONFIGS |= {
    "ministral": ("ministral", {**DECODER, "sliding_window": 4, "head_dim": 8}),
    "ministral-layers": ("ministral", {**DECODER, **_PAD, "sliding_window": 3, "head_dim": 12,
                                       "layer_types": ["full_attention", "sliding_attention"]}),
    "smollm3": ("smollm3", {**DECODER, **_PAD, "num_hidden_layers": 4}),
    "smollm3-window": ("smollm3", {**DECODER, **_PAD, "num_hidden_layers": 3, "no_rope_layers": [1, 0, 0],
                                   "use_sliding_window": True, "sliding_window": 4, "attention_bias": True,
                                   "tie_word_embeddings": False, "mlp_bias": True}),
    "granite": ("granite", {**DECODER, "embedding_multiplier": 3.0, "logits_scaling": 2.0, "residual_multiplier": 0.3,
                            "attention_multiplier": 0.2}),
    "granite-bias": ("granite", {**DECODER, **_PAD, "attention_bias": True, "mlp_bias": True, "logits_scaling": 8.0,
                                 "tie_word_embeddings": True, "rope_parameters": _LLAMA3}),
    "hyperclovax": ("hyperclovax", {**DECODER, "logits_scaling": 0.3, "residual_multiplier": 0.7}),
    "hyperclovax-plain": ("hyperclovax", {**DECODER, **_PAD, "use_post_norm": False, "attention_multiplier": 0.2,
                                          "embedding_multiplier": 2.0, "head_dim": 12, "attention_bias": True}),
    "iquestcoder": ("iquestcoder", {**DECODER, "head_dim": 8}),
    "arcee": ("arcee", DECODER),
    "arcee-bias": ("arcee", {**DECODER, **_PAD, "mlp_bias": True, "attention_bias": True, "head_dim": 12,
                             "hidden_act": "gelu"}),
    "seed_oss": ("seed_oss", {**DECODER, **_PAD, "head_dim": 8}),
    "seed_oss-bias": ("seed_oss", {**DECODER, **_PAD, "head_dim": 16, "attention_out_bias": True, "mlp_bias": True,
                                   "attention_bias": False}),
    "helium": ("helium", {**DECODER, **_PAD, "head_dim": 8}),
    "helium-bias": ("helium", {**DECODER, **_PAD, "head_dim": 8, "attention_bias": True, "mlp_bias": True,
                               "rope_parameters": _LLAMA3}),
    "ernie4_5": ("ernie4_5", {**DECODER, "head_dim": 8}),
    "ernie4_5-bias": ("ernie4_5", {**DECODER, **_PAD, "head_dim": 12, "use_bias": True, "tie_word_embeddings": False}),
    "hunyuan_v1_dense": ("hunyuan_v1_dense", {**DECODER, **_PAD, "head_dim": 8}),
    "hunyuan_v1_dense-alpha": ("hunyuan_v1_dense", {
        **DECODER, **_PAD, "head_dim": 12, "attention_bias": True,
        "rope_parameters": {"rope_type": "dynamic", "alpha": 50.0, "factor": 1.0, "rope_theta": 100.0}}),
    "cwm": ("cwm", {**DECODER, "num_hidden_layers": 4, "sliding_window": 4, "eos_token_id": 2, "head_dim": 8}),
    "cwm-full": ("cwm", {**DECODER, **_PAD, "sliding_window": 4, "eos_token_id": 2, "head_dim": 12,
                         "layer_types": ["full_attention"] * 2, "mlp_bias": True,
                         "rope_parameters": {"rope_type": "default", "rope_theta": 100.0}}),
}  # fmt: skip
DROPOUT = {"seed_oss": ("residual_dropout", "attention_dropout")}
