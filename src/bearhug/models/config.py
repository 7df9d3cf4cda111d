"""Configs. `Config`: the sizes of a canonical transformer and the name of the part that fills each place.
`PretrainedConfig`: a checkpoint's own config.json, under its own names; a recipe translates it into a `Config`.
"""

from __future__ import annotations

import copy
import json
import math
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bearhug._lib.errors import near
from bearhug._lib.files import replacing

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What the layers of one kind have of their own; what is left open is the model's."""

    window: int | None = None  # a token looks at this many, itself the last of them; None: at all
    turned: bool = True  # rotary positions turn its queries and keys
    rope: Mapping[str, Any] | None = None  # by these parameters instead of `Config.rope`
    mixer: str = "attention"  # transformer.MIXERS: how tokens learn of one another
    mlp: str | None = None  # transformer.BRANCHES, instead of `Config.mlp`


@dataclass(frozen=True, kw_only=True)
class Experts:
    """A mixture of experts: how many there are, how a token's are chosen, and what stands beside them."""

    count: int
    chosen: int  # a token goes to so many
    size: int  # the inner width of each
    mlp: str = "gated"  # mlp.MLPS: what an expert is
    bias: bool = False  # of an expert's matrices
    limit: float = 0.0  # of "gated_clipped": what is multiplied stays within it
    slope: float = 1.0  # and how steep its gate is
    choose: str = "softmax"  # experts.CHOICES: how scores become weights
    router_bias: bool = False
    correction: bool = False  # numbers are added to the scores for choosing alone, that no gradient trains
    counted: bool = False  # they are counted among the model's parameters
    float32: bool = False  # the router computes in it, whatever the model's dtype
    normalized: bool = False  # the chosen ones' weights are divided by their sum
    least: float = 0.0  # which is taken as at least this
    scale: float = 1.0  # and then multiplied by this
    groups: int = 1  # experts stand in groups, of which
    chosen_groups: int = 1  # so many are open to a token
    best: int = 0  # by the sum of so many of their best scores; 0: all are open
    jitter: float = 0.0  # in training inputs are multiplied by numbers so near to 1
    router_jitter: float = 0.0  # and the router's own once more
    tolerance: float = 0.0  # of "sparsemixer": how near to the best a score has to be
    shared: int = 0  # the inner width of an expert that every token goes to
    shared_gate: bool = False  # which a gate of its own weighs
    loss_weight: float | None = None  # of what uneven use of the experts adds to a language model's loss; None: nothing


@dataclass(frozen=True, kw_only=True)
class Latents:
    """The sizes of the "latent" mixer: queries, keys and values are made from short vectors."""

    query_rank: int | None  # of the vector that queries come from; None: from the token's own
    key_rank: int  # of the one that keys and values come from
    plain: int  # the part of a query that positions do not turn; the other is `Config.head_dim`
    value: int  # the size of a value
    bias: bool = False


@dataclass(frozen=True, kw_only=True)
class Recurrence:
    """The sizes of mixers that read a text in order; in `mamba` and `delta` they are explained."""

    heads: int  # of values
    head_dim: int = 1
    groups: int = 1  # of heads that share what is read and written; the delta rule's key heads
    state: int  # numbers for each channel; the delta rule's size of a key
    kernel: int = 4  # tokens that the convolution before it looks at
    rank: int = 0  # of Mamba's steps
    bias: bool = False
    conv_bias: bool = True
    norm: str | None = None  # mlp.NORMS, of what Mamba's tokens say of step, input and output
    norm_eps: float = 1e-6
    norm_groups: int = 1  # of the norm behind Mamba-2
    step_limit: tuple[float, float] | None = None
    step_range: tuple[float, float, float] = (0.001, 0.1, 1e-4)  # of new models: from, to, at the least
    step_scale: float = 1.0


