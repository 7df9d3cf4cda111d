"""A smaller vocabulary that cuts your texts as before: most of one is for languages and subjects you never meet.

What is kept is closed: of a BPE token, the merges that lead to it; of every token, the letters it is written with, so
that a word whose token went is spelled and not unknown; bytes, special and added tokens always. A text all of whose
tokens were kept is cut exactly as before: a BPE finds the same merges in the same order, a Unigram the same best way, a
WordPiece the same longest piece.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bearhug._lib.errors import near
from bearhug.tokenizers import file
from bearhug.tokenizers.convert import byte_characters
from bearhug.tokenizers.special_tokens import NAMED, content

if TYPE_CHECKING:
    from bearhug.tokenizers.tokenizer import PreTrainedTokenizerFast

Json = dict[str, Any]
BATCH = 1000  # texts counted at a time
# Fields of a model's config that hold token ids, beside those that end in token_id.
ID_FIELDS = ("suppress_tokens", "begin_suppress_tokens", "bad_words_ids", "forced_decoder_ids")


@dataclass(frozen=True)
class Shrunk:
    """A tokenizer with fewer tokens, and where each comes from.

    Attributes:
        tokenizer: the new one.
        kept: the old id of each token, in the order of the new ids: rows of an embedding are picked by `weight[kept]`.
    """

    tokenizer: PreTrainedTokenizerFast
    kept: list[int]

    @property
    def new_ids(self) -> dict[int, int]:
        """old id -> new id of the tokens that are left."""
        return {old: new for new, old in enumerate(self.kept)}

    def trim(self, model: Any) -> Any:
        """Give a model the embeddings of these tokens alone, in place, and its configs their new ids; returns it.

        Args:
            model: one whose tokenizer was shrunk, with `get_input_embeddings` and `resize_token_embeddings`.

        Raises:
            ValueError: the model has fewer embeddings than the tokenizer had tokens.
        """
        rows = {}
        for name in ("get_input_embeddings", "get_output_embeddings"):
            table = getattr(model, name)()
            if table is None:
                continue
            if table.weight.shape[0] <= max(self.kept):
                raise ValueError(
                    f"the model has {table.weight.shape[0]} embeddings, and the tokenizer that was shrunk had a token "
                    f"of id {max(self.kept)}: they do not belong together."
                )
            rows[name] = {
                part: getattr(table, part).detach()[self.kept].clone()
                for part in ("weight", "bias")
                if getattr(table, part, None) is not None
            }
        model.resize_token_embeddings(len(self.kept))
        for name, parts in rows.items():
            for part, values in parts.items():
                getattr(getattr(model, name)(), part).data[:] = values
        for config in (model.config, getattr(model, "generation_config", None)):
            if config is not None:
                self._renumber(config)
        return model

    def _renumber(self, config: Any) -> None:
        new_ids = self.new_ids

        def new(value: Any) -> Any:
            if isinstance(value, list | tuple):
                ids = [new(inner) for inner in value]
                return [id for id in ids if id is not None]
            return new_ids.get(value) if isinstance(value, int) and not isinstance(value, bool) else value

        for name, value in config.to_dict().items():
            if value is not None and (name.endswith("token_id") or name in ID_FIELDS):
                setattr(config, name, new(value))

    def __repr__(self) -> str:
        return f"Shrunk({len(self.kept):,} tokens: {type(self.tokenizer).__name__})"


def shrink(
    tokenizer: PreTrainedTokenizerFast,
    keep: Iterable[str | int] | None = None,
    texts: Iterable[str] | None = None,
    vocab_size: int | None = None,
) -> Shrunk:
    """A tokenizer of some of the tokens; the arguments are those of `tokenizer.shrink`."""
    if keep is None and texts is None and vocab_size is None:
        raise ValueError(
            "shrink needs to know what to keep: texts=[...] (what they use), keep=[...] (tokens or ids), vocab_size=..."
        )
    if not tokenizer.is_fast:
        raise ValueError(f"{type(tokenizer).__name__} cuts texts by rules of its own in Python; it cannot be shrunk.")
    description = file.describe(tokenizer._core)
    needed = around_texts(tokenizer._core) | set(tokenizer.all_special_tokens)
    vocabulary = Vocabulary(description, needed)
    must = [vocabulary.token(one) for one in keep or ()]
    counts = _count(tokenizer, texts) if texts is not None else Counter()
    used = [vocabulary.names[id] for id, _ in counts.most_common() if id in vocabulary.names]
    chosen = vocabulary.always()
    for token in [*must, *used]:
        chosen |= vocabulary.letters(token)
    for token in must:
        chosen |= vocabulary.closed(token)
    least = len(chosen | vocabulary.added)
    if vocab_size is not None and least > vocab_size:
        raise ValueError(
            f"vocab_size={vocab_size} is too small: {least} tokens have to stay, special and added ones, letters and "
            f"what keep= names.\nTake vocab_size={least} or more."
        )
    in_order = used if texts is not None else vocabulary.best_first() if vocab_size is not None else []
    room = float("inf") if vocab_size is None else vocab_size - least
    for token in in_order:
        if token not in chosen and len(more := vocabulary.closed(token) - chosen) <= room:
            chosen |= more
            room -= len(more)
    return _rebuilt(tokenizer, description, vocabulary, chosen)


def _count(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str]) -> Counter[int]:
    """id -> how often the texts use it."""
    counts: Counter[int] = Counter()
    for batch in _batches(texts):
        encoded = tokenizer._core.encode_batch(batch, add_special_tokens=False)
        counts.update(encoded.ids.tolist())
    return counts


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    if isinstance(texts, str):
        raise TypeError("texts is one text; it takes a list of them: texts=[text].")
    batch: list[str] = []
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"texts holds {type(text).__name__} {str(text)[:40]!r}; expected texts.")
        batch.append(text)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


class Vocabulary:
    """A model's tokens, and what each needs."""

    def __init__(self, description: Json, needed: set[str]):
        self.needed = needed
        self.model = description["model"]
        vocab = self.model["vocab"]
        self.scores = None if isinstance(vocab, dict) else {token: score for token, score in vocab}  # noqa: C416
        self.ids = vocab if isinstance(vocab, dict) else {token: id for id, (token, _) in enumerate(vocab)}
        self.added = {token["content"] for token in description["added_tokens"]}
        self.added_ids = {token["content"]: token["id"] for token in description["added_tokens"]}
        self.names = {id: token for token, id in self.ids.items()}
        self.prefix = self.model.get("continuing_subword_prefix") or ""
        self.suffix = self.model.get("end_of_word_suffix") or ""
        self.ranks = {(left, right): rank for rank, (left, right) in enumerate(self.model.get("merges", ()))}

    def token(self, asked: str | int) -> str:
        """The token of that name or id.

        Raises:
            ValueError: there is none.
        """
        if isinstance(asked, int):
            if asked in self.names:
                return self.names[asked]
            added = next((token for token, id in self.added_ids.items() if id == asked), None)
            if added is None:
                raise ValueError(f"keep holds the id {asked}, and this vocabulary has none of that id.")
            return added
        if asked not in self.ids and asked not in self.added:
            raise ValueError(f"keep holds {asked!r}, which is no token of this vocabulary.{near(asked, self.ids)}")
        return asked

    def always(self) -> set[str]:
        """What stays in any case: added, special, unknown tokens, bytes; the least likely piece, whose score counts."""
        stays = {token for token in self.added | self.needed if token in self.ids}
        if self.scores is not None:
            unknown = self.model.get("unk_id")
            stays |= {self.names[unknown]} if unknown is not None else set()
            stays.add(min(self.scores, key=self.scores.__getitem__))
        elif self.model.get("unk_token") in self.ids:
            stays.add(self.model["unk_token"])
        if self.model.get("byte_fallback"):
            stays |= {token for token in (f"<0x{byte:02X}>" for byte in range(256)) if token in self.ids}
        elif self.model["type"] == "BPE":
            letters = {char for char in byte_characters().values() if char in self.ids}
            stays |= letters if len(letters) == 256 else set()
        return stays

    def bare(self, token: str) -> str:
        """A token without the marks that say where in a word it stands."""
        bare = token.removeprefix(self.prefix) if self.prefix else token
        return bare.removesuffix(self.suffix) if self.suffix else bare

    def letters(self, token: str) -> set[str]:
        """The tokens of one letter that a token's word can be spelled with."""
        if token in self.added or self.model["type"] == "WordLevel":
            return set()
        written = {char for char in self.bare(token)}  # noqa: C416
        forms = {start + char + end for char in written for start in {"", self.prefix} for end in {"", self.suffix}}
        return {form for form in forms if form in self.ids}

    def closed(self, token: str) -> set[str]:
        """A token, and those that a BPE makes on the way to it."""
        if token not in self.ids:
            return set()
        symbols = self._symbols(token)
        made = {token, *(symbol for symbol in symbols if symbol in self.ids)} if self.ranks else {token}
        while self.ranks and len(symbols) > 1:
            ranked = [(self.ranks[pair], at) for at, pair in enumerate(pairwise(symbols)) if pair in self.ranks]
            if not ranked:
                break  # the token is found as a whole (ignore_merges), or never
            _, at = min(ranked)
            symbols[at : at + 2] = [symbols[at] + symbols[at + 1].removeprefix(self.prefix)]
            made.add(symbols[at])
        return made

    def _symbols(self, token: str) -> list[str]:
        """The letters that a BPE starts from, as it writes them."""
        bare = self.bare(token)
        symbols = [f"{self.prefix}{char}" for char in bare]
        if symbols and not (self.prefix and token.startswith(self.prefix)):
            symbols[0] = bare[0]
        if symbols and self.suffix and token.endswith(self.suffix):
            symbols[-1] += self.suffix
        return symbols

    def best_first(self) -> list[str]:
        """Tokens in the order in which they are worth keeping when no text says it: likely, or early, ones first."""
        if self.scores is not None:
            return sorted(self.scores, key=lambda token: -self.scores[token])  # pyright: ignore[reportOptionalSubscript]
        made = [left + right.removeprefix(self.prefix) for left, right in self.ranks]
        by_id = sorted(self.ids, key=self.ids.__getitem__)
        return list(dict.fromkeys([*(token for token in made if token in self.ids), *by_id])) if made else by_id


