"""Trainers: how a model learns its vocabulary from text; as `tokenizers.trainers`. The work is done by `train`."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from bearhug.tokenizers._native import AddedToken
from bearhug.tokenizers.part import Json, Part, Setting, compact
from bearhug.tokenizers.shown import show

FLAGS = ("content", "single_word", "lstrip", "rstrip", "normalized", "special")


def _tokens_written(tokens: Sequence[str | AddedToken]) -> list[Json]:
    written = []
    for token in tokens:
        if isinstance(token, str):
            token = AddedToken(token, special=True)
        elif not isinstance(token, AddedToken):
            raise TypeError(
                f"special_tokens holds a {type(token).__name__}, {token!r:.40}; expected str or AddedToken."
            )
        token = copy.copy(token)
        token.special = True
        written.append({flag: getattr(token, flag) for flag in FLAGS})
    return written


def _tokens_read(tokens: list[Json]) -> list[AddedToken]:
    return [AddedToken(**token) for token in tokens]


def _first_characters(alphabet: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(text[0] for text in alphabet if text))


class Trainer(Part):
    """How a model learns its vocabulary. Made as one of its kinds."""

    _table = {}  # noqa: RUF012 - a trainer has no object of the core
    _trains: ClassVar[str]  # the kind of model
    _fields: ClassVar[tuple[str, ...]]  # in the order in which they print
    _counted = 0

    def _build(self, description: Json) -> None:
        return None

    def _learning(self) -> Json:
        """The arguments of `train.retrain`."""
        settings = {key: value for key, value in self._description.items() if key not in ("type", "progress_format")}
        return settings | {"special_tokens": _tokens_read(settings["special_tokens"])}

    def __repr__(self) -> str:
        return self._shown()

    def __str__(self) -> str:
        return self._shown(most=5, longest=100)

    def _shown(self, **limits: Any) -> str:
        return f"{type(self).__name__}({show({'type': type(self).__name__} | self._facts(), **limits)})"

    def _facts(self) -> Json:
        """The settings, as the reference orders and nests them."""
        return {key: self._description[key] for key in self._fields} | {"words": {}}

    def __getstate__(self) -> bytes:
        """The settings as JSON, as the reference gives them."""
        return compact({type(self).__name__: self._facts()})


class BpeTrainer(Trainer):
    """Learns byte-pair encoding: the most frequent pair becomes a token, again and again.

    Args:
        vocab_size: tokens in all, the special ones and the alphabet included.
        min_frequency: a pair that is rarer is not merged.
        show_progress: False shows no bar.
        progress_format: accepted; the bar is the house's.
        special_tokens: the first tokens of the vocabulary.
        limit_alphabet: how many characters are kept, the most frequent ones; None: all.
        initial_alphabet: characters that are kept in any case, the first one of each text.
        continuing_subword_prefix, end_of_word_suffix: what tokens inside and at the end of a word get.
        max_token_length: in characters; None: no limit.
    """

    _trains = "BPE"
    _fields = ("min_frequency", "vocab_size", "show_progress", "progress_format", "special_tokens", "limit_alphabet")
    _fields += ("initial_alphabet", "continuing_subword_prefix", "end_of_word_suffix", "max_token_length")

    vocab_size = Setting[int](int)
    min_frequency = Setting[int](int)
    show_progress = Setting[bool](bool)
    progress_format = Setting[str](str, written=str.capitalize, read=str.lower)
    special_tokens = Setting[list[AddedToken]](list, tuple, written=_tokens_written, read=_tokens_read)
    limit_alphabet = Setting[int | None](int, type(None))
    initial_alphabet = Setting[list[str]](list, tuple, written=_first_characters)
    continuing_subword_prefix = Setting[str | None](str, type(None))
    end_of_word_suffix = Setting[str | None](str, type(None))
    max_token_length = Setting[int | None](int, type(None))

    def __init__(
        self,
        vocab_size: int = 30000,
        min_frequency: int = 0,
        show_progress: bool = True,
        progress_format: str = "indicatif",
        special_tokens: Sequence[str | AddedToken] = (),
        limit_alphabet: int | None = None,
        initial_alphabet: Sequence[str] = (),
        continuing_subword_prefix: str | None = None,
        end_of_word_suffix: str | None = None,
        max_token_length: int | None = None,
    ) -> None:
        self._set(
            vocab_size=vocab_size,
            min_frequency=min_frequency,
            show_progress=show_progress,
            progress_format=progress_format,
            special_tokens=special_tokens,
            limit_alphabet=limit_alphabet,
            initial_alphabet=initial_alphabet,
            continuing_subword_prefix=continuing_subword_prefix,
            end_of_word_suffix=end_of_word_suffix,
            max_token_length=max_token_length,
        )

    def get_word_count(self) -> int:
        """How many different words the last training counted."""
        return self._counted


class WordPieceTrainer(Trainer):
    """Learns WordPiece's vocabulary, by byte-pair encoding; arguments as for `BpeTrainer`."""

    _trains = "WordPiece"
    _fields = (*BpeTrainer._fields[:3], *BpeTrainer._fields[4:-1])

    vocab_size = Setting[int](int)
    min_frequency = Setting[int](int)
    show_progress = Setting[bool](bool)
    special_tokens = Setting[list[AddedToken]](list, tuple, written=_tokens_written, read=_tokens_read)
    limit_alphabet = Setting[int | None](int, type(None))
    initial_alphabet = Setting[list[str]](list, tuple, written=_first_characters)
    continuing_subword_prefix = Setting[str | None](str, type(None))
    end_of_word_suffix = Setting[str | None](str, type(None))

    def __init__(
        self,
        vocab_size: int = 30000,
        min_frequency: int = 0,
        show_progress: bool = True,
        special_tokens: Sequence[str | AddedToken] = (),
        limit_alphabet: int | None = None,
        initial_alphabet: Sequence[str] = (),
        continuing_subword_prefix: str | None = "##",
        end_of_word_suffix: str | None = None,
    ) -> None:
        self._set(
            vocab_size=vocab_size,
            min_frequency=min_frequency,
            show_progress=show_progress,
            special_tokens=special_tokens,
            limit_alphabet=limit_alphabet,
            initial_alphabet=initial_alphabet,
            continuing_subword_prefix=continuing_subword_prefix,
            end_of_word_suffix=end_of_word_suffix,
        )

    def _facts(self) -> Json:
        fields = {key: self._description[key] for key in self._fields} | {"max_token_length": None, "words": {}}
        bpe = dict(list(fields.items())[:3]) | {"progress_format": "Indicatif"} | dict(list(fields.items())[3:])
        return {"bpe_trainer": bpe}