FULL = "full_attention"  # the kind of all layers where a config names none


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the canonical transformer is built from. Names of parts are keys of the tables in the files of the parts."""

    # sizes
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    # embeddings
    positions: str  # positions.POSITIONS: "learned", "rotary", "alibi", "none"
    max_position_embeddings: int
    position_offset: int = 0  # learned positions count from here
    position_skip: int = 0  # rows of the table of learned positions that stand before the first
    padding_before: bool = False  # padding stands in the last of these rows
    relative_buckets: int = 0  # "relative" positions: distances are sorted into so many
    relative_distance: int = 0  # from here on they are all one
    disentangled: Mapping[str, Any] = field(default_factory=dict)  # what positions.Disentangled takes
    rope: Mapping[str, Any] | None = None  # rope_type, rope_theta and what that type asks for
    rope_interleaved: bool = False  # the pairs that are turned stand side by side, not half a head apart
    alibi: Mapping[str, Any] = field(default_factory=dict)  # what positions.Alibi takes
    token_types: str = "none"  # "own" has a table of its own, "shared" looks in the table of the words
    type_vocab_size: int = 0
    padding_index: int | None = None  # a row of the table of words that is never trained
    embed_norm: bool = False
    embed_scale: float = 1.0  # the words' vectors are multiplied by it, as they are looked up
    input_scale: float = 1.0  # and what goes into the model, given vectors too
    scale_given: bool = True  # False: but not given vectors
    word_size: int | None = None  # the words' vectors have another width, and are projected in and out
    narrow_embeddings: bool = False  # so have positions, types and their norm; nothing is projected out
    task_types: int = 0  # rows of a table of tasks, of which the first is added
    own_table: bool = True  # False, of an encoder: it looks its words up in the decoder's table
    # layers
    encoder: Config | None = None  # reads a text first, whose vectors the layers look at
    cross_attention: bool = False  # the layers look at another text's vectors, an encoder's or given ones
    source_width: int | None = None  # their width; None: the same
    shift_inputs: bool = False  # a decoder that is given nothing reads the encoder's text
    starts_with_last: bool = False  # a decoder's text starts with its last token, not with one of the config's
    causal: bool
    layer_order: tuple[int, ...] = ()  # which of the layers runs, each time; (): each once
    block: str = "pre_norm"  # transformer.BLOCKS
    norm: str  # mlp.NORMS: "layer", "rms", ...
    norm_eps: float
    final_norm: bool = True
    first_norm: bool = True  # False: the first layer's attention has none, after that of the embeddings
    mlp: str  # transformer.BRANCHES: "plain", "gated", "experts"
    experts: Experts | None = None  # what "experts" are
    latents: Latents | None = None  # the sizes of "latent" mixers
    activation: str  # mlp.ACTIVATIONS
    mlp_bias: bool = True
    qkv_bias: bool = True
    output_bias: bool = True
    qk_norm: bool | str = False  # norms on queries and keys, mlp.HEAD_NORMS; True: "head"
    clip_qkv: float | None = None  # queries, keys and values stay between this and its negative
    score_softcap: float | None = None  # attention's scores are squeezed by tanh to below this
    sinks: bool = False  # attention may also look at nothing, as much as a trained number for each head says
    attention_scale: float | None = None  # None: head_dim ** -0.5
    scale_by_layer: bool = False  # and divided by the layer's number
    recurrence: Recurrence | None = None
    wide_residual: bool = False  # the residual stream is in float32 whatever the weights are
    unnormed_states: bool = False  # hidden_states are the layers' results and the end, without the embeddings
    layer_types: tuple[str, ...] = ()  # each layer's kind, a key of `kinds`; (): all are "full_attention"
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    residual_scale: float = 1.0  # what a branch adds is multiplied by it
    logit_scale: float = 1.0  # scores over the vocabulary are multiplied by it
    logit_softcap: float | None = None  # and squeezed by tanh to below this
    # training
    embed_dropout: float = 0.0
    residual_dropout: float = 0.0  # on what attention adds
    mlp_dropout: float = 0.0  # on what the MLP adds
    activation_dropout: float = 0.0  # within the MLP
    final_dropout: float = 0.0  # after the last norm
    attention_dropout: float = 0.0
    layer_dropout: float = 0.0  # a layer is left out this often (Fan et al. 2019, arXiv:1909.11556)
    initializer_range: float = 0.02
    initializer_ranges: Mapping[str, float] = field(default_factory=dict)  # of the parts with these names
    scaled_residual_init: bool = False  # the layers' last matrices start smaller by sqrt(2 * layers)
    tie_word_embeddings: bool = False

    @property
    def embed_size(self) -> int:
        """The width of what is added to the words' vectors."""
        return (self.word_size or self.hidden_size) if self.narrow_embeddings else self.hidden_size

    def layer_type(self, layer: int) -> str:
        """The name of a layer's kind."""
        return self.layer_types[layer] if self.layer_types else FULL

    def kind(self, name: str) -> Kind:
        """What the layers of this kind have of their own."""
        return self.kinds.get(name) or Kind()


