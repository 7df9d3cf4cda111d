"""What Image, Audio, Video and Pdf share: a file or its bytes, as a struct in Arrow."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa


class MediaFile:
    """A file in a data set: `{"bytes": ..., "path": ...}`, of which one may be None; a subclass decodes it."""

    decode: bool
    pa_type: ClassVar[Any] = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    noun: ClassVar[str] = "media"

    def __call__(self) -> pa.DataType:
        """The Arrow type."""
        return self.pa_type

    def encode_example(self, value: Any) -> dict:
        """A path, bytes, a dict of them, or an object of the decoder's library -> what is stored.

        Raises:
            ValueError: neither bytes nor a path.
            TypeError: nothing of these.
        """
        if isinstance(value, str):
            return {"path": value, "bytes": None}
        if isinstance(value, Path):
            return {"path": str(value.absolute()), "bytes": None}
        if isinstance(value, bytes | bytearray):
            return {"path": None, "bytes": bytes(value)}
        if isinstance(value, dict):
            return self.encode_dict(value)
        return self.encode_object(value)

    def encode_dict(self, value: dict) -> dict:
        """A dict with bytes or a path; the bytes of a file that is here are not stored twice."""
        path, data = value.get("path"), value.get("bytes")
        if path is not None and os.path.isfile(path):
            return {"bytes": None, "path": path}
        if data is None and path is None:
            raise ValueError(
                f"a {self.noun} sample should have one of 'path' or 'bytes' but they are missing or None in {value}."
            )
        return {"bytes": data, "path": path}

    def encode_object(self, value: Any) -> dict:
        """An object of the decoder's library -> what is stored."""
        raise TypeError(
            f"{type(self).__name__} takes a path, bytes, a dict with 'path' or 'bytes'{self.takes()}, "
            f"not {type(value).__name__}."
        )

    def takes(self) -> str:
        """What else `encode_example` takes, for its error."""
        return ""

    def content(self, value: Any) -> tuple[str | None, bytes | None]:
        """The path and the bytes of a stored value.

        Raises:
            RuntimeError: decoding is off.
            ValueError: both are None.
        """
        if not self.decode:
            name = type(self).__name__
            raise RuntimeError(f"Decoding is disabled for this feature. Please use {name}(decode=True) instead.")
        path, data = (value, None) if isinstance(value, str) else (value.get("path"), value.get("bytes"))
        if path is None and data is None:
            raise ValueError(f"a {self.noun} should have one of 'path' or 'bytes' but both are None in {value}.")
        return path, data

    def flatten(self) -> Any:
        """Itself while it is decoded, else its two fields as features."""
        from bearhug.datasets.features import Value

        return self if self.decode else {"bytes": Value("binary"), "path": Value("string")}

    def cast_storage(self, storage: pa.Array) -> pa.Array:
        """Paths, bytes, or a struct of them in Arrow -> the stored struct."""
        kind = storage.type
        if pa.types.is_struct(kind):
            parts = dict(zip([one.name for one in kind], storage.flatten(), strict=True))
            if parts and not parts.keys() & {"bytes", "path"}:
                raise TypeError(f"Couldn't cast array of type {kind} to {self}: it has neither bytes nor path.")
            data, path = parts.get("bytes"), parts.get("path")
        elif _is_text(kind):
            data, path = None, storage
        elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or kind == pa.binary_view():
            data, path = storage, None
        elif pa.types.is_null(kind):
            data = path = None
        else:
            return self.cast_lists(storage)
        nulls = pa.nulls(len(storage))
        arrays = [
            (nulls if data is None else data).cast(pa.binary()),
            (nulls if path is None else path).cast(pa.string()),
        ]
        mask = storage.is_null() if storage.null_count else None
        return pa.StructArray.from_arrays(arrays, fields=list(self.pa_type), mask=mask)

    def cast_lists(self, storage: pa.Array) -> pa.Array:
        """Lists of numbers in Arrow -> the stored struct."""
        raise pa.ArrowNotImplementedError(f"Couldn't cast array of type {storage.type} to {self}.")

    def embed_storage(
        self, storage: pa.Array, token_per_repo_id: Any = None, local_files: bool = True, remote_files: bool = True
    ) -> pa.Array:
        """The same with the files' bytes in place of their paths, of which the names stay.

        Args:
            local_files: take the bytes of files on this machine.
            remote_files: take those that an address names (`https://`, `hf://`).
        """
        paths = storage.field("path").to_pylist()
        missing = storage.field("bytes").is_null().to_pylist()
        present = storage.is_valid().to_pylist()

        def taken(path: str | None) -> bool:
            return path is not None and (remote_files if is_remote(path) else local_files)

        if not any(map(taken, paths)):
            return storage
        data = storage.field("bytes").to_pylist()
        for i, path in enumerate(paths):
            if present[i] and missing[i] and taken(path):
                data[i] = read_bytes(path, token_per_repo_id)
        names = [os.path.basename(path) if path is not None and taken(path) else path for path in paths]
        arrays = [pa.array(data, pa.binary()), pa.array(names, pa.string())]
        mask = storage.is_null() if storage.null_count else None
        return pa.StructArray.from_arrays(arrays, fields=list(self.pa_type), mask=mask)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view()


def is_remote(path: str) -> bool:
    """Whether a path is an address: `https://...`, `hf://...`, `zip://a.png::https://...`."""
    scheme, mark, _ = path.rpartition("::")[2].partition("://")
    return bool(mark) and scheme != "file"


def open_binary(path: str, token_per_repo_id: dict | None = None) -> Any:
    """Open a file that a path, an address, or a place in an archive (`zip://a.png::/x.zip`) names."""
    if "://" not in path:
        return open(path, "rb")
    import fsspec

    options: dict[str, Any] = {}
    inner = path.rpartition("::")[2]
    if token_per_repo_id and inner.startswith("hf://datasets/"):
        repo = "/".join(inner.removeprefix("hf://datasets/").split("/")[:2]).partition("@")[0]
        if repo in token_per_repo_id:
            options = {"hf": {"token": token_per_repo_id[repo]}} if "::" in path else {"token": token_per_repo_id[repo]}
    opener: Any = fsspec.open(path, "rb", **options)
    return opener.open()


def read_bytes(path: str, token_per_repo_id: dict | None = None) -> bytes:
    """The bytes of a file; see `open_binary`."""
    with open_binary(path, token_per_repo_id) as file:
        return file.read()


def opened(path: str | None, data: bytes | None, token_per_repo_id: dict | None = None) -> Any:
    """What a decoder reads: the path of a local file, else a file in memory."""
    if data is not None:
        return BytesIO(data)
    assert path is not None
    return path if "://" not in path else BytesIO(read_bytes(path, token_per_repo_id))
