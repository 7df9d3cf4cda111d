"""Ids back to text, and tokens to ids and back. R rows, T tokens of a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from bearhug._lib.errors import unexpected_keyword
from bearhug.tokenizers._native import clean_up_tokenization
from bearhug.tokenizers.special_tokens import SpecialTokens
from bearhug.tokenizers.stream import TextPieces


class IdsToText(SpecialTokens):
    """The methods of a tokenizer that take ids, or single tokens."""

    clean_up_tokenization_spaces: bool
    init_kwargs: dict[str, Any]
    _decodes_itself = False  # whether the class has its own `_decode_row`
    decode_options: ClassVar[tuple[str, ...]] = ()  # more keywords of `decode`, of classes that have some

    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Ids -> text; a list of lists, or a tensor (R, T), -> a list of texts.

        Args:
            token_ids: an id, a list of them, a tensor, or an encoding.
            skip_special_tokens: leave special tokens out.
            clean_up_tokenization_spaces: no space before `.`, `,`, `n't` and so on; None: the tokenizer's own setting.
                Not done for BPE, where it would lose spaces that were there.

        Raises:
            ValueError: an id that the vocabulary does not have.
            TypeError: no ids.
        """
        kwargs.pop("use_source_tokenizer", None)
        for key in kwargs:
            if key not in self.decode_options:
                known = ("token_ids", "skip_special_tokens", "clean_up_tokenization_spaces", *self.decode_options)
                raise unexpected_keyword("decode", key, known)
        if self._decodes_itself:
            return self._decode_rows(token_ids, skip_special_tokens, clean_up_tokenization_spaces, **kwargs)
        ids = token_ids["input_ids"] if isinstance(token_ids, Mapping) else token_ids
        if getattr(ids, "ndim", 0) in (1, 2) and len(ids):
            return self._decode(ids, skip_special_tokens, clean_up_tokenization_spaces, rows=ids.ndim == 2)
        if type(ids) is not list:
            ids = plain_ids(ids)
        if ids and isinstance(ids, list):
            first = ids[0]
            if isinstance(first, list | tuple) or getattr(first, "ndim", 0) == 1:
                return self._decode(ids, skip_special_tokens, clean_up_tokenization_spaces, rows=True)
            if not isinstance(first, int):
                self._explain_ids(ids)
        return self._decode([ids] if isinstance(ids, int) else ids, skip_special_tokens, clean_up_tokenization_spaces)

    def decode_stream(self, ids: Iterable[int], **decode_kwargs: Any) -> Iterator[str]:
        """The text of ids as they arrive, piece by piece, never half a character.

        >>> from bearhug import AutoTokenizer
        >>> tokenizer = AutoTokenizer.from_pretrained("bearhug/storyteller")
        >>> list(tokenizer.decode_stream(tokenizer("Once upon a time")["input_ids"]))
        ['Once', ' upon', ' a', ' time']

        Args:
            ids: one after another, from a list or from something that is still making them.
            decode_kwargs: for `decode`, such as `skip_special_tokens=True`.
        """
        pieces = TextPieces(self, **decode_kwargs)
        for id in ids:
            if piece := pieces.piece([int(id)]):
                yield piece
        if piece := pieces.rest():
            yield piece

    def batch_decode(
        self,
        sequences: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """A list of texts, from a list of lists of ids or a tensor (R, T); see `decode`."""
        if isinstance(sequences, list | tuple) and not sequences:
            return []
        texts = self.decode(sequences, skip_special_tokens, clean_up_tokenization_spaces, **kwargs)
        return [texts] if isinstance(texts, str) else texts

    def _decode_rows(self, token_ids: Any, skip_special_tokens: bool, clean_up: bool | None, **options: Any) -> Any:
        ids = plain_ids(token_ids)
        if isinstance(ids, list) and ids and isinstance(ids[0], list | tuple):
            return [self._decode_row(list(row), skip_special_tokens, clean_up, **options) for row in ids]
        row: Any = [ids] if isinstance(ids, int) else ids
        if not isinstance(row, list):
            self._explain_ids(row)
        return self._decode_row(row, skip_special_tokens, clean_up, **options)

    def _decode_row(self, ids: list[int], skip_special_tokens: bool, clean_up: bool | None, **options: Any) -> Any:
        """One row's text; classes whose texts are made otherwise have their own."""
        return self._decode(ids, skip_special_tokens, clean_up)

    def _decode(self, ids: Any, skip_special_tokens: bool, clean_up: bool | None, rows: bool = False) -> Any:
        if clean_up is None:
            clean_up = self.clean_up_tokenization_spaces
        if clean_up and self._core.model.kind == "BPE":
            clean_up = self.init_kwargs.get("clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output")
        decode = self._core.decode_batch if rows else self._core.decode
        try:
            return decode(ids, skip_special_tokens, bool(clean_up))
        except (TypeError, ValueError, OverflowError):
            for row in ids if rows else [ids]:
                self._explain_ids(plain_ids(row))
            raise

    def _explain_ids(self, ids: Any) -> None:
        """Raise the error that says which of these are no ids of this vocabulary."""
        if isinstance(ids, str) or not isinstance(ids, Iterable):
            raise TypeError(
                f"decode takes token ids, and got {type(ids).__name__} {str(ids)[:40]!r}; expected an int, a list of "
                "them or a tensor.\nTokens' texts are joined by tokenizer.convert_tokens_to_string(tokens)."
            ) from None
        ids = list(ids)
        for id in ids:
            if isinstance(id, bool) or not hasattr(id, "__index__"):
                raise TypeError(
                    f"decode takes token ids, and got {type(id).__name__} {str(id)[:40]!r} among them; expected ints.\n"
                    "Tokens' texts are joined by tokenizer.convert_tokens_to_string(tokens)."
                ) from None
        unknown = [id for id in ids if id < 0 or self._core.id_to_token(int(id)) is None]
        if unknown:
            mend = "Leave them out: tokenizer.decode([i for i in ids if i >= 0])."
            if min(unknown) >= 0:
                mend = "Were these ids made by another tokenizer? len(tokenizer) is the number of ids."
            last = self._core.vocab_size(with_added_tokens=True) - 1
            raise ValueError(
                f"this vocabulary has ids 0 to {last}, and these are none of them: {unknown[:8]}.\n{mend}"
            ) from None

    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """An id -> its token as the vocabulary writes it; ids -> a list of tokens. None for an id without a token."""
        ids = plain_ids(ids)
        if isinstance(ids, int):
            return self._core.id_to_token(ids) if ids >= 0 else None
        ids = [int(id) for id in ids]
        if skip_special_tokens:
            skipped = set(self.all_special_ids)
            ids = [id for id in ids if id not in skipped]
        return [self._core.id_to_token(id) if id >= 0 else None for id in ids]

    def convert_tokens_to_ids(self, tokens: Any) -> Any:
        """A token -> its id; tokens -> a list of ids. Unknown ones get the unknown token's id, else None."""
        if tokens is None:
            return None
        if isinstance(tokens, str):
            return self._id_of(tokens)
        return [self._id_of(token) for token in tokens]

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Tokens as the vocabulary writes them -> text."""
        decoder = self._core.decoder
        return " ".join(tokens) if decoder is None else decoder.decode(list(tokens))

    @staticmethod
    def clean_up_tokenization(text: str) -> str:
        """Take out the spaces before punctuation and English contractions that splitting has put there."""
        return clean_up_tokenization(text)


def plain_ids(ids: Any) -> Any:
    """Tensors, arrays and encodings as ints, or lists of them."""
    if isinstance(ids, Mapping):
        ids = ids["input_ids"]
    if hasattr(ids, "tolist"):
        return ids.tolist()
    if isinstance(ids, list):
        return [plain_ids(id) for id in ids] if ids and hasattr(ids[0], "tolist") else ids
    return list(ids) if isinstance(ids, tuple | range) else ids
