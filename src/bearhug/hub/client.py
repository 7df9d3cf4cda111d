"""The one download path: a name or a folder -> local files; and the way back, one commit.

A name is looked for as a folder that exists, then in the bundled nursery (names under `bearhug/`), then in the cache,
then on the hub at BEARHUG_ENDPOINT or HF_ENDPOINT. What is cached, local or bundled never opens a socket: a cached
revision is used as it is until `force_download=True` asks the hub again. The list of a revision's files is kept beside
it (in huggingface_hub's own format), so that a file which the revision does not have is known to be absent, too.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bearhug._lib.errors import near
from bearhug._lib.files import inside, replacing
from bearhug.hub.account import current_token, login, logout, whoami
from bearhug.hub.reach import HubUnreachable, cache_folder, endpoint, offline, quiet, require

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo, HfApi

NURSERY = Path(__file__).parent.parent / "nursery"
NAME = re.compile(r"\w[\w.\-]{0,95}(/\w[\w.\-]{0,95})?")  # `owner/name`, or an old bare `name`
# What is fetched together: where one of the first is in a cached snapshot, others that are not there are absent.
KINDS = (
    (re.compile(r"(tokenizer|vocab|merges|spiece|sentencepiece|tekken)[\w.\-]*\.(json|txt|model|bpe)$"),
     re.compile(r"(tokenizer|vocab|merges|spiece|sentencepiece|tekken|special_tokens|added_tokens|chat_template)|\.jinja$")),
    (re.compile(r"\.(safetensors|bin|gguf)$"), re.compile(r"\.(safetensors|bin|gguf)$|\.index\.json$")),
    (re.compile(r"^config\.json$"), re.compile(r"config\.json$|^README\.md$")),
)  # fmt: skip
NEVER_PUSHED = (".git/*", "*/.git/*", ".cache/huggingface/*", "*/.cache/huggingface/*", "*.DS_Store", "*/__pycache__/*")

__all__ = [
    "Repo",
    "current_token",
    "endpoint",
    "full_name",
    "login",
    "logout",
    "nursery_names",
    "offline",
    "open_repo",
    "push_folder",
    "snapshot_download",
    "whoami",
]


def nursery_names(repo_type: str = "model") -> list[str]:
    """The bundled names, `bearhug/...`, of models or datasets."""
    mark = "config.json" if repo_type == "model" else "README.md"
    return sorted(
        f"bearhug/{folder.name}"
        for folder in (NURSERY.iterdir() if NURSERY.is_dir() else ())
        if (folder / mark).exists() and (folder / "config.json").exists() == (repo_type == "model")
    )


def cached_names(repo_type: str = "model", cache_dir: str | os.PathLike | None = None) -> list[str]:
    """The names in the cache of models, datasets or spaces."""
    prefix = f"{repo_type}s--"
    folders = cache_folder(cache_dir).glob(f"{prefix}*")
    return sorted(folder.name.removeprefix(prefix).replace("--", "/") for folder in folders if folder.is_dir())


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
    _commit: str | None = field(default=None, repr=False)
    _listing: dict[str, dict] | None = field(default=None, repr=False)

    def path(self, filename: str) -> Path | None:
        """The local path of one file, or None where the repository has no such file.

        Raises:
            ValueError: the name leads out of the repository.
            OSError: the repository cannot be found or reached.
        """
        filename = f"{self.subfolder}/{filename}" if self.subfolder else filename
        if self.folder is not None:
            path = _at(self.folder, filename)
            return path if path.is_file() else None
        if not self.force_download:
            found, known = self._cached(filename)
            if known:
                return found
        return self._fetched(filename)

    def files(self) -> list[str]:
        """The names of all files, relative, sorted; asks the hub where the list is not in the cache."""
        if self.folder is not None:
            top = self.folder / self.subfolder
            return sorted(path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file())
        names = self._known_listing()
        if names is None:
            names = self._snapshot_names()
            if self.local_files_only or offline():
                if names is None:
                    raise self._missing("no cached copy, and the network is not to be used")
            elif names is None or self.repo_type != "model":
                try:
                    names = self._asked()
                except HubUnreachable as error:
                    if names is None:
                        raise self._missing(str(error), HubUnreachable) from None
        prefix = f"{self.subfolder}/" if self.subfolder else ""
        return sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))

    # what is in the cache

    @property
    def _storage(self) -> Path:
        return cache_folder(self.cache_dir) / f"{self.repo_type}s--{self.name.replace('/', '--')}"

    def _cached_commit(self) -> str | None:
        """The commit that the revision stands for in the cache."""
        revision = self.revision or "main"
        if re.fullmatch(r"[0-9a-f]{40}", revision):
            return revision
        try:
            return _at(self._storage / "refs", revision).read_text().strip() or None
        except (OSError, ValueError):
            return None

    def _snapshot(self) -> Path | None:
        commit = self._commit or self._cached_commit()
        folder = self._storage / "snapshots" / commit if commit else None
        return folder if folder is not None and folder.is_dir() else None

    def _cached(self, filename: str) -> tuple[Path | None, bool]:
        """(where a file lies, whether the cache knows): (None, True) is a file that the revision does not have."""
        commit = self._commit or self._cached_commit()
        if commit is None:
            return None, False
        path = _at(self._storage / "snapshots" / commit, filename)
        if path.is_file():
            return path, True
        listing = self._known_listing()
        absent = listing is not None and filename not in listing
        absent = absent or _at(self._storage / ".no_exist" / commit, filename).exists()
        return None, absent or (listing is None and self._others_of_its_kind(filename))

    def _others_of_its_kind(self, filename: str) -> bool:
        """Whether a snapshot that another program fetched, and kept no list of, holds what belongs with this file."""
        if self.repo_type != "model":
            return False
        folder, _, name = filename.rpartition("/")
        beside = [path.rpartition("/")[2] for path in self._snapshot_names() or () if path.rpartition("/")[0] == folder]
        return any(belongs.search(name) and any(map(main.search, beside)) for main, belongs in KINDS)

    def _snapshot_names(self) -> list[str] | None:
        snapshot = self._snapshot()
        if snapshot is None or self.force_download:
            return None
        return [path.relative_to(snapshot).as_posix() for path in snapshot.rglob("*") if path.is_file()]

    def _known_listing(self) -> dict[str, dict] | None:
        if self._listing is None and not self.force_download and (commit := self._commit or self._cached_commit()):
            try:
                kept = json.loads((self._storage / "trees" / f"{commit}.json").read_text(encoding="utf-8"))
                if kept["format_version"] == 1:
                    self._listing, self._commit = dict(kept["files"]), commit
            except (OSError, ValueError, KeyError, TypeError):
                return None
        return self._listing

    # what the hub is asked

    def _fetched(self, filename: str) -> Path | None:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError

        if self.local_files_only or offline():
            if self._snapshot() is None:
                raise self._missing("no cached copy, and the network is not to be used")
            return None
        try:
            if filename not in self._asked():
                return None
            require()
        except HubUnreachable as error:
            if self._listing is not None:
                raise HubUnreachable(f"{filename!r} of {self.name!r} is not in the cache, and {error}") from None
            if self._snapshot() is None:
                raise self._missing(str(error), HubUnreachable) from None
            return None  # cached by another program, which kept no list: what it did not fetch is taken as absent
        with _explained(self):
            try:
                path = hf_hub_download(
                    self.name,
                    filename,
                    repo_type=self.repo_type,
                    revision=self._commit,
                    cache_dir=str(cache_folder(self.cache_dir)),
                    token=self._token(),
                    endpoint=endpoint(),
                    force_download=self.force_download,
                )
            except EntryNotFoundError as error:
                if isinstance(error, OSError) and "404" not in str(error):
                    raise
                return None
        return Path(path)

    def _asked(self) -> dict[str, dict]:
        """Ask the hub, once, which commit the revision is and what files it has; keep both in the cache."""
        if (known := self._known_listing()) is not None:
            return known
        from huggingface_hub.hf_api import RepoFile

        require()
        with _explained(self):
            api = _api(self._token())
            where: dict[str, Any] = {"repo_id": self.name, "repo_type": self.repo_type}
            commit = None if self.force_download else self._cached_commit()
            if commit is None or not api.revision_exists(**where, revision=commit):  # a hub begun anew knows it not
                commit = api.repo_info(**where, revision=self.revision).sha
            found = api.list_repo_tree(**where, revision=commit, recursive=True)
            listing = {entry.path: _kept(entry) for entry in found if isinstance(entry, RepoFile)}
        with replacing(self._storage / "trees" / f"{commit}.json", "w", encoding="utf-8") as file:
            json.dump({"format_version": 1, "files": dict(sorted(listing.items()))}, file, indent=1)
        if self.revision != commit:
            with replacing(inside(self._storage / "refs", self.revision or "main"), "w") as file:
                file.write(commit)
        self._commit, self._listing = commit, listing
        return listing

    def _token(self) -> str | bool:
        return _token(self.token)

    def _missing(self, why: str, kind: type[OSError] = OSError) -> OSError:
        known = nursery_names(self.repo_type)
        hint = near(self.name, [*known, *cached_names(self.repo_type, self.cache_dir)])
        return kind(
            f"{self.name!r} is no folder here, not bundled and not in the cache, and {_lower(why)}{hint}\n"
            f"Set HF_ENDPOINT to a hub that has it{_or_bundled(known)}."
        )


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
    options: dict[str, Any] = {
        "revision": revision,
        "token": token,
        "cache_dir": cache_dir,
        "subfolder": subfolder or "",
    }
    options |= {"local_files_only": local_files_only, "force_download": force_download, "repo_type": repo_type}
    name = os.fspath(name)
    if name and Path(name).is_dir():
        return Repo(name, Path(name), **options)
    known = nursery_names(repo_type)
    if name in known:
        return Repo(name, NURSERY / name.removeprefix("bearhug/"), **options)
    if not NAME.fullmatch(name) or ".." in name or "--" in name:
        raise OSError(
            f"{name!r} is no folder here and no name on a hub (those read 'owner/name').{near(name, known)}\n"
            f"Check the path{_or_bundled(known)}."
        )
    return Repo(name, None, **options)


def snapshot_download(
    repo_id: str | os.PathLike,
    *,
    repo_type: str | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike | None = None,
    local_dir: str | os.PathLike | None = None,
    allow_patterns: list[str] | str | None = None,
    ignore_patterns: list[str] | str | None = None,
    token: str | bool | None = None,
    local_files_only: bool = False,
    force_download: bool = False,
) -> str:
    """All files of a name in one local folder; what is cached whole opens no socket.

    Args:
        allow_patterns, ignore_patterns: only files that match one of the first and none of the second (`*.json`).
        local_dir: put plain copies there, besides or in place of the cache.

    Returns:
        The folder's path.

    Raises:
        OSError: the name cannot be found, or the hub not be reached.
    """
    options: dict[str, Any] = {"revision": revision, "token": token, "cache_dir": cache_dir}
    options |= {"local_files_only": local_files_only, "force_download": force_download}
    repo = open_repo(repo_id, repo_type=repo_type or "model", **options)
    names = [name for name in repo.files() if _chosen(name, allow_patterns, ignore_patterns)]
    if repo.folder is not None and local_dir is None:
        return str(repo.folder)
    if local_dir is not None:
        return _copied(repo, names, Path(local_dir))
    if not force_download and all(repo._cached(name)[0] for name in names) and (snapshot := repo._snapshot()):
        return str(snapshot)
    _fetch_all(repo, names)
    snapshot = repo._snapshot()
    if snapshot is None:
        raise repo._missing("no file of it was asked for")
    return str(snapshot)


def _fetch_all(repo: Repo, names: list[str]) -> None:
    """Fetch many files at a time; the first failure is raised when the others have ended."""
    from concurrent.futures import ThreadPoolExecutor

    from bearhug._lib.progress import progress

    with ThreadPoolExecutor(max_workers=8) as pool:
        for path in progress(pool.map(repo.path, names), total=len(names), desc=repo.name, unit="file"):
            if path is None:
                raise repo._missing("a file of it vanished from the hub")


def _copied(repo: Repo, names: list[str], target: Path) -> str:
    import shutil

    for name in names:
        source = repo.path(name)
        if source is None:
            raise repo._missing("a file of it is missing")
        with open(source, "rb") as read, replacing(inside(target, name)) as write:
            shutil.copyfileobj(read, write)
    return str(target)


def push_folder(
    folder: str | os.PathLike,
    repo_id: str,
    *,
    repo_type: str = "model",
    private: bool | None = None,
    token: str | bool | None = None,
    commit_message: str | None = None,
    commit_description: str | None = None,
    revision: str | None = None,
    create_pr: bool = False,
    delete: Iterable[str] = (),
) -> CommitInfo:
    """Put all files of a folder into a repository in one commit; the repository is made where there is none.

    Args:
        repo_id: `owner/name`, or `name` alone for one of your own.
        private: whether only you (or your organisation) see it, where it is made; None: as your account has it.
        revision: a branch, made where there is none; None: main.
        create_pr: propose the commit instead of making it.
        delete: files of the repository that go in the same commit.

    Raises:
        OSError: nobody is logged in, the hub does not answer, or refuses (its own exceptions, OSErrors).
        ValueError: no files, or no possible name.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    folder = Path(folder)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in paths]
    names = [name for name in names if not any(fnmatch.fnmatch(name, pattern) for pattern in NEVER_PUSHED)]
    if not names:
        raise ValueError(f"there are no files in {str(folder)!r} to push.")
    owned, given = full_name(repo_id, token), _token(token)
    api = _api(given)
    repo = Repo(owned, None, repo_type=repo_type, revision=revision, token=given)
    operations: list = [CommitOperationAdd(name, str(folder / name)) for name in names]
    operations += [CommitOperationDelete(name) for name in delete]
    with _explained(repo):
        repo.name = api.create_repo(owned, repo_type=repo_type, private=private, exist_ok=True).repo_id
        if revision not in (None, "main") and not revision.startswith("refs/"):
            api.create_branch(repo.name, repo_type=repo_type, branch=revision, exist_ok=True)
        return api.create_commit(
            repo.name,
            operations,
            repo_type=repo_type,
            revision=revision,
            commit_message=commit_message or f"Upload {len(names)} file{'s' * (len(names) > 1)} with bearhug",
            commit_description=commit_description,
            create_pr=create_pr,
        )


