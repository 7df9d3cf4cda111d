"""tokenize_and_pack against a packer in plain Python, on streams, with collators and a model."""

import copy
import itertools
import logging
import random

import numpy as np
import pytest

from bearhug import AutoTokenizer, Dataset, DatasetDict, load_dataset
from bearhug.datasets.packing import Packer, Plan

WORDS = "the a cat dog runs sleeps under over green blue house tree and then 12 , . ü 東京".split()


@pytest.fixture(scope="module")
def tokenizer(shared):
    return AutoTokenizer.from_pretrained(str(shared / "models" / "stories260K"))


@pytest.fixture(scope="module")
def texts():
    draw = random.Random(1)
    made = [" ".join(draw.choices(WORDS, k=draw.choice([1, 3, 9, 20, 90]))) for _ in range(60)]
    made[7], made[30], made[31] = "", None, ""
    return made


def documents(texts, tokenizer, eos=True, special=True):
    """(number, tokens) of each document that has any, in plain Python."""
    for i, text in enumerate(texts):
        if text:
            ids = list(tokenizer(text, add_special_tokens=special)["input_ids"])
            if eos and ids[-1] != tokenizer.eos_token_id:
                ids.append(tokenizer.eos_token_id)
            yield i, ids


def wrapped(docs, length, tail, pad):
    """Rows, each a list of (number, tokens), in plain Python; and how many tokens are left."""
    rows, row, room = [], [], length
    for i, ids in docs:
        while ids:
            row.append((i, ids[:room]))
            ids, room = ids[room:], room - len(row[-1][1])
            if not room:
                rows.append(row)
                row, room = [], length
    left = length - room if row else 0
    if row and tail != "drop":
        rows.append(row)
    return [described(row, length if tail != "keep" else sum(len(ids) for _, ids in row), pad) for row in rows], left


def described(row, width, pad):
    ids = [one for _, part in row for one in part]
    fill = width - len(ids)
    ends = [sum(len(part) for _, part in row[: i + 1]) for i in range(len(row))]
    return {
        "input_ids": ids + [pad] * fill,
        "position_ids": [i for _, part in row for i in range(len(part))] + [0] * fill,
        "segment_ids": [n for n, (_, part) in enumerate(row, 1) for _ in part] + [0] * fill,
        "attention_mask": [1] * len(ids) + [0] * fill,
        "labels": [-100 if i == 0 else one for _, part in row for i, one in enumerate(part)] + [-100] * fill,
        "seq_lengths": [len(part) for _, part in row],
        "cu_seqlens": [0, *ends],
        "documents": [i for i, _ in row],
    }


ALL = tuple(described([(0, [1])], 1, 0))


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
@pytest.mark.parametrize("tail", ["drop", "pad", "keep"])
@pytest.mark.parametrize(
    ("length", "eos", "special"), [(16, True, True), (64, False, True), (500, True, False), (1, True, True)]
)
def test_rows_are_those_of_plain_python(tokenizer, texts, length, eos, special, tail, batch_size):
    ds = Dataset.from_dict({"text": texts})
    options = {"tail": tail, "add_eos": eos, "add_special_tokens": special, "pad_token_id": 0, "fields": ALL}
    packed = ds.tokenize_and_pack(tokenizer, length, batch_size=batch_size, **options)

    expected, _ = wrapped(documents(texts, tokenizer, eos, special), length, tail, 0)
    assert packed.to_list() == expected


def test_no_token_is_lost(tokenizer, texts):
    packed = Dataset.from_dict({"text": texts}).tokenize_and_pack(tokenizer, 32, tail="keep", fields=["input_ids"])

    flat = [one for row in packed["input_ids"] for one in row]
    assert flat == [one for _, ids in documents(texts, tokenizer) for one in ids]


