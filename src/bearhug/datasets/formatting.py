"""How a data set's rows come out: the methods that choose a format. The formats themselves stand in views.py."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from typing import Any

from bearhug.datasets.views import View, format_name


class Formatted:
    """The format of a data set, chosen and read."""

    _format_type: str | None
    _format_kwargs: dict[str, Any]
    _format_columns: list[str] | None
    _output_all_columns: bool
    _view_made: View | None

    @property
    def format(self: Any) -> dict:
        """The format: its type, options, columns, and whether other columns come along."""
        return {
            "type": self._format_type,
            "format_kwargs": self._format_kwargs,
            "columns": self.column_names if self._format_columns is None else self._format_columns,
            "output_all_columns": self._output_all_columns,
        }

    def set_format(
        self: Any,
        type: str | None = None,
        columns: list | None = None,
        output_all_columns: bool = False,
        **format_kwargs: Any,
    ) -> None:
        """Choose how rows come out: None (Python), "numpy", "torch", "jax", "tensorflow", "pandas", "polars", "arrow".

        Args:
            type: the format's name.
            columns: the columns that are formatted; the others are left out.
            output_all_columns: the others come along, as Python values.
            **format_kwargs: passed to the array's maker, as `dtype=torch.int32`.

        Raises:
            ValueError: there is no such format, or its library is not installed.
            UnknownNameError: there is no such column.
        """
        format_kwargs.update(format_kwargs.pop("format_kwargs", {}))
        kind = format_name(type)
        if isinstance(columns, str):
            columns = [columns]
        if isinstance(columns, tuple):
            columns = list(columns)
        if columns is not None:
            self._known(columns)
            columns = columns.copy()
        self._format_type, self._format_kwargs = kind, format_kwargs
        self._format_columns, self._output_all_columns = columns, output_all_columns
        self._view_made = None

    def reset_format(self) -> None:
        """Back to Python values of all columns."""
        self.set_format()

    def set_transform(
        self: Any, transform: Callable | None, columns: list | None = None, output_all_columns: bool = False
    ) -> None:
        """Rows come out through a function from a batch (dict of lists) to a batch."""
        self.set_format("custom", columns=columns, output_all_columns=output_all_columns, transform=transform)

    def with_format(
        self: Any,
        type: str | None = None,
        columns: list | None = None,
        output_all_columns: bool = False,
        **format_kwargs: Any,
    ) -> Any:
        """A copy in another format; see `set_format`."""
        out = copy.copy(self)
        out.set_format(type, columns=columns, output_all_columns=output_all_columns, **format_kwargs)
        return out

    def with_transform(
        self: Any, transform: Callable | None, columns: list | None = None, output_all_columns: bool = False
    ) -> Any:
        """A copy whose rows come out through a function; see `set_transform`."""
        out = copy.copy(self)
        out.set_transform(transform, columns=columns, output_all_columns=output_all_columns)
        return out

    @contextlib.contextmanager
    def formatted_as(
        self: Any,
        type: str | None = None,
        columns: list | None = None,
        output_all_columns: bool = False,
        **format_kwargs: Any,
    ) -> Iterator[None]:
        """In a `with`: this format, afterwards the old one."""
        before = (self._format_type, self._format_kwargs, self._format_columns, self._output_all_columns)
        try:
            self.set_format(type, columns, output_all_columns, **format_kwargs)
            yield
        finally:
            self._format_type, self._format_kwargs, self._format_columns, self._output_all_columns = before
            self._view_made = None
