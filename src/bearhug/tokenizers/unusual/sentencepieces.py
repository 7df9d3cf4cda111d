"""Tokenizers that are a SentencePiece model and little more: BERT Generation, GPT-SW3, SigLIP, SpeechT5, CPM;
and BARTpho, which numbers a part of the pieces anew."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bearhug.tokenizers._native import AddedToken
from bearhug.tokenizers.classes.kind import Json, default_extra, mask_takes_blank
from bearhug.tokenizers.classes.kind import text as text_of
from bearhug.tokenizers.ids_to_text import plain_ids
from bearhug.tokenizers.unusual import engine
from bearhug.tokenizers.unusual.engine import BLANK, Engine
from bearhug.tokenizers.unusual.python_tokenizer import Ids, PythonTokenizer


class Loaded:
    """A model and the bytes of its file, which are written back when a tokenizer is saved."""

    def __init__(self, path: Any, add_dummy_prefix: bool | None = None):
        self.path, self.add_dummy_prefix = str(path), add_dummy_prefix
        self.data = Path(path).read_bytes()
        self.engine = engine.load(path, add_dummy_prefix)

    def __deepcopy__(self, memo: dict) -> Loaded:
        return self


def parts_by_special_tokens(tokens: Sequence[str], special: set[str]) -> list[list[str] | str]:
    """Runs of ordinary tokens, and the special ones between them."""
    parts: list[list[str] | str] = [[]]
    for token in tokens:
        if token in special:
            parts += [token, []]
        else:
            run = parts[-1]
            assert isinstance(run, list)
            run.append(token)
    return parts


class SentencePieceTokenizer(PythonTokenizer):
    """Pieces and ids are the model's own.

    `legacy=False`: no blank goes before a text that follows a special token.
    """

    backend = "sentencepiece"
    _loaded: Loaded

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        if vocab is None:
            raise ValueError(f"{type(self).__name__} is made from a SentencePiece model: pass vocab_file=.")
        self.legacy = settings.get("legacy", True)
        self._loaded = Loaded(vocab, None if self.legacy else False)
        settings.pop("sp_model_kwargs", None)

    @property
    def sp_model(self) -> Engine:
        """The model: `pieces(text)`, `encode(text)`, `decode(pieces)`, `piece_to_id`, `id_to_piece`."""
        return self._loaded.engine

    @property
    def vocab_size(self) -> int:
        """Pieces of the model."""
        return len(self.sp_model)

    def base_vocab(self) -> dict[str, int]:
        """piece -> id, added tokens in place of the pieces that they stand for."""
        added = self._core.added_tokens()
        pieces = enumerate(piece for piece, _ in self.sp_model.model.pieces)
        return {added[id].content if id in added else piece: id for id, piece in pieces}

    def base_finder(self) -> Callable[[str], int | None]:
        """A piece's id, where the model has it."""
        return self.sp_model.ids.get

    def whole_tokens(self) -> list[str]:
        """Special tokens, whether or not they are added ones."""
        return self.all_special_tokens

    def _tokenize(self, text: str) -> list[str]:
        if self.legacy or not text.startswith((BLANK, " ")):
            return self.sp_model.pieces(text)
        return self._behind_unknown(text)

    def _behind_unknown(self, text: str) -> list[str]:
        """Pieces of a text that does not stand at the begin: the unknown token before it is cut off again."""
        unknown = self.unk_token or ""
        length, pieces = len(self.sp_model.encode(unknown)), self.sp_model.pieces(unknown + text)
        return pieces[length:] if len(pieces) >= length else pieces

    def _convert_token_to_id(self, token: str) -> int | None:
        return self.sp_model.piece_to_id(token)

    def _convert_id_to_token(self, id: int) -> str | None:
        return self.sp_model.id_to_piece(id)

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Pieces -> text."""
        return "".join(tokens).replace(BLANK, " ").strip()

    def save_files(self) -> dict[str, str | bytes]:
        """The model as it was read."""
        return {self.kind.files[0]: self._loaded.data}


class BertGeneration(SentencePieceTokenizer):
    """Rothe et al. 2019, arXiv:1907.12461."""


_WHITE = "\u0020\u2002\u2003\u2005\u2008\u2009\u200a\u202f\u3000\ufffc\u0084"
_UNPRINTED = [*range(9), *range(11, 32), *range(127, 160), 160, 173, 8203]


def gpt_sw3_tokens(options: Json) -> None:
    """Two generations of the model differ in their special tokens."""
    first = "gpt-sw3-7b" in str(options.get("name_or_path"))
    defaults = {"eos_token": "<|endoftext|>", "unk_token": "<unk>"}
    for name, token in defaults.items():
        if options.get(name) is None:
            options[name] = token
    for name, token in (("pad_token", "<pad>"), ("bos_token", "<s>")):
        if options.get(name) is None:
            options[name] = options["unk_token" if name == "pad_token" else "eos_token"] if first else token


class GPTSw3(SentencePieceTokenizer):
    """Ekgren et al. 2023, arXiv:2305.12987: control characters go, every kind of blank is one."""

    _clean = re.compile(f"[{''.join(map(chr, _UNPRINTED))}]")

    def preprocess_text(self, text: str) -> str:
        """A text as the model has seen it in training."""
        text = self._clean.sub("", text)
        return unicodedata.normalize("NFC", "".join(" " if char in _WHITE else char for char in text))

    def _tokenize(self, text: str) -> list[str]:
        return self.sp_model.pieces(self.preprocess_text(text))

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Pieces -> text, a blank before special tokens."""
        return _with_special_tokens(self, tokens)

    def encode_fast(self, text: str | list[str], return_tensors: str | bool = False) -> Any:
        """Ids without a look at special tokens; as a tensor with return_tensors=True."""
        if isinstance(text, list):
            ids: Any = [self.sp_model.encode(self.preprocess_text(one)) for one in text]
        else:
            ids = self.sp_model.encode(self.preprocess_text(text))
        if return_tensors is True or return_tensors == "pt":
            from bearhug.tokenizers.encoding import as_tensor

            return as_tensor("input_ids", ids, "pt")
        return ids

    def decode_fast(self, token_ids: Any) -> str:
        """Ids -> text by the model alone."""
        ids = plain_ids(token_ids)
        ids = [ids] if isinstance(ids, int) else ids
        return self.sp_model.decode([self.sp_model.id_to_piece(id) or "" for id in ids])


