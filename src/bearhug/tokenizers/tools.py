"""`EncodingVisualizer`: a text's pieces as a page of HTML, in a notebook or as text; as `tokenizers.tools`."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any

from bearhug.tokenizers.pieces import Mark, as_html, pieces_of
from bearhug.tokenizers.tokenizer import PreTrainedTokenizerFast

HEIGHT = "24rem"  # of the frame in a notebook


class Annotation:
    """A part of a text with a label: characters `start` to `end`."""

    start: int
    end: int
    label: str

    def __init__(self, start: int, end: int, label: str):
        self.start, self.end, self.label = start, end, label

    def __repr__(self) -> str:
        return f"Annotation(start={self.start}, end={self.end}, label={self.label!r})"


AnnotationList = list[Annotation]


class EncodingVisualizer:
    """Shows how a tokenizer cuts texts.

    EncodingVisualizer(tokenizer, default_to_notebook=False)("some text", [Annotation(0, 4, "amount")])

    Args:
        tokenizer: a `bearhug.tokenizers.Tokenizer`, or one of `AutoTokenizer`.
        default_to_notebook: show the page in the notebook; False: give it back as text.
        annotation_converter: makes an `Annotation` of whatever the calls get.

    Raises:
        ImportError: default_to_notebook, and there is no IPython.
    """

    def __init__(
        self,
        tokenizer: Any,
        default_to_notebook: bool = True,
        annotation_converter: Callable[[Any], Annotation] | None = None,
    ):
        if default_to_notebook:
            _notebook()
        self.tokenizer = tokenizer
        self.default_to_notebook = default_to_notebook
        self.annotation_coverter = annotation_converter  # spelled as in the reference

    def __call__(
        self, text: str, annotations: Sequence[Any] | None = None, default_to_notebook: bool | None = None
    ) -> str | None:
        """The page of a text, or nothing where a notebook shows it.

        Args:
            annotations: labelled parts of the text; where two meet, the later one is shown.
            default_to_notebook: None: as the visualizer was made.

        Raises:
            ValueError: an annotation reaches beyond the text.
        """
        in_notebook = self.default_to_notebook if default_to_notebook is None else default_to_notebook
        show = _notebook() if in_notebook else None
        convert = self.annotation_coverter or (lambda annotation: annotation)
        marks = []
        for annotation in map(convert, annotations or []):
            if not 0 <= annotation.start <= annotation.end <= len(text):
                raise ValueError(
                    f"the annotation {annotation.label!r} covers characters {annotation.start} to {annotation.end}, "
                    f"and the text has {len(text)}."
                )
            marks.append(Mark(annotation.start, annotation.end, annotation.label))
        tokenizer = self.tokenizer
        if not isinstance(tokenizer, PreTrainedTokenizerFast):
            tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
        name = tokenizer.name_or_path or tokenizer._core.model.kind
        page = as_html(text, pieces_of(tokenizer, text), name, "Tokens", marks)
        if show is None:
            return page
        show(page)
        return None

    @staticmethod
    def calculate_label_colors(annotations: Sequence[Annotation]) -> dict[str, str]:
        """A colour for each label, as CSS writes it; labels in the order of the alphabet."""
        labels = sorted({annotation.label for annotation in annotations})
        step = max(20, 255 // len(labels)) if labels else 0
        return {label: f"hsl({10 + step * at},32%,64%)" for at, label in enumerate(labels)}


def _notebook() -> Callable[[str], Any]:
    """Shows a page in the notebook, in a frame of its own: its styles do not reach the notebook's.

    Raises:
        ImportError: IPython is not installed.
    """
    try:
        from IPython.display import HTML, display  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise ImportError(
            "IPython, which shows HTML in notebooks, is not installed.\nPass default_to_notebook=False to get the page "
            "as text."
        ) from None
    frame = '<iframe srcdoc="{}" width="100%" height="{}" frameborder="0"></iframe>'
    return lambda page: display(HTML(frame.format(html.escape(page), HEIGHT)))
