"""Phi (arXiv:2306.11644): attention and MLP side by side, biases; Phi 3 (arXiv:2404.14219): Llama, fused matrices."""

from dataclasses import replace
from typing import Any

from bearhug.checkpoints.weight_map import Fused
from bearhug.models.config import Config, Kind, PretrainedConfig
from bearhug.models.recipe import Head
from bearhug.models.recipes.llama import LLAMA, MATRICES, PLAIN, WEIGHTS, but, config, heads, settle


def _dropped(hf: PretrainedConfig) -> dict[str, Any]:
    return {"residual_dropout": hf.resid_pdrop, "mlp_dropout": hf.resid_pdrop}


def phi(hf: PretrainedConfig) -> Config:
    """A Phi config, translated."""
    return config(
        hf, block="parallel", norm="layer", norm_eps=hf.layer_norm_eps, qk_norm=hf.qk_layernorm, mlp="plain",
        mlp_bias=True, qkv_bias=True, output_bias=True, embed_dropout=hf.embd_pdrop, **_dropped(hf),
    )  # fmt: skip


def phi3(hf: PretrainedConfig) -> Config:
    """A Phi 3 config, translated."""
    kinds = {"full_attention": Kind(window=hf.sliding_window)}
    return config(hf, kinds=kinds, **_dropped(hf))


def _settle_phi3(hf: PretrainedConfig) -> None:
    if hf.rope_parameters["rope_type"] in ("su", "yarn"):  # what older checkpoints call it
        hf.rope_parameters |= {
            "rope_type": "longrope", "original_max_position_embeddings": hf.original_max_position_embeddings,
        }  # fmt: skip
    settle(hf)


_PHI = but(MATRICES, "layers.{i}.self_attn.o_proj.*") | {
    "embed_tokens.weight": "embed_tokens.weight",
    "layers.{i}.input_layernorm.*": "layers.{i}.attention_norm.*",
    "layers.{i}.self_attn.dense.*": "layers.{i}.attention.o_proj.*",
    "layers.{i}.self_attn.q_layernorm.*": "layers.{i}.attention.q_norm.*",
    "layers.{i}.self_attn.k_layernorm.*": "layers.{i}.attention.k_norm.*",
    "layers.{i}.mlp.fc1.*": "layers.{i}.mlp.up_proj.*",
    "layers.{i}.mlp.fc2.*": "layers.{i}.mlp.down_proj.*",
    "final_layernorm.*": "norm.*",
}
FUSED_MLP = {
    "layers.{i}.mlp.gate_up_proj.*": Fused("layers.{i}.mlp.{gate,up}_proj.*"),
    "layers.{i}.mlp.down_proj.*": "layers.{i}.mlp.down_proj.*",
}
_PHI3 = but(WEIGHTS, "layers.{i}.self_attn.*", "layers.{i}.mlp.*") | FUSED_MLP | {
    "layers.{i}.self_attn.qkv_proj.*": Fused("layers.{i}.attention.{q,k,v}_proj.*"),
    "layers.{i}.self_attn.o_proj.*": "layers.{i}.attention.o_proj.*",
}  # fmt: skip
_DROPOUT = {"resid_pdrop": 0.0, "embd_pdrop": 0.0}
PHI = replace(
    LLAMA, model_type="phi", name="Phi", config=phi, weights=_PHI,
    heads=heads("sequence", "token") | {"causal-lm": Head(weights={"lm_head.*": "head.out.*"}, tied=True)},
    defaults=but(
        PLAIN, "rms_norm_eps", vocab_size=51200, hidden_size=2048, intermediate_size=8192, num_hidden_layers=24,
        hidden_act="gelu_new", layer_norm_eps=1e-5, rope_parameters={"partial_rotary_factor": 0.5}, qk_layernorm=False,
        **_DROPOUT,
    ),
)  # fmt: skip
PHI3 = replace(
    LLAMA, model_type="phi3", name="Phi3", config=phi3, weights=_PHI3, heads=heads("sequence", "token"),
    settle=_settle_phi3,
    defaults=but(
        PLAIN, vocab_size=32064, hidden_size=3072, intermediate_size=8192, max_position_embeddings=4096,
        original_max_position_embeddings=4096, rms_norm_eps=1e-5, eos_token_id=32000, pad_token_id=32000,
        sliding_window=None, rope_parameters={"partial_rotary_factor": 1.0}, **_DROPOUT,
    ),
)  # fmt: skip
