"""How fast does a tokenizer learn a vocabulary from 100 MB of text, and in how much memory?

    python benchmarks/tokenizer_train.py [bpe] [wordpiece] [unigram] [wordlevel] [--megabytes 100] [--threads 2]

Each side runs in a process of its own, reads the same file line by line, and reports seconds, CPU seconds and the
largest resident memory of its process, and of the libraries alone before it starts. The results are compared: the same
vocabulary and merges (for unigram: the same pieces). The text is what lies on any machine: the books of the shared data
where they are present, then the sources of Python's library and of what is installed beside it, then those sentences
again in another order.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SHARED = Path(os.environ.get("BEARHUG_SHARED_DATA") or Path(__file__).parent.parent.parent / "shared" / "data")
KINDS = {"bpe": ("BPE", 32_000), "wordpiece": ("WordPiece", 30_000), "unigram": ("Unigram", 8_000)}
KINDS |= {"wordlevel": ("WordLevel", 30_000)}


def texts() -> Iterator[str]:
    """The text that lies here, file by file."""
    for path in sorted((SHARED / "text").glob("*.txt")):
        yield path.read_text(encoding="utf-8")
    places = sysconfig.get_paths()
    for place in (places["stdlib"], places["purelib"]):
        for path in sorted(Path(place).rglob("*")):
            if path.suffix in (".py", ".txt", ".rst", ".md", ".pyi") and path.stat().st_size < 1 << 20:
                try:
                    yield path.read_text(encoding="utf-8")
                except (UnicodeDecodeError, OSError):
                    continue


def write_corpus(path: Path, size: int) -> None:
    """At least `size` bytes: first the text as it is, then its lines again, shuffled words within each."""
    dice = random.Random(0)
    kept: list[str] = []
    with path.open("w", encoding="utf-8") as out:
        for text in texts():
            out.write(text)
            kept += text.split("\n")
            if out.tell() >= size:
                return
        while out.tell() < size:
            for line in dice.sample(kept, min(len(kept), 20_000)):
                words = line.split(" ")
                dice.shuffle(words)
                out.write(" ".join(words) + "\n")


def ours(kind: str, size: int, corpus: str, threads: int) -> dict:
    """A description of the model that bearhug learns."""
    from bearhug.tokenizers import convert, file, train

    start = report_start()
    alphabet = {"initial_alphabet": list(convert.byte_characters().values())} if kind == "bpe" else {}
    parts = parts_of(kind) | {"model": {"type": KINDS[kind][0]}}
    core = train.train(parts, train.lines(corpus), vocab_size=size, threads=threads, **alphabet, **settings_of(kind))
    return report_end(start) | {"model": file.describe(core)["model"]}


def theirs(kind: str, size: int, corpus: str, threads: int) -> dict:
    """A description of the model that the reference learns."""
    os.environ["RAYON_NUM_THREADS"] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if threads > 1 else "false"
    import tokenizers

    start = report_start()
    model = getattr(tokenizers.models, KINDS[kind][0])()
    core = tokenizers.Tokenizer.from_str(json.dumps(json.loads(tokenizers.Tokenizer(model).to_str()) | parts_of(kind)))
    alphabet = {"initial_alphabet": tokenizers.pre_tokenizers.ByteLevel.alphabet()} if kind == "bpe" else {}
    trainer = getattr(tokenizers.trainers, KINDS[kind][0].replace("BPE", "Bpe") + "Trainer")
    core.train([corpus], trainer(vocab_size=size, show_progress=False, **alphabet, **settings_of(kind)))
    report = report_end(start)
    return report | {"model": json.loads(core.to_str())["model"]}


def parts_of(kind: str) -> dict:
    bert = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None}
    cuts = {
        "bpe": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "unigram": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
    }
    normalizer = bert | {"lowercase": True} if kind in ("wordpiece", "wordlevel") else None
    return {"normalizer": normalizer, "pre_tokenizer": cuts.get(kind, {"type": "BertPreTokenizer"})}


def settings_of(kind: str) -> dict:
    special = {"unigram": ["<unk>"], "bpe": ["<|endoftext|>"]}.get(kind, ["[UNK]"])
    return {"special_tokens": special} | ({"unk_token": "<unk>"} if kind == "unigram" else {})


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def report_start() -> tuple[float, float, float]:
    return time.perf_counter(), time.process_time(), memory()


def report_end(start: tuple[float, float, float]) -> dict:
    wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
    return {"seconds": wall, "cpu": cpu, "MB": memory(), "MB before": start[2]}


def run(side: str, kind: str, size: int, corpus: Path, threads: int) -> dict:
    """One side in a process of its own."""
    command = [sys.executable, __file__, "--side", side, kind, "--size", str(size), "--corpus", str(corpus)]
    done = subprocess.run([*command, "--threads", str(threads)], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def compare(kind: str, size: int, corpus: Path, threads: int) -> None:
    print(f"\n{kind}, {size:,} tokens, {corpus.stat().st_size / 1e6:.0f} MB, {threads} threads")
    reports = {side: run(side, kind, size, corpus, threads) for side in ("ours", "theirs")}
    for side, report in reports.items():
        print(f"  {side:6} {report['seconds']:7.1f} s {report['cpu']:7.1f} s CPU {report['MB']:7.0f} MB", end="")
        print(f" ({report['MB before']:.0f} MB before)")
    a, b = reports["ours"], reports["theirs"]
    print(
        f"  ratio  {b['seconds'] / a['seconds']:7.2f}   {b['cpu'] / a['cpu']:7.2f}       {b['MB'] / a['MB']:7.2f}",
        end="",
    )
    vocab = [report["model"]["vocab"] for report in (a, b)]
    if kind == "unigram":
        pieces = [{piece for piece, _ in side} for side in vocab]
        print(f"   pieces that differ: {len(pieces[0] ^ pieces[1])}")
    elif kind == "wordpiece":  # the order of single characters with a prefix is chance in the reference
        print(f"   tokens that differ: {len(vocab[0].keys() ^ vocab[1].keys())}")
    else:
        merges = [report["model"].get("merges") for report in (a, b)]
        print(f"   equal: {vocab[0] == vocab[1] and merges[0] == merges[1]}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="*")
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--side", choices=("ours", "theirs"))
    given = parser.parse_args()
    if given.side:
        report = (ours if given.side == "ours" else theirs)(
            given.kinds[0], given.size, str(given.corpus), given.threads
        )
        print(json.dumps(report))
        raise SystemExit
    with tempfile.TemporaryDirectory() as folder:
        corpus = given.corpus or Path(folder) / "corpus.txt"
        if not corpus.exists():
            write_corpus(corpus, given.megabytes * 1_000_000)
        for kind in given.kinds or KINDS:
            compare(kind, given.size or KINDS[kind][1], corpus, given.threads)
