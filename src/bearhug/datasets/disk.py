"""save_to_disk, load_from_disk: a folder of Arrow files with dataset_info.json and state.json."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from bearhug._lib.files import replacing, replacing_folder
from bearhug._lib.progress import progress
from bearhug.datasets.features import Features
from bearhug.datasets.fingerprint import key_of
from bearhug.datasets.info import DatasetInfo
from bearhug.datasets.media.embed import embed_table, outside_bytes
from bearhug.datasets.table import read_arrow
from bearhug.datasets.writer import ArrowWriter

if TYPE_CHECKING:
    from bearhug.datasets.dataset import Dataset
    from bearhug.datasets.dataset_dict import DatasetDict

UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
SHARD = "500MB"
ROWS = 1000


def size_in_bytes(size: str | int) -> int:
    """ "500MB" -> 500,000,000; a number stays."""
    if isinstance(size, int):
        return size
    text = size.strip().upper()
    for unit in sorted(UNITS, key=len, reverse=True):
        if text.endswith(unit):
            return int(float(text.removesuffix(unit)) * UNITS[unit])
    raise ValueError(f"{size!r} is no size; write '500MB', '2GB', or a number of bytes.")


def estimate_bytes(dataset: Dataset) -> int:
    """The bytes of the chosen rows in Arrow and in files that they name, in proportion where only some are chosen."""
    size = dataset._data.nbytes + outside_bytes(dataset._data, dataset.features)
    if dataset._order is not None and dataset._data.num_rows:
        size = size * len(dataset) // dataset._data.num_rows
    return size


def shard_count(
    dataset: Dataset, max_shard_size: str | int | None, num_shards: int | None, num_proc: int | None
) -> int:
    """How many files a data set is written to."""
    if max_shard_size is not None and num_shards is not None:
        raise ValueError("please specify either max_shard_size or num_shards, but not both.")
    if num_shards is not None:
        return num_shards
    count = estimate_bytes(dataset) // size_in_bytes(max_shard_size or SHARD) + 1
    return max(count, num_proc or 1)


def save(
    dataset: Dataset,
    dataset_path: str | os.PathLike,
    max_shard_size: str | int | None = None,
    num_shards: int | None = None,
    num_proc: int | None = None,
    storage_options: dict | None = None,
) -> None:
    """Write a data set's folder; it appears whole or not at all (an fsspec URL: file by file).

    Raises:
        PermissionError: the folder holds the files that the data set rests on.
    """
    if is_remote(dataset_path):
        with tempfile.TemporaryDirectory() as folder:
            save(dataset, Path(folder, "saved"), max_shard_size, num_shards, num_proc)
            _upload(Path(folder, "saved"), dataset_path, storage_options)
        return
    path = local_path(dataset_path)
    if path.resolve() in {Path(file.path).resolve().parent for file in dataset._mapped}:
        raise PermissionError(
            f"Tried to overwrite {path.resolve()} but a dataset can't overwrite itself: its rows are read from "
            "there. Choose another folder."
        )
    if dataset.list_indexes():
        raise ValueError(
            "an index is not saved with its data set; keep it with save_faiss_index, and take it off first: "
            "please remove all the indexes using `dataset.drop_index` before saving a dataset."
        )
    count = min(shard_count(dataset, max_shard_size, num_shards, num_proc), max(dataset._data.num_rows, 1))
    state = {
        "_data_files": [{"filename": f"data-{i:05d}-of-{count:05d}.arrow"} for i in range(count)],
        "_fingerprint": dataset._key.value,
        "_format_columns": dataset._format_columns,
        "_format_kwargs": dataset._format_kwargs,
        "_format_type": dataset._format_type,
        "_output_all_columns": dataset._output_all_columns,
        "_split": None if dataset._split is None else str(dataset._split),
    }
    for name, value in dataset._format_kwargs.items():
        try:
            json.dumps(value)
        except TypeError as error:
            raise TypeError(f"{error}\nThe format kwargs must be JSON serializable, but key '{name}' isn't.") from None
    with (
        replacing_folder(path, resume=key_of(dataset._fingerprint, count)) as folder,
        progress(total=len(dataset), desc="Saving the dataset", unit=" examples") as bar,
    ):
        todo = [
            (folder / file["filename"], i)
            for i, file in enumerate(state["_data_files"])
            if not (folder / file["filename"]).exists()  # else whole, from a run that was cut off
        ]
        if num_proc is not None and num_proc > 1 and len(todo) > 1:
            _ = dataset._batches  # made once, before the threads ask for it
            with ThreadPoolExecutor(min(num_proc, len(todo))) as threads:  # Arrow works without Python's lock
                list(threads.map(lambda one: _write(dataset, one[0], one[1], count, bar), todo))
        else:
            for file, i in todo:
                _write(dataset, file, i, count, bar)
        info = dataset._info.to_dict()
        with open(folder / "dataset_info.json", "w", encoding="utf-8") as out:
            json.dump({key: info[key] for key in sorted(info)}, out, indent=2)
        with open(folder / "state.json", "w", encoding="utf-8") as out:
            json.dump(state, out, indent=2, sort_keys=True)


def _write(dataset: Dataset, path: Path, index: int, count: int, bar: Any) -> None:
    """One of the files."""
    shard = dataset.shard(count, index, contiguous=True) if count > 1 else dataset
    with ArrowWriter(path, dataset.features) as writer:
        for table in shard._tables(_rows_at_once(dataset)):
            writer.write(embed_table(table, dataset.features, remote_files=False), dataset.features)
            bar.update(table.num_rows)


def _rows_at_once(dataset: Dataset) -> int:
    size = max(1, estimate_bytes(dataset) // max(len(dataset), 1))
    return max(1, min(100_000, (16 << 20) // size))


def save_dict(
    dataset_dict: DatasetDict,
    path: str | os.PathLike,
    max_shard_size: str | int | None = None,
    num_shards: dict[str, int] | None = None,
    num_proc: int | None = None,
    storage_options: dict | None = None,
) -> None:
    """Write a folder with one folder a split."""
    if is_remote(path):
        with tempfile.TemporaryDirectory() as local:
            save_dict(dataset_dict, Path(local, "saved"), max_shard_size, num_shards, num_proc)
            _upload(Path(local, "saved"), path, storage_options)
        return
    folder = local_path(path)
    folder.mkdir(parents=True, exist_ok=True)
    for name, one in dataset_dict.items():
        save(one, folder / str(name), max_shard_size, (num_shards or {}).get(str(name)), num_proc)
    with replacing(folder / "dataset_dict.json", "w", encoding="utf-8") as out:
        json.dump({"splits": [str(name) for name in dataset_dict]}, out)


def is_remote(path: str | os.PathLike) -> bool:
    """Whether a path is a URL that fsspec opens."""
    return "://" in os.fspath(path) and not os.fspath(path).startswith("file://")


def local_path(path: str | os.PathLike) -> Path:
    """A path on this machine, also one written as file://."""
    return Path(os.fspath(path).removeprefix("file://")).expanduser()


