"""AutoConfig: the config of a folder, a file or a name, whatever the architecture. Needs no torch."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from bearhug._lib.errors import near
from bearhug.checkpoints.config import COMMON, TOLERATED, read_json, repo_config
from bearhug.checkpoints.gguf.model import gguf_path, is_gguf, read_config
from bearhug.checkpoints.where import where
from bearhug.hub.client import open_repo
from bearhug.models.config import PretrainedConfig
from bearhug.models.recipes import config_class

log = logging.getLogger("bearhug")


class AutoConfig:
    """Configs of any architecture."""

    def __init__(self, *_: Any, **__: Any):
        raise OSError("AutoConfig is made by AutoConfig.from_pretrained(name) or AutoConfig.for_model(model_type).")

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike, **options: Any) -> Any:
        """The config of a folder, a config.json or a name.

        Args:
            pretrained_model_name_or_path: where to look.
            options: revision, token, cache_dir, subfolder, local_files_only, force_download; any attribute of the
                config; gguf_file, a file of the folder; return_unused_kwargs=True gives (config, what was neither).
        """
        return load_config(pretrained_model_name_or_path, **options)

    @classmethod
    def for_model(cls, model_type: str, **values: Any) -> PretrainedConfig:
        """A config with an architecture's defaults."""
        return config_class(model_type)(**values)


def load_config(
    name: str | os.PathLike,
    cls: type[PretrainedConfig] | None = None,
    return_unused_kwargs: bool = False,
    **options: Any,
) -> Any:
    """Read a config.json; the family's class comes from its model_type where `cls` is None."""
    place, gguf_file = where(options), options.pop("gguf_file", None)
    if is_gguf(name):
        values, source = gguf_config(Path(name)), str(name)
    elif Path(name).is_file():
        values, source = read_json(Path(name)), str(name)
    else:
        repo = open_repo(name, **place)
        values, source = repo_config(repo) if gguf_file is None else gguf_config(gguf_path(repo, gguf_file)), repo.name
    return config_from(values, source, cls, return_unused_kwargs, options)


def config_from(
    values: dict[str, Any],
    source: str,
    cls: type[PretrainedConfig] | None,
    return_unused_kwargs: bool,
    overrides: dict[str, Any],
) -> Any:
    """A config object from the content of a config.json, with overrides.

    Raises:
        ValueError: the model_type is missing or has no recipe.
        TypeError: an override names no attribute of the config.
    """
    model_type = values.get("model_type")
    if cls is None or not cls.model_type:
        if model_type is None:
            raise ValueError(f"the config.json of {source!r} has no model_type, so its architecture is unknown.")
        cls = config_class(model_type)
    elif model_type not in (None, cls.model_type):
        log.warning("%r is a %s checkpoint and is read as %s.", source, model_type, cls.model_type)
    known = {*COMMON, *cls.defaults, *cls.attribute_map, *TOLERATED, *values}
    unused = {name: overrides.pop(name) for name in list(overrides) if name not in known}
    if unused and not return_unused_kwargs:
        name = next(iter(unused))
        raise TypeError(
            f"from_pretrained got {name!r}, which is neither an option nor an attribute of {cls.__name__}."
            f"{near(name, known)}"
        )
    config = cls.from_dict(values, **overrides)
    config.name_or_path = source
    return (config, unused) if return_unused_kwargs else config


def gguf_config(path: Path) -> dict[str, Any]:
    """What a config.json of the model in a GGUF file would hold."""
    return read_config(path, config_class)
