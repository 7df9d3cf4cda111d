"""AutoModel and its like: a checkpoint's config -> recipe -> the class of that architecture and task."""

from __future__ import annotations

import os
from functools import cache
from typing import Any, ClassVar

from bearhug.adapters.config import base_of
from bearhug.checkpoints.where import WHERE
from bearhug.models.auto_config import load_config
from bearhug.models.config import PretrainedConfig
from bearhug.models.heads import TASKS
from bearhug.models.joined import Joined
from bearhug.models.pretrained import PreTrainedModel
from bearhug.models.recipes import config_class, find
from bearhug.models.seq2seq import SEQ2SEQ_TASKS

# task: how its classes are called, after the family's name
SUFFIXES = {
    "base": "Model",
    "causal-lm": "ForCausalLM",
    "seq2seq-lm": "ForConditionalGeneration",
    "text-encoding": "EncoderModel",
    "masked-lm": "ForMaskedLM",
    "sequence-classification": "ForSequenceClassification",
    "token-classification": "ForTokenClassification",
    "question-answering": "ForQuestionAnswering",
    "multiple-choice": "ForMultipleChoice",
    "next-sentence": "ForNextSentencePrediction",
    "pretraining": "ForPreTraining",
    "sentence-order": "ForPreTraining",
    "replaced-tokens": "ForPreTraining",
    "double-heads": "DoubleHeadsModel",
}


# What a family is trained by from nothing: the first of these that it has a head for.
LEARNED = ("pretraining", "sentence-order", "replaced-tokens", "seq2seq-lm", "masked-lm", "causal-lm")


@cache
def model_class(model_type: str, task: str) -> type[PreTrainedModel]:
    """The class of an architecture and a task: `GPT2LMHeadModel` for ("gpt2", "causal-lm").

    Raises:
        ValueError: the architecture has no head for the task.
    """
    recipe = find(model_type)
    if task == "pretraining" and (learned := next((one for one in LEARNED if one in recipe.heads), task)) != task:
        return model_class(model_type, learned)
    if task == "text-encoding" and task not in recipe.heads:
        return model_class(model_type, "base")
    if task != "base" and task not in recipe.heads:
        has = ", ".join(f"AutoModel{SUFFIXES[name]}" for name in recipe.heads if name != "base")
        raise ValueError(f"{recipe.name} has no head for {task}. Load it with AutoModel, {has}.")
    head = recipe.heads.get(task)
    pair = recipe.defaults.get("is_encoder_decoder") and not (head and head.part)
    kind: type[PreTrainedModel] = Joined if recipe.made is not None else (SEQ2SEQ_TASKS if pair else TASKS)[task]
    if kind.task != task and kind.task in recipe.heads:  # one class does both
        return model_class(model_type, kind.task)
    name = (head.class_name if head else "") or recipe.name + SUFFIXES[task]
    attributes = {
        "recipe": recipe,
        "config_class": config_class(model_type),
        "__module__": "bearhug",
        "__doc__": f"{recipe.name}, task {task}. {kind.__doc__}",
    }
    return type(name, (kind,), attributes)  # type: ignore[return-value]


class _Auto:
    """Picks the class by the checkpoint's config."""

    task: ClassVar[str]

    def __init__(self, *_: Any, **__: Any):
        name = type(self).__name__
        raise OSError(f"{name} is made by {name}.from_pretrained(name) or {name}.from_config(config).")

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike, **options: Any) -> Any:
        """Load a model with this task's head; `PreTrainedModel.from_pretrained` lists every option."""
        config = options.get("config")
        place = {name: options[name] for name in WHERE if name in options}
        if config is None and (base := base_of(pretrained_model_name_or_path, place)) is not None:
            model = cls.from_pretrained(base, **{name: options[name] for name in options if name not in WHERE})
            (model[0] if isinstance(model, tuple) else model).load_adapter(pretrained_model_name_or_path, **place)
            return model
        if isinstance(config, PretrainedConfig):
            model_type = config.model_type
        else:
            place = {name: options[name] for name in (*WHERE, "gguf_file") if name in options}
            model_type = load_config(pretrained_model_name_or_path if config is None else config, **place).model_type
        return model_class(model_type, cls.task).from_pretrained(pretrained_model_name_or_path, **options)

    @classmethod
    def from_config(cls, config: PretrainedConfig, **options: Any) -> Any:
        """A model with random weights."""
        options.pop("trust_remote_code", None)
        return model_class(config.model_type, cls.task).from_config(config, **options)


def _auto(name: str, task: str, doc: str) -> type[_Auto]:
    return type(name, (_Auto,), {"task": task, "__doc__": doc, "__module__": __name__})


AutoModel = _auto("AutoModel", "base", "A model without a head: last_hidden_state.")
AutoModelForCausalLM = _auto("AutoModelForCausalLM", "causal-lm", "A model that continues text.")
AutoModelForSeq2SeqLM = _auto("AutoModelForSeq2SeqLM", "seq2seq-lm", "A model that reads a text and writes another.")
AutoModelForTextEncoding = _auto(
    "AutoModelForTextEncoding", "text-encoding", "The encoder of a model that has a decoder too: last_hidden_state."
)
AutoModelForMaskedLM = _auto("AutoModelForMaskedLM", "masked-lm", "A model that fills gaps in text.")
AutoModelForSequenceClassification = _auto(
    "AutoModelForSequenceClassification", "sequence-classification", "A model that labels texts."
)
AutoModelForTokenClassification = _auto(
    "AutoModelForTokenClassification", "token-classification", "A model that labels tokens."
)
AutoModelForQuestionAnswering = _auto(
    "AutoModelForQuestionAnswering", "question-answering", "A model that marks answers in a text."
)
AutoModelForMultipleChoice = _auto(
    "AutoModelForMultipleChoice", "multiple-choice", "A model that picks one of several texts."
)
AutoModelForNextSentencePrediction = _auto(
    "AutoModelForNextSentencePrediction", "next-sentence", "A model that tells whether a text follows another."
)
AutoModelForPreTraining = _auto(
    "AutoModelForPreTraining",
    "pretraining",
    "A model with the head, or heads, that its family is trained by from nothing.",
)
