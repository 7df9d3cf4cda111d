"""Qwen3.5 and Qwen3-Next: gated delta networks (arXiv:2412.06464), and gated attention in every fourth layer."""

from dataclasses import replace
from typing import Any

from bearhug.checkpoints.weight_map import Fused, Ours
from bearhug.models.config import Config, Kind, PretrainedConfig, Recurrence
from bearhug.models.recipes.llama import HEADS, LLAMA, PLAIN, WEIGHTS, but
from bearhug.models.recipes.llama import config as llama
from bearhug.models.recipes.mixtral import _QWEN2, mixed, qwen, steps


def layers(hf: PretrainedConfig) -> dict[str, Any]:
    """Layers that mostly read in order."""
    return {
        "norm": "rms_plus_one", "qk_norm": True, "layer_types": tuple(hf.layer_types),
        "kinds": {"full_attention": Kind(mixer="gated"), "linear_attention": Kind(mixer="gated_delta", turned=False)},
        "recurrence": Recurrence(
            heads=hf.linear_num_value_heads, head_dim=hf.linear_value_head_dim, groups=hf.linear_num_key_heads,
            state=hf.linear_key_head_dim, kernel=hf.linear_conv_kernel_dim, conv_bias=False,
        ),
    }  # fmt: skip


def qwen3_5(hf: PretrainedConfig) -> Config:
    """A Llama with such layers."""
    return llama(hf, **layers(hf))


def qwen3_next(hf: PretrainedConfig) -> Config:
    """The same with experts, and one for every token, with a gate."""
    experts = qwen(hf, shared=hf.shared_expert_intermediate_size, shared_gate=True)
    return mixed(hf, experts, steps(hf), **layers(hf))


def settle(hf: PretrainedConfig) -> None:
    """Fill in the layers' kinds."""
    every = hf.__dict__.pop("full_attention_interval", None) or 4
    if "mlp_only_layers" in hf.defaults:
        hf.mlp_only_layers = hf.mlp_only_layers or []
    if hf.layer_types is None:
        kinds = ("full_attention", "linear_attention")
        hf.layer_types = [kinds[bool((layer + 1) % every)] for layer in range(hf.num_hidden_layers)]


_SEEN, _READ, _OURS = "layers.{i}.self_attn.", "layers.{i}.linear_attn.", "layers.{i}.attention."
_QWEN2_MLPS = {name: ours for name, ours in _QWEN2.items() if name.startswith("layers.{i}.mlp.")}
_COMMON: dict[str, Ours] = but(WEIGHTS, "layers.{i}.self_attn.*") | {
    **{f"{_SEEN}{name}.*": f"{_OURS}{name}.*" for name in ("k_proj", "v_proj", "q_norm", "k_norm")},
    f"{_SEEN}o_proj.*": f"{_OURS}last_proj.*",
    f"{_READ}conv1d.*": f"{_OURS}conv.*",
    **{f"{_READ}{name}": f"{_OURS}{name}" for name in ("dt_bias", "A_log", "norm.*", "out_proj.*")},
}


def _seen(hf: PretrainedConfig) -> dict[str, Ours]:
    """A head's query and its gate side by side."""
    return _COMMON | {f"{_SEEN}q_proj.*": Fused(f"{_OURS}{{q,gate}}_proj.*", blocks=hf.num_attention_heads)}


def weights(hf: PretrainedConfig) -> dict[str, Ours]:
    """The delta rule's inputs apart."""
    apart = {f"{_READ}in_proj_{name}.*": f"{_OURS}{name}_proj.*" for name in "zba"}
    return _seen(hf) | {f"{_READ}in_proj_qkv.*": Fused(f"{_OURS}{{query,key,value}}_proj.*"), **apart}


def weights_next(hf: PretrainedConfig) -> dict[str, Ours]:
    """A key head's part of every input side by side."""
    groups = hf.linear_num_key_heads
    return (
        but(_seen(hf), "layers.{i}.mlp.*")
        | _QWEN2_MLPS
        | {
            f"{_READ}in_proj_qkvz.*": Fused(f"{_OURS}{{query,key,value,z}}_proj.*", blocks=groups),
            f"{_READ}in_proj_ba.*": Fused(f"{_OURS}{{b,a}}_proj.*", blocks=groups),
        }
    )


_HEADS = {task: replace(head, weights={**head.weights, "mtp.*": None}) for task, head in HEADS.items()}
DEFAULTS = but(
    PLAIN, vocab_size=248320, intermediate_size=12288, num_attention_heads=16, num_key_value_heads=4, head_dim=256,
    max_position_embeddings=32768, bos_token_id=None, eos_token_id=None, attention_bias=False,
    rope_parameters={"partial_rotary_factor": 0.25}, layer_types=None, linear_conv_kernel_dim=4,
    linear_key_head_dim=128, linear_value_head_dim=128, linear_num_key_heads=16, linear_num_value_heads=32,
)  # fmt: skip
QWEN3_5 = replace(
    LLAMA, model_type="qwen3_5_text", name="Qwen3_5Text", config=qwen3_5, weights=weights, settle=settle,
    defaults=DEFAULTS,
    heads={task: replace(_HEADS[task], class_name=name) for task, name in (
        ("causal-lm", "Qwen3_5ForCausalLM"), ("sequence-classification", ""),
    )},
)  # fmt: skip
QWEN3_NEXT = replace(
    QWEN3_5, model_type="qwen3_next", name="Qwen3Next", config=qwen3_next, weights=weights_next, heads=_HEADS,
    defaults=but(
        DEFAULTS, vocab_size=151936, hidden_size=2048, intermediate_size=5632, num_hidden_layers=48,
        num_key_value_heads=2, decoder_sparse_step=1, moe_intermediate_size=512, shared_expert_intermediate_size=512,
        num_experts_per_tok=10, num_experts=512, norm_topk_prob=True, output_router_logits=False,
        router_aux_loss_coef=0.001, mlp_only_layers=None,
    ),
)  # fmt: skip
