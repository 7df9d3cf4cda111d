"""Tokenizers: text -> ids and back, with Hugging Face's names, files and results; the work is a compiled core's."""

from typing import Any

from bearhug._lib.lazy import attach

NAMES = {
    "AddedToken": "bearhug.tokenizers._native",
    "AutoTokenizer": "bearhug.tokenizers.auto",
    "BatchEncoding": "bearhug.tokenizers.encoding",
    "CharSpan": "bearhug.tokenizers.encoding",
    "DocstringParsingException": "bearhug.tokenizers.chat",
    "Explanation": "bearhug.tokenizers.explain",
    "PreTrainedTokenizer": "bearhug.tokenizers.tokenizer",
    "PreTrainedTokenizerBase": "bearhug.tokenizers.tokenizer",
    "PreTrainedTokenizerFast": "bearhug.tokenizers.tokenizer",
    "ResponseParser": "bearhug.tokenizers.response",
    "Shrunk": "bearhug.tokenizers.shrink",
    "TokenSpan": "bearhug.tokenizers.encoding",
    "TypeHintParsingException": "bearhug.tokenizers.chat",
    "get_json_schema": "bearhug.tokenizers.chat",
}


def _class(name: str) -> Any:
    """`BertTokenizer`, `GPT2TokenizerFast`, ...: the classes by their reference's names."""
    if not name.endswith(("Tokenizer", "TokenizerFast", "TokenizersBackend")):
        raise KeyError(name)
    from bearhug.tokenizers.auto import tokenizer_class

    return tokenizer_class(name)


__getattr__, __dir__ = attach(__name__, NAMES, otherwise=_class)
__all__ = list(NAMES)  # pyright: ignore[reportUnsupportedDunderAll]
