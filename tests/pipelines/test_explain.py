"""The plain code of every task runs by itself, without pipelines, and gives the pipeline's result."""

import subprocess
import sys

import pytest
import torch

from bearhug import AutoModelForSequenceClassification, AutoTokenizer, pipeline

TEXT = "Anna likes the big bears, and hugs it softly!"
LONG = "Hugo likes the big bears in Berlin and hugs Anna softly. " * 8
CHAT = [{"role": "user", "content": "hug a bear"}]
BEGUN = [*CHAT, {"role": "assistant", "content": "the bear"}]
CASES = [
    ("bert-classifier", TEXT, {}),
    ("bert-classifier", TEXT, {"top_k": 2}),
    ("bert-classifier", TEXT, {"top_k": None, "function_to_apply": "sigmoid"}),
    ("bert-classifier", TEXT, {"return_all_scores": True}),
    ("bert-classifier", LONG, {"truncation": True, "max_length": 12}),
    ("bert-classifier", {"text": "the cat", "text_pair": 'sat "on"'}, {"top_k": 1}),
    ("bert-classifier", {"text": "the cat", "text_pair": "sat"}, {}),
    ("bert-regression", TEXT, {}),
    ("bert-mask", "a bear hug is [MASK] warm", {}),
    ("bert-mask", "the [MASK] sat on [MASK]", {"top_k": 2}),
    ("bert-mask", "the [MASK] sat", {"targets": ["bear", "cat", "mat"], "top_k": 2}),
    ("bert-ner", TEXT, {}),
    ("bert-ner", TEXT, {"aggregation_strategy": "simple", "ignore_labels": []}),
    ("bert-ner", TEXT, {"aggregation_strategy": "average"}),
    ("bert-ner", LONG, {"aggregation_strategy": "first", "stride": 4}),
    ("bert-ner", LONG, {}),
    ("bert-ner", TEXT.split(), {"is_split_into_words": True, "aggregation_strategy": "max"}),
    ("roberta-ner", TEXT, {"aggregation_strategy": "first", "ignore_labels": ["PER"]}),
    ("bert-base", TEXT, {}),
    ("bert-base", TEXT, {"tokenize_kwargs": {"max_length": 5, "truncation": True}}),
    ("gpt2", TEXT, {}),
    ("gpt2", TEXT, {"do_sample": False, "max_new_tokens": 5}),
    ("gpt2", TEXT, {"seed": 4, "max_new_tokens": 5, "num_return_sequences": 2, "return_full_text": False}),
    ("gpt2", TEXT, {"max_length": 20, "prefix": "the cat ", "do_sample": False}),
    ("gpt2", TEXT, {"stop_sequence": "e", "do_sample": False, "return_tensors": True}),
    ("gpt2", TEXT, {"handle_long_generation": "hole", "max_new_tokens": 27, "do_sample": False}),
    ("gpt2", TEXT, {"truncation": True, "max_length": 4, "seed": 1}),
    ("llama-chat", CHAT, {"max_new_tokens": 5, "do_sample": False}),
    ("llama-chat", BEGUN, {"max_new_tokens": 5, "seed": 1}),
]
TASKS = {"bert-ner": "ner", "roberta-ner": "ner"}


def ran(code):
    """The names that a script leaves."""
    scope = {"__name__": "__main__"}
    torch.manual_seed(0)
    exec(compile(code, "explained", "exec"), scope)
    return scope


@pytest.mark.parametrize(("name", "inputs", "options"), CASES, ids=str)
def test_the_code_gives_the_pipelines_result(folder, capsys, same, name, inputs, options):
    pipe = pipeline(TASKS.get(name), model=folder(name))
    pipe.explain(inputs, **options)
    code = capsys.readouterr().out
    if options.get("is_split_into_words"):
        inputs = [inputs]
    torch.manual_seed(0)
    expected = pipe(inputs, **options)

    assert "pipeline" not in code
    result = ran(code)["result"]
    same(result, expected[0] if options.get("is_split_into_words") else expected)


@pytest.mark.parametrize("name", ["bert-classifier", "bert-mask", "bert-ner", "bert-base", "llama-chat"])
def test_without_an_input_an_example_is_taken(folder, capsys, same, name):
    pipe = pipeline(TASKS.get(name), model=folder(name))
    pipe.explain()
    code = capsys.readouterr().out

    assert ran(code)["result"]


def test_the_code_is_a_script_of_its_own(folder, capsys, tmp_path):
    pipe = pipeline(model=folder("bert-classifier"), dtype=torch.float64)
    pipe.explain(TEXT)
    (tmp_path / "plain.py").write_text(capsys.readouterr().out)
    done = subprocess.run([sys.executable, "plain.py"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(pipe(TEXT))


def test_objects_are_taken_from_the_pipeline(folder, capsys, same):
    model = AutoModelForSequenceClassification.from_pretrained(folder("bert-classifier"))
    pipe = pipeline(
        "sentiment-analysis", model=model, tokenizer=AutoTokenizer.from_pretrained(folder("bert-classifier"))
    )
    pipe.explain(TEXT)
    scope = {"pipe": pipe}
    exec(capsys.readouterr().out, scope)

    same(scope["result"], pipe(TEXT))
