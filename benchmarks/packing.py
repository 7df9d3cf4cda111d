"""How fast do documents become packed rows? Theirs: map(tokenize), then map(group), each with its own tokenizer.

python benchmarks/packing.py FOLDER_OF_A_TOKENIZER TEXT_FILE [MEGABYTES]
"""

import itertools
import logging
import sys
import tempfile
from pathlib import Path

import transformers

import bearhug
import datasets
from paired import paired

LENGTH = 1024


def theirs(data, tokenizer):
    def tokens(batch):
        return {"input_ids": [[*ids, tokenizer.eos_token_id] for ids in tokenizer(batch["text"])["input_ids"]]}

    def grouped(batch):
        flat = list(itertools.chain.from_iterable(batch["input_ids"]))
        places = list(itertools.chain.from_iterable(range(len(ids)) for ids in batch["input_ids"]))
        end = len(flat) // LENGTH * LENGTH
        return {
            "input_ids": [flat[i : i + LENGTH] for i in range(0, end, LENGTH)],
            "position_ids": [places[i : i + LENGTH] for i in range(0, end, LENGTH)],
        }

    out = data.map(tokens, batched=True, remove_columns=["text"], load_from_cache_file=False)
    return out.map(grouped, batched=True, remove_columns=["input_ids"], load_from_cache_file=False)


def main(folder: str, file: str, megabytes: int = 10) -> None:
    logging.getLogger("bearhug.datasets").setLevel(logging.ERROR)
    logging.getLogger("transformers").setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    text = Path(file).read_text("utf-8")
    document = [text[i : i + 4000].replace("\n", " ") for i in range(0, len(text), 4000)]
    many = (document * (megabytes * 1_000_000 // len(text) + 1))[: megabytes * 250]
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, "text.txt")
        path.write_text("\n".join(many), "utf-8")
        own = bearhug.load_dataset("text", data_files=str(path), split="train", cache_dir=f"{temporary}/ours")
        other = datasets.load_dataset("text", data_files=str(path), split="train", cache_dir=f"{temporary}/theirs")
        one = bearhug.AutoTokenizer.from_pretrained(folder)
        two = transformers.AutoTokenizer.from_pretrained(folder)
        paired(
            f"pack {megabytes} MB of text into rows of {LENGTH}",
            unit="MB/s",
            work=path.stat().st_size / 1e6,
            ours=lambda: own.tokenize_and_pack(one, LENGTH, load_from_cache_file=False),
            theirs=lambda: theirs(other, two),
            limit=None,
            rounds=3,
            clock="cpu",
        )


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
