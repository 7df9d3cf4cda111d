"""Where a model's weights go: to one device, over several, or to stay in their files until they are used.

A device map gives modules, by the checkpoint's names, their places: a GPU's number, any device of torch, "cpu", "disk".
`plan` makes one from the sizes; `follow` lets a module's inputs go where its weights are.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Container, Iterable, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bearhug._lib.errors import near
from bearhug.checkpoints.folder import size_bytes
from bearhug.checkpoints.safetensors import SafetensorsFile, Stored, write
from bearhug.checkpoints.weight_map import rules

log = logging.getLogger("bearhug")
WAYS = ("auto", "balanced", "balanced_low_0", "sequential")
Place = Any  # a GPU's number, "cpu", "disk", or what torch.device takes
Limits = dict[Place, int]


def device(place: Place) -> torch.device:
    """The device of a place; what stays on disk is a map of its file, which the CPU reads.

    Raises:
        ValueError: torch knows no such device.
    """
    if isinstance(place, int):
        kind = torch.accelerator.current_accelerator()
        return torch.device("cuda" if kind is None else kind.type, place)
    try:
        return torch.device("cpu" if place == "disk" else place)
    except (RuntimeError, TypeError):
        raise ValueError(
            f"device_map names the place {place!r}, which is none.{near(str(place), (*WAYS, 'cpu', 'cuda', 'disk'))}\n"
            f'Write a device ("cpu", "cuda:0"), one of {", ".join(WAYS)}, or {{module: place}} with numbers of GPUs, '
            '"cpu" and "disk".'
        ) from None


def read_map(device_map: Any) -> dict[str, Place] | str | None:
    """A device map as {module: place}, or the way to make one; None: all on the CPU, as it comes.

    Raises:
        ValueError: a place that there is not, or a negative number.
    """
    if device_map is None:
        default = torch.get_default_device()
        return None if default.type == "cpu" else {"": default}
    if isinstance(device_map, str) and device_map in WAYS:
        return device_map
    if isinstance(device_map, Mapping):
        places = dict(device_map)
    else:
        places = {"": device_map if isinstance(device_map, int) or device_map == "disk" else device(device_map)}
    for place in places.values():
        if isinstance(place, int) and place < 0:
            raise ValueError(f'device_map={place} is no GPU; for the CPU write device_map="cpu".')
        device(place)
    return places


# Making a map


class Sizes:
    """A model's modules by the checkpoint's names, with the bytes of each.

    Args:
        parameters: the whole names, with bytes; a tied one's are 0.
        whole: tells a module that must not be split, a layer.
        ties: a module -> the one that shares its matrix, and goes with it.
    """

    def __init__(self, parameters: Mapping[str, int], whole: Callable[[str], bool], ties: Mapping[str, str]):
        self.bytes: dict[str, int] = {}
        self.parts: dict[str, list[str]] = {}
        self.whole, self.ties = whole, ties
        for name, size in parameters.items():
            steps = name.split(".")
            paths = [".".join(steps[:end]) for end in range(len(steps) + 1)]
            for parent, path in pairwise(paths):
                if path not in self.bytes:
                    self.parts.setdefault(parent, []).append(path)
                self.bytes[path] = self.bytes.get(path, 0) + size
            self.bytes[""] = self.bytes.get("", 0) + size

    def split(self, name: str) -> list[str]:
        """What a module may be split into: the modules in it; () where it is one layer."""
        parts = self.parts.get(name, [])
        return [] if self.whole(name) or not any(part in self.parts for part in parts) else parts

    def largest(self, names: Iterable[str]) -> int:
        """The bytes of the largest layer in these modules."""
        return max(
            (self.largest(parts) if (parts := self.split(name)) else self.bytes[name] for name in names), default=0
        )


def memory(given: Mapping[Place, int | str] | None = None) -> Limits:
    """How many bytes each place may hold, GPUs first: as given ("10GB"), or what is free."""
    if given is not None:
        limits = {place: size_bytes(size) for place, size in given.items()}
        order = sorted(
            limits, key=lambda place: (not isinstance(place, int), place == "disk", place == "cpu", str(place))
        )
        return {place: limits[place] for place in order}
    gpus = {n: torch.cuda.mem_get_info(n)[0] for n in range(torch.cuda.device_count())}
    try:
        own = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # a system that does not tell
        own = sys.maxsize
    return {**gpus, "cpu": int(own * 0.9)}


def plan(sizes: Sizes, way: str, max_memory: Mapping[Place, int | str] | None = None) -> dict[str, Place]:
    """A device map for these sizes: GPUs first, then the CPU, and what is left stays on disk.

    Args:
        way: "auto" and "balanced" give every GPU about as much, "balanced_low_0" the first one less, "sequential"
            fills one after the other.
        max_memory: place -> the bytes that it may hold, "10GB"; None: what is free.
    """
    limits = memory(max_memory)
    if way != "sequential":
        _balance(sizes, limits, way == "balanced_low_0", max_memory is None)
    places = [*limits, *(() if "disk" in limits else ("disk",))]
    gpus = [place for place in places if place not in ("cpu", "disk")]
    # the first device keeps room for the largest layer that is still to come, which may have to visit it
    hosts = [gpus[0], "cpu"] if gpus else ["cpu"]
    found: dict[str, Place] = {}
    queue, used, at = list(sizes.parts.get("", ())), dict.fromkeys(places, 0), 0
    while queue:
        name, place = queue[0], places[at]
        spare = sizes.largest(queue[1:]) or sizes.bytes[name] if place in hosts else 0
        room = sys.maxsize if place == "disk" else limits[place] - spare - used[place]
        if sizes.bytes[name] <= room:
            follower = next((to for one, to in sizes.ties.items() if f"{one}.".startswith(f"{name}.")), None)
            used[place] += sizes.bytes[name]
            for placed in (name, *((follower,) if follower in queue else ())):
                queue.remove(placed)
                found[placed] = place
        elif parts := sizes.split(name):
            queue[:1] = parts
        else:
            used[place] += spare
            at += 1
    return _joined(found)


def _balance(sizes: Sizes, limits: Limits, low: bool, own: bool) -> None:
    """Lower the limits of all GPUs but the last to about an equal share."""
    gpus = sorted(place for place, size in limits.items() if isinstance(place, int) and size > 0)
    if not gpus:
        return
    low = low and len(gpus) > 1
    if len(gpus) == 1 and own:
        limits[gpus[0]] = int(limits[gpus[0]] * 0.9)
    share = sizes.bytes.get("", 0) // (len(gpus) - low)
    layers = [name for name in sizes.bytes if sizes.whole(name)]
    leaves = [name for name, parts in sizes.parts.items() if not any(part in sizes.parts for part in parts)]
    share += int(1.25 * max((sizes.bytes[name] for name in (*layers, *leaves)), default=0))
    for place in gpus[:-1]:
        limits[place] = min(limits[0] if low and place == 0 else share, limits[place])
    if low:
        rest = sizes.bytes.get("", 0) - sum(limits[place] for place in gpus if place)
        limits[0] = min(max(0, rest), limits[0])


def _joined(found: dict[str, Place], module: str = "") -> dict[str, Place]:
    """The same with modules whose parts share a place as one."""
    prefix = f"{module}." if module else ""
    inside = [name for name in found if name.startswith(prefix)]
    if len(inside) > 1 and len({found[name] for name in inside}) == 1:
        found[module] = found.pop(inside[0])
        for name in inside[1:]:
            del found[name]
        return found
    for part in dict.fromkeys(prefix + name[len(prefix) :].split(".")[0] for name in inside if len(name) > len(module)):
        if part != module:
            _joined(found, part)
    return found


def layers_of(table: Iterable[str]) -> Callable[[str], bool]:
    """Tells the layers among a checkpoint's modules by the table of its names: they are numbered."""
    heads = {name[: name.index("{i}")] for name in table if "{i}" in name}
    pattern = re.compile("|".join(rf"{re.escape(head)}[0-9]+" for head in sorted(heads)) or "(?!)")
    return lambda name: pattern.fullmatch(name) is not None


