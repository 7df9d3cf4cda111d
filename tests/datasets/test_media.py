"""Pictures, documents, sounds and videos as features: stored, inferred, decoded, cast, embedded as in the reference."""

import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bearhug.datasets as ours
from dataset_parity import check

reference = pytest.mark.reference


def picture(size=(4, 3), mode="RGB", seed=0):
    channels = {"RGB": 3, "RGBA": 4, "L": 0, "LA": 2}[mode]
    shape = (size[1], size[0], channels) if channels else (size[1], size[0])
    return PIL.Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8), mode=None)


@pytest.fixture
def files(tmp_path):
    paths = []
    for i, (name, mode) in enumerate([("a.png", "RGB"), ("b.jpg", "RGB"), ("c.png", "L"), ("d.webp", "RGBA")]):
        picture((5, 4), mode, i).save(tmp_path / name)
        paths.append(str(tmp_path / name))
    return paths


DTYPES = "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 float32 float64 >u2 >i4 >f4 complex64"


@reference
@pytest.mark.parametrize("dtype", DTYPES.split())
@pytest.mark.parametrize("shape", [(3, 2), (3, 2, 3), (3, 2, 4)])
def test_arrays_become_the_same_files(dtype, shape):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)

    def do(D):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            try:
                out = D.Image().encode_example(array)
            except KeyError as error:  # Pillow has no such mode
                raise TypeError from error
            return out, len([one for one in seen if "Downcasting" in str(one.message)])

    check(do)


@reference
@pytest.mark.parametrize("kind", ["Image", "Video", "Pdf"])
def test_values_are_stored_alike(kind, files):
    a = files[0]
    data = Path(a).read_bytes()
    values = {
        "path": a, "Path": Path(a), "bytes": data, "bytearray": bytearray(data), "dict": {"path": a, "bytes": data},
        "gone": {"path": "gone.png", "bytes": data}, "only path": {"path": "gone.png"}, "neither": {"path": None},
        "empty": {}, "nested": {"bytes": data, "other": 1},
    }  # fmt: skip
    for value in values.values():

        def do(D, value=value):
            out = getattr(D, kind)().encode_example(value)
            return {key: out[key] for key in sorted(out)}

        check(do)


@reference
def test_pictures_are_stored_alike(files):
    kinds = [picture(mode=mode) for mode in ("RGB", "RGBA", "L", "LA")]
    kinds += [picture().convert(mode) for mode in ("CMYK", "F", "P", "1")]

    def do(D):
        with PIL.Image.open(files[1]) as opened:
            return [D.Image().encode_example(one) for one in [opened, *kinds]]

    check(do)


@reference
@pytest.mark.parametrize("format", [None, "numpy", "torch", "pandas", "arrow"])
def test_rows_come_out_alike(format, files):
    def do(D):
        features = D.Features({"image": D.Image(), "many": D.List(D.Image()), "in": {"x": D.Image(mode="L")}})
        rows = {
            "image": [*files[:3], None],
            "many": [files[:2], [], None, [files[3], None]],
            "in": [{"x": one} for one in files],
        }
        ds = D.Dataset.from_dict(rows, features=features)
        ds = ds.with_format(format) if format else ds
        return [ds.features, ds[0], ds[3], ds[:2], ds[[0, 1]], list(ds)[1], ds["image"][1], len(list(ds.iter(3)))]

    check(do)


@reference
def test_decode_is_switched_off_and_on(files):
    def do(D):
        ds = D.Dataset.from_dict({"image": files}).cast_column("image", D.Image())
        off = ds.cast_column("image", D.Image(decode=False))
        gray = off.cast_column("image", D.Image(mode="L"))
        return [ds[0], off.features, off[0], off[:2], gray[1], off.with_format("numpy")[0], gray.features]

    check(do)


@reference
def test_exif_turns_the_picture(tmp_path):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    picture((6, 2)).save(tmp_path / "turned.jpg", exif=exif)

    def do(D):
        image = D.Image().decode_example({"path": str(tmp_path / "turned.jpg"), "bytes": None})
        return image.size, np.asarray(image)

    assert check(do)


