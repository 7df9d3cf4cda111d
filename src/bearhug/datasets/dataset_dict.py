"""DatasetDict: the splits of a data set by name, with the methods of a Dataset over all of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from bearhug._lib.errors import near
from bearhug.datasets.errors import UnknownNameError
from bearhug.datasets.features import Features
from bearhug.datasets.splits import unknown_split


def _over(name: str, what: str) -> Callable:
    """A method that calls the Dataset method of the same name on every split."""

    def method(self: Any, *arguments: Any, **options: Any) -> Any:
        self._check()
        return type(self)({split: getattr(one, name)(*arguments, **options) for split, one in self.items()})

    method.__name__ = name
    method.__qualname__ = f"DatasetDict.{name}"
    method.__doc__ = f"{what}, in every split; see `Dataset.{name}`."
    return method


class _Splits(dict):
    def _check(self) -> None:
        for name, one in self.items():
            if not hasattr(one, "column_names"):
                raise TypeError(
                    f"Values in {type(self).__name__} should be datasets, but split {name!r} is a {type(one).__name__}."
                )
        if len({tuple(sorted(one.column_names or [])) for one in self.values()}) > 1:
            given = {name: one.column_names for name, one in self.items()}
            columns = set().union(*(names or [] for names in given.values()))
            self._uneven = {name: sorted(columns - set(names or [])) for name, names in given.items()}

    def __missing__(self, name: Any) -> Any:
        if isinstance(name, str | os.PathLike) or hasattr(name, "_name"):
            raise UnknownNameError(str(unknown_split(str(name), map(str, self))))
        raise UnknownNameError(
            f"Invalid key: {name}. Please first select a split. For example: "
            f"`my_dataset_dictionary['{next(iter(self), 'train')}'][{name}]`. "
            f"Available splits: {sorted(map(str, self))}"
        )

    def __getitem__(self, name: Any) -> Any:
        return super().__getitem__(str(name) if hasattr(name, "_name") else name)

    @property
    def column_names(self) -> dict:
        """Split -> its columns' names."""
        return {name: one.column_names for name, one in self.items()}

    @property
    def num_columns(self) -> dict:
        """Split -> its number of columns."""
        return {name: one.num_columns for name, one in self.items()}

    def __repr__(self) -> str:
        inner = "\n".join(f"{name}: {one!r}" for name, one in self.items()).replace("\n", "\n    ")
        return f"{type(self).__name__}({{\n    {inner}\n}})"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}.{near(name, dir(type(self)))}")

    map = _over("map", "Apply a function to rows or batches")
    filter = _over("filter", "The rows for which a function says yes")
    shuffle = _over("shuffle", "The rows in random order")
    select_columns = _over("select_columns", "Only these columns")
    remove_columns = _over("remove_columns", "Without these columns")
    rename_column = _over("rename_column", "One column under another name")
    rename_columns = _over("rename_columns", "Columns under other names")
    cast = _over("cast", "With other features")
    cast_column = _over("cast_column", "With another feature for one column")
    with_format = _over("with_format", "In another format")
    batch = _over("batch", "Rows grouped")
    take = _over("take", "The first rows")
    skip = _over("skip", "All but the first rows")


