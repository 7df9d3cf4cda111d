"""One table of names, read in both directions."""

import pytest
import torch

from bearhug.checkpoints.weight_map import Fused, Rule, Transposed, constants, rules

TABLE = {
    "wte.weight": "embed.weight",
    "h.{i}.ln.*": "layers.{i}.norm.*",
    "h.{i}.attn.*": Fused("layers.{i}.{q,k,v}_proj.*", transposed=True),
    "h.{i}.mlp.*": Transposed("layers.{i}.mlp.*"),
    "head.bias": "out.bias",
    "head.decoder.*": "out.*",
    "h.{i}.mask": None,
}
NAMES = ["embed.weight", "out.weight", "out.bias"] + [
    f"layers.{i}.{part}.{end}"
    for i in (0, 11)
    for part in ("norm", "q_proj", "k_proj", "v_proj", "mlp")
    for end in ("weight", "bias")
]


def test_patterns_are_written_out_for_the_names_that_are_there():
    found = rules(TABLE, NAMES)

    assert found["wte.weight"] == Rule(("embed.weight",))
    assert found["h.11.ln.bias"] == Rule(("layers.11.norm.bias",))
    parts = tuple(f"layers.11.{part}_proj.weight" for part in "qkv")
    assert found["h.11.attn.weight"] == Rule(parts, transposed=True)
    assert found["h.0.mlp.weight"] == Rule(("layers.0.mlp.weight",), transposed=True)
    assert {part for rule in found.values() for part in rule.parts} == set(NAMES)


def test_several_of_their_names_may_mean_one_of_ours():
    found = rules(TABLE, NAMES)

    assert [name for name, rule in found.items() if rule.parts == ("out.bias",)] == ["head.bias", "head.decoder.bias"]


def test_parts_that_a_model_lacks_make_no_rule():
    assert "h.0.attn.bias" not in rules(TABLE, [name for name in NAMES if name != "layers.0.k_proj.bias"])


def test_a_number_is_a_number():
    """`{i}` matches digits only, and dots are dots."""
    assert not rules({"a.{i}.b": "x.{i}.y"}, ["x.one.y", "x.1zy", "x..y"])


def test_constants_are_the_entries_without_ours():
    assert [pattern.fullmatch("h.3.mask") is not None for pattern in constants(TABLE)] == [True]


@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("rows", [[4, 2, 2], [3]])
def test_splitting_and_joining_undo_each_other(rows, transposed):
    rule = Rule(tuple("abc"[: len(rows)]), transposed)
    ours = [torch.randn(n, 5) for n in rows]
    stored = rule.join(ours)

    assert tuple(stored.shape) == rule.shape(ours) == ((5, sum(rows)) if transposed else (sum(rows), 5))
    assert stored.is_contiguous()
    for got, expected in zip(rule.split(stored, rows), ours, strict=True):
        assert torch.equal(got, expected)
        assert got.untyped_storage().data_ptr() == stored.untyped_storage().data_ptr()  # a view
    vectors = [torch.randn(n) for n in rows]
    assert torch.equal(rule.join(vectors), torch.cat(vectors))


def test_a_fused_tensor_of_the_wrong_size_is_an_error():
    with pytest.raises(ValueError, match=r"\(7, 5\) does not hold 2 parts of \[4, 4\] rows"):
        Rule(("a", "b")).split(torch.ones(7, 5), [4, 4])
