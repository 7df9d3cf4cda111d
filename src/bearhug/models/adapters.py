"""LoRA adapters in PEFT's format: small matrices beside large ones, several at once, merged or apart.

LoRA (Hu et al. 2021, arXiv:2106.09685) adds scale * B A to a matrix W; DoRA (arXiv:2402.09353) also gives each row of
the sum a length of its own. An adapter names Hugging Face's modules. Where one of those is several of ours (a fused
q, k and v), A is shared and B is cut as the matrix is. I inputs, O outputs, r the rank.
"""

from __future__ import annotations

import contextlib
import copy
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bearhug._lib.errors import near
from bearhug._lib.files import replacing
from bearhug.checkpoints.folder import read_pickle
from bearhug.checkpoints.safetensors import SafetensorsFile, Stored, write
from bearhug.checkpoints.weight_map import Rule, rules
from bearhug.hub.client import Repo, open_repo

if TYPE_CHECKING:
    from bearhug.models.pretrained import PreTrainedModel

CONFIG, WEIGHTS, PICKLE = "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"
PREFIX = "base_model.model."
HEADS = {"SEQ_CLS": ("classifier", "score"), "TOKEN_CLS": ("classifier", "score"), "QUESTION_ANS": ("qa_outputs",)}
WRITTEN_ANYWAY = {"peft_type": "LORA", "auto_mapping": None, "megatron_config": None, "megatron_core": "megatron.core"}


@dataclass
class LoraConfig:
    """What an adapter changes and how; the names and defaults are PEFT's.

    Args:
        r: the rank.
        lora_alpha: the scale is lora_alpha / r, with `use_rslora` lora_alpha / sqrt(r).
        target_modules: ends of Hugging Face's module names, one regular expression for whole names, "all-linear", or
            None: queries and values.
        exclude_modules: the same, of those that are left out.
        modules_to_save: modules that are trained and saved whole.
        rank_pattern, alpha_pattern: other values for modules whose names end so.
        layers_to_transform, layers_pattern: only these layers.
        bias: "none", "all" or "lora_only": which biases are trained too.
        fan_in_fan_out: accepted; here the checkpoint says how a matrix is stored.
        use_dora: each row of the sum has a length of its own.
        init_lora_weights: True starts with no change, "gaussian" too, False with a random one.
        lora_bias: B has a bias.
    """

    r: int = 8
    lora_alpha: float = 8
    target_modules: list[str] | str | None = None
    exclude_modules: list[str] | str | None = None
    lora_dropout: float = 0.0
    fan_in_fan_out: bool = False
    bias: str = "none"
    use_rslora: bool = False
    modules_to_save: list[str] | None = None
    init_lora_weights: bool | str = True
    layers_to_transform: list[int] | int | None = None
    layers_pattern: list[str] | str | None = None
    rank_pattern: dict[str, int] = field(default_factory=dict)
    alpha_pattern: dict[str, float] = field(default_factory=dict)
    use_dora: bool = False
    lora_bias: bool = False
    task_type: str | None = None
    inference_mode: bool = False
    base_model_name_or_path: str | None = None
    revision: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.r, int) or self.r <= 0:
            raise ValueError(f"r={self.r!r} is no rank; expected a whole number above 0, such as r=8.")
        if self.bias not in ("none", "all", "lora_only"):
            raise ValueError(f"bias={self.bias!r} is none of 'none', 'all', 'lora_only'.")
        if self.init_lora_weights not in (True, False, "gaussian"):
            raise ValueError(f"init_lora_weights={self.init_lora_weights!r} is none of True, False, 'gaussian'.")
        for name in ("target_modules", "exclude_modules", "modules_to_save"):
            if isinstance(getattr(self, name), set | tuple):
                setattr(self, name, sorted(getattr(self, name)))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LoraConfig:
        """From an adapter_config.json.

        Raises:
            ValueError: it describes no LoRA, or one with parts that are not known here.
        """
        if values.get("peft_type", "LORA") != "LORA":
            raise ValueError(f"the adapter is of the type {values['peft_type']!r}; LORA is the one that can be read.")
        known = {item.name for item in fields(cls)}
        harmless = {*WRITTEN_ANYWAY, "peft_version", "runtime_config", "qalora_group_size", "ensure_weight_tying"}
        odd = [
            name
            for name, value in values.items()
            if name not in known | harmless and value not in (None, False, {}, [])
        ]
        if odd:
            raise ValueError(f"the adapter has {odd[0]}={values[odd[0]]!r}, which is not known here.")
        given = {name: value for name, value in values.items() if name in known and value is not None}
        return cls(**given)

    @classmethod
    def from_pretrained(cls, name: str | os.PathLike, **place: Any) -> LoraConfig:
        """The config of an adapter's folder or name."""
        return cls.from_dict(_read_config(open_repo(name, **place)))

    def to_dict(self) -> dict[str, Any]:
        """As an adapter_config.json has it."""
        return {**WRITTEN_ANYWAY, **asdict(self)}

    def save_pretrained(self, folder: str | os.PathLike) -> None:
        """Write adapter_config.json."""
        with replacing(Path(folder) / CONFIG, "w", encoding="utf-8") as file:
            file.write(json.dumps(self.to_dict(), indent=2, sort_keys=True))


