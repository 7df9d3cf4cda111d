"""GPT-Neo (Black et al. 2021): GPT-2 with every other layer looking at a window, and scores that are not scaled."""

from bearhug.models.config import Config, Kind, PretrainedConfig
from bearhug.models.recipe import Recipe, translated
from bearhug.models.recipes.megatron import classified


def config(hf: PretrainedConfig) -> Config:
    """A GPT-Neo config, translated."""
    return translated(
        hf, intermediate_size=hf.intermediate_size or 4 * hf.hidden_size, positions="learned", token_types="shared",
        causal=True, layer_types=tuple(hf.attention_layers),
        kinds={"global": Kind(), "local": Kind(window=hf.window_size)}, norm_eps=hf.layer_norm_epsilon,
        activation=hf.activation_function, qkv_bias=False, attention_scale=1.0, embed_dropout=float(hf.embed_dropout),
        residual_dropout=float(hf.resid_dropout), mlp_dropout=float(hf.resid_dropout),
        attention_dropout=float(hf.attention_dropout),
    )  # fmt: skip


def _settle(hf: PretrainedConfig) -> None:
    hf.attention_types = hf.attention_types or [[["global", "local"], 12]]
    hf.attention_layers = [kind for kinds, times in hf.attention_types for _ in range(times) for kind in kinds]


WEIGHTS = {  # theirs: ours
    "wte.weight": "embed_tokens.weight",
    "wpe.weight": "positions.weight",
    "h.{i}.ln_1.*": "layers.{i}.attention_norm.*",
    **{f"h.{{i}}.attn.attention.{w}_proj.*": f"layers.{{i}}.attention.{w}_proj.*" for w in "qkv"},
    "h.{i}.attn.attention.out_proj.*": "layers.{i}.attention.o_proj.*",
    "h.{i}.ln_2.*": "layers.{i}.mlp_norm.*",
    "h.{i}.mlp.c_fc.*": "layers.{i}.mlp.up_proj.*",
    "h.{i}.mlp.c_proj.*": "layers.{i}.mlp.down_proj.*",
    "ln_f.*": "norm.*",
    "h.{i}.attn.attention.bias": None,
    "h.{i}.attn.attention.masked_bias": None,
}
GPT_NEO = Recipe(
    model_type="gpt_neo", name="GPTNeo", prefix="transformer", config=config, weights=WEIGHTS,
    heads=classified(lambda hf: hf.classifier_dropout), settle=_settle,
    names={"num_attention_heads": "num_heads", "num_hidden_layers": "num_layers"},
    defaults={
        "vocab_size": 50257, "max_position_embeddings": 2048, "hidden_size": 2048, "num_layers": 24,
        "attention_types": None, "attention_layers": None, "num_heads": 16, "intermediate_size": None,
        "window_size": 256, "activation_function": "gelu_new", "resid_dropout": 0.0, "embed_dropout": 0.0,
        "attention_dropout": 0.0, "classifier_dropout": 0.1, "layer_norm_epsilon": 1e-5, "initializer_range": 0.02,
        "use_cache": True, "bos_token_id": 50256, "eos_token_id": 50256, "pad_token_id": None,
        "tie_word_embeddings": True,
    },
)  # fmt: skip
