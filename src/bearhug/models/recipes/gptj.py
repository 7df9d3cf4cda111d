"""GPT-J (Wang and Komatsuzaki 2021), CodeGen (arXiv:2203.13474): attention and MLP on one norm, pairs side by side."""

from dataclasses import replace

from bearhug.checkpoints.weight_map import Fused
from bearhug.models.config import Config, PretrainedConfig
from bearhug.models.recipe import Head, Recipe
from bearhug.models.recipes.gpt2 import DEFAULTS as GPT2
from bearhug.models.recipes.gpt2 import NAMES
from bearhug.models.recipes.gpt2 import config as gpt2
from bearhug.models.recipes.llama import but, heads


def config(hf: PretrainedConfig) -> Config:
    """A GPT-J config, translated."""
    return gpt2(
        hf, positions="rotary", rope={"rope_type": "default", "rope_theta": 10000.0, "dim": hf.rotary_dim},
        rope_interleaved=True, token_types="shared", block="parallel", qkv_bias=False, output_bias=False,
        scaled_residual_init=False,
    )  # fmt: skip


WEIGHTS = {  # theirs: ours
    "wte.weight": "embed_tokens.weight",
    "h.{i}.ln_1.*": "layers.{i}.attention_norm.*",
    **{f"h.{{i}}.attn.{w}_proj.*": f"layers.{{i}}.attention.{w}_proj.*" for w in "qkv"},
    "h.{i}.attn.out_proj.*": "layers.{i}.attention.o_proj.*",
    "h.{i}.mlp.fc_in.*": "layers.{i}.mlp.up_proj.*",
    "h.{i}.mlp.fc_out.*": "layers.{i}.mlp.down_proj.*",
    "ln_f.*": "norm.*",
    "h.{i}.attn.bias": None,
    "h.{i}.attn.masked_bias": None,
    "h.{i}.attn.causal_mask": None,
}
_LANGUAGE = {"causal-lm": Head(weights={"lm_head.*": "head.out.*"}, tied=True)}
DEFAULTS = {
    name: value for name, value in GPT2.items() if not name.startswith(("summary", "scale_attn", "reorder", "add_"))
} | {
    "vocab_size": 50400, "n_positions": 2048, "n_embd": 4096, "n_layer": 28, "n_head": 16, "rotary_dim": 64,
    "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "tie_word_embeddings": False,
}  # fmt: skip
GPTJ = Recipe(
    model_type="gptj", name="GPTJ", prefix="transformer", config=config, weights=WEIGHTS, names=NAMES,
    heads=heads("sequence") | _LANGUAGE | {"question-answering": Head(weights={"qa_outputs.*": "head.out.*"})},
    defaults=DEFAULTS,
)  # fmt: skip
CODEGEN = replace(  # its matrix of queries, values and keys comes from four processors
    GPTJ, model_type="codegen", name="CodeGen", heads=_LANGUAGE, defaults=but(DEFAULTS, "pad_token_id", n_ctx=2048),
    weights={"h.{i}.attn.qkv_proj.*": Fused("layers.{i}.attention.{q,v,k}_proj.*", blocks=4)}
    | but(WEIGHTS, *(f"h.{{i}}.attn.{w}_proj.*" for w in "qkv")),
)  # fmt: skip
