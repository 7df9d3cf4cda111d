"""The rows nearest to a query: vectors through faiss, texts through Elasticsearch.

An index belongs to a data set whose rows stay where they are: it gives positions. Both libraries are imported when an
index is made.
"""

from __future__ import annotations

import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from bearhug._lib.errors import near
from bearhug._lib.files import replacing
from bearhug._lib.progress import progress
from bearhug.datasets.errors import DatasetTransformationNotAllowedError, MissingIndex
from bearhug.datasets.features import List


class SearchResults(NamedTuple):
    """What one query found, the best first."""

    scores: Any
    indices: Any


class BatchedSearchResults(NamedTuple):
    """What each query found."""

    total_scores: Any
    total_indices: Any


class NearestExamplesResults(NamedTuple):
    """What one query found: scores, and the rows as columns."""

    scores: Any
    examples: Any


class BatchedNearestExamplesResults(NamedTuple):
    """What each query found: scores, and the rows as columns."""

    total_scores: Any
    total_examples: Any


def _library(name: str, package: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"this index needs {name}, which cannot be imported ({error}): pip install {package}"
        ) from None


class FaissIndex:
    """Vectors in a faiss index: exact (`IndexFlat`), of a factory's description, or one of your own.

    Args:
        device: a GPU's number, several of them, or -1 for all; None is the CPU.
        string_factory: as `faiss.index_factory` takes it, "IVF100,PQ8".
        metric_type: `faiss.METRIC_L2` (the default) or `faiss.METRIC_INNER_PRODUCT`.
        custom_index: an index that is there, to which the vectors are added.

    Raises:
        ImportError: faiss is not installed.
    """

    def __init__(
        self,
        device: int | list[int] | None = None,
        string_factory: str | None = None,
        metric_type: int | None = None,
        custom_index: Any = None,
    ):
        if string_factory is not None and custom_index is not None:
            raise ValueError("Please specify either `string_factory` or `custom_index` but not both.")
        if device is not None and custom_index is not None:
            raise ValueError(
                "Cannot pass both 'custom_index' and 'device'. Pass 'custom_index' already transferred to the target "
                "device instead."
            )
        _library("faiss", "faiss-cpu")
        self.device, self.string_factory, self.metric_type = device, string_factory, metric_type
        self.faiss_index: Any = custom_index

    def add_vectors(
        self,
        vectors: Any,
        column: str | None = None,
        batch_size: int = 1000,
        train_size: int | None = None,
        faiss_verbose: bool | None = None,
    ) -> None:
        """Add an array (N, K), or a column of a data set in numpy format.

        Args:
            train_size: train the index with the first so many vectors, before.
        """

        def rows(start: int, stop: int) -> Any:
            some = vectors[start:stop]
            return some if column is None else some[column]

        if column and not isinstance(vectors.features[column], List):
            raise ValueError(
                f"Wrong feature type for column '{column}'. Expected 1d array, got {vectors.features[column]}"
            )
        if self.faiss_index is None:
            self.faiss_index = _on_device(self._made(rows(0, 1).shape[1]), self.device)
        if faiss_verbose is not None:
            inner = [getattr(self.faiss_index, name, None) for name in ("index", "quantizer", "clustering_index")]
            for one in [self.faiss_index, *(one for one in inner if one is not None)]:
                one.verbose = faiss_verbose
        if train_size is not None:
            self.faiss_index.train(rows(0, train_size))
        for start in progress(range(0, len(vectors), batch_size), desc="Adding vectors"):
            self.faiss_index.add(rows(start, start + batch_size))

    def _made(self, size: int) -> Any:
        faiss = _library("faiss", "faiss-cpu")
        metric = () if self.metric_type is None else (self.metric_type,)
        if self.string_factory is not None:
            return faiss.index_factory(size, self.string_factory, *metric)
        return faiss.IndexFlat(size, *metric)

    def search(self, query: np.ndarray, k: int = 10, **kwargs: Any) -> SearchResults:
        """The `k` vectors nearest to one query, (K,) or (1, K)."""
        if query.ndim != 1 and (query.ndim != 2 or query.shape[0] != 1):
            raise ValueError("Shape of query is incorrect, it has to be either a 1D array or 2D (1, N)")
        scores, places = self.faiss_index.search(np.ascontiguousarray(query.reshape(1, -1)), k, **kwargs)
        return SearchResults(scores[0], places[0].astype(int))

    def search_batch(self, queries: np.ndarray, k: int = 10, **kwargs: Any) -> BatchedSearchResults:
        """The `k` vectors nearest to each query, (N, K)."""
        if queries.ndim != 2:
            raise ValueError("Shape of query must be 2D")
        scores, places = self.faiss_index.search(np.ascontiguousarray(queries), k, **kwargs)
        return BatchedSearchResults(scores, places.astype(int))

    def save(self, file: str | os.PathLike, storage_options: dict | None = None) -> None:
        """Write faiss's own format, to a path or an fsspec URL."""
        faiss = _library("faiss", "faiss-cpu")
        index = self.faiss_index if self.device is None else faiss.index_gpu_to_cpu(self.faiss_index)
        with _opened(file, "wb", storage_options) as out:
            faiss.write_index(index, faiss.BufferedIOWriter(faiss.PyCallbackIOWriter(out.write)))

    @classmethod
    def load(
        cls, file: str | os.PathLike, device: int | list[int] | None = None, storage_options: dict | None = None
    ) -> FaissIndex:
        """Read what `save` wrote."""
        out = cls(device=device)
        faiss = _library("faiss", "faiss-cpu")
        with _opened(file, "rb", storage_options) as data:
            index = faiss.read_index(faiss.BufferedIOReader(faiss.PyCallbackIOReader(data.read)))
        out.faiss_index = _on_device(index, device)
        return out


