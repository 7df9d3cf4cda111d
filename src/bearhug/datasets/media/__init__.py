"""Pictures, sounds, videos and pages as features: files or their bytes in Arrow, decoded when a row is looked at.

Each is stored as a struct of `bytes` and `path`, one of which may be null. The library that decodes is imported when
the first one is decoded.
"""

from typing import Any

from bearhug.datasets.media.audio import Audio, AudioDecoder
from bearhug.datasets.media.file import MediaFile
from bearhug.datasets.media.image import Image, is_picture
from bearhug.datasets.media.pdf import Pdf, is_document
from bearhug.datasets.media.video import Video, VideoDecoder

__all__ = ["Audio", "Image", "MediaFile", "Pdf", "Video", "is_decoded", "media_of"]


def media_of(value: Any) -> MediaFile | None:
    """The feature of a decoded object: Image() for a picture, and so on; None for any other value."""
    if is_picture(value):
        return Image()
    if isinstance(value, AudioDecoder):
        return Audio()
    if isinstance(value, VideoDecoder):
        return Video()
    return Pdf() if is_document(value) else None


def is_decoded(value: Any) -> bool:
    """Whether a value is a sound, a video or a document: an object that no array stands for."""
    return isinstance(value, AudioDecoder | VideoDecoder) or is_document(value)
