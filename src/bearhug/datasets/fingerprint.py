"""A key for what a function does: its code, what it reads, and the content of the objects it holds.

The key of a function is made of its bytecode, constants and names, its defaults, the values it closes over and the
global values it reads; functions of your own that it calls are followed, installed libraries count by name and version.
Objects count by content: arrays and tensors by their numbers, a tokenizer by its own `fingerprint()`. No memory
address, hash seed, path or line number goes in, so the key is the same on every run, in every folder, process and
machine with the same Python. What has no content that could be read (an open file, a lock, a generator) has no key:
`Unkeyable` says where it was met.
"""

from __future__ import annotations

import datetime
import decimal
import dis
import enum
import fractions
import functools
import hashlib
import os
import pathlib
import re
import struct
import sys
import sysconfig
import types
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

_caching = True


def disable_caching() -> None:
    """From here on `map`, `filter` and `sort` compute anew, and their results last as long as the process."""
    global _caching
    _caching = False


def enable_caching() -> None:
    """Results of `map`, `filter` and `sort` are kept and found again (the default)."""
    global _caching
    _caching = True


def is_caching_enabled() -> bool:
    """Whether results are kept and found again."""
    return _caching


class Unkeyable(TypeError):
    """A value whose content cannot be read, so that no key can be made."""


class Hasher:
    """`Hasher.hash(value)`: the key of any value, 32 hexadecimal digits."""

    @classmethod
    def hash(cls, value: Any) -> str:
        """The key of a value.

        Raises:
            Unkeyable: something in it has no content that can be read; the message says where.
        """
        return key_of(value)


def key_of(*values: Any) -> str:
    """The key of values, 32 hexadecimal digits.

    Raises:
        Unkeyable: something in them has no content that can be read; the message says where.
    """
    walk = _Walk()
    for value in values:
        walk.add(value, "the value")
    return walk.digest.hexdigest()[:32]


