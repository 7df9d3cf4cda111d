"""What a tokenizer returns: ids, masks, offsets and words of one text or a batch.

R rows (a row for each text, and one for each piece that truncation cut off where those were asked for), T tokens of a
row. The compiled core leaves flat arrays (`_native.Encoded`); lists of Python numbers are made from them when somebody
asks, and tensors without going through lists. Nothing here imports torch until tensors are asked for.
"""

from __future__ import annotations

import warnings
from collections import UserDict
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

from bearhug._lib.errors import near
from bearhug._lib.printing import facts
from bearhug.tokenizers._native import UNREAD, UNREAD_ROW, Fields, Row

if TYPE_CHECKING:
    import numpy as np
    import torch

    from bearhug.tokenizers._native import Encoded, Field

# What the outputs are called -> what the core calls them.
FIELDS: dict[str, Field] = {
    "input_ids": "ids",
    "token_type_ids": "type_ids",
    "attention_mask": "attention_mask",
    "special_tokens_mask": "special_tokens_mask",
    "offset_mapping": "offsets",
}


def _field(encoded: Any, name: str) -> Field:
    """What the core calls it; offset_mapping holds bytes in a batch that was encoded with them."""
    return "byte_offsets" if name == "offset_mapping" and encoded.has_byte_offsets else FIELDS[name]


class CharSpan(NamedTuple):
    """Characters `start` to `end` (exclusive) of a text."""

    start: int
    end: int


class TokenSpan(NamedTuple):
    """Tokens `start` to `end` (exclusive) of a row."""

    start: int
    end: int


