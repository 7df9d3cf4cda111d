"""Every public name of the reference's tokenizer and its output is here, with its arguments in their order."""

import inspect

import pytest

from bearhug import AutoTokenizer
from bearhug.tokenizers import AddedToken, BatchEncoding, BertTokenizer, PreTrainedTokenizerFast
from tokenizer_folders import MAKES

pytestmark = pytest.mark.reference


def public(thing) -> list[str]:
    return [name for name in dir(thing) if not name.startswith("_")]


@pytest.fixture(scope="module")
def pairs():
    """(ours, theirs)"""
    import transformers

    theirs = transformers.PreTrainedTokenizerFast
    return {"tokenizer": (PreTrainedTokenizerFast, theirs), "encoding": (BatchEncoding, transformers.BatchEncoding)}


@pytest.mark.parametrize("kind", ["tokenizer", "encoding"])
def test_every_method_takes_the_same_arguments(kind, pairs):
    ours, theirs = pairs[kind]
    names = [*public(theirs), "__init__", *(["__call__"] if kind == "tokenizer" else [])]
    assert set(names) - set(dir(ours)) == set()
    for name in names:
        method, expected = getattr(ours, name), getattr(theirs, name)
        if not callable(expected) or isinstance(expected, type) or name == "model":
            continue
        assert callable(method), name
        wanted = {key: value for key, value in inspect.signature(expected).parameters.items() if key != "self"}
        wanted = {
            key: value for key, value in wanted.items() if value.kind not in (value.VAR_KEYWORD, value.VAR_POSITIONAL)
        }
        got = inspect.signature(method).parameters
        assert [key for key in wanted if key not in got] == [], name
        positional = [key for key, value in wanted.items() if value.kind is value.POSITIONAL_OR_KEYWORD]
        assert [key for key in got if key in positional] == positional, name
        for key, value in wanted.items():
            if value.default is not inspect.Parameter.empty and name != "__init__":
                assert got[key].default == value.default, f"{name}({key}=)"


@pytest.mark.parametrize("name", MAKES)
def test_every_attribute_of_a_loaded_tokenizer(name, folders):
    """The same value, where it is plain: a number, a text, lists and dicts of those."""
    from transformers import AutoTokenizer as Theirs

    ours, theirs = AutoTokenizer.from_pretrained(folders[name]), Theirs.from_pretrained(folders[name])
    for attribute in public(theirs):
        value = getattr(theirs, attribute)
        assert hasattr(ours, attribute), attribute
        if callable(value) or attribute in (
            "init_kwargs",
            "vocab_file",
            "model",
            "backend_tokenizer",
            "added_tokens_decoder",
        ):
            continue
        if attribute == "vocab_files_names":  # GPT-2's say nothing of tokenizer.json there, which it loads
            assert value.items() <= ours.vocab_files_names.items()
        elif type(value) in (bool, int, str, list, dict, tuple, type(None)):
            assert getattr(ours, attribute) == value, attribute


def test_names_of_version_4():
    """These are gone from version 5, and scripts use them."""
    for name in (
        "encode_plus batch_encode_plus prepare_for_model truncate_sequences build_inputs_with_special_tokens "
        "create_token_type_ids_from_sequences prepare_seq2seq_batch as_target_tokenizer sanitize_special_tokens "
        "special_tokens_map_extended all_special_tokens_extended clean_up_tokenization get_special_tokens_mask"
    ).split():
        assert hasattr(PreTrainedTokenizerFast, name), name


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("strategy", ["longest_first", "only_first", "only_second", "do_not_truncate"])
def test_sequences_are_truncated_as_in_the_reference(side, strategy):
    from transformers import PreTrainedTokenizer

    class Theirs(PreTrainedTokenizer):
        vocab_size = 5

        def get_vocab(self):
            return {}

    theirs = Theirs(truncation_side=side)
    ours = BertTokenizer(vocab={"[UNK]": 0, "[CLS]": 1, "[SEP]": 2}, truncation_side=side)
    for first in (0, 1, 4, 9):
        for second in (None, 0, 3, 8):
            if strategy == "longest_first" and second == 0:
                continue  # an empty pair is None there after a cut from the left
            for count in range(min(first, 9 if second is None else second) + 1):
                ids = list(range(first)), None if second is None else list(range(100, 100 + second))
                for stride in (0, 2):
                    asked = (*ids, count, strategy, stride)
                    assert ours.truncate_sequences(*asked) == theirs.truncate_sequences(*asked), (side, asked)


