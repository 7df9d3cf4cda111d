"""The core's products: right, independent of the rows beside them, and torch's where it cannot."""

import pytest
import torch
from torch import nn

import bearhug
from bearhug.kernels import bare, products
from bearhug.tokenizers import _native

BOUNDS = {torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 2e-3}
needs_core = pytest.mark.skipif(not products.available(), reason="the core has no kernel for this processor")


def layer(out, inner, dtype, bias=True, turned=False):
    torch.manual_seed(out + inner)
    module = nn.Linear(inner, out, bias=bias).to(dtype)
    if turned:
        module.weight = nn.Parameter(module.weight.detach().T.contiguous().T)
    return module.requires_grad_(False)


@needs_core
@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
@pytest.mark.parametrize(("out", "inner"), [(1, 16), (37, 48), (100, 64), (768, 320)])
@pytest.mark.parametrize("bias", [True, False])
def test_products_are_right_for_every_number_of_rows(out, inner, dtype, bias):
    check(layer(out, inner, dtype, bias))


@needs_core
@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
@pytest.mark.parametrize(("out", "inner"), [(16, 16), (560, 48), (768, 320)])
def test_products_with_turned_matrices_are_right(out, inner, dtype):
    check(layer(out, inner, dtype, turned=True))


def check(module):
    dtype, inner, bias = module.weight.dtype, module.in_features, module.bias is not None
    product, rows = products.product(module), torch.randn(40, inner, dtype=dtype)
    exact = nn.functional.linear(rows.double(), module.weight.double(), module.bias.double() if bias else None)

    for count in range(1, 41):
        assert product is not None
        torch.testing.assert_close(
            product(rows[:count]).double(), exact[:count], atol=BOUNDS[dtype], rtol=BOUNDS[dtype]
        )


@needs_core
@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
@pytest.mark.parametrize("turned", [False, True])
def test_a_row_is_the_same_alone_and_in_any_batch(dtype, turned):
    product, rows = products.product(layer(176, 128, dtype, turned=turned)), torch.randn(24, 128, dtype=dtype)

    assert product is not None
    alone = torch.cat([product(row[None]) for row in rows])
    for count in range(1, products.limits()[dtype] + 1):
        assert torch.equal(product(rows[:count]), alone[:count])


@needs_core
@pytest.mark.parametrize("turned", [False, True])
def test_two_threads_give_the_same_bits(turned):
    module, x = layer(3008, 512, torch.float32, turned=turned), torch.randn(2, 3, 512)
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            product = products.product(module)
            assert product is not None
            results.append(product(x))
    finally:
        torch.set_num_threads(before)

    assert torch.equal(*results)


@needs_core
def test_what_is_not_finite_stays_so():
    module = layer(16, 16, torch.bfloat16)
    product, x = products.product(module), torch.zeros(3, 16, dtype=torch.bfloat16)
    x[0], x[1, 3] = float("nan"), float("inf")

    assert product is not None
    assert torch.equal(product(x).isfinite(), module(x).isfinite())
    assert product(x)[0].isnan().all()


@needs_core
def test_rows_that_do_not_lie_side_by_side():
    module, x = layer(24, 32, torch.float32), torch.randn(32, 5).T
    product = products.product(module)

    assert product is not None
    torch.testing.assert_close(product(x), module(x), atol=1e-5, rtol=1e-5)


def test_torch_computes_what_the_core_cannot():
    assert products.product(layer(8, 24, torch.float32)) is None  # no multiple of 16
    assert products.product(layer(8, 32, torch.float64)) is None
    assert products.product(nn.Linear(32, 8, device="meta")) is None
    assert products.product(layer(24, 32, torch.float32, turned=True)) is None
    part = layer(32, 64, torch.float32)
    part.weight = nn.Parameter(part.weight[:, :32])
    assert products.product(part) is None


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_many_rows_of_half_precision_are_torchs(dtype):
    module = layer(8, 32, dtype)
    product, x = products.product(module), torch.randn(products.limits()[dtype] + 1, 32, dtype=dtype)

    assert product is None or torch.equal(product(x), module(x))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("out", "inner"), [(1, 16), (80, 48), (560, 784), (32, 1600)])
@pytest.mark.parametrize("bias", [True, False])
def test_many_rows_of_float32_are_as_exact_as_torchs(out, inner, turned, bias):
    """Whole and partial tiles, one and several blocks of numbers and of rows."""
    module = layer(max(out, 16) if turned else out, inner, torch.float32, bias, turned)
    product, rows = products.product(module), torch.randn(530, inner)
    exact = nn.functional.linear(rows.double(), module.weight.double(), module.bias.double() if bias else None)

    for count in (33, 64, 95, 530) if product else ():
        ours, theirs = (y.double() - exact[:count] for y in (product(rows[:count]), module(rows[:count])))
        assert ours.square().mean() <= 1.5 * theirs.square().mean() + 1e-16
        torch.testing.assert_close(product(rows[:count]).double(), exact[:count], atol=1e-5, rtol=1e-5)


@needs_core
@pytest.mark.parametrize("turned", [False, True])
def test_many_rows_have_the_same_bits_in_any_company(turned):
    product, rows = products.product(layer(176, 128, torch.float32, turned=turned)), torch.randn(300, 128)

    assert product is not None
    together = product(rows)
    for start, end in ((0, 64), (17, 117), (200, 300)):
        if _native.can_multiply_many():
            assert torch.equal(product(rows[start:end]), together[start:end])
        else:
            torch.testing.assert_close(product(rows[start:end]), together[start:end])


@needs_core
def test_numbers_of_any_size_are_multiplied_by_many_rows():
    """From the largest float to those that no longer have all their bits; infinities and NaN are not spread."""
    sizes = torch.tensor([3.4e38, 1e30, 1.0, 1e-20, 1e-30, 0.0])
    module = layer(48, 16, torch.float32, bias=False)
    module.weight.copy_(torch.eye(48, 16))
    x = sizes[torch.arange(64 * 16) % 6].view(64, 16) * torch.linspace(0.5, 1.0, 16)
    x[3, 2], x[5, 7], x[9, 1] = torch.inf, -torch.inf, torch.nan
    product = products.product(module)

    assert product is not None
    y = product(x)
    good = x.isfinite().all(1)
    torch.testing.assert_close(y[good, :16], x[good], atol=1e-37, rtol=1e-6)
    assert not y[~good].isfinite().all(1).any()


def test_without_a_kernel_decoding_is_torchs(monkeypatch):
    monkeypatch.setattr(products, "available", lambda: False)

    assert products.product(layer(8, 32, torch.float32)) is None


@needs_core
def test_decoding_by_the_core_gives_torchs_numbers(monkeypatch):
    """A model whose matrices are large enough for it, token by token, as the text read at once by torch."""
    config = bearhug.LlamaConfig(
        vocab_size=300, hidden_size=256, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4
    )
    torch.manual_seed(0)
    model, used = bearhug.LlamaForCausalLM(config).eval(), []
    product = products.product
    monkeypatch.setattr(bare, "product", lambda module: used.append(module) or product(module))
    ids, cache = torch.arange(12)[None] * 7, model.new_cache(1, 12)
    with torch.no_grad():
        pieces = [model(ids[:, n : n + 1], past_key_values=cache).logits for n in range(12)]
    expected = model(ids).logits  # with gradients: torch's

    assert len(used) == 2 * 7 + 1  # a layer's matrices, and the output
    torch.testing.assert_close(torch.cat(pieces, 1), expected, atol=1e-5, rtol=1e-5)
