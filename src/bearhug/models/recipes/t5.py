"""T5 (Raffel et al. 2019, arXiv:1910.10683), MT5, UMT5 and Flan: an encoder and a decoder, biases by distance."""

from dataclasses import replace

from bearhug.checkpoints.weight_map import Also, Ours
from bearhug.models.config import Config, Kind, PretrainedConfig
from bearhug.models.recipe import WORDS, Head, Recipe, translated


def config(hf: PretrainedConfig) -> Config:
    """A T5 config, translated."""
    wide, deep = hf.initializer_factor * hf.d_model**-0.5, hf.initializer_factor * hf.d_ff**-0.5
    encoder = translated(
        hf, intermediate_size=hf.d_ff, head_dim=hf.d_kv, own_table=False, causal=False, norm="rms",
        norm_eps=hf.layer_norm_epsilon, positions="relative", max_position_embeddings=0,
        relative_buckets=hf.relative_attention_num_buckets, relative_distance=hf.relative_attention_max_distance,
        mlp="gated" if hf.is_gated_act else "plain", activation=hf.dense_act_fn, mlp_bias=False, qkv_bias=False,
        output_bias=False, attention_scale=1.0,
        logit_scale=hf.d_model**-0.5 if getattr(hf, "scale_decoder_outputs", False) else 1.0,
        embed_dropout=hf.dropout_rate, residual_dropout=hf.dropout_rate, mlp_dropout=hf.dropout_rate,
        activation_dropout=hf.dropout_rate, attention_dropout=hf.dropout_rate, final_dropout=hf.dropout_rate,
        initializer_range=wide, initializer_ranges={
            "embed_tokens": hf.initializer_factor, "q_proj": wide * hf.d_kv**-0.5, "down_proj": deep,
            "o_proj": hf.initializer_factor * (hf.num_heads * hf.d_kv) ** -0.5,
        },
    )  # fmt: skip
    layers = hf.num_decoder_layers
    return replace(encoder, encoder=encoder, causal=True, cross_attention=True, num_hidden_layers=layers)


def umt5(hf: PretrainedConfig) -> Config:
    """UMT5 (Chung et al. 2023, arXiv:2304.09151): every layer has biases of its own; outputs are scaled."""

    def by_layer(one: Config) -> Config:
        names = tuple(str(layer) for layer in range(one.num_hidden_layers))
        return replace(one, positions="relative_by_layer", layer_types=names, kinds=dict.fromkeys(names, Kind()))

    whole = config(hf)
    assert whole.encoder is not None
    return replace(by_layer(whole), encoder=by_layer(whole.encoder), logit_scale=hf.d_model**-0.5)


def settle(hf: PretrainedConfig) -> None:
    """Fill in what follows from the rest. Words are tied; an old config that says otherwise means unscaled outputs."""
    if hf.num_decoder_layers is None:
        hf.num_decoder_layers = hf.num_layers
    words = hf.feed_forward_proj.split("-")
    if len(words) > 2 or (len(words) == 2 and words[0] != "gated"):
        raise ValueError(f"feed_forward_proj={hf.feed_forward_proj!r} is neither an activation nor 'gated-' and one.")
    hf.is_gated_act = words[0] == "gated"
    hf.dense_act_fn = "gelu_new" if hf.feed_forward_proj == "gated-gelu" else words[-1]
    if "scale_decoder_outputs" in hf.defaults and hf.scale_decoder_outputs is None:
        hf.scale_decoder_outputs = hf.tie_word_embeddings
    hf.tie_word_embeddings = True


