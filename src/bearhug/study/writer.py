"""The plain file that a recipe stands for: `model.study()`.

Every part of a model is written out as it is here, with each choice that its config has made already taken: branches
that cannot be reached, caches, dropout and checks are left out. What remains is one file of torch that reads the
checkpoint by itself and gives the same numbers for a whole text. `fold.py` takes the choices; the texts that hold the
layers together stand in `frame.py`. A model is known here only by what it holds.
"""

from __future__ import annotations

import ast
import inspect
import math
import re
import sys
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import is_dataclass
from functools import partial
from typing import Any, TypeGuard

import torch
from torch import nn

from bearhug.study import frame
from bearhug.study.fold import ABSENT, THERE, UNKNOWN, fold, fold_function
from bearhug.study.weights import weight_lines


def study(model: Any) -> str:
    """The text of the file.

    Raises:
        ValueError: the task has no plain file.
    """
    return Writer(model).text()


class Writer:
    """Collects what a model is made of: functions and classes by name, each once, in the order of their use."""

    def __init__(self, model: Any):
        self.model, self.parts, self.names, self.made_by, self.known = model, {}, {}, {}, dict(ABSENT)
        self.variants: dict[tuple[str, str], tuple[str, dict[str, str]]] = {}  # a class's methods -> its name and start
        experts = model.model.config.experts
        self.settled = {**ABSENT, "training": False}  # of functions
        if experts is not None:
            self.settled |= {"experts": experts, "correction": THERE if experts.correction else None}
        self.varying = varying(model.model.layers) if model.model.encoder is None else {}

    def text(self) -> str:
        """The whole file."""
        model, stack = self.model, self.model.model
        body = self.model_class()
        kind, recipe = type(model).__name__, model.recipe
        title = f"{kind}: what bearhug's recipe {recipe.model_type!r} stands for, with one checkpoint's config."
        how = "Run it with the checkpoint's folder and some token ids: python study.py FOLDER 5 17 42"
        call = "ids" if stack.encoder is None else "ids, decoder_input_ids=ids[:, :1]"
        changes = "".join(
            f"    for layer, value in zip(model.layers, {values}, strict=True):\n        layer.{path} = value\n"
            for path, values in self.varying.items()
        )
        use = frame.USE.format(lines="\n".join(weight_lines(model)), varying=changes, call=call)
        text = "\n".join([*self.parts.values(), body, use])
        needed = [line for word, line in frame.IMPORTS.items() if re.search(rf"\b{word}\b", text)]
        return frame.HEADER.format(title=title, how=how, imports="\n".join(needed)) + text

    # ---- classes

    def name_of(self, module: nn.Module, path: str = "") -> str:
        """The name of the class that a part of the model is written as; it is written where it is new."""
        kind = type(module)
        methods: dict[str, ast.FunctionDef] = {}
        waiting, bases = ["forward"], ""
        while waiting:
            method = waiting.pop(0)
            if method in methods:
                continue
            methods[method] = fold(kind, method, module, self.known)
            for node in ast.walk(methods[method]):
                if _is_own(node) and inspect.ismethod(found := getattr(module, node.attr, None)):
                    node.attr = found.__name__  # one method may stand for another
                    waiting.append(node.attr)
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "super":
                    owner = next(one for one in kind.__mro__ if method in vars(one))
                    base = next(one for one in owner.__mro__[1:] if method in vars(one))
                    bases = self.base(base, method, module)
        used = {node.attr for one in methods.values() for node in ast.walk(one) if _is_own(node)}
        if bases:
            used |= {node.attr for node in ast.walk(ast.parse(self.parts[bases])) if _is_own(node)}
        start = [*self.parameters(module, used), *self.children(module, used, path), *self.values(module, used, path)]
        lines = ["def __init__(self):", "    super().__init__()", *(f"    {line}" for line in start)]
        made = "\n".join(lines)
        bases = bases or next((one.__name__ for one in kind.__mro__[1:] if self.made_by.get(one.__name__) == made), "")
        lines = [] if self.made_by.get(bases) == made else [*lines, ""]
        self.made_by.setdefault(kind.__name__, made)
        told = [
            line for method in methods.values() for line in ("", *ast.unparse(self.linked(method, kind)).splitlines())
        ]
        held = {line.split(" = ")[0]: line for line in start}
        like, others = self.variants.get((kind.__name__, "\n".join(told)), ("", {}))
        if like and held.keys() == others.keys() and held != others:  # the same class with other parts
            own = [line for name, line in held.items() if others[name] != line]
            text = "\n".join(["    def __init__(self):", *(f"        {line}" for line in ("super().__init__()", *own))])
            return self.written(kind.__name__, f"({like}):\n{text}\n")
        text = "\n".join(f"    {line}" if line else "" for line in [*lines[:-1], *told[0 if lines else 1 :]])
        name = self.written(kind.__name__, f'({bases or "nn.Module"}):\n    """{_first_line(kind)}"""\n\n{text}\n')
        self.variants.setdefault((kind.__name__, "\n".join(told)), (name, held))
        return name

    def base(self, base: type, method: str, module: nn.Module) -> str:
        """A class above a part's own, with the one method that is called there."""
        tree = self.linked(fold(base, method, module, self.known), base)
        body = textwrap.indent(ast.unparse(tree), "    ")
        return self.written(base.__name__, f'(nn.Module):\n    """{_first_line(base)}"""\n\n{body}\n')

    def written(self, name: str, text: str) -> str:
        """The name under which a class with this text stands; a second one of the same name gets a number."""
        if text not in self.names:
            taken = set(self.names.values())
            self.names[text] = name = next(
                one for one in (name, *(f"{name}{number}" for number in range(2, 99))) if one not in taken
            )
            self.parts[name] = f"\nclass {name}{text}"
        return self.names[text]

    def parameters(self, module: nn.Module, used: Iterable[str]) -> list[str]:
        """Its own weights."""
        return [
            f"self.{name} = nn.Parameter(torch.empty({', '.join(map(str, one.shape))}))"
            if one is not None
            else f"self.{name} = None"
            for name, one in module._parameters.items()
            if name in used
        ]

    def children(self, module: nn.Module, used: Iterable[str], path: str = "") -> list[str]:
        """Its parts."""
        return [
            f"self.{name} = {self.made(part, f'{path}{name}.')}"
            for name, part in module._modules.items()
            if part is not None and name in used
        ]

    def made(self, part: nn.Module, path: str = "") -> str:
        """The expression that makes a part."""
        match part:
            case nn.Module(activation=_, rate=_):  # with dropout after it
                return self.expression(part.activation)
            case nn.ModuleList():
                each = [self.made(one, "" if path == "layers." else path) for one in part]
                if len(set(each)) == 1:
                    return f"nn.ModuleList([{each[0]} for _ in range({len(each)})])"
                return f"nn.ModuleList([{', '.join(each)}])"
            case nn.ModuleDict():
                return f"nn.ModuleDict({{{', '.join(f'{key!r}: {self.made(one)}' for key, one in part.items())}}})"
            case nn.Module(weight=nn.Parameter(), eps=eps) if _is_rms(part):
                return f"nn.RMSNorm({part.weight.shape[0]}, eps={eps})"
            case nn.LayerNorm() if type(part) is nn.LayerNorm:
                flags = "" if part.elementwise_affine else ", elementwise_affine=False"
                flags = ", bias=False" if part.elementwise_affine and part.bias is None else flags
                return f"nn.LayerNorm({part.normalized_shape[0]}, {part.eps}{flags})"
            case nn.Linear() if type(part) is nn.Linear:
                flags = ", bias=False" if part.bias is None else ""
                return f"nn.Linear({part.in_features}, {part.out_features}{flags})"
            case nn.Embedding() if type(part) is nn.Embedding:
                return f"nn.Embedding({part.num_embeddings}, {part.embedding_dim})"
        return f"{self.name_of(part, path)}()"

    def values(self, module: nn.Module, used: Iterable[str], path: str = "") -> list[str]:
        """Its other attributes, as far as they are used."""
        skipped = {*module._parameters, *module._modules, "training"}
        lines = []
        for name in sorted(set(used) - skipped):
            value = getattr(module, name, UNKNOWN)
            if value is UNKNOWN or inspect.ismethod(value):
                continue
            told = "None  # each layer's own, see `load`" if path + name in self.varying else self.expression(value)
            lines.append(f"self.{name} = {told}")
        return lines

    def expression(self, value: Any) -> str:
        """A number, word, function or tuple as it is written."""
        match value:
            case None | bool() | int() | float() | str():
                return repr(value)
            case list() | tuple():
                return repr(type(value)(value))
            case torch.Size():
                return repr(tuple(value))
            case partial(func=function, args=(), keywords=given) if _module(function) == "bearhug.models.attention":
                return self.attention(given.get("cap"))
            case partial():
                words = [f"{name}={one!r}" for name, one in value.keywords.items()]
                return f"partial({', '.join([self.expression(value.func), *map(repr, value.args), *words])})"
        if is_dataclass(value):
            return f"SimpleNamespace({', '.join(f'{name}={one!r}' for name, one in vars(value).items())})"
        if _module(value) == "bearhug.models.attention" and getattr(value, "__name__", "") in ("sdpa", "eager"):
            return self.attention(None)
        for space, word in ((nn.functional, "F"), (torch, "torch"), (math, "math")):
            name = next((name for name in dir(space) if name[0] != "_" and getattr(space, name) is value), None)
            if name is not None:
                return f"{word}.{name}"
        return self.function(value)

    # ---- functions

    def attention(self, cap: float | None) -> str:
        """The function that looks: step by step, so that one can read it."""
        capped = "" if cap is None else f"scores = torch.tanh(scores / {cap}) * {cap}\n    "
        positions = self.model.model.config.positions
        adds = "relative" in positions or positions in ("alibi", "disentangled")
        masked = f"{frame.SEEN} if sight.mask.dtype == torch.bool else scores + sight.mask" if adds else frame.SEEN
        self.parts.setdefault("attend", frame.ATTEND.format(capped=capped, masked=masked))
        return "attend"

    def function(self, function: Callable) -> str:
        """A function of bearhug's, folded and written out; its name."""
        name = function.__name__
        if name in frame.WRITTEN:
            self.parts.setdefault(name, frame.WRITTEN[name])
        elif name not in self.parts:
            self.parts[name] = ""  # before what it calls
            text = ast.unparse(self.linked(fold_function(function, self.settled), function))
            del self.parts[name]
            self.parts[name] = f"\n{text}\n"
        return name

    def linked(self, tree: ast.FunctionDef, owner: Any) -> ast.FunctionDef:
        """The same tree, after the functions of bearhug's that it calls have been written out."""
        space = vars(sys.modules[owner.__module__])
        bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in space and node.id not in bound:
                value = space[node.id]
                if inspect.isfunction(value) and value.__module__.startswith("bearhug."):
                    self.function(value)
                elif isinstance(value, int | float):
                    self.parts.setdefault(node.id, f"\n{node.id} = {value!r}\n")
        return tree

    # ---- the frame

    def model_class(self) -> str:
        """The class that holds the layers together."""
        model, stack = self.model, self.model.model
        if model.task not in frame.ANSWERS:
            raise ValueError(f"task {model.task!r} has no plain file. Load the model with: {', '.join(frame.ANSWERS)}.")
        head = f"        self.head = {self.made(model.head)}\n" if model.head is not None else ""
        if stack.encoder is not None:
            self.parts["Encoder"] = self.stack(stack.encoder, "Encoder", "", "return x", "Reads the other text.")
            head = f"        self.encoder = Encoder()\n{head}"
        answer = frame.ANSWERS[model.task]
        if model.task == "base" and model.head is None:
            answer = "return x"
        if model.task == "sequence-classification":
            answer = answer.format(pick=frame.FIRST if getattr(model, "pick", "first") == "first" else frame.LAST)
        return self.stack(stack, "Model", head, answer, f"The transformer and what stands on it: {model.task}.")

    def stack(self, stack: Any, name: str, head: str, answer: str, doc: str) -> str:
        """One transformer: what it holds, and its forward."""
        turned = [turns_all(stack.positions) or kind in stack.rotaries for kind in stack.kinds]
        turned = [one and kind not in stack.straight for one, kind in zip(turned, stack.kinds, strict=True)]
        self.known = {**ABSENT, "source": THERE if stack.encoder is not None else None}
        if len(set(turned)) == 1 and (turned[0] or stack.config.positions != "disentangled"):
            self.known["rotate"] = THERE if turned[0] else None
        config, inputs = stack.config, "input_ids, attention_mask=None, token_type_ids=None"
        own = [part for part in frame.STACK if stack._modules.get(part) is not None]
        start = [f"self.{part} = {self.made(stack._modules[part], f'{part}.')}" for part in own]
        if stack.config.positions == "disentangled":
            each = {name: self.made(part) for name, part in stack.positions.named_children() if name != "learned"}
            if stack.positions.learned is not None:
                shape = tuple(stack.positions.learned.weight.shape)
                each["learned"] = f"nn.ParameterDict({{'weight': nn.Parameter(torch.empty{shape})}})"
            told = ", ".join(f"{name!r}: {one}" for name, one in each.items())
            start.append(f"self.positions = nn.ModuleDict({{{told}}})")
        elif positions := list(stack.positions.parameters()):
            shape = ", ".join(map(str, positions[0].shape))
            if config.positions == "relative_by_layer":
                bias = f"nn.ParameterDict({{'weight': nn.Parameter(torch.empty({shape}))}})"
                every = f"{{kind: {bias} for kind in {list(config.kinds)}}}"
                start.append(f"self.positions = nn.ModuleDict({{'layers': nn.ModuleDict({every})}})")
            else:
                weight = f"'weight': nn.Parameter(torch.empty({shape}))"
                start.append(f"self.positions = nn.ParameterDict({{{weight}}})")
                if config.positions == "learned_relative":
                    other = ", ".join(map(str, positions[1].shape))
                    start.append(
                        f"self.positions.relative = nn.ParameterDict({{'weight': nn.Parameter(torch.empty({other}))}})"
                    )
        lines = self.forward(stack, name)
        source = ""
        if stack.encoder is not None:
            inputs += ", decoder_input_ids=None"
        text = "\n".join(f"        {line}" if line else "" for line in [*lines, *answer.splitlines()])
        made = "\n".join(f"        {line}" for line in start)
        return (
            f'\nclass {name}(nn.Module):\n    """{doc}"""\n\n    def __init__(self):\n        super().__init__()\n'
            f'{made}\n{head}\n    def forward(self, {inputs}):\n        """Ids (B, T), 1 for real tokens and 0 for '
            f'padding (B, T) -> {"(B, T, D)" if name == "Encoder" else "the answer"}."""\n{source}{text}\n'
        )

    def forward(self, stack: Any, name: str) -> list[str]:
        """The lines from the ids to the last vectors."""
        config, lines = stack.config, []
        self.parts.setdefault("counted", frame.COUNTED.format(padding=_padding(config)))
        windows = any(config.kind(kind).window is not None for kind in stack.kinds)
        self.parts.setdefault(f"sight{config.causal}", frame.SIGHT_CODE[config.causal, windows])
        if stack.encoder is not None:
            shared = "" if stack.encoder.config.own_table else ", table=self.embed_tokens"
            if shared:
                self.parts["Encoder"] = (
                    self.parts["Encoder"]
                    .replace("token_type_ids=None):", "table=None):")
                    .replace("self.embed_tokens(", "table(")
                )
            lines += [
                f"states = self.encoder(input_ids, attention_mask{shared})  # (B, S, D)",
                "given = torch.ones_like(input_ids) if attention_mask is None else attention_mask",
                "source = Source(states, Sight(given.bool()[:, None, None, :], given.bool()))",
                "input_ids, real = decoder_input_ids, torch.ones_like(decoder_input_ids, dtype=torch.bool)",
            ]
            self.parts.setdefault("Source", frame.SOURCE)
        else:
            real = "torch.ones_like(input_ids, dtype=torch.bool)"
            lines.append(f"real = {real} if attention_mask is None else attention_mask.bool()")
        lines += [
            "places = counted(real)  # (B, T)",
            "x = self.embed_tokens(input_ids)",
        ]
        if config.input_scale != 1.0:
            lines.append(f"x = x * {config.input_scale!r}")
        if stack.project_in is not None and not stack.project_late:
            lines.append("x = self.project_in(x)")
        if stack.embed_tasks is not None:
            lines.append("x = x + self.embed_tasks.weight[0]")
        if stack.embed_types is not None:
            lines.append("token_type_ids = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids")
            lines.append("x = x + self.embed_types(token_type_ids)")
        if getattr(stack.positions, "learned", None) is not None:
            lines.append("x = x + F.embedding(places, self.positions['learned']['weight'])")
        if (embed := frame.EMBEDS.get(config.positions)) is not None:
            offset = config.position_offset + config.position_skip
            rows = config.max_position_embeddings + offset
            embed = embed.format(offset=offset, rows=rows, width=config.hidden_size)
            lines.append(embed.replace("places + 0", "places"))
            if config.positions == "sinusoidal":
                padding = f"table[{offset - 1}] = 0.0  # where padding stands\n    " if offset else ""
                self.parts.setdefault("sines", frame.SINES.format(padding=padding))
        if stack.embed_norm is not None:
            lines.append("x = self.embed_norm(x)")
        if stack.project_late:
            lines.append("x = self.project_in(x)")
        return [*lines, *self.layers(stack), *(["x = self.norm(x)"] if stack.norm is not None else []),
                *(["x = self.project_out(x)"] if stack.project_out is not None else [])]  # fmt: skip

    def layers(self, stack: Any) -> list[str]:
        """The lines that run the layers, with what each kind of them looks at and is turned by."""
        config, kinds = stack.config, list(dict.fromkeys(stack.kinds))
        more = ", source" if stack.encoder is not None else ""
        turns, sights, lines = {}, {}, []
        for kind in kinds:
            own = config.kind(kind)
            window = "" if own.window is None else f", {own.window}"
            sights[kind] = f"{_sight(config)}(real{window})"
            if kind in stack.straight or not (kind in stack.rotaries or turns_all(stack.positions)):
                turns[kind] = "None"
            elif config.positions == "disentangled":
                turns[kind] = self.distances(stack.positions)
            else:
                name = "rotation" if len(kinds) == 1 else f"rotation_{kind}"
                turns[kind] = f"{self.rotation(stack.rotaries.get(kind) or stack.positions, name)}(places, real, x)"
        if "relative" in config.positions:
            code = frame.RELATIVE.format(buckets=config.relative_buckets, furthest=config.relative_distance)
            self.parts.setdefault("bucket", code)
            self.parts.setdefault("biased", frame.BIASED)
            each = "by_layer" in config.positions
            table = "self.positions['layers'][{kind!r}]['weight']" if each else "self.positions.weight"
            table = "self.positions.relative.weight" if config.positions == "learned_relative" else table
            distance = f"bucket(places[:, None, :] - places[:, :, None], {config.causal})"
            for kind in kinds:
                bias = f"{table.format(kind=kind)}[{distance}].movedim(-1, 1).to(x.dtype)"
                sights[kind] = f"biased({sights[kind]}, {bias})"
        if config.positions == "alibi":
            own = stack.positions
            rounded = f".to(torch.{own.rounded})" if own.rounded is not None else ""
            lines.append(frame.ALIBI.format(slopes=own.slopes, rounded=rounded, scale=own.scale))
            self.parts.setdefault("biased", frame.BIASED)
            sights = {kind: f"biased({one}, bias)" for kind, one in sights.items()}
        turning = self.known.get("rotate", THERE) is not None
        names = "rotate, look" if turning else "look"
        each = {kind: f"{turns[kind]}, {sights[kind]}" if turning else sights[kind] for kind in kinds}
        if len(set(each.values())) == 1:
            order = f"[self.layers[place] for place in {stack.order}]" if stack.order else "self.layers"
            lines += [f"{names} = {each[kinds[0]]}", f"for layer in {order}:"]
        else:
            lines += ["kinds = {", *(f"    {kind!r}: ({one})," for kind, one in each.items()), "}"]
            lines += [f"for layer, kind in zip(self.layers, {stack.kinds}, strict=True):", f"    {names} = kinds[kind]"]
        return [*lines, f"    x = layer(x, {names}{more})"]

    def distances(self, positions: Any) -> str:
        """What disentangled attention scores, as it is written; the function that tells it is written out."""
        middle, buckets, vectors = positions.buckets // 2, "", "self.positions['far'].weight"
        if middle:
            buckets = frame.BUCKETS.format(middle=middle, last=positions.limit - 1, steps=middle - 1)
        far = ", the far ones in buckets" if middle else ""
        self.parts["distances"] = frame.DISTANCES.format(far=far, buckets=buckets, span=positions.span)
        vectors = vectors if positions.norm is None else f"self.positions['norm']({vectors})"
        return f"distances({vectors}, places)"

    def rotation(self, rotary: Any, name: str) -> str:
        """The function that turns by these parameters; its name."""
        rope = dict(rotary.rope)
        turned = rope.get("dim") or int(rotary.head_dim * rope.get("partial_rotary_factor", 1.0))
        plain = rope["rope_type"] == "default"
        scaling = "" if plain else self.function(rotary.scaling)
        waves = frame.PLAIN_WAVES if plain else frame.ROW_WAVES if rotary.by_length else frame.SHARED_WAVES
        whole = turned == rotary.head_dim
        other = "unflatten(-1, (-1, 2)).flip(-1).flatten(-2)" if rotary.interleaved else f"roll({turned // 2}, -1)"
        turn = frame.TURN if whole else frame.TURN_FRONT
        text = frame.ROTATION.format(
            name="{name}",
            waves=waves.format(
                scaling=scaling, rope=rope, turned=turned, limit=rotary.limit, theta=rope["rope_theta"]
            ).replace("{", "{{").replace("}", "}}"),
            pairs=frame.PAIRS if rotary.interleaved else frame.HALVES,
            turn=turn.format(turned=turned, other=f"{'x' if whole else 'front'}.{other}"),
        )  # fmt: skip
        if text not in self.names:
            self.names[text], self.parts[name] = name, text.format(name=name)
        return self.names[text]