def _with_special_tokens(tokenizer: SentencePieceTokenizer, tokens: Sequence[str]) -> str:
    out, before_special = "", False
    special = {*tokenizer.all_special_tokens}
    run: list[str] = []
    for token in tokens:
        if token in special:
            out += ("" if before_special else " ") + tokenizer.sp_model.decode(run) + token
            run, before_special = [], True
        else:
            run.append(token)
            before_special = False
    return out + tokenizer.sp_model.decode(run)


def siglip_tokens(options: Json) -> None:
    """Special tokens take the blanks around them."""
    for name in ("pad_token", "unk_token", "eos_token"):
        if isinstance(options.get(name), str):
            options[name] = AddedToken(options[name], rstrip=True, lstrip=True, normalized=False, special=True)


class Siglip(SentencePieceTokenizer):
    """Zhai et al. 2023, arXiv:2303.15343: lower case, no punctuation, an end token behind each text."""

    special_tokens_pattern = "eos"
    token_type_ids_pattern = "all_zeros"
    _punctuation = str.maketrans("", "", string.punctuation)

    def remove_punctuation(self, text: str) -> str:
        """A text without ASCII punctuation."""
        return text.translate(self._punctuation)

    def canonicalize_text(self, text: str, *, keep_punctuation_exact_string: str | None = None) -> str:
        """Lower case, no punctuation but the one to be kept, one blank between words."""
        text = text.lower() if self.do_lower_case else text
        if keep_punctuation_exact_string:
            parts = text.split(keep_punctuation_exact_string)
            text = keep_punctuation_exact_string.join(map(self.remove_punctuation, parts))
        else:
            text = self.remove_punctuation(text)
        return re.sub(r"\s+", " ", text).strip()

    @property
    def unk_token_length(self) -> int:
        """Pieces of the unknown token's text."""
        return len(self.sp_model.encode(str(self.unk_token)))

    def tokenize(self, text: str, *args: Any, **kwargs: Any) -> list[str]:
        """A text's tokens, each text behind a blank."""
        tokens = super().tokenize(BLANK + text.replace(BLANK, " "), *args, **kwargs)
        if len(tokens) > 1 and tokens[0] == BLANK and tokens[1] in self.all_special_tokens:
            return tokens[1:]
        return tokens

    def _tokenize(self, text: str) -> list[str]:
        return self._behind_unknown(self.canonicalize_text(text))

    def _ended(self, ids: Ids) -> list[int]:
        end: Any = self.eos_token_id
        return list(ids) if ids and ids[-1] == end else [*ids, end]

    def build_inputs_with_special_tokens(self, token_ids_0: Ids, token_ids_1: Ids | None = None) -> list[int]:
        """The end token behind each text that does not end with it."""
        return self._ended(token_ids_0) + ([] if token_ids_1 is None else self._ended(token_ids_1))

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Pieces -> text, a blank before special tokens."""
        return _with_special_tokens(self, tokens).strip()


class SpeechT5(SentencePieceTokenizer):
    """Ao et al. 2021, arXiv:2110.07205: characters; `normalize=True` writes numbers out."""

    def _made(self) -> None:
        self.normalize = self.init_kwargs.get("normalize", False)

    def tokenize(self, text: str, *args: Any, normalize: bool | None = None, **kwargs: Any) -> list[str]:
        """A text's tokens; `normalize` writes numbers out in English."""
        if self.normalize if normalize is None else normalize:
            from bearhug.tokenizers.unusual.spoken_numbers import spoken

            text = spoken(text)
        return super().tokenize(text, *args, **kwargs)

    def _prepared(self, text: str, is_split_into_words: bool) -> str:
        return f" {text}" if is_split_into_words else text

    def build_inputs_with_special_tokens(self, token_ids_0: Ids, token_ids_1: Ids | None = None) -> list[int]:
        """The end token behind a text, or behind both of a pair."""
        end: Any = self.eos_token_id
        return [*token_ids_0, *(token_ids_1 or ()), end]

    def get_special_tokens_mask(
        self, token_ids_0: Ids, token_ids_1: Ids | None = None, already_has_special_tokens: bool = False
    ) -> list[int]:
        """1 on the end token."""
        if already_has_special_tokens:
            return super().get_special_tokens_mask(token_ids_0, token_ids_1, True)
        return [0] * (len(token_ids_0) + len(token_ids_1 or ())) + [1]

    def create_token_type_ids_from_sequences(self, token_ids_0: Ids, token_ids_1: Ids | None = None) -> list[int]:
        """0 everywhere."""
        return [0] * (len(token_ids_0) + len(token_ids_1 or ()) + 1)


