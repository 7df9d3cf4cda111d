"""Where adapters go: Hugging Face's modules that one changes, and what of the model stands there.

Where one of those modules is several of ours (a fused q, k and v), A is shared and B is cut as the matrix is.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from bearhug._lib.errors import near
from bearhug.adapters.config import LoraConfig
from bearhug.adapters.layers import Adapted, Lora, adapt, is_own, restore
from bearhug.checkpoints.weight_map import Rule, rules

HEADS = {"SEQ_CLS": ("classifier", "score"), "TOKEN_CLS": ("classifier", "score"), "QUESTION_ANS": ("qa_outputs",)}


@dataclass
class Place:
    """One of Hugging Face's modules: its name, and ours that its weight is made of."""

    name: str
    rule: Rule
    layers: list[nn.Module]

    def cut(self, whole: Tensor) -> list[Tensor]:
        """A tensor with the matrix's outputs as its first dimension, for each of ours."""
        rows = [outputs(layer) for layer in self.layers]
        return replace(self.rule, transposed=False, row=False).split(whole, rows)

    def join(self, parts: list[Tensor]) -> Tensor:
        """The inverse of `cut`."""
        return replace(self.rule, transposed=False, row=False).join(parts)


def places(model: Any) -> dict[str, Place]:
    """The modules that LoRA can change, by Hugging Face's names: linear layers and tables of words."""
    found: dict[str, Place] = {}
    for theirs, rule in written_rules(model).items():
        layers = [model.get_submodule(name.rpartition(".")[0]) for name in rule.parts]
        kinds = nn.Linear | nn.Embedding
        if theirs.endswith(".weight") and all(isinstance(layer, kinds) for layer in layers):
            found[theirs.removesuffix(".weight")] = Place(theirs.removesuffix(".weight"), rule, layers)
    return found


def targets(model: Any, config: LoraConfig) -> list[Place]:
    """The modules that an adapter changes.

    Raises:
        ValueError: there are none.
    """
    known, wanted = places(model), config.target_modules
    output = model.get_output_embeddings()
    if wanted == "all-linear":
        wanted = [
            place.name
            for place in known.values()
            if isinstance(place.layers[0], nn.Linear) and place.layers[0] is not output
        ]
    elif wanted is None:
        usual = ("attention.q_proj.weight", "attention.v_proj.weight")
        wanted = sorted(
            {p.name.rpartition(".")[2] for p in known.values() if any(n.endswith(usual) for n in p.rule.parts)}
        )
        config.target_modules = wanted
    found = [
        place
        for name, place in known.items()
        if _ends(name, wanted)
        and not _ends(name, config.exclude_modules)
        and not saved_whole(name, config)
        and _in_layers(name, config)
    ]
    if not found:
        ends = sorted({name.rpartition(".")[2] for name in known})
        given = wanted if isinstance(wanted, str) else ", ".join(map(repr, wanted or ()))
        hint = near(wanted[0], ends) if isinstance(wanted, list) and wanted else ""
        raise ValueError(
            f"target_modules {given} are no modules of {type(model).__name__}.{hint}\nThere are: {', '.join(ends)}."
        )
    return found


def attach(model: Any, name: str, config: LoraConfig) -> None:
    """Put a fresh adapter beside the layers it changes."""
    wide = torch.float32 if model.dtype in (torch.float16, torch.bfloat16) else model.dtype
    for place in targets(model, config):
        rank = _by_pattern(config.rank_pattern, place.name, config.r)
        alpha = _by_pattern(config.alpha_pattern, place.name, config.lora_alpha)
        scale = alpha / (math.sqrt(rank) if config.use_rslora else rank)
        first: Any = place.layers[0]
        device = first.weight.device
        table = isinstance(first, nn.Embedding)
        inputs = first.num_embeddings if table else first.weight.shape[1]
        a = nn.Parameter(torch.zeros(rank, inputs, dtype=wide, device=device))
        bs = [nn.Parameter(torch.zeros(outputs(layer), rank, dtype=wide, device=device)) for layer in place.layers]
        _start(config.init_lora_weights, a, bs, table)
        for layer, b in zip(place.layers, bs, strict=True):
            bias = nn.Parameter(torch.zeros(b.shape[0], dtype=wide, device=device)) if config.lora_bias else None
            lora = Lora(a, b, scale, config.lora_dropout, bias)
            if config.use_dora:
                weight = layer.weight.detach().float()  # type: ignore[union-attr]
                lora.magnitude = nn.Parameter((weight + lora.delta(torch.float32)).norm(dim=1).detach().to(wide))
            adapt(layer).adapters[name] = lora
    for layer in _whole_layers(model, config).values():
        twin = copy.deepcopy(layer)
        if isinstance(twin, Adapted):
            restore(twin)
        adapt(layer).adapters[name] = twin


def _base_parameters(model: Any) -> dict[str, nn.Parameter]:
    return {name: p for name, p in model.named_parameters(remove_duplicate=False) if not is_own(name)}


def written_rules(model: Any) -> dict[str, Rule]:
    """Their names of the model's own weights, as they are written."""
    found = rules(model.recipe.table(model.task, model.config), _base_parameters(model))
    return {name: rule for name, rule in found.items() if rule.written}


def outputs(layer: Any) -> int:
    """How many numbers a layer gives."""
    return layer.embedding_dim if isinstance(layer, nn.Embedding) else layer.weight.shape[0]


def _ends(name: str, ends: list[str] | str | None) -> bool:
    if not ends:
        return False
    if isinstance(ends, str):
        return re.fullmatch(ends, name) is not None
    return any(name == end or name.endswith(f".{end}") for end in ends)


def saved_whole(name: str, config: LoraConfig) -> bool:
    """Whether an adapter has a copy of its own of a module."""
    modules = [*(config.modules_to_save or ()), *HEADS.get(str(config.task_type), ())]
    return any(re.match(rf"(^|.*\.){module}($|\..*)", name) for module in modules)


def _in_layers(name: str, config: LoraConfig) -> bool:
    layers = config.layers_to_transform
    if layers is None or layers == []:
        return True
    patterns = [config.layers_pattern] if isinstance(config.layers_pattern, str) else config.layers_pattern
    pattern = "|".join(patterns) if patterns else r"[^.]*"
    match = re.match(rf"(?:^|.*?\.)(?:{pattern})\.(?P<number>\d+)\.", name)
    return match is not None and int(match["number"]) in ([layers] if isinstance(layers, int) else layers)


def _by_pattern(patterns: Mapping[str, Any], name: str, usual: Any) -> Any:
    return next((value for key, value in patterns.items() if re.match(rf"(.*\.)?({key})$", name)), usual)


def _whole_layers(model: Any, config: LoraConfig) -> dict[str, nn.Module]:
    """Our layers that an adapter has a copy of."""
    parts = [
        part.rpartition(".")[0]
        for theirs, rule in written_rules(model).items()
        if saved_whole(theirs.rpartition(".")[0], config)
        for part in rule.parts
    ]
    return {name: model.get_submodule(name) for name in dict.fromkeys(parts)}


@torch.no_grad()
def _start(how: bool | str, a: Tensor, bs: list[nn.Parameter], table: bool) -> None:
    if table:
        for b in bs:
            b.normal_()
    elif how == "gaussian":
        a.normal_(0.0, 1 / a.shape[0])
    else:
        nn.init.kaiming_uniform_(a, a=math.sqrt(5))
    if how is False:
        a.normal_() if table else [nn.init.kaiming_uniform_(b, a=math.sqrt(5)) for b in bs]
