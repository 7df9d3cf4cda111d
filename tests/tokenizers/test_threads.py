"""Threads that share a tokenizer, a batch, a setting or counts get what each would get alone.

In a Python without its global lock they run at the same time; with it, they take turns wherever a call lets go of it.
With a core that is built with `cmake -DBEARHUG_SANITIZE=thread`, in a Python that is built `--with-thread-sanitizer`,
this also finds what two threads touch at once.
"""

import random
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import pytest

import tokenizer_makes as makes
import tokenizer_parity as parity
from bearhug.tokenizers import Encoding, PreTrainedTokenizerFast, file, train
from bearhug.tokenizers._native import AddedToken, AlignedText, Padding, Tokenizer, Truncation, WordCounts, train_bpe
from bearhug.tokenizers.decoders import DecodeStream

HAS_LOCK = not sysconfig.get_config_var("Py_GIL_DISABLED")
MAKES = ["bert", "roberta", "llama3", "sentencepiece-like", "bpe suffix", "unigram charsmap", "word level", "lowercase"]
TEXTS = parity.texts(60, seed=21)


@contextmanager
def hurried() -> Iterator[None]:
    """Threads that have the global lock give it up all the time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def at_once(*works: Callable[[], object]) -> list:
    """What each gives, all started at the same moment; the first problem of any is raised."""
    start = threading.Barrier(len(works))
    given: list = [None] * len(works)
    problems: list[BaseException] = []

    def run(i: int) -> None:
        try:
            start.wait(60)
            given[i] = works[i]()
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(works))]
    with hurried():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
    assert not any(thread.is_alive() for thread in threads), "a thread waits for ever"
    if problems:
        raise problems[0]
    return given


@cache
def description(make: str) -> dict:
    return makes.whole(makes.MAKES[make]())


def fresh(make: str) -> Tokenizer:
    return file.build(description(make))


def everything(core: Tokenizer, seed: int = 0) -> list:
    """All that a tokenizer says of some texts, asked for in an order of one's own."""
    rng = random.Random(seed)
    truncation, padding = Truncation(12, stride=2), Padding(pad_to_multiple_of=4)
    batch = core.encode_batch(TEXTS, threads=2)
    cut = core.encode_batch(TEXTS, TEXTS[::-1], truncation=truncation, padding=padding)
    questions = [(encoded, name) for encoded in (batch, cut) for name in parity.FIELDS]
    order = list(range(len(questions)))
    rng.shuffle(order)
    answers: dict[int, object] = {i: questions[i][0].lists(questions[i][1]) for i in order}
    rows = batch.lists("ids")
    said = [answers[i] for i in range(len(questions))]
    said += [batch.tokens(row) for row in range(len(batch))]
    said += [core.encode_ids(text) for text in TEXTS]
    said += [core.decode_batch(rows, threads=2), [core.decode(row) for row in rows]]
    stream = DecodeStream()
    said.append([stream.step(core, id) for row in rows[:20] for id in row])
    return said


@pytest.mark.parametrize("make", MAKES)
def test_a_tokenizer_that_is_shared_says_what_it_says_alone(make):
    alone = everything(fresh(make))
    core = fresh(make)  # what it makes when it is first asked is made by all of them

    said = at_once(*(lambda seed=seed: everything(core, seed) for seed in range(6)))

    assert all(one == alone for one in said)


def test_a_batch_that_is_shared_is_read_by_all():
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=fresh("roberta"))
    names = ["input_ids", "attention_mask", "offset_mapping", "special_tokens_mask"]
    options = {"return_offsets_mapping": True, "return_special_tokens_mask": True, "truncation": True, "max_length": 9}

    def read(batch, seed: int) -> list:
        order = random.Random(seed).sample(names, len(names))
        fields = {name: batch[name] for name in order}
        rows = [[row.ids, row.tokens, row.offsets, row.word_ids, len(row)] for row in batch.encodings]
        return [fields[name] for name in names] + rows + [batch.word_ids(i) for i in range(len(TEXTS))]

    alone = read(tokenizer(TEXTS, **options), 0)
    for _ in range(10):
        batch = tokenizer(TEXTS, **options)
        said = at_once(*(lambda batch=batch, seed=seed: read(batch, seed) for seed in range(6)))

        assert all(one == alone for one in said)


