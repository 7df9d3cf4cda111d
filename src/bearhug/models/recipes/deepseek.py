"""DeepSeek-V2 (arXiv:2405.04434) and V3 (arXiv:2412.19437): latent attention, many small experts; dots.llm1 and
GLM 4.5, which have V3's experts and plain attention."""

import math
from dataclasses import replace
from typing import Any

from bearhug.checkpoints.weight_map import Ours
from bearhug.models.config import Config, Experts, Kind, Latents, PretrainedConfig
from bearhug.models.recipes.llama import DEFAULTS, LLAMA, PLAIN, but, grouped, heads, layered, windows
from bearhug.models.recipes.mixtral import SPARSE, mixed


def experts(hf: PretrainedConfig, **changes: Any) -> Experts:
    """V3's experts: each one's score for itself, the best groups first, a correction that counts for choosing alone."""
    values = {
        "count": hf.n_routed_experts, "chosen": hf.num_experts_per_tok, "size": hf.moe_intermediate_size,
        "choose": "sigmoid", "correction": True, "float32": True, "normalized": hf.norm_topk_prob, "least": 1e-20,
        "scale": hf.routed_scaling_factor, "groups": hf.n_group, "chosen_groups": hf.topk_group, "best": 2,
        "shared": hf.moe_intermediate_size * (hf.n_shared_experts or 0),
    }  # fmt: skip
    return Experts(**(values | changes))


def some(hf: PretrainedConfig, experts: Experts, **changes: Any) -> Config:
    """The first layers have one MLP."""
    return mixed(hf, experts, lambda layer: layer < hf.first_k_dense_replace, **changes)


def latent(hf: PretrainedConfig, experts: Experts, interleaved: bool) -> Config:
    """Latent attention, whose scores grow with the texts that yarn stretches positions to."""
    rope, scale = hf.rope_parameters, (hf.qk_nope_head_dim + hf.qk_rope_head_dim) ** -0.5
    if rope["rope_type"] != "default" and rope.get("mscale_all_dim") and rope["factor"] > 1:
        scale *= (0.1 * rope["mscale_all_dim"] * math.log(rope["factor"]) + 1) ** 2
    sizes = Latents(
        query_rank=hf.q_lora_rank, key_rank=hf.kv_lora_rank, plain=hf.qk_nope_head_dim, value=hf.v_head_dim,
        bias=hf.attention_bias,
    )  # fmt: skip
    return some(
        hf, experts, latents=sizes, kinds={"full_attention": Kind(mixer="latent")}, attention_scale=scale,
        rope_interleaved=interleaved,
    )  # fmt: skip


def deepseek_v2(hf: PretrainedConfig) -> Config:
    """Shares of all experts; maybe of the best groups alone."""
    grouped = {} if hf.topk_method == "greedy" else {"groups": hf.n_group, "chosen_groups": hf.topk_group, "best": 1}
    plain = {"choose": "softmax", "correction": False, "normalized": False, "groups": 1, "best": 0, "chosen_groups": 1}
    return latent(hf, experts(hf, **(plain | grouped)), True)


def glm4_moe(hf: PretrainedConfig) -> Config:
    """Half of a head turned; maybe norms on queries and keys."""
    return some(hf, experts(hf), qk_norm=hf.use_qk_norm, output_bias=False)


def weights(hf: PretrainedConfig) -> dict[str, Ours]:
    """The names; what checkpoints hold for predicting more than one token stands after the last layer."""
    attention = {
        "q_a_proj.*": "q_down_proj.*", "q_a_layernorm.*": "q_down_norm.*", "q_b_proj.*": "q_proj.*",
        "kv_a_proj_with_mqa.*": "kv_down_proj.*", "kv_a_layernorm.*": "kv_down_norm.*", "kv_b_proj.weight": "kv_up",
        "o_proj.*": "o_proj.*",
    }  # fmt: skip
    if hf.q_lora_rank is None:
        attention["q_proj.*"] = attention.pop("q_b_proj.*")
    own = {f"layers.{{i}}.self_attn.{theirs}": f"layers.{{i}}.attention.{ours}" for theirs, ours in attention.items()}
    return but(plain_weights(hf), "layers.{i}.self_attn.*") | own


