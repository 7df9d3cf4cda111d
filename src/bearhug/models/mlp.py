"""What stands between the attentions: norms, activations and feed-forward layers. B rows, T tokens, D width."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bearhug.models.config import Config
from bearhug.models.parts import part


class RMSNorm(nn.Module):
    """Scale by the root of the mean square (Zhang and Sennrich 2019, arXiv:1910.07467); computed in float32."""

    def __init__(self, width: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """X (..., D) -> (..., D)."""
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The width and eps."""
        return f"{self.weight.shape[0]}, eps={self.eps}"


NORMS: dict[str, Callable[[int, float], nn.Module]] = {"layer": nn.LayerNorm, "rms": RMSNorm}


def gelu_fast(x: Tensor) -> Tensor:
    """The tanh form of GELU with its constant cut to seven digits."""
    return 0.5 * x * (1.0 + torch.tanh(x * 0.7978845608 * (1.0 + 0.044715 * x * x)))


def quick_gelu(x: Tensor) -> Tensor:
    """GELU by a sigmoid (Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2)."""
    return x * torch.sigmoid(1.702 * x)


def gelu_accurate(x: Tensor) -> Tensor:
    """The tanh form of GELU with the constant at full precision."""
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3))))


def gelu_10(x: Tensor) -> Tensor:
    """GELU, cut at 10 on both sides."""
    return F.gelu(x).clip(-10, 10)


def relu2(x: Tensor) -> Tensor:
    """The square of ReLU (So et al. 2021, arXiv:2109.08668)."""
    return F.relu(x).square()


def linear(x: Tensor) -> Tensor:
    """No activation."""
    return x


_gelu_tanh = partial(F.gelu, approximate="tanh")
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {  # the reference's names
    "gelu": F.gelu,
    "gelu_10": gelu_10,
    "gelu_accurate": gelu_accurate,
    "gelu_fast": gelu_fast,
    "gelu_new": _gelu_tanh,
    "gelu_python": F.gelu,
    "gelu_pytorch_tanh": _gelu_tanh,
    "gelu_python_tanh": _gelu_tanh,
    "hardswish": F.hardswish,
    "leaky_relu": F.leaky_relu,
    "linear": linear,
    "mish": F.mish,
    "quick_gelu": quick_gelu,
    "relu": F.relu,
    "relu2": relu2,
    "relu6": F.relu6,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "swish": F.silu,
    "tanh": torch.tanh,
}


class PlainMLP(nn.Module):
    """Up, an activation, down."""

    def __init__(self, config: Config):
        super().__init__()
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=config.mlp_bias)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=config.mlp_bias)
        self.activation = part(ACTIVATIONS, config.activation, "activation")

    def forward(self, x: Tensor) -> Tensor:
        """X (B, T, D) -> (B, T, D)."""
        return self.down_proj(self.activation(self.up_proj(x)))


class GatedMLP(nn.Module):
    """Two ways up, one the other's gate, and down (Shazeer 2020, arXiv:2002.05202)."""

    def __init__(self, config: Config):
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=config.mlp_bias)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=config.mlp_bias)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=config.mlp_bias)
        self.activation = part(ACTIVATIONS, config.activation, "activation")

    def forward(self, x: Tensor) -> Tensor:
        """X (B, T, D) -> (B, T, D)."""
        return self.down_proj(self.activation(self.gate_proj(x)) * self.up_proj(x))


MLPS: dict[str, Callable[[Config], nn.Module]] = {"plain": PlainMLP, "gated": GatedMLP}
