"""What a repository says of itself: its card's front matter, its config, the names of its files -> tags and facts.

Facts are kept for the main branch with each commit, and worked out anew for any other revision.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import yaml

from bearhug.hub.server.errors import BadInput

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MOST_FRONT_MATTER, MOST_DEPTH = 1_000_000, 30
FRONT = re.compile(r"\A\ufeff?\s*---[ \t]*\r?\n(.*?)(?:\r?\n)?---[ \t]*(?:\r?\n|\Z)", re.DOTALL)

# the end of an architecture's name -> its task, and the class that loads it
TASKS = {
    "ForCausalLM": ("text-generation", "AutoModelForCausalLM"),
    "LMHeadModel": ("text-generation", "AutoModelForCausalLM"),
    "ForMaskedLM": ("fill-mask", "AutoModelForMaskedLM"),
    "ForSequenceClassification": ("text-classification", "AutoModelForSequenceClassification"),
    "ForTokenClassification": ("token-classification", "AutoModelForTokenClassification"),
    "ForQuestionAnswering": ("question-answering", "AutoModelForQuestionAnswering"),
    "ForImageClassification": ("image-classification", "AutoModelForImageClassification"),
    "ForObjectDetection": ("object-detection", "AutoModelForObjectDetection"),
    "ForSemanticSegmentation": ("image-segmentation", "AutoModelForSemanticSegmentation"),
    "ForImageTextToText": ("image-text-to-text", "AutoModelForImageTextToText"),
    "ForSpeechSeq2Seq": ("automatic-speech-recognition", "AutoModelForSpeechSeq2Seq"),
    "ForCTC": ("automatic-speech-recognition", "AutoModelForCTC"),
    "ForAudioClassification": ("audio-classification", "AutoModelForAudioClassification"),
    "ForConditionalGeneration": ("text2text-generation", "AutoModelForSeq2SeqLM"),
    "Model": ("feature-extraction", "AutoModel"),
}
PROCESSORS = {"image": "AutoImageProcessor", "audio": "AutoFeatureExtractor", "automatic": "AutoProcessor"}
ENDINGS = {".safetensors": "safetensors", ".gguf": "gguf", ".onnx": "onnx", ".h5": "tf", ".msgpack": "jax"}
FORMATS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".txt": "text",
    ".arrow": "arrow",
}


def say_nothing_new(path: str) -> bool:
    """Whether adding a file at this path leaves the facts as they are: it lies in a folder and is of no known kind."""
    ending = path[path.rfind(".") :].lower() if "." in path else ""
    return "/" in path and ending not in ENDINGS and ending not in FORMATS and ending != ".bin"


def split_card(text: str) -> tuple[str, str]:
    """A README's front matter and the Markdown after it."""
    match = FRONT.match(text)
    return (match[1], text[match.end() :]) if match else ("", text)


