"""A second writer for `storyteller.py`: stories260K (MIT), a Llama of 260,032 parameters that learned from TinyStories.

    python recipes/tiny_stories.py

It is 500 times as small as SmolLM2, and its English as plain. Its few names are changed to others by seed, the same all
through a story. Rounds of 256 stories are appended to `recipes/work/tiny_stories.jsonl`.
"""

import json
import random
import re

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from bearhug._lib.progress import progress
from packages import SHARED, WORK
from stories import BOYS, GIRLS, good, tidy

PATH = WORK / "tiny_stories.jsonl"
ROUNDS, ROUND = 24, 256
FEW = {"Lily": GIRLS, "Sue": GIRLS, "Sally": GIRLS, "Lucy": GIRLS, "Jane": GIRLS}
FEW |= dict.fromkeys(["Timmy", "Tim", "Tommy", "Tom", "Max", "Ben", "Bob", "Jack", "Sam", "Billy", "Spot"], BOYS)


def renamed(story: str, rng: random.Random) -> str:
    """Other names for the ones that this writer knows."""
    chosen = {name: rng.choice(others) for name, others in FEW.items()}
    return re.sub(r"\b(" + "|".join(FEW) + r")\b", lambda found: chosen[found[0]], story)


@torch.inference_mode()
def main() -> None:
    """Write what is missing."""
    folder = SHARED / "models" / "stories260K"
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    start = tokenizer.bos_token_id  # it also ends a story
    there = {json.loads(line)["round"] for line in PATH.open()} if PATH.exists() else set()
    for number in progress(range(ROUNDS), desc="tiny stories", unit="round"):
        if number in there:
            continue
        torch.manual_seed(number)
        ids = torch.full((ROUND, 1), start)
        options = {"do_sample": True, "temperature": random.Random(number).choice([0.5, 0.6, 0.7]), "top_k": 0}
        written = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=380,
            eos_token_id=start,
            pad_token_id=start,
            **options,
        )
        rows = [row[1:] for row in written.tolist()]
        texts = [tidy(tokenizer.decode(row[: row.index(start)])) for row in rows if start in row]
        with PATH.open("a") as file:
            file.write(json.dumps({"round": number, "stories": texts}) + "\n")


def read() -> list[str]:
    """The stories worth learning from, renamed."""
    rounds = sorted((json.loads(line) for line in PATH.open()), key=lambda line: line["round"])
    rng = random.Random(0)
    return [renamed(story, rng) for line in rounds for story in line["stories"] if good(story)]


if __name__ == "__main__":
    main()
