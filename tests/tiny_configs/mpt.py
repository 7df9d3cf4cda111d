"""MPT."""

from tiny_configs.sizes import SMALL

_MPT = {**SMALL, "d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 64, "use_cache": True}
CONFIGS = {
    "mpt": ("mpt", _MPT),
    "mpt-odd": ("mpt", {**_MPT, "d_model": 30, "n_heads": 6, "pad_token_id": 0, "tie_word_embeddings": False,
                        "attn_config": {"clip_qkv": 0.7, "alibi_bias_max": 4, "softmax_scale": 0.3}}),
}  # fmt: skip