@reference
def test_decoding_errors(files, tmp_path):
    (tmp_path / "no.png").write_text("no picture")
    for value, options in [
        ({"path": None, "bytes": None}, {}),
        ({"path": files[0], "bytes": None}, {"decode": False}),
        ({"path": "gone.png", "bytes": None}, {}),
        ({"path": str(tmp_path / "no.png"), "bytes": None}, {}),
    ]:
        check(lambda D, value=value, options=options: D.Image(**options).decode_example(value).size)
        check(lambda D, value=value, options=options: D.Pdf(**options).decode_example(value).pages)
    check(lambda D: D.Image().decode_example(picture()).size)


STORAGES = [
    pa.array(["a.png", None, "b.png"]),
    pa.array(["a.png", None], pa.large_string()),
    pa.array([b"1", None]),
    pa.array([b"1", None], pa.large_binary()),
    pa.array([{"bytes": b"1"}, None]),
    pa.array([{"path": "a"}, None, {"path": None}]),
    pa.array([{"path": "a", "bytes": b"1"}, None]),
    pa.array([{"x": 1, "path": "a", "bytes": None}, None]),
    pa.array([1, 2]),
    pa.array([None, None], pa.struct({"bytes": pa.binary(), "path": pa.string()})),
    pa.array([[[0, 255], [1, 2]], None]),
]


def cast_by_the_reference(kind, i):
    """Lists, large strings and large bytes are cast by some of its features only."""
    storage = STORAGES[i].type
    if pa.types.is_list(storage) or pa.types.is_large_string(storage):
        return kind == "Image"
    return not (pa.types.is_large_binary(storage) and kind == "Pdf")


CASTS = [(kind, i) for kind in ("Image", "Audio", "Video", "Pdf") for i in range(len(STORAGES))]


@reference
@pytest.mark.parametrize(("kind", "i"), [one for one in CASTS if cast_by_the_reference(*one)])
def test_storage_is_cast_alike(kind, i):
    def do(D):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # int64 is stored as int32
            return getattr(D, kind)().cast_storage(STORAGES[i])

    check(do)


def test_large_text_and_bytes_are_cast():
    for kind in (ours.Image, ours.Audio, ours.Video, ours.Pdf):
        assert kind().cast_storage(pa.array(["a"], pa.large_string())).to_pylist() == [{"bytes": None, "path": "a"}]
        assert kind().cast_storage(pa.array([b"a"], pa.large_binary())).to_pylist() == [{"bytes": b"a", "path": None}]


@reference
def test_files_are_embedded_alike(files):
    def do(D):
        stored = pa.array([{"path": files[0], "bytes": None}, None, {"path": "x/y.png", "bytes": b"1"}])
        storage = D.Image().cast_storage(stored)
        return [
            D.Image().embed_storage(storage),
            D.Image().embed_storage(storage, local_files=False),
            D.Pdf().embed_storage(storage, remote_files=False),
            D.Video().embed_storage(D.Video().cast_storage(pa.array([{"path": "https://x/y", "bytes": None}])),
                                    remote_files=False),
        ]  # fmt: skip

    check(do)


KINDS = {
    "image": lambda D: D.Image(), "gray": lambda D: D.Image(mode="L", decode=False), "id": lambda D: D.Image(id="x"),
    "audio": lambda D: D.Audio(), "audio16": lambda D: D.Audio(sampling_rate=16000, num_channels=1, stream_index=2),
    "audio off": lambda D: D.Audio(decode=False), "video": lambda D: D.Video(),
    "video2": lambda D: D.Video(decode=False, stream_index=1, dimension_order="NHWC", num_ffmpeg_threads=2,
                                device="cuda", seek_mode="approximate"),
    "pdf": lambda D: D.Pdf(), "pdf off": lambda D: D.Pdf(decode=False), "list": lambda D: D.List(D.Image()),
    "struct": lambda D: {"a": D.Audio(), "b": [D.Image(decode=False)]},
}  # fmt: skip


@reference
@pytest.mark.parametrize("kind", KINDS)
def test_features_have_the_same_texts_dicts_and_schemas(kind):
    def do(D):
        feature = KINDS[kind](D)
        features = D.Features({"x": feature, "n": D.Value("int64")})
        again = D.Features.from_dict(features.to_dict())
        schema = features.arrow_schema
        return [
            repr(feature), str(features), features.to_dict(), again == features, features._to_yaml_list(),
            D.Features._from_yaml_list(features._to_yaml_list()) == features, str(features.type), schema.metadata,
            D.Features.from_arrow_schema(schema) == features, pickle.loads(pickle.dumps(features)) == features,
            getattr(feature, "dtype", None), str(getattr(feature, "pa_type", None)),
        ]  # fmt: skip

    check(do)


