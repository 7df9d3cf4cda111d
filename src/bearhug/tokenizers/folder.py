"""What a tokenizer's folder holds: tokenizer.json or a vocabulary, tokenizer_config.json, chat templates; reading and
writing it.

Three generations of files mean the same things: special tokens stand as texts or as dicts, in tokenizer_config.json or
in special_tokens_map.json; added tokens in added_tokens_decoder, in added_tokens.json or in tokenizer.json.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bearhug._lib.errors import unexpected_keyword
from bearhug._lib.files import inside, replacing
from bearhug.hub.client import Repo, open_repo
from bearhug.tokenizers import classes, file, gguf
from bearhug.tokenizers._native import AddedToken, Tokenizer
from bearhug.tokenizers.special_tokens import FLAGS, NAMED, added_token, content

if TYPE_CHECKING:
    from bearhug.tokenizers.tokenizer import PreTrainedTokenizerFast

logger = logging.getLogger(__name__)

CONFIG = "tokenizer_config.json"
TEMPLATE = "chat_template.jinja"
TEMPLATES = "additional_chat_templates"
HUB_OPTIONS = ("revision", "token", "cache_dir", "local_files_only", "force_download", "subfolder")
# Vocabularies of other libraries, which stand for any class.
OTHER_FILES = ("tekken.json", "tokenizer.model", "tiktoken.model")
# Keywords that say how to load; the tokenizer itself does not read them.
IGNORED = ("use_fast", "proxies", "resume_download", "code_revision", "mistral_format", "_from_auto", "_commit_hash")
# Attributes whose present value is written, whether or not a file said one.
CHANGED = {"padding_side": "right", "truncation_side": "right", "clean_up_tokenization_spaces": False}
CHANGED |= {"split_special_tokens": False, "model_input_names": None}


def repo_of(name: str | os.PathLike, kwargs: dict[str, Any]) -> Repo:
    """The folder or repository of that name, taking the keywords that say where from."""
    if kwargs.pop("trust_remote_code", None):
        logger.warning("trust_remote_code=True does nothing: bearhug runs no code from a repository.")
    if "use_auth_token" in kwargs:
        kwargs.setdefault("token", kwargs.pop("use_auth_token"))
    for key in IGNORED:
        kwargs.pop(key, None)
    options = {key: kwargs.pop(key) for key in HUB_OPTIONS if key in kwargs}
    if options.get("subfolder") is None:
        options.pop("subfolder", None)
    return open_repo(name, **options)


def load(cls: type[PreTrainedTokenizerFast], name: str | os.PathLike, **kwargs: Any) -> PreTrainedTokenizerFast:
    """The tokenizer of a folder, of this class.

    Raises:
        OSError: no such folder or repository, or one without a tokenizer's files.
    """
    for key in ("tokenizer_type", "config"):
        kwargs.pop(key, None)
    if Path(name).is_file() and Path(name).suffix == ".gguf":
        name, kwargs = Path(name).parent, {**kwargs, "gguf_file": Path(name).name}
    elif Path(name).is_file():
        return cls(tokenizer_file=name, name_or_path=os.fspath(name), **kwargs)
    repo = repo_of(name, kwargs)
    return read_gguf(cls, repo, kwargs) if kwargs.get("gguf_file") is not None else read(cls, repo, kwargs)


def read_gguf(cls: type[PreTrainedTokenizerFast], repo: Repo, given: Mapping[str, Any]) -> PreTrainedTokenizerFast:
    """The tokenizer inside a GGUF file of the repository.

    Raises:
        OSError: no such file.
        ValueError: the file has no tokenizer.
    """
    filename = given["gguf_file"]
    path = repo.path(filename)
    if path is None:
        raise OSError(f"{repo.name!r} has no file {filename!r}.\nIts GGUF files: {[*_ggufs(repo)]}.")
    made, options = gguf.read(path)
    options |= {key: value for key, value in given.items() if key != "gguf_file"}
    return cls(tokenizer_object=made, name_or_path=repo.name, **options)


def _ggufs(repo: Repo) -> list[str]:
    names = repo.files() if repo.folder is None else [path.name for path in (repo.folder / repo.subfolder).glob("*")]
    return sorted(name for name in names if name.endswith(".gguf"))


# Options that a tokenizer's files and from_pretrained share, beside those of its class.
OPTIONS = ("model_max_length", "padding_side", "truncation_side", "chat_template", "model_input_names", "add_bos_token")
OPTIONS += (
    "add_eos_token",
    "add_prefix_space",
    "clean_up_tokenization_spaces",
    "split_special_tokens",
    "do_lower_case",
)
OPTIONS += (
    "gguf_file",
    "extra_special_tokens",
    "additional_special_tokens",
    "trust_remote_code",
    *NAMED,
    *HUB_OPTIONS,
    *IGNORED,
)


def _refuse_misspelt(given: Mapping[str, Any], kind: classes.TokenizerClass) -> None:
    """A keyword that nobody knows is a model's own affair, unless it is all but one of ours."""
    known = {*OPTIONS, *kind.options}
    for key in given:
        if key not in known and not key.endswith("_token") and get_close_matches(key, known, n=1, cutoff=0.85):
            raise unexpected_keyword("from_pretrained", key, known)


