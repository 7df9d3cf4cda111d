"""What ends a row: tokens, texts, the clock, the caller's functions."""

import time

import pytest
import torch

from bearhug.generation import StoppingCriteria, StoppingCriteriaList, stopping


def test_one_end_token_or_several():
    ids = torch.tensor([[2, 5], [5, 2], [5, 3]])

    assert stopping.ends_with_token(ids, tokens=torch.tensor([2])).tolist() == [False, True, False]
    assert stopping.ends_with_token(ids, tokens=torch.tensor([2, 3])).tolist() == [False, True, True]


def test_the_clock():
    ids = torch.zeros(2, 3)

    assert stopping.out_of_time(ids, until=time.monotonic() - 1).tolist() == [True, True]
    assert stopping.out_of_time(ids, until=time.monotonic() + 60).tolist() == [False, False]


@pytest.mark.parametrize(
    ("text", "last", "ends"),
    [
        ("please stop", 1, True),
        ("please stop", 4, True),
        ("please stop it", 3, False),  # completed before the last token
        ("please stopper", 4, True),  # the last token holds more
        ("stop", 4, True),
        ("please sto", 1, False),
        ("say é", 1, True),  # the last byte of a character
        ("say \u00c3", 1, False),
        ("¿é", 1, True),
    ],
)
def test_a_text_ends_a_row_with_the_token_that_completes_it(letters, text, last, ends):
    """`last` bytes at the end are one token."""

    class Joined:
        def decode(self, ids, **_):
            return letters.decode([b for i in ids for b in (tail if i == 999 else [i])])

    ids = letters.encode(text)
    ids, tail = [*ids[:-last], 999], ids[-last:]

    assert stopping.ends_with_text(torch.tensor([ids]), tokenizer=Joined(), texts=["stop", "é"]).tolist() == [ends]


def test_padding_is_no_text(letters):
    ids = torch.tensor([[*letters.encode("st"), *letters.encode("op")]])

    assert stopping.ends_with_text(ids, tokenizer=letters, texts=["stop"]).tolist() == [True]
    assert stopping.ends_with_text(ids, tokenizer=letters, texts=["stop"], start=torch.tensor([[2]])).tolist() == [
        False
    ]


@pytest.mark.reference
def test_stop_texts_are_the_references(tokenizer):
    from transformers import StopStringCriteria

    texts = ["stop", " the end", "\n\n", "ing", "é", "😀", "e d"]
    rows = [
        "one stop, two stops. the end of a day\n\nis stopping here; unstoppable thing",
        "a résumé with 😀 and 😃, the best ending I had",
        "stop the end",
    ]
    theirs = StopStringCriteria(tokenizer, texts)
    checked = 0
    for row in rows:
        ids = tokenizer(row, add_special_tokens=False, return_tensors="pt").input_ids
        for end in range(1, ids.shape[1] + 1):
            ours = stopping.ends_with_text(ids[:, :end], tokenizer=tokenizer, texts=texts)

            assert ours.tolist() == theirs(ids[:, :end], None).tolist(), tokenizer.convert_ids_to_tokens(ids[0, :end])
            checked += bool(ours)
    assert checked > 5


def test_generate_stops_at_a_text_and_keeps_the_token_that_completed_it(writer, letters, speaker):
    prompt = torch.tensor([letters.encode("Hi:"), letters.encode("Yo:")])

    result = writer.generate(
        prompt, logits_processor=speaker("one STOP two", "three four", prompt=3), stop_strings="STOP",
        tokenizer=letters, max_new_tokens=30, pad_token_id=0,
    )  # fmt: skip

    assert letters.decode(result[0, 3:].tolist(), skip_special_tokens=True) == "one STOP"
    assert letters.decode(result[1, 3:].tolist(), skip_special_tokens=True) == "three four"


def test_stop_texts_need_a_tokenizer(model, prompt):
    with pytest.raises(ValueError, match="tokenizer=tokenizer"):
        model.generate(prompt, stop_strings=["stop"])


def test_a_list_of_criteria_is_a_criterion():
    class Long(StoppingCriteria):
        def __call__(self, input_ids, scores, **kwargs):
            return input_ids.shape[1] > 2

    both = StoppingCriteriaList([Long(), lambda ids, scores: torch.tensor([True, False])])

    assert both(torch.zeros(2, 2), None).tolist() == [True, False]
    assert both(torch.zeros(2, 3), None).tolist() == [True, True]


@pytest.mark.reference
def test_the_references_class_names_stand_for_the_functions(letters):
    import transformers.generation as theirs

    import bearhug
    import bearhug.generation as ours

    ids = torch.tensor([letters.encode("stop")])
    for make in (
        lambda m: m.MaxLengthCriteria(4),
        lambda m: m.MaxLengthCriteria(max_length=5),
        lambda m: m.EosTokenCriteria(int(ids[0, -1])),
        lambda m: m.EosTokenCriteria([1, 2]),
        lambda m: m.MaxTimeCriteria(60.0),
    ):
        assert isinstance(make(ours), StoppingCriteria)
        assert make(ours)(ids, None).tolist() == make(theirs)(ids, None).tolist()
    assert bearhug.MaxLengthCriteria is ours.MaxLengthCriteria
    assert ours.StopStringCriteria(letters, "op")(ids, None).tolist() == [True]
