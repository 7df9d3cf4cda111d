"""load_dataset: a name, a folder or files -> splits -> Arrow on disk, memory-mapped.

The way: `find` says which files are which split, and how they are read; `prepare` converts them once into the
cache, under a key made of the files (path, size, time) and the options; then the splits are cut as asked for. A
local or cached load opens no socket.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from bearhug._lib.errors import near
from bearhug._lib.files import replacing, replacing_folder
from bearhug._lib.progress import progress
from bearhug.datasets import patterns
from bearhug.datasets.arrow import cast, unwrap
from bearhug.datasets.dataset import Dataset
from bearhug.datasets.dataset_dict import DatasetDict, IterableDatasetDict
from bearhug.datasets.errors import DataFilesNotFoundError, DatasetGenerationError, DatasetNotFoundError
from bearhug.datasets.features import Features
from bearhug.datasets.fingerprint import Fingerprint, Unkeyable, key_of
from bearhug.datasets.info import DatasetInfo
from bearhug.datasets.readers import ENDINGS, FORMATS, check_options, open_files, reader
from bearhug.datasets.splits import ReadInstruction, SplitDict, SplitInfo, unknown_split
from bearhug.datasets.table import Mapped, read_arrow
from bearhug.datasets.writer import ArrowWriter

MODES = ("reuse_dataset_if_exists", "reuse_cache_if_exists", "force_redownload")
LAYOUT = "1"  # counts up when a reader gives other tables than before


@dataclass
class Source:
    """Where a data set comes from: the files of each split, their format, the options to read them with."""

    name: str
    config: str
    kind: str
    files: dict[str, list[Path]]
    options: dict[str, Any] = field(default_factory=dict)
    features: Features | None = None
    info: DatasetInfo | None = None


def cache_folder(cache_dir: str | os.PathLike | None = None) -> Path:
    """Where converted data sets lie: `cache_dir`, HF_DATASETS_CACHE, or HF_HOME/datasets."""
    if cache_dir is not None:
        return Path(cache_dir).expanduser()
    if given := os.environ.get("HF_DATASETS_CACHE"):
        return Path(given).expanduser()
    home = os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    return Path(home).expanduser() / "datasets"


def load_dataset(
    path: str | os.PathLike,
    name: str | None = None,
    data_dir: str | None = None,
    data_files: Any = None,
    split: Any = None,
    cache_dir: str | os.PathLike | None = None,
    features: Features | None = None,
    download_config: Any = None,
    download_mode: str | None = None,
    verification_mode: Any = None,
    keep_in_memory: bool | None = None,
    save_infos: bool = False,
    revision: str | None = None,
    token: bool | str | None = None,
    streaming: bool = False,
    num_proc: int | None = None,
    storage_options: dict | None = None,
    **config_kwargs: Any,
) -> Any:
    """Load a data set from files, a folder, the bundled ones, or the hub.

    Args:
        path: a format ("csv", "json", "parquet", "text", "arrow") with `data_files`; a folder; a file; or a name.
        name: the configuration, where there are several.
        data_dir: a folder inside of it.
        data_files: a path, a glob, a list of them, or a dict split -> those.
        split: "train", "train[:10%]", "train+test", a list of those; None gives all, as a DatasetDict.
        cache_dir: where the converted rows are kept.
        features: the columns' features, in place of what the files say.
        download_mode: "force_redownload" fetches and converts anew.
        keep_in_memory: read the rows into memory instead of mapping them.
        revision, token: of the hub.
        streaming: rows as they are read, without converting: an IterableDataset (IterableDatasetDict).
        **config_kwargs: options of the format, as `sep=";"` for csv or `field="data"` for json.

    Returns:
        DatasetDict, or Dataset where `split` is given, or a list of them where it is a list.

    Raises:
        DatasetNotFoundError (FileNotFoundError): there is no such data set.
        FileNotFoundError: a file or pattern of `data_files` names nothing.
        ValueError: an unknown configuration, split or column; the message names the near ones.
        TypeError: an option that the format does not take.
        DatasetGenerationError: a file that cannot be read; the message names it.
    """
    mode = getattr(download_mode, "value", download_mode)
    if mode not in (None, *MODES):
        raise ValueError(
            f"{download_mode!r} is not a valid DownloadMode.{near(str(mode), MODES)} There are: {', '.join(MODES)}."
        )
    if config_kwargs.pop("trust_remote_code", False):
        print("trust_remote_code=True does nothing here: no code from a repository is run.")
    token = config_kwargs.pop("use_auth_token", token)
    if data_files is not None and not data_files:
        raise ValueError(f"Empty 'data_files': '{data_files}'. It should be either non-empty or None (default).")
    path = os.fspath(path)
    if Path(path, "state.json").exists() or Path(path, "dataset_dict.json").exists():
        raise ValueError(f"{path!r} was written by save_to_disk; open it with load_from_disk({path!r}).")
    fresh = mode == "force_redownload"
    where = {"revision": revision, "token": token, "fresh": fresh, "cache": cache_folder(cache_dir)}
    source = find(path, name, data_dir, data_files, config_kwargs, where)
    source.features = Features(features) if features is not None else source.features
    check_options(source.kind, source.options)
    if streaming:
        if num_proc is not None:
            raise NotImplementedError(
                "streaming=True reads in this process; for more use a DataLoader with num_workers."
            )
        return _streams(source, split)
    prepared = prepare(source, cache_folder(cache_dir), fresh=fresh)
    return _cut(prepared, source, split, bool(keep_in_memory))


# ---- finding


def find(path: str, name: str | None, data_dir: str | None, data_files: Any, options: dict, where: dict) -> Source:
    """Say which files are which split, and how they are read."""
    if path in FORMATS and not (data_files is None and data_dir is None and Path(path).is_dir()):
        return _find_files(path, name, data_dir, data_files, options)
    local = Path(path).expanduser()
    if local.is_file():
        kind, given = patterns.format_of([local.name], path)
        return Source(local.stem, name or "default", kind, {"train": [local]}, {**given, **options})
    from bearhug.hub.client import open_repo

    try:
        repo = open_repo(
            str(local) if local.is_dir() else path,
            repo_type="dataset",
            revision=where["revision"],
            token=where["token"],
            force_download=where["fresh"],
        )
        return _find_in_repo(repo, path, name, data_dir, data_files, options, where)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        hint = near(path, FORMATS)
        if path.count("/") > 1 or path.startswith((".", "/", "~")):
            raise DatasetNotFoundError(f"Couldn't find the folder or file {path!r}.{_beside(local)}") from None
        raise DatasetNotFoundError(
            f"Dataset {path!r} doesn't exist here or on the hub, or cannot be reached.{hint}\n{error}\n"
            f"Files of your own are read with load_dataset('csv', data_files='my.csv')."
        ) from None


def _beside(path: Path) -> str:
    """The near names in the folder of a path that does not exist."""
    parent = path.parent
    return near(path.name, [one.name for one in parent.iterdir()]) if parent.is_dir() else ""


def _find_files(kind: str, name: str | None, data_dir: str | None, data_files: Any, options: dict) -> Source:
    base = Path(data_dir or ".").expanduser()
    if data_files is None:
        if data_dir is None:
            ending = next(end for end, (one, _) in ENDINGS.items() if one == kind)
            raise ValueError(
                f"Please specify the data files or data directory to load for the {kind} dataset builder.\n"
                f"For example load_dataset({kind!r}, data_files={{'train': 'train{ending}', 'test': 'test{ending}'}})."
            )
        listing = [one for one in patterns.local_files(base) if patterns.has_ending(one, _endings(kind))]
        splits = patterns.splits_of(listing)
        if not splits:
            raise patterns.empty(str(base))
        files = {split: [base / one for one in found] for split, found in splits.items()}
    else:
        files = {}
        for split, wanted in patterns.as_splits(data_files).items():
            files[split] = [found for one in wanted for found in patterns.find_local(one, base)]
            if not files[split]:
                raise FileNotFoundError(
                    f"Unable to find {wanted} for the split {split!r} (looked in {base.resolve()})."
                )
    options = dict(options)
    if kind == "csv" and "sep" not in options and "delimiter" not in options:
        every = [file for found in files.values() for file in found]
        if every and all(patterns.has_ending(file.name, (".tsv",)) for file in every):
            options["sep"] = "\t"
    return Source(kind, name or "default", kind, files, options)


def _endings(kind: str) -> list[str]:
    return [ending for ending, (one, _) in ENDINGS.items() if one == kind] + [".zip"]


def _find_in_repo(
    repo: Any, path: str, name: str | None, data_dir: str | None, data_files: Any, options: dict, where: dict
) -> Source:
    """A repository (a folder, a bundled one, or one of the hub): README first, then names of files and folders."""
    listing = repo.files()
    card = read_card(repo)
    configs = {
        one["config_name"]: one for one in card.get("configs") or [] if isinstance(one, dict) and "config_name" in one
    }
    infos = card.get("dataset_info") or []
    infos = {one.get("config_name", "default"): one for one in (infos if isinstance(infos, list) else [infos])}
    config = _choose(name, configs, infos, path, bool(data_files or data_dir))
    chosen = configs.get(config, {})
    if data_files is not None:
        wanted = patterns.as_splits(data_files)
    elif chosen.get("data_files") is not None and data_dir is None:
        wanted = patterns.as_splits(chosen["data_files"])
    else:
        wanted = None
    folder = data_dir or chosen.get("data_dir") or ""
    below = (
        [one[len(folder.rstrip("/")) + 1 :] for one in listing if one.startswith(folder.rstrip("/") + "/")]
        if folder
        else listing
    )
    if wanted is None:
        readable = [one for one in below if patterns.has_ending(one, [*ENDINGS, ".zip"])]
        splits = patterns.splits_of(readable)
        if not splits:
            raise patterns.empty(os.path.join(path, folder), bool(patterns.matching("**", below)))
    else:
        splits = {}
        for split, several in wanted.items():
            splits[split] = [file for one in several for file in _in_listing(one, below, repo)]
            if not splits[split]:
                hint = near(several[0], below)
                raise DataFilesNotFoundError(f"Unable to find {several} for the split {split!r} in {path!r}.{hint}")
    known = {
        key: value
        for key, value in chosen.items()
        if key not in ("config_name", "data_files", "data_dir", "default", "features")
    }
    kind, given = patterns.format_of([one for found in splits.values() for one in found], path)
    taken = {
        split: [one for one in found if patterns.has_ending(one, _endings(kind)) or Path(one).is_absolute()]
        for split, found in splits.items()
    }
    files: dict[str, list[Path]] = {}
    for split, found in taken.items():
        if not found:
            continue
        files[split] = []
        for one in found:
            local = (
                Path(one) if Path(one).is_absolute() else repo.path(f"{folder.rstrip('/')}/{one}" if folder else one)
            )
            if local is None:
                raise FileNotFoundError(f"{path!r} has no file {one!r}.")
            files[split].append(Path(local))
    info = DatasetInfo._from_yaml_dict(infos[config]) if config in infos and not (data_files or data_dir) else None
    features = Features._from_yaml_list(chosen["features"]) if isinstance(chosen.get("features"), list) else None
    features = features or (info.features if info else None)
    known = {key: value for key, value in known.items() if key in _option_names(kind)}
    return Source(path, config, kind, files, {**given, **known, **options}, features, info)


def _option_names(kind: str) -> set[str]:
    return set(inspect.signature(reader(kind)).parameters) - {"file", "name", "features"}


def _in_listing(pattern: str, listing: list[str], repo: Any) -> list[str]:
    if os.path.isabs(pattern):
        return [str(one) for one in patterns.find_local(pattern)]
    found = patterns.matching(pattern, listing)
    if not found and not patterns.is_glob(pattern):
        found = patterns.matching(pattern.rstrip("/") + "/**", listing)
    if not found and pattern.startswith("../") and repo.folder is not None:
        raise FileNotFoundError(f"{pattern!r} leads out of {str(repo.folder)!r}.")
    return found


def _choose(name: str | None, configs: dict, infos: dict, path: str, custom: bool) -> str:
    known = list(configs) or list(infos)
    if name is not None:
        if known and name not in known and not custom:
            raise ValueError(f"BuilderConfig '{name}' not found.{near(name, known)} Available: {known}")
        if not known and name != "default" and not custom:
            raise ValueError(f"BuilderConfig '{name}' not found. Available: ['default']")
        return name
    if custom or len(known) == 0:
        return "default"
    marked = [one for one, value in configs.items() if value.get("default")]
    if len(known) == 1 or len(infos) == 1:
        return known[0] if len(known) == 1 else next(iter(infos))
    if marked or "default" in known:
        return (marked or ["default"])[0]
    raise ValueError(
        f"Config name is missing.\nPlease pick one among the available configs: {known}\n"
        f"Example of usage:\n\t`load_dataset({path!r}, {known[0]!r})`"
    )


def read_card(repo: Any) -> dict:
    """The front matter of a repository's README, as a dict; empty where there is none.

    Raises:
        ValueError: it is no YAML.
    """
    import yaml

    readme = repo.path("README.md")
    if readme is None:
        return {}
    text = Path(readme).read_text("utf-8")
    if not text.startswith("---"):
        return {}
    head = text.removeprefix("---").split("\n---", 1)[0]
    try:
        card = yaml.safe_load(head)
    except yaml.YAMLError as error:
        raise ValueError(f"the front matter of {readme} is no YAML: {error}") from None
    return card if isinstance(card, dict) else {}


def get_dataset_config_names(path: str, revision: str | None = None, token: Any = None, **options: Any) -> list[str]:
    """The names of a data set's configurations."""
    from bearhug.hub.client import open_repo

    card = read_card(open_repo(path, repo_type="dataset", revision=revision, token=token))
    return [one["config_name"] for one in card.get("configs") or []] or ["default"]


