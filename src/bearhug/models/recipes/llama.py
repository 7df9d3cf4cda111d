"""Llama (Touvron et al. 2023, arXiv:2302.13971) and its siblings: RMS norm first, rotary positions, a gated MLP."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bearhug.models.config import Config, Kind, PretrainedConfig
from bearhug.models.recipe import Head, Recipe, translated


def config(hf: PretrainedConfig, **changes: Any) -> Config:
    """A Llama config, translated; the siblings' too, with what they do otherwise as `changes`."""
    bias = getattr(hf, "attention_bias", False)
    count = hf.num_attention_heads
    usual = {
        "intermediate_size": hf.intermediate_size, "mlp": "gated",
        "num_key_value_heads": getattr(hf, "num_key_value_heads", 0) or count, "norm": "rms", "causal": True,
        "head_dim": getattr(hf, "head_dim", None) or hf.hidden_size // count, "positions": "rotary",
        "rope": hf.rope_parameters, "padding_index": hf.pad_token_id,
        "norm_eps": getattr(hf, "rms_norm_eps", 1e-5), "activation": getattr(hf, "hidden_act", None),
        "mlp_bias": getattr(hf, "mlp_bias", False), "qkv_bias": bias, "output_bias": bias,
        "attention_dropout": getattr(hf, "attention_dropout", 0.0),
    }  # fmt: skip
    return translated(hf, **(usual | changes))


def by(**changes: Any) -> Callable[[PretrainedConfig], Config]:
    """A sibling's translation, where the changes are the same for all of its checkpoints."""
    return lambda hf: config(hf, **changes)


def windows(hf: PretrainedConfig, turned: bool = True) -> dict[str, Any]:
    """Layers that look at everything (their queries and keys turned, or not) and layers that look at a window."""
    kinds = {"full_attention": Kind(turned=turned), "sliding_attention": Kind(window=hf.sliding_window)}
    return {"layer_types": tuple(hf.layer_types), "kinds": kinds}


def mistral(hf: PretrainedConfig) -> Config:
    """Mistral (arXiv:2310.06825): every layer looks at a window."""
    layers = ("sliding_attention",) * hf.num_hidden_layers
    return config(hf, layer_types=layers, kinds={"sliding_attention": Kind(window=hf.sliding_window)})


def smollm3(hf: PretrainedConfig) -> Config:
    """SmolLM3: some layers know no positions."""
    window = hf.sliding_window if hf.use_sliding_window else None
    kinds = {
        f"{name}{end}": Kind(window=seen, turned=not end)
        for name, seen in (("full_attention", None), ("sliding_attention", window))
        for end in ("", " without positions")
    }
    ends = ("" if turned else " without positions" for turned in hf.no_rope_layers)
    return config(hf, kinds=kinds, layer_types=tuple(map("".join, zip(hf.layer_types, ends, strict=True))))


def granite(hf: PretrainedConfig, **changes: Any) -> Config:
    """Granite (arXiv:2405.04324): four multipliers."""
    usual = {
        "input_scale": hf.embedding_multiplier, "attention_scale": hf.attention_multiplier,
        "residual_scale": hf.residual_multiplier, "logit_scale": 1 / hf.logits_scaling,
    }  # fmt: skip
    return config(hf, **(usual | changes))


def hyperclovax(hf: PretrainedConfig) -> Config:
    """HyperCLOVA X: the same, maybe with norms after the branches; its last multiplier multiplies."""
    return granite(hf, logit_scale=hf.logits_scaling, block="sandwich" if hf.use_post_norm else "pre_norm")


def seed_oss(hf: PretrainedConfig) -> Config:
    """Seed-OSS: dropout on both branches, a bias of its own on attention's output."""
    rate = hf.residual_dropout
    return config(hf, output_bias=hf.attention_out_bias, residual_dropout=rate, mlp_dropout=rate)


def ernie(hf: PretrainedConfig) -> Config:
    """ERNIE 4.5: pairs side by side."""
    return config(hf, rope_interleaved=True, qkv_bias=hf.use_bias, output_bias=hf.use_bias, mlp_bias=hf.use_bias)


