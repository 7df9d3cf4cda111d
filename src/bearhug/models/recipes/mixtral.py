"""Llamas whose MLPs are mixtures of experts: Mixtral (arXiv:2401.04088), Qwen's, OLMoE (arXiv:2409.02060), Granite's,
Phi's, ERNIE's, GPT-OSS (arXiv:2508.10925), MiniMax M2."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bearhug.checkpoints.weight_map import Also, Ours, Row, Stacked
from bearhug.models.config import Config, Experts, Kind, PretrainedConfig
from bearhug.models.recipe import Head, Recipe
from bearhug.models.recipes.llama import HEADS, PLAIN, WEIGHTS, but, config, granite, grouped, heads, layered, windows


def mixed(hf: PretrainedConfig, experts: Experts, dense: Callable[[int], bool], **changes: Any) -> Config:
    """Layers with experts, and layers without where dense(layer) says so."""
    plain = config(hf, experts=experts, **changes)
    names = [plain.layer_type(layer) for layer in range(hf.num_hidden_layers)]
    ends = ["_of_one_mlp" if dense(layer) else "" for layer in range(hf.num_hidden_layers)]
    kinds = {name: replace(plain.kind(name), mlp="experts") for name in names}
    kinds |= {f"{name}_of_one_mlp": plain.kind(name) for name in names}
    layers = tuple(name + end for name, end in zip(names, ends, strict=True))
    return replace(plain, layer_types=layers, kinds={name: kinds[name] for name in layers})


def everywhere(hf: PretrainedConfig, experts: Experts, **changes: Any) -> Config:
    """Experts in every layer."""
    kinds = {"full_attention": Kind(window=getattr(hf, "sliding_window", None))}
    return config(hf, **({"experts": experts, "mlp": "experts", "kinds": kinds} | changes))


def local(hf: PretrainedConfig, **changes: Any) -> Experts:
    """Mixtral's experts, by its names."""
    values = {
        "count": hf.num_local_experts, "chosen": hf.num_experts_per_tok, "size": hf.intermediate_size,
        "normalized": True, "loss_weight": hf.router_aux_loss_coef, "jitter": getattr(hf, "router_jitter_noise", 0.0),
    }  # fmt: skip
    return Experts(**(values | changes))


def qwen(hf: PretrainedConfig, **changes: Any) -> Experts:
    """Qwen's experts, by its names."""
    size = hf.moe_intermediate_size if "moe_intermediate_size" in hf.defaults else hf.intermediate_size
    return Experts(
        count=hf.num_experts, chosen=hf.num_experts_per_tok, normalized=hf.norm_topk_prob, size=size,
        loss_weight=hf.router_aux_loss_coef, **changes,
    )  # fmt: skip


def steps(hf: PretrainedConfig) -> Callable[[int], bool]:
    """Which of Qwen's layers have one MLP."""
    return lambda layer: layer in hf.mlp_only_layers or not hf.num_experts or (layer + 1) % hf.decoder_sparse_step > 0


def qwen2_moe(hf: PretrainedConfig) -> Config:
    """Beside the experts one for every token, with a gate."""
    experts = qwen(hf, shared=hf.shared_expert_intermediate_size, shared_gate=True)
    return mixed(hf, experts, steps(hf), qkv_bias=hf.qkv_bias, output_bias=False, **windows(hf))


def qwen3_moe(hf: PretrainedConfig) -> Config:
    """Norms on queries and keys."""
    kinds = {"full_attention": Kind(window=hf.sliding_window)}
    return mixed(hf, qwen(hf), steps(hf), qk_norm=True, kinds=kinds)


def phimoe(hf: PretrainedConfig) -> Config:
    """Two experts, one after the other; LayerNorm."""
    experts = local(
        hf, choose="sparsemixer", normalized=False, tolerance=hf.router_jitter_noise, jitter=hf.input_jitter_noise,
        router_jitter=hf.input_jitter_noise,
    )  # fmt: skip
    return everywhere(hf, experts, norm="layer")


def granitemoe(hf: PretrainedConfig) -> Config:
    """Granite's four multipliers."""
    experts = local(hf, choose="softmax_chosen", normalized=False)
    return replace(granite(hf), mlp="experts", experts=experts)


def gpt_oss(hf: PretrainedConfig) -> Config:
    """Clipped experts with biases; attention may look at nothing; every other layer looks at a window."""
    experts = local(
        hf, mlp="gated_clipped", bias=True, limit=hf.swiglu_limit, slope=hf.swiglu_alpha, choose="softmax_chosen",
        router_bias=True, normalized=False,
    )  # fmt: skip
    return everywhere(hf, experts, sinks=True, **windows(hf))


