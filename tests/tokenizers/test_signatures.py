"""Each parameter of the reference's tokenizer classes is ours too: its name, place, kind and default."""

import enum
import inspect

import pytest

import bearhug
from bearhug import tokenizers as ours

tokenizers = pytest.importorskip("tokenizers")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.reference

RAW = ("models", "normalizers", "pre_tokenizers", "processors", "decoders", "trainers", "implementations")
CLASSES = (
    "PreTrainedTokenizerFast PreTrainedTokenizerBase PreTrainedTokenizer BatchEncoding AddedToken AutoTokenizer "
    "CharSpan TokenSpan BertTokenizer GPT2Tokenizer LlamaTokenizer T5Tokenizer RobertaTokenizer XLMRobertaTokenizer "
    "Qwen2Tokenizer WhisperTokenizer NllbTokenizer GemmaTokenizer CLIPTokenizer AlbertTokenizer MBartTokenizer"
).split()
# What differs on purpose, and why.
DIFFERENT = {
    "pre_tokenizers.Metaspace(replacement)": "their signature says '_', the value is '▁'",
    "PreTrainedTokenizer.prepare_for_tokenization": "a hook of tokenizers in Python, which nothing here would call",
    "NllbTokenizer.prepare_seq2seq_batch(src_lang)": "None: the language that the tokenizer is set to",
    "NllbTokenizer.prepare_seq2seq_batch(tgt_lang)": "None: the language that the tokenizer is set to",
}
# Where theirs must be given and ours has a value of its own.
OPTIONAL_HERE = {
    "save(prefix)": "as in the reference's own documentation",
    "save_chat_templates(filename_prefix)": "None: no prefix",
    "save_chat_templates(save_jinja_files)": "True, as save_pretrained has it",
}
ADDED = {  # to a list of parameters, behind theirs or by name only
    "ByteLevel": {"type"},  # so that a part is made of its own state
    "add_special_tokens": {"replace_additional_special_tokens"},  # version 4's name
    "decode": {"clean_up_tokenization_spaces"},  # theirs reads it from **kwargs
    "save_pretrained": {"save_jinja_files", "save_format"},  # theirs reads the first from **kwargs
    "convert_to_native_format": {"trust_remote_code"},  # theirs reads it from **kwargs
    "tokenize": {"pair", "add_special_tokens"},  # PreTrainedTokenizerFast's, for all
}


def pairs():
    for family in ("", *RAW):
        theirs, mine = (getattr(library, family) if family else library for library in (tokenizers, ours))
        for name, kind in sorted(vars(theirs).items()):
            if inspect.isclass(kind) and not name.startswith("_") and hasattr(mine, name):
                yield f"{family}.{name}".lstrip("."), kind, getattr(mine, name)
    for name in CLASSES:
        yield name, getattr(transformers, name), getattr(bearhug, name, None) or getattr(ours, name)


def parameters(function):
    try:
        return {name: one for name, one in inspect.signature(function).parameters.items() if name != "self"}
    except ValueError:  # compiled, with nothing that Python can read
        return None


def methods(kind):
    return [name for name in dir(kind) if (not name.startswith("_") or name == "__call__")]


def is_there(kind, name: str) -> bool:
    """On the class, or on what is made of it."""
    return hasattr(kind, name) or any(name in inspect.get_annotations(base) for base in kind.__mro__)


def differences(said: str, theirs, mine):
    expected, given = parameters(theirs), parameters(mine)
    if expected is None or given is None:
        return
    name = said.rpartition(".")[2]
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    order = [key for key, one in given.items() if one.kind not in variadic]
    wanted = [key for key, one in expected.items() if one.kind not in variadic]
    for place, key in enumerate(wanted):
        one, other = expected[key], given.get(key)
        where = f"{said}({key})"
        if where in DIFFERENT:
            continue
        if other is None:
            yield f"{where} is missing"
            continue
        if one.kind is not other.kind and other.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            yield f"{where} is {other.kind.description}, not {one.kind.description}"
        if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD and order.index(key) != place:
            yield f"{where} is number {order.index(key)}, not {place}"
        default = list(other.default) if isinstance(other.default, tuple) else other.default
        theirs_is = list(one.default) if isinstance(one.default, tuple) else one.default
        if default != theirs_is and not (theirs_is is inspect.Parameter.empty and f"{name}({key})" in OPTIONAL_HERE):
            yield f"{where} is {default!r} by default, not {theirs_is!r}"
    more = set(order) - set(wanted) - ADDED.get(name, set())
    if more and inspect.isfunction(theirs):
        yield f"{said} also takes {more}"
    if any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in expected.values()):
        if not any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in given.values()):
            yield f"{said} takes no *args"


@pytest.mark.parametrize(("name", "theirs", "mine"), [pytest.param(*one, id=one[0]) for one in pairs()])
def test_signatures_are_the_references(name, theirs, mine):
    found = []
    if issubclass(theirs, enum.Enum):
        assert {one.name: one.value for one in mine} == {one.name: one.value for one in theirs}
        return
    for method in methods(theirs):
        said = f"{name}.{method}"
        if said in DIFFERENT:
            continue
        if not is_there(mine, method):
            found.append(f"{said} is missing")
        elif (
            callable(getattr(theirs, method)) and hasattr(mine, method) and not inspect.isclass(getattr(theirs, method))
        ):
            found += differences(said, getattr(theirs, method), getattr(mine, method))
    if name in CLASSES:
        keys = parameters(mine) or {}
        if "Tokenizer" in name:
            missing = set(parameters(theirs) or {}) - set(keys) - {"args", "kwargs"}
            takes_more = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in keys.values())
            assert takes_more or not missing
    elif parameters(theirs):
        found += differences(name, theirs, mine)

    assert found == []


def test_what_differs_still_differs():
    """A line of the table that is no longer true is taken out of it."""
    assert not hasattr(ours.PreTrainedTokenizer, "prepare_for_tokenization")
    assert inspect.signature(tokenizers.pre_tokenizers.Metaspace).parameters["replacement"].default == "_"
