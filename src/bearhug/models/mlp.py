"""What stands between the attentions: norms, activations and feed-forward layers. B rows, T tokens, D width."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bearhug._lib.errors import part
from bearhug.models.config import Config


class RMSNorm(nn.Module):
    """Scale by the root of the mean square (Zhang and Sennrich 2019, arXiv:1910.07467); computed in float32."""

    def __init__(self, width: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """X (..., D) -> (..., D)."""
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)

    def bare(self) -> Callable[[Tensor], Tensor]:
        """The same without torch's bookkeeping, see `kernels.bare`."""
        shape, weight, eps, rms_norm = self.weight.shape, self.weight, self.eps, F.rms_norm
        return lambda x: rms_norm(x, shape, weight, eps)

    def extra_repr(self) -> str:
        """The width and eps."""
        return f"{self.weight.shape[0]}, eps={self.eps}"


class PlusOneRMSNorm(RMSNorm):
    """RMSNorm whose weights are kept as their difference from one (Gemma); the product in float32 too."""

    start = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """X (..., D) -> (..., D)."""
        return F.rms_norm(x.float(), self.weight.shape, self.weight.float() + 1.0, self.eps).type_as(x)

    def bare(self) -> Callable[[Tensor], Tensor]:
        """As in `RMSNorm`; the sum with one is made once."""
        shape, weight, eps, rms_norm = self.weight.shape, self.weight.float() + 1.0, self.eps, F.rms_norm
        if self.weight.dtype == torch.float32:
            return lambda x: rms_norm(x, shape, weight, eps)
        return lambda x: rms_norm(x.float(), shape, weight, eps).type_as(x)


class PlusOneLayerNorm(nn.LayerNorm):
    """LayerNorm whose weights are kept as their difference from one (Nemotron, arXiv:2402.16819)."""

    def forward(self, input: Tensor) -> Tensor:
        """X (..., D) -> (..., D)."""
        return F.layer_norm(input, self.normalized_shape, self.weight + 1.0, self.bias, self.eps)


class BareRMSNorm(nn.Module):
    """RMSNorm without weights."""

    def __init__(self, width: int, eps: float):
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """X (..., D) -> (..., D)."""
        return F.rms_norm(x, x.shape[-1:], None, self.eps)


NORMS: dict[str, Callable[[int, float], nn.Module]] = {
    "layer": nn.LayerNorm,
    "layer_bare": lambda width, eps: nn.LayerNorm(width, eps, elementwise_affine=False),
    "layer_no_bias": lambda width, eps: nn.LayerNorm(width, eps, bias=False),
    "layer_plus_one": PlusOneLayerNorm,
    "rms": RMSNorm,
    "rms_bare": BareRMSNorm,
    "rms_plus_one": PlusOneRMSNorm,
}


class EachHead(nn.Module):
    """LayerNorm over a head's numbers, each head with weights (H, K) of its own (Cohere)."""

    start = 1.0

    def __init__(self, heads: int, size: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(heads, size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """X (B, H, T, K) -> (B, H, T, K)."""
        return F.layer_norm(x, x.shape[-1:], None, None, self.eps) * self.weight[:, None]


class HeadsApart(nn.Module):
    """The same, with one norm a head (StableLM)."""

    def __init__(self, heads: int, size: int, eps: float):
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(size, eps, bias=False) for _ in range(heads)])

    def forward(self, x: Tensor) -> Tensor:
        """X (B, H, T, K) -> (B, H, T, K)."""
        return torch.cat([norm(head) for norm, head in zip(self.norms, x.split(1, 1), strict=True)], 1)


class AllHeads(RMSNorm):
    """RMSNorm over the numbers of all heads together (OLMo 2), which may stay within a limit after it (OLMoE)."""

    def __init__(self, width: int, eps: float, limit: float | None = None):
        super().__init__(width, eps)
        self.limit = limit

    def forward(self, x: Tensor) -> Tensor:
        """X (B, H, T, K) -> (B, H, T, K)."""
        rows, heads, new, size = x.shape
        x = super().forward(x.transpose(1, 2).flatten(2)).view(rows, new, heads, size).transpose(1, 2)
        return x if self.limit is None else x.clamp(-self.limit, self.limit)


HEAD_NORMS: dict[str, Callable[[Config, int], nn.Module]] = {  # of queries or keys (B, heads, T, K)
    "all_heads": lambda config, heads: AllHeads(heads * config.head_dim, config.norm_eps, config.clip_qkv),
    "each_head": lambda config, heads: EachHead(heads, config.head_dim, config.norm_eps),
    "head": lambda config, heads: part(NORMS, config.norm, "norm")(config.head_dim, config.norm_eps),
    "heads_apart": lambda config, heads: HeadsApart(heads, config.head_dim, config.norm_eps),
}


class ClippedLinear(nn.Linear):
    """A matrix whose results stay within a limit (OLMo, MPT)."""

    def __init__(self, limit: float, *sizes: int, bias: bool):
        super().__init__(*sizes, bias=bias)
        self.limit = limit

    def forward(self, input: Tensor) -> Tensor:
        """X (..., in) -> (..., out)."""
        return F.linear(input, self.weight, self.bias).clamp(-self.limit, self.limit)


class ScaledEmbedding(nn.Embedding):
    """Vectors of words, multiplied by a number as they are looked up."""

    scale = 1.0

    def forward(self, input: Tensor) -> Tensor:
        """Ids (...) -> (..., D)."""
        x = super().forward(input)
        return x * torch.tensor(self.scale, dtype=x.dtype, device=x.device)


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


class Dropped(nn.Module):
    """An activation with dropout after it, in training."""

    def __init__(self, activation: Callable[[Tensor], Tensor], rate: float):
        super().__init__()
        self.activation, self.rate = activation, rate

    def forward(self, x: Tensor) -> Tensor:
        """X (B, T, M) -> (B, T, M)."""
        x = self.activation(x)
        return F.dropout(x, self.rate) if self.training else x


def activation(config: Config) -> Callable[[Tensor], Tensor]:
    """What stands between the matrices of an MLP."""
    found = part(ACTIVATIONS, config.activation, "activation")
    return Dropped(found, config.activation_dropout) if config.activation_dropout else found


class PlainMLP(nn.Module):
    """Up, an activation, down."""

    def __init__(self, config: Config):
        super().__init__()
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=config.mlp_bias)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=config.mlp_bias)
        self.activation = activation(config)

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
        self.activation = activation(config)

    def forward(self, x: Tensor) -> Tensor:
        """X (B, T, D) -> (B, T, D)."""
        return self.down_proj(self.activation(self.gate_proj(x)) * self.up_proj(x))


class ClippedGatedMLP(nn.Module):
    """A gated MLP whose gate and product stay within a limit, the two ways up side by side in one matrix (GPT-OSS)."""

    def __init__(self, config: Config):
        super().__init__()
        assert config.experts is not None
        self.limit, self.slope = config.experts.limit, config.experts.slope
        self.gate_up_proj = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=config.mlp_bias)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=config.mlp_bias)

    def forward(self, x: Tensor) -> Tensor:
        """X (N, D) -> (N, D)."""
        x = self.gate_up_proj(x)
        gate, up = x[..., ::2].clamp(max=self.limit), x[..., 1::2].clamp(-self.limit, self.limit)
        return self.down_proj((up + 1) * (gate * torch.sigmoid(gate * self.slope)))


MLPS: dict[str, Callable[[Config], nn.Module]] = {
    "gated": GatedMLP,
    "gated_clipped": ClippedGatedMLP,
    "none": nn.Identity,
    "plain": PlainMLP,
}
