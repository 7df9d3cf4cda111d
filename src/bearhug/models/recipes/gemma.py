"""Gemma (arXiv:2403.08295), Gemma 2 (arXiv:2408.00118), Gemma 3 (arXiv:2503.19786): norms count from one."""

from dataclasses import replace
from typing import Any

from bearhug.models.config import Config, Kind, PretrainedConfig
from bearhug.models.recipes.llama import DEFAULTS, LLAMA, WEIGHTS, but, config, every, heads, windows


def gemma(hf: PretrainedConfig, **changes: Any) -> Config:
    """A Gemma config, translated: words scaled by the root of the width, maybe an encoder."""
    return config(
        hf, norm="rms_plus_one", embed_scale=hf.hidden_size**0.5, mlp_bias=False,
        causal=not getattr(hf, "use_bidirectional_attention", False), **changes,
    )  # fmt: skip


def gemma2(hf: PretrainedConfig, **changes: Any) -> Config:
    """Norms around each branch, soft caps, every other layer a window."""
    usual = {"block": "sandwich", **windows(hf)}
    return gemma(
        hf, activation=hf.hidden_activation, attention_scale=hf.query_pre_attn_scalar**-0.5,
        score_softcap=hf.attn_logit_softcapping, logit_softcap=hf.final_logit_softcapping, **(usual | changes),
    )  # fmt: skip


def gemma3(hf: PretrainedConfig) -> Config:
    """Norms on queries and keys; windows have rotary positions of their own."""
    ropes = hf.rope_parameters
    window = hf.sliding_window // 2 + 1 if hf.use_bidirectional_attention else hf.sliding_window  # on each side
    kinds = {"sliding_attention": Kind(window=window, rope=ropes["sliding_attention"])}
    return gemma2(hf, qk_norm=True, rope=ropes["full_attention"], kinds=kinds)


def _settle(hf: PretrainedConfig) -> None:
    if hf.hidden_act == "gelu":  # what the first checkpoints say, and do not mean
        hf.hidden_act = "gelu_pytorch_tanh"


def _settle_gemma3(hf: PretrainedConfig) -> None:
    local = hf.__dict__.pop("rope_local_base_freq", None)
    if local is not None:
        hf.rope_parameters["sliding_attention"]["rope_theta"] = local
    hf._sliding_window_pattern = hf.__dict__.get("sliding_window_pattern", 6)
    every(hf._sliding_window_pattern)(hf)


_PLAIN = {f"layers.{{i}}.{name}.*": f"layers.{{i}}.{ours}.*" for name, ours in (
    ("pre_feedforward_layernorm", "mlp_norm"), ("post_attention_layernorm", "attention_out_norm"),
    ("post_feedforward_layernorm", "mlp_out_norm"),
)}  # fmt: skip
_GEMMA = but(
    DEFAULTS, "pretraining_tp", "mlp_bias", vocab_size=256000, hidden_size=3072, intermediate_size=24576,
    num_hidden_layers=28, num_attention_heads=16, num_key_value_heads=16, head_dim=256, hidden_act="gelu_pytorch_tanh",
    max_position_embeddings=8192, pad_token_id=0, eos_token_id=1, bos_token_id=2, tie_word_embeddings=True,
    use_bidirectional_attention=None,
)  # fmt: skip
_GEMMA2 = but(
    _GEMMA, "hidden_act", hidden_size=2304, intermediate_size=9216, num_hidden_layers=26, num_attention_heads=8,
    num_key_value_heads=4, hidden_activation="gelu_pytorch_tanh", query_pre_attn_scalar=256, sliding_window=4096,
    layer_types=None, final_logit_softcapping=30.0, attn_logit_softcapping=50.0,
)  # fmt: skip
_GEMMA3 = but(
    _GEMMA2, vocab_size=262208, max_position_embeddings=131072, final_logit_softcapping=None,
    attn_logit_softcapping=None, use_bidirectional_attention=False, _sliding_window_pattern=6,
    rope_parameters={"full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e4}},
)  # fmt: skip
GEMMA = replace(
    LLAMA, model_type="gemma", name="Gemma", config=gemma, heads=heads("sequence", "token"), defaults=_GEMMA,
    settle=_settle,
)  # fmt: skip
GEMMA2 = replace(
    GEMMA, model_type="gemma2", name="Gemma2", config=gemma2, weights=WEIGHTS | _PLAIN, defaults=_GEMMA2,
    settle=every(2),
)  # fmt: skip
GEMMA3 = replace(
    GEMMA2, model_type="gemma3_text", name="Gemma3Text", config=gemma3, defaults=_GEMMA3, settle=_settle_gemma3,
    heads={task: replace(head, class_name="Gemma3ForCausalLM" if task == "causal-lm" else "")
           for task, head in heads("sequence").items()},
)  # fmt: skip
VAULTGEMMA = replace(  # arXiv:2510.15001: norms before the branches only
    GEMMA2, model_type="vaultgemma", name="VaultGemma", config=lambda hf: gemma2(hf, block="pre_norm"), heads=heads(),
    weights=but(WEIGHTS, "layers.{i}.post_attention_layernorm.*")
    | {"layers.{i}.pre_feedforward_layernorm.*": "layers.{i}.mlp_norm.*"},
    defaults=but(_GEMMA2, "use_bidirectional_attention"),
)  # fmt: skip
