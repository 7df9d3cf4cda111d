"""An adapter's tensors under PEFT's names: out of a model, and into it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from bearhug.adapters.layers import Adapted, Lora
from bearhug.adapters.places import outputs, places, saved_whole, written_rules
from bearhug.checkpoints.folder import read_pickle
from bearhug.checkpoints.safetensors import SafetensorsFile
from bearhug.hub.client import Repo

WEIGHTS, PICKLE = "adapter_model.safetensors", "adapter_model.bin"
PREFIX = "base_model.model."
_ENDS = {
    "lora_A.weight": "a", "lora_embedding_A": "a", "lora_B.weight": "b", "lora_embedding_B": "b", "lora_B.bias": "bias",
    "lora_magnitude_vector": "magnitude",
}  # fmt: skip


def tensors_of(model: Any, name: str) -> dict[str, nn.Parameter | Tensor]:
    """An adapter's tensors under PEFT's names."""
    config, found = model.peft_config[name], {}
    for place in places(model).values():
        parts: list[Any] = [
            layer.adapters[name] for layer in place.layers if isinstance(layer, Adapted) and name in layer.adapters
        ]
        if len(parts) != len(place.layers) or not isinstance(parts[0], Lora):
            continue
        start = f"{PREFIX}{place.name}."
        b = place.join([part.b for part in parts])
        if isinstance(place.layers[0], nn.Embedding):
            found |= {f"{start}lora_embedding_A": parts[0].a, f"{start}lora_embedding_B": b}
            continue
        found |= {f"{start}lora_A.weight": parts[0].a, f"{start}lora_B.weight": b}
        if parts[0].bias is not None:
            found[f"{start}lora_B.bias"] = place.join([part.bias for part in parts])
        if parts[0].magnitude is not None:
            found[f"{start}lora_magnitude_vector"] = place.join([part.magnitude for part in parts])
    for theirs, rule in written_rules(model).items():
        module = theirs.rpartition(".")[0]
        if saved_whole(module, config):
            twins: list[Tensor] = [_parameter(model, part, name) for part in rule.parts]
            found[PREFIX + theirs] = rule.join(twins)
        elif theirs.endswith(".bias") and config.bias != "none":
            beside = f"{PREFIX}{module}.lora_A.weight" in found
            if config.bias == "all" or beside:
                found[PREFIX + (f"{module}.base_layer.bias" if beside else theirs)] = rule.join(
                    [model.get_parameter(part) for part in rule.parts]
                )
    return found


@torch.no_grad()
def fill(model: Any, name: str, tensors: Mapping[str, Tensor], source: str) -> None:
    """Set a fresh adapter's tensors.

    Raises:
        ValueError: one is missing, has another shape, or has no place.
    """
    expected = tensors_of(model, name)
    given = {_named(key, name): value for key, value in tensors.items()}
    base = {key: given.pop(key) for key in list(given) if key.endswith(".base_layer.weight")}
    odd = [key for key in given if key not in expected]
    lost = [key for key in expected if key not in given]
    if odd or lost:
        word, first = ("lacks", lost[0]) if lost else ("has", odd[0])
        more = "" if lost else f", which has no place in {type(model).__name__}"
        raise ValueError(f"the adapter {source} {word} {first}{more}. Was it made for this model?")
    for key, tensor in given.items():
        if tensor.shape != expected[key].shape:
            raise ValueError(
                f"the adapter {source}: {key} has the shape {tuple(tensor.shape)}, and {type(model).__name__} expects "
                f"{tuple(expected[key].shape)}."
            )
    known, table = places(model), written_rules(model)
    for place in known.values():
        start = f"{PREFIX}{place.name}."
        loras = [
            layer.adapters[name] for layer in place.layers if isinstance(layer, Adapted) and name in layer.adapters
        ]
        for end, attribute in _ENDS.items():
            if start + end not in given or not isinstance(loras[0], Lora):
                continue
            if attribute == "a":
                loras[0].a.copy_(given[start + end])
                continue
            for lora, part in zip(loras, place.cut(given[start + end]), strict=True):
                getattr(lora, attribute).copy_(part)
        if (whole := base.get(f"{start}base_layer.weight")) is not None:
            for layer, part in zip(
                place.layers, place.rule.split(whole, [outputs(x) for x in place.layers]), strict=True
            ):
                if part.shape == layer.weight.shape:  # type: ignore[union-attr]
                    layer.weight.copy_(part)  # type: ignore[union-attr]
    config = model.peft_config[name]
    for theirs, rule in table.items():
        key = next(
            (key for key in (PREFIX + theirs, PREFIX + theirs.replace(".bias", ".base_layer.bias")) if key in given),
            None,
        )
        if key is not None:
            own = [
                _parameter(model, part, name)
                if saved_whole(theirs.rpartition(".")[0], config)
                else model.get_parameter(part)
                for part in rule.parts
            ]
            for mine, part in zip(own, rule.split(given[key], [p.shape[0] for p in own]), strict=True):
                mine.copy_(part)


def read_tensors(repo: Repo) -> Mapping[str, Tensor]:
    """What adapter_model.safetensors holds, or the older .bin.

    Raises:
        OSError: there is neither.
    """
    if (path := repo.path(WEIGHTS)) is not None:
        return SafetensorsFile(path)
    if (path := repo.path(PICKLE)) is not None:
        return read_pickle(path)
    raise OSError(f"{repo.name!r} has neither {WEIGHTS} nor {PICKLE}.")


def _parameter(model: Any, name: str, adapter: str) -> nn.Parameter:
    """A parameter of an adapter's copy of a layer."""
    path, _, last = name.rpartition(".")
    return getattr(model.get_submodule(path).adapters[adapter], last)  # type: ignore[index,union-attr,operator]


def _named(key: str, adapter: str) -> str:
    """PEFT's name in a file, however much of its wrapping is on it."""
    key = re.sub(rf"\.(modules_to_save\.)?{re.escape(adapter)}(?=\.(weight|bias)$|$)", "", key)
    key = key.replace(".lora_magnitude_vector.weight", ".lora_magnitude_vector").replace(".modules_to_save.", ".")
    return key if key.startswith(PREFIX) else PREFIX + key
