"""Batches are the reference's; padding is known from masks and lengths, never from ids."""

import numpy as np
import pytest
import torch

from bearhug.training import (
    DataCollatorForLanguageModeling,
    DataCollatorForSeq2Seq,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    DefaultDataCollator,
    default_data_collator,
)

TEXTS = ["a bear hug is warm", "the cats sat", "bear"]
PADDING = [
    {},
    {"pad_to_multiple_of": 8},
    {"padding": "max_length", "max_length": 12},
    {"padding": "longest", "pad_to_multiple_of": 5},
]
SIDES = ["right", "left"]


def examples(tokenizer, extra=lambda ids: {}, **options):
    """One dict an example, as `Dataset.map(tokenizer)` leaves them."""
    return [
        {**row, **extra(row["input_ids"])}
        for row in ({name: list(value) for name, value in tokenizer(text, **options).items()} for text in TEXTS)
    ]


def assert_same(ours, theirs):
    """The same names with the same values in the same dtypes."""
    assert set(ours) == set(theirs)
    for name in theirs:
        mine, other = ours[name], theirs[name]
        assert type(mine) is type(other), name
        if isinstance(other, torch.Tensor | np.ndarray):
            assert mine.dtype == other.dtype, name
            np.testing.assert_array_equal(np.asarray(mine), np.asarray(other), err_msg=name)
        else:
            assert mine == other


def theirs_named(name):
    return getattr(pytest.importorskip("transformers"), name)


DEFAULT = {
    "ids and a label": [{"input_ids": [1, 2], "label": 1}, {"input_ids": [3, 4], "label": 0}],
    "a float label": [{"x": [0.5, 2.0], "label": 0.25}, {"x": [1.0, 4.0], "label": 1.0}],
    "label_ids": [{"x": [1], "label_ids": [1, 2]}, {"x": [2], "label_ids": [0, 1]}],
    "label_ids of floats": [{"label_ids": [1.0, 2.0]}, {"label_ids": [0.0, 1.0]}],
    "strings and None are left out": [{"text": "a", "y": None, "x": 1}, {"text": "b", "y": None, "x": 2}],
    "tensors": [{"x": torch.tensor([1, 2]), "label": torch.tensor(1)}, {"x": torch.tensor([3, 4]), "label": 2}],
    "arrays": [{"x": np.array([1.0, 2.0]), "label": np.int64(3)}, {"x": np.array([3.0, 4.0]), "label": np.int64(1)}],
    "nested": [{"x": [[1, 2], [3, 4]]}, {"x": [[5, 6], [7, 8]]}],
    "booleans": [{"x": [True, False], "label": True}, {"x": [False, False], "label": False}],
    "labels of its own": [{"x": 1, "labels": [1, -100]}, {"x": 2, "labels": [-100, 4]}],
}

ARRAYS = ("tensors", "arrays")  # the reference leaves torch's tensors, and float64 labels, in numpy batches


@pytest.mark.reference
@pytest.mark.parametrize(
    ("case", "kind"), [(case, "pt") for case in DEFAULT] + [(case, "np") for case in DEFAULT if case not in ARRAYS]
)
def test_default_is_the_references(case, kind):
    theirs = theirs_named("default_data_collator")(DEFAULT[case], return_tensors=kind)
    ours = default_data_collator(DEFAULT[case], return_tensors=kind)

    assert list(ours) == list(theirs)
    for name in theirs:
        np.testing.assert_array_equal(np.asarray(ours[name]), np.asarray(theirs[name]))
        if kind == "pt":
            assert ours[name].dtype == theirs[name].dtype


@pytest.mark.reference
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("padding", PADDING, ids=str)
@pytest.mark.parametrize("kind", ["pt", "np"])
def test_padding_is_the_references(ours, theirs, side, padding, kind):
    ours.padding_side = theirs.padding_side = side
    rows = [examples(tokenizer, lambda ids: {"label": len(ids) % 2}) for tokenizer in (ours, theirs)]
    mine = DataCollatorWithPadding(ours, return_tensors=kind, **padding)(rows[0])
    other = theirs_named("DataCollatorWithPadding")(theirs, return_tensors=kind, **padding)(rows[1])

    assert_same(mine, other)
    assert "labels" in mine


@pytest.mark.reference
def test_padding_takes_what_a_slice_of_a_data_set_gives(ours, theirs):
    """A dict of lists, as well as a list of dicts."""
    columns = [
        {name: [row[name] for row in rows] for name in rows[0]}
        for rows in (examples(tokenizer, lambda ids: {"label": len(ids) % 2}) for tokenizer in (ours, theirs))
    ]

    assert_same(DataCollatorWithPadding(ours)(columns[0]), theirs_named("DataCollatorWithPadding")(theirs)(columns[1]))


