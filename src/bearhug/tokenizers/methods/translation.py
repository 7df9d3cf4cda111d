"""Tokenizers of many languages: the language's token stands at a text's begin or end, and is another for what a model
reads than for what it is to write.

    tokenizer.src_lang = "de_DE"; tokenizer.tgt_lang = "en_XX"
    batch = tokenizer(texts, text_target=targets)
"""

from __future__ import annotations

import logging
from typing import Any

from bearhug.tokenizers import file
from bearhug.tokenizers.classes.kind import template
from bearhug.tokenizers.classes.languages import MBART, MBART50
from bearhug.tokenizers.encoding import BatchEncoding
from bearhug.tokenizers.tokenizer import PreTrainedTokenizerFast

logger = logging.getLogger(__name__)
FAIRSEQ = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}


class Languages(PreTrainedTokenizerFast):
    """`src_lang` and `tgt_lang`, which can be set."""

    _is_plain = False
    usual_language = "en_XX"
    keeps_code = False  # whether a language without a token keeps its code around a text
    fairseq_offset = 1
    cur_lang_code: int | None
    prefix_tokens: list[int | None]
    suffix_tokens: list[int | None]

    def _made(self) -> None:
        self._src_lang = self.init_kwargs.get("src_lang") or self.usual_language
        self._tgt_lang = self.init_kwargs.get("tgt_lang")
        self.set_src_lang_special_tokens(self._src_lang)

    @property
    def src_lang(self) -> str:
        """The language of what a model reads. Can be set."""
        return self._src_lang

    @src_lang.setter
    def src_lang(self, language: str) -> None:
        self._src_lang = language
        self.set_src_lang_special_tokens(language)

    @property
    def tgt_lang(self) -> str | None:
        """The language of what a model is to write. Can be set."""
        return self._tgt_lang

    @tgt_lang.setter
    def tgt_lang(self, language: str | None) -> None:
        self._tgt_lang = language

    def _switch_to_input_mode(self) -> None:
        self.set_src_lang_special_tokens(self._src_lang)

    def _switch_to_target_mode(self) -> None:
        if self._tgt_lang is None:
            self._tgt_lang = self._src_lang
        self.set_tgt_lang_special_tokens(self._tgt_lang)

    def set_src_lang_special_tokens(self, src_lang: str) -> None:
        """Put the tokens of that language around a text that a model reads."""
        self._put_around(src_lang, target=False)

    def set_tgt_lang_special_tokens(self, lang: str) -> None:
        """Put the tokens of that language around a text that a model is to write."""
        self._put_around(lang, target=True)

    def _tokens_around(self, code: int | None, target: bool) -> tuple[list[int | None], list[int | None]]:
        """The ids before and behind a text."""
        return [], [self.eos_token_id]

    def _put_around(self, language: str, target: bool) -> None:
        self.cur_lang_code = self.convert_tokens_to_ids(language)
        before, behind = self._tokens_around(self.cur_lang_code, target)
        self.prefix_tokens, self.suffix_tokens = before, behind
        ids = [id for id in (*before, *behind) if id is not None]
        texts = {id: self._core.id_to_token(id) or "" for id in ids}
        if self.keeps_code and self.cur_lang_code is not None:
            texts[self.cur_lang_code] = language
        first, last = ([texts[id] for id in side if id is not None] for side in (before, behind))
        special = {texts[id]: id for id in ids}
        made = template([*first, "$A", *last], [*first, "$A", "$B", *last], special)
        self._core.post_processor = file.post_processor(made)

    def _build_translation_inputs(
        self, raw_inputs: Any, return_tensors: str | None, src_lang: str | None, tgt_lang: str | None, **kwargs: Any
    ) -> BatchEncoding:
        """What a translation pipeline gives to `generate`: the texts, and the token that the answer begins with."""
        if src_lang is None or tgt_lang is None:
            raise ValueError(
                f"a translation needs both languages; src_lang={src_lang!r}, tgt_lang={tgt_lang!r}.\n"
                f'Pass them: pipe(text, src_lang="{self.usual_language}", tgt_lang=...).'
            )
        self.src_lang = src_lang
        encoding = self(raw_inputs, add_special_tokens=True, return_tensors=return_tensors, **kwargs)
        encoding["forced_bos_token_id"] = self.convert_tokens_to_ids(self._spelled(tgt_lang))
        return encoding

    def _spelled(self, language: str) -> str:
        return language

    def prepare_seq2seq_batch(  # pyright: ignore[reportIncompatibleMethodOverride] - the reference's order
        self,
        src_texts: list[str],
        src_lang: str | None = None,
        tgt_texts: list[str] | None = None,
        tgt_lang: str | None = None,
        max_length: int | None = None,
        max_target_length: int | None = None,
        padding: bool | str = "longest",
        return_tensors: str | None = None,
        truncation: bool | str = True,
        **kwargs: Any,
    ) -> BatchEncoding:
        """The call itself, by its earlier name for texts and their translations."""
        return super().prepare_seq2seq_batch(
            src_texts,
            tgt_texts,
            max_length,
            max_target_length,
            padding,
            return_tensors,
            truncation,
            src_lang=src_lang,
            tgt_lang=tgt_lang,
            **kwargs,
        )


