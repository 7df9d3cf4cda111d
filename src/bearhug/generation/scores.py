"""What changes the scores of the next token: one plain function per option, in the order that generate applies them in.

Every function is (input_ids (B, T), scores (B, V), *, its options) -> scores (B, V), and changes neither argument. Any
callable of (input_ids, scores) may stand beside them in `logits_processor=`. Rows are padded on the left, if at all:
`start` (B, 1) is the column of each row's first token, so that what a row gives does not depend on its padding.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from inspect import Parameter, signature
from typing import Any

import torch
from torch import Tensor

from bearhug.generation.config import GenerationConfig

Process = Callable[[Tensor, Tensor], Tensor]


class LogitsProcessor(ABC):
    """A base for those who like classes: `generate(logits_processor=...)` takes any callable of the same arguments."""

    @abstractmethod
    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """input_ids (B, T), scores (B, V) -> scores (B, V)."""


class LogitsProcessorList(list):
    """A list of processors that is one itself: each gets the scores of the one before."""

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:
        """input_ids (B, T), scores (B, V) -> scores (B, V); keywords go to those processors that take more than two."""
        for process in self:
            takes = [p for p in signature(process).parameters.values() if p.default is Parameter.empty]
            scores = process(input_ids, scores, **kwargs) if len(takes) > 2 else process(input_ids, scores)
        return scores


def processors(
    config: GenerationConfig,
    *,
    prompt: int,
    end: int,
    min_new: int,
    eos: Tensor | None,
    vocab_size: int,
    ids: Tensor,
    start: Tensor | None = None,
    ids_start: Tensor | None = None,
    prefix_allowed_tokens_fn: Callable[[int, Tensor], list[int]] | None = None,
    first: Sequence[Process] = (),
    diverse: Process | None = None,
    custom: Sequence[Process] = (),
) -> list[Process]:
    """The functions that a config asks for, in their order; empty for plain greedy search.

    Args:
        prompt, end: columns before the first new token, and of the finished result.
        min_new: new tokens before a sequence may end.
        eos: (E,) the tokens that end a sequence.
        ids: (B, prompt) the prompt, or what an encoder has read.
        ids_start: (B, 1) the column of its first token in each row; None: no padding.
        start: (B, 1) the column of each row's first token; None: no padding.
        first: what stands before them all (guidance, DoLa).
        diverse: what beams of other groups take.
        custom: the caller's, which run before sampling cuts the scores.
    """
    on = ids.device

    def known(tokens: Any) -> Tensor:
        tokens = torch.as_tensor(tokens, dtype=torch.long, device=on).reshape(-1)
        return tokens[(tokens >= 0) & (tokens < vocab_size)]

    steps: list[Process] = list(first)
    if config.sequence_bias is not None:
        pairs = config.sequence_bias.items() if isinstance(config.sequence_bias, Mapping) else config.sequence_bias
        steps.append(biased("sequence_bias", {tuple(ids): bias for ids, bias in pairs}, vocab_size, start, on))
    if diverse is not None:
        steps.append(diverse)
    if config.encoder_repetition_penalty not in (None, 1):
        steps.append(
            partial(
                encoder_repetition_penalty, penalty=config.encoder_repetition_penalty, encoder_ids=ids, start=ids_start
            )
        )
    if config.repetition_penalty not in (None, 1):
        steps.append(partial(repetition_penalty, penalty=config.repetition_penalty, start=start))
    if config.no_repeat_ngram_size:
        steps.append(partial(no_repeat_ngram, size=config.no_repeat_ngram_size, start=start))
    if config.encoder_no_repeat_ngram_size:
        steps.append(
            partial(encoder_no_repeat_ngram, size=config.encoder_no_repeat_ngram_size, encoder_ids=ids, start=ids_start)
        )
    if config.bad_words_ids is not None:
        ends = [] if eos is None else eos.tolist()
        words = {tuple(ids): -torch.inf for ids in config.bad_words_ids if len(ids) > 1 or ids[0] not in ends}
        if words:
            steps.append(biased("bad_words_ids", words, vocab_size, start, on))
    if min_new > 0 and eos is not None:
        steps.append(partial(suppress, tokens=known(eos), before=prompt + min_new))
    if prefix_allowed_tokens_fn is not None:
        steps.append(partial(allow, allowed=prefix_allowed_tokens_fn, beams=config.num_beams))
    if config.forced_bos_token_id is not None:
        steps.append(partial(force, tokens=known(config.forced_bos_token_id), at=1))
    if config.forced_eos_token_id is not None:
        steps.append(partial(force, tokens=known(config.forced_eos_token_id), at=end - 1))
    if config.remove_invalid_values:
        steps.append(finite)
    if config.exponential_decay_length_penalty is not None and eos is not None:
        after, factor = config.exponential_decay_length_penalty
        steps.append(partial(favour_end, tokens=known(eos), after=prompt + after, factor=factor))
    if config.suppress_tokens is not None:
        steps.append(partial(suppress, tokens=known(config.suppress_tokens)))
    if config.begin_suppress_tokens is not None:
        begin = prompt if prompt > 1 or config.forced_bos_token_id is None else prompt + 1
        steps.append(partial(suppress, tokens=known(config.begin_suppress_tokens), at=begin))
    steps.extend(custom)
    if config.do_sample:
        steps.extend(sampling(config, keep=1 if config.num_beams == 1 else 1 + (1 if eos is None else len(eos))))
    if config.watermarking_config is not None:
        steps.append(config.watermarking_config.processor(vocab_size, on, prompt))
    if config.renormalize_logits:
        steps.append(normalize)
    return steps


def sampling(config: GenerationConfig, keep: int) -> list[Process]:
    """The functions that cut the distribution a token is drawn from; they leave at least `keep` tokens."""
    steps: list[Process] = []
    if config.temperature not in (None, 1):
        steps.append(partial(temperature, temperature=config.temperature))
    if config.top_h is not None:
        steps.append(partial(top_h, h=config.top_h))
    if config.top_k:
        steps.append(partial(top_k, k=max(config.top_k, keep)))
    if config.top_p is not None and config.top_p < 1:
        steps.append(partial(top_p, p=config.top_p, keep=keep))
    if config.min_p:
        steps.append(partial(min_p, p=config.min_p, keep=keep))
    if config.typical_p is not None and config.typical_p < 1:
        steps.append(partial(typical_p, p=config.typical_p, keep=keep))
    if config.epsilon_cutoff:
        steps.append(partial(epsilon_cutoff, epsilon=config.epsilon_cutoff, keep=keep))
    if config.eta_cutoff:
        steps.append(partial(eta_cutoff, epsilon=config.eta_cutoff, keep=keep))
    return steps


# what was said before


def sequence_bias(
    input_ids: Tensor,
    scores: Tensor,
    *,
    singles: tuple[Tensor, Tensor],
    groups: Sequence[tuple[Tensor, Tensor, Tensor]] = (),
    start: Tensor | None = None,
) -> Tensor:
    """Add a bias to tokens, and to the last token of sequences whose beginning has just been written.

    Args:
        singles: token ids (N,) and their biases (N,).
        groups: for each length L of a beginning: the beginnings (N, L), the last tokens (N,), the biases (N,).
    """
    bias = torch.zeros_like(scores)
    bias[:, singles[0]] = singles[1]
    for beginnings, last, values in groups:
        length = beginnings.shape[1]
        if length > input_ids.shape[1]:
            continue
        begun = (input_ids[:, None, -length:] == beginnings).all(-1)  # (B, N)
        if start is not None:
            begun &= start <= input_ids.shape[1] - length
        bias.index_add_(1, last, torch.where(begun, values, 0.0))
    return scores + bias


def repetition_penalty(input_ids: Tensor, scores: Tensor, *, penalty: float, start: Tensor | None = None) -> Tensor:
    """Make every token that was there before less likely (Keskar et al. 2019, arXiv:1909.05858); below 1: more."""
    seen = _marked(input_ids, _real(input_ids, start), scores.shape[-1])
    return torch.where(seen, _penalized(scores, penalty), scores)


def encoder_repetition_penalty(
    input_ids: Tensor, scores: Tensor, *, penalty: float, encoder_ids: Tensor, start: Tensor | None = None
) -> Tensor:
    """Make every token of the prompt (B, T) more likely; below 1: less likely."""
    seen = _marked(encoder_ids, _real(encoder_ids, start), scores.shape[-1])
    return torch.where(seen, _penalized(scores, 1 / penalty), scores)


def no_repeat_ngram(input_ids: Tensor, scores: Tensor, *, size: int, start: Tensor | None = None) -> Tensor:
    """Forbid a token that would repeat a run of `size` tokens (Paulus et al. 2017, arXiv:1705.04304)."""
    return _forbid_completions(input_ids, input_ids, scores, size, start)


def encoder_no_repeat_ngram(
    input_ids: Tensor, scores: Tensor, *, size: int, encoder_ids: Tensor, start: Tensor | None = None
) -> Tensor:
    """Forbid a token that would complete a run of `size` tokens of the prompt (B, T)."""
    return _forbid_completions(input_ids, encoder_ids, scores, size, start)


def _forbid_completions(input_ids: Tensor, source: Tensor, scores: Tensor, size: int, start: Tensor | None) -> Tensor:
    if input_ids.shape[1] + 1 < size or source.shape[1] < size:
        return scores
    runs = source.unfold(1, size, 1)  # (B, R, size)
    ending = input_ids[:, input_ids.shape[1] + 1 - size :]  # (B, size - 1)
    again = (runs[..., :-1] == ending[:, None]).all(-1)
    if start is not None:
        again &= torch.arange(runs.shape[1], device=source.device) >= start
    return scores.masked_fill(_marked(runs[..., -1], again, scores.shape[-1]), -torch.inf)


# what must, may and must not come


def suppress(
    input_ids: Tensor, scores: Tensor, *, tokens: Tensor, at: int | None = None, before: int | None = None
) -> Tensor:
    """Forbid tokens (N,): always, or only for the column `at`, or for the columns `before` one."""
    length = input_ids.shape[1]
    if (at is not None and length != at) or (before is not None and length >= before):
        return scores
    return scores.index_fill(1, tokens, -torch.inf)


def force(input_ids: Tensor, scores: Tensor, *, tokens: Tensor, at: int) -> Tensor:
    """Leave only these tokens (N,) for the column `at`."""
    if input_ids.shape[1] != at:
        return scores
    return torch.full_like(scores, -torch.inf).index_fill(1, tokens, 0.0)


def allow(input_ids: Tensor, scores: Tensor, *, allowed: Callable[[int, Tensor], list[int]], beams: int = 1) -> Tensor:
    """Leave only what `allowed(row of the batch, ids (T,))` lists (De Cao et al. 2020, arXiv:2010.00904).

    Raises:
        ValueError: it lists nothing.
    """
    mask = torch.full_like(scores, -torch.inf)
    for row, ids in enumerate(input_ids):
        tokens = allowed(row // beams, ids)
        if len(tokens) == 0:
            raise ValueError(
                f"prefix_allowed_tokens_fn({row // beams}, ids) returned an empty list; allow at least one token."
            )
        mask[row, tokens] = 0
    kept = scores + mask
    impossible = kept.amax(-1).isneginf().view(-1, beams).all(-1, keepdim=True)  # in all beams of a row: force them
    return torch.where(impossible.repeat_interleave(beams, 0), mask, kept)


def finite(input_ids: Tensor, scores: Tensor) -> Tensor:
    """Replace NaN by 0 and infinities by the largest numbers of the dtype."""
    return scores.nan_to_num(nan=0.0)


def favour_end(input_ids: Tensor, scores: Tensor, *, tokens: Tensor, after: int, factor: float) -> Tensor:
    """Raise the score of the end tokens (N,) exponentially, once there are more columns than `after`."""
    late = input_ids.shape[1] - after
    if late <= 0:
        return scores
    ends = scores[:, tokens]
    more = (ends.abs() * (factor**late - 1)).masked_fill(~ends.isfinite(), 0.0)
    return scores.index_add(1, tokens, more)


# which of the likely ones


def temperature(input_ids: Tensor, scores: Tensor, *, temperature: float) -> Tensor:
    """Flatten (above 1) or sharpen (below 1) the distribution."""
    return scores / temperature


def top_h(input_ids: Tensor, scores: Tensor, *, h: float, most: int = 100) -> Tensor:
    """The likeliest tokens whose summed entropy stays within `h` of the whole (Potraghloo et al. 2025,
    arXiv:2509.02510).

    Only the `most` likeliest tokens are looked at; the likeliest always stays.
    """
    ranked, order = scores.topk(min(most, scores.shape[-1]), dim=-1)
    chance = ranked.softmax(-1)
    kept = (-chance * chance.log()).cumsum(-1) <= h * _entropy(ranked)
    kept[:, 0] = True
    return scores.masked_fill(torch.ones_like(scores, dtype=torch.bool).scatter_(-1, order, ~kept), -torch.inf)


def top_k(input_ids: Tensor, scores: Tensor, *, k: int) -> Tensor:
    """The k likeliest tokens (Fan et al. 2018, arXiv:1805.04833), and those that tie with the last of them."""
    least = scores.topk(min(k, scores.shape[-1]), dim=-1).values[:, -1:]
    return scores.masked_fill(scores < least, -torch.inf)


def top_p(input_ids: Tensor, scores: Tensor, *, p: float, keep: int = 1) -> Tensor:
    """Nucleus sampling (Holtzman et al. 2019, arXiv:1904.09751): the fewest tokens whose probabilities reach p.

    At least `keep` tokens stay.
    """
    ranked, order = scores.sort(dim=-1)
    drop = ranked.softmax(-1).cumsum(-1) <= 1 - p  # all that is less likely, this one included, is not needed for p
    drop[:, -keep:] = False
    return scores.masked_fill(drop.scatter(-1, order, drop), -torch.inf)


def min_p(input_ids: Tensor, scores: Tensor, *, p: float, keep: int = 1) -> Tensor:
    """The tokens at least p times as likely as the likeliest (Nguyen et al. 2024, arXiv:2407.01082); at least `keep`.

    p is a share of the best token's probability, so that the cut follows how sure the model is.
    """
    chance = scores.softmax(-1)
    drop = chance < p * chance.amax(-1, keepdim=True)
    best = chance.topk(min(keep, chance.shape[-1]), dim=-1).indices
    return scores.masked_fill(drop.scatter(-1, best, False), -torch.inf)


def typical_p(input_ids: Tensor, scores: Tensor, *, p: float, keep: int = 1) -> Tensor:
    """The tokens of the most nearly expected surprise, until they reach p (Meister et al. 2022, arXiv:2202.00666)."""
    surprise = -scores.log_softmax(-1)
    entropy = (surprise * (-surprise).exp()).nansum(-1, keepdim=True)
    distance, order = (surprise - entropy).abs().sort(dim=-1)
    reached = scores.gather(-1, order).softmax(-1).cumsum(-1)
    last = (reached < p).sum(-1, keepdim=True).clamp(max=scores.shape[-1] - 1)
    drop = distance > distance.gather(-1, last)
    drop[:, :keep] = False
    return scores.masked_fill(drop.scatter(-1, order, drop), -torch.inf)


def epsilon_cutoff(input_ids: Tensor, scores: Tensor, *, epsilon: float, keep: int = 1) -> Tensor:
    """The tokens of at least this probability (Hewitt et al. 2022, arXiv:2210.15191); at least `keep`."""
    return _cut(scores, scores.softmax(-1) < epsilon, keep)


def eta_cutoff(input_ids: Tensor, scores: Tensor, *, epsilon: float, keep: int = 1) -> Tensor:
    """Like `epsilon_cutoff`, but lower where the distribution is flat (Hewitt et al. 2022, arXiv:2210.15191)."""
    eta = (epsilon**0.5 * (-_entropy(scores)).exp()).clamp(max=epsilon)
    return _cut(scores, scores.softmax(-1) < eta, keep)


def halves_guided(input_ids: Tensor, scores: Tensor, *, scale: float) -> Tensor:
    """Scores (2 B, V) of B prompts and then of B times nothing -> (B, V), moved away from the second half."""
    prompted, blank = scores.chunk(2)
    return blank + (prompted - blank) * scale


def normalize(input_ids: Tensor, scores: Tensor) -> Tensor:
    """Log-probabilities."""
    return scores.log_softmax(-1)


# what several of them use


def biased(name: str, bias: Mapping[tuple, float], vocab_size: int, start: Tensor | None, on: torch.device) -> Process:
    """`sequence_bias` for {ids: bias}: sequences with beginnings of one length are matched at once."""
    for ids in bias:
        if max(ids) >= vocab_size:
            raise ValueError(
                f"{name} has the token id {max(ids)}, but the vocabulary has {vocab_size} ids (0 to {vocab_size - 1})."
            )
    singles = {ids[0]: value for ids, value in bias.items() if len(ids) == 1}
    groups: dict[int, list[tuple]] = {}
    for ids in bias:
        if len(ids) > 1:
            groups.setdefault(len(ids) - 1, []).append(ids)

    def ids_and_values(tokens: list[int], values: list[float]) -> tuple[Tensor, Tensor]:
        return torch.tensor(tokens, dtype=torch.long, device=on), torch.tensor(values, dtype=torch.float, device=on)

    return partial(
        sequence_bias,
        singles=ids_and_values(list(singles), list(singles.values())),
        groups=[
            (
                torch.tensor([ids[:-1] for ids in many], device=on),
                *ids_and_values([i[-1] for i in many], [bias[i] for i in many]),
            )
            for many in groups.values()
        ],
        start=start,
    )


def _real(ids: Tensor, start: Tensor | None) -> Tensor | None:
    """(B, T) True where a token is no padding; None: everywhere."""
    return None if start is None else torch.arange(ids.shape[1], device=ids.device) >= start


def _marked(ids: Tensor, which: Tensor | None, size: int) -> Tensor:
    """(B, size) True at the ids (B, T) that `which` (B, T) picks; ids beyond `size`, and the others, mark nothing."""
    ids = ids.clamp(max=size) if which is None else torch.where(which, ids, size).clamp(max=size)
    marks = torch.zeros((ids.shape[0], size + 1), dtype=torch.bool, device=ids.device)
    return marks.scatter_(1, ids, True)[:, :size]


def _penalized(scores: Tensor, penalty: float) -> Tensor:
    return torch.where(scores < 0, scores * penalty, scores / penalty)


def _entropy(scores: Tensor) -> Tensor:
    """(B, V) -> (B, 1); a token that cannot come adds nothing."""
    surprise = scores.log_softmax(-1).clamp(min=torch.finfo(scores.dtype).min)
    return -(surprise * scores.softmax(-1)).sum(-1, keepdim=True)


def _cut(scores: Tensor, drop: Tensor, keep: int) -> Tensor:
    least = scores.topk(min(keep, scores.shape[-1]), dim=-1).values[:, -1:]
    return scores.masked_fill(drop & (scores < least), -torch.inf)
