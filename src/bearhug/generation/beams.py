"""Beam search: keep the K likeliest beginnings of each row, and the K best that have ended.

B rows of the batch, K beams, R = B * K, C candidates a step, V vocabulary, E columns at the end, N new tokens.
The scores, the rule that stops early and the order of draws are the reference's.
"""

from typing import Any

import torch
from torch import Tensor

from bearhug.generation.outputs import GenerateBeamDecoderOnlyOutput
from bearhug.generation.plan import Plan

NEVER = -1e9  # the score of what must not be chosen; finite, so that it can still be ranked


def search(plan: Plan) -> Any:
    """Beam search, or beam sampling: what generate returns."""
    config, reader, beams, end = plan.config, plan.reader, plan.config.num_beams, plan.end
    (rows, width), device = plan.ids.shape, plan.ids.device
    batch = rows // beams
    candidates = beams * max(2, 1 + (0 if plan.eos is None else len(plan.eos)))  # enough to go on if all the best end
    first = torch.arange(batch, device=device)[:, None] * beams  # (B, 1) the row of each batch's first beam

    ids = torch.full((batch, beams, end), _filler(plan), dtype=torch.long, device=device)
    ids[:, :, :width] = plan.ids.view(batch, beams, width)
    best = ids.clone()  # the ended ones
    origin = torch.full((batch, beams, end - width), -1, dtype=torch.int32, device=device)
    best_origin = origin.clone()
    scores = torch.full((batch, beams), NEVER, device=device)
    best_scores = scores.clone()
    scores[:, 0] = 0.0  # all beams are equal at first: only one of them counts
    best_ended = torch.zeros((batch, beams), dtype=torch.bool, device=device)
    hope = torch.ones((batch, 1), dtype=torch.bool, device=device)  # a running beam may still beat an ended one
    keep_logits, keep_scores = ([] if wanted else None for wanted in (config.output_logits, config.output_scores))
    length = width
    while True:
        flat = ids[:, :, :length].reshape(rows, length)
        logits = (reader.start() if length == width else reader.next(flat)).float()
        chances = logits.log_softmax(-1)
        for process in plan.processors:
            chances = process(flat, chances)
        if keep_logits is not None:
            keep_logits.append(logits)
        if keep_scores is not None:
            keep_scores.append(chances)

        # the C best continuations of all beams of a row
        vocabulary = chances.shape[-1]
        total = (chances.view(batch, beams, vocabulary) + scores[:, :, None]).view(batch, -1)  # (B, K * V)
        if not config.do_sample:
            values, picks = total.topk(candidates)
        else:
            if plan.streams is None:
                picks = torch.multinomial(total.softmax(-1), candidates)
            else:
                picks = plan.streams.choose_many(total, candidates)
            values = total.gather(1, picks)
        parents, tokens = picks // vocabulary, picks % vocabulary  # (B, C)
        longer = _take(ids, parents)
        longer[:, :, length] = tokens
        path = _take(origin, parents)
        path[:, :, length - width] = (parents + first).int()
        length += 1

        ended = torch.full((batch, candidates), length == end, device=device)
        shown = longer[:, :, :length].reshape(batch * candidates, length)
        for ends in plan.criteria:
            ended |= (
                torch.as_tensor(ends(shown, None if keep_scores is None else tuple(keep_scores)), device=device)
                .expand(batch * candidates)
                .view(batch, candidates)
            )

        # the K best that go on
        running = values + ended * NEVER
        order = running.topk(beams).indices
        ids, origin, scores = _take(longer, order), _take(path, order), running.gather(1, order)

        # the K best that have ended, of those before and those among this step's K best
        counts = ended.clone()
        counts[:, beams:] = False
        final = values / (length - width) ** config.length_penalty
        full = best_ended.all(-1, keepdim=True) & (config.early_stopping is True)
        final = final + full * NEVER + ~hope * NEVER + ~counts * NEVER
        merged = torch.cat((best_scores, final), 1)
        order = merged.topk(beams).indices
        best = _take(torch.cat((best, longer), 1), order)
        best_origin = _take(torch.cat((best_origin, path), 1), order)
        best_ended = torch.cat((best_ended, counts), 1).gather(1, order)
        best_scores = merged.gather(1, order)

        # whether to go on
        furthest = end if config.early_stopping == "never" and config.length_penalty > 0 else length
        possible = scores[:, :1] / (furthest - width) ** config.length_penalty
        worst = torch.where(best_ended, best_scores.amin(1, keepdim=True), NEVER)
        hope = hope & (possible > worst).any(-1, keepdim=True)
        done = best_ended.all() & (config.early_stopping is True)
        if bool(~hope.any() | done | ended.all()):
            break
        reader.reorder(origin[:, :, length - width - 1].flatten().long())

    wanted = config.num_return_sequences
    best_origin = best_origin[:, :wanted].flatten(0, 1)
    new = int((best_origin >= 0).sum(1).max())
    sequences = plan.finished(best[:, :wanted].flatten(0, 1)[:, : width + new])
    if not config.return_dict_in_generate:
        return sequences
    return GenerateBeamDecoderOnlyOutput(
        sequences=sequences,
        sequences_scores=best_scores[:, :wanted].flatten() if config.output_scores else None,
        scores=None if keep_scores is None else tuple(keep_scores),
        logits=None if keep_logits is None else tuple(keep_logits),
        beam_indices=best_origin[:, :new],
        attentions=tuple(reader.attentions) or None,
        hidden_states=tuple(reader.hidden_states) or None,
        past_key_values=reader.cache,
    )


def _take(values: Tensor, order: Tensor) -> Tensor:
    """values (B, M, L), order (B, C) of M -> (B, C, L)."""
    return values.gather(1, order[:, :, None].expand(-1, -1, values.shape[-1]))


def _filler(plan: Plan) -> int:
    """What stands after a sequence's end: where pad_token_id is 0 the end token, as in the reference."""
    if plan.eos is None:
        return -1 if plan.pad is None else plan.pad
    return plan.pad or int(plan.eos[0])
