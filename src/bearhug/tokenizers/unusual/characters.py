"""ByT5, Perceiver and Dia read bytes, MyT5 rewritten ones, CANINE code points, and MGP-STR letters."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bearhug.tokenizers._native import AddedToken
from bearhug.tokenizers.classes.kind import Json, text
from bearhug.tokenizers.file import read_vocab
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


class Mgpstr(PythonTokenizer):
    """Wang et al. 2022, arXiv:2209.03592: the letters that are read from a picture of text."""

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        if vocab is None:
            raise ValueError(f"{type(self).__name__} is made from a vocab.json: pass vocab_file=.")
        self._set_encoder(read_vocab(vocab))

    @property
    def vocab(self) -> dict[str, int]:
        """token -> id."""
        return self.encoder

    def _tokenize(self, text: str) -> list[str]:
        return list(text)

    def _convert_id_to_token(self, id: int) -> str | None:
        return self.decoder_of_ids.get(id)

    def save_files(self) -> dict[str, str | bytes]:
        """vocab.json."""
        return {"vocab.json": json.dumps(self.encoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"}


class _Rewriter:
    """Replaces runs of bytes, the longest that a rule names first; bytes are two hexadecimal digits each."""

    def __init__(self, rules: Mapping[str, str]):
        self.rules = {tuple(found.split(" ")): put.split(" ") for found, put in rules.items()}
        self.longest = max(map(len, self.rules), default=1)

    def __call__(self, data: Sequence[str]) -> list[str]:
        out: list[str] = []
        at = 0
        while at < len(data):
            sizes = range(min(self.longest, len(data) - at), 0, -1)
            size = next((size for size in sizes if tuple(data[at : at + size]) in self.rules), 0)
            out += self.rules[tuple(data[at : at + size])] if size else data[at : at + 1]
            at += size or 1
        return out


class MyT5(ByT5):
    """Limisiewicz et al. 2024, arXiv:2403.10691: bytes, rewritten so that every language's words are about as long."""

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        if vocab is None:
            raise ValueError(f"{type(self).__name__} is made from a byte_maps.json: pass vocab_file=.")
        self.byte_maps: Json = dict(vocab) if isinstance(vocab, Mapping) else json.loads(Path(vocab).read_bytes())
        maps = [self.byte_maps["decompose_map"], self.byte_maps["merge_map"]]
        self._rewriters = [_Rewriter(rules) for rules in maps]
        self._back = [_Rewriter({put: found for found, put in rules.items()}) for rules in reversed(maps)]

    def base_vocab(self) -> dict[str, int]:
        """The bytes in hexadecimal -> their ids."""
        return {f"{byte:02x}": byte + self.offset for byte in range(256)}

    def morphological_encode(self, indices: Sequence[str]) -> list[str]:
        """Bytes of a text -> those of its morphemes."""
        for rewrite in self._rewriters:
            indices = rewrite(indices)
        return list(indices)

    def morphological_decode(self, indices: Sequence[str]) -> list[str]:
        """And back."""
        for rewrite in self._back:
            indices = rewrite(indices)
        return list(indices)

    def _tokenize(self, text: str) -> list[str]:
        return self.morphological_encode([f"{byte:02x}" for byte in text.encode()])

    def _convert_token_to_id(self, token: str) -> int | None:
        return int(token, 16) + self.offset if len(token) == 2 else None

    def _convert_id_to_token(self, id: int) -> str | None:
        return f"{id - self.offset:02x}"

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Bytes, and added tokens between them, -> text."""
        added = self.added_tokens_encoder
        whole = self.morphological_decode(tokens)
        data = b"".join(token.encode() if token in added else bytes.fromhex(token) for token in whole)
        return data.decode(errors=self.errors)

    def save_files(self) -> dict[str, str | bytes]:
        """byte_maps.json."""
        return {"byte_maps.json": json.dumps(self.byte_maps, indent=2, ensure_ascii=False)}
