"""Whisper: what a model writes begins with its language, its task and whether it tells times, and times are tokens.

    <|startoftranscript|> <|en|> <|transcribe|> <|0.00|> Hello there. <|2.40|> <|endoftext|>

(Radford et al. 2022, arXiv:2212.04356, section 2.3.) Times count in steps of 0.02 seconds, in windows of 30 seconds.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bearhug._lib.errors import near
from bearhug.tokenizers import file, speech_text
from bearhug.tokenizers.classes.kind import template
from bearhug.tokenizers.classes.languages import WHISPER, WHISPER_CODES
from bearhug.tokenizers.ids_to_text import plain_ids
from bearhug.tokenizers.tokenizer import PreTrainedTokenizerFast

TASKS = ("translate", "transcribe")
TIMESTAMP = re.compile(r"<\|(\d+\.\d+)\|>")
WINDOW = 1500  # steps of time


class WhisperMethods(PreTrainedTokenizerFast):
    """Prefixes, prompts and times. `language`, `task` and `predict_timestamps` are set by `set_prefix_tokens`."""

    language: str | None
    task: str | None
    predict_timestamps: bool
    english_spelling_normalizer: dict[str, str] | None

    def _made(self) -> None:
        path = self.init_kwargs.get("normalizer_file")
        self.english_spelling_normalizer = None
        if path is not None:
            self.english_spelling_normalizer = json.loads(Path(path).read_text(encoding="utf-8"))
        self.language, self.task = self.init_kwargs["language"], self.init_kwargs["task"]
        self.predict_timestamps = self.init_kwargs["predict_timestamps"]
        self.set_prefix_tokens()

    # -- what goes before a text

    def set_prefix_tokens(
        self, language: str | None = None, task: str | None = None, predict_timestamps: bool | None = None
    ) -> None:
        """Set what goes before a text; None: as it is.

        Args:
            language: "german" or "de".
            task: "transcribe", or "translate" (into English).
            predict_timestamps: whether the model is to tell times.

        Raises:
            ValueError: no such language or task.
        """
        if language is not None:
            self.language = language
        if task is not None:
            self.task = task
        if predict_timestamps is not None:
            self.predict_timestamps = predict_timestamps
        core = self._core
        ids, end = self.prefix_tokens, self.eos_token or ""
        tokens = [core.id_to_token(id) or "" for id in ids]
        types = "0" * (len(ids) + 2) + "|" + "0" * len(ids) + "011"
        special = {end: self.eos_token_id} | dict(zip(tokens, ids, strict=True))
        made = template([*tokens, "$A", end], [*tokens, "$A", "$B", end], special, types)
        core.post_processor = file.post_processor(made)

    @property
    def prefix_tokens(self) -> list[int]:
        """The ids that go before a text: the start, then what is set: language, task, <|notimestamps|>."""
        ids = [self.convert_tokens_to_ids("<|startoftranscript|>")]
        if self.language is not None:
            ids.append(ids[0] + 1 + list(WHISPER).index(self._code()))
        if self.task is not None:
            if self.task not in TASKS:
                raise ValueError(f"task={self.task!r} is unknown; expected 'transcribe' or 'translate'.")
            ids.append(self.convert_tokens_to_ids(f"<|{self.task}|>"))
        if not self.predict_timestamps:
            ids.append(self.convert_tokens_to_ids("<|notimestamps|>"))
        return ids

    def _code(self) -> str:
        self.language = str(self.language).lower()
        if self.language in WHISPER:
            return self.language
        if self.language not in WHISPER_CODES:
            known = WHISPER if len(self.language) == 2 else WHISPER_CODES
            raise ValueError(
                f"language={self.language!r} is unknown.{near(self.language, known)} It is one of {[*known]}."
            )
        return WHISPER_CODES[self.language]

    def get_decoder_prompt_ids(
        self, task: str | None = None, language: str | None = None, no_timestamps: bool = True
    ) -> list[tuple[int, int]]:
        """(position, id) of what goes before a text, without the start; sets it, as `set_prefix_tokens` does."""
        self.set_prefix_tokens(task=task, language=language, predict_timestamps=not no_timestamps)
        return list(enumerate(self.prefix_tokens[1:], 1))

    def get_prompt_ids(self, text: str, return_tensors: str | None = "np") -> Any:
        """The ids of a prompt: words, or what was said before, that the model is to take up.

        Raises:
            ValueError: a special token stands in the text.
        """
        encoding = self("<|startofprev|>", f" {text.strip()}", add_special_tokens=False)
        ids = encoding["input_ids"]
        first = self.all_special_ids[0]
        if (found := next((id for id in ids[1:] if id >= first), None)) is not None:
            raise ValueError(
                f"a prompt holds no special token, and this one has {self.convert_ids_to_tokens(found)!r}."
            )
        return encoding.convert_to_tensors(return_tensors)["input_ids"] if return_tensors else ids

    def build_inputs_with_special_tokens(
        self, token_ids_0: Sequence[int], token_ids_1: Sequence[int] | None = None
    ) -> list[int]:
        """The ids with what goes before and behind a text."""
        return [*self.prefix_tokens, *token_ids_0, *(token_ids_1 or ()), self.eos_token_id]  # pyright: ignore

    # -- ids to text

    def timestamp_ids(self, time_precision: float = 0.02) -> list[int]:
        """The ids of all times of a window."""
        return self.convert_tokens_to_ids([f"<|{i * time_precision:.2f}|>" for i in range(WINDOW + 1)])

    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        output_offsets: bool = False,
        time_precision: float = 0.02,
        decode_with_timestamps: bool = False,
        normalize: bool = False,
        basic_normalize: bool = False,
        remove_diacritics: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Ids -> text, without times.

        Args:
            skip_special_tokens: leave special tokens out, and the prompt before the start.
            output_offsets: {"text", "offsets"}: each segment's text and its two times in seconds.
            time_precision: seconds of a step of time.
            decode_with_timestamps: times stand in the text, <|2.40|>, counted from the first window.
            normalize: spell English as word error rates are counted: no punctuation, numbers as digits.
            basic_normalize: the same for any language, without numbers.
            remove_diacritics: with `basic_normalize`: without accents.
        """
        ids = self._without_prompt(plain_ids(token_ids)) if skip_special_tokens else token_ids
        text = super().decode(ids, skip_special_tokens, clean_up_tokenization_spaces, **kwargs)
        texts = text if isinstance(text, list) else [text]
        if normalize:
            texts = [self.normalize(one) for one in texts]
        elif basic_normalize:
            texts = [self.basic_normalize(one, remove_diacritics) for one in texts]
        if decode_with_timestamps:
            rows = plain_ids(ids)
            rows = rows if isinstance(text, list) else [rows]
            texts = [self._decode_with_timestamps(row, skip_special_tokens, time_precision) for row in rows]
        else:
            texts = [TIMESTAMP.sub("", one) for one in texts]
        out: Any = texts if isinstance(text, list) else texts[0]
        if output_offsets:
            return {"text": out, "offsets": self._compute_offsets(token_ids, time_precision)}
        return out

    def _without_prompt(self, ids: Any) -> Any:
        """What stands behind <|startofprev|> and before the start is the prompt."""
        if not isinstance(ids, list) or not ids or ids[0] != self.convert_tokens_to_ids("<|startofprev|>"):
            return ids
        start = self.convert_tokens_to_ids("<|startoftranscript|>")
        return ids[ids.index(start) :] if start in ids else []

    def _decode_with_timestamps(
        self, ids: Sequence[int], skip_special_tokens: bool = False, time_precision: float = 0.02
    ) -> str:
        begin = self.all_special_ids[-1] + 1
        parts: list[Any] = [[]]
        latest = before = elapsed = 0.0
        for i, id in enumerate(ids):
            if id < begin:
                parts[-1].append(id)
                continue
            time = float((id - begin) * time_precision)
            if time < latest:  # another window begins
                if i >= 2 and not (ids[i - 1] >= begin and ids[i - 2] >= begin):
                    elapsed += time_precision * WINDOW
                else:  # the last two times were one: that of the window's end
                    latest = before
                    elapsed += before
                    parts = parts[:-2]
            before, latest = latest, time
            parts += [f"<|{time + elapsed:.2f}|>", []]
        texts = [
            part if isinstance(part, str) else PreTrainedTokenizerFast.decode(self, part, skip_special_tokens)
            for part in parts
            if part
        ]
        return "".join(texts)

    def _compute_offsets(self, token_ids: Any, time_precision: float = 0.02) -> list[dict[str, Any]]:
        """Segments: {"text", "timestamp": (start, end)}, from pairs of times."""
        ids = plain_ids(token_ids)
        if ids and isinstance(ids[0], list):
            if len(ids) > 1:
                raise ValueError(f"output_offsets=True decodes one row, and there are {len(ids)}.")
            ids = ids[0]
        begin = self.all_special_ids[-1] + 1
        times = [i for i, id in enumerate(ids) if id >= begin]
        ends = [i for i in times if i and ids[i - 1] >= begin]
        if not ends and len(times) <= 1:
            return []
        if times[-1] + 1 not in ends:
            ends.append(times[-1] + 1)
        segments: list[dict[str, Any]] = []
        last, latest, elapsed = times[0], 0, 0
        for end in ends:
            piece = ids[last:end]
            if len(piece) > 1:
                first, final = piece[0] - begin, piece[-1] - begin
                if first < latest:  # another window begins
                    single = last >= 2 and not (ids[last - 2] >= begin and ids[last - 1] >= begin)
                    elapsed += WINDOW if single else latest
                latest = final
                text = TIMESTAMP.sub("", PreTrainedTokenizerFast.decode(self, piece))
                span = (
                    first * time_precision + elapsed * time_precision,
                    final * time_precision + elapsed * time_precision,
                )
                segments.append({"text": text, "timestamp": span})
            last = end
        return segments

    def normalize(self, text: str) -> str:
        """English as word error rates are counted: see `speech_text.english`."""
        return speech_text.english(text, self.english_spelling_normalizer or {})

    @staticmethod
    def basic_normalize(text: str, remove_diacritics: bool = False) -> str:
        """Any language as word error rates are counted: see `speech_text.basic`."""
        return speech_text.basic(text, remove_diacritics)

    def save_vocabulary(self, save_directory: str | os.PathLike, filename_prefix: str | None = None) -> tuple[str, ...]:
        """vocab.json, merges.txt, and normalizer.json where there is one; returns their paths."""
        paths = super().save_vocabulary(save_directory, filename_prefix)
        if self.english_spelling_normalizer is None:
            return paths
        name = f"{filename_prefix}-normalizer.json" if filename_prefix else "normalizer.json"
        path = Path(save_directory) / name
        from bearhug._lib.files import replacing

        with replacing(path, "w", encoding="utf-8", newline="\n") as out:
            out.write(json.dumps(self.english_spelling_normalizer, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
        return (*paths, str(path))
