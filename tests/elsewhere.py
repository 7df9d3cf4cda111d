"""Devices that there are not: "cpu:1", "cpu:2", ... hold real numbers, and refuse to be mixed, as GPUs do.

with elsewhere.devices():
    tensor.to("cpu:1") + tensor      # RuntimeError: two devices
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only

CPU = torch.device("cpu")


class Elsewhere(Tensor):
    """A tensor that says it is on another device; `held` has its numbers."""

    held: Tensor

    @staticmethod
    def __new__(cls, real: Tensor, device: torch.device) -> "Elsewhere":
        tensor = Tensor._make_wrapper_subclass(
            cls,
            real.shape,
            strides=real.stride(),
            dtype=real.dtype,
            device=device,
            storage_offset=real.storage_offset(),
        )
        tensor.held = real
        return tensor

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, args, kwargs or {})

    def tolist(self) -> Any:
        return self.held.tolist()

    def numpy(self, *, force: bool = False) -> Any:
        return self.held.numpy(force=force)


def computed(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """What an operation gives, and where; an error where its tensors are in several places."""
    asked = kwargs.get("device")
    given = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, Tensor)]
    copying = func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
    places = {one.device for one in given if one.ndim or isinstance(one, Elsewhere)}
    if len(places) > 1 and not copying:
        raise RuntimeError(f"{func} has tensors on {len(places)} devices: {', '.join(map(str, places))}")
    to = torch.device(asked) if asked is not None else given[0].device if copying else next(iter(places), CPU)
    if asked is not None:
        kwargs = {**kwargs, "device": CPU}
    args, kwargs = tree_map_only(Elsewhere, lambda one: one.held, (args, kwargs))
    result = func(*args, **kwargs)
    known = {id(one.held): one for one in given if isinstance(one, Elsewhere)}  # what is changed in place stays itself
    if to.type != "cpu" or not to.index:
        return result
    return tree_map_only(Tensor, lambda one: known[id(one)] if id(one) in known else Elsewhere(one, to), result)


class Anywhere(TorchDispatchMode):
    """Operations on tensors that are here, for somewhere else."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, args, kwargs or {})


class Literals(TorchFunctionMode):
    """torch.tensor and torch.as_tensor, which make their tensor here and let it be moved."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") is not None:
            to = kwargs.pop("device")
            return func(*args, **kwargs).to(to)
        return func(*args, **kwargs)


@contextmanager
def devices() -> Iterator[None]:
    """As long as this lasts, "cpu:1" and its like are devices."""
    with Anywhere(), Literals():
        yield
