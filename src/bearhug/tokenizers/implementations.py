"""Ready-made tokenizers of parts, as `tokenizers.implementations`: a model with the normalizer, the pre-tokenizer and
the decoder that usually go with it.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bearhug.tokenizers import decoders, normalizers, pre_tokenizers, processors, sentencepiece, trainers
from bearhug.tokenizers._native import AddedToken
from bearhug.tokenizers.encoding import Encoding
from bearhug.tokenizers.models import BPE, Model, Unigram, WordPiece
from bearhug.tokenizers.normalizers import Normalizer
from bearhug.tokenizers.patterns import Regex
from bearhug.tokenizers.raw import Tokenizer
from bearhug.tokenizers.train import lines

Vocab = Mapping[str, int] | str
Merges = Sequence[tuple[str, str]] | str
Special = str | AddedToken


class BaseTokenizer:
    """A `Tokenizer`, and the settings that it was made with. What it does not have itself, the tokenizer has.

    Args:
        tokenizer: a raw tokenizer.
        parameters: what is printed of it.
    """

    def __init__(self, tokenizer: Tokenizer, parameters: dict[str, Any] | None = None) -> None:
        self._tokenizer, self._parameters = tokenizer, parameters or {}

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value}" for name, value in self._parameters.items())
        return f"Tokenizer(vocabulary_size={self._tokenizer.get_vocab_size()}, {shown})"

    def normalize(self, sequence: str) -> str:
        """The normalized text."""
        return self._tokenizer.normalizer.normalize_str(sequence)

    def encode(
        self, sequence: Any, pair: Any | None = None, is_pretokenized: bool = False, add_special_tokens: bool = True
    ) -> Encoding:
        """Encode a text, or a pair of texts; see `Tokenizer.encode`."""
        if sequence is None:
            raise ValueError("there is no text to encode: sequence is None.")
        return self._tokenizer.encode(sequence, pair, is_pretokenized, add_special_tokens)

    def encode_batch(
        self, inputs: Sequence[Any], is_pretokenized: bool = False, add_special_tokens: bool = True
    ) -> list[Encoding]:
        """Encode texts, and pairs of texts; see `Tokenizer.encode_batch`."""
        if inputs is None:
            raise ValueError("there are no texts to encode: inputs is None.")
        return self._tokenizer.encode_batch(inputs, is_pretokenized, add_special_tokens)

    async def async_encode_batch(
        self, inputs: Sequence[Any], is_pretokenized: bool = False, add_special_tokens: bool = True
    ) -> list[Encoding]:
        """`encode_batch` in a thread, for `await`."""
        return await self._tokenizer.async_encode_batch(inputs, is_pretokenized, add_special_tokens)

    async def async_encode_batch_fast(
        self, inputs: Sequence[Any], is_pretokenized: bool = False, add_special_tokens: bool = True
    ) -> list[Encoding]:
        """`encode_batch_fast` in a thread, for `await`."""
        return await self._tokenizer.async_encode_batch_fast(inputs, is_pretokenized, add_special_tokens)

    def decode(self, ids: Sequence[int], skip_special_tokens: bool | None = True) -> str:
        """The text of ids."""
        if ids is None:
            raise ValueError("there are no ids to decode: ids is None; expected a list of ints.")
        return self._tokenizer.decode(ids, skip_special_tokens=bool(skip_special_tokens))

    def decode_batch(self, sequences: Sequence[Sequence[int]], skip_special_tokens: bool | None = True) -> list[str]:
        """The texts of several lists of ids."""
        if sequences is None:
            raise ValueError("there are no ids to decode: sequences is None; expected a list of lists of ints.")
        return self._tokenizer.decode_batch(sequences, skip_special_tokens=bool(skip_special_tokens))

    def num_special_tokens_to_add(self, is_pair: bool) -> int:
        """How many special tokens stand around one sequence, or a pair."""
        return self._tokenizer.num_special_tokens_to_add(is_pair)

    def get_vocab(self, with_added_tokens: bool = True) -> dict[str, int]:
        """token -> id."""
        return self._tokenizer.get_vocab(with_added_tokens)

    def get_added_tokens_decoder(self) -> dict[int, AddedToken]:
        """id -> added token."""
        return self._tokenizer.get_added_tokens_decoder()

    def get_vocab_size(self, with_added_tokens: bool = True) -> int:
        """How many tokens there are."""
        return self._tokenizer.get_vocab_size(with_added_tokens)

    def enable_padding(
        self,
        direction: str = "right",
        pad_to_multiple_of: int | None = None,
        pad_id: int = 0,
        pad_type_id: int = 0,
        pad_token: str = "[PAD]",
        length: int | None = None,
    ) -> None:
        """Pad what is shorter; see `Tokenizer.enable_padding`."""
        self._tokenizer.enable_padding(direction, pad_id, pad_type_id, pad_token, length, pad_to_multiple_of)

    def no_padding(self) -> None:
        """Pad nothing."""
        self._tokenizer.no_padding()

    @property
    def padding(self) -> dict[str, Any] | None:
        """What `enable_padding` set."""
        return self._tokenizer.padding

    def enable_truncation(self, max_length: int, stride: int = 0, strategy: str = "longest_first") -> None:
        """Cut what is longer; see `Tokenizer.enable_truncation`."""
        self._tokenizer.enable_truncation(max_length, stride=stride, strategy=strategy)

    def no_truncation(self) -> None:
        """Cut nothing."""
        self._tokenizer.no_truncation()

    @property
    def truncation(self) -> dict[str, Any] | None:
        """What `enable_truncation` set."""
        return self._tokenizer.truncation

    def add_tokens(self, tokens: Sequence[Special]) -> int:
        """Add tokens; returns how many are new."""
        return self._tokenizer.add_tokens(tokens)

    def add_special_tokens(self, special_tokens: Sequence[Special]) -> int:
        """Add special tokens; returns how many are new."""
        return self._tokenizer.add_special_tokens(special_tokens)

    async def async_decode_batch(
        self, sequences: Sequence[Sequence[int]], skip_special_tokens: bool | None = True
    ) -> list[str]:
        """`decode_batch` in a thread, for `await`."""
        return await self._tokenizer.async_decode_batch(sequences, bool(skip_special_tokens))

    def token_to_id(self, token: str) -> int | None:
        """The id of a token; None: there is no such token."""
        return self._tokenizer.token_to_id(token)

    def id_to_token(self, id: int) -> str | None:
        """The token of an id; None: there is no such id."""
        return self._tokenizer.id_to_token(id)

    def post_process(
        self, encoding: Encoding, pair: Encoding | None = None, add_special_tokens: bool = True
    ) -> Encoding:
        """Truncate encodings, put special tokens around them and pad."""
        return self._tokenizer.post_process(encoding, pair, add_special_tokens)

    def save_model(self, directory: str | os.PathLike, prefix: str | None = None) -> list[str]:
        """Write the vocabulary as files of its own; returns their paths."""
        return self._tokenizer.model.save(directory, prefix=prefix)

    def save(self, path: str | os.PathLike, pretty: bool = True) -> None:
        """Write a tokenizer.json."""
        self._tokenizer.save(path, pretty)

    def to_str(self, pretty: bool = False) -> str:
        """The tokenizer.json."""
        return self._tokenizer.to_str(pretty)

    @property
    def model(self) -> Model:
        """The tokenizer's model. Can be set, like the other parts."""
        return self._tokenizer.model

    @model.setter
    def model(self, model: Model) -> None:
        self._tokenizer.model = model

    @property
    def normalizer(self) -> Normalizer:
        """The tokenizer's normalizer."""
        return self._tokenizer.normalizer

    @normalizer.setter
    def normalizer(self, normalizer: Normalizer) -> None:
        self._tokenizer.normalizer = normalizer

    @property
    def pre_tokenizer(self) -> pre_tokenizers.PreTokenizer:
        """The tokenizer's pre-tokenizer."""
        return self._tokenizer.pre_tokenizer

    @pre_tokenizer.setter
    def pre_tokenizer(self, pre_tokenizer: pre_tokenizers.PreTokenizer) -> None:
        self._tokenizer.pre_tokenizer = pre_tokenizer

    @property
    def post_processor(self) -> processors.PostProcessor:
        """The tokenizer's post-processor."""
        return self._tokenizer.post_processor

    @post_processor.setter
    def post_processor(self, post_processor: processors.PostProcessor) -> None:
        self._tokenizer.post_processor = post_processor

    @property
    def decoder(self) -> decoders.Decoder:
        """The tokenizer's decoder."""
        return self._tokenizer.decoder

    @decoder.setter
    def decoder(self, decoder: decoders.Decoder) -> None:
        self._tokenizer.decoder = decoder


