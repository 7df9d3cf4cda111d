"""Builders: what makes a data set out of its source, in a class of the user's own or for the known formats.

A class says what its rows are (`_info`), which splits there are (`_split_generators`) and gives the rows of one
(`_generate_examples`) or its tables (`_generate_tables`); the rest stands here.
"""

from __future__ import annotations

import copy
import inspect
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from bearhug._lib.errors import near
from bearhug.datasets import patterns, prepare, remote
from bearhug.datasets.dataset import Dataset
from bearhug.datasets.dataset_dict import IterableDatasetDict
from bearhug.datasets.download import (
    DownloadConfig,
    DownloadManager,
    DownloadMode,
    StreamingDownloadManager,
    VerificationMode,
)
from bearhug.datasets.errors import FileFormatError
from bearhug.datasets.features import Features
from bearhug.datasets.find import File, Source
from bearhug.datasets.fingerprint import Unkeyable, key_of
from bearhug.datasets.info import DatasetInfo
from bearhug.datasets.splits import ReadInstruction, SplitGenerator
from bearhug.datasets.version import Version
from bearhug.datasets.writer import ArrowWriter

ROWS = 1000
SHARD_BYTES = 500 << 20


@dataclass
class BuilderConfig:
    """One variant of a data set; subclasses add fields of their own."""

    name: str = "default"
    version: Any = field(default_factory=lambda: Version("0.0.0"))
    data_dir: str | None = None
    data_files: Any = None
    description: str | None = None

    def __post_init__(self) -> None:
        if any(one in str(self.name) for one in r"<>:/\|?*"):
            raise ValueError(f"Bad characters in the config name {self.name!r}: it becomes part of a folder's name.")