class WordLevelTrainer(Trainer):
    """Learns a vocabulary of whole words, the most frequent first."""

    _trains = "WordLevel"
    _fields = ("min_frequency", "vocab_size", "show_progress", "special_tokens")

    vocab_size = Setting[int](int)
    min_frequency = Setting[int](int)
    show_progress = Setting[bool](bool)
    special_tokens = Setting[list[AddedToken]](list, tuple, written=_tokens_written, read=_tokens_read)

    def __init__(
        self,
        vocab_size: int = 30000,
        min_frequency: int = 0,
        show_progress: bool = True,
        special_tokens: Sequence[str | AddedToken] = (),
    ) -> None:
        self._set(
            vocab_size=vocab_size,
            min_frequency=min_frequency,
            show_progress=show_progress,
            special_tokens=special_tokens,
        )


class UnigramTrainer(Trainer):
    """Learns a Unigram model (Kudo 2018): many pieces first, of which the least useful go.

    Args:
        vocab_size: tokens in all, the special ones and the alphabet included.
        show_progress: False shows no bar.
        special_tokens: tokens that are in the vocabulary in any case.
        initial_alphabet: characters that are in it in any case, the first one of each text.
        shrinking_factor: the part of the pieces that a round keeps.
        unk_token: the token of what the vocabulary does not have.
        max_piece_length: in characters.
        n_sub_iterations: rounds of expectation and maximization between two prunings.
    """

    _trains = "Unigram"
    _fields = ("show_progress", "vocab_size", "n_sub_iterations", "shrinking_factor", "special_tokens")
    _fields += ("initial_alphabet", "unk_token", "max_piece_length")

    vocab_size = Setting[int](int)
    show_progress = Setting[bool](bool)
    special_tokens = Setting[list[AddedToken]](list, tuple, written=_tokens_written, read=_tokens_read)
    initial_alphabet = Setting[list[str]](list, tuple, written=_first_characters)
    shrinking_factor = Setting[float](float)
    unk_token = Setting[str | None](str, type(None))
    max_piece_length = Setting[int](int)
    n_sub_iterations = Setting[int](int)

    def __init__(
        self,
        vocab_size: int = 8000,
        show_progress: bool = True,
        special_tokens: Sequence[str | AddedToken] = (),
        initial_alphabet: Sequence[str] = (),
        shrinking_factor: float = 0.75,
        unk_token: str | None = None,
        max_piece_length: int = 16,
        n_sub_iterations: int = 2,
    ) -> None:
        self._set(
            vocab_size=vocab_size,
            show_progress=show_progress,
            special_tokens=special_tokens,
            initial_alphabet=initial_alphabet,
            shrinking_factor=shrinking_factor,
            unk_token=unk_token,
            max_piece_length=max_piece_length,
            n_sub_iterations=n_sub_iterations,
        )

    def _facts(self) -> Json:
        return {key: self._description[key] for key in self._fields} | {"seed_size": 1_000_000, "words": {}}


