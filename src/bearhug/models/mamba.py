"""Selective state spaces. B rows, T new tokens, I inner channels, N numbers of state for each.

Mamba-2 has H heads of P channels (I = H * P) in G groups of R heads that share what is read and written.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bearhug._lib.errors import part
from bearhug.caches.kv import StateCache
from bearhug.models.config import Config, Recurrence
from bearhug.models.mlp import ACTIVATIONS, NORMS
from bearhug.models.recurrence import GatedNorm, Recurrent, ShortConv, chunks, decays, uniform, wide

CHUNK = 32  # tokens whose states are held at once


class StateSpace(Recurrent):
    """What both have: steps of a learned size, rates of forgetting, a way past the state."""

    constants: ClassVar[tuple[str, ...]] = ("rates",)
    A_log: nn.Parameter
    D: nn.Parameter
    dt_bias: nn.Parameter

    def __init__(self, config: Config, inputs: int, mixed: int):
        super().__init__()
        sizes = config.recurrence
        assert sizes is not None
        self.sizes, self.inner = sizes, sizes.heads * sizes.head_dim
        self.in_proj = nn.Linear(config.hidden_size, inputs, bias=sizes.bias)
        self.conv = ShortConv(mixed, sizes.kernel, sizes.conv_bias)
        self.out_proj = nn.Linear(self.inner, config.hidden_size, bias=sizes.bias)
        self.activation = part(ACTIVATIONS, config.activation, "activation")
        self.shrink = config.num_hidden_layers**-0.5 if config.scaled_residual_init else 1.0

    def rates(self) -> Tensor:
        """How fast each number of the state is forgotten, in float32 at the least."""
        return -torch.exp(wide(self.A_log))

    def steps(self, dt: Tensor, text: Tensor | None) -> Tensor:
        """The sizes of the steps (B, T, ...); at padding none is made."""
        dt = F.softplus(wide(dt) + wide(self.dt_bias))
        if self.sizes.step_limit is not None:
            dt = dt.clamp(*self.sizes.step_limit)
        return dt if text is None else dt * text[..., None]

    def draw(self) -> Iterator[tuple[str, Tensor]]:
        """Rates 1, 2, 3, ...; steps spread evenly by their logarithm (arXiv:2312.00752, section 3.6)."""
        rates = torch.arange(1, self.A_log.shape[-1] + 1, device=self.A_log.device)
        yield "A_log", rates.float().log().expand_as(self.A_log)
        yield "D", torch.ones_like(self.D)
        yield "dt_bias", steps_before_softplus(self.dt_bias, self.sizes)
        yield "conv.weight", uniform(self.conv.weight, self.sizes.kernel**-0.5)
        yield "out_proj.weight", uniform(self.out_proj.weight, self.inner**-0.5) * self.shrink


def steps_before_softplus(like: Tensor, sizes: Recurrence) -> Tensor:
    """Random sizes of steps, as softplus gets them."""
    low, high, floor = sizes.step_range
    dt = torch.rand(like.shape, device=like.device) * (math.log(high) - math.log(low)) + math.log(low)
    dt = dt.exp().clamp(min=floor)
    return dt + torch.log(-torch.expm1(-dt))


class Mamba(StateSpace):
    """Mamba (Gu and Dao 2023, arXiv:2312.00752): each channel has its own state, and a token says what to keep."""

    def __init__(self, config: Config, layer: int):
        sizes = config.recurrence
        assert sizes is not None
        inner = sizes.heads * sizes.head_dim
        super().__init__(config, 2 * inner, inner)
        self.split = (sizes.rank, sizes.state, sizes.state)
        self.x_proj = nn.Linear(inner, sum(self.split), bias=False)
        self.dt_proj = nn.Linear(sizes.rank, inner, bias=False)
        self.dt_bias = nn.Parameter(torch.empty(inner))
        self.A_log = nn.Parameter(torch.empty(inner, sizes.state))
        self.D = nn.Parameter(torch.empty(inner))
        self.dt_norm = self.b_norm = self.c_norm = None
        if sizes.norm is not None:
            norm = part(NORMS, sizes.norm, "norm")
            self.dt_norm, self.b_norm, self.c_norm = (norm(size, sizes.norm_eps) for size in self.split)

    def draw(self) -> Iterator[tuple[str, Tensor]]:
        """And the way from a step's rank to its size, uniform."""
        yield from super().draw()
        yield "dt_proj.weight", uniform(self.dt_proj.weight, self.sizes.rank**-0.5 * self.sizes.step_scale)

    def read(self, x: Tensor, cache: StateCache | None, text: Tensor | None) -> Tensor:
        """As in `Recurrent`."""
        dtype = x.dtype
        x, gate = self.in_proj(x).chunk(2, -1)  # (B, T, I)
        x = self.activation(self.conv(x, cache, text))
        dt, b, c = self.x_proj(x).split(self.split, -1)  # (B, T, rank), (B, T, N) twice
        if self.dt_norm is not None and self.b_norm is not None and self.c_norm is not None:
            dt, b, c = self.dt_norm(dt), self.b_norm(b), self.c_norm(c)
        dt, x = self.steps(self.dt_proj(dt), text), wide(x)
        y, state = scan(x, dt, self.rates(), wide(b), wide(c), None if cache is None else cache.state)
        if cache is not None:
            cache.state = state
        y = torch.addcmul(y, x, wide(self.D)) * F.silu(gate)
        return self.out_proj(y.to(dtype))


