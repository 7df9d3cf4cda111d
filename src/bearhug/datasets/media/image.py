"""Pictures, by Pillow."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar, TypeGuard

import pyarrow as pa

from bearhug.datasets.media.file import MediaFile, opened

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image

SAVED_AS_PNG = ("1", "L", "LA", "RGB", "RGBA")
SIZES = {"b": (1,), "u": (1, 2, 4), "i": (2, 4), "f": (4, 8)}  # bytes of the numbers that Pillow keeps, by kind


@dataclass
class Image(MediaFile):
    """A picture: stored as a file's path or bytes, looked at as a `PIL.Image.Image`.

    Args:
        mode: convert to this mode ("RGB", "L", ...); None keeps the file's.
        decode: False gives `{"bytes", "path"}` as they are stored.
    """

    mode: str | None = None
    decode: bool = True
    id: str | None = field(default=None, repr=False)
    dtype: ClassVar[str] = "PIL.Image.Image"
    _type: str = field(default="Image", init=False, repr=False)
    noun: ClassVar[str] = "picture"

    def encode_example(self, value: Any) -> dict:
        """A path, bytes, a dict of them, an array (H, W) or (H, W, C), or a `PIL.Image.Image` -> what is stored."""
        if isinstance(value, list):
            import numpy as np

            value = np.array(value)
        return super().encode_example(value)

    def encode_object(self, value: Any) -> dict:
        """An array or a `PIL.Image.Image` -> what is stored."""
        import numpy as np

        if isinstance(value, np.ndarray):
            return encode_array(value)
        if is_picture(value):
            name = getattr(value, "filename", "")
            return {"path": name, "bytes": None} if name else {"path": None, "bytes": picture_bytes(value)}
        return super().encode_object(value)

    def takes(self) -> str:
        """What else `encode_example` takes, for its error."""
        return ", an array or a PIL.Image.Image"

    def decode_example(self, value: Any, token_per_repo_id: dict | None = None) -> PIL.Image.Image:
        """What is stored -> the picture, turned as its EXIF orientation says."""
        if self.decode and not isinstance(value, dict | str):
            return value
        path, data = self.content(value)
        pillow = _pillow()
        image = pillow.open(opened(path, data, token_per_repo_id))
        image.load()  # closes the file
        if image.getexif().get(pillow.ExifTags.Base.Orientation) is not None:
            import PIL.ImageOps

            image = PIL.ImageOps.exif_transpose(image)
        return image.convert(self.mode) if self.mode and self.mode != image.mode else image

    def cast_lists(self, storage: pa.Array) -> pa.Array:
        """Lists of numbers in Arrow -> pictures."""
        import numpy as np

        if not pa.types.is_list(storage.type) and not pa.types.is_large_list(storage.type):
            return super().cast_lists(storage)
        data = [None if one is None else encode_array(np.array(one))["bytes"] for one in storage.to_pylist()]
        return self.cast_storage(pa.array(data, pa.binary()))


def _pillow() -> Any:
    try:
        import PIL.ExifTags
        import PIL.Image
    except ImportError as error:
        raise ImportError(
            "pictures are read by Pillow, which is not installed: pip install 'bearhug[vision]'"
        ) from error
    return PIL.Image


def is_picture(value: Any) -> TypeGuard[PIL.Image.Image]:
    """Whether a value is a `PIL.Image.Image`; nothing is imported to say so."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def picture_bytes(image: PIL.Image.Image) -> bytes:
    """A picture's file: in the format that it was read from, else PNG, or TIFF for modes that PNG lacks."""
    pillow = _pillow()
    pillow.init()
    kind = image.format
    if kind not in pillow.OPEN or kind not in pillow.SAVE:
        kind = "PNG" if image.mode in SAVED_AS_PNG else "TIFF"
    buffer = BytesIO()
    image.save(buffer, format=kind)
    return buffer.getvalue()


def encode_array(array: np.ndarray) -> dict:
    """An array (H, W) or (H, W, C) -> a PNG or TIFF; types that Pillow lacks become the next smaller, with a warning.

    Raises:
        TypeError: fractions with channels, or a type for which there is none.
    """
    import numpy as np

    kind, size = array.dtype.kind, array.dtype.itemsize
    if array.ndim > 2:
        if kind not in "ui":
            raise TypeError(
                f"Unsupported array dtype {array.dtype} for image encoding: with channels only uint8 can be stored.\n"
                f"Scale it: (array * 255).astype('uint8')."
            )
        target = np.dtype(np.uint8)
    else:
        known = [one for one in SIZES.get(kind, ()) if one <= size]
        if not known:
            names = "bool, uint8, uint16, uint32, int16, int32, float32, float64"
            raise TypeError(f"Cannot downcast dtype {array.dtype} to a valid image dtype: {names}.")
        target = np.dtype(f"{kind}{known[-1]}").newbyteorder(array.dtype.byteorder) if size > 1 else array.dtype
    if target != array.dtype:
        warnings.warn(f"Downcasting array dtype {array.dtype} to {target} to be compatible with 'Pillow'", stacklevel=2)
    return {"path": None, "bytes": picture_bytes(_pillow().fromarray(array.astype(target)))}


def picture_array(image: PIL.Image.Image, channels_first: bool = False) -> np.ndarray:
    """A picture as an array (H, W) or (H, W, C); with `channels_first` always (C, H, W)."""
    import numpy as np

    array = np.asarray(image)
    if not channels_first:
        return array
    return (array[:, :, None] if array.ndim == 2 else array).transpose(2, 0, 1)
