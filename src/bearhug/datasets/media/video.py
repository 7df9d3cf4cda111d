"""Films, by PyAV (FFmpeg).

What a row gives has the names of torchcodec's `VideoDecoder`: frames are decoded when they are asked for, exactly the
one that was asked for. N frames, C channels (red, green, blue), H height, W width; uint8.
"""

from __future__ import annotations

import bisect
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar

from bearhug.datasets.media.file import MediaFile, opened

if TYPE_CHECKING:
    import torch

AHEAD = 64  # frames that are decoded on the way to a later one rather than seeking


@dataclass
class Video(MediaFile):
    """A film: stored as a file's path or bytes, watched as a `VideoDecoder`.

    Args:
        decode: False gives `{"bytes", "path"}` as they are stored.
        stream_index: which stream of a file that holds several; None takes the first film.
        dimension_order: of the frames, "NCHW" or "NHWC".
        num_ffmpeg_threads: threads that decode.
        device: "cpu"; frames are moved by `.to(device)`.
        seek_mode: "exact" or "approximate"; a frame's number is exact in both.
    """

    decode: bool = True
    stream_index: int | None = None
    dimension_order: str = "NCHW"
    num_ffmpeg_threads: int = 1
    device: Any = "cpu"
    seek_mode: str = "exact"
    id: str | None = field(default=None, repr=False)
    dtype: ClassVar[str] = "torchcodec.decoders.VideoDecoder"
    _type: str = field(default="Video", init=False, repr=False)
    noun: ClassVar[str] = "video"

    def encode_object(self, value: Any) -> dict:
        """A `VideoDecoder` that came from a data set -> what is stored."""
        if hasattr(value, "_hf_encoded"):
            return dict(value._hf_encoded)
        if value is None:
            raise ValueError("value must be provided")
        return super().encode_object(value)

    def takes(self) -> str:
        """What else `encode_example` takes, for its error."""
        return " or a VideoDecoder"

    def decode_example(self, value: Any, token_per_repo_id: dict | None = None) -> VideoDecoder:
        """What is stored -> the film."""
        if self.decode and not isinstance(value, dict | str):
            return value
        path, data = self.content(value)
        _av()
        source: Any = path if data is None else data
        if isinstance(source, str) and "://" in source:
            source = opened(source, None, token_per_repo_id).getvalue()
        film = VideoDecoder(
            source,
            stream_index=self.stream_index,
            dimension_order=self.dimension_order,
            num_ffmpeg_threads=self.num_ffmpeg_threads,
            device=self.device,
            seek_mode=self.seek_mode,
        )
        film._hf_encoded = {"path": path, "bytes": data}
        film.path = path
        return film


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise ImportError("films are read by PyAV, which is not installed: pip install 'bearhug[video]'") from error
    return av


@dataclass
class Frame:
    """One frame: data (C, H, W) uint8, and when it is shown."""

    data: torch.Tensor
    pts_seconds: float
    duration_seconds: float

    def __repr__(self) -> str:
        return (
            f"Frame:\n  data (shape): {tuple(self.data.shape)}\n  pts_seconds: {self.pts_seconds}\n"
            f"  duration_seconds: {self.duration_seconds}"
        )


@dataclass
class FrameBatch:
    """Frames: data (N, C, H, W) uint8, and when each is shown."""

    data: torch.Tensor
    pts_seconds: torch.Tensor
    duration_seconds: torch.Tensor

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return (
            f"FrameBatch:\n  data (shape): {tuple(self.data.shape)}\n  pts_seconds: {self.pts_seconds}\n"
            f"  duration_seconds: {self.duration_seconds}"
        )


@dataclass
class VideoStreamMetadata:
    """What a file says of its film, and what counting its frames says."""

    width: int
    height: int
    num_frames: int
    average_fps: float
    duration_seconds: float
    begin_stream_seconds: float
    end_stream_seconds: float
    codec: str
    bit_rate: int | None = None
    path: str | None = None