@reference
def test_flatten(files):
    def do(D):
        ds = D.Dataset.from_dict(
            {"a": [{"b": files[0], "c": 1}], "d": [files[1]], "e": [{"f": {"g": files[0]}}]},
            features=D.Features(
                {
                    "a": {"b": D.Image(), "c": D.Value("int64")},
                    "d": D.Image(decode=False),
                    "e": {"f": {"g": D.Image(decode=False)}},
                }
            ),
        )
        flat = ds.flatten()
        return [flat.features, flat[0], ds.flatten(max_depth=2).column_names]

    check(do)
    for kind in ("Image", "Video", "Pdf", "Audio"):
        for off in (True, False):
            check(lambda D, kind=kind, off=off: repr(getattr(D, kind)(decode=off).flatten()))


@reference
def test_types_are_inferred_alike(files):
    """A picture makes a column of pictures, also in lists; paths and arrays do not."""

    def do(D):
        with PIL.Image.open(files[1]) as opened:
            columns = {
                "one": [picture(), None, picture(seed=1)],
                "list": [[picture()], None, [picture(), picture(seed=2)]],
                "file": [opened, opened, None],
                "path": files[:3],
                "array": [np.zeros((2, 2, 3), np.uint8)] * 3,
            }
            ds = D.Dataset.from_dict(columns)
            return [ds.features, ds[0], ds[2], D.Dataset.from_list([{"i": picture()}])[0]]

    check(do)


def test_pictures_in_structs_are_found():
    ds = ours.Dataset.from_dict({"x": [None, {"i": picture(), "n": [1, "a"][0]}, {"i": None, "n": 2}]})

    assert ds.features == {"x": {"i": ours.Image(), "n": ours.Value("int64")}}
    assert ds[1]["x"]["i"].size == (4, 3)


@reference
def test_map_with_pictures(files):
    def do(D):
        ds = D.Dataset.from_dict({"image": files[:3]}).cast_column("image", D.Image())
        return [
            ds.map(lambda row: {"image": row["image"].rotate(90)}),
            ds.map(lambda row: {"size": row["image"].size}),
            ds.map(lambda rows: {"small": [one.resize((2, 2)) for one in rows["image"]]}, batched=True),
            ds.map(lambda row: {"thumbs": [row["image"].resize((1, 1))] * 2}),
            ds.select([0, 1]).map(lambda row: {"array": np.asarray(row["image"])}),
            ds.map(lambda row: {"image": 3}),
            ds.filter(lambda row: row["image"].mode == "RGB"),
            ds.with_format("numpy").map(lambda row: {"mean": row["image"].mean()}),
            ds.map(lambda row: row),
            ds.map(lambda row: {"n": 1}, remove_columns=["image"]),
        ]

    check(do)


def test_map_opens_no_file_that_it_does_not_look_at(tmp_path):
    ds = ours.Dataset.from_dict({"image": [str(tmp_path / "gone.png")] * 3, "n": [1, 2, 3]})
    ds = ds.cast_column("image", ours.Image())

    assert ds.map(lambda row: {"m": row["n"] + 1})["m"][:] == [2, 3, 4]
    assert ds["n"][:] == [1, 2, 3]
    with pytest.raises(FileNotFoundError):
        ds[0]


def test_iterating_opens_one_file_at_a_time(files):
    ds = ours.Dataset.from_dict({"image": [files[0], "gone.png"]}).cast_column("image", ours.Image())

    rows = iter(ds)
    assert next(rows)["image"].size == (5, 4)
    column = iter(ds["image"])
    assert next(column).size == (5, 4)


@reference
def test_exports_give_what_is_stored(files, tmp_path):
    def do(D):
        ds = D.Dataset.from_dict({"image": files[:2]}).cast_column("image", D.Image())
        return [ds.to_dict(), ds.to_list(), ds.to_pandas().to_dict("list")]

    check(do)