def get_dataset_split_names(
    path: str, config_name: str | None = None, revision: str | None = None, token: Any = None, **options: Any
) -> list[str]:
    """The names of a configuration's splits."""
    where = {"revision": revision, "token": token, "fresh": False, "cache": cache_folder()}
    return list(find(path, config_name, None, None, options, where).files)


# ---- converting


@dataclass
class Prepared:
    """A converted data set: its folder, and what is known of it."""

    folder: Path
    info: DatasetInfo

    def key(self, split: str) -> Fingerprint:
        """The key of a split's content: the same rows and types give the same, wherever they were read from."""
        return Fingerprint(make=lambda: _content_key(self.folder / f"{split}.arrow"))


def _content_key(path: Path) -> str:
    """A digest of a file's bytes, kept beside it once somebody has asked."""
    beside = path.with_suffix(".key")
    if beside.is_file():
        return beside.read_text("utf-8")
    key = hashlib.sha256(memoryview(Mapped(path).buffer)).hexdigest()[:32]
    with contextlib.suppress(OSError), replacing(beside, "w", encoding="utf-8") as file:
        file.write(key)
    return key


def prepare(source: Source, cache: Path, *, fresh: bool = False) -> Prepared:
    """Convert a source into the cache, unless it is there; the folder appears whole or not at all."""
    folder = cache / "bearhug" / f"{_slug(source.name)}-{_slug(source.config)}-{_source_key(source)}"
    if not fresh and (folder / "prepared.json").is_file():
        return _open_prepared(folder)
    info = source.info.copy() if source.info else DatasetInfo()
    info.builder_name, info.config_name = source.kind, source.config
    info.dataset_name = _slug(Path(source.name).name)
    splits = SplitDict()
    features = source.features
    with contextlib.suppress(_AlreadyThere), replacing_folder(folder) as temporary:
        for split, files in source.files.items():
            with ArrowWriter(temporary / f"{split}.arrow", features, loose=True, sync=False) as writer:
                for table, where in _read_split(source, split, files, writer):
                    try:
                        writer.write(table, where=where)
                    except (TypeError, ValueError, pa.ArrowException) as error:
                        raise DatasetGenerationError(
                            f"An error occurred while generating the dataset: {error}"
                        ) from None
                if writer.features is None:
                    names = ", ".join(file.name for file in files)
                    raise DatasetGenerationError(
                        f"An error occurred while generating the dataset: there are no rows in {names}."
                    )
            features = writer.features if features is None else features
            splits[split] = SplitInfo(
                split, (temporary / f"{split}.arrow").stat().st_size, writer.rows, dataset_name=info.dataset_name
            )
            info.features = writer.features
        info.splits = splits
        info.dataset_size = sum(one.num_bytes for one in splits.values())
        info.download_size = sum(file.stat().st_size for files in source.files.values() for file in files)
        info.size_in_bytes = info.download_size + info.dataset_size
        with open(temporary / "prepared.json", "w", encoding="utf-8") as out:
            json.dump(info.to_dict(), out)
        if not fresh and (folder / "prepared.json").is_file():
            raise _AlreadyThere  # another process was faster; its files may be open
    return _open_prepared(folder)


