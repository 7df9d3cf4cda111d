"""The key/value cache: one block of memory, grown in blocks, and what decoding asks of it."""

import copy

import pytest
import torch

from bearhug import GPT2Config, GPT2LMHeadModel
from bearhug.caches.kv import BLOCK, KVCache, LayerCache


def filled(length=3, capacity=8, rows=2):
    """A cache of two layers with random tokens, and those tokens."""
    torch.manual_seed(0)
    shape = (rows, 2, capacity, 4)
    cache = KVCache(2 if capacity is None else [LayerCache(torch.empty(shape), torch.empty(shape)) for _ in range(2)])
    tokens = [(torch.randn(rows, 2, length, 4), torch.randn(rows, 2, length, 4)) for _ in range(2)]
    for layer, (k, v) in zip(cache, tokens, strict=False):
        layer.append(k, v)
    cache.length = length
    return cache, tokens


@pytest.mark.parametrize("capacity", [None, 3, 8])
def test_all_tokens_come_back_in_order(capacity):
    """Allocated or not, with room or without."""
    cache, tokens = filled(3, capacity)
    for step in range(1, 2 * BLOCK + 9):
        new = torch.full((2, 2, 1, 4), float(step))
        keys, values = cache[0].append(new, -new)

        assert keys.shape == values.shape == (2, 2, 3 + step, 4)
    assert torch.equal(keys[:, :, :3], tokens[0][0])
    assert keys[0, 0, 3:, 0].tolist() == list(range(1, 2 * BLOCK + 9))
    assert torch.equal(values[:, :, 3:], -keys[:, :, 3:])


def test_memory_is_allocated_once():
    """Within its capacity a cache never moves, and beyond it seldom."""
    cache, _ = filled(3, 64)
    places = set()
    for _ in range(61):
        cache[0].append(torch.ones(2, 2, 1, 4), torch.ones(2, 2, 1, 4))
        places.add(cache[0].keys.data_ptr())
    assert len(places) == 1
    for _ in range(BLOCK):
        cache[0].append(torch.ones(2, 2, 1, 4), torch.ones(2, 2, 1, 4))
        places.add(cache[0].keys.data_ptr())
    assert len(places) == 2


def test_the_first_tokens_are_kept_as_they_are():
    """Without a capacity the prompt's tensors are not copied."""
    k = torch.randn(1, 2, 3, 4)

    assert KVCache(1)[0].append(k, k)[0] is k


def test_gradients_flow_through_what_is_held():
    cache = KVCache(1)
    first = torch.randn(1, 2, 2, 4, requires_grad=True)
    second = torch.randn(1, 2, 1, 4, requires_grad=True)
    cache[0].append(first, first)
    keys, _ = cache[0].append(second, second)
    keys.sum().backward()

    assert first.grad.eq(1).all()
    assert second.grad.eq(1).all()


def test_rows_can_be_taken_in_another_order():
    cache, tokens = filled(rows=3)
    cache.reorder(torch.tensor([2, 0, 0, 1]))
    keys, _ = cache[1].append(torch.ones(4, 2, 1, 4), torch.ones(4, 2, 1, 4))

    assert torch.equal(keys[:, :, :3], tokens[1][0][[2, 0, 0, 1]])


def test_rows_can_be_repeated():
    cache, tokens = filled()
    cache.repeat(3)
    keys, _ = cache[0].append(torch.ones(6, 2, 1, 4), torch.ones(6, 2, 1, 4))

    assert torch.equal(keys[:, :, :3], tokens[0][0].repeat_interleave(3, 0))


@pytest.mark.parametrize(("size", "left"), [(2, 2), (0, 0), (9, 3), (-1, 2), (-3, 0), (-7, 0)])
def test_tokens_can_be_dropped(size, left):
    """A number to keep, or negative, to drop."""
    cache, tokens = filled()
    cache.crop(size)
    keys, _ = cache[0].append(torch.ones(2, 2, 1, 4), torch.ones(2, 2, 1, 4))

    assert cache.length == cache.get_seq_length() == left
    assert keys.shape[2] == left + 1
    assert torch.equal(keys[:, :, :left], tokens[0][0][:, :, :left])


def test_a_cache_without_tokens_can_be_changed_too():
    cache = KVCache(2)
    cache.reorder(torch.tensor([0]))
    cache.repeat(2)
    cache.crop(0)

    assert cache.length == 0
    assert repr(cache) == "KVCache(layers=2, length=0)"


def test_a_copy_goes_its_own_way():
    """A prompt is read once and continued twice."""
    model = GPT2LMHeadModel(GPT2Config(n_embd=16, n_head=2, n_layer=2, vocab_size=20)).eval()
    ids = torch.arange(6)[None]
    with torch.no_grad():
        cache = model.new_cache(1, 6)
        model(ids[:, :4], past_key_values=cache)
        model(ids[:, 4:5], past_key_values=cache)
        cache.crop(4)
        other = copy.deepcopy(cache)
        assert other.bare is None  # a copy holds tokens, no weights
        model(torch.tensor([[19, 18]]), past_key_values=cache)
        got = model(ids[:, 4:], past_key_values=other).logits

    torch.testing.assert_close(got, model(ids).logits[:, 4:])


def test_a_cache_prints_as_facts():
    assert repr(filled()[0]) == "KVCache(layers=2, length=3, rows=2, capacity=8)"
    assert len(filled()[0]) == 2
