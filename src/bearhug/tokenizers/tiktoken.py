"""tiktoken's files: each token's bytes in base64 and its rank, and the byte-level BPE they stand for."""

from __future__ import annotations

import base64
import gzip
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bearhug.tokenizers import convert, patterns
from bearhug.tokenizers.file import Json

LARGEST = 1 << 30  # bytes that a packed file may unpack to


def read(path: str | os.PathLike) -> dict[bytes, int]:
    """Token's bytes -> rank, from a .tiktoken file (base64 and rank on a line), plain or gzip.

    Raises:
        ValueError: a line is not of that form, or there is none.
    """
    data = Path(path).read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = _unpacked(path, data)
    ranks = {}
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            token, rank = line.split()
            # Whisper's files have one token of no bytes, written "=".
            ranks[b"" if token == b"=" else base64.b64decode(token, validate=True)] = int(rank)
        except ValueError:
            raise ValueError(
                f"line {number} of {str(path)!r} is {line[:60]!r}; it must be a token in base64 and its rank."
            ) from None
    if not ranks:
        raise ValueError(f"{str(path)!r} holds no tokens; a .tiktoken file has a token in base64 and its rank a line.")
    return ranks


def _unpacked(path: Any, data: bytes) -> bytes:
    import io

    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            unpacked = packed.read(LARGEST + 1)
    except (OSError, EOFError) as problem:
        raise ValueError(f"{str(path)!r} cannot be unpacked: {problem}. Fetch it again.") from None
    if len(unpacked) > LARGEST:
        raise ValueError(f"{str(path)!r} unpacks to more than {LARGEST >> 30} GiB; a .tiktoken file has a few MB.")
    return unpacked


def description(
    ranks: Mapping[bytes, int],
    split: str = patterns.LLAMA3,
    special_tokens: Mapping[str, int] | None = None,
    offset: int = 0,
) -> Json:
    """Ranks of bytes -> the tokenizer.json: each way in which two tokens make a third is a merge, ranked as the third.

    Args:
        offset: a token's id is its rank and this.
    """
    characters = convert.byte_characters()
    spelled = {token: "".join(characters[byte] for byte in token) for token in ranks}
    merges = merges_of(ranks)
    vocab = {spelled[token]: rank + offset for token, rank in ranks.items()}
    pairs = [[spelled[left], spelled[right]] for left, right in merges]
    made = convert.byte_level(split, vocab, pairs, ignore_merges=True)
    return made | {"added_tokens": [convert.special(token, id) for token, id in (special_tokens or {}).items()]}


def merges_of(ranks: Mapping[bytes, int]) -> list[tuple[bytes, bytes]]:
    """Each pair of tokens that makes a third, the third with the lowest rank first."""
    merges: list[tuple[int, int, int, bytes, bytes]] = []
    lengths = sorted({len(token) for token in ranks})
    known = set(lengths)
    for token, rank in ranks.items():
        for at in lengths:
            if at >= len(token):
                break
            if at and len(token) - at in known:
                left, right = token[:at], token[at:]
                if left in ranks and right in ranks:
                    merges.append((rank, ranks[left], ranks[right], left, right))
    merges.sort()
    return [merge[3:] for merge in merges]


def with_special_tokens(
    ranks: Mapping[bytes, int], added: Mapping[int, str], extra: Iterable[str] | None
) -> tuple[Json, list[str]]:
    """A tokenizer.model of Llama 3's kind: special tokens stand behind the ranks, as a tokenizer_config.json says.

    Args:
        added: id -> text; ids in between get placeholders, <|reserved_token_N|>.
        extra: more of them, behind those.

    Returns:
        The tokenizer.json, and the special tokens in order.
    """
    special = list(extra or [])
    last = max(added, default=0)
    if last >= len(ranks):
        if last > len(ranks) + (1 << 20):
            raise ValueError(f"an added token has the id {last:,}, far behind the {len(ranks):,} of the vocabulary.")
        named = [added.get(id, f"<|reserved_token_{id}|>") for id in range(len(ranks), last + 1)]
        special = [*named, *(token for token in special if token not in set(named))]
    made = description(ranks, special_tokens={})
    ids = made["model"]["vocab"]
    next_id, tokens = len(ids), []
    for token in dict.fromkeys(special):
        if token in ids:
            tokens.append(convert.special(token, ids[token]))
        else:
            tokens.append(convert.special(token, next_id))
            next_id += 1
    made["added_tokens"] = tokens
    trimmed = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
    return made | {"post_processor": trimmed}, special
