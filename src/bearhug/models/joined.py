"""An encoder and a decoder of different architectures as one model; `recipes/encoder_decoder.py` says its weights."""

from __future__ import annotations

import os
from typing import Any

from torch import nn

from bearhug.models.config import PretrainedConfig
from bearhug.models.pretrained import PreTrainedModel
from bearhug.models.seq2seq import Seq2SeqLM


class Joined(Seq2SeqLM):
    """Reads a text with one model and writes another with a second, which looks at the first one's vectors."""

    def __init__(
        self, config: PretrainedConfig | None = None, encoder: Any = None, decoder: Any = None, **options: Any
    ):
        """From a config, or from two models, whose weights it takes; the decoder's cross attention may be new.

        Raises:
            ValueError: neither; or the decoder cannot look at an encoder.
        """
        if config is None:
            if encoder is None or decoder is None:
                raise ValueError("an encoder-decoder is made from config=, or from encoder= and decoder=.")
            parts = {"encoder": encoder.config.to_dict(), "decoder": decoder.config.to_dict()}
            config = self.config_class(**parts)
        super().__init__(config, **options)
        if not self.model.config.cross_attention:
            raise ValueError(f"{config.decoder.model_type} has no cross attention, and cannot be a decoder here.")
        for part, own in ((encoder, self.model.encoder), (decoder, self.model)):
            if part is not None:
                _take(part.model, own)
        if decoder is not None:
            _take(decoder.head, self.head)
            self.tie_weights()

    def _resize(
        self, table: nn.Embedding, size: int | None, multiple: int | None, mean: bool, decoder: bool = False
    ) -> nn.Embedding:
        table = super()._resize(table, size, multiple, mean, decoder)
        (self.config.decoder if decoder else self.config.encoder).vocab_size = table.num_embeddings
        self.config.vocab_size = self.config.decoder.vocab_size
        return table

    @classmethod
    def from_encoder_decoder_pretrained(
        cls,
        encoder_pretrained_model_name_or_path: str | os.PathLike | None = None,
        decoder_pretrained_model_name_or_path: str | os.PathLike | None = None,
        **options: Any,
    ) -> Joined:
        """Two checkpoints as one model. A decoder without cross attention gets a new one, to be trained.

        Args:
            options: `encoder_...` and `decoder_...` go to the loading of the parts (`encoder_model=`: one that is
                there already); the others into the config.

        Raises:
            ValueError: a part is missing.
        """
        from bearhug.models.auto import AutoModel, AutoModelForCausalLM

        names = {"encoder": encoder_pretrained_model_name_or_path, "decoder": decoder_pretrained_model_name_or_path}
        parts: dict[str, PreTrainedModel] = {}
        for part, auto in (("encoder", AutoModel), ("decoder", AutoModelForCausalLM)):
            own = {name.removeprefix(f"{part}_"): options.pop(name) for name in list(options) if name.startswith(part)
                   and not name.endswith("start_token_id")}  # fmt: skip
            model, name = own.pop("model", None), names[part]
            if model is None and name is None:
                raise ValueError(
                    f"from_encoder_decoder_pretrained needs the {part}: a name, a folder, or {part}_model=."
                )
            if model is None:
                own = {"is_decoder": True} | own if _told(part, name) else own
                model = auto.from_pretrained(str(name), **own)
            parts[part] = model
        configs = {part: model.config.to_dict() for part, model in parts.items()}
        config = cls.config_class(**configs, **options)
        model = cls(config, **parts)
        return model.to(parts["decoder"].dtype).eval()


def _told(part: str, name: Any) -> bool:
    """Whether a checkpoint's config can say that it is a decoder."""
    from bearhug.models.auto_config import AutoConfig

    return part == "decoder" and "is_decoder" in AutoConfig.from_pretrained(name).defaults


def _take(source: nn.Module, own: Any) -> None:
    """The weights that both have by one name."""
    known = own.state_dict()
    given = {name: one for name, one in source.state_dict().items() if name in known}
    own.load_state_dict(given, strict=False)
