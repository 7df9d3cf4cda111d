"""Translation models on SentencePiece: Marian with a model a side, M2M-100, PLBart, and Speech2Text.

Their vocab.json numbers the pieces anew; a text for the model and a text that it is to write may be cut differently.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from bearhug._lib.errors import near
from bearhug.tokenizers._native import AddedToken
from bearhug.tokenizers.classes.kind import Json, text
from bearhug.tokenizers.classes.languages import M2M100, PLBART
from bearhug.tokenizers.encoding import BatchEncoding
from bearhug.tokenizers.file import read_vocab
from bearhug.tokenizers.unusual.engine import BLANK, Engine
from bearhug.tokenizers.unusual.python_tokenizer import Ids, PythonTokenizer
from bearhug.tokenizers.unusual.sentencepieces import Loaded, SentencePieceTokenizer, parts_by_special_tokens


def _needed(settings: Json, name: str, cls: str) -> Any:
    value = settings.pop(name, None)
    if value is None:
        raise ValueError(f"{cls} needs {name}=, a file; or load it: {cls}.from_pretrained(folder).")
    return value


class Marian(PythonTokenizer):
    """OPUS-MT (Junczys-Dowmunt et al. 2018, arXiv:1804.00344): source.spm, target.spm, vocab.json.

    A text may begin with the language that it is to be translated into, >>fra<<.
    """

    decode_options = ("use_source_tokenizer",)
    special_tokens_pattern = "eos"

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        name = type(self).__name__
        self._source = Loaded(_needed(settings, "source_spm", name))
        self._target = Loaded(_needed(settings, "target_spm", name))
        if vocab is None:
            raise ValueError(f"{name} needs vocab=, a vocab.json; or load it: {name}.from_pretrained(folder).")
        self._set_encoder(read_vocab(vocab))
        self.separate_vocabs = settings["separate_vocabs"]
        self.target_encoder: dict[str, int] = {}
        path = settings.pop("target_vocab_file", None)
        self.supported_language_codes: list[str] = []
        if self.separate_vocabs:
            if path is None:
                raise ValueError(f"{name} with separate_vocabs=True needs target_vocab_file=, a target_vocab.json.")
            self.target_encoder = read_vocab(path)
            self.decoder_of_ids = {id: token for token, id in self.target_encoder.items()}
        else:
            self.supported_language_codes = [t for t in self.encoder if t.startswith(">>") and t.endswith("<<")]
        if text(settings["unk_token"]) not in self.encoder:
            raise KeyError(f"the vocabulary of {name} lacks the unknown token {text(settings['unk_token'])!r}.")
        self.source_lang, self.target_lang = settings["source_lang"], settings["target_lang"]
        self._writes = False
        settings.pop("sp_model_kwargs", None)

    @property
    def spm_source(self) -> Engine:
        """The model that cuts what is to be translated."""
        return self._source.engine

    @property
    def spm_target(self) -> Engine:
        """The model that cuts translations."""
        return self._target.engine

    @property
    def current_spm(self) -> Engine:
        """That of the two which cuts a text now."""
        return self.spm_target if self._writes else self.spm_source

    @property
    def current_encoder(self) -> dict[str, int]:
        """The vocabulary that numbers pieces now."""
        return self.target_encoder if self._writes and self.separate_vocabs else self.encoder

    def _switch_to_input_mode(self) -> None:
        self._writes = False

    def _switch_to_target_mode(self) -> None:
        self._writes = True

    def remove_language_code(self, text: str) -> tuple[list[str], str]:
        """[">>fra<<"] and the rest of a text that begins with such a code."""
        if text.startswith(">>") and (end := text.find("<<")) != -1:
            return [text[: end + 2]], text[end + 2 :]
        return [], text

    def _tokenize(self, text: str) -> list[str]:
        code, text = self.remove_language_code(text)
        return code + self.current_spm.pieces(text)

    def _convert_token_to_id(self, token: str) -> int | None:
        found = self.current_encoder.get(token)
        return self.current_encoder.get(str(self.unk_token)) if found is None else found

    def _convert_id_to_token(self, id: int) -> str | None:
        found = self.decoder_of_ids.get(id)
        return found if found is not None else self.spm_source.id_to_piece(id) or self.unk_token

    def get_src_vocab(self) -> dict[str, int]:
        """The vocabulary of what is to be translated."""
        return self.get_vocab()

    def get_tgt_vocab(self) -> dict[str, int]:
        """The vocabulary of translations."""
        return {**(self.target_encoder or self.encoder), **self.added_tokens_encoder}

    def build_inputs_with_special_tokens(self, token_ids_0: Ids, token_ids_1: Ids | None = None) -> list[int]:
        """The end token behind a text, or behind both of a pair."""
        end: Any = self.eos_token_id
        return [*token_ids_0, *(token_ids_1 or ()), end]

    def get_special_tokens_mask(
        self, token_ids_0: Ids, token_ids_1: Ids | None = None, already_has_special_tokens: bool = False
    ) -> list[int]:
        """1 on special tokens, but for the unknown one, and on the end token."""
        special = {*self.all_special_ids} - {self.unk_token_id}
        mask = [int(id in special) for id in [*token_ids_0, *(token_ids_1 or ())]]
        return mask[: len(token_ids_0)] if already_has_special_tokens else [*mask, 1]

    def _decode_row(
        self,
        ids: list[int],
        skip_special_tokens: bool,
        clean_up: bool | None,
        use_source_tokenizer: bool | None = None,
        **options: Any,
    ) -> str:
        source = not self.separate_vocabs if use_source_tokenizer is None else use_source_tokenizer
        tokens = self.convert_ids_to_tokens(ids, skip_special_tokens)
        return self._cleaned(self._text(tokens, self.spm_source if source else self.spm_target), clean_up)

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Pieces -> text."""
        return self._text(tokens, self.spm_source if not self.separate_vocabs else self.spm_target)

    def _text(self, tokens: Sequence[str], model: Engine) -> str:
        parts = parts_by_special_tokens(tokens, {*self.all_special_tokens})
        out = "".join(f"{part} " if isinstance(part, str) else model.decode(part) for part in parts)
        return out.replace(BLANK, " ").strip()

    def save_files(self) -> dict[str, str | bytes]:
        """The vocabularies, and both models as they were read."""
        files: dict[str, str | bytes] = {"vocab.json": json.dumps(self.encoder, indent=2)}
        if self.separate_vocabs:
            files["target_vocab.json"] = json.dumps(self.target_encoder, indent=2)
        return files | {"source.spm": self._source.data, "target.spm": self._target.data}