@reference
def test_saved_folders_hold_the_bytes(files, tmp_path):
    """Both sides read what the other wrote, without the files."""
    import datasets as theirs

    for writer, reader in ((ours, theirs), (theirs, ours)):
        ds = writer.Dataset.from_dict({"image": files}).cast_column("image", writer.Image())
        ds.save_to_disk(tmp_path / writer.__name__)
        stored = reader.load_from_disk(str(tmp_path / writer.__name__))

        off = stored.cast_column("image", reader.Image(decode=False))
        assert repr(stored.features) == repr(ds.features)
        assert [row["image"]["path"] for row in off] == [Path(one).name for one in files]
        assert [row["image"]["bytes"] for row in off] == [Path(one).read_bytes() for one in files]
        assert stored[1]["image"].size == (5, 4)


@reference
def test_parquet_holds_the_bytes(files, tmp_path):
    import datasets as theirs

    ds = ours.Dataset.from_dict({"image": files, "many": [files] * 4, "n": range(4)})
    ds = ds.cast(ours.Features({"image": ours.Image(), "many": ours.List(ours.Image()), "n": ours.Value("int64")}))
    ds.to_parquet(tmp_path / "x.parquet")
    back = theirs.Dataset.from_parquet(str(tmp_path / "x.parquet"), cache_dir=str(tmp_path / "cache"))
    raw = pq.read_table(tmp_path / "x.parquet").to_pylist()

    assert repr(back.features) == repr(ds.features)
    assert raw[0]["image"] == {"bytes": Path(files[0]).read_bytes(), "path": "a.png"}
    assert [one["path"] for one in raw[3]["many"]] == ["a.png", "b.jpg", "c.png", "d.webp"]
    assert back[3]["many"][3].mode == "RGBA"


def test_features_survive_parquet_and_load(files, tmp_path):
    ds = ours.Dataset.from_dict({"image": files}).cast_column("image", ours.Image(mode="L"))
    ds.to_parquet(tmp_path / "x.parquet")
    for one in files:
        Path(one).unlink()
    back = ours.load_dataset("parquet", data_files=str(tmp_path / "x.parquet"), split="train", cache_dir=tmp_path / "c")

    assert back.features == ds.features
    assert back[0]["image"].mode == "L"
    stream = ours.load_dataset("parquet", data_files=str(tmp_path / "x.parquet"), split="train", streaming=True)
    assert next(iter(stream))["image"].size == (5, 4)
    assert next(iter(stream.decode(False)))["image"]["path"] == "a.png"


@reference
def test_streams_of_pictures(files):
    def do(D):
        ds = D.Dataset.from_dict({"image": files[:3]}).cast_column("image", D.Image()).to_iterable_dataset()
        return [
            list(ds),
            list(ds.decode(False)),
            repr(ds.decode(False).features),
            list(ds.map(lambda row: {"size": row["image"].size})),
            list(ds.cast_column("image", D.Image(mode="L"))),
            list(ds.decode(False).cast_column("image", D.Image())),
            next(iter(ds.with_format("numpy"))),
            list(ds.map(lambda row: {"image": row["image"].resize((1, 1))}, features=ds.features)),
        ]

    check(do)


def test_streams_are_decoded_ahead_by_threads(files):
    ds = ours.Dataset.from_dict({"image": files}).cast_column("image", ours.Image()).to_iterable_dataset()

    assert [row["image"].mode for row in ds.decode(num_threads=2)] == ["RGB", "RGB", "L", "RGBA"]


def test_a_missing_library_is_named():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['PIL', 'PIL.Image', 'pdfplumber', 'soundfile', 'av']))\n"
        "import bearhug.datasets as D\n"
        "for feature in (D.Image(), D.Pdf(), D.Audio(), D.Video()):\n"
        "    try: feature.decode_example({'path': 'x', 'bytes': None})\n"
        "    except ImportError as error: print(error)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert out.count("pip install") == 4


