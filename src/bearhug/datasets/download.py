"""What a builder fetches its files with, and the modes of fetching and checking.

An address becomes a file of this machine, whole, also where rows are streamed: a builder's code opens paths.
"""

from __future__ import annotations

import copy
import enum
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bearhug._lib.files import inside, replacing, replacing_folder
from bearhug.datasets import remote
from bearhug.datasets.readers import open_files, safe_member


class DownloadMode(enum.Enum):
    """What is taken from the cache: both, the fetched files only, or nothing."""

    REUSE_DATASET_IF_EXISTS = "reuse_dataset_if_exists"
    REUSE_CACHE_IF_EXISTS = "reuse_cache_if_exists"
    FORCE_REDOWNLOAD = "force_redownload"


class VerificationMode(enum.Enum):
    """Whether the splits (and, with all checks, the fetched files) are compared with what the card announces."""

    ALL_CHECKS = "all_checks"
    BASIC_CHECKS = "basic_checks"
    NO_CHECKS = "no_checks"


@dataclass
class DownloadConfig:
    """How files are fetched: where to, with which token and options, anew or not."""

    cache_dir: str | os.PathLike | None = None
    force_download: bool = False
    resume_download: bool = False
    local_files_only: bool = False
    proxies: dict | None = None
    user_agent: str | None = None
    extract_compressed_file: bool = False
    force_extract: bool = False
    delete_extracted: bool = False
    extract_on_the_fly: bool = False
    use_etag: bool = True
    num_proc: int | None = None
    max_retries: int = 1
    token: str | bool | None = None
    storage_options: dict[str, Any] = field(default_factory=dict)
    download_desc: str | None = None
    disable_tqdm: bool = False

    def copy(self) -> DownloadConfig:
        """A deep copy."""
        return copy.deepcopy(self)


