"""OPT and BioGPT."""

from tiny_configs.sizes import ENCODER, SMALL

_OPT = {**SMALL, "hidden_size": 32, "num_hidden_layers": 2, "ffn_dim": 48, "num_attention_heads": 4,
        "max_position_embeddings": 40, "word_embed_proj_dim": 32}  # fmt: skip
CONFIGS = {
    "opt": ("opt", _OPT),
    "opt-narrow": ("opt", {**_OPT, "word_embed_proj_dim": 24, "do_layer_norm_before": False, "enable_bias": False,
                           "pad_token_id": 3}),
    "opt-bare": ("opt", {**_OPT, "layer_norm_elementwise_affine": False, "activation_function": "gelu",
                         "_remove_final_layer_norm": True, "tie_word_embeddings": False}),
    "biogpt": ("biogpt", ENCODER),
    "biogpt-plain": ("biogpt", {**ENCODER, "scale_embedding": False, "hidden_act": "relu", "pad_token_id": 0,
                                "tie_word_embeddings": False}),
}  # fmt: skip
DROPOUT = {"opt": ("dropout", "attention_dropout"), "biogpt": ("hidden_dropout_prob", "attention_probs_dropout_prob")}