def test_features_import_no_decoder():
    code = (
        "import sys, bearhug.datasets as D\n"
        "D.Features({'a': D.Image(), 'b': D.Audio(), 'c': D.Video(), 'd': D.Pdf()})\n"
        "print({'PIL', 'soundfile', 'av', 'pdfplumber', 'torch'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert out.strip() == "set()"


# ---- sounds (the reference needs torchcodec, whose names these are)


def tone(seconds=0.5, rate=8000, channels=1, hertz=440.0):
    times = np.arange(int(seconds * rate)) / rate
    wave = 0.5 * np.sin(2 * np.pi * hertz * times).astype(np.float32)
    return np.stack([wave / (i + 1) for i in range(channels)])


@pytest.fixture
def sounds(tmp_path):
    import soundfile

    paths = {}
    for name, channels in (("mono.wav", 1), ("stereo.flac", 2), ("one.ogg", 1), ("six.wav", 6), ("m.mp3", 1)):
        soundfile.write(tmp_path / name, tone(channels=channels).T, 8000)
        paths[name] = str(tmp_path / name)
    return paths


def test_a_sound_is_read_when_it_is_asked_for(sounds):
    ds = ours.Dataset.from_dict({"audio": list(sounds.values())}).cast_column("audio", ours.Audio())
    sound = ds[1]["audio"]

    assert sound["sampling_rate"] == 8000
    assert sound["array"].shape == (4000,)
    assert sound["array"].dtype == np.float32
    np.testing.assert_allclose(sound["array"], tone(channels=2).mean(0), atol=1e-4)
    assert sound["path"] == sounds["stereo.flac"] == sound.metadata.path
    assert (sound.metadata.sample_rate, sound.metadata.num_channels, sound.metadata.duration_seconds) == (8000, 2, 0.5)
    samples = sound.get_all_samples()
    assert tuple(samples.data.shape) == (2, 4000)
    assert (samples.sample_rate, samples.pts_seconds, samples.duration_seconds) == (8000, 0.0, 0.5)
    part = sound.get_samples_played_in_range(0.1, 0.2)
    assert tuple(part.data.shape) == (2, 800)
    assert part.pts_seconds == 0.1
    np.testing.assert_array_equal(part.data.numpy(), samples.data[:, 800:1600].numpy())
    assert sound.get_samples_played_in_range(0, 0).sample_rate == 8000
    assert dict(sound).keys() == {"path", "array", "sampling_rate"}
    for name in sounds:
        assert ours.Audio().decode_example({"path": sounds[name], "bytes": None})["array"].ndim == 1


@pytest.mark.parametrize("rate", [4000, 16000, 44100])
def test_a_sound_is_resampled(sounds, rate):
    sound = ours.Audio(sampling_rate=rate).decode_example({"path": sounds["mono.wav"], "bytes": None})

    assert sound["sampling_rate"] == rate
    assert sound["array"].shape == (rate // 2,)
    middle = slice(rate // 10, -rate // 10)
    np.testing.assert_allclose(sound["array"][middle], tone(rate=rate)[0][middle], atol=2e-3)
    assert sound.get_samples_played_in_range(0, 0).data.shape[1] == 0


def test_channels_are_mixed_or_repeated(sounds):
    stored = {"path": sounds["stereo.flac"], "bytes": None}

    assert ours.Audio(num_channels=1).decode_example(stored).get_all_samples().data.shape == (1, 4000)
    mono = {"path": sounds["mono.wav"], "bytes": None}
    assert ours.Audio(num_channels=2).decode_example(mono).get_all_samples().data.shape == (2, 4000)
    with pytest.raises(ValueError, match="num_channels is 1, 2 or None"):
        ours.Audio(num_channels=6).decode_example(stored)


@pytest.mark.parametrize("shape", ["(N,)", "(C, N)"])
def test_arrays_become_wav(shape):
    wave = tone(channels=2)
    array = wave[0] if shape == "(N,)" else wave
    feature = ours.Audio()
    stored = feature.encode_example({"array": array, "sampling_rate": 8000})

    assert stored["path"] is None
    assert stored["bytes"][:4] == b"RIFF"
    samples = feature.decode_example(stored).get_all_samples()
    np.testing.assert_allclose(samples.data.numpy(), np.atleast_2d(array), atol=1e-4)
    ds = ours.Dataset.from_dict({"a": [{"array": array, "sampling_rate": 8000}]}, ours.Features({"a": feature}))
    assert ds[0]["a"]["sampling_rate"] == 8000


def test_sounds_are_inferred_mapped_and_pickled(sounds):
    ds = ours.Dataset.from_dict({"audio": [sounds["mono.wav"], None]}).cast_column("audio", ours.Audio())
    louder = ds.map(lambda row: {"audio": row["audio"] and {"array": row["audio"]["array"] * 2, "sampling_rate": 8000}})
    same = ours.Dataset.from_dict({"x": [ds[0]["audio"], None]})

    assert louder.features == ds.features
    np.testing.assert_allclose(louder[0]["audio"]["array"], ds[0]["audio"]["array"] * 2, atol=1e-3)
    assert louder[1]["audio"] is None
    assert same.features == {"x": ours.Audio()}
    assert same.cast_column("x", ours.Audio(decode=False))[0]["x"] == {"bytes": None, "path": sounds["mono.wav"]}
    again = pickle.loads(pickle.dumps(ds[0]["audio"]))
    np.testing.assert_array_equal(again["array"], ds[0]["audio"]["array"])
    resaved = ds.map(lambda row: {"audio": row["audio"]})
    assert resaved.cast_column("audio", ours.Audio(decode=False))[0]["audio"]["path"] == sounds["mono.wav"]


@pytest.mark.parametrize("format", ["numpy", "torch", "pandas", "polars"])
def test_sounds_stay_sounds_in_every_format(sounds, format):
    ds = ours.Dataset.from_dict({"audio": [sounds["mono.wav"]] * 2, "n": [1, 2]}).cast_column("audio", ours.Audio())
    batch = ds.with_format(format)[:2]

    assert all(one["array"].shape == (4000,) for one in batch["audio"])


def test_raw_samples_need_a_rate(tmp_path):
    (tmp_path / "x.pcm").write_bytes((tone()[0] * 32767).astype(np.int16).tobytes())
    stored = ours.Audio().encode_example({"path": str(tmp_path / "x.pcm"), "sampling_rate": 8000})

    np.testing.assert_allclose(ours.Audio().decode_example(stored)["array"], tone()[0], atol=1e-3)
    with pytest.raises(KeyError, match="sampling_rate"):
        ours.Audio().encode_example({"path": str(tmp_path / "x.pcm")})


def test_errors_of_sounds(sounds, tmp_path):
    audio = ours.Audio()
    with pytest.raises(ValueError, match="one of 'path' or 'bytes'"):
        audio.encode_example({})
    with pytest.raises(TypeError, match="not int"):
        audio.encode_example(3)
    with pytest.raises(RuntimeError, match="Audio\\(decode=True\\)"):
        ours.Audio(decode=False).decode_example({"path": "x", "bytes": None})
    with pytest.raises(FileNotFoundError, match="gone"):
        audio.decode_example({"path": "gone.wav", "bytes": None})["array"]
    with pytest.raises(KeyError, match="arrays"):
        audio.decode_example({"path": sounds["mono.wav"], "bytes": None})["arrays"]
    with pytest.raises(ValueError, match="Cannot flatten"):
        audio.flatten()


# ---- videos


def film(path, frames=30, size=(32, 24), rate=10, sound=False, gop=6):
    """A film whose frame i is gray of brightness 8 * i."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate, options={"g": str(gop)})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        heard = container.add_stream("aac", rate=8000, layout="mono") if sound else None
        for i in range(frames):
            image = np.full((size[1], size[0], 3), 8 * i, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
        if heard is not None:
            frame = av.AudioFrame.from_ndarray(tone(3.0), format="fltp", layout="mono")
            frame.sample_rate = 8000
            for part in heard.encode(frame):
                container.mux(part)
            container.mux(heard.encode())
    return str(path)


def test_a_film_gives_the_frames_that_are_asked_for(tmp_path):
    path = film(tmp_path / "a.mp4")
    ds = ours.Dataset.from_dict({"video": [path, None]}).cast_column("video", ours.Video())
    video = ds[0]["video"]

    assert ds[1]["video"] is None
    assert len(video) == 30
    assert (video.metadata.width, video.metadata.height, video.metadata.num_frames) == (32, 24, 30)
    assert video.metadata.average_fps == 10
    assert video.metadata.duration_seconds == pytest.approx(3.0)
    for i in (0, 17, 3, 4, 29, -1, 12, 11):
        frame = video[i]
        assert tuple(frame.shape) == (3, 24, 32)
        assert abs(float(frame.float().mean()) - 8 * (i % 30)) < 4, i
    assert tuple(video[5:11:2].shape) == (3, 3, 24, 32)
    frame = video.get_frame_at(7)
    assert (round(frame.pts_seconds, 3), round(frame.duration_seconds, 3)) == (0.7, 0.1)
    batch = video.get_frames_at([9, 2, 9])
    assert [round(float(one.float().mean()) / 8) for one in batch.data] == [9, 2, 9]
    np.testing.assert_allclose(batch.pts_seconds, [0.9, 0.2, 0.9])
    assert len(video.get_frames_in_range(25, 99)) == 5
    assert round(float(video.get_frame_played_at(1.55).data.float().mean()) / 8) == 15
    assert len(video.get_frames_played_in_range(0.5, 1.0)) == 5
    assert tuple(video.get_frames_at([]).data.shape) == (0, 3, 24, 32)
    assert sum(1 for _ in video) == 30
    with pytest.raises(IndexError, match="30 frames"):
        video[30]
    with pytest.raises(IndexError, match="lasts from"):
        video.get_frame_played_at(3.5)


def test_a_film_in_memory_is_stored_and_pickled(tmp_path):
    data = Path(film(tmp_path / "a.mp4")).read_bytes()
    feature = ours.Video(dimension_order="NHWC")
    ds = ours.Dataset.from_dict({"v": [data]}, ours.Features({"v": feature}))
    video = ds[0]["v"]
    again = pickle.loads(pickle.dumps(video))

    assert tuple(video[0].shape) == tuple(again[0].shape) == (24, 32, 3)
    assert feature.encode_example(video) == {"path": None, "bytes": data}
    assert ours.Dataset.from_dict({"x": [video]}).features == {"x": ours.Video()}
    for format in ("numpy", "torch", "pandas"):
        assert len(ds.with_format(format)[:1]["v"][0]) == 30


def test_errors_of_films(tmp_path):
    video = ours.Video()
    with pytest.raises(TypeError, match="not int"):
        video.encode_example(3)
    with pytest.raises(ValueError, match="must be provided"):
        video.encode_example(None)
    with pytest.raises(FileNotFoundError, match="gone"):
        len(video.decode_example({"path": "gone.mp4", "bytes": None}))
    with pytest.raises(ValueError, match="decoded on the CPU"):
        ours.Video(device="cuda").decode_example({"path": "x", "bytes": None})
    with pytest.raises(ValueError, match="no film"):
        len(ours.Video(stream_index=7).decode_example({"path": film(tmp_path / "a.mp4"), "bytes": None}))


def test_the_sound_of_a_film(tmp_path):
    path = film(tmp_path / "a.mp4", sound=True)
    sound = ours.Audio(sampling_rate=4000).decode_example({"path": path, "bytes": None})

    assert sound.metadata.sample_rate == 8000
    assert sound["sampling_rate"] == 4000
    assert abs(len(sound["array"]) - 12000) < 1024
    assert 0.2 < float(np.sqrt((sound["array"] ** 2).mean())) < 0.5
    with pytest.raises(ValueError, match="no sound"):
        ours.Audio(stream_index=0).decode_example({"path": film(tmp_path / "b.mp4"), "bytes": None})["array"]


# ---- documents


def document(text="Hello"):
    """A page with one line of text, as PDF."""
    stream = f"BT /F1 24 Tf 20 50 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for i, one in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (i, one)
    table = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % one for one in places)
    return out + b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % table


@reference
def test_documents(tmp_path):
    (tmp_path / "a.pdf").write_bytes(document())

    def do(D):
        rows = [str(tmp_path / "a.pdf"), {"bytes": document("Bytes"), "path": None}, None]
        ds = D.Dataset.from_dict({"pdf": rows}, features=D.Features({"pdf": D.Pdf()}))
        first = ds[0]["pdf"]
        texts = [first.pages[0].extract_text(), len(first.pages)]
        stored = D.Pdf().encode_example(first)
        made = D.Dataset.from_dict({"x": [first]}).features
        first.close()
        return [texts, stored, repr(made), ds[2], ds.features, ds.cast_column("pdf", D.Pdf(decode=False))[1]]

    check(do)


def test_documents_in_memory_can_be_read():
    """The reference closes them before anyone has looked."""
    pdf = ours.Pdf().decode_example({"bytes": document("Bytes"), "path": None})

    assert pdf.pages[0].extract_text() == "Bytes"
    assert ours.Pdf().encode_example(pdf) == {"path": None, "bytes": document("Bytes")}