def read_json(repo: Repo, filename: str) -> Any:
    """A JSON file of the repository; None where there is none.

    Raises:
        ValueError: the file is no JSON.
    """
    path = repo.path(filename)
    if path is None:
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{filename} of {repo.name!r} is no JSON: {error}. It may be cut short; get it again, force_download=True."
        ) from None


def read(cls: type[PreTrainedTokenizerFast], repo: Repo, given: Mapping[str, Any]) -> PreTrainedTokenizerFast:
    """The tokenizer of an opened repository; `given` are the keywords that go before what its files say."""
    _refuse_misspelt(given, cls.kind)
    options: dict[str, Any] = read_json(repo, CONFIG) or {}
    declared = options.pop("tokenizer_class", None)
    options.pop("init_inputs", None)
    path = repo.path("tokenizer.json")
    description = None if path is None else file.lean(path.read_bytes()) or read_json(repo, "tokenizer.json")
    if description is not None:
        for key in ("add_bos_token", "add_eos_token"):  # the post-processor of tokenizer.json says it
            options.pop(key, None)
    options |= _templates(repo)
    options |= given
    added = _special_and_added_tokens(repo, options, given, description)
    options["added_tokens_decoder"] = added
    options["name_or_path"] = repo.name
    by_text = {token.content: token for token in added.values()}
    for key in NAMED:
        if options.get(key) is not None:
            options[key] = added_token(options[key])
            options[key] = by_text.get(content(options[key]), options[key])
    for key, filename in cls.kind.other_files.items():
        if given.get(key) is None:
            path = repo.path(filename)
            options[key] = None if path is None else str(path)
    vocabulary: dict[str, Any]
    if cls.kind.python:
        vocabulary = _own_files(cls, repo)
    elif description is None:
        vocabulary = _vocabulary(cls, repo)
    elif cls.kind.parts is None or cls.kind.as_file or not _fits(cls.kind, description):
        vocabulary = {"tokenizer_object": description}
    else:
        model = description["model"]
        vocabulary = {"vocab": model["vocab"], "merges": model.get("merges")}
        vocabulary |= {"post_processor": description.get("post_processor")}
        vocabulary |= {"_spm_precompiled_charsmap": _charsmap(description.get("normalizer"))}
        vocabulary |= {f"tokenizer_{key}": description.get(key) for key in ("truncation", "padding")}
    for key in ("vocab", "merges", "vocab_file", "merges_file", "tokenizer_file", "tokenizer_object"):
        if given.get(key) is None:
            options.pop(key, None)
    tokenizer = cls(**(vocabulary | options))
    if declared is not None and classes.find(declared) is None:
        tokenizer.__dict__["_declared_class"] = declared  # written back: other libraries know more classes
    return tokenizer


def _fits(kind: classes.TokenizerClass, description: Mapping[str, Any]) -> bool:
    """Whether a file's vocabulary is of the class's make: Unigram has pieces with scores, the others token -> id."""
    model = description.get("model")
    if not isinstance(model, dict):
        return False
    scored = isinstance(model.get("vocab"), list)
    return scored or kind.model != "Unigram"


def _charsmap(normalizer: Any) -> str | None:
    """The SentencePiece table among a file's normalizers."""
    if not isinstance(normalizer, dict):
        return None
    parts = normalizer.get("normalizers") if normalizer.get("type") == "Sequence" else [normalizer]
    return next((part["precompiled_charsmap"] for part in parts or [] if part.get("type") == "Precompiled"), None)


def _own_files(cls: type[PreTrainedTokenizerFast], repo: Repo) -> dict[str, Any]:
    """The vocabulary files of a class that works in Python, which are all needed."""
    paths = [repo.path(filename) for filename in cls.kind.files]
    if missing := [filename for filename, path in zip(cls.kind.files, paths, strict=True) if path is None]:
        raise OSError(f"{repo.name!r} holds no {cls.__name__}: {' and '.join(missing)} was expected.{_held(repo)}")
    return dict(zip(("vocab_file", "merges_file"), paths, strict=False))


def _held(repo: Repo) -> str:
    if repo.folder is None:
        return ""
    names = sorted(path.name for path in (repo.folder / repo.subfolder).glob("*"))
    return f" It holds {', '.join(names[:20]) or 'nothing'}{', ...' if len(names) > 20 else ''}."


