"""MPT (MosaicML 2023): ALiBi, no biases at all, one matrix of queries, keys and values."""

from collections.abc import Mapping

from bearhug.checkpoints.weight_map import Fused
from bearhug.models.config import Config, PretrainedConfig
from bearhug.models.recipe import Recipe, translated
from bearhug.models.recipes.megatron import HEADS


def config(hf: PretrainedConfig) -> Config:
    """An MPT config, translated."""
    attention = hf.attn_config
    return translated(
        hf, intermediate_size=4 * hf.d_model, positions="alibi", max_position_embeddings=hf.max_seq_len, causal=True,
        norm="layer_no_bias", norm_eps=hf.layer_norm_epsilon, activation="gelu", mlp_bias=False, qkv_bias=False,
        output_bias=False, clip_qkv=attention.clip_qkv, attention_scale=attention.softmax_scale,
        residual_dropout=attention.attn_pdrop, mlp_dropout=attention.attn_pdrop,
        attention_dropout=attention.attn_pdrop,
    )  # fmt: skip


ATTENTION = {
    "attn_type": "multihead_attention", "attn_pdrop": 0, "attn_impl": "torch", "clip_qkv": None, "softmax_scale": None,
    "prefix_lm": False, "qk_ln": False, "attn_uses_sequence_id": False, "alibi": True, "alibi_bias_max": 8,
}  # fmt: skip


def _settle(hf: PretrainedConfig) -> None:
    given = hf.attn_config or {}
    if isinstance(given, Mapping):
        hf.attn_config = PretrainedConfig.from_dict({**ATTENTION, **given})


WEIGHTS = {  # theirs: ours
    "wte.weight": "embed_tokens.weight",
    "blocks.{i}.norm_1.*": "layers.{i}.attention_norm.*",
    "blocks.{i}.attn.Wqkv.*": Fused("layers.{i}.attention.{q,k,v}_proj.*"),
    "blocks.{i}.attn.out_proj.*": "layers.{i}.attention.o_proj.*",
    "blocks.{i}.norm_2.*": "layers.{i}.mlp_norm.*",
    "blocks.{i}.ffn.*": "layers.{i}.mlp.*",
    "norm_f.*": "norm.*",
}
MPT = Recipe(
    model_type="mpt", name="Mpt", prefix="transformer", config=config, weights=WEIGHTS, heads=HEADS, settle=_settle,
    names={"num_attention_heads": "n_heads", "hidden_size": "d_model", "num_hidden_layers": "n_layers"},
    defaults={
        "d_model": 2048, "n_heads": 16, "n_layers": 24, "expansion_ratio": 4, "max_seq_len": 2048, "vocab_size": 50368,
        "resid_pdrop": 0.0, "layer_norm_epsilon": 1e-5, "emb_pdrop": 0.0, "learned_pos_emb": True, "attn_config": None,
        "init_device": "cpu", "logit_scale": None, "no_bias": True, "embedding_fraction": 1.0,
        "norm_type": "low_precision_layernorm", "use_cache": False, "initializer_range": 0.02,
        "tie_word_embeddings": True, "pad_token_id": None, "bos_token_id": None, "eos_token_id": None,
    },
)  # fmt: skip