class DatasetDict(_Splits):
    """Split name -> Dataset."""

    @property
    def data(self) -> dict:
        """Split -> its Arrow table."""
        return {name: one.data for name, one in self.items()}

    @property
    def num_rows(self) -> dict:
        """Split -> its number of rows."""
        return {name: one.num_rows for name, one in self.items()}

    @property
    def shape(self) -> dict:
        """Split -> (rows, columns)."""
        return {name: one.shape for name, one in self.items()}

    @property
    def cache_files(self) -> dict:
        """Split -> the files that it rests on."""
        return {name: one.cache_files for name, one in self.items()}

    sort = _over("sort", "The rows in the order of columns")
    flatten = _over("flatten", "Structs as columns")
    flatten_indices = _over("flatten_indices", "The chosen rows written out")
    class_encode_column = _over("class_encode_column", "A column as class labels")
    align_labels_with_mapping = _over("align_labels_with_mapping", "Labels renumbered as a model numbers them")
    with_transform = _over("with_transform", "Rows through a function")

    def shuffle(
        self, seeds: Any = None, seed: int | None = None, generators: dict | None = None, **options: Any
    ) -> DatasetDict:
        """The rows in random order; `seeds` (or `seed`) one for all, or a dict with one for each split."""
        self._check()
        if seed is not None and seeds is not None:
            raise ValueError("Please specify seed or seeds, but not both")
        seeds = seed if seeds is None else seeds
        seeds = seeds if isinstance(seeds, dict) else dict.fromkeys(self, seeds)
        generators = generators or {}
        return DatasetDict(
            {n: one.shuffle(seed=seeds.get(n), generator=generators.get(n), **options) for n, one in self.items()}
        )

    def map(self, function: Callable | None = None, *arguments: Any, **options: Any) -> DatasetDict:
        """Apply a function to rows or batches, in every split; `cache_file_names` is a dict of one file a split."""
        self._check()
        files = options.pop("cache_file_names", None) or {}
        with_split = options.pop("with_split", False)
        out = {}
        for name, one in self.items():
            more = dict(options)
            if with_split:
                more["fn_kwargs"] = {**(options.get("fn_kwargs") or {})}
            call = function if not with_split or function is None else _WithSplit(function, name)
            out[name] = one.map(call, *arguments, **more, **({"cache_file_name": files[name]} if name in files else {}))
        return DatasetDict(out)

    def filter(self, function: Callable | None = None, *arguments: Any, **options: Any) -> DatasetDict:
        """The rows for which a function says yes, in every split."""
        self._check()
        files = options.pop("cache_file_names", None) or {}
        return DatasetDict(
            {
                name: one.filter(
                    function, *arguments, **options, **({"cache_file_name": files[name]} if name in files else {})
                )
                for name, one in self.items()
            }
        )

    def unique(self, column: str) -> dict:
        """Split -> the different values of a column."""
        return {name: one.unique(column) for name, one in self.items()}

    def cleanup_cache_files(self) -> dict:
        """Split -> how many results of `map` were deleted."""
        return {name: one.cleanup_cache_files() for name, one in self.items()}

    def set_format(
        self, type: str | None = None, columns: list | None = None, output_all_columns: bool = False, **options: Any
    ) -> None:
        """Choose how rows come out, in every split; see `Dataset.set_format`."""
        for one in self.values():
            one.set_format(type, columns=columns, output_all_columns=output_all_columns, **options)

    def reset_format(self) -> None:
        """Back to Python values, in every split."""
        for one in self.values():
            one.reset_format()

    def set_transform(
        self, transform: Callable | None, columns: list | None = None, output_all_columns: bool = False
    ) -> None:
        """Rows through a function, in every split; see `Dataset.set_transform`."""
        for one in self.values():
            one.set_transform(transform, columns=columns, output_all_columns=output_all_columns)

    def formatted_as(
        self, type: str | None = None, columns: list | None = None, output_all_columns: bool = False, **options: Any
    ) -> Any:
        """In a `with`: this format in every split, afterwards the old ones."""
        import contextlib

        stack = contextlib.ExitStack()
        for one in self.values():
            stack.enter_context(one.formatted_as(type, columns, output_all_columns, **options))
        return stack

    def explain(self) -> None:
        """Print the steps that made each split."""
        for name, one in self.items():
            print(f"[{name}]")
            one.explain()

    def save_to_disk(
        self,
        dataset_dict_path: str | os.PathLike,
        max_shard_size: str | int | None = None,
        num_shards: dict[str, int] | None = None,
        num_proc: int | None = None,
        storage_options: dict | None = None,
    ) -> None:
        """Write a folder that `load_from_disk` opens again, one folder a split."""
        from bearhug.datasets.disk import save_dict

        self._check()
        save_dict(self, dataset_dict_path, max_shard_size, num_shards, num_proc)

    @staticmethod
    def load_from_disk(
        dataset_dict_path: str | os.PathLike, keep_in_memory: bool | None = None, storage_options: dict | None = None
    ) -> DatasetDict:
        """Open a folder that `save_to_disk` wrote."""
        from bearhug.datasets.disk import load_from_disk

        out = load_from_disk(dataset_dict_path, keep_in_memory)
        if not isinstance(out, DatasetDict):
            raise FileNotFoundError(f"{dataset_dict_path} holds one Dataset; open it with Dataset.load_from_disk.")
        return out

    def push_to_hub(self, repo_id: str, config_name: str = "default", *arguments: Any, **options: Any) -> Any:
        """Upload all splits as parquet, with a README; see `bearhug.datasets.push.push`."""
        from bearhug.datasets.push import push

        self._check()
        return push(dict(self), repo_id, config_name, *arguments, only_these_splits=True, **options)

    @staticmethod
    def from_csv(path_or_paths: dict, features: Features | None = None, **options: Any) -> DatasetDict:
        """{split: csv files}; see `load_dataset`."""
        return _load("csv", path_or_paths, features, options)

    @staticmethod
    def from_json(path_or_paths: dict, features: Features | None = None, **options: Any) -> DatasetDict:
        """{split: json files}; see `load_dataset`."""
        return _load("json", path_or_paths, features, options)

    @staticmethod
    def from_parquet(path_or_paths: dict, features: Features | None = None, **options: Any) -> DatasetDict:
        """{split: parquet files}; see `load_dataset`."""
        return _load("parquet", path_or_paths, features, options)

    @staticmethod
    def from_text(path_or_paths: dict, features: Features | None = None, **options: Any) -> DatasetDict:
        """{split: text files}; see `load_dataset`."""
        return _load("text", path_or_paths, features, options)


class IterableDatasetDict(_Splits):
    """Split name -> IterableDataset."""


class _WithSplit:
    """A function that is told the split's name after the row."""

    def __init__(self, function: Callable, split: str):
        self.function, self.split = function, split
        self.__name__ = getattr(function, "__name__", type(function).__name__)

    def __call__(self, row: Any, *extra: Any, **named: Any) -> Any:
        return self.function(row, *extra, self.split, **named)


def _load(kind: str, files: dict, features: Features | None, options: dict) -> DatasetDict:
    from bearhug.datasets.load import load_dataset

    return load_dataset(kind, data_files=files, features=features, **options)  # pyright: ignore[reportReturnType]
