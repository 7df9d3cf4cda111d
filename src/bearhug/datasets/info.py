"""What is known of a data set besides its rows: dataset_info.json, and the `dataset_info` of a README."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from bearhug._lib.files import replacing
from bearhug.datasets.features import Features
from bearhug.datasets.splits import NamedSplit, SplitDict
from bearhug.datasets.version import Version


@dataclass
class SupervisedKeysData:
    """The columns that go in and that should come out."""

    input: str = ""
    output: str = ""


@dataclass
class PostProcessedInfo:
    """What old files say of a processing afterwards."""

    features: Features | None = None
    resources_checksums: dict | None = None

    def __post_init__(self) -> None:
        if self.features is not None and not isinstance(self.features, Features):
            self.features = Features.from_dict(self.features)

    @classmethod
    def from_dict(cls, post_processed_info_dict: dict) -> PostProcessedInfo:
        """The info of its fields' dict; fields that are not known are left out."""
        return cls(**_known(cls, post_processed_info_dict))


@dataclass
class DatasetInfo:
    """Description, licence, features, splits and sizes (in bytes) of a data set, in the field's names."""

    description: str = field(default_factory=str)
    citation: str = field(default_factory=str)
    homepage: str = field(default_factory=str)
    license: str = field(default_factory=str)
    features: Features | None = None
    post_processed: PostProcessedInfo | None = None
    supervised_keys: SupervisedKeysData | None = None
    builder_name: str | None = None
    dataset_name: str | None = None
    config_name: str | None = None
    version: str | Version | None = None
    splits: SplitDict | None = None
    download_checksums: dict | None = None
    download_size: int | None = None
    post_processing_size: int | None = None
    dataset_size: int | None = None
    size_in_bytes: int | None = None

    _INCLUDED_INFO_IN_YAML: ClassVar[list[str]] = [
        "config_name", "download_size", "dataset_size", "features", "splits"
    ]  # fmt: skip

    def __post_init__(self) -> None:
        if self.features is not None and not isinstance(self.features, Features):
            self.features = Features.from_dict(self.features)
        if self.post_processed is not None and not isinstance(self.post_processed, PostProcessedInfo):
            self.post_processed = PostProcessedInfo.from_dict(self.post_processed)
        if self.version is not None and not isinstance(self.version, Version):
            self.version = Version(self.version) if isinstance(self.version, str) else Version.from_dict(self.version)
        if self.splits is not None and not isinstance(self.splits, SplitDict):
            self.splits = SplitDict.from_split_dict(self.splits)
        keys: Any = self.supervised_keys
        if isinstance(keys, tuple | list):
            self.supervised_keys = SupervisedKeysData(*keys)
        elif isinstance(keys, dict):
            self.supervised_keys = SupervisedKeysData(**keys)

    def __repr__(self) -> str:
        shown = [f"{key}={value!r}" for key, value in self._set().items()]
        return f"DatasetInfo({', '.join(shown)})"

    def _set(self) -> dict[str, Any]:
        return {one.name: value for one in dataclasses.fields(self) if (value := getattr(self, one.name))}

    def copy(self) -> DatasetInfo:
        """A deep copy."""
        return copy.deepcopy(self)

    def update(self, other_dataset_info: DatasetInfo, ignore_none: bool = True) -> None:
        """Take over the other's fields; those that are None only where they are not ignored."""
        for name, value in vars(other_dataset_info).items():
            if value is not None or not ignore_none:
                setattr(self, name, copy.deepcopy(value))

    def to_dict(self) -> dict:
        """The fields that are set (the four texts always), for JSON."""
        return _plain(self)

    @classmethod
    def from_dict(cls, dataset_info_dict: dict) -> DatasetInfo:
        """The info of `to_dict`'s dict; fields that are not known are left out."""
        return cls(**_known(cls, dataset_info_dict))

    @classmethod
    def from_directory(cls, dataset_info_dir: str | os.PathLike, storage_options: dict | None = None) -> DatasetInfo:
        """Read `dataset_info.json` in a folder (with `storage_options`, one that fsspec knows).

        Raises:
            FileNotFoundError: the folder has none.
        """
        if not dataset_info_dir:
            raise ValueError("Calling DatasetInfo.from_directory() with undefined dataset_info_dir.")
        if _is_remote(dataset_info_dir):
            text = _fsspec().open(f"{dataset_info_dir}/dataset_info.json", "r", **(storage_options or {}))
            with text as file:
                return cls.from_dict(json.load(file))
        return cls.from_dict(json.loads(Path(dataset_info_dir, "dataset_info.json").read_text("utf-8")))

    def write_to_directory(
        self, dataset_info_dir: str | os.PathLike, pretty_print: bool = False, storage_options: dict | None = None
    ) -> None:
        """Write `dataset_info.json` (and LICENSE, where the licence is known) into a folder."""
        texts = {"dataset_info.json": json.dumps(self.to_dict(), indent=4 if pretty_print else None)}
        if self.license:
            texts["LICENSE"] = self.license
        for name, text in texts.items():
            if _is_remote(dataset_info_dir):
                with _fsspec().open(f"{dataset_info_dir}/{name}", "w", **(storage_options or {})) as file:
                    file.write(text)
            else:
                with replacing(Path(dataset_info_dir, name), "w", encoding="utf-8") as file:
                    file.write(text)

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
        out = {key: value for key, value in self.to_dict().items() if key in self._INCLUDED_INFO_IN_YAML}
        if self.features is not None:
            out["features"] = self.features._to_yaml_list()
        if self.splits is not None:
            out["splits"] = self.splits._to_yaml_list()
        return out

    @classmethod
    def _from_yaml_dict(cls, yaml_data: dict) -> DatasetInfo:
        data = copy.deepcopy(yaml_data)
        if data.get("features") is not None:
            data["features"] = Features._from_yaml_list(data["features"])
        if data.get("splits") is not None:
            data["splits"] = SplitDict.from_split_dict(data["splits"])
        return cls.from_dict(data)


