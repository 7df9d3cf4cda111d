"""DatasetDict: the splits of a data set by name, with the methods of a Dataset over all of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from bearhug._lib.errors import near
from bearhug.datasets.errors import UnknownNameError
from bearhug.datasets.features import Feature, Features
from bearhug.datasets.splits import unknown_split

if TYPE_CHECKING:
    import numpy as np


class _Splits(dict):
    """What a DatasetDict and an IterableDatasetDict share."""

    def _check(self) -> None:
        for name, one in self.items():
            if not hasattr(one, "column_names"):
                raise TypeError(
                    f"Values in {type(self).__name__} should be datasets, but split {name!r} is a {type(one).__name__}."
                )

    def _each(
        self, method: str, *arguments: Any, per_split: dict[str, dict | None] | None = None, **options: Any
    ) -> Any:
        """Call a method on every split; `per_split` are options with a value for each: {option: {split: value}}."""
        self._check()
        out = {}
        for name, one in self.items():
            own = {key: values[name] for key, values in (per_split or {}).items() if values and name in values}
            out[name] = getattr(one, method)(*arguments, **options, **own)
        return type(self)(out)

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

    def select_columns(self, column_names: str | list[str]) -> Any:
        """Only these columns, in every split; see `Dataset.select_columns`."""
        return self._each("select_columns", column_names)

    def remove_columns(self, column_names: str | list[str]) -> Any:
        """Without these columns, in every split; see `Dataset.remove_columns`."""
        return self._each("remove_columns", column_names)

    def rename_column(self, original_column_name: str, new_column_name: str) -> Any:
        """One column under another name, in every split; see `Dataset.rename_column`."""
        return self._each("rename_column", original_column_name, new_column_name)

    def rename_columns(self, column_mapping: dict[str, str]) -> Any:
        """Columns under other names, in every split; see `Dataset.rename_columns`."""
        return self._each("rename_columns", column_mapping)

    def cast(self, features: Features) -> Any:
        """With other features for the same columns, in every split; see `Dataset.cast`."""
        return self._each("cast", features)

    def cast_column(self, column: str, feature: Feature) -> Any:
        """With another feature for one column, in every split; see `Dataset.cast_column`."""
        return self._each("cast_column", column, feature)

    def batch(self, batch_size: int | None = None, by_column: Any = None, drop_last_batch: bool = False) -> Any:
        """Rows grouped, in every split; see `Dataset.batch`."""
        return self._each("batch", batch_size, by_column, drop_last_batch)

    def stats(self, **options: Any) -> Any:
        """What each column of each split holds; see `Dataset.stats`."""
        from bearhug.datasets.summary import joined

        self._check()
        return joined({name: one.stats(**options) for name, one in self.items()})

    def tokenize_and_pack(self, tokenizer: Any, length: int, column: str = "text", **options: Any) -> Any:
        """Documents as rows of exactly `length` tokens, in every split; see `Dataset.tokenize_and_pack`."""
        return self._each("tokenize_and_pack", tokenizer, length, column, **options)

    def take(self, n: int) -> Any:
        """The first n rows of every split."""
        return self._each("take", n)

    def skip(self, n: int) -> Any:
        """All but the first n rows of every split."""
        return self._each("skip", n)


class DatasetDict(_Splits):
    """Split name -> Dataset."""

    def __enter__(self) -> DatasetDict:
        return self

    def __exit__(self, *error: Any) -> None:
        for one in self.values():
            one.__exit__(*error)

    # ---- what it is

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

    def unique(self, column: str) -> dict:
        """Split -> the different values of a column."""
        self._check()
        return {name: one.unique(column) for name, one in self.items()}

    def cleanup_cache_files(self) -> dict:
        """Split -> how many results of `map` were deleted."""
        self._check()
        return {name: one.cleanup_cache_files() for name, one in self.items()}

    def explain(self) -> None:
        """Print the steps that made each split."""
        for name, one in self.items():
            print(f"[{name}]")
            one.explain()

    # ---- rows and columns

    def flatten(self, max_depth: int = 16) -> DatasetDict:
        """Structs as one column a field, in every split; see `Dataset.flatten`."""
        return self._each("flatten", max_depth=max_depth)

    def class_encode_column(self, column: str, include_nulls: bool = False) -> DatasetDict:
        """A column as class labels, in every split; see `Dataset.class_encode_column`."""
        return self._each("class_encode_column", column, include_nulls)

    def align_labels_with_mapping(self, label2id: dict, label_column: str) -> DatasetDict:
        """Labels renumbered as a model numbers them, in every split; see `Dataset.align_labels_with_mapping`."""
        return self._each("align_labels_with_mapping", label2id, label_column)

    def map(
        self,
        function: Callable | None = None,
        with_indices: bool = False,
        with_rank: bool = False,
        with_split: bool = False,
        input_columns: str | list[str] | None = None,
        batched: bool = False,
        batch_size: int | None = 1000,
        drop_last_batch: bool = False,
        remove_columns: str | list[str] | None = None,
        keep_in_memory: bool = False,
        load_from_cache_file: bool | None = None,
        cache_file_names: dict[str, str | None] | None = None,
        writer_batch_size: int | None = 1000,
        features: Features | None = None,
        disable_nullable: bool = False,
        fn_kwargs: dict | None = None,
        num_proc: int | None = None,
        desc: str | None = None,
        try_original_type: bool | None = True,
        on_mixed_types: str | None = None,
    ) -> DatasetDict:
        """Apply a function to rows or batches, in every split; see `Dataset.map`.

        Args:
            with_split: the split's name comes after the row (and after its position and the process's number).
            cache_file_names: split -> the result's file.
        """
        self._check()
        out = {}
        for name, one in self.items():
            out[name] = one.map(
                _WithSplit(function, name) if with_split and function is not None else function,
                with_indices=with_indices,
                with_rank=with_rank,
                input_columns=input_columns,
                batched=batched,
                batch_size=batch_size,
                drop_last_batch=drop_last_batch,
                remove_columns=remove_columns,
                keep_in_memory=keep_in_memory,
                load_from_cache_file=load_from_cache_file,
                cache_file_name=(cache_file_names or {}).get(name),
                writer_batch_size=writer_batch_size,
                features=features,
                disable_nullable=disable_nullable,
                fn_kwargs=fn_kwargs,
                num_proc=num_proc,
                desc=f"{desc} ({name})" if desc else None,
                try_original_type=try_original_type,
                on_mixed_types=on_mixed_types,
            )
        return DatasetDict(out)

    def filter(
        self,
        function: Callable | None = None,
        with_indices: bool = False,
        with_rank: bool = False,
        input_columns: str | list[str] | None = None,
        batched: bool = False,
        batch_size: int | None = 1000,
        keep_in_memory: bool = False,
        load_from_cache_file: bool | None = None,
        cache_file_names: dict[str, str | None] | None = None,
        writer_batch_size: int | None = 1000,
        fn_kwargs: dict | None = None,
        num_proc: int | None = None,
        desc: str | None = None,
    ) -> DatasetDict:
        """The rows for which a function says yes, in every split; see `Dataset.filter`."""
        return self._each(
            "filter",
            function,
            with_indices=with_indices,
            with_rank=with_rank,
            input_columns=input_columns,
            batched=batched,
            batch_size=batch_size,
            keep_in_memory=keep_in_memory,
            load_from_cache_file=load_from_cache_file,
            writer_batch_size=writer_batch_size,
            fn_kwargs=fn_kwargs,
            num_proc=num_proc,
            desc=desc,
            per_split={"cache_file_name": cache_file_names},
        )

    def flatten_indices(
        self,
        keep_in_memory: bool = False,
        cache_file_names: dict[str, str | None] | None = None,
        writer_batch_size: int | None = 1000,
        features: Features | None = None,
        disable_nullable: bool = False,
        num_proc: int | None = None,
        new_fingerprint: str | None = None,
    ) -> DatasetDict:
        """The chosen rows written out in their order, in every split; see `Dataset.flatten_indices`."""
        return self._each(
            "flatten_indices",
            keep_in_memory=keep_in_memory,
            writer_batch_size=writer_batch_size,
            features=features,
            disable_nullable=disable_nullable,
            num_proc=num_proc,
            new_fingerprint=new_fingerprint,
            per_split={"cache_file_name": cache_file_names},
        )

    def sort(
        self,
        column_names: str | list[str],
        reverse: bool | list[bool] = False,
        null_placement: str = "at_end",
        keep_in_memory: bool = False,
        load_from_cache_file: bool | None = None,
        indices_cache_file_names: dict[str, str | None] | None = None,
        writer_batch_size: int | None = 1000,
    ) -> DatasetDict:
        """The rows in the order of columns, in every split; see `Dataset.sort`."""
        return self._each(
            "sort",
            column_names,
            reverse=reverse,
            null_placement=null_placement,
            keep_in_memory=keep_in_memory,
            load_from_cache_file=load_from_cache_file,
            writer_batch_size=writer_batch_size,
            per_split={"indices_cache_file_name": indices_cache_file_names},
        )

    def shuffle(
        self,
        seeds: int | dict[str, int | None] | None = None,
        seed: int | None = None,
        generators: dict[str, np.random.Generator] | None = None,
        keep_in_memory: bool = False,
        load_from_cache_file: bool | None = None,
        indices_cache_file_names: dict[str, str | None] | None = None,
        writer_batch_size: int | None = 1000,
    ) -> DatasetDict:
        """The rows in random order; `seeds` (or `seed`) one for all, or a dict with one for each split."""
        if seed is not None and seeds is not None:
            raise ValueError("Please specify seed or seeds, but not both")
        seeds = seed if seeds is None else seeds
        return self._each(
            "shuffle",
            keep_in_memory=keep_in_memory,
            load_from_cache_file=load_from_cache_file,
            writer_batch_size=writer_batch_size,
            per_split={
                "seed": seeds if isinstance(seeds, dict) else dict.fromkeys(self, seeds),
                "generator": generators,
                "indices_cache_file_name": indices_cache_file_names,
            },
        )

    # ---- format

    def set_format(
        self,
        type: str | None = None,
        columns: list | None = None,
        output_all_columns: bool = False,
        **format_kwargs: Any,
    ) -> None:
        """Choose how rows come out, in every split; see `Dataset.set_format`."""
        self._check()
        for one in self.values():
            one.set_format(type, columns=columns, output_all_columns=output_all_columns, **format_kwargs)

    def reset_format(self) -> None:
        """Back to Python values, in every split."""
        self._check()
        for one in self.values():
            one.reset_format()

    def set_transform(
        self, transform: Callable | None, columns: list | None = None, output_all_columns: bool = False
    ) -> None:
        """Rows through a function, in every split; see `Dataset.set_transform`."""
        self._check()
        for one in self.values():
            one.set_transform(transform, columns=columns, output_all_columns=output_all_columns)

    def with_format(
        self,
        type: str | None = None,
        columns: list | None = None,
        output_all_columns: bool = False,
        **format_kwargs: Any,
    ) -> DatasetDict:
        """In another format, in every split; see `Dataset.with_format`."""
        return self._each("with_format", type, columns=columns, output_all_columns=output_all_columns, **format_kwargs)

    def with_transform(
        self, transform: Callable | None, columns: list | None = None, output_all_columns: bool = False
    ) -> DatasetDict:
        """Rows through a function, in every split; see `Dataset.with_transform`."""
        return self._each("with_transform", transform, columns=columns, output_all_columns=output_all_columns)

    @contextlib.contextmanager
    def formatted_as(
        self,
        type: str | None = None,
        columns: list | None = None,
        output_all_columns: bool = False,
        **format_kwargs: Any,
    ) -> Iterator[None]:
        """In a `with`: this format in every split, afterwards the old ones."""
        self._check()
        with contextlib.ExitStack() as stack:
            for one in self.values():
                stack.enter_context(one.formatted_as(type, columns, output_all_columns, **format_kwargs))
            yield

    # ---- from and to files

    def sql(self, query: str, params: Any = None, **tables: Any) -> Any:
        """The answer to a `select` in duckdb's SQL, a Dataset; each split is a table. See `Dataset.sql`."""
        from bearhug.datasets.query import named, sql

        return sql({**named(self), **named(tables)}, query, params)

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
        save_dict(self, dataset_dict_path, max_shard_size, num_shards, num_proc, storage_options)

    @staticmethod
    def load_from_disk(
        dataset_dict_path: str | os.PathLike, keep_in_memory: bool | None = None, storage_options: dict | None = None
    ) -> DatasetDict:
        """Open a folder that `save_to_disk` wrote."""
        from bearhug.datasets.disk import load_from_disk

        out = load_from_disk(dataset_dict_path, keep_in_memory, storage_options)
        if not isinstance(out, DatasetDict):
            raise FileNotFoundError(f"{dataset_dict_path} holds one Dataset; open it with Dataset.load_from_disk.")
        return out

    def push_to_hub(
        self,
        repo_id: str,
        config_name: str = "default",
        set_default: bool | None = None,
        data_dir: str | None = None,
        commit_message: str | None = None,
        commit_description: str | None = None,
        private: bool | None = None,
        token: str | None = None,
        revision: str | None = None,
        create_pr: bool | None = False,
        max_shard_size: int | str | None = None,
        num_shards: dict[str, int] | None = None,
        embed_external_files: bool = True,
        num_proc: int | None = None,
    ) -> Any:
        """Upload all splits as parquet, with a README; see `bearhug.datasets.push.push`."""
        from bearhug.datasets.push import push

        self._check()
        return push(
            dict(self),
            repo_id,
            config_name,
            set_default,
            data_dir,
            commit_message,
            commit_description,
            private,
            token,
            revision,
            bool(create_pr),
            max_shard_size,
            num_shards,
            embed_external_files,
            num_proc,
            only_these_splits=True,
        )

    @staticmethod
    def from_csv(
        path_or_paths: dict,
        features: Features | None = None,
        cache_dir: str | None = None,
        keep_in_memory: bool = False,
        **kwargs: Any,
    ) -> DatasetDict:
        """{split: csv files}; see `load_dataset`."""
        return _loaded("csv", path_or_paths, features, cache_dir, keep_in_memory, kwargs)

    @staticmethod
    def from_json(
        path_or_paths: dict,
        features: Features | None = None,
        cache_dir: str | None = None,
        keep_in_memory: bool = False,
        **kwargs: Any,
    ) -> DatasetDict:
        """{split: json files}; see `load_dataset`."""
        return _loaded("json", path_or_paths, features, cache_dir, keep_in_memory, kwargs)

    @staticmethod
    def from_parquet(
        path_or_paths: dict,
        features: Features | None = None,
        cache_dir: str | None = None,
        keep_in_memory: bool = False,
        columns: list[str] | None = None,
        **kwargs: Any,
    ) -> DatasetDict:
        """{split: parquet files}; see `load_dataset`."""
        kwargs |= {"columns": columns} if columns is not None else {}
        return _loaded("parquet", path_or_paths, features, cache_dir, keep_in_memory, kwargs)

    @staticmethod
    def from_text(
        path_or_paths: dict,
        features: Features | None = None,
        cache_dir: str | None = None,
        keep_in_memory: bool = False,
        **kwargs: Any,
    ) -> DatasetDict:
        """{split: text files}; see `load_dataset`."""
        return _loaded("text", path_or_paths, features, cache_dir, keep_in_memory, kwargs)


