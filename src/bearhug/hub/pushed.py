"""A model pushed to the hub in one commit, with its tokenizer and a card that is filled in."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bearhug.hub import client
from bearhug.hub.card import model_card

# what push_to_hub takes
PUSH = (
    "repo_id", "tokenizer", "dataset", "metrics", "private", "token", "commit_message", "revision", "create_pr",
)  # fmt: skip


class Pushed:
    """Whatever has `save_pretrained` and is a model: its way to the hub."""

    model_tags: list[str] | None = None

    def push_to_hub(
        self,
        repo_id: str,
        tokenizer: Any = None,
        *,
        dataset: Any = None,
        metrics: Mapping[str, float] | None = None,
        private: bool | None = None,
        token: str | bool | None = None,
        commit_message: str = "Upload model",
        commit_description: str | None = None,
        revision: str | None = None,
        create_pr: bool = False,
        max_shard_size: int | str = "5GB",
        **card: Any,
    ) -> Any:
        """Push the model in one commit: weights, config, tokenizer, and a card that is filled in.

        Args:
            repo_id: "name" or "owner/name"; it is made where it is missing.
            tokenizer: goes with it, so that the name loads whole.
            dataset, metrics: what it was trained on, and its scores, for the card.
            card: further fields of the card (license, language, ...), see `bearhug.hub.card.model_card`.

        Raises:
            OSError: not logged in, or no hub answers.
        """
        repo_id = client.full_name(repo_id, token)
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder, max_shard_size=max_shard_size)  # type: ignore[attr-defined]
            if tokenizer is not None:
                tokenizer.save_pretrained(folder)
            if self.model_tags:
                card["tags"] = list(dict.fromkeys([*(card.get("tags") or ()), *self.model_tags]))
            text = model_card(self, repo_id=repo_id, dataset=dataset, metrics=metrics, **card)
            Path(folder, "README.md").write_text(text, encoding="utf-8")
            return client.push_folder(
                folder,
                repo_id,
                private=private,
                token=token,
                commit_message=commit_message,
                commit_description=commit_description,
                revision=revision,
                create_pr=create_pr,
            )

    def add_model_tags(self, tags: list[str] | str) -> None:
        """Words that the card gets when the model is pushed."""
        more = [tags] if isinstance(tags, str) else tags
        self.model_tags = list(dict.fromkeys([*(self.model_tags or ()), *more]))
