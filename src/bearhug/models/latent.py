"""Attention through short vectors, of which the cache holds one a token (DeepSeek-V2, arXiv:2405.04434, section 2.1).

B rows, T new tokens, S all tokens, D width, H heads, P and R the parts of a query that positions do not and do turn,
V the size of a value, L the size of the short vector.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bearhug.caches.kv import LayerCache
from bearhug.models.attention import Sight, by_head, eager, sdpa
from bearhug.models.config import Config
from bearhug.models.mlp import RMSNorm
from bearhug.models.positions import Rotate

EPS = 1e-6  # of the norms of short vectors, whatever the model's


class LatentAttention(nn.Module):
    """Keys and values of all heads are made from one short vector a token, and a turned part that the heads share."""

    def __init__(self, config: Config, layer: int):
        super().__init__()
        sizes = config.latents
        assert sizes is not None
        self.heads, self.turned, self.plain, self.value = (
            config.num_attention_heads, config.head_dim, sizes.plain, sizes.value,
        )  # fmt: skip
        self.rank = sizes.key_rank
        width, query = config.hidden_size, self.heads * (self.plain + self.turned)
        self.q_down_proj = self.q_down_norm = None
        if sizes.query_rank is not None:
            self.q_down_proj = nn.Linear(width, sizes.query_rank, bias=sizes.bias)
            self.q_down_norm = RMSNorm(sizes.query_rank, EPS)
        self.q_proj = nn.Linear(width if sizes.query_rank is None else sizes.query_rank, query, bias=False)
        self.kv_down_proj = nn.Linear(width, self.rank + self.turned, bias=sizes.bias)
        self.kv_down_norm = RMSNorm(self.rank, EPS)
        self.kv_up = nn.Parameter(torch.empty(self.heads * (self.plain + self.value), self.rank))
        self.o_proj = nn.Linear(self.heads * self.value, width, bias=sizes.bias)
        scale = config.attention_scale
        self.scale = scale if scale is not None else (self.plain + self.turned) ** -0.5
        self.dropout = config.attention_dropout
        self.attend, self.stepwise = sdpa, eager

    def new_cache(self, batch: int, length: int, like: Tensor) -> LayerCache:
        """An empty cache: short vectors (B, 1, S, L) as its keys, turned parts (B, 1, S, R) as its values."""
        if not length:
            return LayerCache()
        return LayerCache(*(like.new_empty(batch, 1, length, size) for size in (self.rank, self.turned)))

    def forward(
        self,
        x: Tensor,
        rotate: Rotate | None,
        sight: Sight,
        cache: LayerCache | None = None,
        seen: list[Tensor] | None = None,
    ) -> Tensor:
        """X (B, T, D) -> (B, T, D). `seen`, where given, gets the weights (B, H, T, S)."""
        given = x if self.q_down_proj is None else self.q_down_norm(self.q_down_proj(x))  # type: ignore[misc]
        q = by_head(self.q_proj(given), self.heads)  # (B, H, T, P + R)
        plain, turned = q.split((self.plain, self.turned), -1)
        short, shared = self.kv_down_proj(x).split((self.rank, self.turned), -1)
        short, shared = self.kv_down_norm(short)[:, None], shared[:, None]  # (B, 1, T, L), (B, 1, T, R)
        if rotate is not None:
            turned, shared = rotate(turned, shared)
        if cache is not None:
            short, shared = cache.append(short, shared)
            if sight.last:
                short, shared = short[:, :, -sight.last :], shared[:, :, -sight.last :]
        if x.shape[1] == 1 and cache is not None and seen is None and not self.training:
            return self.o_proj(self._one(plain, turned, short, shared, sight))
        k, v = by_head(F.linear(short[:, 0], self.kv_up), self.heads).split((self.plain, self.value), -1)
        k = torch.cat((k, shared.expand(-1, self.heads, -1, -1)), -1)  # (B, H, S, P + R)
        q, attend = torch.cat((plain, turned), -1), self.attend if seen is None else self.stepwise
        y, weights = attend(q, k, v, sight, self.scale, self.dropout if self.training else 0.0)
        if seen is not None and weights is not None:
            seen.append(weights)
        return self.o_proj(y)

    def _one(self, plain: Tensor, turned: Tensor, short: Tensor, shared: Tensor, sight: Sight) -> Tensor:
        """One new token: its queries are taken to the short vectors, which no head then has to unfold: (B, 1, H V)."""
        up = self.kv_up.view(self.heads, self.plain + self.value, self.rank)
        keys, values = up.split((self.plain, self.value), 1)
        q = torch.matmul(plain.transpose(0, 1)[:, :, 0], keys).transpose(0, 1)  # (B, H, L)
        scores = torch.baddbmm(
            torch.bmm(turned[:, :, 0], shared[:, 0].transpose(1, 2)), q, short[:, 0].transpose(1, 2)
        )  # (B, H, S)
        scores = scores * self.scale
        if sight.mask is not None:
            mask = sight.mask[:, :, 0]
            scores = scores + mask if mask.dtype != torch.bool else scores.masked_fill(~mask, torch.finfo(q.dtype).min)
        weights = scores.softmax(-1, dtype=torch.float32).to(q.dtype)
        y = torch.bmm(weights, short[:, 0]).transpose(0, 1)  # (H, B, L)
        return torch.matmul(y, values.transpose(1, 2)).transpose(0, 1).flatten(1)[:, None]
