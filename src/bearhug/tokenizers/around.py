"""What a tokenizer does to a text, done to ids: special tokens around them, rows cut to a length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bearhug.tokenizers._native import Tokenizer, Truncation

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
