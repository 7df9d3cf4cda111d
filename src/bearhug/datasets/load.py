"""load_dataset: a name, a folder or files -> splits -> Arrow on disk, memory-mapped.

The way: `find` says which files are which split, and how they are read; `prepare` converts them once into the
cache, under a key made of the files (path, size, time) and the options; then the splits are cut as asked for. A
local or cached load opens no socket.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from bearhug._lib.errors import near
from bearhug.datasets.builder import FileBuilder
from bearhug.datasets.download import DownloadConfig, DownloadMode, VerificationMode
from bearhug.datasets.features import Features
from bearhug.datasets.find import Asked, configs_of, default_config, find, read_card
from bearhug.datasets.info import DatasetInfo
from bearhug.datasets.prepare import is_prepared, open_prepared
from bearhug.datasets.readers import FORMATS, check_options


def load_dataset(
    path: str | os.PathLike,
    name: str | None = None,
    data_dir: str | None = None,
    data_files: Any = None,
    split: Any = None,
    cache_dir: str | os.PathLike | None = None,
    features: Features | None = None,
    download_config: DownloadConfig | None = None,
    download_mode: DownloadMode | str | None = None,
    verification_mode: VerificationMode | str | None = None,
    keep_in_memory: bool | None = None,
    save_infos: bool = False,
    revision: str | None = None,
    token: bool | str | None = None,
    streaming: bool = False,
    num_proc: int | None = None,
    storage_options: dict | None = None,
    **config_kwargs: Any,
) -> Any:
    """Load a data set from files, a folder, addresses, the bundled ones, or the hub.

    Args:
        path: a format ("csv", "json", "parquet", "arrow", "text", "xml", "conll", "sql", "webdataset", "hdf5",
            "lance") with `data_files`; a folder; a file; or a name.
        name: the configuration, where there are several.
        data_dir: a folder inside of it.
        data_files: a path, an address, a glob, a list of them, or a dict split -> those.
        split: "train", "train[:10%]", "train+test", a list of those; None gives all, as a DatasetDict.
        cache_dir: where the converted rows are kept.
        features: the columns' features, in place of what the files say.
        download_config: how files are fetched; its token and storage options are taken where none are given here.
        download_mode: "reuse_cache_if_exists" converts anew, "force_redownload" fetches and converts anew.
        verification_mode: "no_checks" does not compare the splits with what the README announces.
        keep_in_memory: read the rows into memory instead of mapping them.
        save_infos: write dataset_info.json into the folder that is loaded.
        revision, token: of the hub.
        streaming: rows as they are read, without converting: an IterableDataset (IterableDatasetDict).
        num_proc: how many files are read at a time.
        storage_options: of fsspec, for addresses.
        **config_kwargs: options of the format, as `sep=";"` for csv or `field="data"` for json.

    Returns:
        DatasetDict, or Dataset where `split` is given, or a list of them where it is a list.

    Raises:
        DatasetNotFoundError (FileNotFoundError): there is no such data set.
        FileNotFoundError: a file or pattern of `data_files` names nothing.
        ValueError: an unknown configuration, split or column; the message names the near ones.
        TypeError: an option that the format does not take.
        RuntimeError: a loading script.
        DatasetGenerationError: a file that cannot be read; the message names it.
        SplitsVerificationError: the splits are not those that the README announces.
    """
    mode = _mode(DownloadMode, download_mode)
    checks = _mode(VerificationMode, verification_mode)
    if Path(path, "state.json").exists() or Path(path, "dataset_dict.json").exists():
        path = os.fspath(path)
        raise ValueError(f"{path!r} was written by save_to_disk; open it with load_from_disk({path!r}).")
    if streaming and num_proc is not None:
        raise NotImplementedError("streaming=True reads in this process; for more use a DataLoader with num_workers.")
    if checks is None:
        checks = VerificationMode.ALL_CHECKS if save_infos else VerificationMode.BASIC_CHECKS
    builder = load_dataset_builder(
        path, name, data_dir, data_files, cache_dir, features, download_config, mode, revision, token,
        storage_options, **config_kwargs,
    )  # fmt: skip
    if streaming:
        return builder.as_streaming_dataset(split)
    if save_infos or mode not in (None, DownloadMode.REUSE_DATASET_IF_EXISTS) or not is_prepared(
        Path(builder.cache_dir)
    ) or builder.info.splits:  # fmt: skip
        builder.download_and_prepare(
            download_config=download_config, download_mode=mode, verification_mode=checks, num_proc=num_proc
        )
    if save_infos and (folder := Path(path).expanduser()).is_dir():
        builder.info.write_to_directory(folder)
    if keep_in_memory is None:  # small ones, where the environment says what is small
        most = float(os.environ.get("HF_DATASETS_IN_MEMORY_MAX_SIZE") or 0)
        keep_in_memory = most > 0 and (open_prepared(Path(builder.cache_dir)).info.dataset_size or 0) < most
    return builder.as_dataset(split, bool(keep_in_memory))


def load_dataset_builder(
    path: str | os.PathLike,
    name: str | None = None,
    data_dir: str | None = None,
    data_files: Any = None,
    cache_dir: str | os.PathLike | None = None,
    features: Features | None = None,
    download_config: DownloadConfig | None = None,
    download_mode: DownloadMode | str | None = None,
    revision: str | None = None,
    token: bool | str | None = None,
    storage_options: dict | None = None,
    **config_kwargs: Any,
) -> FileBuilder:
    """What `load_dataset` loads with: its `info` and files, without fetching or converting them.

    The arguments and errors are those of `load_dataset`.
    """
    mode = _mode(DownloadMode, download_mode)
    path = os.fspath(path)
    if config_kwargs.pop("trust_remote_code", False):
        print("trust_remote_code=True does nothing here: no code from a repository is run.")
    token = config_kwargs.pop("use_auth_token", token)
    if data_files is not None and not data_files:
        raise ValueError(f"Empty 'data_files': '{data_files}'. It should be either non-empty or None (default).")
    if download_config is not None:
        token = download_config.token if token is None else token
        storage_options = storage_options or download_config.storage_options
    fresh = mode is DownloadMode.FORCE_REDOWNLOAD or bool(download_config and download_config.force_download)
    asked = Asked(
        name, os.fspath(data_dir) if data_dir is not None else None, data_files, config_kwargs,
        str(revision) if revision is not None else None, token, fresh,
        bool(download_config and download_config.local_files_only), storage_options,
    )  # fmt: skip
    source = find(path, asked)
    source.features = Features(features) if features is not None else source.features
    check_options(source.kind, source.options)
    return FileBuilder(source, cache_dir)


def _mode(kind: Any, given: Any) -> Any:
    if given is None or isinstance(given, kind):
        return given
    text = getattr(given, "value", given)
    known = [one.value for one in kind]
    if text not in known:
        raise ValueError(
            f"{given!r} is not a valid {kind.__name__}.{near(str(given), known)} There are: {', '.join(known)}."
        )
    return kind(text)


# ---- what is known without loading


def _card(path: str, revision: Any, token: Any) -> tuple[dict, dict]:
    from bearhug.hub.client import open_repo

    if path in FORMATS and not Path(path).is_dir():
        return {}, {}
    return configs_of(read_card(open_repo(path, repo_type="dataset", revision=revision, token=token)))


def get_dataset_config_names(
    path: str,
    revision: str | None = None,
    download_config: DownloadConfig | None = None,
    download_mode: DownloadMode | str | None = None,
    data_files: Any = None,
    **download_kwargs: Any,
) -> list[str]:
    """The names of a data set's configurations."""
    configs, infos = _card(os.fspath(path), revision, _token(download_config, download_kwargs))
    return list(configs) or list(infos) or ["default"]


