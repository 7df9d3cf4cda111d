"""text-generation: the reference's texts for the same random numbers; batches, conversations, seeds, streams."""

import pytest
import torch

from bearhug import GenerationConfig, pipeline

TEXTS = ["a bear hug is very warm", "Hugo lives in Berlin now", "the cat"]
ASKED = [{"role": "user", "content": "hug a bear"}]
BEGUN = [*ASKED, {"role": "assistant", "content": "the bear"}]
OPTIONS = [
    {"max_new_tokens": 5, "do_sample": False},
    {"max_new_tokens": 5},
    {"max_length": 12},
    {"max_new_tokens": 4, "return_full_text": False},
    {"max_new_tokens": 4, "return_tensors": True},
    {"max_new_tokens": 4, "return_text": True},
    {"max_new_tokens": 4, "num_return_sequences": 3},
    {"max_new_tokens": 4, "num_beams": 3, "do_sample": False, "num_return_sequences": 2},
    {"max_new_tokens": 6, "prefix": "the cat "},
    {"max_length": 14, "prefix": "the cat "},
    {"min_length": 12, "max_new_tokens": 20, "prefix": "the cat "},
    {"max_new_tokens": 4, "temperature": 1.5, "top_k": 5},
    {"max_new_tokens": 8, "stop_sequence": "e"},
    {"max_new_tokens": 8, "stop_sequence": ["e", "a"]},
    {"truncation": True, "max_length": 20},
    {"truncation": True, "max_length": 3, "max_new_tokens": 5},
    {"max_new_tokens": 28, "handle_long_generation": "hole"},
    {"max_new_tokens": 4, "skip_special_tokens": False, "clean_up_tokenization_spaces": True},
    {"max_new_tokens": 4, "return_dict_in_generate": True, "output_logits": True},
    {"max_new_tokens": 4, "add_special_tokens": False},
    {"max_new_tokens": 3, "tokenizer_encode_kwargs": {"truncation": True, "max_length": 3}},
]


@pytest.fixture
def alike(same):
    """Ours and theirs after the same seed."""

    def check(ours, theirs, inputs, **options):
        torch.manual_seed(1)
        other = theirs(inputs, **options)
        torch.manual_seed(1)
        same(ours(inputs, **options), other)

    return check


@pytest.mark.reference
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_texts_are_the_references(pipes, alike, options):
    """One text, several, a list of one, none at all; greedy, sampled, beams."""
    ours, theirs = pipes("text-generation", "gpt2")
    for inputs in (TEXTS[0], TEXTS, TEXTS[:1], ""):
        alike(ours, theirs, inputs, **options)


@pytest.mark.reference
def test_options_of_the_construction_are_the_references(pipes, alike):
    ours, theirs = pipes("text-generation", "gpt2", max_new_tokens=4, temperature=1.3)
    alike(ours, theirs, TEXTS[0])
    alike(ours, theirs, TEXTS[0], max_new_tokens=6)
    import transformers

    torch.manual_seed(1)
    other = theirs(TEXTS[0], generation_config=transformers.GenerationConfig(max_new_tokens=3, do_sample=False))
    assert ours(TEXTS[0], generation_config=GenerationConfig(max_new_tokens=3, do_sample=False)) == other


@pytest.mark.reference
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"do_sample": False},
        {"return_full_text": False},
        {"continue_final_message": False},
        {"continue_final_message": True},
        {"return_tensors": True},
    ],
    ids=str,
)
def test_conversations_are_the_references(pipes, alike, options):
    """One, or several; a last message of the assistant is continued."""
    ours, theirs = pipes("text-generation", "llama-chat", max_new_tokens=5)
    for inputs in (ASKED, BEGUN, [ASKED, BEGUN], [ASKED], TEXTS[0]):
        alike(ours, theirs, inputs, **options)


@pytest.mark.reference
def test_a_generator_of_messages_is_one_conversation(pipes):
    ours, theirs = pipes("text-generation", "llama-chat", max_new_tokens=3, do_sample=False)

    assert ours(message for message in ASKED) == theirs(message for message in ASKED)
    several = ours(chat for chat in [ASKED, BEGUN])
    assert list(several) == list(theirs(chat for chat in [ASKED, BEGUN]))