def test_a_tokenizer_that_is_changed_is_at_each_moment_as_before_or_as_after():
    core = fresh("roberta")
    text = "Hello new7 new12 fox, 混 dog"
    normalizers = [None, file.normalizer({"type": "Lowercase"})]
    wanted = []
    for normalizer in normalizers:
        other = fresh("roberta")
        other.normalizer = normalizer
        seen = [other.encode_ids(text)]
        for i in range(30):
            other.add_tokens([f"new{i}"])
            seen.append(other.encode_ids(text))
        wanted.append(seen)
    possible = [ids for seen in wanted for ids in seen]

    def add() -> int:
        return sum(core.add_tokens([f"new{i}"]) for i in range(30))

    def switch() -> None:
        for i in range(60):
            core.normalizer = normalizers[i % 2]
            core.post_processor = core.post_processor
        core.normalizer = None

    def encode() -> bool:
        return all(core.encode_ids(text) in possible for _ in range(200))

    def look() -> bool:
        for _ in range(50):
            vocab = core.vocab()
            ids = core.encode_ids(text)
            assert core.tokens_to_ids(core.ids_to_tokens(ids)) == ids
            assert len(core.added_tokens()) + core.vocab_size(False) >= len(vocab)
            assert file.loads(file.dumps(core.copy())).encode_ids("a fox") == core.encode_ids("a fox")
        return True

    counts = at_once(add, add, switch, encode, encode, look)

    assert counts[0] + counts[1] == 30
    assert counts[3:] == [True, True, True]
    assert core.encode_ids(text) in wanted[0]
    assert {f"new{i}" for i in range(30)} < set(core.vocab())


def test_rows_that_are_changed_are_at_each_moment_as_before_or_as_after():
    core = fresh("roberta")
    for _ in range(20):
        row = Encoding.of(core.encode_batch(["the quick brown fox"], offsets=True))
        before = row.ids

        def change(row=row) -> None:
            row.pad(20, pad_id=1)
            row.truncate(3)

        def read(row=row, before=before) -> bool:
            return all(
                ids[: len(before)] == before or before[: len(ids)] == ids for ids in (row.ids for _ in range(50))
            ) and all(len(row) >= 0 and len(row.offsets) >= 0 and row.overflowing is not None for _ in range(50))

        assert at_once(change, read, read, read)[1:] == [True] * 3
        assert row.ids == before[:3]


def test_settings_that_are_changed_stay_whole():
    token, padding, truncation = AddedToken("a" * 60), Padding(pad_token="b" * 60), Truncation(5)
    aligned = AlignedText("x" * 60)
    core = fresh("bert")

    def change() -> None:
        for i in range(300):
            token.content = "ab"[i % 2] * (40 + i)
            padding.pad_token = "bc"[i % 2] * (40 + i)
            truncation.max_length = 5 + i % 2
            aligned.append("y" * 10)
            aligned.clear()

    def read() -> bool:
        for _ in range(300):
            assert len(set(token.content)) == len(set(padding.pad_token)) == 1
            assert set(str(token)) <= {"a", "b"}
            assert token == token
            assert isinstance(hash(token), int)
            assert set(aligned.text) <= {"x", "y"}
            rows = core.encode_batch(["the fox and the dog"] * 2, padding=padding, truncation=truncation)
            assert len(rows.row(0, "ids")) in (5, 6)
            core.add_tokens([token])
        return True

    assert at_once(change, read, read) == [None, True, True]


def test_training_in_several_threads_learns_what_one_learns():
    def learn() -> list:
        bpe = train.byte_level_bpe(TEXTS, vocab_size=400, show_progress=False)
        pieces = train.wordpiece(TEXTS, vocab_size=200, show_progress=False)
        return [file.dumps(bpe), file.dumps(pieces)]

    alone = learn()

    assert at_once(learn, learn, learn, learn) == [alone] * 4


def test_many_threads_count_into_one_table(tmp_path):
    splitter = fresh("llama3")
    alone, together = WordCounts(splitter), WordCounts(splitter, str(tmp_path), 1 << 14)  # goes to disk all the time
    for _ in range(8):
        alone.feed(TEXTS, 1)
    at_once(*(lambda: together.feed(TEXTS, 2) for _ in range(4)), *(lambda: together.feed(TEXTS, 1) for _ in range(4)))

    assert together.items() == alone.items()


def test_counts_in_use_are_refused_to_another_thread():
    words = WordCounts()
    words.feed(TEXTS, 1)
    settings = {"vocab_size": 300, "min_frequency": 0, "special_tokens": [], "limit_alphabet": None}
    settings |= {"initial_alphabet": [], "continuing_subword_prefix": None, "end_of_word_suffix": None}
    refused = []

    def other() -> None:
        for use in (
            words.items,
            words.spill,
            lambda: len(words),
            lambda: words.feed(["a"], 1),
            lambda: words.add("a", 1),
        ):
            try:
                use()
            except RuntimeError as problem:
                refused.append(str(problem))

    def watch(stage: str, done: int, total: int) -> None:
        if not refused:
            thread = threading.Thread(target=other)
            thread.start()
            thread.join(60)

    before = words.items()
    train_bpe(words, max_token_length=None, watch=watch, **settings)

    assert len(refused) == 5
    assert all("in use by another thread" in one for one in refused)
    assert words.items() == before


@pytest.mark.skipif(HAS_LOCK, reason="this Python has its global lock")
def test_the_core_does_not_bring_the_global_lock_back():
    code = "import sys; from bearhug.tokenizers import _native; raise SystemExit(sys._is_gil_enabled())"

    assert subprocess.run([sys.executable, "-W", "error", "-c", code], timeout=60).returncode == 0
