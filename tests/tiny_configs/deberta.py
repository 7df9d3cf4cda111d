"""DeBERTa V2 and V3."""

from tiny_configs.sizes import ENCODER

_FAR = {**ENCODER, "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
CONFIGS = {
    "deberta-v2": ("deberta-v2", {**_FAR, "position_buckets": 6, "share_att_key": True, "norm_rel_ebd": "layer_norm"}),
    "deberta-v2-conv": ("deberta-v2", {**_FAR, "conv_kernel_size": 3, "conv_act": "gelu", "position_buckets": 4,
                                       "type_vocab_size": 2, "norm_rel_ebd": "layer_norm", "pad_token_id": 2}),
    "deberta-v2-plain": ("deberta-v2", {**ENCODER, "tie_word_embeddings": False, "pooler_hidden_act": "tanh"}),
    "deberta-v2-far": ("deberta-v2", {**ENCODER, "relative_attention": True, "pos_att_type": "c2p",
                                      "max_relative_positions": 5}),
}  # fmt: skip
