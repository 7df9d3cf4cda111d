"""Requests that come and go give what generate gives for each alone."""

import random

import pytest
import torch

from bearhug import AutoModelForCausalLM, AutoTokenizer
from bearhug.serving import Engine
from bearhug.serving.engine import Full

OPTIONS = [
    {"max_new_tokens": 12},
    {"max_new_tokens": 20, "do_sample": True, "seed": 3, "top_k": 5},
    {"max_new_tokens": 5, "do_sample": True, "seed": 4, "temperature": 1.4, "num_return_sequences": 3},
    {"max_new_tokens": 9, "repetition_penalty": 1.5},
    {"max_new_tokens": 30, "stop_strings": ["a"]},
    {"max_new_tokens": 40, "regex": "[a-d]{3,9}", "do_sample": True, "seed": 9},
    {"max_new_tokens": 1},
    {"max_new_tokens": 7, "min_new_tokens": 7, "do_sample": True, "seed": 5, "top_p": 0.5},
]


@pytest.fixture(scope="module")
def model():
    loaded = AutoModelForCausalLM.from_pretrained("bearhug/storyteller")
    loaded.generation_config.do_sample = False
    return loaded


@pytest.fixture(scope="module")
def words():
    return AutoTokenizer.from_pretrained("bearhug/storyteller")


@pytest.fixture(scope="module")
def prompts():
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(5, 400, (1, length), generator=generator) for length in (3, 17, 1, 9, 30, 2, 8, 5)]


def alone(model, words, prompt, options):
    return model.generate(prompt, tokenizer=words, **options).tolist()


@pytest.mark.parametrize("max_rows", [3, 16])
@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize(("page_size", "cache_tokens"), [(16, 16384), (4, 96), (7, 210)])
def test_requests_are_what_generate_gives_alone(model, words, prompts, max_rows, share, page_size, cache_tokens):
    engine = Engine(
        model, words, max_rows=max_rows, share_prefixes=share, page_size=page_size, cache_tokens=cache_tokens
    )
    requests = []
    for prompt, options in zip(prompts, OPTIONS, strict=True):  # they arrive while others are at work
        requests.append(engine.submit(prompt, **options))
        engine.step()
        engine.step()
    while engine.step():
        pass

    for request, prompt, options in zip(requests, prompts, OPTIONS, strict=True):
        assert request.result().tolist() == alone(model, words, prompt, options)
    assert engine.pages.left == engine.pages.count


@pytest.mark.parametrize("order", range(4))
def test_where_pages_run_out_the_last_one_waits_and_goes_on(model, words, prompts, order):
    """Whatever the order of arrival: each request gets its own tokens, and every page is free at the end."""
    engine, shuffle = Engine(model, words, cache_tokens=120, page_size=4), random.Random(order)
    asked = [(prompt, {**OPTIONS[2 * (number % 2)], "max_new_tokens": 20 + 2 * number, "min_new_tokens": 20})
             for number, prompt in enumerate(prompts) if prompt.shape[1] < 12]  # fmt: skip
    shuffle.shuffle(asked)
    requests = []
    for prompt, options in asked:
        requests.append(engine.submit(prompt, **options))
        for _ in range(shuffle.randrange(3)):
            engine.step()
    while engine.step():
        assert engine.pages.left >= 0

    for request, (prompt, options) in zip(requests, asked, strict=True):
        assert request.result().tolist() == alone(model, words, prompt, options)
    assert engine.preempted > 0
    assert engine.pages.left == engine.pages.count
    assert not any(engine.pages.readers)


def test_sequences_of_one_prompt_share_its_pages(model, words, prompts):
    engine = Engine(model, words, page_size=4)
    engine.submit(prompts[4], max_new_tokens=9, min_new_tokens=9, do_sample=True, num_return_sequences=5, seed=1)
    engine.step()

    assert engine.pages.count - engine.pages.left == 30 // 4 + 5
    assert {len(set(column)) for column in zip(*engine.pages.tables, strict=True)} == {1, 5}


