"""The engine over HTTP, in the words of OpenAI's API: GET /v1/models, POST /v1/completions and /v1/chat/completions."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bearhug.serving.engine import Engine, Full, Request
from bearhug.tokenizers.stream import TextPieces

DEFAULT_TOKENS = 256
# their names, and ours; what else of theirs is taken stands in `_options`
SAMPLING = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "seed")
IGNORED = (
    "model", "user", "stream_options", "store", "metadata", "service_tier", "parallel_tool_calls", "safety_identifier",
)  # fmt: skip
TAKEN = (*SAMPLING, "max_tokens", "max_completion_tokens", "n", "stop", "stream", "response_format", "logprobs",
         "top_logprobs", "regex", "grammar", "messages", "prompt", "tools", "echo")  # fmt: skip


def create_app(engine: Engine, name: str) -> Starlette:
    """The application; the engine runs while it does.

    Args:
        name: of the model, as clients see it.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with engine:
            yield

    routes = [
        Route("/health", health),
        Route("/v1/models", models),
        Route("/v1/completions", complete, methods=["POST"]),
        Route("/v1/chat/completions", chat, methods=["POST"]),
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.engine, app.state.name, app.state.created = engine, name, int(time.time())
    return app


async def health(request: HttpRequest) -> Response:
    """GET /health: whether the server is up."""
    return JSONResponse({"status": "ok"})


async def models(request: HttpRequest) -> Response:
    """GET /v1/models: the one model."""
    state = request.app.state
    model = {"id": state.name, "object": "model", "created": state.created, "owned_by": "bearhug"}
    return JSONResponse({"object": "list", "data": [model]})


async def chat(request: HttpRequest) -> Response:
    """POST /v1/chat/completions: a conversation -> the assistant's next message."""
    return await _answered(request, is_chat=True)


async def complete(request: HttpRequest) -> Response:
    """POST /v1/completions: a text -> its continuation."""
    return await _answered(request, is_chat=False)


async def _answered(http: HttpRequest, is_chat: bool) -> Response:
    state = http.app.state
    try:
        body = await http.json()
        if not isinstance(body, dict):
            raise ValueError("the request's body is no JSON object.")
        unknown = [key for key, value in body.items() if value is not None and key not in (*TAKEN, *IGNORED)]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not known; known are {', '.join(TAKEN)}.")
        request = await run_in_threadpool(_submitted, state.engine, body, is_chat)
    except Full as error:
        return _error(str(error), 429, "rate_limit_exceeded")
    except (ValueError, TypeError, KeyError, IndexError) as error:
        return _error(str(error), 400, "invalid_request_error")
    answer = _Answer(state.engine, request, body, is_chat, state.name)
    if body.get("stream"):
        return StreamingResponse(answer.events(), media_type="text/event-stream")
    try:
        return JSONResponse(await run_in_threadpool(answer.whole))
    except ValueError as error:
        return _error(str(error), 400, "invalid_request_error")


def _submitted(engine: Engine, body: dict[str, Any], is_chat: bool) -> Request:
    tokenizer, name = engine.tokenizer, "messages" if is_chat else "prompt"
    if not body.get(name):
        raise ValueError(f"{name!r} is missing.")
    if is_chat:
        ids = tokenizer.apply_chat_template(
            body["messages"], tools=body.get("tools"), add_generation_prompt=True, return_dict=True, return_tensors="pt"
        )["input_ids"]
    elif isinstance(body["prompt"], str):
        ids = tokenizer(body["prompt"], return_tensors="pt")["input_ids"]
    else:
        raise ValueError("'prompt' is one text; send one request for each.")
    return engine.submit(ids, **_options(body, is_chat))


def _options(body: dict[str, Any], is_chat: bool) -> dict[str, Any]:
    """What generate calls the options of a request."""
    options = {name: body[name] for name in (*SAMPLING, "regex", "grammar") if body.get(name) is not None}
    most = body.get("max_completion_tokens") or body.get("max_tokens")
    options["max_new_tokens"] = DEFAULT_TOKENS if most is None else most
    options["do_sample"] = body.get("temperature") != 0
    if not options["do_sample"]:
        for name in ("temperature", "top_p", "top_k", "min_p"):
            options[name] = None
    if body.get("stop"):
        options["stop_strings"] = body["stop"]
    if (body.get("n") or 1) > 1:
        options["num_return_sequences"] = body["n"]
    wanted: dict[str, Any] = body.get("response_format") or {"type": "text"}
    if wanted["type"] == "json_schema":
        options["schema"] = wanted["json_schema"].get("schema", {})
    elif wanted["type"] == "json_object":
        options["schema"] = {"type": "object"}
    elif wanted["type"] != "text":
        raise ValueError(f"response_format is {wanted['type']!r}; it can be 'text', 'json_object' or 'json_schema'.")
    if body.get("logprobs"):
        options["logprobs"] = (body.get("top_logprobs") or 0) if is_chat else int(body["logprobs"])
    return options


class _Answer:
    """A request's tokens as text: a choice for each row."""

    def __init__(self, engine: Engine, request: Request, body: dict[str, Any], is_chat: bool, name: str):
        self.engine, self.request, self.is_chat = engine, request, is_chat
        self.tokenizer, stop = engine.tokenizer, body.get("stop") or []
        self.stops = [stop] if isinstance(stop, str) else list(stop)
        self.before = body["prompt"] if body.get("echo") and not is_chat else ""
        kind = "chat.completion" if is_chat else "text_completion"
        self.kind = kind
        self.head = {"id": f"cmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": name}
        plan = request.plan
        self.eos = set() if plan.eos is None else set(plan.eos.tolist())
        rows = range(request.rows)
        self.pieces = [TextPieces(self.tokenizer, request.prompt[-8:], skip_special_tokens=True) for _ in rows]
        self.held, self.over, self.counts = [""] * len(rows), [False] * len(rows), [0] * len(rows)

    def parts(self) -> Iterator[list[str]]:
        """The new text of each row, step by step; never a stop string, nor a part of one that is not decided yet."""
        for tokens in self.request:
            texts = []
            for row, token in enumerate(tokens.tolist()):
                if self.over[row]:
                    texts.append("")
                    continue
                self.counts[row] += 1
                self.held[row] += "" if token in self.eos else self.pieces[row].piece([token])
                self.over[row] = token in self.eos
                texts.append(self._released(row))
            yield texts
        rests = []
        for row, piece in enumerate(self.pieces):
            stopped = self.over[row] and not self.held[row]
            self.held[row] += "" if stopped else piece.rest()
            rests.append(self._released(row, last=True))
        yield rests

    def _released(self, row: int, last: bool = False) -> str:
        text = self.held[row]
        places = [place for stop in self.stops if (place := text.find(stop)) >= 0]
        if places:
            self.over[row], self.held[row] = True, ""
            return text[: min(places)]
        keep = 0
        if not last:
            sizes = (size for stop in self.stops for size in range(1, len(stop)) if text.endswith(stop[:size]))
            keep = max(sizes, default=0)
        self.held[row] = text[len(text) - keep :]
        return text[: len(text) - keep]

    def reason(self, row: int) -> str:
        """Why a row ended, in the API's words."""
        return "stop" if self.over[row] or bool(self.request.ended[row]) else "length"

    def whole(self) -> dict[str, Any]:
        """The answer in one piece."""
        texts = [self.before] * self.request.rows
        for parts in self.parts():
            texts = [text + part for text, part in zip(texts, parts, strict=True)]
        choices = []
        for row, text in enumerate(texts):
            said = {"message": {"role": "assistant", "content": text}} if self.is_chat else {"text": text}
            choices.append({"index": row, **said, "logprobs": self._logprobs(row), "finish_reason": self.reason(row)})
        read, made = len(self.request.prompt), sum(self.counts)
        usage = {"prompt_tokens": read, "completion_tokens": made, "total_tokens": read + made}
        return {**self.head, "object": self.kind, "choices": choices, "usage": usage}

    def events(self) -> Iterator[str]:
        """The answer as server-sent events; a client that goes away cancels the request."""
        kind = self.kind + ".chunk" if self.is_chat else self.kind
        try:
            for row in range(self.request.rows):
                if self.is_chat:
                    yield self._event(kind, row, {"delta": {"role": "assistant", "content": ""}}, None)
            for parts in self.parts():
                for row, text in enumerate(parts):
                    if text:
                        yield self._event(kind, row, {"delta": {"content": text}} if self.is_chat else {"text": text})
            for row in range(self.request.rows):
                yield self._event(kind, row, {"delta": {}} if self.is_chat else {"text": ""}, self.reason(row))
        except ValueError as error:
            yield f"data: {json.dumps({'error': {'message': str(error), 'type': 'invalid_request_error'}})}\n\n"
        finally:
            self.request.cancel()
        yield "data: [DONE]\n\n"

    def _event(self, kind: str, row: int, said: dict[str, Any], reason: str | None = None) -> str:
        choice = {"index": row, **said, "finish_reason": reason}
        return f"data: {json.dumps({**self.head, 'object': kind, 'choices': [choice]})}\n\n"

    def _logprobs(self, row: int) -> dict[str, Any] | None:
        if self.request.logprobs is None:
            return None
        entries = []
        for step, (chosen, best, ids) in enumerate(self.request.chances[: self.counts[row]]):
            top = zip(ids[row].tolist(), best[row].tolist(), strict=True) if self.request.logprobs else ()
            own = self._token(int(self.request.new[step][row]), float(chosen[row]))
            entries.append({**own, "top_logprobs": [self._token(id, value) for id, value in top]})
        if self.is_chat:
            return {"content": entries}
        return {
            "tokens": [entry["token"] for entry in entries],
            "token_logprobs": [entry["logprob"] for entry in entries],
            "top_logprobs": [{one["token"]: one["logprob"] for one in entry["top_logprobs"]} for entry in entries],
        }

    def _token(self, id: int, logprob: float) -> dict[str, Any]:
        text = self.tokenizer.decode([id])
        return {"token": text, "logprob": logprob, "bytes": list(text.encode())}


def _error(message: str, status: int, kind: str) -> Response:
    return JSONResponse({"error": {"message": message, "type": kind, "code": status}}, status)