class _Walk:
    """One pass over a value: writes what counts into a digest; what was met before counts by when it was met."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.met: dict[int, int] = {}
        self.alive: list[Any] = []  # ids stay unique while their objects live

    def put(self, kind: str, *parts: bytes | str) -> None:
        for part in (kind, *parts):
            raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
            self.digest.update(struct.pack("<Q", len(raw)))
            self.digest.update(raw)

    def add(self, value: Any, where: str) -> None:
        scalar = SCALARS.get(type(value))
        if scalar is not None:
            self.put(type(value).__name__, scalar(value))
            return
        if type(value) not in (tuple, frozenset, types.CodeType):  # those are shared or not as the compiler likes
            if id(value) in self.met:
                self.put("again", str(self.met[id(value)]))
                return
            self.met[id(value)] = len(self.met)
            self.alive.append(value)
        self._add(value, where)

    def _add(self, value: Any, where: str) -> None:
        kind = type(value)
        if kind in (list, tuple, deque):
            self.put(kind.__name__, str(len(value)))
            for i, inner in enumerate(value):
                self.add(inner, f"{where}[{i}]")
        elif kind in (dict, OrderedDict, types.MappingProxyType):
            self.put("dict", str(len(value)))
            for key, inner in value.items():
                self.add(key, where)
                self.add(inner, f"{where}[{key!r:.40}]")
        elif kind in (set, frozenset):
            self.put(kind.__name__, *sorted(_alone(inner, where) for inner in value))
        elif isinstance(value, types.FunctionType):
            self._function(value, where)
        elif isinstance(value, types.CodeType):
            self._code(value, where)
        elif isinstance(value, types.MethodType):
            self.put("method", value.__func__.__name__)
            self.add(value.__self__, f"{where}.__self__")
            self.add(value.__func__, where)
        elif isinstance(value, functools.partial):
            self.put("partial")
            for part in (value.func, value.args, value.keywords):
                self.add(part, where)
        elif isinstance(value, types.ModuleType):
            self.put("module", value.__name__, _version(value.__name__))
        elif isinstance(value, type):
            self._class(value, where)
        elif isinstance(
            value, types.BuiltinFunctionType | types.MethodWrapperType | types.WrapperDescriptorType | C_TYPES
        ):
            self._builtin(value, where)
        elif hasattr(value, "__wrapped__") and isinstance(value.__wrapped__, types.FunctionType):
            self.put("wrapped", kind.__name__)  # functools.lru_cache, cache
            self.add(value.__wrapped__, where)
        elif isinstance(value, enum.Enum):
            self.put("enum", value.name)
            self.add(kind, where)
        elif not self._known(value, where):
            self._object(value, where)

    # ---- code

    def _function(self, function: types.FunctionType, where: str) -> None:
        where = f"{function.__qualname__}()"
        if installed(function.__module__):
            self.put("function", function.__module__, function.__qualname__, _version(function.__module__))
            self._closure(function, where)
            return
        self.put("function")
        self._code(function.__code__, where)
        for part in (function.__defaults__, function.__kwdefaults__):
            self.add(part, f"{where}'s defaults")
        self._closure(function, where)
        for path in sorted(global_reads(function.__code__)):
            found, value = _resolve(path, function.__globals__)
            if found:
                self.put("global", ".".join(path))
                self.add(value, f"{where} reads the global {'.'.join(path)!r}, which")

    def _closure(self, function: types.FunctionType, where: str) -> None:
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self.put("closure", name)
            try:
                self.add(cell.cell_contents, f"{where} closes over {name!r}, which")
            except ValueError:  # an empty cell: the name is bound later
                self.put("empty")

    def _code(self, code: types.CodeType, where: str) -> None:
        self.put("code", code.co_code, str(code.co_flags), str(code.co_argcount), str(code.co_kwonlyargcount))
        self.put("names", *code.co_names, "|", *code.co_varnames, "|", *code.co_freevars, "|", *code.co_cellvars)
        table = getattr(code, "co_exceptiontable", b"")
        self.put("exceptions", table)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self._code(constant, where)
            else:
                self.add(constant, where)

    def _class(self, kind: type, where: str) -> None:
        self.put("class", kind.__module__, kind.__qualname__)
        if installed(kind.__module__):
            self.put("installed", _version(kind.__module__))
            return
        for base in kind.__bases__:
            self.add(base, where)
        for name, value in sorted(vars(kind).items()):
            if name in _NO_MEMBERS or isinstance(value, types.GetSetDescriptorType | types.MemberDescriptorType):
                continue
            self.put("member", name)
            if isinstance(value, staticmethod | classmethod):
                value = value.__func__
            elif isinstance(value, property):
                value = (value.fget, value.fset, value.fdel)
            elif isinstance(value, functools.cached_property):
                value = value.func
            self.add(value, f"{where}.{name}")

    def _builtin(self, value: Any, where: str) -> None:
        owner = getattr(value, "__self__", None)
        self.put("builtin", getattr(value, "__module__", None) or "", getattr(value, "__qualname__", value.__name__))
        if owner is not None and not isinstance(owner, types.ModuleType):
            self.add(owner, f"{where}.__self__")

    # ---- objects

    def _known(self, value: Any, where: str) -> bool:
        """Objects of known libraries, by content; True where one was recognised."""
        kind = type(value)
        own = getattr(value, "fingerprint", None)
        if callable(own) and not isinstance(value, type):
            self.put("fingerprint", kind.__name__, str(own()))
            return True
        if isinstance(getattr(value, "_fingerprint", None), str):
            self.put("dataset", value._fingerprint)
            return True
        library = kind.__module__.partition(".")[0]
        if isinstance(value, re.Pattern):
            self.put("pattern", repr(value.pattern), str(value.flags))
        elif isinstance(value, pathlib.PurePath):
            self.put("path", value.as_posix())
        elif isinstance(value, memoryview | bytearray):
            self.put("bytes", bytes(value))
        elif library == "numpy":
            return self._numpy(value, where)
        elif library == "torch":
            return self._torch(value, where)
        elif library == "pyarrow":
            return self._pyarrow(value, where)
        elif library in ("transformers", "tokenizers") and _tokenizer_text(value) is not None:
            self.put("tokenizer", kind.__name__, _tokenizer_text(value) or "")
        elif kind.__module__ == "_thread" or library in (
            "_io",
            "socket",
            "sqlite3",
            "threading",
            "_asyncio",
            "weakref",
        ):
            raise Unkeyable(f"{where} is a {kind.__name__}")
        elif isinstance(value, types.GeneratorType | types.CoroutineType | types.FrameType | types.TracebackType):
            raise Unkeyable(f"{where} is a {kind.__name__}")
        elif kind.__module__ == "logging":
            self.put("logger", getattr(value, "name", ""))
        else:
            return False
        return True

    def _numpy(self, value: Any, where: str) -> bool:
        import numpy as np

        if isinstance(value, np.ndarray | np.generic):
            self.put("array", value.dtype.str, str(value.shape))
            if value.dtype.hasobject:
                self.add(value.tolist(), where)
            else:
                self.put("bytes", np.ascontiguousarray(value).tobytes())
            return True
        if isinstance(value, np.dtype | np.ufunc):
            self.put("numpy", str(value))
            return True
        if isinstance(value, np.random.Generator | np.random.RandomState):
            state = value.bit_generator.state if isinstance(value, np.random.Generator) else value.get_state()
            self.put("generator")
            self.add(state, where)
            return True
        return False

    def _torch(self, value: Any, where: str) -> bool:
        torch = sys.modules["torch"]
        if isinstance(value, torch.Tensor):
            data = value.detach().cpu().contiguous()
            self.put("tensor", str(data.dtype), str(tuple(data.shape)))
            self.put("bytes", data.view(-1).view(torch.uint8).numpy().tobytes() if data.numel() else b"")
            return True
        if isinstance(value, torch.dtype | torch.device | torch.Size):
            self.put("torch", str(value))
            return True
        if isinstance(value, torch.Generator):
            self.put("generator")
            self.add(value.get_state(), where)
            return True
        return False

    def _pyarrow(self, value: Any, where: str) -> bool:
        import pyarrow as pa

        if isinstance(value, pa.Table | pa.RecordBatch | pa.Array | pa.ChunkedArray):
            table = value if isinstance(value, pa.Table | pa.RecordBatch) else pa.table({"": value})
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, table.schema) as stream:
                stream.write(table)
            self.put("arrow", sink.getvalue().to_pybytes())
            return True
        if isinstance(value, pa.Schema | pa.DataType | pa.Field | pa.Scalar):
            self.put("arrow", str(value))
            return True
        return False

    def _object(self, value: Any, where: str) -> None:
        kind = type(value)
        where = f"{where} is a {kind.__name__} that holds" if where.endswith("which") else where
        self.put("object")
        self.add(kind, where)
        if isinstance(value, _BASES):
            base: Any = next(one for one in _BASES if isinstance(value, one))
            self.add(base(value), where)  # subclasses of Python's own, named tuples
        state = None
        get = getattr(kind, "__getstate__", None)
        if get is not None and get is not getattr(object, "__getstate__", None):
            state = value.__getstate__()
        elif hasattr(value, "__dict__") or hasattr(kind, "__slots__"):
            state = {name: getattr(value, name) for name in _slots(kind) if hasattr(value, name)}
            state |= getattr(value, "__dict__", {})
        elif isinstance(value, _BASES):
            return
        else:
            try:
                reduced = value.__reduce_ex__(4)
            except Exception:
                raise Unkeyable(
                    f"{where} is a {kind.__name__} from {kind.__module__}, whose content cannot be read"
                ) from None
            if isinstance(reduced, tuple):
                state = [part for part in reduced[1:] if part is not None and not hasattr(part, "__next__")]
                for part in reduced[3:]:
                    state.append(list(part) if part is not None else None)
            else:
                state = str(reduced)
        if isinstance(state, dict):
            state = {name: inner for name, inner in state.items() if not str(name).startswith("_cached_")}
            for name, inner in state.items():
                self.put("attribute", str(name))
                self.add(inner, f"{where}.{name}")
        else:
            self.add(state, where)


_BASES = (list, tuple, dict, set, frozenset, str, bytes, int, float)
C_TYPES = types.MethodDescriptorType | types.ClassMethodDescriptorType
_NO_MEMBERS = {
    "__dict__", "__weakref__", "__module__", "__doc__", "__qualname__", "__firstlineno__", "__static_attributes__",
    "__annotations__", "__annotate__", "__annotate_func__", "__abstractmethods__", "_abc_impl", "__parameters__",
    "__dataclass_fields__", "__dataclass_params__", "__orig_bases__", "__slots__", "__conditional_annotations__",
}  # fmt: skip
SCALARS: dict[type, Callable[[Any], bytes | str]] = {
    type(None): lambda _: b"",
    type(Ellipsis): lambda _: b"",
    type(NotImplemented): lambda _: b"",
    bool: lambda value: b"1" if value else b"0",
    int: str,
    float: lambda value: struct.pack("<d", value),
    complex: repr,
    str: lambda value: value,
    bytes: lambda value: value,
    datetime.date: str,
    datetime.datetime: repr,
    datetime.time: repr,
    datetime.timedelta: repr,
    decimal.Decimal: str,
    fractions.Fraction: str,
    uuid.UUID: str,
    range: repr,
    slice: repr,
}


def _alone(value: Any, where: str) -> str:
    walk = _Walk()
    walk.add(value, where)
    return walk.digest.hexdigest()


def _slots(kind: type) -> list[str]:
    names = []
    for base in kind.__mro__:
        slots = base.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else list(slots)
    return [name for name in names if name not in ("__dict__", "__weakref__")]


def global_reads(code: types.CodeType) -> set[tuple[str, ...]]:
    """The globals that code reads, each with the attributes taken from it at once: `helpers.clean` is two names."""
    found: set[tuple[str, ...]] = set()
    path: list[str] = []
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            if path:
                found.add(tuple(path))
            path = [step.argval]
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD") and path:
            path.append(step.argval)
        elif path and step.opname not in ("CACHE", "EXTENDED_ARG", "PUSH_NULL", "NOP"):
            found.add(tuple(path))
            path = []
    if path:
        found.add(tuple(path))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= global_reads(constant)
    return found


def _resolve(path: tuple[str, ...], scope: dict) -> tuple[bool, Any]:
    """The value of a global; attributes are followed through modules of one's own, not into objects or libraries."""
    if path[0] not in scope:
        return False, None  # a builtin, or not there (yet)
    value = scope[path[0]]
    for name in path[1:]:
        if not isinstance(value, types.ModuleType) or installed(value.__name__) or not hasattr(value, name):
            break
        value = getattr(value, name)
    return True, value


