"""Splits: their names, what is known of each, and slices of them ('train[:10%]+test')."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bearhug._lib.errors import near

NAME = r"\w+(?:\.\w+)*"
SLICE = re.compile(
    rf"(?P<split>{NAME})(?:\[(?:(?P<start>-?[\d_]+)(?P<start_percent>%)?)?:(?:(?P<stop>-?[\d_]+)(?P<stop_percent>%)?)?\])?"
    r"(?:\((?P<rounding>[^\)]*)\))?"
)


class NamedSplit:
    """A split's name; equal to the same text."""

    def __init__(self, name: str):
        for part in name.split("+"):
            if not re.match(rf"{NAME}$", part.split("[")[0]):
                raise ValueError(f"{name!r} is no split name: letters, digits, _ and dots, as in 'train' or 'test_en'.")
        self._name = name

    def __str__(self) -> str:
        return self._name

    def __repr__(self) -> str:
        return f"NamedSplit({self._name!r})"

    def __eq__(self, other: object) -> bool:
        return self._name == (other._name if isinstance(other, NamedSplit) else other)

    def __lt__(self, other: NamedSplit) -> bool:
        return self._name < str(other)

    def __hash__(self) -> int:
        return hash(self._name)

    def __add__(self, other: Any) -> ReadInstruction:
        return ReadInstruction.from_spec(self) + ReadInstruction.from_spec(other)


class Split(NamedSplit):
    """`Split.TRAIN`, `Split.TEST`, `Split.VALIDATION`, `Split.ALL`; `Split("name")` is any other."""

    TRAIN: NamedSplit
    TEST: NamedSplit
    VALIDATION: NamedSplit
    ALL: NamedSplit

    def __new__(cls, name: str) -> NamedSplit:  # pyright: ignore[reportInconsistentConstructor]
        """The split of any name."""
        return NamedSplit(name)


Split.TRAIN, Split.TEST, Split.VALIDATION = NamedSplit("train"), NamedSplit("test"), NamedSplit("validation")
Split.ALL = NamedSplit("all")


@dataclass
class SplitInfo:
    """A split's name, its size in Arrow (bytes) and its number of rows."""

    name: str = ""
    num_bytes: int = 0
    num_examples: int = 0
    shard_lengths: list[int] | None = None
    original_shard_lengths: list[int] | None = None
    dataset_name: str | None = None

    def to_dict(self) -> dict:
        """The fields that are set, for JSON and YAML."""
        return {
            key: value
            for key, value in vars(self).items()
            if value is not None or key in ("name", "num_bytes", "num_examples")
        }

    @classmethod
    def from_dict(cls, data: Mapping) -> SplitInfo:
        """The info of `to_dict`'s dict."""
        return cls(**{key: value for key, value in data.items() if key in cls.__dataclass_fields__})


class SplitDict(dict):
    """Split name -> SplitInfo."""

    @classmethod
    def from_split_dict(cls, split_infos: Mapping | Iterable) -> SplitDict:
        """From a dict or a list of infos, or of their dicts."""
        infos = split_infos.values() if isinstance(split_infos, Mapping) else split_infos
        infos = [one if isinstance(one, SplitInfo) else SplitInfo.from_dict(one) for one in infos]
        return cls({one.name: one for one in infos})

    def _to_yaml_list(self) -> list[dict]:
        return [
            {"name": one.name, "num_bytes": one.num_bytes, "num_examples": one.num_examples} for one in self.values()
        ]

    @property
    def total_num_examples(self) -> int:
        """The rows of all splits together."""
        return sum(one.num_examples for one in self.values())


