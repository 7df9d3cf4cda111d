"""What the heads' forward returns. B rows, T tokens, D width, V vocabulary, L layers, H heads, S all tokens.

hidden_states are L + 1 tensors (B, T, D): the embeddings, then each layer's result, the last one after the final norm.
attentions are L tensors (B, H, T, S). Both are there only when asked for. cross_attentions are those over another text,
an encoder's; of a model with an encoder the others are called decoder_... and encoder_....
Some architectures call their cache cache_params.

The fields stand in the order of a class's bases, then its own.
"""

from __future__ import annotations

from torch import Tensor

from bearhug._lib.outputs import ModelOutput
from bearhug.caches.kv import KVCache


class _Loss(ModelOutput):
    loss: Tensor | None


class _Scores(_Loss):
    logits: Tensor


class _Spans(_Loss):
    start_logits: Tensor
    end_logits: Tensor


class _Cache(ModelOutput):
    past_key_values: KVCache | None


class _Layers(ModelOutput):
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None


class _Pair(_Cache):
    decoder_hidden_states: tuple[Tensor, ...] | None
    decoder_attentions: tuple[Tensor, ...] | None
    cross_attentions: tuple[Tensor, ...] | None
    encoder_last_hidden_state: Tensor | None
    encoder_hidden_states: tuple[Tensor, ...] | None
    encoder_attentions: tuple[Tensor, ...] | None


class _Vectors(ModelOutput):
    last_hidden_state: Tensor


class BaseModelOutput(_Vectors):
    """Of a model without a head; pooler_output (B, D) where it has a pooler."""

    pooler_output: Tensor | None
    past_key_values: KVCache | None
    cache_params: KVCache | None
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None
    cross_attentions: tuple[Tensor, ...] | None
    router_logits: tuple[Tensor, ...] | None


class MoeModelOutput(_Vectors, _Cache):
    """Of a mixture of experts without a head, whose routers were asked for their scores (B * T, experts)."""

    router_logits: tuple[Tensor, ...] | None
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None


class CausalLMOutput(_Scores, _Cache):
    """logits (B, T, V): the scores of the token that follows each."""

    cache_params: KVCache | None
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None
    cross_attentions: tuple[Tensor, ...] | None


class MoeCausalLMOutput(_Loss):
    """The same of a mixture of experts; router_logits are its layers' scores (B * T, experts), where asked for."""

    aux_loss: Tensor | None
    logits: Tensor
    past_key_values: KVCache | None
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None
    router_logits: tuple[Tensor, ...] | None


class MaskedLMOutput(_Scores, _Layers):
    """logits (B, T, V): the scores of the token at each place."""


class SequenceClassifierOutput(_Scores, _Cache, _Layers):
    """logits (B, labels)."""


class TokenClassifierOutput(_Scores, _Layers):
    """logits (B, T, labels)."""


class QuestionAnsweringModelOutput(_Spans, _Layers):
    """start_logits and end_logits (B, T)."""


class Seq2SeqModelOutput(_Vectors, _Pair):
    """Of an encoder and a decoder without a head; last_hidden_state is the decoder's."""


class Seq2SeqLMOutput(_Scores, _Pair):
    """logits (B, T, V): the scores of the token that follows each of the decoder's."""


class Seq2SeqSequenceClassifierOutput(_Scores, _Pair):
    """logits (B, labels)."""


class Seq2SeqQuestionAnsweringModelOutput(_Spans, _Pair):
    """start_logits and end_logits (B, T)."""


class MultipleChoiceModelOutput(_Scores, _Layers):
    """logits (B, C), a score for each of C choices."""


class NextSentencePredictorOutput(_Scores, _Layers):
    """logits (B, 2): the second text follows, or not."""


class BertForPreTrainingOutput(_Loss):
    """prediction_logits (B, T, V), seq_relationship_logits (B, 2)."""

    prediction_logits: Tensor
    seq_relationship_logits: Tensor
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None


class AlbertForPreTrainingOutput(_Loss):
    """prediction_logits (B, T, V), sop_logits (B, labels)."""

    prediction_logits: Tensor
    sop_logits: Tensor
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None


class ElectraForPreTrainingOutput(_Scores, _Layers):
    """logits (B, T): whether each token was replaced."""


class GPT2DoubleHeadsModelOutput(_Loss):
    """logits (B, C, T, V), mc_logits (B, C)."""

    mc_loss: Tensor | None
    logits: Tensor
    mc_logits: Tensor
    past_key_values: KVCache | None
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None
