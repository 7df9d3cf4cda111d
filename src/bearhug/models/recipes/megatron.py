"""What Megatron's names tell: GPT-NeoX (arXiv:2204.06745), BLOOM (arXiv:2211.05100), Falcon (arXiv:2311.16867) and
Persimmon. q, k and v of a head, or of a group of heads, stand side by side in one matrix.
"""

from collections.abc import Callable
from dataclasses import replace

from bearhug.checkpoints.weight_map import Fused, Ours
from bearhug.models.config import Config, PretrainedConfig
from bearhug.models.recipe import Head, Recipe, translated
from bearhug.models.recipes.llama import HEADS as LLAMA_HEADS
from bearhug.models.recipes.llama import PLAIN, but, config, heads


def neox(hf: PretrainedConfig) -> Config:
    """A GPT-NeoX config, translated."""
    rate = hf.hidden_dropout
    return config(
        hf, block="parallel_two_norms" if hf.use_parallel_residual else "pre_norm", norm="layer",
        norm_eps=hf.layer_norm_eps, mlp="plain", mlp_bias=True, padding_index=None,
        embed_dropout=rate, residual_dropout=rate, mlp_dropout=rate,
    )  # fmt: skip


def persimmon(hf: PretrainedConfig) -> Config:
    """A Persimmon config, translated."""
    return config(
        hf, norm="layer", norm_eps=hf.layer_norm_eps, mlp="plain", mlp_bias=True, qkv_bias=True, output_bias=True,
        qk_norm=hf.qk_layernorm, mlp_dropout=hf.hidden_dropout,
    )  # fmt: skip


def bloom(hf: PretrainedConfig) -> Config:
    """A BLOOM config, translated."""
    rate, limit = hf.hidden_dropout, getattr(hf, "seq_length", 2048)
    return translated(
        hf, intermediate_size=4 * hf.hidden_size, positions="alibi", max_position_embeddings=limit, embed_norm=True,
        causal=True, block="normed_residual" if hf.apply_residual_connection_post_layernorm else "pre_norm",
        norm_eps=hf.layer_norm_epsilon, activation="gelu_pytorch_tanh", residual_dropout=rate, mlp_dropout=rate,
        attention_dropout=hf.attention_dropout,
    )  # fmt: skip


def falcon(hf: PretrainedConfig) -> Config:
    """A Falcon config, translated, of the old or the new architecture."""
    size = hf.hidden_size // hf.num_attention_heads
    several = {True: "parallel_two_norms", False: "parallel"}[hf.new_decoder_architecture and _norms(hf) == 2]
    return translated(
        hf, intermediate_size=hf.ffn_hidden_size, head_dim=size,
        num_key_value_heads=1 if hf.multi_query and not hf.new_decoder_architecture else hf.num_kv_heads,
        positions="alibi" if hf.alibi else "rotary", rope=hf.rope_parameters,
        alibi={"scale": size**-0.5, "dtype": "bfloat16"}, causal=True,
        block=several if hf.parallel_attn else "pre_norm", norm_eps=hf.layer_norm_epsilon, activation=hf.activation,
        mlp_bias=hf.bias, qkv_bias=hf.bias, output_bias=hf.bias,
        residual_dropout=hf.hidden_dropout if hf.parallel_attn else hf.attention_dropout,
        mlp_dropout=hf.hidden_dropout, attention_dropout=hf.attention_dropout if hf.alibi else 0.0,
    )  # fmt: skip


def _norms(hf: PretrainedConfig) -> int:
    """How many norms stand before attention and MLP, where these stand side by side."""
    return hf.num_ln_in_parallel_attn or (2 if hf.new_decoder_architecture else 1)


def layer(theirs: str, attention: str, blocks: int) -> dict[str, Ours]:
    """A layer's names. `blocks`: how many times the fused matrix holds a share of q, of k and of v."""
    return {
        f"{theirs}.input_layernorm.*": "layers.{i}.attention_norm.*",
        f"{theirs}.post_attention_layernorm.*": "layers.{i}.mlp_norm.*",
        f"{theirs}.{attention}.query_key_value.*": Fused("layers.{i}.attention.{q,k,v}_proj.*", blocks=blocks),
        f"{theirs}.{attention}.dense.*": "layers.{i}.attention.o_proj.*",
        f"{theirs}.mlp.dense_h_to_4h.*": "layers.{i}.mlp.up_proj.*",
        f"{theirs}.mlp.dense_4h_to_h.*": "layers.{i}.mlp.down_proj.*",
    }


def _weights_neox(hf: PretrainedConfig) -> dict[str, Ours]:
    return {
        "embed_in.weight": "embed_tokens.weight",
        "final_layer_norm.*": "norm.*",
        "layers.{i}.attention.bias": None,
        "layers.{i}.attention.masked_bias": None,
    } | layer("layers.{i}", "attention", hf.num_attention_heads)


def _weights_persimmon(hf: PretrainedConfig) -> dict[str, Ours]:
    norms = {f"layers.{{i}}.self_attn.{w}_layernorm.*": f"layers.{{i}}.attention.{w}_norm.*" for w in "qk"}
    names = {"embed_tokens.weight": "embed_tokens.weight", "final_layernorm.*": "norm.*"}
    return names | norms | layer("layers.{i}", "self_attn", hf.num_attention_heads)