def ernie_moe(hf: PretrainedConfig) -> Config:
    """ERNIE 4.5 with experts in some layers."""
    experts = Experts(
        count=hf.moe_num_experts, chosen=hf.moe_k, size=hf.moe_intermediate_size, float32=True, correction=True,
        counted=True, normalized=True, least=hf.moe_norm_min, loss_weight=hf.router_aux_loss_coef,
        shared=hf.moe_intermediate_size * hf.moe_num_shared_experts,
    )  # fmt: skip
    first, last = hf.moe_layer_start_index, hf.moe_layer_end_index
    bias = hf.use_bias
    return mixed(
        hf, experts, lambda layer: (layer + 1) % hf.moe_layer_interval > 0 or not first <= layer <= last,
        rope_interleaved=True, qkv_bias=bias, output_bias=bias, mlp_bias=bias, attention_dropout=0.0,
    )  # fmt: skip


def minimax_m2(hf: PretrainedConfig) -> Config:
    """Each expert's score for itself; norms over all heads."""
    return everywhere(hf, local(hf, choose="sigmoid", correction=True), qk_norm="all_heads")


def _settle_minimax(hf: PretrainedConfig) -> None:
    if hf.__dict__.get("rotary_dim") is not None:  # how released checkpoints say what part of a head is turned
        hf.rope_parameters.setdefault("partial_rotary_factor", hf.rotary_dim / hf.head_dim)


def _settle_qwen2(hf: PretrainedConfig) -> None:
    hf.mlp_only_layers = hf.mlp_only_layers or []
    hf.sliding_window = hf.sliding_window if hf.use_sliding_window else 0
    layered(lambda hf, layer: layer % 2 or layer >= hf.max_window_layers or not hf.use_sliding_window)(hf)


def _settle_qwen3(hf: PretrainedConfig) -> None:
    hf.mlp_only_layers = hf.mlp_only_layers or []
    hf.sliding_window = hf.sliding_window if hf.use_sliding_window else None


def _settle_ernie(hf: PretrainedConfig) -> None:
    hf.moe_layer_end_index = hf.num_hidden_layers - 1 if hf.moe_layer_end_index == -1 else hf.moe_layer_end_index


_LAYER = but(WEIGHTS, "layers.{i}.mlp.*")
_MLP, _EXPERT = "layers.{i}.mlp.", "layers.{i}.mlp.experts.{e}."
PACKED: dict[str, Ours] = {  # as the reference holds them
    f"{_MLP}experts.gate_up_proj": Stacked(f"{_EXPERT}{{gate,up}}_proj.weight", written=False),
    f"{_MLP}experts.down_proj": Stacked(f"{_EXPERT}down_proj.weight", written=False),
}
_W = {f"layers.{{i}}.block_sparse_moe.experts.{{e}}.{theirs}.*": f"{_EXPERT}{ours}_proj.*"
      for theirs, ours in (("w1", "gate"), ("w2", "down"), ("w3", "up"))}  # fmt: skip