def _from_files(train_from_iterator: Any) -> Any:
    """The `train` that goes with a `train_from_iterator`: text files first, the same settings behind."""
    iterator, *settings, _ = list(inspect.signature(train_from_iterator).parameters.values())[1:]

    def train(self: BaseTokenizer, files: str | Sequence[str], *args: Any, **kwargs: Any) -> None:
        """Learn the vocabulary from text files; arguments as for `train_from_iterator`."""
        train_from_iterator(self, lines(files), *args, **kwargs)

    given = [inspect.Parameter("self", iterator.kind), inspect.Parameter("files", iterator.kind), *settings]
    train.__signature__ = inspect.Signature(given)  # pyright: ignore[reportFunctionMemberAccess]
    return train


def _normalizer(parts: list[Normalizer]) -> Normalizer | None:
    return normalizers.Sequence(parts) if len(parts) > 1 else parts[0] if parts else None


def _bpe(vocab: Vocab | None, merges: Merges | None, **settings: Any) -> Tokenizer:
    whole = vocab is not None and merges is not None
    return Tokenizer(BPE(vocab, merges, **settings) if whole else BPE(**settings))


class ByteLevelBPETokenizer(BaseTokenizer):
    """GPT-2's: byte-pair encoding of bytes."""

    def __init__(
        self,
        vocab: Vocab | None = None,
        merges: Merges | None = None,
        add_prefix_space: bool = False,
        lowercase: bool = False,
        dropout: float | None = None,
        unicode_normalizer: str | None = None,
        continuing_subword_prefix: str | None = None,
        end_of_word_suffix: str | None = None,
        trim_offsets: bool = False,
    ) -> None:
        if vocab is None or merges is None:
            tokenizer = Tokenizer(BPE(dropout=dropout))
        else:
            prefix, suffix = continuing_subword_prefix or "", end_of_word_suffix or ""
            model = BPE(vocab, merges, dropout=dropout, continuing_subword_prefix=prefix, end_of_word_suffix=suffix)
            tokenizer = Tokenizer(model)
        form = [normalizers.unicode_normalizer_from_str(unicode_normalizer)] if unicode_normalizer else []
        tokenizer.normalizer = _normalizer([*form, *([normalizers.Lowercase()] if lowercase else [])])
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=trim_offsets)
        parameters = {
            "model": "ByteLevelBPE",
            "add_prefix_space": add_prefix_space,
            "lowercase": lowercase,
            "dropout": dropout,
            "unicode_normalizer": unicode_normalizer,
            "continuing_subword_prefix": continuing_subword_prefix,
            "end_of_word_suffix": end_of_word_suffix,
            "trim_offsets": trim_offsets,
        }
        super().__init__(tokenizer, parameters)

    @staticmethod
    def from_file(vocab_filename: str, merges_filename: str, **kwargs: Any) -> ByteLevelBPETokenizer:
        """The tokenizer of a vocab.json and a merges.txt."""
        return ByteLevelBPETokenizer(*BPE.read_file(vocab_filename, merges_filename), **kwargs)

    def train_from_iterator(
        self,
        iterator: Iterable[Any],
        vocab_size: int = 30000,
        min_frequency: int = 2,
        show_progress: bool = True,
        special_tokens: Sequence[Special] = (),
        length: int | None = None,
    ) -> None:
        """Learn the vocabulary from texts; arguments as for `trainers.BpeTrainer`."""
        trainer = self._trainer(vocab_size, min_frequency, show_progress, special_tokens)
        self._tokenizer.train_from_iterator(iterator, trainer, length)

    train = _from_files(train_from_iterator)

    def _trainer(self, vocab_size: int, min_frequency: int, show_progress: bool, special_tokens: Any) -> Any:
        return trainers.BpeTrainer(
            vocab_size=vocab_size,
            min_frequency=min_frequency,
            show_progress=show_progress,
            special_tokens=special_tokens,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        )


