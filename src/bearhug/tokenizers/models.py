"""Models: a piece of text -> tokens; as `tokenizers.models`. Vocabulary and merges live in the core alone."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bearhug._lib.files import replacing
from bearhug.tokenizers import _native, file
from bearhug.tokenizers.part import Json, Part, Setting, text_of
from bearhug.tokenizers.shown import single
from bearhug.tokenizers.strings import Token

if TYPE_CHECKING:
    from bearhug.tokenizers.trainers import Trainer


class Model(Part):
    """A piece of text -> tokens. Made as one of its kinds, empty ones to be trained."""

    _table = file.MODELS
    _core_class = _native.Model
    _order: ClassVar[tuple[str, ...]]  # of the fields in a tokenizer.json

    def _build(self, description: Json) -> Any:
        """As `description` says; the vocabulary is the present one where it says none."""
        if "vocab" not in description:
            description = description | self._vocabulary()
        own = {key: value for key, value in description.items() if key not in ("vocab", "merges")}
        return self._table[description["type"]](json.dumps(own, ensure_ascii=False), description)

    def _change(self, changed: Json) -> None:
        super()._change(changed)
        for key in ("vocab", "merges"):
            self._description.pop(key, None)

    def _vocabulary(self) -> Json:
        vocab = dict(sorted(self._core.vocab().items(), key=lambda item: item[1]))
        return {"vocab": vocab}

    def _json(self) -> Json:
        return self._with(self._vocabulary())

    def _with(self, words: Json) -> Json:
        whole = self._description | words
        return {key: whole[key] for key in ("type", *self._order)}

    def _become(self, core: Any) -> None:
        """Take a trained model of the core, and its settings."""
        self._description = self._description | json.loads(core.json)
        self._core = core
        for holder in list(self.__dict__.get("_holders", ())):
            holder._part_changed(self)

    @classmethod
    def _of(cls, core: Any) -> Any:
        kind: Any = cls._kinds[core.kind]
        part = object.__new__(kind)
        part._description, part._core = kind._empty() | json.loads(core.json), core
        return part

    @classmethod
    def _empty(cls) -> Json:
        """The description of a new one, without vocabulary."""
        raise TypeError(f"{cls.__name__} has no instances of its own.")

    @classmethod
    def _read(cls, description: Json) -> Any:
        part = object.__new__(cls)
        part._change(cls._empty() | description)
        return part

    def tokenize(self, sequence: str) -> list[Token]:
        """The tokens of one piece of text; their offsets count its bytes."""
        return [Token(*token) for token in self._core.tokenize(text_of(sequence, "tokenize"))]

    def token_to_id(self, tokens: str) -> int | None:
        """The id of a token (one, whatever the parameter's name says); None: there is no such token."""
        return self._core.token_to_id(text_of(tokens, "token_to_id"))

    def id_to_token(self, id: int) -> str | None:
        """The token of an id; None: there is no such id."""
        if id < 0:
            raise OverflowError(f"{id} is no id; ids count from 0.")
        return self._core.id_to_token(id)

    def get_trainer(self) -> Trainer:
        """A trainer for this kind of model, with its defaults."""
        from bearhug.tokenizers import trainers

        return trainers.of(type(self).__name__)

    def save(self, folder: str | os.PathLike, prefix: str | None = None) -> list[str]:
        """Write the vocabulary as files of its own into a folder; returns their paths.

        Args:
            prefix: goes before the files' names, with a dash.

        Raises:
            FileNotFoundError: there is no such folder.
        """
        if not Path(folder).is_dir():
            raise FileNotFoundError(f"there is no folder {os.fspath(folder)!r} to save a vocabulary in.")
        start = f"{prefix}-" if prefix else ""
        paths = []
        for name, text in self._files().items():
            path = Path(folder) / f"{start}{name}"
            with replacing(path, "w", encoding="utf-8", newline="\n") as out:
                out.write(text)
            paths.append(str(path))
        return paths

    def _files(self) -> dict[str, str]:
        return {"vocab.json": _compact(self._vocabulary()["vocab"])}


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _words(vocab: Any) -> Any:
    """A vocabulary as it is given: a dict, or the path of a file."""
    if isinstance(vocab, str | os.PathLike):
        return file.read_vocab(vocab)
    if not isinstance(vocab, Mapping):
        raise TypeError(f"vocab is of the type {type(vocab).__name__}; expected a dict, token -> id.")
    for token, id in vocab.items():
        if not isinstance(token, str) or not isinstance(id, int):
            raise TypeError(f"vocab has the entry {token!r}: {id!r}; expected a str and its id, an int.")
    return dict(vocab)


def _chance(value: float | None) -> float | None:
    if value is not None and not 0 <= value <= 1:
        raise ValueError(f"dropout={value}; it is a chance, from 0 to 1.")
    return value


class BPE(Model):
    """Byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909).

    Args:
        vocab: token -> id, and `merges` with it; neither: an empty model, to be trained.
        merges: pairs of tokens, the ones to be merged first first.
        cache_capacity: accepted; the core's memory of pieces is bounded.
        dropout: the chance that a merge is left out, for training (Provilkov et al. 2020, arXiv:1910.13267).
        unk_token: the token of what the vocabulary does not have.
        continuing_subword_prefix, end_of_word_suffix: what tokens inside and at the end of a word have.
        fuse_unk: several unknown characters are one token.
        byte_fallback: an unknown character becomes its bytes, <0x61>.
        ignore_merges: a piece that is a token is one, whatever the merges say.

    Raises:
        ValueError: only one of vocab and merges; a merge of tokens that the vocabulary does not have.
    """

    _order = ("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback")
    _order += ("ignore_merges", "vocab", "merges")

    dropout = Setting[float | None](float, int, type(None), written=_chance, read=lambda value: value and single(value))
    unk_token = Setting[str | None](str, type(None))
    continuing_subword_prefix = Setting[str | None](str, type(None))
    end_of_word_suffix = Setting[str | None](str, type(None))
    fuse_unk = Setting[bool](bool)
    byte_fallback = Setting[bool](bool)
    ignore_merges = Setting[bool](bool)

    def __init__(
        self,
        vocab: Mapping[str, int] | str | None = None,
        merges: Sequence[tuple[str, str]] | str | None = None,
        cache_capacity: int | None = None,
        dropout: float | None = None,
        unk_token: str | None = None,
        continuing_subword_prefix: str | None = None,
        end_of_word_suffix: str | None = None,
        fuse_unk: bool | None = None,
        byte_fallback: bool = False,
        ignore_merges: bool = False,
    ) -> None:
        if (vocab is None) != (merges is None):
            raise ValueError(
                f"BPE got {'vocab' if merges is None else 'merges'} alone; it needs both: BPE(vocab, merges), or none "
                "of them, to be trained."
            )
        self._description = self._empty() | {
            "vocab": {} if vocab is None else _words(vocab),
            "merges": [] if merges is None else file.read_merges(merges),
        }
        self._set(
            dropout=dropout,
            unk_token=unk_token,
            continuing_subword_prefix=continuing_subword_prefix,
            end_of_word_suffix=end_of_word_suffix,
            fuse_unk=bool(fuse_unk) if fuse_unk is None else fuse_unk,
            byte_fallback=byte_fallback,
            ignore_merges=ignore_merges,
        )

    @classmethod
    def _empty(cls) -> Json:
        from bearhug.tokenizers.convert import PLAIN_BPE

        return dict(PLAIN_BPE)

    def _vocabulary(self) -> Json:
        return super()._vocabulary() | {"merges": [list(pair) for pair in self._core.merges()]}

    def _files(self) -> dict[str, str]:
        merges = "".join(f"{left} {right}\n" for left, right in self._core.merges())
        return super()._files() | {"merges.txt": "#version: 0.2\n" + merges}

    @staticmethod
    def read_file(vocab: str | os.PathLike, merges: str | os.PathLike) -> tuple[dict[str, int], list[tuple[str, str]]]:
        """vocab.json and merges.txt -> (vocab, merges)."""
        return file.read_vocab(vocab), file.read_merges(merges)

    @classmethod
    def from_file(cls, vocab: str | os.PathLike, merges: str | os.PathLike, **kwargs: Any) -> BPE:
        """The model of a vocab.json and a merges.txt; other settings as in `BPE(...)`."""
        return cls(*cls.read_file(vocab, merges), **kwargs)

    def _clear_cache(self) -> None:
        """The core's memory of pieces is bounded and always right; accepted."""

    def _resize_cache(self, capacity: int) -> None:
        """The core's memory of pieces is bounded and always right; accepted."""


class WordPiece(Model):
    """The longest token first (Schuster and Nakajima 2012; Devlin et al. 2019).

    Args:
        vocab: token -> id; None: an empty model, to be trained.
        unk_token: the token of a word that the vocabulary cannot write.
        max_input_chars_per_word: a longer word is unknown.
        continuing_subword_prefix: what tokens inside of a word have.
    """

    _order = ("unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab")

    unk_token = Setting[str](str)
    max_input_chars_per_word = Setting[int](int)
    continuing_subword_prefix = Setting[str](str)

    def __init__(
        self,
        vocab: Mapping[str, int] | str | None = None,
        unk_token: str = "[UNK]",
        max_input_chars_per_word: int = 100,
        continuing_subword_prefix: str = "##",
    ) -> None:
        self._description = {"type": "WordPiece", "vocab": {} if vocab is None else _words(vocab)}
        self._set(
            unk_token=str(unk_token),
            continuing_subword_prefix=continuing_subword_prefix,
            max_input_chars_per_word=max_input_chars_per_word,
        )

    @classmethod
    def _empty(cls) -> Json:
        own = {"unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}
        return {"type": "WordPiece"} | own

    def _files(self) -> dict[str, str]:
        return {"vocab.txt": "".join(f"{token}\n" for token in self._vocabulary()["vocab"])}

    @staticmethod
    def read_file(vocab: str | os.PathLike) -> dict[str, int]:
        """vocab.txt -> token -> id."""
        return file.read_vocab(vocab)

    @classmethod
    def from_file(cls, vocab: str | os.PathLike, **kwargs: Any) -> WordPiece:
        """The model of a vocab.txt; other settings as in `WordPiece(...)`."""
        return cls(cls.read_file(vocab), **kwargs)


class WordLevel(Model):
    """A piece is a token, or unknown.

    Args:
        vocab: token -> id; None: an empty model, to be trained.
        unk_token: the token of what the vocabulary does not have; None: "<unk>".
    """

    _order = ("vocab", "unk_token")

    unk_token = Setting[str](str)

    def __init__(self, vocab: Mapping[str, int] | str | None = None, unk_token: str | None = None) -> None:
        self._description = {"type": "WordLevel", "vocab": {} if vocab is None else _words(vocab)}
        self._set(unk_token="<unk>" if unk_token is None else str(unk_token))

    @classmethod
    def _empty(cls) -> Json:
        return {"type": "WordLevel", "unk_token": "<unk>"}

    @staticmethod
    def read_file(vocab: str | os.PathLike) -> dict[str, int]:
        """vocab.json -> token -> id."""
        return file.read_vocab(vocab)

    @classmethod
    def from_file(cls, vocab: str | os.PathLike, unk_token: str | None = None) -> WordLevel:
        """The model of a vocab.json."""
        return cls(cls.read_file(vocab), unk_token)


class Unigram(Model):
    """The likeliest tokens of all ways to cut a piece (Kudo 2018, arXiv:1804.10959).

    Args:
        vocab: [(token, log probability)]; None: an empty model, to be trained.
        unk_id: which of them stands for what the vocabulary does not have; None: an unknown character is an error.
        byte_fallback: an unknown character becomes its bytes, <0x61>.
        alpha, nbest_size: sample one of the likely ways instead, for training.

    Raises:
        ValueError: unk_id is none of them.
    """

    _order = ("unk_id", "vocab", "byte_fallback")

    unk_id = Setting[int | None](int, type(None))
    byte_fallback = Setting[bool](bool)
    alpha = Setting[float | None](float, int, type(None))
    nbest_size = Setting[int | None](int, type(None))

    def __init__(
        self,
        vocab: Sequence[tuple[str, float]] | None = None,
        unk_id: int | None = None,
        byte_fallback: bool | None = None,
        alpha: float | None = None,
        nbest_size: int | None = None,
    ) -> None:
        if vocab is None:
            vocab, unk_id = [("<unk>", 0.0)], 0
        if isinstance(vocab, str | Mapping) or not isinstance(vocab, Sequence):
            raise TypeError(f"vocab is of the type {type(vocab).__name__}; expected a list of (token, score).")
        pieces = [[token, float(score)] for token, score in vocab]
        if unk_id is not None and unk_id >= len(pieces):
            raise ValueError(f"unk_id={unk_id}; the vocabulary has {len(pieces)} tokens, counted from 0.")
        self._description = {"type": "Unigram", "vocab": pieces}
        fallback = bool(byte_fallback) if byte_fallback is None else byte_fallback
        self._set(unk_id=unk_id, byte_fallback=fallback, alpha=alpha, nbest_size=nbest_size)

    @classmethod
    def _empty(cls) -> Json:
        return {"type": "Unigram", "unk_id": None, "byte_fallback": False, "alpha": None, "nbest_size": None}

    def _vocabulary(self) -> Json:
        return {"vocab": [list(piece) for piece in self._core.pieces()]}

    def _files(self) -> dict[str, str]:
        return {"unigram.json": json.dumps(self._json(), ensure_ascii=False, indent=2)}

    def _clear_cache(self) -> None:
        """The core's memory of pieces is bounded and always right; accepted."""

    def _resize_cache(self, capacity: int) -> None:
        """The core's memory of pieces is bounded and always right; accepted."""
