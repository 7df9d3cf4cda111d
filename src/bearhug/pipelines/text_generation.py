"""text-generation: a prompt, or a conversation, -> its continuation."""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from bearhug.generation.config import ARGUMENTS, NAMES
from bearhug.pipelines.explain import arguments, loading, to_device, written
from bearhug.pipelines.steps import Options, Pipeline, is_chat, is_message
from bearhug.pipelines.tokens import decode

# Where neither the caller nor the model's generation_config says otherwise.
DEFAULTS = {"max_new_tokens": 256, "do_sample": True, "temperature": 0.7}
FORMS = ("schema", "regex", "grammar")
FUNCTIONS = (*FORMS, "logits_processor", "stopping_criteria", "prefix_allowed_tokens_fn", "synced_gpus", "streamer")


class ReturnType(Enum):
    """What comes back: ids, the new text alone, or the prompt with it."""

    TENSORS = 0
    NEW_TEXT = 1
    FULL_TEXT = 2


class TextGenerationPipeline(Pipeline):
    """A prompt -> [{"generated_text"}]; a conversation, a list of {"role", "content"}, -> it with the model's answer.

    Keywords of the text: `return_full_text=False` leaves the prompt out; `return_tensors=True` gives
    generated_token_ids; `prefix` stands before each prompt; `stop_sequence`; `truncation`, `max_length`;
    `handle_long_generation="hole"` cuts the prompt's left end to make room; `tools`, `documents` and
    `continue_final_message` are for conversations. All else is `generate`'s: `max_new_tokens` (256), `do_sample`
    (True), `temperature` (0.7), ..., and beyond the reference `seed=`, which gives each row a random stream of its own,
    `stream=True`, which gives an iterator of pieces of text, and `schema=`, `regex=` or `grammar=`, the form that the
    new text has.

    Example:
        >>> from bearhug import pipeline
        >>> pipe = pipeline("text-generation", model="bearhug/storyteller")
        >>> answer = pipe("Once upon a time", max_new_tokens=8, do_sample=False)
        >>> answer[0]["generated_text"].startswith("Once upon a time")
        True
    """

    default_input_names = "text_inputs"
    head = "causal-lm"
    model_class = "AutoModelForCausalLM"
    example = "Once upon a time"

    def __init__(self, model: Any, tokenizer: Any = None, **options: Any):
        prefix = getattr(getattr(model, "config", None), "prefix", None)
        super().__init__(model, tokenizer, **({"prefix": prefix} if prefix else {}), **options)
        if self.tokenizer is not None and self.tokenizer.padding_side == "right":
            self.tokenizer.padding_side = "left"  # the next token stands right of the prompt

    def passes_on(self) -> dict[str, Iterable[str]]:
        """The options of `generate`."""
        return {"_forward": (*NAMES, *ARGUMENTS, "generation_config", *FUNCTIONS)}

    def __call__(self, *inputs: Any, stream: bool = False, **options: Any) -> Any:
        """Continue one prompt or conversation, or several.

        Args:
            stream: give one prompt's new text piece by piece, as an iterator.
            options: see the class; `seed=7`: row i draws from (7, i) alone.
        """
        given = self._given(inputs, options)
        if isinstance(given, Iterator):
            given = _chat_or_rows(given)
        if not stream:
            return super().__call__(given, **options)
        if not isinstance(given, str) and not is_chat(given):
            raise ValueError("stream=True shows one prompt's text as it comes; give it one text or one conversation.")
        chosen = self._merged(options)
        (part,) = self._prepared(given, 0, chosen["preprocess"])
        return self._generate(part, **chosen["_forward"], stream=True, tokenizer=self.tokenizer)

    def _sanitize_parameters(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        kinds = [
            name for name in ("return_full_text", "return_text", "return_tensors") if options.get(name) is not None
        ]
        if len(kinds) > 1 and options.get("return_type") is None:
            raise ValueError(f"{kinds[0]} and {kinds[1]} exclude one another; leave one of them out.")
        hole = options.get("handle_long_generation")
        if hole not in (None, "hole"):
            raise ValueError(
                f"handle_long_generation is {hole!r}; it can be 'hole', which cuts the prompt's left end, or None."
            )
        if not isinstance(options.get("seed", 0), int | None):
            raise TypeError(f"seed is {options['seed']!r}; give one number: row i draws from (seed, i).")
        if "stop_sequence" in options:
            options["stop_strings"] = options.pop("stop_sequence")
        return super()._sanitize_parameters(**options)

    def _merged(self, options: dict[str, Any]) -> Options:
        merged = super()._merged(options)
        if "generation_config" in options:  # it stands instead of what was given at the start
            merged["_forward"] = self._sorted(options)["_forward"]
        return merged

    def _answers(self, rows: Iterable[Any], batch_size: int, options: Options, single: bool = False) -> Iterator[Any]:
        if not single and not self._may_sort(options):
            torch.empty((), dtype=torch.int64).random_()  # the reference's DataLoader draws one number for its workers
        return super()._answers(rows, batch_size, options, single)

    def _may_sort(self, options: Options) -> bool:
        """Without a seed, the draws from torch's global numbers come in the rows' order."""
        given = self._given_options(options["_forward"])
        return options["_forward"].get("seed") is not None or not {**given, **self._defaults(given)}["do_sample"]

    def _prepared(self, row: Any, number: int, options: dict[str, Any]) -> list[Any]:
        return [{**self.preprocess(row, **options), "row": number}]

    def preprocess(
        self,
        prompt_text: Any,
        *,
        prefix: str | None = None,
        handle_long_generation: str | None = None,
        add_special_tokens: bool | None = None,
        truncation: Any = None,
        padding: Any = None,
        max_length: int | None = None,
        continue_final_message: bool | None = None,
        tokenizer_encode_kwargs: dict[str, Any] | None = None,
        tools: list[Any] | None = None,
        documents: list[Any] | None = None,
        max_new_tokens: int | None = None,
        generation_config: Any = None,
    ) -> dict[str, Any]:
        """A prompt or a conversation -> tensors (1, T), and itself as `prompt_text`."""
        given = {"add_special_tokens": add_special_tokens, "truncation": truncation, "padding": padding}
        if truncation or padding == "max_length":
            given["max_length"] = max_length
        given = {name: value for name, value in given.items() if value is not None} | (tokenizer_encode_kwargs or {})
        if is_chat(prompt_text):
            given.pop("add_special_tokens", None)  # a template writes its own
            goes_on = _goes_on(prompt_text, continue_final_message)
            given |= {name: value for name, value in (("tools", tools), ("documents", documents)) if value is not None}
            encoded = self.tokenizer.apply_chat_template(
                list(prompt_text),
                add_generation_prompt=not goes_on,
                continue_final_message=goes_on,
                return_dict=True,
                return_tensors="pt",
                **given,
            )
        elif isinstance(prompt_text, str):
            encoded = self.tokenizer((prefix or "") + prompt_text, return_tensors="pt", **given)
        else:
            raise ValueError(
                f"text-generation continues a text or a conversation, and got {type(prompt_text).__name__} "
                f"{prompt_text!r:.60}.\n"
                'Give it a text, or messages: [{"role": "user", "content": "Hello"}].'
            )
        inputs = {name: encoded[name] for name in ("input_ids", "attention_mask") if name in encoded}
        empty = inputs["input_ids"].shape[1] == 0
        if empty and (bos := self._begin()) is not None:
            inputs = {"input_ids": torch.tensor([[bos]]), "attention_mask": torch.ones(1, 1, dtype=torch.long)}
        if handle_long_generation == "hole":
            lengths = {
                "max_new_tokens": max_new_tokens,
                "max_length": max_length,
                "generation_config": generation_config,
            }
            inputs = self._cut(inputs, {name: value for name, value in lengths.items() if value is not None})
        return {**inputs, "prompt_text": prompt_text, "empty": empty}

    def _begin(self) -> int | None:
        """The token that an empty prompt starts from."""
        own = self._given_options({}).get("bos_token_id")
        return own if own is not None else self.tokenizer.bos_token_id

    def _cut(self, inputs: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
        """Leave the right end of the prompt, so that the new tokens fit behind it."""
        limits = [getattr(self.tokenizer, "model_max_length", None), getattr(self.model, "position_limit", None)]
        most = min((limit for limit in limits if limit is not None and limit < 1e9), default=None)
        given, length = self._given_options(options), inputs["input_ids"].shape[1]
        new = {**given, **self._defaults(given)}.get("max_new_tokens")
        new = given["max_length"] - length if new is None else new
        if new < 0:
            raise ValueError(
                f"the prompt has {length} tokens, more than max_length={given['max_length']}, so it is not known how "
                "many should follow.\nPass max_new_tokens=20."
            )
        if most is None or length + new <= most:
            return inputs
        if new >= most:
            raise ValueError(
                f"max_new_tokens={new} leaves no room for a prompt: the model reads {most} tokens.\n"
                f"Pass max_new_tokens={most // 2} or less."
            )
        return {name: value[:, new - most :] for name, value in inputs.items()}

    def _forward(
        self,
        model_inputs: dict[str, Any],
        *,
        truncation: Any = None,
        prefix: str | None = None,
        add_special_tokens: bool = False,
        seed: int | None = None,
        **options: Any,
    ) -> Any:
        ids = model_inputs["input_ids"]
        output = self._generate(
            model_inputs,
            truncation=truncation,
            prefix=prefix,
            add_special_tokens=add_special_tokens,
            seed=seed,
            **options,
        )
        results = dict(output) if isinstance(output, Mapping) else {"sequences": output}
        sequences = results.pop("sequences")  # (B * each, T + N)
        shape = (len(ids), len(sequences) // len(ids))
        answer = {"generated_sequence": sequences.reshape(*shape, -1), "prompt_length": ids.shape[1]}
        answer |= {name: model_inputs[name] for name in ("prompt_text", "empty")}
        for name, value in results.items():
            if isinstance(value, tuple) and value and isinstance(value[0], Tensor) and len(value[0]) == len(sequences):
                value = torch.stack(value).swapaxes(0, 1)  # of each step -> of each sequence
            if isinstance(value, Tensor) and len(value) == len(sequences):
                answer[name] = value.reshape(*shape, *value.shape[1:])
        return answer

    def _generate(
        self,
        inputs: dict[str, Any],
        *,
        truncation: Any = None,
        prefix: str | None = None,
        add_special_tokens: bool = False,
        seed: int | None = None,
        **options: Any,
    ) -> Any:
        """`model.generate` with the options that were given, and the pipeline's defaults for the others."""
        if seed is not None:
            rows = inputs["row"] if isinstance(inputs["row"], list) else [inputs["row"]]
            options["seed"] = [(seed, row) for row in rows]
        before = len(self.tokenizer(prefix, add_special_tokens=add_special_tokens)["input_ids"]) if prefix else 0
        options = self._fitting(inputs, options, bool(truncation), before)
        if any(options.get(name) is not None for name in ("stop_strings", *FORMS)):
            options["tokenizer"] = self.tokenizer
        return self.model.generate(
            input_ids=inputs["input_ids"], attention_mask=inputs.get("attention_mask"), **options
        )

    def _fitting(self, inputs: dict[str, Any], options: dict[str, Any], truncated: bool, before: int) -> dict[str, Any]:
        """The options of generate, with the pipeline's defaults, in lengths that fit the prompt and the model.

        Args:
            truncated: the prompt was cut to max_length; where that leaves no room, max_length is not generate's too.
            before: tokens of the prefix, which max_length and min_length do not count.
        """
        ids, mask = inputs["input_ids"], inputs.get("attention_mask")
        given = self._given_options(options)
        if truncated and "max_new_tokens" not in given and ids.shape[1] >= given.get("max_length", ids.shape[1] + 1):
            options = {name: value for name, value in options.items() if name != "max_length"}
            del given["max_length"]
        added = self._defaults(given)
        limit = getattr(self.model, "position_limit", None)
        if "max_new_tokens" in added and limit is not None:
            width = ids.shape[1] if mask is None else int(mask.sum(-1).max())
            added["max_new_tokens"] = max(1, min(added["max_new_tokens"], limit + 1 - width))
        for length, new in (("max_length", "max_new_tokens"), ("min_length", "min_new_tokens")):
            if before and length in given and new not in given:
                added[length] = given[length] + before
        return {**options, **added}

    def _given_options(self, options: dict[str, Any]) -> dict[str, Any]:
        """What is set: by the model's own config, by a generation_config, by keywords."""
        given = self.model.generation_config.to_diff_dict()
        if options.get("generation_config") is not None:
            given |= options["generation_config"].to_diff_dict()
        return given | {name: value for name, value in options.items() if name in NAMES and value is not None}

    def _defaults(self, given: dict[str, Any]) -> dict[str, Any]:
        """The pipeline's own options, for what is not set."""
        added = {name: value for name, value in DEFAULTS.items() if name not in given}
        if "max_length" in given:
            added.pop("max_new_tokens", None)
        if not {**added, **given}["do_sample"]:
            added.pop("temperature", None)
        if "pad_token_id" not in given and self.tokenizer.pad_token_id is not None:
            added["pad_token_id"] = self.tokenizer.pad_token_id
        return added

    def _run(self, parts: list[Any], options: dict[str, Any]) -> list[Any]:
        outputs = super()._run(parts, options)
        if len(parts) > 1:
            given = self._given_options(options)
            settings = {**self._defaults(given), **given}
            for part, output in zip(parts, outputs, strict=True):
                self._take_padding_off(output, part["input_ids"].shape[1], settings)
        return outputs

    def _take_padding_off(self, output: dict[str, Any], length: int, settings: dict[str, Any]) -> None:
        """Leave what the row's sequences (1, each, T + N) would be outside of a batch: no padding on the left, and on
        the right only what its own longest sequence needs.
        """
        eos, stops = settings.get("eos_token_id"), settings.get("stop_strings") or []
        ends: list[int] = [eos] if isinstance(eos, int) else list(eos or ())
        pad = settings.get("pad_token_id", ends[0] if ends else None)
        start, sequences = output["prompt_length"], output["generated_sequence"][0]
        longest = 0
        for ids in sequences[:, start:].tolist():
            end = len(ids)
            while end and ids[end - 1] == pad:
                end -= 1
            if end < len(ids) and pad in ends:  # the first one is the end token, unless a stop string was there before
                text = decode(self.tokenizer, ids[:end])
                end += not any(stop in text for stop in ([stops] if isinstance(stops, str) else stops))
            longest = max(longest, end)
        output["generated_sequence"] = sequences[None, :, start - length : start + longest]
        output["prompt_length"] = length

    def postprocess(
        self,
        model_outputs: Any,
        *,
        return_full_text: bool | None = None,
        return_text: bool | None = None,
        return_tensors: bool | None = None,
        return_type: Any = None,
        clean_up_tokenization_spaces: bool | None = None,
        continue_final_message: bool | None = None,
        skip_special_tokens: bool | None = None,
    ) -> list[dict[str, Any]]:
        """The results of one prompt -> a record for each sequence."""
        prompt = model_outputs["prompt_text"]
        start = 0 if model_outputs["empty"] else model_outputs["prompt_length"]  # the begin token is no prompt
        kind = ReturnType(getattr(return_type, "value", return_type)) if return_type is not None else None
        if kind is None and return_tensors:
            kind = ReturnType.TENSORS
        further = {
            name: value[0].tolist()
            for name, value in model_outputs.items()
            if isinstance(value, Tensor) and name != "generated_sequence"
        }
        records = []
        for index, ids in enumerate(model_outputs["generated_sequence"][0].tolist()):
            if kind is ReturnType.TENSORS:
                records.append({"generated_token_ids": ids})
                continue
            text = decode(
                self.tokenizer,
                ids[start:],
                skip_special_tokens=skip_special_tokens is not False,
                clean_up_tokenization_spaces=clean_up_tokenization_spaces,
            )
            if kind is ReturnType.FULL_TEXT or (kind is None and return_full_text is not False):
                text = _joined(prompt, text, continue_final_message)
            records.append({"generated_text": text, **{name: values[index] for name, values in further.items()}})
        return records

    def record(self, answer: Any) -> dict[str, Any]:
        """{"generated_text"}: the first sequence's text, or of a conversation the message that was added."""
        first = dict(answer[0])
        if is_chat(first.get("generated_text")):
            first["generated_text"] = first["generated_text"][-1]["content"]
        return first

    def code(self, inputs: Any = None, **options: Any) -> str:
        """The plain code that a call stands for."""
        chosen = self._merged(options)
        (part,) = self._prepared(inputs, 0, chosen["preprocess"])
        before, after = chosen["preprocess"], chosen["postprocess"]
        forward = {name: value for name, value in chosen["_forward"].items() if value is not None}
        seed = {"seed": forward.pop("seed")} if "seed" in forward else {}
        prefix, special = before.get("prefix") or "", bool(forward.pop("add_special_tokens", False))
        forward.pop("prefix", None)
        ahead = len(self.tokenizer(prefix, add_special_tokens=special)["input_ids"]) if prefix else 0
        forward = self._fitting(part, forward, bool(forward.pop("truncation", None)), ahead)
        if hasattr(forward.get("schema"), "model_json_schema"):
            forward["schema"] = forward["schema"].model_json_schema()
        if (config := forward.pop("generation_config", None)) is not None:
            forward = {**{name: value for name, value in config.to_diff_dict().items() if value is not None}, **forward}
        tokenizer = ""
        if any(forward.get(name) is not None for name in ("stop_strings", *FORMS)):
            tokenizer = ", tokenizer=tokenizer"
        decode = {"skip_special_tokens": after.get("skip_special_tokens") is not False}
        if after.get("clean_up_tokenization_spaces") is not None:
            decode["clean_up_tokenization_spaces"] = after["clean_up_tokenization_spaces"]
        names = ("add_special_tokens", "truncation", "padding")
        encode = {name: before[name] for name in names if before.get(name) is not None}
        if before.get("max_length") is not None and (encode.get("truncation") or encode.get("padding") == "max_length"):
            encode["max_length"] = before["max_length"]
        encode |= before.get("tokenizer_encode_kwargs") or {}
        if is_chat(inputs):
            goes_on = _goes_on(inputs, before.get("continue_final_message"))
            encode = {
                "add_generation_prompt": not goes_on,
                "continue_final_message": goes_on,
                "return_dict": True,
                **{name: before[name] for name in ("tools", "documents") if before.get(name) is not None},
                **{name: value for name, value in encode.items() if name != "add_special_tokens"},
            }
            read = f"messages = {written(list(inputs))}\nencoded = tokenizer.apply_chat_template(messages"
            full = '[*messages, {"role": "assistant", "content": text}]'
            if goes_on:
                full = '[*messages[:-1], {**messages[-1], "content": messages[-1]["content"] + text}]'
        else:
            read = f"prompt = {written(inputs)}\nencoded = tokenizer({written(prefix) + ' + ' if prefix else ''}prompt"
            full = "prompt + text"
        ids = part["input_ids"].shape[1]
        read += f", {arguments(**encode, return_tensors='pt')}){to_device(self)}  # ids (1, T)"
        kind = after.get("return_type")
        kind = ReturnType(getattr(kind, "value", kind)) if kind is not None else None
        if kind is ReturnType.TENSORS or (kind is None and after.get("return_tensors")):
            loop = 'result.append({"generated_token_ids": sequence})'
        else:
            shown = "text" if kind is ReturnType.NEW_TEXT or after.get("return_full_text") is False else full
            loop = f"""text = tokenizer.decode(sequence[encoded["input_ids"].shape[1] :], {arguments(**decode)})
    result.append({{"generated_text": {shown}}})"""
        cut = ""
        if before.get("handle_long_generation") == "hole":
            cut = (
                f"\nencoded = {{name: value[:, -{ids}:] for name, value in encoded.items()}}  # room for the new tokens"
            )
        return f"""{loading(self, torch=False)}
{read}{cut}
ids, mask = encoded["input_ids"], encoded["attention_mask"]
sequences = model.generate(ids, attention_mask=mask, {arguments(**forward, **seed)}{tokenizer})
result = []
for sequence in sequences.tolist():
    {loop}
print(result)
"""


def _goes_on(chat: Any, wanted: bool | None) -> bool:
    """Whether the last message is continued: as asked, or where it is the assistant's."""
    return chat[-1]["role"] == "assistant" if wanted is None else wanted


def _joined(prompt: Any, text: str, wanted: bool | None) -> Any:
    """The prompt with the new text; a conversation with it as its last message, or in it."""
    if isinstance(prompt, str):
        return prompt + text
    if _goes_on(prompt, wanted):
        return [*prompt[:-1], {"role": prompt[-1]["role"], "content": prompt[-1]["content"] + text}]
    return [*prompt, {"role": "assistant", "content": text}]


def _chat_or_rows(items: Iterator[Any]) -> Any:
    """An iterator of messages is one conversation; any other is one of rows."""
    first = next(items, None)
    if first is None:
        return []
    return [first, *items] if is_message(first) else chain([first], items)