@dataclass(frozen=True)
class Piece:
    """One slice of one split, as it was asked for: boundaries in rows or percent, negative from the end."""

    splitname: str
    from_: int | None = None
    to: int | None = None
    unit: str | None = None
    rounding: str | None = None

    def __post_init__(self) -> None:
        if self.unit not in (None, "%", "abs"):
            raise ValueError(f"a slice's unit is '%' or 'abs', not {self.unit!r}.")
        if self.rounding not in (None, "closest", "pct1_dropremainder"):
            raise ValueError(f"rounding is 'closest' or 'pct1_dropremainder', not {self.rounding!r}.")
        if self.unit != "%" and self.rounding is not None:
            raise ValueError("rounding is only for slices in percent: 'train[:10%](pct1_dropremainder)'.")
        if self.unit == "%" and any(abs(edge) > 100 for edge in (self.from_, self.to) if edge is not None):
            raise ValueError("a slice in percent lies between -100% and 100%, as in 'train[-20%:]'.")
        if self.unit == "%" and self.rounding is None:
            object.__setattr__(self, "rounding", "closest")

    def __str__(self) -> str:
        if self.from_ is None and self.to is None:
            return self.splitname
        unit = "%" if self.unit == "%" else ""
        start, stop = ("" if edge is None else f"{edge}{unit}" for edge in (self.from_, self.to))
        rounding = f"({self.rounding})" if unit and self.rounding != "closest" else ""
        return f"{self.splitname}[{start}:{stop}]{rounding}"

    def bounds(self, rows: int) -> tuple[int, int]:
        """The first row and the one after the last, in a split of so many rows."""
        if self.unit == "%" and self.rounding == "pct1_dropremainder" and rows < 100:
            raise ValueError(
                f"'pct1_dropremainder' makes a split of {rows} rows empty: it needs at least 100. Leave the "
                "rounding out."
            )

        def place(edge: int | None, default: int) -> int:
            if edge is None:
                return default
            if self.unit == "%":
                edge = edge * (rows // 100) if self.rounding == "pct1_dropremainder" else round(edge * rows / 100)
            return min(max(rows + edge, 0) if edge < 0 else edge, rows)

        return place(self.from_, 0), place(self.to, rows)


class ReadInstruction:
    """Slices of splits, added up: `ReadInstruction("train", to=10, unit="%") + ReadInstruction("test")`."""

    def __init__(
        self,
        split_name: str,
        rounding: str | None = None,
        from_: int | None = None,
        to: int | None = None,
        unit: str | None = None,
    ):
        self.pieces = [Piece(split_name, from_, to, unit, rounding)]

    @classmethod
    def from_spec(cls, spec: Any) -> ReadInstruction:
        """Read 'train[:10%]+test[5:]'.

        Raises:
            ValueError: it cannot be read.
        """
        if isinstance(spec, ReadInstruction):
            return spec
        made = None
        for part in re.split(r"\s*\+\s*", str(spec)):
            match = SLICE.fullmatch(part)
            if not match:
                raise ValueError(
                    f"{part!r} is no slice of a split; write 'train', 'train[:100]', 'train[10%:20%]+test'."
                )
            edges = [None if match[one] is None else int(match[one]) for one in ("start", "stop")]
            unit = "%" if match["start_percent"] or match["stop_percent"] else "abs"
            one = cls(match["split"], match["rounding"], edges[0], edges[1], unit)
            made = one if made is None else made + one
        assert made is not None
        return made

    def to_spec(self) -> str:
        """The text that `from_spec` reads."""
        return "+".join(map(str, self.pieces))

    def __add__(self, other: Any) -> ReadInstruction:
        if not isinstance(other, ReadInstruction):
            raise TypeError(f"only another ReadInstruction can be added, not {type(other).__name__}.")
        mine, theirs = self.pieces[0], other.pieces[0]
        if mine.unit != "abs" and theirs.unit != "abs" and mine.rounding != theirs.rounding:
            raise ValueError(f"slices with different roundings cannot be added: {mine.rounding} and {theirs.rounding}.")
        out = ReadInstruction.__new__(ReadInstruction)
        out.pieces = self.pieces + other.pieces
        return out

    def __str__(self) -> str:
        return self.to_spec()

    def __repr__(self) -> str:
        return f"ReadInstruction({self.to_spec()!r})"

    def to_absolute(self, name2len: Mapping[str, int]) -> list[tuple[str, int, int]]:
        """The slices in rows: (split, first row, row after the last).

        Raises:
            ValueError: there is no such split.
        """
        out = []
        for piece in self.pieces:
            if piece.splitname not in name2len:
                raise unknown_split(piece.splitname, name2len)
            out.append((piece.splitname, *piece.bounds(name2len[piece.splitname])))
        return out


def unknown_split(name: str, known: Iterable[str]) -> ValueError:
    """The error for a split that is not there: names the near ones and all."""
    known = list(known)
    return ValueError(f'Unknown split "{name}".{near(name, known)} There are: {", ".join(map(repr, known))}.')
