"""csv and tsv, typed as pandas types them: 10,000 rows at a time, missing values make integers fractions, dates
stay text.

The text is split into fields by Arrow's parser; what it cannot do (separators of several characters, short rows,
comments) is split by Python's. Types are then found on whole columns of text. Unlike pandas, fractions are rounded
correctly.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv as pa_csv

from bearhug._lib.errors import near
from bearhug.datasets.errors import UnknownNameError
from bearhug.datasets.features import Features
from bearhug.datasets.readers import native

pc: Any = pyarrow.compute  # its functions are made at run time

MISSING = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
]  # fmt: skip
BLOCK = 1 << 20


def read(
    file: Any,
    name: str,
    features: Features | None = None,
    *,
    sep: str = ",",
    delimiter: str | None = None,
    header: int | str | None = "infer",
    names: list[str] | None = None,
    column_names: list[str] | None = None,
    index_col: int | str | bool | None = None,
    usecols: list | None = None,
    converters: dict | None = None,
    true_values: list | None = None,
    false_values: list | None = None,
    skipinitialspace: bool = False,
    skiprows: int | list[int] | None = None,
    nrows: int | None = None,
    na_values: Any = None,
    keep_default_na: bool = True,
    na_filter: bool = True,
    skip_blank_lines: bool = True,
    thousands: str | None = None,
    decimal: str = ".",
    lineterminator: str | None = None,
    quotechar: str = '"',
    quoting: int = 0,
    escapechar: str | None = None,
    comment: str | None = None,
    encoding: str | None = None,
    encoding_errors: str | None = "strict",
    on_bad_lines: str = "error",
    skipfooter: int = 0,
    doublequote: bool = True,
    chunksize: int = 10_000,
    dtype: dict | str | None = None,
    engine: str | None = None,
    low_memory: bool = True,
    memory_map: bool = False,
    float_precision: str | None = None,
) -> Iterator[pa.Table]:
    """csv -> tables of `chunksize` rows; the arguments are those of pandas' `read_csv`.

    Raises:
        ValueError: a row has more fields than there are columns, a quote is not closed, or the file is empty.
        UnicodeDecodeError: the bytes are not in this encoding.
    """
    sep = delimiter or sep
    names = column_names if column_names is not None else names
    layout = {"quotechar": quotechar, "quoting": quoting, "escapechar": escapechar, "doublequote": doublequote}
    skipped = set(skiprows) if isinstance(skiprows, list | tuple | set) else set()
    start = skiprows if isinstance(skiprows, int) else 0
    mapped = _whole_file(file, encoding, encoding_errors)
    data = _utf8(file, encoding, encoding_errors)
    head = data.read(1 << 20)
    lines = io.StringIO(head.decode("utf-8", "replace"), newline="")
    _advance(lines, start)
    rows = csv.reader(lines, delimiter=sep if len(sep) == 1 else ",", skipinitialspace=skipinitialspace, **layout)
    if header == "infer":
        header = 0 if names is None else None
    plain = (
        len(sep) == 1 and not (comment or skipped or skipfooter or lineterminator or converters) and skip_blank_lines
    )
    plain = plain and header in (None, 0) and quoting in (0, 1, 3) and not skipinitialspace
    taken = 0
    if plain:
        first = None
        for row in rows:
            if row and (len(row) > 1 or row[0].strip()):
                first = row
                break
            taken = rows.line_num
        if first is None and names is None:
            raise ValueError(f"{name!r} is empty: there are no columns to read. Give names=[...] if it has no header.")
        if header == 0:
            taken = rows.line_num
        columns = _named(first or [], names, header)
        source = _Chained(head, data)
        none = _none(na_values, keep_default_na, na_filter) if len(columns) > 1 else []
        parsed = _parsed(mapped or pa.PythonFile(source, "r"), columns, start + taken, sep, layout, none)
    else:
        source = _Chained(head, data)
        columns, parsed = _split(
            source, name, sep, names, header, start, skipped, comment, skipinitialspace, layout, on_bad_lines
        )
    chosen = _chosen(columns, usecols, name)
    rules = _Rules(
        _none(na_values, keep_default_na, na_filter), na_filter and not (plain and len(columns) > 1),
        thousands, decimal,
        [str(one) for one in true_values or []], [str(one) for one in false_values or []],
    )  # fmt: skip
    done = 0
    unseen: set[str] = set()  # columns without a value so far: pandas calls those fractions
    try:
        for table in _sized(parsed, chunksize, nrows, skipfooter):
            done += table.num_rows
            yield _typed(table.select(chosen), features, rules, unseen, index_col, converters, dtype)
    except pa.ArrowInvalid as error:
        if not plain or "UTF8" in str(error):
            raise _bad(error, head, name) from None
        # rows of different lengths: read again, splitting in Python
        rules.filters = na_filter
        source.rewind()
        _, parsed = _split(
            source, name, sep, columns, None, start + taken, skipped, comment, skipinitialspace, layout, on_bad_lines
        )
        rest = None if nrows is None else nrows
        for table in _sized(parsed, chunksize, rest, skipfooter, skip=done):
            yield _typed(table.select(chosen), features, rules, unseen, index_col, converters, dtype)
        return
    if plain and quoting != 3 and _cut_short(mapped, source, quotechar.encode()):
        raise ValueError(f"{name!r} ends inside of quotes: the file is cut short, or a {quotechar} is missing.")
    empty = pa.table({one: pa.array([], pa.large_string()) for one in columns}).select(chosen)
    if not done:
        yield _typed(empty, features, rules, unseen, index_col, converters, dtype)


# ---- bytes


def _utf8(file: Any, encoding: str | None, errors: str | None) -> Any:
    """The file as UTF-8 without a byte order mark."""
    if encoding is not None and encoding.lower().replace("-", "").replace("_", "") not in ("utf8", "utf8sig"):
        text = file.read().decode(encoding, errors or "strict")
        return io.BytesIO(text.removeprefix("﻿").encode())
    if errors not in (None, "strict"):
        return io.BytesIO(file.read().decode("utf-8-sig", errors).encode())
    head = file.read(3)
    return _Chained(head if head != b"\xef\xbb\xbf" else b"", file)


def _whole_file(file: Any, encoding: str | None, errors: str | None) -> Any:
    """The file as Arrow reads it fastest, where its bytes are UTF-8 already."""
    plain = encoding is None or encoding.lower().replace("-", "").replace("_", "") == "utf8"
    opened = native(file) if plain and errors in (None, "strict") else file
    return None if opened is file else opened


class _Chained(io.RawIOBase):
    """Bytes that were read already, followed by the rest of a file; keeps all, so that it can begin again."""

    def __init__(self, head: bytes, rest: Any):
        self.head, self.rest, self.place = head, rest, 0
        self.last = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1) -> bytes:
        out = self.head[self.place : None if size is None or size < 0 else self.place + size]
        self.place += len(out)
        if size is None or size < 0:
            out += self.rest.read()
        while size is not None and len(out) < size and (more := self.rest.read(size - len(out))):
            out += more
        self.last = out[-1:] or self.last
        return out

    def rewind(self) -> None:
        """Begin again."""
        self.rest.seek(len(self.head)) if not isinstance(self.rest, _Chained) else self._rewind_inner()
        self.place = 0

    def _rewind_inner(self) -> None:
        inner = self.rest
        inner.rest.seek(0)
        start = inner.rest.read(3)
        inner.head, inner.place = (start if start != b"\xef\xbb\xbf" else b""), 0
        inner.read(len(self.head))


def _cut_short(mapped: Any, source: _Chained, quote: bytes) -> bool:
    """Whether what was read ends inside of quotes."""
    last = mapped.read_at(1, mapped.size() - 1) if mapped is not None else source.last
    if last in b"\r\n":
        return False
    source.rewind()
    data = source.read()
    if data.count(quote) % 2 == 0:
        return False
    try:
        for _ in csv.reader(
            io.StringIO(data.decode("utf-8", "replace"), newline=""), quotechar=quote.decode(), strict=True
        ):
            pass
    except csv.Error as error:
        return "unexpected end of data" in str(error)
    return False


def _advance(lines: io.StringIO, count: int) -> None:
    for _ in range(count):
        lines.readline()


# ---- fields


def _named(first: list[str], names: list[str] | None, header: Any) -> list[str]:
    """The columns' names: given, numbered, or the header's with its gaps and doubles named as pandas does."""
    if names is not None:
        names = [str(one) for one in names]
        if len(set(names)) < len(names):
            raise ValueError(f"Duplicate names are not allowed: {names}")
        return names
    if header is None:
        return [str(i) for i in range(len(first))]
    seen: dict[str, int] = {}
    out: list[str] = []
    for i, one in enumerate(first):
        base = one if one else f"Unnamed: {i}"
        name = base
        while name in out or (name != base and name in first):
            seen[base] = seen.get(base, 0) + 1
            name = f"{base}.{seen[base]}"
        out.append(name)
    return out


def _none(na_values: Any, keep_default_na: bool, na_filter: bool) -> list[str]:
    """The texts that say that a value is missing."""
    given = (
        na_values if not isinstance(na_values, dict) else [one for two in na_values.values() for one in _listed(two)]
    )
    return [str(one) for one in _listed(given)] + (MISSING if keep_default_na else []) if na_filter else []


def _parsed(source: Any, columns: list[str], skip: int, sep: str, layout: dict, none: list[str]) -> Iterator[pa.Table]:
    """Fields as columns of text, null where one says that it is missing, by Arrow's parser."""
    options = pa_csv.ReadOptions(column_names=columns, skip_rows=skip, block_size=BLOCK)
    split = pa_csv.ParseOptions(
        delimiter=sep,
        quote_char=False if layout["quoting"] == 3 else layout["quotechar"],
        double_quote=layout["doublequote"],
        escape_char=layout["escapechar"] or False,
        newlines_in_values=True,
        ignore_empty_lines=True,
    )
    convert = pa_csv.ConvertOptions(
        column_types=dict.fromkeys(columns, pa.large_string()), null_values=none, strings_can_be_null=bool(none)
    )
    try:
        opened = pa_csv.open_csv(source, options, split, convert)
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return
        raise
    for batch in opened:
        table = pa.Table.from_batches([batch])
        if len(columns) == 1:  # a line of nothing but spaces is no row
            table = table.filter(pc.not_equal(pc.utf8_trim_whitespace(table[0]), ""))
        yield table


