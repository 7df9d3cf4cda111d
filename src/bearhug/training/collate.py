"""Examples -> a batch: what stands between a data set and a training step.

A collator takes a list of examples (dicts) and returns a dict of tensors, B examples and T tokens of the longest one.
What is padding is known from the attention mask or from the lengths, never from `id == pad_token_id`: a model whose pad
token is its end token still learns to end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bearhug._lib.errors import near


def default_data_collator(features: Sequence[Any], return_tensors: str = "pt") -> dict[str, Any]:
    """Stack examples of equal shapes as they are; strings and None are left out.

    `label` (a number) and `label_ids` (a list) become `labels`: int64 where they are integers, else float32.

    Args:
        features: dicts, or objects whose attributes are meant.
        return_tensors: "pt" or "np".

    Raises:
        ValueError: a column whose examples differ in length: pad them first.

    Example:
        >>> default_data_collator([{"input_ids": [5, 6], "label": 1}, {"input_ids": [7, 8], "label": 0}])
        {'labels': tensor([1, 0]), 'input_ids': tensor([[5, 6],
                [7, 8]])}
    """
    rows = [row if isinstance(row, Mapping) else vars(row) for row in features]
    first = rows[0]
    batch = {}
    for name in ("label", "label_ids"):
        if first.get(name) is not None and "labels" not in batch:
            labels = _stacked([row[name] for row in rows], name)
            batch["labels"] = labels.float() if labels.is_floating_point() else labels.long()
    for name, value in first.items():
        if name not in ("label", "label_ids") and value is not None and not isinstance(value, str):
            batch[name] = _stacked([row[name] for row in rows], name)
    return _as(batch, return_tensors)


@dataclass
class DefaultDataCollator:
    """`default_data_collator` as an object that remembers `return_tensors`."""

    return_tensors: str = "pt"

    def __call__(self, features: Sequence[Any], return_tensors: str | None = None) -> dict[str, Any]:
        """Examples -> a batch."""
        return default_data_collator(features, return_tensors or self.return_tensors)


@dataclass
class DataCollatorWithPadding:
    """Pad each batch to its own longest example.

    Args:
        tokenizer: pads `input_ids`, `attention_mask` and `token_type_ids`, on its padding side.
        padding: True or "longest"; "max_length" pads to `max_length`; False leaves the lengths as they are.
        pad_to_multiple_of: round the length up; 8 suits tensor cores.
        return_tensors: "pt" or "np".
    """

    tokenizer: Any
    padding: bool | str = True
    max_length: int | None = None
    pad_to_multiple_of: int | None = None
    return_tensors: str = "pt"

    def __call__(self, features: Sequence[Mapping[str, Any]] | Mapping[str, Any]) -> Any:
        """Examples (a list of dicts, or the dict of lists that a slice gives) -> a batch.

        `label` and `label_ids` become `labels`.
        """
        rows = features if isinstance(features, Mapping) else list(features)
        batch = _padded(self, rows, self.return_tensors)
        for name in ("label", "label_ids"):
            if name in batch:
                batch["labels"] = batch.pop(name)
        return batch


@dataclass
class DataCollatorForTokenClassification:
    """Pad examples and their labels, one label a token, alike.

    Args:
        label_pad_token_id: what padding is labelled; the loss leaves -100 out.

    The other arguments are those of `DataCollatorWithPadding`.
    """

    tokenizer: Any
    padding: bool | str = True
    max_length: int | None = None
    pad_to_multiple_of: int | None = None
    label_pad_token_id: int = -100
    return_tensors: str = "pt"

    def __call__(self, features: Sequence[Mapping[str, Any]], return_tensors: str | None = None) -> Any:
        """Examples -> a batch; the labels (B, T) are int64 and keep their name, `label` or `labels`."""
        rows, name, labels = _without_labels(features)
        batch = _padded(self, rows, "pt")
        if labels is not None:
            length = batch["input_ids"].shape[1]
            batch[name] = _pad_rows(labels, length, self.label_pad_token_id, self.tokenizer.padding_side)
        return _as(batch, return_tensors or self.return_tensors)


@dataclass
class DataCollatorForSeq2Seq:
    """Pad inputs to the longest input and labels to the longest label.

    Args:
        model: where it has `prepare_decoder_input_ids_from_labels`, that adds `decoder_input_ids`.
        label_pad_token_id: what padding is labelled; the loss leaves -100 out.

    The other arguments are those of `DataCollatorWithPadding`; padding="max_length" pads the labels to it too.
    """

    tokenizer: Any
    model: Any = None
    padding: bool | str = True
    max_length: int | None = None
    pad_to_multiple_of: int | None = None
    label_pad_token_id: int = -100
    return_tensors: str = "pt"

    def __call__(self, features: Sequence[Mapping[str, Any]], return_tensors: str | None = None) -> Any:
        """Examples -> a batch; the labels (B, T of the labels) are int64, or None where there are none."""
        kind = return_tensors or self.return_tensors
        rows, _, labels = _without_labels(features)
        batch = _padded(self, rows, kind)
        if labels is None:
            batch["labels"] = None
            return batch
        length = max(map(len, labels))
        if self.padding == "max_length" and self.max_length is not None:
            length = self.max_length
        if self.padding is False or self.padding == "do_not_pad":
            padded = _stacked(labels, "labels").long()
        else:
            length = _rounded_up(length, self.pad_to_multiple_of)
            padded = _pad_rows(labels, length, self.label_pad_token_id, self.tokenizer.padding_side)
        batch["labels"] = padded if kind == "pt" else padded.numpy()
        prepare = getattr(self.model, "prepare_decoder_input_ids_from_labels", None)
        if prepare is not None:
            batch["decoder_input_ids"] = prepare(labels=batch["labels"])
        return batch


@dataclass
class DataCollatorForPackedRows:
    """Rows of `tokenize_and_pack` -> a batch in which no document sees another.

    `attention_mask` is (B, 1, T, T), true where a token may look: at itself and at what stands before it in the same
    document. `position_ids` begin at 0 with each document. `labels` are the ids, -100 at padding and at each document's
    first token.

    Raises:
        ValueError: the rows lack `input_ids` or `segment_ids`.
    """

    def __call__(self, features: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """Rows (dicts) -> `input_ids`, `position_ids`, `labels` (B, T) and `attention_mask` (B, 1, T, T)."""
        missing = [name for name in ("input_ids", "segment_ids") if name not in features[0]]
        if missing:
            raise ValueError(
                f"the rows have no {' and no '.join(missing)}; they have {', '.join(features[0])}.\n"
                "Rows with both come from ds.tokenize_and_pack(tokenizer, length)."
            )
        ids = _stacked([row["input_ids"] for row in features], "input_ids").long()
        segments = _stacked([row["segment_ids"] for row in features], "segment_ids").long()
        places = torch.arange(ids.shape[1])
        begins = torch.ones_like(segments, dtype=torch.bool)
        begins[:, 1:] = segments[:, 1:] != segments[:, :-1]
        first = torch.where(begins, places, 0).cummax(dim=1).values
        same = segments[:, :, None] == segments[:, None, :]
        return {
            "input_ids": ids,
            "position_ids": places - first,
            "labels": ids.masked_fill(begins | (segments == 0), -100),
            "attention_mask": (same & (places[:, None] >= places))[:, None],
        }


@dataclass
class DataCollatorForLanguageModeling:
    """Batches for language modelling: the next token (mlm=False), or some tokens hidden and asked for (mlm=True).

    Next token: the labels are the ids, -100 at padding; labels that the examples bring are kept. Masked (Devlin et al.
    2019, arXiv:1810.04805, section 3.1): `mlm_probability` of the tokens that are neither special nor padding are asked
    for; of those, `mask_replace_prob` are replaced by the mask token and `random_replace_prob` by any token.

    Args:
        tokenizer: pads, and says which ids are special and which one masks.
        whole_word_mask: hide all pieces of a word together; the examples bring `offset_mapping`.
        seed: an own random stream, another one in each worker of a DataLoader; None draws from torch's global one.

    Raises:
        ValueError: mlm without a mask token, or probabilities that are none.
    """

    tokenizer: Any
    mlm: bool = True
    whole_word_mask: bool = False
    mlm_probability: float | None = 0.15
    mask_replace_prob: float = 0.8
    random_replace_prob: float = 0.1
    pad_to_multiple_of: int | None = None
    return_tensors: str = "pt"
    seed: int | None = None
    generator: torch.Generator | None = field(default=None, init=False, repr=False)

    def __post_init__(self):
        if self.mlm and self.tokenizer.mask_token_id is None:
            raise ValueError(
                "masked language modelling hides tokens behind a mask token, and this tokenizer has none.\n"
                "Train on the next token: DataCollatorForLanguageModeling(tokenizer, mlm=False)."
            )
        if self.whole_word_mask and not self.mlm:
            raise ValueError("whole_word_mask=True hides words, which only mlm=True does; pass mlm=True.")
        chances = {"mask_replace_prob": self.mask_replace_prob, "random_replace_prob": self.random_replace_prob}
        for name, chance in (chances | ({"mlm_probability": self.mlm_probability} if self.mlm else {})).items():
            if chance is None or not 0 <= chance <= 1:
                raise ValueError(f"{name}={chance} is no probability; it lies between 0 and 1.")
        if sum(chances.values()) > 1:
            raise ValueError(
                f"mask_replace_prob={self.mask_replace_prob} and random_replace_prob={self.random_replace_prob} are "
                "parts of the tokens asked for, and come to more than 1."
            )
        if self.whole_word_mask:
            self.mask_replace_prob, self.random_replace_prob = 1.0, 0.0  # a word of random pieces is no word

    def __call__(self, features: Sequence[Any], return_tensors: str | None = None) -> Any:
        """Examples (dicts, or lists of ids) -> `input_ids`, `labels` (B, T), and what else the tokenizer pads."""
        if self.seed is not None and self.generator is None:
            worker = torch.utils.data.get_worker_info()
            self.generator = torch.Generator().manual_seed(self.seed + (worker.id if worker else 0))
        batch, real, offsets = self._batch(features)
        special = batch.pop("special_tokens_mask", None)
        if self.mlm:
            if special is None:
                special = torch.isin(batch["input_ids"], torch.tensor(self.tokenizer.all_special_ids))
            batch["input_ids"], batch["labels"] = self._masked(batch["input_ids"], special.bool() | ~real, offsets)
        else:
            labels = batch["labels"] if "labels" in batch else batch["input_ids"]
            batch["labels"] = labels.masked_fill(~real, -100)
        return _as(batch, return_tensors or self.return_tensors)

    def _batch(self, features: Sequence[Any]) -> tuple[Any, Tensor, Tensor | None]:
        """The padded batch; which of its places (B, T) hold a token; their offsets (B, T, 2) where they were given."""
        side, multiple = self.tokenizer.padding_side, self.pad_to_multiple_of
        if not isinstance(features[0], Mapping):
            features = [{"input_ids": row} for row in features]
            lengths = [len(row["input_ids"]) for row in features]
            plain = len(set(lengths)) == 1 and _rounded_up(lengths[0], multiple) == lengths[0]
        else:
            lengths, plain = [len(row["input_ids"]) for row in features], False
        apart = {name: [row[name] for row in features] for name in ("labels", "offset_mapping") if name in features[0]}
        rows = [{name: value for name, value in row.items() if name not in apart} for row in features]
        if plain:  # nothing to pad: a tokenizer without a pad token will do
            batch = {"input_ids": _stacked([row["input_ids"] for row in rows], "input_ids").long()}
        else:
            batch = self.tokenizer.pad(rows, padding=True, pad_to_multiple_of=multiple, return_tensors="pt")
        length = batch["input_ids"].shape[1]
        real = _pad_rows([[1] * n for n in lengths], length, 0, side).bool()
        if "attention_mask" in batch:
            real &= batch["attention_mask"].bool()
        if "labels" in apart and not self.mlm:
            batch["labels"] = _pad_rows(apart["labels"], length, -100, side)
        offsets = _pad_rows(apart["offset_mapping"], length, (0, 0), side) if "offset_mapping" in apart else None
        return batch, real, offsets

    def _masked(self, ids: Tensor, never: Tensor, offsets: Tensor | None) -> tuple[Tensor, Tensor]:
        """The ids with some hidden, and the labels. The draws come in the reference's order, for the same seeds."""
        chance = torch.full(ids.shape, float(self.mlm_probability or 0.0))
        if self.whole_word_mask:
            word, first = _words(offsets, never)
            asked = torch.bernoulli(chance.masked_fill(~first, 0.0), generator=self.generator).bool()
            same = (word[:, :, None] == word[:, None, :]) & ~never[:, :, None] & ~never[:, None, :]  # (B, T, T)
            asked = (same & asked[:, None, :]).any(-1)
        else:
            asked = torch.bernoulli(chance.masked_fill(never, 0.0), generator=self.generator).bool()
        labels = ids.masked_fill(~asked, -100)
        hidden = self._some(ids.shape, self.mask_replace_prob) & asked
        ids = ids.masked_fill(hidden, self.tokenizer.mask_token_id)
        if self.mask_replace_prob < 1 and self.random_replace_prob > 0:
            of_the_rest = self.random_replace_prob / (1 - self.mask_replace_prob)
            random = self._some(ids.shape, of_the_rest) & asked & ~hidden
            any_token = torch.randint(len(self.tokenizer), ids.shape, generator=self.generator)
            ids = torch.where(random, any_token, ids)
        return ids, labels

    def _some(self, shape: torch.Size, chance: float) -> Tensor:
        return torch.bernoulli(torch.full(shape, float(chance)), generator=self.generator).bool()


