"""Weights into a model and out of it: every tensor is used or reported, every parameter is set or the load fails."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from bearhug.adapters.layers import is_own
from bearhug.checkpoints.devices import Place, device
from bearhug.checkpoints.names import Names
from bearhug.checkpoints.safetensors import Stored
from bearhug.checkpoints.weight_map import Ours, Rule, constants, rules
from bearhug.models.fresh import initialize, materialize

if TYPE_CHECKING:
    from bearhug.models.pretrained import PreTrainedModel

log = logging.getLogger("bearhug")


@dataclass
class Report:
    """What a load did."""

    missing: dict[str, str] = field(default_factory=dict)  # our parameters that the checkpoint lacks -> their name
    unexpected: list[str] = field(default_factory=list)  # their tensors that the model has no place for
    mismatched: dict[str, tuple[str, tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    # our parameters that are stored in another shape -> their name, the stored shape, the model's
    mapped: set[str] = field(default_factory=set)  # our parameters that are views of a file's map

    @property
    def fresh(self) -> list[str]:
        """Our parameters that have to be made anew."""
        return [*self.missing, *self.mismatched]

    def to_dict(self) -> dict[str, list]:
        """As `output_loading_info=True` gives it, in the checkpoint's names."""
        missing, other = dict.fromkeys(self.missing.values()), dict.fromkeys(self.mismatched.values())
        return {"missing_keys": [*missing], "unexpected_keys": [*self.unexpected], "mismatched_keys": [*other],
                "error_msgs": []}  # fmt: skip


def fill(
    model: PreTrainedModel,
    weights: Mapping[str, Tensor],
    *,
    dtype: torch.dtype | None,
    places: Mapping[str, Place] | None = None,
    table: Mapping[str, Ours] | None = None,
) -> Report:
    """Set a model's parameters from a checkpoint's tensors. Of several names for one parameter the table's last counts.

    Args:
        dtype: of all floating parameters; None keeps the stored ones.
        places: where they go; None leaves them where they are, on the CPU a view of the file's memory map.
        table: their names and ours, where they are not the recipe's.
    """
    table = model.recipe.table(model.task, model.config) if table is None else table
    shapes = {name: parameter.shape for name, parameter in model.named_parameters(remove_duplicate=False)}
    known = rules(table, shapes)
    names = Names(model.recipe.prefix_of(model.task), _prefixes(model), known, constants(table))
    report, set_by, file_backed = Report(), {}, getattr(weights, "mapped", False)
    found = {theirs: name for theirs in weights if (name := names.find(theirs)) is not None}
    report.unexpected = [theirs for theirs in weights if theirs not in found and not names.is_constant(theirs)]
    order = {name: place for place, name in enumerate(known)}
    for theirs, name in sorted(found.items(), key=lambda pair: order[pair[1]]):
        whole = weights[theirs]
        for ours, tensor in _parts(known[name], whole, shapes):
            if tensor is None or tensor.shape != shapes[ours]:
                given = tuple(whole.shape) if tensor is None else tuple(tensor.shape)
                report.mismatched[ours] = (theirs, given, tuple(shapes[ours]))
                continue
            if ours in set_by and not torch.equal(model.get_parameter(ours).cpu(), tensor.to(dtype or tensor.dtype)):
                report.unexpected.append(set_by[ours])
            set_by[ours] = theirs
            tensor = _set(model, ours, tensor, dtype, None if places is None else device(places[ours]))
            if file_backed and tensor.device == whole.device and _same_memory(tensor, whole):
                report.mapped.add(ours)
    for theirs, rule in known.items():
        for ours in rule.parts if rule.written else ():
            if ours not in set_by and ours not in report.mismatched:
                report.missing.setdefault(ours, theirs)
    return report


def _parts(rule: Rule, whole: Tensor, shapes: Mapping[str, torch.Size]) -> Iterable[tuple[str, Tensor | None]]:
    """Our tensors in one of theirs; None where it does not hold them."""
    try:
        return zip(rule.parts, rule.split(whole, [shapes[ours][0] for ours in rule.parts]), strict=True)
    except ValueError:
        return [(ours, None) for ours in rule.parts]


def _prefixes(model: PreTrainedModel) -> list[str]:
    """What the transformer may be called in a checkpoint of this family."""
    tasks = ("base", *model.recipe.heads)
    return list(dict.fromkeys(f"{model.recipe.prefix_of(task)}." for task in tasks))


def _set(model: nn.Module, name: str, tensor: Tensor, dtype: torch.dtype | None, device: Any) -> Tensor:
    path, _, last = name.rpartition(".")
    module = model.get_submodule(path)
    if tensor.is_floating_point() and dtype is not None:
        tensor = tensor.to(torch.float32 if last in getattr(module, "always_float32", ()) else dtype)
    if device is not None:
        tensor = tensor.to(device)
    old = module._parameters[last]
    module._parameters[last] = nn.Parameter(tensor, requires_grad=old is None or old.requires_grad)
    return tensor


def _same_memory(tensor: Tensor, whole: Tensor) -> bool:
    return tensor.untyped_storage().data_ptr() == whole.untyped_storage().data_ptr()


