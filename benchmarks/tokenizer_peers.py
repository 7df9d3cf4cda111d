"""How fast do tokenizers read text that they have not seen, one thread, CPU time?

    python benchmarks/tokenizer_peers.py [gpt2] [cl100k] [llama3] [qwen2] [o200k] [bert] [t5] [albert] [xlm-r]

Each engine runs in a process of its own, all in one run and chunk by chunk in turn, so that each comes to its chunk
with the processor's caches full of the others' tables: ours, the reference (tokenizers 0.23), and those of tokenizers
1.0, tiktoken, gigatoken, fastokens, tokie and kitoken that are there. Each is told to use one thread, and says how
much CPU time a chunk took. A peer is looked for in the folder of its name below BEARHUG_PEERS (pip install --target
FOLDER/tokie tokie); tokenizers 1.0 only there, in FOLDER/tokenizers.
Text: the books of the shared data, and the docstrings and the source of the installed Python packages. The first half
of each warms the engines, then every chunk is read once; the last one is read again for the warm figure. `differs`
marks an engine whose ids are not the reference's on some chunk. The goals are those of issue 3.
"""

import ast
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import zlib
from pathlib import Path

SHARED = Path(os.environ.get("BEARHUG_SHARED_DATA") or Path(__file__).parent.parent.parent / "shared" / "data")
PEERS = os.environ.get("BEARHUG_PEERS")
ENGINES = ("ours", "tokenizers 0.23", "tokenizers 1.0", "tiktoken", "gigatoken", "fastokens", "tokie", "kitoken")
NAMES = ("gpt2", "cl100k", "llama3", "qwen2", "o200k", "bert", "t5", "albert", "xlm-r")
GOALS = {"array, unseen": 180, "array, warm": 350, "list, unseen": {"llama3": 125}, "first megabyte": 50}
WORDS = {"bert": 80, "t5": 40, "albert": 40, "xlm-r": 40}  # goals of the unseen rows, for what is no byte-level BPE


def description(name: str) -> dict:
    """A tokenizer.json of a well-known vocabulary (cl100k's stands for Llama 3's and Qwen 2's, which are its like)."""
    import tokenizer_words
    from bearhug.tokenizers import convert, patterns, tiktoken

    if name in tokenizer_words.NAMES:
        return tokenizer_words.description(name)
    if name == "gpt2":
        return convert.like("gpt2", SHARED / "vocab/gpt2/encoder.json", SHARED / "vocab/gpt2/vocab.bpe")
    ranks = tiktoken.read(SHARED / f"vocab/tiktoken/{'o200k' if name == 'o200k' else 'cl100k'}_base.tiktoken.gz")
    if name == "cl100k":
        return tiktoken.description(ranks)
    split = {"llama3": patterns.LLAMA3, "qwen2": patterns.QWEN2, "o200k": patterns.O200K}[name]
    return tiktoken.description(ranks, split)


def corpora(megabytes: float = 12.0) -> dict[str, list[str]]:
    """What is read -> documents."""
    books = []
    for book in ("wikitext2_valid.txt", "tiny_shakespeare.txt", "botchan.txt"):
        lines = (SHARED / "text" / book).read_text(encoding="utf-8").split("\n")
        books += ["\n".join(lines[at : at + 200]) for at in range(0, len(lines), 200)]
    sources, docstrings, seen = [], [], set()
    paths = [Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib")]
    files = sorted(
        (file for path in paths for file in path.rglob("*.py")), key=lambda file: zlib.crc32(file.name.encode())
    )
    for file in files:
        if min(sum(map(len, sources)), sum(map(len, docstrings))) > megabytes * 1e6:
            break
        try:
            source = file.read_text(encoding="utf-8")
            nodes = list(ast.walk(ast.parse(source)))
        except (OSError, ValueError, SyntaxError, RecursionError):
            continue
        if len(source) < 300_000 and sum(map(len, sources)) < megabytes * 1e6:
            sources.append(source)
        for node in nodes:
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node)
                if text and len(text) > 200 and text not in seen:
                    seen.add(text)
                    docstrings.append(text)
    return {"books": books, "docstrings": docstrings, "source": sources}