class Encoding(Row):
    """The tokens of a text, or of two, and where they stand in it (`sequence`: 0 or 1 of a pair).

    The core's arrays are read when a field is asked for. A change (`pad`, `truncate`, ...) makes lists of its own.

    >>> from bearhug.tokenizers import Tokenizer, models, pre_tokenizers
    >>> tokenizer = Tokenizer(models.WordLevel({"hello": 0, "world": 1}))
    >>> tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> tokenizer.encode("hello world").offsets
    [(0, 5), (6, 11)]
    """

    __slots__ = ()

    def __init__(self) -> None:
        self._mine = {name: [] for name in LISTS} | {"sequence_ranges": {}, "overflowing": []}

    @classmethod
    def made(cls, **fields: list) -> Encoding:
        """An encoding of these lists; what is left out is as special tokens have it."""
        self, count = cls(), len(fields["ids"])
        self._mine = {
            "ids": list(fields["ids"]),
            "type_ids": fields.get("type_ids", [0] * count),
            "tokens": list(fields["tokens"]),
            "offsets": fields.get("offsets", [(0, 0)] * count),
            "word_ids": fields.get("word_ids", [None] * count),
            "special_tokens_mask": fields.get("special_tokens_mask", [0] * count),
            "attention_mask": fields.get("attention_mask", [1] * count),
            "sequence_ranges": {},
            "overflowing": [],
        }
        return self

    @property
    def _own(self) -> dict[str, Any]:
        """The lists of an encoding that can be changed."""
        if self._mine is None:
            fields: dict[str, Any] = {name: getattr(self, name) for name in LISTS}
            self._mine = fields | {"sequence_ranges": self._ranges, "overflowing": self.overflowing}
            self._encoded = None
        return self._mine

    @property
    def _ranges(self) -> dict[int, tuple[int, int]]:
        """Which tokens are those of a sequence; empty where no post-processor said so: all are the first's."""
        if self._mine is not None:
            return self._mine["sequence_ranges"]
        assert self._encoded is not None
        return self._encoded.sequence_ranges(self._row)

    def _range(self, sequence: int) -> range:
        return range(*self._ranges.get(sequence, (0, len(self))))

    def _own_sequence_ids(self) -> list[int | None]:
        """`sequence_ids` of lists of its own."""
        out: list[int | None] = [None] * len(self)
        for sequence in range(self.n_sequences):
            for i in self._range(sequence):
                out[i] = sequence
        return out

    @property
    def words(self) -> list[int | None]:  # pyright: ignore[reportIncompatibleMethodOverride] - it warns
        """The former name of `word_ids`."""
        warnings.warn("Encoding.words is now Encoding.word_ids.", DeprecationWarning, stacklevel=2)
        return self.word_ids

    @property
    def n_sequences(self) -> int:
        """1, or 2 for a pair."""
        return len(self._ranges) or 1

    def token_to_sequence(self, token_index: int) -> int | None:
        """Which text a token comes from; None for an added one."""
        if not self._ranges:
            return 0 if _index(token_index) <= len(self) else None
        return next((id for id, (start, end) in self._ranges.items() if start <= token_index < end), None)

    def token_to_word(self, token_index: int) -> int | None:
        """Which word a token is part of; None for an added one."""
        words = self.word_ids
        known = self.token_to_sequence(token_index) is not None and token_index < len(words)
        return words[token_index] if known else None

    def token_to_chars(self, token_index: int) -> tuple[int, int] | None:
        """A token's characters; None for an added one."""
        known = self.token_to_sequence(token_index) is not None and token_index < len(self)
        return self.offsets[token_index] if known else None

    def word_to_tokens(self, word_index: int, sequence_index: int = 0) -> tuple[int, int] | None:
        """A word's tokens; None where the text has no such word (any more)."""
        words, _ = self.word_ids, _index(word_index)
        before = takewhile(lambda i: (words[i] or 0) <= word_index, self._range(sequence_index))
        tokens = [i for i in before if words[i] == word_index]
        return (tokens[0], tokens[-1] + 1) if tokens else None

    def word_to_chars(self, word_index: int, sequence_index: int = 0) -> tuple[int, int] | None:
        """A word's characters; None where the text has no such word (any more)."""
        span = self.word_to_tokens(word_index, sequence_index)
        if span is None:
            return None
        offsets = self.offsets
        return offsets[span[0]][0], offsets[span[1] - 1][1]

    def char_to_token(self, char_pos: int, sequence_index: int = 0) -> int | None:
        """The token that covers a character; None for one that no token covers (a space, say)."""
        offsets, _ = self.offsets, _index(char_pos)
        return next((i for i in self._range(sequence_index) if offsets[i][0] <= char_pos < offsets[i][1]), None)

    def char_to_word(self, char_pos: int, sequence_index: int = 0) -> int | None:
        """The word that covers a character."""
        token = self.char_to_token(char_pos, sequence_index)
        return None if token is None else self.token_to_word(token)

    # -- changes

    def set_sequence_id(self, sequence_id: int) -> None:
        """Make all tokens those of one sequence."""
        self._own["sequence_ranges"][_index(sequence_id)] = (0, len(self))

    def pad(
        self,
        length: int,
        direction: str | None = "right",
        pad_id: int | None = 0,
        pad_type_id: int | None = 0,
        pad_token: str | None = "[PAD]",
    ) -> None:
        """Pad to a length, and with it what overflows.

        Args:
            length: in tokens; a longer encoding stays as it is.
            direction: "right" or "left".
        """
        if direction not in ("left", "right", None):
            raise ValueError(f"direction={direction!r}; it is 'left' or 'right'.")
        for one in self._own["overflowing"]:
            one.pad(length, direction, pad_id, pad_type_id, pad_token)
        missing = max(length - len(self), 0)
        values = {
            "ids": pad_id or 0,
            "type_ids": pad_type_id or 0,
            "tokens": "[PAD]" if pad_token is None else pad_token,
            "offsets": (0, 0),
            "word_ids": None,
            "special_tokens_mask": 1,
            "attention_mask": 0,
        }
        for name, value in values.items():
            filled = [value] * missing
            self._own[name] = filled + self._own[name] if direction == "left" else self._own[name] + filled
        if direction == "left":
            self._own["sequence_ranges"] = _moved(self._ranges, missing)

    def truncate(self, max_length: int, stride: int = 0, direction: str = "right") -> None:
        """Cut to a length; what is cut off overflows, in pieces of that length. All is one sequence then.

        Args:
            max_length: in tokens.
            stride: tokens that the next piece repeats, fewer than max_length.
            direction: "right" or "left": the side that is cut off.

        Raises:
            ValueError: stride is not smaller than max_length.
        """
        if direction not in ("left", "right"):
            error = ValueError(f"Invalid truncation direction value : {direction}")
            error.add_note("It is 'left' or 'right'.")
            raise error
        count, whole = len(self), self._own
        if _index(max_length) >= count:
            return
        if max_length == 0:
            rest = Encoding()
            rest._mine, self._mine = whole, rest._mine
            self._own["overflowing"] = [rest]
            return
        if stride >= max_length:
            raise ValueError(
                f"stride={stride} tokens would be repeated in pieces of max_length={max_length}; make it smaller."
            )
        step = max_length - stride
        if direction == "right":
            spans = [(start, min(start + max_length, count)) for start in range(0, count, step)]
            last = next(i for i, (_, end) in enumerate(spans) if end == count)
        else:
            spans = [(max(end - max_length, 0), end) for end in range(count, 0, -step)]
            last = next(i for i, (start, _) in enumerate(spans) if start == 0)
        pieces = []
        for start, end in spans[: last + 1]:
            piece = Encoding()
            piece._mine = {name: whole[name][start:end] for name in LISTS} | {"sequence_ranges": {}, "overflowing": []}
            pieces.append(piece)
        self._mine = pieces[0]._own | {"overflowing": pieces[1:]}

    @staticmethod
    def merge(encodings: Sequence[Encoding], growing_offsets: bool = True) -> Encoding:
        """One encoding of several, one after another.

        Args:
            growing_offsets: offsets go on where those of the one before ended.
        """
        if isinstance(encodings, str) or not isinstance(encodings, Sequence):
            raise TypeError(f"merge() takes a list of encodings; this is a {type(encodings).__name__}.")
        out = Encoding()
        for encoding in encodings:
            if not isinstance(encoding, Encoding):
                raise TypeError(f"merge() takes encodings; one of the list is {encoding!r:.60}.")
            out._merge(encoding.copy(), growing_offsets)
        return out

    def _merge(self, other: Encoding, growing: bool) -> None:
        overflowing = []
        for one in self._own["overflowing"]:
            for second in [other, *other._own["overflowing"]]:
                overflowing.append(one.copy())
                overflowing[-1]._merge(second.copy(), growing)
        for second in other._own["overflowing"]:
            overflowing.append(self.copy())
            overflowing[-1]._merge(second.copy(), growing)
        own, more = self._own, other._own
        own["sequence_ranges"] = own["sequence_ranges"] | _moved(more["sequence_ranges"], len(self))
        shift = own["offsets"][-1][1] if growing and own["offsets"] else 0
        more["offsets"] = [(start + shift, end + shift) for start, end in more["offsets"]]
        for name in LISTS:
            own[name] = own[name] + more[name]
        own["overflowing"] = overflowing

    def copy(self) -> Encoding:
        """The same, which can be changed alone."""
        out, own = Encoding(), self._own
        out._mine = {name: list(own[name]) for name in LISTS}
        out._mine["sequence_ranges"] = dict(own["sequence_ranges"])
        out._mine["overflowing"] = [one.copy() for one in own["overflowing"]]
        return out

    def __copy__(self) -> Encoding:
        return self.copy()

    def __deepcopy__(self, memo: dict) -> Encoding:
        return self.copy()

    def __getstate__(self) -> dict[str, Any]:
        return {"_mine": self._own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._mine = state["_mine"]

    def __repr__(self) -> str:
        fields = "ids, type_ids, tokens, offsets, attention_mask, special_tokens_mask, overflowing"
        return f"Encoding(num_tokens={len(self)}, attributes=[{fields}])"


STATE = ("_values", "_encoded", "_whole", "_n_sequences")  # of a BatchEncoding
LISTS = ("ids", "type_ids", "tokens", "offsets", "word_ids", "special_tokens_mask", "attention_mask")


def _index(given: int) -> int:
    if given < 0:
        raise OverflowError(f"{given} is negative; positions count from 0.")
    return given


def _moved(ranges: Mapping[int, tuple[int, int]], by: int) -> dict[int, tuple[int, int]]:
    return {sequence: (start + by, end + by) for sequence, (start, end) in ranges.items()}


class BatchEncoding(Fields, UserDict):
    """A tokenizer's output, a dictionary of `input_ids`, `attention_mask` and so on, as lists or as tensors (R, T).

    `encoding["input_ids"]` and `encoding.input_ids` are the same; `**encoding` goes into a model; `encoding[0]` is the
    first row with its tokens, offsets and words. Where padding was added, an `input_ids` tensor carries what generate
    needs to tell it from text, should the attention mask get lost: `_bearhug_lengths`, int64 (R), and
    `_bearhug_padding_side`.

    Args:
        data: name -> lists or tensors.
        encoding: the core's arrays that offsets, words and rows are read from.
        tensor_type: "pt" or "np" makes tensors of `data` at once.
        prepend_batch_axis: with `tensor_type`: each value is one row, and gets a first axis of size 1.
        n_sequences: 1, or 2 for pairs.
    """

    _places: list[int] | None = None  # where the rows stand in `_whole`

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        encoding: Encoded | None = None,
        tensor_type: str | None = None,
        prepend_batch_axis: bool = False,
        n_sequences: int | None = None,
    ):
        self._values: dict[str, Any] = dict(data) if data is not None else {}
        self._encoded = encoding
        self._whole: Any = encoding  # with the rows that truncation cut off, whether or not they are part of this
        self._n_sequences = n_sequences
        if tensor_type is not None:
            self.convert_to_tensors(tensor_type, prepend_batch_axis=prepend_batch_axis)

    @classmethod
    def of(cls, whole: Encoded, names: Sequence[str], *, overflowing: bool, n_sequences: int | None) -> BatchEncoding:
        """The batch that the core encoded, with these fields; what truncation cut off is part of it or not."""
        self = cls.__new__(cls)
        self._whole = self._encoded = whole
        self._n_sequences = n_sequences
        if not overflowing:
            self._encoded = _without_overflow(whole)
        self._values = dict.fromkeys(names, UNREAD)
        return self

    # -- a dictionary whose values are made when asked for

    @property
    def data(self) -> dict[str, Any]:
        """All values as a plain dictionary."""
        for name in self._values:
            self[name]
        return self._values

    @data.setter
    def data(self, values: Mapping[str, Any]) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._values = dict(values)

    def _item(self, item: Any) -> Any:
        """What stands at something that is no plain text: a row's number, a slice."""
        if isinstance(item, str):
            return self[str(item)]
        if self._encoded is not None and isinstance(item, int):
            return self._row(item, "encoding")
        if self._encoded is not None and isinstance(item, slice):
            return [Encoding.of(self._whole, row) for row in self._rows()[item]]
        if isinstance(item, slice):
            return {name: self[name][item] for name in self._values}
        raise KeyError(
            f"{item!r}: an encoding takes a name ({', '.join(self._values)}), a slice, or, where a tokenizer made it, "
            "a row's number."
        )

    def _missing(self, item: str) -> Any:
        raise KeyError(f"{item!r}: this encoding has {', '.join(self._values)}.{_hint(item)}")

    def _no_attribute(self, name: str) -> Any:
        values = self._values or {}
        raise AttributeError(f"BatchEncoding has no {name!r}; it holds {', '.join(values) or 'nothing'}.{_hint(name)}")

    def __setitem__(self, name: str, value: Any) -> None:
        self._values[name] = value

    def __delitem__(self, name: str) -> None:
        del self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __copy__(self) -> BatchEncoding:
        other = type(self).__new__(type(self))
        other.__setstate__(self.__getstate__())
        other._values = dict(self._values)
        return other

    def copy(self) -> BatchEncoding:
        """An encoding with the same values, to which others can be added."""
        return self.__copy__()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {name: getattr(self, name) for name in STATE}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)

    def flat(self, name: str) -> tuple[np.ndarray, np.ndarray] | None:
        """(values (N,), starts (R + 1,)) of a field, row r being starts[r] to starts[r + 1], without a copy.

        For readers that want no Python numbers (Arrow, say). None for what is not a field of the core's arrays, or no
        longer: a value that was read as lists may have been changed.
        """
        value = self._values.get(name)
        if value is not UNREAD or self._encoded is None:
            return None
        return getattr(self._encoded, _field(self._encoded, name)), self._encoded.starts

    def lengths(self) -> list[int]:
        """T of each row that a tokenizer encoded, padding included."""
        starts = self._encoded.starts if self._encoded is not None else None
        return [] if starts is None else (starts[1:] - starts[:-1]).tolist()

    def fit(self) -> dict[str, int]:
        """How the texts fitted: `texts`, how many were `cut`, `longest` row, `tokens`, how many are `padding`."""
        if self._whole is None or self._encoded is None:
            return {}
        samples = self._whole.sample_mapping
        more = samples[1:][samples[1:] == samples[:-1]]  # rows that hold what was cut off
        lost = self._encoded is not self._whole
        tokens = int(self._encoded.starts[-1])
        return {
            "texts": len(samples) - len(more),
            "cut": len(set(more.tolist())) if lost else 0,
            "longest": self.longest(),
            "tokens": tokens,
            "padding": tokens - int(self._encoded.attention_mask.sum()),
        }

    def longest(self) -> int:
        """The largest of `lengths`."""
        if self._encoded is None or len(self._encoded) == 0:
            return 0
        return self._encoded.length(0) if len(self._encoded) == 1 else max(self.lengths())

    def only_row(self) -> BatchEncoding:
        """The same for one text that came alone: each field is its list, not a list of one list."""
        for name, value in self._values.items():
            if value is UNREAD:
                self._values[name] = UNREAD_ROW
        return self

    # -- rows, tokens, words, characters

    @property
    def is_fast(self) -> bool:
        """Whether rows, offsets and words are at hand: true for all that a tokenizer encoded."""
        return self._encoded is not None

    @property
    def n_sequences(self) -> int | None:
        """1, or 2 for pairs; None where no tokenizer made this."""
        if self._n_sequences is None and self._encoded is not None and len(self._encoded):
            self._n_sequences = Encoding.of(self._encoded).n_sequences
        return self._n_sequences

    @property
    def encodings(self) -> list[Encoding] | None:
        """The rows, one `Encoding` each."""
        if self._encoded is None:
            return None
        return Encoding.of_all(self._whole, self._encoded is not self._whole)

    def _rows(self) -> Sequence[int]:
        """Where the rows stand in the core's arrays, in which what truncation cut off stands behind each."""
        if self._encoded is self._whole:
            return range(len(self._whole))
        if self._places is None:
            self._places = _first_rows(self._whole)
        return self._places

    def _row(self, index: int, asked: str) -> Encoding:
        if self._encoded is None:
            raise ValueError(
                f"{asked}() needs what a tokenizer left in this encoding; this one holds only "
                f"{', '.join(self._values)}.\nCall the tokenizer itself: tokenizer(text)."
            )
        rows = self._rows()
        if not -len(rows) <= index < len(rows):
            raise IndexError(f"{asked}({index}): this encoding has {len(rows)} row{'s' if len(rows) > 1 else ''}.")
        return Encoding.of(self._whole, rows[index])

    def tokens(self, batch_index: int = 0) -> list[str]:
        """A row's tokens as the vocabulary writes them (T)."""
        return self._row(batch_index, "tokens").tokens

    def sequence_ids(self, batch_index: int = 0) -> list[int | None]:
        """Which text of a pair each token of a row comes from: 0, 1, or None for an added token (T)."""
        return self._row(batch_index, "sequence_ids").sequence_ids

    def word_ids(self, batch_index: int = 0) -> list[int | None]:
        """Which word each token of a row is part of, None for an added token (T)."""
        return self._row(batch_index, "word_ids").word_ids

    words = word_ids

    def _place(self, first: int, second: int | None, asked: str) -> tuple[Encoding, int]:
        """(row, index) from (row, index), or from (index) alone, which means the first row."""
        row = self._row(0 if second is None else first, asked)
        return row, first if second is None else second

    def token_to_sequence(self, batch_or_token_index: int, token_index: int | None = None) -> int | None:
        """(token) of the first row, or (row, token) -> which text of a pair it comes from."""
        row, token = self._place(batch_or_token_index, token_index, "token_to_sequence")
        return row.token_to_sequence(token % len(row) if token < 0 else token)

    def token_to_word(self, batch_or_token_index: int, token_index: int | None = None) -> int | None:
        """(token) of the first row, or (row, token) -> which word it is part of."""
        row, token = self._place(batch_or_token_index, token_index, "token_to_word")
        return row.token_to_word(token % len(row) if token < 0 else token)

    def token_to_chars(self, batch_or_token_index: int, token_index: int | None = None) -> CharSpan | None:
        """(token) of the first row, or (row, token) -> its characters; None for an added token."""
        row, token = self._place(batch_or_token_index, token_index, "token_to_chars")
        span = row.token_to_chars(token)
        return None if span is None else CharSpan(*span)

    def word_to_tokens(
        self, batch_or_word_index: int, word_index: int | None = None, sequence_index: int = 0
    ) -> TokenSpan | None:
        """(word) of the first row, or (row, word) -> its tokens; None where there is no such word."""
        row, word = self._place(batch_or_word_index, word_index, "word_to_tokens")
        span = row.word_to_tokens(word, sequence_index)
        return None if span is None else TokenSpan(*span)

    def word_to_chars(
        self, batch_or_word_index: int, word_index: int | None = None, sequence_index: int = 0
    ) -> CharSpan | None:
        """(word) of the first row, or (row, word) -> its characters; None where there is no such word."""
        row, word = self._place(batch_or_word_index, word_index, "word_to_chars")
        span = row.word_to_chars(word, sequence_index)
        return None if span is None else CharSpan(*span)

    def char_to_token(
        self, batch_or_char_index: int, char_index: int | None = None, sequence_index: int = 0
    ) -> int | None:
        """(character) of the first row, or (row, character) -> the token that covers it; None where none does."""
        row, char = self._place(batch_or_char_index, char_index, "char_to_token")
        return row.char_to_token(char, sequence_index)

    def char_to_word(
        self, batch_or_char_index: int, char_index: int | None = None, sequence_index: int = 0
    ) -> int | None:
        """(character) of the first row, or (row, character) -> the word that covers it; None where none does."""
        row, char = self._place(batch_or_char_index, char_index, "char_to_word")
        return row.char_to_word(char, sequence_index)

    # -- tensors

    def convert_to_tensors(self, tensor_type: str | None = None, prepend_batch_axis: bool = False) -> BatchEncoding:
        """Make tensors of all values, in place: torch.int64 for "pt", numpy int64 for "np". Returns itself.

        Raises:
            ValueError: rows of different lengths (numpy keeps them as an array of arrays), or an unknown tensor type.
        """
        if tensor_type is None:
            return self
        kind = tensor_kind(tensor_type)
        for name, value in self._values.items():
            if value is UNREAD and not prepend_batch_axis:
                self._values[name] = self._tensor(name, _field(self._encoded, name), kind)
            else:
                value = self[name]
                self._values[name] = as_tensor(name, [value] if prepend_batch_axis else value, kind)
        if kind == "pt":
            self.remember_padding()
        return self

    def _tensor(self, name: str, field: Field, kind: str) -> Any:
        encoded = self._encoded
        assert encoded is not None
        lengths = {encoded.length(row) for row in range(len(encoded))}
        if len(lengths) > 1:
            return as_tensor(name, encoded.lists(field), kind)
        array = encoded.rectangle(field)
        if kind == "np":
            return array
        import torch

        return torch.from_numpy(array)

    def remember_padding(self) -> None:
        """Hang the rows' lengths and the padding's side on an `input_ids` tensor that holds padding."""
        ids, mask = self._values.get("input_ids"), self._values.get("attention_mask")
        if ids is None or ids.ndim != 2:
            return
        if mask is None and self._encoded is not None and ids.shape[0] == len(self._encoded):
            import torch

            mask = torch.from_numpy(self._encoded.rectangle("attention_mask"))
        if mask is not None and mask.shape == ids.shape and not bool(mask.all()):
            ids._bearhug_lengths = mask.sum(1)
            ids._bearhug_padding_side = "right" if bool(mask[:, 0].all()) else "left"

    def to(self, device: str | torch.device | torch.dtype | int, *, non_blocking: bool = False) -> BatchEncoding:
        """Move all tensors to a device, or cast the floating ones to a dtype, in place. Returns itself."""
        import torch

        for name, value in self._values.items():
            if not isinstance(value, torch.Tensor):
                continue
            if not isinstance(device, torch.dtype):
                moved = value.to(device=device, non_blocking=non_blocking)
            else:
                moved = value.to(device) if value.is_floating_point() else value
            for kept in ("_bearhug_lengths", "_bearhug_padding_side"):
                if hasattr(value, kept):
                    setattr(moved, kept, getattr(value, kept))
            self._values[name] = moved
        return self

    def __repr__(self) -> str:
        return facts("BatchEncoding", {name: _Fact(self._described(value)) for name, value in self._values.items()})

    def _described(self, value: Any) -> Any:
        if value is UNREAD_ROW and self._encoded is not None:
            return f"list of {self._encoded.length(0)}"
        if value is UNREAD and self._encoded is not None:
            return _rows_in_words([self._encoded.length(row) for row in range(len(self._encoded))])
        if isinstance(value, list) and value and all(isinstance(row, list) for row in value):
            return _rows_in_words([len(row) for row in value])
        return f"list of {len(value)}" if isinstance(value, list) else value


