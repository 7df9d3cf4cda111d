"""What a model wrote -> a message: its reasoning, content and tool calls, each in its own field.

A *response template* says which delimiters open and close each field, and how its text is read:

    {"start_anchor": "<|im_start|>assistant\\n",
     "defaults": {"role": "assistant"},
     "fields": {
        "thinking": {"open": "<think>", "close": "</think>"},
        "tool_calls": {"open": "<tool_call>", "close": "</tool_call>", "content": "json", "repeats": True,
                       "transform": {"type": "function", "function": "{content}"}},
        "content": {"close": "<|im_end|>"}}}

The field without `open` takes all that stands in no other. `ResponseParser` reads text as it comes and tells what opens
and closes; `parse` reads a whole one. A template is data from a model's repository: its patterns are expressions of
`regex`, and nothing in it runs.
"""

from __future__ import annotations

import copy
import json
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import regex

from bearhug._lib.errors import near
from bearhug.tokenizers.chat import tool_schemas

logger = logging.getLogger(__name__)

Event = dict[str, Any]
SECONDS = 10.0  # of one search: patterns come from strangers


class Delimiter(NamedTuple):
    """A pattern, and the texts that it stands for where it was given as texts."""

    pattern: Any
    literals: list[str] | None

    def may_grow(self, match: Any, size: int) -> bool:
        """Whether a match at the end of what has come could still become another one."""
        if match.end() != size:
            return False
        if match.start() == match.end() or self.literals is None:
            return True
        return any(a != b and b.startswith(a) for a in self.literals for b in self.literals)


@dataclass
class Field:
    """One field of a message."""

    name: str
    open: Delimiter | None
    close: Delimiter | None
    content: str = "text"
    content_args: Mapping[str, Any] | None = None
    repeats: bool = False
    join: str | None = None
    optional: bool = True
    transform: Any = None
    transform_each: bool = False


FIELD_KEYS = {"open", "open_pattern", "close", "close_pattern", "content", "content_args", "repeats", "join"}
FIELD_KEYS |= {"optional", "transform", "transform_each"}
TEMPLATE_KEYS = {"version", "defaults", "fields", "start_anchor", "start_anchor_pattern"}


@dataclass
class ResponseTemplate:
    """A response template, checked and compiled."""

    start: Delimiter
    fields: dict[str, Field]
    defaults: dict[str, Any]

    @property
    def rest(self) -> str | None:
        """The field that takes what stands in no other."""
        return next((name for name, field in self.fields.items() if field.open is None), None)


def compiled(template: Mapping[str, Any] | ResponseTemplate) -> ResponseTemplate:
    """A template ready to use.

    Raises:
        ValueError: it does not hold together.
    """
    if isinstance(template, ResponseTemplate):
        return template
    if not isinstance(template, Mapping):
        raise ValueError(f"a response template is a dict; got {type(template).__name__}.")
    if (version := template.get("version", 1)) != 1:
        raise ValueError(f"this response template is of version {version}; known is 1.")
    _refuse_unknown(template, TEMPLATE_KEYS, "the response template")
    defaults, raw = template.get("defaults", {}), template.get("fields", {})
    if not isinstance(defaults, dict):
        raise ValueError("defaults of a response template must be a dict, field -> value.")
    if not isinstance(raw, dict) or not raw:
        raise ValueError("fields of a response template must be a dict with at least one field.")
    fields = {name: _field(name, said) for name, said in raw.items()}
    rest = [name for name, field in fields.items() if field.open is None]
    if len(rest) > 1:
        raise ValueError(
            f"the fields {', '.join(rest)} have neither 'open' nor 'open_pattern'; only one can take what stands in "
            "no other."
        )
    start = _delimiter("the response template", template, "start_anchor")
    if start is None:
        raise ValueError(
            "the response template needs 'start_anchor' or 'start_anchor_pattern': where the answer begins."
        )
    return ResponseTemplate(start, fields, copy.deepcopy(defaults))


def _refuse_unknown(given: Mapping, known: set[str], where: str) -> None:
    if unknown := sorted(set(given) - known):
        raise ValueError(f"{where} has the unknown key {unknown[0]!r}.{near(unknown[0], known)}")


