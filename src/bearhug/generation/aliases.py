"""The reference's class names for the functions of `scores.py` and `stopping.py`, for scripts with lists of their own.

`TopKLogitsWarper(50)`, from `bearhug.generation`, is `partial(scores.top_k, k=50)` as an object. The arguments are the
reference's, in its order, and each is an attribute of that name. `device` is where the tokens of an argument go.
"""

import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from bearhug.generation import scores, stopping
from bearhug.generation.config import OPTIONS, Values, holds
from bearhug.generation.guidance import Guidance
from bearhug.generation.watermark import WatermarkingConfig


def _ids(ids: Any, device: Any = None) -> Tensor:
    return torch.as_tensor(ids, device=device).reshape(-1)


def _repetition(penalty: float, prompt_ignore_length: int | Tensor | None = None) -> Callable:
    """The first `prompt_ignore_length` tokens of a row, or of each row (B,), do not count as said before."""
    if prompt_ignore_length is None:
        return partial(scores.repetition_penalty, penalty=penalty)
    first = _ids(prompt_ignore_length)[:, None]
    return lambda ids, given: scores.repetition_penalty(ids, given, penalty=penalty, start=first.to(ids.device))


def _late(max_time: float, initial_timestamp: float | None = None) -> Callable:
    passed = 0.0 if initial_timestamp is None else time.time() - initial_timestamp
    return partial(stopping.out_of_time, until=time.monotonic() + max_time - passed)


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


def _watermark(
    vocab_size: int,
    device: Any,
    greenlist_ratio: float = 0.25,
    bias: float = 2.0,
    hashing_key: int = 15485863,
    seeding_scheme: str = "lefthash",
    context_width: int = 1,
) -> Callable:
    settings = WatermarkingConfig(greenlist_ratio, bias, hashing_key, seeding_scheme, context_width)
    return settings.processor(vocab_size, device)


NEVER = -torch.inf
POSITIVE, KEPT = OPTIONS["repetition_penalty"].values, OPTIONS["max_new_tokens"].values
OPEN = Values(lambda value: 0 < value < 1, "a number between 0 and 1")
CHECKS: dict[str, Values | None] = {  # of arguments, whatever the class
    "temperature": POSITIVE,
    "penalty": POSITIVE,
    "epsilon": OPEN,
    "mass": OPEN,
    **{name: OPTIONS[name].values for name in ("top_p", "top_h", "min_p", "sequence_bias", "bad_words_ids")},
    **dict.fromkeys(("top_k", "min_tokens_to_keep", "ngram_size", "encoder_ngram_size"), KEPT),
    **dict.fromkeys(("min_length", "min_new_tokens", "prompt_length_to_skip"), OPTIONS["min_length"].values),
}

