"""How a part of a tokenizer.json prints: `ByteLevel(add_prefix_space=True, trim_offsets=True, use_regex=True)`."""

from collections.abc import Iterable
from decimal import Decimal
from struct import pack, unpack
from typing import Any

# Fields whose text is one of a few names, and prints without quotes.
NAMES = frozenset({"behavior", "prepend_scheme", "progress_format", "direction", "strategy"})
# Fields whose lists, or whose lists' lists, are of a fixed length.
TUPLES = frozenset({"sep", "cls"})
LISTS_OF_TUPLES = frozenset({"merges", "vocab"})
# Fields whose objects are of one kind.
KINDS = {"truncation": "TruncationParams", "padding": "PaddingParams", "bpe_trainer": "BpeTrainer"}


def show(value: Any, key: str = "", *, most: int = 99, longest: int | None = None) -> str:
    """A description on one line.

    Args:
        value: the description, or a part of it.
        key: the field that it stands in.
        most: how many items of a list or an object are printed.
        longest: how many characters of a text are printed; None: all.
    """

    def inner(value: Any, key: str = "") -> str:
        return show(value, key, most=most, longest=longest)

    def several(items: Iterable[str], count: int) -> str:
        return ", ".join([*items, "..."] if count > most else items)

    if isinstance(value, str):
        if longest is not None and len(value) > longest:
            value = value[:longest] + "..."
        return value if key in NAMES else f'"{value}"'
    if isinstance(value, float):
        return _number(single(value) if key == "dropout" else value)
    if isinstance(value, list | tuple):
        if key in TUPLES:
            return f"({', '.join(map(inner, value))})"
        within = "sep" if key in LISTS_OF_TUPLES else "special_token" if key == "special_tokens" else ""
        return f"[{several([inner(item, within) for item in value[:most]], len(value))}]"
    if isinstance(value, dict):
        if key in KINDS:
            return struct(KINDS[key], value, inner)
        if key == "special_token":
            return struct("SpecialToken" if "ids" in value else "AddedToken", value, inner)
        if key != "vocab" and "type" in value:
            return struct(value["type"], {name: field for name, field in value.items() if name != "type"}, inner)
        if len(value) == 1 and key != "vocab":
            ((kind, content),) = value.items()
            if kind in ("SpecialToken", "Sequence") and isinstance(content, dict):
                fields = {name: _Bare(field) if kind == "Sequence" else field for name, field in content.items()}
                return struct(kind, fields, inner)
            if kind in ("String", "Regex", "Fixed") and key in ("pattern", "strategy"):
                return f"{kind}({inner(content)})"
        within = "special_token" if key == "special_tokens" else ""
        items = list(value.items())[:most]
        return f"{{{several([f'{inner(name)}:{inner(item, within)}' for name, item in items], len(value))}}}"
    return str(value)


def struct(name: str, fields: dict[str, Any], inner: Any) -> str:
    """`Name(field=value, ...)`."""
    return f"{name}({', '.join(f'{key}={inner(field, key)}' for key, field in fields.items())})"


class _Bare:
    """A value that prints without quotes."""

    def __init__(self, value: Any):
        self.value = value

    def __str__(self) -> str:
        return str(self.value)


def single(value: float) -> float:
    """A number as the reference keeps it in 32 bits: 0.1 is 0.10000000149011612."""
    return unpack("f", pack("f", value))[0]


def _number(value: float) -> str:
    if value == int(value) if value == value and abs(value) != float("inf") else False:
        return f"{value:.0f}"
    return format(Decimal(repr(value)), "f")
