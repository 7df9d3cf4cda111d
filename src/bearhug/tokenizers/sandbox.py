"""Where a chat template runs: Jinja's immutable sandbox, with a clock and a bound on how large a value may grow.

A template comes with a model, from anybody. The sandbox keeps it from Python's insides; the clock ends what would never
end (nested loops, macros that call each other), the bound ends what would fill the memory (a text doubled forty times).
Both speak as jinja2's TemplateRuntimeError. The dialect is the one that chat templates are written in: blocks are
trimmed, `break` and `continue` work, `tojson` does not escape, and there are raise_exception, strftime_now and {%
generation %}.
"""

from __future__ import annotations

import functools
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError, TemplateError, TemplateRuntimeError, UndefinedError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeVisitor

SECONDS = 10.0  # a conversation of thousands of messages renders in a fraction of one
SIZE = 20_000_000  # characters of a text, elements of a list
BITS = 10_000  # of a number


class _Run(threading.local):
    """One rendering, in one thread: when it must end, what it has written, which spans the model wrote."""

    deadline = float("inf")
    steps = 0
    written = 0
    spans: list[tuple[int, int]] | None = None


_run = _Run()


def _step() -> None:
    _run.steps += 1
    if _run.steps % 64 == 0 and time.monotonic() > _run.deadline:
        raise TemplateRuntimeError(
            f"the chat template was still running after {SECONDS:g} seconds, after {_run.steps:,} loops and calls; it "
            "was stopped. A template should only format messages: look for nested loops, or macros that call "
            "themselves."
        )


def _too_large(size: float) -> TemplateRuntimeError:
    return TemplateRuntimeError(
        f"the chat template makes a value of size {size:.3g}, and {SIZE:,} is the most; it was stopped. "
        "Look for a text or list that is doubled or multiplied in a loop."
    )


