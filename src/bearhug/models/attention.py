"""Attention and what it may look at.

B rows, T new tokens, S all tokens, D width, H heads, G key/value heads, K head size.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bearhug._lib.errors import part
from bearhug.caches.kv import LayerCache
from bearhug.models.config import Config
from bearhug.models.mlp import HEAD_NORMS, ClippedLinear
from bearhug.models.positions import Distances, Rotate, counted


class Sight(NamedTuple):
    """What the new tokens look at: everything, or less."""

    mask: Tensor | None = None  # (B or 1, 1, T or 1, S): True where a token may look, or numbers added to the scores
    causal: bool = False  # only itself and what stands before it (T == S)
    last: int = 0  # only this many at the end; 0: all
    real: Tensor | None = None  # (B, T): False for padding, for mixers that read a text in order; None: all are real


EVERYTHING = Sight()
# mixers of transformer.MIXERS that ask which tokens are in sight
LOOKING = ("attention", "disentangled", "gated", "latent", "turned_first")


def sight(config: Config, kind: str, real: Tensor | None, start: int, new: int, device: torch.device) -> Sight:
    """The sight of the layers of one kind. Those with another mixer than attention get the real tokens, and no mask.

    Args:
        kind: a key of `config.kinds`.
        real: (B, S), True for real tokens and False for padding; None: all are real.
        start: how many of the S tokens are in the cache.
        new: T.

    A window is measured over real tokens, so that padding within a row makes no difference. A token that sees nothing
    (padding) gets zeros from `sdpa` and `eager`, never NaN.
    """
    if config.kind(kind).mixer not in LOOKING:
        return EVERYTHING if real is None or real[:, start:].all() else Sight(real=real[:, start:])
    total = start + new
    window = config.kind(kind).window
    if window is not None and window >= total:
        window = None
    if not config.causal and window is not None:
        places = torch.arange(total, device=device)[None] if real is None else counted(real)  # (B or 1, S)
        mask = (places[:, start:, None] - places[:, None, :]).abs() < window
        return Sight((mask if real is None else mask & real[:, None, :])[:, None])
    if real is None:
        if not config.causal or (new == 1 and window is None):
            return EVERYTHING
        if new == 1:
            return Sight(last=window or 0)
        if start == 0 and window is None:
            return Sight(causal=True)
    elif not config.causal or (new == 1 and window is None):
        return Sight(real[:, None, None, :])
    order = torch.arange(total, device=device)
    mask = (order <= order[start:, None])[None]  # (1, T, S)
    if window is not None:
        places = order[None] if real is None else counted(real)  # (B or 1, S)
        mask = mask & (places[:, start:, None] - places[:, None, :] < window)
    if real is not None:
        mask = mask & real[:, None, :]  # (B, T, S)
    return Sight(mask[:, None])  # (B or 1, 1, T, S)


def biased(sight: Sight, bias: Tensor, new: int) -> Sight:
    """The same sight, with numbers (B or 1, H, T, S) that are added to the scores of what is seen."""
    mask = sight.mask
    if sight.causal and new > 1:
        mask = torch.ones(new, bias.shape[-1], dtype=torch.bool, device=bias.device).tril()[None, None]
    if sight.last:
        bias = bias[..., -sight.last :]
    if mask is None:
        return Sight(bias, last=sight.last)
    if mask.dtype != torch.bool:
        return Sight(bias + mask)
    return Sight(bias.masked_fill(~mask, torch.finfo(bias.dtype).min))


def sdpa(q: Tensor, k: Tensor, v: Tensor, sight: Sight, scale: float, dropout: float) -> tuple[Tensor, None]:
    """Attention by torch's fused kernels: q (B, H, T, K), k and v (B, G, S, K) -> (B, T, H * K)."""
    rows, heads, new, size = q.shape
    groups = k.shape[1]
    alike = sight.mask is None or sight.mask.shape[1] == 1
    if new == 1 and groups != heads and alike and not dropout:
        # the heads of a group as the rows of one product: no copies of k and v
        q = q.view(rows, groups, heads // groups, size)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=sight.mask, scale=scale)
        return y.reshape(rows, 1, heads * size), None
    how = {"is_causal": sight.causal, "dropout_p": dropout, "scale": scale, "enable_gqa": groups != heads}
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=sight.mask, **how)
    return y.transpose(1, 2).flatten(2), None  # values may have another size