class _AlreadyThere(Exception):
    """Another process has converted the same files meanwhile."""


def _open_prepared(folder: Path) -> Prepared:
    return Prepared(folder, DatasetInfo.from_dict(json.loads((folder / "prepared.json").read_text("utf-8"))))


def _slug(name: str) -> str:
    return "".join(one if one.isalnum() or one in "._-" else "_" for one in name)[-60:] or "data"


def _source_key(source: Source) -> str:
    stamps = []
    for split, files in source.files.items():
        for file in files:
            real = file.resolve()  # in the hub's cache: a blob, named by its content
            stat = real.stat()
            stamps.append((split, str(real), stat.st_size, stat.st_mtime_ns))
    features = source.features.to_dict() if source.features is not None else None
    try:
        return key_of(LAYOUT, source.kind, source.config, stamps, sorted(source.options.items()), features)[:16]
    except Unkeyable as error:
        print(f"load_dataset: the files are converted each time, because {error}: no key can be made of that.")
        return os.urandom(8).hex()


def _read_split(source: Source, split: str, files: list[Path], writer: ArrowWriter) -> Iterator[tuple[pa.Table, str]]:
    """The tables of a split's files, with what an error calls them."""
    total = sum(file.stat().st_size for file in files)
    with progress(total=total, desc=f"Generating {split} split", unit="B", unit_scale=True) as bar:
        for path in files:
            for table in read_file(source, path):
                yield table, f"{path.name}, rows from {writer.rows}"
            bar.update(path.stat().st_size)


