"""tiktoken's files and Mistral's tekken.json: as the reference reads them, with the original engines' ids."""

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bearhug import AutoTokenizer
from bearhug.tokenizers import file, patterns, tekken, tiktoken
from bearhug.tokenizers.auto import tokenizer_class
from tokenizer_folders import write
from tokenizer_sameness import assert_same
from vocabulary_folders import tekken_json, tiktoken_file

TEXTS = [
    "Hello world, it's 1234567 Élan 日本!",
    "<s>the hot</s> [INST] x",
    "  two  blanks\n\nend",
    "",
    "<|eot|> some <|a|>",
]


@pytest.mark.reference
@pytest.mark.parametrize(
    ("filename", "config"),
    [
        ("tokenizer.model", {}),
        ("tiktoken.model", {"extra_special_tokens": ["<|a|>", "<|eot|>"]}),
        ("tokenizer.model", {"added_tokens_decoder": {"2000": {"content": "<|eot|>", "special": True}}}),
    ],
    ids=str,
)
def test_llama3s_tokenizer_model_is_read_as_the_reference_reads_it(filename, config, tmp_path):
    import transformers

    folder = write(tmp_path / "f", tokenizer_config__json=config | {"bos_token": "<|a|>", "eos_token": "<|eot|>"})
    tiktoken_file(folder / filename)
    ours = tokenizer_class("PreTrainedTokenizerFast").from_pretrained(folder)
    theirs = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    assert_same(ours, theirs, TEXTS)
    assert AutoTokenizer.from_pretrained(folder)("the hot").data == ours("the hot").data


@pytest.mark.reference
@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base"])
def test_real_files_give_tiktokens_ids(name, shared):
    engine = pytest.importorskip("tiktoken")
    found = tiktoken.read(shared / "vocab" / "tiktoken" / f"{name}.tiktoken.gz")
    pattern = patterns.LLAMA3 if name == "cl100k_base" else patterns.O200K
    theirs = engine.Encoding(name, pat_str=pattern, mergeable_ranks=found, special_tokens={})
    ours = file.build(tiktoken.description(found, pattern))
    lines = (shared / "text" / "tiny_shakespeare.txt").read_text(encoding="utf-8").split("\n\n")[:300]
    for text in [*lines, *TEXTS, "日本語のテキスト 😀 ½"]:
        assert ours.encode_batch([text]).row(0, "ids") == theirs.encode(text, disallowed_special=())


@pytest.mark.reference
def test_whispers_file_gives_tiktokens_ids(shared):
    engine = pytest.importorskip("tiktoken")
    found = tiktoken.read(shared / "vocab" / "whisper" / "multilingual.tiktoken")
    theirs = engine.Encoding("whisper", pat_str=patterns.GPT2, mergeable_ranks=found, special_tokens={})
    ours = file.build(tiktoken.description(found, patterns.GPT2))
    for text in [*TEXTS, "日本語のテキスト 😀 ½", "Und so weiter."]:
        assert ours.encode_batch([text]).row(0, "ids") == theirs.encode(text, disallowed_special=())


@pytest.mark.reference
@pytest.mark.parametrize(
    "config",
    [{}, {"default_num_special_tokens": 10}, {"default_num_special_tokens": 8, "default_vocab_size": 300}],
    ids=str,
)
def test_tekken_is_read_as_the_reference_reads_it(config, tmp_path):
    import transformers

    tekken_json(tmp_path / "tekken.json", **config)
    ours = tokenizer_class("PreTrainedTokenizerFast").from_pretrained(tmp_path)
    theirs = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path)
    assert_same(ours, theirs, TEXTS)
    ours.save_pretrained(tmp_path / "again")
    assert AutoTokenizer.from_pretrained(tmp_path / "again")(TEXTS).data == ours(TEXTS).data


def test_an_old_tekken_names_no_special_tokens(tmp_path):
    made = tekken.description(tekken_json(tmp_path / "tekken.json", named=False, default_num_special_tokens=30))
    core = file.build(made)

    assert [core.id_to_token(i) for i in (0, 1, 2, 3, 19, 20, 29)] == [
        "<unk>",
        "<s>",
        "</s>",
        "[INST]",
        "[TOOL_CONTENT]",
        "<SPECIAL_20>",
        "<SPECIAL_29>",
    ]
    assert core.token_to_id("a") == 30 + ord("a")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "Expecting value"),
        ("[]", "list indices"),
        ("{}", "it lacks 'config'"),
        ('{"config": {"pattern": "a"}, "vocab": [{"token_bytes": "!"}], "special_tokens": []}', "no base64"),
        ('{"config": {"pattern": 1}, "vocab": [], "special_tokens": []}', "must be texts"),
        (
            '{"config": {"pattern": "a"}, "vocab": [], "special_tokens": [{"rank": 4, "token_str": "a"}]}',
            "are not 0, 1, 2",
        ),
        (
            '{"config": {"pattern": "a", "default_num_special_tokens": 999999999}, "vocab": [], "special_tokens": []}',
            "default_num_special_tokens is 999999999",
        ),
    ],
)
def test_a_hostile_tekken_is_refused(content, said, tmp_path):
    (tmp_path / "tekken.json").write_text(content)
    with pytest.raises(ValueError, match=rf"is no tekken.json: .*{said}"):
        tekken.description(tmp_path / "tekken.json")


@settings(max_examples=100, deadline=None)
@given(st.recursive(st.none() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3)))
def test_any_special_tokens_are_read_or_refused(tmp_path_factory, special):
    path = tmp_path_factory.getbasetemp() / "tekken.json"
    path.write_text(json.dumps({"config": {"pattern": "a"}, "vocab": [], "special_tokens": special}))
    try:
        tekken.description(path)
    except ValueError:
        return


@pytest.mark.parametrize(
    "data", [b"", b"\n\n", b"!! 1\n", b"YQ== x\n", b"YQ==\n", gzip.compress(b"YQ== 0\n", mtime=0)[:-6]]
)
def test_a_hostile_tiktoken_file_is_refused(data, tmp_path):
    (tmp_path / "x.tiktoken").write_bytes(data)
    with pytest.raises(ValueError, match=r"x.tiktoken"):
        tiktoken.read(tmp_path / "x.tiktoken")


def test_an_added_token_far_behind_is_refused(tmp_path):
    tiktoken_file(tmp_path / "tokenizer.model")
    write(tmp_path, tokenizer_config__json={"added_tokens_decoder": {"999999999": {"content": "<|a|>"}}})
    with pytest.raises(ValueError, match="has the id 999,999,999"):
        AutoTokenizer.from_pretrained(tmp_path)
