"""The plain file that a recipe stands for: `model.study()`.

Every part of a model is written out as it is here, with each choice that its config has made already taken: branches
that cannot be reached, caches, dropout and checks are left out. What remains is one file of torch that reads the
checkpoint by itself and gives the same numbers for a whole text. `fold` takes the choices; the frame that holds the
layers together stands in `_FRAME`.
"""

from __future__ import annotations

import ast
import inspect
import math
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import is_dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeGuard

import torch
from torch import nn

from bearhug.checkpoints.weight_map import Rule, rules
from bearhug.models.mlp import Dropped
from bearhug.models.positions import SCALINGS, Rotary

if TYPE_CHECKING:
    from bearhug.models.pretrained import PreTrainedModel

UNKNOWN = object()
THERE = object()  # something that is not None
ABSENT = {"cache": None, "seen": None}  # what the plain file does without: taken out of signatures and calls
FIELDS = {"sight": {"causal": False, "last": 0}, "source": {"seen": None}}  # it writes its masks out, and keeps nothing


def study(model: PreTrainedModel) -> str:
    """The text of the file.

    Raises:
        ValueError: the task, or a part of the architecture, has no plain file; mixtures of experts take more than one.
    """
    if model.model.config.experts is not None:
        raise ValueError(
            f"{type(model).__name__} is a mixture of experts, and study() writes no plain file of those.\n"
            "Read its parts in bearhug/models/experts.py, or study a model without experts."
        )
    if model.model.config.positions == "disentangled":
        raise ValueError(
            f"{type(model).__name__} tells distances in its attention, and study() writes no plain file of that.\n"
            "Read it in bearhug/models/attention.py, or study a model with other positions."
        )
    return Writer(model).text()


# ---- taking the choices


