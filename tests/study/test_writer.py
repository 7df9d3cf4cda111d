"""model.study(): one plain file for every recipe, which runs by itself and gives the same numbers."""

import ast
import runpy
import subprocess
import sys

import pytest
import torch

import bearhug
import tiny

pytestmark = pytest.mark.reference  # the checkpoints are made by it
TEXT = ("causal-lm", "seq2seq-lm", "masked-lm", "base")
FIRST = [(recipe, next(task for task in TEXT if task in tiny.tasks(recipe))) for recipe in tiny.RECIPES]


def load(recipe, task, folder):
    tiny.reference_model(recipe, task, folder)
    return getattr(bearhug, tiny.TASKS[task]).from_pretrained(folder)


def studied(model, folder):
    """The model that the plain file makes."""
    model.study(folder / "study.py")
    return runpy.run_path(str(folder / "study.py"))["load"](folder)


@pytest.mark.parametrize(("recipe", "task"), FIRST)
def test_the_plain_file_gives_the_same_numbers(recipe, task, tmp_path):
    """In a padded batch; at most 300 lines, half as many again where layers read in two ways; nothing of bearhug's."""
    model = load(recipe, task, tmp_path)
    plain = studied(model, tmp_path)
    batch = tiny.batch([9, 4])
    if model.config.is_encoder_decoder and task == "seq2seq-lm":
        batch["decoder_input_ids"] = tiny.ids(2, 5)
    with torch.no_grad():
        got, output = plain(**batch), model(**batch)
    expected = output["logits"] if "logits" in output else output[0]
    real = slice(None) if "decoder_input_ids" in batch else batch["attention_mask"].bool()
    text = (tmp_path / "study.py").read_text()
    imported = {node.module for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}
    mixers = {type(layer.attention) for layer in model.model.layers}

    torch.testing.assert_close(got[real], expected[real], atol=2e-5, rtol=1e-5)
    assert len(text.splitlines()) <= (300 if len(mixers) == 1 else 450)
    assert "import bearhug" not in text
    assert not any(name.startswith("bearhug") for name in imported if name)


@pytest.mark.parametrize("task", ["sequence-classification", "token-classification", "question-answering", "base"])
@pytest.mark.parametrize("recipe", ["bert", "distilbert", "roberta", "gpt2", "llama"])
def test_every_head_has_its_plain_file(recipe, task, tmp_path):
    model = load(recipe, task, tmp_path)
    batch = tiny.batch([9, 9])
    with torch.no_grad():
        got, expected = studied(model, tmp_path)(**batch), model(**batch).to_tuple()
    got = got if isinstance(got, tuple) else (got,)

    for one, other in zip(got, expected, strict=False):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-5)


def test_it_runs_in_an_interpreter_without_bearhug(tmp_path):
    model = load("llama", "causal-lm", tmp_path)
    model.study(tmp_path / "study.py")
    script = f"import sys; sys.modules['bearhug'] = None; sys.argv = ['study.py', {str(tmp_path)!r}, '5', '17', '42']; "
    script += f"import runpy; runpy.run_path({str(tmp_path / 'study.py')!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    best = model(torch.tensor([[5, 17, 42]])).logits[0].argmax(-1).tolist()

    assert done.stdout == f"(1, 3, 99) {best}\n", done.stderr


def test_a_task_without_a_plain_file_says_so(tmp_path):
    model = bearhug.AutoModelForMultipleChoice.from_config(bearhug.BertConfig(**tiny.CONFIGS["bert"][1]))
    with pytest.raises(ValueError, match=r"task 'multiple-choice' has no plain file. Load the model with: base, "):
        model.study(tmp_path / "study.py")

    assert not (tmp_path / "study.py").exists()
