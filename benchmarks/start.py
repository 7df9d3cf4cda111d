"""How long until something happens? Importing, and the first answer of a pipeline, each in a fresh process.

Limit: an empty Python for the import; Python with torch imported for the first answer.
"""

import subprocess
import sys

from paired import paired


def process(code: str):
    """A call that runs `code` in a fresh interpreter."""
    return lambda: subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def seconds(code: str, rounds: int = 5) -> float:
    """The median time of a fresh process, in ms."""
    import statistics
    import time

    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        process(code)()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


ANSWER = "print(pipeline('text-classification', {model!r})('Wow, this notebook is amazing!'))"


def main() -> None:
    """Print the figures."""
    empty, torch = seconds("pass"), seconds("import torch")
    paired("import", ours=process("import bearhug"), theirs=process("import transformers"), limit=empty)
    paired(
        "import the tokenizer class",
        ours=process("from bearhug import AutoTokenizer"),
        theirs=process("from transformers import AutoTokenizer"),
        limit=empty,
    )
    paired(
        "import a data set's loader",
        ours=process("from bearhug import load_dataset"),
        theirs=process("from datasets import load_dataset"),
        limit=empty,
    )
    from bearhug.hub.client import NURSERY

    answer = ANSWER.format(model=str(NURSERY / "sentiment-en"))
    paired(
        "first answer of a pipeline",
        ours=process(f"from bearhug import pipeline; {answer}"),
        theirs=process(f"from transformers import pipeline; {answer}"),
        limit=torch,
        rounds=5,
    )


if __name__ == "__main__":
    main()
