"""Learning a vocabulary from text: BPE, WordPiece, Unigram and WordLevel, as the reference's trainers do.

Two steps, and a progress bar for each: the words that the normalizer and the pre-tokenizer leave are counted
(`word_counts.py`), then a vocabulary is learnt from the counts. Ctrl-C stops both. Where the reference leaves an order
to chance (frequent characters beyond `limit_alphabet`, the ids of those with a prefix or suffix), the order here is
that of the words' bytes: the same text always gives the same vocabulary.
"""

import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from bearhug._lib.errors import unexpected_keyword
from bearhug._lib.progress import progress
from bearhug.tokenizers import file
from bearhug.tokenizers._native import AddedToken, Tokenizer, WordCounts, train_bpe, train_unigram, train_word_level
from bearhug.tokenizers.convert import PLAIN_BPE, byte_characters
from bearhug.tokenizers.word_counts import Texts, count, lines

__all__ = ["SETTINGS", "byte_level_bpe", "check", "count", "lines", "retrain", "train", "train_like", "wordpiece"]

Json = dict[str, Any]
Watch = Callable[[str, int, int], None]

_MERGES: Json = {
    "vocab_size": 30_000,
    "min_frequency": 0,
    "limit_alphabet": None,
    "initial_alphabet": (),
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "max_token_length": None,
}
# Kind of model -> what its trainer takes beside special_tokens, and the defaults.
SETTINGS: dict[str, Json] = {
    "BPE": _MERGES,
    "WordPiece": _MERGES | {"continuing_subword_prefix": "##"},
    "WordLevel": {"vocab_size": 30_000, "min_frequency": 0},
    "Unigram": {
        "vocab_size": 8000,
        "initial_alphabet": (),
        "shrinking_factor": 0.75,
        "unk_token": None,
        "max_piece_length": 16,
        "n_sub_iterations": 2,
        "seed_size": 1_000_000,
    },
}
# What a word takes while its vocabulary is learnt, in bytes: once, and for each byte of it.
WORD_BYTES = {"BPE": (24, 10), "WordPiece": (24, 10), "WordLevel": (0, 0), "Unigram": (20, 40)}


def train(description: Json, texts: Texts, **options: Any) -> Tokenizer:
    """A tokenizer whose vocabulary is learnt; its other parts are those of `description`.

    Args:
        description: a tokenizer.json; vocabulary and merges of its model, its post-processor and its added tokens are
            not looked at.
        texts: texts, or batches of texts; `lines(files)` reads files.
        options: as `retrain` takes them, and with its errors.
    """
    model = _untrained(description["model"])
    core = file.build(description | {"model": model, "added_tokens": [], "post_processor": None})
    retrain(core, texts, **options)
    return core