# -- CPM

_CPM_MARKS = str.maketrans({" ": None, "\u2582": " ", "\u2583": "\n"})  # how its texts have blanks and new lines


def cpm_tokens(options: Json) -> None:
    """The mask takes the blanks before it; <eop> ends a paragraph, <eod> a document."""
    mask_takes_blank(options)
    default_extra(options, ["<eop>", "<eod>"])


class Cpm(SentencePieceTokenizer):
    """Zhang et al. 2020, arXiv:2012.00413: Chinese, and a separator and the class token behind a text."""

    pad_token_type_id = 3

    def preprocess_text(self, inputs: str) -> str:
        """One blank between words, plain quotation marks, no accents unless `keep_accents`."""
        about = self.init_kwargs
        text = " ".join(inputs.strip().split()) if about["remove_space"] else inputs
        text = text.replace("``", '"').replace("''", '"')
        if not about["keep_accents"]:
            text = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
        return text.lower() if about["do_lower_case"] else text

    def _tokenize(self, text: str) -> list[str]:
        return without_commas_behind_digits(self.sp_model, self.sp_model.pieces(self.preprocess_text(text)))

    def _frame(self, second: bool) -> list[int | str | None]:
        sep, cls = self.sep_token_id, self.cls_token_id
        return ["A", sep, *(["B", sep] if second else []), cls]

    def create_token_type_ids_from_sequences(self, token_ids_0: Ids, token_ids_1: Ids | None = None) -> list[int]:
        """0 for the first text, 1 for the second, 2 for the class token."""
        second = [] if token_ids_1 is None else [1] * (len(token_ids_1) + 1)
        return [0] * (len(token_ids_0) + 1) + second + [2]

    def _decode_row(self, ids: list[int], skip_special_tokens: bool, clean_up: bool | None, **options: Any) -> Any:
        return super()._decode_row(ids, skip_special_tokens, clean_up, **options).translate(_CPM_MARKS)