class Lora(nn.Module):
    """What one adapter adds to one of our matrices."""

    def __init__(
        self, a: nn.Parameter, b: nn.Parameter, scale: float, dropout: float, bias: nn.Parameter | None = None
    ):
        super().__init__()
        self.a, self.b, self.bias, self.scale = a, b, bias, scale  # a (r, I), b (O, r)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.magnitude: nn.Parameter | None = None  # (O,), of DoRA

    def delta(self, dtype: torch.dtype) -> Tensor:
        """The change of the matrix (O, I)."""
        return (self.b.float() @ self.a.float() * self.scale).to(dtype)

    def lengths(self, weight: Tensor) -> Tensor:
        """What DoRA multiplies the rows of the sum with (O,)."""
        assert self.magnitude is not None
        return self.magnitude / (weight.float() + self.delta(torch.float32)).norm(dim=1).detach()

    def added(self, x: Tensor, weight: Tensor) -> Tensor:
        """What is added to W x: x (..., I) -> (..., O)."""
        x = self.dropout(x.to(self.a.dtype))
        y = F.linear(F.linear(x, self.a), self.b, self.bias) * self.scale
        if self.magnitude is None:
            return y
        lengths = self.lengths(weight)
        return (lengths - 1) * F.linear(x, weight.to(x.dtype)) + lengths * y

    def looked_up(self, ids: Tensor) -> Tensor:
        """What is added to the rows of a table: ids (...) -> (..., O)."""
        return F.linear(F.embedding(ids, self.a.t()), self.b) * self.scale


class Adapted(nn.Module):
    """A layer with adapters beside it; mixed into the layer's own class, so that its weights keep their names."""

    weight: Any
    adapters: nn.ModuleDict
    active: list[str]
    merged: list[str]

    def forward(self, x: Tensor) -> Tensor:
        """The layer, or an adapter's own copy of it, with what the active adapters add."""
        own: list[Any] = [self.adapters[name] for name in self.active if name not in self.merged]
        whole = [module for module in own if not isinstance(module, Lora)]
        if whole:
            return whole[-1](x)
        y = super().forward(x)  # type: ignore[misc]
        for module in own:
            added = module.added(x, self.weight) if x.is_floating_point() else module.looked_up(x)
            y = y + added.to(y.dtype)
        return y


def adapt(module: nn.Module) -> Adapted:
    """Make room for adapters in a layer."""
    if not isinstance(module, Adapted):
        kind = type(module)
        module.__class__ = type(f"Adapted{kind.__name__}", (Adapted, kind), {"__module__": __name__, "plain": kind})
        module.adapters, module.active, module.merged = nn.ModuleDict(), [], []  # type: ignore[assignment]
    return module  # type: ignore[return-value]


def restore(module: Adapted) -> None:
    """Take the room away; the weights stay as they are."""
    del module.adapters, module.active, module.merged
    module.__class__ = module.plain  # type: ignore[attr-defined]


def is_own(name: str) -> bool:
    """Whether a parameter's name is that of an adapter's."""
    return ".adapters." in name


@dataclass
class Place:
    """One of Hugging Face's modules: its name, and ours that its weight is made of."""

    name: str
    rule: Rule
    layers: list[nn.Module]

    def cut(self, whole: Tensor) -> list[Tensor]:
        """A tensor with the matrix's outputs as its first dimension, for each of ours."""
        rows = [_outputs(layer) for layer in self.layers]
        return replace(self.rule, transposed=False, row=False).split(whole, rows)

    def join(self, parts: list[Tensor]) -> Tensor:
        """The inverse of `cut`."""
        return replace(self.rule, transposed=False, row=False).join(parts)