def retrain(
    core: Tokenizer,
    texts: Texts,
    *,
    special_tokens: Sequence[str | AddedToken] = (),
    length: int | None = None,
    show_progress: bool = True,
    threads: int = 0,
    max_memory: int | None = None,
    checkpoint: str | os.PathLike | None = None,
    **settings: Any,
) -> int:
    """Give a tokenizer another vocabulary, as the reference's `Tokenizer.train_from_iterator` does: in place.

    What the tokenizer is otherwise, its added tokens included, stays.

    Args:
        texts: texts, or batches of texts; `lines(files)` reads files.
        special_tokens: the first tokens of the vocabulary.
        length: how many texts come, for the progress bar.
        show_progress: False shows no bar (they are only shown on a terminal anyway).
        threads: that count words; 0: as many as there are processors.
        max_memory: bytes that words may take while they are counted and learnt from, beside some 50 MB that every
            training takes (Unigram 200 MB for its pieces). Words beyond are kept in files meanwhile; where the
            vocabulary cannot be learnt from all of them in so many bytes, the rarest are left out, with a warning.
        checkpoint: a folder where counts are kept; when the work is stopped, the same call with the same texts goes on.
            Remove it when you need it no more.
        settings: of the model's kind, see `SETTINGS`.

    Returns:
        How many different words were counted.

    Raises:
        TypeError: a setting that the trainer does not have or that is of a wrong type, or a text that is none.
        OverflowError: a negative number.
        ValueError: the model is of a kind that has no trainer; the checkpoint is of other texts; a setting makes no
            sense.
    """
    kind = core.model.kind
    settings = check(kind, **settings)
    tokens = specials(special_tokens)
    counts = count(
        texts,
        core,
        length=length,
        show_progress=show_progress,
        threads=threads,
        max_memory=max_memory,
        checkpoint=checkpoint,
    )
    words = len(counts)
    if words == 0:
        warnings.warn("there was no text to learn from: the vocabulary holds no words.", stacklevel=2)
    least = counts.least_that_fits(max_memory // 2, *WORD_BYTES[kind]) if max_memory else 0
    if least:
        warnings.warn(
            f"the vocabulary is learnt from words that were seen {least} times or more: {max_memory=} holds no others.",
            stacklevel=2,
        )
    learnt = _learn(kind, counts, [token.content for token in tokens], show_progress, least, threads, settings)
    give(core, learnt, tokens)
    return words


def give(core: Tokenizer, learnt: Json, special_tokens: Sequence[AddedToken]) -> None:
    """The core's model as it was, but for what was learnt; its added tokens stay, behind the special ones."""
    described = (PLAIN_BPE if core.model.kind == "BPE" else {}) | json.loads(core.model.json)
    model = file.model(described | learnt)
    present = list(core.added_tokens().values())
    core.remove_added_tokens([token.content for token in present])
    core.model = model
    core.add_tokens(special_tokens, special=True)
    core.add_tokens(present)


def check(kind: str, **settings: Any) -> Json:
    """The settings of a kind of trainer, with the defaults of those that are not given.

    Raises:
        TypeError: a setting that the trainer does not have, or a value of a wrong type.
        OverflowError: a negative number.
        ValueError: there is no such trainer, or a value makes no sense.
    """
    if kind not in SETTINGS:
        raise ValueError(f"a {kind} model cannot be trained; {', '.join(SETTINGS)} can.")
    for key in settings:
        if key not in SETTINGS[kind]:
            raise unexpected_keyword(f"the {kind} trainer", key, [*SETTINGS[kind], "special_tokens"])
    settings = SETTINGS[kind] | settings
    for key, value in settings.items():
        if key == "shrinking_factor":
            if not isinstance(value, float | int):
                raise TypeError(f"{key} is {value!r:.60}; expected a number.")
            if not 0 <= value < 1:
                raise ValueError(f"{key} is {value}; expected a number from 0 to below 1: what a pruning leaves.")
        elif key == "initial_alphabet":
            if isinstance(value, str) or not all(isinstance(text, str) for text in value):
                raise TypeError(f"{key} is {value!r:.60}; expected a list of str, one character each.")
        elif key in ("continuing_subword_prefix", "end_of_word_suffix", "unk_token"):
            if not isinstance(value, str | None):
                raise TypeError(f"{key} is {value!r:.60}; expected str or None.")
        elif value is not None or SETTINGS[kind][key] is not None:
            if not isinstance(value, int):
                raise TypeError(f"{key} is {value!r:.60}; expected a whole number.")
            if value < 0:
                raise OverflowError(f"{key} is {value}; expected a whole number from 0.")
    return settings


def _learn(
    kind: str,
    counts: WordCounts,
    special_tokens: list[str],
    show_progress: bool,
    least: int,
    threads: int,
    settings: Json,
) -> Json:
    """What counted words make of a model: the keys of its tokenizer.json description that training decides."""
    if kind == "WordLevel":
        return {"vocab": numbered(train_word_level(counts, special_tokens=special_tokens, **settings))}
    options: Any = settings | {"initial_alphabet": list(settings["initial_alphabet"]), "least": least}
    options |= {"uses_up_counts": True, "threads": threads}
    if kind == "Unigram":
        unknown = options.pop("unk_token")
        unk_id = None if unknown is None else 0
        if unknown in special_tokens:
            unk_id = special_tokens.index(unknown)
        elif unknown is not None:
            special_tokens = [unknown, *special_tokens]
        with following(show_progress, "estimate", "estimates", "pass") as watch:
            pieces = train_unigram(counts, reserved=len(special_tokens), watch=watch, **options)
        return {"unk_id": unk_id, "vocab": [(token, 0.0) for token in special_tokens] + pieces, "byte_fallback": False}
    with following(show_progress, "merge", "merges", "token") as watch:
        vocabulary, merges = train_bpe(counts, special_tokens=special_tokens, watch=watch, **options)
    prefix, suffix = settings["continuing_subword_prefix"], settings["end_of_word_suffix"]
    if kind == "WordPiece":
        return {"vocab": numbered(vocabulary), "continuing_subword_prefix": "##" if prefix is None else prefix}
    affixes = {"continuing_subword_prefix": prefix, "end_of_word_suffix": suffix}
    return {"vocab": numbered(vocabulary), "merges": merges} | affixes


def train_like(
    core: Tokenizer,
    texts: Texts,
    *,
    vocab_size: int,
    length: int | None = None,
    new_special_tokens: Sequence[str | AddedToken] = (),
    renamed: Mapping[str, str] | None = None,
    **settings: Any,
) -> Tokenizer:
    """A tokenizer of the same make with a vocabulary of its own, as the reference's `train_new_from_iterator` makes it.

    The present special tokens stay (under their new names, where `renamed` has them), and the post-processor gets their
    new ids.

    Raises:
        ValueError: the post-processor adds a token that the new vocabulary does not have; and as `retrain` does.
    """
    renamed = renamed or {}
    description = file.describe(core)
    model, processor = description["model"], description.pop("post_processor")
    kind = model["type"]
    if kind == "Unigram":
        if model.get("unk_id") is not None:
            unknown = model["vocab"][model["unk_id"]][0]
            settings["unk_token"] = renamed.get(unknown, unknown)
    elif model.get("unk_token") in renamed:
        model["unk_token"] = renamed[model["unk_token"]]
    special: list[str | AddedToken] = []
    for token in core.added_tokens().values():
        if token.special or kind == "Unigram":  # there it keeps the others, too
            token.content = renamed.get(token.content, token.content)
            special.append(token)
    special += new_special_tokens
    if kind == "BPE":
        for key in ("continuing_subword_prefix", "end_of_word_suffix"):
            if model.get(key) is not None:
                settings.setdefault(key, model[key])
    if _is_byte_level(description["pre_tokenizer"]) and "initial_alphabet" in SETTINGS.get(kind, ()):
        settings["initial_alphabet"] = [*byte_characters().values(), *settings.get("initial_alphabet", ())]
    trained = train(description, texts, vocab_size=vocab_size, special_tokens=special, length=length, **settings)
    if processor is not None:
        trained.post_processor = file.post_processor(_with_new_ids(processor, trained, renamed))
    return trained


def byte_level_bpe(
    texts: Texts,
    *,
    vocab_size: int = 30_000,
    special_tokens: Sequence[str | AddedToken] = (),
    add_prefix_space: bool = False,
    **settings: Any,
) -> Tokenizer:
    """A byte-level BPE like GPT-2's, learnt from text; `settings` as `train` takes them."""
    part = {"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": True, "use_regex": True}
    parts = {"normalizer": None, "pre_tokenizer": part, "decoder": part, "model": {"type": "BPE"}}
    settings.setdefault("initial_alphabet", byte_characters().values())
    core = train(parts, texts, vocab_size=vocab_size, special_tokens=special_tokens, **settings)
    core.post_processor = file.post_processor(part | {"trim_offsets": False})
    return core


def wordpiece(
    texts: Texts,
    *,
    vocab_size: int = 30_000,
    special_tokens: Sequence[str | AddedToken] = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    lowercase: bool = True,
    strip_accents: bool | None = None,
    **settings: Any,
) -> Tokenizer:
    """A WordPiece like BERT's, learnt from text; `settings` as `train` takes them.

    Where [CLS] and [SEP] are among the special tokens, they stand around texts.
    """
    normalizer = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True}
    parts = {
        "normalizer": normalizer | {"strip_accents": strip_accents, "lowercase": lowercase},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "max_input_chars_per_word": 100},
    }
    core = train(parts, texts, vocab_size=vocab_size, special_tokens=special_tokens, **settings)
    cls, sep = core.token_to_id("[CLS]"), core.token_to_id("[SEP]")
    if cls is not None and sep is not None:
        core.post_processor = file.post_processor(
            {"type": "BertProcessing", "sep": ["[SEP]", sep], "cls": ["[CLS]", cls]}
        )
    return core