class WithLanguages(PythonTokenizer):
    """`src_lang` and `tgt_lang`, which can be set; their tokens stand around a text."""

    special_tokens_pattern = "prefix_suffix"
    _src_lang: str | None
    _tgt_lang: str | None

    @property
    def src_lang(self) -> str | None:
        """The language of what a model reads. Can be set."""
        return self._src_lang

    @src_lang.setter
    def src_lang(self, language: str | None) -> None:
        self._src_lang = self._spelled(language)
        self.set_src_lang_special_tokens(self._src_lang)

    @property
    def tgt_lang(self) -> str | None:
        """The language of what a model is to write. Can be set."""
        return self._tgt_lang

    @tgt_lang.setter
    def tgt_lang(self, language: str | None) -> None:
        self._tgt_lang = self._spelled(language)

    def _spelled(self, language: str | None) -> str | None:
        return language

    def _switch_to_input_mode(self) -> None:
        self.set_src_lang_special_tokens(self._src_lang)

    def _switch_to_target_mode(self) -> None:
        self.set_tgt_lang_special_tokens(self._tgt_lang)

    def set_src_lang_special_tokens(self, src_lang: str | None) -> None:
        """Put the tokens of that language around a text that a model reads."""
        self._put_around(src_lang)

    def set_tgt_lang_special_tokens(self, tgt_lang: str | None) -> None:
        """Put the tokens of that language around a text that a model is to write."""
        self._put_around(tgt_lang)

    def _put_around(self, language: str | None) -> None:
        self.suffix_tokens = [id for id in [self.eos_token_id] if id is not None]

    def _lang_id(self, language: str | None) -> int | None:
        return None

    def _build_translation_inputs(
        self,
        raw_inputs: Any,
        return_tensors: Any = None,
        src_lang: str | None = None,
        tgt_lang: str | None = None,
        **kwargs: Any,
    ) -> BatchEncoding:
        """What a translation pipeline gives to `generate`: the texts, and the token that the answer begins with."""
        if src_lang is None or tgt_lang is None:
            raise ValueError(
                f"a translation needs both languages; src_lang={src_lang!r}, tgt_lang={tgt_lang!r}.\nPass them to the "
                'call: pipe(text, src_lang="en", tgt_lang="fr").'
            )
        self.src_lang, self.tgt_lang = src_lang, tgt_lang
        encoding = self(raw_inputs, add_special_tokens=True, return_tensors=return_tensors, **kwargs)
        encoding["forced_bos_token_id"] = self._lang_id(self.tgt_lang)
        return encoding


