"""The raw tokenizer, of parts that can be taken out, changed and put back; as `tokenizers.Tokenizer`.

It is a view of the compiled core (`_native.Tokenizer`), which `PreTrainedTokenizerFast` uses too: what is set on
`tokenizer.backend_tokenizer` is set on the tokenizer.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator, Sequence
from operator import index
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from bearhug._lib.errors import either
from bearhug._lib.files import replacing
from bearhug.tokenizers import _native, assembling, file
from bearhug.tokenizers._native import AddedToken, Padding, Truncation
from bearhug.tokenizers.decoders import Decoder
from bearhug.tokenizers.encoding import Encoding
from bearhug.tokenizers.models import Model
from bearhug.tokenizers.normalizers import Normalizer
from bearhug.tokenizers.part import Json, Part, text_of
from bearhug.tokenizers.pre_tokenizers import PreTokenizer
from bearhug.tokenizers.processors import PostProcessor
from bearhug.tokenizers.shown import show
from bearhug.tokenizers.trainers import Trainer, learn

Kind = TypeVar("Kind", bound=Part)


class _Slot(Generic[Kind]):
    """A part of a tokenizer, as an attribute that can be set."""

    def __init__(self, family: type[Kind], doc: str, optional: bool = True):
        self.family, self.optional, self.__doc__ = family, optional, doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, tokenizer: None, owner: type) -> _Slot[Kind]: ...
    @overload
    def __get__(self, tokenizer: Tokenizer, owner: type) -> Any: ...
    def __get__(self, tokenizer: Tokenizer | None, owner: type) -> Any:
        if tokenizer is None:
            return self
        core, part = getattr(tokenizer._core, self.name), tokenizer._parts.get(self.name)
        if part is None or part._core is not core:  # the core's part was set past this view
            part = tokenizer._parts[self.name] = self.family._of(core)
            tokenizer._calls_python = None
            if part is not None:
                part._held_by(tokenizer)
        return part

    def __set__(self, tokenizer: Tokenizer, part: Kind | None) -> None:
        if not isinstance(part, self.family) and not (part is None and self.optional):
            expected = either([self.family.__name__, "None"] if self.optional else [self.family.__name__])
            raise TypeError(f"{self.name} is of the type {type(part).__name__}; expected {expected}.")
        setattr(tokenizer._core, self.name, None if part is None else part._core)
        tokenizer._parts[self.name] = part
        tokenizer._calls_python = None
        if part is not None:
            part._held_by(tokenizer)


class Tokenizer:
    """A tokenizer of parts: text goes through the normalizer, the pre-tokenizer, the model and the post-processor, ids
    through the decoder.

    >>> from bearhug.tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    >>> tokenizer = Tokenizer(models.WordLevel({"hello": 0, "world": 1, "<unk>": 2}))
    >>> tokenizer.normalizer = normalizers.Lowercase()
    >>> tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> tokenizer.encode("Hello, world").ids
    [0, 2, 1]

    Args:
        model: the only part that must be there.
    """

    model = _Slot(Model, "A piece of text -> tokens.", optional=False)
    normalizer = _Slot(Normalizer, "Text -> text, before it is cut; or None.")
    pre_tokenizer = _Slot(
        PreTokenizer, "Text -> the pieces that the model sees one at a time; or None: the whole text."
    )
    post_processor = _Slot(PostProcessor, "What puts special tokens around one or two sequences; or None.")
    decoder = _Slot(Decoder, "Tokens' texts -> text; or None: they are joined by spaces.")

    def __init__(self, model: Model) -> None:
        if not isinstance(model, Model):
            raise TypeError(f"a Tokenizer is made of a model; this is a {type(model).__name__}.")
        self._start(_native.Tokenizer(model._core))
        self.model = model

    def _start(self, core: _native.Tokenizer) -> None:
        self._core = core
        self._parts: dict[str, Any] = {}
        self._calls_python: bool | None = None  # whether a part is in Python; None: not looked at yet
        self._truncation: Truncation | None = None
        self._padding: Padding | None = None
        self._encode_special_tokens = False

    @classmethod
    def _over(cls, core: _native.Tokenizer) -> Tokenizer:
        """The view of a tokenizer of the core."""
        self = cls.__new__(cls)
        self._start(core)
        return self

    @classmethod
    def _of(cls, description: Json) -> Tokenizer:
        self = cls._over(file.build(description))
        self._truncation = file.truncation(description.get("truncation"))
        self._padding = file.padding(description.get("padding"))
        return self

    def _part_changed(self, part: Part) -> None:
        self._calls_python = None
        for name, held in self._parts.items():
            if held is part:
                setattr(self._core, name, part._core)

    def _limits(self) -> Json:
        """What its tokenizer.json says of truncation and padding."""
        truncation, padding = file.describe_truncation(self._truncation), file.describe_padding(self._padding)
        return {"truncation": truncation, "padding": padding}

    # -- files

    @staticmethod
    def from_str(json: str) -> Tokenizer:
        """The tokenizer of a tokenizer.json's text.

        Raises:
            ValueError: the text is no tokenizer.json.
        """
        return Tokenizer._of(_parsed(text_of(json, "from_str")))

    @staticmethod
    def from_file(path: str | os.PathLike) -> Tokenizer:
        """The tokenizer of a tokenizer.json.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no tokenizer.json.
        """
        return Tokenizer._of(file.read_lean(path))

    @staticmethod
    def from_buffer(buffer: bytes) -> Tokenizer:
        """The tokenizer of a tokenizer.json's bytes.

        Raises:
            ValueError: they are no tokenizer.json.
        """
        if not isinstance(buffer, bytes):
            raise TypeError(f"from_buffer() takes bytes; this is a {type(buffer).__name__}.")
        return Tokenizer._of(_parsed(buffer))

    @staticmethod
    def from_pretrained(identifier: str, revision: str = "main", token: str | None = None) -> Tokenizer:
        """The tokenizer.json of a folder, a bundled name, the cache or the hub.

        Raises:
            OSError: there is no such repository, or it has no tokenizer.json.
        """
        from bearhug.hub.client import open_repo

        path = open_repo(identifier, revision=revision, token=token).path("tokenizer.json")
        if path is None:
            raise OSError(
                f"{identifier!r} has no tokenizer.json.\n"
                f"Load it with AutoTokenizer.from_pretrained({identifier!r}), which reads older files too."
            )
        return Tokenizer.from_file(path)

    def to_str(self, pretty: bool = False) -> str:
        """The tokenizer.json of this tokenizer, on one line, or on lines for people.

        Raises:
            ValueError: a part in Python, which no file can hold.
        """
        return self._encoded(pretty).decode()

    def save(self, path: str | os.PathLike, pretty: bool = True) -> None:
        """Write a tokenizer.json, all or nothing.

        Raises:
            OSError: it cannot be written there.
        """
        text = self._encoded(pretty)
        if not Path(path).parent.is_dir():
            raise FileNotFoundError(f"there is no folder {str(Path(path).parent)!r} to save a tokenizer in.")
        with replacing(path) as out:
            out.write(text)

    def _encoded(self, pretty: bool = False) -> bytes:
        parts = {name: getattr(self, name) for name in ("normalizer", "pre_tokenizer", "post_processor", "decoder")}
        core, model = self._core, self.model
        description = {
            "version": "1.0",
            **self._limits(),
            "added_tokens": file.describe_added_tokens(core),
            **{name: None if part is None else part._json() for name, part in parts.items()},
            "model": model._with(file.words_to_come(core.model)),
        }
        return file.written(description, core.model, "lines" if pretty else "tight")

    # -- text to ids

    def _encode(
        self, texts: Sequence[Any], pairs: Sequence[Any] | None, is_pretokenized: bool, add_special_tokens: bool
    ) -> _native.Encoded:
        return self._core.encode_batch(
            texts,
            pairs,
            is_split_into_words=is_pretokenized,
            add_special_tokens=add_special_tokens,
            split_special_tokens=self._encode_special_tokens,
            truncation=self._truncation,
            padding=self._padding,
            offsets=self._has_custom_part(),
        )

    def _has_custom_part(self) -> bool:
        """Whether a part is in Python, which is called once: then offsets cannot be worked out later."""
        if self._calls_python is None:
            self._calls_python = any(map(_is_custom, self._parts.values()))
        return self._calls_python

    def encode(
        self, sequence: Any, pair: Any | None = None, is_pretokenized: bool = False, add_special_tokens: bool = True
    ) -> Encoding:
        """Encode a text, or a pair of texts.

        Args:
            sequence: a text; with is_pretokenized, a list of words.
            pair: the second text, in the same form.
            add_special_tokens: with the special tokens of the post-processor.

        Raises:
            TypeError: something that is no text.
            ValueError: truncation cannot reach its length, or the model meets what it has no token for.
        """
        if type(sequence) is str and pair is None and not is_pretokenized:
            custom = self._has_custom_part() if self._calls_python is None else self._calls_python
            if self._truncation is self._padding is None and not custom:
                return Encoding.of(self._core.encode(sequence, add_special_tokens, self._encode_special_tokens))
        pairs = None if pair is None else [pair]
        return Encoding.of(self._encode([sequence], pairs, is_pretokenized, add_special_tokens))

    def encode_batch(
        self, input: Sequence[Any], is_pretokenized: bool = False, add_special_tokens: bool = True
    ) -> list[Encoding]:
        """Encode texts, and pairs of texts: (text, second text).

        Args:
            input: texts and pairs; with is_pretokenized, lists of words and pairs of those.
            add_special_tokens: with the special tokens of the post-processor.
        """
        if isinstance(input, str) or not hasattr(input, "__len__"):
            raise TypeError(f"encode_batch() takes a list of texts; this is a {type(input).__name__}. Write [text].")
        if len(input) == 1 and type(input) is list and type(input[0]) is str and not is_pretokenized:
            return [self.encode(input[0], None, False, add_special_tokens)]
        texts, pairs = _apart(input.tolist() if hasattr(input, "tolist") else input, is_pretokenized)  # pyright: ignore[reportAttributeAccessIssue]
        return Encoding.of_all(self._encode(texts, pairs, is_pretokenized, add_special_tokens), True)

    def encode_batch_fast(
        self, input: Sequence[Any], is_pretokenized: bool = False, add_special_tokens: bool = True
    ) -> list[Encoding]:
        """The same as `encode_batch`, which works offsets out when they are asked for."""
        return self.encode_batch(input, is_pretokenized, add_special_tokens)

    async def async_encode(
        self, sequence: Any, pair: Any | None = None, is_pretokenized: bool = False, add_special_tokens: bool = True
    ) -> Encoding:
        """`encode` in a thread, for `await`."""
        return await asyncio.to_thread(self.encode, sequence, pair, is_pretokenized, add_special_tokens)

    async def async_encode_batch(
        self, input: Sequence[Any], is_pretokenized: bool = False, add_special_tokens: bool = True
    ) -> list[Encoding]:
        """`encode_batch` in a thread, for `await`."""
        return await asyncio.to_thread(self.encode_batch, input, is_pretokenized, add_special_tokens)

    async def async_encode_batch_fast(
        self, input: Sequence[Any], is_pretokenized: bool = False, add_special_tokens: bool = True
    ) -> list[Encoding]:
        """`encode_batch_fast` in a thread, for `await`."""
        return await asyncio.to_thread(self.encode_batch, input, is_pretokenized, add_special_tokens)

    def post_process(
        self, encoding: Encoding, pair: Encoding | None = None, add_special_tokens: bool = True
    ) -> Encoding:
        """Truncate encodings, put special tokens around them and pad, as this tokenizer is set."""
        part = self.post_processor
        if self._truncation is not None:
            added = self.num_special_tokens_to_add(pair is not None) if add_special_tokens else 0
            encoding, pair = assembling.truncate(encoding, pair, self._truncation, added)
        row = assembling.process(None if part is None else part._json(), encoding, pair, add_special_tokens)
        if self._padding is not None:
            row = row.copy()
            assembling.pad([row], self._padding)
        return row

    def num_special_tokens_to_add(self, is_pair: bool) -> int:
        """How many special tokens stand around one sequence, or a pair."""
        return self._core.num_special_tokens_to_add(is_pair)

    @property
    def encode_special_tokens(self) -> bool:
        """Whether special tokens inside a text are read as ordinary text. Can be set."""
        return self._encode_special_tokens

    @encode_special_tokens.setter
    def encode_special_tokens(self, value: bool) -> None:
        self._encode_special_tokens = bool(value)

    # -- ids to text

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """The text of ids.

        Raises:
            ValueError: an id that the vocabulary does not have.
        """
        return self._core.decode(ids, skip_special_tokens)

    def decode_batch(self, sequences: Sequence[Sequence[int]], skip_special_tokens: bool = True) -> list[str]:
        """The texts of several lists of ids."""
        return self._core.decode_batch(sequences, skip_special_tokens)

    async def async_decode_batch(
        self, sequences: Sequence[Sequence[int]], skip_special_tokens: bool = True
    ) -> list[str]:
        """`decode_batch` in a thread, for `await`."""
        return await asyncio.to_thread(self.decode_batch, sequences, skip_special_tokens)

    # -- the vocabulary

    def token_to_id(self, token: str) -> int | None:
        """The id of a token; None: there is no such token."""
        return self._core.token_to_id(text_of(token, "token_to_id"))

    def id_to_token(self, id: int) -> str | None:
        """The token of an id; None: there is no such id."""
        if id < 0:
            raise OverflowError(f"{id} is no id; ids count from 0.")
        return self._core.id_to_token(id)

    def get_vocab(self, with_added_tokens: bool = True) -> dict[str, int]:
        """token -> id."""
        return self._core.vocab(with_added_tokens)

    def get_vocab_size(self, with_added_tokens: bool = True) -> int:
        """How many tokens there are."""
        return self._core.vocab_size(with_added_tokens)

    def get_added_tokens_decoder(self) -> dict[int, AddedToken]:
        """id -> added token, in the order of ids."""
        return self._core.added_tokens()

    def add_tokens(self, tokens: Sequence[str | AddedToken]) -> int:
        """Add tokens that are found in the text before anything else happens to it; returns how many are new."""
        return self._core.add_tokens(tokens)

    def add_special_tokens(self, tokens: Sequence[str | AddedToken]) -> int:
        """Add tokens that decoding may leave out; returns how many are new."""
        return self._core.add_tokens(tokens, special=True)

    # -- truncation and padding

    @property
    def truncation(self) -> dict[str, Any] | None:
        """What `enable_truncation` set: max_length, stride, strategy, direction."""
        cut = self._truncation
        names = ("max_length", "stride", "strategy", "direction")
        return None if cut is None else {name: getattr(cut, name) for name in names}

    def enable_truncation(
        self, max_length: int, stride: int = 0, strategy: str = "longest_first", direction: str = "right"
    ) -> None:
        """Cut what is longer.

        Args:
            max_length: in tokens, special ones included.
            stride: tokens that the next overflowing piece repeats.
            strategy: "longest_first": a token at a time from the longer of a pair; "only_first"; "only_second".
            direction: "right" or "left": the side that is cut off.

        Raises:
            ValueError: the stride leaves no room for anything new in a piece.
        """
        _check_counts(max_length=max_length, stride=stride)
        added = self.num_special_tokens_to_add(False)
        if stride and 0 <= max_length - added < stride:
            raise ValueError(
                f"stride={stride} is more than the {max_length - added} tokens of a piece ({max_length=} less {added} "
                f"special tokens).\nUse a stride below that, or max_length={stride + added + 1}."
            )
        self._truncation = Truncation(max_length, stride, strategy, direction)  # pyright: ignore[reportArgumentType]

    def no_truncation(self) -> None:
        """Cut nothing."""
        self._truncation = None

    @property
    def padding(self) -> dict[str, Any] | None:
        """What `enable_padding` set: length, pad_to_multiple_of, pad_id, pad_token, pad_type_id, direction."""
        names = ("length", "pad_to_multiple_of", "pad_id", "pad_token", "pad_type_id", "direction")
        return None if self._padding is None else {name: getattr(self._padding, name) for name in names}

    def enable_padding(
        self,
        direction: str = "right",
        pad_id: int = 0,
        pad_type_id: int = 0,
        pad_token: str = "[PAD]",
        length: int | None = None,
        pad_to_multiple_of: int | None = None,
    ) -> None:
        """Pad what is shorter.

        Args:
            direction: "right" or "left".
            pad_id, pad_type_id, pad_token: of the padding.
            length: in tokens; None: to the longest of a batch.
            pad_to_multiple_of: rounds the length up.
        """
        _check_counts(pad_id=pad_id, pad_type_id=pad_type_id)
        given = {"length": length, "pad_to_multiple_of": pad_to_multiple_of}
        _check_counts(**{name: value for name, value in given.items() if value is not None})
        text_of(pad_token, "enable_padding")
        self._padding = Padding(
            length,
            pad_to_multiple_of,
            direction,  # pyright: ignore[reportArgumentType]
            pad_id,
            pad_type_id,
            pad_token,
        )

    def no_padding(self) -> None:
        """Pad nothing."""
        self._padding = None

    # -- training

    def train(self, files: Sequence[str], trainer: Trainer | None = None) -> None:
        """Learn the vocabulary from text files, line by line, line ends included.

        Args:
            trainer: None: one with the defaults of the model's kind.

        Raises:
            OSError: a file cannot be read.
            ValueError: the trainer is for another kind of model.
        """
        from bearhug.tokenizers.train import lines

        self.train_from_iterator(lines(files), trainer)

    def train_from_iterator(
        self, iterator: Iterable[Any], trainer: Trainer | None = None, length: int | None = None
    ) -> None:
        """Learn the vocabulary from texts, or lists of texts.

        Args:
            trainer: None: one with the defaults of the model's kind.
            length: how many texts come, for the progress bar.
        """
        model = self.model
        learn(self._core, iterator, model.get_trainer() if trainer is None else trainer, length)
        model._become(self._core.model)

    # -- as an object

    def __reduce__(self) -> tuple:
        custom = {name: part for name in SLOTS if _is_custom(part := getattr(self, name))}
        plain = self.__copy__() if custom else self
        for name in custom:
            setattr(plain, name, None)
        return _unpickled, (plain._encoded(), custom, self._encode_special_tokens)

    def __copy__(self) -> Tokenizer:
        """Parts in Python are shared."""
        copied = self._over(self._core.copy())
        for name, part in self._parts.items():
            if _is_custom(part) and part._core is getattr(self._core, name):
                setattr(copied, name, part)
        copied._truncation, copied._padding = self._truncation, self._padding
        copied._encode_special_tokens = self._encode_special_tokens
        return copied

    def __deepcopy__(self, memo: dict) -> Tokenizer:
        return self.__copy__()

    def __repr__(self) -> str:
        return self._shown(repr)

    def __str__(self) -> str:
        return self._shown(str, most=5, longest=100)

    def _shown(self, each: Any, **limits: Any) -> str:
        whole = {
            "version": '"1.0"',
            "truncation": show(file.describe_truncation(self._truncation), "truncation", **limits),
            "padding": show(file.describe_padding(self._padding), "padding", **limits),
            "added_tokens": show(file.describe_added_tokens(self._core), **limits),
            **{name: each(getattr(self, name)) for name in SLOTS},
        }
        return f"Tokenizer({', '.join(f'{name}={text}' for name, text in whole.items())})"


SLOTS = ("normalizer", "pre_tokenizer", "post_processor", "decoder", "model")


def _is_custom(part: Any) -> bool:
    """Whether a part, or one of its own, is in Python."""
    if part is None:
        return False
    return part._description["type"] == "Custom" or any(map(_is_custom, part.__dict__.get("_parts", ())))


def _check_counts(**counts: Any) -> None:
    """Whole numbers from 0 on.

    Raises:
        TypeError: one is no whole number.
        OverflowError: one is negative.
    """
    for name, value in counts.items():
        if index(value) < 0:
            raise OverflowError(f"{name}={value} is negative; expected 0 or more.")


def _parsed(text: str | bytes) -> Json:
    try:
        return file.parsed(text)
    except ValueError as problem:
        raise ValueError(f"this is no tokenizer.json: it holds no JSON ({problem}).") from None


def _apart(input: Sequence[Any], is_pretokenized: bool) -> tuple[list[Any], list[Any] | None]:
    """Texts and pairs -> (texts, second texts), as the core takes them."""
    if not is_pretokenized and (set(map(type, input)) <= {str} or all(isinstance(one, str) for one in input)):
        return list(input), None
    texts, pairs = [], []
    for i, one in enumerate(input):
        one = one.tolist() if hasattr(one, "tolist") else one  # an array of words, or of two texts
        single = isinstance(one, str)
        if is_pretokenized:
            single = not single and all(isinstance(word, str) for word in _words(one, i))
        if not single and (not isinstance(one, list | tuple) or len(one) != 2):
            wanted = "a list of words, or a pair of those" if is_pretokenized else "a text, or a pair of texts"
            raise TypeError(f"text {i} of the batch is {one!r:.60}; expected {wanted}: (first, second).")
        first, second = (one, None) if single else one
        texts.append(first)
        pairs.append(second)
    return texts, pairs if any(pair is not None for pair in pairs) else None


def _words(given: Any, i: int) -> Iterator[Any]:
    if not hasattr(given, "__iter__"):
        raise TypeError(f"text {i} of the batch is of the type {type(given).__name__}; expected a list of words.")
    return iter(given)


def _unpickled(text: bytes, custom: dict[str, Part], encode_special_tokens: bool) -> Tokenizer:
    tokenizer = Tokenizer.from_buffer(text)
    for name, part in custom.items():
        setattr(tokenizer, name, part)
    tokenizer.encode_special_tokens = encode_special_tokens
    return tokenizer
