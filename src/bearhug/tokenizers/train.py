"""Learning a vocabulary from text: byte-pair encoding and WordPiece, as the reference's trainers do.

Counting the pre-tokens takes several threads, merging runs in the core; a progress bar shows both, Ctrl-C stops both.
Where the reference leaves an order to chance (frequent characters beyond `limit_alphabet`, the ids of those
with a prefix or suffix), the order here is that of the words' bytes: the same text always gives the same vocabulary.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from bearhug._lib.errors import unexpected_keyword
from bearhug._lib.progress import progress
from bearhug.tokenizers import file
from bearhug.tokenizers._native import AddedToken, Tokenizer, WordCounts, train_bpe
from bearhug.tokenizers.convert import PLAIN_BPE, byte_characters

Json = dict[str, Any]

# What the trainers take beside vocab_size and special_tokens, and its default.
SETTINGS: Json = {
    "min_frequency": 0,
    "limit_alphabet": None,
    "initial_alphabet": (),
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "max_token_length": None,
}


def train(
    description: Json,
    texts: Iterable[str] | Iterable[Sequence[str]],
    *,
    vocab_size: int = 30_000,
    special_tokens: Sequence[str | AddedToken] = (),
    length: int | None = None,
    **settings: Any,
) -> Tokenizer:
    """A tokenizer whose vocabulary is learnt; its other parts are those of `description`.

    Args:
        description: a tokenizer.json; vocabulary and merges of its model, and its added tokens, are not looked at.
        texts: texts, or batches of texts.
        special_tokens: the first tokens of the vocabulary.
        length: how many texts come, for the progress bar.
        settings: min_frequency, limit_alphabet, initial_alphabet, continuing_subword_prefix ("##" for WordPiece),
            end_of_word_suffix, max_token_length; show_progress is accepted.

    Raises:
        ValueError: the model is of a kind that has no trainer here.
    """
    kind = description["model"]["type"]
    if kind not in ("BPE", "WordPiece"):
        raise ValueError(f"a {kind} model cannot be trained here; BPE and WordPiece can.")
    settings.pop("show_progress", None)
    for key in settings:
        if key not in SETTINGS:
            raise unexpected_keyword(f"the {kind} trainer", key, [*SETTINGS, "vocab_size", "special_tokens"])
    settings = SETTINGS | {"continuing_subword_prefix": "##" if kind == "WordPiece" else None} | settings
    options: Any = settings | {"initial_alphabet": list(settings["initial_alphabet"])}
    tokens = [AddedToken(token, special=True) if isinstance(token, str) else token for token in special_tokens]

    splitter = file.build(
        description | {"model": _untrained(description["model"]), "added_tokens": [], "post_processor": None}
    )
    counts = count(texts, splitter, length)
    with progress(desc="merges", total=vocab_size, unit="token") as bar:

        def watch(stage: str, done: int, total: int) -> None:
            if stage == "merge":
                bar.update(done - bar.n)

        vocabulary, merges = train_bpe(
            counts,
            vocab_size=vocab_size,
            special_tokens=[token.content for token in tokens],
            watch=watch,
            **options,
        )

    model = (PLAIN_BPE if kind == "BPE" else {}) | description["model"]
    prefix = settings["continuing_subword_prefix"]
    model |= {"vocab": {token: id for id, token in enumerate(vocabulary)}}
    if kind == "BPE":
        suffix = settings["end_of_word_suffix"]
        model |= {"continuing_subword_prefix": prefix, "end_of_word_suffix": suffix, "merges": merges}
    else:
        model |= {"continuing_subword_prefix": prefix or ""}
    core = file.build(description | {"model": model, "added_tokens": [], "post_processor": None})
    core.add_tokens(tokens, special=True)
    return core


def count(
    texts: Iterable[str] | Iterable[Sequence[str]], splitter: Tokenizer | None, length: int | None = None
) -> WordCounts:
    """The pre-tokens of all texts and how often each is there, as `splitter` cuts them; None: a text is a pre-token."""
    counts = WordCounts(splitter)
    with progress(desc="words", total=length, unit="text") as bar:
        flat = _flat(texts)
        while batch := list(islice(flat, 1000)):
            counts.feed(batch)
            bar.update(len(batch))
    return counts


def train_like(
    core: Tokenizer,
    texts: Iterable[str] | Iterable[Sequence[str]],
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
    texts: Iterable[str] | Iterable[Sequence[str]],
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
    texts: Iterable[str] | Iterable[Sequence[str]],
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


def _flat(texts: Iterable[str] | Iterable[Sequence[str]]) -> Iterator[str]:
    for item in texts:
        if isinstance(item, str):
            yield item
        elif isinstance(item, Iterable):
            yield from item
        else:
            raise TypeError(f"a text to learn from is {item!r:.60}; expected str, or a list of str.")


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