def _outputs(layer: Any) -> int:
    return layer.embedding_dim if isinstance(layer, nn.Embedding) else layer.weight.shape[0]


def _base_parameters(model: PreTrainedModel) -> dict[str, nn.Parameter]:
    return {name: p for name, p in model.named_parameters(remove_duplicate=False) if not is_own(name)}


def _rules(model: PreTrainedModel) -> dict[str, Rule]:
    found = rules(model.recipe.table(model.task, model.config), _base_parameters(model))
    return {name: rule for name, rule in found.items() if rule.written}


def places(model: PreTrainedModel) -> dict[str, Place]:
    """The modules that LoRA can change, by Hugging Face's names: linear layers and tables of words."""
    found: dict[str, Place] = {}
    for theirs, rule in _rules(model).items():
        layers = [model.get_submodule(name.rpartition(".")[0]) for name in rule.parts]
        kinds = nn.Linear | nn.Embedding
        if theirs.endswith(".weight") and all(isinstance(layer, kinds) for layer in layers):
            found[theirs.removesuffix(".weight")] = Place(theirs.removesuffix(".weight"), rule, layers)
    return found


def _ends(name: str, ends: list[str] | str | None) -> bool:
    if not ends:
        return False
    if isinstance(ends, str):
        return re.fullmatch(ends, name) is not None
    return any(name == end or name.endswith(f".{end}") for end in ends)


def _saved_whole(name: str, config: LoraConfig) -> bool:
    modules = [*(config.modules_to_save or ()), *HEADS.get(str(config.task_type), ())]
    return any(re.match(rf"(^|.*\.){module}($|\..*)", name) for module in modules)


def targets(model: PreTrainedModel, config: LoraConfig) -> list[Place]:
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
        and not _saved_whole(name, config)
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


def _attach(model: PreTrainedModel, name: str, config: LoraConfig) -> None:
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
        bs = [nn.Parameter(torch.zeros(_outputs(layer), rank, dtype=wide, device=device)) for layer in place.layers]
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


def _whole_layers(model: PreTrainedModel, config: LoraConfig) -> dict[str, nn.Module]:
    """Our layers that an adapter has a copy of."""
    parts = [
        part.rpartition(".")[0]
        for theirs, rule in _rules(model).items()
        if _saved_whole(theirs.rpartition(".")[0], config)
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


def tensors_of(model: PreTrainedModel, name: str) -> dict[str, nn.Parameter | Tensor]:
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
    for theirs, rule in _rules(model).items():
        module = theirs.rpartition(".")[0]
        if _saved_whole(module, config):
            twins: list[Tensor] = [_parameter(model, part, name) for part in rule.parts]
            found[PREFIX + theirs] = rule.join(twins)
        elif theirs.endswith(".bias") and config.bias != "none":
            beside = f"{PREFIX}{module}.lora_A.weight" in found
            if config.bias == "all" or beside:
                found[PREFIX + (f"{module}.base_layer.bias" if beside else theirs)] = rule.join(
                    [model.get_parameter(part) for part in rule.parts]
                )
    return found


def _parameter(model: PreTrainedModel, name: str, adapter: str) -> nn.Parameter:
    """A parameter of an adapter's copy of a layer."""
    path, _, last = name.rpartition(".")
    return getattr(model.get_submodule(path).adapters[adapter], last)  # type: ignore[index,union-attr,operator]


@torch.no_grad()
def _fill(model: PreTrainedModel, name: str, tensors: Mapping[str, Tensor], source: str) -> None:
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
    known, table = places(model), _rules(model)
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
                place.layers, place.rule.split(whole, [_outputs(x) for x in place.layers]), strict=True
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
                if _saved_whole(theirs.rpartition(".")[0], config)
                else model.get_parameter(part)
                for part in rule.parts
            ]
            for mine, part in zip(own, rule.split(given[key], [p.shape[0] for p in own]), strict=True):
                mine.copy_(part)


_ENDS = {
    "lora_A.weight": "a", "lora_embedding_A": "a", "lora_B.weight": "b", "lora_embedding_B": "b", "lora_B.bias": "bias",
    "lora_magnitude_vector": "magnitude",
}  # fmt: skip


