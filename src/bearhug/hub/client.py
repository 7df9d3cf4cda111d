"""The one download path: a name or a folder -> local files; login and push.

A name is looked for as a folder that exists, then in the bundled nursery (names under `bearhug/`), then in the cache, then
on the hub at BEARHUG_ENDPOINT or HF_ENDPOINT. What is cached, local or bundled never opens a socket: a cached revision is
used as it is until `force_download=True` asks the hub again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bearhug._lib.errors import near
from bearhug._lib.files import inside

NURSERY = Path(__file__).parent.parent / "nursery"
TRUE = {"1", "true", "yes", "on"}


def endpoint() -> str:
    """The hub's address: BEARHUG_ENDPOINT, else HF_ENDPOINT, else the public hub. Read at each call, not at import."""
    return (os.environ.get("BEARHUG_ENDPOINT") or os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def offline() -> bool:
    """Whether HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE or BEARHUG_OFFLINE forbids the network."""
    return any(
        os.environ.get(name, "").lower() in TRUE
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "BEARHUG_OFFLINE")
    )


def nursery_names(repo_type: str = "model") -> list[str]:
    """The bundled names, `bearhug/...`, of models or datasets."""
    mark = "config.json" if repo_type == "model" else "README.md"
    return sorted(
        f"bearhug/{folder.name}"
        for folder in NURSERY.iterdir()
        if (folder / mark).exists() and (folder / "config.json").exists() == (repo_type == "model")
    )


@dataclass
class Repo:
    """A name that has been found: `path(file)` is where a file of it lies on this machine, fetched when it must be."""

    name: str
    folder: Path | None  # a local or bundled folder; None: in the cache or on the hub
    repo_type: str = "model"
    revision: str | None = None
    token: str | bool | None = None
    cache_dir: str | os.PathLike | None = None
    local_files_only: bool = False
    force_download: bool = False
    subfolder: str = ""
    _listing: list[str] | None = field(default=None, repr=False)

    def path(self, filename: str) -> Path | None:
        """The local path of one file, or None where the repository has no such file.

        Raises:
            ValueError: the name leads out of the repository.
            OSError: the repository cannot be found or reached.
        """
        filename = f"{self.subfolder}/{filename}" if self.subfolder else filename
        if self.folder is not None:
            path = inside(self.folder, filename)
            return path if path.is_file() else None
        return self._cached(filename) or self._fetched(filename)

    def files(self) -> list[str]:
        """The names of all files, relative, sorted; asks the hub where the repository is not local."""
        if self.folder is not None:
            top = self.folder / self.subfolder
            return sorted(str(path.relative_to(top)) for path in top.rglob("*") if path.is_file())
        if self._listing is None:
            from huggingface_hub import HfApi

            with _explained(self):
                api = HfApi(endpoint=endpoint(), token=self.token)
                self._listing = sorted(api.list_repo_files(self.name, revision=self.revision, repo_type=self.repo_type))
        return self._listing

    def _cached(self, filename: str) -> Path | None:
        from huggingface_hub import try_to_load_from_cache

        if self.force_download:
            return None
        found = try_to_load_from_cache(
            self.name, filename, cache_dir=self.cache_dir, revision=self.revision, repo_type=self.repo_type
        )
        return Path(found) if isinstance(found, str) else None

    def _fetched(self, filename: str) -> Path | None:
        from huggingface_hub import _CACHED_NO_EXIST, hf_hub_download, try_to_load_from_cache
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

        where = {"cache_dir": self.cache_dir, "revision": self.revision, "repo_type": self.repo_type}
        if not self.force_download and try_to_load_from_cache(self.name, filename, **where) is _CACHED_NO_EXIST:
            return None
        if self.local_files_only or offline():
            return None
        with _explained(self):
            try:
                return Path(
                    hf_hub_download(
                        self.name,
                        filename,
                        **where,
                        token=self.token,
                        endpoint=endpoint(),
                        force_download=self.force_download,
                    )
                )
            except LocalEntryNotFoundError:
                raise
            except EntryNotFoundError:
                return None


def open_repo(
    name: str | os.PathLike,
    *,
    repo_type: str = "model",
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike | None = None,
    local_files_only: bool = False,
    force_download: bool = False,
    subfolder: str = "",
) -> Repo:
    """Find a name: a folder that exists, the nursery, the cache, the hub.

    Raises:
        OSError: `name` is neither a folder, nor bundled, nor a possible name on a hub.
    """
    options: dict[str, Any] = {"revision": revision, "token": token, "cache_dir": cache_dir, "subfolder": subfolder}
    options |= {"local_files_only": local_files_only, "force_download": force_download, "repo_type": repo_type}
    name = os.fspath(name)
    if Path(name).is_dir():
        return Repo(name, Path(name), **options)
    if name in nursery_names(repo_type):
        return Repo(name, NURSERY / name.removeprefix("bearhug/"), **options)
    known = nursery_names(repo_type)
    if name.startswith(("/", "./", "../", "~")) or name.count("/") > 1 or not name.strip():
        raise OSError(
            f"{name!r} is no folder here and no name on a hub (those read 'owner/name').{near(name, known)}\n"
            f"Check the path, or take a bundled one: {', '.join(known)}."
        )
    return Repo(name, None, **options)


@contextmanager
def _explained(repo: Repo) -> Iterator[None]:
    """Turn a hub's failure into an OSError that says what was asked, where, and what to do."""
    from huggingface_hub.errors import (
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    known = nursery_names(repo.repo_type)
    try:
        yield
    except RepositoryNotFoundError as error:
        raise OSError(
            f"no {repo.repo_type} is called {repo.name!r} at {endpoint()}, or you may not see it.{near(repo.name, known)}\n"
            f"Check the spelling, log in with `bearhug login`, or take a bundled one: {', '.join(known)}."
        ) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, ConnectionError, OSError) as error:
        if isinstance(error, HfHubHTTPError) and error.response is not None:
            raise
        raise OSError(
            f"{repo.name!r} is no folder, not bundled, not in the cache, and no hub answers at {endpoint()}.{near(repo.name, known)}\n"
            f"Set HF_ENDPOINT to a hub that answers, or take a bundled one: {', '.join(known)}."
        ) from error