class Fold(ast.NodeTransformer):
    """One function with the choices taken that its object and known arguments leave no doubt about."""

    def __init__(self, own: Any, known: Mapping[str, Any]):
        self.own, self.known = own, dict(known)

    def value(self, node: ast.AST) -> Any:
        """What an expression is, or UNKNOWN. A part that is there is only known to be that."""
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return self.known.get(node.id, UNKNOWN)
            case ast.Attribute(value=ast.Name(id="sight" | "source" as name)):
                return FIELDS[name].get(node.attr, UNKNOWN)
            case ast.Attribute(value=ast.Name(id="self")) if self.own is not None:
                if node.attr == "training":
                    return False
                return getattr(self.own, node.attr, UNKNOWN)
            case ast.Attribute():
                inner = self.value(node.value)
                simple = inner is not UNKNOWN and not isinstance(inner, torch.Tensor | nn.Module | None.__class__)
                return getattr(inner, node.attr, UNKNOWN) if simple else UNKNOWN
            case ast.UnaryOp(op=ast.Not()):
                inner = self.truth(node.operand)
                return UNKNOWN if inner is None else not inner
            case ast.BoolOp():
                truths = [self.truth(value) for value in node.values]
                decisive = isinstance(node.op, ast.Or)
                if decisive in truths:
                    return decisive
                return UNKNOWN if None in truths else not decisive
            case ast.Compare(ops=[op], comparators=[other]):
                return _compared(op, self.value(node.left), self.value(other))
        return UNKNOWN

    def truth(self, node: ast.AST) -> bool | None:
        """Whether it holds; None: that depends."""
        value = self.value(node)
        if value is UNKNOWN or isinstance(value, torch.Tensor):
            return None
        return True if isinstance(value, nn.Module) else bool(value)

    def visit_If(self, node: ast.If) -> Any:
        """The branch that is taken; checks that only raise are left out."""
        truth = self.truth(node.test)
        if truth is not None:
            return self.body(node.body if truth else node.orelse)
        body, other = self.body(node.body), self.body(node.orelse)
        if all(isinstance(one, ast.Raise) for one in body):  # or nothing is left
            return other
        node.test, node.body, node.orelse = self.visit(node.test), body, other
        return node

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        """The side that is taken."""
        truth = self.truth(node.test)
        return self.generic_visit(node) if truth is None else self.visit(node.body if truth else node.orelse)

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        """Without what decides nothing."""
        idle = isinstance(node.op, ast.And)
        node.values = [value for value in node.values if self.truth(value) is not idle] or node.values[:1]
        return self.visit(node.values[0]) if len(node.values) == 1 else self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> Any:
        """What is tried: the file does without checks."""
        return self.body(node.body)

    def visit_Assert(self, node: ast.Assert) -> None:
        """Nothing."""

    def visit_With(self, node: ast.With) -> Any:
        """What stands in it."""
        return self.body(node.body) if ast.unparse(node.items[0]).startswith("torch.") else self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """Without the type."""
        if node.value is None:
            return None
        return self.visit(ast.copy_location(ast.Assign([node.target], node.value), node))

    def visit_Name(self, node: ast.Name) -> Any:
        """A known number in place of its name."""
        value = self.known.get(node.id, UNKNOWN)
        return ast.Constant(value) if isinstance(node.ctx, ast.Load) and _is_number(value) else node

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        """A known number of the sight in place of it."""
        given = isinstance(node.value, ast.Name) and node.value.id in FIELDS
        if given or (isinstance(node.value, ast.Attribute) and isinstance(node.ctx, ast.Load)):
            value = self.value(node)  # a field of what is given, or of what an object holds
            if _is_number(value) or isinstance(value, str):
                return ast.Constant(value)
            if isinstance(value, tuple) and all(_is_number(one) for one in value):
                return ast.Tuple([ast.Constant(one) for one in value], ast.Load())
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> Any:
        """Without the arguments that the file does without, and without methods that only give their argument back."""
        node.args = [arg for arg in node.args if not self._needless(arg)]
        node.keywords = [one for one in node.keywords if not self._needless(one.value)]
        method = node.func
        if isinstance(method, ast.Attribute) and isinstance(method.value, ast.Name) and method.value.id == "self":
            found = getattr(self.own, method.attr, None)
            if inspect.ismethod(found) and found.__func__.__code__.co_argcount > 1 and node.args:
                body = fold(type(self.own), method.attr, self.own, self.known).body
                body = [one for one in body if not _is_docstring(one)]
                first = found.__func__.__code__.co_varnames[1]
                match body:
                    case [ast.Return(value=ast.Name(id=name))] if name == first:
                        return self.visit(node.args[0])
        return self.generic_visit(node)

    def _needless(self, arg: ast.AST) -> bool:
        match arg:
            case ast.Name(id=name):
                return self.known.get(name, THERE) is None
            case ast.IfExp(test=ast.Attribute(attr="training")):
                return True
        return False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        """Without types, decorators and the arguments that are known."""
        node.decorator_list, node.returns = [one for one in node.decorator_list if "staticm" in ast.unparse(one)], None
        for one in (*node.args.args, *node.args.kwonlyargs):
            one.annotation = None
        for name in [one.arg for one in node.args.args if self.known.get(one.arg, THERE) is not THERE]:
            _without(node.args, name)
        node.body = self.body(node.body) or [ast.Pass()]
        match node.body:
            case [*first, ast.Assign(targets=[ast.Name(id=name)]) as last, ast.Return(value=ast.Name(id=given))]:
                if name == given:
                    node.body = [*first, ast.Return(last.value)]
        return node

    def body(self, statements: list[ast.stmt]) -> Any:
        """The statements that are left, up to the first return."""
        done: list[ast.stmt] = []
        for one in statements:
            left = self.visit(one)
            for each in left if isinstance(left, list) else [left]:
                if each is not None:
                    done.append(each)
                    if isinstance(each, ast.Return):
                        return done
        return done


