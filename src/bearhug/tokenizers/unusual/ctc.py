"""wav2vec2's CTC: characters, and a decoder of what a speech model writes frame by frame (Graves et al. 2006).

Runs of the same token are one, the padding token is the blank that stands between two of the same, a word delimiter is
a space. Frames of characters and of words come with the text on request.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from bearhug._lib.errors import near
from bearhug.tokenizers._native import AddedToken
from bearhug.tokenizers.encoding import BatchEncoding
from bearhug.tokenizers.file import read_vocab
from bearhug.tokenizers.ids_to_text import plain_ids
from bearhug.tokenizers.unusual.python_tokenizer import PythonTokenizer

Offsets = list[dict[str, Any]]


class CtcOutput(BatchEncoding):
    """`text`, `char_offsets` and `word_offsets`, as attributes and by name."""


class Wav2Vec2CTC(PythonTokenizer):
    """Characters; `decode` takes `group_tokens`, `output_char_offsets`, `output_word_offsets` and
    `spaces_between_special_tokens`."""

    decode_options = ("group_tokens", "spaces_between_special_tokens", "output_char_offsets", "output_word_offsets")
    _vocabularies: dict[str, Any]

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        if vocab is None:
            raise ValueError(f"{type(self).__name__} is made from a vocab.json: pass vocab_file=.")
        content = read_vocab(vocab) if isinstance(vocab, Mapping) else json.loads(Path(vocab).read_bytes())
        self._vocabularies = content
        self.target_lang = settings.get("target_lang")
        self.do_lower_case = settings["do_lower_case"]
        self.replace_word_delimiter_char = settings["replace_word_delimiter_char"]
        self._use(self.target_lang)

    def _use(self, language: str | None) -> None:
        """Take the vocabulary of a language, where the file has several."""
        nested = any(isinstance(value, dict) for value in self._vocabularies.values())
        if language is None and not nested:
            return self._set_encoder(self._vocabularies)
        if not nested:
            raise ValueError("this vocabulary is of one language; target_lang cannot be set.")
        if language not in self._vocabularies:
            raise ValueError(
                f"target_lang={language!r} is not in the vocabulary.{near(str(language), self._vocabularies)} "
                f"It has: {', '.join(self._vocabularies)}."
            )
        self._set_encoder(self._vocabularies[language])

    @property
    def vocab(self) -> dict[str, Any]:
        """The content of vocab.json: token -> id, or language -> such a vocabulary."""
        return self._vocabularies

    def _made(self) -> None:
        self._keep_whole()

    def _keep_whole(self) -> None:
        """Tokens of several characters are found whole."""
        self._core.add_tokens(
            [AddedToken(t, rstrip=True, lstrip=True, normalized=False) for t in self.encoder if len(t) > 1]
        )

    def set_target_lang(self, target_lang: str) -> None:
        """Take the vocabulary of another language.

        Raises:
            ValueError: the vocabulary has one language, or not this one.
        """
        self._use(target_lang)
        self.target_lang = target_lang
        self.init_kwargs["target_lang"] = target_lang
        core: Any = self._core
        for id in [id for id in core.added if id in self.decoder_of_ids]:
            core.take(id)
        self._keep_whole()

    def add_tokens(self, new_tokens: Any, special_tokens: bool = False) -> int:
        """As every tokenizer's; a text takes no blanks beside it."""
        many = new_tokens if isinstance(new_tokens, list | tuple) else [new_tokens]
        tokens = [AddedToken(token, normalized=False) if isinstance(token, str) else token for token in many]
        return super().add_tokens(tokens, special_tokens)

    def _prepared(self, text: str, is_split_into_words: bool) -> str:
        return f" {text}" if is_split_into_words else text

    def _tokenize(self, text: str) -> list[str]:
        text = text.upper() if self.do_lower_case else text
        return list(text.replace(" ", self.word_delimiter_token or " "))

    @property
    def vocab_size(self) -> int:
        """Tokens of the vocabulary, without added ones."""
        return len(self.decoder_of_ids)

    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """Ids -> tokens; the vocabulary goes before added tokens."""
        ids = plain_ids(ids)
        if isinstance(ids, int):
            return self._token_of(ids)
        skipped = set(self.all_special_ids) if skip_special_tokens else set()
        return [self._token_of(int(id)) for id in ids if id not in skipped]

    def _token_of(self, id: int) -> str | None:
        if id in self.decoder_of_ids:
            return self.decoder_of_ids[id]
        added = self._core.added_tokens()
        return added[id].content if id in added else self.unk_token

    # -- frames to text

    def convert_tokens_to_string(  # pyright: ignore[reportIncompatibleMethodOverride] - as the reference's
        self,
        tokens: Sequence[str],
        group_tokens: bool = True,
        spaces_between_special_tokens: bool = False,
        output_char_offsets: bool = False,
        output_word_offsets: bool = False,
    ) -> dict[str, Any]:
        """A token a frame -> {"text", "char_offsets", "word_offsets"}, the offsets in frames."""
        if not tokens:
            return {"text": "", "char_offsets": [], "word_offsets": []}
        runs = [(token, len(list(run))) for token, run in groupby(tokens)] if group_tokens else [(t, 1) for t in tokens]
        delimiter, space, blank = self.word_delimiter_token, self.replace_word_delimiter_char, self.pad_token
        chars: Offsets = []
        at = 0
        for token, length in runs:
            if token != blank:
                char = space if token == delimiter else token
                chars.append({"char": char, "start_offset": at, "end_offset": at + length})
            at += length
        text = (" " if spaces_between_special_tokens else "").join(offset["char"] for offset in chars).strip()
        return {
            "text": text.lower() if self.do_lower_case else text,
            "char_offsets": chars if output_char_offsets else None,
            "word_offsets": _words(chars, space) if output_word_offsets else None,
        }

    def _decode_row(
        self,
        ids: list[int],
        skip_special_tokens: bool,
        clean_up: bool | None,
        group_tokens: bool = True,
        spaces_between_special_tokens: bool = False,
        output_char_offsets: bool = False,
        output_word_offsets: bool = False,
        **options: Any,
    ) -> Any:
        special = {*self.all_special_tokens} - {self.word_delimiter_token} if skip_special_tokens else set()
        tokens = [token for token in self.convert_ids_to_tokens(ids) if token not in special]
        made = self.convert_tokens_to_string(
            tokens, group_tokens, spaces_between_special_tokens, output_char_offsets, output_word_offsets
        )
        text = self._cleaned(made["text"], clean_up)
        if not (output_char_offsets or output_word_offsets):
            return text
        kept = {key: made[key] for key in ("char_offsets", "word_offsets") if made[key] is not None}
        return CtcOutput({"text": text} | kept)

    def batch_decode(
        self,
        sequences: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Texts of rows; with offsets, one output that holds lists."""
        rows = [self.decode(row, skip_special_tokens, clean_up_tokenization_spaces, **kwargs) for row in sequences]
        if rows and isinstance(rows[0], CtcOutput):
            return CtcOutput({key: [row[key] for row in rows] for key in rows[0]})
        return rows

    def save_files(self) -> dict[str, str | bytes]:
        """vocab.json."""
        return {"vocab.json": json.dumps(self._vocabularies, indent=2, sort_keys=True, ensure_ascii=False) + "\n"}


def _words(chars: Offsets, space: str) -> Offsets:
    """Characters between spaces, with the frames of the first and the last."""
    words: Offsets = []
    for is_space, run in groupby(chars, key=lambda offset: offset["char"] == space):
        found = list(run)
        if not is_space:
            word = "".join(offset["char"] for offset in found)
            span = {"start_offset": found[0]["start_offset"], "end_offset": found[-1]["end_offset"]}
            words.append({"word": word, **span})
    return words
