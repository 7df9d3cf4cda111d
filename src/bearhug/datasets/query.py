"""SQL over data sets: their Arrow tables are handed to duckdb as they lie in memory, the answer is a new data set.

A column that the query only hands on (by its name, by `*`, or under another name) keeps its feature: labels stay
labels, images stay images. Whether it was handed on is read from the parsed query; what is computed, summed up or
joined from different features gets the plain feature of its values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from bearhug._lib.errors import near
from bearhug.datasets.arrow import cast, unwrap
from bearhug.datasets.features import Feature, Features

if TYPE_CHECKING:
    from bearhug.datasets.dataset import Dataset

SETTINGS = (  # nothing is fetched, and no variable of the caller's is taken for a table
    "set autoinstall_known_extensions=false",
    "set autoload_known_extensions=false",
    "set python_enable_replacements=false",
    "set enable_progress_bar=false",
)


def sql(tables: Mapping[str, Dataset], query: str, params: Any = None) -> Dataset:
    """Run one `select` over data sets.

    Args:
        tables: name in the query -> data set.
        query: one statement that gives rows, in duckdb's SQL.
        params: values for `?` (a list) or `$name` (a dict) in the query.

    Returns:
        The rows of the answer, in memory.

    Raises:
        ImportError: duckdb is not installed.
        ValueError: the query is not one that gives rows, or is wrong; the message shows the place.
        TypeError: the query is no text, or a table is no Dataset.
    """
    from bearhug.datasets.dataset import Dataset

    try:
        import duckdb
    except ImportError:
        raise ImportError("sql needs duckdb; install it with: pip install 'bearhug[sql]'") from None
    if not isinstance(query, str):
        raise TypeError(f"sql takes a query as text, not {type(query).__name__}: ds.sql('select * from self limit 3').")
    connection = duckdb.connect(":memory:")
    try:
        for setting in SETTINGS:
            connection.execute(setting)
        for name, one in tables.items():
            if not isinstance(one, Dataset):
                raise TypeError(f"the table {name!r} is a {type(one).__name__}; sql reads Datasets.")
            connection.register(name, _readable(one))
        try:
            _only_rows(connection, duckdb, query)
            answer = connection.sql(query, params=params)
            table = unwrap(answer.to_arrow_table())
        except duckdb.Error as error:
            raise ValueError(_told(_placed(connection, duckdb, query, params, error), tables)) from None
        features = _features(connection, query, tables, table)
    finally:
        connection.close()
    columns = [cast(table[name], feature) for name, feature in features.items()]
    first = next(iter(tables.values()))
    key = first._key.then("sql", query, params, *[[name, one._fingerprint] for name, one in tables.items()])
    out = Dataset(pa.table(columns, schema=features.arrow_schema), split=first._split, fingerprint=key)
    out._steps = (*first._steps, (f"sql({' '.join(query.split())!r:.200})", key))
    return out


def _readable(dataset: Dataset) -> pa.Table:
    """The chosen rows as Arrow; half floats, which duckdb does not know, as floats."""
    table = dataset._table_of(range(len(dataset)))
    for i, field in enumerate(table.schema):
        if pa.types.is_float16(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(pa.float32()))
    return table


def _only_rows(connection: Any, duckdb: Any, query: str) -> None:
    """Raises ValueError where the text is not one statement that gives rows."""
    found = connection.extract_statements(query)
    kinds = [one.type.name for one in found]
    if len(found) == 1 and found[0].type == duckdb.StatementType.SELECT:
        return
    given = f"{len(kinds)} statements" if len(kinds) != 1 else f"a statement of the kind {kinds[0]}"
    raise ValueError(
        f"sql takes one select, and was given {given}; a data set is not changed: ds2 = ds.sql('select …')."
    )


def _placed(connection: Any, duckdb: Any, query: str, params: Any, error: Exception) -> str:
    """The message with the line and the place, which relations leave out of it."""
    if "\nLINE " not in str(error):
        try:
            connection.execute(query, params)
        except duckdb.Error as again:
            return str(again)
    return str(error)


def _told(message: str, tables: Mapping[str, Dataset]) -> str:
    """duckdb's message, which shows the place in the query, and what there is to choose from."""
    lines = [f"the query is wrong. {message}"]
    for name, one in list(tables.items())[:8]:
        shown = ", ".join(one.column_names[:30]) + (", …" if len(one.column_names) > 30 else "")
        lines.append(f"The table {name} has the columns {shown}.")
    return "\n".join(lines)


# ---- which columns are handed on


