"""Mixtures of experts: of many MLPs each token goes to a few (Shazeer et al. 2017, arXiv:1701.06538).

N tokens, D width, E experts, k of them for each token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bearhug._lib.errors import part, unexpected_keyword
from bearhug.models.config import Config, Experts
from bearhug.models.mlp import MLPS, GatedMLP


class Router(nn.Module):
    """Which experts a token goes to, and how much each of them counts."""

    drawn: ClassVar[tuple[str, ...]] = ("bias",)  # vectors that a new model draws
    stored: ClassVar[tuple[str, ...]] = ("correction",)  # not trained by gradients, but no constant
    always_float32: ClassVar[tuple[str, ...]] = ("correction",)

    def __init__(self, config: Config, experts: Experts):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(experts.count, config.hidden_size))
        self.bias = nn.Parameter(torch.empty(experts.count)) if experts.router_bias else None
        correction = nn.Parameter(torch.empty(experts.count), requires_grad=False) if experts.correction else None
        self.correction = correction
        self.uncounted = ("correction",) if experts.correction and not experts.counted else ()
        self.experts = experts
        self.choose = part(CHOICES, experts.choose, "choice of experts")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """X (N, D) -> scores (N, E), weights (N, k), experts (N, k)."""
        if self.training and self.experts.router_jitter:
            x = jittered(x, self.experts.router_jitter)
        if self.experts.float32:
            logits = F.linear(x.float(), self.weight.float(), self.bias)
        else:
            logits = F.linear(x, self.weight, self.bias)
        weights, chosen = self.choose(logits, self.experts, self.correction, self.training)
        if self.experts.normalized:
            weights = weights / weights.sum(-1, keepdim=True).clamp(min=self.experts.least)
        return logits, weights if self.experts.scale == 1.0 else weights * self.experts.scale, chosen


# How scores (N, E) become weights of some (N, k): (logits, experts, correction, training) -> (weights, which)


def _top(weights: Tensor, experts: Experts, correction: Tensor | None) -> tuple[Tensor, Tensor]:
    """The best, in the best groups; a correction counts for choosing alone."""
    score = weights if correction is None else weights + correction
    if experts.best and experts.groups > experts.chosen_groups:
        grouped = score.unflatten(-1, (experts.groups, -1))
        best = grouped.topk(experts.best, -1)[0].sum(-1).topk(experts.chosen_groups, -1)[1]
        closed = torch.ones_like(grouped[..., 0], dtype=torch.bool).scatter_(-1, best, False)
        score = grouped.masked_fill(closed[..., None], 0.0 if correction is None else -torch.inf).flatten(-2)
    values, chosen = score.topk(experts.chosen, -1)
    return values if correction is None else weights.gather(-1, chosen), chosen


def by_softmax(logits: Tensor, experts: Experts, correction: Tensor | None, training: bool) -> tuple[Tensor, Tensor]:
    """Shares of all experts."""
    return _top(logits.softmax(-1, dtype=torch.float32), experts, correction)


def by_sigmoid(logits: Tensor, experts: Experts, correction: Tensor | None, training: bool) -> tuple[Tensor, Tensor]:
    """Each expert for itself (DeepSeek-V3, arXiv:2412.19437, section 2.1.2)."""
    return _top(logits.float().sigmoid(), experts, correction)


def of_the_chosen(logits: Tensor, experts: Experts, correction: Tensor | None, training: bool) -> tuple[Tensor, Tensor]:
    """Shares of the chosen ones alone."""
    values, chosen = logits.topk(experts.chosen, -1)
    return values.softmax(-1), chosen


def by_sparsemixer(
    logits: Tensor, experts: Experts, correction: Tensor | None, training: bool
) -> tuple[Tensor, Tensor]:
    """Two, one after the other, each weighed among those that come near it (Liu et al. 2024, arXiv:2409.12136).

    In training they are drawn, and Heun's third-order method stretches the weights; gradients see them unstretched.
    """
    weights, which, left = [], [], logits
    for _ in range(2):
        with torch.no_grad():
            most, best = left.max(-1, keepdim=True)
            far = (most - logits) / logits.abs().clamp(min=most) > 2 * experts.tolerance
        near = left.masked_fill(far, -torch.inf)
        picked = best
        if training:
            picked = (near - torch.empty_like(near).exponential_().log()).argmax(-1, keepdim=True)
        share = near.softmax(-1)
        weight = share.gather(-1, picked)
        if training:
            first = share.argmax(-1, keepdim=True)
            kept = (picked == first) | (torch.rand_like(weight) > 0.75)
            weight = weight + (weight * (0.3333 + 0.6667 * kept.to(weight.dtype)) - weight).detach()
        weights.append(weight)
        which.append(picked)
        left = left.scatter(-1, picked, -torch.inf)
    return torch.cat(weights, -1), torch.cat(which, -1)


CHOICES: dict[str, Callable[[Tensor, Experts, Tensor | None, bool], tuple[Tensor, Tensor]]] = {
    "sigmoid": by_sigmoid,
    "softmax": by_softmax,
    "softmax_chosen": of_the_chosen,
    "sparsemixer": by_sparsemixer,
}


class Mixture(nn.Module):
    """Experts, the router before them, and maybe one beside them that every token goes to."""

    def __init__(self, config: Config):
        super().__init__()
        experts = config.experts
        assert experts is not None
        one = replace(config, intermediate_size=experts.size, mlp_bias=experts.bias)
        self.router = Router(config, experts)
        self.experts = nn.ModuleList([part(MLPS, experts.mlp, "mlp")(one) for _ in range(experts.count)])
        self.shared = GatedMLP(replace(config, intermediate_size=experts.shared)) if experts.shared else None
        self.shared_gate = nn.Linear(config.hidden_size, 1, bias=False) if experts.shared_gate else None
        self.jitter = experts.jitter

    def forward(self, x: Tensor) -> Tensor:
        """X (B, T, D) -> (B, T, D)."""
        flat = x.reshape(-1, x.shape[-1])
        if self.training and self.jitter:
            flat = jittered(flat, self.jitter)
        _, weights, chosen = self.router(flat)
        if flat.shape[0] == 1 and not torch.is_grad_enabled():
            y = self._one(flat, weights, chosen)
        else:
            y = self._many(flat, weights, chosen)
        if self.shared is not None:
            beside = self.shared(flat)
            if self.shared_gate is not None:
                beside = torch.sigmoid(self.shared_gate(flat)) * beside
            y = y + beside
        return y.view(x.shape)

    def _one(self, x: Tensor, weights: Tensor, chosen: Tensor) -> Tensor:
        """One token (1, D): its experts, one after the other."""
        each = torch.cat([self.experts[expert](x) for expert in chosen[0].tolist()])  # (k, D)
        return weights @ each if weights.dtype == x.dtype else (weights.t() * each).sum(0, keepdim=True).to(x.dtype)

    def _many(self, x: Tensor, weights: Tensor, chosen: Tensor) -> Tensor:
        """Tokens (N, D), sorted by their experts, so that each expert is one product."""
        flat = chosen.flatten()
        order = flat.argsort(stable=True)
        counts = flat.bincount(minlength=len(self.experts)).tolist()
        pieces = x[order // chosen.shape[1]].split(counts)
        # for gradients even those that nobody chose take part: theirs are then 0, not missing
        done = [self.experts[e](piece) for e, piece in enumerate(pieces) if counts[e] or torch.is_grad_enabled()]
        y = torch.cat(done)[order.argsort()].view(*chosen.shape, -1)  # (N, k, D)
        return (y * weights[..., None]).sum(1).to(x.dtype)


def jittered(x: Tensor, most: float) -> Tensor:
    """X, multiplied by random numbers within `most` of 1."""
    return x * torch.empty_like(x).uniform_(1 - most, 1 + most)


def watched(model: nn.Module) -> Callable[..., Any]:
    """A transformer's computation that gives its routers' scores too, as router_logits.

    Raises:
        TypeError: it has no experts.
    """
    routers = [module for module in model.modules() if isinstance(module, Router)]
    if not routers:
        raise unexpected_keyword("a model without experts", "output_router_logits", ("output_hidden_states",))

    def run(*given: Any) -> Any:
        logits: list[Tensor] = []
        handles = [router.register_forward_hook(lambda _, given, out: logits.append(out[0])) for router in routers]
        try:
            output = model(*given)
        finally:
            for handle in handles:
                handle.remove()
        output["router_logits"] = tuple(logits)
        return output

    return run