def chunks(documents: list[str]) -> list[list[str]]:
    """Documents -> six lists of about the same size."""
    size = sum(len(document.encode()) for document in documents) / 6
    out, filled = [[]], 0
    for document in documents:
        if filled >= size * len(out) and len(out) < 6:
            out.append([])
        out[-1].append(document)
        filled += len(document.encode())
    return out


def engine(name: str, file: str):
    """(texts -> ids in the form that costs least, texts -> lists of ids), see rows()."""
    if name == "ours":
        from bearhug.tokenizers import file as files

        ours = files.loads(Path(file).read_text(encoding="utf-8"))
        arrays = lambda texts: ours.encode_batch(texts, threads=1)  # noqa: E731
        return arrays, lambda texts: arrays(texts).lists("ids")
    if name.startswith("tokenizers"):
        import tokenizers

        theirs = tokenizers.Tokenizer.from_file(file)
        encode = getattr(theirs, "encode_batch_fast", theirs.encode_batch)
        return encode, lambda texts: [encoded.ids for encoded in encode(texts)]
    if name == "tiktoken":
        import tiktoken

        from bearhug.tokenizers import convert, patterns

        described = json.loads(Path(file).read_text(encoding="utf-8"))
        back = {character: byte for byte, character in convert.byte_characters().items()}
        special = {token["content"] for token in described["added_tokens"]}
        vocab = {token: id for token, id in described["model"]["vocab"].items() if token not in special}
        ranks = {bytes(back[character] for character in token): id for token, id in vocab.items()}
        cut = described["pre_tokenizer"].get("pretokenizers", [{}])[0].get("pattern", {}).get("Regex", patterns.GPT2)
        theirs = tiktoken.Encoding("theirs", pat_str=cut, mergeable_ranks=ranks, special_tokens={})
        arrays = lambda texts: [theirs.encode_to_numpy(text, disallowed_special=()) for text in texts]  # noqa: E731
        return arrays, lambda texts: [theirs.encode_ordinary(text) for text in texts]
    if name == "gigatoken":
        import gigatoken

        theirs = gigatoken.Tokenizer(file)
        arrays = lambda texts: theirs.encode_batch(texts, parallel=False)  # noqa: E731
        return arrays, lambda texts: theirs.encode_batch_list(texts, parallel=False)
    if name == "fastokens":
        import fastokens

        theirs = fastokens.Tokenizer.from_file(file)
        return theirs.encode_batch_flat, lambda texts: [encoded.ids for encoded in theirs.encode_batch(texts)]
    if name == "tokie":
        import tokie

        theirs = tokie.Tokenizer.from_json(file)
        return theirs.encode_batch_flat, lambda texts: [encoded.ids for encoded in theirs.encode_batch(texts)]
    import kitoken

    theirs = kitoken.Kitoken.from_tokenizers_file(file)
    return theirs.encode_all, theirs.encode_all


def rows(got) -> list[list[int]]:
    """Whatever an engine gave -> lists of ids."""
    if isinstance(got, tuple):  # all ids, and the length of each row or where it ends
        ids, lengths = got[:2]
        if isinstance(ids, bytes):
            ids, lengths = memoryview(ids).cast("I"), memoryview(lengths).cast("q")
        ids, lengths = [int(id) for id in ids], [int(length) for length in lengths]
        if lengths and sum(lengths) != len(ids):
            ends = lengths if lengths[0] else lengths[1:]
            lengths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
        starts = [sum(lengths[:at]) for at in range(len(lengths))]
        return [ids[start : start + length] for start, length in zip(starts, lengths, strict=True)]
    if hasattr(got, "lists"):
        return got.lists("ids")
    if hasattr(got, "tolist"):
        return got.tolist()
    return [[int(id) for id in getattr(row, "ids", row)] for row in got]


def worker(name: str, file: str, texts: str) -> None:
    """Answers each line "corpus chunk form" on standard input with seconds of CPU time and a sum of the ids."""
    everything = json.loads(Path(texts).read_text(encoding="utf-8"))
    forms = dict(zip(("array", "list"), engine(name, file), strict=True))
    for line in sys.stdin:
        corpus, chunk, form = line.split()
        given = everything[corpus][int(chunk)]
        start = time.process_time()
        got = forms[form](given)
        seconds = time.process_time() - start
        print(json.dumps([seconds, zlib.crc32(json.dumps(rows(got)).encode())]), flush=True)