def _vocabulary(cls: type[PreTrainedTokenizerFast], repo: Repo) -> dict[str, Any]:
    """The vocabulary files of a folder without tokenizer.json."""
    paths = [repo.path(filename) for filename in cls.kind.files]
    if paths and all(paths):
        return dict(zip(("vocab", "merges"), paths, strict=False))
    for filename in OTHER_FILES:
        if (path := repo.path(filename)) is not None:
            return {"vocab": path}
    wanted = ["tokenizer.json", *([" with ".join(cls.kind.files)] if cls.kind.files else [])]
    raise OSError(
        f"{repo.name!r} holds no tokenizer: {' or '.join(wanted)} was expected.{_held(repo)}\nSave one there with "
        "tokenizer.save_pretrained(folder), or load the tokenizer of the model that this one was made from."
    )


def _templates(repo: Repo) -> dict[str, Any]:
    """The chat templates that stand in files of their own."""
    found: dict[str, str] = {}
    path = repo.path(TEMPLATE)
    if path is not None:
        found["default"] = path.read_text(encoding="utf-8")
    for filename in _template_files(repo):
        extra = repo.path(filename)
        if extra is not None:
            found[Path(filename).name.removesuffix(".jinja")] = extra.read_text(encoding="utf-8")
    if not found:
        return {}
    return {"chat_template": found["default"] if list(found) == ["default"] else found}


def _template_files(repo: Repo) -> list[str]:
    if repo.folder is None:
        names = repo.files()
    else:
        top = repo.folder / repo.subfolder
        names = sorted(path.relative_to(top).as_posix() for path in (top / TEMPLATES).glob("*.jinja"))
    return [name for name in names if name.startswith(f"{TEMPLATES}/") and name.endswith(".jinja")]


def _special_and_added_tokens(
    repo: Repo, options: dict[str, Any], given: Mapping[str, Any], description: Mapping[str, Any] | None
) -> dict[int, AddedToken]:
    """Put the special tokens into `options`, and return the added tokens by id."""
    if "additional_special_tokens" in options and not options.get("extra_special_tokens"):
        options["extra_special_tokens"] = options.pop("additional_special_tokens")
    added: dict[int, AddedToken] = {}
    if "added_tokens_decoder" in options:
        for id, token in options["added_tokens_decoder"].items():
            added[int(id)] = added_token(token)
    else:
        _read_special_tokens_map(read_json(repo, "special_tokens_map.json") or {}, options, given)
        special = {content(added_token(options[key])) for key in NAMED if options.get(key)}
        extra = options.get("extra_special_tokens") or []
        special |= {content(added_token(token)) for token in (extra.values() if isinstance(extra, dict) else extra)}
        for text, id in (read_json(repo, "added_tokens.json") or {}).items():
            added[id] = AddedToken(text, normalized=text not in special, special=text in special)
        for token in (description or {}).get("added_tokens", []):
            id, token = token if isinstance(token, tuple) else (token["id"], added_token(token))
            added[id] = token
    for key, value in options.items():
        if isinstance(value, dict) and value.get("__type") == "AddedToken":
            options[key] = added_token(value)
    if isinstance(options.get("extra_special_tokens"), list | tuple):
        options["extra_special_tokens"] = [added_token(token) for token in options["extra_special_tokens"]]
    return added


def _read_special_tokens_map(tokens: Mapping[str, Any], options: dict[str, Any], given: Mapping[str, Any]) -> None:
    for key, value in tokens.items():
        if given.get(key):
            continue
        if key in ("additional_special_tokens", "extra_special_tokens") and isinstance(value, list):
            present = list(options.get("extra_special_tokens") or [])
            known = {content(added_token(token)) for token in present}
            value = [added_token(token if isinstance(token, str) else token | {"special": True}) for token in value]
            options["extra_special_tokens"] = present + [token for token in value if content(token) not in known]
        else:
            options[key] = added_token(value | {"special": True}) if isinstance(value, dict) else value


# -- writing


def save(
    tokenizer: PreTrainedTokenizerFast, folder: str | os.PathLike, prefix: str | None, jinja_files: bool
) -> tuple[str, ...]:
    """Write the tokenizer's files; returns their paths.

    Raises:
        ValueError: the path is a file, or a template's name leads out of the folder.
    """
    folder = Path(folder)
    if folder.is_file():
        raise ValueError(f"{str(folder)!r} is a file; a tokenizer is saved into a folder.")
    folder.mkdir(parents=True, exist_ok=True)
    start = f"{prefix}-" if prefix else ""
    config = _config(tokenizer)
    config, templates = templates_as_files(tokenizer, config, prefix, jinja_files)
    own_files = not isinstance(tokenizer._core, Tokenizer)
    if own_files:
        flags = {
            id: {flag: getattr(token, flag) for flag in FLAGS} for id, token in tokenizer.added_tokens_decoder.items()
        }
        config["added_tokens_decoder"] = flags
    text = json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False, default=_as_json) + "\n"
    files: dict[str, str | bytes] = {f"{start}{CONFIG}": text, **templates}
    if own_files:
        return write(folder, files) + tokenizer.save_vocabulary(folder, prefix)
    files[f"{start}tokenizer.json"] = file.to_json(tokenizer._core)
    return write(folder, files)