class CharBPETokenizer(BaseTokenizer):
    """The first one: byte-pair encoding of characters, a suffix at the end of words (Sennrich et al. 2016)."""

    def __init__(
        self,
        vocab: Vocab | None = None,
        merges: Merges | None = None,
        unk_token: Special = "<unk>",
        suffix: str = "</w>",
        dropout: float | None = None,
        lowercase: bool = False,
        unicode_normalizer: str | None = None,
        bert_normalizer: bool = True,
        split_on_whitespace_only: bool = False,
    ) -> None:
        unk = str(unk_token)
        tokenizer = _bpe(vocab, merges, dropout=dropout, unk_token=unk, end_of_word_suffix=suffix)
        if tokenizer.token_to_id(unk) is not None:
            tokenizer.add_special_tokens([unk])
        parts: list[Normalizer] = []
        if unicode_normalizer:
            parts.append(normalizers.unicode_normalizer_from_str(unicode_normalizer))
        if bert_normalizer:
            parts.append(normalizers.BertNormalizer(lowercase=False))
        if lowercase:
            parts.append(normalizers.Lowercase())
        tokenizer.normalizer = _normalizer(parts)
        whitespace = pre_tokenizers.WhitespaceSplit() if split_on_whitespace_only else pre_tokenizers.BertPreTokenizer()
        tokenizer.pre_tokenizer = whitespace
        tokenizer.decoder = decoders.BPEDecoder(suffix=suffix)
        parameters = {
            "model": "BPE",
            "unk_token": unk_token,
            "suffix": suffix,
            "dropout": dropout,
            "lowercase": lowercase,
            "unicode_normalizer": unicode_normalizer,
            "bert_normalizer": bert_normalizer,
            "split_on_whitespace_only": split_on_whitespace_only,
        }
        super().__init__(tokenizer, parameters)

    @staticmethod
    def from_file(vocab_filename: str, merges_filename: str, **kwargs: Any) -> CharBPETokenizer:
        """The tokenizer of a vocab.json and a merges.txt."""
        return CharBPETokenizer(*BPE.read_file(vocab_filename, merges_filename), **kwargs)

    def train_from_iterator(
        self,
        iterator: Iterable[Any],
        vocab_size: int = 30000,
        min_frequency: int = 2,
        special_tokens: Sequence[Special] = ("<unk>",),
        limit_alphabet: int = 1000,
        initial_alphabet: Sequence[str] = (),
        suffix: str | None = "</w>",
        show_progress: bool = True,
        length: int | None = None,
    ) -> None:
        """Learn the vocabulary from texts; arguments as for `trainers.BpeTrainer`."""
        self._tokenizer.train_from_iterator(
            iterator,
            trainers.BpeTrainer(
                vocab_size=vocab_size,
                min_frequency=min_frequency,
                special_tokens=special_tokens,
                limit_alphabet=limit_alphabet,
                initial_alphabet=initial_alphabet,
                end_of_word_suffix=suffix,
                show_progress=show_progress,
            ),
            length,
        )

    train = _from_files(train_from_iterator)