def _delimiter(where: str, said: Mapping[str, Any], key: str) -> Delimiter | None:
    """`key` (a text or several) or `key`_pattern (an expression), compiled; the longest of several goes first."""
    if key in said and f"{key}_pattern" in said:
        raise ValueError(f"{where} has both {key!r} and '{key}_pattern'; it can have one of them.")
    if key in said:
        literals = [said[key]] if isinstance(said[key], str) else said[key]
        if not isinstance(literals, list) or not literals or not all(isinstance(one, str) and one for one in literals):
            raise ValueError(f"{key!r} of {where} must be a text, or a list of texts, none of them empty.")
        pattern = "|".join(regex.escape(one) for one in sorted(set(literals), key=len, reverse=True))
        return Delimiter(regex.compile(pattern, regex.DOTALL), literals)
    if f"{key}_pattern" not in said:
        return None
    try:
        return Delimiter(regex.compile(said[f"{key}_pattern"], regex.DOTALL), None)
    except regex.error as problem:
        raise ValueError(f"'{key}_pattern' of {where} is no regular expression: {problem}.") from None


def _field(name: str, said: Any) -> Field:
    where = f"the field {name!r}"
    if not isinstance(said, dict):
        raise ValueError(f"{where} must be a dict.")
    _refuse_unknown(said, FIELD_KEYS, where)
    field = Field(name, _delimiter(where, said, "open"), _delimiter(where, said, "close"))
    for key in ("content", "content_args", "repeats", "join", "optional", "transform", "transform_each"):
        if key in said:
            setattr(field, key, said[key])
    if field.content not in READERS:
        raise ValueError(
            f"{where}: content is {field.content!r}.{near(field.content, READERS)} Known: {', '.join(READERS)}."
        )
    if field.join is not None and not (isinstance(field.join, str) and field.repeats):
        raise ValueError(f"{where}: 'join' is a text between repeated values, and needs 'repeats': true.")
    if not isinstance(field.transform_each, bool) or (field.transform_each and field.transform is None):
        raise ValueError(f"{where}: 'transform_each' is true or false, and needs a 'transform'.")
    if field.transform is None:
        named = [group for part in (field.open, field.close) if part is not None for group in part.pattern.groupindex]
        if named:
            raise ValueError(f"{where} names the group {named[0]!r} in a pattern, and has no 'transform' that uses it.")
    for text in _texts(field.transform):
        if PLACEHOLDER.search(text) and not PLACEHOLDER.fullmatch(text):
            raise ValueError(
                f"{where}: {text!r} in 'transform' mixes a {{placeholder}} with other text; a text is one or the other."
            )
    return field


