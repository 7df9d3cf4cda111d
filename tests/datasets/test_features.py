"""Features: their texts, dicts, YAML and Arrow schemas; equal to the reference."""

import pyarrow as pa
import pytest

import bearhug.datasets as ours
from dataset_parity import check

NAMES = """
    null bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 float double string large_string
    binary large_binary string_view binary_view date32 date64 time32[s] time32[ms] time64[us] time64[ns] timestamp[s]
    timestamp[us] duration[ns] decimal128(10,2) decimal256(40,-2) fixed_size_binary[4]
"""
DTYPES = [*NAMES.split(), "timestamp[us, tz=UTC]", "timestamp[ms, tz=+01:00]", "decimal128(10, 2)"]


@pytest.mark.reference
@pytest.mark.parametrize(
    "dtype",
    [*DTYPES, "strng", "time32[us]", "timestamp[x]", "decimal128(x)", "json", "", "time64[s]", "duration[days]"],
)
def test_dtypes(dtype):
    def do(D):
        value = D.Value(dtype)
        features = D.Features({"x": value})
        return [
            repr(value),
            value.dtype,
            str(value.pa_type),
            features.to_dict(),
            repr(D.Features.from_arrow_schema(pa.schema([("x", value.pa_type)]))),
        ]

    check(do)


def everything(D):
    return D.Features(
        {
            "v": D.Value("string"),
            "i": D.Value("int32", id="x"),
            "l": D.List(D.Value("int32")),
            "fixed": D.List(D.Value("int32"), length=3),
            "large": D.LargeList(D.Value("string")),
            "old": [D.Value("int8")],
            "seq": D.Sequence({"a": D.Value("int8"), "b": D.Value("string")}),
            "deep": D.List(D.List({"a": D.List(D.Value("float32"))})),
            "struct": {"a": D.Value("float32"), "b": {"c": [D.Value("int8")]}},
            "label": D.ClassLabel(names=["neg", "pos"]),
            "labels": D.List(D.ClassLabel(num_classes=2)),
            "grid": D.Array2D((2, 3), "int32"),
            "ragged": D.Array3D((None, 3, 2), "float32"),
            "t": D.Translation(["de", "en"]),
            "tv": D.TranslationVariableLanguages(["de", "en"]),
            "json": D.Json(),
            "jsons": D.List(D.Json()),
        }
    )


@pytest.mark.reference
@pytest.mark.parametrize(
    "do",
    [
        lambda D: repr(everything(D)),
        lambda D: everything(D).to_dict(),
        lambda D: everything(D)._to_yaml_list(),
        lambda D: repr(D.Features._from_yaml_list(everything(D)._to_yaml_list())),
        lambda D: D.Features.from_dict(everything(D).to_dict()) == everything(D),
        lambda D: repr(everything(D).flatten()),
        lambda D: repr(everything(D).flatten(max_depth=2)),
        lambda D: repr(D.Features.from_arrow_schema(everything(D).arrow_schema)),
        lambda D: everything(D).arrow_schema.metadata,
        lambda D: everything(D).arrow_schema.names,
        lambda D: everything(D).copy() == everything(D),
        lambda D: D.Value("int32") == D.Value("int32"),
        lambda D: D.Value("int32") == D.Value("int64"),
        lambda D: isinstance(D.Sequence(D.Value("int32")), D.Sequence),
        lambda D: repr(
            D.Features.from_dict({"x": {"_type": "Sequence", "feature": {"dtype": "int32", "_type": "Value"}}})
        ),
        lambda D: repr(
            D.Features.from_dict({"x": {"_type": "Sequence", "feature": {"a": {"dtype": "int32", "_type": "Value"}}}})
        ),
        lambda D: repr(D.Features.from_dict({"x": [{"dtype": "int32", "_type": "Value"}]})),
        lambda D: repr(
            D.Features._from_yaml_list(
                [{"name": "x", "sequence": "int32"}, {"name": "y", "sequence": [{"name": "a", "dtype": "int8"}]}]
            )
        ),
        lambda D: repr(
            D.Features._from_yaml_list(
                [{"name": "x", "dtype": "json"}, {"name": "y", "list": [{"name": "a", "dtype": "int8"}]}]
            )
        ),
        lambda D: D.Features.from_dict({"x": {"_type": "Vaule", "dtype": "int32"}}),
        lambda D: repr(
            D.Features({"b": D.Value("int8"), "a": D.Value("int8")}).reorder_fields_as(
                D.Features({"a": None, "b": None})
            )
        ),
        lambda D: D.Features({"b": D.Value("int8")}).reorder_fields_as(D.Features({"a": D.Value("int8")})),
        lambda D: everything(D).encode_example({"label": "pos", "v": 3, "labels": ["1", 0]})["labels"],
        lambda D: D.Features({"y": D.ClassLabel(names=["a", "b"])}).encode_batch({"y": ["b", None, "a"]}),
        lambda D: D.Features({"y": D.Value("int8")}).encode_batch({"z": [1]}),
        lambda D: repr(D.Array2D((2, 3), "int32")),
        lambda D: repr(D.Features({"a": D.Value("int8"), **{"b": D.Value("int8")}})),
    ],
)
def test_features(do):
    check(do)


@pytest.mark.reference
@pytest.mark.parametrize(
    "do",
    [
        lambda D: D.ClassLabel(names=["a", "b"]).str2int("b"),
        lambda D: D.ClassLabel(names=["a", "b"]).str2int(["b", "a"]),
        lambda D: D.ClassLabel(names=["a", "b"]).str2int(" b "),
        lambda D: D.ClassLabel(names=["a", "b"]).str2int("1"),
        lambda D: D.ClassLabel(names=["a", "b"]).str2int("-1"),
        lambda D: D.ClassLabel(names=["a", "b"]).str2int("c"),
        lambda D: D.ClassLabel(names=["a", "b"]).str2int(3),
        lambda D: D.ClassLabel(names=["a", "b"]).int2str(1),
        lambda D: D.ClassLabel(names=["a", "b"]).int2str([1, 0]),
        lambda D: D.ClassLabel(names=["a", "b"]).int2str(-1),
        lambda D: D.ClassLabel(names=["a", "b"]).int2str(2),
        lambda D: D.ClassLabel(names=["a", "b"]).int2str("a"),
        lambda D: D.ClassLabel(names=["a", "b"]).int2str(__import__("numpy").array([1, 0])),
        lambda D: D.ClassLabel(names=["a", "a"]),
        lambda D: D.ClassLabel(),
        lambda D: D.ClassLabel(names=5),
        lambda D: D.ClassLabel(num_classes=3, names=["a"]),
        lambda D: [D.ClassLabel(3).names, D.ClassLabel(3).num_classes, repr(D.ClassLabel(names=("x", "y")))],
        lambda D: D.ClassLabel(names=["a"], names_file="x"),
        lambda D: D.ClassLabel(names=["a", "b"]).encode_example("a"),
        lambda D: D.ClassLabel(names=["a", "b"]).encode_example(5),
    ],
)
def test_class_labels(do):
    check(do)


def test_names_from_a_file(tmp_path):
    (tmp_path / "names").write_text("a\n\nb\n")

    assert ours.ClassLabel(names_file=str(tmp_path / "names")).names == ["a", "b"]
