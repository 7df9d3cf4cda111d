"""Assisted decoding: a cheap draft of several tokens, which the model reads all at once and keeps as far as it agrees.

Greedy search gives the model's own tokens; sampling the model's own distribution (Leviathan et al. 2022,
arXiv:2211.17192). One row, T columns, n drafted tokens, V vocabulary.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import torch
from torch import Tensor

from bearhug.generation import scores
from bearhug.generation.config import OPTIONS
from bearhug.generation.prompt import Prompt
from bearhug.generation.reader import Reader

Draft = tuple[Tensor, Tensor | None]  # ids (n,), and the scores (n, V) that they were drawn from


class Assisted:
    """A reader, and a choice of tokens, that go by rounds: draft, read, keep. `next` and `choose` hand them out."""

    def __init__(self, plan: Any, drafter: Any):
        self.plan, self.reader, self.drafter, self.config = plan, plan.reader, drafter, plan.config
        self.process: list[Callable] = plan.processors
        self.queue: list[tuple[Tensor, Tensor, Tensor]] = []  # scores before and after the options, and the token
        self.length, self.started = plan.ids.shape[1], False
        self.random = None if plan.streams is None else plan.streams.generators[0]

    def start(self) -> Tensor:
        """Read the prompt, and the first draft: the scores (1, V) of the first new token."""
        return self.next(self.plan.ids)

    def next(self, ids: Tensor) -> Tensor:
        """The scores (1, V) after ids (1, T)."""
        self.length = ids.shape[1]
        if not self.queue:
            self._round(ids)
        return self.queue[0][0]

    def scored(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """The same scores after the options, which the round applied."""
        return self.queue[0][1]

    def choose(self, ids: Tensor, scores: Tensor) -> Tensor:
        """The next token (1,)."""
        return self.queue.pop(0)[2]

    def found(self) -> dict[str, Any]:
        """As a reader's, without what was read ahead of the end."""
        extra = self.reader.cache.get_seq_length() - self.reader.prompt.ahead - self.length
        if extra > 0:
            self.reader.cache.crop(self.reader.cache.get_seq_length() - extra)
        made = self.length + 1 - self.plan.ids.shape[1]
        for read in (self.reader.attentions, self.reader.hidden_states, self.reader.cross_attentions):
            del read[made:]
        return self.reader.found()

    def _round(self, ids: Tensor) -> None:
        most = self.plan.end - ids.shape[1] - 1  # the model adds a token of its own
        drafted, guesses = self.drafter.draft(ids, most) if most > 0 else (ids[0, :0], None)
        longer, count = torch.cat((ids, drafted[None]), 1), len(drafted)
        first = not self.started
        parts = [self.reader.start()[:, None]] if first else []
        self.started = True
        if count + 1 - len(parts):
            parts.append(self.reader.columns(longer, count + 1 - len(parts)))
        logits = torch.cat(parts, 1)[0].float()  # (n + 1, V)
        after = logits.clone()
        for place in range(count + 1):
            for process in self.process:
                after[place] = process(longer[:, : ids.shape[1] + place], after[place][None])[0]
        valid = self._valid(drafted, guesses, after)
        ends = [] if self.plan.eos is None else torch.isin(valid, self.plan.eos).nonzero().tolist()
        valid = valid[: ends[0][0] + 1] if ends else valid
        right = len(valid) - 1
        if count > right:
            self.reader.cache.crop(self.reader.cache.get_seq_length() - (count - right))
        self._split(len(valid), first, count)
        self.drafter.learn(count, right)
        self.queue = [(logits[i][None], after[i][None], valid[i][None]) for i in range(len(valid))]

    def _valid(self, drafted: Tensor, guesses: Tensor | None, after: Tensor) -> Tensor:
        """The drafted tokens that stay, and one of the model's own."""
        weight, count = self.config.assistant_ensemble_weight, len(drafted)
        if self.config.do_sample and guesses is not None:
            return self._spoken(drafted, guesses.softmax(-1), after.softmax(-1), weight)
        if self.config.do_sample:
            own = torch.multinomial(after.softmax(-1), 1, generator=self.random)[:, 0]
        elif weight is not None and guesses is not None:
            mixed = weight * after[:count].softmax(-1) + (1 - weight) * guesses.softmax(-1)
            own = torch.cat((mixed.argmax(-1), after[count:].argmax(-1)))
        else:
            own = after.argmax(-1)
        right = int((own[:count] == drafted).long().cumprod(0).sum())
        return own[: right + 1]

    def _spoken(self, drafted: Tensor, q: Tensor, p: Tensor, weight: float | None) -> Tensor:
        """Algorithm 1 of the paper: keep a token with chance p / q, else draw from what q lacks of p."""
        places, count = torch.arange(len(drafted), device=drafted.device), len(drafted)
        ratio = p[places, drafted] / q[places, drafted]
        if weight is not None:
            ratio = 1 - weight + weight * ratio
        draws = torch.rand(count, generator=self.random, device=ratio.device if self.random is None else "cpu")
        right = int((draws.to(ratio.device) <= ratio).long().cumprod(0).sum())
        rest = p[right]
        if right < count:
            lacking = (p[right] - q[right]).clamp(min=0)
            if float(lacking.sum()) > torch.finfo(lacking.dtype).tiny:
                rest = lacking / lacking.sum()
        return torch.cat((drafted[:right], torch.multinomial(rest[None], 1, generator=self.random)[0]))

    def _split(self, kept: int, first: bool, count: int) -> None:
        """What was captured of several columns at once, as one entry for each token."""
        for read, over_keys in (
            (self.reader.attentions, True), (self.reader.cross_attentions, False), (self.reader.hidden_states, False),
        ):  # fmt: skip
            if not read or (first and count == 0):
                continue
            layers = read.pop()
            columns = layers[0].shape[-2]
            for place in range(kept - first):
                seen = layers[0].shape[-1] - (columns - 1 - place)
                read.append(
                    tuple(
                        layer[..., place : place + 1, :seen] if over_keys else layer[..., place : place + 1, :]
                        for layer in layers
                    )
                )


