"""Qwen3.5 and Qwen3-Next: gated delta networks (arXiv:2412.06464), and gated attention in every fourth layer."""

from dataclasses import replace
from typing import Any

from bearhug.checkpoints.weight_map import Fused, Ours
from bearhug.models.config import Config, Kind, PretrainedConfig, Recurrence
from bearhug.models.recipes.llama import HEADS, LLAMA, PLAIN, WEIGHTS, but
from bearhug.models.recipes.llama import config as llama


def config(hf: PretrainedConfig, **changes: Any) -> Config:
    """A Llama whose layers mostly read in order."""
    usual = {
        "norm": "rms_plus_one", "qk_norm": True, "layer_types": tuple(hf.layer_types),
        "kinds": {"full_attention": Kind(mixer="gated"), "linear_attention": Kind(mixer="gated_delta", turned=False)},
        "recurrence": Recurrence(
            heads=hf.linear_num_value_heads, head_dim=hf.linear_value_head_dim, groups=hf.linear_num_key_heads,
            state=hf.linear_key_head_dim, kernel=hf.linear_conv_kernel_dim, conv_bias=False,
        ),
    }  # fmt: skip
    return llama(hf, **(usual | changes))


def settle(hf: PretrainedConfig) -> None:
    """Fill in the layers' kinds."""
    every = hf.__dict__.pop("full_attention_interval", None) or 4
    if hf.layer_types is None:
        kinds = ("full_attention", "linear_attention")
        hf.layer_types = [kinds[bool((layer + 1) % every)] for layer in range(hf.num_hidden_layers)]


_SEEN, _READ, _OURS = "layers.{i}.self_attn.", "layers.{i}.linear_attn.", "layers.{i}.attention."
_COMMON: dict[str, Ours] = but(WEIGHTS, "layers.{i}.self_attn.*") | {
    **{f"{_SEEN}{name}.*": f"{_OURS}{name}.*" for name in ("k_proj", "v_proj", "q_norm", "k_norm")},
    f"{_SEEN}o_proj.*": f"{_OURS}last_proj.*",
    f"{_READ}conv1d.*": f"{_OURS}conv.*",
    **{f"{_READ}{name}": f"{_OURS}{name}" for name in ("dt_bias", "A_log", "norm.*", "out_proj.*")},
}


def weights(hf: PretrainedConfig) -> dict[str, Ours]:
    """A head's query and its gate side by side; the delta rule's inputs apart."""
    return _COMMON | {
        f"{_SEEN}q_proj.*": Fused(f"{_OURS}{{q,gate}}_proj.*", blocks=hf.num_attention_heads),
        f"{_READ}in_proj_qkv.*": Fused(f"{_OURS}{{query,key,value}}_proj.*"),
        **{f"{_READ}in_proj_{name}.*": f"{_OURS}{name}_proj.*" for name in "zba"},
    }


_HEADS = {task: replace(head, weights={**head.weights, "mtp.*": None}) for task, head in HEADS.items()}
DEFAULTS = but(
    PLAIN, vocab_size=248320, intermediate_size=12288, num_attention_heads=16, num_key_value_heads=4, head_dim=256,
    max_position_embeddings=32768, bos_token_id=None, eos_token_id=None, attention_bias=False,
    rope_parameters={"partial_rotary_factor": 0.25}, layer_types=None, linear_conv_kernel_dim=4,
    linear_key_head_dim=128, linear_value_head_dim=128, linear_num_key_heads=16, linear_num_value_heads=32,
)  # fmt: skip
QWEN3_5 = replace(
    LLAMA, model_type="qwen3_5_text", name="Qwen3_5Text", config=config, weights=weights, settle=settle,
    defaults=DEFAULTS,
    heads={task: replace(_HEADS[task], class_name=name) for task, name in (
        ("causal-lm", "Qwen3_5ForCausalLM"), ("sequence-classification", ""),
    )},
)  # fmt: skip