def _rebuilt(tokenizer: PreTrainedTokenizerFast, description: Json, vocabulary: Vocabulary, chosen: set[str]) -> Shrunk:
    """The tokenizer with the chosen tokens, its ids without gaps in their old order."""
    ids = {vocabulary.ids[token] for token in chosen} | set(vocabulary.added_ids.values())
    kept = sorted(ids)
    new_ids = {old: new for new, old in enumerate(kept)}
    in_order = sorted(chosen, key=vocabulary.ids.__getitem__)
    model = dict(description["model"])
    if vocabulary.scores is not None:
        if len(in_order) != max(new_ids[vocabulary.ids[token]] for token in in_order) + 1:
            raise ValueError("the added tokens of this Unigram model stand between its pieces; it cannot be shrunk.")
        model["vocab"] = [[token, vocabulary.scores[token]] for token in in_order]
        model["unk_id"] = None if model.get("unk_id") is None else new_ids[model["unk_id"]]
    else:
        model["vocab"] = {token: new_ids[vocabulary.ids[token]] for token in in_order}
    if "merges" in model:
        made = ((pair, pair[0] + pair[1].removeprefix(vocabulary.prefix)) for pair in model["merges"])
        model["merges"] = [pair for pair, token in made if {*pair, token} <= chosen]
    added = [token | {"id": new_ids[token["id"]]} for token in description["added_tokens"]]
    processor = _renumbered(description["post_processor"], new_ids)
    smaller = description | {"model": model, "added_tokens": added, "post_processor": processor}
    return Shrunk(with_core(tokenizer, file.build(smaller)), kept)


