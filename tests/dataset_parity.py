"""The same lines run with bearhug.datasets and with the reference; what comes out must be equal: values, types,
errors' classes."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import torch

import bearhug.datasets as ours


def plain(value: Any) -> Any:
    """A result in a form that can be compared: data sets as rows and features, tensors as dtype and numbers."""
    name = type(value).__name__
    if name == "Dataset":
        return {"rows": [plain(row) for row in value.with_format(None)], "features": repr(value.features)}
    if name == "DatasetDict":
        return {str(key): plain(one) for key, one in value.items()}
    if name in ("Column", "LazyRow", "LazyBatch"):
        return plain(list(value)) if name == "Column" else plain(dict(value))
    if name in ("Features", "NamedSplit", "DatasetInfo"):
        return repr(value)
    if isinstance(value, torch.Tensor):
        return (str(value.dtype), plain(value.tolist()))
    if isinstance(value, np.ndarray):
        return (
            str(value.dtype).replace("<U", "U").rstrip("0123456789") if value.dtype.kind == "U" else str(value.dtype),
            plain(list(value)),
        )
    if hasattr(value, "tobytes") and hasattr(value, "getbands"):  # a picture
        return (value.mode, value.size, value.tobytes())
    if isinstance(value, np.generic):
        return (
            str(value.dtype).rstrip("0123456789") if value.dtype.kind == "U" else str(value.dtype),
            plain(value.item()),
        )
    if isinstance(value, pa.Table):
        return {"table": value.to_pydict()}
    if isinstance(value, pa.Array | pa.ChunkedArray):
        return value.to_pylist()
    if hasattr(value, "to_dict") and name in ("DataFrame", "Series"):
        return plain(value.to_dict("list") if name == "DataFrame" else value.tolist())
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def outcome(do: Any, library: Any, *arguments: Any) -> tuple[str, Any]:
    try:
        return "value", plain(do(library, *arguments))
    except Exception as error:
        return "error", error


def known_names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__} - {"object", "BaseException", "Exception"}


def check(do: Any, *arguments: Any) -> Any:
    """Run `do(library, ...)` with both and compare; an error of ours must be one that theirs' catchers catch."""
    import datasets as theirs

    expected = outcome(do, theirs, *arguments)
    got = outcome(do, ours, *arguments)
    if expected[0] == "error":
        assert got[0] == "error", f"theirs raises {expected[1]!r}, ours gives {got[1]}"
        wanted = type(expected[1])
        assert isinstance(got[1], wanted) or wanted.__name__ in known_names(got[1]), (
            f"theirs raises {expected[1]!r}, ours {got[1]!r}"
        )
        return got[1]
    if got[0] == "error":
        raise AssertionError(f"theirs gives {expected[1]!r:.300}, ours raises {got[1]!r}") from got[1]
    assert got[1] == expected[1], f"ours {got[1]!r:.600}\n  theirs {expected[1]!r:.600}"
    return got[1]
