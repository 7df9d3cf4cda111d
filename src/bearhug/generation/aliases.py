"""The reference's class names for the functions of `scores.py` and `stopping.py`, for scripts with lists of their own.

`TopKLogitsWarper(50)`, from `bearhug.generation`, is `partial(scores.top_k, k=50)` as an object. The arguments are the
reference's, without `filter_value` and `device`: what is dropped scores -inf, and tensors stay where they are.
"""

import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from bearhug.generation import scores, stopping
from bearhug.generation.guidance import Guidance
from bearhug.generation.watermark import WatermarkingConfig


def _ids(ids: Any) -> Tensor:
    return torch.as_tensor(ids).reshape(-1)


def _bias(sequence_bias: Any) -> Callable:
    """Made at the first call, which tells the vocabulary's size."""
    pairs = sequence_bias.items() if isinstance(sequence_bias, Mapping) else sequence_bias
    bias = {tuple(ids): value for ids, value in pairs}

    def process(input_ids: Tensor, given: Tensor) -> Tensor:
        return scores.biased("sequence_bias", bias, given.shape[-1], None, given.device)(input_ids, given)

    return process


def _bad_words(bad_words_ids: list[list[int]], eos_token_id: Any = None) -> Callable:
    ends = [] if eos_token_id is None else _ids(eos_token_id).tolist()
    return _bias([(ids, -torch.inf) for ids in bad_words_ids if len(ids) > 1 or ids[0] not in ends])


def _guidance(
    guidance_scale: float,
    model: Any,
    unconditional_ids: Tensor | None = None,
    unconditional_attention_mask: Tensor | None = None,
    use_cache: bool = True,
) -> Callable:
    """Made at the first call, which tells the prompt's width."""
    made: list[Callable] = []

    def process(input_ids: Tensor, given: Tensor) -> Tensor:
        if not made:
            width = input_ids.shape[1]
            made.append(
                Guidance(model, guidance_scale, unconditional_ids, unconditional_attention_mask, width, use_cache)
            )
        return made[0](input_ids, given)

    return process


