"""The raw surface of `tokenizers`: each of its names, methods, parameters and defaults is ours too."""

import enum
import inspect

import pytest

from bearhug import tokenizers as ours

tokenizers = pytest.importorskip("tokenizers")
pytestmark = pytest.mark.reference

FAMILIES = ("models", "normalizers", "pre_tokenizers", "processors", "decoders", "trainers", "implementations")
# What is theirs alone, and why.
NOT_OURS = {
    "tokenizers",  # the compiled module itself
    "base_tokenizer",  # modules of their implementations
    "bert_wordpiece",
    "byte_level_bpe",
    "char_level_bpe",
    "sentencepiece_bpe",
    "sentencepiece_unigram",
    # type aliases, for annotations
    "EncodeInput",
    "InputSequence",
    "Offsets",
    "PreTokenizedEncodeInput",
    "PreTokenizedInputSequence",
    "TextEncodeInput",
    "TextInputSequence",
    # what their modules import
    "List",
    "Tuple",
    "Union",
    "Enum",
}
# How objects are pickled is each library's own.
PICKLING = {"__getnewargs__", "__getstate__", "__setstate__", "__reduce__", "__new__", "__init__"}
# Families have no instances, and AddedToken is compiled: what it takes is tested by calling it.
NO_SIGNATURE = {"Model", "Normalizer", "PreTokenizer", "PostProcessor", "Decoder", "Trainer", "AddedToken"}
WRONG_THERE = {("Metaspace", "replacement")}  # their signature says "_", the value is "▁"


def pairs():
    yield "tokenizers", tokenizers, ours
    for family in FAMILIES:
        yield family, getattr(tokenizers, family), getattr(ours, family)


def classes():
    return [
        pytest.param(value, getattr(mine, name, None), id=f"{family}.{name}")
        for family, theirs, mine in pairs()
        for name, value in sorted(vars(theirs).items())
        if inspect.isclass(value) and not name.startswith("_") and name not in NOT_OURS
    ]


@pytest.mark.parametrize(("family", "theirs", "mine"), [pytest.param(*one, id=one[0]) for one in pairs()])
def test_every_name_is_there(family, theirs, mine):
    names = {name for name in dir(theirs) if not name.startswith("_")} - NOT_OURS - {family}

    assert {name for name in names if not hasattr(mine, name)} == set()


@pytest.mark.parametrize(("theirs", "mine"), classes())
def test_every_method_is_there(theirs, mine):
    names = {name for name in dir(theirs) if not hasattr(object, name)} - PICKLING

    assert {name for name in names if not hasattr(mine, name)} == set()


@pytest.mark.parametrize(("theirs", "mine"), classes())
def test_every_method_takes_what_theirs_takes(theirs, mine):
    if issubclass(theirs, enum.Enum):
        assert {one.name: one.value for one in mine} == {one.name: one.value for one in theirs}
        return
    methods = [name for name in dir(theirs) if not name.startswith("_") and callable(getattr(theirs, name))]
    functions = [(getattr(theirs, name), getattr(mine, name)) for name in methods]
    if theirs.__name__ not in NO_SIGNATURE:
        functions.append((theirs, mine))
    for function, own in functions:
        given, taken = parameters(function), parameters(own)
        for name, default in given.items():
            assert name in taken or name == "kwargs", f"{own.__qualname__} has no {name}"
            if default is not inspect.Parameter.empty and (theirs.__name__, name) not in WRONG_THERE:
                assert taken[name] == default, f"{own.__qualname__}: {name}={taken[name]}, not {default}"


def parameters(function):
    try:
        signature = inspect.signature(function)
    except ValueError:  # two of theirs are written in a way that Python cannot read
        return {}
    return {
        name: list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
        for name, parameter in signature.parameters.items()
        if name != "self"
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_our_signatures_are_real(family):
    """What an editor shows: no part hides its parameters behind *args or lacks a word about itself."""
    module = getattr(ours, family)
    for name, kind in vars(module).items():
        if inspect.isclass(kind) and kind.__module__ == module.__name__ and name not in NO_SIGNATURE:
            kinds = {parameter.kind for parameter in inspect.signature(kind).parameters.values()}
            assert inspect.Parameter.VAR_POSITIONAL not in kinds, name
            assert inspect.getdoc(kind), name


STATES = [
    "trainers.BpeTrainer(special_tokens=['a'], initial_alphabet=['b'], limit_alphabet=3, max_token_length=9)",
    "trainers.WordPieceTrainer(min_frequency=2)",
    "trainers.WordLevelTrainer(vocab_size=7)",
    "trainers.UnigramTrainer(unk_token='é')",
    "pre_tokenizers.Sequence([pre_tokenizers.Digits(), pre_tokenizers.Split('x', 'removed')])",
    "pre_tokenizers.Metaspace()",
    "normalizers.Sequence([normalizers.NFC(), normalizers.Replace('é', 'x')])",
    "decoders.ByteLevel()",
    "processors.TemplateProcessing('$A', None, [])",
    "models.WordLevel({'a': 1}, unk_token='a')",
    "models.BPE()",
]


@pytest.mark.reference
@pytest.mark.parametrize("made", STATES)
def test_states_are_the_references_bytes(made):
    families = ("trainers", "pre_tokenizers", "normalizers", "decoders", "processors", "models")
    one, other = (eval(made, {name: getattr(library, name) for name in families}) for library in (ours, tokenizers))
    assert one.__getstate__() == other.__getstate__()


def test_the_words_of_an_encoding_have_a_new_name():
    from bearhug.tokenizers import Tokenizer, models

    encoding = Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).encode("a")
    with pytest.warns(DeprecationWarning, match="word_ids"):
        assert encoding.words == encoding.word_ids
    with pytest.raises(ValueError, match="Invalid truncation direction value : up") as caught:
        encoding.truncate(1, direction="up")
    assert str(caught.value) == "Invalid truncation direction value : up"  # what mends it is a note
