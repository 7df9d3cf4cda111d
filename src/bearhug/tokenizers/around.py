"""What a tokenizer does to a text, done to ids: special tokens around them, rows cut to a length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bearhug.tokenizers import inputs
from bearhug.tokenizers._native import Padding, Tokenizer, Truncation
from bearhug.tokenizers.encoding import BatchEncoding, tensor_kind
from bearhug.tokenizers.padding import padded
from bearhug.tokenizers.special_tokens import SpecialTokens

Added = tuple[int, int]  # (id, type id) of a token that the post-processor adds
Place = list[int]  # [sequence, type id]: the ids of a text stand here


def around(core: Tokenizer, first: Sequence[int], second: Sequence[int] | None) -> Iterator[tuple[int, int, int]]:
    """(id, type id, whether added) of each token of a text or pair, with those that the post-processor adds."""
    sequences = [first] if second is None else [first, second]
    for piece in _frame(core, len(sequences)):
        if isinstance(piece, tuple):
            yield (*piece, 1)
        else:
            sequence, type_id = piece
            yield from ((id, type_id, 0) for id in sequences[sequence])


def _frame(core: Tokenizer, sequences: int) -> list[Added | Place]:
    """What stands around one text, or two: read off an encoded text, so that it holds for every post-processor."""
    texts = ("a", "1", "the", ".")
    sample = next((text for text in texts if core.encode_batch([text], add_special_tokens=False).length(0)), "a")
    encoded = core.encode_batch([sample], [sample] if sequences == 2 else None)
    frame: list[Added | Place] = []
    fields = (encoded.row(0, "ids"), encoded.row(0, "type_ids"), encoded.row(0, "sequence_ids"))
    for id, type_id, sequence in zip(*fields, strict=True):
        if sequence is None:
            frame.append((id, type_id))
        elif not frame or frame[-1] != [sequence, type_id]:
            frame.append([sequence, type_id])
    return frame


def cut_ids(
    first: list[int], second: list[int] | None, too_many: int, cut: Truncation
) -> tuple[list[int], list[int] | None, list[int]]:
    """The sequences without `too_many` of their ids, and what was cut off (with the stride before it)."""
    if cut.strategy == "only_second" and second is None:
        raise ValueError('truncation="only_second" cuts the second text of a pair, and there is none.')
    lengths = [len(first), len(second or ())]
    if cut.strategy == "longest_first":
        room = max(0, sum(lengths) - too_many)
        short, long = sorted(lengths)
        long = short if short > room else max(short, room - short)
        if short + long > room:
            short, long = room // 2, room - room // 2
        lengths = [short, long] if lengths[0] <= lengths[1] else [long, short]
    else:
        i = 0 if cut.strategy == "only_first" else 1
        if lengths[i] <= too_many:
            raise ValueError(
                f"{too_many} tokens are too many, and the {('first', 'second')[i]} text, which "
                f"truncation={cut.strategy!r} cuts, has only {lengths[i]}.\nTake truncation=True, or a larger "
                "max_length."
            )
        lengths[i] -= too_many
    overflowing: list[int] = []
    kept = []
    for sequence, length in zip((first, second), lengths, strict=True):
        if sequence is None or length == len(sequence):
            kept.append(sequence)
        elif cut.direction == "right":
            kept.append(sequence[:length])
            overflowing = overflowing or sequence[max(0, length - cut.stride) :]
        else:
            start = len(sequence) - length
            kept.append(sequence[start:])
            overflowing = overflowing or sequence[: start + cut.stride]
    return kept[0], kept[1], overflowing


class OfIds(SpecialTokens):
    """The methods of a tokenizer that take ids instead of texts."""

    model_max_length: int
    model_input_names: list[str]
    padding_side: str
    truncation_side: str
    _limits: Callable[..., tuple[Truncation | None, Padding | None]]
    _pad: Callable[[], tuple[int, str]]

    def _around(self, first: Sequence[int], second: Sequence[int] | None) -> Iterable[tuple[int, int, int]]:
        """(id, type id, whether added) of each token that a call gives."""
        return around(self._core, first, second)

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """How many tokens a call adds around a text, or a pair."""
        return self._core.num_special_tokens_to_add(pair)

    @property
    def max_len_single_sentence(self) -> int:
        """Tokens of a text that the model reads, without those added around it."""
        return self.model_max_length - self.num_special_tokens_to_add(False)

    @property
    def max_len_sentences_pair(self) -> int:
        """Tokens of both texts of a pair that the model reads, without those added around them."""
        return self.model_max_length - self.num_special_tokens_to_add(True)

    def build_inputs_with_special_tokens(
        self, token_ids_0: Sequence[int], token_ids_1: Sequence[int] | None = None
    ) -> list[int]:
        """Ids of a text, or of a pair's two texts, with the tokens around them that a call would add."""
        return [id for id, _, _ in self._around(token_ids_0, token_ids_1)]

    def create_token_type_ids_from_sequences(
        self, token_ids_0: Sequence[int], token_ids_1: Sequence[int] | None = None
    ) -> list[int]:
        """The token_type_ids of `build_inputs_with_special_tokens`."""
        return [type_id for _, type_id, _ in self._around(token_ids_0, token_ids_1)]

    def get_special_tokens_mask(
        self,
        token_ids_0: Sequence[int],
        token_ids_1: Sequence[int] | None = None,
        already_has_special_tokens: bool = False,
    ) -> list[int]:
        """1 where `build_inputs_with_special_tokens` adds a token; or where a special token stands already.

        Raises:
            ValueError: two sequences that have their special tokens already.
        """
        if not already_has_special_tokens:
            return [special for _, _, special in self._around(token_ids_0, token_ids_1)]
        if token_ids_1 is not None:
            raise ValueError(
                "with already_has_special_tokens=True the ids of a pair are one sequence; leave token_ids_1 away."
            )
        special = set(self.all_special_ids)
        return [int(int(id) in special) for id in token_ids_0]

    def truncate_sequences(
        self,
        ids: list[int],
        pair_ids: list[int] | None = None,
        num_tokens_to_remove: int = 0,
        truncation_strategy: str = "longest_first",
        stride: int = 0,
    ) -> tuple[list[int], list[int] | None, list[int]]:
        """Ids of a text (and of its pair) without so many of them, and those with `stride` more before them.

        Of a pair that is cut by longest_first, what goes is not kept.
        """
        from bearhug.tokenizers.earlier import truncate_sequences

        strategy = inputs.truncation_strategy(truncation_strategy)
        return truncate_sequences(ids, pair_ids, num_tokens_to_remove, strategy, stride, self.truncation_side)

    def prepare_for_model(
        self,
        ids: list[int],
        pair_ids: list[int] | None = None,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str = False,
        max_length: int | None = None,
        stride: int = 0,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_tensors: str | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_length: bool = False,
        verbose: bool = True,
        prepend_batch_axis: bool = False,
        **kwargs: Any,
    ) -> BatchEncoding:
        """Ids of a text (and of its pair) -> what a call gives: cut, with special tokens around them, padded.

        Raises:
            ValueError: no padding token; a strategy that cannot reach max_length.
        """
        cut, _ = self._limits(False, truncation, max_length, stride, None, None)
        added = self.num_special_tokens_to_add(pair_ids is not None) if add_special_tokens else 0
        first, second, overflowing = list(ids), None if pair_ids is None else list(pair_ids), []
        too_many = 0
        if cut is not None and (too_many := len(first) + len(second or ()) + added - cut.max_length) > 0:
            first, second, overflowing = cut_ids(first, second, too_many, cut)
        out: dict[str, Any] = {}
        if return_overflowing_tokens:
            out |= {"overflowing_tokens": overflowing, "num_truncated_tokens": too_many}
        if add_special_tokens:
            rows = list(self._around(first, second))
        else:
            rows = [(id, i, 0) for i, sequence in enumerate((first, second or [])) for id in sequence]
        out["input_ids"] = [id for id, _, _ in rows]
        if return_token_type_ids or (return_token_type_ids is None and "token_type_ids" in self.model_input_names):
            out["token_type_ids"] = [type_id for _, type_id, _ in rows]
        if return_special_tokens_mask:
            out["special_tokens_mask"] = [special for _, _, special in rows]
        if padding or return_attention_mask is not False:
            out = dict(
                self.pad(
                    out,
                    padding=padding,
                    max_length=max_length,
                    pad_to_multiple_of=pad_to_multiple_of,
                    padding_side=padding_side,
                    return_attention_mask=return_attention_mask,
                )
            )
        if return_length:
            out["length"] = len(out["input_ids"])
        return BatchEncoding(
            out,
            tensor_type=return_tensors,
            prepend_batch_axis=prepend_batch_axis,
            n_sequences=1 if second is None else 2,
        )

    def _fills(self) -> dict[str, Any]:
        """What stands on padding in fields of the class's own."""
        return {"token_type_ids": self.pad_token_type_id}

    def pad(
        self,
        encoded_inputs: Any,
        padding: bool | str = True,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: str | None = None,
        verbose: bool = True,
    ) -> BatchEncoding:
        """Make the rows of a batch equally long; what was given is not changed.

        input_ids get the padding token, attention_mask 0, token_type_ids 0, special_tokens_mask 1; anything else
        (labels, say) stays as it is.

        Args:
            encoded_inputs: a list of dicts (rows), a dict of lists, or an encoding; lists or tensors.
            return_tensors: None: as the values came.

        Raises:
            ValueError: no input_ids, no padding token, or rows that cannot become tensors.
        """
        fill = inputs.padding_strategy(padding)
        if fill == "max_length" and max_length is None:
            if self.model_max_length < inputs.LARGE:
                max_length = self.model_max_length
            else:
                fill = "do_not_pad"
        if return_attention_mask is None:
            return_attention_mask = "attention_mask" in self.model_input_names
        side = self.padding_side if padding_side is None else inputs.side(padding_side, "padding_side")
        pad_id = self._pad()[0] if fill != "do_not_pad" else 0
        kind = None if return_tensors is None else tensor_kind(return_tensors)
        return padded(
            encoded_inputs,
            name=self.model_input_names[0],
            fill=fill,
            length=max_length,
            multiple=pad_to_multiple_of,
            side=side,
            pad_id=pad_id,
            fills=self._fills(),
            with_mask=return_attention_mask,
            kind=kind,
        )