def _filesystem(url: str | os.PathLike, storage_options: dict | None) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    return url_to_fs(os.fspath(url), **(storage_options or {}))


def _upload(folder: Path, url: str | os.PathLike, storage_options: dict | None) -> None:
    """Copy a folder's files to a URL; what says that the data set is whole comes last."""
    system, root = _filesystem(url, storage_options)
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda path: (path.suffix == ".json", path)):
        target = f"{root}/{path.relative_to(folder).as_posix()}"
        system.makedirs(target.rpartition("/")[0], exist_ok=True)
        with path.open("rb") as source, system.open(target, "wb") as out:
            shutil.copyfileobj(source, out)


def _download(url: str | os.PathLike, storage_options: dict | None) -> Path:
    """A copy of a URL's files here, which goes when the process ends."""
    from bearhug.datasets.map import _temporary_folder

    system, root = _filesystem(url, storage_options)
    folder = Path(tempfile.mkdtemp(dir=_temporary_folder()))
    for name in system.find(root):
        target = folder / os.path.relpath(name, root)
        target.parent.mkdir(parents=True, exist_ok=True)
        with system.open(name, "rb") as source, target.open("wb") as out:
            shutil.copyfileobj(source, out)
    return folder


def load(
    dataset_path: str | os.PathLike, keep_in_memory: bool | None = None, storage_options: dict | None = None
) -> Dataset:
    """Open a data set's folder, memory-mapped unless asked otherwise."""
    from bearhug.datasets.dataset import Dataset

    if is_remote(dataset_path):
        dataset_path = _download(dataset_path, storage_options)
    path = local_path(dataset_path)
    _check(path)
    state = json.loads((path / "state.json").read_text("utf-8"))
    told = json.loads((path / "dataset_info.json").read_text("utf-8"))
    tables, mapped = [], []
    for file in state["_data_files"]:
        table, one = read_arrow(path / file["filename"], in_memory=bool(keep_in_memory))
        tables.append(table)
        if one is not None:
            mapped.append(one)
    if tables and _features_of(tables[0].schema) == told.get("features"):
        told["features"] = None  # the table says the same: once is enough
    info = DatasetInfo.from_dict(told)
    if not tables:
        tables = [(info.features or Features()).arrow_schema.empty_table()]
    schema = tables[0].schema
    table = pa.concat_tables([one.replace_schema_metadata(schema.metadata) for one in tables])
    rows = None
    if state.get("_indices_data_files"):  # an older layout kept the positions apart
        rows = pa.concat_tables([read_arrow(path / file["filename"])[0] for file in state["_indices_data_files"]])
    out = Dataset(table, info, state.get("_split"), rows, state["_fingerprint"])
    out._mapped = tuple(mapped)
    out._steps = ((f"load_from_disk({os.fspath(dataset_path)!r})", out._key),)
    kind, columns = state.get("_format_type"), state.get("_format_columns")
    out.set_format(kind, columns, state.get("_output_all_columns", False), **(state.get("_format_kwargs") or {}))
    return out


