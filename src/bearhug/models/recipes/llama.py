"""Llama (Touvron et al. 2023, arXiv:2302.13971) and its siblings: RMS norm first, rotary positions, a gated MLP."""

from dataclasses import replace

from bearhug.models.config import Config, Kind, PretrainedConfig
from bearhug.models.recipe import Head, Recipe


def config(hf: PretrainedConfig) -> Config:
    """A Llama config, translated; the siblings' too."""
    bias = getattr(hf, "attention_bias", False)
    return Config(
        vocab_size=hf.vocab_size, hidden_size=hf.hidden_size, intermediate_size=hf.intermediate_size,
        num_hidden_layers=hf.num_hidden_layers, num_attention_heads=hf.num_attention_heads,
        num_key_value_heads=hf.num_key_value_heads or hf.num_attention_heads,
        head_dim=getattr(hf, "head_dim", None) or hf.hidden_size // hf.num_attention_heads,
        positions="rotary", max_position_embeddings=hf.max_position_embeddings, rope=hf.rope_parameters,
        padding_index=hf.pad_token_id, causal=True, norm="rms", norm_eps=hf.rms_norm_eps,
        mlp="gated", activation=hf.hidden_act, mlp_bias=getattr(hf, "mlp_bias", False), qkv_bias=bias, output_bias=bias,
        attention_dropout=hf.attention_dropout, initializer_range=hf.initializer_range,
        tie_word_embeddings=hf.tie_word_embeddings,
    )  # fmt: skip


def windows(window: int | None) -> dict[str, Kind]:
    """The kinds of layers that look at everything, and at a window."""
    return {"full_attention": Kind(), "sliding_attention": Kind(window=window)}


def mistral(hf: PretrainedConfig) -> Config:
    """Mistral (arXiv:2310.06825): every layer looks at a window."""
    layers = ("sliding_attention",) * hf.num_hidden_layers
    return replace(config(hf), layer_types=layers, kinds=windows(hf.sliding_window))


def qwen2(hf: PretrainedConfig) -> Config:
    """Qwen2 (arXiv:2407.10671): biases on q, k and v; some layers may look at a window."""
    kinds = {"layer_types": tuple(hf.layer_types), "kinds": windows(hf.sliding_window)}
    return replace(config(hf), qkv_bias=True, output_bias=False, **kinds)


def qwen3(hf: PretrainedConfig) -> Config:
    """Qwen3 (arXiv:2505.09388): norms on queries and keys."""
    kinds = {"layer_types": tuple(hf.layer_types), "kinds": windows(hf.sliding_window)}
    return replace(config(hf), qk_norm=True, **kinds)


def settle(hf: PretrainedConfig) -> None:
    """Fill in what follows from the rest."""
    if "head_dim" in hf.defaults and hf.head_dim is None:
        hf.head_dim = hf.hidden_size // hf.num_attention_heads
    if hf.num_key_value_heads is None:
        hf.num_key_value_heads = hf.num_attention_heads
    if "use_sliding_window" in hf.defaults:
        hf.sliding_window = hf.sliding_window if hf.use_sliding_window else None
        if hf.layer_types is None:
            last = hf.max_window_layers if hf.sliding_window is not None else hf.num_hidden_layers
            kinds = ("full_attention", "sliding_attention")
            hf.layer_types = [kinds[layer >= last] for layer in range(hf.num_hidden_layers)]


WEIGHTS = {  # theirs: ours
    "embed_tokens.weight": "embed_tokens.weight",
    "layers.{i}.input_layernorm.*": "layers.{i}.attention_norm.*",
    "layers.{i}.self_attn.*": "layers.{i}.attention.*",
    "layers.{i}.post_attention_layernorm.*": "layers.{i}.mlp_norm.*",
    "layers.{i}.mlp.*": "layers.{i}.mlp.*",
    "norm.weight": "norm.weight",
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
DEFAULTS = {
    "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": None, "hidden_act": "silu", "max_position_embeddings": 2048,
    "initializer_range": 0.02, "rms_norm_eps": 1e-6, "use_cache": True, "pad_token_id": None, "bos_token_id": 1,
    "eos_token_id": 2, "pretraining_tp": 1, "tie_word_embeddings": False, "rope_parameters": None,
    "attention_bias": False, "attention_dropout": 0.0, "mlp_bias": False, "head_dim": None,
}  # fmt: skip
_NOT_MISTRAL = ("pretraining_tp", "attention_bias", "mlp_bias")
_MISTRAL = {name: value for name, value in DEFAULTS.items() if name not in _NOT_MISTRAL} | {
    "intermediate_size": 14336, "num_key_value_heads": 8, "max_position_embeddings": 131072, "sliding_window": 4096,
}  # fmt: skip
_QWEN2 = {name: value for name, value in DEFAULTS.items() if name not in (*_NOT_MISTRAL, "head_dim")} | {
    "vocab_size": 151936, "intermediate_size": 22016, "num_key_value_heads": 32, "max_position_embeddings": 32768,
    "bos_token_id": None, "eos_token_id": None, "use_sliding_window": False, "sliding_window": 4096,
    "max_window_layers": 28, "layer_types": None,
}  # fmt: skip

LLAMA = Recipe(
    model_type="llama", name="Llama", prefix="model", config=config,
    weights=WEIGHTS, heads=HEADS, defaults=DEFAULTS, settle=settle,
)  # fmt: skip
_MISTRAL_HEADS = HEADS | {"question-answering": replace(HEADS["question-answering"], prefix=None)}
MISTRAL = replace(LLAMA, model_type="mistral", name="Mistral", config=mistral, heads=_MISTRAL_HEADS, defaults=_MISTRAL)
QWEN2 = replace(LLAMA, model_type="qwen2", name="Qwen2", config=qwen2, defaults=_QWEN2)
_QWEN3 = _QWEN2 | {"head_dim": 128, "attention_bias": False}
QWEN3 = replace(LLAMA, model_type="qwen3", name="Qwen3", config=qwen3, defaults=_QWEN3)