class SentencePieceBPETokenizer(BaseTokenizer):
    """SentencePiece's byte-pair encoding: spaces are characters of the words."""

    def __init__(
        self,
        vocab: Vocab | None = None,
        merges: Merges | None = None,
        unk_token: Special = "<unk>",
        replacement: str = "▁",
        add_prefix_space: bool = True,
        dropout: float | None = None,
        fuse_unk: bool | None = False,
    ) -> None:
        unk = str(unk_token)
        tokenizer = _bpe(vocab, merges, dropout=dropout, unk_token=unk, fuse_unk=fuse_unk)
        if tokenizer.token_to_id(unk) is not None:
            tokenizer.add_special_tokens([unk])
        tokenizer.normalizer = normalizers.NFKC()
        _put_metaspace(tokenizer, replacement, add_prefix_space)
        parameters = {
            "model": "SentencePieceBPE",
            "unk_token": unk_token,
            "replacement": replacement,
            "add_prefix_space": add_prefix_space,
            "dropout": dropout,
        }
        super().__init__(tokenizer, parameters)

    @staticmethod
    def from_file(vocab_filename: str, merges_filename: str, **kwargs: Any) -> SentencePieceBPETokenizer:
        """The tokenizer of a vocab.json and a merges.txt."""
        return SentencePieceBPETokenizer(*BPE.read_file(vocab_filename, merges_filename), **kwargs)

    def train_from_iterator(
        self,
        iterator: Iterable[Any],
        vocab_size: int = 30000,
        min_frequency: int = 2,
        special_tokens: Sequence[Special] = ("<unk>",),
        limit_alphabet: int = 1000,
        initial_alphabet: Sequence[str] = (),
        show_progress: bool = True,
        length: int | None = None,
    ) -> None:
        """Learn the vocabulary from texts; arguments as for `trainers.BpeTrainer`."""
        self._tokenizer.train_from_iterator(
            iterator,
            trainers.BpeTrainer(
                vocab_size=vocab_size,
                min_frequency=min_frequency,
                special_tokens=special_tokens,
                limit_alphabet=limit_alphabet,
                initial_alphabet=initial_alphabet,
                show_progress=show_progress,
            ),
            length,
        )

    train = _from_files(train_from_iterator)


