"""BART (Lewis et al. 2019, arXiv:1910.13461), MBART, Marian, PEGASUS, M2M100 and NLLB: an encoder and a decoder."""

from dataclasses import replace

from bearhug.checkpoints.weight_map import Also, Ours, Row
from bearhug.models.config import Config, PretrainedConfig
from bearhug.models.recipe import WORDS, Head, Recipe, translated


def config(hf: PretrainedConfig) -> Config:
    """A BART config, translated; the siblings' too."""

    def part(name: str) -> Config:
        heads = getattr(hf, f"{name}_attention_heads")
        return translated(
            hf, intermediate_size=getattr(hf, f"{name}_ffn_dim"), num_hidden_layers=getattr(hf, f"{name}_layers"),
            num_attention_heads=heads, num_key_value_heads=heads, head_dim=hf.d_model // heads, positions="learned",
            position_skip=2, padding_index=hf.pad_token_id, embed_norm=True,
            embed_scale=hf.d_model**0.5 if hf.scale_embedding else 1.0, own_table=not hf.tie_word_embeddings,
            causal=False, block="post_norm", norm_eps=1e-5, final_norm=False, activation=hf.activation_function,
            embed_dropout=hf.dropout, residual_dropout=hf.dropout, mlp_dropout=hf.dropout,
            attention_dropout=hf.attention_dropout, activation_dropout=hf.activation_dropout,
            layer_dropout=getattr(hf, f"{name}_layerdrop"), initializer_range=hf.init_std,
        )  # fmt: skip

    decoder = replace(part("decoder"), causal=True, cross_attention=True, shift_inputs=True)
    return replace(decoder, encoder=part("encoder"))


def both(config: Config, **changes: object) -> Config:
    """The same changes in the encoder and the decoder."""
    assert config.encoder is not None
    return replace(config, encoder=replace(config.encoder, **changes), **changes)


def mbart(hf: PretrainedConfig) -> Config:
    """MBART (Liu et al. 2020, arXiv:2001.08210): norm first; a text starts with its language, which stands last."""
    return both(replace(config(hf), starts_with_last=True), block="pre_norm", final_norm=True)


def waves(hf: PretrainedConfig) -> Config:
    """A table of waves as positions; the words are scaled, and vectors that the decoder is given in their place."""
    one = both(config(hf), positions="sinusoidal_table", position_skip=0, embed_norm=False, embed_scale=1.0,
               input_scale=hf.d_model**0.5 if hf.scale_embedding else 1.0)  # fmt: skip
    assert one.encoder is not None
    return replace(one, shift_inputs=False, encoder=replace(one.encoder, scale_given=False))


def marian(hf: PretrainedConfig) -> Config:
    """Marian (Junczys-Dowmunt et al. 2018, arXiv:1804.00344): waves as positions; maybe two vocabularies."""
    one = waves(hf)
    assert one.encoder is not None
    if hf.share_encoder_decoder_embeddings:
        return one
    return replace(one, encoder=replace(one.encoder, own_table=True), vocab_size=hf.decoder_vocab_size)


def pegasus(hf: PretrainedConfig) -> Config:
    """PEGASUS (Zhang et al. 2019, arXiv:1912.08777): waves as positions, norm first."""
    return both(waves(hf), block="pre_norm", final_norm=True)


def m2m_100(hf: PretrainedConfig) -> Config:
    """M2M100 (Fan et al. 2020, arXiv:2010.11125), NLLB: waves that begin behind the padding's place, norm first."""
    plain = {"positions": "sinusoidal", "position_skip": 0, "position_offset": hf.pad_token_id + 1}
    one = both(config(hf), **plain, embed_norm=False, block="pre_norm", final_norm=True)
    return replace(one, shift_inputs=False)


def settle(hf: PretrainedConfig) -> None:
    """Fill in what follows from the rest."""
    if "decoder_vocab_size" in hf.defaults and hf.decoder_vocab_size is None:
        hf.decoder_vocab_size = hf.vocab_size


def _layers(theirs: str, ours: str) -> dict[str, Ours]:
    """The names of the encoder's parts, or the decoder's."""
    layer, own = f"{theirs}.layers.{{i}}", f"{ours}layers.{{i}}"
    attentions = {"self_attn": "attention", **({"encoder_attn": "cross"} if theirs == "decoder" else {})}
    return {
        f"{theirs}.embed_positions.weight": f"{ours}positions.weight",
        f"{theirs}.layernorm_embedding.*": f"{ours}embed_norm.*",
        **{f"{layer}.{a}.{p}_proj.*": f"{own}.{b}.{p}_proj.*" for a, b in attentions.items() for p in "qkv"},
        **{f"{layer}.{a}.out_proj.*": f"{own}.{b}.o_proj.*" for a, b in attentions.items()},
        **{f"{layer}.{a}_layer_norm.*": f"{own}.{b}_norm.*" for a, b in attentions.items()},
        f"{layer}.fc1.*": f"{own}.mlp.up_proj.*",
        f"{layer}.fc2.*": f"{own}.mlp.down_proj.*",
        f"{layer}.final_layer_norm.*": f"{own}.mlp_norm.*",
        f"{theirs}.layer_norm.*": f"{ours}norm.*",
    }


