"""What a function over rows is given: dicts that came from the data set, and read a column when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import repeat
from typing import Any

UNREAD = object()


def dicts(names: tuple[str, ...], columns: list[list]) -> list[dict]:
    """Rows out of columns of one length: a dict each.

    A display of as many keys as there are is quicker than `dict(zip(...))`; the usual numbers are written out.
    """
    if len(names) == 1:
        (a,) = names
        return [{a: x} for x in columns[0]]
    if len(names) == 2:
        a, b = names
        return [{a: x, b: y} for x, y in zip(*columns, strict=True)]
    if len(names) == 3:
        a, b, c = names
        return [{a: x, b: y, c: z} for x, y, z in zip(*columns, strict=True)]
    return list(map(dict, map(zip, repeat(names), zip(*columns, strict=True))))


class Row(dict):
    """A dict that knows it came from the data set: returned as it is, it stands for the row."""

    def __or__(self, other: Any) -> Any:
        return type(self).__ior__(self.copy(), other) if isinstance(other, Mapping) else NotImplemented

    def __ror__(self, other: Any) -> Any:
        return Row({**other, **self}) if isinstance(other, Mapping) else NotImplemented

    def __ior__(self, other: Any) -> Any:
        self.update(other)
        return self

    def copy(self) -> Any:
        """A shallow copy that still counts as the row."""
        return Row(dict(self))

    __copy__ = copy

    def __reduce__(self) -> tuple:
        return dict, (dict(self),)


class Lazy(Row):
    """A row or batch whose values are read from Arrow when they are asked for; `unread` names those that were not."""

    __slots__ = ("_load", "unread")

    def __init__(self, names: Any, load: Callable[[str], Any]):
        super().__init__(dict.fromkeys(names, UNREAD))
        self._load = load
        self.unread = set(names)

    def _read(self, name: Any) -> Any:
        value = self._load(name)
        self.unread.discard(name)
        dict.__setitem__(self, name, value)
        return value

    def _all(self) -> Lazy:
        for name in list(self.unread):
            self._read(name)
        return self

    def __getitem__(self, name: Any) -> Any:
        value = dict.__getitem__(self, name)
        return self._read(name) if value is UNREAD else value

    def __setitem__(self, name: Any, value: Any) -> None:
        self.unread.discard(name)
        dict.__setitem__(self, name, value)

    def __delitem__(self, name: Any) -> None:
        dict.__delitem__(self, name)
        self.unread.discard(name)

    def __iter__(
        self,
    ) -> Iterator:  # overridden so that dict(x), {**x} and dict.update(x) ask for the values one by one
        return dict.__iter__(self)

    def keys(self) -> Any:
        """The columns' names."""
        return dict.keys(self)

    def get(self, name: Any, default: Any = None) -> Any:
        """A column's value(s), or the default."""
        return self[name] if name in self else default

    def pop(self, name: Any, *default: Any) -> Any:
        """Take a column out."""
        if name not in self:
            return dict.pop(self, name, *default)
        value = self[name]
        del self[name]
        return value

    def popitem(self) -> tuple:
        """Take the last column out."""
        return dict.popitem(self._all())

    def setdefault(self, name: Any, default: Any = None) -> Any:
        """A column's value(s), set to the default where there is none."""
        if name not in self:
            self[name] = default
        return self[name]

    def update(self, *others: Any, **more: Any) -> None:
        """Set several columns."""
        for name, value in dict(*others, **more).items():
            self[name] = value

    def values(self) -> Any:
        """All columns' values."""
        return dict.values(self._all())

    def items(self) -> Any:
        """All columns with their values."""
        return dict.items(self._all())

    def copy(self) -> Any:
        """A shallow copy, read in full."""
        return Row({name: self[name] for name in self})

    __copy__ = copy

    def __eq__(self, other: object) -> bool:
        return dict.__eq__(self._all(), other._all() if isinstance(other, Lazy) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        return dict.__repr__(self._all())
