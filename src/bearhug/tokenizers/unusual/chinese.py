"""Chinese: CPM-Ant, whose words jieba finds, and RoCBert, which sees how a character looks and sounds as well."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bearhug.tokenizers._native import Truncation
from bearhug.tokenizers.classes.kind import text as text_of
from bearhug.tokenizers.unusual.moses import needed
from bearhug.tokenizers.unusual.python_tokenizer import PythonTokenizer
from bearhug.tokenizers.unusual.wordpieces import WordPieces, lines_of, pieces_of, words_of_bert


def jieba() -> Any:
    """The library that finds Chinese words.

    Raises:
        ImportError: it is not installed.
    """
    return needed("rjieba", "rjieba", "this tokenizer finds Chinese words by rjieba")


LONGEST_WORD = 200  # characters; a longer one is unknown


class CpmAnt(PythonTokenizer):
    """CPM-Ant (OpenBMB 2022): of each word that jieba finds the longest pieces from the left."""

    special_tokens_pattern = "bos"
    token_type_ids_pattern = "all_zeros"

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        if vocab is None:
            raise ValueError(f"{type(self).__name__} is made from a vocab.txt: pass vocab_file=.")
        jieba()
        words = lines_of(vocab)
        self._written = {" ": text_of(settings["space_token"]), "\n": text_of(settings["line_token"])}
        for char, token in self._written.items():
            words[char] = words.pop(token)
        self._set_encoder(dict(sorted(words.items(), key=lambda item: item[1])))

    def _made(self) -> None:
        core: Any = self._core
        core.remove_added_tokens([token for token in self._written.values() if token in core.ids])

    @property
    def bod_token_id(self) -> int:
        """The id of what begins a document."""
        return self.encoder[str(self.bod_token)]

    @property
    def eod_token_id(self) -> int:
        """The id of what ends a document."""
        return self.encoder[str(self.eod_token)]

    @property
    def newline_id(self) -> int:
        """The id of a new line."""
        return self.encoder["\n"]

    def check(self, token: str) -> bool:
        """Whether the vocabulary has a token."""
        return token in self.encoder

    def _tokenize(self, text: str) -> list[str]:
        return [piece for word in jieba().cut(text, False) for piece in self._pieces(word)]

    def _pieces(self, word: str) -> list[str]:
        unknown = str(self.unk_token)
        if len(word) > LONGEST_WORD:
            return [unknown]
        pieces, at = [], 0
        while at < len(word):
            end = next((end for end in range(len(word), at, -1) if word[at:end] in self.encoder), None)
            pieces.append(unknown if end is None else word[at:end])
            at = at + 1 if end is None else end
        return pieces

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Pieces -> text."""
        return "".join(tokens)

    def _decode_row(self, ids: list[int], skip_special_tokens: bool, clean_up: bool | None, **options: Any) -> Any:
        left_out = {self.pad_token_id, self.eos_token_id, self.bos_token_id}
        kept = [id for id in ids if id >= 0 and id not in left_out]
        return super()._decode_row(kept, skip_special_tokens, clean_up, **options)

    def save_files(self) -> dict[str, str | bytes]:
        """vocab.txt."""
        return {"vocab.txt": "".join(f"{self._written.get(word, word)}\n" for word in self.encoder)}


SEEN_AND_HEARD = ("input_shape_ids", "input_pronunciation_ids")


class RoCBert(WordPieces):
    """Su et al. 2022: BERT's pieces, with an id of each one's shape and one of its sound."""

    special_tokens_pattern = "cls_sep"

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        paths = [vocab, settings.pop("word_shape_file", None), settings.pop("word_pronunciation_file", None)]
        if None in paths:
            raise ValueError(
                "RoCBertTokenizer is made from vocab.txt, word_shape.json and word_pronunciation.json: pass "
                "vocab_file=, word_shape_file= and word_pronunciation_file=."
            )
        self._set_encoder(lines_of(vocab))
        self.word_shape, self.word_pronunciation = (json.loads(Path(path).read_bytes()) for path in paths[1:])
        self._finds_words: Callable[[str], list[str]] | None = None

    @property
    def vocab(self) -> dict[str, int]:
        """token -> id."""
        return self.encoder

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_finds_words": None}

    def _tokenize(self, text: str) -> list[str]:
        about = self.init_kwargs
        words = [text]
        if about["do_basic_tokenize"]:
            if self._finds_words is None:
                self._finds_words = words_of_bert(
                    about["do_lower_case"], about["tokenize_chinese_chars"], about["strip_accents"]
                )
            words = self._finds_words(text)
        return [piece for word in words for piece in pieces_of(word, self.encoder, str(self.unk_token))]

    def convert_tokens_to_shape_ids(self, tokens: Sequence[str]) -> list[int]:
        """What tokens look like."""
        return [self.word_shape.get(token, self.word_shape.get(self.unk_token)) for token in tokens]

    def convert_tokens_to_pronunciation_ids(self, tokens: Sequence[str]) -> list[int]:
        """What tokens sound like."""
        return [self.word_pronunciation.get(token, self.word_pronunciation.get(self.unk_token)) for token in tokens]

    def _row(
        self,
        first: list[int],
        second: list[int] | None,
        add_special_tokens: bool,
        cut: Truncation | None,
        type_ids: bool | None,
        overflowing: bool,
        mask: bool,
    ) -> dict[str, Any]:
        row = super()._row(first, second, add_special_tokens, cut, type_ids, overflowing, mask=True)
        special = row["special_tokens_mask"] if mask else row.pop("special_tokens_mask")
        tokens = self.convert_ids_to_tokens(row["input_ids"])
        seen = self.convert_tokens_to_shape_ids(tokens)
        heard = self.convert_tokens_to_pronunciation_ids(tokens)
        added = (self.word_shape["[UNK]"], self.word_pronunciation["[UNK]"])
        for i, one in enumerate(special):  # what a call adds around a text looks and sounds like nothing known
            if one:
                seen[i], heard[i] = added
        return {"input_ids": row.pop("input_ids"), **dict(zip(SEEN_AND_HEARD, (seen, heard), strict=True)), **row}

    def _fills(self) -> dict[str, Any]:
        return super()._fills() | dict.fromkeys(SEEN_AND_HEARD, self.pad_token_id)

    def save_files(self) -> dict[str, str | bytes]:
        """vocab.txt, word_shape.json and word_pronunciation.json."""
        tables = {"word_shape.json": self.word_shape, "word_pronunciation.json": self.word_pronunciation}
        written = {
            name: json.dumps(table, ensure_ascii=False, indent=4, separators=(", ", ": "))
            for name, table in tables.items()
        }
        return super().save_files() | written
