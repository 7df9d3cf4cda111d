"""What an adapter says of itself: adapter_config.json, under PEFT's names."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from bearhug._lib.files import replacing
from bearhug.hub.client import Repo, open_repo

CONFIG = "adapter_config.json"
WRITTEN_ANYWAY = {"peft_type": "LORA", "auto_mapping": None, "megatron_config": None, "megatron_core": "megatron.core"}


@dataclass
class LoraConfig:
    """What an adapter changes and how; the names and defaults are PEFT's.

    Args:
        r: the rank.
        lora_alpha: the scale is lora_alpha / r, with `use_rslora` lora_alpha / sqrt(r).
        target_modules: ends of Hugging Face's module names, one regular expression for whole names, "all-linear", or
            None: queries and values.
        exclude_modules: the same, of those that are left out.
        modules_to_save: modules that are trained and saved whole.
        rank_pattern, alpha_pattern: other values for modules whose names end so.
        layers_to_transform, layers_pattern: only these layers.
        bias: "none", "all" or "lora_only": which biases are trained too.
        fan_in_fan_out: accepted; here the checkpoint says how a matrix is stored.
        use_dora: each row of the sum has a length of its own.
        init_lora_weights: True starts with no change, "gaussian" too, False with a random one.
        lora_bias: B has a bias.
    """

    r: int = 8
    lora_alpha: float = 8
    target_modules: list[str] | str | None = None
    exclude_modules: list[str] | str | None = None
    lora_dropout: float = 0.0
    fan_in_fan_out: bool = False
    bias: str = "none"
    use_rslora: bool = False
    modules_to_save: list[str] | None = None
    init_lora_weights: bool | str = True
    layers_to_transform: list[int] | int | None = None
    layers_pattern: list[str] | str | None = None
    rank_pattern: dict[str, int] = field(default_factory=dict)
    alpha_pattern: dict[str, float] = field(default_factory=dict)
    use_dora: bool = False
    lora_bias: bool = False
    task_type: str | None = None
    inference_mode: bool = False
    base_model_name_or_path: str | None = None
    revision: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.r, int) or self.r <= 0:
            raise ValueError(f"r={self.r!r} is no rank; expected a whole number above 0, such as r=8.")
        if self.bias not in ("none", "all", "lora_only"):
            raise ValueError(f"bias={self.bias!r} is none of 'none', 'all', 'lora_only'.")
        if self.init_lora_weights not in (True, False, "gaussian"):
            raise ValueError(f"init_lora_weights={self.init_lora_weights!r} is none of True, False, 'gaussian'.")
        for name in ("target_modules", "exclude_modules", "modules_to_save"):
            if isinstance(getattr(self, name), set | tuple):
                setattr(self, name, sorted(getattr(self, name)))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LoraConfig:
        """From an adapter_config.json.

        Raises:
            ValueError: it describes no LoRA, or one with parts that are not known here.
        """
        if values.get("peft_type", "LORA") != "LORA":
            raise ValueError(f"the adapter is of the type {values['peft_type']!r}; LORA is the one that can be read.")
        known = {item.name for item in fields(cls)}
        harmless = {*WRITTEN_ANYWAY, "peft_version", "runtime_config", "qalora_group_size", "ensure_weight_tying"}
        odd = [
            name
            for name, value in values.items()
            if name not in known | harmless and value not in (None, False, {}, [])
        ]
        if odd:
            raise ValueError(f"the adapter has {odd[0]}={values[odd[0]]!r}, which is not known here.")
        given = {name: value for name, value in values.items() if name in known and value is not None}
        return cls(**given)

    @classmethod
    def from_pretrained(cls, name: str | os.PathLike, **place: Any) -> LoraConfig:
        """The config of an adapter's folder or name."""
        return cls.from_dict(read_config(open_repo(name, **place)))

    def to_dict(self) -> dict[str, Any]:
        """As an adapter_config.json has it."""
        return {**WRITTEN_ANYWAY, **asdict(self)}

    def save_pretrained(self, folder: str | os.PathLike) -> None:
        """Write adapter_config.json."""
        with replacing(Path(folder) / CONFIG, "w", encoding="utf-8") as file:
            file.write(json.dumps(self.to_dict(), indent=2, sort_keys=True))


def read_config(repo: Repo) -> dict[str, Any]:
    """An adapter_config.json.

    Raises:
        OSError: there is none.
        ValueError: it is no JSON.
    """
    path = repo.path(CONFIG)
    if path is None:
        raise OSError(
            f"{repo.name!r} has no {CONFIG}, so it is no adapter.\n"
            "An adapter's folder is written by model.save_pretrained(folder)."
        )
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}.") from None


def base_of(name: Any, place: Mapping[str, Any]) -> str | None:
    """The model that an adapter's folder or repository was made for; None: it is no adapter alone.

    Raises:
        ValueError: it does not say.
    """
    try:
        repo = open_repo(name, **place)
        if repo.folder is None and repo.path("config.json") is not None:
            return None
        if repo.path(CONFIG) is None:
            return None
    except (OSError, TypeError):
        return None
    base = read_config(repo).get("base_model_name_or_path")
    if not base:
        if repo.path("config.json") is not None:
            return None
        raise ValueError(
            f"{repo.name!r} is an adapter, and does not say for which model.\n"
            "Load that model, then the adapter: model.load_adapter(folder)."
        )
    return base
