"""LUKE: texts with the entities in them, each by the characters that name it (Yamada et al. 2020, arXiv:2010.01057).

    tokenizer("Beyoncé lives in Los Angeles", entity_spans=[(0, 7), (17, 28)])           # masked entities
    tokenizer(text, entity_spans=spans, entities=["Beyoncé", "Los Angeles"])             # of the entity vocabulary

Tokenizers made with `task=` mark the entities in the text too: "entity_classification" (one),
"entity_pair_classification" (two), or only give their places, "entity_span_classification".
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bearhug._lib.files import replacing
from bearhug.tokenizers import inputs
from bearhug.tokenizers._native import AddedToken, Truncation
from bearhug.tokenizers.classes.kind import Json, text
from bearhug.tokenizers.encoding import BatchEncoding
from bearhug.tokenizers.tokenizer import PreTrainedTokenizerFast

Span = tuple[int, int]
MOST = {None: None, "entity_span_classification": None, "entity_classification": 1, "entity_pair_classification": 2}


def entity_tokens(options: Json) -> None:
    """The tokens that stand around entities are special ones beside those that the files name."""
    for name in ("entity_1_token", "entity_2_token"):
        given = options.pop(f"entity_token_{name[7]}", None) or options[name]
        options[name] = AddedToken(given, special=True) if isinstance(given, str) else given
    key = "extra_special_tokens" if options.get("extra_special_tokens") else "additional_special_tokens"
    extra = list(options.get(key) or [])
    known = {text(token) for token in extra}
    marks = [options[name] for name in ("entity_1_token", "entity_2_token")]
    options[key] = [*extra, *(AddedToken(text(token)) for token in marks if text(token) not in known)]


class WithEntities(PreTrainedTokenizerFast):
    """A call takes `entity_spans` and `entities`, and gives `entity_ids`, `entity_position_ids`, ..."""

    _is_plain = False
    entity_vocab: dict[str, int]
    entity_pad_token_id: int
    entity_unk_token_id: int
    entity_mask_token_id: int
    entity_mask2_token_id: int

    def _made(self) -> None:
        names = {f"entity_{name}_token": str(getattr(self, f"entity_{name}_token")) for name in ENTITY_TOKENS}
        vocab, path = self.init_kwargs.get("entity_vocab"), self.init_kwargs.get("entity_vocab_file")
        if vocab is None:
            plain = {token: id for id, token in enumerate(names.values())}
            vocab = plain if path is None else json.loads(Path(path).read_bytes())
        self.__dict__["entity_vocab"] = dict(vocab)
        for name, token in names.items():
            if token not in self.entity_vocab:
                raise ValueError(f"the entity vocabulary has no {token!r}, which is {name}.")
            self.__dict__[f"{name}_id"] = self.entity_vocab[token]
        self.task = self.init_kwargs["task"]
        if self.task not in MOST:
            raise ValueError(f"task={self.task!r} is unknown; expected one of {', '.join(map(str, MOST))}.")
        self.max_entity_length: int = MOST[self.task] or self.init_kwargs["max_entity_length"]
        self.max_mention_length = self.init_kwargs["max_mention_length"]

    def save_pretrained(self, save_directory: str | os.PathLike, *args: Any, **kwargs: Any) -> tuple[str, ...]:
        """As every tokenizer's, and entity_vocab.json."""
        paths = super().save_pretrained(save_directory, *args, **kwargs)
        path = Path(save_directory) / "entity_vocab.json"
        with replacing(path, "w", encoding="utf-8", newline="\n") as out:
            out.write(json.dumps(self.entity_vocab, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
        return (*paths, str(path))

    # -- texts

    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride] - entities stand third, as in the reference
        self,
        text: Any = None,
        text_pair: Any = None,
        entity_spans: Any = None,
        entity_spans_pair: Any = None,
        entities: Any = None,
        entities_pair: Any = None,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        max_entity_length: int | None = None,
        stride: int = 0,
        is_split_into_words: bool = False,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_tensors: str | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool | str = False,
        return_length: bool = False,
        verbose: bool = True,
        **kwargs: Any,
    ) -> BatchEncoding:
        """Encode a text, or several, alone or in pairs, with the entities in them.

        Args:
            entity_spans: (start, end) in characters of each entity, a list of tuples; for several texts, lists of
                those. `entity_spans_pair`: of the second texts.
            entities: what each is called in the entity vocabulary; None: they are masked.
            max_entity_length: entities of a row; truncation drops the others.

        Raises:
            TypeError, ValueError: spans that are no list of tuples, not a name for each, or not as many as the task
                needs.
        """
        said = (entity_spans, entity_spans_pair, entities, entities_pair)
        options: dict[str, Any] = {"add_special_tokens": add_special_tokens, "max_length": max_length}
        options |= {"stride": stride, "pad_to_multiple_of": pad_to_multiple_of, "padding_side": padding_side}
        plain = all(one is None for one in said) and self.task is None
        if plain or kwargs.get("text_target") is not None:
            flags = {
                "padding": padding,
                "truncation": truncation,
                "is_split_into_words": is_split_into_words,
                "return_tensors": return_tensors,
                "return_token_type_ids": return_token_type_ids,
                "return_attention_mask": return_attention_mask,
                "return_overflowing_tokens": return_overflowing_tokens,
                "return_special_tokens_mask": return_special_tokens_mask,
                "return_offsets_mapping": return_offsets_mapping,
                "return_length": return_length,
                "verbose": verbose,
            }
            return super().__call__(text, text_pair, **options, **flags, **kwargs)
        if return_offsets_mapping or is_split_into_words:
            raise ValueError(
                "a text with entities has no offsets and is not split into words.\nLeave return_offsets_mapping and "
                "is_split_into_words away."
            )
        cut, fill = self._limits(padding, truncation, max_length, stride, pad_to_multiple_of, padding_side)
        many = isinstance(text, list | tuple)
        texts = list(text) if many else [text]
        columns = [list(one) if many and one is not None else [one] * len(texts) for one in (text_pair, *said)]
        wanted = self.model_input_names
        with_types = "token_type_ids" in wanted if return_token_type_ids is None else return_token_type_ids
        with_mask = "attention_mask" in wanted if return_attention_mask is None else return_attention_mask
        rows = []
        for row in zip(texts, *columns, strict=True):
            ids, spans, names = self._entities_of(*row)
            encoded = self._with_entities(ids, spans, names, add_special_tokens, cut, max_entity_length)
            if not return_overflowing_tokens:
                for key in OVERFLOWING:
                    encoded.pop(key, None)
            elif ids[1] is not None and cut is not None and cut.strategy == "longest_first":
                raise ValueError(
                    "what truncation='longest_first' cuts off a pair is not kept.\nTake 'only_first' or 'only_second'."
                )
            if not return_special_tokens_mask:
                encoded.pop("special_tokens_mask")
            if not with_types:
                encoded.pop("token_type_ids")
                encoded.pop("entity_token_type_ids", None)
            rows.append(encoded)
        if max_length is None and verbose and rows:
            self._warn_too_long(max(len(row["input_ids"]) for row in rows))
        if return_length and many:
            for row in rows:
                row["length"] = len(row["input_ids"])
        out = self.pad(
            {key: [row[key] for row in rows] for key in rows[0]} if many else rows[0],
            padding=False if fill is None else "longest" if fill.length is None else "max_length",
            max_length=None if fill is None else fill.length,
            max_entity_length=None if many else max_entity_length,
            pad_to_multiple_of=pad_to_multiple_of,
            padding_side=padding_side,
            return_attention_mask=with_mask,
        )
        if return_length and not many:
            out["length"] = len(out["input_ids"])
        return BatchEncoding(dict(out), tensor_type=return_tensors, prepend_batch_axis=not many)

    def _ids_of(self, text: str) -> list[int]:
        return self._core.encode_batch([text], add_special_tokens=False).row(0, "ids")

    def _cut(self, text: str, spans: Sequence[Span] | None) -> tuple[list[int], list[Span] | None]:
        """A text's ids, cut where entities begin and end, and the entities' places among them."""
        if spans is None:
            return self._ids_of(text), None
        ids: list[int] = []
        places: dict[int, int] = {}
        at = 0
        for position in sorted({position for span in spans for position in span}):
            end = (
                position - 1 if position > 0 and text[position - 1] == " " else position
            )  # the blank goes with the word
            if at != end:
                ids += self._ids_of(text[at:end])
                at = end
            places[position] = len(ids)
        ids += self._ids_of(text[at:])
        return ids, [(places[start], places[end]) for start, end in spans]

    def _entities_of(
        self, text: str, pair: str | None, spans: Any, spans_pair: Any, entities: Any, entities_pair: Any
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Ids, places and entities of both texts."""
        if self.task is None:
            ids, names, places = [], [], []
            for one, of, called in ((text, spans, entities), (pair, spans_pair, entities_pair)):
                if of is not None:
                    _checked(of, called)
                cut = (None, None) if one is None else self._cut(one, of)
                ids.append(cut[0])
                places.append(cut[1])
                unknown, mask = self.entity_unk_token_id, self.entity_mask_token_id
                known = None if called is None else [self.entity_vocab.get(name, unknown) for name in called]
                names.append(None if cut[1] is None else [mask] * len(cut[1]) if known is None else known)
            return ids, places, names
        wanted = MOST[self.task]
        tuples = isinstance(spans, list) and bool(spans) and all(isinstance(span, tuple) for span in spans)
        if not tuples or (wanted is not None and len(spans) != wanted):
            many = {None: "one or more", 1: "one", 2: "two"}[wanted]
            raise ValueError(
                f"task={self.task!r} needs entity_spans, a list of {many} (start, end); got {spans!r:.60}."
            )
        first, found = self._cut(text, spans)
        assert found is not None
        names = [self.entity_mask_token_id] * len(spans)
        if wanted is not None:
            first, found = self._marked(first, found)
            names = [self.entity_mask_token_id, self.entity_mask2_token_id][:wanted]
        return [first, None], [found, None], [names, None]

    def _marked(self, ids: list[int], spans: list[Span]) -> tuple[list[int], list[Span]]:
        """An entity's token before and behind each entity, which becomes a part of it."""
        marks = [self.entity_1_token_id, self.entity_2_token_id]
        order = sorted(range(len(spans)), key=lambda i: (spans[i][0], -i))
        out = list(spans)
        for before, i in enumerate(order):
            start, end = spans[i]
            out[i] = (start + 2 * before, end + 2 * before + 2)
        for i in reversed(order):
            start, end = spans[i]
            ids = [*ids[:start], marks[i], *ids[start:end], marks[i], *ids[end:]]
        return ids, out

    def _with_entities(
        self,
        ids: list[Any],
        spans: list[Any],
        names: list[Any],
        add_special_tokens: bool,
        cut: Truncation | None,
        most: int | None,
    ) -> Json:
        first, second = ids
        pair = second is not None
        added = self.num_special_tokens_to_add(pair) if add_special_tokens else 0
        row: Json = {}
        too_many = 0 if cut is None else len(first) + len(second or ()) + added - cut.max_length
        gone: list[int] = []
        if cut is not None and too_many > 0:
            first, second, gone = self.truncate_sequences(first, second, too_many, cut.strategy, cut.stride)
        row |= {"overflowing_tokens": gone, "num_truncated_tokens": too_many}
        if add_special_tokens:
            row["input_ids"] = self.build_inputs_with_special_tokens(first, second)
            row["special_tokens_mask"] = self.get_special_tokens_mask(first, second)
        else:
            row["input_ids"] = [*first, *(second or ())]
            row["special_tokens_mask"] = [0] * len(row["input_ids"])
        row["token_type_ids"] = [0] * len(row["input_ids"])
        if names[0] is None:
            return row
        offsets = (1, len(first) + 3) if add_special_tokens else (0, len(first))
        kept: list[Any] = [None, None]
        places: list[Any] = [None, None]
        for i, one in enumerate((first, second)):
            if names[i] is not None:
                whole = [(id, span) for id, span in zip(names[i], spans[i], strict=True) if span[1] <= len(one or ())]
                kept[i], places[i] = [id for id, _ in whole], [span for _, span in whole]
        total = sum(len(one) for one in kept if one is not None)
        if total < sum(len(one) for one in names if one is not None):
            self._warn_once("entities that truncation has cut off the text are left out.")
        most = most or int(self.max_entity_length)
        gone = []
        if cut is not None and total > most:
            kept[0], kept[1], gone = self.truncate_sequences(kept[0], kept[1], total - most, cut.strategy, cut.stride)
        row |= {"overflowing_entities": gone, "num_truncated_entities": total - most}
        row["entity_ids"] = [*kept[0], *(kept[1] or ())]
        spans = [
            (start + offset, end + offset)
            for ids_of, of, offset in zip(kept, places, offsets, strict=True)
            for start, end in (of or [])[: len(ids_of or ())]
        ]
        length = self.max_mention_length
        row["entity_position_ids"] = [
            [*range(start, end)][:length] + [-1] * (length - end + start) for start, end in spans
        ]
        if self.task == "entity_span_classification":
            row["entity_start_positions"] = [start for start, _ in spans]
            row["entity_end_positions"] = [end - 1 for _, end in spans]
        row["entity_token_type_ids"] = [0] * len(row["entity_ids"])
        return row

    def pad(  # pyright: ignore[reportIncompatibleMethodOverride] - max_entity_length stands fourth, as in the reference
        self,
        encoded_inputs: Any,
        padding: bool | str = True,
        max_length: int | None = None,
        max_entity_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: str | None = None,
        verbose: bool = True,
    ) -> BatchEncoding:
        """As every tokenizer's; entities are filled up to the most in a row, or to `max_entity_length`."""
        if isinstance(encoded_inputs, list | tuple) and encoded_inputs and isinstance(encoded_inputs[0], Mapping):
            encoded_inputs = {key: [row[key] for row in encoded_inputs] for key in encoded_inputs[0]}
        out = super().pad(
            encoded_inputs,
            padding=padding,
            max_length=max_length,
            pad_to_multiple_of=pad_to_multiple_of,
            padding_side=padding_side,
            return_attention_mask=return_attention_mask,
            return_tensors=return_tensors if "entity_ids" not in encoded_inputs else None,
        )
        if "entity_ids" not in out:
            return out
        columns = {key: _lists(value) for key, value in out.items()}
        single = not (columns["input_ids"] and isinstance(columns["input_ids"][0], list))
        if single:
            columns = {key: [value] for key, value in columns.items()}
        rows = columns["entity_ids"]
        if "attention_mask" in columns and "entity_attention_mask" not in columns:
            columns["entity_attention_mask"] = [[1] * len(row) for row in rows]
        fill = inputs.padding_strategy(padding)
        if fill != "do_not_pad" and not (
            fill == "max_length" and max_length is None and self.model_max_length >= inputs.LARGE
        ):
            length = max(map(len, rows), default=0)
            if fill == "max_length":
                length = self.max_entity_length if max_entity_length is None else max_entity_length
            if pad_to_multiple_of:
                length = -(-length // pad_to_multiple_of) * pad_to_multiple_of
            left = (padding_side or self.padding_side) == "left"
            fills = dict.fromkeys(FIELDS, 0) | {"entity_ids": self.entity_pad_token_id}
            fills["entity_position_ids"] = [-1] * self.max_mention_length
            for key in set(columns) & set(fills):
                more = [[fills[key]] * (length - len(row)) for row in columns[key]]
                pairs = zip(columns[key], more, strict=True)
                columns[key] = [[*rest, *row] if left else [*row, *rest] for row, rest in pairs]
        return BatchEncoding(
            {key: value[0] for key, value in columns.items()} if single else columns, tensor_type=return_tensors
        )


class WithEntitiesOfManyLanguages(WithEntities):
    """mLUKE (Ri et al. 2022, arXiv:2110.08151): upon SentencePiece; its `vocab_size` counts two tokens more."""

    @property
    def vocab_size(self) -> int:
        """Pieces of the model, and two."""
        return self._core.vocab_size(with_added_tokens=False) + 2


ENTITY_TOKENS = ("unk", "pad", "mask", "mask2")
OVERFLOWING = ("overflowing_tokens", "num_truncated_tokens", "overflowing_entities", "num_truncated_entities")
FIELDS = ("entity_attention_mask", "entity_token_type_ids", "entity_start_positions", "entity_end_positions")


def _lists(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return [_lists(one) for one in value] if isinstance(value, list | tuple) else value


def _checked(spans: Any, entities: Any) -> None:
    if not isinstance(spans, list):
        raise TypeError(f"entity_spans is a list of (start, end), in characters; got {type(spans).__name__}.")
    if spans and not isinstance(spans[0], tuple):
        raise ValueError(f"entity_spans is a list of tuples (start, end), in characters; it holds {spans[0]!r:.40}.")
    if entities is None:
        return
    if not isinstance(entities, list) or (entities and not isinstance(entities[0], str)):
        raise ValueError(f"entities is a list of names; got {entities!r:.60}.")
    if len(entities) != len(spans):
        raise ValueError(f"there are {len(entities)} entities and {len(spans)} entity_spans; each needs its own.")
