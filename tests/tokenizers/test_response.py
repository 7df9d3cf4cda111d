"""What a model wrote becomes a message, whole or as it comes, as in the reference."""

import json
import random
from functools import partial

import pytest

from bearhug import AutoTokenizer
from bearhug.tokenizers import response

ANSWER = "<|im_start|>assistant\n"
CHATML = {
    "start_anchor": ANSWER,
    "defaults": {"role": "assistant"},
    "fields": {
        "thinking": {"open": "<think>", "close": "</think>"},
        "tool_calls": {
            "open": "<tool_call>",
            "close": ["</tool_call>", "</tool_call>\n"],
            "content": "json",
            "repeats": True,
            "transform": {"type": "function", "function": "{content}"},
        },
        "content": {"close": "<|im_end|>"},
    },
}
TAGS = {
    "start_anchor_pattern": r"\[/INST\]|A:",
    "fields": {
        "tool_calls": {
            "open_pattern": r"<function=(?P<name>\w+)>",
            "close": "</function>",
            "content": "xml-inline",
            "content_args": {
                "tag_pattern": r"<parameter=(?P<key>\w+)>\n?(?P<value>.*?)\n?</parameter>",
                "merge_duplicates": True,
            },
            "repeats": True,
            "transform": {"type": "function", "function": {"name": "{name}", "arguments": "{content}"}},
        },
        "content": {"content_args": {"strip": False}},
    },
}
LAX = {
    "start_anchor": ["A:", "AA:"],
    "defaults": {"role": "assistant", "n": 0},
    "fields": {
        "calls": {
            "open": "[TOOL]",
            "close_pattern": r"\n|\Z",
            "content": "json",
            "content_args": {"unquoted_keys": True, "string_delims": [["<q>", "</q>"]], "allow_non_json": True},
            "transform": {"name": "{name}", "kind": 3, "inner": ["{deep}"]},
            "transform_each": True,
        },
        "facts": {"open": "[KV]", "close": "[/KV]", "content": "kv-lines", "content_args": {"kv_sep": "="}},
        "n": {"open": "#", "close": "#", "content": "int"},
        "x": {"open": "%", "close": "%", "content": "float", "optional": True},
        "sure": {"open": "!", "close": "!", "content": "bool"},
        "notes": {"open": "(", "close": ")", "repeats": True, "join": " / "},
    },
}
TEMPLATES = {"chatml": CHATML, "tags": TAGS, "lax": LAX}
PROMPTS = [
    "",
    f"<|im_start|>user\nhi<|im_end|>\n{ANSWER}",
    f"{ANSWER}<think>\n",
    "Q: A: AA:",
    "[INST] a [/INST]",
    "no anchor ",
]
TEXTS = [
    "",
    "plain words",
    "<think>so</think>The answer<|im_end|>",
    "so</think>\n\nThe <b>answer</b><|im_end|>\n",
    '<tool_call>\n{"name": "f", "arguments": {"a": "7", "b": "x", "c": "1.0", "d": ["1", 2]}}\n</tool_call>\nand'
    '<tool_call>{"name": "g", "arguments": {}}</tool_call>',
    "<tool_call>no json</tool_call>",
    "<tool_call>{}",
    "<think",
    "<think></think>",
    "<function=f>\n<parameter=a>\n3\n</parameter>\n<parameter=a>4</parameter><parameter=e>null</parameter>"
    '<parameter=h>{"k": 1}</parameter><parameter=z>3</parameter></function> done ',
    '[TOOL][{name: <q>say "hi"</q>, deep: {x: 1}}]\nafter #12# %1.5% !True! (one)(two) [KV]a=1\nb = 2\n\nc[/KV]',
    '[TOOL]{"name": 3}',
    "[TOOL]just words",
    "#x#",
    "(open",
]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "f",
            "parameters": {
                "properties": {
                    "a": {"type": "integer"},
                    "b": {"type": ["number", "string"]},
                    "c": {"anyOf": [{"type": "integer"}, {"type": "boolean"}]},
                    "d": {"type": "array", "items": {"type": "integer"}},
                    "e": {"type": "string", "nullable": True},
                    "h": {"type": "object"},
                }
            },
        },
    }
]


def outcome(function):
    try:
        return function()
    except (ValueError, KeyError, AttributeError) as problem:
        return type(problem)


def read(parser_class, template, prefix, chunks, tools):
    """(initial events, events of each chunk, message, last events)"""
    parser = parser_class(template, prefix=prefix, tools=tools)
    return parser.initial_events, [parser.feed(chunk) for chunk in chunks], parser.finalize()


def cut(text: str, seed: int) -> list[str]:
    dice, chunks = random.Random(seed), []
    while text:
        size = dice.randrange(1, 6)
        chunks.append(text[:size])
        text = text[size:]
    return chunks