def spelled_out(device_map: Mapping[str, Place], parameters: Iterable[str]) -> dict[str, Place]:
    """Each parameter's place, by their names: that of the nearest module around it.

    Raises:
        ValueError: the map leaves one out.
    """
    found, used = {}, set()
    for name in parameters:
        steps = name.split(".")
        around = (".".join(steps[:end]) for end in range(len(steps), -1, -1))
        module = next((one for one in around if one in device_map), None)
        if module is None:
            raise ValueError(
                f"device_map gives no place for {name}; it names {', '.join(device_map) or 'nothing'}.\n"
                'Name all modules, or add {"": "cpu"} for the rest.'
            )
        used.add(module)
        found[name] = device_map[module]
    if unknown := device_map.keys() - used:
        log.warning("device_map names %s, which the model does not have.", ", ".join(sorted(unknown)))
    return found


def on_disk(name: str, tensor: Tensor, folder: str | os.PathLike | None) -> Tensor:
    """The same tensor as the map of a file in `folder`.

    Raises:
        ValueError: there is no folder.
    """
    if folder is None:
        raise ValueError(
            f"device_map leaves {name} on disk, but the checkpoint's own file holds it in another form or dtype.\n"
            'Say where the converted weights go: offload_folder="offload".'
        )
    path = Path(folder) / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, {name: Stored(tensor.dtype, tuple(tensor.shape), lambda: tensor)})
    return SafetensorsFile(path)[name]


