"""tokenizer.json <-> the core's parts, and the vocabulary files that older folders hold.

A part keeps its own description (`part.json`), so writing a file is putting the descriptions together again;
vocabulary and merges, the bulk of a file, live in the core alone.
"""

import base64
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from bearhug._lib.errors import near
from bearhug._lib.files import replacing
from bearhug.tokenizers._native import (
    AddedToken,
    Decoder,
    Merges,
    Model,
    Normalizer,
    Padding,
    PostProcessor,
    PreTokenizer,
    Tokenizer,
    Truncation,
    Words,
    read_merge_lines,
    read_tokenizer_file,
    read_vocabulary,
)
from bearhug.tokenizers.patterns import SCANNERS, searched

Json = dict[str, Any]


def read(path: str | os.PathLike) -> Json:
    """A tokenizer.json as it stands.

    Raises:
        ValueError: the file is no JSON object (cut short, or something else).
    """
    return _read(path, Path(path).read_bytes())


def _read(path: str | os.PathLike, text: bytes) -> Json:
    try:
        description = json.loads(text)
    except ValueError as problem:
        raise ValueError(
            f"{str(path)!r} is no tokenizer.json: it holds no JSON ({problem}). It may have been "
            "cut short; fetch it again."
        ) from None
    if not isinstance(description, dict):
        raise ValueError(f"{str(path)!r} is no tokenizer.json: it holds a {type(description).__name__}, not an object.")
    return description


def read_lean(path: str | os.PathLike) -> Json:
    """A tokenizer.json for `build`: vocabulary, merges and added tokens stay the core's, which is ten times as fast.

    Raises:
        ValueError: as `read`.
    """
    text = Path(path).read_bytes()
    return lean(text) or _read(path, text)


def lean(text: bytes) -> Json | None:
    """`read_lean` of the bytes of a file; None for what only Python's reader takes, or can explain."""
    found = read_tokenizer_file(text)
    if found is None:
        return None
    rest, vocab, merges, added = found
    try:
        description = json.loads(rest)
    except ValueError:
        return None
    for key, value in (("vocab", vocab), ("merges", merges)):
        if value is not None:
            description["model"][key] = value
    if added is not None:
        description["added_tokens"] = added
    return description


def load(path: str | os.PathLike) -> Tokenizer:
    """The core of a tokenizer.json."""
    return build(read_lean(path))


def loads(text: str | bytes) -> Tokenizer:
    """The core of a tokenizer.json's text."""
    return build(parsed(text))


