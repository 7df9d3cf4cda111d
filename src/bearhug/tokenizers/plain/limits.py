"""Truncation and padding: rows cut to a length (what is cut off may become rows of its own), and filled up to one."""

from bearhug.tokenizers.plain.text import Json, Token

Windows = dict[str, list[list[Token]]]  # "A" (in a pair also "B") -> its tokens, then what was cut off, in pieces


def truncated(truncation: Json | None, sequences: dict[str, list[Token]], around: int) -> Windows:
    """Each sequence cut to a length, then what was cut off it, in pieces.

    Args:
        around: how many special tokens will be put around them.
    """
    whole = {name: [tokens] for name, tokens in sequences.items()}
    if truncation is None:
        return whole
    room, total = max(0, truncation["max_length"] - around), sum(map(len, sequences.values()))
    if total <= room:
        return whole
    strategy = truncation.get("strategy", "LongestFirst")
    if strategy == "LongestFirst":
        lengths = _longest_first({name: len(tokens) for name, tokens in sequences.items()}, room)
    else:
        name = "A" if strategy == "OnlyFirst" else "B"
        lengths = {name: len(sequences.get(name, ())) - (total - room)}
        if lengths[name] <= 0:
            raise ValueError(f"{strategy} cannot cut {total} tokens down to {room}: the other text is too long.")
    backwards = truncation.get("direction", "Right") == "Left"
    return {
        name: _windows(tokens, lengths.get(name, len(tokens)), truncation.get("stride", 0), backwards)
        for name, tokens in sequences.items()
    }


def _longest_first(lengths: dict[str, int], room: int) -> dict[str, int]:
    """The longer text gives up tokens until it is as long as the shorter one; then both do."""
    if len(lengths) == 1:
        return dict.fromkeys(lengths, room)
    short, long = sorted(lengths, key=lambda name: lengths[name])
    a = lengths[short]
    b = a if a > room else max(a, room - a)
    if a + b > room:
        a, b = room // 2, room - room // 2
    return {short: a, long: b}


def _windows(tokens: list[Token], length: int, stride: int, backwards: bool) -> list[list[Token]]:
    """Pieces of `length` tokens, each of which repeats `stride` of the one before."""
    if length >= len(tokens):
        return [tokens]
    if length == 0:
        return [[], tokens]
    if stride >= length:
        raise ValueError(f"a stride of {stride} tokens leaves no room in pieces of {length}.")
    windows = []
    for at in range(0, len(tokens), length - stride):
        end = min(at + length, len(tokens))
        windows.append(tokens[len(tokens) - end : len(tokens) - at] if backwards else tokens[at:end])
        if end == len(tokens):
            break
    return windows


def padded(padding: Json | None, batch: list[list[list[Token]]]) -> list[list[list[Token]]]:
    """Rows of a batch (each text's own row, then those of what was cut off it), filled up to one length."""
    if padding is None or not batch:
        return batch
    strategy = padding.get("strategy", "BatchLongest")
    length = strategy["Fixed"] if isinstance(strategy, dict) else max(len(rows[0]) for rows in batch)
    if multiple := padding.get("pad_to_multiple_of"):
        length = -(-length // multiple) * multiple
    pad = Token(
        padding.get("pad_id", 0),
        padding.get("pad_token", "[PAD]"),
        (0, 0),
        None,
        None,
        type_id=padding.get("pad_type_id", 0),
        attention=0,
    )
    left = padding.get("direction", "Right") == "Left"

    def fill(row: list[Token]) -> list[Token]:
        missing = [pad] * (length - len(row))
        return missing + row if left else row + missing

    return [[fill(row) for row in rows] for rows in batch]
