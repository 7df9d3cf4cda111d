"""Llama's siblings with LayerNorm: StarCoder 2 (arXiv:2402.19173), StableLM (arXiv:2402.17834), Nemotron
(arXiv:2402.16819), Jais 2.
"""

from dataclasses import replace

from bearhug.models.config import Config, Kind, PretrainedConfig
from bearhug.models.recipes.llama import DEFAULTS, LLAMA, MATRICES, PLAIN, WEIGHTS, but, config, heads, settle, sized


def starcoder2(hf: PretrainedConfig) -> Config:
    """A StarCoder 2 config, translated."""
    rate, bias = hf.residual_dropout, hf.use_bias
    return config(
        hf, norm="layer", norm_eps=hf.norm_epsilon, mlp="plain", mlp_bias=bias, qkv_bias=bias, output_bias=bias,
        kinds={"full_attention": Kind(window=hf.sliding_window)},
        embed_dropout=hf.embedding_dropout, residual_dropout=rate, mlp_dropout=rate,
    )  # fmt: skip


def stablelm(hf: PretrainedConfig) -> Config:
    """A StableLM config, translated."""
    return config(
        hf, norm="layer", norm_eps=hf.layer_norm_eps, block="parallel" if hf.use_parallel_residual else "pre_norm",
        qkv_bias=hf.use_qkv_bias, qk_norm="heads_apart" if hf.qk_layernorm else False, mlp_dropout=hf.hidden_dropout,
    )  # fmt: skip


STARCODER2 = replace(
    LLAMA, model_type="starcoder2", name="Starcoder2", config=starcoder2, heads=heads("sequence", "token"), settle=None,
    weights=but(WEIGHTS, "layers.{i}.mlp.*")
    | {"layers.{i}.mlp.c_fc.*": "layers.{i}.mlp.up_proj.*", "layers.{i}.mlp.c_proj.*": "layers.{i}.mlp.down_proj.*"},
    defaults=but(
        PLAIN, "rms_norm_eps", vocab_size=49152, hidden_size=3072, intermediate_size=12288, num_hidden_layers=30,
        num_attention_heads=24, num_key_value_heads=2, hidden_act="gelu_pytorch_tanh", max_position_embeddings=4096,
        initializer_range=0.018042, norm_epsilon=1e-5, bos_token_id=50256, eos_token_id=50256, sliding_window=None,
        residual_dropout=0.0, embedding_dropout=0.0, use_bias=True, tie_word_embeddings=True,
    ),
)  # fmt: skip
STABLELM = replace(
    LLAMA, model_type="stablelm", name="StableLm", config=stablelm, heads=heads("sequence", "token"), settle=None,
    weights=but(WEIGHTS, "layers.{i}.self_attn.*")
    | MATRICES
    | {f"layers.{{i}}.self_attn.{w}_layernorm.*": f"layers.{{i}}.attention.{w}_norm.*" for w in "qk"},
    defaults=but(
        PLAIN, "rms_norm_eps", vocab_size=50304, intermediate_size=6912, hidden_size=2560, num_key_value_heads=32,
        max_position_embeddings=4096, layer_norm_eps=1e-5, rope_parameters={"partial_rotary_factor": 0.25},
        use_qkv_bias=False, qk_layernorm=False, use_parallel_residual=False, hidden_dropout=0.0, bos_token_id=0,
        eos_token_id=0,
    ),
)  # fmt: skip
NEMOTRON = replace(
    LLAMA, model_type="nemotron", name="Nemotron", settle=sized,
    config=lambda hf: config(hf, norm="layer_plus_one", norm_eps=hf.norm_eps, mlp="plain"),
    defaults=but(
        DEFAULTS, "rms_norm_eps", "pretraining_tp", vocab_size=256000, hidden_size=6144, intermediate_size=24576,
        num_attention_heads=48, hidden_act="relu2", max_position_embeddings=4096, initializer_range=0.0134,
        norm_eps=1e-5, bos_token_id=2, eos_token_id=3, rope_parameters={"partial_rotary_factor": 0.5},
    ),
)  # fmt: skip
JAIS2 = replace(
    LLAMA, model_type="jais2", name="Jais2", heads=heads(), settle=settle,
    config=lambda hf: config(hf, norm="layer", norm_eps=hf.layer_norm_eps, mlp="plain"),
    defaults=but(
        DEFAULTS, "rms_norm_eps", "pretraining_tp", vocab_size=150272, hidden_size=3328, intermediate_size=26624,
        num_attention_heads=26, hidden_act="relu2", max_position_embeddings=8192, bos_token_id=0, eos_token_id=150024,
        attention_bias=True, mlp_bias=True, layer_norm_eps=1e-5,
    ),
)  # fmt: skip
