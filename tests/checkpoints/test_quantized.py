"""Packed weights: each form against a plain twin, written number by number from its definition; and whole models."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

import bearhug
import tiny
from bearhug.checkpoints import quantized
from bearhug.checkpoints.quantized import Unpacked

GENERATOR = torch.Generator().manual_seed(3)
E2M1 = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]


def _numbers(*shape, bits=4):
    return torch.randint(0, 1 << bits, shape, generator=GENERATOR)


def _pack(numbers, bits, places):
    """Numbers (n, 32 / bits) -> (n,) words; the number at `places[j]` goes j steps up."""
    words = []
    for row in numbers.tolist():
        word = sum(row[place] << (bits * step) for step, place in enumerate(places))
        words.append(word - (1 << 32) if word >= 1 << 31 else word)
    return torch.tensor(words, dtype=torch.int32)


def _pack_columns(numbers, bits, places):
    each = 32 // bits
    return _pack(numbers.reshape(-1, each), bits, places).reshape(numbers.shape[0], -1)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("version", ["gptq", "gptq_v2"])
def test_gptq(bits, ordered, version):
    inputs, outputs, groups, each = 64, 32, 4, 32 // bits
    values, zeros = _numbers(inputs, outputs, bits=bits), _numbers(groups, outputs, bits=bits)
    scales = torch.rand(groups, outputs, generator=GENERATOR).half()
    group = torch.arange(inputs) // 16
    if not ordered:
        group = group[torch.randperm(inputs, generator=GENERATOR)]
    less = 1 if version == "gptq" else 0
    plain = torch.empty(outputs, inputs)
    for i in range(inputs):
        for o in range(outputs):
            g = int(group[i])
            plain[o, i] = float(scales[g, o]) * (int(values[i, o]) - (int(zeros[g, o]) + less))
    order = range(each)
    parts = {
        "qweight": _pack_columns(values.t().contiguous(), bits, order).t().contiguous(),
        "qzeros": _pack_columns(zeros, bits, order), "scales": scales, "g_idx": group.int(),
    }  # fmt: skip

    about = {"bits": bits, "checkpoint_format": version}
    torch.testing.assert_close(quantized.gptq(parts, about), plain, atol=0, rtol=0)
    if ordered:
        del parts["g_idx"]
        torch.testing.assert_close(quantized.gptq(parts, about), plain, atol=0, rtol=0)


def test_awq():
    inputs, outputs, size = 64, 32, 16
    values, zeros = _numbers(inputs, outputs), _numbers(inputs // size, outputs)
    scales = torch.rand(inputs // size, outputs, generator=GENERATOR).half()
    plain = torch.empty(outputs, inputs)
    for i in range(inputs):
        for o in range(outputs):
            plain[o, i] = float(scales[i // size, o]) * (int(values[i, o]) - int(zeros[i // size, o]))
    order = (0, 2, 4, 6, 1, 3, 5, 7)
    parts = {"qweight": _pack_columns(values, 4, order), "qzeros": _pack_columns(zeros, 4, order), "scales": scales}

    torch.testing.assert_close(quantized.awq(parts, {"bits": 4}), plain, atol=0, rtol=0)


@pytest.mark.reference
def test_mxfp4():
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    blocks, scales = _numbers(2, 6, 3, 16, bits=8).to(torch.uint8), _numbers(2, 6, 3, bits=4).to(torch.uint8) + 118
    given = quantized.mxfp4({"blocks": blocks, "scales": scales}, {})
    plain = torch.empty(2, 96, 6)
    for e in range(2):
        for row in range(6):
            for column in range(96):
                byte = int(blocks[e, row, column // 32, column % 32 // 2])
                number = byte >> 4 if column % 2 else byte & 15
                sign = -1 if number & 8 else 1
                plain[e, column, row] = sign * E2M1[number & 7] * 2.0 ** (int(scales[e, row, column // 32]) - 127)

    torch.testing.assert_close(given, plain, atol=0, rtol=0)
    expected = convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)
    torch.testing.assert_close(given, expected, atol=0, rtol=0)


@pytest.mark.parametrize(
    ("shape", "scales", "block"),
    [
        ((6, 8), (3, 2), (2, 4)),
        ((7, 9), (4, 3), (2, 4)),
        ((6, 8), (6, 1), None),
        ((6, 8), (6,), None),
        ((6, 8), (1,), None),
    ],
)
def test_fp8(shape, scales, block):
    weight = torch.randn(shape, generator=GENERATOR).to(torch.float8_e4m3fn)
    scale = torch.rand(scales, generator=GENERATOR)
    given = quantized.fp8({"weight": weight, "weight_scale_inv": scale}, {"weight_block_size": block})
    plain = torch.empty(shape)
    for row in range(shape[0]):
        for column in range(shape[1]):
            if block:
                factor = scale[row // block[0], column // block[1]]
            else:
                factor = scale.reshape(-1)[row if scale.numel() > 1 else 0]
            plain[row, column] = float(weight[row, column]) * float(factor)

    torch.testing.assert_close(given, plain, atol=1e-7, rtol=1e-6)


@pytest.mark.reference
@pytest.mark.parametrize("method", ["fp8", "gptq", "awq"])
def test_a_packed_checkpoint_loads_as_a_plain_one(method, tmp_path):
    tiny.reference_model("llama", "causal-lm", tmp_path)
    tensors, packed = load_file(tmp_path / "model.safetensors"), {}
    for name, tensor in tensors.items():
        if "_proj.weight" not in name:
            packed[name] = tensor
            continue
        start = name.removesuffix(".weight")
        outputs, inputs = tensor.shape
        if method == "fp8":
            scale = torch.rand(-(-outputs // 16), -(-inputs // 16), generator=GENERATOR) + 0.5
            packed |= {name: tensor.to(torch.float8_e4m3fn), f"{start}.weight_scale_inv": scale}
        else:
            values = _numbers(inputs, outputs)
            zeros, scales = (
                _numbers(inputs // 16, outputs),
                torch.rand(inputs // 16, outputs, generator=GENERATOR).half(),
            )
            order = range(8) if method == "gptq" else (0, 2, 4, 6, 1, 3, 5, 7)
            whole = (
                _pack_columns(values.t().contiguous(), 4, order).t().contiguous()
                if method == "gptq"
                else _pack_columns(values, 4, order)
            )
            packed |= {
                f"{start}.qweight": whole,
                f"{start}.qzeros": _pack_columns(zeros, 4, order),
                f"{start}.scales": scales,
            }
    save_file(packed, tmp_path / "model.safetensors")
    about = {"quant_method": method, "bits": 4, "group_size": 16}
    if method == "fp8":
        about = {"quant_method": "fp8", "weight_block_size": [16, 16], "activation_scheme": "dynamic"}
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "quantization_config": about}))
    model, report = bearhug.AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)

    assert not any(report.values())
    assert model.dtype == torch.float32
    plain = Unpacked(load_file(tmp_path / "model.safetensors"), about)
    name = "model.layers.1.mlp.down_proj.weight"
    assert torch.equal(model.get_parameter("model.layers.1.mlp.down_proj.weight"), plain[name])
    assert torch.isfinite(model(tiny.ids()).logits).all()
    model.save_pretrained(tmp_path / "plain")
    again = bearhug.AutoModelForCausalLM.from_pretrained(tmp_path / "plain")
    assert torch.equal(again(tiny.ids()).logits, model(tiny.ids()).logits)
    half = bearhug.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in half.parameters()} == {torch.bfloat16}


def test_errors():
    with pytest.raises(ValueError, match=r"quantized by 'bitnet'; those by 'fp8'.* can be read"):
        Unpacked({}, {"quant_method": "bitnet"})
    broken = Unpacked(
        {"a.qweight": torch.zeros(2, 8, dtype=torch.int32), "a.scales": torch.ones(1, 8)}, {"quant_method": "gptq"}
    )
    with pytest.raises(ValueError, match=r"a.weight cannot be unpacked as gptq: 'qzeros'"):
        broken["a.weight"]
    odd = {"a.weight": torch.zeros(4, 4).to(torch.float8_e4m3fn), "a.weight_scale_inv": torch.ones(3, 3)}
    with pytest.raises(ValueError, match=r"scales of the shape \(3, 3\) do not cover \(4, 4\) values"):
        Unpacked(odd, {"quant_method": "fp8"})["a.weight"]
