"""Keys: the same for the same code and content wherever it runs, another for anything that changes the result."""

import functools
import os
import re
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pyarrow as pa
import pytest
import torch

import bearhug.datasets as ours
from bearhug.datasets.fingerprint import Unkeyable, key_of

SCRIPT = textwrap.dedent(
    '''
    import functools, re, sys
    import numpy as np
    from bearhug.datasets.fingerprint import key_of

    FACTOR = 3
    WORDS = {"a", "b", "c", "d", "e"}
    TABLE = {"x": [1, 2.5], "y": (None, True)}
    PATTERN = re.compile("a+", re.I)
    ARRAY = np.arange(10, dtype=np.float32)

    class Cleaner:
        """Strips."""

        limit = 5

        def __init__(self, mark):
            self.mark = mark

        def __call__(self, row):
            return {"t": row["t"].strip(self.mark)[: self.limit]}

        def method(self, row):
            return helper(row, self.mark)

    def helper(row, mark):
        return {"n": FACTOR, "w": row["t"] in WORDS}

    def outer(by):
        def inner(row):
            table = {key: value for key, value in TABLE.items()}
            return {"n": row["n"] * by + ARRAY.sum(), "m": PATTERN.match(row["t"]), "t": table}
        return inner

    cleaner = Cleaner("-")
    part, nameless = functools.partial(helper, mark="x"), lambda r: helper(r, [x for x in WORDS])
    for thing in (outer(2), cleaner, cleaner.method, part, nameless, WORDS, TABLE):
        print(key_of(thing))
    '''
)


def run(folder, seed: str, script: str = SCRIPT, *, compiled: bool = False) -> list[str]:
    path = folder / "script.py"
    path.write_text(script)
    command = [sys.executable, str(path)]
    if compiled:  # as an imported module, whose code comes from a .pyc
        command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); import script"]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": seed}, cwd=folder, check=True
    )
    return done.stdout.split()


def test_a_key_is_the_same_in_every_process_and_folder(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    keys = [run(tmp_path / "one", "0"), run(tmp_path / "two", "1"), run(tmp_path / "two", "12345")]

    assert keys[0] == keys[1] == keys[2]
    assert len(set(keys[0])) == len(keys[0]) == 7


def test_a_key_is_the_same_from_source_and_from_compiled_code(tmp_path):
    first = run(tmp_path, "0", compiled=True)  # compiles
    assert first == run(tmp_path, "5", compiled=True)  # reads what was compiled


def test_moving_code_and_comments_change_nothing(tmp_path):
    moved = "\n\n# a comment\n" + SCRIPT.replace("def outer(by):", "\n\ndef outer(by):  # moved")

    assert run(tmp_path, "0", moved) == run(tmp_path, "0")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("FACTOR = 3", "FACTOR = 4"),
        ('"d", "e"}', '"d", "f"}'),
        ("limit = 5", "limit = 6"),
        ("strip(self.mark)", "lstrip(self.mark)"),
        ('Cleaner("-")', 'Cleaner("+")'),
        ("outer(2)", "outer(3)"),
        ("(None, True)", "(None, False)"),
        ('"a+", re.I', '"a+"'),
        ("np.arange(10", "np.arange(11"),
        ("* by + ARRAY", "* by - ARRAY"),
        ('mark="x"', 'mark="y"'),
        ('"n": FACTOR,', '"m": FACTOR,'),
    ],
)
def test_any_change_that_counts_changes_a_key(old, new, tmp_path):
    assert old in SCRIPT
    assert run(tmp_path, "0", SCRIPT.replace(old, new)) != run(tmp_path, "0")


def test_functions_of_ones_own_modules_are_followed(tmp_path):
    script = (
        "import words\nfrom bearhug.datasets.fingerprint import key_of\nprint(key_of(lambda row: words.clean(row)))"
    )
    keys = []
    for body in ("return row.strip()", "return row.strip()", "return row.lower()"):
        (tmp_path / "words.py").write_text(f"def clean(row):\n    {body}\n")
        keys += run(tmp_path, "0", script)
        for path in (tmp_path / "__pycache__").glob("*"):
            path.unlink()

    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (1, 1.0),
        (1, True),
        ("1", 1),
        (b"a", "a"),
        ([1, 2], (1, 2)),
        ([1, [2]], [[1], 2]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1, 2}, frozenset({1, 2})),
        (np.arange(3), np.arange(3, dtype=np.int32)),
        (np.arange(4), np.arange(4).reshape(2, 2)),
        (np.float32(1), np.float64(1)),
        (torch.arange(3), torch.arange(3).float()),
        (torch.arange(3), np.arange(3)),
        (re.compile("a"), re.compile("a", re.M)),
        (len, max),
        (str.upper, str.lower),
        (functools.partial(int, base=2), functools.partial(int, base=3)),
        (np.random.default_rng(0), np.random.default_rng(1)),
        (pa.table({"a": [1]}), pa.table({"a": [2]})),
        (ours.Value("int8"), ours.Value("int16")),
        (torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)),
        (threading.Thread, threading.Timer),
        (None, ""),
        (float("nan"), float("inf")),
        (0.0, -0.0),
        (range(3), range(4)),
        (type("A", (), {"x": 1}), type("A", (), {"x": 2})),
    ],
    ids=lambda value: type(value).__name__,
)
def test_things_that_differ_have_different_keys(one, two):
    assert key_of(one) != key_of(two)
    assert key_of(one) == key_of(one)
    assert key_of(two) == key_of(two)