# What every config has, with the reference's defaults; a config.json leaves these out.
COMMON: dict[str, Any] = {
    "architectures": None,
    "chunk_size_feed_forward": 0,
    "dtype": None,
    "id2label": {0: "LABEL_0", 1: "LABEL_1"},
    "is_encoder_decoder": False,
    "label2id": {"LABEL_0": 0, "LABEL_1": 1},
    "output_attentions": False,
    "output_hidden_states": False,
    "problem_type": None,
    "return_dict": True,
    "transformers_version": None,
}
# Accepted as they are, though no recipe asks for them.
TOLERATED = {
    "attn_implementation",
    "bos_token_id",
    "classifier_dropout",
    "eos_token_id",
    "finetuning_task",
    "hidden_dropout",
    "name_or_path",
    "num_labels",
    "original_max_position_embeddings",
    "pad_token_id",
    "rope_scaling",
    "rope_theta",
    "sep_token_id",
    "task_specific_params",
    "tie_word_embeddings",
    "torch_dtype",
    "use_return_dict",
    # options of generation that older checkpoints keep here; generation_config reads them
    *(
        "do_sample early_stopping length_penalty max_length max_new_tokens min_length no_repeat_ngram_size num_beams"
    ).split(),
    *("num_return_sequences repetition_penalty temperature top_k top_p typical_p bad_words_ids prefix").split(),
    *("decoder_start_token_id forced_bos_token_id forced_eos_token_id suppress_tokens begin_suppress_tokens").split(),
    *("diversity_penalty num_beam_groups encoder_no_repeat_ngram_size output_scores remove_invalid_values").split(),
}
_PRIVATE = {"name_or_path", "attn_implementation"}  # this machine's, not the checkpoint's
_UNDERSCORED = {f"_{name}" for name in _PRIVATE}  # as the reference calls them
LABELS = ("num_labels", "id2label", "label2id")
ROPE = ("rope_scaling", "rope_theta", "partial_rotary_factor")  # version 4's names of what is in rope_parameters
PROBLEM_TYPES = ("regression", "single_label_classification", "multi_label_classification")


