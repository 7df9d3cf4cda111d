"""The plain code that a pipeline stands for: the lines that the tasks' own code begins with."""

from typing import Any


def loading(pipe: Any, *imports: str, torch: bool = True) -> str:
    """The imports, and the lines that load the tokenizer and the model as the pipeline did.

    Args:
        imports: further lines of imports from the standard library.
        torch: whether the code that follows says `torch`.
    """
    lines = [*imports]
    if pipe.source is None:
        head = [*lines, *(["import torch"] if torch else [])]
        given = "tokenizer, model = pipe.tokenizer, pipe.model  # the ones that the pipeline was made with"
        return "\n".join([*head, *([""] if head else []), given, ""])
    source = pipe.source
    names = ", ".join(sorted((pipe.model_class, "AutoTokenizer")))
    if torch or "torch." in arguments(**source["options"]):
        lines += [*([""] if lines else []), "import torch"]
    lines += [*([""] if lines else []), f"from bearhug import {names}", ""]
    tokenizer = arguments(source["tokenizer"], **source["where"])
    model = arguments(source["model"], **source["where"], **source["options"])
    moved = f'.to("{pipe.device}")' if pipe.device.type != "cpu" else ""
    lines += [f"tokenizer = AutoTokenizer.from_pretrained({tokenizer})"]
    lines += [f"model = {pipe.model_class}.from_pretrained({model}){moved}", ""]
    return "\n".join(lines)


def arguments(*values: Any, **named: Any) -> str:
    """What stands between the parentheses of a call."""
    return ", ".join([*map(written, values), *(f"{name}={written(value)}" for name, value in named.items())])


def written(value: Any) -> str:
    """A value as code."""
    if isinstance(value, str) and '"' not in value and "\\" not in value and value.isprintable():
        return f'"{value}"'
    return repr(value)


def to_device(pipe: Any) -> str:
    """What moves the tokenizer's tensors to the model, where it is not on the CPU."""
    return ".to(model.device)" if pipe.device.type != "cpu" else ""