class DatasetInfosDict(dict):
    """Configuration -> DatasetInfo: the `dataset_info` of a README, or an old dataset_infos.json."""

    @classmethod
    def from_directory(cls, dataset_infos_dir: str | os.PathLike) -> DatasetInfosDict:
        """Read a folder's README.md, or where it says nothing, its dataset_infos.json."""
        folder = Path(dataset_infos_dir)
        found = cls.from_dataset_card_data(front_matter(folder / "README.md")[0])
        if found or not (folder / "dataset_infos.json").is_file():
            return found
        old = json.loads((folder / "dataset_infos.json").read_text("utf-8"))
        return cls({name: DatasetInfo.from_dict(one) for name, one in old.items()})

    @classmethod
    def from_dataset_card_data(cls, dataset_card_data: Any) -> DatasetInfosDict:
        """Read the front matter of a README."""
        infos = dataset_card_data.get("dataset_info")
        out = cls()
        for one in [infos] if isinstance(infos, dict) else infos or []:
            info = DatasetInfo._from_yaml_dict(one)
            info.config_name = one.get("config_name", "default")
            out[info.config_name] = info
        return out

    def to_dataset_card_data(self, dataset_card_data: Any) -> None:
        """Write into the front matter of a README, beside the configurations that it names already."""
        old = dataset_card_data.get("dataset_info") or []
        lines = {one.get("config_name", "default"): one for one in ([old] if isinstance(old, dict) else old)}
        for name, info in self.items():
            lines[name] = info._to_yaml_dict()
        named = [
            {"config_name": name, **{k: v for k, v in one.items() if k != "config_name"}}
            for name, one in sorted(lines.items())
        ]
        if len(named) == 1 and named[0]["config_name"] == "default":
            del named[0]["config_name"]
        if named:
            dataset_card_data["dataset_info"] = named[0] if len(named) == 1 else named

    def write_to_directory(
        self, dataset_infos_dir: str | os.PathLike, overwrite: bool = False, pretty_print: bool = False
    ) -> None:
        """Write into a folder's README.md (and its dataset_infos.json, where it has one).

        Args:
            overwrite: leave out the configurations that the folder knows already.
        """
        import yaml

        folder = Path(dataset_infos_dir)
        infos = DatasetInfosDict() if overwrite else DatasetInfosDict.from_directory(folder)
        infos.update(self)
        if (folder / "dataset_infos.json").exists():
            with replacing(folder / "dataset_infos.json", "w", encoding="utf-8") as file:
                json.dump({k: one.to_dict() for k, one in infos.items()}, file, indent=4 if pretty_print else None)
        if infos:
            matter, body = front_matter(folder / "README.md")
            infos.to_dataset_card_data(matter)
            with replacing(folder / "README.md", "w", encoding="utf-8") as file:
                file.write(f"---\n{yaml.safe_dump(matter, sort_keys=False, allow_unicode=True)}---\n{body}")


