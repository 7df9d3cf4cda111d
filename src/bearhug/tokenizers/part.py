"""What the parts of a tokenizer have in common: a description, as tokenizer.json has it, and the core's object that
does the work.

A setting that is changed makes a new object of the core, and whoever holds the part (a tokenizer, a `Sequence`) takes
it at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Generic, Self, TypeVar, overload
from weakref import WeakSet

from bearhug.tokenizers.patterns import Regex
from bearhug.tokenizers.shown import show

Json = dict[str, Any]
Value = TypeVar("Value")


class Setting(Generic[Value]):
    """A field of a part's description, as an attribute.

    Args:
        kinds: the types of its values, for the TypeError.
        key: its name in the description; None: the attribute's own.
        argument: its name in the part's `__init__`; None: the attribute's own.
        written, read: between the value in Python and that of the description.
    """

    key: str
    argument: str

    def __init__(
        self,
        *kinds: type,
        key: str = "",
        argument: str = "",
        written: Callable[[Any], Any] | None = None,
        read: Callable[[Any], Any] | None = None,
    ):
        self.kinds, self.key, self.argument, self.written, self.read = kinds, key, argument, written, read

    def __set_name__(self, owner: type, name: str) -> None:
        self.key, self.argument = self.key or name, self.argument or name

    @overload
    def __get__(self, part: None, owner: type) -> Self: ...
    @overload
    def __get__(self, part: Part, owner: type) -> Value: ...
    def __get__(self, part: Part | None, owner: type) -> Self | Value:
        """The value; of the class, the setting itself."""
        if part is None:
            return self
        value = part._description[self.key]
        return self.read(value) if self.read else value

    def __set__(self, part: Part, value: Value) -> None:
        part._change({self.key: self.describe(value)})

    def describe(self, value: Any) -> Any:
        """The value as the description has it.

        Raises:
            TypeError: it is of another type.
        """
        if not isinstance(value, self.kinds) or (isinstance(value, bool) and bool not in self.kinds):
            expected = " or ".join("None" if kind is type(None) else kind.__name__ for kind in self.kinds)
            raise TypeError(
                f"{self.argument}={value!r:.60} is of the type {type(value).__name__}; expected {expected}."
            )
        if type(value) is int and value < 0:
            raise OverflowError(f"{self.argument}={value} is negative; expected 0 or more.")
        return self.written(value) if self.written else value


def compact(value: Any) -> bytes:
    """JSON without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class Part:
    """A part of a tokenizer. Each family (`Normalizer`, `PreTokenizer`, ...) is a subclass, its kinds are theirs."""

    _kinds: ClassVar[dict[str, type[Part]]]  # type in tokenizer.json -> class
    _table: ClassVar[Mapping[str, Callable[[str, Json], Any]]]  # and -> the core's object
    _core_class: ClassVar[Any]
    _settings: ClassVar[dict[str, Setting]] = {}
    _description: Json
    _core: Any
    _custom: Any = None  # the Python object that does the work, where the core does not
    _call: Callable | None = None  # its method, as the core calls it

    def __init_subclass__(cls) -> None:
        if Part in cls.__bases__:
            cls._kinds = {}
        else:
            cls._kinds[cls.__name__] = cls
            cls._settings = {name: value for name, value in vars(cls).items() if isinstance(value, Setting)}

    def __new__(cls, /, *args: Any, **kwargs: Any) -> Self:
        """TypeError for a family: it is made as one of its kinds."""
        if Part in cls.__bases__:
            raise TypeError(f"{cls.__name__} has no instances of its own; use one of {', '.join(cls._kinds)}.")
        return super().__new__(cls)

    def _set(self, **values: Any) -> None:
        """Describe the part by the values of its settings, and build it."""
        described = {self._settings[name].key: self._settings[name].describe(value) for name, value in values.items()}
        self._change({"type": type(self).__name__} | described)

    def _change(self, changed: Json) -> None:
        description = self.__dict__.get("_description", {}) | changed
        self._core = self._build(description)  # which may refuse it
        self._description = description
        for holder in list(self.__dict__.get("_holders", ())):
            holder._part_changed(self)

    def _build(self, description: Json) -> Any:
        return self._table[description["type"]](json.dumps(description, ensure_ascii=False), description)

    def _held_by(self, holder: Any) -> None:
        self.__dict__.setdefault("_holders", WeakSet()).add(holder)

    @classmethod
    def _called(cls, make: Any, call: Callable, component: Any) -> Any:
        """The part that a Python object is. `make` gives the object of the core that calls `call`, as long as the part
        keeps that alive."""
        part = object.__new__(cls)
        part._core, part._call, part._custom, part._description = make(call), call, component, {"type": "Custom"}
        return part

    # -- from and to a description

    @classmethod
    def _of(cls, core: Any) -> Any:
        """The part that an object of the core is; None for None."""
        if core is None:
            return None
        description = json.loads(core.json)
        if description["type"] == "Custom":
            return cls._called(lambda _: core, print, None)  # nobody knows what it calls
        part = cls._kinds[description["type"]]._read(description)
        part._core = core
        return part

    @classmethod
    def _read(cls, description: Json) -> Self:
        """The part of a description; what it leaves out is as `__init__` has it."""
        given = {}
        for setting in cls._settings.values():
            if setting.key in description:
                value = description[setting.key]
                given[setting.argument] = setting.read(value) if setting.read else value
        return cls(**given)

    def _json(self) -> Json:
        """The whole description, for a tokenizer.json.

        Raises:
            ValueError: a Python object does the work, which no file can hold.
        """
        if self._description["type"] == "Custom":
            raise ValueError(
                f"a custom {type(self).__name__} cannot be written to a file: it is a Python object "
                f"({type(self._custom).__name__}).\n"
                "Put another part in its place first, and set it again after loading."
            )
        return self._description

    def __reduce__(self) -> tuple:
        if self._description["type"] == "Custom":
            return _called_again, (type(self), self._custom)
        return _read_again, (type(self), self._json())

    def __getstate__(self) -> bytes:
        """The description as JSON, as the reference gives it; pickling goes by `__reduce__`."""
        return compact(self._json())

    def __copy__(self) -> Self:
        rebuild, arguments = self.__reduce__()
        return rebuild(*arguments)

    def __deepcopy__(self, memo: dict) -> Self:
        return self.__copy__()

    def __repr__(self) -> str:
        if self._description["type"] == "Custom":
            return f"{type(self).__name__}.custom({self._custom!r})"
        return show(self._json())

    def __str__(self) -> str:
        return repr(self) if self._custom is not None else show(self._json(), most=5, longest=100)


