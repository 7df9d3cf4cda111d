"""Learning a vocabulary from text: BPE, WordPiece, Unigram and WordLevel, as the reference's trainers do.

Two steps, and a progress bar for each: the words that the normalizer and the pre-tokenizer leave are counted, then a
vocabulary is learnt from the counts. Ctrl-C stops both. Where the reference leaves an order to chance (frequent
characters beyond `limit_alphabet`, the ids of those with a prefix or suffix), the order here is that of the words'
bytes: the same text always gives the same vocabulary.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from bearhug._lib.errors import unexpected_keyword
from bearhug._lib.progress import progress
from bearhug.tokenizers import file
from bearhug.tokenizers._native import AddedToken, Tokenizer, WordCounts, train_bpe, train_word_level
from bearhug.tokenizers.convert import PLAIN_BPE, byte_characters

Json = dict[str, Any]
Texts = Iterable[str] | Iterable[Iterable[str]]

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
}


def train(
    description: Json,
    texts: Texts,
    *,
    special_tokens: Sequence[str | AddedToken] = (),
    length: int | None = None,
    show_progress: bool = True,
    threads: int = 0,
    **settings: Any,
) -> Tokenizer:
    """A tokenizer whose vocabulary is learnt; its other parts are those of `description`.

    Args:
        description: a tokenizer.json; vocabulary and merges of its model, its post-processor and its added tokens are
            not looked at.
        texts: texts, or batches of texts; `lines(files)` reads files.
        special_tokens: the first tokens of the vocabulary.
        length: how many texts come, for the progress bar.
        show_progress: False shows no bar (they are only shown on a terminal anyway).
        threads: that count words; 0: as many as there are processors.
        settings: of the model's kind, see `SETTINGS`.

    Raises:
        TypeError: a setting that the trainer does not have, or a text that is none.
        ValueError: the model is of a kind that has no trainer.
    """
    core = file.build(
        description | {"model": _untrained(description["model"]), "added_tokens": [], "post_processor": None}
    )
    retrain(
        core,
        texts,
        special_tokens=special_tokens,
        length=length,
        show_progress=show_progress,
        threads=threads,
        **settings,
    )
    return core


def retrain(
    core: Tokenizer,
    texts: Texts,
    *,
    special_tokens: Sequence[str | AddedToken] = (),
    length: int | None = None,
    show_progress: bool = True,
    threads: int = 0,
    **settings: Any,
) -> int:
    """Give a tokenizer another vocabulary, as the reference's `Tokenizer.train_from_iterator` does: in place.

    Arguments and errors are those of `train`. What the tokenizer is otherwise, its added tokens included, stays.

    Returns:
        How many different words were counted.
    """
    kind = core.model.kind
    if kind not in SETTINGS:
        raise ValueError(f"a {kind} model cannot be trained; {', '.join(SETTINGS)} can.")
    for key in settings:
        if key not in SETTINGS[kind]:
            raise unexpected_keyword(f"the {kind} trainer", key, [*SETTINGS[kind], "special_tokens"])
    settings = SETTINGS[kind] | settings
    tokens = [_special(token) for token in special_tokens]
    counts = count(texts, core, length=length, show_progress=show_progress, threads=threads)
    described = (PLAIN_BPE if kind == "BPE" else {}) | json.loads(core.model.json)
    model = file.model(described | learn(kind, counts, tokens, show_progress=show_progress, **settings))
    present = list(core.added_tokens().values())
    core.remove_added_tokens([token.content for token in present])
    core.model = model
    core.add_tokens(tokens, special=True)
    core.add_tokens(present)
    return len(counts)


def learn(
    kind: str, counts: WordCounts, special_tokens: Sequence[AddedToken], *, show_progress: bool, **settings: Any
) -> Json:
    """What counted words make of a model: the keys of its tokenizer.json description that training decides."""
    contents = [token.content for token in special_tokens]
    size = settings["vocab_size"]
    if kind == "WordLevel":
        return {"vocab": _numbered(train_word_level(counts, special_tokens=contents, **settings))}
    settings["initial_alphabet"] = list(settings["initial_alphabet"])
    with _bar(show_progress, desc="merges", total=size, unit="token") as bar:

        def watch(stage: str, done: int, total: int) -> None:
            if stage == "merge":
                bar.update(done - bar.n)

        vocabulary, merges = train_bpe(counts, special_tokens=contents, watch=watch, **settings)
    prefix, suffix = settings["continuing_subword_prefix"], settings["end_of_word_suffix"]
    if kind == "WordPiece":
        return {"vocab": _numbered(vocabulary), "continuing_subword_prefix": "##" if prefix is None else prefix}
    affixes = {"continuing_subword_prefix": prefix, "end_of_word_suffix": suffix}
    return {"vocab": _numbered(vocabulary), "merges": merges} | affixes


def count(
    texts: Texts,
    splitter: Tokenizer | None,
    *,
    length: int | None = None,
    show_progress: bool = True,
    threads: int = 0,
) -> WordCounts:
    """The pre-tokens of all texts and how often each is there, as `splitter` cuts them; None: a text is a pre-token."""
    counts = WordCounts(splitter)
    with _bar(show_progress, desc="words", total=length, unit="text") as bar:
        flat = _flat(texts)
        while batch := list(islice(flat, 1000)):
            counts.feed(batch, threads)
            bar.update(len(batch))
    return counts


def lines(files: str | os.PathLike | Sequence[str | os.PathLike]) -> Iterator[str]:
    """The lines of text files, with their line ends, as the reference's `Tokenizer.train` reads them.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file is not UTF-8.
    """
    for path in [files] if isinstance(files, str | os.PathLike) else files:
        try:
            with open(path, encoding="utf-8", newline="\n") as text:
                yield from text
        except UnicodeDecodeError:
            raise _not_utf8(Path(path)) from None


def _not_utf8(path: Path) -> ValueError:
    start = 0
    with open(path, "rb") as source:
        for line in source:
            try:
                line.decode()
            except UnicodeDecodeError as problem:
                byte = start + problem.start
                return ValueError(
                    f"{str(path)!r} is not UTF-8: byte {byte} is 0x{line[problem.start]:02x} ({problem.reason}).\n"
                    "Read it with the encoding that it has: train on open(path, encoding='latin-1')."
                )
            start += len(line)
    return ValueError(f"{str(path)!r} is not UTF-8.")


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
    """
    renamed = renamed or {}
    description = file.describe(core)
    model, processor = description["model"], description.pop("post_processor")
    if model.get("unk_token") in renamed:
        model["unk_token"] = renamed[model["unk_token"]]
    special: list[str | AddedToken] = []
    for token in core.added_tokens().values():
        if token.special:
            token.content = renamed.get(token.content, token.content)
            special.append(token)
    special += new_special_tokens
    if model["type"] == "BPE":
        for key in ("continuing_subword_prefix", "end_of_word_suffix"):
            if model.get(key) is not None:
                settings.setdefault(key, model[key])
    if _is_byte_level(description["pre_tokenizer"]):
        settings.setdefault("initial_alphabet", byte_characters().values())
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


