"""One column of a data set as a sequence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bearhug._lib.errors import near
from bearhug.datasets.errors import UnknownNameError
from bearhug.datasets.features import has_media
from bearhug.datasets.views import BLOCK

if TYPE_CHECKING:
    from bearhug.datasets.dataset import Dataset


class Column(Sequence):
    """One column of a data set, read when it is asked: an index gives a value, a slice or list gives values."""

    def __init__(self, source: Dataset | Column, column_name: str):
        features = source.features
        if not isinstance(features, dict) or column_name not in features:
            known = list(features) if isinstance(features, dict) else []
            raise UnknownNameError(
                f"Column '{column_name}' doesn't exist.{near(column_name, known)} There are: {known}"
            )
        self.source, self.column_name = source, column_name
        self.features: Any = features[column_name]

    def _narrow(self) -> Dataset:
        """The data set with only this column (all of them where a transform may need the others)."""
        source: Any = self.source
        if source._format_type == "custom":
            return source
        out = source.select_columns(self.column_name)
        if source._format_columns is not None and self.column_name not in source._format_columns:
            out.reset_format()
        return out

    def __iter__(self) -> Iterator[Any]:
        if isinstance(self.source, Column):
            for value in self.source:
                yield value[self.column_name]
            return
        narrow = self._narrow()
        if narrow._format_type is None and not has_media(self.features):
            for batch in narrow.iter(BLOCK):
                yield from batch[self.column_name]
        else:
            for row in narrow:
                yield row[self.column_name]

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return Column(self, key)
        if isinstance(self.source, Column):
            got = self.source[key]
            return got[self.column_name] if isinstance(key, int) else [one[self.column_name] for one in got]
        narrow = self._narrow()
        got = narrow[key][self.column_name]
        if narrow._format_type in ("pandas", "polars", "arrow") and isinstance(key, int):
            return got.iloc[0] if narrow._format_type == "pandas" else got[0]
        return got

    def __len__(self) -> int:
        return len(self.source)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = self[:]
        return np.asarray(values, dtype=dtype)

    def __repr__(self) -> str:
        more = ", ..." if len(self) > 5 else ""
        return f"Column({repr(list(self[:5]))[:-1]}{more}])"

    def __eq__(self, value: object) -> Any:
        if isinstance(value, Column):
            return list(self) == list(value)
        return value == list(self)

    __hash__ = None  # pyright: ignore[reportAssignmentType]