class IterableDatasetDict(_Splits):
    """Split name -> IterableDataset."""

    def map(
        self,
        function: Callable | None = None,
        with_indices: bool = False,
        with_split: bool = False,
        input_columns: str | list[str] | None = None,
        batched: bool = False,
        batch_size: int = 1000,
        drop_last_batch: bool = False,
        remove_columns: str | list[str] | None = None,
        fn_kwargs: dict | None = None,
    ) -> IterableDatasetDict:
        """Apply a function to rows or batches as they come, in every split; see `IterableDataset.map`."""
        self._check()
        return IterableDatasetDict(
            {
                name: one.map(
                    _WithSplit(function, name) if with_split and function is not None else function,
                    with_indices=with_indices,
                    input_columns=input_columns,
                    batched=batched,
                    batch_size=batch_size,
                    drop_last_batch=drop_last_batch,
                    remove_columns=remove_columns,
                    fn_kwargs=fn_kwargs,
                )
                for name, one in self.items()
            }
        )

    def filter(
        self,
        function: Callable | None = None,
        with_indices: bool = False,
        input_columns: str | list[str] | None = None,
        batched: bool = False,
        batch_size: int | None = 1000,
        fn_kwargs: dict | None = None,
    ) -> IterableDatasetDict:
        """The rows for which a function says yes, in every split; see `IterableDataset.filter`."""
        return self._each(
            "filter",
            function,
            with_indices=with_indices,
            input_columns=input_columns,
            batched=batched,
            batch_size=batch_size,
            fn_kwargs=fn_kwargs,
        )

    def shuffle(
        self,
        seed: Any = None,
        generator: np.random.Generator | None = None,
        buffer_size: int = 1000,
        max_buffer_input_shards: int = 10,
    ) -> IterableDatasetDict:
        """Rows through a buffer in random order, in every split; see `IterableDataset.shuffle`."""
        return self._each(
            "shuffle",
            seed=seed,
            generator=generator,
            buffer_size=buffer_size,
            max_buffer_input_shards=max_buffer_input_shards,
        )

    def with_format(self, type: str | None = None) -> IterableDatasetDict:
        """In another format, in every split; see `IterableDataset.with_format`."""
        return self._each("with_format", type)

    def push_to_hub(
        self,
        repo_id: str,
        config_name: str = "default",
        set_default: bool | None = None,
        data_dir: str | None = None,
        commit_message: str | None = None,
        commit_description: str | None = None,
        private: bool | None = None,
        token: str | None = None,
        revision: str | None = None,
        create_pr: bool | None = False,
        max_shard_size: int | str | None = None,
        num_shards: dict[str, int] | None = None,
        embed_external_files: bool = True,
        num_proc: int | None = None,
    ) -> Any:
        """Upload all splits as parquet files; see `IterableDataset.push_to_hub`."""
        from bearhug.datasets.streams.export import push_streams

        self._check()
        return push_streams(
            dict(self), repo_id, config_name, set_default=set_default, data_dir=data_dir,
            commit_message=commit_message, commit_description=commit_description, private=private, token=token,
            revision=revision, create_pr=bool(create_pr), max_shard_size=max_shard_size, num_shards=num_shards,
            embed_external_files=embed_external_files, num_proc=num_proc, only_these_splits=True,
        )  # fmt: skip


class _WithSplit:
    """A function that is told the split's name after the row."""

    def __init__(self, function: Callable, split: str):
        self.function, self.split = function, split
        self.__name__ = getattr(function, "__name__", type(function).__name__)

    def __call__(self, row: Any, *extra: Any, **named: Any) -> Any:
        return self.function(row, *extra, self.split, **named)


def _loaded(
    kind: str, files: dict, features: Features | None, cache_dir: Any, in_memory: bool, options: dict
) -> DatasetDict:
    from bearhug.datasets.load import load_dataset

    return load_dataset(
        kind, data_files=files, features=features, cache_dir=cache_dir, keep_in_memory=in_memory, **options
    )
