"""Tokenizers that are a SentencePiece model and little more: BERT Generation, GPT-SW3, SigLIP, SpeechT5."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bearhug.tokenizers._native import AddedToken
from bearhug.tokenizers.classes.kind import Json
from bearhug.tokenizers.tokenizer import plain_ids
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
