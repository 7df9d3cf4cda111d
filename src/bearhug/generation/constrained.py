"""Text of a given form: a JSON schema, a regular expression or a grammar decides which tokens may come next.

The automata are llguidance's (github.com/guidance-ai/llguidance). What is here tells it the bytes that each token adds,
keeps a state for every row, beams included, and says plainly when a text ended before its form was complete.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from bearhug.tokenizers.convert import byte_characters

NEVER = -1e12  # the scores of a row that is over: finite, so that it can still be ranked, or drawn from
SPACE = {"whitespace_flexible": True, "whitespace_pattern": r"\x20"}  # one at most: a weak model would never leave them


class Incomplete(ValueError):
    """A text ended before it had the form that was asked for. `sequences` (R, N) holds the new ids of all rows."""

    sequences: Tensor | None = None


class Vocabulary:
    """What each token adds to a text, for llguidance.

    Args:
        eos: the ids that end a text.
        alone: the new text is read by itself, as a decoder's behind an encoder; so its first token says no space before
            its word. (That of WordPiece never does: otherwise no text could begin without one.)
    """

    def __init__(self, tokenizer: Any, eos: Iterable[int], alone: bool):
        self.tokenizer, self.size = tokenizer, len(tokenizer)
        self.eos = tuple(id for id in eos if id < self.size)
        self.special = _special_ids(tokenizer)
        self.forms, first = _forms(tokenizer, self.special)
        self.automaton = self._automaton(self.forms)
        self.first: list[bytes] | None = None  # where a text's first token adds something else
        self.first_automaton = self.automaton
        if first != self.forms and (alone or _joins_by_spaces(tokenizer, self.forms, first)):
            self.first, self.first_automaton = first, self._automaton(first)

    def _automaton(self, forms: list[bytes]) -> Any:
        """The vocabulary as llguidance wants it: the tokens, and behind them one for each byte."""
        from llguidance import LLTokenizer, TokenizerWrapper

        silent = [id for id, form in enumerate(forms) if not form]
        tokens = [form or b"\xff" for form in forms] + [bytes([byte]) for byte in range(256)]
        return LLTokenizer(TokenizerWrapper(_Wanted(self.eos[0], tokens, silent)), eos_token=list(self.eos))

    def bytes_of(self, form: bytes) -> list[int]:
        """Ids that spell a form byte by byte."""
        return [self.size + byte for byte in form]


class _Wanted:
    """The attributes that llguidance reads, and ids for bytes that must come: the longest tokens that begin them."""

    bos_token_id = None

    def __init__(self, eos: int, tokens: list[bytes], special: list[int]):
        self.eos_token_id, self.tokens, self.special_token_ids = eos, tokens, special
        silent = set(special)
        self._ids = {token: id for id, token in reversed(list(enumerate(tokens))) if id not in silent}
        self._longest = max(map(len, self._ids))

    def __call__(self, text: str | bytes) -> list[int]:
        data, ids = text.encode() if isinstance(text, str) else text, []
        while data:
            size = next(size for size in range(min(len(data), self._longest), 0, -1) if data[:size] in self._ids)
            ids.append(self._ids[data[:size]])
            data = data[size:]
        return ids


class Constraint:
    """A logits processor that leaves the tokens by which the new text can still come to have its form.

    A row's state belongs to its new tokens, not to its place, so beams may be taken from one another.
    """

    def __init__(self, vocabulary: Vocabulary, grammar: str, what: str):
        from llguidance import LLMatcher

        self.vocabulary, self.what = vocabulary, what
        self.start = LLMatcher(vocabulary.automaton, grammar, log_level=0)
        if self.start.is_error():
            raise ValueError(f"{what} cannot be used: {_first_lines(self.start.get_error())}")
        self.first = self.start  # what knows the tokens that may begin a text
        if vocabulary.first is not None:
            self.first = LLMatcher(vocabulary.first_automaton, grammar, log_level=0)
        self.width: int | None = None  # columns before the first new token, seen at the first call
        self.states: dict[tuple[int, ...], Any] = {}
        special = torch.zeros(vocabulary.size, dtype=torch.bool)
        special[list(vocabulary.special)] = True
        self.special = special

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """input_ids (B, T), scores (B, V) -> (B, V), -inf where a token would break the form."""
        if self.width is None:
            self.width = input_ids.shape[1]
        states, scores = {}, scores.clone()
        for row, ids in enumerate(input_ids[:, self.width :].tolist()):
            key = tuple(ids)
            if key not in states:
                states[key] = self._state(key)
            state = states[key]
            if state is None:
                scores[row] = NEVER
            else:
                self._mask(scores[row], state, key)
        self.states = states
        return scores

    def complete(self, ids: Sequence[int]) -> bool:
        """Whether the text of these new tokens has the form."""
        state = self.start.deep_copy()
        for done, id in enumerate(ids):
            if id in self.vocabulary.eos:
                break
            if not self._consume(state, id, self._is_first(ids[:done])):
                return False
        return state.is_accepting()

    def check(self, new: Tensor) -> None:
        """New tokens (R, N) of finished rows.

        Raises:
            Incomplete: one of them ended before its form was complete.
        """
        for row, ids in enumerate(new.tolist()):
            if self.complete(ids):
                continue
            text = self.vocabulary.tokenizer.decode(ids, skip_special_tokens=True)
            error = Incomplete(
                f"row {row} ended after {len(ids)} new tokens, before it was complete under {self.what}: "
                f"{text[-60:]!r}.\nPass max_new_tokens={max(2 * len(ids), 64)}; or bound what the form leaves open "
                '("maxLength", "maxItems", {1,20}).'
            )
            error.sequences = new
            raise error

    def _state(self, key: tuple[int, ...]) -> Any:
        """The state after these tokens; None: the row has ended, or was never valid."""
        if not key:
            return self.start.deep_copy()
        *before, last = key
        known = self.states.get(tuple(before))
        if known is None or last in self.vocabulary.eos:
            return None
        state = known.deep_copy()
        return state if self._consume(state, last, self._is_first(before)) else None

    def _is_first(self, before: Iterable[int]) -> bool:
        return all(id in self.vocabulary.special for id in before)

    def _consume(self, state: Any, id: int, first: bool) -> bool:
        vocabulary = self.vocabulary
        if id in vocabulary.special:  # forced by another option, a language's token for one; it adds no text
            return True
        if id >= vocabulary.size:
            return False
        if first and vocabulary.first is not None:
            return state.consume_tokens(vocabulary.bytes_of(vocabulary.first[id]))
        return state.consume_token(id)

    def _mask(self, scores: Tensor, state: Any, key: tuple[int, ...]) -> None:
        """Leave in scores (V,) what may come next."""
        state = self.first if self._is_first(key) else state
        allowed = torch.frombuffer(bytearray(state.compute_logit_bias()), dtype=torch.uint8) != 0
        allowed = allowed[: min(self.vocabulary.size, len(scores))].to(scores.device)
        known = scores[: len(allowed)]
        left = allowed & (known > -torch.inf)
        if not bool(left.any()):
            text = self.vocabulary.tokenizer.decode(list(key), skip_special_tokens=True)
            special, open_ = self.special[: len(known)].to(scores.device), known > -torch.inf
            if bool(open_.any()) and not bool((open_ & ~special).any()):
                return  # another option forces a token that is no text
            why = _first_lines(state.get_error()) or (
                "another option forbids what may come (min_new_tokens, suppress_tokens, bad_words_ids), "
                "or the tokenizer has no token for it."
            )
            raise ValueError(f"nothing may follow {text[-60:]!r} under {self.what}: {why}")
        known.masked_fill_(~allowed, -torch.inf)
        scores[len(allowed) :] = -torch.inf


def constraint(
    *,
    schema: Any = None,
    regex: str | None = None,
    grammar: str | None = None,
    tokenizer: Any = None,
    eos: int | Iterable[int] | None = None,
    alone: bool = False,
) -> Constraint | None:
    """The processor for one call of generate; None where no form is asked for.

    Args:
        schema: a JSON schema as a dictionary or as text, or a pydantic model.
        regex: a regular expression that the whole new text matches.
        grammar: in Lark's syntax (with a rule `start`) or llama.cpp's GBNF (with a rule `root`).
        tokenizer: the model's.
        eos: what ends a text.
        alone: see `Vocabulary`.

    Raises:
        ValueError: two forms, no tokenizer, nothing that ends a text, or a form that cannot be read.
        TypeError: a form of another type.
        ImportError: llguidance is not installed.
    """
    given = {
        name: value for name, value in (("schema", schema), ("regex", regex), ("grammar", grammar)) if value is not None
    }
    if not given:
        return None
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} were given; a text has one form: leave one of them out.")
    ((name, value),) = given.items()
    if tokenizer is None:
        raise ValueError(
            f"{name} was given, and it takes a tokenizer to know what a token says.\n"
            "Add tokenizer=tokenizer to generate()."
        )
    ends = [id for id in ([eos] if isinstance(eos, int) else list(eos or ())) if id >= 0]
    if not ends:
        raise ValueError(
            f"{name} was given, but nothing ends a text: eos_token_id is {eos!r}.\n"
            "Pass eos_token_id=tokenizer.eos_token_id."
        )
    try:
        import llguidance  # noqa: F401
    except ImportError:
        raise ImportError(f"{name} needs llguidance. Install it: pip install llguidance") from None
    return Constraint(_vocabulary(tokenizer, tuple(ends), alone), _grammar(name, value), _named(name, value))


_VOCABULARIES: WeakKeyDictionary[Any, dict[tuple, Vocabulary]] = WeakKeyDictionary()


def _vocabulary(tokenizer: Any, eos: tuple[int, ...], alone: bool) -> Vocabulary:
    """Made once for a tokenizer, and again when it has grown."""
    known = _VOCABULARIES.setdefault(tokenizer, {})
    key = (eos, alone, len(tokenizer))
    if key not in known:
        known.clear()
        known[key] = Vocabulary(tokenizer, eos, alone)
    return known[key]


def _grammar(name: str, value: Any) -> str:
    from llguidance import LLMatcher, grammar_from

    if name == "schema":
        if hasattr(value, "model_json_schema"):
            value = _closed(value.model_json_schema())
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except json.JSONDecodeError as error:
                raise ValueError(f"schema is no JSON: {error}.") from None
        if not isinstance(value, Mapping):
            raise TypeError(
                f"schema is a {type(value).__name__}; give a JSON schema, or a pydantic model.\n"
                'For instance schema={"type": "object", "properties": {"name": {"type": "string"}}}.'
            )
        return LLMatcher.grammar_from_json_schema(json.dumps(value), defaults=SPACE)  # type: ignore[arg-type]
    if not isinstance(value, str):
        raise TypeError(f"{name} is a {type(value).__name__}; give a text.")
    if name == "regex":
        return LLMatcher.grammar_from_regex(value)
    return grammar_from("grammar", value)


def _closed(schema: Any) -> Any:
    """A pydantic model's schema without further keys, which the model would drop, unless it says that it keeps them."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {name: part if name in ("const", "enum", "default") else _closed(part) for name, part in schema.items()}
    return {"additionalProperties": False, **schema} if isinstance(schema.get("properties"), dict) else schema