class PretrainedConfig:
    """A checkpoint's config under its own names, with every default filled in: `config.n_layer`, `config.id2label`.

    The reference's common names work beside a family's own (`hidden_size` is `n_embd` on a GPT-2 config), for reading,
    writing and construction. `GPT2Config(n_layer=2)` and its like are made from the recipes.
    """

    model_type: ClassVar[str] = ""
    attribute_map: ClassVar[Mapping[str, str]] = {}
    defaults: ClassVar[Mapping[str, Any]] = {}
    settle: ClassVar[Callable[[Any], None] | None] = None

    def __init__(self, **values: Any):
        known = {*COMMON, *self.defaults, *self.attribute_map, *TOLERATED}
        for name in values:
            if name not in known and self.defaults and name[0] != "_" and (hint := near(name, known)):
                raise TypeError(f"{type(self).__name__} has no {name!r}.{hint}")
        self._fill(values)

    def _fill(self, values: Mapping[str, Any]) -> None:
        values = dict(values)
        for alias in self.attribute_map.keys() & values.keys():
            if self.attribute_map[alias] in ROPE:
                values[self.attribute_map[alias]] = values.pop(alias)
        own: dict[str, Any] = copy.deepcopy({**COMMON, **self.defaults})
        own.update(name_or_path="", attn_implementation=None)
        own["dtype"] = _dtype_name(values.pop("torch_dtype", None))
        if values.get("dtype") is not None:
            own["dtype"] = _dtype_name(values["dtype"])
        for name in ("dtype", "model_type"):
            values.pop(name, None)
        labels = {name: values.pop(name, None) for name in LABELS}
        rope = {name: values.pop(name, None) for name in ROPE}
        if "rope_parameters" in self.defaults:
            rope["rope_parameters"] = values.pop("rope_parameters", None)
        own.update({self.attribute_map.get(name, name): value for name, value in values.items() if self._kept(name)})
        self.__dict__.update(own)
        if "rope_parameters" in self.defaults:
            self.rope_parameters = rope_parameters(self, rope)
        self._label(**labels)
        if self.problem_type is not None and self.problem_type not in PROBLEM_TYPES:
            raise ValueError(
                f"problem_type={self.problem_type!r} is none of {', '.join(PROBLEM_TYPES)}."
                f"{near(str(self.problem_type), PROBLEM_TYPES)}"
            )
        settle = type(self).settle
        if settle is not None:
            settle(self)

    def _kept(self, name: str) -> bool:
        """Whether a name is part of the config; most that begin with an underscore are not."""
        return name[0] != "_" or name in self.defaults

    def _label(self, num_labels: int | None, id2label: Mapping | None, label2id: Mapping | None) -> None:
        """Set both tables of labels from whichever is given."""
        if id2label is None and label2id is not None:
            id2label = {int(number): name for name, number in label2id.items()}
        if id2label is not None:
            self.id2label = {int(number): name for number, name in id2label.items()}
            if num_labels is not None and num_labels != len(self.id2label):
                raise ValueError(
                    f"num_labels={num_labels}, but id2label names {len(self.id2label)} labels. Leave num_labels out."
                )
            self.label2id = dict(label2id) if label2id else {name: n for n, name in self.id2label.items()}
        elif num_labels is not None:
            self.num_labels = num_labels

    @property
    def num_labels(self) -> int:
        """How many labels; setting another number names them LABEL_0, LABEL_1, ..."""
        return len(self.id2label or ())

    @num_labels.setter
    def num_labels(self, value: int) -> None:
        if value != len(self.id2label or ()):
            self.id2label = {number: f"LABEL_{number}" for number in range(value)}
            self.label2id = {name: number for number, name in self.id2label.items()}

    @property
    def dtype(self) -> torch.dtype | None:
        """The dtype of the checkpoint's weights, where the config says it."""
        name = self.__dict__["dtype"]
        if name is None:
            return None
        import torch

        return getattr(torch, name)

    @dtype.setter
    def dtype(self, value: Any) -> None:
        self.__dict__["dtype"] = _dtype_name(value)

    torch_dtype = dtype  # the name of version 4

    @property
    def rope_scaling(self) -> dict[str, Any] | None:
        """The name of version 4 for rope_parameters."""
        return self.__dict__.get("rope_parameters")

    @rope_scaling.setter
    def rope_scaling(self, value: dict[str, Any] | None) -> None:
        self.rope_parameters = rope_parameters(self, {"rope_scaling": value or self.rope_scaling})

    @property
    def use_return_dict(self) -> bool:
        """The name of version 4 for return_dict."""
        return self.return_dict

    def get_text_config(self, **_: Any) -> PretrainedConfig:
        """The part of the config that is about text: the whole."""
        return self

    def __getattr__(self, name: str) -> Any:
        if name in type(self).attribute_map:
            return getattr(self, type(self).attribute_map[name])
        if name in _UNDERSCORED:
            return self.__dict__[name[1:]]
        if name in ROPE[1:] and name in (self.__dict__.get("rope_parameters") or ()):
            return self.rope_parameters[name]
        raise AttributeError(
            f"{type(self).__name__} has no {name!r}.{near(name, (*self.__dict__, *self.attribute_map))}"
        )

    def __setattr__(self, name: str, value: Any) -> None:
        name = name[1:] if name in _UNDERSCORED else name
        super().__setattr__(type(self).attribute_map.get(name, name), value)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self):
        return iter(self.__dict__)

    def update(self, values: Mapping[str, Any]) -> None:
        """Set several attributes."""
        for name, value in values.items():
            setattr(self, name, value)

    def to_dict(self) -> dict[str, Any]:
        """Everything, defaults included, as plain values."""
        values = {
            name: _plain(value) for name, value in self.__dict__.items() if name not in _PRIVATE and self._kept(name)
        }
        return copy.deepcopy({**values, "model_type": self.model_type})

    def to_diff_dict(self) -> dict[str, Any]:
        """What a config.json holds: all of the family's own values, and the common ones that are not the default."""
        return {
            name: value
            for name, value in self.to_dict().items()
            if name in self.defaults or name not in COMMON or value != COMMON[name]
        }

    def to_json_string(self, use_diff: bool = True) -> str:
        """The text of a config.json: sorted, indented by two, one newline at the end."""
        values = _to_json(self.to_diff_dict() if use_diff else self.to_dict())
        return json.dumps(values, indent=2, sort_keys=True) + "\n"

    def to_json_file(self, json_file_path: str | os.PathLike, use_diff: bool = True) -> None:
        """Write `to_json_string` to a file, all or nothing."""
        with replacing(json_file_path, "w", encoding="utf-8") as file:
            file.write(self.to_json_string(use_diff))

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.to_json_string()}"

    def save_pretrained(self, save_directory: str | os.PathLike, push_to_hub: bool = False, **push: Any) -> None:
        """Write config.json into a folder, which is made where it is missing; `push_to_hub=True` pushes it too."""
        self.to_json_file(Path(save_directory) / "config.json")
        if push_to_hub:
            from bearhug.hub.client import push_folder

            push_folder(save_directory, push.pop("repo_id", Path(save_directory).name), **push)

    def push_to_hub(self, repo_id: str, **push: Any) -> Any:
        """Push config.json in one commit; the options are those of `bearhug.hub.client.push_folder`."""
        from bearhug.hub.client import push_folder

        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            return push_folder(folder, repo_id, **push)

    @classmethod
    def from_dict(cls, config_dict: Mapping[str, Any], **overrides: Any) -> PretrainedConfig:
        """From a config.json's content; unlike construction, unknown names are kept as they are."""
        config = cls.__new__(cls)
        config._fill({**_from_json(_without_overridden_labels(config_dict, overrides)), **overrides})
        return config

    @classmethod
    def from_json_file(cls, json_file: str | os.PathLike) -> PretrainedConfig:
        """From a file."""
        from bearhug.models.auto_config import read_json

        return cls.from_dict(read_json(Path(json_file)))

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike, **options: Any) -> Any:
        """The config of a folder, a file or a name; see `AutoConfig.from_pretrained` for the options.

        A config of another family is read with this family's names, as the reference does, and a line says so.
        """
        from bearhug.models.auto_config import load_config

        return load_config(pretrained_model_name_or_path, cls, **options)


