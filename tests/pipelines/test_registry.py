"""`pipeline(task, model)`: which task, which model, and what is said when there is none."""

import json
import shutil

import pytest
import torch

from bearhug import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, pipeline
from bearhug.hub.client import nursery_names
from bearhug.pipelines import PIPELINE_REGISTRY, registry

TEXT = "a bear hug is very warm"


@pytest.mark.parametrize(("name", "task"), [
    ("bert-classifier", "text-classification"), ("gpt2-classifier", "text-classification"),
    ("bert-ner", "token-classification"), ("bert-mask", "fill-mask"), ("bert-base", "feature-extraction"),
    ("gpt2", "text-generation"), ("llama-chat", "text-generation"),
])  # fmt: skip
def test_a_folder_says_what_it_is_for(folder, name, task):
    pipe = pipeline(model=folder(name))

    assert pipe.task == task
    assert pipeline(model=str(folder(name))).task == task
    assert pipeline(model=pipe.model, tokenizer=pipe.tokenizer).task == task
    assert pipeline(model=pipe.model).task == task


def test_a_card_says_it_where_the_config_does_not(folder, tmp_path):
    shutil.copytree(folder("bert-classifier"), tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    (tmp_path / "model" / "config.json").write_text(json.dumps({**config, "architectures": None}))
    with pytest.raises(RuntimeError, match="what task it is for"):
        pipeline(model=tmp_path / "model")
    (tmp_path / "model" / "README.md").write_text("---\npipeline_tag: text-classification\n---\n# A model\n")

    assert pipeline(model=tmp_path / "model").task == "text-classification"


def test_aliases_of_both_versions(folder):
    assert pipeline("sentiment-analysis", model=folder("bert-classifier")).task == "text-classification"
    assert pipeline("ner", model=folder("bert-ner")).task == "token-classification"


@pytest.mark.reference
def test_every_task_of_the_reference_is_known():
    """Built, an alias of one, or named as not built yet."""
    transformers = pytest.importorskip("transformers.pipelines")
    theirs = {*transformers.SUPPORTED_TASKS, *transformers.TASK_ALIASES, *transformers.REMOVED_TASKS}

    assert theirs <= {*registry.TASKS, *registry.ALIASES, *registry.LATER}
    gone = transformers.REMOVED_TASKS  # in version 5; scripts of version 4 have them
    for task, known in registry.TASKS.items():
        if task in gone:
            continue
        assert transformers.SUPPORTED_TASKS[task]["default"]["model"] == known.default


def test_objects_and_names_can_be_mixed(folder):
    model = AutoModelForSequenceClassification.from_pretrained(folder("bert-classifier"))
    expected = pipeline(model=folder("bert-classifier"))(TEXT)

    assert pipeline("text-classification", model, tokenizer=str(folder("bert-classifier")))(TEXT) == expected
    assert (
        pipeline("text-classification", model, tokenizer=(folder("bert-classifier"), {"use_fast": True}))(TEXT)
        == expected
    )
    config = AutoConfig.from_pretrained(folder("bert-classifier"), id2label={0: "x", 1: "y", 2: "z"})
    assert pipeline(model=folder("bert-classifier"), config=config)(TEXT)[0]["label"] == "x"


@pytest.mark.parametrize("options", [{"dtype": "bfloat16"}, {"torch_dtype": torch.bfloat16}, {"dtype": torch.bfloat16},
                                     {"model_kwargs": {"dtype": torch.bfloat16}}])  # fmt: skip
def test_the_dtype_has_several_names(folder, options):
    pipe = pipeline(model=folder("bert-classifier"), **options)

    assert pipe.dtype == torch.bfloat16
    assert pipe(TEXT)[0]["score"] == pytest.approx(
        pipeline(model=folder("bert-classifier"))(TEXT)[0]["score"], abs=0.05
    )


@pytest.mark.parametrize("device", ["cpu", -1, torch.device("cpu"), None])
def test_the_device_has_several_names(folder, device):
    pipe = pipeline(model=folder("bert-classifier"), device=device)

    assert pipe.device == pipe.model.device
    if device is not None:
        assert pipe.device.type == "cpu"


def test_what_scripts_still_pass_is_accepted(folder, caplog):
    options = {"framework": "pt", "use_fast": True, "trust_remote_code": True, "local_files_only": True}
    options |= {"use_auth_token": None, "code_revision": "main"}

    assert pipeline(model=folder("bert-classifier"), **options)(TEXT)
    assert "runs no code" in caplog.text


def silent(monkeypatch):
    """No hub answers."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")


def test_without_a_model_the_nursery_answers_and_a_line_says_so(monkeypatch, caplog):
    silent(monkeypatch)
    assert {"bearhug/sentiment-en", "bearhug/storyteller"} <= set(nursery_names())

    pipe = pipeline("sentiment-analysis")
    assert pipe("Wow, this notebook is amazing!")[0]["label"] == "POSITIVE"
    assert pipe("I hate self-referential jokes!")[0]["label"] == "NEGATIVE"
    assert "taking bearhug/sentiment-en, which comes with bearhug" in caplog.text
    story = pipeline("text-generation")("Once upon a time", max_new_tokens=5, seed=1)
    assert story[0]["generated_text"].startswith("Once upon a time")


def test_a_task_without_a_model_here_says_so(monkeypatch):
    silent(monkeypatch)
    with pytest.raises(OSError, match=r"no model that comes with bearhug answers fill-mask(.|\n)*distilroberta-base"):
        pipeline("fill-mask")


def test_a_default_in_the_cache_is_taken(folder, monkeypatch, tmp_path, caplog):
    """Without asking any hub."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    name, revision = registry.TASKS["text-classification"].default
    cached = tmp_path / f"models--{name.replace('/', '--')}"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / revision).write_text("0" * 40)
    shutil.copytree(folder("bert-classifier"), cached / "snapshots" / ("0" * 40))

    pipe = pipeline("sentiment-analysis", cache_dir=tmp_path)
    assert pipe(TEXT)[0]["label"] == "bad"
    assert name in caplog.text


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"task": "text-clasification"}, KeyError, "Did you mean 'text-classification'"),
        (
            {"task": "zero-shot-classification"},
            KeyError,
            r"not built yet.\nThere are: conversational, feature-extraction",
        ),
        ({"task": "image-to-text"}, KeyError, "not built yet"),
        ({"task": "bearhug/sentiment-en"}, KeyError, r"pipeline\(model='bearhug/sentiment-en'\)"),
        ({}, RuntimeError, "neither a task nor a model"),
        ({"task": "ner", "tokenizer": "x"}, RuntimeError, "without a model"),
        ({"model": "bearhug/sentimnt-en"}, OSError, "Did you mean 'bearhug/sentiment-en'"),
    ],
)
def test_what_cannot_be_is_explained(monkeypatch, arguments, error, says):
    silent(monkeypatch)
    with pytest.raises(error, match=says):
        pipeline(**arguments)


def test_a_model_from_nowhere_needs_its_tokenizer(folder):
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model("gpt2", n_embd=8, n_layer=1, n_head=2, vocab_size=320)
    )
    with pytest.raises(ValueError, match="Pass it too"):
        pipeline("text-generation", model=model)
    with pytest.raises(ValueError, match=r"dtype is .flaot16.*Did you mean .float16."):
        pipeline(model=folder("gpt2"), dtype="flaot16")
    with pytest.raises(ValueError, match="dtype is given twice"):
        pipeline(model=folder("gpt2"), dtype="float16", model_kwargs={"dtype": "float16"})
    assert pipeline(model=model, tokenizer=AutoTokenizer.from_pretrained(folder("gpt2"))).task == "text-generation"


def test_the_registry_names_its_tasks():
    assert PIPELINE_REGISTRY.check_task("ner")[0] == "token-classification"
    assert {"ner", "sentiment-analysis", "fill-mask"} <= set(PIPELINE_REGISTRY.get_supported_tasks())
    assert "text-to-speech" not in PIPELINE_REGISTRY.get_supported_tasks()