def _threshold(chances: list[float], rights: list[bool]) -> float:
    """The probability from which on tokens count as right at the least cost: to miss one costs thrice a false one."""
    right, wrong = sum(rights), len(rights) - sum(rights)
    hits, falses, best = 0, 0, (3.0, float("inf"))
    ranked = sorted(zip(chances, rights, strict=True), reverse=True)
    for place, (chance, is_right) in enumerate(ranked):
        hits, falses = hits + is_right, falses + (not is_right)
        if place + 1 < len(ranked) and ranked[place + 1][0] == chance:
            continue
        cost = falses / wrong + 3 * (1 - hits / right)
        if cost < best[0]:
            best = (cost, chance)
    return best[1]


# drafts


class ModelDraft:
    """A smaller model with the same vocabulary, or the model's own first layers.

    Args:
        model: it.
        plan: of the call; `given` its options that the caller set, before those of the model's generation_config.
    """

    def __init__(self, model: Any, plan: Any, given: dict[str, Any], remember: bool = True):
        self.model, self.config, self.eos = model, plan.config, plan.eos
        own = getattr(model, "generation_config", None)

        def setting(name: str) -> Any:
            value = given.get(name)
            if value is None and own is not None:
                value = getattr(own, name, None)
            return OPTIONS[name].unset if value is None else value

        self.count, self.threshold = setting("num_assistant_tokens"), setting("assistant_confidence_threshold")
        self.schedule, self.remember = setting("num_assistant_tokens_schedule"), remember
        self.process = list(plan.processors)
        if self.config.do_sample:
            self.process += scores.sampling(self.config, keep=1)
        self.random = None if plan.streams is None else plan.streams.generators[0]
        prompt = plan.prompt
        mask = None if prompt.mask is None else prompt.mask[:, -prompt.width :]
        extra = {name: value for name, value in prompt.extra.items() if not prompt.ahead}
        own_prompt = Prompt(
            prompt.given, prompt.ids, prompt.embeds, mask, prompt.start, extra=extra, source=prompt.source
        )
        self.reader = _reader(model, own_prompt, plan.end)
        self.read: Tensor | None = None  # (1, T) what the reader has read
        self.chances: list[float] = []  # of drafted tokens, and whether each was right
        self.rights: list[bool] = []

    def draft(self, ids: Tensor, most: int) -> Draft:
        """Up to `most` tokens that follow ids (1, T), and their scores."""
        longer, kept, logits = ids, [], self._caught_up(ids)
        for place in range(min(self.count, most)):
            logits = logits.float()
            for process in self.process:
                logits = process(longer, logits)
            kept.append(logits)
            chance = logits.softmax(-1)
            if self.config.do_sample:
                token = torch.multinomial(chance, 1, generator=self.random)[:, 0]
            else:
                token = logits.argmax(-1)
            self.chances.append(float(chance[0, token]))
            longer = torch.cat((longer, token[:, None]), 1)
            if self.eos is not None and bool((token == self.eos).any()):
                break
            if self.threshold and self.chances[-1] < self.threshold:
                break
            if place + 1 < min(self.count, most):
                logits = self.reader.next(longer)
                self.read = longer
        return longer[0, ids.shape[1] :], torch.cat(kept)

    def _caught_up(self, ids: Tensor) -> Tensor:
        """The scores (1, V) after ids, having read what of them is new."""
        if self.read is None:
            logits = self.reader.start()
        else:
            same = min(self.read.shape[1], ids.shape[1] - 1)
            same = int((self.read[0, :same] == ids[0, :same]).long().cumprod(0).sum())
            cache = self.reader.cache
            ahead = cache.get_seq_length() - self.read.shape[1]  # columns of embeddings, that have no ids
            cache.crop(same + ahead)
            logits = self.reader.columns(ids, ids.shape[1] - same)[:, -1]
        self.read = ids
        return logits

    def learn(self, drafted: int, right: int) -> None:
        """Draft more after a draft that was all right, less after another; move the threshold by what was right."""
        if self.schedule != "constant":
            self.count = self.count + 2 if right == drafted else max(1, self.count - 1)
        if self.schedule == "heuristic" and self.remember:  # the next call goes on from here
            self.model.generation_config.__dict__["num_assistant_tokens"] = self.count
        if not (self.remember and self.threshold):
            return
        self.rights += [True] * right
        if len(self.chances) > len(self.rights):
            self.rights.append(False)
        del self.chances[len(self.rights) :]
        if len(self.chances) > 5 and len(set(self.rights)) == 2:
            self.threshold = _threshold(self.chances, self.rights)


