"""Chat templates: a list of messages -> the text that a model was trained on.

A conversation is a list of messages, {"role": ..., "content": ...}; what else stands in them is the template's affair.
The template itself is Jinja that came with the model: it runs in `sandbox.py`. Its text already holds the special
tokens, so it is returned as a `ChatText`, to which a tokenizer adds none.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from bearhug._lib.errors import either, near

if TYPE_CHECKING:
    from bearhug.tokenizers.encoding import Encoding

# Three names under which templates read the same thing.
REASONING_FIELDS = ("reasoning_content", "thinking", "reasoning")
HERE = "CONTINUE_FINAL_MESSAGE_TAG "  # marks the end of the final message while it is rendered; no text holds it


class ChatText(str):
    """A text that holds its special tokens already, as a chat template wrote them; a tokenizer adds none to it.

    It is an ordinary string otherwise. What is added to it keeps the promise; other operations give plain strings.
    """

    __slots__ = ()

    def __add__(self, other: str) -> ChatText:
        return ChatText(str.__add__(self, other))

    def __radd__(self, other: str) -> ChatText:
        return ChatText(str.__add__(other, self))


def choose(templates: str | Mapping[str, str] | None, asked: str | None = None, tools: Sequence | None = None) -> str:
    """The template to use: the one asked for (by name, or a template itself), else the tokenizer's own.

    Of several, `tool_use` is taken where there are tools, and `default` otherwise.

    Raises:
        ValueError: there is none, or several of which none is the default.
    """
    if isinstance(templates, Mapping):
        if asked is not None:
            return templates.get(asked, asked)
        if tools is not None and "tool_use" in templates:
            return templates["tool_use"]
        if "default" in templates:
            return templates["default"]
        raise ValueError(
            f"this tokenizer has several chat templates, none the default: {', '.join(sorted(templates))}.\n"
            f"Name one: apply_chat_template(messages, chat_template={sorted(templates)[0]!r})."
        )
    if asked is None and templates is None:
        raise ValueError(
            "this tokenizer has no chat template, so it does not know how to write a conversation as text.\n"
            "Give it one, tokenizer.chat_template = '{% for m in messages %}...{% endfor %}', or pass "
            "chat_template=..., or write the prompt yourself and call tokenizer(prompt)."
        )
    return asked if asked is not None else templates  # pyright: ignore[reportReturnType]


def conversations_of(conversation: Any) -> tuple[list[list[dict]], bool]:
    """What was given as `conversation` -> (the conversations, whether there were several), without fields of None.

    Raises:
        ValueError: it is empty.
        TypeError: a message is no dict (or dataclass, or pydantic model).
    """
    if hasattr(conversation, "messages"):
        conversation = conversation.messages
    if isinstance(conversation, str | Mapping) or not isinstance(conversation, Iterable):
        raise TypeError(
            f"a conversation is a list of messages; got {type(conversation).__name__} {str(conversation)[:60]!r}.\n"
            'Write apply_chat_template([{"role": "user", "content": "Hello"}]).'
        )
    conversation = list(conversation)
    if not conversation:
        raise ValueError(
            'the conversation is empty; a template needs at least one message, [{"role": "user", "content": "Hello"}].'
        )
    batched = isinstance(conversation[0], list | tuple) or hasattr(conversation[0], "messages")
    several = conversation if batched else [conversation]
    return [[_message(message) for message in getattr(one, "messages", one)] for one in several], batched


def _message(message: Any) -> dict:
    plain = _plain(message)
    if not isinstance(plain, dict):
        raise TypeError(
            f'a message is a dict with "role" and "content"; got {type(message).__name__} {str(message)[:60]!r}.\n'
            'Write {"role": "user", "content": "Hello"}.'
        )
    return {key: value for key, value in plain.items() if value is not None}


def _plain(value: Any) -> Any:
    """The value as a template may see it: dicts, lists, texts and numbers, nothing with methods of its own."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    for kind in (str, int, float):
        if isinstance(value, kind):
            return getattr(kind, f"__{kind.__name__}__")(value)  # the plain value of a subclass
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value) if type(value) in (list, tuple) else list(map(_plain, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if callable(dump := getattr(value, "model_dump", None)):  # pydantic
        return _plain(dump())
    if hasattr(value, "dtype") and callable(item := getattr(value, "item", None)) and getattr(value, "ndim", 0) == 0:
        return _plain(item())  # a numpy number
    return f"<{type(value).__name__}>"


def render(
    conversations: Sequence[Sequence[dict]],
    template: str,
    *,
    tools: Sequence[dict | Callable] | None = None,
    documents: Sequence[dict] | None = None,
    add_generation_prompt: bool = False,
    continue_final_message: bool | str = False,
    variables: Mapping[str, Any] | None = None,
) -> tuple[list[ChatText], list[list[tuple[int, int]]]]:
    """Each conversation's text, and the (start, end) characters of its {% generation %} blocks.

    Raises:
        ValueError: there is no message to continue, or the template loses it.
        TypeError: tools or documents of another kind than described in `apply_chat_template`.
        jinja2.TemplateError: what the template itself raises, or why it was stopped.
    """
    from bearhug.tokenizers import sandbox

    shared = {"tools": _plain(tool_schemas(tools)), "documents": _plain(_checked(documents))}
    shared |= {"add_generation_prompt": add_generation_prompt} | _plain(dict(variables or {}))
    texts, spans = [], []
    for conversation in conversations:
        messages = [_with_reasoning(message) for message in conversation]
        ending = None
        if continue_final_message:
            field = continue_final_message if isinstance(continue_final_message, str) else "content"
            messages, ending = _mark_end(messages, field, template)
        text, span = sandbox.render(template, {"messages": messages} | shared)
        texts.append(ChatText(text if ending is None else _cut_at_mark(text, ending)))
        spans.append(span)
    return texts, spans


def _with_reasoning(message: dict) -> dict:
    """A message whose reasoning is found under each of the names that templates use."""
    reasoning = next((message[name] for name in REASONING_FIELDS if message.get(name) is not None), None)
    return message if reasoning is None else {"thinking": reasoning, **message, "reasoning_content": reasoning}


def _mark_end(messages: list[dict], field: str, template: str) -> tuple[list[dict], str]:
    """The messages with HERE at the end of the last one's text, and that text."""
    if not messages:
        raise ValueError("continue_final_message needs a message to continue, and the conversation is empty.")
    last = dict(messages[-1])
    final = last.get(field)
    if final is None:
        raise ValueError(
            f"continue_final_message is to continue the last message's {field!r}; it has only {', '.join(last)}."
            f"{near(field, last)}"
        )
    fields = [field]
    if field in REASONING_FIELDS:
        fields = [name for name in REASONING_FIELDS if last.get(name) == final]
    if not any(name in template for name in fields):
        raise ValueError(f"continue_final_message={field!r}: this chat template does not read that field.")
    if isinstance(final, list | tuple):
        blocks = [dict(block) if isinstance(block, dict) else block for block in final]
        block = next((block for block in reversed(blocks) if "text" in block), None)
        if block is None:
            raise ValueError("continue_final_message: the last message holds no text to continue, only other content.")
        final = block["text"]
        block["text"] = final + HERE
        last[field] = blocks
    else:
        for name in fields:
            last[name] = last[name] + HERE
    return [*messages[:-1], last], final


def _cut_at_mark(text: str, final: str) -> str:
    """The text up to the end of its final message."""
    if final.strip() not in text or HERE.strip() not in text:
        raise ValueError(
            "continue_final_message: the last message does not appear in the text; the template leaves some of it "
            f"out.\nThe message: {final.strip()!r}\nThe text: {text!r}"
        )
    end = text.rindex(HERE.strip())
    # A template that strips its messages has taken HERE's blank away, and would have taken those before it.
    return text[:end] if text[end : end + len(HERE)] == HERE else text[:end].rstrip()


def _checked(documents: Sequence[dict] | None) -> Sequence[dict] | None:
    for document in documents or []:
        if not isinstance(document, dict):
            raise TypeError(
                f"documents is a list of dicts with 'title' and 'text'; got {type(document).__name__} "
                f"{str(document)[:60]!r}.\nWrite documents=[{{'title': '...', 'text': '...'}}]."
            )
    return documents


# -- tools: a Python function -> the JSON schema that models are shown


class TypeHintParsingException(TypeError):
    """A tool's argument has no type hint, or one that JSON has no word for."""


class DocstringParsingException(ValueError):
    """A tool has no docstring, or one that says nothing about an argument."""


def tool_schemas(tools: Sequence[dict | Callable] | None) -> list[dict] | None:
    """Functions become their schemas; dicts are schemas already.

    Raises:
        ValueError: a tool is neither.
    """
    if tools is None:
        return None
    schemas = []
    for tool in tools:
        if isinstance(tool, dict):
            schemas.append(tool)
        elif inspect.isfunction(tool) or inspect.ismethod(tool):
            schemas.append(get_json_schema(tool))
        else:
            raise ValueError(
                f"a tool is a function with type hints and a docstring, or a JSON schema as a dict; got "
                f"{type(tool).__name__} {str(tool)[:60]!r}."
            )
    return schemas


def get_json_schema(function: Callable) -> dict:
    """A function's JSON schema, from its type hints and its Google-style docstring.

    >>> def add(a: int, b: int) -> int:
    ...     '''Add two numbers.
    ...
    ...     Args:
    ...         a: The first one.
    ...         b: The second one.
    ...     '''
    ...     return a + b
    >>> get_json_schema(add)["function"]["parameters"]["properties"]["a"]
    {'type': 'integer', 'description': 'The first one.'}

    Raises:
        DocstringParsingException: (a ValueError) no docstring, or an argument that it does not describe.
        TypeHintParsingException: (a TypeError) an argument without a type hint, or one that JSON has no word for.
    """
    name = getattr(function, "__name__", "operation")
    docstring = (inspect.getdoc(function) or "").strip()
    if not docstring:
        raise DocstringParsingException(
            f'the tool {name}() has no docstring; it needs one: """What it does. Args: name: what it is."""'
        )
    description, arguments, returns = _parse_docstring(docstring)
    properties, required, result = _parameters(function, name)
    for argument, schema in properties.items():
        if argument not in arguments:
            raise DocstringParsingException(
                f"the docstring of the tool {name}() says nothing about its argument {argument!r}; add a line to its "
                f"Args: section: `{argument}: what it is`.{near(argument, arguments)}"
            )
        text = arguments[argument]
        if choices := re.search(r"\(choices:\s*(.*?)\)\s*$", text, re.IGNORECASE):
            schema["enum"] = [c.strip() if isinstance(c, str) else c for c in json.loads(choices[1])]
            text = text[: choices.start()].strip()
        schema["description"] = text
    parameters: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        parameters["required"] = required
    schema = {"name": name, "description": description, "parameters": parameters}
    if result is not None:
        schema["return"] = result | ({"description": returns} if returns is not None else {})
    return {"type": "function", "function": schema}


def _parse_docstring(text: str) -> tuple[str, dict[str, str], str | None]:
    """(what it does, argument -> what it is, what it returns)."""
    description = re.split(r"\s*(?:Args:|Returns:|Raises:)", text, maxsplit=1)[0].strip()
    arguments: dict[str, str] = {}
    if start := re.search(r"\n\s*Args:\n", text):
        block = re.split(r"\s*(?:Returns:|Raises:)", text[start.end() :], maxsplit=1)[0]
        name, indent = None, ""
        for line in filter(str.strip, block.split("\n")):
            begins = re.match(r"([ \t]*)(\w+):\s*(.*)", line)
            if begins and (name is None or not re.match(re.escape(indent) + r"[ \t]", line)):
                indent, name, arguments[begins[2]] = begins[1], begins[2], begins[3]
            elif name is not None:
                arguments[name] += " " + line.strip()
        arguments = {name: re.sub(r" +$", "", re.sub(r"^ +", "", words)) for name, words in arguments.items()}
    returns = None
    if start := re.search(r"\n\s*Returns:\n\s*", text):
        returns = re.split(r"\s*Raises:", text[start.end() :], maxsplit=1)[0].strip()
    return description, arguments, returns


def _parameters(function: Callable, name: str) -> tuple[dict[str, dict], list[str], dict | None]:
    """(argument -> schema, those without a default, the schema of what is returned)."""
    signature = inspect.signature(function).parameters
    implicit = next(iter(signature), None)
    if implicit not in ("self", "cls") or signature[implicit].annotation is not inspect.Parameter.empty:
        implicit = None
    required = []
    for argument, parameter in signature.items():
        if argument == implicit:
            continue
        if parameter.annotation is inspect.Parameter.empty:
            raise TypeHintParsingException(
                f"the argument {argument!r} of the tool {name}() has no type hint; write `{argument}: str`, say."
            )
        if parameter.default is inspect.Parameter.empty:
            required.append(argument)
    hints = {key: hint for key, hint in get_type_hints(function).items() if key != implicit}
    returned = hints.pop("return", None) if "return" in hints else inspect.Parameter.empty
    properties = {key: _type_schema(hint) for key, hint in hints.items()}
    try:
        result = None if returned is inspect.Parameter.empty else _type_schema(returned)
    except TypeHintParsingException:
        result = None  # a result may be anything: the model does not write it
    return properties, required, result


SCALARS: dict[Any, str] = {int: "integer", float: "number", str: "string", bool: "boolean", type(None): "null"}
CONTAINERS: dict[Any, dict] = {list: {"type": "array"}, tuple: {"type": "array"}, dict: {"type": "object"}, Any: {}}


def _type_schema(hint: Any) -> dict:
    """A type hint as JSON schema.

    Raises:
        TypeHintParsingException: JSON has no word for it.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is None and isinstance(hint, type) and issubclass(hint, Enum):
        return _enumeration([member.value for member in hint], f"the Enum {hint.__name__}")
    if origin is None:
        return _plain_type(hint)
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if origin is Literal:
        return _enumeration(list(arguments), "typing.Literal")
    if origin is list:
        return {"type": "array"} | ({"items": _type_schema(arguments[0])} if arguments else {})
    if origin is tuple:
        if not arguments:
            return {"type": "array"}
        if len(arguments) == 1 or ... in arguments:
            raise TypeHintParsingException(
                f"the type hint {hint} has no JSON schema: write list[...] for many values of one type."
            )
        return {"type": "array", "prefixItems": [_type_schema(argument) for argument in arguments]}
    if origin is dict:
        values = {"additionalProperties": _type_schema(arguments[1])} if len(arguments) == 2 else {}
        return {"type": "object"} | values
    raise _no_schema(hint)


def _plain_type(hint: Any) -> dict:
    if hint is None:
        hint = type(None)
    try:
        if hint in SCALARS:
            return {"type": SCALARS[hint]}
        if hint in CONTAINERS:
            return dict(CONTAINERS[hint])
    except TypeError:  # unhashable
        raise _no_schema(hint) from None
    if (torch := sys.modules.get("torch")) and hint is torch.Tensor:
        return {"type": "audio"}
    if (image := sys.modules.get("PIL.Image")) and hint is image.Image:
        return {"type": "image"}
    raise _no_schema(hint)


def _no_schema(hint: Any) -> TypeHintParsingException:
    known = either(["int", "float", "str", "bool", "an Enum", "a Literal", "list, tuple, dict or Union of those"])
    return TypeHintParsingException(
        f"the type hint {hint!r} has no JSON schema; known are {known}.\n"
        "For another type, write the tool's JSON schema by hand and pass that dict instead of the function."
    )


def _enumeration(values: list, where: str) -> dict:
    if not values or any(type(value) not in SCALARS for value in values):
        raise TypeHintParsingException(
            f"{where} holds {values}; a JSON schema can list only int, float, str, bool and None, at least one."
        )
    kinds = list(dict.fromkeys(SCALARS[type(value)] for value in values))
    return {"type": kinds[0] if len(kinds) == 1 else kinds, "enum": values}


def _union(arguments: tuple) -> dict:
    parts = [_type_schema(argument) for argument in arguments if argument is not type(None)]
    if len(parts) == 1:
        schema = parts[0]
    elif all(part.keys() == {"type"} and isinstance(part["type"], str) for part in parts):
        names = sorted({part["type"] for part in parts})
        schema = {"type": names[0] if len(names) == 1 else names}
    else:
        schema = {"anyOf": parts}
    return schema | ({"nullable": True} if type(None) in arguments else {})


# -- what the assistant wrote


def assistant_mask(encoding: Encoding, spans: Sequence[tuple[int, int]]) -> list[int]:
    """1 on the tokens of a row that stand in these (start, end) characters; all 0 from where the text is cut off."""
    offsets, sequences = encoding.offsets, encoding.sequence_ids

    def covering(char: int) -> int | None:
        places = enumerate(zip(offsets, sequences, strict=True))
        return next((i for i, ((start, end), sequence) in places if sequence == 0 and start <= char < end), None)

    mask = [0] * len(offsets)
    for start, end in spans:
        first, last = covering(start), covering(end - 1)
        if first is None:
            break
        stop = last + 1 if last else len(mask)
        mask[first:stop] = [1] * (stop - first)
    return mask
