"""Mistral's tekken.json: special tokens first, then bytes in base64, and the expression that cuts text.

https://github.com/mistralai/mistral-common reads the same files with its own engine.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from pathlib import Path
from typing import Any

from bearhug.tokenizers import tiktoken
from bearhug.tokenizers.file import Json

# Special tokens of files that do not name theirs (2024), in the order of ids; <SPECIAL_20> and so on follow.
FIRST = (
    "<unk> <s> </s> [INST] [/INST] [AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [TOOL_RESULTS] [/TOOL_RESULTS] [TOOL_CALLS] "
    "[IMG] <pad> [IMG_BREAK] [IMG_END] [PREFIX] [MIDDLE] [SUFFIX] [SYSTEM_PROMPT] [/SYSTEM_PROMPT] [TOOL_CONTENT]"
).split()


def is_tekken(path: str | os.PathLike) -> bool:
    """Whether the file's name is that of a tekken file."""
    name = os.path.basename(path)
    return "tekken" in name and name.endswith(".json")


def description(path: str | os.PathLike) -> Json:
    """The tokenizer.json of a tekken.json.

    Raises:
        ValueError: the file is no tekken.json.
    """
    try:
        content = json.loads(Path(path).read_bytes())
        return _description(content)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as problem:
        said = f"it lacks {problem}" if isinstance(problem, KeyError) else problem
        raise ValueError(
            f"{str(path)!r} is no tekken.json: {said}. It may have been cut short; fetch it again."
        ) from None


def _description(content: Any) -> Json:
    config = content["config"]
    named = content.get("special_tokens")
    if named is None:
        named = [{"rank": rank, "token_str": token} for rank, token in enumerate(FIRST)]
    special = [token["token_str"] for token in sorted(named, key=lambda token: token["rank"])]
    if sorted(token["rank"] for token in named) != list(range(len(named))):
        raise ValueError("the ranks of its special_tokens are not 0, 1, 2, ...")
    count = config.get("default_num_special_tokens")
    count = len(special) if count is None else count
    if not isinstance(count, int) or not len(special) <= count <= len(special) + 100_000:
        raise ValueError(f"default_num_special_tokens is {count!r}, and it names {len(special)}")
    special += [f"<SPECIAL_{id}>" for id in range(len(special), count)]
    tokens, size = content["vocab"], config.get("default_vocab_size")
    if size is not None:
        tokens = tokens[: size - count]
    try:
        ranks = {base64.b64decode(token["token_bytes"], validate=True): rank for rank, token in enumerate(tokens)}
    except binascii.Error as problem:
        raise ValueError(f"a token's bytes are no base64 ({problem})") from None
    pattern = config["pattern"]
    if not isinstance(pattern, str) or not all(isinstance(token, str) for token in special):
        raise ValueError("its pattern and its special tokens must be texts")
    made = tiktoken.description(ranks, pattern, {token: id for id, token in enumerate(special)}, offset=count)
    made["model"]["vocab"] |= {token: id for id, token in enumerate(special)}
    trimmed = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
    return made | {"post_processor": trimmed}
