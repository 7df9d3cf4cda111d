"""Splits: their names, what is known of each, and slices of them ('train[:10%]+test')."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bearhug._lib.errors import near

NAME = r"\w+(?:\.\w+)*"
SLICE = re.compile(
    rf"(?P<split>{NAME})(?:\[(?:(?P<start>-?[\d_]+)(?P<start_percent>%)?)?:(?:(?P<stop>-?[\d_]+)(?P<stop_percent>%)?)?\])?"
    r"(?:\((?P<rounding>[^\)]*)\))?"
)


class SplitBase:
    """A split, or several of them and slices of them put together; `str()` of it is the text for `split=`."""

    def _spec(self) -> ReadInstruction:
        raise TypeError(f"a {type(self).__name__} names no split; write NamedSplit('train').")

    def get_read_instruction(self, split_dict: Mapping) -> ReadInstruction:
        """The slices, checked against the splits that there are.

        Raises:
            ValueError: there is no such split.
        """
        spec = self._spec()
        spec.to_absolute({str(name): getattr(one, "num_examples", 0) for name, one in split_dict.items()})
        return spec

    def __add__(self, other: Any) -> Any:
        return SplitSum(self, other)

    def subsplit(
        self, arg: Any = None, k: int | None = None, percent: slice | None = None, weighted: Any = None
    ) -> Any:
        """Slices in percent: `k` equal ones, the one of a slice, or several with these weights.

        Args:
            arg: one of the three, told apart by its type.
        """
        if sum(bool(one) for one in (arg, k, percent, weighted)) != 1:
            raise ValueError("Only one argument of subsplit should be set.")
        k = arg if isinstance(arg, int) else k
        percent = arg if isinstance(arg, slice) else percent
        weighted = arg if isinstance(arg, list) else weighted
        if percent:
            return SplitSlice(self, percent)
        if k:
            if not 0 < k <= 100:
                raise ValueError(f"Subsplit k should be between 0 and 100, got {k}")
            sizes = [100 // k] * k
        elif weighted:
            sizes = [100 * one // sum(weighted) for one in weighted]
        else:
            raise ValueError(f"Invalid split argument {arg}. Only list, slice and int supported.")
        starts = [sum(sizes[:i]) for i in range(len(sizes))]
        return tuple(SplitSlice(self, slice(a, b)) for a, b in zip(starts, [*starts[1:], 100], strict=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SplitBase) and not isinstance(other, NamedSplit) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))


class SplitSum(SplitBase):
    """Two splits, one after the other."""

    def __init__(self, first: Any, second: Any):
        self.first, self.second = first, second

    def _spec(self) -> ReadInstruction:
        return ReadInstruction.from_spec(self.first) + ReadInstruction.from_spec(self.second)

    def __str__(self) -> str:
        return self._spec().to_spec()

    def __repr__(self) -> str:
        return f"({self.first!r} + {self.second!r})"


class SplitSlice(SplitBase):
    """A part of a split, in percent."""

    def __init__(self, split: Any, part: slice):
        self.split, self.part = split, part

    def _spec(self) -> ReadInstruction:
        inner = ReadInstruction.from_spec(self.split)
        if any(piece.from_ is not None or piece.to is not None for piece in inner.pieces):
            raise ValueError(f"Trying to slice {inner}, which has already been sliced.")
        made = [
            ReadInstruction(piece.splitname, from_=self.part.start, to=self.part.stop, unit="%")
            for piece in inner.pieces
        ]
        return sum(made[1:], made[0])

    def __str__(self) -> str:
        return self._spec().to_spec()

    def __repr__(self) -> str:
        start, stop = ("" if edge is None else edge for edge in (self.part.start, self.part.stop))
        return f"{self.split!r}(datasets.percent[{start}:{stop}])"


class NamedSplit(SplitBase):
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

    def _spec(self) -> ReadInstruction:
        return ReadInstruction.from_spec(self._name)


class NamedSplitAll(NamedSplit):
    """All splits together."""

    def __init__(self) -> None:
        super().__init__("all")

    def __repr__(self) -> str:
        return "NamedSplitAll()"

    def get_read_instruction(self, split_dict: Mapping) -> ReadInstruction:
        """Every split, whole."""
        made = [ReadInstruction(str(name)) for name in split_dict]
        return sum(made[1:], made[0])


class Split(NamedSplit):
    """`Split.TRAIN`, `Split.TEST`, `Split.VALIDATION`, `Split.ALL`; `Split("name")` is any other."""

    TRAIN: NamedSplit
    TEST: NamedSplit
    VALIDATION: NamedSplit
    ALL: NamedSplit

    def __new__(cls, name: str) -> NamedSplit:  # pyright: ignore[reportInconsistentConstructor]
        """The split of any name."""
        return NamedSplitAll() if name == "all" else NamedSplit(name)


Split.TRAIN, Split.TEST, Split.VALIDATION = NamedSplit("train"), NamedSplit("test"), NamedSplit("validation")
Split.ALL = NamedSplitAll()


class _PercentSlices(type):
    def __getitem__(cls, part: slice) -> slice:
        if not isinstance(part, slice):
            raise ValueError(f"percent takes a slice, as in percent[10:20], not {part!r}.")
        return part


class percent(metaclass=_PercentSlices):
    """`percent[10:20]`: a slice for `NamedSplit.subsplit`."""


# what the field's files always carry, for readers of old versions
ALWAYS = {"include_in_asdict_even_if_is_default": True}


@dataclass
class SplitInfo:
    """A split's name, its size in Arrow (bytes) and its number of rows."""

    name: str = field(default="", metadata=ALWAYS)
    num_bytes: int = field(default=0, metadata=ALWAYS)
    num_examples: int = field(default=0, metadata=ALWAYS)
    shard_lengths: list[int] | None = None
    original_shard_lengths: list[int] | None = None
    dataset_name: str | None = field(default=None, metadata=ALWAYS)

    def to_dict(self) -> dict:
        """The fields that are set, for JSON."""
        kept = {key for key, one in self.__dataclass_fields__.items() if one.metadata}
        return {key: value for key, value in vars(self).items() if value is not None or key in kept}

    @classmethod
    def from_dict(cls, data: Mapping) -> SplitInfo:
        """The info of `to_dict`'s dict."""
        return cls(**{key: value for key, value in data.items() if key in cls.__dataclass_fields__})

    @property
    def file_instructions(self) -> list[dict]:
        """The Arrow files of the split, with how many rows to skip and to take of each."""
        return file_instructions(self.dataset_name, [self], self.name)[1]