def hunyuan(hf: PretrainedConfig) -> Config:
    """Hunyuan: norms on queries and keys once they are turned; `alpha` stretches the base of rotary positions."""
    rope, size = dict(hf.rope_parameters), hf.head_dim or hf.hidden_size // hf.num_attention_heads
    if rope["rope_type"] == "dynamic" and rope.get("alpha"):
        rope |= {"rope_type": "default", "rope_theta": rope["rope_theta"] * rope["alpha"] ** (size / (size - 2))}
    return config(hf, rope=rope, qk_norm=True, kinds={"full_attention": Kind(mixer="turned_first")})


def sized(hf: PretrainedConfig) -> None:
    """Fill in the size of a head."""
    if "head_dim" in hf.defaults and hf.head_dim is None:
        hf.head_dim = hf.hidden_size // hf.num_attention_heads


def grouped(hf: PretrainedConfig) -> None:
    """Fill in the number of key/value heads."""
    if hf.num_key_value_heads is None:
        hf.num_key_value_heads = hf.num_attention_heads


def settle(hf: PretrainedConfig) -> None:
    """Fill in what follows from the rest."""
    sized(hf)
    grouped(hf)
    if "max_window_layers" in hf.defaults:
        hf.sliding_window = hf.sliding_window if hf.use_sliding_window else None
        if hf.layer_types is None:
            last = hf.max_window_layers if hf.sliding_window is not None else hf.num_hidden_layers
            kinds = ("full_attention", "sliding_attention")
            hf.layer_types = [kinds[layer >= last] for layer in range(hf.num_hidden_layers)]


def layered(full: Callable[[PretrainedConfig, int], Any]) -> Callable[[PretrainedConfig], None]:
    """Fill in the layers' kinds: layer `i` looks at everything where full(config, i) is true."""

    def filled(hf: PretrainedConfig) -> None:
        grouped(hf)
        if hf.layer_types is None:
            kinds = ("sliding_attention", "full_attention")
            hf.layer_types = [kinds[bool(full(hf, layer))] for layer in range(hf.num_hidden_layers)]

    return filled


def every(layers: int) -> Callable[[PretrainedConfig], None]:
    """Fill in the layers' kinds: one in so many looks at everything."""
    return layered(lambda hf, layer: not (layer + 1) % (getattr(hf, "sliding_window_pattern", None) or layers))


def _settle_smollm3(hf: PretrainedConfig) -> None:
    if hf.no_rope_layers is None:
        hf.no_rope_layers = [int((n + 1) % hf.no_rope_layer_interval != 0) for n in range(hf.num_hidden_layers)]
    seen = hf.use_sliding_window and hf.sliding_window is not None
    layered(lambda hf, layer: not seen or hf.no_rope_layers[layer])(hf)


def _settle_hyperclovax(hf: PretrainedConfig) -> None:
    settle(hf)
    if hf.attention_multiplier is None:
        hf.attention_multiplier = hf.head_dim**-0.5


def _settle_cwm(hf: PretrainedConfig) -> None:
    hf.sliding_window = hf.sliding_window or None
    hf.eos_token_id = [128001, 128008, 128009] if hf.eos_token_id is None else hf.eos_token_id
    sized(hf)
    layered(lambda hf, layer: not layer % 4)(hf)


WEIGHTS = {  # theirs: ours
    "embed_tokens.weight": "embed_tokens.weight",
    "layers.{i}.input_layernorm.*": "layers.{i}.attention_norm.*",
    "layers.{i}.self_attn.*": "layers.{i}.attention.*",
    "layers.{i}.post_attention_layernorm.*": "layers.{i}.mlp_norm.*",
    "layers.{i}.mlp.*": "layers.{i}.mlp.*",
    "norm.*": "norm.*",
}
MATRICES = {f"layers.{{i}}.self_attn.{w}_proj.*": f"layers.{{i}}.attention.{w}_proj.*" for w in "qkvo"}
_HUNYUAN = MATRICES | {
    "layers.{i}.self_attn.query_layernorm.*": "layers.{i}.attention.late_q_norm.*",
    "layers.{i}.self_attn.key_layernorm.*": "layers.{i}.attention.late_k_norm.*",
}


def _dropout(hf: PretrainedConfig) -> float:
    return next(
        (rate for name in ("classifier_dropout", "hidden_dropout") if (rate := getattr(hf, name, None)) is not None),
        0.1,
    )


