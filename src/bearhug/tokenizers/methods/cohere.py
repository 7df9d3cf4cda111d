"""Cohere's two chat templates beside the usual one: for tools, and for documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from bearhug.tokenizers.tokenizer import PreTrainedTokenizerFast


class CohereTemplates(PreTrainedTokenizerFast):
    """`apply_tool_use_template` and `apply_grounded_generation_template`."""

    def apply_tool_use_template(self, conversation: Any, tools: Sequence[dict], **kwargs: Any) -> Any:
        """`apply_chat_template` with the template "tool_use"."""
        return self.apply_chat_template(conversation, chat_template="tool_use", tools=tools, **kwargs)

    def apply_grounded_generation_template(
        self,
        conversation: Any,
        documents: Sequence[dict],
        citation_mode: Literal["fast", "accurate"] = "accurate",
        **kwargs: Any,
    ) -> Any:
        """`apply_chat_template` with the template "rag": the answer cites the documents."""
        return self.apply_chat_template(
            conversation, chat_template="rag", documents=documents, citation_mode=citation_mode, **kwargs
        )