def get_dataset_default_config_name(
    path: str,
    revision: str | None = None,
    download_config: DownloadConfig | None = None,
    download_mode: DownloadMode | str | None = None,
    data_files: Any = None,
    **download_kwargs: Any,
) -> str | None:
    """The name of the configuration that is loaded where none is named; None where one has to be."""
    configs, infos = _card(os.fspath(path), revision, _token(download_config, download_kwargs))
    return default_config(configs, infos) if configs or infos else "default"


def get_dataset_infos(
    path: str,
    data_files: Any = None,
    download_config: DownloadConfig | None = None,
    download_mode: DownloadMode | str | None = None,
    revision: str | None = None,
    token: bool | str | None = None,
    **config_kwargs: Any,
) -> dict[str, DatasetInfo]:
    """What is known of each configuration."""
    names = get_dataset_config_names(path, revision, download_config, download_mode, data_files, token=token)
    return {
        name: get_dataset_config_info(
            path, name, data_files, download_config, download_mode, revision, token, **config_kwargs
        )
        for name in names
    }


def get_dataset_config_info(
    path: str,
    config_name: str | None = None,
    data_files: Any = None,
    download_config: DownloadConfig | None = None,
    download_mode: DownloadMode | str | None = None,
    revision: str | None = None,
    token: bool | str | None = None,
    **config_kwargs: Any,
) -> DatasetInfo:
    """What is known of a configuration: features and sizes where the README says them, the names of the splits."""
    builder = load_dataset_builder(
        path, config_name, None, data_files, None, None, download_config, download_mode, revision, token,
        **config_kwargs,
    )  # fmt: skip
    if builder.info.splits is None:
        from bearhug.datasets.splits import SplitDict, SplitInfo

        builder.info.splits = SplitDict({one: SplitInfo(one) for one in builder.source.files})
    return builder.info


def get_dataset_split_names(
    path: str,
    config_name: str | None = None,
    data_files: Any = None,
    download_config: DownloadConfig | None = None,
    download_mode: DownloadMode | str | None = None,
    revision: str | None = None,
    token: bool | str | None = None,
    **config_kwargs: Any,
) -> list[str]:
    """The names of a configuration's splits."""
    info = get_dataset_config_info(
        path, config_name, data_files, download_config, download_mode, revision, token, **config_kwargs
    )
    return list(info.splits or {})


def _token(config: DownloadConfig | None, options: dict) -> Any:
    return options.get("token", config.token if config is not None else None)
