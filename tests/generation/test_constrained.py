"""Text of a given form, whatever the model: what is made is read by a parser."""

import json
import re
import shutil

import jsonschema
import pytest
import torch

from bearhug import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer, pipeline
from bearhug.generation import Incomplete

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 10},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
NUMBERS = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 999}, "minItems": 2, "maxItems": 4}
REGEX = r"(yes|no) it is [a-z]{2,6}( and [0-9]{1,3}){0,2}"
WAYS = {
    "greedy": {},
    "sampled": {"do_sample": True, "seed": 3, "top_k": 0, "temperature": 1.5},
    "nucleus": {"do_sample": True, "seed": 4, "top_p": 0.8},
    "beams": {"num_beams": 3},
    "sampled beams": {"num_beams": 2, "do_sample": True, "seed": 5},
    "several": {"do_sample": True, "seed": 6, "num_return_sequences": 2},
}
FOLDERS = {
    "byte-level": "bearhug/storyteller",
    "SentencePiece": "models/stories260K",
    "unigram": "vocab/spm-unigram-1k",
    "WordPiece": "vocab/bert-base-uncased",
}


def random_model(size: int, **sizes):
    """A GPT-2 that has learned nothing."""
    from bearhug import GPT2Config

    torch.manual_seed(0)
    sizes = {"n_positions": 256, "n_embd": 16, "n_layer": 1, "n_head": 2, "initializer_range": 0.5, **sizes}
    return AutoModelForCausalLM.from_config(GPT2Config(vocab_size=size, eos_token_id=None, **sizes)).eval()


@pytest.fixture(scope="module", params=FOLDERS)
def words(request, shared, tmp_path_factory):
    name = FOLDERS[request.param]
    if request.param == "unigram":
        folder = tmp_path_factory.mktemp("unigram")
        shutil.copy(shared / name / "test_model.model", folder / "spiece.model")
        (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "T5Tokenizer", "extra_ids": 0}')
        return AutoTokenizer.from_pretrained(folder)
    return AutoTokenizer.from_pretrained(name if name.startswith("bearhug/") else shared / name)


@pytest.fixture(scope="module")
def told(words):
    """A random model of that vocabulary, and options."""
    end = next(id for id in (words.eos_token_id, words.sep_token_id) if id is not None)
    return random_model(len(words) + 3), {"tokenizer": words, "eos_token_id": end, "max_new_tokens": 200}


def texts(words, sequences, start):
    return words.batch_decode(sequences[:, start:], skip_special_tokens=True, clean_up_tokenization_spaces=False)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_schema_holds(words, told, way):
    """WordPiece cannot write a key: nothing but a word follows a quote without a space. It writes numbers.

    A vocabulary without a brace cannot write an object at all, and says so.
    """
    model, options = told
    schema = NUMBERS if words.convert_tokens_to_ids("##a") not in (None, words.unk_token_id) else SCHEMA
    prompt = torch.tensor([[5, 6, 7], [8, 9, 10]])
    if schema is SCHEMA and words.decode(words.encode("{", add_special_tokens=False), skip_special_tokens=True) != "{":
        with pytest.raises(ValueError, match="tokenizer has no token for it"):
            model.generate(prompt, schema=schema, **options, **way)
        return

    made = texts(words, model.generate(prompt, schema=schema, **options, **way), 3)

    assert len(made) == 2 * way.get("num_return_sequences", 1)
    for text in made:
        jsonschema.validate(json.loads(text), schema)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_an_expression_is_matched_by_the_whole_text(words, told, way):
    model, options = told

    made = texts(words, model.generate(torch.tensor([[5, 6, 7], [8, 9, 10]]), regex=REGEX, **options, **way), 3)

    for text in made:
        assert re.fullmatch(REGEX, text), text


@pytest.mark.parametrize(
    "grammar", ['root ::= "a" ("b" | "c d")+ "e"', 'start: "a" ("b" | "c d")+ "e"'], ids=["GBNF", "Lark"]
)
def test_a_grammar(grammar):
    words = AutoTokenizer.from_pretrained("bearhug/storyteller")
    made = random_model(len(words)).generate(
        torch.tensor([[5]]), grammar=grammar, tokenizer=words, eos_token_id=words.eos_token_id,
        max_new_tokens=200, do_sample=True, seed=1, top_k=0,
    )  # fmt: skip

    assert re.fullmatch(r"a(b|c d)+e", texts(words, made, 1)[0])


def test_characters_of_several_bytes():
    words = AutoTokenizer.from_pretrained("bearhug/storyteller")
    made = random_model(len(words)).generate(
        torch.tensor([[5]]), regex="[äß€熊🐻]{5}", tokenizer=words, eos_token_id=words.eos_token_id, max_new_tokens=50
    )

    assert re.fullmatch("[äß€熊🐻]{5}", texts(words, made, 1)[0])