class _Fact(str):
    """Words that print without quotes; other values pass through unchanged."""

    def __new__(cls, value: Any) -> Any:
        return super().__new__(cls, value) if isinstance(value, str) else value

    __repr__ = str.__str__


def _rows_in_words(lengths: list[int]) -> str:
    spread = sorted(set(lengths))
    if not spread:
        return "no rows"
    many = f"{len(lengths)} list{'s' if len(lengths) > 1 else ''} of "
    return many + (str(spread[0]) if len(spread) == 1 else f"{spread[0]} to {spread[-1]}")


def _hint(name: str) -> str:
    return near(str(name), [*FIELDS, "overflow_to_sample_mapping", "length", "labels", "word_ids", "tokens"])


def _first_rows(encoded: Encoded) -> list[int]:
    """Each sample's own row, without those that truncation cut off it."""
    samples = encoded.sample_mapping
    return [row for row in range(len(samples)) if row == 0 or samples[row] != samples[row - 1]]


def _without_overflow(encoded: Encoded) -> Encoded:
    rows = len(encoded)
    if rows < 2 or int(encoded.sample_mapping[-1]) == rows - 1:
        return encoded
    return encoded.select(_first_rows(encoded))


def tensor_kind(asked: Any) -> str:
    """ "pt" or "np", from what people pass as `return_tensors`.

    Raises:
        ValueError: another kind.
    """
    kind = getattr(asked, "value", asked)
    if kind is True:
        return "pt"
    if kind in ("pt", "np"):
        return kind
    raise ValueError(f"return_tensors={asked!r}: the tensors that can be returned are 'pt' (torch) and 'np' (numpy).")