def test_content_counts_not_the_object():
    assert key_of(np.arange(3)) == key_of(np.arange(6)[:3].copy())
    assert key_of(np.asfortranarray(np.eye(3))) == key_of(np.eye(3))
    assert key_of(torch.arange(6)[::2]) == key_of(torch.tensor([0, 2, 4]))
    assert key_of({"a": [1]}) == key_of({"a": [1]})
    model = torch.nn.Linear(2, 2)
    twin = torch.nn.Linear(2, 2)
    twin.load_state_dict(model.state_dict())
    assert key_of(model) == key_of(twin)


def test_a_cycle_ends():
    loop: list = [1]
    loop.append(loop)

    assert key_of(loop) == key_of(loop)


def test_a_function_that_calls_itself():
    def down(n):
        return 0 if n == 0 else down(n - 1)

    def down_too(n):
        return 0 if n == 0 else down_too(n - 2)

    assert key_of(down) == key_of(down)
    assert key_of(down) != key_of(down_too)


def test_an_object_with_a_fingerprint_says_its_own():
    class Tokenizer:
        def __init__(self, content):
            self.content = content
            self.calls = object()

        def fingerprint(self):
            return self.content

    assert key_of(Tokenizer("a")) == key_of(Tokenizer("a")) != key_of(Tokenizer("b"))


@pytest.mark.reference
def test_a_tokenizer_of_the_reference_counts_by_content_not_by_its_last_call():
    from transformers import PreTrainedTokenizerFast

    from tokenizers import Tokenizer, models, pre_tokenizers

    def make(word):
        inner = Tokenizer(models.WordLevel({"[UNK]": 0, word: 1, "[PAD]": 2}, unk_token="[UNK]"))
        inner.pre_tokenizer = pre_tokenizers.Whitespace()
        return PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="[UNK]", pad_token="[PAD]")

    one, two = make("a"), make("b")
    before = key_of(one)
    one(["a a", "a"], padding=True, truncation=True, max_length=1)

    assert key_of(one) == before == key_of(make("a"))
    assert key_of(two) != before


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (threading.Lock(), "lock"),
        ((i for i in range(3)), "generator"),
        (sys.__stdout__, "TextIOWrapper"),
        ({"a": [threading.Lock()]}, r"\['a'\]\[0\]"),
    ],
    ids=["lock", "generator", "file", "deep"],
)
def test_what_has_no_content_has_no_key(thing, said):
    with pytest.raises(Unkeyable, match=said):
        key_of(thing)


def test_the_error_says_where():
    lock = threading.Lock()

    def inner():
        return lock

    with pytest.raises(Unkeyable, match=r"inner\(\) closes over 'lock', which is a lock"):
        key_of(lambda: inner())


def test_data_sets_have_the_key_of_their_content(tmp_path):
    one = ours.Dataset.from_dict({"a": [1, 2], "b": ["x", None]})
    two = ours.Dataset.from_dict({"a": [1, 2], "b": ["x", None]})
    other = ours.Dataset.from_dict({"a": [1, 3], "b": ["x", None]})

    assert one._fingerprint == two._fingerprint != other._fingerprint
    assert one.select([1])._fingerprint == two.select([1])._fingerprint != one.select([0])._fingerprint
    assert one.shuffle(seed=1)._fingerprint != one.shuffle(seed=2)._fingerprint
    assert one.rename_column("a", "c")._fingerprint != one._fingerprint
    assert key_of([one]) == key_of([two]) != key_of([other])


def test_a_long_chain_of_steps_has_a_key():
    ds = ours.Dataset.from_dict({"a": list(range(10))})
    for _ in range(3000):
        ds = ds.select(range(len(ds)))

    assert len(ds._fingerprint) == 32
