"""What one call of generate goes by: how long, which tokens, functions and randomness; made before the first step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from bearhug.generation import scores, stopping
from bearhug.generation.assisted import assisted
from bearhug.generation.config import GenerationConfig
from bearhug.generation.contrastive import Contrast
from bearhug.generation.diversity import Diversity
from bearhug.generation.dola import Contrasted
from bearhug.generation.guidance import guidance
from bearhug.generation.prompt import Prompt
from bearhug.generation.reader import Reader
from bearhug.generation.seeds import Seed, Streams


@dataclass
class Plan:
    """R rows: the prompt's B rows times the sequences or beams for each; P columns of the prompt, E at the end."""

    config: GenerationConfig
    prompt: Prompt
    reader: Any  # a Reader, or what reads in its way
    ids: Tensor  # (R, P) the prompt's rows, each repeated
    end: int  # E
    processors: list[scores.Process]
    criteria: list[stopping.Ends]
    eos: Tensor | None  # (number of them,)
    pad: int | None
    streams: Streams | None
    vocabulary: int = 0  # V
    choose: Callable[[Tensor, Tensor], Tensor] | None = None  # in place of the likeliest, or a drawn, token
    diversity: Any = None  # of groups of beams
    check: Callable[[Tensor], None] | None = None  # of the new ids (R, N), when all rows have ended

    def finished(self, ids: Tensor) -> Tensor:
        """The result: ids (R, T), padding as the caller had it and new tokens behind."""
        given = self.prompt.given
        if self.check is not None:
            self.check(ids[:, self.prompt.ids.shape[1] :])
        if self.prompt.ids is given:
            return ids.clone(memory_format=torch.contiguous_format)  # without the room that was not used
        given = given.repeat_interleave(ids.shape[0] // given.shape[0], 0)
        return torch.cat((given, ids[:, self.prompt.ids.shape[1] :]), 1)


def planned(
    model: Any,
    config: GenerationConfig,
    unset: set[str],
    prompt: Prompt,
    *,
    seed: Seed | None = None,
    tokenizer: Any = None,
    given: Mapping[str, Any] = MappingProxyType({}),
    prefix: Any = None,
    prefix_allowed_tokens_fn: Callable[[int, Tensor], list[int]] | None = None,
    logits_processor: Sequence[scores.Process] = (),
    stopping_criteria: Sequence[stopping.Ends] = (),
) -> Plan:
    """Make the plan.

    Args:
        config, unset: from `resolved`.
        given: the call's keywords, for those that are no options of a config (`assistant_model`, ...).
        prefix: a `PrefixCache`, to go on from and to keep what is read.
        logits_processor, stopping_criteria: the caller's functions.

    Raises:
        ValueError: lengths that do not fit each other or the model, stop_strings without a tokenizer, a wrong seed.
    """
    copies = max(config.num_beams, config.num_return_sequences)
    new = new_tokens(model, config, unset, prompt)
    width, read_ids = prompt.ids.shape[1], None if prompt.source is None else prompt.source.ids
    if prompt.source is not None and read_ids is not None and prompt.source.mask is not None and read_ids.numel():
        read_ids = read_ids.masked_fill(~prompt.source.mask, vocabulary(model))  # padding is no token of a text
    ids = prompt.ids.repeat_interleave(copies, 0) if copies > 1 else prompt.ids
    start = None if prompt.start is None else prompt.start.repeat_interleave(copies, 0)
    eos = tokens(config.eos_token_id, ids.device)
    pad = config.pad_token_id if config.pad_token_id is not None and config.pad_token_id >= 0 else None
    if pad is None and eos is not None:
        pad = int(eos[0])
    sequences = config.num_return_sequences if config.num_beams == 1 else 1  # beams of a row draw together
    way, v = config.get_generation_mode(given.get("assistant_model")), vocabulary(model)
    tries = min(config.top_k, v) if way == "contrastive_search" and not config.low_memory else 1
    reader = Reader(model, config, prompt, prompt.ahead + prompt.width + new, copies * tries, prefix)
    first, diverse = [], None
    if config.guidance_scale not in (None, 1):
        if prompt.source is not None:
            raise ValueError(
                f"guidance_scale={config.guidance_scale} reads the text without its prompt, and the prompt of "
                f"{type(model).__name__} is its encoder's.\nLeave guidance_scale out."
            )
        negative = given.get("negative_prompt_ids"), given.get("negative_prompt_attention_mask")
        about = {"rows": prompt.given.shape[0], "prompt": width, "cached": config.use_cache, "device": ids.device}
        first.append(guidance(model, config.guidance_scale, *negative, **about))
    if way == "dola_generation":
        first.append(Contrasted(model, reader, config.dola_layers))
    if way == "group_beam_search":
        diverse = Diversity(config.diversity_penalty, config.num_beams)
    plan = Plan(
        config=config,
        prompt=prompt,
        reader=reader,
        vocabulary=v,
        diversity=diverse,
        ids=ids,
        end=width + new,
        processors=scores.processors(
            config,
            prompt=width,
            end=width + new,
            min_new=least_tokens(config, prompt, new),
            eos=eos,
            vocab_size=v,
            first=first,
            diverse=diverse,
            start=start,
            ids=ids if read_ids is None else read_ids.repeat_interleave(copies, 0),
            ids_start=start if read_ids is None else None,
            prefix_allowed_tokens_fn=prefix_allowed_tokens_fn,
            custom=logits_processor,
        ),
        criteria=stopping.criteria(config, eos=eos, tokenizer=tokenizer, start=start, custom=stopping_criteria),
        eos=eos,
        pad=pad,
        streams=Streams(seed, prompt.given.shape[0], sequences) if seed is not None else None,
    )
    if way == "contrastive_search":
        plan.reader = contrast = Contrast(reader, config.penalty_alpha, config.top_k, start)
        plan.choose = contrast.choose
    if way == "assisted_generation":
        plan.reader = drafting = assisted(plan, model, dict(given), tokenizer)
        plan.choose, plan.processors = drafting.choose, [drafting.scored]
    return plan


def new_tokens(model: Any, config: GenerationConfig, unset: set[str], prompt: Prompt) -> int:
    """How many tokens to make at the most.

    max_new_tokens counts them; max_length counts the result's columns, the prompt and its padding included, as the
    reference does. What the model's own config says, or nobody, is shortened to the positions that the model has; what
    the caller said is not.
    """
    given = prompt.given.shape[1] if prompt.embeds is None else prompt.embeds.shape[1]
    by_tokens = _counts_new(config, "max")
    chosen = ("max_new_tokens" if by_tokens else "max_length") in config._given
    if by_tokens:
        new = config.max_new_tokens
    elif "max_length" in unset:
        trained = getattr(model.config, "max_position_embeddings", None) or 0
        new = min(config.max_length, trained - given) if given < trained else config.max_length
    else:
        new = config.max_length - given
        if new <= 0:
            raise ValueError(
                f"the prompt has {given} tokens, and max_length={config.max_length} counts them too: no room is left.\n"
                f"Pass max_new_tokens=20, or max_length={given + 20}."
            )
    limit = getattr(model, "position_limit", None)
    if limit is None:
        return new
    read = prompt.ahead + prompt.width
    if read + new <= limit + 1:  # the last token is not read any more
        return new
    if not chosen and read < limit:
        return limit - read
    name = getattr(model.config, "name_or_path", "") or type(model).__name__
    asked = f" and {f'max_new_tokens={new}' if by_tokens else f'max_length={config.max_length}'}" if chosen else ""
    kept = limit - new if new < limit else limit // 2
    shorten = f"horten it with tokenizer(text, truncation=True, max_length={kept})"
    if read < limit:
        mend = f"Pass max_new_tokens={limit - read}" + (f", or s{shorten}." if new < limit else ".")
    else:
        mend = f"S{shorten}" + (f", and pass max_new_tokens={limit - kept}." if chosen and new >= limit else ".")
    raise ValueError(f"the prompt has {read} tokens{asked}, but {name} reads {limit} positions.\n{mend}")


def least_tokens(config: GenerationConfig, prompt: Prompt, most: int) -> int:
    """How many tokens to make before a row may end; min_length counts columns, as max_length does."""
    given = prompt.given.shape[1] if prompt.embeds is None else prompt.embeds.shape[1]
    by_tokens = _counts_new(config, "min")
    least = config.min_new_tokens if by_tokens else max((config.min_length or 0) - given, 0)
    name = "min_new_tokens" if by_tokens else "min_length"
    if least > most and name in config._given:
        raise ValueError(
            f"{name}={config.__dict__[name]} asks for {least} new tokens, but at most {most} are made.\n"
            f"Pass max_new_tokens={least} or more."
        )
    return min(least, most)


def _counts_new(config: GenerationConfig, which: str) -> bool:
    """Whether max_new_tokens (min_new_tokens) goes, not max_length: of two, the one that the caller gave, or it."""
    by_tokens, by_columns = f"{which}_new_tokens", f"{which}_length"
    if config.__dict__[by_tokens] is None:
        return False
    return by_tokens in config._given or by_columns not in config._given


def tokens(ids: Any, device: torch.device) -> Tensor | None:
    """One id or several as (E,); negative ones mean none."""
    if ids is None:
        return None
    found = torch.as_tensor(ids, dtype=torch.long, device=device).reshape(-1)
    found = found[found >= 0]
    return found if len(found) else None


def vocabulary(model: Any) -> int:
    """V, the number of scores that the model gives."""
    return int(getattr(model.config, "decoder_vocab_size", None) or model.config.vocab_size)