def _put_metaspace(tokenizer: Tokenizer, replacement: str, add_prefix_space: bool) -> None:
    scheme = "always" if add_prefix_space else "never"
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement, scheme)
    tokenizer.decoder = decoders.Metaspace(replacement, scheme)


class SentencePieceUnigramTokenizer(BaseTokenizer):
    """SentencePiece's Unigram model."""

    def __init__(
        self, vocab: Sequence[tuple[str, float]] | None = None, replacement: str = "▁", add_prefix_space: bool = True
    ) -> None:
        tokenizer = Tokenizer(Unigram() if vocab is None else Unigram(vocab))
        blanks = normalizers.Replace(Regex(" {2,}"), " ")
        tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), blanks])
        _put_metaspace(tokenizer, replacement, add_prefix_space)
        parameters = {
            "model": "SentencePieceUnigram",
            "replacement": replacement,
            "add_prefix_space": add_prefix_space,
        }
        super().__init__(tokenizer, parameters)

    @staticmethod
    def from_spm(filename: str | os.PathLike) -> SentencePieceUnigramTokenizer:
        """The tokenizer of a SentencePiece `.model` file.

        Raises:
            ValueError: the file is no SentencePiece model, or one of another kind.
        """
        found = sentencepiece.read(filename)
        if found.model_type != sentencepiece.UNIGRAM:
            raise ValueError(
                f"{str(filename)!r} is no Unigram model; AutoTokenizer.from_pretrained(its_folder) reads the others."
            )
        tokenizer = SentencePieceUnigramTokenizer()
        tokenizer.model = Unigram(found.pieces, found.unk_id, found.byte_fallback)
        blanks = normalizers.Replace(Regex(" {2,}"), " ")
        charsmap = [normalizers.Precompiled(found.precompiled_charsmap)] if found.precompiled_charsmap else []
        tokenizer.normalizer = normalizers.Sequence([*charsmap, blanks])
        tokenizer._parameters = {"model": "SentencePieceUnigram"}
        return tokenizer

    def train_from_iterator(
        self,
        iterator: Iterable[Any],
        vocab_size: int = 8000,
        show_progress: bool = True,
        special_tokens: Sequence[Special] | None = None,
        initial_alphabet: Sequence[str] | None = None,
        unk_token: str | None = None,
        length: int | None = None,
    ) -> None:
        """Learn the vocabulary from texts; arguments as for `trainers.UnigramTrainer`."""
        self._tokenizer.train_from_iterator(
            iterator,
            trainers.UnigramTrainer(
                vocab_size=vocab_size,
                special_tokens=special_tokens or (),
                show_progress=show_progress,
                initial_alphabet=initial_alphabet or (),
                unk_token=unk_token,
            ),
            length,
        )

    train = _from_files(train_from_iterator)