def test_a_request_that_never_fits_is_refused(model, words, prompts):
    with pytest.raises(ValueError, match="cache_tokens=48"):
        Engine(model, words, cache_tokens=32).submit(prompts[1], max_new_tokens=30)
    with pytest.raises(ValueError, match="ids alone"):
        Engine(model, words).submit({"input_ids": prompts[1], "token_type_ids": torch.zeros_like(prompts[1])})


@pytest.mark.parametrize("kind", ["LlamaConfig", "GPT2Config", "BloomConfig", "MambaConfig", "Gemma2Config"])
def test_other_architectures(kind):
    """Learned positions, ALiBi, windows, a state: rows of other lengths come and go beside them."""
    import bearhug

    torch.manual_seed(0)
    sizes = {
        "LlamaConfig": {"intermediate_size": 32, "num_attention_heads": 2},
        "GPT2Config": {"n_embd": 16, "n_head": 2, "n_layer": 2, "n_positions": 64},
        "BloomConfig": {"n_head": 2, "n_layer": 2},
        "MambaConfig": {"state_size": 4},
        "Gemma2Config": {"intermediate_size": 32, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8,
                         "sliding_window": 4},
    }[kind]  # fmt: skip
    if kind != "GPT2Config":
        sizes |= {"hidden_size": 16, "num_hidden_layers": 2}
    config = getattr(bearhug, kind)(vocab_size=61, eos_token_id=None, pad_token_id=0, initializer_range=0.5, **sizes)
    model = AutoModelForCausalLM.from_config(config).eval()
    prompts = [torch.randint(3, 61, (1, length)) for length in (3, 11, 6, 1)]
    engine, requests = Engine(model, cache_tokens=64, page_size=4), []
    for number, prompt in enumerate(prompts):
        requests.append(engine.submit(prompt, max_new_tokens=4 + 5 * (number % 3)))
        engine.step()
    while engine.step():
        pass

    for number, (request, prompt) in enumerate(zip(requests, prompts, strict=True)):
        assert request.result().tolist() == model.generate(prompt, max_new_tokens=4 + 5 * (number % 3)).tolist()


def test_common_beginnings_are_read_once(model, words):
    """The second prompt goes on from the first; memory is bounded; results are the same."""
    engine = Engine(model, words, cache_tokens=60, page_size=4)
    first = words("Once upon a time, there was a little bear who", return_tensors="pt")["input_ids"]
    second = torch.cat((first[:, :-2], torch.tensor([[50, 60, 70]])), 1)
    for ids in (first, second, second):
        request = engine.submit(ids, max_new_tokens=8)
        while engine.step():
            pass

        assert request.result().tolist() == model.generate(ids, max_new_tokens=8).tolist()
    assert engine.pages.hits == 2
    assert engine.pages.reused >= first.shape[1] - 2 + second.shape[1] - 1 - 2 * 4
    assert len(engine.pages.known) <= 60 // 4


def test_threads_cancellation_and_a_full_queue(model, words, prompts):
    idle = Engine(model, words, max_waiting=2)
    idle.submit(prompts[0], max_new_tokens=3)
    idle.submit(prompts[0], max_new_tokens=3)
    with pytest.raises(Full, match="2 requests wait"):
        idle.submit(prompts[0], max_new_tokens=3)
    with Engine(model, words, max_rows=2) as engine:
        long = engine.submit(prompts[0], max_new_tokens=200, min_new_tokens=200)
        steps = iter(long)
        next(steps)
        long.cancel()
        short = engine.submit(prompts[1], max_new_tokens=5)

        assert short.result().tolist() == alone(model, words, prompts[1], {"max_new_tokens": 5})
        assert len(list(steps)) < 199
        assert long.reason == "cancelled"


def test_an_error_of_one_request_is_its_own(model, words, prompts):
    with Engine(model, words) as engine:
        bad = engine.submit(prompts[0], regex="ab", min_new_tokens=5, max_new_tokens=9)
        good = engine.submit(prompts[1], max_new_tokens=5)
        with pytest.raises(ValueError, match="nothing may follow"):
            bad.result()

        assert good.result().tolist() == alone(model, words, prompts[1], {"max_new_tokens": 5})


def test_beams_are_refused(model, prompts):
    with pytest.raises(ValueError, match="Call model"):
        Engine(model).submit(prompts[0], num_beams=2)
