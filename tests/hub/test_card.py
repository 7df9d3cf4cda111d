"""Cards say what is known, keep what they said already, and are read by Hugging Face's own classes."""

import pytest
from huggingface_hub import DatasetCard, ModelCard

from bearhug.hub.card import dataset_card, model_card, split_card


class Config:
    model_type = "bert"
    architectures = ("BertForSequenceClassification",)
    num_hidden_layers = 2
    hidden_size = 64
    vocab_size = 1000
    id2label = {0: "NEGATIVE", 1: "POSITIVE"}  # noqa: RUF012


class Model:
    task = "sequence-classification"
    config = Config()
    name_or_path = "bear/parent"
    dtype = "torch.float16"

    def num_parameters(self) -> int:
        return 4_400_000


def test_a_models_card_is_filled_in(recwarn, caplog):
    text = model_card(
        Model(),
        repo_id="bear/sentiment",
        dataset="bear/rows",
        metrics={"accuracy": 0.91234},
        language="en",
        license="mit",
    )
    card = ModelCard(text)

    assert card.data.to_dict() | {"model-index": None} == {
        "library_name": "bearhug", "pipeline_tag": "text-classification", "base_model": "bear/parent",
        "datasets": ["bear/rows"], "language": "en", "license": "mit", "metrics": ["accuracy"], "model-index": None,
    }  # fmt: skip
    (result,) = card.data.eval_results or []
    assert (result.dataset_type, result.metric_type, result.metric_value) == ("bear/rows", "accuracy", 0.91234)
    for part in (
        "A bert model for text-classification with 4.4 M parameters, which began as `bear/parent`, trained on",
        "| accuracy | 0.9123 |",
        'pipeline("text-classification", model="bear/sentiment")',
        "| labels | NEGATIVE, POSITIVE |",
        "| dtype | float16 |",
    ):
        assert part in text
    assert not recwarn.list
    assert not caplog.records


def test_what_a_card_says_stays(tmp_path):
    (tmp_path / "README.md").write_text("---\nlicense: apache-2.0\nwidget:\n- text: hi\n---\n# Mine\n\nWords.\n")
    text = model_card(Model(), repo_id="bear/x", license="mit", metrics={"f1": 0.5}, existing=tmp_path / "README.md")
    front, body = split_card(text)

    assert (front["license"], front["widget"]) == ("apache-2.0", [{"text": "hi"}])
    assert (front["library_name"], front["metrics"]) == ("bearhug", ["f1"])
    assert body.strip() == "# Mine\n\nWords."


def test_a_model_from_a_folder_has_no_parent(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own" / "folder").mkdir(parents=True)
    model = Model()
    model.name_or_path = "own/folder"

    assert "base_model" not in split_card(model_card(model))[0]


def test_a_data_sets_card_is_filled_in():
    class Rows(list):
        features = {"text": "Value('string')", "a|b": "Value('int64')"}  # noqa: RUF012

    info = {"features": [{"name": "text", "dtype": "string"}]}
    configs = [{"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*"}]}]
    splits = {"train": Rows(range(1200)), "test": Rows(range(30))}
    text = dataset_card(splits, repo_id="bear/rows", dataset_info=info, configs=configs, language="en", license="mit")
    card = DatasetCard(text)

    assert card.data.to_dict() == {
        "language": ["en"], "license": "mit", "size_categories": ["1K<n<10K"], "dataset_info": info, "configs": configs
    }  # fmt: skip
    assert "| train | 1,200 |" in text
    assert "| a\\|b | Value('int64') |" in text


def test_the_files_of_a_data_set_are_described_anew():
    old = "---\npretty_name: Rows\ndataset_info: {features: []}\n---\n# Rows\n"
    front, _ = split_card(dataset_card(existing=old, dataset_info={"features": [1]}))

    assert front == {"pretty_name": "Rows", "dataset_info": {"features": [1]}}


@pytest.mark.parametrize("text", ["---\na: [\n---\n", "---\n- a\n---\n"])
def test_front_matter_that_is_none(text):
    with pytest.raises(ValueError, match="front matter"):
        model_card(existing=text)
