"""A data set's version, as MAJOR.MINOR.PATCH."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from functools import total_ordering
from typing import Any


@total_ordering
@dataclass(eq=False)
class Version:
    """`Version("1.2.0")`: three numbers, compared as numbers, with texts too.

    Raises:
        ValueError: the text is not three numbers with dots between.
    """

    version_str: str
    description: str | None = None
    major: str | int | None = None
    minor: str | int | None = None
    patch: str | int | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d+\.\d+\.\d+", self.version_str):
            raise ValueError(
                f"Invalid version '{self.version_str}'. Format should be x.y.z with {{x,y,z}} being digits."
            )
        self.major, self.minor, self.patch = map(int, self.version_str.split("."))

    def __repr__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def tuple(self) -> tuple:
        """(major, minor, patch)."""
        return self.major, self.minor, self.patch

    def _other(self, other: Any) -> Version:
        if isinstance(other, str):
            return Version(other)
        if isinstance(other, Version):
            return other
        raise TypeError(f"{other} (type {type(other)}) cannot be compared to version.")

    def __eq__(self, other: object) -> bool:
        try:
            return self.tuple == self._other(other).tuple
        except (TypeError, ValueError):
            return False

    def __lt__(self, other: Any) -> bool:
        return self.tuple < self._other(other).tuple

    def __hash__(self) -> int:
        return hash(repr(self))

    @classmethod
    def from_dict(cls, dic: dict) -> Version:
        """The version of its fields' dict."""
        known = {one.name for one in fields(cls)}
        return cls(**{key: value for key, value in dic.items() if key in known})
