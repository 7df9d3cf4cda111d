"""GPT-J and CodeGen."""

from tiny_configs.gpt2 import GPT2

_GPTJ = {**GPT2, "rotary_dim": 4}
CONFIGS = {
    "gptj": ("gptj", {**_GPTJ, "resid_pdrop": 0.1}),
    "gptj-tied": ("gptj", {**_GPTJ, "rotary_dim": 8, "n_inner": 40, "pad_token_id": 0, "tie_word_embeddings": True,
                           "activation_function": "relu"}),
    "codegen": ("codegen", {**_GPTJ, "resid_pdrop": 0.1, "pad_token_id": None}),
    "codegen-tied": ("codegen", {**_GPTJ, "n_head": 8, "rotary_dim": 2, "n_inner": 40, "pad_token_id": 0,
                                 "tie_word_embeddings": True}),
}  # fmt: skip
DROPOUT = dict.fromkeys(("gptj", "codegen"), ("resid_pdrop", "embd_pdrop", "attn_pdrop"))