def _split(
    source: Any, name: str, sep: str, names: list[str] | None, header: Any, start: int, skipped: set, comment: str |
    None, initial: bool, layout: dict, on_bad: str,
) -> tuple[list[str], Iterator[pa.Table]]:  # fmt: skip
    """Fields as columns of text, by Python: whatever Arrow's parser cannot do."""
    stream = io.TextIOWrapper(io.BufferedReader(source), encoding="utf-8", newline="")
    lines: Iterator[str] = (line for i, line in enumerate(stream) if i >= start and i not in skipped)
    if comment:
        lines = (line.partition(comment)[0] + "\n" for line in lines if not line.startswith(comment))
    lines = (line for line in lines if line.strip())
    if len(sep) == 1:
        rows: Iterator[list[str]] = csv.reader(lines, delimiter=sep, skipinitialspace=initial, **layout)
    else:
        rows = (re.split(sep, line.strip("\r\n").strip() if "\\s" in sep else line.strip("\r\n")) for line in lines)
    rows = (row for row in rows if row)
    if header is not None:
        first: list[str] = []
        for _ in range(int(header) + 1):
            first = next(rows, [])
        if not first and names is None:
            raise ValueError(f"{name!r} is empty: there are no columns to read.")
        columns = _named(first, names, header)
    else:
        first = next(rows, [])
        columns = _named(first, names, None)
        rows = itertools.chain([first] if first else [], rows)
    return columns, _tables(rows, columns, name, on_bad)


