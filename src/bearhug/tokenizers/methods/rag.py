"""RAG: two tokenizers, one for questions and one for what is written (Lewis et al. 2020, arXiv:2005.11401)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from bearhug.tokenizers.encoding import BatchEncoding
from bearhug.tokenizers.tokenizer import PreTrainedTokenizerFast

QUESTIONS, ANSWERS = "question_encoder_tokenizer", "generator_tokenizer"


class RagTokenizer:
    """`tokenizer(text)` encodes a question, `tokenizer.decode(ids)` reads an answer.

    Args:
        question_encoder: the tokenizer of questions.
        generator: that of answers.
    """

    def __init__(self, question_encoder: PreTrainedTokenizerFast, generator: PreTrainedTokenizerFast):
        self.question_encoder, self.generator = question_encoder, generator
        self.current_tokenizer = question_encoder

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike, **kwargs: Any) -> RagTokenizer:
        """Load both from their folders inside a folder or repository."""
        from bearhug.tokenizers.auto import AutoTokenizer

        kwargs.pop("config", None)
        of_questions, of_answers = (
            AutoTokenizer.from_pretrained(pretrained_model_name_or_path, subfolder=folder, **kwargs)
            for folder in (QUESTIONS, ANSWERS)
        )
        return cls(of_questions, of_answers)

    def save_pretrained(self, save_directory: str | os.PathLike) -> None:
        """Write both into folders of their own.

        Raises:
            ValueError: the path is a file.
        """
        if Path(save_directory).is_file():
            raise ValueError(f"{os.fspath(save_directory)!r} is a file; a tokenizer is saved into a folder.")
        self.question_encoder.save_pretrained(Path(save_directory) / QUESTIONS)
        self.generator.save_pretrained(Path(save_directory) / ANSWERS)

    def __call__(self, *args: Any, **kwargs: Any) -> BatchEncoding:
        """Encode questions; see the tokenizer of questions."""
        return self.current_tokenizer(*args, **kwargs)

    def decode(self, *args: Any, **kwargs: Any) -> Any:
        """Ids of an answer -> text."""
        return self.generator.decode(*args, **kwargs)

    def batch_decode(self, *args: Any, **kwargs: Any) -> list[Any]:
        """Ids of answers -> texts."""
        return self.generator.batch_decode(*args, **kwargs)

    def _switch_to_input_mode(self) -> None:
        self.current_tokenizer = self.question_encoder

    def _switch_to_target_mode(self) -> None:
        self.current_tokenizer = self.generator