def _texts(value: Any) -> Iterator[str]:
    """Every text in a nest of dicts and lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


# -- a field's text -> its value


def _text(text: str, args: Mapping) -> str:
    return text.strip() if args.get("strip", True) else text


def _json(text: str, args: Mapping) -> Any:
    """JSON, and what models write for it: bare keys, texts between marks of their own."""
    marks = args.get("string_delims", [])
    if marks and ("\x01" in text or "\x02" in text):
        raise ValueError("json: the text holds the characters \\x01 or \\x02, which mark texts while it is read.")
    kept: list[str] = []

    def keep(match: Any) -> str:
        kept.append(match[1])
        return f"\x01{len(kept) - 1}\x02"

    written = text
    for left, right in marks:
        written = regex.sub(f"{regex.escape(left)}(.*?){regex.escape(right)}", keep, written, flags=regex.DOTALL)
    if args.get("unquoted_keys", False):
        written = regex.sub(r"(?<=[{,])(\w+):", r'"\1":', written)
    for i, inner in enumerate(kept):
        written = written.replace(f"\x01{i}\x02", json.dumps(inner))
    try:
        return json.loads(written)
    except json.JSONDecodeError as problem:
        if args.get("allow_non_json"):
            return _text(text, args)
        read_as = "" if written == text else f"\nRead as: {written!r}"
        raise ValueError(f"the model wrote no JSON where it should: {problem}.\nIt wrote: {text!r}{read_as}") from None


def _tags(text: str, args: Mapping) -> dict:
    """<key>value</key> ...: what `tag_pattern` finds, by its groups `key` and `value`."""
    if (pattern := args.get("tag_pattern")) is None:
        raise ValueError("xml-inline: content_args needs a 'tag_pattern' with the groups key and value.")
    found: dict[str, Any] = {}
    for match in regex.finditer(pattern, text, flags=regex.DOTALL):
        groups = match.groupdict()
        if (key := groups.get("key")) is None:
            raise ValueError(f"xml-inline: the tag_pattern {pattern!r} needs a group named key.")
        value = _inner(groups.get("value", ""), args.get("value_parser"))
        if key in found and args.get("merge_duplicates", False):
            found[key] = [*(found[key] if isinstance(found[key], list) else [found[key]]), value]
        else:
            found[key] = value
    return found


def _lines(text: str, args: Mapping) -> dict:
    """A key and a value on each line."""
    between = args.get("kv_sep", ":")
    found = {}
    for line in text.split(args.get("line_sep", "\n")):
        line = _text(line, args)
        if line and between in line:
            key, value = line.split(between, 1)
            found[_text(key, args)] = _inner(_text(value, args), args.get("value_parser"))
    return found


def _inner(text: str, parser: Mapping | None) -> Any:
    return text if parser is None else READERS[parser.get("name", "text")](text, parser.get("args", {}))


READERS: dict[str, Callable[[str, Mapping], Any]] = {
    "text": _text,
    "int": lambda text, args: int(_text(text, args)),
    "float": lambda text, args: float(_text(text, args)),
    "bool": lambda text, args: _text(text, args).lower() in ("true", "1"),
    "json": _json,
    "xml-inline": _tags,
    "kv-lines": _lines,
}
# Of these, each part that comes is a part of the value; the others have a value only when they close.
COMES_IN_PARTS = ("text", "int", "float", "bool")
PLACEHOLDER = regex.compile(r"\{(\w+(?:\.\w+)*)\}")


def _value(text: str, field: Field, captures: Mapping[str, str]) -> Any:
    value = READERS[field.content](text, field.content_args or {})
    if field.transform is None:
        return value
    if not field.transform_each:
        return _filled(field.transform, {**captures, "content": value})
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError(
            f"the field {field.name!r}: transform_each needs a list of dicts; the model wrote {value!r:.80}."
        )
    return [_filled(field.transform, {**captures, **item}) for item in value]


def _filled(transform: Any, names: Mapping[str, Any]) -> Any:
    """The transform with `{name.key}` replaced by what that names.

    Raises:
        KeyError: nothing has that name.
        ValueError: it has no such key.
    """
    if isinstance(transform, dict):
        return {key: _filled(inner, names) for key, inner in transform.items()}
    if isinstance(transform, list):
        return [_filled(inner, names) for inner in transform]
    match = PLACEHOLDER.fullmatch(transform) if isinstance(transform, str) else None
    if match is None:
        return transform
    first, *keys = match[1].split(".")
    if first not in names:
        raise KeyError(f"'{{{match[1]}}}' in a transform: there is no {first!r}, only {', '.join(sorted(names))}.")
    value = names[first]
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            has = f"only {', '.join(map(str, value))}" if isinstance(value, dict) else f"it is {value!r:.60}"
            raise ValueError(f"'{{{match[1]}}}' in a transform: there is no {key!r}, {has}.")
        value = value[key]
    return value


# -- arguments of tool calls, by the tools' schemas


def _properties(tools: Sequence[dict | Callable] | None) -> dict[str, dict]:
    """Tool -> its arguments' schemas."""
    found = {}
    for tool in tools or []:
        if not isinstance(tool, dict) and not callable(tool):
            continue
        (schema,) = tool_schemas([tool]) or [{}]
        function = schema.get("function", schema)
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            parameters = function.get("parameters")
            properties = parameters.get("properties") if isinstance(parameters, dict) else None
            found[function["name"]] = properties if isinstance(properties, dict) else {}
    return found


def _types(schema: Any) -> list[str]:
    """The JSON types that a schema allows, in its order."""
    if not isinstance(schema, dict):
        return []
    said = schema.get("type")
    types = [said] if isinstance(said, str) else [one for one in said or [] if isinstance(one, str)]
    for choice in [*(schema.get("anyOf") or []), *(schema.get("oneOf") or [])]:
        types += _types(choice)
    return [*types, "null"] if schema.get("nullable") and "null" not in types else types


def _cast(text: str, types: Sequence[str]) -> Any:
    """The text as the first of these types that it can be; else as it is."""
    for name in types:
        try:
            if name in CASTS:
                return CASTS[name](text)
        except ValueError:
            continue
    return text


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        if not (number := float(text)).is_integer():
            raise
        return int(number)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return int(number) if number.is_integer() and "." not in text else number


