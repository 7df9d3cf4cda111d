"""How fast does a pipeline answer texts of mixed lengths, one at a time and in batches? Limit: the model alone on them.

A BERT of MiniLM's size (6 layers, 384 wide) with random weights, 256 texts of 3 to 200 words, most of them short; CPU
time, so that a busy neighbour does not speak for one side.
"""

import logging
import random
import tempfile
import time
from pathlib import Path

import torch
import transformers

from bearhug import AutoTokenizer, pipeline
from paired import paired

SHARED = Path(__file__).parents[2] / "shared" / "data" / "vocab" / "bert-base-uncased"
WORDS = (
    "the a bear hug film was good bad and very long short story with people who like warm cold days in summer".split()
)


def main() -> None:
    transformers.utils.logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    draw = random.Random(0)
    texts = [" ".join(draw.choices(WORDS, k=min(200, max(3, int(draw.lognormvariate(3, 0.9)))))) for _ in range(256)]
    with tempfile.TemporaryDirectory() as folder:
        size = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
        transformers.BertForSequenceClassification(transformers.BertConfig(**size)).save_pretrained(folder)
        transformers.AutoTokenizer.from_pretrained(SHARED).save_pretrained(folder)
        ours = pipeline("text-classification", model=folder, device="cpu")
        theirs = transformers.pipeline("text-classification", model=folder, device="cpu")
        tokenizer = AutoTokenizer.from_pretrained(folder)
    encoded = [tokenizer(text, return_tensors="pt") for text in texts]
    with torch.no_grad():
        ours.model(**encoded[0])
        start = time.process_time()
        for one in encoded:
            ours.model(**one)
        limit = len(texts) / (time.process_time() - start)

    def rate(question, left, right, **options):
        paired(question, unit="texts/s", work=len(texts), limit=limit, rounds=3, clock="cpu", ours=left, theirs=right)

    rate("one at a time", lambda: [ours(text) for text in texts], lambda: [theirs(text) for text in texts])
    rate("a list", lambda: ours(texts), lambda: theirs(texts))
    rate("batch_size=32", lambda: ours(texts, batch_size=32), lambda: theirs(texts, batch_size=32))
    rate("a list, against the reference's batch_size=32", lambda: ours(texts), lambda: theirs(texts, batch_size=32))


if __name__ == "__main__":
    main()