def fold(kind: type, method: str, own: Any, known: Mapping[str, Any]) -> ast.FunctionDef:
    """A method of an object's class, or of one above it, folded."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(getattr(kind, method)))).body[0]
    return ast.fix_missing_locations(Fold(own, known).visit(tree))


def fold_function(function: Callable, known: Mapping[str, Any]) -> ast.FunctionDef:
    """A function, folded."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    return ast.fix_missing_locations(Fold(None, known).visit(tree))


def _without(arguments: ast.arguments, name: str) -> None:
    place = [one.arg for one in arguments.args].index(name)
    first = len(arguments.args) - len(arguments.defaults)
    if place >= first:
        del arguments.defaults[place - first]
    del arguments.args[place]


def _compared(op: ast.cmpop, left: Any, right: Any) -> Any:
    if left is UNKNOWN or right is UNKNOWN:
        return UNKNOWN
    if isinstance(op, ast.Is | ast.IsNot):
        return (left is right) == isinstance(op, ast.Is)
    if isinstance(left, torch.Tensor | nn.Module) or isinstance(right, torch.Tensor | nn.Module):
        return UNKNOWN
    table = {ast.Eq: "__eq__", ast.NotEq: "__ne__"}
    return {ast.Eq: left == right, ast.NotEq: left != right}.get(type(op), UNKNOWN) if type(op) in table else UNKNOWN


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float)


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


# ---- writing it out

HEADER = '''\
"""{title}
{how}
"""

{imports}
from collections import namedtuple
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

Sight = namedtuple("Sight", "mask real")  # (B, 1 or H, T, S), who sees whom; (B, S), the real tokens
'''
IMPORTS = {
    "math": "import math",
    "sys": "import sys",
    "SimpleNamespace": "from types import SimpleNamespace",
    "partial": "from functools import partial",
}
SIGHT_CODE = {  # causal, with windows ->
    (True, True): '''
def sight(real, window=None):
    """Each real token sees the real ones up to itself; a window counts real tokens only."""
    order = torch.arange(real.shape[1], device=real.device)
    mask = (order <= order[:, None]) & real[:, None, :]
    if window is not None:
        places = counted(real)
        mask &= places[:, :, None] - places[:, None, :] < window
    return Sight(mask[:, None], real)
''',
    (True, False): '''
def sight(real):
    """Each real token sees the real ones up to itself."""
    order = torch.arange(real.shape[1], device=real.device)
    return Sight(((order <= order[:, None]) & real[:, None, :])[:, None], real)
''',
    (False, True): '''
def whole_sight(real, window=None):
    """Each token sees all real ones; a window counts real tokens only, both ways."""
    mask = real[:, None, :]
    if window is not None:
        places = counted(real)
        mask = mask & ((places[:, :, None] - places[:, None, :]).abs() < window)
    return Sight(mask[:, None], real)
''',
    (False, False): '''
def whole_sight(real):
    """Each token sees all real ones."""
    return Sight(real[:, None, None, :], real)
''',
}
COUNTED = '''
def counted(real):
    """The place of each token (B, T), counted over the real ones."""
    places = real.cumsum(-1) - 1
    {padding}
'''
ATTEND = '''
def attend(q, k, v, sight, scale):
    """Each query's scores with the keys in sight; the values' mean by their softmax: (B, T, H * K), and the weights."""
    k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k, v))  # a head for each query's
    scores = q @ k.transpose(2, 3) * scale  # (B, H, T, S)
    {capped}lowest = torch.finfo(scores.dtype).min
    scores = scores.masked_fill(~sight.mask, lowest) if sight.mask.dtype == torch.bool else scores + sight.mask
    weights = scores.softmax(-1, dtype=torch.float32).to(q.dtype)
    return (weights @ v).transpose(1, 2).flatten(2), weights
'''
BIASED = '''
def biased(sight, bias):
    """The same sight, with numbers that are added to the scores of what is seen."""
    return Sight(bias.masked_fill(~sight.mask, torch.finfo(bias.dtype).min), sight.real)
'''
ROTATION = '''
def {name}(places, real, like):
    """What turns queries and keys (B, H, T, K) by angles that grow with their places (B, T)."""
    {waves}
    {pairs}

    def turn(x):
        front, rest = x[..., :{turned}], x[..., {turned}:]
        return torch.cat((front * cos + {other} * sin, rest), -1)

    return lambda q, k: (turn(q), turn(k))
'''
SHARED_WAVES = """speeds, factor = {scaling}({rope}, {turned}, {limit}, None)
    angles = places[:, None, :, None].float() * speeds
    cos, sin = (angles.cos() * factor).to(like.dtype), (angles.sin() * factor).to(like.dtype)"""
