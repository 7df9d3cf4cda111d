"""One table of names, read in both directions."""

import pytest
import torch

from bearhug.checkpoints.weight_map import Fused, Rule, Stacked, Transposed, constants, rules

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


def test_blocks_hold_a_share_of_every_part():
    """Two heads of two, side by side: q, q, k, k, v, v of the first, then of the second; or unequal shares."""
    q, k, v = torch.arange(4.0)[:, None], torch.arange(10.0, 14)[:, None], torch.arange(20.0, 24)[:, None]
    rule = rules({"qkv": Fused("{q,k,v}_proj", blocks=2)}, ["q_proj", "k_proj", "v_proj"])["qkv"]
    stored = rule.join([q, k, v])

    assert stored.flatten().tolist() == [0, 1, 10, 11, 20, 21, 2, 3, 12, 13, 22, 23]
    assert [part.flatten().tolist() for part in rule.split(stored, [4, 4, 4])] == [
        part.flatten().tolist() for part in (q, k, v)
    ]
    assert rule.shape([q, k, v]) == (12, 1)
    groups = rule.join([torch.arange(4.0), torch.tensor([10.0, 11]), torch.tensor([20.0, 21])])
    assert groups.tolist() == [0, 1, 10, 20, 2, 3, 11, 21]
    with pytest.raises(ValueError, match="does not hold 3 parts"):
        rule.split(torch.zeros(5), [3, 1, 1])


PARTS = ("gate", "up", "down")
NUMBERED = [f"layers.{i}.experts.{e}.{part}.weight" for i in (0, 3) for e in range(11) for part in PARTS]
STACKS = {
    "l.{i}.experts.{e}.*": "layers.{i}.experts.{e}.*",
    "l.{i}.both": Stacked("layers.{i}.experts.{e}.{gate,up}.weight", written=False),
    "l.{i}.down": Stacked("layers.{i}.experts.{e}.down.weight", transposed=True),
}


def test_numbered_tensors_may_be_stored_as_one():
    """In the order of their numbers, not of their names; also beside a rule for each, and read only."""
    found = rules(STACKS, sorted(NUMBERED))
    both, down = found["l.3.both"], found["l.0.down"]

    assert both.parts == tuple(f"layers.3.experts.{e}.{part}.weight" for e in range(11) for part in ("gate", "up"))
    assert down.parts == tuple(f"layers.0.experts.{e}.down.weight" for e in range(11))
    assert (both.stack, both.written, down.stack, down.written) == (11, False, 11, True)
    assert found["l.3.experts.10.up.weight"] == Rule(("layers.3.experts.10.up.weight",))


@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("rows", [[4, 2], [3]])
def test_splitting_and_joining_a_stack_undo_each_other(rows, transposed):
    """As views of the stored tensor."""
    rule = Rule(tuple(f"{e}.{n}" for e in range(3) for n in rows), transposed, stack=3)
    ours = [torch.randn(n, 5) for _ in range(3) for n in rows]
    stored = rule.join(ours)

    assert tuple(stored.shape) == rule.shape(ours) == (3, *((5, sum(rows)) if transposed else (sum(rows), 5)))
    for part, whole in zip(rule.split(stored, [len(part) for part in ours]), ours, strict=True):
        assert torch.equal(part, whole)
        assert part.untyped_storage().data_ptr() == stored.untyped_storage().data_ptr()


@pytest.mark.parametrize("shape", [(2, 3, 5), (3, 4, 5), ()])
def test_a_stack_of_another_size_is_refused(shape):
    with pytest.raises(ValueError, match=r"does not hold"):
        Rule(tuple("abcdef"), stack=3).split(torch.zeros(shape), [2, 1] * 3)