def _renumbered(processor: Json | None, new_ids: Mapping[int, int]) -> Json | None:
    """A post-processor with other ids of its tokens, which are all there."""
    if processor is None:
        return None
    if processor["type"] == "Sequence":
        return processor | {"processors": [_renumbered(part, new_ids) for part in processor["processors"]]}
    if processor["type"] == "TemplateProcessing":
        tokens = processor["special_tokens"].items()
        renumbered = {name: token | {"ids": [new_ids[id] for id in token["ids"]]} for name, token in tokens}
        return processor | {"special_tokens": renumbered}
    return processor | {
        key: [processor[key][0], new_ids[processor[key][1]]] for key in ("cls", "sep") if key in processor
    }


def with_core(tokenizer: PreTrainedTokenizerFast, core: Any) -> PreTrainedTokenizerFast:
    """A tokenizer of the same class and settings with another compiled core."""
    options: dict[str, Any] = dict(tokenizer.init_kwargs) | {
        name: token for name, token in tokenizer.special_tokens_map_extended.items() if token is not None
    }
    options |= dict.fromkeys(name for name in NAMED if getattr(tokenizer, name) is None)
    if tokenizer.extra_special_tokens:
        options["extra_special_tokens"] = tokenizer.extra_special_tokens
    for name in ("model_max_length", "padding_side", "truncation_side", "model_input_names", "chat_template"):
        options[name] = getattr(tokenizer, name)
    options["added_tokens_decoder"] = core.added_tokens()
    made = type(tokenizer)(tokenizer_object=core, **options)
    made._core.post_processor = core.post_processor
    made.name_or_path = tokenizer.name_or_path
    return made


def remove_tokens(tokenizer: PreTrainedTokenizerFast, tokens: Sequence[Any]) -> list[str]:
    """Forget added tokens, and return their texts; see `tokenizer.remove_tokens`."""
    core, added = tokenizer._core, tokenizer.added_tokens_encoder
    texts = list(dict.fromkeys(content(token) for token in tokens))
    for text in texts:
        if text not in added:
            there = "but a token of the vocabulary: shrink() makes a tokenizer without it"
            said = there if text in tokenizer.get_vocab() else "and no token at all"
            raise ValueError(f"{text!r} is no added token, {said}.{near(text, added)}")
    if needed := sorted(around_texts(core) & set(texts)):
        raise ValueError(
            f"{needed[0]!r} is put around each text, so it cannot be removed.\nSet another post-processor first: "
            "tokenizer.backend_tokenizer.post_processor."
        )
    core.remove_added_tokens(texts)
    return texts


def around_texts(core: Any) -> set[str]:
    """The tokens that a post-processor puts around texts."""
    if core.post_processor is None:
        return set()

    def of(part: Json) -> Iterator[str]:
        for inner in part.get("processors", ()):
            yield from of(inner)
        for token in part.get("special_tokens", {}).values():
            yield from token["tokens"]
        for key in ("cls", "sep"):
            if key in part:
                yield part[key][0]

    return set(of(json.loads(core.post_processor.json)))
