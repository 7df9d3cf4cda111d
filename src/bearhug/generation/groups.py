"""Beams that go by more than their scores: groups that keep apart, and phrases that have to be said.

Diverse beam search (Vijayakumar et al. 2016, arXiv:1610.02424) and beam search with constraints (Post & Vilar 2018,
arXiv:1804.06609), as transformers 4 had them. B rows, K beams, G groups of K / G beams, V vocabulary, P columns of the
prompt, E at the end.
"""

from typing import Any

import torch
from torch import Tensor

from bearhug.generation.beams import NEVER
from bearhug.generation.outputs import GenerateBeamDecoderOnlyOutput, GenerateBeamEncoderDecoderOutput
from bearhug.generation.phrases import Phrase, Progress, wanted
from bearhug.generation.plan import Plan


class Ended:
    """The best texts of one group that have ended: (score, ids, path)."""

    def __init__(self, plan: Plan, size: int):
        self.plan, self.size = plan, size
        self.texts: list[tuple[float, list[int], list[int]]] = []

    def add(self, score: float, ids: list[int], path: list[int]) -> None:
        """One more, by its score for each new token; the worst one leaves."""
        self.texts.append((score / len(path) ** self.plan.config.length_penalty, ids, path))
        self.texts = sorted(self.texts, key=lambda text: -text[0])[: self.size]

    def is_closed(self, best: float, new: int) -> bool:
        """Whether no running text, of which the best has this score at `new` tokens, is waited for."""
        config, most = self.plan.config, self.plan.end - self.plan.ids.shape[1]
        if len(self.texts) < self.size:
            return False
        if config.early_stopping is True:
            return True
        length = most if config.early_stopping == "never" and config.length_penalty > 0 else new
        return self.texts[-1][0] >= best / length**config.length_penalty


def search(plan: Plan) -> Any:
    """Group beam search, or beam search with constraints: what generate returns."""
    config, reader, end = plan.config, plan.reader, plan.end
    (rows, width), beams, groups = plan.ids.shape, config.num_beams, config.num_beam_groups
    batch, size, device = rows // beams, beams // groups, plan.ids.device
    constraints = wanted(config)
    _refuse_too_long(constraints, end - width, plan.vocabulary)
    ids = torch.full((batch, beams, end), -1, dtype=torch.long, device=device)
    ids[:, :, :width] = plan.ids.view(batch, beams, width)
    totals = torch.full((batch, beams), NEVER, device=device)
    totals[:, ::size] = 0.0
    paths: list[list[list[int]]] = [[[] for _ in range(beams)] for _ in range(batch)]
    ended = [[Ended(plan, size) for _ in range(groups)] for _ in range(batch)]
    closed = [[False] * groups for _ in range(batch)]
    keep_logits, keep_scores = ([] if asked else None for asked in (config.output_logits, config.output_scores))
    count = size * max(2, 1 + (0 if plan.eos is None else len(plan.eos)))
    filler = plan.pad if plan.pad is not None else 0
    length = width
    while length < end:
        flat = ids[:, :, :length].reshape(rows, length)
        logits = (reader.start() if length == width else reader.next(flat)).float()
        after = torch.zeros_like(logits).view(batch, beams, -1)
        tokens = torch.full((batch, beams), filler, device=device)
        parents = torch.arange(beams, device=device).repeat(batch, 1)
        for group in range(groups):
            mine = slice(group * size, (group + 1) * size)
            if plan.diversity is not None:
                plan.diversity.taken = tokens[:, : group * size]
            chances = logits.log_softmax(-1)
            for process in plan.processors:
                chances = process(flat, chances)
            after[:, mine] = chances.view(batch, beams, -1)[:, mine]
            everything = after[:, mine] + totals[:, mine, None]  # (B, K / G, V)
            best, picks = everything.flatten(1).topk(count, 1)
            for row in range(batch):
                if closed[row][group]:
                    totals[row, mine] = 0.0
                    continue
                chosen = _continued(
                    plan, ids[row, mine, :length], best[row], picks[row], ended[row][group], everything[row],
                    paths[row][mine], row * beams + group * size, constraints, size,
                )  # fmt: skip
                for place, (score, token, parent) in enumerate(chosen):
                    totals[row, group * size + place] = score
                    tokens[row, group * size + place] = token
                    parents[row, group * size + place] = group * size + parent
                closed[row][group] = ended[row][group].is_closed(float(best[row].max()), length + 1 - width)
        if keep_logits is not None:
            keep_logits.append(logits)
        if keep_scores is not None:
            keep_scores.append(after.flatten(0, 1))
        ids = ids.gather(1, parents[:, :, None].expand(-1, -1, end))
        ids[:, :, length] = tokens
        order = parents.tolist()
        paths = [[[*paths[r][p], r * beams + p] for p in order[r]] for r in range(batch)]
        length += 1
        if all(all(row) for row in closed) or (length < end and _rankedover(plan, ids[:, :, :length].flatten(0, 1))):
            break
        if length < end:
            reader.reorder((parents + torch.arange(batch, device=device)[:, None] * beams).flatten())
    for row in range(batch):
        for group in range(groups):
            if not closed[row][group]:
                mine = range(group * size, (group + 1) * size)
                _close(ended[row][group], ids[row, :, :length], totals[row], paths[row], mine, constraints, width)
    return _result(plan, ended, constraints, keep_logits, keep_scores)


