"""Which files are which split, and how they are read: from a format and files, a folder, or a repository's README."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bearhug._lib.errors import near
from bearhug.datasets import patterns, remote
from bearhug.datasets.errors import DataFilesNotFoundError, DatasetNotFoundError, DatasetUnreachableError
from bearhug.datasets.features import Features
from bearhug.datasets.info import DatasetInfo
from bearhug.datasets.readers import BESIDE, ENDINGS, FORMATS, endings_of, module_of, options_of


@dataclass(frozen=True, eq=False)
class RepositoryFile:
    """A file of a repository of the hub: fetched when it is wanted."""

    repo: Any
    name: str

    def path(self) -> Path:
        """Where it lies on this machine.

        Raises:
            FileNotFoundError: the repository has no such file.
        """
        found = self.repo.path(self.name)
        if found is None:
            raise FileNotFoundError(f"{self.repo.name!r} has no file {self.name!r}.")
        return Path(found)

    def version(self) -> str:
        """The hash of its content, where the list of files says it."""
        entry = (self.repo._known_listing() or {}).get(self.name) or {}
        return str(entry.get("blob_id") or "")

    def __str__(self) -> str:
        return f"hf://datasets/{self.repo.name}/{self.name}"


@dataclass(frozen=True, eq=False)
class Together(RepositoryFile):
    """A file that is read only with others of its repository beside it."""

    beside: tuple[RepositoryFile, ...] = ()

    def path(self) -> Path:
        """Where it lies on this machine, the others beside it."""
        for one in self.beside:
            one.path()
        return super().path()


File = Path | str | RepositoryFile  # a path of this machine, an address, a file of the hub


@dataclass
class Source:
    """Where a data set comes from: the files of each split, their format, the options to read them with."""

    name: str
    config: str
    kind: str
    files: dict[str, list[File]]
    options: dict[str, Any] = field(default_factory=dict)
    features: Features | None = None
    info: DatasetInfo | None = None
    base: str = ""  # the folder or address that the files' names start from
    configs: list[str] = field(default_factory=list)
    data_dir: str | None = None
    storage_options: dict | None = None
    token: Any = None


@dataclass(frozen=True)
class Asked:
    """What `load_dataset` was asked for, besides the path: the configuration, the files, and how to get at them."""

    name: str | None = None
    data_dir: str | None = None
    data_files: Any = None
    options: dict = field(default_factory=dict)
    revision: str | None = None
    token: Any = None
    fresh: bool = False
    offline: bool = False
    storage_options: dict | None = None


def find(path: str, asked: Asked) -> Source:
    """Say which files are which split, and how they are read.

    Raises:
        DatasetNotFoundError: there is no such data set.
        RuntimeError: it is a loading script.
        ValueError: an unknown configuration.
    """
    if path in FORMATS and not (asked.data_files is None and asked.data_dir is None and Path(path).is_dir()):
        return _packaged(path, asked)
    local = Path(path.removeprefix("file://")).expanduser()
    name = local.name if local.name.endswith(".py") else f"{local.name}.py"
    if path.endswith(".py") or (local / name).is_file():
        raise RuntimeError(
            f"Dataset scripts are no longer supported, but found {name}. No code of a data set is run here.\n"
            "Read its files with load_dataset('csv', data_files=...), or import its builder class and call "
            "download_and_prepare() of it yourself."
        )
    if local.is_file() or remote.is_remote(path):
        found: list[File] = [local] if local.is_file() else [*remote.expand(path, asked.storage_options, asked.token)]
        return _of_files(path, {"train": found}, asked, local.name.split(".")[0])
    from bearhug.hub.client import open_repo
    from bearhug.hub.reach import offline

    try:
        repo = open_repo(
            str(local) if local.is_dir() else path,
            repo_type="dataset",
            revision=asked.revision,
            token=asked.token,
            force_download=asked.fresh,
            local_files_only=asked.offline,
        )
        return _in_repository(repo, path, asked)
    except FileNotFoundError:
        raise
    except OSError as error:
        if path.count("/") > 1 or path.startswith((".", "/", "~")):
            raise DatasetNotFoundError(f"Couldn't find the folder or file {path!r}.{_beside(local)}") from None
        if isinstance(error, ConnectionError) or offline() or asked.offline:
            raise DatasetUnreachableError(
                f"Couldn't reach {path!r} on the Hub, and it is neither here nor in the cache.{near(path, FORMATS)}\n"
                f"{error}\nFiles of your own are read with load_dataset('csv', data_files='my.csv')."
            ) from None
        why = "" if asked.revision is None else f" at revision {asked.revision!r}"
        raise DatasetNotFoundError(
            f"Dataset {path!r}{why} doesn't exist on the Hub or cannot be accessed.{near(path, FORMATS)}\n{error}\n"
            f"Files of your own are read with load_dataset('csv', data_files='my.csv')."
        ) from None


def _beside(path: Path) -> str:
    """The near names in the folder of a path that does not exist."""
    parent = path.parent
    return near(path.name, [one.name for one in parent.iterdir()]) if parent.is_dir() else ""


# ---- a format and files


def _packaged(kind: str, asked: Asked) -> Source:
    """`load_dataset("csv", data_files=...)`."""
    if not getattr(module_of(kind), "FILES", True):
        return Source(kind, asked.name or "default", kind, {"train": []}, dict(asked.options), configs=["default"])
    if asked.data_files is None and asked.data_dir is None:
        ending = next(end for end, (one, _) in ENDINGS.items() if one == kind)
        raise ValueError(
            f"Please specify the data files or data directory to load for the {kind} dataset builder.\n"
            f"For example load_dataset({kind!r}, data_files={{'train': 'train{ending}', 'test': 'test{ending}'}})."
        )
    base = asked.data_dir or "."
    if asked.data_files is None:
        far = remote.is_remote(base)
        listing = remote.below(base, asked.storage_options) if far else patterns.local_files(Path(base).expanduser())
        endings = [*endings_of(kind), *(asked.options.get("metadata_filenames") or ())]
        splits = patterns.splits_of([one for one in listing if patterns.has_ending(one, endings)])
        if not splits:
            raise patterns.empty(base, bool(listing))
        folder = base.rstrip("/")
        files: dict[str, list[File]] = {
            split: [f"{folder}/{one}" if far else Path(base).expanduser() / one for one in found]
            for split, found in splits.items()
        }
    else:
        files = {}
        for split, wanted in patterns.as_splits(asked.data_files).items():
            files[split] = [found for one in wanted for found in _files(one, base, asked)]
    return _made(kind, files, asked, kind, {})


def _files(pattern: str, base: str, asked: Asked) -> list[File]:
    """The files that one path, address or pattern stands for.

    Raises:
        FileNotFoundError: there is none.
    """
    if remote.is_remote(pattern):
        return [
            Path(one) if not remote.is_remote(one) else one
            for one in remote.expand(pattern, asked.storage_options, asked.token)
        ]
    if remote.is_remote(base) and not os.path.isabs(pattern):
        return list(remote.expand(f"{base.rstrip('/')}/{pattern}", asked.storage_options, asked.token))
    found = patterns.find_local(pattern.removeprefix("file://"), Path(base).expanduser())
    if not found:
        raise FileNotFoundError(f"Unable to find {pattern!r} (looked in {Path(base).expanduser().resolve()}).")
    return list(found)


def _of_files(path: str, files: dict[str, list[File]], asked: Asked, name: str) -> Source:
    """Files given by their own names: the format is that of most."""
    names = [_name(one) for found in files.values() for one in found]
    kind, given = _format(names, [one for found in files.values() for one in found], path)
    return _made(kind, files, asked, name, given)


def _made(kind: str, files: dict[str, list[File]], asked: Asked, name: str, given: dict) -> Source:
    options = {**given, **asked.options}
    if kind == "csv" and "sep" not in options and "delimiter" not in options:
        every = [_name(file) for found in files.values() for file in found]
        if every and all(patterns.has_ending(one, (".tsv",)) for one in every):
            options["sep"] = "\t"
    files = {split: _together(kind, found) for split, found in files.items()}
    return _arranged(Source(
        name, asked.name or "default", kind, files, options, base=asked.data_dir or "", configs=["default"],
        data_dir=asked.data_dir, storage_options=asked.storage_options, token=asked.token,
    ))  # fmt: skip


def _arranged(source: Source) -> Source:
    """The source as its format wants it: with features that all files together say, without files that are not read."""
    arrange = getattr(module_of(source.kind), "arrange", None)
    return arrange(source) if arrange is not None else source


def _name(file: File) -> str:
    if isinstance(file, RepositoryFile):
        return file.name
    return str(file).split("::")[0].split("?")[0] if remote.is_remote(file) else Path(file).name


def _together(kind: str, files: list[File]) -> list[File]:
    """The files as the format takes them: a table's folder instead of the files in it."""
    together = getattr(module_of(kind), "together", None)
    if together is None:
        return files
    return together([one.path() if isinstance(one, RepositoryFile) else Path(one) for one in files])