@pytest.mark.parametrize("name", ["gpt2", "llama-chat"])
@pytest.mark.parametrize(
    "options",
    [
        {"do_sample": False},
        {"seed": 3},
        {"seed": 3, "num_return_sequences": 2, "return_tensors": True},
        {"do_sample": False, "num_beams": 2},
        {"seed": 3, "stop_sequence": "e", "skip_special_tokens": False},
    ],
    ids=str,
)
def test_a_row_alone_and_in_a_batch(folder, name, options):
    """Law 1, also without a pad token: the text of a row depends on no other row, sampled with a seed or not."""
    pipe = pipeline(model=folder(name), max_new_tokens=7)

    assert pipe(TEXTS, batch_size=3, **options) == pipe(TEXTS, **options)
    assert list(pipe(iter(TEXTS), batch_size=2, **options)) == pipe(TEXTS, **options)


def test_rows_of_one_seed_differ(folder):
    """Row i draws from (seed, i)."""
    pipe = pipeline(model=folder("gpt2"), max_new_tokens=8)
    first, second = pipe([TEXTS[0]] * 2, seed=5)

    assert first != second
    assert first == pipe(TEXTS[0], seed=5)


def test_a_stream_is_the_text_in_pieces(folder):
    pipe = pipeline(model=folder("llama-chat"), max_new_tokens=6)
    pieces = pipe(TEXTS[0], stream=True, seed=2)
    text = pipe(TEXTS[0], seed=2, return_full_text=False)[0]["generated_text"]

    assert "".join(pieces).rstrip("\ufffd") == text.rstrip("\ufffd")
    assert len(list(pipe(ASKED, stream=True, seed=2))) > 1
    with pytest.raises(ValueError, match="one text or one conversation"):
        pipe(TEXTS, stream=True)


def test_the_default_length_fits_the_models_positions(folder):
    """256 new tokens where the model has 32 positions: the reference fails."""
    pipe = pipeline(model=folder("gpt2"))
    ids = pipe(TEXTS[0], do_sample=False, return_tensors=True)[0]["generated_token_ids"]

    assert len(ids) == 33  # the last one is not read


def test_truncation_and_max_length_are_not_one_length(folder):
    """A prompt that is cut to max_length leaves no room in it: the new tokens come on top."""
    pipe = pipeline(model=folder("llama-chat"), do_sample=False, return_full_text=False)
    cut = pipe(" ".join(TEXTS), truncation=True, max_length=4)[0]["generated_text"]

    assert len(cut) > 20


def test_one_record_a_row(folder):
    pipe = pipeline(model=folder("llama-chat"), max_new_tokens=4, do_sample=False)

    assert [list(record) for record in pipe.run(TEXTS)] == [["generated_text"]] * 3
    assert pipe.run([ASKED])[0]["generated_text"] == pipe(ASKED)[0]["generated_text"][-1]["content"]
    assert list(pipe.run(iter(TEXTS))) == pipe.run(TEXTS)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"return_full_text": True, "return_text": True}, ValueError, "exclude one another"),
        ({"return_tensors": True, "return_text": True}, ValueError, "exclude one another"),
        ({"handle_long_generation": "whole"}, ValueError, "it can be 'hole'"),
        ({"handle_long_generation": "hole", "max_new_tokens": 40}, ValueError, "leaves no room for a prompt"),
        ({"topk": 2}, TypeError, "Did you mean 'top_k'"),
        ({"max_new_tokens": 100}, ValueError, "reads 32 positions"),
        ({"seed": "1"}, TypeError, "give one number"),
    ],
)
def test_wrong_options_are_explained(folder, options, error, says):
    pipe = pipeline(model=folder("gpt2"))
    with pytest.raises(error, match=says):
        pipe(TEXTS[0], **options)


def test_wrong_inputs_are_explained(folder):
    pipe = pipeline(model=folder("gpt2"))
    with pytest.raises(ValueError, match="continues a text or a conversation, and got int 3"):
        pipe([3])
    with pytest.raises(ValueError, match="chat template"):
        pipe(ASKED)
