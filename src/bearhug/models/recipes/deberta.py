"""DeBERTa (He et al. 2020, arXiv:2006.03654): what a token is, and how far away it stands, are scored apart."""

from bearhug.checkpoints.weight_map import Ours
from bearhug.models.config import Config, Kind, PretrainedConfig
from bearhug.models.recipe import Head, Recipe
from bearhug.models.recipes import bert


def config(hf: PretrainedConfig) -> Config:
    """A DeBERTa V2 or V3 config, translated."""
    limit = hf.max_relative_positions if hf.max_relative_positions > 0 else hf.max_position_embeddings
    buckets = getattr(hf, "position_buckets", -1)
    far = {
        "span": (buckets if buckets > 0 else limit) if hf.relative_attention else 0, "buckets": max(buckets, 0),
        "limit": limit, "learned": hf.position_biased_input, "kinds": tuple(hf.pos_att_type or ()),
        "shared": getattr(hf, "share_att_key", False), "norm": "layer_norm" in getattr(hf, "norm_rel_ebd", "none"),
        "kernel": getattr(hf, "conv_kernel_size", 0), "groups": getattr(hf, "conv_groups", 1),
        "activation": getattr(hf, "conv_act", "tanh"), "key_bias": True,
    }  # fmt: skip
    return bert.config(
        hf, positions="disentangled", disentangled=far, kinds={"full_attention": Kind(mixer="disentangled")},
        token_types="own" if hf.type_vocab_size else "none",
        block="post_norm_convolved" if far["kernel"] else "post_norm",
    )  # fmt: skip


def _settle(hf: PretrainedConfig) -> None:
    if isinstance(hf.pos_att_type, str):
        hf.pos_att_type = [kind.strip() for kind in hf.pos_att_type.lower().split("|")]
    hf.pooler_hidden_size = hf.hidden_size if hf.pooler_hidden_size is None else hf.pooler_hidden_size


_SELF = "encoder.layer.{i}.attention.self."
WEIGHTS: dict[str, Ours] = {
    **{theirs: ours for theirs, ours in bert.WEIGHTS.items() if "self" not in theirs and "cross" not in theirs},
    "embeddings.position_embeddings.weight": "positions.learned.weight",
    f"{_SELF}query_proj.*": "layers.{i}.attention.q_proj.*",
    f"{_SELF}key_proj.*": "layers.{i}.attention.k_proj.*",
    f"{_SELF}value_proj.*": "layers.{i}.attention.v_proj.*",
    f"{_SELF}pos_key_proj.*": "layers.{i}.attention.far_k_proj.*",
    f"{_SELF}pos_query_proj.*": "layers.{i}.attention.far_q_proj.*",
    "encoder.rel_embeddings.weight": "positions.far.weight",
    "encoder.LayerNorm.*": "positions.norm.*",
    "encoder.conv.conv.*": "layers.0.conv.*",
    "encoder.conv.LayerNorm.*": "layers.0.conv_norm.*",
}


def _dropout(hf: PretrainedConfig) -> float:
    given = getattr(hf, "cls_dropout", None)
    return hf.hidden_dropout_prob if given is None else given


_OF_TEXT = Head(
    weights={"pooler.dense.*": "head.dense.*", "classifier.*": "head.out.*"}, dense="pooler_hidden_act",
    drop_first=False, dropout=_dropout, soft_labels=True,
)  # fmt: skip
HEADS = {
    "masked-lm": bert.HEADS["masked-lm"],
    "sequence-classification": _OF_TEXT,
    "multiple-choice": _OF_TEXT,
    "token-classification": Head(weights={"classifier.*": "head.out.*"}, dropout=bert.hidden_dropout),
    "question-answering": bert.HEADS["question-answering"],
}
_NONE = ("use_cache", "classifier_dropout", "is_decoder", "add_cross_attention")
_DEBERTA = {name: value for name, value in bert.DEFAULTS.items() if name not in _NONE} | {
    "vocab_size": 50265, "type_vocab_size": 0, "layer_norm_eps": 1e-7, "relative_attention": False,
    "max_relative_positions": -1, "position_biased_input": True, "pos_att_type": None, "pooler_dropout": 0.0,
    "pooler_hidden_act": "gelu", "pooler_hidden_size": None, "legacy": True,
}  # fmt: skip
DEBERTA_V2 = Recipe(
    model_type="deberta-v2", name="DebertaV2", prefix="deberta", config=config, weights=WEIGHTS, settle=_settle,
    heads=HEADS,
    defaults=_DEBERTA | {
        "vocab_size": 128100, "hidden_size": 1536, "num_hidden_layers": 24, "num_attention_heads": 24,
        "intermediate_size": 6144,
    },
)  # fmt: skip