def _format(names: list[str], files: list[File], where: str) -> tuple[str, dict]:
    """The format of most names; of what lies in them where all are zip archives."""
    if patterns.only_archives(names):
        from bearhug.datasets.readers import members

        paths = [file.path() if isinstance(file, RepositoryFile) else file for file in files[:20]]
        inner = [one for path in paths if isinstance(path, Path) for one in members(path)]
        if inner:
            return patterns.format_of(inner, where)
    return patterns.format_of(names, where)


# ---- a repository


def _in_repository(repo: Any, path: str, asked: Asked) -> Source:
    """A repository (a folder, a bundled one, or one of the hub): README first, then names of files and folders."""
    listing = repo.files()
    card = read_card(repo)
    configs, infos = configs_of(card)
    custom = bool(asked.data_files or asked.data_dir)
    config = choose(asked.name, configs, infos, path, custom)
    chosen = configs.get(config, {})
    wanted = patterns.as_splits(asked.data_files) if asked.data_files is not None else None
    if wanted is None and chosen.get("data_files") is not None and asked.data_dir is None:
        wanted = patterns.as_splits(chosen["data_files"])
    folder = (asked.data_dir or chosen.get("data_dir") or "").removeprefix("./").rstrip("/")
    if repo.folder is not None and os.path.isabs(folder):
        raise ValueError(f"`data_dir` must be relative to a dataset directory's root: {path}")
    below = [one[len(folder) + 1 :] for one in listing if one.startswith(folder + "/")] if folder else listing
    if wanted is None:
        splits = patterns.splits_of([one for one in below if patterns.has_ending(one, [*ENDINGS, ".zip", *BESIDE])])
        if not splits:
            raise patterns.empty(os.path.join(path, folder), bool(patterns.matching("**", below)))
    else:
        splits = {}
        for split, several in wanted.items():
            splits[split] = [file for one in several for file in _in_listing(one, below, repo, asked)]
            if not splits[split]:
                where = f" for config {config!r}" if chosen else ""
                raise DataFilesNotFoundError(
                    f"Unable to find {several} for the split {split!r}{where} in {path!r}.{near(several[0], below)}"
                )
    names = [one for found in splits.values() for one in found]
    if patterns.only_archives(names):
        kind, given = _format(names, [_local(repo, path, folder, one) for one in names], path)
    else:
        kind, given = patterns.format_of(names, path)
    files: dict[str, list[File]] = {}
    for split, found in splits.items():
        taken = [one for one in found if patterns.has_ending(one, endings_of(kind)) or Path(one).is_absolute()]
        if taken:
            files[split] = _together(kind, [_local(repo, path, folder, one) for one in taken])
    info = None
    if config in infos and not custom:
        info = DatasetInfo._from_yaml_dict(infos[config])
    features = Features._from_yaml_list(chosen["features"]) if isinstance(chosen.get("features"), list) else None
    features = features or (info.features if info else None)
    known = {key: value for key, value in chosen.items() if key != "features" and key in options_of(kind)}
    return _arranged(Source(
        path, config, kind, files, {**given, **known, **asked.options}, features, info,
        base=str(repo.folder or ""), configs=list(configs) or list(infos) or ["default"],
        data_dir=asked.data_dir or chosen.get("data_dir"), storage_options=asked.storage_options, token=asked.token,
    ))  # fmt: skip