class _Codes(Languages):
    """`lang_code_to_id`, and fairseq's first ids."""

    codes: tuple[str, ...] = ()

    @property
    def lang_code_to_id(self) -> dict[str, int]:
        """A language's code -> its id."""
        return {code: self.convert_tokens_to_ids(code) for code in self.codes}

    @property
    def id_to_lang_code(self) -> dict[int, str]:
        """An id -> the code of its language."""
        return {id: code for code, id in self.lang_code_to_id.items()}

    @property
    def fairseq_tokens_to_ids(self) -> dict[str, int | None]:
        """fairseq's own tokens -> their ids."""
        return FAIRSEQ | self.lang_code_to_id | {"<mask>": self.mask_token_id}

    @property
    def fairseq_ids_to_tokens(self) -> dict[int | None, str]:
        """Ids -> fairseq's own tokens."""
        return {id: token for token, id in self.fairseq_tokens_to_ids.items()}


class MBartLanguages(_Codes):
    """mBART: the end token and the language stand behind a text."""

    codes = tuple(MBART)

    def _tokens_around(self, code: int | None, target: bool) -> tuple[list[int | None], list[int | None]]:
        return [], [self.eos_token_id, code]


class MBart50Languages(_Codes):
    """mBART-50: the language goes before a text."""

    codes = tuple(MBART50)

    @property
    def cur_lang_code_id(self) -> int | None:
        """The id of the language that is set now."""
        return self.cur_lang_code

    def _tokens_around(self, code: int | None, target: bool) -> tuple[list[int | None], list[int | None]]:
        return [code], [self.eos_token_id]


class NllbLanguages(Languages):
    """NLLB: the language goes before a text; behind it where `legacy_behaviour` is set."""

    usual_language = "eng_Latn"
    keeps_code = True
    fairseq_tokens_to_ids = FAIRSEQ
    fairseq_ids_to_tokens = {id: token for token, id in FAIRSEQ.items()}  # noqa: RUF012 - never changed

    def _tokens_around(self, code: int | None, target: bool) -> tuple[list[int | None], list[int | None]]:
        if self.legacy_behaviour:
            return [], [self.eos_token_id, code]
        return [code], [self.eos_token_id]


class SeamlessLanguages(Languages):
    """SeamlessM4T: codes are written __eng__; what a model is to write begins with the end token too."""

    usual_language = "__eng__"
    fairseq_tokens_to_ids = {"<pad>": 0, "<unk>": 1, "<s>": 2, "</s>": 3}  # noqa: RUF012 - never changed
    fairseq_ids_to_tokens = {0: "<pad>", 1: "<unk>", 2: "<s>", 3: "</s>"}  # noqa: RUF012 - never changed

    def _made(self) -> None:
        self._src_lang, self._tgt_lang = self.init_kwargs["src_lang"], self.init_kwargs["tgt_lang"]
        self.set_tgt_lang_special_tokens(self._tgt_lang)

    def _spelled(self, language: str) -> str:
        return language if "__" in language else f"__{language}__"

    @property
    def src_lang(self) -> str:
        """The language of what a model reads. Can be set, with or without the underscores."""
        return self._src_lang

    @src_lang.setter
    def src_lang(self, language: str) -> None:
        self._src_lang = self._spelled(language)
        self.set_src_lang_special_tokens(self._src_lang)

    @property
    def tgt_lang(self) -> str | None:
        """The language of what a model is to write. Can be set, with or without the underscores."""
        return self._tgt_lang

    @tgt_lang.setter
    def tgt_lang(self, language: str | None) -> None:
        self._tgt_lang = self._spelled(language or self.usual_language)
        self.set_tgt_lang_special_tokens(self._tgt_lang)

    def __call__(
        self, text: Any = None, *args: Any, src_lang: str | None = None, tgt_lang: str | None = None, **kwargs: Any
    ) -> BatchEncoding:
        """As every tokenizer's; `src_lang` and `tgt_lang` set the languages before."""
        if src_lang is not None:
            self.src_lang = src_lang
        if tgt_lang is not None:
            self.tgt_lang = tgt_lang
        return super().__call__(text, *args, **kwargs)

    def _tokens_around(self, code: int | None, target: bool) -> tuple[list[int | None], list[int | None]]:
        if code == self.unk_token_id:
            self._warn_once("the vocabulary does not have that language's token; the unknown token stands for it.")
        return ([self.eos_token_id, code] if target else [code]), [self.eos_token_id]
