"""Text while it is written: whole words, never half a character, and what is shown adds up to the decoded result."""

import asyncio
import threading
from queue import Empty

import pytest
import torch

from bearhug import AutoModelForCausalLM, TextIteratorStreamer, TextStreamer
from bearhug.generation import AsyncTextIteratorStreamer, streaming

TEXT = "Once upon a time, a naïve 🐻 hugged\nme: 你好 — and left"


def put_all(streamer, ids):
    for i in ids:
        streamer.put(torch.tensor([i]))
    streamer.end()


def test_pieces_add_up_and_none_is_half_a_character(letters):
    pieces = streaming.TextPieces(letters)
    found = [pieces.piece([i]) for i in letters.encode(TEXT)]

    assert "".join(found) + pieces.rest() == TEXT
    assert not any("\ufffd" in piece for piece in found)
    assert "🐻" in found


def test_only_a_few_tokens_are_decoded_again(letters):
    class Counting:
        def decode(self, ids, **_):
            nonlocal most
            most = max(most, len(ids))
            return letters.decode(ids)

    most = 0
    pieces = streaming.TextPieces(Counting())
    for i in letters.encode(TEXT):
        pieces.piece([i])

    assert most <= 8


def test_half_a_character_at_the_end_is_dropped(letters, capsys):
    put_all(TextStreamer(letters), letters.encode("a 🐻")[:-1])

    assert capsys.readouterr().out == "a \n"


@pytest.mark.reference
def test_what_is_printed_is_the_references(tokenizer, capsys):
    from transformers import TextStreamer as Theirs

    ids = tokenizer(TEXT).input_ids
    for options in ({}, {"skip_special_tokens": True}):
        printed = []
        for kind in (TextStreamer, Theirs):
            put_all(kind(tokenizer, **options), ids)
            printed.append(capsys.readouterr().out)

        assert printed[0] == printed[1]


@pytest.mark.reference
def test_words_come_when_the_references_come(letters):
    from transformers import TextStreamer as Theirs

    shown = []
    for kind in (TextStreamer, Theirs):
        texts = []
        streamer = kind(letters)
        streamer.on_finalized_text = lambda text, stream_end=False, texts=texts: texts.append(text)
        put_all(streamer, letters.encode(TEXT))
        shown.append(texts)

    assert shown[0] == shown[1]


def test_the_prompt_is_shown_or_skipped(letters, capsys):
    prompt = torch.tensor([letters.encode("Hello ")])
    for skip, expected in ((False, "Hello you\n"), (True, "you\n")):
        streamer = TextStreamer(letters, skip_prompt=skip)
        for _ in range(2):  # it can be used again
            streamer.put(prompt)
            put_all(streamer, letters.encode("you"))

            assert capsys.readouterr().out == expected


def test_a_batch_is_not_for_a_text_streamer(letters):
    with pytest.raises(ValueError, match="batch of 2 rows"):
        TextStreamer(letters).put(torch.zeros(2, 3, dtype=torch.long))


def test_generate_streams_to_a_thread(writer, letters, speaker):
    streamer = TextIteratorStreamer(letters, skip_prompt=True, skip_special_tokens=True, timeout=20)
    prompt = torch.tensor([[5, 6]])
    options = {"streamer": streamer, "logits_processor": speaker("all the words", prompt=2), "max_new_tokens": 40}
    thread = threading.Thread(target=writer.generate, args=(prompt,), kwargs=options)
    thread.start()

    texts = list(streamer)

    thread.join()
    assert [text for text in texts if text] == ["all ", "the ", "words"]


def test_an_error_in_the_thread_ends_the_stream(model, letters):
    for wrong in ({"logits_processor": lambda ids, scores: scores.no_such_thing}, {"top_p": 7}, {"tpo_p": 0.5}):
        streamer = TextIteratorStreamer(letters, timeout=20)
        with pytest.raises((AttributeError, ValueError)):
            model.generate(torch.tensor([[5, 6]]), streamer=streamer, **wrong)

        assert "".join(streamer) in ("", letters.decode([5, 6]))


