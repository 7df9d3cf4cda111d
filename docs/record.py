"""Run a page's Python blocks and write what they print below them, as ```text.

    python docs/record.py docs/learn/tutorial.md docs/guides/pipelines.md

In a folder and a home of their own, as `bearhug tutorial` does. The tests hold the recorded results to the real ones.
"""

import os
import re
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from bearhug.cli.tutorial import alone

BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n.*?^```\n)?", re.MULTILINE | re.DOTALL)


def recorded(page: Path) -> str:
    """The page with the results of this run."""
    names: dict = {"__name__": "__main__"}

    def run(match: re.Match) -> str:
        printed = StringIO()
        with redirect_stdout(printed):
            exec(compile(match[1], page.name, "exec"), names)
        text = printed.getvalue().replace(f"{os.getcwd()}/home", "~/.cache/huggingface").rstrip()
        return f"```python\n{match[1]}```\n" + (f"\n```text\n{text}\n```\n" if text else "")

    return BLOCK.sub(run, page.read_text())


if __name__ == "__main__":
    for page in [Path(name).resolve() for name in sys.argv[1:]]:
        with alone(keep=False):
            text = recorded(page)
        page.write_text(text)
