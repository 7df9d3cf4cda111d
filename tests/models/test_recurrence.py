"""Mixers that read a text in order: long texts, padding anywhere, states that go on, and their cache."""

import copy

import pytest
import torch

import tiny
from bearhug import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel
from bearhug.caches.kv import StateCache

pytestmark = pytest.mark.reference
RECURRENT = ["mamba", "mamba-bias", "falcon_mamba-bias", "mamba2", "mamba2-bias", "qwen3_5_text", "qwen3_5_text-odd"]
CLOSE = {"atol": 2e-5, "rtol": 1e-4}


@pytest.fixture(params=RECURRENT)
def pair(request, tmp_path):
    theirs = tiny.reference_model(request.param, "causal-lm", tmp_path)
    return AutoModelForCausalLM.from_pretrained(tmp_path), theirs


@pytest.mark.parametrize("tokens", [31, 64, 65, 200])
def test_texts_longer_than_a_chunk_are_the_references(pair, tokens):
    """Numbers and gradients."""
    ours, theirs = pair
    ids = tiny.ids(2, tokens)
    expected, got = theirs(ids, labels=ids), ours(ids, labels=ids)
    expected.loss.backward()
    got.loss.backward()

    torch.testing.assert_close(got.logits, expected.logits, **CLOSE)
    torch.testing.assert_close(
        ours.get_input_embeddings().weight.grad, theirs.get_input_embeddings().weight.grad, **CLOSE
    )


@pytest.mark.parametrize("pieces", [(70, 1, 29), (1, 99), (33, 67), (2, 1, 1, 96)], ids=str)
def test_a_state_goes_on_in_any_pieces(pair, pieces):
    ours, theirs = pair
    ids, cache = tiny.ids(2, 100), ours.new_cache(2, 0)
    with torch.no_grad():
        got = [ours(part, past_key_values=cache).logits for part in ids.split(pieces, 1)]

        torch.testing.assert_close(torch.cat(got, 1), theirs(ids).logits, **CLOSE)
    assert cache.get_seq_length() == 100


def test_padding_anywhere_is_passed_over(pair):
    """Left, right, in the middle, before and after a cached part."""
    ours, _ = pair
    ids, cache = tiny.ids(4, 12), ours.new_cache(4, 0)
    mask = torch.tensor([[1] * 12, [0, 0, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0], [1] * 3 + [0] * 9, [0] * 10 + [1, 1]])
    with torch.no_grad():
        whole = ours(ids, attention_mask=mask).logits
        pieces = [ours(ids[:, :6], attention_mask=mask[:, :6], past_key_values=cache).logits]
        pieces += [ours(ids[:, 6:9], attention_mask=mask[:, :9], past_key_values=cache).logits]
        pieces += [ours(ids[:, n : n + 1], mask[:, : n + 1], past_key_values=cache).logits for n in range(9, 12)]
        for row, real in enumerate(mask.bool()):
            alone = ours(ids[row, real][None]).logits[0]

            torch.testing.assert_close(whole[row, real], alone, **CLOSE)
            torch.testing.assert_close(torch.cat(pieces, 1)[row, real], alone, **CLOSE)


def test_the_cache_has_the_references_name(pair):
    """What comes out goes in again: cache_params where there is nothing but states."""
    ours, theirs = pair
    ids, name = tiny.ids(1, 6), ours.recipe.cache_name
    with torch.no_grad():
        first = ours(ids[:, :5], use_cache=True)
        second = ours(ids[:, 5:], **{name: first[name]}, use_cache=True)

        torch.testing.assert_close(second.logits, theirs(ids).logits[:, 5:], **CLOSE)
    assert list(second) == list(theirs(ids)) == ["logits", name]
    assert name not in ours(ids, use_cache=False)


def test_another_models_cache_has_its_own_name():
    model = GPT2LMHeadModel(GPT2Config(n_layer=1, n_embd=8, n_head=2, vocab_size=20, bos_token_id=1, eos_token_id=2))

    with pytest.raises(TypeError, match=r"cache_params"):
        model(tiny.ids() % 20, cache_params=model.new_cache(1, 1))


def test_a_state_cannot_go_back_but_a_copy_can_go_on(pair):
    ours, _ = pair
    ids, cache = tiny.ids(1, 8), ours.new_cache(1, 0)
    with torch.no_grad():
        ours(ids[:, :5], past_key_values=cache)
        kept = copy.deepcopy(cache)
        expected = ours(ids[:, 5:], past_key_values=cache).logits

        with pytest.raises(ValueError, match=r"holds 8 tokens and cannot go back to 5(.|\n)*copy.deepcopy\(cache\)"):
            cache.crop(5)
        assert cache.length == 8
        torch.testing.assert_close(ours(ids[:, 5:], past_key_values=kept).logits, expected)
        cache.crop(0)
        torch.testing.assert_close(ours(ids, past_key_values=cache).logits[:, 5:], expected, **CLOSE)
    assert repr(cache).startswith(f"KVCache(layers={len(cache)}, length=8, rows=1")
    assert isinstance(cache[0], StateCache)


def test_rows_are_taken_and_repeated(pair):
    ours, _ = pair
    ids, cache, rows = tiny.ids(3, 6), ours.new_cache(3, 0), torch.tensor([2, 0])
    with torch.no_grad():
        ours(ids[:, :5], past_key_values=cache)
        cache.reorder(rows)
        cache.repeat(2)
        got = ours(ids[rows, 5:].repeat_interleave(2, 0), past_key_values=cache).logits

        torch.testing.assert_close(got, ours(ids).logits[rows, 5:].repeat_interleave(2, 0), **CLOSE)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_near_the_references(pair, dtype):
    """The residual stream is wide where the config says so."""
    ours, theirs = (model.to(dtype) for model in pair)
    ids = tiny.ids(2, 40)
    with torch.no_grad():
        expected, cache = theirs(ids).logits.float(), ours.new_cache(2, 0)
        got = ours(ids).logits.float()
        pieces = torch.cat([ours(ids[:, n : n + 1], past_key_values=cache).logits.float() for n in range(40)], 1)

    for logits in (got, pieces):
        assert (logits - expected).norm() / expected.norm() < (0.03 if dtype == torch.bfloat16 else 0.005)
