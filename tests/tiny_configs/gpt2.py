"""GPT-2."""

from tiny_configs.sizes import SMALL

GPT2 = {**SMALL, "n_positions": 32, "n_embd": 32, "n_layer": 2, "n_head": 4, "bos_token_id": 97, "eos_token_id": 98}
CONFIGS = {
    "gpt2": ("gpt2", GPT2),
    "gpt2-scaled": ("gpt2", {**GPT2, "n_inner": 40, "scale_attn_by_inverse_layer_idx": True, "pad_token_id": 0,
                             "activation_function": "relu"}),
}  # fmt: skip
DROPOUT = {"gpt2": ("resid_pdrop", "embd_pdrop", "attn_pdrop")}
_BIGCODE = {**GPT2, "bos_token_id": 1, "eos_token_id": 2}
CONFIGS |= {
    "gpt_bigcode": ("gpt_bigcode", _BIGCODE),
    "gpt_bigcode-heads": ("gpt_bigcode", {**_BIGCODE, "multi_query": False, "n_inner": 40, "pad_token_id": 0,
                                          "scale_attn_weights": False, "tie_word_embeddings": False}),
}  # fmt: skip
DROPOUT["gpt_bigcode"] = ("resid_pdrop", "embd_pdrop", "attn_pdrop")