def full_name(repo_id: str, token: str | bool | None = None) -> str:
    """`owner/name` of a repository to push to: a bare name is one of your own.

    Raises:
        OSError: nobody is logged in, or the hub does not answer.
        ValueError: no possible name.
    """
    from huggingface_hub.errors import LocalTokenNotFoundError

    if not NAME.fullmatch(repo_id):
        raise ValueError(f"{repo_id!r} is no name for a repository; it reads 'name' or 'owner/name'.")
    given = _token(token)
    if not given:
        raise LocalTokenNotFoundError(
            f"pushing {repo_id!r} to {endpoint()} needs a login, and nobody is logged in.\n"
            "Log in once: bearhug login (or pass token='hf_...', or set HF_TOKEN)."
        )
    require()
    if "/" in repo_id:
        return repo_id
    with _explained(Repo(repo_id, None, token=given)):
        return f"{_api(given).whoami()['name']}/{repo_id}"


def _api(token: str | bool) -> HfApi:
    from huggingface_hub import HfApi

    return HfApi(endpoint=endpoint(), token=token, library_name="bearhug")


def _token(given: str | bool | None) -> str | bool:
    """The token to send: as given, else the one in use; False sends none."""
    if isinstance(given, str) or given is False:
        return given
    return current_token() or False