@pytest.mark.reference
@pytest.mark.parametrize("name", TEMPLATES)
def test_messages_and_events_are_the_references(name):
    from transformers.utils.chat_parsing import ResponseParser as Theirs

    for text in TEXTS:
        for i, prefix in enumerate(PROMPTS):
            for tools in (None, TOOLS):
                for chunks in ([text], list(text), cut(text, i), cut(text, i + 100)):
                    asked = (TEMPLATES[name], prefix, chunks, tools)
                    ours = outcome(lambda asked=asked: read(response.ResponseParser, *asked))
                    theirs = outcome(lambda asked=asked: read(Theirs, *asked))
                    assert ours == theirs, (text, prefix, chunks)


BROKEN = [
    3,
    {},
    {"fields": {}},
    {"fields": {"a": {}}},
    {"version": 2, "start_anchor": "a", "fields": {"a": {}}},
    {"start_anchor": "a", "feilds": {"a": {}}},
    {"start_anchor": "a", "start_anchor_pattern": "b", "fields": {"a": {}}},
    {"start_anchor": [], "fields": {"a": {}}},
    {"start_anchor": "", "fields": {"a": {}}},
    {"start_anchor": ["a", 3], "fields": {"a": {}}},
    {"start_anchor_pattern": "(", "fields": {"a": {}}},
    {"start_anchor": "a", "defaults": [], "fields": {"a": {}}},
    {"start_anchor": "a", "fields": {"a": {}, "b": {}}},
    {"start_anchor": "a", "fields": {"a": 3}},
    {"start_anchor": "a", "fields": {"a": {"contents": "json"}}},
    {"start_anchor": "a", "fields": {"a": {"content": "yaml"}}},
    {"start_anchor": "a", "fields": {"a": {"join": " "}}},
    {"start_anchor": "a", "fields": {"a": {"join": 3, "repeats": True}}},
    {"start_anchor": "a", "fields": {"a": {"transform_each": True}}},
    {"start_anchor": "a", "fields": {"a": {"transform_each": 1, "transform": "{content}"}}},
    {"start_anchor": "a", "fields": {"a": {"transform": {"x": ["a {content}"]}}}},
    {"start_anchor": "a", "fields": {"a": {"open_pattern": "(?P<x>.)"}}},
]


@pytest.mark.reference
@pytest.mark.parametrize("template", BROKEN, ids=json.dumps)
def test_a_template_that_does_not_hold_together_is_refused(template):
    from transformers.utils.chat_parsing.response_templates import load_response_template

    with pytest.raises(ValueError):  # its words are its own
        load_response_template(template)
    with pytest.raises(ValueError, match=r"response template|the field"):
        response.compiled(template)


@pytest.mark.reference
def test_the_tokenizers_methods_are_the_references(folders):
    from transformers import AutoTokenizer as Theirs

    pair = [auto.from_pretrained(folders["qwen2"]) for auto in (AutoTokenizer, Theirs)]
    text = "<think>so</think>The way<|im_end|>"
    ids = pair[0].encode(text)
    for tokenizer in pair:
        tokenizer.response_template = CHATML
    for answer in (text, ids, [text, text], [ids, ids], [], pair[0](text, return_tensors="pt")["input_ids"]):
        for prefix in ("", [], ANSWER, [ANSWER, ""], pair[0].encode(ANSWER), None, ["a", "b", "c"]):
            ours, theirs = (outcome(partial(t.parse_response, answer, prefix=prefix)) for t in pair)
            assert ours == theirs, (answer, prefix)
    other = {"start_anchor": "a", "fields": {"all": {}}}
    assert pair[0].parse_response(text, other, prefix="") == pair[1].parse_response(text, other, prefix="")
    for prefix in ("", ids, ANSWER, [ids, ids], None):
        ours, theirs = (outcome(partial(t.get_response_parser, prefix=prefix)) for t in pair)
        assert getattr(ours, "initial_events", ours) == getattr(theirs, "initial_events", theirs), prefix


def test_a_response_template_is_kept(folders, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(folders["qwen2"])
    with pytest.raises(AttributeError, match="no response template"):
        tokenizer.parse_response("a", prefix="")
    tokenizer.response_template = CHATML
    tokenizer.save_pretrained(tmp_path)

    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again.response_template == CHATML
    assert again.parse_response("hi<|im_end|>", prefix="") == {"role": "assistant", "content": "hi"}


def test_delimiters_that_match_nothing_end_in_an_error():
    template = {"start_anchor": "a", "fields": {"x": {"open_pattern": "(?=b)", "close_pattern": "(?=b)"}}}

    with pytest.raises(ValueError, match="match nothing, again and again"):
        response.parse("abc", template, prefix="")


def test_a_pattern_that_runs_for_ever_is_stopped(monkeypatch):
    monkeypatch.setattr(response, "SECONDS", 0.05)
    template = {"start_anchor": "a", "fields": {"x": {"open_pattern": r"(?:\w+\w*)+(?:\w*\w+)*$x"}}}

    with pytest.raises(TimeoutError):
        response.parse("b" * 4000 + "!", template, prefix="")


def test_a_parser_is_done_once():
    parser = response.ResponseParser(CHATML, prefix="")
    parser.finalize()

    with pytest.raises(RuntimeError, match="was finalized"):
        parser.feed("a")
