"""Beam search: keep the K likeliest beginnings of each row, and the K best that have ended.

B rows of the batch, K beams, R = B * K, C candidates a step, V vocabulary, E columns at the end, N new tokens.
The scores, the rule that stops early and the order of draws are the reference's.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from bearhug.generation.outputs import GenerateBeamDecoderOnlyOutput, GenerateBeamEncoderDecoderOutput
from bearhug.generation.plan import Plan

NEVER = -1e9  # the score of what must not be chosen; finite, so that it can still be ranked


class Beams(NamedTuple):
    """M sequences of each row."""

    ids: Tensor  # (B, M, E), filled up to the current column
    path: Tensor  # (B, M, N) int32, the beam (of all R) that each new token was taken from; -1: no token
    scores: Tensor  # (B, M)
    ended: Tensor  # (B, M) bool

    def take(self, order: Tensor) -> "Beams":
        """Sequences order (B, M') of each row."""
        ids, path = (part.gather(1, order[:, :, None].expand(-1, -1, part.shape[-1])) for part in (self.ids, self.path))
        return Beams(ids, path, self.scores.gather(1, order), self.ended.gather(1, order))

    def top(self, count: int) -> "Beams":
        """The `count` sequences of the highest scores."""
        return self.take(self.scores.topk(count).indices)

    def join(self, other: "Beams") -> "Beams":
        """These and the other's, side by side."""
        return Beams(*(torch.cat(parts, 1) for parts in zip(self, other, strict=True)))


def search(plan: Plan) -> Any:
    """Beam search, or beam sampling: what generate returns."""
    config, reader, beams, end = plan.config, plan.reader, plan.config.num_beams, plan.end
    rows, width = plan.ids.shape
    running, best = _start(plan)
    hope = torch.ones(
        (rows // beams, 1), dtype=torch.bool, device=plan.ids.device
    )  # of a better one than all that ended
    any_ended = False
    keep_logits, keep_scores = ([] if wanted else None for wanted in (config.output_logits, config.output_scores))
    for length in range(width, end):
        flat = running.ids[:, :, :length].reshape(rows, length)
        logits = (reader.start() if length == width else reader.next(flat)).float()
        chances = logits.log_softmax(-1)
        for process in plan.processors:
            chances = process(flat, chances)
        if keep_logits is not None:
            keep_logits.append(logits)
        if keep_scores is not None:
            keep_scores.append(chances)

        longer = _continued(plan, running, chances, length)
        longer = longer._replace(ended=_ended(plan, longer, length + 1, keep_scores))
        running = longer._replace(scores=longer.scores + longer.ended * NEVER).top(beams)
        if bool(longer.ended.any()):
            any_ended = True
            best = best.join(_rated(plan, longer, best, hope, length + 1)).top(beams)
        if any_ended:
            hope &= _can_improve(plan, running, best, length + 1)
            full = config.early_stopping is True and bool(best.ended.all())
            if full or not bool(hope.any()) or bool(longer.ended.all()):
                break
        reader.reorder(running.path[:, :, length - width].flatten().long())
    return _result(plan, best, keep_logits, keep_scores)


def _start(plan: Plan) -> tuple[Beams, Beams]:
    """The running beams, all equal, of which only the first counts; and room for those that will have ended."""
    (rows, width), beams, end, device = plan.ids.shape, plan.config.num_beams, plan.end, plan.ids.device
    ids = torch.full((rows // beams, beams, end), _filler(plan), dtype=torch.long, device=device)
    ids[:, :, :width] = plan.ids.view(-1, beams, width)
    path = torch.full((rows // beams, beams, end - width), -1, dtype=torch.int32, device=device)
    scores = torch.full((rows // beams, beams), NEVER, device=device)
    none = torch.zeros_like(scores, dtype=torch.bool)
    first = scores.clone()
    first[:, 0] = 0.0
    return Beams(ids, path, first, none), Beams(ids, path, scores, none)


def _continued(plan: Plan, running: Beams, chances: Tensor, length: int) -> Beams:
    """The C best ways to continue the beams of a row by a token, or C that are drawn: chances (R, V) -> best first.

    C is enough to go on with if all of the K best of them should end.
    """
    (batch, beams), vocabulary = running.scores.shape, chances.shape[-1]
    count = beams * max(2, 1 + (0 if plan.eos is None else len(plan.eos)))
    total = (chances.view(batch, beams, vocabulary) + running.scores[:, :, None]).view(batch, -1)  # (B, K * V)
    if not plan.config.do_sample:
        values, picks = total.topk(count)
    else:
        draws = torch.multinomial(total.softmax(-1), count) if plan.streams is None else None
        picks = draws if draws is not None else plan.streams.choose_many(total, count)  # type: ignore[union-attr]
        values = total.gather(1, picks)
    parents = picks // vocabulary  # (B, C)
    longer = running.take(parents)
    longer.ids[:, :, length] = picks % vocabulary
    first = torch.arange(batch, device=picks.device)[:, None] * beams
    longer.path[:, :, length - plan.ids.shape[1]] = (parents + first).int()
    return longer._replace(scores=values)


def _ended(plan: Plan, longer: Beams, length: int, kept: list[Tensor] | None) -> Tensor:
    """(B, C) which of them have ended with their last token."""
    batch, count = longer.scores.shape
    ids = longer.ids[:, :, :length].reshape(batch * count, length)
    ended = torch.full((batch * count,), length == plan.end, device=ids.device)
    for ends in plan.criteria:
        ended |= ends(ids, None if kept is None else tuple(kept))
    return ended.view(batch, count)


def _rated(plan: Plan, longer: Beams, best: Beams, hope: Tensor, length: int) -> Beams:
    """Those of the K best that have ended, scored by their length; the others, and all of a closed row, score NEVER."""
    new, config = length - plan.ids.shape[1], plan.config
    counts = longer.ended.clone()
    counts[:, config.num_beams :] = False
    scores = longer.scores / new**config.length_penalty
    if config.early_stopping is True:
        scores = scores + best.ended.all(-1, keepdim=True) * NEVER
    return longer._replace(scores=scores + ~hope * NEVER + ~counts * NEVER, ended=counts)


def _can_improve(plan: Plan, running: Beams, best: Beams, length: int) -> Tensor:
    """(B, 1) whether the best running beam may still beat the worst ended one, by the length that favours it."""
    config = plan.config
    furthest = plan.end if config.early_stopping == "never" and config.length_penalty > 0 else length
    possible = running.scores[:, :1] / (furthest - plan.ids.shape[1]) ** config.length_penalty
    worst = torch.where(best.ended, best.scores.amin(1, keepdim=True), NEVER)
    return (possible > worst).any(-1, keepdim=True)


def _result(plan: Plan, best: Beams, keep_logits: list[Tensor] | None, keep_scores: list[Tensor] | None) -> Any:
    config, reader, wanted = plan.config, plan.reader, plan.config.num_return_sequences
    path = best.path[:, :wanted].flatten(0, 1)
    new = int((path >= 0).sum(1).max())
    sequences = plan.finished(best.ids[:, :wanted].flatten(0, 1)[:, : plan.ids.shape[1] + new])
    if not config.return_dict_in_generate:
        return sequences
    kind = GenerateBeamDecoderOnlyOutput if plan.prompt.source is None else GenerateBeamEncoderDecoderOutput
    return kind(
        sequences=sequences,
        sequences_scores=best.scores[:, :wanted].flatten() if config.output_scores else None,
        scores=None if keep_scores is None else tuple(keep_scores),
        logits=None if keep_logits is None else tuple(keep_logits),
        beam_indices=path[:, :new],
        **reader.found(),
    )


def _filler(plan: Plan) -> int:
    """What stands after a sequence's end: where pad_token_id is 0 the end token, as in the reference."""
    if plan.eos is None:
        return -1 if plan.pad is None else plan.pad
    return plan.pad or int(plan.eos[0])