class TextDraft(ModelDraft):
    """A smaller model with another vocabulary: what it writes is text, read again with the model's own tokenizer."""

    def __init__(self, model: Any, plan: Any, given: dict[str, Any], tokenizer: Any, assistant_tokenizer: Any):
        super().__init__(model, plan, given)
        self.tokenizer, self.own_tokenizer = tokenizer, assistant_tokenizer
        self.cache, self.known = model.new_cache(1, 0), torch.empty(0, dtype=torch.long)
        self.first = 0 if plan.prompt.start is None else int(plan.prompt.start[0])

    def learn(self, drafted: int, right: int) -> None:
        """Draft more after a draft that was all right, less after another."""
        self.chances = []
        super().learn(drafted, right)

    def draft(self, ids: Tensor, most: int) -> Draft:
        """Up to `most` tokens that follow ids (1, T); their scores are of another vocabulary."""
        nothing = ids[0, :0], None
        text = self.tokenizer.decode(ids[0, self.first :], skip_special_tokens=True, clean_up_tokenization_spaces=False)
        own = torch.as_tensor(self.own_tokenizer(text)["input_ids"], device=ids.device)
        if not len(own):
            return nothing
        begun = len(own)
        for _ in range(self.count):
            chance = self._scores(own).float().softmax(-1)
            token = chance.argmax(-1)
            own = torch.cat((own, token[None]))
            if self.threshold and float(chance[token]) < self.threshold:
                break
        before, after = (
            self.own_tokenizer.decode(part, skip_special_tokens=True, clean_up_tokenization_spaces=False)
            for part in (own[:begun], own)
        )
        more = after[len(before) :]
        if not more:
            return nothing
        whole, said = (self.tokenizer(part, add_special_tokens=False)["input_ids"] for part in (text + more, text))
        fits = whole[: len(said)] == said
        drafted = whole[len(said) :] if fits else self.tokenizer(more, add_special_tokens=False)["input_ids"]
        return torch.as_tensor(drafted[:most], dtype=torch.long, device=ids.device), None

    def _scores(self, ids: Tensor) -> Tensor:
        """The scores (V,) after ids (T,), of which only those that differ from what was read are read."""
        same = min(len(self.known), len(ids) - 1)
        same = int((self.known[:same].to(ids.device) == ids[:same]).long().cumprod(0).sum())
        self.cache.crop(same)
        self.known = ids
        new = ids[None, same:]
        return self.model(new, past_key_values=self.cache, use_cache=True, logits_to_keep=1).logits[0, -1]