@pytest.mark.parametrize("length", [16, 64, 333])
def test_fit_keeps_documents_whole(tokenizer, texts, length):
    docs = dict(documents(texts, tokenizer))
    packed = Dataset.from_dict({"text": texts}).tokenize_and_pack(
        tokenizer, length, strategy="fit", pad_token_id=0, fields=ALL
    )

    found = {i: [] for i in docs}
    for row in packed:
        parts = [
            (i, row["input_ids"][start : start + size])
            for i, start, size in zip(row["documents"], row["cu_seqlens"], row["seq_lengths"], strict=False)
        ]
        assert row == described(parts, length, 0)
        for i, part in parts:
            found[i].append(part)
    for i, ids in docs.items():
        assert len(found[i]) == -(-len(ids) // length)
        assert (
            sorted(found[i], key=len, reverse=True)[:-1]
            == [p for p in found[i] if len(p) == length][: len(found[i]) - 1]
        )
        assert sorted(one for part in found[i] for one in part) == sorted(ids)
    total = sum(map(len, docs.values()))
    assert total / length <= len(packed) <= 1.25 * total / length + 1


def test_one_line_says_what_happened(tokenizer, texts, caplog):
    with caplog.at_level(logging.WARNING, "bearhug.datasets"):
        ds = Dataset.from_dict({"text": texts}).tokenize_and_pack(tokenizer, 100)
    docs = list(documents(texts, tokenizer))
    total = sum(len(ids) for _, ids in docs)

    (line,) = [one.getMessage() for one in caplog.records]
    assert line.startswith(f"tokenize_and_pack: 60 documents, {total:,} tokens -> {len(ds)} rows of 100; ")
    assert f"the last {total % 100} tokens were dropped" in line
    assert "3 documents were empty" in line


def test_it_is_kept_like_map(tokenizer, texts, tmp_path, caplog):
    (tmp_path / "a.txt").write_text("\n".join(text or "" for text in texts))
    ds = load_dataset("text", data_files=str(tmp_path / "a.txt"), split="train", cache_dir=str(tmp_path / "cache"))
    with caplog.at_level(logging.WARNING, "bearhug.datasets"):
        first = ds.tokenize_and_pack(tokenizer, 64)
        again = ds.tokenize_and_pack(tokenizer, 64)
        other = ds.tokenize_and_pack(tokenizer, 64, add_eos=False)

    assert len(caplog.records) == 2
    assert first.cache_files == again.cache_files != other.cache_files
    assert first._fingerprint == again._fingerprint
    assert first.to_dict() == again.to_dict()
    assert ds.cleanup_cache_files() == 2


def test_a_stream_packs_the_same_and_goes_on_at_any_row(tokenizer, texts):
    ds = Dataset.from_dict({"text": texts})
    whole = ds.tokenize_and_pack(tokenizer, 50, tail="pad", pad_token_id=0)

    def stream():
        return ds.to_iterable_dataset().tokenize_and_pack(tokenizer, 50, tail="pad", pad_token_id=0, batch_size=9)

    assert stream().features == whole.features
    assert list(stream()) == whole.to_list()
    for stop in (1, 10, len(whole) - 1, len(whole)):
        first = stream()
        rows = list(itertools.islice(first, stop))
        rest = stream()
        rest.load_state_dict(first.state_dict())
        assert rows + list(rest) == whole.to_list()


def test_splits(tokenizer, texts):
    ds = Dataset.from_dict({"t": texts})
    both = DatasetDict({"train": ds, "test": ds.select(range(9))}).tokenize_and_pack(tokenizer, 20, "t")

    assert both["test"].to_list() == both["train"].to_list()[: len(both["test"])]


def test_other_tokenizers_are_functions_from_texts_to_ids():
    def letters(texts, **options):
        return {"input_ids": [[ord(one) for one in text] for text in texts]}

    packed = Dataset.from_dict({"text": ["ab", "c", "def"]}).tokenize_and_pack(letters, 3)
    assert packed["input_ids"][:] == [[97, 98, 99], [100, 101, 102]]
    assert packed["position_ids"][:] == [[0, 1, 0], [0, 1, 2]]


def test_data_loader_and_collators(tokenizer, texts):
    torch = pytest.importorskip("torch")
    from bearhug import DataCollatorForLanguageModeling, default_data_collator
    from bearhug.training import DataCollatorForPackedRows

    packed = Dataset.from_dict({"text": texts}).tokenize_and_pack(tokenizer, 32)
    by_torch = next(iter(torch.utils.data.DataLoader(packed.with_format("torch"), batch_size=4)))
    by_default = default_data_collator([packed[i] for i in range(4)])
    for name in packed.column_names:
        assert by_torch[name].dtype == torch.int64
        assert torch.equal(by_torch[name], by_default[name])
    padding = copy.deepcopy(tokenizer)
    padding.pad_token = padding.eos_token
    modeling = DataCollatorForLanguageModeling(padding, mlm=False)([packed[i] for i in range(4)])
    assert torch.equal(modeling["labels"], modeling["input_ids"])
    own = DataCollatorForPackedRows()([packed[i] for i in range(4)])
    assert torch.equal(own["position_ids"], by_torch["position_ids"])
    assert own["attention_mask"].shape == (4, 1, 32, 32)


def test_packed_documents_give_a_model_the_same_as_alone(tokenizer, shared):
    torch = pytest.importorskip("torch")
    from bearhug import AutoModelForCausalLM
    from bearhug.training import DataCollatorForPackedRows

    model = AutoModelForCausalLM.from_pretrained(str(shared / "models" / "stories260K"))
    texts = ["Once upon a time", "Tom had a red ball.", "The sun was warm"]
    packed = Dataset.from_dict({"text": texts}).tokenize_and_pack(
        tokenizer, 64, tail="pad", pad_token_id=0, fields=["input_ids", "segment_ids", "labels", "seq_lengths"]
    )
    batch = DataCollatorForPackedRows()([packed[0]])
    labels = batch.pop("labels")
    with torch.no_grad():
        logits = model(**batch).logits[0]

    assert labels[0].tolist() == packed[0]["labels"]
    start = 0
    for (_, ids), size in zip(documents(texts, tokenizer), packed[0]["seq_lengths"], strict=True):
        with torch.no_grad():
            alone = model(torch.tensor([ids])).logits[0]
        torch.testing.assert_close(logits[start : start + size], alone, atol=1e-5, rtol=1e-5)
        start += size


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"length": 0}, ValueError, "no number of tokens"),
        ({"length": 8.0}, ValueError, "no number of tokens"),
        ({"strategy": "wrapp"}, ValueError, "'wrap'"),
        ({"tail": "cut"}, ValueError, "none of 'drop', 'pad', 'keep'"),
        ({"fields": ["input_id"]}, ValueError, "input_ids"),
        ({"fields": []}, ValueError, "fields is empty"),
        ({"tail": "pad"}, ValueError, "pad_token_id="),
        ({"column": "txt"}, ValueError, "text"),
        ({"column": "n"}, TypeError, "holds int"),
        ({"tokenizer": "gpt2"}, TypeError, "AutoTokenizer"),
        ({"batch_size": 0}, ValueError, "no number of documents"),
    ],
)
def test_errors(tokenizer, options, error, said):
    ds = Dataset.from_dict({"text": ["a"], "n": [1]})
    with pytest.raises(error, match=said):
        ds.tokenize_and_pack(**{"tokenizer": tokenizer, "length": 8, **options})


def test_a_packer_survives_its_state(tokenizer, texts):
    plan = Plan(tokenizer, 40, tail="keep")
    one, two = Packer(plan), Packer(plan)
    for start in range(0, 60, 10):
        two = Packer.of(plan, two.state())
        assert one.add(texts[start : start + 10]).equals(two.add(texts[start : start + 10]))

    assert one.finish().equals(two.finish())
    assert one.said() == two.said()
    assert np.array_equal(one.ids, two.ids)
