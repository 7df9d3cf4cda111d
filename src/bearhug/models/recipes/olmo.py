"""OLMo (arXiv:2402.00838), OLMo 2 (arXiv:2501.00656), OLMo 3 and EXAONE 4 (arXiv:2507.11407): norm after a branch."""

from dataclasses import replace

from bearhug.models.config import Config, Kind, PretrainedConfig
from bearhug.models.recipes.llama import BIASED, HEADS, LLAMA, PLAIN, WEIGHTS, but, by, config, every, heads, layered


def olmo3(hf: PretrainedConfig) -> Config:
    """Windows in three of four layers, with rotary positions of their own."""
    ropes = hf.rope_parameters
    kinds = {"sliding_attention": Kind(window=hf.sliding_window, rope=ropes["sliding_attention"])}
    return config(
        hf, block="branch_norm", qk_norm="all_heads", rope=ropes["full_attention"], kinds=kinds,
        layer_types=tuple(hf.layer_types),
    )  # fmt: skip


def exaone4(hf: PretrainedConfig) -> Config:
    """Where there are windows, layers without one know no positions."""
    kinds = {
        "full_attention": Kind(turned=hf.sliding_window is None),
        "sliding_attention": Kind(window=hf.sliding_window),
    }
    return config(hf, block="branch_norm", qk_norm=True, layer_types=tuple(hf.layer_types), kinds=kinds)


def _is_full(hf: PretrainedConfig, layer: int) -> bool:
    pattern = hf.sliding_window_pattern
    if isinstance(pattern, str):
        return pattern[layer % len(pattern)] == "G" or layer == hf.num_hidden_layers - 1
    return not pattern or not (layer + 1) % pattern


def _settle_exaone4(hf: PretrainedConfig) -> None:
    hf.sliding_window_pattern = 0 if hf.sliding_window is None else hf.sliding_window_pattern
    layered(_is_full)(hf)


_NORMS_AFTER = but(WEIGHTS, "layers.{i}.input_layernorm.*") | {
    "layers.{i}.post_attention_layernorm.*": "layers.{i}.attention_norm.*",
    "layers.{i}.post_feedforward_layernorm.*": "layers.{i}.mlp_norm.*",
}
_OLMO2 = but(BIASED, "mlp_bias", vocab_size=50304, pad_token_id=1, bos_token_id=None, eos_token_id=50279)
_OLMO2 |= {"rms_norm_eps": 1e-5}
OLMO = replace(
    LLAMA, model_type="olmo", name="Olmo", heads=heads("sequence"), defaults=but(_OLMO2, "rms_norm_eps", clip_qkv=None),
    config=lambda hf: config(hf, norm="layer_bare", clip_qkv=hf.clip_qkv),
)  # fmt: skip
OLMO2 = replace(
    OLMO, model_type="olmo2", name="Olmo2", weights=_NORMS_AFTER, defaults=_OLMO2,
    config=by(block="branch_norm", qk_norm="all_heads"),
)  # fmt: skip
_ROPE = {"rope_theta": 5e5}
OLMO3 = replace(
    OLMO2, model_type="olmo3", name="Olmo3", config=olmo3, settle=every(4),
    defaults=but(
        _OLMO2, sliding_window=4096, layer_types=None,
        rope_parameters={"full_attention": _ROPE, "sliding_attention": _ROPE},
    ),
)  # fmt: skip
EXAONE4 = replace(
    OLMO2, model_type="exaone4", name="Exaone4", config=exaone4, heads=HEADS, settle=_settle_exaone4,
    defaults=but(
        PLAIN, vocab_size=102400, intermediate_size=16384, num_key_value_heads=32, rms_norm_eps=1e-5, bos_token_id=0,
        sliding_window=4096, sliding_window_pattern=4, layer_types=None,
    ),
)  # fmt: skip
