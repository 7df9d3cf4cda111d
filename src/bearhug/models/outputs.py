"""What the heads' forward returns. B rows, T tokens, D width, V vocabulary, L layers, H heads, S all tokens.

hidden_states are L + 1 tensors (B, T, D): the embeddings, then each layer's result, the last one after the final norm.
attentions are L tensors (B, H, T, S). Both are there only when asked for. cross_attentions are those over another text,
an encoder's; of a model with an encoder the others are called decoder_... and encoder_....
Some architectures call their cache cache_params.
"""

from __future__ import annotations

from torch import Tensor

from bearhug._lib.outputs import ModelOutput
from bearhug.models.cache import KVCache


class BaseModelOutput(ModelOutput):
    """Of a model without a head; pooler_output (B, D) where it has a pooler."""

    last_hidden_state: Tensor
    pooler_output: Tensor | None
    past_key_values: KVCache | None
    cache_params: KVCache | None
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None
    cross_attentions: tuple[Tensor, ...] | None
    router_logits: tuple[Tensor, ...] | None


class MoeModelOutput(ModelOutput):
    """Of a mixture of experts without a head, whose routers were asked for their scores (B * T, experts)."""

    last_hidden_state: Tensor
    past_key_values: KVCache | None
    router_logits: tuple[Tensor, ...] | None
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None


class CausalLMOutput(ModelOutput):
    """logits (B, T, V): the scores of the token that follows each."""

    loss: Tensor | None
    logits: Tensor
    past_key_values: KVCache | None
    cache_params: KVCache | None
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None
    cross_attentions: tuple[Tensor, ...] | None


class MoeCausalLMOutput(ModelOutput):
    """The same of a mixture of experts; router_logits are its layers' scores (B * T, experts), where asked for."""

    loss: Tensor | None
    aux_loss: Tensor | None
    logits: Tensor
    past_key_values: KVCache | None
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None
    router_logits: tuple[Tensor, ...] | None


class MaskedLMOutput(ModelOutput):
    """logits (B, T, V): the scores of the token at each place."""

    loss: Tensor | None
    logits: Tensor
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None


class SequenceClassifierOutput(ModelOutput):
    """logits (B, labels)."""

    loss: Tensor | None
    logits: Tensor
    past_key_values: KVCache | None
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None


class TokenClassifierOutput(ModelOutput):
    """logits (B, T, labels)."""

    loss: Tensor | None
    logits: Tensor
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None


class QuestionAnsweringModelOutput(ModelOutput):
    """start_logits and end_logits (B, T)."""

    loss: Tensor | None
    start_logits: Tensor
    end_logits: Tensor
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None


class Seq2SeqModelOutput(ModelOutput):
    """Of an encoder and a decoder without a head; last_hidden_state is the decoder's."""

    last_hidden_state: Tensor
    past_key_values: KVCache | None
    decoder_hidden_states: tuple[Tensor, ...] | None
    decoder_attentions: tuple[Tensor, ...] | None
    cross_attentions: tuple[Tensor, ...] | None
    encoder_last_hidden_state: Tensor | None
    encoder_hidden_states: tuple[Tensor, ...] | None
    encoder_attentions: tuple[Tensor, ...] | None


class Seq2SeqLMOutput(ModelOutput):
    """logits (B, T, V): the scores of the token that follows each of the decoder's."""

    loss: Tensor | None
    logits: Tensor
    past_key_values: KVCache | None
    decoder_hidden_states: tuple[Tensor, ...] | None
    decoder_attentions: tuple[Tensor, ...] | None
    cross_attentions: tuple[Tensor, ...] | None
    encoder_last_hidden_state: Tensor | None
    encoder_hidden_states: tuple[Tensor, ...] | None
    encoder_attentions: tuple[Tensor, ...] | None


class Seq2SeqSequenceClassifierOutput(ModelOutput):
    """logits (B, labels)."""

    loss: Tensor | None
    logits: Tensor
    past_key_values: KVCache | None
    decoder_hidden_states: tuple[Tensor, ...] | None
    decoder_attentions: tuple[Tensor, ...] | None
    cross_attentions: tuple[Tensor, ...] | None
    encoder_last_hidden_state: Tensor | None
    encoder_hidden_states: tuple[Tensor, ...] | None
    encoder_attentions: tuple[Tensor, ...] | None


class Seq2SeqQuestionAnsweringModelOutput(ModelOutput):
    """start_logits and end_logits (B, T)."""

    loss: Tensor | None
    start_logits: Tensor
    end_logits: Tensor
    past_key_values: KVCache | None
    decoder_hidden_states: tuple[Tensor, ...] | None
    decoder_attentions: tuple[Tensor, ...] | None
    cross_attentions: tuple[Tensor, ...] | None
    encoder_last_hidden_state: Tensor | None
    encoder_hidden_states: tuple[Tensor, ...] | None
    encoder_attentions: tuple[Tensor, ...] | None


class MultipleChoiceModelOutput(ModelOutput):
    """logits (B, C), a score for each of C choices."""

    loss: Tensor | None
    logits: Tensor
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None


class NextSentencePredictorOutput(ModelOutput):
    """logits (B, 2): the second text follows, or not."""

    loss: Tensor | None
    logits: Tensor
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None


class BertForPreTrainingOutput(ModelOutput):
    """prediction_logits (B, T, V), seq_relationship_logits (B, 2)."""

    loss: Tensor | None
    prediction_logits: Tensor
    seq_relationship_logits: Tensor
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None


class AlbertForPreTrainingOutput(ModelOutput):
    """prediction_logits (B, T, V), sop_logits (B, labels)."""

    loss: Tensor | None
    prediction_logits: Tensor
    sop_logits: Tensor
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None


class ElectraForPreTrainingOutput(ModelOutput):
    """logits (B, T): whether each token was replaced."""

    loss: Tensor | None
    logits: Tensor
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None


class GPT2DoubleHeadsModelOutput(ModelOutput):
    """logits (B, C, T, V), mc_logits (B, C)."""

    loss: Tensor | None
    mc_loss: Tensor | None
    logits: Tensor
    mc_logits: Tensor
    past_key_values: KVCache | None
    hidden_states: tuple[Tensor, ...] | None
    attentions: tuple[Tensor, ...] | None
