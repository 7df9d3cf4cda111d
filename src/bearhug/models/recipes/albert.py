"""ALBERT (Lan et al. 2019, arXiv:1909.11942): BERT with narrower embeddings, whose layers are one layer many times."""

from collections.abc import Mapping

from bearhug.checkpoints.weight_map import Ours
from bearhug.models.config import Config, PretrainedConfig
from bearhug.models.recipe import Head, Recipe
from bearhug.models.recipes import bert


def config(hf: PretrainedConfig) -> Config:
    """An ALBERT config, translated."""
    groups, inner, layers = hf.num_hidden_groups, hf.inner_group_num, hf.num_hidden_layers
    order = (int(layer / (layers / groups)) * inner + number for layer in range(layers) for number in range(inner))
    return bert.config(
        hf, num_hidden_layers=layers * inner, layer_order=tuple(order), word_size=hf.embedding_size,
        narrow_embeddings=True, mlp_dropout=0.0,
    )  # fmt: skip


def weights(hf: PretrainedConfig) -> Mapping[str, Ours]:
    """Theirs: ours; a layer is a place in a group."""
    layers = {
        f"encoder.albert_layer_groups.{group}.albert_layers.{number}.{theirs}.*":
            f"layers.{group * hf.inner_group_num + number}.{ours}.*"
        for group in range(hf.num_hidden_groups) for number in range(hf.inner_group_num)
        for theirs, ours in _LAYER.items()
    }  # fmt: skip
    return {name: ours for name, ours in bert.WEIGHTS.items() if name.startswith("emb")} | {
        "encoder.embedding_hidden_mapping_in.*": "project_in.*", **layers,
    }  # fmt: skip


_LAYER = {
    "full_layer_layer_norm": "mlp_norm",
    "attention.query": "attention.q_proj",
    "attention.key": "attention.k_proj",
    "attention.value": "attention.v_proj",
    "attention.dense": "attention.o_proj",
    "attention.LayerNorm": "attention_norm",
    "ffn": "mlp.up_proj",
    "ffn_output": "mlp.down_proj",
}
_LANGUAGE = {
    "predictions.bias": "head.out.bias", "predictions.decoder.*": "head.out.*", "predictions.dense.*": "head.dense.*",
    "predictions.LayerNorm.*": "head.norm.*",
}  # fmt: skip


def _dropout(hf: PretrainedConfig) -> float:
    return hf.classifier_dropout_prob


_OF_TEXT = Head(
    weights={"{base}.pooler.*": "head.dense.*", "classifier.*": "head.out.*"}, dense="tanh", drop_first=False,
    dropout=_dropout,
)  # fmt: skip
HEADS = {
    "base": Head(weights={"pooler.*": "head.dense.*"}),
    "masked-lm": Head(weights=_LANGUAGE, dense="same", norm=True, tied=True),
    "sentence-order": Head(
        weights=_LANGUAGE | {"{base}.pooler.*": "head.pooler.*", "sop_classifier.classifier.*": "head.second.*"},
        dense="same", norm=True, tied=True, dropout=_dropout, drop_first=False,
    ),
    "sequence-classification": _OF_TEXT,
    "multiple-choice": _OF_TEXT,
    "token-classification": Head(weights={"classifier.*": "head.out.*"}, dropout=_dropout),
    "question-answering": bert.HEADS["question-answering"],
}  # fmt: skip
DEFAULTS = {
    "vocab_size": 30000, "embedding_size": 128, "hidden_size": 4096, "num_hidden_layers": 12, "num_hidden_groups": 1,
    "num_attention_heads": 64, "intermediate_size": 16384, "inner_group_num": 1, "hidden_act": "gelu_new",
    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "max_position_embeddings": 512,
    "type_vocab_size": 2, "initializer_range": 0.02, "layer_norm_eps": 1e-12, "classifier_dropout_prob": 0.1,
    "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "tie_word_embeddings": True,
}  # fmt: skip
ALBERT = Recipe(
    model_type="albert", name="Albert", prefix="albert", config=config, weights=weights, heads=HEADS, defaults=DEFAULTS
)