class DownloadManager:
    """Fetches and unpacks files for a builder; what it is given may be nested in lists and dicts."""

    is_streaming = False

    def __init__(
        self,
        dataset_name: str | None = None,
        data_dir: str | None = None,
        download_config: DownloadConfig | None = None,
        base_path: str | None = None,
        record_checksums: bool = True,
    ):
        self._dataset_name, self._data_dir = dataset_name, data_dir
        self._base_path = base_path or os.path.abspath(".")
        self.download_config = download_config or DownloadConfig()
        self.record_checksums = record_checksums
        self._sizes: dict[str, dict] = {}
        self._extracted: list[Path] = []

    @property
    def manual_dir(self) -> str | None:
        """The `data_dir` that the user gave."""
        return self._data_dir

    @property
    def downloaded_size(self) -> int:
        """The bytes of all files that were asked for."""
        return sum(one["num_bytes"] for one in self._sizes.values())

    def _cache(self) -> Path:
        from bearhug.datasets.prepare import cache_folder

        return cache_folder(self.download_config.cache_dir)

    def download(self, url_or_urls: Any) -> Any:
        """Addresses or paths -> paths of this machine.

        Raises:
            FileNotFoundError: there is no such file.
        """
        return _nested(url_or_urls, self._one)

    def _one(self, address: Any) -> str:
        text = os.fspath(address).removeprefix("file://")
        config = self.download_config
        if remote.is_remote(text):
            fresh = config.force_download
            found = remote.expand(text, config.storage_options, config.token)[0] if text.startswith("hf://") else text
            if remote.is_remote(found):
                found = str(remote.fetch(found, self._cache(), config.storage_options, config.token, fresh=fresh))
        elif remote.is_remote(self._base_path) and not os.path.isabs(text):
            return self._one(f"{self._base_path.rstrip('/')}/{text}")
        else:
            found = text if os.path.isabs(text) else os.path.join(self._base_path, text)
            if not os.path.exists(found):
                raise FileNotFoundError(f"Local file {found} doesn't exist")
        size = os.path.getsize(found) if os.path.isfile(found) else 0
        self._sizes[os.fspath(address)] = {"num_bytes": size, "checksum": None}
        return found

    def extract(self, path_or_paths: Any) -> Any:
        """Archives -> folders of what they hold; compressed files -> the files; others as they are.

        Raises:
            ValueError: an archive holds a name that leads out of it.
        """
        return _nested(path_or_paths, self._extract)

    def _extract(self, path: Any) -> str:
        source = Path(path)
        if not source.is_file():
            return str(path)
        with open(source, "rb") as file:
            head = file.read(262)
        import tarfile
        import zipfile

        stat = source.stat()
        key = hashlib.sha256(f"{source.resolve()} {stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()[:32]
        target = self._cache() / "downloads" / "extracted" / key
        fresh = self.download_config.force_extract
        if head[:4] == b"PK\x03\x04" or tarfile.is_tarfile(source):
            if fresh or not target.is_dir():
                with replacing_folder(target) as folder:
                    _zip(source, folder) if zipfile.is_zipfile(source) else _tar(source, folder)
        elif head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")):
            if fresh or not target.is_file():
                with replacing(target) as out:
                    for _, inner in open_files(source, "text"):
                        shutil.copyfileobj(inner, out)
        else:
            return str(path)
        self._extracted.append(target)
        return str(target)

    def download_and_extract(self, url_or_urls: Any) -> Any:
        """Fetch, then unpack."""
        return self.extract(self.download(url_or_urls))

    def iter_archive(self, path_or_buf: Any) -> Iterator[tuple[str, Any]]:
        """The (name, open file) pairs of a tar or zip archive."""
        import tarfile
        import zipfile

        if zipfile.is_zipfile(path_or_buf):
            with zipfile.ZipFile(path_or_buf) as archive:
                for name in archive.namelist():
                    if not name.endswith("/") and not os.path.basename(name).startswith((".", "__")):
                        with archive.open(name) as file:
                            yield name, file
            return
        given = {"fileobj": path_or_buf} if hasattr(path_or_buf, "read") else {"name": path_or_buf}
        with tarfile.open(mode="r|*" if "fileobj" in given else "r:*", **given) as archive:
            for member in archive:
                if member.isfile() and not os.path.basename(member.name).startswith((".", "__")):
                    yield member.name, archive.extractfile(member)

    def iter_files(self, paths: Any) -> Iterator[str]:
        """The files of paths and of the folders among them, without hidden ones."""
        for path in [paths] if isinstance(paths, str | os.PathLike) else paths:
            if os.path.isfile(path):
                yield str(path)
                continue
            if not os.path.isdir(path):
                raise FileNotFoundError(path)
            for top, folders, names in os.walk(path):
                folders[:] = sorted(one for one in folders if not one.startswith((".", "__")))
                yield from (os.path.join(top, one) for one in sorted(names) if not one.startswith((".", "__")))

    def get_recorded_sizes_checksums(self) -> dict[str, dict]:
        """What was fetched -> its bytes."""
        return dict(self._sizes)

    def delete_extracted_files(self) -> None:
        """Remove what was unpacked."""
        for path in self._extracted:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        self._extracted = []

    def manage_extracted_files(self) -> None:
        """Remove what was unpacked, where the config says so."""
        if self.download_config.delete_extracted:
            self.delete_extracted_files()


class StreamingDownloadManager(DownloadManager):
    """The manager that a builder gets for `as_streaming_dataset`; it fetches as the other does."""

    is_streaming = True


def _nested(value: Any, function: Callable) -> Any:
    if isinstance(value, dict):
        return {key: _nested(one, function) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_nested(one, function) for one in value)
    return function(value)


def _zip(source: Path, folder: Path) -> None:
    import zipfile

    with zipfile.ZipFile(source) as archive:
        for name in archive.namelist():
            safe_member(name, str(source))
        archive.extractall(folder)


def _tar(source: Path, folder: Path) -> None:
    import tarfile

    with tarfile.open(source) as archive:
        for member in archive:
            safe_member(member.name, str(source))
            path = inside(folder, member.name)
            if member.isdir():
                path.mkdir(parents=True, exist_ok=True)
            elif member.isfile() and (opened := archive.extractfile(member)) is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                with open(path, "wb") as out:
                    shutil.copyfileobj(opened, out)