def _opened(file: str | os.PathLike, mode: str, storage_options: dict | None) -> Any:
    if "://" in str(file) or storage_options:
        import fsspec

        return fsspec.open(str(file), mode, **(storage_options or {}))
    return replacing(file) if mode == "wb" else open(file, mode)


def _on_device(index: Any, device: int | list[int] | None) -> Any:
    if device is None:
        return index
    faiss = _library("faiss", "faiss-gpu")
    if isinstance(device, int):
        if device < 0:
            return faiss.index_cpu_to_all_gpus(index)
        return faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), device, index)
    if isinstance(device, list | tuple):
        return faiss.index_cpu_to_gpus_list(index, gpus=list(device))
    raise TypeError(f"device is a GPU's number, a list of them, -1 for all, or None for the CPU; not {device!r}.")


class ElasticSearchIndex:
    """Texts in an Elasticsearch server, found by BM25.

    Args:
        es_client: an `elasticsearch.Elasticsearch`; or host and port of the server.
        es_index_name: the index's name on the server; a new one where None.
        es_index_config: settings and mappings of a new index.

    Raises:
        ImportError: elasticsearch is not installed.
    """

    def __init__(
        self,
        host: str | None = None,
        port: int | None = None,
        es_client: Any = None,
        es_index_name: str | None = None,
        es_index_config: dict | None = None,
    ):
        if es_client is not None and (host is not None or port is not None):
            raise ValueError("Please specify either `es_client` or `(host, port)`, but not both.")
        if es_client is None:
            library = _library("elasticsearch", "elasticsearch")
            es_client = library.Elasticsearch([{"host": host or "localhost", "port": str(port or 9200)}])
        self.es_client = es_client
        self.es_index_name = es_index_name or f"huggingface_datasets_{uuid.uuid4().hex}"
        self.es_index_config = es_index_config or {
            "settings": {
                "number_of_shards": 1,
                "analysis": {"analyzer": {"stop_standard": {"type": "standard", " stopwords": "_english_"}}},
            },
            "mappings": {"properties": {"text": {"type": "text", "analyzer": "standard", "similarity": "BM25"}}},
        }

    def add_documents(self, documents: Any, column: str | None = None) -> None:
        """Add texts: a list, or a column of a data set.

        Raises:
            RuntimeError: the server did not take all of them.
        """
        helpers = _library("elasticsearch.helpers", "elasticsearch")
        self.es_client.indices.create(index=self.es_index_name, body=self.es_index_config)
        texts = documents if column is None else (row[column] for row in documents)
        actions = ({"text": text, "_id": i} for i, text in enumerate(texts))
        taken = 0
        with progress(total=len(documents), desc="Adding documents", unit=" docs") as bar:
            for done, _ in helpers.streaming_bulk(client=self.es_client, index=self.es_index_name, actions=actions):
                bar.update(1)
                taken += done
        if taken != len(documents):
            import logging

            logging.getLogger("bearhug.datasets").warning(
                "Some documents failed to be added to ElasticSearch: %d of %d.", len(documents) - taken, len(documents)
            )

    def search(self, query: str, k: int = 10, **kwargs: Any) -> SearchResults:
        """The `k` texts that fit a query best."""
        match = {"multi_match": {"query": query, "fields": ["text"], "type": "cross_fields"}}
        found = self.es_client.search(index=self.es_index_name, body={"query": match, "size": k}, **kwargs)
        hits = found["hits"]["hits"]
        return SearchResults([hit["_score"] for hit in hits], [int(hit["_id"]) for hit in hits])

    def search_batch(
        self, queries: list[str], k: int = 10, max_workers: int = 10, **kwargs: Any
    ) -> BatchedSearchResults:
        """The `k` texts that fit each query best; several requests run at once."""
        with ThreadPoolExecutor(max_workers=max_workers) as pool:
            found = list(pool.map(lambda query: self.search(query, k, **kwargs), queries))
        return BatchedSearchResults([one.scores for one in found], [one.indices for one in found])