class M2M100Tokens(WithLanguages):
    """Fan et al. 2020, arXiv:2010.11125: the language's token, __fr__, goes before a text."""

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        name = type(self).__name__
        self._spm = Loaded(_needed(settings, "spm_file", name))
        if vocab is None:
            raise ValueError(f"{name} needs vocab_file=, a vocab.json; or load it: {name}.from_pretrained(folder).")
        self._set_encoder(read_vocab(vocab))
        languages = M2M100[settings["language_codes"]]
        self.lang_code_to_token = {code: f"__{code}__" for code in languages}
        self.lang_code_to_id = {code: len(self.encoder) + i for i, code in enumerate(languages)}
        self.lang_token_to_id = {f"__{code}__": id for code, id in self.lang_code_to_id.items()}
        self.id_to_lang_token = {id: token for token, id in self.lang_token_to_id.items()}
        self.num_madeup_words = settings["num_madeup_words"]
        settings.pop("sp_model_kwargs", None)

    def _made(self) -> None:
        self._src_lang, self._tgt_lang = self.init_kwargs.get("src_lang") or "en", self.init_kwargs.get("tgt_lang")
        self.set_src_lang_special_tokens(self._src_lang)

    @property
    def sp_model(self) -> Engine:
        """The model that cuts texts."""
        return self._spm.engine

    def get_lang_token(self, lang: str | None) -> str:
        """A language's token: "fr" -> "__fr__".

        Raises:
            KeyError: the model does not know the language.
        """
        if lang not in self.lang_code_to_token:
            raise KeyError(
                f"the language {lang!r} is unknown.{near(str(lang), self.lang_code_to_token)} "
                f"It is one of {[*self.lang_code_to_token]}."
            )
        return self.lang_code_to_token[lang]

    def get_lang_id(self, lang: str | None) -> int:
        """The id of a language's token."""
        return self.lang_token_to_id[self.get_lang_token(lang)]

    def _lang_id(self, language: str | None) -> int | None:
        return self.get_lang_id(language)

    def _put_around(self, language: str | None) -> None:
        self.cur_lang_id = self.get_lang_id(language)
        self.prefix_tokens = [self.cur_lang_id]
        super()._put_around(language)

    def _tokenize(self, text: str) -> list[str]:
        return self.sp_model.pieces(text)

    def _convert_token_to_id(self, token: str) -> int | None:
        found = self.lang_token_to_id.get(token)
        return super()._convert_token_to_id(token) if found is None else found

    def _convert_id_to_token(self, id: int) -> str | None:
        found = self.id_to_lang_token.get(id)
        return super()._convert_id_to_token(id) if found is None else found

    def create_token_type_ids_from_sequences(self, token_ids_0: Ids, token_ids_1: Ids | None = None) -> list[int]:
        """0 for the first text and what stands around it, 1 for the second."""
        first = len(self.build_inputs_with_special_tokens(token_ids_0))
        both = len(self.build_inputs_with_special_tokens(token_ids_0, token_ids_1))
        return [0] * first + [1] * (both - first)

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Pieces -> text."""
        parts = parts_by_special_tokens(tokens, {*self.all_special_tokens})
        return "".join(part if isinstance(part, str) else self.sp_model.decode(part) for part in parts).strip()

    def save_files(self) -> dict[str, str | bytes]:
        """vocab.json, and the model as it was read."""
        return {"vocab.json": json.dumps(self.encoder, indent=2), "sentencepiece.bpe.model": self._spm.data}


class Speech2Text(PythonTokenizer):
    """Wang et al. 2020, arXiv:2010.05171: what a model writes of a speech, in one language or several."""

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        name = type(self).__name__
        self._spm = Loaded(_needed(settings, "spm_file", name))
        if vocab is None:
            raise ValueError(f"{name} needs vocab_file=, a vocab.json; or load it: {name}.from_pretrained(folder).")
        self._set_encoder(read_vocab(vocab))
        self.do_upper_case = settings["do_upper_case"]
        codes = settings.get("lang_codes")
        self.lang_code_to_id: dict[str, int] = {}
        self._tgt_lang = settings.get("tgt_lang")
        if codes is not None:
            self.lang_code_to_id = {code: self.sp_model.piece_to_id(f"<lang:{code}>") for code in SPEECH[codes]}
            self._tgt_lang = self._tgt_lang or SPEECH[codes][0]
        settings.pop("sp_model_kwargs", None)

    def _made(self) -> None:
        if self.lang_code_to_id:
            self.set_tgt_lang_special_tokens(str(self._tgt_lang))

    @property
    def sp_model(self) -> Engine:
        """The model that cuts texts."""
        return self._spm.engine

    @property
    def tgt_lang(self) -> str | None:
        """The language that the model is to write. Can be set."""
        return self._tgt_lang

    @tgt_lang.setter
    def tgt_lang(self, language: str) -> None:
        self._tgt_lang = language
        self.set_tgt_lang_special_tokens(language)

    def set_tgt_lang_special_tokens(self, tgt_lang: str) -> None:
        """Put that language's token before a text."""
        if tgt_lang not in self.lang_code_to_id:
            raise KeyError(f"the language {tgt_lang!r} is unknown; it is one of {[*self.lang_code_to_id]}.")
        self.prefix_tokens = [self.lang_code_to_id[tgt_lang]]

    def _tokenize(self, text: str) -> list[str]:
        return self.sp_model.pieces(text)

    def build_inputs_with_special_tokens(self, token_ids_0: Ids, token_ids_1: Ids | None = None) -> list[int]:
        """The language before a text, the end token behind it."""
        end: Any = self.eos_token_id
        return [*self.prefix_tokens, *token_ids_0, *(token_ids_1 or ()), end]

    def get_special_tokens_mask(
        self, token_ids_0: Ids, token_ids_1: Ids | None = None, already_has_special_tokens: bool = False
    ) -> list[int]:
        """1 on the language and the end token."""
        if already_has_special_tokens:
            return super().get_special_tokens_mask(token_ids_0, token_ids_1, True)
        return [1] * len(self.prefix_tokens) + [0] * (len(token_ids_0) + len(token_ids_1 or ())) + [1]

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Pieces -> text."""
        out = ""
        for part in parts_by_special_tokens(tokens, {*self.all_special_tokens}):
            if isinstance(part, str):
                out += f"{part} "
            else:
                decoded = self.sp_model.decode(part)
                out += decoded.upper() if self.do_upper_case else decoded
        return out.strip()

    def save_files(self) -> dict[str, str | bytes]:
        """vocab.json, and the model as it was read."""
        return {"vocab.json": json.dumps(self.encoder, indent=2), "sentencepiece.bpe.model": self._spm.data}


_MUSTC = "pt fr ru nl ro it es de".split()
SPEECH = {"mustc": _MUSTC}


def speech2text_tokens(options: Json) -> None:
    """The languages are special tokens."""
    codes = options.get("lang_codes")
    if codes is not None and codes not in SPEECH:
        raise ValueError(f"lang_codes={codes!r} is unknown; expected one of {[*SPEECH]}.")
    if codes is not None and "extra_special_tokens" not in options:
        given = list(options.get("additional_special_tokens") or [])
        options["additional_special_tokens"] = [f"<lang:{code}>" for code in SPEECH[codes]] + given


class PLBart(WithLanguages, SentencePieceTokenizer):
    """Ahmad et al. 2021, arXiv:2103.06333: programming languages; fairseq's ids, the language behind a text."""

    fairseq_offset = 1

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        super()._load(vocab, merges, settings)
        self.language_codes = settings["language_codes"]
        size = len(self.sp_model)
        codes = PLBART[self.language_codes]
        self.lang_code_to_id = {code: size + i + self.fairseq_offset for i, code in enumerate(codes)}
        self.id_to_lang_code = {id: code for code, id in self.lang_code_to_id.items()}
        self.fairseq_tokens_to_ids = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
        if self.language_codes == "base":
            self.fairseq_tokens_to_ids["<mask>"] = size + len(codes) + self.fairseq_offset
        self.fairseq_tokens_to_ids |= self.lang_code_to_id
        self.fairseq_ids_to_tokens = {id: token for token, id in self.fairseq_tokens_to_ids.items()}

    def _made(self) -> None:
        usual = None if self.language_codes == "base" else "__en_XX__"
        self._src_lang = self._spelled(self.init_kwargs.get("src_lang")) or usual
        self._tgt_lang = self._spelled(self.init_kwargs.get("tgt_lang"))
        core: Any = self._core
        for token in ("<s>", "<pad>", "</s>", "<unk>", "<mask>", *self.lang_code_to_id):
            if token in core.ids:
                core.take(core.ids[token])
        self.set_src_lang_special_tokens(self._src_lang)

    def _spelled(self, language: str | None) -> str | None:
        return f"__{language}__" if language in {code.strip("_") for code in PLBART["multi"]} else language

    def _lang_id(self, language: str | None) -> int | None:
        return self.convert_tokens_to_ids(language)

    def _put_around(self, language: str | None) -> None:
        super()._put_around(language)
        self.cur_lang_code = None if language is None else self.lang_code_to_id[str(self._spelled(language))]
        if self.cur_lang_code is not None:
            self.suffix_tokens = [*self.suffix_tokens, self.cur_lang_code]

    @property
    def vocab_size(self) -> int:
        """Pieces, languages, and what fairseq adds."""
        return len(self.sp_model) + len(self.lang_code_to_id) + 1 + (self.language_codes == "base")

    def base_vocab(self) -> dict[str, int]:
        """piece -> fairseq's id."""
        pieces = {piece: id + self.fairseq_offset for id, (piece, _) in enumerate(self.sp_model.model.pieces)}
        pieces[self.sp_model.model.pieces[0][0]] = self.fairseq_tokens_to_ids["<unk>"]
        return self.fairseq_tokens_to_ids | {p: id for p, id in pieces.items() if p not in self.fairseq_tokens_to_ids}

    def base_finder(self) -> Callable[[str], int | None]:
        """piece -> fairseq's id."""
        return self.base_vocab().get

    def _convert_token_to_id(self, token: str) -> int | None:
        if token in self.fairseq_tokens_to_ids:
            return self.fairseq_tokens_to_ids[token]
        id = self.sp_model.piece_to_id(token)
        return id + self.fairseq_offset if id else self.fairseq_tokens_to_ids["<unk>"]

    def _convert_id_to_token(self, id: int) -> str | None:
        found = self.fairseq_ids_to_tokens.get(id)
        return self.sp_model.id_to_piece(id - self.fairseq_offset) if found is None else found


def plbart_tokens(options: Json) -> None:
    """The mask takes the blanks before it; the languages are special tokens."""
    if options["language_codes"] not in PLBART:
        raise ValueError(f"language_codes={options['language_codes']!r} is unknown; expected one of {[*PLBART]}.")
    if isinstance(options.get("mask_token"), str):
        options["mask_token"] = AddedToken(options["mask_token"], lstrip=True, special=True)
    if "extra_special_tokens" not in options:
        codes = PLBART[options["language_codes"]]
        given = [token for token in options.get("additional_special_tokens") or [] if text(token) not in codes]
        options["additional_special_tokens"] = [*codes, *given]