def as_tensor(name: str, value: Any, kind: str) -> Any:
    """Lists -> a tensor; a tensor of that kind stays as it is.

    Raises:
        ValueError: rows of different lengths, or something that is no number.
    """
    import numpy as np

    if kind == "np":
        return value if isinstance(value, np.ndarray) else _as_array(name, value)
    import torch

    if isinstance(value, torch.Tensor):
        return value
    rows: list[Any] = value if isinstance(value, list) and value else [None]
    if isinstance(rows[0], torch.Tensor):
        value = [row.tolist() for row in rows]
    if isinstance(rows[0], np.ndarray) and len({row.shape for row in rows}) == 1:
        return torch.from_numpy(np.array(rows))
    _refuse_ragged(name, value)
    try:
        return torch.tensor(value, dtype=torch.int64 if _empty(value) else None)
    except (ValueError, TypeError, RuntimeError) as error:
        raise _not_numbers(name, value, error) from None


def _as_array(name: str, value: Any) -> np.ndarray:
    import numpy as np

    if hasattr(value, "detach"):
        return value.detach().cpu().numpy()
    rows = value if isinstance(value, list | tuple) else []
    if rows and all(hasattr(row, "__len__") and not isinstance(row, str) for row in rows):
        if len({len(row) for row in rows}) > 1:
            out = np.empty(len(rows), dtype=object)
            for i, row in enumerate(rows):
                out[i] = np.asarray(row)
            return out
    try:
        return np.asarray(value, dtype=np.int64 if _empty(value) else None)
    except ValueError as error:
        raise _not_numbers(name, value, error) from None


def _empty(value: Any) -> bool:
    """Whether no number stands in it, however nested."""
    return isinstance(value, list | tuple) and all(_empty(inner) for inner in value)


def _refuse_ragged(name: str, value: Any) -> None:
    rows = value if isinstance(value, list | tuple) else []
    lengths = [len(row) for row in rows if isinstance(row, list | tuple)]
    if len(set(lengths)) > 1:
        shown = ", ".join(map(str, lengths[:8])) + (", ..." if len(lengths) > 8 else "")
        raise ValueError(
            f"the rows of {name!r} have different lengths ({shown}); a tensor needs equal ones.\n"
            "Pad them with tokenizer(texts, padding=True, return_tensors='pt'), and truncation=True where they are too "
            "long."
        )


def _not_numbers(name: str, value: Any, error: Exception) -> ValueError:
    return ValueError(
        f"{name!r} cannot become a tensor: {error}.\n"
        f"Expected numbers, or lists of numbers nested evenly; got {type(value).__name__} {str(value)[:60]}. Leave it "
        "out, or convert it first."
    )
