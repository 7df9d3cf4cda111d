"""text2text-generation, summarization, translation: a text -> another, by a model with an encoder and a decoder."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from torch import Tensor

from bearhug.generation.config import ARGUMENTS, NAMES
from bearhug.pipelines.explain import arguments, loading, to_device, written
from bearhug.pipelines.steps import Options, Pipeline
from bearhug.pipelines.tokens import decode, encode

# Where neither the caller nor the model's generation_config says otherwise.
DEFAULTS = {"max_new_tokens": 256, "num_beams": 4}


class Text2TextGenerationPipeline(Pipeline):
    """A text -> [{"generated_text"}]; texts -> a record for each.

    Keywords of the text: `truncation`; `prefix` stands before each text, by default what the config says for the task;
    `return_tensors=True` gives generated_token_ids; `clean_up_tokenization_spaces`; `stop_sequence`. All else is
    `generate`'s: `max_new_tokens` (256), `num_beams` (4), ..., and `seed=`.
    """

    default_input_names = "text_inputs"
    head = "seq2seq-lm"
    model_class = "AutoModelForSeq2SeqLM"
    example = "A bear hug is very warm."
    name: ClassVar[str] = "generated"  # of what comes back

    def __init__(self, model: Any, tokenizer: Any = None, *, task: str = "", **options: Any):
        told = (getattr(model.config, "task_specific_params", None) or {}).get(task) or {}
        prefix = told.get("prefix", getattr(model.config, "prefix", None))
        self._told = {name: value for name, value in told.items() if name in NAMES}
        super().__init__(model, tokenizer, task=task, **({"prefix": prefix} if prefix else {}), **options)

    def passes_on(self) -> dict[str, Iterable[str]]:
        """The options of `generate`."""
        return {"_forward": (*NAMES, *ARGUMENTS, "generation_config", "schema", "regex", "grammar", "seed")}

    def _sanitize_parameters(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        if "stop_sequence" in options:
            options["stop_strings"] = options.pop("stop_sequence")
        return super()._sanitize_parameters(**options)

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Write a text for one text, or for each of several; of several, each one's only record stands by itself."""
        answers = super().__call__(*inputs, **options)
        several = isinstance(answers, list) and answers and all(isinstance(one, list) for one in answers)
        return [one[0] for one in answers] if several and all(len(one) == 1 for one in answers) else answers

    def preprocess(self, text: str, *, prefix: str | None = None, truncation: Any = None) -> dict[str, Any]:
        """A text -> tensors (1, T)."""
        if not isinstance(text, str):
            raise ValueError(
                f"{self.task or 'text2text-generation'} reads texts, and got {type(text).__name__} {text!r:.60}.\n"
                'Give it one text, or several as a list: pipe(["one", "another"]).'
            )
        given = {} if truncation is None else {"truncation": truncation}
        encoded = encode(self, (prefix or "") + text, **given)
        return {name: encoded[name] for name in ("input_ids", "attention_mask") if name in encoded}

    def _prepared(self, row: Any, number: int, options: dict[str, Any]) -> list[Any]:
        return [{**self.preprocess(row, **options), "row": number}]

    def _may_sort(self, options: Options) -> bool:
        forward = options["_forward"]
        return forward.get("seed") is not None or not self._settings(forward).get("do_sample")

    def _settings(self, options: dict[str, Any]) -> dict[str, Any]:
        """The options of generate: what the task says, and the pipeline's defaults for what nobody set."""
        given = self.model.generation_config.to_diff_dict() | self._told
        if options.get("generation_config") is not None:
            given |= options["generation_config"].to_diff_dict()
        given |= {name: value for name, value in options.items() if value is not None}
        added = {name: value for name, value in DEFAULTS.items() if name not in given}
        if "max_length" in given:
            added.pop("max_new_tokens", None)
        limit = getattr(self.model, "position_limit", None)
        if "max_new_tokens" in added and limit is not None:
            added["max_new_tokens"] = min(added["max_new_tokens"], limit)
        return {**self._told, **added, **{name: value for name, value in options.items() if value is not None}}

    def _forward(self, model_inputs: dict[str, Any], **options: Any) -> dict[str, Any]:
        inputs = dict(model_inputs)
        rows = inputs.pop("row", 0)
        if options.get("seed") is not None:  # each row has draws of its own
            options["seed"] = [(options["seed"], row) for row in (rows if isinstance(rows, list) else [rows])]
        if isinstance(inputs.get("forced_bos_token_id"), list):  # of several rows in one batch
            inputs["forced_bos_token_id"] = inputs["forced_bos_token_id"][0]
        settings = self._settings(options)
        if any(settings.get(name) is not None for name in ("stop_strings", "schema", "regex", "grammar")):
            settings["tokenizer"] = self.tokenizer
        output = self.model.generate(**{**inputs, **settings})
        ids = output["sequences"] if isinstance(output, Mapping) else output
        count = len(inputs["input_ids"])
        return {"output_ids": ids.reshape(count, len(ids) // count, -1)}

    def postprocess(
        self,
        model_outputs: dict[str, Tensor],
        *,
        return_tensors: bool | None = None,
        return_text: bool | None = None,
        return_type: Any = None,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> list[dict[str, Any]]:
        """The ids (1, each, T) of one text -> a record for each sequence."""
        kind = getattr(return_type, "value", return_type)
        sequences = model_outputs["output_ids"][0]
        if kind == 0 or (kind is None and return_tensors):
            return [{f"{self.name}_token_ids": ids} for ids in sequences]
        options = {"skip_special_tokens": True, "clean_up_tokenization_spaces": clean_up_tokenization_spaces}
        return [{f"{self.name}_text": decode(self.tokenizer, ids, **options)} for ids in sequences.tolist()]

    def code(self, inputs: Any = None, **options: Any) -> str:
        """The plain code that a call stands for."""
        chosen = self._merged(options)
        before, after = chosen["preprocess"], chosen["postprocess"]
        given = {"truncation": before["truncation"]} if before.get("truncation") is not None else {}
        settings = {name: value for name, value in self._settings(chosen["_forward"]).items() if value is not None}
        if (config := settings.pop("generation_config", None)) is not None:
            settings = {**config.to_diff_dict(), **settings}
        for name, value in self.preprocess(inputs, **before).items():
            if not isinstance(value, Tensor):
                settings[name] = value
        needs = ("stop_strings", "schema", "regex", "grammar")
        tokenizer = ", tokenizer=tokenizer" if any(settings.get(name) is not None for name in needs) else ""
        languages = "".join(
            f"tokenizer.{name} = {written(before[name])}\n"
            for name in ("src_lang", "tgt_lang")
            if before.get(name) is not None and hasattr(self.tokenizer, name)
        )
        clean = after.get("clean_up_tokenization_spaces")
        shown = {"skip_special_tokens": True} | ({} if clean is None else {"clean_up_tokenization_spaces": clean})
        return f"""{loading(self, torch=False)}
{languages}text = {written((before.get("prefix") or "") + inputs)}
encoded = tokenizer(text, {arguments(**given, return_tensors="pt")}){to_device(self)}  # ids (1, T)
ids, mask = encoded["input_ids"], encoded["attention_mask"]
sequences = model.generate(ids, attention_mask=mask, {arguments(**settings)}{tokenizer})
result = [
    {{"{self.name}_text": tokenizer.decode(sequence, {arguments(**shown)})}}
    for sequence in sequences.tolist()
]
print(result)
"""


class SummarizationPipeline(Text2TextGenerationPipeline):
    """A text -> [{"summary_text"}]; keywords as of text2text-generation."""

    default_input_names = "documents"
    name = "summary"


class TranslationPipeline(Text2TextGenerationPipeline):
    """A text -> [{"translation_text"}]; keywords as of text2text-generation, and `src_lang`, `tgt_lang`.

    "translation_en_to_de" names both languages; tokenizers that have many take theirs from them.
    """

    default_input_names = "text"
    name = "translation"

    def __init__(self, model: Any, tokenizer: Any = None, *, task: str = "", **options: Any):
        languages = re.fullmatch(r"translation_(\w+?)_to_(\w+)", task)
        named = dict(zip(("src_lang", "tgt_lang"), languages.groups(), strict=True)) if languages else {}
        super().__init__(model, tokenizer, task=task, **{**named, **options})

    def preprocess(
        self,
        text: str,
        *,
        prefix: str | None = None,
        truncation: Any = None,
        src_lang: str | None = None,
        tgt_lang: str | None = None,
    ) -> dict[str, Any]:
        """A text -> tensors (1, T), and the token that tells the language to write."""
        build = getattr(self.tokenizer, "_build_translation_inputs", None)
        if build is None or not isinstance(text, str):
            return super().preprocess(text, prefix=prefix, truncation=truncation)
        given = {} if truncation is None else {"truncation": truncation}
        return dict(build((prefix or "") + text, return_tensors="pt", src_lang=src_lang, tgt_lang=tgt_lang, **given))
