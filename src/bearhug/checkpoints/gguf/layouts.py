"""GGUF's names of architectures, config keys and weights, as data: one table for all, and what each does otherwise.

Linear layers are stored there as torch has them, whatever the Hugging Face checkpoint does, so GGUF's names lead
straight to ours. What llama.cpp's converter changes besides: in some architectures the rows of queries and keys are
interleaved (`turned`), and norms that count from one are stored whole (`plus_one`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bearhug.checkpoints.weight_map import Fused, Ours

_BLOCK = {  # theirs: ours, in a layer
    "attn_norm.*": "attention_norm.*",
    "ffn_norm.*": "mlp_norm.*",
    "post_attention_norm.*": "attention_out_norm.*",
    "post_ffw_norm.*": "mlp_out_norm.*",
    "attn_q.*": "attention.q_proj.*",
    "attn_k.*": "attention.k_proj.*",
    "attn_v.*": "attention.v_proj.*",
    "attn_output.*": "attention.o_proj.*",
    "attn_q_norm.*": "attention.q_norm.*",
    "attn_k_norm.*": "attention.k_norm.*",
    "ffn_gate.*": "mlp.gate_proj.*",
    "ffn_up.*": "mlp.up_proj.*",
    "ffn_down.*": "mlp.down_proj.*",
}
QKV = {"attn_qkv.*": Fused("attention.{q,k,v}_proj.*"), "attn_q.*": None, "attn_k.*": None, "attn_v.*": None}
GATE_UP = {"ffn_up.*": Fused("mlp.{gate,up}_proj.*"), "ffn_gate.*": None}
AFTER = {"post_attention_norm.*": "attention_norm.*", "post_ffw_norm.*": "mlp_norm.*"} | dict.fromkeys(
    ("attn_norm.*", "ffn_norm.*")
)
_WHOLE = {
    "token_embd.weight": "embed_tokens.weight",
    "token_embd_norm.*": "embed_norm.*",
    "token_types.weight": "embed_types.weight",
    "position_embd.weight": "positions.weight",
    "output_norm.*": "norm.*",
}
CONSTANTS = ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight")


@dataclass(frozen=True)
class Layout:
    """How an architecture's files differ from the others'.

    Args:
        model_type: its name in a config.json.
        block: names in a layer, added to the usual ones; None: the file has no such tensor.
        turned: rows of queries and keys are interleaved, pair beside pair.
        plus_one: the norms' weights are stored with the one that they count from.
        names: config keys that mean something of this architecture's own.
        values: what of a config follows from the architecture alone.
        pair: an encoder and a decoder.
    """

    model_type: str
    block: dict[str, Ours] = field(default_factory=dict)
    turned: bool = False
    plus_one: bool = False
    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    pair: bool = False

    def table(self) -> dict[str, Ours]:
        """All names, theirs: ours within the transformer."""
        block = {name: ours for name, ours in (_BLOCK | self.block).items() if ours is not None}
        if self.pair:
            return _pair(block)
        return _WHOLE | {f"blk.{{i}}.{name}": _prefixed("layers.{i}.", ours) for name, ours in block.items()}


def _prefixed(prefix: str, ours: Ours) -> Ours:
    return prefix + ours if isinstance(ours, str) else Fused(prefix + ours.name)  # type: ignore[union-attr]


def _pair(block: Mapping[str, Ours]) -> dict[str, Ours]:
    """T5's names: both halves have layers, and the decoder's look at the encoder's."""
    names: dict[str, Ours] = {"token_embd.weight": "embed_tokens.weight"}
    for theirs, ours in (("enc", "encoder."), ("dec", "")):
        names |= {f"{theirs}.blk.{{i}}.{name}": _prefixed(f"{ours}layers.{{i}}.", o) for name, o in block.items()}
        names[f"{theirs}.blk.0.attn_rel_b.weight"] = f"{ours}positions.weight"
        names[f"{theirs}.output_norm.*"] = f"{ours}norm.*"
    cross = {f"cross_attn_{a}.*": f"cross.{b}_proj.*" for a, b in (("q", "q"), ("k", "k"), ("v", "v"), ("o", "o"))}
    cross |= {"cross_attn_norm.*": "cross_norm.*"}
    return names | {f"dec.blk.{{i}}.{name}": f"layers.{{i}}.{ours}" for name, ours in cross.items()}


