"""Law 8, light: importing bearhug loads nothing heavy; a name costs what it needs when it is first used."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "pyarrow", "numpy", "pandas", "huggingface_hub", "httpx", "requests", "jinja2", "regex", "tqdm")


def modules_after(code: str) -> set[str]:
    """The modules of a fresh interpreter after running `code`."""
    program = f"import sys; before = set(sys.modules); {code}; print('\\n'.join(set(sys.modules) - before))"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )


def test_importing_bearhug_loads_no_heavy_module_and_at_most_sixty():
    loaded = modules_after("import bearhug")

    assert not {name.split(".")[0] for name in loaded} & set(HEAVY)
    assert len(loaded) <= 60


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("from bearhug import AutoTokenizer", ("torch", "pyarrow", "pandas")),
        ("from bearhug import load_dataset", ("torch", "pandas", "transformers")),
        ("import bearhug.hub", ("torch", "pyarrow", "numpy")),
        ("import bearhug.cli.main", ("torch", "pyarrow", "numpy")),
        ("from bearhug import pipeline", ("pyarrow", "pandas", "transformers", "datasets")),
    ],
)
def test_a_name_loads_only_what_it_needs(code, absent):
    assert not {name.split(".")[0] for name in modules_after(code)} & set(absent)


def test_the_references_are_never_imported():
    """Not even by the rooms that mirror them."""
    code = "import bearhug; [getattr(bearhug, name) for name in bearhug.NAMES]"
    references = {"transformers", "tokenizers", "datasets", "diffusers", "peft", "accelerate"}

    assert not {name.split(".")[0] for name in modules_after(code)} & references


def test_a_first_answer_does_not_import_torchs_compiler():
    """It is a second's work, and nothing here needs it."""
    loaded = modules_after(
        "from bearhug import pipeline; pipeline('text-classification', 'bearhug/sentiment-en')('Hi')"
    )

    assert "torch._dynamo" not in loaded
    assert "torch" in loaded
