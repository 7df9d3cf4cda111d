"""The model as the loops see it: they show it ids and get the next token's scores; cache and mask stay here."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from bearhug.generation.config import GenerationConfig
from bearhug.generation.prompt import ALIGNED, Prompt


class Reader:
    """Reads a prompt once, then one new column at a time.

    Args:
        end: columns of the finished rows.
        copies: how many sequences continue each row of the prompt; the prompt is read once for all of them.
        prefix: a `PrefixCache` to go on from, which keeps what is read here.

    `attentions` and `hidden_states` collect what the config asks to return: a tuple of layers for each time of reading.
    """

    def __init__(self, model: Any, config: GenerationConfig, prompt: Prompt, end: int, copies: int, prefix: Any = None):
        self.model, self.prompt, self.copies, self.prefix = model, prompt, copies, prefix
        self.chunk = config.prefill_chunk_size
        self.cache = prompt.cache
        cached = bool(config.use_cache) or prompt.embeds is not None  # embeddings are read once, then ids
        if cached and self.cache is None:
            kind = (config.cache_implementation or "").split("_")[0]
            size = prompt.ids.shape[0], max(end - 1, config.max_cache_len or 0)
            if kind in ("quantized", "offloaded"):
                self.cache = model.new_cache(*size, kind, config.cache_config)
            else:
                self.cache = model.new_cache(*size)
        self.mask = None
        if prompt.mask is not None:
            rows, columns = prompt.mask.shape
            self.mask = torch.ones((rows, max(end, columns)), dtype=torch.bool, device=prompt.mask.device)
            self.mask[:, :columns] = prompt.mask
        self.extra = {name: value for name, value in prompt.extra.items() if name not in ALIGNED}
        self.aligned = {name: value for name, value in prompt.extra.items() if name in ALIGNED}
        self.asked = {
            name: True for name in ("output_attentions", "output_hidden_states") if getattr(config, name) is True
        }
        self.attentions: list[tuple[Tensor, ...]] = []
        self.hidden_states: list[tuple[Tensor, ...]] = []
        self.encoder_mask = None if prompt.source is None else prompt.source.mask
        self.encoder_outputs: Any = None
        self.cross_attentions: list[tuple[Tensor, ...]] = []
        self.plain = self.cache is not None and self.mask is None and not (self.extra or self.aligned or self.asked)
        if prompt.source is not None:
            self.plain = False
        self.watched = False
        self.last: Any = None  # what the model gave last, while it is watched

    def watch_states(self) -> None:
        """Keep the hidden states of what is read last, for `states`; the prompt is read in one piece."""
        self.watched, self.plain, self.chunk = True, False, None

    def states(self) -> tuple[Tensor, ...]:
        """The hidden states of the columns read last: the embedding's, then each layer's (R, T, D)."""
        return self.last["hidden_states" if self.encoder_outputs is None else "decoder_hidden_states"]

    def start(self) -> Tensor:
        """Read the prompt: the scores (B * copies, V) of the first new token."""
        if self.prompt.source is not None:
            self._encode(self.prompt.source)
        prompt, whole = self.prompt, self.prompt.ids if self.prompt.embeds is None else self.prompt.embeds
        if self.prefix is not None:
            self.prefix.begin(self.cache, prompt.ids, prompt.start)
        held = 0 if self.cache is None else self.cache.get_seq_length()
        if self.cache is not None and held and not prompt.ahead:  # the prompt shows what the cache holds too
            if held >= whole.shape[1]:  # the last column has to be read for its scores
                held = whole.shape[1] - 1
                self.cache.crop(held)
            whole = whole[:, held:]
        step = self.chunk if self.chunk and self.cache is not None else whole.shape[1]
        logits = whole[:, -1]
        for part in whole.split(step, 1):
            held += part.shape[1]
            logits = self._read(part, held, embeds=prompt.embeds is not None)[:, -1]
        if self.prefix is not None:
            self.prefix.keep(prompt.ids, prompt.start, self.cache)
        if self.copies > 1:
            self._copy()
            logits = logits.repeat_interleave(self.copies, 0)
        return logits

    def next(self, ids: Tensor) -> Tensor:
        """Read the last column of ids (R, T), without a cache all of them: the scores (R, V) of the next token."""
        if self.plain:
            return self.model(ids[:, -1:], past_key_values=self.cache, use_cache=True, return_dict=True).logits[:, -1]
        for name, values in self.aligned.items():
            self.aligned[name] = torch.cat((values, values[:, -1:] + (name == "position_ids")), 1)
        if self.cache is None:
            return self._read(ids, ids.shape[1])[:, -1]
        return self._read(ids[:, -1:], self.cache.get_seq_length() + 1)[:, -1]

    def columns(self, ids: Tensor, count: int) -> Tensor:
        """Read the last `count` columns of ids (R, T): the scores (R, count, V) after each of them."""
        total = self.cache.get_seq_length() + count
        for name, values in self.aligned.items():
            more = torch.arange(1, max(0, total - values.shape[1]) + 1, device=values.device)
            self.aligned[name] = torch.cat((values, values[:, -1:] + more * (name == "position_ids")), 1)
        return self._read(ids[:, -count:], total, keep=count)

    def undo(self, count: int) -> None:
        """Forget the last `count` columns, and what was captured when they were read."""
        self.cache.crop(self.cache.get_seq_length() - count)
        self.aligned = {name: values[:, :-count] for name, values in self.aligned.items()}
        for read in (self.attentions, self.hidden_states, self.cross_attentions):
            del read[-1:]

    def remember(self, ids: Tensor) -> None:
        """Keep what was read of the finished rows (R, T) for prompts that begin with them."""
        if self.prefix is not None:
            start = self.prompt.start
            self.prefix.keep(ids, start if start is None else start.repeat_interleave(self.copies, 0), self.cache)

    def reorder(self, rows: Tensor) -> None:
        """Let row i go on from what row rows[i] has read."""
        if self.cache is not None:
            self.cache.reorder(rows)

    def _read(self, new: Tensor, total: int, embeds: bool = False, keep: int = 1) -> Tensor:
        own = "" if self.encoder_outputs is None else "decoder_"
        arguments: dict[str, Any] = {
            own + ("inputs_embeds" if embeds else "input_ids"): new,
            **self.extra,
            **self.asked,
        }
        if self.mask is not None:
            arguments[own + "attention_mask"] = self.mask[:, :total]
        if own:
            arguments |= {"attention_mask": self.encoder_mask, "encoder_outputs": self.encoder_outputs}
        for name, values in self.aligned.items():
            arguments[name] = values[:, total - new.shape[1] : total] if values.shape[1] >= total else values
        if self.cache is not None:
            arguments["past_key_values"] = self.cache
        if self.watched:
            arguments["output_hidden_states"] = True
        output = self.model(**arguments, use_cache=self.cache is not None, logits_to_keep=keep, return_dict=True)
        self.last = output if self.watched else None
        if "output_attentions" in self.asked:
            self.attentions.append(output[own + "attentions"])
            if own:
                self.cross_attentions.append(output["cross_attentions"])
        if "output_hidden_states" in self.asked:
            self.hidden_states.append(output[own + "hidden_states"])
        return output.logits[:, -keep:]

    def _encode(self, source: Prompt) -> None:
        """Let the encoder read its text, once."""
        extra, self.encoder_outputs = dict(source.extra), source.extra.get("encoder_outputs")
        extra.pop("encoder_outputs", None)
        if self.encoder_outputs is None:
            given = {"input_ids": source.ids} if source.embeds is None else {"inputs_embeds": source.embeds}
            self.encoder_outputs = self.model.get_encoder()(**given, attention_mask=source.mask, **extra, **self.asked)
        elif not isinstance(self.encoder_outputs, Mapping):
            names = ("last_hidden_state", "hidden_states", "attentions")
            self.encoder_outputs = dict(zip(names, self.encoder_outputs, strict=False))

    def found(self) -> dict[str, Any]:
        """What was captured on the way, and the cache, under the names that generate returns them by."""
        captured = {"attentions": tuple(self.attentions) or None, "hidden_states": tuple(self.hidden_states) or None}
        if self.encoder_outputs is not None:
            captured = {f"decoder_{name}": value for name, value in captured.items()}
            captured |= {
                "cross_attentions": tuple(self.cross_attentions) or None,
                "encoder_attentions": self.encoder_outputs.get("attentions"),
                "encoder_hidden_states": self.encoder_outputs.get("hidden_states"),
            }
        return {**captured, "past_key_values": self.cache}

    def _copy(self) -> None:
        """Let `copies` rows continue from each row of the prompt."""

        def many(values: Any) -> Any:
            is_per_row = isinstance(values, Tensor) and values.shape[:1] == self.prompt.ids.shape[:1]
            return values.repeat_interleave(self.copies, 0) if is_per_row else values

        if self.cache is not None:
            self.cache.repeat(self.copies)
        self.mask = many(self.mask)
        self.extra = {name: many(value) for name, value in self.extra.items()}
        self.aligned = {name: many(value) for name, value in self.aligned.items()}
        if self.encoder_outputs is not None:
            self.encoder_mask = many(self.encoder_mask)
            states = many(self.encoder_outputs["last_hidden_state"])
            self.encoder_outputs = {**self.encoder_outputs, "last_hidden_state": states}
        for read in (self.attentions, self.hidden_states, self.cross_attentions):
            read[:] = [tuple(many(layer) for layer in layers) for layers in read]
