"""Mamba (arXiv:2312.00752), Falcon Mamba (arXiv:2410.05355) and Mamba-2 (arXiv:2405.21060): state spaces alone."""

from dataclasses import replace
from typing import Any

from bearhug.checkpoints.weight_map import Also
from bearhug.models.config import Config, Kind, PretrainedConfig, Recurrence
from bearhug.models.recipe import Head, Recipe, translated
from bearhug.models.recipes.llama import but


def config(hf: PretrainedConfig, mixer: str = "state_space", **changes: Any) -> Config:
    """A config of a stack of mixers, translated; `changes` are the mixer's sizes."""
    sizes = {
        "heads": hf.hidden_size * hf.expand, "state": hf.state_size, "kernel": hf.conv_kernel,
        "bias": hf.use_bias, "conv_bias": hf.use_conv_bias,
        "step_range": (hf.time_step_min, hf.time_step_max, hf.time_step_floor),
    }  # fmt: skip
    return translated(
        hf, intermediate_size=0, num_attention_heads=1, num_key_value_heads=1, head_dim=hf.hidden_size,
        positions="none", causal=True, block="single", norm="rms", norm_eps=hf.layer_norm_epsilon, mlp="none",
        activation=hf.hidden_act, kinds={mixer: Kind(mixer=mixer)}, layer_types=(mixer,) * hf.num_hidden_layers,
        recurrence=Recurrence(**(sizes | changes)), wide_residual=hf.residual_in_fp32, unnormed_states=True,
        scaled_residual_init=hf.rescale_prenorm_residual,
    )  # fmt: skip


def mamba(hf: PretrainedConfig, **changes: Any) -> Config:
    """Mamba: a state for every channel."""
    return config(hf, rank=hf.time_step_rank, step_scale=hf.time_step_scale, **changes)


def mamba2(hf: PretrainedConfig) -> Config:
    """Mamba-2: a state for every head."""
    low, high = map(float, hf.time_step_limit)
    limit = None if (low, high) == (0.0, float("inf")) else (low, high)
    sizes = {"heads": hf.num_heads, "head_dim": hf.head_dim, "groups": hf.n_groups, "norm_groups": hf.n_groups}
    return config(hf, "state_space_heads", step_limit=limit, **sizes)


def settle(hf: PretrainedConfig) -> None:
    """Fill in what follows from the width."""
    if hf.time_step_rank == "auto":
        hf.time_step_rank = -(-hf.hidden_size // 16)
    if "time_step_scale" in hf.defaults:
        hf.intermediate_size = int(hf.expand * hf.hidden_size)
    elif hf.hidden_size * hf.expand != hf.num_heads * hf.head_dim:
        raise ValueError(
            f"hidden_size {hf.hidden_size} * expand {hf.expand} is {hf.hidden_size * hf.expand}, but num_heads "
            f"{hf.num_heads} * head_dim {hf.head_dim} is {hf.num_heads * hf.head_dim}: they must be equal."
        )


WEIGHTS = {
    "embeddings.weight": "embed_tokens.weight",
    "embedding.weight": Also("embed_tokens.weight"),  # of older files
    "layers.{i}.norm.*": "layers.{i}.attention_norm.*",
    "layers.{i}.mixer.conv1d.*": "layers.{i}.attention.conv.*",
    **{f"layers.{{i}}.mixer.{name}": f"layers.{{i}}.attention.{name}" for name in ("A_log", "D", "dt_bias")},
    **{f"layers.{{i}}.mixer.{name}.*": f"layers.{{i}}.attention.{name}.*" for name in ("in_proj", "out_proj", "norm")},
    "norm_f.*": "norm.*",
}
_MAMBA = but(WEIGHTS, "layers.{i}.mixer.dt_bias") | {
    "layers.{i}.mixer.x_proj.weight": "layers.{i}.attention.x_proj.weight",
    "layers.{i}.mixer.dt_proj.weight": "layers.{i}.attention.dt_proj.weight",
    "layers.{i}.mixer.dt_proj.bias": "layers.{i}.attention.dt_bias",
}
DEFAULTS = {
    "vocab_size": 50280, "hidden_size": 768, "state_size": 16, "num_hidden_layers": 32, "layer_norm_epsilon": 1e-5,
    "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0, "expand": 2, "conv_kernel": 4, "use_bias": False,
    "use_conv_bias": True, "hidden_act": "silu", "initializer_range": 0.1, "residual_in_fp32": True,
    "time_step_rank": "auto", "time_step_scale": 1.0, "time_step_min": 0.001, "time_step_max": 0.1,
    "time_step_init_scheme": "random", "time_step_floor": 1e-4, "rescale_prenorm_residual": False, "use_cache": True,
    "use_mambapy": False, "use_associative_scan": True, "tie_word_embeddings": True, "intermediate_size": None,
}  # fmt: skip
MAMBA = Recipe(
    model_type="mamba", name="Mamba", prefix="backbone", config=mamba, weights=_MAMBA, defaults=DEFAULTS,
    settle=settle, cache_name="cache_params",
    heads={"causal-lm": Head(weights={"lm_head.weight": "head.out.weight"}, bias=False, tied=True)},
)  # fmt: skip
FALCON_MAMBA = replace(  # norms without weights on what a token says of step, input and output
    MAMBA, model_type="falcon_mamba", name="FalconMamba", defaults=DEFAULTS | {"mixer_rms_eps": 1e-6},
    config=lambda hf: mamba(hf, norm="rms_bare", norm_eps=hf.mixer_rms_eps),
)  # fmt: skip
MAMBA2 = replace(
    MAMBA, model_type="mamba2", name="Mamba2", config=mamba2, weights=WEIGHTS,
    defaults=but(
        DEFAULTS, "time_step_scale", "time_step_init_scheme", "use_mambapy", "use_associative_scan",
        "intermediate_size", num_heads=128, head_dim=64, vocab_size=32768, hidden_size=4096, state_size=128,
        num_hidden_layers=64, pad_token_id=1, eos_token_id=2, n_groups=8, chunk_size=256, tie_word_embeddings=False,
        time_step_limit=[0.0, float("inf")],
    ),
)  # fmt: skip