class BertWordPieceTokenizer(BaseTokenizer):
    """BERT's: WordPiece behind BERT's cleaning."""

    def __init__(
        self,
        vocab: Vocab | None = None,
        unk_token: Special = "[UNK]",
        sep_token: Special = "[SEP]",
        cls_token: Special = "[CLS]",
        pad_token: Special = "[PAD]",
        mask_token: Special = "[MASK]",
        clean_text: bool = True,
        handle_chinese_chars: bool = True,
        strip_accents: bool | None = None,
        lowercase: bool = True,
        wordpieces_prefix: str = "##",
    ) -> None:
        model = WordPiece(vocab, unk_token=str(unk_token), continuing_subword_prefix=wordpieces_prefix)
        tokenizer = Tokenizer(model)
        for token in (unk_token, sep_token, cls_token, pad_token, mask_token):
            if tokenizer.token_to_id(str(token)) is not None:
                tokenizer.add_special_tokens([str(token)])
        tokenizer.normalizer = normalizers.BertNormalizer(clean_text, handle_chinese_chars, strip_accents, lowercase)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        if vocab is not None:
            around = []
            for name, token in (("sep_token", str(sep_token)), ("cls_token", str(cls_token))):
                id = tokenizer.token_to_id(token)
                if id is None:
                    raise TypeError(f"the vocabulary has no {token!r}; pass the {name} that it has.")
                around.append((token, id))
            tokenizer.post_processor = processors.BertProcessing(*around)
        tokenizer.decoder = decoders.WordPiece(prefix=wordpieces_prefix)
        parameters = {
            "model": "BertWordPiece",
            "unk_token": unk_token,
            "sep_token": sep_token,
            "cls_token": cls_token,
            "pad_token": pad_token,
            "mask_token": mask_token,
            "clean_text": clean_text,
            "handle_chinese_chars": handle_chinese_chars,
            "strip_accents": strip_accents,
            "lowercase": lowercase,
            "wordpieces_prefix": wordpieces_prefix,
        }
        super().__init__(tokenizer, parameters)

    @staticmethod
    def from_file(vocab: str, **kwargs: Any) -> BertWordPieceTokenizer:
        """The tokenizer of a vocab.txt."""
        return BertWordPieceTokenizer(WordPiece.read_file(vocab), **kwargs)

    def train_from_iterator(
        self,
        iterator: Iterable[Any],
        vocab_size: int = 30000,
        min_frequency: int = 2,
        limit_alphabet: int = 1000,
        initial_alphabet: Sequence[str] = (),
        special_tokens: Sequence[Special] = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
        show_progress: bool = True,
        wordpieces_prefix: str = "##",
        length: int | None = None,
    ) -> None:
        """Learn the vocabulary from texts; arguments as for `trainers.WordPieceTrainer`."""
        self._tokenizer.train_from_iterator(
            iterator,
            trainers.WordPieceTrainer(
                vocab_size=vocab_size,
                min_frequency=min_frequency,
                limit_alphabet=limit_alphabet,
                initial_alphabet=initial_alphabet,
                special_tokens=special_tokens,
                show_progress=show_progress,
                continuing_subword_prefix=wordpieces_prefix,
            ),
            length,
        )

    train = _from_files(train_from_iterator)