class Runner:
    """An engine in a process of its own."""

    def __init__(self, name: str, file: str, texts: str):
        folder = None
        if PEERS and name not in ("ours", "tokenizers 0.23"):
            folder = str(Path(PEERS) / name.split(" ")[0])
        path = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))
        single = {"RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, __file__, "--worker", name, file, texts]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, env=os.environ | single | {"PYTHONPATH": path}, **pipes)

    def ask(self, corpus: str, chunk: int, form: str) -> tuple[float, int]:
        """Seconds of CPU time, and a sum of the ids."""
        try:
            self.process.stdin.write(f"{corpus} {chunk} {form}\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            said = self.process.stderr.read().strip().splitlines()
            raise RuntimeError(said[-1] if said else "ended without a word")
        return tuple(json.loads(answer))


def compare(name: str, texts: dict[str, list[list[str]]]) -> None:
    """All engines on one vocabulary."""
    with tempfile.TemporaryDirectory() as folder:
        file, held = str(Path(folder) / "tokenizer.json"), str(Path(folder) / "texts.json")
        Path(file).write_text(json.dumps(description(name), ensure_ascii=False), encoding="utf-8")
        Path(held).write_text(json.dumps(texts), encoding="utf-8")
        print(f"\n{name} (MB/s of CPU time, one thread)", flush=True)
        runners, absent = {}, []
        for which in ENGINES:
            if which == "tokenizers 1.0" and not PEERS:
                absent.append(f"{which} (no BEARHUG_PEERS)")
                continue
            runner = Runner(which, file, held)
            try:
                runner.ask("books", 0, "list")
                runner.ask("books", 1, "array")
            except RuntimeError as problem:
                absent.append(f"{which} ({problem})"[:120])
                continue
            runners[which] = runner
        first = Runner("ours", file, held)
        size = {
            corpus: [sum(len(text.encode()) for text in chunk) / 1e6 for chunk in some]
            for corpus, some in texts.items()
        }
        begun = size["first"][0] / first.ask("first", 0, "array")[0]
        print(f"  first megabyte on a new engine, array: ours {begun:.0f}; goal {GOALS['first megabyte']}")
        first.process.kill()
        for corpus, some in texts.items():
            if corpus == "first":
                continue
            warming = len(some) // 2
            rates: dict[tuple[str, str], list[float]] = {}
            differs = set()
            for chunk in range(len(some)):
                form = ("array", "list")[chunk % 2]
                sums = {}
                for which in list(runners):
                    taken, sums[which] = runners[which].ask(corpus, chunk, form)
                    if chunk >= warming:
                        rates.setdefault((which, f"{form}, unseen"), []).append(size[corpus][chunk] / taken)
                differs |= {which for which in runners if sums[which] != sums["tokenizers 0.23"]}
            last = len(some) - 1
            for which, runner in runners.items():
                again = [runner.ask(corpus, last, "array")[0] for _ in range(5)]
                rates[which, "array, warm"] = [size[corpus][last] / taken for taken in again]
            for question in ("array, unseen", "list, unseen", "array, warm"):
                goal = GOALS[question]
                goal = goal.get(name, 100) if isinstance(goal, dict) else goal
                goal = WORDS.get(name, goal) if "unseen" in question else goal
                parts = [
                    f"{which}{' (differs)' if which in differs else ''} {statistics.median(rates[which, question]):.4g}"
                    for which in runners
                ]
                print(f"  {corpus}, {question}: {'   '.join(parts)}   goal {goal}", flush=True)
        for runner in runners.values():
            runner.process.kill()
        if absent:
            print(f"  absent: {'; '.join(absent)}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(*sys.argv[2:])
    else:
        read = {corpus: chunks(documents) for corpus, documents in corpora().items()}
        read["first"] = [read["books"][0] + read["books"][1] + read["books"][2][:20]]
        for vocabulary in sys.argv[1:] or NAMES:
            compare(vocabulary, read)