def _one_of(text: str, *values: tuple[tuple[str, ...], Any]) -> Any:
    for words, value in values:
        if text in words:
            return value
    raise ValueError(text)


def _of_kind(text: str, kind: type) -> Any:
    value = json.loads(text)
    if not isinstance(value, kind):
        raise ValueError(text)
    return value


CASTS: dict[str, Callable[[str], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": lambda text: _one_of(text.strip().lower(), (("true", "1"), True), (("false", "0"), False)),
    "null": lambda text: _one_of(text.strip(), (("null", "None"), None)),
    "object": lambda text: _of_kind(text, dict),
    "array": lambda text: _of_kind(text, list),
}


# -- the parser


def parse(
    text: str, template: Mapping | ResponseTemplate, *, prefix: str, tools: Sequence[dict | Callable] | None = None
) -> dict[str, Any]:
    """A whole answer -> its message; see `ResponseParser`."""
    parser = ResponseParser(template, prefix=prefix, tools=tools)
    parser.feed(text)
    return parser.finalize()[0]


class ResponseParser:
    """Reads an answer as it is written, and tells which fields open, grow and close.

    >>> template = {"start_anchor": "A:", "fields": {"thinking": {"open": "<t>", "close": "</t>"}, "content": {}}}
    >>> parser = ResponseParser(template, prefix="Q: one and one? A:")
    >>> [event["type"] for event in parser.feed("<t>easy</t>two")]
    ['region_open', 'region_chunk', 'region_close', 'region_open', 'region_chunk']
    >>> parser.finalize()[0]
    {'thinking': 'easy', 'content': 'two'}

    Args:
        template: a response template.
        prefix: the prompt; what stands behind its last start anchor is the beginning of the answer. "" for none.
        tools: as in `apply_chat_template`: arguments of their calls become numbers, lists and so on by their schemas.

    Attributes:
        initial_events: what the prefix has opened and closed.

    Raises:
        ValueError: no prefix, or a template that does not hold together.
    """

    def __init__(
        self,
        response_template: Mapping | ResponseTemplate,
        prefix: str | None = None,
        *,
        tools: Sequence[dict | Callable] | None = None,
    ):
        self._template = compiled(response_template)
        if prefix is None:
            raise ValueError(
                "parsing an answer needs prefix=, the prompt before it: a chat template may have begun the answer "
                'already (with <think>, say).\nWhere it has not, pass prefix="".'
            )
        self._tools = _properties(tools)
        self._message = copy.deepcopy(self._template.defaults)
        self._text, self._at = "", 0
        self._field = self._template.rest  # where what comes goes; None: nowhere
        self._is_open, self._body, self._captures = False, "", {}
        self._done = False
        self.initial_events: list[Event] = []
        if prefix:
            starts = [match.end() for match in self._template.start.pattern.finditer(prefix, timeout=SECONDS)]
            if not starts:
                logger.info("the prompt holds no start anchor of the response template; all of it is read")
            self._text = prefix[starts[-1] :] if starts else prefix
            self._read(self.initial_events, at_end=False)

    def feed(self, text: str) -> list[Event]:
        """More of the answer -> what it opened (`region_open`), added to (`region_chunk`) and closed (`region_close`).

        Raises:
            RuntimeError: it was finalized.
            ValueError: what a field holds is not of its kind.
        """
        return self._events(text, at_end=False)

    def finalize(self) -> tuple[dict[str, Any], list[Event]]:
        """The message, and the last events; fields that stayed empty are left out.

        Raises:
            RuntimeError: it was finalized.
            ValueError: a field that is not optional is missing.
        """
        events = self._events("", at_end=True)
        missing = [
            name for name, field in self._template.fields.items() if not (field.optional or name in self._message)
        ]
        if missing:
            raise ValueError(f"the answer lacks the field {missing[0]!r}, which is not optional.")
        kept = {
            name: value
            for name, value in self._message.items()
            if name in self._template.defaults or not (value is None or value in ("", [], {}))
        }
        self._message, self._done = kept, True
        return kept, events

    def _events(self, text: str, at_end: bool) -> list[Event]:
        if self._done:
            raise RuntimeError("this answer was finalized; a new one needs a new parser.")
        self._text += text
        events: list[Event] = []
        self._read(events, at_end)
        return events

    def _read(self, events: list[Event], at_end: bool) -> None:
        empty: set[tuple] = set()
        while True:
            found, safe = self._next(at_end)
            if found is None:
                self._add(events, self._text[self._at : safe])
                self._at = max(self._at, safe)
                if at_end:
                    self._close(events)
                return
            field, opens, match = found
            if match.start() == match.end():
                if (place := (match.start(), field.name, opens)) in empty:
                    raise ValueError(f"the delimiters of the field {field.name!r} match nothing, again and again.")
                empty.add(place)
            self._add(events, self._text[self._at : match.start()])
            self._at = match.end()
            was_open = self._is_open
            if not (opens or was_open) and match.start() == match.end():
                return  # nothing was open, and nothing is taken away: it would be found for ever
            self._close(events)
            if opens:
                self._field, self._is_open, self._body = field.name, True, ""
                self._captures = {name: text for name, text in match.groupdict().items() if text is not None}
                events.append({"type": "region_open", "field": field.name})

    def _next(self, at_end: bool) -> tuple[tuple[Field, bool, Any] | None, int]:
        """The next delimiter that is sure, as (field, whether it opens it, match), and up to where all is sure."""
        best, best_key, safe = None, None, len(self._text)
        for field, opens, delimiter in self._watched():
            match = delimiter.pattern.search(self._text, self._at, partial=not at_end, timeout=SECONDS)
            if match is None:
                continue
            if not at_end and (match.partial or delimiter.may_grow(match, len(self._text))):
                safe = min(safe, match.start())
                continue
            key = (match.start(), match.start() - match.end(), not opens, field.name)
            if best_key is None or key < best_key:
                best, best_key = (field, opens, match), key
        if best is not None and best[2].start() >= safe:
            best = None
        return best, safe

    def _watched(self) -> Iterator[tuple[Field, bool, Delimiter]]:
        """In a field, what closes it; else what opens one, and what closes the rest."""
        rest = self._template.rest
        if self._field != rest and self._field is not None:
            field = self._template.fields[self._field]
            if field.close is not None:
                yield field, False, field.close
            return
        for field in self._template.fields.values():
            if field.open is not None:
                yield field, True, field.open
            elif field.close is not None:
                yield field, False, field.close

    def _add(self, events: list[Event], text: str) -> None:
        if not text or self._field is None:
            return
        if not self._is_open:
            events.append({"type": "region_open", "field": self._field})
            self._is_open = True
        self._body += text
        dirty = self._template.fields[self._field].content not in COMES_IN_PARTS
        events.append({"type": "region_chunk", "field": self._field, "text": text, "dirty": dirty})

    def _close(self, events: list[Event]) -> None:
        if self._field is not None and self._is_open:
            field = self._template.fields[self._field]
            value = _value(self._body, field, self._captures)
            if self._tools:
                value = self._typed(value)
            self._keep(field, value)
            events.append({"type": "region_close", "field": field.name, "value": value})
        self._field, self._is_open, self._body, self._captures = self._template.rest, False, "", {}

    def _keep(self, field: Field, value: Any) -> None:
        if field.join is not None:
            if not isinstance(value, str):
                raise ValueError(f"the field {field.name!r} joins texts, and the model wrote {value!r:.60}.")
            before = self._message.get(field.name)
            self._message[field.name] = value if before is None else before + field.join + value
        elif field.repeats:
            self._message.setdefault(field.name, []).append(value)
        else:
            self._message[field.name] = value

    def _typed(self, value: Any) -> Any:
        """A tool call, or a list of them, with arguments of the types that the tool's schema says."""
        if isinstance(value, list):
            return [self._typed(item) for item in value]
        function = value.get("function") if isinstance(value, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("arguments"), dict):
            return value
        name, arguments = function.get("name"), function["arguments"]
        for key, schema in (self._tools.get(name, {}) if isinstance(name, str) else {}).items():
            if (types := _types(schema)) and key in arguments:
                argument = arguments[key]
                if isinstance(argument, str):
                    arguments[key] = _cast(argument, types)
                elif isinstance(argument, list) and "array" not in types:  # one argument, written several times
                    arguments[key] = [_cast(item, types) if isinstance(item, str) else item for item in argument]
        return value
