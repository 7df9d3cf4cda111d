"""An encoder reads a text, a decoder writes another while looking at it: how such models are called, and their heads.

B rows, S tokens of the encoder, T of the decoder, D width, V vocabulary. The decoder is `model.model`, a `Transformer`
like every other; the encoder is one too, `model.model.encoder`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from bearhug.caches.kv import KVCache
from bearhug.kernels.bare import bare
from bearhug.models import outputs
from bearhug.models.heads import MaskedLM, QuestionAnswering, SequenceClassification, last_real
from bearhug.models.pretrained import PreTrainedModel
from bearhug.models.recipe import Head
from bearhug.models.transformer import Transformer


class Seq2Seq(PreTrainedModel):
    """A model with an encoder and a decoder."""

    model: Transformer
    from_labels = False  # without decoder inputs the labels are them, one place later; else the encoder's inputs

    def forward(  # type: ignore[override]
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_outputs: Any = None,
        past_key_values: KVCache | None = None,
        inputs_embeds: Tensor | None = None,
        decoder_inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        decoder_position_ids: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        num_items_in_batch: Tensor | int | None = None,
        cache_position: Tensor | None = None,
    ) -> Any:
        """Run the encoder, where nothing else says what it gave, and the decoder.

        Args:
            input_ids, attention_mask, inputs_embeds, token_type_ids, position_ids: the encoder's; (B, S), padded on any
                side, as in `PreTrainedModel.forward`.
            decoder_input_ids, decoder_attention_mask, decoder_inputs_embeds, decoder_position_ids: the decoder's,
                (B, T). None: made from the labels, or for heads without such from the input, by moving them one place
                to the right behind decoder_start_token_id.
            encoder_outputs: what the encoder gave in an earlier call, or (last_hidden_state, ...).
            past_key_values: what the decoder has seen, the encoder's text included.
            labels: (B, T) for language models, -100 counts for nothing; (B,) for classification.

        The other arguments and the errors are those of `PreTrainedModel.forward`.
        """
        config = self.config
        hidden = config.output_hidden_states if output_hidden_states is None else output_hidden_states
        attentions = config.output_attentions if output_attentions is None else output_attentions
        labelled = {"labels": labels, "start_positions": start_positions, "end_positions": end_positions}
        options = self.asked(labelled, {}, logits_to_keep, num_items_in_batch)
        if use_cache is None:
            use_cache = getattr(config, "use_cache", False) and not (self.training and self.model.checkpointing)
        head = self.recipe.heads.get(self.task)
        is_labelled = not options.keys().isdisjoint(labelled)
        use_cache = use_cache and not (is_labelled and head is not None and not head.cache_with_labels)
        if decoder_input_ids is None and decoder_inputs_embeds is None:
            decoder_input_ids, decoder_attention_mask = self._decoder_inputs(
                input_ids, attention_mask, decoder_attention_mask, labels
            )
        if encoder_outputs is None and (past_key_values is None or past_key_values[0].source is None):
            assert self.model.encoder is not None
            encoder = self.model.encoder
            encoder_outputs = (bare(encoder) if self._worth_baring() else encoder)(
                input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, None, False, hidden, attentions
            )
        elif encoder_outputs is not None and not isinstance(encoder_outputs, Mapping):
            encoder_outputs = outputs.BaseModelOutput(
                **dict(zip(("last_hidden_state", "hidden_states", "attentions"), encoder_outputs, strict=False))
            )
        states = None if encoder_outputs is None else encoder_outputs["last_hidden_state"]
        run, parts = self._computation(past_key_values, decoder_input_ids)
        source = self.source(states, attention_mask, attentions)
        inputs = (decoder_input_ids, decoder_attention_mask, None, decoder_position_ids, decoder_inputs_embeds)
        base = run(*inputs, past_key_values, use_cache, hidden, attentions, source)
        read, layers = encoder_outputs or {}, ("hidden_states", "attentions")
        captured = {name: base.get(name) for name in ("last_hidden_state", "past_key_values", "cross_attentions")}
        captured |= {"encoder_last_hidden_state": states, **{f"encoder_{name}": read.get(name) for name in layers}}
        captured |= {f"decoder_{name}": base.get(name) for name in layers}
        output = self.answer(parts, captured, self.read_at(input_ids, attention_mask), **options)
        return output if (config.return_dict if return_dict is None else return_dict) else output.to_tuple()

    def read_at(self, ids: Tensor | None, mask: Tensor | None) -> Tensor | None:
        """The places (B, T) of the text that the head asks; None: all."""
        return None

    def get_encoder(self) -> nn.Module:
        """The encoder: `model.get_encoder()(input_ids, attention_mask)` gives what `encoder_outputs=` takes."""
        assert self.model.encoder is not None
        return self.model.encoder

    def get_decoder(self) -> nn.Module:
        """The decoder."""
        return self.model

    def prepare_decoder_input_ids_from_labels(self, labels: Tensor) -> Tensor:
        """The decoder's inputs that go with these labels (B, T)."""
        return self._shifted(labels)

    def _decoder_inputs(
        self, ids: Tensor | None, mask: Tensor | None, given: Tensor | None, labels: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """The decoder's inputs (B, T) where none are given, and their mask."""
        if self.from_labels and labels is not None:
            return self._shifted(labels), given
        if ids is None or not (
            self.model.config.shift_inputs or self.task in ("sequence-classification", "question-answering")
        ):
            raise ValueError(
                f"{type(self).__name__} got nothing for its decoder.\n"
                "Give labels=, or decoder_input_ids=; to write a text, call model.generate(**inputs)."
            )
        if mask is None or not bool((mask[:, 1:] > mask[:, :-1]).any()):
            return self._shifted(ids, mask), given
        real = mask.bool()  # padding stands before the text, or within: the text begins with its first token
        before = real.long() * torch.arange(1, ids.shape[1] + 1, device=ids.device)
        before = torch.cat((torch.zeros_like(before[:, :1]), before.cummax(-1).values[:, :-1]), 1)  # 0: none
        moved = ids.gather(1, (before - 1).clamp(min=0))
        return torch.where(before == 0, self._start(ids, real), moved), mask if given is None else given

    def _shifted(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """One place to the right, behind the token to start from; -100 becomes padding."""
        pad = self.config.pad_token_id
        if pad is None:
            raise ValueError("the labels' -100 have no id to stand for them: set model.config.pad_token_id.")
        ids = ids.masked_fill(ids == -100, pad)
        return torch.cat((self._start(ids, ids != pad if mask is None else mask), ids[:, :-1]), 1)

    def _start(self, ids: Tensor, real: Tensor) -> Tensor:
        """(B, 1) the token to start from: the config's, or each row's last one (MBART's language)."""
        if self.model.config.starts_with_last:
            return last_real(ids[..., None], real)
        start = getattr(self.config, "decoder_start_token_id", None)
        if start is None:
            raise ValueError("the decoder has no token to start from: set model.config.decoder_start_token_id.")
        return torch.full_like(ids[:, :1], start)


class Seq2SeqBase(Seq2Seq):
    """Encoder and decoder without a head."""

    task = "base"

    def build_head(self, head: Head | None) -> nn.Module | None:
        """Nothing."""
        return None

    def answer(self, head: Any, base: Any, mask: Tensor | None, *args: Any, **kwargs: Any) -> outputs.ModelOutput:
        """last_hidden_state (B, T, D)."""
        return outputs.Seq2SeqModelOutput(**base)


class Seq2SeqLM(Seq2Seq, MaskedLM):  # pyright: ignore[reportIncompatibleMethodOverride]
    """Reads a text and scores the next token of another: logits (B, T, V)."""

    task = "seq2seq-lm"
    takes = ("labels", "logits_to_keep", "num_items_in_batch")
    output = outputs.Seq2SeqLMOutput
    from_labels = True


class Seq2SeqSequenceClassification(Seq2Seq, SequenceClassification):  # pyright: ignore[reportIncompatibleMethodOverride]
    """Scores of a text's label (B, N), by the decoder's vector at the last end token of the same text."""

    output = outputs.Seq2SeqSequenceClassifierOutput

    def read_at(self, ids: Tensor | None, mask: Tensor | None) -> Tensor | None:
        """The end tokens.

        Raises:
            ValueError: a row has no end token, or there are no ids to find it in.
        """
        end = self.config.eos_token_id
        ends = None if ids is None else (ids == end) if mask is None else (ids == end) & mask.bool()
        if ends is None or not bool(ends.any(-1).all()):
            raise ValueError(
                f"{type(self).__name__} reads a label at a text's end token, eos_token_id={end}, and a row has none.\n"
                "Give input_ids as the model's own tokenizer makes them, special tokens included."
            )
        return ends

    def scores(self, head: Any, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, N)."""
        return head(last_real(x, mask))


class Seq2SeqQuestionAnswering(Seq2Seq, QuestionAnswering):  # pyright: ignore[reportIncompatibleMethodOverride]
    """Scores of where an answer starts and ends (B, T)."""

    output = outputs.Seq2SeqQuestionAnsweringModelOutput

    def build_head(self, head: Head | None) -> nn.Module | None:
        """D -> 2."""
        self.config.num_labels = 2
        return super().build_head(head)


# task -> its class where the architecture has an encoder and a decoder
SEQ2SEQ_TASKS: dict[str, type[PreTrainedModel]] = {
    **{kind.task: kind for kind in (Seq2SeqBase, Seq2SeqLM, Seq2SeqSequenceClassification, Seq2SeqQuestionAnswering)},
    "masked-lm": Seq2SeqLM,
}
