"""Names of weights as a tree; parts that look alike are one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class Branch:
    """A part of a checkpoint: its own tensor, or what stands below it."""

    below: dict[str, Branch] = field(default_factory=dict)
    tensor: Tensor | None = None
    count: int = 1  # so many alike, side by side

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        own = self.tensor.numel() if self.tensor is not None else 0
        return self.count * (own + sum(branch.numbers for branch in self.below.values()))

    @property
    def bytes(self) -> int:
        """How many bytes they take."""
        own = self.tensor.numel() * self.tensor.element_size() if self.tensor is not None else 0
        return self.count * (own + sum(branch.bytes for branch in self.below.values()))

    def form(self) -> tuple:
        """Equal for parts that look alike."""
        tensor = None if self.tensor is None else (self.tensor.dtype, tuple(self.tensor.shape))
        return tensor, tuple((name, branch.form()) for name, branch in self.below.items())


def grown(weights: Mapping[str, Tensor]) -> Branch:
    """The tree of the names; parts with numbers for names that look alike are one."""
    root = Branch()
    for name in sorted(weights, key=_in_order):
        place = root
        for word in name.split("."):
            place = place.below.setdefault(word, Branch())
        place.tensor = weights[name]
    _join(root)
    return root


def _in_order(name: str) -> list[tuple[int, int, str]]:
    return [(0, int(word), "") if word.isdigit() else (1, 0, word) for word in name.split(".")]


def _join(branch: Branch) -> None:
    for part in branch.below.values():
        _join(part)
    joined: dict[str, Branch] = {}
    first = last = ""
    for name, part in branch.below.items():
        alike = name.isdigit() and first and last and int(name) == int(last) + 1
        if alike and joined[_span(first, last)].form() == part.form():
            whole = joined.pop(_span(first, last))
            last, whole.count = name, whole.count + 1
            joined[_span(first, last)] = whole
        else:
            joined[name] = part
            first = last = name if name.isdigit() else ""
    branch.below = joined


def _span(first: str, last: str) -> str:
    return first if first == last else f"{first} to {last}"


def drawn(branch: Branch, before: str = "") -> list[str]:
    """The lines of the tree."""
    lines = []
    parts = list(branch.below.items())
    for place, (name, part) in enumerate(parts):
        final = place == len(parts) - 1
        while len(part.below) == 1 and part.tensor is None and part.count == 1:  # a path without forks is one line
            ((word, part),) = part.below.items()
            name = f"{name}.{word}"
        head = f"{before}{'└─ ' if final else '├─ '}{name}"
        size = f"{numbered(part.numbers):>8}  {sized(part.bytes):>9}"
        if part.tensor is not None:
            kind = str(part.tensor.dtype).removeprefix("torch.")
            size += f"  {kind}  {' x '.join(map(str, part.tensor.shape)) or 'one number'}"
        elif part.count > 1:
            size += f"  {part.count} alike"
        lines.append(f"{head:<52} {size}")
        lines += drawn(part, before + ("   " if final else "│  "))
    return lines


def numbered(count: int) -> str:
    """1,234,567 -> "1.23 M"."""
    for size, letter in ((10**9, " B"), (10**6, " M"), (10**3, " k")):
        if count >= size:
            return f"{count / size:.3g}{letter}" if count < 1000 * size else f"{count / size:,.0f}{letter}"
    return str(count)


def sized(count: int) -> str:
    """1,234,567 -> "1.23 MB"."""
    text = numbered(count).replace(" B", " GB").replace(" M", " MB").replace(" k", " kB")
    return text if re.search("B$", text) else f"{text} B"