def _tables(rows: Iterator[list[str]], columns: list[str], name: str, on_bad: str) -> Iterator[pa.Table]:
    width, line = len(columns), 1
    while piece := list(itertools.islice(rows, 10_000)):
        kept = []
        for row in piece:
            line += 1
            if len(row) > width:
                if on_bad == "error":
                    raise ValueError(
                        f"{name!r}: expected {width} fields in row {line}, saw {len(row)}: {','.join(row)[:80]}\n"
                        f"Leave such rows out with on_bad_lines='skip', or check sep= and quotechar=."
                    )
                continue
            kept.append(row + [""] * (width - len(row)))
        yield pa.table([pa.array([row[i] for row in kept], pa.large_string()) for i in range(width)], names=columns)


def _sized(tables: Iterator[pa.Table], size: int, most: int | None, footer: int, skip: int = 0) -> Iterator[pa.Table]:
    """The same rows in tables of `size`, at most `most`, without the last `footer`."""
    waiting: list[pa.Table] = []
    count = 0
    left = most
    for table in tables:
        if skip:
            gone = min(skip, table.num_rows)
            table, skip = table.slice(gone), skip - gone
        waiting.append(table)
        count += table.num_rows
        while count >= size + footer and (left is None or left > 0):
            joined = pa.concat_tables(waiting)
            piece = joined.slice(0, size if left is None else min(size, left))
            waiting, count = [joined.slice(size)], count - size
            left = None if left is None else left - piece.num_rows
            yield piece
    if waiting and (left is None or left > 0):
        rest = pa.concat_tables(waiting)
        rest = rest.slice(0, rest.num_rows - footer if left is None else min(rest.num_rows, left))
        if rest.num_rows:
            yield rest


