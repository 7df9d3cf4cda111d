"""BERT (Devlin et al. 2018, arXiv:1810.04805), RoBERTa (Liu et al. 2019, arXiv:1907.11692): encoders, norm last."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bearhug.checkpoints.weight_map import Ours
from bearhug.models.config import Config, PretrainedConfig
from bearhug.models.recipe import Head, Recipe, translated


def config(hf: PretrainedConfig, **changes: Any) -> Config:
    """A BERT config, translated; a decoder where it says so. The siblings' too, with `changes`."""
    rate = hf.hidden_dropout_prob
    usual = {
        "intermediate_size": hf.intermediate_size, "positions": "learned", "token_types": "own",
        "type_vocab_size": getattr(hf, "type_vocab_size", 0), "padding_index": hf.pad_token_id, "embed_norm": True,
        "causal": getattr(hf, "is_decoder", False), "cross_attention": getattr(hf, "add_cross_attention", False),
        "block": "post_norm", "norm_eps": hf.layer_norm_eps, "final_norm": False, "activation": hf.hidden_act,
        "embed_dropout": rate, "residual_dropout": rate, "mlp_dropout": rate,
        "attention_dropout": hf.attention_probs_dropout_prob,
    }  # fmt: skip
    return translated(hf, **(usual | changes))


def roberta(hf: PretrainedConfig) -> Config:
    """The same; positions begin behind the padding's own."""
    return replace(config(hf), position_offset=hf.pad_token_id + 1)


def hidden_dropout(hf: PretrainedConfig) -> float:
    """The rate where a head has none of its own."""
    return hf.hidden_dropout_prob


def _dropout(hf: PretrainedConfig) -> float:
    return hf.classifier_dropout if hf.classifier_dropout is not None else hf.hidden_dropout_prob


WEIGHTS = {  # theirs: ours
    "embeddings.word_embeddings.weight": "embed_tokens.weight",
    "embeddings.position_embeddings.weight": "positions.weight",
    "embeddings.token_type_embeddings.weight": "embed_types.weight",
    "embeddings.LayerNorm.*": "embed_norm.*",
    "encoder.layer.{i}.attention.self.query.*": "layers.{i}.attention.q_proj.*",
    "encoder.layer.{i}.attention.self.key.*": "layers.{i}.attention.k_proj.*",
    "encoder.layer.{i}.attention.self.value.*": "layers.{i}.attention.v_proj.*",
    "encoder.layer.{i}.attention.output.dense.*": "layers.{i}.attention.o_proj.*",
    "encoder.layer.{i}.attention.output.LayerNorm.*": "layers.{i}.attention_norm.*",
    "encoder.layer.{i}.crossattention.self.query.*": "layers.{i}.cross.q_proj.*",
    "encoder.layer.{i}.crossattention.self.key.*": "layers.{i}.cross.k_proj.*",
    "encoder.layer.{i}.crossattention.self.value.*": "layers.{i}.cross.v_proj.*",
    "encoder.layer.{i}.crossattention.output.dense.*": "layers.{i}.cross.o_proj.*",
    "encoder.layer.{i}.crossattention.output.LayerNorm.*": "layers.{i}.cross_norm.*",
    "encoder.layer.{i}.intermediate.dense.*": "layers.{i}.mlp.up_proj.*",
    "encoder.layer.{i}.output.dense.*": "layers.{i}.mlp.down_proj.*",
    "encoder.layer.{i}.output.LayerNorm.*": "layers.{i}.mlp_norm.*",
}
LANGUAGE = {
    "cls.predictions.bias": "head.out.bias",
    "cls.predictions.decoder.*": "head.out.*",
    "cls.predictions.transform.dense.*": "head.dense.*",
    "cls.predictions.transform.LayerNorm.*": "head.norm.*",
}
POOLER = {"{base}.pooler.dense.*": "head.dense.*"}
POOLED = POOLER | {"classifier.*": "head.out.*"}
HEADS = {
    "base": Head(weights={"pooler.dense.*": "head.dense.*"}),
    "masked-lm": Head(weights=LANGUAGE, dense="same", norm=True, tied=True),
    "causal-lm": Head(weights=LANGUAGE, dense="same", norm=True, tied=True, class_name="BertLMHeadModel"),
    "sequence-classification": Head(weights=POOLED, dense="tanh", drop_first=False, dropout=_dropout),
    "token-classification": Head(weights={"classifier.*": "head.out.*"}, dropout=_dropout),
    "question-answering": Head(weights={"qa_outputs.*": "head.out.*"}),
    "multiple-choice": Head(weights=POOLED, dense="tanh", drop_first=False, dropout=_dropout),
    "next-sentence": Head(weights=POOLER | {"cls.seq_relationship.*": "head.out.*"}, dense="tanh"),
    "pretraining": Head(
        weights=LANGUAGE | {"{base}.pooler.dense.*": "head.pooler.*", "cls.seq_relationship.*": "head.second.*"},
        dense="same", norm=True, tied=True,
    ),
}  # fmt: skip
DEFAULTS = {
    "vocab_size": 30522, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
    "intermediate_size": 3072, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 512, "type_vocab_size": 2, "initializer_range": 0.02, "layer_norm_eps": 1e-12,
    "pad_token_id": 0, "use_cache": True, "classifier_dropout": None, "is_decoder": False,
    "add_cross_attention": False, "bos_token_id": None, "eos_token_id": None, "tie_word_embeddings": True,
}  # fmt: skip
BERT = Recipe(
    model_type="bert", name="Bert", prefix="bert", config=config, weights=WEIGHTS, heads=HEADS, defaults=DEFAULTS
)

