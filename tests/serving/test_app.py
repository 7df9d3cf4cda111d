"""OpenAI's API, asked by an HTTP client."""

import json

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from bearhug import AutoModelForCausalLM, AutoTokenizer
from bearhug.serving import Engine, create_app

TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
SCHEMA = {
    "type": "object",
    "properties": {"age": {"type": "integer", "minimum": 0, "maximum": 99}},
    "required": ["age"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def words():
    tokenizer = AutoTokenizer.from_pretrained("bearhug/storyteller")
    tokenizer.chat_template = TEMPLATE
    return tokenizer


@pytest.fixture(scope="module")
def model():
    return AutoModelForCausalLM.from_pretrained("bearhug/storyteller")


@pytest.fixture(scope="module")
def client(model, words):
    with TestClient(create_app(Engine(model, words), "storyteller")) as client:
        yield client


def ask(client, path="completions", **body):
    body = {"model": "storyteller", "max_tokens": 12, "temperature": 0, **body}
    if path == "completions":
        body = {"prompt": "Once upon a time", **body}
    else:
        body = {"messages": [{"role": "user", "content": "Tell me a story."}], **body}
    return client.post(f"/v1/{path}", json=body)


def streamed(response):
    lines = [line[6:] for line in response.text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_the_model_is_listed(client):
    assert client.get("/v1/models").json()["data"][0]["id"] == "storyteller"


def test_a_completion_is_what_generate_gives(client, model, words):
    answer = ask(client).json()
    ids = words("Once upon a time", return_tensors="pt")["input_ids"]
    made = model.generate(ids, max_new_tokens=12, do_sample=False, temperature=None, top_k=None, top_p=None)

    assert answer["choices"][0]["text"] == words.decode(made[0, ids.shape[1] :])
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"] == {"prompt_tokens": ids.shape[1], "completion_tokens": 12,
                               "total_tokens": ids.shape[1] + 12}  # fmt: skip


@pytest.mark.parametrize("path", ["completions", "chat/completions"])
def test_a_stream_says_the_same(client, path):
    options = {"temperature": 0.9, "seed": 5, "n": 2}
    whole = ask(client, path, **options).json()["choices"]
    texts = ["", ""]
    for event in streamed(ask(client, path, stream=True, **options)):
        choice = event["choices"][0]
        texts[choice["index"]] += choice["delta"].get("content", "") if path != "completions" else choice["text"]

    assert texts == [choice["message"]["content"] if path != "completions" else choice["text"] for choice in whole]


def test_a_stop_string_never_leaks(client):
    text = ask(client).json()["choices"][0]["text"]
    stop = text[8:14]
    answer = ask(client, stop=[stop]).json()["choices"][0]
    events = streamed(ask(client, stop=stop, stream=True))

    assert answer["text"] == text[: text.index(stop)] == "".join(event["choices"][0]["text"] for event in events)
    assert answer["finish_reason"] == events[-1]["choices"][0]["finish_reason"] == "stop"


def test_json_by_a_schema(client):
    form = {"type": "json_schema", "json_schema": {"name": "bear", "schema": SCHEMA}}
    answer = ask(client, "chat/completions", response_format=form, max_tokens=50).json()["choices"][0]

    assert 0 <= json.loads(answer["message"]["content"])["age"] <= 99
    assert answer["finish_reason"] == "stop"


def test_log_probabilities(client):
    content = ask(client, "chat/completions", logprobs=True, top_logprobs=3).json()["choices"][0]["logprobs"]["content"]

    assert len(content) == 12
    assert all(len(entry["top_logprobs"]) == 3 and entry["logprob"] <= 0 for entry in content)
    assert all(entry["logprob"] == entry["top_logprobs"][0]["logprob"] for entry in content)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"prompt": ""}, "'prompt' is missing"),
        ({"prompt": ["a", "b"]}, "one text"),
        ({"temprature": 1}, "'temprature' is not known"),
        ({"response_format": {"type": "xml"}}, "'xml'"),
        ({"regex": "(a"}, "cannot be used"),
        ({"temperature": -1}, "temperature"),
    ],
)
def test_wrong_requests(client, body, says):
    response = ask(client, **body)

    assert response.status_code == 400
    assert says in response.json()["error"]["message"]


def test_chat_in_the_terminal():
    from bearhug.cli.main import app

    run = CliRunner().invoke(app, ["chat", "--max-new-tokens", "5", "--temperature", "0"], input="Once upon a time\n\n")

    assert run.exit_code == 0
    assert len(run.output.strip()) > 5


@pytest.mark.parametrize("command", ["chat", "serve"])
def test_a_model_that_is_not_there(command):
    from bearhug.cli.main import app

    run = CliRunner().invoke(app, [command, "no/such/file.gguf"])

    assert run.exit_code == 1
    assert "no/such/file.gguf" in run.output