class Several:
    """What the `Sequence` of each family is beside a part: several parts, one after another."""

    _key: ClassVar[str]  # of the list in the description
    _flat: ClassVar[bool] = True  # are the sequences in it taken apart
    _parts: list[Any]

    def _take(self: Any, parts: Any, flat: bool | None = None) -> None:
        family = next(kind for kind in type(self).__mro__ if Part in kind.__bases__)
        if not isinstance(parts, list | tuple):
            raise TypeError(f"{self._key} is of the type {type(parts).__name__}; expected a list of {family.__name__}.")
        flat = self._flat if flat is None else flat
        taken: list[Any] = []
        for part in parts:
            if not isinstance(part, family):
                raise TypeError(
                    f"{self._key} holds {part!r:.60}, of the type {type(part).__name__}; expected {family.__name__}."
                )
            taken += part._parts if flat and isinstance(part, Several) else [part]
        self._parts = taken
        for part in taken:
            part._held_by(self)
        self._part_changed()

    def _part_changed(self: Any, part: Any = None) -> None:
        self._change({"type": "Sequence", self._key: [part._description for part in self._parts]})

    def _build(self: Any, description: Json) -> Any:
        text = json.dumps(description, ensure_ascii=False)
        return self._core_class.sequence(text, [part._core for part in self._parts])

    @classmethod
    def _read(cls: Any, description: Json) -> Any:
        self = object.__new__(cls)
        self._take([cls._kinds[part["type"]]._read(part) for part in description[cls._key]], flat=False)
        return self

    def _json(self) -> Json:
        return {"type": "Sequence", self._key: [part._json() for part in self._parts]}

    def __reduce__(self) -> tuple:
        return type(self), (self._parts,)

    def __copy__(self: Any) -> Any:
        return type(self)([part.__copy__() for part in self._parts])

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._parts))

    def __getitem__(self, index: int) -> Any:
        return self._parts[index]

    def __setitem__(self, index: int, part: Any) -> None:
        parts = list(self._parts)
        parts[index] = part
        self._take(parts)

    def __delitem__(self, index: int) -> None:
        parts = list(self._parts)
        del parts[index]
        self._take(parts)

    def __repr__(self) -> str:
        return f"Sequence({self._key}=[{', '.join(map(repr, self._parts))}])"


def _called_again(family: Any, component: Any) -> Any:
    return family.custom(component)


def _read_again(kind: Any, description: Json) -> Any:
    return kind._read(description)


def same_kind(part: Part, name: str) -> None:
    """Check a description's type against the part that is made of it.

    Raises:
        ValueError: it is another's.
    """
    if name != type(part).__name__:
        raise ValueError(f"type={name!r} describes another part than {type(part).__name__}.")


def call_python(method: Callable[[Any], Value], given: Any) -> Value:
    """What a part in Python does.

    Raises:
        TypeError: it takes other arguments than this one.
    """
    try:
        return method(given)
    except TypeError as problem:
        if problem.__traceback__ is None or problem.__traceback__.tb_next is not None:
            raise  # from within
        name = getattr(method, "__qualname__", repr(method))
        raise TypeError(f"{name}() is called with one {type(given).__name__}. TypeError: {problem}") from None


def text_of(given: Any, method: str) -> str:
    """The text that a method was given.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(given, str):
        raise TypeError(f"{method}() takes a str; this is {given!r:.40}, of the type {type(given).__name__}.")
    return given


def pattern_written(pattern: str | Regex) -> Json:
    """A literal text or a regular expression -> as tokenizer.json has it."""
    return {"Regex": pattern.pattern} if isinstance(pattern, Regex) else {"String": pattern}


def pattern_read(pattern: Json) -> str | Regex:
    """The reverse of `pattern_written`."""
    return Regex(pattern["Regex"]) if "Regex" in pattern else pattern["String"]
