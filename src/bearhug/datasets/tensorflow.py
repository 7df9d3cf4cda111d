"""A data set as a `tf.data.Dataset`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from bearhug.datasets.dataset import Dataset


def to_tf_dataset(
    dataset: Dataset,
    batch_size: int | None,
    columns: str | list[str] | None,
    shuffle: bool,
    collate_fn: Callable | None,
    drop_remainder: bool,
    collate_fn_args: dict[str, Any],
    label_cols: str | list[str] | None,
    prefetch: bool,
    num_test_batches: int,
) -> Any:
    """See `Dataset.to_tf_dataset`."""
    try:
        import tensorflow as tf  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise ImportError("to_tf_dataset makes a tf.data.Dataset: pip install tensorflow") from None
    inputs, labels = _names(columns), _names(label_cols)
    if labels and not inputs:
        raise ValueError("Cannot specify label_cols without specifying columns!")
    wanted = list(dict.fromkeys([*inputs, *labels]))
    plain = dataset.with_format("numpy")
    plain._known(wanted if collate_fn is None else [])
    if collate_fn is None and wanted:  # a collator may make columns of others
        plain = plain.select_columns([name for name in plain.column_names if name in wanted])

    def batches(limit: int | None = None) -> Iterator[dict]:
        size = batch_size or 1
        order = np.random.permutation(len(plain)) if shuffle else np.arange(len(plain))
        if drop_remainder and batch_size:
            order = order[: len(order) // size * size]
        for start in range(0, len(order), size)[:limit]:
            rows = order[start : start + size]
            if collate_fn is None:
                batch = plain[rows]
            else:
                batch = collate_fn([plain[int(i)] for i in rows], **collate_fn_args)
            arrays = {name: _array(value) for name, value in batch.items() if not wanted or name in wanted}
            yield arrays if batch_size else {name: value[0] for name, value in arrays.items()}

    samples = list(batches(num_test_batches))
    if not samples:
        raise ValueError("the data set has no rows, so that the types of its tensors are not known.")
    if missing := [name for name in wanted if name not in samples[0]]:
        raise ValueError(f"Column {missing[0]} not found in dataset!")
    signature = {
        name: tf.TensorSpec(
            shape=_shape([one[name].shape for one in samples], batch_size, drop_remainder),
            dtype=_dtype(samples[0][name], tf),
        )
        for name in samples[0]
    }
    out = tf.data.Dataset.from_generator(batches, output_signature=signature)
    if wanted:
        out = out.map(lambda batch: _parted(batch, inputs, labels))
    return out.prefetch(tf.data.experimental.AUTOTUNE) if prefetch else out


def _names(columns: str | list[str] | None) -> list[str]:
    names = [columns] if isinstance(columns, str) else list(columns or [])
    if len(set(names)) < len(names):
        raise ValueError("List of columns/label_cols contains duplicates.")
    return names


def _array(value: Any) -> np.ndarray:
    """A batch's column, in the types that models take: int64, float32, text as objects."""
    array = np.asarray(value.numpy() if hasattr(value, "numpy") else value)
    wider = {"i": np.int64, "u": np.int64, "f": np.float32, "U": object}.get(array.dtype.kind)
    return array if wider is None else array.astype(wider)


def _shape(shapes: list[tuple], batch_size: int | None, full: bool) -> list[int | None]:
    """The sizes that all samples share; the batch's own may be smaller at the end, where not all are full."""
    sizes: list[int | None] = [one[0] if len(set(one)) == 1 else None for one in zip(*shapes, strict=True)]
    return [batch_size if full else None, *sizes[1:]] if batch_size else sizes


def _dtype(array: np.ndarray, tf: Any) -> Any:
    return tf.string if array.dtype == object else tf.as_dtype(array.dtype)


def _parted(batch: dict, inputs: list[str], labels: list[str]) -> Any:
    """(inputs, labels), each a tensor where there is one of them."""
    given = {name: value for name, value in batch.items() if name in inputs}
    wanted = {name: value for name, value in batch.items() if name in labels}
    one: Any = next(iter(given.values())) if len(given) == 1 else given
    if not wanted:
        return one
    return one, next(iter(wanted.values())) if len(wanted) == 1 else wanted