def varying(layers: Iterable[nn.Module]) -> dict[str, list[Any]]:
    """Numbers that differ from layer to layer, where the layers are otherwise alike: path -> each layer's."""
    layers, found = list(layers), {}
    for path, first in layers[0].named_modules():
        for name, value in vars(first).items():
            if isinstance(value, float):
                try:
                    each = [vars(layer.get_submodule(path))[name] for layer in layers]
                except (AttributeError, KeyError):
                    continue
                if len(set(each)) > 1:
                    found[f"{path}.{name}".removeprefix(".")] = each
    return found


def _is_rms(part: nn.Module) -> bool:
    """Whether it computes what torch's class of the name does."""
    forward = inspect.getsource(type(part).forward)
    return forward.rstrip().endswith("    return F.rms_norm(x, self.weight.shape, self.weight, self.eps)")


def _sight(config: Any) -> str:
    return "sight" if config.causal else "whole_sight"


def _padding(config: Any) -> str:
    if config.position_offset or config.padding_before:
        return ".masked_fill(~real, -1)"
    return ".clamp(min=0)"


def _is_own(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"


def _first_line(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " ")


def _module(value: Any) -> str:
    return getattr(value, "__module__", "") or ""


def turns_all(positions: nn.Module) -> bool:
    """Whether these give attention something to turn queries and keys by, or to score."""
    return hasattr(positions, "scaling") or getattr(positions, "far", None) is not None