def _words(offsets: Tensor | None, never: Tensor) -> tuple[Tensor, Tensor]:
    """The number of each token's word (B, T), and where a word begins: not where the token before has ended."""
    if offsets is None:
        raise ValueError(
            "whole_word_mask=True finds words by their offsets, which the examples do not bring.\n"
            "Tokenize with tokenizer(text, return_offsets_mapping=True) and keep the column offset_mapping."
        )
    ends_before = offsets[:, :, 1].roll(1, dims=1)
    ends_before[:, 0] = -1
    after_special = never.roll(1, dims=1)
    after_special[:, 0] = False
    first = ~never & ((offsets[:, :, 0] != ends_before) | after_special)
    return first.cumsum(1), first


def _padded(collator: Any, rows: Sequence[Mapping[str, Any]] | Mapping[str, Any], return_tensors: str) -> Any:
    return collator.tokenizer.pad(
        rows,
        padding=collator.padding,
        max_length=collator.max_length,
        pad_to_multiple_of=collator.pad_to_multiple_of,
        return_tensors=return_tensors,
    )


def _without_labels(features: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], str, list[Any] | None]:
    """The examples without their labels; the labels' name; the labels, None where there are none."""
    name = "label" if "label" in features[0] else "labels"
    labels = [row[name] for row in features] if name in features[0] else None
    if labels is not None and all(row is None for row in labels):
        labels = None
    return [{key: value for key, value in row.items() if key != name} for row in features], name, labels