def parsed(text: str | bytes) -> Json:
    """A tokenizer.json's text for `build`, as `read_lean` gives it."""
    return lean(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")) or json.loads(text)


def dumps(core: Tokenizer) -> str:
    """The tokenizer.json of a core, on one line."""
    return encoded(core).decode()


def encoded(core: Tokenizer) -> bytes:
    """The same, in UTF-8."""
    return written(_describe(core, words_to_come(core.model)), core.model, "spaced")


def to_json(core: Tokenizer, truncation: Json | None = None, padding: Json | None = None) -> bytes:
    """The tokenizer.json of a core, for a file; truncation and padding as the file has them."""
    description = _describe(core, words_to_come(core.model)) | {"truncation": truncation, "padding": padding}
    return written(description, core.model, "lines")


STYLES: dict[str, Json] = {"spaced": {}, "tight": {"separators": (",", ":")}, "lines": {"indent": 2}}


def words_to_come(model: Model) -> Json:
    """What stands in a model's description for the words that `written` puts there."""
    return {name: f"\0{name}" for name in (("vocab", "merges") if model.kind == "BPE" else ("vocab",))}


def written(description: Json, model: Model, style: Literal["spaced", "tight", "lines"]) -> bytes:
    """The text of a description, whose vocabulary and merges the core writes: large ones are 600,000 lines."""
    text = _as_the_reference_writes(json.dumps(description, ensure_ascii=False, **STYLES[style])).encode()
    pieces: list[bytes] = []
    writers = {"vocab": model.vocabulary_json, "merges": model.merges_json}
    for name, place in reversed(words_to_come(model).items()):  # the model stands last in a description
        before, _, behind = text.rpartition(json.dumps(place).encode())
        pieces += [behind, writers[name](style)]
        text = before
    return b"".join([text, *reversed(pieces)])


def _as_the_reference_writes(text: str) -> str:
    """JSON with its smallest numbers spelled in Rust's way: 1e-7 for Python's 1e-07, 0.00001 for 1e-05."""
    if "e-0" not in text:
        return text

    def spelled(found: re.Match) -> str:
        number = found[0]
        if number.startswith('"') or "e-0" not in number:
            return number
        digits, exponent = number.split("e-0")
        if exponent != "5":
            return f"{digits}e-{exponent}"
        sign = "-" if digits.startswith("-") else ""
        return f"{sign}0.0000{digits.lstrip('-').replace('.', '')}"

    return re.sub(r'"(?:[^"\\]|\\.)*"|[-+.\de]+', spelled, text)


def save(core: Tokenizer, path: str | os.PathLike) -> None:
    """Write a tokenizer.json, all or nothing."""
    with replacing(path) as out:
        out.write(to_json(core))


def build(description: Json) -> Tokenizer:
    """A tokenizer.json -> the core.

    Raises:
        ValueError: a part is of a kind that is not known, or does not hold together.
    """
    if not isinstance(description, dict):
        raise ValueError(f"a tokenizer.json is an object; this is a {type(description).__name__}.")
    core = Tokenizer(
        model(description.get("model")),
        normalizer=normalizer(description.get("normalizer")),
        pre_tokenizer=pre_tokenizer(description.get("pre_tokenizer")),
        post_processor=post_processor(description.get("post_processor")),
        decoder=decoder(description.get("decoder")),
    )
    tokens = description.get("added_tokens") or []
    if not isinstance(tokens, list):
        raise ValueError(f"the added_tokens of the tokenizer.json must be a list; they are {tokens!r:.80}.")
    if tokens:
        core.load_added_tokens([_added(token) for token in tokens])
    return core


def describe(core: Tokenizer) -> Json:
    """The core -> a tokenizer.json that this library and the reference load."""
    words: Json = {"vocab": dict(sorted(core.vocab(with_added_tokens=False).items(), key=lambda item: item[1]))}
    if core.model.kind == "BPE":
        words["merges"] = [list(pair) for pair in core.model.merges()]
    if core.model.kind == "Unigram":
        words["vocab"] = [list(piece) for piece in core.model.pieces()]
    return _describe(core, words)


def _describe(core: Tokenizer, words: Json) -> Json:
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": describe_added_tokens(core),
        "normalizer": _described(core.normalizer),
        "pre_tokenizer": _described(core.pre_tokenizer),
        "post_processor": _described(core.post_processor),
        "decoder": _described(core.decoder),
        "model": json.loads(core.model.json) | words,
    }


def _described(part: Any) -> Json | None:
    if part is None:
        return None
    if '{"type": "Custom"' in part.json:
        raise ValueError(
            f"a custom {type(part).__name__} cannot be written to a file: it is a Python object.\n"
            "Put another part in its place first, and set it again after loading."
        )
    return json.loads(part.json)


def describe_added_tokens(core: Tokenizer) -> list[Json]:
    """The added tokens of a core, as a tokenizer.json has them."""
    flags = ("content", "single_word", "lstrip", "rstrip", "normalized", "special")
    tokens = sorted(core.added_tokens().items())
    return [{"id": id} | {flag: getattr(token, flag) for flag in flags} for id, token in tokens]


STRATEGIES = {"LongestFirst": "longest_first", "OnlyFirst": "only_first", "OnlySecond": "only_second"}


def describe_truncation(truncation: Truncation | None) -> Json | None:
    """The settings of a call -> a tokenizer.json's truncation."""
    if truncation is None:
        return None
    return {
        "direction": truncation.direction.capitalize(),
        "max_length": truncation.max_length,
        "strategy": next(name for name, ours in STRATEGIES.items() if ours == truncation.strategy),
        "stride": truncation.stride,
    }


def describe_padding(padding: Padding | None) -> Json | None:
    """The settings of a call -> a tokenizer.json's padding."""
    if padding is None:
        return None
    return {
        "strategy": "BatchLongest" if padding.length is None else {"Fixed": padding.length},
        "direction": padding.direction.capitalize(),
        "pad_to_multiple_of": padding.pad_to_multiple_of,
        "pad_id": padding.pad_id,
        "pad_type_id": padding.pad_type_id,
        "pad_token": padding.pad_token,
    }