def _features(connection: Any, query: str, tables: Mapping[str, Dataset], table: pa.Table) -> Features:
    """The answer's features: those of the columns that are handed on, else those of the values."""
    made, renamed = _names(connection, query)
    sources: dict[str, list[tuple[Feature, pa.DataType]]] = {}
    for name, one in tables.items():
        quoted = name.replace('"', '""')
        schema = connection.sql(f'select * from "{quoted}" limit 0').to_arrow_table().schema
        for field in schema:
            sources.setdefault(field.name, []).append((one.features[field.name], field.type))
    out = {}
    for field in table.schema:
        candidates = [] if made is None else _candidates(field.name, made, renamed)
        found = [feature for name in candidates for feature, kind in sources.get(name, []) if kind == field.type]
        if found and all(one == found[0] for one in found[1:]) and _fits(table[field.name], found[0]):
            out[field.name] = found[0]
        else:
            out[field.name] = _plain(table[field.name], field.name)
    return Features(out)


def _candidates(name: str, made: set[str], renamed: dict[str, set[str]]) -> set[str]:
    """The columns of the tables that a column of the answer may be."""
    todo, seen = [name], set()
    while todo:
        one = todo.pop()
        if one in made:
            return set()
        if one not in seen:
            seen.add(one)
            todo += renamed.get(one, ())
    return seen


def _fits(array: pa.ChunkedArray, feature: Feature) -> bool:
    try:
        cast(array, feature)
    except (TypeError, ValueError, pa.ArrowException):
        return False
    return True


def _plain(array: pa.ChunkedArray, name: str) -> Feature:
    kind = array.type
    if pa.types.is_decimal(kind) and kind.scale == 0:  # sums of integers are wider than any integer of Arrow
        whole = Features({name: _feature(pa.int64(), name)})[name]
        return whole if _fits(array, whole) else _feature(pa.float64(), name)
    return _feature(kind, name)


def _feature(kind: pa.DataType, name: str) -> Feature:
    try:
        return Features.from_arrow_schema(pa.schema([pa.field(name, kind)]))[name]
    except (TypeError, ValueError):
        raise ValueError(
            f"the column {name!r} of the answer is of the type {kind}, which no feature holds; "
            f'write it as text in the query: "{name}"::varchar.'
        ) from None


def _names(connection: Any, query: str) -> tuple[set[str] | None, dict[str, set[str]]]:
    """The names that stand for something computed (None: cannot be told), and alias -> columns that it stands for."""
    import duckdb

    try:
        parsed = json.loads(connection.execute("select json_serialize_sql($1)", [query]).fetchall()[0][0])
    except duckdb.Error:
        return None, {}
    if parsed.get("error"):
        return None, {}
    made: set[str] = set()
    renamed: dict[str, set[str]] = {}
    for node in _walk(parsed["statements"]):
        alias = node.get("alias") or ""
        if node.get("class") == "COLUMN_REF":
            if alias:
                renamed.setdefault(alias, set()).add(node["column_names"][-1])
        elif "class" in node and alias:
            made.add(alias)
        made |= {one["key"] for one in node.get("replace_list") or ()}
        for one in node.get("rename_list") or ():
            renamed.setdefault(one["value"], set()).add(_last(one["key"]))
        made |= set(node.get("column_name_alias") or ()) | set(node.get("aliases") or ())
        if node.get("type") == "SET_OPERATION_NODE" and not _only_columns(node):
            return None, {}  # the same place holds a column here and a value there
        if node.get("type") in ("PIVOT", "UNPIVOT"):
            return None, {}
    return made, renamed


def _last(key: Any) -> str:
    return key["column"] if isinstance(key, dict) else str(key)


def _only_columns(node: dict) -> bool:
    """Whether every part of a union takes the same columns, in the same order, by their names or by `*`."""
    parts = [
        one for one in _walk([node]) if one is not node and one.get("type") == "SELECT_NODE" and "select_list" in one
    ]
    names = []
    for part in parts:
        kinds = [item.get("class") for item in part["select_list"]]
        if set(kinds) - {"COLUMN_REF", "STAR"}:
            return False
        names.append([item.get("column_names", ["*"])[-1] for item in part["select_list"]])
    return all(one == names[0] for one in names[1:])


def _walk(node: Any) -> Iterator[dict]:
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from _walk(one)


def named(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Tables under names that are text.

    Raises:
        ValueError: two names are the same to SQL, which does not tell capitals apart.
    """
    out: dict[str, Any] = {}
    for name, one in tables.items():
        twin = next((other for other in out if other.lower() == str(name).lower()), None)
        if twin is not None and out[twin] is not one:
            raise ValueError(
                f"two tables have the name {str(name)!r}.{near(str(name), list(out))} Give one another name."
            )
        if twin is None:
            out[str(name)] = one
    return out
