"""`bearhug inspect`: a checkpoint as a tree."""

import re

import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

import bearhug
from bearhug.cli.main import app
from bearhug.inspect.report import inspect
from bearhug.inspect.tree import numbered, sized


def run(*words):
    return CliRunner().invoke(app, ["inspect", *map(str, words)])


def test_the_tree_names_every_part_and_joins_layers_alike(tmp_path):
    config = bearhug.LlamaConfig(
        vocab_size=50, hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=4
    )
    model = bearhug.LlamaForCausalLM(config)
    model.save_pretrained(tmp_path)
    done = run(tmp_path)

    assert done.exit_code == 0, done.output
    assert re.search(r"─ model\s+", done.output)
    assert re.search(r"layers\.0 to 2 .* 3 alike", done.output)
    assert re.search(r"q_proj\.weight .* float32  16 x 16", done.output)
    assert re.search(r"lm_head\.weight .* 3\.2 kB  float32  50 x 16", done.output)
    assert f"parameters     {model.num_parameters():,}" in done.output
    assert "384 B for each token in the cache" in done.output  # 2 * 3 layers * 16 numbers * 4 bytes


def test_layers_that_differ_stay_apart_and_a_config_is_not_needed(tmp_path):
    tensors = {f"h.{i}.w": torch.zeros(2 + (i == 2), 3) for i in range(4)} | {"n": torch.zeros((), dtype=torch.int64)}
    save_file(tensors, tmp_path / "model.safetensors")
    tree = inspect(tmp_path)

    assert "no config.json" in tree
    assert re.search(r"0 to 1 ", tree)
    assert re.search(r"2\.w .* 3 x 3", tree)
    assert re.search(r"n .* int64  one number", tree)


def test_what_is_no_checkpoint_is_one_line(tmp_path):
    done = run(tmp_path)

    assert done.exit_code == 1
    assert "Traceback" not in done.output


def test_sizes_are_short():
    assert [numbered(n) for n in (7, 1500, 2_500_000, 3 * 10**9)] == ["7", "1.5 k", "2.5 M", "3 B"]
    assert [sized(n) for n in (7, 1500, 2_500_000, 3 * 10**9)] == ["7 B", "1.5 kB", "2.5 MB", "3 GB"]


def test_what_a_token_needs_follows_from_the_architecture():
    """Experts that rest are not read; a state does not grow; latent attention keeps whole keys and values here."""
    from bearhug.inspect.report import built, cache_bytes, unused

    sizes = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 3, "intermediate_size": 48}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}
    mixtral, itemsize = built(
        {"model_type": "mixtral", **sizes, **heads, "num_local_experts": 5, "num_experts_per_tok": 2}, "x"
    )
    mamba, _ = built({"model_type": "mamba", "vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2}, "x")

    assert unused(mixtral) == 3 * 3 * 3 * 32 * 48
    assert cache_bytes(mixtral, itemsize) == 3 * 2 * 2 * 8 * 4
    assert (cache_bytes(mamba, itemsize), unused(mamba)) == (0, 0)
    assert built({"model_type": "nothing"}, "x") == (None, 4)
