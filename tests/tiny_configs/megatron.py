"""GPT-NeoX, BLOOM, Falcon and Persimmon."""

from tiny_configs.sizes import ENCODER, SMALL

_PAD = {"pad_token_id": 0}
_NEOX = {**ENCODER, "bos_token_id": 1, "eos_token_id": 2}
_BLOOM = {**SMALL, "hidden_size": 32, "n_layer": 2, "n_head": 4}
_FALCON = {**SMALL, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "bos_token_id": 1,
           "eos_token_id": 2}  # fmt: skip
CONFIGS = {
    "gpt_neox": ("gpt_neox", {**_NEOX, "hidden_dropout": 0.1}),
    "gpt_neox-plain": ("gpt_neox", {**_NEOX, **_PAD, "use_parallel_residual": False, "attention_bias": False,
                                    "tie_word_embeddings": True, "rope_parameters": {
                                        "rope_type": "linear", "factor": 2.0, "rope_theta": 100.0,
                                        "partial_rotary_factor": 0.5}}),
    "persimmon": ("persimmon", {**_NEOX, "initializer_range": 0.15}),
    "persimmon-plain": ("persimmon", {**_NEOX, **_PAD, "qk_layernorm": False, "hidden_act": "gelu",
                                      "tie_word_embeddings": True}),
    "bloom": ("bloom", {**_BLOOM, "hidden_dropout": 0.1}),
    "bloom-odd": ("bloom", {**_BLOOM, **_PAD, "hidden_size": 30, "n_head": 6, "tie_word_embeddings": False,
                            "apply_residual_connection_post_layernorm": True}),
    "falcon": ("falcon", {**_FALCON, "hidden_dropout": 0.1}),
    "falcon-new": ("falcon", {**_FALCON, **_PAD, "new_decoder_architecture": True, "num_kv_heads": 2, "bias": True,
                              "tie_word_embeddings": False}),
    "falcon-new-norm": ("falcon", {**_FALCON, **_PAD, "new_decoder_architecture": True, "num_kv_heads": 2,
                                   "num_ln_in_parallel_attn": 1, "ffn_hidden_size": 40}),
    "falcon-alibi": ("falcon", {**_FALCON, **_PAD, "hidden_size": 24, "num_attention_heads": 6, "alibi": True,
                                "parallel_attn": False, "multi_query": False, "bias": True}),
}  # fmt: skip
DROPOUT = {
    "gpt_neox": ("hidden_dropout", "attention_dropout"),
    "bloom": ("hidden_dropout", "attention_dropout"),
    "falcon": ("hidden_dropout", "attention_dropout"),
}
