"""Safetensors files: mapped, not read; written as the reference writes them; hostile ones refused."""

import json
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

from bearhug.checkpoints.safetensors import DTYPES, SafetensorsFile, Stored, shards, write


def stored(tensors):
    return {
        name: Stored(tensor.dtype, tuple(tensor.shape), lambda tensor=tensor: tensor)
        for name, tensor in tensors.items()
    }


def random(dtype, *shape):
    return (torch.rand(shape) * 100).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_and_shape_goes_there_and_back(dtype, tmp_path):
    tensors = {
        "scalar": random(dtype),
        "empty": random(dtype, 0, 3),
        "b": random(dtype, 3, 5),
        "a": random(dtype, 2, 3, 4),
    }
    write(tmp_path / "x.safetensors", stored(tensors))
    file = SafetensorsFile(tmp_path / "x.safetensors")

    assert sorted(file) == sorted(tensors)
    for name, tensor in tensors.items():
        assert torch.equal(
            file[name].view(torch.uint8) if tensor.ndim else file[name],
            tensor.view(torch.uint8) if tensor.ndim else tensor,
        )
        assert file[name].dtype == dtype


def test_the_bytes_are_those_of_the_reference_library(tmp_path):
    """Order, header and padding: what safetensors itself writes for the same tensors."""
    tensors = {
        "z": torch.randn(3),
        "a.b": torch.randn(2, 2).half(),
        "m": torch.ones(5, dtype=torch.int64),
        "ü": torch.randn(1),
    }
    write(tmp_path / "ours", stored(tensors))
    save_file(tensors, tmp_path / "theirs", metadata={"format": "pt"})

    assert load_file(tmp_path / "ours").keys() == tensors.keys()
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_views_are_written_as_what_they_show(tmp_path):
    base = torch.arange(12.0).view(3, 4)
    write(tmp_path / "x", stored({"t": base.t(), "row": base[1]}))

    assert torch.equal(load_file(tmp_path / "x")["t"], base.t())


def test_a_tensor_changed_in_place_leaves_the_file(tmp_path):
    write(tmp_path / "x", stored({"a": torch.ones(4)}))
    SafetensorsFile(tmp_path / "x")["a"].zero_()

    assert SafetensorsFile(tmp_path / "x")["a"].tolist() == [1, 1, 1, 1]


def test_a_name_that_is_not_there_is_a_key_error(tmp_path):
    write(tmp_path / "x", stored({"a": torch.ones(4)}))
    with pytest.raises(KeyError):
        SafetensorsFile(tmp_path / "x")["b"]


def test_a_dtype_that_files_do_not_hold_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"a is of dtype torch\.complex64"):
        write(tmp_path / "x", stored({"a": torch.ones(2, dtype=torch.complex64)}))

    assert not list(tmp_path.iterdir())


def entry(start, end, shape=(2,), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


def file_of(header, values=b"\0" * 8, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + values


HOSTILE = {
    "empty": b"",
    "eight bytes": b"\0" * 8,
    "a header longer than the file": file_of({"a": entry(0, 8)}, length=1 << 40),
    "a header of the largest length": struct.pack("<Q", (1 << 64) - 1) + b"{}",
    "no JSON": file_of(b"not json"),
    "a list": file_of(b"[]"),
    "values cut short": file_of({"a": entry(0, 8)}, values=b"\0" * 7),
    "values too long": file_of({"a": entry(0, 8)}, values=b"\0" * 9),
    "offsets beyond the file": file_of({"a": entry(0, 1 << 60, shape=(1 << 58,))}),
    "a shape that does not fit": file_of({"a": entry(0, 8, shape=(3,))}),
    "a shape that overflows": file_of({"a": entry(0, 8, shape=(1 << 62, 1 << 62))}),
    "offsets backwards": file_of({"a": entry(8, 0)}),
    "overlapping tensors": file_of({"a": entry(0, 8), "b": entry(4, 12)}, values=b"\0" * 12),
    "a hole": file_of({"a": entry(8, 16)}, values=b"\0" * 16),
    "an unknown dtype": file_of({"a": entry(0, 8, dtype="F33")}),
    "a pickle": b"\x80\x04\x95" + b"c" * 40,
    "a web page": b"<!DOCTYPE html><html>not found</html>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_broken_or_hostile_file_is_an_os_error_that_names_it(name, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(HOSTILE[name])
    with pytest.raises(OSError, match=r"model\.safetensors \(\d+ bytes\) is no whole safetensors file"):
        SafetensorsFile(tmp_path / "model.safetensors")


def test_tensors_are_grouped_in_order_up_to_a_size():
    tensors = stored({name: torch.ones(size) for name, size in zip("abcde", (2, 2, 9, 1, 1), strict=True)})

    assert [list(group) for group in shards(tensors, 16)] == [["a", "b"], ["c"], ["d", "e"]]
    assert [list(group) for group in shards({}, 16)] == [[]]
