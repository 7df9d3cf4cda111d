"""GPT-Neo."""

from tiny_configs.sizes import SMALL

_NEO = {**SMALL, "max_position_embeddings": 40, "hidden_size": 32, "num_layers": 2, "num_heads": 4, "bos_token_id": 1,
        "attention_types": [[["global", "local"], 1]], "eos_token_id": 2, "window_size": 4}  # fmt: skip
CONFIGS = {
    "gpt_neo": ("gpt_neo", {**_NEO, "resid_dropout": 0.1}),
    "gpt_neo-local": ("gpt_neo", {**_NEO, "num_layers": 3, "attention_types": [[["local"], 2], [["global"], 1]],
                                  "intermediate_size": 40, "window_size": 3, "pad_token_id": 0,
                                  "tie_word_embeddings": False, "activation_function": "relu"}),
}  # fmt: skip
DROPOUT = {"gpt_neo": ("resid_dropout", "embed_dropout", "attention_dropout")}
