"""Law 9, errors teach: the table of wrong inputs, `errors.toml`.

Each entry runs `code` (after its part's `setup`) and must raise `raises` with a message that holds every string in
`says`: what was given, what was expected, the line that mends it. One traceback, never a chain of them.
"""

import builtins
import tomllib
import traceback
from pathlib import Path

import pytest

TABLE = tomllib.loads((Path(__file__).parent / "errors.toml").read_text())
CASES = [(part, case) for part, table in TABLE.items() for case in table["case"]]


@pytest.mark.parametrize(("part", "case"), CASES, ids=[f"{part}-{case['code'][:60]}" for part, case in CASES])
def test_a_wrong_input_says_given_expected_and_the_mending_line(part, case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # a hub that does not answer
    scope: dict = {}
    exec(TABLE[part].get("setup", ""), scope)
    with pytest.raises(getattr(builtins, case["raises"])) as caught:
        exec(case["code"], scope)

    for text in case["says"]:
        assert text in str(caught.value)
    frames = [f for f in traceback.extract_tb(caught.value.__traceback__) if "/bearhug/" in f.filename]
    assert len(frames) <= 15
    assert caught.value.__cause__ is None, "a chain of tracebacks: raise ... from None"
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_each_case_stands_once():
    codes = [(part, case["code"]) for part, case in CASES]

    assert len(codes) == len(set(codes))