def truncation(description: Json | None) -> Truncation | None:
    """A tokenizer.json's truncation -> the settings of a call."""
    if description is None:
        return None
    with _held_together("truncation"):
        return Truncation(
            description["max_length"],
            description.get("stride", 0),
            STRATEGIES[description.get("strategy", "LongestFirst")],  # pyright: ignore[reportArgumentType]
            description.get("direction", "Right").lower(),
        )


def padding(description: Json | None) -> Padding | None:
    """A tokenizer.json's padding -> the settings of a call."""
    if description is None:
        return None
    with _held_together("padding"):
        strategy = description.get("strategy", "BatchLongest")
        if not isinstance(strategy, dict) and strategy != "BatchLongest":
            raise TypeError(f"its strategy is {strategy!r:.40}, not 'BatchLongest' or {{'Fixed': length}}")
        return Padding(
            strategy["Fixed"] if isinstance(strategy, dict) else None,
            description.get("pad_to_multiple_of"),
            description.get("direction", "Right").lower(),
            description.get("pad_id", 0),
            description.get("pad_type_id", 0),
            description.get("pad_token", "[PAD]"),
        )


def normalizer(description: Json | None) -> Normalizer | None:
    """A tokenizer.json's normalizer -> the core's."""
    return _part("normalizer", NORMALIZERS, description)


def pre_tokenizer(description: Json | None) -> PreTokenizer | None:
    """A tokenizer.json's pre_tokenizer -> the core's."""
    return _part("pre_tokenizer", PRE_TOKENIZERS, description)


def post_processor(description: Json | None) -> PostProcessor | None:
    """A tokenizer.json's post_processor -> the core's."""
    return _part("post_processor", POST_PROCESSORS, description)


def decoder(description: Json | None) -> Decoder | None:
    """A tokenizer.json's decoder -> the core's."""
    return _part("decoder", DECODERS, description)


def model(description: Json | None) -> Model:
    """A tokenizer.json's model -> the core's. Files of before 2021 do not say its type."""
    if not isinstance(description, dict):
        raise ValueError("the tokenizer.json has no model; its 'model' must be an object with a vocabulary.")
    if "type" not in description:
        description = {"type": _type_of(description)} | description
    return _part("model", MODELS, description)


def _type_of(description: Json) -> str:
    if "merges" in description:
        return "BPE"
    if isinstance(description.get("vocab"), list):
        return "Unigram"
    return "WordPiece" if "max_input_chars_per_word" in description else "WordLevel"


def _part(name: str, kinds: Mapping[str, Callable[[str, Json], Any]], description: Any) -> Any:
    if description is None:
        return None
    kind = description.get("type") if isinstance(description, dict) else None
    if not isinstance(kind, str):
        raise ValueError(
            f"the {name} of the tokenizer.json must be an object with a 'type'; it is {description!r:.80}."
        )
    if kind not in kinds:
        raise ValueError(
            f"the tokenizer.json has a {name} of the type {kind!r}, which bearhug does not have.{near(kind, kinds)} "
            f"It has: {', '.join(kinds)}."
        )
    own = {key: value for key, value in description.items() if key not in ("vocab", "merges")}
    with _held_together(f"{name} {kind!r}"):
        return kinds[kind](json.dumps(_written(name, own), ensure_ascii=False), description)


@contextmanager
def _held_together(what: str) -> Iterator[None]:
    """A value that is missing or of another type is a ValueError about that part of the file."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, IndexError, RuntimeError) as problem:
        said = f"it lacks {problem}" if isinstance(problem, KeyError) else str(problem).splitlines()[0]
        if said == "std::bad_cast":  # what the binding says of a value of another type within a list
            said = "a value in it is of another type than it must be"
        raise ValueError(f"the {what} of the tokenizer.json does not hold together: {said}.") from problem


def _written(name: str, own: Json) -> Json:
    """A part's settings as the reference writes them, all of them and in its order; then those that nobody knows."""
    kind = own["type"]
    if kind == "Sequence":
        typed = lambda part: isinstance(part, dict) and isinstance(part.get("type"), str)  # noqa: E731
        lists = {key: parts for key, parts in own.items() if isinstance(parts, list)}
        return own | {key: [_written(name, p) if typed(p) else p for p in parts] for key, parts in lists.items()}
    if (settings := SETTINGS[name].get(kind)) is None:
        return own
    if kind == "Metaspace":
        own = own | {"prepend_scheme": _scheme(own)}
    given = {key: own.get(key) for key in settings}
    known = {key: settings[key] if value is None else value for key, value in given.items()}
    others = {key: value for key, value in own.items() if key not in known and key not in UNWRITTEN}
    return {"type": kind} | known | others