ROW_WAVES = """lengths = real.sum(-1).tolist()  # each row turns by its own length
    each = [{scaling}({rope}, {turned}, {limit}, length) for length in lengths]
    angles = torch.stack([row[:, None].float() * one[0] for row, one in zip(places, each, strict=True)])[:, None]
    factor = torch.tensor([one[1] for one in each])[:, None, None, None]
    cos, sin = (angles.cos() * factor).to(like.dtype), (angles.sin() * factor).to(like.dtype)"""
HALVES = "cos, sin = torch.cat((cos, cos), -1), torch.cat((-sin, sin), -1)"
PAIRS = "cos, sin = cos.repeat_interleave(2, -1), torch.stack((-sin, sin), -1).flatten(-2)"
RELATIVE = '''
def bucket(distance, causal):
    """Half of the buckets hold one distance each; in the others they grow with the logarithm."""
    buckets = {buckets} if causal else {buckets} // 2
    after = 0 if causal else (distance > 0) * buckets
    distance = -distance.clamp(max=0) if causal else distance.abs()
    exact = buckets // 2
    share = torch.log(distance.float() / exact) / math.log({furthest} / exact)
    wide = (exact + (share * (buckets - exact)).long()).clamp(max=buckets - 1)
    return after + torch.where(distance < exact, distance, wide)
'''
BY_HEAD = '''
def by_head(x, heads):
    """(B, T, heads * K) -> (B, heads, T, K)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)
'''
ALIBI = "bias = (torch.tensor({slopes}){rounded}[:, None] * (places * real)[:, None]).to(x.dtype)[:, :, None] * {scale}"
USE = '''

def weights(folder):
    """The checkpoint's tensors under this file's names."""
    files, found = sorted(Path(folder).glob("*.safetensors")), {{}}
    stored = {{name: tensor for file in files for name, tensor in load_file(file).items()}}
{lines}
    return found


def load(folder):
    """The model with a checkpoint's weights."""
    with torch.device("meta"):
        model = Model()
    model.load_state_dict(weights(folder), strict=True, assign=True)
{varying}    return model.eval()


if __name__ == "__main__":
    ids = torch.tensor([[int(one) for one in sys.argv[2:]]])
    answer = load(sys.argv[1])({call})
    print(tuple(answer.shape), answer[0].argmax(-1).tolist())
'''
EMBEDS = {  # positions.POSITIONS -> what `forward` does with x before the layers
    "learned": "x = x + F.embedding(places + {offset}, self.positions.weight)",
    "learned_relative": "x = x + F.embedding(places + {offset}, self.positions.weight)",
    "sinusoidal_table": "x = x + F.embedding(places + {offset}, self.positions.weight)",
    "sinusoidal": "x = x + sines({rows}, {width})[places + {offset}].to(x.dtype)",
}
SINES = '''
def sines(rows, width):
    """Sines, then cosines, of the places by a geometric row of speeds."""
    half, table = width // 2, torch.zeros(rows, width, dtype=torch.float64)
    angles = torch.arange(rows, dtype=torch.float64)[:, None] * 10000.0 ** -(torch.arange(half) / (half - 1)).double()
    table[:, :half], table[:, half : 2 * half] = angles.sin(), angles.cos()
    {padding}return table.float()
'''


