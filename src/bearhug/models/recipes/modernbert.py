"""ModernBERT (Warner et al. 2024, arXiv:2412.13663): layers look at windows or at everything, with
rotary positions of its own; Nomic BERT (arXiv:2402.01613) and EuroBERT (arXiv:2503.05500) turn by one.
"""

from dataclasses import replace
from typing import Any

from bearhug.checkpoints.weight_map import Fused
from bearhug.models.config import Config, Kind, PretrainedConfig
from bearhug.models.recipe import Head, Recipe
from bearhug.models.recipes import bert, llama


def encoder(hf: PretrainedConfig, **changes: Any) -> Config:
    """Llama's translation, looking both ways."""
    return llama.config(hf, causal=False, **changes)


def modernbert(hf: PretrainedConfig) -> Config:
    """A ModernBERT config, translated."""
    ropes = hf.rope_parameters
    kinds = {
        "full_attention": Kind(rope=ropes["full_attention"]),
        "sliding_attention": Kind(window=hf.local_attention // 2 + 1, rope=ropes["sliding_attention"]),
    }
    return encoder(
        hf, rope=ropes["full_attention"], kinds=kinds, layer_types=tuple(hf.layer_types), embed_norm=True,
        first_norm=False, norm="layer" if hf.norm_bias else "layer_no_bias", norm_eps=hf.norm_eps,
        activation=hf.hidden_activation, embed_dropout=hf.embedding_dropout, residual_dropout=hf.attention_dropout,
        activation_dropout=hf.mlp_dropout, scaled_residual_init=True,
    )  # fmt: skip


def nomic(hf: PretrainedConfig) -> Config:
    """A Nomic BERT config, translated."""
    rate = hf.hidden_dropout_prob
    return encoder(
        hf, block="post_norm", norm="layer", norm_eps=hf.layer_norm_eps, final_norm=False, embed_norm=True,
        token_types="own", type_vocab_size=hf.type_vocab_size, embed_dropout=rate, residual_dropout=rate,
        mlp_dropout=rate, attention_dropout=hf.attention_probs_dropout_prob,
    )  # fmt: skip


def _settle(hf: PretrainedConfig) -> None:
    every = hf.__dict__.pop("global_attn_every_n_layers", 3)
    if hf.layer_types is None:
        kinds = ("full_attention", "sliding_attention")
        hf.layer_types = [kinds[bool(layer % every)] for layer in range(hf.num_hidden_layers)]
    for name, kind in (("global_rope_theta", "full_attention"), ("local_rope_theta", "sliding_attention")):
        if name in hf.__dict__:
            hf.rope_parameters[kind]["rope_theta"] = hf.__dict__.pop(name)


_WEIGHTS = {
    "embeddings.tok_embeddings.weight": "embed_tokens.weight",
    "embeddings.norm.*": "embed_norm.*",
    "layers.{i}.attn_norm.*": "layers.{i}.attention_norm.*",
    "layers.{i}.attn.Wqkv.*": Fused("layers.{i}.attention.{q,k,v}_proj.*"),
    "layers.{i}.attn.Wo.*": "layers.{i}.attention.o_proj.*",
    "layers.{i}.mlp_norm.*": "layers.{i}.mlp_norm.*",
    "layers.{i}.mlp.Wi.*": Fused("layers.{i}.mlp.{gate,up}_proj.*"),
    "layers.{i}.mlp.Wo.*": "layers.{i}.mlp.down_proj.*",
    "final_norm.*": "norm.*",
}
_LABELS = Head(
    weights={"head.dense.*": "head.dense.*", "head.norm.*": "head.norm.*", "classifier.*": "head.out.*"},
    dense="classifier_activation", dense_bias="classifier_bias", norm=True, drop_first=False, pick="classifier_pooling",
    dropout=lambda hf: hf.classifier_dropout,
)  # fmt: skip
_LANGUAGE = {"decoder.*": "head.out.*", **{name: ours for name, ours in _LABELS.weights.items() if "head" in name}}
MODERNBERT = Recipe(
    model_type="modernbert", name="ModernBert", prefix="model", config=modernbert, weights=_WEIGHTS, settle=_settle,
    heads=dict.fromkeys(
        ("sequence-classification", "token-classification", "question-answering", "multiple-choice"), _LABELS
    ) | {"masked-lm": replace(_LABELS, weights=_LANGUAGE, bias="decoder_bias", tied=True, dropout=lambda hf: 0.0)},
    defaults={
        "vocab_size": 50368, "hidden_size": 768, "intermediate_size": 1152, "num_hidden_layers": 22,
        "num_attention_heads": 12, "hidden_activation": "gelu", "max_position_embeddings": 8192,
        "initializer_range": 0.02, "initializer_cutoff_factor": 2.0, "norm_eps": 1e-5, "norm_bias": False,
        "pad_token_id": 50283, "eos_token_id": 50282, "bos_token_id": 50281, "cls_token_id": 50281,
        "sep_token_id": 50282, "attention_bias": False, "attention_dropout": 0.0, "layer_types": None,
        "rope_parameters": {
            "full_attention": {"rope_theta": 160000.0}, "sliding_attention": {"rope_theta": 10000.0},
        },
        "local_attention": 128, "embedding_dropout": 0.0, "mlp_bias": False, "mlp_dropout": 0.0, "decoder_bias": True,
        "classifier_pooling": "cls", "classifier_dropout": 0.0, "classifier_bias": False,
        "classifier_activation": "gelu", "deterministic_flash_attn": False, "sparse_prediction": False,
        "sparse_pred_ignore_index": -100, "tie_word_embeddings": True,
    },
)  # fmt: skip

NOMIC_BERT = Recipe(
    model_type="nomic_bert", name="NomicBert", prefix="nomic_bert", config=nomic, settle=llama.sized,
    weights={
        "embeddings.word_embeddings.weight": "embed_tokens.weight",
        "embeddings.token_type_embeddings.weight": "embed_types.weight",
        "emb_ln.*": "embed_norm.*",
        "encoder.layers.{i}.attn.Wqkv.*": Fused("layers.{i}.attention.{q,k,v}_proj.*"),
        "encoder.layers.{i}.attn.out_proj.*": "layers.{i}.attention.o_proj.*",
        "encoder.layers.{i}.norm1.*": "layers.{i}.attention_norm.*",
        "encoder.layers.{i}.mlp.fc11.*": "layers.{i}.mlp.up_proj.*",
        "encoder.layers.{i}.mlp.fc12.*": "layers.{i}.mlp.gate_proj.*",
        "encoder.layers.{i}.mlp.fc2.*": "layers.{i}.mlp.down_proj.*",
        "encoder.layers.{i}.norm2.*": "layers.{i}.mlp_norm.*",
    },
    heads={
        "masked-lm": replace(
            bert.HEADS["masked-lm"],
            weights={name.replace("LayerNorm", "layer_norm"): ours for name, ours in bert.LANGUAGE.items()},
        ),
        "sequence-classification": bert.HEADS["sequence-classification"],
        "token-classification": bert.HEADS["token-classification"],
    },
    defaults={
        "vocab_size": 30528, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
        "intermediate_size": 3072, "hidden_act": "silu", "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0, "max_position_embeddings": 2048, "type_vocab_size": 2,
        "initializer_range": 0.02, "layer_norm_eps": 1e-12, "pad_token_id": 0, "classifier_dropout": None,
        "bos_token_id": None, "eos_token_id": None, "rope_parameters": {"rope_theta": 1000.0}, "head_dim": None,
    },
)  # fmt: skip
EUROBERT = replace(
    llama.LLAMA, model_type="eurobert", name="EuroBert", config=encoder,
    heads={
        "masked-lm": Head(weights={"lm_head.*": "head.out.*"}, bias="mlp_bias", tied=True),
        "sequence-classification": Head(
            weights={"dense.*": "head.dense.*", "classifier.*": "head.out.*"}, dense="gelu", pick="classifier_pooling",
        ),
        "token-classification": Head(weights={"classifier.*": "head.out.*"}),
    },
    defaults=llama.but(
        llama.DEFAULTS, vocab_size=128256, hidden_size=768, intermediate_size=3072, num_hidden_layers=12,
        num_attention_heads=12, max_position_embeddings=8192, rms_norm_eps=1e-5, pad_token_id=128001,
        bos_token_id=128000, eos_token_id=128001, mask_token_id=128002, classifier_pooling="late",
    ),
)  # fmt: skip