def _parts(key: str, make: Callable[[Json], Any]) -> Callable[[Json], list]:
    def made(part: Json) -> list:
        if None in part[key]:
            raise TypeError(f"one of its {key} is null")
        return [make(inner) for inner in part[key]]

    return made


def _pattern(part: Json) -> Any:
    """A literal text, or the function that finds a regular expression."""
    pattern = part["pattern"]
    return pattern["String"] if "String" in pattern else searched(pattern["Regex"])


def _charsmap(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as problem:
        raise ValueError(f"the precompiled_charsmap of the tokenizer.json is not base64: {problem}.") from None


def _scheme(part: Json) -> Any:
    """Metaspace's prepend_scheme, which older files spell add_prefix_space."""
    scheme, adds = part.get("prepend_scheme"), part.get("add_prefix_space")
    if scheme is None:
        return "never" if adds is False else "always"
    if adds is False and scheme != "never":
        raise ValueError(
            f"the Metaspace of the tokenizer.json has add_prefix_space=false and prepend_scheme={scheme!r}, which do "
            'not agree; leave add_prefix_space out, or make prepend_scheme "never".'
        )
    return scheme


def _flag(part: Json, key: str, default: bool) -> bool:
    """A setting that may be null."""
    return default if part.get(key) is None else part[key]


def _behavior(name: str) -> Any:
    """MergedWithNext -> merged_with_next."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _split(text: str, part: Json) -> PreTokenizer:
    behavior, invert, pattern = _behavior(part["behavior"]), part.get("invert", False), part["pattern"]
    if "String" in pattern:
        return PreTokenizer.split_literal(text, pattern["String"], behavior, invert)
    if known := SCANNERS.get(pattern["Regex"]):
        return PreTokenizer.split_known(text, known, behavior, invert)  # pyright: ignore[reportArgumentType]
    return PreTokenizer.split_finder(text, searched(pattern["Regex"]), behavior, invert)


def _template(text: str, part: Json) -> PostProcessor:
    def pieces(template: list[Json]) -> list[tuple[str, str, int]]:
        flat = []
        for piece in template:
            (kind, value), *_ = piece.items()
            flat.append(("token" if kind == "SpecialToken" else "sequence", value["id"], value["type_id"]))
        return flat

    special = {name: (token["ids"], token["tokens"]) for name, token in part["special_tokens"].items()}
    return PostProcessor.template(text, pieces(part["single"]), pieces(part["pair"]), special)


def _bpe(text: str, part: Json) -> Model:
    return Model.bpe(
        text,
        part["vocab"],
        part["merges"],
        part.get("dropout"),
        part.get("unk_token"),
        part.get("continuing_subword_prefix") or None,
        part.get("end_of_word_suffix") or None,
        _flag(part, "fuse_unk", False),
        _flag(part, "byte_fallback", False),
        _flag(part, "ignore_merges", False),
    )


def _wordpiece(text: str, part: Json) -> Model:
    return Model.wordpiece(
        text,
        part["vocab"],
        part.get("unk_token", "[UNK]"),
        part.get("continuing_subword_prefix", "##"),
        part.get("max_input_chars_per_word", 100),
    )


def _unigram(text: str, part: Json) -> Model:
    fallback = _flag(part, "byte_fallback", False)
    return Model.unigram(text, part["vocab"], part.get("unk_id"), fallback, part.get("alpha"), part.get("nbest_size"))


# What a part's description holds beside its type, in the reference's order; where a file does not say it, or says null,
# it is this.
BYTE_LEVEL = {"add_prefix_space": True, "trim_offsets": True, "use_regex": True}
METASPACE = {"replacement": "▁", "prepend_scheme": "always", "split": True}
# Older names of settings, and those that a file does not keep.
UNWRITTEN = ("add_prefix_space", "str_rep", "alpha", "nbest_size")
SETTINGS: dict[str, dict[str, Json]] = {
    "normalizer": {
        "BertNormalizer": {"clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
        "Strip": {"strip_left": True, "strip_right": True},
    },
    "pre_tokenizer": {
        "ByteLevel": BYTE_LEVEL,
        "Punctuation": {"behavior": "Isolated"},
        "Digits": {"individual_digits": False},
        "Metaspace": METASPACE,
        "FixedLength": {"length": 5},
        "Split": {"pattern": None, "behavior": None, "invert": False},
    },
    "post_processor": {
        "ByteLevel": BYTE_LEVEL,
        "RobertaProcessing": {"sep": None, "cls": None, "trim_offsets": True, "add_prefix_space": True},
    },
    "decoder": {
        "ByteLevel": BYTE_LEVEL,
        "WordPiece": {"prefix": "##", "cleanup": True},
        "BPEDecoder": {"suffix": "</w>"},
        "Metaspace": METASPACE,
        "CTC": {"pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True},
    },
    "model": {
        "BPE": {
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
        },
        "Unigram": {"unk_id": None, "byte_fallback": False},
    },
}

NORMALIZERS: dict[str, Callable[[str, Json], Normalizer]] = {
    "BertNormalizer": lambda text, part: Normalizer.bert(
        text,
        part.get("clean_text", True),
        part.get("handle_chinese_chars", True),
        part.get("strip_accents"),
        part.get("lowercase", True),
    ),
    "NFC": lambda text, _: Normalizer.unicode(text, "NFC"),
    "NFD": lambda text, _: Normalizer.unicode(text, "NFD"),
    "NFKC": lambda text, _: Normalizer.unicode(text, "NFKC"),
    "NFKD": lambda text, _: Normalizer.unicode(text, "NFKD"),
    "Lowercase": lambda text, _: Normalizer.lowercase(text),
    "StripAccents": lambda text, _: Normalizer.strip_accents(text),
    "Strip": lambda text, part: Normalizer.strip(text, part.get("strip_left", True), part.get("strip_right", True)),
    "Replace": lambda text, part: Normalizer.replace(text, _pattern(part), part["content"]),
    "Prepend": lambda text, part: Normalizer.prepend(text, part["prepend"]),
    "ByteLevel": lambda text, _: Normalizer.byte_level(text),
    "Nmt": lambda text, _: Normalizer.nmt(text),
    "Precompiled": lambda text, part: Normalizer.precompiled(text, _charsmap(part["precompiled_charsmap"])),
    "Sequence": lambda text, part: Normalizer.sequence(text, _parts("normalizers", normalizer)(part)),
}

PRE_TOKENIZERS: dict[str, Callable[[str, Json], PreTokenizer]] = {
    "ByteLevel": lambda text, part: PreTokenizer.byte_level(
        text, part.get("add_prefix_space", True), part.get("trim_offsets", True), part.get("use_regex", True)
    ),
    "BertPreTokenizer": lambda text, _: PreTokenizer.bert(text),
    "Whitespace": lambda text, _: PreTokenizer.whitespace(text),
    "WhitespaceSplit": lambda text, _: PreTokenizer.whitespace_split(text),
    "Punctuation": lambda text, part: PreTokenizer.punctuation(text, _behavior(part.get("behavior", "Isolated"))),
    "Digits": lambda text, part: PreTokenizer.digits(text, part.get("individual_digits", False)),
    "CharDelimiterSplit": lambda text, part: PreTokenizer.split_literal(text, part["delimiter"], "removed", False),
    "Metaspace": lambda text, part: PreTokenizer.metaspace(
        text, part.get("replacement", "▁"), _scheme(part), _flag(part, "split", True)
    ),
    "Split": _split,
    "FixedLength": lambda text, part: PreTokenizer.fixed_length(text, part.get("length", 5)),
    "UnicodeScripts": lambda text, _: PreTokenizer.unicode_scripts(text),
    "Sequence": lambda text, part: PreTokenizer.sequence(text, _parts("pretokenizers", pre_tokenizer)(part)),
}

POST_PROCESSORS: dict[str, Callable[[str, Json], PostProcessor]] = {
    "TemplateProcessing": _template,
    "BertProcessing": lambda text, part: PostProcessor.bert(text, tuple(part["sep"]), tuple(part["cls"])),
    "RobertaProcessing": lambda text, part: PostProcessor.roberta(
        text,
        tuple(part["sep"]),
        tuple(part["cls"]),
        part.get("trim_offsets", True),
        part.get("add_prefix_space", True),
    ),
    "ByteLevel": lambda text, part: PostProcessor.byte_level(
        text, part.get("add_prefix_space", True), part.get("trim_offsets", True)
    ),
    "Sequence": lambda text, part: PostProcessor.sequence(text, _parts("processors", post_processor)(part)),
}

DECODERS: dict[str, Callable[[str, Json], Decoder]] = {
    "ByteLevel": lambda text, _: Decoder.byte_level(text),
    "WordPiece": lambda text, part: Decoder.wordpiece(text, part.get("prefix", "##"), part.get("cleanup", True)),
    "BPEDecoder": lambda text, part: Decoder.bpe(text, part.get("suffix", "</w>")),
    "ByteFallback": lambda text, _: Decoder.byte_fallback(text),
    "Fuse": lambda text, _: Decoder.fuse(text),
    "Replace": lambda text, part: Decoder.replace(text, _pattern(part), part["content"]),
    "Strip": lambda text, part: Decoder.strip(text, part["content"], part["start"], part["stop"]),
    "Metaspace": lambda text, part: Decoder.metaspace(text, part.get("replacement", "▁"), _scheme(part)),
    "CTC": lambda text, part: Decoder.ctc(
        text, part.get("pad_token", "<pad>"), part.get("word_delimiter_token", "|"), part.get("cleanup", True)
    ),
    "Sequence": lambda text, part: Decoder.sequence(text, _parts("decoders", decoder)(part)),
}

MODELS: dict[str, Callable[[str, Json], Model]] = {
    "BPE": _bpe,
    "WordPiece": _wordpiece,
    "Unigram": _unigram,
    "WordLevel": lambda text, part: Model.wordlevel(text, part["vocab"], part.get("unk_token", "<unk>")),
}


def _added(token: Any) -> tuple[int, AddedToken]:
    if type(token) is tuple:  # of `read_lean`
        return token
    try:
        special = token.get("special", False)
        flags = {flag: token.get(flag, False) for flag in ("single_word", "lstrip", "rstrip")}
        made = AddedToken(token["content"], **flags, normalized=token.get("normalized", not special), special=special)
        return token["id"], made
    except (KeyError, TypeError, AttributeError):
        raise ValueError(
            f"an added token of the tokenizer.json needs 'id' and 'content'; it is {token!r:.120}."
        ) from None


def read_vocab(given: Mapping[str, int] | str | os.PathLike) -> dict[str, int]:
    """token -> id, from a vocab.json, a vocab.txt (a token a line), or as it is given.

    Raises:
        ValueError: the file holds no vocabulary.
    """
    if isinstance(given, Mapping):
        return dict(given)
    words = read_lean_vocab(given)
    return words.to_dict() if isinstance(words, Words) else words


def read_lean_vocab(given: str | os.PathLike) -> Words | dict[str, int]:
    """The same of a file, for a model: a vocab.json stays the core's."""
    path = Path(given)
    if path.suffix == ".json" and (words := read_vocabulary(path.read_bytes())) is not None:
        return words
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".json":
        lines = text.removesuffix("\n").split("\n") if text else []
        return {token.removesuffix("\r"): id for id, token in enumerate(lines)}
    try:
        vocab = json.loads(text)
    except ValueError as problem:
        raise ValueError(
            f"{str(path)!r} holds no JSON ({problem}); it may have been cut short. Fetch it again."
        ) from None
    if not isinstance(vocab, dict):
        raise ValueError(f"{str(path)!r} holds a {type(vocab).__name__}; a vocab.json is an object, token -> id.")
    return vocab


def read_merges(given: Any) -> list[tuple[str, str]]:
    """The merges of a merges.txt (a pair a line, the best first), or as they are given.

    Raises:
        ValueError: a line is no pair.
    """
    merges = read_lean_merges(given)
    return merges.to_list() if isinstance(merges, Merges) else merges


def read_lean_merges(given: Any) -> Merges | list[tuple[str, str]]:
    """The same for a model: those of a file stay the core's."""
    if isinstance(given, Merges):
        return given
    if not isinstance(given, str | os.PathLike):
        pairs = (merge.split(" ") if isinstance(merge, str) else merge for merge in given)
        return [(left, right) for left, right in pairs]
    if (found := read_merge_lines(Path(given).read_bytes())) is not None:
        return found
    merges: list[tuple[str, str]] = []
    for number, line in enumerate(Path(given).read_text(encoding="utf-8").split("\n"), 1):
        line = line.removesuffix("\r")
        if not line or line.startswith("#version"):
            continue
        pair = line.split(" ")
        if len(pair) != 2:
            raise ValueError(
                f"line {number} of {str(given)!r} is {line!r:.60}; a merge is two tokens with one blank between them."
            )
        merges.append((pair[0], pair[1]))
    return merges