_MIXTRAL: dict[str, Ours] = _LAYER | _W | PACKED | {
    "layers.{i}.block_sparse_moe.gate.weight": f"{_MLP}router.weight",
    f"{_MLP}gate.weight": Also(f"{_MLP}router.weight"),
    f"{_MLP}router.weight": Also(f"{_MLP}router.weight"),
}  # fmt: skip
SPARSE: dict[str, Ours] = _LAYER | PACKED | {  # Qwen's names
    **{f"{_MLP}{w}_proj.*": f"{_MLP}{w}_proj.*" for w in ("gate", "up", "down")},
    f"{_EXPERT}*": f"{_EXPERT}*",
    f"{_MLP}gate.weight": f"{_MLP}router.weight",
    f"{_MLP}shared_experts.*": f"{_MLP}shared.*",
}  # fmt: skip
_QWEN2: dict[str, Ours] = but(SPARSE, f"{_MLP}shared_experts.*") | {
    f"{_MLP}shared_expert.*": f"{_MLP}shared.*",
    f"{_MLP}shared_expert_gate.*": f"{_MLP}shared_gate.*",
}
_STATICS = "moe_statics.e_score_correction_bias"
_ERNIE: dict[str, Ours] = SPARSE | {f"{_MLP}{_STATICS}": Row(f"{_MLP}router.correction"), "mtp_*": None}
_MINIMAX: dict[str, Ours] = _MIXTRAL | {
    "layers.{i}.block_sparse_moe.e_score_correction_bias": f"{_MLP}router.correction",
    f"{_MLP}e_score_correction_bias": Also(f"{_MLP}router.correction"),
}
_GRANITE: dict[str, Ours] = _LAYER | {
    "layers.{i}.block_sparse_moe.input_linear.weight": Stacked(f"{_EXPERT}{{gate,up}}_proj.weight"),
    "layers.{i}.block_sparse_moe.output_linear.weight": Stacked(f"{_EXPERT}down_proj.weight"),
    "layers.{i}.block_sparse_moe.router.layer.weight": f"{_MLP}router.weight",
    "layers.{i}.block_sparse_moe.experts.gate_up_proj": Stacked(f"{_EXPERT}{{gate,up}}_proj.weight", written=False),
    "layers.{i}.block_sparse_moe.experts.down_proj": Stacked(f"{_EXPERT}down_proj.weight", written=False),
    "layers.{i}.block_sparse_moe.router.weight": Also(f"{_MLP}router.weight"),
}
_GPT_OSS: dict[str, Ours] = _LAYER | {
    f"{_MLP}router.*": f"{_MLP}router.*",
    f"{_MLP}experts.gate_up_proj": Stacked(f"{_EXPERT}gate_up_proj.weight", transposed=True),
    f"{_MLP}experts.gate_up_proj_bias": Stacked(f"{_EXPERT}gate_up_proj.bias"),
    f"{_MLP}experts.down_proj": Stacked(f"{_EXPERT}down_proj.weight", transposed=True),
    f"{_MLP}experts.down_proj_bias": Stacked(f"{_EXPERT}down_proj.bias"),
}
ROUTED = {"output_router_logits": False, "router_aux_loss_coef": 0.001}
PLAIN_HEADS = HEADS | {"question-answering": replace(HEADS["question-answering"], prefix=None)}
LOCAL_NAMES = {"num_experts": "num_local_experts"}