class Searchable:
    """The search methods of a data set."""

    _indexes: dict[str, Any]

    def _check_no_index(self, method: str) -> None:
        """Raises where an index gives positions that this method would change."""
        if self._indexes:
            raise DatasetTransformationNotAllowedError(
                f"Using `.{method}` on a dataset with attached indexes is not allowed: they name rows by their place. "
                f"Drop them first: {'; '.join(f'ds.drop_index({name!r})' for name in self._indexes)}."
            )

    def is_index_initialized(self, index_name: str) -> bool:
        """Whether there is an index of this name."""
        return index_name in self._indexes

    def list_indexes(self) -> list[str]:
        """The names of the indexes."""
        return list(self._indexes)

    def get_index(self, index_name: str) -> Any:
        """The index of this name.

        Raises:
            MissingIndex: there is none.
        """
        if index_name not in self._indexes:
            raise MissingIndex(
                f"Index with index_name '{index_name}' not initialized yet.{near(str(index_name), self._indexes)} "
                "Please make sure that you call `add_faiss_index` or `add_elasticsearch_index` first."
            )
        return self._indexes[index_name]

    def drop_index(self, index_name: str) -> None:
        """Forget an index."""
        self.get_index(index_name)
        del self._indexes[index_name]

    def add_faiss_index(
        self: Any,
        column: str,
        index_name: str | None = None,
        device: int | list[int] | None = None,
        string_factory: str | None = None,
        metric_type: int | None = None,
        custom_index: Any = None,
        batch_size: int = 1000,
        train_size: int | None = None,
        faiss_verbose: bool = False,
        dtype: Any = np.float32,
    ) -> Any:
        """Index a column of vectors; the index is named after it unless told otherwise. See `FaissIndex`."""
        self._known([column])
        index = FaissIndex(device, string_factory, metric_type, custom_index)
        vectors = self.with_format("numpy", columns=[column], dtype=dtype)
        index.add_vectors(vectors, column, batch_size, train_size, faiss_verbose)
        self._indexes[column if index_name is None else index_name] = index
        return self

    def add_faiss_index_from_external_arrays(
        self,
        external_arrays: np.ndarray,
        index_name: str,
        device: int | list[int] | None = None,
        string_factory: str | None = None,
        metric_type: int | None = None,
        custom_index: Any = None,
        batch_size: int = 1000,
        train_size: int | None = None,
        faiss_verbose: bool = False,
        dtype: Any = np.float32,
    ) -> None:
        """Index vectors that are not a column: (rows, K), in the order of the rows. See `FaissIndex`."""
        index = FaissIndex(device, string_factory, metric_type, custom_index)
        vectors = np.asarray(external_arrays).astype(dtype)
        index.add_vectors(vectors, None, batch_size, train_size, faiss_verbose)
        self._indexes[index_name] = index

    def save_faiss_index(self, index_name: str, file: str | os.PathLike, storage_options: dict | None = None) -> None:
        """Write an index to a file."""
        index = self.get_index(index_name)
        if not isinstance(index, FaissIndex):
            raise ValueError(f"Index '{index_name}' is not a FaissIndex but a '{type(index)}'")
        index.save(file, storage_options)

    def load_faiss_index(
        self: Any,
        index_name: str,
        file: str | os.PathLike,
        device: int | list[int] | None = None,
        storage_options: dict | None = None,
    ) -> None:
        """Take over an index from a file.

        Raises:
            ValueError: it has another number of vectors than there are rows.
        """
        index = FaissIndex.load(file, device, storage_options)
        if index.faiss_index.ntotal != len(self):
            raise ValueError(
                f"Index size should match Dataset size, but Index '{index_name}' at {file} has "
                f"{index.faiss_index.ntotal} elements while the dataset has {len(self)} examples."
            )
        self._indexes[index_name] = index

    def add_elasticsearch_index(
        self: Any,
        column: str,
        index_name: str | None = None,
        host: str | None = None,
        port: int | None = None,
        es_client: Any = None,
        es_index_name: str | None = None,
        es_index_config: dict | None = None,
    ) -> Any:
        """Index a column of texts; the index is named after it unless told otherwise. See `ElasticSearchIndex`."""
        self._known([column])
        index = ElasticSearchIndex(host, port, es_client, es_index_name, es_index_config)
        index.add_documents(self.with_format(None, columns=[column]), column)
        self._indexes[column if index_name is None else index_name] = index
        return self

    def load_elasticsearch_index(
        self,
        index_name: str,
        es_index_name: str,
        host: str | None = None,
        port: int | None = None,
        es_client: Any = None,
        es_index_config: dict | None = None,
    ) -> None:
        """Take over an index that the server has."""
        self._indexes[index_name] = ElasticSearchIndex(host, port, es_client, es_index_name, es_index_config)

    def search(self, index_name: str, query: str | np.ndarray, k: int = 10, **kwargs: Any) -> SearchResults:
        """Scores and positions of the `k` rows nearest to a query: a vector, or a text."""
        return self.get_index(index_name).search(query, k, **kwargs)

    def search_batch(
        self, index_name: str, queries: list[str] | np.ndarray, k: int = 10, **kwargs: Any
    ) -> BatchedSearchResults:
        """Scores and positions of the `k` rows nearest to each query."""
        return self.get_index(index_name).search_batch(queries, k, **kwargs)

    def get_nearest_examples(
        self: Any, index_name: str, query: str | np.ndarray, k: int = 10, **kwargs: Any
    ) -> NearestExamplesResults:
        """Scores of the `k` rows nearest to a query, and the rows as columns."""
        scores, places = self.search(index_name, query, k, **kwargs)
        found = [int(place) for place in places if place >= 0]
        return NearestExamplesResults(scores[: len(found)], self[found])

    def get_nearest_examples_batch(
        self: Any, index_name: str, queries: list[str] | np.ndarray, k: int = 10, **kwargs: Any
    ) -> BatchedNearestExamplesResults:
        """Scores of the `k` rows nearest to each query, and the rows as columns."""
        scores, places = self.search_batch(index_name, queries, k, **kwargs)
        found = [[int(place) for place in some if place >= 0] for some in places]
        kept = [some[: len(rows)] for some, rows in zip(scores, found, strict=True)]
        return BatchedNearestExamplesResults(kept, [self[rows] for rows in found])