class Writer:
    """Collects what a model is made of: functions and classes by name, each once, in the order of their use."""

    def __init__(self, model: PreTrainedModel):
        self.model, self.parts, self.names, self.made_by, self.known = model, {}, {}, {}, dict(ABSENT)
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
        use = USE.format(lines="\n".join(self.weight_lines()), varying=changes, call=call)
        text = "\n".join([*self.parts.values(), body, use])
        needed = [line for word, line in IMPORTS.items() if re.search(rf"\b{word}\b", text)]
        return HEADER.format(title=title, how=how, imports="\n".join(needed)) + text

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
                if _is_own(node) and inspect.ismethod(getattr(module, node.attr, None)):
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
        for method in methods.values():
            lines += [*ast.unparse(self.linked(method, kind)).splitlines(), ""]
        lines = lines[:-1]
        text = "\n".join(f"    {line}" if line else "" for line in lines)
        return self.written(kind.__name__, f'({bases or "nn.Module"}):\n    """{_first_line(kind)}"""\n\n{text}\n')

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
            case Dropped():
                return self.expression(part.activation)
            case nn.ModuleList():
                each = [self.made(one, "" if path == "layers." else path) for one in part]
                if len(set(each)) == 1:
                    return f"nn.ModuleList([{each[0]} for _ in range({len(each)})])"
                return f"nn.ModuleList([{', '.join(each)}])"
            case nn.ModuleDict():
                return f"nn.ModuleDict({{{', '.join(f'{key!r}: {self.made(one)}' for key, one in part.items())}}})"
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
        self.parts.setdefault("attend", ATTEND.format(capped=capped))
        return "attend"

    def function(self, function: Callable) -> str:
        """A function of bearhug's, folded and written out; its name."""
        name = function.__name__
        if name == "by_head":
            self.parts.setdefault(name, BY_HEAD)
        elif name not in self.parts:
            self.parts[name] = ""  # before what it calls
            text = ast.unparse(self.linked(fold_function(function, ABSENT), function))
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
        if model.task not in ANSWERS:
            raise ValueError(f"task {model.task!r} has no plain file. Load the model with: {', '.join(ANSWERS)}.")
        head = f"        self.head = {self.made(model.head)}\n" if model.head is not None else ""
        if stack.encoder is not None:
            self.parts["Encoder"] = self.stack(stack.encoder, "Encoder", "", "return x", "Reads the other text.")
            head = f"        self.encoder = Encoder()\n{head}"
        answer = ANSWERS[model.task]
        if model.task == "base" and model.head is None:
            answer = "return x"
        if model.task == "sequence-classification":
            answer = answer.format(pick=FIRST if getattr(model, "pick", "first") == "first" else LAST)
        return self.stack(stack, "Model", head, answer, f"The transformer and what stands on it: {model.task}.")

    def stack(self, stack: Any, name: str, head: str, answer: str, doc: str) -> str:
        """One transformer: what it holds, and its forward."""
        turned = [isinstance(stack.positions, Rotary) or kind in stack.rotaries for kind in stack.kinds]
        turned = [one and kind not in stack.straight for one, kind in zip(turned, stack.kinds, strict=True)]
        self.known = {**ABSENT, "source": THERE if stack.encoder is not None else None}
        if len(set(turned)) == 1:
            self.known["rotate"] = THERE if turned[0] else None
        config, inputs = stack.config, "input_ids, attention_mask=None, token_type_ids=None"
        own = [part for part in STACK if stack._modules.get(part) is not None]
        start = [f"self.{part} = {self.made(stack._modules[part], f'{part}.')}" for part in own]
        if positions := list(stack.positions.parameters()):
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
        self.parts.setdefault("counted", COUNTED.format(padding=_padding(config)))
        windows = any(config.kind(kind).window is not None for kind in stack.kinds)
        self.parts.setdefault(f"sight{config.causal}", SIGHT_CODE[config.causal, windows])
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
            self.parts.setdefault("Source", SOURCE)
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
        if (embed := EMBEDS.get(config.positions)) is not None:
            offset = config.position_offset + config.position_skip
            rows = config.max_position_embeddings + offset
            embed = embed.format(offset=offset, rows=rows, width=config.hidden_size)
            lines.append(embed.replace("places + 0", "places"))
            if config.positions == "sinusoidal":
                padding = f"table[{offset - 1}] = 0.0  # where padding stands\n    " if offset else ""
                self.parts.setdefault("sines", SINES.format(padding=padding))
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
            if kind in stack.straight or not (kind in stack.rotaries or isinstance(stack.positions, Rotary)):
                turns[kind] = "None"
            else:
                name = "rotation" if len(kinds) == 1 else f"rotation_{kind}"
                turns[kind] = f"{self.rotation(stack.rotaries.get(kind) or stack.positions, name)}(places, real, x)"
        if "relative" in config.positions:
            code = RELATIVE.format(buckets=config.relative_buckets, furthest=config.relative_distance)
            self.parts.setdefault("bucket", code)
            self.parts.setdefault("biased", BIASED)
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
            lines.append(ALIBI.format(slopes=own.slopes, rounded=rounded, scale=own.scale))
            self.parts.setdefault("biased", BIASED)
            sights = {kind: f"biased({one}, bias)" for kind, one in sights.items()}
        turning = self.known.get("rotate", THERE) is not None
        names = "rotate, look" if turning else "look"
        each = {kind: f"{turns[kind]}, {sights[kind]}" if turning else sights[kind] for kind in kinds}
        if len(kinds) == 1:
            order = f"[self.layers[place] for place in {stack.order}]" if stack.order else "self.layers"
            lines += [f"{names} = {each[kinds[0]]}", f"for layer in {order}:"]
        else:
            lines += ["kinds = {", *(f"    {kind!r}: ({one})," for kind, one in each.items()), "}"]
            lines += [f"for layer, kind in zip(self.layers, {stack.kinds}, strict=True):", f"    {names} = kinds[kind]"]
        return [*lines, f"    x = layer(x, {names}{more})"]

    def rotation(self, rotary: Any, name: str) -> str:
        """The function that turns by these parameters; its name."""
        rope = dict(rotary.rope)
        turned = rope.get("dim") or int(rotary.head_dim * rope.get("partial_rotary_factor", 1.0))
        scaling = self.function(SCALINGS[rope["rope_type"]])
        waves = ROW_WAVES if rotary.by_length else SHARED_WAVES
        pairs = "front.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)"
        self.parts[name] = ROTATION.format(
            name=name,
            waves=waves.format(scaling=scaling, rope=rope, turned=turned, limit=rotary.limit),
            pairs=PAIRS if rotary.interleaved else HALVES,
            turned=turned,
            other=pairs if rotary.interleaved else f"front.roll({turned // 2}, -1)",
        )
        return name

    # ---- weights

    def weight_lines(self) -> list[str]:
        """The lines that bring the checkpoint's names to this file's."""
        model = self.model
        shapes = {name: one.shape for name, one in model.named_parameters(remove_duplicate=False)}
        singles, layered, known = [], {}, rules(model.recipe.table(model.task, model.config), shapes)
        written = [rule.parts for rule in known.values() if rule.written]
        for theirs, rule in known.items():
            if not rule.written or (".cross" in rule.parts[0] and model.model.encoder is None):
                continue  # a decoder by itself looks at no other text
            line = _taken(theirs, rule, [shapes[part] for part in rule.parts])
            if written.count(rule.parts) > 1:  # several of their names for one
                line = f'if "{theirs}" in stored: {line}'
            number = re.search(r"layers\.(\d+)\.", rule.parts[0])
            if number is None:
                singles.append(line)
            else:
                layered.setdefault(_numbered(line, number[1]), set()).add(int(number[1]))
        tied = model.get_output_embeddings()
        if tied is not None and tied.weight is model.get_input_embeddings().weight:
            singles = [line for line in singles if 'found["head.out.weight"]' not in line]
            singles.append('found["head.out.weight"] = found["embed_tokens.weight"]')
        lines = [f"    {line}" for line in _with_biases(singles)]
        groups: dict[tuple[int, ...], list[str]] = {}
        for line, numbers in layered.items():
            groups.setdefault(tuple(sorted(numbers)), []).append(line)
        for numbers, group in groups.items():
            group = _with_biases(group)
            whole = numbers == tuple(range(len(numbers)))
            lines.append(f"    for i in {f'range({len(numbers)})' if whole else numbers}:")
            lines += [f"        {line}" for line in group]
        return lines