def _to_json(value: Any) -> Any:
    """Numbers that JSON lacks as the reference writes them: {"__float__": "Infinity"}."""
    if isinstance(value, dict):
        return {name: _to_json(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"__float__": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    return value


def _from_json(value: Any) -> Any:
    """And back."""
    if isinstance(value, dict):
        if value.keys() == {"__float__"}:
            return float(value["__float__"])
        return {name: _from_json(one) for name, one in value.items()}
    return [_from_json(one) for one in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    """A config within a config as a dict, with the names that the reference gives it."""
    if not isinstance(value, PretrainedConfig):
        return value
    values = value.to_dict() | {"_name_or_path": ""}
    del values["transformers_version"]
    return values


def rope_parameters(config: PretrainedConfig, old: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of rotary positions in version 5's form, from that or from version 4's.

    What neither says comes from the family's defaults: all of them where nothing is given, else the base and the part
    of a head that is turned. Defaults by kinds of layers give such parameters; version 4's then mean "full_attention".
    """
    usual = config.defaults["rope_parameters"] or {}
    given = old.get("rope_scaling") or old.get("rope_parameters") or {}
    if not any(isinstance(value, Mapping) for value in usual.values()):
        return _rope_of_a_kind(config, given, usual, old)
    if not any(isinstance(value, Mapping) for value in given.values()):
        given = {FULL: given}
    return {
        kind: _rope_of_a_kind(config, given.get(kind) or {}, values, old if kind == FULL else {})
        for kind, values in usual.items()
    }


def _rope_of_a_kind(
    config: PretrainedConfig, given: Mapping[str, Any], usual: Mapping[str, Any], old: Mapping[str, Any]
) -> dict[str, Any]:
    values = dict(given or usual)
    values["rope_type"] = values.get("rope_type") or values.get("type") or "default"
    values.pop("type", None)
    for name, default in (("rope_theta", 10000.0), ("partial_rotary_factor", None)):
        value = given.get(name) or old.get(name) or usual.get(name, default)
        if value is not None:
            values[name] = value
    if values["rope_type"] in ("llama3", "yarn", "longrope"):
        trained = config.__dict__.get("original_max_position_embeddings")
        if trained is not None:
            values["original_max_position_embeddings"] = trained
        values.setdefault("original_max_position_embeddings", config.max_position_embeddings)
    return values


def _without_overridden_labels(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A given number or table of labels replaces what the file says of them, unless the number is the file's own."""
    given = {name: overrides[name] for name in LABELS if overrides.get(name) is not None}
    if not given or given == {"num_labels": len(values.get("id2label") or (0, 1))}:
        return {name: value for name, value in values.items() if name != "num_labels" or not values.get("id2label")}
    return {name: value for name, value in values.items() if name not in LABELS}


def _dtype_name(value: Any) -> str | None:
    """`torch.float16`, "torch.float16" and "float16" are "float16"."""
    return None if value is None else str(value).removeprefix("torch.")