def without_commas_behind_digits(engine: Engine, pieces: Sequence[str]) -> list[str]:
    """Pieces in which a comma behind a digit is a piece of its own, as XLNet and ALBERT have it."""
    out: list[str] = []
    for piece in pieces:
        if len(piece) < 2 or piece[-1] != "," or not piece[-2].isdigit():
            out.append(piece)
            continue
        parts = engine.pieces(piece[:-1].replace(BLANK, ""))
        if piece[0] != BLANK and parts[0][0] == BLANK:
            parts = parts[1:] if len(parts[0]) == 1 else [parts[0][1:], *parts[1:]]
        out += [*parts, ","]
    return out


# -- BARTpho


class Bartpho(SentencePieceTokenizer):
    """Tran et al. 2022, arXiv:2109.09701: of XLM-R's pieces those that Vietnamese needs, numbered by dict.txt."""

    special_tokens_pattern = "cls_double_sep"
    token_type_ids_pattern = "all_zeros"

    def _load(self, vocab: Any, merges: Any, settings: dict[str, Any]) -> None:
        super()._load(vocab, merges, settings)
        path = settings.pop("monolingual_vocab_file", None)
        if path is None:
            raise ValueError("BartphoTokenizer needs monolingual_vocab_file=, its dict.txt.")
        self._pieces_file = Path(path).read_bytes()
        names = ("bos_token", "pad_token", "eos_token", "unk_token", "sep_token", "cls_token")
        tokens = dict.fromkeys(text_of(settings[name]) for name in names)
        tokens |= dict.fromkeys(line.split()[0] for line in self._pieces_file.decode().split("\n") if line.strip())
        tokens |= {text_of(settings["mask_token"]): None}
        self._set_encoder({token: id for id, token in enumerate(tokens)})

    @property
    def vocab_size(self) -> int:
        """Special tokens and the pieces of dict.txt."""
        return len(self.encoder)

    def base_vocab(self) -> dict[str, int]:
        """token -> id."""
        return dict(self.encoder)

    def base_finder(self) -> Callable[[str], int | None]:
        """A token's id, where dict.txt has it."""
        return self.encoder.get

    def _convert_token_to_id(self, token: str) -> int | None:
        return self.encoder.get(token, self.encoder[str(self.unk_token)])

    def _convert_id_to_token(self, id: int) -> str | None:
        return self.decoder_of_ids.get(id)

    def save_files(self) -> dict[str, str | bytes]:
        """The model and dict.txt, as they were read."""
        return super().save_files() | {"dict.txt": self._pieces_file}
