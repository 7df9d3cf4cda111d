"""What a caller gave to generate(), as rows that are padded on the left or not at all.

The decoder's next token stands right of the last column, so padding must stand left of the text. Wherever it was, it is
moved there, by the attention mask and never by the ids; columns that hold padding in every row are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from bearhug._lib.errors import near
from bearhug.generation.config import NAMES

ALIGNED = ("token_type_ids", "position_ids")  # one value for each id; they move with the ids
DECODERS = ("decoder_input_ids", "decoder_attention_mask", "decoder_inputs_embeds")  # of a model with an encoder
# Arguments of a forward that a batch for training may hold, or that generate sets itself.
NOT_PASSED_ON = ("labels", "return_dict", "logits_to_keep", "cache_position", "num_items_in_batch")
CALL = 'model.generate(**tokenizer(text, return_tensors="pt"))'


@dataclass
class Prompt:
    """Rows to continue. B rows, T columns as given, P columns as the model reads them."""

    given: Tensor  # (B, T): the result begins with it
    ids: Tensor  # (B, P)
    embeds: Tensor | None = None  # (B, P, D), read instead of the ids
    mask: Tensor | None = None  # (B, P) True for tokens; None: no padding
    start: Tensor | None = None  # (B, 1) the column of the first token; None: no padding
    cache: Any = None  # what the caller had read before
    ahead: int = 0  # columns of it that the ids do not show
    extra: dict[str, Any] = field(default_factory=dict)  # further arguments of the model's forward
    source: "Prompt | None" = None  # what an encoder reads; then all else is the decoder's

    @property
    def width(self) -> int:
        """P, whatever the model reads: ids or embeddings."""
        return self.ids.shape[1] if self.embeds is None else self.embeds.shape[1]


def read_pair(model: Any, inputs: Any, start: Any, arguments: dict[str, Any]) -> Prompt:
    """The prompt of a model with an encoder: what the decoder begins with, and as its `source` what the encoder reads.

    Args:
        inputs: the encoder's ids (B, S), or what a tokenizer returned, or None.
        start: the token that the decoder starts from, or one for each row.
        arguments: the call's keywords that are no options; decoder_... are what the decoder begins with.

    Raises:
        ValueError: nothing to read, or no token to start from.
        TypeError, ValueError: as in `read`.
    """
    if isinstance(inputs, Mapping):
        arguments, inputs = {**inputs, **arguments}, None
    arguments = {name: value for name, value in arguments.items() if value is not None}
    outputs = arguments.pop("encoder_outputs", None)
    own = {name: arguments.pop(name, None) for name in DECODERS}
    mask = arguments.pop("attention_mask", None)
    ids = arguments.pop("input_ids", inputs)
    embeds = arguments.pop("inputs_embeds", None)
    cache = arguments.pop("past_key_values", None)
    _refuse_unknown(model, arguments)
    extra = {name: value for name, value in arguments.items() if name not in NOT_PASSED_ON}
    if ids is None and embeds is None and outputs is None:
        raise ValueError(f"there is no input for the encoder to read.\nWrite {CALL}.")
    first = _checked_ids(ids).to(model.device) if ids is not None else None
    whole = embeds if embeds is not None else first if first is not None else outputs[0]
    mask = _checked_mask(mask, whole, ids, cached=False)
    source = Prompt(
        first if first is not None else torch.empty((len(whole), 0)).long(), whole, embeds, mask, extra=extra
    )
    if outputs is not None:
        source.extra["encoder_outputs"] = outputs
    prompt = read(model, _started(own["decoder_input_ids"], start, len(whole), model.device), None,
                  {"attention_mask": own["decoder_attention_mask"], "past_key_values": cache})  # fmt: skip
    prompt.source = source
    return prompt


def _started(ids: Any, start: Any, rows: int, device: Any) -> Tensor:
    """What the decoder begins with (B, T): the token to start from, before the caller's ids where they lack it."""
    if start is None:
        if ids is None:
            raise ValueError("the model has no decoder_start_token_id or bos_token_id: pass decoder_start_token_id=.")
        return ids.to(device)
    first = torch.as_tensor(start, dtype=torch.long, device=device).reshape(-1, 1)
    if first.shape[0] not in (1, rows):
        raise ValueError(
            f"decoder_start_token_id has {first.shape[0]} ids, but the batch has {rows} rows: give one a row."
        )
    first = first.expand(rows, 1)
    if ids is None:
        return first.contiguous()
    ids = _checked_ids(ids).to(device)
    return torch.cat((first, ids), 1) if bool((ids[:, :1] != first).all()) else ids