def _continued(
    plan: Plan, ids: Tensor, best: Tensor, picks: Tensor, ended: Ended, everything: Tensor, paths: list[list[int]],
    first: int, constraints: list[list[Phrase]], size: int,
) -> list[tuple[float, int, int]]:  # fmt: skip
    """The K / G best (score, token, beam) of a group in one row; those that end go to `ended`."""
    vocabulary, found = everything.shape[-1], []
    parents, tokens = picks // vocabulary, picks % vocabulary
    longer = torch.cat((ids[parents], tokens[:, None]), 1)
    over = torch.zeros(len(longer), dtype=torch.bool, device=ids.device)
    for ends in plan.criteria:
        over = over | ends(longer, None)
    width = plan.ids.shape[1]
    for rank, (score, token, parent, stops) in enumerate(
        zip(best.tolist(), tokens.tolist(), parents.tolist(), over.tolist(), strict=True)
    ):
        if stops:
            said = longer[rank, width:].tolist()
            if rank < size and score > NEVER / 2 and Progress(constraints, said).done:
                ended.add(score, said, [*paths[parent], first + parent])
            continue
        found.append((score, token, parent))
        if len(found) == size:
            break
    return _by_progress(plan, ids, found, everything, constraints) if constraints else found


def _by_progress(
    plan: Plan, ids: Tensor, found: list[tuple[float, int, int]], everything: Tensor, constraints: list[list[Phrase]]
) -> list[tuple[float, int, int]]:
    """As many of the found, and of those that say more of a phrase, taking turns among the stages of progress."""
    width = plan.ids.shape[1]
    said = [row[width:].tolist() for row in ids]
    beginnings = [tuple(row) for row in said]
    known = {(*beginnings[parent], token) for _, token, parent in found}
    ranked = [
        (Progress(constraints, [*said[parent], token]).bank, (score, token, parent)) for score, token, parent in found
    ]
    for parent, row in enumerate(said):
        for token in Progress(constraints, row).next():
            if (*beginnings[parent], token) not in known:
                known.add((*beginnings[parent], token))
                score = float(everything[parent, token])
                ranked.append((Progress(constraints, [*row, token]).bank, (score, token, parent)))
    ranked.sort(key=lambda item: (-item[0], -item[1][0]))
    ranks, seen = [], {}
    for bank, _ in ranked:
        ranks.append(seen.get(bank, 0))
        seen[bank] = ranks[-1] + 1
    order = sorted(range(len(ranked)), key=ranks.__getitem__)
    return [ranked[place][1] for place in order[: len(found)]]


def _rankedover(plan: Plan, ids: Tensor) -> bool:
    over = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
    for ends in plan.criteria:
        over = over | ends(ids, None)
    return bool(over.all())


def _close(
    ended: Ended, ids: Tensor, totals: Tensor, paths: list[list[int]], mine: range, constraints: Any, width: int
) -> None:
    """Let what still runs at the last column count as ended; without its phrases only where nothing has them."""
    texts = [(float(totals[place]), ids[place, width:].tolist(), paths[place]) for place in mine]
    whole = [text for text in texts if Progress(constraints, text[1]).done]
    for text in whole:
        ended.add(*text)
    for text in texts:
        if text not in whole and len(ended.texts) < min(len(texts), ended.plan.config.num_return_sequences):
            ended.add(*text)


def _result(
    plan: Plan, ended: list[list[Ended]], constraints: list[list[Phrase]], keep_logits: Any, keep_scores: Any
) -> Any:
    config, reader = plan.config, plan.reader
    width, filler = plan.ids.shape[1], plan.pad if plan.pad is not None else 0
    chosen = []
    for groups in ended:
        texts = [text for group in groups for text in group.texts]
        texts.sort(key=lambda text: (not Progress(constraints, text[1]).done, -text[0]))
        chosen += texts[: config.num_return_sequences]
    longest = max(len(ids) for _, ids, _ in chosen)
    new = torch.tensor([ids + [filler] * (longest - len(ids)) for _, ids, _ in chosen], device=plan.ids.device)
    first = plan.ids.view(-1, config.num_beams, width)[:, : config.num_return_sequences].flatten(0, 1)
    sequences = plan.finished(torch.cat((first, new), 1))
    if not config.return_dict_in_generate:
        return sequences
    kind = GenerateBeamDecoderOnlyOutput if plan.prompt.source is None else GenerateBeamEncoderDecoderOutput
    return kind(
        sequences=sequences,
        sequences_scores=torch.tensor([score for score, _, _ in chosen]) if config.output_scores else None,
        scores=None if keep_scores is None else tuple(keep_scores),
        logits=None if keep_logits is None else tuple(keep_logits),
        beam_indices=torch.tensor([path + [-1] * (longest - len(path)) for _, _, path in chosen], dtype=torch.int32),
        **reader.found(),
    )


def _refuse_too_long(constraints: list[list[Phrase]], new: int, vocabulary: int) -> None:
    least = sum(min(map(len, phrases)) for phrases in constraints)
    if least > new:
        raise ValueError(
            f"the constraints have at least {least} tokens, but at most {new} are made.\n"
            f"Pass max_new_tokens={least} or more."
        )
    for token in (token for phrases in constraints for phrase in phrases for token in phrase):
        if token >= vocabulary:
            raise ValueError(f"a constraint has the token id {token}, but the vocabulary has {vocabulary} ids.")
