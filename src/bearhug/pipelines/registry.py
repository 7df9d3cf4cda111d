"""`pipeline(task, model)`: which task is meant, which model answers it, and the pipeline around it."""

import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch

from bearhug._lib.errors import near
from bearhug.hub.client import nursery_names, open_repo
from bearhug.hub.reach import endpoint, offline, require
from bearhug.pipelines.steps import Pipeline

log = logging.getLogger("bearhug")


@dataclass(frozen=True)
class Task:
    """A task: its class (module:name, or the class), the reference's default model with its revision, the nursery's."""

    pipeline: str | type
    default: tuple[str, str] | None = None
    nursery: str | None = None

    def load(self) -> type:
        """The class."""
        if not isinstance(self.pipeline, str):
            return self.pipeline
        module, name = self.pipeline.split(":")
        return getattr(import_module(f"bearhug.pipelines.{module}"), name)


TASKS = {
    "text-classification": Task(
        "text_classification:TextClassificationPipeline",
        ("distilbert/distilbert-base-uncased-finetuned-sst-2-english", "714eb0f"),
        "bearhug/sentiment-en",
    ),
    "text-generation": Task(
        "text_generation:TextGenerationPipeline", ("HuggingFaceTB/SmolLM3-3B", "a07cc9a"), "bearhug/storyteller"
    ),
    "fill-mask": Task("fill_mask:FillMaskPipeline", ("distilbert/distilroberta-base", "fb53ab8")),
    "token-classification": Task(
        "token_classification:TokenClassificationPipeline",
        ("dbmdz/bert-large-cased-finetuned-conll03-english", "4c53496"),
    ),
    "text2text-generation": Task("text_to_text:Text2TextGenerationPipeline", ("google-t5/t5-base", "a9723ea")),
    "summarization": Task("text_to_text:SummarizationPipeline", ("sshleifer/distilbart-cnn-12-6", "a4f8f3e")),
    "translation": Task("text_to_text:TranslationPipeline", ("google-t5/t5-base", "a9723ea")),
    "feature-extraction": Task(
        "feature_extraction:FeatureExtractionPipeline", ("distilbert/distilbert-base-cased", "6ea8117")
    ),
}
ALIASES = {
    "sentiment-analysis": "text-classification",
    "ner": "token-classification",
    "text-to-speech": "text-to-audio",
    "vqa": "visual-question-answering",
    "conversational": "text-generation",
}
# Known in version 4 or 5 of the reference, and not built yet.
LATER = (
    "any-to-any",
    "audio-classification",
    "automatic-speech-recognition",
    "decision",
    "depth-estimation",
    "document-question-answering",
    "image-classification",
    "image-feature-extraction",
    "image-segmentation",
    "image-text-to-text",
    "image-to-image",
    "image-to-text",
    "keypoint-matching",
    "mask-generation",
    "object-detection",
    "question-answering",
    "table-question-answering",
    "text-to-audio",
    "video-classification",
    "visual-question-answering",
    "zero-shot-audio-classification",
    "zero-shot-classification",
    "zero-shot-image-classification",
    "zero-shot-object-detection",
)
HEADS = {  # how the name of a model's class ends -> its task
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForMaskedLM": "fill-mask",
    "ForPreTraining": "fill-mask",
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
    "ForConditionalGeneration": "text2text-generation",
    "MTModel": "text2text-generation",
    "EncoderDecoderModel": "text2text-generation",
    "ForQuestionAnswering": "question-answering",
    "Model": "feature-extraction",
}


