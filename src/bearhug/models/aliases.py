"""The reference's names per architecture, made when first used: `GPT2LMHeadModel`, `BertTokenizer`, ..."""

from __future__ import annotations

from typing import Any

from bearhug.models import recipes


def find(name: str) -> Any:
    """The class of this name.

    Raises:
        KeyError: no architecture has it.
    """
    if name.endswith(("Tokenizer", "TokenizerFast")):
        from bearhug.tokenizers.auto import tokenizer_class

        return tokenizer_class(name)
    families = [
        (len(prefix) if name.startswith(prefix) else 0, model_type)
        for model_type, (prefix, _) in recipes.RECIPES.items()
        if prefix[:4] == name[:4] or name.startswith(prefix)
    ]
    for length, model_type in sorted(families, reverse=True):  # the longest name that fits; a head's may be its own
        if length and name[length:] == "Config":
            return recipes.config_class(model_type)
        try:
            return _model(model_type, name, name[length:] if length else "")
        except KeyError:
            continue
    raise KeyError(name)


def _model(model_type: str, name: str, suffix: str) -> Any:
    from bearhug.models.auto import SUFFIXES, model_class

    for task in ("base", *recipes.find(model_type).heads):
        kind = model_class(model_type, task)
        if name == kind.__name__ or suffix == SUFFIXES[task]:
            return kind
    raise KeyError(name)
