"""BART, MBART, Marian, PEGASUS and M2M100."""

from tiny_configs.sizes import VOCABULARY

BART = {"vocab_size": VOCABULARY, "d_model": 32, "encoder_layers": 2, "encoder_ffn_dim": 48, "decoder_layers": 2,
        "encoder_attention_heads": 4, "decoder_ffn_dim": 40, "decoder_attention_heads": 4, "init_std": 0.3,
        "max_position_embeddings": 40, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
        "decoder_start_token_id": 2, "forced_eos_token_id": None, "encoder_layerdrop": 0.0,
        "decoder_layerdrop": 0.0}  # fmt: skip
UNEVEN = {**BART, "encoder_layers": 3, "decoder_layers": 1, "decoder_attention_heads": 2, "scale_embedding": True,
          "activation_function": "gelu_new"}  # fmt: skip
CONFIGS = {
    "bart": ("bart", BART),
    "bart-untied": ("bart", {**UNEVEN, "tie_word_embeddings": False}),
    "mbart": ("mbart", {**BART, "decoder_start_token_id": None}),
    "mbart-scaled": ("mbart", UNEVEN),
    "marian": ("marian", {**BART, "pad_token_id": 98, "decoder_start_token_id": 98}),
    "marian-two": ("marian", {**UNEVEN, "share_encoder_decoder_embeddings": False, "decoder_vocab_size": 99}),
    "pegasus": ("pegasus", {**BART, "pad_token_id": 0}),
    "pegasus-scaled": ("pegasus", UNEVEN),
    "m2m_100": ("m2m_100", BART),
    "m2m_100-plain": ("m2m_100", {**UNEVEN, "pad_token_id": 3, "scale_embedding": False}),
}
DROPOUT = dict.fromkeys(("bart", "mbart", "marian", "pegasus", "m2m_100"), ("dropout", "attention_dropout",
                                                                           "activation_dropout"))  # fmt: skip