# Computing where the weights are


def home(module: nn.Module) -> torch.device:
    """Where a module's weights are."""
    return next(module.parameters()).device


def moved(value: Any, to: torch.device, known: dict[int, tuple[Any, Any]] | None = None) -> Any:
    """The same value with its tensors on a device; lists and objects of other kinds stay as they are.

    known: what was moved before, by identity; for what all layers are given.
    """
    if isinstance(value, Tensor):
        return value.to(to)
    if not isinstance(value, tuple | Mapping | partial):
        return value
    if known is not None and (held := known.get(id(value))) is not None:
        return held[1]
    if isinstance(value, partial):
        there: Any = partial(value.func, *moved(value.args, to), **value.keywords)
    elif isinstance(value, Mapping):
        there = type(value)(**{name: moved(one, to) for name, one in value.items()})  # type: ignore[call-arg]
    else:
        parts = [moved(one, to) for one in value]
        there = type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if known is not None:
        known[id(value)] = (value, there)
    return there


Known = dict[torch.device, dict[int, tuple[Any, Any]]]


def follow(
    module: nn.Module, where: Callable[[], torch.device] | None = None, back: bool = False, known: Known | None = None
) -> None:
    """Move a module's inputs to its weights at every call, and with `back` its outputs to where the inputs were.

    Args:
        where: to another device instead.
        known: remembers, by device, what all layers are given, so that it is moved once.
    """
    where = partial(home, module) if where is None else where
    came: list[torch.device] = []

    def before(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        to = where()
        memory = None if known is None else known.setdefault(to, {})
        if back:
            given = next((one for one in (*args, *kwargs.values()) if isinstance(one, Tensor)), None)
            came.append(to if given is None else given.device)
        return tuple(moved(one, to, memory) for one in args), {n: moved(one, to, memory) for n, one in kwargs.items()}

    def after(module: nn.Module, args: tuple, output: Any) -> Any:
        return moved(output, came.pop())

    module.register_forward_pre_hook(before, with_kwargs=True)
    if back:
        module.register_forward_hook(after)


def follow_parts(module: nn.Module, known: Known) -> None:
    """The same for a layer; where its parts are in several places, for each of them."""
    places = {parameter.device for parameter in module.parameters()}
    if len(places) == 1:
        follow(module, known=known)
    elif places:
        for part in module.children():
            if len({parameter.device for parameter in part.parameters()}) == 1:
                follow(part, back=True)
            else:
                follow_parts(part, known)


def spread(model: Any) -> None:
    """Let a model of `bearhug.models` compute over several devices, each part where its weights are."""
    for stack in (model.model, model.model.encoder):
        if stack is None:
            continue
        known: Known = {}
        front = partial(home, stack.embed_tokens)
        follow(stack, front)
        stack.register_forward_pre_hook(lambda *_, known=known: known.clear())
        stack.register_forward_hook(lambda module, args, output, front=front: moved(output, front()))
        for layer in stack.layers:
            follow_parts(layer, known)
        for end in (stack.norm, stack.project_out):
            if end is not None and next(end.parameters(), None) is not None:
                follow(end)
        stack.spread = True
    if model.head is not None:
        follow(model.head, back=True)
    follow(model, partial(home, model.model.embed_tokens), back=True)


def placed(
    model: Any,
    device_map: Any,
    max_memory: Mapping[Any, int | str] | None,
    dtype: torch.dtype | None,
) -> dict[str, Place] | None:
    """Each parameter's place, by our names, as a device map says it; None: as they come.

    What is used before the first layer, and a tied output, stays with the table of words.
    """
    read = read_map(device_map)
    if read is None:
        return None
    table = model.recipe.table(model.task, model.config)
    shapes = dict(model.named_parameters(remove_duplicate=False))
    known = {theirs: rule for theirs, rule in rules(table, shapes).items() if rule.written}
    head = model.recipe.heads.get(model.task)
    tied = head is not None and head.tied and model.model.config.tie_word_embeddings
    if isinstance(read, str):
        owner, sizes, ties = {}, {}, {}
        for theirs, rule in known.items():
            parts = [part for part in rule.parts if not (tied and part == OUT)]
            again = any(part in owner for part in parts)
            each = 0 if again else sum(shapes[part].numel() * (dtype or shapes[part].dtype).itemsize for part in parts)
            sizes[theirs] = each
            owner |= {part: theirs for part in rule.parts if part not in owner}
        if tied:
            ties[owner[TABLE].rpartition(".")[0]] = owner[OUT].rpartition(".")[0]
        read = plan(Sizes(sizes, layers_of(table), ties), read, max_memory)
    model.hf_device_map = dict(read)
    by_theirs = spelled_out(read, known)
    places = {part: by_theirs[theirs] for theirs, rule in reversed(known.items()) for part in rule.parts}
    return {name: places[TABLE] if _stays(name, tied) else places.get(name, places[TABLE]) for name in shapes}


TABLE, OUT = "model.embed_tokens.weight", "head.out.weight"


def _stays(name: str, tied: bool) -> bool:
    """Whether a parameter has to be where the table of words is."""
    inner = name.removeprefix("model.").removeprefix("encoder.")
    behind = inner.startswith(("layers.", "norm.", "project_out.", "head."))
    return not behind or (tied and name.startswith("head."))


def put(
    model: Any,
    places: Mapping[str, Place],
    offload_folder: str | os.PathLike | None,
    mapped: Container[str] = (),
) -> None:
    """Move a model's parameters to their places, and let it compute over them where they are several.

    mapped: the parameters that are a file's map already.
    """
    for name, parameter in list(model.named_parameters()):
        place = places[name]
        path, _, last = name.rpartition(".")
        if place == "disk" and name not in mapped:
            data = on_disk(name, parameter.data, offload_folder)
        else:
            data = parameter.data.to(device(place))
        if data is not parameter.data:
            model.get_submodule(path)._parameters[last] = nn.Parameter(data, parameter.requires_grad)
    model.tie_weights()
    if len({parameter.device for parameter in model.parameters()}) > 1:
        spread(model)
