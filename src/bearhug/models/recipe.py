"""What a recipe is: an architecture as data. The recipes themselves stand in `recipes/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bearhug.checkpoints.weight_map import Also, Ours, renamed
from bearhug.models.config import Config, PretrainedConfig


@dataclass(frozen=True, kw_only=True)
class Head:
    """What stands on the transformer for one task: its parts, and their names in a checkpoint."""

    weights: Mapping[str, Ours]  # whole names; "{base}." stands for the transformer's prefix
    # Where these are names of the config's, it says the value.
    dense: str = ""  # an extra layer before the output, and its activation; "": none; "same": the transformer's
    dense_bias: bool | str = True
    norm: bool = False  # and a norm after it
    bias: bool | str = True  # of the output
    tied: bool = False  # the output's matrix is the table of words (where the config ties them)
    pick: str = "first"  # what stands for the text, heads.PICKS: "first", "last" (the last real one), "mean", "late"
    soft_labels: bool = False  # labels (B, N) are chances, where config.problem_type leaves it open
    dropout: Callable[[PretrainedConfig], float] = lambda config: 0.0
    drop_first: bool = True  # dropout before the extra layer
    drop_last: bool = True  # dropout before the output
    prefix: str | None = None  # where this head's classes call the transformer something else
    class_name: str = ""  # where it is not the family's name and the task's suffix
    part: str = ""  # of an encoder and a decoder, only the "encoder" or the "decoder"
    shift: bool = True  # labels are the tokens themselves; False: each is already the next one
    constant_bias: bool = False  # the output's bias is not trained, and is 0 where a checkpoint has none
    cache_with_labels: bool = False  # a call with labels gives past_key_values too


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One architecture.

    Args:
        model_type: its name in a config.json.
        name: what its class names begin with.
        prefix: what the transformer is called in checkpoints of models with a head.
        config: its config, translated.
        weights: the transformer's names of weights, theirs: ours; or a function of the config that gives them.
        heads: task -> head; the tasks are the keys of `heads.TASKS`.
        defaults: its config's names with the reference's defaults.
        names: the reference's common names -> its config's names, where they differ.
        settle: fills in what of a config follows from the rest.
        made: the recipe for one config, where its weights and heads follow from that.
        cache_name: what its models call past_key_values.
    """

    model_type: str
    name: str
    prefix: str
    config: Callable[[PretrainedConfig], Config]
    weights: Mapping[str, Ours] | Callable[[PretrainedConfig], Mapping[str, Ours]]
    heads: Mapping[str, Head]
    defaults: Mapping[str, Any]
    names: Mapping[str, str] = field(default_factory=dict)
    settle: Callable[[PretrainedConfig], None] | None = None
    made: Callable[[PretrainedConfig], Recipe] | None = None
    cache_name: str = "past_key_values"

    def table(self, task: str, config: PretrainedConfig) -> dict[str, Ours]:
        """All names for one task: the transformer's behind its prefix (none without a head), then the head's."""
        weights = self.weights(config) if callable(self.weights) else self.weights
        head = self.heads.get(task)
        prefix = "" if task == "base" else f"{self.prefix_of(task)}."
        prefix = prefix.removeprefix(".")
        if head is not None and head.part:
            weights = _only(head.part, weights)
        base = {prefix + theirs: _inside(ours) for theirs, ours in weights.items()}
        own = {} if head is None else {name.replace("{base}.", prefix): ours for name, ours in head.weights.items()}
        return {**base, **own}

    def prefix_of(self, task: str) -> str:
        """What the transformer is called in this task's checkpoints."""
        head = self.heads.get(task)
        return self.prefix if head is None or head.prefix is None else head.prefix


def _only(part: str, weights: Mapping[str, Ours]) -> dict[str, Ours]:
    """The names of the encoder alone, or of the decoder; the one table of words may have any of its names."""
    if part == "decoder":
        own = {theirs: ours for theirs, ours in weights.items() if theirs.startswith("decoder.")}
        return {"shared.weight": Also(WORDS), **own, "decoder.embed_tokens.weight": WORDS, "encoder.*": None}
    own = {theirs: ours for theirs, ours in weights.items() if not theirs.startswith("decoder.")}
    return {**{theirs: renamed(ours, lambda name: name.removeprefix("encoder.")) for theirs, ours in own.items()},
            "decoder.*": None}  # fmt: skip


WORDS = "embed_tokens.weight"


def _inside(ours: Ours) -> Ours:
    """The same within a model with a head, where the transformer is called `model`."""
    return renamed(ours, "model.{}".format)


def translated(hf: PretrainedConfig, **own: Any) -> Config:
    """A config out of what the reference's common names say, and of what is a family's own."""
    heads, width = getattr(hf, "num_attention_heads", 1), hf.hidden_size
    usual = {
        "vocab_size": hf.vocab_size, "hidden_size": width, "num_hidden_layers": hf.num_hidden_layers, "norm": "layer",
        "num_attention_heads": heads, "num_key_value_heads": heads, "head_dim": width // heads, "mlp": "plain",
        "max_position_embeddings": getattr(hf, "max_position_embeddings", 0),
        "initializer_range": getattr(hf, "initializer_range", 0.02),
        "tie_word_embeddings": getattr(hf, "tie_word_embeddings", True),
    }  # fmt: skip
    return Config(**(usual | own))
