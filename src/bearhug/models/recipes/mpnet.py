"""MPNet (Song et al. 2020, arXiv:2004.09297): RoBERTa whose layers share a bias for each distance."""

from dataclasses import replace

from bearhug.models.config import Config, PretrainedConfig
from bearhug.models.recipe import Recipe
from bearhug.models.recipes import bert


def config(hf: PretrainedConfig) -> Config:
    """An MPNet config, translated. Padding has the same place in all tables, whatever pad_token_id says."""
    rate = hf.hidden_dropout_prob
    return Config(
        vocab_size=hf.vocab_size, hidden_size=hf.hidden_size, intermediate_size=hf.intermediate_size,
        num_hidden_layers=hf.num_hidden_layers, num_attention_heads=hf.num_attention_heads,
        num_key_value_heads=hf.num_attention_heads, head_dim=hf.hidden_size // hf.num_attention_heads,
        positions="learned_relative", max_position_embeddings=hf.max_position_embeddings, position_offset=2,
        relative_buckets=hf.relative_attention_num_buckets, relative_distance=128, padding_index=1,
        embed_norm=True, causal=False, block="post_norm", norm="layer", norm_eps=hf.layer_norm_eps, final_norm=False,
        mlp="plain", activation=hf.hidden_act, embed_dropout=rate, residual_dropout=rate, mlp_dropout=rate,
        attention_dropout=hf.attention_probs_dropout_prob, initializer_range=hf.initializer_range,
        tie_word_embeddings=hf.tie_word_embeddings,
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