class Described:
    """What a data set says of itself, taken from its info."""

    _info: DatasetInfo
    _split: NamedSplit | None

    @property
    def info(self) -> DatasetInfo:
        """Description, features, splits, sizes."""
        return self._info

    @property
    def split(self) -> NamedSplit | None:
        """The split's name, where the rows are one."""
        return self._split

    @property
    def builder_name(self) -> str | None:
        """The name of what read the files."""
        return self._info.builder_name

    @property
    def citation(self) -> str:
        """How to cite it."""
        return self._info.citation

    @property
    def config_name(self) -> str | None:
        """The configuration."""
        return self._info.config_name

    @property
    def dataset_size(self) -> int | None:
        """The bytes of all splits in Arrow."""
        return self._info.dataset_size

    @property
    def description(self) -> str:
        """What it is."""
        return self._info.description

    @property
    def download_checksums(self) -> dict | None:
        """The files that were fetched, with their checksums."""
        return self._info.download_checksums

    @property
    def download_size(self) -> int | None:
        """The bytes of the files that were fetched."""
        return self._info.download_size

    @property
    def homepage(self) -> str:
        """Its page."""
        return self._info.homepage

    @property
    def license(self) -> str:
        """Its licence."""
        return self._info.license

    @property
    def size_in_bytes(self) -> int | None:
        """The bytes of the files and of the rows in Arrow together."""
        return self._info.size_in_bytes

    @property
    def supervised_keys(self) -> Any:
        """The columns that go in and that should come out."""
        return self._info.supervised_keys

    @property
    def version(self) -> Any:
        """The version."""
        return self._info.version


def front_matter(path: Path) -> tuple[dict, str]:
    """The YAML at the head of a README, and the text after it; empty where there is none."""
    import yaml

    text = path.read_text("utf-8") if path.is_file() else ""
    parts = text.split("---", 2)
    if text.startswith("---") and len(parts) == 3:
        return yaml.safe_load(parts[1]) or {}, parts[2].removeprefix("\n")
    return {}, text


def _known(kind: Any, data: dict) -> dict:
    names = {one.name for one in dataclasses.fields(kind)}
    return {key: value for key, value in data.items() if key in names}


def _plain(value: Any) -> Any:
    """Dataclasses as dicts, without the fields that are None, at any depth."""
    if isinstance(value, Features):
        return value.to_dict()
    if hasattr(value, "to_dict") and not isinstance(value, DatasetInfo):
        return value.to_dict()
    if dataclasses.is_dataclass(value):
        items = ((one.name, getattr(value, one.name)) for one in dataclasses.fields(value))
        return {name: _plain(one) for name, one in items if one is not None}
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return value


def _is_remote(folder: Any) -> bool:
    return isinstance(folder, str) and "://" in folder


def _fsspec() -> Any:
    import fsspec

    return fsspec