def _weights_bloom(hf: PretrainedConfig) -> dict[str, Ours]:
    names = {"word_embeddings.weight": "embed_tokens.weight", "word_embeddings_layernorm.*": "embed_norm.*"}
    return names | {"ln_f.*": "norm.*"} | layer("h.{i}", "self_attention", hf.num_attention_heads)


def _weights_falcon(hf: PretrainedConfig) -> dict[str, Ours]:
    together = hf.multi_query and not hf.new_decoder_architecture
    names = layer("h.{i}", "self_attention", 1 if together else hf.num_kv_heads)
    if hf.parallel_attn and _norms(hf) == 2:
        names = {
            name.replace("input_layernorm", "ln_attn").replace("post_attention_layernorm", "ln_mlp"): ours
            for name, ours in names.items()
        }
    return {"word_embeddings.weight": "embed_tokens.weight", "ln_f.*": "norm.*"} | names


def _settle_falcon(hf: PretrainedConfig) -> None:
    for old, name in (("n_embed", "hidden_size"), ("n_layer", "num_hidden_layers"), ("n_head", "num_attention_heads")):
        setattr(hf, name, hf.__dict__.pop(old, getattr(hf, name)))
    hf.num_kv_heads = hf.num_attention_heads if hf.num_kv_heads is None else hf.num_kv_heads
    hf.ffn_hidden_size = 4 * hf.hidden_size if hf.ffn_hidden_size is None else hf.ffn_hidden_size


def _settle_bloom(hf: PretrainedConfig) -> None:
    hf.hidden_size = hf.__dict__.pop("n_embed", None) or hf.hidden_size


def classified(dropout: Callable[[PretrainedConfig], float]) -> dict[str, Head]:
    """The heads of this family and its contemporaries."""
    return heads("sequence") | {
        "token-classification": Head(weights={"classifier.*": "head.out.*"}, dropout=dropout),
        "question-answering": Head(weights={"qa_outputs.*": "head.out.*"}),
    }


HEADS = classified(LLAMA_HEADS["token-classification"].dropout)
_SIZES = but(PLAIN, "num_key_value_heads", "rms_norm_eps")
NEOX = Recipe(
    model_type="gpt_neox", name="GPTNeoX", prefix="gpt_neox", config=neox, weights=_weights_neox,
    heads=HEADS | {"causal-lm": Head(weights={"embed_out.weight": "head.out.weight"}, bias=False, tied=True)},
    names={"rotary_pct": "partial_rotary_factor", "rotary_emb_base": "rope_theta"},
    defaults=but(
        _SIZES, vocab_size=50432, hidden_size=6144, num_hidden_layers=44, num_attention_heads=64,
        intermediate_size=24576, hidden_act="gelu", hidden_dropout=0.0, classifier_dropout=0.1, layer_norm_eps=1e-5,
        bos_token_id=0, use_parallel_residual=True, rope_parameters={"partial_rotary_factor": 0.25},
        attention_bias=True, is_decoder=False,
    ),
)  # fmt: skip
PERSIMMON = Recipe(
    model_type="persimmon", name="Persimmon", prefix="model", config=persimmon, weights=_weights_persimmon,
    heads=heads("sequence", "token"),
    defaults=but(
        _SIZES, vocab_size=262144, intermediate_size=16384, num_hidden_layers=36, num_attention_heads=64,
        hidden_act="relu2", max_position_embeddings=16384, layer_norm_eps=1e-5, qk_layernorm=True, hidden_dropout=0.0,
        rope_parameters={"partial_rotary_factor": 0.5},
    ),
)  # fmt: skip
BLOOM = Recipe(
    model_type="bloom", name="Bloom", prefix="transformer", config=bloom, weights=_weights_bloom, heads=HEADS,
    names={"num_hidden_layers": "n_layer", "num_attention_heads": "n_head"}, settle=_settle_bloom,
    defaults={
        "vocab_size": 250880, "hidden_size": 64, "n_layer": 2, "n_head": 8, "layer_norm_epsilon": 1e-5,
        "initializer_range": 0.02, "use_cache": True, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None,
        "apply_residual_connection_post_layernorm": False, "hidden_dropout": 0.0, "attention_dropout": 0.0,
        "pretraining_tp": 1, "slow_but_exact": False, "tie_word_embeddings": True,
    },
)  # fmt: skip
FALCON = replace(
    BLOOM, model_type="falcon", name="Falcon", config=falcon, weights=_weights_falcon, names={}, settle=_settle_falcon,
    defaults={
        "vocab_size": 65024, "hidden_size": 4544, "num_hidden_layers": 32, "num_attention_heads": 71,
        "num_ln_in_parallel_attn": None, "layer_norm_epsilon": 1e-5, "initializer_range": 0.02, "use_cache": True,
        "hidden_dropout": 0.0, "attention_dropout": 0.0, "num_kv_heads": None, "alibi": False,
        "new_decoder_architecture": False, "multi_query": True, "parallel_attn": True, "bias": False,
        "max_position_embeddings": 2048, "rope_parameters": None, "bos_token_id": 11, "eos_token_id": 11,
        "pad_token_id": None, "ffn_hidden_size": None, "activation": "gelu", "tie_word_embeddings": True,
    },
)  # fmt: skip