def scan(x: Tensor, dt: Tensor, rates: Tensor, b: Tensor, c: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
    """The states one after another, a few tokens' at once: h = exp(dt * rate) * h + dt * x * b; y = h . c.

    x, dt (B, T, I); rates (I, N); b, c (B, T, N); state (B, I, N) or None: zeros -> y (B, T, I), the last state.
    """
    if state is None:
        state = x.new_zeros(x.shape[0], *rates.shape)
    written = dt * x
    if x.shape[1] == 1:
        keep = torch.exp(dt[:, 0, :, None] * rates)
        state = torch.addcmul(written[:, 0, :, None] * b, keep, state)
        return torch.matmul(state, c.transpose(1, 2)).transpose(1, 2), state
    read = []
    for piece in chunks(x.shape[1], CHUNK):
        keep = torch.exp(dt[:, piece, :, None] * rates)  # (B, chunk, I, N)
        add = written[:, piece, :, None] * b[:, piece, None]
        states = []
        for kept, added in zip(keep.unbind(1), add.unbind(1), strict=True):
            state = torch.addcmul(added, kept, state)
            states.append(state)
        read.append(torch.matmul(torch.stack(states, 1), c[:, piece, :, None])[..., 0])
    return torch.cat(read, 1), state


class Mamba2(StateSpace):
    """Mamba-2 (Dao and Gu 2024, arXiv:2405.21060): one rate a head, so that a text is read by matrix products."""

    def __init__(self, config: Config, layer: int):
        sizes = config.recurrence
        assert sizes is not None
        inner, shared = sizes.heads * sizes.head_dim, sizes.groups * sizes.state
        super().__init__(config, 2 * inner + 2 * shared + sizes.heads, inner + 2 * shared)
        self.split, self.mixed = (inner, inner + 2 * shared, sizes.heads), (inner, shared, shared)
        self.dt_bias = nn.Parameter(torch.empty(sizes.heads))
        self.A_log = nn.Parameter(torch.empty(sizes.heads))
        self.D = nn.Parameter(torch.empty(sizes.heads))
        self.norm = GatedNorm(inner, config.norm_eps, sizes.norm_groups)

    def read(self, x: Tensor, cache: StateCache | None, text: Tensor | None) -> Tensor:
        """As in `Recurrent`."""
        sizes, dtype = self.sizes, x.dtype
        gate, x, dt = self.in_proj(x).split(self.split, -1)
        x, b, c = self.activation(self.conv(x, cache, text)).split(self.mixed, -1)
        x = wide(x).unflatten(-1, (sizes.groups, -1, sizes.head_dim))  # (B, T, G, R, P)
        b, c = (wide(part).unflatten(-1, (sizes.groups, -1)) for part in (b, c))  # (B, T, G, N)
        dt = self.steps(dt, text).unflatten(-1, (sizes.groups, -1))  # (B, T, G, R)
        rates = self.rates().view(sizes.groups, -1)
        y, state = chunked(x, dt, rates, b, c, None if cache is None else cache.state)
        if cache is not None:
            cache.state = state
        y = torch.addcmul(y, x, wide(self.D).view(sizes.groups, -1, 1)).flatten(2)  # (B, T, I)
        return self.out_proj(self.norm(y, gate).to(dtype))


def chunked(x: Tensor, dt: Tensor, rates: Tensor, b: Tensor, c: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
    """The same as `scan` with one rate a head: within a chunk as attention, from chunk to chunk by the state.

    x (B, T, G, R, P); dt (B, T, G, R); rates (G, R); b, c (B, T, G, N); state (B, G, R, P, N) or None: zeros
    -> y (B, T, G, R, P), the last state.
    """
    written = dt[..., None] * x
    if x.shape[1] == 1:
        state = _stepped(written[:, 0], (dt * rates)[:, 0], b[:, 0], state)
        return torch.matmul(state, c[:, 0, :, None, :, None])[..., 0][:, None], state
    log_keep = (dt * rates).permute(0, 2, 3, 1)  # (B, G, R, T)
    written = written.permute(0, 2, 3, 1, 4)  # (B, G, R, T, P)
    b, c = b.transpose(1, 2), c.transpose(1, 2)  # (B, G, T, N)
    read = []
    for piece in chunks(x.shape[1]):
        total, left = decays(log_keep[..., piece])
        wrote, by, of = written[..., piece, :], b[..., piece, :], c[..., piece, :]
        y = (torch.matmul(of, by.transpose(2, 3))[:, :, None] * left) @ wrote
        if state is not None:
            y = y + torch.matmul(of[:, :, None], state.transpose(3, 4)) * total[..., None].exp()
        last = total[..., -1:]
        new = (wrote * (last - total)[..., None].exp()).transpose(3, 4) @ by[:, :, None]  # (B, G, R, P, N)
        state = new if state is None else torch.addcmul(new, last[..., None].exp(), state)
        read.append(y)
    assert state is not None
    return torch.cat(read, 3).permute(0, 3, 1, 2, 4), state


def _stepped(written: Tensor, log_keep: Tensor, b: Tensor, state: Tensor | None) -> Tensor:
    """The state after one token: written (B, G, R, P), log_keep (B, G, R), b (B, G, N)."""
    new = written[..., None] * b[:, :, None, None]
    return new if state is None else torch.addcmul(new, log_keep[..., None, None].exp(), state)
