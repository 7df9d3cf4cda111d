"""A checkpoint's config.json under its own names, with every default filled in, and written back."""

from __future__ import annotations

import copy
import json
import math
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bearhug._lib.errors import near
from bearhug._lib.files import replacing
from bearhug.hub.client import Repo, push_folder

if TYPE_CHECKING:
    import torch

FULL = "full_attention"  # the kind of all layers where a config names none
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


class StoredConfig:
    """What a config.json holds, as attributes; a family's class says its names, defaults and what follows from them."""

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

    def get_text_config(self, **_: Any) -> StoredConfig:
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
            push_folder(save_directory, push.pop("repo_id", Path(save_directory).name), **push)

    def push_to_hub(self, repo_id: str, **push: Any) -> Any:
        """Push config.json in one commit; the options are those of `bearhug.hub.client.push_folder`."""
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            return push_folder(folder, repo_id, **push)

    @classmethod
    def from_dict(cls, config_dict: Mapping[str, Any], **overrides: Any) -> StoredConfig:
        """From a config.json's content; unlike construction, unknown names are kept as they are."""
        config = cls.__new__(cls)
        config._fill({**_from_json(_without_overridden_labels(config_dict, overrides)), **overrides})
        return config

    @classmethod
    def from_json_file(cls, json_file: str | os.PathLike) -> StoredConfig:
        """From a file."""
        return cls.from_dict(read_json(Path(json_file)))


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
    if not isinstance(value, StoredConfig):
        return value
    values = value.to_dict() | {"_name_or_path": ""}
    del values["transformers_version"]
    return values


def rope_parameters(config: StoredConfig, old: Mapping[str, Any]) -> dict[str, Any]:
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
    config: StoredConfig, given: Mapping[str, Any], usual: Mapping[str, Any], old: Mapping[str, Any]
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


def repo_config(repo: Repo) -> dict[str, Any]:
    """The content of a repository's config.json.

    Raises:
        OSError: it has none.
        ValueError: it is no JSON object.
    """
    path = repo.path("config.json")
    if path is None:
        raise OSError(
            f"{repo.name!r} has no config.json, so it is no model.\n"
            "A model's folder is written by model.save_pretrained(folder)."
        )
    return read_json(path)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object out of a file.

    Raises:
        ValueError: the file is cut short or holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}. The file may be cut short; fetch it again.") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path} holds a JSON {type(values).__name__}, expected an object.")
    return values
