"""A module's computation without torch's bookkeeping around it, and with the core's products: without gradients.

`nn.Module` spends about two microseconds on each call and a third of one on each attribute, half of a small model's
step. `bare(module)` runs the same `forward` on an object whose parts and parameters are plain attributes. It is made at
each prompt and lives with its cache, without one for a single call; parts that are swapped between two tokens of one
text are not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch.nn.functional as F
from torch import nn
from torch.nn.modules import module as torch_module

from bearhug.kernels.products import product
from bearhug.kernels.quantized import QuantizedLinear, bare_quantized


def _same(value: Any) -> Any:
    return value


WORTH = 1 << 16  # numbers in a matrix from which on the core's product is the faster one


def _linear(module: nn.Linear) -> Callable:
    multiplied = product(module) if module.weight.numel() >= WORTH else None
    if multiplied is not None:
        return multiplied
    weight, bias, linear = module.weight, module.bias, F.linear
    return lambda x: linear(x, weight, bias)


def _layer_norm(module: nn.LayerNorm) -> Callable:
    shape, weight, bias, eps, layer_norm = module.normalized_shape, module.weight, module.bias, module.eps, F.layer_norm
    return lambda x: layer_norm(x, shape, weight, bias, eps)


LEAVES: dict[type[nn.Module], Callable[[Any], Callable]] = {
    nn.Linear: _linear,
    nn.LayerNorm: _layer_norm,
    QuantizedLinear: bare_quantized,
}


def bare(module: nn.Module) -> Callable:
    """What calls to `module` compute. Modules with hooks, and those that are not bearhug's, stay as they are."""
    if _hooked(module) or isinstance(module, nn.Embedding):
        return module
    if type(module) in LEAVES:
        return LEAVES[type(module)](module)
    if "bare" in vars(type(module)):  # a class that says it itself
        return module.bare()  # type: ignore[operator]
    if not type(module).__module__.startswith("bearhug.") or type(module).forward is nn.Module.forward:
        return module
    twin = object.__new__(type(module))
    twin.__dict__.update(module.__dict__)
    twin.__dict__.update(module._parameters)
    for name in getattr(module, "constants", ()):  # methods whose results are the same as long as the parameters are
        twin.__dict__[name] = partial(_same, getattr(module, name)())
    if hasattr(module, "new_cache"):  # which asks the parts for what they are
        twin.__dict__["new_cache"] = module.new_cache
    for name, part in module._modules.items():
        if isinstance(part, nn.ModuleList):
            twin.__dict__[name] = [bare(one) for one in part]
        else:
            twin.__dict__[name] = None if part is None else bare(part)
    return twin.forward


def _hooked(module: nn.Module) -> bool:
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or torch_module._global_forward_hooks
        or torch_module._global_forward_pre_hooks
    )