def _local(repo: Any, path: str, folder: str, file: str) -> File:
    if remote.is_remote(file) or Path(file).is_absolute():
        return file if remote.is_remote(file) else Path(file)
    name = f"{folder}/{file}" if folder else file
    if repo.folder is None:
        return RepositoryFile(repo, name)
    local = repo.path(name)
    if local is None:
        raise FileNotFoundError(f"{path!r} has no file {file!r}.")
    return Path(local)


def _in_listing(pattern: str, listing: list[str], repo: Any, asked: Asked) -> list[str]:
    if remote.is_remote(pattern):
        return remote.expand(pattern, asked.storage_options, asked.token)
    if os.path.isabs(pattern):
        return [str(one) for one in patterns.find_local(pattern)]
    found = patterns.matching(pattern, listing)
    if not found and not patterns.is_glob(pattern):
        inner = [
            one for one in patterns.matching(pattern.rstrip("/") + "/**", listing)
            if patterns.has_ending(one, [*ENDINGS, ".zip", *BESIDE])
        ]  # fmt: skip
        found = inner
    if not found and pattern.startswith("../") and repo.folder is not None:
        raise FileNotFoundError(f"{pattern!r} leads out of {str(repo.folder)!r}.")
    return found


def configs_of(card: dict) -> tuple[dict[str, dict], dict[str, dict]]:
    """The configurations that a card names, and what it says of the features and splits of each."""
    configs = {
        one["config_name"]: one for one in card.get("configs") or [] if isinstance(one, dict) and "config_name" in one
    }
    infos = card.get("dataset_info") or []
    infos = {one.get("config_name", "default"): one for one in (infos if isinstance(infos, list) else [infos])}
    return configs, infos