# name -> the reference's arguments -> a function of (input_ids, scores)
PROCESSORS: dict[str, Callable[..., scores.Process]] = {
    "ClassifierFreeGuidanceLogitsProcessor": lambda guidance_scale: partial(scores.halves_guided, scale=guidance_scale),
    "EncoderNoRepeatNGramLogitsProcessor": lambda encoder_ngram_size, encoder_input_ids: partial(
        scores.encoder_no_repeat_ngram, size=encoder_ngram_size, encoder_ids=encoder_input_ids
    ),
    "EncoderRepetitionPenaltyLogitsProcessor": lambda penalty, encoder_input_ids: partial(
        scores.encoder_repetition_penalty, penalty=penalty, encoder_ids=encoder_input_ids
    ),
    "EpsilonLogitsWarper": lambda epsilon, filter_value=NEVER, min_tokens_to_keep=1: partial(
        scores.epsilon_cutoff, epsilon=epsilon, keep=min_tokens_to_keep
    ),
    "EtaLogitsWarper": lambda epsilon, filter_value=NEVER, min_tokens_to_keep=1, device="cpu": partial(
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
    "ForcedEOSTokenLogitsProcessor": lambda max_length, eos_token_id, device="cpu": partial(
        scores.force, tokens=_ids(eos_token_id, device), at=max_length - 1
    ),
    "InfNanRemoveLogitsProcessor": lambda: scores.finite,
    "LogitNormalization": lambda: scores.normalize,
    "MinLengthLogitsProcessor": lambda min_length, eos_token_id, device="cpu": partial(
        scores.suppress, tokens=_ids(eos_token_id, device), before=min_length
    ),
    "MinNewTokensLengthLogitsProcessor": lambda prompt_length_to_skip, min_new_tokens, eos_token_id, device="cpu": (
        partial(scores.suppress, tokens=_ids(eos_token_id, device), before=prompt_length_to_skip + min_new_tokens)
    ),
    "MinPLogitsWarper": lambda min_p, filter_value=NEVER, min_tokens_to_keep=1: partial(
        scores.min_p, p=min_p, keep=min_tokens_to_keep
    ),
    "NoBadWordsLogitsProcessor": _bad_words,
    "NoRepeatNGramLogitsProcessor": lambda ngram_size: partial(scores.no_repeat_ngram, size=ngram_size),
    "PrefixConstrainedLogitsProcessor": lambda prefix_allowed_tokens_fn, num_beams: partial(
        scores.allow, allowed=prefix_allowed_tokens_fn, beams=num_beams
    ),
    "RepetitionPenaltyLogitsProcessor": _repetition,
    "SequenceBiasLogitsProcessor": _bias,
    "SuppressTokensAtBeginLogitsProcessor": lambda begin_suppress_tokens, begin_index, device="cpu": partial(
        scores.suppress, tokens=_ids(begin_suppress_tokens, device), at=begin_index
    ),
    "SuppressTokensLogitsProcessor": lambda suppress_tokens, device="cpu": partial(
        scores.suppress, tokens=_ids(suppress_tokens, device)
    ),
    "TemperatureLogitsWarper": lambda temperature: partial(scores.temperature, temperature=temperature),
    "TopHLogitsWarper": lambda top_h, filter_value=NEVER: partial(scores.top_h, h=top_h),
    "TopKLogitsWarper": lambda top_k, filter_value=NEVER, min_tokens_to_keep=1: partial(
        scores.top_k, k=max(top_k, min_tokens_to_keep)
    ),
    "TopPLogitsWarper": lambda top_p, filter_value=NEVER, min_tokens_to_keep=1: partial(
        scores.top_p, p=top_p, keep=min_tokens_to_keep
    ),
    "UnbatchedClassifierFreeGuidanceLogitsProcessor": _guidance,
    "WatermarkLogitsProcessor": _watermark,
    "TypicalLogitsWarper": lambda mass=0.9, filter_value=NEVER, min_tokens_to_keep=1: partial(
        scores.typical_p, p=mass, keep=min_tokens_to_keep
    ),
}
CRITERIA: dict[str, Callable[..., stopping.Ends]] = {
    "ConfidenceCriteria": lambda assistant_confidence_threshold: partial(
        stopping.unsure, threshold=assistant_confidence_threshold
    ),
    "EosTokenCriteria": lambda eos_token_id: partial(stopping.ends_with_token, tokens=_ids(eos_token_id)),
    "MaxLengthCriteria": lambda max_length, max_position_embeddings=None: lambda ids, _: ids.shape[1] >= max_length,
    "MaxTimeCriteria": _late,
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
    make, kind = (PROCESSORS[name], _Processor) if name in PROCESSORS else (CRITERIA[name], _Criterion)
    told = {"make": staticmethod(make), "__module__": __name__, "__signature__": signature(make)}
    return type(name, (kind,), {**told, "__doc__": f"The reference's class of this name: {name}{signature(make)}."})


def _made(self: Any, values: tuple, named: dict[str, Any]) -> Callable:
    """The function of an object's arguments, which are set as its attributes.

    Raises:
        TypeError: arguments that the class does not have.
        ValueError: a value that an argument cannot have.
    """
    try:
        given = signature(self.make).bind(*values, **named)
    except TypeError as error:
        raise TypeError(f"{type(self).__name__}{signature(self.make)}: {error}.") from None
    given.apply_defaults()
    for name, value in given.arguments.items():
        check = CHECKS.get(name)
        if check is not None and not holds(check, value):
            raise ValueError(f"{type(self).__name__} got {name}={value!r}; {name} is {check.words}.")
    vars(self).update(given.arguments)
    return self.make(*given.args, **given.kwargs)


class _Processor(scores.LogitsProcessor):
    make: Callable[..., scores.Process]
    filter_value = NEVER

    def __init__(self, *values: Any, **named: Any):
        self.process = _made(self, values, named)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        found = self.process(input_ids, scores)
        if self.filter_value == NEVER:
            return found
        return torch.where((found == NEVER) & (scores != NEVER), self.filter_value, found)


class _Criterion(stopping.StoppingCriteria):
    make: Callable[..., stopping.Ends]

    def __init__(self, *values: Any, **named: Any):
        self.ends = _made(self, values, named)

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
        ended = self.ends(input_ids, scores)
        return torch.as_tensor(ended, device=input_ids.device).expand(input_ids.shape[0])
