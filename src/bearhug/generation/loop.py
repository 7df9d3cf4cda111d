"""generate(): read the prompt, then a step at a time: scores, options, one token a row, until every row has ended.

B rows of the batch, n sequences for each, R = B * n, T columns of the prompt, N new tokens, V vocabulary. A model is
known here only by what is called on it: `model(ids, attention_mask=, past_key_values=, ...)`, `new_cache`, its configs.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from bearhug.generation import beams, groups
from bearhug.generation.config import KEYWORDS, GenerationConfig, resolved
from bearhug.generation.constrained import constraint
from bearhug.generation.healing import healed
from bearhug.generation.outputs import GenerateDecoderOnlyOutput, GenerateEncoderDecoderOutput
from bearhug.generation.plan import Plan, planned
from bearhug.generation.prefix import PrefixCache, kept_texts
from bearhug.generation.prompt import Prompt, read, read_pair
from bearhug.generation.reader import Reader
from bearhug.generation.seeds import Seed
from bearhug.generation.streaming import UntilStop
from bearhug.tokenizers.stream import TextPieces


def generate(
    model: Any,
    inputs: Any = None,
    generation_config: GenerationConfig | None = None,
    logits_processor: Callable | Sequence[Callable] | None = None,
    stopping_criteria: Callable | Sequence[Callable] | None = None,
    prefix_allowed_tokens_fn: Callable[[int, Tensor], list[int]] | None = None,
    synced_gpus: bool | None = None,
    *,
    streamer: Any = None,
    tokenizer: Any = None,
    seed: Seed | None = None,
    stream: bool = False,
    prefix_cache: PrefixCache | bool | None = None,
    schema: Any = None,
    regex: str | None = None,
    grammar: str | None = None,
    trust_remote_code: bool | None = None,
    **kwargs: Any,
) -> Any:
    """Continue token ids with a model.

    Args:
        inputs: ids (B, T), also as `input_ids=`, which an encoder reads where the model has one; or what a tokenizer
            returned, whole or unpacked. Rows may be padded on either side: their `attention_mask` says where. None: one
            row that starts from bos_token_id.
        generation_config: the options; None: the model's own. Single options are keywords and go before it, see
            `GenerationConfig`. Where nothing says how long, 20 tokens are made.
        logits_processor: callables (ids (B, T), scores (B, V)) -> scores (B, V), after the options that penalize and
            before those that sample.
        stopping_criteria: callables (ids (B, T), scores) -> (B,) bool, True where a row has ended.
        prefix_allowed_tokens_fn: (row, ids (T,)) -> the ids that may come next.
        streamer: gets the prompt and then each step's ids: `put(ids)`, `end()`.
        tokenizer: needed by `stop_strings`, and by `stream=True` to give text. A row ends with the token that completes
            a stop string: its ids, and maybe a few characters of that token after it, are in the result. Streamed text
            ends before the stop string, and nothing of it is shown.
        seed: a number, or one a row: each row draws from a stream of its own, which depends on (seed, row) alone, so
            that sampling gives a row the same tokens in any batch. Without it, torch's global random numbers are used,
            one draw a step for the batch.
        stream: return an iterator of each step's new ids (B,); with a tokenizer of new text, or a list of texts for
            several rows.
        prefix_cache: go on from the keys and values of an earlier text that begins like the prompt, and keep those of
            this one: a `PrefixCache(model)`, or True for one that the model has itself. The tokens are the same.
        schema: a JSON schema (a dictionary, a text) or a pydantic model: the new text is JSON that fits it. Takes
            `tokenizer`, as the next two do.
        regex: the new text matches all of it.
        grammar: the new text is a sentence of it; in Lark's syntax (from the rule `start`) or GBNF (`root`).
        synced_gpus, trust_remote_code: accepted; on one machine they do nothing.
        kwargs: options, and further arguments of the model's forward.

    Returns:
        ids (B * num_return_sequences, T + N), the prompt included, with pad_token_id after a row's end; with
        inputs_embeds only the new ids. With return_dict_in_generate=True a `GenerateDecoderOnlyOutput` or, for beams,
        `GenerateBeamDecoderOnlyOutput`.

    Raises:
        TypeError: text where ids are expected; a model that cannot generate.
        ValueError: a wrong option or combination of them, an unknown keyword, an empty prompt, more tokens than the
            model has positions.
        Incomplete: a ValueError; a text ended, for want of tokens, before it had the form of schema, regex or grammar.
        IndexError: an id outside of the vocabulary.
    """
    if not getattr(model, "can_generate", lambda: True)():
        raise TypeError(
            f"{type(model).__name__} cannot generate: it has no head that predicts the next token.\n"
            f"Load the model with AutoModelForCausalLM.from_pretrained(...)."
        )
    try:
        options = {name: kwargs.pop(name) for name in list(kwargs) if name in KEYWORDS}
        config, unset = resolved(generation_config, getattr(model, "generation_config", None), options)
        if config.num_beams > 1 and (streamer is not None or stream):
            raise ValueError(
                f"num_beams={config.num_beams} cannot stream: beams are chosen at the end.\nPass num_beams=1."
            )
        if config.token_healing:
            inputs, kwargs = _healed(model, inputs, config, tokenizer, kwargs), {}
        if stream and streamer is not None:
            raise ValueError("streamer and stream=True are two ways to the same tokens: leave one of them out.")
        form = constraint(
            schema=schema,
            regex=regex,
            grammar=grammar,
            tokenizer=tokenizer,
            eos=config.eos_token_id,
            alone=bool(getattr(model.config, "is_encoder_decoder", False)),
        )
        if options.get("cache_implementation") is not None and kwargs.get("past_key_values") is not None:
            raise ValueError(
                f"cache_implementation={config.cache_implementation!r} asks for a new cache, and past_key_values is "
                f"one.\nLeave one of them out."
            )
        prompt = _prompt(model, inputs, config, kwargs)
        plan = planned(
            model,
            config,
            unset,
            prompt,
            prefix=kept_texts(model, prefix_cache, config, prompt) if prefix_cache else None,
            seed=seed,
            tokenizer=tokenizer,
            given=options,
            prefix_allowed_tokens_fn=prefix_allowed_tokens_fn,
            logits_processor=[*_listed(logits_processor), *([] if form is None else [form])],
            stopping_criteria=_listed(stopping_criteria),
        )
        if form is not None:
            plan.check = form.check
        if stream:
            return _streamed(model, plan, tokenizer)
        with torch.no_grad(), evaluating(model):
            if config.num_beams == 1:
                return _run(decode(plan), plan, streamer)
            grouped = config.num_beam_groups > 1 or config.constraints is not None or config.force_words_ids is not None
            return groups.search(plan) if grouped else beams.search(plan)
    finally:
        if streamer is not None:  # after an error too: whoever listens in another thread would wait for ever
            streamer.end()


def _healed(
    model: Any, inputs: Any, config: GenerationConfig, tokenizer: Any, arguments: dict[str, Any]
) -> dict[str, Tensor]:
    """The prompt with each last token said anew."""
    prompt = _prompt(model, inputs, config, dict(arguments))
    if prompt.source is not None or prompt.embeds is not None or prompt.cache is not None:
        raise ValueError("token_healing=True reads the prompt's text again: pass input_ids, and nothing read before.")

    def one_more(ids: Tensor, **options: Any) -> Tensor:
        mask = (ids != tokenizer.pad_token_id).long()
        return generate(model, ids, attention_mask=mask, max_length=None, token_healing=None, **options)

    ids = healed(one_more, prompt.given, tokenizer)
    return {"input_ids": ids, "attention_mask": (ids != tokenizer.pad_token_id).long()}


def _prompt(model: Any, inputs: Any, config: GenerationConfig, arguments: dict[str, Any]) -> Prompt:
    if not getattr(model.config, "is_encoder_decoder", False):
        return read(model, inputs, config.bos_token_id, arguments)
    start = config.decoder_start_token_id
    return read_pair(model, inputs, config.bos_token_id if start is None else start, arguments)


def decode(plan: Plan) -> Generator[Tensor, None, Any]:
    """Greedy search, or sampling: yields the new ids (R,) of each step, and returns what generate returns."""
    config, reader, rows, width, end = plan.config, plan.reader, *plan.ids.shape, plan.end
    sampling, processors, criteria = config.do_sample, plan.processors, plan.criteria
    streams, choose = plan.streams, plan.choose
    draws = None if streams is None else streams.uniform(end - width, plan.ids.device)
    ids = torch.empty((rows, end), dtype=torch.long, device=plan.ids.device)
    ids[:, :width] = plan.ids
    ended = torch.zeros(rows, dtype=torch.bool, device=ids.device)
    keep_logits, keep_scores = ([] if wanted else None for wanted in (config.output_logits, config.output_scores))
    length = width
    while True:
        logits = reader.start() if length == width else reader.next(ids[:, :length])  # (R, V)
        logits = scores = logits.float()
        for process in processors:
            scores = process(ids[:, :length], scores)
        if keep_logits is not None:
            keep_logits.append(logits)
        if keep_scores is not None:
            keep_scores.append(scores)
        if choose is not None:
            tokens = choose(ids[:, :length], scores)
        elif not sampling:
            tokens = scores.argmax(-1)
        elif streams is None or draws is None:
            tokens = torch.multinomial(scores.softmax(-1), 1)[:, 0]
        else:
            tokens = streams.choose(scores, draws[:, length - width])
        if rows > 1 and plan.pad is not None:
            tokens = tokens.masked_fill_(ended, plan.pad)
        ids[:, length] = tokens
        length += 1
        for ends in criteria:
            ended |= ends(ids[:, :length], None if keep_scores is None else tuple(keep_scores))
        yield tokens
        if length == end or (criteria and bool(ended.all())):
            break
    if isinstance(reader, Reader):
        reader.remember(ids[:, :length])
    sequences = plan.finished(ids[:, :length])
    if not config.return_dict_in_generate:
        return sequences
    kind = GenerateDecoderOnlyOutput if plan.prompt.source is None else GenerateEncoderDecoderOutput
    return kind(
        sequences=sequences,
        scores=None if keep_scores is None else tuple(keep_scores),
        logits=None if keep_logits is None else tuple(keep_logits),
        **reader.found(),
    )


def _run(steps: Generator[Tensor, None, Any], plan: Plan, streamer: Any) -> Any:
    """Take every step, show it to the streamer, and give what the steps return."""
    if streamer is not None:
        streamer.put(plan.ids.cpu())
    while True:
        try:
            tokens = next(steps)
        except StopIteration as end:
            return end.value
        if streamer is not None:
            streamer.put(tokens.cpu())


def _streamed(model: Any, plan: Plan, tokenizer: Any) -> Iterator[Any]:
    """Each step's new ids (R,), or the text that they complete; nothing is computed before it is asked for."""
    steps, rows = decode(plan), plan.ids.shape[0]
    pieces, stops = [], plan.config.stop_strings
    cuts = [UntilStop([stops] if isinstance(stops, str) else list(stops)) for _ in range(rows)] if stops else []
    if tokenizer is not None:  # the prompt's end, because a first token may say its space only after another one
        pieces = [TextPieces(tokenizer, after, skip_special_tokens=True) for after in plan.ids[:, -8:].tolist()]
    with evaluating(model):
        while True:
            with torch.no_grad():
                tokens = next(steps, None)
            if tokens is None:
                break
            if not pieces:
                yield tokens
                continue
            texts = [own.piece([token]) for own, token in zip(pieces, tokens.tolist(), strict=True)]
            if cuts:
                texts = [cut.piece(text) for cut, text in zip(cuts, texts, strict=True)]
            if any(texts):
                yield texts[0] if rows == 1 else texts
        texts = [own.rest() for own in pieces]
        if cuts:
            texts = [cut.rest(text) for cut, text in zip(cuts, texts, strict=True)]
        if any(texts):
            yield texts[0] if rows == 1 else texts


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """No dropout within: the modules that are training stop it, and go on afterwards, also after an error."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _listed(functions: Callable | Sequence[Callable] | None) -> list[Callable]:
    """One function or several as a list."""
    if functions is None:
        return []
    return list(functions) if isinstance(functions, Sequence) else [functions]