def _flat(texts: Texts) -> Iterator[str]:
    for item in texts:
        if isinstance(item, str):
            yield item
        elif isinstance(item, Iterable):
            yield from item
        else:
            raise TypeError(f"a text to learn from is {item!r:.60}; expected str, or a list of str.")


def _special(token: str | AddedToken) -> AddedToken:
    if isinstance(token, AddedToken):
        return token
    if isinstance(token, str):
        return AddedToken(token, special=True)
    raise TypeError(f"a special token is {token!r:.60}; expected str or AddedToken.")


def _numbered(vocabulary: Sequence[str]) -> dict[str, int]:
    return {token: id for id, token in enumerate(vocabulary)}


def _bar(shown: bool, **options: Any):
    return progress(disable=True, **options) if not shown else progress(**options)


def _untrained(model: Json) -> Json:
    """The model with an empty vocabulary: enough to cut texts."""
    empty = {"vocab": {}, "merges": []} if model["type"] == "BPE" else {"vocab": {}}
    return model | empty


def _is_byte_level(pre_tokenizer: Json | None) -> bool:
    if pre_tokenizer is None:
        return False
    parts = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    return any(part["type"] == "ByteLevel" for part in parts)


def _with_new_ids(processor: Json, core: Tokenizer, renamed: Mapping[str, str]) -> Json:
    processor = json.loads(json.dumps(processor))
    for part in processor.get("processors", [processor]):
        for special in part.get("special_tokens", {}).values():
            special["tokens"] = [renamed.get(token, token) for token in special["tokens"]]
            special["ids"] = [core.token_to_id(token) for token in special["tokens"]]
        for name in ("cls", "sep"):
            if name in part:
                token = renamed.get(part[name][0], part[name][0])
                part[name] = [token, core.token_to_id(token)]
    return processor