def _features_of(schema: pa.Schema) -> Any:
    """The features that a file's metadata holds, as JSON has them."""
    text = (schema.metadata or {}).get(b"huggingface")
    return json.loads(text).get("info", {}).get("features") if text else None


def load_from_disk(
    dataset_path: str | os.PathLike, keep_in_memory: bool | None = None, storage_options: dict | None = None
) -> Any:
    """Open what `save_to_disk` wrote: a Dataset, or a DatasetDict.

    Raises:
        FileNotFoundError: the folder is no such folder.
    """
    from bearhug.datasets.dataset_dict import DatasetDict

    if is_remote(dataset_path):
        dataset_path = _download(dataset_path, storage_options)
    path = local_path(dataset_path)
    if not (path / "dataset_dict.json").is_file():
        return load(path, keep_in_memory)
    splits = json.loads((path / "dataset_dict.json").read_text("utf-8"))["splits"]
    return DatasetDict({name: load(path / name, keep_in_memory) for name in splits})


def _check(path: Path) -> None:
    if (path / "state.json").is_file() and (path / "dataset_info.json").is_file():
        return
    if not path.exists():
        raise FileNotFoundError(f"Directory {path} not found.")
    if (path / "dataset_dict.json").is_file():
        raise FileNotFoundError(
            f"{path} holds a DatasetDict; open it with bearhug.load_from_disk, or one of its folders."
        )
    raise FileNotFoundError(
        f"Directory {path} is neither a `Dataset` directory nor a `DatasetDict` directory (no state.json).\n"
        f"Files in other formats are read by load_dataset({str(path)!r})."
    )