MIXTRAL = Recipe(
    model_type="mixtral", name="Mixtral", prefix="model", weights=_MIXTRAL, heads=PLAIN_HEADS, settle=grouped,
    config=lambda hf: everywhere(hf, local(hf)), names=LOCAL_NAMES,
    defaults=but(
        PLAIN, head_dim=None, intermediate_size=14336, num_key_value_heads=8, max_position_embeddings=131072,
        rms_norm_eps=1e-5, sliding_window=None, num_experts_per_tok=2, num_local_experts=8, router_jitter_noise=0.0,
        rope_parameters={"rope_theta": 1e6}, **ROUTED,
    ),
)  # fmt: skip
_QWEN = but(
    PLAIN, vocab_size=151936, hidden_size=2048, intermediate_size=5632, num_hidden_layers=24, num_attention_heads=16,
    num_key_value_heads=16, max_position_embeddings=32768, bos_token_id=None, eos_token_id=None,
    use_sliding_window=False, sliding_window=4096, decoder_sparse_step=1, moe_intermediate_size=1408,
    num_experts_per_tok=4, num_experts=60, norm_topk_prob=False, mlp_only_layers=None, **ROUTED,
)  # fmt: skip
QWEN2_MOE = replace(
    MIXTRAL, model_type="qwen2_moe", name="Qwen2Moe", weights=_QWEN2, config=qwen2_moe, settle=_settle_qwen2, names={},
    defaults=but(
        _QWEN, max_window_layers=28, shared_expert_intermediate_size=5632, qkv_bias=True, layer_types=None
    ),
)  # fmt: skip
QWEN3_MOE = replace(
    MIXTRAL, model_type="qwen3_moe", name="Qwen3Moe", weights=SPARSE, heads=HEADS, config=qwen3_moe,
    settle=_settle_qwen3,
    defaults=but(
        _QWEN, "num_experts", intermediate_size=6144, num_attention_heads=32, num_key_value_heads=4,
        attention_bias=False, moe_intermediate_size=768, num_experts_per_tok=8, num_local_experts=128,
    ),
)  # fmt: skip
OLMOE = replace(
    MIXTRAL, model_type="olmoe", name="Olmoe", weights=SPARSE, heads=heads(),
    names={"num_local_experts": "num_experts"},
    config=lambda hf: everywhere(hf, qwen(hf), qk_norm="all_heads", clip_qkv=hf.clip_qkv),
    defaults=but(
        PLAIN, vocab_size=50304, hidden_size=2048, intermediate_size=2048, num_hidden_layers=16, num_attention_heads=16,
        max_position_embeddings=4096, rms_norm_eps=1e-5, pad_token_id=1, bos_token_id=None, eos_token_id=50279,
        attention_bias=False, clip_qkv=None, num_experts_per_tok=8, num_experts=64, norm_topk_prob=False,
        output_router_logits=False, router_aux_loss_coef=0.01,
    ),
)  # fmt: skip
PHIMOE = replace(
    MIXTRAL, model_type="phimoe", name="Phimoe", config=phimoe, names={},
    heads=heads("sequence")
    | {"causal-lm": Head(weights={"lm_head.*": "head.out.*"}, bias="lm_head_bias", tied=True)},
    defaults=but(
        MIXTRAL.defaults, "head_dim", vocab_size=32064, intermediate_size=6400, num_local_experts=16,  # type: ignore[arg-type]
        router_jitter_noise=0.01, input_jitter_noise=0.0, attention_bias=False, lm_head_bias=False,
    ),
)  # fmt: skip
GRANITEMOE = replace(
    MIXTRAL, model_type="granitemoe", name="GraniteMoe", weights=_GRANITE, config=granitemoe, heads=heads(), names={},
    defaults=but(
        PLAIN, attention_bias=False, embedding_multiplier=1.0, logits_scaling=1.0, residual_multiplier=1.0,
        attention_multiplier=1.0, num_local_experts=8, num_experts_per_tok=2, **ROUTED,
    ),
)  # fmt: skip
ERNIE4_5_MOE = replace(
    MIXTRAL, model_type="ernie4_5_moe", name="Ernie4_5_Moe", weights=_ERNIE, config=ernie_moe,
    heads={"causal-lm": Head(weights={"lm_head.*": "head.out.*"}, bias="use_bias", tied=True)},
    names={"num_experts": "moe_num_experts", "num_experts_per_tok": "moe_k"}, settle=_settle_ernie,
    defaults=but(
        PLAIN, "attention_dropout", vocab_size=103424, hidden_size=2560, intermediate_size=12288, num_hidden_layers=28,
        num_attention_heads=20, num_key_value_heads=4, max_position_embeddings=131072, rms_norm_eps=1e-5,
        pad_token_id=0, tie_word_embeddings=True, rope_parameters={"rope_theta": 5e5}, use_bias=False,
        moe_intermediate_size=1536, moe_k=6, moe_num_experts=64, moe_num_shared_experts=2, moe_layer_start_index=1,
        moe_layer_end_index=-1, moe_layer_interval=1, moe_norm_min=1e-12, **ROUTED,
    ),
)  # fmt: skip
_YARN = {"rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": False,
         "original_max_position_embeddings": 4096, "rope_theta": 150000.0}  # fmt: skip
GPT_OSS = replace(
    MIXTRAL, model_type="gpt_oss", name="GptOss", weights=_GPT_OSS, config=gpt_oss, heads=heads("sequence", "token"),
    settle=layered(lambda hf, layer: layer % 2),
    defaults=but(
        MIXTRAL.defaults, "router_jitter_noise", num_hidden_layers=36, num_local_experts=128, vocab_size=201088,  # type: ignore[arg-type]
        hidden_size=2880, intermediate_size=2880, head_dim=64, num_attention_heads=64, sliding_window=128,
        rope_parameters=_YARN, num_experts_per_tok=4, swiglu_alpha=1.702, swiglu_limit=7.0, layer_types=None,
        bos_token_id=None, eos_token_id=None, attention_bias=True,
    ),
)  # fmt: skip
MINIMAX_M2 = replace(
    MIXTRAL, model_type="minimax_m2", name="MiniMaxM2", weights=_MINIMAX, config=minimax_m2,
    heads=heads(), settle=_settle_minimax,
    defaults=but(
        MIXTRAL.defaults, "sliding_window", vocab_size=200064, hidden_size=3072, intermediate_size=1536,  # type: ignore[arg-type]
        num_hidden_layers=62, num_attention_heads=48, head_dim=128, max_position_embeddings=196608, rms_norm_eps=1e-6,
        bos_token_id=200034, eos_token_id=200020, num_experts_per_tok=8, num_local_experts=256,
        rope_parameters={"rope_theta": 5e6},
    ),
)  # fmt: skip
