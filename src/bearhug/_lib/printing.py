"""How a thing prints: shapes and facts on a few lines, never a page of numbers."""

from collections.abc import Mapping
from typing import Any


def fact(value: Any) -> str:
    """A value in a few words: a tensor or array as its shape and dtype, a long sequence as its length."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        if getattr(value, "ndim", 1) == 0:
            return f"{value.item():.4g}"
        return f"({', '.join(map(str, value.shape))}) {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, tuple | list) and len(value) > 0 and hasattr(value[0], "shape"):
        return f"{len(value)} x {fact(value[0])}"
    if isinstance(value, list | tuple) and len(value) > 8:
        return f"{type(value).__name__} of {len(value)}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def facts(name: str, fields: Mapping[str, Any]) -> str:
    """`Name(field: fact, ...)`, one field a line where there are several."""
    lines = [f"{key}: {fact(value)}" for key, value in fields.items() if value is not None]
    if len(lines) <= 1:
        return f"{name}({', '.join(lines)})"
    return f"{name}(\n" + "".join(f"  {line}\n" for line in lines) + ")"
