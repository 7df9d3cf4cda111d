"""Search indexes: the same rows and scores as the reference, kept in files, guarded against rows that move."""

import numpy as np
import pytest

from bearhug.datasets import (
    Dataset,
    DatasetTransformationNotAllowedError,
    ElasticSearchIndex,
    FaissIndex,
    MissingIndex,
)

faiss = pytest.importorskip("faiss")
RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(40, 8)).astype("float32")
QUERIES = RNG.normal(size=(3, 8)).astype("float32")


def rows() -> dict:
    return {"v": VECTORS.tolist(), "i": list(range(40))}


@pytest.mark.reference
@pytest.mark.parametrize(
    "options", [{}, {"metric_type": faiss.METRIC_INNER_PRODUCT}, {"string_factory": "IVF4,Flat", "train_size": 40}]
)
def test_nearest_rows_are_the_references(options):
    theirs = pytest.importorskip("datasets").Dataset.from_dict(rows())
    ours = Dataset.from_dict(rows())
    assert ours.add_faiss_index("v", **options) is ours
    theirs.add_faiss_index("v", **options)
    for k in (1, 5, 50):
        mine, other = ours.get_nearest_examples("v", QUERIES[0], k), theirs.get_nearest_examples("v", QUERIES[0], k)
        many, others = (
            ours.get_nearest_examples_batch("v", QUERIES, k),
            theirs.get_nearest_examples_batch("v", QUERIES, k),
        )

        np.testing.assert_array_equal(mine.scores, other.scores)
        assert mine.examples == other.examples
        assert many.total_examples == others.total_examples
        np.testing.assert_array_equal(ours.search("v", QUERIES[0]).indices, theirs.search("v", QUERIES[0]).indices)


def test_an_index_is_saved_loaded_listed_and_dropped(tmp_path):
    ds = Dataset.from_dict({"i": list(range(40))})
    ds.add_faiss_index_from_external_arrays(VECTORS.astype("float64"), "near")
    ds.save_faiss_index("near", tmp_path / "near.faiss")
    ds.load_faiss_index("again", tmp_path / "near.faiss")

    assert ds.list_indexes() == ["near", "again"]
    assert ds.get_nearest_examples("again", VECTORS[7], 1).examples == {"i": [7]}
    ds.drop_index("near")
    assert ds.list_indexes() == ["again"]
    assert not ds.is_index_initialized("near")
    with pytest.raises(ValueError, match="Index size should match Dataset size"):
        ds.with_format(None).remove_columns([]).add_column("x", [0] * 40).add_item({"i": 1}).load_faiss_index(
            "no", tmp_path / "near.faiss"
        )


def test_rows_do_not_move_under_an_index():
    ds = Dataset.from_dict(rows())
    ds.add_faiss_index("v")
    moves = [
        lambda: ds.select([0]), lambda: ds.sort("i"), lambda: ds.shuffle(seed=0), lambda: ds.filter(lambda row: True),
        lambda: ds.train_test_split(0.5), lambda: ds.shard(2, 0),
        lambda: ds.map(lambda batch: {"i": batch["i"] * 2}, batched=True, remove_columns="v"),
    ]  # fmt: skip
    for move in moves:
        with pytest.raises(DatasetTransformationNotAllowedError, match="drop_index"):
            move()
    assert len(ds.map(lambda row: {"j": row["i"]})) == 40
    assert ds.rename_column("i", "j").list_indexes() == ["v"]


def test_wrong_use_says_what_is_missing():
    ds = Dataset.from_dict({"text": ["a", "b"], "v": [[1.0], [2.0]]})
    with pytest.raises(ValueError, match="Wrong feature type for column 'text'"):
        ds.add_faiss_index("text")
    with pytest.raises(MissingIndex, match="add_faiss_index"):
        ds.search("v", np.zeros(1, "float32"))
    with pytest.raises(ValueError, match="`string_factory` or `custom_index`"):
        FaissIndex(string_factory="Flat", custom_index=faiss.IndexFlat(1))
    ds.add_faiss_index("v")
    with pytest.raises(ValueError, match="Shape of query"):
        ds.search("v", np.zeros((2, 1), "float32"))
    with pytest.raises(ValueError, match="2D"):
        ds.search_batch("v", np.zeros(1, "float32"))


class Server:
    """An Elasticsearch client that finds everything, the longest text first."""

    def __init__(self):
        self.indices, self.made = self, []

    def create(self, index, body):
        self.made.append((index, body["settings"]["number_of_shards"]))

    def search(self, index, body, **options):
        hits = [{"_score": 2.5, "_id": "1"}, {"_score": 1.0, "_id": "0"}]
        return {"hits": {"hits": hits[: body["size"]]}}


def test_texts_are_found_through_a_server():
    ds = Dataset.from_dict({"text": ["a", "bb"]})
    ds.load_elasticsearch_index("text", "known", es_client=Server())

    assert ds.get_nearest_examples("text", "b", 1) == ([2.5], {"text": ["bb"]})
    assert ds.search_batch("text", ["b", "c"], 2).total_indices == [[1, 0], [1, 0]]
    with pytest.raises(ValueError, match="either `es_client`"):
        ElasticSearchIndex(host="there", es_client=Server())