def _size(value: Any) -> int:
    if isinstance(value, str | bytes | list | tuple | dict):
        return len(value)
    return value.bit_length() * (SIZE // BITS) if isinstance(value, int) else 0


def _bounded(value: Any) -> Any:
    """The value itself, when it is not too large."""
    if (size := _size(value)) > SIZE:
        raise _too_large(size)
    return value


class _Watched:
    """What a `for` runs over, counting its steps."""

    def __init__(self, items: Iterable):
        self.items = items

    def __iter__(self) -> Iterator:
        for item in self.items:
            _step()
            yield _bounded(item)

    def __len__(self) -> int:
        return len(self.items)  # pyright: ignore[reportArgumentType]


class _WatchEverythingThatGrows(NodeVisitor):
    """Puts a watch on each loop, and a bound on each value that gets a name."""

    def visit_For(self, node: nodes.For) -> None:
        node.iter = _filtered(node.iter, "watched")
        self.generic_visit(node)

    def visit_Assign(self, node: nodes.Assign) -> None:
        node.node = _filtered(node.node, "bounded")
        self.generic_visit(node)

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> None:
        node.filter = _filtered(node.filter, "bounded")
        self.generic_visit(node)

    def visit_With(self, node: nodes.With) -> None:
        node.values = [_filtered(value, "bounded") for value in node.values]
        self.generic_visit(node)


def _filtered(node: nodes.Node | None, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None)


def _guard_growth(value: Any, name: str, arguments: tuple, keywords: dict) -> None:
    """Refuse a filter or text method whose arguments say that its result is too large, before it is made."""
    given = [*arguments, *keywords.values()]
    for number in given:
        if isinstance(number, int) and abs(number) > SIZE:
            raise _too_large(abs(number))
    if name == "format" and isinstance(value, str) and re.search(r"\d{8,}", value):
        raise _too_large(max(float(number) for number in re.findall(r"\d{8,}", value)))
    if name == "replace" and len(given) >= 2 and isinstance(value, str):
        old, new = str(given[0]), str(given[1])
        if (size := len(value) + value.count(old) * len(new)) > SIZE:
            raise _too_large(size)


def _guarded(name: str, function: Callable) -> Callable:
    """A filter that counts as a step, and whose result is bounded."""
    first = 1 if hasattr(function, "jinja_pass_arg") else 0  # after the context, where the filter asks for it

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        _step()
        if name not in ("default", "d") and len(args) > first:
            _guard_growth(args[first], name, args[first + 1 :], kwargs)
        if name == "join" and len(args) > first:
            args = _join_guard(args, first)
        return _bounded(function(*args, **kwargs))

    return guarded


def _join_guard(args: tuple, first: int) -> tuple:
    items = list(args[first])
    separator = str(args[first + 1]) if len(args) > first + 1 else ""
    size = sum(_size(item) for item in items if isinstance(item, str)) + len(items) * len(separator)
    if size > SIZE:
        raise _too_large(size)
    return (*args[:first], items, *args[first + 1 :])


class _Generation(Extension):
    """{% generation %} ... {% endgeneration %}: what the assistant wrote, whose place in the text is kept."""

    tags = {"generation"}  # noqa: RUF012 - the attribute that jinja2 reads

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_keep_span"), [], [], body).set_lineno(line)

    def _keep_span(self, caller: Callable[[], str]) -> str:
        text = caller()
        if _run.spans is not None:
            _run.spans.append((_run.written, _run.written + len(text)))
        return text


class _Dict:
    """`dict(...)` and `dict.fromkeys(...)`, without the rest of Python's type."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any) -> dict:
        return dict.fromkeys(*args)


class _Namespace(Namespace):
    """`namespace(...)`, whose names may not start with an underscore."""

    def __init__(*args: Any, **kwargs: Any):
        self, *rest = args
        values = dict(*rest, **kwargs)
        for name in values:
            _refuse_private(name)
        Namespace.__init__(self, values)

    def __setitem__(self, name: str, value: Any) -> None:
        _refuse_private(name)
        super().__setitem__(name, value)


def _refuse_private(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(
            f"a chat template may not set {name!r} on a namespace: names there have no leading underscore."
        )


def _raise_exception(message: str) -> None:
    raise TemplateError(message)


def _to_json(
    value: Any, ensure_ascii: bool = False, indent: int | None = None, separators=None, sort_keys=False
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _strftime_now(format: str) -> str:
    return datetime.now().strftime(format)


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self):
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
        self.filters["tojson"] = _to_json
        self.filters = {name: _guarded(name, function) for name, function in self.filters.items()}
        self.filters |= {"watched": _Watched, "bounded": _bounded}
        self.globals |= {"raise_exception": _raise_exception, "strftime_now": _strftime_now}
        self.globals |= {"dict": _Dict(), "namespace": _Namespace}
        del self.globals["lipsum"]

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        template = super()._parse(source, name, filename)
        _WatchEverythingThatGrows().visit(template)
        template.set_environment(self)
        return template

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        _step()
        if operator == "**" and isinstance(left, int) and isinstance(right, int):
            if (bits := left.bit_length() * right) > BITS:
                raise _too_large(bits * (SIZE / BITS))
        elif operator == "*":
            for thing, times in ((left, right), (right, left)):
                if isinstance(times, int) and isinstance(thing, str | list | tuple) and len(thing) * times > SIZE:
                    raise _too_large(len(thing) * times)
        elif operator == "%" and isinstance(left, str):
            _guard_growth(left, "format", right if isinstance(right, tuple) else (right,), {})
        return _bounded(super().call_binop(context, operator, left, right))

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        _step()
        method = getattr(__obj, "__wrapped__", __obj)  # the sandbox wraps str.format
        if isinstance(text := getattr(method, "__self__", None), str):
            _guard_growth(text, getattr(method, "__name__", ""), args, kwargs)
            if getattr(method, "__name__", "") == "join" and args:
                (items, _) = _join_guard((args[0], text), 0)
                args = (items,)
        return _bounded(super().call(__context, __obj, *args, **kwargs))


@functools.cache
def _environment() -> _Environment:
    return _Environment()


@functools.lru_cache(maxsize=64)
def compiled(template: str) -> jinja2.Template:
    """A template ready to render; kept, since the same one is used again and again.

    Raises:
        jinja2.TemplateSyntaxError: it is no Jinja.
    """
    return _environment().from_string(template)


def render(template: str, variables: dict[str, Any]) -> tuple[str, list[tuple[int, int]]]:
    """The text, and the (start, end) characters of what stood in {% generation %} blocks.

    Raises:
        jinja2.TemplateError: the template's own raise_exception, or a TemplateRuntimeError where it was stopped, or a
            SecurityError where it reached for what the sandbox keeps from it.
    """
    outer = _run.__dict__.copy()
    _run.deadline, _run.steps, _run.written, _run.spans = time.monotonic() + SECONDS, 0, 0, []
    try:
        pieces = []
        for piece in compiled(template).generate(**variables):
            pieces.append(piece)
            _run.written += len(piece)
            if _run.written > SIZE:
                raise _too_large(_run.written)
        return "".join(pieces), _run.spans
    except UndefinedError as error:
        raise UndefinedError(
            f"{error}, which the chat template reads.\nA message is a dict such as "
            '{"role": "user", "content": "Hello"}; other variables are keywords of apply_chat_template.'
        ) from None
    except (RecursionError, MemoryError, OverflowError) as error:
        raise TemplateRuntimeError(
            f"the chat template was stopped: {type(error).__name__}: {error}. A template should only format messages."
        ) from None
    finally:
        _run.__dict__.clear()
        _run.__dict__.update(outer)


@functools.lru_cache(maxsize=64)
def literal_text(template: str) -> str:
    """Everything that a template writes itself: its plain text and its string constants, NUL between them."""
    tree = _environment().parse(template)
    texts = {node.data for node in tree.find_all(nodes.TemplateData)}
    texts |= {node.value for node in tree.find_all(nodes.Const) if isinstance(node.value, str)}
    return "\0".join(sorted(texts))