HEADS = {
    "causal-lm": Head(weights={"lm_head.weight": "head.out.weight"}, bias=False, tied=True),
    "sequence-classification": Head(weights={"score.weight": "head.out.weight"}, bias=False, pick="last"),
    "token-classification": Head(weights={"score.*": "head.out.*"}, dropout=_dropout),
    "question-answering": Head(weights={"qa_outputs.*": "head.out.*"}, prefix="transformer"),
}


def heads(*others: str) -> dict[str, Head]:
    """A language model's head, and of the others those whose names begin with these words."""
    return {task: head for task, head in HEADS.items() if task.startswith(("causal", *others))}


def but(defaults: Mapping[str, Any], *names: str, **values: Any) -> dict[str, Any]:
    """Defaults without some names, and with other values."""
    return {name: value for name, value in defaults.items() if name not in names} | values


DEFAULTS = {
    "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": None, "hidden_act": "silu", "max_position_embeddings": 2048,
    "initializer_range": 0.02, "rms_norm_eps": 1e-6, "use_cache": True, "pad_token_id": None, "bos_token_id": 1,
    "eos_token_id": 2, "pretraining_tp": 1, "tie_word_embeddings": False, "rope_parameters": None,
    "attention_bias": False, "attention_dropout": 0.0, "mlp_bias": False, "head_dim": None,
}  # fmt: skip
BIASED = but(DEFAULTS, "pretraining_tp", "head_dim")
PLAIN = but(BIASED, "attention_bias", "mlp_bias")  # what nearly every sibling has

