"""What generate returns with `return_dict_in_generate=True`, and the scores of the chosen tokens read out of it.

B is the batch times num_return_sequences, N the new tokens, V the vocabulary.
"""

from typing import Any

import torch
from torch import Tensor

from bearhug._lib.outputs import ModelOutput


class GenerateDecoderOnlyOutput(ModelOutput):
    """What greedy search and sampling found.

    sequences (B, T + N). With output_scores and output_logits: scores and logits, N tensors (B, V) float32, after and
    before the options changed them. With output_attentions and output_hidden_states: N tuples of one tensor a layer,
    the first over the prompt. past_key_values: the cache.
    """

    sequences: Tensor
    scores: tuple[Tensor, ...] | None
    logits: tuple[Tensor, ...] | None
    attentions: tuple[tuple[Tensor, ...], ...] | None
    hidden_states: tuple[tuple[Tensor, ...], ...] | None
    past_key_values: Any


class GenerateBeamDecoderOnlyOutput(ModelOutput):
    """What beam search found, best first.

    sequences (B, T + N), sequences_scores (B,) with output_scores, beam_indices (B, N): the row of `scores` that each
    token was taken from, -1 after the end. scores, logits, attentions, hidden_states have batch * num_beams rows.
    """

    sequences: Tensor
    sequences_scores: Tensor | None
    scores: tuple[Tensor, ...] | None
    logits: tuple[Tensor, ...] | None
    beam_indices: Tensor | None
    attentions: tuple[tuple[Tensor, ...], ...] | None
    hidden_states: tuple[tuple[Tensor, ...], ...] | None
    past_key_values: Any


class GenerateEncoderDecoderOutput(ModelOutput):
    """What greedy search and sampling found with an encoder: sequences (B, T) are the decoder's.

    The fields are those of `GenerateDecoderOnlyOutput`; encoder_... are one tuple of layers.
    """

    sequences: Tensor
    scores: tuple[Tensor, ...] | None
    logits: tuple[Tensor, ...] | None
    encoder_attentions: tuple[Tensor, ...] | None
    encoder_hidden_states: tuple[Tensor, ...] | None
    decoder_attentions: tuple[tuple[Tensor, ...], ...] | None
    cross_attentions: tuple[tuple[Tensor, ...], ...] | None
    decoder_hidden_states: tuple[tuple[Tensor, ...], ...] | None
    past_key_values: Any


class GenerateBeamEncoderDecoderOutput(ModelOutput):
    """What beam search found with an encoder, best first; fields as in `GenerateBeamDecoderOnlyOutput`."""

    sequences: Tensor
    sequences_scores: Tensor | None
    scores: tuple[Tensor, ...] | None
    logits: tuple[Tensor, ...] | None
    beam_indices: Tensor | None
    encoder_attentions: tuple[Tensor, ...] | None
    encoder_hidden_states: tuple[Tensor, ...] | None
    decoder_attentions: tuple[tuple[Tensor, ...], ...] | None
    cross_attentions: tuple[tuple[Tensor, ...], ...] | None
    decoder_hidden_states: tuple[tuple[Tensor, ...], ...] | None
    past_key_values: Any


def compute_transition_scores(
    sequences: Tensor,
    scores: tuple[Tensor, ...],
    beam_indices: Tensor | None = None,
    normalize_logits: bool = False,
) -> Tensor:
    """The score of each token that was chosen: (B, N), 0 where a sequence had ended.

    Args:
        sequences, scores, beam_indices: as generate returned them; beam_indices for beam search only.
        normalize_logits: whether to turn scores into log-probabilities first.
    """
    steps = torch.stack(scores)  # (N, rows, V)
    if normalize_logits:
        steps = steps.log_softmax(-1)
    if beam_indices is None:
        beam_indices = torch.arange(steps.shape[1], device=sequences.device)[:, None].expand(-1, len(scores))
    ended = beam_indices < 0
    length = int((~ended).sum(-1).max())
    ended, rows = ended[:, :length], beam_indices[:, :length].clamp(min=0).long()
    tokens = sequences[:, sequences.shape[1] - length :]
    chosen = steps[torch.arange(length, device=sequences.device), rows, tokens]
    return chosen.masked_fill(ended, 0.0)
