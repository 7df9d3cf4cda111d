"""Broken tokenizer.json files, by the thousand: each must load or be refused with an error that Python users catch.

    python tests/tokenizers/fuzz.py [SECONDS] [SEED]

A file that works is damaged (a value replaced, removed, doubled, moved; bytes cut or flipped), built, and used: encode
with every field, pairs, truncation, padding, decode. With a core that is built with sanitizers
(`cmake -DBEARHUG_SANITIZE=address,undefined`, then LD_PRELOAD libasan) it also finds what reads or writes where it must
not.
A finding is written to fuzz-SEED-NUMBER.json in the working folder.
"""

import copy
import faulthandler
import json
import random
import sys
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))

from test_native import MAKES

import tokenizer_parity as parity
from bearhug.tokenizers import file
from bearhug.tokenizers._native import Padding, Truncation
from tokenizer_random import Maker

REFUSED = (ValueError, TypeError, OverflowError, MemoryError, RecursionError)
ODD: list[Any] = [
    None, True, False, 0, -1, 1, 2, 3, 255, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63, 2**64, -(2**63), 0.5, -1e308,
    float("inf"), float("nan"), "", "a", " ", "▁", "##", "</w>", "<0x41>", "<0xZZ>", "\x00", "é", "\U0010ffff", "a b",
    "[", "(?=a)", "(a|", "a{99999}", r"\p{L}", r"\Z", "(?<!a)b", [], [[]], {}, ["a", "b"], ["a"], ["", ""], {"a": 0},
    {"String": "a"}, {"String": ""}, {"Regex": "a*"}, {"Regex": ""}, "a" * 300, [0] * 300, {"type": "Sequence"},
]  # fmt: skip


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """Where something stands inside a file; long lists and vocabularies only here and there."""
    found = [path]
    if isinstance(value, dict):
        keys = list(value)
        for key in keys if len(keys) < 40 else random.sample(keys, 20):
            found += places(value[key], (*path, key))
    elif isinstance(value, list):
        for i in range(len(value)) if len(value) < 40 else random.sample(range(len(value)), 20):
            found += places(value[i], (*path, i))
    return found


def at(value: Any, path: tuple) -> Any:
    """What stands there."""
    for key in path:
        value = value[key]
    return value


def damage(description: Any, rng: random.Random, donors: list[Any]) -> Any:
    """A thing changed, or a few."""
    description = copy.deepcopy(description)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        path = rng.choice([path for path in places(description) if path] or [()])
        if not path:
            break
        holder, key = at(description, path[:-1]), path[-1]
        way = rng.randrange(7)
        if way <= 2:
            holder[key] = copy.deepcopy(rng.choice(ODD))
        elif way == 3:
            del holder[key]
        elif way == 4 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        elif way == 5:
            donor = rng.choice(donors)
            holder[key] = copy.deepcopy(at(donor, rng.choice(places(donor))))
        elif isinstance(holder[key], str):
            text = holder[key]
            holder[key] = text[: rng.randint(0, len(text))] + rng.choice([s for s in ODD if isinstance(s, str)])
        elif isinstance(holder[key], int):
            holder[key] += rng.choice([-1, 1, 2**16, -(2**16), 2**31])
    return description


def use(text: str, rng: random.Random) -> None:
    """Everything that one does with a tokenizer."""
    core = file.loads(text)
    texts = [*rng.sample(parity.TEXTS, 4), "ab a ▁ <mask> the", ""]
    steps = [
        lambda: core.encode_batch(texts, offsets=True, threads=1),
        lambda: core.encode_batch(texts, texts[::-1], threads=2).lists("offsets"),
        lambda: core.encode_batch(
            texts, texts, truncation=Truncation(rng.randint(0, 9), rng.randint(0, 3)), padding=Padding()
        ).lists("word_ids"),
        lambda: core.encode_batch([text.split(" ") for text in texts], is_split_into_words=True).tokens(0),
        lambda: core.decode_batch([[rng.randrange(600) for _ in range(30)] for _ in range(5)]),
        lambda: core.decode([0, 1, 2, 2**32 - 2], False),
        lambda: core.add_tokens(["<new>", " ", "a"]),
        lambda: file.dumps(core),
        lambda: core.vocab(),
    ]
    for step in steps:
        try:
            step()
        except REFUSED:
            pass
        except RuntimeError as problem:
            if "BPE dropout" not in str(problem):  # its offsets cannot be worked out a second time
                raise


def main(seconds: float = 60, seed: int = 0) -> int:
    """Fuzz for so long; the number of findings."""
    faulthandler.enable()
    rng = random.Random(seed)
    random.seed(seed)
    originals = [json.loads(make().to_str()) for make in MAKES.values()]
    originals += [Maker(number).tokenizer() for number in range(150)]
    until, runs, loaded, findings = time.monotonic() + seconds, 0, 0, 0
    while time.monotonic() < until:
        runs += 1
        text = json.dumps(damage(rng.choice(originals), rng, originals))
        if rng.random() < 0.05:
            cut = rng.randrange(len(text))
            text = text[:cut] + rng.choice(["", "}", "\x00", '"', "\ud800"]) + text[cut + rng.randrange(5) :]
        last = Path(f"fuzz-{seed}-last.json")
        last.write_text(text, encoding="utf-8", errors="surrogatepass")  # what a crash leaves behind
        start = time.monotonic()
        try:
            use(text, rng)
            loaded += 1
        except REFUSED:
            pass
        except BaseException:
            findings += 1
            last.rename(f"fuzz-{seed}-{findings}.json")
            traceback.print_exc()
        if time.monotonic() - start > 10:
            print(f"slow: {time.monotonic() - start:.0f} s in run {runs}")
    print(f"{runs} files, {loaded} of them loaded, {findings} findings")
    return findings


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])) > 0)