class VideoDecoder:
    """A film: `len(film)`, `film[i]`, `film[a:b:c]`, and frames by number or by time.

    Args:
        source: a path, or a file's bytes.
        dimension_order: "NCHW" or "NHWC".
    """

    def __init__(
        self,
        source: str | bytes | os.PathLike,
        *,
        stream_index: int | None = None,
        dimension_order: str = "NCHW",
        num_ffmpeg_threads: int = 1,
        device: Any = "cpu",
        seek_mode: str = "exact",
    ):
        if dimension_order not in ("NCHW", "NHWC"):
            raise ValueError(f"dimension_order is 'NCHW' or 'NHWC', not {dimension_order!r}.")
        if seek_mode not in ("exact", "approximate"):
            raise ValueError(f"seek_mode is 'exact' or 'approximate', not {seek_mode!r}.")
        if str(device or "cpu") != "cpu":
            raise ValueError(f"frames are decoded on the CPU, not on {device!r}: decode, then frame.to({device!r}).")
        self.source = source if isinstance(source, bytes) else os.fspath(source)
        self.stream_index, self.dimension_order, self.num_threads = stream_index, dimension_order, num_ffmpeg_threads
        inside = isinstance(self.source, bytes)
        self.path: str | None = None if isinstance(self.source, bytes) else self.source
        self._hf_encoded: dict[str, Any] = {"path": self.path, "bytes": self.source if inside else None}
        self._opened: tuple[Any, Any] | None = None
        self._times: list[int] | None = None  # when each frame is shown, in the stream's unit, in order
        self._going: Iterator[Any] | None = None
        self._next = -1  # the number of the frame that `_going` gives next

    def _stream(self) -> tuple[Any, Any]:
        """The open file and its stream."""
        if self._opened is None:
            if isinstance(self.source, str) and not os.path.exists(self.source):
                raise FileNotFoundError(f"there is no video file {self.source!r}.")
            container = _av().open(BytesIO(self.source) if isinstance(self.source, bytes) else self.source)
            index, streams = self.stream_index, list(container.streams.video)
            if index is not None:
                streams = [one for one in streams if one.index == index]
            if not streams:
                found = ", ".join(f"{one.index}: {one.type}" for one in container.streams) or "none"
                container.close()
                raise ValueError(f"there is no film in this file{'' if index is None else f' at {index}'}; {found}.")
            streams[0].codec_context.thread_count = self.num_threads
            self._opened = container, streams[0]
        return self._opened

    @property
    def times(self) -> list[int]:
        """When each frame is shown, in the stream's unit; found by reading the file's packets once."""
        if self._times is None:
            container, stream = self._stream()
            container.seek(0, stream=stream, backward=True)
            packets = container.demux(stream)
            self._times = sorted(one.pts for one in packets if one.pts is not None and not one.is_discard)
            self._going = None
        return self._times

    @property
    def metadata(self) -> VideoStreamMetadata:
        """What the file says: width, height, num_frames, average_fps, duration_seconds, codec, path."""
        stream, times = self._stream()[1], self.times
        start, stop = (self._seconds(0), self._end(len(times) - 1)) if times else (0.0, 0.0)
        rate = float(stream.average_rate) if stream.average_rate else len(times) / max(stop - start, 1e-9)
        context = stream.codec_context
        return VideoStreamMetadata(
            context.width, context.height, len(times), rate, stop - start, start, stop, context.name,
            stream.bit_rate, self.path,
        )  # fmt: skip

    def _seconds(self, i: int) -> float:
        return float(self.times[i] * self._stream()[1].time_base)

    def _end(self, i: int) -> float:
        if i + 1 < len(self.times):
            return self._seconds(i + 1)
        stream = self._stream()[1]
        if stream.average_rate:
            return self._seconds(i) + float(1 / stream.average_rate)
        return self._seconds(i) + (self._seconds(i) - self._seconds(i - 1) if i else 0.0)

    def _pixels(self, i: int) -> torch.Tensor:
        """Frame i: from where decoding stands, or from the key frame before it."""
        import torch

        container, stream = self._stream()
        wanted = self.times[i]
        if self._going is None or not 0 <= i - self._next < AHEAD:
            container.seek(wanted, stream=stream, backward=True, any_frame=False)
            self._going = container.decode(stream)
        for frame in self._going or ():
            if frame.pts is not None and frame.pts >= wanted:
                self._next = i + 1
                pixels = torch.from_numpy(frame.to_ndarray(format="rgb24"))
                return pixels if self.dimension_order == "NHWC" else pixels.permute(2, 0, 1).contiguous()
        self._going = None
        raise RuntimeError(f"the frame {i} of {self!r} cannot be decoded; the file may be cut off.")

    def _index(self, i: int) -> int:
        count = len(self)
        if not -count <= i < count:
            raise IndexError(f"the frame {i} is not there: the video has {count} frames.")
        return int(i) % count

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, key: int | slice) -> torch.Tensor:
        if isinstance(key, slice):
            return self.get_frames_at(list(range(*key.indices(len(self))))).data
        return self._pixels(self._index(key))

    def get_frame_at(self, index: int) -> Frame:
        """A frame by its number."""
        i = self._index(index)
        return Frame(self._pixels(i), self._seconds(i), self._end(i) - self._seconds(i))

    def get_frames_at(self, indices: Sequence[int]) -> FrameBatch:
        """Frames by their numbers, in the order asked for."""
        import torch

        places = [self._index(int(i)) for i in indices]
        pixels = {i: self._pixels(i) for i in sorted(set(places))}
        if places:
            data = torch.stack([pixels[i] for i in places])
        else:
            context = self._stream()[1].codec_context
            shape = (0, context.height, context.width, 3)
            data = torch.zeros(shape, dtype=torch.uint8)
            data = data if self.dimension_order == "NHWC" else data.permute(0, 3, 1, 2)
        starts = torch.tensor([self._seconds(i) for i in places], dtype=torch.float64)
        ends = torch.tensor([self._end(i) for i in places], dtype=torch.float64)
        return FrameBatch(data, starts, ends - starts)

    def get_frames_in_range(self, start: int, stop: int, step: int = 1) -> FrameBatch:
        """Frames from `start` up to, not including, `stop`."""
        return self.get_frames_at(range(start, min(stop, len(self)), step))

    def get_frame_played_at(self, seconds: float) -> Frame:
        """The frame that is on the screen at a time."""
        return self.get_frame_at(self._shown_at(seconds))

    def get_frames_played_at(self, seconds: Sequence[float]) -> FrameBatch:
        """The frames that are on the screen at times."""
        return self.get_frames_at([self._shown_at(float(one)) for one in seconds])

    def get_frames_played_in_range(self, start_seconds: float, stop_seconds: float) -> FrameBatch:
        """The frames that are on the screen from a time up to, not including, another."""
        if stop_seconds <= start_seconds:
            return self.get_frames_at([])
        first = self._shown_at(start_seconds)
        starts = [self._seconds(i) for i in range(len(self))]
        return self.get_frames_at(range(first, bisect.bisect_left(starts, stop_seconds)))

    def _shown_at(self, seconds: float) -> int:
        count = len(self)
        if not count or not self._seconds(0) <= seconds < self._end(count - 1):
            span = (
                f"from {self._seconds(0)} to {self._end(count - 1)} seconds" if count else "no time: it has no frames"
            )
            raise IndexError(f"nothing is shown at {seconds} seconds: the video lasts {span}.")
        return bisect.bisect_right(range(count), seconds, key=self._seconds) - 1

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_opened": None, "_going": None, "_next": -1}

    def __repr__(self) -> str:
        name = f"{len(self.source)} bytes" if isinstance(self.source, bytes) else repr(self.source)
        return f"VideoDecoder({name})"
