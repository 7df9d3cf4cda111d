"""Contrastive search (Su et al. 2022, arXiv:2202.06417): a likely token whose state is unlike those before.

B rows, K candidates, S tokens read, D width, V vocabulary.
"""

from typing import Any

import torch
from torch import Tensor

from bearhug.generation.reader import Reader


class Contrast:
    """A reader that tries the K likeliest tokens, and keeps what it has read of the one that was chosen.

    Args:
        reader: with K copies of each row, read side by side; with one copy (low_memory) they are read one by one.
        start: (B, 1) the column of each row's first token; None: no padding.
    """

    def __init__(self, reader: Reader, alpha: float, candidates: int, start: Tensor | None):
        self.reader, self.alpha, self.candidates, self.start_column = reader, alpha, candidates, start
        reader.watch_states()
        self.states: Tensor | None = None  # (B, S, D) of all tokens so far, of length 1
        self.logits: Tensor | None = None  # (B, V) after the chosen token

    def start(self) -> Tensor:
        """Read the prompt: the scores (B, V) of the first new token."""
        logits = self.reader.start()[:: self.reader.copies]
        self.states = _unit(self.reader.states()[-1])
        for read in (self.reader.attentions, self.reader.hidden_states, self.reader.cross_attentions):
            read[:] = [tuple(layer[:: self.reader.copies] for layer in layers) for layers in read]
        return logits

    def next(self, ids: Tensor) -> Tensor:
        """The scores (B, V) after ids (B, T), which `choose` has read already."""
        assert self.logits is not None
        return self.logits

    def found(self) -> dict[str, Any]:
        """As a reader's; the tokens chosen last were read only to be weighed."""
        for read in (self.reader.attentions, self.reader.hidden_states, self.reader.cross_attentions):
            del read[-1:]
        return self.reader.found()

    def choose(self, ids: Tensor, scores: Tensor) -> Tensor:
        """The best candidate (B,) by probability and by the nearest state before it."""
        assert self.states is not None
        chance, picks = scores.softmax(-1).topk(min(self.candidates, scores.shape[-1]), -1)  # (B, K)
        states, logits = self._tried(ids, picks)  # (B, K, D), (B, K, V)
        likeness = _unit(states) @ self.states.transpose(1, 2)  # (B, K, S)
        if self.start_column is not None:
            padding = torch.arange(likeness.shape[2], device=ids.device) < self.start_column
            likeness = likeness.masked_fill(padding[:, None], -torch.inf)
        best = ((1 - self.alpha) * chance - self.alpha * likeness.amax(-1)).argmax(-1)  # (B,)
        rows = torch.arange(len(ids), device=ids.device)
        tokens = picks[rows, best]
        self._keep(ids, tokens, rows, best, picks.shape[1])
        self.logits = logits[rows, best]
        self.states = torch.cat((self.states, _unit(states[rows, best])[:, None]), 1)
        return tokens

    def _tried(self, ids: Tensor, picks: Tensor) -> tuple[Tensor, Tensor]:
        """The states and scores after each candidate."""
        reader, (batch, count) = self.reader, picks.shape
        if reader.copies > 1:
            logits = reader.next(torch.cat((ids.repeat_interleave(count, 0), picks.reshape(-1, 1)), 1)).float()
            return reader.states()[-1][:, -1].view(batch, count, -1), logits.view(batch, count, -1)
        states, logits = [], []
        for pick in picks.unbind(1):
            logits.append(reader.next(torch.cat((ids, pick[:, None]), 1)).float())
            states.append(reader.states()[-1][:, -1])
            reader.undo(1)
        return torch.stack(states, 1), torch.stack(logits, 1)

    def _keep(self, ids: Tensor, tokens: Tensor, rows: Tensor, best: Tensor, count: int) -> None:
        """Go on from the chosen candidates."""
        reader = self.reader
        if reader.copies == 1:
            reader.next(torch.cat((ids, tokens[:, None]), 1))
            return
        chosen = rows * count + best
        reader.reorder(chosen.repeat_interleave(count))
        for read in (reader.attentions, reader.hidden_states, reader.cross_attentions):
            if read:
                read[-1] = tuple(layer[chosen] for layer in read[-1])


def _unit(states: Tensor) -> Tensor:
    return states / states.norm(dim=-1, keepdim=True)
