"""MPNet (Song et al. 2020, arXiv:2004.09297): RoBERTa whose layers share a bias for each distance."""

from dataclasses import replace

from bearhug.models.config import Config, PretrainedConfig
from bearhug.models.recipe import Recipe
from bearhug.models.recipes import bert


def config(hf: PretrainedConfig) -> Config:
    """An MPNet config, translated. Padding has the same place in all tables, whatever pad_token_id says."""
    return bert.config(
        hf, positions="learned_relative", position_offset=2, relative_buckets=hf.relative_attention_num_buckets,
        relative_distance=128, padding_index=1, token_types="none",
    )  # fmt: skip


WEIGHTS = {theirs: ours for theirs, ours in bert.WEIGHTS.items() if "self" not in theirs and "cross" not in theirs} | {
    f"encoder.layer.{{i}}.attention.attn.{name}.*": f"layers.{{i}}.attention.{name}_proj.*" for name in "qkvo"
}
WEIGHTS = {
    theirs.replace("attention.output.LayerNorm", "attention.LayerNorm"): ours
    for theirs, ours in WEIGHTS.items()
    if "token_type" not in theirs and "attention.output.dense" not in theirs
} | {"encoder.relative_attention_bias.weight": "positions.relative.weight"}
HEADS = {
    task: replace(head, dropout=bert.hidden_dropout)
    for task, head in bert.ROBERTA.heads.items()
    if task not in ("causal-lm", "question-answering")
} | {"question-answering": bert.HEADS["question-answering"]}
_NONE = ("type_vocab_size", "use_cache", "classifier_dropout", "is_decoder", "add_cross_attention")
DEFAULTS = {name: value for name, value in bert.ROBERTA.defaults.items() if name not in _NONE} | {
    "vocab_size": 30527, "relative_attention_num_buckets": 32,
}  # fmt: skip
MPNET = Recipe(
    model_type="mpnet", name="MPNet", prefix="mpnet", config=config, weights=WEIGHTS, heads=HEADS, defaults=DEFAULTS
)
