"""What a tokenizer becomes: files, a repository, another tokenizer like it, a digest of what it does."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bearhug.tokenizers._native import AddedToken
from bearhug.tokenizers.special_tokens import FLAGS, SpecialTokens, content

if TYPE_CHECKING:
    from bearhug.tokenizers.shrink import Shrunk
    from bearhug.tokenizers.tokenizer import PreTrainedTokenizerFast

# Attributes that decide results, for `fingerprint`.
DECIDING = ("model_max_length", "padding_side", "truncation_side", "model_input_names", "clean_up_tokenization_spaces")
DECIDING += ("split_special_tokens", "chat_template")


class Kept(SpecialTokens):
    """The methods of a tokenizer that save it, make another one of it, or change its vocabulary."""

    chat_template: Any
    init_kwargs: dict[str, Any]
    _vocabulary_digest: tuple[Any, str] | None

    def save_pretrained(
        self,
        save_directory: str | os.PathLike,
        legacy_format: bool | None = None,
        filename_prefix: str | None = None,
        push_to_hub: bool = False,
        save_format: str | None = None,
        save_jinja_files: bool = True,
        **kwargs: Any,
    ) -> tuple[str, ...]:
        """Write tokenizer.json, tokenizer_config.json and the chat templates; returns their paths. Each file appears
        whole.

        Args:
            legacy_format: accepted; the files are those of the unified format, which every version since 2019 reads.
            filename_prefix: goes before the files' names, with a dash.
            push_to_hub: push the folder too; `repo_id`, `token`, ... as in `push_to_hub`.
            save_format: "hf", the only one.
            save_jinja_files: False: the chat template stays inside tokenizer_config.json.

        Raises:
            ValueError: the path is a file, or another save_format.
        """
        from bearhug.tokenizers.folder import save

        if save_format not in (None, "hf"):
            raise ValueError(f"save_format={save_format!r} cannot be written; expected 'hf', or leave it away.")

        paths = save(cast("PreTrainedTokenizerFast", self), save_directory, filename_prefix, save_jinja_files)
        if push_to_hub:
            repo_id = kwargs.pop("repo_id", os.path.basename(os.path.normpath(save_directory)))
            self.push_to_hub(repo_id, **kwargs)
        return paths

    def save_vocabulary(self, save_directory: str | os.PathLike, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write the vocabulary alone: vocab.json and merges.txt, or vocab.txt; returns their paths."""
        from bearhug.tokenizers.folder import save_vocabulary

        return save_vocabulary(cast("PreTrainedTokenizerFast", self), save_directory, filename_prefix)

    def save_chat_templates(
        self,
        save_directory: str | os.PathLike,
        tokenizer_config: dict[str, Any],
        filename_prefix: str | None = None,
        save_jinja_files: bool = True,
    ) -> tuple[dict[str, Any], list[str]]:
        """Write the chat templates alone; returns the config, with the templates in it or without, and the paths."""
        from bearhug.tokenizers.folder import templates_as_files, write

        config, files = templates_as_files(
            cast("PreTrainedTokenizerFast", self), tokenizer_config, filename_prefix, save_jinja_files
        )
        return config, list(write(save_directory, files))

    def push_to_hub(
        self,
        repo_id: str,
        *,
        commit_message: str | None = None,
        commit_description: str | None = None,
        private: bool | None = None,
        token: str | bool | None = None,
        revision: str | None = None,
        create_pr: bool = False,
        max_shard_size: int | str | None = "50GB",
        tags: Sequence[str] | None = None,
    ) -> Any:
        """Push the tokenizer's files to a hub in one commit; the repository is made where there is none.

        Args:
            max_shard_size: accepted; it is about weights.
            tags: are added to those of the repository's card.

        Raises:
            OSError: no hub answers, or you may not write there.
        """
        from bearhug.hub.client import push_folder

        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            if tags:
                _tag(folder, repo_id, tags, revision, token)
            return push_folder(
                folder,
                repo_id,
                private=private,
                token=token,
                commit_message=commit_message or "Upload tokenizer",
                commit_description=commit_description,
                revision=revision,
                create_pr=create_pr,
            )

    def train_new_from_iterator(
        self,
        text_iterator: Iterable[Any],
        vocab_size: int,
        length: int | None = None,
        new_special_tokens: Sequence[str | AddedToken] | None = None,
        special_tokens_map: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> PreTrainedTokenizerFast:
        """A tokenizer of the same make, its vocabulary learnt from other text.

        Args:
            text_iterator: texts, or batches of texts.
            vocab_size: tokens of the new vocabulary, special ones included.
            length: how many texts come, for the progress bar.
            new_special_tokens: added to the present ones.
            special_tokens_map: present special token -> its new text.
            kwargs: more options of the trainer (`min_frequency`, `limit_alphabet`, ...).
        """
        from bearhug.tokenizers.train import train_like

        renamed = dict(special_tokens_map or {})
        core = train_like(
            self._core,
            text_iterator,
            vocab_size=vocab_size,
            length=length,
            new_special_tokens=list(new_special_tokens or ()),
            renamed=renamed,
            **kwargs,
        )
        options = dict(self.init_kwargs)
        for name, token in self._named.items():
            if token is not None:
                text = renamed.get(content(token), content(token))
                options[name] = text if isinstance(token, str) else _like(token, text)
        extra = [*self._extra, *(new_special_tokens or ())]
        if extra:
            options["extra_special_tokens"] = extra
        options["chat_template"] = self.chat_template
        added = self.added_tokens_decoder.items()
        options["added_tokens_decoder"] = {id: token for id, token in added if token.content not in renamed}
        return cast("type[PreTrainedTokenizerFast]", type(self))(tokenizer_object=core, **options)

    def shrink(
        self,
        keep: Iterable[str | int] | None = None,
        *,
        texts: Iterable[str] | None = None,
        vocab_size: int | None = None,
    ) -> Shrunk:
        """A tokenizer with fewer tokens, which cuts these texts as this one does; this one stays as it is.

        Special and added tokens, bytes, and the letters of what is kept stay in any case, and of a BPE the merges that
        lead to what is kept. Ids are without gaps, in their old order.

        Args:
            keep: tokens, or ids, that have to stay.
            texts: what they use stays.
            vocab_size: the most tokens, special ones included; the ones that the texts use most stay (without texts:
                those that a BPE makes first, the likeliest of a Unigram model, else the first).

        Returns:
            `.tokenizer`, `.kept` (old ids in the order of the new ones, to pick rows of an embedding), `.new_ids` (old
            id -> new id), and `.trim(model)`, which does the same to a model.

        Raises:
            ValueError: nothing says what to keep, an unknown token, or a vocab_size below what has to stay.
        """
        from bearhug.tokenizers.shrink import shrink

        return shrink(cast("PreTrainedTokenizerFast", self), keep, texts, vocab_size)

    def remove_tokens(self, tokens: str | AddedToken | Sequence[str | AddedToken]) -> int:
        """Forget added tokens; returns how many. What they stood for is ordinary text again, other ids stay.

        A special token of that text is unset.

        Raises:
            ValueError: not an added token (for the vocabulary's, `shrink`), or one that a call puts around texts.
        """
        from bearhug.tokenizers.shrink import remove_tokens

        given = tokens if isinstance(tokens, list | tuple) else [tokens]
        removed = remove_tokens(self, given)  # pyright: ignore[reportArgumentType]
        for name, token in self._named.items():
            if token is not None and content(token) in removed:
                self._named[name] = None
        self._extra = [token for token in self._extra if content(token) not in removed]
        return len(removed)

    def fingerprint(self) -> str:
        """A digest of all that decides what a call gives: vocabulary, parts, special tokens, defaults, templates."""
        core = self._core
        if self._vocabulary_digest is None or self._vocabulary_digest[0] is not core.model:
            model = core.model
            words = hashlib.sha256(model.vocabulary_json("tight"))
            words.update(model.merges_json("tight"))
            self._vocabulary_digest = (core.model, words.hexdigest())
        names = ("normalizer", "pre_tokenizer", "model", "post_processor", "decoder")
        facts = [
            self._vocabulary_digest[1],
            [self._digest(name) for name in names],
            {id: [getattr(token, flag) for flag in FLAGS] for id, token in core.added_tokens().items()},
            self.special_tokens_map,
            [content(token) for token in self._extra],
            [getattr(self, name) for name in DECIDING],
        ]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _digest(self, name: str) -> str | None:
        """What a part does, in letters."""
        part = getattr(self._core, name)
        if part is None or '"Custom"' not in part.json:
            return part and part.json
        return pickle.dumps(getattr(self.backend_tokenizer, name)).hex()  # in Python; TypeError where it cannot be


def _tag(folder: str, repo_id: str, tags: Sequence[str], revision: str | None, token: Any) -> None:
    """Put the repository's card, with these tags too, into the folder."""
    from bearhug.hub.card import join_card, split_card
    from bearhug.hub.client import open_repo

    try:
        card = open_repo(repo_id, revision=revision, token=token).path("README.md")
    except OSError:  # there is no such repository yet
        card = None
    data, body = split_card(card.read_text(encoding="utf-8")) if card is not None else ({}, "")
    data["tags"] = list(dict.fromkeys([*(data.get("tags") or []), *tags]))
    (Path(folder) / "README.md").write_text(join_card(data, body), encoding="utf-8")


def _like(token: AddedToken, text: str) -> AddedToken:
    """A special token with another text and the same flags."""
    flags = {flag: getattr(token, flag) for flag in ("single_word", "lstrip", "rstrip", "normalized")}
    return AddedToken(text, special=True, **flags)
