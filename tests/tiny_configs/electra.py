"""ELECTRA, ALBERT and MPNet."""

from tiny_configs.sizes import ENCODER

_NARROW = {**ENCODER, "embedding_size": 16}
_PAD = {**ENCODER, "pad_token_id": 1}
CONFIGS = {
    "electra": ("electra", _NARROW),
    "electra-wide": ("electra", {**ENCODER, "embedding_size": 32, "hidden_act": "relu", "tie_word_embeddings": False,
                                 "summary_activation": "tanh"}),
    "albert": ("albert", {**_NARROW, "hidden_dropout_prob": 0.1}),
    "albert-groups": ("albert", {**_NARROW, "num_hidden_layers": 3, "num_hidden_groups": 2, "inner_group_num": 2,
                                 "tie_word_embeddings": False, "hidden_act": "gelu"}),
    "mpnet": ("mpnet", _PAD),
    "mpnet-act": ("mpnet", {**_PAD, "hidden_act": "relu",
                            "tie_word_embeddings": False}),
}  # fmt: skip
DROPOUT = dict.fromkeys(("electra", "mpnet"), ("hidden_dropout_prob", "attention_probs_dropout_prob")) | {
    "albert": ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout_prob")
}
