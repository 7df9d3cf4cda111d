"""BERT and RoBERTa."""

from tiny_configs.sizes import ENCODER

CONFIGS = {
    "bert": ("bert", ENCODER),
    "bert-untied": ("bert", {**ENCODER, "tie_word_embeddings": False, "hidden_act": "gelu_new", "type_vocab_size": 3,
                             "layer_norm_eps": 1e-5}),
    "roberta": ("roberta", {**ENCODER, "type_vocab_size": 1}),
    "roberta-pad": ("roberta", {**ENCODER, "pad_token_id": 3, "type_vocab_size": 2, "hidden_act": "relu"}),
}  # fmt: skip
DROPOUT = {
    "bert": ("hidden_dropout_prob", "attention_probs_dropout_prob"),
    "roberta": ("hidden_dropout_prob", "attention_probs_dropout_prob"),
}