def _at(folder: Path, name: str) -> Path:
    """`folder/name`, refused where the name climbs out. Links are followed: the cache itself is made of them."""
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or name.startswith(("/", "\\")) or Path(name).is_absolute():
        raise ValueError(f"the file name {name!r} leads out of its folder; names in a repository are relative.")
    return folder / name


def _kept(entry: Any) -> dict:
    """A file of a listing as huggingface_hub keeps it in its cache."""
    kept = {"size": entry.size, "blob_id": entry.blob_id}
    if entry.lfs is not None:
        kept |= {"lfs_sha256": entry.lfs.sha256, "lfs_size": entry.lfs.size}
    if getattr(entry, "xet_hash", None):
        kept["xet_hash"] = entry.xet_hash
    return kept


def _chosen(name: str, allow: list[str] | str | None, ignore: list[str] | str | None) -> bool:
    def among(patterns: list[str] | str) -> bool:
        every = [patterns] if isinstance(patterns, str) else patterns
        return any(fnmatch.fnmatch(name, pattern + "*" * pattern.endswith("/")) for pattern in every)

    return (allow is None or among(allow)) and not (ignore is not None and among(ignore))


def _or_bundled(known: list[str]) -> str:
    return f", or take a bundled one: {', '.join(known)}" if known else ""