def read_file(source: Source, path: Path) -> Iterator[pa.Table]:
    """The tables of one file, in the source's features if it has some.

    Raises:
        DatasetGenerationError: the file cannot be read; the message names it.
    """
    read = reader(source.kind)
    try:
        for name, file in open_files(path):
            if path.suffix == ".zip" and not patterns.has_ending(name, _endings(source.kind)):
                continue
            for table in read(file, name, source.features, **source.options):
                yield _with_features(unwrap(table), table, source.features)
    except DatasetGenerationError:
        raise
    except (UnicodeDecodeError, ValueError, TypeError, KeyError, EOFError, OSError, pa.ArrowException) as error:
        raise DatasetGenerationError(f"An error occurred while generating the dataset: {path}: {error}") from None


def _with_features(table: pa.Table, original: pa.Table, features: Features | None) -> pa.Table:
    if features is None:
        if table is original:
            return table
        return pa.table(table.columns, schema=Features.from_arrow_schema(original.schema).arrow_schema)
    arrays = []
    for name, feature in features.items():
        if name not in table.column_names:
            arrays.append(pa.nulls(table.num_rows))
            continue
        try:
            arrays.append(cast(table[name], feature))
        except (TypeError, ValueError, pa.ArrowException) as error:
            raise ValueError(f"the column {name!r} does not become {feature}: {error}") from None
    extra = [name for name in table.column_names if name not in features]
    if extra:
        raise ValueError(f"the columns {extra} are not among the features {list(features)}.")
    arrays = [cast(array, feature) for array, feature in zip(arrays, features.values(), strict=True)]
    return pa.table(arrays, schema=features.arrow_schema)


