"""Command R and R7B (Cohere): attention and MLP side by side on one norm without bias, pairs side by side."""

from dataclasses import replace
from typing import Any

from bearhug.models.config import Config, Kind, PretrainedConfig
from bearhug.models.recipes.llama import BIASED, LLAMA, but, config, every, heads


def cohere(hf: PretrainedConfig, **changes: Any) -> Config:
    """A Cohere config, translated."""
    return config(
        hf, block="parallel", norm="layer_no_bias", norm_eps=hf.layer_norm_eps, rope_interleaved=True,
        logit_scale=hf.logit_scale, **changes,
    )  # fmt: skip


def cohere2(hf: PretrainedConfig) -> Config:
    """Layers with a window know positions, the others none."""
    kinds = {
        "full_attention": Kind(turned=False),
        "sliding_attention": Kind(window=hf.sliding_window, turned=hf.sliding_window is not None),
    }
    return cohere(hf, layer_types=tuple(hf.layer_types), kinds=kinds)


def _settle_cohere2(hf: PretrainedConfig) -> None:
    hf.head_dim = hf.hidden_size // hf.num_attention_heads
    every(4)(hf)
    hf.__dict__.pop("sliding_window_pattern", None)


_DEFAULTS = but(
    BIASED, "rms_norm_eps", "mlp_bias", vocab_size=256000, hidden_size=8192, intermediate_size=22528,
    num_hidden_layers=40, num_attention_heads=64, max_position_embeddings=8192, layer_norm_eps=1e-5, pad_token_id=0,
    logit_scale=0.0625, bos_token_id=5, eos_token_id=255001, tie_word_embeddings=True,
)  # fmt: skip
COHERE = replace(
    LLAMA, model_type="cohere", name="Cohere", heads=heads(),
    config=lambda hf: cohere(hf, qk_norm="each_head" if hf.use_qk_norm else False),
    defaults=but(_DEFAULTS, use_qk_norm=False, rope_parameters={"rope_theta": 5e5}),
)  # fmt: skip
COHERE2 = replace(
    COHERE, model_type="cohere2", name="Cohere2", config=cohere2, settle=_settle_cohere2,
    defaults=but(_DEFAULTS, sliding_window=4096, layer_types=None),
)  # fmt: skip
