"""push_to_hub: splits as parquet files and a README that says which files are which split, in one commit."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bearhug._lib.progress import progress
from bearhug.datasets.disk import estimate_bytes, shard_count
from bearhug.datasets.export import to_parquet
from bearhug.datasets.find import read_card
from bearhug.datasets.info import DatasetInfo
from bearhug.datasets.patterns import as_splits
from bearhug.datasets.splits import SplitDict, SplitInfo

if TYPE_CHECKING:
    from bearhug.datasets.dataset import Dataset


def push(
    splits: dict[str, Dataset],
    repo_id: str,
    config_name: str = "default",
    set_default: bool | None = None,
    data_dir: str | None = None,
    commit_message: str | None = None,
    commit_description: str | None = None,
    private: bool | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    create_pr: bool = False,
    max_shard_size: str | int | dict | None = None,
    num_shards: int | dict | None = None,
    embed_external_files: bool = True,
    num_proc: int | None = None,
    *,
    only_these_splits: bool = False,
) -> Any:
    """Upload splits to a hub's repository, which is made where there is none.

    Args:
        splits: split -> Dataset.
        repo_id: "owner/name", or "name" for your own.
        config_name: the configuration; others in the repository stay.
        set_default: load this configuration where none is named.
        data_dir: the folder of the files; the configuration's name, or "data".
        embed_external_files: write the bytes of pictures, sounds and other files, in place of their paths.
        max_shard_size, num_shards: how large the files are, or how many; of several splits also a dict.
        num_proc: so many files are written at once.
        only_these_splits: other splits of this configuration go (a DatasetDict stands for all of them).

    Returns:
        The commit.

    Raises:
        ValueError: the features differ from those of splits that stay.
        OSError: nobody is logged in, or the hub does not answer.
    """
    from bearhug.hub.client import full_name, open_repo, push_folder

    if config_name == "data":
        raise ValueError("`config_name` cannot be 'data'. Please, choose another name for configuration.")
    if not splits:
        raise ValueError("there are no splits to push.")
    folder_name = data_dir or (config_name if config_name != "default" else "data")
    repo_id = full_name(repo_id, token)
    old, card, body = _existing(repo_id, revision, token)
    info = DatasetInfo(config_name=config_name, features=next(iter(splits.values())).features, splits=SplitDict())
    assert info.splits is not None
    info.download_size = info.dataset_size = 0
    with tempfile.TemporaryDirectory(prefix="bearhug-push-") as temporary:
        folder = Path(temporary)
        (folder / folder_name).mkdir(parents=True)
        todo: list[tuple[Dataset, Path]] = []
        for name, dataset in splits.items():
            size = max_shard_size.get(name) if isinstance(max_shard_size, dict) else max_shard_size
            shards = num_shards.get(name) if isinstance(num_shards, dict) else num_shards
            count = shard_count(dataset, size, shards, num_proc)
            _ = dataset._batches  # made once, before threads ask for it
            for i in range(count):
                path = folder / folder_name / f"{name}-{i:05d}-of-{count:05d}.parquet"
                todo.append((dataset.shard(count, i, contiguous=True), path))
            info.splits[name] = SplitInfo(name, estimate_bytes(dataset), len(dataset))
            info.dataset_size += info.splits[name].num_bytes
        with (
            progress(total=len(todo), desc="Writing parquet", unit=" files") as bar,
            ThreadPoolExecutor(max(1, num_proc or 1)) as threads,  # Arrow writes without Python's lock
        ):
            for size in threads.map(lambda one: _written(one[0], one[1], embed_external_files), todo):
                info.download_size += size
                bar.update(1)
        _keep_others(info, card, config_name, only_these_splits)
        new = {path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")}
        gone = [
            one
            for one in old
            if _is_shard(one, folder_name, None if only_these_splits else set(splits)) and one not in new
        ]
        (folder / "README.md").write_text(
            _card(card, body, splits, repo_id, config_name, folder_name, info, set_default, only_these_splits), "utf-8"
        )
        commit = push_folder(
            folder,
            repo_id,
            repo_type="dataset",
            private=private,
            token=token,
            commit_message=commit_message or "Upload dataset",
            commit_description=commit_description,
            revision=revision,
            create_pr=create_pr,
            delete=gone,
        )
    if not create_pr:  # the cache learns of the commit, so that a load here gives what was pushed
        open_repo(repo_id, repo_type="dataset", revision=revision, token=token, force_download=True).files()
    return commit


def _written(shard: Dataset, path: Path, embed: bool) -> int:
    """Write one file; its size. The same rows give the same bytes: a hub that has them is not sent them again."""
    to_parquet(shard, path, embed_external_files=embed)
    return path.stat().st_size


def _existing(repo_id: str, revision: str | None, token: Any) -> tuple[list[str], dict, str]:
    """The files and the README that are there: names, front matter, text; nothing where the repository is new."""
    from bearhug.hub.card import split_card
    from bearhug.hub.client import open_repo

    try:
        repo = open_repo(repo_id, repo_type="dataset", revision=revision, token=token, force_download=True)
        files = repo.files()
    except OSError:
        return [], {}, ""
    card = read_card(repo)
    readme = repo.path("README.md")
    return files, card, split_card(readme.read_text("utf-8"))[1] if readme is not None else ""


def _is_shard(file: str, folder: str, splits: set[str] | None) -> bool:
    head, _, name = file.rpartition("/")
    stem = name.partition("-of-")[0].rpartition("-")[0]
    return head == folder and name.endswith(".parquet") and "-of-" in name and (splits is None or stem in splits)


def _keep_others(info: DatasetInfo, card: dict, config: str, only_these: bool) -> None:
    """Take the other splits of the configuration over, whose features must be the same."""
    known = card.get("dataset_info") or []
    known = {one.get("config_name", "default"): one for one in (known if isinstance(known, list) else [known])}
    if config not in known or only_these:
        return
    old = DatasetInfo._from_yaml_dict(known[config])
    assert info.splits is not None
    stay = {name: one for name, one in (old.splits or {}).items() if name not in info.splits}
    if stay and old.features != info.features:
        raise ValueError(
            f"Features of the new split don't match the features of the existing splits on the hub: {info.features} != "
            f"{old.features}\nPush all splits together as a DatasetDict, or to another configuration with config_name=."
        )
    replaced = sum(one.num_bytes for name, one in (old.splits or {}).items() if name in info.splits)
    info.download_size = (info.download_size or 0) + (old.download_size or 0)
    info.dataset_size = (info.dataset_size or 0) + (old.dataset_size or 0) - replaced
    info.splits = SplitDict({**stay, **info.splits})


def _card(
    card: dict,
    body: str,
    splits: dict,
    repo_id: str,
    config: str,
    folder: str,
    info: DatasetInfo,
    default: bool | None,
    only: bool,
) -> str:
    from bearhug.hub.card import dataset_card, join_card

    configs = {one["config_name"]: dict(one) for one in card.get("configs") or [] if "config_name" in one}
    files: dict[str, Any] = {}
    if config in configs and not only and configs[config].get("data_files"):
        files = {
            name: one[0] if len(one) == 1 else one for name, one in as_splits(configs[config]["data_files"]).items()
        }
    files |= {name: f"{folder}/{name}-*" for name in splits}
    new: dict[str, Any] = {"data_files": [{"split": name, "path": path} for name, path in files.items()]}
    if default and config != "default":
        if "default" in configs:
            raise ValueError(
                "There exists a configuration named 'default'. To set a different configuration as default, rename the "
                "'default' one first."
            )
        for one in configs.values():
            one.pop("default", None)
        new["default"] = True
    configs[config] = {"config_name": config, **new}
    known = card.get("dataset_info") or []
    infos = {one.get("config_name", "default"): dict(one) for one in (known if isinstance(known, list) else [known])}
    infos[config] = info._to_yaml_dict()
    for name, one in infos.items():
        one.pop("config_name", None)
        infos[name] = {"config_name": name, **one}
    if len(infos) == 1:
        dataset_info: Any = next(iter(infos.values()))
        if config == "default":
            dataset_info.pop("config_name")
    else:
        dataset_info = [infos[name] for name in sorted(infos)]
    listed = [configs[name] for name in sorted(configs)]
    existing = join_card(card, body) if card or body.strip() else None
    return dataset_card(dict(splits), repo_id=repo_id, dataset_info=dataset_info, configs=listed, existing=existing)
