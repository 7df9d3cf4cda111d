"""An encoder of one architecture, and a decoder of another that looks at it (Rothe et al. 2019, arXiv:1907.12461)."""

from dataclasses import replace

from bearhug.models import recipes
from bearhug.models.config import Config, PretrainedConfig
from bearhug.models.recipe import Head, Recipe, renamed


def config(hf: PretrainedConfig) -> Config:
    """The decoder's config, with the encoder's in it.

    Raises:
        ValueError: the encoder's vectors have another width than the decoder looks at.
    """
    encoder, decoder = _recipe(hf.encoder).config(hf.encoder), _recipe(hf.decoder).config(hf.decoder)
    width = getattr(hf.decoder, "cross_attention_hidden_size", None) or decoder.hidden_size
    if encoder.hidden_size != width:
        raise ValueError(
            f"the encoder gives vectors of {encoder.hidden_size} numbers, and the decoder looks at {width}.\n"
            "Take two of one width, or say cross_attention_hidden_size in the decoder's config."
        )
    return replace(decoder, encoder=replace(encoder, own_table=True, causal=False), source_width=width)


def made(hf: PretrainedConfig) -> Recipe:
    """The recipe of these two: their own tables of names, each behind its part's."""
    encoder, decoder = _recipe(hf.encoder), _recipe(hf.decoder)
    head = decoder.heads["causal-lm"]
    own = decoder.table("causal-lm", hf.decoder)
    weights = {
        f"encoder.{theirs}": renamed(ours, lambda name: name.replace("model.", "model.encoder.", 1))
        for theirs, ours in encoder.table("base", hf.encoder).items()
        if ours is None or not str(getattr(ours, "name", ours)).startswith("head.")
    }
    said = {name: getattr(hf.decoder, str(getattr(head, name)), getattr(head, name)) for name in _SAID}
    table = {"encoder.pooler.*": None, **weights, **{f"decoder.{theirs}": ours for theirs, ours in own.items()}}
    lm = replace(head, weights=table, prefix="", cache_with_labels=True, class_name=NAME,
                 dropout=lambda hf: head.dropout(hf.decoder), **said)  # fmt: skip
    return replace(ENCODER_DECODER, weights={}, heads={"seq2seq-lm": lm})


def _recipe(hf: PretrainedConfig) -> Recipe:
    return recipes.find(hf.model_type)


def _settle(hf: PretrainedConfig) -> None:
    """Both parts are configs of their own kinds, the second one a decoder's that looks at the first."""
    for name in ("encoder", "decoder"):
        part = getattr(hf, name) or {"model_type": "bert"}
        if not isinstance(part, PretrainedConfig):
            setattr(hf, name, recipes.config_class(part["model_type"]).from_dict(part))
    hf.decoder.is_decoder = hf.decoder.add_cross_attention = True
    hf.encoder.is_decoder = hf.encoder.add_cross_attention = False
    hf.__dict__.update(_use_cache=getattr(hf.decoder, "use_cache", True), _vocab_size=hf.decoder.vocab_size)


NAME = "EncoderDecoderModel"
_SAID = ("dense", "dense_bias", "bias")  # of a head: the decoder's config's, where they are names in it
ENCODER_DECODER = Recipe(
    model_type="encoder-decoder", name="EncoderDecoder", prefix="", config=config, weights={}, settle=_settle,
    heads={"seq2seq-lm": Head(weights={}, class_name=NAME)}, made=made,
    defaults={"encoder": None, "decoder": None, "pad_token_id": None, "decoder_start_token_id": None,
              "is_encoder_decoder": True}, names={"use_cache": "_use_cache", "vocab_size": "_vocab_size"},
)  # fmt: skip
