"""What a model folder holds, and hands out: one file, shards, .bin; nothing from outside it, nothing that runs."""

import json
import pickle

import pytest
import torch
from safetensors.torch import save_file

from bearhug.checkpoints.folder import read_weights, size_bytes, write_weights
from bearhug.checkpoints.safetensors import Stored
from bearhug.hub.client import open_repo

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(4), "c": torch.zeros(2, dtype=torch.int64)}


def stored(tensors):
    return {
        name: Stored(tensor.dtype, tuple(tensor.shape), lambda tensor=tensor: tensor)
        for name, tensor in tensors.items()
    }


def read(folder, **options):
    return read_weights(open_repo(folder), **options)


def assert_whole(weights):
    assert sorted(weights) == sorted(TENSORS)
    for name, tensor in TENSORS.items():
        assert torch.equal(weights[name], tensor)


@pytest.mark.parametrize("limit", ["50GB", 24, 1])
def test_what_is_written_is_read(limit, tmp_path):
    write_weights(tmp_path, stored(TENSORS), limit)

    assert_whole(read(tmp_path))


def test_old_files_of_another_number_of_shards_go(tmp_path):
    write_weights(tmp_path, stored(TENSORS), 1)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    write_weights(tmp_path, stored(TENSORS), "1GB")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter_model.safetensors", "model.safetensors"]
    write_weights(tmp_path, stored(TENSORS), 24)
    assert not (tmp_path / "model.safetensors").exists()
    assert_whole(read(tmp_path))


def test_a_variant_stands_beside_the_plain_one(tmp_path):
    write_weights(tmp_path, stored({"a": torch.ones(1)}), "1GB")
    write_weights(tmp_path, stored(TENSORS), 24, variant="fp16")

    assert_whole(read(tmp_path, variant="fp16"))
    assert list(read(tmp_path)) == ["a"]


@pytest.mark.parametrize("old", [False, True], ids=["zip", "the format before zip"])
def test_a_bin_is_read(old, tmp_path):
    torch.save(TENSORS, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=not old)

    assert_whole(read(tmp_path))
    assert_whole(read(tmp_path, use_safetensors=False))


def test_a_sharded_bin_is_read(tmp_path):
    for number, name in enumerate(TENSORS):
        torch.save({name: TENSORS[name]}, tmp_path / f"pytorch_model-{number}.bin")
    index = {"weight_map": {name: f"pytorch_model-{number}.bin" for number, name in enumerate(TENSORS)}}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))

    assert_whole(read(tmp_path))


def test_a_state_dict_inside_a_bin_is_found(tmp_path):
    torch.save({"state_dict": TENSORS, "epoch": 3}, tmp_path / "pytorch_model.bin")

    assert_whole(read(tmp_path))


def test_safetensors_come_first_and_a_kind_can_be_demanded(tmp_path):
    torch.save({"x": torch.ones(1)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(OSError, match=r"has neither model\.safetensors\. It has pytorch_model\.bin"):
        read(tmp_path, use_safetensors=True)
    save_file(TENSORS, tmp_path / "model.safetensors")

    assert_whole(read(tmp_path))
    assert list(read(tmp_path, use_safetensors=False)) == ["x"]


class Bomb:
    def __reduce__(self):
        import pathlib

        return (pathlib.Path.touch, (pathlib.Path("exploded"),))


@pytest.mark.parametrize("payload", [Bomb(), {"a": Bomb()}, [torch.ones(2), Bomb()]], ids=["bare", "dict", "list"])
@pytest.mark.parametrize("old", [False, True])
def test_nothing_in_a_bin_runs(payload, old, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(payload, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=not old)
    with pytest.raises(OSError, match=r"holds more than tensors, .*never does"):
        read(tmp_path)

    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", pickle.dumps({"a": 1})[:-3], b"<html>"], ids=["empty", "zip", "pickle", "page"]
)
def test_a_broken_bin_is_an_os_error_that_names_it(content, tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(content)
    with pytest.raises(OSError, match=r"pytorch_model\.bin"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["../outside.safetensors", "/etc/passwd", "a/../../outside.safetensors"])
def test_an_index_cannot_lead_out_of_the_folder(name, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    save_file(TENSORS, tmp_path / "outside.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(ValueError, match=r"leads out of its folder"):
        read(folder)


@pytest.mark.parametrize(
    ("index", "says"),
    [
        (
            {"weight_map": {"a": "model-1.safetensors", "d": "model-1.safetensors"}},
            "places 'd' in 'model-1.safetensors', which does not hold it",
        ),
        ({"weight_map": {"a": "model-2.safetensors"}}, "names 'model-2.safetensors', but .* has no such file"),
        ({"weight_map": ["a"]}, "is no index of weights"),
        ({}, "is no index of weights"),
        ("{", "is no index of weights"),
    ],
)  # fmt: skip
def test_an_index_that_does_not_fit_its_folder_says_so(index, says, tmp_path):
    save_file(TENSORS, tmp_path / "model-1.safetensors")
    (tmp_path / "model.safetensors.index.json").write_text(index if isinstance(index, str) else json.dumps(index))
    with pytest.raises(OSError, match=says):
        read(tmp_path)


def test_a_folder_without_weights_says_what_it_has(tmp_path):
    with pytest.raises(OSError, match=r"has neither .* nor .*It has no file of weights at all"):
        read(tmp_path)
    (tmp_path / "tf_model.h5").write_bytes(b"")
    with pytest.raises(OSError, match=r"It has tf_model\.h5"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("size", "expected"), [(5, 5), ("5", 5), ("5GB", 5 * 10**9), ("1.5 MB", 1_500_000), ("2KiB", 2048)]
)
def test_sizes_are_read(size, expected):
    assert size_bytes(size) == expected


@pytest.mark.parametrize("size", ["big", "5 bananas", "", "GB"])
def test_what_is_no_size_is_an_error(size):
    with pytest.raises(ValueError, match=r"is no size; write a number of bytes"):
        size_bytes(size)
