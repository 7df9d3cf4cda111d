"""Tokenizers without a vocabulary file: ByT5, Perceiver and Dia read bytes, CANINE code points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bearhug.tokenizers._native import AddedToken
from bearhug.tokenizers.classes.kind import Json, text
from bearhug.tokenizers.unusual.python_tokenizer import Ids, PythonTokenizer


class Bytes(PythonTokenizer):
    """A token is a byte, written as the character of its number; ids begin behind the first special tokens."""

    errors = "replace"
    first: tuple[str, ...] = ()  # names of the special tokens before the bytes

    def _first_tokens(self) -> dict[int, AddedToken]:
        tokens = [self._named[name] for name in self.first]
        return {
            id: token if isinstance(token, AddedToken) else AddedToken(str(token)) for id, token in enumerate(tokens)
        }

    @property
    def offset(self) -> int:
        """The id of the byte 0."""
        return len(self.first)

    @property
    def vocab_size(self) -> int:
        """256: the bytes."""
        return 256

    def base_vocab(self) -> dict[str, int]:
        """The bytes' characters -> their ids."""
        return {chr(byte): byte + self.offset for byte in range(256)}

    def _tokenize(self, text: str) -> list[str]:
        return [chr(byte) for byte in text.encode()]

    def _convert_token_to_id(self, token: str) -> int | None:
        return ord(token) + self.offset if len(token) == 1 else self.unk_token_id

    def _convert_id_to_token(self, id: int) -> str | None:
        return chr(id - self.offset) if 0 <= id - self.offset < 256 else None

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Bytes, and added tokens between them, -> text."""
        added = self.added_tokens_encoder
        data = b"".join(token.encode() if token in added or len(token) > 1 else bytes([ord(token)]) for token in tokens)
        return data.decode(errors=self.errors)


def byt5_tokens(options: Json) -> None:
    """ByT5's special tokens take the blanks around them; <extra_id_0> to <extra_id_124> stand behind the bytes.

    Raises:
        ValueError: some of those are named, but not as many as there are.
    """
    for name in ("pad_token", "eos_token", "unk_token"):
        if isinstance(options.get(name), str):
            options[name] = AddedToken(options[name], lstrip=True, rstrip=True)
    count = options["extra_ids"]
    key = "extra_special_tokens" if options.get("extra_special_tokens") else "additional_special_tokens"
    given = options.get(key)
    if count > 0 and given is None:
        options["additional_special_tokens"] = [f"<extra_id_{i}>" for i in range(count)]
    elif count > 0 and given:
        named = len({text(token) for token in given if "extra_id" in text(token)})
        if named != count:
            raise ValueError(f"extra_ids={count}, and {key} names {named} of them.\nName all of them, or none.")
    options["extra_ids"] = 0


class ByT5(Bytes):
    """Xue et al. 2021, arXiv:2105.13626: an end token behind each text, unless it stands there."""

    first = ("pad_token", "eos_token", "unk_token")
    errors = "ignore"
    special_tokens_pattern = "eos"
    token_type_ids_pattern = "all_zeros"

    def _convert_token_to_id(self, token: str) -> int | None:
        return ord(token) + self.offset if len(token) == 1 else None

    def _ended(self, ids: Ids) -> list[int]:
        end: Any = self.eos_token_id
        if ids and ids[-1] == end:
            self._warn_once(f"a text ends with {self.eos_token} already; no other one is put behind it.")
            return list(ids)
        return [*ids, end]

    def build_inputs_with_special_tokens(self, token_ids_0: Ids, token_ids_1: Ids | None = None) -> list[int]:
        """The end token behind each text that does not end with it."""
        return self._ended(token_ids_0) + ([] if token_ids_1 is None else self._ended(token_ids_1))


class Perceiver(Bytes):
    """Jaegle et al. 2021, arXiv:2107.14795."""

    first = ("pad_token", "bos_token", "eos_token", "mask_token", "cls_token", "sep_token")
    special_tokens_pattern = "cls_sep"


class Dia(Bytes):
    """Bytes, with speakers in brackets: [S1] and [S2]."""

    errors = "ignore"
    token_type_ids_pattern = "all_zeros"

    def _first_tokens(self) -> dict[int, AddedToken]:
        pad = self._named["pad_token"]
        first = pad if isinstance(pad, AddedToken) else AddedToken(str(pad))
        return {0: first, 1: AddedToken("[S1]"), 2: AddedToken("[S2]")}

    def base_vocab(self) -> dict[str, int]:
        """The bytes behind the three first tokens."""
        return {chr(byte): byte for byte in range(3, 256)}

    def _convert_token_to_id(self, token: str) -> int | None:
        return ord(token) if len(token) == 1 else None

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Characters, and added tokens between them, -> text."""
        return "".join(tokens)


PRIVATE = {0xE000: "[CLS]", 0xE001: "[SEP]", 0xE002: "[BOS]", 0xE003: "[MASK]", 0xE004: "[RESERVED]", 0: "[PAD]"}


class Canine(PythonTokenizer):
    """Clark et al. 2021, arXiv:2103.06874: a token's id is its code point; special tokens are private characters."""

    special_tokens_pattern = "cls_sep"
    token_type_ids_pattern = "all_zeros"

    @property
    def vocab_size(self) -> int:
        """All code points."""
        return 0x110000

    def __len__(self) -> int:
        return self.vocab_size + sum(id >= self.vocab_size for id in self._core.added_tokens())

    def base_finder(self) -> Callable[[str], int | None]:
        """A character -> its code point."""
        return lambda token: ord(token) if len(token) == 1 else None

    def base_vocab(self) -> dict[str, int]:
        """Each character -> its code point."""
        return {chr(point): point for point in range(self.vocab_size)}

    def _tokenize(self, text: str) -> list[str]:
        return list(text)

    def _convert_token_to_id(self, token: str) -> int | None:
        if len(token) != 1:
            raise ValueError(f"a token of CANINE is one character; {token!r} is none.")
        return ord(token)

    def _convert_id_to_token(self, id: int) -> str | None:
        return PRIVATE[id] if id in PRIVATE else chr(id) if 0 <= id < 0x110000 else None

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Characters -> text."""
        return "".join(tokens)