class ParityBpeTrainer(Trainer):
    """Learns a byte-pair encoding that is fair to several languages (Foroutan et al. 2025, arXiv:2508.04796).

    Args:
        num_merges: how many are learnt.
        variant: "base", or "window": no language takes more than `alpha` shares of the last `window_size` turns.
        ratio: how much each language's text is to be compressed, compared with the others.
        global_merges: so many come first, of the most frequent pairs of all languages together.
        total_symbols: the alphabet and the special tokens count as merges.
        min_frequency, special_tokens, show_progress, limit_alphabet, initial_alphabet, continuing_subword_prefix,
            end_of_word_suffix, max_token_length: as for `BpeTrainer`.
    """

    _trains = "parity-aware BPE"
    _fields = ("num_merges", "variant", "min_frequency", "global_merges", "window_size", "alpha")

    num_merges = Setting[int](int)
    variant = Setting[str](str)
    min_frequency = Setting[int](int)
    ratio = Setting[list[float] | None](list, tuple, type(None))
    global_merges = Setting[int](int)
    window_size = Setting[int](int)
    alpha = Setting[float](float, int, written=float)
    total_symbols = Setting[bool](bool)
    special_tokens = Setting[list[AddedToken]](list, tuple, written=_tokens_written, read=_tokens_read)
    show_progress = Setting[bool](bool)
    limit_alphabet = Setting[int | None](int, type(None))
    initial_alphabet = Setting[list[str]](list, tuple, written=_first_characters)
    continuing_subword_prefix = Setting[str | None](str, type(None))
    end_of_word_suffix = Setting[str | None](str, type(None))
    max_token_length = Setting[int | None](int, type(None))

    def __init__(
        self,
        num_merges: int = 32000,
        variant: str = "base",
        min_frequency: int = 0,
        ratio: Sequence[float] | None = None,
        global_merges: int = 0,
        window_size: int = 100,
        alpha: float = 2.0,
        total_symbols: bool = False,
        special_tokens: Sequence[str | AddedToken] | None = None,
        show_progress: bool = True,
        limit_alphabet: int | None = None,
        initial_alphabet: Sequence[str] | None = None,
        continuing_subword_prefix: str | None = None,
        end_of_word_suffix: str | None = None,
        max_token_length: int | None = None,
    ) -> None:
        self._set(
            num_merges=num_merges,
            variant=variant,
            min_frequency=min_frequency,
            ratio=ratio,
            global_merges=global_merges,
            window_size=window_size,
            alpha=alpha,
            total_symbols=total_symbols,
            special_tokens=special_tokens or (),
            show_progress=show_progress,
            limit_alphabet=limit_alphabet,
            initial_alphabet=initial_alphabet or (),
            continuing_subword_prefix=continuing_subword_prefix,
            end_of_word_suffix=end_of_word_suffix,
            max_token_length=max_token_length,
        )

    def train_from_iterator(
        self,
        tokenizer: Any,
        train_iterators: Sequence[Iterable],
        dev_iterators: Sequence[Iterable] | None = None,
        ratio: Sequence[float] | None = None,
    ) -> None:
        """Give a tokenizer the vocabulary that is learnt from the texts of several languages.

        Args:
            tokenizer: a raw tokenizer with a BPE model.
            train_iterators: the texts of each language.
            dev_iterators: texts of the same content in each language: whose text has the most tokens has the turn.
            ratio: in the place of the trainer's own.

        Raises:
            ValueError: the model is no BPE, or the numbers of languages differ.
        """
        from bearhug.tokenizers.parity import retrain

        settings = self._learning()
        model, own = tokenizer.model, settings.pop("ratio")
        retrain(tokenizer._core, train_iterators, dev_iterators, own if ratio is None else ratio, **settings)
        model._become(tokenizer._core.model)

    def _shown(self, **limits: Any) -> str:
        fields = show({"type": "ParityBpeTrainer"} | {key: self._description[key] for key in self._fields}, **limits)
        return f"{fields[:-1]}, total_symbols={str(self.total_symbols).lower()})"


KINDS: dict[str, type[Trainer]] = {
    kind._trains: kind for kind in (BpeTrainer, UnigramTrainer, WordPieceTrainer, WordLevelTrainer)
}


def of(model: str) -> Trainer:
    """A trainer for a kind of model, with its defaults."""
    return KINDS[model]()


def learn(core: Any, texts: Iterable, trainer: Trainer, length: int | None) -> None:
    """Give a tokenizer of the core the vocabulary that a trainer learns from texts.

    Raises:
        ValueError: the trainer is for another kind of model.
    """
    from bearhug.tokenizers.train import retrain

    if not isinstance(trainer, Trainer):
        raise TypeError(f"trainer is of the type {type(trainer).__name__}; expected a Trainer.")
    if isinstance(trainer, ParityBpeTrainer):
        raise TypeError(
            "a ParityBpeTrainer learns from several languages at once.\n"
            "Write trainer.train_from_iterator(tokenizer, [english, hindi])."
        )
    if trainer._trains != core.model.kind:
        right = KINDS[core.model.kind].__name__
        raise ValueError(
            f"{type(trainer).__name__} can only train a {trainer._trains}, and this tokenizer has a {core.model.kind} "
            f"model.\nUse trainers.{right}(...), or Tokenizer(models.{trainer._trains}())."
        )
    trainer._counted = retrain(core, texts, length=length, **trainer._learning())