def _named(key: str, adapter: str) -> str:
    """PEFT's name in a file, however much of its wrapping is on it."""
    key = re.sub(rf"\.(modules_to_save\.)?{re.escape(adapter)}(?=\.(weight|bias)$|$)", "", key)
    key = key.replace(".lora_magnitude_vector.weight", ".lora_magnitude_vector").replace(".modules_to_save.", ".")
    return key if key.startswith(PREFIX) else PREFIX + key


def _read_config(repo: Repo) -> dict[str, Any]:
    path = repo.path(CONFIG)
    if path is None:
        raise OSError(
            f"{repo.name!r} has no {CONFIG}, so it is no adapter.\n"
            "An adapter's folder is written by model.save_pretrained(folder)."
        )
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}.") from None


def base_of(name: Any, place: Mapping[str, Any]) -> str | None:
    """The model that an adapter's folder or repository was made for; None: it is no adapter alone.

    Raises:
        ValueError: it does not say.
    """
    try:
        repo = open_repo(name, **place)
        if repo.folder is None and repo.path("config.json") is not None:
            return None
        if repo.path(CONFIG) is None:
            return None
    except (OSError, TypeError):
        return None
    base = _read_config(repo).get("base_model_name_or_path")
    if not base:
        if repo.path("config.json") is not None:
            return None
        raise ValueError(
            f"{repo.name!r} is an adapter, and does not say for which model.\n"
            "Load that model, then the adapter: model.load_adapter(folder)."
        )
    return base