def _chosen(columns: list[str], usecols: Any, name: str) -> list[str]:
    if usecols is None:
        return columns
    wanted = (
        [columns[one] if isinstance(one, int) else one for one in usecols]
        if not callable(usecols)
        else [c for c in columns if usecols(c)]
    )
    for one in wanted:
        if one not in columns:
            raise UnknownNameError(f"{name!r} has no column {one!r}.{near(str(one), columns)} There are: {columns}")
    return [one for one in columns if one in wanted]


def _listed(value: Any) -> list:
    return [] if value is None else list(value) if isinstance(value, list | tuple | set) else [value]


# ---- types


class _Rules:
    """What counts as missing, as a number, as yes and no."""

    def __init__(
        self, none: list[str], filters: bool, thousands: str | None, decimal: str, yes: list[str], no: list[str]
    ):
        self.none = pa.array(none, pa.large_string())
        self.longest = max(map(len, none), default=0)
        self.filters, self.thousands, self.decimal = filters, thousands, decimal
        self.yes = pa.array(["True", "TRUE", "true", *yes], pa.large_string())
        self.no = pa.array(["False", "FALSE", "false", *no], pa.large_string())
        self.words = {*self.yes.to_pylist(), *self.no.to_pylist()}

    def missing(self, texts: pa.ChunkedArray) -> pa.ChunkedArray:
        """The texts with null where a value is missing."""
        if not self.filters or not len(self.none) or not len(texts):
            return texts
        if pc.min(pc.binary_length(texts)).as_py() > self.longest:
            return texts
        missing = pc.is_in(texts, self.none)
        if not pc.any(missing).as_py():
            return texts
        return pc.if_else(missing, pa.scalar(None, pa.large_string()), texts)


def _typed(
    table: pa.Table,
    features: Features | None,
    rules: _Rules,
    unseen: set[str],
    index_col: Any,
    converters: Any,
    dtype: Any,
) -> pa.Table:
    arrays = {}
    for i, name in enumerate(table.column_names):
        texts = table[name]
        if converters and (name in converters or i in converters):
            make: Callable = converters.get(name) or converters[i]
            arrays[name] = pa.array([make(one) for one in texts.to_pylist()])
            continue
        wanted = dtype.get(name) if isinstance(dtype, dict) else dtype
        texts = rules.missing(texts)
        if wanted in (str, "str", "string", object) or (features is not None and _is_string(features.get(name))):
            arrays[name] = texts
            continue
        arrays[name] = made = _values(texts, rules)
        if pa.types.is_null(made.type):
            unseen.add(name)
        elif name in unseen and pa.types.is_integer(made.type):
            arrays[name] = made.cast(pa.float64())
    if index_col is not None and index_col is not False:
        key = table.column_names[index_col] if isinstance(index_col, int) else index_col
        arrays[key] = arrays.pop(key)
    if features is not None:
        arrays = {name: arrays[name] for name in features if name in arrays}
    return pa.table(arrays)