@pytest.mark.reference
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("padding", PADDING, ids=str)
@pytest.mark.parametrize("name", ["labels", "label"])
@pytest.mark.parametrize("kind", ["pt", "np"])
def test_token_labels_are_padded_as_in_the_reference(ours, theirs, side, padding, name, kind):
    ours.padding_side = theirs.padding_side = side
    rows = [examples(tokenizer, lambda ids: {name: [i % 3 for i in ids]}) for tokenizer in (ours, theirs)]
    mine = DataCollatorForTokenClassification(ours, return_tensors=kind, **padding)(rows[0])
    other = theirs_named("DataCollatorForTokenClassification")(theirs, return_tensors=kind, **padding)(rows[1])

    assert_same(mine, other)


def test_token_labels_without_labels(ours):
    assert set(DataCollatorForTokenClassification(ours)(examples(ours))) == set(ours(TEXTS))


@pytest.mark.reference
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("padding", PADDING, ids=str)
@pytest.mark.parametrize("as_array", [False, True])
@pytest.mark.filterwarnings("ignore:Creating a tensor from a list of numpy")  # the reference does
def test_seq2seq_is_the_references(ours, theirs, side, padding, as_array):
    ours.padding_side = theirs.padding_side = side

    def labels(ids):
        return {"labels": np.array(ids[::-1][:3]) if as_array else ids[::-1][:3]}

    class Shifts:
        def prepare_decoder_input_ids_from_labels(self, labels):
            return labels.roll(1, dims=-1)

    rows = [examples(tokenizer, labels) for tokenizer in (ours, theirs)]
    mine = DataCollatorForSeq2Seq(ours, model=Shifts(), **padding)(rows[0])
    other = theirs_named("DataCollatorForSeq2Seq")(theirs, model=Shifts(), **padding)(rows[1])

    assert_same(mine, other)


@pytest.mark.reference
def test_seq2seq_without_labels(ours, theirs):
    mine = DataCollatorForSeq2Seq(ours)(examples(ours))
    other = theirs_named("DataCollatorForSeq2Seq")(theirs)(examples(theirs))

    assert mine["labels"] is other["labels"] is None


@pytest.mark.reference
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("multiple", [None, 8])
@pytest.mark.parametrize("with_special", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mlm_probability": 0.5, "mask_replace_prob": 0.5, "random_replace_prob": 0.4},
        {"mlm_probability": 0.9, "mask_replace_prob": 1.0, "random_replace_prob": 0.0},
        {"mlm_probability": 0.5, "seed": 11},
    ],
    ids=str,
)
def test_masking_draws_as_the_reference(ours, theirs, side, multiple, with_special, options):
    """The same seed, global or the collator's own, hides the same tokens behind the same ones."""
    ours.padding_side = theirs.padding_side = side
    kinds = (DataCollatorForLanguageModeling, theirs_named("DataCollatorForLanguageModeling"))
    batches = []
    for kind, tokenizer in zip(kinds, (ours, theirs), strict=True):
        collator = kind(tokenizer, pad_to_multiple_of=multiple, **options)
        rows = examples(tokenizer, return_special_tokens_mask=with_special)
        torch.manual_seed(5)
        batches += [[collator(rows), collator(rows)]]

    for mine, other in zip(*batches, strict=True):
        assert_same(mine, other)


@pytest.mark.reference
def test_whole_words_are_hidden_as_in_the_reference(ours, theirs):
    text = "the cats sat softly on warmer mats"  # all alike: the reference cannot pad offsets
    kinds = (DataCollatorForLanguageModeling, theirs_named("DataCollatorForLanguageModeling"))
    batches = []
    for kind, tokenizer in zip(kinds, (ours, theirs), strict=True):
        row = dict(tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True))
        row["offset_mapping"] = [list(pair) for pair in row["offset_mapping"]]
        collator = kind(
            tokenizer, whole_word_mask=True, mlm_probability=0.4, mask_replace_prob=1, random_replace_prob=0
        )
        torch.manual_seed(7)
        batches.append(collator([dict(row) for _ in range(16)]))

    assert_same(batches[0], batches[1])


def test_whole_words_of_different_lengths(ours):
    """Offsets are padded too; the pieces of a word are hidden together."""
    rows = [dict(ours(text, return_offsets_mapping=True)) for text in ("the cats sat softly", "bears")]
    batch = DataCollatorForLanguageModeling(ours, whole_word_mask=True, mlm_probability=1.0)(rows)

    length = len(rows[0]["input_ids"])
    assert batch["labels"][1].tolist() == [-100, *rows[1]["input_ids"][1:-1]] + [-100] * (length - 3)