class Adapters:
    """What a model does with adapters: its methods, under the names of PEFT and of Hugging Face's models."""

    peft_config: dict[str, LoraConfig]
    _disabled = False

    def _layers(self) -> Iterator[Adapted]:
        for module in list(self.modules()):  # type: ignore[attr-defined]
            if isinstance(module, Adapted):
                yield module

    def _known(self, names: str | list[str]) -> list[str]:
        names = [names] if isinstance(names, str) else list(names)
        if not self.peft_config:
            raise ValueError(
                "the model has no adapter. Load one, model.load_adapter(folder), "
                "or add one: model.add_adapter(LoraConfig())."
            )
        for name in names:
            if name not in self.peft_config:
                raise ValueError(
                    f"there is no adapter {name!r}.{near(name, self.peft_config)} "
                    f"There are: {', '.join(self.peft_config)}."
                )
        return names

    def add_adapter(self, adapter_config: LoraConfig, adapter_name: str | None = None) -> None:
        """Put a fresh adapter on the model and make it the active one; only it is trained from now on.

        Raises:
            ValueError: the name is taken; target_modules name nothing.
            TypeError: adapter_config is no LoraConfig.
        """
        name = adapter_name or "default"
        if not isinstance(adapter_config, LoraConfig):
            raise TypeError(
                f"add_adapter takes a LoraConfig, not {type(adapter_config).__name__}: add_adapter(LoraConfig(r=8))."
            )
        self._free(name)
        config = replace(adapter_config)
        config.base_model_name_or_path = self.name_or_path or None  # type: ignore[attr-defined]
        _attach(self, name, config)  # type: ignore[arg-type]
        self.peft_config = {**self.peft_config, name: config}
        self.set_adapter(name)
        self._train(name, True)

    def _free(self, name: str) -> None:
        if name in self.peft_config:
            raise ValueError(
                f"there is an adapter {name!r} already. "
                f"Delete it, model.delete_adapter({name!r}), or take another adapter_name."
            )
        if "." in name:
            raise ValueError(f"adapter_name={name!r} has a dot in it, which modules' names cannot have.")

    def load_adapter(
        self,
        peft_model_id: str | os.PathLike | None = None,
        adapter_name: str | None = None,
        peft_config: LoraConfig | Mapping[str, Any] | None = None,
        adapter_state_dict: Mapping[str, Tensor] | None = None,
        is_trainable: bool = False,
        **place: Any,
    ) -> None:
        """Load an adapter from a folder or a name, and make it the active one.

        Args:
            peft_model_id: where its adapter_config.json and adapter_model.safetensors are.
            adapter_name: what it is called here, "default".
            peft_config, adapter_state_dict: these instead of files.
            is_trainable: train it further.
            place: revision, token, subfolder, cache_dir, local_files_only, force_download.

        Raises:
            OSError: the files cannot be found.
            ValueError: the name is taken; the adapter was made for another model.
        """
        name = adapter_name or "default"
        self._free(name)
        for needless in ("low_cpu_mem_usage", "hotswap", "load_config", "torch_device", "ephemeral_gpu_offload"):
            place.pop(needless, None)
        place |= place.pop("adapter_kwargs", None) or {}
        repo = None if peft_model_id is None else open_repo(peft_model_id, **place)
        if repo is None and (peft_config is None or adapter_state_dict is None):
            raise ValueError("load_adapter needs a folder or a name, or peft_config= and adapter_state_dict=.")
        if peft_config is None:
            assert repo is not None
            peft_config = _read_config(repo)
        config = peft_config if isinstance(peft_config, LoraConfig) else LoraConfig.from_dict(peft_config)
        config = replace(config, inference_mode=not is_trainable)
        tensors = adapter_state_dict
        if tensors is None:
            assert repo is not None
            tensors = _read_tensors(repo)
        _attach(self, name, config)  # type: ignore[arg-type]
        self.peft_config = {**self.peft_config, name: config}
        try:
            _fill(self, name, tensors, str(peft_model_id or name))  # type: ignore[arg-type]
        except ValueError:
            self.delete_adapter(name)
            raise
        self.set_adapter(name)
        self._train(name, is_trainable)
        if not is_trainable:
            self.eval()  # type: ignore[attr-defined]

    def _train(self, name: str, on: bool) -> None:
        config = self.peft_config[name]
        for key, parameter in self.named_parameters():  # type: ignore[attr-defined]
            bias = key.endswith(".bias") and (
                config.bias == "all" or (config.bias == "lora_only" and self._beside(key))
            )
            own = f".adapters.{name}." in key
            parameter.requires_grad_(on and (own or (bias and not is_own(key))))

    def _beside(self, key: str) -> bool:
        return isinstance(self.get_submodule(key.rpartition(".")[0]), Adapted)  # type: ignore[attr-defined]

    def set_adapter(self, adapter_name: str | list[str]) -> None:
        """Make these adapters the active ones; several add up."""
        names = self._known(adapter_name)
        for layer in self._layers():
            layer.active = [] if self._disabled else [name for name in names if name in layer.adapters]
        self._active = names

    def active_adapters(self) -> list[str]:
        """The names of the adapters in use."""
        self._known([])
        return list(self._active)

    @property
    def active_adapter(self) -> str:
        """The name of the first adapter in use."""
        return self.active_adapters()[0]

    def disable_adapters(self) -> None:
        """Compute without adapters until `enable_adapters`."""
        self._known([])
        self._disabled = True
        self.set_adapter(self._active)

    def enable_adapters(self) -> None:
        """Use the active adapters again."""
        self._known([])
        self._disabled = False
        self.set_adapter(self._active)

    @contextlib.contextmanager
    def disable_adapter(self) -> Iterator[None]:
        """Compute without adapters inside of a `with`."""
        self.disable_adapters()
        try:
            yield
        finally:
            self.enable_adapters()

    def delete_adapter(self, adapter_names: str | list[str]) -> None:
        """Take adapters off the model."""
        names = self._known(adapter_names)
        self.peft_config = {name: config for name, config in self.peft_config.items() if name not in names}
        for layer in self._layers():
            for name in names:
                if name in layer.adapters:
                    del layer.adapters[name]
            layer.active = [name for name in layer.active if name not in names]
            if not layer.adapters:
                restore(layer)
        left = [name for name in getattr(self, "_active", []) if name not in names]
        self._active = left or list(self.peft_config)[:1]
        if self.peft_config:
            self.set_adapter(self._active)

    @torch.no_grad()
    def merge_adapter(self, adapter_names: list[str] | None = None) -> None:
        """Add the active adapters, or these, into the weights; `unmerge_adapter` takes them out."""
        names = self._known(self._active if adapter_names is None else adapter_names)
        for layer in self._layers():
            for name in names:
                lora = layer.adapters[name] if name in layer.adapters else None
                if isinstance(lora, Lora) and name not in layer.merged:
                    layer.weight.data = _merged(layer, lora)
                    if lora.bias is not None:
                        layer.bias.data = layer.bias + lora.bias * lora.scale  # type: ignore[operator]
                    layer.merged.append(name)

    @torch.no_grad()
    def unmerge_adapter(self) -> None:
        """Take merged adapters out of the weights again, as exactly as the dtype allows."""
        for layer in self._layers():
            while layer.merged:
                lora: Any = layer.adapters[layer.merged.pop()]
                layer.weight.data = _merged(layer, lora, back=True)
                if lora.bias is not None:
                    layer.bias.data = layer.bias - lora.bias * lora.scale  # type: ignore[operator]

    @torch.no_grad()
    def merge_and_unload(self, safe_merge: bool = False, adapter_names: list[str] | None = None, **_: Any) -> Any:
        """Add the active adapters, or these, into the weights for good, and take all adapters off. Gives the model.

        Raises:
            ValueError: with `safe_merge`, where a weight would no longer be finite.
        """
        names = self._known(self._active if adapter_names is None else adapter_names)
        self.merge_adapter(names)
        if safe_merge and not all(bool(layer.weight.isfinite().all()) for layer in self._layers()):
            self.unmerge_adapter()
            raise ValueError("a merged weight would not be finite; the adapter is broken.")
        for layer in self._layers():
            for name in names:
                twin = layer.adapters[name] if name in layer.adapters else None
                if twin is not None and not isinstance(twin, Lora):
                    layer._parameters.update(twin._parameters)
        return self._bared()

    def unload(self) -> Any:
        """Take all adapters off without merging. Gives the model."""
        self._known([])
        self.unmerge_adapter()
        return self._bared()

    def _bared(self) -> Any:
        for layer in self._layers():
            restore(layer)
        self.peft_config, self._active, self._disabled = {}, [], False
        model: Any = self
        output, table = model.get_output_embeddings(), model.get_input_embeddings()
        if output is not None and output.weight is not table.weight and model.model.config.tie_word_embeddings:
            model.config.tie_word_embeddings = False
            model.model.config = replace(model.model.config, tie_word_embeddings=False)
        return self

    @torch.no_grad()
    def add_weighted_adapter(
        self, adapters: list[str], weights: list[float], adapter_name: str, combination_type: str = "svd",
        svd_rank: int | None = None,
    ) -> None:  # fmt: skip
        """A new adapter out of several.

        Args:
            combination_type: "cat" is their weighted sum exactly, of all ranks together; "svd" is the nearest to it of
                the largest rank, or of `svd_rank`; "linear" adds up the matrices themselves, of one rank.
        """
        names = self._known(adapters)
        if len(names) != len(weights):
            raise ValueError(f"{len(names)} adapters need as many weights, not {len(weights)}.")
        if combination_type not in COMBINATIONS:
            raise ValueError(
                f"combination_type={combination_type!r} is none of {', '.join(map(repr, COMBINATIONS))}."
                f"{near(combination_type, COMBINATIONS)}"
            )
        self._free(adapter_name)
        configs = [self.peft_config[name] for name in names]
        ranks = [config.r for config in configs]
        if combination_type == "linear" and len(set(ranks)) > 1:
            raise ValueError(f"'linear' adds up adapters of one rank, and these have {ranks}. Take 'cat' or 'svd'.")
        rank = {"linear": ranks[0], "cat": sum(ranks), "svd": svd_rank or max(ranks)}[combination_type]
        mine: Any = self
        wanted = [
            place.name
            for place in places(mine).values()
            if any(isinstance(x, Adapted) and set(names) & set(x.adapters) for x in place.layers)
        ]
        config = replace(
            configs[0],
            r=rank,
            lora_alpha=rank,
            target_modules=wanted,
            use_rslora=False,
            rank_pattern={},
            alpha_pattern={},
        )
        _attach(mine, adapter_name, config)
        self.peft_config = {**self.peft_config, adapter_name: config}
        for place in places(mine).values():
            layers = [x for x in place.layers if isinstance(x, Adapted) and adapter_name in x.adapters]
            if not layers or not isinstance(layers[0].adapters[adapter_name], Lora):
                continue
            parts = []
            for name, weight in zip(names, weights, strict=True):
                loras: list[Any] = [x.adapters[name] for x in layers if name in x.adapters]
                if loras:
                    parts.append((loras[0].a, place.join([x.b for x in loras]), weight * loras[0].scale))
            a, b = COMBINATIONS[combination_type](parts, rank)
            new: list[Any] = [x.adapters[adapter_name] for x in layers]
            new[0].a.zero_()[: a.shape[0]].copy_(a)
            for lora, part in zip(new, place.cut(b), strict=True):
                lora.b.zero_()[:, : part.shape[1]].copy_(part)
        self.set_adapter(self._active)

    def get_adapter_state_dict(self, adapter_name: str | None = None, **_: Any) -> dict[str, Tensor]:
        """An adapter's tensors under PEFT's names."""
        (name,) = self._known(adapter_name or self._active[:1])
        return {key: value.detach() for key, value in tensors_of(self, name).items()}  # type: ignore[arg-type]

    def save_adapter(self, folder: str | os.PathLike, adapter_name: str | None = None) -> None:
        """Write adapter_config.json and adapter_model.safetensors of an adapter, as PEFT reads them."""
        (name,) = self._known(adapter_name or self._active[:1])
        tensors = self.get_adapter_state_dict(name)
        stored = {
            key: Stored(value.dtype, tuple(value.shape), lambda value=value: value.contiguous())
            for key, value in tensors.items()
        }
        Path(folder).mkdir(parents=True, exist_ok=True)
        write(Path(folder) / WEIGHTS, stored)
        replace(self.peft_config[name], inference_mode=True).save_pretrained(folder)

    def get_nb_trainable_parameters(self) -> tuple[int, int]:
        """How many numbers are trained, and how many there are."""
        parameters = list(self.parameters())  # type: ignore[attr-defined]
        return sum(p.numel() for p in parameters if p.requires_grad), sum(p.numel() for p in parameters)

    def print_trainable_parameters(self) -> None:
        """Say how many numbers are trained."""
        some, everything = self.get_nb_trainable_parameters()
        print(f"trainable params: {some:,} || all params: {everything:,} || trainable%: {100 * some / everything:.4f}")


