"""Their names of weights and ours, as one table that is read in both directions.

A table is a dict, theirs: ours. `{i}` stands for a number, `*` for the rest of a name:

    {"h.{i}.ln_1.*": "layers.{i}.attention_norm.*",
     "h.{i}.attn.c_attn.*": Fused("layers.{i}.attention.{q,k,v}_proj.*", transposed=True),
     "h.{i}.mlp.experts": Stacked("layers.{i}.mlp.experts.{e}.{gate,up}_proj.weight"),
     "h.{i}.attn.bias": None}

Where several of theirs name one of ours, the first is written and all are read. None: a constant, dropped on reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Transposed:
    """One of our matrices, stored by them as (in, out); vectors are stored as they are."""

    name: str


@dataclass(frozen=True)
class Also:
    """Another of their names for one of ours: it is read, and never written."""

    name: str


@dataclass(frozen=True)
class Row:
    """One of our vectors, stored by them as a matrix (1, N)."""

    name: str


@dataclass(frozen=True)
class Fused:
    """Several of our tensors, `{q,k,v}` in the name, stored by them as one: stacked along the output dimension.

    `blocks`: so many times, each with its share of every tensor. q, k and v of a head side by side are as many blocks
    as there are heads.
    """

    name: str
    transposed: bool = False
    blocks: int = 1


@dataclass(frozen=True)
class Stacked:
    """Ours are numbered, `{e}` in the name; they store all of them as one, with a dimension more in front.

    Each may be several, `{gate,up}`, as in `Fused`, or `transposed`. `written=False`: it is read, and never written.
    """

    name: str
    transposed: bool = False
    written: bool = True


Ours = str | Also | Transposed | Row | Fused | Stacked | None


@dataclass(frozen=True)
class Rule:
    """What one stored tensor is made of."""

    parts: tuple[str, ...]
    transposed: bool = False
    blocks: int = 1
    row: bool = False
    written: bool = True
    stack: int = 0  # so many groups of parts, one above the other in a dimension more; 0: none

    def split(self, stored: Tensor, rows: Iterable[int]) -> list[Tensor]:
        """Our tensors out of theirs, as views (copies where there are several blocks). `rows`: each's first dimension.

        Raises:
            ValueError: the rows do not add up to the stored ones.
        """
        if self.stack:
            if stored.ndim == 0 or stored.shape[0] != self.stack:
                raise ValueError(f"{tuple(stored.shape)} does not hold a stack of {self.stack}")
            sizes, number = list(rows), len(self.parts) // self.stack
            one = self.one()
            each = zip(stored.unbind(0), range(0, len(sizes), number), strict=True)
            return [part for layer, at in each for part in one.split(layer, sizes[at : at + number])]
        if self.transposed and stored.ndim == 2:
            stored = stored.t()
        if self.row and stored.ndim == 2 and stored.shape[0] == 1:
            stored = stored[0]
        if len(self.parts) == 1:
            return [stored]
        rows = list(rows)
        blocks = self.blocks
        if stored.ndim == 0 or sum(rows) != stored.shape[0] or any(count % blocks for count in rows):
            raise ValueError(f"{tuple(stored.shape)} does not hold {len(rows)} parts of {rows} rows")
        if blocks == 1:
            return list(stored.split(rows))
        shares = stored.unflatten(0, (blocks, -1)).split([count // blocks for count in rows], 1)
        return [share.flatten(0, 1) for share in shares]

    def one(self) -> Rule:
        """The rule of one of a stack."""
        return replace(self, parts=self.parts[: len(self.parts) // self.stack], stack=0)

    def shape(self, parts: list[Tensor]) -> tuple[int, ...]:
        """The shape of `join(parts)`."""
        if self.stack:
            return (self.stack, *self.one().shape(parts[: len(parts) // self.stack]))
        shape = (sum(part.shape[0] for part in parts), *parts[0].shape[1:]) if len(parts) > 1 else tuple(parts[0].shape)
        if self.row:
            return (1, *shape)
        return shape[::-1] if self.transposed and len(shape) == 2 else shape

    def join(self, parts: list[Tensor]) -> Tensor:
        """Their tensor out of ours, contiguous."""
        if self.stack:
            import torch

            number, one = len(parts) // self.stack, self.one()
            return torch.stack([one.join(parts[at : at + number]) for at in range(0, len(parts), number)])
        if len(parts) == 1:
            joined = parts[0]
        else:
            import torch

            if self.blocks == 1:
                joined = torch.cat(parts)
            else:
                joined = torch.cat([part.unflatten(0, (self.blocks, -1)) for part in parts], 1).flatten(0, 1)
        if self.row:
            return joined[None].contiguous()
        return (joined.t() if self.transposed and joined.ndim == 2 else joined).contiguous()


def rules(table: Mapping[str, Ours], names: Iterable[str]) -> dict[str, Rule]:
    """The table written out for these names of ours: their name -> what it is made of, in the table's order."""
    names = list(names)
    known, found = set(names), {}
    for theirs, ours in table.items():
        if ours is None:
            continue
        name = ours if isinstance(ours, str) else ours.name
        transposed, blocks = isinstance(ours, Transposed), 1
        if isinstance(ours, Fused | Stacked):
            transposed, blocks = ours.transposed, getattr(ours, "blocks", 1)
        patterns = _alternatives(name)
        first = _regex(patterns[0])
        stacks: dict[str, dict[int, tuple[str, ...]]] = {}
        for candidate in names:
            if match := first.fullmatch(candidate):
                parts = tuple(_filled(pattern, match) for pattern in patterns)
                if known.issuperset(parts) and isinstance(ours, Stacked):
                    stacks.setdefault(_filled(theirs, match), {})[int(match["e"])] = parts
                elif known.issuperset(parts):
                    written = not isinstance(ours, Also)
                    found[_filled(theirs, match)] = Rule(parts, transposed, blocks, isinstance(ours, Row), written)
        for stack, layers in stacks.items():
            parts = tuple(part for _, layer in sorted(layers.items()) for part in layer)
            found[stack] = Rule(parts, transposed, written=ours.written, stack=len(layers))  # type: ignore[union-attr]
    return found


def renamed(ours: Ours, change: Callable[[str], str]) -> Ours:
    """The same under another name."""
    if ours is None or isinstance(ours, str):
        return ours and change(ours)
    return replace(ours, name=change(ours.name))


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
