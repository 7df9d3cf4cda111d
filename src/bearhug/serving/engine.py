"""Continuous batching: requests that come and go are decoded together, a token a row at each step.

Every request is what one call of generate is: its own plan with its own options, processors and random streams, run by
the same `generation.loop.decode`. Only the reading is shared: the engine reads one column for all rows and hands each
request its scores. So a request gives the tokens that `model.generate` gives for it alone.

Keys and values lie in pages (pages.py) of bounded memory. Where none is left, the request that came last gives its own
back and waits; later its text is read again, and it goes on where it was.
"""

from __future__ import annotations

import queue
import secrets
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from bearhug.generation.config import KEYWORDS, resolved
from bearhug.generation.constrained import constraint
from bearhug.generation.loop import decode, evaluating
from bearhug.generation.plan import Plan, planned
from bearhug.generation.prefix import PrefixCache, taken
from bearhug.generation.prompt import read
from bearhug.serving.pages import Exhausted, Pages

WAYS = ("greedy_search", "sample")


class Full(RuntimeError):
    """As many requests wait as may."""


class Request:
    """One text that is continued, R times. Iterate over it for each step's new ids (R,), or ask for `result()`."""

    def __init__(self, plan: Plan, logprobs: int | None):
        self.plan, self.rows, self.logprobs = plan, plan.ids.shape[0], logprobs
        self.prompt = tuple(plan.ids[0].tolist())
        self.new: list[Tensor] = []  # (R,) each
        self.chances: list[tuple[Tensor, Tensor, Tensor]] = []  # log probabilities: chosen (R,), best (R, k), their ids
        self.ended = torch.zeros(self.rows, dtype=torch.bool)
        self.reason: str | None = None  # "stop", "length", "cancelled" or "error", when it is over
        self.error: Exception | None = None
        self.sequences: Any = None
        self.cancelled = False
        self.reader = plan.reader
        self.shares = plan.reader.plain  # what it reads depends on its ids alone
        self.logits: Tensor | None = None
        plan.reader, plan.criteria = self, [self._ends(plan.criteria)]
        self._steps = decode(plan)
        self._arrived: queue.SimpleQueue[Tensor | None] = queue.SimpleQueue()

    def __iter__(self) -> Iterator[Tensor]:
        """Each step's new ids (R,), as they come; an error of the request is raised at its end."""
        while (tokens := self._arrived.get()) is not None:
            yield tokens
        if self.error is not None:
            raise self.error

    def result(self) -> Tensor:
        """Wait for the end; ids (R, T + N) as generate returns them, or what there was when it was cancelled."""
        for _ in self:
            pass
        return self.sequences

    def cancel(self) -> None:
        """Stop at the next step, and leave the room to others."""
        self.cancelled = True

    def read(self) -> Tensor:
        """All ids that the model has read of each row (R, T): the last token is chosen, and not read."""
        return torch.cat([self.plan.ids, *(tokens[:, None] for tokens in self.new[:-1])], 1)

    # What the loop sees as its reader

    def start(self) -> Tensor:
        """Read the prompt."""
        self.logits = logits = self.reader.start()
        return logits

    def next(self, ids: Tensor) -> Any:
        """What the engine read for these rows."""
        return self.logits

    def found(self) -> dict[str, Any]:
        """Nothing but the ids."""
        return {}

    def _ends(self, criteria: list[Any]) -> Any:
        def ends(ids: Tensor, scores: Any) -> Tensor:
            for one in criteria:
                self.ended = self.ended | torch.as_tensor(one(ids, scores)).cpu()
            return self.ended.to(ids.device)

        return ends

    def advance(self) -> bool:
        """Choose the next token of each row; whether the request goes on."""
        try:
            tokens = next(self._steps)
            if self.logprobs is not None and self.logits is not None:
                chances = self.logits.float().log_softmax(-1)
                best = chances.topk(max(1, self.logprobs), -1)
                self.chances.append((chances.gather(-1, tokens[:, None])[:, 0], best.values, best.indices))
            self.new.append(tokens)
            self._arrived.put(tokens.cpu())
            if len(self.prompt) + len(self.new) < self.plan.end and not bool(self.ended.all()):
                return True
            try:
                next(self._steps)
            except StopIteration as end:
                self.sequences = end.value
            self.finish("stop" if bool(self.ended.all()) else "length")
        except Exception as error:
            self.finish("error", error)
        return False

    def finish(self, reason: str, error: Exception | None = None) -> None:
        """Tell whoever listens that nothing more comes."""
        if self.sequences is None:
            self.sequences = torch.cat([self.plan.ids, *(tokens[:, None] for tokens in self.new)], 1)
        self.reason, self.error = reason, error
        self._arrived.put(None)