def front_matter(text: str) -> dict:
    """A README's front matter as JSON can say it.

    Raises:
        BadInput: it is no YAML mapping, or uses what could grow without bound (anchors, a hundred levels).
    """
    front, _ = split_card(text)
    if len(front) > MOST_FRONT_MATTER:
        raise BadInput(f"The README's metadata is longer than {MOST_FRONT_MATTER} characters.")
    try:
        depth = 0
        for event in yaml.parse(front, Loader=LOADER):
            if isinstance(event, yaml.AliasEvent):
                raise BadInput("The README's metadata uses a YAML alias (*name); write the value out.")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MOST_DEPTH:
                raise BadInput(f"The README's metadata is nested more than {MOST_DEPTH} deep.")
        loader = LOADER(front)
        try:
            data = loader.get_single_data()
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError) as error:
        raise BadInput(f"Invalid metadata in README.md: not valid YAML: {' '.join(str(error).split())[:300]}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise BadInput("Invalid metadata in README.md: it must be a mapping of names to values.")
    return _plain(data)


def check_card(text: str) -> tuple[list[str], list[str]]:
    """What is wrong with a README's metadata: (errors, warnings)."""
    try:
        data = front_matter(text)
    except BadInput as error:
        return [error.message], []
    errors = []
    for key, kinds, what in (
        ("license", (str, list), "a text or a list of texts"),
        ("language", (str, list), "a text or a list of texts"),
        ("tags", (list,), "a list of texts"),
        ("datasets", (str, list), "a text or a list of texts"),
        ("pipeline_tag", (str,), "a text"),
        ("library_name", (str,), "a text"),
        ("base_model", (str, list), "a text or a list of texts"),
        ("model-index", (list,), "a list of models with their results"),
    ):
        value = data.get(key)
        if value is None:
            continue
        parts = value if isinstance(value, list) else [value]
        part_kind = dict if key == "model-index" else str
        if not isinstance(value, kinds) or not all(isinstance(part, part_kind) for part in parts):
            errors.append(f'"{key}" must be {what}')
    warnings = [] if data else ["empty or missing yaml metadata in repo card"]
    return errors, warnings


def describe(kind: str, paths: list[str], read: Callable[[str], str], header: Callable[[str], dict | None]) -> dict:
    """The facts of a commit.

    Args:
        paths: all its files.
        read: a small text file's content, '' where there is none.
        header: a safetensors file's header, or None.
    """
    try:
        card = front_matter(read("README.md")) if "README.md" in paths else {}
    except BadInput:
        card = {}  # pushed by another way than the API, which refuses it
    facts: dict[str, Any] = {"cardData": card}
    if kind == "model":
        facts |= _model_facts(card, paths, read, header)
    elif kind == "dataset":
        facts["description"] = _first_paragraph(split_card(read("README.md"))[1])
    elif kind == "space":
        facts |= {
            "sdk": card.get("sdk"),
            "models": _texts(card.get("models")),
            "datasets": _texts(card.get("datasets")),
        }
    facts["tags"] = _tags(kind, card, facts, paths, read)
    return facts


def _model_facts(card: dict, paths: list[str], read: Callable, header: Callable) -> dict:
    config = _json(read("config.json"))
    tokenizer = _json(read("tokenizer_config.json"))
    architectures = _texts(config.get("architectures"))
    task, loader = next(
        (found for name in architectures for end, found in TASKS.items() if name.endswith(end)), (None, None)
    )
    library = card.get("library_name") or (
        "diffusers" if "model_index.json" in paths
        else "peft" if "adapter_config.json" in paths
        else "sentence-transformers" if "modules.json" in paths
        else "transformers" if architectures or config.get("model_type") else None
    )  # fmt: skip
    facts: dict[str, Any] = {"library_name": library, "pipeline_tag": card.get("pipeline_tag") or task}
    if config:
        kept = {"architectures": architectures, "model_type": config.get("model_type")}
        names = (
            "bos_token",
            "eos_token",
            "pad_token",
            "unk_token",
            "cls_token",
            "sep_token",
            "mask_token",
            "chat_template",
        )
        special = {name: _token(tokenizer[name]) for name in names if tokenizer.get(name)}
        facts["config"] = {**{k: v for k, v in kept.items() if v}, **({"tokenizer_config": special} if special else {})}
        facts["mask_token"] = special.get("mask_token")
    if loader:
        field = (task or "").split("-")[0]
        facts["transformersInfo"] = {
            "auto_model": loader, "pipeline_tag": task, "processor": PROCESSORS.get(field, "AutoTokenizer")
        }  # fmt: skip
    counts: dict[str, int] = {}
    for path in [path for path in paths if re.fullmatch(r"model(-\d{5}-of-\d{5})?\.safetensors", path)][:64]:
        for tensor in (header(path) or {}).values():
            if (
                isinstance(tensor, dict)
                and isinstance(tensor.get("shape"), list)
                and isinstance(tensor.get("dtype"), str)
            ):
                sizes = [size for size in tensor["shape"] if isinstance(size, int) and 0 <= size < 2**53]
                counts[tensor["dtype"]] = counts.get(tensor["dtype"], 0) + math.prod(sizes)
    if counts:
        facts["safetensors"] = {"parameters": counts, "total": sum(counts.values())}
    if isinstance(card.get("model-index"), list):
        facts["model-index"] = card["model-index"]
    if base := _texts(card.get("base_model")):
        facts["baseModels"] = base
    return facts


def _tags(kind: str, card: dict, facts: dict, paths: list[str], read: Callable) -> list[str]:
    tags: list[str] = []
    endings = {"." + path.rsplit(".", 1)[-1].lower() for path in paths if "." in path}
    if kind == "model":
        tags += [facts["library_name"]] if facts.get("library_name") else []
        tags += ["pytorch"] if any(path.endswith("pytorch_model.bin") for path in paths) else []
        tags += [name for ending, name in ENDINGS.items() if ending in endings]
        model_type = facts.get("config", {}).get("model_type")
        tags += [model_type] if isinstance(model_type, str) else []
        tags += [facts["pipeline_tag"]] if isinstance(facts.get("pipeline_tag"), str) else []
        tags += _texts(card.get("tags"))
        tags += _texts(card.get("language"))
        tags += [f"dataset:{name}" for name in _texts(card.get("datasets"))]
        tags += [f"base_model:{name}" for name in _texts(card.get("base_model"))]
    elif kind == "dataset":
        for key in (
            "task_categories",
            "task_ids",
            "annotations_creators",
            "language",
            "multilinguality",
            "size_categories",
        ):
            tags += [f"{key}:{value}" for value in _texts(card.get(key))]
        formats = list(dict.fromkeys(name for ending, name in FORMATS.items() if ending in endings))
        tags += [f"format:{name}" for name in formats] + (["modality:text", "library:datasets"] if formats else [])
        tags += _texts(card.get("tags"))
    else:
        tags += _texts(card.get("tags")) + ([facts["sdk"]] if isinstance(facts.get("sdk"), str) else [])
    tags += [f"license:{name}" for name in _texts(card.get("license"))]
    text = read("README.md")
    tags += [
        f"arxiv:{number}" for number in re.findall(r"arxiv(?:\.org/(?:abs|pdf)/|:)\s?(\d{4}\.\d{4,5})", text, re.I)
    ]
    tags.append("region:us")
    return [tag for tag in dict.fromkeys(tags) if tag and len(tag) <= 200][:500]


def _first_paragraph(body: str) -> str:
    plain = [part.strip() for part in re.split(r"\n\s*\n", body)]
    return next((part[:500] for part in plain if part and not part.startswith(("#", "<", "|", "!", "-", "```"))), "")


def _texts(value: Any) -> list[str]:
    return [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, str) and part]


def _token(value: Any) -> Any:
    return value.get("content") if isinstance(value, dict) else value


def _json(text: str) -> dict:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _plain(value: Any) -> Any:
    """A YAML value as JSON has it: dates as text, names as text, no NaN."""
    if isinstance(value, dict):
        return {str(_plain(key)) if not isinstance(key, str) else key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
