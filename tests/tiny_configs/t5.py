"""T5, MT5 and UMT5."""

from tiny_configs.sizes import VOCABULARY

T5 = {"vocab_size": VOCABULARY, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4,
      "decoder_start_token_id": 0, "eos_token_id": 1, "relative_attention_num_buckets": 8,
      "relative_attention_max_distance": 10}  # fmt: skip
GATED = {**T5, "feed_forward_proj": "gated-gelu", "d_kv": 12, "num_layers": 3, "num_decoder_layers": 2}
CONFIGS = {
    "t5": ("t5", T5),
    "t5-gated": ("t5", {**GATED, "tie_word_embeddings": False}),  # which says that its outputs are not scaled
    "mt5": ("mt5", GATED),
    "mt5-silu": ("mt5", {**T5, "feed_forward_proj": "gated-silu", "pad_token_id": 3, "decoder_start_token_id": 3}),
    "umt5": ("umt5", {**GATED, "relative_attention_num_buckets": 32, "relative_attention_max_distance": 128}),
    "umt5-plain": ("umt5", {**T5, "feed_forward_proj": "relu", "layer_norm_epsilon": 1e-3}),
}
DROPOUT = dict.fromkeys(("t5", "mt5", "umt5"), ("dropout_rate",))
