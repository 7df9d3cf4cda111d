"""ModelOutput: several named results in one value, read as attributes, as a dict or as a tuple."""

from inspect import get_annotations
from typing import Any, ClassVar

from bearhug._lib.printing import facts


class ModelOutput(dict):
    """Named results in a fixed order; those that are None are left out of the dict and of the tuple.

    A subclass annotates its fields in order: `class Out(ModelOutput): loss: Tensor | None; logits: Tensor`; those of
    its bases, in their order, stand before them. Then `out.loss` (None where absent), `out["logits"]`, `out[0]`,
    `out[:2]`, `out.to_tuple()` and `**out` all work. It prints as shapes.
    """

    _fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        inherited = [name for base in cls.__bases__ for name in getattr(base, "_fields", ())]
        own = [name for name in get_annotations(cls) if not name.startswith("_")]
        cls._fields = tuple(dict.fromkeys((*inherited, *own)))

    def __init__(self, *values: Any, **named: Any):
        if values:
            named = {**dict(zip(self._fields, values, strict=False)), **named}
        super().__init__()
        for name in self._fields:
            value = named.pop(name, None)
            if value is not None:
                self[name] = value
        if named:
            raise TypeError(f"{type(self).__name__} has no field {min(named)!r}; it has {', '.join(self._fields)}.")

    def __getattr__(self, name: str) -> Any:
        if name in type(self)._fields:
            return self.get(name)
        raise AttributeError(
            f"{type(self).__name__} has no attribute {name!r}; it has {', '.join(self) or 'no results'}."
        )

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._fields:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}; it has {', '.join(self._fields)}.")
        self[name] = value

    def __getitem__(self, key: str | int | slice) -> Any:
        return super().__getitem__(key) if isinstance(key, str) else self.to_tuple()[key]

    def to_tuple(self) -> tuple[Any, ...]:
        """The results that are there, in the order of the fields."""
        return tuple(self[name] for name in self._fields if name in self)

    def __reduce__(self):
        return _rebuilt, (type(self), dict(self))

    def __repr__(self) -> str:
        return facts(type(self).__name__, self)


def _rebuilt(kind: type[ModelOutput], values: dict[str, Any]) -> ModelOutput:
    return kind(**values)