# ---- cutting


def _cut(prepared: Prepared, source: Source, split: Any, in_memory: bool) -> Any:
    """The splits as they were asked for."""
    if split is None:
        return DatasetDict({name: _dataset(prepared, source, name, in_memory) for name in prepared.info.splits or {}})
    if isinstance(split, list | tuple):
        return [_cut(prepared, source, one, in_memory) for one in split]
    if isinstance(split, dict):
        return DatasetDict({name: _cut(prepared, source, one, in_memory) for name, one in split.items()})
    return _dataset(prepared, source, split, in_memory)


def _dataset(prepared: Prepared, source: Source, split: Any, in_memory: bool) -> Dataset:
    assert prepared.info.splits is not None
    lengths = {name: one.num_examples for name, one in prepared.info.splits.items()}
    if str(split) == "all":
        split = "+".join(lengths)
    pieces = ReadInstruction.from_spec(split).to_absolute(lengths)
    tables, mapped = [], {}
    for name, start, stop in pieces:
        table, file = read_arrow(prepared.folder / f"{name}.arrow", in_memory=in_memory)
        if file is not None:
            mapped[file.path] = file
        tables.append(table.slice(start, stop - start))
    if not sum(table.num_rows for table in tables):
        raise ValueError(f'Instruction "{split}" corresponds to no data! The splits have {lengths} rows.')
    table = tables[0] if len(tables) == 1 else pa.concat_tables(tables)
    key = prepared.key(pieces[0][0])
    if len(pieces) > 1 or pieces[0][1:] != (0, lengths[pieces[0][0]]):
        parents = tuple(prepared.key(name) for name, _, _ in pieces)
        key = Fingerprint(make=lambda *keys: key_of(keys, pieces), parents=parents)
    info = prepared.info.copy()
    info.features = None
    out = Dataset(table, info, str(split), fingerprint=key)
    out._mapped = tuple(mapped.values())
    files = ", ".join(file.name for file in source.files.get(pieces[0][0], [])[:3])
    out._steps = ((f"load_dataset({source.name!r}, split={str(split)!r}): {source.kind} {files}", key),)
    return out


