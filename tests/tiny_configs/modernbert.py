"""ModernBERT, Nomic BERT and EuroBERT."""

from tiny_configs.sizes import ENCODER

_PAD = {**ENCODER, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
_MODERN = {**_PAD, "cls_token_id": 1, "sep_token_id": 2, "local_attention": 4}
_EURO = {**_PAD, "mask_token_id": 3, "num_key_value_heads": 2}
CONFIGS = {
    "modernbert": ("modernbert", {**_MODERN, "num_hidden_layers": 4}),
    "modernbert-mean": ("modernbert", {
        **_MODERN, "classifier_pooling": "mean", "norm_bias": True, "attention_bias": True, "mlp_bias": True,
        "classifier_bias": True, "decoder_bias": False, "classifier_activation": "silu", "hidden_activation": "relu",
        "tie_word_embeddings": False, "layer_types": ["sliding_attention", "full_attention"]}),
    "nomic_bert": ("nomic_bert", ENCODER),
    "nomic_bert-head": ("nomic_bert", {**ENCODER, "head_dim": 12, "hidden_act": "gelu", "tie_word_embeddings": False}),
    "eurobert": ("eurobert", _EURO),
    "eurobert-mean": ("eurobert", {**_EURO, "classifier_pooling": "mean", "mlp_bias": True, "attention_bias": True,
                                   "tie_word_embeddings": True}),
    "eurobert-bos": ("eurobert", {**_EURO, "classifier_pooling": "bos", "head_dim": 12}),
}  # fmt: skip
