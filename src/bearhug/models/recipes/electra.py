"""ELECTRA (Clark et al. 2020, arXiv:2003.10555): BERT with narrower embeddings, trained to find replaced tokens."""

from dataclasses import replace

from bearhug.models.config import Config, PretrainedConfig
from bearhug.models.recipe import Head
from bearhug.models.recipes import bert


def config(hf: PretrainedConfig) -> Config:
    """An ELECTRA config, translated."""
    return bert.config(hf, word_size=hf.embedding_size, narrow_embeddings=True)


_GENERATOR = Head(
    weights={
        "generator_lm_head.*": "head.out.*", "generator_predictions.dense.*": "head.dense.*",
        "generator_predictions.LayerNorm.*": "head.norm.*",
    },
    dense="gelu", norm=True, tied=True,
)  # fmt: skip
HEADS = {
    "masked-lm": _GENERATOR,
    "causal-lm": _GENERATOR,
    "replaced-tokens": Head(
        weights={
            "discriminator_predictions.dense.*": "head.dense.*",
            "discriminator_predictions.dense_prediction.*": "head.out.*",
        },
        dense="same",
    ),
    "sequence-classification": replace(bert.ROBERTA.heads["sequence-classification"], dense="gelu"),
    "token-classification": bert.HEADS["token-classification"],
    "question-answering": bert.HEADS["question-answering"],
    "multiple-choice": Head(
        weights={"sequence_summary.summary.*": "head.dense.*", "classifier.*": "head.out.*"},
        dense="summary_activation", pick="summary_type", drop_first=False, dropout=lambda hf: hf.summary_last_dropout,
    ),
}  # fmt: skip
DEFAULTS = bert.DEFAULTS | {
    "embedding_size": 128, "hidden_size": 256, "num_attention_heads": 4, "intermediate_size": 1024,
    "summary_type": "first", "summary_use_proj": True, "summary_activation": "gelu", "summary_last_dropout": 0.1,
}  # fmt: skip
ELECTRA = replace(
    bert.BERT, model_type="electra", name="Electra", prefix="electra", config=config, heads=HEADS, defaults=DEFAULTS,
    weights=bert.WEIGHTS | {"embeddings_project.*": "project_in.*"},
)  # fmt: skip