def _streams(source: Source, split: Any) -> Any:
    from bearhug.datasets.streaming import from_tables

    def one(name: str) -> Any:
        if name not in source.files:
            raise unknown_split(name, source.files)
        parts: list[Callable[[], Iterator[pa.Table]]] = [_FileTables(source, path) for path in source.files[name]]
        return from_tables(parts, source.features, source.info, name)

    if split is None:
        return IterableDatasetDict({name: one(name) for name in source.files})
    if isinstance(split, list | tuple):
        return [_streams(source, each) for each in split]
    from bearhug.datasets.streaming import chain

    parts = []
    for piece in ReadInstruction.from_spec(split).pieces:
        if piece.from_ is not None or piece.to is not None:
            raise ValueError(
                f"a stream has no length, so it cannot be cut as {str(piece)!r}; use .skip(n) and .take(n)."
            )
        parts.append(one(piece.splitname))
    return parts[0] if len(parts) == 1 else chain(parts, None, str(split), 0)


class _FileTables:
    """The tables of one file (or of some row groups of a parquet file), each time it is called anew."""

    def __init__(self, source: Source, path: Path):
        self.source, self.path = source, path

    def __call__(self) -> Iterator[pa.Table]:
        return read_file(self.source, self.path)

    def pieces(self) -> list[_FileTables] | None:
        """One for each row group of a parquet file; None where there are no smaller pieces."""
        if self.source.kind != "parquet" or self.source.options.keys() & {"filters", "row_groups"}:
            return None
        from bearhug.datasets.readers.parquet import row_groups

        counts = [row_groups(file) for _, file in open_files(self.path)]
        if len(counts) != 1 or counts[0] < 2:
            return None
        options = self.source.options
        return [
            _FileTables(replace(self.source, options={**options, "row_groups": [i]}), self.path)
            for i in range(counts[0])
        ]
