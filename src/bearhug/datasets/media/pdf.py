"""Documents, by pdfplumber."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any, ClassVar

from bearhug.datasets.media.file import MediaFile, opened


@dataclass
class Pdf(MediaFile):
    """A document: stored as a file's path or bytes, looked at as a `pdfplumber.pdf.PDF`.

    Args:
        decode: False gives `{"bytes", "path"}` as they are stored.
    """

    decode: bool = True
    id: str | None = field(default=None, repr=False)
    dtype: ClassVar[str] = "pdfplumber.pdf.PDF"
    _type: str = field(default="Pdf", init=False, repr=False)
    noun: ClassVar[str] = "pdf"

    def encode_object(self, value: Any) -> dict:
        """A `pdfplumber.pdf.PDF` -> its file's path, or its bytes where it was read from memory."""
        if not is_document(value):
            return super().encode_object(value)
        if name := getattr(value.stream, "name", None):
            return {"path": str(name), "bytes": None}
        place = value.stream.tell()
        value.stream.seek(0)
        data = value.stream.read()
        value.stream.seek(place)
        return {"path": None, "bytes": data}

    def takes(self) -> str:
        """What else `encode_example` takes, for its error."""
        return " or a pdfplumber.pdf.PDF"

    def decode_example(self, value: Any, token_per_repo_id: dict | None = None) -> Any:
        """What is stored -> the document."""
        if self.decode and not isinstance(value, dict | str):
            return value
        path, data = self.content(value)
        try:
            import pdfplumber
        except ImportError as error:
            raise ImportError("documents are read by pdfplumber: pip install 'bearhug[pdf]'") from error
        return pdfplumber.open(opened(path, data, token_per_repo_id))


def is_document(value: Any) -> bool:
    """Whether a value is a `pdfplumber.pdf.PDF`; nothing is imported to say so."""
    module = sys.modules.get("pdfplumber.pdf")
    return module is not None and isinstance(value, module.PDF)
