"""Token healing: a prompt may end within a word that has a token of its own; then its last token is said anew.

`http:` and then `//` is rare where `://` is a token: the last token is taken off, and generated again among those that
begin with its text.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

FAVOUR = 10.0  # what the tokens that go on like the last one are worth more


def healed(generate: Callable[..., Tensor], ids: Tensor, tokenizer: Any) -> Tensor:
    """The prompts (B, T) read by the tokenizer again, padded as it pads, each with a last token of the model's choice.

    Args:
        generate: continues ids (1, T) by one token: `generate(ids, max_new_tokens=1, sequence_bias=...)`.

    Raises:
        ValueError: no tokenizer, or one that cannot pad.
    """
    if tokenizer is None:
        raise ValueError(
            "token_healing=True was given, and it takes a tokenizer to see which tokens begin alike.\n"
            "Add tokenizer=tokenizer to generate()."
        )
    bos, pad = tokenizer.bos_token_id, tokenizer.pad_token_id
    if pad is None:
        raise ValueError("token_healing=True pads prompts again.\nSet tokenizer.pad_token = tokenizer.eos_token.")
    texts = [tokenizer.decode(row, skip_special_tokens=True).strip() for row in ids]
    ids = tokenizer(texts, return_tensors="pt", padding=True)["input_ids"].to(ids.device)
    if bos is not None:
        ids = torch.where(ids == bos, pad, ids)
    if not ids.numel():
        return ids
    vocabulary = tokenizer.get_vocab()
    space = tokenizer.convert_tokens_to_ids(" ")
    letter = None if space is None else tokenizer.convert_ids_to_tokens(space)[0]
    for row, own in enumerate(ids):
        if bool((own == pad).all()) or len(own) == 1:
            continue
        last = int(own[-1])
        text = tokenizer.decode(last)
        text = text if letter is None else text.replace(" ", letter)
        bias = {(number,): FAVOUR for token, number in vocabulary.items() if token.startswith(text)}
        if len(bias) <= 1:
            continue
        bias[(last,)] = bias.get((last,), 0.0) + 1.0  # rather the same one again
        begun = own[:-1].clone()
        if int((own != pad).sum()) == 1 and bos is not None:
            begun[-1] = bos
        ids[row] = generate(begun[None], max_new_tokens=1, pad_token_id=pad, sequence_bias=bias)[0]
    return ids
