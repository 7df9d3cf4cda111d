"""Their names of weights and ours, as one table that is read in both directions.

A table is a dict, theirs: ours. `{i}` stands for a number, `*` for the rest of a name:

    {"h.{i}.ln_1.*": "layers.{i}.attention_norm.*",
     "h.{i}.attn.c_attn.*": Fused("layers.{i}.attention.{q,k,v}_proj.*", transposed=True),
     "h.{i}.attn.bias": None}

Where several of theirs name one of ours, the first is written and all are read. None: a constant, dropped on reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Transposed:
    """One of our matrices, stored by them as (in, out); vectors are stored as they are."""

    name: str


@dataclass(frozen=True)
class Fused:
    """Several of our tensors, `{q,k,v}` in the name, stored by them as one: stacked along the output dimension."""

    name: str
    transposed: bool = False


Ours = str | Transposed | Fused | None


@dataclass(frozen=True)
class Rule:
    """What one stored tensor is made of."""

    parts: tuple[str, ...]
    transposed: bool = False

    def split(self, stored: Tensor, rows: Iterable[int]) -> list[Tensor]:
        """Our tensors out of theirs, as views. `rows`: the first dimension of each.

        Raises:
            ValueError: the rows do not add up to the stored ones.
        """
        if self.transposed and stored.ndim == 2:
            stored = stored.t()
        if len(self.parts) == 1:
            return [stored]
        rows = list(rows)
        if stored.ndim == 0 or sum(rows) != stored.shape[0]:
            raise ValueError(f"{tuple(stored.shape)} does not hold {len(rows)} parts of {rows} rows")
        return list(stored.split(rows))

    def shape(self, parts: list[Tensor]) -> tuple[int, ...]:
        """The shape of `join(parts)`."""
        shape = (sum(part.shape[0] for part in parts), *parts[0].shape[1:]) if len(parts) > 1 else tuple(parts[0].shape)
        return shape[::-1] if self.transposed and len(shape) == 2 else shape

    def join(self, parts: list[Tensor]) -> Tensor:
        """Their tensor out of ours, contiguous."""
        if len(parts) == 1:
            joined = parts[0]
        else:
            import torch

            joined = torch.cat(parts)
        return (joined.t() if self.transposed and joined.ndim == 2 else joined).contiguous()


def rules(table: Mapping[str, Ours], names: Iterable[str]) -> dict[str, Rule]:
    """The table written out for these names of ours: their name -> what it is made of, in the table's order."""
    names = list(names)
    known, found = set(names), {}
    for theirs, ours in table.items():
        if ours is None:
            continue
        name, transposed = (ours, False) if isinstance(ours, str) else (ours.name, not isinstance(ours, Fused))
        transposed = transposed or (isinstance(ours, Fused) and ours.transposed)
        patterns = _alternatives(name)
        first = _regex(patterns[0])
        for candidate in names:
            if match := first.fullmatch(candidate):
                parts = tuple(_filled(pattern, match) for pattern in patterns)
                if known.issuperset(parts):
                    found[_filled(theirs, match)] = Rule(parts, transposed)
    return found


def constants(table: Mapping[str, Ours]) -> list[re.Pattern[str]]:
    """Patterns of the names that the table drops."""
    return [_regex(theirs) for theirs, ours in table.items() if ours is None]


def _alternatives(name: str) -> list[str]:
    """`{q,k,v}_proj` -> `q_proj`, `k_proj`, `v_proj`; a name without braces is its own only one."""
    match = re.search(r"\{(\w+(?:,\w+)+)\}", name)
    if match is None:
        return [name]
    return [name[: match.start()] + word + name[match.end() :] for word in match[1].split(",")]


def _regex(pattern: str) -> re.Pattern[str]:
    text = re.escape(pattern).replace(r"\*", "(?P<rest>.+)")
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[0-9]+)", text))


def _filled(pattern: str, match: re.Match[str]) -> str:
    values = match.groupdict()
    text = pattern.replace("*", values.get("rest") or "*")
    return re.sub(r"\{(\w+)\}", lambda hole: values.get(hole[1]) or hole[0], text)