class LookupDraft:
    """What followed the last tokens where they stood before in the text (Saxena 2023, prompt lookup decoding)."""

    def __init__(self, plan: Any, limit: int | None):
        self.config, self.process, self.eos, self.limit = plan.config, plan.processors, plan.eos, limit
        self.vocabulary, self.longest = plan.vocabulary, plan.config.max_matching_ngram_size or 2

    def draft(self, ids: Tensor, most: int) -> Draft:
        """Tokens that follow ids (1, T): more than the end has room for, as the reference draws."""
        length = ids.shape[1]
        most = length if self.limit is None else self.limit - length
        for size in range(min(self.longest, length - 1), 0, -1):
            places = (ids[0].unfold(0, size, 1) == ids[0, -size:]).all(-1).nonzero()[:, 0].tolist()
            for place in places:
                start = place + size
                found = ids[0, start : min(start + self.config.prompt_lookup_num_tokens, length)]
                found = found[: self._allowed(ids, found)]
                if not len(found):
                    continue
                ends = [] if self.eos is None else torch.isin(found, self.eos).nonzero().tolist()
                return found[: ends[0][0] if ends else most][:most], None
        return ids[0, :0], None

    def _allowed(self, ids: Tensor, found: Tensor) -> int:
        """How many of the tokens found no option forbids."""
        for place, token in enumerate(found.tolist()):
            fake = torch.ones((1, self.vocabulary), device=ids.device)
            longer = torch.cat((ids, found[None, :place]), 1)
            for process in self.process:
                fake = process(longer, fake)
            if float(fake[0, token]) in (-torch.inf, torch.finfo(fake.dtype).min):
                return place
        return len(found)

    def learn(self, drafted: int, right: int) -> None:
        """It has nothing to learn."""


def _reader(model: Any, prompt: Prompt, end: int) -> Reader:
    """A reader that records nothing."""
    settings: Any = SimpleNamespace(
        prefill_chunk_size=None, use_cache=True, max_cache_len=None, cache_implementation=None, cache_config=None,
        output_attentions=False, output_hidden_states=False,
    )  # fmt: skip
    return Reader(model, settings, prompt, prompt.width + end, 1)


def assisted(plan: Any, model: Any, given: dict[str, Any], tokenizer: Any) -> Assisted:
    """The way of one call: by the model's own layers, by the text itself, or by an assistant.

    Raises:
        ValueError: several rows, vocabularies that differ without both tokenizers, or a model that cannot go back.
    """
    config, assistant = plan.config, cast(Any, given.get("assistant_model"))
    if len(plan.ids) != 1:
        raise ValueError(
            f"the prompt has {len(plan.ids)} rows, but a draft is made for one.\n"
            f"Generate one row at a time, or leave {_which(config)} out."
        )
    for one in (model, assistant):
        if one is not None and any(not hasattr(layer, "length") for layer in one.new_cache(0, 0).layers):
            raise ValueError(
                f"{type(one).__name__} keeps one state of all that it has read, and cannot go back where a draft is "
                f"wrong.\nLeave {_which(config)} out."
            )
    if config.assistant_early_exit:
        layers = len(model.model.layers)
        if config.assistant_early_exit >= layers:
            raise ValueError(
                f"assistant_early_exit={config.assistant_early_exit} was given, but the model has {layers} layers.\n"
                f"Pass assistant_early_exit={max(1, layers // 2)}."
            )
        return Assisted(plan, ModelDraft(model.first_layers(config.assistant_early_exit), plan, given, remember=False))
    if config.prompt_lookup_num_tokens:
        return Assisted(plan, LookupDraft(plan, getattr(model, "position_limit", None)))
    other = given.get("assistant_tokenizer")
    if assistant.config.vocab_size == model.config.vocab_size:
        if other is not None:
            raise ValueError(
                "assistant_tokenizer was given, but the assistant has the model's vocabulary.\nLeave it out."
            )
        if plan.prompt.embeds is not None:
            raise ValueError("inputs_embeds are the model's own; an assistant reads ids.\nPass input_ids.")
        return Assisted(plan, ModelDraft(assistant, plan, given))
    if other is None or tokenizer is None:
        raise ValueError(
            f"the assistant's vocabulary has {assistant.config.vocab_size} tokens, the model's "
            f"{model.config.vocab_size}.\nAdd tokenizer= and assistant_tokenizer=, so that drafts pass as text."
        )
    return Assisted(plan, TextDraft(assistant, plan, given, tokenizer, other))


def _which(config: Any) -> str:
    if config.assistant_early_exit:
        return "assistant_early_exit"
    return "prompt_lookup_num_tokens" if config.prompt_lookup_num_tokens else "assistant_model"
