"""Tokenizers: text -> ids and back, with Hugging Face's names, files and results; the work is a compiled core's."""

from typing import Any

from bearhug._lib.lazy import attach

NAMES = {
    "AddedToken": "bearhug.tokenizers._native",
    "AutoTokenizer": "bearhug.tokenizers.auto",
    "BatchEncoding": "bearhug.tokenizers.encoding",
    "BertWordPieceTokenizer": "bearhug.tokenizers.implementations",
    "ByteLevelBPETokenizer": "bearhug.tokenizers.implementations",
    "CharBPETokenizer": "bearhug.tokenizers.implementations",
    "CharSpan": "bearhug.tokenizers.encoding",
    "DocstringParsingException": "bearhug.tokenizers.chat",
    "Encoding": "bearhug.tokenizers.encoding",
    "Explanation": "bearhug.tokenizers.explain",
    "NormalizedString": "bearhug.tokenizers.strings",
    "OffsetReferential": "bearhug.tokenizers.strings",
    "OffsetType": "bearhug.tokenizers.strings",
    "PreTokenizedString": "bearhug.tokenizers.strings",
    "PreTrainedTokenizer": "bearhug.tokenizers.tokenizer",
    "PreTrainedTokenizerBase": "bearhug.tokenizers.tokenizer",
    "PreTrainedTokenizerFast": "bearhug.tokenizers.tokenizer",
    "Regex": "bearhug.tokenizers.patterns",
    "ResponseParser": "bearhug.tokenizers.response",
    "SentencePieceBPETokenizer": "bearhug.tokenizers.implementations",
    "SentencePieceUnigramTokenizer": "bearhug.tokenizers.implementations",
    "Shrunk": "bearhug.tokenizers.shrink",
    "SplitDelimiterBehavior": "bearhug.tokenizers.strings",
    "Token": "bearhug.tokenizers.strings",
    "TokenSpan": "bearhug.tokenizers.encoding",
    "Tokenizer": "bearhug.tokenizers.raw",
    "TypeHintParsingException": "bearhug.tokenizers.chat",
    "decoders": "bearhug.tokenizers.decoders",
    "get_json_schema": "bearhug.tokenizers.chat",
    "implementations": "bearhug.tokenizers.implementations",
    "models": "bearhug.tokenizers.models",
    "normalizers": "bearhug.tokenizers.normalizers",
    "pre_tokenizers": "bearhug.tokenizers.pre_tokenizers",
    "processors": "bearhug.tokenizers.processors",
    "tools": "bearhug.tokenizers.tools",
    "trainers": "bearhug.tokenizers.trainers",
}


def _class(name: str) -> Any:
    """`BertTokenizer`, `GPT2TokenizerFast`, ...: the classes by their reference's names."""
    if not name.endswith(("Tokenizer", "TokenizerFast", "TokenizersBackend")):
        raise KeyError(name)
    from bearhug.tokenizers.auto import tokenizer_class

    return tokenizer_class(name)


__getattr__, __dir__ = attach(__name__, NAMES, otherwise=_class)
__all__ = list(NAMES)  # pyright: ignore[reportUnsupportedDunderAll]
