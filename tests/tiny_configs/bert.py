"""BERT and RoBERTa."""

from tiny_configs.sizes import ENCODER

CONFIGS = {
    "bert": ("bert", ENCODER),
    "bert-untied": ("bert", {**ENCODER, "tie_word_embeddings": False, "hidden_act": "gelu_new", "type_vocab_size": 3,
                             "layer_norm_eps": 1e-5}),
    "roberta": ("roberta", {**ENCODER, "type_vocab_size": 1}),
    "roberta-pad": ("roberta", {**ENCODER, "pad_token_id": 3, "type_vocab_size": 2, "hidden_act": "relu"}),
    "xlm-roberta": ("xlm-roberta", {**ENCODER, "type_vocab_size": 1}),
    "xlm-roberta-act": ("xlm-roberta", {**ENCODER, "tie_word_embeddings": False, "hidden_act": "silu"}),
    "camembert": ("camembert", {**ENCODER, "type_vocab_size": 1}),
    "xlm-roberta-xl": ("xlm-roberta-xl", ENCODER),
    "xlm-roberta-xl-pad": ("xlm-roberta-xl", {**ENCODER, "pad_token_id": 2, "tie_word_embeddings": False}),
    "roberta-prelayernorm": ("roberta-prelayernorm", ENCODER),
    "roberta-prelayernorm-pad": ("roberta-prelayernorm", {**ENCODER, "pad_token_id": 0, "hidden_act": "relu"}),
    "ernie": ("ernie", ENCODER),
    "ernie-tasks": ("ernie", {**ENCODER, "use_task_id": True, "task_type_vocab_size": 5}),
    "megatron-bert": ("megatron-bert", ENCODER),
    "megatron-bert-act": ("megatron-bert", {**ENCODER, "hidden_act": "relu", "tie_word_embeddings": False}),
}  # fmt: skip
DROPOUT = dict.fromkeys((kind for kind, _ in CONFIGS.values()), ("hidden_dropout_prob", "attention_probs_dropout_prob"))