def templates_as_files(
    tokenizer: PreTrainedTokenizerFast, config: Mapping[str, Any], prefix: str | None, jinja_files: bool
) -> tuple[dict[str, Any], dict[str, str]]:
    """The config, in which the chat templates stand or do not, and the templates that get files, by name.

    Raises:
        ValueError: a template's name leads out of the folder.
    """
    start, templates = f"{prefix}-" if prefix else "", tokenizer.chat_template
    config = {key: value for key, value in config.items() if key != "chat_template"}
    several = templates if isinstance(templates, Mapping) else {"default": templates}
    if templates is None:
        return config, {}
    if not jinja_files:
        listed = [{"name": name, "template": template} for name, template in several.items()]
        return config | {"chat_template": listed if several is templates else templates}, {}
    files = {}
    for name, template in several.items():
        inside(Path(TEMPLATES), f"{name}.jinja")
        files[start + (TEMPLATE if name == "default" else f"{TEMPLATES}/{name}.jinja")] = template
    return config, files


def write(folder: str | os.PathLike, files: Mapping[str, str | bytes]) -> tuple[str, ...]:
    """Write files, each whole; returns their paths."""
    for name, data in files.items():
        with replacing(Path(folder) / name, "wb") as out:
            out.write(data.encode() if isinstance(data, str) else data)
    return tuple(str(Path(folder) / name) for name in files)


def _config(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    """tokenizer_config.json: what the tokenizer was made from, with what has changed since."""
    config = dict(tokenizer.init_kwargs)
    for key in ("name_or_path", "chat_template", "add_bos_token", "add_eos_token", "added_tokens_decoder", "max_len"):
        config.pop(key, None)
    own = ("additional_special_tokens", "extra_special_tokens", "model_specific_special_tokens")
    for key in (*own, *NAMED, *tokenizer.kind.other_files):
        config.pop(key, None)
    for key in config:  # languages, tasks, ... may have been set since
        if key in tokenizer.__dict__ or isinstance(getattr(type(tokenizer), key, None), property):
            config[key] = getattr(tokenizer, key)
    config["model_max_length"] = tokenizer.model_max_length
    for key, usual in CHANGED.items():
        value = getattr(tokenizer, key)
        if key == "model_input_names":
            usual = list(tokenizer.kind.inputs)
        if key == "padding_side":
            usual = tokenizer.kind.padding_side
        if key in config or value != usual:
            config[key] = value
    config |= {
        key: None for key in NAMED if tokenizer.kind.options.get(key) is not None
    }  # None differs from the default
    config |= tokenizer.special_tokens_map
    for key in ("response_template", "chat_control_tokens"):
        if (value := getattr(tokenizer, key)) is not None:
            config[key] = value
    own = {key: value for key, value in tokenizer.special_tokens_map.items() if key not in NAMED}
    if own:
        config["model_specific_special_tokens"] = own
    if tokenizer.extra_special_tokens:
        config["extra_special_tokens"] = tokenizer.extra_special_tokens
    config["tokenizer_class"] = tokenizer.__dict__.get("_declared_class", type(tokenizer).__name__)
    return config


def _as_json(value: Any) -> Any:
    if isinstance(value, AddedToken):
        return {"__type": "AddedToken"} | {flag: getattr(value, flag) for flag in FLAGS}
    return str(value)


def save_vocabulary(
    tokenizer: PreTrainedTokenizerFast, folder: str | os.PathLike, prefix: str | None
) -> tuple[str, ...]:
    """vocab.json and merges.txt, or vocab.txt; returns their paths."""
    core = tokenizer._core
    start = f"{prefix}-" if prefix else ""
    words = sorted(core.vocab(with_added_tokens=False).items(), key=lambda item: item[1])
    if core.model.kind == "WordPiece":
        files = {"vocab.txt": "".join(f"{word}\n" for word, _ in words)}
    else:
        files = {"vocab.json": json.dumps(dict(words), ensure_ascii=False)}
        if core.model.kind == "BPE":
            files["merges.txt"] = "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in core.model.merges())
    return write(folder, {f"{start}{name}": text for name, text in files.items()})
