"""A real story teller of 260,032 parameters, read by our own tokenizer: text in, text out."""

import pytest
import torch

from bearhug import AutoModelForCausalLM, AutoTokenizer, TextStreamer

TEXTS = ["Once upon a time", "Lily", "One day, Tom and his mom went"]


@pytest.fixture(scope="module")
def teller(shared):
    folder = shared / "models" / "stories260K"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.eos_token
    return tokenizer, AutoModelForCausalLM.from_pretrained(folder)


@pytest.mark.reference
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"do_sample": True, "temperature": 0.9, "top_p": 0.9},
        {"num_beams": 4, "early_stopping": True, "no_repeat_ngram_size": 3},
        {"stop_strings": ["big", "."]},
    ],
    ids=["greedy", "sample", "beams", "stop"],
)
def test_stories_are_the_references(teller, shared, options):
    import transformers

    tokenizer, model = teller
    folder = shared / "models" / "stories260K"
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder)
    reader = transformers.AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        inputs = tokenizer(text, return_tensors="pt")
        stops = "stop_strings" in options

        torch.manual_seed(2)
        ours = model.generate(**inputs, max_new_tokens=60, **options, **({"tokenizer": tokenizer} if stops else {}))
        torch.manual_seed(2)
        expected = theirs.generate(
            **reader(text, return_tensors="pt"),
            max_new_tokens=60,
            **options,
            **({"tokenizer": reader} if stops else {}),
        )

        assert ours.tolist() == expected.tolist()
        assert tokenizer.decode(ours[0]) == reader.decode(expected[0])


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_batch_as_the_tokenizer_gives_it_is_its_rows_alone(teller, side):
    """With its mask, without it, and as a whole; the end token pads, and still no row ends too early or too late."""
    tokenizer, model = teller
    batch = tokenizer(TEXTS, padding=True, padding_side=side, return_tensors="pt")
    width = batch["input_ids"].shape[1]
    alone = [model.generate(**tokenizer(text, return_tensors="pt"), max_new_tokens=40) for text in TEXTS]

    for given in (batch, {"input_ids": batch["input_ids"]}):
        rows = model.generate(given, max_new_tokens=40)[:, width:].tolist()

        for text, row, one in zip(TEXTS, rows, alone, strict=True):
            new = one[0, len(tokenizer(text)["input_ids"]) :].tolist()
            assert row[: len(new)] == new


def test_streams_show_the_text_of_the_result(teller, capsys):
    tokenizer, model = teller
    inputs = tokenizer(TEXTS[0], return_tensors="pt")
    whole = tokenizer.decode(model.generate(**inputs, max_new_tokens=60)[0], skip_special_tokens=True)

    model.generate(**inputs, max_new_tokens=60, streamer=TextStreamer(tokenizer, skip_special_tokens=True))
    pieces = list(model.generate(**inputs, max_new_tokens=60, stream=True, tokenizer=tokenizer))

    assert capsys.readouterr().out == whole + "\n"
    assert TEXTS[0] + "".join(pieces) == whole
    assert len(pieces) > 30