def _is_string(feature: Any) -> bool:
    return getattr(feature, "dtype", None) in ("string", "large_string")


def _values(texts: pa.ChunkedArray, rules: _Rules) -> pa.ChunkedArray:
    """A column of text in the type that pandas gives it."""
    if texts.null_count == len(texts):
        return pa.chunked_array([pa.nulls(len(texts))])
    numbers = _numbers(texts, rules)
    if numbers is not None:
        return numbers
    if _first(texts) in rules.words:
        yes, no = pc.is_in(texts, rules.yes), pc.is_in(texts, rules.no)
        if pc.all(pc.or_(pc.or_(yes, no), texts.is_null())).as_py():
            return pc.if_else(texts.is_null(), pa.scalar(None, pa.bool_()), yes)
    return texts


def _first(texts: pa.ChunkedArray) -> str:
    return next((one.as_py() for one in texts if one.is_valid), "")


def _numbers(texts: pa.ChunkedArray, rules: _Rules) -> pa.ChunkedArray | None:
    if rules.thousands:
        looks = pc.match_substring_regex(
            texts, rf"^\s*[+-]?\d[\d{re.escape(rules.thousands)}]*({re.escape(rules.decimal)}\d*)?\s*$"
        )
        if pc.all(looks).as_py():
            texts = pc.replace_substring(texts, rules.thousands, "")
    if rules.decimal != ".":
        if pc.any(pc.match_substring(texts, ".")).as_py():
            return None
        texts = pc.replace_substring(texts, rules.decimal, ".")
    head = _first(texts)
    if not re.match(
        r"\s*[+-]?(\d|\.\d|inf|nan)", head, re.I
    ):  # a cast that fails is slow: Arrow words an error for each value
        return None
    for trimmed in (texts, None):
        if trimmed is None:  # once more without spaces and plus signs, if that is all that was in the way
            trimmed = pc.replace_substring_regex(pc.utf8_trim_whitespace(texts), r"^\+", "")
        if not re.match(r"\s*[+-]?\d+\s*$|0[xX]", head):
            try:
                return trimmed.cast(pa.float64())
            except pa.ArrowInvalid:
                continue
        try:
            made = trimmed.cast(pa.int64())
            if pc.any(pc.or_(pc.match_substring(trimmed, "x"), pc.match_substring(trimmed, "X"))).as_py():
                return None  # hexadecimal is text
            return made.cast(pa.float64()) if made.null_count else made
        except pa.ArrowInvalid:
            pass
        if pc.all(pc.match_substring_regex(trimmed, r"^-?\d+$")).as_py():
            try:
                made = trimmed.cast(pa.uint64())
                return made.cast(pa.float64()) if made.null_count else made
            except pa.ArrowInvalid:
                if not texts.null_count:
                    return None  # whole numbers beyond 64 bits stay text
        try:
            return trimmed.cast(pa.float64())
        except pa.ArrowInvalid:
            pass
    return None


def _bad(error: Exception, head: bytes, name: str) -> Exception:
    """Arrow's error in words that say what to do."""
    if "UTF8" in str(error) or "utf" in str(error).lower():
        try:
            head.decode("utf-8")
        except UnicodeDecodeError as wrong:
            return UnicodeDecodeError(
                "utf-8",
                wrong.object,
                wrong.start,
                wrong.end,
                f"{wrong.reason} in {name!r}; give encoding='latin-1', or what it is",
            )
    return ValueError(f"{name!r}: {error}")
