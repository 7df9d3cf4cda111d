"""DistilBERT."""

from tiny_configs.sizes import SMALL

CONFIGS = {
    "distilbert": ("distilbert", {**SMALL, "dim": 32, "hidden_dim": 48, "n_layers": 2, "n_heads": 4,
                                  "max_position_embeddings": 40}),
    "distilbert-relu": ("distilbert", {**SMALL, "dim": 24, "hidden_dim": 20, "n_layers": 3, "n_heads": 2,
                                       "max_position_embeddings": 40, "activation": "relu",
                                       "tie_word_embeddings": False}),
}  # fmt: skip
DROPOUT = {"distilbert": ("dropout", "attention_dropout", "qa_dropout", "seq_classif_dropout")}
