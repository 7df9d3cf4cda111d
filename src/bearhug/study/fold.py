"""Taking the choices: a function of bearhug's as it is left when one object's settings are known."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from typing import Any

import torch
from torch import nn

UNKNOWN = object()
THERE = object()  # something that is not None
ABSENT = {"cache": None, "seen": None}  # what the plain file does without: taken out of signatures and calls
FIELDS = {"sight": {"causal": False, "last": 0}, "source": {"seen": None}}  # it writes its masks out, and keeps nothing


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
            case ast.Call(func=ast.Attribute(attr="is_grad_enabled")):
                return True  # what spares work for want of gradients is left out
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
        given = isinstance(node.value, ast.Name) and (node.value.id in FIELDS or is_settings(self.value(node.value)))
        if given or (isinstance(node.value, ast.Attribute) and isinstance(node.ctx, ast.Load)):
            value = self.value(node)  # a field of what is given, or of what an object holds
            if _is_number(value) or isinstance(value, str):
                return ast.Constant(value)
            if isinstance(value, tuple) and all(_is_number(one) for one in value):
                return ast.Tuple([ast.Constant(one) for one in value], ast.Load())
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> Any:
        """Without the arguments that the file does without, and without methods that only give their argument back."""
        called = ast.unparse(node.func)
        if called == "F.dropout":
            return self.visit(node.args[0])
        chosen = self.own is not None and inspect.isfunction(self.value(node.func))  # a function that it holds
        node.args = [arg for arg in node.args if not self._needless(arg, chosen)]
        if called == "biased" or (called == "F.linear" and self.value(node.args[-1]) is None):
            node.args = node.args[:2]
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

    def _needless(self, arg: ast.AST, chosen: bool = False) -> bool:
        value = self.value(arg) if isinstance(arg, ast.Name | ast.Attribute) else UNKNOWN
        if is_settings(value):
            return True
        match arg:
            case ast.Name(id=name):
                return self.known.get(name, THERE) is None
            case ast.Attribute(value=ast.Name(id="self")) if chosen and value is None:
                return True
            case ast.IfExp(test=ast.Attribute(attr="training")) | ast.Attribute(attr="training"):
                return True
        return False

    def visit_comprehension(self, node: ast.comprehension) -> Any:
        """Without conditions that always hold."""
        node.ifs = [one for one in node.ifs if self.truth(one) is not True]
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        """Without types, decorators and the arguments that are known."""
        node.decorator_list, node.returns = [one for one in node.decorator_list if "staticm" in ast.unparse(one)], None
        for one in (*node.args.args, *node.args.kwonlyargs, *filter(None, [node.args.vararg])):
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


def is_settings(value: Any) -> bool:
    """Whether it holds sizes and choices, each of which is written out where it is read."""
    return is_dataclass(value)


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
    if isinstance(op, ast.In | ast.NotIn) and isinstance(right, tuple | list | dict):
        return (left in right) == isinstance(op, ast.In)
    if isinstance(op, ast.Gt | ast.GtE | ast.Lt | ast.LtE) and isinstance(left, int | float):
        first, last = (left, right) if isinstance(op, ast.Gt | ast.GtE) else (right, left)
        return first > last or (first == last and isinstance(op, ast.GtE | ast.LtE))
    return {ast.Eq: left == right, ast.NotEq: left != right}.get(type(op), UNKNOWN)


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float)


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
