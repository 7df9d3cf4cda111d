"""Sizes that the tiny configs share."""

VOCABULARY = 99
WIDE = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
SMALL = {"vocab_size": VOCABULARY, "initializer_range": 0.3}
ENCODER = {**SMALL, **WIDE, "max_position_embeddings": 40}
DECODER = {
    **SMALL,
    **WIDE,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