def read(model: Any, inputs: Any, bos: int | None, arguments: dict[str, Any]) -> Prompt:
    """The prompt of one call.

    Args:
        inputs: ids (B, T), or what a tokenizer returned, or None.
        bos: what to start from where there is no input.
        arguments: the call's keywords that are no options.

    Raises:
        TypeError: text or floats where ids are expected.
        ValueError: an empty prompt, shapes that do not fit, two inputs, or a keyword that nothing reads.
    """
    arguments = {name: value for name, value in arguments.items() if value is not None}
    if isinstance(inputs, Mapping):
        arguments, inputs = {**inputs, **arguments}, None
    if inputs is not None and arguments.get("input_ids") is not None:
        raise ValueError("inputs and input_ids were both given, and they are the same thing: leave one of them out.")
    ids = arguments.pop("input_ids", inputs)
    embeds, mask = arguments.pop("inputs_embeds", None), arguments.pop("attention_mask", None)
    cache = arguments.pop("past_key_values", None)
    _refuse_unknown(model, arguments)
    arguments = {name: value for name, value in arguments.items() if name not in NOT_PASSED_ON}
    if embeds is None and ids is None:
        if bos is None:
            raise ValueError(f"there is no input, and the model has no bos_token_id to start from.\nWrite {CALL}.")
        ids = torch.full((1, 1), bos)
    given = _checked_ids(ids) if embeds is None or ids is not None else torch.empty((len(embeds), 0)).long()
    given = given.to(model.device)
    if embeds is None and given.shape[1] == 0:
        raise ValueError(
            f"the prompt has no tokens: input_ids has the shape {tuple(given.shape)}.\n"
            f"Give it some text, or leave input_ids out to start from bos_token_id."
        )
    whole = given if embeds is None else embeds
    mask = _checked_mask(mask, whole, ids, cached=cache is not None)
    prompt = Prompt(given, given, embeds, cache=cache, extra=arguments)
    if mask is None:
        return prompt
    if cache is None:
        return _padded_left(prompt, mask)
    prompt.ahead = mask.shape[1] - prompt.width
    prompt.mask = None if mask.all() else mask
    return prompt


def _padded_left(prompt: Prompt, mask: Tensor) -> Prompt:
    """The same rows with their tokens at the right end."""
    lengths = mask.sum(-1, keepdim=True)
    width = int(lengths.max())
    if int(lengths.min()) == 0:
        raise ValueError(
            f"row {int(lengths.argmin())} of the prompt has no tokens: its attention_mask is all 0.\n"
            f"Leave out empty texts, or let them start with the tokenizer's bos_token."
        )
    order = mask.int().argsort(dim=-1, stable=True)[:, -width:]  # padding first, tokens in their order
    start = width - lengths

    def moved(values: Tensor) -> Tensor:
        places = order if values.ndim == 2 else order[..., None].expand(-1, -1, values.shape[-1])
        return values.gather(1, places)

    prompt.extra.update({name: moved(prompt.extra[name]) for name in ALIGNED if name in prompt.extra})
    if prompt.embeds is None:
        prompt.ids = moved(prompt.ids)
    else:
        prompt.embeds = moved(prompt.embeds)
    padded = bool(start.any())
    prompt.mask = torch.arange(width, device=mask.device) >= start if padded else None
    prompt.start = start if padded and prompt.embeds is None else None
    return prompt


def _checked_ids(ids: Any) -> Tensor:
    first = ids
    while isinstance(first, list | tuple) and first:
        first = first[0]
    if isinstance(first, str):
        raise TypeError(f"generate() reads token ids, and text was given: {first[:40]!r}.\nWrite {CALL}.")
    if not isinstance(ids, Tensor):
        try:
            ids = torch.as_tensor(ids)
        except (TypeError, ValueError, RuntimeError):
            raise TypeError(
                f"input_ids is {type(ids).__name__}, but generate() reads a tensor of ids with rows of equal length.\n"
                f'Write tokenizer(texts, padding=True, return_tensors="pt").'
            ) from None
    if ids.ndim != 2:
        mend = "input_ids.unsqueeze(0)" if ids.ndim == 1 else CALL
        raise ValueError(f"input_ids has the shape {tuple(ids.shape)}, but (rows, tokens) is expected.\nWrite {mend}.")
    if ids.numel() and (ids.is_floating_point() or ids.dtype == torch.bool):
        raise TypeError(f"input_ids is of dtype {ids.dtype}, but ids are integers.\nEmbeddings go to inputs_embeds=.")
    return ids.long()


def _checked_mask(mask: Any, whole: Tensor, ids: Any, cached: bool) -> Tensor | None:
    """(B, T) bool, from the mask, or from the lengths that the tokenizer's tensor carries; None: all are tokens."""
    rows, columns = whole.shape[:2]
    if mask is None:
        lengths = getattr(ids, "_bearhug_lengths", None)
        if lengths is None:
            return None
        lengths, places = torch.as_tensor(lengths).reshape(-1, 1), torch.arange(columns)
        left = getattr(ids, "_bearhug_padding_side", "right") == "left"
        mask = places >= columns - lengths if left else places < lengths
    mask = torch.as_tensor(mask).to(whole.device) != 0
    if mask.ndim != 2 or mask.shape[0] != rows or (mask.shape[1] != columns and not cached):
        raise ValueError(
            f"attention_mask has the shape {tuple(mask.shape)}, but the prompt has {rows} rows of {columns} tokens.\n"
            f"Pass the attention_mask that the tokenizer returned beside these input_ids."
        )
    return None if mask.all() and mask.shape[1] == columns else mask


def _refuse_unknown(model: Any, arguments: Mapping[str, Any]) -> None:
    known = signature(model.forward).parameters
    for name in arguments:
        if name not in known:
            hint = near(
                name,
                (*NAMES, *known, "streamer", "tokenizer", "seed", "stream", "stopping_criteria", "logits_processor"),
            )
            raise ValueError(
                f"generate() got an unexpected keyword argument {name!r}: it is no option, and no argument of "
                f"{type(model).__name__}.forward.{hint}"
            )
