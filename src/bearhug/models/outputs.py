"""What forward returns: a dictionary that also answers to attributes, positions and slices, and prints as shapes."""

from __future__ import annotations

from typing import Any

from bearhug._lib.errors import near
from bearhug._lib.printing import facts


class ModelOutput(dict):
    """The results of a forward pass by name; what was not asked for is absent (and None as an attribute).

    `output.logits`, `output["logits"]`, `output[0]`, `output[:2]` and `output.to_tuple()` all work; the order of the
    fields is the reference's. Iterating gives the names, as with any dictionary: write `loss, logits = output[:2]`.
    """

    fields: tuple[str, ...] = ()

    def __init__(self, **values: Any):
        super().__init__({name: value for name, value in values.items() if value is not None})

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            if name in self.fields:
                return None
            raise AttributeError(
                f"{type(self).__name__} has no field {name!r}.{near(name, self.fields)} It holds: {', '.join(self)}."
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return super().__getitem__(key)
        return self.to_tuple()[key]

    def to_tuple(self) -> tuple:
        """The values, in order, without those that are absent."""
        return tuple(self.values())

    def __repr__(self) -> str:
        return facts(type(self).__name__, self)

    def __reduce__(self):
        return _restore, (type(self), dict(self))


def _restore(kind: type[ModelOutput], values: dict[str, Any]) -> ModelOutput:
    return kind(**values)


_CAPTURED = ("hidden_states", "attentions")


class BaseModelOutput(ModelOutput):
    """last_hidden_state (B, T, D); pooler_output (B, D) where the model has a pooler."""

    fields = ("last_hidden_state", "pooler_output", "past_key_values", *_CAPTURED)


class CausalLMOutput(ModelOutput):
    """loss (); logits (B, T, V), of the next token at each place."""

    fields = ("loss", "logits", "past_key_values", *_CAPTURED)


class MaskedLMOutput(ModelOutput):
    """loss (); logits (B, T, V), of the token at each place."""

    fields = ("loss", "logits", *_CAPTURED)


class SequenceClassifierOutput(ModelOutput):
    """loss (); logits (B, number of labels)."""

    fields = ("loss", "logits", "past_key_values", *_CAPTURED)


class TokenClassifierOutput(ModelOutput):
    """loss (); logits (B, T, number of labels)."""

    fields = ("loss", "logits", *_CAPTURED)


class QuestionAnsweringModelOutput(ModelOutput):
    """loss (); start_logits and end_logits (B, T)."""

    fields = ("loss", "start_logits", "end_logits", *_CAPTURED)
