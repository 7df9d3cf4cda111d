"""Documents: words with the boxes in which they stand on a page, (left, top, right, bottom) of 1000, and their labels.

    tokenizer(["Invoice", "42"], boxes=[[10, 10, 90, 20], [95, 10, 110, 20]])        # words of a page
    tokenizer("What is the number?", ["Invoice", "42"], boxes=[...])                 # a question and those words

Each piece of a word gets the word's box, the question's pieces that of padding. (Xu et al. 2020, arXiv:2012.14740.)
"""

from __future__ import annotations

from typing import Any

from bearhug.tokenizers.encoding import BatchEncoding
from bearhug.tokenizers.tokenizer import PreTrainedTokenizerFast

Box = list[int]
NAMES = ("cls_token_box", "sep_token_box", "pad_token_box", "pad_token_label", "only_label_first_subword")


class WithBoxes(PreTrainedTokenizerFast):
    """A call takes `boxes` and `word_labels`, and gives `bbox` and `labels`."""

    _is_plain = False
    cls_token_box: Box | None
    sep_token_box: Box
    pad_token_box: Box
    pad_token_label: int
    only_label_first_subword: bool

    def _made(self) -> None:
        for name in NAMES:
            object.__setattr__(self, name, self.init_kwargs.get(name))

    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride] - boxes stand third, as in the reference
        self,
        text: Any = None,
        text_pair: Any = None,
        boxes: Any = None,
        word_labels: Any = None,
        return_overflowing_tokens: bool = False,
        return_offsets_mapping: bool = False,
        return_tensors: Any = None,
        **kwargs: Any,
    ) -> BatchEncoding:
        """Encode the words of a page, or of several, alone or behind a question.

        Args:
            text: a list of words, or a list of such lists; with `text_pair`, a question, or a list of questions.
            text_pair: the words.
            boxes: a box for each word.
            word_labels: a label for each word; a piece that is not to be learnt gets `pad_token_label`.
            kwargs: as every tokenizer's.

        Raises:
            ValueError: no boxes, or not one for each word; words that are no lists.
        """
        if kwargs.get("text_target") is not None or (text is None and text_pair is None):
            return super().__call__(text, text_pair, return_tensors=return_tensors, **kwargs)
        many, questions, pages = self._pages(text, text_pair, boxes)
        places = boxes if many else [boxes]
        labels = word_labels if many or word_labels is None else [word_labels]
        kwargs.pop("is_split_into_words", None)
        encoding = self._encode(
            pages if questions is None else questions,
            None if questions is None else pages,
            is_split_into_words=True,
            return_overflowing_tokens=return_overflowing_tokens,
            return_offsets_mapping=return_offsets_mapping or labels is not None,
            **kwargs,
        )
        rows = range(len(encoding["input_ids"]))
        samples = encoding["overflow_to_sample_mapping"] if return_overflowing_tokens else list(rows)
        asked = questions is not None
        added = self._columns([self._boxes(encoding, row, places[samples[row]], asked) for row in rows])
        if labels is not None:
            added["labels"] = [self._labels(encoding, row, labels[samples[row]]) for row in rows]
        if not (many or return_overflowing_tokens or return_tensors):
            added |= {key: encoding[key] for key in ("input_ids", "offset_mapping") if key in encoding}
            encoding, added = encoding.only_row(), {key: value[0] for key, value in added.items()}
        for key, value in added.items():
            encoding[key] = value
        if labels is not None and not return_offsets_mapping:
            del encoding["offset_mapping"]
        return encoding.convert_to_tensors(return_tensors) if return_tensors else encoding

    def _pages(self, text: Any, words: Any, boxes: Any) -> tuple[bool, list[list[str]] | None, list[list[str]]]:
        """Whether there are several pages, the questions' words, and the pages' words."""
        many = isinstance(text, list | tuple) and (
            words is not None or bool(text and isinstance(text[0], list | tuple))
        )
        given = text if words is None else words
        if not isinstance(given, list | tuple):
            raise ValueError(
                f"words come as a list, and {str(given)[:40]!r} is a {type(given).__name__}.\n"
                'Pass text.split(), or a question first: tokenizer("What?", words, boxes=boxes).'
            )
        if boxes is None:
            raise ValueError(
                "each word needs its box: boxes=[[left, top, right, bottom], ...], in thousandths of the page."
            )
        pages = [list(page) for page in given] if many else [list(given)]
        places = boxes if many else [boxes]
        if len(pages) != len(places):
            raise ValueError(f"there are {len(pages)} pages, and boxes of {len(places)}; each page needs its own.")
        for page, place in zip(pages, places, strict=True):
            if len(page) != len(place):
                raise ValueError(f"a page has {len(page)} words and {len(place)} boxes; each word needs its own.")
        if words is None:
            return many, None, pages
        questions = list(text) if many else [text]
        if len(questions) != len(pages):
            raise ValueError(f"there are {len(questions)} questions, and words of {len(pages)} pages.")
        return many, [self._words_of(one) for one in questions], pages

    def _words_of(self, question: Any) -> list[str]:
        return question.split() if isinstance(question, str) else list(question)

    def _columns(self, boxes: list[list[Box]]) -> dict[str, Any]:
        """The fields that say where pieces stand."""
        return {"bbox": boxes}

    def _boxes(self, encoding: BatchEncoding, row: int, places: list[Box], asked: bool) -> list[Box]:
        special = {self.pad_token_id: self.pad_token_box, self.sep_token_id: self.sep_token_box}
        if self.cls_token_box is not None:
            special[self.cls_token_id] = self.cls_token_box
        out = []
        for id, sequence, word in zip(
            encoding["input_ids"][row], encoding.sequence_ids(row), encoding.word_ids(row), strict=True
        ):
            if word is None:
                out.append(special.get(id, self.sep_token_box))
            else:
                out.append(self.pad_token_box if asked and sequence == 0 else places[word])
        return out

    def _labels(self, encoding: BatchEncoding, row: int, labels: list[int]) -> list[int]:
        out, before = [], None
        words, offsets = encoding.word_ids(row), encoding["offset_mapping"][row]
        for id, word, offset in zip(encoding["input_ids"][row], words, offsets, strict=True):
            first = word is not None and self._is_first(word, before, offset[0])
            learnt = first or not self.only_label_first_subword
            out.append(labels[word] if word is not None and learnt else self.pad_token_label)
            before = self._seen(id, word)
        return out

    def _is_first(self, word: int, before: Any, start: int) -> bool:
        """Whether a piece is its word's first."""
        return start == 0

    def _seen(self, id: int, word: int | None) -> Any:
        """What the next piece has to know."""
        return None

    def _fills(self) -> dict[str, Any]:
        return super()._fills() | {"bbox": self.pad_token_box, "labels": self.pad_token_label}


class ByWords(WithBoxes):
    """LayoutLMv3: a word's first piece is where the word begins, wherever its offset does."""

    def _is_first(self, word: int, before: Any, start: int) -> bool:
        return word != before

    def _seen(self, id: int, word: int | None) -> Any:
        return word


class ByFullPieces(WithBoxes):
    """UDOP: a blank alone takes the label; the piece behind it gets none."""

    def _is_first(self, word: int, before: Any, start: int) -> bool:
        return start == 0 and not before

    def _seen(self, id: int, word: int | None) -> Any:
        return word is not None and self.decode([id]) == ""