def _stack(theirs: str, ours: str, gated: bool) -> dict[str, Ours]:
    """The names of the encoder's layers, or the decoder's."""
    block, layer, last = f"{theirs}.block.{{i}}.layer", f"{ours}layers.{{i}}", 2 if theirs == "decoder" else 1
    ways = {"wi_0": "gate_proj", "wi_1": "up_proj"} if gated else {"wi": "up_proj"}
    attentions = {"0.SelfAttention": "attention", **({"1.EncDecAttention": "cross"} if last == 2 else {})}
    return {
        f"{theirs}.embed_tokens.weight": Also(WORDS),
        **{f"{block}.{a}.{p}.*": f"{layer}.{b}.{p}_proj.*" for a, b in attentions.items() for p in "qkvo"},
        **{f"{block}.{a[0]}.layer_norm.*": f"{layer}.{b}_norm.*" for a, b in attentions.items()},
        f"{theirs}.block.0.layer.0.SelfAttention.relative_attention_bias.weight": f"{ours}positions.weight",
        f"{block}.0.SelfAttention.relative_attention_bias.weight": f"{ours}positions.layers.{{i}}.weight",
        **{
            f"{block}.{last}.DenseReluDense.{a}.*": f"{layer}.mlp.{b}.*" for a, b in {**ways, "wo": "down_proj"}.items()
        },
        f"{block}.{last}.layer_norm.*": f"{layer}.mlp_norm.*",
        f"{theirs}.final_layer_norm.*": f"{ours}norm.*",
    }


def weights(hf: PretrainedConfig) -> dict[str, Ours]:
    """All names."""
    return {
        "shared.weight": WORDS,
        **_stack("encoder", "encoder.", hf.is_gated_act),
        **_stack("decoder", "", hf.is_gated_act),
        "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight": None,
    }


def _dropout(hf: PretrainedConfig) -> float:
    return hf.classifier_dropout


_CLASSIFIER = {"classification_head.dense.*": "head.dense.*", "classification_head.out_proj.*": "head.out.*"}
HEADS = {
    "seq2seq-lm": Head(
        weights={"lm_head.weight": "head.out.weight"}, bias=False, tied=True, prefix="", cache_with_labels=True
    ),
    "text-encoding": Head(weights={}, part="encoder", prefix=""),
    "sequence-classification": Head(weights=_CLASSIFIER, dense="tanh", dropout=_dropout),
    "token-classification": Head(weights={"classifier.*": "head.out.*"}, part="encoder", dropout=_dropout),
    "question-answering": Head(weights={"qa_outputs.*": "head.out.*"}, prefix=""),
}
DEFAULTS = {
    "vocab_size": 32128, "d_model": 512, "d_kv": 64, "d_ff": 2048, "num_layers": 6, "num_decoder_layers": None,
    "num_heads": 8, "relative_attention_num_buckets": 32, "relative_attention_max_distance": 128, "dropout_rate": 0.1,
    "layer_norm_epsilon": 1e-6, "initializer_factor": 1.0, "feed_forward_proj": "relu", "is_encoder_decoder": True,
    "use_cache": True, "pad_token_id": 0, "eos_token_id": 1, "classifier_dropout": 0.0, "is_decoder": False,
    "scale_decoder_outputs": None, "tie_word_embeddings": True, "is_gated_act": None, "dense_act_fn": None,
}  # fmt: skip
NAMES = {"hidden_size": "d_model", "num_attention_heads": "num_heads", "num_hidden_layers": "num_layers",
         "head_dim": "d_kv"}  # fmt: skip
T5 = Recipe(
    model_type="t5", name="T5", prefix="transformer", config=config, weights=weights, heads=HEADS,
    defaults=DEFAULTS, names=NAMES, settle=settle,
)  # fmt: skip
_UMT5 = {name: value for name, value in DEFAULTS.items() if name != "scale_decoder_outputs"} | {
    "vocab_size": 250112, "d_ff": 1024, "num_layers": 8, "num_heads": 6, "feed_forward_proj": "gated-gelu",
    "decoder_start_token_id": 0,
}  # fmt: skip
MT5 = replace(T5, model_type="mt5", name="MT5", defaults=_UMT5 | {"bos_token_id": None})
UMT5 = replace(T5, model_type="umt5", name="UMT5", config=umt5, defaults=_UMT5)
