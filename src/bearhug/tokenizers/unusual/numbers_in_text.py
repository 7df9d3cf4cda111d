"""Numbers and dates in texts, as TAPAS compares them: "3 May 2010" (Herzig et al. 2020, arXiv:2004.02349)."""

from __future__ import annotations

import datetime
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Day = tuple[float | None, float | None, float | None]  # year, month, day, of which the text may say only some
Value = float | Day
Key = Callable[[Value], Any]

_FORMATS = (
    "%B|%Y|%Ys|%b %Y|%B %Y|%B %d|%b %d|%d %b|%d %B|%B %d, %Y|%d %B %Y|%m-%d-%Y|%Y-%m-%d|%Y-%m|%d %b %Y|%b %d, %Y|"
    "%d.%m.%Y|%A, %b %d|%A, %B %d"
).split("|")
_FIELDS = {"%A": r"\w+", "%B": r"\w+", "%Y": r"\d{4}", "%b": r"\w{3}", "%d": r"\d{1,2}", "%m": r"\d{1,2}"}
_YEARS = range(1700, 2017)
_LONGEST_DATE = 5  # words
_WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()
_ORDINALS = "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
_NAMED = {word: float(i) for words in (_ORDINALS, _WORDS) for i, word in enumerate(words)}
_NUMBER = re.compile(r"((^|\s)[+-])?((\.\d+)|(\d+(,\d\d\d)*(\.\d*)?))")


def _pattern(form: str) -> re.Pattern[str]:
    pattern = form.replace(".", r"\.").replace("-", r"\-").replace(" ", r"\s+")
    return re.compile(f"^{re.sub('%[A-Za-z]', lambda field: _FIELDS[field[0]], pattern)}$")


_DATES = [(form, _pattern(form)) for form in _FORMATS]


def plain(text: str) -> str:
    """Lower case, one blank between words."""
    return " ".join(text.lower().split())


def _date(text: str) -> Day | None:
    text = re.sub(r"Sept\b", "Sep", text)
    for form, pattern in _DATES:
        if not pattern.match(text):
            continue
        try:
            found = datetime.datetime.strptime(text, form)
        except ValueError:
            continue
        if found.year in _YEARS:
            said = (("%Y", found.year), ("%[bBm]", found.month), ("%d", found.day))
            year, month, day = (float(value) if re.search(field, form) else None for field, value in said)
            return year, month, day
    return None


def _number(text: str) -> float | None:
    suffix = next((suffix for suffix in ("st", "nd", "rd", "th") if text.endswith(suffix)), "")
    try:
        value = float(text.removesuffix(suffix).replace(",", ""))
    except ValueError:
        return None
    return None if math.isnan(value) or value == math.inf else value


def _spans(text: str, most: int) -> Iterable[tuple[int, int]]:
    """Runs of up to `most` words."""
    starts: list[int] = []
    for i, char in enumerate(text):
        if not char.isalnum():
            continue
        if i == 0 or not text[i - 1].isalnum():
            starts.append(i)
        if i + 1 == len(text) or not text[i + 1].isalnum():
            yield from ((start, i + 1) for start in starts[-most:])


def values_in(text: str) -> list[Value]:
    """Numbers and dates of a plain text, in its order; of what lies inside of another, the longest is taken."""
    found: dict[tuple[int, int], list[Value]] = {}
    for match in _NUMBER.finditer(text):
        if (number := _number(match[0])) is not None:
            found.setdefault(match.span(), []).append(number)
    for start, end in _spans(text, 1):
        word = text[start:end]
        if (start, end) in found:
            continue
        for number in (_number(word), _NAMED.get(word)):
            if number is not None:
                found.setdefault((start, end), []).append(number)
    for start, end in _spans(text, _LONGEST_DATE):
        if (date := _date(text[start:end])) is not None:
            found.setdefault((start, end), []).append(date)
    taken: list[tuple[int, int]] = []
    for span in sorted(found, key=lambda span: (span[1] - span[0], -span[0]), reverse=True):
        if not any(start <= span[0] and span[1] <= end for start, end in taken):
            taken.append(span)
    return [value for span in sorted(taken) for value in found[span]]


def comparing(values: Iterable[Value]) -> Key | None:
    """What to compare values by: their number, or of dates what all of them say; None where nothing is common."""
    values = list(values)
    if len({isinstance(value, tuple) for value in values}) != 1:
        return None
    dates = [value for value in values if isinstance(value, tuple)]
    if not dates:
        return lambda value: value
    common = [i for i in range(3) if all(date[i] is not None for date in dates)]

    def key(value: Value) -> Any:
        assert isinstance(value, tuple)
        return tuple(value[i] for i in common)

    return key if common else None


EQUAL, LESS, GREATER = 1, 2, 4


def relation(value: Value, other: Value, key: Key) -> int:
    """1: equal, 2: the first is less, 4: greater."""
    one, two = key(value), key(other)
    return EQUAL if one == two else LESS if one < two else GREATER


def of_column(cells: Mapping[int, str], share: float = 0.7) -> dict[int, Value]:
    """A column's values, of the kind that most of its cells have; none where less than `share` of them have one."""
    values = {row: values_in(plain(cell)) for row, cell in cells.items()}
    kinds = Counter(kind for found in values.values() for kind in {isinstance(value, tuple) for value in found})
    most = max(kinds.values(), default=0)
    if not most or most < len(values) * share:
        return {}
    wanted = kinds[True] == most  # dates, where both are as frequent
    first = {
        row: next((value for value in found if isinstance(value, tuple) == wanted), None)
        for row, found in values.items()
    }
    return {row: value for row, value in first.items() if value is not None}
