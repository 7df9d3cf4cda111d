"""CodeGen: decoded code can be cut where a second function begins, or at a pattern."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from bearhug.tokenizers.tokenizer import PreTrainedTokenizerFast


class CodeGenDecoding(PreTrainedTokenizerFast):
    """`decode` with `truncate_before_pattern`."""

    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        truncate_before_pattern: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """As every tokenizer's, and cut: `truncate_before_pattern` are regular expressions, "^#" for the first comment.

        A second `print` or `def` at a line's start ends the text as well.
        """
        text = super().decode(token_ids, skip_special_tokens, clean_up_tokenization_spaces, **kwargs)
        if not truncate_before_pattern:
            return text
        if isinstance(text, list):
            return [self.truncate(one, truncate_before_pattern) for one in text]
        return self.truncate(text, truncate_before_pattern)

    def truncate(self, completion: str, truncate_before_pattern: Sequence[str]) -> str:
        """The text up to the first of the patterns."""
        for word in ("^print", "^def"):
            found = list(re.finditer(word, completion, re.MULTILINE))
            if len(found) > 1:
                completion = completion[: found[1].start()]
        ends = [re.search(pattern, completion, re.MULTILINE) for pattern in truncate_before_pattern]
        return completion[: min([end.start() for end in ends if end], default=len(completion))]