def test_a_queue_that_stays_empty_times_out(letters):
    with pytest.raises(Empty):
        next(TextIteratorStreamer(letters, timeout=0.01))


def test_async_streaming(letters):
    async def collect():
        streamer = AsyncTextIteratorStreamer(letters, timeout=20)
        threading.Thread(target=put_all, args=(streamer, letters.encode("all the words"))).start()
        return [text async for text in streamer if text]

    assert asyncio.run(collect()) == ["all ", "the ", "words"]


def test_any_object_with_put_and_end_gets_the_prompt_and_each_step(model, prompt):
    class Seen(list):
        put = list.append

        def end(self):
            self.append("end")

    seen = Seen()
    result = model.generate(prompt, streamer=seen, max_new_tokens=3)

    assert seen[0].tolist() == prompt.tolist()
    assert torch.stack(seen[1:4], 1).tolist() == result[:, 7:].tolist()
    assert seen[4:] == ["end"]


def test_a_plain_loop_over_the_tokens(model, prompt):
    expected = model.generate(prompt, max_new_tokens=5)

    steps = list(model.generate(prompt, max_new_tokens=5, stream=True))

    assert torch.stack(steps, 1).tolist() == expected[:, 7:].tolist()


def test_a_plain_loop_over_the_text(writer, letters, speaker):
    one = writer.generate(
        torch.tensor([[5, 6]]),
        logits_processor=speaker(TEXT, prompt=2),
        tokenizer=letters,
        stream=True,
        max_new_tokens=99,
    )
    assert "".join(one) == TEXT
    several = writer.generate(
        torch.tensor([[5, 6], [7, 8]]), logits_processor=speaker("ab", "cdé", prompt=2), tokenizer=letters, stream=True,
        max_new_tokens=20,
    )  # fmt: skip
    rows = list(zip(*several, strict=True))
    assert ["".join(row) for row in rows] == ["ab", "cdé"]


@pytest.mark.reference
def test_streamed_text_is_what_follows_the_prompts_text(shared):
    """Also where a vocabulary's first token loses its space."""
    from transformers import AutoTokenizer

    folder = shared / "models" / "stories260K"
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    spaces = 0
    for text in ("Once upon a", "Lily saw a big", "One day, Tom's mom"):
        ids = tokenizer(text, return_tensors="pt").input_ids
        whole = tokenizer.decode(model.generate(ids, max_new_tokens=40)[0], skip_special_tokens=True)

        streamed = "".join(model.generate(ids, max_new_tokens=40, stream=True, tokenizer=tokenizer))

        assert text + streamed == whole
        spaces += streamed.startswith(" ")
    assert spaces


def test_two_ways_to_stream_are_one_too_many(model, prompt, letters):
    with pytest.raises(ValueError, match="leave one of them out"):
        model.generate(prompt, stream=True, streamer=TextStreamer(letters))


def test_wrong_arguments_are_said_at_the_call_not_at_the_first_step(model, prompt):
    with pytest.raises(ValueError, match="top_p"):
        model.generate(prompt, stream=True, do_sample=True, top_p=7)


def test_between_steps_gradients_work_and_afterwards_training_goes_on(folder, prompt):
    model = AutoModelForCausalLM.from_pretrained(folder).train()
    steps = model.generate(prompt, max_new_tokens=5, stream=True)
    next(steps)

    assert torch.is_grad_enabled()
    assert not model.training
    steps.close()
    assert model.training


@pytest.mark.parametrize("stop", [["STOP"], ["zzz", "STOP", "OPS"], "S"])
def test_a_stop_string_is_not_shown_nor_its_beginning(writer, letters, speaker, stop):
    for text, shown in (("abc STOP def", "abc "), ("abc ST. STO", None), ("STOP", "")):
        options = {"max_new_tokens": 11, "logits_processor": speaker(text, prompt=1), "tokenizer": letters}
        pieces = list(writer.generate(torch.tensor([[70]]), stop_strings=stop, stream=True, **options))
        if stop == "S":
            shown = text[: text.index("S")]
        assert "".join(pieces) == (text if shown is None else shown)