def weights(hf: PretrainedConfig) -> dict[str, Ours]:
    """All names; where the words are not tied, or there are two vocabularies, the encoder has a table of its own."""
    one, words = getattr(hf, "share_encoder_decoder_embeddings", True), Also(WORDS)
    tables: dict[str, Ours] = {
        "shared.weight": WORDS if one else None,
        "encoder.embed_tokens.weight": words if one and hf.tie_word_embeddings else f"encoder.{WORDS}",
        "decoder.embed_tokens.weight": words if one and hf.tie_word_embeddings else WORDS,
    }
    old: dict[str, Ours] = {"encoder.version": None, "decoder.version": None}
    return {**tables, **_layers("encoder", "encoder."), **_layers("decoder", ""), **old}


def _dropout(hf: PretrainedConfig) -> float:
    return hf.classifier_dropout


_LM: dict[str, Ours] = {"final_logits_bias": Row("head.out.bias"), "lm_head.weight": "head.out.weight"}
_CLASSIFIER = {"classification_head.dense.*": "head.dense.*", "classification_head.out_proj.*": "head.out.*"}
WRITES = Head(weights=_LM, constant_bias=True, tied=True)
CONTINUES = Head(weights={"lm_head.weight": "head.out.weight"}, bias=False, tied=True, part="decoder", shift=False)
HEADS = {
    "seq2seq-lm": WRITES,
    "masked-lm": WRITES,
    "causal-lm": CONTINUES,
    "sequence-classification": Head(weights=_CLASSIFIER, dense="tanh", dropout=_dropout),
    "question-answering": Head(weights={"qa_outputs.*": "head.out.*"}),
}
_PLACES = {f"{{base}}.{part}.embed_positions.weight": None for part in ("encoder", "decoder")}
_MARIAN_HEADS = {
    "seq2seq-lm": replace(WRITES, weights=_LM | _PLACES, class_name="MarianMTModel"),
    "causal-lm": CONTINUES,
}
_M2M100 = Head(weights={"lm_head.weight": "head.out.weight"}, bias=False, tied=True, cache_with_labels=True)

_PEGASUS = {
    "vocab_size": 50265, "max_position_embeddings": 1024, "encoder_layers": 12, "encoder_ffn_dim": 4096,
    "encoder_attention_heads": 16, "decoder_layers": 12, "decoder_ffn_dim": 4096, "decoder_attention_heads": 16,
    "encoder_layerdrop": 0.0, "decoder_layerdrop": 0.0, "activation_function": "gelu", "d_model": 1024, "dropout": 0.1,
    "attention_dropout": 0.0, "activation_dropout": 0.0, "init_std": 0.02, "scale_embedding": False,
    "use_cache": True, "pad_token_id": 0, "eos_token_id": 1, "is_encoder_decoder": True, "decoder_start_token_id": 0,
    "forced_eos_token_id": 1, "is_decoder": False, "tie_word_embeddings": True,
}  # fmt: skip
_MBART = _PEGASUS | {
    "classifier_dropout": 0.0, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": None,
    "forced_eos_token_id": 2,
}  # fmt: skip
_BART = _MBART | {
    "decoder_start_token_id": 2, "id2label": {n: f"LABEL_{n}" for n in range(3)},
    "label2id": {f"LABEL_{n}": n for n in range(3)},
}  # fmt: skip
_MARIAN = _PEGASUS | {
    "vocab_size": 58101, "decoder_vocab_size": None, "decoder_start_token_id": 58100, "pad_token_id": 58100,
    "eos_token_id": 0, "bos_token_id": None, "forced_eos_token_id": 0, "share_encoder_decoder_embeddings": True,
}  # fmt: skip
_M2M100_DEFAULTS = {
    name: value for name, value in _PEGASUS.items() if name not in ("is_decoder", "forced_eos_token_id")
} | {
    "vocab_size": 128112, "encoder_layerdrop": 0.05, "decoder_layerdrop": 0.05, "activation_function": "relu",
    "attention_dropout": 0.1, "decoder_start_token_id": 2, "scale_embedding": True, "pad_token_id": 1,
    "bos_token_id": 0, "eos_token_id": 2,
}  # fmt: skip
NAMES = {"num_attention_heads": "encoder_attention_heads", "hidden_size": "d_model",
         "num_hidden_layers": "encoder_layers"}  # fmt: skip

BART = Recipe(
    model_type="bart", name="Bart", prefix="model", config=config, weights=weights, heads=HEADS, defaults=_BART,
    names=NAMES, settle=settle,
)  # fmt: skip
MBART = replace(BART, model_type="mbart", name="MBart", config=mbart, defaults=_MBART)
MARIAN = replace(BART, model_type="marian", name="Marian", config=marian, heads=_MARIAN_HEADS, defaults=_MARIAN)
_PEGASUS_HEADS = {"seq2seq-lm": WRITES, "causal-lm": CONTINUES}
PEGASUS = replace(BART, model_type="pegasus", name="Pegasus", config=pegasus, heads=_PEGASUS_HEADS, defaults=_PEGASUS)
M2M100 = replace(
    BART, model_type="m2m_100", name="M2M100", config=m2m_100, heads={"seq2seq-lm": _M2M100}, defaults=_M2M100_DEFAULTS
)
