"""Gemma, 1 to 3, and VaultGemma."""

from tiny_configs.sizes import DECODER

_GEMMA = {**DECODER, "pad_token_id": 0, "head_dim": 8}
_LAYERS = {**_GEMMA, "sliding_window": 4, "query_pre_attn_scalar": 16}
_YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8, "rope_theta": 100.0}
CONFIGS = {
    "gemma": ("gemma", _GEMMA),
    "gemma-bias": ("gemma", {**_GEMMA, "head_dim": 12, "attention_bias": True, "tie_word_embeddings": False,
                             "hidden_act": "gelu"}),
    "gemma2": ("gemma2", _LAYERS),
    "gemma2-caps": ("gemma2", {**_LAYERS, "attn_logit_softcapping": 2.0, "final_logit_softcapping": None,
                               "head_dim": 12, "hidden_activation": "silu", "attention_bias": True,
                               "layer_types": ["full_attention", "sliding_attention"]}),
    "gemma3_text": ("gemma3_text", {**_LAYERS, "num_hidden_layers": 6, "head_dim": 8}),
    "gemma3_text-ropes": ("gemma3_text", {
        **_LAYERS, "layer_types": ["full_attention", "sliding_attention"], "final_logit_softcapping": 3.0,
        "tie_word_embeddings": False, "rope_parameters": {
            "full_attention": _YARN, "sliding_attention": {"rope_type": "default", "rope_theta": 50.0}}}),
    "vaultgemma": ("vaultgemma", _LAYERS),
    "vaultgemma-caps": ("vaultgemma", {**_LAYERS, "attn_logit_softcapping": 1.5, "final_logit_softcapping": None,
                                       "layer_types": ["full_attention", "sliding_attention"]}),
}  # fmt: skip