def pipeline(
    task: str | None = None,
    model: Any = None,
    config: Any = None,
    tokenizer: Any = None,
    feature_extractor: Any = None,
    image_processor: Any = None,
    processor: Any = None,
    *,
    revision: str | None = None,
    use_fast: bool = True,
    token: str | bool | None = None,
    device: int | str | torch.device | None = None,
    device_map: Any = None,
    dtype: Any = "auto",
    torch_dtype: Any = None,
    trust_remote_code: bool | None = None,
    model_kwargs: Mapping[str, Any] | None = None,
    pipeline_class: type | None = None,
    local_files_only: bool = False,
    cache_dir: str | os.PathLike | None = None,
    framework: str | None = None,
    **options: Any,
) -> Any:
    """A pipeline for a task, a model, or both.

    Args:
        task: "text-classification" (also "sentiment-analysis"), "text-generation", "fill-mask", "token-classification"
            (also "ner"), "feature-extraction", "text2text-generation", "summarization", "translation" (also
            "translation_en_to_de" and its like). None: what the model was made for.
        model: a name, a folder, or a model. None: the reference's default for the task where it is cached or a hub has
            it, else the one that comes with bearhug; a line says which.
        config: of the model, where it is not the model's own.
        tokenizer: a name, a folder, or a tokenizer; None: the model's.
        revision, token, local_files_only, cache_dir: where and how to look for a name.
        device: "cpu", "cuda:0", a number; None: an accelerator where there is one, for a model given as an object where
            it is.
        dtype: "auto" is the checkpoint's.
        model_kwargs: further options of the model's `from_pretrained`.
        pipeline_class: a class of your own.
        use_fast, framework, trust_remote_code: accepted; they change nothing.
        options: what the task's steps take, and `batch_size`, `num_workers`.

    Raises:
        KeyError: no task has this name, or it is not built yet; the near ones are named.
        RuntimeError: neither task nor model, or a tokenizer without a model.
        ValueError: the model has another head than the task needs.
        OSError: the model cannot be found.

    Example:
        >>> from bearhug import pipeline
        >>> pipe = pipeline(model="bearhug/sentiment-en")
        >>> pipe.task
        'text-classification'
        >>> pipe("I hate self-referential jokes!")[0]["label"]
        'NEGATIVE'
    """
    if task is None and model is None:
        raise RuntimeError(
            'pipeline() was given neither a task nor a model.\nSay one: pipeline("text-classification"), or '
            'pipeline(model="bearhug/sentiment-en").'
        )
    if model is None and (tokenizer is not None or feature_extractor is not None):
        raise RuntimeError(
            "a tokenizer was given without a model, and would not fit the default one.\n"
            "Pass the model that it belongs to: pipeline(task, model=..., tokenizer=...)."
        )
    token = options.pop("use_auth_token", None) if token is None else token
    for ignored in ("use_auth_token", "code_revision", "video_processor", "_commit_hash"):
        options.pop(ignored, None)
    if trust_remote_code:
        log.warning("trust_remote_code=True does nothing: bearhug runs no code out of a repository.")
    where: dict[str, Any] = {"revision": revision, "token": token, "cache_dir": cache_dir}
    where |= {"local_files_only": local_files_only or None}
    where = {name: value for name, value in where.items() if value is not None}
    known = _task(task, model if isinstance(model, str) else None) if task is not None else None
    if model is None:
        assert known is not None
        model, found = _default(known, where)
        where |= found
    if isinstance(model, os.PathLike):
        model = os.fspath(model)
    if known is None:
        known = _task_of(model, config, where)
    chosen = pipeline_class or PIPELINE_REGISTRY.supported_tasks[known].load()
    source = None
    if isinstance(model, str):
        loading = {**dict(model_kwargs or {}), **_dtype(dtype, torch_dtype, model_kwargs or {})}
        loading |= {"config": _config(config, where)} if config is not None else {}
        loading |= {"device_map": device_map} if device_map is not None else {}
        name, plain = model, config is None and device_map is None
        model = _auto(chosen).from_pretrained(name, **where, **loading)
        if device is None and device_map is None:
            device = torch.accelerator.current_accelerator() or "cpu"
        if plain and (tokenizer is None or isinstance(tokenizer, str)):
            source = {"model": name, "tokenizer": tokenizer or name, "where": where, "options": loading}
        tokenizer = name if tokenizer is None else tokenizer
    tokenizer = _tokenizer(tokenizer, model, where)
    parts = {"feature_extractor": feature_extractor, "image_processor": image_processor, "processor": processor}
    parts = {name: part for name, part in parts.items() if part is not None}
    named = task if task is not None and task.startswith("translation_") else known  # it names the languages
    pipe = chosen(model=model, tokenizer=tokenizer, task=named, device=device, **parts, **options)
    pipe.source = source
    return pipe