def _merged(layer: Any, lora: Any, back: bool = False) -> Tensor:
    weight, delta = layer.weight, lora.delta(torch.float32)
    if isinstance(layer, nn.Embedding):
        delta = delta.t()
    if lora.magnitude is None:
        return (weight.float() - delta if back else weight.float() + delta).to(weight.dtype)
    if not back:
        lora.factor = lora.lengths(weight)[:, None]
        return (lora.factor * (weight.float() + delta)).to(weight.dtype)
    return (weight.float() / lora.factor - delta).to(weight.dtype)


Parts = list[tuple[Tensor, Tensor, float]]


def _linear(parts: Parts, rank: int) -> tuple[Tensor, Tensor]:
    a = sum(math.sqrt(abs(w)) * math.copysign(1, w) * a for a, _, w in parts)
    return a, sum(math.sqrt(abs(w)) * b for _, b, w in parts)  # type: ignore[return-value]


def _cat(parts: Parts, rank: int) -> tuple[Tensor, Tensor]:
    return torch.cat([a * w for a, _, w in parts]), torch.cat([b for _, b, _ in parts], 1)


def _svd(parts: Parts, rank: int) -> tuple[Tensor, Tensor]:
    u, s, v = torch.linalg.svd(sum(w * (b.float() @ a.float()) for a, b, w in parts), full_matrices=False)  # type: ignore[arg-type]
    return v[:rank], u[:, :rank] * s[:rank]


