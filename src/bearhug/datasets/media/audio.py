"""Sounds, by soundfile (libsndfile), and by PyAV where a film holds them; resampled by soxr.

What a row gives has the names of torchcodec's `AudioDecoder`, which the field's code reads: nothing is decoded before
it is asked for. Samples are float32; C channels, N samples.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar

from bearhug.datasets.media.file import MediaFile, opened

if TYPE_CHECKING:
    import numpy as np
    import torch


@dataclass
class Audio(MediaFile):
    """A sound: stored as a file's path or bytes, heard as an `AudioDecoder`.

    Args:
        sampling_rate: samples a second that it is resampled to; None keeps the file's.
        decode: False gives `{"bytes", "path"}` as they are stored.
        num_channels: 1 (mixed) or 2; None keeps the file's.
        stream_index: which stream of a file that holds several; None takes the first sound.
    """

    sampling_rate: int | None = None
    decode: bool = True
    num_channels: int | None = None
    stream_index: int | None = None
    id: str | None = field(default=None, repr=False)
    dtype: ClassVar[str] = "dict"
    _type: str = field(default="Audio", init=False, repr=False)
    noun: ClassVar[str] = "sound"

    def encode_dict(self, value: dict) -> dict:
        """A dict with bytes or a path, or with an `array` ((N,) or (C, N)) and its `sampling_rate`."""
        if value.get("array") is not None:
            if value.get("sampling_rate") is None:
                raise KeyError(
                    "sampling_rate: a sound given as an array needs it: {'array': ..., 'sampling_rate': ...}"
                )
            return {"bytes": wav_bytes(value["array"], value["sampling_rate"], self.num_channels), "path": None}
        path = value.get("path")
        if path is not None and os.path.isfile(path) and path.endswith("pcm"):
            return {"bytes": self._from_pcm(value), "path": None}
        return super().encode_dict(value)

    def _from_pcm(self, value: dict) -> bytes:
        """Raw 16-bit samples as a wav: they do not say how many a second there are."""
        import numpy as np

        if value.get("sampling_rate") is None:
            raise KeyError("To use PCM files, please specify a 'sampling_rate' in Audio object")
        raw = np.frombuffer(value["bytes"], np.int16) if value.get("bytes") else np.fromfile(value["path"], np.int16)
        return wav_bytes(raw.astype(np.float32) / 32767, value["sampling_rate"], self.num_channels)

    def encode_object(self, value: Any) -> dict:
        """An `AudioDecoder`, bearhug's or torchcodec's -> what is stored."""
        if isinstance(value, AudioDecoder) or hasattr(value, "_hf_encoded"):
            return dict(value._hf_encoded)
        if hasattr(value, "get_all_samples"):
            samples = value.get_all_samples()
            return {"bytes": wav_bytes(samples.data.cpu().numpy(), samples.sample_rate), "path": None}
        if value is None:
            raise ValueError("value must be provided")
        return super().encode_object(value)

    def takes(self) -> str:
        """What else `encode_example` takes, for its error."""
        return " or 'array' and 'sampling_rate', an AudioDecoder"

    def decode_example(self, value: Any, token_per_repo_id: dict | None = None) -> AudioDecoder:
        """What is stored -> the sound."""
        if self.decode and not isinstance(value, dict | str):
            return value
        path, data = self.content(value)
        _soundfile()
        source: Any = path if data is None else data
        if isinstance(source, str) and "://" in source:
            source = opened(source, None, token_per_repo_id).getvalue()
        sound = AudioDecoder(
            source, stream_index=self.stream_index, sample_rate=self.sampling_rate, num_channels=self.num_channels
        )
        sound._hf_encoded = {"path": path, "bytes": data}
        sound.path = path
        return sound

    def flatten(self) -> dict:
        """Its two fields as features, where it is not decoded."""
        if self.decode:
            raise ValueError("Cannot flatten a decoded Audio feature; use Audio(decode=False).")
        return super().flatten()

    def cast_storage(self, storage: Any) -> Any:
        """Paths, bytes, a struct of them, or of an array and its sampling rate -> the stored struct."""
        import pyarrow as pa

        if pa.types.is_struct(storage.type) and storage.type.get_field_index("array") >= 0:
            rows = storage.to_pylist()
            return pa.array([None if row is None else self.encode_example(row) for row in rows], self.pa_type)
        return super().cast_storage(storage)


@dataclass
class AudioSamples:
    """Samples: data (C, N) float32, and when they are played."""

    data: torch.Tensor
    pts_seconds: float
    duration_seconds: float
    sample_rate: int

    def __repr__(self) -> str:
        facts = [f"data (shape): {tuple(self.data.shape)}"]
        facts += [f"{name}: {getattr(self, name)}" for name in ("pts_seconds", "duration_seconds", "sample_rate")]
        return "AudioSamples:\n  " + "\n  ".join(facts)


@dataclass
class AudioStreamMetadata:
    """What a file says of its sound."""

    sample_rate: int
    num_channels: int
    duration_seconds: float
    num_samples: int
    codec: str
    sample_format: str
    path: str | None = None
    begin_stream_seconds: float = 0.0

    @property
    def duration_seconds_from_header(self) -> float:
        """The same as `duration_seconds`."""
        return self.duration_seconds


class AudioDecoder:
    """A sound, decoded when it is asked for: `sound["array"]` (N,) mixed to one channel, or `get_all_samples()`.

    Args:
        source: a path, or a file's bytes.
        sample_rate, num_channels: what it is brought to; None keeps the file's.
    """

    def __init__(
        self,
        source: str | bytes | os.PathLike,
        *,
        stream_index: int | None = None,
        sample_rate: int | None = None,
        num_channels: int | None = None,
    ):
        if num_channels not in (None, 1, 2):
            raise ValueError(f"num_channels is 1, 2 or None (as in the file), not {num_channels}.")
        self.source = source if isinstance(source, bytes) else os.fspath(source)
        self.stream_index, self.sample_rate, self.num_channels = stream_index, sample_rate, num_channels
        inside = isinstance(self.source, bytes)
        self.path: str | None = None if isinstance(self.source, bytes) else self.source
        self._hf_encoded: dict[str, Any] = {"path": self.path, "bytes": self.source if inside else None}
        self._metadata: AudioStreamMetadata | None = None
        self._samples: Any = None

    @property
    def metadata(self) -> AudioStreamMetadata:
        """What the file says: sample_rate, num_channels, duration_seconds, codec, path."""
        if self._metadata is None:
            known: AudioStreamMetadata = self._with_soundfile(_facts) or _film_facts(self._file(), self.stream_index)
            known.path = self.path
            self._metadata = known
        return self._metadata

    def _file(self) -> Any:
        return BytesIO(self.source) if isinstance(self.source, bytes) else self.source

    def _with_soundfile(self, do: Any) -> Any:
        """The result of a function of an open `SoundFile`; None where libsndfile cannot read this file."""
        soundfile = _soundfile()
        if self.stream_index:
            return None
        if isinstance(self.source, str) and not os.path.exists(self.source):
            raise FileNotFoundError(f"there is no sound file {self.source!r}.")
        try:
            with soundfile.SoundFile(self._file()) as file:
                return do(file)
        except soundfile.LibsndfileError:
            return None

    def _read(self, start: float, stop: float | None) -> tuple[np.ndarray, int]:
        """Samples (C, N) of a time, in seconds, resampled and mixed as asked for; and their rate."""

        def read(file: Any) -> tuple[Any, int]:
            rate = file.samplerate
            first = round(start * rate)
            count = -1 if stop is None else max(0, round(stop * rate) - first)
            file.seek(min(first, file.frames))
            return file.read(count, dtype="float32", always_2d=True).T, rate

        got = self._with_soundfile(read)
        if got is None:
            samples, rate = _film_samples(self._file(), self.stream_index)
            samples = samples[:, round(start * rate) : None if stop is None else round(stop * rate)]
        else:
            samples, rate = got
        samples = _mixed(samples, self.num_channels)
        if self.sample_rate is None or self.sample_rate == rate:
            return samples, rate
        return resample(samples, rate, self.sample_rate), self.sample_rate

    def _all(self) -> tuple[np.ndarray, int]:
        if self._samples is None:
            self._samples = self._read(0.0, None)
        return self._samples

    def get_all_samples(self) -> AudioSamples:
        """All samples, as a tensor (C, N)."""
        return _samples_of(*self._all(), 0.0)

    def get_samples_played_in_range(
        self, start_seconds: float = 0.0, stop_seconds: float | None = None
    ) -> AudioSamples:
        """The samples of a time, as a tensor (C, N)."""
        if stop_seconds is not None and stop_seconds < start_seconds:
            raise ValueError(f"stop_seconds={stop_seconds} lies before start_seconds={start_seconds}.")
        return _samples_of(*self._read(start_seconds, stop_seconds), start_seconds)

    def __getitem__(self, key: str) -> Any:
        if key == "array":
            samples = self._all()[0]
            return samples[0] if len(samples) == 1 else samples.mean(0)
        if key == "sampling_rate":
            return self.sample_rate or self.metadata.sample_rate
        if key in ("path", "bytes"):
            return self._hf_encoded[key]
        if not isinstance(key, str):
            raise TypeError(f"a sound is asked for 'array', 'sampling_rate' or 'path', not for {key!r}.")
        raise KeyError(f"{key!r}: a sound has 'array', 'sampling_rate' and 'path'.")

    def __contains__(self, key: object) -> bool:
        return key in self.keys()

    def keys(self) -> tuple[str, ...]:
        """So that `dict(sound)` and `{**sound}` work."""
        return "path", "array", "sampling_rate"

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_samples": None}

    def __repr__(self) -> str:
        name = f"{len(self.source)} bytes" if isinstance(self.source, bytes) else repr(self.source)
        wished = [f"{key}={one}" for key in ("sample_rate", "num_channels") if (one := getattr(self, key)) is not None]
        return f"AudioDecoder({', '.join([name, *wished])})"


def _soundfile() -> Any:
    try:
        import soundfile
    except ImportError as error:
        raise ImportError("sounds are read by soundfile, which is missing: pip install 'bearhug[audio]'") from error
    return soundfile


def resample(samples: np.ndarray, rate: int, target: int) -> np.ndarray:
    """Samples (C, N) at another rate."""
    import numpy as np

    try:
        import soxr
    except ImportError as error:
        raise ImportError("sounds are resampled by soxr, which is missing: pip install 'bearhug[audio]'") from error
    return np.ascontiguousarray(soxr.resample(samples.T, rate, target).T)


def wav_bytes(array: Any, rate: int, channels: int | None = None) -> bytes:
    """Samples (N,) or (C, N) between -1 and 1 as the bytes of a 16-bit wav file."""
    import numpy as np

    samples = np.asarray(array, dtype=np.float32)
    if samples.ndim > 2:
        raise ValueError(f"a sound is an array (samples,) or (channels, samples), not of shape {samples.shape}.")
    buffer = BytesIO()
    _soundfile().write(buffer, _mixed(np.atleast_2d(samples), channels).T, int(rate), format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def _mixed(samples: np.ndarray, channels: int | None) -> np.ndarray:
    import numpy as np

    if channels is None or channels == len(samples):
        return samples
    mono = samples.mean(0, keepdims=True)
    return mono if channels == 1 else np.repeat(mono, channels, axis=0)


def _samples_of(samples: np.ndarray, rate: int, start: float) -> AudioSamples:
    import torch

    return AudioSamples(torch.from_numpy(samples.copy()), start, samples.shape[1] / rate, rate)


def _facts(file: Any) -> AudioStreamMetadata:
    seconds = file.frames / file.samplerate
    return AudioStreamMetadata(file.samplerate, file.channels, seconds, file.frames, file.format, file.subtype)


def _film(file: Any) -> Any:
    try:
        import av
    except ImportError as error:
        name = file if isinstance(file, str) else "these bytes"
        raise ImportError(f"libsndfile cannot read {name}; PyAV may: pip install 'bearhug[video]'") from error
    return av.open(file)


def _film_stream(container: Any, index: int | None) -> Any:
    streams = container.streams.audio if index is None else [one for one in container.streams if one.index == index]
    if not streams or streams[0].type != "audio":
        found = ", ".join(f"{one.index}: {one.type}" for one in container.streams) or "none"
        raise ValueError(f"there is no sound in this file{'' if index is None else f' at {index}'}; it has {found}.")
    return streams[0]


def _film_facts(file: Any, index: int | None) -> AudioStreamMetadata:
    with _film(file) as container:
        stream = _film_stream(container, index)
        seconds = float(stream.duration * stream.time_base) if stream.duration else (container.duration or 0) / 1e6
        count = round(seconds * stream.rate)
        codec, kind = stream.codec_context.name, stream.format.name
        return AudioStreamMetadata(stream.rate, stream.channels, seconds, count, codec, kind)


def _film_samples(file: Any, index: int | None) -> tuple[np.ndarray, int]:
    import av
    import numpy as np

    with _film(file) as container:
        stream = _film_stream(container, index)
        planar = av.AudioResampler(format="fltp")
        frames = [part for frame in container.decode(stream) for part in planar.resample(frame)]
        frames += planar.resample(None)
        parts = [part.to_ndarray() for part in frames]
        samples = np.concatenate(parts, axis=1) if parts else np.zeros((stream.channels, 0), np.float32)
        return samples, stream.rate