_MULTIPLIERS = {
    "embedding_scale": "embedding_multiplier", "residual_scale": "residual_multiplier",
    "attention.scale": "attention_multiplier", "logit_scale": "logits_scaling",
}  # fmt: skip
_T5 = {"attn_o.*": "attention.o_proj.*", "attn_output.*": None}
_BERT = {
    "attn_output_norm.*": "attention_norm.*", "layer_output_norm.*": "mlp_norm.*", "attn_norm.*": None,
    "ffn_norm.*": None,
}  # fmt: skip
_GATED = {"feed_forward_proj": "gated-gelu"}
# GGUF's name: its layout. Of several for one model_type, the first is written.
ARCHITECTURES = {
    "llama": Layout("llama", turned=True),
    "mistral": Layout("mistral", turned=True),
    "qwen2": Layout("qwen2"),
    "qwen3": Layout("qwen3"),
    "gemma": Layout("gemma", plus_one=True),
    "gemma2": Layout("gemma2", plus_one=True),
    "gemma3": Layout("gemma3_text", plus_one=True),
    "phi2": Layout("phi", QKV),
    "phi3": Layout("phi3", QKV | GATE_UP),
    "gpt2": Layout("gpt2", QKV),
    "starcoder": Layout("gpt_bigcode", QKV),
    "starcoder2": Layout("starcoder2"),
    "gptneox": Layout("gpt_neox", QKV),
    "falcon": Layout("falcon", QKV),
    "bloom": Layout("bloom", QKV),
    "mpt": Layout("mpt", QKV),
    "stablelm": Layout("stablelm"),
    "nemotron": Layout("nemotron", plus_one=True),
    "olmo": Layout("olmo", turned=True),
    "olmo2": Layout("olmo2", AFTER),
    "exaone4": Layout("exaone4", AFTER),
    "command-r": Layout("cohere"),
    "cohere2": Layout("cohere2"),
    "chatglm": Layout("glm", GATE_UP),
    "glm4": Layout("glm4", GATE_UP),
    "granite": Layout("granite", turned=True, names=_MULTIPLIERS),
    "smollm3": Layout("smollm3", turned=True),
    "arcee": Layout("arcee", turned=True),
    "ernie4_5": Layout("ernie4_5"),
    "seed_oss": Layout("seed_oss", {"post_attention_norm.*": "mlp_norm.*", "ffn_norm.*": None}),
    "hunyuan-dense": Layout(
        "hunyuan_v1_dense",
        {"attn_q_norm.*": "attention.late_q_norm.*", "attn_k_norm.*": "attention.late_k_norm.*"},
    ),
    "bert": Layout("bert", _BERT),
    "t5": Layout("t5", _T5, values=_GATED, pair=True),
}
# GGUF's key behind the architecture's name: a config's common name, or several, of which the first that it has
KEYS: dict[str, tuple[str, ...]] = {
    "context_length": ("max_position_embeddings", "n_positions"),
    "block_count": ("num_hidden_layers",),
    "decoder_block_count": ("num_decoder_layers",),
    "embedding_length": ("hidden_size",),
    "feed_forward_length": ("intermediate_size", "n_inner", "d_ff"),
    "vocab_size": ("vocab_size",),
    "attention.head_count": ("num_attention_heads",),
    "attention.head_count_kv": ("num_key_value_heads", "num_kv_heads"),
    "attention.key_length": ("head_dim", "d_kv"),
    "attention.layer_norm_rms_epsilon": ("rms_norm_eps", "layer_norm_epsilon", "norm_eps"),
    "attention.layer_norm_epsilon": (
        "layer_norm_epsilon", "layer_norm_eps", "norm_epsilon", "norm_eps", "rms_norm_eps",
    ),
    "attention.sliding_window": ("sliding_window",),
    "attention.relative_buckets_count": ("relative_attention_num_buckets",),
    "attention.clamp_kqv": ("clip_qkv",),
    "attn_logit_softcapping": ("attn_logit_softcapping",),
    "final_logit_softcapping": ("final_logit_softcapping",),
    "decoder_start_token_id": ("decoder_start_token_id",),
    "logit_scale": ("logit_scale",),
    "use_parallel_residual": ("use_parallel_residual",),
}  # fmt: skip
TOKENS = {"bos_token_id": "bos", "eos_token_id": "eos", "pad_token_id": "padding"}
# A config's claim: the tensor of the first layer that proves it
PROOFS = {
    "attention_bias": ("attn_q.bias", "attn_qkv.bias"), "use_qkv_bias": ("attn_q.bias",), "mlp_bias": ("ffn_up.bias",),
    "use_bias": ("attn_q.bias", "ffn_up.bias"), "bias": ("attn_qkv.bias", "ffn_up.bias"),
    "qk_layernorm": ("attn_q_norm.weight", "attn_q_norm.0.weight"), "use_qk_norm": ("attn_q_norm.weight",),
    "attention_out_bias": ("attn_output.bias",),
}  # fmt: skip