class DatasetBuilder:
    """Makes a data set: `download_and_prepare()`, then `as_dataset()`; or `as_streaming_dataset()` without writing."""

    VERSION: Any = None
    BUILDER_CONFIG_CLASS: Any = BuilderConfig
    BUILDER_CONFIGS: ClassVar[list] = []
    DEFAULT_CONFIG_NAME: str | None = None
    DEFAULT_WRITER_BATCH_SIZE: int | None = None

    def __init__(
        self,
        cache_dir: str | os.PathLike | None = None,
        dataset_name: str | None = None,
        config_name: str | None = None,
        hash: str | None = None,
        base_path: str | None = None,
        info: DatasetInfo | None = None,
        features: Features | None = None,
        token: bool | str | None = None,
        repo_id: str | None = None,
        data_files: Any = None,
        data_dir: str | None = None,
        storage_options: dict | None = None,
        writer_batch_size: int | None = None,
        config_id: str | None = None,
        **config_kwargs: Any,
    ):
        self.name = _snake(type(self).__module__.rsplit(".", 1)[-1])  # a data set is named after its file
        self.dataset_name = _snake(dataset_name) if dataset_name else self.name
        self.hash, self.base_path, self.repo_id, self.token = hash, base_path or "", repo_id, token
        self.storage_options = storage_options or {}
        self.cache_dir_root = str(prepare.cache_folder(cache_dir))
        self._batch = writer_batch_size or self.DEFAULT_WRITER_BATCH_SIZE or ROWS
        given = {"data_files": data_files, "data_dir": data_dir}
        if data_files is not None:
            given["data_files"] = self._found(data_files)
        self.config = self._make_config(
            config_name, {key: v for key, v in given.items() if v is not None}, config_kwargs
        )
        self.config_id = config_id or self.config.name
        self.info = info if info is not None else self._info()
        if features is not None:
            self.info.features = Features(features)
        self.info.builder_name, self.info.config_name = self.name, self.config.name
        self.info.dataset_name, self.info.version = self.dataset_name, self.config.version
        self._folder: Path | None = None
        self._output: tuple[str, str] | None = None

    def _found(self, data_files: Any) -> dict[str, list[str]]:
        base = Path(self.base_path or ".")
        return {
            split: [
                str(one)
                for pattern in wanted
                for one in (
                    remote.expand(pattern, self.storage_options, self.token)
                    if remote.is_remote(pattern)
                    else patterns.find_local(pattern, base)
                )
            ]
            for split, wanted in patterns.as_splits(data_files).items()
        }

    @property
    def builder_configs(self) -> dict[str, BuilderConfig]:
        """The variants that there are, by name."""
        return {config.name: config for config in self.BUILDER_CONFIGS}

    def _make_config(self, name: str | None, files: dict, options: dict) -> Any:
        known = self.builder_configs
        if name is None and known and not options:
            name = self.DEFAULT_CONFIG_NAME or (next(iter(known)) if len(known) == 1 else None)
            if name is None:
                raise ValueError(f"Config name is missing.\nPlease pick one among the available configs: {list(known)}")
        if isinstance(name, BuilderConfig):
            config = copy.deepcopy(name)
        elif name is not None and known:
            if name not in known:
                raise ValueError(f"BuilderConfig '{name}' not found.{near(name, known)} Available: {list(known)}")
            config = copy.deepcopy(known[name])
        else:
            version = {"version": self.VERSION} if self.VERSION and "version" not in options else {}
            config = self.BUILDER_CONFIG_CLASS(**({"name": name} if name else {}), **version, **files, **options)
            return config
        for key, value in {**files, **options}.items():
            if not hasattr(config, key):
                raise ValueError(f"BuilderConfig {config} doesn't have a '{key}' key.{near(key, vars(config))}")
            setattr(config, key, value)
        return config

    # ---- what a subclass says

    def _info(self) -> DatasetInfo:
        raise NotImplementedError(f"{type(self).__name__} has no method _info(self) -> DatasetInfo(features=...).")

    def _split_generators(self, dl_manager: Any) -> list[SplitGenerator]:
        raise NotImplementedError(
            f"{type(self).__name__} has no method _split_generators(self, dl_manager) -> [SplitGenerator('train', "
            "gen_kwargs={...})]."
        )

    def _tables(self, gen_kwargs: dict) -> Iterator[pa.Table]:
        """The tables of one split."""
        raise NotImplementedError(
            f"{type(self).__name__} gives no rows: derive it from GeneratorBasedBuilder or ArrowBasedBuilder."
        )

    # ---- preparing

    @property
    def cache_dir(self) -> str:
        """The folder of the prepared data set."""
        if self._folder is None:
            self._folder = self._place()
        return str(self._folder)

    def _place(self) -> Path:
        files = self.config.data_files or {}
        paths = [Path(one) for found in files.values() for one in found] if isinstance(files, dict) else []
        stamps = [(str(one), one.stat().st_size, one.stat().st_mtime_ns) for one in paths if one.is_file()]
        features = self.info.features.to_dict() if self.info.features is not None else None
        try:
            code = inspect.getsource(type(self))
        except (OSError, TypeError):
            code = type(self).__qualname__
        config = {key: str(value) if isinstance(value, Version) else value for key, value in vars(self.config).items()}
        try:
            key = key_of(prepare.LAYOUT, code, config, stamps, features)[:16]
        except Unkeyable:
            key = os.urandom(8).hex()
        name = f"{prepare.slug(self.dataset_name)}-{prepare.slug(self.config.name)}-{key}"
        return Path(self.cache_dir_root) / "bearhug" / name

    def download_and_prepare(
        self,
        output_dir: str | os.PathLike | None = None,
        download_config: DownloadConfig | None = None,
        download_mode: DownloadMode | str | None = None,
        verification_mode: VerificationMode | str | None = None,
        dl_manager: DownloadManager | None = None,
        base_path: str | None = None,
        file_format: str = "arrow",
        max_shard_size: int | str | None = None,
        num_proc: int | None = None,
        storage_options: dict | None = None,
        **download_and_prepare_kwargs: Any,
    ) -> None:
        """Convert the source into the cache; with `output_dir`, also write it there as Arrow or Parquet files.

        Args:
            output_dir: a folder, or an address that fsspec writes to (`s3://...`), with `storage_options`.
            file_format: "arrow" or "parquet".
            max_shard_size: of one file ("500MB").
            num_proc: how many files are read at a time.

        Raises:
            DatasetGenerationError: the source cannot be read.
            SplitsVerificationError: the splits are not those that the card announces.
        """
        if file_format not in ("arrow", "parquet"):
            raise ValueError(f"Unsupported file_format: {file_format}. Expected 'arrow' or 'parquet'.")
        mode = DownloadMode(download_mode or DownloadMode.REUSE_DATASET_IF_EXISTS)
        checks = VerificationMode(verification_mode or VerificationMode.BASIC_CHECKS)
        fresh = mode is not DownloadMode.REUSE_DATASET_IF_EXISTS
        folder = Path(self.cache_dir)
        announced = self.info.splits
        if fresh or not prepare.is_prepared(folder):
            config = download_config.copy() if download_config else DownloadConfig(token=self.token)
            config.cache_dir = config.cache_dir or self.cache_dir_root
            config.storage_options = config.storage_options or self.storage_options
            config.force_download = config.force_download or mode is DownloadMode.FORCE_REDOWNLOAD
            manager = dl_manager or DownloadManager(
                self.dataset_name, self.config.data_dir, config, base_path or self.base_path or None
            )
            self._write(folder, manager, fresh, num_proc or 1)
        prepared = prepare.open_prepared(folder)
        if checks is not VerificationMode.NO_CHECKS:
            prepare.verify(announced, prepared.info.splits)
        for name in ("features", "splits", "download_size", "dataset_size", "size_in_bytes"):
            setattr(self.info, name, getattr(prepared.info, name))
        if output_dir is not None:
            from bearhug.datasets.disk import size_in_bytes

            size = size_in_bytes(max_shard_size) if max_shard_size else SHARD_BYTES
            self._export(prepared, os.fspath(output_dir), file_format, size, storage_options)
            self._output = (os.fspath(output_dir), file_format)

    def _write(self, folder: Path, manager: DownloadManager, fresh: bool, workers: int) -> None:
        info = self.info.copy()
        splits: dict[str, Callable[[ArrowWriter], prepare.Tables]] = {}
        for generator in self._split_generators(manager):
            if generator.name == "all":
                raise ValueError("`all` is a special split name for all splits together; name the split otherwise.")
            if generator.name in splits:
                raise ValueError(f"Split {generator.name} already present")
            splits[generator.name] = self._named(generator)
        info.download_size = manager.downloaded_size
        prepare.prepare(folder, splits, info, info.features, fresh=fresh)
        manager.manage_extracted_files()

    def _named(self, generator: SplitGenerator) -> Callable[[ArrowWriter], prepare.Tables]:
        def tables(writer: ArrowWriter) -> prepare.Tables:
            given = self._tables(generator.gen_kwargs)
            while True:
                try:
                    table = next(given, None)
                except prepare.FAILURES as error:
                    raise prepare.failed(error, f"{generator.name}, after row {writer.rows}") from error
                if table is None:
                    return
                yield table, f"{generator.name}, rows from {writer.rows}"

        return tables

    def _export(
        self, prepared: prepare.Prepared, output: str, file_format: str, size: int, options: dict | None
    ) -> None:
        import fsspec.core
        import pyarrow.parquet as pq

        filesystem, place = fsspec.core.url_to_fs(output, **(options or {}))
        filesystem.makedirs(place, exist_ok=True)
        for split, info in (prepared.info.splits or {}).items():
            data = prepare.cut(prepared, split) if info.num_examples else None
            count = max(1, -(-info.num_bytes // size))
            for i in range(count):
                part = f"-{i:05d}-of-{count:05d}" if count > 1 else ""
                path = f"{place.rstrip('/')}/{self.dataset_name}-{split}{part}.{file_format}"
                table = data.shard(count, i, contiguous=True)._data if data is not None else _empty(prepared.info)
                with filesystem.open(f"{path}.incomplete", "wb") as out:
                    if file_format == "parquet":
                        pq.write_table(table, out)
                    else:
                        with pa.ipc.new_stream(out, table.schema) as writer:
                            writer.write_table(table)
                filesystem.mv(f"{path}.incomplete", path)
        import json

        with filesystem.open(f"{place.rstrip('/')}/dataset_info.json", "w") as out:
            json.dump(prepared.info.to_dict(), out)

    # ---- rows

    def as_dataset(self, split: Any = None, in_memory: bool = False) -> Any:
        """The prepared data set: all splits (a DatasetDict), one, a slice, or a list of those.

        Raises:
            FileNotFoundError: `download_and_prepare` was not called.
            ValueError: there is no such split.
        """
        if self._output is not None and self._output[1] != "arrow":
            raise FileFormatError('Loading a dataset not written in the "arrow" format is not supported.')
        folder = Path(self.cache_dir)
        if not prepare.is_prepared(folder):
            raise FileNotFoundError(
                f"Dataset {self.dataset_name}: could not find data in {folder}. Please make sure to call "
                "builder.download_and_prepare(), or use datasets.load_dataset() before trying to access the Dataset."
            )
        prepared = prepare.open_prepared(folder)
        prepared.label = self._label
        return prepare.cut(prepared, split, in_memory)

    def _label(self, split: str) -> str:
        return f"{type(self).__name__}.as_dataset(split={split!r})"

    def as_streaming_dataset(self, split: Any = None, base_path: str | None = None) -> Any:
        """The rows as they are generated, without writing: an IterableDataset, or a dict of all splits.

        Raises:
            ValueError: there is no such split, or a slice is asked for.
        """
        config = DownloadConfig(self.cache_dir_root, token=self.token, storage_options=self.storage_options)
        manager = StreamingDownloadManager(
            self.dataset_name, self.config.data_dir, config, base_path or self.base_path or None
        )
        generators = {one.name: one for one in self._split_generators(manager)}
        return streams(split, list(generators), lambda name: self._stream(generators[name]))

    def _stream(self, generator: SplitGenerator) -> Any:
        from bearhug.datasets.streaming import from_tables

        parts = [_Part(self, one) for one in _shards(generator.gen_kwargs)]
        return from_tables(list(parts), self.info.features, self.info, generator.name)


class GeneratorBasedBuilder(DatasetBuilder):
    """A builder whose `_generate_examples(**gen_kwargs)` yields (key, row) pairs, a row being a dict."""

    def _generate_examples(self, **kwargs: Any) -> Iterator[tuple[Any, dict]]:
        raise NotImplementedError(f"{type(self).__name__} has no method _generate_examples(self, ...).")

    def _tables(self, gen_kwargs: dict) -> Iterator[pa.Table]:
        rows: list[dict] = []
        for _, row in self._generate_examples(**gen_kwargs):
            rows.append(row)
            if len(rows) >= self._batch:
                yield self._table(rows)
                rows = []
        if rows or self.info.features is not None:
            yield self._table(rows)

    def _table(self, rows: list[dict]) -> pa.Table:
        features = self.info.features
        names = dict.fromkeys(name for row in rows for name in row) if features is None else features
        if extra := [name for name in dict.fromkeys(key for row in rows for key in row) if name not in names]:
            raise KeyError(f"the rows have the columns {extra}, which are not among the features {list(names)}.")
        columns = {name: [row.get(name) for row in rows] for name in names}
        return Dataset.from_dict(columns, features, on_mixed_types=None)._data


class ArrowBasedBuilder(DatasetBuilder):
    """A builder whose `_generate_tables(**gen_kwargs)` yields (key, pyarrow.Table) pairs."""

    def _generate_tables(self, **kwargs: Any) -> Iterator[tuple[Any, pa.Table]]:
        raise NotImplementedError(f"{type(self).__name__} has no method _generate_tables(self, ...).")

    def _tables(self, gen_kwargs: dict) -> Iterator[pa.Table]:
        for _, table in self._generate_tables(**gen_kwargs):
            yield prepare.with_features(prepare.unwrap(table), table, self.info.features)


class FileBuilder(DatasetBuilder):
    """The builder of the known formats: files of `Source`, read by its format's reader."""

    def __init__(self, source: Source, cache: str | os.PathLike | None = None, *, offline: bool = False):
        self.source, self.name = source, source.kind
        self.dataset_name = prepare.slug(Path(source.name).name)
        self.hash, self.base_path, self.repo_id, self.token = None, source.base, None, source.token
        self.storage_options = source.storage_options or {}
        self.cache_dir_root = str(prepare.cache_folder(cache))
        files = {split: [str(one) for one in found] for split, found in source.files.items()}
        self.config = FileConfig(source.config, data_files=files or None, data_dir=source.data_dir)
        self.config.take(source.kind, source.options, source.features)
        self.config_id = source.config
        self.info = source.info.copy() if source.info else DatasetInfo()
        self.info.builder_name, self.info.config_name = source.kind, source.config
        self.info.dataset_name = self.dataset_name
        self.info.features = source.features if source.features is not None else self.info.features
        self._folder, self._output = None, None
        if all(isinstance(file, Path) for files in source.files.values() for file in files):
            self._folder = self._place()  # the files as they are now

    @property
    def builder_configs(self) -> dict[str, BuilderConfig]:
        """The variants that the README names."""
        return {name: self.config if name == self.config.name else FileConfig(name) for name in self.source.configs}

    def _cache(self) -> Path:
        return Path(self.cache_dir_root)

    def _place(self) -> Path:
        return prepare.source_folder(self.source, self._cache())

    def _write(self, folder: Path, manager: DownloadManager, fresh: bool, workers: int) -> None:
        source, info = self.source, self.info.copy()
        again = manager.download_config.force_download
        splits = {name: prepare.read_split(source, name, self._cache(), workers, again) for name in source.files}
        paths = [prepare.local(file, source, self._cache()) for files in source.files.values() for file in files]
        info.download_size = sum(path.stat().st_size for path in paths)
        prepare.prepare(folder, splits, info, source.features, fresh=fresh)

    def _split_generators(self, dl_manager: Any) -> list[SplitGenerator]:
        return [SplitGenerator(name, {"files": files}) for name, files in self.source.files.items()]

    def _tables(self, gen_kwargs: dict) -> Iterator[pa.Table]:
        for file in gen_kwargs["files"] or [""]:
            yield from _read(self.source, file, self._cache())

    def with_options(self, **options: Any) -> FileBuilder:
        """The same files, read with other options."""
        out = copy.copy(self)
        out.source = replace(self.source, options={**self.source.options, **options})
        return out

    def _label(self, split: str) -> str:
        files = self.source.files.get(re.split(r"\W", split)[0], [])
        names = ", ".join(str(file).rsplit("/", 1)[-1] for file in files[:3])
        return f"load_dataset({self.source.name!r}, split={split!r}): {self.source.kind} {names}"


class FileConfig(BuilderConfig):
    """The options with which files are read, as attributes."""

    features: Features | None = None

    def take(self, kind: str, options: dict, features: Features | None) -> None:
        """Set the format's options, the defaults where none are given."""
        from bearhug.datasets.readers import options_of

        vars(self).update({**options_of(kind), **options, "features": features})


def _read(source: Source, file: File, cache: Path) -> Iterator[pa.Table]:
    """The tables of a file where it lies: what is far is read as it comes, where the format allows it."""
    from bearhug.datasets.readers import module_of

    if isinstance(file, str) and file and not getattr(module_of(source.kind), "PATHS", False):
        yield from prepare.read_file(source, file, remote.open_remote(file, source.storage_options, source.token))
    else:
        yield from prepare.read_file(source, prepare.local(file, source, cache) if file else "")


@dataclass
class _Part:
    """The tables of a part of a split, each time it is called anew."""

    builder: DatasetBuilder
    gen_kwargs: dict

    def __call__(self) -> Iterator[pa.Table]:
        return self.builder._tables(self.gen_kwargs)

    def pieces(self) -> list[_Part] | None:
        """One for each row group of a parquet file; None where there are no smaller pieces."""
        builder, files = self.builder, self.gen_kwargs.get("files")
        if not isinstance(builder, FileBuilder) or not isinstance(files, list) or len(files) != 1:
            return None
        source = builder.source
        if source.kind != "parquet" or source.options.keys() & {"filters", "row_groups"}:
            return None
        from bearhug.datasets.readers import open_files
        from bearhug.datasets.readers.parquet import row_groups

        path = prepare.local(files[0], source, builder._cache())
        counts = [row_groups(file) for _, file in open_files(path, "parquet")]
        if len(counts) != 1 or counts[0] < 2:
            return None
        return [_Part(builder.with_options(row_groups=[i]), {"files": [path]}) for i in range(counts[0])]


def _shards(gen_kwargs: dict) -> list[dict]:
    """The arguments of a split's parts: lists of one length are what can be read apart."""
    lists = {key: value for key, value in gen_kwargs.items() if isinstance(value, list)}
    lengths = {len(value) for value in lists.values()}
    if len(lengths) != 1 or lengths <= {0, 1}:
        return [gen_kwargs]
    return [{**gen_kwargs, **{key: [value[i]] for key, value in lists.items()}} for i in range(lengths.pop())]


def streams(split: Any, known: list[str], one: Callable[[str], Any]) -> Any:
    """Streams of the splits asked for.

    Raises:
        ValueError: there is no such split, or a slice is asked for.
    """
    if split is None:
        return IterableDatasetDict({name: one(name) for name in known})
    if isinstance(split, list | tuple):
        return [streams(each, known, one) for each in split]
    if isinstance(split, dict):
        return IterableDatasetDict({name: streams(each, known, one) for name, each in split.items()})
    from bearhug.datasets.streaming import chain

    pieces = ReadInstruction.from_spec("+".join(known) if str(split) == "all" else split).pieces
    for piece in pieces:
        if piece.from_ is not None or piece.to is not None:
            raise ValueError(
                f"a stream has no length, so it cannot be cut as {str(piece)!r}; use .skip(n) and .take(n)."
            )
        if piece.splitname not in known:
            hint = near(piece.splitname, known)
            raise ValueError(f"Bad split: {piece.splitname}.{hint} Available splits: {known}")
    parts = [one(piece.splitname) for piece in pieces]
    return parts[0] if len(parts) == 1 else chain(parts, None, str(split), 0)


def _empty(info: DatasetInfo) -> pa.Table:
    return (info.features or Features()).arrow_schema.empty_table()


def _snake(name: str) -> str:
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z\d])([A-Z])", r"\1_\2", name).lower()