SOURCE = """
Source = namedtuple("Source", "states sight")  # the other text: its vectors (B, S, D), and which of them are real
"""
STACK = ("embed_tokens", "project_in", "project_out", "embed_types", "embed_tasks", "embed_norm", "norm", "layers")
FIRST = "real.int().argmax(-1)"
LAST = "(torch.arange(real.shape[1]) * real).argmax(-1)"
ANSWERS = {  # task -> what `forward` ends with
    "base": "first = real.int().argmax(-1)\nreturn x, self.head(x[torch.arange(len(x)), first])",
    "causal-lm": "return self.head(x)",
    "masked-lm": "return self.head(x)",
    "seq2seq-lm": "return self.head(x)",
    "token-classification": "return self.head(x)",
    "question-answering": "return self.head(x).unbind(-1)",
    "sequence-classification": "return self.head(x[torch.arange(len(x)), {pick}])",
}


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


def _taken(theirs: str, rule: Rule, shapes: list[torch.Size]) -> str:
    """The line that takes one stored tensor apart."""
    stored = f'stored["{theirs}"]'
    targets = ", ".join(f'found["{part.removeprefix("model.")}"]' for part in rule.parts)
    if rule.transposed and len(shapes[0]) == 2:
        stored += ".T"
    if rule.row:
        stored += "[0]"
    if len(rule.parts) == 1:
        return f"{targets} = {stored}"
    rows = [shape[0] for shape in shapes]
    if rule.blocks == 1:
        return f"{targets} = {stored}.split({rows})"
    shares = f"{stored}.unflatten(0, ({rule.blocks}, -1)).split({[count // rule.blocks for count in rows]}, 1)"
    return f"{targets} = (share.flatten(0, 1) for share in {shares})"