@functools.cache
def installed(module: str | None) -> bool:
    """Whether a module belongs to Python or to an installed library, whose version stands for its code."""
    top = (module or "").partition(".")[0]
    if top in sys.builtin_module_names or (top in sys.stdlib_module_names and top != "__main__"):
        return True
    if top == __name__.partition(".")[0]:
        return True
    file = getattr(sys.modules.get(top), "__file__", None) or getattr(sys.modules.get(module or ""), "__file__", None)
    if top == "__main__" or file is None:
        return False
    file = os.path.realpath(file)
    if not {"site-packages", "dist-packages"}.isdisjoint(file.split(os.sep)):  # of any environment on the path
        return True
    return file.startswith(os.path.realpath(sysconfig.get_path("stdlib")) + os.sep)


@functools.cache
def _version(module: str | None) -> str:
    top = (module or "").partition(".")[0]
    version = getattr(sys.modules.get(top), "__version__", None)
    return str(version) if isinstance(version, str) else f"python {sys.version_info[0]}.{sys.version_info[1]}"


def _tokenizer_text(value: Any) -> str | None:
    """The content of a tokenizer of other libraries, without the state that its last call left."""
    import json

    inner = getattr(value, "backend_tokenizer", value)
    if not hasattr(inner, "to_str") or not hasattr(inner, "get_vocab"):
        return None
    content = json.loads(inner.to_str())
    content["truncation"] = content["padding"] = None
    options = {
        name: str(getattr(value, name, None))
        for name in ("padding_side", "truncation_side", "model_max_length", "chat_template", "special_tokens_map")
    }
    return json.dumps([content, options])


class Fingerprint:
    """A data set's key, made when somebody asks: from its content, or from its parent's key and the step taken."""

    __slots__ = ("_make", "_parents", "_value")

    def __init__(self, value: str | None = None, make: Callable[..., str] | None = None, parents: tuple = ()):
        self._value, self._make, self._parents = value, make, parents

    @property
    def value(self) -> str:
        """The key."""
        todo = [self]
        while todo:  # not recursive: a chain of steps may be long
            one = todo[-1]
            missing = [parent for parent in one._parents if parent._value is None] if one._value is None else []
            if missing:
                todo += missing
                continue
            if one._value is None:
                assert one._make is not None
                one._value = one._make(*(parent._value for parent in one._parents))
                one._make, one._parents = None, ()
            todo.pop()
        assert self._value is not None
        return self._value

    def then(self, step: str, *arguments: Any) -> Fingerprint:
        """The key after a step with these arguments (which must not change afterwards)."""
        return Fingerprint(make=lambda parent: key_of(parent, step, *arguments), parents=(self,))