def test_a_row_does_not_depend_on_the_batch(told, words):
    """Each row has a state of its own, also where one ended long before the others."""
    model, options = told
    prompt = torch.tensor([[5, 6, 7], [8, 9, 10], [11, 12, 13]])
    options = {**options, "do_sample": True, "regex": "[a-d]{1,30}"}
    together = texts(words, model.generate(prompt, seed=7, **options), 3)

    for row, text in enumerate(together):
        assert texts(words, model.generate(prompt[row : row + 1], seed=[(7, row)], **options), 3) == [text]


@pytest.mark.parametrize("way", [{}, {"num_beams": 2}, {"do_sample": True, "seed": 1}], ids=str)
@pytest.mark.parametrize("kind", ["T5Config", "BartConfig"])
def test_a_model_with_an_encoder(kind, way, shared):
    """Its text is read by itself, so it begins with a word like any other; forced first tokens stay."""
    import bearhug

    words = AutoTokenizer.from_pretrained(shared / "models/stories260K")
    torch.manual_seed(1)
    sizes = {"d_model": 16, "vocab_size": len(words)}
    own = {"d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2} if kind == "T5Config" else {
        "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
        "encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "forced_bos_token_id": 0, "forced_eos_token_id": None,
    }  # fmt: skip
    config = getattr(bearhug, kind)(**sizes, **own, eos_token_id=2, pad_token_id=0, decoder_start_token_id=1)
    model = AutoModelForSeq2SeqLM.from_config(config).eval()
    options = {"tokenizer": words, "max_new_tokens": 200, **way}

    made = model.generate(torch.tensor([[5, 6], [7, 8]]), schema=SCHEMA, **options)
    for text in texts(words, made, 1):
        jsonschema.validate(json.loads(text), SCHEMA)
    made = model.generate(torch.tensor([[5, 6], [7, 8]]), regex=REGEX, **options)
    for text in texts(words, made, 1):
        assert re.fullmatch(REGEX, text)


def test_a_pydantic_model_through_the_pipeline():
    from pydantic import BaseModel, Field

    class Bear(BaseModel):
        name: str = Field(max_length=8)
        age: int = Field(ge=0, le=99)

    pipe = pipeline("text-generation", model="bearhug/storyteller")
    options = {"schema": Bear, "return_full_text": False, "seed": 3, "max_new_tokens": 60}
    one = pipe("Once upon a time", **options)
    many = pipe(["Once upon a time", "The bear"], batch_size=2, **options)
    streamed = "".join(pipe("Once upon a time", stream=True, **options))

    Bear.model_validate_json(one[0]["generated_text"])
    Bear.model_validate_json(many[1][0]["generated_text"])
    assert streamed == one[0]["generated_text"] == many[0][0]["generated_text"]


def test_too_few_tokens_are_said(told, words):
    model, options = told
    with pytest.raises(Incomplete, match="ended after 4 new tokens") as caught:
        model.generate(torch.tensor([[5, 6, 7]]), regex="[a-c]{30,40}", **{**options, "max_new_tokens": 4})

    assert "max_new_tokens=64" in str(caught.value)
    assert caught.value.sequences.shape == (1, 4)


def test_too_few_tokens_are_said_at_the_end_of_a_stream(told):
    model, options = told
    pieces = model.generate(
        torch.tensor([[5, 6, 7]]), regex="[a-c]{90}", stream=True, **{**options, "max_new_tokens": 4}
    )

    with pytest.raises(Incomplete):
        list(pieces)


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"regex": "(a"}, ValueError, "regex=\\(a cannot be used"),
        ({"schema": {"type": "strin"}}, ValueError, "Invalid type: strin"),
        ({"schema": "{"}, ValueError, "schema is no JSON"),
        ({"schema": 3}, TypeError, "schema is a int"),
        ({"regex": 3}, TypeError, "regex is a int"),
        ({"grammar": "foo bar"}, ValueError, "grammar"),
        ({"regex": "a", "schema": {}}, ValueError, "schema and regex were given"),
        ({"regex": "a", "tokenizer": None}, ValueError, "tokenizer=tokenizer"),
        ({"regex": "a", "eos_token_id": None}, ValueError, "eos_token_id=tokenizer.eos_token_id"),
        ({"regex": "a", "min_new_tokens": 5}, ValueError, "min_new_tokens"),
    ],
)
def test_errors(given, error, says):
    words = AutoTokenizer.from_pretrained("bearhug/storyteller")
    model = random_model(len(words))
    with pytest.raises(error, match=says):
        model.generate(
            torch.tensor([[5]]),
            **{"tokenizer": words, "eos_token_id": words.eos_token_id, "max_new_tokens": 9, **given},
        )