_LANGUAGE = {
    "lm_head.bias": "head.out.bias", "lm_head.decoder.*": "head.out.*",
    "lm_head.dense.*": "head.dense.*", "lm_head.layer_norm.*": "head.norm.*",
}  # fmt: skip
_CLASSIFIER = {"classifier.dense.*": "head.dense.*", "classifier.out_proj.*": "head.out.*"}
_HEADS = {task: head for task, head in HEADS.items() if task not in ("next-sentence", "pretraining")} | {
    "masked-lm": Head(weights=_LANGUAGE, dense="gelu", norm=True, tied=True),
    "causal-lm": Head(weights=_LANGUAGE, dense="gelu", norm=True, tied=True),
    "sequence-classification": Head(weights=_CLASSIFIER, dense="tanh", dropout=_dropout),
    "multiple-choice": Head(weights=POOLED, dense="tanh", drop_first=False, dropout=hidden_dropout),
}
_DEFAULTS = DEFAULTS | {"vocab_size": 50265, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
ROBERTA = replace(
    BERT, model_type="roberta", name="Roberta", prefix="roberta", config=roberta, heads=_HEADS, defaults=_DEFAULTS
)

# The same under other names, and norm first.
XLM_ROBERTA = replace(ROBERTA, model_type="xlm-roberta", name="XLMRoberta", defaults=_DEFAULTS | {"vocab_size": 30522})
CAMEMBERT = replace(XLM_ROBERTA, model_type="camembert", name="Camembert")
_OWN = HEADS | {"causal-lm": replace(HEADS["causal-lm"], class_name="")}
ERNIE = replace(
    BERT, model_type="ernie", name="Ernie", prefix="ernie", heads=_OWN,
    weights=WEIGHTS | {"embeddings.task_type_embeddings.weight": "embed_tasks.weight"},
    config=lambda hf: replace(config(hf), task_types=hf.task_type_vocab_size if hf.use_task_id else 0),
    defaults=DEFAULTS | {"task_type_vocab_size": 3, "use_task_id": False},
)  # fmt: skip
_FIRST = {"block": "pre_norm", "final_norm": True}


def _first(attention: str, mlp: str, last: str) -> Mapping[str, Ours]:
    """BERT's names with other ones of the norms."""
    kept = {theirs: ours for theirs, ours in WEIGHTS.items() if not theirs.endswith("output.LayerNorm.*")}
    layer = "encoder.layer.{i}."
    return kept | {
        f"{layer}attention.{attention}.*": "layers.{i}.attention_norm.*", f"{layer}{mlp}.*": "layers.{i}.mlp_norm.*",
        f"{layer}crossattention.{attention}.*": "layers.{i}.cross_norm.*", f"{last}.*": "norm.*",
    }  # fmt: skip


ROBERTA_PRELAYERNORM = replace(
    ROBERTA, model_type="roberta-prelayernorm", name="RobertaPreLayerNorm", prefix="roberta_prelayernorm",
    weights=_first("LayerNorm", "intermediate.LayerNorm", "LayerNorm"),
    config=lambda hf: replace(roberta(hf), **_FIRST),
)  # fmt: skip
XLM_ROBERTA_XL = replace(
    ROBERTA, model_type="xlm-roberta-xl", name="XLMRobertaXL",
    weights=_first("self_attn_layer_norm", "LayerNorm", "encoder.LayerNorm"),
    config=lambda hf: replace(roberta(hf), embed_norm=False, **_FIRST),
    defaults=_DEFAULTS | {
        "vocab_size": 250880, "hidden_size": 2560, "num_hidden_layers": 36, "num_attention_heads": 32,
        "intermediate_size": 10240, "max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5,
    },
)  # fmt: skip
_PLAIN = {task: replace(head, dropout=hidden_dropout) for task, head in HEADS.items() if head.dropout is _dropout}
MEGATRON_BERT = replace(
    BERT, model_type="megatron-bert", name="MegatronBert",
    heads=_OWN | _PLAIN, weights=_first("ln", "ln", "encoder.ln"),
    config=lambda hf: replace(config(hf), embed_norm=False, **_FIRST),
    defaults={name: value for name, value in DEFAULTS.items() if name != "classifier_dropout"} | {
        "vocab_size": 29056, "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16,
        "intermediate_size": 4096,
    },
)  # fmt: skip