LLAMA = Recipe(
    model_type="llama", name="Llama", prefix="model", config=config,
    weights=WEIGHTS, heads=HEADS, defaults=DEFAULTS, settle=settle,
)  # fmt: skip
_MISTRAL = but(
    PLAIN, head_dim=None, intermediate_size=14336, num_key_value_heads=8, max_position_embeddings=131072,
    sliding_window=4096,
)  # fmt: skip
_MISTRAL_HEADS = HEADS | {"question-answering": replace(HEADS["question-answering"], prefix=None)}
MISTRAL = replace(LLAMA, model_type="mistral", name="Mistral", config=mistral, heads=_MISTRAL_HEADS, defaults=_MISTRAL)
MINISTRAL = replace(
    LLAMA, model_type="ministral", name="Ministral", config=lambda hf: config(hf, **windows(hf)),
    defaults=but(_MISTRAL, layer_types=None), settle=layered(lambda hf, layer: hf.sliding_window is None),
)  # fmt: skip
_QWEN2 = but(
    PLAIN, vocab_size=151936, intermediate_size=22016, num_key_value_heads=32, max_position_embeddings=32768,
    bos_token_id=None, eos_token_id=None, use_sliding_window=False, sliding_window=4096, max_window_layers=28,
    layer_types=None,
)  # fmt: skip
QWEN2 = replace(  # arXiv:2407.10671: biases on q, k and v; some layers may look at a window
    LLAMA, model_type="qwen2", name="Qwen2", defaults=_QWEN2,
    config=lambda hf: config(hf, qkv_bias=True, output_bias=False, **windows(hf)),
)  # fmt: skip
QWEN3 = replace(  # arXiv:2505.09388: norms on queries and keys
    LLAMA, model_type="qwen3", name="Qwen3", defaults=but(_QWEN2, head_dim=128, attention_bias=False),
    config=lambda hf: config(hf, qk_norm=True, **windows(hf)),
)  # fmt: skip
SMOLLM3 = replace(
    LLAMA, model_type="smollm3", name="SmolLM3", config=smollm3, settle=_settle_smollm3,
    defaults=but(
        BIASED, vocab_size=128256, hidden_size=2048, num_hidden_layers=36, num_attention_heads=16,
        num_key_value_heads=4, max_position_embeddings=32768, pad_token_id=128004, bos_token_id=128000,
        eos_token_id=128001, rope_parameters={"rope_theta": 2e6}, use_sliding_window=False, sliding_window=None,
        no_rope_layers=None, no_rope_layer_interval=4, layer_types=None, tie_word_embeddings=True,
    ),
)  # fmt: skip
GRANITE = replace(
    LLAMA, model_type="granite", name="Granite", config=granite, heads=heads(),
    defaults=but(
        BIASED, embedding_multiplier=1.0, logits_scaling=1.0, residual_multiplier=1.0, attention_multiplier=1.0
    ),
)  # fmt: skip
HYPERCLOVAX = replace(
    GRANITE, model_type="hyperclovax", name="HyperCLOVAX", config=hyperclovax, settle=_settle_hyperclovax,
    weights=WEIGHTS
    | {
        "layers.{i}.post_norm1.*": "layers.{i}.attention_out_norm.*",
        "layers.{i}.post_norm2.*": "layers.{i}.mlp_out_norm.*",
    },
    defaults=but(GRANITE.defaults, attention_multiplier=None, head_dim=None, use_post_norm=True),
)  # fmt: skip
ARCEE = replace(
    LLAMA, model_type="arcee", name="Arcee", config=by(mlp="plain"),
    defaults=but(
        BIASED, head_dim=None, hidden_size=2560, intermediate_size=18432, hidden_act="relu2", rms_norm_eps=1e-5,
        max_position_embeddings=4096, bos_token_id=128000, eos_token_id=128001,
    ),
)  # fmt: skip
SEED_OSS = replace(
    LLAMA, model_type="seed_oss", name="SeedOss", config=seed_oss,
    defaults=but(
        DEFAULTS, vocab_size=155136, intermediate_size=27648, num_hidden_layers=64, num_attention_heads=80,
        num_key_value_heads=8, max_position_embeddings=524288, pad_token_id=1, bos_token_id=0, attention_bias=True,
        attention_out_bias=False, attention_dropout=0.1, residual_dropout=0.1, head_dim=128,
    ),
)  # fmt: skip
IQUEST_CODER = replace(
    LLAMA, model_type="iquestcoder", name="IQuestCoder",  # a config of its own, and Llama's class
    heads={"causal-lm": replace(HEADS["causal-lm"], class_name="LlamaForCausalLM")},
    defaults=but(
        DEFAULTS, "pretraining_tp", vocab_size=76800, hidden_size=5120, intermediate_size=27648, num_hidden_layers=80,
        num_attention_heads=40, num_key_value_heads=8, max_position_embeddings=131072, rms_norm_eps=1e-5, head_dim=128,
    ),
)  # fmt: skip
HELIUM = replace(
    LLAMA, model_type="helium", name="Helium", config=by(rope_interleaved=True, output_bias=False),
    heads=heads("sequence", "token"), settle=None,
    defaults=but(
        BIASED, vocab_size=48000, hidden_size=2560, intermediate_size=7040, num_hidden_layers=24,
        num_attention_heads=20, num_key_value_heads=20, head_dim=128, max_position_embeddings=4096, rms_norm_eps=1e-8,
        pad_token_id=3, rope_parameters={"rope_theta": 1e5},
    ),
)  # fmt: skip
ERNIE4_5 = replace(
    LLAMA, model_type="ernie4_5", name="Ernie4_5", config=ernie, heads=heads(),
    defaults=but(
        PLAIN, "attention_dropout", vocab_size=103424, hidden_size=1024, intermediate_size=3072, num_hidden_layers=18,
        num_attention_heads=16, num_key_value_heads=2, max_position_embeddings=131072, rms_norm_eps=1e-5,
        pad_token_id=0, tie_word_embeddings=True, rope_parameters={"rope_theta": 5e5}, use_bias=False, head_dim=128,
    ),
)  # fmt: skip
HUNYUAN = replace(
    LLAMA, model_type="hunyuan_v1_dense", name="HunYuanDenseV1", config=hunyuan, heads=heads("sequence"),
    weights=but(WEIGHTS, "layers.{i}.self_attn.*") | _HUNYUAN, settle=grouped,
    defaults=but(DEFAULTS, "mlp_bias", vocab_size=290943, rms_norm_eps=1e-5, pad_token_id=0, eod_token_id=3),
)  # fmt: skip
CWM = replace(
    LLAMA, model_type="cwm", name="Cwm", config=lambda hf: config(hf, **windows(hf)), heads=heads(),
    settle=_settle_cwm,
    defaults=but(
        DEFAULTS, "attention_bias", vocab_size=128256, hidden_size=6144, intermediate_size=21504, num_hidden_layers=64,
        num_attention_heads=48, num_key_value_heads=8, max_position_embeddings=131072, rms_norm_eps=1e-5,
        bos_token_id=128000, eos_token_id=None, head_dim=128, sliding_window=8192, layer_types=None,
        rope_parameters={
            "rope_type": "llama3", "rope_theta": 1e6, "factor": 16.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
            "original_max_position_embeddings": 8192,
        },
    ),
)  # fmt: skip
