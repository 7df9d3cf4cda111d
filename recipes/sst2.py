"""SST-2 as the sentiment recipe uses it: what is studied, and what scores are measured on and nothing learns from.

600 training sentences are held out too: what is chosen is chosen on them; the dev split is only looked at in the end.
"""

import csv
import random
import re
from functools import cache

from packages import SHARED

HELD_OUT = 600


@cache
def sst2(split: str) -> tuple[list[str], list[int]]:
    """SST-2's sentences and labels (0 negative, 1 positive): 'train' or 'dev'."""
    with (SHARED / "sst2" / f"{split}.tsv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [text for text, _ in rows[1:]], [int(label) for _, label in rows[1:]]


def runs(text: str, length: int = 6) -> set[tuple[str, ...]]:
    """Every `length` words in a row, whatever the case, the spacing and the punctuation."""
    words = re.findall("[a-z]+", re.sub(r" ?(n't)|\s*'", r"\1", text.lower()).replace("'", ""))
    return {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}


@cache
def held_out() -> tuple[list[str], list[int]]:
    """600 sentences of the training split."""
    texts, labels = sst2("train")
    rows = sorted(random.Random("held out").sample(range(len(texts)), HELD_OUT))
    return [texts[i] for i in rows], [labels[i] for i in rows]


@cache
def kept_apart() -> frozenset[tuple[str, ...]]:
    """Every six words in a row of the dev split and of what is held out: what is learned from has none of them."""
    return frozenset().union(*(runs(text) for text in [*sst2("dev")[0], *held_out()[0]]))


def studied() -> tuple[list[str], list[int]]:
    """The rest of the training split."""
    aside = set(held_out()[0])
    rows = [row for row in zip(*sst2("train"), strict=True) if row[0] not in aside and not runs(row[0]) & kept_apart()]
    return [text for text, _ in rows], [label for _, label in rows]