def specials(tokens: Iterable[str | AddedToken]) -> list[AddedToken]:
    """Special tokens as added tokens, checked."""
    if isinstance(tokens, str):
        raise TypeError(f"special_tokens is {tokens!r:.60}, a str; expected a list: [{tokens!r:.60}].")
    for token in tokens:
        if not isinstance(token, str | AddedToken):
            raise TypeError(f"a special token is {token!r:.60}; expected str or AddedToken.")
    return [AddedToken(token, special=True) if isinstance(token, str) else token for token in tokens]


@contextmanager
def following(shown: bool, stage: str, desc: str, unit: str) -> Iterator[Watch]:
    """A bar that follows one stage of a trainer."""
    with progress(desc=desc, unit=unit, disable=not shown) as bar:

        def watch(now: str, done: int, total: int) -> None:
            if now == stage:
                bar.total = total
                bar.update(done - bar.n)

        yield watch


def numbered(vocabulary: Sequence[str]) -> dict[str, int]:
    """token -> id, in the order of ids."""
    return {token: id for id, token in enumerate(vocabulary)}


def _untrained(model: Json) -> Json:
    """The model with an empty vocabulary: enough to cut texts."""
    empty: dict[str, Json] = {"BPE": {"vocab": {}, "merges": []}, "Unigram": {"vocab": [], "unk_id": None}}
    return model | empty.get(model["type"], {"vocab": {}})


def _is_byte_level(pre_tokenizer: Json | None) -> bool:
    if pre_tokenizer is None:
        return False
    parts = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    return any(part["type"] == "ByteLevel" for part in parts)


def _with_new_ids(processor: Json, core: Tokenizer, renamed: Mapping[str, str]) -> Json:
    def id_of(token: str) -> int:
        id = core.token_to_id(token)
        if id is None:
            raise ValueError(
                f"the post-processor adds {token!r}, which the new vocabulary does not have.\n"
                f"Name it in new_special_tokens=[{token!r}]."
            )
        return id

    for part in processor.get("processors", [processor]):
        for special in part.get("special_tokens", {}).values():
            special["tokens"] = [renamed.get(token, token) for token in special["tokens"]]
            special["ids"] = [id_of(token) for token in special["tokens"]]
        for name in ("cls", "sep"):
            if name in part:
                token = renamed.get(part[name][0], part[name][0])
                part[name] = [token, id_of(token)]
    return processor