def plain_weights(hf: PretrainedConfig) -> dict[str, Ours]:
    """The same, of plain attention."""
    correction = {"layers.{i}.mlp.gate.e_score_correction_bias": "layers.{i}.mlp.router.correction"}
    return SPARSE | correction | {f"layers.{hf.num_hidden_layers}.*": None}


def _settle(hf: PretrainedConfig) -> None:
    grouped(hf)
    hf.qk_head_dim, hf.head_dim = hf.qk_nope_head_dim + hf.qk_rope_head_dim, hf.qk_rope_head_dim


_LOCAL = {"num_local_experts": "n_routed_experts"}
_AHEAD = _LOCAL | {"num_mtp_layers": "num_nextn_predict_layers"}
_ROUTED = {"output_router_logits": False, "norm_topk_prob": False, "routed_scaling_factor": 1.0}
_LATENT = {"kv_lora_rank": 512, "q_lora_rank": 1536, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
           "v_head_dim": 128, "qk_head_dim": None}  # fmt: skip
DEEPSEEK_V2 = replace(
    LLAMA, model_type="deepseek_v2", name="DeepseekV2", config=deepseek_v2, weights=weights, heads=heads("sequence"),
    names={"num_experts": "n_routed_experts"}, settle=_settle,
    defaults=but(
        DEFAULTS, vocab_size=102400, first_k_dense_replace=0, n_group=None, n_routed_experts=64, n_shared_experts=2,
        topk_group=None, topk_method="greedy", num_experts_per_tok=None, moe_intermediate_size=1407, **_LATENT,
        **_ROUTED,
    ),
)  # fmt: skip
DEEPSEEK_V3 = replace(
    DEEPSEEK_V2, model_type="deepseek_v3", name="DeepseekV3", heads=heads("sequence", "token"), names=_AHEAD,
    config=lambda hf: latent(hf, experts(hf), hf.rope_interleave),
    defaults=but(
        DEFAULTS, "mlp_bias", vocab_size=129280, hidden_size=7168, intermediate_size=18432,
        moe_intermediate_size=2048, num_hidden_layers=61, num_attention_heads=128, num_key_value_heads=128,
        n_shared_experts=1, n_routed_experts=256, output_router_logits=False, routed_scaling_factor=2.5, n_group=8,
        topk_group=4, num_experts_per_tok=8, first_k_dense_replace=3, norm_topk_prob=True, rope_interleave=True,
        max_position_embeddings=4096, bos_token_id=0, eos_token_id=1, num_nextn_predict_layers=1, **_LATENT,
    ),
)  # fmt: skip
_SMALL = but(
    PLAIN, vocab_size=152064, hidden_size=4608, intermediate_size=10944, moe_intermediate_size=1408,
    num_hidden_layers=62, num_key_value_heads=32, bos_token_id=None, eos_token_id=None, attention_bias=False,
    n_group=1, topk_group=1, **_ROUTED,
)  # fmt: skip
DOTS1 = replace(
    DEEPSEEK_V2, model_type="dots1", name="Dots1", weights=plain_weights, heads=heads(), names=_LOCAL,
    config=lambda hf: some(hf, experts(hf), qk_norm=True, **windows(hf)),
    settle=layered(lambda hf, layer: hf.sliding_window is None or layer < hf.max_window_layers),
    defaults=but(
        _SMALL, n_shared_experts=None, n_routed_experts=None, num_experts_per_tok=None, first_k_dense_replace=0,
        sliding_window=4096, max_window_layers=62, layer_types=None,
    ),
)  # fmt: skip
GLM4_MOE = replace(
    DOTS1, model_type="glm4_moe", name="Glm4Moe", config=glm4_moe, names=_AHEAD, settle=None,
    defaults=but(
        _SMALL, vocab_size=151552, hidden_size=4096, num_hidden_layers=46, num_attention_heads=96,
        num_key_value_heads=8, max_position_embeddings=131072, rms_norm_eps=1e-5, num_experts_per_tok=8,
        n_shared_experts=1, n_routed_experts=128, first_k_dense_replace=1, norm_topk_prob=True, use_qk_norm=False,
        num_nextn_predict_layers=1, rope_parameters={"partial_rotary_factor": 0.5},
    ),
)  # fmt: skip
