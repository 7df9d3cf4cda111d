"""Law 10, docs run: every Python block of README, the docs and the docstrings is executed offline, in a page's order.

A block marked ```python is run; ```pycon is run and its printed results compared. What cannot run here (another
machine's address, a shell) is not a Python block. Each page runs in a process of its own, in an empty folder.
"""

import doctest
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bearhug

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted(p for p in (ROOT / "docs").rglob("*.md") if "_build" not in p.parts)]
FENCE = re.compile(r"^( *)```(python|pycon)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)

# A page runs as a user's script would, but no socket except loopback opens.
GUARD = """
import socket as _socket
_connect = _socket.socket.connect
def _guarded(self, address):
    if isinstance(address, tuple) and str(address[0]) not in ("127.0.0.1", "::1", "localhost"):
        raise AssertionError(f"the page tried to connect to {address}")
    return _connect(self, address)
_socket.socket.connect = _guarded
"""


def blocks(page: Path) -> list[tuple[str, str, int]]:
    """(language, code, line) of each Python block."""
    text = page.read_text()
    found = []
    for match in FENCE.finditer(text):
        indent, language, code = match.groups()
        code = "\n".join(line.removeprefix(indent) for line in code.split("\n"))
        found.append((language, code, text[: match.start()].count("\n") + 2))
    return found


def script(page: Path) -> str:
    """One script of all the blocks, each at its own line number, so that a traceback names the page's line."""
    parts = [GUARD]
    for language, code, line in blocks(page):
        if language == "pycon":
            parts.append(
                "import doctest as _d\n"
                f"_t = _d.DocTestParser().get_doctest({code!r}, globals(), {page.name!r}, None, {line})\n"
                f"_r = _d.DocTestRunner(optionflags=_d.ELLIPSIS | _d.NORMALIZE_WHITESPACE)\n"
                "assert _r.run(_t, clear_globs=False).failed == 0, 'the printed results differ'\n"
                "globals().update(_t.globs)"  # they hold the _r of before, too: not to be asked afterwards
            )
        else:
            source = "\n" * (line - 1) + code
            parts.append(f"exec(compile({source!r}, {str(page.relative_to(ROOT))!r}, 'exec'))")
    return "\n".join(parts)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda p: str(p.relative_to(ROOT)))
def test_a_page_runs(page, tmp_path):
    file = tmp_path / "page.py"
    file.write_text(f"if __name__ == '__main__':\n    exec(compile({script(page)!r}, 'page', 'exec'), globals())\n")
    folder = tmp_path / "empty"
    folder.mkdir()
    env = os.environ | {"HF_HOME": str(tmp_path / "home"), "BEARHUG_PROGRESS": "0"}
    done = subprocess.run([sys.executable, file], cwd=folder, env=env, capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def modules() -> list[str]:
    """Every module of bearhug that can be imported here."""
    return sorted(
        info.name
        for info in pkgutil.walk_packages(bearhug.__path__, "bearhug.")
        if not info.name.endswith(("__main__", "_native"))
    )


@pytest.mark.parametrize("name", modules())
def test_the_examples_in_docstrings_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)

    assert result.failed == 0