def _pad_rows(rows: Sequence[Any], length: int, value: Any, side: str) -> Tensor:
    """Rows of different lengths -> (B, length, ...) int64, with `value` beside each row."""
    width = () if np.ndim(value) == 0 else (np.shape(value)[0],)
    padded = torch.empty(len(rows), length, *width, dtype=torch.int64)
    padded[:] = torch.as_tensor(value)
    for row, given in zip(padded, rows, strict=True):
        given = torch.as_tensor(np.asarray(given))
        if len(given) > length:
            raise ValueError(
                f"an example has {len(given)} labels for {length} tokens; each token takes one label.\n"
                "Truncate the labels together with the tokens."
            )
        start = length - len(given) if side == "left" else 0
        row[start : start + len(given)] = given
    return padded


def _rounded_up(length: int, multiple: int | None) -> int:
    return -(-length // multiple) * multiple if multiple else length


def _stacked(values: list[Any], name: str) -> Tensor:
    """One tensor of equal rows: integers stay integers, Python's floats become float32.

    Raises:
        ValueError: the rows differ in shape.
    """
    try:
        if all(isinstance(value, Tensor) for value in values):
            return torch.stack(values)
        if all(isinstance(value, np.ndarray | np.generic) for value in values):
            return torch.from_numpy(np.stack(values))
        return torch.tensor(values)
    except (ValueError, TypeError, RuntimeError):
        raise ValueError(_why_not(values, name)) from None


def _why_not(values: list[Any], name: str) -> str:
    lengths = [len(value) for value in values if isinstance(value, Sequence) or getattr(value, "ndim", 0)]
    if len(set(lengths)) > 1:
        shown = ", ".join(map(str, lengths[:8])) + (", ..." if len(lengths) > 8 else "")
        return (
            f"the examples of {name!r} have different lengths ({shown}), so they make no tensor.\n"
            "Pad the batch with DataCollatorWithPadding(tokenizer), or tokenize with padding='max_length'."
        )
    kinds = sorted({type(value).__name__ for value in values})
    return (
        f"the examples of {name!r} make no tensor: they are {', '.join(kinds)}, such as {values[0]!r:.60}.\n"
        f"Take the column out: dataset.remove_columns([{name!r}])."
    )


def _as(batch: Any, return_tensors: str) -> Any:
    """The batch in torch ("pt") or numpy ("np")."""
    if return_tensors == "pt":
        return batch
    if return_tensors != "np":
        raise ValueError(
            f"return_tensors is {return_tensors!r}; it can be 'pt' or 'np'.{near(str(return_tensors), ('pt', 'np'))}"
        )
    for name, value in batch.items():
        batch[name] = value.numpy() if isinstance(value, Tensor) else value
    return batch
