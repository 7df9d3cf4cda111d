"""CLIP: words end in </w>, and a decoded text has a blank there."""

from __future__ import annotations

from typing import Any

from bearhug.tokenizers.tokenizer import PreTrainedTokenizerFast

END_OF_WORD = "</w>"


class ClipDecoding(PreTrainedTokenizerFast):
    """Decodes ends of words as blanks."""

    _decodes_itself = True

    def _decode_row(self, ids: list[int], skip_special_tokens: bool, clean_up: bool | None, **options: Any) -> str:
        text = super()._decode_row(ids, skip_special_tokens, False, **options)
        return text.replace(END_OF_WORD, " ").strip()
