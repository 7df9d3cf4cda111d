"""The lines of the plain file that bring a checkpoint's names to its own."""

from __future__ import annotations

import re
from typing import Any

import torch

from bearhug.checkpoints.weight_map import Rule, rules


def weight_lines(model: Any) -> list[str]:
    """The lines that bring the checkpoint's names to this file's."""
    shapes = {name: one.shape for name, one in model.named_parameters(remove_duplicate=False)}
    singles, layered, known = [], {}, rules(model.recipe.table(model.task, model.config), shapes)
    written = [rule.parts for rule in known.values() if rule.written]
    for theirs, rule in known.items():
        if not rule.written or (".cross" in rule.parts[0] and model.model.encoder is None):
            continue  # a decoder by itself looks at no other text
        line = _taken(theirs, rule, [shapes[part] for part in rule.parts])
        if written.count(rule.parts) > 1:  # several of their names for one
            line = f'if "{theirs}" in stored: {line}'
        line = re.sub(r"\bexperts\.\d+\.", "experts.{e}.", line)  # of each the same
        number = re.search(r"layers\.(\d+)\.", rule.parts[0])
        if number is None:
            singles.append(line)
        else:
            layered.setdefault(_numbered(line, number[1]), set()).add(int(number[1]))
    tied = model.get_output_embeddings()
    if tied is not None and tied.weight is model.get_input_embeddings().weight:
        singles = [line for line in singles if 'found["head.out.weight"]' not in line]
        singles.append('found["head.out.weight"] = found["embed_tokens.weight"]')
    lines = [f"    {line}" for line in _together(_with_biases(singles))]
    groups: dict[tuple[int, ...], list[str]] = {}
    for line, numbers in layered.items():
        groups.setdefault(tuple(sorted(numbers)), []).append(line)
    for numbers, group in groups.items():
        group = _together(_with_biases(group))
        whole = numbers == tuple(range(len(numbers)))
        lines.append(f"    for i in {f'range({len(numbers)})' if whole else numbers}:")
        lines += [f"        {line}" for line in group if "{e}" not in line]
        if each := [f"            {line}" for line in group if "{e}" in line]:
            lines += [f"        for e in range({model.model.config.experts.count}):", *each]
    return lines


def _taken(theirs: str, rule: Rule, shapes: list[torch.Size]) -> str:
    """The line that takes one stored tensor apart."""
    stored = f'stored["{theirs}"]'
    if rule.stack:
        rule, stored = rule.one(), f"{stored}[e]"
        shapes = shapes[: len(rule.parts)]
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


def _together(lines: list[str]) -> list[str]:
    """The same lines; those that differ in one word, which stands on both sides, are one."""
    templates: dict[str, dict[str, str]] = {}  # -> the word's values, and their lines
    for line in lines:
        if match := re.fullmatch(r'found\[f?"([^"]+)"\] = stored\[f?"([^"]+)"\]', line):
            both = set(match[1].split(".")) & set(match[2].split("."))
            for word in sorted(both - {"weight", "bias", "layers", "experts", "{i}", "{e}"}):
                template = re.sub(rf"\b{re.escape(word)}\b", "{part}", line).replace('["', '[f"')
                templates.setdefault(template, {})[word] = line
    merged: dict[str, str] = {}
    for template, words in sorted(templates.items(), key=lambda pair: -len(pair[1])):
        if len(words) > 1 and merged.keys().isdisjoint(words.values()):
            merged |= dict.fromkeys(words.values(), f"for part in {tuple(words)}: {template}".replace("'", '"'))
    return list(dict.fromkeys(merged.get(line, line) for line in lines))


def _numbered(line: str, number: str) -> str:
    """The same line with a layer's number left open."""
    quoted = line.split('"')
    for place in range(1, len(quoted), 2):
        words = quoted[place].split(".")
        if number in words:
            words[words.index(number)] = "{i}"
            quoted[place] = ".".join(words)
    return '"'.join(quoted).replace('["', '[f"').replace('if "', 'if f"')