def test_earlier_names_are_the_newer_ones():
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "bear"]
    tokenizer = BertTokenizer(vocab={word: id for id, word in enumerate(words)})
    batch = tokenizer.prepare_seq2seq_batch(["the bear", "the"], ["bear", "the bear"], return_tensors="pt")

    assert batch["labels"].tolist() == [[2, 6, 3, 0], [2, 5, 6, 3]]
    with tokenizer.as_target_tokenizer():
        assert tokenizer("bear")["input_ids"] == [2, 6, 3]
    assert tokenizer.sanitize_special_tokens() == 0


def test_added_tokens_as_files_write_them():
    from transformers import PreTrainedTokenizerFast as Theirs
    from transformers.tokenization_utils_base import AddedToken as TheirToken

    def nest(kind):
        return {
            "a": [kind("<x>", lstrip=True, normalized=False, special=True), 3],
            "b": {"c": kind("y", normalized=True)},
        }

    for save in (True, False):
        for add_type in (True, False):
            ours = PreTrainedTokenizerFast.convert_added_tokens(nest(AddedToken), save=save, add_type_field=add_type)
            theirs = Theirs.convert_added_tokens(nest(TheirToken), save=save, add_type_field=add_type)
            if save:
                assert ours == theirs
            else:
                assert ours["a"][0].content == theirs["a"][0].content
    written = PreTrainedTokenizerFast.convert_added_tokens(nest(AddedToken), save=True)
    assert PreTrainedTokenizerFast.convert_added_tokens(written) == nest(AddedToken)


def test_chat_templates_are_saved_alone(folders, tmp_path):
    from transformers import AutoTokenizer as Theirs

    for templates in ("{{ 1 }}", {"default": "{{ 1 }}", "tool_use": "{{ 2 }}"}, {"a": "x"}, None):
        for jinja in (True, False):
            said = []
            for who, auto in (("ours", AutoTokenizer), ("theirs", Theirs)):
                tokenizer = auto.from_pretrained(folders["bert"])
                tokenizer.chat_template = templates
                folder = tmp_path / f"{who}-{len(said)}"
                folder.mkdir(exist_ok=True)
                config, files = tokenizer.save_chat_templates(folder, {"kept": 1, "chat_template": "old"}, None, jinja)
                if templates is None:
                    config.pop("chat_template", None)  # the reference leaves an old one there
                said.append((config, [file.removeprefix(str(folder)) for file in files]))
            assert said[0] == said[1]


def test_what_the_backend_cuts_and_fills_up_to_can_be_set(folders):
    from transformers import AutoTokenizer as Theirs
    from transformers.tokenization_utils_base import TruncationStrategy
    from transformers.utils import PaddingStrategy

    pair = [auto.from_pretrained(folders["bert"]) for auto in (AutoTokenizer, Theirs)]
    for fill in PaddingStrategy:
        for cut in TruncationStrategy:
            for length, stride, multiple, side in ((6, 1, None, None), (9, 0, 4, "left")):
                for tokenizer in pair:
                    tokenizer.set_truncation_and_padding(fill, cut, length, stride, multiple, side)
                ours, theirs = (tokenizer.backend_tokenizer for tokenizer in pair)
                assert (ours.truncation, ours.padding) == (theirs.truncation, theirs.padding)
                texts = ["the world of words", "so many"]
                if cut is not TruncationStrategy.ONLY_SECOND:
                    expected = [row.ids for row in theirs.encode_batch(texts)]
                    assert [row.ids for row in ours.encode_batch(texts)] == expected
                assert pair[0](texts)["input_ids"] == pair[1](texts)["input_ids"]
