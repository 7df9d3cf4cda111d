"""Parts are picked by name out of tables; a name that a table lacks is an error that lists what it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from bearhug._lib.errors import near

Part = TypeVar("Part")


def part(table: Mapping[str, Part], name: str, kind: str) -> Part:
    """The part of this name.

    Raises:
        ValueError: the table has none; the message lists what it has.
    """
    try:
        return table[name]
    except KeyError:
        raise ValueError(
            f"{kind} {name!r} is not known.{near(str(name), table)} There are: {', '.join(sorted(table))}."
        ) from None