# name -> the reference's arguments -> a function of (input_ids, scores)
PROCESSORS: dict[str, Callable[..., scores.Process]] = {
    "ClassifierFreeGuidanceLogitsProcessor": lambda guidance_scale: partial(scores.halves_guided, scale=guidance_scale),
    "EncoderNoRepeatNGramLogitsProcessor": lambda encoder_ngram_size, encoder_input_ids: partial(
        scores.encoder_no_repeat_ngram, size=encoder_ngram_size, encoder_ids=encoder_input_ids
    ),
    "EncoderRepetitionPenaltyLogitsProcessor": lambda penalty, encoder_input_ids: partial(
        scores.encoder_repetition_penalty, penalty=penalty, encoder_ids=encoder_input_ids
    ),
    "EpsilonLogitsWarper": lambda epsilon, min_tokens_to_keep=1: partial(
        scores.epsilon_cutoff, epsilon=epsilon, keep=min_tokens_to_keep
    ),
    "EtaLogitsWarper": lambda epsilon, min_tokens_to_keep=1: partial(
        scores.eta_cutoff, epsilon=epsilon, keep=min_tokens_to_keep
    ),
    "ExponentialDecayLengthPenalty": lambda exponential_decay_length_penalty, eos_token_id, input_ids_seq_length: (
        partial(
            scores.favour_end,
            tokens=_ids(eos_token_id),
            after=exponential_decay_length_penalty[0] + input_ids_seq_length,
            factor=exponential_decay_length_penalty[1],
        )
    ),
    "ForcedBOSTokenLogitsProcessor": lambda bos_token_id: partial(scores.force, tokens=_ids(bos_token_id), at=1),
    "ForcedEOSTokenLogitsProcessor": lambda max_length, eos_token_id: partial(
        scores.force, tokens=_ids(eos_token_id), at=max_length - 1
    ),
    "InfNanRemoveLogitsProcessor": lambda: scores.finite,
    "LogitNormalization": lambda: scores.normalize,
    "MinLengthLogitsProcessor": lambda min_length, eos_token_id: partial(
        scores.suppress, tokens=_ids(eos_token_id), before=min_length
    ),
    "MinNewTokensLengthLogitsProcessor": lambda prompt_length_to_skip, min_new_tokens, eos_token_id: partial(
        scores.suppress, tokens=_ids(eos_token_id), before=prompt_length_to_skip + min_new_tokens
    ),
    "MinPLogitsWarper": lambda min_p, min_tokens_to_keep=1: partial(scores.min_p, p=min_p, keep=min_tokens_to_keep),
    "NoBadWordsLogitsProcessor": _bad_words,
    "NoRepeatNGramLogitsProcessor": lambda ngram_size: partial(scores.no_repeat_ngram, size=ngram_size),
    "PrefixConstrainedLogitsProcessor": lambda prefix_allowed_tokens_fn, num_beams: partial(
        scores.allow, allowed=prefix_allowed_tokens_fn, beams=num_beams
    ),
    "RepetitionPenaltyLogitsProcessor": lambda penalty: partial(scores.repetition_penalty, penalty=penalty),
    "SequenceBiasLogitsProcessor": _bias,
    "SuppressTokensAtBeginLogitsProcessor": lambda begin_suppress_tokens, begin_index: partial(
        scores.suppress, tokens=_ids(begin_suppress_tokens), at=begin_index
    ),
    "SuppressTokensLogitsProcessor": lambda suppress_tokens: partial(scores.suppress, tokens=_ids(suppress_tokens)),
    "TemperatureLogitsWarper": lambda temperature: partial(scores.temperature, temperature=temperature),
    "TopHLogitsWarper": lambda top_h: partial(scores.top_h, h=top_h),
    "TopKLogitsWarper": lambda top_k, min_tokens_to_keep=1: partial(scores.top_k, k=max(top_k, min_tokens_to_keep)),
    "TopPLogitsWarper": lambda top_p, min_tokens_to_keep=1: partial(scores.top_p, p=top_p, keep=min_tokens_to_keep),
    "UnbatchedClassifierFreeGuidanceLogitsProcessor": _guidance,
    "WatermarkLogitsProcessor": lambda vocab_size, device, **settings: WatermarkingConfig(**settings).processor(
        vocab_size, device
    ),
    "TypicalLogitsWarper": lambda mass=0.9, min_tokens_to_keep=1: partial(
        scores.typical_p, p=mass, keep=min_tokens_to_keep
    ),
}
CRITERIA: dict[str, Callable[..., stopping.Ends]] = {
    "ConfidenceCriteria": lambda assistant_confidence_threshold: partial(
        stopping.unsure, threshold=assistant_confidence_threshold
    ),
    "EosTokenCriteria": lambda eos_token_id: partial(stopping.ends_with_token, tokens=_ids(eos_token_id)),
    "MaxLengthCriteria": lambda max_length, max_position_embeddings=None: lambda ids, _: ids.shape[1] >= max_length,
    "MaxTimeCriteria": lambda max_time: partial(stopping.out_of_time, until=time.monotonic() + max_time),
    "StopStringCriteria": lambda tokenizer, stop_strings: partial(
        stopping.ends_with_text,
        tokenizer=tokenizer,
        texts=[stop_strings] if isinstance(stop_strings, str) else list(stop_strings),
    ),
}


@cache
def find(name: str) -> type:
    """The class of this name.

    Raises:
        KeyError: the reference has none, or it is not built yet.
    """
    if name in PROCESSORS:
        return type(name, (_Processor,), {"make": staticmethod(PROCESSORS[name]), "__module__": __name__})
    return type(name, (_Criterion,), {"make": staticmethod(CRITERIA[name]), "__module__": __name__})


class _Processor(scores.LogitsProcessor):
    make: Callable[..., scores.Process]

    def __init__(self, *values: Any, **named: Any):
        self.process = self.make(*values, **named)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return self.process(input_ids, scores)


class _Criterion(stopping.StoppingCriteria):
    make: Callable[..., stopping.Ends]

    def __init__(self, *values: Any, **named: Any):
        self.ends = self.make(*values, **named)

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
        ended = self.ends(input_ids, scores)
        return torch.as_tensor(ended, device=input_ids.device).expand(input_ids.shape[0])
