"""T5's sentinels, which stand for what was taken out of a text, and small particulars of others."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any

from bearhug.tokenizers.tokenizer import PreTrainedTokenizerFast


class SentinelTokens(PreTrainedTokenizerFast):
    """`get_sentinel_tokens` and their ids."""

    def get_sentinel_tokens(self) -> list[str]:
        """<extra_id_0> and so on, as far as they are special tokens."""
        return list(dict.fromkeys(t for t in self.extra_special_tokens if re.search(r"<extra_id_\d+>", t)))

    def get_sentinel_token_ids(self) -> list[int]:
        """The ids of `get_sentinel_tokens`."""
        return self.convert_tokens_to_ids(self.get_sentinel_tokens())


class CtcDecoding(PreTrainedTokenizerFast):
    """A speech model writes a token a frame: runs of the same token are one, the padding token is none."""

    decode_options = ("group_tokens",)
    _decodes_itself = True

    def _decode_row(
        self,
        ids: list[int],
        skip_special_tokens: bool,
        clean_up: bool | None,
        group_tokens: bool = True,
        **options: Any,
    ) -> str:
        kept = [id for id, _ in groupby(ids)] if group_tokens else ids
        return super()._decode_row([id for id in kept if id != self.pad_token_id], skip_special_tokens, clean_up)


class LasrTokens(CtcDecoding, SentinelTokens):
    """T5's vocabulary, decoded from frames."""