def stored(model: PreTrainedModel, state: Mapping[str, Tensor] | None = None) -> dict[str, Stored]:
    """A model's weights under the checkpoint's names, each made when it is written; `state`: these, by our names.

    Tied weights are written once. Where several of their names mean one weight, the first is written; all of them where
    the output is not tied, because the reference then reads each.
    """
    names = [name for name, _ in model.named_parameters() if not is_own(name)]
    ours = {name: model.get_parameter(name) if state is None else state[name] for name in names}
    output = model.get_output_embeddings()
    config = model.model.config
    if output is None:
        tied = config.encoder is None or config.tie_word_embeddings
    else:
        tied = output.weight is model.get_input_embeddings().weight
    result: dict[str, Stored] = {}
    written: set[str] = set()
    for theirs, rule in rules(model.recipe.table(model.task, model.config), ours).items():
        if not rule.written or (tied and not written.isdisjoint(rule.parts)):
            continue
        written.update(rule.parts)
        parts = [ours[name].detach() for name in rule.parts]
        result[theirs] = Stored(parts[0].dtype, rule.shape(parts), lambda rule=rule, parts=parts: rule.join(parts))
    lost = sorted(name for name in ours.keys() - written if model.get_parameter(name).requires_grad)
    if lost:
        raise ValueError(f"the recipe of {model.recipe.name} has no name for {lost[0]!r}, so it cannot be saved.")
    return result


def settle(model: PreTrainedModel, report: Report, new_head: bool, resize: bool, source: str) -> None:
    """What a load left open: tied weights, a pooler that is not there, a fresh head that was allowed; or an error."""
    _settle_constants(model, report)
    _settle_ties(model, report, source)
    if model.task == "base" and model.head is not None:
        own = {f"head.{name}" for name, _ in model.head.named_parameters()}
        if own <= report.missing.keys():
            log.info("%s has no pooler, and the model goes without.", source)
            model.head = None
            report.missing = {ours: theirs for ours, theirs in report.missing.items() if ours not in own}
    refused = [name for name in report.mismatched if not (new_head and name.startswith("head."))]
    if refused and not resize:
        raise ValueError(_mismatched(report, refused, source))
    missing = list(dict.fromkeys(report.missing.values()))
    lost = [theirs for ours, theirs in report.missing.items() if ours.startswith("model.") or model.task == "base"]
    if lost:
        raise ValueError(
            f"{source} lacks {len(lost)} weights of {type(model).__name__}: {_few(lost)}.\n"
            f"It holds besides: {_few(report.unexpected) or 'nothing'}. Is it of this architecture, and whole?"
        )
    if missing and not new_head:
        made_for = ", ".join(model.config.architectures or ()) or "another task"
        raise ValueError(
            f"{source} (made for {made_for}) has no weights for the head of {type(model).__name__}: {_few(missing)}.\n"
            f"To train a new head, allow random weights: {type(model).__name__}.from_pretrained(..., new_head=True)."
        )
    if report.fresh:
        model.fresh_weights = report.fresh
        materialize(model, report.fresh)
        initialize(model, report.fresh)
        model.tie_weights()
    if report.unexpected:
        log.warning(
            "%s: %d tensors have no place in %s and are not used: %s.",
            source, len(report.unexpected), type(model).__name__, _few(report.unexpected),
        )  # fmt: skip


def _settle_constants(model: PreTrainedModel, report: Report) -> None:
    """What nobody trains and everybody knows need not be in a checkpoint."""
    constants = [
        name
        for name, p in model.named_parameters()
        if not p.requires_grad
        and p.device.type == "meta"
        and name.rpartition(".")[2] not in getattr(model.get_submodule(name.rpartition(".")[0]), "stored", ())
    ]
    for name in constants:
        report.missing.pop(name, None)
    if constants:
        materialize(model, constants)
        initialize(model, constants)


def _settle_ties(model: PreTrainedModel, report: Report, source: str) -> None:
    """The output and the table of words share one matrix; either may be the one that is stored."""
    head = model.recipe.heads.get(model.task)
    if head is None or not head.tied or not model.model.config.tie_word_embeddings:
        return
    table, output = model.model.embed_tokens, model.get_output_embeddings()
    assert output is not None
    there = [name for name in ("model.embed_tokens.weight", "head.out.weight") if name not in report.fresh]
    real = table.weight.device.type != "meta"
    if len(there) == 2 and real and not torch.equal(table.weight, output.weight):
        log.warning("%s says that its output is its table of words, but stores two that differ: both are kept.", source)
        model.config.tie_word_embeddings = False
        model.model.config = replace(model.model.config, tie_word_embeddings=False)
    elif there == ["head.out.weight"]:
        table.weight = output.weight
        report.missing.pop("model.embed_tokens.weight", None)
    else:
        report.missing.pop("head.out.weight", None)
        report.mismatched.pop("head.out.weight", None)
        model.tie_weights()


def _mismatched(report: Report, refused: list[str], source: str) -> str:
    name, given, expected = report.mismatched[refused[0]]
    more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    consent = "new_head=True" if all(name.startswith("head.") for name in refused) else "ignore_mismatched_sizes=True"
    return (
        f"{source}: {name} has the shape {given}, but the model expects {expected}{more}.\n"
        "Leave the checkpoint's own sizes as they are (num_labels, vocab_size, ...), or make these weights anew and "
        f"train them: {consent}."
    )


def _few(names: list[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