def _with_biases(lines: list[str]) -> list[str]:
    """The same lines; those that say the same of a weight and of its bias are one."""
    result = []
    for line in lines:
        weight, bias = line.replace('bias"]', 'weight"]'), line.replace('weight"]', 'bias"]')
        if line != bias and bias in lines:
            opened = line.replace('weight"]', '{end}"]').replace('["', '[f"')
            result.append(f'for end in ("weight", "bias"): {opened}')
        elif line == weight or weight not in lines:
            result.append(line)
    return result


def _numbered(line: str, number: str) -> str:
    """The same line with a layer's number left open."""
    quoted = line.split('"')
    for place in range(1, len(quoted), 2):
        words = quoted[place].split(".")
        if number in words:
            words[words.index(number)] = "{i}"
            quoted[place] = ".".join(words)
    return '"'.join(quoted).replace('["', '[f"').replace('if "', 'if f"')


def _sight(config: Any) -> str:
    return "sight" if config.causal else "whole_sight"


def _padding(config: Any) -> str:
    if config.position_offset or config.padding_before:
        return "return places.masked_fill(~real, -1)"
    return "return places.clamp(min=0)"


def _is_own(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"


def _first_line(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " ")


def _module(value: Any) -> str:
    return getattr(value, "__module__", "") or ""
