"""Counting words gives the same counts whatever the threads, the memory, and however often it was stopped."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from bearhug.tokenizers import file, word_counts
from bearhug.tokenizers._native import WordCounts, digest_texts

DICE = random.Random(0)
WORDS = ["".join(DICE.choices("abcdefghijklmnopäöü漢字👍", k=DICE.randrange(1, 9))) for _ in range(3000)]
TEXTS = [" ".join(DICE.choices(WORDS, k=DICE.randrange(0, 60))) for _ in range(2000)]
SPLITTER = file.build(
    {"model": {"type": "BPE", "vocab": {}, "merges": []}, "pre_tokenizer": {"type": "WhitespaceSplit"}}
)
WANTED = sorted(Counter(word for text in TEXTS for word in text.split()).items(), key=lambda item: item[0].encode())


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(word_counts, "BATCH", 5000)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("max_memory", [None, 100_000])
def test_counts_are_exact(threads, max_memory):
    """Also where the words went to files several times."""
    counts = word_counts.count(TEXTS, SPLITTER, threads=threads, max_memory=max_memory)

    assert counts.items() == WANTED
    assert len(counts) == len(WANTED)
    assert bool(counts.runs) == (max_memory is not None)


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_of_any_shape_and_files_give_the_same(tmp_path, threads):
    batches = [TEXTS[:7], tuple(TEXTS[7:100]), (text for text in TEXTS[100:150]), *TEXTS[150:]]
    (tmp_path / "a.txt").write_text("\n".join(TEXTS[:900]) + "\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("\n".join(TEXTS[900:]), encoding="utf-8")

    assert word_counts.count(batches, SPLITTER, threads=threads).items() == WANTED
    read = word_counts.lines([tmp_path / "a.txt", str(tmp_path / "b.txt")])
    assert word_counts.count(read, SPLITTER, threads=threads).items() == WANTED


def test_bytes_are_spelled():
    core = file.build({"model": {"type": "BPE", "vocab": {}, "merges": []}, "pre_tokenizer": {"type": "ByteLevel"}})

    assert word_counts.count(["ä b", " b"], core).items() == [("Ġb", 2), ("ĠÃ¤", 1)]


def test_a_count_is_64_bits():
    counts = WordCounts()
    counts.add("a", 3 << 40)
    counts.feed(["a", ""])

    assert counts.items() == [("", 1), ("a", (3 << 40) + 1)]


def test_runs_keep_what_memory_holds(tmp_path):
    """Counts of every size, words of every length, the empty one too, through two files and their merging."""
    words = {"": 1, "a" * 300: 127, "b": 128, "c\n": 1 << 63, "\0": 300}
    counts = WordCounts(None, str(tmp_path))
    for _ in range(2):
        for word, count in words.items():
            counts.add(word, count // 2)
        counts.spill()
    runs = counts.runs

    assert len(runs) == 2
    assert dict(counts.items()) == {word: count // 2 * 2 for word, count in words.items()}
    assert len(counts.runs) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*runs, *counts.runs])
    counts.remove_merged()
    assert [path.name for path in tmp_path.iterdir()] == counts.runs


def test_a_broken_run_is_said(tmp_path):
    counts = WordCounts(None, str(tmp_path))
    counts.add("word", 3)
    counts.spill()
    path = tmp_path / counts.runs[0]
    path.write_bytes(path.read_bytes()[:-2])

    with pytest.raises(RuntimeError, match="does not hold the counted words that were written to it"):
        counts.items()


def test_no_room_for_files_is_said(tmp_path):
    counts = WordCounts(None, str(tmp_path / "missing"))
    counts.add("word", 3)

    with pytest.raises(RuntimeError, match=r"cannot be written to .*run-00000001\.words"):
        counts.spill()


def test_stopped_counting_goes_on(tmp_path, monkeypatch):
    """What the checkpoint has is not counted again; a finished count is only compared, and takes more texts."""
    monkeypatch.setattr(word_counts, "CHECKPOINT_SECONDS", 0.0)
    fed = []
    monkeypatch.setattr(
        word_counts,
        "WordCounts",
        type(
            "Noted",
            (WordCounts,),
            {"feed": lambda self, texts, threads: fed.extend(texts) or WordCounts.feed(self, texts, threads)},
        ),
    )

    def stopping():
        yield from TEXTS[:1000]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        word_counts.count(stopping(), SPLITTER, threads=2, checkpoint=tmp_path)
    assert 800 < len(fed) <= 1000
    (tmp_path / "run-99999999.words.tmp").write_text("half written")
    known = json.loads((tmp_path / "counts.json").read_text())["texts"]
    fed.clear()
    assert word_counts.count(TEXTS, SPLITTER, threads=2, checkpoint=tmp_path).items() == WANTED
    assert fed == TEXTS[known:]
    assert len(list(tmp_path.iterdir())) == 2
    fed.clear()
    assert word_counts.count(TEXTS, SPLITTER, checkpoint=tmp_path).items() == WANTED
    assert fed == []
    more = word_counts.count([*TEXTS, "one more"], SPLITTER, checkpoint=tmp_path)
    assert dict(more.items()) == dict(WANTED) | {"one": 1, "more": 1}


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    word_counts.count(TEXTS[:50], SPLITTER, checkpoint=tmp_path)

    for texts in (TEXTS[1:51], TEXTS[:49], [TEXTS[0] + "x", *TEXTS[1:90]]):
        with pytest.raises(ValueError, match=r"holds counts of other texts.*\n.*shutil\.rmtree"):
            word_counts.count(texts, SPLITTER, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="with another normalizer or pre-tokenizer"):
        word_counts.count(TEXTS[:50], None, checkpoint=tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="kills a process as the system does when memory is short")
def test_killed_anywhere_it_goes_on(tmp_path):
    """kill -9 at seven moments; the eighth time it may end."""
    code = f"""
