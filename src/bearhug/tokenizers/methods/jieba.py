"""RoFormer: words as jieba finds them, where the vocabulary has them, and Chinese characters where it does not."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from bearhug.tokenizers import pre_tokenizers
from bearhug.tokenizers.normalizers import BertNormalizer
from bearhug.tokenizers.strings import NormalizedString, PreTokenizedString
from bearhug.tokenizers.tokenizer import PreTrainedTokenizerFast
from bearhug.tokenizers.unusual.chinese import jieba

PARTING = {"clean_text": False, "handle_chinese_chars": True, "strip_accents": False, "lowercase": False}


class JiebaWords:
    """A pre-tokenizer: jieba's words that are in the vocabulary; the others by blanks and Chinese characters.

    Raises:
        ImportError: `rjieba` is not installed.
    """

    def __init__(self, vocab: Mapping[str, int]):
        self.vocab = dict(vocab)
        jieba()

    def _words(self, _: int, text: NormalizedString) -> list[NormalizedString]:
        parted = BertNormalizer(**PARTING)
        words = []
        for word, start, end in jieba().tokenize(str(text), hmm=False):
            if word in self.vocab:
                words.append(text[start:end])
                continue
            for part in parted.normalize_str(word).split():
                words.append(text[start : start + len(part)])
                start += len(part)
        return words

    def pre_tokenize(self, text: PreTokenizedString) -> None:
        """Cut a text into its words."""
        text.split(self._words)


class WithJieba(PreTrainedTokenizerFast):
    """Su et al. 2021, arXiv:2104.09864. A saved tokenizer.json says BERT's words: jieba is no part of that format."""

    def _made(self) -> None:
        words = JiebaWords(self._core.vocab(with_added_tokens=False))
        self.backend_tokenizer.pre_tokenizer = pre_tokenizers.PreTokenizer.custom(words)

    def save_pretrained(self, save_directory: str | os.PathLike, *args: Any, **kwargs: Any) -> tuple[str, ...]:
        """As every tokenizer's."""
        own = self.backend_tokenizer.pre_tokenizer
        self.backend_tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        try:
            return super().save_pretrained(save_directory, *args, **kwargs)
        finally:
            self.backend_tokenizer.pre_tokenizer = own
