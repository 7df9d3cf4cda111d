"""Pictures, sounds and films among other data: which endings and first bytes they have, and their features."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from bearhug.datasets import media as kinds
from bearhug.datasets.features import Feature, Features

STORAGE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
FIRST_BYTES = [
    (b"\x89PNG", "Image"), (b"\xff\xd8", "Image"), (b"GIF8", "Image"), (b"II*\x00", "Image"),
    (b"\x1aE\xdf\xa3", "Video"), (b"ftypisom", "Video"), (b"ftypMSNV", "Video"), (b"\x00\x00\x01\xba", "Video"),
    (b"\x00\x00\x01\xb3", "Video"), (b"ID3", "Audio"), (b"fLaC", "Audio"),
]  # fmt: skip
ENDINGS = {
    "Image": """blp bmp dib bufr cur pcx dcx dds ps eps fit fits fli flc ftc ftu gbr gif grib h5 hdf png apng jp2 j2k
        jpc jpf jpx j2c icns ico im iim tif tiff jfif jpe jpg jpeg msp pcd pxr pbm pgm ppm pnm psd bw rgb rgba sgi ras
        tga icb vda vst webp wmf emf xbm xpm""".split(),
    "Audio": """aiff au avr caf flac htk svx mat4 mat5 mpc2k ogg paf pvf raw rf64 sd2 sds ircam voc w64 wav nist wavex
        wve xi mp3 opus""".split(),
    "Video": "mkv mp4 avi mpeg mpg mov".split(),
}


def _feature(name: str) -> Feature:
    return getattr(kinds, name)()


def by_ending(ending: str) -> Feature:
    """The feature of files with this ending (no dot, lower case), or None."""
    return next((_feature(name) for name, endings in ENDINGS.items() if ending in endings), None)


def by_first_bytes(data: bytes) -> Feature:
    """The feature of what begins with these bytes, or None."""
    if data.startswith(b"RIFF"):
        return _feature("Video" if data[8:12] == b"AVI " else "Image" if data[8:12] == b"WEBP" else "Audio")
    return next((_feature(name) for magic, name in FIRST_BYTES if magic in data[: 2 * len(magic)]), None)


def is_media(feature: Feature) -> bool:
    """Whether a feature is stored as a file's bytes and path."""
    return isinstance(feature, kinds.MediaFile)


def with_features(table: pa.Table, known: dict[str, Any]) -> pa.Table:
    """The table with columns of bytes as these media features."""
    if not known:
        return table
    features = {**Features.from_arrow_schema(table.schema), **known}
    for name in known:
        place = table.column_names.index(name)
        values = table[name].cast(pa.binary()).combine_chunks()
        paths = pa.nulls(len(values), pa.string())
        made = pa.StructArray.from_arrays([values, paths], names=["bytes", "path"], mask=values.is_null())
        table = table.set_column(place, name, made)
    return pa.table(table.columns, schema=Features(features).arrow_schema)
