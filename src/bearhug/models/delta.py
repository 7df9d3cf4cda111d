"""Gated delta networks. B rows, T new tokens; G key heads of size K, each with R value heads of size V."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bearhug._lib.errors import part
from bearhug.caches.kv import StateCache
from bearhug.models.config import Config
from bearhug.models.mlp import ACTIVATIONS
from bearhug.models.recurrence import GatedNorm, Recurrent, ShortConv, chunks, decays, wide


class GatedDelta(Recurrent):
    """A state that maps keys to values, corrected by each token (Yang et al. 2024, arXiv:2412.06464)."""

    constants: ClassVar[tuple[str, ...]] = ("rates",)

    def __init__(self, config: Config, layer: int):
        super().__init__()
        sizes = config.recurrence
        assert sizes is not None
        self.groups, self.size = sizes.groups, sizes.head_dim
        keys, values, width = sizes.groups * sizes.state, sizes.heads * sizes.head_dim, config.hidden_size
        self.split = (keys, keys, values)
        self.query_proj, self.key_proj = (nn.Linear(width, keys, bias=sizes.bias) for _ in "qk")
        self.value_proj, self.z_proj = (nn.Linear(width, values, bias=sizes.bias) for _ in "vz")
        self.b_proj, self.a_proj = (nn.Linear(width, sizes.heads, bias=sizes.bias) for _ in "ba")
        self.conv = ShortConv(sum(self.split), sizes.kernel, sizes.conv_bias)
        self.dt_bias = nn.Parameter(torch.empty(sizes.heads))
        self.A_log = nn.Parameter(torch.empty(sizes.heads))
        self.norm = GatedNorm(sizes.head_dim, config.norm_eps, gate_first=False)
        self.out_proj = nn.Linear(values, width, bias=sizes.bias)
        self.activation = part(ACTIVATIONS, config.activation, "activation")

    def rates(self) -> Tensor:
        """How fast each head forgets, in float32 at the least."""
        return -wide(self.A_log).exp()

    def draw(self) -> Iterator[tuple[str, Tensor]]:
        """Rates between almost 0 and 16."""
        yield "A_log", torch.empty_like(self.A_log).uniform_(0.01, 16).log()
        yield "dt_bias", torch.ones_like(self.dt_bias)

    def read(self, x: Tensor, cache: StateCache | None, text: Tensor | None) -> Tensor:
        """As in `Recurrent`."""
        dtype, groups = x.dtype, self.groups
        mixed = torch.cat((self.query_proj(x), self.key_proj(x), self.value_proj(x)), -1)
        q, k, v = wide(self.activation(self.conv(mixed, cache, text))).split(self.split, -1)
        q, k = (_unit(part.unflatten(-1, (groups, -1)).transpose(1, 2)) for part in (q, k))  # (B, G, T, K)
        v = v.unflatten(-1, (groups, -1, self.size)).permute(0, 2, 3, 1, 4)  # (B, G, R, T, V)
        rate = wide(self.b_proj(x).sigmoid())  # (B, T, G * R): how far a value is corrected
        log_keep = self.rates() * F.softplus(wide(self.a_proj(x)) + wide(self.dt_bias))
        if text is not None:
            rate, log_keep = rate * text[..., None], log_keep * text[..., None]
        rate, log_keep = (part.unflatten(-1, (groups, -1)).permute(0, 2, 3, 1) for part in (rate, log_keep))
        y, state = delta_rule(q, k, v, rate, log_keep, None if cache is None else cache.state)
        if cache is not None:
            cache.state = state
        y = y.permute(0, 3, 1, 2, 4).flatten(2, 3).to(dtype)  # (B, T, G * R, V)
        return self.out_proj(self.norm(y, self.z_proj(x).view(y.shape)).flatten(2))


def _unit(x: Tensor) -> Tensor:
    """Of length one."""
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True) + 1e-6)


def delta_rule(
    q: Tensor, k: Tensor, v: Tensor, rate: Tensor, log_keep: Tensor, state: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Token by token: S = keep * S; S = S + k (rate * (v - k S)); y = q S / sqrt(K). By chunks it is the same.

    Within a chunk the corrections depend on one another as a triangular system does (arXiv:2406.06484, section 3.2).
    q, k (B, G, T, K); v (B, G, R, T, V); rate, log_keep (B, G, R, T); state (B, G, R, K, V) or None: zeros
    -> y (B, G, R, T, V), the last state.
    """
    q = q * q.shape[-1] ** -0.5
    held = v.new_zeros(*v.shape[:3], q.shape[-1], v.shape[-1]) if state is None else state
    if q.shape[2] == 1:
        held = held * log_keep[..., None].exp()
        q, k = q[:, :, None], k[:, :, None]
        held = held + k.transpose(3, 4) * ((v - k @ held) * rate[..., None])
        return q @ held, held
    read = []
    for piece in chunks(q.shape[2]):
        total, left = decays(log_keep[..., piece])
        of, by, by_rate = q[:, :, None, piece], k[:, :, None, piece], rate[..., piece, None]
        decay = total[..., None].exp()
        system = (by @ by.transpose(3, 4)) * by_rate * left  # its diagonal is taken as 1
        wanted = torch.cat((v[..., piece, :] * by_rate, by * by_rate * decay), -1)
        solved = torch.linalg.solve_triangular(system, wanted, upper=False, unitriangular=True)
        values, keys = solved.split((v.shape[-1], k.shape[-1]), -1)
        values = values - keys @ held
        read.append((of * decay) @ held + ((of @ by.transpose(3, 4)) * left) @ values)
        last = total[..., -1:, None]
        held = held * last.exp() + (by * (last - total[..., None]).exp()).transpose(3, 4) @ values
    return torch.cat(read, 3), held