def eager(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    sight: Sight,
    scale: float,
    dropout: float,
    cap: float | None = None,
    sinks: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Attention step by step, with its weights (B, H, T, S): shapes as in `sdpa`.

    `cap`: scores stay below it. `sinks` (H,): scores of looking at nothing.
    """
    repeats = q.shape[1] // k.shape[1]
    if repeats > 1:
        k, v = k.repeat_interleave(repeats, 1), v.repeat_interleave(repeats, 1)
    scores = torch.matmul(q, k.transpose(2, 3)) * scale
    if cap is not None:
        scores = torch.tanh(scores / cap) * cap
    mask = sight.mask
    if sight.causal and q.shape[2] > 1:
        mask = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=q.device).tril()
    if mask is not None and mask.dtype != torch.bool:
        scores, mask = scores + mask, None
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    if sinks is not None:
        nothing = sinks[:, None, None].to(scores.dtype).expand(*scores.shape[:3], 1)
        scores = torch.cat((scores, nothing), -1)
    weights = scores.softmax(-1, dtype=torch.float32).to(q.dtype)
    if sinks is not None:
        weights = weights[..., :-1]
    if mask is not None:
        weights = weights.masked_fill(~mask.any(-1, keepdim=True), 0.0)
    if dropout:
        weights = F.dropout(weights, dropout)
    return torch.matmul(weights, v).transpose(1, 2).flatten(2), weights


@cache
def _flex_kernel(device: str) -> Callable[..., Any]:
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention) if device == "cuda" else flex_attention  # without a compiler: step by step


def flex(q: Tensor, k: Tensor, v: Tensor, sight: Sight, scale: float, dropout: float) -> tuple[Tensor, None]:
    """Attention by torch's flex_attention, compiled on a GPU: shapes as in `sdpa`, which does what this cannot."""
    if dropout or (q.requires_grad and q.device.type == "cpu"):
        return sdpa(q, k, v, sight, scale, dropout)
    mask = sight.mask
    rows, heads, news = (1, 1, 1) if mask is None else (size > 1 for size in mask.shape[:3])

    def score(value: Tensor, row: Tensor, head: Tensor, new: Tensor, old: Tensor) -> Tensor:
        if mask is None:
            return torch.where(new >= old, value, -torch.inf) if sight.causal else value
        found = mask[row if rows else 0, head if heads else 0, new if news else 0, old]
        return value + found if mask.is_floating_point() else torch.where(found, value, -torch.inf)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is not compiled
        y = _flex_kernel(q.device.type)(q, k, v, score, scale=scale, enable_gqa=q.shape[1] != k.shape[1])
    return y.transpose(1, 2).flatten(2), None


ATTEND: dict[str, Callable[[Tensor, Tensor, Tensor, Sight, float, float], tuple[Tensor, Tensor | None]]] = {
    "eager": eager,
    "flex_attention": flex,
    "flash_attention_2": sdpa,  # torch picks its flash kernels itself, where they fit
    "sdpa": sdpa,
}


def by_head(x: Tensor, heads: int) -> Tensor:
    """(B, T, heads * K) -> (B, heads, T, K), as a view."""
    rows, new, width = x.shape
    if new == 1:
        return x.view(rows, heads, 1, width // heads)
    return x.view(rows, new, heads, width // heads).transpose(1, 2)


class Source(NamedTuple):
    """Another text, that cross attention looks at; without states, by the keys and values that the cache holds."""

    states: Tensor | None  # (B, S, D)
    sight: Sight = EVERYTHING
    seen: list[Tensor] | None = None  # gets the weights (B, H, T, S)


class Attention(nn.Module):
    """A token looks at other tokens (Vaswani et al. 2017, arXiv:1706.03762), in groups of heads (arXiv:2305.13245)."""

    drawn: ClassVar[tuple[str, ...]] = ("sinks",)  # vectors that a new model draws

    def __init__(self, config: Config, layer: int):
        super().__init__()
        self.heads, self.groups = config.num_attention_heads, config.num_key_value_heads
        self.head_dim = config.head_dim
        if self.heads % self.groups:
            raise ValueError(
                f"{self.heads} attention heads do not divide into {self.groups} groups of key/value heads."
            )
        width, inner, shared = config.hidden_size, self.heads * self.head_dim, self.groups * self.head_dim
        linear = nn.Linear if config.clip_qkv is None else partial(ClippedLinear, config.clip_qkv)
        early = nn.Linear if config.qk_norm else linear  # what has a norm is clipped after it
        self.q_proj = early(width, inner, bias=config.qkv_bias)
        self.k_proj = early(width, shared, bias=config.qkv_bias)
        self.v_proj = linear(width, shared, bias=config.qkv_bias)
        self.o_proj = nn.Linear(inner, width, bias=config.output_bias)
        self.q_norm = self.k_norm = None
        if config.qk_norm:
            norm = part(HEAD_NORMS, "head" if config.qk_norm is True else config.qk_norm, "qk_norm")
            self.q_norm, self.k_norm = norm(config, self.heads), norm(config, self.groups)
        self.scale = config.attention_scale if config.attention_scale is not None else self.head_dim**-0.5
        if config.scale_by_layer:
            self.scale /= layer + 1
        self.dropout = config.attention_dropout
        self.stepwise = eager if config.score_softcap is None else partial(eager, cap=config.score_softcap)
        self.attend = sdpa if config.score_softcap is None else self.stepwise
        self.sinks = None
        if config.sinks:
            self.sinks = nn.Parameter(torch.empty(self.heads))
            self.stepwise = self.attend = self._beside_sinks

    def _beside_sinks(self, *given: Any) -> tuple[Tensor, Tensor]:
        """Attention that may look at nothing, too (Xiao et al. 2023, arXiv:2309.17453)."""
        return eager(*given, sinks=self.sinks)

    def new_cache(self, batch: int, length: int, like: Tensor) -> LayerCache:
        """An empty cache with room for `length` tokens of `batch` rows, on the device and of the dtype of `like`."""
        if not length:
            return LayerCache()  # waits for its first tensors, and keeps those
        shape = (batch, self.groups, length, self.head_dim)
        return LayerCache(like.new_empty(shape), like.new_empty(shape))

    def forward(
        self,
        x: Tensor,
        rotate: Rotate | None,
        sight: Sight,
        cache: LayerCache | None = None,
        seen: list[Tensor] | None = None,
    ) -> Tensor:
        """X (B, T, D) -> (B, T, D). `seen`, where given, gets the weights (B, H, T, S)."""
        q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        q, k, v = by_head(q, self.heads), by_head(k, self.groups), by_head(v, self.groups)  # (B, H or G, T, K)
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        if rotate is not None:
            q, k = rotate(q, k)
        if cache is not None:
            k, v = cache.append(k, v)  # (B, G, S, K)
            if sight.last:
                k, v = k[:, :, -sight.last :], v[:, :, -sight.last :]
        attend = self.attend if seen is None else self.stepwise
        y, weights = attend(q, k, v, sight, self.scale, self.dropout if self.training else 0.0)  # (B, T, H * K)
        if seen is not None and weights is not None:
            seen.append(weights)
        return self.o_proj(y)


class TurnedFirst(Attention):
    """Queries and keys get their norms after they are turned (Hunyuan)."""

    def __init__(self, config: Config, layer: int):
        super().__init__(replace(config, qk_norm=False), layer)
        norm = part(HEAD_NORMS, "head" if config.qk_norm is True else config.qk_norm or "head", "qk_norm")
        self.late_q_norm, self.late_k_norm = norm(config, self.heads), norm(config, self.groups)

    def forward(self, x: Tensor, rotate: Rotate | None, *look: Any) -> Tensor:  # type: ignore[override]
        """As in `Attention`."""

        def turn(q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
            if rotate is not None:
                q, k = rotate(q, k)
            return self.late_q_norm(q), self.late_k_norm(k)

        return super().forward(x, turn, *look)


def _as_it_is(x: Tensor) -> Tensor:
    return x


class Gated(Attention):
    """A token says how much of what it saw is let through (arXiv:2505.06708)."""

    def __init__(self, config: Config, layer: int):
        super().__init__(config, layer)
        self.gate_proj = nn.Linear(config.hidden_size, self.q_proj.out_features, bias=config.qkv_bias)
        self.last_proj = self.o_proj
        del self.o_proj
        self.o_proj = _as_it_is

    def forward(self, x: Tensor, *look: Any) -> Tensor:  # type: ignore[override]
        """As in `Attention`."""
        y = super().forward(x, *look)
        return self.last_proj(y * torch.sigmoid(self.gate_proj(x)))


class CrossAttention(Attention):
    """A token looks at the tokens of another text."""

    def __init__(self, config: Config, layer: int):
        super().__init__(config, layer)
        if config.source_width is not None:
            self.k_proj = nn.Linear(config.source_width, self.k_proj.out_features, bias=config.qkv_bias)
            self.v_proj = nn.Linear(config.source_width, self.v_proj.out_features, bias=config.qkv_bias)

    def forward(self, x: Tensor, source: Source, cache: LayerCache | None = None) -> Tensor:  # type: ignore[override]
        """X (B, T, D) -> (B, T, D). The other text's keys and values are computed once and kept in the cache."""
        if cache is not None and cache.source is not None:
            k, v = cache.source
        else:
            assert source.states is not None
            k, v = (by_head(part(source.states), self.groups) for part in (self.k_proj, self.v_proj))  # (B, G, S, K)
            if cache is not None:
                cache.source = (k, v)
        q = by_head(self.q_proj(x), self.heads)
        attend = self.attend if source.seen is None else self.stepwise
        y, weights = attend(q, k, v, source.sight, self.scale, self.dropout if self.training else 0.0)
        if source.seen is not None and weights is not None:
            source.seen.append(weights)
        return self.o_proj(y)


class DisentangledAttention(Attention):
    """Scores of what tokens are, and of how far they stand apart (He et al. 2020, arXiv:2006.03654, section 3.1)."""

    def __init__(self, config: Config, layer: int):
        super().__init__(config, layer)
        told, width, inner = config.disentangled, config.hidden_size, self.heads * self.head_dim
        if not told["key_bias"]:
            self.k_proj = nn.Linear(width, inner, bias=False)
        self.kinds = told["kinds"]
        self.scale = (self.head_dim * (1 + len(self.kinds))) ** -0.5
        own = told["span"] and not told["shared"]
        self.far_k_proj = nn.Linear(width, inner, bias=told["key_bias"]) if own and "c2p" in self.kinds else None
        self.far_q_proj = nn.Linear(width, inner) if own and "p2c" in self.kinds else None
        self.far_drop = config.residual_dropout

    def forward(  # type: ignore[override]
        self,
        x: Tensor,
        rotate: Distances | None,
        sight: Sight,
        cache: LayerCache | None = None,
        seen: list[Tensor] | None = None,
    ) -> Tensor:
        """X (B, T, D) -> (B, T, D); `rotate` are the distances."""
        q, k, v = (by_head(proj(x), self.heads) for proj in (self.q_proj, self.k_proj, self.v_proj))
        if rotate is not None and self.kinds:
            sight = biased(sight, self._far(q, k, rotate) * self.scale, x.shape[1])
        attend = self.attend if seen is None else self.stepwise
        y, weights = attend(q, k, v, sight, self.scale, self.dropout if self.training else 0.0)
        if seen is not None and weights is not None:
            seen.append(weights)
        return self.o_proj(y)

    def _far(self, q: Tensor, k: Tensor, distances: Distances) -> Tensor:
        """The scores (B, H, T, S) of the distances, with what looks and with what is looked at."""
        vectors, index = distances
        vectors = F.dropout(vectors, self.far_drop, self.training)[None]
        index, total = index[:, None].expand(q.shape[0], self.heads, -1, -1), torch.zeros((), device=q.device)
        if "c2p" in self.kinds:
            far = by_head((self.far_k_proj or self.k_proj)(vectors), self.heads)  # (1, H, 2 R, K)
            total = total + torch.matmul(q, far.transpose(2, 3)).gather(-1, index)
        if "p2c" in self.kinds:
            far = by_head((self.far_q_proj or self.q_proj)(vectors), self.heads)
            total = total + torch.matmul(k, far.transpose(2, 3)).gather(-1, index.transpose(2, 3)).transpose(2, 3)
        return total
