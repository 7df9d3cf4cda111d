"""Conversations on the tokenizer: `apply_chat_template` and what belongs to it; how a template runs is in `chat`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bearhug.tokenizers import chat, control_tokens
from bearhug.tokenizers.around import OfIds
from bearhug.tokenizers.encoding import BatchEncoding, as_tensor, tensor_kind

if TYPE_CHECKING:
    from bearhug.tokenizers.response import ResponseParser


class Conversations(OfIds):
    """The methods of a tokenizer that take a list of messages."""

    __call__: Callable[..., BatchEncoding]
    chat_template: Any
    decode: Callable[..., Any]
    init_kwargs: dict[str, Any]
    _warn_once: Callable[[str], None]

    def apply_chat_template(
        self,
        conversation: Any,
        tools: Sequence[dict | Callable] | None = None,
        documents: Sequence[dict[str, str]] | None = None,
        chat_template: str | None = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool | str = False,
        tokenize: bool = True,
        sanitize_control_tokens: bool = False,
        padding: bool | str = False,
        truncation: bool | str = False,
        max_length: int | None = None,
        return_tensors: str | None = None,
        return_dict: bool = True,
        return_assistant_tokens_mask: bool = False,
        tokenizer_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """A conversation as the model was trained to see it: its ids, or its text.

        Args:
            conversation: a list of messages, {"role": "user", "content": "Hello"}, or a list of such lists.
            tools: Python functions with type hints and a docstring, or JSON schemas.
            documents: [{"title": ..., "text": ...}] for models that answer from documents.
            chat_template: another template, or the name of one of several.
            add_generation_prompt: end with the words that begin an answer.
            continue_final_message: end inside the last message, for the model to go on; or the name of the field to go
                on in.
            tokenize: False: the text. Such a text remembers that it holds its special tokens: the tokenizer adds none
                to it.
            sanitize_control_tokens: special tokens that stand in messages, tools, documents and variables are read as
                plain text.
            return_dict: False: the ids alone.
            return_assistant_tokens_mask: `assistant_masks`, 1 on what the template marks by {% generation %}.
            tokenizer_kwargs: more arguments of the call that makes ids.
            kwargs: variables of the template.

        Returns:
            An encoding; ids (return_dict=False) or text (tokenize=False); for several conversations, several.

        Raises:
            ValueError: no template, an empty conversation, or arguments that contradict each other.
            TypeError: a message that is no dict.
            jinja2.TemplateError: what the template raises, or why it was stopped.
        """
        return_dict = return_dict and tokenize
        if return_assistant_tokens_mask and not return_dict:
            raise ValueError("return_assistant_tokens_mask=True needs return_dict=True and tokenize=True.")
        template = self.get_chat_template(chat_template, tools)
        conversations, batched = chat.conversations_of(conversation)
        if continue_final_message and add_generation_prompt:
            raise ValueError(
                "continue_final_message goes on in the last message, add_generation_prompt begins a new one: pass one "
                "of them."
            )
        if continue_final_message and return_assistant_tokens_mask:
            raise ValueError("continue_final_message and return_assistant_tokens_mask cannot go together.")
        if sanitize_control_tokens:
            if not tokenize or return_assistant_tokens_mask:
                raise ValueError("sanitize_control_tokens=True needs tokenize=True, and knows no assistant masks.")
            control = control_tokens.control_tokens(self, template)
            conversations, documents, kwargs = control_tokens.mark([conversations, documents, kwargs], control)
            tools = control_tokens.mark(chat.tool_schemas(tools), control)
        texts, spans = chat.render(
            conversations,
            template,
            tools=tools,
            documents=documents,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=continue_final_message,
            variables=self.special_tokens_map | kwargs,
        )
        if not tokenize:
            return texts if batched else texts[0]
        if return_assistant_tokens_mask and "generation" not in template:
            self._warn_once("the chat template marks nothing by {% generation %}: assistant_masks will be all 0.")
        options = {"padding": padding, "truncation": truncation, "max_length": max_length} | dict(
            tokenizer_kwargs or {}
        )
        if sanitize_control_tokens:
            out = self._encode_sanitized(texts, batched, return_tensors, **options)
        else:
            out = self(texts if batched else texts[0], return_tensors=return_tensors, **options)
        if not return_dict:
            return out["input_ids"]
        if return_assistant_tokens_mask:
            masks = [chat.assistant_mask(out[row], row_spans) for row, row_spans in enumerate(spans)]
            one = not batched and not return_tensors
            kind = None if not return_tensors else tensor_kind(return_tensors)
            out["assistant_masks"] = (
                masks[0] if one else masks if kind is None else as_tensor("assistant_masks", masks, kind)
            )
        return out

    def _encode_sanitized(
        self,
        texts: Sequence[str],
        batched: bool,
        return_tensors: str | None,
        padding: bool | str,
        truncation: bool | str,
        max_length: int | None,
        **options: Any,
    ) -> BatchEncoding:
        rows = [control_tokens.encode(self, text) for text in texts]
        cut, _ = self._limits(False, truncation, max_length, 0, None, None)
        if cut is not None:
            right = self.truncation_side == "right"
            rows = [row[: cut.max_length] if right else row[-cut.max_length :] for row in rows]
        given = rows if batched or return_tensors else rows[0]
        return self.pad({"input_ids": given}, padding, max_length, return_tensors=return_tensors, **options)

    def get_chat_template(self, chat_template: str | None = None, tools: Sequence | None = None) -> str:
        """The template that `apply_chat_template` uses: the one named or given, else the tokenizer's own.

        Raises:
            ValueError: there is none, or several without a default.
        """
        return chat.choose(self.chat_template, chat_template, tools)

    def encode_message_with_chat_template(
        self, message: dict, conversation_history: Sequence[dict] | None = None, **kwargs: Any
    ) -> list[int]:
        """The ids that one more message adds to a conversation.

        Raises:
            ValueError: add_generation_prompt, which belongs to no message.
        """
        if "add_generation_prompt" in kwargs:
            raise ValueError("a message has no generation prompt; ask for it in apply_chat_template.")
        before = list(conversation_history or [])
        ids = self.apply_chat_template([*before, message], return_dict=False, **kwargs)
        if not before:
            return ids
        prefix = self.apply_chat_template(before, return_dict=False, **kwargs)
        same = next(
            (i for i, (a, b) in enumerate(zip(prefix, ids, strict=False)) if a != b), min(len(prefix), len(ids))
        )
        return ids[same:]

    def parse_response(
        self,
        response: Any,
        schema: Mapping[str, Any] | None = None,
        *,
        prefix: Any = None,
        tools: Sequence[dict | Callable] | None = None,
    ) -> Any:
        """What a model wrote -> a message, {"role": "assistant", "content": ..., "tool_calls": ...}; see `response`.

        Args:
            response: a text or ids; or several (a list of texts, a list of lists of ids, a tensor (R, T)).
            schema: a response template; None: the tokenizer's own, `response_template`.
            prefix: the prompt, as text or ids, for all or one each; "" where there was none.
            tools: those of the conversation: arguments of their calls become numbers, lists and so on.

        Returns:
            A message, or a list of them for several.

        Raises:
            AttributeError: no response template.
            ValueError: no prefix, or as many prefixes as there are no answers; an answer that is not of its form.
        """
        from bearhug.tokenizers.response import compiled, parse

        template = compiled(self._response_template(schema))
        if prefix is None:
            raise ValueError(
                "parse_response needs prefix=, the prompt before the answer: a chat template may have begun the answer "
                'already (with <think>, say).\nWhere it has not, pass prefix="".'
            )
        answers, several = self._as_texts(response)
        prefixes, each = self._as_texts("" if isinstance(prefix, list | tuple) and not prefix else prefix)
        if each and len(prefixes) != len(answers):
            raise ValueError(
                f"there are {len(answers)} answers and {len(prefixes)} prefixes; pass one for all, or one each."
            )
        pairs = zip(answers, prefixes if each else prefixes * len(answers), strict=True)
        parsed = [parse(answer, template, prefix=before, tools=tools) for answer, before in pairs]
        return parsed if several else parsed[0]

    def get_response_parser(
        self,
        response_template: Mapping[str, Any] | None = None,
        *,
        prefix: Any = None,
        tools: Sequence[dict | Callable] | None = None,
    ) -> ResponseParser:
        """A parser that reads an answer as it is written; the arguments are those of `parse_response`.

        Raises:
            AttributeError: no response template.
            ValueError: no prefix, or several.
        """
        from bearhug.tokenizers.response import ResponseParser

        template = self._response_template(response_template)
        if prefix is not None:
            (prefix, *others), several = self._as_texts(prefix)
            if several or others:
                raise ValueError("get_response_parser reads one answer, so prefix= is one text, or its ids.")
        return ResponseParser(template, prefix=prefix, tools=tools)

    def _response_template(self, given: Mapping[str, Any] | None) -> Mapping[str, Any]:
        template = getattr(self, "response_template", None) if given is None else given
        if template is None:
            raise AttributeError(
                "this tokenizer has no response template, so it does not know how its model writes an answer.\nPass "
                "one, or set tokenizer.response_template = {...}."
            )
        return template

    def _as_texts(self, given: Any) -> tuple[list[str], bool]:
        """One text, or several, from texts or ids."""
        if isinstance(given, str):
            return [given], False
        if isinstance(given, list | tuple) and (not given or isinstance(given[0], str)):
            return list(given), True
        texts = self.decode(given)
        return ([texts], False) if isinstance(texts, str) else (texts, True)
