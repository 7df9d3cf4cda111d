"""OPT (arXiv:2205.01068): learned positions behind two rows, norm first or last, maybe narrower words; BioGPT
(arXiv:2210.10341) is its sibling.
"""

from dataclasses import replace

from bearhug.models.config import Config, PretrainedConfig
from bearhug.models.recipe import Head, Recipe, translated
from bearhug.models.recipes.llama import HEADS, MATRICES, but, heads


def opt(hf: PretrainedConfig) -> Config:
    """An OPT config, translated."""
    bias, first = hf.enable_bias, hf.do_layer_norm_before
    return translated(
        hf, intermediate_size=hf.ffn_dim, positions="learned", position_skip=2, padding_before=True,
        padding_index=hf.pad_token_id, word_size=hf.word_embed_proj_dim, causal=True,
        block="pre_norm" if first else "post_norm", final_norm=first and not hf._remove_final_layer_norm,
        norm="layer" if hf.layer_norm_elementwise_affine else "layer_bare", norm_eps=1e-5,
        activation=hf.activation_function, mlp_bias=bias, qkv_bias=bias, output_bias=bias,
        residual_dropout=hf.dropout, mlp_dropout=hf.dropout, attention_dropout=hf.attention_dropout,
    )  # fmt: skip


def biogpt(hf: PretrainedConfig) -> Config:
    """A BioGPT config, translated."""
    rate = hf.hidden_dropout_prob
    return translated(
        hf, intermediate_size=hf.intermediate_size, positions="learned", position_skip=2,
        padding_index=hf.pad_token_id, embed_scale=hf.hidden_size**0.5 if hf.scale_embedding else 1.0, causal=True,
        norm_eps=1e-5, activation=hf.hidden_act, embed_dropout=rate, residual_dropout=rate, mlp_dropout=rate,
        attention_dropout=hf.attention_probs_dropout_prob,
    )  # fmt: skip


def _settle(hf: PretrainedConfig) -> None:
    hf.word_embed_proj_dim = hf.word_embed_proj_dim or hf.hidden_size


_BIOGPT = but(MATRICES, "layers.{i}.self_attn.o_proj.*") | {
    "embed_tokens.weight": "embed_tokens.weight",
    "embed_positions.weight": "positions.weight",
    "layers.{i}.self_attn.out_proj.*": "layers.{i}.attention.o_proj.*",
    "layers.{i}.self_attn_layer_norm.*": "layers.{i}.attention_norm.*",
    "layers.{i}.fc1.*": "layers.{i}.mlp.up_proj.*",
    "layers.{i}.fc2.*": "layers.{i}.mlp.down_proj.*",
    "layers.{i}.final_layer_norm.*": "layers.{i}.mlp_norm.*",
    "layer_norm.*": "norm.*",
}
_OPT = {f"decoder.{theirs}": ours for theirs, ours in but(_BIOGPT, "layer_norm.*").items()} | {
    "decoder.final_layer_norm.*": "norm.*",
    "decoder.project_in.*": "project_in.*",
    "decoder.project_out.*": "project_out.*",
}
OPT = Recipe(
    model_type="opt", name="OPT", prefix="model", config=opt, weights=_OPT, settle=_settle,
    heads=heads("sequence") | {"question-answering": replace(HEADS["question-answering"], prefix=None)},
    defaults={
        "vocab_size": 50272, "hidden_size": 768, "num_hidden_layers": 12, "ffn_dim": 3072,
        "max_position_embeddings": 2048, "do_layer_norm_before": True, "_remove_final_layer_norm": False,
        "word_embed_proj_dim": None, "dropout": 0.1, "attention_dropout": 0.0, "num_attention_heads": 12,
        "activation_function": "relu", "layerdrop": 0.0, "init_std": 0.02, "use_cache": True, "pad_token_id": 1,
        "bos_token_id": 2, "eos_token_id": 2, "enable_bias": True, "layer_norm_elementwise_affine": True,
        "tie_word_embeddings": True,
    },
)  # fmt: skip


def _dropout(hf: PretrainedConfig) -> float:
    given = getattr(hf, "classifier_dropout", None)
    return hf.hidden_dropout_prob if given is None else given


BIOGPT = Recipe(
    model_type="biogpt", name="BioGpt", prefix="biogpt", config=biogpt, weights=_BIOGPT,
    heads=heads("sequence")
    | {
        "causal-lm": Head(weights={"output_projection.weight": "head.out.weight"}, bias=False, tied=True),
        "token-classification": Head(weights={"classifier.*": "head.out.*"}, dropout=_dropout),
    },
    defaults={
        "vocab_size": 42384, "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16,
        "intermediate_size": 4096, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1, "max_position_embeddings": 1024, "initializer_range": 0.02,
        "layer_norm_eps": 1e-12, "scale_embedding": True, "use_cache": True, "layerdrop": 0.0,
        "activation_dropout": 0.0, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
        "tie_word_embeddings": True,
    },
)  # fmt: skip
