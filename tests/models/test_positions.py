"""Where a token stands: counting over masks, tables that grow, texts that are too long."""

import pytest
import torch

from bearhug import GPT2Config, GPT2Model, LlamaConfig, LlamaModel, RobertaConfig, RobertaModel
from bearhug.models.positions import counted


def mask(*rows):
    return torch.tensor([[int(cell) for cell in row] for row in rows]).bool()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("1111", [0, 1, 2, 3]),
        ("0011", [0, 0, 0, 1]),
        ("1100", [0, 1, 2, 3]),  # padding after the text counts on, as in the reference
        ("0000", [0, 1, 2, 3]),
    ],
)
def test_positions_are_counted_over_real_tokens(row, expected):
    assert counted(mask(row)).tolist() == [expected]


def test_a_hole_in_the_middle_is_skipped():
    positions = counted(mask("110011"))[0]

    assert positions[mask("110011")[0]].tolist() == [0, 1, 2, 3]


def test_the_new_tokens_alone_are_counted():
    real = mask("011101", "111111")

    assert counted(real, start=5).tolist() == [[3], [5]]
    assert torch.equal(counted(real, start=2), counted(real)[:, 2:])


def test_with_an_offset_padding_stands_before_all():
    assert counted(mask("0110"), offset=2).tolist() == [[-1, 0, 1, -1]]


SMALL = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 8, "vocab_size": 20}


@pytest.mark.parametrize(
    ("model", "limit"),
    [
        (GPT2Model(GPT2Config(n_embd=16, n_head=2, n_layer=1, vocab_size=20, n_positions=8)), 8),
        (RobertaModel(RobertaConfig(**SMALL, max_position_embeddings=10)), 8),  # two rows are the padding's
    ],
)
def test_a_text_longer_than_the_table_says_how_long_it_may_be(model, limit):
    ids = torch.full((1, limit), 3)

    assert model.position_limit == limit
    assert model.eval()(ids).last_hidden_state.shape[1] == limit
    with pytest.raises(ValueError, match=rf"has {limit + 1} tokens, but this model reads {limit} positions"):
        model(torch.full((1, limit + 1), 3))
    with pytest.raises(ValueError, match=f"reads {limit} positions"):
        model(ids, position_ids=torch.full((1, limit), 30))


def test_computed_positions_have_no_end():
    """The table of angles grows, also for positions that are given."""
    model = LlamaModel(LlamaConfig(**SMALL, max_position_embeddings=8)).eval()
    ids = torch.full((1, 20), 3)
    far = torch.arange(20)[None] + 5000

    assert model.position_limit is None
    torch.testing.assert_close(
        model(ids).last_hidden_state, model(ids, position_ids=far).last_hidden_state, atol=1e-3, rtol=1e-3
    )


def test_an_unknown_scaling_names_those_there_are():
    config = LlamaConfig(**SMALL, rope_parameters={"rope_type": "yran", "factor": 2.0})
    with pytest.raises(
        ValueError, match=r"rope_type 'yran' is not known. Did you mean 'yarn'.*default, dynamic, linear"
    ):
        LlamaModel(config)