import random, sys, time
from bearhug.tokenizers import file, word_counts
sys.path.insert(0, {str(os.path.dirname(__file__))!r})
from test_word_counts import SPLITTER, TEXTS
word_counts.BATCH, word_counts.CHECKPOINT_SECONDS = 5000, 0.0
def slowly():
    for text in TEXTS:
        time.sleep(0.0003)
        yield text
print("ready", flush=True)
counts = word_counts.count(slowly(), SPLITTER, threads=2, max_memory=100_000, checkpoint={str(tmp_path)!r})
print(len(counts), sum(count for _, count in counts.items()), flush=True)
"""
    known = []
    for moment in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35):
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(moment)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        state = tmp_path / "counts.json"
        known.append(json.loads(state.read_text())["texts"] if state.exists() else 0)
    assert known == sorted(known)
    assert known[-1] > 0
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)

    assert done.stdout == f"ready\n{len(WANTED)} {sum(count for _, count in WANTED)}\n"
    assert word_counts.count(TEXTS, SPLITTER, checkpoint=tmp_path).items() == WANTED


def test_a_digest_does_not_see_batches():
    whole = digest_texts(TEXTS, 0)

    assert digest_texts(TEXTS[700:], digest_texts(TEXTS[:700], 0)) == whole
    assert digest_texts(TEXTS[::-1], 0) != whole
    assert digest_texts(["ab", "c"], 0) != digest_texts(["a", "bc"], 0)


def test_a_file_that_is_not_utf8_is_named_with_its_byte(tmp_path):
    path = tmp_path / "old.txt"
    path.write_bytes("zwölf\n".encode() * 3000 + b"ok\nna\xefve\n")

    with pytest.raises(ValueError, match=r"old\.txt' is not UTF-8: byte 21005 is 0xef .*\n.*encoding='latin-1'"):
        word_counts.count(word_counts.lines(path), None)
    with pytest.raises(FileNotFoundError):
        word_counts.count(word_counts.lines([tmp_path / "none.txt"]), None)


def test_what_is_no_text_is_said():
    with pytest.raises(TypeError, match="a text to learn from is 1; expected str, or a list of str"):
        word_counts.count(["a", 1], None)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="a text to learn from is b'a'; expected str"):
        word_counts.count([b"a"], None)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="a text to learn from is of the type int; expected str"):
        word_counts.count([["a", 2]], None)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="are 'some text', a str; expected texts"):
        word_counts.count("some text", None)
