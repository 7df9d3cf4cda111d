"""Names that programs written for Hugging Face's tokenizers ask for: those of version 4, and attributes of version 5
that say how a tokenizer is stored."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from bearhug.tokenizers import inputs
from bearhug.tokenizers._native import AddedToken
from bearhug.tokenizers.encoding import BatchEncoding
from bearhug.tokenizers.special_tokens import FLAGS, SpecialTokens, added_token

logger = logging.getLogger(__name__)


class EarlierNames(SpecialTokens):
    """Methods and attributes that stand for newer ones, or say what is so for every tokenizer here."""

    __call__: Callable[..., BatchEncoding]

    vocab_files_names: dict[str, str] = {"tokenizer_file": "tokenizer.json", "vocab_file": "tokenizer.model"}  # noqa: RUF012
    pretrained_vocab_files_map: ClassVar[dict[str, Any]] = {}
    slow_tokenizer_class = None
    backend = "tokenizers"
    init_inputs: tuple = ()
    files_loaded: ClassVar[list[str]] = []
    _auto_class: str | None = None

    def encode_plus(self, text: Any, text_pair: Any = None, **kwargs: Any) -> BatchEncoding:
        """The call itself, by its earlier name for one text."""
        return self(text, text_pair, **kwargs)

    def batch_encode_plus(self, batch_text_or_text_pairs: Any, **kwargs: Any) -> BatchEncoding:
        """The call itself, by its earlier name for a list of texts or of pairs."""
        return self(batch_text_or_text_pairs, **kwargs)

    def prepare_seq2seq_batch(
        self,
        src_texts: list[str],
        tgt_texts: list[str] | None = None,
        max_length: int | None = None,
        max_target_length: int | None = None,
        padding: bool | str = "longest",
        return_tensors: str | None = None,
        truncation: bool | str = True,
        **kwargs: Any,
    ) -> BatchEncoding:
        """The call itself with `text_target`, by its earlier name: the targets' ids become `labels`. `src_lang` and
        `tgt_lang` are set where the tokenizer has languages."""
        for side in ("src_lang", "tgt_lang"):
            language = kwargs.pop(side, None)
            if language is not None and hasattr(self, side):
                setattr(self, side, language)
        return self(
            src_texts,
            text_target=tgt_texts,
            max_length=max_length,
            max_target_length=max_target_length,
            padding=padding,
            return_tensors=return_tensors,
            truncation=truncation,
            **kwargs,
        )

    def sanitize_special_tokens(self) -> int:
        """Add the special tokens that the vocabulary lacks; returns how many."""
        return self.add_tokens(self.all_special_tokens_extended, special_tokens=True)

    def set_truncation_and_padding(
        self,
        padding_strategy: str,
        truncation_strategy: str,
        max_length: int | None,
        stride: int,
        pad_to_multiple_of: int | None,
        padding_side: str | None,
    ) -> None:
        """Set what `backend_tokenizer.encode` cuts and fills up to. A call of the tokenizer has its own arguments."""
        tokenizer: Any = self
        backend = tokenizer.backend_tokenizer
        cut, fill = inputs.truncation_strategy(truncation_strategy), inputs.padding_strategy(padding_strategy)
        if cut == "do_not_truncate":
            backend.no_truncation()
        else:
            backend.enable_truncation(max_length, stride=stride, strategy=cut, direction=tokenizer.truncation_side)
        if fill == "do_not_pad":
            backend.no_padding()
            return
        pad_id, pad_token = tokenizer._pad()
        backend.enable_padding(
            direction=padding_side or tokenizer.padding_side,
            pad_id=pad_id,
            pad_type_id=tokenizer.pad_token_type_id,
            pad_token=pad_token,
            length=max_length if fill == "max_length" else None,
            pad_to_multiple_of=pad_to_multiple_of,
        )

    @property
    def can_save_slow_tokenizer(self) -> bool:
        """Whether `save_vocabulary` writes all that this kind of tokenizer is made from."""
        return not self.vocab_files_names.get("vocab_file", "").endswith(".model")

    @classmethod
    def convert_added_tokens(cls, obj: Any, save: bool = False, add_type_field: bool = True) -> Any:
        """AddedTokens in a nest of dicts and lists as files write them (save=True), or files' dicts as AddedTokens."""
        if isinstance(obj, dict) and obj.get("__type") == "AddedToken":
            return added_token(obj)
        if isinstance(obj, AddedToken):
            if not save:
                return obj
            described = {flag: getattr(obj, flag) for flag in FLAGS if add_type_field or flag != "special"}
            return described | ({"__type": "AddedToken"} if add_type_field else {})
        if isinstance(obj, list | tuple):
            return [cls.convert_added_tokens(inner, save, add_type_field) for inner in obj]
        if isinstance(obj, dict):
            return {key: cls.convert_added_tokens(inner, save, add_type_field) for key, inner in obj.items()}
        return obj

    @classmethod
    def convert_to_native_format(cls, trust_remote_code: bool = False, **kwargs: Any) -> dict[str, Any]:
        """What a tokenizer of this class is made from: files are read when it is made, so as they are."""
        return kwargs

    @classmethod
    def register_for_auto_class(cls, auto_class: str | type = "AutoTokenizer") -> None:
        """Accepted; it does nothing, since no code is written to or run from a repository."""
        cls._auto_class = auto_class if isinstance(auto_class, str) else auto_class.__name__
        logger.warning(
            "register_for_auto_class does nothing: bearhug runs no code from a repository. For your own programs, "
            "AutoTokenizer.register(MyConfig, %s).",
            cls.__name__,
        )


def truncate_sequences(
    ids: Sequence[int], pair_ids: Sequence[int] | None, too_many: int, strategy: str, stride: int, side: str
) -> tuple[list[int], list[int] | None, list[int]]:
    """Ids without `too_many` of them, and what was cut off; of a pair cut from both, nothing is kept of that.

    In contrast to a call, a text is cut as if it were a row: no stride is left in front.
    """
    first, second = list(ids), None if pair_ids is None else list(pair_ids)
    if too_many <= 0 or strategy == "do_not_truncate":
        return first, second, []

    def cut(sequence: list[int], count: int) -> list[int]:
        kept = max(0, len(sequence) - count)
        return sequence[:kept] if side == "right" else sequence[min(count, len(sequence)) :]

    def gone(sequence: list[int]) -> list[int]:
        window = min(len(sequence), stride + too_many)
        return sequence[len(sequence) - window :] if side == "right" else sequence[:window]

    if strategy == "only_first" or (strategy == "longest_first" and second is None):
        return cut(first, too_many), second, gone(first)
    if strategy == "only_second":
        return (first, cut(second, too_many), gone(second)) if second else (first, second, [])
    longer = min(abs(len(first) - len(second or ())), too_many)
    rest = too_many - longer
    of_first = longer + rest // 2 if len(first) > len(second or ()) else rest // 2
    return cut(first, of_first), cut(second, too_many - of_first) if second else second, []