def _lower(why: str) -> str:
    text = why.split("\n")[0].rstrip(".")
    return text + "."


@contextmanager
def _explained(repo: Repo) -> Iterator[None]:
    """Say of a hub's refusal what was asked, where, and what to do; the exception stays huggingface_hub's own."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    what, where = f"{repo.repo_type} {repo.name!r}", endpoint()
    known = nursery_names(repo.repo_type)
    try:
        with quiet():
            yield
    except LocalEntryNotFoundError as error:
        raise OSError(f"a file of {what} could not be fetched from {where}: {_last_line(error)}") from None
    except HfHubHTTPError as error:
        said = error.server_message or error.response.headers.get("X-Error-Message") or _last_line(error)
        status = error.response.status_code
        if isinstance(error, GatedRepoError):
            text = f"{what} at {where} is closed: {said}\nAsk for access there, then log in: bearhug login"
        elif isinstance(error, RepositoryNotFoundError):
            hint = near(repo.name, [*known, *cached_names(repo.repo_type, repo.cache_dir), *_siblings(repo)])
            text = (
                f"there is no {what} at {where}, or you may not see it.{hint}\n"
                f"Check the spelling, log in with `bearhug login`{_or_bundled(known)}."
            )
        elif isinstance(error, RevisionNotFoundError):
            text = f"{what} at {where} has no revision {repo.revision!r}. It has {_revisions(repo)}."
        elif status == 401:
            text = f"{where} does not accept this login ({said}).\nLog in again: bearhug login --force"
        elif status == 403:
            text = f"you may not write to {what} at {where}: {said}\nSee who you are with `bearhug whoami`."
        else:
            text = f"{where} refused what was asked of {what} ({status}): {said}"
        raise type(error)(text, response=error.response, server_message=error.server_message) from None
    except (ConnectionError, TimeoutError) as error:
        raise HubUnreachable(
            f"the hub at {where} broke off: {_last_line(error)}\nTry again; nothing is half done."
        ) from None


def _siblings(repo: Repo) -> list[str]:
    """The owner's other repositories, to find what a misspelt name meant; none where the hub does not say."""
    owner = repo.name.partition("/")[0]
    listed = {"model": "list_models", "dataset": "list_datasets", "space": "list_spaces"}.get(repo.repo_type)
    try:
        return [found.id for found in getattr(_api(repo._token()), listed or "")(author=owner, limit=100)]
    except Exception:  # only a hint: whatever goes wrong, the error that is being told matters more
        return []


def _revisions(repo: Repo) -> str:
    try:
        refs = _api(repo._token()).list_repo_refs(repo.name, repo_type=repo.repo_type)
        return ", ".join(repr(ref.name) for ref in [*refs.branches, *refs.tags][:20])
    except Exception:  # only a hint, as above
        return "others"


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