def _named(name: str, value: Any) -> str:
    value = getattr(value, "__name__", value)
    text = value if isinstance(value, str) else json.dumps(value)
    return f"{name}={text[:60] + '...' if len(text) > 60 else text}"


def _first_lines(text: str) -> str:
    return "\n".join(line for line in text.strip().splitlines() if not line.startswith("<state>"))[:400]


def _special_ids(tokenizer: Any) -> frozenset[int]:
    """The ids that are no text: special tokens, and whatever else was added to the vocabulary as one piece."""
    added = getattr(tokenizer, "added_tokens_decoder", None) or {}
    return frozenset(id for id in (*tokenizer.all_special_ids, *added) if id < len(tokenizer))


def _forms(tokenizer: Any, special: frozenset[int]) -> tuple[list[bytes], list[bytes]]:
    """The bytes that each token adds within a text, and at its beginning; none for what is no text, or unknown."""
    size = len(tokenizer)
    tokens = tokenizer.convert_ids_to_tokens(list(range(size)))
    alone = _decoded(tokenizer, [[id] for id in range(size)])
    letters = (id for id, text in enumerate(alone) if len(text) == 1 and text.isascii() and text.isalpha())
    anchor = next((id for id in letters if id not in special), None)
    behind = alone
    if anchor is not None:
        before = len(alone[anchor])
        behind = [text[before:] for text in _decoded(tokenizer, [[anchor, id] for id in range(size)])]
    byte_of = {char: byte for byte, char in byte_characters().items()}
    is_byte_level = any(
        token and not token.isascii() and text != token and all(char in byte_of for char in token)
        for id, (token, text) in enumerate(zip(tokens, alone, strict=True))
        if id not in special
    )
    middle, first = [], []
    for id, token in enumerate(tokens):
        if id in special or token is None:
            both = (b"", b"")
        elif is_byte_level and all(char in byte_of for char in token):
            both = (bytes(byte_of[char] for char in token),) * 2
        elif re.fullmatch("<0x[0-9A-Fa-f]{2}>", token) and alone[id] != token:
            both = (bytes([int(token[3:5], 16)]),) * 2
        elif "\ufffd" in behind[id] and "\ufffd" not in token:  # a part of a character; one byte, or it is not known
            both = (bytes([ord(token)]) if len(token) == 1 and ord(token) < 256 else b"",) * 2
        else:
            both = (behind[id].encode(errors="ignore"), alone[id].encode(errors="ignore"))
        middle.append(both[0])
        first.append(both[1])
    return middle, first


def _decoded(tokenizer: Any, rows: list[list[int]]) -> list[str]:
    return tokenizer.batch_decode(rows, skip_special_tokens=False, clean_up_tokenization_spaces=False)


def _joins_by_spaces(tokenizer: Any, middle: list[bytes], first: list[bytes]) -> bool:
    """Whether words that carry no sign of their own are joined by spaces, as WordPiece's are."""
    for id, (within, start) in enumerate(zip(middle, first, strict=True)):
        if start.isalpha() and tokenizer.convert_ids_to_tokens(id).encode() == start:
            return within == b" " + start
    return False
