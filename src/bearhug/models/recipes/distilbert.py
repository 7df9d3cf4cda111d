"""DistilBERT (Sanh et al. 2019, arXiv:1910.01108): BERT with half the layers and no token types."""

from bearhug.models.config import Config, PretrainedConfig
from bearhug.models.recipe import Head, Recipe, translated


def config(hf: PretrainedConfig) -> Config:
    """A DistilBERT config, translated."""
    return translated(
        hf, intermediate_size=hf.hidden_dim, positions="learned", padding_index=hf.pad_token_id, embed_norm=True,
        causal=False, block="post_norm", norm_eps=1e-12, final_norm=False, activation=hf.activation,
        embed_dropout=hf.dropout, mlp_dropout=hf.dropout, attention_dropout=hf.attention_dropout,
    )  # fmt: skip


WEIGHTS = {  # theirs: ours
    "embeddings.word_embeddings.weight": "embed_tokens.weight",
    "embeddings.position_embeddings.weight": "positions.weight",
    "embeddings.LayerNorm.*": "embed_norm.*",
    "transformer.layer.{i}.attention.q_lin.*": "layers.{i}.attention.q_proj.*",
    "transformer.layer.{i}.attention.k_lin.*": "layers.{i}.attention.k_proj.*",
    "transformer.layer.{i}.attention.v_lin.*": "layers.{i}.attention.v_proj.*",
    "transformer.layer.{i}.attention.out_lin.*": "layers.{i}.attention.o_proj.*",
    "transformer.layer.{i}.sa_layer_norm.*": "layers.{i}.attention_norm.*",
    "transformer.layer.{i}.ffn.lin1.*": "layers.{i}.mlp.up_proj.*",
    "transformer.layer.{i}.ffn.lin2.*": "layers.{i}.mlp.down_proj.*",
    "transformer.layer.{i}.output_layer_norm.*": "layers.{i}.mlp_norm.*",
}
LANGUAGE = {
    "vocab_projector.*": "head.out.*",
    "vocab_transform.*": "head.dense.*",
    "vocab_layer_norm.*": "head.norm.*",
}
CLASSIFIER = {"pre_classifier.*": "head.dense.*", "classifier.*": "head.out.*"}
OF_TEXT = Head(weights=CLASSIFIER, dense="relu", drop_first=False, dropout=lambda hf: hf.seq_classif_dropout)
HEADS = {
    "masked-lm": Head(weights=LANGUAGE, dense="same", norm=True, tied=True),
    "sequence-classification": OF_TEXT,
    "multiple-choice": OF_TEXT,
    "token-classification": Head(weights={"classifier.*": "head.out.*"}, dropout=lambda hf: hf.dropout),
    "question-answering": Head(weights={"qa_outputs.*": "head.out.*"}, dropout=lambda hf: hf.qa_dropout),
}
DEFAULTS = {
    "vocab_size": 30522, "max_position_embeddings": 512, "sinusoidal_pos_embds": False, "n_layers": 6, "n_heads": 12,
    "dim": 768, "hidden_dim": 3072, "dropout": 0.1, "attention_dropout": 0.1, "activation": "gelu",
    "initializer_range": 0.02, "qa_dropout": 0.1, "seq_classif_dropout": 0.2, "pad_token_id": 0,
    "eos_token_id": None, "bos_token_id": None, "tie_word_embeddings": True,
}  # fmt: skip
NAMES = {"hidden_size": "dim", "num_attention_heads": "n_heads", "num_hidden_layers": "n_layers"}
DISTILBERT = Recipe(
    model_type="distilbert", name="DistilBert", prefix="distilbert", config=config,
    weights=WEIGHTS, heads=HEADS, defaults=DEFAULTS, names=NAMES,
)  # fmt: skip