@dataclass
class SubSplitInfo:
    """How many rows a slice of splits has, and of which files."""

    instructions: Any

    @property
    def num_examples(self) -> int:
        """The number of rows."""
        return self.instructions[0]

    @property
    def file_instructions(self) -> list[dict]:
        """The Arrow files, with how many rows to skip and to take of each."""
        return self.instructions[1]


def file_instructions(name: str | None, infos: Iterable[SplitInfo], spec: Any) -> tuple[int, list[dict]]:
    """The number of rows of some slices, and which rows of which Arrow file they are."""
    if not name:
        raise TypeError("the files of a split are named after the data set: set SplitInfo.dataset_name.")
    splits = {one.name: one for one in infos}
    rows, files = 0, []
    cut = ReadInstruction.from_spec(spec).to_absolute({key: one.num_examples for key, one in splits.items()})
    for split, start, stop in cut:
        lengths = splits[split].shard_lengths or [splits[split].num_examples]
        place = 0
        for i, length in enumerate(lengths):
            skip, end = max(start - place, 0), min(stop - place, length)
            part = f"-{i:05d}-of-{len(lengths):05d}" if splits[split].shard_lengths else ""
            if end > skip:
                files.append({"filename": f"{name}-{split}{part}", "skip": skip, "take": end - skip})
                rows += end - skip
            place += length
    return rows, files


class SplitDict(dict):
    """Split name -> SplitInfo; a slice (`infos["train[:50%]"]`) gives its `num_examples`."""

    def __init__(self, *args: Any, dataset_name: str | None = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.dataset_name = dataset_name

    def __getitem__(self, key: Any) -> Any:
        if str(key) in self:
            return super().__getitem__(str(key))
        return SubSplitInfo(file_instructions(self.dataset_name or "dataset", self.values(), key))

    def __setitem__(self, key: Any, value: SplitInfo) -> None:
        if str(key) != value.name:
            raise ValueError(f"Cannot add elem. (key mismatch: '{key}' != '{value.name}')")
        super().__setitem__(str(key), value)

    def __reduce__(self) -> tuple:
        return _split_dict, (dict(self), self.dataset_name)

    def add(self, split_info: SplitInfo) -> None:
        """Put in a split's info under its name."""
        if split_info.name in self:
            raise ValueError(f"Split {split_info.name} already present")
        split_info.dataset_name = self.dataset_name
        super().__setitem__(split_info.name, split_info)

    @classmethod
    def from_split_dict(cls, split_infos: Mapping | Iterable, dataset_name: str | None = None) -> SplitDict:
        """From a dict or a list of infos, or of their dicts."""
        infos = split_infos.values() if isinstance(split_infos, Mapping) else split_infos
        infos = [one if isinstance(one, SplitInfo) else SplitInfo.from_dict(one) for one in infos]
        out = cls(dataset_name=dataset_name or (infos[0].dataset_name if infos else None))
        for one in infos:
            out.add(one)
        return out

    def to_split_dict(self) -> list[SplitInfo]:
        """The infos as a list, each with the name it has here."""
        out = [copy.deepcopy(one) for one in self.values()]
        for name, one in zip(self, out, strict=True):
            one.name = name
        return out

    def copy(self) -> SplitDict:
        """A deep copy."""
        return SplitDict.from_split_dict(self.to_split_dict(), self.dataset_name)

    def _to_yaml_list(self) -> list[dict]:
        return [
            {"name": one.name, "num_bytes": one.num_bytes, "num_examples": one.num_examples}
            for one in self.to_split_dict()
        ]

    @classmethod
    def _from_yaml_list(cls, yaml_data: list) -> SplitDict:
        if not all(isinstance(one, dict) and {"name", "num_examples", "num_bytes"} <= set(one) for one in yaml_data):
            raise ValueError(
                "The `splits` field in YAML is malformed or missing the name/num_examples/num_bytes fields"
            )
        return cls.from_split_dict(yaml_data)

    @property
    def total_num_examples(self) -> int:
        """The rows of all splits together."""
        return sum(one.num_examples for one in self.values())


def _split_dict(infos: dict, dataset_name: str | None) -> SplitDict:
    return SplitDict(infos, dataset_name=dataset_name)


@dataclass
class SplitGenerator:
    """What a builder's `_split_generators` returns for a split: its name, and the arguments of its examples."""

    name: str
    gen_kwargs: dict = field(default_factory=dict)
    split_info: SplitInfo = field(init=False)

    def __post_init__(self) -> None:
        self.name = str(self.name)
        NamedSplit(self.name)
        self.split_info = SplitInfo(name=self.name)


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
