"""GPT-2 (Radford et al. 2019): layer norm first, learned positions; q, k and v in one matrix, stored transposed.

GPT-BigCode (arXiv:2301.03988) is its sibling with one key/value head for all, stored as it is.
"""

from dataclasses import replace
from typing import Any

from bearhug.checkpoints.weight_map import Fused, Ours, Transposed
from bearhug.models.config import Config, PretrainedConfig
from bearhug.models.recipe import Head, Recipe, translated


def config(hf: PretrainedConfig, **changes: Any) -> Config:
    """A GPT-2 config, translated; the siblings' too, with what they do otherwise as `changes`."""
    usual = translated(
        hf, intermediate_size=hf.n_inner or 4 * hf.n_embd, positions="learned", token_types="shared", causal=True,
        cross_attention=getattr(hf, "add_cross_attention", False), norm_eps=hf.layer_norm_epsilon,
        activation=hf.activation_function, attention_scale=None if getattr(hf, "scale_attn_weights", True) else 1.0,
        scale_by_layer=getattr(hf, "scale_attn_by_inverse_layer_idx", False), embed_dropout=hf.embd_pdrop,
        residual_dropout=hf.resid_pdrop, mlp_dropout=hf.resid_pdrop, attention_dropout=hf.attn_pdrop,
        scaled_residual_init=True,
    )  # fmt: skip
    return replace(usual, **changes)


def bigcode(hf: PretrainedConfig) -> Config:
    """A GPT-BigCode config, translated."""
    if hf.add_cross_attention:
        raise ValueError("add_cross_attention=True asks for an encoder's output to look at, which this model has not.")
    return config(hf, num_key_value_heads=1 if hf.multi_query else hf.n_head)


WEIGHTS = {  # theirs: ours
    "wte.weight": "embed_tokens.weight",
    "wpe.weight": "positions.weight",
    "h.{i}.ln_1.*": "layers.{i}.attention_norm.*",
    "h.{i}.attn.c_attn.*": Fused("layers.{i}.attention.{q,k,v}_proj.*", transposed=True),
    "h.{i}.attn.c_proj.*": Transposed("layers.{i}.attention.o_proj.*"),
    "h.{i}.crossattention.c_attn.*": Fused("layers.{i}.cross.{k,v}_proj.*", transposed=True),
    "h.{i}.crossattention.q_attn.*": Transposed("layers.{i}.cross.q_proj.*"),
    "h.{i}.crossattention.c_proj.*": Transposed("layers.{i}.cross.o_proj.*"),
    "h.{i}.ln_cross_attn.*": "layers.{i}.cross_norm.*",
    "h.{i}.ln_2.*": "layers.{i}.mlp_norm.*",
    "h.{i}.mlp.c_fc.*": Transposed("layers.{i}.mlp.up_proj.*"),
    "h.{i}.mlp.c_proj.*": Transposed("layers.{i}.mlp.down_proj.*"),
    "ln_f.*": "norm.*",
    "h.{i}.attn.bias": None,
    "h.{i}.attn.masked_bias": None,
}
HEADS = {
    "causal-lm": Head(
        weights={"lm_head.weight": "head.out.weight"}, bias=False, tied=True, class_name="GPT2LMHeadModel"
    ),
    "double-heads": Head(
        weights={"lm_head.weight": "head.out.weight", "multiple_choice_head.summary.*": "head.choice.*"},
        bias=False,
        tied=True,
    ),
    "sequence-classification": Head(weights={"score.weight": "head.out.weight"}, bias=False, pick="last"),
    "token-classification": Head(
        weights={"classifier.*": "head.out.*"}, dropout=lambda hf: getattr(hf, "classifier_dropout", None) or 0.1
    ),
    "question-answering": Head(weights={"qa_outputs.*": "head.out.*"}),
}
DEFAULTS = {
    "vocab_size": 50257, "n_positions": 1024, "n_embd": 768, "n_layer": 12, "n_head": 12, "n_inner": None,
    "activation_function": "gelu_new", "resid_pdrop": 0.1, "embd_pdrop": 0.1, "attn_pdrop": 0.1,
    "layer_norm_epsilon": 1e-5, "initializer_range": 0.02, "summary_type": "cls_index", "summary_use_proj": True,
    "summary_activation": None, "summary_proj_to_labels": True, "summary_first_dropout": 0.1,
    "scale_attn_weights": True, "use_cache": True, "bos_token_id": 50256, "eos_token_id": 50256, "pad_token_id": None,
    "scale_attn_by_inverse_layer_idx": False, "reorder_and_upcast_attn": False, "add_cross_attention": False,
    "tie_word_embeddings": True,
}  # fmt: skip
NAMES = {
    "hidden_size": "n_embd",
    "max_position_embeddings": "n_positions",
    "num_attention_heads": "n_head",
    "num_hidden_layers": "n_layer",
}
GPT2 = Recipe(
    model_type="gpt2", name="GPT2", prefix="transformer", config=config,
    weights=WEIGHTS, heads=HEADS, defaults=DEFAULTS, names=NAMES,
)  # fmt: skip


def _weights_bigcode(hf: PretrainedConfig) -> dict[str, Ours]:
    fused = Fused("layers.{i}.attention.{q,k,v}_proj.*", blocks=1 if hf.multi_query else hf.n_head)
    straight = {name: ours.name if isinstance(ours, Transposed) else ours for name, ours in WEIGHTS.items()}
    return straight | {"h.{i}.attn.c_attn.*": fused}


def _settle_bigcode(hf: PretrainedConfig) -> None:
    hf.num_key_value_heads = 1 if hf.multi_query else hf.n_head


_SHARED = ("causal-lm", "sequence-classification", "token-classification")
_OTHER = ("summary", "scale_attn_by", "reorder")
_BIGCODE = {name: value for name, value in DEFAULTS.items() if not name.startswith(_OTHER)} | {
    "activation_function": "gelu_pytorch_tanh", "attention_softmax_in_fp32": True,
    "scale_attention_softmax_in_fp32": True, "multi_query": True, "num_key_value_heads": None,
}  # fmt: skip
GPT_BIGCODE = replace(
    GPT2, model_type="gpt_bigcode", name="GPTBigCode", config=bigcode, weights=_weights_bigcode,
    settle=_settle_bigcode, defaults=_BIGCODE,
    heads={task: replace(HEADS[task], class_name="") for task in _SHARED},
)  # fmt: skip
