"""Cards: the README of a repository, whose front matter says what it is and whose body says it to people.

A card states facts only: what the model or data set itself says, and what the caller adds. It knows models and data
sets by their attributes alone. What an existing card says is kept: it goes before what is worked out here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
NAME = re.compile(r"[\w.\-]{1,96}/[\w.\-]{1,96}")
# a model's task, in the words of its class -> that of a pipeline
TASKS = {
    "causal-lm": "text-generation",
    "masked-lm": "fill-mask",
    "sequence-classification": "text-classification",
    "token-classification": "token-classification",
    "question-answering": "question-answering",
    "base": "feature-extraction",
}
EXAMPLES = {
    "text-generation": 'pipe("Once upon a time", max_new_tokens=20)',
    "fill-mask": 'pipe(f"The sky is {pipe.tokenizer.mask_token}.")',
    "text-classification": 'pipe("What a day!")',
    "token-classification": 'pipe("Ada lives in London.")',
    "question-answering": 'pipe(question="Who?", context="Ada wrote it.")',
    "feature-extraction": 'pipe("a text")',
}
SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))


def split_card(text: str) -> tuple[dict, str]:
    """A card's front matter and the Markdown after it; an empty mapping where there is none.

    Raises:
        ValueError: the front matter is no YAML mapping.
    """
    match = FRONT.match(text)
    if match is None:
        return {}, text
    try:
        data = yaml.safe_load(match[1]) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"the card's front matter is not valid YAML: {error}") from None
    if not isinstance(data, dict):
        raise ValueError("the card's front matter must be a mapping of names to values, between two lines of ---.")
    return data, text[match.end() :]


def join_card(data: Mapping[str, Any], body: str) -> str:
    """A card from its two halves."""
    front = yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True, default_flow_style=False, width=10_000)
    return f"---\n{front}---\n\n{body.lstrip()}" if data else body


def model_card(
    model: Any = None,
    *,
    repo_id: str = "",
    base_model: str | list[str] | None = None,
    dataset: Any = None,
    metrics: Mapping[str, float] | None = None,
    language: str | list[str] | None = None,
    license: str | None = None,
    pipeline_tag: str | None = None,
    tags: list[str] | None = None,
    existing: str | Path | None = None,
    **fields: Any,
) -> str:
    """A model's card, filled in with what is known.

    Args:
        model: says its task, size and layout, and by `name_or_path` the model that it began as.
        dataset: what it was trained on: a name on a hub, several, or a data set that knows its own.
        metrics: name -> score, such as `{"accuracy": 0.91}`.
        existing: a card that is there already (its text or its file): what it says stays.
        fields: further front matter (`license_name`, `widget`, ...).

    Returns:
        The text of README.md.
    """
    config = getattr(model, "config", None)
    task = pipeline_tag or TASKS.get(getattr(model, "task", ""))
    datasets = _names(dataset)
    base_model = base_model or _parent(model, repo_id)
    facts: dict[str, Any] = {
        "library_name": "bearhug",
        "pipeline_tag": task,
        "base_model": base_model,
        "datasets": datasets or None,
        "language": language,
        "license": license,
        "tags": tags,
        "metrics": list(metrics) if metrics else None,
        **fields,
    }
    kept, body = _existing(existing)
    results = _results(repo_id, task, datasets, metrics) if "model-index" not in kept else None
    front = {**{key: value for key, value in facts.items() if value is not None}, **kept}
    if metrics:
        front["metrics"] = list(dict.fromkeys([*_list(kept.get("metrics")), *metrics]))
    if results:
        front["model-index"] = results
    if body.strip():
        return join_card(front, body)
    title = repo_id.rpartition("/")[2] or type(model).__name__
    parts = [f"# {title}", _model_sentence(model, task, base_model, datasets)]
    if metrics:
        rows = "".join(f"| {name} | {_number(value)} |\n" for name, value in metrics.items())
        parts.append(f"## Scores\n\n| metric | value |\n| --- | --- |\n{rows}".rstrip())
    if task in EXAMPLES and repo_id:
        code = f'from bearhug import pipeline\n\npipe = pipeline("{task}", model="{repo_id}")\n{EXAMPLES[task]}'
        parts.append(f"## Use\n\n```python\n{code}\n```")
    if config is not None:
        parts.append(_model_table(model, config))
    return join_card(front, "\n\n".join(parts) + "\n")


def dataset_card(
    dataset: Any = None,
    *,
    repo_id: str = "",
    dataset_info: Any = None,
    configs: list[dict] | None = None,
    language: str | list[str] | None = None,
    license: str | None = None,
    task_categories: str | list[str] | None = None,
    tags: list[str] | None = None,
    existing: str | Path | None = None,
    **fields: Any,
) -> str:
    """A data set's card, filled in with what is known.

    Args:
        dataset: a data set, or a mapping of splits to data sets: says its columns and how many rows it has.
        dataset_info, configs: front matter as `load_dataset` reads it, which files make which split.
        existing: a card that is there already (its text or its file): what it says stays, but for `dataset_info` and
            `configs`, which describe the files that are pushed now.
        fields: further front matter (`pretty_name`, `source_datasets`, ...).

    Returns:
        The text of README.md.
    """
    splits = dict(dataset) if isinstance(dataset, Mapping) else {"train": dataset} if dataset is not None else {}
    rows = {name: len(split) for name, split in splits.items() if hasattr(split, "__len__")}
    kept, body = _existing(existing)
    current = {
        key: value for key, value in {"dataset_info": dataset_info, "configs": configs}.items() if value is not None
    }
    facts: dict[str, Any] = {
        "language": _list(language) or None,
        "license": license,
        "task_categories": _list(task_categories) or None,
        "size_categories": [_size(sum(rows.values()))] if rows else None,
        "tags": tags,
        **fields,
    }
    front = {**{key: value for key, value in facts.items() if value is not None}, **kept, **current}
    if body.strip():
        return join_card(front, body)
    title = repo_id.rpartition("/")[2] or "Data set"
    parts = [f"# {title}"]
    if rows:
        lines = "".join(f"| {name} | {count:,} |\n" for name, count in rows.items())
        parts.append(f"| split | rows |\n| --- | --- |\n{lines}".rstrip())
    features = getattr(next(iter(splits.values()), None), "features", None)
    if features:
        lines = "".join(f"| {_cell(name)} | {_cell(feature)} |\n" for name, feature in features.items())
        parts.append(f"## Columns\n\n| column | type |\n| --- | --- |\n{lines}".rstrip())
    if repo_id:
        code = f'from bearhug import load_dataset\n\nrows = load_dataset("{repo_id}")'
        parts.append(f"## Use\n\n```python\n{code}\n```")
    return join_card(front, "\n\n".join(parts) + "\n")


# facts


def _existing(existing: str | Path | None) -> tuple[dict, str]:
    if existing is None:
        return {}, ""
    return split_card(existing.read_text(encoding="utf-8") if isinstance(existing, Path) else existing)


def _parent(model: Any, repo_id: str) -> str | None:
    """The name that a model was loaded from, where it is one on a hub and another than it gets now."""
    name = getattr(model, "name_or_path", None) or getattr(getattr(model, "config", None), "name_or_path", None)
    if isinstance(name, str) and NAME.fullmatch(name) and not Path(name).exists() and name != repo_id:
        return name
    return None


def _names(dataset: Any) -> list[str]:
    """The names of what was trained on: texts as they are, a data set by the repository or builder it came from."""
    found = []
    for one in dataset if isinstance(dataset, list | tuple) else [dataset]:
        if isinstance(one, Mapping):
            one = next(iter(one.values()), None)
        name = one if isinstance(one, str) else getattr(getattr(one, "info", None), "dataset_name", None)
        if isinstance(name, str) and name:
            found.append(name)
    return list(dict.fromkeys(found))


def _results(repo_id: str, task: str | None, datasets: list[str], metrics: Mapping[str, float] | None) -> list | None:
    """Scores in the shape of a `model-index`; it needs to say on which data set."""
    if not (metrics and datasets and task):
        return None
    scores = [{"type": name, "value": _plain(value), "name": name} for name, value in metrics.items()]
    result = {"task": {"type": task}, "dataset": {"name": datasets[0], "type": datasets[0]}, "metrics": scores}
    return [{"name": repo_id.rpartition("/")[2] or "model", "results": [result]}]


def _model_sentence(model: Any, task: str | None, base_model: Any, datasets: list[str]) -> str:
    kind = getattr(getattr(model, "config", None), "model_type", None)
    size = f" with {_count(model.num_parameters())} parameters" if hasattr(model, "num_parameters") else ""
    what = f"A {kind} model" if kind else "A model"
    sentence = what + (f" for {task}" if task else "") + size
    if base_model:
        sentence += f", which began as {' and '.join(f'`{name}`' for name in _list(base_model))}"
    if datasets:
        sentence += f", trained on {' and '.join(f'`{name}`' for name in datasets)}"
    return sentence + "."


def _model_table(model: Any, config: Any) -> str:
    names = {
        "architecture": (_list(getattr(config, "architectures", None)) or [type(model).__name__])[0],
        "layers": _first(config, "num_hidden_layers", "n_layer", "n_layers", "num_layers"),
        "width": _first(config, "hidden_size", "n_embd", "dim", "d_model"),
        "heads": _first(config, "num_attention_heads", "n_head", "n_heads"),
        "positions": _first(config, "max_position_embeddings", "n_positions"),
        "vocabulary": _first(config, "vocab_size"),
        "labels": ", ".join(map(str, config.id2label.values())) if _has_labels(model, config) else None,
        "dtype": str(getattr(model, "dtype", "") or "").removeprefix("torch.") or None,
    }
    rows = "".join(f"| {name} | {_cell(value)} |\n" for name, value in names.items() if value is not None)
    return f"## Facts\n\n| | |\n| --- | --- |\n{rows}".rstrip()


def _has_labels(model: Any, config: Any) -> bool:
    return "classification" in str(getattr(model, "task", "")) and isinstance(
        getattr(config, "id2label", None), Mapping
    )


def _first(config: Any, *names: str) -> Any:
    return next((value for name in names if (value := getattr(config, name, None)) is not None), None)


def _list(value: Any) -> list:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]


def _cell(value: Any) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _number(value: Any) -> str:
    value = _plain(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _count(number: int) -> str:
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if number >= size:
            return f"{number / size:.3g} {letter}"
    return str(number)


def _size(rows: int) -> str:
    return next((name for most, name in SIZES if rows < most), "n>10M")