class PipelineRegistry:
    """The tasks there are; `register_pipeline` adds one of your own."""

    def __init__(self, supported_tasks: dict[str, Task], task_aliases: dict[str, str]):
        self.supported_tasks, self.task_aliases = supported_tasks, task_aliases

    def get_supported_tasks(self) -> list[str]:
        """Their names, aliases included, sorted."""
        own = [alias for alias, task in self.task_aliases.items() if task in self.supported_tasks]
        return sorted([*self.supported_tasks, *own])

    def check_task(self, task: str) -> tuple[str, Task, None]:
        """The task's own name, and what is known of it.

        Raises:
            KeyError: no task has this name, or it is not built yet.
        """
        name = _task(task)
        return name, self.supported_tasks[name], None

    def register_pipeline(
        self,
        task: str,
        pipeline_class: type[Pipeline],
        pt_model: Any = None,
        default: Any = None,
        type: str | None = None,
    ) -> None:
        """Make `pipeline(task)` mean a class of your own.

        Args:
            pt_model: the Auto class that loads its models, where the class does not say `model_class`.
            default: a model's name, with its revision or without.
        """
        if pt_model is not None and pipeline_class.model_class is None:
            first = pt_model[0] if isinstance(pt_model, tuple) else pt_model
            pipeline_class.model_class = first.__name__
        if isinstance(default, Mapping):
            default = default.get("model", default.get("pt"))
        if isinstance(default, str):
            default = (default, "main")
        self.supported_tasks[task] = Task(pipeline_class, default)

    def to_dict(self) -> dict[str, Task]:
        """Name -> task."""
        return self.supported_tasks


PIPELINE_REGISTRY = PipelineRegistry(TASKS, ALIASES)


class UnknownTask(KeyError):
    """A KeyError that prints its message as it is; Python's own would print it in quotes, on one line."""

    def __str__(self) -> str:
        return str(self.args[0])


def _task(task: str, model: str | None = None) -> str:
    """A task's own name, from an alias or from a name with languages in it."""
    known = PIPELINE_REGISTRY.supported_tasks
    name = ALIASES.get(task, "translation" if task.startswith("translation_") else task)
    if name in known:
        return name
    there = ", ".join(PIPELINE_REGISTRY.get_supported_tasks())
    if name in LATER:
        raise UnknownTask(f"the task {task!r} is not built yet.\nThere are: {there}.")
    if "/" in task or os.path.isdir(task):
        raise UnknownTask(f"{task!r} is the name of a model, not of a task.\nPass it as one: pipeline(model={task!r}).")
    raise UnknownTask(f"no task is called {task!r}.{near(task, (*known, *ALIASES, *LATER))}\nThere are: {there}.")


def _task_of(model: Any, config: Any, where: dict[str, Any]) -> str:
    """What a model was made for: its head, its config's architectures, its card, its type."""
    if not isinstance(model, str):
        for name, task in TASKS.items():
            if getattr(model, "task", None) is not None and task.load().head == getattr(model, "task", None):  # pyright: ignore[reportAttributeAccessIssue]
                return name
        if getattr(model, "task", None) == "base":
            return "feature-extraction"
        raise RuntimeError(
            f"what task {type(model).__name__} is for cannot be told from it.\n"
            'Say it: pipeline("text-classification", model=model, tokenizer=tokenizer).'
        )
    repo = open_repo(model, **where)
    path = repo.path("config.json")
    if path is None:
        raise OSError(f"{model!r} has no config.json, so it is no model.{near(model, nursery_names())}")
    architectures = json.loads(path.read_text(encoding="utf-8")).get("architectures") or []
    ends = [task for name in architectures for end, task in HEADS.items() if name.endswith(end)]
    tag = _card_task(repo)
    if not ends and tag is None:
        raise RuntimeError(
            f"neither the config nor the card of {model!r} says what task it is for.\n"
            f'Say it: pipeline("text-classification", model={model!r}).'
        )
    return _task(ends[0] if ends else str(tag))


