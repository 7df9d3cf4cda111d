"""Rows as jax or tensorflow arrays: views that import their library when they are made."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from bearhug.datasets.views import Read, _ArrayView, reader


class _TensorView(_ArrayView):
    """What jax and tensorflow share: numbers, text and nested values, each made an array of theirs."""

    def made(self, array: np.ndarray) -> Any:
        """An array of its own as this library's."""
        return self.convert(array)

    def number_reader(self, array: pa.Array) -> Read:
        """Single numbers."""
        values = array.to_numpy()
        return lambda i: self.convert(values[i])

    def text_reader(self, array: pa.Array) -> Read:
        """Single texts."""
        text = reader(array)
        return lambda i: self.convert(text(i))

    def convert(self, value: Any) -> Any:
        """A numpy or Python value in this format, at any depth."""
        if isinstance(value, dict):
            return {key: self.convert(inner) for key, inner in value.items()}
        if hasattr(value, "detach"):
            value = value.detach().cpu().numpy()[()]
        if hasattr(value, "__array__") and not isinstance(value, self.kind | np.generic):
            value = value.__array__()
        if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object):
            return self.joined([self.convert(inner) for inner in value])
        if value is None:
            return None
        return self.tensor(value)

    def joined(self, values: Any) -> Any:
        """A list of equal arrays as one."""
        if isinstance(values, list) and values:
            first = values[0]
            if all(isinstance(x, self.kind) and x.shape == first.shape and x.dtype == first.dtype for x in values):
                return self.stack(values)
        return values

    kind: Any  # the library's class of arrays
    stack: Callable[[list], Any]

    def tensor(self, value: Any) -> Any:
        """One array or number."""
        raise AssertionError


class JaxView(_TensorView):
    """jax: integers as int32 (int64 where jax has 64 bits switched on), fractions as float32, text as Python."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        import jax

        self.jax, self.kind, self.stack = jax, jax.Array, jax.numpy.stack
        self.made_with = {name: value for name, value in self.options.items() if name != "device"}
        device = self.options.get("device")
        if device is not None and not isinstance(device, str):
            raise ValueError(f"device is given as text, for it must be picklable: device={str(device)!r}.")
        known = {str(one): one for one in jax.devices()}
        if device is not None and device not in known:
            logging.getLogger("bearhug.datasets").warning(
                "Device with string identifier %s is not among %s: the first one is used.", device, list(known)
            )
        self.device = known.get(device or "", jax.devices()[0])

    def tensor(self, value: Any) -> Any:
        """One array or number."""
        if isinstance(value, str | bytes):
            return value.item() if isinstance(value, np.generic) else value
        numpy = self.jax.numpy
        if isinstance(value, np.character | np.ndarray) and np.issubdtype(value.dtype, np.character):
            return value.tolist()
        default: dict[str, Any] = {}
        if isinstance(value, np.number | np.ndarray) and value.dtype.kind in "iu":
            default = {"dtype": numpy.int64 if self.jax.config.jax_enable_x64 else numpy.int32}
        elif isinstance(value, np.number | np.ndarray) and value.dtype.kind == "f":
            default = {"dtype": numpy.float32}
        with self.jax.default_device(self.device):
            return numpy.array(value, **{**default, **self.made_with})


class TensorflowView(_TensorView):
    """tensorflow: integers as int64, fractions as float32, text as string tensors; lists of unequal length ragged."""

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        import tensorflow  # pyright: ignore[reportMissingImports]

        self.tf, self.kind, self.stack = tensorflow, tensorflow.Tensor, tensorflow.stack

    def joined(self, values: Any) -> Any:
        """A list of equal arrays as one; of vectors of unequal length, a ragged one."""
        out, tf = super().joined(values), self.tf
        if isinstance(out, list) and out:
            kinds = tf.Tensor | tf.RaggedTensor
            if all(isinstance(one, kinds) and one.shape.rank == 1 and one.dtype == out[0].dtype for one in out):
                return tf.ragged.stack(out)
        return out

    def tensor(self, value: Any) -> Any:
        """One array or number."""
        default: dict[str, Any] = {}
        if isinstance(value, np.number | np.ndarray) and value.dtype.kind in "iu":
            default = {"dtype": self.tf.int64}
        elif isinstance(value, np.number | np.ndarray) and value.dtype.kind == "f":
            default = {"dtype": self.tf.float32}
        return self.tf.convert_to_tensor(value, **{**default, **self.options})
