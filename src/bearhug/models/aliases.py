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
        (len(prefix), model_type) for model_type, (prefix, _) in recipes.RECIPES.items() if name.startswith(prefix)
    ]
    if not families:
        raise KeyError(name)
    length, model_type = max(families)  # the longest name that fits
    return recipes.config_class(model_type) if name[length:] == "Config" else _model(model_type, name, name[length:])


def _model(model_type: str, name: str, suffix: str) -> Any:
    from bearhug.models.auto import SUFFIXES, model_class

    for task in ("base", *recipes.find(model_type).heads):
        kind = model_class(model_type, task)
        if name == kind.__name__ or suffix == SUFFIXES[task]:
            return kind
    raise KeyError(name)