def choose(name: str | None, configs: dict, infos: dict, path: str, custom: bool = False) -> str:
    """The configuration that a name stands for, or the default one.

    Raises:
        ValueError: there is no such configuration, or several and none is the default.
    """
    known = list(configs) or list(infos)
    if name is not None:
        if known and name not in known and not custom:
            raise ValueError(f"BuilderConfig '{name}' not found.{near(name, known)} Available: {known}")
        if not known and name != "default" and not custom:
            raise ValueError(f"BuilderConfig '{name}' not found. Available: ['default']")
        return name
    default = default_config(configs, infos)
    if default is None and len(infos) == 1:
        default = next(iter(infos))
    if default is not None:
        return default
    if custom or not known:
        return "default"
    raise ValueError(
        f"Config name is missing.\nPlease pick one among the available configs: {known}\n"
        f"Example of usage:\n\t`load_dataset({path!r}, {known[0]!r})`"
    )


def default_config(configs: dict, infos: dict) -> str | None:
    """The one configuration, the one marked as default, or the one of that name; else None."""
    known = list(configs) or list(infos)
    if len(known) == 1:
        return known[0]
    marked = [one for one, value in configs.items() if value.get("default")]
    if len(marked) > 1:
        raise ValueError(f"Dataset has several default configs: {marked}. Leave default: true at one of them.")
    return (marked or [one for one in known if one == "default"] or [None])[0]


def read_card(repo: Any) -> dict:
    """The front matter of a repository's README (and `.huggingface.yaml`), as a dict; empty where there is none.

    Raises:
        ValueError: it is no YAML.
    """
    import yaml

    card: dict = {}
    readme = repo.path("README.md")
    text = Path(readme).read_text("utf-8") if readme is not None else ""
    parts = [(readme, text.removeprefix("---").split("\n---", 1)[0])] if text.startswith("---") else []
    if ".huggingface.yaml" in repo.files() and (beside := repo.path(".huggingface.yaml")) is not None:
        parts.append((beside, Path(beside).read_text("utf-8")))
    for file, head in parts:
        try:
            made = yaml.safe_load(head)
        except yaml.YAMLError as error:
            raise ValueError(f"the front matter of {file} is no YAML: {error}") from None
        card.update(made if isinstance(made, dict) else {})
    return card
