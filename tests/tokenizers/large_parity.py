"""Megabytes of text through every shared vocabulary, field by field, beside the reference; too slow for the suite.

    python tests/tokenizers/large_parity.py [MEGABYTES] [NAME ...]

The text is the shared data's (books, news, tweets, questions, in several languages), the sources and documents that lie
beside Python, and strings of every script and plane made on the spot; it is cut into pieces of many lengths.
"""

import gzip
import itertools
import os
import random
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from tokenizer_folders import write

SHARED = Path(os.environ.get("BEARHUG_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")

FIELDS = ("ids", "type_ids", "offsets", "special_tokens_mask", "attention_mask", "word_ids", "sequence_ids", "tokens")


def sources(shared: Path) -> Iterator[str]:
    """Whole files, the shared ones first."""
    places = [shared / "text", shared / "translation_en_de", shared / "qa_xquad", shared / "german_sentiment"]
    places += [shared / "tweets_emotion", shared / "topics_agnews", shared / "ner_wnut17"]
    places += [Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib")]
    for place in places:
        for path in sorted(place.rglob("*")):
            if path.suffix in (".txt", ".en", ".de", ".tsv", ".json", ".jsonl", ".csv", ".conll", ".py", ".rst", ".md"):
                if path.stat().st_size < 1 << 21:
                    try:
                        yield path.read_text(encoding="utf-8")
                    except (UnicodeDecodeError, OSError):
                        continue


def points(dice: random.Random) -> Iterator[str]:
    """Strings of neighbouring code points, with blanks: each script, each plane, in turn."""
    planes = [*range(0, 0x3134F, 64), *range(0xE0000, 0xE01F0, 64)]
    while True:
        for start in planes:
            letters = [chr(p) for p in range(start, start + 64) if not 0xD800 <= p < 0xE000]
            if letters:
                blank = " \n\t'.1a"
                yield "".join(dice.choice(letters if dice.random() < 0.85 else blank) for _ in range(400))


def texts(shared: Path, size: int) -> Iterator[str]:
    """Pieces of 1 to 20,000 characters, `size` bytes in all: an eighth of them of odd code points."""
    dice, odd = random.Random(1), points(random.Random(2))
    done = 0
    for text in itertools.cycle(sources(shared)):
        at = 0
        while at < len(text):
            length = min(20_000, int(10 ** dice.uniform(0, 4.3)))
            piece = next(odd) if dice.random() < 0.5 else ""
            piece = text[at : at + length] + piece[: length // 4]
            yield piece
            done += len(piece.encode())
            at += length
            if done > size:
                return


def tokenizers_of(shared: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """(name, folder) of each vocabulary."""
    vocab = shared / "vocab"
    yield "bert", vocab / "bert-base-uncased"
    yield "stories260K", shared / "models" / "stories260K"
    read = {"vocab__json": "encoder.json", "merges__txt": "vocab.bpe"}
    files = {key: (vocab / "gpt2" / name).read_text(encoding="utf-8") for key, name in read.items()}
    for kind in ("gpt2", "roberta", "qwen2"):
        yield kind, write(folder / kind, **files, config__json={"model_type": kind})
    models = {"mistral-v1/tokenizer.model": "llama", "spm-unigram-1k/test_model.model": "t5"}
    models |= {"spm-unigram-ja/test_ja_model.model": "albert"}
    names = {"llama": "tokenizer.model", "t5": "spiece.model", "albert": "spiece.model"}
    for path, kind in models.items():
        made = write(folder / kind, config__json={"model_type": kind})
        (made / names[kind]).write_bytes((vocab / path).read_bytes())
        yield kind, made
    for name in ("cl100k_base", "o200k_base"):
        made = folder / name
        made.mkdir()
        (made / "tokenizer.model").write_bytes(
            gzip.decompress((vocab / "tiktoken" / f"{name}.tiktoken.gz").read_bytes())
        )
        from bearhug.tokenizers import AutoTokenizer

        AutoTokenizer.from_pretrained(made).save_pretrained(made)
        (made / "tokenizer.model").unlink()
        yield name, made


def rows_differ(ours, theirs) -> str:
    """The first field that differs; empty: none."""
    for field in FIELDS:
        mine, expected = getattr(ours, field), getattr(theirs, field)
        if mine != expected:
            at = next((i for i, (a, b) in enumerate(zip(mine, expected, strict=False)) if a != b), len(expected))
            return f"{field} at {at}: {mine[at : at + 5]}, theirs {expected[at : at + 5]} {theirs.tokens[at : at + 5]}"
    return ""


def compare(name: str, folder: Path, pieces: list[str]) -> int:
    """Differences in all fields of all pieces, and in the text that their ids give."""

    import tokenizers
    from bearhug import tokenizers as library

    started, wrong = time.perf_counter(), 0
    ours = library.AutoTokenizer.from_pretrained(folder).backend_tokenizer
    theirs = tokenizers.Tokenizer.from_str(ours.to_str())
    for start in range(0, len(pieces), 200):
        batch = pieces[start : start + 200]
        for piece, mine, expected in zip(batch, ours.encode_batch(batch), theirs.encode_batch(batch), strict=True):
            said = rows_differ(mine, expected)
            if not said:
                skip = len(expected.ids) % 2 == 0
                if ours.decode(expected.ids, skip) != theirs.decode(expected.ids, skip):
                    said = "the decoded text"
            if said:
                wrong += 1
                if wrong <= 5:
                    print(f"  {name}: {piece[:60]!r}...: {said}")
    size, seconds = sum(len(piece.encode()) for piece in pieces) / 1e6, time.perf_counter() - started
    print(f"{name:12} {size:6.1f} MB, {len(pieces)} texts, {wrong} differ, {seconds:.0f} s", flush=True)
    return wrong


def main(megabytes: float = 20.0, *names: str) -> int:
    """How many texts differ, over all vocabularies or those that are named."""
    pieces = list(texts(SHARED, int(float(megabytes) * 1e6)))
    with tempfile.TemporaryDirectory() as folder:
        made = tokenizers_of(SHARED, Path(folder))
        return sum(compare(name, where, pieces) for name, where in made if not names or name in names)


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)  # pyright: ignore[reportArgumentType]
