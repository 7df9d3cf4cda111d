"""Names that cost what they need when they are first used: a table name -> module behind a module's `__getattr__`."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def attach(module: str, names: Mapping[str, str], otherwise: Callable[[str], Any] | None = None):
    """The `__getattr__` and `__dir__` of a module whose public names live elsewhere.

    Args:
        module: the module's own `__name__`.
        names: public name -> the module that defines it. A module of the same last name is itself the value.
        otherwise: asked for a name that the table lacks; raises KeyError where it has none either.
    """

    def __getattr__(name: str) -> Any:
        if name in names:
            source = import_module(names[name])
            value = source if names[name] == f"{module}.{name}" else getattr(source, name)
        elif name.startswith("__") or otherwise is None:
            raise AttributeError(_unknown(module, name, names))
        else:
            try:
                value = otherwise(name)
            except KeyError:
                raise AttributeError(_unknown(module, name, names)) from None
        import_module(module).__dict__[name] = value  # the next access is a plain one
        return value

    def __dir__() -> list[str]:
        return sorted({*import_module(module).__dict__, *names})

    return __getattr__, __dir__


def _unknown(module: str, name: str, names: Mapping[str, str]) -> str:
    if name.startswith("__"):
        return f"module {module!r} has no attribute {name!r}"
    from bearhug._lib.errors import near

    return f"module {module!r} has no name {name!r}.{near(name, names)}"
