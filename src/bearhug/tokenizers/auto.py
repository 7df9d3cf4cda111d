"""AutoTokenizer: a folder or name -> the tokenizer class that its files ask for."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from bearhug._lib.errors import near
from bearhug.hub.client import Repo
from bearhug.tokenizers import classes
from bearhug.tokenizers.folder import CONFIG, load, read, read_gguf, read_json, repo_of
from bearhug.tokenizers.tokenizer import PreTrainedTokenizerFast

# Repositories whose files name a class that does not fit them: their tokenizer.json holds as it is.
TAKEN_AS_THEY_ARE = (
    "deepseek-ai/deepseek-r1-distill-llama-",
    "deepseek-ai/deepseek-coder-",
    "allenai/dolma2-tokenizer",
    "google/umt5-small",
    "naver-clova-ix/donut-",
    "salesforce/blip2-opt-",
    "salesforce/blip2-flan-t5-",
    "salesforce/instructblip-flan-t5-",
    "stepfun-ai/step-3.7-",
)
_made: dict[str, type[PreTrainedTokenizerFast]] = {}
_registered: dict[str, type[PreTrainedTokenizerFast]] = {}  # model type -> a class of the user's own


def tokenizer_class(name: str) -> type[PreTrainedTokenizerFast]:
    """The class of that name: `BertTokenizer`, `GPT2TokenizerFast`, ...

    Raises:
        KeyError: no tokenizer class's name.
    """
    kind = classes.find(name)
    if kind is classes.PLAIN:
        return PreTrainedTokenizerFast
    if kind is None:
        raise KeyError(name)
    if kind is classes.RAG:
        return _behaviour(kind.behaviour)
    if kind.name not in _made:
        about = f"{kind.name}: a tokenizer whose parts are made from its options ({', '.join(kind.options)})."
        body = {"kind": kind, "padding_side": kind.padding_side, "model_input_names": list(kind.inputs)}
        names = dict(zip(("vocab_file", "merges_file"), kind.files, strict=False))
        body["vocab_files_names"] = {"vocab_file": "tokenizer.model"} | names | {"tokenizer_file": "tokenizer.json"}
        body |= {"__doc__": about, "__module__": __name__}
        made: Any = type(kind.name, _bases(kind.behaviour), body)
        _made[kind.name] = made
    return _made[kind.name]


def _behaviour(where: str | None) -> Any:
    module, _, name = str(where).partition(":")
    return getattr(importlib.import_module(module), name)


def _bases(behaviour: str | None) -> tuple[type, ...]:
    if behaviour is None:
        return (PreTrainedTokenizerFast,)
    own = _behaviour(behaviour)
    return (own,) if issubclass(own, PreTrainedTokenizerFast) else (own, PreTrainedTokenizerFast)


def __getattr__(name: str) -> type[PreTrainedTokenizerFast]:
    """The classes by name, so that they can be imported and pickled."""
    try:
        return tokenizer_class(name)
    except KeyError:
        raise AttributeError(f"module {__name__} has no attribute {name!r}") from None


class AutoTokenizer:
    """`AutoTokenizer.from_pretrained(name)`: the tokenizer of a model, whatever its class.

    >>> from bearhug import AutoTokenizer
    >>> tokenizer = AutoTokenizer.from_pretrained("bearhug/storyteller")
    >>> tokenizer.decode(tokenizer("Once upon a time")["input_ids"])
    'Once upon a time'
    """

    def __init__(self):
        raise OSError("AutoTokenizer makes no object of itself; write AutoTokenizer.from_pretrained(name_or_folder).")

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike, *inputs: Any, **kwargs: Any
    ) -> PreTrainedTokenizerFast:
        """Load a tokenizer from a folder, a bundled name, the cache or the hub.

        Args:
            pretrained_model_name_or_path: a folder, a tokenizer.json, a GGUF file, or a name, "owner/name".
            kwargs: where from: revision, token, subfolder, cache_dir, local_files_only, force_download; of what:
                tokenizer_type ("bert"), or gguf_file, a file of the folder; and what goes before the files:
                padding_side, truncation_side, model_max_length, special tokens (pad_token="[PAD]"), chat_template,
                add_prefix_space, do_lower_case, ... use_fast is accepted; trust_remote_code does nothing, in one line
                that says so.

        Raises:
            OSError: no such folder or repository, or one without a tokenizer's files.
            ValueError: a file that is no JSON, or no such tokenizer_type.
        """
        kwargs.pop("config", None)
        tokenizer_type = kwargs.pop("tokenizer_type", None)
        if Path(pretrained_model_name_or_path).is_file():
            return load(PreTrainedTokenizerFast, pretrained_model_name_or_path, **kwargs)
        given = dict(kwargs)
        repo = repo_of(pretrained_model_name_or_path, kwargs)
        if kwargs.get("gguf_file") is not None:
            return read_gguf(PreTrainedTokenizerFast, repo, kwargs)
        if tokenizer_type is not None:
            if tokenizer_type not in classes.OF_MODEL_TYPE:
                raise ValueError(
                    f"tokenizer_type={tokenizer_type!r} is unknown.{near(tokenizer_type, classes.OF_MODEL_TYPE)}\n"
                    "Leave it away: the folder says it."
                )
            return read(tokenizer_class(classes.OF_MODEL_TYPE[tokenizer_type]), repo, kwargs)
        found = _class_of(repo)
        if not issubclass(found, PreTrainedTokenizerFast):
            return found.from_pretrained(pretrained_model_name_or_path, **given)  # of several tokenizers
        return read(found, repo, kwargs)

    @staticmethod
    def register(
        config_class: Any,
        tokenizer_class: type[PreTrainedTokenizerFast] | None = None,
        slow_tokenizer_class: type[PreTrainedTokenizerFast] | None = None,
        fast_tokenizer_class: type[PreTrainedTokenizerFast] | None = None,
        exist_ok: bool = False,
    ) -> None:
        """Let folders of a model type of your own load with a class of your own.

        Args:
            config_class: its `model_type` is the one in config.json.
            tokenizer_class: a subclass of PreTrainedTokenizerFast; the other two are its earlier names.
            exist_ok: replace a class that is there.

        Raises:
            ValueError: no class, or one is there already.
        """
        chosen = tokenizer_class or fast_tokenizer_class or slow_tokenizer_class
        model_type = config_class.model_type
        if chosen is None:
            raise ValueError("register needs a class: AutoTokenizer.register(MyConfig, tokenizer_class=MyTokenizer).")
        if model_type in _registered and not exist_ok:
            raise ValueError(
                f"{model_type!r} has {_registered[model_type].__name__} already; pass exist_ok=True to replace it."
            )
        _registered[model_type] = chosen


def _class_of(repo: Repo) -> type[PreTrainedTokenizerFast]:
    """The class that loads these files, by the reference's rules: the files' own word, where it can be right."""
    config = read_json(repo, "config.json") or {}
    declared = (read_json(repo, CONFIG) or {}).get("tokenizer_class") or config.get("tokenizer_class")
    model_type = config.get("model_type")
    usual = classes.OF_MODEL_TYPE.get(str(model_type))
    own = _registered.get(str(model_type))
    if own is not None and declared in (None, own.__name__):
        return own
    if repo.name.lower().startswith(TAKEN_AS_THEY_ARE):
        return PreTrainedTokenizerFast
    if declared is None:
        return _known(usual)
    bare = declared.removesuffix("Fast")
    if bare == "LlamaTokenizer" and model_type not in classes.OFTEN_WRONG and _is_byte_level(repo):
        return PreTrainedTokenizerFast
    if usual is not None and usual != classes.SAME_AS.get(bare, bare):
        if usual == classes.PLAIN.name:
            return PreTrainedTokenizerFast
        return _known(usual if model_type in classes.OFTEN_WRONG else declared)
    return _known(declared)


def _known(name: str | None) -> type[PreTrainedTokenizerFast]:
    return PreTrainedTokenizerFast if name is None or classes.find(name) is None else tokenizer_class(name)


def _is_byte_level(repo: Repo) -> bool:
    path = repo.path("tokenizer.json")
    return path is not None and b'"ByteLevel"' in path.read_bytes()