def _card_task(repo: Any) -> str | None:
    """The `pipeline_tag` in the front matter of a model's README."""
    path = repo.path("README.md")
    if path is None:
        return None
    import yaml

    _, *parts = path.read_text(encoding="utf-8").split("---\n", 2)
    front = yaml.safe_load(parts[0]) if len(parts) == 2 else None
    return front.get("pipeline_tag") if isinstance(front, dict) else None


def _default(task: str, where: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The model for a task that was given none, and where to look for it; says which in one line."""
    known = PIPELINE_REGISTRY.supported_tasks[task]
    if known.default is not None:
        name, revision = known.default
        found = {"revision": where.get("revision") or revision}
        if _cached(name, found["revision"], where) or _reachable(name, found["revision"], where):
            log.warning("No model was given: taking %s, revision %s.", name, found["revision"])
            return name, found
    if known.nursery is not None and known.nursery in nursery_names():
        log.warning("No model was given: taking %s, which comes with bearhug.", known.nursery)
        return known.nursery, {"revision": None} if "revision" in where else {}
    name = known.default[0] if known.default else "owner/name"
    why = (
        f" {name}, which the reference takes, is not cached, and not to be had at {endpoint()}."
        if known.default
        else ""
    )
    raise OSError(
        f"no model that comes with bearhug answers {task}.{why}\n"
        f"Say which model to take, a name or a folder: pipeline({task!r}, model={name!r})."
    )


def _cached(name: str, revision: str, where: dict[str, Any]) -> bool:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(name, "config.json", revision=revision, cache_dir=where.get("cache_dir"))
    return isinstance(found, str)


def _reachable(name: str, revision: str, where: dict[str, Any]) -> bool:
    """Whether a hub answers, which is known in some seconds, and has the model."""
    if offline() or where.get("local_files_only"):
        return False
    from huggingface_hub import HfApi

    # No network, no such model, no leave to see it: each means that it cannot be taken.
    with suppress(Exception):
        require()
        HfApi(endpoint=endpoint(), token=where.get("token")).model_info(name, revision=revision, timeout=5)
        return True
    return False


def _auto(chosen: type) -> Any:
    """The Auto class that loads a pipeline's models."""
    from bearhug import models

    return getattr(models, getattr(chosen, "model_class", None) or "AutoModel")


def _config(config: Any, where: dict[str, Any]) -> Any:
    if not isinstance(config, str):
        return config
    from bearhug.models import AutoConfig

    return AutoConfig.from_pretrained(config, **where)


def _dtype(dtype: Any, torch_dtype: Any, model_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The dtype to load in, from whichever of its names was used; nothing where the checkpoint's is meant."""
    given = dtype if dtype not in ("auto", None) else torch_dtype
    if given in ("auto", None):
        return {}
    if "dtype" in model_kwargs or "torch_dtype" in model_kwargs:
        raise ValueError("dtype is given twice, to pipeline() and in model_kwargs; leave one of them out.")
    if isinstance(given, str):
        found = getattr(torch, given.removeprefix("torch."), None)
        if not isinstance(found, torch.dtype):
            kinds = ("float32", "float16", "bfloat16", "float64")
            raise ValueError(f"dtype is {given!r}; it can be {', '.join(map(repr, kinds))}.{near(given, kinds)}")
        given = found
    return {"dtype": given}


def _tokenizer(tokenizer: Any, model: Any, where: dict[str, Any]) -> Any:
    """The tokenizer, loaded by its name (or a pair of it and options), or the one that the model's own name has."""
    from bearhug.tokenizers import AutoTokenizer

    if tokenizer is None:
        tokenizer = getattr(model, "name_or_path", None) or getattr(model.config, "name_or_path", None)
        where = {}
        if not tokenizer:
            raise ValueError(
                f"{type(model).__name__} does not say what it was loaded from, so its tokenizer cannot be found.\n"
                'Pass it too: pipeline("text-classification", model=model, tokenizer=tokenizer).'
            )
    if isinstance(tokenizer, tuple):
        name, options = tokenizer
        return AutoTokenizer.from_pretrained(name, **where, **options)
    if isinstance(tokenizer, str | os.PathLike):
        return AutoTokenizer.from_pretrained(os.fspath(tokenizer), **where)
    return tokenizer