class Engine:
    """Decodes many requests at once.

    Args:
        model: a decoder; it is put into evaluation mode.
        tokenizer: for stop strings and for text of a given form.
        max_rows: rows decoded together; a request that asks for several sequences has as many.
        max_waiting: requests that may wait for room.
        cache_tokens: tokens whose keys and values fit into all pages. A request may need no more than all of them.
        page_size: tokens of a page.
        share_prefixes: read the common beginning of texts once, and keep texts that ended while their pages are free.

    `with Engine(model) as engine:` runs it in a thread of its own. Without, each call of `step()` makes one step.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any = None,
        *,
        max_rows: int = 16,
        max_waiting: int = 256,
        cache_tokens: int = 16384,
        page_size: int = 16,
        share_prefixes: bool = True,
    ):
        if getattr(model.config, "is_encoder_decoder", False) or not model.can_generate():
            raise TypeError(
                f"{type(model).__name__} is no decoder, which is what an engine runs.\n"
                "Load one with AutoModelForCausalLM.from_pretrained(...), or call model.generate(...)."
            )
        self.model, self.tokenizer = model, tokenizer
        self.max_rows, self.max_waiting = max_rows, max_waiting
        self.pages = Pages(model, cache_tokens, page_size, share_prefixes)
        self.states = PrefixCache(model, cache_tokens) if share_prefixes and self.pages.has_states else None
        self.preempted = 0  # how often a request gave its pages back
        self.running: list[Request] = []
        self.waiting: deque[Request] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False

    def submit(
        self,
        inputs: Any,
        *,
        seed: int | None = None,
        schema: Any = None,
        regex: str | None = None,
        grammar: str | None = None,
        logprobs: int | None = None,
        **options: Any,
    ) -> Request:
        """Ask for the continuation of one prompt.

        Args:
            inputs: ids (1, T), or what a tokenizer returned.
            seed: of this request; None: any.
            schema, regex, grammar: as in generate; a text that ends too early has the reason "length".
            logprobs: keep each token's log probability, and those of so many best ones.
            options: as in generate: greedy, or sampled, one sequence or several.

        Raises:
            Full: too many requests wait.
            ValueError: a wrong option, or a way to generate that is not decoded row by row.
        """
        own = {name: options.pop(name) for name in list(options) if name in KEYWORDS}
        config, unset = resolved(None, self.model.generation_config, own)
        way = config.get_generation_mode()
        if way not in WAYS or config.guidance_scale not in (None, 1) or not config.use_cache:
            raise ValueError(
                f"an engine decodes greedily or by sampling, and this asks for {way}"
                + ("" if way in WAYS else ".")
                + (" with guidance, or without a cache." if way in WAYS else "")
                + "\nCall model.generate(...) for it."
            )
        form = constraint(
            schema=schema, regex=regex, grammar=grammar, tokenizer=self.tokenizer, eos=config.eos_token_id
        )
        prompt = read(self.model, inputs, config.bos_token_id, options)
        if prompt.ids.shape[0] != 1 or prompt.embeds is not None or prompt.cache is not None:
            raise ValueError("a request is one prompt, as ids (1, T): submit each row by itself.")
        if prompt.extra:
            raise ValueError(
                f"a request is ids alone, and this has {', '.join(prompt.extra)} too.\n"
                f"Leave it out, or call model.generate(...)."
            )
        plan = planned(
            self.model, config, unset, prompt,
            seed=secrets.randbits(62) if seed is None else seed,
            tokenizer=self.tokenizer,
            logits_processor=[] if form is None else [form],
        )  # fmt: skip
        request = Request(plan, logprobs)
        if request.rows > self.max_rows:
            raise ValueError(f"{request.rows} sequences were asked for, but {self.max_rows} rows are decoded together.")
        pages = request.rows * self.pages.pages_of(plan.end)
        if pages > self.pages.count:
            raise ValueError(
                f"{request.rows} x {plan.end} tokens take {pages} pages, and the engine has {self.pages.count}.\n"
                f"Pass a smaller max_new_tokens, or make the engine with cache_tokens={pages * self.pages.size}."
            )
        with self._changed:
            if len(self.waiting) >= self.max_waiting:
                raise Full(f"{len(self.waiting)} requests wait already; ask again later.")
            self.waiting.append(request)
            self._changed.notify()
        return request

    def step(self) -> bool:
        """Read one prompt that waits, where there is room, and one more token of each running request.

        Prompts are read in the order they came, one a step, so that neither they nor the running ones stand still.

        Returns:
            Whether there is anything left to do.
        """
        with torch.no_grad(), evaluating(self.model):
            self._leave([request for request in self.running if request.cancelled])
            if self.running:
                self._make_room()
                last = torch.cat([request.new[-1] for request in self.running])[:, None]
                logits, first, over = self.pages.read(last), 0, []
                for request in self.running:
                    request.logits = logits[first : first + request.rows]
                    first += request.rows
                    if not request.advance():
                        over.append(request)
                self._leave(over)
            self._admit()
        return bool(self.running or self.waiting)

    def _make_room(self) -> None:
        """One more token for each row; the requests that came last wait where there are too few pages."""
        while True:
            try:
                return self.pages.grow()
            except Exhausted:
                last = self.running[-1]
                self._leave([last], over=False)
                self.preempted += 1
                with self._changed:
                    self.waiting.appendleft(last)

    def _admit(self) -> None:
        with self._changed:
            while self.waiting and self.waiting[0].cancelled:
                self.waiting.popleft().finish("cancelled")
            used = sum(request.rows for request in self.running)
            if not self.waiting or used + self.waiting[0].rows > self.max_rows:
                return
            request = self.waiting[0]
            shared = self.pages.find(request.prompt) if request.shares else []
            if self.pages.needed(len(request.prompt) + len(request.new), request.rows, shared) > self.pages.left:
                return
            self.waiting.popleft()
        if request.new:
            cache, goes_on = self._read_again(request, shared), True
        else:
            if shared:
                self.pages.hits, self.pages.reused = (
                    self.pages.hits + 1,
                    self.pages.reused + len(shared) * self.pages.size,
                )
                request.reader.cache = self.pages.gather(shared, len(shared) * self.pages.size)
            elif self.states is not None and request.shares:
                self.states.begin(request.reader.cache, request.plan.prompt.ids, None)
            goes_on = request.advance()
            if request.error is not None:
                return
            cache = request.reader.cache
            if self.states is not None and request.shares:
                self.states.add(request.prompt, taken(self.model, cache, 0, 0, cache.length))
        row = len(self.pages.lengths)
        self.pages.add(cache, request.rows, shared, len(request.prompt))
        if request.shares:
            self.pages.keep(request.prompt, row)
        self.running.append(request)
        request.reader.cache = None
        if not goes_on:
            self._leave([request])

    def _read_again(self, request: Request, shared: list[int]) -> Any:
        """The cache of a request that had given its pages back."""
        ids, known = request.read(), len(shared) * self.pages.size
        cache = self.pages.gather(shared, known, request.rows) if shared else self.model.new_cache(0, 0)
        self.model(ids[:, known:], past_key_values=cache, use_cache=True, logits_to_keep=1, return_dict=True)
        return cache

    def _leave(self, gone: list[Request], over: bool = True) -> None:
        """Take these requests' rows out, and let others find what they have read."""
        if not gone:
            return
        rows, first = [], 0
        for request in self.running:
            if request in gone:
                rows += range(first, first + request.rows)
                if request.rows == 1 and request.shares and request.error is None:
                    self.pages.keep(request.read()[0].tolist()[: self.pages.lengths[first]], first)
            first += request.rows
        self.pages.leave(rows)
        self.running = [request for request in self.running if request not in gone]
        for request in gone:
            if over and request.reason is None:
                request.finish("cancelled")

    # In a thread

    def start(self) -> Engine:
        """Run in a thread until `close()`."""
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="bearhug-engine", daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Cancel what is left, and end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        for request in [*self.running, *self.waiting]:
            request.finish("cancelled")
        self.running, self.pages = [], self.pages.emptied()
        self.waiting.clear()

    def __enter__(self) -> Engine:
        return self.start()

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self.running or self.waiting)
                if self._closing:
                    return
            try:
                self.step()
            except Exception as error:  # the model failed: everyone who waits for it has to know
                for request in self.running:
                    request.finish("error", error)
                self.running, self.pages = [], self.pages.emptied()