COMBINATIONS: dict[str, Callable[[Parts, int], tuple[Tensor, Tensor]]] = {"linear": _linear, "cat": _cat, "svd": _svd}


def _read_tensors(repo: Repo) -> Mapping[str, Tensor]:
    if (path := repo.path(WEIGHTS)) is not None:
        return SafetensorsFile(path)
    if (path := repo.path(PICKLE)) is not None:
        return read_pickle(path)
    raise OSError(f"{repo.name!r} has neither {WEIGHTS} nor {PICKLE}.")


def get_peft_model(
    model: PreTrainedModel, peft_config: LoraConfig, adapter_name: str = "default", **_: Any
) -> PreTrainedModel:
    """The model with a fresh adapter, which alone is trained; it is the same object."""
    model.add_adapter(peft_config, adapter_name)
    return model


class PeftModel:
    """PEFT's way to load an adapter; what it gives is the model itself."""

    def __init__(self, *_: Any, **__: Any):
        raise OSError(
            "PeftModel is made by PeftModel.from_pretrained(model, folder) or get_peft_model(model, LoraConfig())."
        )

    @classmethod
    def from_pretrained(
        cls,
        model: PreTrainedModel,
        model_id: str | os.PathLike,
        adapter_name: str = "default",
        is_trainable: bool = False,
        **place: Any,
    ) -> PreTrainedModel:
        """The model with an adapter from a folder or a name."""
        model.load_adapter(model_id, adapter_name, is_trainable=is_trainable, **place)
        return model
