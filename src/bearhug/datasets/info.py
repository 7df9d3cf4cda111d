"""What is known of a data set besides its rows: dataset_info.json, and the `dataset_info` of a README."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bearhug.datasets.features import Features
from bearhug.datasets.splits import SplitDict, SplitInfo

IN_YAML = ("config_name", "download_size", "dataset_size", "features", "splits")


@dataclass
class DatasetInfo:
    """Description, licence, features, splits and sizes (in bytes) of a data set, in the field's names."""

    description: str = ""
    citation: str = ""
    homepage: str = ""
    license: str = ""
    features: Features | None = None
    post_processed: Any = None
    supervised_keys: Any = None
    builder_name: str | None = None
    dataset_name: str | None = None
    config_name: str | None = None
    version: Any = None
    splits: SplitDict | None = None
    download_checksums: dict | None = None
    download_size: int | None = None
    post_processing_size: int | None = None
    dataset_size: int | None = None
    size_in_bytes: int | None = None

    def __post_init__(self) -> None:
        if self.features is not None and not isinstance(self.features, Features):
            self.features = Features.from_dict(self.features)
        if self.splits is not None and not isinstance(self.splits, SplitDict):
            self.splits = SplitDict.from_split_dict(self.splits)

    def __repr__(self) -> str:
        shown = [f"{key}={value!r}" for key, value in self._set().items()]
        return f"DatasetInfo({', '.join(shown)})"

    def _set(self) -> dict[str, Any]:
        return {one.name: value for one in dataclasses.fields(self) if (value := getattr(self, one.name))}

    def copy(self) -> DatasetInfo:
        """A deep copy."""
        return copy.deepcopy(self)

    def to_dict(self) -> dict:
        """The fields that are set (the four texts always), for JSON."""
        out: dict[str, Any] = {}
        for one in dataclasses.fields(self):
            value = getattr(self, one.name)
            if value is None:
                continue
            if isinstance(value, Features):
                value = value.to_dict()
            elif isinstance(value, SplitDict):
                value = {name: split.to_dict() for name, split in value.items()}
            out[one.name] = value
        return out

    @classmethod
    def from_dict(cls, dataset_info_dict: dict) -> DatasetInfo:
        """The info of `to_dict`'s dict; fields that are not known are left out."""
        known = {one.name for one in dataclasses.fields(cls)}
        return cls(**{key: value for key, value in dataset_info_dict.items() if key in known})

    @classmethod
    def from_directory(cls, dataset_info_dir: str | os.PathLike) -> DatasetInfo:
        """Read `dataset_info.json` in a folder."""
        return cls.from_dict(json.loads(Path(dataset_info_dir, "dataset_info.json").read_text("utf-8")))

    def write_to_directory(self, dataset_info_dir: str | os.PathLike, pretty_print: bool = False) -> None:
        """Write `dataset_info.json` into a folder."""
        from bearhug._lib.files import replacing

        with replacing(Path(dataset_info_dir, "dataset_info.json"), "w", encoding="utf-8") as file:
            json.dump(self.to_dict(), file, indent=4 if pretty_print else None)

    @classmethod
    def from_merge(cls, dataset_infos: list[DatasetInfo]) -> DatasetInfo:
        """One info for data sets that are joined: their texts joined, the rest only where all agree."""
        infos = [info.copy() for info in dataset_infos if info is not None]
        if infos and all(info == infos[0] for info in infos):
            return infos[0]

        def joined(name: str) -> str:
            return "\n\n".join(dict.fromkeys(getattr(info, name) for info in infos)).strip()

        return cls(joined("description"), joined("citation"), joined("homepage"), joined("license"))

    def _to_yaml_dict(self) -> dict:
        out = {}
        for key, value in self.to_dict().items():
            if key not in IN_YAML:
                continue
            if key == "features":
                value = self.features._to_yaml_list() if self.features is not None else None
            elif key == "splits":
                value = self.splits._to_yaml_list() if self.splits is not None else None
            out[key] = value
        return out

    @classmethod
    def _from_yaml_dict(cls, data: dict) -> DatasetInfo:
        data = dict(data)
        if data.get("features") is not None:
            data["features"] = Features._from_yaml_list(data["features"])
        if data.get("splits") is not None:
            data["splits"] = SplitDict.from_split_dict([SplitInfo.from_dict(one) for one in data["splits"]])
        return cls.from_dict(data)