@pytest.mark.reference
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("multiple", [None, 8])
@pytest.mark.parametrize("kind", ["pt", "np"])
def test_next_token_labels_are_the_references(ours, theirs, side, multiple, kind):
    ours.padding_side = theirs.padding_side = side
    options = {"mlm": False, "pad_to_multiple_of": multiple, "return_tensors": kind}
    mine = DataCollatorForLanguageModeling(ours, **options)(examples(ours))
    other = theirs_named("DataCollatorForLanguageModeling")(theirs, **options)(examples(theirs))

    assert_same(mine, other)


@pytest.mark.parametrize("side", SIDES)
def test_an_end_token_that_also_pads_keeps_its_label(ours, side):
    """D2: the reference finds padding by its id, and trains a model that never stops."""
    ours.pad_token, ours.padding_side = "[SEP]", side
    end = ours.pad_token_id
    batch = DataCollatorForLanguageModeling(ours, mlm=False)(examples(ours))

    assert ours.convert_tokens_to_ids("[SEP]") == end
    for ids, labels, mask in zip(batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True):
        assert labels[mask == 1].tolist() == ids[mask == 1].tolist()
        assert labels[mask == 1][-1] == end
        assert set(labels[mask == 0].tolist()) <= {-100}


def test_lists_of_ids_are_padded_with_their_mask(ours):
    batch = DataCollatorForLanguageModeling(ours, mlm=False)([[5, 6, 0], [7]])

    assert batch["labels"].tolist() == [[5, 6, 0], [7, -100, -100]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert set(DataCollatorForLanguageModeling(ours, mlm=False)([[5, 6], [7, 8]])) == {"input_ids", "labels"}


def test_labels_of_the_examples_are_kept(ours):
    """What a prompt's -100 says is not overwritten."""
    rows = [{"input_ids": [5, 6, 7], "labels": [-100, 6, 7]}, {"input_ids": [8], "labels": [8]}]

    batch = DataCollatorForLanguageModeling(ours, mlm=False)(rows)
    assert batch["labels"].tolist() == [[-100, 6, 7], [8, -100, -100]]


def test_padding_is_never_asked_for(ours):
    """Masked modelling hides tokens only, even where the pad token is not special."""
    ours.pad_token = "bear"
    batch = DataCollatorForLanguageModeling(ours, mlm_probability=1.0)(examples(ours))

    assert (batch["labels"][batch["attention_mask"] == 0] == -100).all()
    assert (batch["labels"][batch["attention_mask"] == 1] != -100).sum() > 5


def test_a_seed_gives_each_worker_its_own_draws(ours):
    collator = DataCollatorForLanguageModeling(ours, mlm_probability=0.5, seed=1)
    loader = torch.utils.data.DataLoader(examples(ours) * 2, batch_size=3, collate_fn=collator, num_workers=2)
    first, second = (batch["labels"] for batch in loader)

    assert not torch.equal(first, second)


def test_batches_in_numpy(ours):
    for collator in (DataCollatorForLanguageModeling(ours, return_tensors="np"), DefaultDataCollator("np")):
        batch = collator([{"input_ids": [5, 6]}, {"input_ids": [7, 8]}])
        assert all(isinstance(value, np.ndarray) for value in batch.values())


def test_what_cannot_be_a_batch_says_why(ours):
    with pytest.raises(ValueError, match=r"'input_ids' have different lengths \(1, 2\)(.|\n)*DataCollatorWithPadding"):
        default_data_collator([{"input_ids": [1]}, {"input_ids": [1, 2]}])
    with pytest.raises(ValueError, match="remove_columns"):
        default_data_collator([{"words": ["a", "b"]}, {"words": ["c", "d"]}])
    with pytest.raises(ValueError, match="'pt' or 'np'"):
        default_data_collator([{"x": 1}], return_tensors="tf")
    with pytest.raises(ValueError, match="5 labels for 3 tokens"):
        DataCollatorForTokenClassification(ours)([{"input_ids": [2, 5, 3], "labels": [0] * 5}])
    with pytest.raises(ValueError, match="offset_mapping"):
        DataCollatorForLanguageModeling(ours, whole_word_mask=True)([{"input_ids": [2, 5, 3]}])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"mlm_probability": 1.5}, "no probability"),
        ({"mlm_probability": None}, "no probability"),
        ({"mask_replace_prob": 0.8, "random_replace_prob": 0.4}, "more than 1"),
        ({"mlm": False, "whole_word_mask": True}, "mlm=True"),
    ],
)
def test_options_are_checked_at_once(ours, options, says):
    with pytest.raises(ValueError, match=says):
        DataCollatorForLanguageModeling(ours, **options)


def test_masking_needs_a_mask_token(ours):
    ours.mask_token = None
    with pytest.raises(ValueError, match="mlm=False"):
        DataCollatorForLanguageModeling(ours)
